//! The services of one WHMCS server, to find those that an account's name means.

use std::collections::{BTreeMap, HashMap};

use crate::domain::Service;

/// The services of one WHMCS server, as it sent them last.
#[derive(Clone, Debug, Default)]
pub struct Services {
    list: Vec<Service>,
    exactly: HashMap<String, Vec<usize>>,
    loosely: HashMap<String, Vec<usize>>,
    by_id: BTreeMap<i64, usize>,
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

/// A name as people distinguish it: blanks around it and capitals do not count.
fn spelling(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Services {
    /// Puts a list in order to be searched.
    pub fn new(list: Vec<Service>) -> Services {
        let mut services = Services { list, ..Services::default() };
        for (index, service) in services.list.iter().enumerate() {
            services.by_id.insert(service.id, index);
            // A companion's username is the number of another service, and no account's name.
            if service.companion_of().is_none() {
                services.exactly.entry(service.username.clone()).or_default().push(index);
                services.loosely.entry(spelling(&service.username)).or_default().push(index);
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

    /// The living services that a name means: those that have it notification by notification, else in another
    /// spelling.
    pub fn living(&self, name: &str) -> Option<(Rank, Vec<&Service>)> {
        let of = |found: Option<&Vec<usize>>| -> Vec<&Service> {
            let services = found.into_iter().flatten().map(|index| &self.list[*index]);
            services.filter(|service| service.is_live()).collect()
        };
        let exactly = of(self.exactly.get(name));
        if !exactly.is_empty() {
            return Some((Rank::Exact, exactly));
        }
        let loosely = of(self.loosely.get(&spelling(name)));
        (!loosely.is_empty()).then_some((Rank::Spelled, loosely))
    }

    /// The one service that has this name, living or not; a living one before those that ended.
    pub fn named(&self, name: &str) -> Option<&Service> {
        let living = self.living(name).map(|(_, found)| found).unwrap_or_default();
        let found = match living.as_slice() {
            [] => self.exactly.get(name).or_else(|| self.loosely.get(&spelling(name)))?.as_slice(),
            [one] => return Some(one),
            _ => return None,
        };
        match found {
            [one] => Some(&self.list[*one]),
            _ => None,
        }
    }
}
