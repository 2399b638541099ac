//! Whose each account of a backend is: what its WHMCS server sells, and who else on that server's panels wants
//! the same service.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::backends::ConfiguredPanel;
use crate::domain::{AccountName, BillingZone, FoundBy, Harvest, LifeNo, Mapping, Owner, Service, UsageDay};
use crate::metering::{Book, Life};
use crate::ownership::{self, Claimant, Claims, Intent, Ruling, Services, intent};
use crate::standing::{AccountStanding, MappedTo, ServiceRef};
use crate::store::{PinnedTo, Reach, ServiceList, Store, StoreError};

/// What is known of the services of a backend's WHMCS server, and of who claims them.
#[derive(Clone, Debug, Default)]
pub struct Sold {
    server: Option<i64>,
    /// The server's services; `None` until WHMCS has sent them.
    list: Option<Arc<ServiceList>>,
    /// Services by account of this backend, where an operator has said so.
    pinned: HashMap<AccountName, PinnedTo>,
    /// What the names of its accounts are to services.
    by: FoundBy,
    /// The accounts of the server's other backends.
    elsewhere: Vec<Elsewhere>,
    /// What the accounts of all other backends have, or had in their newest months, by the services that own or owned
    /// them.
    others: HashMap<i64, Vec<Arc<AccountStanding>>>,
}

#[derive(Clone, Debug)]
struct Elsewhere {
    name: AccountName,
    by: FoundBy,
    pinned: Option<i64>,
    owner: Option<i64>,
}

/// What an answer means for who pays.
#[derive(Debug, Default)]
pub(super) struct Titles {
    /// What is to become of owners.
    pub intents: BTreeMap<LifeNo, Intent>,
    /// What the names of accounts mean to WHMCS.
    pub mapped: HashMap<AccountName, MappedTo>,
}

impl Sold {
    /// What is known of the services of a backend, one of these panels.
    pub async fn of(
        store: &Store,
        panels: &[Arc<ConfiguredPanel>],
        metered: &ConfiguredPanel,
    ) -> Result<Sold, StoreError> {
        let by = metered.kind.found_by;
        let Some(server) = metered.whmcs_server else { return Ok(Sold::default()) };
        let Some(list) = store.services(server).await? else {
            return Ok(Sold { server: Some(server), by, ..Sold::default() });
        };
        let others = panels.iter().filter(|panel| panel.whmcs_server == Some(server));
        let others = others.filter(|panel| panel.id != metered.id);
        let others: HashMap<&str, FoundBy> =
            others.map(|panel| (panel.id.as_str(), panel.kind.found_by)).collect();
        let mut elsewhere = Vec::new();
        let mut owned: HashMap<i64, Vec<Arc<AccountStanding>>> = HashMap::new();
        for state in store.backends().await?.iter().filter(|state| state.backend != metered.id) {
            let standing = store.standing(state).await?;
            // Services move between servers, so whatever backend it is.
            for account in standing.accounts.values() {
                for service in services_of(account) {
                    owned.entry(service).or_default().push(Arc::clone(account));
                }
            }
            let Some(by) = others.get(state.backend.as_str()).copied() else { continue };
            let present = standing.present().filter(|(_, account)| account.is_present());
            elsewhere.extend(present.map(|(name, account)| {
                let pinned = account.mapped.as_ref().filter(|mapped| mapped.mapping == Mapping::Pinned);
                let pinned = pinned.and_then(|mapped| Some(mapped.service.as_ref()?.id));
                Elsewhere { name: name.clone(), by, pinned, owner: account.owner.service() }
            }));
        }
        let pinned = store.pinned_services(&metered.id).await?;
        Ok(Sold { server: Some(server), list: Some(list), pinned, by, elsewhere, others: owned })
    }

    /// A service, also one that is sold no more.
    pub fn service(&self, id: i64) -> Option<&Service> {
        let list = self.list.as_ref()?;
        list.ever_listed(id)
    }

    /// Whether WHMCS sells a service, or a companion of it.
    fn is_sold(&self, id: i64) -> bool {
        let mut services = self.list.iter().flat_map(|list| list.services.iter());
        services.any(|one| one.is_live() && (one.id == id || one.companion_of() == Some(id)))
    }

