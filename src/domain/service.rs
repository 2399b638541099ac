//! What WHMCS sells: a service, and which one an account belongs to.

use std::collections::{BTreeMap, HashMap};

use litemap::LiteMap;

use super::{AccountName, Limit, Meter};

/// One service, as WHMCS tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `tblhosting.id`.
    pub id: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// Its username: the account on the panel.
    pub username: String,
    /// Its domain.
    pub domain: Option<String>,
    /// The product's name.
    pub product: Option<String>,
    /// What the product's module calls its plan.
    pub package: Option<String>,
    /// `Pending`, `Active`, `Suspended`, `Terminated`, `Cancelled`, `Fraud` or `Completed`.
    pub status: String,
    /// Its limits; of an absent meter it says nothing.
    pub limits: LiteMap<Meter, Limit>,
    /// The template of its notices, where the product names one.
    pub notify_template: Option<String>,
    /// The template that says it was limited.
    pub limited_template: Option<String>,
}

impl Service {
    /// What was sold of a meter.
    pub fn limit(&self, meter: Meter) -> Limit {
        self.limits.get(&meter).copied().unwrap_or_default()
    }

    /// Whether somebody pays for it now, so that there should be an account.
    pub fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "Active" | "Suspended")
    }

    /// Whether there should be an account of its own. A companion has none: it is the service it stands for
    /// that must have one.
    pub fn wants_account(&self) -> bool {
        self.is_live() && self.companion_of().is_none()
    }

    /// The service it stands for, if it is a companion: one named `whm-7731` carries the metrics of service
    /// 7731, whose own module can carry none.
    pub fn companion_of(&self) -> Option<i64> {
        let id = self.username.strip_prefix("whm-")?;
        id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok())?
    }
}

/// How an account came to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mapping {
    /// By its name.
    Mapped,
    /// By an operator's word.
    Pinned,
    /// There is none: its usage is billed to nobody.
    Unmapped,
    /// Several could be meant: its usage is billed to nobody until somebody says which.
    Ambiguous,
}

impl Mapping {
    /// Every way.
    pub const ALL: [Mapping; 4] = [Mapping::Mapped, Mapping::Pinned, Mapping::Unmapped, Mapping::Ambiguous];

    /// Its name in the database, in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Mapping::Mapped => "mapped",
            Mapping::Pinned => "pinned",
            Mapping::Unmapped => "unmapped",
            Mapping::Ambiguous => "ambiguous",
        }
    }
}

/// The services of one WHMCS server, to find accounts' services in.
#[derive(Clone, Debug, Default)]
pub struct Services {
    list: Vec<Service>,
    exactly: HashMap<String, Vec<usize>>,
    loosely: HashMap<String, Vec<usize>>,
    by_id: BTreeMap<i64, usize>,
}

impl Services {
    /// Puts a list in order to be searched.
    pub fn new(list: Vec<Service>) -> Services {
        let mut services = Services { list, ..Services::default() };
        for (index, service) in services.list.iter().enumerate() {
            services.exactly.entry(service.username.clone()).or_default().push(index);
            services.loosely.entry(service.username.to_lowercase()).or_default().push(index);
            services.by_id.insert(service.id, index);
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

    /// The service of an account: the one that was pinned to it, else the one that has its name, in WHMCS's
    /// spelling or, where that is not to be found, whatever the case of its letters. Of several the living
    /// ones count.
    pub fn find(&self, account: &AccountName, pinned: Option<i64>) -> (Mapping, Option<&Service>) {
        if let Some(service) = pinned.and_then(|id| self.by_id(id)) {
            return (Mapping::Pinned, Some(service));
        }
        let name = account.as_str();
        let found = self.exactly.get(name).or_else(|| self.loosely.get(&name.to_lowercase()));
        let Some(found) = found else { return (Mapping::Unmapped, None) };
        let live: Vec<usize> = found.iter().copied().filter(|index| self.list[*index].is_live()).collect();
        let found = if live.is_empty() { found } else { &live };
        match found.as_slice() {
            [one] => (Mapping::Mapped, Some(&self.list[*one])),
            _ => (Mapping::Ambiguous, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(id: i64, username: &str, status: &str) -> Service {
        Service {
            id,
            client: 1,
            username: username.into(),
            domain: None,
            product: None,
            package: None,
            status: status.into(),
            limits: LiteMap::new(),
            notify_template: None,
            limited_template: None,
        }
    }

    fn found(services: &Services, name: &str, pinned: Option<i64>) -> (Mapping, Option<i64>) {
        let (mapping, service) = services.find(&AccountName::new(name).expect("valid"), pinned);
        (mapping, service.map(|service| service.id))
    }

    #[test]
    fn the_name_decides_then_its_spelling_then_who_is_alive_and_a_pin_before_all() {
        let services = Services::new(vec![
            service(1, "alice", "Active"),
            service(2, "Alice", "Active"),
            service(3, "Bob", "Active"),
            service(4, "carol", "Terminated"),
            service(5, "carol", "Suspended"),
            service(6, "dave", "Active"),
            service(7, "dave", "Active"),
        ]);
        assert_eq!(found(&services, "alice", None), (Mapping::Mapped, Some(1)));
        assert_eq!(found(&services, "Alice", None), (Mapping::Mapped, Some(2)));
        assert_eq!(found(&services, "ALICE", None), (Mapping::Ambiguous, None));
        assert_eq!(found(&services, "bob", None), (Mapping::Mapped, Some(3)));
        assert_eq!(found(&services, "carol", None), (Mapping::Mapped, Some(5)));
        assert_eq!(found(&services, "dave", None), (Mapping::Ambiguous, None));
        assert_eq!(found(&services, "dave", Some(7)), (Mapping::Pinned, Some(7)));
        assert_eq!(found(&services, "eve", Some(99)), (Mapping::Unmapped, None), "the pinned one is gone");
    }
}
