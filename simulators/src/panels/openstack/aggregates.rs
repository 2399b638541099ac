//! `POST /v1/aggregates`: measures of many resources in one answer, and what is computed of them.

use super::archive::{Point, Series, aggregate, policy_of, shown};
use super::call::Call;
use super::gnocchi::{refusal, resources, span};
use super::operations_text::{Operation, read};
use super::reply::{Answered, Reply};
use super::resources::Resource;
use super::search;
use super::world::World;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One line of points: whose, of which metric and aggregation, in windows of how many seconds.
#[derive(Clone, Debug)]
struct Line {
    resource: String,
    metric: String,
    method: String,
    granularity: i64,
    points: Vec<Point>,
}

/// What an operation makes.
enum Made {
    Lines(Vec<Line>),
    /// One line for each length of windows.
    One(Vec<(i64, Vec<Point>)>),
}

/// Measures of everything that meets `search`, grouped where that is asked for.
pub fn answer(call: &Call<'_>, world: &World) -> Answered {
    let told = call.json();
    let wrong = |what: &str| refusal(call, 400, json!(format!("Invalid input: {what}")));
    let operation = read(&told["operations"]).ok_or_else(|| wrong("operations"))?;
    let all = resources(call, world, told["resource_type"].as_str().unwrap_or("generic"))?;
    let condition = match &told["search"] {
        Value::String(text) => search::parse(text).ok_or_else(|| wrong("search"))?,
        condition => condition.clone(),
    };
    let met = search::select(all, &condition).ok_or_else(|| wrong("search"))?;
    let groups: Vec<&str> = call
        .query
        .pairs()
        .iter()
        .filter(|(name, _)| name == "groupby")
        .map(|(_, value)| value.as_str())
        .collect();
    if groups.is_empty() {
        return Ok(Reply::json(200, computed(call, world, &operation, &met)?));
    }
    let mut grouped: BTreeMap<String, (Value, Vec<Resource>)> = BTreeMap::new();
    for resource in &met {
        let row = resource.shown();
        let key: Map<String, Value> = groups
            .iter()
            .map(|name| ((*name).to_owned(), row.get(*name).cloned().unwrap_or_default()))
            .collect();
        let key = Value::Object(key);
        grouped.entry(key.to_string()).or_insert_with(|| (key, Vec::new())).1.push(resource.clone());
    }
    if grouped.is_empty() {
        return Ok(Reply::json(200, json!([])));
    }
    let mut answers = Vec::new();
    let mut missing = None;
    for (key, members) in grouped.into_values() {
        match computed(call, world, &operation, &members) {
            Ok(measures) => answers.push(json!({ "group": key, "measures": measures })),
            Err(refusal) => missing = Some(refusal),
        }
    }
    // Groups without the metric are left out; where none has it, or something else is wrong, that is said.
    match missing {
        Some(refusal) if answers.is_empty() => Err(refusal),
        _ => Ok(Reply::json(200, Value::Array(answers))),
    }
}

fn computed(call: &Call<'_>, world: &World, operation: &Operation, of: &[Resource]) -> Result<Value, Reply> {
    let measures = match run(call, world, operation, of)? {
        Made::One(lines) => {
            let points = lines.iter().flat_map(|(granularity, points)| {
                shown(points, *granularity).as_array().cloned().unwrap_or_default()
            });
            json!({ "aggregated": points.collect::<Vec<_>>() })
        }
        Made::Lines(lines) => {
            let mut tree = json!({});
            for line in lines {
                let place = &mut tree[&line.resource][&line.metric][&line.method];
                let mut points = place.as_array().cloned().unwrap_or_default();
                points.extend(shown(&line.points, line.granularity).as_array().cloned().unwrap_or_default());
                *place = Value::Array(points);
            }
            tree
        }
    };
    let mut answer = json!({ "measures": measures });
    if call.query.first("details") == Some("true") {
        answer["references"] = of.iter().map(Resource::shown).collect();
    }
    Ok(answer)
}

