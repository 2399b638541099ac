//! An account moves to another panel of its server, and its history with it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::domain::{Owner, Service, Source, Span, UsageDay};
use crate::metering::Rewind;
use crate::store::{RewindTo, UsageQuery};

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

/// Two panels of one server, and a store that outlives the replicas.
struct Server {
    folder: tempfile::TempDir,
    panels: [(&'static str, Arc<Mutex<Option<Days>>>); 2],
}

impl Server {
    fn new() -> Server {
        let panels = ["old", "new"].map(|name| (name, Arc::default()));
        Server { folder: tempfile::tempdir().expect("a folder"), panels }
    }

    /// A replica at a time, and one of the panels.
    async fn at(&self, now: i64, name: &str) -> (Collector, Arc<ConfiguredPanel>) {
        let collector = replica(self.folder.path(), now, &Arc::default()).await;
        let panels = self.panels.iter().map(|(name, panel)| {
            let section = format!("name = '{name}'\nwhmcs_server = 12").parse().expect("toml");
            let common = Section::new(section, self.folder.path()).read().expect("settings");
            let panel = Box::new(Daily(Arc::clone(panel)));
            Arc::new(ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel"))
        });
        collector.configure(panels.collect()).await.expect("configured");
        let now = Timestamp::new(now).expect("in range");
        collector.store.put_services(12, &[alice()], &[], now).await.expect("reported");
        let panel = collector.panel(name).expect("configured");
        (collector, panel)
    }

    /// Polls a panel that tells these days, at noon; what alice's service has in November then.
    async fn poll(&self, name: &str, number: u32, days: Option<&[(u32, u64)]>) -> u64 {
        self.poll_at(name, noon(number), days).await
    }

    async fn poll_at(&self, name: &str, now: i64, days: Option<&[(u32, u64)]>) -> u64 {
        let panel = self.panels.iter().find(|(other, _)| *other == name).map(|(_, panel)| panel);
        let days = days.map(|days| days.iter().copied().collect::<Days>());
        *panel.expect("one of the two").lock().expect("whole") = days;
        let (collector, panel) = self.at(now, name).await;
        let report = collector.poll(&panel, None).await;
        assert!(report.failed.is_none(), "{report:?}");
        billed(&collector, &panel).await
    }

    /// Takes back what a panel has told since its first answer.
    async fn rewind(&self, name: &str, now: i64, to: i64) -> u64 {
        let (collector, panel) = self.at(now, name).await;
        let said = |to| Rewind { to, author: "ann".into(), reason: "it lied".into() };
        let rewound = collector.rewind(&panel, RewindTo::Entry(to), said).await;
        rewound.expect("gone back");
        billed(&collector, &panel).await
    }
}

/// What alice's service has in November, by a journal that holds.
async fn billed(collector: &Collector, panel: &ConfiguredPanel) -> u64 {
    let query = UsageQuery { owner: Some(Owner::Service(501)), ..UsageQuery::default() };
    let month = day(1).month();
    let sums = collector.store.months(&query, month, month).await.expect("read");
    let entries = collector.store.verify(&panel.id, &collector.rules()).await.expect("read");
    entries.expect("the journal holds");
    sums.iter().map(|sum| sum.usage.amount.get()).sum::<u64>()
}

#[tokio::test]
async fn history_that_came_along_to_the_next_panel_is_not_billed_again() {
    let server = Server::new();
    let poll =
        async |name: &str, number: u32, days: Option<&[(u32, u64)]>| server.poll(name, number, days).await;
    assert_eq!(poll("old", 10, Some(&[(8, 100), (9, 200), (10, 40)])).await, 340);
    // She is copied with her history to the next panel, where she has moved seven more today; and one day of it was
    // never seen on the first. As long as both have her nobody knows whose the new one is.
    assert_eq!(poll("new", 10, Some(&[(7, 30), (8, 100), (9, 200), (10, 47)])).await, 340);
    assert_eq!(poll("old", 11, None).await, 340);
    // What was new comes with her: 37, and what has grown since.
    assert_eq!(poll("new", 11, Some(&[(7, 30), (8, 100), (9, 200), (10, 60), (11, 5)])).await, 395);
    assert_eq!(poll("new", 12, Some(&[(8, 100), (9, 200), (10, 60), (11, 9), (12, 1)])).await, 400);
}

#[tokio::test]
async fn what_was_taken_for_a_copy_counts_once_it_is_nobody_elses_any_more() {
    let server = Server::new();
    let (hour, ten) = (3_600, noon(10));
    // The first panel lies: nobody moved the 600 of the ninth, and so the new panel's 200 of that day are thought to be
    // among them.
    assert_eq!(server.poll("old", 9, Some(&[(8, 100)])).await, 100);
    assert_eq!(server.poll_at("old", ten, Some(&[(8, 100), (9, 600), (10, 50)])).await, 750);
    assert_eq!(server.poll_at("new", ten, Some(&[(9, 200), (10, 70)])).await, 750);
    assert_eq!(server.poll_at("old", ten + hour, None).await, 750);
    assert_eq!(
        server.poll_at("new", ten + hour, Some(&[(9, 200), (10, 70)])).await,
        770,
        "twenty of the tenth"
    );
    // Its numbers are taken back. As long as nobody has read it again, what is missing there may only be late.
    assert_eq!(server.rewind("old", ten + 2 * hour, 1).await, 120);
    assert_eq!(server.poll_at("new", ten + 3 * hour, Some(&[(9, 200), (10, 71)])).await, 121);
    // The truth is 30 on the ninth: the rest of the new panel's 200 is its own, and all of the tenth.
    assert_eq!(server.poll_at("old", ten + 4 * hour, Some(&[(8, 100), (9, 30)])).await, 151);
    assert_eq!(
        server.poll_at("new", ten + 5 * hour, Some(&[(10, 71)])).await,
        100 + 200 + 71,
        "also what it tells no more"
    );
    // Once: what is corrected on the first panel later is not asked again.
    assert_eq!(server.poll_at("old", ten + 6 * hour, Some(&[(8, 100), (9, 20)])).await, 371);
    assert_eq!(server.poll_at("old", ten + 7 * hour, Some(&[(8, 100), (9, 20)])).await, 361);
    assert_eq!(server.poll_at("new", ten + 8 * hour, Some(&[(10, 71)])).await, 361);
}
