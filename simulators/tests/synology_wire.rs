//! The fake Synology against the shapes that its clients and recordings of devices show.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Response};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::form::Form;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::synology::*;

/// 2026-11-21 02:00 UTC.
const NOW: i64 = 1_795_226_400;

const MIB: f64 = 1_048_576.0;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 20, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

/// Somebody who is logged in.
struct Caller<'a> {
    panel: &'a Panel,
    sid: String,
    token: Option<String>,
}

impl<'a> Caller<'a> {
    async fn of(panel: &'a Panel) -> Self {
        let data = login(panel, 7, &[]).await["data"].clone();
        Self { panel, sid: text(&data["sid"]), token: data["synotoken"].as_str().map(str::to_owned) }
    }

    async fn ask(&self, call: &str, parameters: &[(&str, &str)]) -> Value {
        body(self.sent(call, parameters, true).await).await
    }

    /// The call `SYNO.Core.User.list`, in version 1 unless one stands among the parameters.
    async fn sent(&self, call: &str, parameters: &[(&str, &str)], in_header: bool) -> Response {
        let (api, method) = call.rsplit_once('.').unwrap();
        let mut query = vec![("api", api), ("method", method), ("_sid", &self.sid)];
        if !parameters.iter().any(|(name, _)| *name == "version") {
            query.push(("version", "1"));
        }
        query.extend(parameters);
        let query = query.into_iter().collect::<Form>().text();
        let mut request = Client::new().get(format!("{}/webapi/entry.cgi?{query}", self.panel.url()));
        if let Some(token) = self.token.as_ref().filter(|_| in_header) {
            request = request.header("X-SYNO-TOKEN", token);
        }
        request.send().await.unwrap()
    }

    async fn code(&self, call: &str, parameters: &[(&str, &str)]) -> u64 {
        code(&self.ask(call, parameters).await)
    }

