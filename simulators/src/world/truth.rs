//! What is really there: accounts and sources, what each moved and holds, and who has what.
//!
//! It goes through a story event by event and knows nothing of polls.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime};

use super::story::{BackendPlan, SourcePlan, Story, What};
use crate::growth::{Growth, Traffic};

/// The world at an instant.
#[derive(Clone, Debug)]
pub struct Truth {
    seed: u64,
    plans: Vec<BackendPlan>,
    down: Vec<bool>,
    /// Panels that show nobody.
    blind: Vec<bool>,
    /// Since when panels stand still.
    stalled: Vec<Option<i64>>,
    /// Months (in UTC, by their first second) that panels tell nothing of.
    forgotten: Vec<Option<i64>>,
    /// What panels that tell totals have another opinion of: source and first second of a day, in thousandths.
    revised: BTreeMap<(u32, i64), i64>,
    accounts: BTreeMap<u32, Account>,
    sources: BTreeMap<u32, Source>,
}

/// An account of a panel, from its making to its deletion.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its panel.
    pub backend: usize,
    /// Its name there now.
    pub name: String,
    /// When it was made, in epoch seconds.
    pub born: i64,
    /// Whether it is there.
    pub lives: bool,
    /// Whether its panel leaves it out of its lists.
    pub hidden: bool,
    /// Whether its panel tells nothing but that it is there.
    pub unreadable: bool,
}

/// A counter of an account, or a guest of a pool.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the panel calls it.
    pub shown: String,
    /// Its panel.
    pub backend: usize,
    /// Whose it is now.
    pub account: Option<u32>,
    growth: Growth,
    /// When each of its runs began and ended; the last one may go on.
    runs: Vec<(i64, Option<i64>)>,
}

impl Source {
    /// When the run that goes on began; `None` for one that is over.
    pub fn run_from(&self) -> Option<i64> {
        self.runs.last().filter(|(_, to)| to.is_none()).map(|(from, _)| *from)
    }

    /// When the run began that went on at an instant.
    pub fn run_at(&self, at: i64) -> Option<i64> {
        let run = self.runs.iter().rfind(|(from, to)| *from <= at && to.is_none_or(|to| at < to));
        run.map(|(from, _)| *from)
    }

    /// Bytes moved from `from` until `to`, exactly.
    pub fn moved(&self, from: i64, to: i64) -> Traffic {
        let within = self.runs.iter().filter_map(|(began, ended)| {
            let (start, end) = (from.max(*began), to.min(ended.unwrap_or(i64::MAX)));
            (start < end).then(|| self.growth.traffic(end) - self.growth.traffic(start))
        });
        within.fold(Traffic::default(), |sum, part| sum + part)
    }

    /// Bytes held at an instant at which it runs.
    pub fn level(&self, at: i64) -> u64 {
        self.growth.level(at)
    }

    fn end(&mut self, at: i64) {
        if let Some((_, to @ None)) = self.runs.last_mut() {
            *to = Some(at);
        }
        self.account = None;
    }
}

/// The first second of the month that an instant lies in, in UTC.
pub fn utc_month(at: i64) -> i64 {
    let date = DateTime::from_timestamp(at, 0).unwrap_or_default().date_naive();
    date.with_day(1).map_or(0, |first| first.and_time(NaiveTime::MIN).and_utc().timestamp())
}

/// The last midnight, in UTC, that began a `day` of a month.
pub fn utc_month_from(day: u32, at: i64) -> i64 {
    let date = DateTime::from_timestamp(at, 0).unwrap_or_default().date_naive();
    let on = |date: NaiveDate| date.with_day(day).unwrap_or(date);
    let last = match on(date) > date {
        true => date.checked_sub_months(Months::new(1)).map_or(date, on),
        false => on(date),
    };
    last.and_time(NaiveTime::MIN).and_utc().timestamp()
}

