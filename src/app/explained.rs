//! Why a number is what it is, what was reported to WHMCS of it and what items were made of it: put together here,
//! because the rooms that know do not know each other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::console::{Explain, Explanation, ExplanationInWords, explain, grouped};
use crate::domain::{AccountKey, BillFrom, Bytes, Limit, Meter, Month, Owner, Span, UsageDay};
use crate::invoicing::LimitRow;
use crate::pricing::{LimitPiece, by_time};
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
    /// What was sold in the month with the services that had it.
    pub(crate) sold: Vec<SoldLine>,
    /// What was reported to WHMCS of the month, held against it.
    pub(crate) reported: Vec<ReportedLine>,
    /// The billable items that were made of it.
    pub(crate) billed: Vec<BilledLine>,
}

/// What was sold of the meter with one service, limit by limit, and what these come to by time.
#[derive(Debug, Serialize)]
pub(crate) struct SoldLine {
    pub(crate) service: i64,
    pub(crate) limits: Vec<LimitRow>,
    /// 0 is unlimited; null where there is no sum, because a limit was unknown or unlimited for part of the month.
    pub(crate) by_time_bytes: Option<u64>,
}

impl SoldLine {
    /// `None` where WHMCS has sold no limit of the meter.
    fn of(service: i64, pieces: &[LimitPiece]) -> Option<SoldLine> {
        let by_time_bytes = by_time(pieces).ok().and_then(Limit::to_door).map(Bytes::get);
        let limits = pieces.iter().map(LimitRow::from).collect();
        let is_sold = pieces.iter().any(|piece| piece.limit.is_known());
        is_sold.then_some(SoldLine { service, limits, by_time_bytes })
    }

    fn sentences(&self) -> Vec<String> {
        let size = |bytes: Option<u64>| match bytes {
            None => "unknown".to_string(),
            Some(0) => "unlimited".into(),
            Some(bytes) => format!("{} B", grouped(bytes)),
        };
        let pieces = self.limits.iter().map(|limit| {
            format!(
                "sold with service {}: {} from {} to {}",
                self.service,
                size(limit.bytes),
                limit.from,
                limit.to
            )
        });
        let mut said: Vec<String> = pieces.collect();
        if said.len() > 1 {
            said.push(format!("    by the time that each was in force: {}", size(self.by_time_bytes)));
        }
        said
    }
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

    fn sentence(&self) -> String {
        let BilledLine { tag, rule, from, to, amount, currency, state, at, by, .. } = self;
        let number = self.billable.map_or(String::new(), |id| format!(" as item {id}"));
        format!(
            "billed by {rule}: {amount} {currency} for {from} to {to}, {state}{number} at {at} by {by} {tag}"
        )
    }
}

impl Explained {
    /// What was reported and billed of it, in sentences.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(day) = &self.billed_from {
            said.push(format!("days before {day} are not billed by us: bill_from of [whmcs]"));
        }
        self.sold.iter().for_each(|line| said.extend(line.sentences()));
        if self.reported.is_empty() {
            said.push("nothing of it was reported to WHMCS for metric billing".into());
        }
        self.reported.iter().for_each(|line| said.extend(reported_in_words(line)));
        said.extend(self.billed.iter().map(BilledLine::sentence));
        said
    }
}

fn reported_in_words(reported: &ReportedLine) -> Vec<String> {
    let ReportedLine { server, tenant, metric, value, unit_bytes, at, .. } = reported;
    let carried = match reported.carried.is_zero() {
        true => String::new(),
        false => format!(", {} of it carried over from the month before", reported.carried),
    };
    let unit = grouped(unit_bytes);
    let by = match reported.chronicle.as_str() {
        "folded" => "by an entry of the chronicle that is folded".to_string(),
        entry if reported.is_chronicled() => format!("by {entry} of the chronicle"),
        _ => "NOT IN THE CHRONICLE".into(),
    };
    let mut said = vec![format!(
        "reported to WHMCS (server {server}, tenant {tenant}): {metric} {value}{carried}, first at {at} \
         (1 is {unit} B), {by}"
    )];
    if let (Some(not_reported), Some(so)) = (&reported.not_reported, &reported.so) {
        said.push(format!("    the ledger less the reported value: {not_reported}: {so}"));
    }
    said
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
    let days =
        Span::new(moment.zone.start_of(month.period().first()), moment.zone.start_of(month.period().next()));
    let mut sold_lines = Vec::new();
    for service in owners.iter().filter_map(|owner| owner.service()) {
        let limits = store.sold_limits_of(service).await?;
        let pieces = days.as_ref().map_or_else(|_| Vec::new(), |days| limits.pieces(service, meter, *days));
        sold_lines.extend(SoldLine::of(service, &pieces));
    }
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
    let billed = lines.iter().map(BilledLine::of).collect();
    Ok(Explained { story, billed_from, sold: sold_lines, reported, billed })
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

impl Explainer {
    async fn explained(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<Explained>, StoreError> {
        let (moment, from) = (self.usage_api.moment(), self.usage_api.bill_from());
        let explained = explained(&self.store, account, meter, month, &moment, from).await?;
        Ok(Some(explained).filter(|explained| !explained.story.is_empty()))
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
        let explained = self.explained(account, meter, month).await?;
        Ok(explained.map(|explained| Json(explained).into_response()))
    }

    async fn explain_in_words(
        &self,
        account: &AccountKey,
        meter: Meter,
        month: Month,
    ) -> Result<Option<ExplanationInWords>, StoreError> {
        let explained = self.explained(account, meter, month).await?;
        Ok(explained.map(|explained| ExplanationInWords {
            is_chronicled: explained.reported.iter().all(ReportedLine::is_chronicled),
            sentences: explained.sentences(),
            story: explained.story,
        }))
    }
}
