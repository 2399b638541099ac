//! The time a fake panel believes it is.
//!
//! Time stamps, signature windows and the truth all ask this clock, never the machine. It either
//! runs along with the wall clock at a chosen distance, or stands still until it is moved.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// A settable clock; clones show the same hand.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Hand>>);

#[derive(Clone, Copy, Debug)]
enum Hand {
    Running { ahead: TimeDelta },
    Frozen { at: DateTime<Utc> },
}

/// How a clock begins.
#[derive(Clone, Copy, Debug, Default)]
pub enum ClockStart {
    /// Shows the machine's time.
    #[default]
    WallClock,
    /// Stands at this instant (epoch seconds) until it is advanced.
    Frozen(i64),
    /// Shows this instant (epoch seconds) now and runs on from there.
    Running(i64),
}

impl Clock {
    /// A clock that begins as told.
    pub fn new(start: ClockStart) -> Self {
        let clock = Self(Arc::new(Mutex::new(Hand::Running { ahead: TimeDelta::zero() })));
        match start {
            ClockStart::WallClock => {}
            ClockStart::Frozen(at) => clock.freeze_at(at),
            ClockStart::Running(from) => clock.run_from(from),
        }
        clock
    }

    /// The instant it shows.
    pub fn now(&self) -> DateTime<Utc> {
        match *self.hand() {
            Hand::Running { ahead } => Utc::now() + ahead,
            Hand::Frozen { at } => at,
        }
    }

    /// The instant it shows, in epoch seconds.
    pub fn now_seconds(&self) -> i64 {
        self.now().timestamp()
    }

    /// Stops the clock at an instant (epoch seconds).
    pub fn freeze_at(&self, seconds: i64) {
        *self.hand() = Hand::Frozen { at: at(seconds) };
    }

    /// Lets the clock run from an instant (epoch seconds).
    pub fn run_from(&self, seconds: i64) {
        let ahead = at(seconds) - Utc::now();
        *self.hand() = Hand::Running { ahead };
    }

    /// Lets the clock show the machine's time again.
    pub fn follow(&self) {
        *self.hand() = Hand::Running { ahead: TimeDelta::zero() };
    }

    /// Moves the hand by whole seconds, whether it runs or stands.
    pub fn advance(&self, seconds: i64) {
        let step = TimeDelta::seconds(seconds);
        match &mut *self.hand() {
            Hand::Running { ahead } => *ahead += step,
            Hand::Frozen { at } => *at += step,
        }
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        matches!(*self.hand(), Hand::Frozen { .. })
    }

    fn hand(&self) -> std::sync::MutexGuard<'_, Hand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Epoch seconds as an instant; what no calendar can show becomes the epoch.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let clock = Clock::new(ClockStart::Frozen(1_000));
        let copy = clock.clone();
        copy.advance(60);
        assert_eq!(clock.now_seconds(), 1_060);
        assert!(clock.is_frozen());
    }

    #[test]
    fn a_running_clock_keeps_its_distance() {
        let clock = Clock::new(ClockStart::Running(1_795_000_000));
        clock.advance(3_600);
        let shown = clock.now_seconds();
        assert!((1_795_003_600..1_795_003_660).contains(&shown), "{shown}");
        clock.follow();
        assert!((clock.now() - Utc::now()).num_seconds().abs() < 5);
    }
}
