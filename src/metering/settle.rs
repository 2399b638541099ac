//! One harvest against the book: the days it moves, the beliefs it changes, and what was noticed.

use std::collections::BTreeMap;

use litemap::LiteMap;

use super::book::{Baseline, Book, Implausible, LevelBelief, MonthToDate, PeriodBelief, SeriesBook};
use super::change::{DayChange, Effects, Rules, SeriesChange, Settled};
use super::counter::{Count, Known, Step};
use super::level::settle_level;
use super::note::{Note, Noted};
use super::period::revise;
use super::plausible::{Believed, Jump, jump};
use super::share::share;
use crate::domain::{
    AccountName, ByteMinutes, Bytes, Harvest, Meter, Minutes, Nature, Reading, Seconds, Source, Span,
    Timestamp,
};

/// Settles one harvest, asked for at `now`. Readings of one harvest may come in any order; the same
/// harvest twice changes nothing the second time.
pub fn settle(book: &Book, harvest: &Harvest, now: Timestamp, rules: &Rules) -> Settled {
    let mut settled = Settled { last_look: book.last_look, max_rate: rules.max_rate, ..Settled::default() };
    for (account, harvested) in harvest.accounts() {
        let mut by_meter: LiteMap<Meter, Vec<&Reading>> = LiteMap::new();
        for (meter, reading) in &harvested.readings {
            by_meter.entry(*meter).or_default().push(reading);
        }
        for (meter, mut readings) in by_meter {
            readings.sort_by(|a, b| order(a).cmp(&order(b)));
            let before = book.accounts.get(account).and_then(|series| series.get(&meter));
            let mut series = SettlingSeries::new(before, book.last_look, now, rules);
            // What one of several counters did is not known: the others count, the time does not.
            let whole =
                !harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter));
            series.readings(&readings, whole);
            series.finish(account, meter, &mut settled);
        }
    }
    if harvest.is_complete() {
        settled.last_look = settled.last_look.max(Some(now));
    }
    settled
}

/// The order readings are settled in, so that the order they came in does not matter.
fn order(reading: &Reading) -> (Timestamp, &str, Option<Span>, Bytes) {
    match reading {
        Reading::Gauge { at, level } => (*at, "", None, *level),
        Reading::PeriodTotal { source, at, span, total } => (*at, source.as_str(), Some(*span), *total),
        Reading::Counter { source, at, count, .. } => (*at, source.as_str(), None, *count),
    }
}

impl Believed for SettlingSeries<'_> {
    fn level(&self) -> Option<LevelBelief> {
        self.after.level
    }

    fn baseline(&self, source: &Source) -> Option<Baseline> {
        let so_far = self.baselines.get(source).copied();
        so_far.or_else(|| self.before?.baselines.get(source).copied())
    }

    fn total_of(&self, source: &Source, span: Span) -> Option<&PeriodBelief> {
        let key = (source.clone(), span);
        self.periods.get(&key).or_else(|| self.before?.periods.get(&key))
    }
}

struct SettlingSeries<'a> {
    after: SeriesBook,
    baselines: LiteMap<Source, Baseline>,
    periods: BTreeMap<(Source, Span), PeriodBelief>,
    effects: Effects,
    before: Option<&'a SeriesBook>,
    last_look: Option<Timestamp>,
    now: Timestamp,
    rules: &'a Rules,
}

