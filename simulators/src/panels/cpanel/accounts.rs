//! The users: listed, shown one by one, counted.

use super::envelope::{Denied, Outcome, Said};
use super::guard::Caller;
use super::list::{Searches, chunked, searched, wanted};
use super::switches::{DiskUsed, Switches};
use super::world::{Account, Server};
use crate::clock::at;
use crate::form::Form;
use serde_json::{Value, json};

const SEARCHES: &Searches =
    &[("domain", "domain"), ("owner", "owner"), ("user", "user"), ("ip", "ip"), ("package", "plan")];

const MIB: u64 = 1 << 20;

/// `listaccts`.
pub fn list(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let switches = server.switches();
    let rows =
        server.there(caller).iter().map(|(name, account)| row(server, &switches, name, account)).collect();
    let (rows, chunk) = chunked(searched(rows, asked, SEARCHES), asked);
    let data = json!({ "acct": wanted(rows, asked) });
    Ok(Said { data, chunk: chunk.filter(|_| switches.tells_chunk), ..Said::default() })
}

/// `accountsummary`.
pub fn summary(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let account = one(server, caller, asked.get("user"))?;
    Ok(Said::data(json!({ "acct": [row(server, &server.switches(), asked.get("user"), &account)] })))
}

/// `acctcounts`.
pub fn counts(server: &Server, caller: &Caller, asked: &Form) -> Outcome {
    let owner = match asked.get("user") {
        "" => caller.user.as_str(),
        owner => owner,
    };
    if !caller.is_root && owner != caller.user {
        return Err(Denied::new(format!("You do not have access to the reseller “{owner}”.")));
    }
    let own = server.there(caller).into_iter().filter(|(_, account)| account.owner == owner);
    let (suspended, active): (Vec<_>, Vec<_>) = own.partition(|(_, account)| account.suspension.is_some());
    let counts = json!({ "active": active.len(), "limit": 500, "suspended": suspended.len(), "user": owner });
    Ok(Said::data(json!({ "reseller": counts })))
}

/// The user with this name that somebody may see and change.
pub fn one(server: &Server, caller: &Caller, name: &str) -> Result<Account, Denied> {
    let accounts = server.accounts();
    let account = accounts.get(name).filter(|account| account.vanished.is_none());
    let unknown = Denied { reason: "Account does not exist".into(), data: Some(json!({ "acct": null })) };
    let account = account.cloned().ok_or(unknown)?;
    match caller.is_root || account.owner == caller.user {
        true => Ok(account),
        false => Err(Denied::new(format!("You do not have access to the account “{name}”."))),
    }
}

fn row(server: &Server, switches: &Switches, name: &str, account: &Account) -> Value {
    let suspension = account.suspension.as_ref();
    let diskused = match switches.diskused {
        DiskUsed::Whole => format!("{}M", server.held(account, true) / MIB).into(),
        DiskUsed::False => Value::Bool(false),
        DiskUsed::None => "none".into(),
        DiskUsed::Empty => "".into(),
    };
    let mut row = json!({
        "backup": 1, "child_nodes": [], "disklimit": disk_limit(account), "diskused": diskused,
        "domain": account.domain, "email": if account.number.is_multiple_of(3) { "*unknown*" } else { "ops@example.net" },
        "inodeslimit": "unlimited", "inodesused": 1_000 + account.number * 37, "ip": "192.0.2.14", "ipv6": [],
        "is_locked": u8::from(suspension.is_some_and(|suspension| suspension.is_locked)), "legacy_backup": 0,
        "mailbox_format": "maildir", "max_defer_fail_percentage": "unlimited", "max_email_per_hour": "500",
        "max_emailacct_quota": "unlimited", "maxaddons": "*unknown*", "maxftp": "unlimited", "maxlst": "unlimited",
        "maxparked": "10", "maxpop": "100", "maxsql": 5, "maxsub": "unlimited",
        "min_defer_fail_to_trigger_protection": "5", "outgoing_mail_hold": 0, "outgoing_mail_suspended": 0,
        "owner": account.owner, "partition": "home", "plan": account.plan, "shell": "/usr/local/cpanel/bin/noshell",
        "startdate": at(account.created).format("%y %b %d %H:%M").to_string(),
        "suspended": u8::from(suspension.is_some()),
        "suspendreason": suspension.map_or("not suspended", |suspension| &suspension.reason),
        "suspendtime": suspension.map_or(0, |suspension| suspension.since), "temporary": 0, "theme": "jupiter",
        "uid": (1_001 + account.number).to_string(), "unix_startdate": account.created, "user": name,
    });
    if let Some(fields) = row.as_object_mut() {
        fields.retain(|key, _| !switches.leaves_out.contains(key));
    }
    row
}

fn disk_limit(account: &Account) -> String {
    account.disk_mib.map_or("unlimited".into(), |mib| format!("{mib}M"))
}
