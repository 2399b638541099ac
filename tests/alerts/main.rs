//! The alerts as they are shipped: what their own checkers say, and that they reach whom they should.

#![allow(clippy::unwrap_used, missing_docs)]

mod checked;
mod delivered;
mod receiver;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod watch;
mod written;

use std::path::{Path, PathBuf};

/// A file of the project.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
