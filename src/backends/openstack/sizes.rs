//! What Cinder, Manila and Nova have given to each project: provisioned GiB, whatever is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::OpenStack;
use super::catalogue::Service;
use super::gnocchi::Kept;
use super::paging::PAGE;
use super::projects::{Projects, plain};
use super::refusal::CallFailure;
use super::servers::{KeptServers, VERSION};
use super::session::ApiCall;
use super::settings::Storage;
use super::windows::closed_until;
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Seconds, Timestamp};

/// Their unit, in bytes.
pub(super) const GIBIBYTE: u64 = 1 << 30;

/// Measures of a volume that are older than this are no measures of now.
const STALE: Seconds = Seconds::hours(3);

/// Bytes of each project by its plain id, or what is wrong with something of it. Who is not in it has none.
pub(super) type Sizes = BTreeMap<String, Result<u64, String>>;

/// One list of things with sizes.
struct SizedList {
    service: Service,
    path: &'static str,
    key: &'static str,
    /// The field that says whose a row is.
    project: &'static str,
    /// The version in which that and other fields are told, with the header that asks for it.
    version: (&'static str, &'static str),
}

/// The list that a source is read from; `None` where it is none.
fn list(source: Storage) -> Option<SizedList> {
    let (service, path, key, project, version) = match source {
        Storage::Volumes => (
            Service::Volumes,
            "volumes/detail",
            "volumes",
            "os-vol-tenant-attr:tenant_id",
            (VERSION, "volume 3.65"),
        ),
        Storage::Snapshots => (
            Service::Volumes,
            "snapshots/detail",
            "snapshots",
            "os-extended-snapshot-attributes:project_id",
            (VERSION, "volume 3.65"),
        ),
        Storage::Backups => (
            Service::Volumes,
            "backups/detail",
            "backups",
            "os-backup-project-attr:project_id",
            (VERSION, "volume 3.18"),
        ),
        Storage::Shares => (
            Service::Shares,
            "shares/detail",
            "shares",
            "project_id",
            ("x-openstack-manila-api-version", "2.51"),
        ),
        Storage::Objects | Storage::Images | Storage::LocalDisk | Storage::GnocchiVolumes => {
            return None;
        }
    };
    Some(SizedList { service, path, key, project, version })
}

impl OpenStack {
    /// What one source has of everybody; objects have no list.
    pub(super) async fn sizes(
        &self,
        source: Storage,
        projects: &Projects,
        ask: &PollRequest,
        servers: &KeptServers,
    ) -> Result<Sizes, BackendError> {
        match list(source) {
            Some(list) => self.listed_sizes(&list, projects, ask).await,
            None if source == Storage::LocalDisk => self.local_disks(servers).await,
            None if source == Storage::Images => self.images(projects, ask).await,
            None => self.measured_volumes(ask.now).await,
        }
    }

    async fn listed_sizes(
        &self,
        list: &SizedList,
        projects: &Projects,
        ask: &PollRequest,
    ) -> Result<Sizes, BackendError> {
        let call = ApiCall::get(list.service, list.path).with("all_tenants", "1").with("limit", PAGE);
        let (header, version) = list.version;
        let rows = match self.cloud.rows(&call.clone().header(header, version), list.key).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_too_new() => {
                self.cloud.rows(&call, list.key).await
            }
            rows => rows,
        };
        let rows = rows?;
        let mut sizes = Sizes::new();
        for row in rows.iter().filter(|row| is_counted(row)) {
            let Some(project) = row[list.project].as_str() else {
                return Err(BackendError::Refused(format!(
                    "{} come without {}, which administrators alone are told: the login needs the role admin",
                    list.key, list.project
                )));
            };
            add(&mut sizes, plain(project), size(row, list.key));
        }
        let is_foreign = |id: &String| projects.metered.contains_key(id);
        if !sizes.keys().any(is_foreign) {
            self.must_see_all(list.key, projects, ask).await?;
        }
        Ok(sizes)
    }

    /// A login without the right is shown its own things alone, as if the others had none.
    pub(super) async fn must_see_all(
        &self,
        what: &str,
        projects: &Projects,
        ask: &PollRequest,
    ) -> Result<(), BackendError> {
        let grant = self.cloud.grant().await?;
        let had_some = projects
            .metered
            .values()
            .any(|project| ask.heard.level(&project.account).is_some_and(|level| level.get() > 0));
        match grant.is_admin() || !had_some {
            true => Ok(()),
            false => Err(BackendError::Refused(format!(
                "no {what} of any customer are shown any more, and the login has the roles {}, without admin",
                grant.roles.join(", ")
            ))),
        }
    }

    async fn local_disks(&self, servers: &KeptServers) -> Result<Sizes, BackendError> {
        let mut sizes = Sizes::new();
        for server in servers.of(&self.cloud).await?.values().flatten() {
            let gib = server.disk_gib.ok_or_else(|| {
                format!("server {} shows no disk of its flavour; Nova tells it as of 2.47", server.id)
            });
            add(&mut sizes, server.project.clone(), gib.and_then(bytes));
        }
        Ok(sizes)
    }

    /// Volumes by Gnocchi's newest measure of each, for clouds whose Cinder may not be asked.
    async fn measured_volumes(&self, now: Timestamp) -> Result<Sizes, BackendError> {
        const METRIC: &str = "volume.size";
        let start = now.minus(STALE);
        let volumes = self.cloud.resources("volume", start).await?;
        let kept = match volumes.iter().find_map(|volume| volume.metrics.get(METRIC)) {
            Some(metric) => self.cloud.kept(metric, start, now).await?,
            None => Kept::default(),
        };
        let windows =
            self.cloud.windows("volume", METRIC, kept, (start, closed_until(now, kept.window))).await?;
        let newest =
            windows.values().flatten().filter_map(|points| points.last()).map(|point| point.start).max();
        let mut sizes = Sizes::new();
        for volume in volumes.iter().filter(|volume| volume.ended().is_none()) {
            let Some(project) = volume.project_id.as_deref().map(plain) else { continue };
            let measured = match windows.get(&volume.id) {
                Some(Ok(points)) => {
                    points.last().map(|point| point.value).ok_or_else(|| "no measure".to_string())
                }
                Some(Err(problem)) => Err(problem.clone()),
                // All are measured together: one that is not any more is gone.
                None if newest.is_some() => continue,
                None => Err(format!("no measure of {METRIC} within three hours")),
            };
            let gib = measured.map_err(|problem| format!("volume {}: {problem}", volume.id));
            add(&mut sizes, project, gib.and_then(|gib| bytes(gib.round() as u64)));
        }
        Ok(sizes)
    }
}

