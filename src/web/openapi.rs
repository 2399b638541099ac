//! Every route there is, as an OpenAPI document, made of the list that they are served by.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::{Access, Route, Routes, Served};

/// Where the document is.
const DOCUMENT: Route = Route::get("/openapi.json", "This document");

/// The route that describes these routes, and of itself.
pub fn openapi(access: &Access, list: &[Route]) -> Served {
    let all: Vec<Route> = list.iter().chain([&DOCUMENT]).copied().collect();
    Routes::new(access).add(DOCUMENT, answer_document).served(Arc::new(document(&all)))
}

async fn answer_document(State(document): State<Arc<Value>>) -> Json<Arc<Value>> {
    Json(document)
}

fn document(list: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in list {
        // What takes the rest of a path is a name like others to whoever reads this.
        let entry = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        entry[route.method.to_lowercase()] = operation(route);
    }
    json!({
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
    })
}

fn operation(route: &Route) -> Value {
    let text = json!({ "type": "string" });
    let inside = route.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let inside = inside.map(|name| name.trim_start_matches('*'));
    let inside = inside.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text }));
    let asked = route.query.iter().map(|name| {
        let required = *name == "server";
        json!({ "name": name, "in": "query", "required": required, "schema": text })
    });
    // What is asked of a panel is only taken in.
    let good = if route.method == "POST" { "202" } else { "200" };
    let mut operation = json!({
        "summary": route.summary,
        "parameters": inside.chain(asked).collect::<Vec<_>>(),
        "responses": {
            good: { "description": route.summary },
            "default": { "$ref": "#/components/responses/Problem" },
        },
        "security": [],
    });
    if let Some(scope) = route.scope {
        operation["security"] = json!([{ "bearer": [scope.name()] }]);
    }
    if let Some(body) = route.body {
        let content = json!({ "application/json": { "schema": { "type": "object", "description": body } } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}
