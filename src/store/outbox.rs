//! The outbox: what is to be reported and done, claimed by compare-and-set, retried, and kept when it is over.
//!
//! Its rows are made in the transaction of the poll that decided them. What is promised is kept until
//! it was delivered, given up or dropped, each of which can be read here afterwards.

use sqlx::AnyConnection;

use super::dialect::Merge::{Keep, Replace};
use super::sql::{Cell, Columns, Table, rows, run};
use super::{Store, StoreError};
use crate::domain::{AccountKey, BackendId, Policy, Seconds, Timestamp};
use crate::quota::{Channel, Notification};

mod row;

use row::{COLUMNS, entry};
pub(super) use row::{notification_cells, report_cells, switch_cells};

/// A claim lasts this long: a process that dies with it keeps others out no longer.
const CLAIM: Seconds = Seconds::new(15 * 60);

/// No pause is longer than an hour, and no claim than [`CLAIM`]. What is due, or claimed, for twice as long
/// was put off by a clock that has since been set back. Twice: replicas' clocks differ, and a time asked for
/// before the write lock was had is older than what was written meanwhile.
const CLOCK_WAS_SET_BACK: (Seconds, Seconds) = (Seconds::new(2 * 3600), Seconds::new(2 * CLAIM.get()));

/// What a new entry is made of. A key that is there already is the same promise: it keeps its state, whoever
/// decided it again.
const OUTBOX: Table = Table {
    name: "outbox",
    keys: &["entry_key", "channel"],
    rest: &[
        ("id", Keep),
        ("occasion", Keep),
        ("backend", Keep),
        ("account", Keep),
        ("holding", Keep),
        ("meter", Keep),
        ("threshold", Keep),
        ("episode", Keep),
        ("reminder", Keep),
        ("used", Keep),
        ("allowed", Keep),
        ("since", Keep),
        ("template", Keep),
        ("mail_to", Keep),
        ("product", Keep),
        ("why", Keep),
        ("made_at", Replace),
        ("waits_for", Keep),
        ("state", Keep),
        ("due_at", Keep),
        ("attempts", Keep),
        ("entry", Keep),
    ],
};

/// The channel of switches.
pub(super) const POLICY: &str = "policy";

/// The occasion of reports.
const REPORT: &str = "report";

/// One promise and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// Its derived key.
    pub key: String,
    /// What was promised.
    pub promise: Promise,
    /// When it was.
    pub made_at: Timestamp,
    /// Whether it waits, or how it ended.
    pub state: EntryState,
    /// The switch that has to be done first.
    pub waits_for: Option<i64>,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When an attempt began whose outcome is not known.
    pub tried_at: Option<Timestamp>,
    /// What the other side, or the trouble, said last.
    pub said: Option<String>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

/// What is promised.
#[derive(Clone, Debug, PartialEq)]
pub enum Promise {
    /// To notify somebody.
    Notify(Channel, Notification),
    /// To put the account under a policy.
    Switch {
        /// Whom.
        account: AccountKey,
        /// Which.
        to: Policy,
        /// Why, for the audit.
        why: String,
    },
    /// To mail staff the report that is kept under the entry's key.
    Report {
        /// To whom; to those that the channel is for where nobody is named.
        to: Vec<String>,
    },
}

impl Promise {
    /// Its channel: that of the notification, or `policy`.
    pub fn channel(&self) -> &'static str {
        match self {
            Promise::Notify(channel, _) => channel.name(),
            Promise::Switch { .. } => POLICY,
            Promise::Report { .. } => Channel::Smtp.name(),
        }
    }

    /// What it is, in a word: an occasion, a policy or `report`.
    pub fn kind(&self) -> &'static str {
        match self {
            Promise::Notify(_, notification) => notification.occasion.name(),
            Promise::Switch { to, .. } => to.name(),
            Promise::Report { .. } => REPORT,
        }
    }

    /// The account that it is about; a report is about all.
    pub fn account(&self) -> Option<&AccountKey> {
        match self {
            Promise::Notify(_, notification) => Some(&notification.account),
            Promise::Switch { account, .. } => Some(account),
            Promise::Report { .. } => None,
        }
    }
}

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// It waits to be tried, again or for the first time.
    Waiting,
    /// Done.
    Delivered,
    /// A newer switch took its place.
    Superseded,
    /// Tried for long, or found to be useless to try.
    GaveUp,
    /// No longer true, or taken out by an operator.
    Dropped,
}

