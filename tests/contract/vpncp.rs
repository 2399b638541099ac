//! PUQ VPNcp of both generations: what only this panel does.

#[path = "vpncp_days.rs"]
mod days;
#[path = "vpncp_limits.rs"]
mod limits;

use std::collections::BTreeMap;

use serde_json::json;
use toml::Value;
use whmeter::backends::{Backend, BackendError, PollRequest};
use whmeter::domain::{Harvest, Harvested, Meter, Policy, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::vpncp::{
    DaysShape, ListShape, Login, Names, Openapi, Options, Panel, Spelling, Switches, Wrapping, client_name,
};

use crate::support::panels::*;

/// 2026-10-31 23:30 in Warsaw.
const HALLOWEEN: i64 = 1_793_485_800;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn set_caps(panel: &dyn SimulatedPanel, account: &str, down: u64, up: u64) {
    let told = json!({ "op": "set_caps", "down": down, "up": up });
    panel.operate(&format!("clients/{account}"), &told).unwrap();
}

async fn start(accounts: usize) -> (Panel, Pair) {
    start_with(accounts, NOW, |_| {}).await
}

async fn start_with(accounts: usize, now: i64, change: impl FnOnce(&mut Switches)) -> (Panel, Pair) {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(now), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    let panel = Panel::start(options).await.unwrap();
    let kind = whmeter::backends::kind("vpncp").unwrap();
    (panel.clone(), Pair { kind, panel: Box::new(panel) })
}

/// Both generations, each as its own panel.
async fn generations(accounts: usize) -> Vec<(Panel, Pair)> {
    let mut both = Vec::new();
    for generation in [1, 2] {
        both.push(start_with(accounts, NOW, |switches| switches.generation = generation).await);
    }
    both
}

/// A poll that knows when the last one was.
async fn poll_since(pair: &Pair, backend: &dyn Backend, since: i64) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let ask = PollRequest { since: Some(instant(since)), ..PollRequest::at(instant(now)) };
    let mut harvest = Harvest::new();
    backend.poll(&ask, &mut harvest).await.unwrap();
    harvest
}

/// The totals of one meter by the seconds their spans begin and end at.
fn spans(harvested: &Harvested, of: Meter) -> BTreeMap<(i64, i64), u64> {
    let read = harvested.readings.iter().filter(|(meter, _)| *meter == of);
    let totals = read.map(|(_, reading)| match reading {
        Reading::PeriodTotal { span, total, .. } => ((span.start().get(), span.end().get()), total.get()),
        other => panic!("{other:?}"),
    });
    totals.collect()
}

fn warned(harvest: &Harvest, text: &str) -> bool {
    harvest.warnings().iter().any(|warning| warning.contains(text))
}

#[tokio::test]
async fn both_generations_tell_the_truth_and_their_own_directions() {
    for (panel, pair) in generations(15).await {
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        crate::check_readings(&pair, &harvest);
        let name = &panel.accounts()[0];
        let moved = Traffic { received: 7_000_000_000, sent: 0 };
        panel.knobs().truth.add_traffic(name, NOW, moved);
        let after = pair.poll(&*pair.backend()).await.unwrap();
        crate::check_readings(&pair, &after);
        let sum = |harvest: &Harvest, meter| spans(of(harvest, name).unwrap(), meter).values().sum::<u64>();
        // What the customer uploads comes in, what he downloads goes out.
        assert_eq!(sum(&after, Meter::TrafficIn) - sum(&harvest, Meter::TrafficIn), 7_000_000_000);
        assert_eq!(sum(&after, Meter::TrafficOut), sum(&harvest, Meter::TrafficOut));
        let facts = &of(&harvest, name).unwrap().facts;
        assert_eq!((facts.suspended, facts.policy), (Some(false), Some(Policy::Standard)));
        assert!(facts.package.is_some());
        assert!(harvest.warnings().is_empty(), "{:?}", harvest.warnings());
        panel.stop();
    }
}

