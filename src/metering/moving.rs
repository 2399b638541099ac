//! One series while its readings are settled: what is believed of it so far, and its totals by span.

use std::collections::BTreeMap;

use super::book::{Holding, Life, PeriodBelief, SeriesBook};
use super::change::Effects;
use super::period::folded;
use super::share::Timeline;
use crate::domain::{LifeNo, Map, Meter, Source, Span, Timestamp};

/// The series that are being settled: those that were read, and those that growth of a counter belongs to.
#[derive(Default)]
pub(super) struct Moving<'a> {
    places: Map<(LifeNo, Meter), usize>,
    series: Vec<MovingSeries<'a>>,
}

impl<'a> Moving<'a> {
    pub fn get(&self, key: (LifeNo, Meter)) -> Option<&MovingSeries<'a>> {
        self.places.get(&key).map(|place| &self.series[*place])
    }

    pub fn get_or_make(
        &mut self,
        key: (LifeNo, Meter),
        make: impl FnOnce() -> MovingSeries<'a>,
    ) -> &mut MovingSeries<'a> {
        let place = *self.places.entry(key).or_insert(self.series.len());
        if place == self.series.len() {
            self.series.push(make());
        }
        &mut self.series[place]
    }

    /// All of them, by life and meter.
    pub fn in_order(self) -> impl Iterator<Item = ((LifeNo, Meter), MovingSeries<'a>)> {
        let mut order: Vec<((LifeNo, Meter), usize)> = self.places.into_iter().collect();
        order.sort_unstable();
        let mut series: Vec<Option<MovingSeries<'a>>> = self.series.into_iter().map(Some).collect();
        order.into_iter().filter_map(move |(key, place)| Some((key, series[place].take()?)))
    }
}

/// One series while its readings are settled.
pub(super) struct MovingSeries<'a> {
    /// Whose it is.
    pub life: &'a Life,
    /// What was believed of it.
    pub before: Option<&'a SeriesBook>,
    /// What is believed after what was settled so far, without its totals.
    pub after: SeriesBook,
    /// The totals that have changed.
    pub periods: BTreeMap<(Source, Span), PeriodBelief>,
    /// Spans whose totals are one from now on.
    pub folded: Vec<(Source, Span)>,
    /// What its days come to, and what was noticed.
    pub effects: Effects,
}

impl<'a> MovingSeries<'a> {
    /// As it is before anything is settled; what it held is not known if its account has just come back.
    pub fn new(life: &'a Life, meter: Meter, is_back: bool) -> MovingSeries<'a> {
        let before = life.series.get(&meter);
        // The map stays behind: it can be long, and only what changes is written.
        let mut after = before.map_or_else(SeriesBook::default, |before| SeriesBook {
            at: before.at,
            level: before.level,
            doubted: before.doubted,
            total: before.total,
            shown: before.shown,
            implausible: before.implausible,
            periods: BTreeMap::new(),
        });
        if is_back {
            (after.level, after.doubted) = (None, None);
        }
        let (periods, folded, effects) = Default::default();
        MovingSeries { life, before, after, periods, folded, effects }
    }

    /// Its stretches.
    pub fn holdings(&self) -> &'a [Holding] {
        &self.life.holdings
    }

    /// What is believed of the total of a span.
    pub fn total_of(&self, source: &Source, span: Span) -> Option<&PeriodBelief> {
        let key = (source.clone(), span);
        self.periods.get(&key).or_else(|| self.before?.periods.get(&key))
    }

    /// The totals of a source, by span.
    fn totals_of<'s>(&'s self, source: &'s Source) -> impl Iterator<Item = (Span, &'s PeriodBelief)> {
        let of = move |(key, _): &(&(Source, Span), &PeriodBelief)| key.0 == *source;
        let its = (source.clone(), Span::FIRST)..(source.clone(), Span::LAST);
        let before = self.before.into_iter().flat_map(move |before| before.periods.range(its.clone()));
        let before = before.filter(|(key, _)| !self.periods.contains_key(*key));
        before.chain(self.periods.iter().filter(of)).map(|(key, belief)| (key.1, belief))
    }

    /// The totals that have a part of a span which was not reported before.
    pub fn overlapped<'s>(
        &'s self,
        source: &'s Source,
        span: Span,
    ) -> impl Iterator<Item = (Span, &'s PeriodBelief)> {
        // Most are known: then nothing is looked for.
        let most = if self.total_of(source, span).is_none() { usize::MAX } else { 0 };
        self.totals_of(source).take(most).filter(move |(known, _)| known.overlap(span).is_some())
    }

    /// The parts of a stretch that no other source accounts for: what several of them report of the same time is covered
    /// once, be it hour by hour, by days, or folded. What lies between folded hours is not told from them any more, and
    /// counts as accounted for by whoever is folded: rather a hole too many than one that is hidden.
    pub fn left_by_others(&self, source: &Source, stretch: Span) -> Vec<Span> {
        let now = self.periods.iter().filter(|(key, _)| key.0 != *source);
        let others = self.before.into_iter().flat_map(SeriesBook::sources).filter(|other| *other != source);
        // The newest first: mostly it is they who report the same.
        let before = others.flat_map(|other| {
            let its = (other.clone(), Span::FIRST)..(other.clone(), Span::LAST);
            self.before.into_iter().flat_map(move |before| before.periods.range(its.clone()).rev())
        });
        let mut left = vec![stretch];
        for ((_, span), belief) in now.chain(before) {
            let Ok(read) = Span::new(span.start(), belief.at.min(span.end())) else { continue };
            if read.overlap(stretch).is_none() {
                continue;
            }
            left = left.into_iter().flat_map(|part| part.without(read)).collect();
            if left.is_empty() {
                break;
            }
        }
        left
    }

    /// Makes one of the totals of a source that are over for good.
    pub fn fold(&mut self, source: &Source, now: Timestamp) {
        let Some(before) = self.before else { return };
        let its =
            before.periods.iter().filter(|(key, _)| key.0 == *source && !self.periods.contains_key(*key));
        let Some((whole, belief)) = folded(its.map(|(key, belief)| (key.1, belief)), now) else {
            return;
        };
        self.folded.push((source.clone(), whole));
        self.periods.insert((source.clone(), whole), belief);
    }

    /// Marks time as accounted for.
    pub fn cover(&mut self, time: Timeline<'_>, span: Span) {
        for ((holding, day), part) in time.cut(span) {
            self.effects.day(holding, day).covered += part.minutes();
        }
    }
}
