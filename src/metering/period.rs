//! Period totals: what a panel says a span moved. The newest wins, and differences move the days. A
//! total that falls must be reported twice: the first time it may be an answer from before.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Doubt, LeftOut, PeriodBelief, SeriesBook};
use super::note::Note;
use super::share::{HoldingDay, Timeline};
use crate::domain::{
    BillingZone, Bytes, HoldingNo, Month, Reading, Seconds, Source, Span, Timestamp, UsageDay,
};

/// What one period total means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// What to believe from now on; `None` when nothing changed.
    pub belief: Option<PeriodBelief>,
    /// Bytes added to (or taken from) each day.
    pub moved: BTreeMap<HoldingDay, i128>,
    /// What was noticed.
    pub note: Option<Note>,
}

impl Revision {
    fn nothing(note: Option<Note>) -> Revision {
        Revision { belief: None, moved: BTreeMap::new(), note }
    }
}

/// What of a span belongs to another: a life before of the same name had a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotOurs {
    /// Nothing before this instant is ours.
    pub until: Timestamp,
    /// What the total was when it was theirs.
    pub total: Bytes,
    /// What of the total, reported the first time, other accounts of the service have.
    pub copied: Bytes,
    /// What of the total, reported the first time, is counted under other spans of the same source.
    pub counted: Bytes,
}

impl NotOurs {
    /// All of the span is ours.
    pub const NOTHING: NotOurs =
        NotOurs { until: Timestamp::EPOCH, total: Bytes::ZERO, copied: Bytes::ZERO, counted: Bytes::ZERO };
}

/// A span that ended so long ago is over for good: its month and the one that could carry its revisions are closed.
pub(super) const OVER_AFTER: Seconds = Seconds::hours(100 * 24);

/// So many spans of one source that are over for good are made one.
const FOLDED: usize = 32;

/// The month that a panel means by a span. Panels cut days in their own zones: unless it is a day of the billing zone,
/// noon of it is of the panel's date in UTC too, in all zones up to twelve hours off.
pub(super) fn month_of(span: Span, zone: BillingZone) -> Month {
    let day = zone.day_of(span.start());
    let is_a_day = span.seconds() >= Seconds::hours(20);
    if !is_a_day || zone.start_of(day) == span.start() {
        return day.month();
    }
    UsageDay::new(span.start().plus(Seconds::hours(12)).to_utc().date_naive()).month()
}

/// The months of which everything that was not zero is reported as zero now: when, and what they have.
pub(super) fn vanished(
    before: &SeriesBook,
    readings: &[&Reading],
    zone: BillingZone,
) -> BTreeMap<(Source, Month), (Timestamp, Bytes)> {
    let month = |span: &Span| month_of(*span, zone);
    let mut zeros: BTreeMap<(Source, Month), (Timestamp, BTreeSet<Span>)> = BTreeMap::new();
    for reading in readings {
        let Reading::PeriodTotal { source, span, at, total } = reading else { continue };
        let known = before.periods.get(&(source.clone(), *span));
        if *total == Bytes::ZERO && known.is_some_and(|known| known.total > Bytes::ZERO) {
            let (newest, spans) =
                zeros.entry((source.clone(), month(span))).or_insert((*at, BTreeSet::new()));
            *newest = (*newest).max(*at);
            spans.insert(*span);
        }
    }
    let whole = zeros.into_iter().filter_map(|(key, (at, spans))| {
        let its = before.periods.iter().filter(|((source, span), belief)| {
            *source == key.0 && month(span) == key.1 && belief.total > Bytes::ZERO
        });
        let mut sum = Bytes::ZERO;
        for ((_, span), belief) in its {
            if !spans.contains(span) {
                return None;
            }
            sum = sum.checked_add(belief.total).unwrap_or(Bytes::MAX);
        }
        Some((key, (at, sum)))
    });
    whole.collect()
}

