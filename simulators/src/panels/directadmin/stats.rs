//! Figures of the whole server.

use super::ask::{Ask, Caller};
use super::figures::{megabytes, shares};
use super::reply::Said;
use super::switches::Switches;
use super::world::{Account, Rank, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sums of everybody, disks and load, with the time of the last tally.
pub fn show(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let everybody = caller.own(server);
    let used = everybody.iter().map(|(name, account)| server.used(switches, name, account));
    let (bandwidth, quota) = used.fold((0, 0), |sum, one| (sum.0 + one.bandwidth, sum.1 + one.quota));
    let count = |rank| everybody.values().filter(|one| one.rank == rank).count().to_string();
    let last_tally = server.figures(switches).last_tally.to_string();
    let fields = [
        ("bandwidth", megabytes(bandwidth, 1)),
        ("quota", megabytes(quota, 4)),
        ("db_quota", shares(quota).databases.to_string()),
        ("nusers", count(Rank::User)),
        ("nresellers", count(Rank::Reseller)),
    ];
    if !ask.wants_json {
        let pairs = fields.into_iter().chain([("last_tally", last_tally)]);
        return Said::Pairs(pairs.map(|(key, value)| (key.to_owned(), value)).collect());
    }
    let mut stats: serde_json::Map<String, Value> =
        fields.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    let usage = Value::Object(stats.clone());
    stats.insert("usage".into(), usage);
    stats.insert("allocated".into(), allocated(&everybody));
    stats.insert("disk".into(), json!({ "info": { "rows": "1" } }));
    stats.insert("disk1".into(), "/dev/vda1:1031041144:589609332:441431812:58%:/".into());
    stats.insert("loadavg".into(), json!({ "one": "0.31", "five": "0.27", "fifteen": "0.25" }));
    stats.insert("last_tally".into(), last_tally.into());
    Said::Json(Value::Object(stats))
}

/// What was sold in sum; one that is unlimited makes all of it so.
fn allocated(everybody: &BTreeMap<String, Account>) -> Value {
    let sum = |key: &str| {
        let limits: Option<Vec<u64>> = everybody.values().map(|one| one.conf(key).parse().ok()).collect();
        limits.map_or("unlimited".to_owned(), |limits| limits.iter().sum::<u64>().to_string())
    };
    json!({ "bandwidth": sum("bandwidth"), "quota": sum("quota") })
}
