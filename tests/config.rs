//! The config and the commands from outside: what is wrong is said once, with file, line and key, and
//! never with a secret; and what the disk or the database refuses leaves nothing half written.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // No test target uses all of it.
mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use whmeter::backends::KINDS;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::panel::Options;

use support::panels::*;
use support::program::{Ran, Site, free_port};

const SECRET: &str = "hunter2-hunter2-hunter2";

/// A config that is right, line by line.
const RIGHT: &str = r#"[whmcs]
timezone = "Europe/Warsaw"

[store]
url = "sqlite:whmeter.db"

[http]
listen = "127.0.0.1:9480"

[[backend]]
kind = "minio"
name = "s3"
every = "15m"
url = "http://127.0.0.1:1"
access_key = "root"
secret = "hunter2-hunter2-hunter2"
whmcs_server = 12
"#;

/// The one line about a config that is wrong: file, line and key must be in it.
fn check_line(said: &str, line: usize, key: &str) {
    let place = format!("whmeter: whmeter.toml:{line}: ");
    assert!(said.starts_with(&place), "{said:?} does not begin with {place:?}");
    assert!(said.contains(key), "{said:?} does not name {key}");
    assert!(!said.contains("hunter2"), "{said:?}");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_file_line_and_key() {
    // What is replaced by what; the line that must be named, the key, and a word of what to do.
    let table = [
        ("every =", "evry =", 13, "backend[0].evry", "every"),
        ("access_key", "acces_key", 15, "acces_key", "access_key"),
        ("timezone =", "timezome =", 2, "timezome", "timezone"),
        ("url = \"sqlite", "uri = \"sqlite", 5, "store.uri", "url"),
        ("listen =", "listn =", 8, "http.listn", "listen"),
        ("[store]", "[stor]", 4, "stor", "store"),
        ("\"15m\"", "\"15\"", 13, "every", "15m"),
        ("\"15m\"", "\"32d\"", 13, "every", "31d"),
        ("\"15m\"", "15", 13, "every", "quotes"),
        ("every =", "timeout = \"5\"\nevery =", 13, "timeout", "30s"),
        ("every =", "body_limit = \"64\"\nevery =", 13, "body_limit", "MiB"),
        ("every =", "max_in_flight = 0\nevery =", 13, "max_in_flight", ""),
        ("every =", "account_include = [\"[\"]\nevery =", 13, "account_include", ""),
        ("whmcs_server = 12", "whmcs_server = \"12\"", 17, "whmcs_server", "without quotes"),
        ("whmcs_server = 12", "whmcs_server = 0", 17, "whmcs_server", "tblservers.id"),
        ("every =", "tls_ca_file = \"none.pem\"\nevery =", 13, "tls_ca_file", "none.pem"),
        ("kind = \"minio\"", "kind = \"minioo\"", 11, "kind", "minio"),
        ("kind = \"minio\"\n", "", 10, "kind", "minio"),
        ("name = \"s3\"\n", "", 10, "name", ""),
        ("name = \"s3\"", "name = \"\"", 12, "name", "empty"),
        ("timezone = \"Europe/Warsaw\"\n", "", 1, "whmcs.timezone", "add timezone ="),
        ("Europe/Warsaw", "Europe/Warszawa", 2, "whmcs.timezone", "did you mean Europe/Warsaw?"),
        ("timezone =", "max_age = \"1\"\ntimezone =", 2, "max_age", "26h"),
        ("timezone =", "unit_base = 1001\ntimezone =", 2, "unit_base", "1024"),
        ("timezone =", "bill_from = \"15.11.2026\"\ntimezone =", 2, "whmcs.bill_from", "2026-11-20"),
        ("timezone =", "bill_from = 15\ntimezone =", 2, "whmcs.bill_from", "quotes"),
        (
            "\n\n[store]\n",
            "\nbill_from = \"2026-11-15\"\n[store]\nkeep_days = 30\n",
            5,
            "store.keep_days",
            "62",
        ),
        ("127.0.0.1:9480", "0.0.0.0:9480", 8, "http.listen", "[[http.token]]"),
        ("127.0.0.1:9480", "[::]:9480", 8, "http.listen", "[[http.token]]"),
        ("127.0.0.1:9480", "localhost", 8, "http.listen", "and a port"),
        ("127.0.0.1:9480", ":9480", 8, "http.listen", "[[http.token]]"),
        ("listen =", "metrics_listen = \"192.0.2.1:1\"\nlisten =", 9, "http.", "[[http.token]]"),
        ("secret = \"hunter2-hunter2-hunter2\"", "secret_file = \"none\"", 16, "secret_file", "none"),
        (
            "secret = \"hunter2-hunter2-hunter2\"",
            "secret_env = \"NO_SUCH_NAME\"",
            16,
            "secret_env",
            "NO_SUCH_NAME",
        ),
        ("access_key", "secret_env = \"PATH\"\naccess_key", 15, "secret_env", "secret"),
        ("secret = \"hunter2-hunter2-hunter2\"", "secret = [\"hunter2-hunter2-hunter2\"]", 16, "secret", ""),
        ("secret = \"hunter2-hunter2-hunter2\"\n", "", 10, "secret", ""),
        ("http://127.0.0.1:1", "http://root:hunter2@127.0.0.1:1", 14, "url", "password"),
        ("http://127.0.0.1:1", "ftp://127.0.0.1:1", 14, "url", "https"),
        ("http://127.0.0.1:1", "127.0.0.1:1", 14, "url", ""),
        ("secret = \"hunter2-hunter2-hunter2\"", "secret = \"hunter2-hunter2-hunter2", 16, "TOML", ""),
        ("every = \"15m\"", "every = ", 13, "TOML", ""),
        ("every = \"15m\"", "every = \"15m\"\nevery = \"16m\"", 14, "TOML", ""),
        ("[[backend]]", "[backend]", 10, "backend", "[[backend]]"),
    ];
    let site = Site::new(RIGHT);
    for (find, with, line, key, word) in table {
        let wrong = RIGHT.replacen(find, with, 1);
        assert_ne!(wrong, RIGHT, "{find:?} is not in the config");
        std::fs::write(site.config(), wrong).unwrap();
        let said = site.run(&["check"]).await.failure(2);
        check_line(&said, line, key);
        assert!(said.contains(key) && said.contains(word) && !said.contains("hunter2"), "{said:?}: {word:?}");
    }
    // Every command says it the same way.
    std::fs::write(site.config(), RIGHT.replace("every", "evry")).unwrap();
    for command in [&["serve"][..], &["poll"], &["usage"], &["prune"], &["explain", "s3", "7-41", "storage"]]
    {
        check_line(&site.run(command).await.failure(2), 13, "evry");
    }
    assert!(!site.path().join("whmeter.db").exists(), "a wrong config makes no database");
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_each_on_its_line() {
    let wrong =
        RIGHT.replace("Europe/Warsaw", "Europe/Warszawa").replace("9480", "x").replace("minio", "minioo");
    let site = Site::new(&format!("{wrong}\n[[limit]]\nsize = \"1 GB\"\nmeter = \"disk\"\n\n[alert]\n"));
    let ran = site.run(&["check"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    for (said, (line, key)) in
        lines.iter().zip([(2, "timezone"), (8, "listen"), (11, "kind"), (21, "meter"), (23, "alert")])
    {
        let place = format!("whmeter.toml:{line}: ");
        assert!(said.trim_start_matches("whmeter: ").starts_with(&place) && said.contains(key), "{said}");
    }
    assert_eq!(lines.len(), 5, "{}", ran.stderr);
}

#[tokio::test]
async fn all_mistakes_of_one_section_are_told() {
    let wrong = RIGHT
        .replace("every = \"15m\"", "every = 300")
        .replace("access_key = \"root\"", "acces_key = \"root\"")
        .replace("whmcs_server = 12", "whmcs_server = \"12\"")
        .replace("url = \"sqlite:whmeter.db\"", "uri = \"sqlite:whmeter.db\"\nkeep_days = true");
    let ran = Site::new(&wrong).run(&["check"]).await;
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let expected = [(5, "uri"), (6, "keep_days"), (14, "every"), (18, "whmcs_server")];
    for (line, key) in expected {
        let place = format!("whmeter.toml:{line}: ");
        let is_it = |said: &&str| said.contains(&place) && said.contains(key);
        assert!(lines.iter().any(is_it), "{line} {key}: {}", ran.stderr);
    }
    // A key that is wrong is not called missing as well.
    assert_eq!((ran.code, lines.len()), (Some(2), expected.len()), "{}", ran.stderr);
}

#[tokio::test]
async fn what_is_meant_is_taken_and_what_is_another_language_is_named() {
    let site = Site::new(RIGHT);
    for (find, with) in [("Europe/Warsaw", "europe/warsaw"), ("127.0.0.1:9480", "localhost:9480")] {
        site.write("whmeter.toml", &RIGHT.replace(find, with));
        site.run(&["prune"]).await.good();
    }
    site.write("whmeter.toml", "# a comment\nwhmcs:\n  timezone: Europe/Warsaw\n");
    let said = site.run(&["check"]).await.failure(2);
    assert!(said.contains("looks like YAML") && said.contains("sample-config"), "{said}");
    site.write("the.secret", " hunter2-hunter2 \n");
    let in_file = RIGHT.replace("secret = \"hunter2-hunter2-hunter2\"", "secret_file = \"the.secret\"");
    site.write("whmeter.toml", &in_file);
    let said = site.run(&["check"]).await.failure(2);
    check_line(&said, 16, "blanks around it");
    let token = "[[http.token]]\nname = \"a\"\nscope = [\"billing\"]\nserver = 13\ntoken = \"hunter2-hunter2-hunter2\"\n";
    site.write(
        "whmeter.toml",
        &RIGHT.replace("whmcs_server = 12\n", "").replace("[[backend]]", &format!("{token}\n[[backend]]")),
    );
    let said = site.run(&["check"]).await.stdout;
    assert!(
        said.contains("whmcs_server = 13") && said.contains("no whmcs_server: WHMCS cannot collect"),
        "{said}"
    );
    site.write("whmeter.toml", &RIGHT[..RIGHT.find("[[backend]]").unwrap()]);
    let said = site.run(&["check"]).await.good();
    assert!(said.contains("no [[backend]]: nothing is measured"), "{said}");
}

#[tokio::test]
async fn names_are_keys_and_tokens_are_not_to_be_guessed() {
    let twice = format!("{RIGHT}\n{}", &RIGHT[RIGHT.find("[[backend]]").unwrap()..]);
    let site = Site::new(&twice);
    check_line(&site.run(&["check"]).await.failure(2), 21, "s3");
    let token = |text: &str| RIGHT.replace("[[backend]]", &format!("[[http.token]]\n{text}\n\n[[backend]]"));
    for (text, line, key) in [
        ("name = \"a\"\nscope = [\"metrics\"]\ntoken = \"hunter2\"", 13, "token"),
        ("name = \"a\"\nscope = [\"metric\"]\ntoken = \"hunter2-hunter2-hunter2\"", 12, "scope"),
        ("name = \"a\"\nscope = []\ntoken = \"hunter2-hunter2-hunter2\"", 12, "scope"),
        ("name = \"a\"\nscope = [\"metrics\"]\ntoken = \"hunter2 hunter2 hunter2\"", 13, "token"),
        ("name = \"a\"\nscope = [\"metrics\"]", 10, "token"),
        ("name = \"a\"\nscope = [\"metrics\"]\ntokn = \"hunter2-hunter2-hunter2\"", 13, "tokn"),
        // What is of all servers cannot be tied to one.
        (
            "name = \"a\"\nscope = [\"metrics\"]\nserver = 12\ntoken = \"hunter2-hunter2-hunter2\"",
            13,
            "server",
        ),
        (
            "name = \"a\"\nscope = [\"billing\", \"read\"]\nserver = 12\ntoken = \"hunter2-hunter2-hunter2\"",
            13,
            "server",
        ),
        ("name = \"\"\nscope = [\"read\"]\ntoken = \"hunter2-hunter2-hunter2\"", 11, "name"),
    ] {
        std::fs::write(site.config(), token(text)).unwrap();
        check_line(&site.run(&["check"]).await.failure(2), line, key);
    }
    // Companions stand for services of other servers.
    let tied = "name = \"a\"\nscope = [\"billing\"]\nserver = 20\ntoken = \"hunter2-hunter2-hunter2\"";
    std::fs::write(site.config(), token(tied).replace("Warsaw\"\n", "Warsaw\"\ncompanion_servers = [20]\n"))
        .unwrap();
    let said = site.run(&["check"]).await.failure(2);
    check_line(&said, 14, "server");
    assert!(said.contains("companion_servers"), "{said}");
    // With a token the world may reach it.
    let good = token("name = \"a\"\nscope = [\"metrics\"]\ntoken = \"hunter2-hunter2-hunter2\"");
    std::fs::write(site.config(), good.replace("127.0.0.1:9480", "0.0.0.0:9480")).unwrap();
    site.run(&["prune"]).await.good();
    site.check_never_said(&["hunter2"]);
}

#[tokio::test]
async fn secrets_in_files_are_read_and_their_trouble_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let pair = &every_kind_with(Options { accounts: 3, ..Options::default() }).await[0];
    let settings = pair.panel.settings();
    let key = settings.keys().find(|key| is_secret(key)).unwrap();
    let secret = &settings[key];
    let text = format!(
        "{}{}",
        &RIGHT[..RIGHT.find("[[backend]]").unwrap()],
        section(&*pair.panel, "s3", "whmcs_server = 12")
    );
    let in_file = text.replace(&format!("{key} = \"{secret}\""), &format!("{key}_file = \"the.secret\""));
    assert_ne!(in_file, text);
    let site = Site::new(&in_file);
    let line = in_file.lines().position(|line| line.contains("the.secret")).unwrap() + 1;
    check_line(&site.run(&["check"]).await.failure(2), line, &format!("{key}_file"));
    site.write("the.secret", "\n");
    let said = site.run(&["check"]).await.failure(2);
    check_line(&said, line, "empty");
    site.write("the.secret", &format!("{secret}\r\n"));
    assert!(!site.run(&["check"]).await.good().contains("warn"));
    // Readable by everybody: said, and no more than that.
    let everybody = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(site.path().join("the.secret"), everybody).unwrap();
    let said = site.run(&["check"]).await.good();
    assert!(said.contains("warn") && said.contains("the.secret") && said.contains("chmod 600"), "{said}");

    let in_env = text.replace(&format!("{key} = \"{secret}\""), &format!("{key}_env = \"THE_SECRET\""));
    std::fs::write(site.config(), in_env).unwrap();
    let mut command = site.command(&["check"]);
    command.env("THE_SECRET", secret);
    site.ran(command).await.good();
    site.check_never_said(&[secret]);
    pair.panel.stop();
}

/// The rights of a file for others than its owner.
fn for_others(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_others_can_read_is_told_and_what_is_written_is_its_owners_alone() {
    let site = Site::new(RIGHT);
    let holds = "holds secrets";
    for (mode, text, warned) in [
        (0o644, RIGHT.to_string(), true),
        (0o600, RIGHT.to_string(), false),
        (0o644, RIGHT.replace("secret = \"hunter2-hunter2-hunter2\"", "secret_file = \"the.secret\""), false),
    ] {
        site.write("the.secret", SECRET);
        std::fs::write(site.config(), text).unwrap();
        set_mode(&site.config(), mode);
        let said = site.run(&["check"]).await.stdout;
        assert_eq!(said.contains(holds), warned, "{mode:o}: {said}");
    }
    let token = "listen = \"0.0.0.0:9480\"\n\n[[http.token]]\nname = \"a\"\nscope = [\"read\"]\n\
                 token = \"hunter2-hunter2-hunter2\"";
    std::fs::write(site.config(), RIGHT.replace("listen = \"127.0.0.1:9480\"", token)).unwrap();
    let said = site.run(&["check"]).await.stdout;
    assert!(said.contains("unencrypted") && said.contains("tls_cert"), "{said}");

    std::fs::write(site.config(), RIGHT).unwrap();
    let file = site.path().join("whmeter.db");
    site.run(&["prune"]).await.good();
    assert_eq!(for_others(&file), 0, "a new database");
    set_mode(&file, 0o644);
    site.run(&["prune"]).await.good();
    assert_eq!(for_others(&file), 0, "one that was open to others");
    let from_to = ["--from", "2026-10-01", "--to", "2026-11-01"];
    let export =
        ["export", "--format", "csv", from_to[0], from_to[1], from_to[2], from_to[3], "--out", "all.csv"];
    site.run(&export).await.good();
    assert_eq!(for_others(&site.path().join("all.csv")), 0, "what is exported");
    site.check_never_said(&[SECRET]);
}

#[tokio::test]
async fn the_config_is_looked_for_where_it_is_promised() {
    let site = Site::new(RIGHT);
    site.run(&["prune"]).await.good();
    std::fs::rename(site.config(), site.path().join("other.toml")).unwrap();
    site.run(&["prune", "--config", "other.toml"]).await.good();
    let mut command = site.command(&["prune"]);
    command.env("WHMETER_CONFIG", site.path().join("other.toml"));
    site.ran(command).await.good();
    let said = site.run(&["prune", "--config", "none.toml"]).await.failure(2);
    assert!(said.contains("none.toml") && said.contains("sample-config"), "{said}");
    let said = site.run(&["prune"]).await.failure(2);
    for place in ["--config", "$WHMETER_CONFIG", "whmeter.toml", "/etc/whmeter/whmeter.toml", "sample-config"]
    {
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_ends_with_two() {
    let site = Site::new(RIGHT);
    site.run(&["prune"]).await.good();
    for (arguments, word) in [
        (&["usage", "--month", "2026-13"][..], "2026-13"),
        (&["usage", "--meter", "disk"], "storage"),
        (&["usage", "--from", "2026-11-02", "--to", "2026-11-01"], "period"),
        (&["usage", "--from", "2026-11-02", "--to", "2026-11-02"], "period"),
        (&["explain", "s3", "7-41", "disk"], "storage"),
        (&["poll", "--backend", "s4"], "s3"),
        (&["check", "--backend", "s4"], "s3"),
        (&["usage", "--now", "yesterday"], "--now"),
        (&["usage", "--log-format", "xml"], "--log-format"),
        (&["sample-config", "minioo"], "minio"),
    ] {
        let said = site.run(arguments).await.failure(2);
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    for arguments in [
        &["usage", "--from", "2026-11-02"][..],
        &["usage", "--month", "2026-11", "--from", "2026-11-01", "--to", "2026-11-02"],
        &["poll", "--account", "7-41"],
        &["usage", "--format", "xml"],
        &["polll"],
        &[],
    ] {
        let ran = site.run(arguments).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!ran.stderr.is_empty());
    }
    let said = site.run(&["explain", "s3", "7-41", "storage"]).await.failure(1);
    assert!(said.contains("nothing is known") && said.contains("whmeter usage"), "{said}");
    let version = site.run(&["version", "--json"]).await.json();
    assert!(version["version"].is_string() && version["schema"].is_i64(), "{version}");
}

#[tokio::test]
async fn the_sample_is_a_config_and_check_accepts_it_filled_in() {
    let site = Site::new("");
    for pair in every_kind_with(Options { accounts: 3, ..Options::default() }).await {
        let sample = site.run(&["sample-config", pair.name()]).await.good();
        let mut config: toml::Table = sample.parse().unwrap();
        let section = config["backend"][0].as_table_mut().unwrap();
        assert_eq!(section["kind"].as_str(), Some(pair.name()));
        // Of several products of a kind the sample is one, with its secrets.
        section.retain(|key, _| !key.ends_with("_file"));
        section.extend(pair.settings());
        std::fs::write(site.config(), config.to_string()).unwrap();
        let said = site.run(&["check"]).await.good();
        assert!(said.contains("full listing: 3 accounts"), "{said}");
        assert!(!site.path().join("whmeter.db").exists(), "check writes nothing");
        site.check_never_said(&pair.secrets().iter().map(String::as_str).collect::<Vec<_>>());
        pair.panel.stop();
    }
    let all: toml::Table = site.run(&["sample-config"]).await.good().parse().unwrap();
    assert_eq!(all["backend"].as_array().unwrap().len(), KINDS.len());
}

/// A site with one frozen panel.
/// Every file that a config names for a secret, a certificate or a key, and by which key.
fn files_of(config: &toml::Table, found: &mut Vec<(String, String)>) {
    for (key, value) in config {
        match value {
            toml::Value::String(file) if key.ends_with("_file") || key == "tls_cert" || key == "tls_key" => {
                found.push((key.clone(), file.clone()));
            }
            toml::Value::Table(table) => files_of(table, found),
            toml::Value::Array(tables) => {
                tables.iter().filter_map(toml::Value::as_table).for_each(|table| files_of(table, found));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_example_is_a_config() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let made = rcgen::generate_simple_self_signed(vec!["meter.example.net".into()]).unwrap();
    let (certificate, private) = (made.cert.pem(), made.signing_key.serialize_pem());
    let mut read = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let site = Site::new(&text);
        let mut files = Vec::new();
        files_of(&config, &mut files);
        for (key, file) in &files {
            let text = match key.as_str() {
                "tls_ca_file" | "tls_cert" => certificate.as_str(),
                "tls_key" => private.as_str(),
                _ => SECRET,
            };
            site.write(file, text);
        }
        // Everything but the store is as it stands there.
        let url = config["store"]["url"].as_str().unwrap();
        site.write("whmeter.toml", &text.replace(url, "sqlite:whmeter.db"));
        site.run(&["prune"]).await.good();
        // What the test would not see: a key that does not exist.
        site.write("whmeter.toml", &text.replace(url, "sqlite:whmeter.db").replacen("every =", "evry =", 1));
        assert!(site.run(&["prune"]).await.failure(2).contains("evry"), "{}", path.display());
        read += 1;
    }
    assert!(read >= 3, "{read} examples");
}

async fn site_with_panel(accounts: usize) -> (Site, Pair) {
    let options = Options { accounts, clock: ClockStart::Frozen(NOW), ..Options::default() };
    let panel = whmeter_simulators::kind("minio").unwrap().start(options).await.unwrap();
    let pair = Pair { kind: whmeter::backends::kind("minio").unwrap(), panel };
    let text = format!(
        "{}{}",
        &RIGHT[..RIGHT.find("[[backend]]").unwrap()],
        section(&*pair.panel, "s3", "retries = 0\nwhmcs_server = 12")
    );
    (Site::new(&text), pair)
}

#[tokio::test]
async fn check_and_poll_speak_json_in_the_promised_shapes() {
    let (site, pair) = site_with_panel(5).await;
    let steps = site.at(NOW, &["check", "--json"]).await.json();
    let steps = steps.as_array().unwrap();
    assert!(steps.len() > 5);
    for step in steps {
        let keys: Vec<&str> = step.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["detail", "fatal", "of", "ok", "step"]);
        assert_eq!(step["ok"], true, "{step}");
    }
    let polled = site.at(NOW, &["poll", "--json"]).await.json();
    let told = &polled[0];
    for key in
        ["backend", "ok", "reason", "accounts_read", "accounts_failed", "day_points_changed", "took_seconds"]
    {
        assert!(told.get(key).is_some(), "{key} is missing: {told}");
    }
    assert_eq!(
        (&told["ok"], &told["reason"], &told["accounts_read"]),
        (&json!(true), &Value::Null, &json!(5))
    );
    assert_eq!(told["accounts_failed"], 0);

    pair.panel.knobs().faults.add(Fault::new(FaultKind::CredentialsRefused { status: None }));
    let failed = site.at(NOW + 60, &["poll", "--json"]).await;
    assert_eq!(failed.code, Some(1));
    let told: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((&told[0]["ok"], &told[0]["reason"]), (&json!(false), &json!("refused")));
    assert_eq!(failed.stderr.lines().count(), 1, "{}", failed.stderr);
    let failed = site.at(NOW + 60, &["check", "--json"]).await;
    assert_eq!(failed.code, Some(1));
    let told: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert!(told.as_array().unwrap().iter().any(|step| step["ok"] == false && step["fatal"] == true));
    pair.panel.knobs().faults.clear();
    let one = site.at(NOW + 120, &["poll", "--json", "--backend", "s3", "--account", "7-41"]).await.json();
    assert_eq!(one[0]["accounts_read"], 1);
    site.check_never_said(&pair.secrets().iter().map(String::as_str).collect::<Vec<_>>());
    pair.panel.stop();
}

// The database.

/// What everybody used, as the program tells it.
async fn usage(site: &Site, now: i64) -> Value {
    site.at(now, &["usage", "--json"]).await.json()
}

/// The sums are what really passed since the first poll, whatever happened in between.
async fn check_truth(site: &Site, pair: &Pair, now: i64) {
    let rows = usage(site, now).await;
    let mut moving = 0;
    for row in rows.as_array().unwrap() {
        let name = row["account"].as_str().unwrap();
        let truth = moved(pair.truth(), name, NOW, now);
        let wanted = match row["meter"].as_str().unwrap() {
            "storage" => continue,
            "traffic_in" => truth.0,
            _ => truth.1,
        };
        assert_eq!(row["bytes"].as_i64().map(i128::from), Some(wanted), "{row}");
        moving += i32::from(wanted > 0);
    }
    assert!(moving > 3, "{rows}");
}

async fn database(site: &Site) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", site.path().join("whmeter.db").display());
    sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&url).await.unwrap()
}

async fn poll_at(site: &Site, pair: &Pair, now: i64) -> Ran {
    pair.panel.knobs().clock.freeze_at(now);
    site.at(now, &["poll"]).await
}

#[tokio::test]
async fn a_newer_database_is_left_as_it_is() {
    let (site, pair) = site_with_panel(5).await;
    poll_at(&site, &pair, NOW).await.good();
    let pool = database(&site).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'from the future', 1, x'00', 0)";
    sqlx::raw_sql(newer).execute(&pool).await.unwrap();
    for command in [&["poll"][..], &["usage"], &["prune"], &["serve"], &["explain", "s3", "7-41", "storage"]]
    {
        let said = site.at(NOW + 600, command).await.failure(1);
        assert!(said.contains("9999") && said.contains("newer"), "{command:?}: {said}");
    }
    let checked = site.at(NOW + 600, &["check"]).await;
    assert!(checked.code == Some(1) && checked.stdout.contains("9999"), "{checked:?}");
    sqlx::raw_sql("DELETE FROM _sqlx_migrations WHERE version = 9999").execute(&pool).await.unwrap();
    poll_at(&site, &pair, NOW + 1200).await.good();
    check_truth(&site, &pair, NOW + 1200).await;
    pair.panel.stop();
}

#[tokio::test]
async fn check_refuses_what_serve_would_and_readers_make_nothing() {
    let (site, pair) = site_with_panel(3).await;
    let file = site.path().join("whmeter.db");
    for command in [
        &["usage"][..],
        &["status"],
        &["report"],
        &["plan"],
        &["verify"],
        &["map", "list"],
        &["outbox", "list"],
    ] {
        let ran = site.at(NOW, command).await;
        assert!(ran.code != Some(0) && ran.stderr.contains("is not there yet"), "{command:?}: {ran:?}");
        assert!(!file.exists(), "{command:?} made a database");
    }
    // Not a database; another program's; one of ours with a page overwritten.
    let refused = async |word: &str| {
        let checked = site.at(NOW, &["check"]).await;
        let line =
            checked.stdout.lines().find(|line| line.starts_with("FAIL")).unwrap_or_default().to_string();
        assert!(
            checked.code == Some(1) && line.contains(word) && line.contains("whmeter.db"),
            "{word}: {checked:?}"
        );
        for command in ["serve", "poll", "usage"] {
            let said = site.at(NOW, &[command]).await;
            assert!(said.code != Some(0) && said.stderr.contains("whmeter.db"), "{word}: {said:?}");
        }
    };
    site.write("whmeter.db", &"Kind regards, ".repeat(100));
    refused("no SQLite database").await;
    std::fs::remove_file(&file).unwrap();
    let other = sqlx::any::AnyPoolOptions::new().max_connections(1);
    sqlx::any::install_default_drivers();
    let other = other.connect(&format!("sqlite:{}?mode=rwc", file.display())).await.unwrap();
    sqlx::raw_sql("CREATE TABLE recipe (name TEXT)").execute(&other).await.unwrap();
    other.close().await;
    refused("another program's").await;
    let other = database(&site).await;
    let tables: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master").fetch_one(&other).await.unwrap();
    assert_eq!(tables, 1, "nothing was put into it");
    other.close().await;
    std::fs::remove_file(&file).unwrap();
    poll_at(&site, &pair, NOW).await.good();
    let pool = database(&site).await;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
    pool.close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let checked = site.at(NOW, &["check"]).await;
    assert!(checked.code == Some(1) && checked.stdout.contains("is damaged"), "{checked:?}");
    // A certificate that is none.
    let with_tls = std::fs::read_to_string(site.config()).unwrap();
    let with_tls = with_tls.replace("[http]\n", "[http]\ntls_cert = \"a.pem\"\ntls_key = \"a.key\"\n");
    site.write("whmeter.toml", &with_tls);
    site.write("a.pem", "no certificate");
    let checked = site.at(NOW, &["check"]).await.stdout;
    assert!(
        checked.contains("FAIL") && checked.contains("tls_cert") || checked.contains("tls_key"),
        "{checked}"
    );
    pair.panel.stop();
}

#[tokio::test]
async fn a_database_that_is_deleted_under_a_daemon_is_noticed() {
    let (site, pair) = site_with_panel(3).await;
    let port = free_port();
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write("whmeter.toml", &config.replace("9480", &port.to_string()));
    let daemon = site.serve(port).await;
    let file = site.path().join("whmeter.db");
    std::fs::rename(&file, site.path().join("aside.db")).unwrap();
    let said = daemon.until("/-/ready", "not ready", |got| got.status == 503).await.text();
    assert!(said.contains("whmeter.db was deleted or replaced"), "{said}");
    std::fs::rename(site.path().join("aside.db"), &file).unwrap();
    daemon.until("/-/ready", "ready again", |got| got.status == 200).await;
    // What waits for a restart is said.
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write(
        "whmeter.toml",
        &config.replace("Europe/Warsaw", "UTC").replace("sqlite:whmeter.db", "sqlite:b.db"),
    );
    daemon.signal("-HUP");
    daemon.until_logged("store.url, whmcs.timezone").await;
    daemon.stop().await;
    pair.panel.stop();
}

#[tokio::test]
async fn a_locked_database_is_said_and_nothing_is_half_written() {
    let (site, pair) = site_with_panel(5).await;
    poll_at(&site, &pair, NOW).await.good();
    let before = usage(&site, NOW).await;
    let pool = database(&site).await;
    let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let said = poll_at(&site, &pair, NOW + 600).await.failure(1);
    assert!(said.contains("s3") && said.contains("locked"), "{said}");
    assert_eq!(usage(&site, NOW).await, before, "who only reads is not in the way of a writer");
    lock.rollback().await.unwrap();
    assert_eq!(usage(&site, NOW).await, before);
    poll_at(&site, &pair, NOW + 1200).await.good();
    check_truth(&site, &pair, NOW + 1200).await;
    pair.panel.stop();
}

/// The limit strikes every file the program writes, and says so by an error instead of a signal.
const LIMITED: &str = "trap '' XFSZ; ulimit -f $0; exec \"$@\"";

#[tokio::test]
async fn a_database_that_cannot_grow_loses_nothing_and_says_so() {
    let (site, pair) = site_with_panel(25).await;
    poll_at(&site, &pair, NOW).await.good();
    let program = env!("CARGO_BIN_EXE_whmeter");
    let (mut failed, mut before) = (0, usage(&site, NOW).await);
    for (round, blocks) in ["0", "8", "64", "72", "90", "120", "200"].into_iter().enumerate() {
        let now = NOW + 600 * (round as i64 + 1);
        pair.panel.knobs().clock.freeze_at(now);
        let mut command = site.command_of(Path::new("/bin/sh"), &["-c", LIMITED, blocks, program, "poll"]);
        command.env("WHMETER_NOW", now.to_string());
        let ran = site.ran(command).await;
        let rows = usage(&site, now).await;
        if ran.code != Some(0) {
            let said = ran.failure(1);
            assert!(said.starts_with("whmeter: ") && said.contains("disk"), "{said}");
            assert_eq!(rows, before, "{blocks} blocks: half a poll is visible");
            failed += 1;
        }
        before = rows;
    }
    assert!(failed >= 2, "the limit was never reached");
    poll_at(&site, &pair, NOW + 6000).await.good();
    check_truth(&site, &pair, NOW + 6000).await;
    let pool = database(&site).await;
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&pool).await.unwrap();
    assert_eq!(sound, "ok");
    pair.panel.stop();
}

/// A file system of its own, gone with this value.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where mounting is not allowed.
    fn new(folder: PathBuf, size: &str) -> Option<Mounted> {
        std::fs::create_dir_all(&folder).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "whmeter-test"], &folder);
        if !mounted {
            eprintln!("skipped: mounting a tmpfs is not allowed here");
        }
        mounted.then_some(Mounted(folder))
    }
}

