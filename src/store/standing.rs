//! How every account stands now: the read side's copy of the newest committed values.
//!
//! Kept in memory, brought up to date by reading only the accounts that changed since.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use litemap::LiteMap;

use super::book::{Loaded, level_belief, month_to_date};
use super::services::{MappedTo, ServiceRef, mapped_columns};
use super::sql::{Cell, Columns, rows};
use super::{Store, StoreError};
use crate::domain::{
    AccountName, BackendId, Bytes, Limit, Mapping, Meter, Month, Policy, ServerTotal, Timestamp,
};
use crate::metering::{AccountBook, Implausible, MonthToDate, SeriesBook};

/// Version and acts together: what tells one standing of a backend from another.
pub type Stamp = (i64, i64);

/// One backend as committed at `version`.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// One more with every commit.
    pub version: i64,
    /// One more with every switch that ended. Equal versions and acts are equal standings.
    pub acts: i64,
    /// Every account ever seen, by name; those that are gone say so.
    pub accounts: BTreeMap<AccountName, Arc<AccountStanding>>,
    /// The accounts that changed with the newest version read, for whoever renders only those.
    pub changed: Vec<AccountName>,
    /// The stamp before the newest: `changed` holds what happened since then.
    pub changed_since: Stamp,
    /// The version that was read as a whole: what it and those before it moved is not told apart.
    pub read_at: i64,
    /// The newest version after that which moved days of a month.
    pub moved: LiteMap<Month, i64>,
}

/// One account as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountStanding {
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Since when the panel no longer lists it.
    pub gone_at: Option<Timestamp>,
    /// When it was last listed again after it had been gone: its name may be somebody else's now.
    pub back_at: Option<Timestamp>,
    /// Whether it is switched off, as far as the panel tells.
    pub suspended: Option<bool>,
    /// Which of our policies it is under, as the panel shows it; the standard one also where the panel
    /// shows neither and we have not limited it.
    pub policy: Option<Policy>,
    /// The plan's name on the panel.
    pub package: Option<String>,
    /// Its main domain.
    pub domain: Option<String>,
    /// Bytes it may store, by the panel.
    pub storage_limit: Limit,
    /// The limits that were in force when it was last polled; of an absent meter it is unknown.
    pub limits: LiteMap<Meter, Limit>,
    /// The service it belongs to, once WHMCS has told its services.
    pub mapped: Option<MappedTo>,
    /// The reason it could not be read last time, and since when.
    pub trouble: Option<(String, Timestamp)>,
    /// Its meters that were ever read, in the order of [`Meter::ALL`].
    pub series: Vec<SeriesStanding>,
}

/// One meter of one account as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesStanding {
    /// What is measured.
    pub meter: Meter,
    /// When the panel last measured it: older than the maximum age it is withheld.
    pub at: Timestamp,
    /// The last level (levels only).
    pub level: Option<Bytes>,
    /// The month the last reading lies in, so far.
    pub month: Option<MonthToDate>,
    /// What a counter that must never fall shows: all bytes settled since first sight.
    pub shown: Bytes,
    /// Since when its readings are held back because they jump further than can be.
    pub held_back: Option<Timestamp>,
}

/// How the polls of a backend go.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendState {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// One more with every commit.
    pub version: i64,
    /// One more with every switch that ended.
    pub acts: i64,
    /// When it was last polled, well or badly.
    pub polled_at: Option<Timestamp>,
    /// When a poll last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// Since when, why and with what words polls fail; `None` when the last one succeeded.
    pub failing: Option<Failing>,
    /// How often somebody has taken its lease: once for every poll, well or badly.
    pub leases: i64,
    /// Until when the lease is held; before that time it is being polled.
    pub leased_until: Timestamp,
    /// What the panel itself says is stored on it, by the last poll of everybody.
    pub server_total: Option<ServerTotal>,
}

/// A backend whose last poll failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// Why, as a label.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
}

impl Standing {
    /// What tells it from any other standing of its backend.
    pub fn stamp(&self) -> Stamp {
        (self.version, self.acts)
    }

    /// The newest version that may have moved days of a month.
    pub fn touched(&self, month: Month) -> i64 {
        self.moved.get(&month).copied().unwrap_or(self.read_at)
    }
}

impl AccountStanding {
    /// The limit in force of a meter, as the last poll found it.
    pub fn limit(&self, meter: Meter) -> Limit {
        self.limits.get(&meter).copied().unwrap_or_default()
    }

    /// What the panel itself allows of a meter, as it said last.
    pub fn panel_limit(&self, meter: Meter) -> Limit {
        match meter {
            Meter::StorageUsed => self.storage_limit,
            // No panel tells one yet that would have to be kept.
            Meter::TrafficIn | Meter::TrafficOut | Meter::TrafficTotal => Limit::Unknown,
        }
    }

    /// Whether it is on the panel and nobody is billed for it, as far as WHMCS has told its services.
    pub fn is_unbilled(&self) -> bool {
        let mapping = self.mapped.as_ref().map(|mapped| mapped.mapping);
        self.gone_at.is_none() && matches!(mapping, Some(Mapping::Unmapped | Mapping::Ambiguous))
    }

