//! MinIO, AIStor and RustFS: what only they do.

use std::collections::BTreeSet;

use toml::{Table, Value};
use whmeter::backends::{Applied, BackendError};
use whmeter::domain::{Harvest, Meter, Nature, Policy, Reading, Reason};
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::minio::{Attach, Flavour, MetricsGuard, Options, Panel};
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::truth::NOBODY;

use crate::support::panels::*;
use crate::support::signing;

/// A fake MinIO with all its own knobs.
pub async fn start(accounts: usize, nodes: usize) -> (Panel, Pair) {
    start_with(Options { nodes, ..options(accounts) }).await
}

fn options(accounts: usize) -> Options {
    let common = panel::Options { accounts, clock: ClockStart::Frozen(NOW), ..panel::Options::default() };
    Options { common, ..Options::default() }
}

async fn start_with(options: Options) -> (Panel, Pair) {
    let panel = Panel::start(options).await.unwrap();
    let kind = whmeter::backends::kind("minio").unwrap();
    (panel.clone(), Pair { kind, panel: Box::new(panel) })
}

/// The address of every node, as a list in the config.
fn nodes(panel: &Panel) -> Value {
    Value::Array((0..panel.nodes()).map(|node| Value::String(panel.node_url(node))).collect())
}

fn with_nodes(panel: &Panel, keys: &str) -> Table {
    let mut settings = settings(panel);
    settings.insert("nodes".into(), nodes(panel));
    settings.extend(keys.parse::<Table>().unwrap());
    settings
}

/// Why both directions of every account are unread; none may have a reading.
fn all_traffic_unread(harvest: &Harvest) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (name, harvested) in harvest.accounts() {
        let flows = harvested.readings.iter().filter(|(meter, _)| meter.nature() == Nature::Flow);
        assert_eq!(flows.count(), 0, "{name}: {harvested:?}");
        for meter in [Meter::TrafficIn, Meter::TrafficOut] {
            let unread = unread(harvested, meter).unwrap();
            assert!(!unread.detail.is_empty());
            reasons.push(unread.reason);
        }
    }
    reasons
}

fn check_level(pair: &Pair, harvest: &Harvest, name: &str) {
    let (at, level) = level(of(harvest, name).unwrap()).unwrap();
    assert_eq!(Some(level), pair.truth().level(name, at), "{name}");
}

#[tokio::test]
async fn never_1_a_server_that_never_scanned_holds_an_unknown_amount() {
    let (panel, pair) = start(6, 2).await;
    panel.scan(|scanner| scanner.never = true);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert_eq!(harvest.accounts().len(), 6);
    for (name, harvested) in harvest.accounts() {
        assert_eq!(level(harvested), None, "{name}");
        let unread = unread(harvested, Meter::StorageUsed).unwrap();
        assert_eq!(unread.reason, Reason::Busy);
        assert!(unread.detail.contains("not scanned"), "{unread:?}");
    }
    // Traffic needs no scanner.
    let busy = of(&harvest, "7-41").unwrap();
    assert!(busy.readings.iter().any(|(meter, _)| *meter == Meter::TrafficOut));
    panel.scan(|scanner| scanner.never = false);
    crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
}

#[tokio::test]
async fn never_1_a_bucket_the_scanner_has_not_come_to_makes_its_owner_unknown_and_nobody_else() {
    let (panel, pair) = start(6, 2).await;
    panel.scan(|scanner| scanner.unseen_buckets = BTreeSet::from(["7-42-backup".to_string()]));
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    for name in pair.panel.accounts() {
        match name.as_str() {
            "7-42" => {
                let harvested = of(&harvest, "7-42").unwrap();
                assert_eq!(level(harvested), None, "the other bucket alone is not what it holds");
                assert!(unread(harvested, Meter::StorageUsed).unwrap().detail.contains("7-42-backup"));
            }
            name => check_level(&pair, &harvest, name),
        }
    }
}

