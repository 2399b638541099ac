//! What an operator says of a backend that the config has no more: it is called otherwise now, or it is over.

use std::time::Duration;

use super::{AdjustError, Collector};
use crate::domain::BackendId;
use crate::metering::{Correction, Forgetting, forget};
use crate::store::{BackendState, CannotRename, Repair, Repaired, StoreError};

/// Why a backend was not renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// It must not be.
    #[error(transparent)]
    Cannot(CannotRename),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Collector {
    /// Ends all accounts of a backend by an entry of its journal; returns how many.
    pub async fn forget(
        &self,
        backend: &BackendState,
        forgetting: &Forgetting,
    ) -> Result<usize, AdjustError> {
        self.correct(&backend.backend, &backend.kind, async |lease, loaded| {
            let living = loaded.book.lives.values().filter(|life| life.ended.is_none()).count();
            let correction = Correction::Forgotten(forgetting.clone());
            let settled = forget(&loaded.book);
            self.store.commit_correction(lease, loaded, &correction, settled, self.clock.now()).await?;
            Ok(living)
        })
        .await
    }

    /// Makes every stored row of a backend what its journal derives; returns which were not.
    pub async fn repair(
        &self,
        backend: &BackendState,
        repair: &Repair,
    ) -> Result<Vec<Repaired>, AdjustError> {
        self.under_lease_of(&backend.backend, &backend.kind, async |lease, last| {
            // What is kept of it in memory is of before.
            last.loaded = None;
            Ok(self.store.repair(lease, repair, &self.rules, self.clock.now()).await??)
        })
        .await
    }

    /// Moves everything that was ever written of one backend to another name, for a panel of `kind`.
    pub async fn rename(
        &self,
        old: &BackendId,
        new: &BackendId,
        kind: &str,
        by: &str,
    ) -> Result<(), RenameError> {
        let mut tries = 0;
        loop {
            match self.store.rename_backend((old, new), kind, by, self.clock.now()).await? {
                Ok(()) => return Ok(()),
                // A poll takes a moment; what takes longer is worth telling.
                Err(CannotRename::Polling) if tries < 60 => {
                    tokio::time::sleep(Duration::from_millis(500)).await
                }
                Err(cannot) => return Err(RenameError::Cannot(cannot)),
            }
            tries += 1;
        }
    }
}
