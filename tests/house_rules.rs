//! The rules of the house, read off its source: who may look at whom, what names are banned, and that
//! alerts are about series there are.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Floors from the ground up. Rooms of one floor may not look at each other; domain is the one that
/// the ground floor's others may look at.
const FLOORS: [&[&str]; 6] = [
    &["domain"],
    &["metering", "quota", "pricing", "reported"],
    &["ownership", "standing"],
    &["backends", "store", "notify", "rules"],
    &["collector", "dispatcher", "exposition", "usage_api", "console", "invoicing", "adoption", "upkeep"],
    &["app", "commands", "config", "lib", "main"],
];

/// Tools in the stairwell: for every floor from the first up, and for each other.
const STAIRWELL: [&str; 6] = ["clock", "http", "selector", "settings", "telemetry", "web"];

/// What the ground floor may use besides itself and the standard library.
const GROUND_CRATES: [&str; 7] =
    ["chrono", "chrono_tz", "foldhash", "litemap", "serde", "smallvec", "thiserror"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 40, "only {} files found", found.len());
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap();
            let room = inside.components().next().unwrap().as_os_str().to_string_lossy();
            let room = room.trim_end_matches(".rs").to_string();
            let text = fs::read_to_string(&path).unwrap();
            (path, room, text)
        })
        .collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms a line of code names: `crate::room::…` or a list in braces.
fn rooms_named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in line.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            rooms.extend(list.split([',', '}']).map(|name| name.trim().to_string()));
        } else {
            rooms.push(after.to_string());
        }
    }
    let name = |text: String| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    rooms.into_iter().map(name).filter(|name: &String| !name.is_empty()).collect()
}

