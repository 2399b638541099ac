//! What is reported to WHMCS of every tenant: known values, or the reason there are none.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::carry_over::Carried;
use super::sums::{TenantSums, known};
use super::tenants::Tenant;
use super::{Billed, Units, Window};
use crate::domain::Timestamp;
use crate::reported::GB_MONTH;
use crate::reported::ReportedValue;
use crate::reported::{Decimal, Signed, decimal, unit_months};
use crate::store::Reported;

/// One value, in hundred-thousandths of the configured unit; sent as a decimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    value: i64,
    /// The part of it that the month before lacked, or had too much.
    carried: i64,
    /// When the panel measured it.
    collected_at: i64,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = if self.carried == 0 { 2 } else { 3 };
        let mut value = serializer.serialize_struct("Value", fields)?;
        value.serialize_field("value", &Signed::new(self.value.into()))?;
        value.serialize_field("collected_at", &self.collected_at)?;
        if self.carried != 0 {
            value.serialize_field("carried", &Signed::new(self.carried.into()))?;
        }
        value.end()
    }
}

/// The values of one tenant by metric name: only those that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(Vec<(&'static str, Value)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A tenant of whom nothing can be said now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The tenant.
    pub tenant: String,
    /// One of [`REASONS`]; `other_month` where all there is sums over a month and the caller is in another one. Asked
    /// for by itself also `companion`: it is reported under its companion's name.
    pub reason: &'static str,
    /// Since when.
    pub since: String,
}

/// The answer for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What is known; never empty.
    Known(Values),
    /// Nothing is known, and why.
    Withheld(Withheld),
}

/// What is reported to WHMCS of a tenant; `None` for one of which there is nothing to say.
pub fn answer(tenant: &Tenant<'_>, units: &Units, window: &Window, carried: &Carried) -> Option<Answer> {
    if tenant.hidden {
        return Some(withheld(tenant.name, "other_server", tenant.since().unwrap_or(window.moment.now)));
    }
    if let Billed::Nothing = window.billed {
        return Some(withheld(tenant.name, NOT_BILLED_YET, tenant.since()?));
    }
    if let Some(since) = tenant.contested {
        return Some(withheld(tenant.name, "ambiguous", since));
    }
    if !tenant.is_sold {
        return Some(withheld(tenant.name, "ended", tenant.since()?));
    }
    if tenant.has_companion {
        return Some(withheld(tenant.name, "companion", tenant.since()?));
    }
    if let Some(since) = tenant.unread {
        return Some(withheld(tenant.name, "never_read", since));
    }
    let values = values(tenant, &known(tenant, window), units, window, carried);
    if !values.0.is_empty() {
        return Some(Answer::Known(values));
    }
    if tenant.living.is_empty() {
        return None;
    }
    let trouble = tenant.living.iter().find_map(|found| Some(found.account.trouble.as_ref()?.1));
    let unread = tenant.living.iter().find(|found| found.account.series.is_empty());
    let oldest = tenant.living.iter().filter_map(|found| found.account.series.iter().map(|one| one.at).max());
    let oldest = oldest.min();
    let missing = tenant.living.iter().find_map(|found| found.account.missing_since);
    Some(match (trouble, unread, oldest) {
        (_, None, Some(at)) if window.moment.is_fresh(at) => match missing {
            Some(since) => withheld(tenant.name, "missing", since),
            None if !window.elsewhen && !window.is_in_billed(at) => withheld(tenant.name, NOT_BILLED_YET, at),
            None => withheld(tenant.name, "other_month", window.moment.now),
        },
        (Some(since), ..) => withheld(tenant.name, "failed", since),
        (None, Some(found), _) => withheld(tenant.name, "never_read", found.account.first_seen),
        (None, None, at) => withheld(tenant.name, "stale", at.unwrap_or(window.moment.now)),
    })
}

/// Something else bills what was used so far: no number of ours would be right on a bill.
const NOT_BILLED_YET: &str = "not_billed_yet";

/// Why a tenant may be withheld.
pub const REASONS: [&str; 9] = [
    "stale",
    "never_read",
    "ambiguous",
    "failed",
    "other_month",
    "missing",
    "ended",
    NOT_BILLED_YET,
    "other_server",
];

impl Answer {
    /// Several could be meant.
    pub fn ambiguous(tenant: &str, since: Timestamp) -> Answer {
        withheld(tenant, "ambiguous", since)
    }
}

fn withheld(tenant: &str, reason: &'static str, since: Timestamp) -> Answer {
    Answer::Withheld(Withheld { tenant: tenant.to_string(), reason, since: since.to_string() })
}

