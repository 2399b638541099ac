//! What must hold whatever the panels say: checked with thousands of made-up histories.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::*;

/// Every day's sums, as a store would keep them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    pub book: Book,
    pub days: BTreeMap<(AccountName, Meter, UsageDay), (i128, u128, u64)>,
    pub notes: Vec<Noted>,
}

impl Ledger {
    pub fn take(&mut self, harvest: &Harvest, now: Timestamp) -> usize {
        let settled = settle(&self.book, harvest, now, &rules());
        let mut moved = 0;
        for change in &settled.changes {
            let born = settled.lives.iter().find_map(|one| match &one.event {
                LifeEvent::Born { name, .. } if one.life == change.life => Some(name.clone()),
                _ => None,
            });
            let known = self.book.lives.get(&change.life).map(|life| life.name.clone());
            let account = known.or(born).expect("a life");
            for ((_, day), part) in &change.days {
                let day = self.days.entry((account.clone(), change.meter, *day)).or_default();
                match part.level {
                    Some(level) => day.0 = level.wide(),
                    None => day.0 += part.added,
                }
                day.1 += part.held.get();
                day.2 += part.covered.get();
                moved += 1;
            }
        }
        self.notes.extend(settled.notes.clone());
        self.book.apply(&settled);
        moved
    }

    pub fn sum(&self, meter: Meter) -> i128 {
        self.days.iter().filter(|((_, m, _), _)| *m == meter).map(|(_, (amount, _, _))| amount).sum()
    }

    pub fn series(&self, meter: Meter) -> SeriesBook {
        self.book.series(&name(), meter).expect("read").clone()
    }
}

pub(super) fn rules() -> SettleRules {
    // A zone with clock changes, so that days of 23 and 25 hours come up.
    SettleRules {
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    }
}

pub(super) fn name() -> AccountName {
    AccountName::new("7-41").expect("a name")
}

pub(super) fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

/// 24 October 2026, the day before the clocks go back in Warsaw.
pub(super) fn start() -> Timestamp {
    Timestamp::new(1_792_792_800).expect("in range")
}

pub(super) fn one(meter: Meter, reading: Reading) -> Harvest {
    let mut harvest = Harvest::new();
    harvest.add_reading(&name(), meter, reading);
    harvest
}

pub(super) fn counter(at: Timestamp, epoch: Epoch, count: u64) -> Reading {
    Reading::Counter { source: Source::default(), at, epoch, count: bytes(count) }
}

/// Pauses between polls: mostly minutes, sometimes days.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1..7200u64, 1 => 7200..400_000u64, 1 => Just(0)]
}

/// A counter's life: pauses, growth, and now and then a restart that is reported.
fn life() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    prop::collection::vec((pauses(), 0..5_000_000_000u64, prop::bool::weighted(0.1)), 1..40)
}

