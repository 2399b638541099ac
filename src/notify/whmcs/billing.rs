//! Billable items: made once, and looked for on invoices when it is not known whether they were.
//!
//! Sources: developers.whmcs.com, "AddBillableItem", "GetInvoices", "GetInvoice". WHMCS has no action that
//! lists billable items: one can be seen from outside only when it has reached an invoice.

use std::path::Path;

use chrono::NaiveDate;

use super::WhmcsApi;
use super::client::{ApiError, Client};
use super::wire::{rows, text, whole};
use crate::domain::{BillingZone, Seconds, Timestamp};
use crate::http::HttpError;
use crate::pricing::Tag;
use crate::settings::{Section, SettingsError};

const ADD: &str = "AddBillableItem";
const LIST: &str = "GetInvoices";
const PAGE: u64 = 100;
const MOST_PAGES: u64 = 100;
/// Clocks and days differ: invoices from this long before the attempt are looked at too.
const BEFORE: Seconds = Seconds::hours(48);

/// The billable items of one WHMCS.
#[derive(Clone)]
pub struct BillableItems {
    client: Client,
    zone: BillingZone,
}

/// An item to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// `tblclients.id`.
    pub client: i64,
    /// What stands on the invoice.
    pub description: &'a str,
    /// The total, as a decimal number.
    pub amount: &'a str,
}

/// Why it is not certain that an item is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// It certainly is not. `for_all`: any other item would fare the same.
    #[error("{why}")]
    Refused {
        /// What was said, and what to fix.
        why: String,
        /// Whether going on makes no sense.
        for_all: bool,
    },
    /// It may be there: nobody may make it again before that is known.
    #[error("{why}")]
    Unknown {
        /// What happened.
        why: String,
    },
}

/// An item that has reached an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invoiced {
    /// The invoice.
    pub invoice: u64,
    /// The billable item, where the invoice has it.
    pub billable: Option<i64>,
}

impl BillableItems {
    /// Opens the API; asks nothing yet.
    pub fn open(api: &WhmcsApi, folder: &Path) -> Result<BillableItems, SettingsError> {
        let section = Section::new(toml::Table::new(), folder);
        Ok(BillableItems { client: Client::new(api, &section)?, zone: api.zone })
    }

