//! How the polls go, for the page.

use std::collections::HashMap;

use crate::collector::PollReport;
use crate::domain::{BackendId, Timestamp};
use crate::store::{BackendState, Failing};

/// How the polls go, as the store has it, and what could not be reported.
#[derive(Default)]
pub(super) struct Polls {
    pub stored: Vec<BackendState>,
    not_stored: HashMap<BackendId, Failing>,
}

impl Polls {
    /// Takes in a report: trouble with the store itself is remembered until a poll of that backend is
    /// stored again.
    pub fn take(&mut self, report: &PollReport, now: Timestamp) {
        match &report.failed {
            Some(error) if error.is_ours() => {
                let failing =
                    Failing { since: now, reason: error.reason().into(), detail: error.to_string() };
                self.not_stored.entry(report.backend.clone()).or_insert(failing);
            }
            _ => drop(self.not_stored.remove(&report.backend)),
        }
    }

    /// The states to show: of a backend whose poll could not be stored the page says so.
    pub fn shown(&self) -> Vec<BackendState> {
        let mut states = self.stored.clone();
        for state in &mut states {
            if let Some(failing) = self.not_stored.get(&state.backend) {
                state.failing.get_or_insert_with(|| failing.clone());
            }
        }
        states
    }
}
