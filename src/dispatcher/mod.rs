//! Keeps the promises of the outbox: claims what is due, delivers, retries, gives up loudly.
//!
//! It decides nothing. Each panel and each channel is a lane of its own, so that none waits for another;
//! within a lane an account's entries go out in the order they were made.

mod deliver;
mod lanes;
mod switch;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use crate::backends::ConfiguredPanel;
use crate::clock::Clock;
use crate::domain::{AccountKey, BackendId, Seconds, Timestamp};
use crate::notify::{Channels, Firing};
use crate::store::{Entry, Lane, Promise, Store, StoreError};
use crate::telemetry::Telemetry;
use lanes::Lanes;

/// The outbox is looked at this often, besides whenever something was put in or done.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What waits is counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Alertmanager forgets what is not sent again.
const KEEP_FIRING_EVERY: Duration = Duration::from_secs(60);

/// The first pause after a failure; each later one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: u64 = 10;
const LONGEST_PAUSE: u64 = 3600;

/// After so long nothing is tried any more.
const GIVE_UP_AFTER: Seconds = Seconds::hours(3 * 24);

/// Everything an entry can be delivered by.
#[derive(Clone, Default)]
struct Desk {
    panels: HashMap<BackendId, Arc<ConfiguredPanel>>,
    channels: Channels,
}

/// Delivers what the outbox holds. Cloned freely; all clones are one.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    telemetry: Telemetry,
    desk: RwLock<Arc<Desk>>,
    lanes: Lanes,
    wake: Notify,
}

impl Dispatcher {
    /// A dispatcher that knows no panel and no channel yet.
    pub fn new(store: Store, clock: Clock, telemetry: Telemetry) -> Dispatcher {
        let inner = Inner {
            store,
            clock,
            telemetry,
            desk: RwLock::default(),
            lanes: Lanes::default(),
            wake: Notify::new(),
        };
        Dispatcher { inner: Arc::new(inner) }
    }

    /// Takes in new panels and channels; what is under way goes on with the old ones.
    pub fn configure(&self, panels: &[Arc<ConfiguredPanel>], channels: Channels) {
        let panels = panels.iter().map(|panel| (panel.id.clone(), Arc::clone(panel))).collect();
        let desk = Arc::new(Desk { panels, channels });
        *self.inner.desk.write().unwrap_or_else(PoisonError::into_inner) = desk;
    }

