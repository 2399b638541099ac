//! What is stored of a backend beside its journal, derived from the journal row by row: lives and holdings, beliefs and
//! counters, owners and crossings, days and months. For whoever holds the rows against it, and whoever repairs them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::super::chronicle::{Value, Values, columns, differing, in_words, values};
use super::super::sql::{Cell, Columns, Table, rows};
use super::super::tables::month_sum::Added;
use super::super::tables::{
    Ids, baseline, belief, crossing, day_point, holding, life, month_sum, period_total,
};
use super::super::{Store, StoreError};
use super::crossings::CrossingMap;
use super::fold::Head;
use super::verify::{HoldingSums, Holdings};
use crate::domain::{BackendId, HoldingNo, LifeNo, Meter, Month, Nature, UsageDay};
use crate::metering::{Book, DayChange, Holding, Life, SeriesChange, SettleRules};

/// How many lives or holdings are held against the journal at once: what they made must fit into memory.
const AT_ONCE: usize = 5000;

/// What is believed and crossed after the last entry, by the beliefs of the newest fold and every entry since.
pub(super) struct Derived {
    pub book: Book,
    pub crossings: CrossingMap,
}

/// A stored row that is not as the journal derives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowUnlike {
    pub table: &'static str,
    /// The account it is about, where it is about one.
    pub account: Option<String>,
    /// The columns that are held against the journal, those of the key first, and after them what else a new row needs.
    pub names: Vec<&'static str>,
    /// How many of them are the key.
    pub keys: usize,
    /// How many after the key are held against the journal.
    pub compared: usize,
    pub key: Values,
    /// The rest of what is stored; nothing where there is no such row.
    pub stored: Option<Values>,
    /// The rest as it should be; nothing where there should be no such row.
    pub derived: Option<Values>,
}

/// Rows of one table, derived.
struct Claim {
    table: &'static Table,
    /// How many columns after the key are held against what is stored.
    compared: usize,
    rows: BTreeMap<Values, Values>,
    /// Whether a row that says nothing is as good as none.
    may_be_nothing: bool,
}

/// What the journal knows of a row by its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    /// All of it.
    Row,
    /// What it is, where it is there at all: retention may have taken it away.
    IfThere,
    /// Nothing: it is folded into something larger.
    Nothing,
}

impl Claim {
    fn new(table: &'static Table, compared: usize) -> Claim {
        Claim { table, compared, rows: BTreeMap::new(), may_be_nothing: false }
    }

    fn put(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Values = cells.into_iter().map(|cell| Value::from(&cell)).collect();
        let rest = row.split_off(self.table.keys.len());
        self.rows.insert(row, rest);
    }

    fn is_nothing(&self, rest: &[Value]) -> bool {
        self.may_be_nothing && rest.iter().take(self.compared).all(|value| *value == Value::Int(0))
    }

    /// Holds what is stored against it.
    fn compare(mut self, stored: Vec<Values>, knows: impl Fn(&Values) -> Knows, found: &mut Vec<RowUnlike>) {
        let unlike = |claim: &Claim, key: Values, stored, derived| RowUnlike {
            table: claim.table.name,
            account: None,
            names: columns(claim.table).collect(),
            keys: claim.table.keys.len(),
            compared: claim.compared,
            key,
            stored,
            derived,
        };
        for mut key in stored {
            let rest = key.split_off(self.table.keys.len());
            match self.rows.remove(&key) {
                Some(derived) if derived[..self.compared] == rest[..] => {}
                None if self.is_nothing(&rest) => {}
                derived if knows(&key) != Knows::Nothing => {
                    let one = unlike(&self, key, Some(rest), derived);
                    found.push(one);
                }
                _ => {}
            }
        }
        for (key, derived) in std::mem::take(&mut self.rows) {
            if knows(&key) == Knows::Row && !self.is_nothing(&derived) {
                let one = unlike(&self, key, None, Some(derived));
                found.push(one);
            }
        }
    }
}

impl RowUnlike {
    /// Which row: what is known of it by other means than the number of its life or holding.
    pub fn row(&self) -> String {
        let from = usize::from(self.account.is_some());
        let meter = |value: &Value| match value {
            Value::Int(number) => Meter::ALL.get(usize::try_from(*number).unwrap_or(usize::MAX)),
            _ => None,
        };
        let columns = self.names[from..self.keys].iter().zip(&self.key[from..]);
        let described = columns.map(|(name, value)| match meter(value).filter(|_| *name == "meter") {
            Some(meter) => meter.to_string(),
            None => format!("{name} {value}"),
        });
        described.collect::<Vec<_>>().join(", ")
    }

