//! Hourly rows as readings. Pure.
//!
//! A total is dated with the time of the answer, not with the row's `updated_at`: one that falls is believed when a later
//! answer says so too, and a row that was revised once would never be of a later time again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::amount;
use super::settings::PanelConfig;
use super::window::Window;
use super::wire::{number, text, time};
use crate::backends::BackendError;
use crate::backends::kit::json::whole;
use crate::domain::{AccountName, Bytes, Harvest, Meter, Reading, Reason, Source, Span, Timestamp};

/// Both directions, with the key that each has in a row.
pub(super) const METERS: [(Meter, &str); 2] =
    [(Meter::TrafficIn, "data_received"), (Meter::TrafficOut, "data_sent")];

/// What was learned of the traffic of one thing.
#[derive(Debug, Default)]
pub(super) struct Metered {
    /// Totals, and the number of the user whose each is, where the row says so.
    pub readings: Vec<(Option<String>, Meter, Reading)>,
    /// What stays unknown.
    pub unread: Vec<(Option<Meter>, Reason, String)>,
    /// Hours of which a part is not known. Nothing of them is reported: the rest would look like all of it, and they are
    /// read again with the next poll.
    pub lacking: BTreeSet<(Meter, Span)>,
    /// The last call that brought nothing.
    pub failed: Option<BackendError>,
}

impl Metered {
    /// Puts in that a call brought nothing: the traffic of all meters is unknown.
    pub fn miss(&mut self, error: BackendError, meters: &[Meter]) {
        let missed = meters.iter().map(|meter| (Some(*meter), error.reason(), error.to_string()));
        self.unread.extend(missed);
        self.failed = Some(error);
    }

    /// Puts in that nothing is known of these hours.
    pub fn lacks(&mut self, hours: impl Iterator<Item = Span>) {
        for span in hours {
            self.lacking.extend(METERS.map(|(meter, _)| (meter, span)));
        }
    }

    /// Finds the hours that one source has and another has not. Each is expected from the first hour on that it has; one of
    /// `expected`, which is there and was read before, in all of them, also where it has none.
    pub fn hold_to_all_sources(&mut self, expected: &BTreeSet<String>) {
        for (meter, _) in METERS {
            let mut sources: BTreeMap<&str, BTreeSet<Span>> =
                expected.iter().map(|source| (source.as_str(), BTreeSet::new())).collect();
            for (_, of, reading) in &self.readings {
                if let Reading::PeriodTotal { source, span, .. } = reading
                    && *of == meter
                {
                    sources.entry(source.as_str()).or_default().insert(*span);
                }
            }
            let all: BTreeSet<Span> = sources.values().flatten().copied().collect();
            for (source, own) in &sources {
                let first = own.first().filter(|_| !expected.contains(*source));
                let missing = all.iter().filter(|span| first.is_none_or(|first| *span > first));
                self.lacking.extend(missing.filter(|span| !own.contains(span)).map(|span| (meter, *span)));
            }
        }
    }

    /// Whether a reading is of an hour of which a part is not known.
    pub fn is_lacking(&self, meter: Meter, reading: &Reading) -> bool {
        match reading {
            Reading::PeriodTotal { span, .. } => self.lacking.contains(&(meter, *span)),
            Reading::Gauge { .. } | Reading::Counter { .. } => false,
        }
    }

    /// Puts in that a row cannot be read.
    pub fn strange(&mut self, meter: Option<Meter>, detail: String) {
        self.unread.push((meter, Reason::Unexpected, detail));
    }

    /// Puts in the total of an hour.
    pub fn total(
        &mut self,
        user: Option<String>,
        meter: Meter,
        (source, span): (&str, Span),
        at: Timestamp,
        total: Bytes,
    ) {
        match Source::new(source) {
            Ok(source) => self.readings.push((user, meter, Reading::PeriodTotal { source, at, span, total })),
            Err(error) => self.strange(Some(meter), error.to_string()),
        }
    }

    /// Puts what is unknown of an account into a harvest, each reason once.
    pub fn put_unread(&self, account: &AccountName, harvest: &mut Harvest) {
        let mut seen = Vec::new();
        for (meter, reason, detail) in &self.unread {
            if !seen.contains(&(meter, reason)) {
                seen.push((meter, reason));
                harvest.unread(account, *meter, *reason, detail.clone());
            }
        }
    }
}

/// The row of one hour.
struct HourRow<'a> {
    row: &'a Value,
    span: Span,
    /// Of two rows of one hour the newer counts: when it was written, and its number.
    age: (Option<Timestamp>, Option<u64>),
}

