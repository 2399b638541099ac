//! The fake cloud's answers, compared with the shapes of the real services.
#![allow(clippy::unwrap_used)]

use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::openstack::{Options, Panel, project_id};
use whmeter_simulators::panel::{self, SimulatedPanel};

const NOW: i64 = 1_795_226_400;

const ADMIN: &str = "c1a9e77b4d2f4f0e9b8d6a5c3e2f1a00";

async fn start(accounts: usize) -> Panel {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    Panel::start(Options { common, ..Options::default() }).await.unwrap()
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(method: &str, url: &str, headers: &[(&'static str, &str)], body: &Value) -> Answer {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let mut request = Client::new().request(Method::from_bytes(method.as_bytes()).unwrap(), url);
    request = request.header("accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

fn password(panel: &Panel, scope: Value) -> Value {
    let who = panel.identity();
    let user = json!({ "name": who.user, "domain": { "id": "default" }, "password": who.password });
    let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    json!({ "auth": auth })
}

fn credential(panel: &Panel) -> Value {
    let who = panel.identity();
    let told = json!({ "id": who.credential, "secret": who.secret });
    json!({ "auth": { "identity": { "methods": ["application_credential"], "application_credential": told } } })
}

async fn log_in(panel: &Panel, body: &Value) -> Answer {
    send("POST", &format!("{}/v3/auth/tokens", panel.url()), &[], body).await
}

/// A cloud and a token of its admin.
struct Cloud {
    panel: Panel,
    token: String,
}

impl Cloud {
    async fn new(accounts: usize) -> Self {
        let panel = start(accounts).await;
        let token = log_in(&panel, &credential(&panel)).await.header("x-subject-token").to_owned();
        Self { panel, token }
    }

    async fn ask(&self, method: &str, service: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.panel.service_url(service));
        let versions = match service {
            "compute" => "compute 2.73",
            "block-storage" => "volume 3.65",
            _ => "",
        };
        let headers = [("x-auth-token", self.token.as_str()), ("openstack-api-version", versions)];
        send(method, &url, &headers, &body).await
    }

    async fn get(&self, service: &str, path: &str) -> Value {
        let answer = self.ask("GET", service, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// The points of the outgoing bytes of all interfaces, by resource.
    async fn outgoing(&self, query: &str, operations: &str) -> Answer {
        let body =
            json!({ "operations": operations, "resource_type": "instance_network_interface", "search": {} });
        self.ask("POST", "metric", &format!("/v1/aggregates?{query}"), body).await
    }

    async fn interface(&self, account: &str) -> Value {
        let filter = format!("project_id%20%3D%20%27{account}%27%20and%20ended_at%20%3D%20null");
        let path = format!("/v1/search/resource/instance_network_interface?filter={filter}");
        self.ask("POST", "metric", &path, Value::Null).await.json()[0].clone()
    }

    async fn points(&self, metric: &Value, query: &str) -> Vec<(String, f64)> {
        let path = format!("/v1/metric/{}/measures?{query}", metric.as_str().unwrap());
        let points = self.get("metric", &path).await;
        let points = points.as_array().unwrap().iter();
        points.map(|point| (point[0].as_str().unwrap().to_owned(), point[2].as_f64().unwrap())).collect()
    }

    fn sent(&self, account: &str, from: i64, to: i64) -> u64 {
        self.panel.knobs().truth.traffic_between(account, from, to).unwrap().sent
    }
}

fn keys(row: &Value) -> BTreeSet<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(row: &Value, names: &str) {
    let missing: Vec<&str> = names.split(' ').filter(|name| row.get(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} of {row}");
}

#[tokio::test]
async fn tokens_are_given_for_passwords_and_credentials_with_their_scope() {
    let panel = start(1).await;
    let answer = log_in(&panel, &credential(&panel)).await;
    assert_eq!((answer.status, answer.header("x-subject-token").len() > 150), (201, true));
    let token = answer.json()["token"].clone();
    assert_eq!(token["expires_at"], "2026-11-21T03:00:00.000000Z");
    assert_eq!(
        (&token["methods"], &token["project"]["id"]),
        (&json!(["application_credential"]), &json!(ADMIN))
    );
    has(&token, "user audit_ids issued_at is_domain roles catalog application_credential");
    let ends = &token["catalog"][0]["endpoints"][0];
    assert_eq!(keys(ends), "id interface region_id region url".split(' ').collect());
    let project = json!({ "project": { "name": "admin", "domain": { "name": "Default" } } });
    assert_eq!(log_in(&panel, &password(&panel, project.clone())).await.status, 201);
    for scope in [Value::Null, json!("unscoped")] {
        let token = log_in(&panel, &password(&panel, scope)).await.json()["token"].clone();
        assert!(
            token.get("catalog").is_none() && token.get("project").is_none() && token.get("roles").is_none()
        );
    }
    let system = log_in(&panel, &password(&panel, json!({ "system": { "all": true } }))).await.json();
    let rows = system["token"]["catalog"].as_array().unwrap().clone();
    let ends = |kind: &str| {
        rows.iter().find(|row| row["type"] == kind).unwrap()["endpoints"].as_array().unwrap().len()
    };
    assert_eq!((ends("object-store"), ends("block-storage"), ends("metric") > 0), (0, 0, true));

    let mut scoped = credential(&panel);
    scoped["auth"]["scope"] = project.clone();
    let answer = log_in(&panel, &scoped).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("Application credentials cannot request a scope."));
    let mut wrong = credential(&panel);
    wrong["auth"]["identity"]["application_credential"]["secret"] = json!("wrong");
    let answer = log_in(&panel, &wrong).await;
    let said = "The request you have made requires authentication.";
    assert_eq!(answer.json(), json!({ "error": { "code": 401, "message": said, "title": "Unauthorized" } }));
    assert_eq!(answer.header("www-authenticate"), format!("Keystone uri=\"{}/v3\"", panel.url()));
    assert!(answer.header("x-openstack-request-id").starts_with("req-"));
    let mut domainless = password(&panel, project.clone());
    domainless["auth"]["identity"]["password"]["user"]["domain"] = Value::Null;
    let answer = log_in(&panel, &domainless).await;
    assert_eq!((answer.status, answer.text.contains("Expecting to find domain in user")), (400, true));

    panel.switch(|switches| switches.second_factor = true);
    let answer = log_in(&panel, &password(&panel, project.clone())).await;
    assert_eq!((answer.status, answer.header("openstack-auth-receipt").is_empty()), (401, false));
    panel.switch(|switches| {
        switches.second_factor = false;
        switches.lockout_failure_attempts = Some(2);
        switches.credential_expires_at = Some(NOW + 60);
    });
    // Locked by what was refused before, behind the ordinary refusal; a while later it is over.
    assert_eq!(log_in(&panel, &credential(&panel)).await.status, 401);
    panel.switch(|switches| switches.lockout_failure_attempts = None);
    let token = log_in(&panel, &credential(&panel)).await.json()["token"].clone();
    assert_eq!(token["expires_at"], "2026-11-21T02:01:00.000000Z");
    panel.knobs().clock.advance(61);
    assert_eq!(log_in(&panel, &credential(&panel)).await.status, 401);
}

#[tokio::test]
async fn versions_catalogue_and_tokens_that_end() {
    let cloud = Cloud::new(1).await;
    let panel = &cloud.panel;
    let root = send("GET", &panel.url(), &[], &Value::Null).await;
    assert_eq!((root.status, &root.json()["versions"]["values"][0]["id"]), (300, &json!("v3.14")));
    assert_eq!(root.header("location"), format!("{}/v3/", panel.url()));
    assert_eq!(
        send("GET", &format!("{}/v3", panel.url()), &[], &Value::Null).await.json()["version"]["id"],
        "v3.14"
    );
    let wrong = send("POST", &format!("{}/auth/tokens", panel.url()), &[], &credential(panel)).await;
    assert_eq!((wrong.status, wrong.text.starts_with("<html>")), (404, true));
    assert_eq!(cloud.get("metric", "/").await["versions"][0]["id"], "v1.0");
    assert!(cloud.get("object-store", "/info").await.get("account_quotas").is_some());
    assert_eq!(cloud.get("compute", "/v2.1").await["version"]["min_version"], "2.1");

    panel.switch(|switches| {
        (switches.regions, switches.trailing_slashes) = (2, true);
        switches.empty_endpoints.insert("network".into());
    });
    let rows = log_in(panel, &credential(panel)).await.json()["token"]["catalog"].clone();
    let row = |kind: &str| rows.as_array().unwrap().iter().find(|row| row["type"] == kind).unwrap().clone();
    assert_eq!(row("network")["endpoints"], json!([]));
    let url = row("block-storage")["endpoints"][3].clone();
    assert_eq!(url["region_id"], "RegionTwo");
    let there = panel.service_url("block-storage");
    assert_eq!(url["url"], format!("{there}/region-two/v3/{ADMIN}/"));
    let volumes =
        cloud.get("block-storage", &format!("/region-two/v3/{ADMIN}/volumes/detail?all_tenants=1")).await;
    assert_eq!(volumes["volumes"], json!([]));

    panel.knobs().clock.advance(3_590);
    assert_eq!(cloud.ask("GET", "metric", "/v1/status", Value::Null).await.status, 200);
    panel.switch(|switches| switches.refused_early_seconds = 20);
    let early = cloud.ask("GET", "metric", "/v1/status", Value::Null).await;
    assert_eq!((early.status, &early.json()["error"]["title"]), (401, &json!("Unauthorized")));
    assert_eq!(cloud.ask("GET", "identity", "/v3/projects", Value::Null).await.status, 200);
    let head = cloud.ask("HEAD", "object-store", &format!("/v1/AUTH_{ADMIN}"), Value::Null).await;
    assert_eq!((head.status, head.text.as_str()), (401, ""));
    panel.switch(|switches| switches.keystone_unreachable = true);
    let down = cloud.ask("GET", "compute", "/v2.1/servers/detail", Value::Null).await;
    assert_eq!((down.status, down.text.contains("temporarily unavailable")), (503, true));
    panel.operate("services/metric", &json!({ "op": "down" })).unwrap();
    assert!(Client::new().get(panel.service_url("metric")).send().await.is_err());
}

#[tokio::test]
async fn projects_come_in_the_three_ways_of_paging() {
    let cloud = Cloud::new(7).await;
    let list = async |query: &str| cloud.get("identity", &format!("/v3/projects{query}")).await;
    let all = list("?limit=500").await;
    let rows = all["projects"].as_array().unwrap().clone();
    // Seven, and the operator's admin and service.
    assert_eq!((rows.len(), &all["links"]["next"], all.get("truncated")), (9, &Value::Null, None));
    assert_eq!(
        keys(&rows[0]),
        "id name domain_id description enabled parent_id is_domain tags options links".split(' ').collect()
    );
    let first = list("?limit=3").await;
    assert_eq!((first["projects"].as_array().unwrap().len(), &first["truncated"]), (3, &json!(true)));
    let (mut next, mut seen) = (first["links"]["next"].clone(), 3);
    while let Some(url) = next.as_str() {
        let page = send("GET", url, &[("x-auth-token", &cloud.token)], &Value::Null).await.json();
        seen += page["projects"].as_array().unwrap().len();
        next = page["links"]["next"].clone();
    }
    // The page after the last full one is empty.
    assert_eq!(seen, 9);
    let lost = cloud.ask("GET", "identity", "/v3/projects?limit=3&marker=gone", Value::Null).await;
    assert_eq!(
        (lost.status, &lost.json()["error"]["message"]),
        (404, &json!("Marker gone could not be found."))
    );
    cloud.panel.switch(|switches| switches.max_db_limit = 4);
    let cut = list("").await;
    assert_eq!((cut["projects"].as_array().unwrap().len(), cut.get("truncated")), (4, None));
    cloud.panel.switch(|switches| (switches.keystone_pages, switches.list_limit) = (false, Some(5)));
    let old = list("?limit=500").await;
    assert_eq!(
        (old["projects"].as_array().unwrap().len(), &old["truncated"], &old["links"]["next"]),
        (5, &json!(true), &Value::Null)
    );
    cloud.panel.switch(|switches| switches.list_limit = None);
    assert_eq!(list("?limit=3").await["projects"].as_array().unwrap().len(), 9);
    assert_eq!(list("?tags=whmcs").await["projects"].as_array().unwrap().len(), 7);
    assert_eq!(list("?name__icontains=M%C3%9CLLER").await["projects"].as_array().unwrap().len(), 1);
    assert_eq!(list("?name__contains=m%C3%BCller").await["projects"].as_array().unwrap().len(), 0);
    let second = list("").await["projects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["domain_id"] != "default")
        .count();
    assert_eq!(second, 1);
    cloud.panel.switch(|switches| assert!(switches.roles.remove("admin")));
    let refused = cloud.ask("GET", "identity", "/v3/projects", Value::Null).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("identity:list_projects."));
}

#[tokio::test]
async fn gnocchi_lists_resources_in_pages_and_says_what_is_wrong_as_it_is_asked() {
    let cloud = Cloud::new(12).await;
    let (mut path, mut ids) =
        ("/v1/resource/instance_network_interface?limit=4&sort=id:asc".to_owned(), Vec::new());
    loop {
        let answer = cloud.ask("GET", "metric", &path, Value::Null).await;
        let rows = answer.json();
        ids.extend(rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let link = answer.header("link").to_owned();
        let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
            break;
        };
        path = next.replace(&cloud.panel.service_url("metric"), "");
    }
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    // Twelve servers with a port, one of them off for ever, one with two ports, two projects with two servers.
    assert_eq!((ids.len(), sorted), (14, ids.clone()));
    let row = cloud.interface(&project_id(0)).await;
    has(&row, "type user_id name started_at ended_at revision_start creator created_by_user_id metrics");
    assert_eq!((&row["project_id"], &row["ended_at"]), (&json!(project_id(0)), &Value::Null));
    assert!(row["original_resource_id"].as_str().unwrap().ends_with(row["name"].as_str().unwrap()));
    let body = json!({ "and": [{ "=": { "project_id": project_id(6) } }, { "or": [{ "=": { "ended_at": null } },
        { ">=": { "ended_at": "2026-03-01T00:00:00" } }] }] });
    let path = "/v1/search/resource/instance_network_interface?attrs=id&attrs=project_id";
    let found = cloud.ask("POST", "metric", path, body).await.json();
    assert_eq!((found.as_array().unwrap().len(), keys(&found[0])), (2, ["id", "project_id"].into()));
    let account = cloud.get("metric", "/v1/resource/swift_account").await[0].clone();
    assert_eq!(
        account["id"].as_str().unwrap().replace('-', ""),
        account["original_resource_id"].as_str().unwrap()
    );

    let missing = cloud.ask("GET", "metric", "/v1/resource/nosuch", Value::Null).await;
    let description = "Resource type nosuch does not exist";
    assert_eq!(missing.json(), json!({ "code": 404, "title": "Not Found", "description": description }));
    let url = format!("{}/v1/resource/nosuch", cloud.panel.service_url("metric"));
    let page = Client::new()
        .get(url)
        .header("x-auth-token", &cloud.token)
        .header("accept", "*/*")
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().starts_with("<html>"));
    let lost = cloud.ask("GET", "metric", "/v1/resource/volume?marker=gone", Value::Null).await;
    assert_eq!((lost.status, lost.text.starts_with("<html>")), (500, true));
    let policy = cloud.get("metric", "/v1/archive_policy/ceilometer-low-rate").await;
    let definition = json!([{ "granularity": "0:05:00", "timespan": "30 days, 0:00:00", "points": 8640 }]);
    assert_eq!(
        policy,
        json!({ "name": "ceilometer-low-rate", "back_window": 0, "definition": definition,
        "aggregation_methods": ["mean", "rate:mean"] })
    );
    cloud.panel.switch(|switches| switches.backlog_seconds = 900);
    assert!(
        cloud.get("metric", "/v1/status?details=false").await["storage"]["summary"]["measures"].as_u64()
            > Some(80)
    );
    // A token of system scope sees nothing at all, and no error.
    let system = json!({ "system": { "all": true } });
    let token =
        log_in(&cloud.panel, &password(&cloud.panel, system)).await.header("x-subject-token").to_owned();
    let url = format!("{}/v1/resource/volume", cloud.panel.service_url("metric"));
    let answer = send("GET", &url, &[("x-auth-token", &token)], &Value::Null).await;
    assert_eq!((answer.status, answer.json()), (200, json!([])));
    cloud.panel.switch(|switches| assert!(switches.roles.remove("admin")));
    assert_eq!(cloud.get("metric", "/v1/resource/volume").await, json!([]));
    let refused = cloud.ask("GET", "metric", "/v1/status", Value::Null).await;
    assert_eq!((refused.status, &refused.json()["description"]), (403, &json!("")));
}

#[tokio::test]
async fn windows_hold_the_counters_and_begin_anew_with_the_tap() {
    let cloud = Cloud::new(4).await;
    let (panel, account) = (&cloud.panel, project_id(0));
    let interface = cloud.interface(&account).await;
    let metric = &interface["metrics"]["network.outgoing.bytes"];
    let hour = "aggregation=mean&granularity=300&start=2026-11-21T01:00:00&stop=2026-11-21T02:00:00";
    let points = cloud.points(metric, hour).await;
    assert_eq!((points.len(), points[0].0.as_str()), (12, "2026-11-21T01:00:00+00:00"));
    let passed = points[11].1 - points[0].1;
    assert_eq!(passed as u64, cloud.sent(&account, NOW - 3_300, NOW));
    // The start is rounded down, the stop is exclusive; an offset has to be escaped.
    let two = "aggregation=mean&granularity=300&start=2026-11-21T02:04:59%2B01:00&stop=2026-11-21T01:10:00";
    assert_eq!(cloud.points(metric, two).await, points[..2]);
    let path = format!("/v1/metric/{}/measures?start=2026-11-21T02:04:59+01:00", metric.as_str().unwrap());
    let wrong = cloud.ask("GET", "metric", &path, Value::Null).await;
    assert_eq!(
        (wrong.status, &wrong.json()["description"]),
        (400, &json!("Must be a datetime or a timestamp"))
    );

    let server = panel.servers(&account)[0].clone();
    panel.knobs().clock.advance(450);
    let gone = cloud.sent(&account, NOW + 300, NOW + 450);
    panel.operate(&format!("servers/{server}"), &json!({ "op": "reboot" })).unwrap();
    assert_eq!(panel.knobs().truth.forgotten_between(&account, NOW, NOW + 600).sent, gone);
    panel.knobs().clock.advance(750);
    let later = "granularity=300&start=2026-11-21T01:55:00";
    let means = cloud.points(metric, &format!("aggregation=mean&{later}")).await;
    assert_eq!(
        means[2].1 as u64,
        cloud.sent(&account, NOW + 450, NOW + 600),
        "after the reboot it counts from nothing"
    );
    let rates = cloud.points(metric, &format!("aggregation=rate:mean&{later}")).await;
    assert_eq!(rates[2].1, means[2].1 - means[1].1);
    assert!(rates[2].1 < 0.0, "a restart is a negative rate");

    // Off: no samples. On again: a new tap, and a gap.
    panel.operate(&format!("servers/{server}"), &json!({ "op": "set_status", "status": "SHUTOFF" })).unwrap();
    panel.knobs().clock.advance(1_200);
    panel.operate(&format!("servers/{server}"), &json!({ "op": "set_status", "status": "ACTIVE" })).unwrap();
    panel.knobs().clock.advance(600);
    let after = cloud.points(metric, "aggregation=mean&granularity=300&start=2026-11-21T02:20:00").await;
    let starts: Vec<&str> = after.iter().map(|(start, _)| &start[11..16]).collect();
    assert_eq!(starts, ["02:40", "02:45"]);

    // What is not worked in yet is not there; a late sample leaves its window to the next.
    panel.switch(|switches| switches.backlog_seconds = 300);
    assert_eq!(cloud.points(metric, "granularity=300&start=2026-11-21T02:20:00").await.len(), 1);
    panel.switch(|switches| (switches.backlog_seconds, switches.late_every) = (0, Some(4)));
    let jittered = cloud.points(metric, hour).await;
    assert_eq!(jittered.len(), 9);
    panel.switch(|switches| switches.outages = vec![(NOW - 3_600, NOW - 1_200)]);
    assert!(cloud.points(metric, hour).await.len() < 5);
}

#[tokio::test]
async fn aggregates_tell_of_everybody_in_one_answer() {
    let cloud = Cloud::new(12).await;
    let hour = "granularity=300&start=2026-11-21T01:00:00&stop=2026-11-21T02:00:00";
    let plain =
        cloud.outgoing(&format!("{hour}&details=true"), "(metric network.outgoing.bytes mean)").await.json();
    let interface = cloud.interface(&project_id(1)).await;
    let id = interface["id"].as_str().unwrap();
    let points = plain["measures"][id]["network.outgoing.bytes"]["mean"].as_array().unwrap();
    assert_eq!((points.len(), points[0][1].as_f64()), (12, Some(300.0)));
    assert!(plain["references"].as_array().unwrap().contains(&interface));
    let day = "(resample sum 86400 (aggregate sum (clip_min 0 (metric network.outgoing.bytes rate:mean))))";
    let grouped = cloud.outgoing(&format!("groupby=project_id&{hour}"), day).await.json();
    let own =
        grouped.as_array().unwrap().iter().find(|row| row["group"]["project_id"] == project_id(6)).unwrap();
    let point = &own["measures"]["measures"]["aggregated"][0];
    assert_eq!((&point[0], &point[1]), (&json!("2026-11-21T00:00:00+00:00"), &json!(86400.0)));
    assert_eq!(point[2].as_f64().unwrap() as u64, cloud.sent(&project_id(6), NOW - 3_600, NOW));
    let two = json!(["metric", ["network.outgoing.bytes", "mean"], ["network.incoming.bytes", "mean"]]);
    let body = json!({ "operations": two, "resource_type": "instance_network_interface",
        "search": { "in": { "project_id": [project_id(1)] } } });
    let both = cloud.ask("POST", "metric", &format!("/v1/aggregates?{hour}"), body).await.json();
    assert_eq!(keys(&both["measures"][id]).len(), 2);
    assert_eq!(keys(&both["measures"]).len(), 1);

    let lost = cloud.outgoing(hour, "(metric nothing mean)").await;
    let text = "Metric ['nothing'] does not exist";
    assert_eq!(lost.json(), json!({ "code": 404, "title": "Not Found", "description": text }));
    cloud.panel.switch(|switches| switches.old_gnocchi = true);
    let lost = cloud.outgoing(hour, "(metric nothing mean)").await;
    assert_eq!((lost.status, &lost.json()["description"]["cause"]), (400, &json!("Metrics not found")));
    cloud.panel.switch(|switches| switches.mixed_policies = true);
    let lost = cloud.outgoing(hour, "(metric network.outgoing.bytes rate:mean)").await;
    assert_eq!(
        (lost.status, &lost.json()["description"]["cause"]),
        (404, &json!("Metrics with unknown aggregation"))
    );
    let lost = cloud.outgoing("granularity=60", "(metric network.outgoing.bytes mean)").await;
    assert_eq!(
        (lost.status, &lost.json()["description"]["reason"]),
        (400, &json!("Granularities are missing"))
    );
    let lost = cloud.outgoing(&format!("needed_overlap=100&start=2026-11-14&{hour}"), "(metric").await;
    assert_eq!(lost.status, 400);
}

#[tokio::test]
async fn servers_are_told_by_microversion_and_switched_a_little_later() {
    let cloud = Cloud::new(3).await;
    let (panel, account) = (&cloud.panel, project_id(0));
    let list = cloud.get("compute", "/v2.1/servers/detail?all_tenants=1&limit=2").await;
    assert_eq!(list["servers"].as_array().unwrap().len(), 2);
    assert!(list["servers_links"][0]["href"].as_str().unwrap().contains("marker="));
    has(
        &list["servers"][0],
        "tenant_id status OS-EXT-STS:vm_state OS-EXT-STS:task_state locked locked_reason",
    );
    assert_eq!(list["servers"][0]["flavor"]["disk"], 20);
    assert_eq!(cloud.get("compute", "/v2.1/servers/detail").await["servers"], json!([]));
    let url = format!("{}/v2.1/servers/detail?all_tenants=1", panel.service_url("compute"));
    let lowest = send("GET", &url, &[("x-auth-token", &cloud.token)], &Value::Null).await;
    let row = lowest.json()["servers"][0].clone();
    assert_eq!((lowest.header("openstack-api-version"), row.get("locked")), ("compute 2.1", None));
    assert_eq!(row["flavor"], json!({ "id": "2", "links": [] }));
    let newer = [("x-auth-token", cloud.token.as_str()), ("openstack-api-version", "compute 2.999")];
    assert_eq!(send("GET", &url, &newer, &Value::Null).await.status, 406);

    let server = panel.servers(&account)[0].clone();
    let path = format!("/v2.1/servers/{server}");
    let seen = async || {
        let row = cloud.get("compute", &path).await["server"].clone();
        (row["status"].clone(), row["OS-EXT-STS:task_state"].clone())
    };
    let cards = cloud.get("compute", &format!("{path}/diagnostics")).await;
    assert!(cards["nic_details"][0]["tx_octets"].as_u64() > Some(0));
    let act = async |body: Value| cloud.ask("POST", "compute", &format!("{path}/action"), body).await;
    let taken = act(json!({ "suspend": null })).await;
    assert_eq!((taken.status, taken.text.as_str()), (202, ""));
    assert_eq!(seen().await, (json!("ACTIVE"), json!("suspending")));
    assert_eq!(seen().await, (json!("SUSPENDED"), Value::Null));
    assert_eq!(panel.is_limited(&account), Some(true));
    let again = act(json!({ "suspend": null })).await;
    assert_eq!((again.status, &again.json()["conflictingRequest"]["code"]), (409, &json!(409)));
    let off = cloud.ask("GET", "compute", &format!("{path}/diagnostics"), Value::Null).await;
    assert_eq!(off.status, 409);
    assert_eq!(act(json!({ "lock": { "locked_reason": "over quota" } })).await.status, 202);
    assert_eq!(cloud.get("compute", &path).await["server"]["locked_reason"], "over quota");
    assert_eq!(act(json!({ "resume": null })).await.status, 202);
    panel.operate("tasks", &Value::Null).unwrap();
    assert_eq!((seen().await.0, panel.is_limited(&account)), (json!("ACTIVE"), Some(false)));
    panel.switch(|switches| switches.can_freeze = false);
    assert_eq!(act(json!({ "pause": null })).await.json()["notImplemented"]["code"], 501);
    let usage = cloud
        .get("compute", "/v2.1/os-simple-tenant-usage?start=2026-11-20T00:00:00&end=2026-11-21T00:00:00")
        .await;
    assert_eq!(
        (usage["tenant_usages"].as_array().unwrap().len(), &usage["tenant_usages"][0]["total_hours"]),
        (3, &json!(24.0))
    );
    let nobody = cloud.ask("GET", "compute", "/v2.1/servers/nobody", Value::Null).await;
    assert_eq!(nobody.json()["itemNotFound"]["code"], 404);
}

#[tokio::test]
async fn volumes_objects_and_quotas_are_told_and_set() {
    let cloud = Cloud::new(4).await;
    let (panel, account) = (&cloud.panel, project_id(2));
    panel.switch(|switches| switches.internal_links = true);
    let (mut query, mut gib) = ("all_tenants=1&limit=3".to_owned(), 0);
    loop {
        let page = cloud.get("block-storage", &format!("/v3/{ADMIN}/volumes/detail?{query}")).await;
        let own = page["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["os-vol-tenant-attr:tenant_id"] == account);
        gib += own.map(|row| row["size"].as_u64().unwrap()).sum::<u64>();
        let Some(next) = page["volumes_links"][0]["href"].as_str() else { break };
        assert!(next.starts_with("http://10.0.0.5"));
        query = next.split_once('?').unwrap().1.to_owned();
    }
    let quota = format!("/v3/{ADMIN}/os-quota-sets/{account}");
    let set = cloud.get("block-storage", &format!("{quota}?usage=true")).await["quota_set"].clone();
    assert_eq!(set["gigabytes"], json!({ "in_use": gib, "limit": 1000, "reserved": 0 }));
    assert_eq!(cloud.get("block-storage", &quota).await["quota_set"]["gigabytes_ssd"], -1);
    let put = |limit: i64| {
        cloud.ask("PUT", "block-storage", &quota, json!({ "quota_set": { "gigabytes": limit } }))
    };
    assert_eq!((put(gib as i64).await.status, panel.is_limited(&account)), (200, Some(true)));
    panel.switch(|switches| switches.refuses_low_quota = true);
    assert_eq!(put(1).await.json()["badRequest"]["code"], 400);
    assert_eq!((put(-1).await.status, panel.is_limited(&account)), (200, Some(false)));

    let path = format!("/v1/AUTH_{account}");
    let head = cloud.ask("HEAD", "object-store", &path, Value::Null).await;
    let bytes: u64 = head.header("x-account-bytes-used").parse().unwrap();
    let held = panel.knobs().truth.level(&account, NOW).unwrap();
    assert_eq!((head.status, bytes + (gib << 30)), (204, held));
    let quota = head.header("x-account-meta-quota-bytes").to_owned();
    let set = async |value: &str| {
        let headers = [("x-auth-token", cloud.token.as_str()), ("x-account-meta-quota-bytes", value)];
        send("POST", &format!("{}{path}", panel.service_url("object-store")), &headers, &Value::Null)
            .await
            .status
    };
    assert_eq!((set("1G").await, set("-1").await, set("1").await), (400, 400, 204));
    let upload = cloud.ask("PUT", "object-store", &format!("{path}/c/o"), json!("more")).await;
    assert_eq!((upload.status, upload.text.contains("Upload exceeds quota.")), (413, true));
    assert_eq!(set("").await, 204);
    assert!(
        cloud
            .ask("HEAD", "object-store", &path, Value::Null)
            .await
            .header("x-account-meta-quota-bytes")
            .is_empty()
    );
    assert_eq!(set(&quota).await, 204);
    // Nobody at all looks like somebody who has nothing yet.
    let nobody = cloud.ask("HEAD", "object-store", "/v1/AUTH_nobody", Value::Null).await;
    assert_eq!((nobody.status, nobody.header("x-account-bytes-used")), (200, "0"));
    panel.switch(|switches| assert!(switches.roles.remove("ResellerAdmin")));
    assert_eq!(cloud.ask("HEAD", "object-store", &path, Value::Null).await.status, 403);

    panel.switch(|switches| switches.share_gib = 7);
    let shares = cloud.get("shared-file-system", "/v2/shares/detail?all_tenants=1").await;
    assert_eq!((shares["shares"].as_array().unwrap().len(), &shares["shares"][0]["size"]), (4, &json!(7)));
    let copies = cloud.get("block-storage", &format!("/v3/{ADMIN}/snapshots/detail?all_tenants=1")).await;
    assert_eq!(copies["snapshots"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn images_are_told_in_pages_and_hidden_ones_apart() {
    let cloud = Cloud::new(4).await;
    let list = async |query: &str| {
        let (mut rows, mut path) = (Vec::new(), format!("/v2/images{query}"));
        loop {
            let page = cloud.get("image", &path).await;
            rows.extend(page["images"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = next.to_owned(),
                None => return rows,
            }
        }
    };
    // Four projects with a snapshot and one that was not uploaded yet, and the cloud's own.
    let plain = list("").await;
    assert_eq!((plain.len(), list("?limit=2").await.len()), (9, 9));
    assert_eq!(plain.iter().filter(|row| row["size"].is_null() && row["status"] == "queued").count(), 4);
    assert_eq!(plain.iter().filter(|row| row["owner"].is_null()).count(), 1);
    assert_eq!(list("?visibility=all").await.len(), 13);
    let hidden = list("?visibility=all&os_hidden=true&limit=1").await;
    assert_eq!(hidden.iter().filter(|row| row["os_hidden"] == true).count(), 4);
    let account = cloud.panel.accounts().remove(0);
    let community = list("?visibility=community").await;
    let own = plain.iter().chain(&hidden).chain(&community).filter_map(|row| {
        (row["owner"] == account.as_str() && row["status"] == "active").then(|| row["size"].as_u64())?
    });
    assert_eq!(own.sum::<u64>(), cloud.panel.image_bytes(&account));
    cloud.panel.switch(|switches| assert!(switches.roles.remove("admin")));
    assert_eq!(list("?visibility=all").await.len(), 5, "public and community images alone");
}

#[tokio::test]
async fn ports_are_capped_and_projects_disabled() {
    let cloud = Cloud::new(7).await;
    let (panel, account) = (&cloud.panel, project_id(6));
    let extensions = cloud.get("network", "/v2.0/extensions").await;
    assert!(extensions["extensions"].as_array().unwrap().iter().any(|row| row["alias"] == "qos"));
    let query = format!("project_id={account}&fields=id&fields=qos_policy_id&fields=device_owner&limit=1000");
    let ports = cloud.get("network", &format!("/v2.0/ports?{query}")).await["ports"].clone();
    assert_eq!((ports.as_array().unwrap().len(), keys(&ports[0]).len()), (3, 3));
    let mine: Vec<&Value> = ports
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["device_owner"].as_str().unwrap().starts_with("compute:"))
        .collect();
    assert_eq!(mine.len(), 2);
    let policy = json!({ "policy": { "name": "whmeter-cap-2mbit", "shared": true } });
    let policy = cloud.ask("POST", "network", "/v2.0/qos/policies", policy).await;
    assert_eq!(policy.status, 201);
    let id = policy.json()["policy"]["id"].as_str().unwrap().to_owned();
    for direction in ["egress", "ingress"] {
        let rule = json!({ "bandwidth_limit_rule": { "max_kbps": 2000, "max_burst_kbps": 1600, "direction": direction } });
        let path = format!("/v2.0/qos/policies/{id}/bandwidth_limit_rules");
        assert_eq!(cloud.ask("POST", "network", &path, rule).await.status, 201);
    }
    for port in &mine {
        let path = format!("/v2.0/ports/{}", port["id"].as_str().unwrap());
        let set = json!({ "port": { "qos_policy_id": id } });
        assert_eq!(cloud.ask("PUT", "network", &path, set).await.json()["port"]["qos_policy_id"], id);
    }
    assert_eq!(panel.is_limited(&account), Some(true));
    assert_eq!(
        cloud.ask("DELETE", "network", &format!("/v2.0/qos/policies/{id}"), Value::Null).await.status,
        409
    );
    let gone = cloud.ask("PUT", "network", "/v2.0/ports/gone", json!({ "port": {} })).await;
    assert_eq!((gone.status, &gone.json()["NeutronError"]["type"]), (404, &json!("PortNotFound")));

    let path = format!("/v3/projects/{account}");
    let off = cloud.ask("PATCH", "identity", &path, json!({ "project": { "enabled": false } })).await;
    assert_eq!((off.status, &off.json()["project"]["extra"]), (200, &json!({})));
    assert_eq!(cloud.get("identity", &path).await["project"]["enabled"], false);
    // The collector's own project: Keystone refuses its token at once, services later.
    panel.operate(&format!("projects/{ADMIN}"), &json!({ "op": "disable" })).unwrap();
    assert_eq!(cloud.ask("GET", "identity", "/v3/projects", Value::Null).await.status, 404);
    assert_eq!(cloud.ask("GET", "metric", "/v1/status", Value::Null).await.status, 200);
    panel.knobs().clock.advance(301);
    assert_eq!(cloud.ask("GET", "metric", "/v1/status", Value::Null).await.status, 401);
}