#[tokio::test]
async fn every_likely_shape_of_the_second_generation_is_read_the_same() {
    type Change = fn(&mut Switches);
    let shapes: &[(&str, Change)] = &[
        ("by name", |s| s.list = ListShape::ByName),
        ("wrapped", |s| s.list = ListShape::Wrapped),
        ("msg", |s| s.wrapping = Wrapping::Msg),
        ("page names", |s| s.names = Names::Page),
        ("quoted", |s| s.quoted_numbers = true),
        ("capital", |s| s.spelling = Spelling::Capital),
        ("boolean", |s| s.spelling = Spelling::Boolean),
        ("unpadded", |s| s.unpadded_months = true),
        ("by date", |s| s.days = DaysShape::ByDate),
        ("numbered", |s| s.days = DaysShape::Numbered),
        ("two rows", |s| s.days = DaysShape::TwoRows),
        ("other names", |s| s.days = DaysShape::OtherNames),
        ("null when empty", |s| s.days = DaysShape::NullWhenEmpty),
        ("all at once", |s| {
            (s.list, s.wrapping, s.names) = (ListShape::ByName, Wrapping::Msg, Names::Page);
            (s.quoted_numbers, s.unpadded_months, s.days) = (true, true, DaysShape::ByDate);
        }),
    ];
    for (what, change) in shapes {
        let (panel, pair) = start_with(12, NOW, change).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        crate::check_readings(&pair, &harvest);
        assert!(harvest.warnings().is_empty(), "{what}: {:?}", harvest.warnings());
        let first = of(&harvest, &panel.accounts()[0]).unwrap();
        assert_eq!(first.facts.policy, Some(Policy::Standard), "{what}");
        assert_eq!(first.facts.suspended, Some(false), "{what}");
        panel.stop();
    }
}

#[tokio::test]
async fn an_answer_without_envelope_is_read_and_said() {
    let (panel, pair) = start_with(5, NOW, |switches| switches.wrapping = Wrapping::Bare).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    crate::check_readings(&pair, &harvest);
    assert!(warned(&harvest, "without result/message/data"), "{:?}", harvest.warnings());
    // Without an envelope nothing says that nothing is meant.
    panel.switch(|switches| switches.list = ListShape::HiddenAsNull);
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(error, BackendError::Unexpected { .. }), "{error:?}");
}

#[tokio::test]
async fn directions_are_not_guessed_and_a_strange_status_is_no_status() {
    let (panel, pair) = start_with(5, NOW, |switches| switches.days = DaysShape::RxTx).await;
    panel.switch(|switches| switches.spelling = Spelling::Strange);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    for harvested in harvest.accounts().values() {
        assert_eq!(figure(harvested, Meter::TrafficOut), None);
        let unread = unread(harvested, Meter::TrafficIn).unwrap();
        assert!(unread.detail.contains("[date, rx, tx]"), "{unread:?}");
        assert_eq!(harvested.facts.suspended, None);
    }
    assert!(warned(&harvest, "paused"), "{:?}", harvest.warnings());
}

#[tokio::test]
async fn totals_of_whole_months_are_taken_as_such_and_said() {
    let (panel, pair) = start_with(5, NOW, |switches| switches.days = DaysShape::Totals).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(warned(&harvest, "whole months"));
    for name in panel.accounts() {
        pair.check_truth(&name, of(&harvest, &name).unwrap());
        assert_eq!(spans(of(&harvest, &name).unwrap(), Meter::TrafficOut).len(), 2, "{name}");
    }
}

#[tokio::test]
async fn never_1_an_empty_list_is_not_that_everybody_is_gone() {
    for list in [ListShape::HiddenAsNull, ListShape::HiddenAsEmpty] {
        let (panel, pair) = start_with(5, NOW, |switches| switches.list = list).await;
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        assert!(
            matches!(&error, BackendError::Unexpected { detail, .. } if detail.contains("counts 5")),
            "{error:?}"
        );
        // Without a count it proves nothing either way.
        panel.switch(|switches| switches.tells_count = false);
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(!harvest.is_complete() && !harvest.warnings().is_empty());
    }
    for generation in [1, 2] {
        let (_panel, pair) = start_with(0, NOW, |switches| switches.generation = generation).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(harvest.is_complete() && harvest.accounts().is_empty());
    }
}

