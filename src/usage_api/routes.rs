//! The routes under `/v1/whmcs`, and how requests are counted.

use axum::extract::Request;
use axum::http::StatusCode;

use super::UsageApi;
use super::accounts::accounts;
use super::billable::billable;
use super::history::history;
use super::legacy::legacy;
use super::ping::ping;
use super::policy::policy;
use super::query::is_for_billing;
use super::recalculate::recalculate;
use super::services::services;
use super::usage::{tenant_usage, usage};
use crate::web::{Access, Counts, LONGEST_BODY, LONGEST_LIST, Route, Routes, Scope, Served};

const SERVER: &[&str] = &["server"];
const USAGE: &[&str] = &["server", "month"];

/// Totals of one tenant; its path looks like that of all of them.
const TENANT: &str = "/v1/whmcs/usage/{tenant}";

impl UsageApi {
    /// The routes, behind the doors of `access`.
    pub fn routes(self, access: &Access) -> Served {
        let get = |path, summary| Route::get(path, summary).scope(Scope::Billing).query(SERVER);
        let totals = "Totals of every tenant of the server";
        let services_body = "schema 1 and the services, each with id, client, username, status";
        let items_body = "schema 1, read_at in epoch seconds, and the items, each with id and description";
        let wish = "action reconcile, pin or unpin; with pin a policy, and until";
        let recalc = Route::post("/v1/whmcs/recalc/{tenant}", "Reads a tenant again soon");
        let put_services = Route::put("/v1/whmcs/services", "Accepts the full list of a server's services");
        let put_items = Route::put("/v1/whmcs/billable", "Accepts the billable items with a whmeter tag");
        let set_policy =
            Route::post("/v1/whmcs/policy/{tenant}", "Reconciles, pins or unpins a tenant's policy");
        Routes::new(access)
            .add(get("/v1/whmcs/ping", "Version, clock and time zone"), ping)
            .add(get("/v1/whmcs/usage", totals).query(USAGE), usage)
            .add(get(TENANT, "Totals of one tenant").query(USAGE), tenant_usage)
            .add(get("/v1/whmcs/accounts", "The accounts on the server's panels"), accounts)
            .add(get("/v1/whmcs/legacy", "Whole MB for overage billing"), legacy)
            .add(
                get("/v1/whmcs/history/{tenant}", "Days and months for charts").query(&["server", "days"]),
                history,
            )
            .add(recalc.scope(Scope::Billing).query(SERVER), recalculate)
            .add(put_services.scope(Scope::Billing).query(SERVER).body(LONGEST_LIST, services_body), services)
            .add(put_items.scope(Scope::Billing).query(SERVER).body(LONGEST_LIST, items_body), billable)
            .add(set_policy.scope(Scope::Admin).query(SERVER).body(LONGEST_BODY, wish), policy)
            .counted(self)
    }
}

/// What a request is counted by: its server, if it names one, and whether WHMCS collects what it bills.
pub struct Fetch {
    server: Option<i64>,
    for_billing: bool,
}

impl Counts for UsageApi {
    type RequestKey = Fetch;

    fn asked(&self, request: &Request) -> Fetch {
        Fetch { server: server_of(request), for_billing: is_for_billing(request.headers()) }
    }

    fn count(&self, route: &Route, fetch: Fetch, status: StatusCode) {
        // A server is counted only if we have it: anybody's number would be a new series.
        let Some(server) = fetch.server.filter(|server| self.is_configured(*server)) else { return };
        self.telemetry.whmcs_fetched(server, label(route.path), status.as_u16());
        let collects = route.path == TENANT || route.path == "/v1/whmcs/usage";
        if collects && fetch.for_billing && status.is_success() {
            self.telemetry.whmcs_collected(server, self.clock.now());
        }
    }
}

/// The server of a query. One that is named twice is none: its route refuses it.
fn server_of(request: &Request) -> Option<i64> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?.0;
    let mut servers = query.iter().filter(|(key, _)| key == "server").map(|(_, server)| server);
    let server = servers.next()?.parse().ok()?;
    servers.next().is_none().then_some(server)
}

/// A route by the name its series has: the part of its path after `/v1/whmcs/`.
fn label(path: &'static str) -> &'static str {
    match path {
        TENANT => "tenant",
        path => path.split('/').nth(3).unwrap_or(path),
    }
}
