//! From a ruling to what changes: who takes over what, and from which day on.

use super::claims::Ruling;
use super::services::Services;
use crate::domain::{FoundBy, Owner, UsageDay};
use crate::metering::Life;

/// A WHMCS server and what it has sent of its services.
#[derive(Clone, Copy, Debug)]
pub struct Sold<'a> {
    /// `tblservers.id`; `None` where a backend answers for none.
    pub server: Option<i64>,
    /// Its services, once WHMCS has sent them.
    pub services: Option<&'a Services>,
    /// What the names of the backend's accounts are to them.
    pub by: FoundBy,
}

/// What is to become of a life's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing changes.
    Keep,
    /// From this commit on another owner pays: a new holding begins.
    Open(Owner),
    /// What is unowned goes to its first claimant, from a day on.
    TakeOver {
        /// The first day.
        since: UsageDay,
        /// Who pays.
        owner: Owner,
    },
    /// An operator gives somebody all days from one on, whoever has paid for them.
    Move {
        /// The first day.
        since: UsageDay,
        /// Who pays.
        owner: Owner,
    },
    /// Everything that one owner has of the life goes to another: a name turned out to be a service's, or
    /// nobody's.
    HandOver {
        /// Whose it was.
        from: Owner,
        /// Whose it is.
        to: Owner,
    },
}

/// What a ruling changes. `today` is the billing day, `first_listed` the day a service was first reported of.
pub fn intent(
    life: &Life,
    ruling: &Ruling,
    sold: &Sold<'_>,
    today: UsageDay,
    first_listed: impl Fn(i64) -> Option<UsageDay>,
) -> Intent {
    let current = life.owner();
    let is_ours = |server: &i64| sold.server == Some(*server);
    match (ruling, current) {
        (Ruling::Owned { service, .. }, Owner::Service(id)) if service == id => Intent::Keep,
        (Ruling::Owned { service, .. }, Owner::Name { server, .. }) if is_ours(server) => {
            Intent::HandOver { from: current.clone(), to: Owner::Service(*service) }
        }
        (Ruling::Owned { service, .. }, Owner::Unowned) => {
            let since = claimed_since(life, *service, sold.services, today, first_listed);
            let owner = Owner::Service(*service);
            // WHMCS dates a contract by its own clock: where its zone is ahead it may be tomorrow there already. A
            // later day claims nothing that was before.
            match since <= today.next() {
                true => Intent::TakeOver { since: since.min(today), owner },
                false => Intent::Open(owner),
            }
        }
        (Ruling::Owned { service, .. }, _) => Intent::Open(Owner::Service(*service)),
        (Ruling::ByName(name), Owner::Unowned) => {
            Intent::TakeOver { since: UsageDay::FIRST, owner: name.clone() }
        }
        // The panel calls the account otherwise now, and so will WHMCS.
        (Ruling::ByName(to @ Owner::Name { server, .. }), Owner::Name { server: before, .. })
            if server == before && to != current =>
        {
            Intent::HandOver { from: current.clone(), to: to.clone() }
        }
        // Its backend was given to another server that has sent nothing yet.
        (Ruling::ByName(name), Owner::Name { .. }) if name != current => Intent::Open(name.clone()),
        // The services are reported: it was the one with its name, were it sold no more, or else nobody's.
        (Ruling::Contested { .. } | Ruling::Unclaimed, Owner::Name { server, name }) if is_ours(server) => {
            let was = sold.services.and_then(|services| services.named(name, sold.by));
            let to = was.map_or(Owner::Unowned, |service| Owner::Service(service.id));
            Intent::HandOver { from: current.clone(), to }
        }
        _ => Intent::Keep,
    }
}

/// The day from which on a service takes over what was unowned: its customer's contract began then. Where that
/// is not reported, the running month of an account that was never owned, else since WHMCS first listed it.
fn claimed_since(
    life: &Life,
    service: i64,
    services: Option<&Services>,
    today: UsageDay,
    first_listed: impl Fn(i64) -> Option<UsageDay>,
) -> UsageDay {
    let registered = services.and_then(|services| services.by_id(service)?.registered);
    let was_owned = || {
        let parts = life.holdings.iter().flat_map(|holding| &holding.parts);
        parts.into_iter().any(|part| part.owner != Owner::Unowned)
    };
    registered.unwrap_or_else(|| match was_owned() {
        false => today.month().first(),
        true => first_listed(service).unwrap_or(today),
    })
}
