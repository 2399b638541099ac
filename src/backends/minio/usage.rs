//! The scanner's result: what every bucket holds, read as it arrives, in the shapes of MinIO and RustFS.
//!
//! Distinguishes "absent", "null" and "empty", because here they mean different things.

use std::collections::BTreeMap;
use std::io::Read;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::wire::time;
use crate::domain::{Bytes, Timestamp};
use crate::http::excerpt;

/// The scanner's last result (`datausageinfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Whole, as of `at`; `None` when the server has nothing to scan.
    Known {
        /// When the scanner last wrote.
        at: Option<Timestamp>,
        /// Bytes of every bucket it knows, or what is wrong with the number.
        sizes: BTreeMap<String, Result<Bytes, String>>,
        /// Bytes of the whole server by its own count, where it reports a number
        /// (`objectsTotalSize`, RustFS: `objects_total_size`).
        total: Option<Bytes>,
        /// Whether the server is RustFS, by the shape of its answer.
        rustfs: bool,
    },
    /// Nothing to be believed, and why.
    Unknown {
        /// For people.
        why: &'static str,
        /// Whether the server is RustFS.
        rustfs: bool,
    },
}

impl Usage {
    /// Reads the answer as it arrives, keeping only the sizes: it can be a hundred megabytes long.
    pub fn read(source: &mut dyn Read) -> Result<Usage, String> {
        let wire: WireUsage = serde_json::from_reader(std::io::BufReader::with_capacity(1 << 16, source))
            .map_err(|error| error.to_string())?;
        wire.settle()
    }

    /// Whether the server is RustFS, by the shape of its answer.
    pub fn is_rustfs(&self) -> bool {
        let (Usage::Known { rustfs, .. } | Usage::Unknown { rustfs, .. }) = self;
        *rustfs
    }
}

/// All shapes at once; which one came is identified by the keys that are there. RustFS calls its own shape unstable:
/// it has reported times as seconds and as text, and MinIO's keys in snake case.
#[derive(Deserialize)]
struct WireUsage {
    #[serde(rename = "lastUpdate", default, deserialize_with = "present")]
    minio_at: Option<Value>,
    #[serde(rename = "bucketsUsageInfo", default, deserialize_with = "buckets")]
    minio_buckets: Option<Option<Map>>,
    #[serde(rename = "bucketsSizes", default, deserialize_with = "plain_sizes")]
    minio_sizes: Option<Option<Plain>>,
    #[serde(rename = "last_update", default, deserialize_with = "present")]
    rustfs_at: Option<Value>,
    #[serde(rename = "buckets_usage", default, deserialize_with = "buckets")]
    rustfs_buckets: Option<Option<Map>>,
    #[serde(rename = "buckets_usage_info", default, deserialize_with = "buckets")]
    snake_buckets: Option<Option<Map>>,
    #[serde(rename = "buckets_sizes", alias = "bucket_sizes", default, deserialize_with = "plain_sizes")]
    snake_sizes: Option<Option<Plain>>,
    #[serde(rename = "objectsTotalSize", default)]
    total: Option<Value>,
    #[serde(rename = "objects_total_size", default)]
    snake_total: Option<Value>,
    #[serde(rename = "usage_snapshot_complete", default)]
    complete: Option<Value>,
    #[serde(rename = "usage_snapshot_partial", default)]
    partial: Option<Value>,
}

type Map = BTreeMap<String, WireBucket>;
type Plain = BTreeMap<String, Value>;

#[derive(Deserialize)]
struct WireBucket {
    // Any value, so that one odd bucket does not spoil the others.
    #[serde(default)]
    size: Option<Value>,
}

const NEVER: &str = "the server has not scanned its buckets yet";
const INCOMPLETE: &str =
    "the scanner has not finished since the buckets changed (usage_snapshot_complete is false)";

impl WireUsage {
    fn settle(self) -> Result<Usage, String> {
        let rustfs =
            self.rustfs_at.is_some() || self.rustfs_buckets.is_some() || self.snake_buckets.is_some();
        if self.complete == Some(Value::Bool(false)) || self.partial == Some(Value::Bool(true)) {
            return Ok(Usage::Unknown { why: INCOMPLETE, rustfs: true });
        }
        let at = match (&self.minio_at, &self.rustfs_at) {
            (Some(at), _) => when("lastUpdate", at)?,
            (None, Some(at)) => when("last_update", at)?,
            (None, None) => return Err("no lastUpdate (RustFS: last_update) in it".into()),
        };
        let never = Usage::Unknown { why: NEVER, rustfs };
        let total = bytes(self.total.or(self.snake_total).as_ref()).ok();
        let maps = self.minio_buckets.or(self.rustfs_buckets).or(self.snake_buckets);
        let sizes = match (maps, self.minio_sizes.or(self.snake_sizes)) {
            (Some(Some(map)), _) => sizes(map),
            // The older twin of the map, filled in by the server where the other is missing.
            (_, Some(Some(plain))) => {
                plain.into_iter().map(|(name, size)| (name, bytes(Some(&size)))).collect()
            }
            (None, None) => {
                return Err("neither bucketsUsageInfo (RustFS: buckets_usage) nor bucketsSizes in it".into());
            }
            _ => return Ok(never),
        };
        match at {
            // A time of never with buckets is a contradiction; without any it is an empty server.
            None if rustfs || !sizes.is_empty() => Ok(never),
            at => Ok(Usage::Known { at, sizes, total, rustfs }),
        }
    }
}

