//! Corrections by hand: bytes added to a day, or taken from it, as a record of its own. Nothing is edited.

use litemap::LiteMap;

use super::book::{Book, PeriodBelief, SeriesBook};
use super::change::{DayChange, SeriesChange, Settled};
use super::forget::{Forgetting, forget};
use super::note::{Note, Noted};
use super::plausible::{Acceptance, accept};
use super::renumber::{Renumbering, renumber};
use super::rewind::Rewind;
use crate::domain::{
    AccountName, BillingZone, Bytes, HoldingNo, LifeNo, Meter, Nature, Source, Span, Timestamp, UsageDay,
};

/// A correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Whose usage.
    pub account: AccountName,
    /// Of what.
    pub meter: Meter,
    /// On which day.
    pub day: UsageDay,
    /// Bytes added, or taken away.
    pub amount: i128,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Days that an operator has given to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose usage: a name means its newest life.
    pub account: AccountName,
    /// The first of the days.
    pub since: UsageDay,
    /// Who pays for them (`tblhosting.id`).
    pub service: i64,
    /// Who says so.
    pub author: String,
}

/// What an operator has said: a record of its own in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Days have another payer; not a byte of them moves.
    Moved(Moved),
    /// Bytes added to a day, or taken from it.
    Adjusted(Adjustment),
    /// What was held back is true.
    Accepted(Acceptance),
    /// The backend is over, and all its accounts with it.
    Forgotten(Forgetting),
    /// The services that pay have other numbers.
    Renumbered(Renumbering),
    /// What was settled after an entry is taken back.
    Rewound(Rewind),
}

impl Correction {
    /// Makes it again. It was possible once; where it is not any more nothing of it is left.
    pub fn settle(&self, book: &Book, at: Timestamp, zone: BillingZone) -> Settled {
        let settled = match self {
            Correction::Adjusted(adjustment) => adjust(book, adjustment, at, zone).ok(),
            Correction::Accepted(acceptance) => accept(book, acceptance, at).ok(),
            Correction::Forgotten(_) => Some(forget(book)),
            Correction::Renumbered(renumbering) => Some(renumber(book, renumbering)),
            Correction::Moved(_) | Correction::Rewound(_) => None,
        };
        let (last_look, list_doubt) = (book.last_look, book.list_doubt);
        settled.unwrap_or_else(|| Settled { last_look, list_doubt, ..Settled::default() })
    }
}

/// Why a correction cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotAdjust {
    /// A level is what the panel holds; only what passed adds up over days.
    #[error("storage is a level: it is what the panel holds, and cannot be corrected by adding to a day")]
    Level,
    /// The account or the meter was never read.
    #[error("this meter of this account was never read")]
    Unknown,
    /// The sum would be less than nothing, or more than can be stored.
    #[error("the sum would be less than nothing, or more than can be stored")]
    OutOfRange,
}

/// The life and holding that a correction of a day is put to: whoever had the day at its end.
pub fn adjusted_holding(
    book: &Book,
    account: &AccountName,
    day: UsageDay,
    zone: BillingZone,
) -> Result<(LifeNo, HoldingNo), CannotAdjust> {
    let life = book.called(account).ok_or(CannotAdjust::Unknown)?;
    let holding = book.lives.get(&life).map(|one| one.holding_at(zone.start_of(day.next())));
    Ok((life, holding.ok_or(CannotAdjust::Unknown)?))
}

/// What a correction made at `at` adds to days and beliefs.
pub fn adjust(
    book: &Book,
    adjustment: &Adjustment,
    at: Timestamp,
    zone: BillingZone,
) -> Result<Settled, CannotAdjust> {
    let Adjustment { account, meter, day, amount, author, reason } = adjustment;
    if meter.nature() == Nature::Level {
        return Err(CannotAdjust::Level);
    }
    let (life, holding) = adjusted_holding(book, account, *day, zone)?;
    let before = book.lives.get(&life).and_then(|life| life.series.get(meter));
    let before = before.ok_or(CannotAdjust::Unknown)?;
    let total = Bytes::from_wide(before.total.wide() + amount).map_err(|_| CannotAdjust::OutOfRange)?;
    let change = SeriesChange {
        total,
        shown: before.shown.max(total),
        periods: less_placed(before, (*day, holding), amount.saturating_neg()),
        days: LiteMap::from_iter([((holding, *day), DayChange { added: *amount, ..DayChange::default() })]),
        ..SeriesChange::unmoved(life, *meter, before)
    };
    let note = Note::Adjusted { amount: *amount, author: author.clone(), reason: reason.clone() };
    let noted = Noted { account: account.clone(), life, meter: *meter, source: Source::default(), at, note };
    let (changes, notes) = (vec![change], vec![noted]);
    let (last_look, list_doubt) = (book.last_look, book.list_doubt);
    Ok(Settled { changes, notes, last_look, list_doubt, ..Settled::default() })
}

