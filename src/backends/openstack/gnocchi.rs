//! Gnocchi's part of the wire: resources, how their metrics are kept, and the windows of all of them in one call.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::catalogue::Service;
use super::refusal::CallFailure;
use super::session::{ApiCall, Cloud};
use super::time;
use super::wire::{Metric, Policy, Resource};
use crate::backends::BackendError;
use crate::backends::kit::json::type_of;
use crate::backends::kit::pages::Cursors;
use crate::domain::{Seconds, Timestamp};
use crate::http::Url;

/// How metrics are kept: in windows of one length, by one aggregation of those that a client can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub window: Seconds,
    /// `max` tells the most a counter had in a window, so that no restart is mixed into it; else the last or the mean.
    pub by: &'static str,
}

impl Default for Kept {
    /// Ceilometer's own policy for counters.
    fn default() -> Kept {
        Kept { window: Seconds::new(300), by: "mean" }
    }
}

/// One closed window of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Where the window begins.
    pub start: Timestamp,
    pub value: f64,
}

/// What Gnocchi has of one metric of each resource, or what is wrong with it.
pub(super) type Windows = BTreeMap<String, Result<Vec<Point>, String>>;

/// The resources of a search that were there at some time since an instant.
fn since(start: Timestamp) -> Value {
    json!({ "or": [{ "=": { "ended_at": null } }, { ">=": { "ended_at": time::written(start) } }] })
}

impl Cloud {
    /// All resources of a type that had not ended before `start`, in pages that do not move while they are read.
    pub async fn resources(&self, kind: &str, start: Timestamp) -> Result<Vec<Resource>, CallFailure> {
        let path = format!("search/resource/{kind}");
        let first = ApiCall::post(Service::Metric, &path, since(start)).slow_search();
        let first = first.with("limit", super::paging::PAGE).with("sort", "id:asc");
        let (mut all, mut pages, mut call) = (Vec::new(), Cursors::of("resources"), first.clone());
        loop {
            let answer = self.call(&call).await?;
            let mut page: Vec<Resource> = answer.json(&call.name()).map_err(BackendError::from)?;
            all.append(&mut page);
            let next = answer.header("link").and_then(marker);
            match pages.next(next)? {
                Some(marker) => call = first.clone().with("marker", marker),
                None => return Ok(all),
            }
        }
    }

    /// How a metric is kept, for windows that begin at `start`.
    pub async fn kept(&self, metric: &str, start: Timestamp, now: Timestamp) -> Result<Kept, BackendError> {
        let call = ApiCall::get(Service::Metric, &format!("metric/{metric}"));
        let metric: Metric = self.json(&call).await?;
        choose(&metric.archive_policy, now.since(start))
            .map_err(|detail| BackendError::Unexpected { at: call.name(), detail })
    }

    /// The windows of one metric of all resources of a type, from `start` until `stop`. A metric that nobody has is no
    /// windows.
    pub async fn windows(
        &self,
        kind: &str,
        metric: &str,
        kept: Kept,
        (start, stop): (Timestamp, Timestamp),
    ) -> Result<Windows, CallFailure> {
        let body = json!({
            "operations": format!("(metric {metric} {})", kept.by), "resource_type": kind, "search": since(start),
        });
        let call = ApiCall::post(Service::Metric, "aggregates", body).slow_search();
        let call = call.with("granularity", kept.window.get().to_string());
        let call = call.with("start", time::written(start)).with("stop", time::written(stop));
        let answer: Value = match self.json(&call).await {
            Err(CallFailure::Refusal(refusal)) if refusal.lacks_metric() => return Ok(Windows::new()),
            other => other?,
        };
        let Some(measures) = answer.get("measures").and_then(Value::as_object) else {
            let detail = format!("measures is {}, expected an object", type_of(&answer["measures"]));
            return Err(BackendError::Unexpected { at: call.name(), detail }.into());
        };
        let read = |of: &Value| points(&of[metric][kept.by], metric, kept);
        Ok(measures.iter().map(|(id, of)| (id.clone(), read(of))).collect())
    }

    /// The windows of one metric by its own id, where those of a cloud are not kept alike.
    pub async fn windows_of(
        &self,
        id: &str,
        metric: &str,
        kept: Kept,
        (start, stop): (Timestamp, Timestamp),
    ) -> Result<Result<Vec<Point>, String>, CallFailure> {
        let call = ApiCall::get(Service::Metric, &format!("metric/{id}/measures"));
        let call = call.with("aggregation", kept.by).with("granularity", kept.window.get().to_string());
        let call = call.with("start", time::written(start)).with("stop", time::written(stop));
        let answer: Value = self.json(&call).await?;
        Ok(points(&answer, metric, kept))
    }
}

/// The marker of the next page, out of a `Link` header. Of a search the rest of the link is a garbled body.
fn marker(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\"") || part.contains("rel=next"))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let url = Url::parse("http://next.invalid/").ok()?.join(address).ok()?;
    let marker = url.query_pairs().find(|(name, _)| name == "marker");
    marker.map(|(_, value)| value.into_owned())
}

/// The finest archive that reaches back far enough, or else the one that reaches back furthest.
fn choose(policy: &Policy, wanted: Seconds) -> Result<Kept, String> {
    let mut archives = Vec::new();
    for archive in &policy.definition {
        let window = seconds(&archive.granularity).filter(|window| window.get() > 0);
        let window = window.ok_or_else(|| format!("granularity {} is no time", archive.granularity))?;
        let span = seconds(&archive.timespan);
        archives.push((window, span.ok_or_else(|| format!("timespan {} is no time", archive.timespan))?));
    }
    archives.sort_unstable();
    // Windows of a second would be thousands a poll: what is billed by the day is read by the minute at the finest.
    let fits = |(window, span): &&(Seconds, Seconds)| span.get() >= wanted.get() && window.get() >= 60;
    let found = archives.iter().find(fits).or_else(|| archives.iter().max_by_key(|(_, span)| *span));
    let (window, _) = found.ok_or("the archive policy has no definition")?;
    let by =
        ["max", "last", "mean"].into_iter().find(|by| policy.aggregation_methods.iter().any(|has| has == by));
    let by = by.ok_or_else(|| {
        format!("no max, last or mean among aggregation_methods {}", policy.aggregation_methods.join(", "))
    })?;
    Ok(Kept { window: *window, by })
}

