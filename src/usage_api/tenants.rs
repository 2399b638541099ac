//! Whom WHMCS means by a tenant: a service by its username, on every route by the same rule. Before WHMCS has told
//! its services a name is all that is known, and means the account that has it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{AccountKey, AccountName, BackendId, Owner, Service, Timestamp};
use crate::standing::{AccountStanding, Standing};
use crate::store::ServiceList;
use crate::told::Payee;

/// The tenants of one WHMCS server, and all accounts that anybody pays for.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    server: i64,
    /// Everything that is metered: a service's accounts may be on any backend.
    all: Vec<Arc<Standing>>,
    /// The server's services, once WHMCS has told them.
    list: Option<Arc<ServiceList>>,
    /// By service the living companions that stand for it, wherever they are sold: it is billed as these.
    companions: HashMap<i64, Vec<i64>>,
    /// Until when each of the server's own panels was polled; `None` where one never was.
    polled: Option<Timestamp>,
}

/// An account, wherever it is.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its backend.
    pub backend: &'a BackendId,
    /// Its name on the panel.
    pub name: &'a AccountName,
    /// How it stands.
    pub account: &'a AccountStanding,
}

impl Found<'_> {
    /// Its name in the house.
    pub fn key(&self) -> AccountKey {
        AccountKey { backend: self.backend.clone(), name: self.name.clone() }
    }
}

/// One tenant: who it is, and the accounts it pays or paid for.
#[derive(Clone, Debug)]
pub struct Tenant<'a> {
    /// What WHMCS calls it: the username of its service, in WHMCS's own spelling.
    pub name: &'a str,
    /// Who pays: its service, or the one that it stands for as a companion.
    pub payee: Payee,
    /// Whether WHMCS still sells it, as far as is known.
    pub is_sold: bool,
    /// Whether it is a service that a living companion is billed for.
    pub has_companion: bool,
    /// The accounts it pays for now; those that are missing among them.
    pub living: Vec<Found<'a>>,
    /// All that it ever paid for, those among them.
    pub accounts: Vec<Found<'a>>,
    /// Since when another account wants the same service, or another service the same account.
    pub contested: Option<Timestamp>,
    /// Since when it is sold without that all panels of its server were polled: whether it has an account is not known
    /// yet.
    pub unread: Option<Timestamp>,
}

/// What every owner has, to find it by.
type Holdings<'a> = HashMap<&'a Owner, Vec<Found<'a>>>;

impl Tenants {
    /// Of a server, among everything that is metered. `lists` are those of all servers; each of its own panels was
    /// polled until `polled` at least.
    pub fn new(
        server: i64,
        all: Vec<Arc<Standing>>,
        lists: &BTreeMap<i64, Arc<ServiceList>>,
        polled: Option<Timestamp>,
    ) -> Tenants {
        let list = lists.get(&server).cloned();
        let everybody = lists.values().flat_map(|list| list.services.iter());
        let mut companions: HashMap<i64, Vec<i64>> = HashMap::new();
        for companion in everybody.filter(|service| service.is_live()) {
            if let Some(parent) =
                companion.companion_of().filter(|parent| is_of_client(lists, *parent, companion))
            {
                companions.entry(parent).or_default().push(companion.id);
            }
        }
        Tenants { server, all, list, companions, polled }
    }

    /// Everything that is metered.
    pub fn standings(&self) -> &[Arc<Standing>] {
        &self.all
    }

