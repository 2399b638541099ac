//! A real cloud for one test: started for it, or one that runs already.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use whmeter::backends::{Backend, Past, kind};
use whmeter::domain::Harvest;
use whmeter::http::{Http, HttpSettings};
use whmeter::settings::Section;

/// What has to be found of one customer.
#[derive(Debug, Deserialize)]
pub struct Customer {
    pub id: String,
    pub traffic_in: u64,
    pub traffic_out: u64,
    pub objects: u64,
    pub volumes_gib: u64,
}

/// What a cloud tells of itself in one line of JSON.
#[derive(Deserialize)]
struct Told {
    url: String,
    application_credential_id: String,
    application_credential_secret: String,
    username: String,
    password: String,
    project: String,
    region: String,
    from: i64,
    projects: BTreeMap<String, Customer>,
}

/// A running cloud. One that was started for the test ends with it.
pub struct Cloud {
    told: Told,
    child: Option<Child>,
    _folder: Option<tempfile::TempDir>,
    pub secret: String,
    /// Before the first sample (epoch seconds).
    pub from: i64,
    pub customers: BTreeMap<String, Customer>,
    /// Whether it was made by `cloud.py`, so that names are known.
    pub is_ours: bool,
}

/// A backend of it.
pub struct Opened(pub Box<dyn Backend>);

impl Opened {
    pub async fn backfill_all(&self, past: &Past, harvest: &mut Harvest) {
        self.0.history().expect("it keeps history").backfill(past, harvest).await.expect("read");
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It runs until its standard input is closed, and stops what it started.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

impl Cloud {
    /// `None` where nobody asked for it.
    pub fn start() -> Option<Cloud> {
        if let Some(file) = std::env::var_os("WHMETER_OPENSTACK_TRUTH") {
            let text = std::fs::read_to_string(&file).expect("the file that WHMETER_OPENSTACK_TRUTH names");
            return Some(Cloud::of(&text, None, None));
        }
        if std::env::var_os("WHMETER_OPENSTACK_REAL").is_none() {
            eprintln!("skipped: neither WHMETER_OPENSTACK_REAL nor WHMETER_OPENSTACK_TRUTH is set");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        // PostgreSQL runs as another user below it.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openstack_real/cloud.py");
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(folder.path().join("cloud"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian's Python");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "the cloud did not start; it says why above");
        Some(Cloud::of(&line, Some(child), Some(folder)))
    }

    fn of(text: &str, child: Option<Child>, folder: Option<tempfile::TempDir>) -> Cloud {
        let mut told: Told = serde_json::from_str(text).expect("the cloud's JSON");
        let customers = std::mem::take(&mut told.projects);
        let (secret, from, is_ours) =
            (told.application_credential_secret.clone(), told.from, child.is_some());
        Cloud { told, child, _folder: folder, secret, from, customers, is_ours }
    }

    /// Keys of a login by the application credential.
    pub fn credential(&self) -> String {
        let Told { application_credential_id, application_credential_secret, .. } = &self.told;
        format!(
            "application_credential_id = '{application_credential_id}'\n\
             application_credential_secret = '{application_credential_secret}'\n"
        )
    }

    /// Keys of a login by the password.
    pub fn password(&self) -> String {
        let Told { username, password, project, .. } = &self.told;
        format!("username = '{username}'\npassword = '{password}'\nproject = '{project}'\n")
    }

    pub fn backend(&self, keys: &str) -> Opened {
        let text = format!("url = '{}'\nregion = '{}'\n{keys}", self.told.url, self.told.region);
        let mut section = Section::new(text.parse().expect("toml"), Path::new("."));
        let settings: HttpSettings = section.take().expect("the keys of HTTP");
        let http = Http::new(&settings, &section).expect("a client");
        let kind = kind("openstack").expect("registered");
        Opened((kind.open)(section, http).expect("valid"))
    }
}
