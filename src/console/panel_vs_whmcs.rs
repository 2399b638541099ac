//! Both sides of every panel: who is on it as it stands, and what WHMCS sells on its server.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::backends::ConfiguredPanel;
use crate::domain::{
    AccountKey, AccountName, BackendId, BillFrom, Bytes, Month, Nature, Owner, Remark, Service, Unclaimed,
};
use crate::reported::{ClosedMonth, Sums};
use crate::standing::{AccountStanding, Moment, Standing};
use crate::store::{
    BackendState, HeldList, OpenAdoption, PinnedTo, PolicyState, ServiceList, Store, StoreError, UsageQuery,
};

/// Every backend with both its sides, and what was reported to WHMCS of them.
#[derive(Default)]
pub struct PanelsVsWhmcs {
    /// The backends, in the order of names.
    pub panels: Vec<Side>,
    /// Backends with accounts that the config has no more, where all were asked for.
    pub unconfigured: Vec<(BackendState, Arc<Standing>)>,
    /// What WHMCS sells, server by server.
    pub lists: BTreeMap<i64, Arc<ServiceList>>,
    /// What was reported to WHMCS of months, where that was asked for: the one before, and the running one.
    pub reported: Vec<(Month, Arc<ClosedMonth>)>,
    /// What of the running month is billed, where that was asked for and is not all of it.
    pub billed: Option<BilledPart>,
    /// What WHMCS's module says is not right with its lists, by server.
    pub remarks: BTreeMap<i64, Vec<Remark>>,
    /// Lists of services that were not taken in, by server.
    pub held: BTreeMap<i64, HeldList>,
    /// The policies of accounts that are limited or pinned, or on their way there or back.
    pub policies: Vec<(AccountKey, PolicyState)>,
    /// What operators have said of accounts, by backend.
    pub pins: BTreeMap<BackendId, HashMap<AccountName, PinnedTo>>,
    /// Adoptions that have begun and are not finished.
    pub adoptions: Vec<OpenAdoption>,
    /// What of each panel is no account's, where that was asked for.
    pub unclaimed: BTreeMap<BackendId, Vec<Unclaimed>>,
}

/// What every owner has of every account on the billed days of a month.
pub type BilledPart = HashMap<(AccountKey, Owner), Sums>;

/// One configured backend with both its sides.
pub struct Side {
    /// The backend.
    pub panel: Arc<ConfiguredPanel>,
    /// How its polls go; `None` before the first.
    pub state: Option<BackendState>,
    /// Its accounts; `None` before the first poll.
    pub standing: Option<Arc<Standing>>,
    /// What WHMCS sells on its server; `None` until WHMCS has sent it.
    pub list: Option<Arc<ServiceList>>,
}

/// Loads every backend, or one and those of its server: only all panels of a server report which of its
/// services have no account.
pub async fn sides(
    store: &Store,
    panels: &[Arc<ConfiguredPanel>],
    of: Option<&BackendId>,
) -> Result<PanelsVsWhmcs, StoreError> {
    let server = panels.iter().find(|one| Some(&one.id) == of).and_then(|one| one.whmcs_server);
    let beside = |one: &ConfiguredPanel| server.is_some() && one.whmcs_server == server;
    let wanted = panels.iter().filter(|one| of.is_none_or(|of| one.id == *of || beside(one)));
    let mut states: HashMap<BackendId, BackendState> =
        store.backends().await?.into_iter().map(|state| (state.backend.clone(), state)).collect();
    let lists = store.service_lists().await?;
    let held = store.held_lists().await?;
    let remarks = store.remarks().await?;
    let policies = store.held_accounts().await?;
    let adoptions = store.open_adoptions().await?;
    let mut sides = PanelsVsWhmcs { lists, remarks, held, policies, adoptions, ..PanelsVsWhmcs::default() };
    for panel in wanted {
        let state = states.remove(&panel.id);
        let standing = match &state {
            Some(state) => Some(store.standing(state).await?),
            None => None,
        };
        sides.pins.insert(panel.id.clone(), store.pinned_services(&panel.id).await?);
        let list = panel.whmcs_server.and_then(|server| sides.lists.get(&server).cloned());
        sides.panels.push(Side { panel: Arc::clone(panel), state, standing, list });
    }
    if of.is_none() {
        sides.unconfigured = unconfigured(store, panels).await?;
    }
    sides.panels.sort_by(|one, other| one.panel.id.cmp(&other.panel.id));
    Ok(sides)
}

/// The stored backends with accounts on their panel that the config does not have.
pub async fn unconfigured(
    store: &Store,
    panels: &[Arc<ConfiguredPanel>],
) -> Result<Vec<(BackendState, Arc<Standing>)>, StoreError> {
    let mut found = Vec::new();
    for state in store.backends().await? {
        if panels.iter().any(|panel| panel.id == state.backend) {
            continue;
        }
        let standing = store.standing(&state).await?;
        if standing.present().next().is_some() {
            found.push((state, standing));
        }
    }
    Ok(found)
}

