//! Synology: what only this NAS does.

#[path = "synology_limits.rs"]
mod limits;

use serde_json::{Value as Json, json};
use whmeter::backends::{BackendError, Wants};
use whmeter::domain::{Harvest, Limit, Meter, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::Options;

use crate::support::panels::*;

/// A NAS with these switches.
async fn start(accounts: usize, switches: Json) -> Pair {
    let kind = whmeter::backends::kind("synology").unwrap();
    let options = Options { accounts, clock: ClockStart::Frozen(NOW), ..Options::default() };
    let panel = whmeter_simulators::kind("synology").unwrap().start(options).await.unwrap();
    let pair = Pair { kind, panel };
    operate(&pair, "switches", switches);
    pair
}

fn operate(pair: &Pair, what: &str, arguments: Json) -> Json {
    pair.panel.operate(what, &arguments).unwrap()
}

fn state(pair: &Pair) -> Json {
    operate(pair, "state", Json::Null)
}

/// Bytes that the NAS has of a user: in its home, and in `projects`.
fn stored(pair: &Pair, name: &str) -> [u64; 2] {
    let user = &state(pair)["users"][name];
    ["homes_bytes", "projects_bytes"].map(|key| user[key].as_u64().unwrap())
}

fn stored_level(harvest: &Harvest, name: &str) -> Option<u64> {
    level(of(harvest, name).unwrap()).map(|(_, level)| level)
}

fn asked(pair: &Pair, call: &str) -> u64 {
    pair.panel.knobs().requests.count(call)
}

#[tokio::test]
async fn both_generations_are_read_whole_and_no_session_is_left() {
    for (dsm, path) in [("6", "entry.cgi"), ("7", "entry.cgi"), ("7", "_______________________entry.cgi")] {
        for numbers in ["plain", "floats", "texts"] {
            let switches =
                json!({ "dsm": dsm, "entry_path": path, "numbers": numbers, "content_type": "text/plain" });
            let pair = start(40, switches).await;
            let backend = pair.backend();
            for _ in 0..3 {
                let harvest = pair.poll(&*backend).await.unwrap();
                crate::check_readings(&pair, &harvest);
            }
            let logins = &state(&pair)["logins"];
            assert_eq!((&logins["open_sessions"], &logins["failures"]), (&json!(0), &json!(0)), "DSM {dsm}");
            pair.panel.stop();
        }
    }
    // A DSM whose old name of the first call is gone.
    let pair = start(3, json!({ "query_cgi": false })).await;
    crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    pair.panel.stop();
}

#[tokio::test]
async fn a_user_counts_in_the_folders_that_were_named_and_on_ext4_as_a_whole() {
    let pair = start(12, json!({})).await;
    let name = pair.panel.accounts().into_iter().find(|name| stored(&pair, name)[1] > 0).unwrap();
    let [homes, projects] = stored(&pair, &name);
    for (keys, expected) in [
        ("", homes),
        ("shares = [\"projects\"]", projects),
        ("shares = [\"homes\", \"projects\"]", homes + projects),
        ("shares = \"*\"", homes + projects),
    ] {
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        assert_eq!(stored_level(&harvest, &name), Some(expected), "{keys}");
    }
    for (second, expected) in [(false, homes + projects), (true, homes + projects)] {
        operate(&pair, "switches", json!({ "file_system": "ext4", "second_volume": second }));
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!(stored_level(&harvest, &name), Some(expected), "second volume: {second}");
    }
    pair.panel.stop();
}

#[tokio::test]
async fn what_is_not_counted_is_unread_and_never_nothing() {
    let pair = start(4, json!({})).await;
    let backend = pair.backend();
    assert!(pair.poll(&*backend).await.is_ok());
    for (switches, shown) in [
        (json!({ "user_quota": "empty" }), "user_quota is empty"),
        (json!({ "user_quota": "shown", "homes_mounted": false }), "\"homes\""),
        (json!({ "user_quota": "absent", "homes_mounted": true }), "user_quota is absent"),
    ] {
        operate(&pair, "switches", switches);
        let harvest = pair.poll(&*backend).await.unwrap();
        assert!(harvest.is_complete());
        for harvested in harvest.accounts().values() {
            let unread = unread(harvested, Meter::StorageUsed).unwrap();
            assert!(harvested.readings.is_empty() && unread.detail.contains(shown), "{unread:?}");
        }
    }
    operate(&pair, "switches", json!({ "user_quota": "shown" }));
    let name = pair.panel.accounts().remove(0);
    for code in [3106, 5403] {
        operate(&pair, &format!("users/{name}"), json!({ "op": "fail", "code": code }));
        let harvest = pair.poll(&*backend).await.unwrap();
        let unread = unread(of(&harvest, &name).unwrap(), Meter::StorageUsed).unwrap();
        assert_eq!(unread.reason, Reason::Unexpected);
        assert!(unread.detail.contains(&code.to_string()), "{unread:?}");
        assert!(harvest.accounts().values().filter(|one| !one.readings.is_empty()).count() == 3);
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_folder_that_was_counted_and_is_silent_makes_nobody_smaller() {
    let pair = start(6, json!({ "second_volume": true })).await;
    let backend = pair.backend_with("shares = \"*\"");
    let name = pair.panel.accounts().into_iter().find(|name| stored(&pair, name)[1] > 0).unwrap();
    assert!(pair.poll(&*backend).await.is_ok());
    operate(&pair, "switches", json!({ "project_share": false }));
    let harvest = pair.poll(&*backend).await.unwrap();
    let unread = unread(of(&harvest, &name).unwrap(), Meter::StorageUsed).unwrap();
    assert_eq!((unread.reason, stored_level(&harvest, &name)), (Reason::Silent, None), "{unread:?}");
    operate(&pair, "switches", json!({ "project_share": true }));
    let harvest = pair.poll(&*backend).await.unwrap();
    assert_eq!(stored_level(&harvest, &name), Some(stored(&pair, &name).iter().sum()));
    pair.panel.stop();
}

#[tokio::test]
async fn limits_are_the_users_own_or_the_groups_or_none() {
    let pair = start(12, json!({})).await;
    let harvest =
        pair.poll(&*pair.backend_with("groups = [\"PublicSynology\", \"PublicSynology-XL\"]")).await.unwrap();
    let state = state(&pair);
    let mib = |mib: u64| Limit::UpTo(whmeter::domain::Bytes::new(mib << 20).unwrap());
    let mut seen = std::collections::BTreeSet::new();
    for (name, harvested) in harvest.accounts() {
        let user = &state["users"][name.as_str()];
        let groups = user["groups"].as_array().unwrap();
        let xl = groups.contains(&json!("PublicSynology-XL"));
        let expected = match (user["quotas"]["homes"].as_u64().unwrap(), xl) {
            (0, true) => mib(2_048_000),
            (0, false) => mib(51_200),
            (own, _) => mib(own),
        };
        assert_eq!(harvested.facts.storage_limit, expected, "{name}");
        let package = if xl { "PublicSynology-XL" } else { "PublicSynology" };
        assert_eq!(harvested.facts.package.as_deref(), Some(package), "{name}");
        seen.insert(format!("{expected:?}"));
    }
    assert!(seen.len() > 3, "{seen:?}");
    // Whoever is in no product group is no account then, and has no limit otherwise.
    assert!(harvest.accounts().len() < 12 && harvest.is_complete());
    let all = pair.poll(&*pair.backend()).await.unwrap();
    let free = all.accounts().values().filter(|one| one.facts.storage_limit == Limit::Unlimited);
    assert!(free.count() > 0);
    let gone = pair.poll(&*pair.backend_with("groups = [\"PublicSinology\"]")).await.unwrap_err();
    assert!(gone.to_string().contains("no such group"), "{gone}");
    pair.panel.stop();
}

#[tokio::test]
async fn who_leaves_the_groups_is_kept_and_a_new_administrator_is_unread() {
    let pair = start(6, json!({})).await;
    let backend = pair.backend_with("groups = [\"PublicSynology\"]");
    let mut ledger = Ledger::new();
    let first = pair.poll(&*backend).await.unwrap();
    ledger.take(&first, NOW);
    let mut names = first.accounts().keys();
    let (stray, boss) = (names.next().unwrap().to_string(), names.next().unwrap().to_string());
    let group = |name: &str, group: &str, is_member: bool| {
        let deal = json!({ "op": "set_group", "group": group, "is_member": is_member });
        operate(&pair, &format!("users/{name}"), deal);
    };
    group(&stray, "PublicSynology", false);
    group(&boss, "administrators", true);
    let harvest = poll_after(&*backend, NOW + 600, ledger.heard()).await.unwrap();
    assert_eq!(harvest.accounts().len(), first.accounts().len());
    assert!(stored_level(&harvest, &stray).is_some());
    assert!(harvest.warnings().iter().any(|warning| warning.contains(&stray)), "{:?}", harvest.warnings());
    let unread = unread(of(&harvest, &boss).unwrap(), Meter::StorageUsed).unwrap();
    assert_eq!(unread.reason, Reason::NotOffered, "{unread:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_name_that_was_made_anew_is_another_account() {
    let pair = start(5, json!({})).await;
    let name = pair.panel.accounts().remove(0);
    let mut ledger = Ledger::new();
    let first = pair.poll(&*pair.backend()).await.unwrap();
    ledger.take(&first, NOW);
    operate(&pair, &format!("users/{name}"), json!({ "op": "recreate" }));
    pair.panel.knobs().clock.advance(600);
    let second = pair.poll(&*pair.backend()).await.unwrap();
    let uid = |harvest: &Harvest| of(harvest, &name).unwrap().facts.identity.part("uid").unwrap().to_string();
    assert_ne!(uid(&first), uid(&second));
    ledger.take(&second, NOW + 600);
    let lives = ledger.book.lives.values().filter(|life| life.name.as_str() == name).count();
    assert_eq!(lives, 2);
    pair.panel.stop();
}

#[tokio::test]
async fn a_session_that_ends_between_two_calls_costs_one_more_login() {
    for (number, code) in [106, 107, 119, 150].into_iter().enumerate() {
        let pair = start(30, json!({})).await;
        let mishap = json!([{ "call": "SYNO.Entry.Request.request", "code": code, "times": 1 }]);
        operate(&pair, "mishaps", mishap);
        crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        assert_eq!(asked(&pair, "SYNO.API.Auth.login"), 2, "{number}");
        pair.panel.stop();
    }
    // One that cannot answer for a moment is asked again, by the same session.
    let pair = start(30, json!({})).await;
    operate(&pair, "mishaps", json!([{ "call": "SYNO.Core.User.list", "code": 117, "times": 2 }]));
    crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    assert_eq!(asked(&pair, "SYNO.API.Auth.login"), 1);
    operate(&pair, "mishaps", json!([{ "call": "SYNO.Core.User.list", "code": 117 }]));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(error, BackendError::Busy { .. }), "{error:?}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_second_factor_is_a_code_once_or_a_device_that_is_trusted() {
    let pair = start(3, json!({ "second_factor": "on" })).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Refused(why) if why.contains("403") && why.contains("device_token_file")),
        "{error:?}"
    );
    let by_code = pair.backend_with("otp_code = \"402615\"");
    for _ in 0..3 {
        crate::check_readings(&pair, &pair.poll(&*by_code).await.unwrap());
    }
    let token = operate(&pair, "devices", json!({ "op": "trust", "name": "whmeter" }))["token"].clone();
    let trusted = pair.backend_with(&format!("device_token = {token}"));
    crate::check_readings(&pair, &pair.poll(&*trusted).await.unwrap());
    operate(&pair, "devices", json!({ "op": "revoke_all" }));
    let failures = || state(&pair)["logins"]["failures"].as_u64().unwrap();
    let before = failures();
    for _ in 0..5 {
        let error = pair.poll(&*trusted).await.unwrap_err();
        assert!(matches!(&error, BackendError::Refused(why) if why.contains("403")), "{error:?}");
        assert!(!error.to_string().contains(token.as_str().unwrap()));
    }
    assert_eq!(failures(), before + 1, "a stale token counts as a failed login");
    operate(&pair, "switches", json!({ "second_factor": "enforced" }));
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(error.to_string().contains("406"), "{error}");
    pair.panel.stop();
}

#[tokio::test]
async fn a_wrong_password_does_not_lock_the_machine_out() {
    let pair = start(3, json!({ "block_after": 3 })).await;
    let mut settings = pair.settings();
    settings.insert("password".into(), toml::Value::String("wrong-hunter2".into()));
    let backend = pair.opened(settings);
    for _ in 0..10 {
        let error = pair.poll(&*backend).await.unwrap_err();
        assert!(matches!(&error, BackendError::Refused(why) if why.contains("400")), "{error:?}");
        let error = limiter(&*backend).remember(&target(&account("cust1001-7100"))).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
    }
    assert_eq!(state(&pair)["logins"]["failures"], 1);
    crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    for sees in ["code", "page"] {
        operate(&pair, "switches", json!({ "block_after": 1, "blocked_sees": sees }));
        let mut settings = pair.settings();
        settings.insert("password".into(), toml::Value::String("wrong-hunter2".into()));
        assert!(pair.poll(&*pair.opened(settings)).await.is_err());
        let error = pair.poll(&*pair.backend()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Refused, "{error}");
    }
    operate(&pair, "guard", Json::Null);
    crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
    pair.panel.stop();
}

#[tokio::test]
async fn who_is_no_administrator_is_let_in_and_told_what_is_missing() {
    let pair = start(3, json!({ "is_administrator": false })).await;
    let error = pair.poll(&*pair.backend()).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("administrator")), "{error:?}");
    for page in [200, 302, 403, 502] {
        operate(&pair, "switches", json!({ "is_administrator": true, "page_instead": page }));
        let error = pair.poll(&*pair.backend_with(crate::QUICK)).await.unwrap_err();
        pair.check_text(&error.to_string());
    }
    pair.panel.stop();
}