/// A length of time: `0:05:00`, `30 days, 0:00:00`, `1 day, 0:00:00`, or seconds as a number.
fn seconds(value: &Value) -> Option<Seconds> {
    if let Some(number) = value.as_f64() {
        return (number >= 0.0).then_some(Seconds::new(number as u64));
    }
    let text = value.as_str()?;
    let (days, clock) = match text.split_once(", ") {
        Some((days, clock)) => (days.split(' ').next()?.parse::<u64>().ok()?, clock),
        None => (0, text),
    };
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, rest) = (parts.next()??, parts.next()??, parts.next()??);
    Some(Seconds::new(days * 86_400 + (hours * 3_600.0 + minutes * 60.0 + rest) as u64))
}

/// The points of a metric, oldest first; what is no list of points is named.
fn points(list: &Value, metric: &str, kept: Kept) -> Result<Vec<Point>, String> {
    let odd = |what: String| format!("{metric} by {}: {what}", kept.by);
    let list =
        list.as_array().ok_or_else(|| odd(format!("{}, expected a list of windows", type_of(list))))?;
    let mut points = Vec::with_capacity(list.len());
    for point in list {
        let start = point[0].as_str().and_then(time::parsed);
        let start = start.ok_or_else(|| odd("a window without its time".into()))?;
        // Others would be windows of a coarser archive, which overlap.
        if point[1].as_f64() != Some(kept.window.get() as f64) {
            return Err(odd(format!("a window of {} seconds, expected {}", point[1], kept.window.get())));
        }
        let value = point[2].as_f64().filter(|value| *value >= 0.0);
        let value =
            value.ok_or_else(|| odd(format!("{} is {}, expected bytes", metric, shown(&point[2]))))?;
        // Beyond that a float no longer tells neighbours apart.
        if value >= 9_007_199_254_740_992.0 {
            return Err(odd(format!("{value} is out of range")));
        }
        points.push(Point { start, value });
    }
    points.sort_by_key(|point| point.start);
    Ok(points)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => type_of(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(methods: &[&str], definition: Value) -> Policy {
        serde_json::from_value(json!({ "aggregation_methods": methods, "definition": definition }))
            .expect("a policy")
    }

    #[test]
    fn the_finest_archive_that_reaches_back_is_read() {
        let high = json!([
            {"granularity": "0:00:01", "timespan": "1:00:00"},
            {"granularity": "0:01:00", "timespan": "1 day, 0:00:00"},
            {"granularity": "1:00:00", "timespan": "365 days, 0:00:00"},
        ]);
        let chosen = |hours| {
            choose(&policy(&["mean", "rate:mean"], high.clone()), Seconds::hours(hours)).expect("one")
        };
        assert_eq!(
            (chosen(1).window, chosen(30).window, chosen(9_000).window),
            (Seconds::new(60), Seconds::new(3_600), Seconds::new(3_600))
        );
        let low = json!([{"granularity": 300.0, "timespan": 2_592_000.0}]);
        let by =
            |methods: &[&str]| choose(&policy(methods, low.clone()), Seconds::hours(1)).map(|kept| kept.by);
        assert_eq!(
            (by(&["mean", "last", "max"]), by(&["mean", "last"]), by(&["mean"])),
            (Ok("max"), Ok("last"), Ok("mean"))
        );
        assert!(by(&["count"]).is_err_and(|error| error.contains("count")));
        assert!(choose(&policy(&["mean"], json!([])), Seconds::hours(1)).is_err());
    }

    #[test]
    fn links_are_read_for_their_marker_alone() {
        let link = "<http://10.0.0.5:8041/v1/search/resource/volume?limit=2&sort=id%3Aasc&marker=3c0d-7a&filter=%7B>; rel=\"next\"";
        assert_eq!(marker(link).as_deref(), Some("3c0d-7a"));
        assert_eq!(marker("<http://a/?marker=1>; rel=\"prev\""), None);
    }

    #[test]
    fn nonsense_is_no_window() {
        let kept = Kept::default();
        let read =
            |text: &str| points(&serde_json::from_str(text).expect("json"), "network.incoming.bytes", kept);
        let good = r#"[["2026-03-01T10:05:00+00:00",300.0,7.5],["2026-03-01T10:00:00+00:00",300.0,5]]"#;
        assert_eq!(
            read(good).expect("points").iter().map(|point| point.value).collect::<Vec<_>>(),
            [5.0, 7.5]
        );
        for (text, named) in [
            (r#"[["2026-03-01T10:00:00+00:00",300.0,-1]]"#, "-1"),
            (r#"[["2026-03-01T10:00:00+00:00",300.0,"many"]]"#, "a text"),
            (r#"[["2026-03-01T10:00:00+00:00",300.0,null]]"#, "null"),
            (r#"[["2026-03-01T10:00:00+00:00",300.0,1e19]]"#, "out of range"),
            (r#"[["2026-03-01T10:00:00+00:00",3600.0,1]]"#, "3600"),
            (r#"[["soon",300.0,1]]"#, "time"),
            (r#"{"a":1}"#, "an object"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(named) && error.contains("network.incoming.bytes"), "{error}");
        }
    }
}
