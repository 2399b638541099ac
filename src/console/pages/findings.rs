//! What does not fit between the panels and WHMCS: each kind with what it means and what to do, and its lines.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::figures::{Figures, badge, found_of, meter_name, name, not_known, sentence};
use super::layout::page;
use super::paging::{Numbered, with};
use super::{Pages, account_path};
use crate::console::findings::{Finding, FindingKind, findings as found};
use crate::domain::{BackendId, Bytes, Meter};
use crate::web::{Problem, Query, Visit, number, parsed};
use serde::Deserialize;

/// Lines on a page.
const ROWS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingsQuery {
    what: Option<String>,
    backend: Option<String>,
    page: Option<String>,
}

/// A kind in words: what it is, and what to do about it.
fn meaning(what: FindingKind) -> (&'static str, &'static str) {
    match what {
        FindingKind::Unbilled => (
            "Accounts that no service pays for",
            "Sell them, delete them, or say whose they are: `whmeter map set BACKEND ACCOUNT SERVICE_ID`.",
        ),
        FindingKind::Ghosts => (
            "Services whose account is gone",
            "The customer pays for an account that was on the panel and is not any more. End the service, or restore the \
             account.",
        ),
        FindingKind::Unmetered => (
            "Services without an account",
            "Nothing is measured for them. See whether the account has another name: `whmeter map list`.",
        ),
        FindingKind::WrongPlans => (
            "Limits on the panel that are not those sold",
            "Change the plan on the panel, or the product in WHMCS.",
        ),
        FindingKind::Totals => (
            "What panels say they store, against their accounts",
            "A difference is stored by nobody who is metered. See the unclaimed, too.",
        ),
        FindingKind::HeldBack => (
            "Not believed yet",
            "Look at the panel. Where it is true: `whmeter accept BACKEND ACCOUNT --reason TEXT`.",
        ),
        FindingKind::Untold => (
            "Used, and can no longer be reported to WHMCS",
            "WHMCS does not ask for it any more. Bill it by `whmeter invoice`, or by hand.",
        ),
        FindingKind::Addons => {
            ("Add-ons that no metric bills", "Sell them as services where their usage is to be billed.")
        }
        FindingKind::Unconfigured => (
            "Backends that are not in the config",
            "They are not polled. `whmeter backend rename` or `whmeter backend forget`.",
        ),
        FindingKind::Policies => (
            "Policies that are not as wanted",
            "Somebody has changed them on the panel, or it has lost them. Each account's page says what stands there.",
        ),
        FindingKind::Unclaimed => (
            "What is no account's",
            "It fills the panel, and nobody is billed for it. Give it to an account, or delete it.",
        ),
        FindingKind::Pins => (
            "Pins to earlier accounts of a name",
            "They count no more. `whmeter map unset`, or pin the account of now.",
        ),
        FindingKind::Adoptions => (
            "Services that were ordered for accounts and are not finished",
            "`whmeter adopt` with the same account and client goes on. Where WHMCS has no such order: `--settle absent`.",
        ),
        FindingKind::Companions => (
            "Companions that are not as they should be",
            "WHMCS's cron orders, changes and ends them by settings.php; what it leaves is for people.",
        ),
        FindingKind::Sizes => (
            "Sizes in WHMCS that nobody can read",
            "What they limit is without a limit. Write them in WHMCS as `100 GiB` or `1.5 TB`.",
        ),
    }
}

/// A line of the page, free of what it was found in.
struct Row {
    cells: Markup,
}

pub(super) async fn findings(
    State(pages): State<Pages>,
    visit: Visit,
    Query(asked): Query<FindingsQuery>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (what, backend) = (given(asked.what), given(asked.backend));
    let whats = parsed("what", what.as_ref(), FindingKind::named)?;
    let of = parsed("backend", backend.as_ref(), BackendId::new)?;
    let at = number::<usize>("page", asked.page.as_ref())?;
    let setup = console.setup();
    if let Some(of) = of.as_ref().filter(|of| !setup.panels.iter().any(|one| one.id == **of)) {
        return Err(Problem::unknown(format!("no backend {:?} in the config", of.as_str())));
    }
    let all = FindingKind::ALL.to_vec();
    let sides = console.sides_for(whats.as_deref().unwrap_or(&all), of.as_ref()).await?;
    let figures = Figures { moment: console.moment(), base: setup.base };
    let one =
        whats.as_ref().and_then(|whats| whats.first().copied()).filter(|_| what.as_deref() != Some("all"));
    // Going through a hundred thousand accounts is work for a thread that nothing waits on.
    let prices = setup.prices.clone();
    let made = tokio::task::spawn_blocking(move || match one {
        Some(kind) => {
            let lines = found(&sides, &[kind], of.as_ref(), &figures.moment, &prices);
            let numbered = Numbered::of(at, lines.len(), ROWS);
            let shown = lines.iter().skip(numbered.first).take(ROWS);
            let rows: Vec<Row> = shown.map(|line| Row { cells: cells(&figures, line) }).collect();
            Made::Lines(numbered, rows)
        }
        None => Made::Kinds(Vec::from(FindingKind::ALL.map(|kind| {
            let lines = found(&sides, &[kind], of.as_ref(), &figures.moment, &prices);
            let unknown = lines.iter().filter(|line| line.is_unknown()).count();
            (kind, lines.len() - unknown, unknown)
        }))),
    });
    let made = made.await.map_err(|error| Problem::unavailable(format!("it stopped: {error}")))?;
    let path = |page: &str| {
        with("/findings", &[("what", what.as_deref()), ("backend", backend.as_deref()), ("page", Some(page))])
    };
    let body = html! {
        h1 { @match one { Some(kind) => (meaning(kind).0), None => "What does not fit" } }
        p.lead { @match one {
            Some(kind) => (sentence(meaning(kind).1)),
            None => "The panels and WHMCS are two lists that drift apart. This is where they differ, as it stands now.",
        } }
        (form(&setup.panels.iter().map(|panel| panel.id.to_string()).collect::<Vec<_>>(), one, backend.as_deref()))
        @match &made {
            Made::Kinds(kinds) => (kinds_table(kinds, backend.as_deref())),
            Made::Lines(numbered, rows) => {
                (numbered.show("lines", path))
                @if rows.is_empty() { p.notice.good { "Everything fits." } }
                @else {
                    table.stack {
                        thead { tr {
                            th scope="col" { "Where" } th scope="col" { "State" } th scope="col" { "Service" }
                            th.right scope="col" { "Bytes" } th.right scope="col" { "Worth" } th scope="col" { "Detail" }
                        } }
                        tbody { @for row in rows { (row.cells) } }
                    }
                    (numbered.again("lines", path))
                }
            }
        }
    };
    Ok(page(&visit, &figures, "What does not fit", "/findings", body))
}

