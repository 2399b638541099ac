//! A month in WHMCS, played: orders, usage, an upgrade, more of an option, suspensions, a termination, a companion beside
//! another module's product, and the invoices. The module runs in real PHP on WHMCS's tables in a real MariaDB, whmeter runs as
//! the program it is, and what every customer has to pay is reckoned from the simulated panels' own books.
//!
//! Wants PHP with Laravel's database library, MariaDB and libfaketime (tests/tools.sh). Without them it says so and passes,
//! except under CI.

#![allow(clippy::unwrap_used, missing_docs)]

mod adopted;
mod books;
#[path = "../support/databases.rs"]
#[allow(dead_code)] // Its other databases are for other tests.
mod databases;
#[path = "../whmcs_php/installation.rs"]
#[allow(dead_code)] // Its checks are another test's.
mod installation;
mod scene;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod whmcs;

use serde_json::json;

use books::{Bill, Priced, billed, cents, differences, held, held_value, level, received, sent, value};
use scene::{
    ALICE, BEGIN, BOB, BOBS_PRICE, CAROL, DAVE, END, ERIN, LEGACY, MINUTES, Names, Scene, Stage, december,
    november,
};

const LARGE: i64 = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_in_whmcs_is_billed_to_the_cent_and_a_second_run_changes_nothing() {
    let Some(stage) = Stage::open().await else { return };
    let scene = Scene::open(&stage).await;
    let names = before(&scene).await;
    middle(&scene, &names).await;
    // What WHMCS would bill: of a copy first, in which somebody has changed a price, or what was reported.
    let expected = expected(&scene, &names);
    let paid = expected.values().filter(|cents| **cents > 0).count();
    assert!(paid >= 8, "hardly anything has to be paid: {expected:#?}");
    let renewal = END + 300;
    for (at, change) in [
        (
            "price",
            json!({ "table": "tblusage_items", "where": { "rel_id": LARGE, "metric": "traffic_out" },
            "set": { "stand_in_price": "0.0160" } }),
        ),
        (
            "value",
            json!({ "table": "stand_in_usage", "where": { "service": names.alice, "metric": "traffic_out",
            "month": "2026-12" }, "set": { "value": "1000.00000" } }),
        ),
    ] {
        let wrong = scene.whmcs.copy_renewed(renewal, at, &change).await;
        let noticed = differences(&expected, &billed(&wrong));
        assert_eq!(noticed.len(), 1, "{at}: {noticed:#?}");
        assert!(noticed[0].contains("traffic_out") && noticed[0].contains("2026-12"), "{noticed:?}");
    }
    // Twice, as a cron that is started anew by somebody in a hurry.
    for _ in 0..2 {
        scene.cron(renewal, &[]).await;
    }
    let items = scene.whmcs.rows("tblinvoiceitems").await;
    assert_eq!(differences(&expected, &billed(&items)), Vec::<String>::new(), "{items:#?}");
    invoiced_by_whmeter(&scene, &names).await;
    again(&scene).await;
    scene.close().await;
    stage.close();
}

/// The days before the month: everything is installed, and most are customers already.
async fn before(scene: &Scene<'_>) -> Names {
    let start = scene::START;
    scene.poll(start).await;
    let at = start + 3_600;
    scene.poll(at).await;
    let alice = scene.order(at, 31, 12, ALICE).await;
    let bob = scene.order(at, LEGACY, 12, BOB).await;
    let erin = scene.order(at, 31, 12, ERIN).await;
    // WHMCS takes the order up, and its module does not hear of it: the rounds of the cron go on from there.
    scene.whmcs.admin(at, "lose", &json!({ "AcceptOrder": 1 })).await;
    let dave = scene.order_on_the_other(at).await;
    scene.pass_until(at, november(30, 23, 45)).await;
    let companion = scene.companion_of(dave).await;
    scene.month_ends(BEGIN).await;
    Names { alice, bob, erin, companion }
}

