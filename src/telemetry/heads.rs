//! How far each chain goes, and its link as a number: a copy of the heads that Prometheus keeps elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use super::{Registering, Telemetry};

/// One chain: which, of which backend (none: of the database), its last entry, and its link as a number.
pub type HeadShown<'a> = (&'a str, &'a str, i64, i64);

/// Both are set and collected together: an entry with the link of another would look like a chain that was written anew.
#[derive(Clone)]
pub(super) struct HeadGauges {
    entries: IntGaugeVec,
    links: IntGaugeVec,
    turn: Arc<Mutex<()>>,
}

impl HeadGauges {
    pub(super) fn new(own: &Registering<'_>) -> HeadGauges {
        let gauge = |name, help| {
            IntGaugeVec::new(Opts::new(name, help), &["chain", "backend"]).expect("a valid name")
        };
        let entries =
            gauge("whmeter_chain_entries", "Entries of a journal, or of the chronicle; never fewer.");
        let links = gauge(
            "whmeter_chain_link",
            "The first 52 bits of the link of the last entry: they change with the entries and not without them.",
        );
        let gauges = HeadGauges { entries, links, turn: Arc::default() };
        own.register(gauges.clone());
        gauges
    }
}

impl Collector for HeadGauges {
    fn desc(&self) -> Vec<&Desc> {
        self.entries.desc().into_iter().chain(self.links.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.entries.collect().into_iter().chain(self.links.collect()).collect()
    }
}

impl Telemetry {
    /// Shows the heads of all chains; those not among them go.
    pub fn heads<'a>(&self, heads: impl Iterator<Item = HeadShown<'a>>) {
        let HeadGauges { entries, links, turn } = &self.inner.heads;
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        entries.reset();
        links.reset();
        for (chain, backend, entry, link) in heads {
            entries.with_label_values(&[chain, backend]).set(entry);
            links.with_label_values(&[chain, backend]).set(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_is_gone_is_shown_no_more() {
        let telemetry = Telemetry::new();
        telemetry.heads([("journal", "s3", 7, 9), ("chronicle", "", 3, (1 << 52) - 1)].into_iter());
        telemetry.heads([("chronicle", "", 4, (1 << 52) - 1)].into_iter());
        let text = prometheus::TextEncoder::new().encode_to_string(&telemetry.gather()).expect("text");
        assert!(text.contains("whmeter_chain_entries{backend=\"\",chain=\"chronicle\"} 4\n"), "{text}");
        assert!(
            text.contains("whmeter_chain_link{backend=\"\",chain=\"chronicle\"} 4503599627370495\n"),
            "{text}"
        );
        assert!(!text.contains("chain=\"journal\""), "{text}");
    }
}
