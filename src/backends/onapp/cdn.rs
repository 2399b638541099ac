//! CDN traffic of users: hourly rows of each of their resources, or sums of everybody.
//!
//! An administrator's list has everybody's resources, whoever it was asked for: each goes to the user that it names.

use std::collections::BTreeMap;

use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};

use super::interfaces::{AT_ONCE, GIVEN_UP_AFTER, not_credentials};
use super::panel::ApiCall;
use super::traffic::{Metered, end_of};
use super::window::{HOUR, Window};
use super::wire::{Resource, number};
use super::{BackendError, OnApp, amount};
use crate::backends::kit::many::Patience;
use crate::domain::{Bytes, Meter, Seconds, Source, Span, Timestamp};

const OUT: [Meter; 1] = [Meter::TrafficOut];

/// Rows of 2.3.2 come hours late and shifted: the newest of them are left for later.
const OPEN_HOURS_OF_2_3: Seconds = Seconds::hours(3);

impl OnApp {
    /// What all resources delivered, by the number of their user.
    pub(super) async fn cdn_rows(
        &self,
        window: Window,
        now: Timestamp,
        only: Option<&str>,
    ) -> Result<BTreeMap<String, Metered>, BackendError> {
        let release = self.panel.release().await?;
        if !release.has_cdn_billing() {
            let what = "CDN traffic by rows begins with OnApp 3.0: set traffic = \"sums\"";
            return Err(BackendError::NotOffered(format!("{what} ({})", release.shown())));
        }
        let call = ApiCall::get(&["cdn_resources"], "cdn_resources");
        let listed = self.panel.list(&call).await?;
        let resources: Result<Vec<Resource>, String> = listed.rows.iter().map(Resource::read).collect();
        let mut resources = resources.map_err(|detail| call.unexpected(detail))?;
        if let Some(doubt) = listed.doubt {
            return Err(call.unexpected(doubt));
        }
        resources.retain(|resource| only.is_none_or(|user| resource.user == user));
        let asked = resources.into_iter().map(|resource| {
            async move { (self.delivered(&resource, window, now).await, resource.user) }.boxed()
        });
        let asked: Vec<_> = asked.collect();
        let mut answers =
            stream::iter(asked).buffer_unordered(AT_ONCE.min(self.panel.http().max_in_flight()));
        let (mut patience, mut all) = (Patience::new(GIVEN_UP_AFTER), BTreeMap::<String, Metered>::new());
        while let Some((delivered, user)) = answers.next().await {
            let delivered = delivered?;
            patience.note(delivered.failed.as_ref())?;
            let metered = all.entry(user).or_default();
            metered.readings.extend(delivered.readings);
            metered.unread.extend(delivered.unread);
            metered.lacking.extend(delivered.lacking);
        }
        Ok(all)
    }

    /// What one resource delivered.
    async fn delivered(
        &self,
        resource: &Resource,
        window: Window,
        now: Timestamp,
    ) -> Result<Metered, BackendError> {
        let mut metered = Metered::default();
        for part in window.parts() {
            let call = ApiCall::get(&["cdn_resources", &resource.id, "billing"], "cdn_resources")
                .query([("per_page", "all".to_string())])
                .query(part.period());
            match self.panel.rows(&call).await {
                Ok(rows) => put_billing(&mut metered, &rows, &resource.id, part, (self.config.megabyte, now)),
                Err(failure) => {
                    metered.miss(not_credentials(failure)?, &OUT);
                    metered.lacks(part.hours());
                }
            }
        }
        Ok(metered)
    }

    /// What everybody's resources delivered, by user: one call for each hour.
    pub(super) async fn cdn_sums(
        &self,
        window: Window,
        now: Timestamp,
    ) -> Result<BTreeMap<String, Metered>, BackendError> {
        let late = self.panel.release().await?.has_late_cdn();
        let window = if late { window.ended_by(now.minus(OPEN_HOURS_OF_2_3)) } else { window };
        let mut all = BTreeMap::<String, Metered>::new();
        for hour in window.hours() {
            let call = cdn_call(Window { from: hour.start(), until: hour.end() });
            let rows = self.panel.rows(&call).await?;
            put_cdn_sums(&mut all, &rows, hour, now).map_err(|detail| call.unexpected(detail))?;
        }
        Ok(all)
    }
}

/// The period stands in the body, as the manual wants it, and in the query, because proxies drop the body of a GET.
pub(super) fn cdn_call(window: Window) -> ApiCall {
    let [(_, start), (_, end)] = window.period();
    let written = |text: &str| text.replace(' ', "+");
    let period = json!({ "period": { "startdate": written(&start), "enddate": written(&end) } });
    let call = ApiCall::get(&["cdn_usage_statistics"], "cdn_usage_stats.read");
    call.query(window.period()).body(period)
}

