//! Accounts that nobody pays for get their services in WHMCS: once, whatever becomes of the answers, and the panel hears
//! nothing of it.

use std::time::Instant;

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::requests::Asked;
use whmeter_simulators::whmcs::{MishapKind, Options, Whmcs};

use crate::support::panels::{section, settings};
use crate::support::program::{PATIENCE, Ran, Site, free_port};

const NOW: i64 = 1_796_900_400;
const WRITES: [&str; 3] = ["AddOrder", "AcceptOrder", "UpdateClientProduct"];
/// What the panel's own accounts have.
const PLAN: &str = "default";

/// A panel with packages, and a WHMCS that sells nothing on its server yet.
struct Scene {
    site: Site,
    panel: Box<dyn SimulatedPanel>,
    whmcs: Whmcs,
    port: u16,
    /// The accounts of the package, by name, with their domains.
    accounts: Vec<(String, String)>,
}

impl Scene {
    async fn open(more: &str) -> Scene {
        let options =
            panel::Options { accounts: 40, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
        let panel = whmeter_simulators::kind("cpanel").unwrap().start(options).await.unwrap();
        let common =
            panel::Options { accounts: 2, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
        let whmcs = Whmcs::start(Options { common, ..Options::default() }).await.unwrap();
        whmcs.change(|world| world.clients[0].gateway = "paypal".into());
        let port = free_port();
        let backend = section(&*panel, "web", "every = \"1h\"\nwhmcs_server = 12");
        let site = Site::new(&format!("{}{more}", crate::house(port, &settings_of(&whmcs), "", &[backend])));
        let state = panel.operate("state", &json!({})).unwrap();
        let of_plan = state["accounts"].as_object().unwrap().iter().filter(|(_, one)| one["plan"] == PLAN);
        let mut accounts: Vec<(String, String)> =
            of_plan.map(|(name, _)| (name.clone(), format!("{name}.example"))).collect();
        accounts.sort();
        let scene = Scene { site, panel, whmcs, port, accounts };
        scene.site.polled(NOW).await;
        scene.sell(NOW, &[]).await;
        scene.poll(NOW + 60).await;
        scene.panel.knobs().requests.clear();
        scene
    }

    async fn poll(&self, now: i64) {
        self.panel.knobs().clock.freeze_at(now);
        self.site.polled(now).await;
    }

    /// What WHMCS's module sends of the services of its server.
    async fn sell(&self, now: i64, services: &[Value]) {
        let clock = self.site.path().join("clock");
        std::fs::write(&clock, now.to_string()).unwrap();
        let daemon = self.site.start_told(self.port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
        let body = json!({ "schema": 1, "services": services }).to_string();
        let got = daemon.send(request.header("content-type", "application/json").body(body)).await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text());
        daemon.stop().await;
    }

    fn name(&self, index: usize) -> &str {
        &self.accounts[index].0
    }

    async fn adopt(&self, now: i64, account: &str, more: &[&str]) -> Ran {
        let arguments = [&["adopt", "web", account, "--client", "1042", "--product", "31"], more].concat();
        self.site.at(now, &arguments).await
    }

    /// The state of the one row, and its reason.
    async fn adopted(&self, now: i64, account: &str, more: &[&str]) -> (String, String) {
        let ran = self.adopt(now, account, &[&["--json"], more].concat()).await;
        let rows: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        let word = |key: &str| rows[0][key].as_str().unwrap().to_string();
        let state = word("state");
        assert_eq!(ran.code == Some(0), ["adopted", "already", "would_adopt"].contains(&&*state), "{ran:?}");
        (state, word("reason"))
    }

    /// Why it is refused.
    async fn refused(&self, now: i64, account: impl AsRef<str>, more: impl AsRef<[&str]>) -> String {
        let (state, reason) = self.adopted(now, account.as_ref(), more.as_ref()).await;
        assert_eq!(state, "refused", "{reason}");
        reason
    }

    fn sent(&self) -> [u64; 3] {
        WRITES.map(|action| self.whmcs.knobs().requests.count(action))
    }

    /// Every service in WHMCS that an order of ours made: none invoiced, mailed or provisioned.
    fn made(&self) -> Vec<(u64, String, u64, String, String)> {
        for order in self.whmcs.orders() {
            assert!(!order.invoiced && !order.mailed && !order.provisioned, "{order:?}");
        }
        assert_eq!(self.whmcs.outbox(), []);
        let services = self.whmcs.services().into_iter().filter(|service| service.order >= 6000);
        let shown = |one: whmeter_simulators::whmcs::Service| {
            (one.client, one.username, one.server, one.domain, one.status)
        };
        services.map(shown).collect()
    }

    fn whole(&self, index: usize) -> (u64, String, u64, String, String) {
        let (name, domain) = self.accounts[index].clone();
        (1042, name, 12, domain, "Active".into())
    }

    /// The acts of an account, newest first.
    async fn acts(&self, account: &str) -> Vec<String> {
        let shown = self.site.at(NOW, &["policy", "show", "web", account, "--json"]).await.json();
        let acts = shown["acts"].as_array().unwrap().iter();
        acts.map(|act| act["action"].as_str().unwrap().to_string()).collect()
    }

    /// The panel was asked for nothing, and WHMCS for nothing that reaches a panel.
    fn panel_is_untouched(&self) {
        assert_eq!(self.panel.knobs().requests.all(), Vec::<Asked>::new());
        let asked = self.whmcs.knobs().requests.all();
        let modules = asked.iter().filter(|asked| asked.path.starts_with("Module"));
        assert_eq!(modules.count(), 0, "{asked:?}");
    }
}

fn settings_of(whmcs: &Whmcs) -> String {
    format!("{}max_age = \"26h\"", settings(whmcs))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_looked_at_then_adopted_once_and_is_its_services_from_then_on() {
    let scene = Scene::open("").await;
    let name = scene.name(0);
    // A look writes nothing, anywhere.
    let look = scene.adopt(NOW + 90, name, &["--dry-run"]).await.good();
    for part in ["product 31 (S3 Storage 100)", "monthly by paypal", "server 12", name, "nothing was written"]
    {
        assert!(look.contains(part), "{part}: {look}");
    }
    assert_eq!((scene.sent(), scene.made()), ([0; 3], vec![]));
    assert_eq!(scene.acts(name).await, Vec::<String>::new());

    let told = scene.adopt(NOW + 100, name, &[]).await.good();
    assert!(told.contains("--since") && told.contains("adopted"), "{told}");
    assert_eq!(scene.made(), [scene.whole(0)]);
    assert_eq!(scene.acts(name).await, ["adopt", "order"]);
    assert_eq!(scene.whmcs.orders()[0].cycle, "monthly");
    // The same again asks for nothing.
    let sent = scene.sent();
    assert_eq!(scene.adopted(NOW + 200, name, &[]).await.0, "already");
    assert_eq!(scene.adopted(NOW + 200, name, &["--dry-run"]).await.0, "already");
    assert_eq!((scene.sent(), scene.acts(name).await.len()), (sent, 2));
    scene.panel_is_untouched();

    // WHMCS lists it: the account is its.
    let made = scene.whmcs.services().into_iter().find(|service| service.username == name).unwrap();
    let service = json!({ "id": made.id, "client": made.client, "username": made.username, "status": made.status,
        "product": made.product });
    scene.sell(NOW + 300, &[service]).await;
    scene.poll(NOW + 360).await;
    let map = scene.site.at(NOW + 400, &["map", "list", "--json"]).await.json();
    let row = map.as_array().unwrap().iter().find(|row| row["account"] == name).unwrap().clone();
    assert_eq!((&row["service"], &row["state"]), (&json!(made.id), &json!("pinned")), "{row}");
    scene.site.at(NOW + 400, &["verify"]).await.good();
    scene.site.check_never_said(&[&scene.whmcs.settings()["secret"], "PLAIN-TEXT-HERE"]);

    // Its customer leaves, and the account stays: somebody has to look before it is sold again.
    let over = json!({ "id": made.id, "client": made.client, "username": made.username, "status": "Terminated",
        "product": made.product });
    scene.sell(NOW + 500, &[over]).await;
    scene.poll(NOW + 560).await;
    let (state, reason) = scene.adopted(NOW + 600, name, &[]).await;
    assert!(state == "refused" && reason.contains("which is Terminated"), "{state}: {reason}");
    assert_eq!(scene.sent()[0], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_again_and_nothing_is_ordered_twice() {
    let scene = Scene::open("").await;
    let lost = [MishapKind::DoneThenGatewayTimeout, MishapKind::PhpWarning];
    let mut at = NOW + 100;
    let mut next = 0;
    for action in WRITES {
        for kind in &lost {
            scene.whmcs.mishap(action, kind.clone(), Some(1));
            // Whatever is lost is read back in the same run.
            let (state, reason) = scene.adopted(at, scene.name(next), &[]).await;
            assert_eq!(state, "adopted", "{action} {kind:?}: {reason}");
            assert_eq!(scene.made()[next], scene.whole(next), "{action} {kind:?}");
            (next, at) = (next + 1, at + 10);
        }
    }
    assert_eq!(scene.sent()[0], 6, "an order each");
    assert_eq!(scene.whmcs.orders().len(), 6);
    // Each step fails without being done; the next run goes on from there, with the reads that it needs.
    for (action, done) in [("AcceptOrder", [1, 2, 1]), ("UpdateClientProduct", [1, 1, 2])] {
        let before = scene.sent();
        scene.whmcs.mishap(action, MishapKind::Page(500), Some(1));
        let (state, reason) = scene.adopted(at, scene.name(next), &[]).await;
        assert_eq!(state, "unfinished", "{reason}");
        assert!(reason.contains("run it again") && reason.contains("order 60"), "{reason}");
        assert_eq!(scene.adopted(at + 5, scene.name(next), &[]).await.0, "adopted");
        let after = scene.sent();
        assert_eq!([0, 1, 2].map(|index| after[index] - before[index]), done, "{action}");
        assert_eq!(scene.made()[next], scene.whole(next));
        assert_eq!(scene.acts(scene.name(next)).await, ["adopt", "order"]);
        (next, at) = (next + 1, at + 10);
    }
    scene.panel_is_untouched();

    // A no of the API is certain: nothing is there, and it may be tried again.
    scene.whmcs.mishap("AddOrder", MishapKind::Error("No items added to cart".into()), Some(1));
    assert_eq!(scene.adopted(at, scene.name(0), &[]).await.0, "already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_nobody_can_tell_of_waits_for_an_operator() {
    let scene = Scene::open("").await;
    let name = scene.name(0);
    // Certain: it was not made.
    scene.whmcs.mishap("AddOrder", MishapKind::Error("No items added to cart".into()), Some(1));
    let (state, reason) = scene.adopted(NOW + 100, name, &[]).await;
    assert_eq!(state, "refused", "{reason}");
    // Not certain: a page that says nothing, and no such service.
    scene.whmcs.mishap("AddOrder", MishapKind::Page(500), Some(1));
    let (state, reason) = scene.adopted(NOW + 110, name, &[]).await;
    assert_eq!(state, "unfinished", "{reason}");
    for part in ["not sent again", "client 1042", "product 31", "adopt-2-", ".web.invalid", "--settle absent"]
    {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    for at in [NOW + 120, NOW + 4_000] {
        assert_eq!(scene.adopted(at, name, &[]).await.0, "unfinished");
    }
    assert_eq!(scene.sent()[0], 2, "never by itself");
    // It is among what does not fit, until it is finished or settled.
    let open = || async {
        let found = scene.site.at(NOW + 4_000, &["report", "--what", "adoptions", "--json"]).await.json();
        let rows = found.as_array().unwrap().iter();
        let words = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_string();
        rows.map(|row| (words(row, "account"), words(row, "state"), words(row, "detail"))).collect::<Vec<_>>()
    };
    let [(account, state, detail)] = <[_; 1]>::try_from(open().await).unwrap();
    assert_eq!((account.as_str(), state.as_str()), (name, "ordering"));
    for part in ["adopt-2-", &format!("`whmeter adopt web {name} --client 1042`")] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // Another's wish is not mixed up with it.
    let other =
        scene.site.at(NOW + 4_000, &["adopt", "web", name, "--client", "1043", "--product", "31"]).await;
    assert!(other.stdout.contains("has begun") && other.code == Some(1), "{other:?}");
    let settle = ["adopt", "web", name, "--settle", "absent"];
    let young = scene.site.at(NOW + 200, &settle).await.failure(1);
    assert!(young.contains("under way"), "{young}");
    scene.site.at(NOW + 5_000, &settle).await.good();
    assert_eq!(scene.adopted(NOW + 5_010, name, &[]).await.0, "adopted");
    assert_eq!((scene.sent()[0], scene.made()), (3, vec![scene.whole(0)]));
    assert_eq!(open().await, []);
    let again = scene.site.at(NOW + 9_000, &settle).await.failure(1);
    assert!(again.contains("no adoption of it is open"), "{again}");

    // Whoever says that nothing is there, where WHMCS says that it is, is told so.
    let name = scene.name(1);
    scene.whmcs.mishap("AcceptOrder", MishapKind::Page(500), Some(1));
    assert_eq!(scene.adopted(NOW + 9_000, name, &[]).await.0, "unfinished");
    let there = scene.site.at(NOW + 9_900, &["adopt", "web", name, "--settle", "absent"]).await.failure(1);
    assert!(there.contains("is in WHMCS and Pending"), "{there}");
    let [(_, state, detail)] = <[_; 1]>::try_from(open().await).unwrap();
    assert!(state == "ordered" && detail.contains("its order 60"), "{state}: {detail}");
    // It is cancelled there: then it goes no further, and may be ordered anew.
    scene.whmcs.change(|world| {
        let order = world.orders.last_mut().unwrap();
        order.status = "Cancelled".into();
        let service = world.services.last_mut().unwrap();
        service.status = "Cancelled".into();
    });
    let (state, reason) = scene.adopted(NOW + 9_910, name, &[]).await;
    assert!(state == "unfinished" && reason.contains("Cancelled"), "{reason}");
    scene.site.at(NOW + 9_920, &["adopt", "web", name, "--settle", "absent"]).await.good();
    assert_eq!(scene.adopted(NOW + 9_930, name, &[]).await.0, "adopted");
    scene.panel_is_untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_answer_or_run_four_at_once_it_orders_once() {
    let scene = Scene::open("").await;
    let name = scene.name(0);
    scene.whmcs.mishap("AddOrder", MishapKind::DoneThenSilent(30_000), Some(1));
    let mut run = scene.site.command(&["adopt", "web", name, "--client", "1042", "--product", "31"]);
    run.env("WHMETER_NOW", (NOW + 100).to_string()).stdout(std::process::Stdio::null());
    let mut run = run.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while scene.whmcs.orders().is_empty() {
        assert!(Instant::now() < deadline, "it never ordered");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    run.kill().await.unwrap();
    assert_eq!(scene.adopted(NOW + 110, name, &[]).await.0, "adopted");
    assert_eq!((scene.sent()[0], scene.made()), (1, vec![scene.whole(0)]));

    let name = scene.name(1);
    scene.whmcs.mishap("AddOrder", MishapKind::Slow(300), Some(1));
    let runs = (0..4).map(|_| scene.adopted(NOW + 200, name, &[]));
    let ended = futures_util::future::join_all(runs).await;
    assert!(ended.iter().any(|(state, _)| state == "adopted"), "{ended:?}");
    assert_eq!((scene.sent()[0], scene.made().len()), (2, 2), "{ended:?}");
    assert_eq!(scene.adopted(NOW + 300, name, &[]).await.0, "already");
    assert_eq!(scene.acts(name).await, ["adopt", "order"], "once, whoever did it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_is_adopted_account_by_account_and_a_failure_stops_no_other() {
    let rule = format!(
        "\n[[adopt]]\npackage = {PLAN:?}\nproduct_id = 31\nbilling_cycle = \"annually\"\npayment_method = \"mailin\"\n"
    );
    let scene = Scene::open(&rule).await;
    let all = scene.accounts.len();
    assert!(all >= 4, "{:?}", scene.accounts);
    // Somebody has the first one's username on this server, and the list does not say so yet.
    let first = scene.name(0).to_string();
    scene.whmcs.change(|world| world.services[0].username = first.to_uppercase());
    let run = |more: &'static [&'static str]| {
        let arguments = [&["adopt", "--all", "--package", PLAN, "--client", "1042", "--json"], more].concat();
        let site = &scene.site;
        async move { site.at(NOW + 100, &arguments).await }
    };
    let states = |ran: &Ran| {
        let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        rows.iter().map(|row| row["state"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let look = run(&["--dry-run"]).await;
    assert_eq!(states(&look).iter().filter(|state| *state == "would_adopt").count(), all - 1, "{look:?}");
    assert_eq!(scene.sent(), [0; 3]);
    let some = run(&["--limit", "3"]).await;
    assert_eq!(
        (some.code, states(&some)),
        (Some(1), vec!["refused".to_string(), "adopted".into(), "adopted".into(), "adopted".into()])
    );
    assert!(some.stdout.contains("with the username") && some.stdout.contains("map set"), "{some:?}");
    scene.whmcs.mishap("AddOrder", MishapKind::Page(500), Some(1));
    let rest = run(&["--on", "web"]).await;
    let count = |state: &str| states(&rest).iter().filter(|found| *found == state).count();
    // Those of before are theirs to be: the pin says so until WHMCS lists them.
    assert_eq!((rest.code, count("unfinished"), count("refused")), (Some(1), 1, 1), "{rest:?}");
    assert_eq!(count("adopted") + count("already"), all - 2, "{rest:?}");
    assert_eq!(scene.made().len(), all - 2);
    assert!(scene.whmcs.orders().iter().all(|order| order.cycle == "annually"));
    scene.panel_is_untouched();
    scene
        .site
        .at(NOW, &["adopt", "--all", "--package", PLAN, "--client", "1042", "--on", "wed"])
        .await
        .failure(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_be_paid_for_already_is_not_adopted_and_the_reason_says_what_to_do() {
    let scene = Scene::open("").await;
    let (name, other) = (scene.name(0), scene.name(1));
    for (account, more, part) in [
        ("nobody", vec![], "was ever seen"),
        (name, vec!["--client", "4711"], "no client 4711"),
        (name, vec!["--product", "4711"], "no product 4711"),
        (name, vec!["--product", "90"], "companions"),
        (name, vec!["--payment-method", "gold"], "mailin, paypal"),
        (name, vec!["--client", "1043"], "--payment-method"),
    ] {
        let arguments = ["adopt", "web", account, "--json"];
        let given = |flag: &str| more.contains(&flag);
        let mut arguments = arguments.to_vec();
        if !given("--client") {
            arguments.extend(["--client", "1042"]);
        }
        if !given("--product") {
            arguments.extend(["--product", "31"]);
        }
        arguments.extend(&more);
        let ran = scene.site.at(NOW + 100, &arguments).await;
        assert!(ran.code == Some(1) && ran.stdout.contains(part), "{part}: {ran:?}");
    }
    let warned = scene
        .site
        .at(NOW + 100, &["adopt", "web", name, "--client", "1042", "--product", "32", "--dry-run"])
        .await;
    assert!(warned.good().contains("will not reach the panel"));
    scene.whmcs.change(|world| world.clients[0].status = "Closed".into());
    assert!(scene.refused(NOW + 100, name, []).await.contains("Closed"));
    scene.whmcs.change(|world| world.clients[0].status = "Active".into());
    // Of a list that is older than max_age it is not known whether it is still so; nor of one that never came.
    let old = scene.refused(NOW + 27 * 3_600, name, []).await;
    assert!(old.contains("older than max_age"), "{old}");
    // In another spelling, pending, or mapped by hand: it is not ours to say that nobody pays.
    let service = |id: u64, username: &str, status: &str| json!({ "id": id, "client": 1043, "username": username, "status": status, "product": "S3" });
    scene
        .sell(NOW + 200, &[service(501, &name.to_uppercase(), "Active"), service(502, other, "Pending")])
        .await;
    let reason = scene.refused(NOW + 210, name, []).await;
    assert!(reason.contains("service 501") && reason.contains("map set"), "{reason}");
    let reason = scene.refused(NOW + 210, other, []).await;
    assert!(reason.contains("502") && reason.contains("accept its order"), "{reason}");
    scene.site.at(NOW + 220, &["map", "set", "web", scene.name(2), "777", "--force"]).await.good();
    let reason = scene.refused(NOW + 230, scene.name(2), []).await;
    assert!(reason.contains("by hand to service 777"), "{reason}");
    assert_eq!(scene.sent(), [0; 3], "none of it was asked for");
    let config = std::fs::read_to_string(scene.site.config()).unwrap();
    scene.site.write("whmeter.toml", &config.replace("whmcs_server = 12", ""));
    assert!(scene.refused(NOW + 240, name, []).await.contains("whmcs_server"));
    let companion = config.replace("max_age = \"26h\"", "max_age = \"26h\"\ncompanion_servers = [12]");
    scene.site.write("whmeter.toml", &companion);
    assert!(scene.refused(NOW + 250, name, []).await.contains("companion_servers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_gone_or_another_s_meanwhile_is_sold_to_nobody() {
    let scene = Scene::open("").await;
    let rows = |now: i64| {
        let site = &scene.site;
        async move {
            let found = site.at(now, &["report", "--what", "adoptions", "--json"]).await.json();
            let rows = found.as_array().unwrap().iter();
            let words = |row: &Value, key: &str| row[key].as_str().unwrap().to_string();
            rows.map(|row| (words(row, "account"), words(row, "detail"))).collect::<Vec<_>>()
        }
    };
    let (gone, again) = (scene.name(0).to_string(), scene.name(1).to_string());
    for name in [&gone, &again] {
        scene.whmcs.mishap("AcceptOrder", MishapKind::Page(500), Some(1));
        assert_eq!(scene.adopted(NOW + 100, name, &[]).await.0, "unfinished");
    }
    scene.panel.vanish(&gone).unwrap();
    scene.panel.knobs().clock.freeze_at(NOW + 1_000);
    scene.panel.operate(&format!("accounts/{again}"), &json!({ "op": "recreate" })).unwrap();
    for at in [NOW + 1_060, NOW + 1_120, NOW + 1_180] {
        scene.poll(at).await;
    }
    // The one that is gone is accepted by nobody, whoever runs it again.
    let sent = scene.sent();
    let (state, reason) = scene.adopted(NOW + 1_200, &gone, &[]).await;
    assert!(state == "unfinished" && reason.contains("not in the newest list"), "{state}: {reason}");
    assert_eq!(scene.sent(), sent);
    // The one that is new has no adoption of its own: that of the account before it is named as such.
    let earlier = format!("{again}~1");
    let found = rows(NOW + 1_200).await;
    assert_eq!(found.iter().map(|(account, _)| account.as_str()).collect::<Vec<_>>(), [&gone, &earlier]);
    assert!(
        found[0].1.contains("the account is gone") && found[0].1.contains("cancel the order"),
        "{found:?}"
    );
    assert!(found[1].1.contains(&format!("the account was {again} then")), "{found:?}");
    assert_eq!(scene.adopted(NOW + 1_200, &again, &[]).await.0, "adopted");
    assert_eq!(scene.made()[2], scene.whole(1));
    // Once both are cancelled in WHMCS they are settled by the names that are told.
    scene.whmcs.change(|world| {
        world.orders[..2].iter_mut().for_each(|order| order.status = "Cancelled".into());
        let ordered = world.services.iter_mut().filter(|service| service.status == "Pending");
        ordered.for_each(|service| service.status = "Cancelled".into());
    });
    for name in [&gone, &earlier] {
        scene.site.at(NOW + 1_300, &["adopt", "web", name, "--settle", "absent"]).await.good();
    }
    assert_eq!(rows(NOW + 1_310).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_named_by_its_domain_is_sold_under_its_login() {
    let options =
        || panel::Options { accounts: 4, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let panel = whmeter_simulators::kind("plesk").unwrap().start(options()).await.unwrap();
    let whmcs = Whmcs::start(Options { common: options(), ..Options::default() }).await.unwrap();
    whmcs.change(|world| world.clients[0].gateway = "paypal".into());
    let port = free_port();
    let backend = section(&*panel, "web", "every = \"1h\"\nwhmcs_server = 12");
    let site = Site::new(&crate::house(port, &settings_of(&whmcs), "", &[backend]));
    let sell = |now: i64, services: Value| {
        let clock = site.path().join("clock");
        std::fs::write(&clock, now.to_string()).unwrap();
        let daemon = site.start_told(port, &clock);
        async move {
            daemon.until("/-/ready", "ready", |got| got.status == 200).await;
            let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
            let body = json!({ "schema": 1, "services": services }).to_string();
            let got =
                daemon.send(request.header("content-type", "application/json").body(body)).await.unwrap();
            assert_eq!(got.status, 200, "{}", got.text());
            daemon.stop().await;
        }
    };
    site.polled(NOW).await;
    sell(NOW, json!([])).await;
    panel.knobs().clock.freeze_at(NOW + 60);
    site.polled(NOW + 60).await;
    let map = site.at(NOW + 70, &["map", "list", "--json"]).await.json();
    let domain = map[0]["account"].as_str().unwrap().to_string();
    let adopt = ["adopt", "web", &domain, "--client", "1042", "--product", "31", "--json"];
    let refused = site.at(NOW + 100, &adopt).await;
    assert!(refused.code == Some(1) && refused.stdout.contains("--username NAME"), "{refused:?}");
    site.at(NOW + 110, &[&adopt[..], &["--username", "u8841"]].concat()).await.good();
    let made = whmcs.services().into_iter().find(|service| service.username == "u8841").unwrap();
    assert_eq!((made.server, made.domain.as_str(), made.status.as_str()), (12, domain.as_str(), "Active"));
    // WHMCS lists it, and the account is its: by the domain, too, should the pin be taken back.
    let listed = json!([{ "id": made.id, "client": made.client, "username": made.username, "domain": made.domain,
        "status": made.status, "product": made.product }]);
    sell(NOW + 300, listed).await;
    let is_its = |now: i64| {
        let (site, panel, domain) = (&site, &panel, &domain);
        async move {
            panel.knobs().clock.freeze_at(now);
            site.polled(now).await;
            let map = site.at(now + 5, &["map", "list", "--json"]).await.json();
            let row = map.as_array().unwrap().iter().find(|row| row["account"] == **domain).unwrap().clone();
            (row["service"].clone(), row["state"].as_str().unwrap().to_string())
        }
    };
    assert_eq!(is_its(NOW + 360).await, (json!(made.id), "pinned".into()));
    site.at(NOW + 400, &["map", "unset", "web", &domain]).await.good();
    assert_eq!(is_its(NOW + 460).await, (json!(made.id), "mapped".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_sold_already_is_asked_of_whmcs_too_and_what_was_undone_there_may_be_sold_again() {
    let scene = Scene::open("").await;
    let (name, other) = (scene.name(0).to_string(), scene.name(1).to_string());
    // A service of the account's own name in another spelling, that the list does not have yet; whatever login is given.
    scene.whmcs.change(|world| {
        (world.services[0].username, world.services[0].server) = (other.to_uppercase(), 12);
    });
    let reason = scene.refused(NOW + 100, &other, ["--username", "somebody"]).await;
    assert!(reason.contains("map set"), "{reason}");
    // Another account's name, a product that is paid otherwise, a package that nobody has.
    assert!(scene.refused(NOW + 100, &name, ["--username", &other]).await.contains("another account"));
    let reason = scene.refused(NOW + 100, &name, ["--billing-cycle", "free"]).await;
    assert!(reason.contains("paid recurring"), "{reason}");
    for wrong in ["", " a", "a\tb"] {
        let ran = scene.adopt(NOW + 100, &name, &["--username", wrong]).await;
        assert!(ran.code == Some(2) && ran.stderr.contains("expected a login"), "{ran:?}");
    }
    let all = ["adopt", "--all", "--package", "nosuch", "--client", "1042", "--product", "31"];
    let none = scene.site.at(NOW + 100, &all).await.failure(2);
    assert!(none.contains("\"nosuch\"") && none.contains(&format!("{PLAN:?}")), "{none}");
    assert_eq!(scene.sent(), [0; 3]);

    // It is adopted for one client; another is not told that it is his.
    assert_eq!(scene.adopted(NOW + 200, &name, &[]).await.0, "adopted");
    let others = ["adopt", "web", &name, "--client", "1043", "--product", "31", "--json"];
    let others = scene.site.at(NOW + 210, &others).await;
    let row = &serde_json::from_str::<Value>(&others.stdout).unwrap()[0];
    assert_eq!((&row["state"], &row["client"]), (&json!("refused"), &json!(1042)), "{row}");
    // The order is deleted in WHMCS before it was ever sent: it was never sold, and may be.
    scene.whmcs.change(|world| world.services.retain(|service| service.username != name));
    assert_eq!(scene.adopted(NOW + 300, &name, &[]).await.0, "adopted");
    assert_eq!(scene.sent()[0], 2);

    // An add-on that is sold for an account, and one of which nobody knows whose it is.
    let sell = |now: i64, addons: Value| {
        let scene = &scene;
        async move {
            let clock = scene.site.path().join("clock");
            std::fs::write(&clock, now.to_string()).unwrap();
            let daemon = scene.site.start_told(scene.port, &clock);
            daemon.until("/-/ready", "ready", |got| got.status == 200).await;
            let request = daemon.request("PUT", "/v1/whmcs/services?server=12");
            let body = json!({ "schema": 1, "services": [], "addons": addons }).to_string();
            let got =
                daemon.send(request.header("content-type", "application/json").body(body)).await.unwrap();
            assert_eq!(got.status, 200, "{}", got.text());
            daemon.stop().await;
        }
    };
    let third = scene.name(2).to_string();
    let addon = |username: &str| json!([{ "id": 51, "service": 7, "client": 1042, "username": username, "name": "Space", "status": "Active" }]);
    sell(NOW + 400, addon(&third.to_uppercase())).await;
    let reason = scene.refused(NOW + 410, &third, []).await;
    assert!(reason.contains("add-on 51") && reason.contains("sold as an add-on"), "{reason}");
    sell(NOW + 500, addon("")).await;
    let run = ["adopt", "--all", "--package", PLAN, "--client", "1042", "--product", "31"];
    let run = scene.site.at(NOW + 510, &run).await;
    assert!(run.code == Some(1) && run.stdout.contains("add-on 51"), "{run:?}");
    assert_eq!(scene.sent()[0], 2);
    let look = scene.adopt(NOW + 510, &third, &["--dry-run"]).await.good();
    assert!(look.contains("add-on 51") && look.contains("would adopt"), "{look}");
    scene.panel_is_untouched();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_meanwhile_is_looked_at_before_it_goes_on() {
    let scene = Scene::open("").await;
    let (name, other) = (scene.name(0).to_string(), scene.name(1).to_string());
    // Somebody says by hand whose it is, before the order is taken up.
    scene.whmcs.mishap("AcceptOrder", MishapKind::Page(500), Some(1));
    assert_eq!(scene.adopted(NOW + 100, &name, &[]).await.0, "unfinished");
    scene.site.at(NOW + 110, &["map", "set", "web", &name, "900", "--force"]).await.good();
    let sent = scene.sent();
    let (state, reason) = scene.adopted(NOW + 120, &name, &[]).await;
    assert!(state == "unfinished" && reason.contains("by hand to service 900"), "{state}: {reason}");
    assert_eq!(scene.sent(), sent, "nothing more is asked for");
    // With another login than it began with it does not go on as if nothing were.
    scene.whmcs.mishap("UpdateClientProduct", MishapKind::Page(500), Some(1));
    assert_eq!(scene.adopted(NOW + 200, &other, &[]).await.0, "unfinished");
    let (state, reason) = scene.adopted(NOW + 210, &other, &["--username", "somebody"]).await;
    assert!(state == "refused" && reason.contains(&format!("{other:?}")), "{state}: {reason}");
    // Billing suspends it meanwhile: it stays so.
    scene.whmcs.change(|world| world.services.last_mut().unwrap().status = "Suspended".into());
    assert_eq!(scene.adopted(NOW + 220, &other, &[]).await.0, "adopted");
    assert_eq!(scene.made()[1].4, "Suspended");

    // WHMCS that lets nobody in is asked once, and not for every account.
    let third = scene.accounts.len() - 2;
    assert!(third >= 2, "{:?}", scene.accounts);
    scene.whmcs.mishap("GetClientsDetails", MishapKind::Error("Authentication Failed".into()), None);
    let run = ["adopt", "--all", "--package", PLAN, "--client", "1042", "--product", "31", "--json"];
    let run = scene.site.at(NOW + 300, &run).await;
    let count = |state: &str| run.stdout.matches(&format!("\"{state}\"")).count();
    assert_eq!((count("not_tried") + 1, run.code), (third, Some(1)), "{run:?}");
}
