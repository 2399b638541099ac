//! One poll, one transaction: beliefs, days, journal and the backend's version, or nothing at all.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::book::{KnownAccount, Loaded, placed_text};
use super::dialect::Merge::{Add, Replace};
use super::journal::{append, body_of, failure_body};
use super::sql::{Cell, Columns, Upsert, held_cells, rows, run};
use super::{AccountStanding, Lease, Store, StoreError};
use crate::domain::{AccountName, Harvest, Harvested, Meter, Nature, Reason, Timestamp};
use crate::metering::{SeriesChange, Settled};

/// A poll ready to be committed.
#[derive(Debug)]
pub struct Poll<'a> {
    /// When the panel was asked.
    pub at: Timestamp,
    /// The kind of the backend.
    pub kind: &'a str,
    /// What came home.
    pub harvest: &'a Harvest,
    /// What it means.
    pub settled: Settled,
    /// Whether only some accounts were asked for: then nobody else is gone.
    pub partial: bool,
}

/// What a commit changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Day points made or moved.
    pub day_points: usize,
    /// The backend's version now.
    pub version: i64,
}

impl Store {
    /// Writes a poll under its lease. On success `loaded` believes what was written.
    pub async fn commit(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        poll: Poll<'_>,
    ) -> Result<Committed, StoreError> {
        let accounts = changed_accounts(loaded, &poll);
        let before = loaded.version;
        let quiet = accounts.is_empty() && poll.settled.changes.is_empty();
        let version = if quiet { before } else { before + 1 };
        let body = body_of(poll.harvest, &poll.settled, loaded.book.last_look)?;

        let mut tx = self.begin_write().await?;
        let last = self.claim_version(&mut tx, lease, before).await?;
        let known = self.put_accounts(&mut tx, lease, loaded, accounts, version).await?;
        let series = self.put_series(&mut tx, &known, loaded, &poll.settled.changes, version).await?;
        self.put_beliefs(&mut tx, &series).await?;
        let day_points = self.put_days(&mut tx, &series).await?;
        let chain = match &body {
            Some(body) => append(self, &mut tx, lease, (last.0, &last.1), poll.at, body).await?,
            None => last.1,
        };
        let sql = "UPDATE backend SET version = ?, kind = ?, last_look = ?, polled_at = ?, succeeded_at = ?,
            failing_since = NULL, reason = NULL, detail = NULL, entries = ?, chain = ? WHERE name = ?";
        let cells = [
            version.into(),
            poll.kind.into(),
            poll.settled.last_look.into(),
            poll.at.into(),
            poll.at.into(),
            (last.0 + i64::from(body.is_some())).into(),
            chain.as_str().into(),
            lease.backend.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        let ids: Vec<(AccountName, Meter, i64)> =
            series.iter().map(|(id, change)| (change.account.clone(), change.meter, *id)).collect();
        tx.commit().await?;

        let mut changed: BTreeSet<AccountName> = known.keys().cloned().collect();
        changed.extend(poll.settled.changes.iter().map(|change| change.account.clone()));
        loaded.accounts.extend(known);
        for (account, meter, id) in ids {
            if let Some(known) = loaded.accounts.get_mut(&account) {
                known.series.insert(meter, id);
            }
        }
        loaded.book.apply(poll.settled);
        loaded.version = version;
        if !quiet {
            self.committed(&lease.backend, poll.kind, before, loaded, changed.into_iter().collect());
        }
        Ok(Committed { day_points, version })
    }

    /// Writes down that a poll failed. The last truth stays in place.
    pub async fn record_failure(
        &self,
        lease: &Lease,
        at: Timestamp,
        reason: Reason,
        detail: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "SELECT entries, chain, failing_since, reason FROM backend WHERE name = ? AND fence = ?";
        let found =
            rows(&mut tx, self.dialect, sql, [lease.backend.as_str().into(), lease.fence.into()]).await?;
        let Some(row) = found.first() else { return Err(lost(lease)) };
        let mut columns = Columns::of(row);
        let (entries, chain) = (columns.int()?, columns.text()?);
        let (since, known) = (columns.maybe_time()?, columns.maybe_text()?);
        // An outage of a week is one entry, not a thousand.
        let new = since.is_none() || known.as_deref() != Some(reason.name());
        let chain = if new {
            let body = failure_body(reason.name(), detail)?;
            append(self, &mut tx, lease, (entries, &chain), at, &body).await?
        } else {
            chain
        };
        let sql = "UPDATE backend SET polled_at = ?, failing_since = ?, reason = ?, detail = ?, entries = ?, chain = ?
            WHERE name = ?";
        let cells = [
            at.into(),
            since.unwrap_or(at).into(),
            reason.name().into(),
            detail.into(),
            (entries + i64::from(new)).into(),
            chain.as_str().into(),
            lease.backend.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        Ok(tx.commit().await?)
    }

    /// Checks fence and version under the row's lock; returns the journal's last entry and link.
    async fn claim_version(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        version: i64,
    ) -> Result<(i64, String), StoreError> {
        // A write first: it locks the row on every database until the transaction ends.
        let sql =
            "UPDATE backend SET fence = fence WHERE name = ? AND fence = ? AND holder = ? AND version = ?";
        let name = || Cell::from(lease.backend.as_str());
        let cells = [name(), lease.fence.into(), lease.holder.as_str().into(), version.into()];
        run(on, self.dialect, sql, cells).await?;
        // MySQL counts rows changed, not rows found: the row itself must be asked for.
        let sql =
            "SELECT entries, chain FROM backend WHERE name = ? AND fence = ? AND holder = ? AND version = ?";
        let cells = [name(), lease.fence.into(), lease.holder.as_str().into(), version.into()];
        let found = rows(on, self.dialect, sql, cells).await?;
        let row = found.first().ok_or_else(|| lost(lease))?;
        let mut columns = Columns::of(row);
        Ok((columns.int()?, columns.text()?))
    }

    /// Gives out `count` numbers; returns the first.
    async fn allot(&self, on: &mut AnyConnection, name: &str, count: usize) -> Result<i64, StoreError> {
        let count = count as i64;
        run(on, self.dialect, "UPDATE allot SET next = next + ? WHERE name = ?", [count.into(), name.into()])
            .await?;
        let found = rows(on, self.dialect, "SELECT next FROM allot WHERE name = ?", [name.into()]).await?;
        let row = found.first().ok_or_else(|| StoreError::corrupt("nothing", "a row of allot"))?;
        Ok(Columns::of(row).int()? - count)
    }

    async fn put_accounts(
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
        const REST: [(&str, super::dialect::Merge); 12] = [
            ("backend", Replace),
            ("name", Replace),
            ("first_seen", Replace),
            ("gone_at", Replace),
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

    async fn put_series<'c>(
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

    async fn put_beliefs(
        &self,
        on: &mut AnyConnection,
        series: &[(i64, &SeriesChange)],
    ) -> Result<(), StoreError> {
        let mut baselines = Vec::new();
        let mut periods = Vec::new();
        for (id, change) in series {
            for (source, baseline) in &change.baselines {
                let (started, uptime) = match baseline.epoch {
                    crate::domain::Epoch::Since(start) => (Some(start.get()), None),
                    crate::domain::Epoch::Running(uptime) => (None, i64::try_from(uptime.get()).ok()),
                    crate::domain::Epoch::Silent => (None, None),
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
                ]);
            }
        }
        let rest =
            ["started", "uptime", "amount", "at", "doubt_amount", "doubt_at"].map(|name| (name, Replace));
        Upsert { table: "baseline", keys: &["series", "source"], rest: &rest }
            .put(on, self.dialect, baselines)
            .await?;
        let rest = ["total", "at", "placed"].map(|name| (name, Replace));
        Upsert { table: "period_total", keys: &["series", "source", "starts", "ends"], rest: &rest }
            .put(on, self.dialect, periods)
            .await
    }

    /// Flows add to the day, levels replace it; time held and time covered always add.
    async fn put_days(
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
}

fn lost(lease: &Lease) -> StoreError {
    StoreError::LostLease { backend: lease.backend.to_string() }
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

/// The accounts whose own row changes: new ones, those whose facts differ, those that came or went.
fn changed_accounts(loaded: &Loaded, poll: &Poll<'_>) -> BTreeMap<AccountName, AccountStanding> {
    let mut changed = BTreeMap::new();
    for (name, harvested) in poll.harvest.accounts() {
        let known = loaded.accounts.get(name).map(|known| &known.standing);
        let now = seen(known, harvested, poll.at);
        if known != Some(&now) {
            changed.insert(name.clone(), now);
        }
    }
    if poll.harvest.is_complete() && !poll.partial {
        for (name, known) in &loaded.accounts {
            if known.standing.gone_at.is_none() && !poll.harvest.accounts().contains_key(name) {
                let gone = AccountStanding { gone_at: Some(poll.at), ..known.standing.clone() };
                changed.insert(name.clone(), gone);
            }
        }
    }
    changed
}

fn seen(known: Option<&AccountStanding>, harvested: &Harvested, at: Timestamp) -> AccountStanding {
    let facts = &harvested.facts;
    let trouble = harvested.unread.first().map(|unread| {
        let since = known.and_then(|known| known.trouble.as_ref()).map_or(at, |(_, since)| *since);
        (unread.reason.name().to_string(), since)
    });
    AccountStanding {
        first_seen: known.map_or(at, |known| known.first_seen),
        gone_at: None,
        // What the panel did not say this time is kept: it is unknown, not withdrawn.
        suspended: facts.suspended.or(known.and_then(|known| known.suspended)),
        policy: facts.policy,
        package: facts.package.clone().or_else(|| known.and_then(|known| known.package.clone())),
        domain: facts.domain.clone().or_else(|| known.and_then(|known| known.domain.clone())),
        storage_limit: facts.storage_limit,
        trouble,
        series: Vec::new(),
    }
}
