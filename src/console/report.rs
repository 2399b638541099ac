//! What everybody used in a period, with the service it is billed to: JSON, or CSV for a spreadsheet.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Console;
use super::asked::{Asked, refused, unavailable};
use crate::domain::{BackendId, BillingPeriod, Meter, UsageDay};
use crate::problem::Problem;
use crate::store::{By, CannotSum, Standing, Total, UsageQuery};

/// One line: a meter of an account over a span of days.
#[derive(Serialize)]
struct Line<'a> {
    backend: &'a str,
    account: &'a str,
    /// How it came to its service; absent until WHMCS has told its services.
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

type Standings = HashMap<BackendId, Arc<Standing>>;

pub(super) async fn report(
    State(console): State<Console>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let day = |key, text| Asked::parsed(key, text, UsageDay::parse);
    let period = match (day("from", asked.from.as_ref())?, day("to", asked.to.as_ref())?) {
        (Some(from), Some(to)) => BillingPeriod::new(from, to).map_err(|error| refused(error.to_string()))?,
        (None, None) => console.zone.day_of(console.clock.now()).month().period(),
        _ => return Err(refused("from and to belong together; to is not included")),
    };
    let by = match asked.by.as_deref() {
        None => By::Period,
        Some("day") => By::Day,
        Some("month") => By::Month,
        Some(other) => return Err(refused(format!("by={other:?}: expected day or month"))),
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let as_csv = match asked.format.as_deref() {
        Some("csv") => true,
        Some("json") => false,
        Some(other) => return Err(refused(format!("format={other:?}: expected json or csv"))),
        None => accept.starts_with("text/csv"),
    };
    let query = UsageQuery {
        backend: Asked::parsed("backend", asked.backend.as_ref(), BackendId::new)?,
        account: Asked::parsed("account", asked.account.as_ref(), crate::domain::AccountName::new)?,
        meter: Asked::parsed("meter", asked.meter.as_ref(), str::parse::<Meter>)?,
    };
    let totals = console.store.totals(&query, period, by, console.zone).await;
    let totals = totals.map_err(|error| match error {
        CannotSum::Folded(_) => Problem::new(StatusCode::CONFLICT, error.to_string()),
        CannotSum::Store(error) => unavailable(error),
    })?;
    let standings = standings(&console).await?;
    let lines: Vec<Line<'_>> = totals.iter().map(|total| line(total, &standings)).collect();
    if !as_csv {
        return Ok(Json(lines).into_response());
    }
    let mut text = String::from(COLUMNS);
    lines.iter().for_each(|line| csv(&mut text, line));
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
    Ok((kind, text).into_response())
}

async fn standings(console: &Console) -> Result<Standings, Problem> {
    let mut standings = HashMap::new();
    for state in console.store.backends().await.map_err(unavailable)? {
        let standing = console.store.standing(&state).await.map_err(unavailable)?;
        standings.insert(state.backend, standing);
    }
    Ok(standings)
}

fn line<'a>(total: &'a Total, standings: &'a Standings) -> Line<'a> {
    let account = standings.get(&total.account.backend).and_then(|one| one.accounts.get(&total.account.name));
    let mapped = account.and_then(|account| account.mapped.as_ref());
    let service = mapped.and_then(|mapped| mapped.service.as_ref());
    Line {
        backend: total.account.backend.as_str(),
        account: total.account.name.as_str(),
        mapping: mapped.map(|mapped| mapped.mapping.name()),
        service: service.map(|service| service.id),
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

fn csv(out: &mut String, line: &Line<'_>) {
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

/// A cell that no spreadsheet takes for a formula, and no comma or line break splits.
fn cell(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_string(),
    };
    let splits = text.contains([',', '"', '\n', '\r']);
    if splits { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_two_cells() {
        assert_eq!(cell("=1+2"), "'=1+2");
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell("Müller"), "Müller");
    }
}
