//! The panels, their clock, and what happens to them; what the totals must come to in the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;
use whmeter::domain::{AccountName, BackendId, BillingZone, Meter, Reading, Timestamp};
use whmeter::settings::Secret;
use whmeter::store::{Store, StoreSettings};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::panel::{Options, SimulatedPanel};

use crate::beliefs::{Beliefs, Key, Series};
use crate::support::panels::{kinds, passed, section};
use crate::support::program::Site;

/// 28 September 2026, noon in Warsaw: two month ends and a day of 25 hours lie ahead.
const START: i64 = 1_790_589_600;

/// A level is carried on no longer than this.
const MAX_GAP: i64 = 26 * 3600;

const ACCOUNTS: usize = 12;

/// Where every hour of two months is a total of its own, or a window.
const FEW: usize = 4;

/// Figures that are so old are of hours and windows that are over: a poll may tell of some that were not over at the last
/// look, and what it tells of last was over before it.
const OVER: i64 = 300;

/// Counters that begin anew twice in less show windows that are a mixture of both.
const APART: i64 = 1_800;

pub struct World {
    pub site: Arc<Site>,
    panels: Vec<Box<dyn SimulatedPanel>>,
    now: i64,
    /// The times it became.
    steps: Vec<i64>,
    /// When each counter was first committed.
    first: BTreeMap<Key, i64>,
    /// When something last happened to an account.
    shaken: BTreeMap<(String, String), i64>,
    /// What nobody could have seen, by meter, with its cause.
    lost: BTreeMap<Key, Vec<Lost>>,
    /// Whatever was done to a panel.
    pub happened: Vec<String>,
}

/// Bytes that passed after the last look and were forgotten by the panel.
#[derive(Debug)]
struct Lost {
    bytes: i64,
    /// The last look before.
    seen: i64,
    cause: &'static str,
}

impl World {
    pub async fn new(seed: u64, port: u16) -> World {
        let mut panels = Vec::new();
        let mut config = format!(
            "[whmcs]\ntimezone = \"Europe/Warsaw\"\n\n[store]\nurl = \"sqlite:whmeter.db\"\n\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n"
        );
        for kind in kinds() {
            let fake = whmeter_simulators::kind(kind.name).unwrap();
            let clock = ClockStart::Frozen(START);
            let options = Options { accounts: ACCOUNTS, seed, clock, ..Options::default() };
            let mut panel = fake.start(options.clone()).await.unwrap();
            if panel.landmarks().figures_age >= OVER {
                panel.stop();
                panel = fake.start(Options { accounts: FEW, ..options }).await.unwrap();
            }
            panel.forget_nothing();
            // Short pauses between retries: a fault is to be met, not waited for.
            let keys = "every = \"10m\"\nretries = 1\ntimeout = \"2s\"\n";
            config.push_str(&section(&*panel, kind.name, keys));
            panels.push(panel);
        }
        let site = Arc::new(Site::new(&config));
        let world = World {
            site,
            panels,
            now: START,
            steps: Vec::new(),
            first: BTreeMap::new(),
            shaken: BTreeMap::new(),
            lost: BTreeMap::new(),
            happened: Vec::new(),
        };
        world.set_time();
        world
    }

    pub fn now(&self) -> i64 {
        self.now
    }

    pub fn clock_file(&self) -> PathBuf {
        self.site.path().join("now")
    }

    pub fn advance(&mut self, seconds: i64) {
        self.now += seconds;
        self.steps.push(self.now);
        self.panels.iter().for_each(|panel| panel.knobs().clock.advance(seconds));
        self.set_time();
    }

    fn set_time(&self) {
        let next = self.site.path().join("now.next");
        std::fs::write(&next, self.now.to_string()).unwrap();
        std::fs::rename(next, self.clock_file()).unwrap();
    }

    /// Remembers which counters have been committed by now.
    pub async fn take_in(&mut self) {
        for (key, series) in Beliefs::of(self.site.path()).await.all().await {
            if let Some(at) = series.baselines.values().map(|(at, _)| *at).max() {
                self.first.entry(key).or_insert(at);
            }
        }
    }

