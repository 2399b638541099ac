//! The documents, run: every block of the pages is what it says it is. Configs are read by the program, commands are run
//! against a store that was played, or held against the program's arguments; what is not run says why, and is counted.

#![allow(clippy::unwrap_used, missing_docs)]

mod blocks;
mod commands;
mod configs;
mod reference;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod words;

use std::collections::BTreeMap;

use blocks::{Block, LANGUAGES, every_block};

#[test]
fn every_block_says_what_it_is() {
    let unknown: Vec<String> = every_block()
        .iter()
        .filter(|block| !LANGUAGES.contains(&block.language.as_str()))
        .map(|block| format!("{}: ```{} is none of {}", block.place(), block.language, LANGUAGES.join(", ")))
        .collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// A block that is not run is a promise nobody holds: each has its reason, and there are no more than these.
#[test]
fn what_is_not_run_says_why_and_is_counted() {
    let all = every_block();
    let left_out: Vec<&Block> = all.iter().filter(|block| block.not_run.is_some()).collect();
    for block in &left_out {
        let reason = block.not_run.as_ref().unwrap();
        assert!(reason.split_whitespace().count() >= 3, "{}: {reason:?} is no reason", block.place());
    }
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|block| *counted.entry(block.language.as_str()).or_default() += 1);
    println!("{counted:?}, not run {}", left_out.len());
    let places: Vec<String> = left_out.iter().map(|block| block.place()).collect();
    assert_eq!(left_out.len(), 16, "not run:\n{}", places.join("\n"));
}

#[test]
fn json_is_json_and_other_languages_are_what_they_are() {
    for block in every_block().iter().filter(|block| block.not_run.is_none()) {
        match block.language.as_str() {
            "json" => {
                let read: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
                read.unwrap_or_else(|error| panic!("{}: {error}", block.place()));
            }
            "cron" => {
                let line = block.text.trim();
                assert_eq!(line.lines().count(), 1, "{}", block.place());
                let times: Vec<&str> = line.split_whitespace().take(5).collect();
                let fits = |field: &&str| field.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c));
                assert!(times.iter().all(fits), "{}: {times:?}", block.place());
            }
            "php" => php(block),
            "yaml" => yaml(block),
            "rust" => panic!("{}: code is in the source; say why it is here", block.place()),
            _ => {}
        }
    }
}

/// Parts of a list are read as one.
fn php(block: &Block) {
    let Some(program) = support::tools::tool("WHMETER_PHP", &["php"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("block.php");
    std::fs::write(&file, format!("<?php\nreturn [\n{}\n];\n", block.text)).unwrap();
    let ran = std::process::Command::new(program).arg("-l").arg(&file).output().unwrap();
    assert!(ran.status.success(), "{}: {}", block.place(), String::from_utf8_lossy(&ran.stdout));
}

/// Parts of a config of Prometheus.
fn yaml(block: &Block) {
    let Some(promtool) = support::tools::promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("whmeter.token"), "hunter2").unwrap();
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, &block.text).unwrap();
    let ran = std::process::Command::new(promtool).args(["check", "config"]).arg(&file).output().unwrap();
    assert!(ran.status.success(), "{}: {}", block.place(), String::from_utf8_lossy(&ran.stderr));
}

/// What is linked to is there.
#[test]
fn links_within_the_tree_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for page in blocks::pages() {
        let text = std::fs::read_to_string(root.join(&page)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") || path.contains(' ') {
                continue;
            }
            if !root.join(&page).parent().unwrap().join(path).exists() {
                wrong.push(format!("{page}: {target} is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_index_names_every_page() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let index = std::fs::read_to_string(root.join("docs/README.md")).unwrap();
    for page in blocks::pages().iter().filter_map(|page| page.strip_prefix("docs/")) {
        assert!(
            page == "README.md" || index.contains(&format!("]({page})")),
            "docs/README.md does not name {page}"
        );
    }
}