/// When the scanner last wrote: as text, or as RustFS's seconds since 1970; `None` for never.
fn when(field: &str, answered: &Value) -> Result<Option<Timestamp>, String> {
    let seconds = |answered: &Value| answered.get("secs_since_epoch")?.as_i64();
    match answered {
        Value::Null => Ok(None),
        Value::String(text) => time(text).map_err(|error| format!("{field}: {error}")),
        answered => match seconds(answered) {
            Some(0) => Ok(None),
            Some(seconds) => Timestamp::new(seconds).map(Some).map_err(|error| format!("{field}: {error}")),
            None => {
                let shown = excerpt(&answered.to_string(), 60);
                Err(format!("{field} is {shown}: expected a time as text or with secs_since_epoch"))
            }
        },
    }
}

fn sizes(map: Map) -> BTreeMap<String, Result<Bytes, String>> {
    map.into_iter().map(|(name, bucket)| (name, bytes(bucket.size.as_ref()))).collect()
}

fn bytes(size: Option<&Value>) -> Result<Bytes, String> {
    match size {
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|size| Bytes::new(size).ok())
            .ok_or_else(|| format!("size {number} is not a number of bytes")),
        Some(Value::Null) | None => Err("no size".into()),
        Some(_) => Err("size is not a number".into()),
    }
}

/// The map of all buckets; trouble with it is named, because the parser's own words name no field.
fn buckets<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Map>>, D::Error> {
    let named = |error| D::Error::custom(format!("bucketsUsageInfo (RustFS: buckets_usage): {error}"));
    present(from).map_err(named)
}

fn plain_sizes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Plain>>, D::Error> {
    present(from).map_err(|error| D::Error::custom(format!("bucketsSizes: {error}")))
}

