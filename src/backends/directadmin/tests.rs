//! What the simulated DirectAdmin does not do: shapes of a no, nonsense, another's configuration.

use super::*;
use crate::backends::Heard;
use crate::backends::kit::testing::{RecordedRequest, Scripted};
use crate::domain::Bytes;
use std::path::Path;

/// 2026-11-21T02:00:00Z.
const NOW: i64 = 1_795_226_400;

fn instant(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).expect("in range")
}

/// A whole small server.
fn answer(request: &RecordedRequest) -> (u16, String) {
    let body = match request.path.as_str() {
        "/api/session" => include_str!("testdata/session.json"),
        "/CMD_API_LOGIN_TEST" => r#"{"success":"Login OK"}"#,
        "/CMD_API_ADMIN_STATS" => include_str!("testdata/stats.json"),
        "/CMD_API_SHOW_ALL_USERS" => r#"["harborla","pinecone"]"#,
        "/CMD_API_SHOW_RESELLERS" => r#"["resel01"]"#,
        "/CMD_API_SHOW_ADMINS" => r#"["admin"]"#,
        "/CMD_ALL_USER_SHOW" => include_str!("testdata/table.json"),
        "/CMD_API_ALL_USER_USAGE" => include_str!("testdata/lines.txt"),
        "/CMD_API_SHOW_USER_CONFIG" => include_str!("testdata/config.txt"),
        _ => return (404, String::new()),
    };
    (200, body.to_string())
}

async fn server(
    keys: &str,
    script: impl Fn(&RecordedRequest) -> Option<(u16, String)> + Send + Sync + 'static,
) -> (DirectAdmin, Scripted) {
    let server = Scripted::serve(move |request| script(request).unwrap_or_else(|| answer(request))).await;
    let text = format!(
        "url = '{}'\nusername = 'admin'\npassword = 'hunter2hunter2'\ntimezone = 'Europe/Warsaw'\n{keys}",
        server.url
    );
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let config = ServerConfig::read(section).unwrap_or_else(|error| panic!("{error}"));
    (DirectAdmin { panel: Panel::new(Scripted::http(), &config), config }, server)
}

async fn poll(backend: &DirectAdmin) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    backend.poll(&PollRequest::at(instant(NOW)), &mut harvest).await.map(|()| harvest)
}

fn total(harvest: &Harvest, name: &str) -> Option<(i64, i64, i64, u64)> {
    harvest.accounts()[name].readings.iter().find_map(|(_, reading)| match reading {
        Reading::PeriodTotal { at, span, total, .. } => {
            Some((span.start().get(), span.end().get(), at.get(), total.get()))
        }
        _ => None,
    })
}

#[tokio::test]
async fn a_poll_tells_the_whole_story() {
    let (backend, server) = server("", |_| None).await;
    let harvest = poll(&backend).await.expect("polled");
    // The table has no row of the administrator.
    assert!(!harvest.is_complete() && harvest.accounts()["admin"].unread.len() == 1);
    let one = &harvest.accounts()["harborla"];
    // November of Warsaw, as the last tally saw it.
    assert_eq!(total(&harvest, "harborla"), Some((1_793_487_600, 1_796_079_600, 1_795_213_800, 735_051_776)));
    let level = Reading::Gauge { at: instant(NOW), level: Bytes::new(766_554_931).expect("fits") };
    assert!(one.readings.contains(&(Meter::StorageUsed, level)));
    assert_eq!((one.facts.policy, one.facts.created), (Some(Policy::Standard), Some(instant(1_675_759_260))));
    assert_eq!(one.facts.identity.to_string(), "created_unix=1675759260");
    let facts = &harvest.accounts()["pinecone"].facts;
    assert_eq!(
        (facts.suspended, facts.suspended_for.as_deref(), facts.policy),
        (Some(true), Some("billing"), None)
    );
    assert_eq!(harvest.accounts()["resel01"].facts.reseller.as_deref(), Some(""));
    let asked = server.asked();
    assert_eq!(asked.len(), 6, "{asked:?}");
    assert!(asked.iter().all(|request| request.header("authorization").starts_with("Basic ")));
}

#[tokio::test]
async fn lines_take_identities_from_configurations_and_the_tally_dates_storage_where_it_is_counted_then() {
    let (backend, server) = server("figures = 'lines'\nrealtime_quota = false\n", |_| None).await;
    let harvest = poll(&backend).await.expect("polled");
    let one = &harvest.accounts()["harborla"];
    assert_eq!(one.facts.identity.to_string(), "created_text=Tue Feb 7 08:41:00 2023");
    assert_eq!(one.facts.reseller.as_deref(), Some("resel01"));
    assert!(one.readings.iter().all(|(_, reading)| reading.at() == instant(1_795_213_800)));
    // The script answers for one account alone: the others are not known by another's date, and have no total.
    let other = &harvest.accounts()["pinecone"];
    assert!(total(&harvest, "pinecone").is_none() && other.facts.identity.is_empty(), "{other:?}");
    assert!(other.unread[0].detail.contains("another account's"), "{:?}", other.unread);
    assert_eq!(server.asked().len(), 6 + 5, "a configuration each");
}

