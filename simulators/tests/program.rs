//! The `simulate` program and its control address, as a script uses them; and every kind of panel
//! by its name.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use support::client;
use whmeter_simulators::PANELS;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

struct Program {
    child: Child,
    line: Value,
    /// Kept open: with several panels more lines follow the first.
    _lines: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        Self { child, line: serde_json::from_str(&line).unwrap(), _lines: lines }
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.line["control"].as_str().unwrap());
        let request = client().request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        json!({ "status": status, "body": serde_json::from_str::<Value>(&text).unwrap_or(Value::Null) })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn a_script_can_turn_every_knob() {
    let program = Program::start(&["minio", "--accounts", "6", "--start", "1795226400"]);
    assert_eq!(program.line["kind"], "minio");
    let get = async |path: &str| program.control("GET", path, &Value::Null).await["body"].clone();
    assert_eq!(get("/state").await["clock"]["now"], 1_795_226_400);
    let moved = program.control("POST", "/clock", &json!({ "advance": 3600 })).await;
    assert_eq!(moved["body"], json!({ "now": 1_795_230_000, "frozen": true }));

    let truth = "/truth?account=7-41&from=1795226400&to=1795230000";
    let before = get(truth).await;
    let deal = json!({ "op": "add_traffic", "received": 10, "sent": 20 });
    program.control("POST", "/accounts/7-41", &deal).await;
    program.control("POST", "/accounts/7-41", &json!({ "op": "set_storage", "bytes": 4_242 })).await;
    let after = get(truth).await;
    assert_eq!(after["storage_bytes"], 4_242);
    assert_eq!(after["sent_bytes"].as_u64().unwrap() - before["sent_bytes"].as_u64().unwrap(), 20);
    assert_eq!(program.control("GET", "/truth?account=nobody", &Value::Null).await["status"], 404);

    program.control("POST", "/accounts/7-41", &json!({ "op": "vanish" })).await;
    assert!(!get("/accounts").await.as_array().unwrap().contains(&json!("7-41")));
    program.control("POST", "/accounts/7-41", &json!({ "op": "reappear" })).await;
    assert_eq!(get("/accounts").await.as_array().unwrap().len(), 6);

    let fault = json!({ "kind": "failed", "status": 503, "path_contains": "health", "times": 1 });
    assert_eq!(program.control("POST", "/faults", &fault).await["body"][0]["kind"], "failed");
    let live = format!("{}/minio/health/live", program.line["url"].as_str().unwrap());
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(client().get(&live).send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [503, 200]);
    assert_eq!(
        get("/requests").await[0],
        json!({ "method": "GET", "path": "/minio/health/live", "count": 2 })
    );
    program.control("DELETE", "/requests", &Value::Null).await;
    assert_eq!(get("/requests").await, json!([]));
    let unknown = program.control("POST", "/faults", &json!({ "kind": "nonsense" })).await;
    assert_eq!(unknown["status"], 400);

    let switched = program.control("POST", "/minio/switches", &json!({ "flavour": "rustfs" })).await;
    assert_eq!(switched["body"]["flavour"], "rustfs");
    let scanner = program.control("POST", "/minio/scanner", &json!({ "never": true })).await;
    assert_eq!(scanner["body"]["never"], true);
    assert_eq!(program.control("POST", "/minio/scanner", &json!({ "nevre": true })).await["status"], 400);
    program.control("POST", "/minio/nodes/1", &json!({ "op": "down" })).await;
    let node = get("/minio/state").await["nodes"][1].clone();
    assert_eq!(node["up"], false);
    assert!(client().get(format!("http://{}", node["address"].as_str().unwrap())).send().await.is_err());
}

#[tokio::test]
async fn it_speaks_https_with_its_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&["minio", "--accounts", "2", "--tls-dir", folder.path().to_str().unwrap()]);
    let url = program.line["url"].as_str().unwrap().to_owned();
    let live = format!("{url}/minio/health/live");
    assert!(url.starts_with("https://"));
    assert!(client().get(&live).send().await.is_err(), "nobody else trusts it");
    let file = std::fs::read(program.line["settings"]["tls_ca_file"].as_str().unwrap()).unwrap();
    let authority = reqwest::Certificate::from_pem(&file).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    assert_eq!(trusting.get(&live).send().await.unwrap().status(), 200);
    let plain = client().get(live.replace("https", "http")).send().await.unwrap();
    assert_eq!(plain.status(), 400);
    assert_eq!(plain.text().await.unwrap(), "Client sent an HTTP request to an HTTPS server.\n");
}

#[test]
fn each_kind_takes_its_own_flags_and_says_what_they_may_be() {
    let first = Program::start(&["vpncp", "--accounts", "2", "--generation", "1"]);
    assert!(first.line["settings"]["access_hash"].is_string(), "{}", first.line);
    let rust = Program::start(&["minio", "--accounts", "2", "--flavour", "rustfs", "--nodes", "3"]);
    assert_eq!(rust.line["state"]["switches"]["flavour"], "rustfs");
    assert_eq!(rust.line["state"]["nodes"].as_array().unwrap().len(), 3);
    let whmcs = Program::start(&["whmcs", "--accounts", "2"]);
    assert!(whmcs.line["url"].as_str().unwrap().ends_with("/includes/api.php"));
    for (arguments, expected) in [
        (&["vpncp", "--generation", "3"], "[possible values: 1, 2]"),
        (&["minio", "--nodes", "many"], "--nodes many: "),
        (&["toy", "--accounts", "2"], "unrecognized subcommand"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn it_stops_when_told_to() {
    let mut program = Program::start(&["all", "--accounts", "2"]);
    let told = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(program.child.wait().unwrap().success());
}

#[tokio::test]
async fn every_kind_starts_by_name_and_stops() {
    for kind in PANELS {
        let clock = ClockStart::Frozen(1_795_226_400);
        let options = Options { accounts: 5, clock, ..Options::default() };
        let panel = kind.start(options).await.unwrap();
        assert_eq!(panel.kind(), kind.name);
        assert_eq!(panel.accounts().len(), 5);
        assert!(panel.settings().contains_key("url"));
        let truth = &panel.knobs().truth;
        assert!(panel.accounts().iter().all(|name| truth.level(name, 1_795_226_400).is_some()));
        assert!(client().get(panel.url()).send().await.is_ok());
        panel.stop();
        let mut closed = false;
        for _ in 0..100 {
            closed = client().get(panel.url()).send().await.is_err();
            if closed {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(closed, "{} still answers", kind.name);
    }
}