impl EntryState {
    /// Every state.
    pub const ALL: [EntryState; 5] = [
        EntryState::Waiting,
        EntryState::Delivered,
        EntryState::Superseded,
        EntryState::GaveUp,
        EntryState::Dropped,
    ];

    /// Its name in the database, in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            EntryState::Waiting => "waiting",
            EntryState::Delivered => "delivered",
            EntryState::Superseded => "superseded",
            EntryState::GaveUp => "gave_up",
            EntryState::Dropped => "dropped",
        }
    }
}

/// What waits on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The channel's name, or `policy`.
    pub channel: String,
    /// How many entries.
    pub entries: u64,
    /// When the oldest of them was made.
    pub oldest: Timestamp,
}

/// An alert that has to be kept firing.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// What it says.
    pub notification: Notification,
}

/// A part of the outbox that is worked on by itself, so that no part waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The switches of one backend.
    Switches(BackendId),
    /// The notifications of one channel.
    Notifications(Channel),
    /// The switches of one account, for a caller that waits for them.
    Account(AccountKey),
    /// One report, by its key, for a caller that waits for it.
    Report(String),
}

impl Lane {
    fn filter(&self) -> (&'static str, Vec<Cell>) {
        match self {
            Lane::Switches(backend) => {
                ("AND o.channel = 'policy' AND o.backend = ?", vec![backend.as_str().into()])
            }
            Lane::Notifications(channel) => ("AND o.channel = ?", vec![channel.name().into()]),
            Lane::Account(AccountKey { backend, name }) => (
                "AND o.channel = 'policy' AND o.backend = ? AND o.account = ?",
                vec![backend.as_str().into(), name.as_str().into()],
            ),
            Lane::Report(key) => {
                ("AND o.channel = 'smtp' AND o.backend = '' AND o.entry_key = ?", vec![key.as_str().into()])
            }
        }
    }
}

impl Store {
    pub(super) async fn put_entries(
        &self,
        on: &mut AnyConnection,
        cells: Vec<[Cell; 24]>,
    ) -> Result<(), StoreError> {
        OUTBOX.put(on, self.dialect, cells).await
    }