    /// Something that makes counters begin anew, where a panel has any.
    pub async fn something_happens(&mut self, dice: &mut StdRng) {
        let beliefs = Beliefs::of(self.site.path()).await.all().await;
        let panel = dice.random_range(0..self.panels.len());
        let Some(happening) = self.panels[panel].happening(dice) else { return };
        let tells_of_the_past = self.panels[panel].landmarks().figures_age >= OVER;
        let may_happen = match &happening.account {
            // What it forgets is its own to say: the last windows before are still to be read.
            Some(account) if tells_of_the_past => self.is_left_alone(panel, account),
            Some(account) => self.note_losses(panel, account, happening.cause, &beliefs),
            // What was lost is told apart by nobody: it happens between a look and the next byte.
            None => self.has_seen_all(panel, &beliefs),
        };
        if !may_happen {
            return;
        }
        for (number, (operation, arguments)) in happening.operations.iter().enumerate() {
            if number > 0 {
                self.advance(10 * dice.random_range(2..400));
            }
            self.panels[panel].operate(operation, arguments).unwrap();
        }
        self.happened.push(format!("{} {} {}", self.now, self.panels[panel].kind(), happening.what));
    }

    /// Whether nothing happened to an account for a while; something does now.
    fn is_left_alone(&mut self, panel: usize, account: &str) -> bool {
        let key = (self.panels[panel].kind().to_string(), account.to_string());
        let before = self.shaken.insert(key, self.now);
        before.is_none_or(|before| self.now - before > APART)
    }

    fn has_seen_all(&self, panel: usize, beliefs: &BTreeMap<Key, Series>) -> bool {
        let mut own = beliefs.iter().filter(|((backend, ..), _)| backend == self.panels[panel].kind());
        own.all(|(_, series)| series.baselines.values().all(|(at, _)| *at == self.now))
    }

    /// Writes down what no counter of an account can tell once they begin anew now; false where none was read yet.
    fn note_losses(
        &mut self,
        panel: usize,
        account: &str,
        cause: &'static str,
        beliefs: &BTreeMap<Key, Series>,
    ) -> bool {
        let panel = &*self.panels[panel];
        let is_own = |key: &Key| key.0 == panel.kind() && key.1 == account;
        let counters = beliefs.iter().filter(|(key, series)| is_own(key) && !series.baselines.is_empty());
        let mut found = false;
        for (key, series) in counters {
            let (first, meter) = (self.first[key], key.2.as_str());
            let seen = series.baselines.values().map(|(at, _)| *at).max().unwrap_or(first);
            let passed = moved(panel, account, first, self.now, meter);
            let lost = self.lost.entry(key.clone()).or_default();
            let lost_before: i64 = lost.iter().map(|lost| lost.bytes).sum();
            let bytes = passed - lost_before - series.total;
            let oldest = seen - panel.landmarks().figures_age;
            let longest = moved(panel, account, oldest, self.now, meter);
            assert!((0..=longest).contains(&bytes), "{key:?}: {bytes} of at most {longest} are not counted");
            lost.push(Lost { bytes, seen, cause });
            found = true;
        }
        found
    }

    /// A fault at one of the panels, until it is fixed. None of them is a lie that could be believed.
    pub fn something_breaks(&mut self, dice: &mut StdRng) {
        let panel = &self.panels[dice.random_range(0..self.panels.len())];
        let landmarks = panel.landmarks();
        let changed = |becomes| FaultKind::ChangedField { field: landmarks.usage_key.into(), becomes };
        let kind = match dice.random_range(0..11u32) {
            0 => FaultKind::Failed { status: 500 },
            1 => FaultKind::HtmlPage { status: 502 },
            2 => FaultKind::Truncated { bytes: 300, honest_length: true },
            3 => FaultKind::Reset { after_bytes: 100 },
            4 => FaultKind::Garbage,
            5 => FaultKind::Delay { milliseconds: 150 },
            6 => FaultKind::CredentialsRefused { status: None },
            7 => changed(Change::Value(json!(-5))),
            8 => changed(Change::Value(json!("NaN"))),
            9 => changed(Change::RawText("99999999999999999999999".into())),
            _ => changed(Change::Quoted),
        };
        let path = if dice.random_bool(0.5) { landmarks.usage } else { "" };
        let fault = Fault::new(kind).on(path);
        panel.knobs().faults.add(if dice.random_bool(0.7) { fault } else { fault.times(1) });
    }

    pub fn fix(&self) {
        self.panels.iter().for_each(|panel| panel.knobs().faults.clear());
    }

