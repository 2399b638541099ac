//! Limits a machine by pausing it, and lets it run again. Containers have no such thing worth using.
//!
//! Never starts what was stopped: only a pause is taken back.

use std::time::Duration;

use serde::Deserialize;

use super::cluster::GuestKind;
use super::memory::Was;
use super::refusal::CallFailure;
use super::session::ApiCall;
use super::{Applied, BackendError, Guest, GuestLocation, Proxmox};
use crate::domain::Policy;
use crate::http::excerpt;

/// How long a task may take before we come back later.
const PATIENCE: Duration = Duration::from_secs(60);

const RIGHT: &str = "VM.PowerMgmt";

/// What of `status/current` is asked for (qemu-server PVE/API2/Qemu.pm).
#[derive(Deserialize)]
struct Current {
    status: String,
    #[serde(default)]
    qmpstatus: Option<String>,
}

/// The state of a task (pve-manager PVE/API2/Tasks.pm).
#[derive(Deserialize)]
struct Task {
    status: String,
    #[serde(default)]
    exitstatus: Option<String>,
}

/// Which policy a machine's state shows; one that is off shows none.
pub(super) fn shown(guest: &Guest<'_>) -> Option<Policy> {
    match guest.row.status.text() {
        Some("paused") => Some(Policy::Limited),
        _ if guest.runs() => Some(Policy::Standard),
        _ => None,
    }
}

impl Proxmox {
    /// What a machine does now.
    pub(super) async fn was(&self, place: &GuestLocation) -> Result<Was, CallFailure> {
        if place.kind == GuestKind::Lxc {
            let why = format!("{}: containers cannot be paused; use limited = \"rate\"", place.id());
            return Err(BackendError::NotOffered(why).into());
        }
        let current: Current =
            self.session.json(ApiCall::get(place.path("status/current"), "VM.Audit")).await?;
        Ok(match (current.status.as_str(), current.qmpstatus.as_deref()) {
            ("stopped", _) => Was::Stopped,
            (_, Some("paused")) => Was::Paused,
            _ => Was::Running,
        })
    }

    /// Pauses a machine, or lets it run again where the pause is ours.
    pub(super) async fn set_power(
        &self,
        place: &GuestLocation,
        policy: Policy,
        was: Was,
    ) -> Result<Applied, CallFailure> {
        let now = self.was(place).await?;
        let call = match (policy, now) {
            (Policy::Limited, Was::Paused | Was::Stopped) => return Ok(Applied::AlreadySo),
            (Policy::Standard, Was::Running | Was::Stopped) => return Ok(Applied::AlreadySo),
            (Policy::Standard, Was::Paused) if was == Was::Paused => return Ok(Applied::AlreadySo),
            (Policy::Limited, Was::Running) => "status/suspend",
            (Policy::Standard, Was::Paused) => "status/resume",
        };
        match self.session.json::<String>(ApiCall::post(place.path(call), RIGHT)).await {
            Ok(task) => self.finished(place, &task).await?,
            // Stopped a moment ago: it moves nothing, which is what was wanted.
            Err(CallFailure::Refusal(refusal))
                if refusal.says("not running") || refusal.says("already running") => {}
            Err(failure) => return Err(failure),
        }
        match (policy, self.was(place).await?) {
            (Policy::Limited, Was::Running) => Err(not_taken(place, "runs on")),
            (Policy::Standard, Was::Paused) => Err(not_taken(place, "is still paused")),
            _ => Ok(Applied::Done),
        }
    }

    /// Waits until a task is over, and says how it ended.
    async fn finished(&self, place: &GuestLocation, task: &str) -> Result<(), CallFailure> {
        let path = format!("nodes/{}/tasks/{task}/status", place.node);
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(100);
        while tokio::time::Instant::now() < until {
            let state: Task = self.session.json(ApiCall::get(path.as_str(), "Sys.Audit")).await?;
            if state.status == "stopped" {
                let end = state.exitstatus.unwrap_or_default();
                let well = end == "OK" || end.starts_with("WARNINGS");
                let is_so = end.contains("not running") || end.contains("already running");
                return match well || is_so {
                    true => Ok(()),
                    false => Err(not_taken(place, &format!("task ended with {:?}", excerpt(&end, 80)))),
                };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        let detail = format!("{}: its task goes on", place.id());
        Err(BackendError::Busy { after: None, detail }.into())
    }
}

fn not_taken(place: &GuestLocation, found: &str) -> CallFailure {
    let detail = format!("{} {found}", place.id());
    BackendError::Unexpected { at: "power switch".into(), detail }.into()
}
