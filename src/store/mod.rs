//! The only room that speaks SQL: SQLite by default, PostgreSQL or MySQL/MariaDB for replicas.
//!
//! It keeps what the ground floor worked out and works nothing out itself. Every poll is one
//! transaction: all of it is there, or none of it.

mod audit;
mod book;
mod commit;
mod dialect;
mod error;
mod invoice;
mod journal;
mod lease;
mod open;
mod outbox;
mod pages;
mod policy;
mod prune;
mod put;
mod quota;
mod seen;
mod server_total;
mod services;
mod sql;
mod standing;
mod told;
mod totals;
mod usage;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sqlx::AnyPool;

pub use audit::{Act, Audited};
pub use book::Loaded;
pub use commit::{Committed, JudgedPoll, Poll, Reach};
pub use error::StoreError;
pub use invoice::{BillableItem, Intent, InvoiceLine, LineEnd, LineState, NewLine, ToldItems};
pub use journal::{ChainBreak, Difference, Fold, JournalEntry, Made, MonthSum, MonthSums, Verified};
pub use lease::Lease;
pub use open::StoreSettings;
pub use outbox::{Entry, EntryState, Firing, Lane, Promise, Waiting};
pub use pages::DayPages;
pub use policy::{Concluded, PolicyState, SwitchEnd};
pub use prune::Pruned;
pub use services::{MappedTo, PutServices, ServiceList, ServiceRef};
pub use standing::{AccountStanding, BackendState, Failing, SeriesStanding, Stamp, Standing};
pub use told::{Closed, Telling};
pub use totals::{By, CannotSum, Total};
pub use usage::{DayPoint, Usage, UsageQuery};

use crate::domain::BackendId;
use dialect::Dialect;

/// The database, and the newest committed values in memory.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    writer: AnyPool,
    readers: AnyPool,
    settings: Arc<StoreSettings>,
    standings: Arc<RwLock<HashMap<BackendId, Arc<Standing>>>>,
    lists: Arc<RwLock<HashMap<i64, Arc<ServiceList>>>>,
    told: Arc<told::Tellings>,
}
