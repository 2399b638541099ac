//! The room's state: settings as they were taken in, whose accounts a server asks about, and what its answers
//! carry of the month before.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use super::carry_over::{Carried, CarryOverCache};
use super::payers::Payers;
use super::query::UsageApiQuery;
use super::tenants::Tenants;
use super::{Billed, Recalculation, Servers, Taken, Units, UsageApi, WhmcsSettings, Window};
use crate::clock::Clock;
use crate::domain::{BackendId, BillFrom, BillingZone, Seconds};
use crate::rules::Prices;
use crate::standing::{Moment, Standing};
use crate::store::{BackendState, Store};
use crate::telemetry::Telemetry;
use crate::web::Problem;

impl UsageApi {
    /// The room; requests for a fresh reading go to `recalculate`.
    pub fn new(
        store: Store,
        clock: Clock,
        telemetry: Telemetry,
        zone: BillingZone,
        settings: &WhmcsSettings,
        recalculate: tokio::sync::mpsc::UnboundedSender<Recalculation>,
    ) -> UsageApi {
        let api = UsageApi {
            store,
            clock,
            telemetry,
            zone,
            settings: Arc::default(),
            servers: Arc::default(),
            recalculate,
            recalculated: Arc::default(),
            carried: Arc::default(),
            payers: Arc::default(),
        };
        api.configure(settings, Servers::new(), Prices::default());
        api
    }

    /// Takes in new settings, which backends answer for which server, and what usage costs.
    pub fn configure(&self, settings: &WhmcsSettings, servers: Servers, prices: Prices) {
        let units = Units::new(settings.unit, settings.unit_base, settings.unit_bases);
        let max_age = Seconds::new(settings.max_age.0.as_secs());
        let (companion_servers, bill_from) = (settings.companion_servers.clone(), settings.bill_from);
        let taken = Taken { units, max_age, companion_servers, bill_from, prices };
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(taken);
        *self.servers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(servers);
    }

    fn settings(&self) -> Arc<Taken> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn prices(&self) -> Prices {
        self.settings().prices.clone()
    }

    pub(super) fn units(&self) -> Units {
        self.settings().units
    }

    /// Since which day usage is billed.
    pub fn bill_from(&self) -> BillFrom {
        self.settings().bill_from
    }

    /// What now means to its answers.
    pub fn moment(&self) -> Moment {
        Moment::new(self.clock.now(), self.zone, self.settings().max_age)
    }

    pub(super) fn window(&self) -> Window {
        Window::new(self.moment())
    }

    /// The moment of an answer that is billed by: with what of the running month is.
    pub(super) async fn billing_window(&self, tenants: &Tenants) -> Result<Window, Problem> {
        let window = self.window();
        let month = window.moment.month;
        let Some(first) = self.bill_from().cuts(month.period()) else { return Ok(window) };
        let start = self.zone.start_of(first);
        let billed = match self.bill_from().billed(month.period()).filter(|_| start <= window.moment.now) {
            None => Billed::Nothing,
            Some(part) => {
                let sums = self.store.part_of_month(tenants.standings(), month, part).await;
                Billed::Part(start, sums.map_err(Problem::unavailable)?)
            }
        };
        Ok(Window { billed, ..window })
    }

    /// The tenants of a server; 404 for one that no backend answers for and that has no companions.
    pub(super) async fn tenants(&self, server: i64) -> Result<Tenants, Problem> {
        let lists = self.store.service_lists().await.map_err(Problem::unavailable)?;
        if !self.is_configured(server) && !lists.contains_key(&server) {
            return Err(self.stranger(server));
        }
        let states = self.store.backends().await.map_err(Problem::unavailable)?;
        let own = self.backends_of(server).unwrap_or_default();
        let polled =
            |backend: &BackendId| states.iter().find(|state| state.backend == *backend)?.succeeded_at;
        let polled = own.iter().map(polled).min().unwrap_or(Some(self.clock.now()));
        let standings = self.store.standings().await.map_err(Problem::unavailable)?;
        let tenants = Tenants::new(server, self.payers(standings), &lists, polled);
        let bare = tenants.without_accounts();
        let month = self.moment().month;
        let reported = self
            .store
            .metrics_reported(&bare, [month.before(), month])
            .await
            .map_err(Problem::unavailable)?;
        // On whatever panel its account is: each must have been looked at.
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let is_configured = |backend: &BackendId| servers.values().flatten().any(|known| known == backend);
        let not_polled = |state: &BackendState| {
            let rewound =
                state.rewound_at.filter(|rewound| state.succeeded_at.is_none_or(|at| at <= *rewound));
            rewound.filter(|_| is_configured(&state.backend))
        };
        let rewound = states.iter().filter_map(not_polled).max();
        Ok(tenants.reported(reported, rewound))
    }

    /// The server that is asked about and its tenants, as far as the caller may see them.
    pub(super) async fn asked_tenants(&self, asked: &UsageApiQuery) -> Result<(i64, Tenants), Problem> {
        let server = asked.needed_server()?;
        let tenants = self.tenants(server).await?;
        let tenants = match asked.asker.tied_to {
            Some(own) => tenants.seen_from(own, self.panels_of_others(own)),
            None => tenants,
        };
        Ok((server, tenants))
    }

    /// The backends that answer for other servers.
    fn panels_of_others(&self, server: i64) -> HashSet<BackendId> {
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner).clone();
        servers.iter().filter(|(other, _)| **other != server).flat_map(|(_, own)| own).cloned().collect()
    }

    /// The server that a backend answers for.
    pub(super) fn server_of(&self, backend: &BackendId) -> Option<i64> {
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner).clone();
        servers.iter().find(|(_, own)| own.contains(backend)).map(|(server, _)| *server)
    }

    pub(super) fn backends_of(&self, server: i64) -> Option<Vec<BackendId>> {
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner).clone();
        servers.get(&server).cloned()
    }

    pub(super) fn stranger(&self, server: i64) -> Problem {
        let detail = format!(
            "no backend has whmcs_server = {server}; set it in the backend's section, or name the server in \
             companion_servers of [whmcs] if companions are all it has"
        );
        Problem::unknown(detail)
    }

    /// Who pays for what, as everything stands.
    fn payers(&self, standings: Vec<Arc<Standing>>) -> Arc<Payers> {
        let kept = Arc::clone(&self.payers.lock().unwrap_or_else(PoisonError::into_inner));
        if kept.are_of(&standings) {
            return kept;
        }
        let payers = Arc::new(Payers::new(standings));
        *self.payers.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&payers);
        payers
    }

    /// What the month before lacks of what was reported to WHMCS.
    pub(super) async fn carried(
        &self,
        tenants: &Tenants,
        units: &Units,
        window: &Window,
    ) -> Result<Arc<Carried>, Problem> {
        let before = window.moment.month.before();
        let closed = self
            .store
            .closed(tenants.standings(), before, self.bill_from())
            .await
            .map_err(Problem::unavailable)?;
        let mut kept = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(carried) = kept.as_ref().and_then(|kept| kept.if_of(&closed, units)) {
            return Ok(carried);
        }
        let new = CarryOverCache::new(closed, *units, self.zone);
        let carried = new.carried();
        *kept = Some(new);
        Ok(carried)
    }

    /// Whether the config knows a server.
    pub(super) fn is_configured(&self, server: i64) -> bool {
        self.backends_of(server).is_some() || self.settings().companion_servers.contains(&server)
    }
}
