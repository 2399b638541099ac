//! `make sim SEEDS=n YEARS=n SEED=first`: plays worlds and says how many failed.

#![allow(clippy::unwrap_used, missing_docs)]

mod binding;
mod play;
mod run;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use whmeter_simulators::world::generate::Feature;

/// What was asked for.
struct Arguments {
    first: u64,
    seeds: u64,
    days: i64,
    features: Vec<Feature>,
    /// How often a story that fails is played to find a shorter one.
    plays: usize,
}

/// What all worlds came to that did not fail.
#[derive(Default)]
struct Sums {
    polls: usize,
    numbers: usize,
    ended: BTreeMap<String, usize>,
    gaps: BTreeMap<&'static str, (usize, i128)>,
    times: BTreeMap<&'static str, (usize, Duration)>,
}

fn number(key: &str, otherwise: f64) -> f64 {
    std::env::var(key).ok().filter(|text| !text.is_empty()).map_or(otherwise, |text| text.parse().unwrap())
}

/// `FEATURES=births,restarts`; those that are switched on without it. `+pins` adds one to them.
fn features() -> Vec<Feature> {
    let text = std::env::var("FEATURES").unwrap_or_default();
    let named = |name: &str| Feature::named(name).unwrap_or_else(|| panic!("no feature is called {name}"));
    let mut features = if text.is_empty() || text.starts_with('+') { run::ON.to_vec() } else { Vec::new() };
    features.extend(text.split([',', '+']).filter(|name| !name.is_empty()).map(named));
    features
}

fn main() -> ExitCode {
    if let Some(file) = std::env::var("STORY").ok().filter(|file| !file.is_empty()) {
        let story = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        return match run::played(&story) {
            Ok(played) => {
                println!("{file} holds: {played:?}");
                ExitCode::SUCCESS
            }
            Err(failure) => {
                println!("{file} fails: {failure}");
                ExitCode::FAILURE
            }
        };
    }
    let days = number("DAYS", number("YEARS", 1.0) * 365.0) as i64;
    let asked = Arguments {
        first: number("SEED", 1.0) as u64,
        seeds: number("SEEDS", 10.0) as u64,
        days,
        features: features(),
        plays: number("PLAYS", run::PLAYS as f64) as usize,
    };
    if all(&asked) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays them all, as many at once as there are processors; returns how many failed.
fn all(asked: &Arguments) -> u64 {
    let began = Instant::now();
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let sums = Mutex::new(Sums::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= asked.seeds {
                        return;
                    }
                    let seed = asked.first + number;
                    match run::world(seed, asked.days, &asked.features, asked.plays) {
                        Ok(played) => {
                            let mut sums = sums.lock().unwrap();
                            sums.polls += played.polls;
                            sums.numbers += played.numbers;
                            for (what, times) in played.ended {
                                *sums.ended.entry(what).or_default() += times;
                            }
                            for (cause, (times, bytes)) in played.gaps {
                                let sum = sums.gaps.entry(cause).or_default();
                                *sum = (sum.0 + times, sum.1 + bytes);
                            }
                            for (what, (count, took)) in played.times {
                                let sum = sums.times.entry(what).or_default();
                                *sum = (sum.0 + count, sum.1 + took);
                            }
                        }
                        Err(failure) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("{}\n", run::obituary(seed, asked.days, &failure));
                        }
                    }
                }
            });
        }
    });
    let Sums { polls, numbers, ended, gaps, times } = sums.into_inner().unwrap();
    for (what, (count, took)) in times {
        println!(
            "time: {what}: {:.2} s, {:.0} µs each",
            took.as_secs_f64(),
            took.as_micros() as f64 / count as f64
        );
    }
    for (what, times) in ended {
        println!("{what}: {times} times");
    }
    for (cause, (times, bytes)) in gaps {
        println!("gap: {cause}: {times} times, {bytes} bytes of traffic");
    }
    let failed = failed.into_inner();
    let took = began.elapsed().as_secs_f64();
    println!("{polls} polls, {numbers} numbers held against the oracle, {took:.1} s");
    let years = asked.seeds as f64 * asked.days as f64 / 365.0;
    println!("{} worlds, {years:.1} years, {failed} failed", asked.seeds);
    failed
}