    /// Every tenant that WHMCS is to be told of, in the order of their names.
    pub fn each(&self) -> Vec<Tenant<'_>> {
        let holdings = self.holdings();
        let contested = self.contested();
        let services = self.list.iter().flat_map(|list| list.services.iter());
        let services = services.filter(|service| service.is_live());
        let services = services.filter_map(|service| self.of_service(service, &holdings, &contested));
        // Whoever's name an account goes by still is told nothing by it either, if a companion is billed for him.
        let by_name = |name: &str| holdings.contains_key(&Owner::named(self.server, name));
        let services = services.filter(|tenant| !tenant.has_companion || by_name(tenant.name));
        let names = holdings.keys().filter_map(|owner| self.of_name(owner, &holdings));
        let mut tenants: Vec<Tenant<'_>> = services.chain(names).collect();
        tenants.sort_by(|one, other| one.name.cmp(other.name));
        tenants
    }

    /// The tenant that WHMCS calls so; `None` where nobody ever paid for anything under this name.
    pub fn of(&self, tenant: &str) -> Option<Tenant<'_>> {
        let (holdings, contested) = (self.holdings(), self.contested());
        let services = self.list.iter().flat_map(|list| list.services.iter());
        let named = services.filter(|service| service.username == tenant);
        let mut found: Vec<Tenant<'_>> =
            named.filter_map(|service| self.of_service(service, &holdings, &contested)).collect();
        let name = Owner::named(self.server, tenant);
        let name = holdings.get_key_value(&name).and_then(|(owner, _)| self.of_name(owner, &holdings));
        found.extend(name);
        if found.iter().any(|tenant| tenant.is_sold) {
            found.retain(|tenant| tenant.is_sold);
        }
        let several = found.len() > 1;
        let mut tenant = found.pop()?;
        if several {
            tenant.contested = tenant.contested.or_else(|| tenant.since());
        }
        Some(tenant)
    }

    /// The accounts on the server's own panels, as far as the rules of ownership see them.
    pub fn on<'a>(&'a self, own: &'a [BackendId]) -> impl Iterator<Item = Found<'a>> {
        let own = self.all.iter().filter(|standing| own.contains(&standing.backend));
        own.flat_map(|standing| accounts(standing)).filter(|found| found.account.is_present())
    }

    /// Whether any account's usage belongs to a service.
    pub fn is_metered(&self, service: &Service) -> bool {
        self.payee(service).is_some_and(|owner| {
            self.all.iter().flat_map(|standing| accounts(standing)).any(|found| found.account.owner == owner)
        })
    }

    /// Who pays for what a service is told: for a companion its parent, if both are the same client's.
    fn payee(&self, service: &Service) -> Option<Payee> {
        match service.companion_of() {
            None => Some(Owner::Service(service.id)),
            Some(parent) => {
                let stands = self.companions.get(&parent).is_some_and(|ids| ids.contains(&service.id));
                stands.then_some(Owner::Service(parent))
            }
        }
    }

    fn of_service<'a>(
        &self,
        service: &'a Service,
        holdings: &Holdings<'a>,
        contested: &HashMap<i64, Timestamp>,
    ) -> Option<Tenant<'a>> {
        let payee = self.payee(service)?;
        let companions = payee.service().and_then(|id| self.companions.get(&id));
        let contested = payee.service().and_then(|id| contested.get(&id).copied());
        let accounts = holdings.get(&payee).cloned().unwrap_or_default();
        let mut unread = None;
        if accounts.is_empty() && contested.is_none() {
            unread = Some(self.unread(service, holdings)?);
        }
        let has_companion = companions.is_some() && service.companion_of().is_none();
        // Of two that stand for one service either would be billed all of it.
        let contested = contested.or_else(|| companions.filter(|ids| ids.len() > 1).and(since(&accounts)));
        let living = living(&accounts, &payee);
        let (name, is_sold) = (service.username.as_str(), service.is_live());
        Some(Tenant { name, payee, is_sold, has_companion, living, accounts, contested, unread })
    }

    /// Since when a living service waits for the first poll of its server's panels.
    fn unread(&self, service: &Service, holdings: &Holdings<'_>) -> Option<Timestamp> {
        let since = self.list.as_ref()?.first_told(service.id)?;
        let by_name = Owner::named(self.server, &service.username);
        let waits = service.wants_account() && self.polled.is_none_or(|polled| polled < since);
        (waits && !holdings.contains_key(&by_name)).then_some(since)
    }

    fn of_name<'a>(&self, owner: &'a Owner, holdings: &Holdings<'a>) -> Option<Tenant<'a>> {
        let Owner::Name { server, name } = owner else { return None };
        if *server != self.server {
            return None;
        }
        let accounts = holdings.get(owner)?.clone();
        let living = living(&accounts, owner);
        // A name that two panels have is nobody's in particular; one that is missing does not compete.
        let present = || living.iter().filter(|found| found.account.is_present());
        let contested = match present().count() {
            0 | 1 => None,
            _ => present().map(|found| found.account.first_seen).max(),
        };
        let (name, payee) = (name.as_ref(), owner.clone());
        let (is_sold, has_companion, unread) = (true, false, None);
        Some(Tenant { name, payee, is_sold, has_companion, living, accounts, contested, unread })
    }

    /// Everybody's accounts.
    fn holdings(&self) -> Holdings<'_> {
        let mut holdings = Holdings::new();
        for found in self.all.iter().flat_map(|standing| accounts(standing)) {
            let mut put = |owner| {
                let accounts: &mut Vec<Found<'_>> = holdings.entry(owner).or_default();
                let is_known = |known: &Found<'_>| std::ptr::eq(known.account, found.account);
                if !accounts.last().is_some_and(is_known) {
                    accounts.push(found);
                }
            };
            put(&found.account.owner);
            let former = found.account.shares.iter().filter(|share| share.owner != found.account.owner);
            former.for_each(|share| put(&share.owner));
        }
        holdings.remove(&Owner::Nobody);
        holdings
    }

    /// Services that wait because an account could be theirs or another's.
    fn contested(&self) -> HashMap<i64, Timestamp> {
        let mut contested = HashMap::new();
        for found in self.all.iter().flat_map(|standing| accounts(standing)) {
            let Some(mapped) = found.account.mapped.as_ref().filter(|_| found.account.is_present()) else {
                continue;
            };
            for service in &mapped.rivals {
                let since = contested.entry(*service).or_insert(found.account.first_seen);
                *since = found.account.first_seen.max(*since);
            }
        }
        contested
    }
}

impl Tenant<'_> {
    /// When the newest of its accounts was first seen.
    pub fn since(&self) -> Option<Timestamp> {
        since(&self.accounts)
    }
}

fn since(accounts: &[Found<'_>]) -> Option<Timestamp> {
    accounts.iter().map(|found| found.account.first_seen).max()
}

/// Whether a service is the client's for whom a companion is sold: nobody is shown or billed what is another's.
fn is_of_client(lists: &BTreeMap<i64, Arc<ServiceList>>, service: i64, companion: &Service) -> bool {
    let found =
        lists.values().find_map(|list| list.services.by_id(service).or_else(|| list.former.get(&service)));
    found.is_some_and(|service| service.client == companion.client)
}

/// Those that are its accounts now.
fn living<'a>(accounts: &[Found<'a>], owner: &Owner) -> Vec<Found<'a>> {
    let living = |found: &&Found<'_>| found.account.gone_at.is_none() && found.account.owner == *owner;
    accounts.iter().filter(living).copied().collect()
}

fn accounts(standing: &Standing) -> impl Iterator<Item = Found<'_>> {
    standing.accounts.iter().map(|(name, account)| Found { backend: &standing.backend, name, account })
}
