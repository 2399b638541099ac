//! Programs of other houses that some tests run: where they are, and what happens where they are not.

use std::path::PathBuf;

/// A program by the first of its names that is found, from the variable or the path. Without it a test
/// skips; under CI it must be there.
pub fn tool(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = named.or_else(|| {
        let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.into_iter().find(|place| place.is_file())
    });
    if found.is_none() {
        let name = names[0];
        assert!(std::env::var_os("CI").is_none(), "{name} is missing, and CI must run this test");
        eprintln!("skipped: no {name} in PATH or {variable}");
    }
    found
}

pub fn prometheus() -> Option<PathBuf> {
    tool("WHMETER_PROMETHEUS", &["prometheus"])
}

pub fn promtool() -> Option<PathBuf> {
    tool("WHMETER_PROMTOOL", &["promtool"])
}

/// Debian has renamed it.
pub fn alertmanager() -> Option<PathBuf> {
    tool("WHMETER_ALERTMANAGER", &["prometheus-alertmanager", "alertmanager"])
}

pub fn amtool() -> Option<PathBuf> {
    tool("WHMETER_AMTOOL", &["amtool"])
}
