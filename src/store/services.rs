//! The services WHMCS has told us of, server by server: each list replaces the one before as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use super::dialect::Merge::Replace;
use super::quota::account;
use super::sql::{Cell, Columns, Upsert, rows, run};
use super::standing::limits;
use super::{Store, StoreError};
use crate::domain::{AccountKey, AccountName, BackendId, Mapping, Meter, Service, Services, Timestamp};

/// One server's services at one version.
#[derive(Clone, Debug)]
pub struct ServiceList {
    /// The services, to find accounts' in.
    pub services: Services,
    /// When WHMCS told them.
    pub told_at: Timestamp,
    version: i64,
}

/// The service an account was mapped to when it was last polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedTo {
    /// How.
    pub mapping: Mapping,
    /// To what; `None` where there is none, or several.
    pub service: Option<ServiceRef>,
}

/// What of a service is shown with its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRef {
    /// `tblhosting.id`.
    pub id: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// WHMCS's own spelling of the account's name.
    pub username: String,
    /// The product's name.
    pub product: Option<String>,
}

impl MappedTo {
    /// The outcome of a search.
    pub fn of(found: (Mapping, Option<&Service>)) -> MappedTo {
        let (mapping, service) = found;
        let service = service.map(|service| ServiceRef {
            id: service.id,
            client: service.client,
            username: service.username.clone(),
            product: service.product.clone(),
        });
        MappedTo { mapping, service }
    }
}

/// What a list did when it was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutServices {
    /// Services new or different.
    pub changed: usize,
    /// Services no longer told.
    pub gone: usize,
}

const COLUMNS: &str = "id, client, username, domain, product, package, status, allowed_storage, allowed_in,
    allowed_out, allowed_total, notify_template, limited_template";

impl Store {
    /// Puts a server's list in, in place of the one before.
    pub async fn put_services(
        &self,
        server: i64,
        list: &[Service],
        now: Timestamp,
    ) -> Result<PutServices, StoreError> {
        let mut tx = self.begin_write().await?;
        let known: HashMap<i64, Service> =
            self.read_services(&mut tx, server).await?.into_iter().map(|one| (one.id, one)).collect();
        let told: HashSet<i64> = list.iter().map(|service| service.id).collect();
        let changed: Vec<&Service> =
            list.iter().filter(|service| known.get(&service.id) != Some(*service)).collect();
        let gone: Vec<i64> = known.keys().copied().filter(|id| !told.contains(id)).collect();
        let rest = [
            "client",
            "username",
            "domain",
            "product",
            "package",
            "status",
            "allowed_storage",
            "allowed_in",
            "allowed_out",
            "allowed_total",
            "notify_template",
            "limited_template",
        ]
        .map(|name| (name, Replace));
        let cells: Vec<[Cell; 14]> = changed.iter().map(|service| service_cells(server, service)).collect();
        Upsert { table: "service", keys: &["server", "id"], rest: &rest }
            .put(&mut tx, self.dialect, cells)
            .await?;
        for id in &gone {
            let sql = "DELETE FROM service WHERE server = ? AND id = ?";
            run(&mut tx, self.dialect, sql, [server.into(), (*id).into()]).await?;
        }
        let version = self.list_version(&mut tx, server).await?.map_or(0, |(version, _)| version);
        let moved = i64::from(!changed.is_empty() || !gone.is_empty() || version == 0);
        let rest = ["version", "told_at"].map(|name| (name, Replace));
        Upsert { table: "service_list", keys: &["server"], rest: &rest }
            .put(&mut tx, self.dialect, vec![[server.into(), (version + moved).into(), now.into()]])
            .await?;
        tx.commit().await?;
        Ok(PutServices { changed: changed.len(), gone: gone.len() })
    }

    /// A server's services; `None` until WHMCS has told them. Kept in memory until the list changes.
    pub async fn services(&self, server: i64) -> Result<Option<Arc<ServiceList>>, StoreError> {
        let mut tx = self.readers.begin_with(self.dialect.begin_snapshot()).await?;
        let Some((version, told_at)) = self.list_version(&mut tx, server).await? else { return Ok(None) };
        let kept = self.lists.read().unwrap_or_else(PoisonError::into_inner).get(&server).cloned();
        if let Some(kept) = kept.filter(|kept| (kept.version, kept.told_at) == (version, told_at)) {
            return Ok(Some(kept));
        }
        let services = Services::new(self.read_services(&mut tx, server).await?);
        let list = Arc::new(ServiceList { services, told_at, version });
        self.lists.write().unwrap_or_else(PoisonError::into_inner).insert(server, Arc::clone(&list));
        Ok(Some(list))
    }

