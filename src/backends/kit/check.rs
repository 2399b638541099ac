//! The steps of `whmeter check`, as every kind runs them.

use crate::backends::{BackendError, CheckStep};

/// Adds a step; a `fatal` one is required.
pub fn step(steps: &mut Vec<CheckStep>, name: &str, fatal: bool, outcome: Result<String, BackendError>) {
    steps.push(CheckStep { name: name.to_string(), outcome, fatal });
}

/// Whether a required step has failed: what comes after it would fail for the same reason.
pub fn is_hopeless(steps: &[CheckStep]) -> bool {
    steps.iter().any(|step| step.fatal && step.outcome.is_err())
}
