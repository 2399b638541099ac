//! Lines billed to customers: recorded before WHMCS is called, so that none is ever billed twice.
//!
//! A line is `intended` from the moment before the call, then `created`, `refused` (it certainly is not
//! there and may be tried again) or `unknown`. Whoever finds an intended line that is not his own knows as
//! little about it as about an unknown one.

mod lives;
mod numbers;
mod row;
mod whmcs_items;

use super::audit::Act;
use super::sql::{Cell, Columns, rows, run};
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::{AccountKey, BillingPeriod, Bytes, Meter, Timestamp};
use crate::pricing::{Money, Quantity, Tag};
pub(super) use row::INVOICE_LINE;
use row::{COLUMNS, cells, line_columns};
pub use whmcs_items::{BillableItem, SettledItems};

/// What is to be billed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLine {
    /// Whose usage: of a service's accounts the one that it had last.
    pub account: AccountKey,
    /// What is found again in WHMCS: service, period, meter and correction.
    pub tag: Tag,
    /// `tblclients.id`.
    pub client: i64,
    /// The price rule's name.
    pub rule: String,
    /// The hash of its meaning.
    pub hash: String,
    /// What was used.
    pub used: Quantity,
    /// What of it cost nothing.
    pub included: Bytes,
    /// What is due.
    pub amount: Money,
    /// The currency the price is in.
    pub currency: String,
    /// What the customer reads; ends in the tag.
    pub description: String,
}

/// A line as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct InvoiceLine {
    /// What was to be billed.
    pub line: NewLine,
    /// What became of it.
    pub state: LineState,
    /// How often it was tried.
    pub attempts: u32,
    /// When the newest attempt began.
    pub intended_at: Timestamp,
    /// Who made it.
    pub by: String,
    /// `tblbillableitems.id`, where WHMCS has sent it.
    pub billable: Option<i64>,
    /// What WHMCS, or whoever settled it, said.
    pub said: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// The call is about to be made, under way, or was cut short.
    Intended,
    /// It is in WHMCS.
    Created,
    /// It is certainly not in WHMCS.
    Refused,
    /// Unknown.
    Unknown,
}

/// Whose turn it is to bill a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Ours: this attempt's number ends it.
    Ours(u32),
    /// The line stands there already, whatever became of it.
    There(Box<InvoiceLine>),
    /// Some of its days are billed by another line.
    Overlaps(Box<InvoiceLine>),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// The item is there, with this number where it was reported.
    Created(Option<i64>),
    /// It is certainly not.
    Refused,
    /// Unknown.
    Unknown,
}

impl LineState {
    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            LineState::Intended => "intended",
            LineState::Created => "created",
            LineState::Refused => "refused",
            LineState::Unknown => "unknown",
        }
    }

    /// Whether it may be in WHMCS, or not: unknown.
    pub fn is_open(self) -> bool {
        matches!(self, LineState::Intended | LineState::Unknown)
    }
}

impl LineEnd {
    fn state(&self) -> LineState {
        match self {
            LineEnd::Created(_) => LineState::Created,
            LineEnd::Refused => LineState::Refused,
            LineEnd::Unknown => LineState::Unknown,
        }
    }
}