impl PanelsVsWhmcs {
    /// The same with what was reported to WHMCS of the running month and of the two before.
    pub async fn with_reported(
        mut self,
        store: &Store,
        moment: &Moment,
        from: BillFrom,
    ) -> Result<PanelsVsWhmcs, StoreError> {
        for month in [moment.month.before().before(), moment.month.before(), moment.month] {
            self.reported.push((month, Arc::new(store.read_closed(month, from).await?)));
        }
        Ok(self)
    }

    /// The same with what of the running month is billed, where that is not all of it.
    pub async fn with_billed(
        mut self,
        store: &Store,
        moment: &Moment,
        from: BillFrom,
    ) -> Result<PanelsVsWhmcs, StoreError> {
        let month = moment.month.period();
        if from.cuts(month).is_none() {
            return Ok(self);
        }
        let points = match from.billed(month) {
            Some(billed) => store.days(&UsageQuery::default(), billed).await?,
            None => Vec::new(),
        };
        let mut part = BilledPart::new();
        for point in points {
            let sum = part.entry((point.account, point.owner)).or_default().entry(point.meter).or_default();
            sum.1 += point.held;
            if point.meter.nature() == Nature::Flow {
                // A month's sum was checked when it was committed, and this is a part of it.
                sum.0 = sum.0.checked_add(point.amount).unwrap_or(Bytes::MAX);
            }
        }
        self.billed = Some(part);
        Ok(self)
    }

    /// The same with what of each panel is no account's.
    pub async fn with_unclaimed(mut self, store: &Store) -> Result<PanelsVsWhmcs, StoreError> {
        for side in &self.panels {
            if let Some(state) = &side.state {
                self.unclaimed.insert(side.panel.id.clone(), store.unclaimed(state).await?);
            }
        }
        Ok(self)
    }

    /// A service, whichever server sells or sold it, and that server.
    pub fn service(&self, id: i64) -> Option<(i64, &Service)> {
        self.lists.iter().find_map(|(server, list)| {
            let service = list.services.by_id(id).or_else(|| list.former.get(&id))?;
            Some((*server, service))
        })
    }

    /// Whoever WHMCS asks for as long as there is anything to report: its living services, those they stand for,
    /// and the names on servers whose services WHMCS has not sent. Of a service that has nothing any more, because all
    /// of it was given to another, nothing is reported.
    pub fn asked(&self) -> HashSet<Owner> {
        let services = self.lists.values().flat_map(|list| list.services.iter());
        let living = services.filter(|service| service.is_live());
        let ids = living.flat_map(|service| [Some(service.id), service.companion_of()]);
        let held = self.held();
        let asked = ids.flatten().map(Owner::Service).filter(|owner| held.contains(owner));
        let mut asked: HashSet<Owner> = asked.collect();
        let names = self.panels.iter().flat_map(Side::accounts).map(|(_, account)| &account.owner);
        asked.extend(names.filter(|owner| matches!(owner, Owner::Name { .. })).cloned());
        asked
    }

    /// Whoever has or had anything, as far as is known.
    fn held(&self) -> HashSet<&Owner> {
        let accounts =
            self.panels.iter().flat_map(|side| &side.standing).flat_map(|one| one.accounts.values());
        let owners = accounts
            .flat_map(|account| account.shares.iter().map(|share| &share.owner).chain([&account.owner]));
        owners.chain(self.reported.iter().flat_map(|(_, month)| month.sums.keys())).collect()
    }
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

    /// One account that was ever seen, where the config wants it.
    pub fn account(&self, name: &AccountName) -> Option<&AccountStanding> {
        let account = self.standing.as_ref()?.accounts.get(name)?;
        self.panel.wants(name).then_some(account)
    }

    /// The accounts that are on the panel, as it was last seen.
    pub fn present(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        self.accounts().filter(|(_, account)| account.gone_at.is_none())
    }

    /// The service that pays for an account, also one that is sold no more.
    pub fn service(&self, account: &AccountStanding) -> Option<&Service> {
        let list = self.list.as_ref()?;
        let id = account.owner.service()?;
        list.services.by_id(id).or_else(|| list.former.get(&id))
    }

    /// Why nothing can be said of its accounts' services.
    pub fn untold(&self) -> Option<String> {
        match (self.panel.whmcs_server, &self.list, &self.standing) {
            (None, ..) => Some("the config gives no whmcs_server for it".into()),
            (Some(server), None, _) => {
                Some(format!("WHMCS has not sent the services of its server {server} yet"))
            }
            (_, _, None) => Some("it was never polled".into()),
            _ => None,
        }
    }

    /// Whether its panel was read once at least: before, it is unknown who is missing.
    pub fn is_read(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.succeeded_at.is_some())
    }
}
