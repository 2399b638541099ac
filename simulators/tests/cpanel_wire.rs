//! The fake cPanel server against the samples of its reference: the same keys, types and nesting; and its habits.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::Duration;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::cpanel::{DiskUsed, Envelope, Options, Panel, Switches, reseller_token};
use whmeter_simulators::panel::{self, SimulatedPanel};

/// 2026-11-21 02:00 UTC; in Warsaw November began at 2026-10-31T23:00:00Z.
const NOW: i64 = 1_795_226_400;
const NOVEMBER: i64 = 1_793_487_600;
const DECEMBER: i64 = 1_796_079_600;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 8, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

/// A call with somebody's `Authorization`.
fn request(panel: &Panel, authorization: &str, call: &str) -> RequestBuilder {
    Client::new().get(format!("{}/json-api/{call}", panel.url())).header("authorization", authorization)
}

async fn ask(panel: &Panel, call: &str) -> Response {
    request(panel, &format!("whm root:{}", panel.token()), call).send().await.unwrap()
}

async fn body(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The answer of API 1.
async fn get(panel: &Panel, call: &str) -> Value {
    let mark = if call.contains('?') { '&' } else { '?' };
    body(ask(panel, &format!("{call}{mark}api.version=1")).await).await
}

fn total(panel: &Panel, name: &str, from: i64, to: i64) -> u64 {
    let moved = panel.knobs().truth.traffic_between(name, from, to).unwrap();
    moved.received + moved.sent
}

fn of<'a>(rows: &'a Value, user: &str) -> &'a Value {
    let found: Vec<&Value> = rows.as_array().unwrap().iter().filter(|row| row["user"] == user).collect();
    assert_eq!(found.len(), 1, "{user} in {rows}");
    found[0]
}