    async fn rows(&self) -> Vec<Value> {
        let told = self
            .ask(
                "SYNO.Core.User.list",
                &[("type", "local"), ("limit", "-1"), ("additional", r#"["expired","groups"]"#)],
            )
            .await;
        told["data"]["users"].as_array().unwrap().clone()
    }

    async fn quota(&self, name: &str) -> Value {
        let told = self.ask("SYNO.Core.Quota.get", &[("name", &json!(name).to_string())]).await;
        told["data"]["user_quota"].clone()
    }
}

async fn body(answer: Response) -> Value {
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// The code of a refusal; 0 for success.
fn code(told: &Value) -> u64 {
    match told["success"].as_bool().unwrap() {
        true => 0,
        false => told["error"]["code"].as_u64().unwrap(),
    }
}

async fn post(panel: &Panel, file: &str, form: &[(&str, &str)]) -> Value {
    let form = form.iter().copied().collect::<Form>().text();
    let request = Client::new().post(format!("{}/webapi/{file}", panel.url()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    body(request.send().await.unwrap()).await
}

async fn login(panel: &Panel, version: u32, more: &[(&str, &str)]) -> Value {
    let (login, version) = (panel.login(), version.to_string());
    let mut form = vec![
        ("api", "SYNO.API.Auth"),
        ("version", &version),
        ("method", "login"),
        ("session", "whmeter"),
        ("format", "sid"),
        ("enable_syno_token", "yes"),
    ];
    for (name, value) in [("account", &login.username), ("passwd", &login.password)] {
        if !more.iter().any(|(told, _)| *told == name) {
            form.push((name, value));
        }
    }
    form.extend(more);
    post(panel, "entry.cgi", &form).await
}

#[tokio::test]
async fn each_generation_tells_its_apis_and_answers_in_its_way() {
    let asked = [
        ("api", "SYNO.API.Info"),
        ("version", "1"),
        ("method", "query"),
        ("query", "SYNO.API.Auth,SYNO.Core.Quota,SYNO.No"),
    ];
    let panel = start(|_| {}).await;
    let told = post(&panel, "query.cgi", &asked).await;
    let quota = json!({ "maxVersion": 1, "minVersion": 1, "path": "entry.cgi", "requestFormat": "JSON" });
    let auth = json!({ "maxVersion": 7, "minVersion": 1, "path": "entry.cgi" });
    assert_eq!(told["data"], json!({ "SYNO.API.Auth": auth, "SYNO.Core.Quota": quota }));
    panel.switch(|switches| (switches.query_cgi, switches.dsm) = (false, Dsm::Six));
    assert_eq!(post(&panel, "entry.cgi", &asked).await["data"]["SYNO.API.Auth"]["path"], "auth.cgi");
    assert_eq!(login(&panel, 7, &[]).await["error"]["code"], 104);
    let six = login(&panel, 6, &[]).await;
    assert_eq!(six["data"].as_object().unwrap().len(), 3, "{six}");
    let url = format!("{}/webapi/query.cgi?api=SYNO.API.Info", panel.url());
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
    let url = format!("{}/webapi/entry.cgi?api=SYNO.DSM.Info&version=1", panel.url());
    let missing = reqwest::get(url).await.unwrap();
    assert_eq!(missing.headers()["content-type"], "text/plain; charset=\"UTF-8\"");
    assert_eq!(body(missing).await["error"]["code"], 101);
}

#[tokio::test]
async fn codes_come_in_the_order_of_api_version_method_session_right() {
    let panel = start(|_| {}).await;
    let nobody = Caller { panel: &panel, sid: "made-up".into(), token: None };
    assert_eq!(nobody.code("SYNO.Core.Share.Quota.get", &[]).await, 102);
    assert_eq!(nobody.code("SYNO.Core.Quota.list", &[("version", "2")]).await, 104);
    assert_eq!(nobody.code("SYNO.Core.Quota.list", &[]).await, 103);
    assert_eq!(nobody.code("SYNO.Core.Quota.get", &[]).await, 119);
    let caller = Caller::of(&panel).await;
    assert_eq!(caller.code("SYNO.Core.Quota.get", &[]).await, 5403);
    assert_eq!(caller.code("SYNO.Core.Storage.Volume.list", &[]).await, 101);
    assert_eq!(caller.code("SYNO.Core.User.Home.get", &[]).await, 119);
    panel.switch(|switches| switches.is_administrator = false);
    let refused = caller.sent("SYNO.Core.User.list", &[], true).await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["x-request-error"].to_str().unwrap()),
        (200, "noprivilege")
    );
    assert_eq!(body(refused).await, json!({ "error": { "code": 105 }, "success": false }));
    assert_eq!(caller.code("SYNO.FileStation.List.list_share", &[("version", "2")]).await, 0);
    let mishaps = json!([{ "call": "SYNO.FileStation", "code": 117, "times": 2 }]);
    panel.operate("mishaps", &mishaps).unwrap();
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(caller.code("SYNO.FileStation.List.list_share", &[]).await);
    }
    assert_eq!(codes, [117, 117, 0]);
}

#[tokio::test]
async fn sessions_end_are_displaced_and_pile_up_when_nobody_says_which_to_end() {
    let panel = start(|switches| switches.most_sessions = 3).await;
    let first = Caller::of(&panel).await;
    let listed = async |caller: &Caller<'_>| caller.code("SYNO.Core.User.list", &[("limit", "1")]).await;
    panel.knobs().clock.advance(14 * 60);
    assert_eq!(listed(&first).await, 0);
    panel.knobs().clock.advance(14 * 60);
    assert_eq!(listed(&first).await, 0, "each call lets it live on");
    panel.knobs().clock.advance(15 * 60);
    assert_eq!((listed(&first).await, listed(&first).await), (119, 119));
    panel.switch(|switches| switches.one_session = true);
    let (second, third) = (Caller::of(&panel).await, Caller::of(&panel).await);
    assert_eq!((listed(&second).await, listed(&third).await), (107, 0));
    for ended in [106, 150] {
        panel.operate("sessions", &json!({ "op": "end_all", "code": ended })).unwrap();
        assert_eq!(listed(&third).await, ended);
    }
    panel.operate("sessions", &json!({ "op": "reboot" })).unwrap();
    assert_eq!(listed(&third).await, 119);
    panel.switch(|switches| switches.one_session = false);
    for _ in 0..3 {
        let caller = Caller::of(&panel).await;
        let silent = Caller { panel: &panel, sid: String::new(), token: None };
        assert_eq!(silent.code("SYNO.API.Auth.logout", &[]).await, 0);
        assert_eq!(listed(&caller).await, 0, "it was ended though nobody said which");
    }
    assert_eq!((code(&login(&panel, 7, &[]).await), panel.sessions().0), (100, 3));
    let last = Caller { panel: &panel, sid: String::new(), token: None };
    assert_eq!(listed(&last).await, 119);
}

#[tokio::test]
async fn whoever_says_which_session_ends_it() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    assert_eq!(caller.ask("SYNO.API.Auth.logout", &[("version", "7")]).await, json!({ "success": true }));
    assert_eq!(panel.sessions().0, 0);
    let data = login(&panel, 7, &[]).await["data"].clone();
    let sid = text(&data["sid"]);
    let form = [("api", "SYNO.Core.User"), ("version", "1"), ("method", "list"), ("_sid", &*sid)];
    assert_eq!(code(&post(&panel, "entry.cgi", &form).await), 119, "the body is not read for it");
    panel.switch(|switches| switches.sid_in_body = true);
    assert_eq!(code(&post(&panel, "entry.cgi", &form).await), 0);
    let url = format!("{}/webapi/entry.cgi?api=SYNO.Core.User&version=1&method=list", panel.url());
    let request = Client::new().get(url).header("cookie", format!("stay_login=0; id={sid}"));
    assert_eq!(code(&body(request.send().await.unwrap()).await), 0);
}

#[tokio::test]
async fn ten_wrong_passwords_shut_the_address_out_whatever_comes_then() {
    let panel = start(|_| {}).await;
    let wrong = [("passwd", "m ter")];
    for _ in 0..9 {
        assert_eq!(login(&panel, 7, &wrong).await, json!({ "error": { "code": 400 }, "success": false }));
    }
    let open = Caller::of(&panel).await;
    assert_eq!(code(&login(&panel, 7, &[("account", "nobody")]).await), 400);
    assert_eq!(code(&login(&panel, 7, &[]).await), 407);
    assert_eq!(open.code("SYNO.Core.User.list", &[]).await, 0);
    let told = open.ask("SYNO.Core.Security.AutoBlock.get", &[]).await;
    assert_eq!(told["data"], json!({ "attempts": 10, "enable": true, "expire_day": 0, "within_mins": 5 }));
    panel.switch(|switches| switches.blocked_sees = BlockedSees::Page);
    let page = open.sent("SYNO.Core.User.list", &[], true).await;
    assert_eq!(page.status(), 403);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    panel.operate("guard", &Value::Null).unwrap();
    assert_eq!(code(&login(&panel, 7, &[]).await), 0);
    for _ in 0..9 {
        login(&panel, 7, &wrong).await;
        panel.knobs().clock.advance(60);
    }
    assert_eq!(code(&login(&panel, 7, &wrong).await), 400, "five minutes hold five of them");
    assert!(!panel.sessions().1);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_a_trusted_device_needs_it_no_more() {
    let panel = start(|switches| switches.second_factor = SecondFactor::On).await;
    let asked = login(&panel, 7, &[]).await;
    assert_eq!((code(&asked), &asked["error"]["errors"]["types"]), (403, &json!([{ "type": "otp" }])));
    assert_eq!(code(&login(&panel, 7, &[("otp_code", "000000")]).await), 404);
    let trust = [("otp_code", "402615"), ("enable_device_token", "yes"), ("device_name", "whmeter")];
    let trusted = text(&login(&panel, 7, &trust).await["data"]["device_id"]);
    let with = async |id: &str, name: &str| {
        code(
            &login(&panel, 7, &[("device_id", id), ("device_name", name), ("enable_device_token", "yes")])
                .await,
        )
    };
    assert_eq!((with(&trusted, "whmeter").await, with(&trusted, "other").await), (0, 403));
    panel.operate("devices", &json!({ "op": "revoke_all" })).unwrap();
    assert_eq!(with(&trusted, "whmeter").await, 403);
    panel.switch(|switches| switches.dsm = Dsm::Six);
    let six = login(&panel, 6, &trust).await;
    assert!(six["data"]["did"].is_string() && six["data"].get("device_id").is_none(), "{six}");
    panel.switch(|switches| switches.second_factor = SecondFactor::Enforced);
    assert_eq!(code(&login(&panel, 6, &[]).await), 406);
    panel.switch(|switches| switches.login_code = Some(411));
    assert_eq!(code(&login(&panel, 6, &[]).await), 411);
    let name = customer_name(0);
    let customer = [("account", &*name), ("passwd", &*format!("{name}-password"))];
    assert_eq!(code(&login(&panel, 6, &customer).await), 402);
    let in_an_application = [customer[0], customer[1], ("session", "FileStation")];
    let call = [("api", "SYNO.API.Auth"), ("version", "6"), ("method", "login")];
    let form = [&in_an_application[..], &call].concat();
    let told = post(&panel, "auth.cgi", &form);
    assert_eq!(code(&told.await), 0);
    panel.suspend(&name, true).unwrap();
    assert_eq!(code(&login(&panel, 6, &customer).await), 401);
}

#[tokio::test]
async fn users_are_listed_whole_or_in_pages_with_what_was_asked_for() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    let all = caller.rows().await;
    assert_eq!(all.len(), 25);
    let guest = all.iter().find(|row| row["name"] == "guest").unwrap();
    assert_eq!(*guest, json!({ "name": "guest", "uid": 1025, "expired": "now", "groups": ["users"] }));
    let with_a_date = all.iter().find(|row| row["name"] == customer_name(5)).unwrap();
    assert_eq!(with_a_date["expired"], "2031/3/5");
    let names: Vec<String> = all.iter().map(|row| text(&row["name"])).collect();
    assert!(names.is_sorted_by_key(|name| name.to_lowercase()), "{names:?}");
    for name in [customer_name(3), customer_name(6), customer_name(9)] {
        assert!(names.contains(&name), "{name}");
    }
    let page = caller.ask("SYNO.Core.User.list", &[("offset", "20"), ("limit", "10")]).await;
    let rows = page["data"]["users"].as_array().unwrap();
    assert_eq!((rows.len(), &page["data"]["total"], &page["data"]["offset"]), (5, &json!(25), &json!(20)));
    panel.switch(|switches| (switches.most_rows, switches.dsm) = (Some(7), Dsm::Six));
    let short = caller.ask("SYNO.Core.User.list", &[("limit", "-1")]).await;
    assert_eq!((short["data"]["users"].as_array().unwrap().len(), &short["data"]["total"]), (7, &json!(25)));
    assert_eq!(short["data"]["users"][0], json!({ "name": customer_name(9) }));
    panel.switch(|switches| (switches.most_rows, switches.groups_shown) = (None, GroupsShown::Objects));
    assert_eq!(caller.rows().await[24]["groups"][0], json!({ "name": "users" }));
    assert_eq!(caller.code("SYNO.Core.User.list", &[("additional", "email")]).await, 3101);
}

#[tokio::test]
async fn one_user_is_found_in_any_case_and_sometimes_denied() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    let got = caller.ask("SYNO.Core.User.get", &[("name", &customer_name(3).to_uppercase())]).await;
    assert_eq!(got["data"]["users"][0]["name"], customer_name(3));
    assert_eq!(caller.code("SYNO.Core.User.get", &[("name", "nobody")]).await, 3106);
    let digits = customer_name(9);
    assert_eq!(caller.code("SYNO.Core.User.get", &[("name", &digits)]).await, 3106);
    assert_eq!(caller.code("SYNO.Core.User.get", &[("name", &format!("\"{digits}\""))]).await, 0);
    panel.switch(|switches| (switches.bare_numbers_are_names, switches.get_denies) = (true, true));
    let mut codes = Vec::new();
    for _ in 0..2 {
        codes.push(caller.code("SYNO.Core.User.get", &[("name", &digits)]).await);
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 3106]);
}

