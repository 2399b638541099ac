//! Buckets that the scanner reports and the server lists no more: whose bytes they are. Pure.
//!
//! They can stay in the scanner's result for days while its time moves on (minio#12512, mc#3741). A result from before
//! the list may still be from a time when they were there; from the first that is newer, their bytes are unowned.

use std::collections::BTreeMap;

use super::Buckets;
use super::usage::Usage;
use crate::backends::Heard;
use crate::domain::{Timestamp, Unclaimed};

/// A list that lacks so many buckets of the scanner's result, and more than half of all, is no proof that they were
/// deleted: it is what is left to whoever has lost a right.
const CROWD: usize = 5;

/// The deleted buckets, with the time of the first list without each.
#[derive(Debug, Default)]
pub(super) struct Deleted<'a> {
    since: BTreeMap<&'a str, Timestamp>,
    doubted: usize,
}

impl<'a> Deleted<'a> {
    /// What a scanner's result and a list that was asked for at `now`, after it, say together.
    pub fn of(usage: &'a Usage, buckets: &Buckets, heard: &'a Heard, now: Timestamp) -> Deleted<'a> {
        let known: BTreeMap<&str, Timestamp> = heard.unclaimed(Unclaimed::DELETED).collect();
        let Usage::Known { at: Some(at), sizes, .. } = usage else {
            let still = known.into_iter().filter(|(bucket, _)| !buckets.contains_key(*bucket));
            return Deleted { since: still.collect(), doubted: 0 };
        };
        let listed = || sizes.keys().map(String::as_str);
        let unlisted = listed().filter(|bucket| !buckets.contains_key(*bucket)).count();
        let is_doubted = unlisted >= CROWD && unlisted * 2 > sizes.len();
        let since = listed().filter_map(|bucket| {
            let since = match (known.get(bucket), buckets.get(bucket)) {
                (Some(since), None) => *since,
                // Made anew, and what the result reports is still of the one before.
                (Some(since), Some(Some(made))) if made > at => *since,
                (None, None) if !is_doubted => now,
                _ => return None,
            };
            Some((bucket, since))
        });
        Deleted { since: since.collect(), doubted: if is_doubted { unlisted } else { 0 } }
    }

    /// Every one of them, with the time of the first list without it.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Timestamp)> {
        self.since.iter().map(|(bucket, since)| (*bucket, *since))
    }

    /// Since when a bucket is not listed.
    pub fn since(&self, bucket: &str) -> Option<Timestamp> {
        self.since.get(bucket).copied()
    }

    /// Whether what a result of `at` reports of a bucket is unowned.
    pub fn is_nobodys(&self, bucket: &str, at: Timestamp) -> bool {
        self.since(bucket).is_some_and(|since| since < at)
    }

    /// How many buckets a list lacks that is not believed; 0 where it is.
    pub fn doubted(&self) -> usize {
        self.doubted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::Bytes;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_795_000_000 + seconds).expect("in range")
    }

    fn result(scanned: i64, buckets: &[&str]) -> Usage {
        let sizes = buckets.iter().map(|name| (name.to_string(), Ok(Bytes::ZERO))).collect();
        Usage::Known { at: Some(at(scanned)), sizes, total: None, rustfs: false }
    }

    fn listed(buckets: &[&str]) -> Buckets {
        buckets.iter().map(|name| (name.to_string(), Some(at(-9000)))).collect()
    }

    fn heard(bucket: &str, since: i64) -> Heard {
        let one = Unclaimed { since: Some(at(since)), ..Unclaimed::new(bucket, Unclaimed::DELETED) };
        Heard::new(Arc::default(), BTreeMap::from([(bucket.to_string(), one)]))
    }

    /// When it was scanned, what was known, what is listed now; since when it is deleted, whether its bytes are
    /// nobody's.
    type Row<'a> = (i64, &'a Heard, &'a [&'a str], Option<i64>, bool);

    #[test]
    fn bytes_are_nobodys_from_the_first_result_that_is_newer_than_a_list_without_them() {
        let (nothing, before) = (Heard::default(), heard("b", 100));
        let table: [Row<'_>; 6] = [
            (50, &nothing, &["a", "b"], None, false),
            (50, &nothing, &["a"], Some(900), false),
            (50, &before, &["a"], Some(100), false),
            (100, &before, &["a"], Some(100), false),
            (101, &before, &["a"], Some(100), true),
            (101, &before, &["a", "b"], None, false),
        ];
        for (scanned, heard, list, since, nobodys) in table {
            let usage = result(scanned, &["a", "b"]);
            let deleted = Deleted::of(&usage, &listed(list), heard, at(900));
            assert_eq!(deleted.since("b"), since.map(at), "scanned {scanned}, listed {list:?}");
            assert_eq!(deleted.is_nobodys("b", at(scanned)), nobodys, "scanned {scanned}, listed {list:?}");
        }
        // What was known is kept while the scanner reports nothing, and for a bucket made anew after the scan.
        let unknown = Usage::Unknown { why: "not yet", rustfs: false };
        assert_eq!(Deleted::of(&unknown, &listed(&["a"]), &before, at(900)).since("b"), Some(at(100)));
        let made_anew = Buckets::from([("b".to_string(), Some(at(500)))]);
        let usage = result(200, &["b"]);
        assert!(Deleted::of(&usage, &made_anew, &before, at(900)).is_nobodys("b", at(200)));
        // The scanner no longer reports it: it is over.
        assert_eq!(Deleted::of(&result(200, &["a"]), &listed(&["a"]), &before, at(900)).since("b"), None);
    }

    #[test]
    fn a_list_that_lacks_most_of_what_is_stored_is_no_proof() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let usage = result(50, &names);
        let (some, none) = (Heard::default(), heard("b", 10));
        let deleted = Deleted::of(&usage, &listed(&names[5..]), &some, at(900));
        assert_eq!((deleted.doubted(), deleted.since("a")), (5, None));
        assert_eq!(Deleted::of(&usage, &listed(&names[4..]), &some, at(900)).since("a"), Some(at(900)));
        // What was known before the list was cut stays known.
        assert!(Deleted::of(&usage, &listed(&[]), &none, at(900)).is_nobodys("b", at(50)));
    }
}
