//! How every account stands now: the read side's copy of the newest committed values.
//!
//! Kept in memory, updated by reading only the accounts that changed since.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use litemap::LiteMap;
use sqlx::AnyConnection;

use super::super::ledger::{Loaded, list_doubt, load_lives};
use super::super::sql::{Columns, rows};
use super::super::tables::Ids;
use super::super::{Store, StoreError};
use crate::domain::{AccountName, BackendId, LifeNo, Month, Seats, ServerTotal, Timestamp};
use crate::metering::Book;
use crate::standing::{AccountStanding, Stamp, Standing};

/// How the polls of a backend go.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendState {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// The number of its row, which it keeps when it is renamed.
    pub number: i64,
    /// The panel's addresses, as the last poll knew them.
    pub panel: String,
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
    /// Until when the timetable leaves the panel alone, because it refused us or asked for peace.
    pub parked_until: Option<Timestamp>,
    /// How often somebody has taken its lease: once for every poll, well or badly.
    pub leases: i64,
    /// Until when the lease is held; before that time it is being polled.
    pub leased_until: Timestamp,
    /// What the panel itself says is stored on it, by the last poll of all accounts.
    pub server_total: Option<ServerTotal>,
    /// What the panel says of its licence, by the last poll that went well.
    pub seats: Seats,
    /// When its journal was last taken back to an earlier entry.
    pub rewound_at: Option<Timestamp>,
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

impl BackendState {
    /// What its newest standing is identified by.
    pub fn stamp(&self) -> Stamp {
        (self.number, self.version, self.acts)
    }
}

impl Store {
    /// Every backend that was ever polled, and how its polls go.
    pub async fn backends(&self) -> Result<Vec<BackendState>, StoreError> {
        let sql = "SELECT name, kind, version, acts, polled_at, succeeded_at, failing_since, reason, detail,
            fence, lease_until, total_at, total_bytes, seats_used, seats_licensed, number, panel,
            parked_until, rewound_at FROM backend ORDER BY name";
        let mut on = self.readers.acquire().await?;
        let states = rows(&mut on, self.dialect, sql, []).await?;
        states.iter().map(|row| state_columns(&mut Columns::of(row))).collect()
    }

    /// How a backend's accounts stand, updated with what was committed meanwhile.
    pub async fn standing(&self, state: &BackendState) -> Result<Arc<Standing>, StoreError> {
        let kept = self.kept(&state.backend);
        match kept {
            Some(kept)
                if kept.number == state.number
                    && kept.version >= state.version
                    && kept.acts >= state.acts =>
            {
                Ok(kept)
            }
            kept => {
                let newer = Arc::new(self.refresh(state, kept.as_deref()).await?);
                self.keep(newer.clone());
                Ok(newer)
            }
        }
    }

    /// Every backend that was ever polled as it stands, in the order of names.
    pub async fn standings(&self) -> Result<Vec<Arc<Standing>>, StoreError> {
        let mut standings = Vec::new();
        for state in self.backends().await? {
            standings.push(self.standing(&state).await?);
        }
        // Databases differ in how they order names.
        standings.sort_by(|one, other| one.backend.cmp(&other.backend));
        Ok(standings)
    }

    fn kept(&self, backend: &BackendId) -> Option<Arc<Standing>> {
        self.standings.read().unwrap_or_else(PoisonError::into_inner).get(backend).cloned()
    }

    fn keep(&self, standing: Arc<Standing>) {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let newer = standings
            .get(&standing.backend)
            .is_none_or(|kept| kept.number != standing.number || kept.stamp() < standing.stamp());
        if newer {
            standings.insert(standing.backend.clone(), standing);
        }
    }

    /// After our own commit the new standing is made from memory; nobody need ask the database. `moved` are the
    /// months whose days moved; `None`: it may be any, because days have other owners now.
    pub(in super::super) fn committed(
        &self,
        backend: &BackendId,
        kind: &str,
        before: i64,
        loaded: &Loaded,
        changed: Vec<AccountName>,
        moved: Option<BTreeSet<Month>>,
    ) {
        let mut standings = self.standings.write().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = standings
            .get_mut(backend)
            .filter(|kept| kept.number == loaded.ids.backend && kept.version == before)
        else {
            drop(standings);
            return self.publish(backend);
        };
        // In place unless somebody is reading it just now; then the reader keeps the old one.
        let standing = Arc::make_mut(kept);
        for name in &changed {
            match loaded.standing(name) {
                Some(account) => drop(standing.accounts.insert(name.clone(), account)),
                None => drop(standing.accounts.remove(name)),
            }
        }
        standing.kind = kind.to_string();
        standing.version = loaded.version;
        standing.list_doubt = loaded.book.list_doubt;
        standing.changed = changed;
        standing.changed_since = (standing.number, before, standing.acts);
        match moved {
            Some(months) => standing.moved.extend(months.into_iter().map(|month| (month, loaded.version))),
            None => (standing.read_at, standing.moved) = (loaded.version, LiteMap::new()),
        }
        drop(standings);
        self.publish(backend);
    }

