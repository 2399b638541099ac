//! A guest's configuration: read with or without what waits, and written with a digest.

use super::cluster::Cluster;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use super::world::{Guest, GuestKind};
use serde_json::{Map, Value, json};

/// The configuration; what waits for the next start is merged in unless the present one is asked for.
pub fn read(guest: &Guest, current: bool) -> Value {
    let mut shown: Map<String, Value> = Map::new();
    for (key, value) in &guest.config {
        let number = value.parse::<u64>().ok().filter(|_| key != "rate");
        shown.insert(key.clone(), number.map_or_else(|| json!(value), |number| json!(number)));
    }
    for (key, value) in guest.pending.iter().filter(|_| !current) {
        match value {
            Some(value) => shown.insert(key.clone(), json!(value)),
            None => shown.remove(key),
        };
    }
    if let Some(lock) = &guest.lock {
        shown.insert("lock".into(), json!(lock));
    }
    shown.insert("digest".into(), json!(guest.digest()));
    Value::Object(shown)
}

/// Every key with what waits for it.
pub fn pending(guest: &Guest) -> Value {
    let mut rows: Vec<Value> = Vec::new();
    for (key, value) in &guest.config {
        let mut row = json!({ "key": key, "value": value });
        match guest.pending.get(key) {
            Some(Some(value)) => row["pending"] = json!(value),
            Some(None) => row["delete"] = json!(1),
            None => {}
        }
        rows.push(row);
    }
    let fresh = guest.pending.iter().filter(|(key, _)| !guest.config.contains_key(*key));
    rows.extend(fresh.map(|(key, value)| json!({ "key": key, "pending": value })));
    Value::Array(rows)
}

/// Writes the keys told.
pub fn write(
    cluster: &Cluster,
    switches: &Switches,
    guest: &mut Guest,
    pairs: &[(String, String)],
) -> Answered {
    let failed = |text: &str| Reply::failed(switches, 500, text);
    let (mismatch, what) = match guest.kind {
        GuestKind::Qemu => ("checksum mismatch (file change by other user?)", "VM"),
        GuestKind::Lxc => ("detected modified configuration - file changed by other user? Try again.", "CT"),
    };
    if pairs.iter().any(|(key, _)| key == "skiplock") {
        return Err(Reply::failed(switches, 400, "Only root may use this option."));
    }
    if let Some(lock) = &guest.lock {
        return Err(failed(&format!("{what} is locked ({lock})")));
    }
    if pairs.iter().any(|(key, value)| key == "digest" && *value != guest.digest()) {
        return Err(failed(mismatch));
    }
    let changes = pairs.iter().filter(|(key, _)| key != "digest");
    for (key, value) in changes {
        if key.starts_with("net") {
            let card = card(cluster, guest, value);
            let before = guest.config.get(key).map(|setting| mac(setting).to_owned());
            let plugged = before.as_deref() != Some(mac(&card));
            guest.config.insert(key.clone(), card);
            if plugged {
                cluster.replug(guest, key);
            }
        } else {
            guest.config.insert(key.clone(), value.clone());
        }
    }
    Ok(Value::Null)
}

/// A card as the server writes it: in an order of its own, with an address in any case.
fn card(cluster: &Cluster, guest: &Guest, told: &str) -> String {
    let mut parts: Vec<String> = told.split(',').map(str::to_owned).collect();
    let fresh = || super::population::mac(guest.vmid, 7 + cluster.next());
    match guest.kind {
        GuestKind::Qemu => {
            let first = parts.iter().position(|part| !part.contains('=') || part.contains(':'));
            let model = parts.remove(first.unwrap_or(0));
            let model = if model.contains(':') { model } else { format!("{model}={}", fresh()) };
            parts.sort();
            parts.insert(0, model);
        }
        GuestKind::Lxc => {
            if !parts.iter().any(|part| part.starts_with("hwaddr=")) {
                parts.push(format!("hwaddr={}", fresh()));
            }
            parts.sort();
        }
    }
    parts.join(",")
}

fn mac(setting: &str) -> &str {
    let parts = setting.split(',').filter_map(|part| part.split_once('='));
    parts.map(|(_, value)| value).find(|value| value.matches(':').count() == 5).unwrap_or_default()
}
