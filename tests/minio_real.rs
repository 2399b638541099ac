//! The MinIO backend against a real MinIO server, with the real client as the customer.
//!
//! Wants the two programs in `WHMETER_MINIO` and `WHMETER_MC`. Without them it says so and passes,
//! except under CI, where it fails.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::{Duration, Instant};

use whmeter::backends::{Applied, Backend, Limiter, Memory, PollRequest, Target, Wants};
use whmeter::clock::Clock;
use whmeter::domain::{AccountName, Harvest, Meter, Policy, Reading, Reason};

#[path = "minio_real/server.rs"]
mod server;

use server::{METER, Server};

fn limiter(backend: &dyn Backend) -> &dyn Limiter {
    backend.limiter().expect("it limits accounts")
}

async fn poll(backend: &dyn Backend) -> Harvest {
    let mut harvest = Harvest::new();
    let ask = PollRequest::at(Clock::System.now());
    backend.poll(&ask, &mut harvest).await.expect("polled");
    assert!(harvest.is_complete());
    harvest
}

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a name")
}

/// Bytes stored, or the reason they are unknown.
fn storage(harvest: &Harvest, account: &str) -> Result<u64, Reason> {
    let harvested = &harvest.accounts()[account];
    for (meter, reading) in &harvested.readings {
        if let (Meter::StorageUsed, Reading::Gauge { level, .. }) = (meter, reading) {
            return Ok(level.get());
        }
    }
    Err(harvested
        .unread
        .iter()
        .find(|unread| unread.meter == Some(Meter::StorageUsed))
        .expect("reported")
        .reason)
}

/// Bytes moved, over all nodes and buckets; `None` when any of it is unknown.
fn traffic(harvest: &Harvest, account: &str, wanted: Meter) -> Option<u64> {
    let harvested = &harvest.accounts()[account];
    if harvested.unread.iter().any(|unread| unread.meter == Some(wanted)) {
        return None;
    }
    let counts = harvested.readings.iter().filter_map(|(meter, reading)| match reading {
        Reading::Counter { count, .. } if *meter == wanted => Some(count.get()),
        _ => None,
    });
    Some(counts.sum())
}

