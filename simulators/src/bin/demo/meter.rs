//! The meter as a program: polls at a time of its own, a daemon that is told of services, the daemon that runs on.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

/// How long a daemon may take to be up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program with its config.
pub struct Meter {
    program: PathBuf,
    config: PathBuf,
    listen: String,
}

impl Meter {
    pub fn new(program: &Path, folder: &Path, listen: &str) -> Self {
        Self {
            program: program.to_path_buf(),
            config: folder.join("whmeter.toml"),
            listen: listen.to_owned(),
        }
    }

    pub fn config(&self) -> &Path {
        &self.config
    }

    /// A line to be typed.
    pub fn example(&self, arguments: &str) -> String {
        format!("{} {arguments} --config {}", self.program.display(), self.config.display())
    }

    fn command(&self, now: Option<i64>, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--config").arg(&self.config);
        if let Some(now) = now {
            command.env("WHMETER_NOW", now.to_string());
        }
        command
    }

    /// Polls everybody once, at a time.
    pub async fn poll(&self, at: i64) -> Result<()> {
        let mut poll = tokio::process::Command::from(self.command(Some(at), &["poll"]));
        let polled = poll.stdout(Stdio::null()).stderr(Stdio::piped()).output().await?;
        match polled.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&polled.stderr).into_owned();
                Err(Error::other(format!("whmeter poll ended with {} at {at}: {said}", polled.status)))
            }
        }
    }

    /// The daemon that runs on; what it does every minute is not logged, unless somebody wants to see it.
    pub fn serve(&self) -> Result<Child> {
        let mut command = self.command(None, &["serve"]);
        if std::env::var_os("WHMETER_LOG").is_none() {
            command.env("WHMETER_LOG", "warn");
        }
        tokio::process::Command::from(command).kill_on_drop(true).spawn()
    }

    /// Tells whmeter of the services of each server, as the hook in WHMCS does, at a time.
    pub async fn tell_services(&self, at: i64, lists: &[(usize, String)]) -> Result<()> {
        let mut command = tokio::process::Command::from(self.command(Some(at), &["serve"]));
        let mut daemon = command.stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let began = Instant::now();
        while !self.ask("GET", "/-/ready", "").await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if began.elapsed() > PATIENCE {
                return Err(Error::other("whmeter serve does not get ready"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for (server, list) in lists {
            let answer = self.ask("PUT", &format!("/v1/whmcs/services?server={server}"), list).await?;
            if !answer.starts_with("HTTP/1.1 200") {
                return Err(Error::other(format!("services of server {server}: {answer}")));
            }
        }
        stop(&mut daemon).await
    }

    /// One call over a connection of its own; the whole answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.listen).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.listen,
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// Asks the meter to stop, as a service manager would.
pub async fn stop(daemon: &mut Child) -> Result<()> {
    if let Some(id) = daemon.id() {
        Command::new("kill").arg("-TERM").arg(id.to_string()).status()?;
    }
    daemon.wait().await.map(drop)
}
