//! Which month the totals of a server are for. Pure.
//!
//! The panel does not say it. Totals begin anew at a nightly tally after midnight of the 1st, all of them together, so it
//! is decided for the whole server: by the date of its last tally and by the fall of the sum, never by our clock.

use std::collections::BTreeMap;

use chrono::Datelike;

use crate::backends::Heard;
use crate::domain::{AccountName, BillingZone, Bytes, Meter, Month, Span, Timestamp};

use super::row::Row;

/// When the totals were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// The instant of the last tally, or where that is not told the time of the answer.
    pub at: Timestamp,
    /// Whether it is that of the last tally.
    pub is_tally: bool,
}

/// What was believed of the newest month that totals were ever counted for, and what its accounts have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub month: Month,
    /// The last measurement in it.
    pub at: Timestamp,
    /// The sums over those accounts that had a total then and have one now.
    pub had: Bytes,
    pub have: Bytes,
}

/// The month that totals are for, and what the operator should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub month: Month,
    pub note: Option<String>,
}

impl Before {
    /// What was heard of this server; none on first contact.
    pub fn of(heard: &Heard, rows: &BTreeMap<AccountName, Row>, zone: BillingZone) -> Option<Before> {
        let totals: Vec<_> = heard
            .newest_totals(Meter::TrafficTotal)
            .map(|(name, total)| (name, total, month_of(total.span, zone)))
            .collect();
        let month = totals.iter().map(|(.., month)| *month).max()?;
        let mut before = Before { month, at: Timestamp::EPOCH, had: Bytes::ZERO, have: Bytes::ZERO };
        for (name, total, _) in totals.iter().filter(|(.., of)| *of == month) {
            before.at = before.at.max(total.at);
            if let Some(Ok(now)) = rows.get(*name).map(|row| &row.traffic) {
                before.had = before.had.checked_add(total.total).unwrap_or(Bytes::MAX);
                before.have = before.have.checked_add(*now).unwrap_or(Bytes::MAX);
            }
        }
        Some(before)
    }
}

/// The month that a span is of: its middle, so that a change of zone does not move it to the neighbour.
fn month_of(span: Span, zone: BillingZone) -> Month {
    let middle = span.start().get() + (span.end().get() - span.start().get()) / 2;
    zone.day_of(Timestamp::new(middle).unwrap_or(span.start())).month()
}

/// Which month totals are for, or why that is not known now.
pub(super) fn decide(
    measured: Measured,
    zone: BillingZone,
    before: Option<Before>,
) -> Result<Decided, String> {
    let day = zone.day_of(measured.at);
    let of_measurement = day.month();
    let whole = |month| Ok(Decided { month, note: None });
    // By the second night of a month the tally that begins it has run, whatever the sum is. Without a tally's date our
    // clock says when that is, so a night more is waited for.
    let has_surely_begun = day.date().day() > if measured.is_tally { 1 } else { 2 };
    let Some(before) = before else {
        return match has_surely_begun {
            true => whole(of_measurement),
            false => Err(format!(
                "on the first of a month, before anything was heard of this server, it does not show whether totals are \
                 already those of {of_measurement}: wait for the next tally"
            )),
        };
    };
    if before.month == of_measurement {
        return whole(of_measurement);
    }
    if before.month > of_measurement {
        return Err(format!(
            "the last tally is of {of_measurement} ({}), and totals of {} were counted already: is timezone the \
             server's, and its clock right?",
            measured.at, before.month
        ));
    }
    let begun = Decided { month: of_measurement, note: gap(before, zone) };
    match (has_surely_begun, before.had, before.have) {
        (true, ..) => Ok(begun),
        (false, Bytes::ZERO, _) => Err(format!(
            "nothing was moved in {}, so it does not show whether totals are already those of {of_measurement}: wait for \
             the next tally",
            before.month
        )),
        // A tally of a month's first hours is a small part of the month before.
        (false, had, have) if have.get() <= had.get() / 2 => Ok(begun),
        (false, had, have) if have >= had => whole(before.month),
        (false, had, have) => Err(format!(
            "the sum of all totals fell from {had} to {have}: too little for {of_measurement} to have begun, and {} does \
             not fall; wait for the next tally",
            before.month
        )),
    }
}

