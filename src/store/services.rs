//! The services WHMCS has sent us , server by server: each list replaces the one before as a whole. What is
//! not listed any more stays known, for it may have used something that is not billed yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use super::audit::Act;
use super::dialect::Merge::Replace;
use super::held_list::{HeldList, Verdict};
use super::sql::{Cell, Columns, Table, rows, run};
use super::tables::service;
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::{AccountKey, AccountName, Addon, BackendId, BillingZone, Service, Timestamp, UsageDay};
use crate::ownership::Services;

/// One server's services at one version.
#[derive(Clone, Debug)]
pub struct ServiceList {
    /// The services, to find accounts' in.
    pub services: Services,
    /// Services that the server listed once and lists no more, by their numbers.
    pub former: BTreeMap<i64, Service>,
    /// Add-ons that the server runs, which no metric bills.
    pub addons: Vec<Addon>,
    /// When WHMCS sent them.
    pub listed_at: Timestamp,
    first_listed: HashMap<i64, Timestamp>,
    version: i64,
}

impl ServiceList {
    /// A service that the server lists, or has listed once.
    pub fn ever_listed(&self, service: i64) -> Option<&Service> {
        self.services.by_id(service).or_else(|| self.former.get(&service))
    }

    /// When a service was first listed.
    pub fn first_listed(&self, service: i64) -> Option<Timestamp> {
        self.first_listed.get(&service).copied()
    }

    /// The day a service was first listed.
    pub fn first_listed_day(&self, service: i64, zone: BillingZone) -> Option<UsageDay> {
        self.first_listed.get(&service).map(|at| zone.day_of(*at))
    }
}

/// How many services are read back at once.
const NOTED_AT_ONCE: usize = 100;

/// What a list did when it was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutServices {
    /// Services new or different.
    pub changed: usize,
    /// Services no longer listed.
    pub gone: usize,
    /// Services that are the same as before under other numbers.
    pub renumbered: usize,
    /// Why nothing of it was taken in.
    pub held: Option<HeldList>,
}

const LIST: Table =
    Table { name: "service_list", keys: &["server"], rest: &[("version", Replace), ("told_at", Replace)] };

/// What of a list the chronicle records: that there is one, and how often it has changed. When it was reported last is
/// news at every telling, and no answer is made of it.
pub(super) const KNOWN_LIST: Table =
    Table { name: "service_list", keys: &["server"], rest: &[("version", Replace)] };

/// What an operator has said of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedTo {
    /// `tblhosting.id`.
    pub service: i64,
    /// Of which life of its name; `None` where that was taken back since. It says nothing of another life.
    pub nth: Option<u32>,
}

pub(super) const PIN: Table = Table {
    name: "service_pin",
    keys: &["backend", "account"],
    rest: &[("service", Replace), ("life", Replace), ("by_whom", Replace), ("at", Replace)],
};

impl Store {
    /// Puts a server's list in, in place of the one before; not where too many services have other numbers in it.
    pub async fn put_services(
        &self,
        server: i64,
        list: &[Service],
        addons: &[Addon],
        now: Timestamp,
    ) -> Result<PutServices, StoreError> {
        let is_renumbered = self.list_is_renumbered(server).await?;
        let mut tx = self.begin_write_at(now).await?;
        // Of two lists one waits for the other.
        self.one_at_a_time(&mut tx).await?;
        if is_renumbered {
            self.hold_everybody(&mut tx).await?;
        }
        let mut known = self.read_services(&mut tx, server).await?;
        let (mut renumbered, mut backends) = (0, BTreeSet::new());
        match self.judge_list(&mut tx, server, &known, list, now).await? {
            Verdict::TakenIn => {}
            Verdict::Held(held) => {
                tx.commit().await?;
                return Ok(PutServices { held: Some(held), ..PutServices::default() });
            }
            // An operator has said so just now: once more, with everybody held.
            Verdict::Renumbered(_) if !is_renumbered => {
                tx.rollback().await?;
                return Box::pin(self.put_services(server, list, addons, now)).await;
            }
            Verdict::Renumbered(said) => {
                (renumbered, backends) = self.renumber(&mut tx, server, list, &said, now).await?;
                known = self.read_services(&mut tx, server).await?;
            }
        }
        let same = |row: &service::Row, service: &Service| row.listed && row.service == *service;
        let changed = list.iter().filter(|one| !known.get(&one.id).is_some_and(|row| same(row, one)));
        let changed: Vec<&Service> = changed.collect();
        let listed: HashSet<i64> = list.iter().map(|service| service.id).collect();
        let gone = known.values().filter(|row| row.listed && !listed.contains(&row.service.id));
        let gone: Vec<i64> = gone.map(|row| row.service.id).collect();
        let cells: Vec<[Cell; 20]> =
            changed.iter().map(|one| service::cells(one, server, true, now)).collect();
        self.leave_other_lists(&mut tx, server, &listed).await?;
        service::SERVICE.put(&mut tx, self.dialect, cells).await?;
        self.put_sold_limits(&mut tx, list, now).await?;
        for id in &gone {
            let sql = "UPDATE service SET listed = 0 WHERE id = ? AND server = ?";
            run(&mut tx, self.dialect, sql, [(*id).into(), server.into()]).await?;
        }
        self.note_services(&mut tx, changed.iter().map(|one| one.id).chain(gone.iter().copied())).await?;
        let were_addons = self.read_addons(&mut tx, server).await?;
        if were_addons != addons {
            tx.note_gone(&service::ADDON, "t.server = ?", [server.into()]).await?;
            run(&mut tx, self.dialect, "DELETE FROM service_addon WHERE server = ?", [server.into()]).await?;
            let cells: Vec<[Cell; 8]> =
                addons.iter().map(|addon| service::addon_cells(server, addon)).collect();
            cells.iter().for_each(|row| tx.note(&service::ADDON, row));
            service::ADDON.put(&mut tx, self.dialect, cells).await?;
        }
        let version = self.list_version(&mut tx, server).await?.map_or(0, |(version, _)| version);
        let moved = !changed.is_empty() || !gone.is_empty() || were_addons != addons || version == 0;
        let version = version + i64::from(moved);
        if moved {
            tx.note(&KNOWN_LIST, &[server.into(), version.into()]);
        }
        let row = [server.into(), version.into(), now.into()];
        LIST.put(&mut tx, self.dialect, vec![row]).await?;
        tx.commit().await?;
        backends.iter().for_each(|backend| self.publish(backend));
        Ok(PutServices { changed: changed.len(), gone: gone.len(), renumbered, held: None })
    }

