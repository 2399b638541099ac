//! Whether the months that are about to be changed are as they are believed to be. Bytes are added to what stands in
//! the table; had somebody else changed it, the sum would be wrong from then on, and reported.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::super::sql::{Cell, Columns, rows};
use super::super::tables::{Ids, month_sum};
use super::super::{Store, StoreError};
use super::load::Loaded;
use crate::domain::{BackendId, ByteMinutes, HoldingNo, Meter, Month, Nature, UsageDay};
use crate::metering::{Book, MonthToDate, SeriesChange};

/// Bytes, and time held.
type Sum = (i64, ByteMinutes);

/// What is believed of months before a commit changes them. Of a month older than the newest nothing is.
pub(super) type Believed = BTreeMap<month_sum::Key, MonthToDate>;

/// Notes what is believed of the months that a series adds to.
pub(super) fn believe(believed: &mut Believed, loaded: &Loaded, change: &SeriesChange) {
    let life = loaded.book.lives.get(&change.life);
    for ((no, day), _) in change.days.iter() {
        let found = life.and_then(|life| life.holdings.iter().rev().find(|holding| holding.no == *no));
        let (place, month) = (found.map_or(0, |holding| holding.part_of(*day)), day.month());
        let newest = found.and_then(|found| found.parts[place].months.get(&change.meter));
        let expected = match newest {
            Some(newest) if newest.month > month => continue,
            Some(newest) if newest.month == month => *newest,
            _ => MonthToDate::new(month),
        };
        believed.insert((*no, place, month, change.meter), expected);
    }
}

/// How many holdings are asked for at once: few sizes, so that each connection prepares few statements.
const HOLDINGS_AT_ONCE: [usize; 3] = [8, 64, 512];

impl Store {
    /// Reads the months that are about to be changed, and refuses the commit where one of them is not what is believed.
    pub(super) async fn months_are_as_believed(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &Loaded,
        believed: &Believed,
    ) -> Result<(), StoreError> {
        let mut asked: BTreeMap<Month, BTreeSet<HoldingNo>> = BTreeMap::new();
        for (holding, _, month, _) in believed.keys() {
            asked.entry(*month).or_default().insert(*holding);
        }
        let mut stored = Believed::new();
        for (month, holdings) in asked {
            let holdings: Vec<HoldingNo> = holdings.into_iter().collect();
            for some in holdings.chunks(HOLDINGS_AT_ONCE[2]) {
                self.months_of(on, loaded.ids, month, some, &mut stored).await?;
            }
        }
        for (key @ (holding, _, month, meter), expected) in believed {
            let found = stored.get(key).copied().unwrap_or(MonthToDate::new(*month));
            if found != *expected {
                return Err(StoreError::OtherMonth {
                    backend: backend.to_string(),
                    account: account_of(&loaded.book, *holding),
                    meter: *meter,
                    month: *month,
                    stored: words(&found),
                    believed: format!("was {} when it was written last", words(expected)),
                });
            }
        }
        Ok(())
    }

    async fn months_of(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        month: Month,
        holdings: &[HoldingNo],
        found: &mut Believed,
    ) -> Result<(), StoreError> {
        let most = HOLDINGS_AT_ONCE.into_iter().find(|most| *most >= holdings.len());
        let count = most.unwrap_or(holdings.len());
        // By holding: the sum keeps databases from looking through the month of every backend instead.
        let sql = format!(
            "SELECT {} FROM month_sum m WHERE m.month + 0 = ? AND m.holding IN ({}?)",
            month_sum::of(Nature::Flow).columns("m"),
            "?, ".repeat(count - 1)
        );
        let of = holdings.iter().chain(std::iter::repeat(&holdings[0])).take(count);
        let cells = std::iter::once(month.into()).chain(of.map(|no| Cell::from(ids.holding(*no))));
        for row in rows(on, self.dialect, &sql, cells).await? {
            let (key, sum, _) = month_sum::row(&mut Columns::of(&row))?;
            found.insert(key, sum);
        }
        Ok(())
    }

    /// The months, of the newest and the one before, which is carried by, whose sum is not that of their days: of a
    /// book that was read and not kept nothing else is known to compare. Of flows their bytes, of levels the time
    /// held. `filter` is a condition on the life `l`.
    pub(in super::super) async fn months_unlike_days(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        filter: &str,
    ) -> Result<Vec<Unlike>, StoreError> {
        let [first, end] = ids.range();
        let sql = "SELECT m.month FROM month_sum m WHERE m.holding >= ? AND m.holding < ?
            ORDER BY m.month DESC LIMIT 1";
        let found = rows(on, self.dialect, sql, [first.into(), end.into()]).await?;
        let Some(newest) = found.first().map(|row| Columns::of(row).month()).transpose()? else {
            return Ok(Vec::new());
        };
        let sql = "SELECT days_from FROM backend WHERE number = ?";
        let kept = rows(on, self.dialect, sql, [ids.backend.into()]).await?;
        let kept_from = kept.first().map_or(Ok(UsageDay::FIRST), |row| Columns::of(row).day())?;
        let mut unlike = Vec::new();
        for month in [newest, newest.before()].into_iter().filter(|month| kept_from <= month.first()) {
            self.month_unlike_days(on, ids, month, filter, &mut unlike).await?;
        }
        Ok(unlike)
    }

