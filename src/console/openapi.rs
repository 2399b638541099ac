//! Every route there is, as an OpenAPI document: made of one table, which is the list to keep.

use axum::Json;
use serde_json::{Map, Value, json};

/// Method, path, scope (none: open), what it answers, keys of its query.
type Route = (&'static str, &'static str, Option<&'static str>, &'static str, &'static [&'static str]);

const SERVER: &[&str] = &["server"];
const USAGE: &[&str] = &["server", "month"];

/// The routes, as `docs/contract.md` promises them.
const ROUTES: &[Route] = &[
    ("get", "/metrics", Some("metrics"), "All series, as text 0.0.4 or OpenMetrics", &[]),
    ("get", "/metrics/self", Some("metrics"), "This process's own series", &[]),
    ("get", "/metrics/backend/{name}", Some("metrics"), "One backend's account series", &[]),
    ("get", "/metrics/targets", Some("metrics"), "Prometheus HTTP service discovery", &[]),
    ("get", "/-/healthy", None, "ok", &[]),
    ("get", "/-/ready", None, "ok when the store answers and its schema is current", &[]),
    ("get", "/openapi.json", None, "This document", &[]),
    ("get", "/v1/whmcs/ping", Some("billing"), "Version, clock and time zone", SERVER),
    ("get", "/v1/whmcs/usage", Some("billing"), "Totals of every tenant of the server", USAGE),
    ("get", "/v1/whmcs/usage/{tenant}", Some("billing"), "Totals of one tenant", USAGE),
    ("get", "/v1/whmcs/legacy", Some("billing"), "Whole MB for overage billing", SERVER),
    ("get", "/v1/whmcs/history/{tenant}", Some("billing"), "Days and months for charts", &["server", "days"]),
    ("post", "/v1/whmcs/recalc/{tenant}", Some("billing"), "Has a tenant read again soon", SERVER),
    ("put", "/v1/whmcs/services", Some("billing"), "Takes in the full list of a server's services", SERVER),
    (
        "put",
        "/v1/whmcs/billable",
        Some("billing"),
        "Takes in the billable items that have a tag of ours",
        SERVER,
    ),
    (
        "post",
        "/v1/whmcs/policy/{tenant}",
        Some("admin"),
        "Reconciles, pins or unpins a tenant's policy",
        SERVER,
    ),
    (
        "get",
        "/v1/report",
        Some("read"),
        "What everybody used in a period; with what, what does not fit; JSON or CSV",
        &["from", "to", "by", "backend", "account", "meter", "what", "format"],
    ),
    (
        "get",
        "/v1/audit",
        Some("read"),
        "What was done, newest first",
        &["backend", "account", "limit", "cursor"],
    ),
    ("get", "/v1/outbox", Some("read"), "What waits to be told or done", &["state", "limit", "cursor"]),
    ("get", "/v1/backends", Some("read"), "Every backend and how its polls go", &[]),
    ("get", "/v1/backends/{name}", Some("read"), "One backend, and what became of a poll asked for", &[]),
    ("post", "/v1/backends/{name}/poll", Some("admin"), "Has a backend polled now", &[]),
    ("get", "/v1/accounts", Some("read"), "Accounts as they stand", &["q", "backend", "limit", "cursor"]),
    ("get", "/v1/accounts/{backend}/{account}", Some("read"), "One account as it stands", &[]),
    ("get", "/v1/accounts/{backend}/{account}/days", Some("read"), "An account's days", &["from", "to"]),
    (
        "get",
        "/v1/accounts/{backend}/{account}/explain",
        Some("read"),
        "The readings behind an account's month",
        &["meter", "month"],
    ),
    (
        "get",
        "/v1/map",
        Some("read"),
        "Accounts against services, then services without an account",
        &["backend", "state", "limit", "cursor"],
    ),
];

/// Routes that take a body.
const BODIES: &[(&str, &str)] = &[
    ("/v1/whmcs/services", "schema 1 and the services, each with id, client, username, status"),
    ("/v1/whmcs/billable", "schema 1, read_at in epoch seconds, and the items, each with id and description"),
    ("/v1/whmcs/policy/{tenant}", "action reconcile, pin or unpin; with pin a policy, and until"),
];

pub(super) async fn document() -> Json<Value> {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let entry = paths.entry(route.1).or_insert_with(|| json!({}));
        entry[route.0] = operation(route);
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "whmeter", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "responses": { "Problem": {
                "description": "What is wrong and what to do (RFC 9457)",
                "content": { "application/problem+json": { "schema": { "type": "object", "properties": {
                    "type": { "type": "string" }, "title": { "type": "string" },
                    "status": { "type": "integer" }, "detail": { "type": "string" },
                } } } },
            } },
        },
    }))
}

fn operation((method, path, scope, summary, query): &Route) -> Value {
    let text = json!({ "type": "string" });
    let inside = path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let inside = inside.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text }));
    let asked = query.iter().map(|name| {
        let required = *name == "server";
        json!({ "name": name, "in": "query", "required": required, "schema": text })
    });
    // What is asked of a panel is only taken in.
    let good = if *method == "post" { "202" } else { "200" };
    let mut operation = json!({
        "summary": summary,
        "parameters": inside.chain(asked).collect::<Vec<_>>(),
        "responses": { good: { "description": summary }, "default": { "$ref": "#/components/responses/Problem" } },
        "security": [],
    });
    if let Some(scope) = scope {
        operation["security"] = json!([{ "bearer": [scope] }]);
    }
    if let Some((_, body)) = BODIES.iter().find(|(of, _)| of == path) {
        let content = json!({ "application/json": { "schema": { "type": "object", "description": body } } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}
