//! People's side: the JSON under `/v1`, of what was used, what was done, what waits, and what does not fit.
//!
//! And the same for eyes: the pages at `/`, made of the same functions (`pages`). It reads and shows; what can be asked of
//! it is a poll, which it passes on, and an account's policy.

mod accounts;
mod audit_outbox;
mod backends;
mod csv;
mod cursor;
mod daily;
mod explanation;
mod findings;
mod forecast;
mod grouped;
mod level_parts;
mod map;
mod mapping;
mod pages;
mod panel_vs_whmcs;
mod query;
mod report;
mod status;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use axum::response::Response;
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use accounts::is_earlier_life;
pub(crate) use csv::cell;
pub use daily::{ReportSettings, StaffReports};
pub(crate) use explanation::{Explanation, explain};
pub use findings::{COLUMNS, Finding, FindingKind, Tally, as_csv, findings};
pub(crate) use grouped::{grouped, sized};
pub use mapping::{CannotMap, mismatches};
pub(crate) use pages::nothing_served;
pub use panel_vs_whmcs::{PanelsVsWhmcs, Side, sides, unconfigured};
pub use status::{Condition, Status, status};

use crate::backends::ConfiguredPanel;
use crate::clock::Clock;
use crate::domain::{AccountKey, AccountName, BackendId, BillFrom, BillingZone, Meter, Month, Seconds};
use crate::quota::Rule;
use crate::reported::Base;
use crate::rules::{Limits, Prices};
use crate::selector::Candidate;
use crate::standing::{AccountStanding, Moment, Standing};
use crate::store::{Store, StoreError};
use crate::web::{Access, LONGEST_BODY, Problem, Route, Routes, Scope, Served};

