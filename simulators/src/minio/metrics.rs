//! The Prometheus paths: which there are and what each of them shows.

use super::bearer;
use super::exposition::Exposition;
use super::policy::matches;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Server;
use super::switches::Switches;
use super::usage::{self, Found, SIZES, VERSIONS};
use super::world::World;
use axum::http::request::Parts;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const CUT: usize = 100;

/// Whether a path belongs to the metrics; any other below `/minio/` is taken for a bucket.
pub fn is_ours(path: &str) -> bool {
    path.starts_with("/minio/metrics/v3") || V2.iter().any(|(own, _)| *own == path)
}

type Fill = fn(&Server, usize, &World, &mut Exposition);

const V2: [(&str, Fill); 5] = [
    ("/minio/v2/metrics/bucket", v2_buckets),
    ("/minio/v2/metrics/cluster", v2_cluster),
    ("/minio/v2/metrics/node", v2_node),
    ("/minio/v2/metrics/resource", |_, _, _, _| {}),
    ("/minio/prometheus/metrics", v2_cluster),
];

/// Answers a scrape of one node.
pub fn reply(
    server: &Server,
    node: usize,
    head: &Parts,
    path: &str,
    query: &[(String, String)],
) -> Result<Reply, Refusal> {
    if let Some(refused) = bearer::admit(server, head)? {
        return Ok(refused);
    }
    let world = server.world();
    let mut text = Exposition::default();
    if let Some((_, fill)) = V2.iter().find(|(own, _)| *own == path) {
        fill(server, node, &world, &mut text);
        return Ok(Reply::text(TEXT, text.written()).plain());
    }
    let rest = path.trim_start_matches("/minio/metrics/v3");
    let buckets: Vec<&str> = query
        .iter()
        .filter(|(name, _)| name == "buckets")
        .map(|(_, value)| value.as_str())
        .collect();
    match rest {
        "" => {
            v3_usage_objects(server, &world, &mut text);
            v3_process(server, node, &mut text);
        }
        "/cluster/usage/buckets" => v3_usage_buckets(server, &world, &mut text),
        "/cluster/usage/objects" => v3_usage_objects(server, &world, &mut text),
        "/system/process" => v3_process(server, node, &mut text),
        "/bucket/api" => v3_traffic(server, node, &world, &buckets, &mut text),
        _ => match rest.strip_prefix("/bucket/api/") {
            Some(bucket) => v3_traffic(server, node, &world, &[bucket], &mut text),
            None => {
                let mut reply =
                    Reply::text("text/plain; charset=utf-8", "Metrics Resource Not found").plain();
                reply.set_status(404);
                return Ok(reply);
            }
        },
    }
    let started = server.started(node).timestamp().to_string();
    Ok(Reply::text(TEXT, text.written())
        .plain()
        .with("process-start-time-unix", started))
}

/// Usage as the scraped node knows it, traffic as every node that can be reached counts it.
fn v2_buckets(server: &Server, node: usize, world: &World, text: &mut Exposition) {
    let switches = server.switches();
    let here = server.label(node);
    if let Some((at, found)) = usage::found(server, world) {
        for bucket in found.iter().take(cut(&switches)) {
            v2_usage(bucket, world, &here, text);
        }
        let age = (server.now() - at).num_nanoseconds().unwrap_or(i64::MAX);
        let labels = [("server", here.as_str())];
        let help = "Time elapsed (in nano seconds) since last scan activity";
        text.gauge(
            "minio_bucket_usage_last_activity_nano_seconds",
            help,
            &labels,
            age as f64,
        );
    }
    for node in server.nodes_up() {
        let there = server.label(node);
        let counted = world
            .live_buckets()
            .map(|(name, _)| (name, server.counted(world, name, node)));
        let busy = counted.filter(|(_, moved)| moved.received + moved.sent > 0);
        for (name, moved) in busy.take(cut(&switches)) {
            let labels = [("bucket", name.as_str()), ("server", there.as_str())];
            if moved.received > 0 {
                let help = "Total number of S3 bytes received for this bucket";
                text.gauge(
                    "minio_bucket_traffic_received_bytes",
                    help,
                    &labels,
                    moved.received as f64,
                );
            }
            if moved.sent > 0 {
                let help = "Total number of S3 bytes sent for this bucket";
                text.gauge(
                    "minio_bucket_traffic_sent_bytes",
                    help,
                    &labels,
                    moved.sent as f64,
                );
            }
        }
    }
}

