//! The audit: who or what changed an account, when, from what, to what, why, and with what answer.

use super::dialect::Merge::Keep;
use super::sql::{Cell, Columns, Table, rows, run};
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::{AccountKey, AccountName, BackendId, Timestamp};

/// The acts, for the chronicle: none is ever changed.
pub(super) const AUDIT: Table = Table {
    name: "audit",
    keys: &["id"],
    rest: &[
        ("at", Keep),
        ("actor", Keep),
        ("backend", Keep),
        ("account", Keep),
        ("action", Keep),
        ("before_it", Keep),
        ("after_it", Keep),
        ("why", Keep),
        ("answer", Keep),
    ],
};

/// Something that was done to an account, or was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// By whom or what: `usage`, or an operator's name.
    pub actor: String,
    /// Whom it was done to.
    pub account: AccountKey,
    /// What: `limit`, `restore`, `pin`, `unpin`, …
    pub action: &'static str,
    /// What was there before, where known.
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
    /// Why.
    pub why: String,
    /// What the panel answered.
    pub answer: String,
}

/// Something that was done to a backend as a whole.
#[derive(Clone, Debug)]
pub(super) struct BackendAct<'a> {
    pub at: Timestamp,
    pub actor: &'a str,
    pub backend: &'a BackendId,
    pub action: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
    pub why: &'a str,
}

/// An act as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// By whom or what.
    pub actor: String,
    /// The backend it was done to, or whose account.
    pub backend: BackendId,
    /// The account; none where it was done to the backend as a whole.
    pub account: Option<AccountName>,
    /// What.
    pub action: String,
    /// What was there before.
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
    /// Why.
    pub why: String,
    /// What the panel answered.
    pub answer: String,
}

impl Store {
    /// Writes down what was asked for by hand and changes no row by itself: a look at an account, or at a whole backend.
    pub async fn record_wish(
        &self,
        (backend, account): (&BackendId, Option<&AccountName>),
        action: &'static str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        let (before, after) = (None, None);
        let act = BackendAct { at: now, actor: by, backend, action, before, after, why: "asked for by hand" };
        self.put_audit(&mut tx, &act, account.map_or("", AccountName::as_str), "").await?;
        tx.commit().await
    }

    /// Writes an act down, in the transaction of what it records.
    pub(super) async fn put_act(&self, on: &mut Write, act: &Act) -> Result<(), StoreError> {
        let AccountKey { backend, name } = &act.account;
        let (before, after) = (act.before.clone(), act.after.clone());
        let of = BackendAct {
            at: act.at,
            actor: &act.actor,
            backend,
            action: act.action,
            before,
            after,
            why: &act.why,
        };
        self.put_audit(on, &of, name.as_str(), &act.answer).await
    }

    /// The same of an act that is about no single account.
    pub(super) async fn put_backend_act(
        &self,
        on: &mut Write,
        act: &BackendAct<'_>,
    ) -> Result<(), StoreError> {
        self.put_audit(on, act, "", "").await
    }

    /// The same with what came of it in words.
    pub(super) async fn put_backend_act_answered(
        &self,
        on: &mut Write,
        act: &BackendAct<'_>,
        answer: &str,
    ) -> Result<(), StoreError> {
        self.put_audit(on, act, "", answer).await
    }

    async fn put_audit(
        &self,
        on: &mut Write,
        act: &BackendAct<'_>,
        account: &str,
        answer: &str,
    ) -> Result<(), StoreError> {
        let id = self.allot(on, "audit", 1).await?;
        let sql =
            "INSERT INTO audit (id, at, actor, backend, account, action, before_it, after_it, why, answer)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let short =
            |text: &Option<String>| Cell::Text(text.as_ref().map(|text| text.chars().take(255).collect()));
        let cells = [
            id.into(),
            act.at.into(),
            act.actor.into(),
            act.backend.as_str().into(),
            account.into(),
            act.action.into(),
            short(&act.before),
            short(&act.after),
            act.why.into(),
            answer.into(),
        ];
        on.note(&AUDIT, &cells);
        run(on, self.dialect, sql, cells).await.map(drop)
    }

    /// The newest acts, of one account or of all, newest first.
    pub async fn acts(&self, of: Option<&AccountKey>, most: usize) -> Result<Vec<Audited>, StoreError> {
        self.acts_before(of, None, most).await
    }

    /// The same, older than the one with the number `before`.
    pub async fn acts_before(
        &self,
        of: Option<&AccountKey>,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<Audited>, StoreError> {
        let filter = if of.is_some() { "AND backend = ? AND account = ?" } else { "" };
        let sql = format!(
            "SELECT id, at, actor, backend, account, action, before_it, after_it, why, answer FROM audit
            WHERE id < ? {filter} ORDER BY id DESC LIMIT {most}"
        );
        let of = of.map(|key| [key.backend.as_str().into(), key.name.as_str().into()]);
        let before = Cell::from(before.unwrap_or(i64::MAX));
        let cells: Vec<Cell> = std::iter::once(before).chain(of.into_iter().flatten()).collect();
        let mut on = self.readers.acquire().await?;
        let mut acts = Vec::new();
        for row in rows(&mut on, self.dialect, &sql, cells).await? {
            let mut columns = Columns::of(&row);
            let (id, at, actor) = (columns.int()?, columns.time()?, columns.text()?);
            let (backend, name) = (columns.backend()?, columns.text()?);
            let account = (!name.is_empty()).then(|| AccountName::new(&name)).transpose();
            let account = account.map_err(|error| StoreError::corrupt(error, "an account"))?;
            acts.push(Audited {
                id,
                at,
                actor,
                backend,
                account,
                action: columns.text()?,
                before: columns.maybe_text()?,
                after: columns.maybe_text()?,
                why: columns.text()?,
                answer: columns.text()?,
            });
        }
        Ok(acts)
    }
}
