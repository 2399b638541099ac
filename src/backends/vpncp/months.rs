//! Which months a panel is asked for, and which of its days may be believed.
//!
//! Pure. A panel forgets months (`traffic_statistics_history`) and then shows them as zeros: a zero
//! counts only where the month is surely kept.

use chrono::Datelike;

use crate::domain::{BillingZone, Month, Span, Timestamp, UsageDay};

/// How far back anything is asked, in months.
const FARTHEST: u64 = 12;
/// While the local day is at most this, last days of the previous month may still be late.
const LATE_DAYS: u32 = 2;

/// The panel's days, as seen at one time of asking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    pub zone: BillingZone,
    pub now: Timestamp,
    /// How many months the panel keeps, the running one among them; `None` when it does not report.
    pub kept: Option<u64>,
}

/// The months to ask for, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub months: Vec<Month>,
    /// Whether to stop at a month that reports nothing: how much there is to find is not known.
    pub explores: bool,
    /// Only days that touch this span are wanted; all when absent.
    pub only: Option<Span>,
}

impl Calendar {
    /// The running day at the panel.
    pub fn today(&self) -> UsageDay {
        self.zone.day_of(self.now)
    }

    /// Whether the panel surely still has this month, so that a zero in it is a real one.
    pub fn surely_keeps(&self, month: Month) -> bool {
        let behind = self.back().take_while(|other| *other > month).count() as u64;
        behind == 0 || self.kept.is_some_and(|kept| behind < kept)
    }

    /// What a poll asks: the running month, the one before while it may change, and all months since a
    /// gap began; on first contact as far back as there is something.
    pub fn for_poll(&self, since: Option<Timestamp>) -> Plan {
        let Some(since) = since else {
            return Plan { months: self.within_reach().collect(), explores: true, only: None };
        };
        let late = if self.today().date().day() <= LATE_DAYS { 2 } else { 1 };
        let first = self.zone.day_of(since).month();
        let months = self.within_reach().enumerate();
        let months = months.take_while(|(index, month)| *index < late || *month >= first);
        Plan { months: months.map(|(_, month)| month).collect(), explores: false, only: None }
    }

    /// What a backfill of a span asks: the months it touches, as far as the panel may still have them.
    pub fn for_past(&self, span: Span) -> Plan {
        let first = self.zone.day_of(span.start()).month();
        let touched = |month: &Month| self.zone.start_of(month.first()) < span.end();
        let months = self.within_reach().take_while(|month| *month >= first).filter(touched);
        Plan { months: months.collect(), explores: false, only: Some(span) }
    }

    /// One month more than the panel says it keeps: whether it counts the running one is not written
    /// anywhere.
    fn within_reach(&self) -> impl Iterator<Item = Month> + use<> {
        let reach = self.kept.map_or(FARTHEST, |kept| kept.saturating_add(1).min(FARTHEST));
        self.back().take(reach as usize)
    }

    /// The running month and all before it.
    fn back(&self) -> impl Iterator<Item = Month> + use<> {
        let before = |month: &Month| Some(month.first().minus_days(1).month());
        std::iter::successors(Some(self.today().month()), before)
    }
}

impl Plan {
    /// Whether a day is among those wanted.
    pub fn wants(&self, day: Span) -> bool {
        self.only.is_none_or(|only| only.overlap(day).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn calendar(now: &str, kept: Option<u64>) -> Calendar {
        Calendar { zone: BillingZone::parse("Asia/Tokyo").expect("a zone"), now: at(now), kept }
    }

    fn months(plan: &Plan) -> String {
        plan.months.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_poll_asks_what_may_have_changed() {
        let usual = calendar("2026-11-21T02:00:00Z", Some(2));
        assert_eq!(months(&usual.for_poll(Some(at("2026-11-21T01:00:00Z")))), "2026-11");
        // In Tokyo it is December already, and the last day of November may still grow.
        let turned = calendar("2026-11-30T15:00:01Z", Some(2));
        assert_eq!(months(&turned.for_poll(Some(at("2026-11-30T14:00:00Z")))), "2026-12 2026-11");
        let later = calendar("2026-12-02T15:00:01Z", Some(2));
        assert_eq!(months(&later.for_poll(Some(at("2026-12-02T14:00:00Z")))), "2026-12");
        assert_eq!(months(&later.for_poll(Some(at("2026-11-30T14:59:59Z")))), "2026-12 2026-11");
    }

    #[test]
    fn the_past_is_asked_for_as_far_as_it_is_kept() {
        let known = calendar("2026-02-21T02:00:00Z", Some(2));
        assert_eq!(months(&known.for_poll(None)), "2026-02 2026-01 2025-12");
        assert!(known.for_poll(None).explores);
        assert_eq!(months(&known.for_poll(Some(at("2025-03-01T00:00:00Z")))), "2026-02 2026-01 2025-12");
        let unknown = calendar("2026-02-21T02:00:00Z", None);
        assert_eq!(unknown.for_poll(None).months.len(), 12);
        let past = Span::new(at("2026-01-05T00:00:00Z"), at("2026-01-31T15:00:00Z")).expect("a span");
        // The end is midnight in Tokyo: February is not touched.
        assert_eq!(months(&known.for_past(past)), "2026-01");
        assert!(!known.for_past(past).wants(known.zone.span_of(known.today()).expect("a day")));
    }

    #[test]
    fn zeros_are_believed_only_where_a_month_is_surely_kept() {
        let month = |text| Month::parse(text).expect("a month");
        for (kept, believed) in
            [(None, [true, false, false]), (Some(1), [true, false, false]), (Some(2), [true, true, false])]
        {
            let calendar = calendar("2026-02-21T02:00:00Z", kept);
            let shown = ["2026-02", "2026-01", "2025-12"].map(|text| calendar.surely_keeps(month(text)));
            assert_eq!(shown, believed, "{kept:?}");
        }
    }
}
