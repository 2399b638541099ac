//! `sh` blocks: commands that only read are run against a store that was played, in the order of their page; the others
//! are held against the program's arguments. Of other programs it is known that they are meant.

use std::path::Path;

use clap::Parser;
use whmeter::commands::Cli;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::blocks::{every_block, pages};
use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Site, free_port};
use crate::words::{commands, own};

/// 2026-11-20 12:00 UTC.
const START: i64 = 1_795_176_000;

/// Commands that are run as they stand there.
const RUN: [&str; 17] = [
    "backup",
    "check",
    "completions",
    "explain",
    "export",
    "man",
    "outbox list",
    "plan",
    "policy show",
    "poll",
    "report",
    "sample-config",
    "status",
    "usage",
    "verify",
    "version",
    "map list",
];

/// Programs of others, and of the shell, that pages call: a misspelt one is none of them.
const OTHERS: [&str; 32] = [
    "amtool",
    "apt",
    "cargo",
    "cd",
    "chmod",
    "chown",
    "cp",
    "curl",
    "docker",
    "dpkg",
    "install",
    "journalctl",
    "mariadb",
    "mariadb-dump",
    "mkdir",
    "mv",
    "nft",
    "openssl",
    "openstack",
    "pg_dump",
    "pg_restore",
    "php",
    "plesk",
    "printf",
    "promtool",
    "pveum",
    "rm",
    "sed",
    "systemctl",
    "tar",
    "test",
    "ufw",
];

fn line(words: &[String]) -> String {
    words.join(" ")
}

/// Where a word in capitals stands for a number, it is one.
fn parsed(words: &[String]) -> Result<(), String> {
    let words = words.iter().enumerate().map(|(at, word)| match word.as_str() {
        _ if at == 0 => "whmeter",
        "ID" | "SERVICE_ID" => "1",
        word => word,
    });
    Cli::try_parse_from(words).map(|_| ()).map_err(|error| error.to_string())
}

