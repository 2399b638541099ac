//! What a panel shows that is no account's, as its last poll found it, and since when it is so.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::super::sql::{Columns, rows, run};
use super::super::tables::{Ids, unclaimed};
use super::super::{BackendState, Store, StoreError};
use super::load::Loaded;
use crate::domain::{Harvest, Timestamp, Unclaimed};

/// The longest name that every database has as a key.
const LONGEST_NAME: usize = 255;

impl Store {
    /// What a backend's last poll of all accounts found to be nobody's, in the order of names.
    pub async fn unclaimed(&self, state: &BackendState) -> Result<Vec<Unclaimed>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let found = self.load_unclaimed(&mut on, Ids { backend: state.number }).await?;
        Ok(found.into_values().collect())
    }

    pub(super) async fn load_unclaimed(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
    ) -> Result<BTreeMap<String, Unclaimed>, StoreError> {
        let sql =
            format!("SELECT {} FROM unclaimed u WHERE u.backend = ?", unclaimed::UNCLAIMED.columns("u"));
        let mut found = BTreeMap::new();
        for row in rows(on, self.dialect, &sql, [ids.backend.into()]).await? {
            let one = unclaimed::row(&mut Columns::of(&row))?;
            found.insert(one.what.clone(), one);
        }
        Ok(found)
    }

    /// Writes down what is unowned now; returns it, each with the time since when.
    pub(super) async fn put_unclaimed(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        harvest: &Harvest,
        at: Timestamp,
    ) -> Result<BTreeMap<String, Unclaimed>, StoreError> {
        let now: BTreeMap<String, Unclaimed> = harvest
            .unclaimed_usage()
            .iter()
            .map(|one| {
                let what: String = one.what.chars().take(LONGEST_NAME).collect();
                let known = loaded.unclaimed.get(&what).filter(|known| known.why == one.why);
                let since = one.since.or_else(|| known?.since).unwrap_or(at);
                (what.clone(), Unclaimed { what, since: Some(since), ..one.clone() })
            })
            .collect();
        for what in loaded.unclaimed.keys().filter(|what| !now.contains_key(*what)) {
            let sql = "DELETE FROM unclaimed WHERE backend = ? AND what = ?";
            run(on, self.dialect, sql, [loaded.ids.backend.into(), what.as_str().into()]).await?;
        }
        let changed = now.iter().filter(|(what, one)| loaded.unclaimed.get(*what) != Some(one));
        let cells = changed.map(|(_, one)| unclaimed::cells(loaded.ids, one, one.since.unwrap_or(at)));
        unclaimed::UNCLAIMED.put(on, self.dialect, cells.collect()).await?;
        Ok(now)
    }
}
