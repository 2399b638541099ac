//! The fake SolusVM against the shapes of its papers: both products, tags and JSON.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::solusvm::{Addresses, Options, Panel, Switches, TaskEnd};

const NOW: i64 = 1_795_226_400;
/// 2026-11-01T00:00:00Z, and 2026-12-01T00:00:00Z.
const NOVEMBER: i64 = 1_793_491_200;
const DECEMBER: i64 = NOVEMBER + 30 * 86_400;

async fn start_with(accounts: usize, change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn rest(panel: &Panel, method: Method, call: &str) -> Response {
    let request = Client::new().request(method, format!("{}/api/v1/{call}", panel.url()));
    let request = request.bearer_auth(panel.secrets().token).header("accept", "application/json");
    request.send().await.unwrap()
}

async fn get(panel: &Panel, call: &str) -> Value {
    let answer = rest(panel, Method::GET, call).await;
    assert_eq!(answer.status(), 200, "{call}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn refusal(panel: &Panel, method: Method, call: &str) -> (u16, Value) {
    let answer = rest(panel, method, call).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// Posts a form to version 1 as the administrator.
async fn soup(panel: &Panel, form: &str) -> String {
    let (id, key) = panel.secrets().admin;
    posted(panel, "admin", format!("id={id}&key={key}&{form}")).await
}

async fn posted(panel: &Panel, who: &str, form: String) -> String {
    let request = Client::new().post(format!("{}/api/{who}/command.php", panel.url()));
    let answer = request.body(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

async fn ask(panel: &Panel, form: &str) -> Value {
    serde_json::from_str(&soup(panel, &format!("{form}&rdtype=json")).await).unwrap()
}

/// The numbers of `total,used,free,percent`.
async fn numbers(panel: &Panel, server: &str, field: &str) -> Vec<i64> {
    let told = ask(panel, &format!("action=vserver-infoall&nographs=true&vserverid={server}")).await;
    assert_eq!(told["status"], "success", "{told}");
    told[field].as_str().unwrap().split(',').map(|number| number.parse().unwrap()).collect()
}

fn moved(panel: &Panel, server: &str, from: i64, to: i64) -> (u64, u64) {
    let moved = panel.knobs().truth.traffic_between(server, from, to).unwrap();
    (moved.received, moved.sent)
}

async fn counted(panel: &Panel, server: &str) -> (u64, u64) {
    let told = get(panel, &format!("servers/{server}")).await["data"]["usage"]["network"].clone();
    let value = |way: &str| told[way]["value"].as_u64().unwrap();
    (value("incoming"), value("outgoing"))
}

/// Whether two values have the same keys and types all the way down; of arrays the first items count.
fn is_like(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_like(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.iter().zip(other).take(1).all(|(one, other)| is_like(one, other))
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[tokio::test]
async fn version_two_lists_in_pages_what_its_papers_show() {
    let panel = start_with(38, |_| {}).await;
    let row = json!({
        "id": 42, "uuid": "7f0c9b52-3d0e-4c57-9a51-2f1f0f4f8a11", "name": "vps42.example.net", "description": "",
        "virtualization_type": "kvm", "status": "started", "is_suspended": false, "is_processing": false,
        "specifications": {"disk": 40, "ram": 2_147_483_648_u64, "vcpu": 2},
        "ip_addresses": {"ipv4": [{"id": 9, "ip": "198.51.100.42", "is_primary": true}],
            "ipv6": [{"id": 10, "primary_ip": "2001:db8::1", "is_primary": false}]},
        "fqdns": ["vps42.example.net"], "boot_mode": "disk",
        "user": {"id": 7, "email": "client@example.net", "status": "active"},
        "project": {"id": 3, "name": "default"},
        "plan": {"id": 5, "name": "KVM-2", "params": {"disk": 40, "ram": 2_147_483_648_u64, "vcpu": 2},
            "reset_limit_policy": "first_day_of_month", "network_traffic_limit_type": "total",
            "limits": {"network_total_traffic": {"is_enabled": true, "limit": 2, "unit": "TiB"},
                "network_incoming_traffic": {"is_enabled": false, "limit": 0, "unit": "KiB"},
                "network_outgoing_traffic": {"is_enabled": false, "limit": 0, "unit": "KiB"},
                "network_incoming_bandwidth": {"is_enabled": false, "limit": 0, "unit": "Kbps"},
                "network_outgoing_bandwidth": {"is_enabled": false, "limit": 0, "unit": "Kbps"},
                "network_reduce_bandwidth": {"is_enabled": true, "limit": 10, "unit": "Mbps"}}},
        "usage": {"cpu": 3, "network": {"incoming": {"value": 1}, "outgoing": {"value": 1}}},
        "created_at": "2024-02-03T04:05:06.000000Z"});
    let first = get(&panel, "servers").await;
    assert!(is_like(&first["data"][0], &row), "{first}");
    let path = format!("{}/api/v1/servers", panel.url());
    assert_eq!(first, get(&panel, "servers?page=1").await);
    let last = get(&panel, "servers?page=3").await;
    assert_eq!(
        last["meta"],
        json!({"current_page": 3, "from": 31, "last_page": 3, "path": path, "per_page": 15, "to": 38, "total": 38})
    );
    let page = |number: u32| format!("{path}?page={number}");
    assert_eq!(first["links"], json!({"first": page(1), "last": page(3), "prev": null, "next": page(2)}));
    assert_eq!((&last["links"]["prev"], &last["links"]["next"]), (&json!(page(2)), &Value::Null));
    let mut seen = BTreeSet::new();
    for number in 1..=3 {
        let page = get(&panel, &format!("servers?page={number}")).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), panel.accounts());
    let beyond = get(&panel, "servers?page=4").await;
    assert_eq!((&beyond["data"], &beyond["meta"]["from"]), (&json!([]), &Value::Null));
    let of_vz = get(&panel, "servers?filter[virtualization_type]=vz").await;
    assert!(of_vz["data"].as_array().unwrap().iter().all(|row| row["virtualization_type"] == "vz"));
}

#[tokio::test]
async fn version_two_refuses_by_status_and_shows_others_their_own() {
    let panel = start_with(12, |_| {}).await;
    let bare = Client::new().get(format!("{}/api/v1/servers", panel.url()));
    let refused = bare.header("accept", "application/json").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.text().await.unwrap()),
        (401, r#"{"message":"Unauthenticated."}"#.into())
    );
    assert_eq!(refusal(&panel, Method::GET, "servers/77").await, (404, json!({"message": "Not found."})));
    let (status, body) = refusal(&panel, Method::GET, "servers?filter[virtualization_type]=xen").await;
    assert_eq!((status, &body["message"]), (422, &json!("The given data was invalid.")));
    assert!(body["errors"]["filter.virtualization_type"][0].is_string(), "{body}");
    assert_eq!(refusal(&panel, Method::GET, "servers?page=x").await.0, 422);
    let page = Client::new().get(format!("{}/api/v1/servers", panel.url())).send().await.unwrap();
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"), "nobody asked for JSON");

    assert_eq!(get(&panel, "account").await["data"]["roles"], json!([{"id": 1, "name": "Admin"}]));
    assert_eq!(rest(&panel, Method::GET, "auth").await.status(), 204);
    panel.switch(|switches| switches.admin = false);
    assert_eq!(get(&panel, "account").await["data"]["roles"], json!([{"id": 2, "name": "User"}]));
    let own = get(&panel, "servers").await;
    let ids: Vec<&Value> = own["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!((ids, &own["meta"]["total"]), (vec![&json!(1_001), &json!(1_002)], &json!(2)));
    assert_eq!(refusal(&panel, Method::GET, "servers/1003").await.0, 404);
    let message = json!({"message": "This action is unauthorized."});
    assert_eq!(refusal(&panel, Method::POST, "servers/1001/suspend").await, (403, message));
}

#[tokio::test]
async fn version_two_counts_since_creation_or_the_last_reset() {
    let panel = start_with(12, |_| {}).await;
    let clock = &panel.knobs().clock;
    let created = panel.machine("1001").unwrap().created;
    for (server, since) in [("1001", created), ("1002", NOVEMBER), ("1004", NOVEMBER + 5 * 86_400)] {
        assert_eq!(panel.counts_since(server), Some(since), "{server}");
        assert_eq!(counted(&panel, server).await, moved(&panel, server, since, NOW), "{server}");
    }
    let told = get(&panel, "servers/1001").await;
    assert_eq!(told["data"]["created_at"], "2026-05-06T07:08:09.000000Z");
    assert_eq!(told["data"]["plan"]["reset_limit_policy"], "never");
    clock.freeze_at(DECEMBER - 1);
    assert_eq!(counted(&panel, "1002").await, moved(&panel, "1002", NOVEMBER, DECEMBER - 1));
    clock.freeze_at(DECEMBER + 60);
    assert_eq!(counted(&panel, "1002").await, moved(&panel, "1002", DECEMBER, DECEMBER + 60));

    panel.operate("servers/1001", &json!({"op": "reset"})).unwrap();
    assert_eq!(counted(&panel, "1001").await, (0, 0));
    // A new policy takes nothing back.
    panel.operate("servers/1003", &json!({"op": "set_policy", "policy": "first_day_of_month"})).unwrap();
    assert_eq!(panel.counts_since("1003"), panel.machine("1003").map(|one| one.created));
    clock.freeze_at(DECEMBER + 32 * 86_400);
    assert_eq!(panel.counts_since("1003"), Some(DECEMBER + 31 * 86_400));
    assert_eq!(panel.counts_since("1001"), Some(DECEMBER + 60));

    let uuid = get(&panel, "servers/1003").await["data"]["uuid"].clone();
    panel.operate("servers/1003", &json!({"op": "recreate"})).unwrap();
    assert_ne!(get(&panel, "servers/1003").await["data"]["uuid"], uuid);
    assert_eq!(counted(&panel, "1003").await, (0, 0));
}

#[tokio::test]
async fn version_two_suspends_by_a_task_that_takes_its_time() {
    let panel = start_with(5, |switches| switches.task_milliseconds = 300).await;
    let (status, body) = refusal(&panel, Method::POST, "servers/1001/suspend").await;
    assert_eq!(
        (status, body),
        (
            200,
            json!({"data": {"id": 901, "compute_resource_id": 1, "queue": "compute_resource_1",
            "action": "vm-suspend", "status": "pending", "output": "", "progress": 0, "duration": 0}})
        )
    );
    let server = get(&panel, "servers/1001").await["data"].clone();
    assert_eq!((&server["is_suspended"], &server["is_processing"]), (&json!(false), &json!(true)));
    assert_eq!(refusal(&panel, Method::POST, "servers/1001/suspend").await.0, 400, "one at a time");
    assert_eq!(ended(&panel, 901).await, "done");
    let server = get(&panel, "servers/1001").await["data"].clone();
    assert_eq!((&server["is_suspended"], &server["status"]), (&json!(true), &json!("stopped")));
    assert_eq!(panel.is_limited("1001"), Some(true));
    let held = counted(&panel, "1001").await;
    panel.knobs().clock.advance(3_600);
    assert_eq!(counted(&panel, "1001").await, held, "what is suspended moves nothing");

    panel.switch(|switches| switches.tasks_end = TaskEnd::DoneWithErrors);
    rest(&panel, Method::POST, "servers/1001/resume").await;
    assert_eq!(
        (ended(&panel, 902).await.as_str(), panel.is_limited("1001")),
        ("done_with_errors", Some(true))
    );
    panel.switch(|switches| (switches.tasks_end, switches.writes_ignored) = (TaskEnd::Done, true));
    rest(&panel, Method::POST, "servers/1001/resume").await;
    assert_eq!((ended(&panel, 903).await.as_str(), panel.is_limited("1001")), ("done", Some(true)));
    panel.switch(|switches| (switches.writes_ignored, switches.repeat_refused) = (false, true));
    assert_eq!(refusal(&panel, Method::POST, "servers/1001/suspend").await.0, 400);
    rest(&panel, Method::POST, "servers/1001/resume").await;
    assert_eq!((ended(&panel, 904).await.as_str(), panel.is_limited("1001")), ("done", Some(false)));
    assert_eq!(refusal(&panel, Method::GET, "tasks/999").await.0, 404);
}

async fn ended(panel: &Panel, task: u64) -> String {
    for _ in 0..200 {
        let told = get(panel, &format!("tasks/{task}")).await["data"]["status"].clone();
        match told.as_str().unwrap() {
            "pending" | "queued" | "running" => tokio::time::sleep(Duration::from_millis(20)).await,
            other => return other.to_owned(),
        }
    }
    "never".to_owned()
}

#[tokio::test]
async fn version_two_varies_as_its_releases_do() {
    let panel = start_with(5, |_| {}).await;
    let plan = get(&panel, "servers/1002").await["data"]["plan"].clone();
    assert_eq!(plan["network_traffic_limit_type"], "separate");
    let outgoing = json!({"is_enabled": true, "limit": "3", "unit": "TiB"});
    assert_eq!(plan["limits"]["network_outgoing_traffic"], outgoing);
    let disk = get(&panel, "servers/1001/disks").await["data"][0].clone();
    let held = panel.knobs().truth.level("1001", NOW).unwrap();
    assert_eq!((&disk["size"], disk["actual_size"].as_u64()), (&json!(40), Some(held)));
    panel.switch(|switches| {
        (switches.addresses, switches.old_units, switches.disks_in_gib) = (Addresses::Ips, true, true);
    });
    let row = get(&panel, "servers/1001").await["data"].clone();
    assert!(row["ips"][0]["ip"].is_string() && row["ip_addresses"].is_null(), "{row}");
    assert_eq!(row["plan"]["limits"]["network_total_traffic"]["unit"], "TB");
    let disk = get(&panel, "servers/1001/disks").await["data"][0]["actual_size"].clone();
    assert_eq!(disk.as_u64(), Some(held.div_ceil(1 << 30)));
    let items = get(&panel, &format!("usage/network/{}", row["uuid"].as_str().unwrap())).await;
    assert!(items["data"]["items"][0]["derivative"]["read_kb"].is_number(), "{items}");
    // Whose node is dead keeps the figures it had.
    let before = counted(&panel, "1001").await;
    panel.operate("nodes/1", &json!({"op": "dead"})).unwrap();
    panel.knobs().clock.advance(3_600);
    assert_eq!(counted(&panel, "1001").await, before);
    assert_eq!(get(&panel, "servers/1001").await["data"]["status"], "unavailable");
    panel.operate("nodes/1", &json!({"op": "zeros"})).unwrap();
    assert_eq!(counted(&panel, "1001").await, (0, 0));
    panel.operate("nodes/1", &json!({"op": "well"})).unwrap();
    assert_eq!(
        counted(&panel, "1001").await,
        moved(&panel, "1001", panel.counts_since("1001").unwrap(), NOW + 3_600)
    );
}

#[tokio::test]
async fn spoiling_a_server_spoils_no_other() {
    let panel = start_with(40, |_| {}).await;
    panel.knobs().faults.add(panel.spoil_account("1020"));
    for number in 1..=3 {
        let page = get(&panel, &format!("servers?page={number}")).await;
        for row in page["data"].as_array().unwrap() {
            let network = &row["usage"]["network"];
            let is_spoilt = network["incoming"]["value"] == "many";
            assert_eq!(is_spoilt, row["id"] == 1_020, "{row}");
            assert!(network["outgoing"]["value"].is_u64());
        }
    }
}

#[tokio::test]
async fn version_one_says_wrong_credentials_in_a_bare_text() {
    let panel = start_with(8, |switches| switches.version = 1).await;
    let nobody = posted(&panel, "admin", "id=a&key=b&action=client-list&rdtype=json".to_owned()).await;
    assert_eq!(nobody, "Invalid id or key");
    let (id, key) = panel.secrets().admin;
    let elsewhere = posted(&panel, "reseller", format!("id={id}&key={key}&action=client-list")).await;
    assert_eq!(elsewhere, "Invalid id or key", "an administrator's key is no reseller's");
    assert!(
        soup(&panel, "action=node-virtualservers&nodeid=99&rdtype=json").await.contains("Node not found")
    );
    panel.switch(|switches| switches.address_allowed = false);
    assert_eq!(soup(&panel, "action=client-list").await, "Invalid ipaddress");
    panel.switch(|switches| (switches.address_allowed, switches.maintenance) = (true, true));
    assert!(soup(&panel, "action=client-list&rdtype=json").await.starts_with("<!DOCTYPE html>"));
    panel.switch(|switches| (switches.maintenance, switches.basic_auth) = (false, Some("op:pass".into())));
    let url = format!("{}/api/admin/command.php", panel.url());
    assert_eq!(Client::new().post(&url).send().await.unwrap().status(), 401);
    let let_in = Client::new().post(&url).basic_auth("op", Some("pass")).send().await.unwrap();
    assert_eq!(let_in.text().await.unwrap(), "Invalid id or key");
}

#[tokio::test]
async fn version_one_lists_by_type_and_node() {
    let panel = start_with(8, |switches| switches.version = 1).await;
    for (kind, nodes) in [("kvm", "1,4"), ("openvz", "2"), ("xen", "3"), ("xen+hvm", "")] {
        let told = ask(&panel, &format!("action=node-idlist&type={kind}")).await;
        assert_eq!(told, json!({"status": "success", "statusmsg": "", "nodes": nodes}), "{kind}");
    }
    let tags = soup(&panel, "action=node-idlist&type=kvm").await;
    assert_eq!(tags, "<status>success</status>\n<statusmsg></statusmsg>\n<nodes>1,4</nodes>");
    let told = ask(&panel, "action=node-virtualservers&nodeid=1").await;
    let shape = json!({"status": "success", "statusmsg": "", "virtualservers": [{"vserverid": "171",
        "ctid-xid": "kvm108", "clientid": "12", "ipaddress": "198.51.100.23", "hostname": "vps171.example.net",
        "template": "debian-12-x86_64", "hdd": "42949672960", "memory": "2147483648",
        "swap-burst": "1073741824", "type": "kvm", "mac": "00:16:3e:73:15:b8"}]});
    assert!(is_like(&told, &shape), "{told}");
    let ids = |told: &Value| -> Vec<String> {
        let rows = told["virtualservers"].as_array().unwrap().iter();
        rows.map(|row| row["vserverid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&told), ["1001", "1005"]);
    let tags = soup(&panel, "action=node-virtualservers&nodeid=1").await;
    let ordered = soup(&panel, "action=vserver-info&vserverid=1001").await;
    assert!(ordered.starts_with("<vserverid>1001</vserverid>\n<ctid-xid>kvm1001</ctid-xid>"), "{ordered}");
    assert!(tags.starts_with("<virtualservers><virtualserver>") && !tags.contains("status"), "{tags}");
    assert!(tags.contains("<vserverid>1001</vserverid>"), "{tags}");
    panel.vanish("1001").unwrap();
    panel.switch(|switches| switches.loose_lists = true);
    let one = ask(&panel, "action=node-virtualservers&nodeid=1").await;
    assert_eq!(one["virtualservers"]["vserverid"], "1005", "{one}");
    panel.vanish("1005").unwrap();
    assert_eq!(ask(&panel, "action=node-virtualservers&nodeid=1").await["virtualservers"], "");
    assert_eq!(
        soup(&panel, "action=node-virtualservers&nodeid=1").await,
        "<virtualservers></virtualservers>"
    );
    let clients = soup(&panel, "action=client-list").await;
    assert!(clients.contains("<company>Harborla & Daughters</company>"), "nothing is escaped: {clients}");
    panel.operate("nodes/3", &json!({"op": "retype", "virtualization": "xen hvm"})).unwrap();
    assert_eq!(ask(&panel, "action=node-idlist&type=xen+hvm").await["nodes"], "3");
    assert_eq!(ask(&panel, "action=node-idlist&type=xen").await["nodes"], "");

    panel.switch(|switches| switches.loose_lists = false);
    let (id, key) = panel.secrets().reseller;
    let form = format!("id={id}&key={key}&action=node-virtualservers&nodeid=2&rdtype=json");
    let fewer: Value = serde_json::from_str(&posted(&panel, "reseller", form).await).unwrap();
    assert_eq!((ids(&fewer), &fewer["status"]), (vec!["1006".to_owned()], &json!("success")));
}

#[tokio::test]
async fn version_one_tells_the_month_so_far_in_its_own_zone() {
    let panel = start_with(8, |switches| switches.version = 1).await;
    // November began in Warsaw at 2026-10-31T23:00:00Z.
    let (received, sent) = moved(&panel, "1001", NOVEMBER - 3_600, NOW);
    let bandwidth = numbers(&panel, "1001", "bandwidth").await;
    let total = 2_i64 << 40;
    let used = (received + sent) as i64;
    assert_eq!(bandwidth[..3], [total, used, (total - used).max(0)]);
    assert!((bandwidth[3] * total - used * 100).abs() <= total / 2 + 1, "{bandwidth:?}");

    let held = panel.knobs().truth.level("1002", NOW).unwrap();
    assert_eq!(numbers(&panel, "1002", "hdd").await[..2], [80 << 30, held as i64], "openvz");
    assert_eq!(numbers(&panel, "1001", "hdd").await, [40 << 30, 0, 40 << 30, 0], "kvm");
    assert!(panel.lacks("1001", "storage") && !panel.lacks("1002", "storage"));
    let told = ask(&panel, "action=vserver-infoall&nographs=true&vserverid=1002").await;
    assert!(told.get("trafficgraph").is_none() && told.get("rescuemode").is_none(), "{told}");
    assert_eq!(told["state"], "online");
    panel.switch(|switches| switches.tells_graphs = true);
    let tags = soup(&panel, "action=vserver-infoall&vserverid=1002").await;
    assert!(tags.contains(&format!("<hdd>{},{held},", 80_u64 << 30)), "{tags}");
    assert!(tags.contains("<trafficgraph>/graphs/2/1002/"), "{tags}");

    let clock = &panel.knobs().clock;
    let used = async || numbers(&panel, "1003", "bandwidth").await[1] as u64;
    let both = |from, to| {
        let (received, sent) = moved(&panel, "1003", from, to);
        received + sent
    };
    let midnight = DECEMBER - 3_600;
    clock.freeze_at(midnight + 600);
    assert_eq!(used().await, both(midnight, midnight + 600));
    panel.switch(|switches| switches.reset_late_minutes = 30);
    assert_eq!(used().await, both(NOVEMBER - 3_600 + 1_800, midnight + 600));
    panel.switch(|switches| (switches.reset_late_minutes, switches.anniversary) = (0, true));
    assert_eq!(used().await, both(NOVEMBER + 5 * 86_400 - 3_600, midnight + 600));
    panel.operate("servers/1003", &json!({"op": "reset"})).unwrap();
    assert_eq!(used().await, 0);
}

#[tokio::test]
async fn version_one_suspends_at_once_and_its_nodes_may_be_slow_or_dead() {
    let panel = start_with(8, |switches| switches.version = 1).await;
    let status = async || ask(&panel, "action=vserver-status&vserverid=1001").await["statusmsg"].clone();
    assert_eq!(status().await, "online");
    let done = ask(&panel, "action=vserver-suspend&vserverid=1001").await;
    assert_eq!(done, json!({"status": "success", "statusmsg": "Virtual server suspended"}));
    assert_eq!((status().await, panel.is_limited("1001")), (json!("disabled"), Some(true)));
    assert!(numbers(&panel, "1001", "bandwidth").await[0] > 0);
    panel.switch(|switches| switches.disabled_tells = false);
    let blank = ask(&panel, "action=vserver-infoall&vserverid=1001").await;
    assert_eq!((&blank["bandwidth"], &blank["state"]), (&json!(""), &json!("disabled")));
    ask(&panel, "action=vserver-unsuspend&vserverid=1001").await;
    assert_eq!((status().await, panel.is_limited("1001")), (json!("online"), Some(false)));
    let nobody = soup(&panel, "action=vserver-suspend&vserverid=77").await;
    assert_eq!(nobody, "<status>error</status>\n<statusmsg>Virtual server not found</statusmsg>");

    panel.operate("nodes/1", &json!({"op": "slow", "milliseconds": 300})).unwrap();
    let began = std::time::Instant::now();
    numbers(&panel, "1001", "bandwidth").await;
    assert!(began.elapsed() >= Duration::from_millis(300));
    panel.operate("nodes/1", &json!({"op": "dead"})).unwrap();
    let dead = ask(&panel, "action=vserver-infoall&vserverid=1001").await;
    assert_eq!((&dead["status"], dead.get("bandwidth")), (&json!("error"), None));
    panel.operate("nodes/1", &json!({"op": "zeros"})).unwrap();
    assert_eq!(numbers(&panel, "1001", "bandwidth").await[1], 0);

    panel.knobs().faults.add(panel.spoil_account("1002"));
    assert_eq!(ask(&panel, "action=vserver-infoall&vserverid=1002").await["bandwidth"], "many");
    let tags = soup(&panel, "action=vserver-infoall&vserverid=1002").await;
    assert!(tags.contains("<bandwidth>many</bandwidth>") && tags.contains("<hdd>8"), "{tags}");
    assert_ne!(ask(&panel, "action=vserver-infoall&vserverid=1003").await["bandwidth"], "many");
    let hash = get_hash(&panel, "1002");
    let form = format!("key=KEY-1002&hash={hash}&action=info&bw=true&ipaddr=true");
    let info = posted(&panel, "client", form).await;
    assert!(info.contains("<bw>") && info.contains("<ipaddr>") && !info.contains("<hdd>"), "{info}");
}

fn get_hash(panel: &Panel, server: &str) -> String {
    let state = panel.operate("state", &Value::Null).unwrap();
    state["servers"][server]["uuid"].as_str().unwrap().to_owned()
}