#[tokio::test]
async fn names_that_begin_with_another_name_are_billed_apart_and_reported() {
    let (panel, pair) = start(6, 2).await;
    let truth = pair.truth();
    truth.set_level("7-41", NOW - 7200, 1_000);
    truth.set_level("7-411", NOW - 7200, 7_000_000);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert_eq!(level(of(&harvest, "7-41").unwrap()).unwrap().1, 1_000);
    assert_eq!(level(of(&harvest, "7-411").unwrap()).unwrap().1, 7_000_000);
    let warned = harvest.warnings().iter().any(|text| text.contains("7-41 and 7-411"));
    assert!(warned, "{:?}", harvest.warnings());
    // The user is deleted and his bucket is left: it does not become the other's.
    signing::admin(&panel, "DELETE", "remove-user?accessKey=7-411", b"").await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert_eq!(level(of(&harvest, "7-41").unwrap()).unwrap().1, 1_000);
    let left = harvest.unclaimed_usage().iter().find(|one| one.what == "7-411-data").unwrap();
    assert_eq!((left.why, left.level.map(|level| level.get())), ("ambiguous", Some(7_000_000)));
}

#[tokio::test]
async fn a_bucket_of_nobody_is_shown_and_billed_to_nobody() {
    let (_panel, pair) = start(6, 2).await;
    pair.truth().set_level(NOBODY, NOW - 3600, 123_456);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    let [lost] = harvest.unclaimed_usage() else { panic!("{:?}", harvest.unclaimed_usage()) };
    assert_eq!((lost.what.as_str(), lost.why), ("lost-and-found", "orphan"));
    assert_eq!(lost.level.map(|level| level.get()), Some(123_456));
    // Assigned in the config it is part of what that account holds.
    let assigned = pair.backend_with("buckets = { \"lost-and-found\" = \"8-77\" }");
    let harvest = pair.poll(&*assigned).await.unwrap();
    assert!(harvest.unclaimed_usage().is_empty());
    assert_eq!(level(of(&harvest, "8-77").unwrap()).unwrap().1, 123_456);
}

#[tokio::test]
async fn every_encryption_of_the_user_list_is_read_over_many_fragments() {
    let (panel, pair) = start(180, 1).await;
    for (algorithm, exact) in [(0, false), (1, false), (2, false), (0, true), (2, true)] {
        panel.switch(|switches| {
            switches.seal_algorithm = algorithm;
            switches.seal_exact_fragments = exact;
        });
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert_eq!(harvest.accounts().len(), 180, "algorithm {algorithm}, exact {exact}");
        crate::check_readings(&pair, &harvest);
    }
}

#[tokio::test]
async fn the_scanners_local_time_is_understood() {
    let (panel, pair) = start(4, 1).await;
    for minutes in [120, -330, 0, 765] {
        panel.scan(|scanner| {
            scanner.utc_offset_minutes = minutes;
            scanner.stuck_at = Some(NOW - 7 * 60);
        });
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        let (at, _) = level(of(&harvest, "7-41").unwrap()).unwrap();
        assert_eq!(at, NOW - 7 * 60, "offset {minutes}");
        check_level(&pair, &harvest, "7-41");
    }
}

#[tokio::test]
async fn rustfs_tells_storage_says_that_it_tells_no_traffic_and_can_be_limited() {
    let (panel, pair) = start(6, 1).await;
    panel.switch(|switches| switches.flavour = Flavour::Rustfs);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    assert!(harvest.is_complete());
    pair.panel.accounts().iter().for_each(|name| check_level(&pair, &harvest, name));
    assert!(all_traffic_unread(&harvest).iter().all(|reason| *reason == Reason::NotOffered));
    // While a snapshot is being made its maps are empty: unknown, not zero.
    panel.scan(|scanner| scanner.incomplete = true);
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    for (name, harvested) in harvest.accounts() {
        assert_eq!(level(harvested), None, "{name}");
        assert_eq!(unread(harvested, Meter::StorageUsed).unwrap().reason, Reason::Busy);
    }
    panel.scan(|scanner| scanner.incomplete = false);
    limit_and_restore(&pair, "").await;
}

#[tokio::test]
async fn aistor_is_asked_in_its_own_version_and_asked_once() {
    let (panel, pair) = start(6, 1).await;
    panel.switch(|switches| switches.flavour = Flavour::Aistor);
    let backend = pair.backend();
    crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    let requests = &panel.knobs().requests;
    assert_eq!(requests.count("/v3/list-users"), 1);
    requests.clear();
    crate::check_readings(&pair, &pair.poll(&*backend).await.unwrap());
    assert_eq!((requests.count("/v3/list-users"), requests.count("/v4/list-users")), (0, 1));
    limit_and_restore(&pair, "").await;
}

