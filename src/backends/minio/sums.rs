//! From buckets to accounts: what each account holds and moved, or why that is unknown.
//!
//! Pure. A bucket without a known size makes its account's sum unknown, never smaller.

use std::collections::{BTreeMap, BTreeSet};

use super::bucket_ownership::Owner;
use super::deleted::Deleted;
use super::metrics::Scraped;
use super::usage::Usage;
use super::{BackendError, Buckets};
use crate::backends::Heard;
use crate::domain::{
    AccountName, Breakdown, Bytes, Epoch, Harvest, Meter, Reading, Reason, Seconds, Source, Timestamp,
};
use crate::metering::Baseline;

/// Metrics pages are up to 10 s old, so one of a process or bucket younger than this may still show
/// what its predecessor had counted.
const SETTLING: Seconds = Seconds::new(30);

/// A bucket that lives shorter may well be made again and have moved more by the next poll.
const LONG: Seconds = Seconds::new(600);

/// By so much a process's start may be reported otherwise: the kernel works it out in whole seconds.
const WOBBLE: Seconds = Seconds::new(2);

/// The traffic meters.
const BOTH_WAYS: [Meter; 2] = [Meter::TrafficIn, Meter::TrafficOut];

/// Every bucket with its owner, the other way round as well.
#[derive(Debug, Default)]
pub(super) struct Owned<'a> {
    by_user: BTreeMap<&'a str, BTreeSet<&'a str>>,
    unclaimed: Vec<(&'a str, &'static str)>,
}

impl<'a> Owned<'a> {
    pub fn new(owners: impl Iterator<Item = (&'a str, Owner<'a>)>) -> Owned<'a> {
        let mut owned = Owned::default();
        for (bucket, owner) in owners {
            match owner {
                Owner::User(user) => {
                    owned.by_user.entry(user).or_default().insert(bucket);
                }
                Owner::Orphan => owned.unclaimed.push((bucket, "orphan")),
                Owner::Ambiguous => owned.unclaimed.push((bucket, "ambiguous")),
            }
        }
        owned
    }

    /// Buckets that are unowned, and why.
    pub fn unclaimed(&self) -> impl Iterator<Item = (&'a str, &'static str)> {
        self.unclaimed.iter().copied()
    }

    /// Buckets that have an owner.
    pub fn claimed(&self) -> impl Iterator<Item = &'a str> {
        self.by_user.values().flatten().copied()
    }

    /// Whether a user has any bucket.
    pub fn has_some(&self, user: &str) -> bool {
        self.by_user.contains_key(user)
    }

    fn of(&self, user: &str) -> impl Iterator<Item = &'a str> {
        self.by_user.get(user).into_iter().flatten().copied()
    }
}

/// Puts in what every account holds, as of the scanner's last result.
pub(super) fn storage(
    harvest: &mut Harvest,
    accounts: &BTreeMap<&str, AccountName>,
    owned: &Owned<'_>,
    buckets: &Buckets,
    deleted: &Deleted<'_>,
    usage: &Usage,
    now: Timestamp,
) {
    let known = match usage {
        Usage::Known { at: Some(at), sizes, .. } => Ok((*at, sizes)),
        // Nothing was ever scanned because there is nothing.
        Usage::Known { at: None, sizes, .. } if buckets.is_empty() => Ok((now, sizes)),
        Usage::Known { at: None, .. } => Err("the server has not scanned its buckets yet"),
        Usage::Unknown { why, .. } => Err(*why),
    };
    for (user, account) in accounts {
        let sum = match known {
            Ok((at, sizes)) => {
                let made = |bucket: &str| buckets.get(bucket).copied().flatten();
                // What was made after the scan held nothing as of it: else whoever makes a bucket each day would never
                // be measured.
                let was_there = |bucket: &str| match sizes.contains_key(bucket) {
                    true => !deleted.is_nobodys(bucket, at),
                    false => made(bucket).is_none_or(|made| made <= at),
                };
                let of_then: Vec<&str> = owned.of(user).filter(|bucket| was_there(bucket)).collect();
                sum(of_then.iter().copied(), sizes)
                    .map(|level| (Reading::Gauge { at, level }, made_of(at, &of_then, sizes)))
            }
            Err(why) => Err((Reason::Busy, why.to_string())),
        };
        match sum {
            Ok((reading, made_of)) => {
                harvest.add_reading(account, Meter::StorageUsed, reading);
                if let Some(made_of) = made_of {
                    harvest.made_of(account, made_of);
                }
            }
            Err((reason, why)) => harvest.unread(account, Some(Meter::StorageUsed), reason, why),
        }
    }
}

