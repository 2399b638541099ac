//! What MinIO and RustFS store: membership, doubts, shapes.

use serde_json::json;
use whmeter_simulators::minio::sealed::{Head, seal};

use crate::{Case, failed, warnings};

pub const SECRET: &str = "rootsecret123";
pub const KEYS: &str = "kind = \"minio\"\naccess_key = \"a\"\nsecret = \"rootsecret123\"";
const OFF: &str = "traffic = \"off\"";

impl Case {
    pub async fn minio(keys: &str) -> Case {
        Case::new(&format!("{KEYS}\n{keys}")).await
    }

    /// The users, as the server seals them.
    pub fn users(&self, users: &str) {
        let sealed = seal(SECRET, 2, &Head::random(), users.as_bytes()).unwrap();
        self.panel.says("/minio/admin/v3/list-users", sealed);
    }

    /// The buckets with the times they were made.
    pub fn buckets<'b>(&self, buckets: impl IntoIterator<Item = (&'b str, &'b str)>) {
        let bucket =
            |(name, made)| format!("<Bucket><Name>{name}</Name><CreationDate>{made}</CreationDate></Bucket>");
        let list: String = buckets.into_iter().map(bucket).collect();
        let owner = "<Owner><ID>x</ID><DisplayName>minio</DisplayName></Owner>";
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{owner}<Buckets>{list}</Buckets></ListAllMyBucketsResult>"
        );
        self.panel.says("/", text);
    }

    /// The scanner's result.
    pub fn scanned(&self, at: &str, sizes: &[(&str, u64)]) {
        let info: serde_json::Map<String, serde_json::Value> = sizes
            .iter()
            .map(|(name, size)| {
                (name.to_string(), json!({ "size": size, "objectsCount": 1, "versionsCount": 0 }))
            })
            .collect();
        let total: u64 = sizes.iter().map(|(_, size)| size).sum();
        let plain: serde_json::Map<String, serde_json::Value> =
            sizes.iter().map(|(name, size)| (name.to_string(), json!(size))).collect();
        let usage = json!({
            "lastUpdate": at, "objectsCount": sizes.len(), "objectsTotalSize": total, "objectsReplicationInfo": null,
            "bucketsCount": sizes.len(), "bucketsUsageInfo": info, "bucketsSizes": plain, "tierStats": null,
        });
        self.usage(&usage.to_string());
    }

    pub fn usage(&self, text: &str) {
        self.panel.says("/minio/admin/v3/datausageinfo", text);
    }
}

