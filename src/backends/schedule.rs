//! When each backend is due: intervals on a grid of their own, or cron lines in the billing zone.
//!
//! Due times are instants of the wall clock, worked out anew after each poll, so that a machine that
//! slept polls each backend once and not once for every time it missed. Pure: it is handed the time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds as CronSeconds};

use crate::domain::{BackendId, BillingZone, Seconds, Timestamp};

/// How often a backend is polled.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Every so many seconds, 1 s to 31 d.
    Every(Seconds),
    /// By a cron line, in the billing time zone.
    Cron(Box<Cron>),
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Cron lines of many backends say "on the hour": they are spread over this many seconds.
const CRON_SPREAD: u64 = 10;

impl std::str::FromStr for Schedule {
    type Err = String;
    fn from_str(text: &str) -> Result<Schedule, String> {
        if let Ok(every) = humantime::parse_duration(text) {
            if !(SHORTEST..=LONGEST).contains(&every) {
                return Err(format!("{text:?} is not between 1s and 31d"));
            }
            return Ok(Schedule::Every(Seconds::new(every.as_secs())));
        }
        let parser = CronParser::builder().seconds(CronSeconds::Optional).build();
        parser.parse(text).map(|cron| Schedule::Cron(Box::new(cron))).map_err(|error| {
            format!("{text:?} is neither a time like \"15m\" nor a cron line like \"*/15 * * * *\" ({error})")
        })
    }
}

impl Schedule {
    /// The first time after `after` that a backend is due. Each backend has a place of its own in the
    /// interval, the same on every machine and after every restart, so that they do not poll at once.
    pub fn next_due(&self, backend: &BackendId, after: Timestamp, zone: BillingZone) -> Timestamp {
        match self {
            Schedule::Every(every) => {
                let every = every.get().max(1) as i64;
                let phase = (place(backend) % every as u64) as i64;
                let passed = (after.get() - phase).div_euclid(every);
                Timestamp::new((passed + 1) * every + phase).unwrap_or(after)
            }
            Schedule::Cron(cron) => {
                let spread = Seconds::new(place(backend) % CRON_SPREAD);
                // Found from before the spread, or the line's time would be passed over by it.
                let from = after.minus(spread).to_utc().with_timezone(&zone.tz());
                let found = cron.find_next_occurrence(&from, false).ok();
                let found = found.and_then(|time| Timestamp::from_utc(time.to_utc()).ok());
                // A line that never comes again (31 February) is asked once a month.
                found.map_or(after.plus(Seconds::new(LONGEST.as_secs())), |time| time.plus(spread))
            }
        }
    }

    /// The first poll after a start: at once where the last one is too long ago, else when it is due.
    pub fn first_due(
        &self,
        backend: &BackendId,
        last: Option<Timestamp>,
        now: Timestamp,
        zone: BillingZone,
    ) -> Timestamp {
        match last.map(|last| self.next_due(backend, last, zone)) {
            Some(due) if due > now => due,
            _ => now,
        }
    }
}

fn place(backend: &BackendId) -> u64 {
    let mut hasher = DefaultHasher::new();
    backend.as_str().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    fn backend(name: &str) -> BackendId {
        BackendId::new(name).expect("a name")
    }

    fn zone() -> BillingZone {
        BillingZone::parse("Europe/Warsaw").expect("a zone")
    }

    #[test]
    fn intervals_keep_their_grid_whatever_happens() {
        let every: Schedule = "15m".parse().expect("an interval");
        let mut due = every.next_due(&backend("a"), at("2026-03-28T00:00:00Z"), zone());
        for _ in 0..200 {
            let next = every.next_due(&backend("a"), due, zone());
            assert_eq!(next.since(due), Seconds::new(900));
            due = next;
        }
        // A machine that slept for a day polls once, at the next point of the same grid.
        let slept = due.plus(Seconds::hours(24)).plus(Seconds::new(1));
        let next = every.next_due(&backend("a"), slept, zone());
        assert!(next > slept && next.since(slept) <= Seconds::new(900));
        assert_eq!(next.since(due).get() % 900, 0);
    }

    #[test]
    fn backends_of_one_interval_do_not_poll_at_once() {
        let every: Schedule = "15m".parse().expect("an interval");
        let now = at("2026-03-28T00:00:00Z");
        let due: std::collections::BTreeSet<_> =
            (0..50).map(|n| every.next_due(&backend(&format!("b{n}")), now, zone())).collect();
        assert!(due.len() > 40, "only {} different times", due.len());
    }

    /// tokio-cron-scheduler runs jobs of a time zone an hour off after a clock change (its issue 107):
    /// these are the local times that must come out instead.
    #[test]
    fn cron_lines_keep_the_local_time_across_clock_changes() {
        let local = |schedule: &Schedule, after: &str, count: usize| {
            let name = backend("a");
            let spread = Seconds::new(place(&name) % CRON_SPREAD);
            let mut after = at(after);
            let mut times = Vec::new();
            for _ in 0..count {
                after = schedule.next_due(&name, after, zone());
                let local = after.minus(spread).to_utc().with_timezone(&zone().tz());
                times.push(local.format("%d %H:%M").to_string());
            }
            times
        };
        let nightly: Schedule = "0 4 * * *".parse().expect("a line");
        assert_eq!(local(&nightly, "2026-03-27T12:00:00Z", 3), ["28 04:00", "29 04:00", "30 04:00"]);
        assert_eq!(local(&nightly, "2026-10-23T12:00:00Z", 3), ["24 04:00", "25 04:00", "26 04:00"]);
        // 02:30 does not exist on 29 March: the poll comes when the clock has jumped, not never.
        let gap: Schedule = "30 2 * * *".parse().expect("a line");
        assert_eq!(local(&gap, "2026-03-28T12:00:00Z", 2), ["29 03:00", "30 02:30"]);
        // 02:30 comes twice on 25 October: one poll is enough.
        assert_eq!(local(&gap, "2026-10-24T12:00:00Z", 2), ["25 02:30", "26 02:30"]);
    }

    #[test]
    fn a_start_polls_at_once_only_when_the_last_poll_is_too_long_ago() {
        let every: Schedule = "15m".parse().expect("an interval");
        let now = at("2026-03-28T12:00:00Z");
        let first = |last: Option<Timestamp>| every.first_due(&backend("a"), last, now, zone());
        assert_eq!(first(None), now);
        assert_eq!(first(Some(now.minus(Seconds::hours(3)))), now);
        assert!(first(Some(now)) > now);
    }

    #[test]
    fn what_is_no_schedule_says_what_is() {
        for wrong in ["", "0s", "32d", "15", "every day", "99 * * * *"] {
            assert!(wrong.parse::<Schedule>().is_err(), "{wrong:?}");
        }
    }
}
