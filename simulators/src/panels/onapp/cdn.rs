//! CDN resources, and what they delivered: by hour, in bulk, and in the old coarse points.

use super::ask::Ask;
use super::hours::{Row, Span};
use super::reply::{Said, stat_time, time};
use super::switches::Switches;
use super::world::{Cloud, HOUR, Resource, Server};
use chrono::NaiveDate;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Edge groups.
pub const GROUPS: [(u32, &str); 3] = [(6, "Europe"), (7, "North America"), (9, "Asia")];

/// One in so many bytes comes from the cache.
const CACHED: u64 = 5;

/// How long a time `bandwidth.json` tells day by day, and week by week, in days.
const DAILY: i64 = 30;
const WEEKLY: i64 = 93;

fn location(group: u32) -> u32 {
    526 + group
}

/// `cdn_resources.json`: everybody's, for an administrator.
pub fn list(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let cloud = server.cloud();
    let there = cloud.resources_of(ask.whose(switches));
    Said::List(there.map(|(id, resource)| shown(switches, id, resource)).collect())
}

/// `cdn_resources/{id}.json`.
pub fn one(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    let cloud = server.cloud();
    match seen(&cloud, switches, ask, id) {
        Some((id, resource)) => Said::Tree(shown(switches, id, resource)),
        None => Said::Missing { listed: true },
    }
}

fn seen<'a>(cloud: &'a Cloud, switches: &Switches, ask: &Ask, id: &str) -> Option<(u32, &'a Resource)> {
    cloud.resources_of(ask.whose(switches)).find(|(number, _)| number.to_string() == id)
}

fn group_of(id: u32) -> Value {
    let label = GROUPS.iter().find(|(number, _)| *number == id).map_or("", |(_, label)| label);
    json!({ "edge_group": { "id": id, "label": label } })
}

fn shown(switches: &Switches, id: u32, resource: &Resource) -> Value {
    let groups: Vec<Value> = resource.groups.iter().map(|group| group_of(*group)).collect();
    let mut fields = json!({
        "id": id, "user_id": resource.owner, "cdn_hostname": resource.hostname, "resource_type": "HTTP_PULL",
        "status": "ACTIVE", "edge_groups": groups, "origins": [format!("origin.{}", resource.hostname)],
        "last_24h_cost": 0, "created_at": time(switches, resource.created),
        "updated_at": time(switches, resource.created),
    });
    let reference = if switches.release() < (4, 1) { "aflexi_resource_id" } else { "cdn_reference" };
    fields[reference] = resource.reference.into();
    json!({ "cdn_resource": fields })
}

/// `edge_groups.json`.
pub fn groups() -> Said {
    let group = |(id, label): &(u32, &str)| {
        let places = json!([{ "location": { "id": location(*id), "city": "Harbor", "country": "XX" } }]);
        json!({ "edge_group": { "id": id, "label": label, "assigned_locations": places, "available_locations": [] } })
    };
    Said::List(GROUPS.iter().map(group).collect())
}

/// `cdn_resources/{id}/billing.json`: hourly rows by edge group.
pub fn billing(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    let cloud = server.cloud();
    let Some(resource) = seen(&cloud, switches, ask, id) else { return Said::Missing { listed: true } };
    let span = ask.period(switches, server.now());
    let mut rows: Vec<(u32, Row)> = Vec::new();
    for group in &resource.1.groups {
        let own = server.resource_rows(switches, &cloud, resource, *group, span);
        rows.extend(own.into_iter().map(|row| (*group, row)));
    }
    rows.sort_by_key(|(group, row)| (row.end, *group));
    let shown = rows.iter().map(|(group, row)| match switches.release() < (3, 0) {
        true => old_row(switches, ask, resource.0, *group, row),
        false => new_row(switches, ask, *group, row),
    });
    Said::List(shown.collect())
}

fn new_row(switches: &Switches, ask: &Ask, group: u32, row: &Row) -> Value {
    let label = GROUPS.iter().find(|(number, _)| *number == group).map_or("", |(_, label)| label);
    let megabytes = row.moved.sent as f64 / switches.cdn_megabyte as f64;
    json!({ "user_hourly_stat": {
        "cost": format!("{:.4}", megabytes / 10_000.0), "edge_group_id": group, "edge_group_label": label,
        "stat_time": stat_time(switches, ask, row.end), "value": in_megabytes(switches, row.moved.sent),
    } })
}

