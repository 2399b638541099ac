//! What the simulated panel does not do: answers as they are printed, whole, and those that are broken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::backends::kit::testing::{RecordedRequest, Scripted, limiter};
use crate::domain::{AccountName, Harvested, Reading, Reason, Timestamp};

/// 2026-03-01 16:14 UTC.
const NOW: i64 = 1_772_381_640;

/// What stands in answers and in no text of ours.
const PASSWORDS: [&str; 3] = ["Tr0ub4dor", "c0rrecth0rse", "hunter2"];

fn now() -> Timestamp {
    Timestamp::new(NOW).expect("in range")
}

fn opened(url: &Url, keys: &str) -> Box<dyn Backend> {
    let text = format!("url = '{url}'\nusername = 'whmeter@example.net'\napi_key = 'hunter2hunter2'\n{keys}");
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let http = Scripted::http().with_clock(crate::clock::Clock::Fixed(now()));
    open(section, http).map_err(|error| error.to_string()).expect("valid")
}

/// A panel that answers as printed.
fn printed(asked: &RecordedRequest) -> (u16, String) {
    let body = match asked.path.as_str() {
        "/version.json" => include_str!("testdata/version.json"),
        "/profile.json" => include_str!("testdata/profile.json"),
        "/virtual_machines.json" => include_str!("testdata/virtual_machines.json"),
        "/users.json" => include_str!("testdata/users.json"),
        "/users/117.json" => include_str!("testdata/user.json"),
        "/usage_statistics.json" => include_str!("testdata/usage_statistics.json"),
        "/cdn_resources.json" => include_str!("testdata/cdn_resources.json"),
        "/cdn_resources/41/billing.json" => include_str!("testdata/billing.json"),
        "/cdn_usage_statistics.json" => include_str!("testdata/cdn_usage_statistics.json"),
        "/virtual_machines/1343/network_interfaces.json" => include_str!("testdata/network_interfaces.json"),
        "/virtual_machines/1343/network_interfaces/2688/usage.json" => include_str!("testdata/usage.json"),
        path if path.ends_with("/network_interfaces.json") => {
            return (200, r#"[{"network_interface":{"id":3001,"label":"eth0","rate_limit":0}}]"#.into());
        }
        path if path.ends_with("/usage.json") => "[]",
        _ => return (404, r#"{"errors":["Resource not found"]}"#.into()),
    };
    (200, body.into())
}

async fn polled(
    answer: impl Fn(&RecordedRequest) -> (u16, String) + Send + Sync + 'static,
    keys: &str,
    ask: PollRequest,
) -> (Harvest, Result<(), BackendError>, Vec<RecordedRequest>) {
    let server = Scripted::serve(answer).await;
    let mut harvest = Harvest::new();
    let polled = opened(&server.url, keys).poll(&ask, &mut harvest).await;
    let texts = format!("{polled:?} {:?} {harvest:?}", harvest.warnings());
    assert!(PASSWORDS.iter().all(|password| !texts.contains(password)), "{texts}");
    (harvest, polled, server.asked())
}

/// A poll an hour after the last.
fn an_hour_later() -> PollRequest {
    PollRequest { since: Some(now().minus(window::HOUR)), ..PollRequest::at(now()) }
}

fn of<'a>(harvest: &'a Harvest, name: &str) -> &'a Harvested {
    &harvest.accounts()[name]
}

/// The totals of a meter: source, hours before the last full one, bytes.
fn totals(harvested: &Harvested, of: Meter) -> Vec<(String, i64, u64)> {
    let last = window::hour_of(now()).get();
    let totals = harvested.readings.iter().filter(|(meter, _)| *meter == of);
    let totals = totals.filter_map(|(_, reading)| match reading {
        Reading::PeriodTotal { source, span, total, at } => {
            assert_eq!((span.seconds(), *at), (window::HOUR, now()));
            Some((source.as_str().to_string(), (last - span.end().get()) / 3600, total.get()))
        }
        _ => None,
    });
    totals.collect()
}

fn level(harvested: &Harvested) -> Option<u64> {
    harvested.readings.iter().find_map(|(_, reading)| match reading {
        Reading::Gauge { level, .. } => Some(level.get()),
        _ => None,
    })
}

