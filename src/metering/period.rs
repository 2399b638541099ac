//! Period totals: what a panel says a span moved. The newest wins, and differences move the days. A
//! total that falls must be told twice: the first time it may be an answer from before.

use std::collections::BTreeMap;

use super::book::{Doubt, PeriodBelief};
use super::note::Note;
use super::share::{Place, Timeline};
use crate::domain::{Bytes, HoldingNo, Span, Timestamp, UsageDay};

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
}

impl NotOurs {
    /// All of the span is ours.
    pub const NOTHING: NotOurs = NotOurs { until: Timestamp::EPOCH, total: Bytes::ZERO, copied: Bytes::ZERO };
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
        let note = (not_ours.copied > Bytes::ZERO).then_some(Note::Copied { amount: not_ours.copied });
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
    use super::super::book::Holding;
    use super::*;
    use crate::domain::{BillingZone, Owner};

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
