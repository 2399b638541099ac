//! What an operator says of the numbers, under the same lease as a poll: corrections, and that what was held
//! back is true.

use super::poll::Heartbeat;
use super::{Collector, LastTime};
use crate::backends::ConfiguredPanel;
use crate::domain::{AccountName, BackendId, BillingPeriod, Bytes, Meter, Month, Nature, Owner, Seconds};
use crate::metering::{
    Acceptance, Adjustment, Book, CannotAdjust, Correction, ListDoubt, Moved, NothingHeldBack, Rewind,
    Settled, accept, adjust, adjusted_holding,
};
use crate::ownership::Intent;
use crate::standing::MappedTo;
use crate::store::{
    By, CannotRepair, CannotRewind, CannotSum, Lease, Loaded, RewindTo, StoreError, Total, Unwound,
    UsageQuery,
};

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
    /// Which of its days came when is not known any more.
    #[error(
        "the days of {0} are folded into its month: a stretch can begin with its first day, or in a later month"
    )]
    Folded(Month),
    /// It is as it is wanted already.
    #[error("no other owner has usage on these days")]
    NothingToMove,
    /// The rows cannot be derived.
    #[error(transparent)]
    CannotRepair(#[from] CannotRepair),
    /// The journal cannot be taken back so far.
    #[error(transparent)]
    CannotRewind(#[from] CannotRewind),
    /// Another whmeter is polling the backend.
    #[error("another whmeter is polling the backend just now; try again in a moment")]
    Elsewhere,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatIsAccepted {
    /// Meters of accounts.
    pub series: Vec<(AccountName, Meter)>,
    /// That accounts are not in the list.
    pub list: Option<ListDoubt>,
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

    /// Believes the next answer about whatever is doubted.
    pub async fn accept(
        &self,
        metered: &ConfiguredPanel,
        acceptance: &Acceptance,
    ) -> Result<WhatIsAccepted, AdjustError> {
        self.correct(&metered.id, metered.kind.name, async |lease, loaded| {
            let settled = accept(&loaded.book, acceptance, self.clock.now())?;
            let series = settled.notes.iter().map(|noted| (noted.account.clone(), noted.meter)).collect();
            let list = settled.list_doubt.filter(|_| acceptance.account.is_none());
            let correction = Correction::Accepted(acceptance.clone());
            self.store.commit_correction(lease, loaded, &correction, settled, self.clock.now()).await?;
            Ok(WhatIsAccepted { series, list })
        })
        .await
    }

    /// Takes back what was settled after an entry of the journal; the next poll measures on from there.
    pub async fn rewind(
        &self,
        metered: &ConfiguredPanel,
        to: RewindTo,
        said: impl FnOnce(i64) -> Rewind,
    ) -> Result<Unwound, AdjustError> {
        self.correct(&metered.id, metered.kind.name, async |lease, loaded| {
            let mut unwound = self.store.unwind(&metered.id, to, &loaded.book, &self.rules).await??;
            let (said, now) = (said(unwound.to), self.clock.now());
            unwound.withdrawn = self.store.commit_rewind(lease, loaded, &unwound, &said, now).await?;
            Ok(unwound)
        })
        .await
    }

    /// What taking a journal back would mean; nothing is written.
    pub async fn unwound(&self, metered: &ConfiguredPanel, to: RewindTo) -> Result<Unwound, AdjustError> {
        let loaded = self.store.load(&metered.id, None).await?;
        Ok(self.store.unwind(&metered.id, to, &loaded.book, &self.rules).await??)
    }

    /// Gives a service all days of an account from one on; returns what others had of them, month by month.
    pub async fn move_stretch(
        &self,
        metered: &ConfiguredPanel,
        moved: &Moved,
        mapped: Option<MappedTo>,
    ) -> Result<Vec<Total>, AdjustError> {
        self.correct(&metered.id, metered.kind.name, async |lease, loaded| {
            let now = self.clock.now();
            let life = loaded.book.called(&moved.account).ok_or(CannotAdjust::Unknown)?;
            let before = self.had(metered, moved).await?;
            let owner = Owner::Service(moved.service);
            let intent = Intent::Move { since: moved.since, owner };
            let (unmoved, intents) = (Settled::default(), [(life, intent)].into());
            let owners = self.store.owner_changes(loaded, &unmoved, &loaded.book, &intents, now).await?;
            if owners.is_empty() {
                return Err(AdjustError::NothingToMove);
            }
            self.store.commit_move(lease, loaded, moved, owners, mapped.clone(), now).await?;
            Ok(before)
        })
        .await
    }

    /// What others have of the days that a service is to get.
    async fn had(&self, metered: &ConfiguredPanel, moved: &Moved) -> Result<Vec<Total>, AdjustError> {
        let today = self.rules.zone.day_of(self.clock.now());
        let days = BillingPeriod::new(moved.since, today.next()).map_err(|_| CannotAdjust::OutOfRange)?;
        let (backend, account) = (Some(metered.id.clone()), Some(moved.account.clone()));
        let query = UsageQuery { backend, account, ..UsageQuery::default() };
        let had = self.store.totals_by_owner(&query, days, By::Month, self.rules.zone).await;
        let mut had = had.map_err(|error| match error {
            CannotSum::Folded(month) => AdjustError::Folded(month),
            CannotSum::Store(error) => AdjustError::Store(error),
        })?;
        had.retain(|total| total.owner.as_ref().is_some_and(|of| of.service() != Some(moved.service)));
        Ok(had)
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
        self.under_lease_of(backend, kind, async |lease, last| {
            let mut loaded = self.store.load(backend, last.loaded.take()).await?;
            let made = make(lease, &mut loaded).await?;
            last.loaded = Some(loaded);
            Ok(made)
        })
        .await
    }

    /// Does something while nobody else polls the backend.
    pub(super) async fn under_lease_of<T>(
        &self,
        backend: &BackendId,
        kind: &str,
        act: impl AsyncFnOnce(&Lease, &mut LastTime) -> Result<T, AdjustError>,
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
        let outcome = act(&lease, &mut last).await;
        if let Err(error) = self.store.release_lease(&lease).await {
            tracing::debug!(%backend, "lease not given back: {error}");
        }
        outcome
    }
}
