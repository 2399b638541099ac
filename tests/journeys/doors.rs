//! Every route against every credential, and what pages of other sites are told.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Got, Site, free_port};

/// Who asks. The last asks as one tied to 13, for a companion in its list that stands for a service of server 12.
const ASKERS: [&str; 9] =
    ["nobody", "a-guess", "metrics", "billing", "read", "admin", "tied-to-12", "tied-to-13", "companion"];

/// What each of them is told, in the same order; `OK` is any success, and 429 for what is asked again too soon.
type Expected = [u16; 9];

const OK: u16 = 200;
const OPEN: Expected = [OK; 9];
const METRICS: Expected = [401, 401, OK, 403, 403, 403, 403, 403, 403];
const READ: Expected = [401, 401, 403, 403, OK, 403, 403, 403, 403];
/// Of a whole server: the companion's own list is told, without what is another server's.
const SERVER: Expected = [401, 401, 403, OK, 403, 403, OK, 403, OK];
/// Of a tenant, or what reaches another server's.
const TENANT: Expected = [401, 401, 403, OK, 403, 403, OK, 403, 403];
/// Of the whole of WHMCS.
const UNTIED: Expected = [401, 401, 403, OK, 403, 403, 403, 403, 403];
const ADMIN: Expected = [401, 401, 403, 403, 403, OK, OK, 403, 403];

const TABLE: [(&str, &str, Expected); 31] = [
    ("GET", "/-/healthy", OPEN),
    ("GET", "/-/ready", OPEN),
    ("GET", "/healthz", OPEN),
    ("GET", "/openapi.json", OPEN),
    ("GET", "/metrics", METRICS),
    ("GET", "/metrics/self", METRICS),
    ("GET", "/metrics/backend/{name}", METRICS),
    ("GET", "/metrics/targets", METRICS),
    ("GET", "/v1/whmcs/ping", SERVER),
    ("GET", "/v1/whmcs/usage", SERVER),
    ("GET", "/v1/whmcs/accounts", SERVER),
    ("GET", "/v1/whmcs/legacy", SERVER),
    ("GET", "/v1/whmcs/usage/{tenant}", TENANT),
    ("GET", "/v1/whmcs/history/{tenant}", TENANT),
    ("POST", "/v1/whmcs/recalc/{tenant}", TENANT),
    ("PUT", "/v1/whmcs/services", TENANT),
    ("PUT", "/v1/whmcs/billable", UNTIED),
    ("POST", "/v1/whmcs/policy/{tenant}", ADMIN),
    ("POST", "/v1/backends/{name}/poll", ADMIN),
    ("GET", "/v1/report", READ),
    ("GET", "/v1/audit", READ),
    ("GET", "/v1/outbox", READ),
    ("GET", "/v1/backends", READ),
    ("GET", "/v1/backends/{name}", READ),
    ("GET", "/v1/accounts", READ),
    ("GET", "/v1/accounts/{backend}/{account}", READ),
    ("GET", "/v1/accounts/{backend}/{account}/days", READ),
    ("GET", "/v1/accounts/{backend}/{account}/explain", READ),
    ("GET", "/v1/map", READ),
    ("POST", "/v1/map/{backend}/{account}", ADMIN),
    ("GET", "/v1/status", READ),
];

fn secret(asker: &str) -> String {
    format!("{asker}-0123456789-token")
}

fn tokens() -> String {
    let token = |name: &str, scope: &str, more: &str| {
        let secret = secret(name);
        format!("[[http.token]]\nname = {name:?}\nscope = [{scope}]\n{more}token = {secret:?}\n\n")
    };
    let alone = ["metrics", "billing", "read", "admin"].map(|scope| token(scope, &format!("{scope:?}"), ""));
    let both = "\"billing\", \"admin\"";
    let tied =
        [12, 13].map(|server| token(&format!("tied-to-{server}"), both, &format!("server = {server}\n")));
    [alone.concat(), tied.concat()].concat()
}

/// As what is sold: service 501 on server 12, and on server 13 a companion of it.
fn sold(id: u64, username: &str) -> Value {
    json!({ "id": id, "client": 1042, "username": username, "status": "Active" })
}

fn list(services: Value) -> Value {
    json!({ "schema": 1, "services": services })
}

struct Doors<'a> {
    daemon: &'a Daemon<'a>,
    /// Its service is 501 of server 12.
    account: String,
}

