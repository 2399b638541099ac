//! The fake DirectAdmin against the shapes that its clients and its manual show.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::directadmin::{Blacklisted, KeyRefusal, Options, Panel, Rank, Switches, password_of};
use whmeter_simulators::form::Form;
use whmeter_simulators::panel::{self, SimulatedPanel};

/// 2026-11-21 02:00 UTC; November began in Warsaw at 2026-10-31T23:00:00Z.
const NOW: i64 = 1_795_226_400;
const NOVEMBER: i64 = 1_793_487_600;
/// 2026-11-30T23:00:00Z.
const DECEMBER: i64 = NOVEMBER + 30 * 86_400;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    start_with(20, change).await
}

async fn start_with(accounts: usize, change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn ask_as(panel: &Panel, user: &str, secret: &str, call: &str) -> Response {
    let request = Client::new().get(format!("{}/{call}", panel.url()));
    request.basic_auth(user, Some(secret)).send().await.unwrap()
}

async fn text(panel: &Panel, call: &str) -> String {
    let login = panel.login();
    ask_as(panel, &login.username, &login.login_key, call).await.text().await.unwrap()
}

async fn tree(panel: &Panel, call: &str) -> Value {
    let text = text(panel, call).await;
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{call}: {text}"))
}

async fn post(panel: &Panel, call: &str, body: &str) -> String {
    let login = panel.login();
    let request = Client::new().request(Method::POST, format!("{}/{call}", panel.url()));
    let request = request.basic_auth(login.username, Some(login.login_key)).body(body.to_owned());
    request.send().await.unwrap().text().await.unwrap()
}

fn moved(panel: &Panel, name: &str, from: i64, to: i64) -> u64 {
    let moved = panel.knobs().truth.traffic_between(name, from, to).unwrap();
    moved.received + moved.sent
}

/// Usage by name of a whole table, as far as one page shows it.
fn rows(table: &Value) -> Vec<&Value> {
    let rows =
        table.as_object().unwrap().iter().filter(|(key, _)| key.bytes().all(|byte| byte.is_ascii_digit()));
    rows.map(|(_, row)| row).collect()
}

fn name_of(row: &Value) -> &str {
    row["username"].as_str().or(row["username"]["value"].as_str()).unwrap()
}

fn row_of<'a>(table: &'a Value, name: &str) -> &'a Value {
    rows(table).into_iter().find(|row| name_of(row) == name).unwrap()
}

const TABLE: &str = "CMD_ALL_USER_SHOW?json=yes&bytes=yes&ipp=9999";

#[tokio::test]
async fn who_is_not_logged_in_sees_the_three_faces_of_it() {
    let panel = start(|_| {}).await;
    for call in ["CMD_API_SHOW_ALL_USERS", ""] {
        let refused = ask_as(&panel, "sysadmin", "wrong", call).await;
        assert_eq!(refused.status(), 200);
        let page = refused.text().await.unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("DirectAdmin Login"), "{page}");
    }
    let refused = ask_as(&panel, "sysadmin", "wrong", "CMD_API_LOGIN_TEST?json=yes").await;
    assert_eq!(refused.status(), 401);
    let body: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!((&body["error"], &body["success"]), (&json!("Not logged in"), &json!("no")));
    let refused = ask_as(&panel, "sysadmin", "wrong", "api/session").await;
    assert_eq!(
        (refused.status().as_u16(), refused.text().await.unwrap()),
        (401, r#"{"type":"UNAUTHORIZED"}"#.into())
    );
    assert_eq!(panel.failures(), 4);
    assert_eq!(text(&panel, "CMD_API_LOGIN_TEST").await, "error=0&text=Login%20OK&details=none");
    assert_eq!(tree(&panel, "CMD_API_LOGIN_TEST?json=yes").await, json!({ "success": "Login OK" }));
}

#[tokio::test]
async fn too_many_failures_shut_everybody_out_until_somebody_helps() {
    let panel = start(|switches| switches.blacklist_after = 3).await;
    for _ in 0..3 {
        ask_as(&panel, "sysadmin", "wrong", "CMD_API_LOGIN_TEST").await;
    }
    let page = text(&panel, "CMD_API_LOGIN_TEST?json=yes").await;
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("black list"), "{page}");
    panel.switch(|switches| switches.blacklisted_sees = Blacklisted::Nothing);
    assert_eq!(text(&panel, "api/session").await, "");
    panel.operate("blacklist", &Value::Null).unwrap();
    assert_eq!(tree(&panel, "CMD_API_LOGIN_TEST?json=yes").await, json!({ "success": "Login OK" }));
}

