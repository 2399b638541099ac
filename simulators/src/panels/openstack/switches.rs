//! How the cloud behaves, changeable at run time. What the reference leaves open is a switch.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How the cloud behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Keystone 27 and later, which has pages; before, `limit` is ignored.
    pub keystone_pages: bool,
    /// The operator's `list_limit`, where Keystone has no pages: the first so many, and `truncated`.
    pub list_limit: Option<usize>,
    /// The most rows of an answer, where Keystone has pages; without `limit` it cuts there and does not say so.
    pub max_db_limit: usize,
    /// Keystone stands below `/identity`, and a next link has that twice (27 and 28).
    pub doubled_prefix: bool,
    /// How long a token is good, in seconds.
    pub token_seconds: i64,
    /// Services refuse a token so many seconds before Keystone does.
    pub refused_early_seconds: i64,
    /// For so long services let in a token that Keystone itself no longer does, in seconds.
    pub cached_seconds: i64,
    /// The roles of the identity on its project.
    pub roles: BTreeSet<String>,
    /// The user has a second factor: a password gets a receipt.
    pub second_factor: bool,
    /// The user's password has expired.
    pub password_expired: bool,
    /// When the application credential ends (epoch seconds).
    pub credential_expires_at: Option<i64>,
    /// After so many refused logins the user is locked, behind the ordinary 401.
    pub lockout_failure_attempts: Option<usize>,
    /// How long such a lock holds, in seconds.
    pub lockout_seconds: i64,
    /// Refusals of Keystone have an `identity` object in their error.
    pub identity_in_401: bool,
    /// The services cannot reach Keystone: 503 with a page.
    pub keystone_unreachable: bool,

    /// How many regions there are: 1, or 2 (the second is empty).
    pub regions: u8,
    /// Addresses in the catalogue end with a slash.
    pub trailing_slashes: bool,
    /// Addresses of Gnocchi, Neutron and Nova have their version's path already, or not yet.
    pub versioned_urls: bool,
    /// Services without an end in the catalogue, by type, though they are listed.
    pub empty_endpoints: BTreeSet<String>,
    /// Services that the catalogue does not list, by type.
    pub missing_services: BTreeSet<String>,

    /// Gnocchi is older than 4.5: a metric that nobody has is a 400.
    pub old_gnocchi: bool,
    /// The archive policy of metrics: `low-rate`, `low`, `high-rate`.
    pub policy: String,
    /// Every other interface has the policy `low` instead.
    pub mixed_policies: bool,
    /// What the policies aggregate besides `mean`, such as `max` or `last`.
    pub further_methods: BTreeSet<String>,
    /// Seconds from one of Ceilometer's polls to the next.
    pub polling_seconds: i64,
    /// Seconds after a multiple of that. At 0 a sample is the last thing in its window.
    pub polling_offset: i64,
    /// Every sample whose number this divides is two seconds late: two are in one window then, and none in the one before.
    pub late_every: Option<i64>,
    /// When Ceilometer was off: from, until (epoch seconds).
    pub outages: Vec<(i64, i64)>,
    /// Samples younger than this are not worked in yet, in seconds.
    pub backlog_seconds: i64,
    /// The most rows in a list of Gnocchi.
    pub max_limit: usize,
    /// A volume that moved to another project keeps its first one in Gnocchi (before spring 2026).
    pub stale_owner: bool,

    /// The highest microversion of Nova, behind `2.`.
    pub nova_newest: u32,
    /// The most servers in an answer.
    pub nova_page: usize,
    /// How often a server still says that its task runs before that is done.
    pub action_polls: u32,
    /// Whether the hypervisor can suspend and pause.
    pub can_freeze: bool,
    /// Next links have an internal address, and are plain HTTP.
    pub internal_links: bool,

    /// The most volumes in an answer.
    pub cinder_page: usize,
    /// A quota below what is in use is refused with 400.
    pub refuses_low_quota: bool,

    /// An account of objects that nobody used yet is shown as empty; else it is a 404.
    pub account_autocreate: bool,
    /// Figures of objects are so old, in seconds.
    pub objects_late_seconds: i64,
    /// Swift has the middleware for quotas.
    pub account_quotas: bool,

    /// Neutron has the extension `qos`.
    pub has_qos: bool,
    /// Manila is there, and every project has a share of so many GiB; 0 is no Manila.
    pub share_gib: u64,

    /// The most images in an answer.
    pub glance_page: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            keystone_pages: true,
            list_limit: None,
            max_db_limit: 1_000,
            doubled_prefix: false,
            token_seconds: 3_600,
            refused_early_seconds: 0,
            cached_seconds: 300,
            roles: ["admin", "ResellerAdmin"].map(str::to_owned).into(),
            second_factor: false,
            password_expired: false,
            credential_expires_at: None,
            lockout_failure_attempts: None,
            lockout_seconds: 1_800,
            identity_in_401: false,
            keystone_unreachable: false,
            regions: 1,
            trailing_slashes: false,
            versioned_urls: true,
            empty_endpoints: BTreeSet::new(),
            missing_services: BTreeSet::new(),
            old_gnocchi: false,
            policy: "low-rate".to_owned(),
            mixed_policies: false,
            further_methods: BTreeSet::new(),
            polling_seconds: 300,
            polling_offset: 0,
            late_every: None,
            outages: Vec::new(),
            backlog_seconds: 0,
            max_limit: 1_000,
            stale_owner: false,
            nova_newest: 104,
            nova_page: 1_000,
            action_polls: 1,
            can_freeze: true,
            internal_links: false,
            cinder_page: 1_000,
            refuses_low_quota: false,
            account_autocreate: true,
            objects_late_seconds: 0,
            account_quotas: true,
            has_qos: true,
            share_gib: 0,
            glance_page: 1_000,
        }
    }
}