async fn limit_and_restore(pair: &Pair, keys: &str) {
    let (backend, key) = (pair.backend_with(keys), account("7-42"));
    let memory = limiter(&*backend).remember(&target(&key)).await.unwrap();
    for (policy, limited) in [(Policy::Limited, true), (Policy::Standard, false)] {
        assert_eq!(
            limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap(),
            Applied::Done,
            "{keys} {policy:?}"
        );
        assert_eq!(pair.panel.is_limited("7-42"), Some(limited), "{keys} {policy:?}");
        assert_eq!(
            limiter(&*backend).apply(&target(&key), policy, &memory).await.unwrap(),
            Applied::AlreadySo,
            "{keys}"
        );
    }
    assert_eq!(limiter(&*backend).remember(&target(&key)).await.unwrap(), memory, "{keys}");
}

#[tokio::test]
async fn limits_work_by_every_way_servers_offer() {
    let (panel, pair) = start(4, 1).await;
    limit_and_restore(&pair, "switch = \"document\"").await;
    panel.switch(|switches| switches.policy_info_v2 = false);
    limit_and_restore(&pair, "switch = \"document\"").await;
    for attach in [Attach::Current, Attach::FirstReleases] {
        panel.switch(|switches| {
            switches.set_policy_call = false;
            switches.attach = attach;
        });
        limit_and_restore(&pair, "").await;
    }
    panel.switch(|switches| switches.attach = Attach::Absent);
    let backend = pair.backend();
    let memory = limiter(&*backend).remember(&target(&account("7-42"))).await.unwrap();
    let error =
        limiter(&*backend).apply(&target(&account("7-42")), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(error, BackendError::NotOffered(_)), "{error:?}");
    assert_eq!(panel.is_limited("7-42"), Some(false));
}

#[tokio::test]
async fn a_limit_holds_against_what_a_group_allows_or_is_not_promised() {
    let (panel, pair) = start(4, 1).await;
    let call = "set-user-or-group-policy?isGroup=true&policyName=readwrite&userOrGroup=hosting";
    signing::admin(&panel, "PUT", call, b"").await;
    limit_and_restore(&pair, "").await;
    // A document of the operator's own without a Deny would not limit anything here.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limited.json");
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::<USER_ID>*"]}]}"#;
    std::fs::write(&file, allow).unwrap();
    let backend = pair.backend_with(&format!("policy_limited = {file:?}"));
    let memory = limiter(&*backend).remember(&target(&account("7-42"))).await.unwrap();
    let error =
        limiter(&*backend).apply(&target(&account("7-42")), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::NotOffered(why) if why.contains("hosting")), "{error:?}");
    assert_eq!(panel.is_limited("7-42"), Some(false));
}

#[tokio::test]
async fn the_policy_of_the_readme_is_enough_and_a_right_less_is_named() {
    let (panel, pair) = start(4, 1).await;
    let policy = readme_policy();
    let settings = metered_by(&panel, &pair, policy).await;
    let backend = || pair.opened(settings.clone());
    let harvest = pair.poll(&*backend()).await.unwrap();
    check_level(&pair, &harvest, "7-42");
    assert!(of(&harvest, "7-42").unwrap().unread.is_empty());
    let steps = crate::steps(&*backend()).await;
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");
    let memory = limiter(&*backend()).remember(&target(&account("7-42"))).await.unwrap();
    let limited =
        limiter(&*backend()).apply(&target(&account("7-42")), Policy::Limited, &memory).await.unwrap();
    assert_eq!(limited, Applied::Done);
    assert_eq!(panel.is_limited("7-42"), Some(true));

    for right in ["admin:ListUsers", "admin:DataUsageInfo", "admin:ListUserPolicies"] {
        signing::put_policy(&panel, "meter", &without(policy, right)).await;
        let error = pair.poll(&*backend()).await.unwrap_err();
        assert!(matches!(&error, BackendError::Refused(why) if why.contains(right)), "{right}: {error:?}");
    }
    signing::put_policy(&panel, "meter", &without(policy, "admin:Prometheus")).await;
    let harvest = pair.poll(&*backend()).await.unwrap();
    check_level(&pair, &harvest, "7-41");
    assert!(all_traffic_unread(&harvest).iter().all(|reason| *reason == Reason::Refused));
}

