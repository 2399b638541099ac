//! What the simulated panel does not do: results of all shapes in one answer, sites of their own, old protocols.

use std::path::Path;

use super::*;
use crate::backends::kit::testing::{RecordedRequest, Scripted, limiter};
use crate::backends::{Past, PollRequest};
use crate::domain::{AccountName, Limit, Reading, Reason, Timestamp};

const SUBSCRIPTIONS: &str = include_str!("testdata/subscriptions.xml");
const TRAFFIC: &str = include_str!("testdata/traffic.xml");
const PLANS: &str = include_str!("testdata/plans.xml");
const RESELLERS: &str = include_str!("testdata/resellers.xml");
const REFUSED: &str = include_str!("testdata/refused.xml");

/// 2026-11-21 02:00 UTC.
fn now() -> Timestamp {
    Timestamp::new(1_795_226_400).expect("in range")
}

fn backend(server: &Scripted, keys: &str) -> Box<dyn Backend> {
    let text =
        format!("url = '{}'\nsecret_key = 'hunter2-hunter2'\ntimezone = 'Europe/Warsaw'\n{keys}", server.url);
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    open(section, Scripted::http()).expect("opened")
}

fn named(name: &str) -> AccountName {
    AccountName::new(name).expect("a name")
}

/// What a well panel answers.
fn usual(asked: &RecordedRequest) -> (u16, String) {
    let of = |operator: &str| asked.body.contains(&format!("<{operator}>"));
    let text = match () {
        () if of("service-plan") => PLANS,
        () if of("reseller") => RESELLERS,
        () if of("get_traffic") => TRAFFIC,
        () => SUBSCRIPTIONS,
    };
    (200, text.into())
}

async fn polled(
    answer: impl Fn(&RecordedRequest) -> (u16, String) + Send + Sync + 'static,
    keys: &str,
) -> (Harvest, Result<(), BackendError>, Vec<RecordedRequest>) {
    let server = Scripted::serve(answer).await;
    let mut harvest = Harvest::new();
    let ask = PollRequest { since: Some(now()), ..PollRequest::at(now()) };
    let polled = backend(&server, keys).poll(&ask, &mut harvest).await;
    (harvest, polled, server.asked())
}

