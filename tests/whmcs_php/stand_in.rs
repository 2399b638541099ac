//! Somebody in whmeter's place who answers as its token says: `answer-html-…` gets HTML, `answer-slow-…`
//! waits. What is sent to it is kept, and told under `/recorded`; what it was asked, and whether as billing, under
//! `/asked`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// As in `checks/names.php`.
const NAMES: [&str; 14] = [
    "1042",
    "007",
    "Müller",
    "a b",
    "../x",
    "<script>",
    "a/b",
    "x&server=13",
    "50%",
    "..",
    ".",
    "#1",
    "a+b",
    "o'hara",
];

pub struct StandIn {
    port: u16,
}

#[derive(Default)]
struct Kept {
    requests: Mutex<Vec<Value>>,
    asked: Mutex<Vec<Value>>,
    /// When the last reading was, in seconds after some time: it moves on when it is asked for.
    read_at: AtomicI64,
}

struct Request {
    method: String,
    path: String,
    authorization: String,
    /// Of the head; empty where it was not sent.
    purpose: String,
    body: String,
}

impl StandIn {
    pub async fn start() -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Kept::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let _ = serve(stream, &kept).await;
                });
            }
        });
        StandIn { port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(mut stream: TcpStream, kept: &Kept) -> std::io::Result<()> {
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    if request.path == "/recorded" {
        let told = std::mem::take(&mut *kept.requests.lock().unwrap());
        return say(&mut stream, "200 OK", "application/json", &Value::from(told).to_string()).await;
    }
    if request.path == "/asked" {
        let told = std::mem::take(&mut *kept.asked.lock().unwrap());
        return say(&mut stream, "200 OK", "application/json", &Value::from(told).to_string()).await;
    }
    kept.asked
        .lock()
        .unwrap()
        .push(json!({ "method": request.method, "path": request.path, "purpose": request.purpose }));
    // Nobody who was sent here may arrive.
    let elsewhere = request.path.starts_with("/elsewhere").then_some("companion");
    let answer = elsewhere.or(request.authorization.split('-').nth(1)).unwrap_or_default().to_string();
    match answer.as_str() {
        "slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Ok(())
        }
        "truncated" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n";
            stream.write_all(format!("{head}{{\"schema\":1,\"tenants\":{{\"1042-7731\":{{").as_bytes()).await
        }
        "huge" => huge(&mut stream).await,
        "redirect" => {
            let head = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await
        }
        other => {
            let (status, kind, body) = answered(other, &request, kept);
            say(&mut stream, status, kind, &body).await
        }
    }
}

/// A whole answer, but for its size.
async fn huge(stream: &mut TcpStream) -> std::io::Result<()> {
    let size = 9 << 20;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let open = "{\"schema\":1,\"values\":{\"disk\":{\"value\":\"1.00000\"}},\"padding\":\"";
    stream.write_all(open.as_bytes()).await?;
    stream.write_all(&vec![b'x'; size - open.len() - 2]).await?;
    stream.write_all(b"\"}").await
}

fn answered(answer: &str, request: &Request, kept: &Kept) -> (&'static str, &'static str, String) {
    const JSON: &str = "application/json";
    const PROBLEM: &str = "application/problem+json";
    let problem = |detail: &str| json!({ "type": "about:blank", "detail": detail }).to_string();
    let good = |body: Value| ("200 OK", JSON, body.to_string());
    match answer {
        "401" => ("401 Unauthorized", PROBLEM, problem("no such token")),
        "403" => ("403 Forbidden", PROBLEM, problem("<script>no scope</script>")),
        "404" => ("404 Not Found", PROBLEM, problem("no account")),
        "500" => ("500 Internal Server Error", PROBLEM, problem("the store is away")),
        "echo" => ("401 Unauthorized", PROBLEM, problem(&request.authorization)),
        "html" => ("200 OK", "text/html", "<html><h1>Welcome</h1>{\"schema\":1}</html>".into()),
        "gateway" => ("502 Bad Gateway", "text/html", "<html>nginx at 10.0.0.7</html>".into()),
        "schema" => good(
            json!({ "schema": 2, "tenants": { "1042-7731": value("1.00000") }, "values": value("1.00000") }),
        ),
        "noschema" => {
            good(json!({ "tenants": { "1042-7731": value("1.00000") }, "values": value("1.00000") }))
        }
        "list" => good(json!([1, 2])),
        "deep" => ("200 OK", JSON, format!("{}1{}", "[".repeat(500), "]".repeat(500))),
        "odd" => good(json!({ "schema": 1, "tenants": odd() })),
        "names" => named(&request.path),
        "companion" => good(companion(&request.path)),
        "purpose" => {
            let shown = request.purpose.is_empty();
            // What is billed is asked for with the month of WHMCS's own calendar.
            let month = whmcs_month();
            let billed = if request.path.contains(&format!("month={month}")) { "2.00000" } else { "9.00000" };
            let value = value(if shown { "1.00000" } else { billed });
            good(json!({ "schema": 1, "values": value, "tenants": { "x": value } }))
        }
        "terabytes" => {
            let mut all = companion(&request.path);
            all["unit"] = json!({ "name": "TB", "disk": 1_u64 << 40, "disk_gb_month": 1_u64 << 40, "traffic": 1_u64 << 40 });
            (all["clock"], all["tz"]) = (json!(chrono::Utc::now().timestamp()), json!("Europe/Warsaw"));
            good(all)
        }
        "final" => last_reading(request, kept),
        "taken" => {
            keep(request, kept);
            good(
                json!({ "schema": 1, "server": 12, "services": 1, "mapped": 1, "missing": 0, "ambiguous": 0 }),
            )
        }
        _ => ("200 OK", JSON, String::new()),
    }
}

