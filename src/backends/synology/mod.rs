//! Synology DSM 6 and 7: what every local user stores on a NAS, by the accounting of its quotas.
//!
//! The story of a poll: what does the NAS offer, a login, who is there, what does each of them use, and a logout. Read
//! `README.md` beside this file for rights and quirks.

mod accounts;
mod apis;
mod batch;
mod call;
mod check;
mod freeze;
mod group;
mod hold;
mod metering;
mod nas;
mod quota;
mod refusal;
mod select;
mod settings;
mod switch;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use self::nas::Nas;
use self::quota::QuotaPlace;
use self::settings::NasConfig;
use super::{
    Applied, Backend, BackendError, CheckStep, Kind, Limiter, Memory, PAST_THE_GUARD, PollRequest, Target,
    Wants,
};
use crate::domain::{AccountName, FoundBy, Harvest, Meter, Policy};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about a Synology NAS before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "synology",
    // DSM does not count traffic by user.
    meters: &[Meter::StorageUsed],
    can_limit: true,
    found_by: FoundBy::Username,
    // A NAS with a network card of 10 Gbit/s.
    max_rate: Some(1_250_000_000),
    // Auto Block.
    refusal_pause: PAST_THE_GUARD,
    limit_template: Some("puqSynology Notification disk limit"),
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    Ok(Box::new(Synology::new(NasConfig::read(section)?, http)))
}

/// What was counted of each account at the last poll. Only a poll of the same process is compared with: a restart forgets
/// it, and then the doubt of a level that collapses is all there is.
type Counted = BTreeMap<AccountName, BTreeSet<QuotaPlace>>;

struct Synology {
    nas: Nas,
    config: NasConfig,
    /// Whether the NAS takes many calls in one, as far as it was tried.
    takes_batches: AtomicBool,
    counted: Mutex<Counted>,
}

impl Synology {
    fn new(config: NasConfig, http: Http) -> Synology {
        let (takes_batches, counted) = (AtomicBool::new(true), Mutex::default());
        Synology { nas: Nas::new(http, &config), config, takes_batches, counted }
    }
}

#[async_trait]
impl Backend for Synology {
    fn addresses(&self) -> Vec<Url> {
        vec![self.nas.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.nas.visit(self.read(ask, harvest)).await
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        let work = async {
            self.check_all(wants, steps).await;
            Ok(())
        };
        // Nothing but the steps can fail.
        let _: Result<(), BackendError> = self.nas.visit(work).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Synology {
    fn by_suspending(&self) -> bool {
        self.config.limiting == settings::Limiting::Disable
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        self.nas.visit(self.remembered(target.account)).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        self.nas.visit(self.switch(target.account, policy, memory)).await
    }
}