    async fn list_version(
        &self,
        on: &mut sqlx::AnyConnection,
        server: i64,
    ) -> Result<Option<(i64, Timestamp)>, StoreError> {
        let sql = "SELECT version, told_at FROM service_list WHERE server = ?";
        let found = rows(on, self.dialect, sql, [server.into()]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, columns.time()?))
        };
        found.first().map(read).transpose()
    }

    async fn read_services(
        &self,
        on: &mut sqlx::AnyConnection,
        server: i64,
    ) -> Result<Vec<Service>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM service WHERE server = ? ORDER BY id");
        let mut list = Vec::new();
        for row in rows(on, self.dialect, &sql, [server.into()]).await? {
            let mut columns = Columns::of(&row);
            let (id, client, username) = (columns.int()?, columns.int()?, columns.text()?);
            let (domain, product) = (columns.maybe_text()?, columns.maybe_text()?);
            let (package, status) = (columns.maybe_text()?, columns.text()?);
            let limits = limits(&mut columns)?;
            let (notify_template, limited_template) = (columns.maybe_text()?, columns.maybe_text()?);
            list.push(Service {
                id,
                client,
                username,
                domain,
                product,
                package,
                status,
                limits,
                notify_template,
                limited_template,
            });
        }
        Ok(list)
    }

    /// The services operators have pinned to a backend's accounts.
    pub async fn pinned_services(
        &self,
        backend: &BackendId,
    ) -> Result<HashMap<AccountName, i64>, StoreError> {
        // Pins are few and accounts many: crossed, SQLite goes from the pins to their accounts.
        let sql = "SELECT a.name, p.service FROM service_pin p CROSS JOIN account a
            WHERE a.id = p.account AND a.backend = ?";
        let mut on = self.readers.acquire().await?;
        let mut pinned = HashMap::new();
        for row in rows(&mut on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            pinned.insert(account(&columns.text()?)?, columns.int()?);
        }
        Ok(pinned)
    }

    /// Pins a service to an account, or takes the pin away. The next poll goes by it.
    pub async fn pin_service(
        &self,
        key: &AccountKey,
        service: Option<i64>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let id = self.account_id(&mut tx, key).await?;
        match service {
            Some(service) => {
                let rest = ["service", "by_whom", "at"].map(|name| (name, Replace));
                let row = [id.into(), service.into(), by.into(), now.into()];
                Upsert { table: "service_pin", keys: &["account"], rest: &rest }
                    .put(&mut tx, self.dialect, vec![row])
                    .await?;
            }
            None => {
                let sql = "DELETE FROM service_pin WHERE account = ?";
                run(&mut tx, self.dialect, sql, [id.into()]).await?;
            }
        }
        let act = super::audit::Act {
            at: now,
            actor: by.into(),
            account: key.clone(),
            action: if service.is_some() { "map" } else { "unmap" },
            before: None,
            after: service.map(|service| format!("service {service}")),
            why: "asked for by hand".into(),
            answer: String::new(),
        };
        self.put_act(&mut tx, &act).await?;
        Ok(tx.commit().await?)
    }

    /// The service an account was mapped to when it was last polled.
    pub async fn service_of(&self, key: &AccountKey) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT service FROM account WHERE backend = ? AND name = ?";
        let cells = [key.backend.as_str().into(), key.name.as_str().into()];
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, cells).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())
    }
}

fn service_cells(server: i64, service: &Service) -> [Cell; 14] {
    let limit = |meter| service.limit(meter).into();
    let [storage, inwards, outwards, total] = Meter::ALL.map(limit);
    [
        server.into(),
        service.id.into(),
        service.client.into(),
        service.username.as_str().into(),
        service.domain.as_deref().into(),
        service.product.as_deref().into(),
        service.package.as_deref().into(),
        service.status.as_str().into(),
        storage,
        inwards,
        outwards,
        total,
        service.notify_template.as_deref().into(),
        service.limited_template.as_deref().into(),
    ]
}

/// mapping, service, client, tenant, product of an account's row.
pub(super) fn mapped_columns(columns: &mut Columns<'_>) -> Result<Option<MappedTo>, StoreError> {
    let mapping = columns.maybe_text()?;
    let (id, client) = (columns.maybe_int()?, columns.maybe_int()?);
    let (username, product) = (columns.maybe_text()?, columns.maybe_text()?);
    let Some(name) = mapping else { return Ok(None) };
    let mapping = Mapping::ALL.into_iter().find(|mapping| mapping.name() == name);
    let mapping = mapping.ok_or_else(|| StoreError::corrupt(name, "a way of mapping"))?;
    let service = match (id, client, username) {
        (Some(id), Some(client), Some(username)) => Some(ServiceRef { id, client, username, product }),
        _ => None,
    };
    Ok(Some(MappedTo { mapping, service }))
}

/// The cells of these columns.
pub(super) fn mapped_cells(mapped: Option<&MappedTo>) -> [Cell; 5] {
    let service = mapped.and_then(|mapped| mapped.service.as_ref());
    [
        mapped.map(|mapped| mapped.mapping.name()).into(),
        service.map(|service| service.id).into(),
        service.map(|service| service.client).into(),
        service.map(|service| service.username.as_str()).into(),
        service.and_then(|service| service.product.as_deref()).into(),
    ]
}
