//! What no simulated cloud does: answers that contradict themselves, and logins that lose their rights on the way.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::backends::Heard;
use crate::backends::kit::testing::{RecordedRequest, Scripted};
use crate::clock::Clock;
use crate::domain::{Reading, Timestamp};

const NOW: i64 = 1_795_226_400;

/// What a scripted cloud answers; everything can be changed.
#[derive(Clone)]
struct Script {
    roles: Vec<&'static str>,
    projects: Value,
    projects_links: Value,
    cards: Value,
    incoming: Value,
    outgoing: Value,
    volumes: Value,
    objects: (u16, Option<&'static str>),
    lifetime: i64,
    /// The token that services take; any when it is none.
    good_token: Option<&'static str>,
}

fn window(minutes: i64, value: Value) -> Value {
    let at = Timestamp::new(NOW - minutes * 60).expect("in range");
    json!([format!("{}+00:00", time::written(at)), 300.0, value])
}

fn project(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "domain_id": "default", "enabled": true, "tags": ["plan:gold"], "is_domain": false })
}

impl Default for Script {
    fn default() -> Script {
        let card = json!({
            "id": "3c0d7a52", "project_id": "9b1f6e0c", "instance_id": "6d1c2b7e", "started_at": "2026-02-11T09:15:02+00:00",
            "ended_at": null, "metrics": { "network.outgoing.bytes": "b7e4", "network.incoming.bytes": "02f9" },
        });
        let windows = |metric: &str| json!({ "3c0d7a52": { metric: { "mean": [window(20, json!(1_000)), window(15, json!(5_000))] } } });
        Script {
            roles: vec!["admin", "ResellerAdmin"],
            projects: json!([
                project("9b1f6e0c", "cust-1"),
                project("77aa", "cust-2"),
                project("c1a9", "admin"),
                project("5e5e", "service")
            ]),
            projects_links: json!({ "next": null }),
            cards: json!([card]),
            incoming: windows("network.incoming.bytes"),
            outgoing: windows("network.outgoing.bytes"),
            volumes: json!([{ "id": "0c6d", "size": 40, "status": "in-use", "os-vol-tenant-attr:tenant_id": "9b1f6e0c" }]),
            objects: (204, Some("123456")),
            lifetime: 3_600,
            good_token: None,
        }
    }
}