    /// The service it belongs to.
    pub fn service(&self) -> Option<&ServiceRef> {
        self.mapped.as_ref()?.service.as_ref()
    }

    /// One of its meters.
    pub fn meter(&self, meter: Meter) -> Option<&SeriesStanding> {
        self.series.iter().find(|series| series.meter == meter)
    }
}

/// An account's row: id, name, first_seen, gone_at, back_at, suspended, policy, package, domain,
/// storage_limit, trouble, trouble_since, the four limits, the five of the mapping.
pub(super) fn account_columns(
    columns: &mut Columns<'_>,
) -> Result<(i64, AccountName, AccountStanding), StoreError> {
    let id = columns.int()?;
    let name = AccountName::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a name"))?;
    let standing = AccountStanding {
        first_seen: columns.time()?,
        gone_at: columns.maybe_time()?,
        back_at: columns.maybe_time()?,
        suspended: columns.maybe_int()?.map(|flag| flag != 0),
        policy: policy(columns.maybe_text()?)?,
        package: columns.maybe_text()?,
        domain: columns.maybe_text()?,
        storage_limit: columns.limit()?,
        trouble: columns.maybe_text()?.zip(columns.maybe_time()?),
        limits: limits(columns)?,
        mapped: mapped_columns(columns)?,
        series: Vec::new(),
    };
    Ok((id, name, standing))
}

pub(super) fn limits(columns: &mut Columns<'_>) -> Result<LiteMap<Meter, Limit>, StoreError> {
    let mut limits = LiteMap::new();
    for meter in Meter::ALL {
        let limit = columns.limit()?;
        if limit.is_known() {
            limits.insert(meter, limit);
        }
    }
    Ok(limits)
}

pub(super) fn policy(name: Option<String>) -> Result<Option<Policy>, StoreError> {
    let known = |name: String| {
        let policy = [Policy::Standard, Policy::Limited].into_iter().find(|policy| policy.name() == name);
        policy.ok_or_else(|| StoreError::corrupt(name, "a policy"))
    };
    name.map(known).transpose()
}

/// A series' row: id, meter, at, level, level_at, the month's six columns, total, shown, implausible_at,
/// implausible_accepted.
pub(super) fn series_columns(columns: &mut Columns<'_>) -> Result<(i64, Meter, SeriesBook), StoreError> {
    let id = columns.int()?;
    let meter: Meter = columns.text()?.parse().map_err(|error| StoreError::corrupt(error, "a meter"))?;
    let at = columns.maybe_time()?;
    let level = level_belief(columns.maybe_bytes()?, columns.maybe_time()?);
    let month = month_to_date(columns)?;
    let (total, shown) = (columns.bytes()?, columns.bytes()?);
    let implausible = match (columns.maybe_time()?, columns.maybe_int()?) {
        (Some(since), accepted) => Some(Implausible { since, accepted: accepted == Some(1) }),
        (None, _) => None,
    };
    Ok((id, meter, SeriesBook { at, level, month, total, shown, implausible, ..SeriesBook::default() }))
}

/// What the read side sees of a book's account.
pub(super) fn series_of(book: &AccountBook) -> Vec<SeriesStanding> {
    let seen = |(meter, series): (&Meter, &SeriesBook)| {
        Some(SeriesStanding {
            meter: *meter,
            at: series.at?,
            level: series.level.map(|belief| belief.level),
            month: series.month,
            shown: series.shown,
            held_back: series.implausible.map(|held| held.since),
        })
    };
    book.iter().filter_map(seen).collect()
}

impl Store {
    /// Every backend that was ever polled, and how its polls go.
    pub async fn backends(&self) -> Result<Vec<BackendState>, StoreError> {
        let sql = "SELECT name, kind, version, acts, polled_at, succeeded_at, failing_since, reason, detail,
            fence, lease_until, total_at, total_bytes FROM backend ORDER BY name";
        let mut on = self.readers.acquire().await?;
        let states = rows(&mut on, self.dialect, sql, []).await?;
        states.iter().map(|row| state_columns(&mut Columns::of(row))).collect()
    }

    /// How a backend's accounts stand, brought up to date with what was committed meanwhile.
    pub async fn standing(&self, state: &BackendState) -> Result<Arc<Standing>, StoreError> {
        let kept = self.kept(&state.backend);
        match kept {
            Some(kept) if kept.version >= state.version && kept.acts >= state.acts => Ok(kept),
            kept => {
                let newer = Arc::new(self.refresh(state, kept.as_deref()).await?);
                self.keep(newer.clone());
                Ok(newer)
            }
        }
    }

    fn kept(&self, backend: &BackendId) -> Option<Arc<Standing>> {
        self.standings.read().unwrap_or_else(PoisonError::into_inner).get(backend).cloned()
    }

    fn keep(&self, standing: Arc<Standing>) {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let newer = standings
            .get(&standing.backend)
            .is_none_or(|kept| (kept.version, kept.acts) < (standing.version, standing.acts));
        if newer {
            standings.insert(standing.backend.clone(), standing);
        }
    }