#[tokio::test]
async fn rows_of_all_shapes_are_read_or_named_and_the_list_is_not_whole() {
    let (harvest, polled, asked) = polled(usual, "").await;
    polled.expect("answered");
    assert!(!harvest.is_complete());
    assert!(asked.iter().all(|asked| asked.path == "/enterprise/control/agent.php"));
    assert!(asked.iter().all(|asked| asked.header("KEY") == "hunter2-hunter2"));
    assert_eq!(asked.len(), 4, "plans and resellers are asked for once");
    let names: Vec<String> = harvest.accounts().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["harbor-lane.example", "żółw.example"]);
    let [good, odd] = ["harbor-lane.example", "żółw.example"].map(|name| &harvest.accounts()[name]);
    assert_eq!(good.facts.package.as_deref(), Some("Start 2G"));
    assert_eq!(good.facts.reseller.as_deref(), Some(""), "the administrator's own");
    assert_eq!((good.facts.traffic_limit, good.facts.policy), (Limit::Unlimited, Some(Policy::Standard)));
    assert_eq!(good.facts.storage_limit.up_to().map(|size| size.get()), Some(2_147_483_648));
    assert!(good.unread.is_empty() && good.readings.len() == 7, "{good:?}");
    assert_eq!(odd.facts.identity.unique(), Some("be50a8b1-70a3-4b5c-9f0e-0c6a4f1f7a12"));
    assert_eq!(odd.facts.domain.as_deref(), Some("xn--w-uga1v8h.example"));
    assert_eq!(odd.facts.reseller.as_deref(), Some("quay"));
    assert_eq!((odd.facts.suspended, odd.facts.policy), (Some(true), None));
    assert!(odd.facts.suspended_for.as_deref().is_some_and(|why| why.contains("expired")));
    assert_eq!((odd.facts.storage_limit, odd.facts.traffic_limit), (Limit::Unknown, Limit::Unknown));
    let details: Vec<&str> = odd.unread.iter().map(|unread| unread.detail.as_str()).collect();
    assert_eq!(details[0], "real_size is empty");
    assert!(details.len() == 3 && details[1].contains("1023"), "{details:?}");
    assert!(odd.readings.is_empty());
    let warnings = harvest.warnings().join("\n");
    assert!(
        warnings.contains("1 rows of the list are refused") && warnings.contains("subscription 15"),
        "{warnings}"
    );
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_and_shows_no_secret() {
    for (status, body, reason) in [
        (200, REFUSED, Reason::Refused),
        (200, "<html>log in</html>", Reason::Unexpected),
        (200, "", Reason::Unexpected),
        (500, "hunter2-hunter2", Reason::Unexpected),
        (401, "hunter2-hunter2", Reason::Refused),
        (200, "<packet><webspace><get_traffic/></webspace></packet>", Reason::Unexpected),
        (200, "<packet/>", Reason::Unexpected),
        (
            200,
            "<packet><webspace><get><result><id>5</id></result></get></webspace></packet>",
            Reason::Unexpected,
        ),
        (200, &SUBSCRIPTIONS[..SUBSCRIPTIONS.len() - 12], Reason::Unexpected),
    ] {
        let body: &'static str = Box::leak(body.to_string().into_boxed_str());
        let (harvest, polled, asked) = polled(move |_| (status, body.into()), "").await;
        let error = polled.expect_err(body);
        assert_eq!(error.reason(), reason, "{body}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(harvest.accounts().is_empty() && asked.len() == 1, "{body}");
    }
}

#[tokio::test]
async fn nobody_listed_is_not_everybody_gone() {
    let empty = "<packet version=\"1.6.9.0\"><webspace><get/></webspace></packet>";
    let (harvest, polled, _) = polled(move |_| (200, empty.into()), "").await;
    polled.expect("an empty list");
    assert!(!harvest.is_complete() && harvest.warnings()[0].contains("lost its rights"));
}

#[tokio::test]
async fn without_days_what_is_stored_is_still_read() {
    let no_traffic = |asked: &RecordedRequest| match asked.body.contains("<get_traffic>") {
        true => {
            (200, "<packet><system><status>error</status><errcode>1014</errcode></system></packet>".into())
        }
        false => usual(asked),
    };
    let (harvest, polled, _) = polled(no_traffic, "").await;
    polled.expect("answered");
    let good = &harvest.accounts()["harbor-lane.example"];
    assert_eq!((good.readings.len(), good.unread.len()), (1, 2), "{good:?}");
}

#[tokio::test]
async fn statistics_that_have_stopped_are_said_and_their_days_are_not_nothing() {
    let server = Scripted::serve(usual).await;
    let mut harvest = Harvest::new();
    let later = now().plus(crate::domain::Seconds::hours(4 * 24));
    let ask = PollRequest { since: Some(now()), ..PollRequest::at(later) };
    backend(&server, "").poll(&ask, &mut harvest).await.expect("answered");
    let said = |warning: &String| warning.contains("have not run since 2026-11-20");
    assert!(harvest.warnings().iter().any(said), "{:?}", harvest.warnings());
    let good = &harvest.accounts()["harbor-lane.example"];
    assert_eq!(good.readings.len(), 1, "what is stored alone: {good:?}");
    assert!(good.unread.len() == 2 && good.unread[0].detail.contains("no day of it"), "{good:?}");
}

#[tokio::test]
async fn who_is_answered_twice_is_not_known_and_a_long_silence_is_a_backfills() {
    let twice = |asked: &RecordedRequest| match asked.body.contains("<get_traffic>") {
        true => (200, TRAFFIC.replace("<id>16</id>", "<id>12</id>")),
        false => usual(asked),
    };
    let server = Scripted::serve(twice).await;
    let mut harvest = Harvest::new();
    let since = Some(now().minus(crate::domain::Seconds::hours(100 * 24)));
    backend(&server, "")
        .poll(&PollRequest { since, ..PollRequest::at(now()) }, &mut harvest)
        .await
        .expect("answered");
    let good = &harvest.accounts()["harbor-lane.example"];
    assert!(good.readings.len() == 1 && good.unread[0].detail.contains("twice"), "{good:?}");
    assert!(harvest.warnings().iter().any(|warning| warning.contains("whmeter backfill")), "{harvest:?}");
}

#[tokio::test]
async fn an_old_panel_is_spoken_to_in_its_own_protocol() {
    let old = |asked: &RecordedRequest| {
        match asked.body.contains("version=\"1.6.3.5\"") {
        true if asked.body.contains("<get_protos>") => (
            200,
            "<packet version=\"1.6.3.5\"><server><get_protos><result><status>ok</status><protos><proto>1.6.3.0</proto>\
             <proto>1.6.3.5</proto><proto>2.0.0.0</proto></protos></result></get_protos></server></packet>"
                .into(),
        ),
        true => usual(asked),
        false => (
            200,
            "<packet><system><status>error</status><errcode>1005</errcode><errtext>Protocol version '1.6.9.1' is not \
             supported. Current protocol version is '1.6.3.5'</errtext></system></packet>"
                .into(),
        ),
    }
    };
    let server = Scripted::serve(old).await;
    let backend = backend(&server, "");
    for calls in [6, 8] {
        let mut harvest = Harvest::new();
        backend.poll(&PollRequest::at(now()), &mut harvest).await.expect("understood");
        assert_eq!((harvest.accounts().len(), server.asked().len()), (2, calls));
    }
}

const SITES: &str = "<packet><site><get><result><status>ok</status><filter-id>12</filter-id><id>31</id><data/></result>\
                     <result><status>ok</status><filter-id>13</filter-id></result></get></site></packet>";

const SITE_TRAFFIC: &str = "<packet><site><get_traffic><result><status>ok</status><id>31</id><traffic>\
    <date>2026-11-20</date><http_in>5</http_in><http_out>7</http_out><ftp_in>0</ftp_in><ftp_out>0</ftp_out>\
    <smtp_in>0</smtp_in><smtp_out>0</smtp_out><pop3_imap_in>0</pop3_imap_in><pop3_imap_out>0</pop3_imap_out></traffic>\
    </result></get_traffic></site></packet>";

fn with_sites(asked: &RecordedRequest) -> (u16, String) {
    match asked.body.contains("<site>") {
        true if asked.body.contains("<get_traffic>") => (200, SITE_TRAFFIC.into()),
        true => (200, SITES.into()),
        false => usual(asked),
    }
}

#[tokio::test]
async fn additional_sites_are_sources_of_their_own_where_they_are_added() {
    let (harvest, polled, asked) = polled(with_sites, "additional_sites = 'added'").await;
    polled.expect("answered");
    assert!(
        asked.iter().any(|asked| asked.body.contains("<parent-id>12</parent-id><parent-id>13</parent-id>"))
    );
    let readings = &harvest.accounts()["harbor-lane.example"].readings;
    let site = readings.iter().filter_map(|(meter, reading)| match reading {
        Reading::PeriodTotal { source, total, .. } if source.as_str() == "site/31" => {
            Some((*meter, total.get()))
        }
        _ => None,
    });
    assert_eq!(site.collect::<Vec<_>>(), [(Meter::TrafficIn, 5), (Meter::TrafficOut, 7)]);
}

#[tokio::test]
async fn the_past_is_asked_for_by_numbers_and_a_missing_day_is_not_nothing() {
    let server = Scripted::serve(usual).await;
    let backend = backend(&server, "");
    let at = |text: &str| Timestamp::from_utc(text.parse().expect("a time")).expect("in range");
    // From within the 20th until the last second of it, in Warsaw.
    let past = Past { now: now(), since: at("2026-11-20T10:00:00Z"), until: at("2026-11-20T23:00:00Z") };
    let mut harvest = Harvest::new();
    backend.history().expect("it keeps some").backfill(&past, &mut harvest).await.expect("answered");
    let asked = server.asked().pop().expect("asked").body;
    let content = "<filter><id>12</id><id>13</id></filter><since_date>2026-11-20</since_date><to_date>2026-11-20</to_date>";
    assert!(asked.contains(content), "{asked}");
    let good = &harvest.accounts()["harbor-lane.example"];
    assert_eq!((good.readings.len(), good.unread.len()), (2, 0), "{good:?}");
}

#[tokio::test]
async fn a_switch_is_about_one_number_and_waits_for_a_backup() {
    let shown = |status: &str| {
        let all = SUBSCRIPTIONS
            .split("<result>")
            .nth(1)
            .expect("one")
            .replace("<status>0<", &format!("<status>{status}<"));
        format!("<packet><webspace><get><result>{all}</get></webspace></packet>")
    };
    let (active, in_backup) = (shown("0"), shown("4"));
    let server = Scripted::serve(move |asked: &RecordedRequest| match asked.body.contains("<set>") {
        true => {
            (200, "<packet><system><status>error</status><errcode>1013</errcode></system></packet>".into())
        }
        false if asked.body.contains("<performance/>") => (200, active.clone()),
        false => (200, in_backup.clone()),
    })
    .await;
    let (backend, name) = (backend(&server, ""), named("harbor-lane.example"));
    let limiter = limiter(&*backend);
    let memory = limiter.remember(&Target::named(&name)).await.expect("remembered");
    assert!(
        memory.0.contains("\"overuse\":\"notify\"") && memory.0.contains("\"locked\":false"),
        "{memory:?}"
    );
    let error = limiter.apply(&Target::named(&name), Policy::Limited, &memory).await.expect_err("in backup");
    assert!(matches!(error, BackendError::Busy { .. }), "{error:?}");
    assert!(server.asked().iter().all(|asked| !asked.body.contains("<set>")));
    let other = named("other.example");
    let error = limiter.remember(&Target::named(&other)).await.expect_err("somebody else came");
    assert!(matches!(error, BackendError::Unexpected { .. }), "{error:?}");
}

#[test]
fn the_sample_is_a_section_also_with_every_key_uncommented() {
    let sample = include_str!("sample.toml");
    let all: String = sample
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // Keys stand as `# key = value`; prose does not look like that.
            Some(key) if key.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    for text in [sample, &all] {
        let file: toml::Table = text.parse().expect("toml");
        let mut keys = file["backend"][0].as_table().expect("a section").clone();
        // The secrets' files are the operator's; a key and a login exclude one another.
        let has_login = keys.remove("password_file").is_some();
        keys.remove("secret_key_file").expect("a key");
        let secret = if has_login { "password" } else { "secret_key" };
        keys.insert(secret.into(), "hunter2".into());
        let mut section = Section::new(keys, Path::new("."));
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Kind {
            kind: String,
        }
        section.take::<Kind>().expect("its kind");
        section.take::<crate::backends::CommonSettings>().expect("the keys of every backend");
        section.take::<crate::http::HttpSettings>().expect("the keys of HTTP");
        PanelConfig::read(section).map(|_| ()).expect("valid");
    }
}