/// What was moved after the last tally of a month is in no total any more.
fn gap(before: Before, zone: BillingZone) -> Option<String> {
    let end = zone.start_of(before.month.next().first());
    (before.at < end).then(|| {
        format!(
            "the month has begun anew on the server; of {} it was last told on {}, and what was moved from then to its \
             end is told no more",
            before.month, before.at
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> BillingZone {
        BillingZone::parse("Europe/Warsaw").expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn month(text: &str) -> Month {
        Month::parse(text).expect("a month")
    }

    fn tally(text: &str) -> Measured {
        Measured { at: at(text), is_tally: true }
    }

    fn before(month_: &str, had: u64, have: u64) -> Option<Before> {
        let [had, have] = [had, have].map(|count| Bytes::new(count).expect("fits"));
        Some(Before { month: month(month_), at: at("2026-11-29T23:10:00Z"), had, have })
    }

    #[test]
    fn a_month_begins_with_a_tally_in_it_and_the_fall_of_the_sum() {
        let decided =
            |measured, before| decide(measured, zone(), before).map(|decided| decided.month.to_string());
        let november = Ok("2026-11".to_string());
        let december = Ok("2026-12".to_string());
        // (the last tally, the newest month heard of with the sums then and now, the month)
        let first = tally("2026-12-01T00:10:00Z");
        let cases = [
            (tally("2026-11-20T23:10:00Z"), None, november.clone()),
            (tally("2026-11-20T23:10:00Z"), before("2026-11", 900, 1), november.clone()),
            (tally("2026-11-30T22:59:59Z"), before("2026-11", 900, 0), november.clone()),
            // December has begun in Warsaw, and the totals go on: they are November's to its end.
            (first, before("2026-11", 900, 950), november.clone()),
            (first, before("2026-11", 900, 900), november),
            (first, before("2026-11", 900, 450), december.clone()),
            // From the second night on nothing else can be.
            (tally("2026-12-01T23:10:00Z"), before("2026-11", 900, 950), december.clone()),
            (tally("2026-12-28T23:10:00Z"), before("2026-10", 900, 950), december.clone()),
            (tally("2026-12-02T23:10:00Z"), before("2026-11", 0, 0), december.clone()),
            (Measured { at: at("2026-12-02T23:10:00Z"), is_tally: false }, before("2026-11", 5, 9), december),
        ];
        for (measured, before, month) in cases {
            assert_eq!(decided(measured, before), month, "{measured:?} {before:?}");
        }
        for (measured, before, why) in [
            (first, None, "before anything was heard"),
            (first, before("2026-11", 0, 0), "nothing was moved in 2026-11"),
            (first, before("2026-11", 900, 700), "fell from 900 to 700"),
            (tally("2026-11-20T23:10:00Z"), before("2026-12", 5, 5), "is timezone the server's"),
            (Measured { at: at("2026-12-01T23:10:00Z"), is_tally: false }, None, "on the first"),
        ] {
            let error = decided(measured, before).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_a_month_lacks_at_its_end_is_said_when_the_next_one_begins() {
        let decided =
            decide(tally("2026-12-01T00:10:00Z"), zone(), before("2026-11", 900, 9)).expect("decided");
        assert!(decided.note.is_some_and(|note| note.contains("last told on 2026-11-29T23:10:00Z")));
        let to_its_end =
            before("2026-11", 900, 9).map(|before| Before { at: at("2026-11-30T23:00:00Z"), ..before });
        let decided = decide(tally("2026-12-01T00:10:00Z"), zone(), to_its_end).expect("decided");
        assert_eq!(decided.note, None);
    }
}
