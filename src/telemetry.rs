//! How whmeter itself is doing: its own few hundred metrics, and the log set-up.
//!
//! A tool for every floor above the ground. Customers' usage is not counted here: the prometheus crate
//! takes seconds for as many series as there are accounts, and never forgets one by itself.

mod acts;
#[cfg(target_os = "linux")]
mod cpu_time;
mod findings;
mod heads;
mod logs;
mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use acts::ActMetrics;
use findings::FindingGauges;
use heads::HeadGauges;
pub use heads::HeadShown;
pub use logs::{LogError, LogFormat, init_logs};
pub use requests::Refusal;
use requests::RequestMetrics;

use crate::domain::{BackendId, Policy, Reason, Timestamp, Unclaimed};
use crate::metering::Note;

/// The commit this program was built from, where the build said so (`WHMETER_REVISION`).
pub const REVISION: &str = match option_env!("WHMETER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// How one poll of one backend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollOutcome {
    /// The panel answered.
    Read {
        /// Accounts of which everything could be read.
        read: usize,
        /// Accounts of which something, or everything, could not.
        failed: usize,
    },
    /// The whole poll failed, with the reason's label: a [`Reason`] of the panel, or `store`.
    Failed(&'static str),
}

/// Our own metrics. Cloned freely; all clones count together.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    poll_duration: HistogramVec,
    poll_accounts: IntGaugeVec,
    poll_failures: IntCounterVec,
    poll_hangs: IntGaugeVec,
    notes: IntCounterVec,
    unclaimed_resources: IntGaugeVec,
    unclaimed_bytes: IntGaugeVec,
    acts: ActMetrics,
    findings: FindingGauges,
    heads: HeadGauges,
    requests: RequestMetrics,
    whmcs_last_fetch: IntGaugeVec,
    whmcs_fetches: IntCounterVec,
    whmcs_withheld: IntGaugeVec,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry::new()
    }
}

