//! OpenStack: what only this cloud does.

#[path = "openstack_limits.rs"]
mod limits;

use serde_json::json;
use whmeter::backends::{Backend, BackendError, Heard, Past};
use whmeter::domain::{Harvest, Meter, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::openstack::{Options, Panel, Switches};
use whmeter_simulators::panel::{self, SimulatedPanel};

use crate::support::panels::*;

async fn start(accounts: usize, change: impl FnOnce(&mut Switches)) -> (Panel, Pair) {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    let panel = Panel::start(options).await.unwrap();
    let kind = whmeter::backends::kind("openstack").unwrap();
    (panel.clone(), Pair { kind, panel: Box::new(panel) })
}

/// Polls, settles, and tells what came.
async fn taken(pair: &Pair, backend: &dyn Backend, ledger: &mut Ledger) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let harvest = poll_after(backend, now, ledger.heard()).await.unwrap();
    ledger.take(&harvest, now);
    harvest
}

/// What was settled of every account against what passed between its first and its last window, less what no sample
/// can show.
fn check_settled(pair: &Pair, ledger: &Ledger, first: &Harvest, until: i64) -> usize {
    let mut moved = 0;
    for (name, harvested) in first.accounts() {
        let Some(from) = began(harvested) else { continue };
        let forgotten = pair.truth().forgotten_between(name.as_str(), from, until);
        let lost = |meter| if meter == Meter::TrafficIn { forgotten.received } else { forgotten.sent };
        for (meter, passed) in pair.passed(name.as_str(), from, until) {
            let settled = ledger.sum(name.as_str(), meter);
            let wanted = passed - i128::from(lost(meter));
            assert_eq!(settled, wanted, "{name} {meter} from {from} to {until}: {:?}", ledger.notes);
            moved += usize::from(settled > 0);
        }
    }
    moved
}

/// The end of the last window that is read at an instant.
fn until(now: i64) -> i64 {
    now.div_euclid(300) * 300 - 300
}

#[tokio::test]
async fn lists_are_whole_in_every_way_of_paging_or_are_none() {
    type Change = fn(&mut Switches);
    let ways: [Change; 4] = [
        |s| s.keystone_pages = false,
        |s| s.max_db_limit = 3,
        |s| (s.max_db_limit, s.doubled_prefix) = (5, true),
        |s| (s.max_limit, s.nova_page, s.cinder_page, s.internal_links) = (4, 3, 5, true),
    ];
    for change in ways {
        let (panel, pair) = start(15, change).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!((harvest.accounts().len(), harvest.is_complete()), (15, true));
        harvest.accounts().iter().for_each(|(name, one)| pair.check_truth(name.as_str(), one));
        panel.stop();
    }
    let (panel, pair) = start(15, |s| (s.keystone_pages, s.list_limit) = (false, Some(7))).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(
        matches!(error, BackendError::Unexpected { .. }) && error.to_string().contains("list_limit"),
        "{error}"
    );
    panel.stop();
}

#[tokio::test]
async fn a_region_is_chosen_and_addresses_come_as_they_like() {
    let (panel, pair) =
        start(5, |s| (s.regions, s.trailing_slashes, s.versioned_urls) = (2, true, false)).await;
    let error = pair.poll(&*pair.backend()).await.map(|_| ());
    // Keystone alone needs no region; what is read in one says which there are.
    if let Err(error) = error {
        assert!(error.to_string().contains("RegionOne"), "{error}");
    }
    let harvest = pair.poll(&*pair.backend_with("region = 'RegionOne'")).await.unwrap();
    harvest.accounts().iter().for_each(|(name, one)| {
        assert!(one.unread.is_empty(), "{name} {one:?}");
        pair.check_truth(name.as_str(), one);
    });
    let harvest = pair.poll(&*pair.backend_with("region = 'Atlantis'")).await;
    let text = match harvest {
        Err(error) => error.to_string(),
        Ok(harvest) => harvest.accounts().values().next().unwrap().unread[0].detail.clone(),
    };
    assert!(text.contains("Atlantis") && text.contains("RegionOne"), "{text}");
    panel.switch(|s| s.regions = 1);
    for missing in ["metric", "volumev3", "block-storage", "object-store"] {
        panel.switch(|s| s.missing_services = [missing.to_string()].into());
        let Ok(harvest) = pair.poll(&*pair.backend()).await else {
            panic!("{missing}: a service is off, not the cloud")
        };
        for (name, one) in harvest.accounts() {
            let meter = if missing == "metric" { Meter::TrafficOut } else { Meter::StorageUsed };
            // Of the two names of Cinder the cloud has one.
            let Some(unread) = unread(one, meter) else { continue };
            assert_eq!(unread.reason, Reason::NotOffered, "{missing} {name} {unread:?}");
            assert_eq!(figure(one, meter), None);
        }
    }
    panel.stop();
}

