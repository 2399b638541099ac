//! Proxmox VE: what only it does. Who is let in and whose guests are stands beside, and so do limits.

use serde_json::{Value, json};
use whmeter::backends::{Backend, Past, PollRequest};
use whmeter::domain::{Estimate, Harvest, Meter, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::proxmox::{Options, Panel};

use crate::support::panels::*;

/// Somebody at the panel gives a guest's first card another rate.
pub fn set_rate(panel: &dyn SimulatedPanel, account: &str, rate: Option<&str>) {
    let guest = panel.operate(&format!("guests/{account}"), &json!(null)).unwrap();
    let card = guest["config"]["net0"].as_str().unwrap();
    let rate = rate.map(|rate| format!("rate={rate}"));
    let parts = card.split(',').filter(|part| !part.starts_with("rate="));
    let parts: Vec<&str> = parts.chain(rate.as_deref()).collect();
    on(panel, account, json!({"op": "config", "key": "net0", "value": parts.join(",")}));
}

/// Does something to a guest, and tells how it is then.
pub fn on(panel: &dyn SimulatedPanel, account: &str, what: Value) -> Value {
    panel.operate(&format!("guests/{account}"), &what).unwrap()
}

pub fn node(panel: &Panel, name: &str, what: &str) {
    panel.operate(&format!("nodes/{name}"), &json!({"op": what})).unwrap();
}

/// A fake cluster with all its own knobs.
pub async fn start(accounts: usize) -> (Panel, Pair) {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    let panel = Panel::start(Options { common, ..Options::default() }).await.unwrap();
    let kind = whmeter::backends::kind("proxmox").unwrap();
    (panel.clone(), Pair { kind, panel: Box::new(panel) })
}

/// Polls at each of these seconds after [`NOW`], with one backend that remembers.
pub struct Story<'a> {
    pair: &'a Pair,
    backend: Box<dyn Backend>,
    pub ledger: Ledger,
}

