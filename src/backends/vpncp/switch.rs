//! Limits a client and restores it: its bandwidth cut down, or switched off.
//!
//! Never touches what somebody else changed meanwhile, never writes what stands there already (on 1.x
//! every save drops the connection), and believes nothing it has not read back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clients::{self, Cap, Client};
use super::generation::Generation;
use super::panel::{ApiCall, Fields};
use super::refusal::{ApiRefusal, CallFailure};
use super::settings::Limited;
use super::wire::excerpt;
use super::{Applied, BackendError, Memory, Vpncp};
use crate::backends::kit::memory::{kept, needed};
use crate::domain::{AccountName, Policy};
use crate::http::Method;

/// The names a panel takes bandwidths by, the documented pair of the client's own fields first.
const PAIRS: [[&str; 2]; 2] = [["b_download", "b_upload"], ["bandwidth_download", "bandwidth_upload"]];

/// What a client had before it was limited, and what the limit is.
#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    limited: Limited,
    /// Own bandwidths in Mbit/s, exactly as they were; 0 is the network's default.
    down: u64,
    up: u64,
    /// The fields they stand in.
    keys: [String; 2],
    /// The most a limited client gets, as configured when this was remembered.
    cap: u64,
    /// The status exactly as it was written, and its field.
    status_key: String,
    status: Value,
    suspended: bool,
}

impl SavedState {
    /// Bandwidths under a policy. Who bought less than the cap keeps what he bought: a limit never gives.
    fn caps(&self, policy: Policy) -> [u64; 2] {
        [self.down, self.up].map(|own| match policy {
            Policy::Standard => own,
            Policy::Limited if own == 0 => self.cap,
            Policy::Limited => own.min(self.cap),
        })
    }
}

