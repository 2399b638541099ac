//! `whmeter map`: accounts against WHMCS's services: whose usage is billed to whom, and whose to nobody.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::policy::{key, operator};
use super::poll::chosen;
use super::table::{Table, grouped};
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::backends::ConfiguredPanel;
use crate::clock::Clock;
use crate::collector::AdjustError;
use crate::config::Config;
use crate::console::{CannotMap, mismatches};
use crate::domain::{AccountKey, Mapping, Meter, Month, Nature, Owner, UsageDay};
use crate::metering::Moved;
use crate::standing::{MappedTo, ServiceRef};
use crate::store::{Loaded, ServiceList, Store, Total};

#[derive(Debug, Args)]
pub(super) struct Map {
    #[command(subcommand)]
    what: MapAction,
}

#[derive(Debug, Subcommand)]
enum MapAction {
    /// List every account with its service, and every living service without an account
    List(List),
    /// Map an account to a service by hand
    Set(Set),
    /// Remove such a mapping: a living service with its name claims the account, else the current owner keeps it
    Unset(Unset),
    /// Drop mappings to services that WHMCS no longer has; history stays
    Prune(Prune),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print JSON
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
    #[arg(value_parser = super::service_number)]
    service: i64,
    /// From this day on (YYYY-MM-DD in the billing zone) all usage of the account is the service's, also usage that
    /// was billed to another; at once
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<String>,
    /// Map despite mismatches
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
struct MapLine {
    backend: String,
    account: Option<String>,
    state: &'static str,
    service: Option<ServiceRef>,
    /// The service's status, where WHMCS has sent it.
    status: Option<String>,
}

impl Map {
    pub(super) async fn run(self) -> Outcome {
        match self.what {
            MapAction::List(list) => list.run().await,
            MapAction::Set(set) => set.run().await,
            MapAction::Unset(unset) => unset.run().await,
            MapAction::Prune(prune) => prune.run().await,
        }
    }
}

/// What WHMCS has sent the services of a backend's server.
async fn services_of(
    store: &Store,
    metered: &ConfiguredPanel,
) -> Result<Option<Arc<ServiceList>>, CommandError> {
    match metered.whmcs_server {
        Some(server) => Ok(store.services(server).await?),
        None => Ok(None),
    }
}

fn backend<'c>(config: &'c Config, name: &str) -> Result<&'c ConfiguredPanel, CommandError> {
    let found = config.panels.iter().find(|metered| metered.id.as_str() == name);
    found
        .map(AsRef::as_ref)
        .ok_or_else(|| CommandError::Misused(format!("no backend {name:?} in the config")))
}

impl List {
    async fn run(self) -> Outcome {
        let (config, _, store) = self.config.store_to_read().await?;
        let all = config.panels;
        let mut lines = Vec::new();
        let (mut untold, mut unread) = (Vec::new(), Vec::new());
        let mut owned = HashSet::new();
        let backends = chosen(&all, self.backend.as_deref())?;
        for metered in &backends {
            let loaded = store.load(&metered.id, None).await?;
            owned.extend(owners(&loaded));
            let Some(list) = services_of(&store, metered).await? else {
                untold.push(metered.id.to_string());
                continue;
            };
            let mut waiting = 0;
            let mut accounts: Vec<_> = loaded.present().filter(|(name, ..)| metered.wants(name)).collect();
            accounts.sort_unstable_by_key(|(name, ..)| *name);
            for (name, _, account) in accounts {
                // It is the poll that finds whose they are: before, they are neither one's nor nobody's.
                let Some(mapped) = &account.mapped else {
                    waiting += 1;
                    continue;
                };
                let id = mapped.service.as_ref().map(|service| service.id);
                let known = id.and_then(|id| list.services.by_id(id).or_else(|| list.former.get(&id)));
                lines.push(MapLine {
                    backend: metered.id.to_string(),
                    account: Some(name.to_string()),
                    state: mapped.mapping.name(),
                    service: mapped.service.clone(),
                    status: known.map(|service| service.status.clone()),
                });
            }
            if waiting > 0 {
                unread.push(format!("{waiting} accounts of {}", metered.id));
            }
        }
        // Only looking at all panels reports which services have no account.
        if self.backend.is_none() {
            let servers: BTreeSet<i64> = backends.iter().filter_map(|metered| metered.whmcs_server).collect();
            for server in servers {
                let Some(list) = store.services(server).await? else { continue };
                let missing = list.services.iter().filter(|one| one.wants_account());
                let missing = missing.filter(|one| !owned.contains(&one.id));
                lines.extend(missing.map(|service| MapLine {
                    backend: format!("server {server}"),
                    account: None,
                    state: "missing",
                    service: Some(ServiceRef::of(service)),
                    status: Some(service.status.clone()),
                }));
            }
        }
        store.close().await;
        if self.json {
            return print_json(&lines.iter().map(shape).collect::<Vec<_>>());
        }
        print(table(&lines));
        if !untold.is_empty() {
            print(format!(
                "WHMCS has not sent the services of {} yet: install its hook file, and give whmcs_server",
                untold.join(", ")
            ));
        }
        if !unread.is_empty() {
            print(format!(
                "not polled since WHMCS sent the services of their server, and so not listed: {}",
                unread.join(", ")
            ));
        }
        Ok(())
    }
}

