//! Ceilometer's samples, and the windows that Gnocchi keeps of them.

use super::cloud::Cloud;
use super::resources::{Resource, Source};
use super::switches::Switches;
use super::world::World;
use serde_json::{Value, json};

/// How fine something is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Seconds of a window.
    pub granularity: i64,
    /// How many windows are kept.
    pub points: i64,
}

/// An archive policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// Finest first.
    pub definitions: &'static [Definition],
    /// What is kept of each window.
    pub methods: Vec<String>,
}

const LOW: &[Definition] = &[Definition { granularity: 300, points: 8_640 }];
const HIGH: &[Definition] = &[
    Definition { granularity: 1, points: 3_600 },
    Definition { granularity: 60, points: 1_440 },
    Definition { granularity: 3_600, points: 8_760 },
];

/// The policy with this name, with or without its prefix.
pub fn policy(switches: &Switches, name: &str) -> Option<Policy> {
    let (name, definitions, has_rate) = match name.trim_start_matches("ceilometer-") {
        "low-rate" => ("ceilometer-low-rate", LOW, true),
        "low" => ("ceilometer-low", LOW, false),
        "high-rate" => ("ceilometer-high-rate", HIGH, true),
        "high" => ("ceilometer-high", HIGH, false),
        _ => return None,
    };
    let rate = has_rate.then_some("rate:mean");
    let further = switches.further_methods.iter().map(String::as_str);
    let methods = ["mean"].into_iter().chain(rate).chain(further).map(str::to_owned).collect();
    Some(Policy { name, definitions, methods })
}

/// The policy of a metric of a resource.
pub fn policy_of(switches: &Switches, resource: &Resource) -> Option<Policy> {
    let odd = resource.id.as_bytes()[0] % 2 == 1;
    let is_counter = matches!(resource.source, Source::Port(_));
    match is_counter && !(switches.mixed_policies && odd) {
        true => policy(switches, &switches.policy),
        false => policy(switches, "low"),
    }
}

impl Policy {
    /// As Gnocchi shows it.
    pub fn shown(&self) -> Value {
        let definitions = self.definitions.iter().map(|one| {
            let timespan = timespan(one.granularity * one.points);
            json!({ "granularity": timespan_of_window(one.granularity), "timespan": timespan, "points": one.points })
        });
        json!({
            "name": self.name, "back_window": 0, "definition": definitions.collect::<Vec<_>>(),
            "aggregation_methods": self.methods,
        })
    }

    /// The definition with these windows.
    pub fn with(&self, granularity: i64) -> Option<Definition> {
        self.definitions.iter().copied().find(|one| one.granularity == granularity)
    }
}

fn timespan_of_window(seconds: i64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// As Python writes a span: `30 days, 0:00:00`.
fn timespan(seconds: i64) -> String {
    let rest = timespan_of_window(seconds % 86_400);
    match seconds / 86_400 {
        0 => rest,
        1 => format!("1 day, {rest}"),
        days => format!("{days} days, {rest}"),
    }
}

/// The samples and windows of one metric of one resource.
pub struct Series<'a> {
    /// The cloud.
    pub cloud: &'a Cloud,
    /// Its state.
    pub world: &'a World,
    /// How it behaves.
    pub switches: &'a Switches,
    /// The resource.
    pub resource: &'a Resource,
    /// The metric's name.
    pub metric: &'a str,
}

/// A window's start and its value.
pub type Point = (i64, f64);

