//! UAPI through WHM: one user's months, and days or hours of a span.

use super::accounts;
use super::envelope::{Outcome, Said};
use super::guard::Caller;
use super::world::{Account, Server};
use crate::clock::at;
use crate::form::Form;
use crate::zone::{NAMES, Zone, month_before};
use serde_json::{Map, Value, json};

/// The shortest span that is told of: an hour.
const HOUR: i64 = 3_600;

/// So far back days are told of, in seconds.
const DAYS_KEPT: i64 = 400 * 86_400;

/// What a function of UAPI comes to: its data, or its errors.
type Told = Result<Value, String>;

/// `uapi_cpanel`, and the older bridge with the names of its fields.
pub fn call(server: &Server, caller: &Caller, asked: &Form, fields: [&str; 3]) -> Outcome {
    let [user, module, function] = fields.map(|field| asked.get(field));
    let account = accounts::one(server, caller, user)?;
    let told = match (module, function) {
        _ if !server.switches().bandwidth_feature => {
            Err("You do not have the feature “bandwidth”.".to_owned())
        }
        ("Stats", "get_bandwidth") => months(server, &account, asked),
        ("Bandwidth", "query") => query(server, &account, asked),
        ("Bandwidth", "get_retention_periods") => Ok(json!([
            { "interval": "5min", "retention": 2_678_400 }, { "interval": "hourly", "retention": 34_560_000 },
            { "interval": "daily", "retention": DAYS_KEPT },
        ])),
        _ => Err(format!("The system could not find the function “{function}” in the module “{module}”.")),
    };
    let uapi = match told {
        Ok(data) => {
            json!({ "data": data, "errors": null, "messages": null, "metadata": {}, "status": 1, "warnings": null })
        }
        Err(error) => {
            json!({ "data": null, "errors": [error], "messages": null, "metadata": {}, "status": 0, "warnings": null })
        }
    };
    Ok(Said::data(json!({ "uapi": uapi })))
}

/// `Stats::get_bandwidth`: a row for each month, domain and protocol. `timezone` is the server's unless told.
fn months(server: &Server, account: &Account, asked: &Form) -> Told {
    let zone = zone(server, asked)?;
    let mut rows = Vec::new();
    for behind in (0..server.switches().history_months).rev() {
        let first = month_before(server.month(), behind);
        let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(first);
        let (from, to) = (zone.start_of(first), zone.start_of(next));
        let bytes = server.moved(account, from.max(account.created), to);
        if to <= account.created || bytes == 0 {
            continue;
        }
        let web = bytes / 8 * 5;
        for (domain, protocol, bytes) in
            [(account.domain.as_str(), "http", web), ("UNKNOWN", "imap", bytes - web)]
        {
            rows.push(json!({ "bytes": bytes, "domain": domain, "month_start": from, "protocol": protocol }));
        }
    }
    Ok(rows.into())
}

/// `Bandwidth::query`: bytes by the start of each day or hour that has any, below domain and protocol if asked for.
fn query(server: &Server, account: &Account, asked: &Form) -> Told {
    let zone = zone(server, asked)?;
    let now = server.now();
    let number = |name, default| match asked.first(name) {
        None | Some("") => Ok(default),
        Some(text) => text.parse::<i64>().map_err(|_| format!("“{name}” must be a number.")),
    };
    let from = number("start", account.created)?.max(now - DAYS_KEPT);
    let to = number("end", now)?;
    let grouping: Vec<&str> = asked.get("grouping").split('|').collect();
    let by_hour = grouping.contains(&"year_month_day_hour");
    if !by_hour && !grouping.contains(&"year_month_day") {
        return Err("“grouping” must name one unit of time.".to_owned());
    }
    let mut spans: Map<String, Value> = Map::new();
    let start = |instant: i64| match by_hour {
        true => instant - instant.rem_euclid(HOUR),
        false => zone.start_of(zone.date(at(instant))),
    };
    let mut begin = start(from);
    while begin <= to.min(now) {
        let end = start(begin + if by_hour { HOUR } else { 26 * HOUR });
        let bytes = server.moved(account, begin.max(account.created), end);
        if bytes > 0 {
            spans.insert(begin.to_string(), bytes.into());
        }
        begin = end;
    }
    let empty = spans.is_empty() && server.switches().empty_as_array;
    let mut told = if empty { json!([]) } else { Value::Object(spans) };
    for group in grouping.iter().rev() {
        told = match *group {
            "domain" => json!({ account.domain.clone(): told }),
            "protocol" => json!({ "http": told }),
            _ => told,
        };
    }
    Ok(told)
}

fn zone(server: &Server, asked: &Form) -> Result<Zone, String> {
    match asked.get("timezone") {
        "" => Ok(server.zone()),
        name if NAMES.contains(&name) => Ok(Zone::named(name)),
        name => Err(format!("“{name}” is not a valid time zone.")),
    }
}
