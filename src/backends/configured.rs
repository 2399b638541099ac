//! One configured panel, as the config says it: the same value for every room.

use std::fmt;
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer};

use super::schedule::Schedule;
use super::{Backend, Kind, Limiter};
use crate::clock::Clock;
use crate::domain::{AccountName, BackendId, Bytes, Seconds, Timestamp};
use crate::http::{Http, Url};
use crate::metering::{Bounds, Crowd};
use crate::settings::{MaxRate, SettingsError, Size};

/// The keys every backend's section has, whatever its kind.
#[derive(Clone, Debug, Deserialize)]
pub struct CommonSettings {
    /// For ever: it is part of every key.
    pub name: String,
    /// `tblservers.id` that this backend answers for.
    #[serde(default)]
    pub whmcs_server: Option<i64>,
    /// `"15m"`, 1s to 31d, or a cron line.
    #[serde(default = "quarter_hour", deserialize_with = "interval")]
    pub every: String,
    /// How many days this backend's daily points are kept, where not as the store says.
    #[serde(default)]
    pub keep_days: Option<u32>,
    /// How long after a period's end it may be billed: panels report some things late.
    #[serde(default = "two_days")]
    pub settle_hours: u32,
    /// The most that can pass through one account in a second; what jumps further is held back. `"none"` holds nothing
    /// back; without it the kind's own.
    #[serde(default)]
    pub max_rate: Option<MaxRate>,
    /// The same of what an account stores; nothing is held back without it.
    #[serde(default)]
    pub max_storage_rate: Option<MaxRate>,
    /// A level that falls by more than so many of a hundred is doubted.
    #[serde(default = "collapse_percent")]
    pub collapse_percent: u32,
    /// One of less than this only if it falls to nothing.
    #[serde(default = "collapse_least")]
    pub collapse_least: Size,
    /// Fewer accounts than this may always be missing from a list at once.
    #[serde(default = "crowd_least")]
    pub crowd_least: u32,
    /// A list that lacks more than so many of a hundred accounts is doubted.
    #[serde(default = "crowd_percent")]
    pub crowd_percent: u32,
    /// Only these accounts, as globs; all when empty.
    #[serde(default)]
    pub account_include: Vec<String>,
    /// Never these accounts, as globs.
    #[serde(default)]
    pub account_exclude: Vec<String>,
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map_err(|_| {
        serde::de::Error::custom(
            "expected an interval with its unit in quotes, like \"5m\", or a cron line in quotes",
        )
    })
}

fn quarter_hour() -> String {
    "15m".into()
}

fn two_days() -> u32 {
    48
}

fn collapse_percent() -> u32 {
    Bounds::default().collapse_percent
}

fn collapse_least() -> Size {
    Size(Bounds::default().collapse_least.get())
}

fn crowd_least() -> u32 {
    Crowd::default().least
}

fn crowd_percent() -> u32 {
    Crowd::default().percent
}

/// One configured panel: what the config says of it, and the panel itself. Built once by the config and
/// handed to every room.
pub struct ConfiguredPanel {
    /// Its name.
    pub id: BackendId,
    /// Its kind.
    pub kind: &'static Kind,
    /// `tblservers.id` that it answers for.
    pub whmcs_server: Option<i64>,
    /// When it is polled.
    pub schedule: Schedule,
    /// How many days its daily points are kept, where not as the store says.
    pub keep_days: Option<u32>,
    /// How long after a period's end it may be billed.
    pub settle: Seconds,
    /// How far its readings may jump or fall and be believed at once.
    pub bounds: Bounds,
    /// How many accounts may be missing from a list at once before it is doubted.
    pub crowd: Crowd,
    /// The panel.
    pub backend: Arc<dyn Backend>,
    /// The client that asks it, where it is asked over HTTP.
    http: Option<Http>,
    /// Its own clock, where it is reported otherwise than by the answers of a client.
    own_clock: Option<Clock>,
    include: GlobSet,
    exclude: GlobSet,
}