    /// Every total against the truth, and every gap against its note.
    pub async fn check_everything(&self) {
        let verified = self.site.run_long(&["verify"]).await.good();
        println!("{verified}");
        assert_eq!(self.site.run_long(&["replay", "--json"]).await.json(), json!([]));
        let settings =
            StoreSettings { url: Secret::new("sqlite:whmeter.db".into()), ..StoreSettings::default() };
        let store = Store::open(settings, self.site.path()).await.unwrap();
        let beliefs = Beliefs::of(self.site.path()).await.all().await;
        let (mut checked, mut gaps) = (BTreeMap::new(), 0);
        for (key, series) in &beliefs {
            let (backend, account, meter) = key;
            let panel = self.panels.iter().find(|panel| panel.kind() == backend).unwrap();
            if let Some(level) = series.level {
                assert_eq!(panel.knobs().truth.level(account, level.0), Some(level.1 as u64), "{key:?}");
                assert_eq!(
                    self.held(&store, key).await,
                    self.held_in_truth(&store, &**panel, key).await,
                    "{key:?}"
                );
                *checked.entry("levels").or_insert(0) += 1;
                continue;
            }
            let days = self.days(&store, key).await;
            assert_eq!(days.values().sum::<i64>(), series.total, "{key:?}");
            if series.baselines.is_empty() {
                // An account may have several totals of one span: a network card each.
                let mut spans: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
                for (start, end, at, total) in &series.periods {
                    let span = spans.entry((*start, *end)).or_default();
                    *span = (span.0.max(*at), span.1 + total);
                }
                // What is of one stretch of days: hours make up their days, old days are one span, and one that begins
                // with its account begins within a day.
                let mut stretches: BTreeMap<(i64, i64), i64> = BTreeMap::new();
                for ((start, end), (at, total)) in &spans {
                    let truth = moved(&**panel, account, *start, (*at).min(*end), meter);
                    assert_eq!(*total, truth, "{key:?} from {start} to {end} as of {at}");
                    let day = |at| zone().day_of(Timestamp::new(at).unwrap());
                    let first = zone().start_of(day(*start)).get();
                    let end = zone().start_of(day(*end - 1).next()).get().max(*end);
                    *stretches.entry((first, end)).or_default() += total;
                }
                for ((first, end), total) in &stretches {
                    let has: i64 = days.range(first..end).map(|(_, bytes)| bytes).sum();
                    assert_eq!(has, *total, "{key:?} on the days from {first} to {end}");
                }
                let ends: Vec<(i64, i64)> = spans.keys().copied().collect();
                let whole = ends.windows(2).all(|pair| pair[0].1 == pair[1].0);
                let covered = ends[ends.len() - 1].1 - ends[0].0;
                assert!(whole && covered > crate::DAYS * 86_400, "{key:?} has holes: {ends:?}");
                *checked.entry("period totals").or_insert(0) += 1;
            } else {
                let last = series.baselines.values().map(|(at, _)| *at).max().unwrap();
                let age = match panel.landmarks().figures_age {
                    age if age >= OVER => age,
                    _ => 0,
                };
                // Who is switched off is not counted on, and moves nothing.
                let since = moved(&**panel, account, last, self.now, meter);
                assert!(
                    last + age >= self.now || since == 0,
                    "{key:?} was read at {last}, and moved {since} since"
                );
                let passed = moved(&**panel, account, self.first[key], last, meter);
                let lost: i64 = match age {
                    0 => self.lost.get(key).into_iter().flatten().map(|lost| lost.bytes).sum(),
                    _ => forgotten(&**panel, account, self.first[key], last, meter),
                };
                assert_eq!(series.total, passed - lost, "{key:?}: {passed} passed, {lost} could not be seen");
                gaps += self.gaps_are_told(&store, key).await;
                *checked.entry("counters").or_insert(0) += 1;
            }
        }
        store.close().await;
        println!("exact to the byte: {checked:?}; {gaps} gaps told with their cause");
        for panel in &self.panels {
            let explained = beliefs.keys().filter(|(backend, ..)| backend == panel.kind()).take(3);
            for (backend, account, meter) in explained {
                let arguments = ["explain", backend, account, meter, "--month", "2026-10", "--json"];
                let explained = self.site.at(self.now, &arguments).await.json();
                assert_eq!(explained["adds_up"], true, "{backend} {account} {meter}");
            }
        }
        assert!(checked.len() >= 2 && (gaps > 0 || self.lost.values().all(Vec::is_empty)));
    }

    /// Bytes by the start of their day.
    async fn days(&self, store: &Store, key: &Key) -> BTreeMap<i64, i64> {
        self.points(store, key).await.into_iter().map(|(day, amount, _)| (day, amount)).collect()
    }

