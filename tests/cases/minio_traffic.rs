//! What passes through MinIO: pages that are cut, silent or late, and dates that are written anew.

use crate::{Case, failed, warnings};

const OLD: &str = "2026-01-05T10:00:00.000Z";
/// When the node's process started: 2026-11-20 06:40 UTC.
const STARTED: i64 = 1_795_156_800;
const NODE: &str = "s3-1.example.net:9000";

impl Case {
    async fn of_one(buckets: &[String]) -> Case {
        let case = Case::minio("").await;
        case.users(r#"{"7-41":{"status":"enabled"}}"#);
        case.living(buckets);
        case.started(STARTED);
        case
    }

    fn living(&self, buckets: &[String]) {
        self.buckets(buckets.iter().map(|name| (name.as_str(), OLD)));
        let sizes: Vec<(&str, u64)> = buckets.iter().map(|name| (name.as_str(), 1)).collect();
        self.scanned("2026-11-20T08:00:00Z", &sizes);
    }

    fn started(&self, at: i64) {
        let line = format!("minio_node_process_starttime_seconds{{server=\"{NODE}\"}} {at}\n");
        self.panel.says("/minio/v2/metrics/cluster", line);
    }

    /// What the page of all nodes says: downloads by bucket, and the buckets that were asked for.
    fn metrics(&self, sent: &[(&str, u64)], asked: &[String]) {
        self.panel.says("/minio/v2/metrics/bucket", page(sent, asked));
    }

    async fn sent(&self, at: &str) -> Option<u64> {
        self.bytes(at, "7-41", "traffic_out").await
    }
}

fn page(sent: &[(&str, u64)], asked: &[String]) -> String {
    let mut text = String::from("# TYPE minio_bucket_traffic_sent_bytes gauge\n");
    for (bucket, bytes) in sent {
        text +=
            &format!("minio_bucket_traffic_sent_bytes{{bucket=\"{bucket}\",server=\"{NODE}\"}} {bytes}\n");
    }
    for bucket in asked {
        text += &format!(
            "minio_bucket_requests_total{{api=\"getobject\",bucket=\"{bucket}\",server=\"{NODE}\"}} 3\n"
        );
    }
    text
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n:03}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_cut_at_a_hundred_is_no_traffic_and_never_nothing() {
    let living = names("7-41-", 130);
    let case = Case::of_one(&living).await;
    // Five deleted ones stand first in one list, so that the lists end at different names.
    let deleted: Vec<String> = names("7-41-!", 5).into_iter().chain(living[..95].iter().cloned()).collect();
    for minutes in [0, 15, 30] {
        let sent: Vec<(&str, u64)> =
            living[..100].iter().map(|name| (name.as_str(), 1_000_000 * (minutes + 1))).collect();
        case.metrics(&sent, &deleted);
        let now = format!("2026-11-20T08:{:02}:00Z", minutes + 1);
        let report = case.poll(&now).await;
        let failed = failed(&report);
        assert!(
            failed.len() == 1 && failed[0].1 == "not_offered" && failed[0].2.contains("100 buckets"),
            "{failed:?}"
        );
        assert_eq!(case.sent(&now).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_is_no_reading_also_after_a_restart_and_by_another_road_it_is_the_same_counter() {
    let living = names("7-41-", 17);
    let case = Case::of_one(&living).await;
    let all = |bytes: u64| living.iter().map(move |name| (name.as_str(), bytes)).collect::<Vec<_>>();
    let unread = async |at: &str, reason: &str| {
        let failed = failed(&case.poll(at).await);
        assert!(failed.len() == 1 && failed[0].1 == reason, "{at}: {failed:?}");
    };
    case.metrics(&all(1_000_000), &living);
    case.poll("2026-11-20T08:01:00Z").await;
    case.metrics(&all(1_000_007), &living);
    case.poll("2026-11-20T08:02:00Z").await;
    assert_eq!(case.sent("2026-11-20T08:02:00Z").await, Some(17 * 7));
    // A hundred buckets that were made and deleted since fill the list.
    case.metrics(&[], &names("a", 100));
    unread("2026-11-20T08:03:00Z", "not_offered").await;
    unread("2026-11-20T08:04:00Z", "not_offered").await;
    // Pages that do not look cut: some others, unowned, one direction of one bucket less.
    for (minute, asked) in [("05", names("a", 40)), ("06", vec![]), ("07", living.clone())] {
        case.metrics(&[], &asked);
        unread(&format!("2026-11-20T08:{minute}:00Z"), "silent").await;
        case.metrics(&all(1_000_009)[..16], &living);
        unread(&format!("2026-11-20T08:{minute}:30Z"), "silent").await;
    }
    // By the third version of the metrics, as the message advises.
    case.configure(&format!("traffic = \"v3\"\nnodes = [{:?}]", case.panel.url));
    let start = format!("minio_system_process_start_time_seconds{{server=\"{NODE}\"}} {STARTED}\n");
    case.panel.says("/minio/metrics/v3/system/process", start);
    for name in &living {
        // Community releases have the directions the wrong way round.
        let line = format!(
            "minio_bucket_api_traffic_received_bytes{{bucket=\"{name}\",server=\"{NODE}\",type=\"s3\"}} \
             1000010\n"
        );
        case.panel.says(&format!("/minio/metrics/v3/bucket/api/{name}"), line);
    }
    assert_eq!(failed(&case.poll("2026-11-20T08:10:00Z").await), []);
    assert_eq!(case.sent("2026-11-20T08:10:00Z").await, Some(17 * 10), "what passed, once");
    case.verify("2026-11-20T08:11:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_says_nothing_at_first_sight_is_not_billed_from_its_beginning() {
    let living = names("7-41-", 3);
    let case = Case::of_one(&living).await;
    case.metrics(&[], &[]);
    case.poll("2026-11-20T08:01:00Z").await;
    case.metrics(&[("7-41-000", 900_000_000_000)], &living);
    case.poll("2026-11-20T08:02:00Z").await;
    assert_eq!(case.sent("2026-11-20T08:02:00Z").await.unwrap_or(0), 0);
    // Of the others the node has said by now that nothing passed: their first bytes count.
    case.metrics(&[("7-41-000", 900_000_000_005), ("7-41-001", 70)], &living);
    case.poll("2026-11-20T08:03:00Z").await;
    assert_eq!(case.sent("2026-11-20T08:03:00Z").await, Some(75));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_date_written_anew_bills_what_passed_and_not_everything_again() {
    for moved_to in ["2026-11-20T10:00:00.000Z", "2026-11-20T08:55:00.000Z"] {
        let bucket = vec!["7-41-data".to_string()];
        let case = Case::of_one(&bucket).await;
        case.started(1_793_200_000);
        case.metrics(&[("7-41-data", 966_367_641_600)], &bucket);
        case.poll("2026-11-20T09:50:00Z").await;
        case.buckets([("7-41-data", moved_to)]);
        case.metrics(&[("7-41-data", 966_367_741_600)], &bucket);
        let report = case.poll("2026-11-20T10:05:00Z").await;
        assert_eq!(case.sent("2026-11-20T10:05:00Z").await, Some(100_000), "{moved_to}: {report}");
        case.metrics(&[("7-41-data", 966_367_741_607)], &bucket);
        case.poll("2026-11-20T10:20:00Z").await;
        assert_eq!(case.sent("2026-11-20T10:20:00Z").await, Some(100_007), "{moved_to}");
        // Deleted and made again in truth: it shows in a count that fell.
        case.buckets([("7-41-data", "2026-11-20T10:21:00.000Z")]);
        case.metrics(&[("7-41-data", 900)], &bucket);
        case.poll("2026-11-20T10:35:00Z").await;
        assert_eq!(case.sent("2026-11-20T10:35:00Z").await, Some(100_907), "{moved_to}");
        case.verify("2026-11-20T10:36:00Z").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_a_minute_apart_are_two_starts() {
    let bucket = vec!["7-41-data".to_string()];
    let case = Case::of_one(&bucket).await;
    case.metrics(&[("7-41-data", 5)], &bucket);
    case.poll("2026-11-20T08:00:00Z").await;
    // The process starts at 08:01:00 and at 08:02:02.
    let start = crate::seconds("2026-11-20T08:01:00Z");
    case.started(start);
    case.metrics(&[("7-41-data", 111_111)], &bucket);
    case.poll("2026-11-20T08:01:45Z").await;
    case.started(start + 62);
    case.metrics(&[("7-41-data", 200_000)], &bucket);
    case.poll("2026-11-20T08:03:00Z").await;
    assert_eq!(case.sent("2026-11-20T08:03:00Z").await, Some(311_111));
    // The bucket is made anew twice within two minutes.
    for (made, polled, bytes) in [
        ("2026-11-20T08:03:10.000Z", "2026-11-20T08:04:00Z", 1_000_000),
        ("2026-11-20T08:04:10.000Z", "2026-11-20T08:05:30Z", 4_000_000),
    ] {
        case.buckets([("7-41-data", made)]);
        case.metrics(&[("7-41-data", bytes)], &bucket);
        let report = case.poll(polled).await;
        assert_eq!(warnings(&report), "[]");
    }
    assert_eq!(case.sent("2026-11-20T08:05:30Z").await, Some(5_311_111));
    case.verify("2026-11-20T08:06:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_while_traffic_cannot_be_read_is_billed_when_it_can() {
    let mut buckets = vec!["7-41-a".to_string()];
    let case = Case::of_one(&buckets).await;
    case.metrics(&[("7-41-a", 1_000)], &buckets);
    case.poll("2026-11-20T08:00:00Z").await;
    // The page of metrics fails; storage is read all the while, so that everybody is seen.
    case.panel.says_with("/minio/v2/metrics/bucket", 503, "");
    case.buckets([
        ("7-41-a", OLD),
        ("7-41-b", "2026-11-20T08:05:00.000Z"),
        ("7-41-c", "2026-11-20T07:00:00.000Z"),
    ]);
    case.scanned("2026-11-20T08:06:00Z", &[("7-41-a", 1), ("7-41-b", 1), ("7-41-c", 1)]);
    for now in ["2026-11-20T08:10:00Z", "2026-11-20T08:20:00Z", "2026-11-20T08:30:00Z"] {
        let failed = failed(&case.poll(now).await);
        assert!(failed.len() == 1 && failed[0].1 == "busy", "{failed:?}");
    }
    // Another bucket was there before: of what it has counted nobody knows when.
    buckets.extend(["7-41-b".into(), "7-41-c".into()]);
    case.metrics(&[("7-41-a", 1_100), ("7-41-b", 15_000_000), ("7-41-c", 9_000)], &buckets);
    assert_eq!(failed(&case.poll("2026-11-20T08:40:00Z").await), []);
    assert_eq!(case.sent("2026-11-20T08:40:00Z").await, Some(15_000_100));
    case.verify("2026-11-20T08:41:00Z").await;
}
