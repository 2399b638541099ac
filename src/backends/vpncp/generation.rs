//! Which generation of the API a panel speaks, and how its calls are spelt in each.
//!
//! Both live below `/api/v1/` and are otherwise strangers: 1.x (2022 to 2023) knows accounts of WireGuard
//! servers, 2.x (since 2026) is a rewrite that knows clients of networks.

use std::collections::BTreeMap;

use serde_json::Value;

/// A generation of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// 1.x: a cookie, forms, `{"error","msg","status"}`.
    One,
    /// 2.x: a bearer token, JSON, `{"result","message","data"}`.
    Two,
}

impl Generation {
    /// What holds the clients: the list, and each of them below it.
    pub fn clients(self) -> &'static str {
        match self {
            Generation::One => "account",
            Generation::Two => "client",
        }
    }

    /// What a client's traffic lies under (PUQVPNCP doc/20. API, "VPN accounts"; 18-api.md in 2.x).
    pub fn traffic(self) -> &'static str {
        match self {
            Generation::One => "traffic_statistics",
            Generation::Two => "traffic",
        }
    }

    /// What holds the networks, which 1.x calls WireGuard servers.
    pub fn networks(self) -> &'static str {
        match self {
            Generation::One => "wireguard",
            Generation::Two => "network",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Generation::One => "1.x",
            Generation::Two => "2.x",
        }
    }
}

/// The calls a 2.x panel must offer, as its description lists them.
const NEEDED: [(&str, &str); 6] = [
    ("/client", "get"),
    ("/client/{}", "get"),
    ("/client/{}", "put"),
    ("/client/{}/traffic/{}/{}", "get"),
    ("/network", "get"),
    ("/system/status", "get"),
];

/// What a 2.x panel says of its own API in `openapi.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// The calls we need and it does not list.
    pub missing: Vec<String>,
}

impl Description {
    /// Reads an OpenAPI document; `None` when it is not one.
    pub fn read(document: &Value) -> Option<Description> {
        document.get("openapi")?;
        let mut offered: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let methods = methods.as_object().into_iter().flat_map(|methods| methods.keys());
            offered.entry(plain(path)).or_default().extend(methods.map(String::as_str));
        }
        let is_missing = |path: &str, method: &str| {
            !offered.get(path).is_some_and(|methods| methods.iter().any(|m| m.eq_ignore_ascii_case(method)))
        };
        let missing = NEEDED.iter().filter(|(path, method)| is_missing(path, method));
        Some(Description {
            missing: missing.map(|(path, method)| format!("{} {path}", method.to_uppercase())).collect(),
        })
    }

    /// What to report to the operator when something is missing.
    pub fn complaint(&self) -> Option<String> {
        let missing = self.missing.join(", ");
        (!missing.is_empty()).then(|| format!("openapi.json does not list {missing}; another release?"))
    }
}

/// A path without the prefix, with every parameter written `{}` whatever its name is.
fn plain(path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap_or(path).trim_end_matches('/');
    let parts = path.split('/').map(|part| if part.starts_with(['{', ':']) { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_is_read_whatever_its_parameters_are_called() {
        let document: Value = serde_json::from_str(include_str!("testdata/openapi.v2.json")).expect("JSON");
        let description = Description::read(&document).expect("a description");
        assert_eq!((&description.missing, description.complaint()), (&vec![], None));
        let bare = json!({"openapi": "3.0.3", "paths": {"/client": {"get": {}}, "/client/{id}": {"get": {}, "PUT": {}}}});
        let bare = Description::read(&bare).expect("a description");
        assert_eq!(bare.missing, ["GET /client/{}/traffic/{}/{}", "GET /network", "GET /system/status"]);
        assert_eq!(Description::read(&json!({"paths": {}})), None);
        assert_eq!(Description::read(&json!([])), None);
    }
}