/// The newest row of each hour of a window; rows of other hours were not asked for. What cannot be placed is named.
fn hours<'a>(
    rows: &'a [Value],
    window: Window,
    belongs: impl Fn(&Value) -> Result<(), String>,
) -> (Vec<HourRow<'a>>, Vec<String>) {
    let mut hours: BTreeMap<Timestamp, HourRow<'_>> = BTreeMap::new();
    let mut strange = Vec::new();
    for row in rows {
        let placed = belongs(row).and_then(|()| end_of(row, window));
        match placed {
            Ok(None) => {}
            Ok(Some(span)) => {
                let written = time(row, "updated_at").or_else(|| time(row, "created_at"));
                let newer = HourRow { row, span, age: (written, row.get("id").and_then(whole)) };
                match hours.get(&span.end()) {
                    Some(older) if older.age >= newer.age => {}
                    _ => drop(hours.insert(span.end(), newer)),
                }
            }
            Err(problem) => strange.push(problem),
        }
    }
    (hours.into_values().collect(), strange)
}

/// The hour that a row is of: the one before its `stat_time`.
pub(super) fn end_of(row: &Value, window: Window) -> Result<Option<Span>, String> {
    let odd = || match text(row, "stat_time") {
        Some(told) => {
            format!("stat_time is {:?}, not an instant on the hour", crate::http::excerpt(told, 40))
        }
        None => "stat_time is absent".to_string(),
    };
    let end = time(row, "stat_time").ok_or_else(odd)?;
    if super::window::hour_of(end) != end {
        return Err(odd());
    }
    Ok(window.hour_ending(end))
}

/// Puts the rows of one interface in; tells whether there were any of the window.
pub(super) fn put_rows(
    metered: &mut Metered,
    rows: &[Value],
    interface: &str,
    window: Window,
    (config, at): (&PanelConfig, Timestamp),
) -> bool {
    let belongs = |row: &Value| match number(row, "network_interface_id") {
        Some(other) if other != interface => {
            Err(format!("network_interface_id is {other}, asked was for {interface}"))
        }
        _ => Ok(()),
    };
    let (hours, strange) = hours(rows, window, belongs);
    strange.into_iter().for_each(|problem| metered.strange(None, problem));
    for HourRow { row, span, .. } in &hours {
        for (meter, key) in METERS {
            match amount::whole(key, row.get(key), config.kilobyte) {
                Ok(total) => metered.total(number(row, "user_id"), meter, (interface, *span), at, total),
                Err(problem) => {
                    metered.strange(Some(meter), format!("hour until {}: {problem}", span.end()));
                    metered.lacking.insert((meter, *span));
                }
            }
        }
    }
    !hours.is_empty()
}