    /// After our own commit the new standing is made from memory; nobody need ask the database.
    pub(super) fn committed(
        &self,
        backend: &BackendId,
        kind: &str,
        before: i64,
        loaded: &Loaded,
        changed: Vec<AccountName>,
        moved: impl Iterator<Item = Month>,
    ) {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = standings.get_mut(backend).filter(|kept| kept.version == before) else { return };
        // In place unless somebody is reading it just now; then the reader keeps the old one.
        let standing = Arc::make_mut(kept);
        for name in &changed {
            if let Some(account) = loaded.standing(name) {
                standing.accounts.insert(name.clone(), account);
            }
        }
        standing.kind = kind.to_string();
        standing.version = loaded.version;
        standing.changed = changed;
        standing.changed_since = (before, standing.acts);
        standing.moved.extend(moved.map(|month| (month, loaded.version)));
    }

    async fn refresh(&self, state: &BackendState, kept: Option<&Standing>) -> Result<Standing, StoreError> {
        let (since, acted) = kept.map_or((-1, -1), |kept| (kept.version, kept.acts));
        let mut tx = self.readers.begin().await?;
        let sql = "SELECT version, acts FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [state.backend.as_str().into()]).await?;
        let (version, acts) = match found.first().map(Columns::of) {
            Some(mut columns) => (columns.int()?, columns.int()?),
            None => (0, 0),
        };
        let changed =
            "SELECT a.id, a.name, a.first_seen, a.gone_at, a.back_at, a.suspended, a.policy, a.package, a.domain,
            a.storage_limit, a.trouble, a.trouble_since, a.allowed_storage, a.allowed_in, a.allowed_out,
            a.allowed_total, a.mapping, a.service, a.client, a.tenant, a.product FROM account a WHERE a.backend = ? AND (a.changed > ?
            OR EXISTS (SELECT 1 FROM series s WHERE s.account = a.id AND s.changed > ?)
            OR EXISTS (SELECT 1 FROM policy p WHERE p.account = a.id AND p.acted > ?))";
        let cells = || [Cell::from(state.backend.as_str()), since.into(), since.into(), acted.into()];
        let mut accounts = HashMap::new();
        for row in rows(&mut tx, self.dialect, changed, cells()).await? {
            let (id, name, standing) = account_columns(&mut Columns::of(&row))?;
            accounts.insert(id, (name, standing, AccountBook::new()));
        }
        let series = "SELECT s.account, s.id, s.meter, s.at, s.level, s.level_at, s.month, s.month_amount,
            s.month_estimated, s.month_held_peta, s.month_held_rest, s.month_covered, s.total, s.shown,
            s.implausible_at, s.implausible_accepted
            FROM series s JOIN account a ON a.id = s.account WHERE a.backend = ? AND (a.changed > ?
            OR EXISTS (SELECT 1 FROM series x WHERE x.account = a.id AND x.changed > ?)
            OR EXISTS (SELECT 1 FROM policy p WHERE p.account = a.id AND p.acted > ?))";
        for row in rows(&mut tx, self.dialect, series, cells()).await? {
            let mut columns = Columns::of(&row);
            let account = columns.int()?;
            let (_, meter, book) = series_columns(&mut columns)?;
            if let Some((_, _, series)) = accounts.get_mut(&account) {
                series.insert(meter, book);
            }
        }
        let mut standing = Standing {
            backend: state.backend.clone(),
            kind: state.kind.clone(),
            version,
            acts,
            accounts: kept.map(|kept| kept.accounts.clone()).unwrap_or_default(),
            changed: accounts.values().map(|(name, _, _)| name.clone()).collect(),
            changed_since: (since, acted),
            read_at: version,
            moved: LiteMap::new(),
        };
        for (name, mut account, series) in accounts.into_values() {
            account.series = series_of(&series);
            standing.accounts.insert(name, Arc::new(account));
        }
        standing.changed.sort();
        Ok(standing)
    }
}

fn state_columns(columns: &mut Columns<'_>) -> Result<BackendState, StoreError> {
    let backend =
        BackendId::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a backend's name"))?;
    let (kind, version, acts) = (columns.text()?, columns.int()?, columns.int()?);
    let (polled_at, succeeded_at) = (columns.maybe_time()?, columns.maybe_time()?);
    let failing = match (columns.maybe_time()?, columns.maybe_text()?, columns.maybe_text()?) {
        (Some(since), Some(reason), detail) => {
            Some(Failing { since, reason, detail: detail.unwrap_or_default() })
        }
        _ => None,
    };
    let (leases, leased_until) = (columns.int()?, columns.time()?);
    let total = columns.maybe_time()?.zip(columns.maybe_bytes()?);
    let server_total = total.map(|(at, stored)| ServerTotal { at, stored });
    Ok(BackendState {
        backend,
        kind,
        version,
        acts,
        polled_at,
        succeeded_at,
        failing,
        leases,
        leased_until,
        server_total,
    })
}
