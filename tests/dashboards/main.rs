//! The dashboards as they are shipped: what their files promise, and that every query finds something in a real
//! Prometheus.

#![allow(clippy::unwrap_used, missing_docs)]

mod board;
mod house;
mod prometheus;
mod shown;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod written;
