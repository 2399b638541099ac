//! The backend against panels made up here: what no real one at hand would answer.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method as Verb, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::backends::kit::testing::limiter;
use crate::domain::{AccountName, Reading, Reason};
use crate::http::HttpSettings;

const TOKEN: &str = "hunter2hunter2hunter2hunter2";

/// What the panel is asked: method and path below `/api/v1/`, and the body.
#[derive(Clone, Debug, PartialEq)]
struct RecordedRequest(String, String);

type Log = Arc<Mutex<Vec<RecordedRequest>>>;

/// A panel that answers by `script`, spoken to with a token of 2.x.
async fn serve(
    keys: &str,
    script: impl Fn(&str) -> Response + Clone + Send + Sync + 'static,
) -> (Box<dyn Backend>, Log) {
    let log = Log::default();
    let kept = log.clone();
    let answer = move |verb: Verb, uri: Uri, headers: HeaderMap, body: Bytes| {
        let call = format!("{verb} {}", uri.path().strip_prefix("/vpn/api/v1/").unwrap_or(uri.path()));
        assert!(headers.contains_key("authorization") || call.ends_with("openapi.json"), "{call}");
        let body = String::from_utf8_lossy(&body).into_owned();
        kept.lock().expect("no panic").push(RecordedRequest(call.clone(), body));
        let response = script(&call);
        async move { response }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let text = format!("url = 'http://127.0.0.1:{port}/vpn/'\ntoken = '{TOKEN}'\nretries = 0\n{keys}");
    let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
    let settings = section.take::<HttpSettings>().expect("settings");
    let http = Http::new(&settings, &section).expect("a client");
    (open(section, http).expect("opened"), log)
}

/// A whole small panel of 2.x, in April 2026.
fn answer(call: &str) -> Response {
    match call {
        "GET openapi.json" => json(include_str!("testdata/openapi.v2.json")),
        "GET system/status" => json(&include_str!("testdata/status.v2.json").replace("640", "2")),
        "GET system/info" => json(r#"{"result":"OK","data":{"timezone":"Europe/Warsaw"}}"#),
        "GET system/config" => json(r#"{"result":"OK","data":{"traffic_statistics_history":2}}"#),
        "GET client" => json(include_str!("testdata/client.v2.json")),
        call if call.ends_with("/traffic/2026/04") => json(include_str!("testdata/traffic.v2.json")),
        _ => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    }
}

fn json(text: &str) -> Response {
    ([("content-type", "application/json")], text.to_string()).into_response()
}

/// Noon on 2026-04-16 in Warsaw.
fn noon() -> Timestamp {
    Timestamp::new(1_776_333_600).expect("in range")
}

async fn poll(backend: &dyn Backend) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    let ask = PollRequest { since: Some(noon()), ..PollRequest::at(noon()) };
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

#[tokio::test]
async fn a_poll_tells_the_whole_story() {
    let (backend, log) = serve("", answer).await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert!(harvest.is_complete() && harvest.warnings().is_empty(), "{:?}", harvest.warnings());
    assert_eq!(harvest.seats(), Seats { used: Some(2), licensed: Some(1000) });
    let one = &harvest.accounts()["vpn-17-4101-abcd"];
    assert_eq!((one.facts.suspended, one.facts.package.as_deref()), (Some(false), Some("office")));
    let out = one.readings.iter().filter(|(meter, _)| *meter == Meter::TrafficOut);
    let out: Vec<String> = out
        .map(|(_, reading)| match reading {
            Reading::PeriodTotal { at, span, total, .. } => {
                format!("{} {} {total} {at}", span.start(), span.end())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        out,
        [
            "2026-04-14T22:00:00Z 2026-04-15T22:00:00Z 314572800 2026-04-16T10:00:00Z",
            "2026-04-15T22:00:00Z 2026-04-16T22:00:00Z 524288000 2026-04-16T10:00:00Z",
        ]
    );
    assert_eq!(harvest.accounts()["vpn-18-4102-bcde"].facts.suspended, Some(true));
    let asked = log.lock().expect("no panic").len();
    assert_eq!(asked, 5 + 2, "five calls, and one for each client");
}

#[tokio::test]
async fn a_panel_that_tells_fewer_clients_than_it_counts_loses_nobody() {
    let (backend, _) = serve("", |call| match call {
        "GET system/status" => json(include_str!("testdata/status.v2.json")),
        call => answer(call),
    })
    .await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert!(!harvest.is_complete());
    assert!(harvest.warnings()[0].contains("2 of 640"), "{:?}", harvest.warnings());
    // Without a count, a row that cannot be read may be anybody.
    let list = r#"{"result":"OK","data":[{"name":"c","status":"enable"},{"id":7,"status":"enable"}]}"#;
    let (backend, _) = serve("", move |call| match call {
        "GET system/status" => json(r#"{"result":"OK","data":{"status":"OK"}}"#),
        "GET client" => json(list),
        call => answer(call),
    })
    .await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert!(!harvest.is_complete() && harvest.accounts().len() == 1);
    assert_eq!(harvest.seats(), Seats::default(), "what it does not report is unknown, and not nothing");
    assert!(harvest.warnings()[0].contains("[id, status]"), "{:?}", harvest.warnings());
}

#[tokio::test]
async fn a_name_leads_nowhere_else_and_a_month_is_tried_both_ways_once() {
    let list =
        r#"{"result":"OK","data":[{"name":"a/../b","status":"enable"},{"name":"c","status":"enable"}]}"#;
    let (backend, log) = serve("", move |call| match call {
        "GET client" => json(list),
        call if call.ends_with("/traffic/2026/4") => json(include_str!("testdata/traffic.v2.json")),
        call if call.contains("/traffic/") => json(r#"{"result":"ERROR","message":"Wrong month setting"}"#),
        call => answer(call),
    })
    .await;
    let harvest = poll(backend.as_ref()).await.expect("polled");
    assert!(harvest.accounts().values().all(|harvested| harvested.unread.is_empty()), "{harvest:?}");
    poll(backend.as_ref()).await.expect("polled");
    let asked = log.lock().expect("no panic").clone();
    assert!(asked.iter().any(|asked| asked.0 == "GET client/a%2F..%2Fb/traffic/2026/4"), "{asked:?}");
    let padded = asked.iter().filter(|asked| asked.0.ends_with("/04")).count();
    assert!(padded <= 2, "remembered after the first poll: {asked:?}");
}

#[tokio::test]
async fn refusals_say_the_right_and_never_the_token() {
    let echo = format!(r#"{{"result":"ERROR","message":"token {TOKEN} may not do this"}}"#);
    let (backend, log) = serve("", move |call| match call {
        "GET client" => (StatusCode::FORBIDDEN, echo.clone()).into_response(),
        call => answer(call),
    })
    .await;
    let error = poll(backend.as_ref()).await.expect_err("refused");
    assert_eq!(error.reason(), Reason::Refused);
    let text = format!("{error} {error:?}");
    assert!(text.contains("client:read") && !text.contains("hunter2"), "{text}");
    assert_eq!(log.lock().expect("no panic").iter().filter(|asked| asked.0 == "GET client").count(), 1);
}

#[tokio::test]
async fn what_is_written_is_the_documented_body_and_nothing_more() {
    let caps = Arc::new(Mutex::new((25, 10)));
    let (now, then) = (caps.clone(), caps.clone());
    let (backend, log) = serve("", move |call| match call {
        "GET client/vpn-1" => {
            let (down, up) = *now.lock().expect("no panic");
            json(&format!(r#"{{"result":"OK","data":{{"name":"vpn-1","status":"enable","b_download":{down},"b_upload":{up}}}}}"#))
        }
        "PUT client/vpn-1" => {
            *then.lock().expect("no panic") = (1, 1);
            StatusCode::NO_CONTENT.into_response()
        }
        call => answer(call),
    })
    .await;
    let account = AccountName::new("vpn-1").expect("a name");
    let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
    let applied =
        limiter(&*backend).apply(&Target::named(&account), Policy::Limited, &memory).await.expect("applied");
    assert_eq!(applied, Applied::Done);
    let asked = log.lock().expect("no panic").clone();
    let writes: Vec<_> = asked.iter().filter(|asked| asked.0.starts_with("PUT")).collect();
    assert_eq!(
        writes,
        [&RecordedRequest("PUT client/vpn-1".into(), r#"{"b_download":1,"b_upload":1}"#.into())]
    );
    // Somebody sells another plan meanwhile.
    *caps.lock().expect("no panic") = (100, 50);
    let applied =
        limiter(&*backend).apply(&Target::named(&account), Policy::Standard, &memory).await.expect("looked");
    assert_eq!(applied, Applied::LeftAlone { found: "b_download 100, b_upload 50".into(), limited: false });
}