#[tokio::test]
async fn quotas_tell_mebibytes_by_shared_folder_or_by_volume() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    let bytes = |told: &Value| (told.as_f64().unwrap() * MIB) as u64;
    for name in panel.accounts() {
        let told = caller.quota(&name).await;
        assert_eq!((told.as_array().unwrap().len(), &told[0]["volume"]), (1, &json!("/volume1")));
        let (homes, projects) = panel.stored(&name);
        let shares = told[0]["shares"].as_array().unwrap();
        assert_eq!((bytes(&shares[0]["used"]), bytes(&shares[1]["used"])), (homes, projects), "{name}");
        assert_eq!(panel.knobs().truth.level(&name, NOW), Some(homes));
    }
    let first = caller.quota(&customer_name(0)).await;
    assert_eq!(
        (&first[0]["shares"][0]["quota"], &first[0]["shares"][0]["group_limit"]),
        (&json!(0), &json!(51_200))
    );
    let own = caller.quota("svc-meter").await;
    assert_eq!(
        own[0]["shares"][0],
        json!({ "description": "user home", "name": "homes", "quota": 0, "group_limit": 0, "used": 0 })
    );

    panel.switch(|switches| (switches.file_system, switches.second_volume) = (FileSystem::Ext4, true));
    let two = caller.quota(&customer_name(2)).await;
    let (homes, projects) = panel.stored(&customer_name(2));
    assert_eq!((bytes(&two[0]["used"]), bytes(&two[1]["used"])), (homes, projects));
    assert_eq!((two[1]["volume"].as_str(), two[0].get("shares")), (Some("/volume2"), None));
    panel.switch(|switches| {
        (switches.numbers, switches.rescan_percent, switches.file_system) =
            (Numbers::Texts, Some(0), FileSystem::Btrfs);
    });
    assert_eq!(caller.quota(&customer_name(2)).await[0]["shares"][0]["used"], "0");
    panel.switch(|switches| switches.homes_mounted = false);
    assert_eq!(caller.quota(&customer_name(2)).await[0]["shares"][0]["name"], "projects");
    panel.switch(|switches| switches.user_quota = UserQuota::Empty);
    assert_eq!(caller.quota(&customer_name(2)).await, json!([]));
    panel.switch(|switches| switches.user_quota = UserQuota::Absent);
    assert_eq!(caller.quota(&customer_name(2)).await, Value::Null);
}

