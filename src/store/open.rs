//! Opens the database: to write, with its schema brought up to date; to read, as it is; or to say what is wrong with it.

mod backup;
mod connect;
mod file;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::Deserialize;
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Executor, Row, SqlSafeStr};

use self::connect::{address, connect};
pub(super) use self::file::DatabaseFile;
use super::backend::{KnownPanel, known_panels};
use super::dialect::Dialect;
use super::seal::Seal;
use super::sql::answered;
use super::zone::refuse_other_zone;
use super::{Store, StoreError};
use crate::domain::BillingZone;
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

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

impl StoreSettings {
    /// The keys of `[store]` that other settings have differently.
    pub fn differing(&self, other: &StoreSettings) -> Vec<&'static str> {
        let key = |settings: &StoreSettings| settings.seal_key.as_ref().map(|key| key.expose().to_string());
        [
            (self.url.expose() != other.url.expose(), "store.url"),
            (self.keep_days != other.keep_days, "store.keep_days"),
            (self.keep_journal != other.keep_journal, "store.keep_journal"),
            (key(self) != key(other), "store.seal_key"),
        ]
        .into_iter()
        .filter_map(|(differs, key)| differs.then_some(key))
        .collect()
    }
}

/// How long an opening that failed at once is tried again, because others may be opening it too.
const OTHERS_START: Duration = Duration::from_secs(3);

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
        let location = Location::of(&settings, folder)?;
        if let Some(file) = &location.file {
            file.can_be_made()?;
            file.can_be_written()?;
            file.keep_private();
        }
        if let Some(file) = location.file.as_ref().filter(|file| file.holds_something()) {
            // By a connection that writes nothing: ours changes the header of the file.
            let looking = location.reading().connect(1).await?;
            let looked = file.refuse_foreign(&looking).await.map_err(|error| file.named(error));
            looking.close().await;
            looked?;
        }
        let writers = if location.dialect == Dialect::Sqlite { 1 } else { 4 };
        let writer = location.connect(writers).await?;
        if location.dialect == Dialect::Mysql {
            refuse_merging_collations(&writer).await?;
        }
        if let Some(file) = &location.file {
            file.mark(&writer).await?;
        }
        migrate(location.dialect, &writer).await.map_err(|error| location.named(error))?;
        let mut on = writer.acquire().await?;
        let mut seal = Seal::read(&mut on, location.dialect, settings.seal_key.as_ref()).await?;
        seal.begin(&mut on, location.dialect).await?;
        drop(on);
        let readers = location.connect(4).await?;
        Ok(Store::of(location, settings, seal, writer, readers))
    }

    /// Opens the database to look at it: nothing is made, migrated or written. One whose schema is older than ours has to
    /// be opened by a command that writes first.
    pub async fn open_to_read(settings: StoreSettings, folder: &Path) -> Result<Store, StoreError> {
        let location = Location::of(&settings, folder)?.reading();
        if let Some(file) = location.file.as_ref().filter(|file| !file.exists()) {
            return Err(StoreError::Config(format!(
                "{file} is not there yet: nothing was measured; `whmeter serve` or `whmeter poll` makes it"
            )));
        }
        let readers = location.connect(4).await?;
        if let Some(file) = &location.file {
            file.refuse_foreign(&readers).await.map_err(|error| file.named(error))?;
        }
        let known = Store::newest_schema();
        match stored_schema(&readers).await {
            Some(found) if found == known => {}
            Some(found) if found > known => return Err(StoreError::NewerSchema { found, known }),
            found => {
                let found = found.map_or("no schema".to_string(), |found| format!("schema {found}"));
                return Err(StoreError::Config(format!(
                    "the database has {found} and this whmeter needs {known}: `whmeter serve`, or any command that writes, \
                     brings it up to date first"
                )));
            }
        }
        let mut on = readers.acquire().await?;
        let seal = Seal::read(&mut on, location.dialect, settings.seal_key.as_ref()).await?;
        drop(on);
        Ok(Store::of(location, settings, seal, readers.clone(), readers))
    }

    fn of(
        location: Location,
        settings: StoreSettings,
        seal: Seal,
        writer: AnyPool,
        readers: AnyPool,
    ) -> Store {
        Store {
            dialect: location.dialect,
            file: location.file.map(|file| Arc::new(file.opened())),
            writer,
            readers,
            settings: Arc::new(settings),
            seal: Arc::new(seal),
            standings: Arc::new(RwLock::new(HashMap::new())),
            lists: Arc::default(),
            reported: Arc::default(),
            moved: Arc::new(tokio::sync::watch::Sender::default()),
        }
    }

    /// Looks whether [`Store::open`] would succeed, and writes nothing.
    pub async fn check(
        settings: &StoreSettings,
        folder: &Path,
        zone: BillingZone,
    ) -> Result<Checked, StoreError> {
        let location = Location::of(settings, folder)?.reading();
        if let Some(file) = &location.file {
            file.can_be_made()?;
            if !file.exists() {
                return Ok(Checked::says("not there yet; the first start makes it"));
            }
        }
        let pool = location.connect(2).await?;
        if location.dialect == Dialect::Mysql {
            refuse_merging_collations(&pool).await?;
        }
        let mut on = pool.acquire().await?;
        if let Some(file) = &location.file {
            file.intact(&mut on).await.map_err(|error| file.named(error))?;
            file.refuse_foreign(&pool).await.map_err(|error| file.named(error))?;
        }
        let (known, found) = (Store::newest_schema(), stored_schema(&pool).await);
        let checked = match found {
            Some(found) if found > known => return Err(StoreError::NewerSchema { found, known }),
            Some(found) if found == known => {
                Seal::read(&mut on, location.dialect, settings.seal_key.as_ref()).await?;
                refuse_other_zone(&mut on, location.dialect, zone).await?;
                let panels = known_panels(&mut on, location.dialect).await?;
                Checked { says: format!("schema {found}"), panels }
            }
            Some(found) => Checked::says(&format!("schema {found}; the next start brings it to {known}")),
            None => Checked::says("empty; the first start makes its tables"),
        };
        drop(on);
        pool.close().await;
        Ok(checked)
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.still_there()?;
        let one = sqlx::query("SELECT version FROM backend LIMIT 1").fetch_optional(&self.readers);
        answered(self.dialect, one).await?;
        Ok(())
    }

    /// Whether what is written now will be there later: a file may be deleted under a program that has it open.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        self.file.as_ref().map_or(Ok(()), |file| file.still_there())
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

