//! What the contract must do to a panel that no landmark describes, kind by kind.

use futures_util::future::BoxFuture;
use whmeter_simulators::faults::Fault;
use whmeter_simulators::panel::SimulatedPanel;

/// The awkward things of one kind.
pub struct Awkward {
    pub kind: &'static str,
    /// Spoils what the panel says of one account alone.
    pub break_account: fn(&str) -> Fault,
    /// Somebody at the panel gives a limited account a policy of neither kind.
    pub meddle: for<'a> fn(&'a dyn SimulatedPanel, &'a str) -> BoxFuture<'a, ()>,
}

const ALL: &[Awkward] = &[crate::minio::AWKWARD];

/// A new kind adds itself to the list above.
pub fn of(kind: &str) -> &'static Awkward {
    let found = ALL.iter().find(|awkward| awkward.kind == kind);
    found.unwrap_or_else(|| panic!("kind {kind} is not in tests/contract/awkward.rs"))
}
