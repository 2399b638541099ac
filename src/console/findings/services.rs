//! Living services and their accounts: those that have none, and among them those whose account is gone.

use std::collections::{BTreeMap, HashSet};

use super::{Finding, FindingKind, UNKNOWN};
use crate::console::panel_vs_whmcs::{Side, by_server};
use crate::domain::{Service, Timestamp};

/// The services of one server that have an account on one of its panels; or why that is unknown.
fn metered(panels: &[&Side]) -> Result<HashSet<i64>, String> {
    if let Some(unread) = panels.iter().find(|side| !side.is_read()) {
        return Err(format!("{} was never read: its accounts are unknown", unread.name()));
    }
    let present = panels.iter().flat_map(|side| side.present());
    Ok(present.filter_map(|(_, account)| account.owner.service()).collect())
}

/// Living services without an account on any panel of their server.
pub(super) fn unmetered(sides: &[Side]) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for side in sides.iter().filter(|side| side.panel.whmcs_server.is_none()) {
        found.extend(side.untold().map(|why| Finding::unknown(side, FindingKind::Unmetered, why)));
    }
    for (server, panels) in by_server(sides) {
        let line =
            Finding { what: FindingKind::Unmetered.name(), server: Some(server), ..Finding::default() };
        let unknown = |why| Finding { state: UNKNOWN, detail: Some(why), ..line.clone() };
        let Some(list) = panels.iter().find_map(|side| side.list.as_ref()) else {
            found.push(unknown("WHMCS has not sent the services of this server yet".into()));
            continue;
        };
        match metered(&panels) {
            Err(why) => found.push(unknown(why)),
            Ok(metered) => {
                let missing =
                    list.services.iter().filter(|one| one.wants_account() && !metered.contains(&one.id));
                found.extend(
                    missing.map(|service| Finding { state: "missing", ..line.clone() }.sold(service)),
                );
            }
        }
    }
    found
}

/// Living services whose account was on a panel and is on none of their server's any more.
pub(super) fn ghosts(sides: &[Side]) -> Vec<Finding<'_>> {
    let untold = |side| Some(Finding::unknown(side, FindingKind::Ghosts, Side::untold(side)?));
    let mut found: Vec<Finding<'_>> = sides.iter().filter_map(untold).collect();
    for panels in by_server(sides).into_values() {
        let listed: Vec<&Side> = panels.iter().copied().filter(|side| side.untold().is_none()).collect();
        match metered(&panels) {
            Ok(metered) => found.extend(gone(&listed, &metered)),
            Err(why) => {
                found.extend(
                    listed.iter().map(|side| Finding::unknown(side, FindingKind::Ghosts, why.clone())),
                );
            }
        }
    }
    found
}

/// One line per service: of several accounts it once had, the one that went last.
fn gone<'a>(panels: &[&'a Side], metered: &HashSet<i64>) -> Vec<Finding<'a>> {
    let mut last: BTreeMap<i64, (Timestamp, &'a Side, &'a str, &'a Service)> = BTreeMap::new();
    for side in panels {
        let Some(list) = side.list.as_ref() else { continue };
        for (name, account) in side.accounts() {
            // Of an account whose name somebody else has now the owner before lost it when that one came.
            let before = account.shares.iter().filter(|share| share.life != account.life);
            let before = before.map(|share| (share.owner.service(), account.first_seen));
            let now = account.gone_at.map(|gone_at| (account.owner.service(), gone_at));
            for (owner, gone_at) in before.chain(now) {
                let Some(service) = owner.and_then(|id| list.services.by_id(id)) else { continue };
                if !service.wants_account() || metered.contains(&service.id) {
                    continue;
                }
                let newest = last.entry(service.id).or_insert((gone_at, side, name.as_str(), service));
                if newest.0 < gone_at {
                    *newest = (gone_at, side, name.as_str(), service);
                }
            }
        }
    }
    let line = |(gone_at, side, name, service): (Timestamp, &'a Side, &'a str, &'a Service)| {
        let line = Finding {
            account: Some(name),
            since: Some(gone_at.to_string()),
            ..Finding::of(side, FindingKind::Ghosts, "gone")
        };
        line.sold(service)
    };
    last.into_values().map(line).collect()
}
