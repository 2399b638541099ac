//! Writes that a journal is taken back: lives, owners, beliefs, days and months as they were, in one transaction with
//! the entry that says so. The only place where anything of the ledger is taken away again.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::super::audit::BackendAct;
use super::super::journal::{CrossingMap, Unwound, append, rewound_body};
use super::super::sql::{Cell, Columns, rows, run};
use super::super::tables::month_sum::Added;
use super::super::tables::{Ids, baseline, belief, day_point, holding, month_sum, period_total};
use super::super::write::Write;
use super::super::{Lease, Store, StoreError};
use super::load::Loaded;
use super::withdraw::Withdrawn;
use crate::domain::{AccountName, HoldingNo, LifeNo, Meter, Minutes, Month, Nature, Timestamp, UsageDay};
use crate::metering::{Book, DayChange, Holding, Life, Rewind, SeriesChange};
use crate::standing::AccountStanding;

impl Store {
    /// Takes a journal back under the lease; `unwound` is what that means for what is `loaded`, which is what was
    /// believed then afterwards.
    pub async fn commit_rewind(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        unwound: &Unwound,
        rewind: &Rewind,
        at: Timestamp,
    ) -> Result<Withdrawn, StoreError> {
        let (ids, then, version) = (loaded.ids, &unwound.then, loaded.version + 1);
        let mut tx = self.begin_write_at(at).await?;
        let last = self.claim_version(&mut tx, lease, loaded.version).await?;
        self.drop_later(&mut tx, ids, &loaded.book, then).await?;
        self.put_lives_back(&mut tx, lease, loaded, then, version).await?;
        self.put_parts_back(&mut tx, ids, &loaded.book, then).await?;
        self.put_beliefs_back(&mut tx, ids, then, version).await?;
        self.put_days_back(&mut tx, ids, unwound).await?;
        for (_, one) in recut(&loaded.book, then) {
            self.sum_again(&mut tx, ids, one.no, &one.parts).await?;
        }
        // What people were notified is crossed, or is not any more, stays: the next poll finds what has changed, and
        // reports it.
        let promised = self.withdraw(&mut tx, lease, rewind, (last.0 + 1, at)).await?;
        let crossings = (&crossings_now(loaded, unwound), &unwound.crossings);
        let others = self.put_crossings_back(&mut tx, ids, crossings, &promised).await?;
        let body = rewound_body(rewind, then.last_look, &unwound.kept, &others)?;
        let chain = append(self, &mut tx, lease, (last.0, &last.1), at, &body, Some(rewind.to)).await?;
        let doubt = then.list_doubt;
        let sql = "UPDATE backend SET version = ?, last_look = ?, next_life = ?, next_holding = ?, entries = ?, chain = ?,
            list_doubt_at = ?, list_missing = ?, list_of = ?, list_accepted = ?, rewound_at = ?, rewound_version = ?
            WHERE name = ?";
        let cells = [
            version.into(),
            then.last_look.into(),
            i64::from(then.next_life.get()).into(),
            i64::from(then.next_holding.get()).into(),
            (last.0 + 1).into(),
            chain.as_str().into(),
            doubt.map(|doubt| doubt.since).into(),
            doubt.map(|doubt| i64::from(doubt.missing)).into(),
            doubt.map(|doubt| i64::from(doubt.of)).into(),
            doubt.map(|doubt| doubt.accepted).into(),
            at.into(),
            version.into(),
            lease.backend.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        let act = BackendAct {
            at,
            actor: &rewind.author,
            backend: &lease.backend,
            action: "rewind",
            before: Some(format!("entry {}", last.0)),
            after: Some(format!("entry {}", rewind.to)),
            why: &rewind.reason,
        };
        self.put_backend_act(&mut tx, &act).await?;
        tx.commit().await?;
        *loaded = self.load(&lease.backend, None).await?;
        self.forget_standing(&lease.backend);
        Ok(Withdrawn::of(&promised))
    }

    /// Takes away what was first seen, or first held, since.
    async fn drop_later(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        now: &Book,
        then: &Book,
    ) -> Result<(), StoreError> {
        let kept: BTreeSet<HoldingNo> = holdings(then).map(|(_, one)| one.no).collect();
        for (_, gone) in holdings(now).filter(|(_, one)| !kept.contains(&one.no)) {
            for table in ["holding_part", "day_point", "month_sum", "crossing"] {
                let sql = format!("DELETE FROM {table} WHERE holding = ?");
                run(on, self.dialect, &sql, [ids.holding(gone.no).into()]).await?;
            }
            run(on, self.dialect, "DELETE FROM holding WHERE id = ?", [ids.holding(gone.no).into()]).await?;
        }
        for gone in now.lives.keys().filter(|no| !then.lives.contains_key(no)) {
            for table in ["estimate", "panel_charge", "breakdown"] {
                let sql = format!("DELETE FROM {table} WHERE life = ?");
                run(on, self.dialect, &sql, [ids.life(*gone).into()]).await?;
            }
            run(on, self.dialect, "DELETE FROM life WHERE id = ?", [ids.life(*gone).into()]).await?;
        }
        Ok(())
    }

    /// Lives as they were, and what is pinned to their names.
    async fn put_lives_back(
        &self,
        on: &mut Write,
        lease: &Lease,
        loaded: &Loaded,
        then: &Book,
        version: i64,
    ) -> Result<(), StoreError> {
        let mut renamed: Vec<(AccountName, AccountName)> = Vec::new();
        let mut lives: BTreeMap<LifeNo, AccountStanding> = BTreeMap::new();
        for (no, life) in &then.lives {
            let (Some(now), Some(known)) = (loaded.book.lives.get(no), loaded.facts.get(no)) else {
                continue;
            };
            if (&now.name, now.nth) != (&life.name, life.nth) {
                // Names are free before others take them.
                run(
                    on,
                    self.dialect,
                    "UPDATE life SET nth = -nth WHERE id = ?",
                    [loaded.ids.life(*no).into()],
                )
                .await?;
            }
            if now.name != life.name && loaded.book.names.get(&now.name) == Some(no) {
                renamed.push((now.name.clone(), life.name.clone()));
            }
            let mut standing = standing_of(*no, life, known);
            // What the panel enforced was another account's: whose name it is now, nobody has looked at yet.
            let is_newest = |book: &Book, name: &AccountName| book.names.get(name) == Some(no);
            if is_newest(then, &life.name) && !is_newest(&loaded.book, &now.name) {
                standing.policy = None;
            }
            lives.insert(*no, standing);
        }
        self.put_lives(on, lease, loaded.ids, then, &lives, version).await?;
        self.rename_pins(on, &lease.backend, &renamed).await
    }

    /// Who paid for the days of each holding.
    async fn put_parts_back(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        now: &Book,
        then: &Book,
    ) -> Result<(), StoreError> {
        for (_, one) in parted(now, then) {
            let cells = one.parts.iter().enumerate();
            let cells = cells.map(|(place, part)| holding::part_cells(ids, one.no, place, part));
            holding::PART.put(on, self.dialect, cells.collect::<Vec<_>>()).await?;
            let sql = "DELETE FROM holding_part WHERE holding = ? AND part >= ?";
            run(on, self.dialect, sql, [ids.holding(one.no).into(), (one.parts.len() as i64).into()]).await?;
        }
        Ok(())
    }

    /// All that is believed of series and counters.
    async fn put_beliefs_back(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        then: &Book,
        version: i64,
    ) -> Result<(), StoreError> {
        let [first, end] = ids.range();
        for table in ["belief", "period_total"] {
            let sql = format!("DELETE FROM {table} WHERE life >= ? AND life < ?");
            run(on, self.dialect, &sql, [first.into(), end.into()]).await?;
        }
        run(on, self.dialect, "DELETE FROM baseline WHERE backend = ?", [ids.backend.into()]).await?;
        let series = || {
            let lives = then.lives.iter();
            lives.flat_map(|(no, life)| life.series.iter().map(move |(meter, series)| (*no, *meter, series)))
        };
        let beliefs = series().map(|(no, meter, series)| {
            Ok(belief::cells(ids, &SeriesChange::unmoved(no, meter, series), version))
        });
        belief::BELIEF.put_made(on, self.dialect, Box::new(beliefs)).await?;
        let periods = series().flat_map(|(no, meter, series)| {
            series.periods.iter().map(move |(key, one)| Ok(period_total::cells(ids, (no, meter), key, one)))
        });
        period_total::PERIOD_TOTAL.put_made(on, self.dialect, Box::new(periods)).await?;
        let counters = then.counters.iter().map(|(key, one)| Ok(baseline::cells(ids, key, one)));
        baseline::BASELINE.put_made(on, self.dialect, Box::new(counters)).await?;
        Ok(())
    }

    /// Days without what goes, and the months that they sum to.
    async fn put_days_back(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        unwound: &Unwound,
    ) -> Result<(), StoreError> {
        let held: BTreeMap<HoldingNo, &Holding> =
            holdings(&unwound.then).map(|(_, one)| (one.no, one)).collect();
        let mut months: BTreeSet<(HoldingNo, Meter, Month)> = BTreeSet::new();
        let columns = day_point::of(Nature::Flow).columns("d");
        let of_day = "holding = ? AND meter = ? AND day = ?";
        let sql = format!("SELECT {columns} FROM day_point d WHERE {of_day}");
        for (key @ (no, meter, day), goes) in &unwound.days {
            // Of holdings that are taken away nothing is left.
            if !held.contains_key(no) {
                continue;
            }
            months.insert((*no, *meter, day.month()));
            let place = || [Cell::from(ids.holding(*no)), (*meter).into(), (*day).into()];
            let found = rows(on, self.dialect, &sql, place()).await?;
            let Some(row) = found.first() else { continue };
            let (.., had) = day_point::row(&mut Columns::of(row))?;
            let left = less(*meter, &had, goes, unwound.levels.get(key).copied());
            let left = left.ok_or_else(|| {
                StoreError::corrupt(format!("{day} of {meter}"), "a day with what the journal added to it")
            })?;
            let sql = format!("DELETE FROM day_point WHERE {of_day}");
            run(on, self.dialect, &sql, place()).await?;
            if left != DayChange::default() {
                let cells = day_point::cells(ids, *no, *meter, *day, &left)?;
                day_point::of(meter.nature()).put(on, self.dialect, vec![cells]).await?;
            }
        }
        for (no, meter, month) in months {
            if let Some(holding) = held.get(&no) {
                self.sum_month(on, ids, holding, meter, month).await?;
            }
        }
        Ok(())
    }

    /// Sums one month of a holding from its days, part by part.
    async fn sum_month(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        holding: &Holding,
        meter: Meter,
        month: Month,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM month_sum WHERE holding = ? AND meter = ? AND month = ?";
        let cells: [Cell; 3] = [ids.holding(holding.no).into(), meter.into(), month.into()];
        run(on, self.dialect, sql, cells).await?;
        let columns = day_point::of(Nature::Flow).columns("d");
        let sql = format!(
            "SELECT {columns} FROM day_point d WHERE d.holding = ? AND d.meter = ? AND d.day >= ? AND d.day < ?
            ORDER BY d.day"
        );
        let (first, next): (UsageDay, UsageDay) = (month.first(), month.next().first());
        let cells: [Cell; 4] = [ids.holding(holding.no).into(), meter.into(), first.into(), next.into()];
        let mut parts: BTreeMap<usize, Added> = BTreeMap::new();
        for row in rows(on, self.dialect, &sql, cells).await? {
            let (.., day, change) = day_point::row(&mut Columns::of(&row))?;
            parts.entry(holding.part_of(day)).or_insert_with(|| Added::new(day)).add(day, &change);
        }
        let cells =
            parts.iter().map(|(part, added)| month_sum::cells(ids, (holding.no, *part, month, meter), added));
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        month_sum::of(meter.nature()).put(on, self.dialect, cells).await
    }
}

/// The crossings of holdings that stay, as they are now.
fn crossings_now(loaded: &Loaded, unwound: &Unwound) -> CrossingMap {
    let held: BTreeSet<HoldingNo> = holdings(&unwound.then).map(|(_, one)| one.no).collect();
    let holdings = loaded.crossings.iter().filter(|(holding, _)| held.contains(holding));
    let now = holdings.flat_map(|(holding, crossings)| {
        crossings.iter().map(|((meter, threshold), one)| ((*holding, *meter, *threshold), *one))
    });
    now.collect()
}

/// What is left of a day once something goes; `None` where that is more than it has, or what is left is not known.
fn less(
    meter: Meter,
    had: &DayChange,
    goes: &super::super::MonthSum,
    level: Option<crate::domain::Bytes>,
) -> Option<DayChange> {
    let left = DayChange {
        added: had.added - goes.added,
        estimated: had.estimated - goes.estimated,
        level,
        held: had.held.checked_sub(goes.held)?,
        covered: had.covered.checked_sub(goes.covered)?,
    };
    // Time in which a level was held that nobody knows any more: it is not nothing.
    let is_unknown = meter.nature() == Nature::Level && left.level.is_none() && left.covered > Minutes::ZERO;
    (left.added >= 0 && left.estimated >= 0 && !is_unknown).then_some(left)
}

fn holdings(book: &Book) -> impl Iterator<Item = (LifeNo, &Holding)> {
    book.lives.iter().flat_map(|(no, life)| life.holdings.iter().map(|one| (*no, one)))
}

/// The holdings that had other owners then.
fn parted<'b>(now: &'b Book, then: &'b Book) -> impl Iterator<Item = (LifeNo, &'b Holding)> {
    let owners =
        |one: &Holding| -> Vec<_> { one.parts.iter().map(|part| (part.since, part.owner.clone())).collect() };
    let now: BTreeMap<HoldingNo, &Holding> = holdings(now).map(|(_, one)| (one.no, one)).collect();
    holdings(then).filter(move |(_, one)| now.get(&one.no).is_none_or(|known| owners(known) != owners(one)))
}

/// The holdings that were cut into other parts then.
fn recut<'b>(now: &'b Book, then: &'b Book) -> impl Iterator<Item = (LifeNo, &'b Holding)> {
    let cuts = |one: &Holding| -> Vec<UsageDay> { one.parts.iter().map(|part| part.since).collect() };
    let now: BTreeMap<HoldingNo, &Holding> = holdings(now).map(|(_, one)| (one.no, one)).collect();
    holdings(then).filter(move |(_, one)| now.get(&one.no).is_none_or(|known| cuts(known) != cuts(one)))
}

/// What is known of an account, as far as it follows from its life.
fn standing_of(no: LifeNo, life: &Life, known: &AccountStanding) -> AccountStanding {
    AccountStanding {
        life: no,
        nth: life.nth,
        first_seen: life.born,
        missing_since: life.absence.map(|absence| absence.since),
        gone_at: life.ended,
        ..known.clone()
    }
}
