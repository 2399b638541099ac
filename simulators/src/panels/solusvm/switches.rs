//! How this panel behaves where the two products and their releases differ, or where nobody wrote it down; set at run
//! time.

use serde::{Deserialize, Serialize};

/// How a task of version 2 ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// What was asked for is done.
    #[default]
    Done,
    /// It is not.
    Failed,
    /// Somebody stopped it.
    Canceled,
    /// It went wrong on the way; here nothing is done.
    DoneWithErrors,
}

/// Where version 2 tells addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addresses {
    /// `ip_addresses`, by family, as newer releases do.
    #[default]
    IpAddresses,
    /// `ips`, in one list, as older ones did.
    Ips,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Which product it is: 1, or 2 (the former SolusIO).
    pub version: u32,
    /// A page for people is all that anybody sees.
    pub maintenance: bool,
    /// `user:password` of the HTTP authentication in front of it.
    pub basic_auth: Option<String>,
    /// Whether what is asked to be suspended or resumed really is; every answer says so.
    pub writes_ignored: bool,
    /// Version 1: whether the caller's address is on the list.
    pub address_allowed: bool,
    /// Version 1: where the master stands; one that the simulators' `zone.rs` knows.
    pub timezone: String,
    /// Version 1: traffic is reset on each server's day of creation, and not on the 1st.
    pub anniversary: bool,
    /// Version 1: how many minutes after midnight the daily job comes to the reset.
    pub reset_late_minutes: i64,
    /// Version 1: the figures of a suspended server are told; empty texts where not.
    pub disabled_tells: bool,
    /// Version 1: what is free may be less than nothing.
    pub free_below_zero: bool,
    /// Version 1: names of pictures and the rescue mode are among the information.
    pub tells_graphs: bool,
    /// Version 1: a list of one is that one, and a list of none an empty text.
    pub loose_lists: bool,
    /// Version 2: whether the token is an administrator's; another sees the servers of its user alone.
    pub admin: bool,
    /// Version 2: the token may look and not touch.
    pub read_only: bool,
    /// Version 2: whoever does not ask for JSON gets a page.
    pub wants_accept: bool,
    /// Version 2: rows on a page.
    pub per_page: usize,
    /// Version 2: where addresses stand.
    pub addresses: Addresses,
    /// Version 2: units of limits are `KB` to `PB`, as before March 2022.
    pub old_units: bool,
    /// Version 2: `actual_size` of a disk is in whole GiB, rounded up.
    pub disks_in_gib: bool,
    /// Version 2: how long a task takes.
    pub task_milliseconds: u64,
    /// Version 2: how tasks end.
    pub tasks_end: TaskEnd,
    /// Version 2: to suspend a suspended server, or resume one that runs, is refused.
    pub repeat_refused: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            version: 2,
            maintenance: false,
            basic_auth: None,
            writes_ignored: false,
            address_allowed: true,
            timezone: "Europe/Warsaw".to_owned(),
            anniversary: false,
            reset_late_minutes: 0,
            disabled_tells: true,
            free_below_zero: false,
            tells_graphs: false,
            loose_lists: false,
            admin: true,
            read_only: false,
            wants_accept: true,
            per_page: 15,
            addresses: Addresses::default(),
            old_units: false,
            disks_in_gib: false,
            task_milliseconds: 60,
            tasks_end: TaskEnd::default(),
            repeat_refused: false,
        }
    }
}

impl Switches {
    /// Whether it is SolusVM 1.
    pub fn is_first(&self) -> bool {
        self.version == 1
    }
}
