//! What the scanner found in every bucket, in one answer.

use super::bucket::Bucket;
use super::refusal::Refusal;
use super::reply::Reply;
use super::rustfs;
use super::server::{Call, Server};
use super::switches::{Flavour, ZERO_TIME};
use super::world::World;
use chrono::{DateTime, Utc};
use std::fmt::Write;

/// A bucket as the last scan saw it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bytes in it.
    pub size: u64,
    /// Objects in it.
    pub objects: u64,
}

/// The buckets of the last scan, and when it ended; `None` before the first one.
pub fn found<'a>(server: &Server, world: &'a World) -> Option<(DateTime<Utc>, Vec<Found<'a>>)> {
    let scanner = server.scanner();
    let at = scanner.finished(server.now())?;
    let seen = |(name, bucket): &(&String, &Bucket)| {
        bucket.was_scanned(at) && !scanner.unseen_buckets.contains(*name)
    };
    let buckets = world.buckets.iter().filter(seen);
    let found = buckets.map(|(name, bucket)| {
        let size = server.knobs.truth.part_level(&bucket.owner, name, at.timestamp());
        Found { name, size, objects: objects(size) }
    });
    Some((at, found.collect()))
}

/// How many objects these bytes are: as many as there are started pieces of 256 KiB.
fn objects(size: u64) -> u64 {
    size.div_ceil(262_144)
}

/// Names of the size classes in the order they are written; the first is the sum of four others.
pub const SIZES: [&str; 11] = [
    "BETWEEN_1024B_AND_1_MB",
    "BETWEEN_1024_B_AND_64_KB",
    "BETWEEN_10_MB_AND_64_MB",
    "BETWEEN_128_MB_AND_512_MB",
    "BETWEEN_1_MB_AND_10_MB",
    "BETWEEN_256_KB_AND_512_KB",
    "BETWEEN_512_KB_AND_1_MB",
    "BETWEEN_64_KB_AND_256_KB",
    "BETWEEN_64_MB_AND_128_MB",
    "GREATER_THAN_512_MB",
    "LESS_THAN_1024_B",
];

/// Names of the version classes in the order they are written.
pub const VERSIONS: [&str; 7] = [
    "BETWEEN_1000_AND_10000",
    "BETWEEN_100_AND_1000",
    "BETWEEN_10_AND_100",
    "BETWEEN_2_AND_10",
    "GREATER_THAN_10000",
    "SINGLE_VERSION",
    "UNVERSIONED",
];

impl Found<'_> {
    /// How many objects are in a size class.
    pub fn in_size(&self, class: &str) -> u64 {
        let mine = match self.size.checked_div(self.objects) {
            None | Some(0..1_024) => "LESS_THAN_1024_B",
            Some(1_024..65_536) => "BETWEEN_1024_B_AND_64_KB",
            Some(_) => "BETWEEN_64_KB_AND_256_KB",
        };
        let in_sum = class == SIZES[0] && mine != "LESS_THAN_1024_B";
        if class == mine || in_sum { self.objects } else { 0 }
    }

    /// How many objects are in a version class.
    pub fn in_versions(&self, class: &str) -> u64 {
        if class == "UNVERSIONED" { self.objects } else { 0 }
    }

    /// Both histograms as JSON objects.
    pub fn histograms(&self) -> (String, String) {
        let line = |classes: &[&str], count: &dyn Fn(&str) -> u64| {
            let lines = classes.iter().map(|class| format!("\"{class}\":{}", count(class)));
            format!("{{{}}}", lines.collect::<Vec<_>>().join(","))
        };
        let sizes = line(&SIZES, &|class| self.in_size(class));
        let versions = line(&VERSIONS, &|class| self.in_versions(class));
        (sizes, versions)
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (sizes, versions) = self.histograms();
        write!(
            text,
            "\"{}\":{{\"size\":{},\"objectsPendingReplicationTotalSize\":0,\"objectsFailedReplicationTotalSize\":0,\
             \"objectsReplicatedTotalSize\":0,\"objectsPendingReplicationCount\":0,\"objectsFailedReplicationCount\":0,\
             \"objectsCount\":{},\"objectsSizesHistogram\":{sizes},\"objectsVersionsHistogram\":{versions},\
             \"versionsCount\":0,\"deleteMarkersCount\":0,\"objectReplicaTotalSize\":0,\"objectReplicaCount\":0,\
             \"objectsReplicationInfo\":null}}",
            self.name, self.size, self.objects
        )
    }
}

/// The usage of all buckets.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let scanned = found(call.server, &world);
    if call.server.switches().flavour == Flavour::Rustfs {
        return Ok(Reply::json(rustfs::usage(call.server, scanned)));
    }
    let told = match scanned {
        None => never_scanned(),
        Some((_, buckets)) if buckets.is_empty() => nothing_found(),
        Some((at, buckets)) => written(&call.server.scanner().written(at), &buckets),
    };
    Ok(Reply::json(told))
}

fn written(at: &str, buckets: &[Found<'_>]) -> String {
    let objects: u64 = buckets.iter().map(|bucket| bucket.objects).sum();
    let size: u64 = buckets.iter().map(|bucket| bucket.size).sum();
    let mut text = String::with_capacity(300 + buckets.len() * 1_000);
    text += &head(at, objects, size, buckets.len());
    text += "{";
    for (index, bucket) in buckets.iter().enumerate() {
        text += if index == 0 { "" } else { "," };
        // Writing to memory does not fail.
        let _written = bucket.write(&mut text);
    }
    text += "},\"bucketsSizes\":{";
    for (index, bucket) in buckets.iter().enumerate() {
        text += if index == 0 { "" } else { "," };
        let _written = write!(text, "\"{}\":{}", bucket.name, bucket.size);
    }
    text + "}}"
}

fn head(at: &str, objects: u64, size: u64, buckets: usize) -> String {
    format!(
        "{{\"lastUpdate\":\"{at}\",\"objectsCount\":{objects},\"versionsCount\":0,\"deleteMarkersCount\":0,\
         \"objectsTotalSize\":{size},\"objectsReplicationInfo\":null,\"bucketsCount\":{buckets},\"bucketsUsageInfo\":"
    )
}

/// Zero time and null maps: unknown, not empty.
fn never_scanned() -> String {
    head(ZERO_TIME, 0, 0, 0) + "null,\"bucketsSizes\":null}"
}

/// Zero time and empty maps: a server without buckets.
fn nothing_found() -> String {
    head(ZERO_TIME, 0, 0, 0) + "{},\"bucketsSizes\":{}}"
}
