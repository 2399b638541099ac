//! OpenStack: what each project of a cloud and region stores, and what its network cards sent and received.
//!
//! The story of a poll: log in once, list the projects, read the windows of all network cards in two calls and the sizes
//! of all volumes in pages, ask Swift about each project. Read `README.md` beside this file for rights and traps.

mod catalogue;
mod check;
mod diagnostics;
mod freeze;
mod gnocchi;
mod history;
mod images;
mod objects;
mod paging;
mod projects;
mod qos;
mod quotas;
mod refusal;
mod servers;
mod session;
mod settings;
mod sizes;
mod storage;
mod switch;
#[cfg(test)]
mod tests;
mod time;
mod traffic;
mod windows;
mod wire;

use async_trait::async_trait;

use self::projects::{AMBIGUOUS, Projects};
use self::servers::KeptServers;
use self::session::Cloud;
use self::settings::{CloudConfig, Traffic};
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, PAST_THE_GUARD, Past,
    PollRequest, Target, Wants,
};
use crate::domain::{FoundBy, Harvest, Identity, Meter, Policy, Reason};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about OpenStack before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "openstack",
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Username,
    // A network card of 10 Gbit/s.
    max_rate: Some(1_250_000_000),
    // `lockout_failure_attempts` locks the user, behind an answer like any other.
    refusal_pause: PAST_THE_GUARD,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let (access, config) = settings::read(section)?;
    Ok(Box::new(OpenStack { cloud: Cloud::new(http, access), config }))
}

struct OpenStack {
    cloud: Cloud,
    config: CloudConfig,
}

#[async_trait]
impl Backend for OpenStack {
    fn addresses(&self) -> Vec<Url> {
        vec![self.cloud.address()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let projects = self.projects().await?;
        self.put_facts(&projects, harvest);
        let servers = KeptServers::default();
        match self.config.traffic {
            Traffic::Gnocchi => self.put_traffic(&projects, ask, &servers, harvest).await,
            Traffic::Diagnostics => self.put_diagnostics(&projects, ask, &servers, harvest).await,
            Traffic::None => {}
        }
        if !self.config.storage.is_empty() {
            self.put_storage(&projects, ask, &servers, harvest).await;
        }
        self.put_policies(&projects, ask, harvest).await;
        match &ask.only {
            Some(only) => harvest.keep_only(only),
            None => harvest.listed_everyone(),
        }
        Ok(())
    }

    fn reports(&self, meter: Meter) -> bool {
        match meter {
            Meter::StorageUsed => !self.config.storage.is_empty(),
            Meter::TrafficIn | Meter::TrafficOut => self.config.traffic != Traffic::None,
            Meter::TrafficTotal => false,
        }
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }
}

#[async_trait]
impl History for OpenStack {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.archive(past, harvest).await
    }
}

#[async_trait]
impl Limiter for OpenStack {
    /// By disabling a project alone: frozen servers do not make it one that is switched off.
    fn by_suspending(&self) -> bool {
        self.config.limited == settings::Limited::Disable
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        self.remembered(target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        self.switched(target.account, policy, memory).await
    }
}

impl OpenStack {
    /// What Keystone says of every project besides its name.
    fn put_facts(&self, projects: &Projects, harvest: &mut Harvest) {
        projects.warnings.iter().for_each(|warning| harvest.warn(warning.clone()));
        for project in projects.metered.values() {
            if project.is_ambiguous {
                harvest.unread(&project.account, None, Reason::Unexpected, AMBIGUOUS);
                continue;
            }
            let facts = harvest.facts_mut(&project.account);
            facts.identity = Identity::new().with_unique(&project.id);
            facts.suspended = project.enabled.map(|enabled| !enabled);
            facts.package = project.plan.clone();
            facts.reseller = (!project.domain.is_empty()).then(|| project.domain.clone());
        }
    }
}
