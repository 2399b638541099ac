//! What everybody used in a period, with the service it is billed to; with `what`, what does not fit. JSON, or
//! CSV for a spreadsheet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Console;
use super::csv::cell;
use super::findings::{FindingKind, as_csv as findings_csv, findings};
use super::panel_vs_whmcs::{PanelsVsWhmcs, sides};
use super::query::ConsoleQuery;
use crate::domain::{BackendId, Meter, Owner, Service};
use crate::standing::Standing;
use crate::store::{By, CannotSum, ServiceList, StoreError, Total, UsageQuery};
use crate::web::{Problem, Query, parsed, period};

/// One line: a meter of an account over a span of days.
#[derive(Serialize)]
struct UsageLine<'a> {
    backend: &'a str,
    account: &'a str,
    /// How it came to its service; absent until WHMCS has sent its services, and of what it used when it was
    /// another's.
    mapping: Option<&'static str>,
    service: Option<i64>,
    client: Option<i64>,
    product: Option<&'a str>,
    meter: &'static str,
    from: String,
    to: String,
    bytes: u64,
    estimated_bytes: u64,
    held_byte_minutes: u128,
    complete: bool,
}

const COLUMNS: &str = "backend,account,mapping,service,client,product,meter,from,to,bytes,estimated_bytes,\
    held_byte_minutes,complete\n";

pub(super) async fn report(
    State(console): State<Console>,
    Query(asked): Query<ConsoleQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let as_csv = as_csv(&asked, &headers)?;
    if asked.what.is_some() {
        return report_of_findings(&console, &asked, as_csv).await;
    }
    let today = console.zone.day_of(console.clock.now());
    let period = period(asked.from.as_ref(), asked.to.as_ref(), today)?;
    let by = match asked.by.as_deref() {
        None => By::Period,
        Some("day") => By::Day,
        Some("month") => By::Month,
        Some(other) => return Err(Problem::refused(format!("by={other:?}: expected day or month"))),
    };
    let query = UsageQuery {
        backend: parsed("backend", asked.backend.as_ref(), BackendId::new)?,
        account: parsed("account", asked.account.as_ref(), crate::domain::AccountName::new)?,
        meter: parsed("meter", asked.meter.as_ref(), str::parse::<Meter>)?,
        owner: None,
    };
    let totals = console.store.totals_by_owner(&query, period, by, console.zone).await;
    let totals = totals.map_err(|error| match error {
        CannotSum::Folded(_) => Problem::new(StatusCode::CONFLICT, error.to_string()),
        CannotSum::Store(error) => Problem::unavailable(error),
    })?;
    let known = PayerLookup {
        standings: console.standings().await?.into_iter().map(|one| (one.backend.clone(), one)).collect(),
        lists: console.store.service_lists().await.map_err(Problem::unavailable)?,
    };
    let lines: Vec<UsageLine<'_>> = totals.iter().map(|total| line(total, &known)).collect();
    if !as_csv {
        return Ok(Json(lines).into_response());
    }
    let mut text = String::from(COLUMNS);
    lines.iter().for_each(|line| csv(&mut text, line));
    Ok(csv_response(text))
}

/// Whether CSV is wanted rather than JSON.
fn as_csv(asked: &ConsoleQuery, headers: &HeaderMap) -> Result<bool, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match asked.format.as_deref() {
        Some("csv") => Ok(true),
        Some("json") => Ok(false),
        Some(other) => Err(Problem::refused(format!("format={other:?}: expected json or csv"))),
        None => Ok(accept.starts_with("text/csv")),
    }
}

fn csv_response(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text).into_response()
}

