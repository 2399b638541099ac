//! The guard against those who try passwords: it counts failures and puts the caller on a black list.

use std::sync::atomic::{AtomicU32, Ordering};

/// Failed logins so far; all callers come from one address.
#[derive(Debug, Default)]
pub struct Guard(AtomicU32);

impl Guard {
    /// One more failure, or one more look at the login page.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn failures(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether the caller is on the black list when so many failures put him there; 0 is never.
    pub fn is_blacklisted(&self, after: u32) -> bool {
        after > 0 && self.failures() >= after
    }

    /// The list is emptied by hand.
    pub fn forgive(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