    /// Whether the API can be reached and lets us in, before anything is made.
    pub async fn reach(&self) -> Result<(), String> {
        match self.client.read("WhmcsDetails", &[]).await {
            // The role need not allow this action for the others to work.
            Ok(_) | Err(ApiError::Permission { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Makes an item for the client's next invoice, once; its number where WHMCS sends it.
    pub async fn add(&self, item: &NewItem<'_>) -> Result<Option<i64>, NotAdded> {
        let client = item.client.to_string();
        let parameters = [
            ("clientid", client.as_str()),
            ("description", item.description),
            ("amount", item.amount),
            ("unit", "quantity"),
            ("quantity", "1"),
            ("invoiceaction", "nextinvoice"),
        ];
        match self.client.write(ADD, &parameters).await {
            Ok(answer) => Ok(whole(answer.get("billableid")).and_then(|id| i64::try_from(id).ok())),
            Err(error) => Err(of_adding(&error)),
        }
    }

    /// The invoice of a client that an item with this tag has reached, among those made since `since`.
    pub async fn invoiced(
        &self,
        client: i64,
        tag: &str,
        since: Timestamp,
    ) -> Result<Option<Invoiced>, String> {
        self.look(client, tag, since).await.map_err(|error| error.to_string())
    }

    async fn look(&self, client: i64, tag: &str, since: Timestamp) -> Result<Option<Invoiced>, ApiError> {
        let strange = |sketch: &str| ApiError::Malformed { action: LIST, sketch: sketch.into() };
        let (client, earliest) = (client.to_string(), self.zone.day_of(since.minus(BEFORE)).date());
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let (from, count) = (start.to_string(), PAGE.to_string());
            let parameters = [("userid", client.as_str()), ("limitstart", &from), ("limitnum", &count)];
            let answer = self.client.read(LIST, &parameters).await?;
            let page =
                rows(&answer, "invoices", "invoice").ok_or_else(|| strange("a list of another shape"))?;
            for invoice in &page {
                let id = whole(invoice.get("id")).ok_or_else(|| strange("an invoice without an id"))?;
                // A date that cannot be read rules nothing out.
                let date = text(invoice.get("date"));
                let date = date.and_then(|date| NaiveDate::parse_from_str(&date, "%Y-%m-%d").ok());
                if date.is_none_or(|date| date >= earliest)
                    && let Some(billable) = self.on_invoice(id, tag).await?
                {
                    return Ok(Some(Invoiced { invoice: id, billable }));
                }
            }
            start += page.len() as u64;
            if page.is_empty() || whole(answer.get("totalresults")).is_some_and(|total| start >= total) {
                return Ok(None);
            }
        }
        Err(strange("more pages than there can be"))
    }

    /// The number of the item with the tag, `Some(None)` where the invoice has it without one.
    async fn on_invoice(&self, invoice: u64, tag: &str) -> Result<Option<Option<i64>>, ApiError> {
        let answer = self.client.read("GetInvoice", &[("invoiceid", &invoice.to_string())]).await?;
        let strange =
            || ApiError::Malformed { action: "GetInvoice", sketch: "items of another shape".into() };
        let items = rows(&answer, "items", "item").ok_or_else(strange)?;
        let is_it = |description: Option<String>| {
            description.is_some_and(|description| Tag::find(&description) == Some(tag))
        };
        let found = items.iter().find(|item| is_it(text(item.get("description"))));
        Ok(found.map(|item| {
            // An invoice's own items have the type "Item" and the number of what they were made of.
            let is_billable = text(item.get("type")).as_deref() == Some("Item");
            whole(item.get("relid")).filter(|id| is_billable && *id > 0).and_then(|id| i64::try_from(id).ok())
        }))
    }
}

/// Only where nothing was sent, or where the API itself said no, is it certain that no item was made.
pub(super) fn of_adding(error: &ApiError) -> NotAdded {
    let why = error.to_string();
    match error {
        ApiError::Http(HttpError::Dns { .. } | HttpError::Connect { .. } | HttpError::Malformed { .. })
        | ApiError::InvalidIp { .. }
        | ApiError::Authentication { .. }
        | ApiError::Permission { .. } => NotAdded::Refused { why, for_all: true },
        ApiError::Rejected { .. } => NotAdded::Refused { why, for_all: false },
        // A gateway, a busy server or an HTML page do not know what PHP did before.
        ApiError::Http(_) | ApiError::Failed { .. } | ApiError::Page { .. } | ApiError::Malformed { .. } => {
            NotAdded::Unknown { why }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_no_of_the_api_or_a_call_never_sent_is_certain() {
        let (host, sketch) = (|| String::from("billing:443"), || String::from("x"));
        let unknown = [
            ApiError::Http(HttpError::Timeout { host: host(), within: std::time::Duration::from_secs(70) }),
            ApiError::Http(HttpError::BrokenOff { host: host(), received: 0, detail: sketch() }),
            ApiError::Http(HttpError::Gateway { host: host(), sketch: sketch() }),
            ApiError::Http(HttpError::Busy { host: host(), after: None, sketch: sketch() }),
            ApiError::Page { action: ADD, sketch: sketch(), failed: false },
            ApiError::Malformed { action: ADD, sketch: sketch() },
            ApiError::Failed { action: ADD, status: 500, message: sketch() },
        ];
        for error in unknown {
            assert!(matches!(of_adding(&error), NotAdded::Unknown { .. }), "{error:?}");
        }
        let said = ApiError::Rejected { action: ADD, message: "Client ID not Found".into() };
        assert!(matches!(of_adding(&said), NotAdded::Refused { for_all: false, .. }));
        let permission = ApiError::Permission { action: ADD };
        assert!(matches!(of_adding(&permission), NotAdded::Refused { for_all: true, .. }));
    }
}
