//! What the three databases say differently. Nobody else knows which one it is.

use std::borrow::Cow;
use std::time::Duration;

/// The longest a server works at one statement, or keeps a transaction in which nothing happens: below the lease of a
/// poll, which is a minute.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(50);

/// The database behind the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

/// What an upsert does with a column of a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// The new value replaces it.
    Replace,
    /// The new value is added to it.
    Add,
    /// It never changes: the old value stays, and so do the entries of its indexes.
    Keep,
}

impl Dialect {
    /// By the scheme of the URL.
    pub(super) fn of(url: &str) -> Option<Dialect> {
        match url.split(':').next()? {
            "sqlite" => Some(Dialect::Sqlite),
            "postgres" | "postgresql" => Some(Dialect::Postgres),
            "mysql" | "mariadb" => Some(Dialect::Mysql),
            _ => None,
        }
    }

    /// Starts a transaction that will write. On SQLite it takes the write lock at once: a read turned
    /// into a write would fail with SQLITE_BUSY without waiting its turn.
    pub(super) fn begin_write(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::Mysql => "BEGIN",
        }
    }

    /// The longest we wait for an answer: a little longer than a server works at one, and shorter than the lease of a
    /// poll. A file is not waited for over a network.
    pub(super) fn answer_limit(self) -> Option<Duration> {
        match self {
            Dialect::Sqlite => None,
            Dialect::Postgres | Dialect::Mysql => Some(STATEMENT_LIMIT + Duration::from_secs(5)),
        }
    }

    /// Starts a transaction that only reads, and sees one moment of the database throughout.
    pub(super) fn begin_snapshot(self) -> &'static str {
        match self {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Dialect::Mysql => "START TRANSACTION WITH CONSISTENT SNAPSHOT",
        }
    }

    /// Asks for the epoch seconds of the server's clock; `None` where the database runs on ours.
    pub(super) fn server_time(self) -> Option<&'static str> {
        match self {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT)"),
            Dialect::Mysql => Some("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)"),
        }
    }

    /// The text of a migration for this database.
    pub(super) fn migration(self, text: &str) -> String {
        let clustered = if self == Dialect::Sqlite { "WITHOUT ROWID" } else { "" };
        text.replace("/*clustered*/", clustered)
    }

    /// A statement written with `?`, in this database's own placeholders.
    pub(super) fn placeholders(self, sql: &str) -> Cow<'_, str> {
        if self != Dialect::Postgres {
            return Cow::Borrowed(sql);
        }
        let mut out = String::with_capacity(sql.len() + 32);
        let mut parts = sql.split('?');
        out.push_str(parts.next().unwrap_or_default());
        for (index, part) in parts.enumerate() {
            out.push_str(&format!("${}{part}", index + 1));
        }
        Cow::Owned(out)
    }

    /// A sum as a whole number of 64 bits, which is what it was summed from.
    pub(super) fn whole(self, sum: &str) -> String {
        match self {
            Dialect::Mysql => format!("CAST({sum} AS SIGNED)"),
            _ => format!("CAST({sum} AS BIGINT)"),
        }
    }

    /// Two texts as one.
    pub(super) fn joined(self, one: &str, other: &str) -> String {
        match self {
            Dialect::Mysql => format!("CONCAT({one}, {other})"),
            _ => format!("{one} || {other}"),
        }
    }

    /// A text column with a literal of ours at its end.
    pub(super) fn append(self, column: &str, literal: &str) -> String {
        match self {
            Dialect::Mysql => format!("CONCAT({column}, '{literal}')"),
            _ => format!("{column} || '{literal}'"),
        }
    }

    /// An insert of `rows` rows that updates the rows whose `keys` are there already.
    pub(super) fn upsert(self, table: &str, keys: &[&str], rest: &[(&str, Merge)], rows: usize) -> String {
        let columns: Vec<&str> = keys.iter().copied().chain(rest.iter().map(|(name, _)| *name)).collect();
        let row = format!("({})", vec!["?"; columns.len()].join(", "));
        let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
        sql.push_str(&vec![row; rows].join(", "));
        sql.push_str(&match self {
            Dialect::Mysql => " ON DUPLICATE KEY UPDATE ".to_string(),
            _ => format!(" ON CONFLICT ({}) DO UPDATE SET ", keys.join(", ")),
        });
        let set: Vec<String> =
            rest.iter().filter_map(|(name, merge)| self.set(table, name, *merge)).collect();
        sql.push_str(&set.join(", "));
        self.placeholders(&sql).into_owned()
    }

    fn set(self, table: &str, column: &str, merge: Merge) -> Option<String> {
        let new = match self {
            Dialect::Mysql => format!("VALUES({column})"),
            _ => format!("excluded.{column}"),
        };
        match merge {
            Merge::Replace => Some(format!("{column} = {new}")),
            Merge::Add => Some(format!("{column} = {table}.{column} + {new}")),
            Merge::Keep => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_own_upsert() {
        let rest = [("a", Merge::Replace), ("b", Merge::Add), ("c", Merge::Keep)];
        let upsert = |dialect: Dialect| dialect.upsert("t", &["k"], &rest, 2);
        assert_eq!(
            upsert(Dialect::Sqlite),
            "INSERT INTO t (k, a, b, c) VALUES (?, ?, ?, ?), (?, ?, ?, ?) ON CONFLICT (k) DO UPDATE SET a = excluded.a, b = t.b + excluded.b"
        );
        assert!(upsert(Dialect::Postgres).contains("VALUES ($1, $2, $3, $4), ($5, $6, $7, $8) ON CONFLICT"));
        assert!(
            upsert(Dialect::Mysql).ends_with("ON DUPLICATE KEY UPDATE a = VALUES(a), b = t.b + VALUES(b)")
        );
    }
}
