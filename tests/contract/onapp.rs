//! OnApp: what only this panel does.

use serde_json::{Value, json};
use whmeter::backends::{BackendError, Past, PollRequest, Wants};
use whmeter::domain::{Harvest, Meter, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::onapp::{CONSOLE_PASSWORD, Options, Panel, ROOT_PASSWORD, Scope};
use whmeter_simulators::panel::{self, SimulatedPanel};

use crate::check_readings;
use crate::support::panels::*;

const HOUR: i64 = 3_600;

/// A quarter past the hour: the rows of the last hour are there.
const QUARTER_PAST: i64 = NOW + 900;

/// A panel of one scope; the handle turns what the pair does not.
pub async fn start(scope: Scope, accounts: usize, switches: Value) -> (Pair, Panel) {
    let clock = ClockStart::Frozen(QUARTER_PAST);
    let common = panel::Options { accounts, clock, ..panel::Options::default() };
    let panel = Panel::start(Options { common, scope, ..Options::default() }).await.unwrap();
    panel.operate("switches", &switches).unwrap();
    let pair = Pair { kind: whmeter::backends::kind("onapp").unwrap(), panel: Box::new(panel.clone()) };
    (pair, panel)
}

async fn poll_since(pair: &Pair, keys: &str, since: i64) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let ask = PollRequest { since: Some(instant(since)), ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    pair.backend_with(keys).poll(&ask, &mut harvest).await.unwrap();
    harvest
}

/// Every account of a panel has what passed of it from its first hour to its last full one.
fn check_settled(pair: &Pair, ledger: &Ledger, first: &Harvest, last: &Harvest) {
    let mut moving = 0;
    for (name, harvested) in last.accounts() {
        let (Some(from), Some(until)) = (of(first, name.as_str()).and_then(began), measured(harvested))
        else {
            continue;
        };
        let truth = pair.passed(name.as_str(), from, until);
        assert_eq!(pair.settled(ledger, name.as_str()), truth, "{name} from {from} to {until}");
        moving += i32::from(truth.values().any(|bytes| *bytes > 0));
    }
    assert!(moving >= 5, "only {moving} moved anything");
}

#[tokio::test]
async fn every_release_and_shape_tells_the_same() {
    for scope in [Scope::Vm, Scope::User, Scope::Cdn] {
        for switches in [
            json!({}),
            json!({ "version": "4.2.0-8" }),
            json!({ "version": "5.10.0-2", "largest_page": 7 }),
            json!({ "version": "2.0.0", "numbers": "texts" }),
            json!({ "paging": "silent", "largest_page": 3, "numbers": "floats" }),
            json!({ "paging": "headers", "largest_page": 4 }),
            json!({ "paging": "whole", "unlimited_is_null": true }),
            json!({ "time_zone": "Tokyo", "statistics_in_zone": true, "zero_rows": true }),
            json!({ "deleted_stay": true, "knows_short": false, "costs": "huge" }),
        ] {
            if scope == Scope::Cdn && switches["version"] == "2.0.0" {
                continue;
            }
            let (pair, _) = start(scope, 12, switches.clone()).await;
            let harvest = pair.poll(&*pair.backend()).await.unwrap();
            assert_eq!(harvest.accounts().len(), 12, "{scope:?} {switches}");
            for (name, harvested) in harvest.accounts() {
                pair.check_truth(name.as_str(), harvested);
                assert!(harvested.unread.is_empty(), "{scope:?} {switches} {name}: {:?}", harvested.unread);
            }
            assert!(harvest.is_complete(), "{scope:?} {switches}: {:?}", harvest.warnings());
            pair.panel.stop();
        }
    }
}

#[tokio::test]
async fn rows_that_come_late_and_are_revised_settle_to_the_truth() {
    for (scope, late) in [
        (Scope::Vm, json!({ "late_hours": 3 })),
        (Scope::Vm, json!({ "revised_after_hours": 2, "first_percent": 60 })),
        (Scope::User, json!({ "late_hours": 4, "revised_after_hours": 1 })),
        (Scope::Cdn, json!({ "cdn_late_hours": 5 })),
    ] {
        let (pair, _) = start(scope, 9, late.clone()).await;
        let clock = &pair.panel.knobs().clock;
        let mut ledger = Ledger::new();
        let first = poll_since(&pair, "", clock.now_seconds()).await;
        ledger.take(&first, clock.now_seconds());
        for _ in 0..14 {
            let before = clock.now_seconds();
            clock.advance(2 * HOUR);
            let harvest = poll_since(&pair, "", before).await;
            ledger.take(&harvest, clock.now_seconds());
        }
        // All that was late is there, and nothing more happens. A later answer it has to be.
        clock.advance(600);
        let calm = json!({ "late_hours": 0, "cdn_late_hours": 0, "revised_after_hours": 0 });
        pair.panel.operate("switches", &calm).unwrap();
        let last = poll_since(&pair, "", clock.now_seconds()).await;
        ledger.take(&last, clock.now_seconds());
        check_settled(&pair, &ledger, &first, &last);
        assert!(ledger.notes.iter().all(|note| *note != "went_backwards"), "{late}: {:?}", ledger.notes);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn an_hour_that_was_revised_downwards_is_believed_when_it_is_told_twice() {
    let (pair, panel) = start(Scope::Vm, 6, json!({})).await;
    let (clock, name) = (&pair.panel.knobs().clock, pair.panel.accounts().remove(0));
    let mut ledger = Ledger::new();
    ledger.take(&poll_since(&pair, "", clock.now_seconds()).await, clock.now_seconds());
    let whole = ledger.moved(&name);
    let hour = pair.passed(&name, NOW - HOUR, NOW);
    let revise = json!({ "op": "revise_hour", "card": 0, "end": NOW, "received": 1024, "sent": 2048 });
    panel.operate(&format!("machines/{name}"), &revise).unwrap();
    clock.advance(600);
    ledger.take(&poll_since(&pair, "", clock.now_seconds()).await, clock.now_seconds());
    assert_eq!(ledger.moved(&name), whole, "once is not enough");
    clock.advance(600);
    ledger.take(&poll_since(&pair, "", clock.now_seconds()).await, clock.now_seconds());
    let expected = (whole.0 - hour[&Meter::TrafficIn] + 1024, whole.1 - hour[&Meter::TrafficOut] + 2048);
    assert_eq!(ledger.moved(&name), expected);
    pair.panel.stop();
}

#[tokio::test]
async fn a_server_that_changes_hands_is_paid_by_whose_it_was_in_each_hour() {
    let (pair, panel) = start(Scope::User, 6, json!({})).await;
    let clock = &pair.panel.knobs().clock;
    let names = pair.panel.accounts();
    let [from, to] = [&names[1], &names[2]];
    let machine = panel.machines_of(from)[0];
    let mut ledger = Ledger::new();
    let first = poll_since(&pair, "", clock.now_seconds()).await;
    ledger.take(&first, clock.now_seconds());
    panel.operate(&format!("machines/{machine}"), &json!({ "op": "give", "to": to })).unwrap();
    let mut last = first.clone();
    for _ in 0..5 {
        let before = clock.now_seconds();
        clock.advance(HOUR);
        last = poll_since(&pair, "", before).await;
        ledger.take(&last, clock.now_seconds());
    }
    for name in [from, to] {
        let started = began(of(&first, name).unwrap()).unwrap();
        let until = clock.now_seconds() / HOUR * HOUR;
        assert_eq!(pair.settled(&ledger, name), pair.passed(name, started, until), "{name}");
    }
    assert!(last.is_complete());
    pair.panel.stop();
}

#[tokio::test]
async fn sums_of_everybody_tell_what_the_rows_tell_where_they_obey_the_period() {
    for (scope, switches) in [
        (Scope::Vm, json!({})),
        (Scope::User, json!({})),
        (Scope::Cdn, json!({})),
        (Scope::Cdn, json!({ "cdn_stat_root": "user_stat", "get_bodies": false })),
        (Scope::Cdn, json!({ "version": "2.3.2" })),
    ] {
        let (pair, _) = start(scope, 9, switches.clone()).await;
        let harvest = poll_since(&pair, "traffic = 'sums'", QUARTER_PAST).await;
        let mut read = 0;
        for (name, harvested) in harvest.accounts() {
            pair.check_truth(name.as_str(), harvested);
            read += i32::from(figure(harvested, Meter::TrafficOut).is_some());
        }
        assert!(read >= 7, "{scope:?} {switches}: only {read} were read");
        let steps = check(&pair, "traffic = 'sums'").await;
        assert!(steps.iter().all(|(_, outcome)| outcome.is_ok()), "{scope:?}: {steps:?}");
        pair.panel.stop();
    }
    let (pair, _) = start(Scope::Vm, 3, json!({ "bulk_obeys_period": false })).await;
    let steps = check(&pair, "traffic = 'sums'").await;
    let refused = steps.iter().find_map(|(name, outcome)| Some((name, outcome.as_ref().err()?))).unwrap();
    assert!(refused.1.to_string().contains("may ignore the period"), "{refused:?}");
    pair.panel.stop();
}

async fn check(pair: &Pair, keys: &str) -> Vec<(String, Result<String, BackendError>)> {
    let mut steps = Vec::new();
    pair.backend_with(keys).check(Wants { limiting: true }, &mut steps).await;
    steps.into_iter().map(|step| (step.name, step.outcome)).collect()
}

#[tokio::test]
async fn never_1_a_role_that_was_cut_to_its_own_is_no_mass_deletion() {
    for scope in [Scope::Vm, Scope::User] {
        let (pair, _) = start(scope, 9, json!({})).await;
        assert!(pair.poll(&*pair.backend()).await.unwrap().is_complete());
        pair.panel.operate("switches", &json!({ "own_alone": true })).unwrap();
        let cut = pair.poll(&*pair.backend()).await.unwrap();
        assert!(!cut.is_complete(), "{scope:?}");
        assert!(
            cut.warnings().iter().any(|warning| warning.contains("cut to its own")),
            "{:?}",
            cut.warnings()
        );
        let steps = check(&pair, "").await;
        assert!(steps.iter().any(|(name, outcome)| name.contains("other") && outcome.is_err()), "{steps:?}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn refusals_of_every_kind_are_refusals_and_are_not_repeated() {
    for refusal in ["error", "errors", "login_page", "redirect"] {
        let (pair, _) = start(Scope::Vm, 3, json!({ "refusal": refusal })).await;
        let mut settings = pair.settings();
        settings.insert("api_key".into(), "wrong-hunter2-hunter2".into());
        let error = pair.poll(&*pair.opened(settings)).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{refusal}: {error:?}");
        let asked: u64 = pair.panel.knobs().requests.all().iter().map(|asked| asked.count).sum();
        assert_eq!(asked, 1, "{refusal}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn passwords_of_servers_are_nowhere() {
    let (pair, _) = start(Scope::Vm, 4, json!({})).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let mut texts = format!("{harvest:?} {:?}", check(&pair, "").await);
    let faults = &pair.panel.knobs().faults;
    for field in ["id", "total_disk_size", "user_id", "suspended"] {
        let becomes = whmeter_simulators::faults::Change::Value(json!([ROOT_PASSWORD]));
        let changed = whmeter_simulators::faults::FaultKind::ChangedField { field: field.into(), becomes };
        faults.add(whmeter_simulators::faults::Fault::new(changed).on("virtual_machines"));
        texts.push_str(&format!("{:?}", pair.poll(&*pair.backend()).await));
        faults.clear();
    }
    let cut = whmeter_simulators::faults::FaultKind::Truncated { bytes: 900, honest_length: true };
    faults.add(whmeter_simulators::faults::Fault::new(cut).on("virtual_machines.json"));
    texts.push_str(&format!("{:?}", pair.poll(&*pair.backend()).await));
    for password in [ROOT_PASSWORD, CONSOLE_PASSWORD] {
        assert!(!texts.contains(password), "{password} is shown");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn what_the_panel_would_bill_is_shown_beside_and_no_bytes_depend_on_it() {
    let (pair, _) = start(Scope::Vm, 9, json!({})).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let charged = harvest.accounts().values().filter(|harvested| !harvested.charges.is_empty()).count();
    assert!(charged >= 7, "{charged}");
    let charge = harvest.accounts().values().find_map(|harvested| harvested.charges.first()).unwrap();
    assert_eq!(
        (charge.currency(), charge.span.start().to_string()),
        ("USD", "2026-11-01T00:00:00Z".to_string())
    );
    assert!(charge.amount().parse::<f64>().unwrap() > 0.0);
    pair.panel.operate("switches", &json!({ "costs": "huge" })).unwrap();
    let huge = pair.poll(&*pair.backend()).await.unwrap();
    let amounts =
        huge.accounts().values().flat_map(|harvested| &harvested.charges).map(|charge| charge.amount());
    assert!(amounts.into_iter().all(|amount| amount.contains("e+28")));
    let without = pair.poll(&*pair.backend_with("panel_charges = false")).await.unwrap();
    assert!(without.accounts().values().all(|harvested| harvested.charges.is_empty()));
    let fault = whmeter_simulators::faults::Fault::new(whmeter_simulators::faults::FaultKind::RightMissing);
    pair.panel.knobs().faults.add(fault.on("user_statistics"));
    let refused = pair.poll(&*pair.backend()).await.unwrap();
    check_readings(&pair, &refused);
    let warned = refused.warnings().iter().filter(|warning| warning.contains("would bill")).count();
    assert_eq!(warned, 1, "{:?}", refused.warnings());
    assert!(pair.panel.knobs().requests.count("users/117/user_statistics") > 0);
    pair.panel.stop();

    let (pair, _) = start(Scope::User, 4, json!({})).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(harvest.accounts().values().all(|harvested| harvested.charges.len() == 1));
    pair.panel.stop();
}

#[tokio::test]
async fn a_backfill_reads_any_span_and_counts_nothing_twice() {
    let (pair, _) = start(Scope::Vm, 8, json!({})).await;
    let backend = pair.backend();
    let clock = &pair.panel.knobs().clock;
    let (since, until) = (NOW - 45 * 24 * HOUR, NOW - 2 * 24 * HOUR);
    let mut ledger = Ledger::new();
    ledger.take(&poll_since(&pair, "", clock.now_seconds()).await, clock.now_seconds());
    for _ in 0..2 {
        let past = Past { now: instant(clock.now_seconds()), since: instant(since), until: instant(until) };
        let mut harvest = Harvest::new();
        backend.history().unwrap().backfill(&past, &mut harvest).await.unwrap();
        assert!(!harvest.is_complete() && harvest.warnings().is_empty());
        ledger.take(&harvest, clock.now_seconds());
    }
    let mut whole = 0;
    for (name, harvested) in poll_since(&pair, "", clock.now_seconds()).await.accounts() {
        let (recent, last) = (began(harvested), measured(harvested));
        let (Some(recent), Some(last)) = (recent, last) else { continue };
        let mut truth = pair.passed(name.as_str(), since, until);
        for (meter, bytes) in pair.passed(name.as_str(), recent, last) {
            *truth.get_mut(&meter).unwrap() += bytes;
        }
        let settled = pair.settled(&ledger, name.as_str());
        // Who was made meanwhile has no rows from before, whatever the truth had.
        if settled == truth {
            whole += 1;
        } else {
            assert!(settled.iter().all(|(meter, bytes)| *bytes < truth[meter]), "{name}");
        }
    }
    assert!(whole >= 5, "{whole}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_server_that_is_off_moves_nothing_and_one_that_is_silent_is_unknown() {
    let (pair, panel) = start(Scope::Vm, 6, json!({})).await;
    let (clock, names) = (&pair.panel.knobs().clock, pair.panel.accounts());
    panel.operate(&format!("machines/{}", names[0]), &json!({ "op": "halt" })).unwrap();
    clock.advance(9 * HOUR);
    let now = clock.now_seconds();
    for end in 0..20 {
        let lose = json!({ "op": "lose_hour", "card": 0, "end": now / HOUR * HOUR - end * HOUR });
        panel.operate(&format!("machines/{}", names[2]), &lose).unwrap();
    }
    let harvest = poll_since(&pair, "", now).await;
    let zero = |reading: &Reading| matches!(reading, Reading::PeriodTotal { total, .. } if total.get() == 0);
    let off = of(&harvest, &names[0]).unwrap();
    assert!(figure(off, Meter::TrafficOut).is_some_and(zero), "{off:?}");
    pair.check_truth(&names[0], off);
    let silent = of(&harvest, &names[2]).unwrap();
    assert!(figure(silent, Meter::TrafficOut).is_none(), "it runs: no row is no zero");
    // Nobody has been counted yet: of whoever is off nothing is known either.
    pair.panel.operate("switches", &json!({ "late_hours": 20 })).unwrap();
    let late = poll_since(&pair, "", now).await;
    assert!(late.accounts().values().all(|harvested| figure(harvested, Meter::TrafficOut).is_none()));
    pair.panel.stop();
}

#[tokio::test]
async fn a_missing_right_is_named_and_spoils_only_what_needs_it() {
    for (scope, right, meter) in [
        (Scope::Vm, "networks.read", Meter::TrafficOut),
        (Scope::User, "networks.read", Meter::TrafficOut),
        (Scope::Cdn, "cdn_usage_stats.read", Meter::StorageUsed),
    ] {
        let (pair, _) = start(scope, 4, json!({ "lacks": [right] })).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        for (name, harvested) in harvest.accounts() {
            assert!(figure(harvested, meter).is_none(), "{scope:?} without {right}: {name}");
            if scope != Scope::Cdn {
                let unread = unread(harvested, meter).unwrap();
                assert_eq!(unread.reason, Reason::Refused, "{unread:?}");
            }
        }
        pair.panel.stop();
    }
    let (pair, _) = start(Scope::Vm, 4, json!({ "lacks": ["vm_stats"] })).await;
    let error = pair.poll(&*pair.backend_with("traffic = 'sums'")).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("vm_stats")), "{error:?}");
    pair.panel.stop();
    let (pair, _) = start(Scope::Vm, 4, json!({ "lacks": ["settings.version"] })).await;
    check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    pair.panel.stop();
}

#[tokio::test]
async fn hours_whose_rows_could_not_be_read_after_a_long_pause_are_read_later() {
    let (pair, panel) = start(Scope::Vm, 12, json!({})).await;
    let (clock, mut ledger) = (&panel.knobs().clock, Ledger::new());
    let mut looked = clock.now_seconds();
    let mut polls = Vec::new();
    // The second poll comes after fourteen hours and cannot read what was sent; the third comes an hour later.
    for (pause, is_garbled) in [(0, false), (14 * HOUR, true), (HOUR, false)] {
        clock.advance(pause);
        if is_garbled {
            let becomes = Change::Value(json!("many"));
            panel
                .knobs()
                .faults
                .add(Fault::new(FaultKind::ChangedField { field: "data_sent".into(), becomes }));
        }
        let now = clock.now_seconds();
        let ask = PollRequest {
            since: (pause > 0).then(|| instant(looked)),
            heard: ledger.heard(),
            ..PollRequest::at(instant(now))
        };
        let mut harvest = Harvest::new();
        pair.backend().poll(&ask, &mut harvest).await.unwrap();
        ledger.take(&harvest, now);
        panel.knobs().faults.clear();
        looked = now;
        polls.push(harvest);
    }
    check_settled(&pair, &ledger, &polls[0], &polls[2]);
    panel.stop();
}

#[tokio::test]
async fn hours_of_which_one_card_could_not_be_read_are_no_hours_until_it_can() {
    let (pair, panel) = start(Scope::Vm, 12, json!({})).await;
    let (clock, mut ledger) = (&panel.knobs().clock, Ledger::new());
    let first = pair.poll(&*pair.backend()).await.unwrap();
    ledger.take(&first, clock.now_seconds());
    let sources = |harvested: &whmeter::domain::Harvested| {
        let source = |(_, reading): &(Meter, Reading)| match reading {
            Reading::PeriodTotal { source, .. } => Some(source.as_str().to_string()),
            _ => None,
        };
        harvested.readings.iter().filter_map(source).collect::<std::collections::BTreeSet<_>>()
    };
    let (name, cards) = first
        .accounts()
        .iter()
        .map(|(name, harvested)| (name.to_string(), sources(harvested)))
        .find(|(_, cards)| cards.len() > 1)
        .expect("a server with several cards");
    let looked = clock.now_seconds();
    // Nine hours later the answer about one of them is broken, and an hour later it is well.
    clock.advance(9 * HOUR);
    let broken =
        Fault::new(FaultKind::Garbage).on(&format!("/network_interfaces/{}/usage", cards.first().unwrap()));
    panel.knobs().faults.add(broken);
    let poll = async |since: i64, ledger: &Ledger| {
        let now = clock.now_seconds();
        let ask = PollRequest {
            since: Some(instant(since)),
            heard: ledger.heard(),
            ..PollRequest::at(instant(now))
        };
        let mut harvest = Harvest::new();
        pair.backend().poll(&ask, &mut harvest).await.unwrap();
        harvest
    };
    let second = poll(looked, &ledger).await;
    let harvested = of(&second, &name).unwrap();
    assert!(unread(harvested, Meter::TrafficOut).is_some(), "{harvested:?}");
    assert_eq!(sources(harvested).len(), 0, "what the other card moved is not all that the server did");
    let now = clock.now_seconds();
    ledger.take(&second, now);
    panel.knobs().faults.clear();
    clock.advance(HOUR);
    let third = poll(now, &ledger).await;
    ledger.take(&third, clock.now_seconds());
    check_settled(&pair, &ledger, &first, &third);
    panel.stop();
}
