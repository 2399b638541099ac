//! When the fake Plesk computes its figures, what it shows of days, and what its maintenance run does.
#![allow(clippy::unwrap_used)]

use reqwest::Client;
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::plesk::{Options, Panel, Switches, domain};
use whmeter_simulators::xml::{self, Node};

/// 2026-11-21T02:00:00Z: three o'clock in Warsaw, an hour before the run of the night.
const NOW: i64 = 1_795_226_400;
/// 2026-11-20T03:07:00Z, the run of the night before.
const NIGHT: i64 = NOW - 86_400 + 67 * 60;
/// 2026-11-20T23:00:00Z: today began.
const TODAY: i64 = NOW - 3 * 3_600;

async fn start(change: impl FnOnce(&mut Switches)) -> Panel {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 12, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let mut options = Options { common, ..Options::default() };
    change(&mut options.switches);
    Panel::start(options).await.unwrap()
}

async fn ask(panel: &Panel, calls: &str) -> Node {
    let (_, key) = panel.credentials("admin").unwrap();
    let request = Client::new().post(format!("{}/enterprise/control/agent.php", panel.url()));
    let request = request.header("KEY", key).body(format!("<packet>{calls}</packet>"));
    xml::read(request.send().await.unwrap().text().await.unwrap().as_bytes()).unwrap()
}

/// The rows of one subscription or site since the 19th: each date with what came in and went out.
async fn rows(panel: &Panel, operator: &str, id: u32) -> Vec<(String, u64, u64)> {
    let filter = format!("<filter><id>{id}</id></filter><since_date>2026-11-19</since_date>");
    let packet = ask(panel, &format!("<{operator}><get_traffic>{filter}</get_traffic></{operator}>")).await;
    let result = &packet.children[0].children[0].children[0];
    let rows = result.children.iter().filter(|child| child.name == "traffic").map(|row| {
        let sum = |side: &str| {
            let columns = row.children.iter().filter(|column| column.name.ends_with(side));
            columns.map(|column| column.text().parse::<u64>().unwrap()).sum()
        };
        (row.child("date").unwrap().text().to_owned(), sum("_in"), sum("_out"))
    });
    rows.collect()
}

async fn size(panel: &Panel, id: u32) -> u64 {
    let calls = format!(
        "<webspace><get><filter><id>{id}</id></filter><dataset><gen_info/></dataset></get></webspace>"
    );
    let packet = ask(panel, &calls).await;
    let info =
        packet.children[0].children[0].children[0].child("data").unwrap().child("gen_info").unwrap().clone();
    info.child("real_size").unwrap().text().parse().unwrap()
}

/// The first subscription that moves anything, of those with an additional site or without.
fn lively(panel: &Panel, with_sites: bool) -> (u32, String) {
    let state = panel.operate("state", &Value::Null).unwrap();
    let fits = |name: &String| {
        let has_sites = !state["subscriptions"][name]["sites"].as_array().unwrap().is_empty();
        let moved = panel.knobs().truth.traffic_between(name, TODAY, NOW).unwrap();
        has_sites == with_sites && moved.received > 0
    };
    let name = (0..12).map(|number| domain(number).0).find(fits).unwrap();
    (panel.identity(&name).unwrap().0, name)
}

#[tokio::test]
async fn figures_stand_still_until_the_run_of_the_night_or_the_operators() {
    let panel = start(|switches| switches.statistics = whmeter_simulators::plesk::Statistics::Nightly).await;
    let (id, name) = lively(&panel, false);
    let truth = panel.knobs().truth.clone();
    let moved = |from, to| truth.traffic_between(&name, from, to).unwrap();
    assert_eq!(panel.landmarks().figures_age, 86_400);
    assert_eq!(Some(size(&panel, id).await), truth.level(&name, NIGHT));
    let before = rows(&panel, "webspace", id).await;
    let night_part = moved(TODAY - 86_400, NIGHT);
    assert_eq!(before.len(), 2, "today has no row yet, and yesterday's is partial: {before:?}");
    assert_eq!(before[1], ("2026-11-20".to_owned(), night_part.received, night_part.sent));
    panel.knobs().clock.advance(3_600);
    assert_eq!(rows(&panel, "webspace", id).await, before);
    // Seven minutes past four.
    panel.knobs().clock.advance(7 * 60);
    let after = rows(&panel, "webspace", id).await;
    let (whole, partial) = (moved(TODAY - 86_400, TODAY), moved(TODAY, NOW + 67 * 60));
    assert_eq!((after[1].1, after[2].2), (whole.received, partial.sent));
    panel.knobs().clock.advance(3_600);
    assert_eq!(rows(&panel, "webspace", id).await, after);
    panel.operate("maintenance", &Value::Null).unwrap();
    assert_eq!(rows(&panel, "webspace", id).await[2].2, moved(TODAY, NOW + 127 * 60).sent);
    assert_eq!(Some(size(&panel, id).await), truth.level(&name, NOW + 127 * 60));
}

