//! Plays worlds by their seeds and shrinks those that fail.

use whmeter_simulators::world::generate::{Feature, generate};
use whmeter_simulators::world::shrink::shrink;
use whmeter_simulators::world::story::Story;

use crate::play::{Failure, Played, play};

/// What is switched on today. What is left out fails: `docs/simulation.md` says why.
pub const ON: &[Feature] = &[
    Feature::Births,
    Feature::Restarts,
    Feature::Outages,
    Feature::Kills,
    Feature::Pauses,
    Feature::Looks,
    Feature::Bursts,
    Feature::Again,
    Feature::SilentCounters,
    Feature::MonthTotals,
    Feature::PeriodTotals,
    Feature::Nightly,
    Feature::ResetDays,
    Feature::Replicas,
    Feature::Twice,
    Feature::Adjustments,
    Feature::Suspensions,
    Feature::Terminations,
    Feature::Resales,
    Feature::Renames,
    Feature::BackendMoves,
    Feature::ServerMoves,
    Feature::PoolMoves,
    Feature::LateLists,
    Feature::UnknownDays,
    Feature::LateFirstList,
    Feature::Pins,
    Feature::Companions,
    Feature::Hidden,
    Feature::LostRights,
    Feature::Acceptances,
    Feature::SlowPanels,
    Feature::Drops,
    Feature::Clocks,
    Feature::PanelClocks,
    Feature::Damages,
    Feature::Wraps,
    Feature::Stalls,
    Feature::Unreadable,
    Feature::Lies,
];

/// How often a story is played to find a shorter one, where nothing else is asked for.
pub const PLAYS: usize = 600;

/// Plays one story on a runtime of its own.
pub fn played(story: &Story) -> Result<Played, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(play(story))
}

/// Plays the world of a seed; a failure comes with the shortest story that still has it, found within so many plays.
pub fn world(
    seed: u64,
    days: i64,
    features: &[Feature],
    plays: usize,
) -> Result<Played, Box<(Failure, Story)>> {
    let story = generate(seed, days, features);
    played(&story).map_err(|failure| {
        // What comes after it is not needed.
        let upto = (failure.event + 1).min(story.events.len());
        let cut = Story { events: story.events[..upto].to_vec(), ..story.clone() };
        let fails = |story: &Story| played(story).is_err_and(|other| other.check == failure.check);
        let story = if fails(&cut) { cut } else { story };
        let short = shrink(&story, plays, fails);
        let failure = played(&short).err().unwrap_or(failure);
        Box::new((failure, short))
    })
}

/// What is said of a seed that fails.
pub fn obituary(seed: u64, days: i64, (failure, story): &(Failure, Story)) -> String {
    format!(
        "seed {seed} fails: {failure}\n\nThe shortest story found that still fails (to play it again, put it into \
         a file and say STORY=FILE; for the whole world SEED={seed} DAYS={days}):\n\n{story}"
    )
}