impl Series<'_> {
    /// When the newest sample that is worked in was taken.
    fn newest(&self) -> i64 {
        self.cloud.now() - self.switches.backlog_seconds
    }

    /// The samples taken after `from` and until `to`: when, and what was seen. One at the end of a window is its last.
    fn samples(&self, from: i64, to: i64) -> Vec<Point> {
        let switches = self.switches;
        let period = switches.polling_seconds.max(1);
        let first = (from - switches.polling_offset).div_euclid(period);
        let last = (to - switches.polling_offset).div_euclid(period);
        let times = (first..=last).map(|turn| {
            let is_late = switches.late_every.is_some_and(|every| turn.rem_euclid(every.max(2)) == 0);
            turn * period + switches.polling_offset + if is_late { 2 } else { 0 }
        });
        let is_on = |at: &i64| !switches.outages.iter().any(|(off, on)| (*off..*on).contains(at));
        let seen = times.filter(|at| *at > from && *at <= to.min(self.newest())).filter(is_on);
        seen.filter_map(|at| self.value(at).map(|value| (at, value))).collect()
    }

    fn value(&self, at: i64) -> Option<f64> {
        let world = self.world;
        match &self.resource.source {
            Source::Port(id) => {
                let moved = self.cloud.count(world, world.ports.get(id)?, at)?;
                Some(if self.metric == "network.incoming.bytes" { moved.received } else { moved.sent } as f64)
            }
            Source::Volume(id) => {
                let gib = self.cloud.gib(world.volumes.get(id)?, at);
                (gib > 0).then_some(gib as f64)
            }
            Source::Server(id) => {
                let server = world.servers.get(id)?;
                server.doing(at)?;
                Some(if self.metric == "disk.root.size" { server.disk as f64 } else { 0.0 })
            }
            Source::Objects(id) => {
                let first = super::world::FIRST_PART;
                Some(self.cloud.knobs.truth.part_level(id, first, at) as f64)
            }
        }
    }

    /// The windows with a start from `from` and before `to`, of one aggregation.
    pub fn windows(&self, kept: Definition, method: &str, from: i64, to: i64) -> Vec<Point> {
        let size = kept.granularity;
        let oldest = (self.newest() - 1).div_euclid(size) * size - (kept.points - 1) * size;
        let from = from.div_euclid(size) * size;
        let from = from.max(oldest).max(self.resource.started.div_euclid(size) * size);
        let to = to.min(self.newest() + size);
        if from >= to {
            return Vec::new();
        }
        let (method, is_rate) = match method.strip_prefix("rate:") {
            Some(method) => (method, true),
            None => (method, false),
        };
        // A rate needs the sample before, however far behind it is.
        let behind = if is_rate { 2 * 86_400 } else { 0 };
        let whole = to.div_euclid(size) * size + if to.rem_euclid(size) == 0 { 0 } else { size };
        let mut samples = self.samples(from - behind, whole);
        if is_rate {
            samples = samples.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1)).collect();
        }
        let start = |at: i64| (at - 1).div_euclid(size) * size;
        let inside = samples.into_iter().filter(|(at, _)| (from..to).contains(&start(*at)));
        let mut windows: Vec<(i64, Vec<f64>)> = Vec::new();
        for (at, value) in inside {
            match windows.last_mut().filter(|(begins, _)| *begins == start(at)) {
                Some((_, values)) => values.push(value),
                None => windows.push((start(at), vec![value])),
            }
        }
        let aggregated =
            windows.into_iter().filter_map(|(at, values)| Some((at, aggregate(method, &values)?)));
        aggregated.collect()
    }
}

/// Values of a window, or of several series, as one; `None` where there are none or the method is unknown.
pub fn aggregate(method: &str, values: &[f64]) -> Option<f64> {
    let (first, last) = (*values.first()?, *values.last()?);
    let sum: f64 = values.iter().sum();
    Some(match method {
        "mean" => sum / values.len() as f64,
        "sum" => sum,
        "max" => values.iter().copied().fold(first, f64::max),
        "min" => values.iter().copied().fold(first, f64::min),
        "count" => values.len() as f64,
        "first" => first,
        "last" => last,
        _ => return None,
    })
}

/// An instant as Gnocchi writes it in measures.
pub fn stamp(at: i64) -> String {
    crate::clock::at(at).format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Points as Gnocchi shows them.
pub fn shown(points: &[Point], granularity: i64) -> Value {
    Value::Array(points.iter().map(|(at, value)| json!([stamp(*at), granularity as f64, value])).collect())
}