/// Readings of that life, and what can be known of it: growth within epochs and counts since restarts.
fn generate(life: &[(u64, u64, bool)]) -> (Vec<Reading>, i128) {
    let (mut at, mut count, mut began) = (start(), 77u64, start().minus(Seconds::hours(9)));
    let (mut readings, mut known) = (Vec::new(), 0i128);
    for (index, (pause, growth, restarts)) in life.iter().enumerate() {
        let before = at;
        at = at.plus(Seconds::new(*pause));
        if *restarts && *pause > 600 {
            began = before.plus(Seconds::new(pause / 2));
            count = 0;
        }
        count += growth;
        if index > 0 {
            known += i128::from(*growth);
        }
        readings.push(counter(at, Epoch::Since(began), count));
    }
    (readings, known)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn never_4_no_byte_is_lost_or_invented(life in life()) {
        let (readings, known) = generate(&life);
        let mut ledger = Ledger::default();
        for reading in &readings {
            ledger.take(&one(Meter::TrafficOut, reading.clone()), reading.at());
        }
        prop_assert_eq!(ledger.sum(Meter::TrafficOut), known);
        prop_assert!(ledger.days.values().all(|(amount, _, _)| *amount >= 0));
        let series = ledger.series(Meter::TrafficOut);
        prop_assert_eq!(series.total.wide(), known);
    }

    #[test]
    fn never_3_the_same_answer_twice_changes_nothing(life in life(), level in 0..u64::MAX / 4) {
        let (readings, _) = generate(&life);
        let mut once = Ledger::default();
        let mut twice = Ledger::default();
        for reading in &readings {
            let mut harvest = one(Meter::TrafficOut, reading.clone());
            harvest.add_reading(&name(), Meter::StorageUsed, Reading::Gauge { at: reading.at(), level: bytes(level) });
            once.take(&harvest, reading.at());
            twice.take(&harvest, reading.at());
            // Asked again a little later, the panel repeats itself word for word.
            prop_assert_eq!(twice.take(&harvest, reading.at().plus(Seconds::new(30))), 0);
        }
        prop_assert_eq!(once.days, twice.days);
        prop_assert_eq!(once.book, twice.book);
    }

    #[test]
    fn polls_may_be_split_or_gathered_at_any_point_and_come_in_any_order(
        life in life(),
        cut in 0..40usize,
        seed in any::<u64>(),
    ) {
        let (readings, _) = generate(&life);
        let cut = cut.min(readings.len());
        let gauge = |reading: &Reading, index: usize| Reading::Gauge { at: reading.at(), level: bytes(index as u64 * 1000) };
        let mut singly = Ledger::default();
        for (index, reading) in readings.iter().enumerate() {
            let mut harvest = one(Meter::TrafficOut, reading.clone());
            if index == 0 || readings[index - 1].at() < reading.at() {
                harvest.add_reading(&name(), Meter::StorageUsed, gauge(reading, index));
            }
            singly.take(&harvest, reading.at());
        }
        let mut gathered = Ledger::default();
        for part in [0..cut, cut..readings.len()] {
            let mut shuffled: Vec<(Meter, Reading)> = Vec::new();
            for index in part {
                shuffled.push((Meter::TrafficOut, readings[index].clone()));
                if index == 0 || readings[index - 1].at() < readings[index].at() {
                    shuffled.push((Meter::StorageUsed, gauge(&readings[index], index)));
                }
            }
            let Some(now) = shuffled.iter().map(|(_, reading)| reading.at()).max() else { continue };
            let turn = seed as usize % shuffled.len();
            shuffled.rotate_left(turn);
            if seed % 2 == 0 {
                shuffled.reverse();
            }
            let mut harvest = Harvest::new();
            for (meter, reading) in shuffled {
                harvest.add_reading(&name(), meter, reading);
            }
            gathered.take(&harvest, now);
        }
        prop_assert_eq!(singly.days, gathered.days);
        // Gathered, it was first seen later.
        for life in gathered.book.lives.values_mut().chain(singly.book.lives.values_mut()) {
            life.born = start();
        }
        prop_assert_eq!(singly.book, gathered.book);
    }

    #[test]
    fn held_is_level_times_time_to_the_minute(levels in prop::collection::vec((1..90_000u64, 1 << 40..9u64 << 40), 2..30)) {
        let mut ledger = Ledger::default();
        let (mut at, mut expected, mut covered) = (start(), 0u128, 0u64);
        let mut before: Option<(Timestamp, u64)> = None;
        for (pause, level) in levels {
            at = at.plus(Seconds::new(pause));
            if let Some((since, level)) = before {
                let minutes = Span::new(since, at).expect("later").minutes();
                expected += u128::from(level) * u128::from(minutes.get());
                covered += minutes.get();
            }
            ledger.take(&one(Meter::StorageUsed, Reading::Gauge { at, level: bytes(level) }), at);
            before = Some((at, level));
        }
        prop_assert_eq!(ledger.days.values().map(|(_, held, _)| held).sum::<u128>(), expected);
        prop_assert_eq!(ledger.days.values().map(|(_, _, covered)| covered).sum::<u64>(), covered);
        let longest = 25 * 60;
        prop_assert!(ledger.days.values().all(|(_, _, covered)| *covered <= longest));
    }

    #[test]
    fn the_running_month_is_the_sum_of_its_days(life in life()) {
        let (readings, _) = generate(&life);
        let mut ledger = Ledger::default();
        for reading in &readings {
            ledger.take(&one(Meter::TrafficIn, reading.clone()), reading.at());
            let life = ledger.book.life(&name()).expect("seen");
            let month = life.holdings[0].parts[0].months.get(&Meter::TrafficIn);
            let month = *month.unwrap_or(&MonthToDate::new(rules().zone.day_of(reading.at()).month()));
            let days = ledger.days.iter().filter(|((_, _, day), _)| day.month() == month.month);
            let (mut amount, mut covered) = (0, 0);
            for (_, (bytes, _, minutes)) in days {
                amount += bytes;
                covered += minutes;
            }
            prop_assert_eq!(month.amount.wide(), amount);
            prop_assert_eq!(month.covered.get(), covered);
        }
    }

    #[test]
    fn period_totals_end_at_the_newest_and_never_below_zero(
        revisions in prop::collection::vec((0..4u64, 1..100_000u64, 0..1_000_000_000u64), 1..40),
        panel_hours_off in -12..=12i64,
    ) {
        // A panel whose days are not ours.
        let first = Timestamp::new(start().get() + panel_hours_off * 3600).expect("in range");
        let span = |day: u64| {
            let from = first.plus(Seconds::hours(24 * day));
            Span::new(from, from.plus(Seconds::hours(24))).expect("a span")
        };
        let mut ledger = Ledger::default();
        // Day, total believed, and whether a lower one was reported since.
        let mut believed: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        let mut at = first;
        for (day, pause, total) in revisions {
            at = at.plus(Seconds::new(pause));
            let (source, span) = (Source::default(), span(day));
            if at <= span.start() {
                continue;
            }
            let reading = Reading::PeriodTotal { source, at, span, total: bytes(total) };
            ledger.take(&one(Meter::TrafficTotal, reading), at);
            let shown = believed.get(&day).copied();
            let falls = shown.is_some_and(|(known, doubted)| total < known && !doubted);
            let known = shown.filter(|_| falls).map_or(total, |(known, _)| known);
            believed.insert(day, (known, falls));
            prop_assert!(ledger.days.values().all(|(amount, _, _)| *amount >= 0));
            let expected: i128 = believed.values().map(|(total, _)| i128::from(*total)).sum();
            prop_assert_eq!(ledger.sum(Meter::TrafficTotal), expected);
            let series = ledger.series(Meter::TrafficTotal);
            prop_assert!(series.shown >= series.total);
        }
    }

    #[test]
    fn time_that_several_sources_report_is_accounted_for_once(
        hours in prop::collection::vec((0..48u64, 0..4usize, 1..1_000u64), 1..60),
    ) {
        let mut ledger = Ledger::default();
        let now = start().plus(Seconds::hours(24 * 3));
        let (mut all, mut bytes_of) = (std::collections::BTreeSet::new(), BTreeMap::new());
        for (turn, (hour, source, total)) in hours.into_iter().enumerate() {
            // One reports by the hour, another by six of them.
            let length = [1, 2, 3, 6][source];
            let hour = hour - hour % length;
            if bytes_of.insert((hour, source), total).is_some() {
                continue;
            }
            let from = start().plus(Seconds::hours(hour));
            let span = Span::new(from, from.plus(Seconds::hours(length))).expect("a span");
            let source = Source::new(&format!("card {source}")).expect("a name");
            let at = now.plus(Seconds::new(turn as u64));
            let reading = Reading::PeriodTotal { source, at, span, total: bytes(total) };
            ledger.take(&one(Meter::TrafficOut, reading), at);
            all.extend(hour..hour + length);
        }
        let covered: u64 = ledger.days.values().map(|(_, _, covered)| covered).sum();
        prop_assert_eq!(covered, 60 * all.len() as u64);
    }

    #[test]
    fn hours_that_are_folded_are_not_accounted_for_again_by_another_source(hours in 40..100u64, late in 0..120u64) {
        let mut ledger = Ledger::default();
        let end = start().plus(Seconds::hours(hours));
        let mut now = end.plus(Seconds::hours(24 * 120));
        let mut take = |name: &str, hour: u64| {
            let from = start().plus(Seconds::hours(hour));
            let span = Span::new(from, from.plus(Seconds::hours(1))).expect("a span");
            now = now.plus(Seconds::new(1));
            let source = Source::new(name).expect("a name");
            ledger.take(&one(Meter::TrafficOut, Reading::PeriodTotal { source, at: now, span, total: bytes(1) }), now);
            ledger.days.values().map(|(_, _, covered)| covered).sum::<u64>()
        };
        let covered = (0..hours).map(|hour| take("card 1", hour)).last();
        prop_assert_eq!(covered, Some(60 * hours));
        prop_assert_eq!(take("card 2", late), 60 * (hours + u64::from(late >= hours)));
    }

    #[test]
    fn totals_of_whole_billing_days_may_come_in_any_order(
        totals in prop::collection::btree_map(0..20u64, 0..1_000_000u64, 1..20),
        seed in any::<u64>(),
    ) {
        let zone = rules().zone;
        let day = |offset: u64| (0..offset).fold(zone.day_of(start()), |day, _| day.next());
        let now = start().plus(Seconds::hours(24 * 30));
        let reading = |(offset, total): (&u64, &u64)| {
            let span = zone.span_of(day(*offset)).expect("a day");
            Reading::PeriodTotal { source: Source::default(), at: now, span, total: bytes(*total) }
        };
        let in_order: Vec<Reading> = totals.iter().map(reading).collect();
        let mut turned = in_order.clone();
        turned.rotate_left(seed as usize % in_order.len());
        let (mut one_way, mut other_way) = (Ledger::default(), Ledger::default());
        for reading in in_order {
            one_way.take(&one(Meter::TrafficOut, reading), now);
        }
        for reading in turned {
            other_way.take(&one(Meter::TrafficOut, reading), now);
        }
        for (offset, total) in &totals {
            let amount = one_way.days.get(&(name(), Meter::TrafficOut, day(*offset))).map_or(0, |day| day.0);
            prop_assert_eq!(amount, i128::from(*total));
        }
        prop_assert_eq!(one_way.days, other_way.days);
    }
}
