//! The status of a subscription: a sum of bits, each of which somebody else may have set. Pure.
//!
//! Bits: docs.plesk.com, XML API, "General subscription data" (66550); 1 is accepted and documented nowhere.

use std::fmt;

use super::settings::ActsAs;

/// It comes and goes while a backup runs, and suspends nobody.
const BACKUP: u64 = 4;

/// The web service is switched off, the subscription is not.
const WEB_OFF: u64 = 8;

const NAMES: [(u64, &str); 8] = [
    (1, "suspended (an old status)"),
    (2, "its owner is suspended"),
    (BACKUP, "backup or restore is running"),
    (WEB_OFF, "web service is off"),
    (16, "suspended by the administrator"),
    (32, "suspended by the reseller"),
    (64, "suspended by the customer"),
    (256, "expired"),
];

/// Any of these, and it is suspended.
const SUSPENDED: u64 = 1 | 2 | 16 | 32 | 64 | 256;

/// A status as the panel shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub u64);

impl Status {
    /// Nothing is wrong with it.
    pub const ACTIVE: Status = Status(0);

    /// What suspending writes; it is what the vendor's module for WHMCS writes too.
    pub fn ours(acts_as: ActsAs) -> Status {
        match acts_as {
            ActsAs::Admin => Status(16),
            ActsAs::Reseller => Status(32),
        }
    }

    /// The status apart from a backup that may be running.
    pub fn settled(self) -> Status {
        Status(self.0 & !BACKUP)
    }

    /// Whether a backup or restore is running.
    pub fn is_in_backup(self) -> bool {
        self.0 & BACKUP != 0
    }

    /// Whether it is suspended; not known where the panel shows bits of no known meaning alone.
    pub fn is_suspended(self) -> Option<bool> {
        match self.0 {
            bits if bits & SUSPENDED != 0 => Some(true),
            bits if bits & !(BACKUP | WEB_OFF) == 0 => Some(false),
            _ => None,
        }
    }

    /// By whom or why it is suspended, if it is.
    pub fn suspended_for(self) -> Option<String> {
        (self.is_suspended() == Some(true)).then(|| self.names(SUSPENDED))
    }

    fn names(self, among: u64) -> String {
        let named = NAMES.iter().filter(|(bit, _)| self.0 & bit & among != 0).map(|(_, name)| *name);
        named.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names(u64::MAX) {
            names if names.is_empty() && self.0 == 0 => f.write_str("status 0 (active)"),
            names if names.is_empty() => write!(f, "status {}", self.0),
            names => write!(f, "status {} ({names})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_summed_and_a_backup_suspends_nobody() {
        for (bits, suspended, reason) in [
            (0, Some(false), None),
            (4, Some(false), None),
            (8, Some(false), None),
            (12, Some(false), None),
            (128, None, None),
            (16, Some(true), Some("suspended by the administrator")),
            (20, Some(true), Some("suspended by the administrator")),
            (272, Some(true), Some("suspended by the administrator, expired")),
            (2, Some(true), Some("its owner is suspended")),
        ] {
            let status = Status(bits);
            assert_eq!(status.is_suspended(), suspended, "{bits}");
            assert_eq!(status.suspended_for().as_deref(), reason, "{bits}");
        }
        assert_eq!(Status(272).to_string(), "status 272 (suspended by the administrator, expired)");
        assert_eq!(
            (Status(0).to_string(), Status(128).to_string()),
            ("status 0 (active)".into(), "status 128".into())
        );
        assert_eq!(Status(20).settled(), Status::ours(ActsAs::Admin));
    }
}