async fn middle(scene: &Scene<'_>, names: &Names) {
    scene.pass_until(BEGIN, december(5, 9, 0)).await;
    let carol = scene.order(december(5, 10, 0), 31, 12, CAROL).await;
    assert_eq!(carol, names.companion + 1, "services are numbered in order");
    scene.pass_until(december(5, 10, 0), december(8, 9, 0)).await;
    scene.moves(december(8, 10, 0)).await;
    // He is told that his storage fills up, and WHMCS's answer to that mail is lost.
    scene.whmcs.admin(december(8, 10, 0), "lose", &json!({ "SendEmail": 1 })).await;
    scene.holds(december(8, 10, 0), BOB, 45).await;
    scene.pass_until(december(8, 10, 0), december(10, 9, 0)).await;
    let more = json!({ "service": names.bob, "option": 7, "count": 1 });
    scene.acts(december(10, 10, 0), "option", &more).await;
    assert_eq!(
        scene.limit_of(BOB, "traffic_out").await,
        "160.00000",
        "the limit in force is that of the moment"
    );
    scene.pass_until(december(10, 10, 0), december(12, 9, 0)).await;
    scene.acts(december(12, 10, 0), "upgrade", &json!({ "service": names.alice, "product": LARGE })).await;
    assert_eq!(scene.limit_of(ALICE, "disk").await, "500.00000");
    scene.holds(december(12, 11, 0), ALICE, 300).await;
    scene.pass_until(december(12, 10, 0), december(15, 9, 0)).await;
    let dave = names.companion - 1;
    for service in [carol, dave] {
        scene.acts(december(15, 10, 0), "suspend", &json!({ "service": service })).await;
    }
    assert_eq!(scene.status_of(names.companion).await, "Suspended", "a companion follows");
    scene.pass_until(december(15, 10, 0), december(18, 0, 5)).await;
    // Collected just before, so that nothing is left that WHMCS has not fetched.
    scene.holds(december(18, 9, 59), ERIN, 70).await;
    scene.cron(december(18, 10, 0), &["do", "--collect"]).await;
    scene.acts(december(18, 10, 0), "terminate", &json!({ "service": names.erin })).await;
    scene.pass_until(december(18, 10, 0), december(20, 9, 0)).await;
    for service in [carol, dave] {
        scene.acts(december(20, 10, 0), "unsuspend", &json!({ "service": service })).await;
    }
    scene.pass_until(december(20, 10, 0), december(31, 23, 45)).await;
    scene.month_ends(END).await;
}

/// Every line of usage that there has to be when December has been renewed.
fn expected(scene: &Scene<'_>, names: &Names) -> Bill {
    let (panel, other) = (scene.panel, scene.other);
    let (gb_month, out) = (Priced::new(10, 500), Priced::new(20, 200));
    let (large_gb_month, large_out) = (Priced::new(50, 400), Priced::new(100, 150));
    let start = scene::START;
    // What WHMCS fetched last of a month is of the last reading before; the rest comes with the next month.
    let [close, end] = [BEGIN, END].map(|midnight| midnight - 15 * 60 + 30);
    let mut bill = Bill::new();
    let mut put = |service: i64, metric: &str, month: &str, cents: i128| {
        bill.insert((service, metric.into(), month.into()), cents);
    };
    let carried = |name: &str| held_value(held(panel, name, close, BEGIN), 30 * 1440);
    for (name, service) in [(ALICE, names.alice), (ERIN, names.erin)] {
        // Who has changed his product pays by that of the day on which it is invoiced, which here is the next midnight.
        put(service, "traffic_out", "2026-11", out.cents(value(sent(panel, name, start, close))));
        let month = held_value(held(panel, name, start, close), 30 * 1440);
        put(service, "disk_gb_month", "2026-11", gb_month.cents(month));
    }
    put(names.alice, "traffic_out", "2026-12", large_out.cents(value(sent(panel, ALICE, close, end))));
    let month = held_value(held(panel, ALICE, BEGIN, end), MINUTES) + carried(ALICE);
    put(names.alice, "disk_gb_month", "2026-12", large_gb_month.cents(month));
    let over = december(18, 9, 59) + 30;
    put(names.erin, "traffic_out", "2026-12", out.cents(value(sent(panel, ERIN, close, over))));
    let month = held_value(held(panel, ERIN, BEGIN, over), MINUTES) + carried(ERIN);
    put(names.erin, "disk_gb_month", "2026-12", gb_month.cents(month));
    let (carol, first) = (names.companion + 1, december(5, 0, 0));
    put(carol, "traffic_out", "2026-12", out.cents(value(sent(panel, CAROL, first, end))));
    put(
        carol,
        "disk_gb_month",
        "2026-12",
        gb_month.cents(held_value(held(panel, CAROL, first, end), MINUTES)),
    );
    // The companion's product bills what stands, and what came in.
    let (disk, inwards) = (Priced::new(5, 1_000), Priced::new(0, 100));
    let stood: i128 = [close, end].map(|at| disk.cents(value(level(other, DAVE, at)))).iter().sum();
    put(names.companion, "disk", "", stood);
    put(names.companion, "traffic_in", "2026-11", inwards.cents(value(received(other, DAVE, start, close))));
    put(names.companion, "traffic_in", "2026-12", inwards.cents(value(received(other, DAVE, close, end))));
    bill
}

