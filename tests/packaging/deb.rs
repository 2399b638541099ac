//! The package's parts: what it holds is there, its config is the program's own, its scripts keep their promises.

use std::process::Command;

use whmeter::clock::Clock;
use whmeter::config::Config;

use crate::support::program::Site;
use crate::{root, text};

fn metadata() -> toml::Table {
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    manifest["package"]["metadata"]["deb"].as_table().unwrap().clone()
}

#[test]
fn all_that_the_package_holds_is_there() {
    let deb = metadata();
    let assets = deb["assets"].as_array().unwrap();
    assert!(assets.len() > 10);
    for asset in assets {
        let [from, to, mode] = [0, 1, 2].map(|at| asset[at].as_str().unwrap());
        assert!(["644", "755", "640"].contains(&mode) && !to.starts_with('/'), "{from}: {to} {mode}");
        // What is built and what the program writes is not there yet.
        if from.starts_with("target/") || from.starts_with("dist/") {
            continue;
        }
        let Some((folder, _)) = from.split_once('*') else {
            assert!(root().join(from).is_file(), "{from} is not there");
            continue;
        };
        let found = globset::Glob::new(from).unwrap().compile_matcher();
        let mut files = Vec::new();
        walk(&root().join(folder), &mut files);
        assert!(files.iter().any(|file| found.is_match(file)), "{from}: nothing is there");
    }
    let changelog = text("packaging/debian/changelog");
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap();
    assert!(
        changelog.starts_with(&format!("whmeter ({version}-")),
        "the package's changelog is of another version"
    );
}

fn walk(folder: &std::path::Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, files),
            false => files.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_string()),
        }
    }
}

/// The config of the package says what it lacks, and is right when that is there.
#[tokio::test]
async fn the_packages_config_lacks_a_zone_and_a_panel_and_nothing_else() {
    let made =
        Command::new(root().join("packaging/config.sh")).arg(env!("CARGO_BIN_EXE_whmeter")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let config = String::from_utf8(made.stdout).unwrap();
    assert!(config.contains("\nurl = \"sqlite:/var/lib/whmeter/whmeter.db\""), "{config}");
    let site = Site::new(&config);
    let said = site.run(&["check"]).await.failure(2);
    assert!(said.contains("timezone") && said.contains("missing; add timezone"), "{said}");
    let filled = config.replace("\n# timezone = ", "\ntimezone = ");
    site.write("whmeter.toml", &filled);
    let read = Config::read(&site.config(), Clock::System).unwrap_or_else(|error| panic!("{error}"));
    assert!(read.panels.is_empty() && read.tokens.is_empty(), "nothing is set up that nobody has asked for");
    let sample = site.run(&["sample-config", "minio"]).await.good();
    let panel = &sample[sample.find("\n[[backend]]").unwrap()..];
    site.write("minio.secret", "hunter2-hunter2");
    site.write("whmeter.toml", &format!("{filled}\n{panel}"));
    let read = Config::read(&site.config(), Clock::System).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.panels.len(), 1);
    for kind in whmeter::backends::KINDS {
        assert!(config.contains(&format!("#   {}\n", kind.name)), "{} is not named", kind.name);
    }
}

/// Only purge takes anything away, and a script of ours does not name the token that cargo-deb replaces but where it stands.
#[test]
fn removing_keeps_and_purging_takes_away() {
    for script in ["postinst", "postrm"] {
        let script = text(&format!("packaging/debian/{script}"));
        assert_eq!(script.matches("#DEBHELPER#").count(), 1);
        assert!(script.contains("\n#DEBHELPER#\n") && script.contains("\nset -e\n"), "{script}");
    }
    let postrm = text("packaging/debian/postrm");
    let purge = postrm.split_once("if [ \"$1\" = purge ]; then").unwrap().1.split_once("\nfi\n").unwrap().0;
    assert_eq!(
        postrm.matches("rm -rf").count(),
        purge.matches("rm -rf").count(),
        "something is removed without purge"
    );
    assert!(purge.contains("/var/lib/whmeter") && purge.contains("/etc/whmeter"), "{purge}");
    let units = metadata()["systemd-units"].clone();
    assert_eq!(
        (units["enable"].as_bool(), units["start"].as_bool()),
        (Some(false), Some(false)),
        "it has no config yet"
    );
}
