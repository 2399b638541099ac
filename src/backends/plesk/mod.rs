//! Plesk: bytes stored per subscription, and bytes in and out per day, from the panel's own nightly statistics.
//!
//! The story of a poll: who is there, what did each of them move on the last days. Two calls for any number of
//! subscriptions, and once a day two more for the names of plans and resellers. Read `README.md` beside this file for
//! rights and quirks.

mod check;
mod history;
mod listing;
mod metering;
mod names;
mod panel;
mod readings;
mod refusal;
mod request;
mod settings;
mod sites;
mod status;
mod subscription;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod window;
mod wire;

use async_trait::async_trait;

use self::names::KeptNames;
use self::panel::Panel;
use self::refusal::CallFailure;
use self::request::Which;
use self::settings::PanelConfig;
use self::subscription::DATASETS;
use self::window::Window;
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, PollRequest, Target, Wants,
};
use crate::domain::{FoundBy, Harvest, Meter, Policy};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about Plesk before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "plesk",
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Domain,
    // A server with a network card of 10 Gbit/s, less what it needs itself.
    max_rate: Some(1_000_000_000),
    refusal_pause: super::PAST_THE_GUARD,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = PanelConfig::read(section)?;
    Ok(Box::new(Plesk { panel: Panel::new(http, &config), config, names: KeptNames::default() }))
}

struct Plesk {
    panel: Panel,
    config: PanelConfig,
    names: KeptNames,
}

#[async_trait]
impl Backend for Plesk {
    fn addresses(&self) -> Vec<Url> {
        vec![self.panel.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let which = ask.only.as_ref().map_or(Which::All, |only| Which::Named(only.as_str()));
        let listed = match self.listed(which, &DATASETS).await {
            Err(CallFailure::Refusal(refusal)) if ask.only.is_some() && refusal.is_gone() => return Ok(()),
            listed => listed?,
        };
        listed.warnings.iter().for_each(|warning| harvest.warn(warning.clone()));
        self.put_facts(&listed.subscriptions, ask, harvest).await;
        let window = Window::of_poll(self.config.zone, ask.now, ask.since);
        if ask.since.is_some_and(|since| window.zone.day_of(since) < window.first) {
            let first = window.first;
            harvest.warn(format!(
                "days before {first} are not asked for after so long: `whmeter backfill` reads them"
            ));
        }
        self.put_traffic(&listed.subscriptions, window, harvest).await?;
        if listed.is_whole && ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
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
impl Limiter for Plesk {
    fn by_suspending(&self) -> bool {
        true
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
        self.switch(target.account, policy, memory).await
    }
}
