//! What users hold on disks: the quota cache, or the disks themselves.

use super::envelope::{Outcome, Said};
use super::front::unknown_function;
use super::guard::Caller;
use super::world::Server;
use crate::form::Form;
use serde_json::{Value, json};

/// A block of the quota system.
pub const BLOCK: u64 = 1_024;

/// `get_disk_usage`: blocks of everybody, and of a user of the system that no list of accounts has.
pub fn usage(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let switches = server.switches();
    if !switches.has_disk_usage {
        return Err(unknown_function("get_disk_usage"));
    }
    let is_cached = asked.get("cache_mode") != "off";
    let there = server.there(caller);
    let rows = there.iter().map(|(name, account)| {
        let limit = account.disk_mib.filter(|_| switches.quotas).map(|mib| mib * 1_024);
        let inodes = if switches.quotas { 1_000 + account.number * 37 } else { 0 };
        json!({
            "user": name, "blocks_used": server.held(account, is_cached) / BLOCK, "blocks_limit": limit,
            "inodes_used": inodes, "inodes_limit": null,
        })
    });
    let mut rows: Vec<Value> = rows.collect();
    if caller.is_root {
        rows.push(json!({
            "user": "mailman", "blocks_used": 5_120, "blocks_limit": null, "inodes_used": 311, "inodes_limit": null,
        }));
    }
    Ok(Said::data(json!({ "accounts": rows })))
}

/// `quota_enabled`.
pub fn quota_enabled(server: &Server) -> Outcome {
    Ok(Said::data(json!({ "quota_enabled": u8::from(server.switches().quotas) })))
}
