//! What is remembered of an account's guests before they are limited, as JSON. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backends::BackendError;

/// What the guests of an account had before, by id (`qemu/104`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limited", rename_all = "lowercase")]
pub(super) enum SavedState {
    /// The network cards of each guest, by key (`net0`); `ours` is the rate that was to replace theirs.
    Rate { ours: String, guests: BTreeMap<String, BTreeMap<String, Before>> },
    /// Whether each machine ran.
    Pause { guests: BTreeMap<String, Was> },
}

/// A network card before it was limited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// Its address, which distinguishes it from a card of a later guest with the same number.
    pub mac: Option<String>,
    /// Its rate as it stood there; none where there was none.
    pub rate: Option<String>,
}

/// What a machine did before it was limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Was {
    Running,
    Paused,
    Stopped,
}

/// The account was limited under another setting, and only that one can restore it.
pub(super) fn other_way(was: &str) -> BackendError {
    BackendError::NotOffered(format!(
        "the account was limited with limited = \"{was}\"; set it back until the account is restored"
    ))
}
