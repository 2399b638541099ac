//! Connections: from the address in the config to a pool whose every connection was told our rules.

use std::path::Path;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor};

use crate::http::Url;
use crate::store::StoreError;
use crate::store::dialect::{Dialect, STATEMENT_LIMIT};

/// How long a statement waits for another transaction's lock before the store says [`StoreError::Locked`].
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection may take to show that it is still there when it is not used any more.
const STILL_THERE: Duration = Duration::from_secs(5);

/// The dialect of a URL, and the URL as sqlx wants it.
pub(super) fn address(url: &str, folder: &Path) -> Result<(Dialect, String), StoreError> {
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

pub(super) async fn connect(
    dialect: Dialect,
    (url, only_reads): (&str, bool),
    connections: u32,
) -> Result<AnyPool, StoreError> {
    let session = session(dialect, only_reads);
    // A pool goes on trying for half a minute what fails at once on a full disk or at a closed port, and then
    // only says that it waited. So the first connection is made by hand.
    let first = tokio::time::timeout(CONNECT_LIMIT, AnyConnection::connect(url)).await;
    let late = || StoreError::Unreachable(format!("no answer for {} s", CONNECT_LIMIT.as_secs()));
    let mut first = first.map_err(|_| late())??;
    if dialect == Dialect::Sqlite {
        for statement in &session {
            first.execute(AssertSqlSafe(statement.clone())).await?;
        }
    }
    first.close().await?;
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECT_LIMIT)
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
            let session = session.clone();
            Box::pin(async move {
                for statement in session {
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
fn session(dialect: Dialect, only_reads: bool) -> Vec<String> {
    match dialect {
        // Whoever only reads takes the journal as it is: another program's file may have none.
        Dialect::Sqlite if only_reads => vec![format!("PRAGMA busy_timeout = {}", LOCK_WAIT.as_millis())],
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

/// Names the server in an error: host and port, never the user or the password of the address.
pub(super) fn named(url: &str, error: StoreError) -> StoreError {
    let StoreError::Unreachable(why) = error else { return error };
    let place = Url::parse(url).ok().and_then(|url| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        url.host_str().map(|host| format!("{host}{port}: "))
    });
    StoreError::Unreachable(format!("{}{why}", place.unwrap_or_default()))
}
