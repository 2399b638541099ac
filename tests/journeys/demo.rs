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
    let listen = format!("127.0.0.1:{}", crate::support::program::free_port());
    let played = Command::new(demo)
        .arg("--whmeter")
        .arg(whmeter)
        .args(["--once", "--days", "3", "--accounts", "8", "--listen", &listen, "--folder"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}{}", String::from_utf8_lossy(&played.stderr));
    assert!(said.contains("open http://127.0.0.1:"), "one address to open: {said}");
    assert!(said.lines().count() < 16, "more than a screen: {said}");
    let config = folder.path().join("whmeter.toml");
    let told = |arguments: &[&str]| {
        let ran = Command::new(whmeter).args(arguments).arg("--config").arg(&config).output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).to_string())
    };
    let json = |arguments: &[&str]| -> serde_json::Value {
        let said = told(arguments).1;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {arguments:?} {said}"))
    };
    let usage = json(&["usage", "--json"]);
    for kind in whmeter::backends::KINDS {
        let backend = format!("demo-{}", kind.name);
        let mut rows = usage.as_array().unwrap().iter();
        let row = rows.find(|row| row["backend"] == *backend).expect("usage of every kind");
        let [account, meter] = ["account", "meter"].map(|key| row[key].as_str().unwrap());
        let (explained, why) = told(&["explain", &backend, account, meter]);
        assert!(explained && why.contains("add up to what is stored"), "{why}");
    }
    // Everybody who is named is what is said of them.
    let who = |what: &str| {
        let line = said
            .lines()
            .find(|line| line.contains(what))
            .unwrap_or_else(|| panic!("nobody is {what}: {said}"));
        line.split_whitespace().next().unwrap().to_string()
    };
    let found = json(&["report", "--json"]);
    let is_found = |what: &str, account: &str| {
        found.as_array().unwrap().iter().any(|line| line["what"] == what && line["account"] == account)
    };
    for (says, what) in [
        ("nobody pays for it", "unbilled"),
        ("was terminated", "unbilled"),
        ("deleted on the panel", "ghosts"),
    ] {
        assert!(is_found(what, &who(says)), "{says}: {found:#}");
    }
    let outbox = told(&["outbox", "list", "--all"]).1;
    let was_sent = |account: &str, what: &str| {
        outbox.lines().any(|line| line.contains(&format!("/{account}/")) && line.contains(what))
    };
    let (near, over) = (who("at 85 %"), who("over its limit"));
    assert!(was_sent(&near, "/storage/80/") && !was_sent(&near, "/storage/100/"), "{near}: {outbox}");
    assert!(was_sent(&over, "/policy/") && was_sent(&over, "/storage/100/"), "{over}: {outbox}");
    let sold = who("sold again");
    // All of what was played, also on the first of a month.
    let [from, to] =
        [-6, 2].map(|days| (chrono::Utc::now() + chrono::TimeDelta::days(days)).format("%F").to_string());
    let played = ["--from", &from, "--to", &to];
    let owners = json(&[&["usage", "--by-owner", "--json", "--account", &sold], &played[..]].concat());
    let owners: std::collections::BTreeSet<_> =
        owners.as_array().unwrap().iter().map(|row| row["owner"].to_string()).collect();
    assert!(owners.len() >= 2, "{sold} was sold to {owners:?}");

    // Beside what one of them used stands who he is, and no limit that is of somebody else or of now.
    let table = told(&[&["usage", "--account", &sold], &played[..]].concat()).1;
    assert!(table.contains("2 payers: --by-owner") && !table.contains("of limit"), "{table}");
    let mut clients = std::collections::BTreeSet::new();
    for owner in &owners {
        let service = owner.trim_matches('"').trim_start_matches("service ");
        let table = told(&[&["usage", "--service", service], &played[..]].concat()).1;
        let row = table.lines().find(|line| line.contains(sold.as_str())).expect("a row").to_owned();
        clients.insert(row.split_whitespace().nth(2).expect("a client").to_owned());
        let before = told(&["usage", "--service", service, "--month", "2020-01"]);
        assert!(before.0, "nothing of it was used then, which is no mistake: {before:?}");
    }
    assert_eq!(clients.len(), owners.len(), "each his own: {clients:?}");
    assert!(!told(&["usage", "--service", "424242"]).0, "nobody has ever listed it");
}

#[test]
fn a_port_that_is_taken_is_said_before_anything_is_played() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let whmeter = Path::new(env!("CARGO_BIN_EXE_whmeter"));
    let ran = Command::new(whmeter.with_file_name("demo")).args(["--listen", &listen]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains(&listen) && said.contains("--listen"), "{said}");
}
