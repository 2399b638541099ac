//! docs/numbers.md, run: every worked example of the page is settled, and comes to what the page says.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{NaiveDateTime, TimeZone, Utc};
use whmeter::domain::{
    AccountName, BillingZone, ByteMinutes, Bytes, Epoch, Harvest, Meter, Minutes, Month, Nature, Reading,
    Seconds, Source, Span, Timestamp, UsageDay,
};
use whmeter::metering::{Book, Bounds, SettleRules, settle};
use whmeter::reported::{Base, Unit, decimal, unit_months};

/// What settling has come to.
struct Ledger {
    rules: SettleRules,
    book: Book,
    days: BTreeMap<UsageDay, Day>,
    notes: Vec<&'static str>,
}

#[derive(Default)]
struct Day {
    moved: i128,
    level: Option<Bytes>,
    held: ByteMinutes,
    covered: u64,
}

impl Ledger {
    fn new() -> Ledger {
        let zone = BillingZone::parse("Europe/Warsaw").unwrap();
        let rules = SettleRules { zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        Ledger { rules, book: Book::default(), days: BTreeMap::new(), notes: Vec::new() }
    }

    fn take(&mut self, meter: Meter, reading: Reading) {
        let (mut harvest, asked) = (Harvest::new(), reading.at());
        harvest.add_reading(&AccountName::new("example").unwrap(), meter, reading);
        harvest.listed_everyone();
        let settled = settle(&self.book, &harvest, asked, &self.rules);
        for ((_, day), change) in settled.changes.iter().flat_map(|change| change.days.iter()) {
            let sum = self.days.entry(*day).or_default();
            sum.moved += change.added;
            sum.level = change.level.or(sum.level);
            sum.held += change.held;
            sum.covered += change.covered.get();
        }
        self.notes.extend(settled.notes.iter().map(|noted| noted.note.name()));
        self.book = self.book.after(&settled);
    }

    /// What is known of a day or a month by a word of the page.
    fn shown(&self, of: &str, when: &str, what: &str) -> String {
        let gib = Unit::GB.bytes(Base::default());
        let moved = |bytes: i128| decimal(Bytes::from_wide(bytes).unwrap(), gib).to_string();
        if of == "month" {
            let month = Month::parse(when).unwrap();
            let days = self.days.iter().filter(|(day, _)| day.month() == month).map(|(_, day)| day);
            return match what {
                "bytes" => moved(days.map(|day| day.moved).sum()),
                "gb-months" => {
                    let held = days.fold(ByteMinutes::default(), |mut sum, day| {
                        sum += day.held;
                        sum
                    });
                    let minutes: Minutes = self.rules.zone.minutes_of(month.period());
                    unit_months(held, gib, minutes).unwrap().to_string()
                }
                other => panic!("{other} of a month"),
            };
        }
        let nothing = Day::default();
        let day = self.days.get(&UsageDay::parse(when).unwrap()).unwrap_or(&nothing);
        match what {
            "bytes" => moved(day.moved),
            "last" => decimal(day.level.unwrap(), gib).to_string(),
            "minutes" => day.covered.to_string(),
            other => panic!("{other} of a day"),
        }
    }

    /// A time of the page: UTC where it ends in `Z`, else of the billing zone.
    fn time(&self, text: &str) -> Timestamp {
        let (text, utc) = (text.trim_end_matches('Z').replace('T', " "), text.ends_with('Z'));
        let clock = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").unwrap();
        let at = match utc {
            true => Utc.from_utc_datetime(&clock),
            false => self.rules.zone.tz().from_local_datetime(&clock).unwrap().to_utc(),
        };
        Timestamp::from_utc(at).unwrap()
    }

    /// A line that says what a panel answered: a time, a meter, and a reading.
    fn answer(&mut self, line: &str) {
        let is_utc = line.split(' ').next().unwrap().ends_with('Z');
        let words: Vec<&str> = line.split(' ').collect();
        let (at, rest) = match is_utc {
            true => (self.time(words[0]), &words[1..]),
            false => (self.time(&words[..2].join(" ")), &words[2..]),
        };
        let (meter, amount): (Meter, Bytes) = (rest[0].parse().unwrap(), bytes(rest[2], rest[3]));
        let source = Source::default();
        let reading = match (rest[1], rest.get(4).copied()) {
            ("level", None) => Reading::Gauge { at, level: amount },
            ("counter", None) => Reading::Counter { source, at, epoch: Epoch::Silent, count: amount },
            ("counter", Some("running")) => {
                let epoch = Epoch::Running(Seconds::new(rest[5].parse().unwrap()));
                Reading::Counter { source, at, epoch, count: amount }
            }
            ("counter", Some("since")) => {
                let epoch = Epoch::Since(self.time(&rest[5..].join(" ")));
                Reading::Counter { source, at, epoch, count: amount }
            }
            ("total", Some("of")) => {
                let of = rest[5..].join(" ");
                let (start, end) = of.split_once("..").unwrap();
                let span = Span::new(self.time(start), self.time(end)).unwrap();
                Reading::PeriodTotal { source, at, span, total: amount }
            }
            _ => panic!("not understood: {line}"),
        };
        assert_eq!(meter.nature() == Nature::Level, matches!(reading, Reading::Gauge { .. }), "{line}");
        self.take(meter, reading);
    }

    /// A line that says what it comes to.
    fn compare(&self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["note", note] = words[..] {
            assert!(self.notes.contains(&note), "{line}: {:?}", self.notes);
            return;
        }
        assert!(words.len() >= 4 && words.len().is_multiple_of(2), "not understood: {line}");
        for said in words[2..].chunks(2) {
            assert_eq!(self.shown(words[0], words[1], said[0]), said[1], "{line}");
        }
    }
}

fn bytes(number: &str, unit: &str) -> Bytes {
    let of = match unit {
        "B" => 1,
        "GiB" => 1 << 30,
        other => panic!("unit {other}"),
    };
    Bytes::new(number.parse::<u64>().unwrap() * of).unwrap()
}

#[test]
fn every_worked_example_comes_to_what_the_page_says() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/numbers.md")).unwrap();
    let (mut examples, mut compared) = (0, 0);
    for block in page.split("```numbers\n").skip(1) {
        let mut ledger = Ledger::new();
        examples += 1;
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("= ") {
                Some(said) => {
                    ledger.compare(said);
                    compared += 1;
                }
                None => ledger.answer(line),
            }
        }
    }
    assert!(examples >= 18 && compared >= 40, "{examples} examples, {compared} lines");
}
