//! The services WHMCS tells: whom accounts belong to, whose usage is billed to nobody, and limits as sold.

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::growth::Traffic;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Daemon, Got, Site, free_port};

const GIB: u64 = 1 << 30;

async fn put(daemon: &Daemon<'_>, server: u32, body: String) -> Got {
    let request = daemon.request("PUT", &format!("/v1/whmcs/services?server={server}"));
    daemon.send(request.header("content-type", "application/json").body(body)).await.unwrap()
}

/// The beginning of the answer to a body that is only announced.
async fn announced(port: u16, method: &str, path: &str, length: usize) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut door = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: \
         {length}\r\n\r\n"
    );
    door.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    door.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

fn service(id: u64, username: &str) -> Value {
    json!({ "id": id, "client": id + 1000, "username": username, "product": "S3 \"100\"", "status": "Active" })
}

fn hold(panel: &Panel, name: &str, level: u64) {
    let now = panel.knobs().clock.now_seconds();
    assert!(panel.knobs().truth.set_level(name, now - 1, level), "{name}");
}

fn house(port: u16, panel: &Panel, more: &str) -> String {
    let backend = section(panel, "s3", "every = \"1s\"\nwhmcs_server = 12\n");
    format!("{}{more}", crate::house(port, "", "", &[backend]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_find_their_services_and_limits_are_as_sold() {
    let panel = crate::start(6, ClockStart::WallClock).await;
    let port = free_port();
    let rule = "\n[[limit]]\nmeter = \"storage\"\nproduct = \"S3*\"\nsize = \"whmcs\"\nnotify_at = \
         [80]\nlimit_at = 100\n";
    let site = Site::new(&house(port, &panel, rule));
    let daemon = site.serve(port).await;
    let names = panel.accounts();
    let read = "whmeter_poll_accounts{backend=\"s3\",outcome=\"read\"}";
    daemon.until("/metrics", "has read everybody", |got| got.sample(read) == Some(names.len() as u64)).await;
    assert!(!daemon.get("/metrics").await.text().contains("whmeter_unmapped_accounts{"), "nothing told yet");
    let untold = site.run(&["map", "list"]).await.good();
    assert!(untold.contains("has not sent"), "{untold}");

    // One by name with a limit, one in another spelling, two of one name, one that is on no panel.
    let mut sold = service(7731, &names[0]);
    sold["limits"] = json!({ "storage": 10 * GIB, "traffic_out": 0 });
    let list = json!({ "schema": 1, "services": [
        sold, service(7732, &names[1].to_uppercase()), service(7733, &names[2]), service(7734, &names[2]),
        service(7735, "nobody-here"), json!({ "id": 7736, "client": 1, "username": "gone", "status": "Terminated" }),
    ] });
    let answer = put(&daemon, 12, list.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let expected =
        json!({ "schema": 1, "server": 12, "services": 6, "mapped": 2, "missing": 3, "ambiguous": 1 });
    assert_eq!(told, expected);
    let unmapped = "whmeter_unmapped_accounts{backend=\"s3\"}";
    daemon
        .until("/metrics", "counts who is billed to nobody", |got| {
            got.sample(unmapped) == Some(names.len() as u64 - 2)
        })
        .await;
    let page = daemon.get("/metrics").await;
    assert_eq!(page.sample("whmeter_unmetered_services{server=\"12\"}"), Some(3));
    let described = format!("account=\"{}\",kind=\"minio\"", names[0]);
    let line = page.text().lines().find(|line| line.contains(&described)).unwrap().to_string();
    assert!(line.contains("service=\"7731\",client=\"8731\",product=\"S3 \\\"100\\\"\""), "{line}");

    // WHMCS is answered in its own spelling.
    let usage = daemon.get("/v1/whmcs/usage?server=12").await.json();
    assert!(usage["tenants"].get(names[1].to_uppercase()).is_some(), "{usage}");
    let one = daemon.get(&format!("/v1/whmcs/usage/{}?server=12", names[1].to_uppercase())).await;
    assert_eq!(one.status, 200, "{}", one.text());

    // What was sold is the limit, and is told; an unlimited meter is told as zero.
    let told = daemon.get(&format!("/v1/whmcs/usage/{}?server=12", names[0])).await.json();
    assert_eq!(told["limits"], json!({ "disk": "10.00000", "traffic_out": "0.00000" }));
    hold(&panel, &names[0], 9 * GIB);
    let ratio = format!(
        "whmeter_limit_used_ratio{{backend=\"s3\",account=\"{}\",meter=\"storage\"}} 0.90000",
        names[0]
    );
    daemon.until("/metrics", "goes by what was sold", |got| got.text().contains(&ratio)).await;
    let smaller = json!({ "schema": 1, "services": [
        { "id": 7731, "client": 8731, "username": names[0], "product": "S3 small", "status": "Active",
          "limits": { "storage": 8 * GIB } } ] });
    assert_eq!(put(&daemon, 12, smaller.to_string()).await.status, 200);
    let limited = format!("whmeter_account_limited{{backend=\"s3\",account=\"{}\"}}", names[0]);
    daemon.until("/metrics", "limits by the smaller plan", |got| got.sample(&limited) == Some(1)).await;
    assert_eq!(panel.is_limited(&names[0]), Some(true));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_says_when_its_customer_is_warned_where_a_rule_asks_it() {
    let panel = crate::start(4, ClockStart::WallClock).await;
    let port = free_port();
    let site = Site::new(&house(port, &panel, ""));
    let daemon = site.serve(port).await;
    let names = panel.accounts();
    let sold = |id, name: &str, warn_at: Value| {
        let mut service = service(id, name);
        service["limits"] = json!({ "storage": 10 * GIB });
        service["warn_at"] = warn_at;
        service
    };
    let list = [sold(1, &names[0], json!(60)), sold(2, &names[1], Value::Null)];
    let list = json!({ "schema": 1, "services": list, "remarks": [] });
    assert_eq!(put(&daemon, 12, list.to_string()).await.status, 200);
    names[..2].iter().for_each(|name| hold(&panel, name, 7 * GIB));
    for name in &names[..2] {
        let ratio = format!(
            "whmeter_limit_used_ratio{{backend=\"s3\",account=\"{name}\",meter=\"storage\"}} 0.70000"
        );
        daemon.until("/metrics", "goes by what was sold", |got| got.text().contains(&ratio)).await;
    }
    for (notify_at, warned) in [("\"whmcs\"", &names[..1]), ("[65, \"whmcs\"]", &names[..2])] {
        let rule = format!(
            "\n[[limit]]\nmeter = \"storage\"\nsize = \"whmcs\"\nnotify_at = {notify_at}\n\n[notify]\nchannels = \
             [\"webhook\"]\n\n[notify.webhook]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"0123456789abcdef\"\n"
        );
        site.write("new.toml", &house(port, &panel, &rule));
        let plan = site.run(&["plan", "--config", "new.toml", "--json"]).await.json();
        let lines = plan.as_array().unwrap().iter().filter(|line| line["action"] == "notify");
        let mut told: Vec<&str> = lines.map(|line| line["account"].as_str().unwrap()).collect();
        told.dedup();
        assert_eq!(told, warned, "{notify_at}: {plan}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_of_a_service_share_the_limit_that_it_was_sold() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let rule = "\n[[limit]]\nmeter = \"storage\"\nsize = \"whmcs\"\nnotify_at = [80]\nlimit_at = 100\n";
    let site = Site::new(&house(port, &panel, rule));
    let daemon = site.serve(port).await;
    let names = panel.accounts();
    let read = "whmeter_poll_accounts{backend=\"s3\",outcome=\"read\"}";
    daemon.until("/metrics", "has read everybody", |got| got.sample(read) == Some(names.len() as u64)).await;
    for name in &names[..2] {
        hold(&panel, name, 6 * GIB);
    }
    let mut sold = service(7731, "both");
    sold["limits"] = json!({ "storage": 10 * GIB });
    let list = json!({ "schema": 1, "services": [sold] }).to_string();
    assert_eq!(put(&daemon, 12, list).await.status, 200);
    let limited = |name: &str| format!("whmeter_account_limited{{backend=\"s3\",account=\"{name}\"}}");
    site.run(&["map", "set", "s3", &names[0], "7731"]).await.good();
    let first = format!("account=\"{}\",meter=\"storage\"}} 0.60000", names[0]);
    daemon.until("/metrics", "has six of ten", |got| got.text().contains(&first)).await;
    assert_eq!(panel.is_limited(&names[0]), Some(false));
    // With the second it has twelve of ten, and nobody who asks is told another number.
    site.run(&["map", "set", "s3", &names[1], "7731", "--force"]).await.good();
    for name in &names[..2] {
        let ratio = format!("account=\"{name}\",meter=\"storage\"}} 1.20000");
        daemon.until("/metrics", "has twelve of ten", |got| got.text().contains(&ratio)).await;
        daemon.until("/metrics", "limits it", |got| got.sample(&limited(name)) == Some(1)).await;
        let shown = site.run(&["policy", "show", "s3", name, "--json"]).await.json();
        let judged = json!({ "bytes": 12 * GIB, "limit_bytes": 10 * GIB, "accounts": 2 });
        assert_eq!(shown["limits"]["storage"], judged, "{shown}");
    }
    let told = daemon.get("/v1/whmcs/usage/both?server=12").await.json();
    assert_eq!((&told["limits"]["disk"], &told["policy"]), (&json!("10.00000"), &json!("limited")), "{told}");
    assert_eq!(told["values"]["disk"]["value"], json!("12.00000"), "{told}");
    // One of them makes room for both.
    hold(&panel, &names[1], GIB);
    for name in &names[..2] {
        daemon.until("/metrics", "restores it", |got| got.sample(&limited(name)) == Some(0)).await;
    }
    assert_eq!(panel.is_limited(&names[2]), Some(false));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_companion_is_told_what_the_service_it_stands_for_used() {
    let panel = crate::start(4, ClockStart::WallClock).await;
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"1s\"\nwhmcs_server = 12\n");
    let site = Site::new(&crate::house(port, "companion_servers = [20]", "", &[backend]));
    let daemon = site.serve(port).await;
    let names = panel.accounts();
    hold(&panel, &names[0], 3 * GIB);
    let unknown = daemon.get("/v1/whmcs/ping?server=21").await;
    assert!(unknown.status == 404 && unknown.text().contains("companion_servers"), "{}", unknown.text());
    let sold = json!({ "schema": 1, "services": [service(7731, &names[0]), service(7732, &names[1])] });
    assert_eq!(put(&daemon, 12, sold.to_string()).await.status, 200);
    let mapped =
        |got: &Got| got.text().contains("service=\"7731\"") && got.text().contains("service=\"7732\"");
    daemon.until("/metrics", "knows whose they are", mapped).await;

    let beside = |id: u64, parent: u64, client: u64| {
        let mut companion = service(id, &format!("whm-{parent}"));
        companion["client"] = json!(client);
        companion
    };
    let mut ended = beside(9003, 7732, 8732);
    ended["status"] = json!("Terminated");
    // Another customer's companion, named by mistake: it is nobody's.
    let strange = beside(9004, 7731, 666);
    let all = [strange, beside(9001, 7731, 8731), beside(9002, 99, 8731), ended];
    let companions = json!({ "schema": 1, "services": all });
    let told = put(&daemon, 20, companions.to_string()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let expected =
        json!({ "schema": 1, "server": 20, "services": 4, "mapped": 1, "missing": 2, "ambiguous": 0 });
    assert_eq!(told.json(), expected);

    let holds = |got: &Got| got.json()["tenants"]["whm-7731"]["disk"]["value"] == "3.00000";
    daemon.until("/v1/whmcs/usage?server=20", "tells the companion", holds).await;
    let all = daemon.get("/v1/whmcs/usage?server=20").await.json();
    assert_eq!(all["tenants"].as_object().unwrap().len(), 1, "a companion that ended is told nothing: {all}");
    // Told under both names it would be billed twice.
    let own = daemon.get("/v1/whmcs/usage?server=12").await.json();
    assert!(own["tenants"].get(&names[0]).is_none() && own["tenants"].get(&names[1]).is_some(), "{own}");
    let one = daemon.get(&format!("/v1/whmcs/usage/{}?server=12", names[0])).await;
    assert_eq!((one.status, &one.json()["withheld"]["reason"]), (200, &json!("companion")), "{}", one.text());
    let one = daemon.get("/v1/whmcs/usage/whm-7731?server=20").await;
    assert_eq!((one.status, &one.json()["values"]["disk"]["value"]), (200, &json!("3.00000")));
    let history = daemon.get("/v1/whmcs/history/whm-7731?server=20").await;
    assert_eq!(history.json()["days"].as_array().unwrap().len(), 1, "{}", history.text());
    assert_eq!(daemon.get("/v1/whmcs/usage/whm-99?server=20").await.status, 404);
    let strange = json!({ "schema": 1, "services": [beside(9005, 7732, 666)] });
    assert_eq!(put(&daemon, 20, strange.to_string()).await.status, 200);
    assert_eq!(
        daemon.get("/v1/whmcs/usage/whm-7732?server=20").await.status,
        404,
        "it is another customer's"
    );
    // The list without the companion is told: the service is billed under its own name again.
    let own = daemon.get("/v1/whmcs/usage?server=12").await.json();
    assert!(own["tenants"].get(&names[0]).is_some() && own["tenants"].get("whm-7731").is_none(), "{own}");
    for list in [json!([]), json!([beside(9006, 7732, 8732)])] {
        let list = json!({ "schema": 1, "services": list });
        assert_eq!(put(&daemon, 21, list.to_string()).await.status, 404, "the config does not have it");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_moves_to_another_server_keeps_its_history() {
    let (old, new) =
        (crate::start(3, ClockStart::WallClock).await, crate::start(3, ClockStart::WallClock).await);
    let port = free_port();
    let backends = [
        section(&old, "old", "every = \"1s\"\nwhmcs_server = 12\n"),
        section(&new, "new", "every = \"1s\"\nwhmcs_server = 13\n"),
    ];
    let site = Site::new(&crate::house(port, "", "", &backends));
    let daemon = site.serve(port).await;
    let name = old.accounts()[0].clone();
    assert_eq!(new.accounts()[0], name, "both panels know the name");
    let list = |services: Vec<Value>| json!({ "schema": 1, "services": services }).to_string();
    let other = |client: u64| json!({ "id": 99, "client": client, "username": name, "product": "S3", "status": "Active" });
    assert_eq!(put(&daemon, 12, list(vec![service(7731, &name)])).await.status, 200);
    assert_eq!(put(&daemon, 13, list(vec![other(1)])).await.status, 200);
    let mapped = |got: &Got| {
        let page = got.text();
        page.contains("service=\"7731\"") && page.contains("service=\"99\"")
    };
    daemon.until("/metrics", "knows whose they are", mapped).await;
    let sent = |backend: &str| {
        format!("whmeter_traffic_month_bytes{{backend=\"{backend}\",account=\"{name}\",direction=\"out\"}}")
    };
    let now = old.knobs().clock.now_seconds();
    old.knobs().truth.add_traffic(&name, now, Traffic { received: 0, sent: 7 * GIB });
    daemon.until("/metrics", "counts on the old", |got| got.sample(&sent("old")) >= Some(7 * GIB)).await;

    // Moved: gone from the old panel, sold on the new server.
    old.vanish(&name).unwrap();
    let there = format!("/v1/accounts/old/{name}");
    daemon.until(&there, "is missing from the old", |got| got.json()["missing_since"].is_string()).await;
    assert_eq!(put(&daemon, 12, list(vec![])).await.status, 200);
    let path = format!("/v1/whmcs/history/{name}?server=13&days=2");
    let sum = |got: &Got| -> f64 {
        let days = got.json()["days"].as_array().cloned().unwrap_or_default();
        days.iter().filter_map(|day| day["traffic_out"].as_str()?.parse::<f64>().ok()).sum()
    };
    assert!(sum(&daemon.get(&path).await) < 1.0, "another service of that name has another history");
    assert_eq!(put(&daemon, 13, list(vec![service(7731, &name)])).await.status, 200);
    // What the poll measures that finds the new owner is still the old one's.
    let owned = |got: &Got| got.json()["owner"] == "service 7731";
    daemon.until(&format!("/v1/accounts/new/{name}"), "has its new owner", owned).await;
    let moved = new.knobs().clock.now_seconds();
    new.knobs().truth.add_traffic(&name, moved, Traffic { received: 0, sent: 2 * GIB });
    let both = |got: &Got| (9.0..9.9).contains(&sum(got));
    daemon.until(&path, "tells what was used on both, on the day of the move too", both).await;
    // What is told of a service is the sum over all its accounts: it does not fall because it moved.
    let billed = daemon.get("/v1/whmcs/usage?server=13").await.json();
    let value: f64 = billed["tenants"][&name]["traffic_out"]["value"].as_str().unwrap().parse().unwrap();
    assert!((9.0..9.9).contains(&value), "{billed}");
    assert!(
        billed["tenants"][&name].get("disk").is_none(),
        "what a missing account holds is not known: {billed}"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_is_listed_set_by_hand_and_pruned() {
    let panel = crate::start(4, ClockStart::WallClock).await;
    let port = free_port();
    let site = Site::new(&house(port, &panel, ""));
    let daemon = site.serve(port).await;
    let names = panel.accounts();
    daemon
        .until("/metrics", "has read", |got| got.text().contains(&format!("account=\"{}\"", names[0])))
        .await;
    let list = |more: Vec<Value>| {
        let mut services = vec![service(1, &names[0]), service(2, "another-name")];
        services.extend(more);
        json!({ "schema": 1, "services": services }).to_string()
    };
    let mut ended = service(3, "ended");
    ended["status"] = json!("Cancelled");
    assert_eq!(put(&daemon, 12, list(vec![ended])).await.status, 200);
    let states = || async {
        let lines = site.run(&["map", "list", "--json"]).await.json();
        let line = |line: &Value| {
            let account = line["account"].as_str().unwrap_or("-").to_string();
            (account, line["state"].as_str().unwrap().to_string(), line["service"].as_i64())
        };
        lines.as_array().unwrap().iter().map(line).collect::<Vec<_>>()
    };
    let row =
        |account: &str, state: &str, service: Option<i64>| (account.to_string(), state.to_string(), service);
    // Whose they are is found by the poll after the list.
    let service_of = |number: u64| move |got: &Got| got.text().contains(&format!("service=\"{number}\""));
    daemon.until("/metrics", "knows whose they are", service_of(1)).await;
    let before = states().await;
    assert!(before.contains(&row(&names[0], "mapped", Some(1))), "{before:?}");
    assert!(before.contains(&row(&names[1], "unmapped", None)), "{before:?}");
    assert!(before.contains(&row("-", "missing", Some(2))), "{before:?}");
    assert!(
        !before.iter().any(|(_, _, service)| *service == Some(3)),
        "nobody misses what has ended: {before:?}"
    );

    let refused = site.run(&["map", "set", "s3", &names[1], "3"]).await.failure(1);
    assert!(refused.contains("Cancelled") && refused.contains("--force"), "{refused}");
    let refused = site.run(&["map", "set", "s3", &names[1], "99"]).await.failure(1);
    assert!(refused.contains("not on the server"), "{refused}");
    let refused = site.run(&["map", "set", "s3", &names[1], "1"]).await.failure(1);
    assert!(refused.contains(&names[0]), "{refused}");
    site.run(&["map", "set", "s3", "never-seen", "2"]).await.failure(2);
    site.run(&["map", "set", "s3", &names[1], "2"]).await.good();
    daemon.until("/metrics", "goes by hand's word", service_of(2)).await;
    assert!(states().await.contains(&row(&names[1], "pinned", Some(2))));
    // The numbers by who pays for them.
    let usage = async |more: &[&str]| site.run(&[&["usage", "--json"], more].concat()).await.json();
    let mine = usage(&["--service", "2"]).await;
    assert!(!mine.as_array().unwrap().is_empty());
    assert!(
        mine.as_array().unwrap().iter().all(|line| line["account"] == names[1] && line["owner"].is_null())
    );
    let owners = usage(&["--by-owner", "--meter", "storage"]).await;
    let owner = |name: &String| {
        let lines = owners.as_array().unwrap().iter().filter(|line| line["account"] == *name);
        lines.map(|line| line["owner"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        [0, 1, 2].map(|index| owner(&names[index])),
        [["service 1"], ["service 2"], ["nobody"]],
        "{owners}"
    );
    daemon
        .until("/v1/whmcs/usage?server=12", "bills by hand's word", |got| {
            got.json()["tenants"].get("another-name").is_some()
        })
        .await;
    // The service is deleted: what was said of it can go, what was measured stays.
    assert_eq!(
        put(&daemon, 12, json!({ "schema": 1, "services": [service(1, &names[0])] }).to_string())
            .await
            .status,
        200
    );
    let pruned = site.run(&["map", "prune"]).await.good();
    assert!(pruned.starts_with("1 "), "{pruned}");
    let month = site.run(&["usage", "--account", &names[1], "--format", "json"]).await.json();
    assert!(!month.as_array().unwrap().is_empty());
    site.run(&["map", "unset", "s3", &names[1]]).await.failure(1);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_twenty_thousand_is_taken_and_a_wrong_one_refused_whole() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let site = Site::new(&house(port, &panel, ""));
    let daemon = site.serve(port).await;
    let strange =
        ["1042", "007", "Müller", "a b", "../x", "<script>", "x".repeat(255).as_str()].map(str::to_string);
    let mut services: Vec<Value> = (1..=20_000).map(|id| service(id, &format!("user-{id}"))).collect();
    for (service, name) in services.iter_mut().zip(&strange) {
        service["username"] = json!(name);
    }
    let whole = json!({ "schema": 1, "services": services }).to_string();
    assert!(whole.len() > 1 << 20);
    let answer = put(&daemon, 12, whole.clone()).await;
    assert_eq!((answer.status, &answer.json()["services"]), (200, &json!(20_000)));
    assert_eq!(put(&daemon, 12, whole).await.status, 200);
    for (body, status) in [
        ("{".to_string(), 400),
        (json!({ "services": [] }).to_string(), 422),
        (json!({ "schema": 2, "services": [] }).to_string(), 422),
        (json!({ "schema": 1, "services": [service(1, "a"), service(1, "b")] }).to_string(), 422),
        (json!({ "schema": 1, "services": [{ "id": 1, "client": 1, "username": "a", "status": "Active", "limits": { "disk": 1 } }] }).to_string(), 422),
        (json!({ "schema": 1, "services": [{ "id": 1, "client": 1, "username": "a", "status": "Active", "limits": { "storage": u64::MAX } }] }).to_string(), 422),
    ] {
        let answer = put(&daemon, 12, body).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
    }
    assert_eq!(put(&daemon, 13, json!({ "schema": 1, "services": [] }).to_string()).await.status, 404);
    // What was refused changed nothing.
    let missing = "whmeter_unmetered_services{server=\"12\"}";
    daemon.until("/metrics", "still has them all", |got| got.sample(missing) == Some(20_000)).await;
    // Only this list may be long, and no list that long.
    for (method, path, length) in [
        ("PUT", "/v1/whmcs/services?server=12", (16 << 20) + 1),
        ("POST", "/v1/whmcs/policy/x?server=12", (1 << 20) + 1),
    ] {
        assert_eq!(announced(port, method, path, length).await, "HTTP/1.1 413", "{path}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_no_service_has_are_refused_at_every_door() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let site = Site::new(&house(port, &panel, ""));
    let daemon = site.serve(port).await;
    let name = panel.accounts()[0].clone();
    let read = "whmeter_poll_accounts{backend=\"s3\",outcome=\"read\"}";
    daemon.until("/metrics", "has read everybody", |got| got.sample(read) == Some(3)).await;
    // The largest that WHMCS's column has is one; beyond it two services would come to share a number.
    let largest = json!({ "schema": 1, "services": [service(4_294_967_295, &name)] });
    assert_eq!(put(&daemon, 12, largest.to_string()).await.status, 200);
    for number in ["0", "-7", "4294967296", "4294975027", "9223372036854775807"] {
        let body = json!({ "schema": 1, "services": [service(7, &name)] })
            .to_string()
            .replace(":7,", &format!(":{number},"));
        assert!(body.contains(number), "{body}");
        let refused = put(&daemon, 12, body).await;
        assert_eq!(refused.status, 422, "{number}: {}", refused.text());
        assert!(refused.text().contains(number), "{}", refused.text());
        let path = format!("/v1/map/s3/{name}");
        let wish = format!("{{\"action\":\"set\",\"service\":{number},\"force\":true}}");
        let wish = daemon.request("POST", &path).header("content-type", "application/json").body(wish);
        let refused = daemon.send(wish).await.unwrap();
        assert!(matches!(refused.status, 400 | 422), "{number}: {}", refused.text());
        let typed = site.run(&["map", "set", "s3", &name, number, "--force"]).await;
        assert_eq!(typed.code, Some(2), "{number}: {typed:?}");
    }
    let map = site.run(&["map", "list", "--json"]).await.json();
    let services: Vec<&Value> = map.as_array().unwrap().iter().map(|row| &row["service"]).collect();
    assert!(services.contains(&&json!(4_294_967_295_u32)), "{map}");
    assert!(services.iter().all(|id| id.is_null() || **id == json!(4_294_967_295_u32)), "{map}");
    daemon.stop().await;
}