/// Bob's product has no metrics: whmeter itself bills what is beyond his limit, which is reckoned by time.
async fn invoiced_by_whmeter(scene: &Scene<'_>, names: &Names) {
    let settled = END + 50 * 3_600;
    scene.pass_until(END + 600, settled).await;
    let minutes = (december(10, 10, 0) - BEGIN) / 60;
    let (before, after) =
        (60 * books::GIB * i128::from(minutes), 160 * books::GIB * (MINUTES - i128::from(minutes)));
    let included = (before + after + MINUTES - 1) / MINUTES;
    let over = sent(scene.panel, BOB, BEGIN, END) - included;
    let due = (2 * over * BOBS_PRICE + books::GIB * 100) / (2 * books::GIB * 100);
    assert!(due > 0, "{over}");
    scene.invoice(settled, &["--dry-run", "look.json"]).await;
    // WHMCS makes the item, and the answer is a page of HTML.
    scene.whmcs.admin(settled, "lose", &json!({ "AddBillableItem": 1 })).await;
    let (code, report) = scene.invoice(settled, &["--json"]).await;
    assert_eq!((code, &report["lines"][0]["state"]), (Some(1), &json!("unknown")), "{report:#}");
    let (code, report) = scene.invoice(settled + 60, &["--json"]).await;
    assert_eq!(
        (code, &report["open"]),
        (Some(1), &json!(1)),
        "never tried again before it is known: {report:#}"
    );
    // The hook sends the items that WHMCS has, an hour after it did last.
    scene.cron(settled + 3_700, &[]).await;
    for later in [3_800, 7_400] {
        let (code, report) = scene.invoice(settled + later, &["--json"]).await;
        let line = &report["lines"][0];
        assert_eq!(
            (code, &line["state"], &line["included_bytes"]),
            (Some(0), &json!("already"), &json!(included))
        );
        let limits: Vec<_> = line["limits"].as_array().unwrap().iter().map(|piece| &piece["bytes"]).collect();
        assert_eq!(limits, [&json!(60 * books::GIB), &json!(160 * books::GIB)], "{line:#}");
    }
    let items = scene.whmcs.rows("tblbillableitems").await;
    assert_eq!(items.len(), 1, "{items:#?}");
    assert_eq!((cents(&items[0]["amount"]), &items[0]["userid"]), (due, &json!(scene::client(BOB))));
    scene.explains_the_pieces(settled, included).await;
    // Bob is due on the fifth: there it stands, once.
    scene.pass_until(settled + 7_400, december(31 + 5, 1, 0)).await;
    let lines = scene.whmcs.rows("tblinvoiceitems").await;
    let his: Vec<_> = lines.iter().filter(|line| line["type"] == "Item").collect();
    assert_eq!((his.len(), cents(&his[0]["amount"])), (1, due), "{his:#?}");
    assert!(
        his[0]["description"]
            .as_str()
            .unwrap()
            .ends_with(&format!("[whm {}/2026-12/traffic_out]", names.bob))
    );
    // He was told once that his storage fills up, although the answer to that mail was lost.
    assert_eq!(scene.whmcs.rows("tblemails").await.len(), 1);
}

/// The same again: polls, crons, the invoice.
async fn again(scene: &Scene<'_>) {
    let now = december(31 + 5, 1, 0);
    let tables =
        ["tblinvoices", "tblinvoiceitems", "tblbillableitems", "tblhosting", "tblorders", "tblemails"];
    let books = async || {
        let mut all = Vec::new();
        for table in tables {
            all.push(scene.whmcs.rows(table).await);
        }
        all
    };
    let once = books().await;
    for _ in 0..2 {
        scene.poll(now).await;
        scene.cron(now, &["do", "--collect"]).await;
        scene.invoice(now, &["--json"]).await;
    }
    for (table, (once, twice)) in tables.iter().zip(once.iter().zip(&books().await)) {
        assert_eq!(once, twice, "{table}");
    }
    // Nothing was amiss on the way that would have had to be said, but what was broken on purpose.
    let said = scene.whmcs.rows("tblmodulelog").await;
    let amiss = said.iter().filter(|row| !row["response"].as_str().unwrap().contains("is lost"));
    assert_eq!(amiss.collect::<Vec<_>>(), Vec::<&serde_json::Value>::new());
}