#[tokio::test]
async fn a_batch_succeeds_whatever_becomes_of_its_parts() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    let get = |name: &str| json!({ "api": "SYNO.Core.Quota", "method": "get", "version": 1, "name": name });
    let calls = json!([get(&customer_name(0)), get("nobody"), get(&customer_name(9))]).to_string();
    let batch = |stops: &'static str, calls: String| {
        [("mode", "\"sequential\"".to_owned()), ("stop_when_error", stops.to_owned()), ("compound", calls)]
    };
    let asked = batch("false", calls.clone());
    let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let told = caller.ask("SYNO.Entry.Request.request", &asked).await;
    let result = &told["data"]["result"];
    assert_eq!((&told["success"], &told["data"]["has_fail"]), (&json!(true), &json!(true)));
    assert_eq!(
        result[1],
        json!({ "api": "SYNO.Core.Quota", "method": "get", "version": 1, "success": false, "error": { "code": 3106 } })
    );
    assert_eq!(result[2]["data"]["user_quota"], caller.quota(&customer_name(9)).await);
    assert_eq!(panel.knobs().requests.count("SYNO.Entry.Request.request; SYNO.Core.Quota.get;"), 1);
    assert_eq!(caller.code("SYNO.Entry.Request.request", &[("compound", "[]")]).await, 120);
    panel.switch(|switches| switches.batch_code = Some(102));
    assert_eq!(caller.code("SYNO.Entry.Request.request", &asked).await, 102);
}

