//! Clients that others wrote against the real server must not notice the difference: `mc`
//! (`WHMETER_MC`, or in the path) and PyPI's MinioAdmin (`WHMETER_PYTHON`: an interpreter that has
//! the package `minio`). Where a client is missing its test says so and passes, except when `CI`
//! is set.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use whmeter_simulators::minio::{Options, Panel, Switches};
use whmeter_simulators::panel::{self, SimulatedPanel};

/// Says that a client is missing; in CI that is a failure.
fn missing(client: &str, variable: &str) {
    assert!(std::env::var_os("CI").is_none(), "{client} is missing: set {variable}");
    eprintln!("skipped: {client} is missing (set {variable})");
}

async fn start(folder: &Path, switches: Switches) -> Panel {
    let tls = Some(folder.to_owned());
    let common = panel::Options { accounts: 20, tls, ..panel::Options::default() };
    Panel::start(Options { common, switches, ..Options::default() }).await.unwrap()
}

/// `mc` with its own configuration folder, trusting the panel's authority.
struct Mc {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Mc {
    fn find() -> Option<Self> {
        let program = std::env::var_os("WHMETER_MC").map_or_else(|| PathBuf::from("mc"), PathBuf::from);
        let told = Command::new(&program).arg("--version").output().ok()?;
        // Midnight Commander has the same name.
        let is_ours = String::from_utf8_lossy(&told.stdout).contains("RELEASE")
            || String::from_utf8_lossy(&told.stdout).contains("DEVELOPMENT");
        let folder = tempfile::tempdir().unwrap();
        is_ours.then_some(Self { program, folder })
    }

    fn trust(&self, panel: &Panel) {
        let authorities = self.folder.path().join("certs/CAs");
        std::fs::create_dir_all(&authorities).unwrap();
        if let Some(file) = panel.authority() {
            std::fs::copy(file, authorities.join("ca.pem")).unwrap();
        }
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(&self.program);
        command.arg("--config-dir").arg(self.folder.path()).arg("--json");
        command.args(line.split(' ')).output().unwrap()
    }