/// Puts in that nothing passed in these hours.
pub(super) fn put_nothing(
    metered: &mut Metered,
    user: Option<&String>,
    source: &str,
    hours: impl Iterator<Item = Span>,
    at: Timestamp,
) {
    for span in hours {
        for (meter, _) in METERS {
            metered.total(user.cloned(), meter, (source, span), at, Bytes::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Seconds;
    use crate::settings::Section;
    use serde_json::json;

    fn config() -> PanelConfig {
        let text = "url = 'https://cp.example.net'\nusername = 'a'\napi_key = 'b'";
        PanelConfig::read(Section::new(text.parse().expect("toml"), std::path::Path::new(".")))
            .expect("valid")
    }

    fn now() -> Timestamp {
        Timestamp::from_utc("2026-03-01T16:14:00Z".parse().expect("a time")).expect("in range")
    }

    fn read(rows: Value) -> (Metered, bool) {
        let window = Window::of_poll(now(), Some(now()), Seconds::hours(6));
        let rows: Vec<Value> = rows.as_array().cloned().expect("rows");
        let mut metered = Metered::default();
        let any = put_rows(&mut metered, &rows, "2688", window, (&config(), now()));
        (metered, any)
    }

    fn totals(metered: &Metered) -> Vec<(Meter, i64, u64)> {
        let totals = metered.readings.iter().filter_map(|(_, meter, reading)| match reading {
            Reading::PeriodTotal { span, total, .. } => {
                Some((*meter, span.end().get() - now().get(), total.get()))
            }
            _ => None,
        });
        totals.collect()
    }

    #[test]
    fn a_row_is_of_the_hour_before_it_whatever_its_offset() {
        let row = |at: &str| json!([{"stat_time": at, "data_sent": "2512.0", "data_received": 15648, "user_id": 117}]);
        let expected = vec![(Meter::TrafficIn, -840, 15_648 << 10), (Meter::TrafficOut, -840, 2_512 << 10)];
        for at in ["2026-03-01T16:00:00Z", "2026-03-01T23:00:00+07:00", "2026-03-01T16:00:00+00:00"] {
            let (metered, any) = read(row(at));
            assert_eq!((totals(&metered), any), (expected.clone(), true), "{at}");
            assert_eq!(metered.readings[0].0.as_deref(), Some("117"));
        }
        // Not over yet, and long ago: nobody asked for them.
        for at in ["2026-03-01T17:00:00Z", "2026-02-27T16:00:00Z"] {
            let (metered, any) = read(row(at));
            assert!(!any && metered.readings.is_empty() && metered.unread.is_empty(), "{at}");
        }
        for at in ["2026-03-01T15:59:59Z", "2026-03-01 16:00:00", "", "yesterday"] {
            let (metered, any) = read(row(at));
            assert!(!any && metered.unread[0].2.contains("stat_time"), "{at}: {:?}", metered.unread);
        }
    }

    #[test]
    fn of_two_rows_of_an_hour_the_newer_counts_and_a_gap_is_a_gap() {
        let row = |id: u64, sent: u64, updated: &str| json!({"id": id, "stat_time": "2026-03-01T14:00:00Z", "data_sent": sent, "data_received": 1, "updated_at": updated});
        let (old, new) = (row(9, 5, "2026-03-01T14:00:21Z"), row(8, 7, "2026-03-01T15:10:00Z"));
        for rows in [json!([old, new]), json!([new, old])] {
            let (metered, _) = read(rows);
            assert_eq!(totals(&metered).len(), 2, "one hour of six was told");
            assert_eq!(totals(&metered)[1].2, 7 << 10);
        }
    }

    #[test]
    fn an_hour_that_one_card_has_and_another_lacks_is_lacking_from_where_each_is_expected() {
        let hours: Vec<Span> = Window::of_poll(now(), Some(now()), Seconds::hours(6)).hours().collect();
        let lacking = |cards: &[(&str, &[usize])], expected: &[&str]| {
            let mut metered = Metered::default();
            for (card, has) in cards {
                for place in *has {
                    metered.total(None, Meter::TrafficOut, (card, hours[*place]), now(), Bytes::ZERO);
                }
            }
            metered.hold_to_all_sources(&expected.iter().map(ToString::to_string).collect());
            let place = |span: &Span| hours.iter().position(|hour| hour == span).expect("an hour");
            metered.lacking.iter().map(|(_, span)| place(span)).collect::<Vec<_>>()
        };
        let whole: &[usize] = &[0, 1, 2, 3];
        assert!(lacking(&[("a", whole), ("b", whole)], &["a", "b"]).is_empty());
        assert_eq!(lacking(&[("a", whole), ("b", &[0, 2, 3])], &[]), [1]);
        assert_eq!(lacking(&[("a", whole), ("b", &[2, 3])], &[]), [0; 0], "it began with its first hour");
        assert_eq!(lacking(&[("a", whole), ("b", &[2, 3])], &["b"]), [0, 1], "it was read before");
        assert_eq!(lacking(&[("a", whole)], &["a", "b"]), [0, 1, 2, 3], "it is there, and says nothing");
        assert!(
            lacking(&[], &["a", "b"]).is_empty(),
            "off, or late: nothing is known, and nothing is reported"
        );
    }

    #[test]
    fn what_is_no_figure_leaves_its_hour_and_direction_alone() {
        for odd in [json!(-1), json!(1.5), json!(null), json!([7]), json!("many"), json!(1_u64 << 60)] {
            let (metered, any) = read(json!([
                {"stat_time": "2026-03-01T16:00:00Z", "data_sent": odd, "data_received": 3},
                {"stat_time": "2026-03-01T15:00:00Z", "data_sent": 4, "data_received": 5},
            ]));
            assert_eq!((totals(&metered).len(), any), (3, true), "{odd}");
            let (meter, reason, detail) = &metered.unread[0];
            assert_eq!((*meter, *reason), (Some(Meter::TrafficOut), Reason::Unexpected));
            assert!(detail.contains("data_sent"), "{detail}");
        }
        let foreign = json!([{"network_interface_id": 9, "stat_time": "2026-03-01T16:00:00Z", "data_sent": 1, "data_received": 1}]);
        let (metered, any) = read(foreign);
        assert!(!any && metered.readings.is_empty() && metered.unread[0].2.contains("network_interface_id"));
    }
}
