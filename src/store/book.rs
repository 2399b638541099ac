//! Loads what we believe of a backend: the book for settling, and the numbers its rows have.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use litemap::LiteMap;
use sqlx::AnyConnection;

use super::sql::{Columns, rows};
use super::standing::{AccountStanding, account_columns, series_columns};
use super::{Store, StoreError};
use crate::domain::{
    AccountName, BackendId, Bytes, Epoch, Meter, Policy, Seconds, Source, Span, Timestamp, UsageDay,
};
use crate::metering::{Baseline, Book, Doubt, LevelBelief, MonthToDate, PeriodBelief, SeriesBook};
use crate::quota::{Crossings, Hold};

/// A backend's book as committed at one version. Whoever holds the lease may keep it in memory: a
/// commit against any other version is refused.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to settle against.
    pub book: Book,
    /// What is crossed, for each account that ever crossed anything.
    pub crossings: HashMap<AccountName, Crossings>,
    /// Which policy is wanted, for each account that was ever switched or pinned.
    pub holds: HashMap<AccountName, Hold>,
    pub(super) version: i64,
    pub(super) accounts: HashMap<AccountName, KnownAccount>,
}

/// The rows an account has.
#[derive(Clone, Debug)]
pub(super) struct KnownAccount {
    pub id: i64,
    pub series: LiteMap<Meter, i64>,
    /// As it stands, without its series: what a poll compares with to see what changed.
    pub standing: AccountStanding,
}

impl Store {
    /// Loads a backend's book, unless `kept` is the newest version already.
    pub async fn load(&self, backend: &BackendId, kept: Option<Loaded>) -> Result<Loaded, StoreError> {
        // One transaction, so that no commit of another replica comes between the tables.
        let mut tx = self.readers.begin_with(self.dialect.begin_snapshot()).await?;
        let sql = "SELECT version, last_look FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        let (version, last_look) = match found.first() {
            None => (0, None),
            Some(row) => {
                let mut columns = Columns::of(row);
                (columns.int()?, columns.maybe_time()?)
            }
        };
        if let Some(mut kept) = kept.filter(|kept| kept.version == version) {
            kept.book.last_look = last_look;
            // Operators and switches write it between two polls.
            self.load_holds(&mut tx, backend, &mut kept).await?;
            return Ok(kept);
        }
        let book = Book { last_look, ..Book::default() };
        let mut loaded = Loaded {
            book,
            crossings: HashMap::new(),
            holds: HashMap::new(),
            version,
            accounts: HashMap::new(),
        };
        let mut by_id = HashMap::new();
        self.load_accounts(&mut tx, backend, &mut loaded, &mut by_id).await?;
        let mut by_series = self.load_series(&mut tx, backend, &mut loaded, &by_id).await?;
        self.load_baselines(&mut tx, backend, &mut by_series).await?;
        self.load_periods(&mut tx, backend, &mut by_series).await?;
        self.load_crossings(&mut tx, backend, &mut loaded).await?;
        self.load_holds(&mut tx, backend, &mut loaded).await?;
        for (account, meter, series) in by_series.into_values() {
            loaded.book.accounts.entry(account).or_default().insert(meter, series);
        }
        Ok(loaded)
    }

    async fn load_accounts(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &mut Loaded,
        by_id: &mut HashMap<i64, AccountName>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id, name, first_seen, gone_at, back_at, suspended, policy, package, domain, storage_limit,
            trouble, trouble_since, allowed_storage, allowed_in, allowed_out, allowed_total,
            mapping, service, client, tenant, product FROM account WHERE backend = ?";
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let (id, name, standing) = account_columns(&mut columns)?;
            by_id.insert(id, name.clone());
            loaded.accounts.insert(name, KnownAccount { id, series: LiteMap::new(), standing });
        }
        Ok(())
    }

    async fn load_series(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &mut Loaded,
        by_id: &HashMap<i64, AccountName>,
    ) -> Result<HashMap<i64, (AccountName, Meter, SeriesBook)>, StoreError> {
        let sql = "SELECT s.account, s.id, s.meter, s.at, s.level, s.level_at, s.month, s.month_amount,
            s.month_estimated, s.month_held_peta, s.month_held_rest, s.month_covered, s.total, s.shown,
            s.implausible_at, s.implausible_accepted
            FROM series s JOIN account a ON a.id = s.account WHERE a.backend = ?";
        let mut by_series = HashMap::new();
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let account = columns.int()?;
            let (id, meter, series) = series_columns(&mut columns)?;
            let name = by_id.get(&account).ok_or_else(|| StoreError::corrupt(account, "an account's id"))?;
            if let Some(known) = loaded.accounts.get_mut(name) {
                known.series.insert(meter, id);
            }
            by_series.insert(id, (name.clone(), meter, series));
        }
        Ok(by_series)
    }

    async fn load_baselines(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        by_series: &mut HashMap<i64, (AccountName, Meter, SeriesBook)>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT b.series, b.source, b.started, b.uptime, b.amount, b.at, b.doubt_amount, b.doubt_at
            FROM baseline b JOIN series s ON s.id = b.series JOIN account a ON a.id = s.account
            WHERE a.backend = ?";
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let series = columns.int()?;
            let source = source(&columns.text()?)?;
            let epoch = match (columns.maybe_time()?, columns.maybe_int()?) {
                (Some(start), _) => Epoch::Since(start),
                (None, Some(uptime)) => Epoch::Running(Seconds::new(uptime.max(0) as u64)),
                (None, None) => Epoch::Silent,
            };
            let (count, at) = (columns.bytes()?, columns.time()?);
            let doubt = match (columns.maybe_bytes()?, columns.maybe_time()?) {
                (Some(count), Some(at)) => Some(Doubt { count, at }),
                _ => None,
            };
            if let Some((_, _, book)) = by_series.get_mut(&series) {
                book.baselines.insert(source, Baseline { epoch, count, at, doubt });
            }
        }
        Ok(())
    }

    async fn load_periods(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        by_series: &mut HashMap<i64, (AccountName, Meter, SeriesBook)>,
    ) -> Result<(), StoreError> {
        let sql =
            "SELECT p.series, p.source, p.starts, p.ends, p.total, p.at, p.placed, p.doubt_total, p.doubt_at
            FROM period_total p JOIN series s ON s.id = p.series JOIN account a ON a.id = s.account
            WHERE a.backend = ?";
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let series = columns.int()?;
            let source = source(&columns.text()?)?;
            let span = Span::new(columns.time()?, columns.time()?)
                .map_err(|error| StoreError::corrupt(error, "a span of time"))?;
            let (total, at, placed) = (columns.bytes()?, columns.time()?, placed(&columns.text()?)?);
            let doubt = columns.maybe_bytes()?.zip(columns.maybe_time()?);
            let doubt = doubt.map(|(count, at)| Doubt { count, at });
            if let Some((_, _, book)) = by_series.get_mut(&series) {
                book.periods.insert((source, span), PeriodBelief { total, at, placed, doubt });
            }
        }
        Ok(())
    }
}

