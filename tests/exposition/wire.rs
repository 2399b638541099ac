//! What goes over the wire: the golden pages, what Prometheus's own checker says, gzip, the routes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use whmeter::domain::Meter;

use crate::fixtures::*;
use crate::server::{OPENMETRICS, Server};

#[test]
fn the_page_is_what_the_golden_files_say() {
    let exposition = house();
    let server = Server::start(&exposition, NOON);
    for (file, headers) in [("metrics.txt", ""), ("metrics.openmetrics.txt", OPENMETRICS)] {
        let page = String::from_utf8(server.ask("GET", "/metrics", headers).body).expect("text");
        golden(file, &steady(&page));
    }
}

/// The page with the values that differ from machine to machine taken out.
fn steady(page: &str) -> String {
    let lines = page.lines().map(|line| match line.split_once(' ') {
        Some((series, _)) if series.starts_with("process_") => format!("{series} 0\n"),
        Some((series, value)) if series.starts_with("whmeter_build_info") => {
            format!("whmeter_build_info{{revision=\"...\",version=\"...\"}} {value}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn golden(file: &str, came: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, came).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("a golden file; BLESS=1 makes it");
    for (number, (came, expected)) in came.lines().zip(expected.lines()).enumerate() {
        assert_eq!(came, expected, "{file}, line {}; BLESS=1 rewrites it", number + 1);
    }
    assert_eq!(came.lines().count(), expected.lines().count(), "{file}; BLESS=1 rewrites it");
}

#[test]
fn promtool_finds_nothing_to_mend() {
    let exposition = house();
    let server = Server::start(&exposition, NOON);
    let promtool = std::env::var("WHMETER_PROMTOOL").unwrap_or_else(|_| "promtool".into());
    for path in ["/metrics", "/metrics/self", "/metrics/backend/s3-fra1"] {
        let started = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = match started {
            Ok(promtool) => promtool,
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: no promtool ({error}); set WHMETER_PROMTOOL or install prometheus");
                return;
            }
            Err(error) => panic!("no promtool: {error}"),
        };
        let mut stdin = promtool.stdin.take().expect("piped");
        stdin.write_all(server.get(path).as_bytes()).expect("written");
        drop(stdin);
        let output = promtool.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{path}: {said}");
    }
}

#[test]
fn joined_gzip_members_are_exactly_the_page() {
    let accounts =
        (0..1500).map(|n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, n)])));
    let mut standing = standing("s3-fra1", accounts);
    let exposition = exposition();
    exposition.update(&standing, at(NOON));
    let server = Server::start(&exposition, NOON);
    for round in 0..3 {
        let plain = server.ask("GET", "/metrics/backend/s3-fra1", OPENMETRICS);
        let packed =
            server.ask("GET", "/metrics/backend/s3-fra1", &format!("{OPENMETRICS}Accept-Encoding: gzip\r\n"));
        assert!(packed.head.contains("content-encoding: gzip"), "{}", packed.head);
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.body, "flate2 reads another page in round {round}");
        if let Some(unpacked) = gunzip(&packed.body) {
            assert!(unpacked == plain.body, "gzip -dc reads another page in round {round}");
        }
        // Some patched in place, some packed ahead.
        let changed = (0..1500)
            .step_by(170 + round)
            .map(|n| (name(&format!("u{n}")), account(vec![series(Meter::StorageUsed, NOON, n * 1000)])));
        commit(&mut standing, changed);
        exposition.update(&standing, at(NOON));
        if round == 1 {
            exposition.pack();
        }
    }
}

/// What the gzip program makes of it, where there is one.
fn gunzip(packed: &[u8]) -> Option<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), packed).expect("written");
    let input = std::fs::File::open(file.path()).expect("opened");
    let output = Command::new("gzip").arg("-dc").stdin(input).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn the_routes_answer_as_promised() {
    let exposition = house();
    let server = Server::start(&exposition, NOON);
    let text = server.ask("GET", "/metrics", "");
    assert!(text.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", text.head);
    let open = server.ask("GET", "/metrics", OPENMETRICS);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(open.head.contains(kind) && open.body.ends_with(b"\n# EOF\n"), "{}", open.head);

    let own = server.get("/metrics/self");
    assert!(own.contains("whmeter_build_info") && !own.contains("account="), "{own}");
    let one = server.get("/metrics/backend/a%20%22nas%22");
    assert!(one.contains("Zoë") && !one.contains("alice") && !one.contains("process_"), "{one}");
    assert!(one.contains("whmeter_poll_success"), "{one}");

    let missing = server.ask("GET", "/metrics/backend/nobody", "");
    assert!(missing.head.starts_with("http/1.1 404") && missing.head.contains("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_slice(&missing.body).expect("JSON");
    assert_eq!(problem["status"], 404);

    let head = server.ask("HEAD", "/metrics/backend/s3-fra1", "");
    let length = format!("content-length: {}", server.get("/metrics/backend/s3-fra1").len());
    assert!(head.head.contains(&length) && head.body.is_empty(), "{}", head.head);

    let targets: serde_json::Value = serde_json::from_str(&server.get("/metrics/targets")).expect("JSON");
    assert_eq!(targets.as_array().map(Vec::len), Some(3));
    assert_eq!(targets[2]["targets"], serde_json::json!(["meter:9480"]));
    assert_eq!(targets[2]["labels"]["__metrics_path__"], "/metrics/backend/s3-fra1");
}
