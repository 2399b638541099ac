//! Period totals: what a panel says a span moved. The newest wins, and differences move the days. A
//! total that falls must be told twice: the first time it may be an answer from before.

use std::collections::BTreeMap;

use super::book::{Doubt, PeriodBelief};
use super::note::Note;
use super::share::{Place, Timeline};
use crate::domain::{Bytes, HoldingNo, Seconds, Span, Timestamp, UsageDay};

/// What one period total means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// What to believe from now on; `None` when nothing changed.
    pub belief: Option<PeriodBelief>,
    /// Bytes added to (or taken from) each day.
    pub moved: BTreeMap<Place, i128>,
    /// What was noticed.
    pub note: Option<Note>,
}

impl Revision {
    fn nothing(note: Option<Note>) -> Revision {
        Revision { belief: None, moved: BTreeMap::new(), note }
    }
}

/// What of a span is somebody else's: a life before of the same name had a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotOurs {
    /// Nothing before this instant is ours.
    pub until: Timestamp,
    /// What the total was when it was theirs.
    pub total: Bytes,
    /// What of the total, told the first time, other accounts of the service have.
    pub copied: Bytes,
    /// What of the total, told the first time, is counted under other spans of the same source.
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

/// What of a total lies in a span, by time.
pub(super) fn part_of(total: Bytes, of: Span, span: Span) -> Bytes {
    let Some(both) = of.overlap(span) else { return Bytes::ZERO };
    let part = total.wide() * i128::from(both.seconds().get()) / i128::from(of.seconds().get().max(1));
    Bytes::from_wide(part).unwrap_or(total)
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
    let belief = PeriodBelief { total, at, placed: BTreeMap::new(), doubt: None };
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
        let note = copied.or((counted > Bytes::ZERO).then_some(Note::CountedBefore { amount: counted }));
        let moved = place(&mut placed, growth, window(span, not_ours.until.max(span.start()), at), time);
        return Revision { belief: Some(PeriodBelief { total, at, placed, doubt: None }), moved, note };
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
        Some(growth) => place(&mut belief.placed, growth, window(span, before.at, at), time),
        None if before.doubt.is_some() => take_back(&mut belief.placed, before.total.wide() - total.wide()),
        None => {
            let note = Some(Note::WentBackwards { believed: before.total, came: total });
            let doubt = Some(Doubt { count: total, at });
            let belief = Some(PeriodBelief { doubt, ..before.clone() });
            return Revision { belief, moved: BTreeMap::new(), note };
        }
    };
    Revision { belief: Some(belief), moved, note: None }
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
) -> BTreeMap<Place, i128> {
    let mut moved = BTreeMap::new();
    for ((holding, day), part) in time.share(window.start(), window.end(), growth) {
        let sum = placed.entry((day, holding)).or_default();
        // The days of a span sum to its total, which fits: each of them fits too.
        *sum = sum.checked_add(part).unwrap_or(Bytes::MAX);
        moved.insert((holding, day), part.wide());
    }
    moved
}

/// Takes a fall back from where the bytes were put last, and no more than was put there.
fn take_back(placed: &mut BTreeMap<(UsageDay, HoldingNo), Bytes>, mut fall: i128) -> BTreeMap<Place, i128> {
    let mut moved = BTreeMap::new();
    for ((day, holding), sum) in placed.iter_mut().rev() {
        let taken = fall.min(sum.wide());
        if taken == 0 {
            continue;
        }
        *sum = Bytes::from_wide(sum.wide() - taken).unwrap_or(Bytes::ZERO);
        moved.insert((*holding, *day), -taken);
        fall -= taken;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::super::book::{Book, Holding, SeriesBook};
    use super::super::plausible::{Acceptance, accept};
    use super::super::{Rules, settle};
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
        super::revise(before, span, at, total, Timeline { zone, holdings }, NotOurs::NOTHING)
    }

    fn zone() -> &'static [Holding] {
        Box::leak(Box::new([Holding::new(no(), Timestamp::EPOCH, Owner::Nobody)]))
    }

    fn on<const N: usize>(days: [(UsageDay, i128); N]) -> BTreeMap<Place, i128> {
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

    /// A panel that tells the totals of whole days, and what is believed of it.
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

        fn tell(&mut self, now: Timestamp, totals: &[(Span, u64)]) -> Vec<&'static str> {
            let mut harvest = Harvest::new();
            for (span, total) in totals {
                let (source, total) = (Source::default(), bytes(*total));
                let reading = Reading::PeriodTotal { source, at: now, span: *span, total };
                harvest.read(&self.account, Meter::TrafficIn, reading);
            }
            harvest.listed_everyone();
            let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
            let rules = Rules { zone, max_gap: Seconds::hours(26), max_rate: None };
            let settled = settle(&self.book, &harvest, now, &rules);
            let notes = settled.notes.iter().map(|noted| noted.note.name()).collect();
            self.book.apply(settled);
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
    fn never_4_days_that_a_panel_cuts_otherwise_are_held_and_never_counted_twice() {
        let mut panel = Days::new();
        let now = Days::day(7 * DAY).start();
        let week: Vec<(Span, u64)> = (0..7).map(|day| (Days::day(day * DAY), 15_000)).collect();
        panel.tell(now, &week);
        // Its zone is set two hours further on: the same bytes in other days.
        let shifted: Vec<(Span, u64)> = (0..7).map(|day| (Days::day(day * DAY + 7200), 15_000)).collect();
        let later = now.plus(Seconds::new(900));
        assert_eq!(panel.tell(later, &shifted), ["overlaps"]);
        assert_eq!(panel.tell(later.plus(Seconds::new(900)), &shifted), Vec::<&str>::new(), "said once");
        assert_eq!(panel.total(), 105_000);
        let word =
            Acceptance { account: Some(panel.account.clone()), author: "op".into(), reason: "zone".into() };
        let settled = accept(&panel.book, &word, later).expect("held back");
        panel.book.apply(settled);
        panel.tell(later.plus(Seconds::hours(1)), &shifted);
        assert_eq!(panel.total(), 106_250, "of the last day the two hours that were in no day before");
        let tomorrow = (Days::day(7 * DAY + 7200), 7);
        assert_eq!(panel.tell(Days::day(8 * DAY).start(), &[tomorrow]), Vec::<&str>::new());
        assert_eq!(panel.total(), 106_257);
    }

    #[test]
    fn days_that_are_over_for_good_become_one_and_are_not_counted_again() {
        let mut panel = Days::new();
        for day in 1..=200 {
            let now = Days::day((day + 1) * DAY).start();
            panel.tell(now, &[(Days::day(day * DAY), 1000 + day)]);
        }
        let (kept, total) = (panel.series().periods.len(), panel.total());
        assert!((100..140).contains(&kept), "{kept}");
        assert_eq!(total, (1..=200).map(|day| 1000 + day).sum::<u64>());
        let sum: u64 = panel.series().periods.values().map(|belief| belief.total.get()).sum();
        assert_eq!(sum, total, "what is folded is whole");
        let now = Days::day(202 * DAY).start();
        let old = [(Days::day(DAY), 1001), (Days::day(5 * DAY), 9_000_000)];
        assert_eq!(panel.tell(now, &old), Vec::<&str>::new());
        assert_eq!(panel.total(), total);
        panel.tell(now.plus(Seconds::hours(1)), &[(Days::day(0), 7)]);
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
