//! Limits a project by freezing its servers: each that runs is locked and suspended, paused or shut off, and goes on again.
//!
//! A lock of ours says so, where the release keeps reasons: it is how a server that was made meanwhile is known again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::OpenStack;
use super::catalogue::Service;
use super::projects::Project;
use super::refusal::CallFailure;
use super::servers::{NEWEST, Server, VERSION};
use super::session::ApiCall;
use super::settings::Limited;
use crate::backends::kit::suspend::OURS;
use crate::backends::{Applied, BackendError};
use crate::domain::Policy;

/// How long a change of state is waited for, look by look.
const LOOKS: u32 = 40;

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// A server that ran before it was frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedServer {
    id: String,
    locked: bool,
    reason: Option<String>,
}

/// What is remembered: those that ran, and how they are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedServers {
    by: Limited,
    servers: Vec<SavedServer>,
}

/// What a look at one server makes of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Freeze,
    Thaw,
    /// It goes on already, and only our lock is left.
    Unlock,
    LeaveAlone,
}

/// How servers are frozen: what is said to them, what they are then, and what lets them go on.
fn ways(by: Limited) -> (&'static str, &'static str, &'static str) {
    match by {
        Limited::Pause => ("pause", "PAUSED", "unpause"),
        Limited::Stop => ("os-stop", "SHUTOFF", "os-start"),
        _ => ("suspend", "SUSPENDED", "resume"),
    }
}

impl OpenStack {
    pub(super) async fn remembered_servers(&self, project: &Project) -> Result<SavedServers, BackendError> {
        let by = self.config.limited;
        let mut servers: Vec<SavedServer> = self
            .cloud
            .servers(Some(&project.id))
            .await?
            .into_iter()
            .filter(|server| server.status == "ACTIVE")
            .map(|server| SavedServer { id: server.id, locked: server.locked, reason: server.locked_reason })
            .collect();
        servers.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(SavedServers { by, servers })
    }

    pub(super) async fn switch_servers(
        &self,
        project: &Project,
        policy: Policy,
        saved: &SavedServers,
    ) -> Result<Applied, BackendError> {
        let (mut done, mut alone) = (false, Vec::new());
        for server in self.cloud.servers(Some(&project.id)).await? {
            let server = self.settled(server).await?;
            match saved.step(policy, &server) {
                Step::Nothing => {}
                Step::LeaveAlone => alone.push(shown(&server)),
                step => {
                    self.take(step, &server, saved).await?;
                    done = true;
                }
            }
        }
        if done {
            return Ok(Applied::Done);
        }
        if alone.is_empty() {
            return Ok(Applied::AlreadySo);
        }
        let runs = self.cloud.servers(Some(&project.id)).await?.iter().any(Server::runs);
        Ok(Applied::LeftAlone { found: alone.join(", "), limited: !runs })
    }

    /// The policy that a project's servers show, and whether some run all the same.
    pub(super) async fn shown_by_servers(
        &self,
        project: &Project,
    ) -> Result<(Option<Policy>, bool), BackendError> {
        let servers = self.cloud.servers(Some(&project.id)).await?;
        let empty = SavedServers { by: self.config.limited, servers: Vec::new() };
        let frozen = servers.iter().filter(|server| empty.is_ours(server)).count();
        let runs = servers.iter().any(|server| server.status == "ACTIVE");
        let (_, word, _) = ways(self.config.limited);
        Ok(match (frozen, runs) {
            (0, true) => (Some(Policy::Standard), false),
            (0, false) if servers.iter().any(|server| server.status == word && word != "SHUTOFF") => {
                (None, false)
            }
            (0, false) => (Some(Policy::Standard), false),
            (_, runs) => (Some(Policy::Limited), runs),
        })
    }

