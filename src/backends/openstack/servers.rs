//! Nova's servers: whose they are, whether they run, and when they were made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalogue::Service;
use super::paging::PAGE;
use super::projects::plain;
use super::refusal::CallFailure;
use super::session::{ApiCall, Cloud};
use super::time;
use crate::backends::BackendError;
use crate::domain::Timestamp;

/// The version in which locks have reasons.
pub(super) const NEWEST: &str = "compute 2.73";

/// Versions that rows are asked for in, until one is spoken: before 2.47 no flavour stands in them, before 2.9 no lock.
const VERSIONS: [&str; 3] = [NEWEST, "compute 2.47", "compute 2.9"];

/// The header that asks for a version of Nova's or Cinder's calls.
pub(super) const VERSION: &str = "openstack-api-version";

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub id: String,
    /// The plain id of its project.
    pub project: String,
    pub status: String,
    /// What is being done to it.
    pub task: Option<String>,
    pub locked: bool,
    /// Why; `None` where nobody said, or the release keeps no reasons.
    pub locked_reason: Option<String>,
    /// Whether the release keeps reasons.
    pub has_reasons: bool,
    pub created: Option<Timestamp>,
    /// GiB of its flavour's disks; `None` where the row does not tell.
    pub disk_gib: Option<u64>,
}

impl Server {
    fn read(row: &Value) -> Result<Server, String> {
        let text = |name: &str| row[name].as_str().filter(|text| !text.is_empty()).map(String::from);
        let flavour = &row["flavor"];
        let disks = flavour["disk"].as_u64().zip(flavour["ephemeral"].as_u64());
        Ok(Server {
            id: text("id").ok_or("a server has no id")?,
            project: plain(&text("tenant_id").ok_or("a server has no tenant_id")?),
            status: text("status").ok_or("a server has no status")?,
            task: text("OS-EXT-STS:task_state"),
            locked: row["locked"].as_bool().unwrap_or_default(),
            locked_reason: text("locked_reason"),
            has_reasons: row.get("locked_reason").is_some(),
            created: text("created").as_deref().and_then(time::parsed),
            disk_gib: disks.and_then(|(disk, ephemeral)| disk.checked_add(ephemeral)),
        })
    }

    /// Whether it runs, and so moves bytes.
    pub fn runs(&self) -> bool {
        // One that is being rebooted or resized ran a moment ago.
        !["SHUTOFF", "SUSPENDED", "PAUSED", "SHELVED", "SHELVED_OFFLOADED", "DELETED", "SOFT_DELETED"]
            .contains(&self.status.as_str())
    }
}

impl Cloud {
    /// Servers of everybody, or of one project.
    pub async fn servers(&self, project: Option<&str>) -> Result<Vec<Server>, BackendError> {
        let mut call =
            ApiCall::get(Service::Compute, "servers/detail").with("all_tenants", "1").with("limit", PAGE);
        if let Some(project) = project {
            call = call.with("project_id", project);
        }
        let mut rows =
            Err(CallFailure::Failed(BackendError::NotOffered("no version of Nova's calls".into())));
        for version in VERSIONS {
            rows = self.rows(&call.clone().header(VERSION, version), "servers").await;
            if !is_too_new(&rows) {
                break;
            }
        }
        let read = rows?.iter().map(Server::read).collect::<Result<Vec<Server>, String>>();
        read.map_err(|detail| BackendError::Unexpected { at: call.name(), detail })
    }

    /// One server as it is now; `None` where it is gone.
    pub async fn server(&self, id: &str) -> Result<Option<Server>, BackendError> {
        let call = ApiCall::get(Service::Compute, &format!("servers/{id}"));
        let mut answer: Result<Value, CallFailure> =
            Err(CallFailure::Failed(BackendError::NotOffered("no version of Nova's calls".into())));
        for version in VERSIONS {
            answer = self.json(&call.clone().header(VERSION, version)).await;
            if !is_too_new(&answer) {
                break;
            }
        }
        match answer {
            Ok(body) => {
                let read = Server::read(&body["server"]);
                read.map(Some).map_err(|detail| BackendError::Unexpected { at: call.name(), detail })
            }
            Err(CallFailure::Refusal(refusal)) if refusal.status == 404 => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn is_too_new<T>(answer: &Result<T, CallFailure>) -> bool {
    answer.as_ref().err().and_then(CallFailure::refusal).is_some_and(super::refusal::ApiRefusal::is_too_new)
}

/// The servers of the cloud, asked for once a poll and only where something depends on them.
#[derive(Default)]
pub(super) struct KeptServers(tokio::sync::OnceCell<Result<ByProject, BackendError>>);

/// Servers by the plain id of their project.
pub(super) type ByProject = BTreeMap<String, Vec<Server>>;

impl KeptServers {
    /// All of them, or why they are not known: clouds may have no Nova for us.
    pub async fn of(&self, cloud: &Cloud) -> Result<&ByProject, BackendError> {
        let ask = || async {
            let mut by_project = ByProject::new();
            for server in cloud.servers(None).await? {
                by_project.entry(server.project.clone()).or_default().push(server);
            }
            Ok(by_project)
        };
        self.0.get_or_init(ask).await.as_ref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_of_old_and_new_releases_are_servers() {
        let old = json!({"id": "6d1c", "tenant_id": "9b1f-6e", "status": "ACTIVE", "flavor": {"id": "2"}});
        let server = Server::read(&old).expect("a server");
        assert_eq!(
            (server.project.as_str(), server.disk_gib, server.has_reasons, server.runs()),
            ("9b1f6e", None, false, true)
        );
        let new = json!({
            "id": "6d1c", "tenant_id": "9b1f", "status": "SHUTOFF", "locked": true, "locked_reason": null,
            "created": "2026-01-07T11:20:43Z", "flavor": {"disk": 20, "ephemeral": 4}, "OS-EXT-STS:task_state": null,
        });
        let server = Server::read(&new).expect("a server");
        assert_eq!(
            (server.disk_gib, server.has_reasons, server.locked, server.runs()),
            (Some(24), true, true, false)
        );
        assert!(
            Server::read(&json!({"id": "6d1c", "status": "ACTIVE"}))
                .is_err_and(|error| error.contains("tenant_id"))
        );
    }
}