enum Made {
    /// Every kind with its lines and of how many nothing is known.
    Kinds(Vec<(FindingKind, usize, usize)>),
    Lines(Numbered, Vec<Row>),
}

fn form(backends: &[String], one: Option<FindingKind>, backend: Option<&str>) -> Markup {
    html! {
        form.filters method="get" action="/findings" {
            div { label for="what" { "What" }
                select #what name="what" {
                    option value="" { "All kinds" }
                    @for kind in FindingKind::ALL { option value=(kind.name()) selected[one == Some(kind)] { (meaning(kind).0) } }
                } }
            div { label for="backend" { "Panel" }
                select #backend name="backend" {
                    option value="" { "All" }
                    @for name in backends { option value=(name) selected[backend == Some(name.as_str())] { (name) } }
                } }
            button type="submit" { "Show" }
        }
    }
}

fn kinds_table(kinds: &[(FindingKind, usize, usize)], backend: Option<&str>) -> Markup {
    html! {
        table.stack {
            thead { tr { th scope="col" { "What" } th.right scope="col" { "Lines" } th scope="col" { "What to do" } } }
            tbody { @for (kind, lines, unknown) in kinds {
                tr {
                    th scope="row" {
                        a href=(with("/findings", &[("what", Some(kind.name())), ("backend", backend)])) { (meaning(*kind).0) }
                    }
                    td.right data-label="Lines" { div {
                        (found_of(*lines, *unknown))
                    } }
                    td data-label="What to do" { div { @if *lines > 0 { (sentence(meaning(*kind).1)) } @else { span.quiet { "–" } } } }
                }
            } }
        }
    }
}

fn cells(figures: &Figures, line: &Finding<'_>) -> Markup {
    let size =
        |bytes: Option<u64>| bytes.and_then(|bytes| Bytes::new(bytes).ok()).map(|bytes| figures.size(bytes));
    // Zero is what a plan without a limit says.
    let plan = |bytes: Option<u64>| match bytes {
        Some(0) if line.what == FindingKind::WrongPlans.name() => Some(html! { "no limit" }),
        bytes => size(bytes),
    };
    let meter = line.meter.map(|meter| meter.parse::<Meter>().map_or(meter, meter_name));
    html! {
        tr {
            th scope="row" {
                @match (line.backend, line.account) {
                    (Some(backend), Some(account)) => {
                        a href=(account_path(backend, account)) { (name(account)) } " " span.quiet { (name(backend)) }
                    }
                    (Some(backend), None) => (name(backend)),
                    (None, _) => { @if let Some(server) = line.server { "Server " (server) } @else { "–" } },
                }
            }
            td data-label="State" { (badge("warn", line.state)) }
            td data-label="Service" { div {
                @match line.service { Some(service) => { (service) }, None => "–" }
                @if let Some(client) = line.client { ", client " (client) }
                @if let Some(product) = line.product.or(line.username) { div.small.quiet { (name(product)) } }
                @if let Some(status) = line.status { div.small.quiet { (status) } }
            } }
            td.right data-label="Bytes" { div {
                @if let Some(meter) = meter { span.quiet { (meter) " " } }
                @match size(line.bytes) { Some(bytes) => (bytes), None => { @if line.is_unknown() { (not_known("")) } @else { "–" } } }
                @if let Some(panel) = plan(line.panel_bytes) { div.small { "panel " (panel) } }
                @if let Some(sold) = plan(line.sold_bytes) { div.small { "sold " (sold) } }
                @if let Some(more) = line.difference_bytes {
                    div.small.num { "difference " (if more < 0 { "−" } else { "+" }) (figures.sized(magnitude(more))) }
                }
            } }
            td.right data-label="Worth" { @match (&line.amount, &line.currency) {
                (Some(amount), Some(currency)) => { span.num { (amount) } " " (currency) },
                _ => "–",
            } }
            td data-label="Detail" { div {
                @if let Some(detail) = &line.detail { (sentence(detail)) }
                @if let Some(since) = &line.since { div.small.quiet { "since " (figures.since_text(since)) } }
                @if line.detail.is_none() && line.since.is_none() { "–" }
            } }
        }
    }
}

fn magnitude(difference: i64) -> Bytes {
    Bytes::new(difference.unsigned_abs()).unwrap_or(Bytes::MAX)
}
