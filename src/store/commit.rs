//! One poll, one transaction: beliefs, days, journal and the backend's version, or nothing at all.

use std::collections::{BTreeSet, HashMap};

use litemap::LiteMap;
use sqlx::AnyConnection;
use tracing::{Instrument, trace_span};

use super::book::Loaded;
use super::journal::{append, body_of, failure_body};
use super::put::ChangedSeries;
use super::seen::changed_accounts;
use super::services::MappedTo;
use super::sql::{Cell, Columns, rows, run};
use super::{Lease, Store, StoreError};
use crate::domain::{AccountName, Harvest, Limit, Meter, Month, Reason, Timestamp};
use crate::metering::{Correction, Settled};
use crate::quota::{Channel, Decided};

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
    /// Whom it is about.
    pub reach: Reach,
    /// What it means for limits.
    pub judged: JudgedPoll<'a>,
}

/// What a poll means for limits.
#[derive(Debug, Default)]
pub struct JudgedPoll<'a> {
    /// The limits in force, of every account that was looked at.
    pub limits: HashMap<AccountName, LiteMap<Meter, Limit>>,
    /// The services of the accounts that were looked at; of others nothing changes.
    pub mapped: HashMap<AccountName, MappedTo>,
    /// What was decided.
    pub decided: Decided,
    /// The channels its letters go by.
    pub channels: &'a [Channel],
}

/// Whom an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody: an account that is not in a complete list is gone.
    Everybody,
    /// Some accounts only: nothing is said of the others.
    Some,
    /// A time gone by: nothing is said of how accounts stand now, or of how the panel does.
    History,
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
        self.commit_with(lease, loaded, poll, None).await
    }

    /// Writes a correction under the lease, by the same way as a poll: days, month, and its own entry in the
    /// journal.
    pub async fn commit_correction(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        correction: &Correction,
        settled: Settled,
        at: Timestamp,
    ) -> Result<Committed, StoreError> {
        let (sql, name) = ("SELECT kind FROM backend WHERE name = ?", lease.backend.as_str());
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, [name.into()]).await?;
        let kind = found.first().map_or(Ok(String::new()), |row| Columns::of(row).text())?;
        drop(on);
        let harvest = Harvest::new();
        let judged = JudgedPoll::default();
        let poll = Poll { at, kind: &kind, harvest: &harvest, settled, reach: Reach::History, judged };
        self.commit_with(lease, loaded, poll, Some(correction)).await
    }

    async fn commit_with(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        poll: Poll<'_>,
        correction: Option<&Correction>,
    ) -> Result<Committed, StoreError> {
        let accounts = changed_accounts(loaded, &poll);
        let before = loaded.version;
        let verdicts = &poll.judged.decided.verdicts;
        let quiet = accounts.is_empty() && poll.settled.changes.is_empty() && verdicts.is_empty();
        let version = if quiet { before } else { before + 1 };
        let body = trace_span!("journal")
            .in_scope(|| body_of(poll.harvest, &poll.settled, loaded.book.last_look, poll.at, correction))?;

        let mut tx = self.begin_write().await?;
        let last = self.claim_version(&mut tx, lease, before).await?;
        let known = self.put_accounts(&mut tx, lease, loaded, accounts, version).await?;
        let series = self.put_series(&mut tx, &known, loaded, &poll.settled.changes, version).await?;
        self.put_beliefs(&mut tx, &series).await?;
        let day_points = self.put_days(&mut tx, &series).await?;
        let id_of = |account: &AccountName, meter| {
            // Changes are in order of account and meter.
            let key = |series: &ChangedSeries<'_>| {
                (&series.change.account, series.change.meter).cmp(&(account, meter))
            };
            match series.binary_search_by(key) {
                Ok(found) => Some(series[found].id),
                Err(_) => loaded.accounts.get(account)?.series.get(&meter).copied(),
            }
        };
        self.put_estimates(&mut tx, poll.harvest, id_of).await?;
        self.put_verdicts(&mut tx, &known, loaded, &poll).await?;
        let chain = match &body {
            Some(body) => {
                let entry = append(self, &mut tx, lease, (last.0, &last.1), poll.at, body);
                entry.instrument(trace_span!("journal")).await?
            }
            None => last.1,
        };
        let sql =
            "UPDATE backend SET version = ?, kind = ?, last_look = ?, entries = ?, chain = ? WHERE name = ?";
        let cells = [
            version.into(),
            poll.kind.into(),
            poll.settled.last_look.into(),
            (last.0 + i64::from(body.is_some())).into(),
            chain.as_str().into(),
            lease.backend.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        if poll.reach != Reach::History {
            let sql =
                "UPDATE backend SET polled_at = ?, succeeded_at = ?, failing_since = NULL, reason = NULL,
                detail = NULL WHERE name = ?";
            let cells = [poll.at.into(), poll.at.into(), lease.backend.as_str().into()];
            run(&mut tx, self.dialect, sql, cells).await?;
        }
        if poll.reach == Reach::Everybody {
            self.put_server_total(&mut tx, lease, poll.harvest.server_total()).await?;
        }
        let new: Vec<(AccountName, Meter, i64)> = series
            .iter()
            .filter(|series| series.new)
            .map(|series| (series.change.account.clone(), series.change.meter, series.id))
            .collect();
        tx.commit().instrument(trace_span!("disk")).await?;

        let days = poll.settled.changes.iter().flat_map(|change| change.days.keys());
        let months: BTreeSet<Month> = days.map(|day| day.month()).collect();
        let moved = poll.settled.changes.iter().map(|change| &change.account);
        let mut changed: Vec<AccountName> = known.keys().chain(moved).cloned().collect();
        changed.sort();
        changed.dedup();
        loaded.accounts.extend(known);
        for (account, meter, id) in new {
            if let Some(known) = loaded.accounts.get_mut(&account) {
                known.series.insert(meter, id);
            }
        }
        for verdict in poll.judged.decided.verdicts {
            loaded.holds.insert(verdict.account.clone(), verdict.hold);
            loaded.crossings.insert(verdict.account, verdict.crossings);
        }
        loaded.book.apply(poll.settled);
        loaded.version = version;
        if !quiet {
            self.committed(&lease.backend, poll.kind, before, loaded, changed, months.into_iter());
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
}

fn lost(lease: &Lease) -> StoreError {
    StoreError::LostLease { backend: lease.backend.to_string() }
}
