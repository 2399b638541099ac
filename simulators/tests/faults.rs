//! Every fault, as a client on the other end of the socket meets it.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{ADMIN, Caller};
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::minio::{Options, Panel};
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::xml::Damage;

async fn start() -> Panel {
    let common = panel::Options { accounts: 5, ..panel::Options::default() };
    Panel::start(Options { common, ..Options::default() }).await.unwrap()
}

fn usage() -> String {
    format!("{ADMIN}datausageinfo")
}

async fn with(panel: &Panel, kind: FaultKind) -> Caller<'_> {
    panel.knobs().faults.clear();
    panel.knobs().faults.add(Fault::new(kind).on("datausageinfo"));
    Caller::root(panel)
}

/// All bytes of an answer as they come, and the error that ended them.
fn raw(panel: &Panel, limit: usize) -> (Vec<u8>, Option<ErrorKind>) {
    let root = Caller::root(panel);
    let request = root.request("GET", &usage(), b"").build().unwrap();
    let address = panel.url().replace("http://", "");
    let mut socket = TcpStream::connect(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut text = format!("GET {} HTTP/1.1\r\nhost: {address}\r\n", usage());
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    socket.write_all(format!("{text}connection: close\r\n\r\n").as_bytes()).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 65_536]);
    while answer.len() < limit {
        match socket.read(&mut piece) {
            Ok(0) => return (answer, None),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) => return (answer, Some(error.kind())),
        }
    }
    (answer, None)
}

fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &answer[end + 4..]
}

async fn raw_with(panel: &Panel, kind: FaultKind, limit: usize) -> (Vec<u8>, Option<ErrorKind>) {
    with(panel, kind).await;
    tokio::task::block_in_place(|| raw(panel, limit))
}

#[tokio::test]
async fn refusals_come_in_the_panels_words() {
    let panel = start().await;
    let root = with(&panel, FaultKind::CredentialsRefused { status: None }).await;
    assert_eq!(root.refusal("GET", &usage(), b"").await, (403, "SignatureDoesNotMatch".into()));
    let root = with(&panel, FaultKind::CredentialsRefused { status: Some(401) }).await;
    assert_eq!(root.status("GET", &usage(), b"").await, 401);
    assert_eq!(root.status("GET", &format!("{ADMIN}groups"), b"").await, 200);
    let root = with(&panel, FaultKind::RightMissing).await;
    assert_eq!(root.refusal("GET", &usage(), b"").await, (403, "AccessDenied".into()));
    let root = with(&panel, FaultKind::TooManyRequests { retry_after_seconds: Some(7) }).await;
    let busy = root.send("GET", &usage(), b"").await;
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    let root = with(&panel, FaultKind::Failed { status: 503 }).await;
    assert_eq!(root.refusal("GET", &usage(), b"").await, (503, "SlowDownRead".into()));
    let root = with(&panel, FaultKind::HtmlPage { status: 200 }).await;
    let page = root.send("GET", &usage(), b"").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    let root = with(&panel, FaultKind::HtmlPage { status: 502 }).await;
    assert_eq!(root.status("GET", &usage(), b"").await, 502);
}