/// Explains numbers over HTTP. A trait, because an explanation is put together of what this room, the room that
/// reports WHMCS and the invoices know, and only the roof knows all three.
#[async_trait]
pub trait Explain: Send + Sync {
    /// Explains an account's month of a meter, in JSON; `None` when nothing is known of it.
    async fn explain(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<Response>, StoreError>;

    /// The same for people.
    async fn explain_in_words(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<ExplanationInWords>, StoreError>;
}

/// An explanation for people.
pub struct ExplanationInWords {
    /// What the journal says.
    pub(crate) story: Explanation,
    /// What was reported to WHMCS and billed of it.
    pub(crate) sentences: Vec<String>,
    /// Whether all that was reported is in the chronicle.
    pub(crate) is_chronicled: bool,
}

/// A poll that somebody wants now: of a whole backend, or a look at one account that carries out its policy.
#[derive(Clone, Debug)]
pub struct WantedPoll {
    /// The backend.
    pub backend: BackendId,
    /// The account.
    pub account: Option<AccountName>,
}

/// The room's state; cloned into every request.
#[derive(Clone)]
pub struct Console {
    store: Store,
    clock: Clock,
    zone: BillingZone,
    setup: Arc<RwLock<Setup>>,
    /// What a caller wants polled now.
    polls: UnboundedSender<WantedPoll>,
    explainer: Arc<dyn Explain>,
    /// The last time each was asked for.
    asked: Arc<Mutex<HashMap<BackendId, backends::Asking>>>,
}

/// What the config says.
#[derive(Clone, Default)]
pub struct Setup {
    /// The configured panels.
    pub panels: Arc<[Arc<ConfiguredPanel>]>,
    /// What usage costs.
    pub prices: Prices,
    /// How old a number of now may be.
    pub max_age: Seconds,
    /// Since when usage is billed.
    pub bill_from: BillFrom,
    /// What GB means to WHMCS.
    pub base: Base,
    /// Which limits are enforced.
    pub limits: Limits,
    /// When staff are told of all this by mail, if they are.
    pub report: Option<ReportSettings>,
}

impl Setup {
    /// The rule by which a meter of an account is notified of or limited, if one is for it.
    fn rule(&self, key: &AccountKey, account: &AccountStanding, meter: Meter) -> Option<&Rule> {
        let product = account.service().and_then(|service| service.product.as_deref());
        let (backend, name) = (&key.backend, &key.name);
        let candidate = Candidate { backend, account: name, labels: account.labels(), product };
        self.limits.of(&candidate, meter).map(|(_, rule)| rule)
    }
}

impl Console {
    /// The room; requests for a poll go to `polls`.
    pub fn new(
        store: Store,
        clock: Clock,
        zone: BillingZone,
        polls: UnboundedSender<WantedPoll>,
        explainer: Arc<dyn Explain>,
    ) -> Console {
        Console { store, clock, zone, setup: Arc::default(), polls, explainer, asked: Arc::default() }
    }

    /// Takes in what the config says.
    pub fn configure(&self, setup: Setup) {
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = setup;
    }

    /// The reports for staff.
    pub fn staff_reports(&self) -> StaffReports {
        StaffReports::new(self.store.clone(), self.clock, self.zone, self.setup())
    }

    /// The routes, behind the doors of `access`.
    pub fn routes(self, access: &Access) -> Served {
        let read = |path, summary| Route::get(path, summary).scope(Scope::Read);
        let report =
            read("/v1/report", "Usage of all accounts in a period; with `what`, mismatches; JSON or CSV")
                .query(&["from", "to", "by", "backend", "account", "meter", "what", "format"]);
        let audit =
            read("/v1/audit", "The audit, newest first").query(&["backend", "account", "limit", "cursor"]);
        let outbox = read("/v1/outbox", "Pending notifications and policy switches")
            .query(&["state", "limit", "cursor"]);
        let backends = read("/v1/backends", "Every backend and how its polls go");
        let backend = read("/v1/backends/{name}", "One backend, and what became of a poll asked for");
        let poll = Route::post("/v1/backends/{name}/poll", "Has a backend polled now").scope(Scope::Admin);
        let accounts =
            read("/v1/accounts", "The current state of accounts").query(&["q", "backend", "limit", "cursor"]);
        let account = read("/v1/accounts/{backend}/{account}", "The current state of one account");
        let days = read("/v1/accounts/{backend}/{account}/days", "An account's days").query(&["from", "to"]);
        let why = read("/v1/accounts/{backend}/{account}/explain", "The readings behind an account's month")
            .query(&["meter", "month"]);
        let map = read("/v1/map", "Accounts against services, then services without an account")
            .query(&["backend", "state", "limit", "cursor"]);
        let set_mapping =
            Route::post("/v1/map/{backend}/{account}", "Says by hand which service an account belongs to")
                .scope(Scope::Admin)
                .body(LONGEST_BODY, "action set with a service, and force; or unset");
        let status = read("/v1/status", "The overall state, as `whmeter status --json` prints it");
        Routes::new(access)
            .add(status, status::status_route)
            .add(set_mapping, mapping::set_mapping)
            .add(report, report::report)
            .add(audit, audit_outbox::audit)
            .add(outbox, audit_outbox::outbox)
            .add(backends, backends::backends)
            .add(backend, backends::backend)
            .add(poll, backends::poll)
            .add(accounts, accounts::accounts)
            .add(account, accounts::account)
            .add(days, accounts::days)
            .add(why, accounts::why)
            .add(map, map::map)
            .served(self.clone())
            .and(pages::routes(self, access))
    }

    /// The numbers of a configured backend that series show.
    pub async fn tally(&self, backend: &BackendId) -> Result<Tally, StoreError> {
        let (setup, moment) = (self.setup(), self.moment());
        let sides = sides(&self.store, &setup.panels, Some(backend)).await?;
        let sides = sides.with_billed(&self.store, &moment, setup.bill_from).await?;
        let backend = backend.clone();
        // Going through a hundred thousand accounts is work for a thread that nothing waits on.
        let counted =
            tokio::task::spawn_blocking(move || findings::tally(&sides, &backend, &moment, &setup.prices))
                .await;
        // A number that could not be made is unknown.
        Ok(counted.unwrap_or_default())
    }

    /// What services used, up to now and in the month before, and can no longer be reported to WHMCS: how many
    /// services, and bytes by metric.
    pub async fn untold(&self) -> Result<Option<(usize, BTreeMap<&'static str, i64>)>, StoreError> {
        let (moment, Setup { panels, bill_from, .. }) = (self.moment(), self.setup());
        let sides = sides(&self.store, &panels, None).await?;
        let sides = sides.with_reported(&self.store, &moment, bill_from).await?;
        let counted = tokio::task::spawn_blocking(move || findings::untold_sums(&sides, &moment)).await;
        // A number that could not be made is unknown, and not nothing.
        Ok(counted.ok())
    }

    /// The backends with accounts that the config does not have, and how many accounts each has.
    pub async fn unconfigured(&self) -> Result<BTreeMap<BackendId, usize>, StoreError> {
        let found = unconfigured(&self.store, &self.panels()).await?;
        Ok(found.into_iter().map(|(state, standing)| (state.backend, standing.present().count())).collect())
    }

    fn setup(&self) -> Setup {
        self.setup.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn panels(&self) -> Arc<[Arc<ConfiguredPanel>]> {
        self.setup().panels
    }

    fn moment(&self) -> Moment {
        Moment::new(self.clock.now(), self.zone, self.setup().max_age)
    }

    /// Every backend that was ever polled, in the order of names, as it stands.
    async fn standings(&self) -> Result<Vec<Arc<Standing>>, Problem> {
        self.store.standings().await.map_err(Problem::unavailable)
    }

    /// One backend as it stands.
    async fn standing(&self, backend: &BackendId) -> Result<Arc<Standing>, Problem> {
        let states = self.store.backends().await.map_err(Problem::unavailable)?;
        let nothing = || Problem::unknown(format!("nothing is stored of a backend {:?}", backend.as_str()));
        let state = states.iter().find(|state| state.backend == *backend).ok_or_else(nothing)?;
        self.store.standing(state).await.map_err(Problem::unavailable)
    }
}