impl Vpncp {
    /// Which of our two policies a client is under, as far as it shows.
    pub(super) fn shown_policy(&self, client: &Client) -> Option<Policy> {
        let is_limited = match self.config.limited {
            Limited::Disable => client.suspended()?,
            Limited::Cap => {
                let is_low = |cap: Cap| (1..=self.config.cap).contains(&cap.mbit);
                is_low(client.down?) && is_low(client.up?)
            }
        };
        Some(if is_limited { Policy::Limited } else { Policy::Standard })
    }

    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let client = self.client(account).await?;
        let ([down, up], [down_key, up_key]) = (both(&client)?, keys(&client));
        let (status_key, status) = client.status.clone().unwrap_or(("status", Value::Null));
        let suspended = suspended(&client)?;
        let remembered = SavedState {
            limited: self.config.limited,
            down,
            up,
            keys: [down_key.to_string(), up_key.to_string()],
            cap: self.config.cap,
            status_key: status_key.to_string(),
            status,
            suspended,
        };
        kept(&remembered)
    }

    /// Puts a client under `policy`, in the way that was configured when it was remembered.
    pub(super) async fn switch(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        let client = self.client(account).await?;
        let remembered: SavedState = needed(memory)?;
        match remembered.limited {
            Limited::Cap => self.switch_caps(&client, policy, &remembered).await,
            Limited::Disable => self.switch_status(&client, policy, &remembered).await,
        }
    }

    async fn switch_caps(
        &self,
        client: &Client,
        policy: Policy,
        remembered: &SavedState,
    ) -> Result<Applied, BackendError> {
        let (found, wanted) = (both(client)?, remembered.caps(policy));
        if found == wanted {
            return Ok(Applied::AlreadySo);
        }
        if ![Policy::Standard, Policy::Limited].iter().any(|policy| found == remembered.caps(*policy)) {
            let limited = self.shown_policy(client) == Some(Policy::Limited);
            return Ok(Applied::LeftAlone { found: client.caps(), limited });
        }
        self.takes_changes().await?;
        let shown = keys(client);
        let other = PAIRS.into_iter().find(|pair| *pair != shown);
        let mut last = client.caps();
        for pair in std::iter::once(shown).chain(other) {
            self.write_caps(&client.name, pair, wanted).await?;
            let now = self.client(&client.name).await?;
            if both(&now)? == wanted {
                return Ok(Applied::Done);
            }
            last = now.caps();
        }
        let [down, up] = wanted;
        Err(self.did_not_take(&client.name, &format!("{} {down}, {} {up}", shown[0], shown[1]), &last).await)
    }

    /// Numbers first, and once more as texts where the panel objects to these fields.
    async fn write_caps(
        &self,
        account: &AccountName,
        pair: [&'static str; 2],
        wanted: [u64; 2],
    ) -> Result<(), BackendError> {
        let fields = |write: fn(u64) -> Value| pair.into_iter().zip(wanted.map(write)).collect::<Fields>();
        let written = self.write(account, &fields(|mbit| json!(mbit))).await;
        let written = match written {
            Err(CallFailure::Refusal(refusal))
                if refusal.generation == Generation::Two && refusal.is_about(&pair) =>
            {
                self.write(account, &fields(|mbit| json!(mbit.to_string()))).await
            }
            written => written,
        };
        written.map_err(|failure| about(failure, account))
    }

    async fn switch_status(
        &self,
        client: &Client,
        policy: Policy,
        remembered: &SavedState,
    ) -> Result<Applied, BackendError> {
        let is_off = suspended(client)?;
        // Who was switched off before us stays off whatever we want.
        let wants_off = policy == Policy::Limited || remembered.suspended;
        if is_off == wants_off {
            return Ok(Applied::AlreadySo);
        }
        let (field, value) = client.status.clone().unwrap_or(("status", Value::Null));
        if remembered.suspended {
            return Ok(Applied::LeftAlone {
                found: format!("{field} {}", excerpt(&value.to_string())),
                limited: is_off,
            });
        }
        let word = match policy {
            Policy::Standard => remembered.status.clone(),
            Policy::Limited => off(&value).ok_or_else(|| unknown_status(client))?,
        };
        self.takes_changes().await?;
        self.write(&client.name, &vec![(field, word.clone())])
            .await
            .map_err(|failure| about(failure, &client.name))?;
        let now = self.client(&client.name).await?;
        if suspended(&now)? == wants_off {
            return Ok(Applied::Done);
        }
        let shown = now.status.map_or_else(String::new, |(_, value)| excerpt(&value.to_string()));
        Err(self.did_not_take(&client.name, &format!("{field} {word}"), &format!("{field} {shown}")).await)
    }

    /// While the panel reconfigures itself it refuses writes: better later than half.
    async fn takes_changes(&self) -> Result<(), BackendError> {
        match self.panel.status().await?.busy_with() {
            None => Ok(()),
            Some(with) => {
                let detail = format!("its status is {with:?}, it takes no changes now");
                Err(BackendError::Busy { after: None, detail })
            }
        }
    }

    async fn client(&self, account: &AccountName) -> Result<Client, BackendError> {
        let generation = self.panel.known().await?.generation;
        let path = [generation.clients(), account.as_str()];
        let ask = ApiCall { path: &path, right: "client:read" };
        let payload = self.panel.get(&ask).await.map_err(|failure| about(failure, account))?;
        clients::one(&payload.value, account)
            .map_err(|detail| BackendError::Unexpected { at: ask.name(&Method::GET), detail })
    }

    async fn write(&self, account: &AccountName, fields: &Fields) -> Result<(), CallFailure> {
        let generation = self.panel.known().await?.generation;
        let path = [generation.clients(), account.as_str()];
        match self.panel.put(&ApiCall { path: &path, right: "client:write" }, fields).await {
            Ok(_) => Ok(()),
            // The answer to a write is not looked at beyond yes and no; what counts is read back.
            Err(CallFailure::Refusal(ApiRefusal {
                no: super::envelope::No::Strange(_),
                status: 204,
                ..
            })) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn did_not_take(&self, account: &AccountName, sent: &str, shown: &str) -> BackendError {
        let clients = self.panel.known().await.map_or("client", |known| known.generation.clients());
        BackendError::Unexpected {
            at: format!("PUT /{clients}/{account}"),
            detail: format!("not applied: sent {sent}; the panel reports {shown}"),
        }
    }
}

fn about(failure: CallFailure, account: &AccountName) -> BackendError {
    match failure {
        CallFailure::Refusal(refusal) => refusal.about(account),
        CallFailure::Failed(error) => error,
    }
}

/// Both bandwidths; without them there is nothing to restore.
fn both(client: &Client) -> Result<[u64; 2], BackendError> {
    match (client.down, client.up) {
        (Some(down), Some(up)) => Ok([down.mbit, up.mbit]),
        _ => Err(BackendError::Unexpected {
            at: format!("client {}", client.name),
            detail: format!("its bandwidth cannot be read ({})", client.caps()),
        }),
    }
}

fn keys(client: &Client) -> [&'static str; 2] {
    match (client.down, client.up) {
        (Some(down), Some(up)) => [down.field, up.field],
        _ => PAIRS[0],
    }
}

fn suspended(client: &Client) -> Result<bool, BackendError> {
    client.suspended().ok_or_else(|| unknown_status(client))
}

fn unknown_status(client: &Client) -> BackendError {
    let value = client.status.as_ref().map_or("missing".into(), |(_, value)| excerpt(&value.to_string()));
    BackendError::Unexpected {
        at: format!("client {}", client.name),
        detail: format!("its status is {value}, expected one like enable or disable"),
    }
}

/// The word for "off", in the spelling the panel uses for "on".
fn off(on: &Value) -> Option<Value> {
    let word = match on {
        Value::Bool(_) => return Some(json!(false)),
        Value::Number(_) => return Some(json!(0)),
        Value::String(word) => word,
        _ => return None,
    };
    let lower = word.to_lowercase();
    let (stem, rest) = match lower.as_str() {
        "1" => return Some(json!("0")),
        "true" => ("false", ""),
        _ if lower.starts_with("enable") => ("disable", word.get("enable".len()..)?),
        _ if lower.starts_with("active") => ("suspended", ""),
        _ => return None,
    };
    let first_is_capital = word.starts_with(|first: char| first.is_uppercase());
    let all_are_capital = word.chars().all(|c| !c.is_lowercase());
    Some(Value::String(match (first_is_capital, all_are_capital) {
        (true, true) => format!("{}{rest}", stem.to_uppercase()),
        (true, false) => format!("{}{}{rest}", stem[..1].to_uppercase(), &stem[1..]),
        _ => format!("{stem}{rest}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_is_spelt_as_on_is() {
        for (on, expected) in [
            (json!("enable"), json!("disable")),
            (json!("Enable"), json!("Disable")),
            (json!("ENABLED"), json!("DISABLED")),
            (json!("enabled"), json!("disabled")),
            (json!("Active"), json!("Suspended")),
            (json!("true"), json!("false")),
            (json!(true), json!(false)),
            (json!(1), json!(0)),
        ] {
            assert_eq!(off(&on), Some(expected), "{on}");
        }
        assert_eq!(off(&json!("paused")), None);
        assert_eq!(off(&Value::Null), None);
    }

    #[test]
    fn a_limit_never_gives_more_than_was_bought_and_is_never_zero() {
        let remembered = |down, up, cap| SavedState {
            limited: Limited::Cap,
            down,
            up,
            keys: PAIRS[0].map(str::to_string),
            cap,
            status_key: "status".into(),
            status: json!("enable"),
            suspended: false,
        };
        assert_eq!(remembered(25, 10, 2).caps(Policy::Limited), [2, 2]);
        assert_eq!(remembered(0, 1, 2).caps(Policy::Limited), [2, 1]);
        assert_eq!(remembered(0, 1, 2).caps(Policy::Standard), [0, 1]);
    }
}
