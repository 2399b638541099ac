//! One client's month as the panel reports it: bytes per calendar day and direction.
//!
//! Pure. A day that does not say whole bytes is unknown; no figure is ever guessed from another.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

use super::wire::excerpt;
use crate::backends::kit::json::{field, keys, rows, type_of, whole};
use crate::domain::{Bytes, Meter, Month, UsageDay};

const DATE: [&str; 3] = ["date", "day", "Date"];
/// `download` is what the customer downloads: it leaves the panel (PUQVPNCP doc/20. API, "VPN accounts").
const DOWN: [&str; 4] = ["traffic_download", "download", "down", "bytes_download"];
const UP: [&str; 4] = ["traffic_upload", "upload", "up", "bytes_upload"];
const DAYS: [&str; 5] = ["days", "daily", "traffic", "stats", "items"];
const TOTAL_DOWN: [&str; 3] = ["total_download", "download_total", "traffic_download_total"];
const TOTAL_UP: [&str; 3] = ["total_upload", "upload_total", "traffic_upload_total"];

/// Each meter with the names its figure goes by.
pub(super) const METERS: [(Meter, &[&str]); 2] = [(Meter::TrafficOut, &DOWN), (Meter::TrafficIn, &UP)];

/// Bytes, or what came in their place.
pub(super) type Figure = Result<Bytes, String>;
/// Download and upload, as [`METERS`] orders them.
pub(super) type Pair = [Figure; 2];

/// What a month's answer reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MonthTraffic {
    /// Figures per day; `strange` rows are of no day of this month.
    Days { days: BTreeMap<UsageDay, Pair>, strange: Vec<String> },
    /// The whole month at once, and no days.
    Total(Pair),
    /// Nothing: no traffic at all, where the client is known to exist.
    Nothing,
}

impl MonthTraffic {
    /// Reads the content of an answer about `month`.
    pub fn read(payload: &Value, month: Month) -> Result<MonthTraffic, String> {
        if let Some(object) = payload.as_object()
            && let (Some(down), Some(up)) = (field(object, &TOTAL_DOWN), field(object, &TOTAL_UP))
            && field(object, &DAYS).is_none()
        {
            return Ok(MonthTraffic::Total([down, up].map(|(name, value)| bytes(name, value))));
        }
        let rows = rows(payload, &DAYS).ok_or_else(|| {
            let top = payload.as_object().map(|object| format!(" with {}", keys(object)));
            format!("expected a list of days, got {}{}", type_of(payload), top.unwrap_or_default())
        })?;
        if rows.is_empty() {
            return Ok(MonthTraffic::Nothing);
        }
        let (mut days, mut strange) = (BTreeMap::new(), Vec::new());
        for (key, row) in rows {
            match read_day(key, row, month) {
                Ok((day, pair)) => add(&mut days, day, pair),
                Err(why) => strange.push(why),
            }
        }
        Ok(MonthTraffic::Days { days, strange })
    }

    /// Whether it reports no byte at all: nothing moved, or the panel keeps this month no longer.
    pub fn is_all_zero(&self) -> bool {
        match self {
            MonthTraffic::Days { days, strange } => {
                let is_zero = |figure: &Figure| *figure == Ok(Bytes::ZERO);
                strange.is_empty() && days.values().flatten().all(is_zero)
            }
            MonthTraffic::Total(pair) => pair.iter().all(|figure| *figure == Ok(Bytes::ZERO)),
            MonthTraffic::Nothing => true,
        }
    }
}

fn read_day(key: Option<&str>, row: &Value, month: Month) -> Result<(UsageDay, Pair), String> {
    let Value::Object(object) = row else {
        return Err(format!("a day is {}, expected an object", type_of(row)));
    };
    let answered = field(object, &DATE).map(|(_, value)| value.clone()).or(key.map(Value::from));
    let answered = answered.ok_or_else(|| format!("a day has no date among {}", keys(object)))?;
    let day = date(&answered, month).ok_or_else(|| format!("{answered} is not a day of {month}"))?;
    Ok((day, METERS.map(|(_, names)| figure(object, names))))
}

/// `2026-04-15`, RFC 3339 in the panel's own offset, or the bare number of a day.
fn date(answered: &Value, month: Month) -> Option<UsageDay> {
    let text = answered.as_str().unwrap_or_default();
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.date_naive()));
    let day = match date {
        Ok(date) => UsageDay::new(date),
        Err(_) => {
            let after_first = chrono::Days::new(whole(answered)?.checked_sub(1)?);
            UsageDay::new(month.first().date().checked_add_days(after_first)?)
        }
    };
    (day.month() == month).then_some(day)
}

fn figure(object: &Map<String, Value>, names: &[&'static str]) -> Figure {
    match field(object, names) {
        Some((name, value)) => bytes(name, value),
        // `rx` and `tx` mean opposite things on either side of a tunnel: they are not guessed.
        None => Err(format!("no {} among {}", names[0], keys(object))),
    }
}

fn bytes(name: &str, value: &Value) -> Figure {
    let shown = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", excerpt(text)),
        other => type_of(other).to_string(),
    };
    let wrong = || format!("{name} is {shown}, expected whole bytes up to 2^63");
    whole(value).and_then(|count| Bytes::new(count).ok()).ok_or_else(wrong)
}

