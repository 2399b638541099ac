//! What has changed since the report before: what was found then and is not any more, what is new, who came and went, and
//! what was done.

use std::collections::{BTreeMap, BTreeSet};

use crate::console::findings::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::Side;
use crate::console::status::Overview;
use crate::domain::Timestamp;
use crate::store::{Audited, StaffReport};

/// Of what was found what names it, in the order of [`named`].
const COLUMNS: usize = 6;

/// What has changed.
pub(super) struct Changes<'a> {
    /// Since when.
    pub since: Timestamp,
    /// What was not found then.
    pub new: Vec<&'a Finding<'a>>,
    /// What was found then and is no more: the kind, and what names it.
    pub ended: Vec<(String, String)>,
    /// What was found then of which it is not known whether it still is.
    pub unknown: Vec<Vec<String>>,
    /// Accounts that were first seen since, by backend.
    pub came: BTreeMap<String, Vec<String>>,
    /// Accounts that are gone since, by backend.
    pub went: BTreeMap<String, Vec<String>>,
    /// What was done since, oldest first.
    pub acts: Vec<Audited>,
    /// There may have been more than those.
    pub has_more_acts: bool,
}

/// What names a finding: two with the same are the same, whatever their numbers have become.
pub(super) fn named(finding: &Finding<'_>) -> Vec<String> {
    let [what, state, backend, server, account, service, _, username, _, _, meter, ..] = finding.cells();
    let place = if backend.is_empty() { format!("server {server}") } else { backend };
    let whom = if account.is_empty() { username } else { account };
    // Which meters of an account are known now is no news of whether it is billed.
    let meter = if what == FindingKind::Unbilled.name() { String::new() } else { meter };
    // What has no account, or several things of one service, is told apart by its words.
    let by_words = [FindingKind::Unclaimed, FindingKind::Addons, FindingKind::Companions, FindingKind::Sizes];
    let whom = match by_words.iter().any(|kind| kind.name() == what) {
        true => format!("{whom} {}", finding.detail.as_deref().unwrap_or_default()).trim().to_string(),
        // Of a month, which stands first: what is said behind it changes once that is over.
        false if what == FindingKind::Untold.name() => {
            let month = finding.detail.as_deref().and_then(|detail| detail.split(':').next());
            format!("{whom} {}", month.unwrap_or_default()).trim().to_string()
        }
        false => whom,
    };
    // A backend has several totals; a state that has changed is something new.
    Vec::from([what, state, place, whom, service, meter])
}

/// What of the findings is one: a total that is as it should be is shown, and is none.
pub(super) fn counted<'a>(found: &'a [Finding<'a>]) -> impl Iterator<Item = &'a Finding<'a>> {
    found.iter().filter(|finding| !(finding.what() == FindingKind::Totals.name() && finding.state == "same"))
}

/// Whom each backend has, by the names of accounts that are not gone.
pub(super) fn present(overview: &Overview) -> Present {
    let of = |side: &Side| {
        let there = side.accounts().filter(|(_, account)| account.gone_at.is_none());
        (side.name().to_string(), there.map(|(name, _)| name.to_string()).collect())
    };
    overview.sides.panels.iter().filter(|side| side.standing.is_some()).map(of).collect()
}

/// Names of accounts, by backend.
pub(super) type Present = BTreeMap<String, BTreeSet<String>>;

/// What has changed since a report.
pub(super) fn since<'a>(
    last: &StaffReport,
    found: &'a [Finding<'a>],
    (overview, present): (&Overview, &Present),
    acts: Vec<Audited>,
) -> Changes<'a> {
    let unconfigured =
        overview.sides.unconfigured.iter().map(|(state, _)| state.backend.to_string()).collect();
    let Compared { new, ended, unknown } = compared(&last.found, found, &unconfigured);
    // When an account was first seen, or missed, is of before it was stored: what was told is what was there.
    let (came, went) = (only_in(present, &last.present), only_in(&last.present, present));
    let count = acts.len();
    let acts: Vec<Audited> = acts.into_iter().rev().filter(|act| act.id > last.last_act).collect();
    let has_more_acts = count == super::MOST_ACTS && acts.len() == count;
    Changes { since: last.at, new, ended, unknown, came, went, acts, has_more_acts }
}

