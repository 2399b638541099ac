//! The metrics page from outside: what Prometheus gets, and that it is never untrue.
//!
//! `BLESS=1` rewrites the golden files. promtool is taken from `WHMETER_PROMTOOL` or the path.

mod fixtures;
mod order;
mod server;
mod truth;
mod wire;