/// The buckets that a level is the sum of.
fn made_of(
    at: Timestamp,
    buckets: &[&str],
    sizes: &BTreeMap<String, Result<Bytes, String>>,
) -> Option<Breakdown> {
    let size = |bucket: &&str| Some((bucket.to_string(), *sizes.get(*bucket)?.as_ref().ok()?));
    Breakdown::new(at, buckets.iter().filter_map(size))
}

fn sum<'a>(
    mut buckets: impl Iterator<Item = &'a str>,
    sizes: &BTreeMap<String, Result<Bytes, String>>,
) -> Result<Bytes, (Reason, String)> {
    buckets.try_fold(Bytes::ZERO, |sum, bucket| match sizes.get(bucket) {
        Some(Ok(size)) => sum
            .checked_add(*size)
            .ok_or_else(|| (Reason::Unexpected, "its buckets hold more than can be counted".to_string())),
        Some(Err(why)) => Err((Reason::Unexpected, format!("bucket {bucket}: {why}"))),
        None => Err((Reason::Busy, format!("bucket {bucket} exists but has not been scanned yet"))),
    })
}

/// Puts in one counter per node and bucket of every account.
pub(super) fn traffic(
    harvest: &mut Harvest,
    accounts: &BTreeMap<&str, AccountName>,
    owned: &Owned<'_>,
    buckets: &Buckets,
    scraped: &Scraped,
    heard: &Heard,
    now: Timestamp,
) {
    for warning in &scraped.warnings {
        harvest.warn(warning);
    }
    for (user, account) in accounts {
        let failed = owned.of(user).find_map(|bucket| scraped.failed.get(bucket)).cloned();
        let counted = failed.map_or_else(|| counted(owned.of(user), buckets, scraped, heard, now), Err);
        match counted {
            Ok(counted) => {
                for (meter, reading) in counted.readings {
                    harvest.add_reading(account, meter, reading);
                }
                for (bucket, made) in counted.rewritten {
                    harvest.warn(format!(
                        "bucket {bucket} is reported as created at {made}, but its count went on: treated \
                         as the same bucket"
                    ));
                }
            }
            // The counters catch up at the next poll; half of them now would look like all.
            Err(error) => no_traffic(harvest, &BTreeMap::from([(*user, account.clone())]), &error),
        }
    }
}

/// What was counted for some buckets.
#[derive(Debug, Default)]
struct Counts<'b> {
    readings: Vec<(Meter, Reading)>,
    /// Buckets whose creation date was written anew, and the date.
    rewritten: BTreeMap<&'b str, Timestamp>,
}

/// What every node counted for some buckets, both ways.
fn counted<'b>(
    of: impl Iterator<Item = &'b str>,
    buckets: &Buckets,
    scraped: &Scraped,
    heard: &Heard,
    now: Timestamp,
) -> Result<Counts<'b>, BackendError> {
    let mut counts = Counts::default();
    for bucket in of {
        // A bucket that is gone has no counter any more.
        let Some(made) = buckets.get(bucket) else { continue };
        for (node, started) in &scraped.scrape.started {
            let Ok(source) = Source::new(&format!("{node}/{bucket}")) else { continue };
            let passed = scraped.scrape.passed(node, bucket);
            for (meter, reported) in BOTH_WAYS.into_iter().zip([passed.received, passed.sent]) {
                // A bucket made anew counts anew (MinIO cmd/http-stats.go, `delete`).
                let mut began = made.map_or(*started, |made| made.max(*started));
                let known = heard
                    .counter(meter, &source)
                    .filter(|known| went_on(known, reported, *started, began, now));
                if let Some(Baseline { epoch: Epoch::Since(before), .. }) = known {
                    counts.rewritten.insert(bucket, began);
                    began = *before;
                }
                let silence = || {
                    let speaks = scraped.scrape.mentions_any(node);
                    silence(heard, meter, &source, began, speaks)
                };
                let (at, count) = if now.since(began) < SETTLING {
                    // When it began it had counted nothing: that much is certain even of a page too fresh.
                    (began.min(now), Bytes::ZERO)
                } else {
                    match reported.map_or_else(silence, |reported| Ok(Some(reported)))? {
                        Some(count) => (now, count),
                        None => continue,
                    }
                };
                let (source, epoch) = (source.clone(), Epoch::Since(began));
                counts.readings.push((meter, Reading::Counter { source, at, epoch, count }));
            }
        }
    }
    Ok(counts)
}

