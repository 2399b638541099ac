//! How the cluster behaves, changeable at run time.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How the cluster behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// 7, 8 or 9: tags and strings for numbers, texts of errors, keys of rows, grids of charts.
    pub version: u8,
    /// What the user and the token may do, everywhere.
    pub privileges: BTreeSet<String>,
    /// Where the right to see guests holds for some only: their numbers.
    pub sees_only: Option<BTreeSet<u32>>,
    /// Refused credentials are answered after three seconds, as the real server does.
    pub slow_refusals: bool,
    /// The user has a second factor: a password gets only half of a ticket.
    pub second_factor: bool,
    /// How often a task says that it runs before it is done.
    pub task_polls: u32,
    /// Long answers are compressed for whoever takes it.
    pub gzip: bool,
}

impl Default for Switches {
    fn default() -> Self {
        let privileges = [
            "VM.Audit",
            "Sys.Audit",
            "Datastore.Audit",
            "Pool.Audit",
            "SDN.Audit",
            "SDN.Use",
            "Mapping.Audit",
            "VM.Config.Network",
            "VM.PowerMgmt",
        ];
        Self {
            version: 9,
            privileges: privileges.map(str::to_owned).into(),
            sees_only: None,
            slow_refusals: false,
            second_factor: false,
            task_polls: 1,
            gzip: true,
        }
    }
}
