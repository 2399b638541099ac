//! SolusVM: two products of one name. SolusVM 1 is asked through one address in JSON or loose tags, server by server;
//! SolusVM 2 has a REST API whose list tells everything. An account is a virtual server.

mod one;
mod reset;
mod settings;
#[cfg(test)]
mod tests;
mod two;

use self::settings::PanelConfig;
use super::{Backend, Kind};
use crate::domain::{FoundBy, Meter};
use crate::http::Http;
use crate::settings::{Section, SettingsError};

/// What the house knows about SolusVM before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "solusvm",
    // SolusVM 1 does not tell directions apart, SolusVM 2 does.
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut, Meter::TrafficTotal],
    can_limit: true,
    // By the number that the hook sends as a service's account; its username is a client's, and shared by his servers.
    found_by: FoundBy::Username,
    // Both directions of a network card of 10 Gbit/s.
    max_rate: Some(2_500_000_000),
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    Ok(match PanelConfig::read(section)? {
        PanelConfig::One(one) => one::open(http, one),
        PanelConfig::Two(two) => two::open(http, two),
    })
}
