//! Who may be adopted: an account that is on its panel and that certainly no service pays for.

use crate::backends::ConfiguredPanel;
use crate::domain::{AccountKey, AccountName, Addon, FoundBy, Owner, Seconds, Service, Timestamp};
use crate::standing::AccountStanding;
use crate::store::{Loaded, PinnedTo, ServiceList, Store, StoreError};

use super::Terms;

/// One backend with all that is known of whom its accounts belong to.
pub(super) struct BothSides<'a> {
    pub panel: &'a ConfiguredPanel,
    /// `tblservers.id`.
    pub server: i64,
    pub loaded: Loaded,
    list: std::sync::Arc<ServiceList>,
    pins: std::collections::HashMap<AccountName, PinnedTo>,
}

impl<'a> BothSides<'a> {
    /// Loads both sides; `Err` is why nothing on this backend can be adopted, because it is unknown who pays for what.
    pub async fn load(
        store: &Store,
        terms: &Terms,
        panel: &'a ConfiguredPanel,
        now: Timestamp,
    ) -> Result<Result<BothSides<'a>, String>, StoreError> {
        let id = &panel.id;
        let Some(server) = panel.whmcs_server else {
            return Ok(Err(format!(
                "the config gives no whmcs_server for {id}: it is unknown where its services are sold"
            )));
        };
        if terms.companion_servers.contains(&server) {
            return Ok(Err(format!(
                "server {server} of {id} is one of companion_servers: its services stand beside those of other servers and \
                 have no accounts of their own"
            )));
        }
        if store.held_lists().await?.contains_key(&server) {
            return Ok(Err(format!(
                "the services of server {server} are held back, because too many of them have other numbers: `whmeter accept` \
                 says what they are; until then it is unknown who pays for what"
            )));
        }
        let is_old = |at: Timestamp| now.since(at) > terms.max_age;
        let list = match store.services(server).await? {
            Some(list) if is_old(list.listed_at) => {
                return Ok(Err(format!(
                    "WHMCS sent the services of server {server} last at {}, which is older than max_age: it is unknown who pays \
                     for what now; see to it that WHMCS's cron runs and its module reaches whmeter",
                    list.listed_at
                )));
            }
            Some(list) => list,
            None => {
                return Ok(Err(format!(
                    "WHMCS has not sent the services of server {server} yet: it is unknown who pays for what; install its hook file"
                )));
            }
        };
        let states = store.backends().await?;
        let polled = states.iter().find(|state| state.backend == *id).and_then(|state| state.succeeded_at);
        match polled {
            None => return Ok(Err(format!("{id} was never polled: it is unknown who is on it"))),
            Some(at) if is_old(at) => {
                return Ok(Err(format!(
                    "{id} was polled last at {at}, which is older than max_age: it is unknown who is on it now; `whmeter poll` \
                     says why"
                )));
            }
            Some(_) => {}
        }
        let loaded = store.load(id, None).await?;
        let pins = store.pinned_services(id).await?;
        Ok(Ok(BothSides { panel, server, loaded, list, pins }))
    }

    /// The accounts of a package that no living service is known to pay for, by name: whether each may be adopted is for
    /// [`BothSides::candidate`] to say.
    pub fn of_package(&self, package: &str) -> Vec<AccountKey> {
        let of_it = self
            .loaded
            .present()
            .filter(|(name, _, facts)| facts.package.as_deref() == Some(package) && self.panel.wants(name));
        let is_paid = |owner: &Owner| {
            let sold = owner.service().and_then(|service| self.list.services.by_id(service));
            sold.is_some_and(Service::is_live)
        };
        let unpaid = of_it.filter(|(_, life, _)| life.is_present() && !is_paid(life.owner()));
        let mut names: Vec<AccountName> = unpaid.map(|(name, ..)| name.clone()).collect();
        names.sort_unstable();
        names.into_iter().map(|name| AccountKey { backend: self.panel.id.clone(), name }).collect()
    }

    /// What of the server is paid for as an add-on of which it is not known whose account it is.
    pub fn unknown_addons(&self) -> Option<String> {
        let is_unknown = |addon: &&Addon| {
            let username = addon.username.as_deref().unwrap_or_default().trim();
            is_sold(addon) && (username.is_empty() || self.panel.kind.found_by != FoundBy::Username)
        };
        let unknown: Vec<String> = self.list.addons.iter().filter(is_unknown).map(in_words).collect();
        let first = unknown.first()?;
        let more = match unknown.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "server {} runs {first}{more}: which account that pays for is not known here",
            self.server
        ))
    }

    /// How the account stands, or why it may not be adopted. `over`: a service that it was adopted by and that is over.
    pub fn candidate(&self, name: &AccountName, over: Option<i64>) -> Result<&AccountStanding, String> {
        let (loaded, id) = (&self.loaded, &self.panel.id);
        let found = loaded.book.life(name).zip(loaded.facts(name));
        let (life, facts) = found.ok_or_else(|| {
            format!(
                "no account {:?} was ever seen on {id}; `whmeter usage --backend {id}` lists them",
                name.as_str()
            )
        })?;
        if !self.panel.wants(name) {
            return Err(format!(
                "the config excludes {name} from {id}: it is not metered, and not to be billed"
            ));
        }
        if !life.is_present() {
            return Err(format!("{name} is not in the newest list of {id}: there is nothing to be paid for"));
        }
        match life.owner() {
            Owner::Unowned => {}
            Owner::Service(service) => {
                let sold = self.list.services.by_id(*service);
                let status =
                    sold.map_or("not among the services of its server any more", |sold| sold.status.as_str());
                return Err(match sold.is_some_and(Service::is_live) {
                    true => format!("{name} belongs to service {service} already"),
                    false => format!(
                        "{name} belongs to service {service}, which is {status}: end the account on the panel, sell the service \
                         again, or say by `whmeter map set` whose it is"
                    ),
                });
            }
            Owner::Name { .. } => {
                return Err(format!(
                    "{name} was not polled since WHMCS sent the services of its server: poll {id} first"
                ));
            }
        }
        match self.claimed_by(name, life.nth, over) {
            Some(why) => Err(why),
            None => Ok(facts),
        }
    }

    /// What of the server's list the account may already be paid by, besides the service `own`.
    fn claimed_by(&self, name: &AccountName, nth: u32, own: Option<i64>) -> Option<String> {
        let pin = self.pins.get(name).filter(|pin| pin.nth == Some(nth) && Some(pin.service) != own);
        if let Some(PinnedTo { service, .. }) = pin {
            return Some(format!(
                "{name} is mapped by hand to service {service}: it belongs to it from the first poll after WHMCS lists that \
                 service as sold here; `whmeter map unset` takes that back"
            ));
        }
        let by = self.panel.kind.found_by;
        let services = &self.list.services;
        let living = services.living(name.as_str(), by).map(|(_, found)| found).unwrap_or_default();
        let ids = living.iter().map(|service| service.id).filter(|id| Some(*id) != own);
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        if !ids.is_empty() {
            return Some(format!(
                "service {} of server {} has its name: whose the account is, is said by the next poll, by `whmeter map set`, or by \
                 another name for the service in WHMCS",
                ids.join(" and "),
                self.server
            ));
        }
        let is_its = |addon: &&Addon| {
            let username = addon.username.as_deref().unwrap_or_default();
            is_sold(addon) && by == FoundBy::Username && username.trim().eq_ignore_ascii_case(name.as_str())
        };
        if let Some(addon) = self.list.addons.iter().find(is_its) {
            return Some(format!(
                "{} has its name: the account is sold as an add-on; sell it as a service in place of that where its usage is to \
                 be billed",
                in_words(addon)
            ));
        }
        let waiting = services.iter().find(|service| {
            service.status == "Pending"
                && Some(service.id) != own
                && service.account_name(by).is_some_and(|own| own.trim().eq_ignore_ascii_case(name.as_str()))
        });
        waiting.map(|service| {
            format!(
                "service {} of server {} has its name and is Pending: accept its order in WHMCS",
                service.id, self.server
            )
        })
    }

    /// Whether a service that the account was adopted by is over, as far as WHMCS has sent it.
    pub fn is_over(&self, service: i64) -> bool {
        match self.list.services.by_id(service) {
            Some(sold) => !sold.is_live() && sold.status != "Pending",
            None => self.list.former.contains_key(&service),
        }
    }

    /// Why an adoption that has begun is not to be gone on with: the account is gone, or another's than the service that
    /// was made for it.
    pub fn no_more_to_adopt(&self, name: &AccountName, own: Option<i64>) -> Option<String> {
        let Some(life) = self.loaded.book.life(name).filter(|life| life.is_present()) else {
            return Some("the account is not in the newest list of its panel".into());
        };
        match life.owner().service().filter(|owner| Some(*owner) != own) {
            Some(owner) => Some(format!("the account belongs to service {owner} by now")),
            None => self.claimed_by(name, life.nth, own),
        }
    }

    /// Another account that a name stands for, in whatever spelling.
    pub fn another(&self, account: &AccountName, username: &str) -> Option<&AccountName> {
        let mut others = self.loaded.present().map(|(name, ..)| name).filter(|name| *name != account);
        others.find(|name| name.as_str().eq_ignore_ascii_case(username))
    }

    /// The packages that accounts on the panel have.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.loaded.present().filter_map(|(_, _, facts)| facts.package.as_deref())
    }

    /// Whether an account belongs to a service, as the newest poll found it.
    pub fn belongs_to(&self, name: &AccountName, service: i64) -> bool {
        self.loaded.book.life(name).is_some_and(|life| life.owner().service() == Some(service))
    }
}

/// Whether an add-on is paid for, or about to be.
fn is_sold(addon: &Addon) -> bool {
    matches!(addon.status.as_str(), "Active" | "Suspended" | "Pending")
}

fn in_words(addon: &Addon) -> String {
    format!(
        "add-on {} of service {} ({}, {})",
        addon.id,
        addon.service,
        addon.name.as_deref().unwrap_or("without a name"),
        addon.status
    )
}

/// How long after it began an order has ended, one way or the other.
pub(super) const ENDED_AFTER: Seconds = Seconds::new(300);
