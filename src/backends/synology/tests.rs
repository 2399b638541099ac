//! What the simulated NAS does not do: nonsense, half answers, sessions that are dropped at the wrong moment.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::backends::kit::testing::{RecordedRequest, Scripted};
use crate::domain::{Bytes, Limit, Reading, Reason, Timestamp};

/// 2026-11-21T02:00:00Z.
const NOW: i64 = 1_795_226_400;

const PASSWORD: &str = "hunter2+hunter2&%";

/// The name of a call: `SYNO.Core.User.list`.
fn called(request: &RecordedRequest) -> String {
    let all = format!("{}&{}", request.query, request.body);
    let part = |key: &str| {
        let found = all.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_default().to_string()
    };
    format!("{}.{}", part("api"), part("method"))
}

fn answer(request: &RecordedRequest) -> (u16, String) {
    let body = match called(request).as_str() {
        "SYNO.API.Info.query" => include_str!("testdata/query.json"),
        "SYNO.API.Auth.login" => include_str!("testdata/login.json"),
        "SYNO.API.Auth.logout" => r#"{"success":true}"#,
        "SYNO.Core.User.list" => include_str!("testdata/users.json"),
        "SYNO.Core.Group.Member.list" if request.query.contains("group=administrators") => {
            r#"{"data":{"offset":0,"total":2,"users":[{"name":"OPS"},{"name":"svc-meter"}]},"success":true}"#
        }
        "SYNO.Core.Group.Member.list" => {
            r#"{"data":{"offset":0,"total":1,"users":[{"name":"Cust-1001","uid":1041}]},"success":true}"#
        }
        "SYNO.Entry.Request.request" => include_str!("testdata/quotas.json"),
        "SYNO.Core.Quota.get" => include_str!("testdata/quota.json"),
        _ => r#"{"error":{"code":103},"success":false}"#,
    };
    (200, body.to_string())
}

async fn nas(
    keys: &str,
    script: impl Fn(&RecordedRequest) -> Option<String> + Send + Sync + 'static,
) -> (Synology, Scripted) {
    let server =
        Scripted::serve(move |request| script(request).map_or_else(|| answer(request), |body| (200, body)));
    let server = server.await;
    let text = format!("url = '{}'\nusername = 'SVC-meter'\npassword = '{PASSWORD}'\n{keys}", server.url);
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let config = NasConfig::read(section).unwrap_or_else(|error| panic!("{error}"));
    (Synology::new(config, Scripted::http()), server)
}

