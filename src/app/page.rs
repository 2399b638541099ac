//! Keeps the page true: after a start, after polls, after switches.

use std::collections::HashSet;

use super::App;
use crate::collector::PollReport;
use crate::store::{BackendState, Standing, StoreError};

impl App {
    /// After a start: what was committed before is shown at once, not only after the next polls.
    pub(super) async fn show_everything(&mut self) -> Result<(), StoreError> {
        self.read_states().await?;
        for state in self.polls.stored.clone() {
            self.show_accounts(&state).await?;
        }
        self.exposition.backends(&self.polls.shown());
        Ok(())
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
            self.show_unmetered().await
        };
        if let Err(error) = outcome.await {
            tracing::warn!(backend = %report.backend, "page not brought up to date: {error}");
        }
        self.exposition.backends(&self.polls.shown());
    }

    /// After switches: the page shows what the panels were read back to have.
    pub(super) async fn show_acts(&mut self) {
        let acted = self.dispatcher.take_acted();
        if acted.is_empty() {
            return;
        }
        let outcome = async {
            self.read_states().await?;
            for state in self.polls.stored.iter().filter(|state| acted.contains(&state.backend)) {
                self.show_accounts(state).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = outcome.await {
            tracing::warn!("page not brought up to date after switches: {error}");
        }
    }

    async fn read_states(&mut self) -> Result<(), StoreError> {
        let mut states = self.store.backends().await?;
        states.retain(|state| self.collector.backend(state.backend.as_str()).is_some());
        self.polls.stored = states;
        Ok(())
    }

    async fn show_accounts(&self, state: &BackendState) -> Result<(), StoreError> {
        let standing = self.store.standing(state).await?;
        self.show_mapping(&standing);
        let series = standing.accounts.values().flat_map(|account| &account.series);
        let held_back = series.filter(|series| series.held_back.is_some()).count();
        self.telemetry.held_back(&standing.backend, held_back);
        let (exposition, now) = (self.exposition.clone(), self.clock.now());
        let rendering = tokio::task::spawn_blocking(move || {
            exposition.update(&standing, now);
            exposition.pack();
        });
        if let Err(error) = rendering.await {
            tracing::error!(backend = %state.backend, "page not rendered: {error}; please report this");
        }
        Ok(())
    }

    /// How many accounts of a backend nobody is billed for, where WHMCS has told its services.
    fn show_mapping(&self, standing: &Standing) {
        let mut present = standing.accounts.values().filter(|account| account.gone_at.is_none()).peekable();
        let told = present.any(|account| account.mapped.is_some());
        if told {
            let unbilled = standing.accounts.values().filter(|account| account.is_unbilled()).count();
            self.telemetry.unmapped(&standing.backend, unbilled);
        }
    }

    /// How many living services of each server have no account on any of its panels.
    async fn show_unmetered(&self) -> Result<(), StoreError> {
        for (server, backends) in self.collector.servers() {
            let Some(list) = self.store.services(server).await? else { continue };
            let mut metered = HashSet::new();
            for state in self.polls.stored.iter().filter(|state| backends.contains(&state.backend)) {
                let standing = self.store.standing(state).await?;
                let present = standing.accounts.values().filter(|account| account.gone_at.is_none());
                metered.extend(present.filter_map(|account| Some(account.service()?.id)));
            }
            // A companion has no account of its own: it is the service it stands for that must have one.
            let own = list.services.iter().filter(|one| one.is_live() && one.companion_of().is_none());
            let missing = own.filter(|one| !metered.contains(&one.id));
            self.telemetry.unmetered(server, missing.count());
        }
        Ok(())
    }
}