    /// What is stored, and what the journal says.
    pub fn how(&self) -> String {
        let names = &self.names[self.keys..self.keys + self.compared];
        match (&self.stored, &self.derived) {
            (Some(stored), Some(derived)) => differing(names, stored, derived, "the journal"),
            (None, Some(derived)) => format!("is missing, the journal says {}", in_words(names, derived)),
            (Some(stored), None) => format!("is nowhere in the journal: {}", in_words(names, stored)),
            (None, None) => String::new(),
        }
    }
}

impl Store {
    /// What the journal derives.
    pub(super) async fn derived(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
        rules: &SettleRules,
    ) -> Result<Derived, StoreError> {
        let book = if upto == 0 { Book::default() } else { self.folded_book(on, backend, upto).await? };
        let mut derived = Derived { book, crossings: self.crossings_at(on, backend, upto).await? };
        let mut first = upto + 1;
        while let Some((entries, next)) = self.counting(on, backend, first, i64::MAX).await? {
            first = next;
            for entry in entries {
                entry.take_into(&mut derived.book, rules);
                derived.crossings.extend(entry.crossings);
            }
        }
        Ok(derived)
    }

    /// Every stored row that is not as the journal derives it, those that others hang on first. At most `most`; days
    /// and months only where folds are given.
    pub(super) async fn rows_unlike(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        (ids, version): (Ids, i64),
        derived: &Derived,
        folds: Option<&[Head]>,
        most: usize,
    ) -> Result<Vec<RowUnlike>, StoreError> {
        let mut found = Vec::new();
        self.lives_unlike(on, backend, (ids, version), &derived.book, &mut found).await?;
        if found.len() < most {
            self.holdings_unlike(on, backend, ids, derived, folds, &mut found).await?;
        }
        if found.len() < most {
            let mut counters = Claim::new(&baseline::BASELINE, baseline::BASELINE.rest.len());
            derived.book.counters.iter().for_each(|(key, one)| counters.put(baseline::cells(ids, key, one)));
            let filter = "t.backend = ?";
            let stored = self.rows_of(on, &counters, filter, [ids.backend.into()]).await?;
            counters.compare(stored, |_| Knows::Row, &mut found);
        }
        found.truncate(most);
        name_accounts(&derived.book, &mut found);
        if found.len() < most {
            self.lives_outside(on, backend, ids, &mut found).await?;
        }
        Ok(found)
    }

    /// The columns of a claim, as they are stored.
    async fn rows_of(
        &self,
        on: &mut AnyConnection,
        claim: &Claim,
        filter: &str,
        cells: impl IntoIterator<Item = Cell>,
    ) -> Result<Vec<Values>, StoreError> {
        let Claim { table, compared, .. } = claim;
        let names: Vec<String> =
            columns(table).take(table.keys.len() + compared).map(|name| format!("t.{name}")).collect();
        let sql = format!("SELECT {} FROM {} t WHERE {filter}", names.join(", "), table.name);
        rows(on, self.dialect, &sql, cells).await?.iter().map(values).collect()
    }

    /// Lives under a backend's name whose numbers are none of its own: it has not made them.
    async fn lives_outside(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        ids: Ids,
        found: &mut Vec<RowUnlike>,
    ) -> Result<(), StoreError> {
        let [from, end] = ids.range();
        let sql = "SELECT t.id, t.name FROM life t WHERE t.backend = ? AND (t.id < ? OR t.id >= ?)";
        for row in rows(on, self.dialect, sql, [backend.as_str().into(), from.into(), end.into()]).await? {
            let mut key = values(&row)?;
            let stored = Some(key.split_off(1));
            let (table, names) = (life::DERIVED.name, vec!["id", "name"]);
            let (account, derived) = (None, None);
            found.push(RowUnlike { table, account, names, keys: 1, compared: 1, key, stored, derived });
        }
        Ok(())
    }

    /// Lives, and what is believed of their meters and totals.
    async fn lives_unlike(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        (ids, version): (Ids, i64),
        book: &Book,
        found: &mut Vec<RowUnlike>,
    ) -> Result<(), StoreError> {
        let lives: Vec<(LifeNo, &Life)> = book.lives.iter().map(|(no, life)| (*no, life)).collect();
        for ((from, to), some) in ranges(ids, &lives, |(no, _)| ids.life(*no)) {
            let mut own = Claim::new(&life::DERIVED, life::DERIVED.rest.len() - 1);
            let mut beliefs = Claim::new(&belief::BELIEF, belief::BELIEF.rest.len() - 1);
            let mut totals = Claim::new(&period_total::PERIOD_TOTAL, period_total::PERIOD_TOTAL.rest.len());
            for (no, life) in some {
                own.put(life::derived_cells(ids, backend.as_str(), book, (*no, life), version));
                for (meter, series) in life.series.iter() {
                    beliefs.put(belief::cells(ids, &SeriesChange::unmoved(*no, *meter, series), version));
                    for (key, one) in &series.periods {
                        totals.put(period_total::cells(ids, (*no, *meter), key, one));
                    }
                }
            }
            for claim in [own, beliefs, totals] {
                let filter = format!("t.{} >= ? AND t.{0} < ?", claim.table.keys[0]);
                let stored = self.rows_of(on, &claim, &filter, [from.into(), to.into()]).await?;
                claim.compare(stored, |_| Knows::Row, found);
            }
        }
        Ok(())
    }

