//! Tables of users in pages: the reseller's and the administrator's, which are not quite the same.

use super::ask::{Ask, Caller};
use super::figures::megabytes;
use super::reply::Said;
use super::switches::{Cells, SuspensionTold, Switches};
use super::world::{Account, MEGABYTE, Rank, Server, Suspension};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The rows of a page unless more are asked for.
const PAGE: u64 = 50;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The caller's own users.
    Own,
    /// Everybody on the server.
    All,
}

/// One page of a table.
pub fn table(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller, which: Table) -> Said {
    if !ask.wants_json {
        return Said::Page("User list");
    }
    let rows: BTreeMap<String, Account> = match which {
        Table::All => caller.own(server),
        Table::Own => Caller { rank: caller.rank.min(Rank::Reseller), ..caller.clone() }.own(server),
    };
    let per_page = match switches.ipp_obeyed {
        true => ask.arguments.number("ipp").filter(|rows| *rows > 0).unwrap_or(PAGE),
        false => PAGE,
    };
    let page = ask.arguments.number("page").filter(|page| *page > 0).unwrap_or(1);
    let pages = (rows.len() as u64).div_ceil(per_page).max(1);
    let in_bytes =
        ask.arguments.get("bytes") == "yes" && (which == Table::Own || switches.bytes_on_admin_table);
    let skipped = per_page.saturating_mul(page - 1).min(rows.len() as u64) as usize;
    let shown = rows.iter().skip(skipped).take(per_page.min(rows.len() as u64) as usize);
    let shown = shown.map(|(name, account)| row(server, switches, which, in_bytes, name, account));
    let mut body: Map<String, Value> =
        shown.enumerate().map(|(place, row)| (place.to_string(), row)).collect();
    let columns: Map<String, Value> = ["username", "bandwidth", "quota", "vdomains", "suspended", "domains"]
        .iter()
        .enumerate()
        .map(|(place, column)| ((*column).to_owned(), (place + 1).to_string().into()))
        .collect();
    let info = json!({
        "columns": columns, "current_page": page.to_string(), "ipp": per_page.to_string(),
        "rows": rows.len().to_string(), "total_pages": pages.to_string(),
    });
    body.insert("info".into(), info);
    Said::Json(Value::Object(body))
}

fn row(
    server: &Server,
    switches: &Switches,
    which: Table,
    in_bytes: bool,
    name: &str,
    account: &Account,
) -> Value {
    let cell = |text: &str| match switches.cells {
        Cells::Objects => json!({ "value": text }),
        Cells::AsSeen | Cells::Texts => text.into(),
    };
    let username = match (switches.cells, which) {
        (Cells::Texts, _) | (Cells::AsSeen, Table::Own) => name.into(),
        _ => json!({ "value": name, "is_user": if account.rank == Rank::User { "yes" } else { "no" } }),
    };
    if switches.broken_user.as_deref() == Some(name) {
        return json!({ "username": username });
    }
    let used = server.used(switches, name, account);
    let figure = |bytes: u64, decimals| match in_bytes {
        true => bytes.to_string(),
        false => megabytes(bytes, decimals),
    };
    let limit = |key: &str| match (in_bytes, account.conf(key).parse::<u64>()) {
        (true, Ok(limit)) => (limit * MEGABYTE).to_string(),
        _ => account.conf(key).to_owned(),
    };
    // An unlimited disk is told in either way.
    let quota = Some(limit("quota")).filter(|told| told != "unlimited" || account.number % 8 < 4);
    let domains: Map<String, Value> =
        account.domains.iter().map(|domain| (domain.clone(), json!([]))).collect();
    let mut row = json!({
        "username": username,
        "bandwidth": { "limit": limit("bandwidth"), "usage": figure(used.bandwidth, 1) },
        "quota": { "limit": quota.unwrap_or_default(), "usage": figure(used.quota, 2) },
        "vdomains": { "limit": account.conf("vdomains"), "usage": account.domains.len().to_string() },
        "package": cell(account.conf("package")),
        "suspended": suspended(switches, account.suspension.as_ref()),
        "ip": ["192.0.2.14"],
        "domains": domains,
    });
    if which == Table::All {
        row["creator"] = cell(&account.creator);
    }
    if switches.dates_in_tables {
        row["date_created"] = cell(&account.created.to_string());
    }
    row
}

fn suspended(switches: &Switches, suspension: Option<&Suspension>) -> Value {
    let value = if suspension.is_some() { "yes" } else { "no" };
    if switches.cells == Cells::Texts {
        return value.into();
    }
    let reason = suspension.map(|why| match switches.suspension_told {
        SuspensionTold::Details if !why.details.is_empty() => why.details.as_str(),
        _ => why.reason.as_str(),
    });
    json!({ "reason": reason.unwrap_or_default(), "value": value })
}
