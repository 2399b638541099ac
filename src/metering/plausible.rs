//! Jumps that cannot be: growth faster than a backend's `max_rate` is held back until an operator has looked.

use litemap::LiteMap;

use super::book::{Book, DoubtedLevel, Implausible, LevelBelief, Life};
use super::change::{DayChange, SeriesChange, SettleRules, Settled};
use super::doubt::ListDoubt;
use super::note::{Note, Noted};
use super::period::confirm;
use crate::domain::{AccountName, Bytes, Epoch, LifeNo, Reading, Seconds, Source, Span, Timestamp};

/// The shortest time a jump is measured over: panels add in steps, and two clocks are two clocks.
const SHORTEST: Seconds = Seconds::new(60);

/// A jump that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    pub source: Source,
    pub amount: Bytes,
    pub allowed: Bytes,
    pub since: Timestamp,
}

/// What is believed of a series while a harvest is settled, and what a reading would add to it since when.
pub(super) trait Believed {
    fn level(&self) -> Option<LevelBelief>;
    fn growth(
        &self,
        source: &Source,
        at: Timestamp,
        epoch: Epoch,
        count: Bytes,
    ) -> Option<(Timestamp, Bytes)>;
    fn revision(
        &self,
        source: &Source,
        span: Span,
        at: Timestamp,
        total: Bytes,
    ) -> Option<(Timestamp, Bytes)>;
}

/// The first of some readings, all of `at`, that jumps further than can be. Once something is held back the
/// time it is measured over stands still: a jump does not become true by waiting.
pub(super) fn jump(
    series: &impl Believed,
    held: Option<Implausible>,
    readings: &[&Reading],
    at: Timestamp,
    rules: &SettleRules,
) -> Option<Jump> {
    let measured = held.map_or(at, |first| first.since.min(at));
    readings.iter().find_map(|reading| {
        let rate = match reading {
            Reading::Gauge { .. } => rules.bounds.max_storage_rate?,
            Reading::Counter { .. } | Reading::PeriodTotal { .. } => rules.bounds.max_rate?,
        };
        let (source, since, amount) = growth(series, reading, at)?;
        let seconds = measured.since(since).max(SHORTEST).get();
        let allowed = u128::from(rate.get()) * u128::from(seconds);
        let allowed = Bytes::new(u64::try_from(allowed).unwrap_or(u64::MAX)).unwrap_or(Bytes::MAX);
        (amount > allowed).then_some(Jump { source, amount, allowed, since })
    })
}

/// What a reading would add, and since when.
fn growth(series: &impl Believed, reading: &Reading, at: Timestamp) -> Option<(Source, Timestamp, Bytes)> {
    let (source, grew) = match reading {
        Reading::Gauge { level, .. } => {
            let before = series.level()?;
            (Source::default(), Some((before.at, level.checked_sub(before.level)?)))
        }
        Reading::Counter { source, epoch, count, .. } => {
            (source.clone(), series.growth(source, at, *epoch, *count))
        }
        Reading::PeriodTotal { source, span, total, .. } => {
            (source.clone(), series.revision(source, *span, at, *total))
        }
    };
    grew.map(|(since, amount)| (source, since, amount))
}

/// An operator's word that what is doubted is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Whose usage; of everybody and of whole answers where nobody is named.
    pub account: Option<AccountName>,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Nothing is doubted that could be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is held back there; `whmeter report --what held-back` lists what is")]
pub struct NothingHeldBack;

