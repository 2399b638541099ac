//! One harvest against the book: the days it moves, the beliefs it changes, and what was noticed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::book::{Baseline, Book, CounterKey, Doubt, Implausible, LeftOut, LevelBelief, Life, PeriodBelief};
use super::change::{SeriesChange, SettleRules, Settled};
use super::counter::{Count, Coverage, Step};
use super::doubt::ListDoubt;
use super::level::{Measured, judge_level, settle_level};
use super::lives::{Expected, Look, look};
use super::moving::{Moving, MovingSeries};
use super::note::{Note, Noted};
use super::period::{NotOurs, OVER_AFTER, count_copied, month_of, revise, vanished};
use super::plausible::{Believed, Jump, jump};
use super::share::{Days, Timeline};
use crate::domain::{
    Bytes, Copied, Epoch, Harvest, Harvested, LifeNo, Map, Meter, Reading, Seconds, Source, Span, Timestamp,
};

/// Settles one harvest, asked for at `now`. Readings of one harvest may come in any order; the same
/// harvest twice changes nothing the second time.
pub fn settle(book: &Book, harvest: &Harvest, now: Timestamp, rules: &SettleRules) -> Settled {
    let look = look(book, harvest, now, &Expected::default());
    settle_looked(book, harvest, look, now, rules)
}

/// The same, once it is known whose life each account is.
pub fn settle_looked(
    book: &Book,
    harvest: &Harvest,
    look: Look,
    now: Timestamp,
    rules: &SettleRules,
) -> Settled {
    let days = Days::new(rules.zone);
    let (series, counters, copied, looks) = Default::default();
    let mut settling =
        Settling { book, look: &look, now, rules, days: &days, series, counters, copied, looks };
    for (harvested, life) in harvest.accounts().values().zip(look.shown(book, harvest)) {
        if let Some(life) = life {
            settling.account(life, harvested);
        }
    }
    settling.lose();
    let mut settled = Settled { last_look: book.last_look, bounds: rules.bounds, ..Settled::default() };
    settling.finish(&mut settled);
    settled.lives = look.changes;
    settled.list_doubt = match (harvest.is_complete(), look.shrunk) {
        (false, _) => book.list_doubt,
        (true, None) => {
            settled.last_look = settled.last_look.max(Some(now));
            None
        }
        // A list that is doubted was no look at all accounts.
        (true, Some(shrunk)) => Some(ListDoubt::after(book.list_doubt, shrunk, now)),
    };
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

/// A harvest on its way into the book.
struct Settling<'a> {
    book: &'a Book,
    look: &'a Look,
    now: Timestamp,
    rules: &'a SettleRules,
    days: &'a Days,
    /// Every series that was read, or that growth of a counter was found to belong to.
    series: Moving<'a>,
    /// Counters as they are believed after what was settled so far, where that is not as the book has them.
    counters: Map<CounterKey, Baseline>,
    /// What of totals is not new: other accounts of the service have it.
    copied: BTreeMap<(LifeNo, Meter, Source, Span), Bytes>,
    /// When the counters of each meter were last seen, of those that were asked for.
    looks: RefCell<BTreeMap<Meter, Option<Timestamp>>>,
}

impl<'a> Settling<'a> {
    fn timeline(&self, life: &'a Life) -> Timeline<'a> {
        Timeline { days: self.days, holdings: &life.holdings }
    }

    fn moving(&mut self, no: LifeNo, meter: Meter) -> Option<&mut MovingSeries<'a>> {
        let (book, look) = (self.book, self.look);
        let life = look.life(book, no)?;
        let made = || MovingSeries::new(life, meter, look.back().contains(&no));
        Some(self.series.get_or_make((no, meter), made))
    }