/// Whether two values have the same keys and types all the way down; of arrays the first items count.
fn is_like(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_like(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => is_like(one, other),
            _ => true,
        },
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[tokio::test]
async fn answers_are_as_the_reference_prints_them() {
    let panel = start(|_| {}).await;
    let acct = json!({"backup":1,"child_nodes":[],"disklimit":"2048M","diskused":"731M",
        "domain":"harbor-lane.example","email":"ops@example.net","inodeslimit":"unlimited","inodesused":48211,
        "ip":"192.0.2.14","ipv6":[],"is_locked":0,"legacy_backup":0,"mailbox_format":"maildir",
        "max_defer_fail_percentage":"unlimited","max_email_per_hour":"500","max_emailacct_quota":"unlimited",
        "maxaddons":"*unknown*","maxftp":"unlimited","maxlst":"unlimited","maxparked":"10","maxpop":"100",
        "maxsql":5,"maxsub":"unlimited","min_defer_fail_to_trigger_protection":"5","outgoing_mail_hold":0,
        "outgoing_mail_suspended":0,"owner":"resel01","partition":"home","plan":"resel01_Start 2G",
        "shell":"/usr/local/cpanel/bin/noshell","startdate":"23 Feb 07 08:41","suspended":0,
        "suspendreason":"not suspended","suspendtime":0,"temporary":0,"theme":"jupiter","uid":"1043",
        "unix_startdate":1_675_759_260,"user":"harborla"});
    let metadata = |command: &str| json!({"command":command,"reason":"OK","result":1,"version":1});
    let samples = [
        ("listaccts", json!({"acct":[acct]})),
        ("accountsummary?user=harborla", json!({"acct":[acct]})),
        (
            "get_disk_usage",
            json!({"accounts":[{"user":"pinecone","blocks_used":748_912,"blocks_limit":2_097_152,"inodes_used":12,
                "inodes_limit":null}]}),
        ),
        (
            "showbw",
            json!({"acct":[{"bwusage":[{"deleted":0,"domain":"harbor-lane.example","usage":1}],"deleted":0,
                "limit":0,"maindomain":"x","owner":"resel01","reseller":0,"totalbytes":1,"user":"x"}],
                "month":11,"reseller":"root","totalused":1,"year":2024}),
        ),
        ("version", json!({"version":"11.136.0.13"})),
        ("gethostname", json!({"hostname":"web07.example.net"})),
        ("quota_enabled", json!({"quota_enabled":1})),
        ("acctcounts", json!({"reseller":{"active":9,"limit":25,"suspended":5,"user":"root"}})),
    ];
    for (call, data) in samples {
        let told = get(&panel, call).await;
        let command = call.split('?').next().unwrap();
        assert_eq!(told["metadata"], metadata(command), "{call}");
        assert!(is_like(&told["data"], &data), "{call}: {told}");
    }
    assert_eq!(get(&panel, "myprivs").await["data"]["privileges"][0]["all"], 1);
    let denied = get(&panel, "accountsummary?user=nobody").await;
    assert_eq!((&denied["metadata"]["result"], &denied["data"]["acct"]), (&json!(0), &Value::Null));
    let unknown = get(&panel, "no_such_call").await;
    assert_eq!(unknown["metadata"]["result"], 0);
    assert!(unknown.get("data").is_none());
}

#[tokio::test]
async fn every_figure_is_the_truth_to_the_byte() {
    let panel = start(|_| {}).await;
    let usage = get(&panel, "get_disk_usage").await;
    let months = get(&panel, "showbw?month=11&year=2026").await;
    let october = get(&panel, "showbw?month=10&year=2026").await;
    assert_eq!(months["data"]["month"], 11);
    let mut created_this_month = 0;
    for name in panel.accounts() {
        let blocks = of(&usage["data"]["accounts"], &name)["blocks_used"].as_u64().unwrap();
        assert_eq!(Some(blocks * 1_024), panel.knobs().truth.level(&name, NOW), "{name}");
        let row = of(&months["data"]["acct"], &name);
        assert_eq!(row["totalbytes"], total(&panel, &name, NOVEMBER, NOW), "{name}");
        let parts: u64 =
            row["bwusage"].as_array().unwrap().iter().map(|part| part["usage"].as_u64().unwrap()).sum();
        assert!(parts <= row["totalbytes"].as_u64().unwrap());
        if panel.created(&name).unwrap() > NOVEMBER {
            created_this_month += 1;
            assert_eq!(of(&october["data"]["acct"], &name)["totalbytes"], 0);
        }
    }
    assert_eq!(created_this_month, 1);
    // Who was deleted is listed with the bytes, and a user of the system holds blocks.
    assert_eq!(of(&months["data"]["acct"], "gonefish")["deleted"], 1);
    assert_eq!(of(&usage["data"]["accounts"], "mailman")["blocks_used"], 5_120);
}

#[tokio::test]
async fn lists_are_searched_cut_and_rid_of_keys() {
    let panel = start(|switches| switches.tells_chunk = true).await;
    let told =
        get(&panel, "listaccts?want=user,owner&api.chunk.enable=1&api.chunk.size=3&api.chunk.start=4").await;
    let rows = told["data"]["acct"].as_array().unwrap();
    assert_eq!(
        rows.iter().map(|row| row["user"].as_str().unwrap()).collect::<Vec<_>>(),
        panel.accounts()[3..6]
    );
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 2), "{told}");
    assert_eq!(told["metadata"]["chunk"]["records"], 8);
    let count = async |call: &str| get(&panel, call).await["data"]["acct"].as_array().unwrap().len();
    assert_eq!(count("listaccts?search=%5Eharborla%24").await, 8, "without searchtype nothing is searched");
    assert_eq!(count("listaccts?search=%5Eharborla%24&searchtype=user").await, 1);
    assert_eq!(count("listaccts?search=resel&searchtype=owner").await, 6);
    assert_eq!(count("listaccts?search=resel&searchtype=owner&searchmethod=exact").await, 0);
    assert_eq!(count("showbw?search=%5Eharborla%24&searchtype=user").await, 1);
    assert_eq!(count("showbw?showres=resel01").await, 3);
    // A form says the same as a query.
    let form = Client::new().post(format!("{}/json-api/listaccts", panel.url()));
    let form = form.header("authorization", format!("WHM root:{}", panel.token()));
    let told = body(form.body("api.version=1&searchtype=user&search=oakridge").send().await.unwrap()).await;
    assert_eq!(told["data"]["acct"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn all_envelopes_are_spoken() {
    let panel = start(|_| {}).await;
    let old = async |call: &str| body(ask(&panel, call).await).await;
    assert_eq!(old("listaccts").await["status"], 1);
    assert!(old("showbw?month=11&year=2026").await["bandwidth"][0]["acct"].is_array());
    assert_eq!(old("version").await, json!({"version":"11.136.0.13"}));
    assert_eq!(
        old("accountsummary?user=nobody").await,
        json!({"status":0,"statusmsg":"Account does not exist","acct":null})
    );
    let refused = old("suspendacct?user=nobody").await;
    assert_eq!(refused["result"][0]["status"], 0, "{refused}");
    assert_eq!(old("editquota?user=oakridge&quota=100").await["result"]["status"], 1);
    panel.switch(|switches| switches.version_in_legacy_wrapper = true);
    let version = json!({"cpanelresult":{"apiversion":"2","data":{"version":"11.136.0.13"},"type":"text"}});
    assert_eq!(get(&panel, "version").await, version);
    panel.switch(|switches| {
        switches.numbers_as_texts = true;
        switches.result_as_text = true;
    });
    let told = get(&panel, "showbw").await;
    assert_eq!((&told["metadata"]["result"], &told["data"]["month"]), (&json!("1"), &json!("11")));
    assert!(told["data"]["acct"][0]["totalbytes"].is_string());
    panel.switch(|switches| switches.envelope = Envelope::Api0);
    assert_eq!(get(&panel, "listaccts").await["status"], 1);
    panel.switch(|switches| switches.envelope = Envelope::Legacy);
    assert!(get(&panel, "listaccts").await["cpanelresult"]["data"]["acct"].is_array());
    panel.switch(|switches| switches.page_instead = true);
    let page = ask(&panel, "listaccts").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().starts_with('<'));
}

#[tokio::test]
async fn who_fails_five_times_is_locked_out() {
    let panel = start(|_| {}).await;
    let status = async |authorization: &str| {
        request(&panel, authorization, "version?api.version=1").send().await.unwrap().status().as_u16()
    };
    let right = format!("whm root:{}", panel.token());
    let refused = request(&panel, "whm root:wrong", "version").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let text = refused.text().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["cpanelresult"]["data"]["result"], "0");
    for _ in 0..3 {
        assert_eq!(status("whm nobody:wrong").await, 403);
    }
    assert_eq!(status(&right).await, 200);
    assert_eq!(status("Bearer x").await, 403);
    assert_eq!(status(&right).await, 403, "the right token too");
    panel.switch(|switches| switches.malformed_refusal = true);
    let text = ask(&panel, "version").await.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
    panel.switch(|switches| switches.lockout_silent = true);
    let silent = request(&panel, &right, "version").timeout(Duration::from_millis(300)).send().await;
    assert!(silent.unwrap_err().is_timeout());
    panel.knobs().clock.advance(15 * 60);
    assert_eq!(status(&right).await, 200);
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("root:{}", panel.password()));
    assert_eq!(status(&format!("Basic {basic}")).await, 200);
    panel.switch(|switches| switches.token_expires = Some(NOW));
    panel.operate("guard", &json!({ "op": "unlock" })).unwrap();
    panel.switch(|switches| switches.lockout_silent = false);
    assert_eq!(status(&right).await, 403, "an expired token is a wrong one");
}

