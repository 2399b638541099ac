//! What is promised is kept once, whatever dies in between: notifications and switches through kills, crowds,
//! two replicas and a WHMCS that falls silent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::whmcs::{MishapKind, Options, Whmcs};

use crate::support::panels::{NOW, section};
use crate::support::program::{Daemon, Site, free_port};

const LIMIT: u64 = 900_000_000_000_000;

const RULE: &str = "\n[[limit]]\nmeter = \"storage\"\nsize = \"900 TB\"\nnotify_at = [80]\nlimit_at = 100\n\
    restore_below = 95\nmax_limited_at_once = \"100%\"\n";

/// Every notification that arrived: key, kind, account.
#[derive(Clone, Default)]
struct Notifications(Arc<Mutex<Vec<(String, String, String)>>>);

impl Notifications {
    /// A receiver; every third notification it hangs up on, after having read it.
    async fn receive(&self, moody: bool) -> String {
        let (notifications, turn) = (self.clone(), Arc::new(Mutex::new(0)));
        let receive = move |headers: HeaderMap, body: String| async move {
            let told: Value = serde_json::from_str(&body).unwrap();
            let key = headers["idempotency-key"].to_str().unwrap().to_string();
            assert_eq!(told["key"], key.as_str());
            let text = |field: &str| told[field].as_str().unwrap().to_string();
            notifications.0.lock().unwrap().push((key, text("kind"), text("account")));
            let mut turn = turn.lock().unwrap();
            *turn += 1;
            if moody && *turn % 3 == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/hook", axum::routing::post(receive));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!(
            "\n[notify]\nchannels = [\"webhook\"]\n[notify.webhook]\nurl = \"{url}\"\nsecret = \
             \"0123456789abcdef\"\nretries = 0\n"
        )
    }

    fn keys(&self) -> BTreeMap<String, Vec<String>> {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, kind, _) in self.0.lock().unwrap().iter() {
            keys.entry(key.clone()).or_default().push(kind.clone());
        }
        keys
    }
}

fn hold(panel: &Panel, name: &str, level: u64) {
    let now = panel.knobs().clock.now_seconds();
    assert!(panel.knobs().truth.set_level(name, now - 1, level), "{name}");
}

/// The accounts that have somewhere to put something.
fn with_buckets(panel: &Panel) -> Vec<String> {
    let truth = &panel.knobs().truth;
    panel.accounts().into_iter().filter(|name| !truth.parts(name).is_empty()).collect()
}

/// Account, holding, threshold, episodes.
async fn database_rows(site: &Site) -> Vec<(String, i64, i64, i64)> {
    use sqlx::Row;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", site.path().join("whmeter.db").display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let sql = "SELECT l.label, h.id, c.threshold, c.episode FROM crossing c
        JOIN holding h ON h.id = c.holding JOIN life l ON l.id = h.life";
    let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
    pool.close().await;
    // A row's number is the backend's in the upper half, and its own.
    let own = |id: i64| id % (1 << 32);
    rows.iter().map(|row| (row.get(0), own(row.get(1)), row.get(2), row.get(3))).collect()
}

/// How often anything was crossed so far.
async fn crossed(site: &Site) -> i64 {
    database_rows(site).await.iter().map(|(_, _, _, episodes)| episodes).sum()
}

/// Nothing waits any more.
async fn until_empty(site: &Site, daemon: &Daemon<'_>, patience: Duration) {
    let deadline = Instant::now() + patience;
    let waiting = |got: &crate::support::program::Got| {
        let counts = ["policy", "webhook"].map(|channel| {
            got.sample(&format!("whmeter_outbox_pending{{channel=\"{channel}\"}}")).unwrap_or(1)
        });
        counts.iter().sum::<u64>()
    };
    loop {
        let list = site.run(&["outbox", "list", "--json"]).await.json();
        if list == serde_json::json!([]) {
            return;
        }
        let page = daemon.get("/metrics/self").await;
        assert!(Instant::now() < deadline, "{} wait\n{list}\n{}", waiting(&page), daemon.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_every_crossing_is_told_and_every_switch_is_made() {
    let panel = crate::support::house::start(30, ClockStart::Frozen(NOW)).await;
    let (notifications, port) = (Notifications::default(), free_port());
    let notify = notifications.receive(true).await;
    let site = Site::new(&format!(
        "{}{RULE}{notify}",
        crate::support::house::house(port, "", "", &[section(&panel, "s3", "every = \"1s\"")])
    ));
    let clock = site.path().join("now");
    let tell = |panel: &Panel, by: i64| {
        panel.knobs().clock.advance(by);
        std::fs::write(&clock, panel.knobs().clock.now_seconds().to_string()).unwrap();
    };
    tell(&panel, 0);
    let accounts = with_buckets(&panel);
    let seed = 20_261_121;
    let mut random = StdRng::seed_from_u64(seed);
    let mut rounds = 0;
    // A slow machine sees fewer polls before each kill: it goes on until enough has crossed.
    while rounds < 24 || (rounds < 96 && crossed(&site).await <= 60) {
        rounds += 1;
        for name in &accounts {
            let level = match random.random_range(0..4) {
                0 => LIMIT + 1,
                1 => LIMIT / 10 * 9,
                2 => LIMIT / 2,
                _ => continue,
            };
            hold(&panel, name, level);
        }
        // The dead one's lease and claims run out.
        tell(&panel, 16 * 60);
        let daemon = site.start_told(port, &clock);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(random.random_range(150..500))).await;
            tell(&panel, 2);
        }
        daemon.kill().await;
    }
    tell(&panel, 16 * 60);
    let daemon = site.start_told(port, &clock);
    // Pauses after failures are by the told clock.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        tell(&panel, 20 * 60);
        tokio::time::sleep(Duration::from_millis(700)).await;
        let list = site.run(&["outbox", "list", "--json"]).await.json();
        let now = panel.knobs().clock.now_seconds();
        let wrong: Vec<&String> = accounts
            .iter()
            .filter(|name| {
                let over = panel.knobs().truth.level(name, now).unwrap() > LIMIT;
                panel.is_limited(name) != Some(over)
            })
            .collect();
        if list == serde_json::json!([]) && wrong.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "seed {seed}: {wrong:?} {list}\n{}", daemon.log());
    }
    let keys = notifications.keys();
    let mut crossings = 0;
    for (name, holding, threshold, count) in database_rows(&site).await {
        for episode in 1..=count {
            let key = format!("s3/{name}/{holding}/storage/{threshold}/{episode}");
            crossings += 1;
            if threshold == 80 {
                assert!(keys.contains_key(&key), "seed {seed}: {key} was never told");
            }
        }
    }
    assert!(crossings > 60, "only {crossings} crossings: nothing is proven");
    for (key, kinds) in &keys {
        assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), 1, "{key} was told as {kinds:?}");
    }
    // Told again only where a kill or a refusal left it open: never by deciding twice.
    let told = notifications.0.lock().unwrap().len();
    assert!(told >= keys.len() && told - keys.len() <= told / 2 + rounds, "{told} for {}", keys.len());
    daemon.stop().await;
    site.run(&["verify"]).await;
}

