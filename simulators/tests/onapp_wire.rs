//! The fake OnApp against the shapes that its clients, its recorded traffic and its manual show.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Method, Response, redirect};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::onapp::{
    Costs, Errors, LIMITED_PLAN, Options, Paging, Panel, ROOT_PASSWORD, Refusal, Scope, Switches, password_of,
};
use whmeter_simulators::panel::{self, SimulatedPanel};

/// 2026-11-21 02:00 UTC.
const NOW: i64 = 1_795_226_400;
const HOUR: i64 = 3_600;

/// Two in the morning until six, as both ends of a period hit rows.
const NIGHT: &str = "period[startdate]=2026-11-21+02:30:00&period[enddate]=2026-11-21+06:30:00";

async fn start(scope: Scope, change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 20, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, scope, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn ask_as(panel: &Panel, login: (&str, &str), method: Method, call: &str, body: &str) -> Response {
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let request = client.request(method, format!("{}/{call}", panel.url()));
    let request = request.header("content-type", "application/json").basic_auth(login.0, Some(login.1));
    request.body(body.to_owned()).send().await.unwrap()
}

async fn ask(panel: &Panel, method: Method, call: &str, body: &str) -> (u16, String) {
    let (email, key) = panel.login();
    let answer = ask_as(panel, (&email, &key), method, call, body).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

async fn get(panel: &Panel, call: &str) -> Value {
    let (status, text) = ask(panel, Method::GET, call, "").await;
    assert_eq!(status, 200, "{call}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{call}: {text}"))
}

async fn post(panel: &Panel, call: &str) -> (u16, Value) {
    let (status, text) = ask(panel, Method::POST, call, "").await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn put(panel: &Panel, call: &str, body: Value) -> (u16, String) {
    ask(panel, Method::PUT, call, &body.to_string()).await
}

fn rows<'a>(list: &'a Value, root: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|element| &element[root]).collect()
}

/// The cards of a machine by number.
async fn cards(panel: &Panel, machine: u32) -> Vec<u64> {
    let list = get(panel, &format!("virtual_machines/{machine}/network_interfaces.json")).await;
    rows(&list, "network_interface").iter().map(|card| card["id"].as_u64().unwrap()).collect()
}

async fn usage(panel: &Panel, machine: u32, period: &str) -> Value {
    let card = cards(panel, machine).await[0];
    get(panel, &format!("virtual_machines/{machine}/network_interfaces/{card}/usage.json?{period}")).await
}

