//! Loads what we believe of a backend: the book for settling, and what the panel and WHMCS say of its accounts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use litemap::LiteMap;
use sqlx::AnyConnection;

use super::super::sql::{Cell, Columns, rows};
use super::super::tables::{Ids, baseline, belief, holding, life, month_sum, period_total};
use super::super::{Store, StoreError};
use crate::domain::{AccountName, BackendId, HoldingNo, LifeNo, Policy, Seconds, Timestamp, Unclaimed};
use crate::metering::{Book, Holding, Life, ListDoubt, Part};
use crate::quota::{Crossings, Hold};
use crate::standing::AccountStanding;

/// A backend's book as committed at one version. Whoever holds the lease may keep it in memory: a
/// commit against any other version is refused.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to settle against.
    pub book: Book,
    /// What is crossed, for each holding that ever crossed anything.
    pub crossings: HashMap<HoldingNo, Crossings>,
    /// Which policy is wanted, for each account that was ever switched or pinned.
    pub holds: HashMap<AccountName, Hold>,
    /// What was unowned at the last poll of all accounts, by its name.
    pub unclaimed: BTreeMap<String, Unclaimed>,
    /// The roads by which its figures came of late, the newest last.
    pub roads: Vec<String>,
    /// What of the levels' parts this process has written, by a hash of it: the same again is no news.
    pub(super) broken_down: HashMap<LifeNo, u64>,
    /// What the panel and WHMCS say of each life, without its series.
    pub(in super::super) facts: HashMap<LifeNo, AccountStanding>,
    pub(in super::super) version: i64,
    pub(in super::super) ids: Ids,
}

/// What stands between the parts of a road, see [`crate::domain::Harvest::road`].
const ROAD_PARTS: &str = ", ";

/// How many roads are kept: servers that answer in turns are no news every time.
const ROADS_KEPT: usize = 8;

/// How far back an account that could not be read makes us ask: further is for `backfill`.
const LONGEST_ASKED: Seconds = Seconds::hours(35 * 24);

impl Store {
    /// Loads a backend's book, unless `kept` is the newest version already.
    pub async fn load(&self, backend: &BackendId, kept: Option<Loaded>) -> Result<Loaded, StoreError> {
        // One transaction, so that no commit of another replica comes between the tables.
        let mut tx = self.begin_read().await?;
        let sql = "SELECT version, last_look, number, next_life, next_holding, list_doubt_at, list_missing, list_of,
            list_accepted, roads FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        let mut book = Book::default();
        let (mut version, mut number, mut roads) = (0, 0, Vec::new());
        if let Some(row) = found.first() {
            let mut columns = Columns::of(row);
            version = columns.int()?;
            book.last_look = columns.maybe_time()?;
            number = columns.int()?;
            book.next_life = Ids::life_no(columns.int()?)?;
            book.next_holding = Ids::holding_no(columns.int()?)?;
            book.list_doubt = list_doubt(&mut columns)?;
            let known = columns.maybe_text()?.unwrap_or_default();
            roads = known.lines().map(str::to_string).collect();
        }
        if let Some(mut kept) = kept.filter(|kept| kept.version == version && kept.ids.backend == number) {
            (kept.book.last_look, kept.book.list_doubt) = (book.last_look, book.list_doubt);
            kept.roads = roads;
            // Operators and switches write it between two polls.
            self.load_holds(&mut tx, backend, &mut kept).await?;
            // It counts for nobody, so that it may change without a new version.
            kept.unclaimed = self.load_unclaimed(&mut tx, kept.ids).await?;
            return Ok(kept);
        }
        let ids = Ids { backend: number };
        let facts = load_lives(self, &mut tx, &mut book, ids, "").await?;
        self.load_baselines(&mut tx, &mut book, ids).await?;
        self.load_periods(&mut tx, &mut book, ids).await?;
        let (crossings, holds, broken_down) = (HashMap::new(), HashMap::new(), HashMap::new());
        let unclaimed = self.load_unclaimed(&mut tx, ids).await?;
        let mut loaded =
            Loaded { book, crossings, holds, unclaimed, roads, broken_down, facts, version, ids };
        self.load_crossings(&mut tx, &mut loaded).await?;
        self.load_holds(&mut tx, backend, &mut loaded).await?;
        // What was kept in memory is held against the table when it is changed; what is read anew has its days.
        match self.months_unlike_days(&mut tx, ids, "").await?.first() {
            Some(unlike) => Err(unlike.error(backend, &loaded.book)),
            None => Ok(loaded),
        }
    }