/// Polls until the scanner has come round to what is expected.
async fn await_storage(backend: &dyn Backend, expected: &[(&str, u64)]) -> Harvest {
    let begun = Instant::now();
    loop {
        let harvest = poll(backend).await;
        let seen: Vec<_> = expected.iter().map(|(account, _)| storage(&harvest, account)).collect();
        for told in seen.iter().filter_map(|told| told.err()) {
            assert_eq!(told, Reason::Busy, "unknown for another reason than the scanner");
        }
        if seen.iter().zip(expected).all(|(seen, (_, bytes))| *seen == Ok(*bytes)) {
            return harvest;
        }
        assert!(begun.elapsed() < Duration::from_secs(150), "expected {expected:?}, still {seen:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn what_customers_store_and_move_is_read_to_the_byte() {
    let Some(server) = Server::start().await else { return };
    server.meter();
    for customer in ["7-41", "7-411", "8-77"] {
        server.customer(customer);
    }
    let backend = server.backend("");
    // Empty buckets: unknown until the scanner has passed, then a real zero. It may be quick.
    server.mc(&["mb", "7-41/7-41-data", "7-41/7-41-more", "7-411/7-411-data", "root/lost"]);
    let first = poll(backend.as_ref()).await;
    assert!(matches!(storage(&first, "7-41"), Err(Reason::Busy) | Ok(0)), "{:?}", storage(&first, "7-41"));

    for (target, length) in [
        ("7-41/7-41-data/a", 100_000),
        ("7-41/7-41-data/b", 23),
        ("7-41/7-41-more/c", 5 << 20),
        ("root/lost/d", 7),
    ] {
        assert!(server.put(target, length).status.success(), "{target}");
    }
    assert!(server.put("7-411/7-411-data/e", 512).status.success());
    let expected = [("7-41", 100_023 + (5 << 20)), ("7-411", 512), ("8-77", 0), (METER[0], 0)];
    let harvest = await_storage(backend.as_ref(), &expected).await;
    let accounts: BTreeSet<_> = harvest.accounts().keys().map(AccountName::as_str).collect();
    assert_eq!(accounts, BTreeSet::from(["7-41", "7-411", "8-77", METER[0]]));
    let unclaimed: Vec<_> =
        harvest.unclaimed_usage().iter().map(|one| (one.what.as_str(), one.why)).collect();
    assert_eq!(unclaimed, [("lost", "orphan")]);
    assert_eq!(harvest.unclaimed_usage()[0].level.map(|level| level.get()), Some(7));
    assert!(
        harvest.warnings().iter().any(|warning| warning.contains("7-41 and 7-411")),
        "{:?}",
        harvest.warnings()
    );
    let facts = &harvest.accounts()["7-41"].facts;
    assert_eq!((facts.suspended, facts.policy), (Some(false), Some(Policy::Standard)));

    traffic_grows(&server, backend.as_ref()).await;
    suspension_and_vanishing_show(&server, backend.as_ref()).await;
}

/// By both versions of the metrics: uploads in, downloads out, and nothing invented.
async fn traffic_grows(server: &Server, second: &dyn Backend) {
    let third = server.backend(&format!("traffic = 'v3'\nnodes = ['{}']", server.url));
    // Past the time in which pages are not believed, and past their cache.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let before = poll(second).await;
    let moved = |harvest: &Harvest, account: &str| {
        [Meter::TrafficIn, Meter::TrafficOut].map(|meter| traffic(harvest, account, meter).expect("known"))
    };
    let (up, down) = (3_000_000, 5 << 20);
    assert!(server.put("7-41/7-41-data/up", up as usize).status.success());
    server.mc(&["cp", "7-41/7-41-more/c", &server.folder.path().join("down").display().to_string()]);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let after = poll(second).await;
    let [grown_in, grown_out] = [0, 1].map(|way| moved(&after, "7-41")[way] - moved(&before, "7-41")[way]);
    eprintln!("put {up}, counted {grown_in} in; got {down}, counted {grown_out} out");
    // Besides the bodies that were meant there are small ones: locations, lists, answers.
    assert!((up..up + 20_000).contains(&grown_in), "{grown_in} bytes in after {up} were put");
    assert!((down..down + 20_000).contains(&grown_out), "{grown_out} bytes out after {down} were got");
    assert_eq!(moved(&after, "7-411"), moved(&before, "7-411"), "a neighbour's counters moved");
    assert_eq!(moved(&after, "8-77"), [0, 0]);
    assert_eq!(moved(&poll(third.as_ref()).await, "7-41"), moved(&after, "7-41"), "v3 and v2 differ");
}

async fn suspension_and_vanishing_show(server: &Server, backend: &dyn Backend) {
    server.mc(&["admin", "user", "disable", "root", "8-77"]);
    server.mc(&["admin", "user", "remove", "root", "7-411"]);
    let harvest = poll(backend).await;
    assert_eq!(harvest.accounts()["8-77"].facts.suspended, Some(true));
    assert!(!harvest.accounts().contains_key("7-411"));
    // His bucket is not his neighbour's because his name is gone.
    let why =
        |bucket: &str| harvest.unclaimed_usage().iter().find(|one| one.what == bucket).map(|one| one.why);
    assert_eq!(why("7-411-data"), Some("ambiguous"));
    assert_eq!(storage(&harvest, "7-41").map(|level| level < 20 << 20), Ok(true));
}

/// What the customer may do: put, get, list, delete.
fn may(server: &Server, customer: &str) -> [Result<(), String>; 4] {
    let target = |key: &str| format!("{customer}/{customer}-data/{key}");
    let said = |output: Output| match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    };
    // Something to delete, put there by root.
    assert!(server.put(&format!("root/{customer}-data/victim"), 10).status.success());
    [
        said(server.put(&target("new"), 10)),
        said(server.try_mc(&["cat", &target("kept")])),
        said(server.try_mc(&["ls", &format!("{customer}/{customer}-data")])),
        said(server.try_mc(&["rm", &target("victim")])),
    ]
}

fn assert_standard(server: &Server, customer: &str) {
    assert_eq!(may(server, customer), [Ok(()), Ok(()), Ok(()), Ok(())]);
}

fn assert_limited(server: &Server, customer: &str) {
    let [put, others @ ..] = may(server, customer);
    let refusal = put.expect_err("a limited customer may still put");
    assert!(refusal.contains("Access Denied") || refusal.contains("Insufficient permissions"), "{refusal}");
    assert_eq!(others, [Ok(()), Ok(()), Ok(())]);
}

async fn shown(backend: &dyn Backend, customer: &str) -> Option<Policy> {
    poll(backend).await.accounts()[customer].facts.policy
}

#[tokio::test]
async fn limits_hold_and_are_lifted_exactly() {
    let Some(server) = Server::start().await else { return };
    server.meter();
    for customer in ["7-41", "7-42"] {
        server.customer(customer);
        server.mc(&["mb", &format!("{customer}/{customer}-data")]);
        assert!(server.put(&format!("{customer}/{customer}-data/kept"), 10).status.success());
    }
    // Rights from a group must not outlive the limit.
    let everything = server.file("all.json", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-4*"]}]}"#);
    server.mc(&["admin", "policy", "create", "root", "hosting", &everything]);
    server.mc(&["admin", "group", "add", "root", "hosting", "7-41", "7-42"]);
    server.mc(&["admin", "policy", "attach", "root", "hosting", "--group", "hosting"]);

    the_mapping_is_switched(&server).await;
    the_document_is_switched(&server).await;
    every_bucket_of_a_limited_customer_can_be_emptied(&server).await;
    what_is_added_to_a_limit_is_shown_and_left_alone(&server).await;
    a_limit_that_would_not_hold_is_refused(&server).await;
    the_check_passes_and_names_what_is_missing(&server).await;
}

/// The program itself: who fills his bucket may no longer write, and may again when he has made room.
#[tokio::test]
async fn the_program_limits_whoever_is_over_and_lifts_it() {
    let Some(server) = Server::start().await else { return };
    server.meter();
    for customer in ["7-41", "7-42"] {
        server.customer(customer);
        server.mc(&["mb", &format!("{customer}/{customer}-data")]);
        assert!(server.put(&format!("{customer}/{customer}-data/kept"), 1000).status.success());
    }
    let house = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[whmcs]\ntimezone = 'Europe/Warsaw'\n[http]\nlisten = '127.0.0.1:0'\n[[backend]]\nkind = 'minio'\n\
         name = 's3'\nevery = '2s'\nurl = '{}'\naccess_key = '{}'\nsecret = '{}'\n[[limit]]\nmeter = \
         'storage'\n\
         size = '1 MiB'\nnotify_at = [80]\nlimit_at = 100\nrestore_below = 90\n",
        server.url, METER[0], METER[1]
    );
    std::fs::write(house.path().join("whmeter.toml"), config).expect("written");
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_whmeter"));
    program.arg("serve").current_dir(house.path()).stdout(std::process::Stdio::null());
    let log = house.path().join("log");
    program.stderr(std::fs::File::create(&log).expect("a log"));
    let mut daemon = program.spawn().expect("started");

    assert!(server.put("7-41/7-41-data/much", 2 << 20).status.success());
    let writes = |customer: &str| server.put(&format!("{customer}/{customer}-data/try"), 10).status.success();
    let until = async |what: &str, wanted: bool| {
        let begun = Instant::now();
        while writes("7-41") != wanted {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(150), "never {what}:\n{}", said());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    until("limited", false).await;
    assert!(writes("7-42"), "his neighbour is not touched");
    // Reading and deleting are what he may still do.
    server.mc(&["rm", "7-41/7-41-data/much"]);
    until("restored", true).await;
    daemon.kill().and_then(|()| daemon.wait()).expect("ended");
}

async fn the_mapping_is_switched(server: &Server) {
    let backend = server.backend("group = 'hosting'");
    let (customer, policy) = (name("7-41"), [Policy::Standard, Policy::Limited]);
    // Two policies, and exactly these two come back.
    server.mc(&["admin", "policy", "attach", "root", "readonly", "--user", "7-41"]);
    let memory = limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered");
    assert_standard(server, "7-41");
    let apply = async |policy| {
        limiter(&*backend).apply(&Target::named(&customer), policy, &memory).await.expect("applied")
    };
    assert_eq!(apply(policy[0]).await, Applied::AlreadySo);
    assert_eq!(apply(policy[1]).await, Applied::Done);
    assert_eq!(apply(policy[1]).await, Applied::AlreadySo);
    assert_limited(server, "7-41");
    assert_eq!(shown(backend.as_ref(), "7-41").await, Some(Policy::Limited));
    assert_eq!(poll(backend.as_ref()).await.accounts()["7-41"].facts.package.as_deref(), Some("hosting"));
    assert_standard(server, "7-42");
    assert_eq!(apply(policy[0]).await, Applied::Done);
    assert_eq!(apply(policy[0]).await, Applied::AlreadySo);
    assert_standard(server, "7-41");
    assert_eq!(limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered"), memory);

    // Somebody else's hand.
    assert_eq!(apply(policy[1]).await, Applied::Done);
    server.mc(&["admin", "policy", "attach", "root", "writeonly", "--user", "7-41"]);
    assert!(
        matches!(apply(policy[0]).await, Applied::LeftAlone { found, .. } if found.contains("writeonly"))
    );
    server.mc(&["admin", "policy", "detach", "root", "writeonly", "--user", "7-41"]);
    assert_eq!(apply(policy[0]).await, Applied::Done);
    // No mapping at all is remembered and restored as such.
    server.mc(&["admin", "policy", "detach", "root", "readonly", "7-41", "--user", "7-41"]);
    let none = limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered");
    assert_eq!(
        limiter(&*backend).apply(&Target::named(&customer), Policy::Limited, &none).await.expect("applied"),
        Applied::Done
    );
    assert_eq!(
        limiter(&*backend).apply(&Target::named(&customer), Policy::Standard, &none).await.expect("applied"),
        Applied::Done
    );
    assert_eq!(limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered"), none);
    server.mc(&["admin", "policy", "attach", "root", "7-41", "--user", "7-41"]);

    let nobody = limiter(&*backend)
        .apply(&Target::named(&name("9-99")), Policy::Limited, &Memory(String::new()))
        .await;
    assert_eq!(nobody.expect_err("nobody").reason(), Reason::NoSuchAccount);
}

async fn the_document_is_switched(server: &Server) {
    let backend = server.backend("switch = 'document'");
    let customer = name("7-42");
    let memory = limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered");
    let apply = async |policy| {
        limiter(&*backend).apply(&Target::named(&customer), policy, &memory).await.expect("applied")
    };
    assert_eq!(shown(backend.as_ref(), "7-42").await, Some(Policy::Standard));
    assert_eq!(apply(Policy::Limited).await, Applied::Done);
    assert_eq!(apply(Policy::Limited).await, Applied::AlreadySo);
    assert_limited(server, "7-42");
    assert_eq!(shown(backend.as_ref(), "7-42").await, Some(Policy::Limited));
    assert_eq!(apply(Policy::Standard).await, Applied::Done);
    assert_eq!(apply(Policy::Standard).await, Applied::AlreadySo);
    assert_standard(server, "7-42");
    assert_eq!(limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered"), memory);
}

/// Whether a limited policy of the customer is on the server.
fn has_limited_policy(server: &Server, customer: &str) -> bool {
    server.try_mc(&["admin", "policy", "info", "root", &format!("{customer}-limited")]).status.success()
}

/// A bucket that does not carry his name, his by the table and by his policy.
async fn every_bucket_of_a_limited_customer_can_be_emptied(server: &Server) {
    let customer = name("7-42");
    server.mc(&["mb", "root/old-archive"]);
    assert!(server.put("root/old-archive/kept", 10).status.success());
    let standard = include_str!("../src/backends/minio/policies/standard.json").replace("<USER_ID>", "7-42");
    let wider = standard.replace(
        r#"["arn:aws:s3:::7-42*"]"#,
        r#"["arn:aws:s3:::7-42*", "arn:aws:s3:::old-archive", "arn:aws:s3:::old-archive/*"]"#,
    );
    assert_ne!(standard, wider);
    for (policy, keys) in
        [(&wider, ""), (&standard, "buckets = { 'old-archive' = '7-42' }\nbucket_policies = false")]
    {
        let file = server.file("standard.json", policy);
        server.mc(&["admin", "policy", "create", "root", "7-42", &file]);
        let backend = server.backend(keys);
        let memory = limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered");
        let limited = limiter(&*backend)
            .apply(&Target::named(&customer), Policy::Limited, &memory)
            .await
            .expect("applied");
        assert_eq!(limited, Applied::Done);
        assert!(has_limited_policy(server, "7-42"));
        assert!(!server.put("7-42/old-archive/new", 10).status.success(), "{keys}");
        assert!(server.put("root/old-archive/victim", 10).status.success());
        for what in
            [["ls", "7-42/old-archive"], ["cat", "7-42/old-archive/kept"], ["rm", "7-42/old-archive/victim"]]
        {
            server.mc(&what);
        }
        let facts = poll(backend.as_ref()).await.accounts()["7-42"].facts.clone();
        assert_eq!((facts.policy, facts.policy_differs), (Some(Policy::Limited), false), "{keys}");
        let restored = limiter(&*backend)
            .apply(&Target::named(&customer), Policy::Standard, &memory)
            .await
            .expect("applied");
        assert_eq!(restored, Applied::Done);
        assert!(!has_limited_policy(server, "7-42"), "not attached to any user");
    }
}

/// Another policy beside ours: what is refused stays refused, and is shown so.
async fn what_is_added_to_a_limit_is_shown_and_left_alone(server: &Server) {
    let (backend, customer) = (server.backend(""), name("7-42"));
    let memory = limiter(&*backend).remember(&Target::named(&customer)).await.expect("remembered");
    let apply = async |policy| {
        limiter(&*backend).apply(&Target::named(&customer), policy, &memory).await.expect("applied")
    };
    assert_eq!(apply(Policy::Limited).await, Applied::Done);
    server.mc(&["admin", "policy", "attach", "root", "readwrite", "--user", "7-42"]);
    assert_limited(server, "7-42");
    let facts = poll(backend.as_ref()).await.accounts()["7-42"].facts.clone();
    assert_eq!((facts.policy, facts.policy_differs), (Some(Policy::Limited), true));
    for policy in [Policy::Limited, Policy::Standard] {
        let applied = apply(policy).await;
        assert!(
            matches!(&applied, Applied::LeftAlone { found, limited: true } if found.contains("readwrite")),
            "{applied:?}"
        );
    }
    server.mc(&["admin", "policy", "detach", "root", "readwrite", "--user", "7-42"]);
    assert_eq!(apply(Policy::Standard).await, Applied::Done);
    assert_standard(server, "7-42");
}

async fn a_limit_that_would_not_hold_is_refused(server: &Server) {
    let without_deny = server.file(
        "soft.json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::<USER_ID>*"]}]}"#,
    );
    let backend = server.backend(&format!("policy_limited = '{without_deny}'"));
    let memory = limiter(&*backend).remember(&Target::named(&name("7-42"))).await.expect("remembered");
    let error = limiter(&*backend)
        .apply(&Target::named(&name("7-42")), Policy::Limited, &memory)
        .await
        .expect_err("would not hold");
    assert!(error.to_string().contains("group hosting"), "{error}");
    assert_standard(server, "7-42");
}

async fn the_check_passes_and_names_what_is_missing(server: &Server) {
    let mut steps = Vec::new();
    server.backend("").check(Wants { limiting: true }, &mut steps).await;
    for step in &steps {
        eprintln!("{}: {:?}", step.name, step.outcome);
        assert!(step.outcome.is_ok(), "{step:?}");
    }
    assert!(steps.len() >= 9, "{steps:?}");

    let weak = server.file(
        "weak.json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:ListUsers"]}]}"#,
    );
    server.mc(&["admin", "policy", "create", "root", "meter", &weak]);
    let mut steps = Vec::new();
    server.backend("").check(Wants { limiting: true }, &mut steps).await;
    let failed: Vec<_> =
        steps.iter().filter_map(|step| step.outcome.as_ref().err()).map(ToString::to_string).collect();
    let rights = [
        "admin:DataUsageInfo",
        "admin:ServerInfo",
        "admin:ListUserPolicies",
        "admin:CreatePolicy",
        "admin:Prometheus",
    ];
    for right in rights {
        assert!(failed.iter().any(|text| text.contains(right)), "{right} is not named: {failed:?}");
    }
    let mut harvest = Harvest::new();
    let ask = PollRequest::at(Clock::System.now());
    let error = server.backend("").poll(&ask, &mut harvest).await.expect_err("no right");
    assert_eq!(error.reason(), Reason::Refused);
    assert!(harvest.accounts().is_empty());
}
