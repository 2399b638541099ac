//! Both sides of every panel: who is on it as it stands, and what WHMCS sells on its server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::backends::ConfiguredPanel;
use crate::domain::{AccountName, BackendId, Mapping, Service};
use crate::store::{AccountStanding, BackendState, ServiceList, Standing, Store, StoreError};

/// One configured backend with both its sides.
pub struct Side {
    /// The backend.
    pub panel: Arc<ConfiguredPanel>,
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
    panels: &[Arc<ConfiguredPanel>],
    of: Option<&BackendId>,
) -> Result<Vec<Side>, StoreError> {
    let server = panels.iter().find(|one| Some(&one.id) == of).and_then(|one| one.whmcs_server);
    let beside = |one: &ConfiguredPanel| server.is_some() && one.whmcs_server == server;
    let wanted = panels.iter().filter(|one| of.is_none_or(|of| one.id == *of || beside(one)));
    let mut states: HashMap<BackendId, BackendState> =
        store.backends().await?.into_iter().map(|state| (state.backend.clone(), state)).collect();
    let mut sides = Vec::new();
    for panel in wanted {
        let state = states.remove(&panel.id);
        let standing = match &state {
            Some(state) => Some(store.standing(state).await?),
            None => None,
        };
        let list = match panel.whmcs_server {
            Some(server) => store.services(server).await?,
            None => None,
        };
        let pinned = match &list {
            Some(_) => store.pinned_services(&panel.id).await?,
            None => HashMap::new(),
        };
        sides.push(Side { panel: Arc::clone(panel), state, standing, list, pinned });
    }
    sides.sort_by(|one, other| one.panel.id.cmp(&other.panel.id));
    Ok(sides)
}

/// The backends that answer for a WHMCS server, server by server.
pub fn by_server(sides: &[Side]) -> BTreeMap<i64, Vec<&Side>> {
    let mut servers: BTreeMap<i64, Vec<&Side>> = BTreeMap::new();
    for side in sides {
        if let Some(server) = side.panel.whmcs_server {
            servers.entry(server).or_default().push(side);
        }
    }
    servers
}

impl Side {
    /// Its name.
    pub fn name(&self) -> &str {
        self.panel.id.as_str()
    }

    /// Every account ever seen that the config wants, by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        let accounts = self.standing.iter().flat_map(|standing| &standing.accounts);
        accounts.map(|(name, account)| (name, account.as_ref())).filter(|(name, _)| self.panel.wants(name))
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
        match (self.panel.whmcs_server, &self.list, &self.standing) {
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