#[tokio::test]
async fn rows_may_lack_today_or_days_of_nothing_and_grow_or_be_corrected_later() {
    let panel = start(|_| {}).await;
    let (id, name) = lively(&panel, false);
    let told = rows(&panel, "webspace", id).await;
    assert_eq!(told.len(), 3);
    panel.operate("switches", &json!({ "today": "absent" })).unwrap();
    assert_eq!(rows(&panel, "webspace", id).await, told[..2]);
    panel.operate("switches", &json!({ "today": "last_run" })).unwrap();
    assert_eq!(rows(&panel, "webspace", id).await.len(), 2, "today's run is to come");
    panel.operate("switches", &json!({ "today": "so_far" })).unwrap();

    let revise = json!({ "op": "revise_day", "day": "2026-11-19", "received": 7, "sent": 0 });
    panel.operate(&format!("subscriptions/{name}"), &revise).unwrap();
    assert_eq!(rows(&panel, "webspace", id).await[0], ("2026-11-19".to_owned(), 7, 0));
    let nothing = json!({ "op": "revise_day", "day": "2026-11-20", "received": 0, "sent": 0 });
    panel.operate(&format!("subscriptions/{name}"), &nothing).unwrap();
    panel.operate("switches", &json!({ "zero_days": false })).unwrap();
    let dates: Vec<_> = rows(&panel, "webspace", id).await.into_iter().map(|(date, ..)| date).collect();
    assert_eq!(dates, ["2026-11-19", "2026-11-21"]);
    panel.operate(&format!("subscriptions/{name}"), &json!({ "op": "forget_revised" })).unwrap();
    panel.operate("switches", &json!({ "mail_late_days": 2 })).unwrap();
    // The second subscription's traffic is part mail.
    let (mail, mail_name) = (16, domain(1).0);
    let late = rows(&panel, "webspace", mail).await;
    let whole = panel.knobs().truth.traffic_between(&mail_name, TODAY - 86_400, TODAY).unwrap();
    assert!(whole.sent > late[1].2 && late[1].2 > 0, "{late:?} {whole:?}");
    panel.knobs().clock.advance(86_400);
    assert_eq!(rows(&panel, "webspace", mail).await[1].2, whole.sent);
}

#[tokio::test]
async fn additional_sites_can_be_left_out_and_are_told_by_themselves() {
    let panel = start(|_| {}).await;
    let (id, name) = lively(&panel, true);
    let with = rows(&panel, "webspace", id).await;
    panel.switch(|switches| switches.sites_included = false);
    let without = rows(&panel, "webspace", id).await;
    let mut sites = vec![0, 0, 0];
    let state = panel.operate("state", &Value::Null).unwrap();
    for site in state["subscriptions"][&name]["sites"].as_array().unwrap() {
        let told = rows(&panel, "site", u32::try_from(site[0].as_u64().unwrap()).unwrap()).await;
        told.iter().zip(&mut sites).for_each(|(row, sum)| *sum += row.2);
    }
    for day in 0..3 {
        assert_eq!(without[day].2 + sites[day], with[day].2, "{name}");
    }
    let list = format!(
        "<site><get><filter><parent-id>{id}</parent-id></filter><dataset><gen_info/></dataset></get></site>"
    );
    let packet = ask(&panel, &list).await;
    let info =
        packet.children[0].children[0].children[0].child("data").unwrap().child("gen_info").unwrap().clone();
    assert_eq!(info.child("webspace-id").unwrap().text(), id.to_string());
}

#[tokio::test]
async fn the_run_of_the_night_switches_off_who_is_beyond_a_limit_or_over() {
    let panel = start(|_| {}).await;
    let [beyond, lenient, over] = [0, 1, 2].map(|number| domain(number).0);
    let deal = |name: &str, deal: Value| panel.operate(&format!("subscriptions/{name}"), &deal).unwrap();
    for name in [&beyond, &lenient] {
        panel.knobs().truth.set_level(name, NOW, 5_000);
        deal(name, json!({ "op": "set_limit", "name": "disk_space", "value": 4_999 }));
    }
    deal(&beyond, json!({ "op": "set_overuse", "policy": "block" }));
    deal(&over, json!({ "op": "set_limit", "name": "expiration", "value": NOW + 60 }));
    panel.knobs().clock.advance(3_600);
    assert_eq!(panel.status(&beyond), Some(0));
    panel.knobs().clock.advance(7 * 60);
    assert_eq!([&beyond, &lenient, &over].map(|name| panel.status(name)), [Some(16), Some(0), Some(256)]);
    // However often somebody lifts it.
    panel.suspend(&beyond, false).unwrap();
    assert_eq!(panel.status(&beyond), Some(0));
    panel.knobs().clock.advance(86_400);
    assert_eq!(panel.status(&beyond), Some(16));
}

#[tokio::test]
async fn a_renamed_subscription_stays_what_it_is() {
    let panel = start(|_| {}).await;
    let (id, name) = lively(&panel, false);
    let (guid, before) = (panel.identity(&name).unwrap().1, rows(&panel, "webspace", id).await);
    let rename = json!({ "op": "rename", "to": "renamed.example" });
    panel.operate(&format!("subscriptions/{name}"), &rename).unwrap();
    assert_eq!(panel.identity("renamed.example"), Some((id, guid)));
    assert_eq!(rows(&panel, "webspace", id).await, before);
    assert!(panel.accounts().contains(&"renamed.example".to_owned()) && !panel.accounts().contains(&name));
}