/// As PHP's clock has it in the stubs' zone.
fn whmcs_month() -> String {
    chrono::Utc::now().with_timezone(&chrono_tz::Europe::Warsaw).format("%Y-%m").to_string()
}

fn value(text: &str) -> Value {
    json!({ "disk": { "value": text, "collected_at": 1_773_450_300 } })
}

fn odd() -> Value {
    let disk = |value: Value| json!({ "disk": { "value": value, "collected_at": 1 } });
    json!({
        "1042": value("0.00000"),
        "007": value("7.00000"),
        "negative": value("-1.00000"),
        "number": disk(json!(1.5)),
        "null": disk(Value::Null),
        "words": value("many"),
        "exponent": value("1e9"),
        "not a number": value("NAN"),
        "text": "1.00000",
        "nothing": {},
        "stranger": { "no_such_metric": { "value": "1.00000" } },
        "half": { "disk": { "value": "1.50000" }, "traffic_in": { "value": "" }, "traffic_out": { "value": "2.00000" } },
    })
}

fn named(path: &str) -> (&'static str, &'static str, String) {
    let number = |at: usize| value(&format!("{}.00000", at + 1));
    let path = path.split('?').next().unwrap_or_default();
    let body = match path.strip_prefix("/v1/whmcs/usage/") {
        None => {
            let all: serde_json::Map<_, _> =
                NAMES.iter().enumerate().map(|(at, name)| (name.to_string(), number(at))).collect();
            json!({ "schema": 1, "tenants": all })
        }
        Some(part) => {
            let part = decoded(part);
            match NAMES.iter().position(|name| *name == part) {
                Some(at) => json!({ "schema": 1, "values": number(at) }),
                None => {
                    return (
                        "404 Not Found",
                        "application/problem+json",
                        json!({ "detail": part }).to_string(),
                    );
                }
            }
        }
    };
    ("200 OK", "application/json", body.to_string())
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.extend(hex::decode(hex).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Good answers to every question at once. On server 20 the account is known by its companion's name.
fn companion(path: &str) -> Value {
    let tenant = if path.contains("server=20") { "whm-7731" } else { "1042-7731" };
    let one = path.strip_prefix("/v1/whmcs/usage/").and_then(|rest| rest.split('?').next());
    let values = if one.is_none_or(|name| name == tenant) { value("93.41000") } else { json!({}) };
    let mut known = value("93.41000");
    known["disk_mb"] = json!(95_652);
    known["disk_limit_mb"] = json!(102_400);
    let limits = json!({ "disk": "100.00000" });
    json!({ "schema": 1, "tenants": { tenant: known }, "values": values, "limits": limits, "days": [], "months": [] })
}

/// The reading moves on when it is asked to, a little later.
fn last_reading(request: &Request, kept: &Kept) -> (&'static str, &'static str, String) {
    if request.method == "POST" {
        keep(request, kept);
        kept.read_at.store(1, Ordering::SeqCst);
        return ("202 Accepted", "application/json", json!({ "schema": 1, "status": "queued" }).to_string());
    }
    // Two looks see the old reading.
    let at = kept.read_at.load(Ordering::SeqCst);
    if at > 0 {
        kept.read_at.store(at + 1, Ordering::SeqCst);
    }
    let at = 1_773_450_300 + i64::from(at > 2);
    let body = json!({ "schema": 1, "values": { "disk": { "value": "1.00000", "collected_at": at } } });
    ("200 OK", "application/json", body.to_string())
}

fn keep(request: &Request, kept: &Kept) {
    kept.requests.lock().unwrap().push(json!({
        "method": request.method,
        "path": request.path,
        "authorization": request.authorization,
        "body": request.body,
    }));
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let header = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        line.map(|(_, value)| value.to_string()).unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let mut first = text.lines().next().unwrap_or_default().split(' ').map(str::to_string);
    let body = String::from_utf8_lossy(&bytes[head + 4..]).into_owned();
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let (authorization, purpose) = (header("authorization"), header("x-whmeter-purpose"));
    Ok(Some(Request { method, path, authorization, purpose, body }))
}

async fn say(stream: &mut TcpStream, status: &str, kind: &str, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}