/// The accounts of each backend that are in the one and not in the other. Of a backend that is not in both nothing is said.
fn only_in(one: &Present, other: &Present) -> BTreeMap<String, Vec<String>> {
    let both = one.iter().filter_map(|(backend, names)| Some((backend, names, other.get(backend)?)));
    let only = both.map(|(backend, names, others)| {
        (backend.clone(), names.difference(others).cloned().collect::<Vec<String>>())
    });
    only.filter(|(_, names)| !names.is_empty()).collect()
}

/// What was found then against what is found now.
#[derive(Debug)]
struct Compared<'a> {
    new: Vec<&'a Finding<'a>>,
    ended: Vec<(String, String)>,
    unknown: Vec<Vec<String>>,
}

/// `unconfigured`: backends that the config does not have any more, of which nothing else is found.
fn compared<'a>(
    before: &[Vec<String>],
    found: &'a [Finding<'a>],
    unconfigured: &BTreeSet<String>,
) -> Compared<'a> {
    let then: BTreeSet<&[String]> = before.iter().map(Vec::as_slice).collect();
    let mut now: BTreeSet<Vec<String>> = BTreeSet::new();
    // One line of several that are named the same.
    let first = counted(found).filter(|finding| now.insert(named(finding)));
    let new = first.filter(|finding| !then.contains(named(finding).as_slice())).collect();
    // Of a kind of which nothing is known of a panel now nothing is over there.
    let unknown: BTreeSet<(&str, String)> = found
        .iter()
        .filter(|finding| finding.is_unknown())
        .map(|finding| (finding.what(), named(finding).swap_remove(2)))
        .collect();
    let gone = before.iter().filter(|one| one.len() == COLUMNS && !now.contains(*one));
    // That something was not known is no news once it is.
    let gone = gone.filter(|one| one[1] != "unknown");
    let (cannot_say, ended): (Vec<_>, Vec<_>) = gone.partition(|one| {
        unconfigured.contains(&one[2]) || unknown.contains(&(one[0].as_str(), one[2].clone()))
    });
    let ended = ended.into_iter().map(|one| (one[0].clone(), whom(one))).collect();
    Compared { new, ended, unknown: cannot_say.into_iter().cloned().collect() }
}

