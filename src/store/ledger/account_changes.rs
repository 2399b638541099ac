//! What a poll says of the accounts themselves: who is new, whose facts changed, who came or went.

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;

use super::commit::{Poll, Reach};
use super::load::Loaded;
use crate::domain::{Facts, Harvested, LifeNo, Policy, Timestamp};
use crate::metering::{Book, LifeEvent, OwnerChange};
use crate::standing::AccountStanding;

/// Characters of a text in the row of an account.
const LONGEST_TEXT: usize = 255;

/// The lives whose own row changes: new ones, those whose facts differ, those that came or went. `after` is the
/// book as the poll leaves it.
pub(super) fn changed_lives(
    loaded: &Loaded,
    after: &Book,
    poll: &Poll<'_>,
) -> BTreeMap<LifeNo, AccountStanding> {
    let mut changed = BTreeMap::new();
    for (name, harvested) in poll.harvest.accounts() {
        let Some(no) = after.names.get(name).copied() else { continue };
        let known = loaded.facts.get(&no);
        if known.is_some() && poll.reach == Reach::History {
            continue;
        }
        let limits = poll.judged.limits.get(name).or(known.map(|known| &known.limits));
        // Whose limits were looked at shares what is shared now, and nothing where nothing is.
        let together = match poll.judged.limits.contains_key(name) {
            true => poll.judged.together.get(name),
            false => known.map(|known| &known.together),
        };
        let wanted = loaded.holds.get(name).map(|hold| hold.wanted);
        let ours =
            wanted == Some(Policy::Limited) || harvested.unread.iter().any(|unread| unread.meter.is_none());
        let mapped = poll.judged.mapped.get(name).or(known.and_then(|known| known.mapped.as_ref()));
        let now = AccountStanding {
            mapped: mapped.cloned(),
            // What we have not limited is not limited by us, also where the panel shows neither policy.
            policy: harvested.facts.policy.or((!ours).then_some(Policy::Standard)),
            limits: limits.cloned().unwrap_or_default(),
            together: together.cloned().unwrap_or_default(),
            ..seen(known, harvested, poll.at)
        };
        if known != Some(&now) {
            changed.insert(no, now);
        }
    }
    // Of accounts that are not in the list WHMCS may have listed something all the same.
    for (name, mapped) in &poll.judged.mapped {
        let Some(no) = after.names.get(name).copied() else { continue };
        if let Some(known) = loaded.facts.get(&no)
            && !poll.harvest.accounts().contains_key(name)
            && known.mapped.as_ref() != Some(mapped)
        {
            changed.insert(no, AccountStanding { mapped: Some(mapped.clone()), ..known.clone() });
        }
    }
    for no in touched(loaded, after, poll) {
        if let Some(known) = loaded.facts.get(&no) {
            changed.entry(no).or_insert_with(|| known.clone());
        }
    }
    for (no, account) in &mut changed {
        if let Some(life) = after.lives.get(no) {
            (account.life, account.nth, account.first_seen) = (*no, life.nth, life.born);
            account.missing_since = life.absence.map(|absence| absence.since);
            account.gone_at = life.ended;
        }
    }
    changed
}

/// The lives something became of, or whose owner changed.
fn touched(loaded: &Loaded, after: &Book, poll: &Poll<'_>) -> BTreeSet<LifeNo> {
    let mut touched: BTreeSet<LifeNo> = BTreeSet::new();
    for change in &poll.settled.lives {
        touched.insert(change.life);
        if let LifeEvent::Born { name, .. } | LifeEvent::Renamed(name) = &change.event {
            // Whoever had the name until now is called otherwise.
            touched.extend(loaded.book.names.get(name));
        }
        if let LifeEvent::Renamed(_) = &change.event {
            // The name it leaves means whoever had it before.
            let left = loaded.book.lives.get(&change.life).map(|life| &life.name);
            touched.extend(left.and_then(|left| after.names.get(left)));
        }
    }
    for change in &poll.settled.owners {
        let (OwnerChange::Opened { life, .. } | OwnerChange::Parted { life, .. }) = change;
        touched.insert(*life);
    }
    touched
}

fn seen(known: Option<&AccountStanding>, harvested: &Harvested, at: Timestamp) -> AccountStanding {
    let facts = &harvested.facts;
    let trouble = harvested.unread.first().map(|unread| {
        let since = known.and_then(|known| known.trouble.as_ref()).map_or(at, |(_, since)| *since);
        (unread.reason.name().to_string(), since)
    });
    AccountStanding {
        life: known.map_or(LifeNo::default(), |known| known.life),
        nth: known.map_or(1, |known| known.nth),
        first_seen: known.map_or(at, |known| known.first_seen),
        missing_since: None,
        gone_at: None,
        // What the panel did not say this time is kept: it is unknown, not withdrawn.
        suspended: facts.suspended.or(known.and_then(|known| known.suspended)),
        suspended_for: suspended_for(facts, known),
        policy: facts.policy,
        package: kept(&facts.package, known.and_then(|known| known.package.as_ref())),
        domain: kept(&facts.domain, known.and_then(|known| known.domain.as_ref())),
        reseller: kept(&facts.reseller, known.and_then(|known| known.reseller.as_ref())),
        storage_limit: facts.storage_limit,
        traffic_limit: facts.traffic_limit,
        trouble,
        limits: LiteMap::new(),
        together: LiteMap::new(),
        owner: known.map(|known| known.owner.clone()).unwrap_or_default(),
        mapped: None,
        series: Vec::new(),
        shares: Vec::new(),
    }
}

/// Why it is switched off, if it is: of one that is switched on again no reason is left.
fn suspended_for(facts: &Facts, known: Option<&AccountStanding>) -> Option<String> {
    match facts.suspended {
        Some(true) => facts.suspended_for.as_deref().map(storable),
        Some(false) => None,
        None => known.and_then(|known| known.suspended_for.clone()),
    }
}

/// What the panel says, else what it said last.
fn kept(said: &Option<String>, known: Option<&String>) -> Option<String> {
    said.as_deref().map(storable).or_else(|| known.cloned())
}

/// A text as every database keeps it: a panel's text may be of any length and hold anything, and must not make the
/// commit of a whole poll fail.
fn storable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(LONGEST_TEXT).collect()
}
