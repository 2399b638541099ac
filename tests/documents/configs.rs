//! `toml` blocks, read by the program's config. A part of a config is put behind what it lacks.

use std::path::Path;

use whmeter::clock::Clock;
use whmeter::config::Config;

use crate::blocks::{Block, every_block};
use crate::support::program::Site;

const SECRET: &str = "hunter2-hunter2-hunter2";

#[test]
fn every_config_of_the_pages_is_one() {
    whmeter::http::install_tls();
    let mut read = 0;
    for block in every_block().iter().filter(|block| block.language == "toml" && block.not_run.is_none()) {
        let site = Site::new(&whole(block));
        with_files(&site, block);
        if let Err(error) = Config::read(&site.config(), Clock::System) {
            panic!("{}: {error}\n{}", block.place(), whole(block));
        }
        // The test would not see that nothing is read: a key that does not exist is refused.
        let (first, rest) = block.text.split_once(" = ").unwrap();
        site.write("whmeter.toml", &whole(&Block { text: format!("{first}x = {rest}"), ..copied(block) }));
        assert!(
            Config::read(&site.config(), Clock::System).is_err(),
            "{}: a wrong key is taken",
            block.place()
        );
        read += 1;
    }
    assert!(read >= 8, "only {read} configs");
}

fn copied(block: &Block) -> Block {
    Block {
        page: block.page.clone(),
        line: block.line,
        language: block.language.clone(),
        text: String::new(),
        not_run: None,
    }
}

/// The block, behind a zone where it gives none.
fn whole(block: &Block) -> String {
    const ZONE: &str = "timezone = \"Europe/Warsaw\"\n";
    const API: &str =
        "url = \"https://billing.example.net\"\nidentifier = \"whmeter\"\nsecret = \"hunter2-hunter2\"\n";
    const MAIL: &str = "\n[notify]\nchannels = [\"smtp\"]\n[notify.smtp]\nhost = \"mail.example.net\"\nfrom = \"a@example.net\"\n";
    // A report needs a mail server.
    let mail =
        if block.text.contains("[report]") && !block.text.contains("[notify.smtp]") { MAIL } else { "" };
    let text = &format!("{}{mail}", block.text);
    // Mail by WHMCS needs its API.
    let api = if text.contains("\"whmcs\"") && text.contains("channels") { API } else { "" };
    match text.split_once("[whmcs]\n") {
        Some(_) if text.contains("timezone") => text.clone(),
        Some((before, after)) => format!("{before}[whmcs]\n{ZONE}{after}"),
        None => format!("[whmcs]\n{ZONE}{api}\n{text}"),
    }
}

/// Puts there what the config names by `…_file`.
fn with_files(site: &Site, block: &Block) {
    let made = rcgen::generate_simple_self_signed(vec!["meter.example.net".into()]).unwrap();
    let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{}: {error}", block.place()));
    let mut files = Vec::new();
    files_of(&table, &mut files);
    for (key, file) in files.iter().filter(|(_, file)| !Path::new(file).is_absolute()) {
        let path = site.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = match key.as_str() {
            "tls_ca_file" | "tls_cert" => made.cert.pem(),
            "tls_key" => made.signing_key.serialize_pem(),
            _ => SECRET.into(),
        };
        site.write(file, &text);
    }
}

fn files_of(table: &toml::Table, files: &mut Vec<(String, String)>) {
    for (key, value) in table {
        match value {
            toml::Value::String(file)
                if key.ends_with("_file") || ["tls_cert", "tls_key"].contains(&key.as_str()) =>
            {
                files.push((key.clone(), file.clone()));
            }
            toml::Value::Table(inner) => files_of(inner, files),
            toml::Value::Array(list) => {
                list.iter().filter_map(toml::Value::as_table).for_each(|inner| files_of(inner, files));
            }
            _ => {}
        }
    }
}