#[tokio::test]
async fn passwords_keys_and_borrowed_names_are_taken_as_far_as_they_go() {
    let panel = start(|_| {}).await;
    let login = panel.login();
    let session = async |user: &str, secret: &str| {
        let text = ask_as(&panel, user, secret, "api/session").await.text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(session("sysadmin", &login.password).await["effectiveRole"], "admin");
    let borrowed = session("sysadmin|resel01", &login.login_key).await;
    assert_eq!(
        (&borrowed["effectiveRole"], &borrowed["effectiveUsername"], &borrowed["realUsername"]),
        (&json!("reseller"), &json!("resel01"), &json!("sysadmin"))
    );
    assert_eq!(session("sysadmin|nobody", &login.password).await["type"], "UNAUTHORIZED");
    assert_eq!(session("resel01|sysadmin", &password_of("resel01")).await["type"], "UNAUTHORIZED");
    panel.switch(|switches| switches.password_for_api = false);
    assert_eq!(session("sysadmin", &login.password).await["type"], "UNAUTHORIZED");
    assert_eq!(session("sysadmin", &login.login_key).await["effectiveUsername"], "sysadmin");

    panel.switch(|switches| switches.key_commands = vec!["CMD_API_LOGIN_TEST".into()]);
    assert!(text(&panel, "CMD_API_LOGIN_TEST").await.starts_with("error=0"));
    assert!(text(&panel, "CMD_API_SHOW_USERS").await.starts_with("error=1&text=Access%20Denied"));
    assert_eq!(tree(&panel, TABLE).await["error"], "Access Denied");
    panel.switch(|switches| switches.key_refusal = KeyRefusal::LoginPage);
    assert!(text(&panel, "CMD_API_SHOW_USERS").await.contains("DirectAdmin Login"));
}

#[tokio::test]
async fn an_administrator_made_a_reseller_sees_his_own_and_is_told_of_the_rest() {
    let panel = start(|switches| switches.role = Rank::Reseller).await;
    assert_eq!(tree(&panel, "api/session").await["effectiveRole"], "reseller");
    let refused = text(&panel, "CMD_API_SHOW_ALL_USERS").await;
    assert!(refused.contains("does not exist in your authority level"), "{refused}");
    panel.switch(|switches| switches.level_page = true);
    assert!(text(&panel, "CMD_API_ADMIN_STATS").await.starts_with("<!DOCTYPE html>"));
    assert_eq!(tree(&panel, "api/admin-usage").await["type"], "FORBIDDEN");
    let lines = text(&panel, "CMD_API_ALL_USER_USAGE").await;
    let own = tree(&panel, "CMD_USER_SHOW?json=yes&ipp=9999").await;
    assert!(lines.lines().count() < 20 && lines.lines().count() == rows(&own).len());
    assert!(lines.lines().all(|line| line.contains("&creator=sysadmin&")), "{lines}");
    assert!(text(&panel, "CMD_API_NO_SUCH").await.contains("authority level"));
}

#[tokio::test]
async fn names_are_listed_by_rank_in_both_forms() {
    let panel = start(|_| {}).await;
    let names = tree(&panel, "CMD_API_SHOW_ALL_USERS?json=yes").await;
    assert_eq!(names.as_array().unwrap().len(), 15, "{names}");
    assert_eq!(tree(&panel, "CMD_API_SHOW_RESELLERS?json=yes").await.as_array().unwrap().len(), 4);
    assert_eq!(text(&panel, "CMD_API_SHOW_ADMINS").await, "list[]=sysadmin");
    let own = tree(&panel, "CMD_API_SHOW_USERS?json=yes&reseller=resel02").await;
    let plain = Form::read(text(&panel, "CMD_API_SHOW_USERS?reseller=resel02").await);
    let plain: Vec<&str> = plain.pairs().iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(json!(plain), own);
    assert!(!plain.is_empty());
    panel.switch(|switches| (switches.staff_among_users, switches.brackets_encoded) = (true, true));
    assert_eq!(tree(&panel, "CMD_API_SHOW_ALL_USERS?json=yes").await.as_array().unwrap().len(), 20);
    assert_eq!(text(&panel, "CMD_API_SHOW_ADMINS").await, "list%5B%5D=sysadmin");
    assert_eq!(text(&panel, "CMD_API_SHOW_USERS?reseller=nobody").await, "");
    assert_eq!(tree(&panel, "CMD_API_SHOW_USERS?json=yes&reseller=nobody").await, json!([]));
}

#[tokio::test]
async fn tables_tell_bytes_in_pages_and_megabytes_where_bytes_are_unknown() {
    let panel = start_with(120, |_| {}).await;
    let whole = tree(&panel, TABLE).await;
    assert_eq!((rows(&whole).len(), &whole["info"]["total_pages"]), (120, &json!("1")));
    for name in panel.accounts() {
        let row = row_of(&whole, &name);
        let told = |cell: &str| row[cell]["usage"].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(told("quota"), panel.knobs().truth.level(&name, NOW).unwrap());
        assert_eq!(told("bandwidth"), moved(&panel, &name, NOVEMBER, NOW), "{name}");
        assert_eq!(row["date_created"], json!(panel.created(&name).unwrap().to_string()));
    }
    let admin = row_of(&whole, "sysadmin");
    assert_eq!((&admin["username"]["is_user"], &admin["domains"]), (&json!("no"), &json!({})));
    let third = tree(&panel, "CMD_ALL_USER_SHOW?json=yes&page=3").await;
    assert_eq!(
        (rows(&third).len(), &third["info"]["rows"], &third["info"]["ipp"]),
        (20, &json!("120"), &json!("50"))
    );
    assert!(third.get("0").is_some(), "each page counts its rows anew");
    panel.switch(|switches| (switches.bytes_on_admin_table, switches.ipp_obeyed) = (false, false));
    let coarse = tree(&panel, TABLE).await;
    assert_eq!(rows(&coarse).len(), 50);
    let with_places =
        rows(&coarse).into_iter().filter(|row| row["quota"]["usage"].as_str().unwrap().contains('.'));
    assert!(with_places.count() > 30);
    let limits: Vec<&Value> = rows(&whole).into_iter().map(|row| &row["quota"]["limit"]).collect();
    for limit in ["", "unlimited", "2147483648"] {
        assert!(limits.contains(&&json!(limit)), "{limit}");
    }
    assert!(text(&panel, "CMD_ALL_USER_SHOW").await.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn everybodys_usage_is_a_line_for_each() {
    let panel = start(|_| {}).await;
    let broken = panel.accounts().remove(0);
    panel.switch(|switches| switches.broken_user = Some(broken.clone()));
    let lines = text(&panel, "CMD_API_ALL_USER_USAGE").await;
    let lines: Vec<(&str, &str)> = lines.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(lines.iter().map(|(name, _)| *name).collect::<Vec<_>>(), panel.accounts());
    assert!(!lines[0].1.contains('&'), "{lines:?}");
    let admin = lines.iter().find(|(name, _)| *name == "sysadmin").unwrap().1;
    assert!(admin.contains("&default=&") && admin.contains(" / unlimited&"), "{admin}");
    assert!(lines.iter().any(|(_, line)| line.contains("&package=&")));
    assert!(lines.iter().any(|(_, line)| line.contains("-second.example<br>&")));
    let name = &panel.accounts()[1];
    let told = Form::read(lines[1].1);
    let used = told.get("quota").split(" / ").next().unwrap().parse::<f64>().unwrap();
    let truth = panel.knobs().truth.level(name, NOW).unwrap() as f64 / 1_048_576.0;
    assert!((used - truth).abs() <= 0.005, "{used} {truth}");
    assert_eq!(told.get("suspended"), "No");
}

#[tokio::test]
async fn one_user_is_told_in_mixed_units_and_in_traps() {
    let panel = start(|_| {}).await;
    let name = panel.accounts().remove(2);
    let plain = text(&panel, &format!("CMD_API_SHOW_USER_USAGE?user={name}")).await;
    assert!(plain.contains("db%5Fquota=") && !plain.contains('.'), "{plain}");
    let told = Form::read(&plain);
    let held = panel.knobs().truth.level(&name, NOW).unwrap();
    let sum: u64 =
        ["db_quota", "email_quota", "other_quota"].map(|key| told.number(key).unwrap()).iter().sum();
    assert_eq!(sum, held);
    let megabytes: f64 = told.get("quota").parse().unwrap();
    assert!((megabytes * 1_048_576.0 - held as f64).abs() < 60.0);
    let trap = tree(&panel, &format!("CMD_API_SHOW_USER_USAGE?user={name}&json=yes")).await;
    let limit = panel.conf(&name, "quota").unwrap();
    assert_eq!((&trap["quota"], &trap["stats"]["2"]["max_usage"]), (&json!(limit), &json!(limit)));
    assert_eq!(trap["stats"]["2"]["usage"], told.get("quota"));

    let conf = text(&panel, &format!("CMD_API_SHOW_USER_CONFIG?user={name}")).await;
    assert!(conf.contains("&date%5Fcreated=") && conf.contains("&#39s%20Lane"), "{conf}");
    let conf = conf.replace("&#39s", "%27s").replace("&amp;", "%26");
    let conf = Form::read(conf);
    assert_eq!((conf.get("username"), conf.get("suspended")), (name.as_str(), "no"));
    assert_eq!(conf.get("date_created").len(), "Tue Feb  7 08:41:00 2023".len());
    let refused = tree(&panel, "CMD_API_SHOW_USER_CONFIG?user=nobody&json=yes").await;
    assert_eq!(refused["error"], "User does not exist");
    let refused = text(&panel, "CMD_API_SHOW_USER_CONFIG?user=nobody").await;
    assert!(refused.starts_with("error=1&text=User%20does%20not%20exist&"), "{refused}");
}

#[tokio::test]
async fn the_newer_api_tells_bytes_of_one_and_of_the_server() {
    let panel = start(|_| {}).await;
    for name in panel.accounts() {
        let used = tree(&panel, &format!("api/users/{name}/usage")).await;
        assert_eq!(used["quotaBytes"]["usage"], panel.knobs().truth.level(&name, NOW).unwrap());
        assert_eq!(used["bandwidthBytes"]["usage"], moved(&panel, &name, NOVEMBER, NOW));
        let is_unlimited = panel.conf(&name, "quota").as_deref() == Some("unlimited");
        assert_eq!(used["quotaBytes"].get("unlimited").is_some(), is_unlimited);
        let conf = tree(&panel, &format!("api/users/{name}/config")).await;
        assert_eq!((&conf["username"], conf["quotaLim"].as_f64() < Some(0.0)), (&json!(name), is_unlimited));
    }
    assert_eq!(tree(&panel, "api/users/nobody/usage").await["type"], "ACCOUNT_NOT_FOUND");
    assert_eq!(tree(&panel, "api/version").await["version"], "1.697");
    assert_eq!(tree(&panel, "api/info").await["license"]["active"], true);
    assert_eq!(tree(&panel, "api/admin-usage").await["lastTally"], "2026-11-21T02:00:00Z");
    assert_eq!(tree(&panel, "CMD_API_ADMIN_STATS?json=yes").await["last_tally"], NOW.to_string());
    assert_eq!(tree(&panel, "api/server-settings/timezone/current").await["timezone"], "Europe/Warsaw");
    let own: Vec<String> =
        serde_json::from_value(tree(&panel, "CMD_API_SHOW_USERS?json=yes&reseller=resel02").await).unwrap();
    let before = tree(&panel, "api/resellers/resel02/usage").await;
    panel.vanish(&own[0]).unwrap();
    let after = tree(&panel, "api/resellers/resel02/usage").await;
    assert_eq!(after["bandwidthBytes"]["usage"], before["bandwidthBytes"]["usage"]);
    assert_eq!(after["bandwidthDeletedUserBytes"], moved(&panel, &own[0], NOVEMBER, NOW));
    panel.switch(|switches| switches.json_api = false);
    assert_eq!(ask_as(&panel, "sysadmin", &panel.login().password, "api/session").await.status(), 404);
    panel.switch(|switches| (switches.json_api, switches.licence_active) = (true, false));
    assert_eq!(ask_as(&panel, "sysadmin", &panel.login().password, "api/session").await.status(), 402);
    assert!(text(&panel, TABLE).await.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn figures_stand_still_until_the_tally_and_begin_anew_with_the_month() {
    let panel = start(|switches| (switches.tally_minute, switches.realtime_quota) = (Some(10), 0)).await;
    let clock = &panel.knobs().clock;
    let name = panel.accounts().into_iter().find(|name| moved(&panel, name, NOVEMBER, NOW) > 0).unwrap();
    let used = async || {
        let table = tree(&panel, TABLE).await;
        let row = row_of(&table, &name).clone();
        let number = |cell: &str| row[cell]["usage"].as_str().unwrap().parse::<u64>().unwrap();
        let tally = tree(&panel, "CMD_API_ADMIN_STATS?json=yes").await["last_tally"].clone();
        (number("bandwidth"), number("quota"), tally.as_str().unwrap().parse::<i64>().unwrap())
    };
    let counted = |from, tally| {
        (moved(&panel, &name, from, tally), panel.knobs().truth.level(&name, tally).unwrap(), tally)
    };
    // The tally of the 21st ran at 00:10 in Warsaw; the next has not.
    let midnight = NOVEMBER + 20 * 86_400;
    assert_eq!(used().await, counted(NOVEMBER, midnight + 600));
    clock.freeze_at(midnight + 86_400 + 599);
    assert_eq!(used().await, counted(NOVEMBER, midnight + 600));
    clock.advance(1);
    assert_eq!(used().await, counted(NOVEMBER, midnight + 86_400 + 600));
    clock.advance(3_600);
    panel.operate("tally", &Value::Null).unwrap();
    assert_eq!(used().await, counted(NOVEMBER, midnight + 86_400 + 4_200));
    // The last day is never shown whole, or until the panel gets round to it.
    clock.freeze_at(DECEMBER + 599);
    assert_eq!(used().await, counted(NOVEMBER, DECEMBER - 86_400 + 600));
    clock.advance(1);
    assert_eq!(used().await, counted(DECEMBER, DECEMBER + 600));
    panel.switch(|switches| switches.reset_after_minutes = 30);
    let whole = moved(&panel, &name, NOVEMBER, DECEMBER);
    assert_eq!(used().await, (whole, counted(NOVEMBER, DECEMBER + 600).1, DECEMBER + 600));
    clock.advance(1_800);
    assert_eq!(used().await, counted(DECEMBER, DECEMBER + 600));
    // Counted all the time, the month's total may stand a while as well.
    panel.switch(|switches| (switches.tally_minute, switches.tally_stuck_at) = (None, Some(DECEMBER + 60)));
    assert_eq!(used().await, (whole, counted(NOVEMBER, DECEMBER).1, DECEMBER));
}

#[tokio::test]
async fn who_was_restored_made_anew_or_lost_a_domain_is_counted_so() {
    let panel = start(|_| {}).await;
    let name = panel.accounts().into_iter().find(|name| moved(&panel, name, NOVEMBER, NOW) > 9).unwrap();
    let path = format!("users/{name}");
    let shown = async || {
        let table = tree(&panel, TABLE).await;
        let row = row_of(&table, &name);
        let number = |text: &Value| text.as_str().unwrap().parse::<u64>().unwrap();
        (number(&row["bandwidth"]["usage"]), number(&row["date_created"]))
    };
    let (whole, created) = shown().await;
    panel.operate(&path, &json!({ "op": "lose", "bytes": 9 })).unwrap();
    assert_eq!(shown().await, (whole - 9, created));
    panel.operate(&path, &json!({ "op": "restore" })).unwrap();
    assert_eq!(shown().await, (whole - 9, NOW as u64));
    panel.operate(&path, &json!({ "op": "make_anew" })).unwrap();
    assert_eq!(shown().await, (0, NOW as u64));
    panel.operate(&path, &json!({ "op": "set", "key": "quota", "value": "7" })).unwrap();
    assert_eq!(row_of(&tree(&panel, TABLE).await, &name)["quota"]["limit"], "7340032");
    assert!(panel.operate(&path, &json!({ "op": "sieve" })).is_err());
}

#[tokio::test]
async fn suspending_is_one_command_whose_words_vary() {
    let panel = start(|_| {}).await;
    let names = panel.accounts();
    let suspend = format!(
        "location=CMD_SELECT_USERS&suspend=Suspend&select0={}&select1={}&reason=other&details=whmeter%3A%20disk&json=yes",
        names[0], names[1]
    );
    let said = post(&panel, "CMD_API_SELECT_USERS", &suspend).await;
    let again = post(&panel, "CMD_API_SELECT_USERS", &suspend).await;
    assert!(
        said.starts_with(r#"{"success":"#) && again.starts_with(r#"{"success":"#) && said != again,
        "{said}"
    );
    for name in &names[..2] {
        let why = panel.suspension(name).unwrap();
        assert_eq!((why.reason.as_str(), why.details.as_str()), ("other", "whmeter: disk"));
    }
    let table = tree(&panel, TABLE).await;
    assert_eq!(row_of(&table, &names[0])["suspended"], json!({ "reason": "other", "value": "yes" }));
    panel.switch(|switches| {
        switches.suspension_told = whmeter_simulators::directadmin::SuspensionTold::Details;
    });
    assert_eq!(row_of(&tree(&panel, TABLE).await, &names[0])["suspended"]["reason"], "whmeter: disk");
    let release = format!("location=CMD_SELECT_USERS&suspend=Unsuspend&select0={}", names[0]);
    assert!(post(&panel, "CMD_API_SELECT_USERS", &release).await.starts_with("error=0&text="));
    assert_eq!((panel.is_limited(&names[0]), panel.is_limited(&names[1])), (Some(false), Some(true)));
    let wrong = post(&panel, "CMD_API_SELECT_USERS", "suspend=suspend&select0=x").await;
    assert_eq!(wrong, "error=1&text=Unkown%20Select%20Command&details=none");
    let nobody = post(&panel, "CMD_API_SELECT_USERS", "suspend=Suspend&select0=nobody&json=yes").await;
    assert!(nobody.contains(r#""error":"User does not exist""#), "{nobody}");
    assert!(text(&panel, "CMD_API_SELECT_USERS?suspend=Suspend&select0=x").await.starts_with("error=1"));
    panel.switch(|switches| switches.error_though_done = true);
    let release = format!("suspend=Unsuspend&select0={}", names[1]);
    assert!(post(&panel, "CMD_API_SELECT_USERS", &release).await.starts_with("error=1"));
    assert_eq!(panel.is_limited(&names[1]), Some(false));
    // The same command deletes.
    post(&panel, "CMD_API_SELECT_USERS", &format!("delete=yes&confirmed=Confirm&select0={}", names[1])).await;
    assert!(!panel.accounts().contains(&names[1]));
}

#[tokio::test]
async fn the_server_suspends_at_the_limit_and_releases_with_the_month() {
    let panel = start(|_| {}).await;
    let name =
        panel.accounts().into_iter().find(|name| moved(&panel, name, NOVEMBER, NOW) > 4 << 20).unwrap();
    for (key, value) in [("bandwidth", "1"), ("additional_bandwidth", "1")] {
        panel.operate(&format!("users/{name}"), &json!({ "op": "set", "key": key, "value": value })).unwrap();
    }
    let is_suspended = async || {
        text(&panel, "CMD_API_LOGIN_TEST").await;
        panel.is_limited(&name).unwrap()
    };
    assert!(!is_suspended().await);
    panel.switch(|switches| switches.suspend_at_limit = true);
    assert!(is_suspended().await);
    panel.suspend(&name, false).unwrap();
    assert!(!is_suspended().await);
    panel.knobs().clock.advance(60);
    assert!(is_suspended().await, "again at the next tally");
    panel.knobs().clock.freeze_at(DECEMBER);
    assert!(!is_suspended().await, "a month begins");
}

#[tokio::test]
async fn what_is_not_sent_with_a_change_of_limits_is_taken_away() {
    let panel = start(|_| {}).await;
    let name =
        panel.accounts().into_iter().find(|name| panel.conf(name, "package").as_deref() == Some("pro_20g"));
    let name = name.unwrap();
    let body = format!("action=customize&user={name}&bandwidth=5&uquota=ON&cgi=ON&json=yes");
    assert!(post(&panel, "CMD_API_MODIFY_USER", &body).await.contains("success"));
    let conf = |key: &str| panel.conf(&name, key).unwrap();
    assert_eq!(
        (conf("bandwidth").as_str(), conf("quota").as_str(), conf("vdomains").as_str()),
        ("5", "unlimited", "0")
    );
    assert_eq!((conf("cgi").as_str(), conf("php").as_str(), conf("mysql").as_str()), ("ON", "OFF", "0"));
    assert_eq!((conf("package").as_str(), conf("original_package").as_str()), ("", "pro_20g"));
    let body = format!("action=package&user={name}&package=start_2g");
    assert!(post(&panel, "CMD_API_MODIFY_USER", &body).await.starts_with("error=0"));
    assert_eq!(conf("package"), "start_2g");
}
