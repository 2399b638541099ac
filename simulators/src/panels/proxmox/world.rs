//! What the cluster is made of: nodes, guests with all their past, and running tasks.

use crate::growth::Traffic;
use std::collections::BTreeMap;

/// Every node takes its figures anew once in so many seconds (pvestatd).
pub const SNAPSHOT: i64 = 10;

/// Figures that nobody renews for this many seconds are dropped (pmxcfs, status.c).
pub const EXPIRY: i64 = 300;

/// The cluster's state.
#[derive(Debug, Default)]
pub struct World {
    /// In the order of their addresses.
    pub nodes: Vec<Node>,
    /// By number; those that are gone for now included.
    pub guests: BTreeMap<u32, Guest>,
    /// By UPID.
    pub tasks: BTreeMap<String, Task>,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Since when it has been up (epoch seconds).
    pub started: i64,
    /// How it is.
    pub health: Health,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Online,
    /// Its collector hangs since then: the cluster sees the node, and figures that do not move.
    Hanging(i64),
    /// The cluster does not see it since then.
    Offline(i64),
}

impl Node {
    /// When its figures were last taken.
    pub fn snapshot(&self, now: i64) -> i64 {
        let at = match self.health {
            Health::Online => now,
            Health::Hanging(since) | Health::Offline(since) => now.min(since),
        };
        at - at.rem_euclid(SNAPSHOT)
    }

    /// Whether the cluster sees it.
    pub fn is_seen(&self) -> bool {
        !matches!(self.health, Health::Offline(_))
    }
}

/// A virtual machine or a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    /// Its name in paths and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }
}

/// One guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its number.
    pub vmid: u32,
    /// What it is.
    pub kind: GuestKind,
    /// Its name.
    pub name: String,
    /// Its pool.
    pub pool: Option<String>,
    /// Its tags, joined by semicolons.
    pub tags: String,
    /// Only a pattern for others.
    pub template: bool,
    /// The node its configuration lies on.
    pub node: usize,
    /// Its configuration, without digest.
    pub config: BTreeMap<String, String>,
    /// Changes that wait for its next start; `None` waits to be deleted.
    pub pending: BTreeMap<String, Option<String>>,
    /// What holds it.
    pub lock: Option<String>,
    /// Gone for now, by order of a test.
    pub vanished: bool,
    /// What it was doing, and since when; in order.
    pub past: Vec<(i64, Doing)>,
    /// Fields of its row that are wrong, as raw JSON.
    pub odd: BTreeMap<String, String>,
}

/// What a guest does.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Doing {
    /// Its run, unless it is off.
    pub run: Option<Run>,
    /// Its processor is stopped.
    pub paused: bool,
}

/// From a start (or the arrival on a node) to a stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// When it began (epoch seconds).
    pub since: i64,
    /// What each network card had moved in all its life when it was plugged in.
    pub plugged: BTreeMap<String, Traffic>,
}

impl Guest {
    /// What it was doing at an instant; `None` before it was made.
    pub fn doing(&self, at: i64) -> Option<&Doing> {
        self.past.iter().rev().find(|(since, _)| *since <= at).map(|(_, doing)| doing)
    }

    /// What it does now.
    pub fn now(&self) -> Doing {
        self.past.last().map(|(_, doing)| doing.clone()).unwrap_or_default()
    }

    /// `qemu/104`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind.name(), self.vmid)
    }

    /// The keys of its network cards.
    pub fn cards(&self) -> impl Iterator<Item = &String> {
        self.config
            .keys()
            .filter(|key| key.strip_prefix("net").is_some_and(|number| number.parse::<u8>().is_ok()))
    }

    /// Its configuration's fingerprint.
    pub fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let text = format!("{:?}{:?}{:?}", self.config, self.pending, self.lock);
        hex::encode(&Sha256::digest(text)[..20])
    }

    /// Bytes of its root file system or first disk, as configured.
    pub fn disk_size(&self) -> u64 {
        let disk = self.config.get("rootfs").or_else(|| self.config.get("scsi0"));
        let size =
            disk.and_then(|disk| disk.split("size=").nth(1)?.trim_end_matches('G').parse::<u64>().ok());
        size.unwrap_or(0) << 30
    }
}

/// One task.
#[derive(Clone, Debug)]
pub struct Task {
    /// The node it runs on.
    pub node: String,
    /// What it does.
    pub kind: String,
    /// Which guest it is about.
    pub vmid: u32,
    /// When it began.
    pub started: i64,
    /// How often it still says that it runs.
    pub polls_left: u32,
    /// How it ends.
    pub exit: String,
}

/// The value of one part (`rate=5`) of a comma-joined setting.
pub fn part<'a>(setting: &'a str, key: &str) -> Option<&'a str> {
    setting.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
}
