//! Limits accounts and restores them, in the way that was configured when an account was remembered.
//!
//! Suspending a virtual server is a toggle: the same call suspends and lets go. So it is looked at right before, sent once,
//! never sent again without another look, and read back. Neither a server nor a user says why it is suspended: who was
//! suspended before us stays so, and whoever suspends on top of us cannot be told from us.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::listing::machines_call;
use super::panel::ApiCall;
use super::refusal::CallFailure;
use super::settings::{Accounts, LimitBy};
use super::speed::Ports;
use super::wire::{Machine, User};
use super::{Applied, BackendError, Memory, OnApp};
use crate::backends::kit::memory::{kept, needed};
use crate::backends::kit::suspend_unexplained::{self, shown};
use crate::backends::kit::switch::{Plan, read_back};
use crate::domain::{AccountName, Policy};
use crate::http::Method;

/// What an account had before it was limited.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
enum SavedState {
    /// Port speeds of a server.
    Speed(Ports),
    /// A server that was suspended or not, and ran or not.
    Machine { suspended: bool, booted: Option<bool> },
    /// A user, and how its servers were: they are let go with the user, and started by nobody.
    User { suspended: bool, servers: BTreeMap<String, ServerState> },
    /// The plan of a user.
    Plan { field: String, plan: u64, limited: u64 },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ServerState {
    suspended: Option<bool>,
    booted: Option<bool>,
}

impl OnApp {
    /// What a later restore needs.
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let saved = match (self.config.accounts, self.config.limit_by) {
            (Accounts::Machines, LimitBy::Speed) => SavedState::Speed(self.remember_ports(account).await?),
            (Accounts::Machines, _) => {
                let machine = self.machine(account).await?;
                SavedState::Machine { suspended: suspended(&machine)?, booted: machine.booted }
            }
            (_, LimitBy::Plan) => {
                let user = self.user(account).await?;
                let (field, plan) = plan(&user)?;
                let limited = self.config.limited_plan.unwrap_or(plan);
                SavedState::Plan { field: field.to_string(), plan, limited }
            }
            (_, _) => {
                let user = self.user(account).await?;
                SavedState::User { suspended: is_suspended(&user)?, servers: self.servers_of(&user).await? }
            }
        };
        kept(&saved)
    }

    /// Puts an account under `policy`.
    pub(super) async fn switch(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // Looked for first: an account that is not there is reported so whatever is remembered.
        match self.config.accounts {
            Accounts::Machines => drop(self.machine(account).await?),
            Accounts::Users | Accounts::Cdn => drop(self.user(account).await?),
        }
        match needed::<SavedState>(memory)? {
            SavedState::Speed(ports) => self.switch_ports(account, policy, &ports).await,
            SavedState::Machine { suspended, booted } => {
                self.switch_machine(account, policy, suspended, booted).await
            }
            SavedState::User { suspended, servers } => {
                self.switch_user(account, policy, suspended, &servers).await
            }
            SavedState::Plan { field, plan, limited } => {
                self.switch_plan(account, policy, (&field, plan, limited)).await
            }
        }
    }

    async fn switch_machine(
        &self,
        account: &AccountName,
        policy: Policy,
        before: bool,
        booted: Option<bool>,
    ) -> Result<Applied, BackendError> {
        let machine = self.machine(account).await?;
        let found = suspended(&machine)?;
        let wanted = match suspend_unexplained::plan(before, policy, found) {
            Plan::AlreadySo => {
                let needs_start = policy == Policy::Standard && !found && booted == Some(true);
                return match needs_start && machine.booted == Some(false) {
                    true => self.start(&machine).await,
                    false => Ok(Applied::AlreadySo),
                };
            }
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(wanted) => wanted,
        };
        if !wanted && let Some(found) = self.user_holds(&machine).await? {
            return Ok(Applied::LeftAlone { found, limited: true });
        }
        takes_changes(&machine)?;
        let call = ApiCall::new(
            Method::POST,
            &["virtual_machines", account.as_str(), "suspend"],
            "virtual_machines.suspend",
        );
        not_gone(self.panel.write(&call).await, account)?;
        let look = || async {
            let found = suspended(&self.machine(account).await?)?;
            Ok(if found == wanted { Ok(()) } else { Err(shown(found).to_string()) })
        };
        let done = read_back(&format!("suspended of {account}"), look).await?;
        let machine = self.machine(account).await?;
        match !wanted && booted == Some(true) && machine.booted == Some(false) {
            // Letting go does not start it by itself.
            true => self.start(&machine).await,
            false => Ok(done),
        }
    }

