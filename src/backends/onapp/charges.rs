//! What the panel itself would bill, in its own money: shown beside the bytes, and billed by nobody.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::Datelike;
use serde_json::Value;

use super::panel::ApiCall;
use super::refusal::CallFailure;
use super::settings::Accounts;
use super::window::{Window, first_of_month, hour_of};
use super::wire::{number, unwrapped};
use super::{BackendError, OnApp};
use crate::domain::{AccountName, Harvest, PanelCharge, Seconds, Span, Timestamp};

/// The cost of everything, with discount where the release tells that (6.0).
pub(super) const TOTAL: [&str; 2] = ["total_cost_with_discount", "total_cost"];

/// The cost of CDN alone.
const CDN: [&str; 1] = ["edge_group_cost"];

/// How often a user's bill is asked for.
const EVERY: Seconds = Seconds::hours(24);

/// The most users of one poll: it must not take longer for money that nobody bills.
const MOST: usize = 50;

/// On so many first days of a month the one before may still change.
const LATE_DAYS: u32 = 2;

/// When each user's bill was asked for last.
#[derive(Default)]
pub(super) struct AskedCharges(Mutex<BTreeMap<String, Timestamp>>);

impl AskedCharges {
    fn due<'a>(&self, users: impl Iterator<Item = &'a str>, now: Timestamp) -> Vec<&'a str> {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |user: &&str| asked.get(*user).is_none_or(|at| *at > now || now.since(*at) >= EVERY);
        users.filter(is_due).take(MOST).collect()
    }

    fn note(&self, user: &str, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_string(), now);
    }
}

impl OnApp {
    /// Puts in what the panel would bill of accounts, by the numbers of their users. What cannot be had is a warning.
    pub(super) async fn put_charges(
        &self,
        accounts: &BTreeMap<&str, Vec<&AccountName>>,
        now: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        if !self.config.panel_charges {
            return Ok(());
        }
        for user in self.charged.due(accounts.keys().copied(), now) {
            for (span, window) in months(now) {
                let bill = match self.bill(user, window).await {
                    Ok(bill) => bill,
                    Err(CallFailure::Refusal(refusal)) if refusal.is_credentials() => {
                        return Err(refusal.into());
                    }
                    Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => continue,
                    Err(failure) => {
                        let error = failure.error();
                        harvest.warn(format!("what the panel itself would bill is not known: {error}"));
                        self.charged.note(user, now);
                        return Ok(());
                    }
                };
                for (account, cost) in self.costs(&bill, &accounts[user]) {
                    match PanelCharge::new(span, now, &cost, &currency(&bill)) {
                        Ok(charge) => harvest.charge(account, charge),
                        Err(problem) => harvest.warn(format!("the panel's own bill of {account}: {problem}")),
                    }
                }
            }
            self.charged.note(user, now);
        }
        Ok(())
    }

    /// What a user's things cost in a time.
    pub(super) async fn bill(&self, user: &str, window: Window) -> Result<Value, CallFailure> {
        let call = ApiCall::get(&["users", user, "user_statistics"], "users.read, vm_stats");
        self.panel.object(&call.query(window.period())).await
    }

    /// What each account has of a user's bill: a server its own part, a user all of it or its CDN.
    fn costs<'a>(&self, bill: &Value, accounts: &[&'a AccountName]) -> Vec<(&'a AccountName, String)> {
        let cost = |account: &AccountName| match self.config.accounts {
            Accounts::Users => cost_of(bill, &TOTAL),
            Accounts::Cdn => cost_of(bill, &CDN),
            Accounts::Machines => {
                let servers = bill.get("vm_stats")?.as_array()?.iter().cloned().filter_map(unwrapped);
                let mut own = servers
                    .filter(|row| number(row, "virtual_machine_id").as_deref() == Some(account.as_str()));
                cost_of(&own.next()?, &TOTAL)
            }
        };
        accounts.iter().filter_map(|account| Some((*account, cost(account)?))).collect()
    }
}

/// The first of these costs that is there, as the panel writes it.
pub(super) fn cost_of(bill: &Value, keys: &[&str]) -> Option<String> {
    match keys.iter().find_map(|key| bill.get(key).filter(|cost| !cost.is_null()))? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The bill's currency; empty where it names none.
pub(super) fn currency(bill: &Value) -> String {
    bill.get("currency_code").and_then(Value::as_str).unwrap_or_default().to_string()
}

/// The running month in UTC as far as it is over, and the one before while that may still change.
fn months(now: Timestamp) -> Vec<(Span, Window)> {
    let (first, until) = (first_of_month(now), hour_of(now));
    let before = first_of_month(first.minus(Seconds::new(1)));
    let after = first_of_month(first.plus(Seconds::hours(32 * 24)));
    let is_late = now.to_utc().day() <= LATE_DAYS;
    let months = [(before, first, first), (first, after, until)];
    let wanted = months.into_iter().skip(usize::from(!is_late));
    let wanted = wanted.filter(|(from, _, until)| from < until);
    wanted.filter_map(|(from, to, until)| Some((Span::new(from, to).ok()?, Window { from, until }))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn months_are_whole_and_the_last_one_is_asked_for_while_it_may_change() {
        let shown = |now: &str| {
            let now = Timestamp::from_utc(now.parse().expect("a time")).expect("in range");
            let months = months(now).into_iter();
            months
                .map(|(span, window)| {
                    [span.start(), span.end(), window.until]
                        .map(|at| at.to_string()[5..13].to_string())
                        .join(" ")
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("2026-03-05T16:14:00Z"), ["03-01T00 04-01T00 03-05T16"]);
        assert_eq!(
            shown("2026-01-02T00:10:00Z"),
            ["12-01T00 01-01T00 01-01T00", "01-01T00 02-01T00 01-02T00"]
        );
        // Nothing of the new month is over yet.
        assert_eq!(shown("2026-03-01T00:10:00Z"), ["02-01T00 03-01T00 03-01T00"]);
    }

    #[test]
    fn a_cost_is_taken_as_it_is_written() {
        let bill = json!({"total_cost": 3.49, "total_cost_with_discount": null, "edge_group_cost": "0.5", "currency_code": "USD"});
        assert_eq!(
            (cost_of(&bill, &TOTAL).as_deref(), cost_of(&bill, &CDN).as_deref()),
            (Some("3.49"), Some("0.5"))
        );
        assert_eq!((currency(&bill).as_str(), currency(&json!({}))), ("USD", String::new()));
        assert_eq!(
            cost_of(&json!({"total_cost": 2.342100018167e28}), &TOTAL).as_deref(),
            Some("2.342100018167e+28")
        );
        let asked = AskedCharges::default();
        let at = |hours| Timestamp::EPOCH.plus(Seconds::hours(hours));
        assert_eq!(asked.due(["1", "2"].into_iter(), at(0)), ["1", "2"]);
        asked.note("1", at(0));
        assert_eq!(asked.due(["1", "2"].into_iter(), at(23)), ["2"]);
        assert_eq!(asked.due(["1"].into_iter(), at(24)), ["1"]);
    }
}