/// The one total that those of one source become which are over for good, oldest first: hourly totals of many years
/// are not kept hour by hour. Nothing while they are few.
pub(super) fn folded<'b>(
    known: impl Iterator<Item = (Span, &'b PeriodBelief)>,
    now: Timestamp,
) -> Option<(Span, PeriodBelief)> {
    let over: Vec<(Span, &PeriodBelief)> =
        known.take_while(|(span, _)| now.since(span.end()) > OVER_AFTER).collect();
    if over.len() < FOLDED {
        return None;
    }
    let start = over.iter().map(|(span, _)| span.start()).min()?;
    let end = over.iter().map(|(span, _)| span.end()).max()?;
    let total = over.iter().try_fold(Bytes::ZERO, |sum, (_, belief)| sum.checked_add(belief.total))?;
    let at = over.iter().map(|(_, belief)| belief.at).max()?;
    let (placed, taken) = Default::default();
    let belief = PeriodBelief { total, at, placed, taken, doubt: None, copied: None };
    Some((Span::new(start, end).ok()?, belief))
}

/// Compares a total with the one believed. Growth while the span runs is placed by the time between
/// the two readings; what is only known as a whole is shared by overlap; a fall is taken back from
/// the last days it was put on.
pub(super) fn revise(
    before: Option<&PeriodBelief>,
    span: Span,
    at: Timestamp,
    total: Bytes,
    time: Timeline<'_>,
    not_ours: NotOurs,
) -> Revision {
    let Some(before) = before else {
        let mut placed = BTreeMap::new();
        let growth = total.checked_sub(not_ours.total).unwrap_or(total);
        let growth = growth.checked_sub(not_ours.copied).unwrap_or(Bytes::ZERO);
        let growth = growth.checked_sub(not_ours.counted).unwrap_or(Bytes::ZERO);
        let copied = (not_ours.copied > Bytes::ZERO).then_some(Note::Copied { amount: not_ours.copied });
        let counted = not_ours.counted;
        let note = copied.or((counted > Bytes::ZERO).then_some(Note::CountedBefore { span, counted }));
        let moved = place(&mut placed, growth, window(span, not_ours.until.max(span.start()), at), time);
        let belief = PeriodBelief { total, at, placed, taken: BTreeMap::new(), doubt: None, copied: None };
        return Revision { belief: Some(belief), moved, note };
    };
    let newest = before.doubt.map_or(before.at, |doubt| doubt.at);
    if at < newest {
        return Revision::nothing(Some(Note::OldAnswer { at }));
    }
    if at == newest {
        let said = before.doubt.map_or(before.total, |doubt| doubt.count);
        return Revision::nothing((total != said).then_some(Note::Contradiction));
    }
    if total == before.total && before.at >= span.end() && before.doubt.is_none() {
        return Revision::nothing(None);
    }
    let mut belief = PeriodBelief { total, at, doubt: None, ..before.clone() };
    let moved = match total.checked_sub(before.total) {
        Some(growth) => {
            let (back, growth) = give_back(&mut belief, growth);
            let mut moved = place(&mut belief.placed, growth, window(span, before.at, at), time);
            back.into_iter().for_each(|(place, bytes)| *moved.entry(place).or_default() += bytes);
            moved
        }
        None if before.doubt.is_some() => take_back(&mut belief, before.total.wide() - total.wide()),
        None => {
            let note = Some(Note::WentBackwards { believed: before.total, came: total });
            let doubt = Some(Doubt { count: total, at });
            let belief = Some(PeriodBelief { doubt, ..before.clone() });
            return Revision { belief, moved: BTreeMap::new(), note };
        }
    };
    Revision { belief: Some(belief), moved, note: None }
}

/// Counts what was left out of a total for a copy and is not in the days of other accounts any more: what they had was
/// taken back. `None` where nothing was left out; no more counts than the total has.
pub(super) fn count_copied(
    before: &PeriodBelief,
    span: Span,
    now: LeftOut,
    since: Timestamp,
    time: Timeline<'_>,
) -> Option<(PeriodBelief, BTreeMap<HoldingDay, i128>)> {
    let was = before.copied?.amount;
    let left = before.placed.values().try_fold(before.total, |left, placed| left.checked_sub(*placed));
    let back = was.checked_sub(now.amount)?.min(left.unwrap_or(Bytes::ZERO));
    let mut belief = PeriodBelief { copied: Some(now), ..before.clone() };
    let moved = place(&mut belief.placed, back, window(span, since.max(span.start()), before.at), time);
    Some((belief, moved))
}

