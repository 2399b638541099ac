//! Limits: crossed, carried out at the panel, read back, and taken back; by usage and by hand.

use serde_json::{Value, json};
use whmeter::backends::Memory;
use whmeter::domain::{Meter, Policy};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::Options;

use crate::support::panels::{NOW, Pair, account, every_kind_with, limiter, section, target};
use crate::support::program::{Daemon, Got, PATIENCE, Site, free_port};
use crate::support::signing;

/// Far above what any fake account uses by itself.
const LIMIT: u64 = 900_000_000_000_000;

async fn pairs(accounts: usize) -> Vec<Pair> {
    let options = Options { accounts, clock: ClockStart::Running(NOW), ..Options::default() };
    let mut pairs = every_kind_with(options).await;
    for pair in pairs.iter_mut().filter(|pair| pair.name() == "minio") {
        // Its usual scanner comes round once a minute, which is longer than anybody here waits.
        pair.panel.stop();
        pair.panel = Box::new(crate::start(accounts, ClockStart::Running(NOW)).await);
    }
    pairs
}

async fn pair(kind: &str, accounts: usize) -> Pair {
    pairs(accounts).await.into_iter().find(|pair| pair.name() == kind).unwrap()
}

fn rule(pair: &Pair, size: &str, more: &str) -> String {
    let (backend, meter) = (pair.name(), pair.main_meter());
    format!(
        "\n[[limit]]\nbackend = \"{backend}\"\nmeter = \"{meter}\"\nsize = \"{size}\"\nnotify_at = [80, 90]\n\
         limit_at = 100\nrestore_below = 95\n{more}\n"
    )
}

fn config(port: u16, pair: &Pair, rules: &str) -> String {
    let backend =
        section(&*pair.panel, pair.name(), "every = \"1s\"\nwhmcs_server = 12\nmax_rate = \"none\"\n");
    format!("{}{rules}", crate::house(port, "", "", &[backend]))
}

/// The account has used this much, whatever it used before.
fn use_up(pair: &Pair, name: &str, bytes: u64) {
    let mut now = pair.panel.knobs().clock.now_seconds();
    // Whoever tells of whole hours tells of this one only when it is over: it was in one that is.
    let age = pair.panel.landmarks().figures_age;
    if age >= 3_600 {
        now -= age;
    }
    let known = match pair.main_meter() {
        Meter::StorageUsed => pair.truth().set_level(name, now - 1, bytes),
        // Both ways count.
        Meter::TrafficTotal => {
            let half = Traffic { received: bytes / 2, sent: bytes - bytes / 2 };
            pair.truth().add_traffic(name, now, half)
        }
        _ => pair.truth().add_traffic(name, now, Traffic { received: bytes, sent: bytes }),
    };
    assert!(known, "{name}");
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn shown(daemon: &Daemon<'_>, pair: &Pair, name: &str, limited: u64) {
    let series = format!("whmeter_account_limited{{backend=\"{}\",account=\"{name}\"}}", pair.name());
    daemon.until("/metrics", "shows the policy", |got| got.sample(&series) == Some(limited)).await;
}

async fn post(daemon: &Daemon<'_>, path: &str, body: &Value) -> Got {
    let request = daemon.request("POST", path).header("content-type", "application/json");
    daemon.send(request.body(body.to_string())).await.unwrap()
}

async fn policy(site: &Site, pair: &Pair, name: &str) -> Value {
    site.run(&["policy", "show", pair.name(), name, "--json"]).await.json()
}

fn actions(shown: &Value) -> Vec<&str> {
    shown["acts"].as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap()).collect()
}

