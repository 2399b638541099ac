//! Whom WHMCS means by a tenant: an account by WHMCS's own spelling of its name, or the account of the
//! service that a companion stands for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::{AccountKey, AccountName, BackendId};
use crate::store::{AccountStanding, Standing};

/// The service a companion stands for, and its client: nobody is shown or billed what is another's.
pub type Parent = (i64, i64);

/// The tenants of one WHMCS server.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    /// The backends that answer for the server.
    own: Vec<Arc<Standing>>,
    /// All backends: companions may be about any of them, and services come from any.
    all: Vec<Arc<Standing>>,
    /// The server's companion services, by what each stands for.
    companions: HashMap<Parent, String>,
}

/// An account that a tenant is.
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

impl Tenants {
    /// Of a server with backends of its own among `all`, and companions of services that any may meter.
    pub fn new(
        own: Vec<Arc<Standing>>,
        all: Vec<Arc<Standing>>,
        companions: HashMap<Parent, String>,
    ) -> Tenants {
        Tenants { own, all, companions }
    }

    /// Goes through all tenants in order, each with the accounts it may be.
    pub fn each<'a>(&'a self, mut tell: impl FnMut(&'a str, &[Found<'a>])) {
        let own = accounts(&self.own).map(|found| (tenant_of(&found), found));
        let parents = if self.companions.is_empty() { &[] } else { self.all.as_slice() };
        let companions = accounts(parents).filter_map(|found| Some((self.companion(&found)?, found)));
        let mut tenants: Vec<(&str, Found<'_>)> = own.chain(companions).collect();
        tenants.sort_by_key(|(tenant, _)| *tenant);
        for same in tenants.chunk_by(|(one, _), (other, _)| one == other) {
            match same {
                [(tenant, found)] => tell(tenant, &[*found]),
                several => {
                    tell(several[0].0, &prefer_living(several.iter().map(|(_, found)| *found).collect()))
                }
            }
        }
    }

    /// The accounts a tenant may be, by the same rule as all tenants together.
    pub fn of(&self, tenant: &str) -> Vec<Found<'_>> {
        prefer_living(self.any_of(tenant))
    }

    /// The accounts a tenant is or was, those that are gone first: a service that moved, to another server too,
    /// leaves its history where it was.
    pub fn ever(&self, tenant: &str) -> Vec<Found<'_>> {
        let mut found = self.any_of(tenant);
        let services: HashSet<Parent> = found.iter().filter_map(parent_of).collect();
        let is_known = |one: &Found<'_>| {
            found.iter().any(|known| (known.backend, known.name) == (one.backend, one.name))
        };
        let elsewhere =
            accounts(&self.all).filter(|one| parent_of(one).is_some_and(|of| services.contains(&of)));
        let elsewhere: Vec<Found<'_>> = elsewhere.filter(|one| !is_known(one)).collect();
        found.extend(elsewhere);
        found.sort_by_key(|found| found.account.gone_at.is_none());
        found
    }

    fn any_of(&self, tenant: &str) -> Vec<Found<'_>> {
        let own = self.own.iter().filter_map(|standing| named(standing, tenant));
        let is_companion = self.companions.values().any(|name| name == tenant);
        let parents = accounts(if is_companion { &self.all } else { &[] });
        let companions = parents.filter(|found| self.companion(found) == Some(tenant));
        own.chain(companions).collect()
    }

    /// The accounts that are on the server's own panels now.
    pub fn present(&self) -> impl Iterator<Item = &AccountName> {
        let present = accounts(&self.own).filter(|found| found.account.gone_at.is_none());
        present.map(|found| found.name)
    }

    /// The services that companions may stand for: those that have an account on some panel.
    pub fn metered(&self) -> HashSet<Parent> {
        accounts(&self.all).filter_map(|found| parent_of(&found)).collect()
    }

    /// The backends whose accounts may be tenants.
    pub fn standings(&self) -> &[Arc<Standing>] {
        if self.companions.is_empty() { &self.own } else { &self.all }
    }

    fn companion(&self, found: &Found<'_>) -> Option<&str> {
        self.companions.get(&parent_of(found)?).map(String::as_str)
    }
}

fn accounts(standings: &[Arc<Standing>]) -> impl Iterator<Item = Found<'_>> {
    standings.iter().flat_map(|standing| {
        let found = |(name, account)| found(standing, name, account);
        standing.accounts.iter().map(found)
    })
}

fn found<'a>(standing: &'a Standing, name: &'a AccountName, account: &'a Arc<AccountStanding>) -> Found<'a> {
    Found { backend: &standing.backend, name, account }
}

fn parent_of(found: &Found<'_>) -> Option<Parent> {
    found.account.service().map(|service| (service.id, service.client))
}

/// What WHMCS calls an account: the username of its service, in WHMCS's own spelling; the panel's name
/// until WHMCS has told its services.
fn tenant_of<'a>(found: &Found<'a>) -> &'a str {
    found.account.service().map_or(found.name.as_str(), |service| service.username.as_str())
}

/// The account of a backend that WHMCS means by `tenant`.
fn named<'a>(standing: &'a Arc<Standing>, tenant: &str) -> Option<Found<'a>> {
    let exactly = standing.accounts.get_key_value(tenant);
    let spelled = || accounts(std::slice::from_ref(standing)).find(|found| tenant_of(found) == tenant);
    exactly.map(|(name, account)| found(standing, name, account)).or_else(spelled)
}

/// An account that moved to another backend of the server is still one account.
fn prefer_living(mut accounts: Vec<Found<'_>>) -> Vec<Found<'_>> {
    if accounts.len() > 1 && accounts.iter().any(|found| found.account.gone_at.is_none()) {
        accounts.retain(|found| found.account.gone_at.is_none());
    }
    accounts
}