/// The totals that have put bytes on a day, with what is taken from it taken from what they have put: a total that
/// falls later takes back only what is still there.
fn less_placed(
    series: &SeriesBook,
    place: (UsageDay, HoldingNo),
    mut taken: i128,
) -> Vec<((Source, Span), PeriodBelief)> {
    let mut changed = Vec::new();
    for (key, belief) in &series.periods {
        let Some(placed) = belief.placed.get(&place).filter(|_| taken > 0) else { continue };
        let less = taken.min(placed.wide());
        let mut belief = belief.clone();
        belief.placed.insert(place, Bytes::from_wide(placed.wide() - less).unwrap_or(Bytes::ZERO));
        changed.push((key.clone(), belief));
        taken -= less;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::book::Life;
    use super::*;

    fn day(text: &str) -> UsageDay {
        UsageDay::parse(text).expect("a day")
    }

    fn adjustment(day: UsageDay, amount: i128) -> Adjustment {
        Adjustment {
            account: AccountName::new("alice").expect("a name"),
            meter: Meter::TrafficOut,
            day,
            amount,
            author: "ann".into(),
            reason: "a ticket".into(),
        }
    }

    fn zone() -> BillingZone {
        BillingZone::parse("Europe/Warsaw").expect("a zone")
    }

    /// An account that moved `amount` on a day.
    fn book(on: &str, amount: u64) -> Book {
        let amount = Bytes::new(amount).expect("fits");
        let name = AccountName::new("alice").expect("a name");
        let mut life = Life::new(&name, 1, Timestamp::EPOCH, HoldingNo::new(1));
        let series = SeriesBook { total: amount, shown: amount, ..SeriesBook::default() };
        life.series.insert(Meter::TrafficOut, series);
        let moved = DayChange { added: amount.wide(), ..DayChange::default() };
        life.holdings[0].parts[0].add(Meter::TrafficOut, day(on), &moved);
        let mut book = Book::default();
        book.lives.insert(LifeNo::new(1), life);
        book.names.insert(name, LifeNo::new(1));
        book
    }

    fn month_after(book: &mut Book, adjustment: &Adjustment) -> (String, u64, u64) {
        let settled = adjust(book, adjustment, Timestamp::EPOCH, zone()).expect("possible");
        book.apply(&settled);
        let life = book.life(&adjustment.account).expect("seen");
        let month = life.holdings[0].parts[0].months[&Meter::TrafficOut];
        (month.month.to_string(), month.amount.get(), life.series[&Meter::TrafficOut].shown.get())
    }

    #[test]
    fn the_running_month_moves_with_its_own_days_only_and_what_was_shown_never_falls() {
        let mut book = book("2026-11-20", 100);
        let running = adjustment(day("2026-11-02"), -30);
        assert_eq!(month_after(&mut book, &running), ("2026-11".into(), 70, 100));
        let closed = adjustment(day("2026-10-31"), 50);
        assert_eq!(month_after(&mut book, &closed), ("2026-11".into(), 70, 120));
        let newer = adjustment(day("2026-12-01"), 5);
        assert_eq!(month_after(&mut book, &newer), ("2026-12".into(), 5, 125));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let book = book("2026-11-20", 100);
        let on = day("2026-11-20");
        let refused = |adjustment: &Adjustment| adjust(&book, adjustment, Timestamp::EPOCH, zone()).err();
        assert_eq!(refused(&adjustment(on, -101)), Some(CannotAdjust::OutOfRange));
        assert_eq!(refused(&adjustment(on, i128::from(i64::MAX))), Some(CannotAdjust::OutOfRange));
        let level = Adjustment { meter: Meter::StorageUsed, ..adjustment(on, 1) };
        assert_eq!(refused(&level), Some(CannotAdjust::Level));
        let other = Adjustment { meter: Meter::TrafficIn, ..adjustment(on, 1) };
        assert_eq!(refused(&other), Some(CannotAdjust::Unknown));
    }

    /// Eight of ten were taken from a day by hand; then the panel says, twice, that it was one.
    #[test]
    fn a_total_that_falls_takes_back_only_what_is_still_there() {
        use super::super::properties::{Ledger, bytes, name, one};
        use crate::domain::{Reading, Seconds};
        let today = day("2026-11-20");
        let (from, until) = (zone().start_of(today), zone().start_of(today.next()));
        let total = |hours: u64, total: u64| {
            let at = until.plus(Seconds::hours(hours));
            let (source, span) = (Source::default(), Span::new(from, until).expect("in order"));
            (one(Meter::TrafficOut, Reading::PeriodTotal { source, at, span, total: bytes(total) }), at)
        };
        let mut ledger = Ledger::default();
        let (ten, at) = total(1, 10);
        ledger.take(&ten, at);
        let by_hand = Adjustment { account: name(), ..adjustment(today, -8) };
        let settled = adjust(&ledger.book, &by_hand, at, zone()).expect("possible");
        ledger.book.apply(&settled);
        for (fallen, at) in [2, 3].map(|hours| total(hours, 1)) {
            ledger.take(&fallen, at);
        }
        // Of the ten that were read two are taken back; the other eight were by hand.
        assert_eq!(ledger.sum(Meter::TrafficOut), 8, "no day is less than nothing");
        let series = ledger.book.series(&name(), Meter::TrafficOut).expect("seen");
        assert_eq!(series.total, Bytes::ZERO);
    }
}