    /// Says that something was put into the outbox.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Delivers until the future is dropped. What is under way then is tried again by the next one.
    pub async fn run(&self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut count = tokio::time::interval(COUNT_EVERY);
        let mut keep = tokio::time::interval(KEEP_FIRING_EVERY);
        for interval in [&mut look, &mut count, &mut keep] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let outcome = tokio::select! {
                _ = look.tick() => self.start_due().await,
                () = self.inner.wake.notified() => self.start_due().await,
                _ = count.tick() => self.count_waiting().await,
                _ = keep.tick() => self.keep_firing().await,
            };
            if let Err(error) = outcome {
                tracing::warn!("outbox not read, tried again in a moment: {error}");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Carries out the switches of one account now, for a caller that waits for them.
    pub async fn carry_out(&self, account: &AccountKey) -> Result<Vec<Entry>, StoreError> {
        self.carry_out_lane(&Lane::Account(account.clone())).await
    }

    /// Mails one report now, for a caller that waits for it.
    pub async fn mail_report(&self, key: &str) -> Result<(), StoreError> {
        self.carry_out_lane(&Lane::Report(key.into())).await.map(drop)
    }

    async fn carry_out_lane(&self, lane: &Lane) -> Result<Vec<Entry>, StoreError> {
        let mut done = Vec::new();
        loop {
            let claimed = self.inner.store.claim_due(lane, self.now(), 1).await?;
            let Some(entry) = claimed.into_iter().next() else { return Ok(done) };
            self.work(&self.desk(), &entry).await;
            done.push(entry);
        }
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn desk(&self) -> Arc<Desk> {
        self.inner.desk.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Claims what is due in every lane that has room, and starts it.
    async fn start_due(&self) -> Result<(), StoreError> {
        let desk = self.desk();
        let switches = desk.panels.keys().cloned().map(Lane::Switches);
        let notifications = desk.channels.names().into_iter().map(Lane::Notifications);
        for lane in switches.chain(notifications) {
            let room = self.inner.lanes.room(&lane);
            if room == 0 {
                continue;
            }
            for entry in self.inner.store.claim_due(&lane, self.now(), room).await? {
                let place = self.inner.lanes.take(&lane);
                let (dispatcher, desk) = (self.clone(), Arc::clone(&desk));
                tokio::spawn(async move {
                    dispatcher.work(&desk, &entry).await;
                    drop(place);
                    dispatcher.wake();
                });
            }
        }
        Ok(())
    }

    /// Carries out one entry; a crash in it is a failure like any other.
    async fn work(&self, desk: &Arc<Desk>, entry: &Entry) {
        let (dispatcher, desk, one) = (self.clone(), Arc::clone(desk), entry.clone());
        let working = tokio::spawn(async move {
            match &one.promise {
                Promise::Notify(channel, notification) => {
                    dispatcher.notify(&desk, &one, *channel, notification).await
                }
                Promise::Switch { account, to, .. } => dispatcher.switch(&desk, &one, account, *to).await,
                Promise::Report { to } => dispatcher.report(&desk, &one, to).await,
            }
        });
        let outcome = match working.await {
            Ok(outcome) => outcome,
            Err(error) => {
                let why = format!("internal error, the task stopped: {error}; please report this");
                self.failed(entry, &why, None, true).await
            }
        };
        if let Err(error) = outcome {
            // The claim runs out by itself; then it is tried again.
            tracing::warn!(
                key = entry.key,
                "cannot record the outcome; it is retried when the claim expires: {error}"
            );
        }
    }

    /// Puts an entry off after a failure, or gives it up when it has been tried for long.
    async fn failed(
        &self,
        entry: &Entry,
        why: &str,
        after: Option<Duration>,
        unknown: bool,
    ) -> Result<(), StoreError> {
        let now = self.now();
        if now.since(entry.made_at) >= GIVE_UP_AFTER {
            return self.give_up(entry, &format!("tried for three days; at last: {why}")).await;
        }
        let doubled = FIRST_PAUSE << entry.attempts.saturating_sub(1).min(12);
        let wanted = after.map_or(0, |after| after.as_secs());
        let pause = doubled.max(wanted).min(LONGEST_PAUSE);
        let channel = entry.promise.channel();
        self.inner.telemetry.delivery(channel, "failed");
        tracing::warn!(channel, key = entry.key, attempt = entry.attempts, pause, "not delivered: {why}");
        self.inner.store.put_off(entry, now.plus(Seconds::new(pause)), why, unknown).await.map(drop)
    }

    async fn give_up(&self, entry: &Entry, why: &str) -> Result<(), StoreError> {
        let channel = entry.promise.channel();
        let ours = match &entry.promise {
            Promise::Notify(..) | Promise::Report { .. } => {
                self.inner.store.gave_up(entry, why, self.now()).await?
            }
            Promise::Switch { .. } => self.give_up_switch(entry, why).await?,
        };
        if ours {
            self.inner.telemetry.delivery(channel, "gave_up");
            tracing::error!(
                channel,
                key = entry.key,
                id = entry.id,
                "given up: {why}; see `whmeter outbox list`, fix the cause, then `whmeter outbox retry`"
            );
        }
        Ok(())
    }

    async fn count_waiting(&self) -> Result<(), StoreError> {
        self.inner.telemetry.outbox(
            &self
                .inner
                .store
                .waiting()
                .await?
                .into_iter()
                .map(|waiting| (waiting.channel, waiting.entries, waiting.oldest))
                .collect::<Vec<_>>(),
        );
        Ok(())
    }

    async fn keep_firing(&self) -> Result<(), StoreError> {
        let desk = self.desk();
        if !desk.channels.names().contains(&crate::quota::Channel::Alertmanager) {
            return Ok(());
        }
        let firing = self.inner.store.firing().await?;
        let alerts: Vec<Firing<'_>> = firing
            .iter()
            .filter_map(|firing| {
                let panel = desk.panels.get(&firing.notification.account.backend)?;
                Some(Firing {
                    notification: &firing.notification,
                    kind: panel.kind.name,
                    product: firing.notification.address.product.as_deref(),
                })
            })
            .collect();
        if let Err(error) = desk.channels.keep_firing(&alerts, self.now()).await {
            tracing::warn!(alerts = alerts.len(), "alerts not kept firing, tried again in a minute: {error}");
        }
        Ok(())
    }
}