    /// The service that pays for what a life uses.
    pub(super) fn service_of(&self, life: &Life) -> Option<&Service> {
        self.service(life.owner().service()?)
    }

    /// What a service has on other backends.
    pub(super) fn others(&self, service: i64) -> &[Arc<AccountStanding>] {
        self.others.get(&service).map_or(&[], Vec::as_slice)
    }

    /// The names whose owner is about to change with this answer.
    pub(super) fn changing(&self, book: &Book, harvest: &Harvest, today: UsageDay) -> HashSet<AccountName> {
        let names = harvest.accounts().keys();
        if self.list.is_none() {
            return HashSet::new();
        }
        let present = (!harvest.is_complete()).then(|| present(book)).into_iter().flatten();
        let absent = present.filter(|(name, _)| !harvest.accounts().contains_key(*name));
        let here = names.clone().map(|name| (name, book.life(name))).chain(absent.map(|(n, l)| (n, Some(l))));
        let claims = self.claims(here);
        let opens = |name: &&AccountName| {
            book.life(name).is_some_and(|life| {
                let ruling = claims.ruling(&self.claimant(name, Some(life)));
                matches!(self.intent(life, &ruling, today, None), Intent::Open(_))
            })
        };
        names.filter(opens).cloned().collect()
    }

    /// The names that may well be gone from the panel: of services that have ended, or that have an account elsewhere.
    pub(super) fn leaving(&self, book: &Book, harvest: &Harvest) -> HashSet<AccountName> {
        if self.list.is_none() {
            return HashSet::new();
        }
        let absent = present(book).filter(|(name, _)| !harvest.accounts().contains_key(*name));
        let here = harvest.accounts().keys().filter_map(|name| book.life(name)?.owner().service());
        let elsewhere = self.elsewhere.iter().filter_map(|one| one.owner);
        let placed: HashSet<i64> = here.chain(elsewhere).collect();
        let is_leaving = |(name, life): &(&AccountName, &Life)| {
            let owner = life.owner().service();
            owner.is_some_and(|id| !self.is_sold(id) || placed.contains(&id))
                || self.elsewhere.iter().any(|one| one.name == **name)
        };
        absent.filter(is_leaving).map(|(name, _)| name.clone()).collect()
    }

    /// What an answer means for who pays. `after` is the book with all that was measured.
    pub(super) fn titles(
        &self,
        after: &Book,
        harvest: &Harvest,
        reach: Reach,
        today: UsageDay,
        zone: BillingZone,
    ) -> Titles {
        let mut titles = Titles::default();
        if self.server.is_none() {
            return titles;
        }
        let claims = self.claims(present(after).map(|(name, life)| (name, Some(life))));
        for (no, life) in &after.lives {
            let is_newest = after.names.get(&life.name) == Some(no);
            if !is_newest || !life.is_present() {
                // What had a name before WHMCS sent its services was somebody's, also where it is gone.
                let intent = self.intent(life, &Ruling::Unclaimed, today, Some(zone));
                if self.list.is_some() && intent != Intent::Keep {
                    titles.intents.insert(*no, intent);
                }
                continue;
            }
            // Nobody changes hands whom the answer does not show: one account was asked for, or its list is doubted.
            let is_partial = reach == Reach::Some || after.list_doubt.is_some();
            if is_partial && !harvest.accounts().contains_key(&life.name) {
                continue;
            }
            let ruling = claims.ruling(&self.claimant(&life.name, Some(life)));
            let intent = self.intent(life, &ruling, today, Some(zone));
            if let Some(mapped) = self.mapped(&ruling, owner_after(life, &intent)) {
                titles.mapped.insert(life.name.clone(), mapped);
            }
            if intent != Intent::Keep {
                titles.intents.insert(*no, intent);
            }
        }
        titles
    }

