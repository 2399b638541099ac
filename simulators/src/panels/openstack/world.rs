//! What the cloud is made of: projects with servers, ports, volumes and quotas.

use crate::growth::Traffic;
use serde::Serialize;
use std::collections::BTreeMap;

/// 1024^3: what Nova, Cinder and Manila call GB.
pub const GIB: u64 = 1 << 30;

/// The part of the truth that holds a project's objects and moves what its first port does.
pub const FIRST_PART: &str = "main";

/// The domain that is always there.
pub const DEFAULT_DOMAIN: &str = "default";

/// The project that the collector's identity is on.
pub const ADMIN_PROJECT: &str = "c1a9e77b4d2f4f0e9b8d6a5c3e2f1a00";

/// The cloud's state; all by id.
#[derive(Debug, Default)]
pub struct World {
    /// Projects, those of the operator and those that are gone for now included.
    pub projects: BTreeMap<String, Project>,
    /// Servers, deleted ones included.
    pub servers: BTreeMap<String, Server>,
    /// Ports of servers.
    pub ports: BTreeMap<String, Port>,
    /// Volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// Policies of bandwidth.
    pub policies: BTreeMap<String, QosPolicy>,
}

/// One project.
#[derive(Clone, Debug)]
pub struct Project {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Unique in its domain.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// The project or domain above it.
    pub parent: String,
    /// What the operator wrote down.
    pub description: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether it is not disabled.
    pub enabled: bool,
    /// When Keystone stopped to take its tokens.
    pub disabled_at: Option<i64>,
    /// Belongs to the operator, and is no account.
    pub is_own: bool,
    /// Gone for now, by order of a test.
    pub vanished: bool,
    /// Cinder's quota by key; -1 is unlimited.
    pub quota: BTreeMap<String, i64>,
    /// Swift's quota in bytes.
    pub object_quota: Option<u64>,
    /// Whether its account of objects was ever used.
    pub has_objects: bool,
    /// Its account of objects is deleted, and not cleared away yet.
    pub objects_deleted: bool,
}

/// Cinder's quota as a project has it at first.
pub fn default_quota() -> BTreeMap<String, i64> {
    let limits = [
        ("volumes", 10),
        ("snapshots", 10),
        ("backups", 10),
        ("gigabytes", 1_000),
        ("gigabytes_ssd", -1),
        ("backup_gigabytes", 1_000),
        ("per_volume_gigabytes", -1),
        ("groups", 10),
    ];
    limits.map(|(key, limit)| (key.to_owned(), limit)).into()
}

/// One server.
#[derive(Clone, Debug)]
pub struct Server {
    /// A UUID.
    pub id: String,
    /// Whose it is.
    pub project: String,
    /// Its name.
    pub name: String,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// When it was deleted.
    pub deleted: Option<i64>,
    /// GiB of its flavor's local disk.
    pub disk: u64,
    /// Whether it is locked, and why.
    pub locked: Option<Option<String>>,
    /// What it was doing, and since when; in order.
    pub past: Vec<(i64, Doing)>,
    /// What it is about to do: the task's name, how often it still says so, and what comes of it.
    pub task: Option<(&'static str, u32, Status)>,
    /// What somebody's call made of it last, until that is undone.
    pub frozen: bool,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    /// Runs.
    Active,
    /// Off.
    Shutoff,
    /// Its memory lies on disk; its taps are gone.
    Suspended,
    /// Its processor stands; its taps stay.
    Paused,
    /// It lies on no host.
    Shelved,
}

impl Status {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Shutoff => "SHUTOFF",
            Self::Suspended => "SUSPENDED",
            Self::Paused => "PAUSED",
            Self::Shelved => "SHELVED_OFFLOADED",
        }
    }

    /// Its `vm_state`.
    pub fn state(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shutoff => "stopped",
            Self::Suspended => "suspended",
            Self::Paused => "paused",
            Self::Shelved => "shelved_offloaded",
        }
    }

    /// Its `power_state`.
    pub fn power(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Paused => 3,
            Self::Shutoff | Self::Suspended | Self::Shelved => 4,
        }
    }
}

/// What a server does.
#[derive(Clone, Debug)]
pub struct Doing {
    /// How it is.
    pub status: Status,
    /// What each of its ports had moved when its tap was made; absent while there is no tap.
    pub taps: Option<BTreeMap<String, Traffic>>,
}

impl Server {
    /// What it was doing at an instant; `None` before it was made and after it was deleted.
    pub fn doing(&self, at: i64) -> Option<&Doing> {
        if self.deleted.is_some_and(|deleted| at > deleted) {
            return None;
        }
        self.past.iter().rev().find(|(since, _)| *since < at).map(|(_, doing)| doing)
    }

    /// How it is now.
    pub fn status(&self) -> Status {
        self.past.last().map_or(Status::Shutoff, |(_, doing)| doing.status)
    }
}

/// A port of a server.
#[derive(Clone, Debug)]
pub struct Port {
    /// A UUID.
    pub id: String,
    /// Whose it is.
    pub project: String,
    /// Its server.
    pub server: String,
    /// The part of the truth that moves its bytes.
    pub part: String,
    /// Its address.
    pub mac: String,
    /// When its first tap was made, if ever (epoch seconds).
    pub first_tap: Option<i64>,
    /// Its policy of bandwidth.
    pub policy: Option<String>,
}

impl Port {
    /// The name of its tap on the host.
    pub fn tap(&self) -> String {
        format!("tap{}", &self.id[..11])
    }
}

/// A volume.
#[derive(Clone, Debug)]
pub struct Volume {
    /// A UUID.
    pub id: String,
    /// Whose it is.
    pub project: String,
    /// Whose it was first.
    pub first_project: String,
    /// When it was made (epoch seconds).
    pub created: i64,
    /// `in-use`, `available`, `deleting`, ...
    pub status: String,
    /// Whether it counts towards the quota; internal ones do not.
    pub consumes_quota: bool,
}

impl Volume {
    /// The part of the truth that holds it.
    pub fn part(&self) -> String {
        format!("volume-{}", self.id)
    }
}

/// A policy of bandwidth with its rules.
#[derive(Clone, Debug)]
pub struct QosPolicy {
    /// A UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its rules: id, direction, kilobits per second, burst in kilobits.
    pub rules: Vec<(String, String, u64, u64)>,
}

impl QosPolicy {
    /// The lowest bandwidth of its rules, in kilobits per second.
    pub fn lowest(&self) -> Option<u64> {
        self.rules.iter().map(|(_, _, kbps, _)| *kbps).min()
    }
}

/// 32 hexadecimal digits made of a text, the same each time.
pub fn hex_id(text: &str) -> String {
    use md5::{Digest, Md5};
    hex::encode(Md5::digest(text))
}

/// A UUID of a version made of a text, the same each time.
pub fn uuid(version: u8, text: &str) -> String {
    let hex = hex_id(text);
    format!("{}-{}-{version}{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