    /// Starts a server that ran before. While the panel is at work on it that has to wait for the next attempt.
    async fn start(&self, machine: &Machine) -> Result<Applied, BackendError> {
        takes_changes(machine)?;
        let path = ["virtual_machines", machine.name.as_str(), "startup"];
        let call = ApiCall::new(Method::POST, &path, "virtual_machines.power");
        not_gone(self.panel.write(&call).await, &machine.name)?;
        Ok(Applied::Done)
    }

    /// Whether the server's user is suspended, which suspends the server too: that is not ours to undo.
    async fn user_holds(&self, machine: &Machine) -> Result<Option<String>, BackendError> {
        let Some(user) = &machine.user else { return Ok(None) };
        match self.user_by_id(user).await {
            Ok(user) if user.suspended() == Some(true) => {
                Ok(Some(format!("its user {} is suspended", user.name)))
            }
            // Who may not look at users has to do without: WHMCS's own word is asked for before us.
            Ok(_) | Err(BackendError::Refused(_) | BackendError::Unexpected { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn switch_user(
        &self,
        account: &AccountName,
        policy: Policy,
        before: bool,
        servers: &BTreeMap<String, ServerState>,
    ) -> Result<Applied, BackendError> {
        let user = self.user(account).await?;
        let found = is_suspended(&user)?;
        let wanted = match suspend_unexplained::plan(before, policy, found) {
            Plan::AlreadySo if found => return Ok(Applied::AlreadySo),
            Plan::AlreadySo => {
                let started = self.start_again(servers).await?;
                return Ok(if started { Applied::Done } else { Applied::AlreadySo });
            }
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(wanted) => wanted,
        };
        not_gone(self.suspend_user(&user, wanted).await, account)?;
        let look = || async {
            let found = is_suspended(&self.user_by_id(&user.id).await?)?;
            Ok(if found == wanted { Ok(()) } else { Err(shown(found).to_string()) })
        };
        let done = read_back(&format!("status of {account}"), look).await?;
        if !wanted {
            self.start_again(servers).await?;
        }
        Ok(done)
    }

    /// Starts the servers that ran before, were let go with their user and are off now; tells whether there were any.
    async fn start_again(&self, servers: &BTreeMap<String, ServerState>) -> Result<bool, BackendError> {
        let mut started = false;
        for name in servers.iter().filter(|(_, before)| before.booted == Some(true)).map(|(name, _)| name) {
            let Ok(name) = AccountName::new(name) else { continue };
            let machine = match self.machine(&name).await {
                Err(BackendError::NoSuchAccount(_)) => continue,
                machine => machine?,
            };
            if machine.suspended == Some(false) && machine.booted == Some(false) {
                self.start(&machine).await?;
                started = true;
            }
        }
        Ok(started)
    }

    /// POST in the vendor's wrapper, GET in recordings of 2.x; a verb that a release does not know changes nothing.
    async fn suspend_user(&self, user: &User, suspend: bool) -> Result<(), CallFailure> {
        let (post, get) = if suspend { ("suspend", "suspend") } else { ("activate", "activate_user") };
        let call = |method, word| ApiCall::new(method, &["users", &user.id, word], "users.suspend");
        if self.panel.release().await?.suspends_by_get() {
            return self.panel.write(&call(Method::GET, get)).await;
        }
        match self.panel.write(&call(Method::POST, post)).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_wrong_verb() => {
                self.panel.write(&call(Method::GET, get)).await
            }
            written => written,
        }
    }

    async fn servers_of(&self, user: &User) -> Result<BTreeMap<String, ServerState>, BackendError> {
        let listed = self.machines(&machines_call()).await?;
        let own = listed.all.into_iter().filter(|machine| machine.user.as_ref() == Some(&user.id));
        let state = |machine: Machine| {
            let state = ServerState { suspended: machine.suspended, booted: machine.booted };
            (machine.name.to_string(), state)
        };
        Ok(own.map(state).collect())
    }

    async fn switch_plan(
        &self,
        account: &AccountName,
        policy: Policy,
        (field, before, limited): (&str, u64, u64),
    ) -> Result<Applied, BackendError> {
        let user = self.user(account).await?;
        let (_, found) = plan(&user)?;
        let (wanted, other) = match policy {
            Policy::Standard => (before, limited),
            Policy::Limited => (limited, before),
        };
        if found == wanted {
            return Ok(Applied::AlreadySo);
        }
        if found != other {
            return Ok(Applied::LeftAlone { found: format!("{field} {found}"), limited: found == limited });
        }
        // A PUT changes what it contains, and nothing else.
        let call = ApiCall::new(Method::PUT, &["users", &user.id], "users.update");
        not_gone(self.panel.write(&call.body(json!({ "user": { field: wanted } }))).await, account)?;
        let look = || async {
            let (_, found) = plan(&self.user_by_id(&user.id).await?)?;
            Ok(if found == wanted { Ok(()) } else { Err(format!("{field} {found}")) })
        };
        read_back(&format!("plan of {account}"), look).await
    }
}

fn suspended(machine: &Machine) -> Result<bool, BackendError> {
    let at = format!("virtual server {}", machine.name);
    machine.suspended.ok_or(BackendError::Unexpected { at, detail: "suspended is absent".into() })
}

fn is_suspended(user: &User) -> Result<bool, BackendError> {
    let detail = || match &user.status {
        Some(status) => {
            format!("status is {:?}, neither active nor suspended", crate::http::excerpt(status, 40))
        }
        None => "status is absent".into(),
    };
    let at = format!("user {}", user.name);
    user.suspended().ok_or_else(|| BackendError::Unexpected { at, detail: detail() })
}

fn plan(user: &User) -> Result<(&'static str, u64), BackendError> {
    let detail = "neither bucket_id nor billing_plan_id is there".to_string();
    user.plan.ok_or_else(|| BackendError::Unexpected { at: format!("user {}", user.name), detail })
}

/// While a transaction runs other actions are refused; nobody is to unlock it by force.
pub(super) fn takes_changes(machine: &Machine) -> Result<(), BackendError> {
    match machine.locked {
        Some(true) => {
            let detail = format!("virtual server {} is locked by a transaction that runs", machine.name);
            Err(BackendError::Busy { after: None, detail })
        }
        _ => Ok(()),
    }
}

/// The trouble of a call about one account, which may be gone.
pub(super) fn not_gone<T>(called: Result<T, CallFailure>, account: &AccountName) -> Result<T, BackendError> {
    called.map_err(|failure| match failure.refusal().is_some_and(|refusal| refusal.is_gone()) {
        true => BackendError::NoSuchAccount(account.clone()),
        false => failure.error(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_again() {
        let ports = Ports { cap: 2, ports: BTreeMap::new() };
        for saved in [
            SavedState::Speed(ports),
            SavedState::Machine { suspended: false, booted: None },
            SavedState::User { suspended: true, servers: BTreeMap::new() },
            SavedState::Plan { field: "bucket_id".into(), plan: 12, limited: 99 },
        ] {
            let memory = kept(&saved).expect("JSON");
            assert_eq!(needed::<SavedState>(&memory).expect("read"), saved);
        }
    }
}
