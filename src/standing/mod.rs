//! How everything stands, as plain data: what the newest commit of each backend left of every account, and
//! what of it can be said at a moment.
//!
//! Pure. Readers of all kinds (pages, answers, findings, invoices) ask [`SeriesStanding::known`], so that no
//! number lies by its age anywhere.

mod account;
mod moment;
mod nearness;
mod series;
mod together;

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;

pub use account::{AccountStanding, MappedTo, ServiceRef, Share};
pub use moment::Moment;
pub use nearness::Nearness;
pub use series::{SeriesStanding, Unknown};
pub use together::{Judged, Together};

use crate::domain::{AccountName, BackendId, Month};
use crate::metering::{Crowd, ListDoubt};

/// Number, version and acts together: what distinguishes one standing of a backend from another.
pub type Stamp = (i64, i64, i64);

/// One backend as committed at `version`.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The configured panel.
    pub backend: BackendId,
    /// Its kind.
    pub kind: String,
    /// The number of its row, which it keeps when it is renamed: under one name there may be another backend later.
    pub number: i64,
    /// One more with every commit.
    pub version: i64,
    /// One more with every switch that ended. Equal stamps are equal standings.
    pub acts: i64,
    /// Its newest list is doubted: too many accounts are not in it.
    pub list_doubt: Option<ListDoubt>,
    /// Every name ever seen, with its newest life; those that are gone say so.
    pub accounts: BTreeMap<AccountName, Arc<AccountStanding>>,
    /// The accounts that changed with the newest version read, for renderers of only those.
    pub changed: Vec<AccountName>,
    /// The stamp before the newest: `changed` holds what happened since then.
    pub changed_since: Stamp,
    /// The version that was read as a whole: what it and those before it moved is not distinguished.
    pub read_at: i64,
    /// The newest version after that which moved days of a month, or who pays for them.
    pub moved: LiteMap<Month, i64>,
}

impl Standing {
    /// What distinguishes it from any other standing of its backend.
    pub fn stamp(&self) -> Stamp {
        (self.number, self.version, self.acts)
    }

    /// The newest version that may have moved days of a month.
    pub fn touched(&self, month: Month) -> i64 {
        self.moved.get(&month).copied().unwrap_or(self.read_at)
    }

    /// How many accounts have fallen silent, where they are a crowd.
    pub fn silence(&self, crowd: Crowd) -> Option<usize> {
        let silent = self.present().filter(|(_, account)| account.silent_since().is_some()).count();
        crowd.is(silent, self.present().count()).then_some(silent)
    }

    /// The accounts that its panel has, as far as is known: those that are missing among them.
    pub fn present(&self) -> impl Iterator<Item = (&AccountName, &AccountStanding)> {
        let accounts = self.accounts.iter().map(|(name, account)| (name, account.as_ref()));
        accounts.filter(|(_, account)| account.gone_at.is_none())
    }
}
