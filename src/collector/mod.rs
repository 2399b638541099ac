//! Asks every backend when it is due and has the answers settled and stored.
//!
//! It works nothing out itself: the ground floor settles, the store keeps. One backend's trouble is
//! never another's.

mod adjust;
mod backends;
mod copied;
mod evaluation;
mod owners;
mod parking;
mod poll;
mod silence;
#[cfg(test)]
mod tests;
mod watch;
mod witness;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, watch as watch_channel};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

pub use adjust::{AdjustError, WhatIsAccepted};
pub use backends::RenameError;
pub use evaluation::Evaluation;
pub use owners::Sold;
use watch::Running;
pub use witness::{ClockWrong, Witness};

use crate::backends::{BackendError, ConfiguredPanel};
use crate::clock::Clock;
use crate::domain::{AccountName, BackendId, BillingZone, Harvest, Reason, Seconds, Timestamp, Unclaimed};
use crate::metering::SettleRules;
use crate::quota::Channel;
use crate::rules::Limits;
use crate::store::{BackendState, Loaded, PanelTaken, Store, StoreError};
use crate::telemetry::Telemetry;

/// How many backends are polled at once.
const POLLS_AT_ONCE: usize = 8;

/// The rules for limits, and the channels of their notifications.
pub type Acting = (Limits, Arc<[Channel]>);

/// Polls the configured backends.
pub struct Collector {
    store: Store,
    clock: Clock,
    rules: SettleRules,
    telemetry: Telemetry,
    holder: String,
    panels: RwLock<Arc<[Arc<ConfiguredPanel>]>>,
    /// What each panel's last poll leaves for the next: forgotten when the config is read anew.
    last: RwLock<HashMap<BackendId, Arc<Mutex<LastTime>>>>,
    acting: RwLock<Acting>,
    running: Running,
    due: RwLock<HashMap<BackendId, Timestamp>>,
    at_once: Semaphore,
    /// Whether polls that are under way are to be given up.
    stopping: watch_channel::Sender<bool>,
    polled: mpsc::UnboundedSender<PollReport>,
}

/// What a poll leaves for the next one.
#[derive(Debug, Default)]
struct LastTime {
    /// The book as we committed it.
    loaded: Option<Loaded>,
    /// What was to be fixed at the last poll, and is logged already.
    warned: HashSet<String>,
}

/// How one poll went.
#[derive(Debug)]
pub struct PollReport {
    /// The backend.
    pub backend: BackendId,
    /// Accounts of which everything asked for was read.
    pub accounts_read: usize,
    /// What was not read.
    pub accounts_failed: Vec<FailedAccount>,
    /// Day points made or moved.
    pub day_points_changed: usize,
    /// Things settling noticed.
    pub noted: usize,
    /// Usage that belongs to no single account.
    pub unclaimed: Vec<Unclaimed>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// Why the whole poll failed.
    pub failed: Option<PollError>,
}

/// An account that could not be read.
#[derive(Clone, Debug)]
pub struct FailedAccount {
    /// The account.
    pub account: AccountName,
    /// Why, as a label.
    pub reason: Reason,
    /// Why, for people.
    pub detail: String,
}

/// Why a poll failed.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The panel could not be asked.
    #[error("{0}")]
    Panel(BackendError),
    /// The panel is another backend's already, and was not asked.
    #[error(transparent)]
    Taken(PanelTaken),
    /// Our clock is wrong: nothing can be dated by it.
    #[error(transparent)]
    Clock(ClockWrong),
    /// What it said could not be stored.
    #[error("{0}")]
    Store(StoreError),
    /// The lease may have run out while it polled: nothing was committed.
    #[error(
        "the poll outlived its lease: the database or this machine stood still for a minute or more; nothing of it was \
         committed, and the next poll measures on from the last one"
    )]
    Outlived,
    /// It was given up, because whmeter stops.
    #[error("the poll was given up, because whmeter is shutting down; nothing of it was committed")]
    Stopping,
    /// Another whmeter holds the lease.
    #[error("another whmeter is polling it now")]
    Elsewhere,
    /// Another whmeter on the same database has polled it since it was last due.
    #[error("another whmeter has just polled it")]
    JustPolled,
    /// It has refused us or asked for peace.
    #[error("the panel is left alone until {0}: `whmeter poll` or a reload of the config asks it at once")]
    Parked(Timestamp),
}

