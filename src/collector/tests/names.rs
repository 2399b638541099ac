//! Names that are given twice, and names that read like others'.

use std::sync::Mutex;

use super::roads::polled;
use super::*;
use crate::domain::{Identity, Owner, Service, Unclaimed};

#[tokio::test]
async fn an_account_that_is_called_like_an_earlier_life_is_told_and_not_taken_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let level = |name: &str, level: u64| {
        let reading = Reading::Gauge {
            at: Timestamp::new(1_795_000_000).expect("in range"),
            level: Bytes::new(level).expect("fits"),
        };
        (name.to_string(), vec![(Meter::StorageUsed, reading)])
    };
    let accounts =
        vec![level("bob", 5), level("bob~1", 7), level("~1", 8), level("bob~x", 9), level("bob~01", 10)];
    let (collector, report) = polled(folder.path(), 0, ("one", accounts)).await;
    let state = collector.store.backends().await.expect("read").remove(0);
    let standing = collector.store.standing(&state).await.expect("read");
    let names: Vec<&str> = standing.accounts.keys().map(AccountName::as_str).collect();
    assert_eq!(names, ["bob", "bob~01", "bob~x", "~1"]);
    assert!(
        report.warnings.iter().any(|warning| warning.contains("account bob~1 is not metered")),
        "{report:?}"
    );
    let level = Some(Bytes::new(7).expect("fits"));
    assert_eq!(report.unclaimed, [Unclaimed { level, ..Unclaimed::new("bob~1", Unclaimed::ORPHAN) }]);
}

/// A panel with the account "a", which has this identity.
struct Identified(Arc<Mutex<&'static str>>);

#[async_trait]
impl Backend for Identified {
    async fn poll(&self, _: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let account = AccountName::new("a").expect("a name");
        harvest.facts_mut(&account).identity = Identity::new().with("made", *self.0.lock().expect("whole"));
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

#[tokio::test]
async fn a_pin_is_of_one_life_and_not_of_the_next_that_has_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Arc::new(Mutex::new("monday"));
    let owner = async |minute: i64, by: &'static str| {
        *made.lock().expect("whole") = by;
        let collector = unconfigured(folder.path(), 1_795_000_000 + minute * 60).await;
        let section =
            Section::new("name = 'shared'\nwhmcs_server = 12".parse().expect("toml"), folder.path());
        let common: CommonSettings = section.read().expect("settings");
        let panel = ConfiguredPanel::new(&common, &KINDS[0], Box::new(Identified(Arc::clone(&made))));
        let panel = Arc::new(panel.expect("a panel"));
        collector.configure(vec![Arc::clone(&panel)]).await.expect("configured");
        let now = Timestamp::new(1_795_000_000).expect("in range");
        let services = [Service::new(57, 1, "another", "Active")];
        collector.store.put_services(12, &services, &[], now).await.expect("reported");
        let report = collector.poll(&panel, None).await;
        assert!(report.failed.is_none(), "{report:?}");
        let state = collector.store.backends().await.expect("read").remove(0);
        let account = Arc::clone(&collector.store.standing(&state).await.expect("read").accounts["a"]);
        let pins = collector.store.pinned_services(&panel.id).await.expect("read");
        let counts = pins.values().next().map(|pin| pin.nth == Some(account.nth));
        (collector.store, account.owner.clone(), account.nth, counts)
    };
    let (store, before, ..) = owner(0, "monday").await;
    assert_eq!(before, Owner::Unowned);
    let key = crate::domain::AccountKey {
        backend: BackendId::new("shared").expect("a name"),
        name: AccountName::new("a").expect("a name"),
    };
    let now = Timestamp::new(1_795_000_000).expect("in range");
    store.pin_service(&key, Some(57), "op", now).await.expect("pinned");
    let (_, pinned, nth, counts) = owner(5, "monday").await;
    assert_eq!((pinned, nth, counts), (Owner::Service(57), 1, Some(true)));
    for minute in [10, 15] {
        let (_, next, nth, counts) = owner(minute, "tuesday").await;
        assert_eq!((next, nth, counts), (Owner::Unowned, 2, Some(false)), "another account has the name");
    }
    store.pin_service(&key, Some(57), "op", now).await.expect("pinned");
    assert_eq!(owner(20, "tuesday").await.1, Owner::Service(57), "said of this one");
}