#[tokio::test]
async fn states_are_kept_as_dsm_writes_them_and_writes_need_a_token() {
    let panel = start(|_| {}).await;
    let (caller, name) = (Caller::of(&panel).await, customer_name(0));
    let set = async |caller: &Caller<'_>, expired: &str| {
        caller.code("SYNO.Core.User.set", &[("name", &name), ("expired", expired)]).await
    };
    let told = caller.ask("SYNO.Core.User.set", &[("name", &name), ("expired", "now")]).await;
    assert_eq!(told["data"], json!({ "name": name, "password_last_change": 20_106, "uid": 1_030 }));
    assert_eq!(panel.is_limited(&name), Some(true));
    let kept = || panel.user(&name).unwrap();
    assert_eq!((set(&caller, "2027/03/05").await, kept().expired), (0, "2027/3/5".to_owned()));
    assert_eq!((set(&caller, "2027-03-05").await, set(&caller, "never").await), (3103, 3103));
    let odd = caller.code("SYNO.Core.User.set", &[("name", &name), ("disabled", "True")]).await;
    assert_eq!((odd, caller.code("SYNO.Core.User.update", &[("name", &name)]).await), (3103, 103));
    assert_eq!((kept().description.as_str(), kept().writes), ("WHMCS", 2));
    caller.ask("SYNO.Core.User.set", &[("name", &name), ("description", "")]).await;
    assert_eq!(kept().description, "");
    for admin in ["svc-meter", "ops-anna"] {
        let last = caller.code("SYNO.Core.User.set", &[("name", admin), ("expired", "now")]).await;
        assert_eq!(last, if admin == "ops-anna" { 3109 } else { 0 });
    }

    let without = Caller { panel: &panel, sid: caller.sid.clone(), token: None };
    assert_eq!(set(&without, "now").await, 103);
    panel.switch(|switches| (switches.missing_token, switches.token_from) = (105, TokenFrom::Query));
    assert_eq!(set(&caller, "now").await, 105);
    panel.switch(|switches| (switches.token_from, switches.locked_code) = (TokenFrom::Either, Some(3112)));
    assert_eq!(set(&caller, "now").await, 3112);
    panel.switch(|switches| (switches.locked_code, switches.writes_ignored) = (None, true));
    assert_eq!((set(&caller, "now").await, kept().expired), (0, "2027/3/5".to_owned()));
}