#[tokio::test]
async fn every_face_of_a_no_is_called_what_it_is_and_asked_once() {
    let login = "<!DOCTYPE html>\n<html><title>DirectAdmin Login</title></html>";
    let cases: [(u16, &str, Reason, &str); 12] = [
        (200, login, Reason::Refused, "not logged in"),
        (200, "<form action=/CMD_LOGIN><input type=\"password\"></form>", Reason::Refused, "not logged in"),
        (200, "<html>Your IP is blacklisted</html>", Reason::Refused, "black list"),
        (401, r#"{"type":"UNAUTHORIZED"}"#, Reason::Refused, "not logged in"),
        (200, r#"{"error":"Not logged in","success":"no"}"#, Reason::Refused, "not logged in"),
        (200, "The request does not exist in your authority level", Reason::Refused, "no right"),
        (200, "Access Denied", Reason::Refused, "no right"),
        (403, r#"{"type":"FORBIDDEN"}"#, Reason::Refused, "no right"),
        (402, r#"{"type":"LICENSE"}"#, Reason::NotOffered, "licence"),
        (200, "<html>Down for maintenance</html>", Reason::Unexpected, "html"),
        (200, "error=1&text=It%20broke&details=maplet&#39s%20disk", Reason::Unexpected, "maplet's disk"),
        (200, r#"{"error":"1","text":"It broke"}"#, Reason::Unexpected, "It broke"),
    ];
    for (status, body, reason, text) in cases {
        let (backend, server) = server("", move |request| {
            (request.path == "/CMD_API_SHOW_ALL_USERS").then(|| (status, body.to_string()))
        })
        .await;
        let error = poll(&backend).await.expect_err(body);
        assert_eq!(error.reason(), reason, "{body}: {error}");
        assert!(error.to_string().contains(text), "{body}: {error}");
        let asked = server.asked();
        let asked = asked.iter().filter(|request| request.path == "/CMD_API_SHOW_ALL_USERS").count();
        assert_eq!(asked, 1, "{body}");
    }
}

#[tokio::test]
async fn a_table_of_megabytes_is_never_read_as_bytes() {
    let small = r#"{"0":{"username":"harborla","bandwidth":{"usage":"701"},"quota":{"usage":"731"}},"info":{"rows":"1"}}"#;
    for (table, is_read) in [
        (small.to_string(), false),
        (small.replace("701", "701.5"), false),
        (small.replace("701", "0").replace("731", "0"), true),
    ] {
        let (backend, _) =
            server("", move |request| (request.path == "/CMD_ALL_USER_SHOW").then(|| (200, table.clone())))
                .await;
        match poll(&backend).await {
            Ok(harvest) => assert!(is_read && total(&harvest, "harborla").is_some_and(|total| total.3 == 0)),
            Err(error) => assert!(!is_read && error.to_string().contains("figures = \"lines\""), "{error}"),
        }
    }
}

#[tokio::test]
async fn who_has_lost_the_role_is_refused_and_a_server_that_tells_none_is_asked_on() {
    let (backend, asked) = server("", |request| {
        (request.path == "/api/session").then(|| (200, r#"{"effectiveRole":"reseller"}"#.into()))
    })
    .await;
    let error = poll(&backend).await.expect_err("a reseller");
    assert!(
        matches!(&error, BackendError::Refused(why) if why.contains("no right to see every account")),
        "{error}"
    );
    assert_eq!(asked.asked().len(), 1);
    let (backend, _) =
        server("", |request| (request.path == "/api/session").then(|| (404, String::new()))).await;
    assert!(poll(&backend).await.is_ok());
    // Nobody is an administrator: the answer was cut, or the right is gone.
    let (backend, _) =
        server("", |request| (request.path == "/CMD_API_SHOW_ADMINS").then(|| (200, "[]".into()))).await;
    assert!(
        poll(&backend).await.is_err_and(|error| error.to_string().contains("nobody is an administrator"))
    );
}

#[tokio::test]
async fn an_untold_tally_is_said_and_the_answer_dates_the_total() {
    let (backend, _) = server("", |request| {
        (request.path == "/CMD_API_ADMIN_STATS").then(|| (200, r#"{"last_tally":""}"#.into()))
    })
    .await;
    let harvest = poll(&backend).await.expect("polled");
    assert_eq!(total(&harvest, "harborla").map(|total| total.2), Some(NOW));
    assert!(
        harvest.warnings().iter().any(|warning| warning.contains("last_tally")),
        "{:?}",
        harvest.warnings()
    );
    assert!(Heard::default().newest_totals(Meter::TrafficTotal).next().is_none());
}
