//! The one place that asks what time it is, so that a month can be played in minutes.

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
}

impl Clock {
    /// Now. A system clock before 1970 or after 9999 reads as that bound.
    pub fn now(self) -> Timestamp {
        match self {
            Clock::Fixed(at) => at,
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::EPOCH.plus(Seconds::new(since.as_secs()))
            }
        }
    }
}
