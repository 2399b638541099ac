//! `showbw`: everybody's bytes of one month, of those among them who were deleted in it too.

use super::envelope::{Denied, Outcome, Said};
use super::guard::Caller;
use super::list::{Searches, searched};
use super::world::{Account, Server};
use crate::form::Form;
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

const SEARCHES: &Searches = &[("domain", "maindomain"), ("owner", "owner"), ("user", "user")];

/// Somebody who was deleted when the panel was started: the name, the domain, the bytes of that month.
const GONE: (&str, &str, u64) = ("gonefish", "gonefish.example", 88_211);

/// `showbw`. A month that has not begun by the server's reckoning is answered with the running one.
pub fn month(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let running = server.month();
    let number = |name, default| match asked.first(name) {
        None | Some("") => Ok(default),
        Some(text) => text.parse().map_err(|_| Denied::new(format!("Invalid {name}: {text}"))),
    };
    let year = number("year", running.year())?;
    let month = number("month", running.month() as i32)?;
    let first = u32::try_from(month).ok().and_then(|month| NaiveDate::from_ymd_opt(year, month, 1));
    let first = first.ok_or_else(|| Denied::new(format!("Invalid month: {month}")))?.min(running);

    let mut rows: Vec<Value> = Vec::new();
    let mut deleted: Vec<Value> = Vec::new();
    for (name, account) in server.seen_by(caller) {
        let (from, to) = server.span(first);
        let bytes = server.month_total(&account, first);
        match account.vanished {
            None => rows.push(row(server, &name, &account, bytes, false)),
            Some(at) if at >= from => deleted.push(row(server, &name, &account, bytes, true)),
            Some(_) => {}
        }
        let carries = server.switches().recreated_carries;
        for (created, removed) in account.earlier.iter().filter(|life| !carries && life.1 >= from) {
            let bytes = server.moved(&account, from.max(*created), to.min(*removed));
            deleted.push(row(server, &name, &account, bytes, true));
        }
    }
    if caller.is_root && server.zone().date(crate::clock::at(server.started)).with_day(1) == Some(first) {
        let (user, domain, bytes) = GONE;
        deleted.push(json!({
            "bwusage": [], "deleted": 1, "limit": 0, "maindomain": domain, "owner": "root", "reseller": 0,
            "totalbytes": bytes, "user": user,
        }));
    }
    rows.append(&mut deleted);
    let mut rows = searched(rows, asked, SEARCHES);
    if let Some(reseller) = asked.first("showres") {
        rows.retain(|row| row["owner"] == reseller);
    }
    let total: u64 = rows.iter().filter_map(|row| row["totalbytes"].as_u64()).sum();
    Ok(Said::data(json!({
        "acct": rows, "month": first.month(), "reseller": caller.user, "totalused": total, "year": first.year(),
    })))
}

/// Mail is of no domain, so that the domains come to less than the total.
fn row(server: &Server, name: &str, account: &Account, bytes: u64, is_deleted: bool) -> Value {
    let (main, old) = (bytes / 8 * 5, bytes / 8);
    let mut domains = vec![json!({ "deleted": 0, "domain": account.domain, "usage": main })];
    if account.number % 3 == 1 {
        domains.push(json!({ "deleted": 1, "domain": format!("old.{}", account.domain), "usage": old }));
    }
    let unlimited = server.switches().unlimited_bandwidth;
    json!({
        "bwusage": domains, "deleted": u8::from(is_deleted), "limit": account.bandwidth.map_or(unlimited, Value::from),
        "maindomain": account.domain, "owner": account.owner, "reseller": u8::from(account.is_reseller),
        "totalbytes": bytes, "user": name,
    })
}
