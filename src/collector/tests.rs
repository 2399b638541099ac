//! Two collectors on one database, as two replicas are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backends::{Backend, CheckStep, CommonSettings, KINDS, PollRequest, Wants};
use crate::domain::{BillingZone, Bytes, Meter, Reading};
use crate::metering::Bounds;
use crate::settings::Section;
use crate::store::StoreSettings;

mod copied;
mod names;
mod roads;
mod shared;

/// A panel without accounts that counts how often it is asked.
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl Backend for Counting {
    async fn poll(&self, _: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

async fn unconfigured(folder: &Path, now: i64) -> Collector {
    let store = Store::open(StoreSettings::default(), folder).await.expect("a store");
    let rules = SettleRules {
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
        max_gap: Seconds::hours(26),
        bounds: Bounds::default(),
    };
    let (polled, _) = mpsc::unbounded_channel();
    let clock = Clock::Fixed(Timestamp::new(now).expect("in range"));
    Collector::new(store, clock, rules, Telemetry::new(), polled)
}

async fn replica(folder: &Path, now: i64, asked: &Arc<AtomicUsize>) -> Collector {
    let collector = unconfigured(folder, now).await;
    let section = Section::new("name = 'shared'".parse().expect("toml"), folder);
    let common: CommonSettings = section.read().expect("settings");
    let panel = Box::new(Counting(Arc::clone(asked)));
    let panel = ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel");
    collector.configure(vec![Arc::new(panel)]).await.expect("configured");
    collector
}

/// A panel that refuses us, or asks to be left alone, for as long as it is asked to.
struct Refusing(Arc<AtomicUsize>, Arc<AtomicUsize>);

#[async_trait]
impl Backend for Refusing {
    async fn poll(&self, _: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match self.1.load(Ordering::SeqCst) {
            0 => {
                harvest.listed_everyone();
                Ok(())
            }
            1 => Err(BackendError::Refused("the password is wrong".into())),
            2 => Err(BackendError::Unreachable("it is down".into())),
            seconds => {
                let after = Some(std::time::Duration::from_secs(seconds as u64));
                Err(BackendError::Busy { after, detail: "429".into() })
            }
        }
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

#[tokio::test]
async fn who_refuses_us_is_asked_once_more_and_then_left_alone_by_every_replica() {
    let folder = tempfile::tempdir().expect("a folder");
    let (asked, refusing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(1)));
    let start = 1_795_000_000;
    let panels = || {
        let section = Section::new("name = 'shared'".parse().expect("toml"), folder.path());
        let common: CommonSettings = section.read().expect("settings");
        let panel = Box::new(Refusing(Arc::clone(&asked), Arc::clone(&refusing)));
        vec![Arc::new(ConfiguredPanel::new(&common, named("minio"), panel).expect("a panel"))]
    };
    // Of two replicas one after the other looks: what one has heard the other goes by.
    let first = unconfigured(folder.path(), start).await;
    first.configure(panels()).await.expect("configured");
    let until = async |now: i64| {
        let mut other = unconfigured(folder.path(), now).await;
        *other.panels.get_mut().expect("whole") = panels().into();
        let failed = due(&other).await;
        let state = other.store.backends().await.expect("read").remove(0);
        let due_at = other.due.read().expect("whole").get(&state.backend).copied();
        (failed, state.parked_until.map(|until| until.get() - now), due_at.map(|at| at.get() - now))
    };
    let (failed, parked, due_in) = until(start).await;
    assert!(matches!(failed, Some(PollError::Panel(BackendError::Refused(_)))));
    assert_eq!((parked, due_in), (Some(60), Some(60)), "asked again after a minute, whatever the interval");
    assert!(matches!(until(start + 59).await.0, Some(PollError::Parked(_))));
    assert_eq!(until(start + 60).await.1, Some(15 * 60));
    assert!(matches!(until(start + 900).await.0, Some(PollError::Parked(_))));
    assert_eq!(until(start + 960).await.1, Some(30 * 60));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // An operator is not kept waiting; nor is a config that was read anew.
    let metered = first.panel("shared").expect("configured");
    assert!(first.poll(&metered, None).await.failed.is_some());
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    first.configure(panels()).await.expect("configured");
    assert!(
        matches!(until(start + 999).await.0, Some(PollError::Parked(_))),
        "a command has built its rooms"
    );
    first.end_parking().await.expect("ended");
    refusing.store(7200, Ordering::SeqCst);
    assert_eq!(until(start + 1_000).await.1, Some(7200), "it says how long");
    // It is down now, and refuses nobody: it is asked as ever, by one replica.
    refusing.store(2, Ordering::SeqCst);
    assert_eq!(until(start + 8_200).await.1, None);
    assert!(matches!(until(start + 8_201).await.0, Some(PollError::JustPolled)));
    refusing.store(0, Ordering::SeqCst);
    let (failed, parked, _) = until(start + 9_200).await;
    assert!(failed.is_none());
    assert_eq!(parked, None);
    refusing.store(1, Ordering::SeqCst);
    assert_eq!(until(start + 10_000).await.1, Some(60), "from the beginning");
}

#[tokio::test]
async fn a_panel_whose_guard_locks_addresses_out_is_left_alone_at_once() {
    for kind in ["cpanel", "directadmin", "plesk"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (asked, refusing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(1)));
        let (mut now, mut pauses) = (1_795_000_000, Vec::new());
        for _ in 0..3 {
            let collector = unconfigured(folder.path(), now).await;
            let section = Section::new("name = 'shared'".parse().expect("toml"), folder.path());
            let common: CommonSettings = section.read().expect("settings");
            let panel = Box::new(Refusing(Arc::clone(&asked), Arc::clone(&refusing)));
            let panel = ConfiguredPanel::new(&common, named(kind), panel).expect("a panel");
            // Configured anew it would be asked at once.
            if pauses.is_empty() {
                collector.configure(vec![Arc::new(panel)]).await.expect("configured");
            } else {
                *collector.panels.write().expect("whole") = vec![Arc::new(panel)].into();
            }
            assert!(due(&collector).await.is_some());
            let until =
                collector.store.backends().await.expect("read").remove(0).parked_until.expect("parked");
            pauses.push(until.get() - now);
            now = until.get();
        }
        assert_eq!(pauses, [30 * 60, 30 * 60, 60 * 60], "{kind}");
    }
}

fn named(kind: &str) -> &'static crate::backends::Kind {
    crate::backends::kind(kind).expect("registered")
}

/// A panel that answers when it is let.
struct Waiting(Arc<tokio::sync::Notify>);

#[async_trait]
impl Backend for Waiting {
    async fn poll(&self, _: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.0.notified().await;
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

#[tokio::test]
async fn a_poll_that_runs_on_is_named_until_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Arc::new(unconfigured(folder.path(), 1_795_000_000).await);
    let section = Section::new("name = 'shared'\nevery = '1s'".parse().expect("toml"), folder.path());
    let common: CommonSettings = section.read().expect("settings");
    let let_go = Arc::new(tokio::sync::Notify::new());
    let panel = ConfiguredPanel::new(&common, &KINDS[0], Box::new(Waiting(Arc::clone(&let_go))));
    let panel = Arc::new(panel.expect("a panel"));
    collector.configure(vec![Arc::clone(&panel)]).await.expect("configured");
    let hangs = || {
        let families = collector.telemetry.gather();
        let found = families.iter().find(|family| family.name() == "whmeter_poll_hangs");
        found.map(|family| family.get_metric()[0].get_gauge().get_value())
    };
    let poll = {
        let (collector, panel) = (Arc::clone(&collector), Arc::clone(&panel));
        tokio::spawn(async move { collector.poll(&panel, None).await })
    };
    let began = std::time::Instant::now();
    while hangs() != Some(1.0) {
        assert!(began.elapsed() < Duration::from_secs(30), "never named");
        collector.watch(&panel);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "it may take two intervals");
    let_go.notify_one();
    assert!(poll.await.expect("whole").failed.is_none());
    assert_eq!(hangs(), Some(0.0));
    collector.watch(&panel);
    assert_eq!(hangs(), Some(0.0), "nothing runs");
}

async fn due(collector: &Collector) -> Option<PollError> {
    let metered = collector.panel("shared").expect("configured");
    collector.poll_due(&metered).await.expect("not parked").failed
}

#[tokio::test]
async fn what_one_replica_has_polled_the_other_leaves_until_it_is_due_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(AtomicUsize::new(0));
    let now = 1_795_000_000;
    assert!(due(&replica(folder.path(), now, &asked).await).await.is_none());
    assert!(matches!(due(&replica(folder.path(), now, &asked).await).await, Some(PollError::JustPolled)));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(due(&replica(folder.path(), now + 900, &asked).await).await.is_none());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_lease_whose_holder_died_holds_others_off_for_a_minute_and_no_longer() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(AtomicUsize::new(0));
    let now = 1_795_000_000;
    let other = replica(folder.path(), now, &asked).await;
    let name = BackendId::new("shared").expect("a name");
    let at = Timestamp::new(now).expect("in range");
    let dead = other.store.take_lease(&name, "minio", "dead", at, Seconds::new(60)).await.expect("asked");
    assert!(dead.is_some());
    assert!(matches!(due(&other).await, Some(PollError::Elsewhere)));
    let metered = other.panel("shared").expect("configured");
    // Taken its turn, it would be due in a quarter of an hour: it looks again sooner.
    assert!(other.take_turn(&metered, at));
    other.due_soon(&metered);
    assert!(other.take_turn(&metered, at.plus(Seconds::new(20))));
    assert!(due(&replica(folder.path(), now + 60, &asked).await).await.is_none());
}

#[tokio::test]
async fn a_clock_that_was_ahead_once_keeps_nobody_from_polling() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(AtomicUsize::new(0));
    let (now, ahead) = (1_795_000_000, 1_795_000_000 + 20 * 86_400);
    let wrong = replica(folder.path(), ahead, &asked).await;
    assert!(due(&wrong).await.is_none());
    let name = BackendId::new("shared").expect("a name");
    let at = Timestamp::new(ahead).expect("in range");
    // It polled once, and died in the middle of the next.
    let lease = wrong.store.take_lease(&name, "minio", "wrong", at, Seconds::new(60)).await.expect("asked");
    assert!(lease.is_some());
    assert!(due(&replica(folder.path(), now, &asked).await).await.is_none());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// A panel with one account that cannot be asked for all accounts while it is down, and can for the one.
struct Half(Arc<AtomicUsize>);

#[async_trait]
impl Backend for Half {
    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        if ask.only.is_none() && self.0.load(Ordering::SeqCst) > 0 {
            return Err(BackendError::Unreachable("it is down".into()));
        }
        let account = AccountName::new("alice").expect("a name");
        let reading = Reading::Gauge { at: ask.now, level: Bytes::new(5).expect("fits") };
        harvest.add_reading(&account, Meter::StorageUsed, reading);
        if ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

#[tokio::test]
async fn a_recalculation_counts_for_its_account_alone_and_no_poll_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(AtomicUsize::new(0));
    let now = 1_795_000_000;
    let alice = AccountName::new("alice").expect("a name");
    let with = async |now: i64| {
        let collector = replica(folder.path(), now, &asked).await;
        let section = Section::new("name = 'shared'".parse().expect("toml"), folder.path());
        let common: CommonSettings = section.read().expect("settings");
        let panel = ConfiguredPanel::new(&common, &KINDS[0], Box::new(Half(Arc::clone(&asked))));
        collector.configure(vec![Arc::new(panel.expect("a panel"))]).await.expect("configured");
        collector
    };
    let health = async |collector: &Collector| {
        let state = collector.store.backends().await.expect("read").remove(0);
        (state.polled_at, state.succeeded_at, state.failing.map(|failing| failing.since))
    };
    assert!(due(&with(now).await).await.is_none());
    asked.store(1, Ordering::SeqCst);
    let failing = with(now + 900).await;
    assert!(matches!(due(&failing).await, Some(PollError::Panel(_))));
    let before = health(&failing).await;
    assert!(before.2.is_some());
    let later = with(now + 1_500).await;
    let metered = later.panel("shared").expect("configured");
    let one = later.poll(&metered, Some(alice.clone())).await;
    assert!(one.failed.is_none() && one.accounts_read == 1, "{one:?}");
    assert_eq!(health(&later).await, before, "one account says nothing of the backend");
    // Nor does a look at one keep everybody from being asked when it is time.
    asked.store(0, Ordering::SeqCst);
    let on_time = with(now + 1_800).await;
    let metered = on_time.panel("shared").expect("configured");
    assert!(on_time.poll(&metered, Some(alice)).await.failed.is_none());
    assert!(due(&on_time).await.is_none(), "polled, not taken for polled");
    let after = health(&on_time).await;
    assert_eq!(after.1.map(Timestamp::get), Some(now + 1_800));
    assert_eq!(after.2, None);
}
