//! Days of traffic, as `get_traffic` shows them, and what may be made of a day that is not there. Pure.

use std::collections::BTreeMap;

use super::readings::{Of, Putting};
use super::window::Window;
use super::wire::Element;
use crate::domain::{Bytes, Harvest, Meter, UsageDay};
use crate::http::excerpt;

/// The two directions, each with its four columns; `in` is towards the server.
pub(super) const WAYS: [(Meter, [&str; 4]); 2] = [
    (Meter::TrafficIn, ["http_in", "ftp_in", "smtp_in", "pop3_imap_in"]),
    (Meter::TrafficOut, ["http_out", "ftp_out", "smtp_out", "pop3_imap_out"]),
];

/// How much of a strange date is shown.
const SHOWN: usize = 40;

/// Bytes in and out of one day, each or what is wrong with it.
pub(super) type Ways = [Result<Bytes, String>; 2];

/// The days of one subscription or site.
#[derive(Clone, Debug, Default)]
pub(super) struct Days {
    days: BTreeMap<UsageDay, Ways>,
    /// Rows that are of no day.
    strange: Vec<String>,
}

impl Days {
    /// Reads the rows of a result.
    pub fn read(result: &Element) -> Days {
        let mut read = Days::default();
        for row in result.all("traffic") {
            let date = row.text("date").unwrap_or_default();
            let Ok(day) = UsageDay::parse(date) else {
                read.strange.push(format!("a row is of the date {:?}", excerpt(date, SHOWN)));
                continue;
            };
            let ways = WAYS.map(|(_, columns)| sum(row, columns));
            read.days
                .entry(day)
                .and_modify(|twice| *twice = twice.clone().map(|_| Err("the day is there twice".to_string())))
                .or_insert(ways);
        }
        read
    }

    /// The newest day of it.
    pub fn latest(&self) -> Option<UsageDay> {
        self.days.keys().next_back().copied()
    }

    /// All bytes of it, of days that could be read.
    pub fn total(&self) -> u128 {
        let read = self.days.values().flatten().flatten();
        read.map(|bytes| u128::from(bytes.get())).sum()
    }

    /// Puts in the days that are there, and those alone: in the past a missing day may be a forgotten one.
    pub fn put_found(
        &self,
        of: Of<'_>,
        window: Window,
        wanted: impl Fn(UsageDay) -> bool,
        harvest: &mut Harvest,
    ) {
        let mut put = Putting::new(of, window, harvest);
        self.days.iter().filter(|(day, _)| wanted(**day)).for_each(|(day, ways)| put.day(*day, ways));
        put.done(&self.strange, false);
    }

    /// Puts in every day of a poll: found, surely without a byte, or unread. `made` is the day it was made on.
    pub fn put(
        &self,
        of: Of<'_>,
        window: Window,
        made: Option<UsageDay>,
        others: &Evidence,
        harvest: &mut Harvest,
    ) {
        let mut put = Putting::new(of, window, harvest);
        let none: Ways = [Ok(Bytes::ZERO), Ok(Bytes::ZERO)];
        for day in window.days() {
            match self.days.get(&day) {
                Some(ways) => put.day(day, ways),
                None if made.is_some_and(|made| day < made) => {}
                None if others.shows(day, self, window) => put.day(day, &none),
                // Statistics of the day have run, as its own later days show, and nobody else proves that it was quiet.
                None if day < window.today() && self.latest().is_some_and(|latest| latest > day) => {
                    let why = "the day is not there, and no other subscription shows that it was counted";
                    put.day(day, &[Err(why.into()), Err(why.into())]);
                }
                // Not counted yet.
                None => {}
            }
        }
        for (day, ways) in self.days.range(window.today().next().next()..) {
            if ways.iter().any(|way| way.as_ref().is_ok_and(|bytes| *bytes > Bytes::ZERO)) {
                let why = "still in the future there and has bytes; is timezone the panel's?";
                put.wrong(*day, [why, why].map(Some));
            }
        }
        put.done(&self.strange, true);
    }
}