    /// Claims up to `most` entries that are due, in order for each account and channel: what is claimed
    /// is nobody else's until the claim runs out. Reports, which have no account, wait for none that was made before.
    pub async fn claim_due(
        &self,
        lane: &Lane,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (filter, wanted) = lane.filter();
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox o WHERE o.state = 'waiting' AND o.waits_for IS NULL {filter}
            AND (o.due_at <= ? OR o.due_at > ?)
            AND (o.claimed_until IS NULL OR o.claimed_until <= ? OR o.claimed_until > ?)
            AND (o.backend = '' OR NOT EXISTS (SELECT 1 FROM outbox e WHERE e.backend = o.backend AND e.account = o.account
                AND e.channel = o.channel AND e.state = 'waiting' AND e.waits_for IS NULL AND e.id < o.id))
            ORDER BY o.due_at, o.id LIMIT {most}"
        );
        let time = |length| Cell::from(now.plus(length));
        let cells = || {
            let (due, claimed) = CLOCK_WAS_SET_BACK;
            let times = [now.into(), time(due), now.into(), time(claimed)];
            wanted.iter().cloned().chain(times).collect::<Vec<Cell>>()
        };
        let mut on = self.readers.acquire().await?;
        // A look first: most of the time nothing is due, and looking needs no lock.
        if rows(&mut on, self.dialect, &sql, cells()).await?.is_empty() {
            return Ok(Vec::new());
        }
        drop(on);
        let mut tx = self.begin_write().await?;
        let mut claimed = Vec::new();
        for row in rows(&mut tx, self.dialect, &sql, cells()).await? {
            let entry = entry(&row)?;
            // Each claim has its own number of attempts: of two that saw the same, one wins.
            let sql = "UPDATE outbox SET attempts = attempts + 1, claimed_until = ?, tried_at = COALESCE(tried_at, ?)
                WHERE id = ? AND state = 'waiting' AND attempts = ?";
            let cells = [time(CLAIM), now.into(), entry.id.into(), i64::from(entry.attempts).into()];
            if run(&mut tx, self.dialect, sql, cells).await? == 1 {
                claimed.push(Entry { attempts: entry.attempts + 1, ..entry });
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Writes down that a notification was delivered. `false` when the claim was lost meanwhile.
    pub async fn delivered(&self, entry: &Entry, answer: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.end(entry, EntryState::Delivered, answer, now).await
    }

    /// Writes down that a notification is given up.
    pub async fn gave_up(&self, entry: &Entry, why: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.end(entry, EntryState::GaveUp, why, now).await
    }

    async fn end(
        &self,
        entry: &Entry,
        state: EntryState,
        said: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let ended = self.end_entry(&mut tx, entry, state, said, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    pub(super) async fn end_entry(
        &self,
        on: &mut AnyConnection,
        entry: &Entry,
        state: EntryState,
        said: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE outbox SET state = ?, said = ?, ended_at = ?, claimed_until = NULL, tried_at = NULL
            WHERE id = ? AND state = 'waiting' AND attempts = ?";
        let cells =
            [state.name().into(), said.into(), now.into(), entry.id.into(), i64::from(entry.attempts).into()];
        Ok(run(on, self.dialect, sql, cells).await? == 1)
    }

    /// Puts an entry off until `due_at`. `unknown` says that this attempt may have arrived all the same.
    pub async fn put_off(
        &self,
        entry: &Entry,
        due_at: Timestamp,
        why: &str,
        unknown: bool,
    ) -> Result<bool, StoreError> {
        let kept = if unknown { "tried_at" } else { "NULL" };
        let sql = format!(
            "UPDATE outbox SET due_at = ?, said = ?, claimed_until = NULL, tried_at = {kept}
            WHERE id = ? AND state = 'waiting' AND attempts = ?"
        );
        let cells = [due_at.into(), why.into(), entry.id.into(), i64::from(entry.attempts).into()];
        let mut tx = self.begin_write().await?;
        let done = run(&mut tx, self.dialect, &sql, cells).await? == 1;
        tx.commit().await?;
        Ok(done)
    }

    /// The entries of these states, newest first, at most `most`.
    pub async fn entries(&self, states: &[EntryState], most: usize) -> Result<Vec<Entry>, StoreError> {
        self.entries_before(states, None, most).await
    }

    /// The same, older than the one with the number `before`.
    pub async fn entries_before(
        &self,
        states: &[EntryState],
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let names: Vec<String> = states.iter().map(|state| format!("'{}'", state.name())).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox o WHERE o.state IN ({}) AND o.id < ? ORDER BY o.id DESC LIMIT {most}",
            names.join(", ")
        );
        let mut on = self.readers.acquire().await?;
        let before = [before.unwrap_or(i64::MAX).into()];
        rows(&mut on, self.dialect, &sql, before).await?.iter().map(entry).collect()
    }

    /// The entry of a key; where it is promised by several channels, that of one of them.
    pub async fn entry_of(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox o WHERE o.entry_key = ? ORDER BY o.id LIMIT 1");
        let mut on = self.readers.acquire().await?;
        rows(&mut on, self.dialect, &sql, [key.into()]).await?.first().map(entry).transpose()
    }

    /// The newest waiting switch of an account.
    pub(super) async fn newest_switch(
        &self,
        on: &mut AnyConnection,
        account: &AccountKey,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT id FROM outbox WHERE backend = ? AND account = ? AND channel = 'policy'
            AND state = 'waiting' ORDER BY id DESC LIMIT 1";
        let cells = [account.backend.as_str().into(), account.name.as_str().into()];
        let found = rows(on, self.dialect, sql, cells).await?;
        found.first().map(|row| Columns::of(row).int()).transpose()
    }

    /// Has an entry tried again now, also one that was given up. `false` when there is none to retry.
    pub async fn retry_entry(&self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE outbox SET state = 'waiting', due_at = ?, made_at = ?, claimed_until = NULL, ended_at = NULL
            WHERE id = ? AND state IN ('waiting', 'gave_up')";
        self.touch(sql, vec![now.into(), now.into(), id.into()]).await
    }

    /// Takes a waiting or given-up entry out. `false` when there is none.
    pub async fn drop_entry(&self, id: i64, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE outbox SET state = 'dropped', said = ?, ended_at = ?, claimed_until = NULL
            WHERE id = ? AND state IN ('waiting', 'gave_up')";
        let said = format!("dropped by {who}");
        let done = self.touch(sql, vec![said.as_str().into(), now.into(), id.into()]).await?;
        if done {
            // What waited for it would wait for ever.
            let sql = "UPDATE outbox SET state = 'dropped', waits_for = NULL, said = ?, ended_at = ?
                WHERE waits_for = ?";
            self.touch(sql, vec![said.as_str().into(), now.into(), id.into()]).await?;
        }
        Ok(done)
    }

    /// Forgets what ended before `before`; alerts are kept as long as they may fire.
    pub async fn prune_outbox(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM outbox WHERE state <> 'waiting' AND state <> 'gave_up' AND ended_at < ?
            AND channel <> 'alertmanager'";
        let mut tx = self.begin_write().await?;
        let gone = run(&mut tx, self.dialect, sql, [before.into()]).await?;
        tx.commit().await?;
        Ok(gone)
    }

    async fn touch(&self, sql: &str, cells: Vec<Cell>) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let done = run(&mut tx, self.dialect, sql, cells).await? == 1;
        tx.commit().await?;
        Ok(done)
    }

    /// What waits, by channel.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let sql = "SELECT channel, COUNT(*), MIN(made_at) FROM outbox WHERE state = 'waiting'
            AND waits_for IS NULL GROUP BY channel";
        let mut on = self.readers.acquire().await?;
        let mut waiting = Vec::new();
        for row in rows(&mut on, self.dialect, sql, []).await? {
            let mut columns = Columns::of(&row);
            waiting.push(Waiting {
                channel: columns.text()?,
                entries: columns.int()?.max(0) as u64,
                oldest: columns.time()?,
            });
        }
        Ok(waiting)
    }

    /// The alerts that were reported and still hold.
    pub async fn firing(&self) -> Result<Vec<Firing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, c.meter FROM outbox o JOIN crossing c ON c.holding = o.holding
                AND c.threshold = o.threshold AND c.episode = o.episode
            JOIN holding h ON h.id = o.holding JOIN life l ON l.id = h.life
            WHERE o.channel = 'alertmanager' AND o.occasion IN ('notify', 'limited')
            AND o.state = 'delivered' AND c.since IS NOT NULL AND l.ended_at IS NULL"
        );
        let mut on = self.readers.acquire().await?;
        let mut firing = Vec::new();
        for row in rows(&mut on, self.dialect, &sql, []).await? {
            let crossed = Columns::from(&row, row::COUNT).meter()?;
            if let Promise::Notify(_, notification) = entry(&row)?.promise
                && notification.meter == crossed
            {
                firing.push(Firing { notification });
            }
        }
        Ok(firing)
    }
}
