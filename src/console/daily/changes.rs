//! What has changed since the report before: what was found then and is not any more, what is new, who came and went, and
//! what was done.

use std::collections::{BTreeMap, BTreeSet};

use crate::console::findings::Finding;
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
    /// Of how much of what was found then it is not known whether it still is.
    pub unknown: usize,
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
    // A backend has several totals and an account several meters; a state that has changed is something new.
    Vec::from([what, state, place, whom, service, meter])
}

/// What has changed since a report.
pub(super) fn since<'a>(
    last: &StaffReport,
    found: &'a [Finding<'a>],
    overview: &Overview,
    acts: Vec<Audited>,
) -> Changes<'a> {
    let Compared { new, ended, unknown } = compared(&last.found, found);
    let (mut came, mut went): (BTreeMap<String, Vec<String>>, BTreeMap<String, Vec<String>>) =
        Default::default();
    for side in &overview.sides.panels {
        for (name, account) in side.accounts() {
            if account.first_seen > last.at {
                came.entry(side.name().into()).or_default().push(name.to_string());
            }
            if account.gone_at.is_some_and(|gone| gone > last.at) {
                went.entry(side.name().into()).or_default().push(name.to_string());
            }
        }
    }
    let count = acts.len();
    let acts: Vec<Audited> = acts.into_iter().rev().filter(|act| act.at > last.at).collect();
    let has_more_acts = count == super::MOST_ACTS && acts.len() == count;
    Changes { since: last.at, new, ended, unknown, came, went, acts, has_more_acts }
}

/// What was found then against what is found now.
#[derive(Debug)]
struct Compared<'a> {
    new: Vec<&'a Finding<'a>>,
    ended: Vec<(String, String)>,
    unknown: usize,
}

fn compared<'a>(before: &[Vec<String>], found: &'a [Finding<'a>]) -> Compared<'a> {
    let then: BTreeSet<&[String]> = before.iter().map(Vec::as_slice).collect();
    let now: BTreeSet<Vec<String>> = found.iter().map(named).collect();
    let new = found.iter().filter(|finding| !then.contains(named(finding).as_slice())).collect();
    // Of a kind of which nothing is known of a panel now nothing is over there.
    let unknown: BTreeSet<(&str, String)> = found
        .iter()
        .filter(|finding| finding.is_unknown())
        .map(|finding| (finding.what(), named(finding).swap_remove(2)))
        .collect();
    let gone = before.iter().filter(|one| one.len() == COLUMNS && !now.contains(*one));
    // That something was not known is no news once it is.
    let gone = gone.filter(|one| one[1] != "unknown");
    let (cannot_say, ended): (Vec<_>, Vec<_>) =
        gone.partition(|one| unknown.contains(&(one[0].as_str(), one[2].clone())));
    let ended = ended.into_iter().map(|one| (one[0].clone(), whom(one))).collect();
    Compared { new, ended, unknown: cannot_say.len() }
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
        let [alice, bob] = [finding("unmapped", Some("alice"), 5), finding("unmapped", Some("bob"), 5)];
        let then = [named(&alice), named(&bob)];
        let grown = [finding("unmapped", Some("alice"), 5_000_000), finding("unmapped", Some("carol"), 1)];
        let told = compared(&then, &grown);
        assert_eq!(names(&told.new), ["carol"]);
        assert_eq!(told.ended, [("unbilled".to_string(), "s3-fra1 bob storage (unmapped)".to_string())]);
        // Her service was terminated: that is another matter than having none.
        let other = [finding("ended", Some("alice"), 5), bob.clone()];
        let told = compared(&then, &other);
        assert_eq!((names(&told.new), told.ended.len()), (vec!["alice".to_string()], 1));

        // WHMCS has sent no list: nobody knows who is billed, and nobody is suddenly billed.
        let lost = [finding("unknown", None, 0)];
        let told = compared(&then, &lost);
        assert_eq!((told.ended.len(), told.unknown, told.new.len()), (0, 2, 1));
        // And once it is there again, that it was not known is nothing that is over.
        let back = [alice, bob];
        let told = compared(&[named(&lost[0])], &back);
        assert_eq!((told.ended.len(), told.unknown, told.new.len()), (0, 0, 2));
    }
}
