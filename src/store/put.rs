//! Puts what a poll changed into its tables: accounts, series, beliefs, days. Works inside the commit's
//! transaction and never on its own.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::book::{KnownAccount, Loaded, placed_text};
use super::dialect::Merge::{Add, Replace};
use super::sql::{Cell, Columns, Upsert, held_cells, rows, run};
use super::{AccountStanding, Lease, Store, StoreError};
use crate::domain::{AccountName, Epoch, Harvest, Meter, Nature};
use crate::metering::SeriesChange;

impl Store {
    /// Gives out `count` numbers; returns the first.
    async fn allot(&self, on: &mut AnyConnection, name: &str, count: usize) -> Result<i64, StoreError> {
        let count = count as i64;
        run(on, self.dialect, "UPDATE allot SET next = next + ? WHERE name = ?", [count.into(), name.into()])
            .await?;
        let found = rows(on, self.dialect, "SELECT next FROM allot WHERE name = ?", [name.into()]).await?;
        let row = found.first().ok_or_else(|| StoreError::corrupt("nothing", "a row of allot"))?;
        Ok(Columns::of(row).int()? - count)
    }

    pub(super) async fn put_accounts(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        loaded: &Loaded,
        accounts: BTreeMap<AccountName, AccountStanding>,
        version: i64,
    ) -> Result<BTreeMap<AccountName, KnownAccount>, StoreError> {
        let new = accounts.keys().filter(|name| !loaded.accounts.contains_key(*name)).count();
        let mut next = if new > 0 { self.allot(on, "account", new).await? } else { 0 };
        let mut known = BTreeMap::new();
        let mut cells = Vec::with_capacity(accounts.len());
        for (name, standing) in accounts {
            let (id, series) = match loaded.accounts.get(&name) {
                Some(known) => (known.id, known.series.clone()),
                None => {
                    next += 1;
                    (next - 1, BTreeMap::new())
                }
            };
            cells.push(account_cells(id, lease.backend.as_str(), &name, &standing, version));
            known.insert(name, KnownAccount { id, series, standing });
        }
        const REST: [(&str, super::dialect::Merge); 13] = [
            ("backend", Replace),
            ("name", Replace),
            ("first_seen", Replace),
            ("gone_at", Replace),
            ("back_at", Replace),
            ("suspended", Replace),
            ("policy", Replace),
            ("package", Replace),
            ("domain", Replace),
            ("storage_limit", Replace),
            ("trouble", Replace),
            ("trouble_since", Replace),
            ("changed", Replace),
        ];
        Upsert { table: "account", keys: &["id"], rest: &REST }.put(on, self.dialect, cells).await?;
        Ok(known)
    }