fn is_run(words: &[String]) -> bool {
    let has_placeholders = words[1..]
        .iter()
        .any(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    let said = line(&words[1..]);
    let named = RUN.iter().any(|name| said == *name || said.starts_with(&format!("{name} ")));
    !has_placeholders && (named || (said.starts_with("invoice ") && said.contains("--dry-run ")))
}

/// A panel, two hours of its history, and a rule and a price on it.
async fn played() -> (Site, impl SimulatedPanel) {
    let panel = start(5, ClockStart::Frozen(START)).await;
    let rules = "\n[[limit]]\nbackend = \"s3-*\"\nmeter = \"storage\"\nsize = \"100 GiB\"\nnotify_at = [80]\n\
                 \n[[price]]\nname = \"s3-overage\"\nbackend = \"s3-*\"\nmeter = \"storage\"\nincluded = \"1 GiB\"\nper = \"1 GiB\"\n\
                 price = \"0.02\"\ncurrency = \"EUR\"\n";
    let backend = section(&panel, "s3-fra1", "every = \"1h\"\nwhmcs_server = 12");
    let site = Site::new(&house(free_port(), "", "", &[backend, rules.into()]));
    for hours in 0..3 {
        let now = START + hours * 3600;
        panel.knobs().clock.freeze_at(now);
        site.at(now, &["poll"]).await.good();
    }
    (site, panel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_pages_is_understood_and_what_only_reads_is_run() {
    let (site, panel) = played().await;
    // Another config that is tried before it is live.
    std::fs::copy(site.config(), site.path().join("new.toml")).unwrap();
    let makefile = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile")).unwrap();
    let (mut ran, mut understood, mut others) = (0, 0, 0);
    let mut wrong = Vec::new();
    for block in every_block().iter().filter(|block| block.language == "sh" && block.not_run.is_none()) {
        let before = (understood, others);
        for command in commands(&block.text) {
            let words = own(&command);
            let place = format!("{}: {}", block.place(), line(words));
            match words.first().map(String::as_str) {
                Some("whmeter" | "/whmeter") => {}
                // After `docker compose run`, whose image begins with the program.
                Some(first) if words.len() < command.len() && !OTHERS.contains(&first) => {
                    let whole: Vec<String> =
                        std::iter::once("whmeter".into()).chain(words.iter().cloned()).collect();
                    wrong.extend(parsed(&whole).err().map(|error| format!("{place}: {error}")));
                    understood += 1;
                    continue;
                }
                Some("make") => {
                    let target = &words[1];
                    let known = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
                    wrong.extend((!known).then(|| format!("{place}: the Makefile has no {target}")));
                    others += 1;
                    continue;
                }
                Some("cargo") => {
                    wrong.extend(missing_test(words).map(|name| format!("{place}: there is no test {name}")));
                    others += 1;
                    continue;
                }
                Some("promtool") if ["check", "test"].contains(&words[1].as_str()) => {
                    wrong.extend(promtool_says(words).map(|said| format!("{place}: {said}")));
                    others += 1;
                    continue;
                }
                Some(other) if OTHERS.contains(&other) || other.starts_with("packaging/") => continue,
                other => {
                    wrong.push(format!("{place}: {other:?} is no program that is known here"));
                    continue;
                }
            }
            if let Err(error) = parsed(words) {
                wrong.push(format!("{place}: {error}"));
                continue;
            }
            understood += 1;
            if !is_run(words) {
                continue;
            }
            // What is in the system's folders is in the site's here.
            let own: Vec<String> =
                words[1..].iter().map(|word| word.replace("/var/lib/whmeter/", "")).collect();
            let arguments: Vec<&str> = own.iter().map(String::as_str).collect();
            let is_fine = |code| code == Some(0) || (arguments[0] == "status" && code == Some(1));
            let done = site.at(START + 2 * 3600, &arguments).await;
            if !is_fine(done.code) {
                wrong.push(format!("{place}: exit {:?}: {}{}", done.code, done.stdout, done.stderr));
            }
            ran += 1;
        }
        if before == (understood, others) {
            wrong.push(format!("{}: nothing of it is run; say why: <!-- not run: … -->", block.place()));
        }
    }
    panel.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{understood} commands understood, {ran} of them run");
    assert!(ran >= 20 && understood >= 25, "only {ran} run and {understood} understood");
}

/// The test that a `cargo test --test NAME` names and that is not there.
fn missing_test(words: &[String]) -> Option<&String> {
    let at = words.iter().position(|word| word == "--test")?;
    let name = words.get(at + 1)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_there = |folder: &str| {
        let tests = root.join(folder);
        tests.join(format!("{name}.rs")).exists() || tests.join(name).join("main.rs").exists()
    };
    (!is_there("tests") && !is_there("simulators/tests")).then_some(name)
}

/// What promtool has against files of the tree.
fn promtool_says(words: &[String]) -> Option<String> {
    let program = crate::support::tools::promtool()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut arguments: Vec<String> = Vec::new();
    for word in &words[1..] {
        match word.split_once("/*") {
            Some((folder, ending)) => {
                let files = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
                let found = files.filter(|file| file.to_string_lossy().ends_with(ending));
                arguments.extend(found.map(|file| file.to_string_lossy().into_owned()));
            }
            None => arguments.push(word.clone()),
        }
    }
    let ran = std::process::Command::new(program).args(&arguments).current_dir(root).output().unwrap();
    (!ran.status.success()).then(|| String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// What stands in a sentence: `whmeter …`, with words in capitals for what is to be put there.
#[test]
fn commands_within_sentences_are_understood() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page)).unwrap();
        // Without the blocks, which have their own test.
        let sentences: String = text.split("```").step_by(2).collect();
        for code in sentences.split('`').skip(1).step_by(2) {
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            let shortened = ["…", "...", "[", "|", "±", "<"].iter().any(|sign| code.contains(sign));
            if !code.starts_with("whmeter ") || shortened {
                continue;
            }
            let found = commands(&code);
            let words = &found[0];
            let is_name = |word: &String| word.chars().all(|c| c.is_ascii_uppercase());
            // A command is named by its first words where a sentence is about it.
            if words.len() < 2 || is_name(&words[1]) || (words.len() <= 3 && is_command(&words[1..])) {
                continue;
            }
            seen += 1;
            wrong.extend(parsed(words).err().map(|error| format!("{page}: {code}: {error}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 15, "only {seen} commands");
}

fn is_command(words: &[String]) -> bool {
    use clap::CommandFactory;
    let mut command = Cli::command();
    words.iter().all(|word| {
        let inner = command.find_subcommand(word).cloned();
        inner.map(|inner| command = inner).is_some()
    })
}