#[tokio::test]
async fn an_old_login_may_read_and_writes_on_the_old_generation_alone() {
    let panel = start(|_| {}).await;
    panel.operate("users/ops-anna", &json!({ "op": "set_expired", "expired": "now" })).unwrap();
    let data = login(&panel, 6, &[]).await["data"].clone();
    let caller = Caller {
        panel: &panel,
        sid: text(&data["sid"]),
        token: data["synotoken"].as_str().map(str::to_owned),
    };
    let write = [("name", "svc-meter"), ("expired", "normal")];
    assert_eq!(
        (caller.code("SYNO.Core.User.list", &[]).await, caller.code("SYNO.Core.User.set", &write).await),
        (0, 105)
    );
    panel.switch(|switches| switches.dsm = Dsm::Six);
    let three = login(&panel, 3, &[("enable_syno_token", "no")]).await["data"].clone();
    assert_eq!(three.get("synotoken"), None);
    let old = Caller { panel: &panel, sid: text(&three["sid"]), token: None };
    assert_eq!(old.code("SYNO.Core.User.set", &write).await, 0);
    assert_eq!(old.code("SYNO.Core.User.Group.get", &[("name", "svc-meter")]).await, 103);
    assert_eq!(old.code("SYNO.Core.Group.Member.change", &[("group", "users")]).await, 103);
}

