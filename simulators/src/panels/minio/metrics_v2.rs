//! Metrics version 2: usage as one node knows it, traffic as all nodes count it.

use super::exposition::Exposition;
use super::server::Server;
use super::switches::Switches;
use super::usage::{self, Found, SIZES, VERSIONS};
use super::world::World;

/// Buckets that are shown; the rest is left out without a word.
const CUT: usize = 100;

/// Usage as the scraped node knows it, traffic as every node that can be reached counts it.
pub fn buckets(server: &Server, node: usize, world: &World, text: &mut Exposition) {
    let switches = server.switches();
    let here = server.label(node);
    if let Some((at, found)) = usage::found(server, world) {
        for bucket in found.iter().take(cut(&switches)) {
            usage_of(bucket, world, &here, text);
        }
        let age = (server.now() - at).num_nanoseconds().unwrap_or(i64::MAX);
        let labels = [("server", here.as_str())];
        let help = "Time elapsed (in nano seconds) since last scan activity";
        text.gauge("minio_bucket_usage_last_activity_nano_seconds", help, &labels, age as f64);
    }
    for node in server.nodes_up() {
        let there = server.label(node);
        let counted = world.live_buckets().map(|(name, _)| (name, server.counted(world, name, node)));
        let busy = counted.filter(|(_, moved)| moved.received + moved.sent > 0);
        for (name, moved) in busy.take(cut(&switches)) {
            let labels = [("bucket", name.as_str()), ("server", there.as_str())];
            if moved.received > 0 {
                let help = "Total number of S3 bytes received for this bucket";
                text.gauge("minio_bucket_traffic_received_bytes", help, &labels, moved.received as f64);
            }
            if moved.sent > 0 {
                let help = "Total number of S3 bytes sent for this bucket";
                text.gauge("minio_bucket_traffic_sent_bytes", help, &labels, moved.sent as f64);
            }
        }
    }
}

fn cut(switches: &Switches) -> usize {
    if switches.cut_at_100_buckets { CUT } else { usize::MAX }
}

fn usage_of(bucket: &Found<'_>, world: &World, server: &str, text: &mut Exposition) {
    let labels = [("bucket", bucket.name), ("server", server)];
    text.gauge("minio_bucket_usage_total_bytes", "Total bucket size in bytes", &labels, bucket.size as f64);
    text.gauge("minio_bucket_usage_object_total", "Total number of objects", &labels, bucket.objects as f64);
    text.gauge(
        "minio_bucket_usage_version_total",
        "Total number of versions (includes delete marker)",
        &labels,
        0.0,
    );
    text.gauge("minio_bucket_usage_deletemarker_total", "Total number of delete markers", &labels, 0.0);
    let limit = world.bucket(bucket.name).map_or(0, |place| place.quota.limit());
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
        let labels = [("bucket", bucket.name), ("range", class), ("server", server)];
        text.gauge("minio_bucket_objects_size_distribution", help, &labels, bucket.in_size(class) as f64);
    }
    for class in VERSIONS {
        let labels = [("bucket", bucket.name), ("range", class), ("server", server)];
        text.gauge(
            "minio_bucket_objects_version_distribution",
            help,
            &labels,
            bucket.in_versions(class) as f64,
        );
    }
}

/// The cluster's totals, and when each node that can be reached was started.
pub fn cluster(server: &Server, node: usize, world: &World, text: &mut Exposition) {
    let here = server.label(node);
    let labels = [("server", here.as_str())];
    let found = usage::found(server, world).map(|(_, found)| found).unwrap_or_default();
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

/// The scraped node alone.
pub fn node(server: &Server, node: usize, _: &World, text: &mut Exposition) {
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
