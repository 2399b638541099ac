//! The module for WHMCS, run by a real PHP in stubs of WHMCS: against the program, against a stand-in that
//! answers as nobody should, and its pages in a real browser.
//!
//! Wants `php` with curl and xml, and `chromium`. Without them it says so and passes, except under CI.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "whmcs_php/browser.rs"]
mod browser;
#[allow(dead_code)] // What presses and fills in is of the console's tests.
#[path = "console/browser.rs"]
mod browser_pipe;
#[path = "whmcs_php/installation.rs"]
mod installation;
#[path = "whmcs_php/looks.rs"]
mod looks;
#[path = "whmcs_php/stand_in.rs"]
mod stand_in;
#[allow(dead_code)] // No test target uses all of it.
#[path = "support/mod.rs"]
mod support;
#[path = "whmcs_php/written.rs"]
mod written;

use installation::Installation;
use serde_json::Value;
use stand_in::StandIn;
use support::house::{house, start};
use support::panels::section;
use support::program::{Got, Site, free_port};
use support::signing;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

const GIB: u64 = 1 << 30;
const BILLING: &str = "billings-token-0123456789";
const ADMIN: &str = "admins-token-0123456789ab";

fn tokens() -> String {
    let token = |scope: &str, secret: &str| {
        let scopes = if scope == "admin" {
            "[\"admin\", \"metrics\", \"read\"]".into()
        } else {
            format!("[{scope:?}]")
        };
        format!("[[http.token]]\nname = {scope:?}\nscope = {scopes}\ntoken = {secret:?}\n\n")
    };
    [token("billing", BILLING), token("admin", ADMIN)].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_as_the_panel_has_it() {
    let Some(whmcs) = Installation::new() else { return };
    let panel = start(5, ClockStart::WallClock).await;
    let (truth, now) = (&panel.knobs().truth, panel.knobs().clock.now_seconds());
    let odd = ["1042", "007", "Müller", "a b", "..%2Fx", "<script>"];
    for name in odd {
        let escaped = name.replace('ü', "%C3%BC").replace(' ', "%20").replace('<', "%3C").replace('>', "%3E");
        signing::add_user(&panel, &escaped, "some-secret-of-it").await;
    }
    let levels = [("7-41", 100 * GIB), ("7-411", 0), ("7-42", 3 * GIB / 2)];
    for (name, level) in levels {
        assert!(truth.set_level(name, now - 60, level), "{name}");
    }
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"2s\"\nwhmcs_server = 12");
    let site = Site::new(&house(port, "", &tokens(), &[backend]));
    let daemon = site.serve(port).await;
    let known = |got: &Got| {
        let all = got.json();
        ["7-41", "1042", "<script>"].iter().all(|name| all["tenants"][*name].is_object())
    };
    daemon.until_as("/v1/whmcs/usage?server=12", BILLING, "knows all", known).await;
    let disks =
        r#"{"7-41":100,"7-411":0,"7-42":1.5,"1042":0,"007":0,"Müller":0,"a b":0,"../x":0,"<script>":0}"#;
    let variables = [("WHMETER_TOKEN", BILLING), ("WHMETER_ADMIN_TOKEN", ADMIN), ("EXPECTED_DISKS", disks)];
    let told = whmcs.check("truth", port, &variables).await;
    assert!(told.contains("15 checks"), "{told}");
    // What the module pushed is what the operator sees, once it was polled.
    let disks: Value = serde_json::from_str(disks).unwrap();
    let mut expected: Vec<&str> = disks.as_object().unwrap().keys().map(String::as_str).collect();
    expected.sort_unstable();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let listed = site.run(&["map", "list", "--json"]).await.json();
        let mapped = |row: &&Value| row["state"] == "mapped";
        let found = listed.as_array().unwrap().iter().filter(mapped);
        let mut accounts: Vec<_> = found.map(|row| row["account"].as_str().unwrap()).collect();
        accounts.sort_unstable();
        if accounts == expected {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{listed}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    for route in ["services", "billable"] {
        let taken = format!("whmeter_whmcs_fetches_total{{code=\"200\",route=\"{route}\",server=\"12\"}}");
        let page = daemon.ask("GET", "/metrics", ADMIN).await;
        assert!(page.sample(&taken) >= Some(1), "{route} was not taken: {}", page.text());
    }
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_companion_has_the_numbers_of_the_service_it_stands_beside() {
    let Some(whmcs) = Installation::new() else { return };
    let panel = start(5, ClockStart::WallClock).await;
    let now = panel.knobs().clock.now_seconds();
    for (name, level) in [("7-41", 100 * GIB), ("7-42", 3 * GIB)] {
        assert!(panel.knobs().truth.set_level(name, now - 60, level), "{name}");
    }
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"2s\"\nwhmcs_server = 12");
    let site = Site::new(&house(port, "companion_servers = [20]", &tokens(), &[backend]));
    let daemon = site.serve(port).await;
    let known = |got: &Got| got.json()["tenants"]["7-41"].is_object();
    daemon.until_as("/v1/whmcs/usage?server=12", BILLING, "knows all", known).await;
    let variables = [("WHMETER_TOKEN", BILLING), ("WHMETER_ADMIN_TOKEN", ADMIN)];
    whmcs.check("companions", port, &variables).await;
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_see_everything_that_is_metered_and_do_what_they_press() {
    let Some(whmcs) = Installation::new() else { return };
    let panel = start(5, ClockStart::WallClock).await;
    let now = panel.knobs().clock.now_seconds();
    for (name, level) in [("7-41", 100 * GIB), ("7-411", 2 * GIB), ("7-42", 3 * GIB)] {
        assert!(panel.knobs().truth.set_level(name, now - 60, level), "{name}");
    }
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"2s\"\nwhmcs_server = 12");
    let price = "[[price]]\nname = \"space\"\nmeter = \"storage\"\nof = \"last\"\nincluded = \"1 GiB\"\nper = \"1 GiB\"\nprice = \
                 \"0.10\"\ncurrency = \"EUR\"\n";
    let site =
        Site::new(&house(port, "companion_servers = [20]", &format!("{}{price}", tokens()), &[backend]));
    let daemon = site.serve(port).await;
    let known = |got: &Got| got.json()["tenants"]["7-41"].is_object();
    daemon.until_as("/v1/whmcs/usage?server=12", BILLING, "knows all", known).await;
    let variables = [("WHMETER_TOKEN", BILLING), ("WHMETER_ADMIN_TOKEN", ADMIN)];
    whmcs.check("fleet", port, &variables).await;
    // What the level of an account is made of comes to it, wherever it is said.
    let account = daemon.ask("GET", "/v1/accounts/s3/7-41", ADMIN).await.json();
    let parts = &account["parts"];
    assert_eq!(
        (&parts["differs"], &parts["sum_bytes"]),
        (&Value::from(false), &Value::from(100 * GIB)),
        "{account}"
    );
    let said = site.run(&["explain", "s3", "7-41", "storage"]).await.good();
    assert!(said.contains("made of, as read at") && said.contains("7-41"), "{said}");
    daemon.stop().await;
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whmeter_that_answers_as_nobody_should_breaks_nothing() {
    let Some(whmcs) = Installation::new() else { return };
    for check in ["broken", "names", "purpose", "hooks", "list", "push", "waiting", "sold"] {
        let stand_in = StandIn::start().await;
        whmcs.check(check, stand_in.port(), &[("WHMETER_TOKEN", "answer-taken-0123456789")]).await;
    }
}

#[tokio::test]
async fn without_a_whmeter_everything_still_answers() {
    let Some(whmcs) = Installation::new() else { return };
    for check in
        ["metrics", "entry_points", "languages", "rendering", "rounds", "staff", "staff_page", "settings"]
    {
        whmcs.check(check, 1, &[("WHMETER_TOKEN", "some-token-0123456789")]).await;
    }
}
