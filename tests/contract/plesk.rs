//! Plesk: what only this panel does.

#[path = "plesk_limits.rs"]
mod limits;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use whmeter::backends::{Backend, BackendError, Past, PollRequest};
use whmeter::domain::{Harvest, Harvested, Limit, Meter, Policy, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::Options;

use crate::check_readings;
use crate::support::panels::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// 2026-11-21 00:00 in Warsaw: the day of `NOW` begins there.
const TODAY: i64 = 1_795_215_600;

async fn start(accounts: usize, switches: Value) -> Pair {
    start_at(accounts, NOW, switches).await
}

async fn start_at(accounts: usize, now: i64, switches: Value) -> Pair {
    let options = Options { accounts, clock: ClockStart::Frozen(now), ..Options::default() };
    let panel = whmeter_simulators::kind("plesk").unwrap().start(options).await.unwrap();
    panel.operate("switches", &switches).unwrap();
    Pair { kind: whmeter::backends::kind("plesk").unwrap(), panel }
}

fn operate(pair: &Pair, operation: &str, arguments: Value) {
    pair.panel.operate(operation, &arguments).unwrap();
}

fn on(pair: &Pair, name: &str, deal: Value) {
    operate(pair, &format!("subscriptions/{name}"), deal);
}

fn state(pair: &Pair) -> Value {
    pair.panel.operate("state", &Value::Null).unwrap()
}

/// A backend that logs in as somebody else.
fn backend_of(pair: &Pair, login: &str, keys: &str) -> Box<dyn Backend> {
    let mut settings = pair.settings();
    let key = state(pair)["people"][login]["key"].as_str().unwrap().to_owned();
    settings.insert("secret_key".into(), key.into());
    settings.extend(keys.parse::<toml::Table>().unwrap());
    pair.opened(settings)
}

async fn poll_since(pair: &Pair, since: i64) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let ask = PollRequest { since: Some(instant(since)), ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    pair.backend().poll(&ask, &mut harvest).await.unwrap();
    harvest
}

/// The totals of one meter by the seconds their days begin at.
fn days(harvested: &Harvested, of: Meter) -> BTreeMap<i64, u64> {
    let read = harvested.readings.iter().filter(|(meter, _)| *meter == of);
    let totals = read.filter_map(|(_, reading)| match reading {
        Reading::PeriodTotal { span, total, .. } => Some((span.start().get(), total.get())),
        _ => None,
    });
    totals.collect()
}

#[tokio::test]
async fn every_shape_is_read_the_same() {
    for switches in [
        json!({}),
        json!({ "pretty": true }),
        json!({ "tells_filter_id": true }),
        json!({ "tells_owners": false, "tells_protocol": false }),
        json!({ "zero_days": false }),
        json!({ "timezone": "Europe/Warsaw", "empty": "bare_result" }),
    ] {
        let pair = start(33, switches.clone()).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        check_readings(&pair, &harvest);
        for (name, harvested) in harvest.accounts() {
            assert!(harvested.unread.is_empty(), "{switches} {name}: {:?}", harvested.unread);
            assert_eq!(days(harvested, Meter::TrafficIn).len(), days(harvested, Meter::TrafficOut).len());
        }
        assert!(harvest.warnings().is_empty(), "{switches}: {:?}", harvest.warnings());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn facts_name_plan_reseller_domain_and_limits() {
    let pair = start(20, json!({})).await;
    let name = pair.panel.accounts().remove(2);
    on(&pair, &name, json!({ "op": "set_limit", "name": "disk_space", "value": -1 }));
    on(&pair, &name, json!({ "op": "set_limit", "name": "max_traffic", "value": null }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let facts = &of(&harvest, &name).unwrap().facts;
    assert_eq!((facts.storage_limit, facts.traffic_limit), (Limit::Unlimited, Limit::Unknown));
    let (mut resellers, mut international) = (BTreeMap::<&str, usize>::new(), 0);
    for (name, harvested) in harvest.accounts() {
        let facts = &harvested.facts;
        assert!(facts.identity.unique().is_some_and(|guid| guid.len() == 36), "{name}");
        assert_eq!((facts.suspended, facts.policy), (Some(false), Some(Policy::Standard)), "{name}");
        *resellers.entry(facts.reseller.as_deref().unwrap_or("not known")).or_default() += 1;
        let domain = facts.domain.as_deref().unwrap();
        assert!(domain.is_ascii(), "{domain}");
        international += usize::from(!name.as_str().is_ascii() && domain.contains("xn--"));
    }
    assert!(harvest.accounts().values().any(|one| one.facts.package.is_some()));
    assert_eq!(resellers.keys().copied().collect::<Vec<_>>(), ["", "northpier", "quayside"]);
    assert!(international > 0);
    // Names are asked for once a day, and when one is new.
    let backend = pair.backend();
    pair.poll(&*backend).await.unwrap();
    let asked = &pair.panel.knobs().requests;
    asked.clear();
    pair.poll(&*backend).await.unwrap();
    assert_eq!(asked.all().iter().map(|asked| asked.count).sum::<u64>(), 2);
    pair.panel.knobs().clock.advance(25 * HOUR);
    pair.poll(&*backend).await.unwrap();
    assert_eq!(asked.all().iter().map(|asked| asked.count).sum::<u64>(), 6);
    pair.panel.stop();
}

#[tokio::test]
async fn a_renamed_domain_keeps_its_identity() {
    let pair = start(5, json!({})).await;
    let name = pair.panel.accounts().remove(1);
    let before = pair.poll(&*pair.backend()).await.unwrap();
    on(&pair, &name, json!({ "op": "rename", "to": "newly-named.example" }));
    let after = pair.poll(&*pair.backend()).await.unwrap();
    assert!(of(&after, &name).is_none() && after.is_complete());
    let identity = |harvest: &Harvest, name: &str| of(harvest, name).unwrap().facts.identity.clone();
    assert_eq!(identity(&before, &name), identity(&after, "newly-named.example"));
    pair.panel.stop();
}

#[tokio::test]
async fn figures_of_the_night_settle_to_the_truth_whatever_today_shows() {
    for switches in [
        json!({ "statistics": "nightly", "today": "absent" }),
        json!({ "statistics": "nightly", "today": "last_run" }),
        json!({ "statistics": "nightly", "today": "absent", "zero_days": false }),
        json!({ "statistics": "nightly", "today": "last_run", "mail_late_days": 2 }),
    ] {
        let pair = start(20, switches.clone()).await;
        let clock = &pair.panel.knobs().clock;
        let (mut ledger, mut first) = (Ledger::new(), None);
        // Three nights and an hour after the run of the fourth, which knows of everything until midnight.
        let late = if switches["mail_late_days"] == 2 { 2 * DAY } else { 0 };
        let until = TODAY + 3 * DAY + 6 * HOUR + late;
        while clock.now_seconds() < until {
            let now = clock.now_seconds();
            let harvest = poll_since(&pair, now - 2 * HOUR).await;
            assert!(harvest.is_complete(), "{switches}");
            for (name, harvested) in harvest.accounts() {
                // Before the run yesterday is simply not there yet.
                assert!(harvested.unread.is_empty(), "{switches} {name} at {now}: {:?}", harvested.unread);
                assert!(level(harvested).is_some());
            }
            ledger.take(&harvest, now);
            first.get_or_insert(harvest);
            clock.advance(2 * HOUR);
        }
        let mut moving = 0;
        for (name, harvested) in first.unwrap().accounts() {
            let Some(from) = began(harvested) else { continue };
            let (settled, truth) = (
                pair.settled(&ledger, name.as_str()),
                pair.passed(name.as_str(), from, until - late - 6 * HOUR),
            );
            for (meter, bytes) in &truth {
                // Rows of days that had begun by then may be in it as well.
                assert!(settled[meter] >= *bytes, "{switches} {name} {meter}: {settled:?} {truth:?}");
            }
            let whole = pair.passed(name.as_str(), from, until);
            assert!(whole.iter().all(|(meter, bytes)| settled[meter] <= *bytes), "{switches} {name}");
            moving += usize::from(truth.values().any(|bytes| *bytes > 0));
        }
        assert!(moving > 10, "{switches}: {moving}");
        assert!(ledger.notes.iter().all(|note| *note != "went_backwards"), "{switches}: {:?}", ledger.notes);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_day_that_is_revised_is_read_again_for_three_days() {
    let pair = start(6, json!({})).await;
    let name = pair.panel.accounts().remove(0);
    let day = TODAY - 2 * DAY;
    on(&pair, &name, json!({ "op": "revise_day", "day": "2026-11-19", "received": 77, "sent": 99 }));
    let harvest = poll_since(&pair, NOW - HOUR).await;
    let read = |meter| days(of(&harvest, &name).unwrap(), meter).get(&day).copied();
    assert_eq!((read(Meter::TrafficIn), read(Meter::TrafficOut)), (Some(77), Some(99)));
    // After an outage days before are asked for too.
    let longer = poll_since(&pair, NOW - 9 * DAY).await;
    assert_eq!(days(of(&longer, &pair.panel.accounts()[0]).unwrap(), Meter::TrafficIn).len(), 10);
    pair.panel.stop();
}

#[tokio::test]
async fn directions_are_the_servers_own() {
    let pair = start(4, json!({})).await;
    let name = pair.panel.accounts().remove(0);
    let before = pair.poll(&*pair.backend()).await.unwrap();
    let moved = Traffic { received: 7_000_000_000, sent: 0 };
    pair.truth().add_traffic(&name, NOW, moved);
    let after = pair.poll(&*pair.backend()).await.unwrap();
    let sum = |harvest: &Harvest, meter| days(of(harvest, &name).unwrap(), meter).values().sum::<u64>();
    assert_eq!(sum(&after, Meter::TrafficIn) - sum(&before, Meter::TrafficIn), 7_000_000_000);
    assert_eq!(sum(&after, Meter::TrafficOut), sum(&before, Meter::TrafficOut));
    pair.panel.stop();
}

#[tokio::test]
async fn one_refused_row_makes_the_list_incomplete_and_spoils_no_neighbour() {
    let pair = start(9, json!({})).await;
    let broken = pair.panel.accounts().remove(4);
    on(&pair, &broken, json!({ "op": "fail", "code": 1023 }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(!harvest.is_complete());
    assert!(harvest.warnings().iter().any(|warning| warning.contains("1023")), "{:?}", harvest.warnings());
    for name in pair.panel.accounts() {
        let harvested = of(&harvest, &name);
        match name == broken {
            true => assert!(harvested.is_none_or(|one| one.readings.is_empty()), "{harvested:?}"),
            false => pair.check_truth(&name, harvested.unwrap()),
        }
    }
    let mut ledger = Ledger::new();
    ledger.take(&harvest, NOW);
    pair.panel.stop();
}

#[tokio::test]
async fn a_no_comes_with_status_200_and_its_number_says_what_to_do() {
    let pair = start(3, json!({})).await;
    for (code, reason) in [
        (1001, Reason::Refused),
        (1006, Reason::Refused),
        (1010, Reason::Refused),
        (1012, Reason::Refused),
        (11003, Reason::Refused),
        (1003, Reason::Unreachable),
        (1004, Reason::NotOffered),
        (1008, Reason::Busy),
        (1023, Reason::Busy),
        (1030, Reason::NotOffered),
    ] {
        operate(&pair, "switches", json!({ "refuses": code }));
        pair.panel.knobs().requests.clear();
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{code}: {error}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        pair.check_text(&error.to_string());
        let asked: u64 = pair.panel.knobs().requests.all().iter().map(|asked| asked.count).sum();
        assert_eq!(asked, 1, "{code}");
    }
    operate(&pair, "switches", json!({ "refuses": null, "updating": true }));
    let error = pair.poll(&*pair.backend_with(crate::QUICK)).await.unwrap_err();
    assert!(matches!(error, BackendError::Busy { .. } | BackendError::Unreachable(_)), "{error:?}");
    operate(&pair, "switches", json!({ "updating": false }));
    check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    pair.panel.stop();
}

#[tokio::test]
async fn who_logs_in_by_password_needs_headers_that_proxies_drop() {
    let pair = start(3, json!({})).await;
    let mut settings = pair.settings();
    settings.remove("secret_key").unwrap();
    settings.insert("login".into(), "admin".into());
    let password = state(&pair)["people"]["admin"]["password"].as_str().unwrap().to_owned();
    settings.insert("password".into(), password.clone().into());
    // Releases that know no keys yet know passwords.
    for protocol in ["1.6.3.5", "1.6.9.1"] {
        operate(&pair, "switches", json!({ "protocol": protocol }));
        check_readings(&pair, &pair.poll(&*pair.opened(settings.clone())).await.unwrap());
    }
    operate(&pair, "switches", json!({ "drops_underscores": true }));
    let error = pair.poll(&*pair.opened(settings)).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)) && !error.to_string().contains(&password), "{error}");
    check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    operate(&pair, "switches", json!({ "key_address": "192.0.2.77" }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(error.to_string().contains("another address"), "{error}");
    pair.panel.stop();
}

#[tokio::test]
async fn nobody_listed_is_no_complete_list() {
    for empty in ["no_result", "bare_result"] {
        let pair = start(3, json!({ "empty": empty })).await;
        for name in pair.panel.accounts() {
            pair.panel.vanish(&name).unwrap();
        }
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(harvest.accounts().is_empty() && !harvest.is_complete(), "{empty}");
        assert!(!harvest.warnings().is_empty(), "{empty}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_reseller_sees_its_own() {
    let pair = start(20, json!({})).await;
    let backend = backend_of(&pair, "quayside", "acts_as = 'reseller'");
    let harvest = pair.poll(&*backend).await.unwrap();
    let all = pair.panel.accounts().len();
    assert!(!harvest.accounts().is_empty() && harvest.accounts().len() < all);
    for (name, harvested) in harvest.accounts() {
        pair.check_truth(name.as_str(), harvested);
        assert_eq!(harvested.facts.reseller, None, "a reseller does not see whose it is");
    }
    assert!(harvest.warnings().is_empty(), "{:?}", harvest.warnings());
    pair.panel.stop();
}

#[tokio::test]
async fn additional_sites_count_once_whether_they_are_included_or_not() {
    for (included, keys) in [(true, ""), (false, "additional_sites = 'added'")] {
        let pair = start(12, json!({ "sites_included": included })).await;
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        check_readings(&pair, &harvest);
        let steps = crate::steps(&*pair.backend_with(keys)).await;
        assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");
        pair.panel.stop();
    }
    // Whoever does not say so is told.
    let pair = start(12, json!({ "sites_included": false })).await;
    let steps = crate::steps(&*pair.backend()).await;
    let wrong: Vec<_> = steps.iter().filter(|step| step.outcome.is_err()).collect();
    assert!(crate::fatal(&steps).is_empty() && wrong.len() == 1, "{steps:?}");
    assert!(wrong[0].outcome.as_ref().unwrap_err().to_string().contains("additional_sites"), "{wrong:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn the_past_is_read_as_far_as_it_is_kept_and_what_is_forgotten_is_not_nothing() {
    let pair = start(60, json!({ "stat_ttl": 2 })).await;
    let backend = pair.backend();
    let past = Past { now: instant(NOW), since: instant(NOW - 300 * DAY), until: instant(TODAY - DAY) };
    let mut harvest = Harvest::new();
    backend.history().unwrap().backfill(&past, &mut harvest).await.unwrap();
    assert_eq!(harvest.accounts().len(), 60);
    let mut read = 0;
    for (name, harvested) in harvest.accounts() {
        pair.check_truth(name.as_str(), harvested);
        let days = days(harvested, Meter::TrafficOut);
        assert!(days.keys().all(|day| (NOW - 100 * DAY..TODAY - DAY).contains(day)), "{name}: {days:?}");
        read += days.len();
    }
    assert!(read > 60 * 30, "{read} days");
    pair.panel.stop();
}

#[tokio::test]
async fn days_are_those_of_the_configured_zone() {
    // In Tokyo it is the 22nd already.
    let pair = start_at(12, TODAY + 20 * HOUR, json!({ "timezone": "Asia/Tokyo" })).await;
    let mut settings = pair.settings();
    settings.insert("timezone".into(), "Asia/Tokyo".into());
    let harvest = pair.poll(&*pair.opened(settings)).await.unwrap();
    check_readings(&pair, &harvest);
    pair.panel.stop();
}
