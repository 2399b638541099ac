//! One meter of one account, and what can be said of it.

use super::Moment;
use crate::domain::{Bytes, Meter, Nature, Timestamp};
use crate::metering::{MonthToDate, SeriesBook};

/// One meter of one account as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesStanding {
    /// What is measured.
    pub meter: Meter,
    /// When the panel last measured it: older than the maximum age it is withheld.
    pub at: Timestamp,
    /// The last level (levels only).
    pub level: Option<Bytes>,
    /// The newest month that its present owner has of it, so far.
    pub month: Option<MonthToDate>,
    /// What a counter that must never fall shows: all bytes settled since its name was first seen.
    pub shown: Bytes,
    /// Since when its readings are held back because they jump further than can be.
    pub held_back: Option<Timestamp>,
    /// Since when a level that has collapsed, or a month that is reported as nothing, is not believed.
    pub doubted: Option<Timestamp>,
}

/// Why nothing can be said of a meter now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It was last measured too long ago.
    Stale {
        /// When.
        at: Timestamp,
    },
    /// It was not measured yet in the month that runs: that nothing passed is not known.
    OtherMonth {
        /// When it was measured last.
        at: Timestamp,
    },
    /// Its level was never reported.
    NeverRead,
}

impl SeriesStanding {
    /// What the read side sees of a believed series; nothing before its first reading.
    pub fn of(meter: Meter, series: &SeriesBook, month: Option<MonthToDate>) -> Option<SeriesStanding> {
        Some(SeriesStanding {
            meter,
            at: series.at?,
            level: series.level.map(|belief| belief.level),
            month,
            shown: series.shown,
            held_back: series.implausible.map(|held| held.since),
            doubted: series.doubted.map(|doubted| doubted.at).or_else(|| vanished(series)),
        })
    }

    /// What is known of it at a moment: its level, or what passed in the running month.
    pub fn known(&self, moment: &Moment) -> Result<Bytes, Unknown> {
        match self.meter.nature() {
            Nature::Level => {
                let level = self.level.ok_or(Unknown::NeverRead)?;
                if moment.is_fresh(self.at) { Ok(level) } else { Err(Unknown::Stale { at: self.at }) }
            }
            Nature::Flow => self.running(moment).map(|month| month.amount),
        }
    }

    /// The running month so far. Measured in it and moved by nothing it is a month of nothing.
    pub fn running(&self, moment: &Moment) -> Result<MonthToDate, Unknown> {
        if !moment.is_fresh(self.at) {
            return Err(Unknown::Stale { at: self.at });
        }
        match self.month.filter(|month| month.month == moment.month) {
            Some(month) => Ok(month),
            None if moment.is_in_month(self.at) => Ok(MonthToDate::new(moment.month)),
            None => Err(Unknown::OtherMonth { at: self.at }),
        }
    }
}

/// Since when totals are reported as nothing and not believed.
fn vanished(series: &SeriesBook) -> Option<Timestamp> {
    let doubts = series.periods.values().filter_map(|belief| belief.doubt);
    doubts.filter(|doubt| doubt.count == Bytes::ZERO).map(|doubt| doubt.at).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BillingZone, Month, Seconds};

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn moment(now: &str) -> Moment {
        Moment::new(at(now), BillingZone::parse("Europe/Warsaw").expect("a zone"), Seconds::hours(26))
    }

    fn series(meter: Meter, measured: &str, month: Option<&str>) -> SeriesStanding {
        let amount = Bytes::new(7).expect("fits");
        let month = month
            .map(|month| MonthToDate { amount, ..MonthToDate::new(Month::parse(month).expect("a month")) });
        let level = (meter == Meter::StorageUsed).then_some(amount);
        SeriesStanding {
            meter,
            at: at(measured),
            level,
            month,
            shown: amount,
            held_back: None,
            doubted: None,
        }
    }

    #[test]
    fn never_7_no_number_lies_by_age() {
        let old = series(Meter::StorageUsed, "2026-03-13T09:00:00Z", None);
        assert!(old.known(&moment("2026-03-14T11:00:00Z")).is_ok());
        let stale = Err(Unknown::Stale { at: old.at });
        assert_eq!(old.known(&moment("2026-03-14T11:00:01Z")), stale);
        let flow = series(Meter::TrafficOut, "2026-03-13T09:00:00Z", Some("2026-03"));
        assert_eq!(flow.known(&moment("2026-03-14T11:00:01Z")), stale);
        // Measured in our future: then our clock was wrong when it was asked, and nothing of it is of now.
        assert_eq!(old.known(&moment("2026-03-12T11:00:00Z")), stale);
    }

    #[test]
    fn never_1_a_month_that_nobody_has_read_yet_is_not_zero() {
        // 22:30 UTC is already April in Warsaw; the last reading was in March.
        let march = series(Meter::TrafficOut, "2026-03-31T21:45:00Z", Some("2026-03"));
        assert_eq!(march.known(&moment("2026-03-31T22:30:00Z")), Err(Unknown::OtherMonth { at: march.at }));
        let read = series(Meter::TrafficOut, "2026-03-31T22:15:00Z", Some("2026-03"));
        assert_eq!(read.known(&moment("2026-03-31T22:30:00Z")), Ok(Bytes::ZERO), "read, and nothing passed");
    }
}
