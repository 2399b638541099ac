//! A service with accounts on two panels: its limit is theirs together.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::domain::{AccountKey, Limit, Policy, Service};
use crate::rules::LimitRule;
use crate::standing::Judged;

/// What the panels' accounts hold; `None` where one cannot be read.
type Held = Arc<Mutex<BTreeMap<&'static str, Option<u64>>>>;

/// A panel with the one account that has its name.
struct One(&'static str, Held);

#[async_trait]
impl Backend for One {
    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let account = AccountName::new(self.0).expect("a name");
        match self.1.lock().expect("whole")[self.0] {
            Some(level) => {
                let reading = Reading::Gauge { at: ask.now, level: Bytes::new(level).expect("fits") };
                harvest.add_reading(&account, Meter::StorageUsed, reading);
            }
            None => harvest.unread(&account, None, Reason::Busy, "not now"),
        }
        harvest.listed_everyone();
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

fn key(account: &str) -> AccountKey {
    let backend = BackendId::new(account).expect("a name");
    AccountKey { backend, name: AccountName::new(account).expect("a name") }
}

fn service(number: i64, limit: u64) -> Service {
    let limit = Limit::UpTo(Bytes::new(limit).expect("fits"));
    let limits = [(Meter::StorageUsed, limit)].into_iter().collect();
    Service { limits, ..Service::new(number, 1, &format!("service{number}"), "Active") }
}

#[tokio::test]
async fn a_sold_limit_is_judged_on_all_accounts_of_its_service_and_switches_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let held: Held = Arc::new(Mutex::new(BTreeMap::from([("a", Some(60)), ("b", Some(30))])));
    let minutes = std::cell::Cell::new(0);
    let rule = |text: &str| {
        let section = Section::new(text.parse().expect("toml"), folder.path());
        LimitRule::read(section).expect("a rule")
    };
    let collector = async || {
        minutes.set(minutes.get() + 1);
        let collector = replica(folder.path(), 1_795_000_000 + minutes.get() * 60, &Arc::default()).await;
        let panels = ["a", "b"].map(|name| {
            let section = format!("name = '{name}'\nwhmcs_server = 12").parse().expect("toml");
            let common = Section::new(section, folder.path()).read().expect("settings");
            let panel = Box::new(One(name, Arc::clone(&held)));
            Arc::new(ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel"))
        });
        collector.configure(panels.into()).await.expect("configured");
        let rule = rule("meter = 'storage'\nsize = 'whmcs'\nlimit_at = 100\nrestore_below = 90");
        collector.configure_limits(Limits::new(vec![rule]), Vec::new());
        collector
    };
    // Polls the panel after it holds so much; returns what is wanted of both accounts.
    let poll = async |name: &'static str, level: Option<u64>| {
        held.lock().expect("whole").insert(name, level);
        let collector = collector().await;
        let metered = collector.panel(name).expect("configured");
        let report = collector.poll(&metered, None).await;
        assert!(report.failed.is_none(), "{report:?}");
        let mut limited = String::new();
        for account in ["a", "b"] {
            let state = collector.store.policy(&key(account)).await.expect("read");
            if state.is_some_and(|state| state.hold.wanted == Policy::Limited) {
                limited.push_str(account);
            }
        }
        limited
    };
    let together = async |name: &str| {
        let store = collector().await.store;
        let states = store.backends().await.expect("read");
        let state = states.iter().find(|state| state.backend.as_str() == name).expect("known");
        let account = Arc::clone(&store.standing(state).await.expect("read").accounts[&key(name).name]);
        account.together.get(&Meter::StorageUsed).copied()
    };
    poll("a", Some(60)).await;
    poll("b", Some(30)).await;
    let store = collector().await.store;
    let now = Timestamp::new(1_795_000_000).expect("in range");
    store.put_services(12, &[service(57, 100)], &[], now).await.expect("reported");
    for account in ["a", "b"] {
        store.pin_service(&key(account), Some(57), "op", now).await.expect("pinned");
    }
    assert_eq!(poll("a", Some(60)).await, "");
    assert_eq!(together("a").await, None, "b is not its yet");
    assert_eq!(poll("b", Some(30)).await, "");
    let judged =
        |sum: Option<u64>| Some(Judged { sum: sum.map(|sum| Bytes::new(sum).expect("fits")), accounts: 2 });
    assert_eq!(together("b").await, judged(Some(90)));
    // Neither is over by itself; each is switched by the next look at its panel.
    assert_eq!(poll("b", Some(50)).await, "b");
    assert_eq!(poll("a", Some(60)).await, "ab");
    assert_eq!(together("a").await, judged(Some(110)));
    // What is not known ends nothing, also where what is known is far below.
    assert_eq!(poll("b", None).await, "ab");
    assert_eq!(poll("a", Some(10)).await, "ab");
    assert_eq!(together("a").await, judged(None));
    assert_eq!(poll("b", Some(50)).await, "a");
    assert_eq!(poll("a", Some(10)).await, "");
    // What is known may be enough to be over.
    assert_eq!(poll("b", None).await, "");
    assert_eq!(poll("a", Some(100)).await, "a");
    // With another owner it is another's limit, and what was crossed has ended without a word.
    store.put_services(12, &[service(57, 100), service(58, 1_000)], &[], now).await.expect("reported");
    store.pin_service(&key("a"), Some(58), "op", now).await.expect("pinned");
    assert_eq!(poll("a", Some(100)).await, "");
    assert_eq!(together("a").await, None, "what the others of its former service have is nothing to it");
}

#[tokio::test]
async fn a_rules_own_limit_is_each_accounts_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = 1_795_000_000;
    let held: Held = Arc::new(Mutex::new(BTreeMap::from([("a", Some(60)), ("b", Some(60))])));
    for minute in 0..3 {
        let collector = replica(folder.path(), now + minute * 60, &Arc::default()).await;
        let panels = ["a", "b"].map(|name| {
            let section = format!("name = '{name}'\nwhmcs_server = 12").parse().expect("toml");
            let common = Section::new(section, folder.path()).read().expect("settings");
            let panel = Box::new(One(name, Arc::clone(&held)));
            Arc::new(ConfiguredPanel::new(&common, &KINDS[0], panel).expect("a panel"))
        });
        collector.configure(panels.into()).await.expect("configured");
        let text = "meter = 'storage'\nsize = '100 B'\nlimit_at = 100".parse().expect("toml");
        let rule = LimitRule::read(Section::new(text, folder.path())).expect("a rule");
        collector.configure_limits(Limits::new(vec![rule]), Vec::new());
        for name in ["a", "b"] {
            let metered = collector.panel(name).expect("configured");
            assert!(collector.poll(&metered, None).await.failed.is_none());
            let state = collector.store.policy(&key(name)).await.expect("read").expect("known");
            assert_eq!(state.hold.wanted, Policy::Standard);
        }
        let at = Timestamp::new(now).expect("in range");
        let sold = Service::new(57, 1, "sold", "Active");
        collector.store.put_services(12, &[sold], &[], at).await.expect("reported");
        for name in ["a", "b"] {
            collector.store.pin_service(&key(name), Some(57), "op", at).await.expect("pinned");
        }
    }
}
