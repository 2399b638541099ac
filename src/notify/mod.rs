//! Tells people: WHMCS's mail templates, mail, a webhook, Alertmanager.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::quota::{Channel, Letter};

/// The configured channels.
#[derive(Clone, Default)]
pub struct Channels {}

/// One letter on its way.
pub struct Delivery<'a> {
    /// What it says.
    pub letter: &'a Letter,
    /// The kind of the panel.
    pub kind: &'a str,
    /// The WHMCS server of the backend.
    pub server: Option<u32>,
    /// The WHMCS service, where it is known.
    pub service: Option<u64>,
    /// The WHMCS product, where it is known.
    pub product: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
    /// When an attempt began whose outcome is not known.
    pub tried_at: Option<Timestamp>,
}

/// A letter that arrived.
pub struct Delivered {
    /// What the other side said.
    pub answer: String,
}

/// An alert that still holds.
pub struct Firing<'a> {
    /// What it says.
    pub letter: &'a Letter,
    /// The kind of the panel.
    pub kind: &'a str,
    /// The WHMCS product, where it is known.
    pub product: Option<&'a str>,
}

/// Why a letter did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    /// It can be tried again.
    #[error("{why}")]
    Later {
        /// What came.
        why: String,
        /// How long to wait at least.
        after: Option<Duration>,
    },
    /// It may have arrived.
    #[error("{why}")]
    Unknown {
        /// What came.
        why: String,
    },
    /// Trying again is useless.
    #[error("{why}")]
    Never {
        /// What came.
        why: String,
    },
}

impl Channels {
    /// The channels.
    pub fn names(&self) -> Vec<Channel> {
        Vec::new()
    }

    /// Delivers one letter.
    pub async fn deliver(&self, _: Channel, _: &Delivery<'_>) -> Result<Delivered, NotDelivered> {
        Err(NotDelivered::Never { why: "no channel".into() })
    }

    /// Keeps alerts firing.
    pub async fn keep_firing(&self, _: &[Firing<'_>], _: Timestamp) -> Result<(), NotDelivered> {
        Ok(())
    }
}
