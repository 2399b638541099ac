//! How this server behaves where builds, settings and rights differ; set at run time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an answer is wrapped in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `data` and `metadata`, where `api.version=1` is asked for.
    #[default]
    Api1,
    /// The shapes of API 0, whatever is asked for.
    Api0,
    /// `cpanelresult`.
    Legacy,
}

/// What `diskused` of `listaccts` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskUsed {
    /// Whole MiB: `731M`.
    #[default]
    Whole,
    /// `false`.
    False,
    /// `none`.
    None,
    /// An empty text.
    Empty,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What answers are wrapped in.
    pub envelope: Envelope,
    /// `version` alone answers in the legacy wrapper, as recorded at 11.134.
    pub version_in_legacy_wrapper: bool,
    /// Numbers in `data` are written as texts.
    pub numbers_as_texts: bool,
    /// `metadata.result` is a text.
    pub result_as_text: bool,
    /// What the token of root may do; `all` is everything.
    pub privileges: Vec<String>,
    /// How a missing privilege is said; `{function}` is the call.
    pub denied_text: String,
    /// The token of root sees this owner's accounts alone; an owner without accounts makes the list empty.
    pub sees_owner: Option<String>,
    /// When tokens end (epoch seconds).
    pub token_expires: Option<i64>,
    /// The body of a refusal is no JSON, as old builds wrote it.
    pub malformed_refusal: bool,
    /// So many failures within `lockout_minutes` lock the caller out; 0 never.
    pub lockout_failures: usize,
    /// How long failures are counted, and how long a lock-out lasts.
    pub lockout_minutes: i64,
    /// Who is locked out gets no answer at all.
    pub lockout_silent: bool,
    /// A page for people, with status 200, in place of every answer.
    pub page_instead: bool,
    /// Where the server's months begin; one that the simulators' `zone.rs` knows.
    pub timezone: String,
    /// Bandwidth is processed every so many minutes, 1440 being nightly; 0 is all the time.
    pub processed_every_minutes: i64,
    /// So long after its end a month is still called the running one.
    pub months_reset_late_minutes: i64,
    /// Months of bandwidth kept, the running one among them; older ones are zeros.
    pub history_months: u32,
    /// What `limit` of an account without one is.
    pub unlimited_bandwidth: Value,
    /// The month of a name that was made again holds the bytes of the deleted account too, which then has no row.
    pub recreated_carries: bool,
    /// The quota cache is so many minutes old; `cache_mode=off` is never.
    pub disk_cache_minutes: i64,
    /// `get_disk_usage` is there (v80).
    pub has_disk_usage: bool,
    /// What `diskused` of `listaccts` is.
    pub diskused: DiskUsed,
    /// Quotas are on; without them every figure of disks is 0.
    pub quotas: bool,
    /// Keys of `listaccts` that this build does not have.
    pub leaves_out: Vec<String>,
    /// A chunk of a list tells which it is.
    pub tells_chunk: bool,
    /// Accounts have the feature for bandwidth statistics.
    pub bandwidth_feature: bool,
    /// UAPI writes an empty hash as `[]`.
    pub empty_as_array: bool,
    /// How long a suspension really takes; it is finished whether the caller waits or not.
    pub suspend_milliseconds: u64,
    /// Suspensions and limits are taken and forgotten.
    pub writes_ignored: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            envelope: Envelope::default(),
            version_in_legacy_wrapper: false,
            numbers_as_texts: false,
            result_as_text: false,
            privileges: vec!["all".to_owned()],
            denied_text: "You do not have permission to call “{function}”.".to_owned(),
            sees_owner: None,
            token_expires: None,
            malformed_refusal: false,
            lockout_failures: 5,
            lockout_minutes: 15,
            lockout_silent: false,
            page_instead: false,
            timezone: "Europe/Warsaw".to_owned(),
            processed_every_minutes: 0,
            months_reset_late_minutes: 0,
            history_months: 24,
            unlimited_bandwidth: 0.into(),
            recreated_carries: false,
            disk_cache_minutes: 0,
            has_disk_usage: true,
            diskused: DiskUsed::default(),
            quotas: true,
            leaves_out: Vec::new(),
            tells_chunk: false,
            bandwidth_feature: true,
            empty_as_array: false,
            suspend_milliseconds: 0,
            writes_ignored: false,
        }
    }
}

impl Switches {
    /// Whether the token of root may make a call that needs a privilege; none is needed where it is empty.
    pub fn may(&self, privilege: &str) -> bool {
        privilege.is_empty() || self.privileges.iter().any(|held| held == "all" || held == privilege)
    }
}
