//! The fake cluster's answers, compared with the real one's shapes to the letter.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::proxmox::{Options, Panel};

const NOW: i64 = 1_795_226_400;

async fn start(accounts: usize) -> Panel {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    Panel::start(Options { common, ..Options::default() }).await.unwrap()
}

fn client() -> Client {
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

fn token(panel: &Panel) -> String {
    let settings = panel.settings();
    format!("PVEAPIToken={}={}", settings["user"], settings["secret"])
}

async fn send(panel: &Panel, method: Method, path: &str, form: &[(&str, &str)]) -> Response {
    let mut request = client().request(method, format!("{}/api2/json/{path}", panel.url()));
    request = request.header("authorization", token(panel));
    if !form.is_empty() {
        let body: Vec<String> =
            form.iter().map(|(key, value)| format!("{key}={}", value.replace(',', "%2C"))).collect();
        request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
    }
    request.send().await.unwrap()
}

async fn get(panel: &Panel, path: &str) -> Value {
    let answer = send(panel, Method::GET, path, &[]).await;
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
    let whole: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    whole["data"].clone()
}

/// The status line and the body of a request as they come over the wire.
async fn raw(panel: &Panel, method: &str, path: &str, headers: &str) -> (String, String) {
    let address = panel.url().replace("http://", "");
    let text = format!(
        "{method} /api2/json/{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n"
    );
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn keys(row: &Value) -> BTreeSet<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

fn row<'a>(rows: &'a Value, id: &str) -> &'a Value {
    rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()
}

fn on(panel: &Panel, vmid: &str, what: Value) {
    panel.operate(&format!("guests/{vmid}"), &what).unwrap();
}

#[tokio::test]
async fn rows_have_the_keys_of_the_real_ones() {
    let panel = start(12).await;
    let rows = get(&panel, "cluster/resources").await;
    let machine = "id type vmid node name status template uptime cpu maxcpu mem maxmem memhost disk maxdisk \
                   netin netout diskread diskwrite pool tags";
    assert_eq!(keys(row(&rows, "qemu/100")), machine.split_whitespace().collect());
    let off = row(&rows, "qemu/110");
    assert_eq!(
        (&off["status"], &off["uptime"], &off["netin"], &off["netout"]),
        (&json!("stopped"), &json!(0), &json!(0), &json!(0))
    );
    assert_eq!((&row(&rows, "qemu/100")["disk"], row(&rows, "lxc/103")["disk"].is_u64()), (&json!(0), true));
    assert_eq!(
        keys(row(&rows, "node/pve1")),
        "id type node status uptime level cpu maxcpu mem maxmem disk maxdisk cgroup-mode"
            .split(' ')
            .collect()
    );
    assert_eq!(
        keys(row(&rows, "storage/pve1/local-zfs")),
        "id type storage node plugintype status shared content disk maxdisk".split(' ').collect()
    );
    let kinds: BTreeSet<&str> =
        rows.as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, "lxc network node pool qemu storage".split(' ').collect());
    assert_eq!(row(&rows, "qemu/900000")["template"], 1);
    let vms = get(&panel, "cluster/resources?type=vm").await;
    assert!(
        vms.as_array().unwrap().iter().all(|row| ["qemu", "lxc"].contains(&row["type"].as_str().unwrap()))
    );
    panel.switch(|switches| switches.version = 7);
    let rows = get(&panel, "cluster/resources").await;
    let container = row(&rows, "lxc/103");
    assert!(
        container["vmid"] == "103" && container["disk"].is_string() && container.get("memhost").is_none()
    );
    panel.switch(|switches| switches.privileges = ["VM.Audit".to_owned()].into());
    let rows = get(&panel, "cluster/resources").await;
    assert!(row(&rows, "qemu/100").get("pool").is_none() && row(&rows, "node/pve1").get("uptime").is_none());
    panel.switch(|switches| switches.privileges.clear());
    assert_eq!(get(&panel, "cluster/resources?type=vm").await, json!([]));
}

