//! What a poll says of the accounts themselves: who is new, who changed, who came or went.

use std::collections::BTreeMap;

use litemap::LiteMap;

use super::AccountStanding;
use super::book::Loaded;
use super::commit::{Poll, Reach};
use crate::domain::{AccountName, Harvested, Policy, Timestamp};

/// The accounts whose own row changes: new ones, those whose facts differ, those that came or went.
pub(super) fn changed_accounts(loaded: &Loaded, poll: &Poll<'_>) -> BTreeMap<AccountName, AccountStanding> {
    let mut changed = BTreeMap::new();
    for (name, harvested) in poll.harvest.accounts() {
        let known = loaded.accounts.get(name).map(|known| &known.standing);
        if known.is_some() && poll.reach == Reach::History {
            continue;
        }
        let limits = poll.judged.limits.get(name).or(known.map(|known| &known.limits));
        let wanted = loaded.holds.get(name).map(|hold| hold.wanted);
        let ours =
            wanted == Some(Policy::Limited) || harvested.unread.iter().any(|unread| unread.meter.is_none());
        let mapped = poll.judged.mapped.get(name).or(known.and_then(|known| known.mapped.as_ref()));
        let now = AccountStanding {
            mapped: mapped.cloned(),
            // What we have not limited is not limited by us, also where the panel shows neither policy.
            policy: harvested.facts.policy.or((!ours).then_some(Policy::Standard)),
            limits: limits.cloned().unwrap_or_default(),
            ..seen(known, harvested, poll.at)
        };
        if known != Some(&now) {
            changed.insert(name.clone(), now);
        }
    }
    if poll.harvest.is_complete() && poll.reach == Reach::Everybody {
        for (name, known) in &loaded.accounts {
            if known.standing.gone_at.is_none() && !poll.harvest.accounts().contains_key(name) {
                let gone = AccountStanding { gone_at: Some(poll.at), ..known.standing.clone() };
                changed.insert(name.clone(), gone);
            }
        }
    }
    changed
}

fn seen(known: Option<&AccountStanding>, harvested: &Harvested, at: Timestamp) -> AccountStanding {
    let facts = &harvested.facts;
    let trouble = harvested.unread.first().map(|unread| {
        let since = known.and_then(|known| known.trouble.as_ref()).map_or(at, |(_, since)| *since);
        (unread.reason.name().to_string(), since)
    });
    AccountStanding {
        first_seen: known.map_or(at, |known| known.first_seen),
        gone_at: None,
        back_at: known.and_then(|known| known.gone_at.map(|_| at).or(known.back_at)),
        // What the panel did not say this time is kept: it is unknown, not withdrawn.
        suspended: facts.suspended.or(known.and_then(|known| known.suspended)),
        policy: facts.policy,
        package: facts.package.clone().or_else(|| known.and_then(|known| known.package.clone())),
        domain: facts.domain.clone().or_else(|| known.and_then(|known| known.domain.clone())),
        storage_limit: facts.storage_limit,
        trouble,
        limits: LiteMap::new(),
        mapped: None,
        series: Vec::new(),
    }
}
