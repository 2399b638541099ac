//! Keeps the database small: folds old days into months and old entries of the chains into sums, and forgets what was
//! delivered long ago. Nothing it does changes a number. And once a day it reports the heads of the chains.

mod heads;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backends::ConfiguredPanel;
use crate::clock::Clock;
use crate::domain::{Seconds, Timestamp};
use crate::metering::SettleRules;
use crate::notify::Channels;
use crate::store::Store;
use heads::ReportedDays;

/// It is done this often.
pub const EVERY: Duration = Duration::from_secs(6 * 3600);

/// What was delivered is kept this long, for a caller who asks whether a customer was notified.
const KEEP_DELIVERED: Seconds = Seconds::hours(400 * 24);

/// A report for staff is kept this long: what was found in it is compared with once, and it may be long.
const KEEP_REPORTS: Seconds = Seconds::hours(40 * 24);

/// Does the upkeep of one database. Cloned freely; all clones are one.
#[derive(Clone)]
pub struct Upkeep {
    store: Store,
    clock: Clock,
    rules: SettleRules,
    channels: Arc<Mutex<Channels>>,
    reported: Arc<Mutex<ReportedDays>>,
}

impl Upkeep {
    /// Upkeep of what is stored; days and months are those of `rules`.
    pub fn new(store: Store, clock: Clock, rules: SettleRules) -> Upkeep {
        Upkeep { store, clock, rules, channels: Arc::default(), reported: Arc::default() }
    }

    /// Does all of it once. What cannot be done now is logged, and tried again the next time.
    pub async fn run(&self, panels: &[Arc<ConfiguredPanel>]) {
        match self.store.confirmed(self.clock.now()).await {
            Ok(now) => self.take_away(panels, now).await,
            Err(error) => tracing::warn!("nothing old is taken away: {error}"),
        }
        // Whatever time it is, somebody else is to have them.
        self.send_heads(self.clock.now()).await;
    }

    /// Folds and forgets what is old by a clock that a poll has confirmed.
    async fn take_away(&self, panels: &[Arc<ConfiguredPanel>], now: Timestamp) {
        self.fold_days(panels, now).await;
        if let Err(error) = self.store.prune_outbox(now.minus(KEEP_DELIVERED)).await {
            tracing::warn!("what was delivered long ago is not forgotten: {error}");
        }
        if let Err(error) = self.store.prune_reports(now.minus(KEEP_REPORTS)).await {
            tracing::warn!("old reports for staff are not forgotten: {error}");
        }
        for panel in panels {
            self.fold_journal(panel, now).await;
        }
        match self.store.fold_chronicle(now, self.rules.zone).await {
            Ok(entries) if entries > 0 => tracing::info!(entries, "chronicle folded"),
            Ok(_) => {}
            Err(error) => tracing::warn!("chronicle not folded: {error}"),
        }
    }

    async fn fold_days(&self, panels: &[Arc<ConfiguredPanel>], now: Timestamp) {
        let keep = panels.iter().filter_map(|panel| Some((panel.id.clone(), panel.keep_days?))).collect();
        match self.store.prune(self.rules.zone.day_of(now), &keep).await {
            Ok(pruned) if pruned.day_points > 0 => {
                tracing::info!(day_points = pruned.day_points, "days folded into months");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("days not folded: {error}"),
        }
    }

    async fn fold_journal(&self, panel: &ConfiguredPanel, now: Timestamp) {
        let backend = &panel.id;
        match self.store.fold_journal(backend, now, &self.rules).await {
            Ok(entries) if entries > 0 => tracing::info!(%backend, entries, "journal folded"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%backend, "journal not folded: {error}"),
        }
    }
}
