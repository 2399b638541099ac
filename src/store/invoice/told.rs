//! What WHMCS tells of the billable items it has: open lines are settled by it, one way or the other.

use std::collections::HashMap;

use super::super::{Store, StoreError};
use super::LineEnd;
use crate::domain::{Seconds, Timestamp};

/// A list read this long after an attempt began shows its item, if there is one: the call itself may take
/// little more than a minute.
const MARGIN: Seconds = Seconds::new(300);

/// A billable item with a tag of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillableItem {
    /// `tblbillableitems.id`.
    pub id: i64,
    /// The tag in its description.
    pub tag: String,
}

/// What a list settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldItems {
    /// Lines that turned out to be there.
    pub created: usize,
    /// Lines that turned out not to be there: they may be billed again.
    pub absent: usize,
    /// Lines of which still nobody knows.
    pub open: usize,
    /// Tags that more than one item carries: customers may be billed twice.
    pub twice: Vec<String>,
}

impl Store {
    /// Settles open lines by the full list of a server's items with our tags, read in WHMCS at `read_at`.
    pub async fn told_billable(
        &self,
        server: i64,
        items: &[BillableItem],
        read_at: Timestamp,
        now: Timestamp,
    ) -> Result<ToldItems, StoreError> {
        let mut told = ToldItems::default();
        let mut by_tag: HashMap<&str, i64> = HashMap::with_capacity(items.len());
        for item in items {
            if by_tag.insert(&item.tag, item.id).is_some_and(|other| other != item.id) {
                told.twice.push(item.tag.clone());
            }
        }
        for open in self.open_lines().await? {
            let found = by_tag.get(open.line.tag.to_string().as_str());
            let is_late = open.intended_at.plus(MARGIN) < read_at;
            let (end, said) = match found {
                Some(id) => (LineEnd::Created(Some(*id)), format!("found in WHMCS's own list of {read_at}")),
                // The list is one server's: of others its silence says nothing.
                None if is_late && open.line.server == Some(server) => (
                    LineEnd::Refused,
                    format!("not in WHMCS's own list of {read_at}: it may be billed again"),
                ),
                None => {
                    told.open += 1;
                    continue;
                }
            };
            let ended = self.end_line(&open.line, open.attempts, &end, &said, "whmcs", now).await?;
            match end {
                LineEnd::Created(_) => told.created += usize::from(ended),
                _ => told.absent += usize::from(ended),
            }
        }
        Ok(told)
    }
}
