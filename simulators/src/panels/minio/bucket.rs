//! One bucket: whose it is, what it may hold, and the objects clients really put there.
//!
//! Its size is a matter of the truth, not of these objects: a bucket that grows by itself shows
//! bytes in the usage that no listing shows.

use crate::growth::Traffic;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The account whose truth it is part of; empty for nobody.
    pub owner: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it was deleted; the scanner's older results still show it.
    pub deleted: Option<DateTime<Utc>>,
    /// Gone for now, by order of a test.
    pub vanished: bool,
    /// Its limit.
    pub quota: Quota,
    /// By key.
    pub objects: BTreeMap<String, Object>,
    /// What had already passed when each node began to count it, by node.
    pub counted_from: Vec<Traffic>,
}

/// An object a client put.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub body: Bytes,
    /// MD5 in hex.
    pub etag: String,
    /// As the client told it.
    pub content_type: String,
    /// When it was put.
    pub modified: DateTime<Utc>,
}

/// A bucket's limit, in bytes; zero is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// The old field.
    pub quota: u64,
    /// The new field.
    pub size: u64,
    /// Bytes per second; not enforced.
    pub rate: u64,
    /// Requests per second; not enforced.
    pub requests: u64,
    /// `hard`, or nothing.
    #[serde(rename = "quotatype", skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

impl Quota {
    /// The limit that counts.
    pub fn limit(&self) -> u64 {
        self.size.max(self.quota)
    }
}

impl Bucket {
    /// A new, empty bucket that `nodes` nodes count from nothing.
    pub fn new(owner: &str, created: DateTime<Utc>, nodes: usize) -> Self {
        Self {
            owner: owner.to_owned(),
            created,
            deleted: None,
            vanished: false,
            quota: Quota::default(),
            objects: BTreeMap::new(),
            counted_from: vec![Traffic::default(); nodes],
        }
    }

    /// Whether clients see it.
    pub fn is_there(&self) -> bool {
        self.deleted.is_none() && !self.vanished
    }

    /// Whether a scan that ended at this instant has seen it.
    pub fn was_scanned(&self, at: DateTime<Utc>) -> bool {
        !self.vanished && self.created <= at && self.deleted.is_none_or(|deleted| deleted > at)
    }
}

/// The part of `whole` that node number `node` of `nodes` has counted.
///
/// Shares of every whole add up to it, and none falls while the whole grows.
pub fn share(whole: u64, node: usize, nodes: usize) -> u64 {
    (whole + node as u64) / nodes as u64
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up_and_never_fall() {
        for nodes in 1..=5 {
            for whole in 0..1_000 {
                let sum: u64 = (0..nodes).map(|node| share(whole, node, nodes)).sum();
                assert_eq!(sum, whole);
                assert!((0..nodes).all(|node| share(whole + 1, node, nodes) >= share(whole, node, nodes)));
            }
        }
    }
}
