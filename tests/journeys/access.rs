//! Who may ask what: tokens, scopes, servers, and refusals in one shape.

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Got, Site, free_port};

const SCRAPER: &str = "scrapers-token-0123456789";
const BILLING: &str = "billings-token-0123456789";
const TIED: &str = "tied-to-twelve-0123456789";
const READER: &str = "readers-token-01234567890";

fn tokens() -> String {
    let token = |name: &str, scope: &str, more: &str, secret: &str| {
        format!("[[http.token]]\nname = {name:?}\nscope = [{scope:?}]\n{more}token = {secret:?}\n\n")
    };
    [
        token("prometheus", "metrics", "", SCRAPER),
        token("billing", "billing", "", BILLING),
        token("whmcs", "billing", "server = 12\n", TIED),
        token("people", "read", "", READER),
    ]
    .concat()
}

fn check_problem(got: &Got, status: u16) {
    let what = format!("{} {:?}", got.status, String::from_utf8_lossy(&got.body));
    assert_eq!((got.status, got.header("content-type")), (status, "application/problem+json"), "{what}");
    let told = got.json();
    assert_eq!(told["status"], status, "{what}");
    assert!(told["title"].is_string() && told["type"].is_string(), "{what}");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.len() > 8), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_token_opens_its_own_doors_and_no_other() {
    let panels = [crate::start(4, ClockStart::WallClock).await, crate::start(4, ClockStart::WallClock).await];
    let port = free_port();
    let backends = [(12, &panels[0]), (13, &panels[1])].map(|(server, panel)| {
        section(panel, &format!("s{server}"), &format!("every = \"1h\"\nwhmcs_server = {server}"))
    });
    let site = Site::new(&crate::house(port, "", &tokens(), &backends));
    let daemon = site.serve(port).await;
    let usage = |server: &str| format!("/v1/whmcs/usage?server={server}");
    for server in ["12", "13"] {
        daemon
            .until_as(&usage(server), BILLING, "knows it", |got| {
                got.status == 200 && got.json()["tenants"]["7-41"].is_object()
            })
            .await;
    }

    // Health is everybody's.
    assert_eq!((daemon.get("/-/healthy").await.status, daemon.get("/-/ready").await.status), (200, 200));
    // Nobody without a token, by any spelling.
    for path in [
        "/metrics",
        "/metrics/self",
        "/metrics/backend/s12",
        "/metrics/targets",
        usage("12").as_str(),
        "/v1/whmcs/ping",
    ] {
        let got = daemon.get(path).await;
        check_problem(&got, 401);
        assert_eq!(got.header("www-authenticate"), "Bearer");
        check_problem(&daemon.ask("GET", path, "scrapers-token-012345678").await, 401);
        check_problem(&daemon.ask("GET", path, "").await, 401);
        let basic = daemon.request("GET", path).basic_auth("prometheus", Some(SCRAPER));
        check_problem(&daemon.send(basic).await.unwrap(), 401);
    }
    // Scopes.
    assert_eq!(daemon.ask("GET", "/metrics", SCRAPER).await.status, 200);
    check_problem(&daemon.ask("GET", &usage("12"), SCRAPER).await, 403);
    check_problem(&daemon.ask("POST", "/v1/whmcs/recalc/7-41?server=12", READER).await, 403);
    for token in [BILLING, TIED, READER] {
        check_problem(&daemon.ask("GET", "/metrics", token).await, 403);
    }
    // A token tied to server 12 sees nothing of 13, however the query is written.
    assert_eq!(daemon.ask("GET", &usage("12"), TIED).await.status, 200);
    assert_eq!(daemon.ask("GET", "/v1/whmcs/ping?server=12", TIED).await.status, 200);
    for query in [
        "server=13",
        "server=%31%33",
        "server=1%33",
        "%73erver=13",
        "server=12&server=13",
        "server=13&server=12",
        "a=b&serve%72=13",
        "server=+13",
        "server=013",
        "server=12&%73erver=13",
        "Server=12&server=13",
        "server=%2B13",
    ] {
        for path in ["usage", "usage/7-41", "accounts", "legacy", "history/7-41", "ping"] {
            let got = daemon.ask("GET", &format!("/v1/whmcs/{path}?{query}"), TIED).await;
            assert!(matches!(got.status, 400 | 403), "{path}?{query} let in: {}", got.text());
            check_problem(&got, got.status);
        }
        let got = daemon.ask("POST", &format!("/v1/whmcs/recalc/7-41?{query}"), TIED).await;
        assert!(matches!(got.status, 400 | 403), "recalc?{query}: {}", got.text());
    }
    check_problem(&daemon.ask("GET", &usage("13"), TIED).await, 403);
    assert_eq!(daemon.ask("GET", &usage("13"), BILLING).await.status, 200);

    // What is not there, and not so.
    for path in
        ["/nothing", "/v1/whmcs", "/v1/whmcs/usage/", "/v1/whmcs/usage/a/b", "/metrics/", "/v1/../etc/passwd"]
    {
        check_problem(&daemon.ask("GET", path, BILLING).await, 404);
    }
    check_problem(&daemon.ask("POST", &usage("12"), BILLING).await, 405);
    check_problem(&daemon.ask("DELETE", "/v1/whmcs/recalc/7-41?server=12", BILLING).await, 405);
    check_problem(&daemon.ask("GET", "/v1/whmcs/recalc/7-41?server=12", BILLING).await, 405);
    for query in
        ["", "?server=", "?server=abc", "?server=12.0", "?server=99999999999999999999", "?server=12&days=x"]
    {
        check_problem(&daemon.ask("GET", &format!("/v1/whmcs/usage{query}"), BILLING).await, 400);
    }
    check_problem(&daemon.ask("GET", &usage("99"), BILLING).await, 404);
    check_problem(&daemon.ask("GET", &usage("-1"), BILLING).await, 404);

    // Bodies nobody wants.
    let long = daemon
        .request("POST", "/v1/whmcs/recalc/7-41?server=12")
        .bearer_auth(BILLING)
        .body(vec![b' '; (1 << 20) + 1]);
    check_problem(&daemon.send(long).await.unwrap(), 413);
    let fits = daemon
        .request("POST", "/v1/whmcs/recalc/7-41?server=12")
        .bearer_auth(BILLING)
        .body(vec![b' '; 1 << 20]);
    assert_eq!(daemon.send(fits).await.unwrap().status, 202);
    daemon.stop().await;
    site.check_never_said(&[SCRAPER, BILLING, TIED, READER, "rootsecret123"]);
    panels.iter().for_each(|panel| panel.stop());
}
