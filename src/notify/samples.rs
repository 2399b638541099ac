//! The notification that this room's tests deliver.

use crate::domain::{AccountKey, AccountName, BackendId, Bytes, HoldingNo, Meter, Timestamp};
use crate::quota::{Address, Notification, Occasion};

/// 93.41 GiB of 100 GiB storage, at noon of 20 November 2026.
pub(super) fn notification(occasion: Occasion, account: &str) -> Notification {
    let noon = Timestamp::new(1_795_176_000).expect("a time");
    let backend = BackendId::new("s3-fra1").expect("a name");
    Notification {
        occasion,
        account: AccountKey { backend, name: AccountName::new(account).expect("a name") },
        holding: HoldingNo::new(7),
        meter: Meter::StorageUsed,
        threshold: 90,
        episode: 2,
        used: Bytes::new(100_298_223_944).expect("fits"),
        limit: Bytes::new(100 << 30).expect("fits"),
        since: noon,
        at: noon,
        address: Address::default(),
    }
}