#[tokio::test]
async fn printed_servers_are_read_whole() {
    let (harvest, polled, asked) = polled(printed, "", an_hour_later()).await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?} {:?}", harvest.warnings());
    assert!(asked.iter().all(|asked| asked.header("authorization").starts_with("Basic ")));
    assert_eq!(asked[0].path, "/version.json");
    assert_eq!(harvest.accounts().len(), 3, "who is deleted is no account");
    let web = of(&harvest, "1343");
    assert_eq!(level(web), Some(60 << 30));
    let hour = |behind, bytes| ("2688".to_string(), behind, bytes);
    assert_eq!(totals(web, Meter::TrafficOut), [hour(2, 2512 << 10), hour(1, 100 << 10), hour(0, 40 << 10)]);
    assert_eq!(totals(web, Meter::TrafficIn)[1], hour(1, 7 << 10));
    let facts = &web.facts;
    assert_eq!((facts.domain.as_deref(), facts.suspended), (Some("web-01.example.test"), Some(false)));
    assert_eq!(facts.identity.unique(), Some("cj1ul6p4plx9zy"));
    assert_eq!((facts.storage_limit, facts.policy), (crate::domain::Limit::Unknown, Some(Policy::Standard)));
    // Off, and without a row in all of these hours, which others were counted in: nothing moved.
    let off = of(&harvest, "1350");
    assert_eq!((level(off), totals(off, Meter::TrafficOut).len()), (Some(20 << 30), 7));
    assert!(totals(off, Meter::TrafficIn).iter().all(|(_, _, bytes)| *bytes == 0));
    assert_eq!(
        (off.facts.domain.as_deref(), off.facts.package.as_deref()),
        (Some("off.example.test"), Some("7"))
    );
    // It runs, and no row came: that is unknown, and no zero.
    let odd = of(&harvest, "1361");
    assert!(totals(odd, Meter::TrafficOut).is_empty() && level(odd).is_none());
    assert!(odd.unread[0].detail.contains("total_disk_size is -1"), "{:?}", odd.unread);
    assert_eq!((odd.facts.suspended, odd.facts.suspended_for.as_deref()), (Some(true), Some("suspended")));
}

#[tokio::test]
async fn each_row_of_a_server_goes_to_the_user_that_it_names() {
    let (harvest, polled, asked) = polled(printed, "accounts = 'user'", an_hour_later()).await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?} {:?}", harvest.warnings());
    assert!(asked.iter().any(|asked| asked.path == "/users/117.json"), "the short list has no disks");
    let (first, second) = (of(&harvest, "cust117"), of(&harvest, "müller & 100%'s"));
    assert_eq!((level(first), first.facts.package.as_deref()), (Some(120 << 30), Some("12")));
    assert_eq!(totals(first, Meter::TrafficOut).len(), 2);
    let handed = totals(second, Meter::TrafficOut);
    assert!(handed.contains(&("2688".to_string(), 0, 40 << 10)), "{handed:?}");
    assert_eq!((second.facts.suspended, second.facts.policy), (Some(true), Some(Policy::Limited)));
    assert_eq!(second.unread[0].reason, Reason::Unexpected, "its details are not there: {:?}", second.unread);
    assert!(!harvest.accounts().contains_key("left"));
}

