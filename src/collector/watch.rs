//! Polls that run on and on: a panel that drips, a database that stands still. They end by the limits of what they wait
//! for; until then they are named.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::Collector;
use crate::backends::ConfiguredPanel;
use crate::domain::{BackendId, Timestamp};

/// The polls that are running, and which of them were named.
#[derive(Debug, Default)]
pub(super) struct Running(RwLock<HashMap<BackendId, Started>>);

#[derive(Clone, Copy, Debug)]
struct Started {
    at: Timestamp,
    /// Counts on where the clock is put forward.
    since: Instant,
    named: bool,
}

impl Running {
    /// A poll begins.
    pub fn begins(&self, backend: &BackendId, at: Timestamp) {
        let started = Started { at, since: Instant::now(), named: false };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(backend.clone(), started);
    }

    /// It has ended; says whether it was named.
    pub fn ends(&self, backend: &BackendId) -> bool {
        let ended = self.0.write().unwrap_or_else(PoisonError::into_inner).remove(backend);
        ended.is_some_and(|started| started.named)
    }

    /// How long a poll has run that takes more than its time, where that is not named yet.
    fn overdue(&self, backend: &BackendId, allowed: impl Fn(Timestamp) -> Duration) -> Option<Duration> {
        let mut running = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let started = running.get_mut(backend).filter(|started| !started.named)?;
        let runs = started.since.elapsed();
        started.named = runs > allowed(started.at);
        started.named.then_some(runs)
    }
}

impl Collector {
    /// Names a poll that has not ended when its backend is due for the second time after it began.
    pub(super) fn watch(&self, metered: &ConfiguredPanel) {
        let (id, zone) = (&metered.id, self.rules.zone);
        let allowed = |began: Timestamp| {
            let second = metered.schedule.next_due(id, metered.schedule.next_due(id, began, zone), zone);
            Duration::from_secs(second.since(began).get())
        };
        let Some(runs) = self.running.overdue(id, allowed) else { return };
        self.telemetry.poll_hangs(id, true);
        tracing::warn!(
            backend = %id, running_for = ?Duration::from_secs(runs.as_secs()),
            "a poll takes longer than two of its intervals; what it waits for has time limits, and it \
             ends with them"
        );
    }
}
