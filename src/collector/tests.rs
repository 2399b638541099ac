//! Two collectors on one database, as two replicas are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backends::{Ask, Backend, CheckStep, CommonSettings, KINDS};
use crate::domain::BillingZone;
use crate::settings::Section;
use crate::store::StoreSettings;

/// A panel without accounts that counts how often it is asked.
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl Backend for Counting {
    async fn poll(&self, _: &Ask, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: &mut Vec<CheckStep>) {}
}

async fn replica(folder: &Path, now: i64, asked: &Arc<AtomicUsize>) -> Collector {
    let store = Store::open(StoreSettings::default(), folder).await.expect("a store");
    let rules = Rules {
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
        max_gap: Seconds::hours(26),
        max_rate: None,
    };
    let (polled, _) = mpsc::unbounded_channel();
    let clock = Clock::Fixed(Timestamp::new(now).expect("in range"));
    let collector = Collector::new(store, clock, rules, Telemetry::new(), polled);
    let section = Section::new("name = 'shared'".parse().expect("toml"), folder);
    let common: CommonSettings = section.read().expect("settings");
    let panel = Box::new(Counting(Arc::clone(asked)));
    let panel = ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel");
    collector.configure(vec![Arc::new(panel)]).await.expect("configured");
    collector
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
