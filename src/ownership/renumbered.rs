//! A list in which services have other numbers: WHMCS was installed anew, or another WHMCS sends its list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::domain::Service;

/// A service as it was known before a list.
#[derive(Clone, Debug)]
pub struct KnownService<'s> {
    /// Its number (`tblhosting.id`).
    pub id: i64,
    /// Its username; `None` where only a pin names the number.
    pub username: Option<&'s str>,
    /// Whether it was sold.
    pub is_live: bool,
    /// Whether it was reported on the list's own server.
    pub is_here: bool,
}

/// The services that own accounts and whose usernames a new list gives to services of other numbers: theirs and the new
/// ones. Who is still listed under his own number and name was not renumbered, also if his name is sold again.
pub fn renumbered<'s>(owning: impl Iterator<Item = &'s Service>, list: &[Service]) -> BTreeMap<i64, i64> {
    let numbers: HashMap<i64, &str> = list.iter().map(|one| (one.id, one.username.as_str())).collect();
    let living = list.iter().filter(|one| one.is_live());
    let names: HashMap<&str, i64> = living.map(|one| (one.username.as_str(), one.id)).collect();
    let moved = owning.filter_map(|service| {
        let new = *names.get(service.username.as_str())?;
        let kept = numbers.get(&service.id).is_some_and(|name| *name == service.username);
        (new != service.id && !kept).then_some((service.id, new))
    });
    moved.collect()
}

/// The numbers that the services of before have in a list that is the same services under other numbers: by name, the
/// living and the ended apart, and only where a name is one service's on both sides. Whoever of the server is not found
/// in it, and whoever's number is another's now, gets a number that WHMCS never gives, below zero: else somebody is
/// sold under it one day. To be applied all at once: numbers change places.
pub fn new_numbers(known: &[KnownService<'_>], list: &[Service]) -> BTreeMap<i64, i64> {
    let listed: HashMap<i64, &str> = list.iter().map(|one| (one.id, one.username.as_str())).collect();
    let is_kept = |one: &KnownService<'_>| {
        one.username.is_some_and(|name| listed.get(&one.id).is_some_and(|listed| *listed == name))
    };
    let kept: HashSet<i64> = known.iter().filter(|one| is_kept(one)).map(|one| one.id).collect();
    let old = known.iter().filter(|one| one.is_here && !kept.contains(&one.id));
    let old = once_named(old.filter_map(|one| Some(((one.username?, one.is_live), one.id))));
    let new = list.iter().filter(|one| !kept.contains(&one.id));
    let new = once_named(new.map(|one| ((one.username.as_str(), one.is_live()), one.id)));
    let found = old.iter().filter_map(|(name, id)| Some((*id, *new.get(name)?)));
    let mut numbers: BTreeMap<i64, i64> = found.filter(|(old, new)| old != new).collect();
    let any = !numbers.is_empty();
    let mut taken: BTreeSet<i64> = known.iter().map(|one| one.id).filter(|id| *id < 0).collect();
    let is_lost = |one: &&KnownService<'_>| listed.contains_key(&one.id) || (any && one.is_here);
    let lost = known.iter().filter(|one| one.id > 0 && !kept.contains(&one.id)).filter(is_lost);
    for one in lost {
        numbers.entry(one.id).or_insert_with(|| {
            let lowest = taken.first().map_or(-one.id, |lowest| lowest - 1);
            let aside = if taken.contains(&-one.id) { lowest } else { -one.id };
            taken.insert(aside);
            aside
        });
    }
    numbers
}

/// What is named once only.
fn once_named<'s>(named: impl Iterator<Item = ((&'s str, bool), i64)>) -> HashMap<(&'s str, bool), i64> {
    let mut found: HashMap<(&str, bool), Option<i64>> = HashMap::new();
    for (name, id) in named {
        found.entry(name).and_modify(|one| *one = None).or_insert(Some(id));
    }
    found.into_iter().filter_map(|(name, id)| Some((name, id?))).collect()
}