/// Every value that is known. A zero is a value.
fn values(
    tenant: &Tenant<'_>,
    known: &TenantSums,
    units: &Units,
    window: &Window,
    carried: &Carried,
) -> Values {
    let mut values = Vec::with_capacity(4);
    let mut put = |metric: &'static str, own: Option<Decimal>, carried: i64, at: Timestamp| {
        let with_carried = |own: Decimal| {
            let sum = i64::try_from(own.scaled()).ok()?.checked_add(carried)?;
            // What is owed to the customer beyond this month stays owed: it is carried on.
            Some((metric, Value { value: sum.max(0), carried, collected_at: at.get() }))
        };
        values.extend(own.and_then(with_carried));
    };
    if let Some(level) = known.level {
        put("disk", Some(decimal(level.amount, units.disk)), 0, level.at);
    }
    let carries = |metric| carried.of(&tenant.payee, metric);
    if let Some(held) = known.held {
        let months = unit_months(held.amount, units.disk_gb_month, window.moment.month_minutes());
        put(GB_MONTH, months, carries(GB_MONTH), held.at);
    }
    for (meter, moved) in known.flows.iter() {
        put(meter.name(), Some(decimal(moved.amount, units.traffic)), carries(meter.name()), moved.at);
    }
    Values(values)
}

impl Values {
    /// What has to be written down before it is reported to WHMCS; nothing where all of it was reported before.
    pub fn news(
        &self,
        tenant: &Tenant<'_>,
        known: &Reported,
        server: i64,
        units: &Units,
        window: &Window,
    ) -> Vec<ReportedValue> {
        let said = self.0.iter().map(|(metric, value)| (*metric, value.value, value.carried));
        if known.knows(&tenant.payee, window.moment.month, tenant.name, said) {
            return Vec::new();
        }
        let reported = |(metric, value): &(&'static str, Value)| ReportedValue {
            payee: tenant.payee.clone(),
            month: window.moment.month,
            metric: (*metric).into(),
            server,
            tenant: tenant.name.to_string(),
            value: value.value,
            carried: value.carried,
            unit: units.of(metric),
            at: window.moment.now,
        };
        self.0.iter().map(reported).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::payers::Found;
    use super::*;
    use crate::domain::{AccountName, BackendId, BillingZone, Bytes, LifeNo, Meter, Month, Owner, Seconds};
    use crate::metering::MonthToDate;
    use crate::reported::Sums;
    use crate::standing::{AccountStanding, Moment, SeriesStanding, Share};
    use crate::store::OwnerSums;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn window(now: &str) -> Window {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        Window::new(Moment::new(at(now), zone, Seconds::hours(26)))
    }

    fn series(meter: Meter, at: Timestamp, amount: u64, month: &str) -> SeriesStanding {
        let amount = Bytes::new(amount).expect("fits");
        let month = Month::parse(month).expect("a month");
        let month = MonthToDate { amount, ..MonthToDate::new(month) };
        SeriesStanding {
            meter,
            at,
            level: Some(amount),
            month: Some(month),
            shown: amount,
            held_back: None,
            doubted: None,
        }
    }

    fn account(series: Vec<SeriesStanding>) -> AccountStanding {
        let owner = Owner::named(7, "t");
        let months = series.iter().filter_map(|one| Some((one.meter, one.month?))).collect();
        AccountStanding {
            owner: owner.clone(),
            shares: vec![Share { owner, life: LifeNo::new(1), months }],
            series,
            ..AccountStanding::first_seen(at("2026-01-01T00:00:00Z"))
        }
    }

    fn answered(accounts: &[&AccountStanding], window: &Window) -> Option<Answer> {
        let (backend, name) = (BackendId::new("b").expect("a name"), AccountName::new("t").expect("a name"));
        let found = |account: &&AccountStanding| {
            let account = Arc::new((*account).clone());
            Found { backend: backend.clone(), name: name.clone(), account }
        };
        let accounts: Vec<Found> = accounts.iter().map(found).collect();
        let (living, accounts) =
            (accounts.iter().filter(|found| found.account.gone_at.is_none()).collect(), accounts.as_slice());
        let payee = Owner::named(7, "t");
        let tenant = Tenant {
            name: "t",
            payee,
            is_sold: true,
            has_companion: false,
            living,
            accounts,
            contested: None,
            emptied: None,
            unread: None,
            hidden: false,
        };
        answer(&tenant, &Units::default(), window, &Carried::default())
    }

    fn names(answer: Option<Answer>) -> Vec<&'static str> {
        match answer {
            Some(Answer::Known(values)) => values.0.iter().map(|(name, _)| *name).collect(),
            other => panic!("known: {other:?}"),
        }
    }

