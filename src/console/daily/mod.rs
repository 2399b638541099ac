//! The daily report: what staff are told by mail of what has changed, what is not billed and what is not well.
//!
//! It says the same as the findings, the status and the audit do. When it is due it is worded once, and promised through
//! the outbox under the key of its day, so that of several replicas one tells it, and a restart does not tell it again.

mod changes;
mod sections;
mod settings;
mod written;

use chrono::TimeZone;

pub use settings::ReportSettings;

use super::Setup;
use super::status::Overview;
use crate::clock::Clock;
use crate::domain::{BillingZone, Timestamp, UsageDay};
use crate::standing::Moment;
use crate::store::{StaffReport, Store, StoreError};

/// Between what precedes the day and the day in the key of a report.
const KEY: &str = "report/";

/// More than so many acts of a day are not told one by one.
const MOST_ACTS: usize = 1000;

/// Words reports for staff, and promises them. Cheap to make.
pub struct StaffReports {
    store: Store,
    clock: Clock,
    zone: BillingZone,
    setup: Setup,
}

impl StaffReports {
    /// Reports of what is stored, by what the config says.
    pub fn new(store: Store, clock: Clock, zone: BillingZone, setup: Setup) -> StaffReports {
        StaffReports { store, clock, zone, setup }
    }

    /// Promises the report of today if it is due and nobody has; says whether it did.
    pub async fn promise_daily(&self) -> Result<bool, StoreError> {
        let (now, zone) = (self.clock.now(), self.zone);
        let Some(settings) = &self.setup.report else { return Ok(false) };
        let key = format!("{KEY}{}", zone.day_of(now));
        // Asked every few seconds: most of the day by a key alone, also of a report that a clock ahead has made.
        if now < time_on(zone.day_of(now), settings, zone) || self.store.entry_of(&key).await?.is_some() {
            return Ok(false);
        }
        let last = self.store.last_daily_report(now).await?;
        if !is_due(settings, now, last.as_ref().map(|last| last.at), zone) {
            return Ok(false);
        }
        let report = self.worded(key, now, last, true).await?;
        self.store.promise_report(&report, &settings.to).await
    }

    /// A report of now, besides those of the days, promised to `to`. Returns it as it was worded.
    pub async fn promise_now(&self, to: &[String]) -> Result<StaffReport, StoreError> {
        let report = self.of_now().await?;
        self.store.promise_report(&report, to).await?;
        Ok(report)
    }

    /// A report of now that nobody is promised.
    pub async fn of_now(&self) -> Result<StaffReport, StoreError> {
        let now = self.clock.now();
        let last = self.store.last_daily_report(now).await?;
        // Several may be made in one second.
        self.worded(format!("{KEY}by-hand/{now}-{:08x}", rand::random::<u32>()), now, last, false).await
    }

    async fn worded(
        &self,
        key: String,
        at: Timestamp,
        last: Option<StaffReport>,
        is_daily: bool,
    ) -> Result<StaffReport, StoreError> {
        let setup = self.setup.clone();
        let moment = Moment::new(at, self.zone, setup.max_age);
        let overview = Overview::read(&self.store, &setup.panels, &moment, setup.bill_from).await?;
        let acts = self.store.acts_before(None, None, MOST_ACTS).await?;
        let zone = self.zone;
        // Going through a hundred thousand accounts is work for a thread that nothing waits on.
        let made = tokio::task::spawn_blocking(move || {
            let found = overview.findings(&moment, &setup.prices);
            let status = overview.status(&found, &moment);
            let last_act = acts.first().map_or(0, |act| act.id);
            let present = changes::present(&overview);
            let changes = last.map(|last| changes::since(&last, &found, (&overview, &present), acts));
            let figures = sections::Figures { base: setup.base, zone };
            let sections = sections::sections(&status, &found, changes.as_ref(), figures);
            let mail = written::mail(written::subject(&status, &found), &sections, at, figures);
            // Of what nothing is known now it is known again one day whether it is over.
            let unknown = changes.map(|changes| changes.unknown).unwrap_or_default();
            let found = changes::counted(&found).map(changes::named).chain(unknown).collect();
            StaffReport { key, at, is_daily, mail, found, present, last_act }
        });
        // A crash in it is one of whoever asked.
        Ok(made.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
    }
}

/// Whether the report of today is to be made: its time has come, and the last one is of as many days ago as it is told.
fn is_due(settings: &ReportSettings, now: Timestamp, last: Option<Timestamp>, zone: BillingZone) -> bool {
    let today = zone.day_of(now);
    let last = last.map(|last| zone.day_of(last));
    now >= time_on(today, settings, zone) && last.is_none_or(|last| today.minus_days(settings.days()) >= last)
}

/// When on a day it is told; an hour that the day does not have is the next one.
fn time_on(day: UsageDay, settings: &ReportSettings, zone: BillingZone) -> Timestamp {
    let local = zone.tz().from_local_datetime(&day.date().and_time(settings.at.0)).earliest();
    let at = local.and_then(|local| Timestamp::from_utc(local.to_utc()).ok());
    at.unwrap_or_else(|| zone.start_of(day).plus(settings.at.after_midnight()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> ReportSettings {
        toml::from_str(text).expect("settings")
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::from_utc(text.parse().expect("a time")).expect("in range")
    }

    #[test]
    fn a_report_is_due_once_a_day_after_its_time_also_when_the_clock_is_set_back() {
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let daily = settings("at = '06:30'");
        let is_due = |settings: &ReportSettings, now: &str, last: Option<&str>| {
            is_due(settings, time(now), last.map(time), zone)
        };
        // Half past six in Warsaw is half past five in UTC in winter, and half past four in summer.
        assert!(!is_due(&daily, "2026-11-30T05:29:59Z", None));
        assert!(is_due(&daily, "2026-11-30T05:30:00Z", None));
        assert!(is_due(&daily, "2026-07-30T04:30:00Z", None));
        assert!(!is_due(&daily, "2026-07-30T04:29:59Z", None));
        assert!(is_due(&daily, "2026-11-30T05:30:00Z", Some("2026-11-29T22:59:00Z")), "that was yesterday");
        assert!(!is_due(&daily, "2026-11-30T22:00:00Z", Some("2026-11-30T05:30:07Z")), "told today");
        assert!(
            is_due(&daily, "2026-11-30T19:00:00Z", Some("2026-11-27T05:30:07Z")),
            "two days nobody was there"
        );
        let weekly = settings("every = '7d'");
        assert!(!is_due(&weekly, "2026-11-29T12:00:00Z", Some("2026-11-23T05:30:00Z")));
        assert!(is_due(&weekly, "2026-11-30T12:00:00Z", Some("2026-11-23T05:30:00Z")));
        // The night in which the clocks go forward has no half past two.
        let at_night = settings("at = '02:30'");
        assert!(!is_due(&at_night, "2026-03-29T00:59:00Z", None));
        assert!(is_due(&at_night, "2026-03-29T01:30:00Z", None));
    }
}
