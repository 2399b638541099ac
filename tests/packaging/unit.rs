//! The unit: what it may do, and that it starts what the program understands.

use clap::Parser;
use whmeter::commands::Cli;

use crate::support::tools::tool;
use crate::{ran, root, text};

const UNIT: &str = "packaging/whmeter.service";

/// Out of ten; 1.2 when this was written. What is left is that it speaks TCP and sees the machine's files.
const MOST_EXPOSED: f64 = 1.5;

fn value<'t>(unit: &'t str, key: &str) -> &'t str {
    let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let found: Vec<&str> = lines.collect();
    assert_eq!(found.len(), 1, "{key} stands {} times in the unit", found.len());
    found[0]
}

#[test]
fn the_unit_exposes_little() {
    let Some(analyze) = tool("WHMETER_SYSTEMD_ANALYZE", &["systemd-analyze"]) else { return };
    let (_, said) = ran(analyze, &["security", "--offline=true", "--no-pager", UNIT]);
    let line =
        said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{said}"));
    let level: f64 =
        line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    assert!(level <= MOST_EXPOSED, "{line}: {MOST_EXPOSED} at most\n{said}");
}

#[test]
fn the_unit_starts_what_the_program_understands() {
    let unit = text(UNIT);
    let start: Vec<&str> = value(&unit, "ExecStart").split(' ').collect();
    assert_eq!(start[0], "/usr/bin/whmeter", "where the package puts it");
    Cli::try_parse_from(&start).unwrap();
    assert!(start.contains(&"/etc/whmeter/whmeter.toml"), "{start:?}");
    // It speaks no sd_notify: systemd would wait for a word that never comes.
    assert_eq!(value(&unit, "Type"), "exec");
    assert!(value(&unit, "ExecReload").contains("-HUP"));
    assert_eq!((value(&unit, "User"), value(&unit, "StateDirectoryMode")), ("whmeter", "0700"));
    // The daemon promises to end within ten seconds.
    assert!(value(&unit, "TimeoutStopSec").parse::<u32>().unwrap() > 10);
    assert!(text("Cargo.toml").contains("procps"), "the unit's kill is in a package of its own");
}

/// systemd reads a misspelt key over with a warning, and the hardening is not there.
#[test]
fn systemd_knows_every_line_of_the_unit() {
    let Some(analyze) = tool("WHMETER_SYSTEMD_ANALYZE", &["systemd-analyze"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("whmeter.service");
    // The program is not installed here.
    let unit = text(UNIT).replace("/usr/bin/whmeter", "/bin/true").replace("man:whmeter(1) ", "");
    std::fs::write(&copy, unit).unwrap();
    let (fine, said) = ran(&analyze, &["verify", copy.to_str().unwrap()]);
    assert!(fine && !said.contains("whmeter.service:"), "{said}");
    std::fs::write(&copy, text(UNIT).replace("NoNewPrivileges", "NoNewPrivilege")).unwrap();
    let (_, said) = ran(&analyze, &["verify", copy.to_str().unwrap()]);
    assert!(said.contains("NoNewPrivilege"), "a misspelt key is not seen: {said}");
    assert!(root().join(UNIT).exists());
}
