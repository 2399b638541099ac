//! Both sides of every panel: who is on it as it stands, and what WHMCS sells on its server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{AccountName, BackendId, Mapping, Service};
use crate::store::{AccountStanding, BackendState, SeriesStanding, ServiceList, Standing, Store, StoreError};

/// Whether the config wants an account.
pub type Wants = Arc<dyn Fn(&AccountName) -> bool + Send + Sync>;

/// What a meter of an account nobody is billed for would cost so far in the running month: the amount as a
/// decimal text, and its currency. `None` where nothing tells.
pub type Worth =
    Arc<dyn Fn(&AccountName, &AccountStanding, &SeriesStanding) -> Option<(String, String)> + Send + Sync>;

/// One configured backend, as far as people's questions need it.
#[derive(Clone)]
pub struct Watched {
    /// Its name.
    pub backend: BackendId,
    /// Its kind.
    pub kind: &'static str,
    /// `tblservers.id` that it answers for.
    pub server: Option<i64>,
    /// Whether the config wants every account it has.
    pub everybody: bool,
    /// Which accounts the config wants.
    pub wants: Wants,
    /// What its unbilled usage would cost.
    pub worth: Worth,
}

/// One configured backend with both its sides.
pub struct Side {
    /// The backend.
    pub watched: Watched,
    /// How its polls go; `None` before the first.
    pub state: Option<BackendState>,
    /// Its accounts; `None` before the first poll.
    pub standing: Option<Arc<Standing>>,
    /// What WHMCS sells on its server; `None` until it has told.
    pub list: Option<Arc<ServiceList>>,
    /// Services by account, where an operator has said so.
    pub pinned: HashMap<AccountName, i64>,
}

/// Loads every backend, or one and those of its server: only all panels of a server tell which of its
/// services have no account.
pub async fn sides(
    store: &Store,
    watched: &[Watched],
    of: Option<&BackendId>,
) -> Result<Vec<Side>, StoreError> {
    let server = watched.iter().find(|one| Some(&one.backend) == of).and_then(|one| one.server);
    let beside = |one: &Watched| server.is_some() && one.server == server;
    let wanted = watched.iter().filter(|one| of.is_none_or(|of| one.backend == *of || beside(one)));
    let mut states: HashMap<BackendId, BackendState> =
        store.backends().await?.into_iter().map(|state| (state.backend.clone(), state)).collect();
    let mut sides = Vec::new();
    for watched in wanted {
        let state = states.remove(&watched.backend);
        let standing = match &state {
            Some(state) => Some(store.standing(state).await?),
            None => None,
        };
        let list = match watched.server {
            Some(server) => store.services(server).await?,
            None => None,
        };
        let pinned = match &list {
            Some(_) => store.pinned_services(&watched.backend).await?,
            None => HashMap::new(),
        };
        sides.push(Side { watched: watched.clone(), state, standing, list, pinned });
    }
    sides.sort_by(|one, other| one.watched.backend.cmp(&other.watched.backend));
    Ok(sides)
}

/// The backends that answer for a WHMCS server, server by server.
pub fn by_server(sides: &[Side]) -> BTreeMap<i64, Vec<&Side>> {
    let mut servers: BTreeMap<i64, Vec<&Side>> = BTreeMap::new();
    for side in sides {
        if let Some(server) = side.watched.server {
            servers.entry(server).or_default().push(side);
        }
    }
    servers
}

impl Side {
    /// Its name.
    pub fn name(&self) -> &str {
        self.watched.backend.as_str()
    }

    /// Every account ever seen that the config wants, by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        let accounts = self.standing.iter().flat_map(|standing| &standing.accounts);
        accounts
            .map(|(name, account)| (name, account.as_ref()))
            .filter(|(name, _)| (self.watched.wants)(name))
    }

    /// The accounts that are on the panel, as it was last seen.
    pub fn present(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        self.accounts().filter(|(_, account)| account.gone_at.is_none())
    }

    /// The service an account belongs to by what WHMCS sells now; of one that is gone also by what it was
    /// mapped to when it was last there.
    pub fn find(&self, name: &AccountName, account: &AccountStanding) -> Option<(Mapping, Option<&Service>)> {
        let before = || account.service().filter(|_| account.gone_at.is_some()).map(|service| service.id);
        let by_id = self.pinned.get(name).copied().or_else(before);
        Some(self.list.as_ref()?.services.find(name, by_id))
    }

    /// Why nothing can be said of its accounts' services.
    pub fn untold(&self) -> Option<String> {
        match (self.watched.server, &self.list, &self.standing) {
            (None, ..) => Some("the config gives no whmcs_server for it".into()),
            (Some(server), None, _) => {
                Some(format!("WHMCS has not told the services of its server {server} yet"))
            }
            (_, _, None) => Some("it was never polled".into()),
            _ => None,
        }
    }

    /// Whether its panel was read once at least: before, nobody knows who is not there.
    pub fn is_read(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.succeeded_at.is_some())
    }
}