#[tokio::test]
async fn a_counted_fault_ends_by_itself() {
    let panel = start().await;
    let root = Caller::root(&panel);
    panel.knobs().faults.add(Fault::new(FaultKind::Failed { status: 500 }).times(2));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(root.status("GET", &usage(), b"").await.as_u16());
    }
    assert_eq!(seen, [500, 500, 200, 200]);
    assert_eq!(panel.knobs().requests.count("datausageinfo"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_honestly_or_not() {
    let panel = start().await;
    let cut = |honest_length| FaultKind::Truncated { bytes: 100, honest_length };
    let (answer, error) = raw_with(&panel, cut(true), usize::MAX).await;
    assert_eq!((body(&answer).len(), error), (100, None));
    assert!(String::from_utf8_lossy(&answer).contains("content-length: 100\r\n"));
    let (answer, _) = raw_with(&panel, cut(false), usize::MAX).await;
    assert_eq!(body(&answer).len(), 100);
    assert!(!String::from_utf8_lossy(&answer).contains("content-length: 100\r\n"));
    let root = with(&panel, cut(false)).await;
    assert!(root.send("GET", &usage(), b"").await.bytes().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_a_reset() {
    let panel = start().await;
    let (answer, error) = raw_with(&panel, FaultKind::Reset { after_bytes: 50 }, usize::MAX).await;
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert!(String::from_utf8_lossy(&answer).contains("lastUpdate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_does_not_end() {
    let panel = start().await;
    let (answer, error) = raw_with(&panel, FaultKind::Endless, 20_000_000).await;
    assert_eq!((answer.len() >= 20_000_000, error), (true, None));
}

#[tokio::test]
async fn garbage_and_broken_gzip_decode_to_nothing() {
    let panel = start().await;
    let root = with(&panel, FaultKind::Garbage).await;
    let bytes = root.send("GET", &usage(), b"").await.bytes().await.unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_err());
    let mut root = with(&panel, FaultKind::BrokenGzip).await;
    root.client = reqwest::Client::new();
    assert!(root.send("GET", &usage(), b"").await.bytes().await.is_err());
}

#[tokio::test]
async fn slowness_has_two_kinds() {
    let panel = start().await;
    let root = with(&panel, FaultKind::Delay { milliseconds: 300 }).await;
    let begin = Instant::now();
    let mut answer = root.send("GET", &usage(), b"").await;
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert!(answer.chunk().await.unwrap().is_some());
    let root = with(&panel, FaultKind::Drip { bytes_per_tick: 2_000 }).await;
    let begin = Instant::now();
    let answer = root.send("GET", &usage(), b"").await;
    assert!(begin.elapsed() < Duration::from_millis(200), "headers come at once");
    let length = answer.bytes().await.unwrap().len();
    let ticks = u32::try_from(length.div_ceil(2_000)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(100) * ticks);
}

#[tokio::test]
async fn a_changed_field_is_changed_before_the_body_is_sealed() {
    let panel = start().await;
    let change = |field: &str, becomes| FaultKind::ChangedField { field: field.into(), becomes };
    let raw = |text: &str| Change::RawText(text.into());
    let root = with(&panel, change("size", raw("99999999999999999999"))).await;
    let text = root.send("GET", &usage(), b"").await.text().await.unwrap();
    assert!(text.contains(r#""size":99999999999999999999"#));
    let root = with(&panel, change("/bucketsUsageInfo/7-41-data/size", Change::Quoted)).await;
    let told = root.json("datausageinfo").await;
    assert!(told["bucketsUsageInfo"]["7-41-data"]["size"].is_string());
    assert!(told["bucketsUsageInfo"]["7-411-data"]["size"].is_u64());
    let renamed = change("policyName", Change::RenamedTo("policies".into()));
    panel.knobs().faults.add(Fault::new(renamed).on("list-users"));
    let users = root.unsealed("list-users").await;
    assert_eq!(users["7-41"]["policies"], "7-41");
    assert!(users["7-41"].get("policyName").is_none());
}

#[tokio::test]
async fn answers_in_xml_are_damaged_and_others_stay_as_they_are() {
    let panel = start().await;
    let root = Caller::root(&panel);
    panel.knobs().faults.add(Fault::new(FaultKind::BadXml { how: Damage::EntityBomb }));
    let list = root.send("GET", "/", b"").await.text().await.unwrap();
    assert!(list.contains("<!DOCTYPE ListAllMyBucketsResult [<!ENTITY e0 "), "{list}");
    assert!(list.contains("<Name>&e9;7-41-data</Name>"), "{list}");
    assert!(root.json("datausageinfo").await["bucketsUsageInfo"].is_object());
    panel.knobs().faults.clear();
    let renamed = FaultKind::ChangedField { field: "Name".into(), becomes: Change::RenamedTo("Nom".into()) };
    panel.knobs().faults.add(Fault::new(renamed));
    let list = root.send("GET", "/", b"").await.text().await.unwrap();
    assert!(list.contains("<Nom>7-41-data</Nom>") && !list.contains("<Name>"), "{list}");
}