/// Rows of one resource: its edge groups, hour by hour.
fn put_billing(
    metered: &mut Metered,
    rows: &[Value],
    resource: &str,
    window: Window,
    (megabyte, at): (u64, Timestamp),
) {
    let mut seen: BTreeMap<(String, Timestamp), Bytes> = BTreeMap::new();
    for row in rows {
        let read = end_of(row, window).and_then(|span| {
            let Some(span) = span else { return Ok(None) };
            let edge = number(row, "edge_group_id").ok_or("edge_group_id is absent")?;
            Ok(Some((edge, span, amount::rounded("value", row.get("value"), megabyte)?)))
        });
        let (edge, span, total) = match read {
            Ok(None) => continue,
            Ok(Some(read)) => read,
            Err(problem) => {
                // Of which hour it is may be what cannot be read.
                metered.lacks(window.hours());
                metered.strange(Some(Meter::TrafficOut), format!("CDN resource {resource}: {problem}"));
                continue;
            }
        };
        let source = format!("cdn-{resource}/{edge}");
        match seen.insert((edge, span.end()), total) {
            None => metered.total(None, Meter::TrafficOut, (&source, span), at, total),
            Some(same) if same == total => {}
            Some(_) => {
                // Which of the two is right nobody can tell: the hour stays unknown.
                let is_of_it = |reading: &crate::domain::Reading| {
                    matches!(reading, crate::domain::Reading::PeriodTotal { source: of, span: its, .. }
                        if of.as_str() == source && *its == span)
                };
                metered.readings.retain(|(_, _, reading)| !is_of_it(reading));
                metered.lacking.insert((Meter::TrafficOut, span));
                let problem = format!("{source}: the hour until {} is listed twice", span.end());
                metered.strange(Some(Meter::TrafficOut), problem);
            }
        }
    }
}

/// Sums of an hour by user, edge group and location.
fn put_cdn_sums(
    all: &mut BTreeMap<String, Metered>,
    rows: &[Value],
    hour: Span,
    at: Timestamp,
) -> Result<(), String> {
    for row in rows {
        let user = number(row, "user_id").ok_or("a sum is listed without user_id")?;
        let [edge, location] =
            ["edge_group_id", "location_id"].map(|key| number(row, key).unwrap_or("0".into()));
        let metered = all.entry(user).or_default();
        let passed = ["non_cached", "not_cached"].into_iter().find(|key| row.get(key).is_some());
        let parts = [Some("cached"), passed.or(Some("non_cached"))].into_iter().flatten();
        let sum = parts.map(|key| amount::whole(key, row.get(key), 1)).try_fold(Bytes::ZERO, |sum, part| {
            sum.checked_add(part?).ok_or_else(|| "cached and non_cached are more than 2^63 bytes".to_string())
        });
        let source = format!("edge-{edge}/{location}");
        match sum {
            Ok(total) => metered.total(None, Meter::TrafficOut, (&source, hour), at, total),
            Err(problem) => {
                metered.lacking.insert((Meter::TrafficOut, hour));
                metered.strange(Some(Meter::TrafficOut), format!("hour until {}: {problem}", hour.end()));
            }
        }
    }
    Ok(())
}

/// The hour before the last that is over, for a look at what is there.
pub(super) fn settled_hour(now: Timestamp) -> Window {
    let until = super::window::hour_of(now).minus(HOUR);
    Window { from: until.minus(HOUR), until }
}

/// Which counter a user without any resource or server has.
pub(super) fn nothing() -> Source {
    Source::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reading;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn window() -> Window {
        Window::of_poll(at("2026-03-01T16:14:00Z"), Some(at("2026-03-01T16:00:00Z")), Seconds::hours(6))
    }

    fn totals(metered: &Metered) -> Vec<(String, u64)> {
        let totals = metered.readings.iter().filter_map(|(_, _, reading)| match reading {
            Reading::PeriodTotal { source, total, .. } => Some((source.as_str().to_string(), total.get())),
            _ => None,
        });
        totals.collect()
    }

    #[test]
    fn rows_of_edge_groups_are_counted_once_and_a_contradiction_not_at_all() {
        let row = |edge: u64, value: Value| json!({"edge_group_id": edge, "stat_time": "2026-03-01T13:00:00Z", "value": value});
        let read = |rows: &[Value]| {
            let mut metered = Metered::default();
            put_billing(&mut metered, rows, "41", window(), (1 << 20, at("2026-03-01T16:14:00Z")));
            metered
        };
        let two = read(&[row(6, json!("188.42")), row(7, json!(2)), row(6, json!("188.42"))]);
        assert_eq!(totals(&two), [("cdn-41/6".to_string(), 197_572_690), ("cdn-41/7".to_string(), 2 << 20)]);
        assert!(two.unread.is_empty());
        let odd = read(&[row(6, json!(1)), row(6, json!(2)), row(7, json!(3)), row(8, json!("n/a"))]);
        assert_eq!(totals(&odd), [("cdn-41/7".to_string(), 3 << 20)]);
        assert!(
            odd.unread[0].2.contains("listed twice") && odd.unread[1].2.contains("value"),
            "{:?}",
            odd.unread
        );
    }

    #[test]
    fn sums_have_several_names_and_belong_to_who_is_named() {
        let hour = window().hours().next().expect("an hour");
        let rows = [
            json!({"user_id": 117, "edge_group_id": 6, "location_id": 532, "cached": 20_411_832, "non_cached": 1_074_815_565}),
            json!({"user_id": "118", "edge_group_id": 6, "location_id": 532, "cached": "1.0", "not_cached": 2}),
            json!({"user_id": 119, "edge_group_id": 6, "cached": 5}),
        ];
        let mut all = BTreeMap::new();
        put_cdn_sums(&mut all, &rows, hour, hour.end()).expect("read");
        assert_eq!(totals(&all["117"]), [("edge-6/532".to_string(), 1_095_227_397)]);
        assert_eq!(totals(&all["118"]), [("edge-6/532".to_string(), 3)]);
        assert!(totals(&all["119"]).is_empty() && all["119"].unread[0].2.contains("non_cached"));
        assert!(put_cdn_sums(&mut all, &[json!({"cached": 1})], hour, hour.end()).is_err());
        let call = cdn_call(window());
        assert_eq!(
            call.body,
            Some(json!({"period": {"startdate": "2026-03-01+10:30:00", "enddate": "2026-03-01+16:30:00"}}))
        );
    }
}