    /// The JSON objects it prints, one per line.
    fn ask(&self, line: &str) -> Vec<Value> {
        let output = self.run(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "mc {line}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(!output.status.success(), "mc {line} did not fail");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn alias(&self, panel: &Panel, name: &str, access_key: &str, secret_key: &str) {
        self.ask(&format!("alias set {name} {} {access_key} {secret_key}", panel.url()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mc_administers_users_groups_and_policies() {
    let Some(mc) = Mc::find() else {
        return missing("mc", "WHMETER_MC");
    };
    for seal_algorithm in 0..3 {
        let panel = start(mc.folder.path(), Switches { seal_algorithm, ..Switches::default() }).await;
        let (access_key, secret_key) = panel.credentials();
        mc.trust(&panel);
        mc.alias(&panel, "root", &access_key, &secret_key);
        let users = mc.ask("admin user list root");
        assert_eq!(users.len(), 20);
        assert!(users.iter().any(|user| user["accessKey"] == "7-411" && user["policyName"] == "7-411"));
        mc.ask("admin user add root 9-1 secret-of-9-1");
        mc.ask("admin policy attach root readonly --user 9-1");
        assert_eq!(mc.ask("admin user info root 9-1")[0]["policyName"], "readonly");
        mc.ask("admin policy detach root readonly --user 9-1");
        assert!(mc.ask("admin user info root 9-1")[0].get("policyName").is_none());
        mc.ask("admin group add root testers 9-1");
        mc.ask("admin policy attach root readwrite --group testers");
        let group = &mc.ask("admin group info root testers")[0];
        assert_eq!((&group["members"][0], &group["groupPolicy"]), (&"9-1".into(), &"readwrite".into()));
        let entities = mc.ask("admin policy entities root --user 9-1")[0].to_string();
        assert!(entities.contains("testers") && entities.contains("readwrite"), "{entities}");
        mc.ask("admin user disable root 9-1");
        assert_eq!(mc.ask("admin user info root 9-1")[0]["userStatus"], "disabled");
        mc.ask("admin user remove root 9-1");
        mc.fails("admin user info root 9-1");
        panel.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mc_sees_a_limit_bite() {
    let Some(mc) = Mc::find() else {
        return missing("mc", "WHMETER_MC");
    };
    let panel = start(mc.folder.path(), Switches::default()).await;
    let (access_key, secret_key) = panel.credentials();
    mc.trust(&panel);
    mc.alias(&panel, "root", &access_key, &secret_key);
    mc.alias(&panel, "tenant", "7-41", &whmeter_simulators::minio::account_secret("7-41"));
    let file = mc.folder.path().join("letter.txt");
    std::fs::write(&file, "twelve bytes").unwrap();
    let put = |name: &str| format!("cp {} tenant/7-41-data/{name}", file.display());
    mc.ask(&put("a/one.txt"));
    let listed = mc.ask("ls --recursive tenant/7-41-data");
    assert_eq!((&listed[0]["key"], &listed[0]["size"]), (&"a/one.txt".into(), &12.into()));
    let document = mc.folder.path().join("limited.json");
    std::fs::write(
        &document,
        r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":["s3:GetBucketLocation","s3:ListBucket","s3:GetObject","s3:DeleteObject"],"Resource":["arn:aws:s3:::7-41*"]},
            {"Effect":"Deny","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::*"]}]}"#,
    )
    .unwrap();
    mc.ask(&format!("admin policy create root 7-41-limited {}", document.display()));
    let shown = mc.ask("admin policy info root 7-41-limited")[0].to_string();
    assert!(shown.contains("CreateDate") && shown.contains("Deny"), "{shown}");
    let names = mc.ask("admin policy list root");
    assert!(names.iter().any(|one| one["policy"] == "7-41-limited"));
    mc.ask("admin policy attach root 7-41-limited --user 7-41");
    assert!(mc.fails(&put("two.txt")).contains("Insufficient permissions"), "the panel refuses");
    let read = mc.run("cat tenant/7-41-data/a/one.txt");
    assert_eq!(read.stdout, b"twelve bytes");
    mc.ask("rm tenant/7-41-data/a/one.txt");
    mc.ask("admin policy detach root 7-41-limited --user 7-41");
    mc.ask(&put("two.txt"));
    panel.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn mc_sees_buckets_quotas_nodes_and_metrics() {
    let Some(mc) = Mc::find() else {
        return missing("mc", "WHMETER_MC");
    };
    let panel = start(mc.folder.path(), Switches::default()).await;
    let (access_key, secret_key) = panel.credentials();
    mc.trust(&panel);
    mc.alias(&panel, "root", &access_key, &secret_key);
    let buckets = mc.ask("ls root");
    assert!(buckets.iter().any(|bucket| bucket["key"] == "lost-and-found/"));
    mc.ask("mb root/7-42-extra");
    mc.ask("rb root/7-42-extra");
    mc.ask("quota set root/7-41-data --size 1GiB");
    assert_eq!(mc.ask("quota info root/7-41-data")[0]["quota"], 1_u64 << 30);
    mc.ask("quota clear root/7-41-data");
    let info = &mc.ask("admin info root")[0]["info"];
    assert_eq!((&info["mode"], info["servers"].as_array().unwrap().len()), (&"online".into(), 2));
    let version = &info["servers"][0]["version"];
    assert_eq!(version, "2025-10-15T17:29:55Z");
    let mut metrics = Command::new(&mc.program);
    metrics.arg("--config-dir").arg(mc.folder.path());
    let metrics = metrics.args(["admin", "prometheus", "metrics", "root", "bucket"]).output().unwrap();
    let text = String::from_utf8_lossy(&metrics.stdout);
    assert!(text.contains("minio_bucket_traffic_sent_bytes{bucket=\"7-41-data\""), "{text}");
    panel.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn minio_admin_of_python_administers_it() {
    let python = std::env::var_os("WHMETER_PYTHON").unwrap_or_else(|| "python3".into());
    let has_package = Command::new(&python).args(["-c", "import minio"]).output();
    if !has_package.is_ok_and(|output| output.status.success()) {
        return missing("Python with the package minio", "WHMETER_PYTHON");
    }
    let folder = tempfile::tempdir().unwrap();
    // The package reads two of the three algorithms.
    for seal_algorithm in 0..2 {
        let panel = start(folder.path(), Switches { seal_algorithm, ..Switches::default() }).await;
        let (access_key, secret_key) = panel.credentials();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients.py");
        let mut command = Command::new(&python);
        command.arg(script).args([panel.url(), access_key, secret_key]);
        let output = command.arg(panel.authority().unwrap()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let saw: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(saw["users"].as_object().unwrap().len(), 20);
        assert_eq!(saw["users"]["7-41"]["memberOf"][0], "hosting");
        assert_eq!(saw["group"]["members"][0], "9-9");
        assert_eq!(saw["attached"]["policiesAttached"][0], "readonly");
        assert!(saw["again"].as_str().unwrap().contains("XMinioAdminPolicyChangeAlreadyApplied"));
        assert_eq!(saw["entities"]["userMappings"][0]["policies"][0], "readonly");
        assert_eq!(saw["detached"]["policiesDetached"][0], "readonly");
        assert_eq!(saw["user"]["status"], "disabled");
        assert_eq!(saw["quota"]["quota"], 5_000);
        assert_eq!(saw["info"], "online");
        assert!(saw["policies"].as_array().unwrap().contains(&"consoleAdmin".into()));
        panel.stop();
    }
}
