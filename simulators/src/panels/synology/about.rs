//! The device about itself.

use super::ask::Ask;
use super::reply::{Outcome, Refusal};
use super::switches::Switches;
use super::world::Server;
use crate::zone::Zone;
use serde_json::json;
use std::sync::PoisonError;

/// The build, and how the generation calls itself.
fn release(switches: &Switches) -> (&'static str, &'static str) {
    match switches.is_seven() {
        true => ("42962", "DSM 7.1.1-42962 Update 5"),
        false => ("25556", "DSM 6.2.4-25556 Update 6"),
    }
}

fn uptime(server: &Server) -> i64 {
    server.now() - *server.started.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `SYNO.DSM.Info getinfo`: its time has no zone.
pub fn info(server: &Server, switches: &Switches) -> Outcome {
    let (build, text) = release(switches);
    let local = Zone::named(&switches.timezone).local(server.knobs.clock.now());
    let mut told = json!({
        "codepage": "enu", "model": "DS1621+", "ram": 8192, "serial": "2150XXXXXXXXX", "temperature": 41,
        "time": local.format("%a %b %e %H:%M:%S %Y").to_string(), "uptime": uptime(server), "version": build,
        "version_string": text,
    });
    if switches.is_seven() {
        told["temperature_warn"] = false.into();
    }
    Ok(told)
}

/// `SYNO.Core.System info`: cities for zones, and numbers as texts among others.
pub fn system(server: &Server, switches: &Switches) -> Outcome {
    let local = Zone::named(&switches.timezone).local(server.knobs.clock.now());
    let (city, described) = match switches.timezone.as_str() {
        "Europe/Warsaw" => ("Warsaw", "(GMT+01:00) Warsaw, Zagreb"),
        "Europe/London" => ("London", "(GMT) Dublin, Edinburgh, Lisbon, London"),
        "Asia/Tokyo" => ("Tokyo", "(GMT+09:00) Osaka, Sapporo, Tokyo"),
        "America/Bogota" => ("Bogota", "(GMT-05:00) Bogota, Lima, Quito"),
        "Pacific/Kiritimati" => ("Kiritimati", "(GMT+14:00) Kiritimati Island"),
        _ => ("Reykjavik", "(GMT) Monrovia, Reykjavik"),
    };
    let up = uptime(server);
    Ok(json!({
        "time": local.format("%Y-%m-%d %H:%M:%S").to_string(), "time_zone": city, "time_zone_desc": described,
        "up_time": format!("{}:{}:{}", up / 3_600, up / 60 % 60, up % 60), "firmware_ver": release(switches).1,
        "cpu_cores": "4", "model": "DS1621+", "ram_size": 8192,
    }))
}

/// `SYNO.Core.System.Utilization get`.
pub fn utilization(server: &Server) -> Outcome {
    let device = |name: &str, rx: u64, tx: u64| json!({ "device": name, "rx": rx, "tx": tx });
    Ok(json!({
        "cpu": { "user_load": 4, "system_load": 2, "other_load": 1, "1min_load": 37 },
        "memory": { "memory_size": 8_388_608, "avail_real": 2_097_152 },
        "network": [device("total", 88_120, 31_044), device("eth0", 88_120, 31_044)], "time": server.now(),
    }))
}

/// `SYNO.Core.Security.AutoBlock get`.
pub fn auto_block(switches: &Switches) -> Outcome {
    Ok(json!({
        "attempts": switches.block_after, "enable": switches.block_after > 0, "expire_day": switches.block_days,
        "within_mins": switches.block_minutes,
    }))
}

/// `SYNO.Core.User.Home get`, which answers the built-in administrator alone, and everybody else as if he were not
/// logged in.
pub fn home(user: &str) -> Outcome {
    match user {
        "admin" => Ok(json!({ "enable": true, "location": "/volume1" })),
        _ => Err(Refusal::code(119)),
    }
}

/// `SYNO.Core.BandwidthControl` and its `Protocol`: speed limits in KB/s of one user.
pub fn bandwidth(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    const PROTOCOLS: [&str; 5] = ["FileStation", "WebDAV", "FTP", "NetworkBackup", "CloudStation"];
    let told = &ask.parameters;
    let entry = |name: &str, protocol: &str| {
        json!({
            "name": name, "owner_type": "local_user", "protocol": protocol, "protocol_ui": protocol,
            "policy": "notexist", "upload_limit_1": 0, "download_limit_1": 0, "upload_limit_2": 0,
            "download_limit_2": 0, "schedule_plan": "1".repeat(168),
        })
    };
    let find = |name: &str| server.spelled(name).ok_or(Refusal::code(5301));
    if ask.method != "set" {
        let name = told.user(switches, "name").or_else(|| told.user(switches, "owner"));
        let name = find(&name.ok_or(Refusal::code(5300))?)?;
        let users = server.users();
        let set = users.get(&name).map(|user| user.bandwidths.clone()).unwrap_or_default();
        let rows = PROTOCOLS.map(|protocol| set.get(protocol).cloned().unwrap_or(entry(&name, protocol)));
        return Ok(json!({ "bandwidths": rows }));
    }
    let sets = match told.json("bandwidths") {
        Some(entries) => entries.as_array().cloned().unwrap_or_default(),
        // The form of one protocol has the fields beside each other.
        None => {
            let owner = told.user(switches, "owner").ok_or(Refusal::code(5300))?;
            let mut one = entry(&owner, &told.text("protocol").ok_or(Refusal::code(5300))?);
            for field in
                ["policy", "upload_limit_1", "download_limit_1", "upload_limit_2", "download_limit_2"]
            {
                if let Some(value) = told.json(field) {
                    one[field] = value;
                }
            }
            vec![one]
        }
    };
    let mut results = Vec::new();
    for one in &sets {
        let name = find(one["name"].as_str().unwrap_or_default())?;
        let protocol = one["protocol"].as_str().unwrap_or_default();
        let is_known = PROTOCOLS.contains(&protocol);
        if let Some(user) = server.users_mut().get_mut(&name).filter(|_| is_known && !switches.writes_ignored)
        {
            user.bandwidths.insert(protocol.to_owned(), one.clone());
            user.writes += 1;
        }
        results.push(is_known);
    }
    Ok(json!({ "results": results }))
}
