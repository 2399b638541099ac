//! One poll, one transaction: beliefs, days, journal and the backend's version, or nothing at all.

use std::collections::{BTreeSet, HashMap};

use litemap::LiteMap;
use sqlx::AnyConnection;
use tracing::{Instrument, trace_span};

use super::super::audit::Act;
use super::super::journal::{append, body_of, failure_body};
use super::super::sql::{Cell, Columns, rows, run};
use super::super::{Lease, Store, StoreError};
use super::account_changes::changed_lives;
use super::load::Loaded;
use super::verdicts::changed_crossings;
use crate::domain::{AccountKey, AccountName, Harvest, Limit, Meter, Month, Reason, Timestamp};
use crate::metering::{Book, Correction, LifeEvent, Moved, OwnerChange, Settled};
use crate::quota::{Channel, Decided};
use crate::standing::{Judged, MappedTo};

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
    /// What is believed once all of it is: the book before, with what was settled.
    pub after: Book,
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
    /// What sold limits were judged by, of the same accounts, where their services have more than one.
    pub together: HashMap<AccountName, LiteMap<Meter, Judged>>,
    /// What the names of accounts mean to WHMCS; of others nothing changes.
    pub mapped: HashMap<AccountName, MappedTo>,
    /// What was decided.
    pub decided: Decided,
    /// The channels its notifications go by.
    pub channels: &'a [Channel],
}

