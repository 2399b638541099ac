//! What the cluster's charts say of a time gone by: averages, so estimates and never readings.
//!
//! Exact for guests that ran all the time; for guests that are often off the coarse rows average only
//! the part that was known, and may be half as much again or nothing.

use std::collections::VecDeque;

use futures_util::StreamExt;

use super::cluster::{GuestKind, Listing};
use super::guests::Claimed;
use super::refusal::CallFailure;
use super::session::{AT_ONCE, ApiCall};
use super::wire::RrdRow;
use super::{BackendError, GuestLocation, Heard, Past, Proxmox};
use crate::domain::{Bytes, Estimate, Harvest, Meter, Span, Timestamp};

/// Estimates are reported for half hours: fine enough for any time zone's days.
const TOLD_FOR: i64 = 1800;

/// Version 9 keeps minutes for a day and half hours for a month; older ones half hours for a day and
/// three hours for a week (pve-cluster, status.c; PVE::RRD).
const SINCE_9: [&str; 2] = [DAY, "month"];
const BEFORE_9: [&str; 2] = [DAY, "week"];
const DAY: &str = "day";
/// The next coarser chart, where that of the day cannot be read.
const INSTEAD_OF_DAY: &str = "week";

/// What the charts of one guest say.
#[derive(Debug, Default)]
struct Chart {
    known: Vec<TimedRow>,
    /// The charts that cannot be read, and why.
    unusable: Vec<(&'static str, String)>,
}

/// A row with the time it is for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TimedRow {
    from: i64,
    to: i64,
    received: Option<f64>,
    sent: Option<f64>,
}

impl Proxmox {
    /// Puts what the charts say of every guest into the harvest.
    pub(super) async fn charts(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        let (body, mut spare) = (self.rows().await?, Vec::new());
        let mut listing = Listing::read(&body, &mut spare)?;
        if listing.guests.is_empty() {
            self.why_empty(&listing).await?;
        }
        let frames = if self.version().await?.0 >= 9 { SINCE_9 } else { BEFORE_9 };
        let guests = std::mem::take(&mut listing.guests);
        let (claimed, _) = self.claimed(guests, &Heard::default(), harvest);
        let asked = claimed.iter().map(|claimed| async move { (claimed, self.chart(claimed, frames).await) });
        let asked: Vec<_> = asked.collect();
        let mut answers = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((claimed, rows)) = answers.next().await {
            match rows {
                Ok(Chart { known, unusable }) => {
                    for (frame, why) in unusable {
                        harvest.warn(format!(
                            "{}: its chart of the {frame} cannot be read, the others are used: {why}",
                            claimed.guest.id()
                        ));
                    }
                    add_estimates(harvest, claimed, &known, past);
                }
                Err(failure) => {
                    let error = BackendError::from(failure);
                    let detail = format!("{}: {error}", claimed.guest.id());
                    harvest.unread(&claimed.account, None, error.reason(), detail);
                }
            }
        }
        Ok(())
    }

    /// The rows of one guest, the finer ones first where both have a time. One chart that cannot be read leaves
    /// the others; where all are so, the last trouble is the guest's.
    async fn chart(&self, claimed: &Claimed<'_>, frames: [&'static str; 2]) -> Result<Chart, CallFailure> {
        let place = GuestLocation::of(&claimed.guest);
        let born = self.born(&place).await?;
        let mut chart = Chart::default();
        let (mut frames, mut read) = (VecDeque::from(frames), false);
        while let Some(frame) = frames.pop_front() {
            let pairs = [("timeframe", frame), ("cf", "AVERAGE")];
            let call = ApiCall::get(place.path("rrddata"), "VM.Audit").with(&pairs);
            let rows: Vec<RrdRow> = match self.session.json(call).await {
                Ok(rows) => rows,
                Err(failure) if is_of_the_chart(&failure) => {
                    // Its file has another step than the cluster reckons with, as after an upgrade (PVE::RRD).
                    if frame == DAY && !frames.contains(&INSTEAD_OF_DAY) {
                        frames.push_front(INSTEAD_OF_DAY);
                    }
                    if !read && frames.is_empty() {
                        return Err(failure);
                    }
                    chart.unusable.push((frame, BackendError::from(failure).to_string()));
                    continue;
                }
                // A guest that was never seen running has no chart yet.
                Err(CallFailure::Refusal(refusal)) if refusal.status == 500 && refusal.says("rrd") => {
                    Vec::new()
                }
                Err(failure) => return Err(failure),
            };
            read = true;
            let finer_from = chart.known.iter().map(|row| row.from).min().unwrap_or(i64::MAX);
            let rows = spans(&rows).into_iter().filter(|row| row.to <= finer_from && row.from >= born);
            chart.known.extend(rows);
        }
        chart.known.sort_by_key(|row| row.from);
        Ok(chart)
    }

    /// When a machine was made, for charts are kept by number and numbers are used again. Containers
    /// have no such mark.
    async fn born(&self, place: &GuestLocation) -> Result<i64, CallFailure> {
        if place.kind == GuestKind::Lxc {
            return Ok(0);
        }
        let config = self.config(place).await?;
        let meta = config.get("meta").unwrap_or_default();
        let made = meta.split(',').find_map(|part| part.strip_prefix("ctime="));
        Ok(made.and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
    }
}

