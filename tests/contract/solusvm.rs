//! SolusVM: what only these two products do.

#[path = "solusvm_limits.rs"]
mod limits;

use serde_json::{Value as Json, json};
use whmeter::backends::{Backend, BackendError, PollRequest};
use whmeter::domain::{Bytes, Harvest, Harvested, Limit, Meter, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::panel::Options;

use crate::support::panels::*;

const HOUR: i64 = 3_600;
/// The first instant of December, where SolusVM 1 stands (Warsaw) and in UTC, by which SolusVM 2 goes.
const DECEMBER: [i64; 2] = [1_796_079_600, 1_796_083_200];
/// 6 December of UTC: the servers of SolusVM 2 that count from their day of creation were made on a 6th.
const SIXTH: i64 = DECEMBER[1] + 5 * 24 * HOUR;

/// A panel at a time, with these switches.
async fn start(accounts: usize, now: i64, switches: Json) -> Pair {
    let kind = whmeter::backends::kind("solusvm").unwrap();
    let options = Options { accounts, clock: ClockStart::Frozen(now), ..Options::default() };
    let panel = whmeter_simulators::kind("solusvm").unwrap().start(options).await.unwrap();
    let pair = Pair { kind, panel };
    operate(&pair, "switches", &switches);
    pair
}

fn operate(pair: &Pair, what: &str, arguments: &Json) {
    pair.panel.operate(what, arguments).unwrap();
}

fn state(pair: &Pair, server: &str, key: &str) -> Json {
    pair.panel.operate("state", &Json::Null).unwrap()["servers"][server][key].clone()
}

/// Polls at the panel's time with what was settled before, and settles it.
async fn step(pair: &Pair, backend: &dyn Backend, ledger: &mut Ledger) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let harvest = poll_after(backend, now, ledger.heard()).await.unwrap();
    ledger.take(&harvest, now);
    harvest
}

/// Polls at each of these times, from the first on.
async fn steps(pair: &Pair, keys: &str, times: &[i64]) -> Ledger {
    let mut ledger = Ledger::new();
    for at in times {
        pair.panel.knobs().clock.freeze_at(*at);
        let backend = pair.backend_with(keys);
        step(pair, &*backend, &mut ledger).await;
    }
    ledger
}

/// What really passed, in or out or both ways.
fn truth(pair: &Pair, name: &str, from: i64, to: i64, meter: Meter) -> i128 {
    passed(pair.truth(), name, from, to, meter).into()
}

/// Somebody who is switched on, and reset by the policy told.
fn one_with(pair: &Pair, policy: &str) -> String {
    let names = pair.panel.accounts().into_iter();
    let mut fitting =
        names.filter(|name| state(pair, name, "policy") == policy && state(pair, name, "on") == true);
    fitting.next().unwrap()
}

#[tokio::test]
async fn each_server_is_reset_on_its_own_day_and_what_it_counts_since_is_billed_in_full() {
    let pair = start(30, DECEMBER[1] - 2 * HOUR, json!({})).await;
    let quarter = 900;
    let polls: Vec<i64> = (DECEMBER[1] - 2 * HOUR..=SIXTH + 2 * HOUR).step_by(quarter as usize).collect();
    let ledger = steps(&pair, "", &polls).await;
    let (first, last) = (polls[0], polls[polls.len() - 1]);
    for (policy, resets) in
        [("never", &[][..]), ("first_day_of_month", &[DECEMBER[1]][..]), ("vm_created_day", &[SIXTH][..])]
    {
        let name = one_with(&pair, policy);
        for meter in [Meter::TrafficIn, Meter::TrafficOut] {
            // The poll at the very midnight sees the new count: what passed in the quarter before it is gone.
            let lost: i128 =
                resets.iter().map(|reset| truth(&pair, &name, reset - quarter, *reset, meter)).sum();
            let whole = truth(&pair, &name, first, last, meter);
            assert_eq!(ledger.sum(&name, meter), whole - lost, "{policy} {name} {meter}");
            assert!(resets.is_empty() || lost > 0 && lost * 20 < whole, "{policy} {lost} of {whole}");
        }
    }
    assert!(ledger.notes.iter().all(|note| *note != "went_backwards"), "{:?}", ledger.notes);
    pair.panel.stop();
}

