//! A correction by hand, under the same lease as a poll.

use super::poll::Heartbeat;
use super::{Collector, Metered};
use crate::domain::{BillingPeriod, Bytes, Seconds};
use crate::metering::{Adjustment, CannotAdjust, adjust};
use crate::store::{StoreError, UsageQuery};

/// How long a correction may hold the lease.
const LEASE: Seconds = Seconds::new(60);

/// Why a correction was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdjustError {
    /// It makes no sense.
    #[error(transparent)]
    Cannot(#[from] CannotAdjust),
    /// The day has less than is to be taken from it.
    #[error("the day has only {0} bytes")]
    TooLittle(Bytes),
    /// Another whmeter is polling the backend.
    #[error("another whmeter is polling the backend just now; try again in a moment")]
    Elsewhere,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Collector {
    /// Makes a correction; returns what the day had before and has now.
    pub async fn adjust(
        &self,
        metered: &Metered,
        adjustment: &Adjustment,
    ) -> Result<(Bytes, Bytes), AdjustError> {
        let mut last = metered.last.lock().await;
        let mut tries = 0;
        let lease = loop {
            let now = self.clock.now();
            let taken =
                self.store.take_lease(&metered.id, metered.kind.name, &self.holder, now, LEASE).await?;
            // A poll takes a moment; what takes longer is worth telling.
            match taken {
                Some(lease) => break lease,
                None if tries >= 60 => return Err(AdjustError::Elsewhere),
                None => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
            }
            tries += 1;
        };
        let _heart = Heartbeat::start(self, lease.clone());
        let outcome = async {
            let mut loaded = self.store.load(&metered.id, last.loaded.take()).await?;
            let query = UsageQuery {
                backend: Some(metered.id.clone()),
                account: Some(adjustment.account.clone()),
                meter: Some(adjustment.meter),
            };
            let days = self
                .store
                .days(
                    &query,
                    BillingPeriod::new(adjustment.day, adjustment.day.next())
                        .map_err(|_| CannotAdjust::OutOfRange)?,
                )
                .await?;
            let before = days.first().map_or(Bytes::ZERO, |point| point.amount);
            let after = Bytes::from_wide(before.wide() + adjustment.amount);
            let after = after.map_err(|_| AdjustError::TooLittle(before))?;
            let settled = adjust(&loaded.book, adjustment, self.clock.now())?;
            self.store.commit_adjustment(&lease, &mut loaded, adjustment, settled, self.clock.now()).await?;
            last.loaded = Some(loaded);
            Ok((before, after))
        };
        let outcome = outcome.await;
        if let Err(error) = self.store.release_lease(&lease).await {
            tracing::debug!(backend = %metered.id, "lease not given back: {error}");
        }
        outcome
    }
}