impl Truth {
    /// A world in which nothing has happened.
    pub fn new(story: &Story) -> Truth {
        Truth {
            seed: story.seed,
            plans: story.backends.clone(),
            down: vec![false; story.backends.len()],
            blind: vec![false; story.backends.len()],
            stalled: vec![None; story.backends.len()],
            forgotten: vec![None; story.backends.len()],
            revised: BTreeMap::new(),
            accounts: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Takes in what happens at `at`.
    pub fn happens(&mut self, at: i64, what: &What) {
        match what {
            What::Born { account, backend, name, sources } => {
                self.born(at, *account, *backend, name, sources)
            }
            What::Died { account } => {
                let Some(found) = self.accounts.get_mut(account) else { return };
                found.lives = false;
                self.sources
                    .values_mut()
                    .filter(|source| source.account == Some(*account))
                    .for_each(|source| source.end(at));
            }
            What::Renamed { account, name } => {
                let Some(found) = self.accounts.get(account).filter(|found| found.lives) else { return };
                if self.named(found.backend, name).is_none()
                    && let Some(found) = self.accounts.get_mut(account)
                {
                    found.name.clone_from(name);
                }
            }
            What::Hidden { account, hidden } => {
                if let Some(found) = self.accounts.get_mut(account) {
                    found.hidden = *hidden;
                }
            }
            What::Added { account, source } => {
                if let Some(backend) = self.living(*account).map(|found| found.backend) {
                    self.add(at, *account, backend, source);
                }
            }
            What::Removed { source } => {
                if let Some(source) = self.sources.get_mut(source) {
                    source.end(at);
                }
            }
            What::Moved { source, to } => {
                let backend = to.and_then(|to| self.living(to)).map(|found| found.backend);
                let Some(source) = self.sources.get_mut(source) else { return };
                let may = to.is_none() || backend == Some(source.backend);
                if may && source.run_from().is_some() {
                    source.account = *to;
                }
            }
            What::Restarted { source } => {
                let Some(source) = self.sources.get_mut(source) else { return };
                if source.run_from().is_some() {
                    let account = source.account;
                    source.end(at);
                    source.runs.push((at, None));
                    source.account = account;
                }
            }
            What::Blind { backend, blind } => {
                if let Some(found) = self.blind.get_mut(*backend) {
                    *found = *blind;
                }
            }
            What::Stalls { backend, stalls } => {
                if let Some(found) = self.stalled.get_mut(*backend) {
                    *found = stalls.then_some(found.unwrap_or(at));
                }
            }
            What::Unreadable { account, unreadable } => {
                if let Some(found) = self.accounts.get_mut(account) {
                    found.unreadable = *unreadable;
                }
            }
            What::Revised { account, days_ago, per_mille } => {
                let day = (at - days_ago * 86_400).div_euclid(86_400) * 86_400;
                let its: Vec<u32> = self.sources_of(*account).map(|(source, _)| source).collect();
                self.revised.extend(its.into_iter().map(|source| ((source, day), *per_mille)));
            }
            What::Forgets { backend, months_ago, forgets } => {
                if let Some(found) = self.forgotten.get_mut(*backend) {
                    let month = (0..*months_ago).fold(utc_month(at), |month, _| utc_month(month - 1));
                    *found = forgets.then_some(month);
                }
            }
            What::Down { backend } => self.set_down(*backend, true),
            What::Up { backend } => self.set_down(*backend, false),
            _ => {}
        }
    }

    /// Whether a panel does not answer.
    pub fn is_down(&self, backend: usize) -> bool {
        self.down.get(backend).copied().unwrap_or(true)
    }

    /// Whether a panel shows nobody, though they are there.
    pub fn is_blind(&self, backend: usize) -> bool {
        self.blind.get(backend).copied().unwrap_or(false)
    }

    /// The moment that a panel tells of when it is asked at `at`.
    pub fn tells_of(&self, backend: usize, at: i64) -> i64 {
        self.stalled.get(backend).copied().flatten().unwrap_or(at)
    }

    /// The first second of the month that a panel tells nothing of.
    pub fn forgotten(&self, backend: usize) -> Option<i64> {
        self.forgotten.get(backend).copied().flatten()
    }

    /// By how many thousandths a panel's opinion of a day of a source differs from the truth.
    pub fn revised(&self, source: u32, day: i64) -> i64 {
        self.revised.get(&(source, day)).copied().unwrap_or(0)
    }

    /// The panel's plan.
    pub fn plan(&self, backend: usize) -> Option<&BackendPlan> {
        self.plans.get(backend)
    }

    /// The accounts that are on a panel now, by their own number.
    pub fn on(&self, backend: usize) -> impl Iterator<Item = (u32, &Account)> {
        let there = self.accounts.iter().filter(move |(_, found)| found.lives && found.backend == backend);
        there.map(|(id, found)| (*id, found))
    }

    /// The sources an account has now, by their own number.
    pub fn sources_of(&self, account: u32) -> impl Iterator<Item = (u32, &Source)> {
        let its = self.sources.iter().filter(move |(_, source)| source.account == Some(account));
        its.map(|(id, source)| (*id, source))
    }

    /// A source, by its own number.
    pub fn source(&self, id: u32) -> Option<&Source> {
        self.sources.get(&id)
    }

    /// Every source there ever was.
    pub fn sources(&self) -> impl Iterator<Item = (u32, &Source)> {
        self.sources.iter().map(|(id, source)| (*id, source))
    }

    fn living(&self, account: u32) -> Option<&Account> {
        self.accounts.get(&account).filter(|found| found.lives)
    }

    fn named(&self, backend: usize, name: &str) -> Option<u32> {
        self.on(backend).find(|(_, found)| found.name == name).map(|(id, _)| id)
    }

    fn born(&mut self, at: i64, account: u32, backend: usize, name: &str, sources: &[SourcePlan]) {
        // A panel has no two accounts of one name, and no number is given twice.
        if backend >= self.plans.len()
            || self.accounts.contains_key(&account)
            || self.named(backend, name).is_some()
        {
            return;
        }
        let made = Account {
            backend,
            name: name.to_owned(),
            born: at,
            lives: true,
            hidden: false,
            unreadable: false,
        };
        self.accounts.insert(account, made);
        sources.iter().for_each(|source| self.add(at, account, backend, source));
    }

    fn add(&mut self, at: i64, account: u32, backend: usize, plan: &SourcePlan) {
        let pools = self.plans[backend].pools;
        let mut there = self.sources.values().filter(|known| known.run_from().is_some());
        let taken = there.any(|known| match pools {
            true => known.backend == backend && known.shown == plan.shown,
            false => known.account == Some(account),
        });
        if taken || self.sources.contains_key(&plan.id) {
            return;
        }
        let growth = Growth::of(self.seed, &plan.id.to_string(), "");
        let account = Some(account);
        let source = Source { shown: plan.shown.clone(), backend, account, growth, runs: vec![(at, None)] };
        self.sources.insert(plan.id, source);
    }

    fn set_down(&mut self, backend: usize, down: bool) {
        if let Some(found) = self.down.get_mut(backend) {
            *found = down;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_may_begin_on_any_day() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).map_or(0, |time| time.timestamp());
        for (day, now, begins) in [
            (1, "2026-03-31T23:59:59Z", "2026-03-01T00:00:00Z"),
            (15, "2026-03-14T23:59:59Z", "2026-02-15T00:00:00Z"),
            (15, "2026-03-15T00:00:00Z", "2026-03-15T00:00:00Z"),
            (28, "2026-01-01T00:00:00Z", "2025-12-28T00:00:00Z"),
        ] {
            assert_eq!(utc_month_from(day, at(now)), at(begins), "{day} {now}");
        }
    }
}