fn cut(switches: &Switches) -> usize {
    if switches.cut_at_100_buckets {
        CUT
    } else {
        usize::MAX
    }
}

fn v2_usage(bucket: &Found<'_>, world: &World, server: &str, text: &mut Exposition) {
    let labels = [("bucket", bucket.name), ("server", server)];
    text.gauge(
        "minio_bucket_usage_total_bytes",
        "Total bucket size in bytes",
        &labels,
        bucket.size as f64,
    );
    text.gauge(
        "minio_bucket_usage_object_total",
        "Total number of objects",
        &labels,
        bucket.objects as f64,
    );
    text.gauge(
        "minio_bucket_usage_version_total",
        "Total number of versions (includes delete marker)",
        &labels,
        0.0,
    );
    text.gauge(
        "minio_bucket_usage_deletemarker_total",
        "Total number of delete markers",
        &labels,
        0.0,
    );
    let limit = world
        .bucket(bucket.name)
        .map_or(0, |place| place.quota.limit());
    if limit > 0 {
        text.gauge(
            "minio_bucket_quota_total_bytes",
            "Total bucket quota size in bytes",
            &labels,
            limit as f64,
        );
    }
    let help = "Distribution of object sizes in the bucket, includes label for the bucket name";
    for class in SIZES {
        let labels = [
            ("bucket", bucket.name),
            ("range", class),
            ("server", server),
        ];
        text.gauge(
            "minio_bucket_objects_size_distribution",
            help,
            &labels,
            bucket.in_size(class) as f64,
        );
    }
    for class in VERSIONS {
        let labels = [
            ("bucket", bucket.name),
            ("range", class),
            ("server", server),
        ];
        text.gauge(
            "minio_bucket_objects_version_distribution",
            help,
            &labels,
            bucket.in_versions(class) as f64,
        );
    }
}

