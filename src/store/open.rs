//! Opens the database: its address, its rules for connections, its schema.

use std::collections::HashMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::Deserialize;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, SqlSafeStr};

use super::backend::{KnownPanel, known_panels};
use super::dialect::{Dialect, STATEMENT_LIMIT};
use super::seal::Seal;
use super::sql::answered;
use super::{Store, StoreError};
use crate::settings::{Period, Secret};

/// The `[store]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct StoreSettings {
    /// `sqlite:whmeter.db` (relative to the config file), `postgres://…` or `mysql://…`.
    #[serde(default = "default_url")]
    pub url: Secret,
    /// How many days daily points are kept; months are kept for ever.
    #[serde(default = "default_keep_days")]
    pub keep_days: u32,
    /// How long the journal's detail is kept.
    #[serde(default = "default_keep_journal")]
    pub keep_journal: Period,
    /// The key that the chains of journals and chronicle are made by; `none`: without one from now on.
    pub seal_key: Option<Secret>,
}

fn default_url() -> Secret {
    Secret::new("sqlite:whmeter.db".into())
}

fn default_keep_days() -> u32 {
    400
}

fn default_keep_journal() -> Period {
    Period(Duration::from_secs(100 * 86_400))
}

impl Default for StoreSettings {
    fn default() -> StoreSettings {
        StoreSettings {
            url: default_url(),
            keep_days: default_keep_days(),
            keep_journal: default_keep_journal(),
            seal_key: None,
        }
    }
}

/// How long a statement waits for another transaction's lock before the store says [`StoreError::Locked`].
const LOCK_WAIT: Duration = Duration::from_secs(5);

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long an opening that failed at once is tried again, because others may be opening it too.
const OTHERS_START: Duration = Duration::from_secs(3);

/// How long a connection may take to show that it is still there when it is not used any more.
const STILL_THERE: Duration = Duration::from_secs(5);

/// A database that can be used.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was found, for people.
    pub says: String,
    /// The backends in it, where its schema is ours.
    pub panels: Vec<KnownPanel>,
}

impl Checked {
    fn says(says: &str) -> Checked {
        Checked { says: says.into(), panels: Vec::new() }
    }
}

impl Store {
    /// Opens the database and brings its schema up to date. A newer schema is refused untouched.
    pub async fn open(settings: StoreSettings, folder: &Path) -> Result<Store, StoreError> {
        // SQLite has no lock that lasts over several migrations, and none to wait for while a new file is
        // made ready: of programs that start together one finds done, or locked, what it was about to do.
        let began = std::time::Instant::now();
        loop {
            let opened = Store::open_once(settings.clone(), folder).await;
            let Err(StoreError::Database(_) | StoreError::Locked) = &opened else { return opened };
            if began.elapsed() >= OTHERS_START {
                return opened;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn open_once(settings: StoreSettings, folder: &Path) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = address(settings.url.expose(), folder)?;
        if let Some(file) = own_file(settings.url.expose(), folder) {
            keep_private(&file);
        }
        let writers = if dialect == Dialect::Sqlite { 1 } else { 4 };
        let writer = connect(dialect, &url, writers).await?;
        if dialect == Dialect::Mysql {
            refuse_merging_collations(&writer).await?;
        }
        migrate(dialect, &writer).await?;
        let mut on = writer.acquire().await?;
        let mut seal = Seal::read(&mut on, dialect, settings.seal_key.as_ref()).await?;
        seal.begin(&mut on, dialect).await?;
        drop(on);
        let readers = connect(dialect, &url, 4).await?;
        Ok(Store {
            dialect,
            writer,
            readers,
            settings: Arc::new(settings),
            seal: Arc::new(seal),
            standings: Arc::new(RwLock::new(HashMap::new())),
            lists: Arc::default(),
            reported: Arc::default(),
            moved: Arc::new(tokio::sync::watch::Sender::default()),
        })
    }

    /// Looks whether [`Store::open`] would succeed, and writes nothing.
    pub async fn check(settings: &StoreSettings, folder: &Path) -> Result<Checked, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = address(settings.url.expose(), folder)?;
        if dialect == Dialect::Sqlite {
            let file = url.trim_start_matches("sqlite:").split('?').next().unwrap_or_default();
            if !Path::new(file).exists() {
                let parent = Path::new(file).parent().filter(|parent| parent.is_dir());
                let found = parent.map(|_| Checked::says("not there yet; the first start makes it"));
                return found.ok_or_else(|| {
                    StoreError::Config(format!("{file}: its folder does not exist; make it"))
                });
            }
        }
        let pool = AnyPoolOptions::new().max_connections(1).connect(&url).await;
        let pool = pool.map_err(|error| StoreError::Unreachable(error.to_string()))?;
        if dialect == Dialect::Mysql {
            refuse_merging_collations(&pool).await?;
        }
        // A database without the table is new, and a new one is fine.
        let found = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&pool).await;
        let found = found.ok().and_then(|row| row.try_get::<i64, _>(0).ok());
        let panels = match found {
            Some(found) if found == Store::newest_schema() => {
                let mut on = pool.acquire().await?;
                Seal::read(&mut on, dialect, settings.seal_key.as_ref()).await?;
                known_panels(&mut on, dialect).await?
            }
            _ => Vec::new(),
        };
        pool.close().await;
        match found {
            Some(found) if found > Store::newest_schema() => {
                Err(StoreError::NewerSchema { found, known: Store::newest_schema() })
            }
            Some(found) => {
                let says = format!("schema {found}, this whmeter has {}", Store::newest_schema());
                Ok(Checked { says, panels })
            }
            None => Ok(Checked::says("empty; the first start makes its tables")),
        }
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let one = sqlx::query("SELECT version FROM backend LIMIT 1").fetch_optional(&self.readers);
        answered(self.dialect, one).await?;
        Ok(())
    }

