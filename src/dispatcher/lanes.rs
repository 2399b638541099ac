//! How much may be under way at once: every panel and every channel has its own lane.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::quota::Channel;
use crate::store::Lane;

/// Switches at once on one panel: a panel is not flooded because its customers cross together.
const SWITCHES: usize = 4;

type Taken = Arc<Mutex<HashMap<Lane, usize>>>;

/// How many places of each lane are taken.
#[derive(Default)]
pub(super) struct Lanes(Taken);

/// A taken place; free again when it is dropped.
pub(super) struct LaneSlot {
    taken: Taken,
    lane: Lane,
}

fn places(lane: &Lane) -> usize {
    match lane {
        Lane::Switches(_) | Lane::Account(_) => SWITCHES,
        // WHMCS takes one call at a time anyway.
        Lane::Notifications(Channel::Whmcs) => 2,
        Lane::Notifications(Channel::Smtp) | Lane::Report(_) => 4,
        Lane::Notifications(Channel::Webhook | Channel::Alertmanager) => 8,
    }
}

impl Lanes {
    /// How many more entries may be started.
    pub(super) fn room(&self, lane: &Lane) -> usize {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places(lane).saturating_sub(taken.get(lane).copied().unwrap_or(0))
    }

    /// Takes a place.
    pub(super) fn take(&self, lane: &Lane) -> LaneSlot {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *taken.entry(lane.clone()).or_default() += 1;
        LaneSlot { taken: Arc::clone(&self.0), lane: lane.clone() }
    }
}

impl Drop for LaneSlot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.lane) {
            *count = count.saturating_sub(1);
        }
    }
}
