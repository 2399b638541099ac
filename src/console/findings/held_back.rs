//! What is doubted and not believed yet: lists that have shrunk, levels that have collapsed, readings that jump further
//! than can be. Nothing of them counts until they are confirmed, or an operator has looked.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::{PanelsVsWhmcs, Side};
use crate::domain::{AccountName, Timestamp};
use crate::standing::AccountStanding;
use crate::store::HeldList;

/// One line per doubted list, and one per meter.
pub(super) fn held_back(sides: &PanelsVsWhmcs) -> Vec<Finding<'_>> {
    let mut found: Vec<Finding<'_>> =
        sides.held.iter().map(|(server, held)| services(*server, held)).collect();
    for side in &sides.panels {
        found.extend(list(side));
        found.extend(silence(side));
        for (name, account) in side.accounts() {
            found.extend(silent(side, name, account));
            for series in &account.series {
                let held = series.held_back.map(|since| ("held back", since, HELD_BACK));
                let doubted = series.doubted.map(|since| ("collapsed", since, COLLAPSED));
                for (state, since, why) in held.into_iter().chain(doubted) {
                    let line = Finding {
                        account: Some(name.as_str()),
                        meter: Some(series.meter.name()),
                        at: Some(series.at.to_string()),
                        since: Some(since.to_string()),
                        detail: Some(why.into()),
                        ..Finding::of(side, FindingKind::HeldBack, state)
                    };
                    found.push(match side.service(account) {
                        Some(service) => line.sold(service),
                        None => line,
                    });
                }
            }
        }
    }
    found
}

const HELD_BACK: &str = "readings jump further than max_rate allows: see `whmeter explain`, then `whmeter accept` if they \
    are true";
const COLLAPSED: &str = "a level fell to nothing or by more than nine tenths (a second measurement \
     confirms it), or a whole month is reported as zero: see `whmeter explain`, then `whmeter accept` if \
     it is true";

/// An account of which something was reported before and is not reported now.
fn silent<'a>(side: &'a Side, name: &'a AccountName, account: &'a AccountStanding) -> Option<Finding<'a>> {
    let since = account.silent_since().filter(|_| account.gone_at.is_none())?;
    let seen = account.series.iter().map(|series| series.at).min();
    let line = Finding {
        account: Some(name.as_str()),
        at: seen.map(|at| at.to_string()),
        since: Some(since.to_string()),
        detail: Some(SILENT.into()),
        ..Finding::of(side, FindingKind::HeldBack, "silent")
    };
    Some(match side.service(account) {
        Some(service) => line.sold(service),
        None => line,
    })
}

/// A crowd of them.
fn silence(side: &Side) -> Option<Finding<'_>> {
    let silent = side.standing.as_ref()?.silence(side.panel.crowd)?;
    Some(Finding {
        detail: Some(format!(
            "{silent} accounts are listed, but usage reported before is missing (unknown, not zero): \
             restore the right that whmeter's user on the panel lost, or check whether the panel still counts"
        )),
        ..Finding::of(side, FindingKind::HeldBack, "silence")
    })
}

const SILENT: &str = "the panel lists the account, but a meter it reported before is missing: it is \
     unread until it is reported again, and withheld once it is too old; `whmeter poll` shows which, then \
     check the panel";

/// A list of services that is not taken in.
fn services(server: i64, held: &HeldList) -> Finding<'static> {
    Finding {
        what: FindingKind::HeldBack.name(),
        state: "services",
        server: Some(server),
        since: Some(held.since.to_string()),
        detail: Some(format!(
            "{} of {} services that own accounts have other numbers in the newest list, which is \
             rejected: if they are the same services, run `whmeter accept BACKEND --renumbered`; if they \
             are others, `whmeter accept BACKEND`",
            held.moved, held.of
        )),
        ..Finding::default()
    }
}

/// A list that is doubted.
fn list(side: &Side) -> Option<Finding<'_>> {
    let doubt = side.standing.as_ref()?.list_doubt?;
    let since: Timestamp = doubt.since;
    Some(Finding {
        since: Some(since.to_string()),
        detail: Some(format!(
            "{} of {} accounts are missing from the panel's list, and none counts as gone: restore the \
             right that whmeter's user on the panel lost, or run `whmeter accept {}`",
            doubt.missing,
            doubt.of,
            side.name()
        )),
        ..Finding::of(side, FindingKind::HeldBack, "list")
    })
}
