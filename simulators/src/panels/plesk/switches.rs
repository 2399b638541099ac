//! How this server behaves where releases and settings differ, or nothing is written down; set at run time.

use serde::{Deserialize, Serialize};

/// When figures are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// All the time.
    #[default]
    Live,
    /// By the maintenance run of the night, and whenever the operator starts one.
    Nightly,
}

/// What is shown of a day that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Today {
    /// What has moved so far.
    #[default]
    SoFar,
    /// What the last maintenance run saw of it; before the run of the day nothing.
    LastRun,
    /// No row.
    Absent,
}

/// What an answer about nobody looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// No `result` at all.
    #[default]
    NoResult,
    /// One `result` that is ok and has nothing else.
    BareResult,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The newest protocol it speaks. Up to 1.6.3.x there is no `resource-usage`, and before 1.6.6.0 no secret key.
    pub protocol: String,
    /// The packets it sends name the protocol.
    pub tells_protocol: bool,
    /// Every answer is indented, asked for or not.
    pub pretty: bool,
    /// Items of a dataset may be asked for in any order, as one module of a vendor does.
    pub loose_datasets: bool,
    /// What an answer about nobody looks like.
    pub empty: Empty,
    /// Results tell what they were chosen by also where nothing was chosen.
    pub tells_filter_id: bool,
    /// Subscriptions tell whose they are.
    pub tells_owners: bool,
    /// When figures are computed.
    pub statistics: Statistics,
    /// When the maintenance run of the night starts: minutes after the zone's midnight.
    pub maintenance_minute: i64,
    /// What is shown of a day that is not over.
    pub today: Today,
    /// Days without traffic have a row.
    pub zero_days: bool,
    /// Mail of a day is added to its row so many days later.
    pub mail_late_days: u64,
    /// What a subscription moves includes its additional sites.
    pub sites_included: bool,
    /// Months of daily rows kept before the running one.
    pub stat_ttl: u32,
    /// What `max_traffic` counts: 1 in, 2 out, 3 both.
    pub traffic_accounting: u8,
    /// Where the server's days begin; one that the simulators' `zone.rs` knows.
    pub timezone: String,
    /// Whatever is asked is refused with this code.
    pub refuses: Option<u16>,
    /// The one address that may use the API; every caller here is 127.0.0.1.
    pub allowed_address: Option<String>,
    /// The one address that keys are bound to.
    pub key_address: Option<String>,
    /// A login is locked after so many wrong passwords; `None` locks nobody.
    pub lock_after: Option<u32>,
    /// How long a login is locked, in seconds.
    pub locked_seconds: i64,
    /// A proxy drops headers whose names have underscores.
    pub drops_underscores: bool,
    /// The panel is being updated: everything is an HTML page with 503.
    pub updating: bool,
    /// The extension with the REST API is installed.
    pub rest: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            protocol: "1.6.9.1".to_owned(),
            tells_protocol: true,
            pretty: false,
            loose_datasets: false,
            empty: Empty::default(),
            tells_filter_id: false,
            tells_owners: true,
            statistics: Statistics::default(),
            maintenance_minute: 4 * 60 + 7,
            today: Today::default(),
            zero_days: true,
            mail_late_days: 0,
            sites_included: true,
            stat_ttl: 3,
            traffic_accounting: 3,
            timezone: "Europe/Warsaw".to_owned(),
            refuses: None,
            allowed_address: None,
            key_address: None,
            lock_after: Some(5),
            locked_seconds: 1_800,
            drops_underscores: false,
            updating: false,
            rest: true,
        }
    }
}

impl Switches {
    /// Whether it speaks this protocol.
    pub fn speaks(&self, protocol: &str) -> bool {
        parts(protocol) <= parts(&self.protocol)
    }

    /// Whether it speaks 1.6.3.x at most: additional sites are left out of `stat`, and nothing else tells of them.
    pub fn is_early(&self) -> bool {
        !self.speaks("1.6.4.0")
    }
}

/// A protocol as numbers; what is left out is 0.
fn parts(protocol: &str) -> [u32; 4] {
    let mut parts = [0; 4];
    for (part, text) in parts.iter_mut().zip(protocol.split('.')) {
        *part = text.parse().unwrap_or(u32::MAX);
    }
    parts
}