#[tokio::test]
async fn never_1_statistics_that_are_off_are_an_error_and_a_short_memory_is_no_zero() {
    let (panel, pair) = start_with(6, NOW, |switches| switches.history_months = 0).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(
        matches!(&error, BackendError::NotOffered(why) if why.contains("statistics are off")),
        "{error:?}"
    );
    let steps = crate::steps(&*pair.backend()).await;
    let step = steps.iter().find(|step| step.name == "statistics").unwrap();
    assert!(step.fatal && step.outcome.is_err(), "{step:?}");

    // October is forgotten at once when November begins: its days are not taken back.
    panel.switch(|switches| switches.history_months = 1);
    panel.knobs().clock.freeze_at(HALLOWEEN);
    let mut ledger = Ledger::new();
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    ledger.take(&harvest, HALLOWEEN);
    let name = panel.accounts().remove(0);
    let billed = ledger.moved(&name);
    assert!(billed.0 > 0 && billed.1 > 0);
    panel.knobs().clock.advance(HOUR);
    let harvest = poll_since(&pair, &*pair.backend(), HALLOWEEN).await;
    ledger.take(&harvest, HALLOWEEN + HOUR);
    let after = ledger.moved(&name);
    assert!(after.0 >= billed.0 && after.1 >= billed.1, "{billed:?} became {after:?}");
    let steps = crate::steps(&*pair.backend()).await;
    let step = steps.iter().find(|step| step.name == "statistics").unwrap();
    assert!(!step.fatal && step.outcome.is_err(), "{step:?}");
}

#[tokio::test]
async fn refusals_of_every_kind_are_refusals_and_are_not_repeated() {
    for (panel, pair) in generations(3).await {
        for login in [Login::Page, Login::Redirect] {
            panel.switch(|switches| switches.login = login);
            panel.knobs().requests.clear();
            let generation = if pair.settings().contains_key("token") { 2 } else { 1 };
            for keys in ["", &format!("generation = {generation}")] {
                let error = pair.poll(&*pair.backend_with(keys)).await.unwrap_err();
                assert!(
                    matches!(&error, BackendError::Refused(why) if why.contains("wrong port")),
                    "{login:?}: {error:?}"
                );
            }
            assert!(panel.knobs().requests.count("") <= 2);
        }
        panel.stop();
    }
    let (panel, pair) = start_with(3, NOW, |switches| switches.errors_as_200 = true).await;
    let mut settings = pair.settings();
    settings.insert("token".into(), Value::String("hunter2-hunter2".into()));
    let error = pair.poll(&*pair.opened(settings)).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("token")), "{error:?}");
    // A 1.x panel without a licence takes no hash at all.
    panel.switch(|switches| (switches.generation, switches.license_valid) = (1, false));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("licence")), "{error:?}");
}

#[tokio::test]
async fn the_generation_is_found_out_or_told_and_never_mixed_up() {
    let (panel, pair) = start(3).await;
    panel.switch(|switches| switches.openapi = Openapi::Missing);
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(
        error.to_string().contains("access_hash") && error.to_string().contains("set generation"),
        "{error}"
    );
    crate::check_readings(&pair, &pair.poll(&*pair.backend_with("generation = 2")).await.unwrap());
    panel.switch(|switches| switches.openapi = Openapi::Incomplete);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    crate::check_readings(&pair, &harvest);
    assert!(warned(&harvest, "GET /client/{}/traffic/{}/{}"), "{:?}", harvest.warnings());
    let steps = crate::steps(&*pair.backend()).await;
    let offered = steps.iter().find(|step| step.name == "calls offered").unwrap();
    assert!(!offered.fatal && offered.outcome.is_err());
    // Asked once, not at every poll.
    let backend = pair.backend();
    panel.knobs().requests.clear();
    pair.poll(&*backend).await.unwrap();
    pair.poll(&*backend).await.unwrap();
    assert_eq!(panel.knobs().requests.count("openapi.json"), 1);
}