/// The services that own an account which is on a panel.
fn owners(loaded: &Loaded) -> impl Iterator<Item = i64> {
    loaded.present().filter_map(|(_, life, _)| life.owner().service())
}

fn table(lines: &[MapLine]) -> Table {
    let mut table = Table::new(&["backend", "account", "state", "service>", "username", "product"]);
    for line in lines {
        let (service, dash) = (line.service.as_ref(), || "-".to_string());
        table.row([
            line.backend.clone(),
            line.account.clone().unwrap_or_else(dash),
            line.state.into(),
            service.map_or_else(dash, |service| service.id.to_string()),
            service.map_or_else(dash, |service| service.username.clone()),
            service.and_then(|service| service.product.clone()).unwrap_or_else(dash),
        ]);
    }
    table
}

fn shape(line: &MapLine) -> serde_json::Value {
    let service = line.service.as_ref();
    json!({
        "backend": line.account.as_ref().map(|_| &line.backend),
        "account": line.account,
        "state": line.state,
        "service": service.map(|service| service.id),
        "client": service.map(|service| service.client),
        "username": service.map(|service| &service.username),
        "product": service.and_then(|service| service.product.as_ref()),
        "status": line.status,
    })
}

impl Set {
    async fn run(self) -> Outcome {
        let since = self.since.as_deref().map(UsageDay::parse).transpose();
        let since = since.map_err(|error| CommandError::Misused(format!("--since: {error}")))?;
        let (config, clock, store) = self.config.store().await?;
        if let Some(day) = since.filter(|day| *day > config.zone.day_of(clock.now())) {
            return Err(CommandError::Misused(format!("--since: {day} has not begun yet")));
        }
        let metered = backend(&config, &self.backend)?;
        let key = key(&self.backend, &self.account)?;
        let wrong = mismatches(&store, &config.panels, metered, &key, self.service).await;
        let wrong = wrong.map_err(|error| match error {
            CannotMap::NoAccount(detail) => CommandError::Misused(detail),
            CannotMap::Never(detail) => CommandError::Tried(detail),
            CannotMap::Store(error) => error.into(),
        })?;
        if !wrong.is_empty() && !self.force {
            return Err(CommandError::Tried(format!("{}; use --force to map it anyway", wrong.join("; "))));
        }
        let mapped = self.mapped(&store, metered).await?;
        // Pinned first: a poll that comes between goes by it already.
        store.pin_service(&key, Some(self.service), &operator(), clock.now()).await?;
        store.close().await;
        for warning in wrong {
            print(format!("although {warning}"));
        }
        match since {
            Some(since) => self.move_stretch(config, clock, &key, since, mapped).await,
            None => {
                let (backend, account, service) = (&key.backend, &key.name, self.service);
                print(match mapped {
                    Some(_) => {
                        format!("{backend} {account} belongs to service {service} from the next poll on")
                    }
                    None => format!(
                        "{backend} {account} is kept for service {service}: it belongs to it from the first poll after \
                         WHMCS lists that service as sold on the backend's server; until then nothing changes"
                    ),
                });
                Ok(())
            }
        }
    }