#[tokio::test]
async fn a_missing_privilege_is_result_zero_and_resellers_see_their_own() {
    let panel = start(|switches| switches.privileges = vec!["list-accts".into()]).await;
    assert_eq!(get(&panel, "listaccts").await["metadata"]["result"], 1);
    let denied = get(&panel, "showbw").await;
    assert_eq!(denied["metadata"]["result"], 0);
    assert!(denied["metadata"]["reason"].as_str().unwrap().contains("You do not have permission"));
    assert_eq!(get(&panel, "myprivs").await["data"]["privileges"][0]["show-bandwidth"], 0);
    panel.switch(|switches| switches.sees_owner = Some("nobody".into()));
    assert_eq!(get(&panel, "listaccts").await["data"], json!({"acct": []}));

    let own = format!("whm resel01:{}", reseller_token("resel01"));
    let told = body(request(&panel, &own, "listaccts?api.version=1").send().await.unwrap()).await;
    let rows = told["data"]["acct"].as_array().unwrap();
    assert!(rows.len() > 1 && rows.iter().all(|row| row["owner"] == "resel01"), "{told}");
    assert!(rows.iter().any(|row| row["user"] == "resel01"), "its own account too");
    let call = "accountsummary?api.version=1&user=harborla";
    let told = body(request(&panel, &own, call).send().await.unwrap()).await;
    assert!(told["metadata"]["reason"].as_str().unwrap().contains("do not have access"), "{told}");
}