impl ConfiguredPanel {
    /// Takes the common keys of a section; what is left is the kind's own, opened as `backend`. An error names
    /// its key.
    pub fn new(
        common: &CommonSettings,
        kind: &'static Kind,
        backend: Box<dyn Backend>,
    ) -> Result<ConfiguredPanel, SettingsError> {
        let wrong = |key: &str| {
            let key = key.to_string();
            move |problem: String| SettingsError::new(key, problem)
        };
        if !(1..=100).contains(&common.crowd_percent) {
            let problem = format!("{} is out of range; expected 1 to 100", common.crowd_percent);
            return Err(SettingsError::new("crowd_percent", problem));
        }
        if let Some(number) = common.whmcs_server.filter(|number| *number < 1) {
            let problem =
                format!("{number} is no number of a server; expected tblservers.id of WHMCS, 1 or more");
            return Err(SettingsError::new("whmcs_server", problem));
        }
        if !(1..=100).contains(&common.collapse_percent) {
            let problem = format!("{} is out of range; expected 1 to 100", common.collapse_percent);
            return Err(SettingsError::new("collapse_percent", problem));
        }
        let rate = |key: &str, refusal: Option<MaxRate>, kinds: Option<u64>| {
            let bytes = refusal.map_or(kinds, MaxRate::bytes).map(Bytes::new);
            bytes.transpose().map_err(|error| wrong(key)(error.to_string()))
        };
        let bounds = Bounds {
            max_rate: rate("max_rate", common.max_rate, kind.max_rate)?,
            max_storage_rate: rate("max_storage_rate", common.max_storage_rate, None)?,
            collapse_percent: common.collapse_percent,
            collapse_least: Bytes::new(common.collapse_least.0)
                .map_err(|error| wrong("collapse_least")(error.to_string()))?,
            new_road: false,
        };
        Ok(ConfiguredPanel {
            id: BackendId::new(&common.name).map_err(|error| wrong("name")(error.to_string()))?,
            kind,
            whmcs_server: common.whmcs_server,
            schedule: common.every.parse().map_err(wrong("every"))?,
            keep_days: common.keep_days,
            settle: Seconds::hours(common.settle_hours.into()),
            bounds,
            crowd: Crowd { least: common.crowd_least, percent: common.crowd_percent },
            backend: Arc::from(backend),
            http: None,
            own_clock: None,
            include: globs(&common.account_include).map_err(wrong("account_include"))?,
            exclude: globs(&common.account_exclude).map_err(wrong("account_exclude"))?,
        })
    }

    /// The same, asked by this client.
    pub fn asked_by(self, http: Http) -> ConfiguredPanel {
        ConfiguredPanel { http: Some(http), ..self }
    }

    /// The same, with a clock of its own that is reported otherwise than by the answers of a client: simulated panels.
    pub fn dated_by(self, clock: Clock) -> ConfiguredPanel {
        ConfiguredPanel { own_clock: Some(clock), ..self }
    }

    /// Whether it limits accounts by switching them off, so that an account switched off may be ours.
    pub fn limits_by_suspending(&self) -> bool {
        self.backend.limiter().is_some_and(Limiter::by_suspending)
    }

    /// What its own clock shows now, as far as its answers report.
    pub fn panel_time(&self) -> Option<Timestamp> {
        match self.own_clock {
            Some(clock) => Some(clock.now()),
            None => self.http.as_ref()?.panel_time(),
        }
    }

    /// Who has answered since this was asked last; see [`Http::take_answered`].
    pub fn take_answered(&self) -> Vec<String> {
        self.http.as_ref().map(Http::take_answered).unwrap_or_default()
    }

    /// What panel it is, whatever the backend is called: its addresses as `host:port/path`, in order. Whether they are
    /// asked with or without TLS makes no other panel.
    pub fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<String> = self.backend.addresses().iter().map(address).collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }

    /// Whether the config leaves nobody out.
    pub fn wants_everybody(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether the config wants this account.
    pub fn wants(&self, account: &AccountName) -> bool {
        let included = self.include.is_empty() || self.include.is_match(account.as_str());
        included && !self.exclude.is_match(account.as_str())
    }
}

impl fmt::Debug for ConfiguredPanel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredPanel").field("id", &self.id).field("kind", &self.kind.name).finish()
    }
}

fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let port = url.port_or_known_default().unwrap_or_default();
    let part = url.fragment().map(|part| format!("#{part}")).unwrap_or_default();
    format!("{host}:{port}{}{part}", url.path().trim_end_matches('/'))
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| error.to_string())?);
    }
    set.build().map_err(|error| error.to_string())
}

#[cfg(test)]
impl ConfiguredPanel {
    /// A panel without accounts, configured by these keys, for tests of other rooms.
    pub(crate) fn empty(keys: &str) -> ConfiguredPanel {
        struct Empty;

        #[async_trait::async_trait]
        impl Backend for Empty {
            async fn poll(
                &self,
                _: &super::PollRequest,
                harvest: &mut crate::domain::Harvest,
            ) -> Result<(), super::BackendError> {
                harvest.listed_everyone();
                Ok(())
            }

            async fn check(&self, _: super::Wants, _: &mut Vec<super::CheckStep>) {}
        }

        let section = crate::settings::Section::new(keys.parse().expect("toml"), std::path::Path::new("."));
        let common: CommonSettings = section.read().expect("settings");
        ConfiguredPanel::new(&common, &super::KINDS[0], Box::new(Empty)).expect("a panel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_is_known_by_its_address_however_that_is_written() {
        let written = |text: &str| address(&Url::parse(text).expect("an address"));
        for same in ["https://S3.Example.net/", "https://s3.example.net.:443", "http://s3.example.net:443"] {
            assert_eq!(written(same), "s3.example.net:443", "{same}");
        }
        assert_eq!(written("https://[2001:DB8::1]:9000"), "[2001:db8::1]:9000");
        assert_eq!(written("https://b/panel/"), "b:443/panel");
        assert_ne!(written("https://b#one"), written("https://b#two"));
        assert_ne!(written("http://b:80"), written("https://b"));
    }
}