    async fn load_baselines(
        &self,
        on: &mut AnyConnection,
        book: &mut Book,
        ids: Ids,
    ) -> Result<(), StoreError> {
        let columns = baseline::BASELINE.columns("b");
        let sql = format!("SELECT {columns} FROM baseline b WHERE b.backend = ?");
        for row in rows(on, self.dialect, &sql, [ids.backend.into()]).await? {
            let (key, baseline) = baseline::row(&mut Columns::of(&row))?;
            book.counters.insert(key, baseline);
        }
        Ok(())
    }

    async fn load_periods(
        &self,
        on: &mut AnyConnection,
        book: &mut Book,
        ids: Ids,
    ) -> Result<(), StoreError> {
        let columns = period_total::PERIOD_TOTAL.columns("p");
        let sql = format!("SELECT {columns} FROM period_total p WHERE p.life >= ? AND p.life < ?");
        for row in rows(on, self.dialect, &sql, ids.range().map(Cell::from)).await? {
            let (life, meter, key, belief) = period_total::row(&mut Columns::of(&row))?;
            if let Some(life) = book.lives.get_mut(&life) {
                life.series.entry(meter).or_default().periods.insert(key, belief);
            }
        }
        Ok(())
    }
}

/// The doubt of a list: since when, how many are missing, of how many, whether accepted.
pub(in super::super) fn list_doubt(columns: &mut Columns<'_>) -> Result<Option<ListDoubt>, StoreError> {
    let since = columns.maybe_time()?;
    let counts = columns.maybe_int()?.zip(columns.maybe_int()?);
    let accepted = columns.flag()? == Some(true);
    let Some((since, (missing, of))) = since.zip(counts) else { return Ok(None) };
    let count =
        |number: i64| u32::try_from(number).map_err(|_| StoreError::corrupt(number, "a number of accounts"));
    Ok(Some(ListDoubt { since, missing: count(missing)?, of: count(of)?, accepted }))
}

/// Puts lives into a book, with their holdings, beliefs and newest months, and returns what is said of their
/// accounts; only those that `filter` (a condition on the life `l`, with a backend's range of ids before it)
/// lets through.
pub(in super::super) async fn load_lives(
    store: &Store,
    on: &mut AnyConnection,
    book: &mut Book,
    ids: Ids,
    filter: &str,
) -> Result<HashMap<LifeNo, AccountStanding>, StoreError> {
    let range = || ids.range().map(Cell::from);
    let wanted = format!("l.id >= ? AND l.id < ? {filter}");
    let mut facts = HashMap::new();
    let mut lives: BTreeMap<LifeNo, Life> = BTreeMap::new();
    let sql = format!("SELECT {} FROM life l WHERE {wanted} ORDER BY l.id", life::LIFE.columns("l"));
    for row in rows(on, store.dialect, &sql, range()).await? {
        let life::Row { no, life, standing } = life::row(&mut Columns::of(&row))?;
        facts.insert(no, standing);
        lives.insert(no, life);
    }
    let mut owner_of: HashMap<HoldingNo, LifeNo> = HashMap::new();
    let sql = format!(
        "SELECT {} FROM holding h JOIN life l ON l.id = h.life WHERE {wanted} ORDER BY h.id",
        holding::HOLDING.columns("h")
    );
    for row in rows(on, store.dialect, &sql, range()).await? {
        let (no, of, from) = holding::row(&mut Columns::of(&row))?;
        owner_of.insert(no, of);
        if let Some(life) = lives.get_mut(&of) {
            life.holdings.push(Holding { no, from, parts: Vec::new() });
        }
    }
    let sql = format!(
        "SELECT {} FROM holding_part p JOIN holding h ON h.id = p.holding JOIN life l ON l.id = h.life
        WHERE {wanted} ORDER BY p.holding, p.part",
        holding::PART.columns("p")
    );
    for row in rows(on, store.dialect, &sql, range()).await? {
        let (no, place, since, owner) = holding::part_row(&mut Columns::of(&row))?;
        if let Some(found) = holding_mut(&mut lives, &owner_of, no) {
            if place != found.parts.len() {
                return Err(StoreError::corrupt(format!("part {place}"), "the next part of a holding"));
            }
            found.parts.push(Part { since, owner, months: LiteMap::new() });
        }
    }
    // Of each meter the newest month: what comes before it is never shown from memory.
    let sql = format!(
        "SELECT {} FROM month_sum m JOIN holding h ON h.id = m.holding JOIN life l ON l.id = h.life
        WHERE {wanted} AND m.month = (SELECT MAX(n.month) FROM month_sum n WHERE n.holding = m.holding
            AND n.part = m.part AND n.meter = m.meter)",
        month_sum::of(crate::domain::Nature::Flow).columns("m")
    );
    for row in rows(on, store.dialect, &sql, range()).await? {
        let ((no, part, _, meter), sum, _) = month_sum::row(&mut Columns::of(&row))?;
        let Some(found) = holding_mut(&mut lives, &owner_of, no) else { continue };
        let Some(part) = found.parts.get_mut(part) else {
            return Err(StoreError::corrupt(
                format!("a month of part {part}"),
                "a part that its holding has",
            ));
        };
        part.months.insert(meter, sum);
    }
    let sql = format!(
        "SELECT {} FROM belief b JOIN life l ON l.id = b.life WHERE {wanted}",
        belief::BELIEF.columns("b")
    );
    for row in rows(on, store.dialect, &sql, range()).await? {
        let (of, meter, series) = belief::row(&mut Columns::of(&row))?;
        if let Some(life) = lives.get_mut(&of) {
            life.series.insert(meter, series);
        }
    }
    for (no, life) in lives {
        if life.holdings.is_empty() || life.holdings.iter().any(|holding| holding.parts.is_empty()) {
            return Err(StoreError::corrupt(&life.name, "a life with a holding and its owner"));
        }
        // Not the one with the highest number: a name may be taken by an account that was there before.
        let known = book.names.get(&life.name).and_then(|known| book.lives.get(known));
        if known.is_none_or(|known| known.nth < life.nth) {
            book.names.insert(life.name.clone(), no);
        }
        book.lives.insert(no, life);
    }
    Ok(facts)
}