    /// Holdings, who pays for them, what is crossed in them, and what their days and months have.
    async fn holdings_unlike(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        ids: Ids,
        derived: &Derived,
        folds: Option<&[Head]>,
        found: &mut Vec<RowUnlike>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT days_from FROM backend WHERE number = ?";
        let kept = rows(on, self.dialect, sql, [ids.backend.into()]).await?;
        let kept_from = kept.first().map_or(Ok(UsageDay::FIRST), |row| Columns::of(row).day())?;
        let lives = derived.book.lives.iter();
        let mut holdings: Vec<(LifeNo, &Holding)> =
            lives.flat_map(|(no, life)| life.holdings.iter().map(|one| (*no, one))).collect();
        holdings.sort_by_key(|(_, one)| one.no);
        for ((from, to), some) in ranges(ids, &holdings, |(_, one)| ids.holding(one.no)) {
            let names: Holdings = some.iter().map(|(_, one)| (one.no, String::new())).collect();
            let mut own = Claim::new(&holding::HOLDING, holding::HOLDING.rest.len());
            let mut parts = Claim::new(&holding::PART, holding::PART.rest.len());
            let mut crossed = Claim::new(&crossing::CROSSING, crossing::CROSSING.rest.len());
            for (life, one) in some {
                own.put(holding::cells(ids, one.no, *life, one.from));
                for (place, part) in one.parts.iter().enumerate() {
                    parts.put(holding::part_cells(ids, one.no, place, part));
                }
            }
            for ((no, meter, threshold), one) in &derived.crossings {
                if names.contains_key(no) {
                    crossed.put(crossing::cells(ids, *no, (*meter, *threshold), one));
                }
            }
            for claim in [own, parts, crossed] {
                let filter = format!("t.{} >= ? AND t.{0} < ?", claim.table.keys[0]);
                let stored = self.rows_of(on, &claim, &filter, [from.into(), to.into()]).await?;
                claim.compare(stored, |_| Knows::Row, found);
            }
            let Some(folds) = folds else { continue };
            let mut said = HoldingSums::default();
            if !names.is_empty() {
                let upto = folds.last().map_or(0, |head| head.upto);
                self.said(on, backend, folds, upto, &names, &mut said).await?;
            }
            let sums = Sums { ids, said: &said, kept_from };
            let filter = "t.holding >= ? AND t.holding < ?";
            let days = sums.days()?;
            let stored = self.rows_of(on, &days, filter, [from.into(), to.into()]).await?;
            days.compare(stored, |key| sums.knows_day(key), found);
            let months = sums.months(some)?;
            let stored = self.rows_of(on, &months, filter, [from.into(), to.into()]).await?;
            let several: BTreeSet<i64> = some
                .iter()
                .filter(|(_, one)| one.parts.len() > 1)
                .map(|(_, one)| ids.holding(one.no))
                .collect();
            months.compare(stored, |key| sums.knows_month(key, &several), found);
        }
        Ok(())
    }
}

/// Days and months as the journal has them.
struct Sums<'s> {
    ids: Ids,
    said: &'s HoldingSums,
    kept_from: UsageDay,
}

