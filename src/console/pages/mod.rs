//! The pages at `/`: what the JSON and the command line say, for eyes. One file for each page; what they share is how a
//! page is laid out (`layout`), how values are written (`figures`) and how columns are drawn (`chart`).
//!
//! Nothing is computed here that the rest of the room does not compute for its JSON, too. Pages have no script, and take
//! their looks from one stylesheet ([0030](../../../docs/decisions/0030-console.md)).

mod account;
mod accounts;
mod actions;
mod audit;
mod chart;
mod figures;
mod findings;
mod layout;
mod login;
mod made_of;
mod map;
mod outbox;
mod overview;
mod paging;
mod policy;
mod style;
mod why;

use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};

use super::Console;
use crate::web::{Access, Problem, Route, Routes, Scope, Served, encoded, promise};

/// What pages are made from.
#[derive(Clone)]
struct Pages {
    console: Console,
    access: Access,
}

/// A form has a few fields.
const LONGEST_FORM: usize = 16 << 10;

/// The pages and what they need, behind doors of their own.
pub(super) fn routes(console: Console, access: &Access) -> Served {
    let read = |path| Route::get(path, "A page").scope(Scope::Read);
    let act = |path| Route::post(path, "A button").scope(Scope::Admin).body(LONGEST_FORM, "a form");
    let open = |path| Route::post(path, "A form").body(LONGEST_FORM, "a form");
    let pages = Routes::new(access)
        .add(read("/"), overview::overview)
        .add(read("/accounts"), accounts::accounts)
        .add(read("/accounts/{backend}/{account}"), account::account)
        .add(read("/accounts/{backend}/{account}/why"), why::why)
        .add(act("/accounts/{backend}/{account}/policy"), actions::policy)
        .add(act("/backends/{name}/poll"), actions::poll)
        .add(read("/findings"), findings::findings)
        .add(read("/map"), map::map)
        .add(read("/audit"), audit::audit)
        .add(read("/outbox"), outbox::outbox)
        .add(Route::get("/login", "The form for a token"), login::form)
        .add(open("/login"), login::log_in)
        .add(open("/logout"), login::log_out)
        .pages(Pages { console, access: access.clone() });
    // They are the same for everybody, and tell nothing.
    let looks = Routes::new(access)
        .add(Route::get(style::STYLE, "The stylesheet"), style::stylesheet)
        .add(Route::get(style::ICON, "The icon"), style::icon)
        .served(());
    Served {
        router: pages.router.layer(map_response(layout::readable)).merge(looks.router),
        list: Vec::new(),
    }
}

/// The page for a path under which nothing is served.
pub(crate) async fn nothing_served(problem: Problem) -> Response {
    let mut page = layout::readable(problem.into_response()).await;
    promise(&mut page);
    page
}

/// The path of an account's page.
fn account_path(backend: &str, account: &str) -> String {
    format!("/accounts/{}/{}", encoded(backend), encoded(account))
}
