//! The mark at the end of a line's description, by which it is found again in WHMCS.

use std::fmt;

use crate::domain::{BillingPeriod, Meter};

const OPENS: &str = "[whm ";

/// What a line is of. Derived, never drawn: billing the same again makes the same tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// `tblhosting.id`.
    pub service: i64,
    /// The days.
    pub period: BillingPeriod,
    /// What was measured.
    pub meter: Meter,
    /// 0 for the line itself, then its corrections.
    pub correction: u32,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OPENS}{}/{}/{}", self.service, label(self.period), self.meter)?;
        if self.correction > 0 {
            write!(f, "/correction-{}", self.correction)?;
        }
        f.write_str("]")
    }
}

impl Tag {
    /// The last tag of a text, as it stands there: what comes before may be a customer's own words.
    pub fn find(text: &str) -> Option<&str> {
        let tag = &text[text.rfind(OPENS)?..];
        tag.find(']').map(|end| &tag[..=end])
    }
}

/// `2026-03`, or for other spans than a month `2026-03-01..2026-03-16`, the last day not included.
pub(super) fn label(period: BillingPeriod) -> String {
    let month = period.first().month();
    match month.period() == period {
        true => month.to_string(),
        false => format!("{}..{}", period.first(), period.next()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Month, UsageDay};

    #[test]
    fn a_tag_is_derived_and_found_again() {
        let month = Month::parse("2026-03").expect("a month").period();
        let tag = Tag { service: 7731, period: month, meter: Meter::TrafficOut, correction: 0 };
        assert_eq!(tag.to_string(), "[whm 7731/2026-03/traffic_out]");
        let day = |text| UsageDay::parse(text).expect("a day");
        let half = BillingPeriod::new(day("2026-03-01"), day("2026-03-16")).expect("a period");
        let half = Tag { period: half, correction: 2, ..tag };
        assert_eq!(half.to_string(), "[whm 7731/2026-03-01..2026-03-16/traffic_out/correction-2]");
        let spoofed = format!("of [whm 1/x] - {tag} x 1");
        assert_eq!(Tag::find(&spoofed), Some("[whm 7731/2026-03/traffic_out]"));
        assert_eq!([Tag::find("nothing"), Tag::find("[whm open")], [None, None]);
    }
}
