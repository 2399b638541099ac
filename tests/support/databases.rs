//! Real databases for the stories: a file, and servers of PostgreSQL and MariaDB started in folders of
//! their own, on free ports of the loopback, and stopped at the end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where stories get fresh databases from.
pub enum Databases {
    Sqlite,
    Server(Server),
}

/// A database server of our own.
pub struct Server {
    child: Child,
    url: String,
    create: &'static str,
    made: AtomicU32,
    _folder: TempDir,
}

/// A fresh, empty database.
pub struct Fresh {
    pub url: String,
    pub folder: TempDir,
}

impl Databases {
    pub async fn fresh(&self) -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        let url = match self {
            Databases::Sqlite => format!("sqlite:{}?mode=rwc", folder.path().join("story.db").display()),
            Databases::Server(server) => server.database().await,
        };
        Fresh { url, folder }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Databases::Sqlite)
    }

    /// PostgreSQL, where it is installed. Under CI it must be.
    pub async fn postgres() -> Option<Databases> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let newest =
            versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
        let Some(bin) = newest else { return skipped("PostgreSQL") };
        let folder = owned_by("postgres");
        let data = folder.path().join("data");
        let port = free_port();
        run(as_user("postgres", &bin.join("initdb"))
            .args(["-U", "whmeter", "-A", "trust", "-N", "-D"])
            .arg(&data));
        let child = as_user("postgres", &bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F", "-k"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("postgres://whmeter@127.0.0.1:{port}/");
        let server =
            Server { child, url, create: "CREATE DATABASE ", made: AtomicU32::new(0), _folder: folder };
        server.wait_for("postgres").await;
        Some(Databases::Server(server))
    }

    /// MariaDB, where it is installed. Under CI it must be.
    pub async fn mariadb() -> Option<Databases> {
        let bin = Path::new("/usr/sbin/mariadbd");
        if !bin.exists() {
            return skipped("MariaDB");
        }
        let folder = owned_by("mysql");
        let data = folder.path().join("data");
        let port = free_port();
        let mut install = Command::new("/usr/bin/mariadb-install-db");
        install.args(["--no-defaults", "--user=mysql", "--auth-root-authentication-method=normal"]);
        run(install.arg(format!("--datadir={}", data.display())));
        let child = Command::new(bin)
            .args(["--no-defaults", "--user=mysql", "--bind-address=127.0.0.1", "--skip-networking=0"])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--port={port}"))
            .arg(format!("--socket={}", folder.path().join("s").display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("mysql://root@127.0.0.1:{port}/");
        let create = "CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
        let server = Server { child, url, create, made: AtomicU32::new(0), _folder: folder };
        server.wait_for("mysql").await;
        Some(Databases::Server(server))
    }
}

impl Server {
    async fn database(&self) -> String {
        let name = format!("story_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let sql = match self.create.contains("{}") {
            true => self.create.replace("{}", &name),
            false => format!("{}{name}", self.create),
        };
        let system = if self.url.starts_with("postgres") { "postgres" } else { "mysql" };
        let pool = sqlx::AnyPool::connect(&format!("{}{system}", self.url)).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        pool.close().await;
        format!("{}{name}", self.url)
    }

    /// The address of a database in the server's default collation.
    pub async fn default_collation(&self) -> String {
        let pool = sqlx::AnyPool::connect(&format!("{}mysql", self.url)).await.unwrap();
        let sql = "CREATE DATABASE merging CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
        format!("{}merging", self.url)
    }

    async fn wait_for(&self, system: &str) {
        sqlx::any::install_default_drivers();
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = sqlx::AnyPool::connect(&format!("{}{system}", self.url)).await {
            assert!(Instant::now() < deadline, "the server did not come up: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, so that it takes its own children along.
        let _ = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn skipped(what: &str) -> Option<Databases> {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed, and under CI it must be");
    eprintln!("skipped: {what} is not installed");
    None
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// The servers refuse to run as root.
fn as_user(user: &str, program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(program);
    command
}

fn owned_by(user: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        run(Command::new("chown").arg(user).arg(folder.path()));
    }
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