#[tokio::test]
async fn figures_are_as_old_as_the_last_processing() {
    let panel = start(|switches| {
        switches.processed_every_minutes = 120;
        switches.disk_cache_minutes = 360;
    })
    .await;
    panel.knobs().clock.advance(3_600);
    let blocks = async |mode: &str| {
        let told = get(&panel, &format!("get_disk_usage?cache_mode={mode}")).await;
        of(&told["data"]["accounts"], "harborla")["blocks_used"].as_u64().unwrap() * 1_024
    };
    panel.knobs().truth.set_level("harborla", NOW, 7 << 30);
    assert_eq!(blocks("off").await, 7 << 30);
    assert_ne!(blocks("on").await, 7 << 30);
    let told = get(&panel, "showbw").await;
    assert_eq!(of(&told["data"]["acct"], "harborla")["totalbytes"], total(&panel, "harborla", NOVEMBER, NOW));

    // The last hours of November come after its end.
    panel.knobs().clock.freeze_at(DECEMBER + 600);
    let november = async || {
        let told = get(&panel, "showbw?month=11&year=2026").await;
        of(&told["data"]["acct"], "harborla")["totalbytes"].as_u64().unwrap()
    };
    let before = november().await;
    assert_eq!(before, total(&panel, "harborla", NOVEMBER, DECEMBER - 3_600));
    panel.knobs().clock.advance(7_200);
    assert_eq!(november().await, total(&panel, "harborla", NOVEMBER, DECEMBER));
    assert_eq!(get(&panel, "showbw").await["data"]["month"], 12);
    panel.switch(|switches| switches.months_reset_late_minutes = 600);
    for call in ["showbw", "showbw?month=12&year=2026"] {
        assert_eq!(get(&panel, call).await["data"]["month"], 11, "{call}");
    }
    panel.switch(|switches| {
        switches.quotas = false;
        switches.diskused = DiskUsed::False;
    });
    assert_eq!(blocks("off").await, 0);
    assert_eq!(get(&panel, "quota_enabled").await["data"]["quota_enabled"], 0);
    assert_eq!(get(&panel, "listaccts").await["data"]["acct"][0]["diskused"], false);
    panel.switch(|switches| switches.has_disk_usage = false);
    assert_eq!(get(&panel, "get_disk_usage").await["metadata"]["result"], 0);
}

#[tokio::test]
async fn names_that_are_deleted_made_again_or_renamed_are_told_so() {
    let panel = start(|_| {}).await;
    panel.vanish("harborla").unwrap();
    panel.knobs().clock.advance(3_600);
    let told = get(&panel, "showbw").await;
    let row = of(&told["data"]["acct"], "harborla");
    assert_eq!(
        (&row["deleted"], &row["totalbytes"]),
        (&json!(1), &json!(total(&panel, "harborla", NOVEMBER, NOW)))
    );
    assert!(!panel.accounts().contains(&"harborla".to_owned()));

    panel.operate("accounts/harborla", &json!({ "op": "recreate" })).unwrap();
    panel.knobs().clock.advance(3_600);
    let told = get(&panel, "showbw").await;
    let rows: Vec<&Value> =
        told["data"]["acct"].as_array().unwrap().iter().filter(|row| row["user"] == "harborla").collect();
    assert_eq!(rows.len(), 2);
    let [live, gone] = [rows[0], rows[1]];
    assert_eq!((&live["deleted"], &gone["deleted"]), (&json!(0), &json!(1)));
    assert_eq!(live["totalbytes"], total(&panel, "harborla", NOW + 3_600, NOW + 7_200));
    assert_eq!(panel.created("harborla"), Some(NOW + 3_600));
    panel.switch(|switches| switches.recreated_carries = true);
    let told = get(&panel, "showbw").await;
    let whole = total(&panel, "harborla", NOVEMBER, NOW + 7_200);
    assert_eq!(of(&told["data"]["acct"], "harborla")["totalbytes"], whole);

    panel.operate("accounts/oakridge", &json!({ "op": "rename", "to": "newridge" })).unwrap();
    let told = get(&panel, "listaccts").await;
    assert_eq!(of(&told["data"]["acct"], "newridge")["unix_startdate"], panel.created("newridge").unwrap());
    panel
        .operate("accounts/pinecone", &json!({ "op": "revise", "month": "2026-11", "bytes": 5 }))
        .unwrap_err();
}