async fn poll(backend: &Synology) -> Result<Harvest, BackendError> {
    let ask = PollRequest::at(Timestamp::new(NOW).expect("in range"));
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

fn level(harvest: &Harvest, name: &str) -> Option<u64> {
    harvest.accounts()[name].readings.iter().find_map(|(_, reading)| match reading {
        Reading::Gauge { level, .. } => Some(level.get()),
        _ => None,
    })
}

fn calls(server: &Scripted) -> Vec<String> {
    server.asked().iter().map(called).collect()
}

fn refused(code: i64) -> Option<String> {
    Some(format!(r#"{{"error":{{"code":{code}}},"success":false}}"#))
}

#[tokio::test]
async fn a_poll_is_a_login_lists_quotas_and_a_logout_with_its_session() {
    let (backend, server) = nas("", |_| None).await;
    let harvest = poll(&backend).await.expect("answered");
    assert!(harvest.is_complete() && harvest.warnings().is_empty(), "{:?}", harvest.warnings());
    let names: Vec<&str> = harvest.accounts().keys().map(AccountName::as_str).collect();
    assert_eq!(names, ["12345", "cust-1001"], "neither the system, nor an administrator, nor ourselves");
    assert_eq!(
        (level(&harvest, "cust-1001"), level(&harvest, "12345")),
        (Some(512 << 20 | 425_984), Some(20_480 << 20)).swapped()
    );
    let facts = &harvest.accounts()["12345"].facts;
    assert_eq!((facts.suspended, facts.identity.part("uid")), (Some(false), Some("1042")));
    assert_eq!(
        calls(&server),
        [
            "SYNO.API.Info.query",
            "SYNO.API.Auth.login",
            "SYNO.Core.User.list",
            "SYNO.Core.Group.Member.list",
            "SYNO.Entry.Request.request",
            "SYNO.API.Auth.logout"
        ]
    );
    let asked = server.asked();
    assert!(
        asked[1].query.is_empty() && asked[1].body.contains("passwd=hunter2%2Bhunter2%26%25"),
        "{:?}",
        asked[1]
    );
    for one in &asked[2..] {
        assert!(one.query.contains("_sid=sId0nE1tWo2tHrEe3fOuR4&SynoToken=sYn0tOkEn5sIx6"), "{one:?}");
        assert_eq!(one.header("x-syno-token"), "sYn0tOkEn5sIx6");
    }
    assert!(asked[2].query.contains("additional=%5B%22expired%22%2C%22uid%22%5D"), "{:?}", asked[2]);
    // Names are JSON in there, and a number is a text.
    assert!(asked[4].body.contains("%22name%22%3A%2212345%22"), "{:?}", asked[4]);
}

/// The second of the two accounts stands first in the answer.
trait Swapped {
    fn swapped(self) -> Self;
}

impl<T> Swapped for (T, T) {
    fn swapped(self) -> Self {
        (self.1, self.0)
    }
}

#[tokio::test]
async fn dsm_6_logs_in_elsewhere_and_its_did_is_kept_for_the_next_login() {
    let script = |request: &RecordedRequest| match called(request).as_str() {
        "SYNO.API.Info.query" => Some(include_str!("testdata/query-dsm6.json").to_string()),
        "SYNO.API.Auth.login" => Some(include_str!("testdata/login-dsm6.json").to_string()),
        _ => None,
    };
    let (backend, server) = nas("otp_code = '123456'", script).await;
    for _ in 0..2 {
        assert!(poll(&backend).await.is_ok());
    }
    let logins: Vec<RecordedRequest> =
        server.asked().into_iter().filter(|one| called(one) == "SYNO.API.Auth.login").collect();
    let sent: Vec<&str> =
        logins.iter().map(|one| one.body.split_once("syno_token=yes").unwrap_or_default().1).collect();
    assert_eq!(
        sent,
        [
            "&otp_code=123456&device_name=whmeter&enable_device_token=yes",
            "&device_id=dId0lDeR7dEvIcE&device_name=whmeter&enable_device_token=yes"
        ]
    );
    assert!(logins.iter().all(|one| one.path == "/webapi/auth.cgi" && one.body.contains("version=6")));
    let (trusted, server) = nas("device_token = 'kEpTkEpT1'\ndevice_name = 'bill 2'", |_| None).await;
    assert!(poll(&trusted).await.is_ok());
    assert!(
        server.asked()[1].body.contains("&device_id=kEpTkEpT1&device_name=bill+2&"),
        "{:?}",
        server.asked()[1]
    );
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_and_shows_no_secret() {
    for code in [400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 411] {
        let script = move |request: &RecordedRequest| match called(request).as_str() {
            "SYNO.API.Auth.login" => {
                let body = format!(
                    r#"{{"error":{{"code":{code},"errors":{{"token":"{PASSWORD}","types":["otp"]}}}},"success":false}}"#
                );
                Some(body)
            }
            _ => None,
        };
        let (backend, server) = nas("device_token = 'kEpTkEpT1'", script).await;
        for _ in 0..5 {
            let error = poll(&backend).await.expect_err("refused");
            assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
            let text = format!("{error} {error:?}");
            assert!(text.contains(&code.to_string()), "{text}");
            assert!(!text.contains("kEpTkEpT1"), "{text}");
        }
        assert_eq!(calls(&server), ["SYNO.API.Info.query", "SYNO.API.Auth.login"], "{code}");
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_made_anew_once_and_the_call_made_again() {
    for code in [106, 107, 119, 150] {
        let lists = AtomicU32::new(0);
        let script = move |request: &RecordedRequest| match called(request).as_str() {
            // Dropped in the middle.
            "SYNO.Core.Group.Member.list" if lists.fetch_add(1, Ordering::Relaxed) == 0 => refused(code),
            _ => None,
        };
        let (backend, server) = nas("", script).await;
        assert!(poll(&backend).await.is_ok_and(|harvest| harvest.is_complete()), "{code}");
        let logins = calls(&server).iter().filter(|call| *call == "SYNO.API.Auth.login").count();
        assert_eq!(logins, 2, "{code}");

        // One that is never known is not asked about for ever.
        let script = move |request: &RecordedRequest| match called(request).as_str() {
            "SYNO.Core.Group.Member.list" => refused(code),
            _ => None,
        };
        let (backend, server) = nas("", script).await;
        let error = poll(&backend).await.expect_err("never known");
        assert!(error.to_string().contains(&format!("says {code}")), "{error}");
        let asked = calls(&server);
        let count = |call: &str| asked.iter().filter(|one| *one == call).count();
        assert_eq!((count("SYNO.API.Auth.login"), count("SYNO.Core.Group.Member.list")), (2, 2), "{asked:?}");
    }
}

#[tokio::test]
async fn lists_that_are_not_whole_make_nobody_gone() {
    let users = |body: &str| {
        let body = body.to_string();
        move |request: &RecordedRequest| (called(request) == "SYNO.Core.User.list").then(|| body.clone())
    };
    let list = |total: &str, rows: &str| {
        format!(r#"{{"data":{{"offset":0{total},"users":[{rows}]}},"success":true}}"#)
    };
    let two = r#"{"name":"cust-1001","uid":1041,"expired":"normal"},{"name":"12345","expired":"normal"}"#;
    for body in [
        list("", two),
        list(r#","total":3"#, &format!("{two},7")),
        list(r#","total":3"#, &format!(r#"{two},{{"uid":1050}}"#)),
        // The same user in another case.
        list(r#","total":3"#, &format!(r#"{two},{{"name":"CUST-1001","uid":1041,"expired":"normal"}}"#)),
    ] {
        let (backend, _) = nas("", users(&body)).await;
        let harvest = poll(&backend).await.expect("answered");
        assert!(!harvest.is_complete() && !harvest.warnings().is_empty(), "{body}");
    }
    for (body, shown) in [
        (list(r#","total":0"#, ""), "no user at all"),
        (list(r#","total":9"#, two), "a page from 2 was asked for"),
        (list(r#","total":1"#, two), "of 1"),
        (r#"{"data":{},"success":true}"#.to_string(), "users is no list"),
        (r#"{"success":true}"#.to_string(), "users is no list"),
        (r#"{"data":{"users":{}},"success":true}"#.to_string(), "users is no list"),
        (r#"{"success":"yes"}"#.to_string(), "JSON"),
        (r#"{"success":false}"#.to_string(), "error.code is absent"),
        ("{}".to_string(), "success is absent"),
        ("<html><body>DSM is starting</body></html>".to_string(), "html"),
        (String::new(), "empty"),
    ] {
        let (backend, _) = nas("", users(&body)).await;
        let error = poll(&backend).await.expect_err(&body);
        assert!(matches!(&error, BackendError::Unexpected { .. }), "{body}: {error:?}");
        assert!(error.to_string().contains(shown), "{body}: {error}");
    }
}

#[tokio::test]
async fn members_of_groups_are_accounts_and_a_group_that_is_not_there_is_an_error() {
    let keys = "groups = ['PublicSynology']\nlimited_group = 'small'\nlimited = 'group'";
    let (backend, _) = nas(keys, |request| {
        let is_small = request.query.contains("group=small");
        is_small.then(|| r#"{"data":{"offset":0,"total":0,"users":[]},"success":true}"#.to_string())
    })
    .await;
    let ask = nas(keys, |request| match called(request).as_str() {
        "SYNO.Core.Group.Member.list" if request.query.contains("group=PublicSynology") => refused(3205),
        _ => None,
    })
    .await;
    // Quotas come for one user alone then.
    let error = poll(&backend).await.expect("answered").accounts()["cust-1001"].unread[0].detail.clone();
    assert!(error.contains("2 results came for 1 users"), "{error}");
    let error = poll(&ask.0).await.expect_err("no such group").to_string();
    assert!(error.contains("3205") && error.contains("no such group"), "{error}");
}

#[tokio::test]
async fn who_takes_no_batches_is_asked_one_by_one_from_then_on() {
    let script = |request: &RecordedRequest| match called(request).as_str() {
        "SYNO.Entry.Request.request" => refused(103),
        "SYNO.Core.Quota.get" if request.query.contains("name=cust-1001") => refused(3106),
        _ => None,
    };
    let (backend, server) = nas("", script).await;
    for _ in 0..2 {
        let harvest = poll(&backend).await.expect("answered");
        assert_eq!(level(&harvest, "12345"), Some(512 << 20 | 425_984));
        let unread = &harvest.accounts()["cust-1001"].unread[0];
        assert_eq!(unread.reason, Reason::Unexpected);
        assert!(unread.detail.contains("3106"), "{unread:?}");
    }
    let asked = calls(&server);
    assert_eq!(asked.iter().filter(|call| *call == "SYNO.Entry.Request.request").count(), 1);
    // A user that is called like a number is quoted, as JSON wants it.
    assert!(server.asked().iter().any(|one| one.query.contains("name=%2212345%22")), "{asked:?}");
}

#[tokio::test]
async fn a_folder_that_falls_silent_leaves_the_account_unread_until_it_is_really_gone() {
    let polls = AtomicU32::new(0);
    let (backend, _) = nas("shares = '*'", move |request| match called(request).as_str() {
        "SYNO.Entry.Request.request" => {
            let whole = include_str!("testdata/quotas.json").to_string();
            // From the second poll on projects is missing, from the third on it is in no list either.
            let part = whole.replace(r#""name":"projects""#, r#""name":"projects2""#);
            Some(if polls.fetch_add(1, Ordering::Relaxed) == 0 { whole } else { part })
        }
        "SYNO.Core.Share.list" => {
            let projects = if request.query.is_empty() || polls.load(Ordering::Relaxed) < 3 {
                r#",{"name":"projects"}"#
            } else {
                ""
            };
            Some(format!(
                r#"{{"data":{{"shares":[{{"name":"homes"}}{projects}],"total":2}},"success":true}}"#
            ))
        }
        _ => None,
    })
    .await;
    let first = poll(&backend).await.expect("answered");
    assert_eq!(level(&first, "cust-1001"), Some((20_480 << 20) + 3_162_112));
    let second = poll(&backend).await.expect("answered");
    let unread = &second.accounts()["cust-1001"].unread[0];
    assert_eq!((unread.reason, level(&second, "cust-1001")), (Reason::Silent, None), "{unread:?}");
    assert!(unread.detail.contains("projects on /volume1"), "{unread:?}");
    let third = poll(&backend).await.expect("answered");
    assert!(level(&third, "cust-1001").is_some());
    assert!(third.warnings().iter().any(|warning| warning.contains("projects2")), "{:?}", third.warnings());
}

#[tokio::test]
async fn while_the_nas_is_limited_by_quota_its_limit_is_not_what_was_sold() {
    let script = |request: &RecordedRequest| match called(request).as_str() {
        "SYNO.Entry.Request.request" => {
            Some(include_str!("testdata/quotas.json").replace(r#""quota":1024"#, r#""quota":512"#))
        }
        _ => None,
    };
    let (backend, _) = nas("limited = 'quota'", script).await;
    let name = AccountName::new("12345").expect("a name");
    let mut ask = PollRequest::at(Timestamp::new(NOW).expect("in range"));
    for (limited, policy, limit) in [
        (vec![], Policy::Standard, Limit::UpTo(Bytes::new(512 << 20).expect("few"))),
        (vec![name.clone()], Policy::Limited, Limit::Unknown),
    ] {
        ask.limited = limited;
        let mut harvest = Harvest::new();
        backend.poll(&ask, &mut harvest).await.expect("answered");
        let facts = &harvest.accounts()["12345"].facts;
        assert_eq!((facts.policy, facts.storage_limit), (Some(policy), limit));
    }
}

#[tokio::test]
async fn a_user_made_anew_under_the_name_is_not_restored_and_the_system_is_never_limited() {
    let (backend, server) = nas("", |_| None).await;
    let name = |name| AccountName::new(name).expect("a name");
    let remembered = backend.remembered(&name("CUST-1001")).await.expect("there");
    assert_eq!(remembered.0, r#"{"uid":1041,"limited":"disable","expired":"normal"}"#);
    let other = Memory(remembered.0.replace("1041", "1040"));
    let applied = backend.switch(&name("cust-1001"), Policy::Standard, &other).await.expect("looked at");
    assert!(
        matches!(&applied, Applied::LeftAlone { found, limited: false } if found.contains("1040")),
        "{applied:?}"
    );
    for never in ["admin", "guest", "svc-meter", "ops"] {
        let error = backend.remembered(&name(never)).await.expect_err(never);
        assert!(matches!(error, BackendError::NotOffered(_)), "{error:?}");
    }
    assert!(!calls(&server).iter().any(|call| call.ends_with(".set")));
}

#[tokio::test]
async fn what_was_written_and_is_not_read_back_is_said() {
    let script = |request: &RecordedRequest| match called(request).as_str() {
        "SYNO.Core.User.set" => {
            Some(r#"{"data":{"name":"cust-1001","uid":1041},"success":true}"#.to_string())
        }
        _ => None,
    };
    let (backend, server) = nas("", script).await;
    let name = AccountName::new("cust-1001").expect("a name");
    let memory = backend.remembered(&name).await.expect("there");
    let error =
        backend.switch(&name, Policy::Limited, &memory).await.expect_err("nothing changed").to_string();
    assert!(error.contains("read back as expired normal"), "{error}");
    let written: Vec<RecordedRequest> =
        server.asked().into_iter().filter(|one| called(one) == "SYNO.Core.User.set").collect();
    assert_eq!(written.len(), 1);
    // Whatever else were sent would be overwritten.
    assert_eq!(written[0].body, "name=cust-1001&expired=now");
}
