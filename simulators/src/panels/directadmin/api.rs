//! The JSON API below `/api/`: one account per call, exact bytes, and the server itself.

use super::ask::Caller;
use super::config::created;
use super::figures::shares;
use super::reply::{Written, in_json};
use super::switches::Switches;
use super::tally::bandwidth_limit;
use super::world::{Account, Rank, Server};
use crate::clock::at;
use axum::http::Method;
use chrono::SecondsFormat;
use serde_json::{Value, json};

/// Answers a call by its path below `/api/`.
pub fn reply(server: &Server, switches: &Switches, caller: &Caller, method: &Method, path: &str) -> Written {
    if !switches.json_api {
        return refused(404, "NOT_FOUND");
    }
    if !switches.licence_active {
        return refused(402, "LICENSE_OVERUSED");
    }
    if method != Method::GET {
        return refused(405, "METHOD_NOT_ALLOWED");
    }
    let parts: Vec<&str> = path.split('/').collect();
    let needs = match parts.as_slice() {
        ["session" | "info"] | ["users", ..] => Rank::User,
        _ => Rank::Admin,
    };
    if caller.rank < needs {
        return refused(403, "FORBIDDEN");
    }
    let told = match parts.as_slice() {
        ["session"] => session(caller),
        ["version"] => version(),
        ["info"] => info(server),
        ["admin-usage"] => admin_usage(server, switches, caller),
        ["server-settings", "timezone", "current"] if switches.tells_timezone => {
            json!({ "timezone": switches.timezone })
        }
        ["users", name, what @ ("usage" | "config")] => match caller.one(server, name) {
            None => return nobody(name),
            Some(account) if *what == "usage" => usage(server, switches, name, &account),
            Some(account) => config(switches, name, &account),
        },
        ["resellers", name, "usage"] => match caller.one(server, name) {
            None => return nobody(name),
            Some(account) if account.rank == Rank::User => return role_mismatch(name),
            Some(account) => reseller_usage(server, switches, name, &account),
        },
        _ => return refused(404, "NOT_FOUND"),
    };
    in_json(200, &told)
}

/// A refusal in the words of this API.
pub fn refused(status: u16, kind: &str) -> Written {
    in_json(status, &json!({ "type": kind }))
}

fn nobody(name: &str) -> Written {
    in_json(404, &json!({ "account": name, "type": "ACCOUNT_NOT_FOUND" }))
}

fn role_mismatch(name: &str) -> Written {
    let body =
        json!({ "account": name, "actual": "user", "expected": "reseller", "type": "ACCOUNT_ROLE_MISMATCH" });
    in_json(403, &body)
}

fn session(caller: &Caller) -> Value {
    json!({
        "effectiveRole": caller.rank.word(), "effectiveUsername": caller.name, "realUsername": caller.real,
        "directadminConfig": {},
    })
}

fn version() -> Value {
    json!({
        "arch": "amd64", "commit": "0f3a9c5e71d24b86", "distro": "debian12", "eol": false, "os": "linux",
        "update": {
            "available": false, "availableChannels": ["alpha", "beta", "current", "stable"], "channel": "current",
        },
        "uptime": 86_400_000_000_000_u64, "version": "1.697",
    })
}

fn info(server: &Server) -> Value {
    json!({
        "hostname": "da1.example.net", "languages": ["en"], "license": { "active": true },
        "time": written(server.now()),
    })
}

fn admin_usage(server: &Server, switches: &Switches, caller: &Caller) -> Value {
    let everybody = caller.own(server);
    let used = everybody.iter().map(|(name, account)| server.used(switches, name, account));
    let (bandwidth, quota) = used.fold((0, 0), |sum, one| (sum.0 + one.bandwidth, sum.1 + one.quota));
    json!({
        "bandwidthBytes": bandwidth, "quotaBytes": quota, "dbQuotaBytes": shares(quota).databases,
        "users": everybody.values().filter(|one| one.rank == Rank::User).count(),
        "resellers": everybody.values().filter(|one| one.rank == Rank::Reseller).count(),
        "lastTally": written(server.figures(switches).last_tally),
    })
}

fn usage(server: &Server, switches: &Switches, name: &str, account: &Account) -> Value {
    let used = server.used(switches, name, account);
    let held = shares(used.quota);
    let count = |key: &str, usage: u64| block(account.conf(key).parse().ok(), usage);
    json!({
        "bandwidthBytes": block(bandwidth_limit(account), used.bandwidth),
        "quotaBytes": block(account.limit_bytes("quota"), used.quota),
        "dbQuotaBytes": held.databases, "emailQuotaBytes": held.mail, "otherQuotaBytes": held.other,
        "quotaWithoutSystemBytes": used.quota - held.databases,
        "inode": count("inode", 1_000 + account.number as u64 * 37),
        "domains": count("vdomains", account.domains.len() as u64),
        "subdomains": count("nsubdomains", 1), "domainPointers": count("domainptr", 2),
        "emailAccounts": count("nemails", 3), "emailForwarders": count("nemailf", 1),
        "mailingLists": count("nemailml", 0), "autoresponders": count("nemailr", 0),
        "ftpAccounts": count("ftp", 1), "mySqlDatabases": count("mysql", 2),
        "emailDeliveries": 40, "emailDeliveriesIncoming": 28, "emailDeliveriesOutgoing": 12,
    })
}

/// `unlimited` is told only where it is true.
fn block(limit: Option<u64>, usage: u64) -> Value {
    match limit {
        Some(limit) => json!({ "limit": limit, "usage": usage }),
        None => json!({ "limit": 0, "unlimited": true, "usage": usage }),
    }
}

fn reseller_usage(server: &Server, switches: &Switches, name: &str, account: &Account) -> Value {
    let mut there = server.there();
    there.retain(|_, one| one.creator == name);
    let used = there.iter().map(|(name, account)| server.used(switches, name, account));
    let (bandwidth, quota) = used.fold((0, 0), |sum, one| (sum.0 + one.bandwidth, sum.1 + one.quota));
    let deleted = server.deleted_bandwidth(switches, name);
    let with_allocation = |limit: Option<u64>, usage, sold: &str| {
        let mut block = block(limit, usage);
        let sold = there.values().filter_map(|one| one.limit_bytes(sold)).sum::<u64>();
        block["allocation"] = sold.into();
        block
    };
    json!({
        "bandwidthBytes": with_allocation(bandwidth_limit(account), bandwidth + deleted, "bandwidth"),
        "bandwidthDeletedUserBytes": deleted,
        "quotaBytes": with_allocation(account.limit_bytes("quota"), quota, "quota"),
    })
}

fn config(switches: &Switches, name: &str, account: &Account) -> Value {
    let limit = |key: &str| account.conf(key).parse::<f64>().unwrap_or(-1.0);
    json!({
        "username": name, "userType": account.rank.word(), "creator": account.creator,
        "package": account.conf("package"), "domain": account.domain(), "domains": account.domains,
        "email": account.conf("email"), "suspended": account.suspension.is_some(),
        "bandwidthLim": limit("bandwidth"), "quotaLim": limit("quota"),
        "domainsLim": account.conf("vdomains").parse::<i64>().unwrap_or(-1),
        "dateCreated": created(switches, account),
    })
}

fn written(seconds: i64) -> String {
    at(seconds).to_rfc3339_opts(SecondsFormat::Secs, true)
}
