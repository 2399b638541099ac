//! The program as a child: run to its end, or serving, with everything it ever says kept.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::process::{Child, Command};
use whmeter_simulators::clock::Clock;
use whmeter_simulators::panel::SimulatedPanel;

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A folder with a config, and all that was heard from the program in it.
pub struct Site {
    folder: tempfile::TempDir,
    heard: Arc<Mutex<String>>,
    /// Whose time it is here; the machine's where nothing is said.
    clock: Option<Arc<Clock>>,
}

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Ran {
    /// `None` when it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Its output; it must have ended well.
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "stdout {}\nstderr {}", self.stdout, self.stderr);
        self.stdout
    }

    pub fn json(self) -> Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The one line on stderr of a command that ended with `code`.
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "stdout {}\nstderr {}", self.stdout, self.stderr);
        let line = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        assert!(!line.is_empty() && !line.contains('\n'), "not one line: {:?}", self.stderr);
        line.to_string()
    }
}

impl Site {
    pub fn new(config: &str) -> Site {
        let site = Site { folder: tempfile::tempdir().unwrap(), heard: Arc::default(), clock: None };
        // It holds secrets.
        site.write("whmeter.toml", config);
        site
    }

    /// The same where the program goes by a panel's clock, so that it does not matter on which day of which month it is
    /// tested: a file tells it on, as long as the site is there.
    pub fn by_clock_of(config: &str, panel: &dyn SimulatedPanel) -> Site {
        let clock = Arc::new(panel.knobs().clock.clone());
        let site = Site { clock: Some(Arc::clone(&clock)), ..Site::new(config) };
        let (told, clock) = (site.clock_file(), Arc::downgrade(&clock));
        write_time(&told, clock.upgrade().unwrap().now_seconds());
        std::thread::spawn(move || {
            while let Some(clock) = clock.upgrade() {
                write_time(&told, clock.now_seconds());
                drop(clock);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        site
    }

    fn clock_file(&self) -> PathBuf {
        self.path().join("time")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("whmeter.toml")
    }

    /// Puts a file beside the config, readable by its owner alone.
    pub fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_whmeter").as_ref(), arguments)
    }

    /// The program by way of another, such as a shell.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).current_dir(self.path());
        for name in ["WHMETER_NOW", "WHMETER_CONFIG", "WHMETER_LOG", "RUST_LOG", "WHMETER_LOG_FORMAT"] {
            command.env_remove(name);
        }
        if self.clock.is_some() {
            command.env("WHMETER_NOW", format!("@{}", self.clock_file().display()));
        }
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(self.command(arguments)).await
    }

    /// As if it were this time (epoch seconds).
    pub async fn at(&self, now: i64, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("WHMETER_NOW", now.to_string());
        self.ran(command).await
    }

    /// Polls everybody at a time beside a daemon, whose own poll may be under way just then.
    pub async fn polled(&self, now: i64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ran = self.at(now, &["poll"]).await;
            if !ran.stderr.contains("another whmeter is polling it now") || Instant::now() > deadline {
                ran.good();
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same of a command that has months of hours to go through.
    pub async fn run_long(&self, arguments: &[&str]) -> Ran {
        let began = Instant::now();
        let ran = self.ran_within(self.command(arguments), 10 * PATIENCE).await;
        println!("{arguments:?} took {:?}", began.elapsed());
        ran
    }

    pub async fn ran(&self, command: Command) -> Ran {
        self.ran_within(command, PATIENCE).await
    }

    async fn ran_within(&self, mut command: Command, patience: Duration) -> Ran {
        let output = tokio::time::timeout(patience, command.output()).await.expect("it hangs").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran =
            Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        self.hear(&ran.stdout);
        self.hear(&ran.stderr);
        ran
    }

    fn hear(&self, text: &str) {
        self.heard.lock().unwrap().push_str(text);
    }

    /// Nothing the program ever said shows one of these.
    pub fn check_never_said(&self, secrets: &[&str]) {
        let heard = self.heard.lock().unwrap();
        assert!(!heard.is_empty(), "nothing was heard at all");
        for secret in secrets {
            assert!(!heard.contains(secret), "{secret:?} was said: …{}…", around(&heard, secret));
        }
    }

    /// Starts `serve` and waits until it is ready.
    pub async fn serve(&self, port: u16) -> Daemon<'_> {
        let daemon = self.start(port);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        daemon
    }

    pub fn start(&self, port: u16) -> Daemon<'_> {
        self.start_as(port, self.command(&["serve"]))
    }

    /// Starts `serve` with the time that a file tells.
    pub fn start_told(&self, port: u16, clock: &Path) -> Daemon<'_> {
        let mut command = self.command(&["serve"]);
        command.env("WHMETER_NOW", format!("@{}", clock.display()));
        self.start_as(port, command)
    }