#[tokio::test]
async fn tokens_are_renewed_and_a_refused_login_is_made_once() {
    let (panel, pair) = start(4, |s| (s.token_seconds, s.refused_early_seconds) = (400, 30)).await;
    let backend = pair.backend();
    for _ in 0..6 {
        panel.knobs().clock.advance(150);
        let harvest = poll(&*pair.opened(pair.settings()), panel.knobs().clock.now_seconds()).await.unwrap();
        assert!(harvest.accounts().values().all(|one| one.unread.is_empty()));
    }
    pair.poll(&*backend).await.unwrap();
    panel.operate("sessions", &json!({ "op": "revoke_all" })).unwrap();
    let harvest = pair.poll(&*backend).await.unwrap();
    assert!(harvest.accounts().values().all(|one| one.unread.is_empty()), "one new login was enough");
    panel.switch(|s| s.credential_expires_at = Some(NOW - 10));
    panel.operate("sessions", &json!({ "op": "revoke_all" })).unwrap();
    panel.knobs().requests.clear();
    for _ in 0..3 {
        let error = pair.poll(&*backend).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{error}");
    }
    assert_eq!(panel.knobs().requests.count("/auth/tokens"), 1);
    panel.switch(|s| (s.credential_expires_at, s.keystone_unreachable) = (None, true));
    let harvest = pair.poll(&*pair.backend_with("retries = 0")).await;
    if let Ok(harvest) = harvest {
        for one in harvest.accounts().values() {
            assert_eq!(unread(one, Meter::StorageUsed).unwrap().reason, Reason::Busy, "{one:?}");
        }
    }
    panel.stop();
}

#[tokio::test]
async fn restarts_gaps_and_jitter_cost_only_what_no_sample_shows() {
    type Change = fn(&mut Switches);
    let ways: [Change; 5] = [
        |_| {},
        |s| s.further_methods = ["max".to_string(), "last".to_string()].into(),
        // No restart is in it: one that no sample shows, and that the count has passed since, cannot be known.
        |s| s.outages = vec![(NOW + 14_000, NOW + 17_000)],
        |s| s.policy = "high-rate".into(),
        |s| s.old_gnocchi = true,
    ];
    for (number, change) in ways.into_iter().enumerate() {
        let (panel, pair) = start(10, change).await;
        let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
        let first = taken(&pair, &*backend, &mut ledger).await;
        // Restarts in adjacent windows can be told apart where windows tell their most.
        let soon = if number == 1 { 400 } else { 1_250 };
        let story = [(3_600, "reboot"), (3_700, "migrate"), (soon, "reboot"), (4_000, "reboot"), (7_200, "")];
        for (step, op) in story {
            clock.advance(step);
            for account in panel.accounts().iter().take(4) {
                for server in panel.servers(account).iter().take(1).filter(|_| !op.is_empty()) {
                    panel.operate(&format!("servers/{server}"), &json!({ "op": op })).unwrap();
                }
            }
            taken(&pair, &*backend, &mut ledger).await;
        }
        clock.advance(3_600);
        let last = taken(&pair, &*backend, &mut ledger).await;
        let end = last.accounts().values().filter_map(measured).max().unwrap();
        assert!(end >= until(clock.now_seconds()) - 3_600, "way {number}");
        assert!(check_settled(&pair, &ledger, &first, end) > 10);
        panel.stop();
    }
}

