//! What a run did, or would do, line by line: for people's tables, as JSON and as CSV.

use serde::Serialize;

use crate::domain::{BillingPeriod, Bytes, Meter};
use crate::pricing::{LimitPiece, Money};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// It would be created.
    WouldCreate,
    /// It was created just now.
    Created,
    /// It had been created before.
    Already,
    /// It had been created before, and what was used has changed since.
    Changed,
    /// Nothing is due.
    Nothing,
    /// Perhaps something is due: more has to be known first.
    Withheld,
    /// WHMCS said no, or another line bills some of its days: it is not there.
    Refused,
    /// It may be there.
    Unknown,
    /// The run ended before it.
    NotTried,
}

impl RowState {
    /// Its name for tables and CSV.
    pub fn name(self) -> &'static str {
        match self {
            RowState::WouldCreate => "would_create",
            RowState::Created => "created",
            RowState::Already => "already",
            RowState::Changed => "changed",
            RowState::Nothing => "nothing",
            RowState::Withheld => "withheld",
            RowState::Refused => "refused",
            RowState::Unknown => "unknown",
            RowState::NotTried => "not_tried",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The backend.
    pub backend: String,
    /// The account; of several the one that the service had last, and the reason names them all.
    pub account: String,
    /// What was measured.
    #[serde(serialize_with = "as_text")]
    pub meter: Meter,
    /// The price rule.
    pub rule: String,
    /// `tblhosting.id`, where it is known.
    pub service: Option<i64>,
    /// `tblclients.id`.
    pub client: Option<i64>,
    /// The product.
    pub product: Option<String>,
    /// The first day.
    pub from: String,
    /// The first day after.
    pub to: String,
    /// Whole bytes used, where known.
    pub used_bytes: Option<u128>,
    /// Bytes that cost nothing, of what is due.
    pub included_bytes: Option<u64>,
    /// The limits it is made of by time, where the rule says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitRow>,
    /// The amount.
    #[serde(serialize_with = "as_maybe_text")]
    pub amount: Option<Money>,
    /// Its currency.
    pub currency: String,
    /// What became of it.
    pub state: RowState,
    /// Its tag in WHMCS.
    pub tag: Option<String>,
    /// `tblbillableitems.id`.
    pub billable: Option<i64>,
    /// What the customer reads.
    pub description: Option<String>,
    /// Why.
    pub reason: String,
}

/// A limit and when it was in force.
#[derive(Clone, Debug, Serialize)]
pub struct LimitRow {
    /// Its first instant.
    pub from: String,
    /// The first instant after.
    pub to: String,
    /// The bytes; 0 is unlimited, null unknown.
    pub bytes: Option<u64>,
}

impl From<&LimitPiece> for LimitRow {
    fn from(piece: &LimitPiece) -> LimitRow {
        LimitRow {
            from: piece.span.start().to_string(),
            to: piece.span.end().to_string(),
            bytes: piece.limit.to_door().map(Bytes::get),
        }
    }
}

fn as_text<S: serde::Serializer>(meter: &Meter, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(meter.name())
}

fn as_maybe_text<S: serde::Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&money.map(|money| money.to_string()))
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The first day.
    pub from: String,
    /// The first day after.
    pub to: String,
    /// Whether it was a rehearsal.
    pub dry_run: bool,
    /// The lines, by backend, account and meter.
    pub lines: Vec<Row>,
    /// Lines of earlier runs that were settled first, and those that could not be.
    pub settled: Vec<String>,
    /// What else has to be known.
    pub notes: Vec<String>,
    /// Lines, of whatever period, of which it is unknown whether WHMCS has them.
    pub open: usize,
}

impl Row {
    /// Whether people look for it although nothing is due: it would have cost something.
    pub fn is_remarkable(&self) -> bool {
        self.amount.is_some()
    }
}

const COLUMNS: &str = "backend,account,meter,rule,service,client,product,from,to,used_bytes,included_bytes,amount,\
    currency,state,tag,billable,description,reason\n";

impl Report {
    /// An empty report of a period.
    pub fn of(period: BillingPeriod, dry_run: bool) -> Report {
        Report {
            from: period.first().to_string(),
            to: period.next().to_string(),
            dry_run,
            lines: Vec::new(),
            settled: Vec::new(),
            notes: Vec::new(),
            open: 0,
        }
    }

    /// How many lines ended so.
    pub fn count(&self, state: RowState) -> usize {
        self.lines.iter().filter(|row| row.state == state).count()
    }

    /// The lines for a spreadsheet.
    pub fn csv(&self) -> String {
        let mut out = String::from(COLUMNS);
        for row in &self.lines {
            let cells = [
                cell(&row.backend),
                cell(&row.account),
                row.meter.to_string(),
                cell(&row.rule),
                shown(row.service),
                shown(row.client),
                cell(row.product.as_deref().unwrap_or_default()),
                row.from.clone(),
                row.to.clone(),
                shown(row.used_bytes),
                shown(row.included_bytes),
                shown(row.amount),
                row.currency.clone(),
                row.state.name().into(),
                row.tag.clone().unwrap_or_default(),
                shown(row.billable),
                cell(row.description.as_deref().unwrap_or_default()),
                cell(&row.reason),
            ];
            out.push_str(&cells.join(","));
            out.push('\n');
        }
        out
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula, and no comma or line break splits.
fn cell(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_string(),
    };
    let splits = text.contains([',', '"', '\n', '\r']);
    if splits { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
