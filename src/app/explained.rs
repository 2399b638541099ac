//! Why a number is what it is, what was reported to WHMCS of it and what items were made of it: put together here,
//! because the rooms that know do not know each other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::console::{Explain, Explanation, explain};
use crate::domain::{AccountKey, BillFrom, Meter, Month, Owner, UsageDay};
use crate::standing::Moment;
use crate::store::{InvoiceLine, Store, StoreError, UsageQuery};
use crate::usage_api::{ReportedLine, UsageApi, reported_lines};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    #[serde(flatten)]
    pub(crate) story: Explanation,
    /// Days of the month before this one are not billed by us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billed_from: Option<String>,
    /// What was reported to WHMCS of the month, held against it.
    pub(crate) reported: Vec<ReportedLine>,
    /// The billable items that were made of it.
    pub(crate) billed: Vec<BilledLine>,
}

/// A billable item, as it was made or tried.
#[derive(Debug, Serialize)]
pub(crate) struct BilledLine {
    /// Its mark in WHMCS.
    pub(crate) tag: String,
    /// The price rule.
    pub(crate) rule: String,
    /// The days; `to` is not included.
    pub(crate) from: String,
    pub(crate) to: String,
    /// What of the usage cost nothing.
    pub(crate) included_bytes: u64,
    /// What was due.
    pub(crate) amount: String,
    pub(crate) currency: String,
    /// `intended`, `created`, `refused` or `unknown`.
    pub(crate) state: &'static str,
    /// `tblbillableitems.id`, where it is known.
    pub(crate) billable: Option<i64>,
    /// When it was tried last, and by whom.
    pub(crate) at: String,
    pub(crate) by: String,
}

impl BilledLine {
    fn of(line: &InvoiceLine) -> BilledLine {
        let of = &line.line;
        BilledLine {
            tag: of.tag.to_string(),
            rule: of.rule.clone(),
            from: of.tag.period.first().to_string(),
            to: of.tag.period.next().to_string(),
            included_bytes: of.included.get(),
            amount: of.amount.to_string(),
            currency: of.currency.clone(),
            state: line.state.name(),
            billable: line.billable,
            at: line.intended_at.to_string(),
            by: line.by.clone(),
        }
    }
}

/// Explains one account's month of one meter, at a moment; usage is billed `from` a day on.
pub(crate) async fn explained(
    store: &Store,
    key: &AccountKey,
    meter: Meter,
    month: Month,
    moment: &Moment,
    from: BillFrom,
) -> Result<Explained, StoreError> {
    let story = explain(store, key, meter, month, moment.zone).await?;
    let (backend, account) = (Some(key.backend.clone()), Some(key.name.clone()));
    let query = UsageQuery { backend, account, meter: Some(meter), owner: None };
    let owned = store.months(&query, month, month).await?;
    let owners: BTreeSet<&Owner> = owned.iter().map(|owned| &owned.owner).collect();
    let lists = store.service_lists().await?;
    let sold = lists.values().flat_map(|list| list.services.iter()).filter(|service| service.is_live());
    let sold: BTreeSet<i64> =
        sold.flat_map(|service| [Some(service.id), service.companion_of()]).flatten().collect();
    let mut reported = Vec::new();
    for owner in owners.into_iter().filter(|owner| **owner != Owner::Unowned) {
        let is_asked = owner.service().is_none_or(|id| sold.contains(&id));
        reported.extend(reported_lines(store, (owner, is_asked), meter, month, moment, from).await?);
    }
    let mut lines = store.invoice_lines_of(key, meter, month.period()).await?;
    if matches!(meter, Meter::TrafficIn | Meter::TrafficOut) {
        // Where a panel distinguishes the directions its total is billed as their sum.
        lines.extend(store.invoice_lines_of(key, Meter::TrafficTotal, month.period()).await?);
    }
    let billed_from = from.cuts(month.period()).as_ref().map(UsageDay::to_string);
    Ok(Explained { story, billed_from, reported, billed: lines.iter().map(BilledLine::of).collect() })
}

/// Explains over HTTP, in JSON.
pub(super) struct Explainer {
    store: Store,
    /// It knows what the config says of billing now.
    usage_api: UsageApi,
}

impl Explainer {
    pub(super) fn new(store: Store, usage_api: UsageApi) -> Explainer {
        Explainer { store, usage_api }
    }
}

#[async_trait]
impl Explain for Explainer {
    async fn explain(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<Response>, StoreError> {
        let (moment, from) = (self.usage_api.moment(), self.usage_api.bill_from());
        let explained = explained(&self.store, account, meter, month, &moment, from).await?;
        Ok((!explained.story.is_empty()).then(|| Json(explained).into_response()))
    }
}