    /// The newest schema this program knows.
    pub fn newest_schema() -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    /// Closes every connection; what is committed is on disk.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The file of an SQLite database that may be written to.
fn own_file(url: &str, folder: &Path) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    let (file, params) = rest.split_once('?').unwrap_or((rest, ""));
    let is_written = !params.contains("mode=ro") && !params.contains("immutable");
    is_written.then(|| folder.join(file))
}

/// Makes the file for its owner alone, or one that others can read so. What cannot be done is reported: opening it
/// will say whether that matters. SQLite gives what it writes beside the file the same rights.
fn keep_private(file: &Path) {
    // One that is not there cannot have been read by anybody.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    if made.is_ok() {
        return;
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let file = Path::new(&name);
        let Ok(found) = std::fs::metadata(file) else { continue };
        if found.permissions().mode() & 0o077 == 0 {
            continue;
        }
        match std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)) {
            Ok(()) => {
                tracing::info!(file = %file.display(), "was open to other users; it is its owner's alone now")
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), "open to other users, chmod 600 it: {error}")
            }
        }
    }
}

/// The dialect of a URL, and the URL as sqlx wants it.
fn address(url: &str, folder: &Path) -> Result<(Dialect, String), StoreError> {
    let dialect = Dialect::of(url).ok_or_else(|| {
        // The URL may hold a password: only its scheme is shown.
        let scheme = url.split(':').next().unwrap_or_default();
        StoreError::Config(format!(
            "url begins with {scheme:?}; expected sqlite:FILE, postgres://… or mysql://…"
        ))
    })?;
    if dialect != Dialect::Sqlite {
        return Ok((dialect, url.replacen("mariadb:", "mysql:", 1)));
    }
    let rest = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let (file, params) = rest.split_once('?').unwrap_or((rest, "mode=rwc"));
    if file.is_empty() || file == ":memory:" {
        return Err(StoreError::Config(format!("url {url:?} names no file; expected sqlite:FILE")));
    }
    let path = folder.join(file);
    // sqlx reads the path as part of a URL: what means something there must be written as itself.
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok((dialect, format!("sqlite:{path}?{params}")))
}