/// How many cross at once. Five thousand take a minute longer than a test should.
fn crowd() -> usize {
    std::env::var("WHMETER_CROWD").ok().and_then(|crowd| crowd.parse().ok()).unwrap_or(1000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_crosses_at_once_is_limited_without_flooding_the_panel_on_two_replicas() {
    let crowd = crowd();
    let panel = crate::support::house::start(crowd, ClockStart::WallClock).await;
    let notifications = Notifications::default();
    let notify = notifications.receive(false).await;
    let accounts = with_buckets(&panel);
    let crowd = accounts.len();
    for name in &accounts {
        hold(&panel, name, LIMIT + 1);
    }
    let ports = [free_port(), free_port()];
    let config = |port| {
        let house = crate::support::house::house(port, "", "", &[section(&panel, "s3", "every = \"30s\"")]);
        format!("{house}{RULE}{notify}")
    };
    let site = Site::new(&config(ports[0]));
    site.write("second.toml", &config(ports[1]));
    let began = Instant::now();
    let first = site.start(ports[0]);
    let second = site.start_with(ports[1], &["serve", "--config", "second.toml"]);
    let patience = Duration::from_secs(60 + crowd as u64 / 10);
    let deadline = Instant::now() + patience;
    while accounts.iter().any(|name| panel.is_limited(name) != Some(true)) {
        assert!(Instant::now() < deadline, "{}\n{}", first.log(), second.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{crowd} accounts limited {:.1} s after the start", began.elapsed().as_secs_f64());
    until_empty(&site, &first, patience).await;
    println!("and everybody told after {:.1} s", began.elapsed().as_secs_f64());
    // Two notifications each, once: whoever decided and whoever delivered.
    let keys = notifications.keys();
    assert_eq!(keys.len(), 2 * crowd);
    for (key, kinds) in &keys {
        assert_eq!(kinds.len(), 1, "{key}: {kinds:?}");
    }
    // Each replica has a lane of four.
    let most = panel.knobs().requests.most_at_once();
    assert!(most <= 2 * 4 + 2, "{most} calls at once");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_told_once_by_whmcs_even_when_it_falls_silent_after_sending() {
    let panel = crate::support::house::start(3, ClockStart::WallClock).await;
    let common = panel::Options { accounts: 3, clock: ClockStart::WallClock, ..panel::Options::default() };
    let whmcs = Whmcs::start(Options { common, ..Options::default() }).await.unwrap();
    let names = panel.accounts();
    whmcs.change(|world| {
        for (service, name) in world.services.iter_mut().zip(&names) {
            service.username.clone_from(name);
        }
    });
    whmcs.mishap("SendEmail", MishapKind::DoneThenGatewayTimeout, Some(1));
    let settings = whmcs.settings();
    let port = free_port();
    let section = section(&panel, "s3", "every = \"1s\"\nwhmcs_server = 12\n");
    let access = format!(
        "url = {:?}\nidentifier = {:?}\nsecret = {:?}",
        settings["url"], settings["identifier"], settings["secret"]
    );
    let house = crate::support::house::house(port, &access, "", &[section]);
    let site = Site::new(&format!("{house}{RULE}\n[notify]\nchannels = [\"whmcs\"]\n"));
    let check = site.run(&["check"]).await.good();
    assert!(check.contains("notify"), "{check}");
    let daemon = site.serve(port).await;
    hold(&panel, &names[0], LIMIT / 10 * 9);
    hold(&panel, &names[1], LIMIT + LIMIT / 5);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let waiting = site.run(&["outbox", "list", "--json"]).await.json();
        if waiting == serde_json::json!([]) && whmcs.outbox().len() >= 3 {
            break;
        }
        assert!(Instant::now() < deadline, "{waiting}\n{:?}\n{}", whmcs.outbox(), daemon.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let mut sent: Vec<(u64, String)> =
        whmcs.outbox().into_iter().map(|mail| (mail.service, mail.template.unwrap_or_default())).collect();
    sent.sort();
    let [notice, limited] =
        ["puqMinIOS3 Notification disk limit", "puqMinIOS3 service Suspension Notification disk limit"];
    let expected = [(7731, notice), (7732, notice), (7732, limited)];
    assert_eq!(sent, expected.map(|(service, template)| (service, template.to_string())));
    daemon.stop().await;
    site.check_never_said(&[settings["secret"].as_str()]);
}
