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
    let config = folder.path().join("whmeter.toml");
    let told = |arguments: &[&str]| {
        let ran = Command::new(whmeter).args(arguments).arg("--config").arg(&config).output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).to_string())
    };
    let usage: Vec<serde_json::Value> = serde_json::from_str(&told(&["usage", "--json"]).1).unwrap();
    for kind in whmeter::backends::KINDS {
        let backend = format!("demo-{}", kind.name);
        assert!(said.lines().any(|line| line.starts_with(&backend)), "{backend} is not in the table: {said}");
        let row = usage.iter().find(|row| row["backend"] == *backend).expect("usage of every kind");
        let [account, meter] = ["account", "meter"].map(|key| row[key].as_str().unwrap());
        let (explained, why) = told(&["explain", &backend, account, meter]);
        assert!(explained && why.contains("add up to what is stored"), "{why}");
    }
}