impl<'a> Story<'a> {
    pub fn new(pair: &'a Pair, keys: &str) -> Story<'a> {
        Story { pair, backend: pair.backend_with(keys), ledger: Ledger::new() }
    }

    fn at(&self, seconds: i64) {
        self.pair.panel.knobs().clock.freeze_at(NOW + seconds);
    }

    pub async fn poll_at(&mut self, seconds: i64) -> Harvest {
        self.at(seconds);
        let harvest = poll_after(&*self.backend, NOW + seconds, self.ledger.heard()).await.unwrap();
        self.ledger.take(&harvest, NOW + seconds);
        harvest
    }

    /// What was settled of an account is what really passed in these spans, to the byte.
    fn check(&self, account: &str, spans: &[(i64, i64)]) {
        let passed = spans.iter().map(|(from, to)| moved(self.pair.truth(), account, NOW + from, NOW + to));
        let sum = passed.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert_eq!(self.ledger.moved(account), sum, "{account}");
    }
}

pub fn reason(harvest: &Harvest, account: &str) -> (Reason, String) {
    let harvested = of(harvest, account).unwrap();
    assert_eq!(figure(harvested, Meter::TrafficOut), None, "{account}: {harvested:?}");
    let unread = unread(harvested, Meter::TrafficOut).unwrap();
    (unread.reason, unread.detail.clone())
}

#[tokio::test]
async fn every_release_tells_the_same() {
    for version in [7, 8, 9] {
        let (panel, pair) = start(30).await;
        panel.switch(|switches| switches.version = version);
        let mut story = Story::new(&pair, "");
        for seconds in [0, 600, 1200] {
            let harvest = story.poll_at(seconds).await;
            crate::check_readings(&pair, &harvest);
            assert!(level(of(&harvest, "103").unwrap()).is_some(), "{version}: a container tells its disk");
        }
        panel.accounts().iter().for_each(|account| story.check(account, &[(0, 1200)]));
        let steps = crate::steps(&*story.backend).await;
        assert!(steps.iter().all(|step| step.outcome.is_ok()), "{version}: {steps:?}");
        let said = format!("{steps:?}");
        assert!(said.contains("30 guests on 3 nodes") && said.contains("prod1"), "{said}");
    }
}

#[tokio::test]
async fn a_silent_node_makes_its_guests_unknown_and_nobody_elses() {
    let (panel, pair) = start(12).await;
    let mut story = Story::new(&pair, "");
    story.poll_at(0).await;
    node(&panel, "pve2", "cut");
    for (seconds, text) in [(120, "pve2 is offline"), (600, "pve2 is offline")] {
        let harvest = story.poll_at(seconds).await;
        assert!(!harvest.is_complete(), "nobody is gone for a node that is");
        for (index, account) in panel.accounts().iter().enumerate() {
            match index % 3 {
                1 => {
                    let (reason, detail) = reason(&harvest, account);
                    assert_eq!(reason, Reason::Unreachable);
                    assert!(detail.contains(text), "{detail}");
                }
                _ => {
                    assert!(figure(of(&harvest, account).unwrap(), Meter::TrafficOut).is_some(), "{account}")
                }
            }
        }
    }
    node(&panel, "pve2", "join");
    crate::check_readings(&pair, &story.poll_at(900).await);
    // What passed meanwhile is caught up with.
    panel.accounts().iter().for_each(|account| story.check(account, &[(0, 900)]));
}

#[tokio::test]
async fn a_frozen_collector_repeats_itself_then_tells_nothing_and_is_caught_up_with() {
    let (panel, pair) = start(12).await;
    let mut story = Story::new(&pair, "");
    story.poll_at(0).await;
    story.at(60);
    node(&panel, "pve1", "hang");
    for seconds in [120, 240, 350] {
        let harvest = story.poll_at(seconds).await;
        assert!(figure(of(&harvest, "100").unwrap(), Meter::TrafficOut).is_some());
        story.check("100", &[(0, 60)]);
    }
    let (why, detail) = reason(&story.poll_at(420).await, "100");
    assert_eq!(why, Reason::Unreachable);
    assert!(detail.contains("unknown") && detail.contains("pve1"), "{detail}");
    node(&panel, "pve1", "recover");
    story.poll_at(500).await;
    panel.accounts().iter().for_each(|account| story.check(account, &[(0, 500)]));
}

#[tokio::test]
async fn restarts_moves_and_stops_lose_only_what_nobody_saw() {
    let (panel, pair) = start(12).await;
    let mut story = Story::new(&pair, "");
    story.poll_at(0).await;
    story.poll_at(600).await;
    story.at(655);
    on(&panel, "100", json!({"op": "restart"}));
    on(&panel, "101", json!({"op": "migrate", "to": "pve1"}));
    on(&panel, "102", json!({"op": "stop"}));
    on(&panel, "105", json!({"op": "pause"}));
    on(&panel, "110", json!({"op": "start"}));
    // Five seconds lay between the last snapshot and the restart: nobody could ever see them.
    let lost = pair.truth().forgotten_between("100", NOW + 600, NOW + 700);
    assert_eq!(i128::from(lost.sent), moved(pair.truth(), "100", NOW + 650, NOW + 655).1);
    // The new node shows the old figures until it has taken its own.
    let moved_away = story.poll_at(658).await;
    assert!(figure(of(&moved_away, "101").unwrap(), Meter::TrafficOut).is_some());
    story.poll_at(720).await;
    on(&panel, "102", json!({"op": "start"}));
    on(&panel, "105", json!({"op": "resume"}));
    story.poll_at(1200).await;
    story.check("100", &[(0, 650), (655, 1200)]);
    story.check("101", &[(0, 650), (655, 1200)]);
    story.check("102", &[(0, 650), (720, 1200)]);
    for account in ["103", "104", "105", "110"] {
        story.check(account, &[(0, 1200)]);
    }
    assert!(story.ledger.notes.contains(&"counter_restarted"));
}

#[tokio::test]
async fn a_number_used_again_begins_anew() {
    let (panel, pair) = start(8).await;
    let mut story = Story::new(&pair, "");
    story.poll_at(0).await;
    story.poll_at(600).await;
    panel.vanish("102").unwrap();
    assert!(of(&story.poll_at(660).await, "102").is_none());
    story.at(700);
    on(&panel, "102", json!({"op": "reuse", "type": "lxc"}));
    let harvest = story.poll_at(900).await;
    let Some(Reading::Counter { source, .. }) = figure(of(&harvest, "102").unwrap(), Meter::TrafficOut)
    else {
        panic!("a counter")
    };
    assert_eq!(source.as_str(), "lxc/102");
    story.check("102", &[(0, 600), (700, 900)]);
}

#[tokio::test]
async fn a_card_plugged_in_again_is_told_from_nonsense_where_it_is_the_only_one() {
    let (panel, pair) = start(12).await;
    let mut story = Story::new(&pair, "");
    for account in ["100", "106"] {
        panel.knobs().truth.add_traffic(account, NOW, traffic(900_000_000_000));
    }
    story.poll_at(0).await;
    story.poll_at(600).await;
    panel.knobs().requests.clear();
    for account in ["100", "106"] {
        on(&panel, account, json!({"op": "replug"}));
    }
    story.poll_at(1200).await;
    // One look at each of the two configurations, and at nobody else's.
    assert_eq!(panel.knobs().requests.count("/config"), 2);
    story.check("100", &[(0, 1200)]);
    // Of two cards nobody knows what the other one moved: less is billed than passed, and it is said.
    let passed = moved(pair.truth(), "106", NOW, NOW + 1200);
    assert!(story.ledger.moved("106").1 <= passed.1);
    assert!(["reset_while_running", "went_backwards"].iter().all(|note| story.ledger.notes.contains(note)));
    story.poll_at(1800).await;
    assert_eq!(panel.knobs().requests.count("/config"), 2, "it is news only once");
    story.check("100", &[(0, 1800)]);
}

fn traffic(bytes: u64) -> whmeter_simulators::growth::Traffic {
    whmeter_simulators::growth::Traffic { received: bytes, sent: bytes }
}

#[tokio::test]
async fn the_first_card_alone_is_metered_where_it_shall_be() {
    let (panel, pair) = start(16).await;
    let mut story = Story::new(&pair, "traffic = \"net0\"");
    story.poll_at(0).await;
    panel.knobs().requests.clear();
    let harvest = story.poll_at(600).await;
    assert_eq!(panel.knobs().requests.count("/qemu"), 3, "one call per node");
    for account in panel.accounts() {
        if panel.is_container(&account) {
            assert_eq!(reason(&harvest, &account).0, Reason::NotOffered);
            continue;
        }
        let first = |at| pair.truth().part_traffic(&account, "net0", at);
        let passed = first(NOW + 600) - first(NOW);
        assert_eq!(story.ledger.moved(&account), (passed.received.into(), passed.sent.into()), "{account}");
    }
    assert!(pair.truth().parts("106").len() == 2 && story.ledger.moved("106").1 > 0);
    // A node that the asked one cannot reach by itself.
    let fault = Fault::new(FaultKind::Failed { status: 595 }).on("nodes/pve2/qemu");
    panel.knobs().faults.add(fault);
    let harvest = story.poll_at(1200).await;
    let (why, detail) = reason(&harvest, "101");
    assert!(why == Reason::Unreachable && detail.contains("pve2") && detail.contains("595"), "{detail}");
    assert!(figure(of(&harvest, "102").unwrap(), Meter::TrafficOut).is_some());
}

#[tokio::test]
async fn provisioned_disks_are_read_a_few_at_a_time_and_remembered() {
    let (panel, pair) = start(210).await;
    let backend = pair.backend_with("storage = \"provisioned\"");
    let asked = || panel.knobs().requests.count("/config");
    let mut levels = Vec::new();
    for (seconds, configs) in [(0, 200), (60, 210), (120, 210), (86_400, 410)] {
        panel.knobs().clock.freeze_at(NOW + seconds);
        let harvest = pair.poll(&*backend).await.unwrap();
        assert_eq!(asked(), configs, "{seconds}");
        levels.push(harvest.accounts().values().filter(|harvested| level(harvested).is_some()).count());
        let waits = harvest.accounts().values().find_map(|harvested| unread(harvested, Meter::StorageUsed));
        assert_eq!(waits.map(|unread| unread.reason), (seconds == 0).then_some(Reason::Busy));
        let known = level(of(&harvest, "101").unwrap()).unwrap();
        assert_eq!(known.1, (12 << 30) + (528 << 10));
        assert_eq!(known.0, if seconds < 86_400 { NOW } else { NOW + 86_400 }, "as old as it was read");
    }
    assert_eq!(levels, [200, 210, 210, 210]);
}

#[tokio::test]
async fn charts_become_estimates_and_never_readings() {
    for version in [8, 9] {
        let (panel, pair) = start(4).await;
        panel.switch(|switches| switches.version = version);
        let clock = &panel.knobs().clock;
        on(&panel, "101", json!({"op": "stop"}));
        clock.advance(3600);
        on(&panel, "101", json!({"op": "start"}));
        clock.advance(4 * 3600);
        let (since, until) = (NOW - 7200, NOW + 4 * 3600);
        let past = Past { now: instant(NOW + 5 * 3600), since: instant(since), until: instant(until) };
        let mut harvest = Harvest::new();
        pair.backend().history().expect("history").backfill(&past, &mut harvest).await.unwrap();
        let guest = of(&harvest, "101").unwrap();
        assert!(guest.readings.is_empty() && guest.unread.is_empty(), "{guest:?}");
        let sent: Vec<_> = guest.estimates.iter().filter(|(meter, _)| *meter == Meter::TrafficOut).collect();
        let span =
            |(_, estimate): &(Meter, Estimate)| (estimate.span.start().get(), estimate.span.end().get());
        assert_eq!((span(sent[0]).0, span(sent[sent.len() - 1]).1), (since, until), "{version}");
        // While it was off there is nothing, which is not told as zero.
        assert!(
            sent.iter().all(|one| span(one).1 <= NOW || span(one).0 >= NOW + 3600),
            "{version}: {sent:?}"
        );
        let about: u64 = sent.iter().map(|(_, estimate)| estimate.about.get()).sum();
        let truth = moved(pair.truth(), "101", since, until).1;
        let off = (i128::from(about) - truth).abs();
        assert!(truth > 0 && off * 100 < truth, "{version}: {about} told, {truth} moved");
        let apart = sent.windows(2).all(|two| two[0].1.span.end() <= two[1].1.span.start());
        assert!(apart, "{version}: spans overlap");
    }
}

/// The whole of a large cluster in one call, with a guest in a hundred that tells nonsense.
#[tokio::test]
async fn ten_thousand_guests_with_one_in_a_hundred_broken() {
    let (panel, pair) = start(10_000).await;
    let mut story = Story::new(&pair, "storage = \"none\"");
    story.poll_at(0).await;
    let nonsense =
        ["NaN", "-1", "18446744073709551616", "\"many\"", "-inf", "[1]", "9223372036854775808", "0.5"];
    let broken: Vec<String> = (0..100).map(|index| (100 + 100 * index + index % 7).to_string()).collect();
    for (index, account) in broken.iter().enumerate() {
        let raw = nonsense[index % nonsense.len()];
        on(&panel, account, json!({"op": "odd", "field": "netout", "raw": raw}));
    }
    panel.knobs().requests.clear();
    let harvest = story.poll_at(600).await;
    assert_eq!(panel.knobs().requests.all().iter().map(|asked| asked.count).sum::<u64>(), 1);
    assert_eq!(harvest.accounts().len(), 10_000);
    let mut named = 0;
    for account in panel.accounts() {
        match broken.contains(&account) {
            true => {
                let (why, detail) = reason(&harvest, &account);
                assert_eq!(why, Reason::Unexpected, "{account}");
                assert!(detail.contains("netout") && detail.contains(&account), "{detail}");
                named += 1;
            }
            false => story.check(&account, &[(0, 600)]),
        }
    }
    assert_eq!(named, 100);
    let only = PollRequest { only: Some(account("5000")), ..PollRequest::at(instant(NOW + 600)) };
    let mut one = Harvest::new();
    story.backend.poll(&only, &mut one).await.unwrap();
    assert_eq!(one.accounts().len(), 1);
}