fn mount(options: &[&str], folder: &Path) -> bool {
    let ran = std::process::Command::new("mount").args(options).arg(folder).output();
    ran.is_ok_and(|ran| ran.status.success())
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Moves the database of a site onto a file system of its own.
fn on_a_disk(site: &Site, size: &str) -> Option<Mounted> {
    let disk = Mounted::new(site.path().join("disk"), size)?;
    let config = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), config.replace("sqlite:whmeter.db", "sqlite:disk/whmeter.db")).unwrap();
    Some(disk)
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_next_poll_with_room_misses_nothing() {
    let (site, pair) = site_with_panel(8).await;
    let Some(disk) = on_a_disk(&site, "1m") else { return };
    poll_at(&site, &pair, NOW).await.good();
    let before = usage(&site, NOW).await;
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap_err();
    let said = poll_at(&site, &pair, NOW + 600).await.failure(1);
    assert!(said.contains("disk") || said.contains("full"), "{said}");
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(usage(&site, NOW).await, before, "half a poll is visible");
    poll_at(&site, &pair, NOW + 1200).await.good();
    check_truth(&site, &pair, NOW + 1200).await;
    pair.panel.stop();
}

#[tokio::test]
async fn a_disk_that_turned_read_only_is_said_and_nothing_is_lost() {
    let (site, pair) = site_with_panel(5).await;
    let Some(disk) = on_a_disk(&site, "8m") else { return };
    poll_at(&site, &pair, NOW).await.good();
    let before = usage(&site, NOW).await;
    assert!(mount(&["-o", "remount,ro"], &disk.0));
    for command in ["poll", "prune", "serve"] {
        let said = site.at(NOW + 600, &[command]).await.failure(1);
        assert!(
            said.contains("read") || said.contains("write") || said.contains("open"),
            "{command}: {said}"
        );
    }
    assert!(mount(&["-o", "remount,rw"], &disk.0));
    assert_eq!(usage(&site, NOW).await, before);
    poll_at(&site, &pair, NOW + 1200).await.good();
    check_truth(&site, &pair, NOW + 1200).await;
    pair.panel.stop();
}

#[tokio::test]
async fn an_address_that_is_taken_is_said() {
    let port = free_port();
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let site = Site::new(&RIGHT.replace("9480", &port.to_string()));
    let said = site.run(&["serve"]).await.failure(1);
    assert!(said.contains(&port.to_string()) && said.contains("http.listen"), "{said}");
    drop(taken);
    assert!(!said.contains(SECRET));
}
