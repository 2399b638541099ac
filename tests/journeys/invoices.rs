//! Invoices: a month looked at, billed once and never twice, whatever becomes of the answers.

pub mod house;
mod overage;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whmeter_simulators::panel::SimulatedPanel;
use whmeter_simulators::whmcs::{MishapKind, TemplatesShape};

use crate::support::program::PATIENCE;
use house::{DAY, END, GIB, HOUR, House, NOW, PRICES};

fn line<'a>(report: &'a Value, account: &str, meter: &str) -> &'a Value {
    let lines = report["lines"].as_array().unwrap();
    let found = lines.iter().find(|line| line["account"] == account && line["meter"] == meter);
    found.unwrap_or_else(|| panic!("no {account} {meter} in {report:#}"))
}

fn states(report: &Value) -> Vec<&str> {
    report["lines"].as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect()
}

/// Cents of so many bytes, half up: another way round than the program's, in cents of bytes.
fn cents(bytes_over: u128, per_minutes: u128, hundred_thousandths: u128) -> String {
    let divisor = u128::from(GIB) * per_minutes * 1_000_000;
    let cents = (bytes_over * hundred_thousandths * 100 * 10 + divisor / 2) / divisor;
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_is_looked_at_then_billed_once() {
    let house = House::open(PRICES).await;
    let site = &house.site;
    let refused = site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(1);
    assert!(refused.contains("price rule out") && refused.contains("--dry-run"), "{refused}");
    // Too early: not a byte of it is final.
    site.at(END + HOUR, &["invoice", "--month", "2026-12", "--dry-run", "early.csv"]).await.good();
    let early = std::fs::read_to_string(site.path().join("early.csv")).unwrap();
    assert!(
        early.lines().skip(1).all(|line| line.contains(",withheld,") && line.contains("settle_hours")),
        "{early}"
    );

    let look = house.rehearse().await;
    assert!(house.whmcs.knobs().requests.all().is_empty(), "a rehearsal asks WHMCS nothing");
    let over = u128::from(house.sent("7-41") - GIB);
    let out = line(&look, "7-41", "traffic_out");
    assert_eq!(out["amount"], cents(over, 1, 37_000).as_str(), "{out}");
    assert_eq!(
        (&out["state"], &out["tag"]),
        (&json!("would_create"), &json!("[whm 7731/2026-12/traffic_out]"))
    );
    let held = u128::from(10 * GIB) * 14_400 + u128::from(40 * GIB) * 21 * 1_440;
    let month = 31 * 1_440;
    let stored = line(&look, "7-41", "storage");
    assert_eq!(
        stored["amount"],
        cents(held - u128::from(2 * GIB) * month, month, 5_120).as_str(),
        "{stored}"
    );
    assert_eq!(
        stored["amount"], "1.45",
        "940 GiB-days are 30.3226 GiB over 31 days; 28.3226 beyond 2, at 0.0512"
    );
    assert!(line(&look, "7-42", "storage")["reason"].as_str().unwrap().contains("without a limit"));
    let nobody = line(&look, "7-411", "traffic_out");
    assert_eq!(nobody["state"], "withheld");
    assert!(nobody["reason"].as_str().unwrap().contains("unmapped"), "{nobody}");
    // What was never read is unknown, not zero.
    assert_eq!(line(&look, "8-77", "storage")["state"], "nothing");
    assert_eq!(line(&look, "8-77", "traffic_out")["state"], "withheld");

    let (code, billed) = house.bill(NOW, &[]).await;
    assert_eq!(code, Some(0), "{billed:#}");
    assert_eq!(states(&billed).iter().filter(|state| **state == "created").count(), 3);
    for made in billed["lines"].as_array().unwrap().iter().filter(|line| line["state"] == "created") {
        let item = &house.whmcs.items()[made["billable"].as_u64().unwrap() as usize - 1];
        assert_eq!(
            (json!(item.amount), json!(item.client)),
            (made["amount"].clone(), made["client"].clone())
        );
        assert!(item.description.ends_with(made["tag"].as_str().unwrap()), "{item:?}");
        assert_eq!((item.unit.as_str(), item.quantity.as_str()), ("quantity", "1"));
        assert_eq!(item.invoice_action, "nextinvoice");
        // The same line as was looked at.
        let looked = line(&look, made["account"].as_str().unwrap(), made["meter"].as_str().unwrap());
        for key in ["amount", "tag", "description", "used_bytes", "included_bytes", "client"] {
            assert_eq!(made[key], looked[key], "{key}");
        }
    }
    let stored = house.whmcs.items().into_iter().find(|item| item.description.contains("storage")).unwrap();
    assert!(stored.description.starts_with("S3 (big): 30.323 GiB on average, 2 GiB included"), "{stored:?}");

    let (code, again) = house.bill(NOW + DAY, &[]).await;
    assert_eq!((code, house.created(), house.whmcs.items().len()), (Some(0), 3, 3));
    assert_eq!(states(&again).iter().filter(|state| **state == "already").count(), 3, "{again:#}");
    let acts = site.at(NOW, &["policy", "show", "s3", "7-41", "--json"]).await.json()["acts"].to_string();
    assert!(acts.contains("[whm 7731/2026-12/storage]") && acts.contains("1.45 EUR"), "{acts}");

    // Whoever asks why is shown the item beside the readings.
    let why = ["explain", "s3", "7-41", "storage", "--month", "2026-12"];
    let why = site.at(NOW, &why).await.good();
    assert!(why.contains("1.45 EUR for 2026-12-01 to 2027-01-01, created as item"), "{why}");
    assert!(why.contains("nothing of it was reported to WHMCS"), "{why}");

    // Days that were billed are billed by no other line.
    let part = ["invoice", "--from", "2026-12-02", "--to", "2026-12-20", "--backend", "s3", "--json"];
    let part = site.at(NOW, &part).await;
    assert_eq!(part.code, Some(1), "{part:?}");
    assert!(part.stdout.contains("billed already by [whm 7731/2026-12/traffic_out]"), "{}", part.stdout);
    assert_eq!(house.created(), 3);

    // A rule that means something else has to be looked at again.
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write("whmeter.toml", &config.replace("0.37", "0.38"));
    let refused = site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(1);
    assert!(refused.contains("price rule out"), "{refused}");
    site.write("whmeter.toml", &config.replace("\"out\"", "\"another name\""));
    site.at(NOW, &["invoice", "--month", "2026-12"]).await.good();
    site.check_never_said(&[&house.whmcs.settings()["secret"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_settled_by_whmcs_own_list_and_by_invoices() {
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.mishap("AddBillableItem", MishapKind::DoneThenGatewayTimeout, Some(1));
    let (code, report) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len()), (Some(1), 1), "{report:#}");
    let count = |state: &str| states(&report).iter().filter(|found| **found == state).count();
    assert_eq!((count("unknown"), count("not_tried")), (1, 2), "whoever does not hear stops asking");
    let lost = house.items()[0].0.clone();
    // Run again, it is not repeated; the others are billed.
    let (code, report) = house.bill(NOW + 60, &[]).await;
    assert_eq!((code, house.items().len(), report["open"].as_u64()), (Some(1), 3, Some(1)), "{report:#}");
    let reason = report["settled"].to_string();
    assert!(reason.contains("--settle") && reason.contains(lost.trim_matches(['[', ']'])), "{reason}");

    // The list of items finds it.
    let item = |id: u64, text: &str| json!({ "id": id, "description": text, "amount": "1.00" });
    let whole: Vec<Value> = house.whmcs.items().iter().map(|one| item(one.id, &one.description)).collect();
    let told =
        house.put(NOW + 120, "billable", &json!({ "schema": 1, "read_at": NOW + 120, "items": whole })).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!((told.json()["created"].as_u64(), told.json()["open"].as_u64()), (Some(1), Some(0)));
    let (code, report) = house.bill(NOW + 180, &[]).await;
    assert_eq!((code, house.items().len(), report["open"].as_u64()), (Some(0), 3, Some(0)), "{report:#}");
    let ids: Vec<_> =
        report["lines"].as_array().unwrap().iter().filter_map(|line| line["billable"].as_u64()).collect();
    assert_eq!(ids.len(), 3, "{report:#}");

    // Another month's: this time nothing was made, and a list that is read late enough says so.
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.mishap("AddBillableItem", MishapKind::Page(500), Some(1));
    let (code, _) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len()), (Some(1), 0));
    let empty = |read_at: i64| json!({ "schema": 1, "read_at": read_at, "items": [] });
    for (read_at, now, absent, open) in [(NOW + 200, NOW + 1000, 0, 1), (NOW + 301, NOW + 1000, 1, 0)] {
        let told = house.put(now, "billable", &empty(read_at)).await.json();
        assert_eq!((told["absent"].as_u64(), told["open"].as_u64()), (Some(absent), Some(open)), "{told}");
    }
    let ahead = house.put(NOW + 1000, "billable", &empty(NOW + 2000)).await;
    assert_eq!((ahead.status, ahead.header("content-type")), (422, "application/problem+json"));
    // An answer that nobody understands may have been a yes, and then it stands on an invoice.
    house.whmcs.mishap("AddBillableItem", MishapKind::PhpWarning, Some(1));
    let (code, report) = house.bill(NOW + 1100, &[]).await;
    assert_eq!((code, house.items().len()), (Some(1), 1), "{report:#}");
    house.whmcs.switch(|switches| {
        switches.templates_shape = TemplatesShape::Flattened;
        switches.status_for_result = true;
    });
    house.whmcs.make_invoices();
    let (code, report) = house.bill(NOW + 1200, &[]).await;
    assert_eq!((code, report["open"].as_u64()), (Some(0), Some(0)), "{report:#}");
    assert!(report["settled"].to_string().contains("found on invoice 1"), "{report:#}");
    let mut tags: Vec<_> = house.items().into_iter().map(|(tag, _)| tag).collect();
    tags.sort();
    tags.dedup();
    assert_eq!((tags.len(), house.whmcs.items().len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_answer_or_run_twice_at_once_it_bills_once() {
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.mishap("AddBillableItem", MishapKind::DoneThenSilent(30_000), Some(1));
    let mut run = house.site.command(&["invoice", "--month", "2026-12"]);
    run.env("WHMETER_NOW", NOW.to_string()).stdout(std::process::Stdio::null());
    let mut run = run.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while house.items().is_empty() {
        assert!(Instant::now() < deadline, "it never called");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    run.kill().await.unwrap();
    let lost = house.items()[0].0.clone();
    let (code, report) = house.bill(NOW + 10, &[]).await;
    assert_eq!(code, Some(1));
    let tag = lost.trim_matches(['[', ']']);
    assert!(report["settled"].to_string().contains(tag), "{report:#}");
    let twice = house.items().iter().filter(|(tag, _)| *tag == lost).count();
    assert_eq!((twice, house.items().len()), (1, 3));
    // The operator has looked: it is there. What is settled is settled.
    let young = house.site.at(NOW + 20, &["invoice", "--settle", tag, "absent"]).await.failure(1);
    assert!(young.contains("under way"), "{young}");
    house.site.at(NOW + 20, &["invoice", "--settle", tag, "perhaps"]).await.failure(2);
    let told = house.site.at(NOW + 20, &["invoice", "--settle", &lost, "created"]).await.good();
    assert!(told.contains("never billed again"), "{told}");
    house.site.at(NOW + 20, &["invoice", "--settle", tag, "absent"]).await.failure(1);
    house.site.at(NOW + 20, &["invoice", "--settle", "1/2026-12/storage", "created"]).await.failure(1);
    let (code, report) = house.bill(NOW + 400, &[]).await;
    assert_eq!((code, report["open"].as_u64(), house.items().len()), (Some(0), Some(0), 3));
    let acts =
        house.site.at(NOW, &["policy", "show", "s3", "7-41", "--json"]).await.json()["acts"].to_string();
    assert!(acts.contains("settled by hand by operator"), "{acts}");

    // Four at once, on one database.
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.mishap("AddBillableItem", MishapKind::Slow(150), None);
    let runs = (0..4).map(|_| house.bill(NOW, &[]));
    let reports = futures_util::future::join_all(runs).await;
    let made: usize = reports
        .iter()
        .map(|(_, report)| states(report).iter().filter(|state| **state == "created").count())
        .sum();
    assert_eq!((made, house.items().len(), house.created()), (3, 3, 3), "{reports:#?}");
    let lost = reports.iter().flat_map(|(_, report)| states(report)).filter(|state| *state == "not_tried");
    assert_eq!(lost.count(), 0, "who comes second is told so: {reports:#?}");
    let (code, report) = house.bill(NOW + 60, &[]).await;
    assert_eq!((code, report["open"].as_u64()), (Some(0), Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_after_it_was_billed_is_said_and_billed_only_when_asked() {
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.bill(NOW, &[]).await;
    let before = house.items();
    let adjust = |size: &'static str| {
        let arguments = ["adjust", "s3", "7-41", "traffic_out", "2026-12-09", size, "--reason", "ticket 7"];
        let site = &house.site;
        async move { site.at(NOW, &arguments).await.good() }
    };
    adjust("+10 GiB").await;
    let (code, report) = house.bill(NOW, &[]).await;
    let changed = line(&report, "7-41", "traffic_out");
    assert_eq!((code, &changed["state"], house.items().len()), (Some(0), &json!("changed"), 3), "{changed}");
    let (was, is) = (house.sent("7-41"), house.sent("7-41") + 10 * GIB);
    let reason = changed["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("was {was} bytes, is {is}")), "{reason}");
    assert!(reason.contains("3.70 EUR more is billed by --corrections"), "{reason}");
    let (code, report) = house.bill(NOW, &["--corrections"]).await;
    assert_eq!((code, house.items().len()), (Some(0), 4), "{report:#}");
    let tag = "[whm 7731/2026-12/traffic_out/correction-1]";
    assert_eq!(house.items()[3], (tag.to_string(), "3.70".to_string()));
    assert!(house.whmcs.items()[3].description.starts_with("Correction: "));
    let (code, report) = house.bill(NOW, &["--corrections"]).await;
    assert_eq!((code, house.items().len()), (Some(0), 4), "{report:#}");
    assert_eq!(line(&report, "7-41", "traffic_out")["state"], "already");
    // Less is only said.
    adjust("-11 GiB").await;
    let (code, report) = house.bill(NOW, &["--corrections"]).await;
    let less = line(&report, "7-41", "traffic_out")["reason"].as_str().unwrap().to_string();
    assert_eq!((code, house.items().len()), (Some(0), 4), "{less}");
    assert!(less.contains("-4.07 EUR") && less.contains("credit note"), "{less}");
    assert_eq!(house.items()[..3], before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_of_the_whole_month_is_withheld() {
    // Ten days between two looks: what was held is not known, what was sent in the month is.
    let house = House::open_at(PRICES, "26h", &[0, 10, 31]).await;
    let look = house.rehearse().await;
    assert_eq!(line(&look, "7-41", "traffic_out")["state"], "would_create");
    let stored = line(&look, "7-41", "storage");
    assert_eq!(stored["state"], "withheld");
    assert!(stored["reason"].as_str().unwrap().contains("incomplete = \"bill\""), "{stored}");
    // Nobody looked at its end: how much of it belongs to the next month is a guess.
    let house = House::open_at(PRICES, "26h", &[0, 10, 33]).await;
    let look = house.rehearse().await;
    assert_eq!(line(&look, "7-41", "traffic_out")["state"], "withheld", "{look:#}");
    let config = std::fs::read_to_string(house.site.config()).unwrap();
    house.site.write(
        "whmeter.toml",
        &config.replace("price = \"0.37\"", "price = \"0.37\"\nincomplete = \"bill\""),
    );
    let look = house.rehearse().await;
    assert_eq!(line(&look, "7-41", "traffic_out")["state"], "would_create", "{look:#}");
    // Not seen since it ended, it is not closed, however late it is.
    let house = House::open_at(PRICES, "800h", &[0, 10, 20]).await;
    let look = house.rehearse().await;
    assert!(states(&look).iter().all(|state| *state == "withheld"));
    assert!(look["lines"][0]["reason"].as_str().unwrap().contains("has not been polled since"), "{look:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_no_line_and_what_is_missing_is_said() {
    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.mishap("AddBillableItem", MishapKind::Error("Client ID not Found".into()), Some(1));
    let (code, report) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len()), (Some(1), 2), "{report:#}");
    assert!(report.to_string().contains("Client ID not Found"));
    assert_eq!(states(&report).iter().filter(|state| **state == "refused").count(), 1);
    let (code, _) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len()), (Some(0), 3), "a no may become a yes");

    let house = House::open(PRICES).await;
    house.rehearse().await;
    house.whmcs.switch(|switches| assert!(switches.allowed.remove("AddBillableItem")));
    let (code, report) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len(), house.created()), (Some(1), 0, 1), "one no is enough: {report:#}");
    assert!(report.to_string().contains("does not allow AddBillableItem"), "{report:#}");
    house.whmcs.stop();
    let down = house.site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(1);
    assert!(down.contains("nothing was billed"), "{down}");

    for (arguments, code, said) in [
        (vec!["invoice"], 2, "--month"),
        (vec!["invoice", "--month", "2026-13"], 2, "2026-13"),
        (vec!["invoice", "--from", "2026-12-02", "--to", "2026-12-02"], 2, "ends after"),
        (vec!["invoice", "--month", "2026-12", "--dry-run", "x.txt"], 2, ".csv"),
        (vec!["invoice", "--month", "2026-12", "--dry-run", "no/such/x.csv"], 1, "no/such"),
        (vec!["invoice", "--month", "2026-12", "--backend", "s4"], 2, "s4"),
    ] {
        let ran = house.site.at(NOW, &arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran:?}");
    }
    let config = std::fs::read_to_string(house.site.config()).unwrap();
    house.site.write("whmeter.toml", &config.replace(PRICES, ""));
    let none = house.site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(2);
    assert!(none.contains("[[price]]"), "{none}");
    house.site.write("whmeter.toml", &config.replace("identifier =", "# identifier ="));
    let none = house.site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(2);
    assert!(none.contains("identifier"), "{none}");
    house.site.write("whmeter.toml", &config.replace("\"0.37\"", "0.37"));
    let float = house.site.at(NOW, &["invoice", "--month", "2026-12"]).await.failure(2);
    assert!(float.contains("price[0].price") && float.contains("price = \"0.37\""), "{float}");
}

/// The services of the house with some more keys of the first, and more services.
fn services(first: Value, more: &[Value]) -> Value {
    let service = |id: u64, client: u64, name: &str, storage: u64| {
        json!({ "id": id, "client": client, "username": name, "product": "S3 [big]", "status": "Active",
            "limits": { "storage": storage } })
    };
    let mut all = vec![service(7732, 1043, "7-42", 0), service(7733, 1044, "8-77", GIB)];
    if let Value::Object(keys) = first {
        let mut one = service(7731, 1042, "7-41", 2 * GIB);
        one.as_object_mut().unwrap().extend(keys);
        all.push(one);
    }
    all.extend_from_slice(more);
    json!({ "schema": 1, "services": all })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_accounts_of_a_service_are_one_line() {
    let house = House::open(PRICES).await;
    let told = house.put(NOW, "services", &services(json!({ "registered": "2026-12-01" }), &[])).await;
    assert_eq!(told.status, 200, "{}", told.text());
    for name in ["7-41", "7-411"] {
        house.site.at(NOW, &["map", "set", "s3", name, "7731", "--force"]).await.good();
    }
    house.poll(NOW).await;
    let look = house.rehearse().await;
    let out = line(&look, "7-41", "traffic_out");
    // Both accounts' bytes, and one included GiB.
    let over = u128::from(house.sent("7-41") + house.sent("7-411") - GIB);
    assert_eq!(out["amount"], cents(over, 1, 37_000).as_str(), "{out}");
    assert!(out["reason"].as_str().unwrap().contains("the sum of s3/7-41, s3/7-411"), "{out}");
    let held = 2 * (u128::from(10 * GIB) * 14_400 + u128::from(40 * GIB) * 21 * 1_440);
    let month = 31 * 1_440;
    let stored = line(&look, "7-41", "storage");
    let due = cents(held - u128::from(2 * GIB) * month, month, 5_120);
    assert_eq!(stored["amount"], due.as_str(), "{stored}");
    let lines = look["lines"].as_array().unwrap();
    assert!(lines.iter().all(|line| line["account"] != "7-411"), "{look:#}");
    let (code, billed) = house.bill(NOW, &[]).await;
    assert_eq!((code, house.items().len()), (Some(0), 3), "{billed:#}");
    // Whoever asks about the other account is shown the item too.
    let why = ["explain", "s3", "7-411", "storage", "--month", "2026-12"];
    let why = house.site.at(NOW, &why).await.good();
    assert!(why.contains("EUR for 2026-12-01 to 2027-01-01, created as item"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_contested_waits_and_what_an_ended_service_used_is_its_own() {
    let house = House::open(PRICES).await;
    let twin = json!({ "id": 7735, "client": 1045, "username": "7-41", "product": "S3", "status": "Active" });
    let told = house.put(NOW, "services", &services(json!({}), &[twin])).await;
    assert_eq!(told.status, 200, "{}", told.text());
    house.poll(NOW).await;
    let look = house.rehearse().await;
    for meter in ["storage", "traffic_out"] {
        let line = line(&look, "7-41", meter);
        assert_eq!((&line["state"], &line["service"]), (&json!("withheld"), &json!(7731)), "{line}");
        assert!(line["reason"].as_str().unwrap().contains("ambiguous"), "{line}");
    }
    // Neither is sold any more: what the one has used while it had the account is billed to its client.
    let told = house.put(NOW + 60, "services", &services(Value::Null, &[])).await;
    assert_eq!(told.status, 200, "{}", told.text());
    house.poll(NOW + 60).await;
    let look = house.rehearse().await;
    let out = line(&look, "7-41", "traffic_out");
    assert_eq!((&out["state"], &out["client"]), (&json!("would_create"), &json!(1042)), "{out}");
    assert_eq!(out["amount"], cents(u128::from(house.sent("7-41") - GIB), 1, 37_000).as_str(), "{out}");
    // Its limit is as it was told last.
    assert_eq!(line(&look, "7-41", "storage")["amount"], "1.45");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_something_else_has_billed_are_on_no_invoice() {
    let house = House::open(PRICES).await;
    let config = std::fs::read_to_string(house.site.config()).unwrap();
    let bill_from = |day: &str| {
        let zone = "timezone = \"Europe/Warsaw\"";
        house.site.write("whmeter.toml", &config.replace(zone, &format!("{zone}\nbill_from = {day:?}")));
    };
    let whole = house.rehearse().await;
    bill_from("2026-12-11");
    let look = house.rehearse().await;
    assert!(look["notes"].to_string().contains("days before 2026-12-11 are not billed by us"), "{look:#}");
    let out = line(&look, "7-41", "traffic_out");
    // Looked at on the midnight of that day: what was sent until then is on the day before.
    let before = house.sent_until("7-41", 10);
    let over = u128::from(house.sent("7-41") - before - GIB);
    assert!(before >= 3 * GIB, "{before}");
    assert_eq!(out["amount"], cents(over, 1, 37_000).as_str(), "{out}");
    assert_eq!(out["tag"], "[whm 7731/2026-12-11..2027-01-01/traffic_out]");
    let stored = line(&look, "7-41", "storage");
    let (level, days) = (u128::from(40 * GIB), 21 * 1_440);
    let over = (level - u128::from(2 * GIB)) * days;
    assert_eq!(stored["amount"], cents(over, days, 5_120).as_str(), "{stored}");

    let (code, billed) = house.bill(NOW, &[]).await;
    assert_eq!(code, Some(0), "{billed:#}");
    let made = house.created();
    assert!(made > 0 && states(&billed).contains(&"created"), "{billed:#}");
    // What ended before is not billed at all, and the whole month not beside a part of it.
    bill_from("2027-01-01");
    let nothing = house.rehearse().await;
    assert_eq!(nothing["lines"], json!([]), "{nothing:#}");
    bill_from("2026-12-01");
    let (_, again) = house.bill(NOW + DAY, &[]).await;
    assert_eq!(house.created(), made, "{again:#}");
    assert_eq!(whole["lines"].as_array().unwrap().len(), again["lines"].as_array().unwrap().len());
}