/// What an acceptance given at `at` changes: the next answer is believed, whatever it says.
pub fn accept(book: &Book, acceptance: &Acceptance, at: Timestamp) -> Result<Settled, NothingHeldBack> {
    let Acceptance { account, author, reason } = acceptance;
    let (last_look, list_doubt) = (book.last_look, book.list_doubt);
    let mut settled = Settled { last_look, list_doubt, ..Settled::default() };
    let lives: Vec<LifeNo> = match account {
        Some(account) => book.called(account).into_iter().collect(),
        None => book.names.values().copied().collect(),
    };
    let mut lives: Vec<(LifeNo, &Life)> =
        lives.into_iter().filter_map(|no| Some((no, book.lives.get(&no)?))).collect();
    lives.sort_unstable_by_key(|(no, _)| *no);
    for (no, life) in lives {
        for (meter, before) in life.series.iter() {
            let implausible = before.implausible.filter(|held| !held.accepted);
            let doubted = before.doubted.filter(|doubted| !doubted.accepted);
            let fallen = before.periods.iter().filter_map(|(key, belief)| Some((key, confirm(belief)?)));
            let (mut periods, mut days) = (Vec::new(), LiteMap::new());
            let mut total = before.total.wide();
            for (key, (belief, moved)) in fallen {
                periods.push((key.clone(), belief));
                for (place, bytes) in moved {
                    total += bytes;
                    days.entry(place).or_insert_with(DayChange::default).added += bytes;
                }
            }
            if implausible.is_none() && doubted.is_none() && periods.is_empty() {
                continue;
            }
            settled.changes.push(SeriesChange {
                periods,
                days,
                total: Bytes::from_wide(total).unwrap_or(Bytes::ZERO),
                implausible: before.implausible.map(|held| Implausible { accepted: true, ..held }),
                doubted: before.doubted.map(|doubted| DoubtedLevel { accepted: true, ..doubted }),
                ..SeriesChange::unmoved(no, *meter, before)
            });
            let note = Note::Accepted { author: author.clone(), reason: reason.clone() };
            let (account, source) = (life.name.clone(), Source::default());
            settled.notes.push(Noted { account, life: no, meter: *meter, source, at, note });
        }
    }
    if account.is_none() {
        settled.list_doubt = list_doubt.map(|doubt| ListDoubt { accepted: true, ..doubt });
    }
    let nothing = settled.changes.is_empty() && settled.list_doubt == list_doubt;
    if nothing { Err(NothingHeldBack) } else { Ok(settled) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BillingZone, Epoch, Harvest, Meter};
    use crate::metering::{Bounds, settle};

    const START: i64 = 1_795_000_000;

    fn rules() -> SettleRules {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let (max_rate, max_storage_rate) = (Some(bytes(1_000)), Some(bytes(1_000)));
        let bounds = Bounds { max_rate, max_storage_rate, ..Bounds::default() };
        SettleRules { zone, max_gap: Seconds::hours(26), bounds }
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::new(START + second).expect("in range")
    }

    fn account() -> AccountName {
        AccountName::new("alice").expect("a name")
    }

    /// A counter, a level and a period total that all say `amount`.
    fn say(book: &mut Book, second: i64, amount: u64) -> Vec<&'static str> {
        let (now, amount) = (at(second), bytes(amount));
        let mut harvest = Harvest::new();
        harvest.add_reading(&account(), Meter::StorageUsed, Reading::Gauge { at: now, level: amount });
        let source = Source::default();
        let counter =
            Reading::Counter { source: source.clone(), at: now, epoch: Epoch::Silent, count: amount };
        harvest.add_reading(&account(), Meter::TrafficIn, counter);
        let span = Span::new(at(-86_400), at(864_000)).expect("a span");
        let total = Reading::PeriodTotal { source, at: now, span, total: amount };
        harvest.add_reading(&account(), Meter::TrafficTotal, total);
        harvest.listed_everyone();
        let settled = settle(book, &harvest, now, &rules());
        let notes = settled.notes.iter().map(|noted| noted.note.name()).collect();
        book.apply(&settled);
        notes
    }

    fn totals(book: &Book) -> [u64; 3] {
        let series = &book.life(&account()).expect("seen").series;
        let level = series[&Meter::StorageUsed].level.map_or(0, |belief| belief.level.get());
        [level, series[&Meter::TrafficIn].total.get(), series[&Meter::TrafficTotal].total.get()]
    }

    #[test]
    fn a_jump_is_held_back_however_long_one_waits_and_lost_no_byte_when_accepted() {
        let mut book = Book::default();
        say(&mut book, 0, 1_000);
        assert!(say(&mut book, 900, 801_000).is_empty(), "eight hundred thousand in a quarter hour can be");
        assert_eq!(totals(&book), [801_000, 800_000, 801_000]);
        let notes = say(&mut book, 1_800, 1 << 40);
        assert_eq!(notes, ["implausible"; 3]);
        assert_eq!(totals(&book), [801_000, 800_000, 801_000]);
        // Said once, and not true by waiting.
        assert!(say(&mut book, 2_000_000_000, (1 << 40) + 5).is_empty());
        assert_eq!(totals(&book), [801_000, 800_000, 801_000]);
        let (account, author, reason) = (Some(account()), "ann".into(), "a migration".into());
        let acceptance = Acceptance { account, author, reason };
        let settled = accept(&book, &acceptance, at(2_000_000_100)).expect("held back");
        assert_eq!(settled.changes.len(), 3);
        book.apply(&settled);
        assert_eq!(accept(&book, &acceptance, at(2_000_000_100)), Err(NothingHeldBack), "once");
        say(&mut book, 2_000_000_900, (1 << 40) + 7);
        assert_eq!(totals(&book), [(1 << 40) + 7, (1 << 40) + 7 - 1_000, (1 << 40) + 7]);
        assert!(
            book.life(acceptance.account.as_ref().expect("named"))
                .expect("seen")
                .series
                .iter()
                .all(|(_, series)| series.implausible.is_none())
        );
        assert_eq!(
            say(&mut book, 2_000_001_800, 1 << 50),
            ["implausible"; 3],
            "accepted was one jump, not all"
        );
    }

    #[test]
    fn a_glitch_that_passes_is_forgotten_and_what_passed_meanwhile_counts() {
        let mut book = Book::default();
        say(&mut book, 0, 1_000);
        say(&mut book, 900, 1 << 60);
        assert_eq!(say(&mut book, 1_800, 500_000), ["plausible_again"; 3]);
        assert_eq!(totals(&book), [500_000, 499_000, 500_000]);
        assert!(
            book.life(&account())
                .expect("seen")
                .series
                .iter()
                .all(|(_, series)| series.implausible.is_none())
        );
    }

    #[test]
    fn what_is_stored_is_held_back_only_where_it_has_a_rate_of_its_own() {
        let mut book = Book::default();
        let bounds = Bounds { max_storage_rate: None, ..rules().bounds };
        let rules = SettleRules { bounds, ..rules() };
        for (second, level) in [(0, 0), (1, u64::MAX / 2)] {
            let mut harvest = Harvest::new();
            let reading = Reading::Gauge { at: at(second), level: bytes(level) };
            harvest.add_reading(&account(), Meter::StorageUsed, reading);
            let settled = settle(&book, &harvest, at(second), &rules);
            book.apply(&settled);
        }
        assert_eq!(totals_of_level(&book), u64::MAX / 2);
    }

    fn totals_of_level(book: &Book) -> u64 {
        book.life(&account()).expect("seen").series[&Meter::StorageUsed]
            .level
            .map_or(0, |belief| belief.level.get())
    }
}
