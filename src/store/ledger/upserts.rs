//! Puts what a poll changed into its tables: lives, holdings, beliefs, days and months. Works inside the
//! commit's transaction and never on its own. Each part is a span of its own, so that its cost can be reported.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use tracing::instrument;

use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table, rows, run};
use super::super::tables::month_sum::Added;
use super::super::tables::{Ids, baseline, belief, day_point, holding, life, month_sum, period_total};
use super::super::write::Write;
use super::super::{Lease, Store, StoreError};
use super::believed::{Believed, believe};
use super::load::Loaded;
use crate::domain::{Harvest, HoldingNo, LifeNo, Meter, Month, Nature, Owner, Timestamp, UsageDay};
use crate::metering::{Book, Holding, LifeEvent, OwnerChange, Part, SeriesChange, Settled};
use crate::standing::AccountStanding;

const ESTIMATE: Table = Table {
    name: "estimate",
    keys: &["life", "meter", "starts"],
    rest: &[("ends", Replace), ("about", Replace)],
};

const PANEL_CHARGE: Table = Table {
    name: "panel_charge",
    keys: &["life", "starts"],
    rest: &[("ends", Replace), ("reckoned_at", Replace), ("amount", Replace), ("currency", Replace)],
};

impl Store {
    /// Gives out `count` numbers; returns the first.
    pub(in super::super) async fn allot(
        &self,
        on: &mut AnyConnection,
        name: &str,
        count: usize,
    ) -> Result<i64, StoreError> {
        let count = count as i64;
        run(on, self.dialect, "UPDATE allot SET next = next + ? WHERE name = ?", [count.into(), name.into()])
            .await?;
        let found = rows(on, self.dialect, "SELECT next FROM allot WHERE name = ?", [name.into()]).await?;
        let row = found.first().ok_or_else(|| StoreError::corrupt("nothing", "a row of allot"))?;
        Ok(Columns::of(row).int()? - count)
    }

    /// Names that accounts leave are free before others take them: in one list two may change theirs.
    pub(super) async fn leave_names(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        settled: &Settled,
    ) -> Result<(), StoreError> {
        for change in &settled.lives {
            if let LifeEvent::Renamed(_) = &change.event {
                // Where it comes to lie among the lives of its new name is written with the rest of it.
                let sql = "UPDATE life SET nth = -nth WHERE id = ?";
                run(on, self.dialect, sql, [ids.life(change.life).into()]).await?;
            }
        }
        Ok(())
    }

    #[instrument(level = "trace", name = "lives", skip_all)]
    pub(super) async fn put_lives(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        ids: Ids,
        after: &Book,
        lives: &BTreeMap<LifeNo, AccountStanding>,
        version: i64,
    ) -> Result<(), StoreError> {
        let backend = lease.backend.as_str();
        let cells = lives.iter().map(|(no, account)| life::cells(ids, backend, after, *no, account, version));
        life::LIFE.put_made(on, self.dialect, Box::new(cells)).await.map(drop)
    }

    /// New holdings, each with its one owner.
    #[instrument(level = "trace", name = "holdings", skip_all)]
    pub(super) async fn put_holdings(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        settled: &Settled,
    ) -> Result<(), StoreError> {
        let born = settled.lives.iter().filter_map(|change| match &change.event {
            LifeEvent::Born { holding, .. } => {
                Some((change.life, Holding::new(*holding, Timestamp::EPOCH, Owner::Unowned)))
            }
            _ => None,
        });
        let opened = settled.owners.iter().filter_map(|change| match change {
            OwnerChange::Opened { life, holding, from, owner } => {
                Some((*life, Holding::new(*holding, *from, owner.clone())))
            }
            OwnerChange::Parted { .. } => None,
        });
        let new: Vec<(LifeNo, Holding)> = born.chain(opened).collect();
        let cells = new.iter().map(|(life, one)| holding::cells(loaded.ids, one.no, *life, one.from));
        holding::HOLDING.put(on, self.dialect, cells.collect::<Vec<_>>()).await?;
        let parts = new.iter().map(|(_, one)| holding::part_cells(loaded.ids, one.no, 0, &one.parts[0]));
        holding::PART.put(on, self.dialect, parts.collect::<Vec<_>>()).await
    }

    #[instrument(level = "trace", name = "beliefs", skip_all)]
    pub(super) async fn put_beliefs(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        settled: &Settled,
        after: &Book,
        version: i64,
    ) -> Result<(), StoreError> {
        let unread = changed_unread(settled, after);
        let changes = settled.changes.iter().chain(&unread);
        let beliefs = changes.map(|change| Ok(belief::cells(ids, change, version)));
        belief::BELIEF.put_made(on, self.dialect, Box::new(beliefs)).await?;
        let baselines = settled.counters.iter().map(|(key, one)| Ok(baseline::cells(ids, key, one)));
        baseline::BASELINE.put_made(on, self.dialect, Box::new(baselines)).await?;
        for change in &settled.changes {
            // What lies in a folded span and has just changed is written below.
            for (source, span) in &change.folded {
                let sql =
                    "DELETE FROM period_total WHERE life = ? AND meter = ? AND source = ? AND starts >= ?
                    AND ends <= ?";
                let life = ids.life(change.life).into();
                let (start, end) = (span.start().into(), span.end().into());
                run(on, self.dialect, sql, [life, change.meter.into(), source.as_str().into(), start, end])
                    .await?;
            }
        }
        let periods = settled.changes.iter().flat_map(|change| {
            let of = (change.life, change.meter);
            let periods = change.periods.iter();
            periods.map(move |(key, belief)| Ok(period_total::cells(ids, of, key, belief)))
        });
        period_total::PERIOD_TOTAL.put_made(on, self.dialect, Box::new(periods)).await?;
        Ok(())
    }

