//! The small families: how polls go (by the store) and what this replica counts about itself. They are
//! few, so they are written anew for every scrape.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use super::format::{Format, Kind, escape};
use crate::store::BackendState;

/// Writes what a replica counts about itself. The crate writes the text format only; OpenMetrics has
/// the same sample lines under other heads.
pub(super) fn families(out: &mut Vec<u8>, families: &[MetricFamily], format: Format) {
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Kind::Counter,
            MetricType::HISTOGRAM => Kind::Histogram,
            _ => Kind::Gauge,
        };
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(std::slice::from_ref(family), &mut text) {
            tracing::error!(family = family.name(), %error, "cannot write one of our own metrics");
            continue;
        }
        format.head(out, family.name(), kind, family.help());
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
            out.extend_from_slice(line);
        }
    }
}

/// Writes how the backends' polls go. What was never tried, or never went well, has no line.
pub(super) fn polls(out: &mut Vec<u8>, states: &[BackendState], format: Format) {
    let tried = |state: &BackendState| state.polled_at.map(|_| i64::from(state.failing.is_none()));
    let success = "1 when the last poll of the backend, by whichever replica, went well; 0 when it failed.";
    gauge(out, states, format, "whmeter_poll_success", success, tried);
    let at = |state: &BackendState| state.succeeded_at.map(|at| at.get());
    let help = "When a poll of the backend last went well, in seconds since 1970.";
    gauge(out, states, format, "whmeter_poll_last_success_timestamp_seconds", help, at);
    let until = |state: &BackendState| state.parked_until.map(|until| until.get());
    let help = "Until when a backend that refused us or rate-limited us is not polled, in seconds since \
         1970; absent where it is polled.";
    gauge(out, states, format, "whmeter_poll_parked_until_timestamp_seconds", help, until);
    let rewound = |state: &BackendState| state.rewound_at.map(|at| at.get());
    let help = "When the backend's journal was last taken back by `whmeter rewind`, in seconds since 1970; absent where it \
        never was.";
    gauge(out, states, format, "whmeter_journal_rewound_timestamp_seconds", help, rewound);
}

fn gauge(
    out: &mut Vec<u8>,
    states: &[BackendState],
    format: Format,
    name: &str,
    help: &str,
    value: impl Fn(&BackendState) -> Option<i64>,
) {
    let known = || states.iter().filter_map(|state| Some((state, value(state)?)));
    if known().next().is_some() {
        format.head(out, name, Kind::Gauge, help);
    }
    for (state, value) in known() {
        let backend = escape(state.backend.as_str());
        out.extend_from_slice(format!("{name}{{backend=\"{backend}\"}} {value}\n").as_bytes());
    }
}
