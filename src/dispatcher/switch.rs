//! Carries out one switch: remembers what was there, applies, and writes down what came of it.

use std::time::Duration;

use super::{Desk, Dispatcher};
use crate::backends::{Applied, BackendError, ConfiguredPanel, Memory, Target};
use crate::domain::{AccountKey, Policy};
use crate::store::{Concluded, Entry, StoreError, SwitchEnd};

/// A panel that has not taken a switch by then has not taken it.
const LONGEST_SWITCH: Duration = Duration::from_secs(5 * 60);

/// Why a switch did not come about.
enum Stopped {
    Panel(BackendError),
    Store(StoreError),
}

impl From<BackendError> for Stopped {
    fn from(error: BackendError) -> Stopped {
        Stopped::Panel(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Store(error)
    }
}

impl Dispatcher {
    pub(super) async fn switch(
        &self,
        desk: &Desk,
        entry: &Entry,
        account: &AccountKey,
        to: Policy,
    ) -> Result<(), StoreError> {
        if !self.inner.store.switch_is_newest(entry).await? {
            return self.conclude(entry, account, to, SwitchEnd::Superseded).await.map(drop);
        }
        let backend = &account.backend;
        let Some(panel) = desk.panels.get(backend) else {
            return self.give_up(entry, "the backend is no longer configured").await;
        };
        let switched = tokio::time::timeout(LONGEST_SWITCH, self.apply(panel, account, to)).await;
        let error = match switched {
            Ok(Ok(end)) => return self.conclude(entry, account, to, end).await.map(drop),
            Ok(Err(Stopped::Store(error))) => return Err(error),
            Ok(Err(Stopped::Panel(error))) => error,
            Err(_) => BackendError::Unreachable("the switch did not end within 5 minutes".into()),
        };
        self.inner.telemetry.switch_failed(backend, error.reason());
        match &error {
            BackendError::NoSuchAccount(_) | BackendError::NotOffered(_) => {
                self.give_up(entry, &error.to_string()).await
            }
            BackendError::Busy { after, .. } => self.failed(entry, &error.to_string(), *after, false).await,
            _ => self.failed(entry, &error.to_string(), None, false).await,
        }
    }

    /// What was there before is stored before the first change, and read back after it.
    async fn apply(
        &self,
        panel: &ConfiguredPanel,
        account: &AccountKey,
        to: Policy,
    ) -> Result<SwitchEnd, Stopped> {
        let store = &self.inner.store;
        let limiter = panel.backend.limiter().ok_or_else(|| {
            BackendError::NotOffered(format!("limiting accounts of a {} panel", panel.kind.name))
        })?;
        let sources = store.sources_of(account).await?;
        let target = Target { account: &account.name, sources: &sources };
        let memory = match (store.memory(account).await?, to) {
            (Some(memory), _) => memory,
            // We have never changed it.
            (None, Policy::Standard) => return Ok(SwitchEnd::Nothing),
            (None, Policy::Limited) => {
                let now = limiter.remember(&target).await?;
                store.keep_memory(account, &now.0).await?
            }
        };
        Ok(match limiter.apply(&target, to, &Memory(memory)).await? {
            Applied::Done => SwitchEnd::Took("done, and read back".into()),
            Applied::AlreadySo => SwitchEnd::Took("it was so already".into()),
            Applied::LeftAlone { found, limited } => SwitchEnd::LeftAlone { found, limited },
        })
    }

    async fn conclude(
        &self,
        entry: &Entry,
        account: &AccountKey,
        to: Policy,
        end: SwitchEnd,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        if self.inner.store.conclude(entry, &end, now).await? == Concluded::Elsewhere {
            return Ok(false);
        }
        let (backend, account) = (&account.backend, &account.name);
        match &end {
            SwitchEnd::Took(answer) => {
                self.inner.telemetry.delivery("policy", "delivered");
                self.inner.telemetry.switched(backend, to, now.since(entry.made_at));
                tracing::info!(%backend, %account, to = to.name(), answer, "policy switched");
            }
            SwitchEnd::LeftAlone { found, limited } => {
                self.inner.telemetry.delivery("policy", "delivered");
                let still = if *limited { "left alone, still limited by" } else { "left as found:" };
                tracing::warn!(%backend, %account, to = to.name(), "changed outside whmeter, {still} {found}");
            }
            SwitchEnd::Nothing | SwitchEnd::Superseded | SwitchEnd::GaveUp(_) => {}
        }
        Ok(true)
    }

    pub(super) async fn give_up_switch(&self, entry: &Entry, why: &str) -> Result<bool, StoreError> {
        let concluded = self.inner.store.conclude(entry, &SwitchEnd::GaveUp(why.into()), self.now()).await?;
        Ok(concluded == Concluded::Yes)
    }
}
