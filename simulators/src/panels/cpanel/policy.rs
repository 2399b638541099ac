//! What changes a user: suspended, let go, given a limit of bandwidth or disk.

use super::accounts;
use super::envelope::{Denied, Outcome, Said};
use super::guard::Caller;
use super::world::{Account, Server, Suspension};
use crate::form::Form;
use serde_json::json;

const MIB: u64 = 1 << 20;

/// `suspendacct`: again and again succeeds, and the reason is overwritten.
pub fn suspend(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let user = asked.get("user");
    exists(server, caller, user, "_suspendacct")?;
    let reason = match asked.first("reason") {
        None | Some("") => "Unknown",
        Some(reason) => reason,
    };
    let is_locked = asked.get("disallowun") == "1";
    let suspension = Suspension { reason: reason.to_owned(), since: server.now(), is_locked };
    let was = change(server, user, |account| account.suspension.replace(suspension));
    Ok(output(match was.flatten() {
        None => format!(
            "<script>if (self['clear_ui_status']) {{ clear_ui_status(); }}</script>\nChanging shell…\n\
             Locking password…\n{user}'s account has been suspended\n"
        ),
        Some(_) => format!("{user}'s account was previously suspended.<br />\n"),
    }))
}

/// `unsuspendacct`.
pub fn unsuspend(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let user = asked.get("user");
    let account = exists(server, caller, user, "_unsuspendacct")?;
    if !caller.is_root && account.suspension.is_some_and(|suspension| suspension.is_locked) {
        return Err(Denied::new(format!("The account “{user}” is locked: only root may unsuspend it.")));
    }
    change(server, user, |account| account.suspension = None);
    Ok(output(format!("Changing shell…\nUnlocking password…\n{user}'s account is now active\n")))
}

/// `limitbw`: a user that is not there succeeds with nothing done.
pub fn limit_bandwidth(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let user = asked.get("user");
    let told = asked.get("bwlimit");
    let megabytes = match told {
        "0" | "unlimited" => None,
        _ => Some(told.parse::<u64>().map_err(|_| Denied::new("Invalid bandwidth limit."))?),
    };
    let limit = json!({
        "bwlimit": megabytes.map_or("unlimited".to_owned(), |megabytes| megabytes.to_string()),
        "bwlimitenable": u8::from(megabytes.is_some()), "human_bwused": "none",
        "human_bwlimit": megabytes.map_or("unlimited".to_owned(), |megabytes| format!("{megabytes} MB")),
        "unlimited": u8::from(megabytes.is_none()),
    });
    let domain = match accounts::one(server, caller, user) {
        Err(denied) if denied.data.is_none() => return Err(denied),
        Err(_) => String::new(),
        Ok(account) => {
            change(server, user, |account| account.bandwidth = megabytes.map(|megabytes| megabytes * MIB));
            account.domain
        }
    };
    let mut limit = limit;
    limit["domains"] = json!([domain]);
    Ok(Said {
        data: json!({ "bwlimits": [limit] }),
        reason: Some(format!("Bandwidth Limit for {user} set to {told}")),
        ..Said::default()
    })
}

/// `editquota`.
pub fn edit_quota(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let user = asked.get("user");
    match accounts::one(server, caller, user) {
        Ok(_) => {}
        Err(denied) if denied.data.is_none() => return Err(denied),
        Err(_) => return Err(Denied::new("Invalid user. Cannot set quota.")),
    }
    let mib = match asked.get("quota") {
        "0" | "unlimited" => None,
        text => Some(text.parse::<u64>().map_err(|_| Denied::new("Failed to set quota for user."))?),
    };
    change(server, user, |account| account.disk_mib = mib);
    Ok(Said { reason: Some("Set quota for user.".into()), ..Said::default() })
}

fn exists(server: &Server, caller: &Caller, user: &str, function: &str) -> Result<Account, Denied> {
    accounts::one(server, caller, user).map_err(|denied| match denied.data {
        None => denied,
        Some(_) => Denied::new(format!("{function} called for a user that does not exist. ({user})")),
    })
}

fn output(text: String) -> Said {
    Said { output: Some(text), ..Said::default() }
}

/// Changes a user, unless writes are ignored.
fn change<T>(server: &Server, user: &str, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
    let is_ignored = server.switches().writes_ignored;
    let mut accounts = server.accounts_mut();
    let account = accounts.get_mut(user)?;
    account.writes += 1;
    (!is_ignored).then(|| change(account))
}
