//! SolusVM 2's JSON, seen by nobody else.

use serde::Deserialize;

use crate::backends::kit::number::{Figure, Text};
use crate::domain::{Bytes, Limit};

/// A list of one page.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub data: Vec<Server<'a>>,
    pub meta: Option<Meta>,
}

/// Where in a list a page lies.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Meta {
    pub current_page: u64,
    pub last_page: u64,
    /// Of all pages.
    pub total: u64,
}

/// One thing.
#[derive(Debug, Deserialize)]
pub(super) struct One<T> {
    pub data: T,
}

/// A virtual server (SolusVM-WHMCS module `solusiovps`, `lib/SolusAPI`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Server<'a> {
    #[serde(borrow)]
    pub id: Figure<'a>,
    #[serde(borrow)]
    pub uuid: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    pub is_suspended: Option<bool>,
    pub is_processing: Option<bool>,
    #[serde(borrow)]
    pub specifications: Option<Specifications<'a>>,
    #[serde(borrow)]
    pub plan: Option<Plan<'a>>,
    #[serde(borrow)]
    pub usage: Option<Usage<'a>>,
    #[serde(borrow)]
    pub created_at: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Specifications<'a> {
    /// GiB.
    #[serde(borrow)]
    pub disk: Figure<'a>,
}

/// The plan as it was assigned or changed for the server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Plan<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    /// `never`, `first_day_of_month` or `vm_created_day`.
    #[serde(borrow)]
    pub reset_limit_policy: Text<'a>,
    /// `total` or `separate`.
    #[serde(borrow)]
    pub network_traffic_limit_type: Text<'a>,
    #[serde(borrow)]
    pub limits: Option<Limits<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits<'a> {
    #[serde(borrow)]
    pub network_total_traffic: Option<PlanLimit<'a>>,
    #[serde(borrow)]
    pub network_incoming_traffic: Option<PlanLimit<'a>>,
    #[serde(borrow)]
    pub network_outgoing_traffic: Option<PlanLimit<'a>>,
}

/// A limit with its unit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PlanLimit<'a> {
    pub is_enabled: Option<bool>,
    #[serde(borrow)]
    pub limit: Figure<'a>,
    #[serde(borrow)]
    pub unit: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage<'a> {
    #[serde(borrow)]
    pub network: Option<Network<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Network<'a> {
    #[serde(borrow)]
    pub incoming: Option<Direction<'a>>,
    #[serde(borrow)]
    pub outgoing: Option<Direction<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Direction<'a> {
    /// Bytes since the last reset.
    #[serde(borrow)]
    pub value: Figure<'a>,
}

/// Whose token it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    pub roles: Vec<Role>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub name: String,
}

/// Something that the panel does in its own time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Task {
    pub id: u64,
    pub status: String,
    pub output: String,
}

/// What it says of a call that it refuses.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub message: String,
}

impl Account {
    /// Whether every server is shown to it.
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role.name.to_lowercase().contains("admin"))
    }
}

impl PlanLimit<'_> {
    /// The bytes it allows.
    pub fn bytes(&self) -> Limit {
        match (self.is_enabled, self.limit.whole(), self.unit.text().and_then(unit)) {
            (Some(false), ..) => Limit::Unlimited,
            (Some(true), Some(limit), Some(unit)) => bytes(limit, unit).map_or(Limit::Unknown, Limit::UpTo),
            _ => Limit::Unknown,
        }
    }
}

impl Plan<'_> {
    /// What may be moved in both directions together, where the plan counts them together.
    pub fn traffic(&self) -> Limit {
        let limits = self.limits.as_ref();
        let of = |limit: Option<&PlanLimit<'_>>| limit.map_or(Limit::Unknown, PlanLimit::bytes);
        match self.network_traffic_limit_type.text() {
            Some("total") => of(limits.and_then(|limits| limits.network_total_traffic.as_ref())),
            // Two limits are none of the sum, unless there are none.
            Some("separate") => {
                let inwards = of(limits.and_then(|limits| limits.network_incoming_traffic.as_ref()));
                let outwards = of(limits.and_then(|limits| limits.network_outgoing_traffic.as_ref()));
                match (inwards, outwards) {
                    (Limit::Unlimited, Limit::Unlimited) => Limit::Unlimited,
                    _ => Limit::Unknown,
                }
            }
            _ => Limit::Unknown,
        }
    }
}

impl Specifications<'_> {
    /// The disk that was given.
    pub fn storage(&self) -> Limit {
        let disk = self.disk.whole().and_then(|disk| bytes(disk, 1 << 30));
        disk.map_or(Limit::Unknown, Limit::of_size)
    }
}

fn bytes(count: u64, unit: u64) -> Option<Bytes> {
    Bytes::new(count.checked_mul(unit)?).ok().filter(|bytes| *bytes > Bytes::ZERO)
}

/// Bytes of a unit. Installations before 2022 wrote `KB` for what is `KiB` since (solus-go-sdk, commit 0205bc6).
fn unit(name: &str) -> Option<u64> {
    let power = ["k", "m", "g", "t", "p"].iter().position(|unit| {
        let name = name.to_ascii_lowercase();
        name == format!("{unit}ib") || name == format!("{unit}b")
    })?;
    Some(1 << (10 * (power + 1)))
}
