//! The fake Plesk against the samples of its manual, its schema and its errors.
#![allow(clippy::unwrap_used)]

use reqwest::{Client, Response};
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::plesk::{Options, Panel, Switches, domain};
use whmeter_simulators::xml::{self, Node};

/// 2026-11-21T02:00:00Z: three o'clock in Warsaw.
const NOW: i64 = 1_795_226_400;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 20, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn send(panel: &Panel, headers: &[(&str, &str)], packet: &str) -> Response {
    let request = Client::new().post(format!("{}/enterprise/control/agent.php", panel.url()));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.header("content-type", "text/xml").body(packet.to_owned()).send().await.unwrap()
}

/// What somebody with a key is told; every answer comes with 200.
async fn told_to(panel: &Panel, login: &str, calls: &str) -> String {
    let (_, key) = panel.credentials(login).unwrap();
    let answer = send(panel, &[("KEY", &key)], &format!("<packet>{calls}</packet>")).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

async fn told(panel: &Panel, calls: &str) -> String {
    told_to(panel, "admin", calls).await
}

async fn read(panel: &Panel, calls: &str) -> Node {
    xml::read(told(panel, calls).await.as_bytes()).unwrap()
}

/// The results of the first operation.
fn results(packet: &Node) -> &[Node] {
    &packet.children[0].children[0].children
}

fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
    path.iter()
        .fold(node, |node, name| node.child(name).unwrap_or_else(|| panic!("no {name} in {node:?}")))
        .text()
}

/// The code of a refusal of the whole packet.
fn refused(answer: &str) -> u16 {
    let packet = xml::read(answer.as_bytes()).unwrap();
    assert_eq!(packet.children.len(), 1, "{answer}");
    text(&packet, &["system", "errcode"]).parse().unwrap()
}

/// Whether everything a sample has stands in an answer, in the sample's order; of repeated elements the first counts.
fn has_all(sample: &Node, answer: &Node) -> bool {
    let mut left = answer.children.iter();
    let mut names: Vec<&Node> = sample.children.iter().collect();
    names.dedup_by(|one, before| one.name == before.name);
    sample.name == answer.name
        && names.iter().all(|wanted| left.any(|child| child.name == wanted.name && has_all(wanted, child)))
}

const ALL: &str = "<webspace><get><filter/><dataset><gen_info/><limits/><stat/><disk_usage/><subscriptions/>\
                   <resource-usage/></dataset></get></webspace>";

