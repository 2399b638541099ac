//! Days and months as the billing time zone cuts them: 23, 24 or 25 hours, whatever the clocks do.

use std::fmt;

use chrono::{Datelike, Duration, LocalResult, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::time::{InvalidTime, Minutes, Span, Timestamp};

/// A calendar day in the billing time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageDay(NaiveDate);

impl UsageDay {
    /// 1970-01-01: before any day that was ever measured.
    pub const FIRST: UsageDay = UsageDay(NaiveDate::from_yo_opt(1970, 1).expect("a date"));

    /// The day with this date.
    pub fn new(date: NaiveDate) -> UsageDay {
        UsageDay(date)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<UsageDay, InvalidTime> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(UsageDay)
            .map_err(|_| InvalidTime::new("day", text, "a date like 2026-11-20"))
    }

    /// Its date.
    pub fn date(self) -> NaiveDate {
        self.0
    }

    /// The form the databases store: 20261120.
    pub fn number(self) -> i32 {
        self.0.year() * 10_000 + self.0.month() as i32 * 100 + self.0.day() as i32
    }

    /// Back from [`UsageDay::number`].
    pub fn from_number(number: i32) -> Result<UsageDay, InvalidTime> {
        NaiveDate::from_ymd_opt(number / 10_000, (number / 100 % 100) as u32, (number % 100) as u32)
            .map(UsageDay)
            .ok_or_else(|| InvalidTime::new("day", number, "a date like 20261120"))
    }

    /// The day after.
    pub fn next(self) -> UsageDay {
        UsageDay(self.0.succ_opt().unwrap_or(NaiveDate::MAX))
    }

    /// The day `count` days before.
    pub fn minus_days(self, count: u64) -> UsageDay {
        UsageDay(self.0.checked_sub_days(chrono::Days::new(count)).unwrap_or(NaiveDate::MIN))
    }

    /// The month it lies in.
    pub fn month(self) -> Month {
        Month { year: self.0.year(), month: self.0.month() }
    }
}

impl fmt::Display for UsageDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// A calendar month in the billing time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// Reads `YYYY-MM`.
    pub fn parse(text: &str) -> Result<Month, InvalidTime> {
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d")
            .map(|first| UsageDay(first).month())
            .map_err(|_| InvalidTime::new("month", text, "a month like 2026-11"))
    }

    /// The form the databases store: 202611.
    pub fn number(self) -> i32 {
        self.year * 100 + self.month as i32
    }

    /// Back from [`Month::number`].
    pub fn from_number(number: i32) -> Result<Month, InvalidTime> {
        let day = UsageDay::from_number(number.saturating_mul(100).saturating_add(1));
        day.map(UsageDay::month).map_err(|_| InvalidTime::new("month", number, "a month like 202611"))
    }

    /// Its first day.
    pub fn first(self) -> UsageDay {
        UsageDay(NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or(NaiveDate::MIN))
    }

    /// The month before.
    pub fn before(self) -> Month {
        self.first().minus_days(1).month()
    }

    /// The month after.
    pub fn next(self) -> Month {
        match self.month {
            12 => Month { year: self.year + 1, month: 1 },
            month => Month { year: self.year, month: month + 1 },
        }
    }

    /// Its days.
    pub fn period(self) -> BillingPeriod {
        BillingPeriod { first: self.first(), next: self.next().first() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// Days from `first` up to, not including, `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BillingPeriod {
    first: UsageDay,
    next: UsageDay,
}

impl BillingPeriod {
    /// A period of at least one day.
    pub fn new(first: UsageDay, next: UsageDay) -> Result<BillingPeriod, InvalidTime> {
        if first < next {
            Ok(BillingPeriod { first, next })
        } else {
            Err(InvalidTime::new("period", format!("{first} to {next}"), "one that ends after it starts"))
        }
    }

    /// Its first day.
    pub fn first(self) -> UsageDay {
        self.first
    }

    /// The first day after it.
    pub fn next(self) -> UsageDay {
        self.next
    }

    /// Its days, one after the other.
    pub fn days(self) -> impl Iterator<Item = UsageDay> {
        std::iter::successors(Some(self.first), |day| Some(day.next()))
            .take_while(move |day| *day < self.next)
    }
}

/// Since which day usage is billed by us. What was used before it something else has billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BillFrom(Option<UsageDay>);

impl BillFrom {
    /// From this day on.
    pub fn day(day: UsageDay) -> BillFrom {
        BillFrom(Some(day))
    }

    /// The days of a period that are billed: all of them, its end, or none.
    pub fn billed(self, period: BillingPeriod) -> Option<BillingPeriod> {
        let first = self.0.map_or(period.first, |from| from.max(period.first));
        BillingPeriod::new(first, period.next).ok()
    }

    /// Whether it leaves out any day at all.
    pub fn is_set(self) -> bool {
        self.0.is_some()
    }

    /// The day, where days of a period lie before it.
    pub fn cuts(self, period: BillingPeriod) -> Option<UsageDay> {
        self.0.filter(|from| *from > period.first)
    }
}

impl TryFrom<String> for BillFrom {
    type Error = InvalidTime;
    fn try_from(text: String) -> Result<BillFrom, InvalidTime> {
        UsageDay::parse(&text).map(BillFrom::day)
    }
}

/// The time zone that cuts days and months: WHMCS's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingZone(Tz);

impl BillingZone {
    /// Reads a name of the IANA time zone database, such as `Europe/Warsaw`, however it is capitalised.
    pub fn parse(name: &str) -> Result<BillingZone, InvalidTime> {
        let found = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
        let unknown = || InvalidTime::new("time zone", name, "a name like Europe/Warsaw or UTC");
        found.map(|zone| BillingZone(*zone)).ok_or_else(unknown)
    }

    /// Every name that [`BillingZone::parse`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// Its IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The zone for calendars.
    pub fn tz(self) -> Tz {
        self.0
    }

    /// The billing day `at` lies in.
    pub fn day_of(self, at: Timestamp) -> UsageDay {
        UsageDay(at.to_utc().with_timezone(&self.0).date_naive())
    }

    /// The first instant of `day`: midnight, or where a clock change skips midnight the first
    /// instant that exists, or where it doubles midnight the earlier one.
    pub fn start_of(self, day: UsageDay) -> Timestamp {
        let midnight = day.0.and_time(chrono::NaiveTime::MIN);
        // Clock changes move by quarters of an hour at least; a whole skipped day by 24 hours.
        (0..=26 * 4)
            .find_map(|quarter| {
                match self.0.from_local_datetime(&(midnight + Duration::minutes(15 * quarter))) {
                    LocalResult::Single(start) | LocalResult::Ambiguous(start, _) => Some(start),
                    LocalResult::None => None,
                }
            })
            .and_then(|start| Timestamp::from_utc(start.with_timezone(&Utc)).ok())
            .unwrap_or(Timestamp::EPOCH)
    }

    /// The whole of `day`, 23, 24 or 25 hours; `None` for a day the zone skipped altogether.
    pub fn span_of(self, day: UsageDay) -> Option<Span> {
        Span::new(self.start_of(day), self.start_of(day.next())).ok()
    }

    /// The minutes `period` has.
    pub fn minutes_of(self, period: BillingPeriod) -> Minutes {
        Span::new(self.start_of(period.first), self.start_of(period.next))
            .map_or(Minutes::ZERO, Span::minutes)
    }

    /// The days `span` touches, each with the part of the span that lies in it, in order.
    pub fn cut(self, span: Span) -> impl Iterator<Item = (UsageDay, Span)> {
        let first = self.day_of(span.start());
        std::iter::successors(Some(first), |day| Some(day.next()))
            .take_while(move |day| self.start_of(*day) < span.end())
            .filter_map(move |day| Some((day, self.span_of(day)?.overlap(span)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> UsageDay {
        UsageDay::parse(text).expect("a day")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    #[test]
    fn days_have_23_24_or_25_hours() {
        let warsaw = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let hours = |text| warsaw.span_of(day(text)).expect("exists").seconds().get() / 3600;
        assert_eq!([hours("2026-03-29"), hours("2026-03-30"), hours("2026-10-25")], [23, 24, 25]);
        assert_eq!(warsaw.start_of(day("2026-03-01")), at("2026-02-28T23:00:00Z"));
    }

    #[test]
    fn midnights_that_do_not_exist_or_exist_twice_have_one_answer() {
        // Cuba changes at midnight: 2026-03-08 starts at 01:00, 2026-11-01 has 00:00 twice.
        let havana = BillingZone::parse("America/Havana").expect("a zone");
        assert_eq!(havana.start_of(day("2026-03-08")), at("2026-03-08T05:00:00Z"));
        assert_eq!(havana.start_of(day("2026-11-01")), at("2026-11-01T04:00:00Z"));
        assert_eq!(havana.day_of(at("2026-11-01T04:00:00Z")), day("2026-11-01"));
        // Samoa skipped a whole day when it crossed the date line.
        let apia = BillingZone::parse("Pacific/Apia").expect("a zone");
        assert_eq!(apia.span_of(day("2011-12-30")), None);
    }

    #[test]
    fn a_cut_span_is_covered_without_gap_or_overlap() {
        let warsaw = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let span = Span::new(at("2026-10-23T15:07:11Z"), at("2026-10-27T02:00:00Z")).expect("a span");
        let parts: Vec<_> = warsaw.cut(span).collect();
        assert_eq!(parts.len(), 5);
        assert_eq!(parts[0].1.start(), span.start());
        assert_eq!(parts[4].1.end(), span.end());
        assert!(parts.windows(2).all(|pair| pair[0].1.end() == pair[1].1.start()));
    }

    #[test]
    fn a_period_is_billed_from_a_day_on() {
        let november = Month::parse("2026-11").expect("a month").period();
        let from = |text| BillFrom::day(day(text));
        assert_eq!(BillFrom::default().billed(november), Some(november));
        assert_eq!(from("2026-10-31").billed(november), Some(november));
        assert_eq!(from("2026-11-01").billed(november), Some(november));
        assert_eq!(from("2026-11-30").billed(november).map(|part| part.days().count()), Some(1));
        assert_eq!(from("2026-12-01").billed(november), None, "over before it");
        assert_eq!(from("2026-11-01").cuts(november), None);
        assert_eq!(from("2026-11-02").cuts(november), Some(day("2026-11-02")));
        assert!(BillFrom::try_from("15.11.2026".to_string()).is_err());
    }

    #[test]
    fn numbers_and_texts_come_back() {
        assert_eq!(UsageDay::from_number(20261120), Ok(day("2026-11-20")));
        assert!(UsageDay::from_number(20260230).is_err());
        assert_eq!(Month::from_number(202612).map(Month::next), Month::parse("2027-01"));
        assert!(Month::parse("2026-13").is_err());
        assert_eq!(Month::parse("2026-02").expect("a month").period().days().count(), 28);
    }
}
