//! PUQ VPNcp: which months are asked for, and where its days begin and end.

use serde_json::json;
use whmeter::backends::Past;
use whmeter::domain::{Harvest, Meter};
use whmeter_simulators::panel::SimulatedPanel;
use whmeter_simulators::vpncp::Panel;

use super::{DAY, HALLOWEEN, HOUR, poll_since, spans, start, start_with, warned};
use crate::support::panels::*;

fn months_asked(panel: &Panel) -> Vec<String> {
    let name = panel.accounts().remove(0);
    let asked = panel.knobs().requests.all().into_iter();
    let mine = asked.filter(|asked| asked.path.contains(&format!("/{name}/traffic")));
    mine.map(|asked| asked.path.split('/').rev().take(2).collect::<Vec<_>>().join("-")).collect()
}

#[tokio::test]
async fn a_poll_asks_the_months_that_may_have_changed_and_fills_gaps() {
    let (panel, pair) = start_with(3, HALLOWEEN, |_| {}).await;
    let backend = pair.backend();
    poll_since(&pair, &*backend, HALLOWEEN - HOUR).await;
    assert_eq!(months_asked(&panel), ["10-2026"]);
    for (later, since, expected) in [
        // An hour later it is November in Warsaw, and still October in UTC.
        (HOUR, 0, vec!["10-2026", "11-2026"]),
        (30 * HOUR, 29 * HOUR, vec!["10-2026", "11-2026"]),
        (3 * DAY, 2 * DAY, vec!["11-2026"]),
        (3 * DAY, -DAY, vec!["10-2026", "11-2026"]),
        (3 * DAY, -400 * DAY, vec!["09-2026", "10-2026", "11-2026"]),
    ] {
        panel.knobs().requests.clear();
        panel.knobs().clock.freeze_at(HALLOWEEN + later);
        let harvest = poll_since(&pair, &*backend, HALLOWEEN + since).await;
        assert_eq!(months_asked(&panel), expected, "{later} {since}");
        crate::check_readings(&pair, &harvest);
    }
}

#[tokio::test]
async fn on_first_contact_history_is_read_back_to_where_it_ends() {
    for (months, expected) in [(1, 2), (5, 6), (30, 12)] {
        let (panel, pair) = start_with(3, NOW, |switches| switches.history_months = months).await;
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!(months_asked(&panel).len(), expected, "{months}");
        crate::check_readings(&pair, &harvest);
        // Without its settings the panel is read until it tells of nothing.
        panel.switch(|switches| switches.tells_settings = false);
        panel.knobs().requests.clear();
        let harvest = pair.poll(&*pair.backend_with("timezone = \"Europe/Warsaw\"")).await.unwrap();
        assert_eq!(months_asked(&panel).len(), expected, "{months}");
        assert!(warned(&harvest, "zeros of earlier months"), "{:?}", harvest.warnings());
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        assert!(error.to_string().contains("set timezone"), "{error}");
        panel.stop();
    }
}

#[tokio::test]
async fn an_outage_over_the_turn_of_a_month_loses_nothing_and_counts_nothing_twice() {
    let (panel, pair) = start_with(10, HALLOWEEN, |switches| switches.collected_every_minutes = 5).await;
    let (backend, clock) = (pair.backend(), &panel.knobs().clock);
    let mut ledger = Ledger::new();
    let first = pair.poll(&*backend).await.unwrap();
    ledger.take(&first, HALLOWEEN);
    let mut last = HALLOWEEN;
    // The last five minutes of October are collected when it is over; then three days of silence.
    for step in [1_740, 120, 3 * DAY, HOUR] {
        clock.advance(step);
        let harvest = poll_since(&pair, &*backend, last).await;
        last = clock.now_seconds();
        ledger.take(&harvest, last);
        ledger.take(&harvest, last);
    }
    for name in panel.accounts() {
        let from = began(of(&first, &name).unwrap()).unwrap();
        let truth = moved(pair.truth(), &name, from, last - last.rem_euclid(300));
        assert_eq!(ledger.moved(&name), truth, "{name}");
    }
}

#[tokio::test]
async fn days_have_23_and_25_hours_and_february_has_28() {
    // Noon on 2026-03-30, 2026-10-26 and 2026-02-28.
    for (now, count, hours) in [(1_774_864_800, 30, 23), (1_793_012_400, 26, 25), (1_772_276_400, 28, 24)] {
        let (panel, pair) = start_with(3, now, |_| {}).await;
        let harvest = poll_since(&pair, &*pair.backend(), now - HOUR).await;
        crate::check_readings(&pair, &harvest);
        let days = spans(of(&harvest, &panel.accounts()[0]).unwrap(), Meter::TrafficOut);
        assert_eq!(days.len(), count);
        let lengths: Vec<i64> = days.keys().map(|(from, to)| (to - from) / HOUR).collect();
        let odd = lengths.iter().filter(|length| **length == hours).count();
        assert_eq!(odd, if hours == 24 { count } else { 1 }, "{lengths:?}");
        let joined = days.keys().zip(days.keys().skip(1)).all(|(one, next)| one.1 == next.0);
        assert!(joined, "a gap between days");
        panel.stop();
    }
}