impl Script {
    fn answer(
        &self,
        base: &str,
        login: u32,
        asked: &RecordedRequest,
    ) -> (u16, Vec<(&'static str, String)>, String) {
        let json =
            |value: Value| (200, vec![("content-type", "application/json".to_string())], value.to_string());
        let path = asked.path.as_str();
        if path == "/v3/auth/tokens" {
            let time = |after: i64| {
                format!("{}.000000Z", time::written(Timestamp::new(NOW + after).expect("in range")))
            };
            let roles: Vec<Value> =
                self.roles.iter().map(|name| json!({ "id": "1", "name": name })).collect();
            let entry = |kind: &str, url: String| json!({ "type": kind, "endpoints": [{ "interface": "public", "region_id": "One", "url": url }] });
            let body = json!({ "token": {
                "issued_at": time(0), "expires_at": time(self.lifetime), "project": { "id": "c1a9", "name": "admin" },
                "roles": roles, "catalog": [
                    entry("metric", format!("{base}/metric/")), entry("object-store", format!("{base}/v1/AUTH_c1a9")),
                    entry("volumev3", format!("{base}/volume/v3/c1a9")), entry("compute", format!("{base}/compute/v2.1")),
                ],
            } });
            return (201, vec![("x-subject-token", format!("token-{login}"))], body.to_string());
        }
        if self.good_token.is_some_and(|good| asked.header("x-auth-token") != good) {
            return (
                401,
                Vec::new(),
                json!({ "error": { "code": 401, "message": "no", "title": "Unauthorized" } }).to_string(),
            );
        }
        match path {
            "/v3/projects" => {
                let mut page = json!({ "projects": self.projects, "links": self.projects_links });
                if self.projects_links["truncated"] == true {
                    page["truncated"] = true.into();
                }
                json(page)
            }
            "/metric/v1/search/resource/instance_network_interface" => json(self.cards.clone()),
            "/metric/v1/aggregates" => {
                let is_incoming = asked.body.contains("network.incoming.bytes");
                json(json!({ "measures": if is_incoming { &self.incoming } else { &self.outgoing } }))
            }
            "/volume/v3/c1a9/volumes/detail" => json(json!({ "volumes": self.volumes })),
            "/compute/v2.1/servers/detail" => json(json!({ "servers": [] })),
            path if path.starts_with("/metric/v1/metric/") => json(json!({ "archive_policy": {
                "aggregation_methods": ["mean", "rate:mean"],
                "definition": [{ "granularity": "0:05:00", "timespan": "30 days, 0:00:00" }],
            } })),
            path if path.starts_with("/v1/AUTH_") => {
                let headers = self.objects.1.map(|used| ("x-account-bytes-used", used.to_string()));
                (self.objects.0, headers.into_iter().collect(), String::new())
            }
            _ => (404, vec![("content-type", "text/html".into())], "<html>Not Found</html>".into()),
        }
    }
}

/// A cloud by a script that may be changed while it runs, and a backend of it.
async fn cloud(script: Script, keys: &str) -> (Scripted, Arc<Mutex<Script>>, Box<dyn Backend>) {
    let script = Arc::new(Mutex::new(script));
    let (told, logins) = (Arc::clone(&script), AtomicU32::new(0));
    let base = Arc::new(Mutex::new(String::new()));
    let place = Arc::clone(&base);
    let server = Scripted::serve_with_headers(move |asked| {
        if asked.path == "/v3/auth/tokens" {
            logins.fetch_add(1, Ordering::Relaxed);
        }
        let base = place.lock().expect("no panic").clone();
        told.lock().expect("no panic").answer(&base, logins.load(Ordering::Relaxed), asked)
    })
    .await;
    *base.lock().expect("no panic") = server.url.as_str().trim_end_matches('/').to_string();
    let text = format!(
        "url = '{}'\napplication_credential_id = 'a'\napplication_credential_secret = 'hunter2hunter2'\n{keys}",
        server.url
    );
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let now = Timestamp::new(NOW).expect("in range");
    let backend = open(section, Scripted::http().with_clock(Clock::Fixed(now))).expect("valid");
    (server, script, backend)
}

async fn polled(backend: &dyn Backend) -> Result<Harvest, BackendError> {
    let ask =
        PollRequest { heard: Heard::default(), ..PollRequest::at(Timestamp::new(NOW).expect("in range")) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

/// What is said of a meter of an account that was not read.
fn said(harvest: &Harvest, account: &str, meter: Meter) -> Option<(Reason, String)> {
    let unread = harvest.accounts()[account].unread.iter().find(|unread| unread.meter == Some(meter));
    unread.map(|unread| (unread.reason, unread.detail.clone()))
}

fn figures(harvest: &Harvest, account: &str) -> Vec<(Meter, u64)> {
    let readings = harvest.accounts()[account].readings.iter();
    let mut figures: Vec<(Meter, u64)> = readings
        .map(|(meter, reading)| match reading {
            Reading::Gauge { level, .. } => (*meter, level.get()),
            Reading::Counter { count, .. } => (*meter, count.get()),
            Reading::PeriodTotal { total, .. } => (*meter, total.get()),
        })
        .collect();
    figures.sort_unstable();
    figures
}

#[tokio::test]
async fn a_poll_of_a_cloud_in_order() {
    let (server, _, backend) = cloud(Script::default(), "").await;
    let harvest = polled(&*backend).await.expect("polled");
    assert!(harvest.is_complete());
    let names: Vec<&str> = harvest.accounts().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["77aa", "9b1f6e0c"], "the service and the meter's own project are no customers");
    let facts = &harvest.accounts()["9b1f6e0c"].facts;
    assert_eq!(
        (facts.identity.unique(), facts.package.as_deref(), facts.suspended),
        (Some("9b1f6e0c"), Some("gold"), Some(false))
    );
    let mut wanted = vec![
        (Meter::StorageUsed, (40 << 30) + 123_456),
        (Meter::TrafficIn, 5_000),
        (Meter::TrafficOut, 5_000),
    ];
    wanted.sort_unstable();
    assert_eq!(figures(&harvest, "9b1f6e0c"), wanted);
    let made_of = harvest.accounts()["9b1f6e0c"].made_of.as_ref().expect("its sources are named");
    let parts: Vec<_> = made_of.parts.iter().map(|part| (part.name.as_str(), part.bytes.get())).collect();
    assert_eq!(parts, [("volumes", 40 << 30), ("objects", 123_456)]);
    assert_eq!(figures(&harvest, "77aa"), [(Meter::StorageUsed, 123_456)]);
    for asked in server.asked().iter().filter(|asked| asked.path != "/v3/auth/tokens") {
        assert_eq!(
            (asked.header("accept"), asked.header("x-auth-token")),
            ("application/json", "token-1"),
            "{}",
            asked.path
        );
        assert!(!asked.query.contains("hunter2") && !asked.query.contains("token-1"));
    }
}

#[tokio::test]
async fn a_list_that_may_lack_somebody_is_no_list() {
    for (change, named) in [
        (json!({ "next": null, "truncated": true }), "list_limit"),
        (json!({ "next": "http://inner/v3/projects?limit=500&marker=77aa" }), "go round"),
        (json!({ "next": "http://inner/v3/projects?limit=500" }), "no marker"),
    ] {
        let (_server, _, backend) =
            cloud(Script { projects_links: change.clone(), ..Script::default() }, "").await;
        let error = polled(&*backend).await.expect_err("no list").to_string();
        assert!(error.contains(named) || error.contains("twice"), "{change}: {error}");
    }
    for (projects, named) in [
        (json!([{ "name": "cust-1", "domain_id": "default" }]), "no id"),
        (json!([project("9b1f", "a"), project("9b-1f", "b")]), "twice"),
        (json!({ "9b1f": {} }), "an object"),
    ] {
        let (_server, _, backend) = cloud(Script { projects, ..Script::default() }, "").await;
        let error = polled(&*backend).await.expect_err("no list").to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn names_that_two_projects_have_are_told_and_nobody_is_billed_for_them() {
    let far = json!({ "id": "beef", "name": "cust-1", "domain_id": "other", "enabled": true });
    let projects = json!([project("9b1f6e0c", "cust-1"), project("77aa", "Küste & 'Co' 100 %"), far]);
    let script = Script { projects, ..Script::default() };
    let (_server, _, backend) = cloud(script.clone(), "account = 'name'").await;
    let harvest = polled(&*backend).await.expect("polled");
    let twice = &harvest.accounts()["cust-1"];
    assert!(twice.readings.is_empty() && twice.unread[0].detail.contains("domain/name"), "{twice:?}");
    assert!(harvest.accounts().contains_key("Küste & 'Co' 100 %"));
    assert_eq!(harvest.unclaimed_usage().len(), 1);
    // Domains are called by names that this cloud does not tell.
    let (_server, _, backend) = cloud(script, "account = 'domain/name'").await;
    assert!(polled(&*backend).await.is_err());
}

#[tokio::test]
async fn nonsense_of_one_card_is_its_own_and_an_odd_size_makes_one_level_unknown() {
    let odd = [json!("many"), json!(-1), json!(null), json!([7]), json!(1e19)];
    for value in odd {
        let windows =
            json!({ "3c0d7a52": { "network.incoming.bytes": { "mean": [window(15, value.clone())] } } });
        let (_server, _, backend) = cloud(Script { incoming: windows, ..Script::default() }, "").await;
        let harvest = polled(&*backend).await.expect("polled");
        let (reason, detail) = said(&harvest, "9b1f6e0c", Meter::TrafficIn).expect("unread");
        assert!(reason == Reason::Unexpected && detail.contains("network.incoming.bytes"), "{detail}");
        assert!(figures(&harvest, "9b1f6e0c").contains(&(Meter::TrafficOut, 5_000)));
    }
    for size in [json!("40"), json!(-1), json!(1.5), json!(null), json!(9_223_372_036_854_775_808_u64)] {
        let volumes = json!([{ "id": "0c6d", "size": size, "os-vol-tenant-attr:tenant_id": "9b1f6e0c" }]);
        let (_server, _, backend) = cloud(Script { volumes, ..Script::default() }, "").await;
        let harvest = polled(&*backend).await.expect("polled");
        let (reason, detail) = said(&harvest, "9b1f6e0c", Meter::StorageUsed).expect("unread");
        assert!(reason == Reason::Unexpected && detail.contains("size"), "{detail}");
        assert_eq!(figures(&harvest, "77aa"), [(Meter::StorageUsed, 123_456)]);
    }
}

#[tokio::test]
async fn a_service_that_says_nothing_makes_nobody_empty() {
    // Volumes without the field that administrators alone are told.
    let script = Script { volumes: json!([{ "id": "0c6d", "size": 40 }]), ..Script::default() };
    let (_server, _, backend) = cloud(script, "").await;
    let (reason, detail) =
        said(&polled(&*backend).await.expect("polled"), "77aa", Meter::StorageUsed).expect("unread");
    assert!(reason == Reason::Refused && detail.contains("admin"), "{detail}");
    // A prefix that no account has.
    let (_server, _, backend) = cloud(Script { objects: (404, None), ..Script::default() }, "").await;
    let (_, detail) =
        said(&polled(&*backend).await.expect("polled"), "77aa", Meter::StorageUsed).expect("unread");
    assert!(detail.contains("swift_prefix"), "{detail}");
    // Something that is not Swift.
    let (_server, _, backend) = cloud(Script { objects: (200, None), ..Script::default() }, "").await;
    let (_, detail) =
        said(&polled(&*backend).await.expect("polled"), "77aa", Meter::StorageUsed).expect("unread");
    assert!(detail.contains("x-account-bytes-used"), "{detail}");
    let (_server, _, backend) = cloud(Script { objects: (403, None), ..Script::default() }, "").await;
    let (reason, detail) =
        said(&polled(&*backend).await.expect("polled"), "77aa", Meter::StorageUsed).expect("unread");
    assert!(reason == Reason::Refused && detail.contains("ResellerAdmin"), "{detail}");
    // A service that is not in the catalogue.
    let (_server, _, backend) = cloud(Script::default(), "storage = ['shares']").await;
    let (reason, detail) =
        said(&polled(&*backend).await.expect("polled"), "77aa", Meter::StorageUsed).expect("unread");
    assert!(reason == Reason::NotOffered && detail.contains("shared-file-system"), "{detail}");
}

#[tokio::test]
async fn a_token_that_services_have_dropped_is_replaced_once() {
    let (server, script, backend) = cloud(Script::default(), "").await;
    polled(&*backend).await.expect("polled");
    script.lock().expect("no panic").good_token = Some("token-2");
    polled(&*backend).await.expect("with a new token");
    let logins = || server.asked().iter().filter(|asked| asked.path == "/v3/auth/tokens").count();
    assert_eq!(logins(), 2);
    script.lock().expect("no panic").good_token = Some("token-99");
    let error = polled(&*backend).await.expect_err("refused");
    assert!(matches!(error, BackendError::Refused(_)) && logins() == 3, "{error}");
}

#[tokio::test]
async fn a_token_is_traded_before_it_ends_also_a_short_one() {
    for (lifetime, wanted) in [(45, 1), (3_600, 1)] {
        let (server, _, backend) = cloud(Script { lifetime, ..Script::default() }, "").await;
        polled(&*backend).await.expect("polled");
        polled(&*backend).await.expect("polled");
        let logins = server.asked().iter().filter(|asked| asked.path == "/v3/auth/tokens").count();
        assert_eq!(logins, wanted, "a token of {lifetime} s at one instant");
    }
}

#[test]
fn nothing_of_a_login_can_be_shown() {
    let text = "url = 'https://k'\nusername = 'a'\npassword = 'hunter2hunter2'\nproject = 'admin'";
    let section = Section::new(text.parse().expect("toml"), Path::new("."));
    let (access, _) = settings::read(section).expect("valid");
    assert!(!format!("{:?}", access.login).contains("hunter2"));
}
