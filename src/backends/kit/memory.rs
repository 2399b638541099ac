//! What an account had before it was limited, as JSON in the store. Pure.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backends::{BackendError, Memory};

/// As the store keeps it.
pub fn kept(remembered: &impl Serialize) -> Result<Memory, BackendError> {
    serde_json::to_string(remembered).map(Memory).map_err(|error| not_readable(&error.to_string()))
}

/// Back from the store; `None` where nothing was remembered.
pub fn recalled<T: DeserializeOwned>(memory: &Memory) -> Result<Option<T>, BackendError> {
    if memory.0.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&memory.0).map(Some).map_err(|error| not_readable(&error.to_string()))
}

/// Back from the store, where there is no restoring without it.
pub fn needed<T: DeserializeOwned>(memory: &Memory) -> Result<T, BackendError> {
    recalled(memory)?.ok_or_else(|| not_readable("nothing was remembered before the first switch"))
}

fn not_readable(problem: &str) -> BackendError {
    let detail = format!("what was remembered cannot be read ({problem}); nothing was changed");
    BackendError::Unexpected { at: "memory".into(), detail }
}
