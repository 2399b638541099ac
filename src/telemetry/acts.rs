//! What is reported and switched: what waits, what was delivered, and how long switches take.

use prometheus::core::Collector;
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::{Registering, Telemetry, count};
use crate::domain::{BackendId, Policy, Reason, Seconds, Timestamp};

pub(super) struct ActMetrics {
    pub(super) limits_held: IntGaugeVec,
    outbox_pending: IntGaugeVec,
    outbox_oldest: IntGaugeVec,
    deliveries: IntCounterVec,
    pub(super) switches: IntCounterVec,
    pub(super) switch_failures: IntCounterVec,
    pub(super) switch_delay: HistogramVec,
}

impl ActMetrics {
    pub(super) fn new(own: &Registering<'_>) -> ActMetrics {
        ActMetrics {
            limits_held: own.gauge(
                "whmeter_limits_held",
                "Accounts that usage would limit or restore and that are not, because it would be too \
                 many at once.",
                &["backend"],
            ),
            outbox_pending: own.gauge(
                "whmeter_outbox_pending",
                "Pending notifications and policy switches, by channel; the same on every replica.",
                &["channel"],
            ),
            outbox_oldest: own.gauge(
                "whmeter_outbox_oldest_timestamp_seconds",
                "When the oldest waiting notification or switch was decided, in seconds since 1970; 0 \
                 when none waits.",
                &[],
            ),
            deliveries: own.counter(
                "whmeter_deliveries_total",
                "Attempts by this replica to deliver a notification or carry out a switch (channel policy).",
                &["channel", "outcome"],
            ),
            switches: own.counter(
                "whmeter_policy_switches_total",
                "Accounts this replica has put under a policy.",
                &["backend", "to"],
            ),
            switch_failures: own.counter(
                "whmeter_policy_switch_failures_total",
                "Attempts by this replica to switch an account that the panel did not take.",
                &["backend", "reason"],
            ),
            switch_delay: own.histogram(
                "whmeter_policy_switch_delay_seconds",
                "From the poll that saw the crossing to the switch, read back.",
                &["backend"],
            ),
        }
    }
}

impl Telemetry {
    /// Makes everything that can be counted of these channels exist.
    pub fn know_channels<'a>(&self, channels: impl IntoIterator<Item = &'a str>) {
        for channel in channels {
            for outcome in ["delivered", "failed", "gave_up"] {
                self.inner.acts.deliveries.with_label_values(&[channel, outcome]);
            }
            self.inner.acts.outbox_pending.with_label_values(&[channel]);
        }
    }

    /// Shows how many accounts of a backend are not limited because too many would be at once.
    pub fn limits_held(&self, backend: &BackendId, accounts: usize) {
        self.inner.acts.limits_held.with_label_values(&[backend.as_str()]).set(count(accounts));
    }

    /// Counts an attempt to deliver: `delivered`, `failed` (tried again) or `gave_up`.
    pub fn delivery(&self, channel: &str, outcome: &str) {
        self.inner.acts.deliveries.with_label_values(&[channel, outcome]).inc();
    }

    /// Counts a switch that the panel has taken, and how long after the decision.
    pub fn switched(&self, backend: &BackendId, to: Policy, after: Seconds) {
        self.inner.acts.switches.with_label_values(&[backend.as_str(), to.name()]).inc();
        self.inner.acts.switch_delay.with_label_values(&[backend.as_str()]).observe(after.get() as f64);
    }

    /// Counts a switch that the panel did not take this time.
    pub fn switch_failed(&self, backend: &BackendId, reason: Reason) {
        self.inner.acts.switch_failures.with_label_values(&[backend.as_str(), reason.name()]).inc();
    }

    /// Shows what waits: entries of each channel and when the oldest was made. A channel not listed has
    /// nothing waiting.
    pub fn outbox(&self, waiting: &[(String, u64, Timestamp)]) {
        for family in self.inner.acts.outbox_pending.collect() {
            for series in family.get_metric() {
                for label in series.get_label() {
                    self.inner.acts.outbox_pending.with_label_values(&[label.value()]).set(0);
                }
            }
        }
        for (channel, entries, _) in waiting {
            let entries = i64::try_from(*entries).unwrap_or(i64::MAX);
            self.inner.acts.outbox_pending.with_label_values(&[channel]).set(entries);
        }
        match waiting.iter().map(|(_, _, oldest)| *oldest).min() {
            Some(oldest) => self.inner.acts.outbox_oldest.with_label_values::<&str>(&[]).set(oldest.get()),
            None => self.inner.acts.outbox_oldest.reset(),
        }
    }
}