    fn reason(answer: Option<Answer>) -> &'static str {
        match answer {
            Some(Answer::Withheld(withheld)) => withheld.reason,
            other => panic!("not withheld: {other:?}"),
        }
    }

    #[test]
    fn never_1_unknown_never_becomes_zero_and_zero_stays() {
        let now = window("2026-03-14T12:00:00Z");
        let zero = account(vec![series(Meter::TrafficOut, at("2026-03-14T11:00:00Z"), 0, "2026-03")]);
        let Some(Answer::Known(values)) = answered(&[&zero], &now) else { panic!("known") };
        let json = serde_json::to_value(&values).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({"traffic_out": {"value": "0.00000", "collected_at": 1_773_486_000}})
        );
        assert_eq!(reason(answered(&[&account(vec![])], &now)), "never_read");
    }

    #[test]
    fn never_7_no_number_lies_by_age() {
        let read = at("2026-03-13T09:00:00Z");
        let old = account(vec![series(Meter::StorageUsed, read, 5, "2026-03")]);
        assert!(matches!(answered(&[&old], &window("2026-03-14T11:00:00Z")), Some(Answer::Known(_))));
        let later = window("2026-03-14T11:00:01Z");
        assert_eq!(reason(answered(&[&old], &later)), "stale");
        let mut failed = old.clone();
        failed.trouble = Some(("unexpected".into(), read));
        assert_eq!(reason(answered(&[&failed], &later)), "failed");
    }

    #[test]
    fn a_month_nobody_has_read_yet_is_not_zero() {
        // 23:30 UTC is already April in Warsaw; the last reading was in March.
        let read = at("2026-03-31T21:45:00Z");
        let both = vec![
            series(Meter::StorageUsed, read, 7, "2026-03"),
            series(Meter::TrafficOut, read, 7, "2026-03"),
        ];
        assert_eq!(names(answered(&[&account(both)], &window("2026-03-31T22:30:00Z"))), ["disk"]);
    }

    #[test]
    fn whoever_is_in_another_month_is_told_levels_only() {
        let read = at("2026-03-31T21:59:00Z");
        let both = vec![
            series(Meter::StorageUsed, read, 7, "2026-03"),
            series(Meter::TrafficOut, read, 7, "2026-03"),
        ];
        // The last second of March in Warsaw; where WHMCS runs it is April already.
        let window = window("2026-03-31T21:59:59Z");
        let names = |month: &str| {
            names(answered(&[&account(both.clone())], &window.clone().asked_in(Month::parse(month).ok())))
        };
        assert_eq!(names("2026-03"), ["disk", "disk_gb_month", "traffic_out"], "of one direction no total");
        assert_eq!(names("2026-04"), ["disk"]);
        let traffic = account(both[1..].to_vec());
        let april = window.asked_in(Month::parse("2026-04").ok());
        assert_eq!(reason(answered(&[&traffic], &april)), "other_month");
    }

    #[test]
    fn before_the_first_billed_day_nothing_is_told_and_then_what_its_days_have() {
        let read = at("2026-03-14T11:00:00Z");
        let level = series(Meter::StorageUsed, read, 7 << 30, "2026-03");
        let flow = series(Meter::TrafficOut, read, 7 << 30, "2026-03");
        let (both, traffic) = (account(vec![level, flow]), account(vec![flow]));
        let window = |billed| Window { billed, ..window("2026-03-14T12:00:00Z") };
        assert_eq!(reason(answered(&[&both], &window(Billed::Nothing))), "not_billed_yet");
        let three = Bytes::new(3 << 30).expect("fits");
        let sums = Sums::from([(Meter::TrafficOut, (three, Default::default()))]);
        let sums = Arc::new(OwnerSums::from([(Owner::named(7, "t"), sums)]));
        let since = |start| window(Billed::Part(at(start), Arc::clone(&sums)));
        let Some(Answer::Known(values)) = answered(&[&both], &since("2026-03-14T10:00:00Z")) else {
            panic!("known");
        };
        let json = serde_json::to_value(&values).expect("JSON");
        assert_eq!(json["traffic_out"]["value"], "3.00000");
        assert_eq!(
            (&json["disk"]["value"], &json["disk_gb_month"]["value"]),
            (&"7.00000".into(), &"0.00000".into())
        );
        // What was not measured since is not known.
        let unread = since("2026-03-14T11:00:01Z");
        assert_eq!(names(answered(&[&both], &unread)), ["disk"]);
        assert_eq!(reason(answered(&[&traffic], &unread)), "not_billed_yet");
    }

    #[test]
    fn a_total_is_both_directions_where_the_panel_tells_them_and_never_counted_twice() {
        let now = window("2026-03-14T12:00:00Z");
        let (read, old) = (at("2026-03-14T11:00:00Z"), at("2026-02-14T11:00:00Z"));
        let flow = |meter, amount: u64| series(meter, read, amount << 30, "2026-03");
        let (incoming, outgoing) = (flow(Meter::TrafficIn, 3), flow(Meter::TrafficOut, 40));
        let told = flow(Meter::TrafficTotal, 44);
        let total = |accounts: &[&AccountStanding]| match answered(accounts, &now) {
            Some(Answer::Known(values)) => {
                let json = serde_json::to_value(&values).expect("JSON");
                json["traffic_total"]["value"].as_str().map(String::from)
            }
            _ => None,
        };
        let both = account(vec![incoming, outgoing]);
        assert_eq!(total(&[&both]).as_deref(), Some("43.00000"));
        assert_eq!(total(&[&both, &both]).as_deref(), Some("86.00000"));
        let panel = account(vec![told]);
        assert_eq!(total(&[&panel]).as_deref(), Some("44.00000"));
        let all_three = account(vec![incoming, outgoing, told]);
        assert_eq!(total(&[&all_three]).as_deref(), Some("44.00000"), "the panel's own word");
        let unread = account(vec![incoming, series(Meter::TrafficOut, old, 1, "2026-02")]);
        let half = account(vec![outgoing]);
        for unknown in [&[&unread][..], &[&half], &[&both, &half], &[&both, &panel], &[&both, &unread]] {
            assert_eq!(total(unknown), None, "a part of it is not known");
        }
        // What one account moved out is not all that a service moved out, where another tells its total alone, or where
        // another could not be read and never told anything of the kind.
        let way = |accounts: &[&AccountStanding]| match answered(accounts, &now) {
            Some(Answer::Known(values)) => {
                let json = serde_json::to_value(&values).expect("JSON");
                json["traffic_out"]["value"].as_str().map(String::from)
            }
            _ => None,
        };
        assert_eq!(way(&[&both]).as_deref(), Some("40.00000"));
        assert_eq!(way(&[&both, &panel]), None);
        let stored = account(vec![series(Meter::StorageUsed, read, 1, "2026-03")]);
        assert_eq!(way(&[&both, &stored]).as_deref(), Some("40.00000"), "its panel tells no traffic");
        let unread = AccountStanding { trouble: Some(("unexpected".into(), read)), ..stored };
        assert_eq!(way(&[&both, &unread]), None);
    }

    #[test]
    fn a_month_before_the_newest_of_an_account_that_is_gone_is_not_zero() {
        // It used on in April, and it is March by the clock of the replica that is asked.
        let behind = window("2026-03-31T12:00:00Z");
        let used = |month| series(Meter::TrafficOut, at("2026-03-31T11:00:00Z"), 7 << 30, month);
        let gone = |month| AccountStanding { gone_at: Some(behind.moment.now), ..account(vec![used(month)]) };
        assert_eq!(names(answered(&[&gone("2026-03")], &behind)), ["traffic_out"]);
        assert_eq!(answered(&[&gone("2026-04")], &behind), None, "what it has in March is not at hand");
        let living = account(vec![used("2026-03")]);
        assert_eq!(
            names(answered(&[&living, &gone("2026-02")], &behind)),
            ["traffic_out"],
            "nothing in March"
        );
        assert_eq!(reason(answered(&[&living, &gone("2026-04")], &behind)), "other_month");
    }

    #[test]
    fn a_tenant_is_told_the_sum_of_its_accounts_or_nothing() {
        let now = window("2026-03-14T12:00:00Z");
        let read = at("2026-03-14T11:00:00Z");
        let gb = |amount: u64| {
            account(vec![
                series(Meter::TrafficOut, read, amount << 30, "2026-03"),
                series(Meter::StorageUsed, read, amount << 30, "2026-03"),
            ])
        };
        let value = |answer: Option<Answer>, metric: &str| match answer {
            Some(Answer::Known(values)) => {
                let json = serde_json::to_value(&values).expect("JSON");
                json[metric]["value"].as_str().map(String::from)
            }
            other => panic!("known: {other:?}"),
        };
        let (one, two) = (gb(3), gb(200));
        assert_eq!(value(answered(&[&one, &two], &now), "traffic_out").as_deref(), Some("203.00000"));
        assert_eq!(value(answered(&[&one, &two], &now), "disk").as_deref(), Some("203.00000"));
        // It moved: what it used before stays, what it held is not held any more.
        let gone = AccountStanding { gone_at: Some(read), ..gb(200) };
        assert_eq!(value(answered(&[&one, &gone], &now), "traffic_out").as_deref(), Some("203.00000"));
        assert_eq!(value(answered(&[&one, &gone], &now), "disk").as_deref(), Some("3.00000"));
        let missing = AccountStanding { missing_since: Some(read), ..gb(200) };
        assert_eq!(names(answered(&[&one, &missing], &now)), ["disk_gb_month", "traffic_out"]);
        let old = account(vec![series(Meter::TrafficOut, at("2026-03-12T11:00:00Z"), 1, "2026-03")]);
        assert_eq!(names(answered(&[&one, &old], &now)), ["disk", "disk_gb_month"], "one part is not known");
        assert_eq!(reason(answered(&[&one, &account(vec![])], &now)), "never_read");
    }
}
