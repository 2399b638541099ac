//! The fake MinIO as a metering client sees it, checked against the known truth.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use support::{ADMIN, Caller, client};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::{Attach, Flavour, Options, Panel, sealed, standard_policy};
use whmeter_simulators::panel::{self, SimulatedPanel};

const NOW: i64 = 1_795_226_400;

async fn start(accounts: usize) -> Panel {
    let clock = ClockStart::Frozen(NOW);
    let common = panel::Options { accounts, clock, ..panel::Options::default() };
    Panel::start(Options { common, ..Options::default() }).await.unwrap()
}

#[tokio::test]
async fn users_are_listed_sealed_in_all_three_ways() {
    let panel = start(200).await;
    let root = Caller::root(&panel);
    for algorithm in 0..3 {
        panel.switch(|switches| switches.seal_algorithm = algorithm);
        let answer = root.send("GET", &format!("{ADMIN}list-users"), b"").await;
        let body = answer.bytes().await.unwrap();
        assert_eq!(body[32], algorithm);
        assert!(body.len() > 16_500, "more than one fragment");
        let users = root.unsealed("list-users").await;
        assert_eq!(users.as_object().unwrap().len(), 200);
        assert_eq!(users["7-411"]["policyName"], "7-411");
        assert_eq!(users["7-41"]["memberOf"][0], "hosting");
    }
    panel.switch(|switches| switches.seal_exact_fragments = true);
    let answer = root.send("GET", &format!("{ADMIN}list-users"), b"").await;
    let length = answer.bytes().await.unwrap().len();
    assert_eq!((length - 41) % (16_384 + 16), 0);
    assert_eq!(root.unsealed("list-users").await.as_object().unwrap().len(), 200);
}

#[tokio::test]
async fn usage_is_the_truth_of_the_last_scan() {
    let panel = start(12).await;
    let root = Caller::root(&panel);
    panel.knobs().clock.advance(61 * 3_600 + 17);
    panel.scan(|scanner| scanner.lag_seconds = 300);
    let usage = root.json("datausageinfo").await;
    let at = panel.scanned_at().unwrap();
    assert!(at <= panel.knobs().clock.now_seconds() - 300);
    let told = chrono::DateTime::parse_from_rfc3339(usage["lastUpdate"].as_str().unwrap()).unwrap();
    assert_eq!(told.timestamp(), at);
    let mut sums = BTreeMap::<String, u64>::new();
    for (bucket, facts) in usage["bucketsUsageInfo"].as_object().unwrap() {
        assert_eq!(facts["size"], usage["bucketsSizes"][bucket]);
        let account = bucket.rsplit_once('-').unwrap().0;
        *sums.entry(account.to_owned()).or_default() += facts["size"].as_u64().unwrap();
    }
    for account in panel.accounts() {
        let truth = panel.knobs().truth.level(&account, at).unwrap();
        assert_eq!(sums.get(&account).copied().unwrap_or(0), truth, "{account}");
    }
    assert!(sums["7-41"] > 0 && sums["7-411"] > 0);
}

#[tokio::test]
async fn an_unknown_usage_is_not_zero() {
    let panel = start(3).await;
    let root = Caller::root(&panel);
    panel.scan(|scanner| scanner.never = true);
    let usage = root.json("datausageinfo").await;
    assert_eq!(usage["lastUpdate"], "0001-01-01T00:00:00Z");
    assert!(usage["bucketsUsageInfo"].is_null() && usage["bucketsSizes"].is_null());
    panel.scan(|scanner| {
        scanner.never = false;
        scanner.utc_offset_minutes = -330;
        scanner.stuck_at = Some(NOW - 90_000);
        scanner.unseen_buckets.insert("7-41-data".into());
    });
    let usage = root.json("datausageinfo").await;
    assert!(usage["lastUpdate"].as_str().unwrap().ends_with("-05:30"));
    assert!(usage["bucketsUsageInfo"].get("7-41-data").is_none());
    assert!(usage["bucketsUsageInfo"].get("7-411-data").is_some());
    let listed = root.send("GET", "/", b"").await.text().await.unwrap();
    assert!(listed.contains("<Name>7-41-data</Name>"));
}