    /// Days, and the months they sum to.
    #[instrument(level = "trace", name = "days", skip_all)]
    pub(super) async fn put_days(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        loaded: &Loaded,
        settled: &Settled,
    ) -> Result<usize, StoreError> {
        let ids = loaded.ids;
        let mut count = 0;
        let mut believed = Believed::new();
        settled.changes.iter().for_each(|change| believe(&mut believed, loaded, change));
        self.months_are_as_believed(on, &lease.backend, loaded, &believed).await?;
        for nature in [Nature::Flow, Nature::Level] {
            let of = |change: &&SeriesChange| change.meter.nature() == nature;
            let days = settled.changes.iter().filter(of).flat_map(|change| {
                let days = change.days.iter();
                days.map(|((holding, day), part)| day_point::cells(ids, *holding, change.meter, *day, part))
            });
            count += day_point::of(nature).put_made(on, self.dialect, Box::new(days)).await?;
            let mut months: BTreeMap<month_sum::Key, Added> = BTreeMap::new();
            for change in settled.changes.iter().filter(of) {
                add_to_months(&mut months, loaded, change);
            }
            let cells = months.iter().map(|(key, added)| month_sum::cells(ids, *key, added));
            month_sum::of(nature).put_made(on, self.dialect, Box::new(cells)).await?;
        }
        Ok(count)
    }

    /// Holdings whose days are shared out anew.
    #[instrument(level = "trace", name = "parts", skip_all)]
    pub(super) async fn put_parts(
        &self,
        on: &mut Write,
        loaded: &Loaded,
        settled: &Settled,
    ) -> Result<(), StoreError> {
        let mut handed: BTreeSet<(Owner, Owner)> = BTreeSet::new();
        let mut gained: BTreeSet<i64> = BTreeSet::new();
        for change in &settled.owners {
            let (life, no, parts) = match change {
                OwnerChange::Parted { life, holding, parts } => (life, holding, parts),
                OwnerChange::Opened { owner, .. } => {
                    gained.extend(owner.service());
                    continue;
                }
            };
            let cells = parts.iter().enumerate();
            let cells = cells.map(|(place, part)| holding::part_cells(loaded.ids, *no, place, part));
            holding::PART.put(on, self.dialect, cells.collect::<Vec<_>>()).await?;
            let sql = "DELETE FROM holding_part WHERE holding = ? AND part >= ?";
            let gone = [loaded.ids.holding(*no).into(), (parts.len() as i64).into()];
            run(on, self.dialect, sql, gone).await?;
            // A holding that begins with this commit has had one part so far.
            let holdings = loaded.book.lives.get(life).into_iter().flat_map(|life| &life.holdings);
            let known = holdings.into_iter().find(|one| one.no == *no).map(|one| one.parts.as_slice());
            let before = known.unwrap_or_default();
            let was_cut: Vec<UsageDay> = match known {
                Some(parts) => parts.iter().map(|part| part.since).collect(),
                None => vec![UsageDay::FIRST],
            };
            if !parts.iter().map(|part| part.since).eq(was_cut) {
                self.sum_again(on, loaded.ids, *no, parts).await?;
            }
            gained.extend(parts.iter().filter_map(|part| part.owner.service()));
            for (one, other) in before.iter().zip(parts) {
                if matches!((&one.owner, &other.owner), (Owner::Name { .. }, Owner::Service(_))) {
                    handed.insert((one.owner.clone(), other.owner.clone()));
                }
            }
        }
        if !gained.is_empty() {
            handed.extend(self.reported_by_name(on, &gained).await?);
        }
        for (from, to) in handed {
            self.hand_reported(on, &from, &to).await?;
        }
        Ok(())
    }

