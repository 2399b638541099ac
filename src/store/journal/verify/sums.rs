//! What the journal says of days, months, owners and crossings, and what is stored of them.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use super::super::super::sql::Columns;
use super::super::super::sql::{Cell, rows};
use super::super::super::tables::{Ids, crossing, day_point, holding, month_sum};
use super::super::super::{Store, StoreError};
use super::super::body::unpack;
use super::super::crossings::CrossingMap;
use super::super::derived::{Derived, ranges};
use super::super::fold::Head;
use super::super::sums::{MonthSum, MonthSums, sums_of};
use super::super::{ENTRIES_AT_ONCE, JournalEntry};
use super::Difference;
use super::compare::compare;
use crate::domain::{BackendId, HoldingNo, Meter, Month, Nature, Owner, UsageDay};
use crate::metering::{Book, Correction, LifeEvent, OwnerChange};

/// Holdings by their numbers, each with the name of its account.
pub(in super::super) type Holdings = BTreeMap<HoldingNo, String>;

/// Who pays for which days of a holding.
pub(super) type Owners = Vec<(UsageDay, Owner)>;

/// What is known of some holdings: months of what was folded, days of the rest, and who pays.
#[derive(Default)]
pub(in super::super) struct HoldingSums {
    pub months: BTreeMap<(HoldingNo, Meter, Month), MonthSum>,
    pub days: BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>,
    pub(super) owners: HashMap<HoldingNo, Owners>,
    pub(super) crossings: CrossingMap,
}

/// Days and months that were held against the journal.
#[derive(Default)]
pub(super) struct HeldSums {
    pub sums: u64,
    /// Whether something is of holdings that the journal does not know.
    pub has_strangers: bool,
}

/// What is stored of some holdings.
pub(super) struct Stored {
    /// By part of each holding.
    pub months: BTreeMap<(HoldingNo, Meter, Month), BTreeMap<usize, MonthSum>>,
    pub days: BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>,
    pub owners: HashMap<HoldingNo, Owners>,
    pub crossings: CrossingMap,
    /// Days before this one are not kept.
    pub kept_from: UsageDay,
}

impl Store {
    /// Holds days and months, who pays for them, and what is crossed, against the recorded effects of the entries.
    pub(super) async fn verify_sums(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        (ids, kept_from): (Ids, UsageDay),
        folds: &[Head],
        derived: &Derived,
    ) -> Result<Result<HeldSums, Difference>, StoreError> {
        let upto = folds.last().map_or(0, |head| head.upto);
        let believed = self.owners_at(on, backend, upto).await?;
        let crossed = self.crossings_at(on, backend, upto).await?;
        let all: Vec<(HoldingNo, String)> = titles(&derived.book).into_iter().collect();
        let mut held = HeldSums::default();
        for ((from, to), some) in ranges(ids, &all, |(no, _)| ids.holding(*no)) {
            let mut stored = self.stored(on, from, to - 1, kept_from).await?;
            let holdings: Holdings = some.iter().cloned().collect();
            // What is of no holding that the journal knows is named by its row.
            held.has_strangers |= stored.retain(&holdings);
            if holdings.is_empty() {
                continue;
            }
            let mut said = HoldingSums::default();
            for no in holdings.keys() {
                said.owners.extend(believed.get(no).map(|owners| (*no, owners.clone())));
            }
            said.cross(&crossed, &holdings);
            self.said(on, backend, folds, upto, &holdings, &mut said).await?;
            match compare(backend, &holdings, &said, &stored) {
                Ok(found) => held.sums += found,
                Err(difference) => return Ok(Err(*difference)),
            }
        }
        Ok(Ok(held))
    }

    /// Who paid for what after the last entry that was folded.
    async fn owners_at(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
    ) -> Result<HashMap<HoldingNo, Owners>, StoreError> {
        if upto == 0 {
            return Ok(HashMap::new());
        }
        let book = self.folded_book(on, backend, upto).await?;
        let holdings = book.lives.values().flat_map(|life| &life.holdings);
        let parts = holdings
            .map(|one| (one.no, one.parts.iter().map(|part| (part.since, part.owner.clone())).collect()));
        Ok(parts.collect())
    }

    /// What folds and entries say of some holdings.
    pub(in super::super) async fn said(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        folds: &[Head],
        upto: i64,
        of: &Holdings,
        said: &mut HoldingSums,
    ) -> Result<(), StoreError> {
        for head in folds {
            let body = self.fold_part(on, backend, head.upto, "sums").await?;
            let sums: Result<MonthSums, String> = unpack(&body).and_then(sums_of);
            let sums = sums.map_err(|error| StoreError::corrupt(error, "the sums of a fold"))?;
            for (key, sum) in sums.into_iter().filter(|((holding, ..), _)| of.contains_key(holding)) {
                said.months.entry(key).or_default().join(&sum);
            }
        }
        let taken = self.taken_back(on, backend).await?;
        let mut first = upto + 1;
        loop {
            let raw = self.raw_entries(on, backend, first, ENTRIES_AT_ONCE).await?;
            let Some(last) = raw.last().map(|raw| raw.entry) else { return Ok(()) };
            for raw in &raw {
                said.take_in(&raw.entry(&taken)?, of);
            }
            first = last + 1;
        }
    }