/// Things that are being deleted are counted no more; internal ones use no quota either.
fn is_counted(row: &Value) -> bool {
    let is_going =
        row["status"].as_str().is_some_and(|status| ["deleting", "error_deleting"].contains(&status));
    !is_going && row["consumes_quota"] != false
}

/// The size of a row in bytes.
fn size(row: &Value, key: &str) -> Result<u64, String> {
    let id = row["id"].as_str().unwrap_or("without id");
    let named = |problem: String| format!("{key} {id}: {problem}");
    match &row["size"] {
        Value::Number(number) => {
            let gib =
                number.as_u64().ok_or_else(|| named(format!("size is {number}, expected whole GiB")))?;
            bytes(gib).map_err(named)
        }
        Value::Null => Err(named("size is absent".into())),
        other => {
            Err(named(format!("size is {}, expected whole GiB", crate::backends::kit::json::type_of(other))))
        }
    }
}

fn bytes(gib: u64) -> Result<u64, String> {
    gib.checked_mul(GIBIBYTE)
        .filter(|bytes| *bytes <= i64::MAX as u64)
        .ok_or(format!("size {gib} GiB is out of range"))
}

/// Adds to the sum of a project; what is wrong with one thing makes the sum unknown.
pub(super) fn add(sizes: &mut Sizes, project: String, size: Result<u64, String>) {
    let sum = sizes.entry(project).or_insert(Ok(0));
    *sum = match (std::mem::replace(sum, Ok(0)), size) {
        (Err(problem), _) | (Ok(_), Err(problem)) => Err(problem),
        (Ok(sum), Ok(more)) => sum.checked_add(more).ok_or_else(|| "the sum of sizes is out of range".into()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_counts_is_added_and_one_odd_size_makes_the_sum_unknown() {
        let mut sizes = Sizes::new();
        for (project, row) in [
            ("a", json!({"id": "1", "size": 40, "status": "in-use"})),
            ("a", json!({"id": "2", "size": 2, "status": "available", "consumes_quota": true})),
            ("b", json!({"id": "3", "size": 1})),
            ("b", json!({"id": "4", "size": "5"})),
            ("b", json!({"id": "5", "size": 1})),
        ] {
            assert!(is_counted(&row));
            add(&mut sizes, project.into(), size(&row, "volumes"));
        }
        assert_eq!(sizes["a"], Ok(42 << 30));
        assert!(sizes["b"].as_ref().is_err_and(|problem| problem.contains("volumes 4: size is a text")));
        for row in [
            json!({"status": "deleting"}),
            json!({"status": "error_deleting"}),
            json!({"consumes_quota": false}),
        ] {
            assert!(!is_counted(&row), "{row}");
        }
        for odd in [json!(-1), json!(1.5), json!(null), json!([7]), json!(9_223_372_036_854_775_808_u64)] {
            let problem = size(&json!({"id": "6", "size": odd}), "volumes").expect_err("odd");
            assert!(problem.contains("size"), "{problem}");
        }
    }
}