    /// Sums the months of a holding again by the parts its days belong to now. Of a month of which days are not
    /// kept any more each piece stays whole, with whoever has its last day.
    pub(super) async fn sum_again(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        no: HoldingNo,
        parts: &[Part],
    ) -> Result<(), StoreError> {
        let part_of = |day: UsageDay| parts.iter().rposition(|part| part.since <= day).unwrap_or(0);
        let whole = || [Cell::from(ids.holding(no))];
        let mut kept: BTreeMap<(Month, Meter), BTreeMap<usize, Added>> = BTreeMap::new();
        let columns = month_sum::of(Nature::Flow).columns("m");
        let sql = format!("SELECT {columns} FROM month_sum m WHERE m.holding = ? ORDER BY m.month, m.part");
        for row in rows(on, self.dialect, &sql, whole()).await? {
            let ((_, _, month, meter), sum, last_day) = month_sum::row(&mut Columns::of(&row))?;
            let change = month_sum::change(meter, &sum);
            let parts = kept.entry((month, meter)).or_default();
            parts.entry(part_of(last_day)).or_insert_with(|| Added::new(last_day)).add(last_day, &change);
        }
        let sql = "SELECT days_from FROM backend WHERE number = ?";
        let found = rows(on, self.dialect, sql, [ids.backend.into()]).await?;
        let kept_from = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_day())?;
        let mut by_days: BTreeMap<(Month, Meter), BTreeMap<usize, Added>> = BTreeMap::new();
        let columns = day_point::of(Nature::Flow).columns("d");
        let sql = format!("SELECT {columns} FROM day_point d WHERE d.holding = ? ORDER BY d.day");
        for row in rows(on, self.dialect, &sql, whole()).await? {
            let (_, meter, day, change) = day_point::row(&mut Columns::of(&row))?;
            let parts = by_days.entry((day.month(), meter)).or_default();
            parts.entry(part_of(day)).or_insert_with(|| Added::new(day)).add(day, &change);
        }
        run(on, self.dialect, "DELETE FROM month_sum WHERE holding = ?", whole()).await?;
        for ((month, meter), pieces) in kept {
            let parts = by_days.remove(&(month, meter)).unwrap_or_default();
            let is_whole = kept_from.is_none_or(|from| month.first() >= from) && !parts.is_empty();
            let parts = if is_whole { parts } else { pieces };
            let cells =
                parts.iter().map(|(part, added)| month_sum::cells(ids, (no, *part, month, meter), added));
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            month_sum::of(meter.nature()).put(on, self.dialect, cells).await?;
        }
        Ok(())
    }

    /// Estimates of accounts we know; those of others say nothing anybody could ask for.
    #[instrument(level = "trace", name = "estimates", skip_all)]
    pub(super) async fn put_estimates(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        harvest: &Harvest,
        after: &Book,
    ) -> Result<(), StoreError> {
        let mut cells = BTreeMap::new();
        for (account, harvested) in harvest.accounts() {
            let Some(no) = after.names.get(account) else { continue };
            for (meter, estimate) in &harvested.estimates {
                let (starts, ends) = (estimate.span.start(), estimate.span.end());
                let key = (ids.life(*no), *meter, starts);
                let row: [Cell; 5] =
                    [key.0.into(), (*meter).into(), starts.into(), ends.into(), estimate.about.into()];
                cells.insert(key, row);
            }
        }
        ESTIMATE.put(on, self.dialect, cells.into_values().collect()).await
    }

    /// What the panel itself would bill of accounts we know.
    #[instrument(level = "trace", name = "charges", skip_all)]
    pub(super) async fn put_charges(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        harvest: &Harvest,
        after: &Book,
    ) -> Result<(), StoreError> {
        let mut cells = BTreeMap::new();
        for (account, harvested) in harvest.accounts() {
            let Some(no) = after.names.get(account) else { continue };
            for charge in &harvested.charges {
                let (life, starts, ends) = (ids.life(*no), charge.span.start(), charge.span.end());
                let (amount, currency) = (charge.amount().to_string(), charge.currency().to_string());
                let row: [Cell; 6] = [
                    life.into(),
                    starts.into(),
                    ends.into(),
                    charge.at.into(),
                    amount.into(),
                    currency.into(),
                ];
                cells.insert((life, starts), row);
            }
        }
        PANEL_CHARGE.put(on, self.dialect, cells.into_values().collect()).await
    }
}

/// Series that were not read, and are believed to be otherwise all the same: a new life goes on with the totals that
/// its name has shown, and what one that is back held meanwhile is not known.
fn changed_unread(settled: &Settled, after: &Book) -> Vec<SeriesChange> {
    let read = |life, meter| {
        settled.changes.binary_search_by_key(&(life, meter), |one| (one.life, one.meter)).is_ok()
    };
    let lives = settled.lives.iter();
    let lives = lives.filter(|one| matches!(one.event, LifeEvent::Born { .. } | LifeEvent::Back));
    let lives: BTreeSet<LifeNo> = lives.map(|one| one.life).collect();
    let mut unread = Vec::new();
    for no in lives {
        for (meter, series) in after.lives.get(&no).into_iter().flat_map(|life| life.series.iter()) {
            if !read(no, *meter) {
                unread.push(SeriesChange::unmoved(no, *meter, series));
            }
        }
    }
    unread
}

/// What a series adds to the months of the parts that its days belong to.
fn add_to_months(months: &mut BTreeMap<month_sum::Key, Added>, loaded: &Loaded, change: &SeriesChange) {
    let life = loaded.book.lives.get(&change.life);
    for ((no, day), added) in change.days.iter() {
        let found = life.and_then(|life| life.holdings.iter().rev().find(|holding| holding.no == *no));
        let part = found.map_or(0, |holding| holding.part_of(*day));
        let key = (*no, part, day.month(), change.meter);
        months.entry(key).or_insert_with(|| Added::new(*day)).add(*day, added);
    }
}