#[tokio::test]
async fn two_samples_in_a_window_and_none_in_the_next_lose_nothing() {
    let (panel, pair) = start(6, |s| s.late_every = Some(5)).await;
    let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
    taken(&pair, &*backend, &mut ledger).await;
    for _ in 0..12 {
        clock.advance(1_800);
        taken(&pair, &*backend, &mut ledger).await;
    }
    for name in panel.accounts() {
        for (meter, passed) in pair.passed(&name, NOW, clock.now_seconds()) {
            let settled = ledger.sum(&name, meter);
            // The ends are mixtures of two samples: half an hour's worth at the most, and never a whole window lost.
            let most = pair.passed(&name, NOW - 1_800, clock.now_seconds())[&meter];
            let least = pair.passed(&name, NOW, clock.now_seconds() - 1_800)[&meter];
            assert!((least..=most).contains(&settled), "{name} {meter}: {settled} of {passed}");
        }
    }
    panel.stop();
}

#[tokio::test]
async fn what_was_made_since_the_last_look_counts_from_its_beginning() {
    let (panel, pair) = start(6, |_| {}).await;
    let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
    let first = taken(&pair, &*backend, &mut ledger).await;
    clock.advance(1_200);
    let name = panel.accounts().remove(2);
    panel.operate(&format!("projects/{name}"), &json!({ "op": "boot" })).unwrap();
    clock.advance(3_600);
    taken(&pair, &*backend, &mut ledger).await;
    assert!(check_settled(&pair, &ledger, &first, until(clock.now_seconds())) > 4);
    assert!(ledger.notes.contains(&"began_since_last_look"), "{:?}", ledger.notes);
    panel.stop();
}

#[tokio::test]
async fn a_card_that_gnocchi_sees_late_is_not_new() {
    let (panel, pair) = start(6, |_| {}).await;
    let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
    let cards = "/search/resource/instance_network_interface";
    let change = |field: &str, becomes: serde_json::Value| {
        let changed = FaultKind::ChangedField { field: field.into(), becomes: Change::Value(becomes) };
        panel.knobs().faults.add(Fault::new(changed).on(cards));
    };
    // Nobody's at first, and then somebody's with a date after the last look: its server is older.
    change("/0/project_id", json!(null));
    let first = taken(&pair, &*backend, &mut ledger).await;
    assert_eq!(first.unclaimed_usage().len(), 1);
    panel.knobs().faults.clear();
    clock.advance(3_600);
    change("/0/started_at", json!("2026-11-21T02:30:00+00:00"));
    taken(&pair, &*backend, &mut ledger).await;
    for name in panel.accounts() {
        for (meter, most) in pair.passed(&name, NOW - 600, clock.now_seconds()) {
            assert!(
                ledger.sum(&name, meter) <= most,
                "{name} {meter}: {} of {most}",
                ledger.sum(&name, meter)
            );
        }
    }
    panel.stop();
}

#[tokio::test]
async fn who_is_switched_off_has_moved_nothing_and_who_is_silent_is_unread() {
    let (panel, pair) = start(6, |_| {}).await;
    let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
    taken(&pair, &*backend, &mut ledger).await;
    let accounts = panel.accounts();
    let (off, gone) = (&accounts[1], &accounts[3]);
    for server in panel.servers(off) {
        panel
            .operate(&format!("servers/{server}"), &json!({ "op": "set_status", "status": "SHUTOFF" }))
            .unwrap();
    }
    for server in panel.servers(gone) {
        panel.operate(&format!("servers/{server}"), &json!({ "op": "delete" })).unwrap();
    }
    clock.advance(3 * 3_600);
    taken(&pair, &*backend, &mut ledger).await;
    clock.advance(30 * 3_600);
    let harvest = taken(&pair, &*backend, &mut ledger).await;
    for name in [off, gone] {
        let one = of(&harvest, name).unwrap();
        assert!(measured(one).is_some_and(|at| at > clock.now_seconds() - 1_200), "{name} {one:?}");
        assert!(one.unread.is_empty(), "{one:?}");
    }
    // The agents stop, and the servers run on.
    panel.switch(|s| s.outages = vec![(clock.now_seconds(), i64::MAX)]);
    clock.advance(5 * 3_600);
    let harvest = taken(&pair, &*backend, &mut ledger).await;
    let silent = of(&harvest, &accounts[0]).unwrap();
    assert_eq!(unread(silent, Meter::TrafficOut).unwrap().reason, Reason::Silent, "{silent:?}");
    panel.stop();
}