async fn connect(dialect: Dialect, url: &str, connections: u32) -> Result<AnyPool, StoreError> {
    // A pool goes on trying for half a minute what fails at once on a full or read-only disk, and then
    // only says that it waited. So the first connection is made by hand.
    if dialect == Dialect::Sqlite {
        let mut first = AnyConnection::connect(url).await?;
        for statement in session(dialect) {
            first.execute(AssertSqlSafe(statement)).await?;
        }
        first.close().await?;
    }
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        // A file does not hang up: asking it first whether it is there costs as much as most answers.
        .test_before_acquire(dialect != Dialect::Sqlite)
        // One whose answer nobody waits for any more would else keep its place in the pool until its server speaks.
        .after_release(move |connection, _| {
            Box::pin(async move {
                let there = tokio::time::timeout(STILL_THERE, connection.ping()).await;
                there.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))?.map(|()| true)
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in session(dialect) {
                    connection.execute(AssertSqlSafe(statement)).await?;
                }
                Ok(())
            })
        });
    pool.connect(url).await.map_err(|error| match StoreError::from(error) {
        StoreError::Database(text) => StoreError::Unreachable(text),
        other => other,
    })
}

/// What each connection is reported first.
fn session(dialect: Dialect) -> Vec<String> {
    match dialect {
        // FULL: after a power cut the last poll that we said was stored is stored.
        Dialect::Sqlite => vec![
            format!("PRAGMA busy_timeout = {}", LOCK_WAIT.as_millis()),
            "PRAGMA journal_mode = WAL".into(),
            "PRAGMA synchronous = FULL".into(),
            // In KiB: the inner pages of the keys of 10,000 accounts stay in memory.
            "PRAGMA cache_size = -8192".into(),
        ],
        // A whmeter that is lost in the middle of a transaction keeps its locks no longer than its lease, and a server
        // notices that nobody is there any more.
        Dialect::Postgres => vec![
            format!("SET lock_timeout = '{}ms'", LOCK_WAIT.as_millis()),
            format!("SET statement_timeout = '{}s'", STATEMENT_LIMIT.as_secs()),
            format!("SET idle_in_transaction_session_timeout = '{}s'", STATEMENT_LIMIT.as_secs()),
            "SET tcp_keepalives_idle = 20".into(),
            "SET tcp_keepalives_interval = 10".into(),
            "SET tcp_keepalives_count = 3".into(),
        ],
        // In the comments what only MariaDB, or only MySQL 8 knows; the latter limits nothing but reads.
        Dialect::Mysql => vec![
            format!("SET innodb_lock_wait_timeout = {}", LOCK_WAIT.as_secs()),
            format!(
                "SET @whmeter = 1 /*M!100300 , SESSION max_statement_time = {limit}, \
                 SESSION idle_transaction_timeout = {limit} */",
                limit = STATEMENT_LIMIT.as_secs()
            ),
            format!(
                "SET @whmeter = 1 /*!80000 , SESSION max_execution_time = {} */",
                STATEMENT_LIMIT.as_millis()
            ),
        ],
    }
}

/// The default collations of MySQL and MariaDB make one customer of `alice` and `Alice`.
async fn refuse_merging_collations(pool: &AnyPool) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT CAST(@@collation_database AS CHAR(64))").fetch_one(pool).await?;
    let collation: String = row.try_get(0)?;
    if collation.starts_with("utf8mb4") && collation.ends_with("_bin") {
        return Ok(());
    }
    Err(StoreError::Config(format!(
        "the database's collation is {collation}, which takes alice and Alice for one customer; \
         make it with CREATE DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )))
}

async fn migrate(dialect: Dialect, pool: &AnyPool) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.iter().map(|migration| {
        let text = dialect.migration(migration.sql.as_str());
        Migration::new(
            migration.version,
            migration.description.clone(),
            migration.migration_type,
            AssertSqlSafe(text).into_sql_str(),
            migration.no_tx,
        )
    });
    // MariaDB does not know how to wait for ever, which is how sqlx asks it for its lock.
    let mut alone = pool.acquire().await?;
    if dialect == Dialect::Mysql {
        alone.execute("DO GET_LOCK('whmeter_schema', 60)").await?;
    }
    let migrator = Migrator::with_migrations(migrations.collect());
    let outcome = migrator.run(&mut *alone).await;
    if dialect == Dialect::Mysql {
        alone.execute("DO RELEASE_LOCK('whmeter_schema')").await?;
    }
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(found) => {
            StoreError::NewerSchema { found, known: Store::newest_schema() }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => StoreError::Config(format!("the schema cannot be migrated: {other}")),
    })
}