impl Telemetry {
    /// All metrics at their beginning. Those with labels appear with their first label values.
    pub fn new() -> Telemetry {
        let registry = Registry::new();
        let own = Registering(&registry);
        let inner = Inner {
            poll_duration: own.histogram(
                "whmeter_poll_duration_seconds",
                "How long polls of a backend by this replica took.",
                &["backend"],
            ),
            poll_accounts: own.gauge(
                "whmeter_poll_accounts",
                "Accounts in the last poll of a backend by this replica: read in full, or failed in part \
                 or whole.",
                &["backend", "outcome"],
            ),
            poll_failures: own.counter(
                "whmeter_poll_failures_total",
                "Polls by this replica that failed as a whole, by reason.",
                &["backend", "reason"],
            ),
            poll_hangs: own.gauge(
                "whmeter_poll_hangs",
                "1 while a poll of the backend by this replica has run for over two of its intervals.",
                &["backend"],
            ),
            notes: own.counter(
                "whmeter_notes_total",
                "What settling readings noticed: first sights, restarts, gaps, contradictions.",
                &["backend", "note"],
            ),
            unclaimed_resources: own.gauge(
                "whmeter_unclaimed_resources",
                "Resources on the panel that belong to no account (orphan) or to several (ambiguous): not \
                 billed.",
                &["backend", "why"],
            ),
            unclaimed_bytes: own.gauge(
                "whmeter_unclaimed_bytes",
                "Bytes of the unclaimed resources; absent when the size of any of them is unknown.",
                &["backend", "why"],
            ),
            acts: ActMetrics::new(&own),
            findings: FindingGauges::new(&own),
            heads: HeadGauges::new(&own),
            requests: RequestMetrics::new(&own),
            whmcs_last_fetch: own.gauge(
                "whmeter_whmcs_last_fetch_timestamp_seconds",
                "When WHMCS last fetched the usage of one of its servers, in seconds since 1970.",
                &["server"],
            ),
            whmcs_fetches: own.counter(
                "whmeter_whmcs_fetches_total",
                "Requests by WHMCS, by server, route and HTTP status.",
                &["server", "route", "code"],
            ),
            whmcs_withheld: own.gauge(
                "whmeter_whmcs_withheld_tenants",
                "Tenants left out of the last answer to WHMCS, by reason.",
                &["server", "reason"],
            ),
            registry: registry.clone(),
        };
        let build = own.gauge("whmeter_build_info", "What is running; always 1.", &["version", "revision"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), REVISION]).set(1);
        #[cfg(target_os = "linux")]
        own.register(cpu_time::OwnProcess::new().expect("a valid name"));
        Telemetry { inner: Arc::new(inner) }
    }

    /// Makes everything that can be counted of a backend exist, so that the first failure is a step
    /// from 0 to 1 and not a series that begins with 1.
    pub fn know_backend(&self, backend: &BackendId) {
        let backend = backend.as_str();
        self.inner.poll_duration.with_label_values(&[backend]);
        self.inner.poll_hangs.with_label_values(&[backend]);
        for reason in Reason::ALL {
            self.inner.poll_failures.with_label_values(&[backend, reason.name()]);
            self.inner.acts.switch_failures.with_label_values(&[backend, reason.name()]);
        }
        for note in Note::NAMES {
            self.inner.notes.with_label_values(&[backend, note]);
        }
        for policy in [Policy::Standard, Policy::Limited] {
            self.inner.acts.switches.with_label_values(&[backend, policy.name()]);
        }
        self.inner.acts.switch_delay.with_label_values(&[backend]);
        self.inner.acts.limits_held.with_label_values(&[backend]);
    }

    /// Counts a poll that ended.
    pub fn poll_done(&self, backend: &BackendId, outcome: PollOutcome, took: Duration) {
        self.know_backend(backend);
        let name = backend.as_str();
        self.inner.poll_duration.with_label_values(&[name]).observe(took.as_secs_f64());
        match outcome {
            PollOutcome::Read { read, failed } => {
                self.inner.poll_accounts.with_label_values(&[name, "read"]).set(count(read));
                self.inner.poll_accounts.with_label_values(&[name, "failed"]).set(count(failed));
            }
            PollOutcome::Failed(reason) => {
                self.inner.poll_failures.with_label_values(&[name, reason]).inc();
            }
        }
    }

    /// Shows whether a poll runs on and on.
    pub fn poll_hangs(&self, backend: &BackendId, hangs: bool) {
        self.inner.poll_hangs.with_label_values(&[backend.as_str()]).set(i64::from(hangs));
    }

    /// Counts what settling noticed.
    pub fn note(&self, backend: &BackendId, note: &Note) {
        debug_assert!(Note::NAMES.contains(&note.name()), "{} is not among the names of notes", note.name());
        self.inner.notes.with_label_values(&[backend.as_str(), note.name()]).inc();
    }

    /// Shows what of a backend's last poll belongs to no single account.
    pub fn unclaimed(&self, backend: &BackendId, unclaimed: &[Unclaimed]) {
        // Per reason: how many, and their bytes while all are known.
        let mut sums: BTreeMap<&str, (usize, Option<u64>)> =
            Unclaimed::WHYS.iter().map(|why| (*why, (0, Some(0)))).collect();
        for one in unclaimed {
            let (resources, bytes) = sums.entry(one.why).or_insert((0, Some(0)));
            *resources += 1;
            *bytes = bytes.zip(one.level).and_then(|(sum, level)| sum.checked_add(level.get()));
        }
        for (why, (resources, bytes)) in sums {
            let labels = [backend.as_str(), why];
            self.inner.unclaimed_resources.with_label_values(&labels).set(count(resources));
            match bytes.and_then(|bytes| i64::try_from(bytes).ok()) {
                Some(bytes) => self.inner.unclaimed_bytes.with_label_values(&labels).set(bytes),
                // It may not have been there; then it is gone as wanted.
                None => drop(self.inner.unclaimed_bytes.remove_label_values(&labels)),
            }
        }
    }

    /// Counts a request by WHMCS that was answered with `code`. `route` is the pattern, not the path.
    pub fn whmcs_fetched(&self, server: i64, route: &str, code: u16) {
        let (server, code) = (server.to_string(), code.to_string());
        self.inner.whmcs_fetches.with_label_values(&[server.as_str(), route, code.as_str()]).inc();
    }

    /// Notes that WHMCS has collected what it bills; a look does not count.
    pub fn whmcs_collected(&self, server: i64, at: Timestamp) {
        self.inner.whmcs_last_fetch.with_label_values(&[&server.to_string()]).set(at.get());
    }

    /// Shows how many tenants were left out of the last answer, by reason; reasons not listed go.
    pub fn whmcs_withheld(&self, server: i64, tenants: &BTreeMap<&str, usize>) {
        let server = server.to_string();
        forget(&self.inner.whmcs_withheld, "server", &server);
        for (reason, tenants) in tenants {
            self.inner.whmcs_withheld.with_label_values(&[server.as_str(), reason]).set(count(*tenants));
        }
    }

    /// Drops everything about a backend that is no longer configured.
    pub fn forget_backend(&self, backend: &BackendId) {
        let (own, name) = (&self.inner, backend.as_str());
        forget(&own.poll_duration, "backend", name);
        forget(&own.acts.switch_delay, "backend", name);
        let unclaimed = [&own.unclaimed_resources, &own.unclaimed_bytes];
        let gauges =
            unclaimed.into_iter().chain([&own.poll_accounts, &own.poll_hangs, &own.acts.limits_held]);
        for gauges in gauges.chain(own.findings.of_backends()) {
            forget(gauges, "backend", name);
        }
        forget(&own.findings.unmapped_cost, "backend", name);
        for counters in [&own.poll_failures, &own.notes, &own.acts.switches, &own.acts.switch_failures] {
            forget(counters, "backend", name);
        }
    }

    /// Everything counted so far, sorted by name.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.inner.registry.gather()
    }
}

/// A number of things as a gauge holds it.
fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

/// Drops every label set of a metric whose label `key` is `value`.
fn forget<T: MetricVecBuilder>(metric: &MetricVec<T>, key: &str, value: &str)
where
    MetricVec<T>: Collector,
{
    forget_where(metric, |labels| labels.get(key) == Some(&value));
}