impl PollReport {
    fn new(backend: BackendId) -> PollReport {
        PollReport {
            backend,
            accounts_read: 0,
            accounts_failed: Vec::new(),
            day_points_changed: 0,
            noted: 0,
            unclaimed: Vec::new(),
            warnings: Vec::new(),
            took: Duration::ZERO,
            failed: None,
        }
    }

    fn count(&mut self, harvest: &Harvest) {
        for (account, harvested) in harvest.accounts() {
            match harvested.unread.first() {
                None => self.accounts_read += 1,
                Some(unread) => self.accounts_failed.push(FailedAccount {
                    account: account.clone(),
                    reason: unread.reason,
                    detail: unread.detail.clone(),
                }),
            }
        }
        self.unclaimed = harvest.unclaimed_usage().to_vec();
        self.warnings = harvest.warnings().to_vec();
    }
}

impl Collector {
    /// A collector that polls nothing yet. Every poll's report goes to `polled`.
    pub fn new(
        store: Store,
        clock: Clock,
        rules: SettleRules,
        telemetry: Telemetry,
        polled: mpsc::UnboundedSender<PollReport>,
    ) -> Collector {
        Collector {
            store,
            clock,
            rules,
            telemetry,
            holder: format!("{:016x}", rand::random::<u64>()),
            panels: RwLock::default(),
            last: RwLock::default(),
            acting: RwLock::default(),
            running: Running::default(),
            due: RwLock::new(HashMap::new()),
            at_once: Semaphore::new(POLLS_AT_ONCE),
            stopping: watch_channel::Sender::new(false),
            polled,
        }
    }

    /// Panels that refused us are asked again: whoever starts the daemon or has it read its config may have given it new
    /// credentials. A command beside it changes nothing of that.
    pub async fn end_parking(&self) -> Result<(), StoreError> {
        let (states, panels) = (self.store.backends().await?, self.panels());
        let is_parked = |state: &&BackendState| {
            state.parked_until.is_some() && panels.iter().any(|metered| metered.id == state.backend)
        };
        // Nothing is written where nobody is parked: whoever starts beside a locked database can start.
        let parked: Vec<&BackendId> = states.iter().filter(is_parked).map(|state| &state.backend).collect();
        if parked.is_empty() { Ok(()) } else { self.store.unpark(&parked).await }
    }

    /// Takes in a new list of panels; polls that run go on to their end.
    pub async fn configure(&self, panels: Vec<Arc<ConfiguredPanel>>) -> Result<(), StoreError> {
        let states = self.store.backends().await?;
        let last: HashMap<BackendId, Option<Timestamp>> =
            states.into_iter().map(|state| (state.backend, state.polled_at)).collect();
        let now = self.clock.now();
        let due = panels.iter().map(|metered| {
            let last = last.get(&metered.id).copied().flatten();
            (metered.id.clone(), metered.schedule.first_due(&metered.id, last, now, self.rules.zone))
        });
        let due = due.collect();
        *self.panels.write().unwrap_or_else(PoisonError::into_inner) = panels.into();
        self.last.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.due.write().unwrap_or_else(PoisonError::into_inner) = due;
        Ok(())
    }

    /// Takes in new rules for limits, and the channels their notifications go by.
    pub fn configure_limits(&self, limits: Limits, channels: Vec<Channel>) {
        let acting = (limits, channels.into());
        *self.acting.write().unwrap_or_else(PoisonError::into_inner) = acting;
    }

