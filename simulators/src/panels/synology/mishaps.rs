//! Calls that fail with a code, by API and method: all calls share few paths.

use super::ask::Ask;
use super::reply::Refusal;
use super::world::Server;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::PoisonError;

/// A failure that is waiting for its call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mishap {
    /// `SYNO.Core.Quota.get`, or the beginning of it.
    pub call: String,
    /// The code it fails with.
    pub code: u32,
    /// What stands beside the code.
    #[serde(default)]
    pub errors: Option<Value>,
    /// How many calls it strikes; all when absent.
    #[serde(default)]
    pub times: Option<u32>,
}

/// The failure that strikes a call, if one does.
pub fn struck(server: &Server, ask: &Ask) -> Result<(), Refusal> {
    let mut mishaps = server.mishaps.lock().unwrap_or_else(PoisonError::into_inner);
    let call = ask.call();
    let Some(place) = mishaps.iter().position(|one| call.starts_with(&one.call)) else { return Ok(()) };
    let refusal = Refusal { code: mishaps[place].code, errors: mishaps[place].errors.clone() };
    match mishaps[place].times.as_mut() {
        Some(times) if *times > 1 => *times -= 1,
        Some(_) => drop(mishaps.remove(place)),
        None => {}
    }
    Err(refusal)
}
