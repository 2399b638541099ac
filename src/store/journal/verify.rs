//! Whether the journal holds, and whether the stored days are what it says they are.

use sqlx::AnyConnection;

use super::super::prune::latest_prune;
use super::super::sql::{Columns, rows};
use super::super::tables::Ids;
use super::super::{KeyedFrom, Store, StoreError};
use super::ChainBreak;
use super::derived::RowUnlike;
use super::repair::Repaired;
use crate::domain::{BackendId, HoldingNo, Meter, UsageDay};
use crate::metering::SettleRules;

mod compare;
mod links;
mod sums;

pub(super) use sums::{HoldingSums, Holdings};

/// A journal that holds, and days that are what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries gone through.
    pub entries: u64,
    /// Folds gone through.
    pub folds: u64,
    /// Days and folded months held against it.
    pub sums: u64,
    /// Which entries were chained by a key.
    pub keyed: Vec<KeyedFrom>,
}

/// The first thing that is not as the journal says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// An entry was changed, cut out or put in.
    #[error(transparent)]
    Chain(#[from] ChainBreak),
    /// A fold was.
    #[error("journal of {backend}: the fold of the entries up to {upto} {trouble}")]
    Fold {
        /// The backend.
        backend: BackendId,
        /// The last entry in the fold.
        upto: i64,
        /// How.
        trouble: &'static str,
    },
    /// Another owner pays than the journal says.
    #[error("{backend} {account}, holding {holding}: the store has {stored}, the journal says {journal}")]
    Owner {
        /// The backend.
        backend: BackendId,
        /// The account.
        account: String,
        /// The holding.
        holding: HoldingNo,
        /// Who pays for which days, as it is stored.
        stored: String,
        /// As it should be.
        journal: String,
    },
    /// A threshold is crossed, or not, otherwise than the journal says.
    #[error(
        "{backend} {account}, {meter} at {threshold} percent: the store has {stored}, the journal says \
         {journal}"
    )]
    Crossing {
        /// The backend.
        backend: BackendId,
        /// The account.
        account: String,
        /// The meter.
        meter: Meter,
        /// The threshold in percent.
        threshold: u32,
        /// What is stored.
        stored: String,
        /// What it should be.
        journal: String,
    },
    /// Another stored row is not what the journal derives: what is believed, whose lives and holdings there are.
    #[error("{backend} {row}")]
    Row {
        /// The backend.
        backend: BackendId,
        /// The row, whom it is about, what is stored and what the journal says.
        row: Repaired,
    },
    /// A stored day or month is not what the journal says.
    #[error("{backend} {account} {meter} {when}: the store has {stored}, the journal says {journal}")]
    Sum {
        /// The backend.
        backend: BackendId,
        /// The account, as it is called among the lives of its name.
        account: String,
        /// The meter.
        meter: Meter,
        /// The day, or the month where days or entries are folded.
        when: String,
        /// What is stored.
        stored: String,
        /// What it should be.
        journal: String,
    },
}

impl Difference {
    /// Whether rows are other than a chain that holds says, so that they can be derived from it again.
    pub fn is_of_rows(&self) -> bool {
        !matches!(self, Difference::Chain(_) | Difference::Fold { .. })
    }
}

impl Store {
    /// Goes through a backend's whole journal and holds every stored row against it; the first difference is
    /// reported. Sees one moment of the database, no matter what is written meanwhile. What is believed is settled
    /// again by
    /// `rules`.
    pub async fn verify(
        &self,
        backend: &BackendId,
        rules: &SettleRules,
    ) -> Result<Result<Verified, Difference>, StoreError> {
        let mut tx = self.begin_read().await?;
        self.verify_in(&mut tx, backend, rules).await
    }

    /// The same in a transaction that has begun.
    pub(super) async fn verify_in(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        rules: &SettleRules,
    ) -> Result<Result<Verified, Difference>, StoreError> {
        let mut verified = Verified::default();
        let folds = match self.verify_links(on, backend, &mut verified).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(difference)),
        };
        let sql = "SELECT number, days_from FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(Ok(verified)) };
        let mut columns = Columns::of(row);
        let (ids, kept_from) = (Ids { backend: columns.int()? }, columns.day()?);
        let upto = folds.last().map_or(0, |head| head.upto);
        let derived = self.derived(on, backend, upto, rules).await?;
        let sums = self.verify_sums(on, backend, (ids, kept_from), &folds, &derived).await;
        let mut with_sums = true;
        let unreadable = match sums {
            Ok(Ok(held)) => {
                verified.sums = held.sums;
                with_sums = held.has_strangers;
                None
            }
            Ok(Err(difference)) => return Ok(Err(difference)),
            // Not even a value of its kind: the rows say which.
            Err(error @ StoreError::Corrupt { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        let (folds, most) = (if with_sums { Some(&folds[..]) } else { None }, 1);
        let unlike = self.rows_unlike(on, backend, (ids, 0), &derived, folds, most).await?;
        if let Some(one) = unlike.first() {
            return Ok(Err(Difference::of_row(backend, one)));
        }
        if let Some(error) = unreadable {
            return Err(error);
        }
        if let Some(one) = self.next_unlike(on, backend, &derived).await? {
            return Ok(Err(Difference::of_row(backend, &one)));
        }
        if let Some(difference) = self.kept_too_late(on, backend, kept_from, rules).await? {
            return Ok(Err(difference));
        }
        Ok(Ok(verified))
    }

    /// Days are folded into months when polls were committed that came later: none is said not to be kept before.
    async fn kept_too_late(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        kept_from: UsageDay,
        rules: &SettleRules,
    ) -> Result<Option<Difference>, StoreError> {
        let found = rows(on, self.dialect, "SELECT MAX(succeeded_at) FROM backend", []).await?;
        let newest = found.first().map(|row| Columns::of(row).maybe_time()).transpose()?.flatten();
        let latest = newest.map_or(UsageDay::FIRST, |newest| rules.zone.day_of(latest_prune(newest)));
        let row = Repaired {
            account: None,
            table: "backend",
            row: "days_from".into(),
            how: format!(
                "says that days before {kept_from} are not kept, which no poll before {latest} can have led to"
            ),
        };
        Ok((kept_from > latest).then(|| Difference::Row { backend: backend.clone(), row }))
    }
}

impl Difference {
    pub(super) fn of_row(backend: &BackendId, one: &RowUnlike) -> Difference {
        Difference::Row { backend: backend.clone(), row: Repaired::of(one) }
    }
}