/// The daemon has read everybody once: a counter's first sight counts nothing.
async fn read_once(daemon: &Daemon<'_>, pair: &Pair) {
    let series = format!("whmeter_poll_accounts{{backend=\"{}\",outcome=\"read\"}}", pair.name());
    let all = pair.panel.accounts().len() as u64;
    daemon.until("/metrics", "has read everybody", |got| got.sample(&series) == Some(all)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_limits_who_crosses_and_gives_back_what_was_there() {
    for pair in pairs(4).await {
        let port = free_port();
        let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
        let daemon = site.serve(port).await;
        read_once(&daemon, &pair).await;
        let accounts = pair.panel.accounts();
        let (over, near) = (&accounts[0], &accounts[1]);
        let before = limiter(&*pair.backend()).remember(&target(&account(over))).await.unwrap();
        use_up(&pair, over, LIMIT + LIMIT / 10);
        use_up(&pair, near, LIMIT / 10 * 9);
        until("limited at the panel", || pair.panel.is_limited(over) == Some(true)).await;
        shown(&daemon, &pair, over, 1).await;
        shown(&daemon, &pair, near, 0).await;
        for other in &accounts[1..] {
            assert_eq!(pair.panel.is_limited(other), Some(false), "{}: {other}", pair.name());
        }
        let page = daemon.get("/metrics").await.text();
        let ratio = format!(
            "whmeter_limit_used_ratio{{backend=\"{}\",account=\"{over}\",meter=\"{}\"}} 1.1",
            pair.name(),
            pair.main_meter()
        );
        assert!(page.contains(&ratio), "{ratio}\n{page}");
        let switched =
            format!("whmeter_policy_switches_total{{backend=\"{}\",to=\"limited\"}} 1", pair.name());
        assert!(page.contains(&switched), "{page}");

        // A larger limit is a way back too.
        std::fs::write(site.config(), config(port, &pair, &rule(&pair, "5 PB", ""))).unwrap();
        daemon.signal("-HUP");
        until("restored at the panel", || pair.panel.is_limited(over) == Some(false)).await;
        shown(&daemon, &pair, over, 0).await;
        assert_eq!(
            limiter(&*pair.backend()).remember(&target(&account(over))).await.unwrap(),
            before,
            "{}",
            pair.name()
        );
        let shown = site.run(&["policy", "show", pair.name(), over, "--json"]).await.json();
        assert_eq!(actions(&shown), ["restore", "limit"]);
        assert_eq!(shown["acts"][1]["from"], "standard");
        assert_eq!(shown["acts"][1]["to"], "limited");
        assert!(shown["acts"][1]["why"].as_str().unwrap().contains("bytes"), "{shown}");
        let waiting = site.run(&["outbox", "list", "--json"]).await.json();
        assert_eq!(waiting, json!([]));
        daemon.stop().await;
        pair.panel.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whmcs_has_suspended_is_not_let_go_by_a_limit_that_ends() {
    let (pair, port) = (pair("toy", 3).await, free_port());
    let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    let name = pair.panel.accounts().remove(0);
    let says = async |status: &str| {
        let service = json!({ "id": 7, "client": 1, "username": name, "status": status });
        let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
        let body = json!({ "schema": 1, "services": [service] }).to_string();
        let put = request.header("content-type", "application/json").body(body);
        assert_eq!(daemon.send(put).await.unwrap().status, 200);
    };
    says("Active").await;
    use_up(&pair, &name, LIMIT + LIMIT / 10);
    until("limited at the panel", || pair.panel.is_limited(&name) == Some(true)).await;
    shown(&daemon, &pair, &name, 1).await;

    // Suspended for an invoice besides, by the same call. The limit ends; the invoice is still open.
    says("Suspended").await;
    std::fs::write(site.config(), config(port, &pair, &rule(&pair, "5 PB", ""))).unwrap();
    daemon.signal("-HUP");
    let meter = pair.main_meter();
    let ratio =
        format!("whmeter_limit_used_ratio{{backend=\"toy\",account=\"{name}\",meter=\"{meter}\"}} 0.19");
    daemon.until("/metrics", "has the new limit", |got| got.text().contains(&ratio)).await;
    let polled = "whmeter_poll_last_success_timestamp_seconds{backend=\"toy\"}";
    let before = daemon.get("/metrics").await.sample(polled).unwrap();
    daemon.until("/metrics", "has polled twice more", |got| got.sample(polled) >= Some(before + 2)).await;
    assert_eq!(pair.panel.is_limited(&name), Some(true));
    assert_eq!(policy(&site, &pair, &name).await["wanted"], "limited");

    says("Active").await;
    until("restored at the panel", || pair.panel.is_limited(&name) == Some(false)).await;
    daemon.stop().await;
    pair.panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_the_panel_forgets_is_asserted_and_somebody_elses_change_wins() {
    let (pair, port) = (pair("vpncp", 3).await, free_port());
    let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    let name = pair.panel.accounts().remove(0);
    let before = limiter(&*pair.backend()).remember(&target(&account(&name))).await.unwrap();
    use_up(&pair, &name, LIMIT);
    until("limited", || pair.panel.is_limited(&name) == Some(true)).await;
    shown(&daemon, &pair, &name, 1).await;

    // A backup was played in: what we had changed is as it was.
    let forget = |memory: &Memory| {
        let (backend, memory, name) = (pair.backend(), memory.clone(), account(&name));
        async move { limiter(&*backend).apply(&target(&name), Policy::Standard, &memory).await.unwrap() }
    };
    forget(&before).await;
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    until("limited again", || pair.panel.is_limited(&name) == Some(true)).await;

    // Staff have given him a bandwidth of their own. That it is not limited any more is said; nobody is fought at every
    // poll, so whose doing it is shows when an operator looks.
    let theirs = json!({ "op": "set_caps", "down": 333, "up": 222 });
    pair.panel.operate(&format!("clients/{name}"), &theirs).unwrap();
    let lost = "whmeter_policy_conflicts{backend=\"vpncp\",conflict=\"lost\"}";
    daemon.until("/metrics", "counts who is not limited", |got| got.sample(lost) == Some(1)).await;
    shown(&daemon, &pair, &name, 0).await;
    assert_eq!(policy(&site, &pair, &name).await["conflict"], "lost");
    let refused = site.run(&["policy", "reconcile", pair.name(), &name]).await.failure(1);
    assert!(refused.contains("left alone, not limited") && refused.contains("333"), "{refused}");
    let state = policy(&site, &pair, &name).await;
    assert_eq!(state["conflict"], "left_alone");
    assert!(state["left_alone"].as_str().unwrap().contains("333"), "{state}");
    std::fs::write(site.config(), config(port, &pair, &rule(&pair, "9 PB", ""))).unwrap();
    daemon.signal("-HUP");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let shown = site.run(&["policy", "show", pair.name(), &name, "--json"]).await.json();
        if shown["wanted"] == "standard" {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{shown}");
    }
    let now = limiter(&*pair.backend()).remember(&target(&account(&name))).await.unwrap();
    assert!(now.0.contains("333") && now.0.contains("222"), "theirs is the standard now: {now:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_somebody_has_added_to_is_shown_as_the_panel_enforces_it() {
    let (pair, port) = (pair("minio", 3).await, free_port());
    let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    let name = pair.panel.accounts().remove(0);
    let still = "whmeter_policy_conflicts{backend=\"minio\",conflict=\"still_limited\"}";
    daemon.until("/metrics", "begins at nothing", |got| got.sample(still) == Some(0)).await;
    use_up(&pair, &name, LIMIT);
    until("limited", || pair.panel.is_limited(&name) == Some(true)).await;
    shown(&daemon, &pair, &name, 1).await;

    // Somebody attaches another policy: what he may write stays refused, and nothing says otherwise.
    let both = format!("policy {name}-limited,readwrite");
    signing::map_policy(&*pair.panel, &name, &format!("{name}-limited%2Creadwrite")).await;
    daemon.until("/metrics", "counts him", |got| got.sample(still) == Some(1)).await;
    assert_eq!(pair.panel.is_limited(&name), Some(true));
    shown(&daemon, &pair, &name, 1).await;
    let told = format!("left alone, still limited by {both}");
    let state = policy(&site, &pair, &name).await;
    assert_eq!(
        (&state["shown"], &state["conflict"]),
        (&json!("limited"), &json!("still_limited")),
        "{state}"
    );
    assert_eq!(state["left_alone"], json!(both));
    let refused = site.run(&["policy", "reconcile", "minio", &name]).await.failure(1);
    assert!(refused.contains(&told), "{refused}");
    let listed = site.run(&["policy", "show"]).await.good();
    assert!(listed.contains(&told), "{listed}");
    let found = site.run(&["report", "--what", "policies", "--json"]).await.json();
    assert_eq!(
        (&found[0]["state"], &found[0]["account"]),
        (&json!("still_limited"), &json!(name)),
        "{found}"
    );
    assert_eq!(found[0]["detail"], json!(told));

    // He has room again: he is still limited, and that is still said.
    std::fs::write(site.config(), config(port, &pair, &rule(&pair, "9 PB", ""))).unwrap();
    daemon.signal("-HUP");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let state = policy(&site, &pair, &name).await;
        if (&state["wanted"], &state["conflict"]) == (&json!("standard"), &json!("still_limited")) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{state}");
    }
    shown(&daemon, &pair, &name, 1).await;
    daemon.until("/metrics", "counts him still", |got| got.sample(still) == Some(1)).await;
    let refused = site.run(&["policy", "reconcile", "minio", &name]).await.failure(1);
    assert!(refused.contains(&told) && refused.contains("undo what was changed"), "{refused}");

    // What was added is taken away, and what was there before comes back.
    signing::map_policy(&*pair.panel, &name, &format!("{name}-limited")).await;
    site.run(&["policy", "reconcile", "minio", &name]).await.good();
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    shown(&daemon, &pair, &name, 0).await;
    daemon.until("/metrics", "counts nobody", |got| got.sample(still) == Some(0)).await;
    assert_eq!(site.run(&["report", "--what", "policies", "--json"]).await.json(), json!([]));
    let documents = signing::admin(&*pair.panel, "GET", "list-canned-policies", b"").await;
    let documents: Value = serde_json::from_slice(&documents).unwrap();
    assert!(
        documents.get(&name).is_some() && documents.get(format!("{name}-limited")).is_none(),
        "{documents}"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_fails_where_a_rule_limits_and_the_right_is_missing() {
    let (pair, port) = (pair("minio", 3).await, free_port());
    let readme = include_str!("../../src/backends/minio/README.md");
    let rights = readme.split("```json").nth(1).unwrap().split("```").next().unwrap();
    signing::add_user(&*pair.panel, "meter", "meters-own-secret").await;
    signing::put_policy(&*pair.panel, "meter", &rights.replace("\"admin:CreatePolicy\",", "")).await;
    signing::map_policy(&*pair.panel, "meter", "meter").await;
    let config = |rules: &str, secret: &str| {
        let url = &pair.panel.settings()["url"];
        let backend = format!(
            "\n[[backend]]\nkind = \"minio\"\nname = \"minio\"\nurl = \"{url}\"\naccess_key = \"meter\"\nsecret = \"{secret}\"\n"
        );
        format!("{}{rules}", crate::house(port, "", "", &[backend]))
    };
    let limits = rule(&pair, "900 TB", "");
    let site = Site::by_clock_of(&config("", "meters-own-secret"), &*pair.panel);
    site.run(&["check"]).await.good();
    std::fs::write(site.config(), config(&limits, "meters-own-secret")).unwrap();
    let lines = |ran: &Value| -> Vec<String> {
        let wrong =
            ran.as_array().unwrap().iter().filter(|line| line["fatal"] == true && line["ok"] == false);
        wrong.map(|line| line["detail"].as_str().unwrap().to_string()).collect()
    };
    let ran = site.run(&["check", "--json"]).await;
    assert_eq!(ran.code, Some(1), "a right is missing");
    let wrong = lines(&serde_json::from_str(&ran.stdout).unwrap());
    assert!(wrong.len() == 1 && wrong[0].contains("admin:CreatePolicy"), "{wrong:?}");
    // A wrong secret is one trouble, not one for every right.
    std::fs::write(site.config(), config(&limits, "wrong-secret-wrong")).unwrap();
    let ran = site.run(&["check", "--json"]).await;
    let wrong = lines(&serde_json::from_str(&ran.stdout).unwrap());
    assert!(wrong.len() == 1 && wrong[0].contains("wrong secret"), "{wrong:?}");
    assert!(!ran.stdout.contains("admin:Prometheus"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panel_that_refuses_is_tried_again_and_shown() {
    let (pair, port) = (pair("minio", 3).await, free_port());
    let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    let name = pair.panel.accounts().remove(1);
    // The polls go on: only the call that limits fails.
    let path = pair.panel.landmarks().limiting.to_string();
    let fault = Fault { path_contains: path, ..Fault::new(FaultKind::Failed { status: 500 }) };
    pair.panel.knobs().faults.add(fault);
    use_up(&pair, &name, LIMIT);
    let failures = |page: &str| {
        let mut lines = page.lines().filter(|line| line.starts_with("whmeter_policy_switch_failures_total"));
        lines.any(|line| !line.ends_with(" 0"))
    };
    daemon.until("/metrics", "counts the failure", |got| failures(&got.text())).await;
    let waiting = site.run(&["outbox", "list", "--json"]).await.json();
    let entry = waiting.as_array().unwrap().iter().find(|entry| entry["channel"] == "policy").unwrap();
    assert_eq!((&entry["state"], &entry["account"]), (&json!("waiting"), &json!(name)));
    assert!(entry["said"].as_str().unwrap().len() > 10, "{entry}");
    // An operator need not wait for the next attempt.
    let id = entry["id"].to_string();
    assert_eq!(pair.panel.is_limited(&name), Some(false));
    pair.panel.knobs().faults.clear();
    site.run(&["outbox", "retry", &id]).await.good();
    until("limited at last", || pair.panel.is_limited(&name) == Some(true)).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_brake_holds_the_plan_tells_and_hands_can_do_it() {
    let (pair, port) = (pair("minio", 12).await, free_port());
    let accounts = pair.panel.accounts();
    let braked = rule(&pair, "900 TB", "max_limited_at_once = \"20%\"");
    let site = Site::by_clock_of(&config(port, &pair, ""), &*pair.panel);
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    for name in &accounts[..3] {
        use_up(&pair, name, LIMIT);
    }
    let level = format!("whmeter_storage_used_bytes{{backend=\"minio\",account=\"{}\"}}", accounts[2]);
    daemon.until("/metrics", "has seen it", |got| got.sample(&level) == Some(LIMIT)).await;

    // What a new config would do is told before it is live, and nothing happens.
    site.write("new.toml", &config(port, &pair, &braked));
    let plan = site.run(&["plan", "--config", "new.toml", "--json"]).await.json();
    let of = |action: &str| -> Vec<String> {
        let lines = plan.as_array().unwrap().iter().filter(|line| line["action"] == action);
        lines.map(|line| line["account"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(of("held"), accounts[..3], "{plan}");
    assert!(of("limit").is_empty(), "{plan}");
    assert_eq!(site.run(&["plan", "--json"]).await.json(), json!([]));

    std::fs::write(site.config(), config(port, &pair, &braked)).unwrap();
    daemon.signal("-HUP");
    let held = "whmeter_limits_held{backend=\"minio\"}";
    daemon.until("/metrics", "holds the brake", |got| got.sample(held) == Some(3)).await;
    assert!(daemon.log().contains("max_limited_at_once"), "{}", daemon.log());
    assert!(accounts.iter().all(|name| pair.panel.is_limited(name) == Some(false)));

    // One of them by hand: what his usage demands.
    let told = site.run(&["policy", "reconcile", "minio", &accounts[0], "--json"]).await.json();
    assert_eq!((&told["wanted"], &told["shown"]), (&json!("limited"), &json!("limited")), "{told}");
    assert_eq!(pair.panel.is_limited(&accounts[0]), Some(true));
    // The others are two of twelve now, but three within a day: the brake holds on, until a hand does it.
    let polls = "whmeter_poll_duration_seconds_count{backend=\"minio\"}";
    let before = daemon.get("/metrics").await.sample(polls).unwrap();
    daemon.until("/metrics", "polls twice", |got| got.sample(polls) >= Some(before + 2)).await;
    assert_eq!(pair.panel.is_limited(&accounts[2]), Some(false));
    for name in &accounts[1..3] {
        site.run(&["policy", "reconcile", "minio", name]).await.good();
        assert_eq!(pair.panel.is_limited(name), Some(true));
    }

    // A pin wins over usage, and a restart does not lose it.
    site.run(&["policy", "pin", "minio", &accounts[1], "standard"]).await.good();
    assert_eq!(pair.panel.is_limited(&accounts[1]), Some(false));
    daemon.stop().await;
    let daemon = site.serve(port).await;
    read_once(&daemon, &pair).await;
    assert_eq!(pair.panel.is_limited(&accounts[1]), Some(false));
    let shown = site.run(&["policy", "show"]).await.good();
    assert!(shown.contains("standard") && shown.contains(&accounts[1]), "{shown}");
    let body = json!({ "action": "unpin" });
    let path = format!("/v1/whmcs/policy/{}?server=12", accounts[1]);
    let answer = post(&daemon, &path, &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    until("usage decides again", || pair.panel.is_limited(&accounts[1]) == Some(true)).await;
    let shown = site.run(&["policy", "show", "minio", &accounts[1], "--json"]).await.json();
    assert_eq!(actions(&shown)[..4], ["limit", "unpin", "restore", "pin"], "{shown}");
    let actors: Vec<&str> =
        shown["acts"].as_array().unwrap().iter().map(|act| act["actor"].as_str().unwrap()).collect();
    assert_eq!((actors[0], actors[2]), ("usage", actors[3]), "what a pin switches is its author's: {shown}");
    for (body, status) in [
        (json!({ "action": "dance" }), 400),
        (json!({ "action": "pin" }), 400),
        (json!({ "action": "pin", "policy": "both" }), 400),
        (json!([1]), 422),
    ] {
        let answer = post(&daemon, &path, &body).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_suspended_by_others_is_left_alone() {
    for pair in pairs(3).await {
        let name = pair.panel.accounts().remove(0);
        if pair.panel.suspend(&name, true).is_err() || pair.name() == "proxmox" {
            continue;
        }
        let port = free_port();
        let site = Site::by_clock_of(&config(port, &pair, &rule(&pair, "900 TB", "")), &*pair.panel);
        let daemon = site.serve(port).await;
        let other = pair.panel.accounts().remove(1);
        read_once(&daemon, &pair).await;
        let requests = pair.panel.knobs().requests.all();
        use_up(&pair, &name, LIMIT);
        use_up(&pair, &other, LIMIT);
        until("the other is limited", || pair.panel.is_limited(&other) == Some(true)).await;
        // The panel has it before the switch is over: it is read back, and then written down.
        let deadline = std::time::Instant::now() + PATIENCE;
        let held = loop {
            let held = site.run(&["policy", "show", "--json"]).await.json();
            if held != json!([]) || std::time::Instant::now() > deadline {
                break held;
            }
        };
        assert_eq!(held.as_array().unwrap().len(), 1, "{}: {held}", pair.name());
        assert!(!requests.is_empty());
        daemon.stop().await;
    }
}