    /// Starts it with other arguments; `port` is where it will listen.
    pub fn start_with(&self, port: u16, arguments: &[&str]) -> Daemon<'_> {
        self.start_as(port, self.command(arguments))
    }

    /// Starts it by way of another program, such as a shell.
    pub fn start_of(&self, program: &Path, port: u16, arguments: &[&str]) -> Daemon<'_> {
        self.start_as(port, self.command_of(program, arguments))
    }

    fn start_as(&self, port: u16, mut command: Command) -> Daemon<'_> {
        let log = self.path().join(format!("serve-{port}.log"));
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        whmeter::http::install_tls();
        // Each request on a connection of its own: one that the daemon closes just now would break it.
        let client = reqwest::Client::builder().no_proxy().no_gzip().timeout(PATIENCE);
        let client = client.pool_max_idle_per_host(0).build().unwrap();
        Daemon { site: self, child: command.spawn().unwrap(), port, log, client }
    }
}

/// Whoever reads it reads a whole number; the folder may be gone by now.
fn write_time(told: &Path, now: i64) {
    let next = told.with_extension("next");
    let _ = std::fs::write(&next, now.to_string()).and_then(|()| std::fs::rename(&next, told));
}

fn around(text: &str, part: &str) -> String {
    let at = text.find(part).unwrap();
    let from = text[..at].char_indices().rev().nth(200).map_or(0, |(index, _)| index);
    text[from..at].to_string()
}

/// A port nobody has now, from below the range the system gives out by itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 500) as u16 * 20;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A running `serve`.
pub struct Daemon<'a> {
    site: &'a Site,
    child: Child,
    port: u16,
    log: PathBuf,
    client: reqwest::Client,
}

/// One answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the one sample line that begins so.
    pub fn sample(&self, series: &str) -> Option<u64> {
        let text = self.text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap_or_else(|_| panic!("{series} is {value:?}")))
    }
}

impl Daemon<'_> {
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Got, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?.to_vec();
        self.site.hear(&format!("{headers:?}"));
        self.site.hear(&String::from_utf8_lossy(&body));
        Ok(Got { status, headers, body })
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(self.request("GET", path)).await.unwrap()
    }

    /// As one who has this token.
    pub async fn ask(&self, method: &str, path: &str, token: &str) -> Got {
        self.send(self.request(method, path).bearer_auth(token)).await.unwrap()
    }

    /// Asks again and again until the answer is as wanted.
    pub async fn until(&self, path: &str, what: &str, wanted: impl Fn(&Got) -> bool) -> Got {
        self.until_as(path, "", what, wanted).await
    }

    pub async fn until_as(&self, path: &str, token: &str, what: &str, wanted: impl Fn(&Got) -> bool) -> Got {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::from("no answer");
        while Instant::now() < deadline {
            let mut request = self.request("GET", path);
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            match self.send(request).await {
                Ok(got) if wanted(&got) => return got,
                Ok(got) => last = format!("{} {}", got.status, String::from_utf8_lossy(&got.body)),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} never {what}; last {last}\nlog:\n{}", self.log());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub async fn until_logged(&self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(part) {
            assert!(Instant::now() < deadline, "never logged {part:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it ended by itself").to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as a power cut does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        self.site.hear(&log);
    }

    /// Stops it as a service supervisor does; says how long that took.
    pub async fn stop(mut self) -> Duration {
        let began = Instant::now();
        self.signal("-TERM");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended =
            ended.unwrap_or_else(|_| panic!("it does not stop; its log ends so: {}", tail(&self.log())));
        let took = began.elapsed();
        let log = self.log();
        assert_eq!(ended.unwrap().code(), Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        self.site.hear(&log);
        took
    }
}

/// The end of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