    /// One step with one server, until the server shows that it was taken.
    async fn take(&self, step: Step, server: &Server, saved: &SavedServers) -> Result<(), BackendError> {
        let (freeze, frozen, thaw) = ways(saved.by);
        let was_locked = saved.of(&server.id).is_some_and(|before| before.locked);
        match step {
            Step::Freeze => {
                // Locked first: its owner may let it go on.
                if !server.locked {
                    self.lock(&server.id).await?;
                }
                self.act(&server.id, json!({ freeze: null }), frozen).await?;
                self.reached(&server.id, frozen, true).await
            }
            Step::Thaw => {
                self.act(&server.id, json!({ thaw: null }), "ACTIVE").await?;
                self.reached(&server.id, "ACTIVE", true).await?;
                if !was_locked {
                    self.act(&server.id, json!({ "unlock": null }), "ACTIVE").await?;
                }
                self.reached(&server.id, "ACTIVE", was_locked).await
            }
            Step::Unlock => {
                self.act(&server.id, json!({ "unlock": null }), "ACTIVE").await?;
                self.reached(&server.id, "ACTIVE", false).await
            }
            Step::Nothing | Step::LeaveAlone => Ok(()),
        }
    }

    async fn lock(&self, id: &str) -> Result<(), BackendError> {
        let call = |body: Value| ApiCall::post(Service::Compute, &format!("servers/{id}/action"), body);
        let with_reason = call(json!({ "lock": { "locked_reason": OURS } })).header(VERSION, NEWEST);
        match self.cloud.call(&with_reason).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_too_new() => {
                self.cloud.call(&call(json!({ "lock": null }))).await?;
            }
            answer => drop(answer?),
        }
        Ok(())
    }

    /// Asks for an action. One that cannot be because the server is so already is done.
    async fn act(&self, id: &str, body: Value, wanted: &str) -> Result<(), BackendError> {
        let call = ApiCall::post(Service::Compute, &format!("servers/{id}/action"), body);
        match self.cloud.call(&call).await {
            Err(CallFailure::Refusal(refusal)) if refusal.status == 409 => {
                let now = self.cloud.server(id).await?;
                match now.is_some_and(|server| server.status == wanted) {
                    true => Ok(()),
                    false => Err(refusal.into()),
                }
            }
            answer => Ok(answer.map(drop)?),
        }
    }

    /// The server once nothing is being done to it.
    async fn settled(&self, mut server: Server) -> Result<Server, BackendError> {
        for look in 0..LOOKS {
            if server.task.is_none() {
                break;
            }
            pause(look).await;
            match self.cloud.server(&server.id).await? {
                Some(now) => server = now,
                None => break,
            }
        }
        Ok(server)
    }

    /// Looks until a server is in a state, locked or not.
    async fn reached(&self, id: &str, status: &str, locked: bool) -> Result<(), BackendError> {
        let mut found = String::from("gone");
        for look in 0..LOOKS {
            pause(look).await;
            let Some(server) = self.cloud.server(id).await? else { break };
            if server.status == status && server.task.is_none() && server.locked == locked {
                return Ok(());
            }
            found = shown(&server);
            if server.status == "ERROR" {
                break;
            }
        }
        let detail = format!("accepted, but read back as {found}, expected {status}");
        Err(BackendError::Unexpected { at: format!("server {id}"), detail })
    }
}

impl SavedServers {
    fn of(&self, id: &str) -> Option<&SavedServer> {
        self.servers.iter().find(|server| server.id == id)
    }

    /// Whether a server is frozen as we freeze, under our lock or under the one that it had before.
    fn is_ours(&self, server: &Server) -> bool {
        let (_, frozen, _) = ways(self.by);
        let lock = match self.of(&server.id) {
            Some(before) if before.locked => server.locked && server.locked_reason == before.reason,
            // Without reasons a lock is ours where we remember a server that had none.
            Some(_) if !server.has_reasons => server.locked,
            None if !server.has_reasons => server.locked,
            _ => has_our_lock(server),
        };
        server.status == frozen && lock
    }