#[tokio::test]
async fn the_version_is_a_text_and_who_is_not_known_sees_four_faces_of_it() {
    let panel = start(Scope::Vm, |_| {}).await;
    assert_eq!(get(&panel, "version.json").await, json!({ "version": "6.4.0-61" }));
    let (email, key) = panel.login();
    let as_somebody = async |login: &str, secret: &str| {
        ask_as(&panel, (login, secret), Method::GET, "profile.json", "").await
    };
    // A key goes with the address, a password with either.
    assert_eq!(as_somebody("opsadmin", &key).await.status(), 401);
    assert_eq!(as_somebody("opsadmin", &password_of("opsadmin")).await.status(), 200);
    let good = as_somebody(&email, &key).await;
    assert!(good.headers()["set-cookie"].to_str().unwrap().starts_with("_session_id="));
    assert!(good.headers()["x-powered-by"].to_str().unwrap().starts_with("Phusion Passenger"));
    let refused = async |refusal| {
        panel.switch(|switches| switches.refusal = refusal);
        let answer = as_somebody(&email, "wrong").await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert!(matches!(refused(Refusal::Error).await, (401, text) if text.starts_with(r#"{"error":""#)));
    assert!(matches!(refused(Refusal::Errors).await, (401, text) if text.starts_with(r#"{"errors":[""#)));
    assert!(matches!(refused(Refusal::LoginPage).await, (200, text) if text.starts_with("<!DOCTYPE html>")));
    assert_eq!(refused(Refusal::Redirect).await.0, 302);

    panel.switch(|switches| switches.lacks = vec!["settings.version".into()]);
    let (status, text) = ask(&panel, Method::GET, "version.json", "").await;
    assert_eq!((status, text.starts_with(r#"{"errors":["#)), (403, true), "{text}");
    panel.switch(|switches| switches.time_zone = "Warsaw".into());
    assert_eq!(get(&panel, "profile.json").await["user"]["time_zone"], "Warsaw");
}

#[tokio::test]
async fn users_are_wrapped_and_the_full_list_has_their_roles_and_takes_its_time() {
    let panel = start(Scope::User, |_| {}).await;
    let short = get(&panel, "users.json?short").await;
    let users = rows(&short, "user");
    assert_eq!(users.len(), 20);
    let second = users[1];
    assert_eq!(
        (&second["id"], &second["login"], &second["status"]),
        (&json!(117), &json!("cust117"), &json!("active"))
    );
    assert_eq!(second["identifier"].as_str().unwrap().len(), 14);
    assert!(second["created_at"].as_str().unwrap().ends_with("+00:00"), "{second}");
    assert_eq!((&second["payment_amount"], &second["outstanding_amount"]), (&json!("150.0"), &json!(-12.5)));
    assert_eq!((second["bucket_id"].is_u64(), &second["roles"]), (true, &Value::Null));
    panel.switch(|switches| {
        (switches.full_list_milliseconds, switches.version) = (300, "4.0.0".into());
    });
    let began = std::time::Instant::now();
    let full = get(&panel, "users.json").await;
    assert!(began.elapsed().as_millis() >= 300);
    let second = rows(&full, "user")[1];
    assert!(second["roles"][0]["role"]["permissions"].as_array().unwrap().len() > 3);
    assert!(second["billing_plan_id"].is_u64() && second["bucket_id"].is_null());

    let one = &get(&panel, "users/117.json").await["user"];
    let level = panel.knobs().truth.level("cust117", NOW).unwrap();
    assert_eq!(one["used_disk_size"].as_u64().unwrap() << 30, level);
    let limits = get(&panel, "users/117/limits.json").await;
    assert!(limits["limits"]["rate"].is_u64() && limits["best_network_group_id"].is_u64());
    assert_eq!(get(&panel, "user_groups.json").await[0]["user_group"]["label"], "Direct customers");
}

#[tokio::test]
async fn a_role_cut_down_sees_its_own_and_customers_never_saw_more() {
    let panel = start(Scope::Vm, |_| {}).await;
    assert_eq!(rows(&get(&panel, "virtual_machines.json").await, "virtual_machine").len(), 20);
    panel.switch(|switches| switches.own_alone = true);
    assert_eq!(get(&panel, "virtual_machines.json").await, json!([]));
    assert_eq!(rows(&get(&panel, "users.json").await, "user").len(), 1);
    panel.switch(|switches| switches.own_alone = false);
    let customer = ("cust118", password_of("cust118"));
    let see = async |call: &str| {
        let answer = ask_as(&panel, (customer.0, &customer.1), Method::GET, call, "").await;
        let status = answer.status().as_u16();
        (status, tree(&answer.text().await.unwrap()))
    };
    assert_eq!(see("virtual_machines.json").await.1.as_array().unwrap().len(), 3);
    assert_eq!(see("virtual_machines/1343.json").await, (404, json!({ "error": "Resource not found" })));
    assert_eq!(see("users/117.json").await, (404, json!({ "errors": ["Resource not found"] })));
    assert_eq!(see("cdn_resources.json").await.1.as_array().unwrap().len(), 2);
    panel.operate("users/cust118", &json!({ "op": "set_plan", "plan": 13 })).unwrap();
}

#[tokio::test]
async fn machines_show_their_passwords_and_numbers_as_their_version_writes_them() {
    let panel = start(Scope::Vm, |_| {}).await;
    let list = get(&panel, "virtual_machines.json").await;
    let first = rows(&list, "virtual_machine")[0];
    assert_eq!((&first["id"], &first["user_id"]), (&json!(1343), &json!(117)));
    assert_eq!(first["initial_root_password"], ROOT_PASSWORD);
    let level = panel.knobs().truth.level("1343", NOW).unwrap();
    assert_eq!(first["total_disk_size"].as_u64().unwrap() << 30, level);
    let by_identifier = format!("virtual_machines/{}.json", first["identifier"].as_str().unwrap());
    assert_eq!(&get(&panel, &by_identifier).await["virtual_machine"], first);
    let november = NOW - 20 * 86_400 - 2 * HOUR;
    let moved = panel.knobs().truth.traffic_between("1343", november, NOW).unwrap();
    assert_eq!(first["monthly_bandwidth_used"].as_u64().unwrap() * 1_024, moved.sent + moved.received);
    panel.switch(|switches| switches.version = "2.0.0".into());
    let old = get(&panel, "virtual_machines/1343.json").await["virtual_machine"].clone();
    assert!(old["total_disk_size"].as_str().unwrap().ends_with(".0"), "{old}");
    assert!(old["created_at"].as_str().unwrap().ends_with('Z'));
    panel.switch(|switches| (switches.version, switches.time_zone) = ("4.2.0".into(), "Tokyo".into()));
    let abroad = get(&panel, "virtual_machines/1343.json").await["virtual_machine"].clone();
    assert!(abroad["created_at"].as_str().unwrap().ends_with("+09:00"));
    assert_eq!(rows(&get(&panel, "users/117/virtual_machines.json").await, "virtual_machine").len(), 3);
    for other in ["smart_servers", "load_balancers", "edge_servers"] {
        assert_eq!(get(&panel, &format!("{other}.json")).await, json!([]));
    }
    panel.vanish("1343").unwrap();
    assert_eq!(rows(&get(&panel, "virtual_machines.json").await, "virtual_machine").len(), 19);
    let (status, text) = ask(&panel, Method::GET, "virtual_machines/1343/network_interfaces.json", "").await;
    assert_eq!((status, text.as_str()), (404, r#"{"error":"Resource not found"}"#));
}

#[tokio::test]
async fn an_hour_has_its_row_some_seconds_after_it() {
    let panel = start(Scope::Vm, |_| {}).await;
    let clock = &panel.knobs().clock;
    clock.freeze_at(NOW + 4 * HOUR);
    assert_eq!(
        rows(&usage(&panel, 1_343, NIGHT).await, "net_hourly_stat").len(),
        3,
        "06:00 is not there yet"
    );
    clock.advance(20);
    let list = usage(&panel, 1_343, NIGHT).await;
    let hours = rows(&list, "net_hourly_stat");
    let first = hours[0];
    assert_eq!((hours.len(), &first["stat_time"]), (4, &json!("2026-11-21T03:00:00Z")));
    assert_eq!(first["created_at"], "2026-11-21T03:00:21Z");
    assert_eq!((&first["user_id"], &first["virtual_machine_id"]), (&json!(117), &json!(1343)));
    for (number, row) in hours.iter().enumerate() {
        let end = NOW + (number as i64 + 1) * HOUR;
        let moved = panel.knobs().truth.traffic_between("1343", end - HOUR, end).unwrap();
        assert_eq!(row["data_sent"].as_u64().unwrap() * 1_024, moved.sent);
        assert_eq!(row["data_received"].as_u64().unwrap() * 1_024, moved.received);
    }
    // Both ends hit rows that are exactly there.
    let sharp = "period[startdate]=2026-11-21%2004:00:00&period[enddate]=2026-11-21%2005:00:00";
    assert_eq!(rows(&usage(&panel, 1_343, sharp).await, "net_hourly_stat").len(), 2);
    panel.switch(|switches| switches.time_zone = "Warsaw".into());
    let local =
        "period[startdate]=2026-11-21+04:30&period[enddate]=2026-11-21+05:30&period[use_local_time]=1";
    let local = usage(&panel, 1_343, local).await;
    assert_eq!(rows(&local, "net_hourly_stat")[0]["stat_time"], "2026-11-21T05:00:00+01:00");
    panel.switch(|switches| switches.statistics_in_zone = true);
    let abroad = usage(&panel, 1_343, sharp).await;
    assert_eq!(rows(&abroad, "net_hourly_stat")[0]["stat_time"], "2026-11-21T05:00:00+01:00");
}

#[tokio::test]
async fn rows_come_late_are_revised_get_lost_and_are_kept_for_a_while() {
    let panel = start(Scope::Vm, |switches| {
        (switches.late_hours, switches.revised_after_hours) = (2, 3);
    })
    .await;
    let clock = &panel.knobs().clock;
    let sent = async || {
        let list = usage(&panel, 1_343, NIGHT).await;
        let hours = rows(&list, "net_hourly_stat");
        let read = |row: &&Value| {
            (row["data_sent"].as_u64().unwrap(), row["updated_at"].as_str().unwrap().to_owned())
        };
        hours.iter().map(read).collect::<Vec<_>>()
    };
    clock.freeze_at(NOW + 3 * HOUR + 20);
    let first = sent().await;
    assert_eq!((first.len(), first[0].1.as_str()), (1, "2026-11-21T05:00:21Z"));
    clock.advance(3 * HOUR);
    let later = sent().await;
    let truth = panel.knobs().truth.traffic_between("1343", NOW, NOW + HOUR).unwrap();
    assert_eq!(
        (later.len(), later[0].0 * 1_024, later[0].1.as_str()),
        (4, truth.sent, "2026-11-21T08:00:21Z")
    );
    assert!(first[0].0 < later[0].0, "{first:?} {later:?}");

    let revise = json!({ "op": "revise_hour", "card": 0, "end": NOW + HOUR, "received": 0, "sent": 5_120 });
    panel.operate("machines/1343", &revise).unwrap();
    panel.operate("machines/1343", &json!({ "op": "lose_hour", "card": 0, "end": NOW + 2 * HOUR })).unwrap();
    let revised = sent().await;
    assert_eq!((revised.len(), revised[0].0), (3, 5));
    panel.operate("machines/1343", &json!({ "op": "forget_revised" })).unwrap();
    assert_eq!(sent().await[0], later[0]);
    panel.operate("machines/1343", &json!({ "op": "halt" })).unwrap();
    clock.advance(12 * HOUR);
    let late = "period[startdate]=2026-11-21+09:30:00&period[enddate]=2026-11-21+18:30:00";
    assert_eq!(usage(&panel, 1_343, late).await, json!([]), "nothing is no zero");
    panel.switch(|switches| switches.history_days = 0);
    assert_eq!(usage(&panel, 1_343, NIGHT).await, json!([]));
}

#[tokio::test]
async fn bulk_statistics_are_texts_and_those_of_the_gone_are_among_them() {
    let panel = start(Scope::Vm, |_| {}).await;
    panel.knobs().clock.freeze_at(NOW + 6 * HOUR);
    let bulk = get(&panel, &format!("usage_statistics.json?{NIGHT}")).await;
    let first = rows(&bulk, "vm_stat")[0].clone();
    let moved = panel.knobs().truth.traffic_between("1343", NOW, NOW + 4 * HOUR).unwrap();
    assert_eq!(first["data_sent"], format!("{}.0", moved.sent / 1_024));
    assert_eq!(first["data_received"], format!("{}.0", moved.received / 1_024));
    panel.vanish("1343").unwrap();
    let bulk = get(&panel, &format!("usage_statistics.json?{NIGHT}")).await;
    assert_eq!(rows(&bulk, "vm_stat")[0], &first);
    panel.switch(|switches| switches.bulk_obeys_period = false);
    let rolling = get(&panel, &format!("usage_statistics.json?{NIGHT}")).await;
    assert_ne!(rows(&rolling, "vm_stat")[0]["data_sent"], first["data_sent"]);
}

#[tokio::test]
async fn money_stands_beside_bytes_and_may_be_absurd() {
    let panel = start(Scope::User, |_| {}).await;
    panel.knobs().clock.freeze_at(NOW + 6 * HOUR);
    let stat = get(&panel, &format!("users/117/user_statistics.json?{NIGHT}")).await["user_stat"].clone();
    assert_eq!(
        (&stat["stat_time"], &stat["currency_code"], &stat["user_id"]),
        (&Value::Null, &json!("USD"), &json!(117))
    );
    let total = stat["total_cost"].as_f64().unwrap();
    assert!((total - stat["vm_cost"].as_f64().unwrap()).abs() < 1e-9 && total > 0.05, "{stat}");
    assert!(stat["total_cost_with_discount"].as_f64().unwrap() < total);
    assert!(stat["vm_stats"][0]["vm_stat"]["usage_cost"].is_f64());
    let hours = get(&panel, &format!("users/117/user_statistics.json?{NIGHT}&hourly_stats")).await;
    assert_eq!(
        (rows(&hours, "user_stat").len(), &hours[0]["user_stat"]["stat_time"]),
        (4, &json!("2026-11-21T03:00:00Z"))
    );
    let machine = panel.machines_of("cust117")[0];
    for call in ["users/117".to_owned(), format!("virtual_machines/{machine}")] {
        let hours = get(&panel, &format!("{call}/vm_stats.json?{NIGHT}")).await;
        let hour = rows(&hours, "vm_hourly_stat")[0];
        let costs = &hour["billing_stats"]["network_interfaces"][0]["costs"];
        assert_eq!(
            (&costs[1]["resource_name"], costs[1]["value"].is_u64()),
            (&json!("data_sent"), true),
            "{hour}"
        );
    }
    assert_eq!(get(&panel, "users/117/monthly_bills.json").await[0]["month"], 1);
    panel.switch(|switches| switches.costs = Costs::Huge);
    let huge = get(&panel, "users/117/monthly_bills.json").await;
    assert!(huge[0]["cost"].as_f64().unwrap() > 1e28);
    panel.switch(|switches| (switches.costs, switches.version) = (Costs::Texts, "5.9.1".into()));
    let stat = get(&panel, &format!("users/117/user_statistics.json?{NIGHT}")).await["user_stat"].clone();
    assert!(stat["total_cost"].is_string() && stat["total_cost_with_discount"].is_null());
    let (status, page) = post(&panel, "users/117/vm_stats.json").await;
    assert_eq!((status, page.as_str().unwrap().starts_with("<html><body><h1>500")), (500, true));
}

#[tokio::test]
async fn a_machine_that_is_given_away_has_rows_of_both_owners() {
    let panel = start(Scope::User, |_| {}).await;
    let machine = panel.machines_of("cust117")[0];
    panel.operate(&format!("machines/{machine}"), &json!({ "op": "give", "to": "cust118" })).unwrap();
    panel.knobs().clock.freeze_at(NOW + 5 * HOUR);
    let period = "period[startdate]=2026-11-21+00:30:00&period[enddate]=2026-11-21+06:30:00";
    let list = usage(&panel, machine, period).await;
    let owners: Vec<u64> =
        rows(&list, "net_hourly_stat").iter().map(|row| row["user_id"].as_u64().unwrap()).collect();
    assert_eq!(owners, [117, 117, 118, 118, 118, 118]);
    let truth = &panel.knobs().truth;
    let of = |user: u64| {
        let own = |row: &&Value| row["user_id"] == user;
        let list = rows(&list, "net_hourly_stat");
        list.into_iter().filter(own).map(|row| row["data_sent"].as_u64().unwrap() * 1_024).sum::<u64>()
    };
    let part = format!("{machine}-{}", cards(&panel, machine).await[0]);
    let passed = |login: &str| {
        let until = |at| truth.part_traffic(login, &part, at).sent;
        until(NOW + 4 * HOUR) - until(NOW - 2 * HOUR)
    };
    assert_eq!((of(117), of(118)), (passed("cust117"), passed("cust118")));
    assert!(!panel.machines_of("cust117").contains(&machine));
}

#[tokio::test]
async fn a_cdn_is_told_in_megabytes_by_hour_and_in_bytes_by_period() {
    let panel = start(Scope::Cdn, |_| {}).await;
    panel.knobs().clock.freeze_at(NOW + 6 * HOUR);
    let list = get(&panel, "cdn_resources.json").await;
    let resources = rows(&list, "cdn_resource");
    let mine: Vec<&&Value> = resources.iter().filter(|one| one["user_id"] == 118).collect();
    assert_eq!((mine.len(), mine[0]["cdn_reference"].is_u64()), (2, true));
    let truth = panel.knobs().truth.traffic_between("cust118", NOW, NOW + 4 * HOUR).unwrap().sent;
    let mut bytes = 0.0;
    for resource in mine {
        let rows_of =
            get(&panel, &format!("cdn_resources/{}/billing.json?per_page=all&{NIGHT}", resource["id"])).await;
        for row in rows(&rows_of, "user_hourly_stat") {
            assert!(row["edge_group_label"].is_string() && row["stat_time"].as_str().unwrap().ends_with('Z'));
            bytes += row["value"].as_str().unwrap().parse::<f64>().unwrap() * 1_048_576.0;
        }
    }
    assert_eq!(bytes as u64, truth);
    let period = r#"{"period":{"startdate":"2026-11-21+02:30:00","enddate":"2026-11-21+06:30:00"}}"#;
    let bulk = async || {
        let (_, text) = ask(&panel, Method::GET, "cdn_usage_statistics.json", period).await;
        let list: Value = serde_json::from_str(&text).unwrap();
        let elements: Vec<Value> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_object().unwrap().values().next().unwrap().clone())
            .collect();
        elements.into_iter().filter(|one| one["user_id"] == 118).collect::<Vec<_>>()
    };
    let sum = |list: Vec<Value>, other: &str| -> u64 {
        list.iter().map(|one| one["cached"].as_u64().unwrap() + one[other].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(bulk().await, "non_cached"), truth);
    panel.switch(|switches| switches.cdn_stat_root = "user_stat".into());
    assert_eq!(sum(bulk().await, "not_cached"), truth);
    panel.switch(|switches| switches.get_bodies = false);
    assert_ne!(sum(bulk().await, "not_cached"), truth, "three days without a period");
    assert_eq!(get(&panel, "edge_groups.json").await[0]["edge_group"]["label"], "Europe");
}

#[tokio::test]
async fn an_old_cdn_is_late_and_its_points_get_coarse() {
    let panel = start(Scope::Cdn, |switches| switches.version = "2.3.2".into()).await;
    panel.knobs().clock.freeze_at(NOW + 5 * HOUR);
    let rows_of = get(&panel, &format!("cdn_resources/43/billing.json?{NIGHT}")).await;
    let old = rows(&rows_of, "user_hourly_stat");
    assert!(old.iter().all(|row| row["stat_time"] == "2026-11-21T03:00:00Z"), "three hours late: {old:?}");
    assert!(old[0]["data_cached"].is_u64() && old[0]["value"].is_null() && old[0]["edge_id"].is_u64());
    let list = get(&panel, "cdn_resources.json").await;
    let reference = &rows(&list, "cdn_resource")[1]["aflexi_resource_id"];
    let points = async |end: &str| {
        let call = format!(
            "cdn_resources/bandwidth.json?start=2026-10-01&end={end}&resource_type=resource&type=GB&resources[]={reference}"
        );
        ask(&panel, Method::GET, &call, "").await
    };
    let count = |text: String| serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len();
    assert_eq!(count(points("2026-10-31").await.1), 31);
    assert_eq!(count(points("2026-11-20").await.1), 8);
    panel.switch(|switches| switches.version = "6.0.0".into());
    assert_eq!(points("2026-10-31").await.0, 404);
    panel.operate("users/cust117", &json!({ "op": "drop_resources" })).unwrap();
    assert!(
        rows(&get(&panel, "cdn_resources.json").await, "cdn_resource")
            .iter()
            .all(|one| one["user_id"] != 117)
    );
}

#[tokio::test]
async fn lists_are_whole_or_paged_with_headers_or_without_a_word() {
    let panel = start(Scope::Vm, |_| {}).await;
    let (email, key) = panel.login();
    let page = async |call: &str| {
        let answer = ask_as(&panel, (&email, &key), Method::GET, call, "").await;
        let total = answer.headers().get("x-total").map(|total| total.to_str().unwrap().to_owned());
        (tree(&answer.text().await.unwrap()).as_array().unwrap().len(), total)
    };
    assert_eq!(page("virtual_machines.json").await, (20, None));
    assert_eq!(page("virtual_machines.json?page=1&per_page=8").await, (8, Some("20".into())));
    assert_eq!(page("virtual_machines.json?page=3&per_page=8").await, (4, Some("20".into())));
    assert_eq!(page("virtual_machines.json?per_page=all").await, (20, Some("20".into())));
    panel.switch(|switches| switches.largest_page = 5);
    assert_eq!(page("virtual_machines.json?page=1&per_page=100").await, (5, Some("20".into())));
    panel.switch(|switches| switches.paging = Paging::Silent);
    assert_eq!(page("virtual_machines.json?page=1&per_page=100").await, (5, None));
    panel.switch(|switches| (switches.paging, switches.version) = (Paging::ByVersion, "4.3.0".into()));
    assert_eq!(page("virtual_machines.json?page=2&per_page=8").await, (20, None));
}

#[tokio::test]
async fn suspending_a_machine_twice_releases_it_and_does_not_boot_it() {
    let panel = start(Scope::Vm, |switches| switches.action_seconds = 30).await;
    let suspend = "virtual_machines/1343/suspend.json";
    let (status, answer) = post(&panel, suspend).await;
    let shown = &answer["virtual_machine"];
    assert_eq!((status, &shown["suspended"], &shown["booted"]), (201, &json!(true), &json!(false)));
    assert_eq!(get(&panel, "virtual_machines/1343.json").await["virtual_machine"]["locked"], true);
    let tasks = get(&panel, "virtual_machines/1343/transactions.json").await;
    assert_eq!(tasks[0]["transaction"]["status"], "pending");
    let (status, answer) = post(&panel, suspend).await;
    assert_eq!(
        (status, &answer["errors"][0]),
        (422, &json!("Virtual machine is locked by another transaction"))
    );
    panel.switch(|switches| switches.errors = Errors::Map);
    assert!(post(&panel, suspend).await.1["errors"]["Virtual machine"].is_array());
    panel.switch(|switches| switches.locked_status = 404);
    assert_eq!(post(&panel, suspend).await, (404, json!({ "error": "Resource not found" })));
    panel.knobs().clock.advance(31);
    assert_eq!(
        get(&panel, "transactions/page/1/per_page/50.json").await[0]["transaction"]["status"],
        "complete"
    );
    assert_eq!(post(&panel, "virtual_machines/1343/startup.json").await.0, 422);
    assert_eq!(post(&panel, suspend).await.0, 201);
    assert_eq!((panel.power(1_343), panel.is_limited("1343")), (Some((false, false)), Some(false)));
    panel.knobs().clock.advance(31);
    assert_eq!(post(&panel, "virtual_machines/1343/startup.json").await.1["virtual_machine"]["booted"], true);
    panel.knobs().clock.advance(31);
    panel.switch(|switches| switches.writes_ignored = true);
    assert_eq!(post(&panel, suspend).await.1["virtual_machine"]["suspended"], true);
    panel.knobs().clock.advance(31);
    assert_eq!(
        get(&panel, "virtual_machines/1343/transactions.json").await[0]["transaction"]["status"],
        "failed"
    );
    assert_eq!(panel.power(1_343), Some((false, true)));
}

#[tokio::test]
async fn a_port_gets_slower_and_as_fast_as_it_was() {
    let panel = start(Scope::Vm, |_| {}).await;
    let two = 1_346;
    assert_eq!(panel.rates(two), [100, 100]);
    for card in cards(&panel, two).await {
        let call = format!("virtual_machines/{two}/network_interfaces/{card}.json");
        let body = json!({ "network_interface": { "label": "eth0", "rate_limit": 2 } });
        assert_eq!(put(&panel, &call, body).await, (204, String::new()));
    }
    assert_eq!((panel.rates(two), panel.is_limited("1346")), (vec![2, 2], Some(true)));
    let card = cards(&panel, 1_343).await[0];
    let call = format!("virtual_machines/1343/network_interfaces/{card}.json");
    assert_eq!(get(&panel, &call).await["network_interface"]["rate_limit"], 0);
    panel.switch(|switches| switches.unlimited_is_null = true);
    assert_eq!(get(&panel, &call).await["network_interface"]["rate_limit"], Value::Null);
    let wrong = json!({ "network_interface": { "rate_limit": "fast" } });
    assert_eq!(put(&panel, &call, wrong).await.0, 422);
    panel.switch(|switches| switches.version = "2.2.0".into());
    let (status, text) = put(&panel, &format!("{call}?network_interface[rate_limit]=7"), Value::Null).await;
    assert_eq!((status, text.contains("\"rate_limit\":7")), (201, true), "{text}");
}

#[tokio::test]
async fn a_user_goes_with_its_machines_by_post_or_get_and_plans_are_switched() {
    let panel = start(Scope::User, |_| {}).await;
    let machine = panel.machines_of("cust117")[0];
    assert_eq!(ask(&panel, Method::GET, "users/117/suspend.json", "").await.0, 404);
    let (status, answer) = post(&panel, "users/117/suspend.json").await;
    assert_eq!((status, &answer["user"]["status"]), (201, &json!("suspended")));
    assert_eq!(panel.power(machine), Some((true, false)));
    let own = ask_as(&panel, ("cust117", &password_of("cust117")), Method::GET, "profile.json", "").await;
    assert_eq!(own.status(), 401);
    panel.switch(|switches| switches.suspends_twice = false);
    assert_eq!(post(&panel, "users/117/suspend.json").await.0, 422);
    assert_eq!(post(&panel, "users/117/activate.json").await.0, 201);
    assert_eq!((panel.user("cust117").unwrap().0, panel.power(machine)), (false, Some((false, false))));

    let switched = put(&panel, "users/117.json", json!({ "user": { "bucket_id": LIMITED_PLAN } })).await;
    assert_eq!((switched, panel.is_limited("cust117")), ((204, String::new()), Some(true)));
    assert_eq!(put(&panel, "users/117.json", json!({ "user": { "bucket_id": 4 } })).await.0, 422);
    panel.switch(|switches| switches.version = "2.3.2".into());
    assert_eq!(post(&panel, "users/118/suspend.json").await.0, 404);
    assert_eq!(get(&panel, "users/118/suspend.json").await["user"]["status"], "suspended");
    assert_eq!(get(&panel, "users/118/activate_user.json").await["user"]["status"], "active");
    let (status, text) = put(&panel, "users/117.json?user[billing_plan_id]=12", Value::Null).await;
    assert_eq!((status, panel.user("cust117")), (201, Some((false, 12))), "{text}");

    panel.switch(|switches| switches.deleted_stay = true);
    panel.vanish("cust119").unwrap();
    let list = get(&panel, "users.json?short").await;
    let gone: Vec<_> =
        rows(&list, "user").into_iter().filter(|user| !user["deleted_at"].is_null()).cloned().collect();
    assert_eq!(
        (gone.len(), &gone[0]["login"], &gone[0]["status"]),
        (1, &json!("cust119"), &json!("deleted"))
    );
    assert!(panel.machines_of("cust119").is_empty());
    let (email, key) = panel.login();
    let (_, made) = post(&panel, "users/1/make_new_api_key.json").await;
    let new = made["user"]["api_key"].as_str().unwrap().to_owned();
    assert!(new != key && new.len() == 40);
    let old = ask_as(&panel, (&email, &key), Method::GET, "version.json", "").await;
    assert_eq!(old.status(), 401);
}
