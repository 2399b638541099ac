//! Quotas of volumes and objects: what a project may have, and how they are lowered to what it uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::OpenStack;
use super::catalogue::Service;
use super::objects::RESELLER;
use super::projects::{Project, plain};
use super::session::ApiCall;
use super::settings::Storage;
use super::sizes::GIBIBYTE;
use crate::backends::kit::many::some_at_once;
use crate::backends::kit::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError};
use crate::domain::{Bytes, Limit, Policy};
use crate::http::Method;

/// One quota of Cinder's, in GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gigabytes {
    /// -1 is without an end.
    limit: i64,
    in_use: i64,
}

/// A quota as it was, and as it is while the project is limited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lowered<T> {
    was: T,
    ours: T,
}

/// What is remembered of a project's quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedQuotas {
    /// Cinder's `gigabytes`.
    volumes: Option<Lowered<i64>>,
    /// Swift's header; `None` in it is its absence.
    objects: Option<Lowered<Option<String>>>,
}

impl<T: PartialEq + Clone> Lowered<T> {
    fn plan(&self, policy: Policy, found: &T) -> Plan<T> {
        let (wanted, other) = match policy {
            Policy::Standard => (&self.was, &self.ours),
            Policy::Limited => (&self.ours, &self.was),
        };
        match found {
            found if found == wanted => Plan::AlreadySo,
            found if found == other => Plan::Write(wanted.clone()),
            found => Plan::left_alone(String::new(), *found == self.ours),
        }
    }
}

impl OpenStack {
    /// What projects may have by Cinder's quotas, by plain id; one call for each. Who is not in it is unknown.
    pub(super) async fn cinder_limits(
        &self,
        source: Storage,
        projects: &[(&String, &Project)],
    ) -> BTreeMap<String, Limit> {
        let key = match source {
            Storage::Volumes => "gigabytes",
            Storage::Backups => "backup_gigabytes",
            // In `gigabytes` already.
            Storage::Snapshots if self.config.storage.contains(&Storage::Volumes) => {
                return projects.iter().map(|(id, _)| ((*id).clone(), Limit::UpTo(Bytes::ZERO))).collect();
            }
            _ => return BTreeMap::new(),
        };
        let calls = projects
            .iter()
            .map(|(id, project)| async move { ((*id).clone(), self.gigabytes(&project.id, key).await) });
        let calls: Vec<_> = calls.collect();
        let answers = some_at_once(self.cloud.http().max_in_flight(), calls).await;
        answers.into_iter().filter_map(|(id, quota)| Some((id, limit(quota.ok()?.limit)))).collect()
    }

    async fn gigabytes(&self, project: &str, key: &str) -> Result<Gigabytes, BackendError> {
        let call = ApiCall::get(Service::Volumes, &format!("os-quota-sets/{project}")).with("usage", "true");
        let body: Value = self.cloud.json(&call).await?;
        let quota = &body["quota_set"][key];
        let number = |name: &str| quota[name].as_i64();
        match (number("limit"), number("in_use")) {
            (Some(limit), Some(in_use)) => {
                Ok(Gigabytes { limit, in_use: in_use + number("reserved").unwrap_or_default() })
            }
            _ => {
                let detail = format!("{key} has no limit and in_use as whole numbers");
                Err(BackendError::Unexpected { at: call.name(), detail })
            }
        }
    }

    /// The quotas of a project now, and what they would be lowered to.
    pub(super) async fn remembered_quotas(&self, project: &Project) -> Result<SavedQuotas, BackendError> {
        let counts = |source| self.config.storage.contains(&source);
        let volumes = match counts(Storage::Volumes) && self.cloud.has(Service::Volumes).await? {
            true => {
                let found = self.gigabytes(&project.id, "gigabytes").await?;
                // A limit never gives more than there was.
                let ours = if found.limit < 0 { found.in_use } else { found.in_use.min(found.limit) };
                Some(Lowered { was: found.limit, ours })
            }
            false => None,
        };
        let objects = match counts(Storage::Objects) && self.cloud.has(Service::Objects).await? {
            true => {
                let found = self.stored(&project.id).await?;
                let before = found.quota.as_deref().and_then(|told| told.parse::<u64>().ok());
                let ours = before.map_or(found.bytes, |before| before.min(found.bytes)).to_string();
                Some(Lowered { was: found.quota, ours: Some(ours) })
            }
            false => None,
        };
        if volumes.is_none() && objects.is_none() {
            let why = "limited = \"quota\" needs volumes or objects among storage, and their service in the catalogue";
            return Err(BackendError::NotOffered(why.into()));
        }
        Ok(SavedQuotas { volumes, objects })
    }