/// Where a database is.
#[derive(Clone)]
struct Location {
    dialect: Dialect,
    /// As sqlx wants it; may hold a password.
    url: String,
    only_reads: bool,
    file: Option<DatabaseFile>,
}

impl Location {
    fn of(settings: &StoreSettings, folder: &Path) -> Result<Location, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = address(settings.url.expose(), folder)?;
        let file = DatabaseFile::of(settings.url.expose(), folder);
        Ok(Location { dialect, url, only_reads: false, file })
    }

    /// The same, with connections that may not write to a file, whatever its address says.
    fn reading(&self) -> Location {
        let mut reading = self.clone();
        if reading.file.is_none() {
            return reading;
        }
        // A `?` of the path itself is written as %3F.
        let (file, params) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let immutable = if params.contains("immutable=1") { "&immutable=1" } else { "" };
        (reading.url, reading.only_reads) = (format!("{file}?mode=ro{immutable}"), true);
        reading
    }

    async fn connect(&self, connections: u32) -> Result<AnyPool, StoreError> {
        connect(self.dialect, (&self.url, self.only_reads), connections)
            .await
            .map_err(|error| self.named(error))
    }

    /// Says of an error which file or which server it is of.
    fn named(&self, error: StoreError) -> StoreError {
        match &self.file {
            Some(file) => file.named(error),
            None => connect::named(&self.url, error),
        }
    }
}

/// The schema of a database; none of one without our tables.
async fn stored_schema(pool: &AnyPool) -> Option<i64> {
    let found = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(pool).await;
    found.ok().and_then(|row| row.try_get::<i64, _>(0).ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_that_start_together_on_a_new_file_open_it() {
        for _ in 0..6 {
            let folder = tempfile::tempdir().expect("a folder");
            let opened = (0..4).map(|_| Store::open(StoreSettings::default(), folder.path()));
            for store in futures_util::future::join_all(opened).await {
                store.expect("opened").close().await;
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_another_is_just_making_is_ours_and_one_without_the_mark_is_not() {
        for (mark, is_ours) in [("PRAGMA application_id = 1464356180;", true), ("", false)] {
            let folder = tempfile::tempdir().expect("a folder");
            let location = Location::of(&StoreSettings::default(), folder.path()).expect("a file");
            let making = location.connect(1).await.expect("connected");
            let made = format!("{mark} CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)");
            sqlx::raw_sql(AssertSqlSafe(made)).execute(&making).await.expect("made");
            let file = location.file.expect("a file");
            let looked = file.refuse_foreign(&making).await;
            assert_eq!(looked.is_ok(), is_ours, "{looked:?}");
        }
    }
}