#[tokio::test]
async fn answers_are_nested_as_the_manual_prints_them() {
    let panel = start(|_| {}).await;
    for (calls, sample) in [
        (
            ALL,
            "<packet><webspace><get><result><status>ok</status><id>12</id><data><gen_info><cr_date/><name/><ascii-name/>\
             <status>0</status><real_size/><owner-id/><owner-login/><dns_ip_address/><htype/><guid/><vendor-guid/>\
             <external-id/></gen_info><limits><overuse/><limit><name/><value/></limit></limits><stat><traffic/><subdom/>\
             <wu/><box/><redir/><mg/><resp/><maillists/><db/><mssql_db/><traffic_prevday/><domains/><sites/></stat>\
             <disk_usage><httpdocs/><logs/><dbases/><mailboxes/><chroot/></disk_usage><subscriptions><subscription>\
             <locked/><synchronized/><plan><plan-guid/></plan></subscription></subscriptions><resource-usage><resource>\
             <name/><value/></resource></resource-usage></data></result></get></webspace></packet>",
        ),
        (
            "<webspace><get_traffic><filter/><since_date>2026-11-01</since_date><to_date>2026-11-03</to_date></get_traffic></webspace>",
            "<packet><webspace><get_traffic><result><status/><id/><traffic><date/><http_in/><http_out/><ftp_in/><ftp_out/>\
             <smtp_in/><smtp_out/><pop3_imap_in/><pop3_imap_out/></traffic></result></get_traffic></webspace></packet>",
        ),
        (
            "<server><get_protos/></server>",
            "<packet><server><get_protos><result><status/><protos><proto/></protos></result></get_protos></server></packet>",
        ),
        (
            "<server><get><gen_info/><stat/><prefs/></get></server>",
            "<packet><server><get><result><status/><gen_info><server_name/><server_guid/><mode/></gen_info><stat><objects>\
             <clients/><domains/></objects><version><plesk_version/></version></stat><prefs><stat_ttl/>\
             <traffic_accounting/></prefs></result></get></server></packet>",
        ),
        (
            "<customer><get><filter/><dataset><gen_info/><stat/></dataset></get></customer>",
            "<packet><customer><get><result><status/><id/><data><gen_info><cr_date/><login/><email/><guid/></gen_info><stat>\
             <disk_space/><traffic/><traffic_prevday/></stat></data></result></get></customer></packet>",
        ),
        (
            "<reseller><get><filter><all/></filter><dataset><gen-info/><stat/><limits/></dataset></get></reseller>",
            "<packet><reseller><get><result><status/><id/><data><gen-info><cr-date/><login/></gen-info><stat><disk-space/>\
             <traffic-prevday/></stat><limits><resource-policy><oversell/></resource-policy></limits></data></result></get>\
             </reseller></packet>",
        ),
    ] {
        let answer = told(&panel, calls).await;
        let sample = xml::read(sample.as_bytes()).unwrap();
        assert!(has_all(&sample, &xml::read(answer.as_bytes()).unwrap()), "{answer}");
        assert_eq!(answer.lines().count(), 2, "one line beside the declaration");
    }
    // The site of a plan: names with an ampersand, and only those that the caller owns unless all are asked for.
    let plans = async |more: &str| {
        let answer = read(&panel, &format!("<service-plan><get><filter/>{more}</get></service-plan>")).await;
        results(&answer).iter().map(|plan| text(plan, &["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plans("").await, ["Harbour S", "Harbour M", "Harbour L & more"]);
    assert_eq!(plans("<owner-all/>").await.len(), 4);
}

#[tokio::test]
async fn days_and_months_sum_to_the_truth() {
    for timezone in ["Europe/Warsaw", "Asia/Tokyo"] {
        let panel = start(|switches| switches.timezone = timezone.into()).await;
        // November began there at 2026-10-31T23:00:00Z and 15:00:00Z.
        let began = if timezone == "Asia/Tokyo" { 1_793_458_800 } else { 1_793_487_600 };
        let everybody = read(&panel, ALL).await;
        let rows =
            "<webspace><get_traffic><filter/><since_date>2026-11-01</since_date></get_traffic></webspace>";
        let rows = read(&panel, rows).await;
        assert_eq!(results(&everybody).len(), 20);
        for (one, days) in results(&everybody).iter().zip(results(&rows)) {
            assert_eq!(text(one, &["id"]), text(days, &["id"]));
            let name = text(one, &["data", "gen_info", "name"]).to_owned();
            let truth = panel.knobs().truth.traffic_between(&name, began, NOW).unwrap();
            let days: Vec<&Node> = days.children.iter().filter(|child| child.name == "traffic").collect();
            let sum = |side: &str| {
                let columns = days.iter().flat_map(|day| &day.children);
                let columns = columns.filter(|column| column.name.ends_with(side));
                columns.map(|column| column.text().parse::<u64>().unwrap()).sum::<u64>()
            };
            assert_eq!((sum("_in"), sum("_out")), (truth.received, truth.sent), "{name}");
            let usage = one.child("data").unwrap().child("resource-usage").unwrap();
            let month: u64 = text(&usage.children[0], &["value"]).parse().unwrap();
            assert_eq!(month, truth.received + truth.sent, "{name}");
            assert_eq!(text(one, &["data", "stat", "traffic"]), month.to_string());
            let size: u64 = text(one, &["data", "gen_info", "real_size"]).parse().unwrap();
            assert_eq!(Some(size), panel.knobs().truth.level(&name, NOW));
            let split = &one.child("data").unwrap().child("disk_usage").unwrap().children;
            assert_eq!(split.iter().map(|part| part.text().parse::<u64>().unwrap()).sum::<u64>(), size);
        }
        let first = |days: &Node| text(days.child("traffic").unwrap(), &["date"]).to_owned();
        let ever = read(&panel, "<webspace><get_traffic><filter/></get_traffic></webspace>").await;
        assert_eq!(first(&results(&ever)[0]), "2026-08-01", "three months and the running one");
        assert_eq!(first(&results(&ever)[5]), "2026-11-11", "made ten days ago");
    }
}

#[tokio::test]
async fn refusals_come_with_200_and_a_block_in_place_of_every_answer() {
    let panel = start(|_| {}).await;
    let (password, key) = panel.credentials("admin").unwrap();
    let protos = "<packet><server><get_protos/></server></packet>";
    let code = async |headers: &[(&str, &str)], packet: &str| {
        let answer = send(&panel, headers, packet).await;
        assert_eq!(answer.status(), 200);
        refused(&answer.text().await.unwrap())
    };
    let right = [("KEY", key.as_str())];
    assert_eq!(code(&[], protos).await, 1001);
    assert_eq!(code(&[("KEY", "8f0a2c1e-55d3-4e0b-9a61-0d7f3a2b9c44")], protos).await, 11003);
    let login = [("HTTP_AUTH_LOGIN", "admin"), ("HTTP_AUTH_PASSWD", password.as_str())];
    assert!(send(&panel, &login, protos).await.text().await.unwrap().contains("<proto>1.6.9.1</proto>"));
    panel.switch(|switches| switches.drops_underscores = true);
    assert_eq!(code(&login, protos).await, 1001, "a proxy dropped the login");
    panel.switch(|switches| switches.drops_underscores = false);
    let wrong = [("HTTP_AUTH_LOGIN", "admin"), ("HTTP_AUTH_PASSWD", "hunter2")];
    for _ in 0..5 {
        assert_eq!(code(&wrong, protos).await, 1001);
    }
    assert_eq!(code(&login, protos).await, 1012, "the login is locked");
    panel.knobs().clock.advance(1_800);
    assert!(send(&panel, &login, protos).await.text().await.unwrap().contains("<proto>"));

    for version in ["1.6", "1.6.5", "1.6.9.1"] {
        let packet = format!("<packet version=\"{version}\"><server><get_protos/></server></packet>");
        assert!(send(&panel, &right, &packet).await.text().await.unwrap().contains("<proto>"), "{version}");
    }
    assert_eq!(
        code(&right, "<packet version=\"1.6.10.0\"><server><get_protos/></server></packet>").await,
        1005
    );

    for (switched, code) in [
        (json!({ "refuses": 1030 }), 1030),
        (json!({ "refuses": null, "allowed_address": "192.0.2.5" }), 1006),
        (json!({ "allowed_address": null, "key_address": "192.0.2.5" }), 11003),
        (json!({ "key_address": null, "protocol": "1.6.3.5" }), 1029),
    ] {
        panel.operate("switches", &switched).unwrap();
        assert_eq!(refused(&told(&panel, "<server><get_protos/></server>").await), code, "{switched}");
    }
    panel.switch(|switches| *switches = Switches { updating: true, ..Switches::default() });
    let page = send(&panel, &right, protos).await;
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn what_is_not_in_the_schema_or_not_in_its_order_is_refused_and_nothing_is_done() {
    let panel = start(|_| {}).await;
    let set = |values: &str| {
        format!("<webspace><set><filter><id>12</id></filter><values>{values}</values></set></webspace>")
    };
    let off = "<gen_setup><status>16</status></gen_setup>";
    for calls in [
        String::new(),
        "<unknown><get/></unknown>".into(),
        "<webspace><obtain/></webspace>".into(),
        "<webspace><get><dataset><gen_info/></dataset><filter/></get></webspace>".into(),
        "<webspace><get><dataset><gen_info/></dataset></get></webspace>".into(),
        "<webspace><get><filter/><dataset><stat/><gen_info/></dataset></get></webspace>".into(),
        "<webspace><get><filter/><dataset><gen-info/></dataset></get></webspace>".into(),
        "<webspace><get><filter><id>12</id><name>a.example</name></filter><dataset/></get></webspace>".into(),
        "<webspace><get><filter><login>admin</login></filter><dataset/></get></webspace>".into(),
        "<webspace><get_traffic><filter/><to_date>2026-11-03</to_date><since_date>2026-11-01</since_date></get_traffic></webspace>".into(),
        "<webspace><get_traffic><filter/><since_date>3.11.2026</since_date></get_traffic></webspace>".into(),
        "<reseller><get><filter><all/></filter><dataset><gen_info/></dataset></get></reseller>".into(),
        set(&format!("<limits/>{off}")),
        set("<gen_setup><status>off</status></gen_setup>"),
        set("<limits><limit><value>1</value><name>max_traffic</name></limit></limits>"),
        set("<limits><overuse>never</overuse></limits>"),
        // The second is wrong, so the first is not done either.
        format!("{}<webspace><obtain/></webspace>", set(off)),
        "<webspace><get><filter/>".into(),
    ] {
        assert_eq!(refused(&told(&panel, &calls).await), 1014, "{calls}");
    }
    assert_eq!(panel.status(&domain(0).0), Some(0));
    panel.switch(|switches| switches.loose_datasets = true);
    let loose = "<webspace><get><filter/><dataset><stat/><gen_info/></dataset></get></webspace>";
    assert_eq!(results(&read(&panel, loose).await).len(), 20);
    panel.switch(|switches| switches.protocol = "1.6.3.5".into());
    let login = panel.credentials("admin").unwrap().0;
    let login = [("HTTP_AUTH_LOGIN", "admin"), ("HTTP_AUTH_PASSWD", login.as_str())];
    let packet = format!(
        "<packet>{}</packet>",
        "<webspace><get><filter/><dataset><resource-usage/></dataset></get></webspace>"
    );
    assert_eq!(refused(&send(&panel, &login, &packet).await.text().await.unwrap()), 1014, "too old for it");
}

#[tokio::test]
async fn filters_choose_and_each_choice_has_its_result() {
    let panel = start(|_| {}).await;
    let ids = async |login: &str, filter: &str| {
        let calls = format!(
            "<webspace><get><filter>{filter}</filter><dataset><gen_info/></dataset></get></webspace>"
        );
        let packet = xml::read(told_to(&panel, login, &calls).await.as_bytes()).unwrap();
        let told = results(&packet).iter().map(|one| match text(one, &["status"]) {
            "ok" => text(one, &["id"]).to_owned(),
            _ => format!("{} {}", text(one, &["errcode"]), text(one, &["filter-id"])),
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(ids("admin", "<id>16</id><id>999</id><id>12</id>").await, ["16", "1013 999", "12"]);
    let (international, ascii) = domain(3);
    assert_eq!(
        ids("admin", &format!("<name>{international}</name><name>{ascii}</name>")).await,
        ["24", "24"]
    );
    let guid = panel.identity(&international).unwrap().1;
    assert_eq!(ids("admin", &format!("<guid>{guid}</guid>")).await, ["24"]);
    assert_eq!(
        ids("admin", "<owner-login>harbor4101</owner-login>").await,
        ["12", "16"],
        "all that are theirs"
    );
    assert_eq!(ids("admin", "<owner-id>999</owner-id>").await, ["1015 999"]);
    assert_eq!(ids("admin", "<owner-login>admin</owner-login>").await.len(), 2);

    // A reseller sees what is sold to them and by them, a customer what is theirs, and nobody says that there is more.
    let reseller = ids("quayside", "").await;
    assert_eq!(reseller, ["20", "24", "28", "52", "56", "68", "84"]);
    assert_eq!(ids("harbor4101", "").await, ["12", "16"]);
    assert_eq!(ids("harbor4101", "<id>20</id>").await, ["1013 20"]);
    panel.operate(&format!("subscriptions/{international}"), &json!({ "op": "fail", "code": 1023 })).unwrap();
    assert_eq!(ids("admin", "<id>24</id><id>28</id>").await, ["1023 24", "28"]);
    assert!(told_to(&panel, "quayside", ALL).await.contains("<errcode>1023</errcode>"));

    let nobody = start(|_| {}).await;
    nobody.accounts().iter().for_each(|name| nobody.vanish(name).unwrap());
    assert!(told(&nobody, ALL).await.ends_with("<webspace><get/></webspace></packet>"));
    nobody.switch(|switches| switches.empty = whmeter_simulators::plesk::Empty::BareResult);
    assert!(told(&nobody, ALL).await.contains("<get><result><status>ok</status></result></get>"));
}

#[tokio::test]
async fn a_status_is_a_sum_and_only_those_who_may_write_it() {
    let panel = start(|_| {}).await;
    let name = domain(3).0;
    let set = async |login: &str, filter: &str, status: u16| {
        let values = format!("<values><gen_setup><status>{status}</status></gen_setup></values>");
        let calls = format!("<webspace><set><filter>{filter}</filter>{values}</set></webspace>");
        told_to(&panel, login, &calls).await
    };
    assert!(
        set("admin", "<id>24</id>", 16)
            .await
            .contains("<status>ok</status><filter-id>24</filter-id><id>24</id>")
    );
    assert_eq!((panel.status(&name), panel.is_limited(&name)), (Some(16), Some(true)));
    panel.meddle(&name).unwrap();
    assert_eq!(panel.status(&name), Some(272));
    set("admin", "<id>24</id>", 0).await;
    assert_eq!(panel.status(&name), Some(0));
    assert!(set("admin", "<id>24</id>", 32).await.contains("<errcode>1025</errcode>"));
    assert!(set("quayside", "<id>24</id>", 16).await.contains("<errcode>1025</errcode>"));
    set("quayside", "<id>24</id>", 32).await;
    assert_eq!(panel.status(&name), Some(32));
    assert!(set("harbor4101", "<id>12</id>", 16).await.contains("<errcode>1006</errcode>"));
    // A backup is no suspension, and whoever is off takes everything along that is theirs.
    panel.operate(&format!("subscriptions/{name}"), &json!({ "op": "set_status", "status": 4 })).unwrap();
    assert_eq!((panel.status(&name), panel.is_limited(&name)), (Some(4), Some(false)));
    panel.operate("people/quayside", &json!({ "op": "suspend" })).unwrap();
    assert_eq!((panel.status(&name), panel.status(&domain(0).0)), (Some(6), Some(0)));
    panel.operate("people/quayside", &json!({ "op": "activate" })).unwrap();
    // 1 is taken, and is not got rid of.
    set("admin", "<id>24</id>", 1).await;
    set("admin", "<id>24</id>", 0).await;
    assert_eq!(panel.status(&name), Some(5));
    // By an owner all of theirs, and by nothing the whole server.
    set("admin", "<owner-login>harbor4101</owner-login>", 16).await;
    assert_eq!([0, 1, 2].map(|number| panel.status(&domain(number).0)), [Some(16), Some(16), Some(0)]);
    set("admin", "", 16).await;
    assert!(panel.accounts().iter().all(|name| panel.is_limited(name) == Some(true)));

    let limits = "<webspace><set><filter><id>12</id></filter><values><limits><overuse>block</overuse><limit><name>max_traffic\
                  </name><value>5</value></limit></limits><performance><bandwidth>512</bandwidth></performance></values></set></webspace>";
    assert!(told(&panel, limits).await.contains("<status>ok</status>"));
    let state = panel.operate("state", &Value::Null).unwrap()["subscriptions"][domain(0).0].clone();
    assert_eq!((&state["limits"]["max_traffic"], &state["performance"][0]), (&json!(5), &json!("512")));
    assert_eq!((&state["locked"], &state["overuse"]), (&json!(true), &json!("block")));
    told(&panel, "<webspace><sync-subscription><filter><id>12</id></filter></sync-subscription></webspace>")
        .await;
    let state = panel.operate("state", &Value::Null).unwrap()["subscriptions"][domain(0).0].clone();
    assert_eq!((&state["locked"], &state["limits"]["max_traffic"]), (&json!(false), &json!(200_i64 << 30)));
}

#[tokio::test]
async fn several_operators_share_a_packet_and_faults_aim_at_one_of_them() {
    let panel = start(|switches| switches.pretty = false).await;
    let both = "<server><get_protos/></server><webspace><get><filter><id>12</id></filter><dataset/></get></webspace>\
                <webspace><get_traffic><filter><id>12</id></filter></get_traffic></webspace>";
    let packet = read(&panel, both).await;
    let names: Vec<_> = packet.children.iter().map(|one| (&*one.name, &*one.children[0].name)).collect();
    assert_eq!(names, [("server", "get_protos"), ("webspace", "get"), ("webspace", "get_traffic")]);
    let (requests, faults) = (&panel.knobs().requests, &panel.knobs().faults);
    assert_eq!((requests.count(" webspace.get;"), requests.count(" webspace.get_traffic;")), (1, 1));
    faults.add(Fault::new(FaultKind::RightMissing).on(" webspace.get_traffic;"));
    assert_eq!(refused(&told(&panel, both).await), 1006);
    assert_eq!(results(&read(&panel, ALL).await).len(), 20);
    faults.clear();
    faults.add(panel.spoil_account(&domain(0).0));
    let everybody = told(&panel, ALL).await;
    assert_eq!(everybody.matches("<real_size>many").count(), 1);

    let key = panel.credentials("admin").unwrap().1;
    let pretty = [("KEY", key.as_str()), ("HTTP_PRETTY_PRINT", "TRUE")];
    let answer =
        send(&panel, &pretty, "<packet><server><get_protos/></server></packet>").await.text().await.unwrap();
    assert!(answer.contains("\n          <proto>1.6.3.0</proto>\n"), "{answer}");
    panel.switch(|switches| switches.tells_protocol = false);
    assert!(told(&panel, ALL).await.contains("<packet><webspace>"));
}

#[tokio::test]
async fn the_rest_api_is_the_administrators() {
    let panel = start(|_| {}).await;
    let (password, key) = panel.credentials("admin").unwrap();
    let get = async |call: &str| {
        let request = Client::new().get(format!("{}/api/v2/{call}", panel.url())).header("X-API-Key", &key);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    assert_eq!(get("server").await.1["panel_version"], "18.0.61");
    let (_, clients) = get("clients").await;
    assert_eq!(
        (clients[0]["type"].as_str(), clients[2]["login"].as_str()),
        (Some("reseller"), Some("harbor4101"))
    );
    let (_, domains) = get("domains").await;
    assert_eq!(
        (domains[0]["base_domain_id"].clone(), domains[1]["base_domain_id"].clone()),
        (json!(0), json!(12))
    );
    let name = domain(3).1;
    assert_eq!(get(&format!("domains?name={name}")).await.1[0]["id"], 24);
    let moved = [0, 1].map(|number| panel.knobs().truth.level(&domain(number).0, NOW).unwrap());
    assert_eq!(get("clients/10/statistics").await.1["disk_space"], moved.iter().sum::<u64>());
    assert_eq!(get("clients/999").await, (404, json!({ "code": 404, "message": "Object not found" })));
    let put = async |call: &str, body: &'static str| {
        let request = Client::new().put(format!("{}/api/v2/{call}", panel.url()));
        request.basic_auth("admin", Some(&password)).body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("domains/12/status", r#"{"status":"suspended"}"#).await, 200);
    assert_eq!(
        (get("domains/12/status").await.1, panel.status(&domain(0).0)),
        (json!({ "status": "suspended" }), Some(16))
    );
    assert_eq!(put("domains/12/status", r#"{"status":"off"}"#).await, 400);
    assert_eq!(put("clients/10/suspend", "").await, 200);
    assert_eq!(panel.status(&domain(1).0), Some(2));
    let reseller = panel.credentials("quayside").unwrap().1;
    let url = format!("{}/api/v2/clients", panel.url());
    let asked = Client::new().get(&url).header("X-API-Key", reseller).send().await.unwrap();
    assert_eq!(
        (asked.status().as_u16(), Client::new().get(&url).send().await.unwrap().status().as_u16()),
        (403, 401)
    );
    panel.switch(|switches| switches.rest = false);
    assert_eq!(Client::new().get(&url).header("X-API-Key", &key).send().await.unwrap().status(), 404);
}