#[tokio::test]
async fn a_dead_panel_is_given_up_and_a_slow_client_is_not_everybody() {
    let (panel, pair) = start(60).await;
    for (fault, reason) in [
        (FaultKind::Reset { after_bytes: 20 }, Reason::Unreachable),
        // Panels ban those who insist.
        (FaultKind::RightMissing, Reason::Refused),
    ] {
        panel.knobs().faults.add(Fault::new(fault).on("/traffic/"));
        panel.knobs().requests.clear();
        let error = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{error:?}");
        assert!(panel.knobs().requests.count("/traffic/") <= 12);
        panel.knobs().faults.clear();
    }
    let slow = client_name(7);
    panel.knobs().faults.add(Fault::new(FaultKind::Delay { milliseconds: 60_000 }).on(&format!("/{slow}/")));
    let harvest = pair.poll(&*pair.backend_with("retries = 0\ntimeout = \"1s\"")).await.unwrap();
    for (name, harvested) in harvest.accounts() {
        match name.as_str() == slow {
            true => assert_eq!(unread(harvested, Meter::TrafficOut).unwrap().reason, Reason::Unreachable),
            false => assert!(harvested.unread.is_empty(), "{name}: {harvested:?}"),
        }
    }
    assert!(harvest.is_complete());
}

#[tokio::test]
async fn a_client_deleted_between_list_and_traffic_is_gone_and_nothing_else() {
    for (panel, pair) in generations(6).await {
        let gone = panel.accounts().remove(2);
        // The list still has a name that nothing is behind any more.
        let renamed = FaultKind::ReplacedText { find: format!("\"{gone}\""), with: "\"vpn-gone\"".into() };
        let generation = if pair.settings().contains_key("token") { "client" } else { "account" };
        panel.knobs().faults.add(Fault::new(renamed).on(&format!("/api/v1/{generation}")));
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        let unread = unread(of(&harvest, "vpn-gone").unwrap(), Meter::TrafficOut).unwrap();
        assert_eq!(unread.reason, Reason::NoSuchAccount, "{unread:?}");
        // November is written in one way alone.
        assert_eq!(panel.knobs().requests.count("/vpn-gone/"), 1);
        assert_eq!(harvest.accounts().values().filter(|harvested| harvested.unread.is_empty()).count(), 5);
        panel.stop();
    }
}

#[tokio::test]
async fn bodies_hold_secrets_that_nobody_is_shown() {
    for (panel, pair) in generations(4).await {
        let faults = &panel.knobs().faults;
        let marks = panel.landmarks();
        for kind in [
            FaultKind::Truncated { bytes: 220, honest_length: true },
            FaultKind::ChangedField { field: "name".into(), becomes: Change::Removed },
            FaultKind::ChangedField { field: "data".into(), becomes: Change::RenamedTo("stuff".into()) },
            FaultKind::ChangedField { field: "msg".into(), becomes: Change::RenamedTo("stuff".into()) },
        ] {
            faults.add(Fault::new(kind).on(marks.listing));
            let shown = match pair.poll(&*pair.backend()).await {
                Err(error) => format!("{error} {error:?}"),
                Ok(harvest) => format!("{harvest:?}"),
            };
            assert!(!shown.contains("in-clear") && !shown.contains("private-key-of"), "{shown}");
            faults.clear();
        }
        let text = format!("{:?}", crate::steps(&*pair.backend()).await);
        assert!(!text.contains("IN-CLEAR") && !text.contains("in-clear"), "{text}");
        panel.stop();
    }
}