/// Whether one chart cannot be read, which says nothing of the others.
fn is_of_the_chart(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Refusal(refusal) => {
            refusal.status == 500
                && !refusal.is_gone()
                && (refusal.says("resolution") || !refusal.says("rrd"))
        }
        CallFailure::Failed(error) => matches!(error, BackendError::Unexpected { .. }),
    }
}

/// The time each row is for. After an upgrade coarse rows are followed by fine ones, so a row's length is
/// its distance to a neighbour, and one that agrees with none is left out.
fn spans(rows: &[RrdRow]) -> Vec<TimedRow> {
    let step = |at: usize| rows.get(at)?.time.checked_sub(rows.get(at.checked_sub(1)?)?.time);
    let mut known = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (own, next) = (step(at), step(at + 1));
        let before = at.checked_sub(1).and_then(step);
        let length = match (own, next) {
            (Some(own), _) if Some(own) == next || Some(own) == before => Some(own),
            // The first of finer rows, or the first of all.
            (own, Some(next)) if own.is_none_or(|own| next < own) => Some(next),
            _ => None,
        };
        let plausible = |rate: &f64| rate.is_finite() && *rate >= 0.0;
        if let Some(length) = length.filter(|length| *length > 0) {
            known.push(TimedRow {
                from: row.time - length,
                to: row.time,
                received: row.netin.filter(plausible),
                sent: row.netout.filter(plausible),
            });
        }
    }
    known
}

fn add_estimates(harvest: &mut Harvest, claimed: &Claimed<'_>, rows: &[TimedRow], past: &Past) {
    for (meter, rate) in [
        (Meter::TrafficIn, (|row| row.received) as fn(&TimedRow) -> Option<f64>),
        (Meter::TrafficOut, |row| row.sent),
    ] {
        for (from, to, about) in gathered(rows, rate, past.since.get(), past.until.get()) {
            let (Ok(from), Ok(to)) = (Timestamp::new(from), Timestamp::new(to)) else { continue };
            let (Ok(span), Ok(about)) = (Span::new(from, to), Bytes::from_wide(about as i128)) else {
                continue;
            };
            harvest.estimate(&claimed.account, meter, Estimate { span, about });
        }
    }
}

/// The rows between two instants as spans with bytes; minutes are gathered to half hours.
fn gathered(
    rows: &[TimedRow],
    rate: fn(&TimedRow) -> Option<f64>,
    since: i64,
    until: i64,
) -> Vec<(i64, i64, f64)> {
    let mut spans: Vec<(i64, i64, f64)> = Vec::new();
    for row in rows {
        let (from, to) = (row.from.max(since), row.to.min(until));
        let Some(rate) = rate(row).filter(|_| from < to) else { continue };
        let bytes = rate * (to - from) as f64;
        match spans.last_mut() {
            Some(last) if last.1 == from && from % TOLD_FOR != 0 && to - last.0 <= TOLD_FOR => {
                last.1 = to;
                last.2 += bytes;
            }
            _ => spans.push((from, to, bytes)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time: i64, netin: Option<f64>) -> RrdRow {
        RrdRow { time, netin, netout: None }
    }

    #[test]
    fn a_row_is_as_long_as_its_neighbours_say() {
        let lengths = |times: &[i64]| {
            let rows: Vec<_> = times.iter().map(|time| row(*time, Some(1.0))).collect();
            spans(&rows).iter().map(|row| (row.to, row.to - row.from)).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[1800, 3600, 5400]), [(1800, 1800), (3600, 1800), (5400, 1800)]);
        // Coarse rows, a hole, then fine ones: what was written before and after an upgrade.
        let mixed = [43_200, 86_400, 129_600, 135_000, 136_800, 138_600];
        assert_eq!(
            lengths(&mixed),
            [
                (43_200, 43_200),
                (86_400, 43_200),
                (129_600, 43_200),
                (135_000, 1800),
                (136_800, 1800),
                (138_600, 1800)
            ]
        );
        assert_eq!(lengths(&[1800]), []);
        // A row between two holes is of no known length.
        assert_eq!(lengths(&[0, 60, 120, 7200, 90_000])[..3], [(0, 60), (60, 60), (120, 60)]);
        assert_eq!(lengths(&[0, 60, 120, 7200, 90_000]).len(), 3);
    }

    #[test]
    fn minutes_are_gathered_and_what_is_unknown_is_no_zero() {
        let rows: Vec<_> = (1..=90).map(|n| row(n * 60, (n != 40).then_some(10.0))).collect();
        let known = spans(&rows);
        let add_estimates = gathered(&known, |row| row.received, 0, 5400);
        assert_eq!(
            add_estimates,
            [(0, 1800, 18_000.0), (1800, 2340, 5400.0), (2400, 3600, 12_000.0), (3600, 5400, 18_000.0)]
        );
        assert_eq!(gathered(&known, |row| row.received, 30, 90), [(30, 90, 600.0)]);
        assert!(gathered(&known, |row| row.sent, 0, 5400).is_empty());
    }

    #[test]
    fn rows_come_with_rates_or_without() {
        let text = r#"[{"time":1760000400,"netin":15360.5333333333,"netout":2048.26666666667,"cpu":0.012},
            {"time":1760002200,"maxcpu":2},{"time":1760004000,"netin":null}]"#;
        let rows: Vec<RrdRow> = serde_json::from_str(text).expect("rows");
        assert_eq!(
            spans(&rows).iter().map(|row| row.received.is_some()).collect::<Vec<_>>(),
            [true, false, false]
        );
    }
}
