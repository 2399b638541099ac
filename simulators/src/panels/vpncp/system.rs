//! The panel about itself: status, settings, licence, networks, and the description of its API.

use super::reply::{Outcome, Refusal};
use super::switches::{Names, Openapi, Switches};
use super::world::Server;
use serde_json::{Value, json};

const LICENSED: usize = 1_000;
const LICENSED_UNTIL: &str = "2027-06-30T10:15:00+02:00";

/// `GET /system/status`.
pub fn status(server: &Server, switches: &Switches) -> Value {
    let text = switches.loading.as_deref().unwrap_or("OK");
    let version = if switches.is_first() { "1.8" } else { "2.3.0" };
    let mut told = json!({
        "count_accounts_available": LICENSED, "license_valid": switches.license_valid, "status": text,
        "version": version,
    });
    if switches.tells_count {
        told["count_accounts"] = server.there().len().into();
    }
    if switches.is_first() {
        told["count_wireguard"] = 3.into();
        told["license"] = LICENSED_UNTIL.into();
    }
    told
}

/// `GET /system/info`: every number is a text.
pub fn info(switches: &Switches) -> Value {
    json!({ "cpu_threads": "4", "memory_total": "7956", "timezone": switches.timezone })
}

/// `GET /system/config`.
pub fn config(switches: &Switches) -> Value {
    json!({
        "traffic_statistics_frequency": switches.number(5),
        "traffic_statistics_history": switches.number(switches.history_months.into()),
        "wireguard_handshake_uptime": switches.number(180),
    })
}

/// `GET /license`.
pub fn license(server: &Server, switches: &Switches) -> Outcome {
    if !switches.license_valid {
        return Err(Refusal::new(402, "The license is not active"));
    }
    let checked = server.knobs.clock.now().to_rfc3339();
    Ok(json!({
        "accounts": LICENSED, "expiration_date": LICENSED_UNTIL, "key": "VPNCP-LICENCE-KEY-IN-CLEAR",
        "last_check": checked, "valid": true,
    }))
}

/// `GET /network`, or `GET /wireguard` as an object by name.
pub fn networks(switches: &Switches) -> Value {
    let [down, up] = match switches.names {
        Names::Page if !switches.is_first() => ["bandwidth_download", "bandwidth_upload"],
        _ => ["b_download", "b_upload"],
    };
    let networks = [("office", 200), ("home", 0), ("default", 0)];
    if switches.is_first() {
        let shown = networks.map(|(name, _)| (name.to_owned(), json!({ "port": "51820", "enable": true })));
        return Value::Object(shown.into_iter().collect());
    }
    let shown = networks.map(|(name, mbit)| json!({ "name": name, "description": "", down: mbit, up: mbit }));
    Value::Array(shown.into())
}

/// The public `openapi.json` of 2.x.
pub fn openapi(switches: &Switches) -> Value {
    let mut document = json!({
        "openapi": "3.0.3",
        "info": { "title": "PUQVPNCP API", "version": "2.3.0" },
        "paths": {
            "/api/v1/system/status": { "get": {} },
            "/api/v1/system/info": { "get": {} },
            "/api/v1/system/config": { "get": {}, "put": {} },
            "/api/v1/license": { "get": {} },
            "/api/v1/network": { "get": {}, "post": {} },
            "/api/v1/network/{name}": { "get": {}, "put": {}, "delete": {} },
            "/api/v1/client": { "get": {}, "post": {} },
            "/api/v1/client/{clientName}": { "get": {}, "put": {}, "delete": {} },
            "/api/v1/client/{clientName}/traffic/{Y}/{m}": { "get": {} },
        },
    });
    if switches.openapi == Openapi::Incomplete
        && let Some(paths) = document["paths"].as_object_mut()
    {
        paths.remove("/api/v1/client/{clientName}/traffic/{Y}/{m}");
    }
    document
}
