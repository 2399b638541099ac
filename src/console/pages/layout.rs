//! How a page is laid out: its head, the way to the other pages, who is logged in, and what is wrong where something is.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::figures::Figures;
use super::style::{ICON, STYLE};
use crate::web::{Problem, SignedForm, Visit};

/// The pages that every page leads to.
const WAYS: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/accounts", "Accounts"),
    ("/findings", "Findings"),
    ("/map", "Map"),
    ("/outbox", "Outbox"),
    ("/audit", "Audit"),
];

/// A page for whoever is let in.
pub(super) fn page(visit: &Visit, figures: &Figures, title: &str, here: &str, body: Markup) -> Response {
    let foot = html! {
        p {
            "Times are of " (figures.zone_name()) ", which cuts days and months. "
            "1 GB is " (figures.gigabyte()) " bytes, as WHMCS bills. "
            "Page made " (figures.time(figures.moment.now)) "."
        }
    };
    document(title, html! { (ways(here, visit)) (main(body)) (footer(foot)) })
}

/// A page without the way to others: what is shown before a login, or where something is wrong.
pub(super) fn plain(title: &str, body: Markup) -> Response {
    document(title, html! { header.top { div.in { (brand()) } } (main(body)) (footer(html! {})) })
}

fn document(title: &str, body: Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · whmeter" }
                link rel="stylesheet" href=(STYLE);
                link rel="icon" href=(ICON) type="image/svg+xml";
            }
            body { (body) }
        }
    };
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, html)], page.into_string()).into_response()
}

fn brand() -> Markup {
    html! { a.brand href="/" { img src=(ICON) alt="" width="24" height="24"; "whmeter" } }
}

fn main(body: Markup) -> Markup {
    html! { main #main tabindex="-1" { (body) } }
}

fn ways(here: &str, visit: &Visit) -> Markup {
    html! {
        a.skip href="#main" { "Skip to the content" }
        header.top {
            div.in {
                (brand())
                nav aria-label="Pages" {
                    ul {
                        @for (path, name) in WAYS {
                            li { a href=(path) aria-current=[(path == here).then_some("page")] { (name) } }
                        }
                    }
                }
                @if visit.has_session {
                    form.who method="post" action="/logout" {
                        (word(visit))
                        @if let Some(token) = &visit.asker.token { span { "Token " bdi { (token) } } }
                        button type="submit" { "Log out" }
                    }
                }
            }
        }
    }
}

fn footer(foot: Markup) -> Markup {
    html! {
        footer {
            div.in {
                (foot)
                p {
                    "whmeter " (env!("CARGO_PKG_VERSION")) " (" (crate::telemetry::REVISION) ") · "
                    a href="/metrics" { "Metrics for Prometheus" } " · " a href="/openapi.json" { "API" }
                }
            }
        }
    }
}

/// The field that proves that a form was shown to whoever sends it.
pub(super) fn word(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(SignedForm::FIELD) value=(visit.form_word()); }
}

/// An answer for people where it is a problem for programs.
pub(super) async fn readable(response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let title = problem.status.canonical_reason().unwrap_or("Error");
    let body = html! {
        h1 { (title) }
        p.lead { (problem.detail) }
        p { a href="/" { "To the overview" } }
    };
    let mut page = plain(title, body);
    *page.status_mut() = response.status();
    let (own, _) = response.into_parts();
    for (name, value) in own
        .headers
        .iter()
        .filter(|(name, _)| *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH)
    {
        page.headers_mut().append(name, value.clone());
    }
    page
}