    /// What is stored of the holdings with ids from `first` to `last`.
    async fn stored(
        &self,
        on: &mut AnyConnection,
        first: i64,
        last: i64,
        kept_from: UsageDay,
    ) -> Result<Stored, StoreError> {
        let range = || [Cell::from(first), last.into()];
        let (months, days, owners) = (BTreeMap::new(), BTreeMap::new(), HashMap::new());
        let mut stored = Stored { months, days, owners, crossings: CrossingMap::new(), kept_from };
        let columns = day_point::of(Nature::Flow).columns("d");
        let sql = format!("SELECT {columns} FROM day_point d WHERE d.holding >= ? AND d.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, meter, day, change) = day_point::row(&mut Columns::of(&row))?;
            stored.days.entry((holding, meter, day)).or_default().add(day, &change);
        }
        let columns = month_sum::of(Nature::Flow).columns("m");
        let sql = format!("SELECT {columns} FROM month_sum m WHERE m.holding >= ? AND m.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let ((holding, part, month, meter), sum, last_day) = month_sum::row(&mut Columns::of(&row))?;
            let (added, level) = match meter.nature() {
                Nature::Flow => (sum.amount.wide(), None),
                Nature::Level => (0, Some((last_day, sum.amount))),
            };
            let (held, covered) = (sum.held, sum.covered);
            let sum = MonthSum { added, estimated: sum.estimated.wide(), level, held, covered };
            stored.months.entry((holding, meter, month)).or_default().insert(part, sum);
        }
        let columns = holding::PART.columns("p");
        let sql = format!(
            "SELECT {columns} FROM holding_part p WHERE p.holding >= ? AND p.holding <= ?
            ORDER BY p.holding, p.part"
        );
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, part, since, owner) = holding::part_row(&mut Columns::of(&row))?;
            let owners = stored.owners.entry(holding).or_default();
            if part != owners.len() {
                return Err(StoreError::corrupt(format!("part {part}"), "the next part of a holding"));
            }
            owners.push((since, owner));
        }
        let columns = crossing::CROSSING.columns("c");
        let sql = format!("SELECT {columns} FROM crossing c WHERE c.holding >= ? AND c.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, (meter, threshold), crossing) = crossing::row(&mut Columns::of(&row))?;
            stored.crossings.insert((holding, meter, threshold), crossing);
        }
        Ok(stored)
    }
}

/// Every holding there ever was, with its account's name among the lives of that name.
fn titles(book: &Book) -> Holdings {
    let lives = book.lives.iter().flat_map(|(no, life)| {
        let account = life.label(book.names.get(&life.name) == Some(no));
        life.holdings.iter().map(move |holding| (holding.no, account.clone()))
    });
    lives.collect()
}

impl Stored {
    /// Only what is of these; returns whether there was more.
    fn retain(&mut self, of: &Holdings) -> bool {
        let count = |all: &Stored| all.months.len() + all.days.len() + all.owners.len() + all.crossings.len();
        let before = count(self);
        self.months.retain(|(no, ..), _| of.contains_key(no));
        self.days.retain(|(no, ..), _| of.contains_key(no));
        self.owners.retain(|no, _| of.contains_key(no));
        self.crossings.retain(|(no, ..), _| of.contains_key(no));
        count(self) < before
    }
}

impl HoldingSums {
    fn take_in(&mut self, entry: &JournalEntry, of: &Holdings) {
        if entry.taken_back_by.is_some() {
            return;
        }
        for change in &entry.lives {
            if let LifeEvent::Born { holding, .. } = &change.event {
                self.own(*holding, vec![(UsageDay::FIRST, Owner::Unowned)], of);
            }
        }
        for made in &entry.made {
            for ((holding, day), change) in made.days.iter().filter(|((no, _), _)| of.contains_key(no)) {
                self.days.entry((*holding, made.meter, *day)).or_default().add(*day, change);
            }
        }
        if let Some(Correction::Renumbered(renumbering)) = &entry.corrected {
            let owners = self.owners.values_mut().flatten().map(|(_, owner)| owner);
            owners.for_each(|owner| *owner = renumbering.owner(owner));
        }
        self.cross(&entry.crossings, of);
        for change in &entry.owners {
            match change {
                OwnerChange::Opened { holding, owner, .. } => {
                    self.own(*holding, vec![(UsageDay::FIRST, owner.clone())], of);
                }
                OwnerChange::Parted { holding, parts, .. } => {
                    let parts = parts.iter().map(|part| (part.since, part.owner.clone()));
                    self.own(*holding, parts.collect(), of);
                }
            }
        }
    }

    fn cross(&mut self, crossings: &CrossingMap, of: &Holdings) {
        let some = crossings.iter().filter(|((holding, ..), _)| of.contains_key(holding));
        self.crossings.extend(some.map(|(key, crossing)| (*key, *crossing)));
    }

    fn own(&mut self, holding: HoldingNo, owners: Owners, of: &Holdings) {
        if of.contains_key(&holding) {
            self.owners.insert(holding, owners);
        }
    }

    /// What the journal says of whole months: of each its folded sum and its days together.
    pub(super) fn whole_months(&self) -> BTreeMap<(HoldingNo, Meter, Month), MonthSum> {
        let mut months = self.months.clone();
        for ((holding, meter, day), sum) in &self.days {
            months.entry((*holding, *meter, day.month())).or_default().join(sum);
        }
        months
    }
}