impl Doors<'_> {
    async fn ask(&self, asker: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
        let mut request = self.daemon.request(method, path);
        request = match asker {
            "nobody" => request,
            "companion" => request.bearer_auth(secret("tied-to-13")),
            other => request.bearer_auth(secret(other)),
        };
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.daemon.send(request).await.unwrap()
    }

    /// One cell of the table.
    async fn answered(&self, asker: &str, method: &str, route: &str) -> Got {
        let by_companion = asker == "companion";
        let tenant = if by_companion { "whm-501" } else { &self.account };
        let path = route.replace("{name}", "s12").replace("{backend}", "s12");
        let path = path.replace("{account}", &self.account).replace("{tenant}", tenant);
        let query = match path.as_str() {
            path if path.starts_with("/v1/whmcs") && by_companion => "?server=13",
            path if path.starts_with("/v1/whmcs") => "?server=12",
            path if path.ends_with("/explain") => "?meter=storage",
            _ => "",
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let body = match route {
            "/v1/whmcs/services" if by_companion => Some(list(json!([sold(601, "whm-501")]))),
            "/v1/whmcs/services" => Some(list(json!([sold(501, &self.account)]))),
            "/v1/whmcs/billable" => Some(json!({ "schema": 1, "read_at": now, "items": [] })),
            "/v1/map/{backend}/{account}" => Some(json!({ "action": "set", "service": 501, "force": true })),
            "/v1/whmcs/policy/{tenant}" => Some(json!({ "action": "pin", "policy": "standard" })),
            _ => None,
        };
        self.ask(asker, method, &format!("{path}{query}"), body.as_ref()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let panels = [crate::start(3, ClockStart::WallClock).await, crate::start(3, ClockStart::WallClock).await];
    let port = free_port();
    let backends = [(12, &panels[0]), (13, &panels[1])].map(|(server, panel)| {
        section(panel, &format!("s{server}"), &format!("every = \"1s\"\nwhmcs_server = {server}"))
    });
    let site = Site::new(&crate::house(port, "", &tokens(), &backends));
    let daemon = site.serve(port).await;
    let began = std::time::Instant::now();
    let doors = Doors { daemon: &daemon, account: panels[0].accounts().remove(0) };
    let own = list(json!([sold(501, &doors.account)]));
    let put = "/v1/whmcs/services?server=";
    assert_eq!(doors.ask("tied-to-12", "PUT", &format!("{put}12"), Some(&own)).await.status, 200);
    let with_companion = list(json!([sold(601, "whm-501")]));
    assert_eq!(doors.ask("billing", "PUT", &format!("{put}13"), Some(&with_companion)).await.status, 200);
    // As an untied token has it.
    let answered = |got: &Got| got.json()["tenants"]["whm-501"]["disk"].is_object();
    let usage = "/v1/whmcs/usage?server=13";
    daemon.until_as(usage, &secret("billing"), "tells the companion", answered).await;

    let document = daemon.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let routes: BTreeSet<(String, String)> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let listed = TABLE.iter().map(|(method, path, _)| (method.to_string(), path.to_string()));
    assert_eq!(routes, listed.collect(), "the routes that are served, and those of the table");
    for (method, route, expected) in TABLE {
        for (asker, expected) in ASKERS.iter().zip(expected) {
            let got = doors.answered(asker, method, route).await;
            let fits = match expected {
                OK => matches!(got.status, 200 | 202 | 429),
                refused => got.status == refused,
            };
            assert!(fits, "{method} {route} as {asker}: {}, not {expected}: {}", got.status, got.text());
        }
    }

    // What is another server's is withheld from a tied token, and says so.
    let seen = doors.ask("tied-to-13", "GET", usage, None).await.json();
    assert!(seen["tenants"].get("whm-501").is_none(), "{seen}");
    let withheld = seen["withheld"].as_array().unwrap().iter().find(|one| one["tenant"] == "whm-501");
    assert_eq!(withheld.unwrap()["reason"], "other_server", "{seen}");
    // A service that another server has is not taken by a list, and a server that is not configured has none.
    let taken = list(json!([sold(501, &doors.account)]));
    let got = doors.ask("tied-to-13", "PUT", &format!("{put}13"), Some(&taken)).await;
    assert!(got.status == 403 && got.text().contains("server 12"), "{}", got.text());
    let own = list(json!([sold(700, "somebody")]));
    assert_eq!(doors.ask("tied-to-13", "PUT", &format!("{put}13"), Some(&own)).await.status, 200);
    assert_eq!(doors.ask("billing", "PUT", &format!("{put}99"), Some(&with_companion)).await.status, 404);
    // The audit names the account's server and the token.
    assert_eq!(doors.ask("billing", "PUT", &format!("{put}13"), Some(&with_companion)).await.status, 200);
    let pin = json!({ "action": "pin", "policy": "standard" });
    let path = "/v1/whmcs/policy/whm-501?server=13";
    assert_eq!(doors.ask("admin", "POST", path, Some(&pin)).await.status, 202);
    let audit = doors.ask("read", "GET", "/v1/audit", None).await.text();
    for actor in ["WHMCS server 12, token tied-to-12", "WHMCS server 12 by way of server 13, token admin"] {
        assert!(audit.contains(actor), "{actor} is not in {audit}");
    }
    // Wrong tokens are counted, and one line a minute says so.
    let page = doors.ask("metrics", "GET", "/metrics/self", None).await;
    let wrong = page.sample("whmeter_http_refused_total{reason=\"wrong_token\"}");
    assert_eq!(wrong, Some(TABLE.len() as u64 - 4), "{}", page.text());
    let (lines, minutes) =
        (daemon.log().matches("wrong token").count() as u64, began.elapsed().as_secs() / 60);
    assert!((1..=1 + minutes).contains(&lines), "{}", daemon.log());
    daemon.stop().await;
    site.check_never_said(&["0123456789-token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_tokens_are_answered_slowly_and_right_ones_are_not() {
    let port = free_port();
    let site = Site::new(&crate::house(port, "", &tokens(), &[]));
    let daemon = site.serve(port).await;
    let doors = Doors { daemon: &daemon, account: String::new() };
    let began = std::time::Instant::now();
    let guesses = (0..40).map(|_| doors.ask("a-guess", "GET", "/metrics/self", None));
    let guessing = futures_util::future::join_all(guesses);
    let right = async {
        let got = doors.ask("metrics", "GET", "/metrics/self", None).await;
        (got.status, began.elapsed())
    };
    let (guessed, (status, waited)) = tokio::join!(guessing, right);
    let took = began.elapsed();
    assert!(guessed.iter().all(|got| got.status == 401));
    // 20 at once, the others a quarter of a second apart.
    assert!(took.as_millis() >= 4500, "{took:?}");
    assert!(status == 200 && waited < took / 2, "{waited:?} of {took:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_are_refused_with_and_without_tokens() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let (port, guarded_port) = (free_port(), free_port());
    let backend = section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12");
    let site = Site::new(&crate::house(port, "", "", std::slice::from_ref(&backend)));
    let open = site.serve(port).await;
    let asked = [
        ("GET", "/-/healthy"),
        ("GET", "/metrics/self"),
        ("POST", "/v1/backends/s3/poll"),
        ("GET", "/nothing"),
    ];
    let with = |daemon: &Daemon<'_>, method: &str, path: &str, headers: &[(&str, &str)]| {
        let request = daemon.request(method, path).bearer_auth(secret("admin"));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for (method, path) in asked {
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", "10.1.2.3"] {
            let got = open.send(with(&open, method, path, &[("host", host)])).await.unwrap();
            assert_eq!(got.status, 421, "{method} {path} for {host}: {}", got.text());
        }
        for host in [format!("localhost:{port}"), "127.0.0.1".into(), format!("[::1]:{port}")] {
            let got = open.send(with(&open, method, path, &[("host", &host)])).await.unwrap();
            assert_ne!(got.status, 421, "{method} {path} for {host}");
        }
    }
    let text = open.get("/metrics/self").await;
    assert_eq!(text.sample("whmeter_http_refused_total{reason=\"host\"}"), Some(16));

    let other = Site::new(&crate::house(guarded_port, "", &tokens(), &[backend]));
    let guarded = other.serve(guarded_port).await;
    let elsewhere = guarded.send(with(&guarded, "GET", "/-/healthy", &[("host", "meter.example")])).await;
    assert_eq!(elsewhere.unwrap().status, 200, "with tokens it may be called anything");
    for (daemon, port) in [(&open, port), (&guarded, guarded_port)] {
        let own = format!("http://127.0.0.1:{port}");
        for (method, path) in asked {
            for foreign in [
                ("origin", "http://evil.example"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                let got = daemon.send(with(daemon, method, path, &[foreign])).await.unwrap();
                assert_eq!(got.status, 403, "{method} {path} with {foreign:?}: {}", got.text());
            }
            for fine in
                [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")]
            {
                let got = daemon.send(with(daemon, method, path, &[fine])).await.unwrap();
                let by_page = got.text().contains("another site");
                assert!(!by_page, "{method} {path} with {fine:?}: {}", got.text());
            }
        }
    }
    open.stop().await;
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_does_not_open_what_is_listened_on() {
    let port = free_port();
    let with_tokens = crate::house(port, "", &tokens(), &[]).replace("127.0.0.1", "0.0.0.0");
    let site = Site::new(&with_tokens);
    let daemon = site.serve(port).await;
    assert_eq!(daemon.get("/metrics/self").await.status, 401);
    // Valid for a start, and not while 0.0.0.0 is listened on.
    std::fs::write(site.config(), crate::house(port, "", "", &[])).unwrap();
    daemon.signal("-HUP");
    daemon.until_logged("reload rejected").await;
    assert!(daemon.log().contains("0.0.0.0"), "{}", daemon.log());
    assert_eq!(daemon.get("/metrics/self").await.status, 401, "still closed");
    assert_eq!(daemon.ask("GET", "/metrics/self", &secret("metrics")).await.status, 200);
    daemon.stop().await;
}