/// Whom something that was found is about, in words.
fn whom(one: &[String]) -> String {
    let [_, state, place, whom, service, meter] = one else { return one.join(" ") };
    let mut words = Vec::from([place.clone()]);
    words.extend((!whom.is_empty()).then(|| whom.clone()));
    words.extend((!service.is_empty()).then(|| format!("service {service}")));
    words.extend((!meter.is_empty()).then(|| meter.clone()));
    words.push(format!("({state})"));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: &'static str, account: Option<&'static str>, bytes: u64) -> Finding<'static> {
        let (backend, meter) = (Some("s3-fra1"), account.map(|_| "storage"));
        Finding { what: "unbilled", state, backend, account, meter, bytes: Some(bytes), ..Finding::default() }
    }

    fn names(new: &[&Finding<'_>]) -> Vec<String> {
        new.iter().map(|one| named(one)[3].clone()).collect()
    }

    #[test]
    fn what_grows_is_the_same_and_what_cannot_be_told_is_not_over() {
        let none = BTreeSet::new();
        let [alice, bob] = [finding("unmapped", Some("alice"), 5), finding("unmapped", Some("bob"), 5)];
        let then = [named(&alice), named(&bob)];
        let grown = [finding("unmapped", Some("alice"), 5_000_000), finding("unmapped", Some("carol"), 1)];
        let told = compared(&then, &grown, &none);
        assert_eq!(names(&told.new), ["carol"]);
        assert_eq!(told.ended, [("unbilled".to_string(), "s3-fra1 bob (unmapped)".to_string())]);
        // Her service was terminated: that is another matter than having none.
        let other = [finding("ended", Some("alice"), 5), bob.clone()];
        let told = compared(&then, &other, &none);
        assert_eq!((names(&told.new), told.ended.len()), (vec!["alice".to_string()], 1));

        // WHMCS has sent no list: nobody knows who is billed, and nobody is suddenly billed.
        let lost = [finding("unknown", None, 0)];
        let told = compared(&then, &lost, &none);
        assert_eq!((told.ended.len(), told.unknown.len(), told.new.len()), (0, 2, 1));
        // And once it is there again, what was found before is no news, and what is over meanwhile is.
        let carried: Vec<Vec<String>> = std::iter::once(named(&lost[0])).chain(told.unknown).collect();
        let back = [alice.clone()];
        let told = compared(&carried, &back, &none);
        assert_eq!((told.new.len(), told.unknown.len()), (0, 0));
        assert_eq!(told.ended, [("unbilled".to_string(), "s3-fra1 bob (unmapped)".to_string())]);
        // A panel that is stale has lines without meters: the same accounts, each once.
        let two = Finding { meter: Some("traffic_in"), ..alice.clone() };
        let both = [alice.clone(), two, bob.clone()];
        let stale = [finding("unmapped", Some("alice"), 0), finding("unmapped", Some("bob"), 0)];
        let stale = stale.map(|one| Finding { meter: None, bytes: None, ..one });
        let told = compared(&both.iter().map(named).collect::<Vec<_>>(), &stale, &none);
        assert_eq!((told.ended.len(), told.unknown.len(), told.new.len()), (0, 0, 0));
        assert_eq!(compared(&[], &both, &none).new.len(), 2);
        // Of a backend that is taken out of the config nothing is over.
        let out = BTreeSet::from(["s3-fra1".to_string()]);
        let told = compared(&then, &[], &out);
        assert_eq!((told.ended.len(), told.unknown.len()), (0, 2));
    }

    #[test]
    fn things_of_one_service_are_told_apart_and_a_total_that_fits_is_none() {
        let bucket = |name: &str| Finding {
            what: "unclaimed",
            state: "deleted",
            backend: Some("s3-fra1"),
            detail: Some(name.into()),
            ..Finding::default()
        };
        assert_ne!(named(&bucket("old")), named(&bucket("older")));
        let untold = |detail: &str| Finding { what: "untold", state: "closed", ..bucket(detail) };
        assert_ne!(named(&untold("2026-09: nothing of it")), named(&untold("2026-10: nothing of it")));
        assert_eq!(named(&untold("2026-09: nothing of it")), named(&untold("2026-09: too little")));
        let total = |state| Finding { what: "totals", state, backend: Some("s3-fra1"), ..Finding::default() };
        let (same, differs) = ([total("same")], [total("differs")]);
        assert!(compared(&[], &same, &BTreeSet::new()).new.is_empty());
        assert_eq!(compared(&[], &differs, &BTreeSet::new()).new.len(), 1);
    }

    #[test]
    fn who_came_and_went_is_told_by_who_was_there() {
        let of = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            Present::from([("s3-fra1".to_string(), names)])
        };
        let (then, now) = (of(&["alice", "bob"]), of(&["bob", "carol"]));
        assert_eq!(only_in(&now, &then)["s3-fra1"], ["carol"]);
        assert_eq!(only_in(&then, &now)["s3-fra1"], ["alice"]);
        // A backend that is new, or not read, is no crowd of accounts that came or went.
        assert!(only_in(&now, &Present::new()).is_empty() && only_in(&now, &now).is_empty());
    }
}
