//! What was moved: one answer of `showbw` is one calendar month of everybody, in the server's own zone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::accounts::{Account, Listed};
use super::envelope::shape_of;
use super::months::Calendar;
use super::wire::{bandwidth_limit, count, flag, size, text};
use super::{BackendError, Cpanel, PollRequest, credentials_first};
use crate::domain::{Bytes, Harvest, Limit, Meter, Month, Reading, Reason, Source};

/// The monthly limits of users, by name.
pub(super) type Limits = BTreeMap<String, Limit>;

/// What one user moved in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// Both ways together, or why that is not known.
    total: Result<Bytes, String>,
    limit: Limit,
}

/// What everybody moved in one month. Users that were deleted in it are listed too, and are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct MonthTotals {
    rows: BTreeMap<String, Row>,
}

impl MonthTotals {
    /// Reads an answer of `showbw`; the error says why it is none of the month that was asked for.
    ///
    /// Only the month that the answer itself names counts: a late reset must not put one month into the next.
    pub fn read(payload: &Value, asked: Month) -> Result<MonthTotals, String> {
        // API 0 wraps it once more.
        let told = payload.pointer("/bandwidth/0").unwrap_or(payload);
        let rows = told.get("acct").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| format!("expected a list called acct, got {}", shape_of(told)))?;
        let (year, month) = (count(told, "year")?, count(told, "month")?);
        let wanted = u64::try_from(asked.number()).unwrap_or_default();
        if (year, month) != (wanted / 100, wanted % 100) {
            return Err(format!("the answer is about {year}-{month:02}"));
        }
        let mut totals = MonthTotals::default();
        for row in rows.iter().filter(|row| row.get("deleted").and_then(flag) != Some(true)) {
            let Some(user) = text(row, "user") else { continue };
            let read = Row { total: size(row, "totalbytes", 1), limit: bandwidth_limit(row) };
            let twice =
                Row { total: Err("totalbytes stands in two rows of the user".into()), ..read.clone() };
            totals.rows.entry(user.to_string()).and_modify(|row| *row = twice).or_insert(read);
        }
        Ok(totals)
    }

    /// What a user may move in a month.
    pub fn limit(&self, user: &str) -> Option<Limit> {
        self.rows.get(user).map(|row| row.limit)
    }

    fn total(&self, user: &str) -> Result<Bytes, String> {
        let row = self.rows.get(user).ok_or("showbw has no row of the account, or one that is deleted")?;
        row.total.clone()
    }
}

impl Cpanel {
    /// Reads the months that may have changed; returns the limits that the running one tells.
    pub(super) async fn read_traffic(
        &self,
        listed: &Listed,
        calendar: &Calendar,
        ask: &PollRequest,
        harvest: &mut Harvest,
    ) -> Result<Limits, BackendError> {
        let mut limits = Limits::new();
        for month in calendar.for_poll(ask.since) {
            let told = credentials_first(self.month(month, ask.only.as_ref()).await)?;
            self.put_month(listed, calendar, month, &told, harvest);
            if let Ok(totals) = told
                && month == calendar.running()
            {
                limits = totals.rows.into_iter().map(|(user, row)| (user, row.limit)).collect();
            }
        }
        Ok(limits)
    }

    /// Puts one month of everybody into a harvest.
    pub(super) fn put_month(
        &self,
        listed: &Listed,
        calendar: &Calendar,
        month: Month,
        told: &Result<MonthTotals, BackendError>,
        harvest: &mut Harvest,
    ) {
        for account in &listed.accounts {
            let unread = match told {
                Ok(totals) => put(account, calendar, month, totals, harvest)
                    .err()
                    .map(|detail| (Reason::Unexpected, format!("{month}: {detail}"))),
                Err(error) => Some((error.reason(), error.to_string())),
            };
            if let Some((reason, detail)) = unread {
                harvest.unread(&account.name, Some(Meter::TrafficTotal), reason, detail);
            }
        }
    }
}

/// Puts one account's month into a harvest, or says why it cannot be read.
fn put(
    account: &Account,
    calendar: &Calendar,
    month: Month,
    totals: &MonthTotals,
    harvest: &mut Harvest,
) -> Result<(), String> {
    let is_past = month < calendar.running();
    // A month before there was the account is of whoever had the name.
    let Some(span) = calendar.span(month, account.created) else {
        return if is_past { Ok(()) } else { Err(in_our_future(account)) };
    };
    if span.start() > calendar.now {
        return Err(in_our_future(account));
    }
    let total = totals.total(account.name.as_str());
    // Months without data come back as zeros, or lack the account: that is a month forgotten, and no month of nothing.
    if is_past
        && total
            .as_ref()
            .map_or_else(|_| totals.limit(account.name.as_str()).is_none(), |it| *it == Bytes::ZERO)
    {
        return Ok(());
    }
    let reading = Reading::PeriodTotal { source: Source::default(), at: calendar.now, span, total: total? };
    harvest.add_reading(&account.name, Meter::TrafficTotal, reading);
    Ok(())
}

fn in_our_future(account: &Account) -> String {
    let created = account.created.map_or("later".into(), |created| created.to_string());
    format!("the account was made {created}, after now by our clock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn month() -> Month {
        Month::parse("2024-11").expect("a month")
    }

    #[test]
    fn a_month_is_believed_by_its_own_word_alone() {
        let body = |month: Value, year: Value| json!({ "acct": [], "month": month, "year": year });
        assert!(MonthTotals::read(&body(json!(11), json!(2024)), month()).is_ok());
        assert!(MonthTotals::read(&body(json!("11"), json!("2024")), month()).is_ok());
        assert!(
            MonthTotals::read(&json!({ "bandwidth": [body(json!("11"), json!("2024"))] }), month()).is_ok()
        );
        for (told, part) in [
            (body(json!(10), json!(2024)), "about 2024-10"),
            (body(json!(11), json!(2023)), "about 2023-11"),
            (body(json!(null), json!(2024)), "month is absent"),
            (body(json!(11), json!("MMXXIV")), "year is"),
            (json!({ "month": 11, "year": 2024 }), "list called acct"),
            (json!({ "acct": null }), "list called acct"),
        ] {
            let error = MonthTotals::read(&told, month()).map(|_| ()).expect_err("not that month");
            assert!(error.contains(part), "{told}: {error}");
        }
    }

    #[test]
    fn deleted_rows_are_nobodys_and_two_rows_are_no_total() {
        let row = |user: &str, deleted: Value, total: Value| json!({"user": user, "deleted": deleted, "totalbytes": total, "limit": 0});
        let rows = json!([
            row("a", json!(0), json!("735051776")),
            row("b", json!("1"), json!(88_211)),
            row("c", json!(0), json!(-1)),
            row("d", json!(1), json!(5)),
            row("d", json!(0), json!(7)),
            row("e", json!(0), json!(1)),
            row("e", json!(0), json!(2)),
        ]);
        let totals =
            MonthTotals::read(&json!({ "acct": rows, "month": 11, "year": 2024 }), month()).expect("a month");
        let told = |user: &str| totals.total(user).map(Bytes::get);
        assert_eq!((told("a"), told("d")), (Ok(735_051_776), Ok(7)));
        for (user, part) in [("b", "no row"), ("c", "totalbytes is -1"), ("e", "two rows"), ("f", "no row")] {
            assert!(told(user).is_err_and(|detail| detail.contains(part)), "{user}");
        }
        assert_eq!((totals.limit("c"), totals.limit("f")), (Some(Limit::Unlimited), None));
    }
}
