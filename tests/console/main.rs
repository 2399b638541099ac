//! The console in a real browser: an operator's journeys against the daemon on a simulated panel, and every page as it is
//! seen, in light and dark, on a phone and on a wide screen.

#![allow(clippy::unwrap_used, missing_docs)]

mod browser;
mod doors;
mod journey;
mod looks;
mod scene;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
