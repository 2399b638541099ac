//! `whmeter map`: accounts against WHMCS's services: whose usage is billed to whom, and whose to nobody.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use serde_json::json;

use super::policy::{key, operator};
use super::poll::chosen;
use super::table::Table;
use super::{ConfigArg, Failure, Outcome, print, print_json};
use crate::backends::ConfiguredPanel;
use crate::collector::Sold;
use crate::config::Config;
use crate::domain::{AccountKey, Meter, Service};
use crate::store::{Loaded, Store};

#[derive(Debug, Args)]
pub(super) struct Map {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every account with its service, and every living service without an account
    List(List),
    /// Says which service an account belongs to
    Set(Set),
    /// Lets its name decide again
    Unset(Unset),
    /// Drops what was said of services that WHMCS no longer has; history stays
    Prune(Prune),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it
    account: String,
    /// The service's number in WHMCS (tblhosting.id)
    service: i64,
    /// Although something does not fit
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct Unset {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it
    account: String,
}

#[derive(Debug, Args)]
struct Prune {
    #[command(flatten)]
    config: ConfigArg,
}

/// One line of the list.
struct Line {
    backend: String,
    account: Option<String>,
    state: &'static str,
    service: Option<Service>,
}

impl Map {
    pub(super) async fn run(self) -> Outcome {
        match self.what {
            What::List(list) => list.run().await,
            What::Set(set) => set.run().await,
            What::Unset(unset) => unset.run().await,
            What::Prune(prune) => prune.run().await,
        }
    }
}

/// What WHMCS sells on the server of a backend, and who is on its panel.
async fn sides(store: &Store, metered: &ConfiguredPanel) -> Result<(Sold, Loaded), Failure> {
    let sold = Sold::of(store, &metered.id, metered.whmcs_server).await?;
    Ok((sold, store.load(&metered.id, None).await?))
}

fn backend<'c>(config: &'c Config, name: &str) -> Result<&'c ConfiguredPanel, Failure> {
    let found = config.panels.iter().find(|metered| metered.id.as_str() == name);
    found.map(AsRef::as_ref).ok_or_else(|| Failure::Misused(format!("no backend {name:?} in the config")))
}

impl List {
    async fn run(self) -> Outcome {
        let (config, _, store) = self.config.store().await?;
        let all = config.panels;
        let mut lines = Vec::new();
        let mut untold = Vec::new();
        let mut found = HashSet::new();
        let backends = chosen(&all, self.backend.as_deref())?;
        for metered in &backends {
            let (sold, loaded) = sides(&store, metered).await?;
            if sold.list.is_none() {
                untold.push(metered.id.to_string());
                continue;
            }
            let mut accounts: Vec<_> = loaded.present().map(|(name, _)| name).collect();
            accounts.sort();
            for name in accounts {
                let Some((mapping, service)) = sold.find(name) else { continue };
                found.extend(service.map(|service| (metered.whmcs_server, service.id)));
                lines.push(Line {
                    backend: metered.id.to_string(),
                    account: Some(name.to_string()),
                    state: mapping.name(),
                    service: service.cloned(),
                });
            }
        }
        // Only looking at all panels of a server tells which of its services have no account.
        if self.backend.is_none() {
            let mut servers: Vec<i64> = backends.iter().filter_map(|metered| metered.whmcs_server).collect();
            servers.sort_unstable();
            servers.dedup();
            for server in servers {
                let Some(list) = store.services(server).await? else { continue };
                let missing = list.services.iter().filter(|one| one.wants_account());
                let missing = missing.filter(|one| !found.contains(&(Some(server), one.id)));
                lines.extend(missing.map(|service| Line {
                    backend: format!("server {server}"),
                    account: None,
                    state: "missing",
                    service: Some(service.clone()),
                }));
            }
        }
        if self.json {
            return print_json(&lines.iter().map(shape).collect::<Vec<_>>());
        }
        let mut table = Table::new(&["backend", "account", "state", "service>", "username", "product"]);
        for line in &lines {
            let of = |read: fn(&Service) -> Option<String>| {
                line.service.as_ref().and_then(read).unwrap_or_else(|| "-".into())
            };
            table.row([
                line.backend.clone(),
                line.account.clone().unwrap_or_else(|| "-".into()),
                line.state.into(),
                of(|service| Some(service.id.to_string())),
                of(|service| Some(service.username.clone())),
                of(|service| service.product.clone()),
            ]);
        }
        print(table);
        if !untold.is_empty() {
            print(format!(
                "WHMCS has not told the services of {} yet: install its hook file, and give whmcs_server",
                untold.join(", ")
            ));
        }
        Ok(())
    }
}

