//! Mends rows that somebody else has changed: they become what the chronicle says, in one transaction with its line in
//! the audit. What is written so is an entry of the chronicle itself.

use super::super::chronicle::{ChronicleDifference, Value};
use super::super::journal::{CannotRepair, Repair, Repaired};
use super::super::row_edits::RowPlace;
use super::super::services::KNOWN_LIST;
use super::super::sql::run;
use super::super::{Store, StoreError};
use super::verify::{RowDiffers, Share};
use super::{ChronicleVerified, TABLES};
use crate::domain::{BackendId, Timestamp};

/// What stands in the audit for the backend that it is about.
const WHOSE: &str = "chronicle";

impl Store {
    /// What of the chronicle's tables would be repaired; nothing is written.
    pub async fn would_repair_chronicle(&self) -> Result<Result<Vec<Repaired>, CannotRepair>, StoreError> {
        let mut tx = self.begin_read().await?;
        Ok(self.chronicle_differs(&mut tx).await?.map(|differ| differ.iter().map(repaired).collect()))
    }

    /// Makes every row that the chronicle records what it says. Whoever keeps lists or reported values in memory
    /// reads them anew.
    pub async fn repair_chronicle(
        &self,
        repair: &Repair,
        at: Timestamp,
    ) -> Result<Result<Vec<Repaired>, CannotRepair>, StoreError> {
        let whose = BackendId::new(WHOSE).map_err(|error| StoreError::corrupt(error, "a backend's name"))?;
        let mut tx = self.begin_write_at(at).await?;
        self.one_at_a_time(&mut tx).await?;
        self.hold_everybody(&mut tx).await?;
        // A write first: it locks the row on every database, so that nobody appends meanwhile.
        run(&mut tx, self.dialect, "UPDATE chronicle_head SET entries = entries WHERE one = 1", []).await?;
        let differ = match self.chronicle_differs(&mut tx).await? {
            Ok(differ) => differ,
            Err(cannot) => return Ok(Err(cannot)),
        };
        if differ.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        for one in differ.iter().filter(|one| one.said.is_none()) {
            self.delete_row(&mut tx, &place(one)).await?;
        }
        for one in &differ {
            let names = one.table.rest.iter().map(|(name, _)| *name);
            match (&one.stored, &one.said) {
                (Some(_), Some(said)) => {
                    let columns: Vec<(&str, &Value)> = names.zip(said).collect();
                    self.update_row(&mut tx, &place(one), &columns).await?;
                }
                (None, Some(said)) => {
                    self.insert_row(&mut tx, &place(one), &names.collect::<Vec<_>>(), said).await?;
                }
                (_, None) => {}
            }
        }
        run(&mut tx, self.dialect, "UPDATE service_list SET version = version + 1", []).await?;
        tx.note_rows(&KNOWN_LIST, "t.server = t.server", []).await?;
        run(&mut tx, self.dialect, "UPDATE reported_to SET times = times + 1", []).await?;
        let repaired: Vec<Repaired> = differ.iter().map(repaired).collect();
        self.put_repaired(&mut tx, &whose, repair, &repaired, at).await?;
        tx.commit().await?;
        Ok(Ok(repaired))
    }

    /// Every row that differs, of a chronicle that holds.
    async fn chronicle_differs(
        &self,
        on: &mut sqlx::AnyConnection,
    ) -> Result<Result<Vec<RowDiffers>, CannotRepair>, StoreError> {
        let broken = |broken| CannotRepair::Chronicle(ChronicleDifference::Chain(broken));
        let folds = match self.verify_chronicle_folds(on).await? {
            Ok(folds) => folds,
            Err(trouble) => return Ok(Err(broken(trouble))),
        };
        let mut verified = ChronicleVerified::default();
        if let Err(trouble) = self.verify_chronicle_links(on, folds.last(), &mut verified).await? {
            return Ok(Err(broken(trouble)));
        }
        let mut said = self.chronicled(on, &folds, Share::WHOLE).await?;
        let mut found = Vec::new();
        for table in TABLES {
            let standing = said.take_standing(table);
            found.extend(self.verify_rows(on, table, Share::WHOLE, standing, usize::MAX).await?.1);
        }
        Ok(Ok(found))
    }
}

fn place(one: &RowDiffers) -> RowPlace<'_> {
    RowPlace { table: one.table.name, keys: one.table.keys, key: &one.key }
}

fn repaired(one: &RowDiffers) -> Repaired {
    Repaired { account: None, table: one.table.name, row: one.row(), how: one.how() }
}
