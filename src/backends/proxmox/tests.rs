//! The backend against servers made up here: what no cluster at hand would answer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes as RequestBody;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper::ext::ReasonPhrase;

use super::*;
use crate::backends::kit::testing::limiter;
use crate::clock::Clock;
use crate::domain::{BillingZone, Bytes, Epoch, Reading, Seconds};
use crate::http::HttpSettings;
use crate::metering::{Book, Bounds, SettleRules, settle};

const SECRET: &str = "6f1c-secret%;x";

/// What the server is asked: method, path below the API, query, body, headers.
#[derive(Clone, Debug)]
struct RecordedRequest {
    method: Method,
    path: String,
    query: String,
    body: String,
    headers: HeaderMap,
}

type Log = Arc<Mutex<Vec<RecordedRequest>>>;

/// A server that answers by `script`, a moment after it is asked.
async fn serve(
    keys: &str,
    script: impl Fn(&RecordedRequest) -> Response + Clone + Send + Sync + 'static,
) -> (Box<dyn Backend>, Log) {
    let log = Log::default();
    let kept = log.clone();
    let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: RequestBody| {
        let path = uri.path().trim_start_matches("/api2/json/").to_string();
        let query = uri.query().unwrap_or_default().to_string();
        let body = String::from_utf8_lossy(&body).into_owned();
        let asked = RecordedRequest { method, path, query, body, headers };
        kept.lock().expect("no panic").push(asked.clone());
        let response = script(&asked);
        async move { response }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let text = format!(
        "url = 'http://127.0.0.1:{port}'\nuser = 'whmeter@pve!metrics'\nsecret = '{SECRET}'\nretries = \
         0\n{keys}"
    );
    let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
    let settings = section.take::<HttpSettings>().expect("settings");
    let http = Http::new(&settings, &section).expect("a client");
    (open(section, http).expect("opened"), log)
}

async fn poll(backend: &dyn Backend) -> Result<Harvest, BackendError> {
    poll_after(backend, Heard::default()).await
}

/// What is believed after one harvest, as the next poll is lent it.
fn heard(harvest: &Harvest) -> Heard {
    let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
    let rules = SettleRules { zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
    let mut book = Book::default();
    book.apply(&settle(&book, harvest, Clock::System.now(), &rules));
    Heard::new(Arc::new(book), Default::default())
}

async fn poll_after(backend: &dyn Backend, heard: Heard) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    let ask = PollRequest { heard, ..PollRequest::at(Clock::System.now()) };
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

fn json(text: impl Into<String>) -> Response {
    ([("content-type", "application/json;charset=UTF-8")], text.into()).into_response()
}

/// A status line with a text of its own.
fn refusal(status: u16, reason: &str, body: &str) -> Response {
    let mut response = (StatusCode::from_u16(status).expect("a status"), body.to_string()).into_response();
    let reason = ReasonPhrase::try_from(reason.as_bytes().to_vec()).expect("a phrase");
    response.extensions_mut().insert(reason);
    response
}

/// The counter of a direction: how long it has run, and its count.
fn counter(harvest: &Harvest, account: &str, meter: Meter) -> Option<(u64, Bytes)> {
    let readings = &harvest.accounts().get(account)?.readings;
    readings.iter().find_map(|(of, reading)| match reading {
        Reading::Counter { epoch: Epoch::Running(uptime), count, .. } if *of == meter => {
            Some((uptime.get(), *count))
        }
        _ => None,
    })
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

#[tokio::test]
async fn a_poll_tells_the_whole_story_in_one_call() {
    let (backend, log) = serve("", |_| json(include_str!("testdata/resources.9.json"))).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(counter(&harvest, "104", Meter::TrafficOut), Some((864_213, bytes(91_827_364_509))));
    assert_eq!(counter(&harvest, "104", Meter::TrafficIn), Some((864_213, bytes(734_003_212_345))));
    assert_eq!(harvest.accounts()["104"].facts.package.as_deref(), Some("cust-88"));
    assert_eq!(harvest.accounts()["104"].facts.domain.as_deref(), Some("web-104.example.net"));
    // Off: nothing passes, and nothing is said of what it stores.
    assert_eq!(counter(&harvest, "201", Meter::TrafficOut), Some((0, Bytes::ZERO)));
    assert!(harvest.accounts()["201"].unread.is_empty());
    let silent = &harvest.accounts()["300"];
    assert!(
        silent.readings.is_empty() && silent.unread.iter().all(|one| one.detail.contains("pve3")),
        "{silent:?}"
    );
    // The template is no account, and an offline node may have guests it does not report.
    assert_eq!(harvest.accounts().len(), 3);
    assert!(!harvest.is_complete());
    let asked = log.lock().expect("no panic");
    assert_eq!(asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), ["cluster/resources"]);
    let header = |name: &str| asked[0].headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("authorization"), Some("PVEAPIToken=whmeter@pve!metrics=6f1c-secret%25%3Bx"));
    assert_eq!((header("cookie"), header("csrfpreventiontoken")), (None, None));
}

#[tokio::test]
async fn an_old_release_writes_numbers_as_texts() {
    let (backend, _) = serve("", |_| json(include_str!("testdata/resources.7.json"))).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(counter(&harvest, "201", Meter::TrafficIn), Some((99_120, bytes(5_120_442))));
    let stored = harvest.accounts()["201"].readings.iter().find(|(meter, _)| *meter == Meter::StorageUsed);
    assert!(matches!(stored, Some((_, Reading::Gauge { level, .. })) if *level == bytes(2_843_205_632)));
    let made_of = harvest.accounts()["201"].made_of.as_ref().expect("its guests are named");
    let guests: Vec<_> = made_of.parts.iter().map(|part| (part.name.as_str(), part.bytes)).collect();
    assert_eq!(guests, [("lxc/201 ct201", bytes(2_843_205_632))]);
    assert!(harvest.is_complete());
}

/// Rows lose their pools with the right to see them: that is no proof that nobody has any guest.
#[tokio::test]
async fn rows_without_pools_are_asked_why() {
    let rows = r#"{"type":"node","node":"a","status":"online"},
        {"type":"qemu","id":"qemu/104","vmid":104,"node":"a","status":"running","uptime":9,"netin":1,"netout":2}"#;
    for (rights, refused) in
        [(r#"{"/":{"VM.Audit":1}}"#, true), (r#"{"/":{"VM.Audit":1,"Pool.Audit":1}}"#, false)]
    {
        let (backend, _) = serve("account = 'pool'", move |asked| match asked.path.as_str() {
            "cluster/resources" => json(format!(r#"{{"data":[{rows}]}}"#)),
            _ => json(format!(r#"{{"data":{rights}}}"#)),
        })
        .await;
        let polled = poll(backend.as_ref()).await;
        let named = polled.as_ref().is_err_and(|error| {
            error.reason() == Reason::Refused && error.to_string().contains("Pool.Audit")
        });
        assert_eq!((named, polled.is_ok()), (refused, !refused), "{rights}: {polled:?}");
    }
}

#[tokio::test]
async fn a_list_without_guests_is_asked_why() {
    let node = r#"{"type":"node","node":"a","status":"online"}"#;
    for (rows, rights, wanted) in [
        (node, r#"{"/":{"VM.Audit":1}}"#, None),
        (node, r#"{"/vms/104":{"VM.PowerMgmt":1}}"#, Some((Reason::Refused, "VM.Audit"))),
        ("", "{}", Some((Reason::Refused, "VM.Audit"))),
        ("", r#"{"/":{"VM.Audit":1}}"#, Some((Reason::Unexpected, "node"))),
    ] {
        let (backend, _) = serve("", move |asked| match asked.path.as_str() {
            "cluster/resources" => json(format!(r#"{{"data":[{rows}]}}"#)),
            _ => json(format!(r#"{{"data":{rights}}}"#)),
        })
        .await;
        match (poll(backend.as_ref()).await, wanted) {
            (Ok(harvest), None) => assert!(harvest.is_complete() && harvest.accounts().is_empty()),
            (Err(error), Some((reason, text))) => {
                assert!(error.reason() == reason && error.to_string().contains(text), "{error}");
            }
            other => panic!("{rows} {rights}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn each_way_to_fail_says_what_to_do() {
    let message = r#"{"data":null,"message":"Permission check failed (/, VM.Audit)\n"}"#;
    let table = [
        (401, "Authentication failed!", "", Reason::Refused, "Authentication failed!"),
        (401, "No ticket", "", Reason::Refused, "No ticket"),
        (403, "Permission check failed (/, VM.Audit)", message, Reason::Refused, "right VM.Audit"),
        (
            403,
            "URI 'x' not available with API token, need proper ticket.",
            "",
            Reason::Refused,
            "closed to API tokens",
        ),
        (595, "No route to host", "", Reason::Unreachable, "595 No route to host"),
        (596, "Connection timed out", "", Reason::Busy, "596"),
        (599, "Too many redirections", "", Reason::Busy, "599"),
        (500, "VM is locked (backup)", r#"{"data":null}"#, Reason::Busy, "locked"),
        (500, "got no worker upid", r#"{"data":null}"#, Reason::Unexpected, "got no worker upid"),
        (501, "Method 'GET /x' not implemented", r#"{"data":null}"#, Reason::NotOffered, "501"),
        (301, "Moved", "", Reason::Unexpected, "301"),
        (200, "OK", "<!DOCTYPE html><title>pve1 - Proxmox", Reason::Unexpected, "another port"),
        (200, "OK", "", Reason::Unexpected, "JSON"),
    ];
    for (status, phrase, body, reason, text) in table {
        let (backend, log) = serve("", move |_| refusal(status, phrase, body)).await;
        let error = poll(backend.as_ref()).await.expect_err("failed");
        assert_eq!(error.reason(), reason, "{status} {phrase}: {error}");
        assert!(error.to_string().contains(text), "{status} {phrase}: {error}");
        assert!(!error.to_string().contains("6f1c"), "{error}");
        assert_eq!(log.lock().expect("no panic").len(), 1, "{status}");
    }
}

#[tokio::test]
async fn never_more_than_two_calls_are_on_their_way() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let guests: String = (100..130)
        .map(|vmid| {
            format!(
                r#"{{"id":"lxc/{vmid}","type":"lxc","vmid":{vmid},"node":"a","status":"running","uptime":9,"netin":1,"netout":1}},"#
            )
        })
        .collect();
    let (count, peak) = (now.clone(), most.clone());
    let slow = move |asked: &RecordedRequest| {
        let body = match asked.path.as_str() {
            "cluster/resources" => {
                format!(r#"{{"data":[{guests}{{"type":"node","node":"a","status":"online"}}]}}"#)
            }
            _ => r#"{"data":{"rootfs":"x,size=8G","digest":"d"}}"#.to_string(),
        };
        let (count, peak) = (count.clone(), peak.clone());
        peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // The call counts as on its way until its body has been sent.
        let stream = futures_util::stream::once(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            count.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(RequestBody::from(body))
        });
        axum::body::Body::from_stream(stream).into_response()
    };
    let (backend, log) = serve("storage = 'provisioned'\nmax_in_flight = 16", slow).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert_eq!(log.lock().expect("no panic").len(), 31);
    assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (2, 0));
    let level = harvest.accounts()["111"].readings.iter().find(|(meter, _)| *meter == Meter::StorageUsed);
    assert!(matches!(level, Some((_, Reading::Gauge { level, .. })) if level.get() == 8 << 30), "{level:?}");
}

/// A running guest with a count of `netout`, and the configuration it has.
async fn falling(config: &'static str) -> (Box<dyn Backend>, Log, Arc<Mutex<(u64, u64)>>) {
    let answered = Arc::new(Mutex::new((1000_u64, 500_u64)));
    let now = answered.clone();
    let (backend, log) = serve("", move |asked| match asked.path.as_str() {
        "cluster/resources" => {
            let (uptime, count) = *now.lock().expect("no panic");
            json(format!(
                r#"{{"data":[{{"id":"qemu/104","type":"qemu","vmid":104,"node":"a","status":"running","uptime":{uptime},
                "netin":{count},"netout":{count}}},{{"type":"node","node":"a","status":"online"}}]}}"#
            ))
        }
        _ => json(config),
    })
    .await;
    (backend, log, answered)
}

fn epoch(harvest: &Harvest) -> Epoch {
    match harvest.accounts()["104"].readings.first() {
        Some((_, Reading::Counter { epoch, .. })) => *epoch,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_one_card_proves_that_a_count_began_anew() {
    let running = |uptime| Epoch::Running(Seconds::new(uptime));
    let single = r#"{"data":{"net0":"virtio=AA,bridge=vmbr0","digest":"d"}}"#;
    let double = r#"{"data":{"net0":"virtio=AA,bridge=vmbr0","net1":"virtio=BB","digest":"d"}}"#;
    for (config, then, asked, wanted) in [
        (single, (1060, 10), 1, Epoch::ResetWhileRunning(Seconds::new(1060))),
        (double, (1060, 10), 1, running(1060)),
        ("<html>", (1060, 10), 1, running(1060)),
        // A restart and an old answer need nobody's configuration.
        (single, (12, 10), 0, running(12)),
        (single, (1000, 10), 0, running(1000)),
        (single, (1060, 600), 0, running(1060)),
    ] {
        let (backend, log, answered) = falling(config).await;
        let first = poll(backend.as_ref()).await.expect("polled");
        *answered.lock().expect("no panic") = then;
        let harvest = poll_after(backend.as_ref(), heard(&first)).await.expect("polled");
        assert_eq!(epoch(&harvest), wanted, "{config} {then:?}");
        assert_eq!(log.lock().expect("no panic").len(), 2 + asked, "{config} {then:?}");
    }
}

#[tokio::test]
async fn a_card_that_is_accepted_and_not_written_is_no_success() {
    let (backend, log) = serve("", |asked| match (&asked.method, asked.path.as_str()) {
        (_, "cluster/resources") => json(include_str!("testdata/resources.9.json")),
        (&Method::PUT, _) => json(r#"{"data":null}"#),
        (_, "nodes/pve2/qemu/104/pending") => {
            json(r#"{"data":[{"key":"net0","value":"x"},{"key":"cores","pending":4}]}"#)
        }
        _ => json(
            r#"{"data":{"net0":"virtio=BC:24:11:0A:1B:2C,bridge=vmbr0,rate=100","digest":"5b0c","cores":2}}"#,
        ),
    })
    .await;
    let account = AccountName::new("104").expect("a name");
    let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
    let error = limiter(&*backend)
        .apply(&Target::named(&account), Policy::Limited, &memory)
        .await
        .expect_err("did not take");
    assert!(error.to_string().contains("net0 was accepted, but read back"), "{error}");
    let asked = log.lock().expect("no panic").clone();
    let put = asked.iter().find(|asked| asked.method == Method::PUT).expect("a write");
    assert_eq!(
        put.body,
        "net0=virtio%3DBC%3A24%3A11%3A0A%3A1B%3A2C%2Cbridge%3Dvmbr0%2Crate%3D0.11921&digest=5b0c"
    );
    assert!(put.query.is_empty() && put.headers.contains_key("content-length"));
    // Somebody must have remembered before: what was there cannot be guessed later.
    let error = limiter(&*backend)
        .apply(&Target::named(&account), Policy::Limited, &Memory(String::new()))
        .await
        .expect_err("no memory");
    assert!(matches!(&error, BackendError::Unexpected { at, .. } if at == "memory"), "{error:?}");
}