/// The time in which growth seen between two readings must have happened.
fn window(span: Span, seen: Timestamp, at: Timestamp) -> Span {
    let grown = Span::new(span.start().max(seen), span.end().min(at));
    // Growth after the end is a late revision: all that is known is the span itself.
    grown.unwrap_or(span)
}

fn place(
    placed: &mut BTreeMap<(UsageDay, HoldingNo), Bytes>,
    growth: Bytes,
    window: Span,
    time: Timeline<'_>,
) -> BTreeMap<HoldingDay, i128> {
    let mut moved = BTreeMap::new();
    for ((holding, day), part) in time.share(window.start(), window.end(), growth) {
        let sum = placed.entry((day, holding)).or_default();
        // The days of a span sum to its total, which fits: each of them fits too.
        *sum = sum.checked_add(part).unwrap_or(Bytes::MAX);
        moved.insert((holding, day), part.wide());
    }
    moved
}

/// Takes a fall back from where the bytes were put last, and no more than was put there; remembers where that was.
fn take_back(belief: &mut PeriodBelief, mut fall: i128) -> BTreeMap<HoldingDay, i128> {
    let mut moved = BTreeMap::new();
    for ((day, holding), sum) in belief.placed.iter_mut().rev() {
        let taken = fall.min(sum.wide());
        if taken == 0 {
            continue;
        }
        *sum = Bytes::from_wide(sum.wide() - taken).unwrap_or(Bytes::ZERO);
        let remembered = belief.taken.entry((*day, *holding)).or_default();
        *remembered = Bytes::from_wide(remembered.wide() + taken).unwrap_or(Bytes::MAX);
        moved.insert((*holding, *day), -taken);
        fall -= taken;
    }
    moved
}

/// Gives a total that has recovered back what was taken, where it was: whoever has the account now did not use it.
/// Returns what moved, and what of the growth is new.
fn give_back(belief: &mut PeriodBelief, mut growth: Bytes) -> (BTreeMap<HoldingDay, i128>, Bytes) {
    let mut moved = BTreeMap::new();
    for ((day, holding), taken) in &mut belief.taken {
        let back = (*taken).min(growth);
        let Some((left, rest)) = taken.checked_sub(back).zip(growth.checked_sub(back)) else { continue };
        (*taken, growth) = (left, rest);
        let sum = belief.placed.entry((*day, *holding)).or_default();
        *sum = sum.checked_add(back).unwrap_or(Bytes::MAX);
        moved.insert((*holding, *day), back.wide());
    }
    belief.taken.retain(|_, taken| *taken > Bytes::ZERO);
    (moved, growth)
}

/// Believes a lower total that is doubted: what it takes back from each day.
pub(super) fn confirm(before: &PeriodBelief) -> Option<(PeriodBelief, BTreeMap<HoldingDay, i128>)> {
    let doubt = before.doubt.filter(|doubt| doubt.count < before.total)?;
    let mut belief = PeriodBelief { total: doubt.count, at: doubt.at, doubt: None, ..before.clone() };
    let moved = take_back(&mut belief, before.total.wide() - doubt.count.wide());
    Some((belief, moved))
}

#[cfg(test)]
mod tests {
    use super::super::book::{Book, Holding, SeriesBook};
    use super::super::plausible::{Acceptance, accept};
    use super::super::share;
    use super::super::{Bounds, OwnerChange, SettleRules, settle};
    use super::*;
    use crate::domain::{AccountName, BillingZone, Harvest, Meter, Owner, Reading, Source};

    fn no() -> HoldingNo {
        HoldingNo::new(1)
    }

    fn revise(
        before: Option<&PeriodBelief>,
        span: Span,
        at: Timestamp,
        total: Bytes,
        holdings: &[Holding],
    ) -> Revision {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let days = share::Days::new(zone);
        super::revise(before, span, at, total, Timeline { days: &days, holdings }, NotOurs::NOTHING)
    }

