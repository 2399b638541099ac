//! How switches come out, and what operators fix: the dispatcher's and the operator's part of an account's
//! policy. Each is one transaction with its line in the audit.

use sqlx::AnyConnection;

use super::audit::Act;
use super::dialect::Merge::{Keep, Replace};
use super::ledger::hold;
use super::outbox::{Entry, EntryState, Promise};
use super::sql::{Cell, Columns, Table, rows, run};
use super::tables::{Ids, life};
use super::{Store, StoreError};
use crate::domain::{AccountKey, Policy, Source, Timestamp};
use crate::quota::{Channel, Conflict, Hold, Occasion, Pin};

/// Everything known of an account's policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyState {
    /// Which policy is wanted, and how far that has come.
    pub hold: Hold,
    /// What the panel enforced when it was last seen.
    pub shown: Option<Policy>,
    /// Whether what was there before is stored.
    pub remembers: bool,
    /// What was set outside whmeter, where it was left alone.
    pub left_alone: Option<String>,
    /// Who has pinned it, and when.
    pub pinned_by: Option<(String, Timestamp)>,
    /// Since when it is not known what the panel enforces: the journal was taken back to before the account was
    /// seen, and it has not been read since.
    pub unknown_since: Option<Timestamp>,
}

impl PolicyState {
    /// Whether the panel enforces another policy than we want.
    pub fn conflict(&self) -> Option<Conflict> {
        if self.unknown_since.is_some() {
            return None;
        }
        self.hold.conflict(self.shown)
    }

    /// Since when it is unknown what the panel enforces, for people.
    pub fn not_known(&self) -> Option<String> {
        let since = self.unknown_since?;
        Some(format!("not known until the next poll: the journal was taken back at {since}"))
    }

    /// What else there is to be said of it, for people; empty where all is as it should be.
    pub fn note(&self) -> String {
        if let Some(not_known) = self.not_known() {
            return not_known;
        }
        match (self.describe_conflict(), &self.left_alone, self.hold.confirmed_at) {
            (Some(shown), ..) => shown,
            (None, Some(found), _) => format!("changed outside whmeter: {found}"),
            (None, None, None) if self.hold.number > 0 => "not taken by the panel yet".into(),
            (None, None, _) => String::new(),
        }
    }

    /// The conflict for people: what the panel has instead.
    pub fn describe_conflict(&self) -> Option<String> {
        let found = self.left_alone.as_deref().unwrap_or("what the panel has");
        Some(match self.conflict()? {
            Conflict::StillLimited => format!("left alone, still limited by {found}"),
            Conflict::LeftAlone => format!("left alone, not limited: {found} was set outside whmeter"),
            Conflict::Lost => {
                let again = self.hold.again_at().map(|at| at.to_utc().to_rfc3339()).unwrap_or_default();
                format!(
                    "not limited: the panel has lost the limited policy; set again by a poll after {again}"
                )
            }
        })
    }
}

/// What [`state`] reads, of a life `l`, its policy `p` and its backend `b`.
const STATE: &str =
    "l.policy, p.wanted, p.number, p.again, p.confirmed, p.confirmed_at, p.left_alone, p.pinned,
    p.pinned_until, p.memory, p.left_alone, p.pinned_by, p.pinned_at, b.rewound_at, b.succeeded_at";

/// How a switch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchEnd {
    /// The panel has it, read back. Says what it answered.
    Took(String),
    /// Nothing had been changed, so there was nothing to bring back.
    Nothing,
    /// The account was changed outside whmeter: theirs stands.
    LeftAlone {
        /// What the panel has now.
        found: String,
        /// Whether that still limits it.
        limited: bool,
    },
    /// Trying is useless, or has lasted too long.
    GaveUp(String),
    /// A newer switch takes its place.
    Superseded,
}