const OLD: &str = "2026-01-01T00:00:00.000Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_a_deleted_bucket_are_nobodys_from_the_first_result_newer_than_a_list_without_it() {
    let case = Case::minio(OFF).await;
    case.users(r#"{"7-41":{"status":"enabled"}}"#);
    let sizes = [("7-41-a", 500), ("7-41-b", 1_000_000)];
    let level = async |at: &str| case.bytes(at, "7-41", "storage").await;
    case.buckets([("7-41-a", OLD), ("7-41-b", OLD)]);
    case.scanned("2026-11-20T08:00:00Z", &sizes);
    case.poll("2026-11-20T08:10:00Z").await;
    assert_eq!(level("2026-11-20T08:10:00Z").await, Some(1_000_500));
    // Deleted at some time since: as of 09:05 it may have been there.
    case.buckets([("7-41-a", OLD)]);
    case.scanned("2026-11-20T09:05:00Z", &sizes);
    case.poll("2026-11-20T09:10:00Z").await;
    assert_eq!(level("2026-11-20T09:10:00Z").await, Some(1_000_500));
    let deleted = |bytes| vec![("deleted".to_string(), "7-41-b".to_string(), Some(bytes))];
    assert_eq!(case.unclaimed("2026-11-20T09:10:00Z").await, deleted(0));
    for day in ["21", "23", "24"] {
        let (scanned, polled) = (format!("2026-11-{day}T09:05:00Z"), format!("2026-11-{day}T09:10:00Z"));
        case.scanned(&scanned, &sizes);
        let report = case.poll(&polled).await;
        assert_eq!(report["unclaimed"][0]["what"], "7-41-b", "{report}");
        assert_eq!(level(&polled).await, Some(500), "{day}");
        assert_eq!(case.unclaimed(&polled).await, deleted(1_000_000), "{day}");
    }
    // The same name again: what the old result tells is still of the bucket before.
    case.buckets([("7-41-a", OLD), ("7-41-b", "2026-11-24T12:00:00.000Z")]);
    case.poll("2026-11-24T13:00:00Z").await;
    assert_eq!(level("2026-11-24T13:00:00Z").await, Some(500));
    case.scanned("2026-11-25T09:05:00Z", &[("7-41-a", 500), ("7-41-b", 70)]);
    case.poll("2026-11-25T09:10:00Z").await;
    assert_eq!(level("2026-11-25T09:10:00Z").await, Some(570));
    assert_eq!(case.unclaimed("2026-11-25T09:10:00Z").await, []);
    case.verify("2026-11-25T09:11:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_lacks_most_of_what_is_stored_takes_nothing_from_anybody() {
    let case = Case::minio(OFF).await;
    let names: Vec<String> = (0..12).map(|n| format!("7-41-{n:02}")).collect();
    case.users(r#"{"7-41":{"status":"enabled"}}"#);
    let sizes: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    case.buckets(names.iter().map(|name| (name.as_str(), OLD)));
    for hour in ["08", "09", "10"] {
        case.scanned(&format!("2026-11-20T{hour}:00:00Z"), &sizes);
        let now = format!("2026-11-20T{hour}:10:00Z");
        let report = case.poll(&now).await;
        assert_eq!(case.bytes(&now, "7-41", "storage").await, Some(120));
        assert_eq!(case.unclaimed(&now).await, []);
        assert_eq!(warnings(&report).contains("s3:ListAllMyBuckets"), hour != "08", "{report}");
        // The key has lost the right to list, but for two buckets.
        case.buckets([("7-41-00", OLD), ("7-41-01", OLD)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_makes_a_bucket_each_day_is_measured_each_day() {
    let case = Case::minio(OFF).await;
    case.users(r#"{"7-41":{"status":"enabled"}}"#);
    case.buckets([
        ("7-41-2026-11-18", "2026-11-18T00:01:00.000Z"),
        ("7-41-2026-11-19", "2026-11-19T00:01:00.000Z"),
        ("7-41-2026-11-20", "2026-11-20T12:01:00.000Z"),
    ]);
    case.scanned("2026-11-20T08:00:00Z", &[("7-41-2026-11-18", 4000), ("7-41-2026-11-19", 5000)]);
    let now = "2026-11-20T12:05:00Z";
    assert_eq!(failed(&case.poll(now).await), []);
    assert_eq!(case.bytes(now, "7-41", "storage").await, Some(9000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_policy_is_detached_does_not_hold_nothing() {
    let case = Case::minio(OFF).await;
    let policies = json!({ "zoe": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["s3:*"],
        "Resource": ["arn:aws:s3:::films", "arn:aws:s3:::films/*"] }] } });
    case.panel.says("/minio/admin/v3/list-canned-policies", policies.to_string());
    case.buckets([("films", OLD)]);
    case.users(r#"{"zoe":{"policyName":"zoe","status":"enabled"}}"#);
    case.scanned("2026-11-20T08:00:00Z", &[("films", 7_000_000)]);
    case.poll("2026-11-20T08:10:00Z").await;
    case.users(r#"{"zoe":{"status":"enabled"}}"#);
    for (scanned, now) in [
        ("2026-11-20T08:00:00Z", "2026-11-20T08:20:00Z"),
        ("2026-11-20T09:00:00Z", "2026-11-20T09:10:00Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:10:00Z"),
        ("2026-11-20T11:00:00Z", "2026-11-20T11:10:00Z"),
    ] {
        case.scanned(scanned, &[("films", 7_000_000)]);
        let report = case.poll(now).await;
        assert_eq!(case.bytes(now, "zoe", "storage").await, Some(7_000_000), "{now}");
        assert!(warnings(&report).contains("zoe"), "{report}");
        let films = vec![("orphan".to_string(), "films".to_string(), Some(7_000_000))];
        assert_eq!(case.unclaimed(now).await, films);
    }
    case.users(r#"{"zoe":{"policyName":"zoe","status":"enabled"}}"#);
    case.scanned("2026-11-20T12:00:00Z", &[("films", 7_000_100)]);
    let report = case.poll("2026-11-20T12:10:00Z").await;
    assert_eq!(warnings(&report), "[]");
    assert_eq!(case.bytes("2026-11-20T12:10:00Z", "zoe", "storage").await, Some(7_000_100));
    case.verify("2026-11-20T12:11:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_gone_because_a_directory_was_switched_on() {
    let case = Case::minio(OFF).await;
    let names: Vec<String> = (0..300).map(|n| format!("u{n:03}x")).collect();
    let users: serde_json::Map<String, serde_json::Value> =
        names.iter().map(|name| (name.clone(), json!({ "status": "enabled" }))).collect();
    let sizes: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    case.buckets(names.iter().map(|name| (name.as_str(), OLD)));
    case.panel.says("/minio/admin/v3/list-canned-policies", "{}");
    case.users(&serde_json::Value::from(users).to_string());
    case.scanned("2026-11-20T08:00:00Z", &sizes);
    case.poll("2026-11-20T08:10:00Z").await;
    case.users("{}");
    for hour in ["09", "10", "11"] {
        let now = format!("2026-11-20T{hour}:10:00Z");
        case.scanned(&format!("2026-11-20T{hour}:00:00Z"), &sizes);
        let report = case.poll(&now).await;
        assert!(warnings(&report).contains("300 of 300 accounts"), "{report}");
        assert_eq!(case.present(&now).await, 300);
        assert_eq!(case.bytes(&now, "u007x", "storage").await, Some(10));
        assert_eq!(case.unclaimed(&now).await, [], "their buckets are not nobody's");
        assert_eq!(report["unclaimed"], json!([]), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_that_collapses_for_one_scan_changes_nothing_and_its_way_back_is_no_jump() {
    let case = Case::minio("").await;
    case.users(r#"{"7-41":{"status":"enabled"},"7-42":{"status":"enabled"}}"#);
    case.buckets([("7-41-loki", OLD), ("7-42-web", OLD)]);
    let scans = [
        (1_795_225_760_i64, 85_899_345_920_u64, 85_899_345_920),
        (1_795_229_360, 8_525_660, 85_899_345_920),
        (1_795_232_960, 85_899_445_920, 85_899_445_920),
    ];
    for (scanned, told, believed) in scans {
        let usage = json!({
            "last_update": { "secs_since_epoch": scanned, "nanos_since_epoch": 5 },
            "objects_total_count": 2, "objects_total_size": told + 2_000_000, "buckets_count": 2,
            "buckets_usage": {
                "7-41-loki": { "size": told, "objects_count": 1 },
                "7-42-web": { "size": 2_000_000, "objects_count": 1 },
            },
            "usage_snapshot_complete": true,
        });
        case.usage(&usage.to_string());
        let now = chrono::DateTime::from_timestamp(scanned + 300, 0).unwrap().to_rfc3339();
        case.poll(&now).await;
        assert_eq!(case.bytes(&now, "7-41", "storage").await, Some(believed), "{scanned}");
        assert_eq!(case.bytes(&now, "7-42", "storage").await, Some(2_000_000));
        let held = case.run(&now, &["report", "--what", "held-back", "--json"]).await.json();
        let held: Vec<&str> =
            held.as_array().unwrap().iter().filter_map(|line| line["state"].as_str()).collect();
        assert_eq!(held == ["collapsed"], told < 1 << 30, "{held:?}");
    }
    case.verify("2026-11-21T05:00:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shape_that_its_maker_calls_unstable_is_read_or_its_field_is_named() {
    let case = Case::minio(OFF).await;
    case.users(r#"{"7-41":{"status":"enabled"}}"#);
    case.buckets([("7-41-a", OLD)]);
    for (minute, usage, level) in [
        (1, r#"{"last_update":"2026-11-20T08:01:00.963590926Z","buckets_usage":{"7-41-a":{"size":7}}}"#, 7),
        (2, r#"{"last_update":"2026-11-20T09:02:00+01:00","buckets_usage_info":{"7-41-a":{"size":8}}}"#, 8),
        (3, r#"{"lastUpdate":"2026-11-20T08:03:00Z","bucketsSizes":{"7-41-a":9}}"#, 9),
    ] {
        case.usage(usage);
        let now = format!("2026-11-20T08:{minute:02}:30Z");
        assert_eq!(failed(&case.poll(&now).await), []);
        assert_eq!(case.bytes(&now, "7-41", "storage").await, Some(level), "{usage}");
    }
    for (usage, field) in [
        (r#"{"last_update":17,"buckets_usage":{}}"#, "last_update"),
        (r#"{"last_update":"2026-11-20T08:01:00Z","buckets_usage":[]}"#, "buckets_usage"),
    ] {
        case.usage(usage);
        let ran = case.try_poll("2026-11-20T08:10:00Z").await;
        assert!(ran.code == Some(1) && ran.stderr.contains(field), "{usage}: {ran:?}");
    }
    assert_eq!(case.bytes("2026-11-20T08:10:00Z", "7-41", "storage").await, Some(9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_nobodys_is_named_and_so_is_an_entry_for_nobody() {
    let case =
        Case::minio(&format!("{OFF}\nbucket_policies = false\nbuckets = {{ \"old-archive\" = \"7-14\" }}"))
            .await;
    case.users(r#"{"7-41":{"status":"enabled"}}"#);
    case.buckets([("7-41-a", OLD), ("old-archive", OLD), ("lost", OLD)]);
    case.scanned("2026-11-20T08:00:00Z", &[("7-41-a", 1), ("old-archive", 20), ("lost", 300)]);
    let now = "2026-11-20T08:10:00Z";
    let report = case.poll(now).await;
    assert!(warnings(&report).contains("old-archive") && warnings(&report).contains("7-14"), "{report}");
    let named = json!([
        { "what": "lost", "why": "orphan", "bytes": 300 },
        { "what": "old-archive", "why": "orphan", "bytes": 20 },
    ]);
    assert_eq!(report["unclaimed"], named);
    let found = case.unclaimed(now).await;
    let names: Vec<&str> = found.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["lost", "old-archive"]);
    case.panel.says("/minio/health/live", "");
    let checked = case.run(now, &["check", "--backend", "p"]).await;
    assert!(checked.stdout.contains("lost (orphan)"), "{checked:?}");
}
