//! Gnocchi: its state, policies, resources, and the measures of one metric.

use super::aggregates;
use super::archive::{Policy, Series, policy, policy_of, shown};
use super::call::Call;
use super::reply::{Answered, Reply};
use super::resources::{Resource, TYPES, metric_id, of_type};
use super::search;
use super::world::World;
use crate::clock::at;
use crate::form::encoded;
use axum::http::Method;
use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    let links = json!([{ "rel": "self", "href": format!("{}/v1/", call.base) }]);
    let build = if call.switches.old_gnocchi { "4.4.2" } else { "4.7.0" };
    let versions = [json!({ "status": "CURRENT", "id": "v1.0", "updated": "2015-03-19", "links": links })];
    match call.path {
        [""] => Some(Ok(Reply::json(200, json!({ "build": build, "versions": versions })))),
        ["healthcheck"] => Some(Ok(Reply::empty(200))),
        _ => None,
    }
}

/// An error, as the caller's `Accept` wants it.
pub fn refusal(call: &Call<'_>, status: u16, description: Value) -> Reply {
    Reply::gnocchi(call.header("accept"), status, description)
}

/// What needs one.
pub fn answer(call: &Call<'_>) -> Answered {
    let world = call.cloud.world();
    match (call.method, call.path) {
        (&Method::GET, ["v1", "status"]) => status(call, &world),
        (&Method::GET, ["v1", "archive_policy"]) => {
            let names = ["low", "low-rate", "high", "high-rate"];
            let all = names.iter().filter_map(|name| policy(call.switches, name));
            Ok(Reply::json(200, all.map(|policy| policy.shown()).collect()))
        }
        (&Method::GET, ["v1", "archive_policy", name]) => {
            let found = policy(call.switches, name).filter(|policy| policy.name == *name);
            let missing = || refusal(call, 404, json!(format!("Archive policy {name} does not exist")));
            Ok(Reply::json(200, found.ok_or_else(missing)?.shown()))
        }
        (&Method::GET, ["v1", "resource_type"]) => Ok(Reply::json(
            200,
            TYPES.iter().map(|name| json!({ "name": name, "state": "active" })).collect(),
        )),
        (&Method::GET, ["v1", "resource", kind]) => list(call, resources(call, &world, kind)?),
        (&Method::GET, ["v1", "resource", kind, id]) => {
            let all = resources(call, &world, kind)?;
            let found = all.iter().find(|resource| resource.id == *id);
            let missing = || refusal(call, 404, json!(format!("Resource {id} does not exist")));
            Ok(Reply::json(200, found.ok_or_else(missing)?.shown()))
        }
        (&Method::POST, ["v1", "search", "resource", kind]) => {
            let condition = match call.query.first("filter") {
                Some(text) => search::parse(text),
                None if call.body.is_empty() => Some(Value::Null),
                None => serde_json::from_slice(call.body).ok(),
            };
            let all = resources(call, &world, kind)?;
            let found = condition.and_then(|condition| search::select(all, &condition));
            list(call, found.ok_or_else(|| refusal(call, 400, json!("Invalid input: query")))?)
        }
        (&Method::GET, ["v1", "metric", id]) => metric(call, &world, id),
        (&Method::GET, ["v1", "metric", id, "measures"]) => measures(call, &world, id),
        (&Method::POST, ["v1", "aggregates"]) => aggregates::answer(call, &world),
        _ => Err(refusal(call, 404, json!("The resource could not be found."))),
    }
}

/// The resources of a type that the caller sees.
pub fn resources(call: &Call<'_>, world: &World, kind: &str) -> Result<Vec<Resource>, Reply> {
    if !TYPES.contains(&kind) {
        return Err(refusal(call, 404, json!(format!("Resource type {kind} does not exist"))));
    }
    match call.elsewhere {
        true => Ok(Vec::new()),
        false => Ok(of_type(call.cloud, world, call.switches, kind, &call.scope)),
    }
}

fn status(call: &Call<'_>, world: &World) -> Answered {
    if !call.is_admin() {
        return Err(refusal(call, 403, json!("")));
    }
    let metrics = of_type(call.cloud, world, call.switches, "generic", &call.scope);
    let waiting = metrics.iter().map(|resource| resource.metrics.len()).sum::<usize>();
    let rounds = call.switches.backlog_seconds / call.switches.polling_seconds.max(1);
    let measures = waiting as i64 * rounds;
    let summary = json!({ "metrics": if rounds > 0 { waiting } else { 0 }, "measures": measures });
    let metricd = json!({ "processors": ["metric-1.0"], "statistics": {} });
    Ok(Reply::json(200, json!({ "storage": { "summary": summary }, "metricd": metricd })))
}

