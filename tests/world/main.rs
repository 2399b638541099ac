//! Worlds made of seeds, played on the real store, collector and routes: what each service is told is what it
//! owes, and what could not be known is named. `make sim` plays as many as one likes; a handful is played here.
//! See `docs/simulation.md`.

#![allow(clippy::unwrap_used, missing_docs)]

mod binding;
mod play;
mod run;

/// How long the worlds of the gate last: a month's end at least, for some two and a clock change.
const DAYS: i64 = 50;

fn holds(seed: u64) {
    if let Err(failed) = run::world(seed, DAYS, run::ON, run::PLAYS) {
        panic!("{}", run::obituary(seed, DAYS, &failed));
    }
}

macro_rules! worlds {
    ($($name:ident: $seed:literal)*) => {
        $(#[test]
        fn $name() {
            holds($seed);
        })*
    };
}

worlds! {
    world_1: 1
    world_2: 2
    world_3: 3
    world_4: 4
}

/// What failed once, as short as it could be made: `docs/simulation.md` says what each has found.
#[test]
fn stories_that_failed_once_hold() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/world/stories");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let failed = files.filter_map(|file| {
        let story = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let failure = run::played(&story).err()?;
        Some(format!("{}: {failure}", file.display()))
    });
    let failed: Vec<String> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
