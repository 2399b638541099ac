//! cPanel/WHM: months that turn, names that are sold again, rights that are taken away, and every envelope.

use serde_json::{Value, json};
use whmeter::backends::{BackendError, Past, PollRequest, Wants};
use whmeter::domain::{Harvest, Meter, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

use crate::support::panels::*;

/// 2026-11-30T23:00:00Z: December begins in Warsaw.
pub const DECEMBER: i64 = 1_796_079_600;
/// 2026-10-31T23:00:00Z.
const NOVEMBER: i64 = DECEMBER - 30 * 86_400;

pub async fn start(accounts: usize, switches: Value) -> Pair {
    let options = Options { accounts, clock: ClockStart::Frozen(NOW), ..Options::default() };
    let panel = whmeter_simulators::kind("cpanel").unwrap().start(options).await.unwrap();
    panel.operate("switches", &switches).unwrap();
    Pair { kind: whmeter::backends::kind("cpanel").unwrap(), panel }
}

fn switch(pair: &Pair, switches: Value) {
    pair.panel.operate("switches", &switches).unwrap();
}

fn advance_to(pair: &Pair, at: i64) {
    pair.panel.knobs().clock.freeze_at(at);
}

/// The totals of an account by the seconds their spans begin and end at.
fn spans(harvest: &Harvest, name: &str) -> Vec<(i64, i64, u64)> {
    let read = of(harvest, name).unwrap().readings.iter();
    let totals = read.filter_map(|(_, reading)| match reading {
        Reading::PeriodTotal { span, total, .. } => Some((span.start().get(), span.end().get(), total.get())),
        _ => None,
    });
    totals.collect()
}

fn moved_both(pair: &Pair, name: &str, from: i64, to: i64) -> u64 {
    passed(pair.truth(), name, from, to, Meter::TrafficTotal)
}

/// Somebody who moves bytes and was there long before.
fn busy(pair: &Pair) -> String {
    let accounts = pair.panel.accounts();
    accounts.into_iter().find(|name| moved_both(pair, name, NOVEMBER, NOVEMBER + 60) > 0).unwrap()
}

fn warned(harvest: &Harvest, text: &str) -> bool {
    harvest.warnings().iter().any(|warning| warning.contains(text))
}

#[tokio::test]
async fn every_envelope_and_spelling_is_read_to_the_byte() {
    for switches in [
        json!({ "numbers_as_texts": true, "result_as_text": true }),
        json!({ "envelope": "api0", "numbers_as_texts": true }),
        json!({ "envelope": "legacy" }),
        json!({ "version_in_legacy_wrapper": true, "tells_chunk": true }),
        json!({ "unlimited_bandwidth": "999999999999990" }),
        json!({ "unlimited_bandwidth": "unlimited" }),
    ] {
        let pair = start(12, switches.clone()).await;
        let backend = pair.backend();
        let harvest = pair.poll(&*backend).await.unwrap();
        crate::check_readings(&pair, &harvest);
        assert!(harvest.warnings().is_empty(), "{switches}: {:?}", harvest.warnings());
        let unlimited = harvest.accounts().values().map(|one| one.facts.traffic_limit);
        assert!(
            unlimited.filter(|limit| *limit == whmeter::domain::Limit::Unlimited).count() > 2,
            "{switches}"
        );
        let steps = crate::steps(&*backend).await;
        assert!(steps.iter().all(|step| step.outcome.is_ok()), "{switches}: {steps:?}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn the_last_hours_of_a_month_are_found_in_the_next() {
    let pair = start(12, json!({ "processed_every_minutes": 120, "months_reset_late_minutes": 45 })).await;
    let backend = pair.backend();
    let mut ledger = Ledger::new();
    let mut since = None;
    for at in
        [DECEMBER - 5 * 3600, DECEMBER - 1800, DECEMBER + 900, DECEMBER + 4 * 3600, DECEMBER + 40 * 3600]
    {
        advance_to(&pair, at);
        let ask = PollRequest { since: since.map(instant), ..PollRequest::at(instant(at)) };
        let mut harvest = Harvest::new();
        backend.poll(&ask, &mut harvest).await.unwrap();
        ledger.take(&harvest, at);
        since = Some(at);
    }
    let mut checked = 0;
    for name in pair.panel.accounts() {
        let november = ledger.book.series(&account(&name), Meter::TrafficTotal).unwrap();
        let november = november.periods.iter().find(|((_, span), _)| span.end().get() == DECEMBER);
        let (_, belief) = november.unwrap();
        let begun = november.unwrap().0.1.start().get();
        assert_eq!(belief.total.get(), moved_both(&pair, &name, begun, DECEMBER), "{name}");
        checked += u32::from(belief.total.get() > 0);
    }
    assert!(checked > 8);
    // From the third day on only the running month is asked, unless somebody was away.
    for (since, calls) in [(DECEMBER + 47 * 3600, 1), (DECEMBER - 3600, 2), (NOVEMBER - 3600, 3)] {
        advance_to(&pair, DECEMBER + 50 * 3600);
        pair.panel.knobs().requests.clear();
        let ask =
            PollRequest { since: Some(instant(since)), ..PollRequest::at(instant(DECEMBER + 50 * 3600)) };
        backend.poll(&ask, &mut Harvest::new()).await.unwrap();
        assert_eq!(pair.panel.knobs().requests.count("showbw"), calls, "{since}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_month_that_cannot_be_read_stays_owed() {
    let pair = start(6, json!({})).await;
    let name = busy(&pair);
    advance_to(&pair, DECEMBER + 86_400);
    let fault = whmeter_simulators::faults::FaultKind::Failed { status: 500 };
    pair.panel.knobs().faults.add(whmeter_simulators::faults::Fault::new(fault).on("month=11"));
    let harvest = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap();
    assert_eq!(spans(&harvest, &name).len(), 1);
    let unread = unread(of(&harvest, &name).unwrap(), Meter::TrafficTotal).unwrap();
    assert!(unread.detail.contains("500"), "{unread:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_name_that_is_sold_again_begins_with_its_new_owner() {
    for carries in [false, true] {
        let pair = start(8, json!({ "recreated_carries": carries })).await;
        let (name, backend) = (busy(&pair), pair.backend());
        let before = pair.poll(&*backend).await.unwrap();
        pair.panel.operate(&format!("accounts/{name}"), &json!({ "op": "recreate" })).unwrap();
        pair.panel.knobs().clock.advance(3600);
        let after = pair.poll(&*backend).await.unwrap();
        let identity = |harvest: &Harvest| of(harvest, &name).unwrap().facts.identity.clone();
        let likeness = identity(&before).compare(&identity(&after));
        assert_eq!(likeness, whmeter::domain::Likeness::Different);
        let [(start, end, total)] = spans(&after, &name)[..] else { panic!("{after:?}") };
        assert_eq!((start, end), (NOW, DECEMBER));
        let own = moved_both(&pair, &name, NOW, NOW + 3600);
        assert!(if carries { total >= own } else { total == own }, "{carries}: {total} {own}");
        // Earlier months were somebody else's.
        let past =
            Past { now: instant(NOW + 3600), since: instant(NOVEMBER - 86_400), until: instant(NOVEMBER) };
        let mut history = Harvest::new();
        backend.history().unwrap().backfill(&past, &mut history).await.unwrap();
        assert!(of(&history, &name).is_none_or(|told| told.readings.is_empty()), "{history:?}");
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_renamed_account_is_known_by_its_date_and_deleted_rows_are_nobodys() {
    let pair = start(8, json!({})).await;
    let (name, backend) = (busy(&pair), pair.backend());
    let before = pair.poll(&*backend).await.unwrap();
    let gone = pair.panel.accounts().into_iter().find(|other| *other != name).unwrap();
    pair.panel.operate(&format!("accounts/{name}"), &json!({ "op": "rename", "to": "renamed1" })).unwrap();
    pair.panel.vanish(&gone).unwrap();
    let after = pair.poll(&*backend).await.unwrap();
    assert!(after.is_complete() && of(&after, &gone).is_none() && of(&after, "gonefish").is_none());
    let identity = |harvest: &Harvest, name: &str| of(harvest, name).unwrap().facts.identity.clone();
    assert_eq!(identity(&before, &name), identity(&after, "renamed1"));
    assert_eq!(spans(&before, &name), spans(&after, "renamed1"));
    pair.panel.stop();
}

#[tokio::test]
async fn the_past_is_read_month_by_month_and_a_forgotten_month_is_no_month_of_nothing() {
    let pair = start(8, json!({ "history_months": 3 })).await;
    let (name, backend) = (busy(&pair), pair.backend());
    let past = Past { now: instant(NOW), since: instant(NOVEMBER - 150 * 86_400), until: instant(NOW) };
    let mut harvest = Harvest::new();
    backend.history().unwrap().backfill(&past, &mut harvest).await.unwrap();
    let told = spans(&harvest, &name);
    assert!((2..=4).contains(&told.len()), "{told:?}");
    for (from, to, total) in &told {
        assert_eq!(*total, moved_both(&pair, &name, *from, (*to).min(NOW)), "{from} {to}");
    }
    // Months join without gap or overlap.
    assert!(told.windows(2).all(|pair| pair[1].1 == pair[0].0), "{told:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn missing_privileges_are_named_and_hide_nothing_else() {
    let pair = start(6, json!({ "privileges": ["list-accts", "show-bandwidth"] })).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    crate::check_readings(&pair, &harvest);
    for text in
        ["You do not have access to “{function}”.", "Permission denied.", "This requires the privilege “x”."]
    {
        switch(&pair, json!({ "privileges": ["list-accts"], "denied_text": text }));
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        for harvested in harvest.accounts().values() {
            assert!(level(harvested).is_some());
            let unread = unread(harvested, Meter::TrafficTotal).unwrap();
            assert_eq!(unread.reason, Reason::Refused, "{unread:?}");
            assert!(unread.detail.contains("show-bandwidth"), "{unread:?}");
        }
    }
    let steps = crate::steps(&*pair.backend()).await;
    let fatal = crate::fatal(&steps);
    assert!(fatal.iter().any(|text| text.contains("show-bandwidth")), "{fatal:?}");
    switch(&pair, json!({ "privileges": ["list-accts", "show-bandwidth"] }));
    assert!(crate::fatal(&crate::steps_for(&*pair.backend(), Wants { limiting: false }).await).is_empty());
    let fatal = crate::fatal(&crate::steps(&*pair.backend()).await);
    assert!(fatal.len() == 1 && fatal[0].contains("suspend-acct"), "{fatal:?}");
    let fatal = crate::fatal(&crate::steps(&*pair.backend_with("limit_by = 'bandwidth'")).await);
    assert!(fatal.len() == 1 && fatal[0].contains("limit-bandwidth"), "{fatal:?}");
    switch(&pair, json!({ "privileges": [] }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(text) if text.contains("list-accts")), "{error:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_token_that_loses_rights_makes_nobody_gone() {
    let pair = start(12, json!({})).await;
    let backend = pair.backend();
    assert!(pair.poll(&*backend).await.unwrap().is_complete());
    pair.panel.knobs().clock.advance(86_400);
    switch(&pair, json!({ "privileges": ["list-accts", "show-bandwidth"], "sees_owner": "resel01" }));
    let harvest = pair.poll(&*backend).await.unwrap();
    assert!(harvest.accounts().len() < 12 && !harvest.is_complete());
    assert!(warned(&harvest, "lost privileges"), "{:?}", harvest.warnings());
    pair.panel.stop();
}

#[tokio::test]
async fn whoever_is_locked_out_is_told_what_to_do_and_does_not_insist() {
    for switches in [json!({ "malformed_refusal": true }), json!({ "token_expires": NOW - 1 })] {
        let pair = start(4, switches).await;
        let mut settings = pair.settings();
        if pair.panel.operate("state", &Value::Null).unwrap()["switches"]["token_expires"].is_null() {
            settings.insert("token".into(), toml::Value::String("wrong".into()));
        }
        let backend = pair.opened(settings);
        for _ in 0..6 {
            pair.panel.knobs().requests.clear();
            let error = pair.poll(&*backend).await.unwrap_err();
            assert!(matches!(&error, BackendError::Refused(text) if text.contains("cPHulk")), "{error:?}");
            let asked: u64 = pair.panel.knobs().requests.all().iter().map(|asked| asked.count).sum();
            assert_eq!(asked, 1);
        }
        // By now the right token is refused as well, until somebody helps.
        switch(&pair, json!({ "token_expires": null }));
        assert!(matches!(pair.poll(&*pair.backend()).await, Err(BackendError::Refused(_))));
        pair.panel.operate("guard", &json!({ "op": "unlock" })).unwrap();
        crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn storage_is_never_a_zero_that_means_nothing_nor_two_figures_in_one_series() {
    let pair = start(6, json!({ "quotas": false })).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    for harvested in harvest.accounts().values() {
        assert_eq!(level(harvested), None);
        assert!(unread(harvested, Meter::StorageUsed).unwrap().detail.contains("quotas are off"));
        assert!(figure(harvested, Meter::TrafficTotal).is_some());
    }
    switch(&pair, json!({ "quotas": true, "has_disk_usage": false }));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let told = |harvest: &Harvest| harvest.accounts().values().filter(|one| level(one).is_some()).count();
    assert_eq!(told(&harvest), 0);
    let coarse = pair.poll(&*pair.backend_with("storage = 'listaccts'")).await.unwrap();
    assert_eq!(told(&coarse), 6);
    assert_ne!(harvest.road(), coarse.road());
    for (name, harvested) in coarse.accounts() {
        let (truth, told) = (pair.truth().level(name.as_str(), NOW).unwrap(), level(harvested).unwrap().1);
        assert!(told % (1 << 20) == 0 && told.abs_diff(truth) <= 1 << 20, "{name}: {told} {truth}");
    }
    for spelling in ["false", "none", "empty"] {
        switch(&pair, json!({ "diskused": spelling }));
        let harvest = pair.poll(&*pair.backend_with("storage = 'listaccts'")).await.unwrap();
        assert_eq!(told(&harvest), 0, "{spelling}");
        assert!(harvest.accounts().values().all(|one| unread(one, Meter::StorageUsed).is_some()));
    }
    pair.panel.stop();
}

#[tokio::test]
async fn check_proves_where_months_begin_and_says_what_it_could_not_try() {
    let pair = start(6, json!({})).await;
    let step = async |keys: &str| {
        let mut settings = pair.settings();
        settings.extend(keys.parse::<toml::Table>().unwrap());
        let steps = crate::steps(&*pair.opened(settings)).await;
        let step = steps.into_iter().find(|step| step.name == "where months begin").unwrap();
        step.outcome.map_err(|error| error.to_string())
    };
    assert!(step("").await.unwrap().contains("Europe/Warsaw"));
    let wrong = step("timezone = 'Asia/Tokyo'").await.unwrap_err();
    assert!(wrong.contains("is timezone the server's?"), "{wrong}");
    switch(&pair, json!({ "bandwidth_feature": false }));
    assert!(step("").await.unwrap().contains("not tried"));
    switch(&pair, json!({ "privileges": ["list-accts", "show-bandwidth"] }));
    assert!(step("").await.unwrap().contains("not tried"));
    switch(&pair, json!({ "page_instead": true }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(error.to_string().contains("a page of HTML"), "{error}");
    pair.panel.stop();
}