/// Drops every label set of a metric that `gone` names.
fn forget_where<T: MetricVecBuilder>(
    metric: &MetricVec<T>,
    gone: impl Fn(&std::collections::HashMap<&str, &str>) -> bool,
) where
    MetricVec<T>: Collector,
{
    for family in metric.collect() {
        for series in family.get_metric() {
            let labels: std::collections::HashMap<&str, &str> =
                series.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
            if gone(&labels) {
                // Somebody else may have dropped it meanwhile, which is as well.
                drop(metric.remove(&labels));
            }
        }
    }
}

/// Makes metrics known to a registry. Names and labels are ours, so what can fail is a mistake that
/// the first test meets.
struct Registering<'a>(&'a Registry);

impl Registering<'_> {
    fn register<C: Collector + 'static>(&self, metric: C) {
        self.0.register(Box::new(metric)).expect("a name of our own that is used once");
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect("a valid name");
        self.register(metric.clone());
        metric
    }

    /// Amounts of money, for charts.
    fn amounts(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        let metric = GaugeVec::new(Opts::new(name, help), labels).expect("a valid name");
        self.register(metric.clone());
        metric
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let metric = IntCounterVec::new(Opts::new(name, help), labels).expect("a valid name");
        self.register(metric.clone());
        metric
    }

    fn histogram(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        // From a panel next door with ten accounts to one across the sea with a hundred thousand.
        let buckets = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let metric = HistogramVec::new(opts, labels).expect("a valid name");
        self.register(metric.clone());
        metric
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bytes;

    fn series(telemetry: &Telemetry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&telemetry.gather()).expect("text")
    }

    fn backend() -> BackendId {
        BackendId::new("s3-fra1").expect("a name")
    }

    #[test]
    fn every_failure_reason_exists_before_the_first_failure() {
        let telemetry = Telemetry::new();
        telemetry.know_backend(&backend());
        for reason in Reason::ALL {
            let line = format!("whmeter_poll_failures_total{{backend=\"s3-fra1\",reason=\"{reason}\"}} 0\n");
            assert!(series(&telemetry).contains(&line), "{line}");
        }
        telemetry.poll_done(
            &backend(),
            PollOutcome::Failed(Reason::Busy.name()),
            Duration::from_millis(1500),
        );
        let text = series(&telemetry);
        assert!(text.contains("reason=\"busy\"} 1\n"), "{text}");
        assert!(text.contains("whmeter_poll_duration_seconds_bucket{backend=\"s3-fra1\",le=\"3\"} 1\n"));
    }

    #[test]
    fn unclaimed_bytes_are_absent_when_one_size_is_unknown() {
        let telemetry = Telemetry::new();
        let thing = |why, level| Unclaimed { level, ..Unclaimed::new("a bucket", why) };
        let seven = Bytes::new(7).ok();
        telemetry.unclaimed(&backend(), &[thing("orphan", seven), thing("orphan", seven)]);
        let text = series(&telemetry);
        assert!(text.contains("whmeter_unclaimed_bytes{backend=\"s3-fra1\",why=\"orphan\"} 14\n"), "{text}");
        assert!(text.contains("whmeter_unclaimed_bytes{backend=\"s3-fra1\",why=\"ambiguous\"} 0\n"));
        telemetry.unclaimed(&backend(), &[thing("orphan", seven), thing("orphan", None)]);
        let text = series(&telemetry);
        assert!(!text.contains("whmeter_unclaimed_bytes{backend=\"s3-fra1\",why=\"orphan\"}"), "{text}");
        assert!(text.contains("whmeter_unclaimed_resources{backend=\"s3-fra1\",why=\"orphan\"} 2\n"));
    }

    #[test]
    fn a_removed_backend_is_forgotten_and_the_others_stay() {
        let (telemetry, other) = (Telemetry::new(), BackendId::new("nas1").expect("a name"));
        for backend in [&backend(), &other] {
            let outcome = PollOutcome::Read { read: 3, failed: 1 };
            telemetry.poll_done(backend, outcome, Duration::from_secs(1));
            telemetry.note(backend, &Note::Contradiction);
            telemetry.unclaimed(backend, &[]);
        }
        telemetry.forget_backend(&backend());
        let text = series(&telemetry);
        assert!(!text.contains("s3-fra1"), "{text}");
        assert!(text.contains("whmeter_poll_accounts{backend=\"nas1\",outcome=\"read\"} 3\n"), "{text}");
    }

    #[test]
    fn withheld_reasons_that_are_over_disappear() {
        let telemetry = Telemetry::new();
        telemetry.whmcs_withheld(12, &BTreeMap::from([("stale", 2)]));
        telemetry.whmcs_withheld(12, &BTreeMap::from([("failed", 1)]));
        let text = series(&telemetry);
        assert!(
            text.contains("whmeter_whmcs_withheld_tenants{reason=\"failed\",server=\"12\"} 1\n"),
            "{text}"
        );
        assert!(!text.contains("stale"), "{text}");
    }
}