fn run(call: &Call<'_>, world: &World, operation: &Operation, of: &[Resource]) -> Result<Made, Reply> {
    let each = |made: Made, change: &dyn Fn(i64, Vec<Point>) -> (i64, Vec<Point>)| match made {
        Made::Lines(lines) => Made::Lines(
            lines
                .into_iter()
                .map(|line| {
                    let (granularity, points) = change(line.granularity, line.points);
                    Line { granularity, points, ..line }
                })
                .collect(),
        ),
        Made::One(lines) => Made::One(lines.into_iter().map(|(size, points)| change(size, points)).collect()),
    };
    let on_values = |made: Made, change: &dyn Fn(f64) -> f64| {
        each(made, &|size, points| {
            (size, points.into_iter().map(|(at, value)| (at, change(value))).collect())
        })
    };
    let inner = |operation: &Operation| run(call, world, operation, of);
    Ok(match operation {
        Operation::Metric(names) => Made::Lines(lines(call, world, names, of)?),
        Operation::ClipMin(least, of) => on_values(inner(of)?, &|value| value.max(*least)),
        Operation::ClipMax(most, of) => on_values(inner(of)?, &|value| value.min(*most)),
        Operation::Times(by, of) => on_values(inner(of)?, &|value| value * by),
        Operation::RateOfChange(of) => each(inner(of)?, &|size, points| {
            (size, points.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1)).collect())
        }),
        Operation::Resample(how, seconds, of) => {
            let is_one = matches!(**of, Operation::Aggregate(..));
            each(inner(of)?, &|size, points| {
                // A series with a gap comes out empty unless it was made one before.
                let has_gap = points.windows(2).any(|pair| pair[1].0 - pair[0].0 != size);
                if has_gap && !is_one {
                    return (*seconds, Vec::new());
                }
                (*seconds, resampled(how, *seconds, &points))
            })
        }
        Operation::Aggregate(how, of) => {
            let Made::Lines(lines) = inner(of)? else {
                return Err(refusal(call, 400, json!("Invalid input: aggregate of one series")));
            };
            one(call, how, lines)?
        }
    })
}

fn resampled(how: &str, seconds: i64, points: &[Point]) -> Vec<Point> {
    let mut windows: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (at, value) in points {
        windows.entry(at.div_euclid(seconds) * seconds).or_default().push(*value);
    }
    windows.into_iter().filter_map(|(at, values)| Some((at, aggregate(how, &values)?))).collect()
}

/// All lines as one. Points that some lack are left out of the sum, unless the caller told an overlap.
fn one(call: &Call<'_>, how: &str, lines: Vec<Line>) -> Result<Made, Reply> {
    if call.query.first("needed_overlap").is_some() {
        let covered: BTreeSet<Vec<i64>> =
            lines.iter().map(|line| line.points.iter().map(|(at, _)| *at).collect()).collect();
        if covered.len() > 1 {
            let text =
                json!({ "cause": "Metrics can't being aggregated", "reason": "No overlap", "detail": [] });
            return Err(refusal(call, 400, text));
        }
    }
    let how = how.trim_start_matches("rate:");
    let mut sizes: BTreeMap<i64, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
    for line in lines {
        let size = sizes.entry(line.granularity).or_default();
        line.points.iter().for_each(|(at, value)| size.entry(*at).or_default().push(*value));
    }
    let made = sizes.into_iter().rev().map(|(size, points)| {
        (size, points.into_iter().filter_map(|(at, values)| Some((at, aggregate(how, &values)?))).collect())
    });
    Ok(Made::One(made.collect()))
}

/// The measures of the metrics named, of every resource that has them.
fn lines(
    call: &Call<'_>,
    world: &World,
    names: &[(String, String)],
    of: &[Resource],
) -> Result<Vec<Line>, Reply> {
    let (from, to) = span(call)?;
    let granularity = call.query.first("granularity").map(|told| told.parse::<f64>().unwrap_or(0.0) as i64);
    let mut lines = Vec::new();
    for (metric, method) in names {
        let having: Vec<&Resource> =
            of.iter().filter(|resource| resource.metrics.contains(&metric.as_str())).collect();
        if having.is_empty() {
            return Err(no_metric(call, metric));
        }
        let policies: Vec<_> = having
            .iter()
            .filter_map(|resource| Some((*resource, policy_of(call.switches, resource)?)))
            .collect();
        if policies.iter().any(|(_, policy)| !policy.methods.iter().any(|known| known == method)) {
            let detail = json!([format!("{metric} {method}")]);
            let text = json!({ "cause": "Metrics with unknown aggregation", "detail": detail });
            return Err(refusal(call, 404, text));
        }
        if granularity.is_some_and(|size| policies.iter().any(|(_, policy)| policy.with(size).is_none())) {
            let text = json!({ "cause": "Metrics can't being aggregated", "reason": "Granularities are missing",
                "detail": [granularity] });
            return Err(refusal(call, 400, text));
        }
        for (resource, policy) in policies {
            let series = Series { cloud: call.cloud, world, switches: call.switches, resource, metric };
            let wanted = policy.definitions.iter().rev();
            for kept in wanted.filter(|kept| granularity.is_none_or(|size| size == kept.granularity)) {
                lines.push(Line {
                    resource: resource.id.clone(),
                    metric: metric.clone(),
                    method: method.clone(),
                    granularity: kept.granularity,
                    points: series.windows(*kept, method, from, to),
                });
            }
        }
    }
    Ok(lines)
}

fn no_metric(call: &Call<'_>, metric: &str) -> Reply {
    match call.switches.old_gnocchi {
        true => refusal(call, 400, json!({ "cause": "Metrics not found", "detail": [metric] })),
        false => refusal(call, 404, json!(format!("Metric ['{metric}'] does not exist"))),
    }
}
