//! A copy of an SQLite database that is in use. The other databases have programs of their own for it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Location, StoreSettings};
use crate::store::dialect::Dialect;
use crate::store::{Store, StoreError};

impl Store {
    /// Copies the database as it is at one moment into the new file `to`, readable by its owner alone, and gives its bytes.
    /// Whoever polls meanwhile is not kept waiting. A file of that name is refused, and `to` is there when all of it is.
    ///
    /// Of a schema that is older than ours, too: the copy is wanted most before an upgrade.
    pub async fn back_up(settings: &StoreSettings, folder: &Path, to: &Path) -> Result<u64, StoreError> {
        let location = Location::of(settings, folder)?.reading();
        let Some(file) = &location.file else { return Err(has_its_own_program(location.dialect)) };
        if !file.exists() {
            return Err(StoreError::Config(format!("{file} is not there: there is nothing to copy yet")));
        }
        let to = std::path::absolute(to).map_err(|error| not_written(to, &error))?;
        if to.exists() {
            return Err(StoreError::Config(format!(
                "{} is there already and is not overwritten; name a new file",
                to.display()
            )));
        }
        let pool = location.connect(1).await?;
        file.refuse_foreign(&pool).await.map_err(|error| file.named(error))?;
        let part = part_of(&to);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        made.map_err(|error| not_written(&part, &error))?;
        let name = part.to_str().ok_or_else(|| {
            StoreError::Config(format!("{}: expected a name in UTF-8, which SQLite wants", to.display()))
        });
        let copied = match name {
            // It takes an empty file for none, and keeps its rights.
            Ok(name) => {
                sqlx::query("VACUUM INTO ?").bind(name).execute(&pool).await.map_err(StoreError::from)
            }
            Err(error) => Err(error),
        };
        pool.close().await;
        let kept = copied.and_then(|_| keep(&part, &to));
        if kept.is_err() {
            // What is half written is no backup; that it cannot be removed changes nothing of that.
            let _ = std::fs::remove_file(&part);
        }
        kept
    }
}

/// The name of a copy that is being made.
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// On the disk first, and called by its name then.
fn keep(part: &Path, to: &Path) -> Result<u64, StoreError> {
    let named = || {
        let file = File::open(part)?;
        file.sync_all()?;
        // Not by `rename`, which would take the place of a file that has appeared meanwhile.
        std::fs::hard_link(part, to)?;
        std::fs::remove_file(part)?;
        let folder = to.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    named().map_err(|error| not_written(to, &error))
}

fn not_written(file: &Path, error: &std::io::Error) -> StoreError {
    let instead = match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            "; another backup is under way, or was broken off: then remove it"
        }
        _ => "",
    };
    StoreError::Config(format!("{} cannot be written: {error}{instead}", file.display()))
}

fn has_its_own_program(dialect: Dialect) -> StoreError {
    let (name, program) = match dialect {
        Dialect::Postgres => ("PostgreSQL", "pg_dump --format=custom --file=FILE DATABASE"),
        _ => ("MySQL or MariaDB", "mariadb-dump --single-transaction --result-file=FILE DATABASE"),
    };
    StoreError::Config(format!("the store is {name}, which is backed up by its own program: {program}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_appeared_while_the_copy_was_made_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("copy.db");
        let part = part_of(&to);
        std::fs::write(&part, "the copy").expect("written");
        std::fs::write(&to, "somebody's").expect("written");
        let error = keep(&part, &to).expect_err("it is somebody's").to_string();
        assert!(error.contains("copy.db"), "{error}");
        assert_eq!(std::fs::read_to_string(&to).expect("there"), "somebody's");
        assert_eq!(std::fs::read_to_string(&part).expect("there"), "the copy", "what was made is not lost");

        std::fs::remove_file(&to).expect("removed");
        assert_eq!(keep(&part, &to).expect("kept"), 8);
        assert_eq!(std::fs::read_to_string(&to).expect("there"), "the copy");
        assert!(!part.exists());
    }
}