/// The policy that the README gives whmeter.
pub fn readme_policy() -> &'static str {
    let readme = include_str!("../../src/backends/minio/README.md");
    readme.split("```json").nth(1).unwrap().split("```").next().unwrap()
}

/// The keys of a backend that asks as a user with this policy, called `meter` like it.
pub async fn metered_by(panel: &Panel, pair: &Pair, policy: &str) -> Table {
    signing::add_user(panel, "meter", "meters-own-secret").await;
    signing::put_policy(panel, "meter", policy).await;
    signing::map_policy(panel, "meter", "meter").await;
    let mut settings = pair.settings();
    settings.insert("access_key".into(), Value::String("meter".into()));
    settings.insert("secret".into(), Value::String("meters-own-secret".into()));
    settings
}

pub fn without(policy: &str, right: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(policy).unwrap();
    let actions = document["Statement"][0]["Action"].as_array_mut().unwrap();
    let before = actions.len();
    actions.retain(|action| action != right);
    assert_eq!(actions.len() + 1, before, "{right} is not in the README's policy");
    document.to_string()
}

#[tokio::test]
async fn a_group_limits_who_is_an_account_without_moving_anybodys_bytes() {
    let (panel, pair) = start(6, 1).await;
    let body = br#"{"group":"hosting","members":["7-411"],"isRemove":true}"#;
    signing::admin(&panel, "PUT", "update-group-members", body).await;
    let harvest = pair.poll(&*pair.backend_with("group = \"hosting\"")).await.unwrap();
    let seen: Vec<&str> = harvest.accounts().keys().map(|name| name.as_str()).collect();
    assert_eq!(seen.len(), 5);
    assert!(!seen.contains(&"7-411"), "{seen:?}");
    seen.iter().for_each(|name| check_level(&pair, &harvest, name));
}

#[tokio::test]
async fn clocks_an_hour_apart_are_told_from_a_wrong_password() {
    let (_panel, pair) = start(2, 1).await;
    let backend = opened(pair.kind, pair.settings(), NOW + 3600);
    let error = poll(&*backend, NOW + 3600).await.unwrap_err();
    assert!(matches!(&error, BackendError::Refused(why) if why.contains("clocks")), "{error:?}");
}

