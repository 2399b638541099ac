//! The only room that speaks SQL: SQLite by default, PostgreSQL or MySQL/MariaDB for replicas.
//!
//! It keeps what the ground floor worked out and works nothing out itself. Every poll is one
//! transaction: all of it is there, or none of it.

mod adoption;
mod audit;
mod backend;
mod chronicle;
mod clock;
mod dialect;
mod error;
mod heads;
mod held_list;
mod invoice;
mod journal;
mod lease;
mod ledger;
mod open;
mod outbox;
mod policy;
mod prune;
mod read;
mod remarks;
mod renumber;
mod row_edits;
mod seal;
mod services;
mod sold_limits;
mod sql;
mod staff_report;
mod tables;
mod transaction;
mod write;
mod zone;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sqlx::AnyPool;
use tokio::sync::watch;

pub use adoption::{Adoption, AdoptionIntent, AdoptionState, AdoptionStep, NewAdoption, OpenAdoption};
pub use audit::{Act, Audited};
pub use backend::{CannotRename, KnownPanel, PanelTaken};
pub use chronicle::{ChronicleBreak, ChronicleDifference, ChronicleVerified, ReportedBy};
pub use error::StoreError;
pub use heads::{Chain, ChainHead, KeyedFrom, OldHead};
pub use held_list::{HeldList, ListAcceptance};
pub use invoice::{BillableItem, Intent, InvoiceLine, LineEnd, LineState, NewLine, SettledItems};
pub use journal::{
    CannotRepair, CannotRewind, ChainBreak, CrossingMap, Difference, Fold, JournalEntry, Made, MonthSum,
    MonthSums, Repair, Repaired, RewindTo, Unwound, Verified,
};
pub use lease::{Lease, Parked};
pub use ledger::{Committed, JudgedPoll, Loaded, Poll, Reach, Withdrawn};
pub use open::{Checked, StoreSettings};
pub use outbox::{Entry, EntryState, Firing, Lane, Promise, Waiting};
pub use policy::{Concluded, PolicyState, SwitchEnd};
pub use prune::Pruned;
pub use read::{
    BackendState, By, CannotSum, DayPages, DayPoint, Failing, LivedPart, MetricValue, OwnedMonth, OwnerSums,
    Reported, Total, Usage, UsageQuery,
};
pub use services::{PinnedTo, PutServices, ServiceList};
pub use sold_limits::SoldLimits;
pub use staff_report::StaffReport;

use crate::domain::BackendId;
use crate::standing::Standing;
use dialect::Dialect;
use seal::Seal;

/// The database, and the newest committed values in memory.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    /// The file, where the database is one.
    file: Option<Arc<open::DatabaseFile>>,
    writer: AnyPool,
    readers: AnyPool,
    settings: Arc<StoreSettings>,
    seal: Arc<Seal>,
    standings: Arc<RwLock<HashMap<BackendId, Arc<Standing>>>>,
    lists: Arc<RwLock<HashMap<i64, Arc<ServiceList>>>>,
    reported: Arc<read::Memory>,
    moved: Arc<watch::Sender<Moved>>,
}

/// How often each backend has been committed by this process: whoever follows it looks at those that moved.
pub type Moved = HashMap<BackendId, u64>;

impl Store {
    /// Announces, from now on, which backends were committed.
    pub fn moves(&self) -> watch::Receiver<Moved> {
        self.moved.subscribe()
    }

    fn publish(&self, backend: &BackendId) {
        self.moved.send_modify(|moved| *moved.entry(backend.clone()).or_default() += 1);
    }
}