impl Sums<'_> {
    fn days(&self) -> Result<Claim, StoreError> {
        let mut claim = Claim::new(&day_point::FLOWS, day_point::FLOWS.rest.len());
        claim.may_be_nothing = true;
        for ((no, meter, day), sum) in &self.said.days {
            claim.put(day_point::cells(self.ids, *no, *meter, *day, &change(*meter, sum))?);
        }
        Ok(claim)
    }

    fn months(&self, holdings: &[(LifeNo, &Holding)]) -> Result<Claim, StoreError> {
        let table = &month_sum::FLOWS;
        let mut claim = Claim::new(table, table.rest.len() - 1);
        claim.may_be_nothing = true;
        let parts: BTreeMap<HoldingNo, &Holding> = holdings.iter().map(|(_, one)| (one.no, *one)).collect();
        let mut added: BTreeMap<month_sum::Key, Added> = BTreeMap::new();
        for ((no, meter, month), sum) in &self.said.months {
            let last_day = sum.level.map_or(month.next().first().minus_days(1), |(day, _)| day);
            let key = (*no, 0, *month, *meter);
            added.entry(key).or_insert_with(|| Added::new(last_day)).add(last_day, &change(*meter, sum));
        }
        for ((no, meter, day), sum) in &self.said.days {
            let is_whole = self.is_whole(*no, *meter, day.month());
            let part = parts.get(no).filter(|_| is_whole).map_or(0, |one| one.part_of(*day));
            let key = (*no, part, day.month(), *meter);
            added.entry(key).or_insert_with(|| Added::new(*day)).add(*day, &change(*meter, sum));
        }
        for (key, one) in &added {
            claim.put(month_sum::cells(self.ids, *key, one)?);
        }
        Ok(claim)
    }

    /// Whether every day of a month is known and kept.
    fn is_whole(&self, no: HoldingNo, meter: Meter, month: Month) -> bool {
        month.first() >= self.kept_from && !self.said.months.contains_key(&(no, meter, month))
    }

    fn knows_day(&self, key: &Values) -> Knows {
        match self.place(key, 2) {
            Some((no, meter, day)) => {
                let Ok(day) = UsageDay::from_number(day) else { return Knows::Row };
                match self.said.months.contains_key(&(no, meter, day.month())) {
                    true => Knows::Nothing,
                    false if day < self.kept_from => Knows::IfThere,
                    false => Knows::Row,
                }
            }
            None => Knows::Row,
        }
    }

    /// What each of several payers has of a month whose days are not known is not known.
    fn knows_month(&self, key: &Values, several: &BTreeSet<i64>) -> Knows {
        let [Value::Int(holding), _, month, meter] = &key[..] else { return Knows::Row };
        let place = self.place(&vec![Value::Int(*holding), meter.clone(), month.clone()], 2);
        match place.and_then(|(no, meter, month)| Some((no, meter, Month::from_number(month).ok()?))) {
            Some((no, meter, month)) if several.contains(holding) && !self.is_whole(no, meter, month) => {
                Knows::Nothing
            }
            _ => Knows::Row,
        }
    }

    /// Holding, meter and the number of a day or a month, where they are any.
    fn place(&self, key: &Values, at: usize) -> Option<(HoldingNo, Meter, i32)> {
        let number = |value: &Value| match value {
            Value::Int(number) => Some(*number),
            _ => None,
        };
        let holding = Ids::holding_no(number(&key[0])?).ok()?;
        let meter = *Meter::ALL.get(usize::try_from(number(&key[1])?).ok()?)?;
        Some((holding, meter, i32::try_from(number(&key[at])?).ok()?))
    }
}

/// A sum as what its row holds.
fn change(meter: Meter, sum: &super::MonthSum) -> DayChange {
    let level = sum.level.map(|(_, level)| level).filter(|_| meter.nature() == Nature::Level);
    DayChange { added: sum.added, estimated: sum.estimated, level, held: sum.held, covered: sum.covered }
}

/// A backend's ids in ranges that leave none out, each with those of its members that lie in it.
pub(super) fn ranges<T>(ids: Ids, members: &[T], id: impl Fn(&T) -> i64) -> Vec<((i64, i64), &[T])> {
    let [mut from, end] = ids.range();
    let mut ranges = Vec::new();
    for some in members.chunks(AT_ONCE) {
        let next = some.last().map_or(from, |last| id(last) + 1);
        ranges.push(((from, next), some));
        from = next;
    }
    // Whatever else is there is unowned.
    ranges.push(((from, end), &members[members.len()..]));
    ranges
}

/// Says whom each row is about.
fn name_accounts(book: &Book, found: &mut [RowUnlike]) {
    let mut holders: BTreeMap<HoldingNo, LifeNo> = BTreeMap::new();
    if !found.is_empty() {
        let lives = book.lives.iter();
        holders.extend(lives.flat_map(|(no, life)| life.holdings.iter().map(|one| (one.no, *no))));
    }
    for one in found {
        let Value::Int(id) = one.key[0] else { continue };
        let life = match one.table {
            "life" | "belief" | "period_total" => Ids::life_no(id).ok(),
            "baseline" => match one.derived.as_ref().or(one.stored.as_ref()).and_then(|rest| rest.first()) {
                Some(Value::Int(holder)) => Ids::life_no(*holder).ok(),
                _ => None,
            },
            _ => Ids::holding_no(id).ok().and_then(|no| holders.get(&no).copied()),
        };
        let life = life.and_then(|no| Some((no, book.lives.get(&no)?)));
        one.account = life.map(|(no, life)| life.label(book.names.get(&life.name) == Some(&no)));
    }
}
