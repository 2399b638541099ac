//! The backend against servers made up here: what no real one at hand would answer.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::backends::kit::testing::limiter;
use crate::clock::Clock;
use crate::domain::{Reading, Reason};
use crate::http::HttpSettings;
use crate::settings::Secret;

mod switching;

const SECRET: &str = "rootsecret123";

/// What the server is asked: method, path, query, body.
#[derive(Clone, Debug)]
struct RecordedRequest {
    method: Method,
    path: String,
    query: String,
    body: Bytes,
}

/// The name of an admin call and the version it is asked in, or the path.
impl RecordedRequest {
    fn call(&self) -> &str {
        self.path.rsplit_once("/v3/").or(self.path.rsplit_once("/v4/")).map_or(&self.path, |(_, call)| call)
    }

    fn is_v4(&self) -> bool {
        self.path.contains("/v4/")
    }
}

type Log = Arc<Mutex<Vec<RecordedRequest>>>;

/// A server that answers by `script`; sealed answers are made by it with [`sealed`].
async fn serve(
    keys: &str,
    script: impl Fn(&RecordedRequest) -> Response + Clone + Send + Sync + 'static,
) -> (Box<dyn Backend>, Log) {
    let log = Log::default();
    let kept = log.clone();
    let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let query = uri.query().unwrap_or_default().to_string();
        let asked = RecordedRequest { method, path: uri.path().to_string(), query, body };
        assert!(headers.contains_key("authorization") || asked.path.contains("health"), "{asked:?}");
        kept.lock().expect("no panic").push(asked.clone());
        let response = script(&asked);
        async move { response }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let text = format!(
        "url = 'http://127.0.0.1:{port}'\naccess_key = 'a'\nsecret = '{SECRET}'\nretries = 0\n{keys}"
    );
    let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
    let settings = section.take::<HttpSettings>().expect("settings");
    let http = Http::new(&settings, &section).expect("a client");
    (open(section, http).expect("opened"), log)
}

async fn poll(backend: &dyn Backend) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    let ask = PollRequest::at(Clock::System.now());
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

async fn sealed(plain: &str) -> Vec<u8> {
    super::sealed::seal(&Secret::new(SECRET.into()), plain.as_bytes().to_vec()).await.expect("sealed")
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "").into_response()
}

fn json(text: &str) -> Response {
    ([("content-type", "application/json")], text.to_string()).into_response()
}

fn error(status: u16, body: &str) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body.to_string()).into_response()
}

/// A whole small server: three users, two buckets.
fn answer(asked: &RecordedRequest, users: &[u8]) -> Response {
    match asked.call() {
        "list-users" => users.to_vec().into_response(),
        // The limited policy of 7-42.
        "info-canned-policy" => json(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::*"]}]}"#,
        ),
        "datausageinfo" => json(include_str!("testdata/datausage.minio.json")),
        "/" => include_str!("testdata/buckets.xml").into_response(),
        "/minio/v2/metrics/cluster" | "/minio/v2/metrics/bucket" => {
            include_str!("testdata/metrics.v2.txt").into_response()
        }
        _ => not_found(),
    }
}

fn level(harvest: &Harvest, account: &str) -> Option<u64> {
    harvest.accounts()[account].readings.iter().find_map(|(_, reading)| match reading {
        Reading::Gauge { level, .. } => Some(level.get()),
        _ => None,
    })
}

#[tokio::test]
async fn a_poll_tells_the_whole_story() {
    let users = sealed(include_str!("testdata/users.json")).await;
    let (backend, log) = serve("", move |asked| answer(asked, &users)).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(
        ["7-41", "7-42", "8-77"].map(|account| level(&harvest, account)),
        [Some(100_000), Some(512), Some(0)]
    );
    let facts = &harvest.accounts()["7-42"].facts;
    assert_eq!((facts.suspended, facts.policy), (Some(true), Some(Policy::Limited)));
    // One bucket, two nodes, two directions, and the level.
    assert_eq!(harvest.accounts()["7-41"].readings.len(), 5);
    let asked: Vec<_> = log.lock().expect("no panic").iter().map(|asked| asked.call().to_string()).collect();
    let pages = ["/minio/v2/metrics/cluster", "/minio/v2/metrics/bucket"];
    let expected = [["list-users", "datausageinfo", "/", "info-canned-policy"].as_slice(), &pages].concat();
    assert_eq!(asked, expected, "no more calls than needed, one of them for each limited account");
}

