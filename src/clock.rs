//! The one place that asks what time it is, so that a month can be played in minutes.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::{Seconds, Timestamp};

/// What time it is. Cloned freely; every room is handed one and never asks the system itself.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Always this instant: replays, demos and tests.
    Fixed(Timestamp),
    /// The epoch seconds that a file holds: whoever writes it lets months pass in minutes.
    FromFile(&'static Path),
    /// The epoch seconds that a number in memory holds: a simulation sets it, many thousand times a second.
    Settable(&'static AtomicI64),
}

impl Clock {
    /// Whether it is the machine's.
    pub fn is_system(self) -> bool {
        matches!(self, Clock::System)
    }

    /// Now. A system clock before 1970 or after 9999 reads as that bound.
    pub fn now(self) -> Timestamp {
        match self {
            Clock::Fixed(at) => at,
            Clock::FromFile(file) => read_file(file),
            Clock::Settable(now) => Timestamp::new(now.load(Ordering::Relaxed)).unwrap_or(Timestamp::EPOCH),
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::EPOCH.plus(Seconds::new(since.as_secs()))
            }
        }
    }
}

/// The last time a file reported: what cannot be read for a moment stands still.
static LAST_TOLD: AtomicI64 = AtomicI64::new(0);

fn read_file(file: &Path) -> Timestamp {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    if let Ok(seconds) = text.trim().parse() {
        LAST_TOLD.store(seconds, Ordering::Relaxed);
    }
    Timestamp::new(LAST_TOLD.load(Ordering::Relaxed)).unwrap_or(Timestamp::EPOCH)
}
