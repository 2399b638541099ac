//! What the contract must do to a panel that no landmark describes, kind by kind.

use futures_util::future::BoxFuture;
use whmeter::domain::Meter;
use whmeter_simulators::faults::{Change, Fault};
use whmeter_simulators::panel::SimulatedPanel;

/// The awkward things of one kind.
pub struct Awkward {
    pub kind: &'static str,
    /// Spoils what the panel says of one account alone.
    pub break_account: fn(&str) -> Fault,
    /// Whether an account has nothing for this meter, by its nature and without a word of it.
    pub lacks: fn(&dyn SimulatedPanel, &str, Meter) -> bool,
    /// Whether a changed figure is one the panel is known to send, to be read like the plain one.
    pub takes: fn(&Change) -> bool,
    /// Somebody at the panel gives a limited account a policy of neither kind.
    pub meddle: for<'a> fn(&'a dyn SimulatedPanel, &'a str) -> BoxFuture<'a, ()>,
}

const ALL: &[Awkward] = &[crate::minio::AWKWARD, crate::proxmox::AWKWARD, crate::vpncp::AWKWARD];

/// A new kind adds itself to the list above.
pub fn of(kind: &str) -> &'static Awkward {
    let found = ALL.iter().find(|awkward| awkward.kind == kind);
    found.unwrap_or_else(|| panic!("kind {kind} is not in tests/contract/awkward.rs"))
}