    /// After the journal was taken back nothing that is kept of a backend is right.
    pub(in super::super) fn forget_standing(&self, backend: &BackendId) {
        self.standings.write().unwrap_or_else(PoisonError::into_inner).remove(backend);
        self.publish(backend);
    }

    /// Whose month is not the sum of its days is not shown at all in that meter: it is unknown which of them is right.
    async fn withhold_unlike(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        (ids, filter): (Ids, &str),
        book: &mut Book,
        facts: &mut HashMap<LifeNo, AccountStanding>,
    ) -> Result<(), StoreError> {
        for unlike in self.months_unlike_days(on, ids, filter).await? {
            tracing::error!("withheld: {}", unlike.error(backend, book));
            let Some((no, _)) = book.holding(unlike.holding) else { continue };
            if let Some(life) = book.lives.get_mut(&no) {
                life.series.remove(&unlike.meter);
                for part in life.holdings.iter_mut().flat_map(|holding| &mut holding.parts) {
                    part.months.remove(&unlike.meter);
                }
            }
            if let Some(account) = facts.get_mut(&no) {
                account.trouble = Some((AccountStanding::CONTRADICTED.into(), account.first_seen));
            }
        }
        Ok(())
    }

    async fn refresh(&self, state: &BackendState, kept: Option<&Standing>) -> Result<Standing, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql =
            "SELECT version, acts, number, rewound_version, list_doubt_at, list_missing, list_of, list_accepted
            FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [state.backend.as_str().into()]).await?;
        let (version, acts, number, rewound, list_doubt) = match found.first().map(Columns::of) {
            Some(mut columns) => {
                let (version, acts, number) = (columns.int()?, columns.int()?, columns.int()?);
                (version, acts, number, columns.maybe_int()?, list_doubt(&mut columns)?)
            }
            None => (0, 0, 0, None, None),
        };
        // What is kept of the name may be of another backend that was called so, or of accounts that are not known any
        // more since the journal was taken back.
        let kept = kept
            .filter(|kept| kept.number == number && rewound.is_none_or(|rewound| kept.version >= rewound));
        let (since, acted) = kept.map_or((-1, -1), |kept| (kept.version, kept.acts));
        let [first, end] = Ids { backend: number }.range();
        // Of a name of which anything changed all lives: what each has had is shared out on one page. The names by
        // their ids, so that they are looked for once and not for every life.
        let changed = format!(
            "AND l.name IN (SELECT c.name FROM life c WHERE c.id >= {first} AND c.id < {end} AND (c.changed > {since}
            OR EXISTS (SELECT 1 FROM belief b WHERE b.life = c.id AND b.changed > {since})
            OR EXISTS (SELECT 1 FROM policy p WHERE p.backend = c.backend AND p.account = c.label
                AND p.acted > {acted})))"
        );
        let filter = if kept.is_some() { changed.as_str() } else { "" };
        let mut book = Book::default();
        let mut facts = load_lives(self, &mut tx, &mut book, Ids { backend: number }, filter).await?;
        let ids = Ids { backend: number };
        self.withhold_unlike(&mut tx, &state.backend, (ids, filter), &mut book, &mut facts).await?;
        // An account that the panel calls otherwise now leaves its old name to the life before it, or to nobody:
        // nothing that changed shows which.
        let is_renamed = |kept: &Standing| {
            let called = |no| book.lives.get(&no).map(|life| &life.name);
            kept.accounts.iter().any(|(name, account)| called(account.life).is_some_and(|now| now != name))
        };
        if kept.is_some_and(is_renamed) {
            drop(tx);
            return Box::pin(self.refresh(state, None)).await;
        }
        let mut standing = Standing {
            list_doubt,
            backend: state.backend.clone(),
            kind: state.kind.clone(),
            number,
            version,
            acts,
            accounts: kept.map(|kept| kept.accounts.clone()).unwrap_or_default(),
            changed: book.names.keys().cloned().collect(),
            changed_since: (number, since, acted),
            read_at: version,
            moved: LiteMap::new(),
        };
        for (name, no) in &book.names {
            let Some(mut account) = facts.get(no).cloned() else { continue };
            account.take(&book, name);
            standing.accounts.insert(name.clone(), Arc::new(account));
        }
        standing.changed.sort();
        Ok(standing)
    }
}

fn state_columns(columns: &mut Columns<'_>) -> Result<BackendState, StoreError> {
    let backend = columns.backend()?;
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
    let count = |seats: Option<i64>| seats.and_then(|seats| u64::try_from(seats).ok());
    let seats = Seats { used: count(columns.maybe_int()?), licensed: count(columns.maybe_int()?) };
    Ok(BackendState {
        backend,
        kind,
        number: columns.int()?,
        panel: columns.text()?,
        parked_until: columns.maybe_time()?,
        rewound_at: columns.maybe_time()?,
        version,
        acts,
        polled_at,
        succeeded_at,
        failing,
        leases,
        leased_until,
        server_total,
        seats,
    })
}
