//! A real server started for one test, and its client.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use whmeter::backends::{Backend, kind};
use whmeter::http::{Http, HttpSettings};
use whmeter::settings::Section;

const ROOT: [&str; 2] = ["rootuser", "rootsecret123"];
/// The user whmeter asks as, and his secret.
pub const METER: [&str; 2] = ["whmeter", "whmetersecret1"];
const SECRET: &str = "customersecret1";

/// A server with four drives in a temporary folder, and the client's own folder.
pub struct Server {
    child: Child,
    mc: PathBuf,
    pub folder: tempfile::TempDir,
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the client calls a customer: its aliases must look like identifiers.
fn alias(customer: &str) -> String {
    format!("c{}", customer.replace('-', "_"))
}

/// `7-41/bucket/key` with the customer's alias in front.
fn translated(argument: &str) -> String {
    match argument.split_once('/') {
        Some((customer, path)) if customer.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{}/{path}", alias(customer))
        }
        _ => argument.to_string(),
    }
}

fn programs() -> Option<(PathBuf, PathBuf)> {
    let program = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file());
    match (program("WHMETER_MINIO"), program("WHMETER_MC")) {
        (Some(minio), Some(mc)) => Some((minio, mc)),
        _ => {
            let missing = "WHMETER_MINIO and WHMETER_MC do not both name a program";
            assert!(std::env::var_os("CI").is_none(), "{missing}, and CI must run this test");
            eprintln!("skipped: {missing}");
            None
        }
    }
}

impl Server {
    pub async fn start() -> Option<Server> {
        let (minio, mc) = programs()?;
        let folder = tempfile::tempdir().expect("a folder");
        let drives = (1..=4).map(|n| folder.path().join(format!("d{n}")));
        let drives: Vec<_> = drives.inspect(|drive| std::fs::create_dir(drive).expect("a drive")).collect();
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("free").port();
        let child = Command::new(minio)
            .args(["server", "--address", &format!("127.0.0.1:{port}")])
            .args(&drives)
            .envs([("MINIO_ROOT_USER", ROOT[0]), ("MINIO_ROOT_PASSWORD", ROOT[1])])
            .envs([("MINIO_SCANNER_SPEED", "fastest"), ("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")])
            // Otherwise it refuses drives that lie on the root file system.
            .env("MINIO_CI_CD", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let url = format!("http://127.0.0.1:{port}");
        let server = Server { child, mc, folder, url };
        let begun = Instant::now();
        while !server.try_mc(&["alias", "set", "root", &server.url, ROOT[0], ROOT[1]]).status.success() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not come up");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Some(server)
    }

    pub fn try_mc(&self, arguments: &[&str]) -> Output {
        Command::new(&self.mc)
            .arg("--config-dir")
            .arg(self.folder.path().join("mc"))
            .args(arguments.iter().map(|argument| translated(argument)))
            .stdin(Stdio::null())
            .output()
            .expect("mc runs")
    }

    pub fn mc(&self, arguments: &[&str]) {
        let output = self.try_mc(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mc {arguments:?}: {said}");
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    /// Uploads that many bytes as `alias/bucket/key`.
    pub fn put(&self, target: &str, length: usize) -> Output {
        let file = self.file("upload", vec![b'x'; length]);
        self.try_mc(&["cp", "--disable-multipart", &file, target])
    }

    /// A user with the policy of the same name made of the shipped template.
    pub fn customer(&self, name: &str) {
        self.mc(&["admin", "user", "add", "root", name, SECRET]);
        let document =
            include_str!("../../src/backends/minio/policies/standard.json").replace("<USER_ID>", name);
        let file = self.file("policy.json", document);
        self.mc(&["admin", "policy", "create", "root", name, &file]);
        self.mc(&["admin", "policy", "attach", "root", name, "--user", name]);
        self.mc(&["alias", "set", &alias(name), &self.url, name, SECRET]);
    }

    /// The user whmeter asks as, with exactly the rights the README gives.
    pub fn meter(&self) {
        let readme = include_str!("../../src/backends/minio/README.md");
        let policy =
            readme.split("```json").nth(1).and_then(|rest| rest.split("```").next()).expect("a policy");
        let file = self.file("meter.json", policy);
        self.mc(&["admin", "user", "add", "root", METER[0], METER[1]]);
        self.mc(&["admin", "policy", "create", "root", "meter", &file]);
        self.mc(&["admin", "policy", "attach", "root", "meter", "--user", METER[0]]);
    }

    pub fn backend(&self, keys: &str) -> Box<dyn Backend> {
        let text =
            format!("url = '{}'\naccess_key = '{}'\nsecret = '{}'\n{keys}", self.url, METER[0], METER[1]);
        let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
        let settings = section.take::<HttpSettings>().expect("settings");
        let http = Http::new(&settings, &section).expect("a client");
        (kind("minio").expect("registered").open)(section, http).expect("opened")
    }
}
