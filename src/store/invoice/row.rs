//! A line as the columns of its row.

use super::super::StoreError;
use super::super::dialect::Merge::Replace;
use super::super::sql::{Cell, Columns, Table, held_cells};
use super::{InvoiceLine, LineState, NewLine, days, meter};
use crate::domain::{AccountKey, AccountName, BackendId, BillingPeriod, Timestamp};
use crate::pricing::{Money, Quantity, Tag};

/// Every column but the id.
pub(super) const COLUMNS: &str = "tag, backend, account, meter, first_day, next_day, number, service,
    client, rule, hash, used_peta, used_rest, used_over, included, amount, places, currency, description, state,
    attempts, intended_at, by_whom, billable, said";

/// The lines, for the chronicle.
pub(in super::super) const INVOICE_LINE: Table = Table {
    name: "invoice_line",
    keys: &["id"],
    rest: &[
        ("tag", Replace),
        ("backend", Replace),
        ("account", Replace),
        ("meter", Replace),
        ("first_day", Replace),
        ("next_day", Replace),
        ("number", Replace),
        ("service", Replace),
        ("client", Replace),
        ("rule", Replace),
        ("hash", Replace),
        ("used_peta", Replace),
        ("used_rest", Replace),
        ("used_over", Replace),
        ("included", Replace),
        ("amount", Replace),
        ("places", Replace),
        ("currency", Replace),
        ("description", Replace),
        ("state", Replace),
        ("attempts", Replace),
        ("intended_at", Replace),
        ("by_whom", Replace),
        ("billable", Replace),
        ("said", Replace),
        ("ended_at", Replace),
    ],
};

/// How many they are.
pub(super) const COUNT: usize = 25;

/// A new row: the id, then every column.
pub(super) fn cells(
    id: i64,
    new: &NewLine,
    attempts: u32,
    by: &str,
    now: Timestamp,
) -> Result<Vec<Cell>, StoreError> {
    let [peta, rest] = held_cells(new.used.product())?;
    let over = i64::try_from(new.used.minutes().get())
        .map_err(|_| StoreError::corrupt(new.used.minutes().get(), "a number of minutes"))?;
    let [first, next] = days(new.tag.period);
    Ok(vec![
        id.into(),
        new.tag.to_string().as_str().into(),
        new.account.backend.as_str().into(),
        new.account.name.as_str().into(),
        new.tag.meter.name().into(),
        first,
        next,
        i64::from(new.tag.correction).into(),
        new.tag.service.into(),
        new.client.into(),
        new.rule.as_str().into(),
        new.hash.as_str().into(),
        peta,
        rest,
        over.into(),
        new.included.into(),
        new.amount.minor().into(),
        i64::from(new.amount.places()).into(),
        new.currency.as_str().into(),
        new.description.as_str().into(),
        LineState::Intended.name().into(),
        i64::from(attempts).into(),
        now.into(),
        by.into(),
        Cell::Int(None),
        Cell::Text(None),
    ])
}

pub(super) fn line_columns(columns: &mut Columns<'_>) -> Result<InvoiceLine, StoreError> {
    let written = columns.text()?;
    let backend =
        BackendId::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "a backend"))?;
    let name =
        AccountName::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "an account"))?;
    let meter = meter(&columns.text()?)?;
    let period = BillingPeriod::new(columns.day()?, columns.day()?)
        .map_err(|error| StoreError::corrupt(error, "a span of days"))?;
    let correction = columns.small()?;
    let tag = Tag { service: columns.int()?, period, meter, correction };
    if tag.to_string() != written {
        return Err(StoreError::corrupt(written, "the tag of its own line"));
    }
    let client = columns.int()?;
    let (rule, hash) = (columns.text()?, columns.text()?);
    let held = columns.held()?;
    let used = Quantity::average(held, columns.minutes()?);
    let used = used.ok_or_else(|| StoreError::corrupt("0", "a number of minutes"))?;
    let included = columns.bytes()?;
    let (minor, places) = (columns.int()?, columns.small()?);
    let amount = Money::new(minor, places).map_err(|error| StoreError::corrupt(error, "an amount"))?;
    let (currency, description) = (columns.text()?, columns.text()?);
    let state = state(&columns.text()?)?;
    Ok(InvoiceLine {
        line: NewLine {
            account: AccountKey { backend, name },
            tag,
            client,
            rule,
            hash,
            used,
            included,
            amount,
            currency,
            description,
        },
        state,
        attempts: columns.small()?,
        intended_at: columns.time()?,
        by: columns.text()?,
        billable: columns.maybe_int()?,
        said: columns.maybe_text()?.unwrap_or_default(),
    })
}

fn state(name: &str) -> Result<LineState, StoreError> {
    let all = [LineState::Intended, LineState::Created, LineState::Refused, LineState::Unknown];
    let found = all.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| StoreError::corrupt(name, "a line's state"))
}
