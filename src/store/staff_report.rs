//! What staff are told once a day: the mail as it was worded, promised through the outbox, and what had been found then,
//! which the next one is compared with.
//!
//! No number is made of it: it is in no journal and not in the chronicle.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::journal::{pack, parts, unpack};
use super::outbox::report_cells;
use super::sql::{Cell, Columns, rows, run};
use super::{Store, StoreError};
use crate::domain::{Timestamp, WordedMail};

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffReport {
    /// The key it is promised under, the same for every replica: `report/2026-11-30`.
    pub key: String,
    /// As of when it is.
    pub at: Timestamp,
    /// It is the one of its day, which the next day's is compared with.
    pub is_daily: bool,
    /// The mail.
    pub mail: WordedMail,
    /// What was found, each by the columns that name it; and what was found before of which nothing is known now.
    pub found: Vec<Vec<String>>,
    /// Whom each backend had, as far as it was stored then: by the names of accounts that were not gone.
    pub present: BTreeMap<String, BTreeSet<String>>,
    /// The newest act that was told of.
    pub last_act: i64,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Body {
    subject: String,
    plain: String,
    html: String,
    found: Vec<Vec<String>>,
    present: BTreeMap<String, BTreeSet<String>>,
    last_act: i64,
}

impl Store {
    /// Promises a report to `to`, by mail. `false`: it was promised before, here or by another replica, and stays as it
    /// was.
    pub async fn promise_report(&self, report: &StaffReport, to: &[String]) -> Result<bool, StoreError> {
        let WordedMail { subject, plain, html } = report.mail.clone();
        let (found, present, last_act) = (report.found.clone(), report.present.clone(), report.last_act);
        let body = pack(&Body { subject, plain, html, found, present, last_act })?;
        let (key, daily) = (report.key.as_str(), i64::from(report.is_daily));
        let mut tx = self.begin_write().await?;
        // Whoever is second waits here, and reads then what the first has written.
        let id = self.allot(&mut tx, "outbox", 1).await?;
        let sql = "SELECT at FROM staff_report WHERE entry_key = ?";
        if !rows(&mut tx, self.dialect, sql, [key.into()]).await?.is_empty() {
            return Ok(false);
        }
        if report.is_daily {
            // Made by a clock that was ahead: nothing is compared with them. Their text stays, should they wait to be mailed.
            let sql = "UPDATE staff_report SET daily = 0 WHERE daily = 1 AND at > ?";
            run(&mut tx, self.dialect, sql, [report.at.into()]).await?;
        }
        let sql = "INSERT INTO staff_report (entry_key, at, daily) VALUES (?, ?, ?)";
        run(&mut tx, self.dialect, sql, [key.into(), report.at.into(), daily.into()]).await?;
        for (number, part) in parts(&body).enumerate() {
            let sql = "INSERT INTO staff_report_part (entry_key, part, body) VALUES (?, ?, ?)";
            let cells: [Cell; 3] = [key.into(), (number as i64).into(), part.into()];
            run(&mut tx, self.dialect, sql, cells).await?;
        }
        self.put_entries(&mut tx, vec![report_cells(id, key, to, report.at)]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// A report by its key; `None` where there is none any more.
    pub async fn staff_report(&self, key: &str) -> Result<Option<StaffReport>, StoreError> {
        let sql = "SELECT entry_key, at, daily FROM staff_report WHERE entry_key = ?";
        let mut on = self.readers.acquire().await?;
        self.report_found(&mut on, sql, [key.into()]).await
    }

    /// The newest daily report that is of before `now`: what is of later was made by a clock that has been set back.
    pub async fn last_daily_report(&self, now: Timestamp) -> Result<Option<StaffReport>, StoreError> {
        let sql = "SELECT entry_key, at, daily FROM staff_report WHERE daily = 1 AND at <= ? ORDER BY at DESC LIMIT 1";
        let mut on = self.readers.acquire().await?;
        self.report_found(&mut on, sql, [now.into()]).await
    }

    async fn report_found(
        &self,
        on: &mut AnyConnection,
        sql: &str,
        cells: [Cell; 1],
    ) -> Result<Option<StaffReport>, StoreError> {
        let found = rows(on, self.dialect, sql, cells).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let mut columns = Columns::of(row);
        let (key, at, is_daily) = (columns.text()?, columns.time()?, columns.int()? != 0);
        let sql = "SELECT body FROM staff_report_part WHERE entry_key = ? ORDER BY part";
        let mut packed = String::new();
        for row in rows(on, self.dialect, sql, [key.as_str().into()]).await? {
            packed.push_str(&Columns::of(&row).text()?);
        }
        let body = unpack(&packed).map_err(|error| StoreError::corrupt(error, "a report of a day"))?;
        let Body { subject, plain, html, found, present, last_act } = body;
        let mail = WordedMail { subject, plain, html };
        Ok(Some(StaffReport { key, at, is_daily, mail, found, present, last_act }))
    }

    /// Forgets reports of before `before`.
    pub async fn prune_reports(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM staff_report_part WHERE entry_key IN (SELECT entry_key FROM staff_report WHERE at < ?)";
        run(&mut tx, self.dialect, sql, [before.into()]).await?;
        let gone =
            run(&mut tx, self.dialect, "DELETE FROM staff_report WHERE at < ?", [before.into()]).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
