//! Limits a project in the way of the config, and restores it in the way that was remembered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::OpenStack;
use super::catalogue::Service;
use super::freeze::SavedServers;
use super::projects::{Project, Projects, plain};
use super::qos::SavedPorts;
use super::quotas::SavedQuotas;
use super::session::ApiCall;
use super::settings::Limited;
use crate::backends::kit::memory::{kept, needed};
use crate::backends::kit::switch::read_back;
use crate::backends::{Applied, BackendError, Memory, PollRequest};
use crate::domain::{AccountName, Harvest, Policy};
use crate::http::Method;

/// What a project had before it was limited, with the way that it was limited in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedState {
    Servers(SavedServers),
    Ports(SavedPorts),
    Quotas(SavedQuotas),
    Login { enabled: bool },
}

impl OpenStack {
    pub(super) async fn remembered(&self, account: &AccountName) -> Result<Memory, BackendError> {
        let project = self.project_called(account).await?;
        let state = match self.config.limited {
            Limited::Suspend | Limited::Pause | Limited::Stop => {
                SavedState::Servers(self.remembered_servers(&project).await?)
            }
            Limited::Qos => SavedState::Ports(self.remembered_ports(&project).await?),
            Limited::Quota => SavedState::Quotas(self.remembered_quotas(&project).await?),
            Limited::Disable => SavedState::Login { enabled: enabled(&project)? },
        };
        kept(&state)
    }

    pub(super) async fn switched(
        &self,
        account: &AccountName,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // Looked for first: a project that is not there is reported so whatever is remembered.
        let project = self.project_called(account).await?;
        match needed::<SavedState>(memory)? {
            SavedState::Servers(saved) => self.switch_servers(&project, policy, &saved).await,
            SavedState::Ports(saved) => self.switch_ports(&project, policy, &saved).await,
            SavedState::Quotas(saved) => self.switch_quotas(&project, policy, &saved).await,
            SavedState::Login { enabled: before } => self.switch_login(&project, policy, before).await,
        }
    }

    /// Whoever was disabled before us stays so.
    async fn switch_login(
        &self,
        project: &Project,
        policy: Policy,
        before: bool,
    ) -> Result<Applied, BackendError> {
        let (found, wanted) = (enabled(project)?, before && policy == Policy::Standard);
        match (found == wanted, before) {
            (true, _) => return Ok(Applied::AlreadySo),
            (false, false) => return Ok(Applied::LeftAlone { found: "enabled".into(), limited: false }),
            (false, true) => {}
        }
        let path = format!("projects/{}", project.id);
        let call = ApiCall::new(Method::PATCH, Service::Identity, &path);
        self.cloud.call(&call.with_body(json!({ "project": { "enabled": wanted } }))).await?;
        let look = || async {
            let body: Value = self.cloud.json(&ApiCall::get(Service::Identity, &path)).await?;
            let found = body["project"]["enabled"].as_bool();
            Ok(if found == Some(wanted) { Ok(()) } else { Err(format!("enabled {found:?}")) })
        };
        read_back(&format!("project {}", plain(&project.id)), look).await
    }

    /// Puts the policy that projects show into the harvest: of those that are limited, where it costs a call.
    pub(super) async fn put_policies(&self, projects: &Projects, ask: &PollRequest, harvest: &mut Harvest) {
        for project in projects.metered.values().filter(|project| ask.limited.contains(&project.account)) {
            let shown = match self.config.limited {
                Limited::Suspend | Limited::Pause | Limited::Stop => self.shown_by_servers(project).await,
                Limited::Qos => self.shown_by_ports(project).await,
                Limited::Disable => Ok((
                    project.enabled.map(|enabled| if enabled { Policy::Standard } else { Policy::Limited }),
                    false,
                )),
                // Whether a quota is ours or was sold does not show.
                Limited::Quota => continue,
            };
            match shown {
                Ok((policy, differs)) => {
                    let facts = harvest.facts_mut(&project.account);
                    (facts.policy, facts.policy_differs) = (policy, differs);
                }
                Err(error) => harvest.warn(format!("policy of {}: {error}", project.account)),
            }
        }
    }
}

fn enabled(project: &Project) -> Result<bool, BackendError> {
    project.enabled.ok_or_else(|| BackendError::Unexpected {
        at: format!("project {}", plain(&project.id)),
        detail: "enabled is absent".into(),
    })
}