fn v2_cluster(server: &Server, node: usize, world: &World, text: &mut Exposition) {
    let here = server.label(node);
    let labels = [("server", here.as_str())];
    let found = usage::found(server, world)
        .map(|(_, found)| found)
        .unwrap_or_default();
    let sum = |of: fn(&Found<'_>) -> u64| found.iter().map(of).sum::<u64>() as f64;
    text.gauge(
        "minio_cluster_bucket_total",
        "Total number of buckets in the cluster",
        &labels,
        world.live_buckets().count() as f64,
    );
    text.gauge(
        "minio_cluster_usage_total_bytes",
        "Total cluster usage in bytes",
        &labels,
        sum(|bucket| bucket.size),
    );
    text.gauge(
        "minio_cluster_usage_object_total",
        "Total number of objects in a cluster",
        &labels,
        sum(|bucket| bucket.objects),
    );
    let up = server.nodes_up();
    text.gauge(
        "minio_cluster_nodes_online_total",
        "Total number of MinIO nodes online",
        &labels,
        up.len() as f64,
    );
    let down = server.nodes.len() - up.len();
    text.gauge(
        "minio_cluster_nodes_offline_total",
        "Total number of MinIO nodes offline",
        &labels,
        down as f64,
    );
    up.into_iter().for_each(|node| process(server, node, text));
}

fn v2_node(server: &Server, node: usize, _: &World, text: &mut Exposition) {
    process(server, node, text);
}

fn process(server: &Server, node: usize, text: &mut Exposition) {
    let there = server.label(node);
    let labels = [("server", there.as_str())];
    let started = server.started(node);
    let help = "Start time for MinIO process per node, time in seconds since Unix epoc";
    text.gauge(
        "minio_node_process_starttime_seconds",
        help,
        &labels,
        started.timestamp_millis() as f64 / 1_000.0,
    );
    let uptime = (server.now() - started).num_milliseconds().max(0) as f64 / 1_000.0;
    text.gauge(
        "minio_node_process_uptime_seconds",
        "Uptime for MinIO process per node in seconds",
        &labels,
        uptime,
    );
}

fn v3_process(server: &Server, node: usize, text: &mut Exposition) {
    let here = server.label(node);
    let labels = [("server", here.as_str())];
    let started = server.started(node);
    let help = "Start time for MinIO process in seconds since Unix epoc";
    text.gauge(
        "minio_system_process_start_time_seconds",
        help,
        &labels,
        started.timestamp_millis() as f64 / 1_000.0,
    );
    let uptime = (server.now() - started).num_milliseconds().max(0) as f64 / 1_000.0;
    text.gauge(
        "minio_system_process_uptime_seconds",
        "Uptime for MinIO process in seconds",
        &labels,
        uptime,
    );
}

/// Only what the asked node counted; the two directions are called by each other's name.
fn v3_traffic(server: &Server, node: usize, world: &World, wanted: &[&str], text: &mut Exposition) {
    let switches = server.switches();
    let here = server.label(node);
    let fits = |name: &str| {
        let mut wanted = wanted.iter();
        wanted.any(|wanted| {
            if switches.v3_wildcards {
                matches(wanted, name)
            } else {
                *wanted == name
            }
        })
    };
    for (name, _) in world.live_buckets().filter(|(name, _)| fits(name)) {
        let moved = server.counted(world, name, node);
        if moved.received + moved.sent == 0 {
            continue;
        }
        let labels = [
            ("bucket", name.as_str()),
            ("server", here.as_str()),
            ("type", "s3"),
        ];
        let (sent, received) = match switches.v3_swapped {
            true => (moved.received, moved.sent),
            false => (moved.sent, moved.received),
        };
        let (of_sent, of_received) = match switches.v3_swapped {
            true => (
                "Total number of bytes received for a bucket",
                "Total number of bytes sent for a bucket",
            ),
            false => (
                "Total number of bytes sent for a bucket",
                "Total number of bytes received for a bucket",
            ),
        };
        text.counter(
            "minio_bucket_api_traffic_received_bytes",
            of_received,
            &labels,
            received as f64,
        );
        text.counter(
            "minio_bucket_api_traffic_sent_bytes",
            of_sent,
            &labels,
            sent as f64,
        );
        let labels = [
            ("bucket", name.as_str()),
            ("name", "PutObject"),
            ("server", here.as_str()),
            ("type", "s3"),
        ];
        text.counter(
            "minio_bucket_api_total",
            "Total number of requests for a bucket",
            &labels,
            1.0,
        );
    }
}

fn v3_usage_buckets(server: &Server, world: &World, text: &mut Exposition) {
    let Some((at, found)) = usage::found(server, world) else {
        return;
    };
    for bucket in &found {
        let labels = [("bucket", bucket.name)];
        text.gauge(
            "minio_cluster_usage_buckets_total_bytes",
            "Total bucket size in bytes",
            &labels,
            bucket.size as f64,
        );
        text.gauge(
            "minio_cluster_usage_buckets_objects_count",
            "Total objects count in bucket",
            &labels,
            bucket.objects as f64,
        );
        let limit = world
            .bucket(bucket.name)
            .map_or(0, |place| place.quota.limit());
        text.gauge(
            "minio_cluster_usage_buckets_quota_total_bytes",
            "Total bucket quota in bytes",
            &labels,
            limit as f64,
        );
        for class in SIZES {
            let labels = [("bucket", bucket.name), ("range", class)];
            let help = "Bucket object size distribution";
            text.gauge(
                "minio_cluster_usage_buckets_object_size_distribution",
                help,
                &labels,
                bucket.in_size(class) as f64,
            );
        }
    }
    // Nanoseconds, whatever its name says.
    let age = (server.now() - at).num_nanoseconds().unwrap_or(i64::MAX) as f64;
    let help = "Time since last update of usage metrics in seconds";
    text.gauge(
        "minio_cluster_usage_buckets_since_last_update_seconds",
        help,
        &[],
        age,
    );
}

fn v3_usage_objects(server: &Server, world: &World, text: &mut Exposition) {
    let Some((at, found)) = usage::found(server, world) else {
        return;
    };
    let sum = |of: fn(&Found<'_>) -> u64| found.iter().map(of).sum::<u64>() as f64;
    text.gauge(
        "minio_cluster_usage_objects_buckets_count",
        "Total cluster buckets count",
        &[],
        found.len() as f64,
    );
    text.gauge(
        "minio_cluster_usage_objects_count",
        "Total cluster objects count",
        &[],
        sum(|bucket| bucket.objects),
    );
    text.gauge(
        "minio_cluster_usage_objects_total_bytes",
        "Total cluster usage in bytes",
        &[],
        sum(|bucket| bucket.size),
    );
    let age = (server.now() - at).num_milliseconds() as f64 / 1_000.0;
    let help = "Time since last update of usage metrics in seconds";
    text.gauge(
        "minio_cluster_usage_objects_since_last_update_seconds",
        help,
        &[],
        age,
    );
}
