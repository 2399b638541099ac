//! Metrics version 3: one group per path, and traffic only as the asked node counts it.

use super::exposition::Exposition;
use super::policy::matches;
use super::server::Server;
use super::usage::{self, Found, SIZES};
use super::world::World;

/// The node's process.
pub fn process(server: &Server, node: usize, text: &mut Exposition) {
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
    text.gauge("minio_system_process_uptime_seconds", "Uptime for MinIO process in seconds", &labels, uptime);
}

/// Only what the asked node counted; the two directions are called by each other's name.
pub fn traffic(server: &Server, node: usize, world: &World, wanted: &[&str], text: &mut Exposition) {
    let switches = server.switches();
    let here = server.label(node);
    let fits = |name: &str| {
        let mut wanted = wanted.iter();
        wanted.any(|wanted| if switches.v3_wildcards { matches(wanted, name) } else { *wanted == name })
    };
    for (name, _) in world.live_buckets().filter(|(name, _)| fits(name)) {
        let moved = server.counted(world, name, node);
        if moved.received + moved.sent == 0 {
            continue;
        }
        let labels = [("bucket", name.as_str()), ("server", here.as_str()), ("type", "s3")];
        let (sent, received) = match switches.v3_swapped {
            true => (moved.received, moved.sent),
            false => (moved.sent, moved.received),
        };
        let (of_sent, of_received) = match switches.v3_swapped {
            true => {
                ("Total number of bytes received for a bucket", "Total number of bytes sent for a bucket")
            }
            false => {
                ("Total number of bytes sent for a bucket", "Total number of bytes received for a bucket")
            }
        };
        text.counter("minio_bucket_api_traffic_received_bytes", of_received, &labels, received as f64);
        text.counter("minio_bucket_api_traffic_sent_bytes", of_sent, &labels, sent as f64);
    }
}

/// Disk usage of every bucket, no matter how many.
pub fn usage_buckets(server: &Server, world: &World, text: &mut Exposition) {
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
        let limit = world.bucket(bucket.name).map_or(0, |place| place.quota.limit());
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
    text.gauge("minio_cluster_usage_buckets_since_last_update_seconds", help, &[], age);
}

/// Disk usage of the whole cluster.
pub fn usage_objects(server: &Server, world: &World, text: &mut Exposition) {
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
    text.gauge("minio_cluster_usage_objects_since_last_update_seconds", help, &[], age);
}