    /// The rules for limits and the channels of their notifications.
    pub fn limits(&self) -> Acting {
        self.acting.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The zone that cuts days.
    pub fn zone(&self) -> BillingZone {
        self.rules.zone
    }

    /// The rules every account is settled by.
    pub fn rules(&self) -> SettleRules {
        self.rules
    }

    /// The configured panels.
    pub fn panels(&self) -> Arc<[Arc<ConfiguredPanel>]> {
        self.panels.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the last poll of a panel has left. The poller holds it locked.
    fn last(&self, backend: &BackendId) -> Arc<Mutex<LastTime>> {
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.entry(backend.clone()).or_default().clone()
    }

    /// The configured panel called `name`.
    pub fn panel(&self, name: &str) -> Option<Arc<ConfiguredPanel>> {
        self.panels().iter().find(|metered| metered.id.as_str() == name).cloned()
    }

    /// Starts the timetable. Stop it with [`JobScheduler::shutdown`].
    ///
    /// The scheduler only ticks, once a second and in UTC: it goes by the wall clock, so a machine that
    /// slept wakes to it. What is due is ours to say, because its jobs with a time zone run an hour off
    /// after a clock change and it has no spread.
    pub async fn start(self: &Arc<Self>) -> Result<JobScheduler, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let collector = Arc::clone(self);
        let tick = Job::new_async("* * * * * *", move |_, _| {
            let collector = Arc::clone(&collector);
            Box::pin(async move { collector.poll_whoever_is_due() })
        })?;
        scheduler.add(tick).await?;
        scheduler.start().await?;
        Ok(scheduler)
    }

    /// Gives up what is being polled, and waits until every lease is given back: nobody has to wait for it to run out.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let _all = self.at_once.acquire_many(POLLS_AT_ONCE as u32).await;
    }

    /// Waits until whmeter stops.
    async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        if stopping.wait_for(|stopping| *stopping).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Starts a poll of every backend that is due, each in a task of its own.
    fn poll_whoever_is_due(self: &Arc<Self>) {
        let now = self.clock.now();
        for metered in self.panels().iter() {
            self.watch(metered);
            if !self.take_turn(metered, now) {
                continue;
            }
            let (collector, metered) = (Arc::clone(self), Arc::clone(metered));
            tokio::spawn(async move {
                let Ok(_permit) = collector.at_once.acquire().await else { return };
                if let Some(report) = collector.poll_due(&metered).await {
                    if matches!(report.failed, Some(PollError::Elsewhere)) {
                        collector.due_soon(&metered);
                    }
                    // The receiver is gone only while the daemon is shutting down.
                    let _ = collector.polled.send(report);
                }
            });
        }
    }

    /// Whether a backend is due; if so it is due again only at its next time.
    fn take_turn(&self, metered: &ConfiguredPanel, now: Timestamp) -> bool {
        let mut due = self.due.write().unwrap_or_else(PoisonError::into_inner);
        let next = metered.schedule.next_due(&metered.id, now, self.rules.zone);
        let turn = due.entry(metered.id.clone()).or_insert(now);
        // A clock that was put back would leave it due in a far future: then the near one counts.
        if *turn > next.plus(Seconds::new(1)) {
            *turn = next;
        }
        if *turn > now {
            return false;
        }
        *turn = next;
        true
    }

    /// Whoever holds the lease may have died with it: look again when it has run out.
    fn due_soon(&self, metered: &ConfiguredPanel) {
        self.due_by(metered, self.clock.now().plus(Seconds::new(20)));
    }

    /// Makes a backend due at a time, if it is not before.
    fn due_by(&self, metered: &ConfiguredPanel, time: Timestamp) {
        let mut due = self.due.write().unwrap_or_else(PoisonError::into_inner);
        let turn = due.entry(metered.id.clone()).or_insert(time);
        *turn = time.min(*turn);
    }

    /// Polls a backend, or one account of it, soon, because it was asked for; `by_hand` if an operator did.
    pub fn poll_soon(self: &Arc<Self>, backend: &str, account: Option<AccountName>, by_hand: bool) {
        let Some(metered) = self.panel(backend) else { return };
        let collector = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_permit) = collector.at_once.acquire().await else { return };
            let report = match account {
                Some(account) if by_hand => collector.reconcile(&metered, account).await,
                account => collector.poll(&metered, account).await,
            };
            let _ = collector.polled.send(report);
        });
    }
}