#[tokio::test]
async fn suspensions_take_their_time_and_keep_their_reason() {
    let panel = start(|switches| switches.suspend_milliseconds = 400).await;
    let call = "suspendacct?api.version=1&user=harborla&reason=whmeter%3A+limit";
    let right = format!("whm root:{}", panel.token());
    let gone = request(&panel, &right, call).timeout(Duration::from_millis(100)).send().await;
    assert!(gone.unwrap_err().is_timeout());
    assert_eq!(panel.suspended_for("harborla"), None);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(panel.suspended_for("harborla").as_deref(), Some("whmeter: limit"));

    panel.switch(|switches| switches.suspend_milliseconds = 0);
    let told = get(&panel, "suspendacct?user=harborla&reason=unpaid+invoice&disallowun=1").await;
    assert!(told.get("data").is_none());
    assert!(told["metadata"]["output"]["raw"].as_str().unwrap().contains("previously suspended"), "{told}");
    let row = get(&panel, "accountsummary?user=harborla").await["data"]["acct"][0].clone();
    assert_eq!((&row["suspended"], &row["is_locked"]), (&json!(1), &json!(1)));
    assert_eq!((&row["suspendreason"], &row["suspendtime"]), (&json!("unpaid invoice"), &json!(NOW)));
    assert_eq!(get(&panel, "acctcounts").await["data"]["reseller"]["suspended"], 1);
    get(&panel, "unsuspendacct?user=harborla").await;
    assert_eq!((panel.suspended_for("harborla"), panel.writes("harborla")), (None, Some(3)));
    assert_eq!(get(&panel, "suspendacct?user=nobody").await["metadata"]["result"], 0);

    let told = get(&panel, "limitbw?user=harborla&bwlimit=500").await;
    assert_eq!(told["data"]["bwlimits"][0]["bwlimit"], "500");
    get(&panel, "editquota?user=harborla&quota=100").await;
    assert_eq!(panel.limits("harborla"), Some((Some(100), Some(500 << 20))));
    let row = get(&panel, "showbw").await;
    assert_eq!(of(&row["data"]["acct"], "harborla")["limit"], 500_u64 << 20);
    assert_eq!(
        get(&panel, "limitbw?user=nobody&bwlimit=5").await["data"]["bwlimits"][0]["domains"],
        json!([""])
    );
    let told = get(&panel, "editquota?user=harborla&quota=-1").await;
    assert_eq!(told["metadata"]["reason"], "Failed to set quota for user.");
}

#[tokio::test]
async fn uapi_tells_months_and_days_of_one_user() {
    let panel = start(|_| {}).await;
    let uapi = async |rest: &str| {
        let told = get(&panel, &format!("uapi_cpanel?cpanel.user=harborla&{rest}")).await;
        assert_eq!(told["metadata"]["result"], 1);
        told["data"]["uapi"].clone()
    };
    let stats = uapi("cpanel.module=Stats&cpanel.function=get_bandwidth").await;
    let rows = stats["data"].as_array().unwrap();
    let november: Vec<&Value> = rows.iter().filter(|row| row["month_start"] == NOVEMBER).collect();
    let sum: u64 = november.iter().map(|row| row["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sum, total(&panel, "harborla", NOVEMBER, NOW));
    let days = "cpanel.module=Bandwidth&cpanel.function=query&grouping=year_month_day&interval=daily";
    let told = uapi(&format!("{days}&start={NOVEMBER}&end={NOW}")).await;
    let days_told = told["data"].as_object().unwrap();
    assert_eq!(days_told.values().map(|bytes| bytes.as_u64().unwrap()).sum::<u64>(), sum);
    assert_eq!(days_told[&NOVEMBER.to_string()], total(&panel, "harborla", NOVEMBER, NOVEMBER + 86_400));
    assert_eq!(uapi(&format!("{days}&start={}", NOW + 90_000)).await["data"], json!({}));
    panel.switch(|switches| switches.bandwidth_feature = false);
    let told = uapi(days).await;
    assert_eq!((&told["status"], told["errors"].as_array().unwrap().len()), (&json!(0), 1));
    let bridge = "cpanel?cpanel_jsonapi_user=harborla&cpanel_jsonapi_apiversion=3&cpanel_jsonapi_module=Stats\
                  &cpanel_jsonapi_func=get_bandwidth";
    assert!(get(&panel, bridge).await["data"].is_object());
}