    fn account(&mut self, life: LifeNo, harvested: &Harvested) {
        for copied in &harvested.copied {
            self.copied.insert((life, copied.meter, copied.source.clone(), copied.span), copied.amount);
        }
        let mut by_meter: Vec<(Meter, &Reading)> =
            harvested.readings.iter().map(|(of, one)| (*of, one)).collect();
        by_meter.sort_by(|(meter, a), (other, b)| meter.cmp(other).then_with(|| order(a).cmp(&order(b))));
        let mut readings: Vec<&Reading> = Vec::new();
        for of_meter in by_meter.chunk_by(|(meter, _), (other, _)| meter == other) {
            let meter = of_meter[0].0;
            readings.clear();
            readings.extend(of_meter.iter().map(|(_, reading)| *reading));
            // What one of several counters did is not known: the others count, the time does not.
            let whole =
                !harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter));
            if self.moving(life, meter).is_some() {
                let owns_unknown = harvested.owns_unknown;
                let of = Of { life, meter, created: harvested.facts.created, owns_unknown };
                self.doubt_vanished(of, &mut readings);
                let count = readings.len();
                self.leave_out_fallen(of, &mut readings);
                self.readings(of, &readings, whole && readings.len() == count);
            }
        }
        for Copied { meter, source, span, amount } in &harvested.copied {
            self.compare_again((life, *meter), source, *span, *amount);
        }
        // What it held while it was away is not known, also where it was not read this time.
        if self.look.back().contains(&life) {
            let known = self.look.life(self.book, life).map(|life| &life.series);
            let levels = known.into_iter().flat_map(|series| series.iter());
            let levels: Vec<Meter> =
                levels.filter(|(_, series)| series.level.is_some()).map(|(meter, _)| *meter).collect();
            for meter in levels {
                self.moving(life, meter);
            }
        }
    }

    /// Leaves out the readings of months that are reported as nothing in all spans at once, which are doubted.
    fn doubt_vanished(&mut self, of: Of, readings: &mut Vec<&Reading>) {
        let zone = self.rules.zone;
        let Some(before) = self.moving(of.life, of.meter).and_then(|series| series.before) else { return };
        let vanished = vanished(before, readings, zone);
        if vanished.is_empty() {
            return;
        }
        for ((source, month), (at, total)) in &vanished {
            let Some(series) = self.moving(of.life, of.meter) else { continue };
            let its = before.periods.iter().filter(|((one, span), belief)| {
                one == source && month_of(*span, zone) == *month && belief.total > Bytes::ZERO
            });
            let mut is_news = false;
            for (key, belief) in
                its.filter(|(_, belief)| belief.doubt.is_none_or(|doubt| doubt.count > Bytes::ZERO))
            {
                let doubt = Some(Doubt { count: Bytes::ZERO, at: *at });
                series.periods.insert(key.clone(), PeriodBelief { doubt, ..belief.clone() });
                is_news = true;
            }
            if is_news {
                series.effects.note(source, *at, Note::MonthVanished { month: *month, total: *total });
            }
        }
        readings.retain(|reading| match reading {
            Reading::PeriodTotal { source, span, total, .. } => {
                let month = (source.clone(), month_of(*span, zone));
                *total > Bytes::ZERO || !vanished.contains_key(&month)
            }
            Reading::Gauge { .. } | Reading::Counter { .. } => true,
        });
    }

    /// Leaves out readings that are lower than believed, where they came by another road than before: another node,
    /// page or cache may lag behind, or count for itself.
    fn leave_out_fallen(&mut self, of: Of, readings: &mut Vec<&Reading>) {
        if !self.rules.bounds.new_road {
            return;
        }
        readings.retain(|reading| {
            let moving = self.moving(of.life, of.meter);
            let (source, believed, came) = match reading {
                Reading::Gauge { level, .. } => {
                    let believed = moving.and_then(|series| series.after.level).map(|known| known.level);
                    (Source::default(), believed, *level)
                }
                Reading::Counter { source, count, .. } => {
                    let known = self.baseline(&CounterKey::of(of.meter, source, of.life));
                    (source.clone(), known.map(|known| known.count), *count)
                }
                Reading::PeriodTotal { source, span, total, .. } => {
                    let known =
                        moving.and_then(|series| series.total_of(source, *span).map(|known| known.total));
                    (source.clone(), known, *total)
                }
            };
            let fell = believed.filter(|believed| came < *believed);
            if let Some(believed) = fell {
                self.note(of, &source, reading.at(), Note::RoadChanged { believed, came });
            }
            fell.is_none()
        });
    }

    /// Settles the readings, already in order; those of one instant belong together. `whole` says that
    /// every counter of the series is among them.
    fn readings(&mut self, of: Of, readings: &[&Reading], whole: bool) {
        for together in readings.chunk_by(|a, b| a.at() == b.at()) {
            let at = self.believable(of, together[0].at());
            if self.is_held_back(of, together, at) {
                continue;
            }
            let mut known = if whole { Coverage::All } else { Coverage::Nothing };
            for reading in together {
                known = known.min(match reading {
                    Reading::Gauge { level, .. } => self.level(of, at, *level),
                    Reading::Counter { source, epoch, count, .. } => {
                        let count = Count { at, epoch: *epoch, count: *count, holder: of.life };
                        self.counter(of, source, count)
                    }
                    Reading::PeriodTotal { source, span, total, .. } => {
                        self.period(of, source, *span, at, *total);
                        Coverage::Part
                    }
                });
            }
            let days = self.days;
            let Some(series) = self.moving(of.life, of.meter) else { return };
            // Counters cover time together; levels and period totals do so each on its own.
            if known == Coverage::All {
                let time = Timeline { days, holdings: series.holdings() };
                if let Some(Ok(span)) = series.after.at.map(|from| Span::new(from, at)) {
                    series.cover(time, span);
                }
            }
            // Where a counter was not measured the series is as old as that counter.
            if known > Coverage::Nothing {
                series.after.at = series.after.at.max(Some(at));
            }
        }
    }

    fn note(&mut self, of: Of, source: &Source, at: Timestamp, note: Note) {
        if let Some(series) = self.moving(of.life, of.meter) {
            series.effects.note(source, at, note);
        }
    }

    /// Whether readings of one instant jump further than can be, and nobody has said that they are true.
    /// Nothing of the series is believed then: what it did meanwhile is in the next reading that is.
    fn is_held_back(&mut self, of: Of, together: &[&Reading], at: Timestamp) -> bool {
        let Some(held) = self.series.get((of.life, of.meter)).map(|series| series.after.implausible) else {
            return false;
        };
        let series = SeriesNow { settling: self, of };
        match jump(&series, held, together, at, self.rules) {
            Some(jump) if held.is_none_or(|held| !held.accepted) => {
                if held.is_none() {
                    let Jump { source, amount, allowed, since } = jump;
                    self.note(of, &source, at, Note::Implausible { amount, allowed, since });
                    self.remember(of, together, at);
                    if let Some(series) = self.moving(of.life, of.meter) {
                        series.after.implausible = Some(Implausible { since: at, accepted: false });
                    }
                }
                true
            }
            _ => {
                if held.is_some_and(|held| !held.accepted) {
                    self.note(of, &Source::default(), at, Note::PlausibleAgain);
                }
                if let Some(series) = self.moving(of.life, of.meter) {
                    series.after.implausible = None;
                }
                false
            }
        }
    }

    /// Keeps what counters showed when they were first held back: what they had moved by then is whose it was then,
    /// whoever has them when it is accepted.
    fn remember(&mut self, of: Of, together: &[&Reading], at: Timestamp) {
        for reading in together {
            let Reading::Counter { source, count, .. } = reading else { continue };
            let key = CounterKey::of(of.meter, source, of.life);
            let Some(known) = self.baseline(&key).filter(|known| known.count < *count) else { continue };
            self.counters.insert(key, Baseline { doubt: Some(Doubt { count: *count, at }), ..known });
        }
    }

    /// Whether a span ended so long ago that nothing of it is revised any more.
    fn is_over(&self, span: Span) -> bool {
        self.now.since(span.end()) > OVER_AFTER
    }

    /// A time in our future is the panel's clock being wrong: it measured when we asked, at the latest.
    fn believable(&mut self, of: Of, at: Timestamp) -> Timestamp {
        let now = self.now;
        if at <= now {
            return at;
        }
        // A few seconds are two clocks being two clocks.
        if at.since(now) > Seconds::new(300) {
            self.note(of, &Source::default(), now, Note::ClockAhead { at });
        }
        now
    }

    fn level(&mut self, of: Of, at: Timestamp, level: Bytes) -> Coverage {
        let (rules, days, is_back) = (self.rules, self.days, self.look.back().contains(&of.life));
        let Some(series) = self.moving(of.life, of.meter) else { return Coverage::Nothing };
        let time = Timeline { days, holdings: series.holdings() };
        let seen = series.before.and_then(|before| before.level).filter(|_| is_back);
        let before = series.after.level;
        if let Some(seen) = seen.filter(|seen| before.is_none() && seen.at < at) {
            series.effects.note(&Source::default(), at, Note::Gap { from: seen.at, to: at });
        }
        let measured = Measured { at, level, is_proof: !of.owns_unknown };
        let (before, doubted) =
            judge_level(before, series.after.doubted, measured, rules, time, &mut series.effects);
        series.after.doubted = doubted;
        if doubted.is_some() {
            return Coverage::Nothing;
        }
        series.after.level = Some(settle_level(before, at, level, rules, time, &mut series.effects));
        Coverage::Part
    }

    /// When the counters of a meter were last seen: asked of all counters, and so only once.
    fn last_look_at(&self, meter: Meter) -> Option<Timestamp> {
        let mut looks = self.looks.borrow_mut();
        *looks.entry(meter).or_insert_with(|| self.book.last_look_at(meter))
    }

    fn baseline(&self, key: &CounterKey) -> Option<Baseline> {
        self.counters.get(key).or_else(|| self.book.counters.get(key)).copied()
    }

    /// What one reading of a counter means, and whom what it grew by belongs to.
    fn step(&self, of: Of, source: &Source, count: Count) -> (Option<Baseline>, Step, LifeNo) {
        let believed = self.baseline(&CounterKey::of(of.meter, source, of.life));
        let first = || {
            // An account that was made after the count's beginning has counted from then on.
            let epoch = match (count.epoch, of.created) {
                (Epoch::Since(start), Some(created)) if created > start => Epoch::Since(created),
                (epoch, _) => epoch,
            };
            let step = Count { epoch, ..count }.first(self.last_look_at(of.meter));
            Step { baseline: Baseline { epoch: count.epoch, ..step.baseline }, ..step }
        };
        let Some(known) = believed else { return (None, first(), of.life) };
        // The name was given to somebody else: what the counter of that name had counted is another's.
        if self.look.replaces(self.book, of.life, known.holder) {
            return (believed, first(), of.life);
        }
        // A complete look showed nobody to have it, though its account was there: what it grew by meanwhile is
        // nobody's. Where it went away with the account itself, it has only come back with it.
        let away = self.book.lives.get(&of.life).filter(|_| self.look.back().contains(&of.life));
        let away = away.and_then(|life| life.absence).filter(|_| known.holder == of.life);
        if known.absent.is_some_and(|since| away.is_none_or(|away| since < away.since)) {
            let step = first();
            let note = match step.grew {
                Some(_) => step.note.clone(),
                None => Some(Note::Unowned { seen: known.at, count: count.count }),
            };
            return (believed, Step { note, ..step }, of.life);
        }
        let step = count.after(known);
        (believed, Step { baseline: Baseline { absent: None, ..step.baseline }, ..step }, known.holder)
    }

    fn counter(&mut self, of: Of, source: &Source, count: Count) -> Coverage {
        let (believed, step, payer) = self.step(of, source, count);
        let Step { baseline, grew, note, known } = step;
        for (since, until, amount) in grown(believed, grew, count).into_iter().flatten() {
            if !self.add((payer, of.meter), source, since, until, amount) {
                self.note(of, source, count.at, Note::TooLarge);
                return Coverage::Nothing;
            }
        }
        if let Some(note) = note {
            self.note(of, source, count.at, note);
        }
        if believed != Some(baseline) {
            self.counters.insert(CounterKey::of(of.meter, source, of.life), baseline);
        }
        known
    }

    /// Adds growth between two instants to the days of a life; refuses what could not be summed.
    fn add(
        &mut self,
        (life, meter): (LifeNo, Meter),
        source: &Source,
        since: Timestamp,
        at: Timestamp,
        amount: Bytes,
    ) -> bool {
        let (rules, days) = (self.rules, self.days);
        let Some(series) = self.moving(life, meter) else { return false };
        let Some(total) = series.after.total.checked_add(amount) else { return false };
        series.after.total = total;
        let time = Timeline { days, holdings: series.holdings() };
        let shares = time.share(since, at, amount);
        let far = at.since(since) > rules.max_gap;
        if far {
            series.effects.note(source, at, Note::Gap { from: since, to: at });
        }
        let guessed = far && shares.len() > 1;
        for ((holding, day), part) in shares {
            let change = series.effects.day(holding, day);
            change.added += part.wide();
            change.estimated += if guessed { part.wide() } else { 0 };
        }
        true
    }

    /// What of a span belongs to the life before of the same name; `None` where all of it does.
    fn not_ours(&self, of: Of, source: &Source, span: Span) -> Option<NotOurs> {
        let key = (of.life, of.meter, source.clone(), span);
        let copied = self.copied.get(&key).copied().unwrap_or(Bytes::ZERO);
        let series = self.series.get((of.life, of.meter));
        let others = series.into_iter().flat_map(|series| series.overlapped(source, span));
        let counted =
            others.fold(Bytes::ZERO, |sum, (_, belief)| sum.checked_add(belief.total).unwrap_or(Bytes::MAX));
        let life = self.look.life(self.book, of.life);
        let Some(life) = life else { return Some(NotOurs { copied, counted, ..NotOurs::NOTHING }) };
        let Some(until) = life.predecessor.filter(|seen| *seen > span.start()) else {
            return Some(NotOurs { copied, counted, ..NotOurs::NOTHING });
        };
        if span.end() <= until {
            return None;
        }
        let before = self.book.lives_of(&life.name).rfind(|(_, one)| one.nth < life.nth);
        let series = before.and_then(|(_, life)| life.series.get(&of.meter));
        let theirs = series.and_then(|series| series.periods.get(&(source.clone(), span)));
        Some(NotOurs { until, total: theirs.map_or(Bytes::ZERO, |belief| belief.total), copied, counted })
    }

    /// A total that was believed before was compared again with what the service's other accounts have: what they have
    /// no more counts here.
    fn compare_again(&mut self, of: (LifeNo, Meter), source: &Source, span: Span, amount: Bytes) {
        let (days, now) = (self.days, self.now);
        let since = self.look.life(self.book, of.0).and_then(|life| life.predecessor);
        let Some(series) = self.moving(of.0, of.1) else { return };
        let is_known =
            series.before.is_some_and(|before| before.periods.contains_key(&(source.clone(), span)));
        let Some(belief) = series.total_of(source, span).filter(|_| is_known) else { return };
        let time = Timeline { days, holdings: series.holdings() };
        let left_out = LeftOut { amount, at: now };
        let since = since.unwrap_or(Timestamp::EPOCH);
        let Some((belief, moved)) = count_copied(belief, span, left_out, since, time) else { return };
        let back: i128 = moved.values().sum();
        let Ok(sum) = Bytes::from_wide(series.after.total.wide() + back) else {
            series.effects.note(source, now, Note::TooLarge);
            return;
        };
        series.after.total = sum;
        for ((holding, day), moved) in moved {
            series.effects.day(holding, day).added += moved;
        }
        if let Some(amount) = Bytes::from_wide(back).ok().filter(|back| *back > Bytes::ZERO) {
            series.effects.note(source, now, Note::CopiedNoMore { amount });
        }
        series.periods.insert((source.clone(), span), belief);
    }

    fn period(&mut self, of: Of, source: &Source, span: Span, at: Timestamp, total: Bytes) {
        let Some(not_ours) = self.not_ours(of, source, span) else { return };
        let (days, now, is_over) = (self.days, self.now, self.is_over(span));
        let Some(series) = self.moving(of.life, of.meter) else { return };
        // It is part of a total that is folded: what it says now changes nothing.
        if is_over && series.overlapped(source, span).next().is_some() {
            return;
        }
        let time = Timeline { days, holdings: series.holdings() };
        let believed = series.total_of(source, span);
        let first_time = believed.is_none();
        let seen = believed.map_or(span.start(), |belief| belief.at);
        let revision = revise(believed, span, at, total, time, not_ours);
        let sum = series.after.total.wide() + revision.moved.values().sum::<i128>();
        let Ok(sum) = Bytes::from_wide(sum) else {
            series.effects.note(source, at, Note::TooLarge);
            return;
        };
        series.after.total = sum;
        for ((holding, day), moved) in revision.moved {
            series.effects.day(holding, day).added += moved;
        }
        if let Some(note) = revision.note {
            series.effects.note(source, at, note);
        }
        if let Some(belief) = revision.belief {
            if belief.doubt.is_none() && (first_time || seen < span.end()) {
                let from = span.start().max(seen).max(not_ours.until);
                let stretch = Span::new(from, at.min(span.end()));
                let left = stretch.map(|stretch| series.left_by_others(source, stretch)).unwrap_or_default();
                left.into_iter().for_each(|part| series.cover(time, part));
            }
            let copied = not_ours.copied;
            let left_out = LeftOut { amount: copied, at: now };
            let left_out = Some(left_out).filter(|_| first_time && copied > Bytes::ZERO);
            let belief = PeriodBelief { copied: left_out.or(belief.copied), ..belief };
            series.periods.insert((source.clone(), span), belief);
        }
        if first_time {
            series.fold(source, now);
        }
    }

    /// Marks the counters that no account has any more.
    fn lose(&mut self) {
        for key in &self.look.lost {
            if let Some(baseline) = self.baseline(key) {
                self.counters.insert(key.clone(), Baseline { absent: Some(self.now), ..baseline });
            }
        }
    }

    fn finish(self, settled: &mut Settled) {
        settled.counters = self.counters.into_iter().collect();
        settled.counters.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for ((no, meter), mut series) in self.series.in_order() {
            series.after.shown = series.after.shown.max(series.after.total);
            let account = &series.life.name;
            for (source, at, note) in series.effects.notes {
                settled.notes.push(Noted { account: account.clone(), life: no, meter, source, at, note });
            }
            let mut days = series.effects.days;
            days.retain(|_, change| *change != super::change::DayChange::default());
            let (before, after) = (series.before, &series.after);
            let moved = before.is_none_or(|before| {
                (before.at, before.level, before.doubted, before.total, before.implausible)
                    != (after.at, after.level, after.doubted, after.total, after.implausible)
            });
            if moved || !days.is_empty() || !series.periods.is_empty() {
                settled.changes.push(SeriesChange {
                    life: no,
                    meter,
                    at: after.at,
                    level: after.level,
                    doubted: after.doubted,
                    total: after.total,
                    shown: after.shown,
                    implausible: after.implausible,
                    periods: series.periods.into_iter().collect(),
                    folded: series.folded,
                    days,
                });
            }
        }
    }
}

