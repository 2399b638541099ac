//! What the simulated panel does not do: answers as they are printed, whole, and those that are broken.

use std::path::Path;

use super::*;
use crate::backends::kit::testing::{RecordedRequest, Scripted, limiter};
use crate::domain::{Harvested, Reading, Reason, Timestamp};

const SAMPLE: &str = include_str!("sample.toml");

/// 2024-11-20 12:00 UTC.
const NOW: i64 = 1_732_104_000;

fn now() -> Timestamp {
    Timestamp::new(NOW).expect("in range")
}

fn opened(url: &Url, keys: &str) -> Box<dyn Backend> {
    let text =
        format!("url = '{url}'\nuser = 'root'\ntoken = 'hunter2hunter2'\ntimezone = 'Europe/Warsaw'\n{keys}");
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let http = Scripted::http().with_clock(crate::clock::Clock::Fixed(now()));
    open(section, http).map_err(|error| error.to_string()).expect("valid")
}

/// A server that answers as printed.
fn printed(asked: &RecordedRequest) -> (u16, String) {
    let body = match asked.path.trim_start_matches("/json-api/") {
        "listaccts" => include_str!("testdata/listaccts.json"),
        "get_disk_usage" => include_str!("testdata/get_disk_usage.json"),
        "showbw" => include_str!("testdata/showbw.json"),
        "myprivs" => include_str!("testdata/myprivs.json"),
        _ => r#"{"metadata":{"result":0,"reason":"Unknown app requested","version":1}}"#,
    };
    (200, body.into())
}

async fn polled(
    answer: impl Fn(&RecordedRequest) -> (u16, String) + Send + Sync + 'static,
    keys: &str,
) -> (Harvest, Result<(), BackendError>, Vec<String>) {
    let server = Scripted::serve(answer).await;
    let mut harvest = Harvest::new();
    let polled = opened(&server.url, keys).poll(&PollRequest::at(now()), &mut harvest).await;
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.header("authorization") == "whm root:hunter2hunter2"));
    (harvest, polled, asked.into_iter().map(|asked| asked.path).collect())
}

fn of<'a>(harvest: &'a Harvest, name: &str) -> &'a Harvested {
    &harvest.accounts()[name]
}

fn figures(harvested: &Harvested) -> Vec<(Meter, u64)> {
    let figure = |reading: &Reading| match reading {
        Reading::Gauge { level, .. } => level.get(),
        Reading::PeriodTotal { total, .. } => total.get(),
        Reading::Counter { count, .. } => count.get(),
    };
    harvested.readings.iter().map(|(meter, reading)| (*meter, figure(reading))).collect()
}

#[tokio::test]
async fn printed_answers_are_read_whole() {
    let (harvest, polled, asked) = polled(printed, "").await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?} {:?}", harvest.warnings());
    let calls = ["listaccts", "get_disk_usage", "showbw", "myprivs"].map(|name| format!("/json-api/{name}"));
    assert_eq!(asked, calls);
    let harbor = of(&harvest, "harborla");
    assert_eq!(figures(harbor), [(Meter::StorageUsed, 766_885_888), (Meter::TrafficTotal, 735_051_776)]);
    let facts = &harbor.facts;
    assert_eq!(
        (facts.reseller.as_deref(), facts.package.as_deref()),
        (Some("resel01"), Some("resel01_Start 2G"))
    );
    assert_eq!((facts.domain.as_deref(), facts.suspended), (Some("harbor-lane.example"), Some(false)));
    assert_eq!((facts.suspended_for.as_deref(), facts.policy), (None, Some(Policy::Standard)));
    assert_eq!(facts.identity.to_string(), "created=1675759260");
    assert_eq!(facts.storage_limit.up_to().map(|limit| limit.get()), Some(2048 << 20));
    assert_eq!(facts.traffic_limit.up_to().map(|limit| limit.get()), Some(10_737_418_240));
    let pine = of(&harvest, "pinecone");
    // It was made within the month: 2024-11-02.
    let spans: Vec<_> = pine
        .readings
        .iter()
        .filter_map(|(_, reading)| match reading {
            Reading::PeriodTotal { span, .. } => Some(span.start().get()),
            _ => None,
        })
        .collect();
    assert_eq!(spans, [1_730_574_300]);
    let facts = &pine.facts;
    assert_eq!(
        (facts.reseller.as_deref(), facts.suspended_for.as_deref()),
        (Some(""), Some("unpaid invoice"))
    );
    assert_eq!(
        (facts.policy, facts.storage_limit, facts.traffic_limit),
        (None, Limit::Unlimited, Limit::Unlimited)
    );
    let old = of(&harvest, "oldbuild");
    assert!(figures(old).is_empty() && old.facts.identity.is_empty() && old.facts.created.is_none());
    let unread: Vec<&str> = old.unread.iter().map(|unread| unread.detail.as_str()).collect();
    assert!(unread[0].contains("blocks_used is absent") && unread[1].contains("no row"), "{unread:?}");
    assert_eq!(harvest.road(), "storage by get_disk_usage");
}