#[tokio::test]
async fn figures_are_those_of_the_last_ten_seconds_then_frozen_then_gone() {
    let panel = start(4).await;
    let counts = async |vmid: &str| {
        let rows = get(&panel, "cluster/resources").await;
        let row = row(&rows, vmid).clone();
        (row["node"].clone(), row["status"].clone(), row["uptime"].as_i64(), row["netout"].as_u64())
    };
    let clock = &panel.knobs().clock;
    let sent = |from, to| panel.knobs().truth.traffic_between("100", from, to).unwrap().sent;
    let (_, _, uptime, first) = counts("qemu/100").await;
    clock.advance(9);
    assert_eq!(counts("qemu/100").await.3, first);
    clock.advance(1);
    assert_eq!(counts("qemu/100").await.3, first.map(|first| first + sent(NOW, NOW + 10)));
    // Moved: at once on the new node, with the old figures until that has taken its own.
    clock.advance(4);
    on(&panel, "100", json!({"op": "migrate", "to": "pve3"}));
    let (node, _, moved_uptime, _) = counts("qemu/100").await;
    assert_eq!((node, moved_uptime), (json!("pve3"), uptime.map(|uptime| uptime + 10)));
    clock.advance(6);
    assert_eq!(counts("qemu/100").await.2, Some(6));
    assert_eq!(counts("qemu/100").await.3, Some(sent(NOW + 14, NOW + 20)));
    panel.operate("nodes/pve3", &json!({"op": "hang"})).unwrap();
    clock.advance(300);
    assert_eq!(counts("qemu/100").await.2, Some(6));
    clock.advance(10);
    assert_eq!(counts("qemu/100").await, (json!("pve3"), json!("unknown"), None, None));
    panel.operate("nodes/pve3", &json!({"op": "recover"})).unwrap();
    assert_eq!(counts("qemu/100").await.2, Some(316));
    clock.advance(5);
    panel.operate("nodes/pve2", &json!({"op": "down"})).unwrap();
    let rows = get(&panel, "cluster/resources").await;
    assert_eq!(
        (&row(&rows, "node/pve2")["status"], &row(&rows, "qemu/101")["status"]),
        (&json!("offline"), &json!("running"))
    );
}

