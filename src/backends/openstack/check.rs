//! What `whmeter check` says of a cloud, step by step.

use super::OpenStack;
use super::catalogue::Service;
use super::servers::KeptServers;
use super::settings::{Limited, Storage, Traffic};
use crate::backends::kit::check::{is_hopeless, step};
use crate::backends::{BackendError, CheckStep, PollRequest, Wants};

impl OpenStack {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        for probed in self.cloud.http().probe(self.cloud.identity()).await {
            steps.push(probed.into());
        }
        if is_hopeless(steps) {
            return;
        }
        step(steps, "login", true, self.check_login().await);
        if is_hopeless(steps) {
            return;
        }
        step(steps, "roles", false, self.check_roles().await);
        step(steps, "region", true, self.check_region().await);
        if is_hopeless(steps) {
            return;
        }
        let projects = match self.projects().await {
            Ok(projects) => projects,
            Err(error) => return step(steps, "projects", true, Err(error)),
        };
        let skipped = projects.skipped.len();
        let warnings: String = projects.warnings.iter().map(|warning| format!("; {warning}")).collect();
        let listed = format!("{} projects, {skipped} left out{warnings}", projects.metered.len());
        step(steps, "projects", true, Ok(listed));
        let (ask, servers) = (PollRequest::at(self.cloud.http().clock().now()), KeptServers::default());
        match self.config.traffic {
            Traffic::Gnocchi => {
                let read =
                    self.cards(ask.now.minus(crate::domain::Seconds::hours(2)), ask.now, ask.now).await;
                let shown = read.map(|cards| {
                    format!(
                        "{} network cards, windows of {} s by {}",
                        cards.resources.len(),
                        cards.kept.window.get(),
                        cards.kept.by
                    )
                });
                step(steps, "traffic in Gnocchi", true, shown);
            }
            Traffic::Diagnostics => {
                let read = servers.of(&self.cloud).await;
                let shown = read.map(|all| format!("{} servers", all.values().flatten().count()));
                step(steps, "servers in Nova", true, shown);
            }
            Traffic::None => {}
        }
        for source in self.config.storage.iter().copied() {
            let name = format!("stored: {}", source.name());
            let read = match source {
                Storage::Objects => self.check_objects(&projects).await,
                source => match self.cloud.has(source.service()).await {
                    Ok(true) => {
                        let sizes = self.sizes(source, &projects, &ask, &servers).await;
                        sizes.map(|sizes| format!("of {} projects", sizes.len()))
                    }
                    Ok(false) => Err(super::session::missing(source.service())),
                    Err(error) => Err(error),
                },
            };
            step(steps, &name, true, read);
        }
        if wants.limiting && !is_hopeless(steps) {
            step(steps, "way to limit", true, self.check_limiting().await);
        }
    }

    async fn check_login(&self) -> Result<String, BackendError> {
        let grant = self.cloud.grant().await?;
        Ok(format!("let in; the roles of its project are {}", grant.roles.join(", ")))
    }

    async fn check_roles(&self) -> Result<String, BackendError> {
        let grant = self.cloud.grant().await?;
        if !grant.is_admin() {
            let why = "the role admin is missing: other services may show nothing of others, as if there were nothing";
            return Err(BackendError::Refused(why.into()));
        }
        if self.config.storage.contains(&Storage::Objects) && !grant.has_role("ResellerAdmin") {
            return Ok(
                "admin; without ResellerAdmin, which Swift wants by default for accounts of others".into()
            );
        }
        Ok("enough by their names".into())
    }

    async fn check_region(&self) -> Result<String, BackendError> {
        let region = self.cloud.region().await?;
        let mut found = Vec::new();
        for service in Service::ALL {
            if self.cloud.has(service).await? {
                found.push(service.name());
            }
        }
        Ok(format!("{}: {}", region.as_deref().unwrap_or("none is named"), found.join(", ")))
    }

    async fn check_objects(&self, projects: &super::projects::Projects) -> Result<String, BackendError> {
        if !self.cloud.has(Service::Objects).await? {
            return Err(super::session::missing(Service::Objects));
        }
        match self.objects(projects.metered.iter().take(1)).await.into_values().next() {
            Some(Ok(stored)) => Ok(format!("{} bytes in the first project", stored.bytes)),
            Some(Err(error)) => Err(error),
            None => Ok("no project to look at".into()),
        }
    }

    async fn check_limiting(&self) -> Result<String, BackendError> {
        let service = match self.config.limited {
            Limited::Suspend | Limited::Pause | Limited::Stop => Service::Compute,
            Limited::Qos => Service::Network,
            Limited::Disable => return Ok("by Keystone".into()),
            Limited::Quota => return Ok("by the quotas of what is stored".into()),
        };
        match self.cloud.has(service).await? {
            true => Ok(format!("by {}", service.name())),
            false => Err(super::session::missing(service)),
        }
    }
}