fn holding_mut<'l>(
    lives: &'l mut BTreeMap<LifeNo, Life>,
    owner_of: &HashMap<HoldingNo, LifeNo>,
    no: HoldingNo,
) -> Option<&'l mut Holding> {
    let life = lives.get_mut(owner_of.get(&no)?)?;
    // The holding that is wanted is nearly always the newest.
    life.holdings.iter_mut().rev().find(|holding| holding.no == no)
}

impl Loaded {
    /// Whether figures come by a road of which a part was not among those of late. The first of all is none; nor is one
    /// that lacks a part: a server that is down, a page that one account alone does not need.
    pub fn is_new_road(&self, road: &str) -> bool {
        let is_known =
            |part: &str| self.roads.iter().any(|known| known.split(ROAD_PARTS).any(|one| one == part));
        !self.roads.is_empty() && road.split(ROAD_PARTS).any(|part| !part.is_empty() && !is_known(part))
    }

    /// The roads once figures have come by one.
    pub(super) fn roads_with(&self, road: &str) -> Vec<String> {
        let others = self.roads.iter().filter(|known| *known != road).cloned();
        let mut roads: Vec<String> =
            others.chain([road.to_string()]).filter(|road| !road.is_empty()).collect();
        roads.drain(..roads.len().saturating_sub(ROADS_KEPT));
        roads
    }

    /// Since when something may be unread: the last look at all accounts, or the first poll of late that
    /// could not read an account which is still not read.
    pub fn unread_since(&self, now: Timestamp) -> Option<Timestamp> {
        let troubles = self.facts.values().filter_map(|facts| Some(facts.trouble.as_ref()?.1));
        let recent = troubles.filter(|since| now.since(*since) <= LONGEST_ASKED);
        self.book.last_look.into_iter().chain(recent).min().filter(|_| self.book.last_look.is_some())
    }

    /// The accounts we want limited, and those that somebody else may have kept so.
    pub fn limited(&self) -> Vec<AccountName> {
        let limited = |hold: &Hold| hold.wanted == Policy::Limited || hold.left_alone;
        let limited = self.holds.iter().filter(|(_, hold)| limited(hold));
        limited.map(|(name, _)| name.clone()).collect()
    }

    /// What the panel and WHMCS said of an account before, without its series.
    pub fn facts(&self, name: &AccountName) -> Option<&AccountStanding> {
        self.facts.get(self.book.names.get(name)?)
    }

    /// The accounts that are on the panel, as it was last seen; those that are missing among them.
    pub fn present(&self) -> impl Iterator<Item = (&AccountName, &Life, &AccountStanding)> {
        let accounts = self.book.names.iter();
        let known =
            accounts.filter_map(|(name, no)| Some((name, self.book.lives.get(no)?, self.facts.get(no)?)));
        known.filter(|(_, life, _)| life.ended.is_none())
    }

    /// How an account stands, built from memory instead of from the database.
    pub fn standing(&self, name: &AccountName) -> Option<Arc<AccountStanding>> {
        let mut standing = self.facts(name)?.clone();
        standing.take(&self.book, name);
        Some(Arc::new(standing))
    }
}