/// Wraps what is there, so that `null` and "absent" stay two things.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Result<Usage, String> {
        Usage::read(&mut text.as_bytes())
    }

    type Sizes = Vec<(String, Result<u64, String>)>;

    fn known(text: &str) -> (Option<i64>, Sizes) {
        match usage(text) {
            Ok(Usage::Known { at, sizes, .. }) => (
                at.map(Timestamp::get),
                sizes.into_iter().map(|(name, size)| (name, size.map(Bytes::get))).collect(),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_shapes_are_read_from_whole_answers() {
        let (at, sizes) = known(include_str!("testdata/datausage.minio.json"));
        assert_eq!(at, Some(1_795_222_798));
        assert_eq!(sizes, [("7-41-data".into(), Ok(100_000)), ("7-42-data".into(), Ok(512))]);
        let (at, sizes) = known(include_str!("testdata/datausage.rustfs.json"));
        assert_eq!(at, Some(1_795_225_760));
        assert_eq!(sizes, [("7-41-data".into(), Ok(100_000)), ("7-411-data".into(), Ok(0))]);
    }

    #[test]
    fn the_servers_own_total_is_read_from_both_shapes_or_is_unknown() {
        let total = |text: &str| match usage(text) {
            Ok(Usage::Known { total, .. }) => total.map(Bytes::get),
            other => panic!("{other:?}"),
        };
        assert_eq!(total(include_str!("testdata/datausage.minio.json")), Some(100_512));
        assert_eq!(total(include_str!("testdata/datausage.rustfs.json")), Some(100_000));
        for odd in
            ["", r#","objectsTotalSize":null"#, r#","objectsTotalSize":"7""#, r#","objectsTotalSize":-1"#]
        {
            let text = format!(r#"{{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":{{}}{odd}}}"#);
            assert_eq!(total(&text), None, "{text}");
        }
    }

    #[test]
    fn never_scanned_is_not_zero() {
        for text in [
            r#"{"lastUpdate":"0001-01-01T00:00:00Z","bucketsUsageInfo":null,"bucketsSizes":null}"#,
            r#"{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":null,"bucketsSizes":null}"#,
            r#"{"lastUpdate":"0001-01-01T00:00:00Z","bucketsUsageInfo":{"a":{"size":1}}}"#,
            r#"{"last_update":null,"buckets_usage":{},"usage_snapshot_complete":true}"#,
            r#"{"last_update":{"secs_since_epoch":1795225760,"nanos_since_epoch":1},"buckets_usage":{},"usage_snapshot_complete":false}"#,
            r#"{"last_update":{"secs_since_epoch":1795225760,"nanos_since_epoch":1},"buckets_usage":{},"usage_snapshot_partial":true}"#,
        ] {
            assert!(matches!(usage(text), Ok(Usage::Unknown { .. })), "{text}: {:?}", usage(text));
        }
        // No buckets, so nothing to scan: known to be empty, without a time.
        let empty = r#"{"lastUpdate":"0001-01-01T00:00:00Z","bucketsUsageInfo":{},"bucketsSizes":{}}"#;
        assert_eq!(known(empty), (None, vec![]));
    }

    #[test]
    fn an_answer_of_another_shape_is_no_answer() {
        for text in [
            "{}",
            r#"{"lastUpdate":"2026-11-20T00:00:00Z"}"#,
            r#"{"lastUpdate":7,"bucketsUsageInfo":{}}"#,
            r#"{"lastUpdate":"yesterday","bucketsUsageInfo":{}}"#,
            r#"{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":{"a":{"size":1}"#,
            r#"{"bucketsUsageInfo":{"a":{"size":1}}}"#,
            r#"{"buckets_usage":{}}"#,
        ] {
            assert!(usage(text).is_err(), "{text}: {:?}", usage(text));
        }
    }

    #[test]
    fn a_shape_that_its_maker_calls_unstable_is_read_or_its_field_is_named() {
        for text in [
            r#"{"last_update":"2026-11-21T01:49:20.963590926Z","buckets_usage":{"a":{"size":7}},"usage_snapshot_complete":true}"#,
            r#"{"last_update":"2026-11-21T03:49:20+02:00","buckets_usage_info":{"a":{"size":7}},"objects_total_size":7}"#,
            r#"{"last_update":{"secs_since_epoch":1795225760,"nanos_since_epoch":1},"bucket_sizes":{"a":7}}"#,
            r#"{"lastUpdate":"2026-11-21T01:49:20Z","buckets_usage":{"a":{"size":7}},"buckets_sizes":{"a":7}}"#,
        ] {
            assert_eq!(known(text), (Some(1_795_225_760), vec![("a".into(), Ok(7))]), "{text}");
        }
        for never in ["null", r#""0001-01-01T00:00:00Z""#, r#"{"secs_since_epoch":0,"nanos_since_epoch":0}"#]
        {
            let text = format!(r#"{{"last_update":{never},"buckets_usage":{{"a":{{"size":7}}}}}}"#);
            assert!(matches!(usage(&text), Ok(Usage::Unknown { rustfs: true, .. })), "{text}");
        }
        for (text, field) in [
            (r#"{"last_update":1795225760,"buckets_usage":{}}"#, "last_update"),
            (r#"{"last_update":{"seconds":7},"buckets_usage":{}}"#, "last_update"),
            (r#"{"last_update":"yesterday","buckets_usage":{}}"#, "last_update"),
            (r#"{"last_update":"2026-11-21T01:49:20Z","buckets_usage":[]}"#, "buckets_usage"),
            (r#"{"last_update":"2026-11-21T01:49:20Z","buckets_usage":{"a":7}}"#, "buckets_usage"),
            (r#"{"last_update":"2026-11-21T01:49:20Z"}"#, "buckets_usage"),
        ] {
            let error = usage(text).expect_err(text);
            assert!(error.contains(field), "{text}: {error}");
        }
    }

    #[test]
    fn one_odd_size_spoils_only_its_bucket() {
        let (_, sizes) = known(
            r#"{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":{
                "a":{"size":9007199254740993},"b":{"size":-1},"c":{"size":1.5},"d":{"size":"7"},"e":{},
                "f":{"size":18446744073709551615},"g":{"size":9223372036854775807}}}"#,
        );
        let good: Vec<_> =
            sizes.iter().filter_map(|(name, size)| Some((&**name, *size.as_ref().ok()?))).collect();
        assert_eq!(good, [("a", 9_007_199_254_740_993), ("g", i64::MAX as u64)]);
    }

    /// An answer that is made up while it is read: nothing but the reader can hold it.
    struct Huge {
        next: u32,
        buckets: u32,
        line: std::io::Cursor<String>,
    }

    impl Read for Huge {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.line.read(into)?;
            if length > 0 || self.next > self.buckets {
                return Ok(length);
            }
            let padding = "BETWEEN_1024_B_AND_64_KB".repeat(35);
            let line = match self.next {
                n if n == self.buckets => "}}".to_string(),
                n => {
                    let comma = if n == 0 { "" } else { "," };
                    format!(r#"{comma}"bucket-{n}":{{"size":{n},"objectsSizesHistogram":{{"{padding}":1}}}}"#)
                }
            };
            self.next += 1;
            self.line = std::io::Cursor::new(line);
            self.read(into)
        }
    }

    #[test]
    fn a_hundred_thousand_buckets_are_read_as_they_come() {
        let start = r#"{"lastUpdate":"2026-11-20T00:00:00Z","bucketsUsageInfo":{"#;
        let mut huge = Huge { next: 0, buckets: 100_000, line: std::io::Cursor::new(start.into()) };
        match Usage::read(&mut huge) {
            Ok(Usage::Known { sizes, .. }) => {
                assert_eq!(sizes.len(), 100_000);
                assert_eq!(sizes["bucket-99999"].clone().map(Bytes::get), Ok(99_999));
            }
            other => panic!("{other:?}"),
        }
    }
}