#[tokio::test]
async fn a_master_resets_in_its_own_zone_on_the_first_or_on_each_servers_day() {
    // (switches, keys, the reset, how late it comes)
    for (switches, keys, midnight, late) in [
        (json!({ "version": 1 }), "", DECEMBER[0], 0),
        (json!({ "version": 1, "reset_late_minutes": 40 }), "", DECEMBER[0], 2_400),
        (
            json!({ "version": 1, "anniversary": true }),
            "resets = 'anniversary'",
            DECEMBER[0] + 5 * 24 * HOUR,
            0,
        ),
    ] {
        let pair = start(12, midnight - HOUR, switches.clone()).await;
        let ledger =
            steps(&pair, keys, &[midnight - HOUR, midnight + 900, midnight + HOUR, midnight + 9 * HOUR])
                .await;
        for name in pair.panel.accounts() {
            if state(&pair, &name, "counts_since") != json!(midnight + late)
                || state(&pair, &name, "on") == false
            {
                continue;
            }
            let seen = |from, to| truth(&pair, &name, from, to, Meter::TrafficTotal);
            let (before, after) = match late {
                0 => (0, seen(midnight, midnight + 9 * HOUR)),
                // A fall later on the day, at the first look after it.
                _ => (seen(midnight - HOUR, midnight + 900), seen(midnight + late, midnight + 9 * HOUR)),
            };
            assert_eq!(ledger.sum(&name, Meter::TrafficTotal), before + after, "{switches} {name}");
        }
        assert!(ledger.notes.iter().all(|note| *note != "went_backwards"), "{switches} {:?}", ledger.notes);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_reset_by_hand_is_doubted_and_bills_nothing_that_is_not_proven() {
    for switches in [json!({}), json!({ "version": 1 })] {
        let pair = start(8, NOW, switches).await;
        let meter = pair.main_meter();
        let name = one_with(&pair, "never");
        let mut ledger = steps(&pair, "", &[NOW, NOW + HOUR]).await;
        operate(&pair, &format!("servers/{name}"), &json!({ "op": "reset" }));
        for later in [2, 3, 4] {
            pair.panel.knobs().clock.freeze_at(NOW + later * HOUR);
            step(&pair, &*pair.backend(), &mut ledger).await;
        }
        assert!(ledger.notes.contains(&"went_backwards") && ledger.notes.contains(&"restart_unproven"));
        // The hour of the fall is not proven; the rest is to the byte.
        let seen = truth(&pair, &name, NOW, NOW + HOUR, meter)
            + truth(&pair, &name, NOW + 2 * HOUR, NOW + 4 * HOUR, meter);
        assert_eq!(ledger.sum(&name, meter), seen, "{meter}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_node_that_counts_nothing_is_unread_or_doubted_and_never_a_zero_that_is_billed() {
    let pair = start(8, NOW, json!({ "version": 1 })).await;
    let mut ledger = steps(&pair, "", &[NOW, NOW + HOUR]).await;
    operate(&pair, "nodes/1", &json!({ "op": "zeros" }));
    pair.panel.knobs().clock.advance(HOUR);
    let harvest = step(&pair, &*pair.backend(), &mut ledger).await;
    let zeros: Vec<_> =
        harvest.accounts().values().filter_map(|one| unread(one, Meter::TrafficTotal)).collect();
    assert_eq!(zeros.len(), 2, "the two servers of node 1");
    assert!(zeros.iter().all(|unread| unread.detail.contains("bandwidth is 0 after")), "{zeros:?}");
    operate(&pair, "nodes/1", &json!({ "op": "well" }));
    pair.panel.knobs().clock.advance(HOUR);
    step(&pair, &*pair.backend(), &mut ledger).await;
    for name in pair.panel.accounts() {
        let whole = truth(&pair, &name, NOW, NOW + 3 * HOUR, Meter::TrafficTotal);
        assert_eq!(ledger.sum(&name, Meter::TrafficTotal), whole, "{name}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_dead_node_leaves_its_servers_unread_and_everybody_else_read() {
    let pair = start(12, NOW, json!({ "version": 1 })).await;
    operate(&pair, "nodes/2", &json!({ "op": "dead" }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let (dead, well): (Vec<_>, Vec<_>) =
        harvest.accounts().iter().partition(|(name, _)| state(&pair, name.as_str(), "node") == 2);
    assert!(dead.len() == 3 && well.len() == 9);
    for (name, harvested) in dead {
        assert!(figure(harvested, Meter::TrafficTotal).is_none(), "{name}");
        assert!(
            unread(harvested, Meter::TrafficTotal).unwrap().detail.contains("connect to the node"),
            "{harvested:?}"
        );
    }
    assert!(well.iter().all(|(_, harvested)| figure(harvested, Meter::TrafficTotal).is_some()));
    pair.panel.stop();
}

#[tokio::test]
async fn only_servers_whose_disk_is_measured_have_one() {
    let pair = start(12, NOW, json!({ "version": 1 })).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let (mut measured, mut limits) = (0, 0);
    for (name, harvested) in harvest.accounts() {
        let tells = [2, 3].contains(&state(&pair, name.as_str(), "node").as_u64().unwrap());
        assert_eq!(level(harvested).is_some(), tells, "{name}");
        assert!(unread(harvested, Meter::StorageUsed).is_none(), "{harvested:?}");
        measured += usize::from(tells);
        limits += usize::from(matches!(harvested.facts.storage_limit, Limit::UpTo(_)));
    }
    assert_eq!((measured, limits), (6, 12));
    pair.panel.stop();
}

#[tokio::test]
async fn limits_are_read_in_their_units_and_what_is_switched_off_is_unlimited() {
    const GIB: u64 = 1 << 30;
    let up_to = |bytes| Limit::UpTo(Bytes::new(bytes).unwrap());
    for switches in [json!({}), json!({ "old_units": true, "addresses": "ips" })] {
        let pair = start(4, NOW, switches).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        let facts = |place: usize| &harvest.accounts().values().nth(place).unwrap().facts;
        let traffic: Vec<Limit> = (0..4).map(|place| facts(place).traffic_limit).collect();
        // Two limits, one for each direction, are none of their sum.
        assert_eq!(traffic, [up_to(2_048 * GIB), Limit::Unknown, Limit::Unlimited, up_to(1_500 * GIB)]);
        assert_eq!(facts(0).storage_limit, up_to(40 * GIB));
        assert_eq!(facts(3).package.as_deref(), Some("KVM-1"));
        assert_eq!(facts(0).domain.as_deref(), Some("vps1001.example.net"));
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_number_that_another_server_was_given_is_another_counter() {
    let pair = start(5, NOW, json!({})).await;
    let name = pair.panel.accounts().remove(0);
    let mut ledger = steps(&pair, "", &[NOW, NOW + HOUR]).await;
    let made = NOW + HOUR + 60;
    pair.panel.knobs().clock.freeze_at(made);
    operate(&pair, &format!("servers/{name}"), &json!({ "op": "recreate" }));
    pair.panel.knobs().clock.advance(HOUR);
    let harvest = step(&pair, &*pair.backend(), &mut ledger).await;
    let facts = &of(&harvest, &name).unwrap().facts;
    assert_eq!(facts.created.map(|at| at.get()), Some(made));
    // It was made after the last look, and says so: all it has counted passed since. The old one's last minute is gone.
    let seen = |from, to| truth(&pair, &name, from, to, Meter::TrafficIn);
    assert_eq!(ledger.sum(&name, Meter::TrafficIn), seen(NOW, NOW + HOUR) + seen(made, made + HOUR));
    pair.panel.stop();
}

#[tokio::test]
async fn a_token_or_key_that_sees_a_part_never_calls_it_the_whole() {
    let pair = start(40, NOW, json!({ "admin": false })).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(!harvest.is_complete() && harvest.accounts().len() < 40 && !harvest.accounts().is_empty());
    assert!(
        harvest.warnings().iter().any(|warning| warning.contains("admin role")),
        "{:?}",
        harvest.warnings()
    );
    let checked = crate::steps(&*pair.backend()).await;
    assert!(crate::fatal(&checked).iter().any(|text| text.contains("admin role")), "{checked:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn pages_of_any_size_are_read_whole_and_a_page_that_is_missing_is_noticed() {
    for per_page in [1, 7, 50] {
        let pair = start(50, NOW, json!({ "per_page": per_page })).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(harvest.is_complete() && harvest.accounts().len() == 50, "{per_page}");
        pair.panel.stop();
    }
    let pair = start(50, NOW, json!({})).await;
    for (field, becomes) in [("total", Change::Value(json!(51))), ("meta", Change::Removed)] {
        let fault = FaultKind::ChangedField { field: field.into(), becomes };
        pair.panel.knobs().faults.add(Fault::new(fault));
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(!harvest.is_complete(), "{field}");
        pair.panel.knobs().faults.clear();
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_node_that_cannot_be_listed_makes_the_list_a_part() {
    let pair = start(12, NOW, json!({ "version": 1 })).await;
    pair.panel.knobs().faults.add(Fault::new(FaultKind::Garbage).on(" node-virtualservers;").times(1));
    let harvest = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap();
    assert!(!harvest.is_complete() && harvest.accounts().len() < 12, "{}", harvest.accounts().len());
    assert!(
        harvest.warnings().iter().any(|warning| warning.contains("cannot be listed")),
        "{:?}",
        harvest.warnings()
    );
    // One type of node that cannot be listed may hide any number of them.
    pair.panel.knobs().faults.add(Fault::new(FaultKind::Garbage).on(" node-idlist;").times(1));
    let error = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap_err();
    assert!(matches!(error, BackendError::Unexpected { .. }), "{error:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn lists_of_one_and_of_none_in_the_shapes_of_a_loose_language_are_lists() {
    for accounts in [1, 2, 9] {
        let pair = start(
            accounts,
            NOW,
            json!({ "version": 1, "loose_lists": true, "tells_graphs": true, "free_below_zero": true }),
        )
        .await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(harvest.is_complete() && harvest.accounts().len() == accounts, "{:?}", harvest.warnings());
        assert!(harvest.accounts().values().all(|one| figure(one, Meter::TrafficTotal).is_some()));
        pair.panel.stop();
    }
}

#[tokio::test]
async fn figures_that_a_suspended_server_does_not_tell_are_unread() {
    let pair = start(4, NOW, json!({ "version": 1, "disabled_tells": false })).await;
    let name = pair.panel.accounts().remove(0);
    pair.panel.suspend(&name, true).unwrap();
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let silent: &Harvested = of(&harvest, &name).unwrap();
    assert_eq!((figure(silent, Meter::TrafficTotal), silent.facts.suspended), (None, Some(true)));
    let unread = unread(silent, Meter::TrafficTotal).unwrap();
    assert_eq!(unread.reason, Reason::Unexpected);
    assert_eq!(silent.facts.traffic_limit, Limit::Unknown);
    pair.panel.stop();
}

#[tokio::test]
async fn a_login_before_the_master_and_a_resellers_key_are_settings() {
    let pair = start(12, NOW, json!({ "version": 1, "basic_auth": "proxy:hunter2-hunter2" })).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(text) if text.contains("wants a login")), "{error:?}");
    let keys = "user = 'proxy'\npassword = 'hunter2-hunter2'";
    assert!(pair.poll(&*pair.backend_with(keys)).await.unwrap().is_complete());
    pair.panel.stop();

    let pair = start(12, NOW, json!({ "version": 1 })).await;
    let mut settings = pair.settings();
    let reseller = whmeter_simulators::solusvm::Options::default().secrets.reseller;
    for (key, value) in [("id", reseller.0), ("key", reseller.1), ("api", "reseller".to_owned())] {
        settings.insert(key.into(), value.into());
    }
    let harvest = pair.poll(&*pair.opened(settings)).await.unwrap();
    assert!(!harvest.accounts().is_empty() && harvest.accounts().len() < 12);
    assert!(harvest.accounts().keys().all(|name| state(&pair, name.as_str(), "owner").as_u64() >= Some(10)));
    pair.panel.stop();
}

#[tokio::test]
async fn an_address_that_the_master_does_not_know_is_named_and_not_asked_from_again() {
    let pair = start(3, NOW, json!({ "version": 1, "address_allowed": false })).await;
    pair.panel.knobs().requests.clear();
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(text) if text.contains("our address")), "{error:?}");
    assert_eq!(pair.panel.knobs().requests.count("command.php"), 1);
    for switches in [json!({ "address_allowed": true, "maintenance": true }), json!({ "version": 2 })] {
        operate(&pair, "switches", &switches);
        let error = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap_err();
        assert!(
            matches!(&error, BackendError::Unexpected { .. }) && error.to_string().contains("html"),
            "{error:?}"
        );
    }
    pair.panel.stop();
}

#[tokio::test]
async fn one_server_alone_costs_one_look_for_it() {
    let pair = start(40, NOW, json!({ "version": 1 })).await;
    let name = pair.panel.accounts().remove(7);
    pair.panel.knobs().requests.clear();
    let ask = PollRequest { only: Some(account(&name)), ..PollRequest::at(instant(NOW)) };
    let mut harvest = Harvest::new();
    pair.backend().poll(&ask, &mut harvest).await.unwrap();
    assert_eq!(pair.panel.knobs().requests.count("vserver-infoall"), 1);
    assert_eq!(harvest.accounts().len(), 1);
    pair.panel.stop();
}