#[tokio::test]
async fn a_server_that_cannot_be_read_withholds_its_user_and_nobody_else() {
    let listed = |strange: &'static str| {
        move |asked: &RecordedRequest| {
            let (status, body) = printed(asked);
            match asked.path.as_str() {
                "/virtual_machines.json" => (status, body.replacen('[', &format!("[{strange},"), 1)),
                _ => (status, body),
            }
        }
    };
    for traffic in ["rows", "sums"] {
        let keys = format!("accounts = 'user'\ntraffic = '{traffic}'");
        let mut hours = Vec::new();
        for (strange, withheld) in [
            (r#"{"virtual_machine":{"user_id":117}}"#, [true, false]),
            (r#"{"virtual_machine":{"label":"whose?"}}"#, [true, true]),
        ] {
            let (harvest, polled, _) = polled(listed(strange), &keys, an_hour_later()).await;
            assert!(polled.is_ok(), "{polled:?}");
            for (name, withheld) in ["cust117", "müller & 100%'s"].into_iter().zip(withheld) {
                let user = of(&harvest, name);
                let unread = user.unread.iter().filter(|one| one.detail.contains("listed without id"));
                assert_eq!(unread.count(), if withheld { 2 } else { 0 }, "{traffic} {strange} {name}");
                hours.push(totals(user, Meter::TrafficOut).len());
            }
        }
        assert_eq!((hours[0], &hours[2..]), (0, &[0, 0][..]), "{traffic}");
        assert!(hours[1] > 0, "{traffic}: nobody else is disturbed");
    }
}

#[tokio::test]
async fn sums_ask_each_hour_once_and_cdn_goes_by_user() {
    let (harvest, polled, asked) = polled(printed, "traffic = 'sums'", an_hour_later()).await;
    assert!(polled.is_ok(), "{polled:?}");
    let web = totals(of(&harvest, "1343"), Meter::TrafficIn);
    assert_eq!((web.len(), &web[0]), (7, &("vm-1343".to_string(), 6, 16_752 << 10)));
    assert_eq!(asked.iter().filter(|asked| asked.path == "/usage_statistics.json").count(), 7);
    assert!(!asked.iter().any(|asked| asked.path.ends_with("/usage.json")));

    let (harvest, polled, _) = self::polled(printed, "accounts = 'cdn'", an_hour_later()).await;
    assert!(polled.is_ok(), "{polled:?}");
    let delivered = totals(of(&harvest, "cust117"), Meter::TrafficOut);
    assert_eq!(delivered, [("cdn-41/6".to_string(), 3, 197_572_690)]);
    assert!(of(&harvest, "whmeter").readings.is_empty());

    let keys = "accounts = 'cdn'\ntraffic = 'sums'";
    let (harvest, polled, asked) = self::polled(printed, keys, an_hour_later()).await;
    assert!(polled.is_ok(), "{polled:?}");
    assert_eq!(totals(of(&harvest, "cust117"), Meter::TrafficOut).len(), 7);
    let body = &asked.iter().find(|asked| asked.path == "/cdn_usage_statistics.json").expect("asked").body;
    assert!(body.contains(r#""startdate":"2026-03-01+09:30:00""#), "{body}");
}

#[tokio::test]
async fn the_first_look_reads_the_month_and_a_backfill_any_span() {
    let (harvest, polled, _) = polled(printed, "", PollRequest::at(now())).await;
    assert!(polled.is_ok());
    assert_eq!(totals(of(&harvest, "1350"), Meter::TrafficOut).len(), 16, "since the first of March");
    let server = Scripted::serve(printed).await;
    let backend = opened(&server.url, "");
    let past = Past { now: now(), since: now().minus(window::HOUR), until: now() };
    let mut harvest = Harvest::new();
    backend.history().expect("it keeps one").backfill(&past, &mut harvest).await.expect("read");
    assert_eq!(totals(of(&harvest, "1343"), Meter::TrafficOut), [("2688".to_string(), 0, 40 << 10)]);
    assert!(level(of(&harvest, "1343")).is_none() && !harvest.is_complete());
}

#[tokio::test]
async fn one_account_is_asked_for_alone_and_an_identifier_is_no_name() {
    let alone =
        |name: &str| PollRequest { only: Some(AccountName::new(name).expect("a name")), ..an_hour_later() };
    let one = |asked: &RecordedRequest| match asked.path.as_str() {
        "/virtual_machines/1343.json" | "/virtual_machines/77.json" => (
            200,
            r#"{"virtual_machine":{"id":1343,"user_id":117,"total_disk_size":60,"booted":true}}"#.into(),
        ),
        _ => printed(asked),
    };
    let (harvest, polled, asked) = polled(one, "", alone("1343")).await;
    assert!(polled.is_ok() && !harvest.is_complete() && harvest.accounts().len() == 1, "{polled:?}");
    assert!(!asked.iter().any(|asked| asked.path == "/virtual_machines.json"));
    for nobody in ["cj1ul6p4plx9zy", "99", "../users"] {
        let (harvest, polled, _) = self::polled(one, "", alone(nobody)).await;
        assert!(polled.is_ok() && harvest.accounts().is_empty(), "{nobody}: {polled:?}");
    }
    // Another one came in its place.
    let (_, polled, _) = self::polled(one, "", alone("77")).await;
    assert!(polled.is_err_and(|error| error.to_string().contains("came in its place")));
}

/// A list in pages of one, as newer releases have them.
fn page_of(asked: &RecordedRequest, pages: &Arc<AtomicUsize>, rows: usize) -> (u16, String) {
    if asked.path != "/virtual_machines.json" {
        return printed(asked);
    }
    let page = pages.fetch_add(1, Ordering::SeqCst);
    let row = format!(
        r#"[{{"virtual_machine":{{"id":{},"user_id":117,"booted":true,"total_disk_size":1}}}}]"#,
        10 + page
    );
    (200, if page < rows { row } else { "[]".into() })
}

#[tokio::test]
async fn lists_end_where_they_certainly_do() {
    let pages = Arc::<AtomicUsize>::default();
    let (harvest, polled, _) = polled(move |asked| page_of(asked, &pages, 3), "", an_hour_later()).await;
    assert!(polled.is_ok() && harvest.is_complete(), "{:?}", harvest.warnings());
    assert_eq!(harvest.accounts().len(), 3);

    // Nobody else's server: the role may have been cut.
    let own = |asked: &RecordedRequest| match asked.path.as_str() {
        "/virtual_machines.json" => {
            (200, r#"[{"virtual_machine":{"id":5,"user_id":1,"total_disk_size":1}}]"#.into())
        }
        _ => printed(asked),
    };
    let (harvest, polled, _) = self::polled(own, "", an_hour_later()).await;
    assert!(polled.is_ok() && !harvest.is_complete());
    assert!(
        harvest.warnings().iter().any(|warning| warning.contains("cut to its own")),
        "{:?}",
        harvest.warnings()
    );

    for rows in [
        r#"[{"virtual_machine":{"id":5,"user_id":117}},{"virtual_machine":{"id":5,"user_id":117}}]"#,
        r#"[{"virtual_machine":{"id":5,"user_id":117}},{"virtual_machine":{"label":"no id","initial_root_password":"Tr0ub4dor"}}]"#,
    ] {
        let odd = move |asked: &RecordedRequest| match asked.path.as_str() {
            "/virtual_machines.json" => (200, rows.to_string()),
            _ => printed(asked),
        };
        let (harvest, polled, _) = self::polled(odd, "", an_hour_later()).await;
        assert!(polled.is_ok() && !harvest.is_complete() && harvest.accounts().len() == 1, "{rows}");
    }
    for broken in ["{}", "[7]", "null", r#"[{"virtual_machine":{"id":5"#] {
        let odd = move |asked: &RecordedRequest| match asked.path.as_str() {
            "/virtual_machines.json" => (200, broken.to_string()),
            _ => printed(asked),
        };
        let (_, polled, _) = self::polled(odd, "", an_hour_later()).await;
        assert!(matches!(polled, Err(BackendError::Unexpected { .. })), "{broken}: {polled:?}");
    }
}

#[tokio::test]
async fn a_refused_credential_ends_it_and_a_page_is_no_answer() {
    for (status, body, is_refused) in [
        (401, r#"{"errors":["Please log in hunter2hunter2"]}"#, true),
        (401, "<html><body>401</body></html>", true),
        (200, "<html><form action=\"/users/sign_in\"></form></html>", true),
        (200, "<html><body>Down for maintenance</body></html>", false),
        (500, "<html><body><h1>500 Internal Server Error</h1></body></html>", false),
    ] {
        let (_, polled, asked) = polled(move |_| (status, body.into()), "", an_hour_later()).await;
        let error = polled.expect_err(body);
        assert_eq!(matches!(error, BackendError::Refused(_)), is_refused, "{body}: {error:?}");
        assert!(asked.len() == 1 || !is_refused, "{} calls: {body}", asked.len());
    }
    // In the middle of a poll too: nobody else is asked for.
    let late = |asked: &RecordedRequest| match asked.path.ends_with("/usage.json") {
        true => (401, "{}".into()),
        false => printed(asked),
    };
    let (_, polled, asked) = self::polled(late, "", an_hour_later()).await;
    assert!(matches!(polled, Err(BackendError::Refused(_))), "{polled:?}");
    assert!(asked.iter().filter(|asked| asked.path.ends_with("/usage.json")).count() <= 2);
    // A right that is missing is of this call alone.
    let missing = |asked: &RecordedRequest| match asked.path.as_str() {
        "/version.json" => (403, r#"{"errors":["You do not have permissions"]}"#.into()),
        path if path.ends_with("/usage.json") => (403, "{}".into()),
        _ => printed(asked),
    };
    let (harvest, polled, _) = self::polled(missing, "", an_hour_later()).await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?}");
    let unread = &of(&harvest, "1343").unread[0];
    assert_eq!(unread.reason, Reason::Refused);
    assert!(unread.detail.contains("vm_stats"), "{}", unread.detail);
}

/// A server that is suspended by a toggle, and started by a call.
struct Toggle {
    suspended: AtomicBool,
    booted: AtomicBool,
    user_suspended: AtomicBool,
}

impl Toggle {
    fn answer(&self, asked: &RecordedRequest) -> (u16, String) {
        let one = || {
            let [suspended, booted] =
                [&self.suspended, &self.booted].map(|state| state.load(Ordering::SeqCst));
            format!(
                r#"{{"virtual_machine":{{"id":1343,"user_id":117,"suspended":{suspended},"booted":{booted},"locked":false}}}}"#
            )
        };
        match asked.path.as_str() {
            "/virtual_machines/1343.json" => (200, one()),
            "/virtual_machines/1343/suspend.json" => {
                self.suspended.fetch_xor(true, Ordering::SeqCst);
                self.booted.store(false, Ordering::SeqCst);
                (201, one())
            }
            "/virtual_machines/1343/startup.json" => {
                self.booted.store(true, Ordering::SeqCst);
                (201, one())
            }
            "/users/117.json" => {
                let status = if self.user_suspended.load(Ordering::SeqCst) { "suspended" } else { "active" };
                (200, format!(r#"{{"user":{{"id":117,"login":"cust117","status":"{status}"}}}}"#))
            }
            _ => printed(asked),
        }
    }
}

#[tokio::test]
async fn a_toggle_is_looked_at_first_and_what_ran_runs_again() {
    let panel =
        Arc::new(Toggle { suspended: false.into(), booted: true.into(), user_suspended: false.into() });
    let state = Arc::clone(&panel);
    let server = Scripted::serve(move |asked| state.answer(asked)).await;
    let backend = opened(&server.url, "limit_by = 'suspend'");
    let account = AccountName::new("1343").expect("a name");
    let target = Target::named(&account);
    let memory = limiter(&*backend).remember(&target).await.expect("remembered");
    let apply = async |policy| limiter(&*backend).apply(&target, policy, &memory).await.expect("applied");
    assert_eq!(apply(Policy::Limited).await, Applied::Done);
    assert_eq!(apply(Policy::Limited).await, Applied::AlreadySo, "the same call again would let it go");
    assert!(panel.suspended.load(Ordering::SeqCst));
    // WHMCS has suspended its user meanwhile.
    panel.user_suspended.store(true, Ordering::SeqCst);
    let held = apply(Policy::Standard).await;
    assert!(
        matches!(&held, Applied::LeftAlone { limited: true, found } if found.contains("cust117")),
        "{held:?}"
    );
    panel.user_suspended.store(false, Ordering::SeqCst);
    assert_eq!(apply(Policy::Standard).await, Applied::Done);
    assert!(!panel.suspended.load(Ordering::SeqCst) && panel.booted.load(Ordering::SeqCst));
    assert_eq!(apply(Policy::Standard).await, Applied::AlreadySo);
    assert_eq!(limiter(&*backend).remember(&target).await.expect("remembered"), memory);
    let toggled = server.asked().iter().filter(|asked| asked.path.ends_with("/suspend.json")).count();
    assert_eq!(toggled, 2);
}

#[tokio::test]
async fn a_locked_server_is_left_to_its_transaction() {
    let locked = |asked: &RecordedRequest| match asked.path.as_str() {
        "/virtual_machines/1343.json" => (
            200,
            r#"{"virtual_machine":{"id":1343,"user_id":117,"suspended":false,"booted":true,"locked":true}}"#
                .into(),
        ),
        _ => printed(asked),
    };
    let server = Scripted::serve(locked).await;
    let account = AccountName::new("1343").expect("a name");
    for keys in ["", "limit_by = 'suspend'"] {
        let backend = opened(&server.url, keys);
        let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
        let applied = limiter(&*backend).apply(&Target::named(&account), Policy::Limited, &memory).await;
        assert!(matches!(applied, Err(BackendError::Busy { .. })), "{applied:?}");
    }
    let wrote =
        server.asked().iter().any(|asked| !asked.body.is_empty() || asked.path.ends_with("/suspend.json"));
    assert!(!wrote);
}