#[tokio::test]
async fn refusals_stand_in_the_status_line() {
    let panel = start(3).await;
    assert_eq!(raw(&panel, "GET", "version", "").await, ("HTTP/1.1 401 No ticket".into(), String::new()));
    let wrong = "authorization: PVEAPIToken=whmeter@pve!metrics=wrong\r\n";
    assert_eq!(
        raw(&panel, "GET", "version", wrong).await,
        ("HTTP/1.1 401 Authentication failed!".into(), String::new())
    );
    panel.switch(|switches| switches.version = 7);
    assert_eq!(raw(&panel, "GET", "version", wrong).await.0, "HTTP/1.1 401 invalid token value!");
    let good = format!("authorization: {}\r\n", token(&panel));
    panel.operate("nodes/pve2", &json!({"op": "cut"})).unwrap();
    let dead = raw(&panel, "GET", "nodes/pve2/qemu", &good).await;
    assert_eq!(dead, ("HTTP/1.1 595 No route to host".into(), String::new()));
    let gone = raw(&panel, "GET", "nodes/pve1/qemu/101/config", &good).await;
    assert_eq!(gone.0, "HTTP/1.1 500 Configuration file 'nodes/pve1/qemu-server/101.conf' does not exist");
    assert!(!gone.1.contains("message"), "{}", gone.1);
    assert_eq!(raw(&panel, "HEAD", "version", &good).await.0, "HTTP/1.1 501 method 'HEAD' not available");
    panel.switch(|switches| {
        switches.version = 8;
        switches.privileges.remove("Sys.Audit");
    });
    let refused = raw(&panel, "GET", "cluster/status", &good).await;
    assert_eq!(refused.0, "HTTP/1.1 403 Permission check failed (/, Sys.Audit)");
    assert!(refused.1.contains(r#""message":"Permission check failed (/, Sys.Audit)\n""#), "{}", refused.1);
    panel.switch(|switches| switches.slow_refusals = true);
    let began = std::time::Instant::now();
    raw(&panel, "GET", "version", "").await;
    assert!(began.elapsed().as_secs() >= 3);
}

#[tokio::test]
async fn long_answers_are_compressed_and_keys_have_no_order() {
    let panel = start(12).await;
    let good = format!("authorization: {}\r\n", token(&panel));
    let texts: BTreeSet<String> = [
        raw(&panel, "GET", "cluster/resources", &good).await.1,
        raw(&panel, "GET", "cluster/resources", &good).await.1,
    ]
    .into();
    assert_eq!(texts.len(), 2, "the same twice");
    let ask = async |path: &str| {
        let client = Client::builder().no_gzip().build().unwrap();
        let request = client.get(format!("{}/api2/json/{path}", panel.url()));
        let request = request.header("authorization", token(&panel)).header("accept-encoding", "gzip");
        request.send().await.unwrap().headers().contains_key("content-encoding")
    };
    assert_eq!((ask("cluster/resources").await, ask("version").await), (true, false));
}

#[tokio::test]
async fn a_card_is_written_with_a_digest_and_keeps_its_address_only_when_told() {
    let panel = start(4).await;
    for (vmid, kind, node) in [("100", "qemu", "pve1"), ("103", "lxc", "pve1")] {
        let path = format!("nodes/{node}/{kind}/{vmid}/config");
        let config = get(&panel, &path).await;
        let (card, digest) =
            (config["net0"].as_str().unwrap().to_owned(), config["digest"].as_str().unwrap().to_owned());
        assert_eq!(digest.len(), 40);
        let limited = format!("rate=5,{card}");
        let written = send(&panel, Method::PUT, &path, &[("net0", &limited), ("digest", &digest)]).await;
        assert_eq!(written.json_text().await, json!({ "data": null }));
        let now = get(&panel, &path).await;
        let now = now["net0"].as_str().unwrap();
        assert!(now.contains("rate=5") && now != limited, "in an order of its own: {now}");
        let stale = send(&panel, Method::PUT, &path, &[("net0", &card), ("digest", &digest)]).await;
        let words = if kind == "qemu" { "checksum mismatch" } else { "detected modified configuration" };
        assert_eq!(stale.status(), 500);
        assert!(stale.json_text().await["message"].as_str().unwrap().contains(words));
        on(&panel, vmid, json!({"op": "lock", "by": "backup"}));
        let locked = send(&panel, Method::PUT, &path, &[("net0", &card)]).await;
        let words = if kind == "qemu" { "VM is locked (backup)\n" } else { "CT is locked (backup)\n" };
        assert_eq!(locked.json_text().await["message"], words);
        on(&panel, vmid, json!({"op": "unlock"}));
        // Without its address the card is another one, and counts from nothing.
        let bare = if kind == "qemu" { "virtio,bridge=vmbr0" } else { "name=eth0,bridge=vmbr0,type=veth" };
        assert_eq!(send(&panel, Method::PUT, &path, &[("net0", bare)]).await.status(), 200);
        panel.knobs().clock.advance(10);
        let current = get(&panel, &format!("nodes/{node}/{kind}/{vmid}/status/current")).await;
        assert!(current["uptime"].as_i64().unwrap() > 3_000);
        assert!(current["netout"].as_u64().unwrap() < 100_000_000, "{current}");
    }
    on(&panel, "100", json!({"op": "wait", "key": "net0", "value": "virtio=AA"}));
    let merged = get(&panel, "nodes/pve1/qemu/100/config").await["net0"].clone();
    let current = get(&panel, "nodes/pve1/qemu/100/config?current=1").await["net0"].clone();
    assert!(merged == "virtio=AA" && current != merged);
    let pending = get(&panel, "nodes/pve1/qemu/100/pending").await;
    assert!(
        pending.as_array().unwrap().iter().any(|row| row["key"] == "net0" && row["pending"] == "virtio=AA")
    );
}

#[tokio::test]
async fn power_calls_are_tasks_and_not_idempotent() {
    let panel = start(4).await;
    let post = async |vmid: &str, kind: &str, node: &str, call: &str| {
        send(&panel, Method::POST, &format!("nodes/{node}/{kind}/{vmid}/status/{call}"), &[]).await
    };
    let upid =
        post("100", "qemu", "pve1", "suspend").await.json_text().await["data"].as_str().unwrap().to_owned();
    assert!(upid.starts_with("UPID:pve1:") && upid.contains(":qmpause:100:whmeter@pve!metrics:"), "{upid}");
    let path = format!("nodes/pve1/tasks/{upid}/status");
    assert_eq!(get(&panel, &path).await["status"], "running");
    let done = get(&panel, &path).await;
    assert_eq!(
        (&done["status"], &done["exitstatus"], &done["tokenid"]),
        (&json!("stopped"), &json!("OK"), &json!("metrics"))
    );
    panel.knobs().clock.advance(10);
    assert_eq!(row(&get(&panel, "cluster/resources").await, "qemu/100")["status"], "paused");
    assert_eq!(get(&panel, "nodes/pve1/qemu/100/status/current").await["qmpstatus"], "paused");
    on(&panel, "101", json!({"op": "stop"}));
    let refused = post("101", "qemu", "pve2", "suspend").await;
    assert_eq!(
        (refused.status().as_u16(), refused.json_text().await["message"].clone()),
        (500, json!("VM 101 not running\n"))
    );
    let refused = post("103", "lxc", "pve1", "start").await;
    assert_eq!(refused.json_text().await["message"], "CT 103 already running\n");
    let started =
        post("102", "qemu", "pve3", "start").await.json_text().await["data"].as_str().unwrap().to_owned();
    let path = format!("nodes/pve3/tasks/{started}/status");
    get(&panel, &path).await;
    assert_eq!(get(&panel, &path).await["exitstatus"], "VM 102 already running");
}

#[tokio::test]
async fn tickets_charts_and_cards_have_their_shapes() {
    let panel = start(8).await;
    let login = async |password: &str| {
        let form = [("username", "whmeter@pve"), ("password", password)];
        send(&panel, Method::POST, "access/ticket", &form).await
    };
    let settings = panel.settings();
    let told = login(&settings["secret"]).await.json_text().await["data"].clone();
    assert_eq!(keys(&told), "username ticket CSRFPreventionToken clustername cap".split(' ').collect());
    assert!(told["ticket"].as_str().unwrap().starts_with("PVE:whmeter@pve:"));
    let cookie = format!("cookie: PVEAuthCookie={}\r\n", told["ticket"].as_str().unwrap());
    assert_eq!(raw(&panel, "GET", "version", &cookie).await.0, "HTTP/1.1 200 OK");
    // A ticket is as good as the password while it lasts, and none is good once all are revoked.
    assert_eq!(login(told["ticket"].as_str().unwrap()).await.status().as_u16(), 200);
    assert_eq!(panel.operate("sessions", &json!({"op": "revoke_all"})).unwrap(), json!({"tokens": 0}));
    assert_eq!(raw(&panel, "GET", "version", &cookie).await.0, "HTTP/1.1 401 Authentication failed!");
    let wrong = login("wrong").await;
    assert_eq!(
        (wrong.status().as_u16(), wrong.json_text().await["message"].clone()),
        (401, json!("authentication failure\n"))
    );

    for (version, frame, step, count) in
        [(9, "day", 60, 1_440), (9, "month", 1_800, 1_440), (8, "day", 1_800, 70), (7, "week", 10_800, 70)]
    {
        panel.switch(|switches| switches.version = version);
        let rows = get(&panel, &format!("nodes/pve1/qemu/100/rrddata?timeframe={frame}&cf=AVERAGE")).await;
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), count, "{version} {frame}");
        let times: Vec<i64> = rows.iter().map(|row| row["time"].as_i64().unwrap()).collect();
        assert!(times.windows(2).all(|two| two[1] - two[0] == step) && times[0] % step == 0);
        // 100 has run for an hour: what was before is left out, not zero.
        assert!(rows[0].get("netin").is_none(), "{version} {frame}");
    }
    let machines = get(&panel, "nodes/pve1/qemu?full=1").await;
    let two = machines.as_array().unwrap().iter().find(|row| row["vmid"] == 106).unwrap();
    let cards = keys(&two["nics"]);
    assert_eq!(cards, ["tap106i0", "tap106i1"].into());
    let sum: u64 = cards.iter().map(|card| two["nics"][*card]["netout"].as_u64().unwrap()).sum();
    assert_eq!(two["netout"], sum);
    assert_eq!(get(&panel, "access/permissions").await["/"]["VM.Audit"], 1);
    let status = get(&panel, "cluster/status").await;
    assert_eq!(
        (&status[0]["type"], &status[1]["local"], &status[2]["local"]),
        (&json!("cluster"), &json!(1), &json!(0))
    );
}

/// The body of an answer as JSON.
trait JsonText {
    async fn json_text(self) -> Value;
}

impl JsonText for Response {
    async fn json_text(self) -> Value {
        serde_json::from_slice(&self.bytes().await.unwrap()).unwrap()
    }
}