    async fn held(&self, store: &Store, key: &Key) -> u128 {
        self.points(store, key).await.into_iter().map(|(_, _, held)| held).sum()
    }

    async fn points(&self, store: &Store, key: &Key) -> Vec<(i64, i64, u128)> {
        let query = whmeter::store::UsageQuery {
            backend: Some(BackendId::new(&key.0).unwrap()),
            account: Some(AccountName::new(&key.1).unwrap()),
            meter: Some(key.2.parse::<Meter>().unwrap()),
            owner: None,
        };
        let zone = zone();
        let [first, next] =
            [START - 400 * 86_400, self.now + 86_400].map(|at| zone.day_of(Timestamp::new(at).unwrap()));
        let period = whmeter::domain::BillingPeriod::new(first, next).unwrap();
        let days = store.days(&query, period).await.unwrap();
        days.iter()
            .map(|point| (zone.start_of(point.day).get(), point.amount.as_i64(), point.held.get()))
            .collect()
    }

    /// Level times minutes between the looks that were committed.
    async fn held_in_truth(&self, store: &Store, panel: &dyn SimulatedPanel, key: &Key) -> u128 {
        let mut looks: Vec<(i64, u64)> = Vec::new();
        for entry in store.journal(&BackendId::new(&key.0).unwrap(), 1, i64::MAX).await.unwrap() {
            let harvested = entry.harvest.accounts().get(key.1.as_str());
            let readings = harvested.into_iter().flat_map(|harvested| &harvested.readings);
            for (_, reading) in readings.filter(|(meter, _)| meter.name() == key.2) {
                let Reading::Gauge { at, level } = reading else {
                    panic!("{key:?}: {reading:?} is no level")
                };
                // A panel that we moved ahead of the program while it was asked: measured when it asked. One without a
                // clock in its answers says what it held after the step as of when it was asked.
                let later = self.steps.iter().filter(|step| **step > entry.at.get()).take(2).copied();
                let held = |at| panel.knobs().truth.level(&key.1, at) == Some(level.get());
                assert!(
                    std::iter::once(at.get()).chain(later).any(held),
                    "{key:?} never held {level} B about {at}, and entry {} says so",
                    entry.entry
                );
                looks.push((at.get().min(entry.at.get()), level.get()));
            }
        }
        let carried = looks.windows(2).filter(|pair| pair[1].0 - pair[0].0 <= MAX_GAP);
        // Whole minutes of the clock.
        let minutes = |pair: &[(i64, u64)]| pair[1].0.div_euclid(60) - pair[0].0.div_euclid(60);
        carried.map(|pair| u128::from(pair[0].1) * minutes(pair) as u128).sum()
    }

    /// How many gaps there are, each told by a note with the time of the last look before it.
    async fn gaps_are_told(&self, store: &Store, key: &Key) -> usize {
        let mut told = Vec::new();
        let backend = BackendId::new(&key.0).unwrap();
        for entry in store.journal(&backend, 1, i64::MAX).await.unwrap() {
            let mine = entry
                .made
                .into_iter()
                .filter(|made| made.account.as_str() == key.1 && made.meter.name() == key.2);
            told.extend(mine.flat_map(|made| made.notes));
        }
        let lost = self.lost.get(key).into_iter().flatten().filter(|lost| lost.bytes > 0);
        lost.map(|lost| {
            let seen = Timestamp::new(lost.seen).unwrap().to_string();
            let found = told.iter().any(|note| note.contains(&seen));
            assert!(
                found,
                "{key:?}: {} B lost when it {} after {seen}, and no note says so: {told:?}",
                lost.bytes, lost.cause
            );
        })
        .count()
    }
}

fn moved(panel: &dyn SimulatedPanel, account: &str, from: i64, to: i64, meter: &str) -> i64 {
    passed(&panel.knobs().truth, account, from, to, meter.parse().unwrap()) as i64
}

/// What the panel forgot itself, by its own word.
fn forgotten(panel: &dyn SimulatedPanel, account: &str, from: i64, to: i64, meter: &str) -> i64 {
    let forgotten = panel.knobs().truth.forgotten_between(account, from, to);
    let bytes = if meter == "traffic_in" { forgotten.received } else { forgotten.sent };
    bytes.try_into().unwrap()
}

fn zone() -> BillingZone {
    BillingZone::parse("Europe/Warsaw").unwrap()
}
