//! Keeps the page true: after a start, after polls, after whatever else is committed.

use super::App;
use crate::collector::PollReport;
use crate::domain::BackendId;
use crate::store::{BackendState, Chain, StoreError};

impl App {
    /// After a start: what was committed before is shown at once, not only after the next polls.
    pub(super) async fn show_everything(&mut self) -> Result<(), StoreError> {
        self.read_states().await?;
        for state in self.polls.stored.clone() {
            self.show_accounts(&state).await?;
            self.show_findings(&state.backend).await?;
        }
        self.exposition.backends(&self.polls.shown());
        self.show_unconfigured().await;
        self.show_heads().await;
        self.show_reported().await;
        Ok(())
    }

    /// What WHMCS was told last, by whichever process, of the month that runs.
    pub(super) async fn show_reported(&mut self) {
        let month = self.usage_api.moment().month;
        let times = match self.store.times_reported().await {
            Ok(times) => times,
            Err(error) => return tracing::warn!("what was reported to WHMCS is not known: {error}"),
        };
        for (server, times) in times {
            if self.reported.get(&server) == Some(&(month, times)) {
                continue;
            }
            let values = match self.store.reported_to(server, month).await {
                Ok(values) => values,
                Err(error) => {
                    tracing::warn!(server, "what was reported to WHMCS is not shown: {error}");
                    continue;
                }
            };
            let (exposition, now) = (self.exposition.clone(), self.clock.now());
            let rendering = move || exposition.reported(server, month, &values, now);
            if let Err(error) = tokio::task::spawn_blocking(rendering).await {
                tracing::error!(server, "page not rendered: {error}; please report this");
                continue;
            }
            self.reported.insert(server, (month, times));
        }
    }

    /// How far the chains go, for those who keep that elsewhere.
    pub(super) async fn show_heads(&self) {
        let heads = match self.store.heads().await {
            Ok(heads) => heads,
            Err(error) => return tracing::warn!("heads of the chains are not known: {error}"),
        };
        self.telemetry.heads(heads.iter().map(|head| {
            let (chain, backend) = match &head.chain {
                Chain::Journal(backend) => ("journal", backend.as_str()),
                Chain::Chronicle => ("chronicle", ""),
            };
            (chain, backend, head.entry, head.link_number())
        }));
    }

    /// After a poll: the page shows what it committed, or that it failed.
    pub(super) async fn show(&mut self, report: &PollReport) {
        self.polls.take(report, self.clock.now());
        let outcome = async {
            self.read_states().await?;
            let mut states = self.polls.stored.iter();
            if let Some(state) = states.find(|state| state.backend == report.backend).cloned() {
                self.show_accounts(&state).await?;
            }
            self.show_findings(&report.backend).await
        };
        if let Err(error) = outcome.await {
            tracing::warn!(backend = %report.backend, "metrics page not updated: {error}");
        }
        self.exposition.backends(&self.polls.shown());
    }

    /// After commits, of this process or of another, such as a correction by hand: the page shows what they left.
    pub(super) async fn show_moved(&mut self) {
        let outcome = async {
            self.read_states().await?;
            for state in self.polls.stored.clone() {
                if self.shown.get(&state.backend) != Some(&state.stamp()) {
                    self.show_accounts(&state).await?;
                }
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = outcome.await {
            tracing::warn!("metrics page not updated: {error}");
        }
        // Whoever polled: all replicas say alike how polls go.
        self.exposition.backends(&self.polls.shown());
    }

    /// What cannot be reported to WHMCS any more.
    pub(super) async fn show_untold(&self) {
        match self.console.untold().await {
            Ok(untold) => self.telemetry.untold(untold.as_ref()),
            Err(error) => {
                tracing::warn!("what was never reported to WHMCS is unknown: {error}");
                self.telemetry.untold(None);
            }
        }
        match self.store.held_lists().await {
            Ok(held) => {
                let moved = held.iter().map(|(server, held)| (*server, held.moved)).collect();
                self.telemetry.lists_held(&moved);
            }
            Err(error) => tracing::warn!("rejected lists of services are unknown: {error}"),
        }
    }

    /// The backends that have accounts and are not in the config. Those that were are shown no more; the others stay
    /// shown all the time, so that an alert waits through.
    pub(super) async fn show_unconfigured(&mut self) {
        let found = match self.console.unconfigured().await {
            Ok(found) => found,
            Err(error) => return tracing::warn!("backends that are not configured are not known: {error}"),
        };
        for backend in self.unconfigured.keys().filter(|backend| !found.contains_key(*backend)) {
            self.telemetry.unconfigured(backend, None);
        }
        for (backend, accounts) in &found {
            if !self.unconfigured.contains_key(backend) {
                tracing::warn!(
                    %backend, accounts,
                    "not in the config, and has accounts: see `whmeter report --what unconfigured`"
                );
            }
            self.telemetry.unconfigured(backend, Some(*accounts));
        }
        self.unconfigured = found;
    }

    async fn read_states(&mut self) -> Result<(), StoreError> {
        let mut states = self.store.backends().await?;
        states.retain(|state| self.collector.panel(state.backend.as_str()).is_some());
        self.polls.stored = states;
        Ok(())
    }

    async fn show_accounts(&mut self, state: &BackendState) -> Result<(), StoreError> {
        let standing = self.store.standing(state).await?;
        let stamp = standing.stamp();
        let series = standing.accounts.values().flat_map(|account| &account.series);
        let held_back = series.filter(|series| series.held_back.is_some()).count();
        self.telemetry.held_back(&standing.backend, held_back);
        let series = standing.accounts.values().flat_map(|account| &account.series);
        let collapsed = series.filter(|series| series.doubted.is_some()).count();
        let missing = standing.list_doubt.map_or(0, |doubt| doubt.missing);
        self.telemetry.doubted(&standing.backend, collapsed, missing);
        let panel = self.collector.panel(standing.backend.as_str());
        let silent = panel.and_then(|panel| standing.silence(panel.crowd)).unwrap_or(0);
        self.telemetry.silent(&standing.backend, silent);
        let (exposition, now) = (self.exposition.clone(), self.clock.now());
        let rendering = tokio::task::spawn_blocking(move || {
            exposition.update(&standing, now);
            exposition.pack();
        });
        if let Err(error) = rendering.await {
            tracing::error!(backend = %state.backend, "page not rendered: {error}; please report this");
        }
        self.shown.insert(state.backend.clone(), stamp);
        Ok(())
    }

    /// What of a backend does not fit what WHMCS sells. After a failed poll too: with time numbers become
    /// too old to be shown.
    async fn show_findings(&self, backend: &BackendId) -> Result<(), StoreError> {
        let tally = self.console.tally(backend).await?;
        let telemetry = &self.telemetry;
        telemetry.unmapped(backend, tally.unmapped);
        telemetry.unmapped_bytes(backend, &tally.unmapped_bytes);
        telemetry.unmapped_cost(backend, &tally.unmapped_cost);
        telemetry.ghosts(backend, tally.ghosts);
        telemetry.wrong_plans(backend, tally.wrong_plans);
        telemetry.total_difference(backend, tally.total_difference);
        telemetry.policies(backend, &tally.policies);
        if let Some((server, services)) = tally.unmetered {
            telemetry.unmetered(server, services);
        }
        Ok(())
    }
}
