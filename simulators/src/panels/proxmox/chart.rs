//! `rrddata`: average rates over rows whose length depends on release and time frame.
//!
//! A row averages only the part of its time that was known, and is left blank when less than half was.

use super::cluster::Cluster;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use super::world::Guest;
use serde_json::{Value, json};

/// Seconds per row and rows, by release and time frame.
fn grid(version: u8, frame: &str) -> Option<(i64, i64)> {
    Some(match (version >= 9, frame) {
        (false, "hour") => (60, 70),
        (false, "day") => (1_800, 70),
        (false, "week") => (10_800, 70),
        (false, "month") => (43_200, 70),
        (false, "year") => (604_800, 70),
        (true, "hour") => (60, 60),
        (true, "day") => (60, 1_440),
        (true, "week") => (1_800, 336),
        (true, "month") => (1_800, 1_440),
        (true, "year") => (21_600, 1_440),
        _ => return None,
    })
}

/// The rows of one guest.
pub fn rows(cluster: &Cluster, switches: &Switches, guest: &Guest, frame: &str) -> Answered {
    let Some((step, count)) = grid(switches.version, frame) else {
        let mut refusal = Reply::failed(switches, 400, "Parameter verification failed.");
        refusal.add(
            "errors",
            json!({ "timeframe": format!("value '{frame}' does not have a value in the enumeration") }),
        );
        return Err(refusal);
    };
    let last = cluster.now().div_euclid(step) * step;
    let row = |number: i64| {
        let end = last - number * step;
        let mut row = json!({ "time": end, "maxcpu": 2, "maxmem": 4_294_967_296_u64, "disk": 0 });
        let known: i64 =
            (1..=step / 10).filter(|part| runs(guest, end - step + part * 10)).count() as i64 * 10;
        if known * 2 >= step {
            let moved = guest.cards().fold(crate::growth::Traffic::default(), |sum, card| {
                sum + (cluster.moved(guest, card, end) - cluster.moved(guest, card, end - step))
            });
            row["netin"] = json!(moved.received as f64 / known as f64);
            row["netout"] = json!(moved.sent as f64 / known as f64);
            row["cpu"] = json!(0.012);
        }
        row
    };
    Ok(Value::Array((0..count).rev().map(row).collect()))
}

fn runs(guest: &Guest, at: i64) -> bool {
    guest.doing(at).is_some_and(|doing| doing.run.is_some())
}
