//! An account that nobody pays for, adopted into WHMCS: its service is there, active, without invoice, mail or provisioning;
//! the module's next list has it, and WHMCS is told its usage from then on.

use serde_json::{Value, json};
use whmeter_simulators::panel::SimulatedPanel;

use super::scene::{BOB, Scene, Stage, client, december};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_nobody_pays_for_is_sold_and_told_of_from_then_on() {
    let Some(stage) = Stage::open().await else { return };
    let scene = Scene::open(&stage).await;
    let at = december(3, 9, 0);
    // A day that nobody pays for.
    scene.poll(december(2, 0, 0)).await;
    scene.poll(december(3, 0, 0)).await;
    scene.poll(at).await;
    // The module sends the services of its servers: none.
    scene.cron(at + 300, &[]).await;
    scene.poll(at + 600).await;
    let created = scene.whmcs.rows("stand_in_calls").await;
    let mails = scene.whmcs.rows("tblemails").await;
    scene.panel.knobs().requests.clear();

    let payer = client(BOB).to_string();
    let arguments = ["adopt", "s3", BOB, "--client", &payer, "--product", "31"];
    // WHMCS makes the order, and nobody hears of it: it is found by its mark.
    scene
        .whmcs
        .admin(at + 650, "lose", &json!({ "AddOrder": 1, "AcceptOrder": 1, "UpdateClientProduct": 1 }))
        .await;
    let told = scene.says(at + 700, &arguments).await.good();
    assert!(told.contains("adopted"), "{told}");
    let again = scene.says(at + 760, &arguments).await.good();
    assert!(again.contains("already"), "{again}");

    let services = scene.whmcs.rows("tblhosting").await;
    let [service] = services.as_slice() else { panic!("not one: {services:#?}") };
    let is = |column: &str| service[column].clone();
    assert_eq!((is("username"), is("domainstatus")), (json!(BOB), json!("Active")), "{service:#}");
    assert_eq!((is("server"), is("packageid"), is("userid")), (json!(12), json!(31), json!(client(BOB))));
    assert_eq!(
        (is("domain"), is("billingcycle"), is("amount")),
        (json!(""), json!("Monthly"), json!("4.90"))
    );
    let orders = scene.whmcs.rows("tblorders").await;
    assert_eq!((orders.len(), &orders[0]["status"]), (1, &json!("Active")));
    assert_eq!(scene.whmcs.rows("tblinvoices").await, Vec::<Value>::new());
    assert_eq!(scene.whmcs.rows("tblemails").await, mails);
    assert_eq!(scene.whmcs.rows("stand_in_calls").await, created, "no module was told to make anything");
    assert!(scene.panel.knobs().requests.all().is_empty(), "the panel was not asked");

    // The module's next list has it, and the poll after that maps it.
    scene.cron(at + 1_200, &[]).await;
    scene.holds(at + 1_500, BOB, 40).await;
    let number = is("id");
    let map = scene.says(at + 1_600, &["map", "list", "--backend", "s3", "--json"]).await.json();
    let row = map.as_array().unwrap().iter().find(|row| row["account"] == BOB).unwrap().clone();
    assert_eq!((&row["service"], &row["state"]), (&number, &json!("pinned")), "{row}");
    let usage = scene.usage_of(BOB).await;
    assert_eq!(usage["values"]["disk"]["value"], "40.00000", "{usage:#}");
    // WHMCS dates it on the day it was ordered: what was held before that day is nobody's.
    let held = usage["values"]["disk_gb_month"]["value"].as_str().unwrap().parse::<f64>().unwrap();
    let since_midnight = (12.0 * 565.0) / (31.0 * 1_440.0);
    assert!((held - since_midnight).abs() < 0.0001, "{held} in place of {since_midnight}: {usage:#}");
    let explain = ["explain", "s3", BOB, "storage", "--month", "2026-12"];
    let explained = scene.says(at + 1_600, &explain).await.good();
    assert!(explained.contains("from 2026-12-03 on by service 7731"), "{explained}");
    scene.close().await;
    stage.close();
}