fn source(text: &str) -> Result<Source, StoreError> {
    Source::new(text).map_err(|error| StoreError::corrupt(error, "a counter's name"))
}

/// Reads `20261120:17 20261121:4`.
fn placed(text: &str) -> Result<BTreeMap<UsageDay, Bytes>, StoreError> {
    let part = |part: &str| {
        let (day, count) = part.split_once(':')?;
        let day = UsageDay::from_number(day.parse().ok()?).ok()?;
        Some((day, Bytes::new(count.parse().ok()?).ok()?))
    };
    text.split_whitespace()
        .map(|piece| part(piece).ok_or_else(|| StoreError::corrupt(piece, "a day and its bytes")))
        .collect()
}

/// Writes what [`placed`] reads.
pub(super) fn placed_text(placed: &BTreeMap<UsageDay, Bytes>) -> String {
    let parts: Vec<String> = placed.iter().map(|(day, bytes)| format!("{}:{bytes}", day.number())).collect();
    parts.join(" ")
}

pub(super) fn month_to_date(columns: &mut Columns<'_>) -> Result<Option<MonthToDate>, StoreError> {
    let month = columns.maybe_month()?;
    let (amount, estimated, held) = (columns.bytes()?, columns.bytes()?, columns.held()?);
    let covered = columns.minutes()?;
    Ok(month.map(|month| MonthToDate { month, amount, estimated, held, covered }))
}

pub(super) fn level_belief(level: Option<Bytes>, at: Option<Timestamp>) -> Option<LevelBelief> {
    level.zip(at).map(|(level, at)| LevelBelief { at, level })
}

/// How far back an account that could not be read makes us ask: further is for `backfill`.
const LONGEST_ASKED: Seconds = Seconds::hours(35 * 24);

impl Loaded {
    /// Since when something may be unread: the last look at everybody, or the first poll of late that
    /// could not read an account which is still not read.
    pub fn unread_since(&self, now: Timestamp) -> Option<Timestamp> {
        let troubles = self.accounts.values().filter_map(|known| Some(known.standing.trouble.as_ref()?.1));
        let recent = troubles.filter(|since| now.since(*since) <= LONGEST_ASKED);
        self.book.last_look.into_iter().chain(recent).min().filter(|_| self.book.last_look.is_some())
    }

    /// The accounts we want limited.
    pub fn limited(&self) -> Vec<AccountName> {
        let limited = self.holds.iter().filter(|(_, hold)| hold.wanted == Policy::Limited);
        limited.map(|(name, _)| name.clone()).collect()
    }

    /// What the panel told of an account before.
    pub fn facts(&self, name: &AccountName) -> Option<&AccountStanding> {
        self.accounts.get(name).map(|known| &known.standing)
    }

    /// The accounts that are on the panel, as it was last seen.
    pub fn present(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        let accounts = self.accounts.iter().map(|(name, known)| (name, &known.standing));
        accounts.filter(|(_, standing)| standing.gone_at.is_none())
    }

    /// How an account stands, built from memory instead of from the database.
    pub fn standing(&self, name: &AccountName) -> Option<Arc<AccountStanding>> {
        let mut standing = self.accounts.get(name)?.standing.clone();
        if let Some(book) = self.book.accounts.get(name) {
            standing.series = super::standing::series_of(book);
        }
        Some(Arc::new(standing))
    }
}
