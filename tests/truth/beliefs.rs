//! What the program has committed so far, read from its database beside it.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, Row};
use whmeter::domain::Meter;

/// One meter of one account as committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// All bytes settled since first sight.
    pub total: i64,
    /// The last level: measured at, bytes.
    pub level: Option<(i64, i64)>,
    /// The last count of each source: measured at, count.
    pub baselines: BTreeMap<String, (i64, i64)>,
    /// Totals of spans: start, end, measured at, total.
    pub periods: Vec<(i64, i64, i64, i64)>,
}

/// Backend, account, meter.
pub type Key = (String, String, String);

pub struct Beliefs(AnyPool);

impl Beliefs {
    pub async fn of(folder: &Path) -> Beliefs {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite:{}?mode=ro", folder.join("whmeter.db").display());
        Beliefs(AnyPoolOptions::new().max_connections(1).connect(&url).await.unwrap())
    }

    pub async fn all(&self) -> BTreeMap<Key, Series> {
        let mut all: BTreeMap<Key, Series> = BTreeMap::new();
        let mut tx = self.0.begin().await.unwrap();
        let from = "FROM life l JOIN belief s ON s.life = l.id";
        let read = async |sql: String, tx: &mut sqlx::AnyConnection| {
            sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(tx).await.unwrap()
        };
        let meter = |number: i64| Meter::ALL[usize::try_from(number).unwrap()].name().to_string();
        let key = |row: &sqlx::any::AnyRow| -> Key { (row.get(0), row.get(1), meter(row.get(2))) };
        let sql = format!("SELECT l.backend, l.label, s.meter, s.total, s.level_at, s.level {from}");
        for row in read(sql, &mut tx).await {
            let series = all.entry(key(&row)).or_default();
            series.total = row.get(3);
            series.level = row.get::<Option<i64>, _>(4).zip(row.get::<Option<i64>, _>(5));
        }
        let sql = format!(
            "SELECT l.backend, l.label, s.meter, b.source, b.at, b.amount {from}
             JOIN baseline b ON b.holder = l.id AND b.meter = s.meter"
        );
        for row in read(sql, &mut tx).await {
            all.entry(key(&row)).or_default().baselines.insert(row.get(3), (row.get(4), row.get(5)));
        }
        let sql = format!(
            "SELECT l.backend, l.label, s.meter, p.starts, p.ends, p.at, p.total {from}
             JOIN period_total p ON p.life = s.life AND p.meter = s.meter ORDER BY p.starts"
        );
        for row in read(sql, &mut tx).await {
            let period = (row.get(3), row.get(4), row.get(5), row.get(6));
            all.entry(key(&row)).or_default().periods.push(period);
        }
        all
    }
}