/// Two entries for one day are two networks or protocols: their sum is the day's.
fn add(days: &mut BTreeMap<UsageDay, Pair>, day: UsageDay, pair: Pair) {
    let sum = match days.remove(&day) {
        None => pair,
        Some([down, up]) => {
            let [more_down, more_up] = pair;
            [plus(down, more_down), plus(up, more_up)]
        }
    };
    days.insert(day, sum);
}

fn plus(one: Figure, other: Figure) -> Figure {
    one?.checked_add(other?).ok_or_else(|| "the entries of the day sum to more than 2^63 bytes".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn month(text: &str) -> Month {
        Month::parse(text).expect("a month")
    }

    fn days(payload: Value, of: &str) -> (BTreeMap<String, Pair>, Vec<String>) {
        match MonthTraffic::read(&payload, month(of)).expect("understood") {
            MonthTraffic::Days { days, strange } => {
                (days.into_iter().map(|(day, pair)| (day.to_string(), pair)).collect(), strange)
            }
            other => panic!("{other:?}"),
        }
    }

    fn pair(down: u64, up: u64) -> Pair {
        [down, up].map(|count| Ok(Bytes::new(count).expect("fits")))
    }

    #[test]
    fn the_samples_of_both_generations_are_read() {
        let first: Value = serde_json::from_str(include_str!("testdata/traffic.v1.json")).expect("JSON");
        let (read, strange) = days(first["msg"].clone(), "2026-04");
        assert_eq!((read.len(), strange.len()), (30, 0));
        assert_eq!(read["2026-04-02"], pair(1_002_438_656, 87_031_808));
        assert_eq!(read["2026-04-30"], pair(0, 0));
        let second: Value = serde_json::from_str(include_str!("testdata/traffic.v2.json")).expect("JSON");
        let (read, _) = days(second["data"].clone(), "2026-04");
        assert_eq!(read["2026-04-16"], pair(524_288_000, 41_943_040));
    }

    #[test]
    fn days_come_in_every_known_shape() {
        let day = json!({"download": "7", "up": 8});
        for payload in [
            json!([{"day": 3, "down": 7, "bytes_upload": "8"}]),
            json!([{"Date": "2026-02-03T00:00:00+01:00", "traffic_download": 7, "traffic_upload": 8}]),
            json!({"2026-02-03": day}),
            json!({"3": day, "03": {"download": 0, "upload": 0}}),
            json!({"daily": [{"day": "3", "download": 4, "upload": 8}, {"date": "2026-02-03", "download": 3, "upload": 0}]}),
        ] {
            let (read, strange) = days(payload.clone(), "2026-02");
            assert_eq!((read.len(), &strange), (1, &vec![]), "{payload}");
            assert_eq!(read["2026-02-03"], pair(7, 8), "{payload}");
        }
        let (read, strange) = days(
            json!([{"day": 29, "down": 1, "up": 1}, {"date": "2026-03-01", "down": 1, "up": 1}, {"down": 1}, 7]),
            "2026-02",
        );
        assert_eq!((read.len(), strange.len()), (0, 4), "{strange:?}");
    }

    #[test]
    fn nothing_and_totals_are_told_apart() {
        assert_eq!(MonthTraffic::read(&Value::Null, month("2026-02")), Ok(MonthTraffic::Nothing));
        assert_eq!(MonthTraffic::read(&json!([]), month("2026-02")), Ok(MonthTraffic::Nothing));
        let total = json!({"total_download": 5, "total_upload": "6"});
        assert_eq!(MonthTraffic::read(&total, month("2026-02")), Ok(MonthTraffic::Total(pair(5, 6))));
        let error = MonthTraffic::read(&json!({"month": 2}), month("2026-02")).expect_err("no days");
        assert!(error.contains("[month]"), "{error}");
    }

    #[test]
    fn what_is_no_count_is_named_and_spoils_one_direction_of_one_day() {
        for strange in
            [json!(-1), json!(1.5), json!(null), json!([7]), json!("1e3"), json!(u64::MAX), json!(true)]
        {
            let (read, _) =
                days(json!([{"day": 1, "traffic_download": strange, "traffic_upload": 8}]), "2026-02");
            let [down, up] = &read["2026-02-01"];
            assert!(down.as_ref().expect_err("no count").contains("traffic_download"), "{strange}");
            assert_eq!(up.as_ref().map(|bytes| bytes.get()), Ok(8));
        }
        let (read, _) = days(json!([{"day": 1, "rx": 5, "tx": 6}]), "2026-02");
        assert!(read["2026-02-01"][0].as_ref().expect_err("not guessed").contains("[day, rx, tx]"));
    }

    proptest! {
        #[test]
        fn entries_of_one_day_sum_to_the_byte(parts in proptest::collection::vec((0..1_u64 << 40, 0..1_u64 << 40), 1..9)) {
            let rows: Vec<Value> = parts.iter().map(|(down, up)| json!({"day": 5, "down": down, "up": up})).collect();
            let (read, _) = days(json!(rows), "2026-02");
            let sum = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            prop_assert_eq!(&read["2026-02-05"], &pair(sum.0, sum.1));
        }

        #[test]
        fn no_answer_is_read_into_another_month(day in 0_u64..60, text in "[0-9-]{0,12}") {
            let payload = json!([{"day": day, "down": 1, "up": 1}, {"date": text, "down": 1, "up": 1}]);
            if let Ok(MonthTraffic::Days { days, .. }) = MonthTraffic::read(&payload, month("2026-02")) {
                prop_assert!(days.keys().all(|day| day.month() == month("2026-02")));
            }
        }
    }
}
