//! One level for each project: the sum of the configured sources. One that is unread makes the level unread, not smaller.

use std::collections::BTreeMap;

use super::OpenStack;
use super::projects::{Project, Projects};
use super::servers::KeptServers;
use super::session::missing;
use super::settings::Storage;
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Breakdown, Bytes, Harvest, Limit, Meter, Reading, Reason};

/// What is known of one project so far.
#[derive(Default)]
struct Level {
    sum: u64,
    /// What each source has, by its name.
    parts: Vec<(String, Bytes)>,
    unread: Option<(Reason, String)>,
    limits: Vec<Limit>,
}

impl Level {
    fn add(&mut self, source: Storage, bytes: Result<u64, (Reason, String)>) {
        if let Some(bytes) = bytes.as_ref().ok().and_then(|bytes| Bytes::new(*bytes).ok()) {
            self.parts.push((source.name().to_string(), bytes));
        }
        let sum = bytes.and_then(|bytes| {
            self.sum.checked_add(bytes).ok_or((Reason::Unexpected, "the sum is out of range".to_string()))
        });
        match sum {
            Ok(sum) => self.sum = sum,
            Err((reason, detail)) => {
                self.unread.get_or_insert((reason, format!("{}: {detail}", source.name())));
            }
        }
    }

    /// The sum of all limits: one that is unknown makes it so, one without an end too.
    fn limit(&self) -> Limit {
        let mut sum = Bytes::ZERO;
        if self.limits.is_empty() || self.limits.iter().any(|limit| !limit.is_known()) {
            return Limit::Unknown;
        }
        for limit in &self.limits {
            let Some(more) = limit.up_to() else { return Limit::Unlimited };
            let Some(more) = sum.checked_add(more) else { return Limit::Unlimited };
            sum = more;
        }
        Limit::UpTo(sum)
    }
}

impl OpenStack {
    /// Puts the level of every project into the harvest, and what it may have.
    pub(super) async fn put_storage(
        &self,
        projects: &Projects,
        ask: &PollRequest,
        servers: &KeptServers,
        harvest: &mut Harvest,
    ) {
        let wanted = |project: &Project| {
            !project.is_ambiguous && ask.only.as_ref().is_none_or(|only| *only == project.account)
        };
        let wanted: Vec<_> = projects.metered.iter().filter(|(_, project)| wanted(project)).collect();
        let mut levels: BTreeMap<&String, Level> =
            wanted.iter().map(|(id, _)| (*id, Level::default())).collect();
        for source in self.config.storage.iter().copied() {
            if let Err(error) = self.put_source(source, projects, &wanted, ask, servers, &mut levels).await {
                for level in levels.values_mut() {
                    level.add(source, Err((error.reason(), error.to_string())));
                }
            }
        }
        for (id, project) in wanted {
            let Some(level) = levels.remove(id) else { continue };
            harvest.facts_mut(&project.account).storage_limit = level.limit();
            let bytes = Bytes::new(level.sum).map_err(|error| (Reason::Unexpected, error.to_string()));
            let made_of = Breakdown::new(ask.now, level.parts);
            match level.unread.map_or(bytes, Err) {
                Ok(level) => {
                    let reading = Reading::Gauge { at: ask.now, level };
                    harvest.add_reading(&project.account, Meter::StorageUsed, reading);
                    if let Some(made_of) = made_of {
                        harvest.made_of(&project.account, made_of);
                    }
                }
                Err((reason, detail)) => {
                    harvest.unread(&project.account, Some(Meter::StorageUsed), reason, detail);
                }
            }
        }
    }

    async fn put_source(
        &self,
        source: Storage,
        projects: &Projects,
        wanted: &[(&String, &Project)],
        ask: &PollRequest,
        servers: &KeptServers,
        levels: &mut BTreeMap<&String, Level>,
    ) -> Result<(), BackendError> {
        if !self.cloud.has(source.service()).await? {
            return Err(missing(source.service()));
        }
        if source == Storage::Objects {
            let stored = self.objects(wanted.iter().copied()).await;
            for (id, level) in levels.iter_mut() {
                match stored.get(*id) {
                    Some(Ok(stored)) => {
                        level.add(source, Ok(stored.bytes));
                        level.limits.push(stored.limit());
                    }
                    Some(Err(error)) => level.add(source, Err((error.reason(), error.to_string()))),
                    None => level.add(source, Err((Reason::Internal, "was not asked".into()))),
                }
            }
            return Ok(());
        }
        let sizes = self.sizes(source, projects, ask, servers).await?;
        let quotas = match self.config.quotas {
            true => self.cinder_limits(source, wanted).await,
            false => BTreeMap::new(),
        };
        for (id, level) in levels.iter_mut() {
            let bytes = sizes.get(*id).cloned().unwrap_or(Ok(0));
            level.add(source, bytes.map_err(|problem| (Reason::Unexpected, problem)));
            level.limits.push(quotas.get(*id).copied().unwrap_or(Limit::Unknown));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_sum_and_unknown_or_endless_where_a_part_is() {
        let five = Limit::UpTo(Bytes::new(5).expect("fits"));
        let limit = |limits: &[Limit]| Level { limits: limits.to_vec(), ..Level::default() }.limit();
        assert_eq!(limit(&[five, five]).up_to().map(Bytes::get), Some(10));
        assert_eq!((limit(&[five, Limit::Unlimited]), limit(&[])), (Limit::Unlimited, Limit::Unknown));
        assert_eq!(limit(&[Limit::Unlimited, Limit::Unknown]), Limit::Unknown);
    }

    #[test]
    fn one_unread_source_makes_the_level_unread() {
        let mut level = Level::default();
        level.add(Storage::Volumes, Ok(5));
        level.add(Storage::Objects, Err((Reason::Refused, "403".into())));
        level.add(Storage::Shares, Ok(7));
        assert_eq!(level.unread, Some((Reason::Refused, "objects: 403".into())));
    }
}