#[tokio::test]
async fn one_account_asked_for_is_one_account_told() {
    let users = sealed(include_str!("testdata/users.json")).await;
    let (backend, _) = serve("", move |asked| answer(asked, &users)).await;
    let only = AccountName::new("7-42").expect("a name");
    let ask = PollRequest { only: Some(only.clone()), ..PollRequest::at(Clock::System.now()) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.expect("polled");
    assert_eq!(harvest.accounts().keys().collect::<Vec<_>>(), [&only]);
    assert!(!harvest.is_complete(), "nobody else is gone for not being told");
}

#[tokio::test]
async fn the_version_is_found_once_and_remembered() {
    let users = sealed(include_str!("testdata/users.json")).await;
    let (backend, log) = serve("traffic = 'off'", move |asked| match asked.call() {
        "list-users" if !asked.is_v4() => error(426, r#"{"Code":"XMinioAdminVersionMismatch","Message":"Server expects client requests with 'admin' API version 'v4', but found 'v3'. Please upgrade the client to latest release"}"#),
        _ => answer(asked, &users),
    })
    .await;
    for _ in 0..2 {
        poll(backend.as_ref()).await.expect("polled");
    }
    let versions: Vec<_> = log
        .lock()
        .expect("no panic")
        .iter()
        .filter(|asked| asked.call() != "/" && asked.call() != "info-canned-policy")
        .map(|asked| (asked.call() == "list-users", asked.is_v4()))
        .collect();
    let usage = (false, false);
    assert_eq!(versions, [(true, false), (true, true), usage, (true, true), usage]);
}

#[tokio::test]
async fn a_broken_account_and_impossible_names_spoil_nobody() {
    let long = "x".repeat(300);
    let users = sealed(&format!(
        r#"{{"7-41":{{"policyName":["odd"],"status":"enabled"}},"7-42":{{"status":"enabled"}},"{long}":{{}}}}"#
    ))
    .await;
    let (backend, _) = serve("traffic = 'off'", move |asked| answer(asked, &users)).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(level(&harvest, "7-42"), Some(512));
    let broken = &harvest.accounts()["7-41"];
    assert!(broken.readings.is_empty());
    assert_eq!((broken.unread[0].meter, broken.unread[0].reason), (None, Reason::Unexpected));
    assert_eq!(harvest.accounts().len(), 2);
    assert!(harvest.warnings().iter().any(|warning| warning.contains("longer than 255")), "{harvest:?}");
}

#[tokio::test]
async fn each_way_to_fail_says_what_to_do() {
    let table: [(u16, &str, Reason, &str); 8] = [
        (200, "<!DOCTYPE html><title>Console", Reason::Unexpected, "not a MinIO API"),
        (
            200,
            "garbage that was never sealed, but long enough to look so",
            Reason::Unexpected,
            "wrong secret key?",
        ),
        (403, r#"{"Code":"AccessDenied"}"#, Reason::Refused, "admin:ListUsers"),
        (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", Reason::Refused, "clocks"),
        (501, "<Error><Code>NotImplemented</Code></Error>", Reason::NotOffered, "list-users"),
        (503, r#"{"Code":"XMinioServerNotInitialized"}"#, Reason::Busy, "XMinioServerNotInitialized"),
        (502, "<html>Bad Gateway", Reason::Unreachable, "502"),
        (302, "", Reason::Unexpected, "302"),
    ];
    for (status, body, reason, text) in table {
        let (backend, _) = serve("", move |_| error(status, body)).await;
        let error = poll(backend.as_ref()).await.expect_err("failed");
        assert_eq!(error.reason(), reason, "{status} {body}: {error}");
        assert!(error.to_string().contains(text), "{status} {body}: {error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn usage_that_is_cut_off_or_another_shape_fails_the_poll() {
    for body in [r#"{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":{"a":{"si"#, "<html>", "", "{}"] {
        let users = sealed(include_str!("testdata/users.json")).await;
        let (backend, _) = serve("", move |asked| match asked.call() {
            "datausageinfo" => body.into_response(),
            _ => answer(asked, &users),
        })
        .await;
        let error = poll(backend.as_ref()).await.expect_err("no usage");
        assert!(matches!(&error, BackendError::Unexpected { at, .. } if at == "datausageinfo"), "{error}");
    }
}

#[tokio::test]
async fn no_metrics_leave_storage_alone() {
    for (status, body, reason) in [
        (401, "Authentication failed, check your access credentials", Reason::Refused),
        (403, r#"{"Code":"AccessDenied"}"#, Reason::Refused),
        (403, "<Error><Code>AccessDenied</Code></Error>", Reason::NotOffered),
        (200, "<html>maintenance", Reason::Unexpected),
        (200, "", Reason::Unexpected),
    ] {
        let users = sealed(include_str!("testdata/users.json")).await;
        let (backend, _) = serve("", move |asked| match asked.path.contains("metrics") {
            true => error(status, body),
            false => answer(asked, &users),
        })
        .await;
        let harvest = poll(backend.as_ref()).await.expect("polled");
        assert_eq!(level(&harvest, "7-41"), Some(100_000));
        let unread = &harvest.accounts()["7-41"].unread;
        let found: Vec<_> = unread.iter().map(|unread| (unread.meter, unread.reason)).collect();
        assert_eq!(
            found,
            [(Some(Meter::TrafficIn), reason), (Some(Meter::TrafficOut), reason)],
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn a_server_with_more_buckets_than_it_tells_of_tells_nothing() {
    let users = sealed(include_str!("testdata/users.json")).await;
    let (backend, _) = serve("", move |asked| {
        let names = (0..150).map(|n| format!("7-41-{n:03}"));
        match asked.call() {
            "/" => {
                let list: String =
                    names.map(|name| format!("<Bucket><Name>{name}</Name></Bucket>")).collect();
                format!("<ListAllMyBucketsResult><Buckets>{list}</Buckets></ListAllMyBucketsResult>")
                    .into_response()
            }
            "/minio/v2/metrics/bucket" => names
                .take(100)
                .map(|name| format!("minio_bucket_traffic_sent_bytes{{bucket=\"{name}\",server=\"n\"}} 5\n"))
                .collect::<String>()
                .into_response(),
            _ => answer(asked, &users),
        }
    })
    .await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    let unread = &harvest.accounts()["7-41"].unread;
    let cut = unread.iter().find(|unread| unread.meter == Some(Meter::TrafficOut)).expect("reported");
    assert!(
        cut.reason == Reason::NotOffered
            && cut.detail.contains("only 100 buckets")
            && cut.detail.contains("has 150"),
        "{cut:?}"
    );
}

/// Buckets no name explains, on a server whose policies say whose they are.
#[tokio::test]
async fn policies_tell_what_names_do_not_also_while_limited() {
    let documents = r#"{
        "gold":{"Version":"1","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-41-d*"]}]},
        "8-77-limited":{"Version":"1","Statement":[
            {"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::8-77*"]},
            {"Sid":"WhmeterBuckets","Effect":"Allow","Action":["s3:GetBucketLocation"],"Resource":["arn:aws:s3:::7-42-data"]}]}}"#;
    let users = sealed(r#"{"anna":{"policyName":"gold"},"8-77":{"policyName":"8-77-limited"}}"#).await;
    let script = move |refuse: bool| {
        let users = users.clone();
        move |asked: &RecordedRequest| match asked.call() {
            "list-canned-policies" if refuse => error(403, r#"{"Code":"AccessDenied"}"#),
            "list-canned-policies" => json(documents),
            _ => answer(asked, &users),
        }
    };
    let (backend, _) = serve("traffic = 'off'", script(false)).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(["anna", "8-77"].map(|account| level(&harvest, account)), [Some(100_000), Some(512)]);
    assert!(harvest.unclaimed_usage().is_empty());
    // Without the documents the sums would be too small, so there are none.
    let (backend, _) = serve("traffic = 'off'", script(true)).await;
    let refused = poll(backend.as_ref()).await.expect_err("no documents");
    assert!(refused.to_string().contains("bucket_policies"), "{refused}");
    let (backend, _) = serve("traffic = 'off'\nbucket_policies = false", script(true)).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(harvest.unclaimed_usage().len(), 2);
}

/// His policy is detached: that nothing shows what he owns is no proof that he holds nothing.
#[tokio::test]
async fn what_somebody_without_a_policy_owns_is_not_known() {
    let documents = r#"{"gold":{"Version":"1","Statement":[
        {"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-41-d*"]}]}}"#;
    for (people, unknown) in [
        (r#"{"anna":{"policyName":"gold"}}"#, false),
        (r#"{"anna":{"status":"enabled"}}"#, true),
        (r#"{"anna":{"memberOf":["staff"]}}"#, false),
    ] {
        let users = sealed(people).await;
        let (backend, _) = serve("traffic = 'off'", move |asked| match asked.call() {
            "list-canned-policies" => json(documents),
            _ => answer(asked, &users),
        })
        .await;
        let harvest = poll(backend.as_ref()).await.expect("polled");
        assert_eq!(harvest.accounts()["anna"].owns_unknown, unknown, "{people}");
    }
}

#[tokio::test]
async fn a_group_is_metered_without_its_neighbours() {
    let (backend, log) = serve("traffic = 'off'\ngroup = 'hosting'", |asked| match asked.call() {
        "group" => {
            json(r#"{"name":"hosting","status":"enabled","members":["7-4","gone","7-41"],"policy":""}"#)
        }
        "user-info" if asked.query == "accessKey=gone" => error(404, r#"{"Code":"XMinioAdminNoSuchUser"}"#),
        "user-info" => json(r#"{"status":"enabled","policyName":"x"}"#),
        // 7-42 is no member, but has a policy called like him: the bucket is his, not 7-4's.
        "list-canned-policies" => json(r#"{"7-42-limited":{"Version":"1","Statement":[]}}"#),
        _ => answer(asked, b""),
    })
    .await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    let accounts: Vec<_> = harvest.accounts().keys().map(AccountName::as_str).collect();
    assert_eq!(accounts, ["7-4", "7-41"]);
    assert_eq!(["7-4", "7-41"].map(|account| level(&harvest, account)), [Some(0), Some(100_000)]);
    assert_eq!(harvest.unclaimed_usage()[0].what, "7-42-data");
    assert!(log.lock().expect("no panic").iter().all(|asked| asked.call() != "list-users"));
}