fn sum(row: &Element, columns: [&str; 4]) -> Result<Bytes, String> {
    columns.iter().try_fold(Bytes::ZERO, |sum, column| {
        sum.checked_add(row.bytes(column)?).ok_or_else(|| format!("{column} and the others are too much"))
    })
}

/// Which days the answer has rows of: a day without a row counts as nothing only where others show that it was counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// How many have a row of a day.
    on: BTreeMap<UsageDay, usize>,
    /// How many have it as their newest.
    latest: BTreeMap<UsageDay, usize>,
}

impl Evidence {
    /// Takes in the days of one subscription.
    pub fn add(&mut self, days: &Days) {
        days.days.keys().for_each(|day| *self.on.entry(*day).or_default() += 1);
        if let Some(latest) = days.latest() {
            *self.latest.entry(latest).or_default() += 1;
        }
    }

    /// The newest day that anybody has a row of.
    pub fn newest(&self) -> Option<UsageDay> {
        self.latest.keys().next_back().copied()
    }

    /// Whether somebody other than `own` shows that a day was counted, by a row of it; of the last days also by a row of
    /// a later one, because nothing of them is forgotten yet.
    fn shows(&self, day: UsageDay, own: &Days, window: Window) -> bool {
        let others_on = self.on.get(&day).copied().unwrap_or_default();
        if others_on > usize::from(own.days.contains_key(&day)) {
            return true;
        }
        let later: usize = self.latest.range(day..).map(|(_, count)| count).sum();
        window.is_recent(day) && later > usize::from(own.latest().is_some_and(|latest| latest >= day))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Packet;
    use super::*;
    use crate::domain::{AccountName, BillingZone, Reading, Source, Timestamp};

    const ROW: &str = "<http_in>1</http_in><http_out>10</http_out><ftp_in>2</ftp_in><ftp_out>20</ftp_out><smtp_in>3</smtp_in>\
                       <smtp_out>30</smtp_out><pop3_imap_in>4</pop3_imap_in><pop3_imap_out>40</pop3_imap_out>";

    fn days(rows: &[(&str, &str)]) -> Days {
        let rows: String =
            rows.iter().map(|(date, row)| format!("<traffic><date>{date}</date>{row}</traffic>")).collect();
        let body = format!("<packet><a><b><result>{rows}</result></b></a></packet>");
        let mut read = None;
        Packet::read(body.as_bytes(), |result| read = Some(Days::read(&result))).expect("a packet");
        read.expect("a result")
    }

    /// What comes of it in a poll on 2026-11-21: bytes in by day, and why any is unread.
    fn put(own: &Days, others: &[&Days], made: Option<&str>) -> (Vec<(String, u64)>, Option<String>) {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let now = Timestamp::new(1_795_226_400).expect("in range");
        let window = Window { zone, now, first: UsageDay::parse("2026-11-15").expect("a day") };
        let mut evidence = Evidence::default();
        others.iter().chain([&own]).for_each(|days| evidence.add(days));
        let (account, source) = (AccountName::new("a.example").expect("a name"), Source::default());
        let mut harvest = Harvest::new();
        let made = made.map(|day| UsageDay::parse(day).expect("a day"));
        own.put(Of { account: &account, source: &source }, window, made, &evidence, &mut harvest);
        let harvested = &harvest.accounts()[&account];
        let read = harvested.readings.iter().filter_map(|(meter, reading)| match reading {
            Reading::PeriodTotal { span, total, .. } if *meter == Meter::TrafficIn => {
                Some((zone.day_of(span.start()).to_string()[8..].to_string(), total.get()))
            }
            _ => None,
        });
        (read.collect(), harvested.unread.first().map(|unread| unread.detail.clone()))
    }

    fn shown(read: &[(String, u64)]) -> String {
        read.iter().map(|(day, bytes)| format!("{day}:{bytes}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn four_columns_each_way_are_one_total() {
        let own = days(&[("2026-11-20", ROW)]);
        assert_eq!(
            own.days.values().next(),
            Some(&[Bytes::new(10).map_err(|_| String::new()), Bytes::new(100).map_err(|_| String::new())])
        );
        assert_eq!(own.total(), 110);
    }

    #[test]
    fn a_missing_day_is_nothing_only_where_another_shows_that_it_was_counted() {
        let (empty, twentieth) = (days(&[]), days(&[("2026-11-20", ROW)]));
        // Nobody shows anything.
        let (read, why) = put(&empty, &[], None);
        assert!(read.is_empty() && why.is_some_and(|why| why.contains("no day of it")), "{read:?}");
        // Another's row of the 20th counts for it and for the days before that are surely not forgotten.
        let (read, why) = put(&empty, &[&twentieth], None);
        assert_eq!((shown(&read), why), ("18:0 19:0 20:0".into(), None));
        let (read, why) = put(&empty, &[&days(&[("2026-11-16", ROW)]), &twentieth], Some("2026-11-16"));
        assert_eq!((shown(&read), why), ("16:0 18:0 19:0 20:0".into(), None));
        let (read, _) = put(&empty, &[&twentieth], Some("2026-11-19"));
        assert_eq!(shown(&read), "19:0 20:0", "not before it was made");
        // Its own rows prove nothing of its own gaps.
        let (read, why) = put(&days(&[("2026-11-18", ROW), ("2026-11-20", ROW)]), &[], None);
        assert_eq!(shown(&read), "18:10 20:10");
        assert!(
            why.as_ref().is_some_and(|why| why.starts_with("2026-11-15:") && why.contains("3 more")),
            "{why:?}"
        );
        // Today is not counted yet: that is no trouble.
        let (read, why) =
            put(&days(&[("2026-11-19", ROW), ("2026-11-20", ROW)]), &[&twentieth], Some("2026-11-19"));
        assert_eq!((shown(&read), why), ("19:10 20:10".into(), None));
    }

    #[test]
    fn what_is_no_figure_is_named_and_the_other_days_are_read() {
        let bad = ROW.replace("<smtp_in>3</smtp_in>", "<smtp_in>-3</smtp_in>");
        let whole = days(&[("2026-11-19", &bad), ("2026-11-20", ROW)]);
        let (read, why) = put(&whole, &[&whole], Some("2026-11-18"));
        assert!(shown(&read).ends_with("18:0 20:10"), "{}", shown(&read));
        assert!(why.is_some_and(|why| why == "2026-11-19: smtp_in is \"-3\", not a whole number"));
        let lacking = ROW.replace("<ftp_in>2</ftp_in>", "");
        let (_, why) = put(&days(&[("2026-11-20", &lacking)]), &[&whole], Some("2026-11-18"));
        assert!(why.is_some_and(|why| why == "2026-11-20: ftp_in is absent"));
        let (read, why) =
            put(&days(&[("2026-11-20", ROW), ("2026-11-20", ROW)]), &[&whole], Some("2026-11-18"));
        assert!(!shown(&read).contains("20:") && why.is_some_and(|why| why.contains("twice")));
        let (_, why) = put(&days(&[("20.11.2026", ROW), ("2026-11-20", ROW)]), &[&whole], Some("2026-11-18"));
        assert!(why.is_some_and(|why| why.contains("20.11.2026")));
        let (_, why) = put(&days(&[("2026-11-20", ROW), ("2026-11-23", ROW)]), &[&whole], Some("2026-11-18"));
        assert!(why.is_some_and(|why| why.contains("2026-11-23: still in the future")));
        let (_, why) = put(&days(&[("2026-11-20", ROW), ("2026-11-22", ROW)]), &[&whole], Some("2026-11-18"));
        assert_eq!(why, None, "tomorrow may have begun there");
    }
}
