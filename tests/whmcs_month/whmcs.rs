//! The stand-in WHMCS as a test runs it: the module copied into it, its tables on a MariaDB, its cron and its staff as
//! processes of PHP whose clock is the story's, and its API over HTTP.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::DateTime;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::databases::Databases;
use crate::installation::{Installation, php, repository};
use crate::support::program::{PATIENCE, free_port};

/// Laravel's database library as Debian has it.
const CAPSULE: &str = "/usr/share/php/Illuminate/Database/autoload.php";
pub const IDENTIFIER: &str = "Xk2PqW8sLm4RtYv6Zc1NbD3FgH5JkL7Q";
pub const SECRET: &str = "9dF0aB2cD4eF6gH8iJ0kL2mN4oP6qR8s";

pub struct Whmcs {
    php: PathBuf,
    faketime: PathBuf,
    installation: Installation,
    database: String,
    /// The time for whoever stays: the API.
    clock: PathBuf,
    port: u16,
    _api: Child,
    _server: Databases,
}

impl Whmcs {
    /// `None` where something that it stands on is not installed; under CI it must be.
    pub async fn open(settings: &str, now: i64) -> Option<Whmcs> {
        let (php, faketime) = (php()?, faketime()?);
        if !Path::new(CAPSULE).exists() {
            return missing("php-illuminate-database");
        }
        let server = Databases::mariadb().await?;
        let database = server.fresh().await.url;
        let installation = Installation::new()?;
        std::fs::write(installation.path().join("modules/servers/whmeter/settings.php"), settings).unwrap();
        let clock = installation.path().join("clock");
        std::fs::write(&clock, written(now)).unwrap();
        let port = free_port();
        let mut api = command(&php, &installation, &database);
        api.env("LD_PRELOAD", &faketime).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        api.args(["-S", &format!("127.0.0.1:{port}")]).arg(part("api.php"));
        let api = api.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let whmcs = Whmcs { php, faketime, installation, database, clock, port, _api: api, _server: server };
        whmcs.admin(now, "install", &Value::Null).await;
        whmcs.until_it_answers().await;
        Some(whmcs)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/includes/api.php", self.port)
    }

    /// It is `now` for the API.
    pub fn becomes(&self, now: i64) {
        std::fs::write(&self.clock, written(now)).unwrap();
    }

    /// One run of the system cron.
    pub async fn cron(&self, now: i64, more: &[&str]) {
        self.run(now, "cron.php", more, &self.database).await;
    }

    /// What staff or a customer does; the answer.
    pub async fn admin(&self, now: i64, action: &str, wish: &Value) -> Value {
        self.admin_of(now, action, wish, &self.database).await
    }

    /// All rows of a table.
    pub async fn rows(&self, table: &str) -> Vec<Value> {
        rows(self.admin(1_796_079_600, "rows", &serde_json::json!({ "table": table })).await)
    }

    /// A copy of the whole database in which somebody has changed something, after the renewals of a day; the lines of
    /// all invoices there.
    pub async fn copy_renewed(&self, now: i64, name: &str, change: &Value) -> Vec<Value> {
        self.admin(now, "copy", &serde_json::json!({ "name": name })).await;
        let (server, _) = self.database.rsplit_once('/').unwrap();
        let copy = format!("{server}/{name}");
        self.admin_of(now, "change", change, &copy).await;
        self.admin_of(now, "renew", &Value::Null, &copy).await;
        rows(self.admin_of(now, "rows", &serde_json::json!({ "table": "tblinvoiceitems" }), &copy).await)
    }

    async fn admin_of(&self, now: i64, action: &str, wish: &Value, database: &str) -> Value {
        let said = self.run(now, "admin.php", &[action, &wish.to_string()], database).await;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{action}: {error}: {said}"))
    }

    async fn run(&self, now: i64, file: &str, arguments: &[&str], database: &str) -> String {
        let mut command = command(&self.php, &self.installation, database);
        // It goes on from there: what waits for time to pass is not stuck.
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", format!("@{}", written(now)));
        command.arg(part(file)).args(arguments);
        let ran = tokio::time::timeout(PATIENCE, command.output()).await.expect("it hangs").unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && wrong.is_empty(), "{file} {arguments:?}: {wrong}\n{said}");
        said.into_owned()
    }

    async fn until_it_answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the API does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn rows(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(rows) => rows,
        other => panic!("no rows: {other}"),
    }
}

fn command(php: &Path, installation: &Installation, database: &str) -> Command {
    let mut command = Command::new(php);
    command.env("WHMCS_ROOT", installation.path()).env("WHMCS_DATABASE", database).env("TZ", "UTC");
    command.env("WHMCS_IDENTIFIER", IDENTIFIER).env("WHMCS_SECRET", SECRET);
    command.env("NO_PROXY", "*").env("no_proxy", "*");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn part(file: &str) -> PathBuf {
    repository().join("tests/whmcs_php/stand_in").join(file)
}

/// As libfaketime reads it, in UTC.
fn written(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The library that tells a process another time.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    found.find(|path| path.exists()).or_else(|| missing("faketime"))
}

fn missing<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed, and under CI it must be");
    eprintln!("skipped: {what} is not installed");
    None
}
