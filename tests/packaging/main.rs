//! What is handed out: the unit, the package's parts and scripts, the image, compose. Light enough for the gate; the package is
//! installed for real by `make test-packages`.

#![allow(clippy::unwrap_used, missing_docs)]

mod containers;
mod deb;
mod unit;

#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A program run from the root of the tree, with what it said.
pub fn ran(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } =
        Command::new(program).args(arguments).current_dir(root()).output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// Everything in packaging/ that a shell runs.
#[test]
fn scripts_are_sound() {
    let mut scripts: Vec<PathBuf> = Vec::new();
    for folder in ["packaging", "packaging/container", "packaging/debian"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && std::fs::read_to_string(&path).unwrap().starts_with("#!") {
                scripts.push(path);
            }
        }
    }
    assert!(scripts.len() >= 9, "only {scripts:?}");
    let Some(shellcheck) = support::tools::tool("WHMETER_SHELLCHECK", &["shellcheck"]) else { return };
    let names: Vec<&str> = scripts.iter().map(|path| path.to_str().unwrap()).collect();
    let (fine, said) = ran(shellcheck, &names);
    assert!(fine, "{said}");
}
