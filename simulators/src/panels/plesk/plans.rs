//! What is sold: plans with their limits.

use super::guid::guid;
use super::people::ADMIN;

const GIB: i64 = 1 << 30;

/// What a limit says that is none.
pub const UNLIMITED: i64 = -1;

/// A plan, or an add-on to plans.
pub struct Plan {
    /// The number the panel gave.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub owner: u32,
    /// What subscriptions get, in the order they are listed: names as the API has them, sizes in bytes.
    pub limits: &'static [(&'static str, i64)],
}

impl Plan {
    /// The stable identity.
    pub fn guid(&self) -> String {
        guid("plan", self.name)
    }
}

/// The plan that resellers sell.
pub const RESOLD: usize = 3;

/// The plans of this server.
pub const PLANS: [Plan; 4] = [
    Plan { id: 3, name: "Harbour S", owner: ADMIN, limits: &limits(10 * GIB, 200 * GIB) },
    Plan { id: 4, name: "Harbour M", owner: ADMIN, limits: &limits(50 * GIB, 1024 * GIB) },
    Plan { id: 5, name: "Harbour L & more", owner: ADMIN, limits: &limits(UNLIMITED, UNLIMITED) },
    Plan { id: 9, name: "Quayside One", owner: 2, limits: &limits(20 * GIB, 500 * GIB) },
];

/// The identity of the add-on that some subscriptions have beside their plan; it is no plan.
pub fn addon_guid() -> String {
    guid("add-on", "More mail")
}

/// What a subscription without a plan gets: nobody said how much it may move.
pub const CUSTOM: &[(&str, i64)] = &[("disk_space", 5 * GIB), ("expiration", UNLIMITED), ("max_site", 1)];

const fn limits(disk: i64, traffic: i64) -> [(&'static str, i64); 5] {
    [
        ("disk_space", disk),
        ("max_traffic", traffic),
        ("expiration", UNLIMITED),
        ("max_site", 3),
        ("max_box", 50),
    ]
}
