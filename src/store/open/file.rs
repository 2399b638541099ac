//! The file of an SQLite database: whose it is, who may read it, and whether it is still there.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, AnyPool, Connection, Row};

use crate::store::StoreError;

/// What stands in the header of our databases (`WHMT`): SQLite keeps a number there for whoever made a file.
const APPLICATION: i64 = 0x5748_4d54;

/// A file, as it was when it was opened.
#[derive(Clone, Debug)]
pub(in crate::store) struct DatabaseFile {
    path: PathBuf,
    /// Whether the URL lets us write to it.
    is_written: bool,
    /// Device and number, once it was opened.
    identity: Option<(u64, u64)>,
}

impl DatabaseFile {
    /// The file of a URL `sqlite:FILE`, which may have parameters; `None` of another database.
    pub fn of(url: &str, folder: &Path) -> Option<DatabaseFile> {
        let rest = url.strip_prefix("sqlite:")?.trim_start_matches("//");
        let (file, params) = rest.split_once('?').unwrap_or((rest, ""));
        let is_written = !params.contains("mode=ro") && !params.contains("immutable");
        Some(DatabaseFile { path: folder.join(file), is_written, identity: None })
    }

    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether there is more of it than a name: one that was just made holds nothing yet.
    pub fn holds_something(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| found.len() > 0)
    }

    /// Its folder must be there and, where the file is not, must let us make it.
    pub fn can_be_made(&self) -> Result<(), StoreError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(StoreError::Config(format!("{self}: its folder does not exist; make it")));
        }
        match self.is_written && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
            true => Err(StoreError::Config(format!(
                "{self}: whmeter may not write into its folder; SQLite makes files beside it: give the folder to the user that \
                 whmeter runs as"
            ))),
            false => Ok(()),
        }
    }

    /// A file on a disk that turned read-only can be opened, and everything after that fails.
    pub fn can_be_written(&self) -> Result<(), StoreError> {
        if !self.is_written || !self.exists() {
            return Ok(());
        }
        let access = rustix::fs::access(&self.path, rustix::fs::Access::WRITE_OK);
        access.map_err(|error| StoreError::Disk(format!("{self}: {error}")))
    }

    /// Makes the file for its owner alone, or one that others can read so. What cannot be done is reported: opening it
    /// will say whether that matters. SQLite gives what it writes beside the file the same rights.
    pub fn keep_private(&self) {
        if !self.is_written {
            return;
        }
        // One that is not there cannot have been read by anybody.
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        if made.is_ok() {
            return;
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.path.as_os_str().to_owned();
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

    /// Remembers which file it is that was opened.
    pub fn opened(mut self) -> DatabaseFile {
        self.identity = self.found();
        self
    }

    /// Whether it is the file that was opened: what is written to one that was deleted is lost with the last connection.
    pub fn still_there(&self) -> Result<(), StoreError> {
        match self.identity.is_none() || self.found() == self.identity {
            true => Ok(()),
            false => Err(StoreError::Gone { file: self.to_string() }),
        }
    }

    fn found(&self) -> Option<(u64, u64)> {
        std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()))
    }

    /// Names the file in an error of SQLite, which does not.
    pub fn named(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Disk(text) => StoreError::Disk(format!("{self}: {text}")),
            StoreError::Database(text) if text.contains("not a database") => StoreError::Config(format!(
                "{self} is no SQLite database (its first bytes are something else); name another file in url"
            )),
            StoreError::Database(text) if text.contains("malformed") => StoreError::Config(format!(
                "{self} is damaged ({text}); restore it from a backup, whmeter does not repair files"
            )),
            StoreError::Database(text) => StoreError::Database(format!("{self}: {text}")),
            other => other,
        }
    }

    /// Refuses a database that another program made: our tables are not put beside its own.
    pub async fn refuse_foreign(&self, pool: &AnyPool) -> Result<(), StoreError> {
        let application = application(pool).await?;
        let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
        let tables = tables.fetch_all(pool).await?;
        let names = tables.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
        let is_ours =
            ["_sqlx_migrations", "billing_zone"].iter().all(|own| names.iter().any(|name| name == own));
        // One of ours that another is just making has the mark, and not all of its tables yet.
        match application == APPLICATION || application == 0 && (names.is_empty() || is_ours) {
            true => Ok(()),
            false => {
                let shown = names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
                Err(StoreError::Config(format!(
                    "{self} is another program's database (application id {application:#x}, tables {shown}); name a file of \
                     whmeter's own in url"
                )))
            }
        }
    }

    /// Marks it as ours, before anything is put into it: whoever opens it meanwhile sees whose it is.
    pub async fn mark(&self, pool: &AnyPool) -> Result<(), StoreError> {
        if application(pool).await? == APPLICATION {
            return Ok(());
        }
        let marked = format!("PRAGMA application_id = {APPLICATION}");
        sqlx::query(sqlx::AssertSqlSafe(marked)).execute(pool).await?;
        Ok(())
    }

    /// Whether its pages hang together; the first thing that is wrong where they do not.
    pub async fn intact(&self, on: &mut AnyConnection) -> Result<(), StoreError> {
        on.ping().await?;
        let found = sqlx::query("PRAGMA quick_check(1)").fetch_one(on).await?;
        let found: String = found.try_get(0)?;
        match found == "ok" {
            true => Ok(()),
            false => Err(StoreError::Config(format!(
                "{self} is damaged ({found}); restore it from a backup, whmeter does not repair files"
            ))),
        }
    }
}

async fn application(pool: &AnyPool) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT application_id FROM pragma_application_id").fetch_one(pool).await?;
    Ok(row.try_get(0)?)
}

impl std::fmt::Display for DatabaseFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())
    }
}
