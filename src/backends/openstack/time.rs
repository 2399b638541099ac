//! Times as the services write them: UTC with `Z`, with an offset, or without any zone. Pure.

use chrono::{DateTime, NaiveDateTime};

use crate::domain::Timestamp;

/// A time; a naive one is UTC.
pub(super) fn parsed(text: &str) -> Option<Timestamp> {
    let aware = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp());
    let seconds = aware.ok().or_else(|| {
        let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        naive
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .map(|time| time.and_utc().timestamp())
    })?;
    Timestamp::new(seconds).ok()
}

/// A time as a query has it: naive, because a `+` in a query is a blank.
pub(super) fn written(time: Timestamp) -> String {
    time.to_utc().format("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_three_forms_and_leave_in_one() {
        for text in [
            "2026-03-01T12:05:22.000000Z",
            "2026-03-01T12:05:22+00:00",
            "2026-03-01T13:05:22.999999+01:00",
            "2026-03-01T12:05:22.000000",
            "2026-03-01T12:05:22",
        ] {
            assert_eq!(parsed(text).map(written).as_deref(), Some("2026-03-01T12:05:22"), "{text}");
        }
        assert_eq!(parsed("yesterday"), None);
    }
}