fn shape(line: &Line) -> serde_json::Value {
    let service = line.service.as_ref();
    json!({
        "backend": line.account.as_ref().map(|_| &line.backend),
        "account": line.account,
        "state": line.state,
        "service": service.map(|service| service.id),
        "client": service.map(|service| service.client),
        "username": service.map(|service| &service.username),
        "product": service.and_then(|service| service.product.as_ref()),
        "status": service.map(|service| &service.status),
    })
}

impl Set {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let metered = backend(&config, &self.backend)?;
        let key = key(&self.backend, &self.account)?;
        let (sold, loaded) = sides(&store, metered).await?;
        let wrong = self.mismatches(&sold, &loaded, &key)?;
        if !wrong.is_empty() && !self.force {
            return Err(Failure::Tried(format!("{}; --force does it all the same", wrong.join("; "))));
        }
        store.pin_service(&key, Some(self.service), &operator(), clock.now()).await?;
        store.close().await;
        for warning in wrong {
            print(format!("although {warning}"));
        }
        print(format!(
            "{} {} belongs to service {} from the next poll on",
            key.backend, key.name, self.service
        ));
        Ok(())
    }

    /// What does not fit.
    fn mismatches(&self, sold: &Sold, loaded: &Loaded, key: &AccountKey) -> Result<Vec<String>, Failure> {
        let standing = loaded.facts(&key.name).ok_or_else(|| {
            Failure::Misused(format!("no account {:?} was ever seen on {}", self.account, self.backend))
        })?;
        let Some(list) = &sold.list else {
            return Ok(vec!["WHMCS has not told the services of this backend's server".into()]);
        };
        let Some(service) = list.services.by_id(self.service) else {
            return Ok(vec![format!("service {} is not on the server of {}", self.service, self.backend)]);
        };
        let mut wrong = Vec::new();
        if !service.is_live() {
            wrong.push(format!("the service is {}", service.status));
        }
        let sold_size = service.limit(Meter::StorageUsed).up_to();
        if let (Some(limit), Some(sold_size)) = (standing.storage_limit.to_door(), sold_size)
            && limit != sold_size
        {
            wrong.push(format!("the panel allows {limit} bytes and {sold_size} were sold"));
        }
        let other = loaded.present().find(|(name, _)| {
            **name != key.name
                && sold.find(name).and_then(|(_, one)| one).is_some_and(|one| one.id == service.id)
        });
        if let Some((name, _)) = other {
            wrong.push(format!("account {name} belongs to this service already"));
        }
        Ok(wrong)
    }
}

impl Unset {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let metered = backend(&config, &self.backend)?;
        let key = key(&self.backend, &self.account)?;
        if !store.pinned_services(&metered.id).await?.contains_key(&key.name) {
            return Err(Failure::Tried(format!("nothing was said of {} {} by hand", key.backend, key.name)));
        }
        store.pin_service(&key, None, &operator(), clock.now()).await?;
        store.close().await;
        print(format!("the name of {} {} decides from the next poll on", key.backend, key.name));
        Ok(())
    }
}

impl Prune {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let mut dropped = 0;
        for metered in &config.panels {
            let sold = Sold::of(&store, &metered.id, metered.whmcs_server).await?;
            let Some(list) = &sold.list else { continue };
            for (name, _) in sold.pinned.iter().filter(|(_, id)| list.services.by_id(**id).is_none()) {
                let key = AccountKey { backend: metered.id.clone(), name: name.clone() };
                store.pin_service(&key, None, &operator(), clock.now()).await?;
                dropped += 1;
            }
        }
        store.close().await;
        print(format!("{dropped} mappings to services that are gone dropped"));
        Ok(())
    }
}