#[tokio::test]
async fn a_limit_bites_and_is_lifted() {
    let panel = start(3).await;
    let root = Caller::root(&panel);
    let tenant = Caller::tenant(&panel, "7-41");
    assert_eq!(tenant.status("PUT", "/7-41-data/a/b.bin", &[7; 900]).await, 200);
    let limited = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject","s3:DeleteObject"],"Resource":["arn:aws:s3:::7-41*"]},
        {"Effect":"Deny","Action":["s3:PutObject","s3:CreateBucket"],"Resource":["arn:aws:s3:::*"]}]}"#;
    let write = format!("{ADMIN}add-canned-policy?name=7-41-limited");
    assert_eq!(root.status("PUT", &write, limited.as_bytes()).await, 200);
    let map = |policy: &str| {
        format!("{ADMIN}set-user-or-group-policy?policyName={policy}&userOrGroup=7-41&isGroup=false")
    };
    for _ in 0..2 {
        assert_eq!(root.status("PUT", &map("7-41-limited"), b"").await, 200);
    }
    assert_eq!(root.json("user-info?accessKey=7-41").await["policyName"], "7-41-limited");
    assert_eq!(panel.is_limited("7-41"), Some(true));
    assert_eq!(tenant.refusal("PUT", "/7-41-data/new", b"x").await, (403, "AccessDenied".into()));
    assert_eq!(tenant.status("GET", "/7-41-data/a/b.bin", b"").await, 200);
    assert_eq!(tenant.status("DELETE", "/7-41-data/a/b.bin", b"").await, 204);
    assert_eq!(root.status("PUT", &map("7-41"), b"").await, 200);
    assert_eq!(tenant.status("PUT", "/7-41-data/new", b"x").await, 200);
    assert_eq!(panel.is_limited("7-41"), Some(false));
    let unknown = root.refusal("PUT", &map("nope"), b"").await;
    assert_eq!(unknown, (404, "XMinioAdminNoSuchPolicy".into()));
}

#[tokio::test]
async fn a_group_policy_undermines_a_limit_without_deny() {
    let panel = start(3).await;
    let root = Caller::root(&panel);
    let tenant = Caller::tenant(&panel, "7-41");
    let write = format!("{ADMIN}add-canned-policy?name=group-standard");
    root.status("PUT", &write, standard_policy("7-41").as_bytes()).await;
    let map = |policy: &str, who: &str, group: bool| {
        format!("{ADMIN}set-user-or-group-policy?policyName={policy}&userOrGroup={who}&isGroup={group}")
    };
    assert_eq!(root.status("PUT", &map("readonly", "7-41", false), b"").await, 200);
    assert_eq!(tenant.status("PUT", "/7-41-data/a", b"x").await, 403);
    assert_eq!(root.status("PUT", &map("group-standard", "hosting", true), b"").await, 200);
    assert_eq!(tenant.status("PUT", "/7-41-data/a", b"x").await, 200);
}