    async fn month_unlike_days(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        month: Month,
        filter: &str,
        unlike: &mut Vec<Unlike>,
    ) -> Result<(), StoreError> {
        let [first, end] = ids.range();
        let sums = |of: &str| {
            let columns = ["amount", "held_peta", "held_rest"].map(|column| {
                let sum = format!("SUM({of}.{column})");
                self.dialect.whole(&sum)
            });
            columns.join(", ")
        };
        let of_lives = format!(
            "JOIN holding h ON h.id = m.holding JOIN life l ON l.id = h.life
            WHERE m.month = ? AND m.holding >= ? AND m.holding < ? {filter}"
        );
        let mut months: BTreeMap<(HoldingNo, Meter), Sum> = BTreeMap::new();
        let sql = format!(
            "SELECT m.holding, m.meter, {} FROM month_sum m {of_lives} GROUP BY m.holding, m.meter",
            sums("m")
        );
        for row in rows(on, self.dialect, &sql, [month.into(), first.into(), end.into()]).await? {
            let (key, sum) = summed(&mut Columns::of(&row))?;
            months.insert(key, sum);
        }
        // By way of the month's own rows: days are found by their holding, not by their date.
        let sql = format!(
            "SELECT d.holding, d.meter, {} FROM (SELECT DISTINCT m.holding AS holding, m.meter AS meter
                FROM month_sum m {of_lives}) s
            JOIN day_point d ON d.holding = s.holding AND d.meter = s.meter AND d.day >= ? AND d.day < ?
            GROUP BY d.holding, d.meter",
            sums("d")
        );
        let (period, mut days) = (month.period(), BTreeMap::new());
        let cells: [Cell; 5] =
            [month.into(), first.into(), end.into(), period.first().into(), period.next().into()];
        for row in rows(on, self.dialect, &sql, cells).await? {
            let (key, sum) = summed(&mut Columns::of(&row))?;
            days.insert(key, sum);
        }
        let nothing = (0, ByteMinutes::ZERO);
        for ((holding, meter), stored) in months {
            let by_days = days.get(&(holding, meter)).copied().unwrap_or(nothing);
            // Levels are not summed: they mean nothing together.
            let bytes = |amount| if meter.nature() == Nature::Flow { amount } else { 0 };
            let same = (bytes(stored.0), stored.1) == (bytes(by_days.0), by_days.1);
            if !same {
                unlike.push(Unlike { holding, meter, month, stored, days: by_days });
            }
        }
        Ok(())
    }
}

/// A month whose sum is not that of its days: bytes, and time held, of both.
pub(in super::super) struct Unlike {
    pub holding: HoldingNo,
    pub meter: Meter,
    month: Month,
    stored: Sum,
    days: Sum,
}

impl Unlike {
    /// As the error that it is.
    pub fn error(&self, backend: &BackendId, book: &Book) -> StoreError {
        let described = |(bytes, held): Sum| match self.meter.nature() {
            Nature::Flow => format!("{bytes} B"),
            Nature::Level => format!("{} byte-minutes", held.get()),
        };
        StoreError::OtherMonth {
            backend: backend.to_string(),
            account: account_of(book, self.holding),
            meter: self.meter,
            month: self.month,
            stored: described(self.stored),
            believed: format!("its days sum to {}", described(self.days)),
        }
    }
}

fn summed(columns: &mut Columns<'_>) -> Result<((HoldingNo, Meter), Sum), StoreError> {
    let key = (Ids::holding_no(columns.int()?)?, columns.meter()?);
    Ok((key, (columns.int()?, columns.held()?)))
}

fn account_of(book: &Book, holding: HoldingNo) -> String {
    let life = book.holding(holding).and_then(|(no, _)| Some((no, book.lives.get(&no)?)));
    life.map_or(format!("holding {holding}"), |(no, life)| {
        life.label(book.names.get(&life.name) == Some(&no))
    })
}

fn words(sum: &MonthToDate) -> String {
    let MonthToDate { amount, estimated, held, covered, .. } = sum;
    let (amount, estimated, held, covered) = (amount.get(), estimated.get(), held.get(), covered.get());
    format!("{amount} B ({estimated} estimated), {held} byte-minutes over {covered} min")
}
