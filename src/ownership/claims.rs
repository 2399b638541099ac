//! Whose account it is by what WHMCS sells now, all accounts of a server looked at together: two that want one
//! service are reported as such, and neither is billed before that is settled.

use std::collections::HashMap;

use super::services::{Rank, Services};
use crate::domain::{AccountName, FoundBy, Owner};

/// An account that is on a panel of the server.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Its name.
    pub name: &'a AccountName,
    /// What its name is to a service.
    pub by: FoundBy,
    /// The service an operator has said it belongs to.
    pub pinned: Option<i64>,
    /// The service that owns it so far.
    pub owner: Option<i64>,
}

/// What the services of a server say of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It belongs to this service.
    Owned {
        /// `tblhosting.id`.
        service: i64,
        /// By an operator's word.
        pinned: bool,
    },
    /// Several services could be meant, or several accounts want one.
    Contested {
        /// The services.
        services: Vec<i64>,
        /// Whether they are withheld for it. Where another account has the very name of the service, it has the
        /// service for itself, and this one is only left over.
        withholds: bool,
    },
    /// No living service claims it: whoever owns it keeps it.
    Unclaimed,
    /// WHMCS has not sent the services of the server yet: its name is all that is known.
    ByName(Owner),
    /// Its backend answers for no WHMCS server.
    NoServer,
}

/// What is known of a server's services and of all accounts on its panels.
#[derive(Debug, Default)]
pub struct Claims<'a> {
    server: Option<i64>,
    services: Option<&'a Services>,
    /// By service: how the strongest claims to it were found, how many there are, and which of them owned it
    /// already.
    wanted: HashMap<i64, Wanted>,
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    rank: Rank,
    count: usize,
    pinned: usize,
    owners: usize,
}

impl<'a> Claims<'a> {
    /// Puts together what is known of a server. `everybody` are all accounts that its panels have, of whatever
    /// backend; missing ones do not compete.
    pub fn new<'c>(
        server: Option<i64>,
        services: Option<&'a Services>,
        everybody: impl Iterator<Item = Claimant<'c>>,
    ) -> Claims<'a> {
        let mut claims = Claims { server, services, wanted: HashMap::new() };
        for claimant in everybody {
            let Want::One(rank, service) = claims.want(&claimant) else { continue };
            let owner = usize::from(claimant.owner == Some(service));
            let pinned = usize::from(rank == Rank::Pinned);
            let known =
                claims.wanted.entry(service).or_insert(Wanted { rank, count: 0, pinned: 0, owners: 0 });
            known.pinned += pinned;
            // A weaker claim does not compete with a stronger one, unless an operator has said the stronger: he
            // may not know of the account that has the very name.
            let (mine, theirs) = (rank.min(Rank::Exact), known.rank.min(Rank::Exact));
            if mine > theirs {
                *known = Wanted { rank, count: 0, pinned: known.pinned, owners: 0 };
            }
            if mine >= theirs {
                known.count += 1;
                known.owners += owner;
                known.rank = known.rank.max(rank);
            }
        }
        claims
    }

    fn want(&self, claimant: &Claimant<'_>) -> Want {
        let Some(services) = self.services else { return Want::Nothing };
        // What an operator has said counts while the service lives.
        let pinned = claimant.pinned.and_then(|id| services.by_id(id)).filter(|service| service.is_live());
        if let Some(service) = pinned {
            return Want::One(Rank::Pinned, service.id);
        }
        match services.living(claimant.name.as_str(), claimant.by) {
            None => Want::Nothing,
            Some((rank, found)) => match found.as_slice() {
                [one] => Want::One(rank, one.id),
                several => Want::Several(several.iter().map(|service| service.id).collect()),
            },
        }
    }

    /// Whose an account of this server is.
    pub fn ruling(&self, claimant: &Claimant<'_>) -> Ruling {
        let Some(server) = self.server else { return Ruling::NoServer };
        if self.services.is_none() {
            return Ruling::ByName(Owner::named(server, claimant.name.as_str()));
        }
        let (rank, service) = match self.want(claimant) {
            Want::Nothing => return Ruling::Unclaimed,
            Want::Several(services) => {
                // Those that an account has by its very name, or by an operator's word, are its alone.
                let is_free = |id: &i64| self.wanted.get(id).is_none_or(|wanted| wanted.rank < Rank::Exact);
                let exactly =
                    self.services.and_then(|services| services.living(claimant.name.as_str(), claimant.by));
                let by_spelling = exactly.is_some_and(|(rank, _)| rank == Rank::Spelled);
                let free: Vec<i64> =
                    services.iter().copied().filter(|id| !by_spelling || is_free(id)).collect();
                let withholds = !free.is_empty();
                return Ruling::Contested { services: if withholds { free } else { services }, withholds };
            }
            Want::One(rank, service) => (rank, service),
        };
        let owned = Ruling::Owned { service, pinned: rank == Rank::Pinned };
        let contested = |withholds| Ruling::Contested { services: vec![service], withholds };
        let Some(wanted) = self.wanted.get(&service) else { return owned };
        if rank.min(Rank::Exact) < wanted.rank.min(Rank::Exact) {
            return contested(false);
        }
        let alone = wanted.count <= 1 || wanted.pinned == wanted.count;
        match alone || rank == Rank::Pinned {
            true => owned,
            // Of two that want it, one that has owned it all along keeps it, unless an operator has said otherwise.
            false if wanted.pinned == 0 && wanted.owners == 1 && claimant.owner == Some(service) => owned,
            false => contested(true),
        }
    }

    /// Whether a service is withheld because more than one account wants it.
    pub fn is_contested(&self, service: i64) -> bool {
        let wanted = self.wanted.get(&service);
        wanted.is_some_and(|wanted| wanted.count > 1 && wanted.pinned < wanted.count)
    }

    /// The services themselves, where WHMCS has sent them.
    pub fn services(&self) -> Option<&'a Services> {
        self.services
    }
}

/// What an account's name and pin ask for.
enum Want {
    Nothing,
    One(Rank, i64),
    Several(Vec<i64>),
}