#[tokio::test]
async fn attaching_twice_is_refused_as_the_release_does() {
    let panel = start(3).await;
    let root = Caller::root(&panel);
    let attach = async |verb: &str, body: &str| {
        let body = sealed::seal(&root.secret, 0, &sealed::Head::random(), body.as_bytes()).unwrap();
        let path = format!("{ADMIN}idp/builtin/policy/{verb}");
        let request = root.request("POST", &path, &body).header("content-type", "application/octet-stream");
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        let text = sealed::open(&root.secret, &body).unwrap_or(body.to_vec());
        (status, String::from_utf8_lossy(&text).into_owned())
    };
    let body = r#"{"policies":["readonly"],"user":"7-41"}"#;
    let (status, text) = attach("attach", body).await;
    assert!(status == 200 && text.contains(r#""policiesAttached":["readonly"]"#), "{text}");
    let (status, text) = attach("attach", body).await;
    assert!(status == 400 && text.contains("XMinioAdminPolicyChangeAlreadyApplied"), "{text}");
    assert_eq!(root.json("user-info?accessKey=7-41").await["policyName"], "7-41,readonly");
    panel.switch(|switches| switches.attach = Attach::FirstReleases);
    assert_eq!(attach("attach", body).await.0, 409);
    assert_eq!(attach("detach", body).await, (201, String::new()));
    panel.switch(|switches| switches.attach = Attach::Absent);
    assert_eq!(attach("attach", body).await.0, 426);
}

#[tokio::test]
async fn signatures_are_checked_to_the_letter() {
    let panel = start(3).await;
    let mut root = Caller::root(&panel);
    let groups = format!("{ADMIN}groups");
    let policy = format!("{ADMIN}info-canned-policy?name=a%20b%2Bc%2F%C3%A4");
    assert_eq!(root.refusal("GET", &policy, b"").await.1, "XMinioAdminNoSuchPolicy");
    let request = root.request("GET", &groups, b"");
    panel.knobs().clock.advance(899);
    assert_eq!(request.try_clone().unwrap().send().await.unwrap().status(), 200);
    panel.knobs().clock.advance(2);
    let skewed = request.send().await.unwrap();
    assert_eq!(skewed.headers()["content-type"], "application/xml");
    assert!(skewed.text().await.unwrap().contains("<Code>RequestTimeTooSkewed</Code>"));
    let request = root.request("GET", &groups, b"").header("host", "elsewhere");
    assert_eq!(request.send().await.unwrap().status(), 403);
    let unsigned = client().get(format!("{}{groups}", panel.url())).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    root.secret = "wrong".into();
    assert_eq!(root.refusal("GET", &groups, b"").await, (403, "SignatureDoesNotMatch".into()));
    assert_eq!(root.refusal("GET", "/", b"").await, (403, "SignatureDoesNotMatch".into()));
    root.access_key = "nobody".into();
    assert_eq!(root.refusal("GET", &groups, b"").await, (403, "InvalidAccessKeyId".into()));
    panel.suspend("7-41", true).unwrap();
    let tenant = Caller::tenant(&panel, "7-41");
    assert_eq!(tenant.refusal("GET", "/", b"").await, (403, "InvalidAccessKeyId".into()));
}

#[tokio::test]
async fn versions_of_the_api_are_negotiated_by_426() {
    let panel = start(3).await;
    let root = Caller::root(&panel);
    let text = async |path: &str| {
        let answer = root.send("GET", path, b"").await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, body) = text("/minio/admin/v4/groups").await;
    assert!(status == 426 && body.contains("expected 'v3', please downgrade"), "{body}");
    let (status, body) = text(&format!("{ADMIN}nonsense")).await;
    assert!(status == 426 && body.contains("not supported by server in 'mode-server-xl'"), "{body}");
    panel.switch(|switches| switches.flavour = Flavour::Aistor);
    let (status, body) = text(&format!("{ADMIN}datausageinfo")).await;
    let expects = "expects client requests with 'admin' API version 'v4'";
    assert!(status == 426 && body.contains(expects), "{body}");
    assert_eq!(text("/minio/admin/v4/datausageinfo").await.0, 200);
}

#[tokio::test]
async fn the_rewrite_has_its_own_shapes() {
    let panel = start(3).await;
    panel.switch(|switches| switches.flavour = Flavour::Rustfs);
    let root = Caller::root(&panel);
    let answer = root.send("GET", &format!("{ADMIN}list-users"), b"").await;
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.bytes().await.unwrap()[32], 2);
    assert_eq!(root.unsealed("list-users").await["7-41"]["policyName"], "7-41");
    let plain = root.send("GET", "/rustfs/admin/v3/list-users", b"").await.text().await.unwrap();
    assert!(plain.starts_with('{'), "{plain}");
    let usage = root.json("datausageinfo").await;
    let at = panel.scanned_at().unwrap();
    assert_eq!(usage["last_update"]["secs_since_epoch"], at);
    assert_eq!(usage["bucket_sizes"]["7-41-data"], panel.knobs().truth.level("7-41", at).unwrap());
    panel.scan(|scanner| scanner.incomplete = true);
    let usage = root.json("datausageinfo").await;
    assert_eq!(usage["usage_snapshot_complete"], false);
    assert_eq!(usage["buckets_usage"].as_object().unwrap().len(), 0);
    assert!(usage["last_update"].is_null());
    let unknown = root.refusal("GET", &format!("{ADMIN}user-info?accessKey=nobody"), b"").await;
    assert_eq!(unknown, (404, "NoSuchResource".into()));
    assert_eq!(root.status("GET", "/minio/admin/v4/groups", b"").await, 426);
    assert_eq!(
        client().get(format!("{}/minio/v2/metrics/bucket", panel.url())).send().await.unwrap().status(),
        403
    );
}

#[tokio::test]
async fn a_vanished_account_is_nowhere_and_comes_back() {
    let panel = start(4).await;
    let root = Caller::root(&panel);
    panel.vanish("7-41").unwrap();
    assert!(root.unsealed("list-users").await.get("7-41").is_none());
    let usage = root.json("datausageinfo").await;
    assert!(usage["bucketsUsageInfo"].get("7-41-data").is_none());
    assert!(usage["bucketsUsageInfo"].get("7-411-data").is_some());
    let gone = root.refusal("GET", &format!("{ADMIN}user-info?accessKey=7-41"), b"").await;
    assert_eq!(gone, (404, "XMinioAdminNoSuchUser".into()));
    panel.reappear("7-41").unwrap();
    assert!(root.unsealed("list-users").await.get("7-41").is_some());
    assert!(panel.vanish("nobody").is_err());
}

#[tokio::test]
async fn what_a_client_stores_becomes_truth_and_usage() {
    let panel = start(4).await;
    let root = Caller::root(&panel);
    let tenant = Caller::tenant(&panel, "7-42");
    let knobs = panel.knobs();
    let before = knobs.truth.level("7-42", NOW).unwrap();
    assert_eq!(tenant.status("PUT", "/7-42-new", b"").await, 200);
    assert_eq!(tenant.status("PUT", "/7-42-new/one", &[1; 5_000]).await, 200);
    assert_eq!(tenant.status("PUT", "/7-42-new/one", &[1; 4_000]).await, 200);
    assert_eq!(knobs.truth.level("7-42", NOW), Some(before + 4_000));
    let moved = knobs.truth.traffic_between("7-42", NOW - 1, NOW).unwrap();
    assert!(moved.received >= 9_000);
    assert!(root.json("datausageinfo").await["bucketsUsageInfo"].get("7-42-new").is_some());
    let quota = format!("{ADMIN}set-bucket-quota?bucket=7-42-new");
    assert_eq!(root.status("PUT", &quota, br#"{"size":4500,"quotatype":"hard"}"#).await, 200);
    let full = tenant.refusal("PUT", "/7-42-new/two", &[1; 600]).await;
    assert_eq!(full, (400, "XMinioAdminBucketQuotaExceeded".into()));
    let page = tenant.send("GET", "/7-42-new?list-type=2", b"").await.text().await.unwrap();
    assert!(page.contains("<Key>one</Key>") && page.contains("<Size>4000</Size>"), "{page}");
}