#[tokio::test]
async fn a_login_that_lost_its_roles_makes_nobody_empty() {
    let (panel, pair) = start(5, |_| {}).await;
    let backend = pair.backend();
    let mut ledger = Ledger::new();
    taken(&pair, &*backend, &mut ledger).await;
    for roles in [vec!["ResellerAdmin"], vec!["admin"], vec!["member"]] {
        panel.switch(|s| s.roles = roles.iter().map(ToString::to_string).collect());
        let now = panel.knobs().clock.now_seconds();
        match poll_after(&*pair.opened(pair.settings()), now, ledger.heard()).await {
            Err(error) => assert!(matches!(error, BackendError::Refused(_)), "{roles:?} {error}"),
            Ok(harvest) => {
                for (name, one) in harvest.accounts() {
                    let unread = unread(one, Meter::StorageUsed).unwrap();
                    assert_eq!(unread.reason, Reason::Refused, "{roles:?} {name} {unread:?}");
                }
            }
        }
    }
    panel.stop();
}

#[tokio::test]
async fn stored_is_the_sum_of_what_is_configured() {
    let (panel, pair) = start(8, |s| s.share_gib = 3).await;
    let name = panel.accounts().remove(4);
    let stored = async |keys: &str| {
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        level(of(&harvest, &name).unwrap()).unwrap_or_else(|| panic!("{:?}", of(&harvest, &name))).1
    };
    let (all, objects) = (stored("").await, stored("storage = ['objects']").await);
    let volumes = stored("storage = ['volumes']").await;
    assert_eq!((objects + volumes, volumes % (1 << 30)), (all, 0));
    assert_eq!(stored("storage = ['shares']").await, 3 << 30);
    panel.switch(|s| s.glance_page = 3);
    assert_eq!(stored("storage = ['images']").await, panel.image_bytes(&name));
    assert_eq!(stored("storage = ['local_disk']").await, (panel.servers(&name).len() as u64) * (20 << 30));
    assert_eq!(stored("storage = ['gnocchi_volumes']").await, volumes);
    let first = panel.volumes(&name).remove(0);
    panel.operate(&format!("volumes/{first}"), &json!({ "op": "internal" })).unwrap();
    let without = stored("storage = ['volumes']").await;
    assert!(without < volumes, "an internal volume is not counted");
    panel.operate(&format!("volumes/{first}"), &json!({ "op": "set_status", "status": "deleting" })).unwrap();
    assert_eq!(stored("storage = ['volumes']").await, without);
    panel.switch(|s| s.account_autocreate = false);
    assert_eq!(stored("storage = ['objects']").await, objects);
    panel.stop();
}

#[tokio::test]
async fn diagnostics_read_the_same_counters() {
    let (panel, pair) = start(8, |_| {}).await;
    let (backend, mut ledger, clock) =
        (pair.backend_with("traffic = 'diagnostics'"), Ledger::new(), &panel.knobs().clock);
    let first = taken(&pair, &*backend, &mut ledger).await;
    for _ in 0..3 {
        clock.advance(3_600);
        taken(&pair, &*backend, &mut ledger).await;
    }
    assert!(check_settled(&pair, &ledger, &first, clock.now_seconds()) > 6);
    panel.switch(|s| s.nova_newest = 47);
    let harvest =
        poll_after(&*pair.backend_with("traffic = 'diagnostics'"), clock.now_seconds(), Heard::default())
            .await;
    assert!(harvest.unwrap().accounts().values().any(|one| figure(one, Meter::TrafficIn).is_some()));
    panel.stop();
}

#[tokio::test]
async fn history_is_the_same_counters_from_the_oldest_window_on() {
    let (panel, pair) = start(5, |_| {}).await;
    let (backend, mut ledger, clock) = (pair.backend(), Ledger::new(), &panel.knobs().clock);
    clock.advance(3 * 86_400);
    let now = clock.now_seconds();
    let past = Past { now: instant(now), since: instant(NOW), until: instant(now) };
    let mut history = Harvest::new();
    backend.history().unwrap().backfill(&past, &mut history).await.unwrap();
    ledger.take(&history, now);
    taken(&pair, &*backend, &mut ledger).await;
    assert!(check_settled(&pair, &ledger, &history, until(now)) > 4);
    panel.stop();
}
