//! The tables of the ledger: of each its columns, its cells and its row, in one place. Who reads or writes them
//! names no column twice.

pub(super) mod baseline;
pub(super) mod belief;
pub(super) mod crossing;
pub(super) mod day_point;
pub(super) mod holding;
pub(super) mod life;
pub(super) mod month_sum;
pub(super) mod period_total;
pub(super) mod service;
pub(super) mod unclaimed;

use super::StoreError;
use crate::domain::{HoldingNo, LifeNo, Limit, Meter};
use litemap::LiteMap;

use super::sql::{Cell, Columns};

/// How many lives, and how many holdings, a backend's numbers leave room for.
const ROOM: i64 = 1 << 32;

/// Turns the numbers of one backend's lives and holdings into the ids of their rows, and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    /// The backend's own number.
    pub backend: i64,
}

impl Ids {
    pub fn life(self, no: LifeNo) -> i64 {
        self.backend * ROOM + i64::from(no.get())
    }

    pub fn holding(self, no: HoldingNo) -> i64 {
        self.backend * ROOM + i64::from(no.get())
    }

    /// All its ids lie from the first up to, not including, the second.
    pub fn range(self) -> [i64; 2] {
        [self.backend * ROOM, (self.backend + 1) * ROOM]
    }

    /// The number of the backend that a life or a holding is of.
    pub fn backend_of(id: i64) -> i64 {
        id / ROOM
    }

    pub fn life_no(id: i64) -> Result<LifeNo, StoreError> {
        number(id).map(LifeNo::new)
    }

    pub fn holding_no(id: i64) -> Result<HoldingNo, StoreError> {
        number(id).map(HoldingNo::new)
    }
}

fn number(id: i64) -> Result<u32, StoreError> {
    u32::try_from(id % ROOM).map_err(|_| StoreError::corrupt(id, "an id"))
}

/// Four limits, in the order of [`Meter::ALL`].
fn limit_cells(limits: &LiteMap<Meter, Limit>) -> [Cell; 4] {
    Meter::ALL.map(|meter| limits.get(&meter).copied().unwrap_or_default().into())
}

fn limits(columns: &mut Columns<'_>) -> Result<LiteMap<Meter, Limit>, StoreError> {
    let mut limits = LiteMap::new();
    for meter in Meter::ALL {
        let limit = columns.limit()?;
        if limit.is_known() {
            limits.insert(meter, limit);
        }
    }
    Ok(limits)
}