    fn zone() -> &'static [Holding] {
        Box::leak(Box::new([Holding::new(no(), Timestamp::EPOCH, Owner::Unowned)]))
    }

    fn on<const N: usize>(days: [(UsageDay, i128); N]) -> BTreeMap<HoldingDay, i128> {
        days.into_iter().map(|(day, moved)| ((no(), day), moved)).collect()
    }

    fn day(text: &str) -> UsageDay {
        UsageDay::parse(text).expect("a day")
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    /// A panel that counts days in UTC, two hours behind the billing days of summer.
    fn utc_day() -> Span {
        let start = Timestamp::new(1_780_272_000).expect("2026-06-01T00:00:00Z");
        Span::new(start, start.plus(crate::domain::Seconds::hours(24))).expect("a span")
    }

    #[test]
    fn a_span_is_of_the_month_that_its_panel_means() {
        let month = |zone: &str, start: i64, hours: u64| {
            let start = Timestamp::new(start).expect("in range");
            let span = Span::new(start, start.plus(Seconds::hours(hours))).expect("a span");
            month_of(span, BillingZone::parse(zone).expect("a zone")).to_string()
        };
        let june = 1_780_272_000;
        for zone in ["UTC", "America/New_York", "Europe/Warsaw", "Asia/Tokyo"] {
            assert_eq!(month(zone, june, 24), "2026-06", "the first of June in UTC, billed in {zone}");
            assert_eq!(month(zone, june - 86_400, 24), "2026-05");
            assert_eq!(month(zone, june, 30 * 24), "2026-06", "all of it");
        }
        assert_eq!(month("Europe/Warsaw", june - 9 * 3_600, 24), "2026-06", "the first of June in Tokyo");
        assert_eq!(month("Pacific/Auckland", june - 12 * 3_600, 24), "2026-06", "a day of the billing zone");
        assert_eq!(month("America/New_York", june, 1), "2026-05", "hours are of the billing zone");
    }

    #[test]
    fn a_day_known_only_as_a_whole_is_shared_by_overlap() {
        let span = utc_day();
        let revision = revise(None, span, span.end(), bytes(2400), zone());
        assert_eq!(revision.moved, on([(day("2026-06-01"), 2200), (day("2026-06-02"), 200)]));
    }

    #[test]
    fn growth_seen_between_two_polls_is_placed_between_them() {
        let span = utc_day();
        let noon = span.start().plus(crate::domain::Seconds::hours(12));
        let first = revise(None, span, noon, bytes(1000), zone()).belief.expect("believed");
        let late = span.end().minus(crate::domain::Seconds::hours(1));
        let second = revise(Some(&first), span, late, bytes(2100), zone());
        // 11 hours, of which the last is already tomorrow in Warsaw.
        assert_eq!(second.moved, on([(day("2026-06-01"), 1000), (day("2026-06-02"), 100)]));
    }

    #[test]
    fn a_fall_is_taken_back_to_the_byte_and_never_below_zero() {
        let span = utc_day();
        let whole = revise(None, span, span.end(), bytes(2400), zone()).belief.expect("believed");
        let later = span.end().plus(crate::domain::Seconds::hours(5));
        let doubted = revise(Some(&whole), span, later, bytes(2000), zone());
        assert_eq!((doubted.moved.len(), doubted.note.map(|note| note.name())), (0, Some("went_backwards")));
        let doubted = doubted.belief.expect("doubted");
        assert_eq!((doubted.total, doubted.at), (whole.total, whole.at), "told once it is not believed");
        let again = revise(Some(&doubted), span, later, bytes(2000), zone());
        assert_eq!(again, Revision::nothing(None), "the same answer is no second one");
        let latest = later.plus(crate::domain::Seconds::hours(1));
        let recovered = revise(Some(&doubted), span, latest, bytes(2400), zone());
        assert!(recovered.moved.values().all(|moved| *moved == 0), "{recovered:?}");
        let fallen = revise(Some(&doubted), span, latest, bytes(2100), zone());
        assert_eq!(fallen.moved, on([(day("2026-06-01"), -100), (day("2026-06-02"), -200)]));
        let belief = fallen.belief.expect("believed");
        assert_eq!(belief.placed.values().map(|bytes| bytes.get()).sum::<u64>(), 2100);
    }

    /// A panel that reports the totals of whole days, and what is believed of it.
    struct Days {
        book: Book,
        account: AccountName,
    }

    impl Days {
        fn new() -> Days {
            Days { book: Book::default(), account: AccountName::new("alice").expect("a name") }
        }

        /// The day that begins so many seconds after the first one.
        fn day(seconds: u64) -> Span {
            let start = utc_day().start().plus(Seconds::new(seconds));
            Span::new(start, start.plus(Seconds::hours(24))).expect("a span")
        }

        fn answer(&mut self, now: Timestamp, totals: &[(Span, u64)]) -> Vec<&'static str> {
            let mut harvest = Harvest::new();
            for (span, total) in totals {
                let (source, total) = (Source::default(), bytes(*total));
                let reading = Reading::PeriodTotal { source, at: now, span: *span, total };
                harvest.add_reading(&self.account, Meter::TrafficIn, reading);
            }
            harvest.listed_everyone();
            let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
            let rules = SettleRules { zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
            let settled = settle(&self.book, &harvest, now, &rules);
            let notes = settled.notes.iter().map(|noted| noted.note.name()).collect();
            self.book.apply(&settled);
            notes
        }

        fn series(&self) -> &SeriesBook {
            self.book.series(&self.account, Meter::TrafficIn).expect("a series")
        }

        fn total(&self) -> u64 {
            self.series().total.get()
        }
    }

    const DAY: u64 = 86_400;

    #[test]
    fn never_4_days_that_a_panel_cuts_otherwise_are_never_counted_twice() {
        // One burst, on any of the days, or the same every day; the zone is set up to fourteen hours on or back.
        for hours in [-14_i64, -5, -1, 2, 9] {
            for burst in 0..7_u64 {
                let mut panel = Days::new();
                let now = Days::day(8 * DAY).start();
                let bytes = |day: u64| if day == burst { 240_000 } else { 15 };
                let week: Vec<(Span, u64)> =
                    (1..8).map(|day| (Days::day(day * DAY), bytes(day - 1))).collect();
                panel.answer(now, &week);
                let total = panel.total();
                let shift = |day: u64| Days::day((day * DAY).saturating_add_signed(hours * 3600));
                let shifted: Vec<(Span, u64)> = (1..8).map(|day| (shift(day), bytes(day - 1))).collect();
                let later = now.plus(Seconds::new(900));
                let notes = panel.answer(later, &shifted);
                assert!(notes.iter().all(|note| *note == "counted_before") && notes.len() == 7, "{notes:?}");
                assert_eq!(panel.total(), total, "{hours} h, a burst on day {burst}");
                assert!(panel.answer(later.plus(Seconds::new(900)), &shifted).is_empty(), "said once");
                // What comes now is news.
                let grown = (shifted[6].0, shifted[6].1 + 7);
                panel.answer(later.plus(Seconds::hours(20)), &[grown, (shift(9), 5)]);
                assert_eq!(panel.total(), total + 12);
            }
        }
    }

    #[test]
    fn never_4_a_month_that_a_panel_forgets_stays_until_somebody_has_looked() {
        let mut panel = Days::new();
        let days = |total: u64| -> Vec<(Span, u64)> {
            (0..20).map(|day| (Days::day(day * DAY), if day % 3 == 0 { 0 } else { total })).collect()
        };
        panel.answer(Days::day(20 * DAY).start(), &days(1000));
        let total = panel.total();
        let at = |hours: u64| Days::day(30 * DAY).start().plus(Seconds::hours(hours));
        let july = (Days::day(30 * DAY), 50);
        let zeros: Vec<(Span, u64)> = days(0).into_iter().chain([july]).collect();
        assert_eq!(panel.answer(at(1), &zeros), ["month_vanished"]);
        for hours in 2..6 {
            assert!(panel.answer(at(hours), &zeros).is_empty(), "said once");
            assert_eq!(panel.total(), total + 50, "the next month goes on");
        }
        panel.answer(at(7), &days(1000));
        assert_eq!(panel.total(), total + 50, "it was there all along");
        panel.answer(at(8), &zeros);
        let word = Acceptance { account: None, author: "op".into(), reason: "cleared".into() };
        panel.book.apply(&accept(&panel.book, &word, at(9)).expect("doubted"));
        assert_eq!(panel.total(), 50);
        panel.answer(at(10), &zeros);
        assert_eq!(panel.total(), 50);
        // One day that falls is believed when it is reported twice.
        let mut panel = Days::new();
        panel.answer(Days::day(20 * DAY).start(), &days(1000));
        let one = [(Days::day(DAY), 0)];
        panel.answer(at(1), &one);
        panel.answer(at(2), &one);
        assert_eq!(panel.total(), total - 1000);
    }

    #[test]
    fn never_4_what_recovers_returns_to_whom_it_was_taken_from() {
        let mut panel = Days::new();
        let span = Days::day(0);
        panel.answer(span.start().plus(Seconds::hours(10)), &[(Days::day(DAY * 2), 1), (span, 20_000)]);
        let life = panel.book.called(&panel.account).expect("seen");
        let owner = Owner::Service(3);
        let from = span.start().plus(Seconds::hours(11));
        panel.book.apply_owner(&OwnerChange::Opened { life, holding: HoldingNo::new(2), from, owner });
        let hours = |hours| span.start().plus(Seconds::hours(hours));
        panel.answer(hours(12), &[(span, 21_000)]);
        let moved = |panel: &Days| -> Vec<u64> {
            let life = panel.book.life(&panel.account).expect("seen");
            let months = life.holdings.iter().flat_map(|holding| &holding.parts);
            months
                .map(|part| part.months.get(&Meter::TrafficIn).map_or(0, |month| month.amount.get()))
                .collect()
        };
        let before = moved(&panel);
        for hour in [13, 14] {
            panel.answer(hours(hour), &[(span, 9_000)]);
        }
        assert_eq!(panel.total(), 9_001);
        panel.answer(hours(15), &[(span, 21_500)]);
        assert_eq!(moved(&panel), [before[0], before[1] + 500], "only what is new is the new owner's");
    }

    #[test]
    fn days_that_are_over_for_good_become_one_and_are_not_counted_again() {
        let mut panel = Days::new();
        for day in 1..=200 {
            let now = Days::day((day + 1) * DAY).start();
            panel.answer(now, &[(Days::day(day * DAY), 1000 + day)]);
        }
        let (kept, total) = (panel.series().periods.len(), panel.total());
        assert!((100..140).contains(&kept), "{kept}");
        assert_eq!(total, (1..=200).map(|day| 1000 + day).sum::<u64>());
        let sum: u64 = panel.series().periods.values().map(|belief| belief.total.get()).sum();
        assert_eq!(sum, total, "what is folded is whole");
        let now = Days::day(202 * DAY).start();
        let old = [(Days::day(DAY), 1001), (Days::day(5 * DAY), 9_000_000)];
        assert_eq!(panel.answer(now, &old), Vec::<&str>::new());
        assert_eq!(panel.total(), total);
        panel.answer(now.plus(Seconds::hours(1)), &[(Days::day(0), 7)]);
        assert_eq!(panel.total(), total + 7, "what was never told is not over: it is news");
    }

    #[test]
    fn old_and_contradicting_totals_are_not_believed() {
        let span = utc_day();
        let known = revise(None, span, span.end(), bytes(7), zone()).belief.expect("believed");
        let older = revise(Some(&known), span, span.start(), bytes(9), zone());
        assert_eq!((older.belief, older.note), (None, Some(Note::OldAnswer { at: span.start() })));
        let other = revise(Some(&known), span, span.end(), bytes(9), zone());
        assert_eq!((other.belief, other.note), (None, Some(Note::Contradiction)));
        assert_eq!(revise(Some(&known), span, span.end(), bytes(7), zone()), Revision::nothing(None));
    }
}