#[tokio::test]
async fn a_nas_without_batches_and_one_of_small_pages_are_read_all_the_same() {
    let pair = start(60, json!({ "batch_code": 103, "most_rows": 7 })).await;
    let backend = pair.backend();
    for _ in 0..2 {
        crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    }
    assert_eq!(asked(&pair, "SYNO.Entry.Request.request"), 1, "it is not tried again");
    pair.panel.stop();
}

#[tokio::test]
async fn check_tells_what_the_nas_is_and_what_is_missing() {
    let pair = start(4, json!({ "dsm": "6" })).await;
    let good = crate::steps_for(&*pair.backend(), Wants { limiting: true }).await;
    assert!(good.iter().all(|step| step.outcome.is_ok()), "{good:?}");
    let text = format!("{good:?}");
    assert!(text.contains("DSM 6") && text.contains("homes on /volume1"), "{text}");
    operate(&pair, "switches", json!({ "dsm": "7", "user_quota": "empty" }));
    let wrong = crate::fatal(&crate::steps_for(&*pair.backend(), Wants::default()).await);
    assert!(wrong.len() == 1 && wrong[0].contains("user_quota is empty"), "{wrong:?}");
    operate(&pair, "switches", json!({ "user_quota": "shown", "token_from": "header" }));
    let header = crate::steps_for(&*pair.backend(), Wants { limiting: true }).await;
    assert!(header.iter().all(|step| step.outcome.is_ok()), "{header:?}");
    operate(&pair, "switches", json!({ "token_from": "either", "second_factor": "on" }));
    let refused = crate::fatal(&crate::steps_for(&*pair.backend(), Wants::default()).await);
    assert!(refused.len() == 1 && refused[0].contains("403"), "{refused:?}");
    let by_code = crate::steps_for(&*pair.backend_with("otp_code = \"402615\""), Wants::default()).await;
    assert!(format!("{by_code:?}").contains("trusts this machine until whmeter ends"), "{by_code:?}");
    assert_eq!(state(&pair)["logins"]["open_sessions"], 0);
    pair.panel.stop();
}