#[tokio::test]
async fn mebibytes_of_the_list_are_used_where_the_config_says_so_and_nowhere_else() {
    let (harvest, polled, asked) = polled(printed, "storage = 'listaccts'").await;
    assert!(polled.is_ok() && !asked.iter().any(|call| call.contains("disk")), "{asked:?}");
    assert_eq!(figures(of(&harvest, "harborla"))[0], (Meter::StorageUsed, 731 << 20));
    assert!(of(&harvest, "oldbuild").unread[0].detail.contains("diskused"));
    assert_eq!(harvest.road(), "storage by listaccts");
    let refused = |asked: &RecordedRequest| match asked.path.ends_with("get_disk_usage") {
        true => (200, r#"{"metadata":{"result":0,"reason":"Unknown app requested","version":1}}"#.into()),
        false => printed(asked),
    };
    let (harvest, polled, _) = self::polled(refused, "").await;
    assert!(polled.is_ok());
    let harbor = of(&harvest, "harborla");
    assert_eq!(figures(harbor), [(Meter::TrafficTotal, 735_051_776)]);
    assert_eq!(harbor.unread[0].reason, Reason::NotOffered);
    assert!(harbor.unread[0].detail.contains("storage = \"listaccts\""), "{:?}", harbor.unread);
}

#[tokio::test]
async fn a_refused_credential_is_known_by_its_status_and_ends_the_poll() {
    let (harvest, polled, asked) =
        polled(|_| (403, include_str!("testdata/refused.malformed.txt").into()), "").await;
    assert!(harvest.accounts().is_empty() && asked.len() == 1, "{asked:?}");
    let error = polled.expect_err("refused");
    assert!(matches!(&error, BackendError::Refused(text) if text.contains("cPHulk")), "{error}");
    // Also one that is locked out between two calls.
    let locked_out = |asked: &RecordedRequest| match asked.path.ends_with("listaccts") {
        true => printed(asked),
        false => (403, String::new()),
    };
    let (_, polled, asked) = self::polled(locked_out, "").await;
    assert!(matches!(polled, Err(BackendError::Refused(_))) && asked.len() == 2, "{asked:?}");
}

#[tokio::test]
async fn answers_in_the_shapes_of_api_0_are_read() {
    let (harvest, polled, _) = polled(
        |asked| match asked.path.trim_start_matches("/json-api/") {
            "listaccts" => (200, include_str!("testdata/listaccts.api0.json").into()),
            "showbw" => (200, include_str!("testdata/showbw.api0.json").into()),
            _ => (200, r#"{"cpanelresult":{"error":"Function not found","data":{"result":"0"}}}"#.into()),
        },
        "storage = 'listaccts'",
    )
    .await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?}");
    let harbor = of(&harvest, "harborla");
    assert_eq!(figures(harbor), [(Meter::StorageUsed, 3 << 20), (Meter::TrafficTotal, 88_211)]);
    assert_eq!(harbor.facts.traffic_limit.up_to().map(|limit| limit.get()), Some(1001 << 20));
}

#[tokio::test]
async fn a_page_is_no_answer_and_a_list_of_nobody_proves_nothing() {
    let (_, polled, _) = polled(|_| (200, " \n<HTML><body>Your license has expired</body>".into()), "").await;
    assert!(polled.is_err_and(|error| error.to_string().contains("licence")));
    let nobody = |counted: &'static str| {
        move |asked: &RecordedRequest| {
            let data = match asked.path.trim_start_matches("/json-api/") {
                "listaccts" => r#"{"acct":[]}"#,
                "showbw" => r#"{"acct":[],"month":11,"year":2024}"#,
                "get_disk_usage" => r#"{"accounts":[]}"#,
                "acctcounts" => counted,
                _ => r#"{"privileges":[{"all":1}]}"#,
            };
            (200, format!(r#"{{"data":{data},"metadata":{{"result":1}}}}"#))
        }
    };
    let count = r#"{"reseller":{"active":0,"suspended":0,"user":"root"}}"#;
    let (harvest, polled, _) = self::polled(nobody(count), "").await;
    assert!(polled.is_ok() && harvest.is_complete());
    let (harvest, polled, _) = self::polled(nobody("null"), "").await;
    assert!(polled.is_ok() && !harvest.is_complete() && harvest.warnings()[0].contains("acctcounts"));
    let count = r#"{"reseller":{"active":9,"suspended":5,"user":"root"}}"#;
    let (_, polled, _) = self::polled(nobody(count), "").await;
    assert!(polled.is_err_and(|error| error.to_string().contains("root has 14")));
}

#[tokio::test]
async fn nothing_is_sent_that_could_harm_more_than_one_account() {
    let server = Scripted::serve(printed).await;
    let backend = opened(&server.url, "");
    let name = AccountName::new("harborla").expect("a name");
    let target = Target::named(&name);
    let memory = limiter(&*backend).remember(&target).await.expect("remembered");
    // The server takes it and shows no change: that is said, and not believed.
    let error = limiter(&*backend).apply(&target, Policy::Limited, &memory).await;
    assert!(error.is_err());
    let sent: Vec<RecordedRequest> =
        server.asked().into_iter().filter(|asked| !asked.body.is_empty()).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].path, "/json-api/suspendacct");
    assert_eq!(sent[0].body, "api.version=1&user=harborla&reason=whmeter%3A+limit+reached");
}

#[test]
fn the_sample_is_a_section_also_with_every_key_uncommented() {
    let all: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // Keys stand as `# key = value`; prose does not look like that.
            Some(key) if key.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')) => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    for text in [SAMPLE, &all] {
        let file: toml::Table = text.parse().expect("toml");
        let mut backend = file["backend"][0].as_table().expect("a section").clone();
        backend.remove("token_file");
        backend.remove("kind");
        backend.insert("token".into(), "hunter2".into());
        let mut section = Section::new(backend, Path::new("."));
        section.take::<crate::backends::CommonSettings>().expect("the keys of every backend");
        section.take::<crate::http::HttpSettings>().expect("the keys of HTTP");
        let keys = format!("{section:?}");
        assert!(text == SAMPLE || keys.contains("storage") && keys.contains("limit_by"), "{keys}");
        PanelConfig::read(section).map(|_| ()).expect("valid");
    }
}
