//! Why a number is what it is, what WHMCS was told of it and what items were made of it: put together here,
//! because the rooms that know do not know each other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::clock::Clock;
use crate::console::{Explain, Explanation, explain};
use crate::domain::{AccountKey, BillingZone, Meter, Month, Owner};
use crate::store::{InvoiceLine, Store, StoreError, UsageQuery};
use crate::usage_api::{ToldLine, told_lines};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    #[serde(flatten)]
    pub(crate) story: Explanation,
    /// What WHMCS was told of the month, held against it.
    pub(crate) told: Vec<ToldLine>,
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

/// Explains one account's month of one meter; `running` is the month that runs.
pub(crate) async fn explained(
    store: &Store,
    key: &AccountKey,
    meter: Meter,
    month: Month,
    running: Month,
    zone: BillingZone,
) -> Result<Explained, StoreError> {
    let story = explain(store, key, meter, month, zone).await?;
    let (backend, account) = (Some(key.backend.clone()), Some(key.name.clone()));
    let query = UsageQuery { backend, account, meter: Some(meter), owner: None };
    let owned = store.months(&query, month, month).await?;
    let owners: BTreeSet<&Owner> = owned.iter().map(|owned| &owned.owner).collect();
    let mut told = Vec::new();
    for owner in owners.into_iter().filter(|owner| **owner != Owner::Nobody) {
        told.extend(told_lines(store, owner, meter, month, running, zone).await?);
    }
    let lines = store.invoice_lines_of(key, meter, month.period()).await?;
    Ok(Explained { story, told, billed: lines.iter().map(BilledLine::of).collect() })
}

/// Explains over HTTP, in JSON.
pub(super) struct Explainer {
    store: Store,
    clock: Clock,
    zone: BillingZone,
}

impl Explainer {
    pub(super) fn new(store: Store, clock: Clock, zone: BillingZone) -> Explainer {
        Explainer { store, clock, zone }
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
        let running = self.zone.day_of(self.clock.now()).month();
        let explained = explained(&self.store, account, meter, month, running, self.zone).await?;
        Ok((!explained.story.is_empty()).then(|| Json(explained).into_response()))
    }
}