#[tokio::test]
async fn groups_are_changed_by_one_field_and_anything_else_is_answered_as_done() {
    let panel = start(|_| {}).await;
    let (caller, name) = (Caller::of(&panel).await, customer_name(0));
    let groups = || panel.user(&name).unwrap().groups.into_iter().collect::<Vec<_>>();
    let quoted = json!([name]).to_string();
    let add = |field: &'static str| [("group", LIMITED_GROUP), (field, quoted.as_str())];
    let told = caller.ask("SYNO.Core.Group.Member.add", &add("members")).await;
    assert_eq!((told, groups().len()), (json!({ "data": {}, "success": true }), 2));
    assert_eq!(caller.code("SYNO.Core.Group.Member.add", &add("name")).await, 0);
    assert_eq!(groups(), ["PublicSynology", "PublicSynology-limited", "users"]);
    assert_eq!(panel.is_limited(&name), Some(true));
    caller.ask("SYNO.Core.Group.Member.remove", &[("group", "PublicSynology"), ("name", &name)]).await;
    let told = caller.ask("SYNO.Core.User.Group.get", &[("name", &name)]).await;
    assert_eq!(told["data"], json!({ "groups": ["PublicSynology-limited", "users"] }));
    let share = caller.quota(&name).await[0]["shares"][0].clone();
    assert_eq!(share["group_limit"], 1_024);
    let members =
        caller.ask("SYNO.Core.Group.Member.list", &[("group", LIMITED_GROUP), ("ingroup", "true")]).await;
    assert_eq!(members["data"]["users"], json!([{ "description": "WHMCS", "name": name, "uid": 1_030 }]));
    assert_eq!(caller.code("SYNO.Core.Group.Member.list", &[("group", "none")]).await, 3205);
    let got = caller.ask("SYNO.Core.Group.get", &[("name", r#"["users","none"]"#)]).await;
    assert_eq!((&got["data"]["groups"][0]["gid"], &got["data"]["errors"]), (&json!(100), &json!([3205])));
    let task = [
        ("name", &*name),
        ("join_group", r#"["PublicSynology-XL"]"#),
        ("leave_group", r#"["PublicSynology-limited"]"#),
    ];
    let task = caller.ask("SYNO.Core.User.Group.join", &task).await["data"]["task_id"].clone();
    let state = caller.ask("SYNO.Core.User.Group.join_status", &[("task_id", &task.to_string())]).await;
    assert_eq!(
        (&state["data"]["finish"], groups()),
        (&json!(true), vec!["PublicSynology-XL".into(), "users".into()])
    );
    let listed = caller.ask("SYNO.Core.Group.list", &[]).await;
    assert_eq!(listed["data"]["total"], 5);
}

#[tokio::test]
async fn limits_are_set_in_the_form_of_the_volume() {
    let panel = start(|_| {}).await;
    let (caller, name) = (Caller::of(&panel).await, customer_name(0));
    let set = async |quota: Value| {
        caller.code("SYNO.Core.Quota.set", &[("name", &name), ("user_quota", &quota.to_string())]).await
    };
    let by_share =
        |limit: u64| json!([{ "volume": "/volume1", "shares": [{ "name": "homes", "quota": limit }] }]);
    let by_volume = json!([{ "volume": "/volume1", "quota": 77 }]);
    let kept = async || caller.quota(&name).await[0]["shares"][0]["quota"].clone();
    assert_eq!((set(by_share(10_240)).await, kept().await), (0, json!(10_240)));
    assert_eq!((set(by_volume.clone()).await, kept().await), (0, json!(10_240)));
    assert_eq!(set(by_share(9 << 20)).await, 3117);
    panel.switch(|switches| switches.share_quota_set = false);
    assert_eq!((set(by_share(5)).await, kept().await), (0, json!(10_240)));
    panel.switch(|switches| switches.file_system = FileSystem::Ext4);
    assert_eq!((set(by_volume).await, &caller.quota(&name).await[0]["quota"]), (0, &json!(77)));
    let group = [("name", "PublicSynology"), ("group_quota", r#"[{"volume":"/volume1","quota":2048}]"#)];
    assert_eq!(caller.code("SYNO.Core.Quota.set", &group).await, 0);
    assert_eq!(caller.quota(&name).await[0]["group_limit"], 2_048);
    panel.switch(|switches| switches.precedence = Precedence::Smallest);
    panel
        .operate(
            &format!("users/{name}"),
            &json!({ "op": "set_group", "group": LIMITED_GROUP, "is_member": true }),
        )
        .unwrap();
    assert_eq!(caller.quota(&name).await[0]["group_limit"], 1_024);
}

#[tokio::test]
async fn the_device_tells_of_itself_its_volumes_and_its_speeds() {
    let panel = start(|_| {}).await;
    let caller = Caller::of(&panel).await;
    let info = caller.ask("SYNO.DSM.Info.getinfo", &[("version", "2")]).await["data"].clone();
    assert_eq!(
        (&info["version"], &info["version_string"], &info["time"], &info["uptime"]),
        (
            &json!("42962"),
            &json!("DSM 7.1.1-42962 Update 5"),
            &json!("Sat Nov 21 03:00:00 2026"),
            &json!(731_240)
        )
    );
    let system = caller.ask("SYNO.Core.System.info", &[("version", "3")]).await["data"].clone();
    assert_eq!(
        (&system["time_zone"], &system["up_time"], &system["cpu_cores"]),
        (&json!("Warsaw"), &json!("203:7:20"), &json!("4"))
    );
    let homes: u64 = panel.accounts().iter().map(|name| panel.stored(name).0).sum();
    let all: u64 = panel.accounts().iter().map(|name| panel.stored(name).1).sum::<u64>() + homes;
    let volume = caller.ask("SYNO.Storage.CGI.Storage.load_info", &[]).await["data"]["volumes"][0].clone();
    assert_eq!((&volume["fs_type"], &volume["size"]["used"]), (&json!("btrfs"), &json!(all.to_string())));
    let with = ("additional", r#"["share_quota"]"#);
    let bare = caller.ask("SYNO.Core.Share.list", &[with]).await["data"]["shares"][0].clone();
    assert_eq!(
        (bare["name"].as_str(), bare.get("share_quota_used")),
        (Some("homes"), None),
        "a GET is told less"
    );
    let query = format!("entry.cgi?_sid={}&api=SYNO.Core.Share&version=1&method=list", caller.sid);
    let posted = post(&panel, &query, &[("shareType", "all"), with]).await["data"]["shares"][0].clone();
    assert_eq!((posted["share_quota_used"].as_f64().unwrap() * MIB) as u64, homes);

    let name = customer_name(0);
    let start = caller
        .ask(
            "SYNO.FileStation.DirSize.start",
            &[("version", "2"), ("path", &json!([format!("/homes/{name}")]).to_string())],
        )
        .await;
    let status = caller
        .ask(
            "SYNO.FileStation.DirSize.status",
            &[("version", "2"), ("taskid", &start["data"]["taskid"].to_string())],
        )
        .await;
    assert_eq!(status["data"]["total_size"], panel.stored(&name).0);
    assert_eq!(caller.code("SYNO.Core.BandwidthControl.get", &[("version", "2")]).await, 5300);
    let speed = [
        ("owner", &*name),
        ("owner_type", "local_user"),
        ("protocol", "FileStation"),
        ("policy", "enabled"),
        ("upload_limit_1", "500"),
    ];
    assert_eq!(caller.code("SYNO.Core.BandwidthControl.Protocol.set", &speed).await, 0);
    let told = caller.ask("SYNO.Core.BandwidthControl.get", &[("version", "2"), ("name", &name)]).await;
    let rows = told["data"]["bandwidths"].as_array().unwrap();
    assert_eq!(
        (&rows[0]["policy"], &rows[0]["upload_limit_1"], &rows[2]["policy"]),
        (&json!("enabled"), &json!(500), &json!("notexist"))
    );
}

#[tokio::test]
async fn a_name_that_is_made_again_is_somebody_else() {
    let panel = start(|_| {}).await;
    let (name, last) = (customer_name(0), customer_name(19));
    let uid = |name: &str| panel.user(name).unwrap().uid;
    panel.operate(&format!("users/{name}"), &json!({ "op": "recreate" })).unwrap();
    assert_eq!((uid(&name), panel.stored(&name).0), (1_050, 0));
    panel.operate(&format!("users/{last}"), &json!({ "op": "recreate", "reuse_uid": true })).unwrap();
    assert_eq!(uid(&last), 1_049);
    let caller = Caller::of(&panel).await;
    let told = caller.ask("SYNO.Core.User.delete", &[("name", &json!([last]).to_string())]).await;
    assert_eq!(told, json!({ "data": { "errors": [3102] }, "success": true }));
    assert!(!panel.accounts().contains(&last) && panel.is_limited(&name) == Some(false));
    assert!(panel.operate("users/nobody", &json!({ "op": "recreate" })).is_err());
    panel.operate(&format!("users/{name}"), &json!({ "op": "fail", "code": 3116 })).unwrap();
    assert_eq!(caller.code("SYNO.Core.Quota.get", &[("name", &name)]).await, 3116);
    panel.switch(|switches| switches.page_instead = Some(503));
    assert_eq!(caller.sent("SYNO.DSM.Info.getinfo", &[], true).await.status(), 503);
}