/// Whether a count went on although its bucket is said to have been made at another time than before: creation dates
/// can be written anew (minio#19207). A new bucket shows in a count that fell, or had as long to come so far as the one
/// before; it is never older than that.
fn went_on(
    known: &Baseline,
    reported: Option<Bytes>,
    started: Timestamp,
    began: Timestamp,
    now: Timestamp,
) -> bool {
    let Epoch::Since(before) = known.epoch else { return false };
    let apart = began.since(before).max(before.since(began));
    let is_another_date = apart > WOBBLE && before >= started;
    let fell = reported.map_or(known.count > Bytes::ZERO, |reported| reported < known.count);
    let had_run = known.at.since(before);
    let too_soon = known.count > Bytes::ZERO && had_run >= LONG && now.since(began) < had_run;
    is_another_date && !fell && (began < before || too_soon)
}

/// What it means that a page does not report a count that began at `began`: nothing has passed, so that the first
/// bytes are counted; or nobody can say, because the page of a node that does not speak of any bucket may lack it
/// altogether; or the page is not whole, because a count once reported is reported until it begins anew.
fn silence(
    heard: &Heard,
    meter: Meter,
    source: &Source,
    began: Timestamp,
    speaks: bool,
) -> Result<Option<Bytes>, BackendError> {
    match heard.counter(meter, source) {
        Some(reported) if reported.count > Bytes::ZERO && !reported.began_anew(began) => {
            let detail = format!(
                "{meter} of {source} is missing from the metrics, which reported {} bytes of it at {}: \
                 they are incomplete",
                reported.count, reported.at
            );
            Err(BackendError::Silent(detail))
        }
        Some(_) => Ok(Some(Bytes::ZERO)),
        None if speaks || heard.last_look_at(meter).is_some_and(|look| began > look) => Ok(Some(Bytes::ZERO)),
        None => Ok(None),
    }
}