impl<'a> SettlingSeries<'a> {
    fn new(
        before: Option<&'a SeriesBook>,
        last_look: Option<Timestamp>,
        now: Timestamp,
        rules: &'a Rules,
    ) -> SettlingSeries<'a> {
        // The maps stay behind: they can be long, and only what changes is written.
        let after = before.map_or_else(SeriesBook::default, |before| SeriesBook {
            at: before.at,
            level: before.level,
            month: before.month,
            total: before.total,
            shown: before.shown,
            implausible: before.implausible,
            ..SeriesBook::default()
        });
        SettlingSeries {
            after,
            baselines: LiteMap::new(),
            periods: BTreeMap::new(),
            effects: Effects::default(),
            before,
            last_look,
            now,
            rules,
        }
    }

    /// Settles the readings, already in order; those of one instant belong together. `whole` tells that
    /// every counter of the series is among them.
    fn readings(&mut self, readings: &[&Reading], whole: bool) {
        for together in readings.chunk_by(|a, b| a.at() == b.at()) {
            let at = self.believable(together[0].at());
            if self.is_held_back(together, at) {
                continue;
            }
            let mut known = if whole { Known::All } else { Known::Nothing };
            for reading in together {
                known = known.min(match reading {
                    Reading::Gauge { level, .. } => {
                        self.after.level =
                            Some(settle_level(self.after.level, at, *level, self.rules, &mut self.effects));
                        Known::Part
                    }
                    Reading::Counter { source, epoch, count, .. } => {
                        self.counter(source, Count { at, epoch: *epoch, count: *count })
                    }
                    Reading::PeriodTotal { source, span, total, .. } => {
                        self.period(source, *span, at, *total);
                        Known::Part
                    }
                });
            }
            // Counters cover time together; levels and period totals do so each on its own.
            if known == Known::All {
                self.cover(self.after.at, at);
            }
            // Where a counter was not measured the series is as old as that counter.
            if known > Known::Nothing {
                self.after.at = self.after.at.max(Some(at));
            }
        }
    }

    /// Whether readings of one instant jump further than can be, and nobody has said that they are true.
    /// Nothing of the series is believed then: what it did meanwhile is in the next reading that is.
    fn is_held_back(&mut self, together: &[&Reading], at: Timestamp) -> bool {
        let held = self.after.implausible;
        match jump(self, held, self.last_look, together, at, self.rules) {
            Some(jump) if held.is_none_or(|held| !held.accepted) => {
                if held.is_none() {
                    let Jump { source, amount, allowed, since } = jump;
                    self.effects.note(&source, at, Note::Implausible { amount, allowed, since });
                    self.after.implausible = Some(Implausible { since: at, accepted: false });
                }
                true
            }
            _ => {
                if held.is_some_and(|held| !held.accepted) {
                    self.effects.note(&Source::default(), at, Note::PlausibleAgain);
                }
                self.after.implausible = None;
                false
            }
        }
    }

    /// A time in our future is the panel's clock being wrong: it measured when we asked, at the latest.
    fn believable(&mut self, at: Timestamp) -> Timestamp {
        if at > self.now {
            // A few seconds are two clocks being two clocks.
            if at.since(self.now) > Seconds::new(300) {
                self.effects.note(&Source::default(), self.now, Note::ClockAhead { at });
            }
            return self.now;
        }
        at
    }

    fn counter(&mut self, source: &Source, count: Count) -> Known {
        let believed = self.baseline(source);
        let step = match believed {
            Some(baseline) => count.after(baseline),
            None => count.first(self.last_look),
        };
        let Step { baseline, grew, note, known } = step;
        if let Some((since, amount)) = grew
            && !self.add(source, since, count.at, amount)
        {
            return Known::Nothing;
        }
        if let Some(note) = note {
            self.effects.note(source, count.at, note);
        }
        if believed != Some(baseline) {
            self.baselines.insert(source.clone(), baseline);
        }
        known
    }

    /// Adds growth between two instants to the days; refuses what could not be summed.
    fn add(&mut self, source: &Source, since: Timestamp, at: Timestamp, amount: Bytes) -> bool {
        let Some(total) = self.after.total.checked_add(amount) else {
            self.effects.note(source, at, Note::TooLarge);
            return false;
        };
        self.after.total = total;
        let shares = share(self.rules.zone, since, at, amount);
        let far = at.since(since) > self.rules.max_gap;
        if far {
            self.effects.note(source, at, Note::Gap { from: since, to: at });
        }
        let guessed = far && shares.len() > 1;
        for (day, part) in shares {
            let change = self.effects.day(day);
            change.added += part.wide();
            change.estimated += if guessed { part.wide() } else { 0 };
        }
        true
    }

    fn period(&mut self, source: &Source, span: Span, at: Timestamp, total: Bytes) {
        let key = (source.clone(), span);
        let believed = self.total_of(source, span);
        let first_time = believed.is_none();
        let seen = believed.map_or(span.start(), |belief| belief.at);
        let revision = revise(believed, span, at, total, self.rules.zone);
        let sum = self.after.total.wide() + revision.moved.values().sum::<i128>();
        let Ok(sum) = Bytes::from_wide(sum) else {
            self.effects.note(source, at, Note::TooLarge);
            return;
        };
        self.after.total = sum;
        for (day, moved) in revision.moved {
            self.effects.day(day).added += moved;
        }
        if let Some(note) = revision.note {
            self.effects.note(source, at, note);
        }
        if let Some(belief) = revision.belief {
            if belief.doubt.is_none() && (first_time || seen < span.end()) {
                self.cover(Some(span.start().max(seen)), at.min(span.end()));
            }
            self.periods.insert(key, belief);
        }
    }

    /// Marks the time between two instants as accounted for.
    fn cover(&mut self, from: Option<Timestamp>, to: Timestamp) {
        let Some(Ok(span)) = from.map(|from| Span::new(from, to)) else { return };
        for (day, part) in self.rules.zone.cut(span) {
            self.effects.day(day).covered += part.minutes();
        }
    }

    fn finish(mut self, account: &AccountName, meter: Meter, settled: &mut Settled) {
        self.after.shown = self.after.shown.max(self.after.total);
        self.after.month = self.month(meter);
        for (source, at, note) in self.effects.notes {
            settled.notes.push(Noted { account: account.clone(), meter, source, at, note });
        }
        let mut days = self.effects.days;
        days.retain(|_, change| *change != DayChange::default());
        let moved = self.before.is_none_or(|before| {
            (before.at, before.level, before.total, before.implausible)
                != (self.after.at, self.after.level, self.after.total, self.after.implausible)
        });
        if moved || !days.is_empty() || !self.baselines.is_empty() || !self.periods.is_empty() {
            settled.changes.push(SeriesChange {
                account: account.clone(),
                meter,
                at: self.after.at,
                level: self.after.level,
                month: self.after.month,
                total: self.after.total,
                shown: self.after.shown,
                implausible: self.after.implausible,
                baselines: self.baselines.into_tuple_vec(),
                periods: self.periods.into_iter().collect(),
                days,
            });
        }
    }

    /// The running month after this poll: the newest one that was read of, with what its days gained.
    fn month(&self, meter: Meter) -> Option<MonthToDate> {
        let read = self.after.at.map(|at| self.rules.zone.day_of(at).month());
        // Where one counter of several lags, the others are in the new month already.
        let moved = self.effects.days.keys().next_back().map(|day| day.month());
        let month = read.max(moved).max(self.after.month.map(|carried| carried.month))?;
        let carried = self.after.month.filter(|before| before.month == month);
        let mut sum = carried.unwrap_or(MonthToDate {
            month,
            amount: Bytes::ZERO,
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        });
        let (mut added, mut estimated) = (0, 0);
        for (_, change) in self.effects.days.iter().filter(|(day, _)| day.month() == month) {
            added += change.added;
            estimated += change.estimated;
            sum.held += change.held;
            sum.covered += change.covered;
        }
        // The month is part of `total`, which was checked.
        sum.amount = match meter.nature() {
            Nature::Flow => Bytes::from_wide(sum.amount.wide() + added).unwrap_or(sum.amount),
            Nature::Level => self.after.level.map_or(sum.amount, |belief| belief.level),
        };
        sum.estimated = Bytes::from_wide(sum.estimated.wide() + estimated).unwrap_or(sum.estimated);
        Some(sum)
    }
}
