//! Corrections by hand: bytes added to a day, or taken from it, as a record of its own. Nothing is edited.

use litemap::LiteMap;

use super::book::{Book, MonthToDate, SeriesBook};
use super::change::{DayChange, SeriesChange, Settled};
use super::note::{Note, Noted};
use super::plausible::{Acceptance, accept};
use crate::domain::{AccountName, ByteMinutes, Bytes, Meter, Minutes, Nature, Source, Timestamp, UsageDay};

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

/// What an operator has said: a record of its own in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Bytes added to a day, or taken from it.
    Adjusted(Adjustment),
    /// What was held back is true.
    Accepted(Acceptance),
}

impl Correction {
    /// Makes it again. It was possible once; where it is not any more nothing of it is left.
    pub fn settle(&self, book: &Book, at: Timestamp) -> Settled {
        let settled = match self {
            Correction::Adjusted(adjustment) => adjust(book, adjustment, at).ok(),
            Correction::Accepted(acceptance) => accept(book, acceptance, at).ok(),
        };
        settled.unwrap_or_else(|| Settled { last_look: book.last_look, ..Settled::default() })
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

/// What a correction made at `at` adds to days and beliefs.
pub fn adjust(book: &Book, adjustment: &Adjustment, at: Timestamp) -> Result<Settled, CannotAdjust> {
    let Adjustment { account, meter, day, amount, author, reason } = adjustment;
    if meter.nature() == Nature::Level {
        return Err(CannotAdjust::Level);
    }
    let before = book.accounts.get(account).and_then(|series| series.get(meter));
    let before = before.ok_or(CannotAdjust::Unknown)?;
    let sum = |so_far: Bytes| Bytes::from_wide(so_far.wide() + amount).map_err(|_| CannotAdjust::OutOfRange);
    let total = sum(before.total)?;
    let change = SeriesChange {
        month: month(before, *day, sum)?,
        total,
        shown: before.shown.max(total),
        days: LiteMap::from_iter([(*day, DayChange { added: *amount, ..DayChange::default() })]),
        ..SeriesChange::unmoved(account, *meter, before)
    };
    let note = Note::Adjusted { amount: *amount, author: author.clone(), reason: reason.clone() };
    let noted = Noted { account: account.clone(), meter: *meter, source: Source::default(), at, note };
    Ok(Settled { changes: vec![change], notes: vec![noted], last_look: book.last_look, max_rate: None })
}

/// The running month after it: only a correction of that month, or of a newer one, moves it.
fn month(
    before: &SeriesBook,
    day: UsageDay,
    sum: impl Fn(Bytes) -> Result<Bytes, CannotAdjust>,
) -> Result<Option<MonthToDate>, CannotAdjust> {
    let of = day.month();
    let new = MonthToDate {
        month: of,
        amount: Bytes::ZERO,
        estimated: Bytes::ZERO,
        held: ByteMinutes::ZERO,
        covered: Minutes::ZERO,
    };
    let carried = match before.month {
        Some(carried) if carried.month > of => return Ok(Some(carried)),
        Some(carried) if carried.month == of => carried,
        _ => new,
    };
    Ok(Some(MonthToDate { amount: sum(carried.amount)?, ..carried }))
}

#[cfg(test)]
mod tests {
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

    fn book(month: &str, amount: u64) -> Book {
        let amount = Bytes::new(amount).expect("fits");
        let month = MonthToDate {
            month: day(month).month(),
            amount,
            estimated: Bytes::ZERO,
            held: ByteMinutes::ZERO,
            covered: Minutes::ZERO,
        };
        let series = SeriesBook { total: amount, shown: amount, month: Some(month), ..SeriesBook::default() };
        let mut book = Book::default();
        let account = book.accounts.entry(AccountName::new("alice").expect("a name")).or_default();
        account.insert(Meter::TrafficOut, series);
        book
    }

    fn month_after(book: &mut Book, adjustment: &Adjustment) -> (String, u64, u64) {
        let settled = adjust(book, adjustment, Timestamp::EPOCH).expect("possible");
        book.apply(settled);
        let series = &book.accounts["alice"][&Meter::TrafficOut];
        let month = series.month.expect("a month");
        (month.month.to_string(), month.amount.get(), series.shown.get())
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
        let refused = |adjustment: &Adjustment| adjust(&book, adjustment, Timestamp::EPOCH).err();
        assert_eq!(refused(&adjustment(on, -101)), Some(CannotAdjust::OutOfRange));
        assert_eq!(refused(&adjustment(on, i128::from(i64::MAX))), Some(CannotAdjust::OutOfRange));
        let level = Adjustment { meter: Meter::StorageUsed, ..adjustment(on, 1) };
        assert_eq!(refused(&level), Some(CannotAdjust::Level));
        let other = Adjustment { meter: Meter::TrafficIn, ..adjustment(on, 1) };
        assert_eq!(refused(&other), Some(CannotAdjust::Unknown));
    }
}
