//! Which account belongs to which service, and which services have no account.

use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::figures::{Figures, badge, name, not_known};
use super::layout::page;
use super::paging::{onwards, with};
use super::{Pages, account_path};
use crate::console::map::{Search, map_page, states};
use crate::web::{Problem, Query, Visit};

pub(super) async fn map(
    State(pages): State<Pages>,
    visit: Visit,
    Query(search): Query<Search>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    // A form sends what was not chosen as an empty text.
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let search = Search { backend: given(search.backend), state: given(search.state), ..search };
    let found = map_page(console, &search).await?;
    let setup = console.setup();
    let figures = Figures { moment: console.moment(), base: setup.base };
    let path = |cursor: Option<&str>| {
        with(
            "/map",
            &[("backend", search.backend.as_deref()), ("state", search.state.as_deref()), ("cursor", cursor)],
        )
    };
    let (state, backend) =
        (search.state.as_deref().unwrap_or_default(), search.backend.as_deref().unwrap_or_default());
    let body = html! {
        h1 { "Map" }
        p.lead {
            "Every account with the service of WHMCS that pays for it, by what WHMCS sells now; then every living service \
             without an account. " code { "whmeter map set" } " says by hand which service an account belongs to."
        }
        form.filters method="get" action="/map" {
            div { label for="backend" { "Panel" }
                select #backend name="backend" {
                    option value="" { "All" }
                    @for panel in setup.panels.iter() {
                        option value=(panel.id) selected[panel.id.as_str() == backend] { (panel.id) }
                    }
                } }
            div { label for="state" { "Which" }
                select #state name="state" {
                    option value="" { "All" }
                    @for one in states() { option value=(one) selected[one == state] { (one) } }
                } }
            button type="submit" { "Show" }
        }
        @for backend in &found.untold {
            p { (name(backend)) ": " (not_known("WHMCS has not sent the services of its server yet")) }
        }
        @if found.rows.is_empty() { p { "No line is so." } }
        @else {
            table.stack {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "State" } th.right scope="col" { "Service" }
                    th.right scope="col" { "Client" } th scope="col" { "Username" } th scope="col" { "Product" }
                    th scope="col" { "Status" }
                } }
                tbody {
                    @for row in &found.rows {
                        tr {
                            th scope="row" { @match (&row.backend, &row.account) {
                                (Some(backend), Some(account)) => {
                                    a href=(account_path(backend, account)) { (name(account)) } " "
                                    span.quiet { (name(backend)) }
                                }
                                _ => { span.quiet { "no account" } @if let Some(server) = row.server { " on server " (server) } },
                            } }
                            td data-label="State" { (badge(class(row.state), row.state)) }
                            td.right data-label="Service" { (number(row.service)) }
                            td.right data-label="Client" { (number(row.client)) }
                            td data-label="Username" { (name(row.username.as_deref().unwrap_or("–"))) }
                            td data-label="Product" { (name(row.product.as_deref().unwrap_or("–"))) }
                            td data-label="Status" { (name(row.status.as_deref().unwrap_or("–"))) }
                        }
                    }
                }
            }
        }
        (onwards(search.cursor.as_ref().map(|_| path(None)), found.next_cursor.as_deref().map(|next| path(Some(next)))))
    };
    Ok(page(&visit, &figures, "Map", "/map", body))
}

fn number(number: Option<i64>) -> String {
    number.map_or("–".into(), |number| number.to_string())
}

fn class(state: &str) -> &'static str {
    match state {
        "mapped" => "good",
        "pinned" => "quiet",
        _ => "warn",
    }
}