    /// Puts a project's quotas under a policy.
    pub(super) async fn switch_quotas(
        &self,
        project: &Project,
        policy: Policy,
        saved: &SavedQuotas,
    ) -> Result<Applied, BackendError> {
        let (mut done, mut alone) = (false, Vec::new());
        if let Some(lowered) = &saved.volumes {
            let found = self.gigabytes(&project.id, "gigabytes").await?.limit;
            match lowered.plan(policy, &found) {
                Plan::AlreadySo => {}
                Plan::LeftAlone { .. } => alone.push(format!("gigabytes {found}")),
                Plan::Write(wanted) => {
                    self.write_gigabytes(&project.id, wanted).await?;
                    done = true;
                }
            }
        }
        if let Some(lowered) = &saved.objects {
            let found = self.stored(&project.id).await?.quota;
            match lowered.plan(policy, &found) {
                Plan::AlreadySo => {}
                Plan::LeftAlone { .. } => {
                    alone.push(format!("quota of objects {}", found.as_deref().unwrap_or("none")))
                }
                Plan::Write(wanted) => {
                    self.write_object_quota(&project.id, wanted).await?;
                    done = true;
                }
            }
        }
        Ok(match (alone.is_empty(), done) {
            (false, _) => Applied::LeftAlone { found: alone.join(", "), limited: false },
            (true, true) => Applied::Done,
            (true, false) => Applied::AlreadySo,
        })
    }

    async fn write_gigabytes(&self, project: &str, wanted: i64) -> Result<(), BackendError> {
        let call = ApiCall::new(Method::PUT, Service::Volumes, &format!("os-quota-sets/{project}"));
        self.cloud.call(&call.with_body(json!({ "quota_set": { "gigabytes": wanted } }))).await?;
        let look = || async {
            let found = self.gigabytes(project, "gigabytes").await?.limit;
            Ok(if found == wanted { Ok(()) } else { Err(format!("gigabytes {found}")) })
        };
        read_back(&format!("quota of {}", plain(project)), look).await.map(|_| ())
    }

    async fn write_object_quota(&self, project: &str, wanted: Option<String>) -> Result<(), BackendError> {
        // An empty value takes it away.
        let value = wanted.clone().unwrap_or_default();
        let call =
            ApiCall::new(Method::POST, Service::Objects, &self.cloud.account_path(project)).needs(RESELLER);
        self.cloud.call(&call.header("x-account-meta-quota-bytes", value)).await?;
        let look = || async {
            let found = self.stored(project).await?.quota;
            let is_so = found.as_deref().unwrap_or_default() == wanted.as_deref().unwrap_or_default();
            Ok(if is_so { Ok(()) } else { Err(format!("quota {}", found.as_deref().unwrap_or("none"))) })
        };
        read_back(&format!("quota of objects of {}", plain(project)), look).await.map(|_| ())
    }
}

/// A limit in GiB; -1 is none.
fn limit(gib: i64) -> Limit {
    match u64::try_from(gib) {
        Ok(gib) => {
            let bytes = gib.checked_mul(GIBIBYTE).and_then(|bytes| Bytes::new(bytes).ok());
            bytes.map_or(Limit::Unknown, Limit::UpTo)
        }
        Err(_) if gib == -1 => Limit::Unlimited,
        Err(_) => Limit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_lowered_is_raised_again() {
        let lowered = Lowered { was: -1, ours: 65 };
        let alone = |limited| Plan::left_alone(String::new(), limited);
        for (policy, found, plan) in [
            (Policy::Limited, -1, Plan::Write(65)),
            (Policy::Limited, 65, Plan::AlreadySo),
            (Policy::Standard, 65, Plan::Write(-1)),
            (Policy::Standard, -1, Plan::AlreadySo),
            (Policy::Standard, 500, alone(false)),
            (Policy::Limited, 500, alone(false)),
        ] {
            assert_eq!(lowered.plan(policy, &found), plan, "{policy:?} {found}");
        }
        assert_eq!(
            (limit(-1), limit(-2), limit(i64::MAX)),
            (Limit::Unlimited, Limit::Unknown, Limit::Unknown)
        );
        assert_eq!(limit(2).up_to().map(Bytes::get), Some(2 << 30));
    }
}