/// What does not fit between the panels and WHMCS, as it stands now.
async fn report_of_findings(console: &Console, asked: &ConsoleQuery, csv: bool) -> Result<Response, Problem> {
    let ConsoleQuery { from: None, to: None, by: None, account: None, meter: None, .. } = asked else {
        return Err(Problem::refused(
            "`what` shows the current state: it can be combined with backend and format only",
        ));
    };
    let whats = parsed("what", asked.what.as_ref(), FindingKind::named)?.unwrap_or_default();
    let backend = parsed("backend", asked.backend.as_ref(), BackendId::new)?;
    let setup = console.setup();
    if let Some(backend) = &backend
        && !setup.panels.iter().any(|one| one.id == *backend)
    {
        return Err(Problem::unknown(format!(
            "no backend {backend:?} in the config",
            backend = backend.as_str()
        )));
    }
    let moment = console.moment();
    let sides = console.sides_for(&whats, backend.as_ref()).await?;
    // Going through a hundred thousand accounts is work for a thread that nothing waits on.
    let reported = tokio::task::spawn_blocking(move || {
        let found = findings(&sides, &whats, backend.as_ref(), &moment, &setup.prices);
        if csv { csv_response(findings_csv(&found)) } else { Json(found).into_response() }
    });
    let crashed = |error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("it stopped: {error}"));
    reported.await.map_err(crashed)
}

impl Console {
    /// Both sides of every panel, or of one and those of its server, with what these kinds of findings need besides.
    pub(super) async fn sides_for(
        &self,
        whats: &[FindingKind],
        backend: Option<&BackendId>,
    ) -> Result<PanelsVsWhmcs, Problem> {
        let (setup, moment) = (self.setup(), self.moment());
        let read = async {
            let mut sides = sides(&self.store, &setup.panels, backend).await?;
            if whats.contains(&FindingKind::Untold) {
                sides = sides.with_reported(&self.store, &moment, setup.bill_from).await?;
            }
            if whats.contains(&FindingKind::Unbilled) {
                sides = sides.with_billed(&self.store, &moment, setup.bill_from).await?;
            }
            if whats.contains(&FindingKind::Unclaimed) {
                sides = sides.with_unclaimed(&self.store).await?;
            }
            Ok::<_, StoreError>(sides)
        };
        read.await.map_err(Problem::unavailable)
    }
}

/// What is known of accounts and services.
struct PayerLookup {
    standings: HashMap<BackendId, Arc<Standing>>,
    lists: BTreeMap<i64, Arc<ServiceList>>,
}

impl PayerLookup {
    fn service(&self, id: i64) -> Option<&Service> {
        self.lists.values().find_map(|list| list.ever_listed(id))
    }
}

fn line<'a>(total: &'a Total, known: &'a PayerLookup) -> UsageLine<'a> {
    let standing = known.standings.get(&total.account.backend);
    let account = standing.and_then(|one| one.accounts.get(&total.account.name));
    // How its name is mapped now says nothing of what somebody else paid for.
    let owner = total.owner.as_ref();
    let mapped = account.filter(|account| Some(&account.owner) == owner);
    let mapped = mapped.and_then(|account| account.mapped.as_ref());
    let id = owner.and_then(Owner::service);
    let service = id.and_then(|id| known.service(id));
    UsageLine {
        backend: total.account.backend.as_str(),
        account: total.account.name.as_str(),
        mapping: mapped.map(|mapped| mapped.mapping.name()),
        service: id,
        client: service.map(|service| service.client),
        product: service.and_then(|service| service.product.as_deref()),
        meter: total.meter.name(),
        from: total.span.first().to_string(),
        to: total.span.next().to_string(),
        bytes: total.usage.amount.get(),
        estimated_bytes: total.usage.estimated.get(),
        held_byte_minutes: total.usage.held.get(),
        complete: total.complete,
    }
}

fn csv(out: &mut String, line: &UsageLine<'_>) {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let cells = [
        cell(line.backend),
        cell(line.account),
        line.mapping.unwrap_or_default().into(),
        number(line.service),
        number(line.client),
        cell(line.product.unwrap_or_default()),
        line.meter.into(),
        line.from.clone(),
        line.to.clone(),
        line.bytes.to_string(),
        line.estimated_bytes.to_string(),
        line.held_byte_minutes.to_string(),
        line.complete.to_string(),
    ];
    out.push_str(&cells.join(","));
    out.push('\n');
}
