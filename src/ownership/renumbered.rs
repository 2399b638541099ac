//! A list in which services have other numbers: WHMCS was installed anew, or another WHMCS tells its list.

use std::collections::{BTreeMap, HashMap};

use crate::domain::Service;

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
