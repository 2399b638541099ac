//! Whether folds and entries are chained one to the next, and none of them was changed.

use sqlx::AnyConnection;

use super::super::super::seal::NO_KEY;
use super::super::super::sql::{Columns, rows};
use super::super::super::{KeyedFrom, Store, StoreError};
use super::super::fold::{Head, sha256};
use super::super::{ChainBreak, ENTRIES_AT_ONCE, Links};
use super::{Difference, Verified};
use crate::domain::BackendId;

impl Store {
    /// Goes along folds and entries; returns the folds of a journal that holds.
    pub(in super::super) async fn verify_links(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        verified: &mut Verified,
    ) -> Result<Result<Vec<Head>, Difference>, StoreError> {
        let folds = match self.verify_folds(on, backend).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(difference)),
        };
        verified.folds = folds.len() as u64;
        Ok(match self.verify_chain(on, backend, folds.last(), &mut verified.keyed).await? {
            Ok(entries) => {
                verified.entries = entries;
                Ok(folds)
            }
            Err(broken) => Err(broken.into()),
        })
    }

    async fn verify_folds(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<Result<Vec<Head>, Difference>, StoreError> {
        let number = self.number_of(on, backend).await?;
        let heads = self.fold_heads(on, backend).await?;
        let mut before = String::new();
        for (index, head) in heads.iter().enumerate() {
            let broken = |trouble| Difference::Fold { backend: backend.clone(), upto: head.upto, trouble };
            let Some(link) = self.seal.link(head.seal, &[head.text(&before, number).as_bytes()]) else {
                return Ok(Err(broken(NO_KEY)));
            };
            if link != head.hash {
                return Ok(Err(broken("was changed after it was written, or the one before it is missing")));
            }
            let sums = self.fold_part(on, backend, head.upto, "sums").await?;
            if sha256(&sums) != head.sums_hash {
                return Ok(Err(broken("has other sums than it was signed with")));
            }
            if index + 1 == heads.len()
                && sha256(&self.fold_part(on, backend, head.upto, "book").await?) != head.book_hash
            {
                return Ok(Err(broken("has other beliefs than it was signed with")));
            }
            before.clone_from(&head.hash);
        }
        Ok(Ok(heads))
    }

    async fn verify_chain(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        fold: Option<&Head>,
        keyed: &mut Vec<KeyedFrom>,
    ) -> Result<Result<u64, ChainBreak>, StoreError> {
        if let Some(fold) = fold {
            KeyedFrom::take(keyed, 1, self.seal.is_keyed(fold.seal));
        }
        let number = self.number_of(on, backend).await?;
        let mut links =
            Links::new(backend, number, &self.seal, fold.map(|head| (head.upto, head.chain.clone())));
        let mut entries = 0;
        loop {
            let raw = self.raw_entries(on, backend, links.last.0 + 1, ENTRIES_AT_ONCE).await?;
            if raw.is_empty() {
                break;
            }
            for raw in &raw {
                if let Err(broken) = links.next(raw) {
                    return Ok(Err(broken));
                }
                KeyedFrom::take(keyed, raw.entry, self.seal.is_keyed(raw.seal));
            }
            entries += raw.len() as u64;
        }
        let sql = "SELECT entries, chain FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(Ok(entries)) };
        let mut columns = Columns::of(row);
        let (written, chain) = (columns.int()?, columns.text()?);
        // Entries after a hole are not found by number: what was written last says how far they go.
        Ok(match links.last {
            (last, _) if last != written => Err(links.missing(last + 1)),
            (_, link) if link != chain => Err(ChainBreak {
                backend: backend.clone(),
                entry: written,
                trouble: "has another link than the backend's row remembers",
            }),
            _ => Ok(entries),
        })
    }
}
