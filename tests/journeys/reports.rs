//! People's JSON: what everybody used, what was done, what waits; page by page, and as CSV.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_says_what_the_command_says_and_lists_turn_their_pages() {
    let panel = crate::start(5, ClockStart::WallClock).await;
    let port = free_port();
    let tokens = "[[http.token]]\nname = \"people\"\nscope = [\"read\"]\ntoken = \"people-0123456789\"\n\
        [[http.token]]\nname = \"whmcs\"\nscope = [\"billing\", \"admin\"]\ntoken = \"whmcs-0123456789\"\n";
    let backend = section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12\n");
    let site = Site::new(&crate::house(port, "", tokens, &[backend]));
    let daemon = site.serve(port).await;
    let (people, whmcs) = ("people-0123456789", "whmcs-0123456789");
    let names = panel.accounts();
    daemon
        .until_as("/v1/report", people, "reports everybody", |got| {
            got.status == 200 && got.json().as_array().is_some_and(|rows| rows.len() >= names.len())
        })
        .await;
    assert_eq!(daemon.ask("GET", "/v1/report", whmcs).await.status, 403);

    let report = daemon.ask("GET", "/v1/report", people).await.json();
    let usage = site.run(&["usage", "--format", "json"]).await.json();
    let (report, usage) = (report.as_array().unwrap(), usage.as_array().unwrap());
    assert_eq!(report.len(), usage.len());
    for (line, row) in report.iter().zip(usage) {
        for key in ["backend", "account", "meter", "from", "to", "bytes", "held_byte_minutes", "complete"] {
            assert_eq!(line[key], row[key], "{key}: {line}");
        }
        assert_eq!(line["mapping"], Value::Null, "WHMCS has told nothing yet");
    }
    let body = json!({ "schema": 1, "services": [
        { "id": 7, "client": 8, "username": names[0], "product": "=HYPERLINK(1)", "status": "Active" } ] });
    let put = daemon.request("PUT", "/v1/whmcs/services?server=12").bearer_auth(whmcs);
    let put = put.header("content-type", "application/json").body(body.to_string());
    assert_eq!(daemon.send(put).await.unwrap().status, 200);
    site.run(&["poll"]).await.good();
    let csv = daemon.ask("GET", "/v1/report?format=csv&meter=storage", people).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    let text = csv.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("backend,account,mapping,service,client,product,meter,from,to,bytes,"));
    let mine = lines.iter().find(|line| line.starts_with(&format!("s3,{},", names[0]))).unwrap();
    assert!(mine.contains(",mapped,7,8,'=HYPERLINK(1),storage,"), "{mine}");
    let other = lines.iter().find(|line| line.starts_with(&format!("s3,{},", names[1]))).unwrap();
    assert!(other.contains(",unmapped,,,,storage,"), "{other}");

    for number in 0..5 {
        let action = if number % 2 == 0 { "pin" } else { "unpin" };
        let mut arguments = vec!["policy", action, "s3", names[0].as_str()];
        arguments.extend((number % 2 == 0).then_some("standard"));
        site.run(&arguments).await.good();
    }
    let (mut path, mut seen) = ("/v1/audit?limit=2".to_string(), Vec::new());
    loop {
        let page = daemon.ask("GET", &path, people).await.json();
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["action"].as_str().unwrap().to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/audit?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["pin", "unpin", "pin", "unpin", "pin"]);
    let one = daemon.ask("GET", &format!("/v1/audit?backend=s3&account={}", names[1]), people).await.json();
    assert_eq!(one["rows"], json!([]));
    let outbox = daemon.ask("GET", "/v1/outbox?state=waiting,gave_up", people).await.json();
    assert_eq!((&outbox["rows"], &outbox["next_cursor"]), (&json!([]), &Value::Null));

    for path in [
        "/v1/report?from=2026-11-01",
        "/v1/report?from=2026-11-31&to=2026-12-01",
        "/v1/report?from=2026-12-01&to=2026-11-01",
        "/v1/report?by=hour",
        "/v1/report?format=xml",
        "/v1/report?meter=disk",
        "/v1/report?month=2026-11",
        "/v1/audit?limit=0",
        "/v1/audit?limit=1001",
        "/v1/audit?cursor=x",
        "/v1/audit?account=a",
        "/v1/outbox?state=lost",
    ] {
        let refused = daemon.ask("GET", path, people).await;
        assert_eq!(
            (refused.status, refused.header("content-type")),
            (400, "application/problem+json"),
            "{path}"
        );
        assert!(refused.json()["detail"].as_str().unwrap().len() > 10, "{path}");
    }
    daemon.stop().await;
    site.check_never_said(&[people, whmcs]);
}
