//! Usage in the old API: a line for everybody, fields for one.

use super::ask::{Ask, Caller};
use super::figures::{megabytes, shares};
use super::reply::{Said, pairs_text};
use super::switches::Switches;
use super::tally::Used;
use super::world::{Account, Server};
use serde_json::{Value, json};

/// Everybody the caller may ask about: one line each.
pub fn everybody(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let with_inodes = ask.arguments.get("inode") == "yes";
    let lines = caller.own(server).into_iter().map(|(name, account)| {
        let used = server.used(switches, &name, &account);
        line(switches, &name, &account, used, with_inodes)
    });
    Said::Text(lines.collect())
}

fn line(switches: &Switches, name: &str, account: &Account, used: Used, with_inodes: bool) -> String {
    let of = |used: String, limit: &str| format!("{used} / {}", account.conf(limit));
    let domains: String = account.domains.iter().map(|domain| format!("{domain}<br>")).collect();
    let suspended = match &account.suspension {
        None => "No".to_owned(),
        Some(why) if switches.lines_tell_reason => format!("Yes:{}", why.reason),
        Some(_) => "Yes".to_owned(),
    };
    let mut pairs = vec![
        ("bandwidth".to_owned(), of(megabytes(used.bandwidth, 1), "bandwidth")),
        ("creator".to_owned(), account.creator.clone()),
    ];
    if switches.broken_user.as_deref() == Some(name) {
        return format!("{name}={}\n", written(switches, &pairs[..1]));
    }
    let mut put = |key: &str, value: String| pairs.push((key.to_owned(), value));
    put("default", account.domain().to_owned());
    put("email_daily_limit", "500".into());
    put("email_deliveries_outgoing", "12".into());
    put("list", domains);
    put("package", account.conf("package").to_owned());
    if let Some(domain) = account.domains.first().filter(|_| account.number % 4 == 1) {
        put(&format!("pointer_{}", domain.replace('.', "_")), "alias.example|alias2.example".into());
    }
    if with_inodes {
        put("inode", of((1_000 + account.number * 37).to_string(), "inode"));
    }
    put("quota", of(megabytes(used.quota, 2), "quota"));
    put("suspended", suspended);
    put("vdomains", of(account.domains.len().to_string(), "vdomains"));
    format!("{name}={}\n", written(switches, &pairs))
}

fn written(switches: &Switches, pairs: &[(String, String)]) -> String {
    if switches.lines_encoded {
        return pairs_text(switches, pairs, false);
    }
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

/// One user's usage: megabytes and bytes side by side. As JSON some builds tell what is behind the user's page.
pub fn one(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let name = match ask.arguments.get("user") {
        "" => &caller.name,
        told => told,
    };
    let Some(account) = caller.one(server, name) else { return Said::nobody() };
    let used = server.used(switches, name, &account);
    if ask.wants_json && switches.usage_trap {
        return Said::Json(user_page(name, &account, used));
    }
    let held = shares(used.quota);
    let pairs = [
        ("bandwidth", megabytes(used.bandwidth, 1)),
        ("db_quota", held.databases.to_string()),
        ("domainptr", "2".into()),
        ("email_deliveries", "40".into()),
        ("email_deliveries_incoming", "28".into()),
        ("email_deliveries_outgoing", "12".into()),
        ("email_quota", held.mail.to_string()),
        ("ftp", "1".into()),
        ("inode", (1_000 + account.number * 37).to_string()),
        ("mysql", "2".into()),
        ("nemailf", "1".into()),
        ("nemailml", "0".into()),
        ("nemailr", "0".into()),
        ("nemails", "3".into()),
        ("nsubdomains", "1".into()),
        ("other_quota", held.other.to_string()),
        ("quota", megabytes(used.quota, 4)),
        ("quota_without_system", megabytes(used.quota - held.databases, 4)),
        ("vdomains", account.domains.len().to_string()),
    ];
    Said::Conf(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The structure behind the page that shows a user: its `bandwidth` and `quota` are limits.
fn user_page(name: &str, account: &Account, used: Used) -> Value {
    let row = |setting: &str, usage: String| json!({ "setting": setting, "usage": usage, "max_usage": account.conf(setting) });
    let domains = account.domains.iter().enumerate().map(|(place, domain)| {
        let figures = json!({
            "domain": domain, "bandwidth": { "limit": "shared", "usage": megabytes(used.bandwidth, 1) },
            "quota": { "limit": "", "usage": megabytes(used.quota / 2, 1) }, "log_usage": "1.2",
        });
        (place.to_string(), figures)
    });
    let mut domains: serde_json::Map<String, Value> = domains.collect();
    domains.insert("info".into(), json!({}));
    json!({
        "username": name, "bandwidth": account.conf("bandwidth"), "quota": account.conf("quota"),
        "db_quota": format!("{} MB", shares(used.quota).databases >> 20),
        "suspended": if account.suspension.is_some() { "yes" } else { "no" },
        "stats": {
            "0": row("bandwidth", megabytes(used.bandwidth, 1)), "1": row("additional_bandwidth", String::new()),
            "2": row("quota", megabytes(used.quota, 4)), "info": { "rows": "3" },
        },
        "domains": domains,
    })
}
