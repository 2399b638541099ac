//! Writes the list of the registry: every `pub mod` line of `src/panels.rs` is a kind, by its `KIND`.
//!
//! So a kind is named once. A macro would do the same, but rustfmt does not follow modules into one.

use std::path::Path;
use std::{env, fs, io};

const REGISTRY: &str = "src/panels.rs";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={REGISTRY}");
    println!("cargo::rerun-if-changed=build.rs");
    let registry = fs::read_to_string(REGISTRY)?;
    let lines = registry.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let kinds: String = lines.map(|name| format!("    {name}::KIND,\n")).collect();
    let list = format!("/// Every kind of panel there is.\npub const PANELS: &[Kind] = &[\n{kinds}];\n");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::write(Path::new(&folder).join("panels.rs"), list)
}