/// When a counter grew by how much. What it had grown by when it was held back is distinguished from what came later.
fn grown(
    believed: Option<Baseline>,
    grew: Option<(Timestamp, Bytes)>,
    count: Count,
) -> [Option<(Timestamp, Timestamp, Bytes)>; 2] {
    let Some((since, amount)) = grew else { return [None, None] };
    let whole = [Some((since, count.at, amount)), None];
    let Some(before) = believed else { return whole };
    let Some(held) = before.doubt.filter(|held| since <= held.at && held.at < count.at) else { return whole };
    let (first, second) = (held.count.checked_sub(before.count), count.count.checked_sub(held.count));
    match (first, second) {
        (Some(first), Some(second)) if first.checked_add(second) == Some(amount) => {
            [Some((since, held.at, first)), Some((held.at, count.at, second))]
        }
        _ => whole,
    }
}

/// Whose readings of what are being settled.
#[derive(Clone, Copy)]
struct Of {
    life: LifeNo,
    meter: Meter,
    /// When the account was made, where the panel reports.
    created: Option<Timestamp>,
    /// Nothing shows what the account owns.
    owns_unknown: bool,
}

/// What is believed of a series in the middle of settling.
struct SeriesNow<'s, 'a> {
    settling: &'s Settling<'a>,
    of: Of,
}

impl Believed for SeriesNow<'_, '_> {
    fn level(&self) -> Option<LevelBelief> {
        self.settling.series.get((self.of.life, self.of.meter))?.after.level
    }

    fn growth(
        &self,
        source: &Source,
        at: Timestamp,
        epoch: Epoch,
        count: Bytes,
    ) -> Option<(Timestamp, Bytes)> {
        let count = Count { at, epoch, count, holder: self.of.life };
        self.settling.step(self.of, source, count).1.grew
    }

    fn revision(
        &self,
        source: &Source,
        span: Span,
        at: Timestamp,
        total: Bytes,
    ) -> Option<(Timestamp, Bytes)> {
        let settling = self.settling;
        let series = settling.series.get((self.of.life, self.of.meter))?;
        let not_ours = settling.not_ours(self.of, source, span)?;
        let believed = series.total_of(source, span);
        let time = settling.timeline(series.life);
        let moved: i128 = revise(believed, span, at, total, time, not_ours).moved.values().sum();
        let since = believed.map_or(span.start(), |belief| span.start().max(belief.at));
        Some((since, Bytes::from_wide(moved).ok()?))
    }
}
