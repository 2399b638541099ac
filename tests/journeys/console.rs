//! People's routes: every one that is promised is there and described, lists turn their pages while accounts
//! come, and what is not there is said.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Site, free_port};

/// Every `METHOD /path` of the table of routes.
fn promised() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/contract.md")).unwrap();
    let mut routes = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| `GET /") || line.starts_with("| `P")) {
        let cell = row.split('|').nth(1).unwrap();
        let mut method = String::new();
        for part in cell.split('`').filter(|part| part.contains('/')) {
            let (own, path) = part.split_once(' ').unwrap_or(("", part));
            if !own.is_empty() {
                method = own.to_string();
            }
            routes.push((method.clone(), path.split('?').next().unwrap().to_string()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promised_route_is_there_and_described() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let token = |scope: &str| {
        format!(
            "[[http.token]]\nname = \"{scope}\"\nscope = [\"{scope}\"]\ntoken = \"{scope}-0123456789-token\"\n"
        )
    };
    let tokens: String = ["metrics", "billing", "read", "admin"].map(token).concat();
    let backend = section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12\n");
    let site = Site::new(&crate::house(port, "", &tokens, &[backend]));
    let daemon = site.serve(port).await;
    let account = panel.accounts().remove(0);
    daemon
        .until_as("/v1/accounts", "read-0123456789-token", "has read", |got| got.json()["rows"] != json!([]))
        .await;
    let document = daemon.get("/openapi.json").await;
    assert_eq!(document.status, 200, "it needs no token");
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = 0;
    for (method, path) in promised() {
        let route = &document["paths"][&path][method.to_lowercase()];
        assert!(route.is_object(), "{method} {path} is not in /openapi.json");
        let real = path
            .replace("{name}", "s3")
            .replace("{backend}", "s3")
            .replace("{account}", &account)
            .replace("{tenant}", &account);
        let query = if path.starts_with("/v1/whmcs") {
            "?server=12"
        } else if path.ends_with("/explain") {
            "?meter=storage"
        } else {
            ""
        };
        let scope = route["security"][0]["bearer"][0].as_str();
        let given = scope.map_or(String::new(), |scope| format!("{scope}-0123456789-token"));
        let got = daemon.ask(&method, &format!("{real}{query}"), &given).await;
        assert!(
            ![401, 403, 404, 405].contains(&got.status),
            "{method} {real}: {} {}",
            got.status,
            got.text()
        );
        if let Some(scope) = scope {
            let other = if scope == "read" { "billing" } else { "read" };
            let refused =
                daemon.ask(&method, &format!("{real}{query}"), &format!("{other}-0123456789-token")).await;
            assert_eq!(refused.status, 403, "{method} {real} as {other}");
        }
        described += 1;
    }
    let listed: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(listed, described, "what is described is promised");
    daemon.stop().await;
}

async fn rows_of(daemon: &Daemon<'_>, path: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        seen.extend(page["rows"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_found_page_by_page_and_one_by_one() {
    let (one, two) =
        (crate::start(7, ClockStart::WallClock).await, crate::start(4, ClockStart::WallClock).await);
    let port = free_port();
    let backends =
        [section(&one, "a", "every = \"1h\"\nwhmcs_server = 12\n"), section(&two, "b", "every = \"1h\"\n")];
    let site = Site::new(&crate::house(port, "", "", &backends));
    let daemon = site.serve(port).await;
    let names = |panel: &dyn SimulatedPanel| panel.accounts();
    let everybody = names(&one).len() + names(&two).len();
    daemon
        .until("/v1/accounts?limit=1000", "shows everybody", |got| {
            got.json()["rows"].as_array().unwrap().len() == everybody
        })
        .await;

    let key = |row: &Value| {
        (row["backend"].as_str().unwrap().to_string(), row["account"].as_str().unwrap_or("-").to_string())
    };
    let mut wanted: Vec<(String, String)> =
        names(&one).into_iter().map(|name| ("a".to_string(), name)).collect();
    wanted.extend(names(&two).into_iter().map(|name| ("b".to_string(), name)));
    for limit in [1, 3, everybody] {
        let rows = rows_of(&daemon, &format!("/v1/accounts?limit={limit}")).await;
        assert_eq!(rows.iter().map(key).collect::<Vec<_>>(), wanted, "limit {limit}");
    }
    // Somebody goes between two pages: nobody is told twice, nobody is left out.
    let page = daemon.get("/v1/accounts?limit=3").await.json();
    one.vanish(&names(&one)[1]).unwrap();
    daemon.send(daemon.request("POST", "/v1/backends/a/poll")).await.unwrap();
    daemon.until("/v1/backends/a", "is done", |got| got.json()["asked"]["state"] == "done").await;
    let rest = rows_of(
        &daemon,
        &format!("/v1/accounts?limit=1000&cursor={}", page["next_cursor"].as_str().unwrap()),
    )
    .await;
    assert_eq!(rest.iter().map(key).collect::<Vec<_>>(), wanted[3..]);
    let gone = daemon.get(&format!("/v1/accounts/a/{}", wanted[1].1)).await.json();
    assert!(gone["missing_since"].is_string(), "one list is not the truth: {gone}");
    assert_eq!(gone["gone_at"], Value::Null);

    // By part of a name, whatever the case of its letters; of one backend.
    let part = &wanted[0].1.to_uppercase();
    let rows = rows_of(&daemon, &format!("/v1/accounts?backend=a&q={part}")).await;
    assert!(rows.iter().any(|row| key(row) == wanted[0]), "{rows:?}");
    assert!(rows.iter().all(|row| row["backend"] == "a"));
    assert_eq!(rows_of(&daemon, "/v1/accounts?q=nobody-is-called-so").await, Vec::<Value>::new());

    // The map has each account once, and then what is sold and not there.
    let body = json!({ "schema": 1, "services": [
        { "id": 7, "client": 8, "username": wanted[0].1, "status": "Active" },
        { "id": 9, "client": 8, "username": "x1", "status": "Active" },
        { "id": 10, "client": 8, "username": "x2", "status": "Suspended" } ] });
    let put =
        daemon.request("PUT", "/v1/whmcs/services?server=12").header("content-type", "application/json");
    assert_eq!(daemon.send(put.body(body.to_string())).await.unwrap().status, 200);
    daemon.send(daemon.request("POST", "/v1/backends/a/poll")).await.unwrap();
    daemon.until("/v1/backends/a", "is done", |got| got.json()["asked"]["state"] == "done").await;
    let map = rows_of(&daemon, "/v1/map?limit=2").await;
    let list = site.run(&["map", "list", "--json"]).await.json();
    let line = |row: &Value| {
        (row["account"].clone(), row["state"].clone(), row["service"].clone(), row["username"].clone())
    };
    assert_eq!(
        map.iter().map(line).collect::<Vec<_>>(),
        list.as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    );
    assert_eq!(rows_of(&daemon, "/v1/map?limit=1&state=missing").await.len(), 2);
    assert_eq!(daemon.get("/v1/map").await.json()["untold"], json!(["b"]));

    // One of them, its days, and why.
    let (backend, account) = &wanted[0];
    let path = format!("/v1/accounts/{backend}/{account}");
    let row = daemon.get(&path).await.json();
    assert_eq!(row["meters"]["storage"]["stale"], false, "{row}");
    let days = daemon.get(&format!("{path}/days")).await.json();
    let usage = site
        .run(&["usage", "--backend", backend, "--account", account, "--by", "day", "--json"])
        .await
        .json();
    let day = |row: &Value, day: &str| {
        (
            row["meter"].clone(),
            row[day].clone(),
            row["bytes"].clone(),
            row["held_byte_minutes"].clone(),
            row["complete"].clone(),
        )
    };
    let told: Vec<_> = days["rows"].as_array().unwrap().iter().map(|row| day(row, "day")).collect();
    assert_eq!(told, usage.as_array().unwrap().iter().map(|row| day(row, "from")).collect::<Vec<_>>());
    let why = daemon.get(&format!("{path}/explain?meter=storage")).await.json();
    assert_eq!(why, site.run(&["explain", backend, account, "storage", "--json"]).await.json());
    assert_eq!(why["adds_up"], true);

    for (path, status) in [
        ("/v1/backends/nas", 404),
        ("/v1/accounts?backend=nas", 404),
        ("/v1/accounts/a/nobody", 404),
        ("/v1/accounts/nas/nobody", 404),
        ("/v1/accounts/a/nobody/days", 404),
        ("/v1/accounts/a/nobody/explain?meter=storage", 404),
        ("/v1/map?backend=nas", 404),
        ("/v1/accounts?limit=0", 400),
        ("/v1/accounts?limit=1001", 400),
        ("/v1/accounts?cursor=x", 400),
        ("/v1/accounts?meter=storage", 400),
        ("/v1/map?state=lost", 400),
        (&format!("{path}/days?from=2026-11-01"), 400),
        (&format!("{path}/days?from=2000-01-01&to=2026-11-01"), 400),
        (&format!("{path}/explain"), 400),
        (&format!("{path}/explain?meter=disk"), 400),
        (&format!("{path}/explain?meter=storage&month=2001-01"), 404),
    ] {
        let got = daemon.get(path).await;
        assert_eq!((got.status, got.header("content-type")), (status, "application/problem+json"), "{path}");
        assert!(got.json()["detail"].as_str().unwrap().len() > 10, "{path}");
    }
    let nobody = daemon.send(daemon.request("POST", "/v1/backends/nas/poll")).await.unwrap();
    assert_eq!(nobody.status, 404);
    daemon.stop().await;
}