    /// Notes services as they are now: what a list leaves of a row that was there before, stays.
    async fn note_services(
        &self,
        on: &mut Write,
        services: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let services: Vec<i64> = services.collect();
        for some in services.chunks(NOTED_AT_ONCE) {
            let filter = format!("t.id IN ({}?)", "?, ".repeat(NOTED_AT_ONCE - 1));
            // Always as many, so that each connection prepares one statement.
            let cells = some.iter().chain(std::iter::repeat(&some[0])).take(NOTED_AT_ONCE);
            on.note_rows(&service::SERVICE, &filter, cells.map(|id| Cell::from(*id))).await?;
        }
        Ok(())
    }

    /// A service that is reported on this server is on no other any more: whoever remembers their lists reads them
    /// anew.
    async fn leave_other_lists(
        &self,
        on: &mut Write,
        server: i64,
        listed: &HashSet<i64>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id, server FROM service WHERE server <> ?";
        let mut left = HashSet::new();
        for row in rows(on, self.dialect, sql, [server.into()]).await? {
            let mut columns = Columns::of(&row);
            if listed.contains(&columns.int()?) {
                left.insert(columns.int()?);
            }
        }
        for other in left {
            let sql = "UPDATE service_list SET version = version + 1 WHERE server = ?";
            run(on, self.dialect, sql, [other.into()]).await?;
            on.note_rows(&KNOWN_LIST, "t.server = ?", [other.into()]).await?;
        }
        Ok(())
    }

    /// A server's services; `None` until WHMCS has sent them. Kept in memory until the list changes.
    pub async fn services(&self, server: i64) -> Result<Option<Arc<ServiceList>>, StoreError> {
        let mut tx = self.begin_read().await?;
        let Some((version, listed_at)) = self.list_version(&mut tx, server).await? else { return Ok(None) };
        let kept = self.lists.read().unwrap_or_else(PoisonError::into_inner).get(&server).cloned();
        if let Some(kept) = kept.filter(|kept| (kept.version, kept.listed_at) == (version, listed_at)) {
            return Ok(Some(kept));
        }
        let rows = self.read_services(&mut tx, server).await?;
        let addons = self.read_addons(&mut tx, server).await?;
        let first_listed = rows.values().map(|row| (row.service.id, row.first_listed)).collect();
        let (listed, former): (Vec<service::Row>, Vec<service::Row>) =
            rows.into_values().partition(|row| row.listed);
        let services = Services::new(listed.into_iter().map(|row| row.service).collect());
        let former = former.into_iter().map(|row| (row.service.id, row.service)).collect();
        let list = Arc::new(ServiceList { services, former, addons, listed_at, first_listed, version });
        self.lists.write().unwrap_or_else(PoisonError::into_inner).insert(server, Arc::clone(&list));
        Ok(Some(list))
    }

