//! Figures that come by another source, and figures that come no more.

use std::sync::Mutex;

use super::*;
use crate::domain::{Epoch, Source, Span};
use crate::metering::Crowd;
use crate::store::UsageQuery;

const START: i64 = 1_795_000_000;

/// What the panel reports next: by which road, and of each account what; nothing of some.
pub(super) type Answer = (&'static str, Vec<(String, Vec<(Meter, Reading)>)>);

struct ScriptedPanel(Arc<Mutex<Answer>>);

#[async_trait]
impl Backend for ScriptedPanel {
    async fn poll(&self, _: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let (road, accounts) = self.0.lock().expect("whole").clone();
        harvest.by_road(road);
        for (name, readings) in accounts {
            let account = AccountName::new(&name).expect("a name");
            harvest.facts_mut(&account);
            readings.into_iter().for_each(|(meter, reading)| harvest.add_reading(&account, meter, reading));
        }
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

/// Polls by a new replica, so that nothing is remembered but what is stored.
pub(super) async fn polled(folder: &Path, minute: i64, answer: Answer) -> (Collector, PollReport) {
    let collector = unconfigured(folder, START + minute * 60).await;
    let section = Section::new("name = 'shared'".parse().expect("toml"), folder);
    let common: CommonSettings = section.read().expect("settings");
    let panel = Box::new(ScriptedPanel(Arc::new(Mutex::new(answer))));
    let panel = Arc::new(ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel"));
    collector.configure(vec![Arc::clone(&panel)]).await.expect("configured");
    let report = collector.poll(&panel, None).await;
    assert!(report.failed.is_none(), "{report:?}");
    collector.store.verify(&panel.id, &collector.rules()).await.expect("read").expect("the journal holds");
    (collector, report)
}

fn at(minute: i64) -> Timestamp {
    Timestamp::new(START + minute * 60).expect("in range")
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn level(minute: i64, level: u64) -> (Meter, Reading) {
    (Meter::StorageUsed, Reading::Gauge { at: at(minute), level: bytes(level) })
}

#[tokio::test]
async fn what_fell_by_another_road_waits_for_a_second_answer_by_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
    let day = zone.day_of(at(0));
    let span = Span::new(zone.start_of(day), zone.start_of(day.next())).expect("in order");
    let polled =
        async |minute: i64, road: &'static str, stored: u64, (began, count): (i64, u64), total: u64| {
            let at = at(minute);
            let epoch = Epoch::Since(self::at(began));
            let counter = Reading::Counter { source: Source::default(), at, epoch, count: bytes(count) };
            let total = Reading::PeriodTotal { source: Source::default(), at, span, total: bytes(total) };
            let readings =
                vec![level(minute, stored), (Meter::TrafficOut, counter), (Meter::TrafficIn, total)];
            let (collector, report) =
                polled(folder.path(), minute, (road, vec![("a".into(), readings)])).await;
            let month = day.month();
            let sums = collector.store.months(&UsageQuery::default(), month, month).await.expect("read");
            let of = |meter| {
                let sum = sums.iter().find(|sum| sum.meter == meter);
                sum.map_or(0, |sum| sum.usage.amount.get())
            };
            let warned = report.warnings.iter().any(|warning| warning.contains("another source"));
            ([Meter::StorageUsed, Meter::TrafficOut, Meter::TrafficIn].map(of), warned)
        };
    assert_eq!(polled(0, "one", 100, (-9, 1000), 50).await, ([100, 0, 50], false));
    assert_eq!(
        polled(1, "one", 90, (-9, 1500), 60).await,
        ([90, 500, 60], false),
        "falls by the same road count"
    );
    // All three fall, the counter with a word of a restart: it may be another's, or old.
    assert_eq!(polled(2, "two", 40, (1, 400), 20).await, ([90, 500, 60], true));
    assert_eq!(
        polled(3, "two", 40, (1, 450), 20).await,
        ([40, 950, 60], false),
        "a total is told twice as ever"
    );
    assert_eq!(polled(4, "two", 40, (1, 450), 20).await, ([40, 950, 20], false));
    // What grew counts by any road.
    assert_eq!(polled(5, "three", 60, (1, 500), 30).await, ([60, 1000, 30], true));
    // Roads that were known of late are no news: servers may answer in turns.
    assert_eq!(polled(6, "one", 50, (1, 500), 30).await, ([50, 1000, 30], false));
}

#[tokio::test]
async fn who_falls_silent_is_unread_and_a_crowd_is_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let poll = async |minute: i64, silent: usize| {
        let readings = |number: usize| match number < silent {
            true => Vec::new(),
            false => vec![level(minute, 7)],
        };
        let accounts = (0..20).map(|number| (format!("u{number:02}"), readings(number))).collect();
        let (collector, report) = polled(folder.path(), minute, ("one", accounts)).await;
        let state = collector.store.backends().await.expect("read").remove(0);
        let standing = collector.store.standing(&state).await.expect("read");
        let first = &standing.accounts["u00"];
        let reasons: Vec<Reason> = report.accounts_failed.iter().map(|failed| failed.reason).collect();
        assert_eq!(reasons, vec![Reason::Silent; silent]);
        let known = first.meter(Meter::StorageUsed).map(|series| (series.level, series.at));
        assert_eq!(known.and_then(|(level, _)| level), Some(bytes(7)), "silence is not nothing");
        let crowd = report.warnings.iter().any(|warning| warning.contains("reported before is missing"));
        assert_eq!(standing.silence(Crowd::default()).is_some(), crowd);
        (first.silent_since(), known.map(|(_, at)| at), report.noted, crowd)
    };
    assert!(!poll(0, 0).await.3);
    assert_eq!(poll(1, 2).await, (Some(at(1)), Some(at(0)), 2, false), "two of twenty are no crowd");
    assert_eq!(poll(2, 6).await, (Some(at(1)), Some(at(0)), 4, true));
    assert_eq!(poll(3, 6).await, (Some(at(1)), Some(at(0)), 0, true), "noted once");
    assert_eq!(poll(4, 0).await, (None, Some(at(4)), 0, false));
}
