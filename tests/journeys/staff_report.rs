//! Staff hear once a day by mail what has changed, what is not billed and what is not well.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;
use whmeter_simulators::smtp::{Behaviour, Encryption, Received, Receiver};

use crate::support::panels::section;
use crate::support::program::{Daemon, Site, free_port};

/// 2026-11-20T12:00:00Z: one in the afternoon in Warsaw.
const START: i64 = 1_795_176_000;

const PRICE: &str = "\n[[price]]\nname = \"s3\"\nmeter = \"storage\"\nincluded = \"0 B\"\nper = \"1 GiB\"\n\
    price = \"1000.00\"\ndecimals = 2\ncurrency = \"EUR\"\nof = \"last\"\n";

async fn tell(daemon: &Daemon<'_>, services: Value) {
    let body = json!({ "schema": 1, "services": services }).to_string();
    let put = daemon.request("PUT", "/v1/whmcs/services?server=12").body(body);
    assert_eq!(daemon.send(put.header("content-type", "application/json")).await.unwrap().status, 200);
}

fn service(id: u64, username: &str) -> Value {
    json!({ "id": id, "client": id + 1000, "username": username, "product": "S3", "status": "Active" })
}

/// The mail number `count`, once it has arrived.
async fn mail(receiver: &Receiver, count: usize, site: &Site) -> Received {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let received = receiver.received();
        if let Some(mail) = received.get(count - 1) {
            assert_eq!(received.len(), count, "one more than was due");
            return mail.clone();
        }
        let outbox = site.run(&["outbox", "list", "--all"]).await;
        assert!(Instant::now() < deadline, "{outbox:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The plain part: lines that were too long for mail are whole again.
fn plain(mail: &Received) -> String {
    let text = mail.text.replace("=\r\n", "").replace("=3D", "=").replace("\r\n", "\n");
    let from = text.find("As of ").unwrap_or_else(|| panic!("{text}"));
    text[from..].split("\n--").next().unwrap().to_string()
}

/// The lines of one section.
fn lines<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    text.lines().skip_while(|line| *line != title).skip(1).take_while(|line| !line.is_empty()).collect()
}

/// Whether a word of a line is this; one name may begin with another.
fn has(line: &str, name: &str) -> bool {
    line.split_whitespace().any(|word| word == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_hear_once_a_day_what_has_changed_and_what_is_not_billed() {
    let panel = crate::start(6, ClockStart::Frozen(START)).await;
    let receiver = Receiver::start(Encryption::None, Behaviour::default()).await.unwrap();
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12\n");
    let notify = format!(
        "\n[notify]\nchannels = [\"smtp\"]\n[notify.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"whmeter@example.net\"\n[report]\nat = \"06:30\"\nto = [\"ops@example.net\"]\n",
        receiver.port()
    );
    let site = Site::new(&format!("{}{PRICE}{notify}", crate::house(port, "", "", &[backend])));
    let clock = site.path().join("now");
    let becomes = |now: i64| {
        panel.knobs().clock.freeze_at(now);
        std::fs::write(&clock, now.to_string()).unwrap();
    };
    becomes(START);
    let names = panel.accounts();
    site.at(START, &["poll"]).await.good();
    {
        let daemon = site.start_told(port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        tell(&daemon, json!([service(7, &names[0]), service(8, &names[1]), service(9, "nobody")])).await;
        site.at(START, &["poll"]).await.good();
        daemon.signal("-HUP");
        let first = mail(&receiver, 1, &site).await;
        assert_eq!(first.to, ["ops@example.net"]);
        let subject = first.header("Subject").unwrap();
        assert!(subject.starts_with("whmeter: ") && subject.ends_with(" EUR not billed"), "{subject}");
        let text = plain(&first);
        assert!(text.contains("As of 2026-11-20 13:00, in the zone Europe/Warsaw"), "{text}");
        assert!(text.contains("This is the first report"), "{text}");
        let unbilled = lines(&text, "ACCOUNTS THAT NO SERVICE PAYS FOR");
        let status = site.at(START, &["status", "--json"]).await.json();
        let worth = status["unbilled"]["EUR"].as_str().unwrap();
        assert_eq!(unbilled[0], format!("{worth} EUR this month so far, by the prices of the config."));
        assert!(subject.contains(worth), "{subject}");
        for name in &names[2..] {
            assert!(
                unbilled.iter().any(|line| has(line, name) && line.contains("storage")),
                "{name}: {text}"
            );
        }
        for name in &names[..2] {
            assert!(!unbilled.iter().any(|line| has(line, name)), "{name}: {text}");
        }
        assert_eq!(lines(&text, "PANELS THAT ARE NOT READ AS THEY SHOULD BE"), ["None."]);
        daemon.kill().await;
    }

    // Later that day somebody pays for one more, another is gone, and one was pinned by hand. The daemon that is started
    // again tells nothing a second time.
    let tomorrow = START + 86_400;
    let pin = ["policy", "pin", "s3", &names[3], "standard"];
    site.at(START + 60, &pin).await.good();
    let daemon = site.start_told(port, &clock);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    panel.vanish(&names[4]).unwrap();
    tell(
        &daemon,
        json!([service(7, &names[0]), service(8, &names[1]), service(9, "nobody"), service(10, &names[2])]),
    )
    .await;
    for later in [3600, 7200] {
        becomes(START + later);
        site.at(START + later, &["poll"]).await.good();
    }
    // It looks whether a report is due, as it does every quarter of a minute.
    daemon.signal("-HUP");
    daemon.until_logged("config read again").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.received().len(), 1);
    becomes(tomorrow);
    daemon.signal("-HUP");
    let second = mail(&receiver, 2, &site).await;
    let text = plain(&second);
    let changed = lines(&text, "WHAT HAS CHANGED");
    assert!(changed[0].starts_with("Since 2026-11-20 13:00: "), "{text}");
    assert!(changed[0].contains("0 accounts came, 1 went; 1 acts."), "{text}");
    let over = lines(&text, "OVER");
    assert!(over.iter().any(|line| line.contains("unbilled") && has(line, &names[2])), "{text}");
    assert!(!lines(&text, "NEW").iter().any(|line| line.contains("unbilled")), "{text}");
    let went = lines(&text, "ACCOUNTS THAT WENT");
    assert!(went.iter().any(|line| has(line, &names[4])), "{text}");
    let done = lines(&text, "WHAT WAS DONE");
    assert!(done.iter().any(|line| line.contains(" pin ") && has(line, &names[3])), "{text}");
    assert!(!lines(&text, "ACCOUNTS THAT NO SERVICE PAYS FOR").iter().any(|line| has(line, &names[2])));
    let key = |mail: &Received| mail.header("Message-ID").unwrap();
    assert_ne!(key(&second), receiver.received().first().map(key).unwrap());

    // By hand: looked at first, then mailed to somebody else. It is none that tomorrow's is compared with.
    let look = site.at(tomorrow, &["report", "--mail", "--dry-run"]).await.good();
    assert!(look.starts_with("To: ops@example.net\nSubject: whmeter: "), "{look}");
    assert!(look.contains("0 found that were not there before, 0 no more"), "{look}");
    assert_eq!(receiver.received().len(), 2);
    let sent = site.at(tomorrow, &["report", "--mail", "--to", "boss@example.net"]).await.good();
    assert!(sent.contains("is mailed to boss@example.net"), "{sent}");
    assert_eq!(mail(&receiver, 3, &site).await.to, ["boss@example.net"]);
    // Another in the same second is another mail.
    let sent = site.at(tomorrow, &["report", "--mail", "--to", "cfo@example.net"]).await.good();
    assert!(sent.contains("is mailed to cfo@example.net"), "{sent}");
    assert_eq!(mail(&receiver, 4, &site).await.to, ["cfo@example.net"]);
    let outbox = daemon.get("/v1/outbox?state=all").await.json();
    let entries = outbox["rows"].as_array().unwrap();
    let reports: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "report").collect();
    assert_eq!(reports.len(), 4, "{outbox}");
    assert!(
        reports.iter().all(|entry| entry["account"] == Value::Null && entry["state"] == "delivered"),
        "{outbox}"
    );

    // A mail server that is away is tried again, and says so.
    receiver.stop();
    let away = site.at(tomorrow + 1, &["report", "--mail"]).await.failure(1);
    assert!(away.contains("not mailed yet") && away.contains("whmeter outbox list"), "{away}");
    let waits = site.at(tomorrow + 1, &["outbox", "list"]).await.good();
    assert!(waits.contains("report/by-hand/2026-11-21"), "{waits}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_report_is_said_before_it_is_due() {
    let panel = crate::start(1, ClockStart::Frozen(START)).await;
    let house = crate::house(free_port(), "", "", &[section(&panel, "s3", "every = \"1h\"")]);
    let smtp = "\n[notify]\nchannels = [\"smtp\"]\n[notify.smtp]\nhost = \"127.0.0.1\"\ntls = \"none\"\nfrom = \"a@example.net\"\n";
    for (config, said) in [
        ("[report]\n", "needs \"smtp\" among channels in [notify]"),
        ("[report]\nevery = \"90m\"\n", "expected \"1d\" to \"31d\""),
        ("[report]\nat = \"6 am\"\n", "\"6 am\" is not a time of day; write it like \"06:30\""),
        ("[report]\nto = [\"nobody\"]\n", "\"nobody\" is not a mail address"),
        ("[report]\nto = [\"a@example.net, b@example.net\"]\n", "each address by itself"),
        ("[report]\nevry = \"1d\"\n", "every"),
        (&format!("{smtp}[report]\n"), "report.to"),
    ] {
        let site = Site::new(&format!("{house}\n{config}"));
        let said_then = site.at(START, &["status"]).await.failure(2);
        assert!(said_then.contains(said), "{config}: {said_then}");
    }
    let site = Site::new(&house);
    for (arguments, said) in [
        (&["report", "--mail", "--what", "ghosts"][..], "--what"),
        (&["report", "--to", "a@example.net"], "--mail"),
    ] {
        let misused = site.at(START, arguments).await;
        assert!(misused.code == Some(2) && misused.stderr.contains(said), "{misused:?}");
    }
    for (arguments, said) in [
        (&["report", "--mail"][..], "[notify.smtp]"),
        (&["report", "--mail", "--to", "nobody"], "is not a mail address"),
    ] {
        let refused = site.at(START, arguments).await.failure(2);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
}
