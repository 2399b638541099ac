//! The fake WHMCS against what its API documentation prints: keys, wrappings, error texts.
#![allow(clippy::unwrap_used)]

use base64::Engine;
use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::whmcs::{Options, TemplatesShape, Whmcs};

const NOW: i64 = 1_795_226_400;

async fn start() -> Whmcs {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let common = panel::Options { accounts: 3, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    Whmcs::start(Options { common, ..Options::default() }).await.unwrap()
}

async fn call(whmcs: &Whmcs, secret: &str, action: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
    let settings = whmcs.settings();
    let own = [
        ("action", action),
        ("identifier", settings["identifier"].as_str()),
        ("secret", secret),
        ("responsetype", "json"),
    ];
    let form = reqwest::Url::parse_with_params("form:", own.iter().chain(parameters)).unwrap();
    let request = reqwest::Client::new().post(&settings["url"]).body(form.query().unwrap().to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn ask(whmcs: &Whmcs, action: &str, parameters: &[(&str, &str)]) -> Value {
    call(whmcs, &whmcs.settings()["secret"], action, parameters).await.1
}

fn error(message: &str) -> Value {
    json!({ "result": "error", "message": message })
}

#[tokio::test]
async fn whoever_may_not_ask_is_told_why() {
    let whmcs = start().await;
    assert_eq!(call(&whmcs, "wrong", "WhmcsDetails", &[]).await, (403, error("Authentication Failed")));
    whmcs.switch(|switches| assert!(switches.allowed.remove("SendEmail")));
    let refused = "Invalid Permissions: API action \"sendemail\" is not allowed";
    assert_eq!(ask(&whmcs, "SendEmail", &[]).await, error(refused));
    whmcs.switch(|switches| switches.allowed_ip = Some("203.0.113.9".parse().unwrap()));
    whmcs.switch(|switches| switches.access_key = Some("key".into()));
    assert_eq!(ask(&whmcs, "WhmcsDetails", &[]).await, error("Invalid IP 127.0.0.1"));
    let told = ask(&whmcs, "WhmcsDetails", &[("accesskey", "key")]).await;
    assert_eq!(told["whmcs"]["canonicalversion"], "9.0.2-release.1");
}

#[tokio::test]
async fn services_come_in_pages_with_numbers_as_texts_and_a_password() {
    let whmcs = start().await;
    let page = [("limitstart", "1"), ("limitnum", "1")];
    let told = ask(&whmcs, "GetClientsProducts", &page).await;
    assert_eq!((&told["totalresults"], &told["numreturned"]), (&json!("3"), &json!("1")));
    let row = &told["products"]["product"][0];
    assert_eq!(
        (&row["id"], &row["clientid"], &row["serverid"]),
        (&json!("7732"), &json!("1043"), &json!("12"))
    );
    assert_eq!(row["password"], "PLAIN-TEXT-HERE");
    whmcs.switch(|switches| switches.numbers_as_texts = false);
    let told = ask(&whmcs, "GetClientsProducts", &[("username2", "1044-7733")]).await;
    assert_eq!(told["products"]["product"][0]["id"], 7733);
    let none = ask(&whmcs, "GetClientsProducts", &[("username2", "nobody")]).await;
    assert_eq!((&none["totalresults"], none.get("products")), (&json!(0), None));
}

#[tokio::test]
async fn templates_are_listed_nested_or_flattened() {
    let whmcs = start().await;
    let name = "puqMinIOS3 Notification disk limit";
    let told = ask(&whmcs, "GetEmailTemplates", &[("type", "product")]).await;
    assert_eq!(told["emailtemplates"]["emailtemplate"][0]["name"], name);
    whmcs.switch(|switches| switches.templates_shape = TemplatesShape::Flattened);
    let told = ask(&whmcs, "GetEmailTemplates", &[("type", "product")]).await;
    assert_eq!(told["emailtemplates[emailtemplate][0][name]"], name);
    assert_eq!(ask(&whmcs, "GetEmailTemplates", &[("type", "invoice")]).await, json!({"result": "success"}));
}

#[tokio::test]
async fn items_wait_for_invoices_and_are_listed_nowhere_else() {
    let whmcs = start().await;
    let right = [
        ("clientid", "1042"),
        ("description", "Traffic [whm 7731/2026-10/traffic_out]"),
        ("amount", "1.50"),
        ("unit", "quantity"),
        ("quantity", "1"),
        ("invoiceaction", "nextinvoice"),
    ];
    for (key, wrong, message) in [
        ("clientid", "1", "Client ID not Found"),
        ("description", "", "You must provide a description"),
        ("unit", "", "Invalid Unit, please specify either 'hours' or 'quantity'"),
        ("invoiceaction", "soon", "Invalid Invoice Action"),
    ] {
        let parameters = right.map(|(name, value)| (name, if name == key { wrong } else { value }));
        assert_eq!(ask(&whmcs, "AddBillableItem", &parameters).await, error(message));
    }
    assert!(whmcs.items().is_empty());
    let made = ask(&whmcs, "AddBillableItem", &right).await;
    assert_eq!(made, json!({ "result": "success", "billableid": "1" }));
    whmcs.switch(|switches| switches.status_for_result = true);
    let made = ask(&whmcs, "AddBillableItem", &right).await;
    assert_eq!(made, json!({ "status": "success", "billableid": "2" }));
    let mine = [("userid", "1042")];
    assert_eq!(ask(&whmcs, "GetInvoices", &mine).await["totalresults"], "0");
    whmcs.make_invoices();
    let list = ask(&whmcs, "GetInvoices", &mine).await;
    assert_eq!(list["invoices"]["invoice"][0]["date"], "2026-11-21");
    let one = ask(&whmcs, "GetInvoice", &[("invoiceid", "1")]).await;
    let item = &one["items"]["item"][2];
    assert_eq!(
        (&item["type"], &item["relid"], &item["amount"]),
        (&json!("Item"), &json!("2"), &json!("1.50"))
    );
    whmcs.switch(|switches| switches.templates_shape = TemplatesShape::Flattened);
    let one = ask(&whmcs, "GetInvoice", &[("invoiceid", "1")]).await;
    assert_eq!(one["items[item][1][description]"], "Traffic [whm 7731/2026-10/traffic_out]");
    assert_eq!(ask(&whmcs, "GetInvoice", &[("invoiceid", "9")]).await, error("Invoice ID Not Found"));
    assert_eq!(ask(&whmcs, "GetInvoices", &[("userid", "1043")]).await["totalresults"], "0");
}

#[tokio::test]
async fn a_mail_needs_wording_a_service_and_variables_that_php_can_read() {
    let whmcs = start().await;
    let named = ("messagename", "puqMinIOS3 Notification disk limit");
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let wrong = encode("a:1:{s:1:\"a\";s:1:\"ü\";}");
    let unlimited = encode("a:1:{s:16:\"disk_limit_bytes\";s:0:\"\";}");
    for (parameters, message) in [
        (
            &[("id", "7731")][..],
            "You must provide either an existing email template name or a custom message type",
        ),
        (&[("id", "7731"), ("customtype", "pigeon")], "Invalid message type provided"),
        (&[("id", "7731"), ("customtype", "product")], "A subject is required for a custom message"),
        (
            &[("id", "7731"), ("customtype", "product"), ("customsubject", "x")],
            "A message body is required for a custom message",
        ),
        (&[named], "A related ID is required"),
        (&[("messagename", "Mine"), ("id", "7731")], "Email Template not found"),
        (&[named, ("id", "7731"), ("customvars", &wrong)], "The custom variables you provided are invalid."),
        (
            &[named, ("id", "7731"), ("customvars", "no base64!")],
            "The custom variables you provided are invalid.",
        ),
        (&[named, ("id", "1")], "Sending Failed. Please see documentation."),
        // Without our numbers the template cannot calculate.
        (&[named, ("id", "7731")], "Sending Failed. Please see documentation."),
        (&[named, ("id", "7731"), ("customvars", &unlimited)], "Sending Failed. Please see documentation."),
    ] {
        assert_eq!(ask(&whmcs, "SendEmail", parameters).await, error(message), "{parameters:?}");
    }
    assert!(whmcs.outbox().is_empty());
    let own =
        [("customtype", "product"), ("customsubject", "Hi {$client_name}"), ("custommessage", "<p>x</p>")];
    let own = own.into_iter().chain([("id", "7732")]).collect::<Vec<_>>();
    assert_eq!(ask(&whmcs, "SendEmail", &own).await, json!({"result": "success"}));
    let log = ask(&whmcs, "GetEmails", &[("clientid", "1043")]).await;
    let mail = &log["emails"]["email"][0];
    // An hour ahead of UTC, as this WHMCS is by itself.
    assert_eq!((&mail["subject"], &mail["date"]), (&json!("Hi Client 1"), &json!("2026-11-21 03:00:00")));
    assert_eq!(whmcs.operate("outbox", &Value::Null).unwrap()[0]["service"], 7732);
}
