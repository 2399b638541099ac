//! Whose an account is said to be: the lists WHMCS told, and what operators pinned.

use std::collections::BTreeMap;

use super::whmcs::Service;

/// What is known of services.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    services: BTreeMap<i64, Known>,
    /// The servers of which a list was told.
    told: BTreeMap<i64, i64>,
    /// Backend and account name: the service.
    pins: BTreeMap<(usize, String), i64>,
}

/// A service as the last list that had it told it.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it was told.
    pub service: Service,
    /// When a list had it first.
    pub first_listed: i64,
    /// Whether the last list of its server has it.
    pub is_listed: bool,
}

impl Known {
    /// Whether it can take accounts, and is told of.
    pub fn is_living(&self) -> bool {
        self.is_listed && self.service.is_living()
    }
}

/// Who says that an account is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No living service.
    None,
    /// This one.
    Service(i64),
    /// More than one.
    Several(Vec<i64>),
}

impl Claims {
    /// Takes in a list; says whether it is the first of its server.
    pub fn listed(&mut self, server: i64, list: &[Service], at: i64) -> bool {
        for known in self.services.values_mut().filter(|known| known.service.server == server) {
            known.is_listed = false;
        }
        for service in list {
            let known = self.services.entry(service.id).or_insert_with(|| Known {
                service: service.clone(),
                first_listed: at,
                is_listed: true,
            });
            known.service.clone_from(service);
            known.is_listed = true;
        }
        self.told.insert(server, at).is_none()
    }

    /// Takes in an operator's word.
    pub fn pinned(&mut self, backend: usize, name: &str, service: Option<i64>) {
        let key = (backend, name.to_owned());
        match service {
            Some(service) => drop(self.pins.insert(key, service)),
            None => drop(self.pins.remove(&key)),
        }
    }

    /// Whether anything is known of a server's services.
    pub fn knows(&self, server: i64) -> bool {
        self.told.contains_key(&server)
    }

    /// A service that some list had.
    pub fn service(&self, id: i64) -> Option<&Known> {
        self.services.get(&id)
    }

    /// The services that a server's last list has.
    pub fn on(&self, server: i64) -> impl Iterator<Item = &Known> {
        self.services.values().filter(move |known| known.is_listed && known.service.server == server)
    }

    /// Whether a living companion stands for a service, on whatever server.
    pub fn has_companion(&self, id: i64) -> bool {
        self.services.values().any(|known| known.is_living() && known.service.parent() == Some(id))
    }

    /// Whether a living companion that this server lists stands for a service.
    pub fn has_companion_on(&self, server: i64, id: i64) -> bool {
        self.on(server).any(|known| known.is_living() && known.service.parent() == Some(id))
    }

    /// Whether an account is pinned to this service.
    pub fn is_pinned(&self, backend: usize, name: &str, service: i64) -> bool {
        self.pins.get(&(backend, name.to_owned())) == Some(&service)
    }

    /// Who claims an account: the service it is pinned to, else those of its name, else those whose name differs
    /// in nothing but the case of its letters. Only the living claim.
    pub fn of(&self, server: i64, backend: usize, name: &str) -> Claim {
        let pinned = self.pins.get(&(backend, name.to_owned())).and_then(|id| self.services.get(id));
        // Of a service that is on another server by now the operator has said nothing.
        let is_there =
            |known: &&Known| known.is_living() && known.is_listed && known.service.server == server;
        if let Some(known) = pinned.filter(is_there) {
            return Claim::Service(known.service.id);
        }
        let called = |same: &dyn Fn(&str) -> bool| -> Vec<i64> {
            let living = self.on(server).filter(|known| known.is_living());
            living.filter(|known| same(&known.service.username)).map(|known| known.service.id).collect()
        };
        let mut found = called(&|username| username == name);
        if found.is_empty() {
            found = called(&|username| username.to_lowercase() == name.to_lowercase());
        }
        match found.as_slice() {
            [] => Claim::None,
            [one] => Claim::Service(*one),
            _ => Claim::Several(found),
        }
    }
}
