//! What can go wrong with the database, by what the caller does next.

use crate::domain::{Meter, Month};

/// Why the store could not do what was asked. Nothing was half written in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL or the database's own settings are wrong: fix the config and start again.
    #[error("store: {0}")]
    Config(String),
    /// Days are cut in another zone than the config says.
    #[error(
        "the days of this database are cut in {stored}, and the config says timezone = \"{configured}\": set it back to \
         {stored}. Days that are cut cannot be cut again: another zone needs a database of its own"
    )]
    OtherZone {
        /// The zone of the stored days.
        stored: String,
        /// The zone of the config.
        configured: String,
    },
    /// The database was made by a newer whmeter.
    #[error("the database has schema {found}, this whmeter knows up to {known}; run the newer whmeter")]
    NewerSchema {
        /// The schema in the database.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// Another process holds the database's lock; nothing was written, try again.
    #[error("the database is locked by another program; end that one's transaction, whmeter tries again")]
    Locked,
    /// No room left; nothing was written.
    #[error("the database's disk is full; free some space, whmeter tries again at the next poll")]
    Full,
    /// The database's files cannot be read or written; nothing was written.
    #[error("the database's files cannot be written ({0}); is its disk full, read-only or broken?")]
    Disk(String),
    /// The file of the database is not the one that was opened any more; nothing was written.
    #[error(
        "{file} was deleted or replaced while whmeter has it open: nothing is written any more, because it would be lost. Put the file \
         back, or restart whmeter to begin with what is there now"
    )]
    Gone {
        /// The file.
        file: String,
    },
    /// Another collector took the backend over meanwhile; this poll must not be written.
    #[error("the lease on {backend} was lost to another whmeter; its poll counts, ours is dropped")]
    LostLease {
        /// The backend.
        backend: String,
    },
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database was asked, and says nothing.
    #[error(
        "the database has not answered for {0} s; the connection is dropped and another one is made. The \
         server, or a proxy before it, may have gone down."
    )]
    Silent(u64),
    /// The database holds something this program cannot have written.
    #[error("the database holds {found} where {expected} was expected; run `whmeter verify`")]
    Corrupt {
        /// What was read.
        found: String,
        /// What should have been there.
        expected: &'static str,
    },
    /// Something outside whmeter has changed what a month of an account sums to; nothing was written.
    #[error(
        "{account} on {backend}, {meter} in {month}: the database has {stored} and {believed}; it was changed outside whmeter. `whmeter verify` names what differs, `whmeter repair {backend} --reason TEXT` restores it from the journal; \
         polls of {backend} are not committed until then"
    )]
    OtherMonth {
        /// The backend.
        backend: String,
        /// The account.
        account: String,
        /// The meter.
        meter: Meter,
        /// The month.
        month: Month,
        /// What is stored.
        stored: String,
        /// What it should be, and by what.
        believed: String,
    },
    /// Any other refusal by the database.
    #[error("the database refuses: {0}")]
    Database(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match &error {
            sqlx::Error::Database(database) => match code(database.as_ref()).as_str() {
                // SQLITE_BUSY and SQLITE_LOCKED with their extended codes; lock time-outs of the others, and a row that
                // was changed since the transaction saw it.
                "5" | "6" | "261" | "262" | "517" | "518" | "773" | "55P03" | "1020" | "1205" | "1213" => {
                    StoreError::Locked
                }
                // SQLITE_FULL; disk full of PostgreSQL and MySQL.
                "13" | "53100" | "1021" | "1114" => StoreError::Full,
                _ if is_trouble_with_files(database.as_ref()) => {
                    StoreError::Disk(database.message().to_string())
                }
                _ => StoreError::Database(database.message().to_string()),
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_) => {
                StoreError::Unreachable(error.to_string())
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
                StoreError::Corrupt { found: error.to_string(), expected: "a value of the schema" }
            }
            _ => StoreError::Database(error.to_string()),
        }
    }
}

/// The database's own code. MySQL's SQLSTATE is the same for nearly everything: its number says more.
fn code(error: &dyn sqlx::error::DatabaseError) -> String {
    match error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        Some(error) => error.number().to_string(),
        None => error.code().unwrap_or_default().into_owned(),
    }
}

/// SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN, whatever stands above them in the extended code.
fn is_trouble_with_files(error: &dyn sqlx::error::DatabaseError) -> bool {
    let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    is_sqlite && code(error).parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 14))
}

impl StoreError {
    pub(super) fn corrupt(found: impl ToString, expected: &'static str) -> StoreError {
        StoreError::Corrupt { found: found.to_string(), expected }
    }
}
