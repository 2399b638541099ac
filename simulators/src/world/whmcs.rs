//! WHMCS as it stands: its services. What it tells the meter of them is a list of each server's.

use std::collections::BTreeMap;

use super::story::What;

/// The services WHMCS has.
#[derive(Clone, Debug, Default)]
pub struct Whmcs(BTreeMap<i64, Service>);

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `tblhosting.id`.
    pub id: i64,
    /// The server it is on.
    pub server: i64,
    /// Its username.
    pub username: String,
    /// `Active`, `Suspended`, `Terminated` or `Cancelled`.
    pub status: String,
    /// When it was registered, in epoch seconds, where lists tell the day.
    pub registered: Option<i64>,
}

impl Service {
    /// The service it stands for, where it is a companion.
    pub fn parent(&self) -> Option<i64> {
        self.username.strip_prefix("whm-")?.parse().ok()
    }

    /// Whether somebody pays for it now.
    pub fn is_living(&self) -> bool {
        matches!(self.status.as_str(), "Active" | "Suspended")
    }
}

impl Whmcs {
    /// Takes in what happens at `at`.
    pub fn happens(&mut self, at: i64, what: &What) {
        match what {
            What::Ordered { service, server, username, tells_day } => {
                self.0.entry(*service).or_insert_with(|| Service {
                    id: *service,
                    server: *server,
                    username: username.clone(),
                    status: "Active".into(),
                    registered: tells_day.then_some(at),
                });
            }
            What::Status { service, status } => {
                self.change(*service, |found| found.status.clone_from(status));
            }
            What::Username { service, username } => {
                self.change(*service, |found| found.username.clone_from(username));
            }
            What::Rehomed { service, server } => self.change(*service, |found| found.server = *server),
            What::Erased { service } => {
                self.0.remove(service);
            }
            _ => {}
        }
    }

    /// What it tells of a server's services.
    pub fn list(&self, server: i64) -> Vec<Service> {
        self.0.values().filter(|service| service.server == server).cloned().collect()
    }

    fn change(&mut self, service: i64, change: impl FnOnce(&mut Service)) {
        if let Some(found) = self.0.get_mut(&service) {
            change(found);
        }
    }
}