/// The operator's part of the table of policies.
const PINNED: Table = Table {
    name: "policy",
    keys: &["backend", "account"],
    rest: &[
        ("wanted", Keep),
        ("number", Keep),
        ("pinned", Replace),
        ("pinned_until", Replace),
        ("pinned_by", Replace),
        ("pinned_at", Replace),
    ],
};

fn key_cells(account: &AccountKey) -> [Cell; 2] {
    [account.backend.as_str().into(), account.name.as_str().into()]
}

/// What came of concluding a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concluded {
    /// It is written down.
    Yes,
    /// Another process has concluded it meanwhile.
    Elsewhere,
}

impl Store {
    /// What has to be known before a switch is carried out: `None` where a newer one waits behind it.
    pub async fn switch_is_newest(&self, entry: &Entry) -> Result<bool, StoreError> {
        let mut on = self.readers.acquire().await?;
        let Promise::Switch { account, .. } = &entry.promise else {
            return Err(StoreError::corrupt(&entry.key, "a switch"));
        };
        Ok(self.newest_switch(&mut on, account).await? == Some(entry.id))
    }

    /// What was there before the account was first limited.
    pub async fn memory(&self, account: &AccountKey) -> Result<Option<String>, StoreError> {
        let sql = "SELECT memory FROM policy WHERE backend = ? AND account = ?";
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, key_cells(account)).await?;
        found.first().map_or(Ok(None), |row| Columns::of(row).maybe_text())
    }

    /// Stores what was there before, unless something is stored already; returns what is stored.
    pub async fn keep_memory(&self, account: &AccountKey, memory: &str) -> Result<String, StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE policy SET memory = ? WHERE backend = ? AND account = ? AND memory IS NULL";
        let [backend, name] = key_cells(account);
        run(&mut tx, self.dialect, sql, [memory.into(), backend, name]).await?;
        let sql = "SELECT memory FROM policy WHERE backend = ? AND account = ?";
        let found = rows(&mut tx, self.dialect, sql, key_cells(account)).await?;
        tx.commit().await?;
        let kept = found.first().map(|row| Columns::of(row).maybe_text()).transpose()?.flatten();
        kept.ok_or_else(|| StoreError::corrupt("nothing", "a row of policy"))
    }

    /// The counters that were last seen in an account and belong to its panel.
    pub async fn sources_of(&self, account: &AccountKey) -> Result<Vec<Source>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let life = self.known_account(&mut on, account).await?;
        let sql = "SELECT DISTINCT source FROM baseline WHERE backend = ? AND own = 0 AND holder = ?";
        let cells = [Ids::backend_of(life).into(), life.into()];
        let found = rows(&mut on, self.dialect, sql, cells).await?;
        let sources = found.iter().map(|row| {
            let name = Columns::of(row).text()?;
            Source::new(&name).map_err(|error| StoreError::corrupt(error, "a counter's name"))
        });
        sources.collect()
    }

    /// Makes sure that an account was ever seen.
    pub(super) async fn known_account(
        &self,
        on: &mut AnyConnection,
        account: &AccountKey,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT id FROM life WHERE backend = ? AND label = ?";
        let found = rows(on, self.dialect, sql, key_cells(account)).await?;
        match found.first() {
            Some(row) => Columns::of(row).int(),
            None => Err(StoreError::corrupt(&account.name, "a known account")),
        }
    }

    /// Writes down how a switch ended, with all that follows: what the account shows, the notifications that
    /// waited for it, and the audit.
    pub async fn conclude(
        &self,
        entry: &Entry,
        end: &SwitchEnd,
        now: Timestamp,
    ) -> Result<Concluded, StoreError> {
        let Promise::Switch { account, to, why } = &entry.promise else {
            return Err(StoreError::corrupt(&entry.key, "a switch"));
        };
        let mut tx = self.begin_write_at(now).await?;
        let (state, said) = match end {
            SwitchEnd::Took(answer) => (EntryState::Delivered, answer.as_str()),
            SwitchEnd::Nothing => (EntryState::Delivered, "nothing had been changed"),
            SwitchEnd::LeftAlone { found, .. } => (EntryState::Delivered, found.as_str()),
            SwitchEnd::GaveUp(why) => (EntryState::GaveUp, why.as_str()),
            SwitchEnd::Superseded => (EntryState::Superseded, "a newer switch took its place"),
        };
        if !self.end_entry(&mut tx, entry, state, said, now).await? {
            return Ok(Concluded::Elsewhere);
        }
        self.known_account(&mut tx, account).await?;
        self.confirm(&mut tx, entry, account, *to, end, now).await?;
        self.free_letters(&mut tx, entry, end, now).await?;
        if *end != SwitchEnd::Superseded {
            let (before, after) = match to {
                Policy::Limited => (Policy::Standard, Policy::Limited),
                Policy::Standard => (Policy::Limited, Policy::Standard),
            };
            let after = match end {
                SwitchEnd::LeftAlone { found, limited: true } => {
                    format!("left alone, still limited by {found}")
                }
                SwitchEnd::LeftAlone { found, .. } => format!("left as it was found: {found}"),
                SwitchEnd::GaveUp(_) => "not changed".into(),
                SwitchEnd::Took(_) | SwitchEnd::Nothing => after.name().into(),
                SwitchEnd::Superseded => String::new(),
            };
            let act = Act {
                at: now,
                actor: self.who_wants(&mut tx, account, *to, now).await?,
                account: account.clone(),
                action: if *to == Policy::Limited { "limit" } else { "restore" },
                before: Some(before.name().into()),
                after: Some(after),
                why: why.clone(),
                answer: said.into(),
            };
            self.put_act(&mut tx, &act).await?;
        }
        tx.commit().await?;
        self.publish(&account.backend);
        Ok(Concluded::Yes)
    }

    /// Whose word a switch to this policy is: the one's who has pinned the account to it, else usage's.
    async fn who_wants(
        &self,
        on: &mut AnyConnection,
        account: &AccountKey,
        to: Policy,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let sql = "SELECT pinned, pinned_until, pinned_by FROM policy WHERE backend = ? AND account = ?";
        let found = rows(on, self.dialect, sql, key_cells(account)).await?;
        let Some(row) = found.first() else { return Ok("usage".into()) };
        let mut columns = Columns::of(row);
        let (pinned, until, by) = (columns.maybe_text()?, columns.maybe_time()?, columns.maybe_text()?);
        let is_pinned = pinned.as_deref() == Some(to.name()) && until.is_none_or(|until| until > now);
        Ok(by.filter(|_| is_pinned).unwrap_or_else(|| "usage".into()))
    }

    async fn confirm(
        &self,
        on: &mut AnyConnection,
        entry: &Entry,
        account: &AccountKey,
        to: Policy,
        end: &SwitchEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (found, forget) = match end {
            SwitchEnd::Took(_) => (None, to == Policy::Standard),
            SwitchEnd::Nothing => (None, true),
            // Where ours still limits, there is something to bring back once theirs is gone.
            SwitchEnd::LeftAlone { found, limited } => (Some(found.as_str()), !limited),
            SwitchEnd::GaveUp(_) | SwitchEnd::Superseded => return Ok(()),
        };
        // Only for the newest order: an older one that ends late says nothing of what is wanted now.
        let number: u32 = entry.key.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let sql = "UPDATE policy SET confirmed = ?, confirmed_at = ?, left_alone = ?
            WHERE backend = ? AND account = ?";
        let [backend, name] = key_cells(account);
        run(on, self.dialect, sql, [i64::from(number).into(), now.into(), found.into(), backend, name])
            .await?;
        if forget {
            let sql = "UPDATE policy SET memory = NULL WHERE backend = ? AND account = ?";
            run(on, self.dialect, sql, key_cells(account)).await?;
        }
        // What was read back is what the panel shows.
        let shown = match end {
            SwitchEnd::LeftAlone { limited: true, .. } => Some(Policy::Limited.name()),
            SwitchEnd::LeftAlone { .. } => None,
            _ => Some(to.name()),
        };
        let sql = "UPDATE life SET policy = ? WHERE backend = ? AND label = ?";
        let [backend, name] = key_cells(account);
        run(on, self.dialect, sql, [shown.into(), backend, name]).await?;
        self.acted(on, account).await
    }

    /// Makes readers look at the account again, without disturbing a poll under way.
    async fn acted(&self, on: &mut AnyConnection, key: &AccountKey) -> Result<(), StoreError> {
        let sql = "UPDATE backend SET acts = acts + 1 WHERE name = ?";
        run(on, self.dialect, sql, [key.backend.as_str().into()]).await?;
        let sql = "UPDATE policy SET acted = (SELECT acts FROM backend WHERE name = ?)
            WHERE backend = ? AND account = ?";
        let [backend, name] = key_cells(key);
        run(on, self.dialect, sql, [backend.clone(), backend, name]).await.map(drop)
    }

    /// Notifications that waited for a switch: sent when it is true, otherwise what is true instead.
    async fn free_letters(
        &self,
        on: &mut AnyConnection,
        entry: &Entry,
        end: &SwitchEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let waiting = || [entry.id.into()];
        let set_free = "UPDATE outbox SET waits_for = NULL WHERE waits_for = ?";
        let drop_them = "UPDATE outbox SET waits_for = NULL, state = 'dropped', ended_at = made_at,
            said = 'the policy switch it reports was not made' WHERE waits_for = ?";
        // The threshold was crossed all the same.
        let only_crossed = "UPDATE outbox SET occasion = 'notify', template = NULL WHERE waits_for = ? \
             AND occasion = 'limited'";
        match end {
            SwitchEnd::Took(_) => {
                // Due from now on, so that the switch's own delay does not count as theirs.
                let sql = "UPDATE outbox SET due_at = ? WHERE waits_for = ?";
                run(on, self.dialect, sql, [now.into(), entry.id.into()]).await?;
            }
            SwitchEnd::Nothing | SwitchEnd::Superseded => {
                run(on, self.dialect, drop_them, waiting()).await?;
            }
            SwitchEnd::LeftAlone { .. } => {
                run(on, self.dialect, only_crossed, waiting()).await?;
                let sql = format!("{drop_them} AND occasion = 'restored'");
                run(on, self.dialect, &sql, waiting()).await?;
            }
            SwitchEnd::GaveUp(_) => {
                let marks: Vec<String> =
                    [Channel::Smtp, Channel::Webhook].map(|c| format!("'{}'", c.name())).into();
                // Each has a key of its own: the notification is another one.
                let failed = Occasion::Failed.name();
                let sql = format!(
                    "UPDATE outbox SET entry_key = {}, occasion = '{failed}' WHERE waits_for = ? AND \
                     channel IN ({})",
                    self.dialect.append("entry_key", &format!("/{failed}")),
                    marks.join(", ")
                );
                run(on, self.dialect, &sql, waiting()).await?;
                run(on, self.dialect, only_crossed, waiting()).await?;
                let sql = format!("{drop_them} AND occasion = 'restored'");
                run(on, self.dialect, &sql, waiting()).await?;
            }
        }
        run(on, self.dialect, set_free, waiting()).await.map(drop)
    }

    /// Everything known of an account's policy; `None` where the account is not known.
    pub async fn policy(&self, account: &AccountKey) -> Result<Option<PolicyState>, StoreError> {
        let seen = "life l LEFT JOIN policy p ON p.backend = l.backend AND p.account = l.label
            JOIN backend b ON b.name = l.backend WHERE l.backend = ? AND l.label = ?";
        // What a restore needs outlives a journal that was taken back to before the account was seen.
        let not_seen = "policy p LEFT JOIN life l ON l.backend = p.backend AND l.label = p.account
            JOIN backend b ON b.name = p.backend WHERE p.backend = ? AND p.account = ?";
        let mut on = self.readers.acquire().await?;
        for from in [seen, not_seen] {
            let sql = format!("SELECT {STATE} FROM {from}");
            if let Some(row) = rows(&mut on, self.dialect, &sql, key_cells(account)).await?.first() {
                return state(&mut Columns::of(row)).map(Some);
            }
        }
        Ok(None)
    }

    /// Every account that is limited or pinned, on its way there or back, or limited against our will.
    pub async fn held_accounts(&self) -> Result<Vec<(AccountKey, PolicyState)>, StoreError> {
        let sql = format!(
            "SELECT p.backend, p.account, {STATE} FROM policy p
            LEFT JOIN life l ON l.backend = p.backend AND l.label = p.account
            JOIN backend b ON b.name = p.backend
            WHERE p.wanted = 'limited' OR p.pinned IS NOT NULL OR p.confirmed IS NULL OR p.confirmed <> p.number
                OR (p.left_alone IS NOT NULL AND l.policy = 'limited')
            ORDER BY p.backend, p.account"
        );
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, &sql, []).await?;
        let held = found.iter().map(|row| {
            let mut columns = Columns::of(row);
            let key = AccountKey { backend: columns.backend()?, name: columns.account()? };
            Ok((key, state(&mut columns)?))
        });
        held.collect()
    }

    /// Fixes an account's policy, or takes the pin away. The next poll carries it out.
    pub async fn pin(
        &self,
        account: &AccountKey,
        pin: Option<Pin>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        self.known_account(&mut tx, account).await?;
        let sql = "SELECT pinned FROM policy WHERE backend = ? AND account = ?";
        let before = rows(&mut tx, self.dialect, sql, key_cells(account)).await?;
        let before = before.first().map_or(Ok(None), |row| Columns::of(row).maybe_text())?;
        let policy = pin.map(|pin| pin.policy.name());
        let [backend, name] = key_cells(account);
        let row: [Cell; 8] = [
            backend,
            name,
            Policy::Standard.name().into(),
            0i64.into(),
            policy.into(),
            pin.and_then(|pin| pin.until).into(),
            by.into(),
            now.into(),
        ];
        PINNED.put(&mut tx, self.dialect, vec![row]).await?;
        let until =
            pin.and_then(|pin| pin.until).map(|until| format!(" until {}", until.to_utc().to_rfc3339()));
        let act = Act {
            at: now,
            actor: by.into(),
            account: account.clone(),
            action: if pin.is_some() { "pin" } else { "unpin" },
            before,
            after: policy.map(|policy| format!("{policy}{}", until.unwrap_or_default())),
            why: "asked for by hand".into(),
            answer: String::new(),
        };
        self.put_act(&mut tx, &act).await?;
        self.acted(&mut tx, account).await?;
        tx.commit().await
    }
}

/// A row of [`STATE`].
fn state(columns: &mut Columns<'_>) -> Result<PolicyState, StoreError> {
    let shown = life::policy(columns.maybe_text()?)?;
    let hold = hold(columns)?;
    let (memory, left_alone) = (columns.maybe_text()?, columns.maybe_text()?);
    let pinned_by = columns.maybe_text()?.zip(columns.maybe_time()?);
    let (rewound_at, looked_at) = (columns.maybe_time()?, columns.maybe_time()?);
    let not_looked = rewound_at.filter(|rewound| looked_at.is_none_or(|looked| looked <= *rewound));
    Ok(PolicyState {
        hold,
        shown,
        remembers: memory.is_some(),
        left_alone: left_alone.filter(|_| hold.left_alone),
        pinned_by,
        unknown_since: not_looked.filter(|_| shown.is_none()),
    })
}