    /// Whoever would pay for an account that is unowned so far: also services that wait because another account
    /// wants them, too.
    pub(super) fn wanting(&self, name: &AccountName, life: Option<&Life>) -> Vec<Owner> {
        let claims = self.claims(std::iter::once((name, life)));
        match claims.ruling(&self.claimant(name, life)) {
            Ruling::Owned { service, .. } => vec![Owner::Service(service)],
            Ruling::Contested { services, .. } => services.into_iter().map(Owner::Service).collect(),
            Ruling::ByName(owner) => vec![owner],
            Ruling::Unclaimed | Ruling::NoServer => Vec::new(),
        }
    }

    fn services(&self) -> Option<&Services> {
        self.list.as_ref().map(|list| &list.services)
    }

    fn claims<'a, 'n>(
        &'a self,
        here: impl Iterator<Item = (&'n AccountName, Option<&'n Life>)>,
    ) -> Claims<'a> {
        let elsewhere = self.elsewhere.iter();
        let elsewhere = elsewhere.map(|one| Claimant {
            name: &one.name,
            by: one.by,
            pinned: one.pinned,
            owner: one.owner,
        });
        let here: Vec<Claimant<'n>> = here.map(|(name, life)| self.claimant(name, life)).collect();
        let everybody = here.iter().copied().chain(elsewhere);
        Claims::new(self.server, self.services(), everybody)
    }

    fn claimant<'n>(&self, name: &'n AccountName, life: Option<&Life>) -> Claimant<'n> {
        let owner = life.and_then(|life| life.owner().service());
        // A word about one life of a name says nothing of the next.
        let pinned = self.pinned.get(name).filter(|pin| life.is_some_and(|life| Some(life.nth) == pin.nth));
        Claimant { name, by: self.by, pinned: pinned.map(|pin| pin.service), owner }
    }

    fn intent(&self, life: &Life, ruling: &Ruling, today: UsageDay, zone: Option<BillingZone>) -> Intent {
        let sold = ownership::Sold { server: self.server, services: self.services(), by: self.by };
        intent(life, ruling, &sold, today, |service| self.list.as_ref()?.first_listed_day(service, zone?))
    }

    /// What is shown of an account whose owner is known: how it came to its service.
    fn mapped(&self, ruling: &Ruling, owner: &Owner) -> Option<MappedTo> {
        let of = |id: i64| self.service(id).map(ServiceRef::of);
        let owned = || owner.service().and_then(of);
        let (mapping, service, rivals) = match ruling {
            Ruling::NoServer | Ruling::ByName(_) => return None,
            Ruling::Owned { service, pinned: true } => (Mapping::Pinned, of(*service), Vec::new()),
            Ruling::Owned { service, pinned: false } => (Mapping::Mapped, of(*service), Vec::new()),
            Ruling::Contested { services, withholds } => {
                let rivals = if *withholds { services.clone() } else { Vec::new() };
                (Mapping::Ambiguous, owned(), rivals)
            }
            // It keeps its owner, and its owner is billed for it as long as WHMCS sells it.
            Ruling::Unclaimed => match owned() {
                Some(service) if self.is_sold(service.id) => (Mapping::Mapped, Some(service), Vec::new()),
                Some(service) => (Mapping::Ended, Some(service), Vec::new()),
                None => (Mapping::Unmapped, None, Vec::new()),
            },
        };
        Some(MappedTo { mapping, service, rivals })
    }
}

/// The accounts a backend has, with their lives; those that are missing are not among them.
fn present(book: &Book) -> impl Iterator<Item = (&AccountName, &Life)> {
    let lives = book.names.iter().filter_map(|(name, no)| Some((name, book.lives.get(no)?)));
    lives.filter(|(_, life)| life.is_present())
}

/// The services that own an account or have something of it.
fn services_of(account: &AccountStanding) -> HashSet<i64> {
    let owners = account.shares.iter().map(|share| &share.owner).chain([&account.owner]);
    owners.filter_map(|owner| owner.service()).collect()
}

/// Who owns a life once an intent is carried out.
fn owner_after<'a>(life: &'a Life, intent: &'a Intent) -> &'a Owner {
    match intent {
        Intent::Open(owner) | Intent::TakeOver { owner, .. } | Intent::Move { owner, .. } => owner,
        Intent::HandOver { to, .. } => to,
        Intent::Keep => life.owner(),
    }
}
