//! From what is to become of owners to what is written: which days of which holdings change hands, and what they
//! hold. Nothing is written here; whoever holds the lease asks before he commits.

use std::collections::BTreeMap;

use super::super::sql::{Cell, Columns, rows};
use super::super::tables::{day_point, month_sum};
use super::super::{Store, StoreError};
use super::load::Loaded;
use crate::domain::{HoldingNo, LifeNo, Meter, Nature, Owner, Timestamp, UsageDay};
use crate::metering::{Book, DayChange, Holding, OwnerChange, Part, Settled, put_on_parts};
use crate::ownership::Intent;

impl Store {
    /// What a poll asked for at `now` changes of owners. `after` is the book with all that the poll settled.
    pub async fn owner_changes(
        &self,
        loaded: &Loaded,
        settled: &Settled,
        after: &Book,
        intents: &BTreeMap<LifeNo, Intent>,
        now: Timestamp,
    ) -> Result<Vec<OwnerChange>, StoreError> {
        let mut changes = Vec::new();
        let mut next = after.next_holding;
        for (no, intent) in intents {
            let Some(life) = after.lives.get(no) else { continue };
            match intent {
                Intent::Keep => {}
                Intent::Open(owner) => {
                    let (life, holding, owner) = (*no, next, owner.clone());
                    changes.push(OwnerChange::Opened { life, holding, from: now, owner });
                    next = next.next();
                }
                Intent::TakeOver { since, owner } => {
                    let parts = self.parted(loaded, settled, life.holding(), *since, owner).await?;
                    changes.push(OwnerChange::Parted { life: *no, holding: life.holding().no, parts });
                }
                Intent::Move { since, owner } => {
                    for holding in &life.holdings {
                        let parts = self.parted(loaded, settled, holding, *since, owner).await?;
                        if parts != holding.parts {
                            changes.push(OwnerChange::Parted { life: *no, holding: holding.no, parts });
                        }
                    }
                }
                Intent::HandOver { from, to } => {
                    for holding in &life.holdings {
                        let hand = |part: &Part| {
                            let owner = if part.owner == *from { to } else { &part.owner };
                            Part { owner: owner.clone(), ..part.clone() }
                        };
                        let parts: Vec<Part> = holding.parts.iter().map(hand).collect();
                        if parts != holding.parts {
                            changes.push(OwnerChange::Parted { life: *no, holding: holding.no, parts });
                        }
                    }
                }
            }
        }
        Ok(changes)
    }

    /// The parts of a holding once the days from `since` on have an owner, with what their newest months hold.
    pub async fn parted(
        &self,
        loaded: &Loaded,
        settled: &Settled,
        holding: &Holding,
        since: UsageDay,
        owner: &Owner,
    ) -> Result<Vec<Part>, StoreError> {
        // Nothing of it lies before: it changes hands as a whole, and no day need be looked at.
        if let [only] = holding.parts.as_slice() {
            let whole = vec![Part { owner: owner.clone(), ..only.clone() }];
            // Ten thousand accounts of a new panel are taken over at once: nothing is asked that is known.
            if since == UsageDay::FIRST {
                return Ok(whole);
            }
            let first = self.first_day(loaded, settled, holding.no).await?;
            if first.is_none_or(|first| since <= first) {
                return Ok(whole);
            }
        }
        let days = self.days_of_holding(loaded, settled, holding.no).await?;
        let days = days.iter().map(|((day, meter), change)| (*meter, *day, change));
        Ok(put_on_parts(holding.parted(since, owner), days))
    }

    async fn first_day(
        &self,
        loaded: &Loaded,
        settled: &Settled,
        no: HoldingNo,
    ) -> Result<Option<UsageDay>, StoreError> {
        let (mut stored, mut summed) = (None, None);
        // Of one that began with this poll nothing is stored.
        if no < loaded.book.next_holding {
            let mut on = self.readers.acquire().await?;
            let sql = "SELECT MIN(day) FROM day_point WHERE holding = ?";
            let found = rows(&mut on, self.dialect, sql, [loaded.ids.holding(no).into()]).await?;
            stored = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_day())?;
            let sql = "SELECT MIN(month) FROM month_sum WHERE holding = ?";
            let found = rows(&mut on, self.dialect, sql, [loaded.ids.holding(no).into()]).await?;
            summed = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_month())?;
        }
        let moved = settled.changes.iter().flat_map(|change| change.days.iter());
        let moved = moved.filter(|((of, _), _)| *of == no).map(|((_, day), _)| *day).min();
        // Days that are not kept any more lie in a month before the first that is.
        let older = summed.filter(|month| stored.is_none_or(|day| *month < day.month()));
        Ok(stored.into_iter().chain(moved).chain(older.map(|month| month.first())).min())
    }

    /// Every day of a holding as it is after a poll, in order. A month of which days are not kept any more is on the
    /// last day that each payer had of it.
    async fn days_of_holding(
        &self,
        loaded: &Loaded,
        settled: &Settled,
        no: HoldingNo,
    ) -> Result<BTreeMap<(UsageDay, Meter), DayChange>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT days_from FROM backend WHERE number = ?";
        let found = rows(&mut on, self.dialect, sql, [loaded.ids.backend.into()]).await?;
        let kept_from = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_day())?;
        let kept_from = kept_from.unwrap_or(UsageDay::FIRST);
        let sql = format!(
            "SELECT {} FROM day_point d WHERE d.holding = ?",
            day_point::of(Nature::Flow).columns("d")
        );
        let mut days = BTreeMap::new();
        for row in rows(&mut on, self.dialect, &sql, [Cell::from(loaded.ids.holding(no))]).await? {
            let (_, meter, day, change) = day_point::row(&mut Columns::of(&row))?;
            if day.month().first() >= kept_from {
                days.insert((day, meter), change);
            }
        }
        let columns = month_sum::of(Nature::Flow).columns("m");
        let sql = format!("SELECT {columns} FROM month_sum m WHERE m.holding = ?");
        for row in rows(&mut on, self.dialect, &sql, [Cell::from(loaded.ids.holding(no))]).await? {
            let ((_, _, month, meter), sum, last_day) = month_sum::row(&mut Columns::of(&row))?;
            if month.first() < kept_from {
                days.insert((last_day, meter), month_sum::change(meter, &sum));
            }
        }
        for change in &settled.changes {
            for ((_, day), added) in change.days.iter().filter(|((of, _), _)| *of == no) {
                let sum: &mut DayChange = days.entry((*day, change.meter)).or_default();
                sum.added += added.added;
                sum.estimated += added.estimated;
                sum.level = added.level.or(sum.level);
                sum.held += added.held;
                sum.covered += added.covered;
            }
        }
        Ok(days)
    }
}