    pub(super) async fn put_series<'c>(
        &self,
        on: &mut AnyConnection,
        known: &BTreeMap<AccountName, KnownAccount>,
        loaded: &Loaded,
        changes: &'c [SeriesChange],
        version: i64,
    ) -> Result<Vec<(i64, &'c SeriesChange)>, StoreError> {
        let account_of = |name: &AccountName| {
            let account = known.get(name).or_else(|| loaded.accounts.get(name));
            account.ok_or_else(|| StoreError::corrupt(name, "an account that was put in"))
        };
        let mut new = 0;
        for change in changes {
            new += usize::from(!account_of(&change.account)?.series.contains_key(&change.meter));
        }
        let mut next = if new > 0 { self.allot(on, "series", new).await? } else { 0 };
        let mut series = Vec::with_capacity(changes.len());
        let mut cells = Vec::with_capacity(changes.len());
        for change in changes {
            let account = account_of(&change.account)?;
            let id = account.series.get(&change.meter).copied().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            cells.push(series_cells(id, account.id, change, version)?);
            series.push((id, change));
        }
        const REST: [(&str, super::dialect::Merge); 14] = [
            ("account", Replace),
            ("meter", Replace),
            ("at", Replace),
            ("level", Replace),
            ("level_at", Replace),
            ("month", Replace),
            ("month_amount", Replace),
            ("month_estimated", Replace),
            ("month_held_peta", Replace),
            ("month_held_rest", Replace),
            ("month_covered", Replace),
            ("total", Replace),
            ("shown", Replace),
            ("changed", Replace),
        ];
        Upsert { table: "series", keys: &["id"], rest: &REST }.put(on, self.dialect, cells).await?;
        Ok(series)
    }

    pub(super) async fn put_beliefs(
        &self,
        on: &mut AnyConnection,
        series: &[(i64, &SeriesChange)],
    ) -> Result<(), StoreError> {
        let mut baselines = Vec::new();
        let mut periods = Vec::new();
        for (id, change) in series {
            for (source, baseline) in &change.baselines {
                let (started, uptime) = match baseline.epoch {
                    Epoch::Since(start) => (Some(start.get()), None),
                    Epoch::Running(uptime) | Epoch::Replugged(uptime) => {
                        (None, i64::try_from(uptime.get()).ok())
                    }
                    Epoch::Silent => (None, None),
                };
                baselines.push(vec![
                    (*id).into(),
                    source.as_str().into(),
                    started.into(),
                    uptime.into(),
                    baseline.count.into(),
                    baseline.at.into(),
                    baseline.doubt.map(|doubt| doubt.count).into(),
                    baseline.doubt.map(|doubt| doubt.at).into(),
                ]);
            }
            for ((source, span), belief) in &change.periods {
                periods.push(vec![
                    (*id).into(),
                    source.as_str().into(),
                    span.start().into(),
                    span.end().into(),
                    belief.total.into(),
                    belief.at.into(),
                    placed_text(&belief.placed).as_str().into(),
                    belief.doubt.map(|doubt| doubt.count).into(),
                    belief.doubt.map(|doubt| doubt.at).into(),
                ]);
            }
        }
        let rest =
            ["started", "uptime", "amount", "at", "doubt_amount", "doubt_at"].map(|name| (name, Replace));
        Upsert { table: "baseline", keys: &["series", "source"], rest: &rest }
            .put(on, self.dialect, baselines)
            .await?;
        let rest = ["total", "at", "placed", "doubt_total", "doubt_at"].map(|name| (name, Replace));
        Upsert { table: "period_total", keys: &["series", "source", "starts", "ends"], rest: &rest }
            .put(on, self.dialect, periods)
            .await
    }

    /// Flows add to the day, levels replace it; time held and time covered always add.
    pub(super) async fn put_days(
        &self,
        on: &mut AnyConnection,
        series: &[(i64, &SeriesChange)],
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for (nature, merge) in [(Nature::Flow, Add), (Nature::Level, Replace)] {
            let mut cells = Vec::new();
            for (id, change) in series.iter().filter(|(_, change)| change.meter.nature() == nature) {
                for (day, part) in &change.days {
                    let amount = match part.level {
                        Some(level) => level.as_i64(),
                        None => narrow(part.added)?,
                    };
                    let [peta, rest] = held_cells(part.held)?;
                    let estimated = narrow(part.estimated)?;
                    let covered = part.covered.get() as i64;
                    let day = day.number();
                    cells.push(vec![
                        (*id).into(),
                        day.into(),
                        amount.into(),
                        estimated.into(),
                        peta,
                        rest,
                        covered.into(),
                    ]);
                }
            }
            count += cells.len();
            let rest = [
                ("amount", merge),
                ("estimated", Add),
                ("held_peta", Add),
                ("held_rest", Add),
                ("covered", Add),
            ];
            Upsert { table: "day_point", keys: &["series", "day"], rest: &rest }
                .put(on, self.dialect, cells)
                .await?;
        }
        Ok(count)
    }

    /// Estimates of series we know; those of others say nothing anybody could ask for.
    pub(super) async fn put_estimates(
        &self,
        on: &mut AnyConnection,
        harvest: &Harvest,
        series: impl Fn(&AccountName, Meter) -> Option<i64>,
    ) -> Result<(), StoreError> {
        let mut cells = BTreeMap::new();
        for (account, harvested) in harvest.accounts() {
            for (meter, estimate) in &harvested.estimates {
                let Some(id) = series(account, *meter) else { continue };
                let (starts, ends) = (estimate.span.start(), estimate.span.end());
                let row = vec![id.into(), starts.into(), ends.into(), estimate.about.into()];
                cells.insert((id, starts), row);
            }
        }
        let rest = [("ends", Replace), ("about", Replace)];
        Upsert { table: "estimate", keys: &["series", "starts"], rest: &rest }
            .put(on, self.dialect, cells.into_values().collect())
            .await
    }
}

fn narrow(amount: i128) -> Result<i64, StoreError> {
    i64::try_from(amount).map_err(|_| StoreError::corrupt(amount, "a byte count"))
}

fn account_cells(
    id: i64,
    backend: &str,
    name: &AccountName,
    account: &AccountStanding,
    version: i64,
) -> Vec<Cell> {
    vec![
        id.into(),
        backend.into(),
        name.as_str().into(),
        account.first_seen.into(),
        account.gone_at.into(),
        account.back_at.into(),
        account.suspended.into(),
        account.policy.map(|policy| policy.name()).into(),
        account.package.as_deref().into(),
        account.domain.as_deref().into(),
        account.storage_limit.into(),
        account.trouble.as_ref().map(|(reason, _)| reason.as_str()).into(),
        account.trouble.as_ref().map(|(_, since)| *since).into(),
        version.into(),
    ]
}

fn series_cells(id: i64, account: i64, change: &SeriesChange, version: i64) -> Result<Vec<Cell>, StoreError> {
    let month = change.month;
    let [peta, rest] = held_cells(month.map(|month| month.held).unwrap_or_default())?;
    Ok(vec![
        id.into(),
        account.into(),
        change.meter.name().into(),
        change.at.into(),
        change.level.map(|belief| belief.level).into(),
        change.level.map(|belief| belief.at).into(),
        month.map(|month| month.month.number()).into(),
        month.map(|month| month.amount).unwrap_or_default().into(),
        month.map(|month| month.estimated).unwrap_or_default().into(),
        peta,
        rest,
        (month.map(|month| month.covered.get()).unwrap_or_default() as i64).into(),
        change.total.into(),
        change.shown.into(),
        version.into(),
    ])
}
