//! OnApp: traffic per finished hour and allocated disk, of virtual servers, of users, or of users by their CDN.
//!
//! The story of a poll: who is there, what did each move in the hours since the last look and some before it. Rows come
//! late and are revised, so the last hours are read again each time. Read `README.md` beside this file for rights and
//! quirks.

mod amount;
mod cdn;
mod charges;
mod check;
mod interfaces;
mod listing;
mod panel;
mod polling;
mod refusal;
mod release;
mod settings;
mod speed;
mod sums;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod window;
mod wire;

use std::collections::BTreeSet;

use async_trait::async_trait;

use self::charges::AskedCharges;
use self::interfaces::KeptInterfaces;
use self::panel::Panel;
use self::polling::Wanted;
use self::settings::{Accounts, LimitBy, PanelConfig};
use self::window::Window;
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, Past, PollRequest, Target,
    Wants,
};
use crate::domain::{FoundBy, Harvest, Meter, Policy};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about OnApp before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "onapp",
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    // The login of a user; servers have numbers, which WHMCS's hook sends or an operator pins.
    found_by: FoundBy::Username,
    // A network card of 10 Gbit/s.
    max_rate: Some(1_250_000_000),
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = PanelConfig::read(section)?;
    let panel = Panel::new(http, &config);
    Ok(Box::new(OnApp { panel, config, kept: KeptInterfaces::default(), charged: AskedCharges::default() }))
}

struct OnApp {
    panel: Panel,
    config: PanelConfig,
    kept: KeptInterfaces,
    charged: AskedCharges,
}

#[async_trait]
impl Backend for OnApp {
    /// Servers and users are the same bytes counted twice: two such backends are one panel. CDN is a part of its own.
    fn addresses(&self) -> Vec<Url> {
        let mut address = self.panel.base().clone();
        address.set_fragment((self.config.accounts == Accounts::Cdn).then_some("cdn"));
        vec![address]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let polled = self.read(&self.wanted(ask), harvest).await;
        if polled.is_err() {
            self.panel.forget();
        }
        polled
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn reports(&self, meter: Meter) -> bool {
        self.config.accounts != Accounts::Cdn || meter == Meter::TrafficOut
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }
}

#[async_trait]
impl History for OnApp {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        let window = Window::of_past(past.since, past.until, past.now);
        let wanted = Wanted {
            now: past.now,
            window,
            only: None,
            limited: &[],
            with_present: false,
            heard: BTreeSet::new(),
        };
        self.read(&wanted, harvest).await
    }
}

#[async_trait]
impl Limiter for OnApp {
    fn by_suspending(&self) -> bool {
        self.config.limit_by == LimitBy::Suspend
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
