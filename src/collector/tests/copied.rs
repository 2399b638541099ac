//! An account moves to another panel of its server, and its history with it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::domain::{Owner, Service, Source, Span, UsageDay};
use crate::store::UsageQuery;

/// Totals of days, by day of November 2026.
type Days = BTreeMap<u32, u64>;

/// A panel that reports what alice moved on each day; `None` where it does not have her.
struct Daily(Arc<Mutex<Option<Days>>>);

fn day(number: u32) -> UsageDay {
    UsageDay::parse(&format!("2026-11-{number:02}")).expect("a day")
}

fn zone() -> BillingZone {
    BillingZone::parse("Europe/Warsaw").expect("a zone")
}

/// Noon of a day.
fn noon(number: u32) -> i64 {
    zone().start_of(day(number)).get() + 12 * 3_600
}

#[async_trait]
impl Backend for Daily {
    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let alice = AccountName::new("alice").expect("a name");
        for (number, total) in self.0.lock().expect("whole").iter().flatten() {
            let span = Span::new(zone().start_of(day(*number)), zone().start_of(day(number + 1)));
            let reading = Reading::PeriodTotal {
                source: Source::default(),
                at: ask.now,
                span: span.expect("in order"),
                total: Bytes::new(*total).expect("fits"),
            };
            harvest.add_reading(&alice, Meter::TrafficOut, reading);
        }
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

fn alice() -> Service {
    Service { registered: Some(day(1)), ..Service::new(501, 1, "alice", "Active") }
}

#[tokio::test]
async fn history_that_came_along_to_the_next_panel_is_not_billed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let [old, new] = [(); 2].map(|()| Arc::new(Mutex::new(None)));
    let poll = async |name: &str, number: u32, days: Option<&[(u32, u64)]>| {
        let panel = if name == "old" { &old } else { &new };
        *panel.lock().expect("whole") = days.map(|days| days.iter().copied().collect::<Days>());
        let collector = replica(folder.path(), noon(number), &Arc::default()).await;
        let panels = [("old", &old), ("new", &new)].map(|(name, panel)| {
            let section = format!("name = '{name}'\nwhmcs_server = 12").parse().expect("toml");
            let common = Section::new(section, folder.path()).read().expect("settings");
            let panel = Box::new(Daily(Arc::clone(panel)));
            Arc::new(ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel"))
        });
        collector.configure(panels.into()).await.expect("configured");
        let now = Timestamp::new(noon(number)).expect("in range");
        collector.store.put_services(12, &[alice()], &[], now).await.expect("reported");
        let metered = collector.panel(name).expect("configured");
        let report = collector.poll(&metered, None).await;
        assert!(report.failed.is_none(), "{report:?}");
        let query = UsageQuery { owner: Some(Owner::Service(501)), ..UsageQuery::default() };
        let month = day(1).month();
        let sums = collector.store.months(&query, month, month).await.expect("read");
        let entries = collector.store.verify(&metered.id, &collector.rules()).await.expect("read");
        entries.expect("the journal holds");
        sums.iter().map(|sum| sum.usage.amount.get()).sum::<u64>()
    };
    assert_eq!(poll("old", 10, Some(&[(8, 100), (9, 200), (10, 40)])).await, 340);
    // She is copied with her history to the next panel, where she has moved seven more today; and one day of it was
    // never seen on the first. As long as both have her nobody knows whose the new one is.
    assert_eq!(poll("new", 10, Some(&[(7, 30), (8, 100), (9, 200), (10, 47)])).await, 340);
    assert_eq!(poll("old", 11, None).await, 340);
    // What was new comes with her: 37, and what has grown since.
    assert_eq!(poll("new", 11, Some(&[(7, 30), (8, 100), (9, 200), (10, 60), (11, 5)])).await, 395);
    assert_eq!(poll("new", 12, Some(&[(8, 100), (9, 200), (10, 60), (11, 9), (12, 1)])).await, 400);
}