/// A page of resources. A full page links to the next, which may be empty.
fn list(call: &Call<'_>, all: Vec<Resource>) -> Answered {
    let limit = call.query.first("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let limit = limit.min(call.switches.max_limit);
    let rest = match call.query.first("marker") {
        None => all,
        Some(marker) => {
            let place = all.iter().position(|resource| resource.id == marker);
            // Nobody handles it there.
            let place = place.ok_or_else(|| Reply::page(500, "Internal Server Error"))?;
            all.into_iter().skip(place + 1).collect()
        }
    };
    let page: Vec<Resource> = rest.into_iter().take(limit).collect();
    let attributes: Vec<&str> = call
        .query
        .pairs()
        .iter()
        .filter(|(name, _)| name == "attrs")
        .map(|(_, value)| value.as_str())
        .collect();
    let rows = page.iter().map(|resource| {
        let mut row = resource.shown();
        if let Some(fields) = row.as_object_mut().filter(|_| !attributes.is_empty()) {
            fields.retain(|name, _| attributes.contains(&name.as_str()));
        }
        row
    });
    let reply = Reply::json(200, rows.collect());
    let Some(last) = page.last().filter(|_| page.len() == limit) else { return Ok(reply) };
    // The link of a search by body has that as a parameter, spoilt.
    let garbled = match call.body.is_empty() {
        true => String::new(),
        false => format!("{}=&", encoded(&String::from_utf8_lossy(call.body), false)),
    };
    let next =
        format!("<{}{}?{garbled}{}>; rel=\"next\"", call.base, call.raw_path, call.query_after(&last.id));
    Ok(reply.with("Link", next))
}

fn find<'n>(call: &Call<'_>, world: &World, id: &str) -> Result<(Resource, &'n str, Policy), Reply> {
    let all = resources(call, world, "generic")?.into_iter();
    let metrics = all.flat_map(|resource| resource.metrics.iter().map(move |name| (resource.clone(), *name)));
    let found = metrics.into_iter().find(|(resource, name)| metric_id(resource, name) == id);
    let found =
        found.and_then(|(resource, name)| Some((policy_of(call.switches, &resource)?, resource, name)));
    let (policy, resource, name) =
        found.ok_or_else(|| refusal(call, 404, json!(format!("Metric {id} does not exist"))))?;
    Ok((resource, name, policy))
}

fn metric(call: &Call<'_>, world: &World, id: &str) -> Answered {
    let (resource, name, policy) = find(call, world, id)?;
    let row = json!({
        "id": id, "name": name, "unit": if name.contains("size") { "GB" } else { "B" },
        "archive_policy": policy.shown(), "creator": "ceilometer:service", "resource": resource.shown(),
    });
    Ok(Reply::json(200, row))
}

/// An instant of a query: naive times are UTC.
pub fn instant(call: &Call<'_>, name: &str) -> Result<Option<i64>, Reply> {
    let Some(text) = call.query.first(name) else { return Ok(None) };
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"].into_iter();
    let naive =
        naive.filter_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok().map(|time| time.and_utc()));
    let read = match text.parse::<f64>() {
        Ok(seconds) => Some(seconds as i64),
        Err(_) => {
            let told = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
            told.or_else(|| naive.map(|time| time.timestamp()).next()).or_else(|| relative(call, text))
        }
    };
    let wrong = || refusal(call, 400, json!("Must be a datetime or a timestamp"));
    read.map(Some).ok_or_else(wrong)
}

/// `-40 minutes`.
fn relative(call: &Call<'_>, text: &str) -> Option<i64> {
    let (number, unit) = text.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(call.cloud.now() + number.parse::<i64>().ok()? * seconds)
}

/// From and until when something is asked for.
pub fn span(call: &Call<'_>) -> Result<(i64, i64), Reply> {
    let until = call.cloud.now() + 86_400;
    Ok((instant(call, "start")?.unwrap_or(at(0).timestamp()), instant(call, "stop")?.unwrap_or(until)))
}

fn measures(call: &Call<'_>, world: &World, id: &str) -> Answered {
    let (resource, metric, policy) = find(call, world, id)?;
    let method = call.query.first("aggregation").unwrap_or("mean");
    if !policy.methods.iter().any(|known| known == method) {
        let text = format!("Aggregation method '{method}' for metric {id} does not exist");
        return Err(refusal(call, 404, json!(text)));
    }
    let granularity = call.query.first("granularity").map(|told| told.parse::<f64>().unwrap_or(0.0) as i64);
    if let Some(told) = granularity.filter(|told| policy.with(*told).is_none()) {
        let text = format!("Granularity '{told}' for metric {id} does not exist");
        return Err(refusal(call, 404, json!(text)));
    }
    let (from, to) = span(call)?;
    let (cloud, switches, resource) = (call.cloud, call.switches, &resource);
    let series = Series { cloud, world, switches, resource, metric };
    let wanted =
        policy.definitions.iter().rev().filter(|one| granularity.is_none_or(|told| told == one.granularity));
    let mut all = Vec::new();
    for kept in wanted {
        let points = shown(&series.windows(*kept, method, from, to), kept.granularity);
        all.extend(points.as_array().cloned().unwrap_or_default());
    }
    Ok(Reply::json(200, Value::Array(all)))
}
