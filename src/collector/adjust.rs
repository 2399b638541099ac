//! What an operator says of the numbers, under the same lease as a poll: corrections, and that what was held
//! back is true.

use super::Collector;
use super::poll::Heartbeat;
use crate::backends::ConfiguredPanel;
use crate::domain::{BackendId, BillingPeriod, Bytes, Nature, Seconds};
use crate::metering::{
    Acceptance, Adjustment, Book, CannotAdjust, Correction, NothingHeldBack, accept, adjust, adjusted_holding,
};
use crate::store::{Lease, Loaded, StoreError, UsageQuery};

/// How long a correction may hold the lease.
const LEASE: Seconds = Seconds::new(60);

/// Why a correction was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdjustError {
    /// It makes no sense.
    #[error(transparent)]
    Cannot(#[from] CannotAdjust),
    /// There is nothing to accept.
    #[error(transparent)]
    Nothing(#[from] NothingHeldBack),
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
        metered: &ConfiguredPanel,
        adjustment: &Adjustment,
    ) -> Result<(Bytes, Bytes), AdjustError> {
        self.correct(&metered.id, metered.kind.name, async |lease, loaded| {
            let (before, after) = self.day_of(metered, &loaded.book, adjustment).await?;
            let settled = adjust(&loaded.book, adjustment, self.clock.now(), self.rules.zone)?;
            let correction = Correction::Adjusted(adjustment.clone());
            self.store.commit_correction(lease, loaded, &correction, settled, self.clock.now()).await?;
            Ok((before, after))
        })
        .await
    }

    /// Believes the next reading of a meter that is held back, whatever it says.
    pub async fn accept(
        &self,
        metered: &ConfiguredPanel,
        acceptance: &Acceptance,
    ) -> Result<(), AdjustError> {
        self.correct(&metered.id, metered.kind.name, async |lease, loaded| {
            let settled = accept(&loaded.book, acceptance, self.clock.now())?;
            let correction = Correction::Accepted(acceptance.clone());
            self.store.commit_correction(lease, loaded, &correction, settled, self.clock.now()).await?;
            Ok(())
        })
        .await
    }

    /// What the day has before and after a correction.
    async fn day_of(
        &self,
        metered: &ConfiguredPanel,
        book: &Book,
        adjustment: &Adjustment,
    ) -> Result<(Bytes, Bytes), AdjustError> {
        if adjustment.meter.nature() == Nature::Level {
            return Err(CannotAdjust::Level.into());
        }
        let (_, no) = adjusted_holding(book, &adjustment.account, adjustment.day, self.rules.zone)?;
        let (_, holding) = book.holding(no).ok_or(CannotAdjust::Unknown)?;
        let query = UsageQuery {
            backend: Some(metered.id.clone()),
            account: Some(adjustment.account.clone()),
            meter: Some(adjustment.meter),
            owner: Some(holding.parts[holding.part_of(adjustment.day)].owner.clone()),
        };
        let day = BillingPeriod::new(adjustment.day, adjustment.day.next());
        let days = self.store.days(&query, day.map_err(|_| CannotAdjust::OutOfRange)?).await?;
        // Held twice on that day, it is the later part that is corrected.
        let before = days.last().map_or(Bytes::ZERO, |point| point.amount);
        let after = Bytes::from_wide(before.wide() + adjustment.amount);
        Ok((before, after.map_err(|_| AdjustError::TooLittle(before))?))
    }

    pub(super) async fn correct<T>(
        &self,
        backend: &BackendId,
        kind: &str,
        make: impl AsyncFnOnce(&Lease, &mut Loaded) -> Result<T, AdjustError>,
    ) -> Result<T, AdjustError> {
        let last = self.last(backend);
        let mut last = last.lock().await;
        let mut tries = 0;
        let lease = loop {
            let now = self.clock.now();
            let taken = self.store.take_lease(backend, kind, &self.holder, now, LEASE).await?;
            // A poll takes a moment; what takes longer is worth telling.
            match taken {
                Some(lease) => break lease,
                None if tries >= 60 => return Err(AdjustError::Elsewhere),
                None => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
            }
            tries += 1;
        };
        let _heart = Heartbeat::start(self, lease.clone(), std::time::Instant::now());
        let outcome = async {
            let mut loaded = self.store.load(backend, last.loaded.take()).await?;
            let made = make(&lease, &mut loaded).await?;
            last.loaded = Some(loaded);
            Ok(made)
        };
        let outcome = outcome.await;
        if let Err(error) = self.store.release_lease(&lease).await {
            tracing::debug!(%backend, "lease not given back: {error}");
        }
        outcome
    }
}
