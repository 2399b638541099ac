//! What WHMCS lists of the billable items it has: open lines are settled by it, one way or the other.

use std::collections::HashMap;

use super::super::sql::{Columns, rows};
use super::super::{Store, StoreError};
use super::{InvoiceLine, LineEnd};
use crate::domain::{Seconds, Timestamp};

/// A list read this long after an attempt began shows its item, if there is one: the call itself may take
/// little more than a minute.
const MARGIN: Seconds = Seconds::new(300);

/// A list this long may have been cut, and then holds the newest items.
const MAY_BE_CUT: usize = 20_000;

/// A billable item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillableItem {
    /// `tblbillableitems.id`.
    pub id: i64,
    /// The tag in its description, if there is one.
    pub tag: Option<String>,
}

/// What a list settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettledItems {
    /// Lines that turned out to be there.
    pub created: usize,
    /// Lines that turned out not to be there: they may be billed again.
    pub absent: usize,
    /// Lines that are still unknown.
    pub open: usize,
    /// Tags that more than one item carries: customers may be billed twice.
    pub twice: Vec<String>,
}

impl Store {
    /// Settles open lines by WHMCS's list of items with our tags, read there at `read_at`.
    pub async fn settle_by_items(
        &self,
        items: &[BillableItem],
        read_at: Timestamp,
        now: Timestamp,
    ) -> Result<SettledItems, StoreError> {
        let mut settled = SettledItems::default();
        let mut by_tag: HashMap<&str, i64> = HashMap::with_capacity(items.len());
        for (tag, id) in items.iter().filter_map(|item| Some((item.tag.as_ref()?, item.id))) {
            if by_tag.insert(tag, id).is_some_and(|other| other != id) {
                settled.twice.push(tag.clone());
            }
        }
        let oldest = items.iter().map(|item| item.id).min().filter(|_| items.len() >= MAY_BE_CUT);
        for open in self.lines_not_there().await? {
            let found = by_tag.get(open.line.tag.to_string().as_str());
            if found.is_none() && !open.state.is_open() {
                continue;
            }
            let shows = open.intended_at.plus(MARGIN) < read_at && self.reaches_back(oldest, &open).await?;
            let (end, said) = match found {
                Some(id) => (LineEnd::Created(Some(*id)), format!("found in WHMCS's own list of {read_at}")),
                None if shows => (
                    LineEnd::Refused,
                    format!("not in WHMCS's own list of {read_at}: it may be billed again"),
                ),
                None => {
                    settled.open += 1;
                    continue;
                }
            };
            let ended = self.end_line(&open.line, open.attempts, &end, &said, "whmcs", now).await?;
            match end {
                LineEnd::Created(_) => settled.created += usize::from(ended),
                _ => settled.absent += usize::from(ended),
            }
        }
        Ok(settled)
    }

    /// Whether a list that may have been cut at the item `oldest` reaches back to before the attempt: it
    /// holds an item that was there by then.
    async fn reaches_back(&self, oldest: Option<i64>, open: &InvoiceLine) -> Result<bool, StoreError> {
        let Some(oldest) = oldest else { return Ok(true) };
        let sql = "SELECT MAX(billable) FROM invoice_line WHERE state = 'created' AND ended_at < ?";
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, [open.intended_at.into()]).await?;
        let before = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_int())?;
        Ok(before.is_some_and(|before| oldest <= before))
    }
}
