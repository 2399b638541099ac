//! The small families: how polls go (by the store), the billing month, and what this replica counts about
//! itself. They are few, so they are written anew for every scrape.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use super::format::{Format, Kind, escape};
use crate::standing::Moment;
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
pub(super) fn polls(out: &mut Vec<u8>, states: &[BackendState], moment: &Moment, format: Format) {
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
    // The panel said it when it was read; like everything else it says, it is withheld when that is too long ago.
    let fresh = |state: &BackendState| state.succeeded_at.is_some_and(|at| moment.is_fresh(at));
    let seats = |state: &BackendState| Some(state.seats).filter(|_| fresh(state)).unwrap_or_default();
    let count = |seats: Option<u64>| seats.and_then(|seats| i64::try_from(seats).ok());
    let help = "Accounts that the panel's licence allows in all; absent where the panel reports none.";
    gauge(out, states, format, "whmeter_licence_seats", help, |state| count(seats(state).licensed));
    let help = "Accounts that the panel counts against its licence; absent where it reports none.";
    gauge(out, states, format, "whmeter_licence_used_seats", help, |state| count(seats(state).used));
}

/// Writes the bounds of the billing month that runs: they move when it turns, whatever is polled.
pub(super) fn month(out: &mut Vec<u8>, moment: &Moment, format: Format) {
    for (name, help, at) in [
        (
            "whmeter_billing_month_start_timestamp_seconds",
            "When the running billing month began, in seconds since 1970.",
            moment.month_start,
        ),
        (
            "whmeter_billing_month_end_timestamp_seconds",
            "When the next billing month begins, in seconds since 1970.",
            moment.month_end,
        ),
    ] {
        format.head(out, name, Kind::Gauge, help);
        out.extend_from_slice(format!("{name} {}\n", at.get()).as_bytes());
    }
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