    fn step(&self, policy: Policy, server: &Server) -> Step {
        let is_remembered = self.of(&server.id).is_some();
        let is_known_ours = self.is_ours(server) && (is_remembered || has_our_lock(server));
        match (policy, server.status.as_str()) {
            (Policy::Limited, "ACTIVE") => Step::Freeze,
            (Policy::Limited, _) if is_known_ours || !is_remembered => Step::Nothing,
            (Policy::Standard, "ACTIVE") if has_our_lock(server) => Step::Unlock,
            (Policy::Standard, "ACTIVE") => Step::Nothing,
            (Policy::Standard, _) if is_known_ours => Step::Thaw,
            (Policy::Standard, _) if !is_remembered => Step::Nothing,
            _ => Step::LeaveAlone,
        }
    }
}

fn has_our_lock(server: &Server) -> bool {
    server.locked && server.locked_reason.as_deref() == Some(OURS)
}

fn shown(server: &Server) -> String {
    let lock = match (server.locked, &server.locked_reason) {
        (false, _) => "not locked".into(),
        (true, None) => "locked".into(),
        (true, Some(reason)) => format!("locked: {}", crate::http::excerpt(reason, 80)),
    };
    format!("server {} {}, {lock}", server.id, server.status)
}

/// Waits before a look: not at all first, then longer and longer, a minute in all.
async fn pause(look: u32) {
    tokio::time::sleep((Duration::from_millis(100) * look).min(PAUSE)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, status: &str, lock: Option<&str>) -> Server {
        Server {
            id: id.into(),
            project: "p".into(),
            status: status.into(),
            task: None,
            locked: lock.is_some(),
            locked_reason: lock.filter(|reason| !reason.is_empty()).map(String::from),
            has_reasons: true,
            created: None,
            disk_gib: None,
        }
    }

    #[test]
    fn only_what_ran_is_frozen_and_only_what_we_froze_goes_on() {
        let known = |id: &str, locked, reason: Option<&str>| SavedServer {
            id: id.into(),
            locked,
            reason: reason.map(String::from),
        };
        let saved = SavedServers {
            by: Limited::Suspend,
            servers: vec![known("a", false, None), known("b", true, Some("audit"))],
        };
        use Policy::{Limited as L, Standard as S};
        for (policy, found, step) in [
            (L, server("a", "ACTIVE", None), Step::Freeze),
            (L, server("a", "SUSPENDED", Some(OURS)), Step::Nothing),
            (S, server("a", "SUSPENDED", Some(OURS)), Step::Thaw),
            (S, server("a", "ACTIVE", None), Step::Nothing),
            // A step that broke off in the middle.
            (S, server("a", "ACTIVE", Some(OURS)), Step::Unlock),
            (L, server("a", "ACTIVE", Some(OURS)), Step::Freeze),
            // Somebody else had a hand in it.
            (S, server("a", "SUSPENDED", Some("abuse")), Step::LeaveAlone),
            (S, server("a", "SUSPENDED", None), Step::LeaveAlone),
            (L, server("a", "SHUTOFF", None), Step::LeaveAlone),
            (S, server("a", "SHUTOFF", Some(OURS)), Step::LeaveAlone),
            // Locked before us: the lock stays, and is no sign.
            (L, server("b", "ACTIVE", Some("audit")), Step::Freeze),
            (S, server("b", "SUSPENDED", Some("audit")), Step::Thaw),
            (S, server("b", "SUSPENDED", Some("abuse")), Step::LeaveAlone),
            // Made meanwhile, or off before.
            (L, server("new", "ACTIVE", None), Step::Freeze),
            (S, server("new", "SUSPENDED", Some(OURS)), Step::Thaw),
            (S, server("off", "SUSPENDED", None), Step::Nothing),
            (S, server("off", "SHUTOFF", None), Step::Nothing),
            (L, server("off", "SHUTOFF", None), Step::Nothing),
        ] {
            assert_eq!(saved.step(policy, &found), step, "{policy:?} {found:?}");
        }
        // A release that keeps no reasons: what is remembered decides.
        let old = |id: &str| Server { has_reasons: false, ..server(id, "SUSPENDED", Some("")) };
        assert_eq!((saved.step(S, &old("a")), saved.step(S, &old("off"))), (Step::Thaw, Step::Nothing));
    }
}
