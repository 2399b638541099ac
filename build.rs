//! Writes the registry of kinds: every `mod` line of `src/backends/mod.rs` whose folder has a `sample.toml` is a kind of
//! panel, by its `KIND`. Lines with an attribute, and folders that have none, are not.
//!
//! So a kind is named once. A macro would do the same, but rustfmt does not follow modules into one.

use std::path::Path;
use std::{env, fs, io};

const REGISTRY: &str = "src/backends/mod.rs";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={REGISTRY}");
    println!("cargo::rerun-if-changed=build.rs");
    let registry = fs::read_to_string(REGISTRY)?;
    let lines: Vec<&str> = registry.lines().collect();
    let plain = lines.windows(2).filter(|pair| !pair[0].starts_with("#[")).map(|pair| pair[1]);
    let modules = plain.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let is_kind = |name: &&str| Path::new("src/backends").join(name).join("sample.toml").exists();
    let kinds: String = modules.filter(is_kind).map(|name| format!("    {name}::KIND,\n")).collect();
    let list = format!("/// Every kind of panel whmeter knows.\npub const KINDS: &[Kind] = &[\n{kinds}];\n");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::write(Path::new(&folder).join("kinds.rs"), list)
}
