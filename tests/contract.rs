//! The contract: every registered kind of backend against its fake panel, asked for the same promises.
//!
//! What is read is the truth to the byte; what goes wrong is said, and never becomes a number.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "contract/cpanel.rs"]
mod cpanel;
#[path = "contract/cpanel_limits.rs"]
mod cpanel_limits;
#[path = "contract/directadmin.rs"]
mod directadmin;
#[path = "contract/minio.rs"]
mod minio;
#[path = "contract/minio_limits.rs"]
mod minio_limits;
#[path = "contract/onapp.rs"]
mod onapp;
#[path = "contract/onapp_limits.rs"]
mod onapp_limits;
#[path = "contract/openstack.rs"]
mod openstack;
#[path = "contract/plesk.rs"]
mod plesk;
#[path = "contract/proxmox.rs"]
mod proxmox;
#[path = "contract/proxmox_access.rs"]
mod proxmox_access;
#[path = "contract/proxmox_limits.rs"]
mod proxmox_limits;
#[path = "contract/solusvm.rs"]
mod solusvm;
#[allow(dead_code)] // No test target uses all of it.
mod support;
#[path = "contract/synology.rs"]
mod synology;
#[path = "contract/vpncp.rs"]
mod vpncp;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use toml::Value;
use whmeter::backends::{Applied, BackendError, CheckStep, Memory, PollRequest, Wants};
use whmeter::domain::{Harvest, Nature, Policy, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::panel::Options;

use support::panels::*;

/// Keys that make failures quick: no second attempts, little patience.
const QUICK: &str = "retries = 0\ntimeout = \"2s\"\nbody_limit = \"256 KiB\"";

/// Keys for answers that are long as well: a month of hours, each with nonsense in it.
const ROOMY: &str = "retries = 0\ntimeout = \"20s\"";

/// Every account the panel shows is in the harvest with what it really holds and moved.
fn check_readings(pair: &Pair, harvest: &Harvest) {
    let seen: Vec<String> = harvest.accounts().keys().map(ToString::to_string).collect();
    assert_eq!(seen, pair.panel.accounts(), "{}", pair.name());
    assert!(harvest.is_complete(), "{}", pair.name());
    for (name, harvested) in harvest.accounts() {
        for meter in pair.kind.meters {
            let unread = unread(harvested, *meter);
            // Traffic of an account that has nothing to move it (no bucket, no machine) has no reading.
            let nothing_there = pair.truth().parts(name.as_str()).is_empty();
            let silent = figure(harvested, *meter).is_none() && unread.is_none();
            let lacks = pair.panel.lacks(name.as_str(), meter.name());
            let excused = nothing_there && meter.nature() == Nature::Flow || lacks;
            assert!(!silent || excused, "{}: {name} has neither {meter} nor a reason", pair.name());
            unread.into_iter().for_each(|unread| pair.check_text(&unread.detail));
        }
        pair.check_truth(name.as_str(), harvested);
    }
    let read = harvest.accounts().values().filter(|account| figure(account, pair.main_meter()).is_some());
    assert!(read.count() * 2 > harvest.accounts().len(), "{}: hardly anybody was read", pair.name());
}

#[tokio::test]
async fn two_hundred_accounts_are_read_whole_and_to_the_byte() {
    for pair in every_kind(211).await {
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!(harvest.accounts().len(), 211);
        check_readings(&pair, &harvest);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn traffic_between_polls_settles_to_the_truth() {
    for pair in every_kind(40).await {
        let clock = &pair.panel.knobs().clock;
        let mut ledger = Ledger::new();
        let first = pair.poll(&*pair.backend()).await.unwrap();
        ledger.take(&first, clock.now_seconds());
        let mut last = first.clone();
        // A quarter of an hour, across midnight in the billing zone, and over a day.
        for step in [900, 86_400 - 7200, 40_000] {
            clock.advance(step);
            last = pair.poll(&*pair.backend()).await.unwrap();
            check_readings(&pair, &last);
            ledger.take(&last, clock.now_seconds());
            // The same answer twice changes nothing.
            ledger.take(&last, clock.now_seconds());
        }
        let mut moving = 0;
        for (name, harvested) in last.accounts() {
            let Some(until) = measured(harvested) else { continue };
            let from = began(of(&first, name.as_str()).unwrap()).unwrap();
            let truth = pair.passed(name.as_str(), from, until);
            assert_eq!(pair.settled(&ledger, name.as_str()), truth, "{}: {name}", pair.name());
            moving += i32::from(truth.values().any(|bytes| *bytes > 0));
        }
        let flows = pair.kind.meters.iter().any(|meter| meter.nature() == Nature::Flow);
        assert!(!flows || moving > 20, "{}: only {moving} accounts moved anything", pair.name());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn every_kind_tells_the_address_that_its_panel_is_known_by() {
    for pair in every_kind(2).await {
        let url: whmeter::http::Url = pair.panel.settings()["url"].parse().unwrap();
        let told = pair.backend().addresses();
        let same = |one: &whmeter::http::Url| (one.host_str(), one.port()) == (url.host_str(), url.port());
        assert!(told.len() == 1 && told.iter().all(same), "{}: {told:?}", pair.name());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_panel_whose_clock_is_an_hour_off_is_billed_the_truth_or_says_so() {
    let mut billed = 0;
    for off in [3600, -3600] {
        for pair in every_kind(20).await {
            let (mut ledger, mut first, mut last) = (Ledger::new(), None, None);
            // From ten in the evening in the billing zone until three in the morning.
            for quarter in 0..=20 {
                let now = NOW + 19 * 3600 + quarter * 900;
                pair.panel.knobs().clock.freeze_at(now + off);
                match poll(&*opened(pair.kind, pair.settings(), now), now).await {
                    Ok(harvest) => {
                        ledger.take(&harvest, now);
                        last = Some(harvest.clone());
                        first.get_or_insert(harvest);
                    }
                    // Whoever signs by the time is refused, and told why.
                    Err(error) => assert!(error.to_string().contains("clock"), "{}: {error}", pair.name()),
                }
            }
            for (name, harvested) in first.iter().flat_map(|first| first.accounts()) {
                let Some(began) = began(harvested) else { continue };
                let days = harvested
                    .readings
                    .iter()
                    .any(|(_, reading)| matches!(reading, whmeter::domain::Reading::PeriodTotal { .. }));
                // Days are told by their dates, counters by when they were asked for. What is of the past (hours that are
                // over, windows of a counter) ends with the last of it.
                let last = last.as_ref().and_then(|last| of(last, name.as_str()));
                let measured = last.and_then(measured);
                let is_window = !days && began != NOW + 19 * 3600;
                let past = measured.filter(|_| is_window || last.is_some_and(is_of_the_past));
                let from = if days || is_window { began } else { began + off };
                let truth = pair.passed(name.as_str(), from, past.unwrap_or(NOW + 24 * 3600 + off));
                let settled = pair.settled(&ledger, name.as_str());
                assert_eq!(settled, truth, "{} {off} s off: {name}", pair.name());
                billed += 1;
            }
            pair.panel.stop();
        }
    }
    assert!(billed > 20, "only {billed} accounts were billed at all");
}

#[tokio::test]
async fn a_poll_asks_no_more_often_for_two_hundred_accounts_than_it_must() {
    let mut asked = Vec::new();
    for accounts in [20, 200] {
        for pair in every_kind(accounts).await {
            pair.poll(&*pair.backend()).await.unwrap();
            let all = pair.panel.knobs().requests.all();
            let count = all.iter().map(|asked| asked.count).sum::<u64>();
            asked.push((pair.name(), count, pair.panel.landmarks().calls_per_account));
            pair.panel.stop();
        }
    }
    let (few, many) = asked.split_at(asked.len() / 2);
    for ((name, few, _), (_, many, each)) in few.iter().zip(many) {
        // Pages of ten and more; a call per account only where the panel has nothing better.
        assert!(*many <= few + 18 + 180 * each, "{name}: {few} requests for 20 accounts, {many} for 200");
    }
}

#[tokio::test]
async fn one_account_asked_for_alone_is_read_alone_and_nobody_is_gone_for_it() {
    for pair in every_kind(8).await {
        let name = pair.panel.accounts().remove(1);
        let ask = PollRequest { only: Some(account(&name)), ..PollRequest::at(instant(NOW)) };
        let mut harvest = Harvest::new();
        pair.backend().poll(&ask, &mut harvest).await.unwrap();
        assert!(!harvest.is_complete(), "{}", pair.name());
        assert_eq!(harvest.accounts().keys().map(|n| n.as_str()).collect::<Vec<_>>(), [name.as_str()]);
        let harvested = of(&harvest, &name).unwrap();
        assert!(figure(harvested, pair.main_meter()).is_some(), "{}: {harvested:?}", pair.name());
        pair.check_truth(&name, harvested);
        pair.panel.stop();
    }
}

#[tokio::test]
async fn one_broken_account_does_not_spoil_its_neighbours() {
    for pair in every_kind(12).await {
        let broken = pair.panel.accounts().remove(2);
        pair.panel.knobs().faults.add(pair.panel.spoil_account(&broken));
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!(harvest.accounts().len(), 12, "{}", pair.name());
        for (name, harvested) in harvest.accounts() {
            if name.as_str() == broken {
                assert_eq!(figure(harvested, pair.main_meter()), None, "{}: {harvested:?}", pair.name());
                let unread = unread(harvested, pair.main_meter()).unwrap();
                assert_eq!(unread.reason, Reason::Unexpected, "{unread:?}");
                pair.check_text(&unread.detail);
            } else {
                assert!(figure(harvested, pair.main_meter()).is_some(), "{}: {name}", pair.name());
                pair.check_truth(name.as_str(), harvested);
                assert!(harvested.unread.is_empty(), "{}: {name} {harvested:?}", pair.name());
            }
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn who_vanished_is_absent_from_a_complete_list_and_may_come_back() {
    for pair in every_kind(8).await {
        let clock = &pair.panel.knobs().clock;
        let gone = pair.panel.accounts().remove(3);
        let mut ledger = Ledger::new();
        let first = pair.poll(&*pair.backend()).await.unwrap();
        let began = began(of(&first, &gone).unwrap()).unwrap();
        ledger.take(&first, clock.now_seconds());
        pair.panel.vanish(&gone).unwrap();
        clock.advance(600);
        let without = pair.poll(&*pair.backend()).await.unwrap();
        assert!(of(&without, &gone).is_none(), "{}", pair.name());
        check_readings(&pair, &without);
        ledger.take(&without, clock.now_seconds());
        pair.panel.reappear(&gone).unwrap();
        clock.advance(600);
        let back = pair.poll(&*pair.backend()).await.unwrap();
        check_readings(&pair, &back);
        ledger.take(&back, clock.now_seconds());
        // What it moved is never more than what really passed while it was there.
        let truth = pair.passed(&gone, began, clock.now_seconds());
        for (meter, settled) in pair.settled(&ledger, &gone) {
            assert!((0..=truth[&meter]).contains(&settled), "{}: {meter} {settled} {truth:?}", pair.name());
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once_and_not_shown() {
    for pair in every_kind(3).await {
        let mut settings = pair.settings();
        let key = settings.keys().find(|key| is_secret(key)).unwrap().clone();
        settings.insert(key, Value::String("wrong-hunter2-hunter2".into()));
        pair.panel.knobs().requests.clear();
        let error = pair.poll(&*pair.opened(settings)).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{}: {error:?}", pair.name());
        pair.check_text(&error.to_string());
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        // Panels ban those who insist.
        let asked: u64 = pair.panel.knobs().requests.all().iter().map(|asked| asked.count).sum();
        assert!(asked <= 2, "{}: {asked} requests with a wrong password", pair.name());

        let refused = Fault::new(FaultKind::CredentialsRefused { status: Some(401) });
        pair.panel.knobs().faults.add(refused);
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{}: {error:?}", pair.name());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_missing_right_is_named_and_never_a_zero() {
    for pair in every_kind(6).await {
        let marks = pair.panel.landmarks();
        for call in [marks.listing, marks.usage] {
            pair.panel.knobs().faults.add(Fault::new(FaultKind::RightMissing).on(call));
            match pair.poll(&*pair.backend()).await {
                Err(error) => {
                    assert!(matches!(error, BackendError::Refused(_)), "{}: {error:?}", pair.name());
                    pair.check_text(&error.to_string());
                    assert!(error.to_string().contains("right"), "{error}");
                }
                Ok(harvest) => {
                    for (name, harvested) in harvest.accounts() {
                        assert_eq!(figure(harvested, pair.main_meter()), None, "{}: {name}", pair.name());
                        let unread = unread(harvested, pair.main_meter()).unwrap();
                        assert_eq!(unread.reason, Reason::Refused);
                        pair.check_text(&unread.detail);
                    }
                }
            }
            pair.panel.knobs().faults.clear();
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_busy_panel_is_asked_again_when_it_says_or_left_alone_as_long_as_it_says() {
    for pair in every_kind(4).await {
        let faults = &pair.panel.knobs().faults;
        let listing = pair.panel.landmarks().listing;
        let busy = |seconds| Fault::new(FaultKind::TooManyRequests { retry_after_seconds: seconds });
        faults.add(busy(Some(1)).on(listing).times(1));
        let began = Instant::now();
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        check_readings(&pair, &harvest);
        assert!(began.elapsed() >= Duration::from_secs(1), "{}: it did not wait", pair.name());

        pair.panel.knobs().requests.clear();
        faults.add(busy(Some(77)).on(listing));
        let began = Instant::now();
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        let after = Some(Duration::from_secs(77));
        assert!(matches!(&error, BackendError::Busy { after: told, .. } if *told == after), "{error:?}");
        assert!(error.to_string().contains("429"), "{error}");
        pair.check_text(&error.to_string());
        assert!(began.elapsed() < Duration::from_secs(20), "{}: it insisted", pair.name());
        assert_eq!(pair.panel.knobs().requests.count(listing), 1, "{}", pair.name());
        faults.clear();

        faults.add(busy(None).on(listing));
        let error = pair.poll(&*pair.backend_with(QUICK)).await.unwrap_err();
        assert!(matches!(error, BackendError::Busy { after: None, .. }), "{error:?}");
        pair.panel.stop();
    }
}

/// What may go wrong with the bytes of an answer, what it must be called, and what the text must show.
fn spoilt() -> Vec<(FaultKind, &'static [Reason], &'static str)> {
    use Reason::{Busy, Unexpected, Unreachable};
    vec![
        (FaultKind::Failed { status: 500 }, &[Unexpected, Unreachable, Busy], "500"),
        (FaultKind::Failed { status: 502 }, &[Unreachable], "502"),
        (FaultKind::Failed { status: 503 }, &[Busy], "503"),
        (FaultKind::HtmlPage { status: 200 }, &[Unexpected], "html"),
        (FaultKind::HtmlPage { status: 504 }, &[Unreachable], "504"),
        (FaultKind::Truncated { bytes: 20, honest_length: true }, &[Unexpected], ""),
        (FaultKind::Truncated { bytes: 20, honest_length: false }, &[Unreachable], "broke off"),
        (FaultKind::Truncated { bytes: 0, honest_length: true }, &[Unexpected], ""),
        (FaultKind::Garbage, &[Unexpected], ""),
        (FaultKind::Reset { after_bytes: 20 }, &[Unreachable], "broke off"),
        (FaultKind::Endless, &[Unexpected], ""),
        (FaultKind::BrokenGzip, &[Unexpected], ""),
    ]
}

#[tokio::test]
async fn spoilt_answers_are_called_what_they_are_and_never_become_numbers() {
    for pair in every_kind(5).await {
        let marks = pair.panel.landmarks();
        for (kind, reasons, shown) in spoilt() {
            for call in [marks.listing, marks.usage] {
                pair.panel.knobs().faults.add(Fault::new(kind.clone()).on(call));
                let began = Instant::now();
                let what = format!("{}: {kind:?} at {call}", pair.name());
                match pair.poll(&*pair.backend_with(QUICK)).await {
                    Err(error) => {
                        assert!(reasons.contains(&error.reason()), "{what}: {error} ({:?})", error.reason());
                        assert!(error.to_string().contains(shown), "{what}: {error}");
                        pair.check_text(&format!("{error} {error:?}"));
                    }
                    Ok(harvest) => {
                        assert!(!harvest.accounts().is_empty(), "{what}: was taken");
                        for (name, harvested) in harvest.accounts() {
                            assert_eq!(figure(harvested, pair.main_meter()), None, "{what}: {name}");
                            let unread = unread(harvested, pair.main_meter()).unwrap();
                            assert!(reasons.contains(&unread.reason), "{what}: {unread:?}");
                            assert!(unread.detail.contains(shown), "{what}: {unread:?}");
                            pair.check_text(&unread.detail);
                        }
                    }
                }
                assert!(began.elapsed() < Duration::from_secs(15), "{what} took {:?}", began.elapsed());
                pair.panel.knobs().faults.clear();
            }
        }
        // And after all that it is well again.
        check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_panel_that_drips_or_is_silent_is_given_up_in_time() {
    for pair in every_kind(5).await {
        let listing = pair.panel.landmarks().listing;
        for kind in [FaultKind::Drip { bytes_per_tick: 1 }, FaultKind::Delay { milliseconds: 60_000 }] {
            pair.panel.knobs().faults.add(Fault::new(kind.clone()).on(listing));
            let began = Instant::now();
            let error = pair.poll(&*pair.backend_with("timeout = \"1s\"")).await.unwrap_err();
            assert!(matches!(error, BackendError::Unreachable(_)), "{}: {error:?}", pair.name());
            assert!(error.to_string().contains("within 1s"), "{error}");
            assert!(began.elapsed() < Duration::from_secs(8), "{kind:?} took {:?}", began.elapsed());
            pair.panel.knobs().faults.clear();
        }
        // A lost connection is tried again before anybody is told.
        pair.panel.knobs().faults.add(Fault::new(FaultKind::Reset { after_bytes: 9 }).on(listing).times(1));
        check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        pair.panel.stop();
        let error = pair.poll(&*pair.backend_with(QUICK)).await.unwrap_err();
        assert!(matches!(error, BackendError::Unreachable(_)), "{}: {error:?}", pair.name());
        pair.check_text(&error.to_string());
    }
}

#[tokio::test]
async fn a_changed_field_is_named_and_never_a_number() {
    let changes = [
        Change::RenamedTo("sise".into()),
        Change::Quoted,
        Change::Value(json!(-1)),
        Change::Value(json!(null)),
        Change::Value(json!(1.5)),
        Change::Value(json!([7])),
        Change::RawText("9223372036854775808".into()),
        Change::RawText("99999999999999999999".into()),
        Change::RawText("1e3".into()),
        // Deeper and longer than any figure: nothing of it is kept.
        Change::RawText(format!("{}7{}", "[".repeat(300), "]".repeat(300))),
        Change::RawText(format!("[{}7]", "0,".repeat(2000))),
        Change::Removed,
    ];
    for pair in every_kind(6).await {
        let marks = pair.panel.landmarks();
        for becomes in changes.clone() {
            if pair.panel.sends(&becomes) {
                continue;
            }
            let changed = FaultKind::ChangedField { field: marks.usage_key.into(), becomes };
            pair.panel.knobs().faults.add(Fault::new(changed.clone()).on(marks.usage));
            match pair.poll(&*pair.backend_with(ROOMY)).await {
                Err(error) => {
                    assert!(matches!(error, BackendError::Unexpected { .. }), "{changed:?}: {error:?}");
                    pair.check_text(&error.to_string());
                }
                Ok(harvest) => {
                    let metered = harvest.accounts().iter();
                    let metered = metered.filter(|(name, _)| !pair.truth().parts(name.as_str()).is_empty());
                    let mut checked = 0;
                    for (name, harvested) in metered {
                        assert_eq!(
                            figure(harvested, pair.main_meter()),
                            None,
                            "{}: {changed:?} {name}",
                            pair.name()
                        );
                        let unread = unread(harvested, pair.main_meter()).unwrap();
                        assert_eq!(unread.reason, Reason::Unexpected, "{changed:?}: {unread:?}");
                        // One that is nested too deep is not read as far as its name.
                        let too_deep = format!("{changed:?}").contains("[[[[");
                        let named = unread.detail.contains(marks.usage_key);
                        assert!(named || too_deep, "{changed:?}: {unread:?}");
                        pair.check_text(&unread.detail);
                        checked += 1;
                    }
                    assert!(checked >= 4, "{changed:?}");
                }
            }
            pair.panel.knobs().faults.clear();
        }
        pair.panel.stop();
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_given_and_refused_when_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        accounts: 3,
        clock: ClockStart::Frozen(NOW),
        tls: Some(folder.path().to_path_buf()),
        ..Options::default()
    };
    for pair in every_kind_with(options).await {
        check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        let mut without = pair.settings();
        assert!(without.remove("tls_ca_file").is_some(), "{}", pair.name());
        without.insert("retries".into(), Value::Integer(0));
        let error = pair.poll(&*pair.opened(without.clone())).await.unwrap_err();
        assert!(matches!(error, BackendError::Unreachable(_)), "{}: {error:?}", pair.name());
        assert!(error.to_string().contains("tls_ca_file"), "it should say what to do: {error}");
        without.insert("tls_insecure".into(), Value::Boolean(true));
        check_readings(&pair, &pair.poll(&*pair.opened(without)).await.unwrap());
        pair.panel.stop();
    }
}

#[tokio::test]
async fn limiting_twice_is_limiting_once_and_standard_restores_what_was() {
    for pair in every_kind(5).await.into_iter().filter(|pair| pair.kind.can_limit) {
        let backend = pair.backend();
        let name = pair.panel.accounts().remove(0);
        let key = account(&name);
        let shown = async || {
            let mut harvest = Harvest::new();
            let now = pair.panel.knobs().clock.now_seconds();
            let ask = PollRequest { limited: vec![key.clone()], ..PollRequest::at(instant(now)) };
            backend.poll(&ask, &mut harvest).await.unwrap();
            of(&harvest, &name).unwrap().facts.policy
        };
        assert_eq!((shown().await, pair.panel.is_limited(&name)), (Some(Policy::Standard), Some(false)));
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        assert_eq!(
            limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
            Applied::Done
        );
        assert_eq!((shown().await, pair.panel.is_limited(&name)), (Some(Policy::Limited), Some(true)));
        assert_eq!(
            limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap(),
            Applied::AlreadySo
        );
        // A limited account is metered like any other, and its neighbours are not limited.
        check_readings(&pair, &pair.poll(&*backend).await.unwrap());
        for other in pair.panel.accounts().iter().filter(|other| **other != name) {
            assert_eq!(pair.panel.is_limited(other), Some(false), "{}: {other}", pair.name());
        }
        assert_eq!(
            limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap(),
            Applied::Done
        );
        assert_eq!((shown().await, pair.panel.is_limited(&name)), (Some(Policy::Standard), Some(false)));
        assert_eq!(
            limiter(&*backend).remember(&target(&key)).await.unwrap(),
            memory,
            "{}: not what it was",
            pair.name()
        );
        assert_eq!(
            limiter(&*backend).apply(&target(&key), Policy::Standard, &memory).await.unwrap(),
            Applied::AlreadySo
        );
        pair.panel.stop();
    }
}

#[tokio::test]
async fn what_somebody_else_changed_is_left_alone_and_a_stranger_is_no_account() {
    let mut meddled = 0;
    for pair in every_kind(5).await.into_iter().filter(|pair| pair.kind.can_limit) {
        let backend = pair.backend();
        let key = account(&pair.panel.accounts()[0]);
        let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
        limiter(&*backend).apply(&target(&key), Policy::Limited, &memory).await.unwrap();
        // Where a panel keeps no more than on and off, what somebody else did looks like ours, or like nothing.
        if pair.panel.meddle(key.as_str()).is_ok() {
            meddled += 1;
            let by_hand = limiter(&*backend).remember(&target(&key)).await.unwrap();
            for policy in [Policy::Standard, Policy::Limited] {
                let applied = limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap();
                assert!(matches!(applied, Applied::LeftAlone { .. }), "{}: {applied:?}", pair.name());
            }
            let now = limiter(&*backend).remember(&target(&key)).await.unwrap();
            assert_eq!(now, by_hand, "{}: not left alone", pair.name());
        }

        let nobody = account("nobody-77");
        let error = limiter(&*backend).remember(&target(&nobody)).await.unwrap_err();
        assert!(matches!(&error, BackendError::NoSuchAccount(name) if *name == nobody), "{error:?}");
        let error = limiter(&*backend)
            .apply(&target(&nobody), Policy::Limited, &Memory(String::new()))
            .await
            .unwrap_err();
        assert!(matches!(&error, BackendError::NoSuchAccount(name) if *name == nobody), "{error:?}");
        pair.panel.stop();
    }
    assert!(meddled >= 6, "{meddled} kinds tell a policy that somebody else set");
}

#[tokio::test]
async fn a_switch_that_fails_says_so_and_can_be_repeated() {
    for pair in every_kind(3).await.into_iter().filter(|pair| pair.kind.can_limit) {
        let limiting = pair.panel.landmarks().limiting;
        assert!(!limiting.is_empty(), "{}", pair.name());
        let backend = pair.backend_with(QUICK);
        let name = pair.panel.accounts().remove(0);
        let memory = limiter(&*backend).remember(&target(&account(&name))).await.unwrap();
        for kind in
            [FaultKind::RightMissing, FaultKind::Failed { status: 500 }, FaultKind::HtmlPage { status: 200 }]
        {
            pair.panel.knobs().faults.add(Fault::new(kind.clone()).on(limiting));
            let error = limiter(&*backend)
                .apply(&target(&account(&name)), Policy::Limited, &memory)
                .await
                .unwrap_err();
            pair.check_text(&error.to_string());
            assert_eq!(pair.panel.is_limited(&name), Some(false), "{}: {kind:?}", pair.name());
            pair.panel.knobs().faults.clear();
        }
        assert_eq!(
            limiter(&*backend).apply(&target(&account(&name)), Policy::Limited, &memory).await.unwrap(),
            Applied::Done
        );
        assert_eq!(pair.panel.is_limited(&name), Some(true));
        pair.panel.stop();
    }
}

/// What `check` says where a rule limits accounts.
async fn steps(backend: &dyn whmeter::backends::Backend) -> Vec<CheckStep> {
    steps_for(backend, Wants { limiting: true }).await
}

async fn steps_for(backend: &dyn whmeter::backends::Backend, wants: Wants) -> Vec<CheckStep> {
    let mut steps = Vec::new();
    backend.check(wants, &mut steps).await;
    steps
}

/// The texts of the steps that keep a backend from being used.
fn fatal(steps: &[CheckStep]) -> Vec<String> {
    let wrong = steps.iter().filter(|step| step.fatal).filter_map(|step| step.outcome.as_ref().err());
    wrong.map(ToString::to_string).collect()
}

#[tokio::test]
async fn check_goes_step_by_step_and_stops_where_it_is_wrong() {
    for pair in every_kind(4).await {
        let good = steps(&*pair.backend()).await;
        assert!(good.len() >= 4, "{}: {good:?}", pair.name());
        assert!(good.iter().all(|step| step.outcome.is_ok()), "{}: {good:?}", pair.name());
        let names: BTreeSet<&str> = good.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names.len(), good.len(), "{}: steps of one name {good:?}", pair.name());

        let mut settings = pair.settings();
        let key = settings.keys().find(|key| is_secret(key)).unwrap().clone();
        settings.insert(key, Value::String("wrong-hunter2-hunter2".into()));
        let bad = steps(&*pair.opened(settings)).await;
        let fatal: Vec<_> = bad.iter().filter(|step| step.fatal && step.outcome.is_err()).collect();
        assert_eq!(fatal.len(), 1, "{}: what fails for the same reason is not tried: {bad:?}", pair.name());
        assert!(bad.iter().all(|step| step.fatal || step.outcome.is_ok()), "{}: {bad:?}", pair.name());
        let refused = fatal[0].outcome.as_ref().unwrap_err();
        assert!(matches!(refused, BackendError::Refused(_)), "{}: {refused:?}", pair.name());
        let text = format!("{bad:?}");
        assert!(!text.contains("hunter2"), "{text}");
        pair.check_text(&text);

        pair.panel.stop();
        let gone = steps(&*pair.backend_with(QUICK)).await;
        let error = gone.iter().find_map(|step| step.outcome.as_ref().err()).unwrap();
        assert!(matches!(error, BackendError::Unreachable(_)), "{}: {error:?}", pair.name());
    }
}
