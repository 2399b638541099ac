//! Puts what a poll changed into its tables: accounts, series, beliefs, days. Works inside the commit's
//! transaction and never on its own. Each part is a span of its own, so that its cost can be told.

use std::collections::BTreeMap;

use litemap::LiteMap;
use sqlx::AnyConnection;
use tracing::instrument;

use super::book::{KnownAccount, Loaded, placed_text};
use super::dialect::Merge::{Add, Keep, Replace};
use super::services::mapped_cells;
use super::sql::{Cell, Columns, Upsert, held_cells, rows, run};
use super::{AccountStanding, Lease, Store, StoreError};
use crate::domain::{AccountName, Epoch, Harvest, Meter, Nature, Source, Span, UsageDay};
use crate::metering::{Baseline, DayChange, PeriodBelief, SeriesChange};

/// A series that changed, with its row's numbers.
pub(super) struct ChangedSeries<'c> {
    pub id: i64,
    account: i64,
    /// Seen for the first time: its number was given out by this commit.
    pub new: bool,
    pub change: &'c SeriesChange,
}

impl Store {
    /// Gives out `count` numbers; returns the first.
    pub(super) async fn allot(
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

    #[instrument(level = "trace", name = "accounts", skip_all)]
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
                    (next - 1, LiteMap::new())
                }
            };
            cells.push(account_cells(id, lease.backend.as_str(), &name, &standing, version));
            known.insert(name, KnownAccount { id, series, standing });
        }
        const REST: [(&str, super::dialect::Merge); 22] = [
            ("backend", Keep),
            ("name", Keep),
            ("first_seen", Keep),
            ("gone_at", Replace),
            ("back_at", Replace),
            ("suspended", Replace),
            ("policy", Replace),
            ("package", Replace),
            ("domain", Replace),
            ("storage_limit", Replace),
            ("trouble", Replace),
            ("trouble_since", Replace),
            ("allowed_storage", Replace),
            ("allowed_in", Replace),
            ("allowed_out", Replace),
            ("allowed_total", Replace),
            ("mapping", Replace),
            ("service", Replace),
            ("client", Replace),
            ("tenant", Replace),
            ("product", Replace),
            ("changed", Replace),
        ];
        Upsert { table: "account", keys: &["id"], rest: &REST }.put(on, self.dialect, cells).await?;
        Ok(known)
    }

    #[instrument(level = "trace", name = "series", skip_all)]
    pub(super) async fn put_series<'c>(
        &self,
        on: &mut AnyConnection,
        known: &BTreeMap<AccountName, KnownAccount>,
        loaded: &Loaded,
        changes: &'c [SeriesChange],
        version: i64,
    ) -> Result<Vec<ChangedSeries<'c>>, StoreError> {
        let mut found = Vec::with_capacity(changes.len());
        for change in changes {
            let account = known.get(&change.account).or_else(|| loaded.accounts.get(&change.account));
            let account =
                account.ok_or_else(|| StoreError::corrupt(&change.account, "an account that was put in"))?;
            found.push((account.id, account.series.get(&change.meter).copied()));
        }
        let new = found.iter().filter(|(_, id)| id.is_none()).count();
        let mut next = if new > 0 { self.allot(on, "series", new).await? } else { 0 };
        let numbered = found.into_iter().zip(changes).map(|((account, id), change)| {
            let new = id.is_none();
            let id = id.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            ChangedSeries { id, account, new, change }
        });
        let series: Vec<ChangedSeries<'c>> = numbered.collect();
        const REST: [(&str, super::dialect::Merge); 16] = [
            ("account", Keep),
            ("meter", Keep),
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
            ("implausible_at", Replace),
            ("implausible_accepted", Replace),
            ("changed", Replace),
        ];
        let cells = series.iter().map(|series| series_cells(series, version));
        Upsert { table: "series", keys: &["id"], rest: &REST }
            .put_made(on, self.dialect, Box::new(cells))
            .await?;
        Ok(series)
    }

    #[instrument(level = "trace", name = "beliefs", skip_all)]
    pub(super) async fn put_beliefs(
        &self,
        on: &mut AnyConnection,
        series: &[ChangedSeries<'_>],
    ) -> Result<(), StoreError> {
        let baselines = series.iter().flat_map(|series| {
            let baselines = series.change.baselines.iter();
            baselines.map(|(source, baseline)| baseline_cells(series.id, source, baseline))
        });
        let rest =
            ["started", "uptime", "amount", "at", "doubt_amount", "doubt_at"].map(|name| (name, Replace));
        Upsert { table: "baseline", keys: &["series", "source"], rest: &rest }
            .put_made(on, self.dialect, Box::new(baselines.map(Ok)))
            .await?;
        let periods = series.iter().flat_map(|series| {
            let periods = series.change.periods.iter();
            periods.map(|((source, span), belief)| period_cells(series.id, source, *span, belief))
        });
        let rest = ["total", "at", "placed", "doubt_total", "doubt_at"].map(|name| (name, Replace));
        Upsert { table: "period_total", keys: &["series", "source", "starts", "ends"], rest: &rest }
            .put_made(on, self.dialect, Box::new(periods.map(Ok)))
            .await?;
        Ok(())
    }

    /// Flows add to the day, levels replace it; time held and time covered always add.
    #[instrument(level = "trace", name = "days", skip_all)]
    pub(super) async fn put_days(
        &self,
        on: &mut AnyConnection,
        series: &[ChangedSeries<'_>],
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for (nature, merge) in [(Nature::Flow, Add), (Nature::Level, Replace)] {
            let series = series.iter().filter(|series| series.change.meter.nature() == nature);
            let cells = series.flat_map(|series| {
                let days = series.change.days.iter();
                days.map(|(day, part)| day_cells(series.id, *day, part))
            });
            let rest = [
                ("amount", merge),
                ("estimated", Add),
                ("held_peta", Add),
                ("held_rest", Add),
                ("covered", Add),
            ];
            let days = Upsert { table: "day_point", keys: &["series", "day"], rest: &rest };
            count += days.put_made(on, self.dialect, Box::new(cells)).await?;
        }
        Ok(count)
    }

    /// Estimates of series we know; those of others say nothing anybody could ask for.
    #[instrument(level = "trace", name = "estimates", skip_all)]
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
                let row = [id.into(), starts.into(), ends.into(), estimate.about.into()];
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
) -> [Cell; 23] {
    let limit = |meter| account.limit(meter).into();
    let [storage, inwards, outwards, total] = Meter::ALL.map(limit);
    let [mapping, service, client, tenant, product] = mapped_cells(account.mapped.as_ref());
    [
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
        storage,
        inwards,
        outwards,
        total,
        mapping,
        service,
        client,
        tenant,
        product,
        version.into(),
    ]
}

fn series_cells(series: &ChangedSeries<'_>, version: i64) -> Result<[Cell; 17], StoreError> {
    let change = series.change;
    let month = change.month;
    let [peta, rest] = held_cells(month.map(|month| month.held).unwrap_or_default())?;
    Ok([
        series.id.into(),
        series.account.into(),
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
        change.implausible.map(|held| held.since).into(),
        change.implausible.map(|held| held.accepted).into(),
        version.into(),
    ])
}

fn baseline_cells(series: i64, source: &Source, baseline: &Baseline) -> [Cell; 8] {
    let (started, uptime) = match baseline.epoch {
        Epoch::Since(start) => (Some(start.get()), None),
        Epoch::Running(uptime) | Epoch::Replugged(uptime) => (None, i64::try_from(uptime.get()).ok()),
        Epoch::Silent => (None, None),
    };
    [
        series.into(),
        source.as_str().into(),
        started.into(),
        uptime.into(),
        baseline.count.into(),
        baseline.at.into(),
        baseline.doubt.map(|doubt| doubt.count).into(),
        baseline.doubt.map(|doubt| doubt.at).into(),
    ]
}

fn period_cells(series: i64, source: &Source, span: Span, belief: &PeriodBelief) -> [Cell; 9] {
    [
        series.into(),
        source.as_str().into(),
        span.start().into(),
        span.end().into(),
        belief.total.into(),
        belief.at.into(),
        Cell::Text(Some(placed_text(&belief.placed))),
        belief.doubt.map(|doubt| doubt.count).into(),
        belief.doubt.map(|doubt| doubt.at).into(),
    ]
}

fn day_cells(series: i64, day: UsageDay, part: &DayChange) -> Result<[Cell; 7], StoreError> {
    let amount = match part.level {
        Some(level) => level.as_i64(),
        None => narrow(part.added)?,
    };
    let [peta, rest] = held_cells(part.held)?;
    let (estimated, covered) = (narrow(part.estimated)?, part.covered.get() as i64);
    Ok([series.into(), day.number().into(), amount.into(), estimated.into(), peta, rest, covered.into()])
}
