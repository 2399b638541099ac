//! Who pays for which accounts. Worked out of how everything stands, which takes milliseconds for ten thousand
//! accounts, and kept until a backend stands otherwise: single tenants are asked about with every page that a
//! customer opens.

use std::sync::Arc;

use crate::domain::{AccountKey, AccountName, BackendId, Map, Owner, Timestamp};
use crate::standing::{AccountStanding, Standing};

/// An account, wherever it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its backend.
    pub backend: BackendId,
    /// Its name on the panel.
    pub name: AccountName,
    /// How it stands.
    pub account: Arc<AccountStanding>,
}

impl Found {
    /// Its name in the house.
    pub fn key(&self) -> AccountKey {
        AccountKey { backend: self.backend.clone(), name: self.name.clone() }
    }
}

/// Every owner who pays or paid for an account, and what for.
#[derive(Debug, Default)]
pub struct Payers {
    standings: Vec<Arc<Standing>>,
    accounts: Map<Owner, Vec<Found>>,
    /// Those of them who are names, in the order of their names, which is nearly that in which accounts lie in memory.
    names: Vec<Owner>,
    contested: Map<i64, Timestamp>,
}

impl Payers {
    /// As everything stands.
    pub fn new(standings: Vec<Arc<Standing>>) -> Payers {
        let mut payers = Payers { standings: standings.clone(), ..Payers::default() };
        for found in standings.iter().flat_map(|standing| accounts(standing)) {
            payers.take(&found);
        }
        payers.accounts.remove(&Owner::Unowned);
        let is_name = |owner: &&Owner| matches!(owner, Owner::Name { .. });
        payers.names = payers.accounts.keys().filter(is_name).cloned().collect();
        payers.names.sort_unstable();
        payers
    }

    fn take(&mut self, found: &Found) {
        let account = &found.account;
        let former = account.shares.iter().map(|share| &share.owner).filter(|owner| **owner != account.owner);
        for owner in std::iter::once(&account.owner).chain(former) {
            let its = match self.accounts.get_mut(owner) {
                Some(its) => its,
                None => self.accounts.entry(owner.clone()).or_default(),
            };
            if !its.last().is_some_and(|last| Arc::ptr_eq(&last.account, account)) {
                its.push(found.clone());
            }
        }
        let rivals = account.mapped.iter().filter(|_| account.is_present()).flat_map(|mapped| &mapped.rivals);
        for service in rivals {
            let since = self.contested.entry(*service).or_insert(account.first_seen);
            *since = account.first_seen.max(*since);
        }
    }

    /// Everything that is metered.
    pub fn standings(&self) -> &[Arc<Standing>] {
        &self.standings
    }

    /// Whether they were worked out of just these.
    pub fn are_of(&self, standings: &[Arc<Standing>]) -> bool {
        let same = |(one, other): (&Arc<Standing>, &Arc<Standing>)| Arc::ptr_eq(one, other);
        self.standings.len() == standings.len() && self.standings.iter().zip(standings).all(same)
    }

    /// All that an owner ever paid for.
    pub fn accounts(&self, owner: &Owner) -> &[Found] {
        self.accounts.get(owner).map_or(&[], Vec::as_slice)
    }

    /// Every owner who is a name on a server, in order.
    pub fn names(&self) -> &[Owner] {
        &self.names
    }

    /// Somebody as they are kept here, if he ever paid for anything.
    pub fn owner(&self, owner: &Owner) -> Option<&Owner> {
        self.accounts.get_key_value(owner).map(|(owner, _)| owner)
    }

    /// Since when a service waits because an account could be its own or another's.
    pub fn contested(&self, service: i64) -> Option<Timestamp> {
        self.contested.get(&service).copied()
    }
}

/// Every account of a backend.
pub fn accounts(standing: &Standing) -> impl Iterator<Item = Found> {
    let found = |(name, account): (&AccountName, &Arc<AccountStanding>)| Found {
        backend: standing.backend.clone(),
        name: name.clone(),
        account: Arc::clone(account),
    };
    standing.accounts.iter().map(found)
}
