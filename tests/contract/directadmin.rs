//! DirectAdmin: what only this panel does.

#[path = "directadmin_limits.rs"]
mod limits;

use serde_json::{Value as Json, json};
use whmeter::backends::{Backend, BackendError};
use whmeter::domain::{Harvest, Harvested, Limit, Meter, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

use crate::support::panels::*;

const HOUR: i64 = 3_600;
/// November of Warsaw: its first instant, and the first after it.
const NOVEMBER: (i64, i64) = (1_793_487_600, 1_796_079_600);
/// The nightly tally, ten minutes after midnight.
const NIGHTLY: i64 = 10;

/// A server at a time, with these switches.
async fn start(accounts: usize, now: i64, switches: Json) -> Pair {
    let kind = whmeter::backends::kind("directadmin").unwrap();
    let options = Options { accounts, clock: ClockStart::Frozen(now), ..Options::default() };
    let panel = whmeter_simulators::kind("directadmin").unwrap().start(options).await.unwrap();
    let pair = Pair { kind, panel };
    switch(&pair, &switches);
    pair
}

fn switch(pair: &Pair, switches: &Json) {
    pair.panel.operate("switches", switches).unwrap();
}

fn deal(pair: &Pair, name: &str, deal: Json) {
    pair.panel.operate(&format!("users/{name}"), &deal).unwrap();
}

/// The month's total of an account: where its span begins and ends, when it was measured, and how much.
fn total(harvested: &Harvested) -> Option<(i64, i64, i64, u64)> {
    match figure(harvested, Meter::TrafficTotal)? {
        Reading::PeriodTotal { span, at, total, .. } => {
            Some((span.start().get(), span.end().get(), at.get(), total.get()))
        }
        other => panic!("{other:?}"),
    }
}

/// What really passed, both ways.
fn truth(pair: &Pair, name: &str, from: i64, to: i64) -> u64 {
    passed(pair.truth(), name, from, to, Meter::TrafficTotal)
}

fn warned(harvest: &Harvest, text: &str) -> bool {
    harvest.warnings().iter().any(|warning| warning.contains(text))
}

/// Polls at the panel's time with what was settled before, and settles it.
async fn step(pair: &Pair, backend: &dyn Backend, ledger: &mut Ledger) -> Harvest {
    let now = pair.panel.knobs().clock.now_seconds();
    let harvest = poll_after(backend, now, ledger.heard()).await.unwrap();
    ledger.take(&harvest, now);
    harvest
}

/// What is believed of an account's November and December.
fn months(ledger: &Ledger, name: &str) -> [Option<u64>; 2] {
    let series = ledger.book.series(&account(name), Meter::TrafficTotal);
    let of = |is: fn(i64) -> bool| {
        let mut periods = series.iter().flat_map(|series| &series.periods);
        periods.find(|((_, span), _)| is(span.end().get())).map(|(_, belief)| belief.total.get())
    };
    [of(|end| end == NOVEMBER.1), of(|end| end > NOVEMBER.1)]
}

#[tokio::test]
async fn a_total_moves_at_night_and_is_dated_by_the_tally() {
    let pair = start(12, NOW, json!({ "tally_minute": NIGHTLY })).await;
    let (clock, backend, mut ledger) = (&pair.panel.knobs().clock, pair.backend(), Ledger::new());
    // It is three in the morning.
    let tally = NOW - 3 * HOUR + NIGHTLY * 60;
    let first = step(&pair, &*backend, &mut ledger).await;
    assert!(first.is_complete() && first.warnings().is_empty(), "{:?}", first.warnings());
    for (name, harvested) in first.accounts() {
        let (from, end, at, moved) = total(harvested).unwrap();
        assert_eq!((end, at), (NOVEMBER.1, tally), "{name}");
        assert!(from == NOVEMBER.0 || from > NOVEMBER.0 && harvested.facts.created == Some(instant(from)));
        assert_eq!(moved, truth(&pair, name.as_str(), from, tally), "{name}");
        // What is stored is counted at once.
        assert_eq!(level(harvested), Some((NOW, pair.truth().level(name.as_str(), NOW).unwrap())));
    }
    clock.advance(20 * HOUR);
    let still = step(&pair, &*backend, &mut ledger).await;
    for (name, harvested) in still.accounts() {
        assert_eq!(total(harvested), total(of(&first, name.as_str()).unwrap()), "{name}");
    }
    clock.advance(2 * HOUR);
    let night = step(&pair, &*backend, &mut ledger).await;
    for (name, harvested) in night.accounts() {
        let (from, _, at, _) = total(harvested).unwrap();
        assert_eq!(at, tally + 24 * HOUR, "{name}");
        let settled = ledger.sum(name.as_str(), Meter::TrafficTotal);
        assert_eq!(settled, i128::from(truth(&pair, name.as_str(), from, at)), "{name}");
    }
    // A server that does not count any more is named.
    switch(&pair, &json!({ "tally_stuck_at": tally + 24 * HOUR }));
    clock.advance(40 * HOUR);
    assert!(warned(&step(&pair, &*backend, &mut ledger).await, "does its nightly tally run?"));
    pair.panel.stop();
}

#[tokio::test]
async fn storage_that_the_tally_counts_is_dated_by_it() {
    let pair = start(5, NOW, json!({ "tally_minute": NIGHTLY, "realtime_quota": 0 })).await;
    let tally = NOW - 3 * HOUR + NIGHTLY * 60;
    let harvest = pair.poll(&*pair.backend_with("realtime_quota = false")).await.unwrap();
    for (name, harvested) in harvest.accounts() {
        assert_eq!(
            level(harvested),
            Some((tally, pair.truth().level(name.as_str(), tally).unwrap())),
            "{name}"
        );
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_month_that_stays_after_its_end_is_read_to_its_end() {
    let pair =
        start(10, NOVEMBER.1 - 36 * HOUR, json!({ "tally_minute": NIGHTLY, "reset_after_minutes": 170 }))
            .await;
    let (clock, mut ledger) = (&pair.panel.knobs().clock, Ledger::new());
    let mut told_off = 0;
    // From noon on the 29th until noon on the 2nd, each time as after a restart: the store alone remembers.
    for _ in 0..=72 {
        let harvest = step(&pair, &*pair.backend(), &mut ledger).await;
        assert!(harvest.accounts().values().all(|harvested| harvested.unread.is_empty()), "{harvest:?}");
        told_off += i32::from(warned(&harvest, "told no more"));
        clock.advance(HOUR);
    }
    let last_tally = NOVEMBER.1 + 24 * HOUR + NIGHTLY * 60;
    for name in pair.panel.accounts() {
        let november = truth(&pair, &name, NOVEMBER.0, NOVEMBER.1);
        let december = truth(&pair, &name, NOVEMBER.1, last_tally);
        assert_eq!(months(&ledger, &name), [Some(november), Some(december)], "{name}");
    }
    assert_eq!(told_off, 0, "nothing of November is missing");
    pair.panel.stop();
}

#[tokio::test]
async fn a_month_that_ends_with_its_tally_lacks_its_last_day_and_says_so() {
    let pair = start(10, NOVEMBER.1 - 36 * HOUR, json!({ "tally_minute": NIGHTLY })).await;
    let (clock, mut ledger) = (&pair.panel.knobs().clock, Ledger::new());
    let mut told_off = 0;
    for _ in 0..=72 {
        let harvest = step(&pair, &*pair.backend(), &mut ledger).await;
        told_off += i32::from(warned(&harvest, "told no more"));
        clock.advance(HOUR);
    }
    let (seen_until, last_tally) =
        (NOVEMBER.1 - 24 * HOUR + NIGHTLY * 60, NOVEMBER.1 + 24 * HOUR + NIGHTLY * 60);
    for name in pair.panel.accounts() {
        let november = truth(&pair, &name, NOVEMBER.0, seen_until);
        let december = truth(&pair, &name, NOVEMBER.1, last_tally);
        assert_eq!(months(&ledger, &name), [Some(november), Some(december)], "{name}");
    }
    assert_eq!(told_off, 1);
    pair.panel.stop();
}

#[tokio::test]
async fn on_the_first_a_server_never_heard_of_has_no_total_yet_and_after_weeks_of_silence_it_has_the_new_one()
{
    let pair = start(6, NOVEMBER.1 + 6 * HOUR, json!({ "tally_minute": NIGHTLY })).await;
    let mut ledger = Ledger::new();
    let first = step(&pair, &*pair.backend(), &mut ledger).await;
    for harvested in first.accounts().values() {
        assert_eq!(total(harvested), None);
        let unread = unread(harvested, Meter::TrafficTotal).unwrap();
        assert!(unread.detail.contains("wait for the next tally"), "{unread:?}");
        assert!(level(harvested).is_some());
    }
    pair.panel.knobs().clock.advance(24 * HOUR);
    let second = step(&pair, &*pair.backend(), &mut ledger).await;
    assert!(second.accounts().values().all(|harvested| total(harvested).unwrap().0 >= NOVEMBER.1));

    // Heard of on the 3rd of November, and next on the 20th of December: more has passed since, and it is another month's.
    let pair = start(6, NOVEMBER.0 + 60 * HOUR, json!({ "tally_minute": NIGHTLY })).await;
    let mut ledger = Ledger::new();
    step(&pair, &*pair.backend(), &mut ledger).await;
    pair.panel.knobs().clock.freeze_at(NOVEMBER.1 + 470 * HOUR);
    let later = step(&pair, &*pair.backend(), &mut ledger).await;
    assert!(later.accounts().values().all(|harvested| total(harvested).unwrap().0 >= NOVEMBER.1));
    assert!(warned(&later, "told no more"));
    pair.panel.stop();
}

#[tokio::test]
async fn lines_are_read_in_megabytes_and_a_table_of_megabytes_is_refused() {
    let pair = start(12, NOW, json!({ "bytes_on_admin_table": false })).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Unexpected { .. }), "{error:?}");
    assert!(error.to_string().contains("figures = \"lines\""), "{error}");
    assert!(
        crate::steps(&*pair.backend())
            .await
            .iter()
            .any(|step| step.name == "figures" && step.outcome.is_err())
    );
    let backend = pair.backend_with("figures = \"lines\"");
    let good = crate::steps(&*backend).await;
    assert!(good.iter().all(|step| step.outcome.is_ok()), "{good:?}");
    let harvest = pair.poll(&*backend).await.unwrap();
    assert!(harvest.is_complete() && harvest.warnings().is_empty(), "{:?}", harvest.warnings());
    for (name, harvested) in harvest.accounts() {
        // One decimal of a megabyte.
        let near = |read: u64, real: u64| read.abs_diff(real) <= 60_000;
        let (from, _, at, moved) = total(harvested).unwrap();
        assert!(near(moved, truth(&pair, name.as_str(), from, at)), "{name}: {moved}");
        let (at, held) = level(harvested).unwrap();
        assert!(near(held, pair.truth().level(name.as_str(), at).unwrap()), "{name}: {held}");
        assert!(harvested.facts.identity.part("created_text").is_some(), "{name}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_broken_user_has_a_short_line_and_is_alone_in_it() {
    let pair = start(8, NOW, json!({})).await;
    let broken = pair.panel.accounts().remove(2);
    switch(&pair, &json!({ "broken_user": broken }));
    let harvest = pair.poll(&*pair.backend_with("figures = \"lines\"")).await.unwrap();
    assert_eq!(harvest.accounts().len(), 8);
    for (name, harvested) in harvest.accounts() {
        let is_read = total(harvested).is_some() && level(harvested).is_some();
        assert_eq!(is_read, name.as_str() != broken, "{name}: {harvested:?}");
        let reasons: Vec<_> = harvested.unread.iter().map(|unread| unread.reason).collect();
        assert_eq!(reasons.is_empty(), is_read, "{name}: {reasons:?}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn every_shape_of_the_tables_and_lists_is_read_the_same() {
    for switches in [
        json!({ "ipp_obeyed": false }),
        json!({ "cells": "texts" }),
        json!({ "cells": "objects" }),
        json!({ "staff_among_users": true }),
        json!({ "fully_encoded": false, "lines_encoded": true, "brackets_encoded": true }),
        json!({ "entities": "terminated" }),
        json!({ "json_api": false }),
    ] {
        let pair = start(120, NOW, switches.clone()).await;
        for keys in ["", "figures = \"lines\""] {
            let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
            assert_eq!(harvest.accounts().len(), 120, "{switches} {keys}");
            assert!(
                harvest.is_complete() && harvest.warnings().is_empty(),
                "{switches} {:?}",
                harvest.warnings()
            );
            assert!(
                harvest.accounts().values().all(|harvested| harvested.unread.is_empty()),
                "{switches} {keys}"
            );
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn the_call_that_answers_with_limits_for_usage_is_never_asked() {
    let pair = start(6, NOW, json!({ "usage_trap": true })).await;
    for keys in ["", "figures = \"lines\"\nadditional_bandwidth = true"] {
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        assert!(harvest.accounts().values().all(|harvested| harvested.unread.is_empty()));
    }
    assert_eq!(pair.panel.knobs().requests.count("SHOW_USER_USAGE"), 0);
    pair.panel.stop();
}

#[tokio::test]
async fn words_with_everything_in_them_and_accounts_with_nothing_are_read_as_they_are() {
    // Bare, an `&` in a word cannot be distinguished from the end of it.
    let pair = start(8, NOW, json!({ "lines_encoded": true })).await;
    let name = pair.panel.accounts().remove(1);
    let words = "müller & söhne's 100% <b>";
    for (key, value) in
        [("domain", "żółw-müller.example"), ("package", words), ("name", words), ("bandwidth", "unlimited")]
    {
        deal(&pair, &name, json!({ "op": "set", "key": key, "value": value }));
    }
    for keys in ["", "figures = \"lines\""] {
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        let facts = &of(&harvest, &name).unwrap().facts;
        assert_eq!(facts.package.as_deref(), Some(words), "{keys}");
        assert_eq!(facts.traffic_limit, Limit::Unlimited, "{keys}");
        if let Some(domain) = &facts.domain {
            assert!(!domain.contains('%') && !domain.is_empty(), "{domain}");
        }
        // The administrator has no domain, and is metered like anybody.
        let admin = of(&harvest, "sysadmin").unwrap();
        assert_eq!((admin.facts.domain.as_deref(), admin.facts.reseller.as_deref()), (None, Some("")));
        assert!(total(admin).is_some() && level(admin).is_some());
        let sold = harvest.accounts().values().filter(|one| one.facts.reseller.as_deref() == Some("resel01"));
        assert!(sold.count() > 0, "{keys}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn traffic_on_top_of_a_limit_is_added_where_it_is_asked_for() {
    let pair = start(5, NOW, json!({})).await;
    let name = pair.panel.accounts().remove(0);
    for (key, value) in [("bandwidth", "1000"), ("additional_bandwidth", "24")] {
        deal(&pair, &name, json!({ "op": "set", "key": key, "value": value }));
    }
    for (keys, megabytes) in [("", 1000_u64), ("additional_bandwidth = true", 1024)] {
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        let limit = of(&harvest, &name).unwrap().facts.traffic_limit.up_to().map(|limit| limit.get());
        assert_eq!(limit, Some(megabytes << 20), "{keys}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_name_that_is_given_anew_is_another_account_and_a_change_of_source_is_none() {
    let pair = start(6, NOW, json!({})).await;
    let (name, other) = (pair.panel.accounts().remove(0), pair.panel.accounts().remove(1));
    let mut ledger = Ledger::new();
    step(&pair, &*pair.backend(), &mut ledger).await;
    pair.panel.knobs().clock.advance(HOUR);
    deal(&pair, &name, json!({ "op": "make_anew" }));
    step(&pair, &*pair.backend(), &mut ledger).await;
    let lives = |ledger: &Ledger, name: &str| ledger.book.lives_of(&account(name)).count();
    assert_eq!((lives(&ledger, &name), lives(&ledger, &other)), (2, 1));
    pair.panel.knobs().clock.advance(HOUR);
    step(&pair, &*pair.backend_with("figures = \"lines\""), &mut ledger).await;
    assert_eq!((lives(&ledger, &name), lives(&ledger, &other)), (2, 1));
    pair.panel.stop();
}

#[tokio::test]
async fn configurations_cost_a_call_each_once_a_day_and_for_whoever_is_new() {
    let pair = start(20, NOW, json!({})).await;
    let (clock, requests) = (&pair.panel.knobs().clock, &pair.panel.knobs().requests);
    let (backend, mut ledger) = (pair.backend_with("figures = \"lines\""), Ledger::new());
    let new = pair.panel.accounts().remove(3);
    pair.panel.vanish(&new).unwrap();
    let mut asked = Vec::new();
    for hour in 0..24 {
        requests.clear();
        if hour == 5 {
            pair.panel.reappear(&new).unwrap();
        }
        step(&pair, &*backend, &mut ledger).await;
        asked.push(requests.count("SHOW_USER_CONFIG"));
        clock.advance(HOUR);
    }
    let mut wanted = vec![0; 24];
    (wanted[0], wanted[5], wanted[21]) = (19, 1, 20);
    assert_eq!(asked, wanted, "at first, for one who came, and after midnight");
    pair.panel.stop();
}

#[tokio::test]
async fn a_wrong_key_is_tried_once_and_a_blocked_address_is_refused() {
    let pair = start(4, NOW, json!({ "blacklist_after": 3 })).await;
    let mut settings = pair.settings();
    settings.insert("password".into(), "wrong-hunter2-hunter2".into());
    let failures = || pair.panel.operate("state", &Json::Null).unwrap()["failures"].as_u64();
    for count in 1..=3 {
        let error = pair.poll(&*pair.opened(settings.clone())).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
        assert_eq!(failures(), Some(count), "one failure for each poll");
    }
    for sees in ["page", "nothing"] {
        switch(&pair, &json!({ "blacklisted_sees": sees }));
        let error = pair.poll(&*pair.backend_with(crate::QUICK)).await.unwrap_err();
        assert!(
            matches!(
                error,
                BackendError::Refused(_) | BackendError::Unexpected { .. } | BackendError::Unreachable(_)
            ),
            "{sees}: {error:?}"
        );
        assert!(sees != "page" || error.reason() == Reason::Refused, "{error:?}");
    }
    pair.panel.operate("blacklist", &Json::Null).unwrap();
    assert!(pair.poll(&*pair.backend()).await.is_ok());
    pair.panel.stop();
}

#[tokio::test]
async fn a_lost_role_is_refused_and_a_key_that_lacks_a_command_names_it() {
    let pair = start(8, NOW, json!({})).await;
    switch(&pair, &json!({ "role": "reseller" }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("every account")), "{error:?}");
    // Where the role is not told, the lists of administrators tell it.
    switch(&pair, &json!({ "json_api": false }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
    switch(
        &pair,
        &json!({ "json_api": true, "role": "admin", "key_commands": [
        "CMD_API_LOGIN_TEST", "CMD_API_ADMIN_STATS", "CMD_API_SHOW_ALL_USERS", "CMD_API_SHOW_RESELLERS", "CMD_API_SHOW_ADMINS"
    ] }),
    );
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("CMD_ALL_USER_SHOW"), "{error}");
    pair.panel.stop();
}
