//! Who may be adopted: an account that is on its panel and that certainly no service pays for.

use crate::backends::ConfiguredPanel;
use crate::domain::{AccountKey, AccountName, Owner, Seconds, Service, Timestamp};
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

    /// The accounts of a package that may be adopted, by name.
    pub fn of_package(&self, package: &str) -> Vec<AccountKey> {
        let of_it = self
            .loaded
            .present()
            .filter(|(name, _, facts)| facts.package.as_deref() == Some(package) && self.panel.wants(name));
        let unpaid = of_it.filter(|(_, life, _)| life.is_present() && *life.owner() == Owner::Unowned);
        let mut names: Vec<AccountName> = unpaid.map(|(name, ..)| name.clone()).collect();
        names.sort_unstable();
        names.into_iter().map(|name| AccountKey { backend: self.panel.id.clone(), name }).collect()
    }

    /// How the account stands, or why it may not be adopted.
    pub fn candidate(&self, name: &AccountName) -> Result<&AccountStanding, String> {
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
                let sold = self.list.ever_listed(*service);
                let status = sold.map_or("not on its server", |sold| sold.status.as_str());
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
        match self.claimed_by(name, life.nth) {
            Some(why) => Err(why),
            None => Ok(facts),
        }
    }

    /// What of the server's list the account may already be paid by.
    fn claimed_by(&self, name: &AccountName, nth: u32) -> Option<String> {
        let pin = self.pins.get(name).filter(|pin| pin.nth == Some(nth));
        if let Some(PinnedTo { service, .. }) = pin {
            return Some(format!(
                "{name} is mapped by hand to service {service}: it belongs to it from the first poll after WHMCS lists that \
                 service as sold here; `whmeter map unset` takes that back"
            ));
        }
        let by = self.panel.kind.found_by;
        let services = &self.list.services;
        if let Some((_, found)) = services.living(name.as_str(), by) {
            let ids: Vec<String> = found.iter().map(|service| service.id.to_string()).collect();
            return Some(format!(
                "service {} of server {} has its name: whose the account is, is said by the next poll, by `whmeter map set`, or by \
                 another name for the service in WHMCS",
                ids.join(" and "),
                self.server
            ));
        }
        let waiting = services.iter().find(|service| {
            service.status == "Pending"
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
        let owner = life.owner().service().filter(|owner| Some(*owner) != own)?;
        Some(format!("the account belongs to service {owner} by now"))
    }
}

/// How long after it began an order has ended, one way or the other.
pub(super) const ENDED_AFTER: Seconds = Seconds::new(300);
