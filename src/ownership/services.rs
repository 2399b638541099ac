//! The services of one WHMCS server, to find those that an account's name means.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{FoundBy, Service};

/// The services of one WHMCS server, as it sent them last.
#[derive(Clone, Debug, Default)]
pub struct Services {
    list: Vec<Service>,
    by_username: Names,
    by_domain: Names,
    by_id: BTreeMap<i64, usize>,
}

/// The services that an account of this name could be of, by their places in the list.
#[derive(Clone, Debug, Default)]
struct Names {
    exactly: HashMap<String, Vec<usize>>,
    loosely: HashMap<String, Vec<usize>>,
}

impl Names {
    fn add(&mut self, name: &str, by: FoundBy, index: usize) {
        self.exactly.entry(name.to_string()).or_default().push(index);
        self.loosely.entry(spelling(name, by)).or_default().push(index);
    }
}

/// How a name found a service, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// In another spelling: other capitals, blanks around it.
    Spelled,
    /// Notification by notification.
    Exact,
    /// By an operator's word.
    Pinned,
}

/// A name as people distinguish it: blanks around it and capitals do not count, nor whether a domain is written in
/// its own letters or as `xn--`.
fn spelling(name: &str, by: FoundBy) -> String {
    let plain = name.trim().to_lowercase();
    match by {
        FoundBy::Username => plain,
        FoundBy::Domain => {
            let domain = plain.trim_end_matches('.');
            idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_string())
        }
    }
}

impl Services {
    /// Puts a list in order to be searched.
    pub fn new(list: Vec<Service>) -> Services {
        let mut services = Services { list, ..Services::default() };
        for (index, service) in services.list.iter().enumerate() {
            services.by_id.insert(service.id, index);
            // A companion's username is the number of another service, and no account's name.
            if service.companion_of().is_none() {
                for (by, names) in [
                    (FoundBy::Username, &mut services.by_username),
                    (FoundBy::Domain, &mut services.by_domain),
                ] {
                    if let Some(name) = service.account_name(by) {
                        names.add(name, by, index);
                    }
                }
            }
        }
        services
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.list.iter()
    }

    /// The service with this number.
    pub fn by_id(&self, id: i64) -> Option<&Service> {
        self.by_id.get(&id).map(|index| &self.list[*index])
    }

    /// The living services that an account's name means: those that have it notification by notification, else in another
    /// spelling.
    pub fn living(&self, name: &str, by: FoundBy) -> Option<(Rank, Vec<&Service>)> {
        let names = self.names(by);
        let of = |found: Option<&Vec<usize>>| -> Vec<&Service> {
            let services = found.into_iter().flatten().map(|index| &self.list[*index]);
            services.filter(|service| service.is_live()).collect()
        };
        let exactly = of(names.exactly.get(name));
        if !exactly.is_empty() {
            return Some((Rank::Exact, exactly));
        }
        let loosely = of(names.loosely.get(&spelling(name, by)));
        (!loosely.is_empty()).then_some((Rank::Spelled, loosely))
    }

    /// The one service that has this name, living or not; a living one before those that ended.
    pub fn named(&self, name: &str, by: FoundBy) -> Option<&Service> {
        let names = self.names(by);
        let living = self.living(name, by).map(|(_, found)| found).unwrap_or_default();
        let found = match living.as_slice() {
            [] => names.exactly.get(name).or_else(|| names.loosely.get(&spelling(name, by)))?.as_slice(),
            [one] => return Some(one),
            _ => return None,
        };
        match found {
            [one] => Some(&self.list[*one]),
            _ => None,
        }
    }
    fn names(&self, by: FoundBy) -> &Names {
        match by {
            FoundBy::Username => &self.by_username,
            FoundBy::Domain => &self.by_domain,
        }
    }
}
