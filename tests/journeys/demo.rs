//! `make demo` keeps its promise: panels of every kind, history in the database, and it adds up.

use std::path::Path;
use std::process::Command;

#[test]
fn the_demo_plays_its_history_and_every_line_of_it_adds_up() {
    let whmeter = Path::new(env!("CARGO_BIN_EXE_whmeter"));
    let demo = whmeter.with_file_name("demo");
    if !demo.exists() {
        // Only this package was asked for: the panels' programs belong to another.
        let build = ["build", "--locked", "-p", "whmeter-simulators", "--bin", "demo"];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    }
    let folder = tempfile::tempdir().unwrap();
    let played = Command::new(demo)
        .arg("--whmeter")
        .arg(whmeter)
        .args(["--once", "--days", "3", "--accounts", "4", "--folder"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}{}", String::from_utf8_lossy(&played.stderr));
    for kind in whmeter::backends::KINDS {
        let backend = format!("demo-{}", kind.name);
        let row = said.lines().find(|line| line.starts_with(&backend)).expect("usage of every kind");
        let account = row.split_whitespace().nth(1).unwrap();
        let explained = Command::new(whmeter)
            .args(["explain", &backend, account, row.split_whitespace().nth(2).unwrap(), "--config"])
            .arg(folder.path().join("whmeter.toml"))
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&explained.stdout);
        assert!(explained.status.success() && why.contains("add up to what is stored"), "{why}");
    }
}