#[test]
fn every_arrow_points_down() {
    let mut wrong = Vec::new();
    for (path, room, text) in all_sources() {
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for other in rooms_named(line).into_iter().filter(|other| *other != room) {
                let allowed = match (floor(&room), floor(&other)) {
                    // The roof wires everything.
                    (Some(5), _) => true,
                    (Some(own), Some(theirs)) => theirs < own,
                    (Some(own), None) => STAIRWELL.contains(&other.as_str()) && own >= 3,
                    // The stairwell stands on the ground.
                    (None, Some(theirs)) => STAIRWELL.contains(&room.as_str()) && theirs <= 2,
                    (None, None) => STAIRWELL.contains(&room.as_str()) && STAIRWELL.contains(&other.as_str()),
                };
                if !allowed {
                    wrong.push(format!("{}:{}: {room} looks at {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_ground_floor_is_pure() {
    let forbidden = [
        "async ",
        ".await",
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "f64",
        "f32",
        "tracing::",
        "println!",
        "std::fs",
        "std::env",
        "rand::",
    ];
    let mut wrong = Vec::new();
    for (path, room, text) in all_sources() {
        if floor(&room).is_none_or(|floor| floor > 2) {
            continue;
        }
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let place = format!("{}:{}", path.display(), number + 1);
            wrong.extend(
                forbidden.iter().filter(|word| line.contains(*word)).map(|word| format!("{place}: {word}")),
            );
            if let Some(used) = line.trim_start().strip_prefix("use ") {
                let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let own = ["crate", "super", "self", "std", "proptest"].contains(&name.as_str());
                if !own && !GROUND_CRATES.contains(&name.as_str()) {
                    wrong.push(format!("{place}: crate {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_none_has_a_banned_name() {
    let banned = ["manager", "util", "utils", "common", "misc", "data", "info", "process", "handle"];
    let mut wrong = Vec::new();
    for (path, _, text) in all_sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("{}: does not open with //!", path.display()));
        }
        let stem = path.file_stem().unwrap().to_string_lossy().to_string();
        if banned.contains(&stem.as_str()) {
            wrong.push(format!("{}: banned name", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A closure that is kept is a side door: nobody who reads the room sees who stands behind it. Rooms are handed
/// types; a closure may be an argument, for as long as the call lasts.
#[test]
fn no_room_keeps_a_closure() {
    let mut wrong = Vec::new();
    for (path, room, text) in all_sources() {
        if STAIRWELL.contains(&room.as_str()) {
            continue;
        }
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // Without blanks, so that a line break does not hide one.
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        for holder in ["Arc<", "Box<", "Rc<"] {
            for closure in ["dynFn(", "dynFnMut(", "dynFnOnce("] {
                if code.contains(&format!("{holder}{closure}")) {
                    wrong.push(format!("{}: {holder}{closure}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_store_speaks_sql_and_only_http_speaks_reqwest() {
    let mut wrong = Vec::new();
    for (path, room, text) in all_sources() {
        for (word, owner) in [("sqlx::", "store"), ("reqwest::", "http")] {
            if room != owner && text.contains(word) {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every word of a text that begins with `whmeter_`, as series do; a `:` ends one, as in recorded names.
fn series_named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("whmeter_")).collect()
}

/// Series that alerts look at already and whmeter does not export yet. Strike off what it does.
const COMING: [&str; 0] = [];

#[test]
fn alerts_and_dashboards_name_only_series_we_export() {
    let sources = all_sources();
    // A name stands in the source as a whole, in quotes, where it is registered or rendered.
    let exported = |name: &str| sources.iter().any(|(_, _, text)| text.contains(&format!("\"{name}\"")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in [
        "alerts/whmeter.rules.yml",
        "alerts/whmeter.rules.test.yml",
        "alerts/whmeter.rules.days.test.yml",
        "docs/alerts.md",
        "dashboards/overview.json",
        "dashboards/account.json",
        "dashboards/backend.json",
        "dashboards/billing-health.json",
    ] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for name in series_named(&text) {
            // A histogram is registered under one name and exported under three.
            let histogram = ["_bucket", "_count", "_sum"].iter().find_map(|part| name.strip_suffix(part));
            let known = exported(name) || histogram.is_some_and(exported) || COMING.contains(&name);
            if !known {
                wrong.push(format!("{file}: {name} is not exported"));
            }
            named.insert(name.to_string());
        }
    }
    assert!(named.len() > 12, "only {named:?} found");
    wrong.extend(
        COMING.iter().filter(|name| exported(name)).map(|name| format!("{name} has come: strike it off")),
    );
    wrong.extend(
        COMING.iter().filter(|name| !named.contains(**name)).map(|name| format!("{name}: nobody waits")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_its_folder_its_sample_and_its_simulator() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for kind in whmeter::backends::KINDS {
        let folder = root.join("src/backends").join(kind.name);
        for file in ["mod.rs", "README.md", "sample.toml", "testdata"] {
            assert!(folder.join(file).exists(), "{}/{file} is missing", kind.name);
        }
        // A kind with several products has a wire for each.
        let mut own = Vec::new();
        sources(&folder, &mut own);
        assert!(own.iter().any(|path| path.ends_with("wire.rs")), "{} has no wire.rs", kind.name);
        let simulated = root.join("simulators/src/panels").join(kind.name);
        assert!(simulated.join("mod.rs").exists(), "no simulator of {}", kind.name);
    }
    let kinds = whmeter::backends::KINDS.iter().map(|kind| kind.name);
    let panels = whmeter_simulators::PANELS.iter().map(|panel| panel.name);
    assert!(kinds.eq(panels), "the two registries name different kinds");
    let folders = fs::read_dir(root.join("src/backends")).unwrap();
    for folder in folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy().to_string();
        // What kinds share is no kind, and knows none.
        assert!(name == "kit" || whmeter::backends::kind(&name).is_some(), "{name} is not registered");
    }
}

/// Whatever has to know of a kind asks its `Kind`, or its simulated panel: else a new kind costs an edit there too.
#[test]
fn a_kind_is_named_in_its_folders_and_the_registries_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "simulators/src", "tests/truth"] {
        sources(&root.join(folder), &mut found);
    }
    found.push(root.join("tests/contract.rs"));
    let kinds: Vec<&str> = whmeter::backends::KINDS.iter().map(|kind| kind.name).collect();
    let homes: Vec<PathBuf> = ["src/backends", "simulators/src/panels"]
        .iter()
        .flat_map(|at| kinds.iter().map(|kind| root.join(*at).join(kind)).collect::<Vec<_>>())
        .collect();
    let mut wrong = Vec::new();
    for path in found.iter().filter(|path| !homes.iter().any(|home| path.starts_with(home))) {
        let text = fs::read_to_string(path).unwrap();
        // Tests of one file may tell a story of one kind.
        let is_test = path.components().any(|part| part.as_os_str() == "tests.rs");
        let code = if is_test { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        for (number, line) in
            code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let named = kinds
                .iter()
                .find(|kind| line.contains(&format!("\"{kind}\"")) || line.contains(&format!("{kind}::")));
            wrong.extend(named.map(|kind| format!("{}:{}: {kind}", path.display(), number + 1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the tree said before it used the field's terms (docs/decisions/0028-language.md). Who needs one of these
/// again means something that has a name already.
#[test]
fn retired_phrases_and_file_names_stay_away() {
    let phrases = [
        "config not taken",
        "the old one stays",
        "page not brought up",
        "outcome not written down",
        "mend it",
        "house is being left",
        "our own code stopped",
        "slow but well",
        "stands in front of the panel",
        "page for people",
        "cannot be meant",
        "is no release",
        "not nothing used",
        "in its present form",
        "nobody pays",
        "stands there twice",
        "Letters and switches",
        "struct Letter",
        "Owner::Nobody",
        "Reach::Everybody",
    ];
    let names = [
        "asked", "claim", "docket", "letter", "lists", "mend", "place", "put", "seen", "sides", "told",
        "watched", "weigh", "words",
    ];
    let single =
        ["Ask", "Asked", "Failure", "Known", "Line", "Place", "Remembered", "Rules", "Said", "Sides", "Told"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for (path, _, text) in all_sources() {
        let parts = path.strip_prefix(root).unwrap().with_extension("");
        if parts.components().any(|part| names.iter().any(|name| part.as_os_str() == *name)) {
            wrong.push(format!("{}: retired file name", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", path.display(), number + 1);
            wrong.extend(phrases.iter().filter(|one| line.contains(**one)).map(|one| format!("{at}: {one}")));
            // Names that were several types at once: each meaning has its own.
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let defines = words.any(|word| ["struct", "enum", "type"].contains(&word));
            let name = words.next().filter(|name| defines && single.contains(name));
            wrong.extend(name.map(|name| format!("{at}: a type called {name}")));
        }
    }
    for page in ["docs/alerts.md", "docs/contract.md", "docs/invoices.md", "alerts/whmeter.rules.yml"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        wrong.extend(phrases.iter().filter(|one| text.contains(**one)).map(|one| format!("{page}: {one}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