impl Store {
    /// Writes down that a line is about to be billed. The row is the lock: of all who try, on whatever
    /// replica, one gets the answer that it is his.
    pub async fn intend_line(&self, new: &NewLine, by: &str, now: Timestamp) -> Result<Intent, StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        // A second writer waits here until the first has written down what he intends.
        let id = self.allot(&mut tx, "invoice", 1).await?;
        let tag = new.tag.to_string();
        let mut attempts = 1;
        for known in self.touching(&mut tx, new).await? {
            match known.state {
                LineState::Refused if known.line.tag == new.tag => {
                    attempts = attempts.max(known.attempts + 1)
                }
                LineState::Refused => {}
                _ if known.line.tag == new.tag => return Ok(Intent::There(Box::new(known))),
                // Corrections stand beside the line they correct.
                _ if known.line.tag.period == new.tag.period => {}
                _ => return Ok(Intent::Overlaps(Box::new(known))),
            }
        }
        let refused = [Cell::from(tag.as_str())];
        tx.note_gone(&INVOICE_LINE, "t.state = 'refused' AND t.tag = ?", refused).await?;
        let sql = "DELETE FROM invoice_line WHERE state = 'refused' AND tag = ?";
        run(&mut tx, self.dialect, sql, [tag.as_str().into()]).await?;
        let sql = format!("INSERT INTO invoice_line (id, {COLUMNS}) VALUES (?{})", ", ?".repeat(row::COUNT));
        run(&mut tx, self.dialect, &sql, cells(id, new, attempts, by, now)?).await?;
        tx.note_rows(&INVOICE_LINE, "t.id = ?", [id.into()]).await?;
        tx.commit().await?;
        Ok(Intent::Ours(attempts))
    }

    /// Writes down how an attempt ended; `false` when somebody has settled the line meanwhile.
    pub async fn end_line(
        &self,
        line: &NewLine,
        attempt: u32,
        end: &LineEnd,
        said: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        let ended = self.put_end(&mut tx, line, attempt, end, said, by, now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    #[allow(clippy::too_many_arguments)] // It is the row's end, column by column.
    async fn put_end(
        &self,
        on: &mut Write,
        line: &NewLine,
        attempt: u32,
        end: &LineEnd,
        said: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let tag = line.tag.to_string();
        let billable = match end {
            LineEnd::Created(billable) => *billable,
            _ => None,
        };
        // One that was believed not to be there and turns up is there.
        let from = match end {
            LineEnd::Created(_) => "'intended', 'unknown', 'refused'",
            _ => "'intended', 'unknown'",
        };
        let sql = format!(
            "UPDATE invoice_line SET state = ?, billable = ?, said = ?, ended_at = ?
            WHERE tag = ? AND attempts = ? AND state IN ({from})"
        );
        let cells = [
            end.state().name().into(),
            billable.into(),
            said.into(),
            now.into(),
            tag.as_str().into(),
            i64::from(attempt).into(),
        ];
        if run(on, self.dialect, &sql, cells).await? == 0 {
            return Ok(false);
        }
        on.note_rows(&INVOICE_LINE, "t.tag = ?", [tag.as_str().into()]).await?;
        let number = billable.map(|id| format!(", billable item {id}")).unwrap_or_default();
        let act = Act {
            at: now,
            actor: by.into(),
            account: line.account.clone(),
            action: "invoice",
            before: None,
            after: Some(format!("{}: {} {}{number}", end.state().name(), line.amount, line.currency)),
            why: format!("{tag}, rule {}", line.rule),
            answer: said.into(),
        };
        self.put_act(on, &act).await?;
        Ok(true)
    }

    /// Every line with a day in the period, oldest first.
    pub async fn invoice_lines(&self, period: BillingPeriod) -> Result<Vec<InvoiceLine>, StoreError> {
        let filter = "first_day < ? AND next_day > ?";
        let [first, next] = days(period);
        let mut on = self.readers.acquire().await?;
        self.read_lines(&mut on, filter, vec![next, first]).await
    }

    /// The lines that share a day with a period and bill one meter of one account: made out for it, or for a
    /// service that owned it then and has other accounts besides.
    pub async fn invoice_lines_of(
        &self,
        account: &AccountKey,
        meter: Meter,
        period: BillingPeriod,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        let filter = "meter = ? AND first_day < ? AND next_day > ? AND ((backend = ? AND account = ?)
            OR service IN (SELECT p.service FROM life l JOIN holding h ON h.life = l.id
            JOIN holding_part p ON p.holding = h.id AND p.service <> 0
            JOIN month_sum m ON m.holding = p.holding AND m.part = p.part
            WHERE l.backend = ? AND l.label = ? AND m.meter = ? AND m.month >= ? AND m.month <= ?))";
        let [first, next] = days(period);
        let (backend, name) = (account.backend.as_str(), account.name.as_str());
        let last = period.next().minus_days(1).month();
        let cells = vec![
            meter.name().into(),
            next,
            first,
            backend.into(),
            name.into(),
            backend.into(),
            name.into(),
            meter.into(),
            period.first().month().into(),
            last.into(),
        ];
        let mut on = self.readers.acquire().await?;
        self.read_lines(&mut on, filter, cells).await
    }

    /// Every line of which it is unknown whether it is in WHMCS.
    pub async fn open_lines(&self) -> Result<Vec<InvoiceLine>, StoreError> {
        let mut on = self.readers.acquire().await?;
        self.read_lines(&mut on, "state IN ('intended', 'unknown')", Vec::new()).await
    }

    /// Every line that is not known to be in WHMCS.
    async fn lines_not_there(&self) -> Result<Vec<InvoiceLine>, StoreError> {
        let mut on = self.readers.acquire().await?;
        self.read_lines(&mut on, "state <> 'created'", Vec::new()).await
    }

    /// The line with this tag.
    pub async fn invoice_line(&self, tag: &str) -> Result<Option<InvoiceLine>, StoreError> {
        let mut on = self.readers.acquire().await?;
        Ok(self.read_lines(&mut on, "tag = ?", vec![tag.into()]).await?.pop())
    }

    /// Lines of the same service and meter that share a day with `new`.
    async fn touching(
        &self,
        on: &mut sqlx::AnyConnection,
        new: &NewLine,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        let filter = "service = ? AND meter = ? AND first_day < ? AND next_day > ?";
        let [first, next] = days(new.tag.period);
        let cells = vec![new.tag.service.into(), new.tag.meter.name().into(), next, first];
        self.read_lines(on, filter, cells).await
    }

    async fn read_lines(
        &self,
        on: &mut sqlx::AnyConnection,
        filter: &str,
        cells: Vec<Cell>,
    ) -> Result<Vec<InvoiceLine>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM invoice_line WHERE {filter} ORDER BY id");
        let found = rows(on, self.dialect, &sql, cells).await?;
        found.iter().map(|row| line_columns(&mut Columns::of(row))).collect()
    }

    /// Remembers that rules, by hash and name, were rehearsed in exactly this form.
    pub async fn arm_rules(
        &self,
        rules: &[(String, String)],
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let known = "SELECT name FROM invoice_rule WHERE hash = ?";
        for (hash, name) in rules {
            if rows(&mut tx, self.dialect, known, [hash.as_str().into()]).await?.is_empty() {
                let sql = "INSERT INTO invoice_rule (hash, name, dry_run_at, by_whom) VALUES (?, ?, ?, ?)";
                let cells = [hash.as_str().into(), name.as_str().into(), now.into(), by.into()];
                run(&mut tx, self.dialect, sql, cells).await?;
            }
        }
        tx.commit().await
    }

    /// Whether a rule of this form was ever rehearsed.
    pub async fn is_armed(&self, hash: &str) -> Result<bool, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT name FROM invoice_rule WHERE hash = ?";
        Ok(!rows(&mut on, self.dialect, sql, [hash.into()]).await?.is_empty())
    }
}

fn days(period: BillingPeriod) -> [Cell; 2] {
    [period.first().number().into(), period.next().number().into()]
}

/// The meter of a name of ours.
fn meter(name: &str) -> Result<Meter, StoreError> {
    name.parse().map_err(|error| StoreError::corrupt(error, "a meter"))
}