#[tokio::test]
async fn every_guard_of_the_metrics_is_passed() {
    let (panel, pair) = start(3, 1).await;
    for guard in [MetricsGuard::Jwt, MetricsGuard::JwtOldWords, MetricsGuard::Public] {
        panel.switch(|switches| switches.metrics_guard = guard);
        crate::check_readings(&pair, &pair.poll(&*pair.backend()).await.unwrap());
        let harvest = pair.poll(&*pair.backend()).await.unwrap();
        assert!(measured(of(&harvest, "7-41").unwrap()).is_some(), "{guard:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_held_in_memory() {
    let (_panel, pair) = start_with(Options { bulk_buckets: 2_000, ..options(3) }).await;
    let small = pair.backend_with("body_limit = \"64 KiB\"\nretries = 0");
    let error = pair.poll(&*small).await.unwrap_err();
    assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    // As long as it may be it is read, however many buckets are nobody's.
    let harvest = pair.poll(&*pair.backend_with("traffic = \"off\"")).await.unwrap();
    assert_eq!(harvest.unclaimed_usage().len(), 2_001);
    check_level(&pair, &harvest, "7-42");
}

// Traffic.

/// Polls at each of these seconds after [`NOW`], doing something in between.
struct Story<'a> {
    pair: &'a Pair,
    settings: Table,
    ledger: Ledger,
}

impl<'a> Story<'a> {
    fn new(pair: &'a Pair, settings: Table) -> Story<'a> {
        Story { pair, settings, ledger: Ledger::new() }
    }

    async fn poll_at(&mut self, seconds: i64) -> Harvest {
        self.pair.panel.knobs().clock.freeze_at(NOW + seconds);
        let backend = self.pair.opened(self.settings.clone());
        let harvest = poll_after(&*backend, NOW + seconds, self.ledger.heard()).await.unwrap();
        self.ledger.take(&harvest, NOW + seconds);
        harvest
    }

    /// The sums of all accounts are what really passed in these spans, to the byte.
    fn check(&self, spans: &[(i64, i64)]) {
        let mut busy = 0;
        for name in self.pair.panel.accounts() {
            let passed = spans.iter().map(|(from, to)| moved(self.pair.truth(), &name, NOW + from, NOW + to));
            let sum = passed.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            assert_eq!(self.ledger.moved(&name), sum, "{name}");
            busy += i32::from(sum.0 > 0 && sum.1 > 0 && sum.0 != sum.1);
        }
        assert!(busy > 2, "nobody moved anything");
    }
}

#[tokio::test]
async fn what_a_node_counted_before_its_restart_is_kept_and_what_nobody_saw_is_not_invented() {
    let (panel, pair) = start(8, 1).await;
    let mut story = Story::new(&pair, pair.settings());
    story.poll_at(0).await;
    story.poll_at(600).await;
    panel.knobs().clock.freeze_at(NOW + 700);
    panel.restart_node(0);
    story.poll_at(1200).await;
    story.poll_at(1800).await;
    story.check(&[(0, 600), (700, 1800)]);
    assert!(story.ledger.notes.contains(&"counter_restarted"));
}

#[tokio::test]
async fn a_restart_seen_at_once_loses_nothing() {
    for wait in [10, 40] {
        let (panel, pair) = start(8, 2).await;
        let mut story = Story::new(&pair, pair.settings());
        story.poll_at(0).await;
        story.poll_at(600).await;
        panel.restart_node(1);
        // So soon that a page may still be the old process's, and a little later.
        story.poll_at(600 + wait).await;
        story.poll_at(1200).await;
        panel.restart_node(0);
        panel.restart_node(1);
        story.poll_at(1800).await;
        story.check(&[(0, 1800)]);
    }
}

#[tokio::test]
async fn a_node_that_is_down_is_caught_up_with_and_never_counted_twice() {
    for keys in ["", "traffic = \"v3\"\nretries = 0"] {
        let (panel, pair) = start(8, 2).await;
        let mut story = Story::new(&pair, with_nodes(&panel, keys));
        story.poll_at(0).await;
        panel.set_node_up(1, false);
        let harvest = story.poll_at(600).await;
        if !keys.is_empty() {
            assert!(!harvest.warnings().is_empty(), "a node less is said");
        }
        for name in pair.panel.accounts() {
            let truth = moved(pair.truth(), &name, NOW, NOW + 600);
            assert!(story.ledger.moved(&name).0 <= truth.0, "{name}");
        }
        panel.set_node_up(1, true);
        story.poll_at(1200).await;
        story.check(&[(0, 1200)]);
    }
}

#[tokio::test]
async fn with_several_addresses_one_that_is_down_is_passed_over() {
    let (panel, pair) = start(6, 2).await;
    let mut settings = pair.settings();
    settings.remove("url");
    settings.insert("urls".into(), nodes(&panel));
    settings.insert("retries".into(), Value::Integer(0));
    let mut story = Story::new(&pair, settings);
    story.poll_at(0).await;
    panel.set_node_up(0, false);
    let harvest = story.poll_at(600).await;
    pair.panel.accounts().iter().for_each(|name| check_level(&pair, &harvest, name));
    let some = of(&harvest, "7-41").unwrap();
    assert!(measured(some).is_some(), "the other node tells the traffic too: {some:?}");
    panel.set_node_up(0, true);
    story.poll_at(1200).await;
    story.check(&[(0, 1200)]);
}

#[tokio::test]
async fn a_page_cut_at_a_hundred_buckets_is_not_billed_and_the_third_version_reads_them_all() {
    let (panel, pair) = start(130, 2).await;
    let harvest = pair.poll(&*pair.backend()).await.unwrap();
    pair.panel.accounts().iter().for_each(|name| check_level(&pair, &harvest, name));
    assert!(all_traffic_unread(&harvest).iter().all(|reason| *reason == Reason::NotOffered));
    let said = unread(of(&harvest, "7-41").unwrap(), Meter::TrafficOut).unwrap();
    assert!(said.detail.contains("100"), "{said:?}");

    let mut story = Story::new(&pair, with_nodes(&panel, "traffic = \"auto\""));
    story.poll_at(0).await;
    story.poll_at(900).await;
    story.check(&[(0, 900)]);
}

#[tokio::test]
async fn the_third_version_is_put_right_where_it_is_swapped_and_left_where_it_is_not() {
    for swapped in [true, false] {
        let (panel, pair) = start(6, 2).await;
        panel.switch(|switches| switches.v3_swapped = swapped);
        let keys = format!("traffic = \"v3\"\nv3_swapped = {swapped}");
        let mut story = Story::new(&pair, with_nodes(&panel, &keys));
        story.poll_at(0).await;
        story.poll_at(900).await;
        story.check(&[(0, 900)]);
    }
}

#[tokio::test]
async fn a_changed_counter_is_unread_and_never_a_number() {
    let (panel, pair) = start(4, 1).await;
    let page = "minio_bucket_traffic_sent_bytes{";
    let spoilt = [
        (page.to_string(), "minio_bucket_traffic_sent_bytes{x".to_string()),
        ("# TYPE minio_bucket_traffic_sent_bytes gauge".into(), "<html>".into()),
        ("server=".into(), "host=".into()),
        ("e+".into(), "e-".into()),
        ("e+".into(), "e+4".into()),
        ("} ".into(), "} -".into()),
        ("} ".into(), "} NaN".into()),
    ];
    for (find, with) in spoilt {
        let fault = FaultKind::ReplacedText { find: find.clone(), with: with.clone() };
        panel.knobs().faults.add(Fault::new(fault).on("v2/metrics/bucket"));
        let harvest = pair.poll(&*pair.backend_with("retries = 0")).await.unwrap();
        let reasons = all_traffic_unread(&harvest);
        assert!(reasons.iter().all(|reason| *reason == Reason::Unexpected), "{find} -> {with}: {reasons:?}");
        // Storage is another answer and stays well.
        pair.panel.accounts().iter().for_each(|name| check_level(&pair, &harvest, name));
        panel.knobs().faults.clear();
    }
}

#[tokio::test]
async fn a_page_of_traffic_that_breaks_off_leaves_traffic_unread() {
    let (panel, pair) = start(5, 1).await;
    for (kind, expected) in [
        (FaultKind::Truncated { bytes: 700, honest_length: false }, Reason::Unreachable),
        (FaultKind::Reset { after_bytes: 700 }, Reason::Unreachable),
        (FaultKind::Failed { status: 503 }, Reason::Busy),
        (FaultKind::HtmlPage { status: 200 }, Reason::Unexpected),
        (FaultKind::BrokenGzip, Reason::Unexpected),
        (FaultKind::Drip { bytes_per_tick: 1 }, Reason::Unreachable),
        (FaultKind::Endless, Reason::Unexpected),
    ] {
        panel.knobs().faults.add(Fault::new(kind.clone()).on("v2/metrics/bucket"));
        let keys = "retries = 0\ntimeout = \"2s\"\nbody_limit = \"64 KiB\"";
        let harvest = pair.poll(&*pair.backend_with(keys)).await.unwrap();
        let reasons = all_traffic_unread(&harvest);
        assert!(reasons.iter().all(|reason| *reason == expected), "{kind:?}: {reasons:?}");
        check_level(&pair, &harvest, "7-41");
        panel.knobs().faults.clear();
    }
}

/// An honest length that is too short looks whole. It must not read as buckets without traffic where
/// they had some before.
#[tokio::test]
async fn a_page_of_traffic_cut_at_an_honest_length_bills_nothing_wrong() {
    let (panel, pair) = start(8, 1).await;
    let backend = pair.backend();
    let mut ledger = Ledger::new();
    let clock = &panel.knobs().clock;
    for step in 0..4 {
        clock.freeze_at(NOW + 100 * step);
        if step == 2 {
            let cut = FaultKind::Truncated { bytes: 9_000, honest_length: true };
            panel.knobs().faults.add(Fault::new(cut).on("v2/metrics/bucket"));
        }
        let harvest = poll_after(&*backend, NOW + 100 * step, ledger.heard()).await.unwrap();
        let readings = harvest.accounts().values().flat_map(|harvested| &harvested.readings);
        let counts = readings.filter(|(_, reading)| matches!(reading, Reading::Counter { .. })).count();
        assert!(step != 2 || counts == 0, "a page cut short was believed: {counts} counters");
        ledger.take(&harvest, NOW + 100 * step);
        panel.knobs().faults.clear();
    }
    for name in pair.panel.accounts() {
        assert_eq!(ledger.moved(&name), moved(pair.truth(), &name, NOW, NOW + 300), "{name}");
    }
}