/// Rows of 2.x: bytes, by what was in the cache.
fn old_row(switches: &Switches, ask: &Ask, resource: u32, group: u32, row: &Row) -> Value {
    let cached = row.moved.sent / CACHED;
    json!({ "user_hourly_stat": {
        "cost": "0.0184", "edge_group_id": group, "cdn_resource_id": resource, "location_id": location(group),
        "edge_id": group * 10, "data_cached": cached, "data_non_cached": row.moved.sent - cached,
        "stat_time": stat_time(switches, ask, row.end),
    } })
}

/// Hundredths of a megabyte and no more; at least one decimal.
fn in_megabytes(switches: &Switches, bytes: u64) -> String {
    let hundredths = u128::from(bytes) * 100 / u128::from(switches.cdn_megabyte.max(1));
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.strip_suffix('0').unwrap_or(&text).to_owned()
}

/// `cdn_usage_statistics.json`: bytes of a period by user, edge group and location.
pub fn bulk(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let now = server.now();
    let span: Span = match ask.has_period() {
        true => ask.period(switches, now),
        false => (now - 72 * HOUR, now),
    };
    let cloud = server.cloud();
    let whose = ask.whose(switches);
    let mut sums: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let all = cloud.resources.iter().map(|(id, resource)| (*id, resource));
    for resource in all.filter(|(_, resource)| whose.is_none_or(|whose| whose == resource.owner)) {
        for group in &resource.1.groups {
            let rows = server.resource_rows(switches, &cloud, resource, *group, span);
            let sum = sums.entry((resource.1.owner, *group)).or_default();
            *sum += rows.iter().map(|row| row.moved.sent).sum::<u64>();
        }
    }
    let is_old = switches.cdn_stat_root == "user_stat";
    let shown = sums.into_iter().map(|((user, group), bytes)| {
        let cached = bytes / CACHED;
        let other = if is_old { "not_cached" } else { "non_cached" };
        let mut fields = json!({
            "user_id": user, "edge_group_id": group, "location_id": location(group), "cached": cached,
        });
        fields[other] = (bytes - cached).into();
        if is_old {
            fields["target_id"] = group.into();
        }
        json!({ switches.cdn_stat_root.clone(): fields })
    });
    Said::List(shown.collect())
}

/// `cdn_resources/bandwidth.json`, gone in 6.0: points that get coarser with the length of the period.
pub fn bandwidth(server: &Server, switches: &Switches, ask: &Ask) -> Said {
    let day = |name: &str| ask.query.get(name).parse::<NaiveDate>().ok();
    let (true, Some(start), Some(end)) = (switches.release() < (6, 0), day("start"), day("end")) else {
        return Said::Missing { listed: true };
    };
    let unit = match ask.query.get("type") {
        "GB" => 1e9,
        "MB" => 1e6,
        "KB" => 1e3,
        _ => 1.0,
    };
    let length = (end - start).num_days();
    let step = if length <= DAILY {
        1
    } else if length <= WEEKLY {
        7
    } else {
        14
    };
    let asked: Vec<&str> = ask
        .query
        .pairs()
        .iter()
        .filter(|(name, _)| name == "resources[]")
        .map(|(_, id)| id.as_str())
        .collect();
    let cloud = server.cloud();
    let chosen: Vec<(u32, &Resource)> = cloud
        .resources_of(ask.whose(switches))
        .filter(|(_, one)| asked.contains(&one.reference.to_string().as_str()))
        .collect();
    let points = (0..=length).step_by(step).map(|behind| {
        let date = start + chrono::TimeDelta::days(behind);
        let from = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        let span = (from + 1, from + step as i64 * 24 * HOUR);
        let moved = chosen.iter().flat_map(|resource| {
            let groups = resource.1.groups.iter();
            groups.flat_map(|group| server.resource_rows(switches, &cloud, *resource, *group, span))
        });
        let bytes: u64 = moved.map(|row| row.moved.sent).sum();
        let cached = bytes / CACHED;
        json!({ "date": date.to_string(), "cached": cached as f64 / unit, "non_cached": (bytes - cached) as f64 / unit })
    });
    Said::Tree(Value::Array(points.collect()))
}