/// Puts in that nobody's traffic could be read.
pub(super) fn no_traffic(
    harvest: &mut Harvest,
    accounts: &BTreeMap<&str, AccountName>,
    error: &BackendError,
) {
    for account in accounts.values() {
        for meter in BOTH_WAYS {
            harvest.unread(account, Some(meter), error.reason(), error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::LifeNo;
    use crate::metering::{Book, CounterKey};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_795_000_000 + seconds).expect("in range")
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    fn accounts<'a>(names: &[&'a str]) -> BTreeMap<&'a str, AccountName> {
        names.iter().map(|name| (*name, AccountName::new(name).expect("a name"))).collect()
    }

    fn owned<'a>(pairs: &[(&'a str, &'a str)]) -> Owned<'a> {
        Owned::new(pairs.iter().map(|(bucket, user)| (*bucket, Owner::User(user))))
    }

    fn known(when: Option<Timestamp>, sizes: &[(&str, Result<u64, &str>)]) -> Usage {
        let sizes =
            sizes.iter().map(|(name, size)| (name.to_string(), size.map(bytes).map_err(str::to_string)));
        Usage::Known { at: when, sizes: sizes.collect(), total: None, rustfs: false }
    }

    fn made(names: &[&str]) -> Buckets {
        names.iter().map(|name| (name.to_string(), Some(at(0)))).collect()
    }

    /// The level read, or the reason it is unread.
    type Level = Result<(Timestamp, u64), Reason>;

    fn reported(harvest: &Harvest) -> Vec<(String, Level)> {
        let account = |harvested: &crate::domain::Harvested| match harvested.readings.as_slice() {
            [(Meter::StorageUsed, Reading::Gauge { at, level })] => Ok((*at, level.get())),
            [] => Err(harvested.unread[0].reason),
            other => panic!("{other:?}"),
        };
        harvest.accounts().iter().map(|(name, harvested)| (name.to_string(), account(harvested))).collect()
    }

    #[test]
    fn a_level_is_the_sum_of_the_buckets_it_is_said_to_be_made_of() {
        let accounts = accounts(&["a", "b"]);
        let owned = owned(&[("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")]);
        let usage = known(Some(at(50)), &[("a1", Ok(3)), ("a2", Ok(4)), ("b1", Ok(1)), ("b2", Err("odd"))]);
        let mut harvest = Harvest::new();
        let buckets = made(&["a1", "a2", "b1", "b2"]);
        storage(&mut harvest, &accounts, &owned, &buckets, &Deleted::default(), &usage, at(60));
        let made_of =
            |name: &str| harvest.accounts()[&AccountName::new(name).expect("a name")].made_of.clone();
        let parts = made_of("a").map(|made_of| (made_of.at, made_of.parts));
        let named = |name: &str, size| crate::domain::LevelPart { name: name.into(), bytes: bytes(size) };
        assert_eq!(parts, Some((at(50), vec![named("a2", 4), named("a1", 3)])));
        assert_eq!(made_of("b"), None, "of a level that is unknown nothing is named");
    }

    #[test]
    fn never_1_unknown_never_becomes_zero() {
        let accounts = accounts(&["a", "b", "c", "d", "e"]);
        let owned = owned(&[("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("d1", "d"), ("d2", "d")]);
        let usage = known(
            Some(at(50)),
            &[("a1", Ok(3)), ("a2", Ok(4)), ("c1", Err("odd")), ("d1", Ok(i64::MAX as u64)), ("d2", Ok(1))],
        );
        let mut harvest = Harvest::new();
        let buckets = made(&["a1", "b1", "c1", "d1", "d2"]);
        storage(&mut harvest, &accounts, &owned, &buckets, &Deleted::default(), &usage, at(60));
        let expected = [
            // a2 was deleted after it was measured: when it was measured it was there.
            ("a", Ok((at(50), 7))),
            // b1 was there before the scan, and is not in it.
            ("b", Err(Reason::Busy)),
            ("c", Err(Reason::Unexpected)),
            ("d", Err(Reason::Unexpected)),
            ("e", Ok((at(50), 0))),
        ];
        assert_eq!(reported(&harvest), expected.map(|(name, reported)| (name.to_string(), reported)));
    }

    #[test]
    fn a_bucket_made_after_the_scan_held_nothing_as_of_it() {
        let accounts = accounts(&["a"]);
        let owned = owned(&[("old", "a"), ("new", "a")]);
        let usage = known(Some(at(50)), &[("old", Ok(9_000))]);
        for (made_at, expected) in [(51, Ok((at(50), 9_000))), (50, Err(Reason::Busy))] {
            let buckets = [("old".to_string(), Some(at(0))), ("new".to_string(), Some(at(made_at)))];
            let mut harvest = Harvest::new();
            storage(&mut harvest, &accounts, &owned, &buckets.into(), &Deleted::default(), &usage, at(60));
            assert_eq!(reported(&harvest), [("a".to_string(), expected)]);
        }
    }

    #[test]
    fn nobody_holds_zero_on_a_server_that_was_never_scanned() {
        let accounts = accounts(&["a"]);
        let cases = [
            (Usage::Unknown { why: "not yet", rustfs: false }, made(&[]), Err(Reason::Busy)),
            (known(None, &[]), made(&["x"]), Err(Reason::Busy)),
            (known(None, &[]), made(&[]), Ok((at(60), 0))),
        ];
        for (usage, buckets, expected) in cases {
            let mut harvest = Harvest::new();
            storage(&mut harvest, &accounts, &owned(&[]), &buckets, &Deleted::default(), &usage, at(60));
            assert_eq!(reported(&harvest), [("a".to_string(), expected)], "{usage:?}");
        }
    }

    fn scraped(text: &str) -> Scraped {
        let mut scraped = Scraped::default();
        scraped.scrape.add(&mut text.as_bytes(), true).expect("metrics");
        scraped
    }

    type CounterRow = (Meter, String, i64, i64, u64);

    fn counters_of(harvest: &Harvest, account: &str) -> Vec<CounterRow> {
        harvest.accounts()[account]
            .readings
            .iter()
            .map(|(meter, reading)| match reading {
                Reading::Counter { source, at: when, epoch: Epoch::Since(since), count } => {
                    let seconds = |time: &Timestamp| time.get() - at(0).get();
                    (*meter, source.as_str().to_string(), seconds(when), seconds(since), count.get())
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_live_node_counts_every_bucket_also_at_nothing() {
        let accounts = accounts(&["a"]);
        let owned = owned(&[("a1", "a"), ("a2", "a"), ("gone", "a")]);
        let scraped = scraped(&format!(
            "minio_node_process_starttime_seconds{{server=\"n1\"}} {}\n\
             minio_bucket_traffic_received_bytes{{bucket=\"a1\",server=\"n1\"}} 7\n\
             minio_bucket_traffic_sent_bytes{{bucket=\"gone\",server=\"n1\"}} 9\n\
             minio_bucket_traffic_sent_bytes{{bucket=\"a1\",server=\"down\"}} 9\n",
            at(-1000).get()
        ));
        let mut buckets = made(&["a1"]);
        buckets.insert("a2".into(), Some(at(-5000)));
        let mut harvest = Harvest::new();
        traffic(&mut harvest, &accounts, &owned, &buckets, &scraped, &Heard::default(), at(600));
        let reported = |meter, bucket: &str, since, count| (meter, format!("n1/{bucket}"), 600, since, count);
        let expected = [
            reported(Meter::TrafficIn, "a1", 0, 7),
            reported(Meter::TrafficOut, "a1", 0, 0),
            reported(Meter::TrafficIn, "a2", -1000, 0),
            reported(Meter::TrafficOut, "a2", -1000, 0),
        ];
        assert_eq!(counters_of(&harvest, "a"), expected);
    }

    #[test]
    fn a_page_too_fresh_to_be_trusted_says_only_that_it_began_at_nothing() {
        let accounts = accounts(&["a"]);
        let text = format!(
            "minio_node_process_starttime_seconds{{server=\"n1\"}} {}\n\
             minio_bucket_traffic_sent_bytes{{bucket=\"a1\",server=\"n1\"}} 7e6\n",
            at(100).get()
        );
        for (now, expected) in [(110, (100, 0)), (129, (100, 0)), (130, (130, 7_000_000)), (90, (90, 0))] {
            let mut harvest = Harvest::new();
            traffic(
                &mut harvest,
                &accounts,
                &owned(&[("a1", "a")]),
                &made(&["a1"]),
                &scraped(&text),
                &Heard::default(),
                at(now),
            );
            let reported = counters_of(&harvest, "a");
            assert_eq!((reported[1].2, reported[1].4), expected, "asked at {now}");
        }
    }

    #[test]
    fn a_bucket_that_could_not_be_asked_for_leaves_its_account_alone() {
        let accounts = accounts(&["a", "b"]);
        let mut scraped = scraped(&format!(
            "minio_node_process_starttime_seconds{{server=\"n1\"}} {}\n\
             minio_bucket_traffic_sent_bytes{{bucket=\"b1\",server=\"n1\"}} 9\n",
            at(-1000).get()
        ));
        scraped.failed.insert("a2".into(), BackendError::Unreachable("slow".into()));
        let mut harvest = Harvest::new();
        let owned = owned(&[("a1", "a"), ("a2", "a"), ("b1", "b")]);
        let buckets = made(&["a1", "a2", "b1"]);
        traffic(&mut harvest, &accounts, &owned, &buckets, &scraped, &Heard::default(), at(600));
        assert!(harvest.accounts()["a"].readings.is_empty());
        assert_eq!(harvest.accounts()["a"].unread.len(), 2);
        assert_eq!(counters_of(&harvest, "b").len(), 2);
    }

    /// What is believed of one counter of bucket a1 on node n1, all else as of the last look.
    fn heard(last_look: i64, reported: Option<(i64, i64, u64)>) -> Heard {
        let mut book = Book { last_look: Some(at(last_look)), ..Book::default() };
        if let Some((since, read, count)) = reported {
            let source = Source::new("n1/a1").expect("a source");
            let (epoch, holder) = (Epoch::Since(at(since)), LifeNo::new(1));
            let baseline =
                Baseline { epoch, count: bytes(count), at: at(read), doubt: None, holder, absent: None };
            book.counters.insert(CounterKey { meter: Meter::TrafficOut, own: None, source }, baseline);
        }
        Heard::new(Arc::new(book), BTreeMap::new())
    }

    #[test]
    fn a_creation_date_written_anew_is_not_believed_while_the_count_goes_on() {
        let known = |began: i64, read: i64, count: u64| Baseline {
            epoch: Epoch::Since(at(began)),
            count: bytes(count),
            at: at(read),
            doubt: None,
            holder: LifeNo::new(1),
            absent: None,
        };
        // Of a process that started at -9000: what is believed, what is reported at 600, the date, whether it is the
        // same.
        let table = [
            (known(-9000, 0, 900), Some(950), 100, true),
            (known(-9000, 0, 900), Some(950), -500, true),
            (known(-9000, 0, 900), Some(899), 100, false),
            (known(-9000, 0, 900), None, 100, false),
            (known(-9000, 0, 0), Some(950), 100, false),
            // Another process has begun since.
            (known(-9900, 0, 900), Some(950), 100, false),
            // Deleted and made again within two minutes.
            (known(0, 40, 900), Some(950), 62, false),
            (known(62, 120, 900), Some(950), 62, false),
            // No new bucket is older than the one before it.
            (known(62, 120, 900), Some(950), 30, true),
            (known(62, 120, 0), None, 30, true),
            (known(62, 120, 900), Some(899), 30, false),
        ];
        for (known, reported, made, same) in table {
            let same_one = went_on(&known, reported.map(bytes), at(-9000), at(made), at(600));
            assert_eq!(same_one, same, "{known:?} {reported:?} {made}");
        }
    }

    #[test]
    fn never_1_a_silence_is_no_reading() {
        let accounts = accounts(&["a"]);
        // What is reported of another bucket on the node; what was heard; what is read of a1's downloads.
        let table = [
            // Never heard of: the node speaks, so it stands at nothing; or it began after the last look.
            (true, heard(500, None), Ok(Some(0))),
            (false, heard(-5000, None), Ok(Some(0))),
            // A node that speaks of nothing may not be on the page at all.
            (false, heard(500, None), Ok(None)),
            (false, Heard::default(), Ok(None)),
            // What was reported once is reported until it begins anew, also to a program that was started meanwhile.
            (true, heard(500, Some((-1000, 500, 7))), Err(Reason::Silent)),
            (false, heard(500, Some((-1000, 500, 7))), Err(Reason::Silent)),
            (true, heard(500, Some((-1000, 500, 0))), Ok(Some(0))),
            (true, heard(500, Some((-9000, -2000, 7))), Ok(Some(0))),
            // Another start of long ago is a date that was written anew.
            (true, heard(500, Some((-9000, 500, 7))), Err(Reason::Silent)),
        ];
        for (row, (speaks, heard, expected)) in table.into_iter().enumerate() {
            let other =
                if speaks { "minio_bucket_requests_total{bucket=\"x\",server=\"n1\"} 1\n" } else { "" };
            let text =
                format!("minio_node_process_starttime_seconds{{server=\"n1\"}} {}\n{other}", at(-1000).get());
            let mut harvest = Harvest::new();
            let (owned, buckets) = (owned(&[("a1", "a")]), Buckets::from([("a1".into(), Some(at(-9000)))]));
            traffic(&mut harvest, &accounts, &owned, &buckets, &scraped(&text), &heard, at(600));
            let reported = match harvest.accounts().get("a") {
                None => Ok(None),
                Some(harvested) => match harvested.unread.first() {
                    Some(unread) => Err(unread.reason),
                    None => Ok(harvested.readings.iter().find_map(|(meter, reading)| match reading {
                        Reading::Counter { count, .. } if *meter == Meter::TrafficOut => Some(count.get()),
                        _ => None,
                    })),
                },
            };
            assert_eq!(reported, expected, "row {row}");
        }
    }
}