    /// The lists of every server that WHMCS has sent .
    pub async fn service_lists(&self) -> Result<BTreeMap<i64, Arc<ServiceList>>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, "SELECT server FROM service_list", []).await?;
        drop(on);
        let mut lists = BTreeMap::new();
        for row in &found {
            let server = Columns::of(row).int()?;
            if let Some(list) = self.services(server).await? {
                lists.insert(server, list);
            }
        }
        Ok(lists)
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
    ) -> Result<BTreeMap<i64, service::Row>, StoreError> {
        let columns = service::SERVICE.columns("s");
        let sql = format!("SELECT {columns} FROM service s WHERE s.server = ?");
        let mut list = BTreeMap::new();
        for row in rows(on, self.dialect, &sql, [server.into()]).await? {
            let row = service::row(&mut Columns::of(&row))?;
            list.insert(row.service.id, row);
        }
        Ok(list)
    }

    async fn read_addons(&self, on: &mut sqlx::AnyConnection, server: i64) -> Result<Vec<Addon>, StoreError> {
        let columns = service::ADDON.columns("a");
        let sql = format!("SELECT {columns} FROM service_addon a WHERE a.server = ? ORDER BY a.id");
        let found = rows(on, self.dialect, &sql, [server.into()]).await?;
        found.iter().map(|row| Ok(service::addon_row(&mut Columns::of(row))?.1)).collect()
    }

    /// The services operators have pinned to a backend's accounts.
    pub async fn pinned_services(
        &self,
        backend: &BackendId,
    ) -> Result<HashMap<AccountName, PinnedTo>, StoreError> {
        let sql = "SELECT p.account, p.service, l.nth FROM service_pin p LEFT JOIN life l ON l.id = p.life
            WHERE p.backend = ?";
        let mut on = self.readers.acquire().await?;
        let pin = |row| {
            let mut columns = Columns::of(row);
            let (account, service) = (columns.account()?, columns.int()?);
            let nth = columns.maybe_int()?.and_then(|nth| u32::try_from(nth).ok());
            Ok((account, PinnedTo { service, nth }))
        };
        rows(&mut on, self.dialect, sql, [backend.as_str().into()]).await?.iter().map(pin).collect()
    }

    /// The service that owned an account when it was last polled.
    pub async fn service_of(&self, key: &AccountKey) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT service FROM life WHERE backend = ? AND label = ?";
        let cells = [key.backend.as_str().into(), key.name.as_str().into()];
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, cells).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())
    }

    /// An account that the panel calls otherwise now keeps the service that it is pinned to.
    pub(super) async fn rename_pins(
        &self,
        on: &mut Write,
        backend: &BackendId,
        renamed: &[(AccountName, AccountName)],
    ) -> Result<(), StoreError> {
        let columns = PIN.columns("p");
        let mut pins: Vec<[Cell; 6]> = Vec::new();
        // All are taken before one is put: two accounts may have changed their names.
        for (old, new) in renamed {
            let old = || [Cell::from(backend.as_str()), old.as_str().into()];
            let sql = format!("SELECT {columns} FROM service_pin p WHERE p.backend = ? AND p.account = ?");
            for row in rows(on, self.dialect, &sql, old()).await? {
                let mut columns = Columns::of(&row);
                let (backend, _) = (columns.text()?, columns.text()?);
                let (service, life) = (columns.int()?, columns.int()?);
                let (by, at) = (columns.text()?, columns.time()?);
                let (backend, by) = (backend.as_str().into(), by.as_str().into());
                pins.push([backend, new.as_str().into(), service.into(), life.into(), by, at.into()]);
            }
            on.note_gone(&PIN, "t.backend = ? AND t.account = ?", old()).await?;
            let sql = "DELETE FROM service_pin WHERE backend = ? AND account = ?";
            run(on, self.dialect, sql, old()).await?;
        }
        pins.iter().for_each(|pin| on.note(&PIN, pin));
        PIN.put(on, self.dialect, pins).await
    }

    /// Pins a service to the present life of an account; what was done besides is written down by whoever does it.
    pub(super) async fn put_pin(
        &self,
        on: &mut Write,
        key: &AccountKey,
        service: i64,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let life = self.known_account(on, key).await?;
        let (backend, account) = (key.backend.as_str(), key.name.as_str());
        let row: [Cell; 6] =
            [backend.into(), account.into(), service.into(), life.into(), by.into(), now.into()];
        on.note(&PIN, &row);
        PIN.put(on, self.dialect, vec![row]).await
    }

    /// Pins a service to an account, or takes the pin away, also from a name that no account has any more. The next
    /// poll goes by it.
    pub async fn pin_service(
        &self,
        key: &AccountKey,
        service: Option<i64>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        let (backend, account) = (key.backend.as_str(), key.name.as_str());
        match service {
            Some(service) => {
                self.put_pin(&mut tx, key, service, by, now).await?;
            }
            None => {
                let of = [backend.into(), account.into()];
                tx.note_gone(&PIN, "t.backend = ? AND t.account = ?", of).await?;
                let sql = "DELETE FROM service_pin WHERE backend = ? AND account = ?";
                run(&mut tx, self.dialect, sql, [backend.into(), account.into()]).await?;
            }
        }
        let act = Act {
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
        tx.commit().await
    }
}