    /// Gives the service what the account has used since a day.
    async fn move_stretch(
        &self,
        config: Config,
        clock: Clock,
        key: &AccountKey,
        since: UsageDay,
        mapped: Option<MappedTo>,
    ) -> Outcome {
        let running = config.zone.day_of(clock.now()).month();
        let (app, _) = App::build(config, clock).await?;
        let (account, service) = (&key.name, self.service);
        let metered = app.collector().panel(&self.backend);
        let metered = metered
            .ok_or_else(|| CommandError::Misused(format!("no backend {:?} in the config", self.backend)))?;
        let moved = Moved { account: account.clone(), since, service, author: operator() };
        let had = app.collector().move_stretch(&metered, &moved, mapped).await;
        app.store().close().await;
        let had = match had {
            Ok(had) => had,
            Err(AdjustError::NothingToMove) => Vec::new(),
            Err(error) => {
                let from = format!("service {service} from the next poll on");
                return Err(CommandError::Tried(format!(
                    "{} {account} belongs to {from}, but nothing since {since} was moved: {error}",
                    key.backend
                )));
            }
        };
        print(format!("{} {account} belongs to service {service} since {since}", key.backend));
        had.iter().for_each(|total| print(described(total)));
        if had.is_empty() {
            print("    no other owner had usage on these days");
        }
        if had.iter().any(|total| total.span.first().month() < running) {
            print(
                "closed months: what was reported to WHMCS too high or too low for the last one is \
                 carried over or listed by `whmeter report --what untold`; correct older ones by hand, \
                 `whmeter explain` shows the amounts",
            );
        }
        Ok(())
    }

    /// What the account's name means to WHMCS once it is the service's.
    async fn mapped(
        &self,
        store: &Store,
        metered: &ConfiguredPanel,
    ) -> Result<Option<MappedTo>, CommandError> {
        let list = services_of(store, metered).await?;
        let service = list.as_ref().and_then(|list| list.services.by_id(self.service));
        let living = service.filter(|service| service.is_live()).map(ServiceRef::of);
        Ok(living.map(|service| MappedTo {
            mapping: Mapping::Pinned,
            service: Some(service),
            rivals: Vec::new(),
        }))
    }
}

/// What one owner had of one meter in one month.
fn described(total: &Total) -> String {
    let (month, meter): (Month, Meter) = (total.span.first().month(), total.meter);
    let of = total.owner.as_ref().unwrap_or(&Owner::Unowned);
    match meter.nature() {
        Nature::Flow => format!("    {month} {meter}: {} B of {of}", grouped(total.usage.amount)),
        Nature::Level => {
            format!("    {month} {meter}: {} byte-minutes of {of}", grouped(total.usage.held.get()))
        }
    }
}

impl Unset {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let metered = backend(&config, &self.backend)?;
        let key = key(&self.backend, &self.account)?;
        if !store.pinned_services(&metered.id).await?.contains_key(&key.name) {
            return Err(CommandError::Tried(format!("{} {} was not mapped by hand", key.backend, key.name)));
        }
        let list = services_of(&store, metered).await?;
        let named =
            list.as_ref().and_then(|list| list.services.living(key.name.as_str(), metered.kind.found_by));
        let named: Vec<i64> = named.iter().flat_map(|(_, found)| found).map(|service| service.id).collect();
        let loaded = store.load(&metered.id, None).await?;
        let owner = loaded.book.life(&key.name).map_or(&Owner::Unowned, |life| life.owner()).clone();
        store.pin_service(&key, None, &operator(), clock.now()).await?;
        store.close().await;
        let (backend, account) = (&key.backend, &key.name);
        print(match (named.as_slice(), owner) {
            ([service], _) => {
                format!("{backend} {account} belongs to service {service} by its name from the next poll on")
            }
            ([], Owner::Unowned) => {
                format!(
                    "{backend} {account}: no active service has its name; it is unowned and billed to \
                     no one"
                )
            }
            ([], owner) => format!(
                "{backend} {account}: no living service has its name, so it stays with {owner} until one claims it, by \
                 its name or by `whmeter map set`"
            ),
            (several, _) => {
                let several: Vec<String> = several.iter().map(i64::to_string).collect();
                format!(
                    "{backend} {account}: its name is that of services {}: `whmeter map set` says whose it is",
                    several.join(" and ")
                )
            }
        });
        Ok(())
    }
}

impl Prune {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let mut dropped = 0;
        for metered in &config.panels {
            let Some(list) = services_of(&store, metered).await? else { continue };
            let pinned = store.pinned_services(&metered.id).await?;
            let book = store.load(&metered.id, None).await?.book;
            for (name, _) in pinned.into_iter().filter(|(_, pin)| list.services.by_id(pin.service).is_none())
            {
                if book.called(&name).is_none() {
                    print(format!("{} {name}: no account has this name any more", metered.id));
                }
                let key = AccountKey { backend: metered.id.clone(), name };
                store.pin_service(&key, None, &operator(), clock.now()).await?;
                dropped += 1;
            }
        }
        store.close().await;
        print(format!("{dropped} mappings to services that are gone dropped"));
        Ok(())
    }
}