#[tokio::test]
async fn a_panel_ahead_of_utc_has_its_own_today() {
    for (zone, day) in [("Pacific/Kiritimati", 21), ("Asia/Tokyo", 21), ("America/Bogota", 20), ("UTC", 21)] {
        let (panel, pair) = start_with(6, NOW, |switches| switches.timezone = zone.into()).await;
        let harvest = poll_since(&pair, &*pair.backend(), NOW - HOUR).await;
        crate::check_readings(&pair, &harvest);
        let days = spans(of(&harvest, &panel.accounts()[0]).unwrap(), Meter::TrafficOut);
        assert_eq!(days.len(), day, "{zone}");
        panel.stop();
    }
    // Configured wrongly, days that are still to come show it.
    let (panel, pair) = start_with(6, NOW, |_| {}).await;
    for name in panel.accounts() {
        let told = json!({ "op": "restore_day", "day": "2026-11-23", "download": 5, "upload": 0 });
        panel.operate(&format!("clients/{name}"), &told).unwrap();
    }
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let unread = unread(of(&harvest, &panel.accounts()[0]).unwrap(), Meter::TrafficOut).unwrap();
    assert!(unread.detail.contains("timezone"), "{unread:?}");
}

#[tokio::test]
async fn a_backfill_asks_the_months_it_touches_and_counts_nothing_twice() {
    let (panel, pair) = start_with(8, NOW, |switches| switches.history_months = 6).await;
    let backend = pair.backend();
    let mut ledger = Ledger::new();
    let recent = poll_since(&pair, &*backend, NOW - HOUR).await;
    ledger.take(&recent, NOW);
    panel.knobs().requests.clear();
    // 2026-08-10 to 2026-10-05, Warsaw's midnights.
    let (since, until) = (1_786_312_800, 1_791_151_200);
    let past = Past { now: instant(NOW), since: instant(since), until: instant(until) };
    for _ in 0..2 {
        let mut harvest = Harvest::new();
        backend.history().expect("history").backfill(&past, &mut harvest).await.unwrap();
        assert!(!harvest.is_complete());
        ledger.take(&harvest, NOW);
    }
    assert_eq!(months_asked(&panel), ["08-2026", "09-2026", "10-2026"]);
    for name in panel.accounts() {
        let (past, now) =
            (moved(pair.truth(), &name, since, until), moved(pair.truth(), &name, 1_793_487_600, NOW));
        assert_eq!(ledger.moved(&name), (past.0 + now.0, past.1 + now.1), "{name}");
    }
    let forgotten = Past { since: instant(since - 300 * DAY), ..past };
    let mut harvest = Harvest::new();
    backend.history().expect("history").backfill(&forgotten, &mut harvest).await.unwrap();
    assert!(warned(&harvest, "keeps 6 months"), "{:?}", harvest.warnings());
}

#[tokio::test]
async fn a_restored_backup_lowers_a_day_and_the_sum_follows() {
    let (panel, pair) = start(4).await;
    let (backend, name) = (pair.backend(), panel.accounts().remove(0));
    let mut ledger = Ledger::new();
    ledger.take(&pair.poll(&*backend).await.unwrap(), NOW);
    let before = ledger.moved(&name);
    let told = json!({ "op": "restore_day", "day": "2026-11-03", "download": 100, "upload": 50 });
    panel.operate(&format!("clients/{name}"), &told).unwrap();
    // Twice: one lower figure alone may be a slip.
    for hour in 1..=2 {
        panel.knobs().clock.advance(HOUR);
        let harvest = poll_since(&pair, &*backend, NOW + (hour - 1) * HOUR).await;
        ledger.take(&harvest, NOW + hour * HOUR);
    }
    // 2026-11-03 in Warsaw.
    let lost = moved(pair.truth(), &name, 1_793_660_400, 1_793_746_800);
    let grown = moved(pair.truth(), &name, NOW, NOW + 2 * HOUR);
    assert!(lost.1 > 100);
    assert_eq!(ledger.moved(&name), (before.0 - lost.0 + 50 + grown.0, before.1 - lost.1 + 100 + grown.1));
}