/// Whom an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All accounts: one that is not in a complete list is gone.
    All,
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
        self.commit_said(lease, loaded, correction, settled, JudgedPoll::default(), at).await
    }

    /// Writes that days have another payer, by the same way. `mapped` is what their account's name means to WHMCS
    /// from now on, where that is known.
    pub async fn commit_move(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        moved: &Moved,
        owners: Vec<OwnerChange>,
        mapped: Option<MappedTo>,
        at: Timestamp,
    ) -> Result<Committed, StoreError> {
        let mapped = mapped.map(|mapped| (moved.account.clone(), mapped)).into_iter().collect();
        let judged = JudgedPoll { mapped, ..JudgedPoll::default() };
        let (last_look, list_doubt) = (loaded.book.last_look, loaded.book.list_doubt);
        let settled = Settled { owners, last_look, list_doubt, ..Settled::default() };
        self.commit_said(lease, loaded, &Correction::Moved(moved.clone()), settled, judged, at).await
    }

    /// Writes what an operator has said.
    async fn commit_said(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        correction: &Correction,
        settled: Settled,
        judged: JudgedPoll<'_>,
        at: Timestamp,
    ) -> Result<Committed, StoreError> {
        let (sql, name) = ("SELECT kind FROM backend WHERE name = ?", lease.backend.as_str());
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, [name.into()]).await?;
        let kind = found.first().map_or(Ok(String::new()), |row| Columns::of(row).text())?;
        drop(on);
        let harvest = Harvest::new();
        let after = loaded.book.after(&settled);
        let poll = Poll { at, kind: &kind, harvest: &harvest, settled, after, reach: Reach::History, judged };
        self.commit_with(lease, loaded, poll, Some(correction)).await
    }

    async fn commit_with(
        &self,
        lease: &Lease,
        loaded: &mut Loaded,
        poll: Poll<'_>,
        correction: Option<&Correction>,
    ) -> Result<Committed, StoreError> {
        let after = &poll.after;
        let lives = changed_lives(loaded, after, &poll);
        let before = loaded.version;
        let verdicts = &poll.judged.decided.verdicts;
        let same_doubt = poll.settled.list_doubt == loaded.book.list_doubt;
        let quiet = lives.is_empty() && poll.settled.is_quiet() && verdicts.is_empty() && same_doubt;
        let version = if quiet { before } else { before + 1 };
        let crossings = changed_crossings(loaded, verdicts);
        let body = trace_span!("journal").in_scope(|| {
            body_of(poll.harvest, &poll.settled, &loaded.book, after, poll.at, correction, &crossings)
        })?;

        let mut tx = self.begin_write_at(poll.at).await?;
        let last = self.claim_version(&mut tx, lease, before).await?;
        let renamed = renamed(&loaded.book, &poll.settled);
        self.leave_names(&mut tx, loaded.ids, &poll.settled).await?;
        self.put_lives(&mut tx, lease, loaded.ids, after, &lives, version).await?;
        self.put_holdings(&mut tx, loaded, &poll.settled).await?;
        self.put_beliefs(&mut tx, loaded.ids, &poll.settled, after, version).await?;
        let day_points = self.put_days(&mut tx, lease, loaded, &poll.settled).await?;
        self.put_parts(&mut tx, loaded, &poll.settled).await?;
        self.rename_pins(&mut tx, &lease.backend, &renamed).await?;
        self.put_estimates(&mut tx, loaded.ids, poll.harvest, after).await?;
        self.put_charges(&mut tx, loaded.ids, poll.harvest, after).await?;
        let broken_down = match poll.reach {
            Reach::History => Default::default(),
            Reach::All | Reach::Some => self.put_breakdowns(&mut tx, loaded, poll.harvest, after).await?,
        };
        let entry = last.0 + i64::from(body.is_some());
        self.put_verdicts(&mut tx, lease, loaded, after, &poll, (&crossings, entry)).await?;
        if let Some(Correction::Forgotten(forgetting)) = correction {
            self.put_forgotten(&mut tx, &lease.backend, forgetting, poll.at).await?;
        }
        let chain = match &body {
            Some(body) => {
                let appended = append(self, &mut tx, lease, (last.0, &last.1), poll.at, body, None);
                appended.instrument(trace_span!("journal")).await?
            }
            None => last.1,
        };
        let sql = "UPDATE backend SET version = ?, kind = ?, last_look = ?, next_life = ?, next_holding = ?,
            entries = ?, chain = ?, list_doubt_at = ?, list_missing = ?, list_of = ?, list_accepted = ?
            WHERE name = ?";
        let doubt = poll.settled.list_doubt;
        let cells = [
            version.into(),
            poll.kind.into(),
            poll.settled.last_look.into(),
            i64::from(after.next_life.get()).into(),
            i64::from(after.next_holding.get()).into(),
            entry.into(),
            chain.as_str().into(),
            doubt.map(|doubt| doubt.since).into(),
            doubt.map(|doubt| i64::from(doubt.missing)).into(),
            doubt.map(|doubt| i64::from(doubt.of)).into(),
            doubt.map(|doubt| doubt.accepted).into(),
            lease.backend.as_str().into(),
        ];
        run(&mut tx, self.dialect, sql, cells).await?;
        if let Some(Correction::Moved(moved)) = correction {
            self.put_act(&mut tx, &moved_by_hand(lease, loaded, moved, poll.at)).await?;
        }
        let mut unclaimed = None;
        if poll.reach == Reach::All {
            self.put_success(&mut tx, lease, loaded, &poll).await?;
            // A list that is doubted names no account, and so not of what is unowned.
            if poll.settled.list_doubt.is_none() {
                unclaimed = Some(self.put_unclaimed(&mut tx, loaded, poll.harvest, poll.at).await?);
            }
        }
        tx.commit().instrument(trace_span!("disk")).await?;

        let days = poll.settled.changes.iter().flat_map(|change| change.days.keys());
        let months: BTreeSet<Month> = days.map(|(_, day)| day.month()).collect();
        let owners_changed = !poll.settled.owners.is_empty();
        let changed = changed_names(&loaded.book, after, &lives, &poll.settled);
        loaded.book = poll.after;
        loaded.facts.extend(lives);
        loaded.broken_down.extend(broken_down);
        loaded.unclaimed = unclaimed.unwrap_or_else(|| std::mem::take(&mut loaded.unclaimed));
        for verdict in poll.judged.decided.verdicts {
            loaded.crossings.insert(verdict.holding, verdict.crossings);
            loaded.holds.insert(verdict.account, verdict.hold);
        }
        loaded.version = version;
        if !quiet {
            let moved = if owners_changed { None } else { Some(months) };
            self.committed(&lease.backend, poll.kind, before, loaded, changed, moved);
        }
        Ok(Committed { day_points, version })
    }

    /// Writes down that all accounts were asked for, and that the panel answered.
    async fn put_success(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        loaded: &Loaded,
        poll: &Poll<'_>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE backend SET polled_at = ?, succeeded_at = ?, failing_since = NULL, reason = NULL,
            detail = NULL, total_at = ?, total_bytes = ?, seats_used = ?,
            seats_licensed = ?, roads = ? WHERE name = ?";
        let roads = loaded.roads_with(&poll.harvest.road()).join("\n");
        let total = poll.harvest.server_total();
        let seats = poll.harvest.seats();
        // A count that the database cannot hold is no count.
        let count = |seats: Option<u64>| seats.and_then(|seats| i64::try_from(seats).ok());
        let cells = [
            poll.at.into(),
            poll.at.into(),
            total.map(|total| total.at).into(),
            total.map(|total| total.stored).into(),
            count(seats.used).into(),
            count(seats.licensed).into(),
            roads.into(),
            lease.backend.as_str().into(),
        ];
        run(on, self.dialect, sql, cells).await.map(drop)
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
            append(self, &mut tx, lease, (entries, &chain), at, &body, None).await?
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
        tx.commit().await
    }

    /// Checks fence and version under the row's lock; returns the journal's last entry and link.
    pub(super) async fn claim_version(
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

/// The names of accounts that the panel calls otherwise now: what they were called, and are.
fn renamed(before: &Book, settled: &Settled) -> Vec<(AccountName, AccountName)> {
    let renamed = settled.lives.iter().filter_map(|change| match &change.event {
        LifeEvent::Renamed(new) => {
            let old = &before.lives.get(&change.life)?.name;
            // An earlier life of a name has no say in what is pinned to it.
            let is_its = before.names.get(old) == Some(&change.life);
            is_its.then(|| (old.clone(), new.clone()))
        }
        _ => None,
    });
    renamed.collect()
}

fn moved_by_hand(lease: &Lease, loaded: &Loaded, moved: &Moved, at: Timestamp) -> Act {
    let life = loaded.book.called(&moved.account).and_then(|no| loaded.book.lives.get(&no));
    Act {
        at,
        actor: moved.author.clone(),
        account: AccountKey { backend: lease.backend.clone(), name: moved.account.clone() },
        action: "move",
        before: life.map(|life| life.owner().to_string()),
        after: Some(format!("service {} from {} on", moved.service, moved.since)),
        why: "asked for by hand".into(),
        answer: String::new(),
    }
}

/// The accounts whose standing changes, in order.
fn changed_names(
    before: &Book,
    after: &Book,
    lives: &std::collections::BTreeMap<crate::domain::LifeNo, crate::standing::AccountStanding>,
    settled: &Settled,
) -> Vec<AccountName> {
    let moved = settled.changes.iter().map(|change| &change.life);
    let renamed = settled.lives.iter().filter_map(|change| match &change.event {
        LifeEvent::Renamed(_) => Some(&change.life),
        _ => None,
    });
    let parted = settled.owners.iter().map(|change| match change {
        OwnerChange::Opened { life, .. } | OwnerChange::Parted { life, .. } => *life,
    });
    // Under the name that an account leaves nothing may stay.
    let left = renamed.clone().filter_map(|no| before.lives.get(no).map(|life| &life.name));
    let lives = lives.keys().chain(moved).chain(renamed).copied().chain(parted);
    let named = lives.filter_map(|no| after.lives.get(&no).map(|life| &life.name));
    let names: BTreeSet<&AccountName> = named.chain(left).collect();
    names.into_iter().cloned().collect()
}
