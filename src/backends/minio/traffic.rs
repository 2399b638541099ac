//! Prometheus text to counters: what each node counted for each bucket since it started.
//!
//! Pure. Numbers are read as they are written, digit by digit; none goes through floating point.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use crate::domain::{Bytes, Timestamp};

/// Releases since 2025-03 report this many buckets per node and silently leave out the rest.
const CUT: usize = 100;
/// No line we want is longer.
const LONGEST_LINE: u64 = 64 * 1024;

const RECEIVED: &str = "minio_bucket_traffic_received_bytes";
const SENT: &str = "minio_bucket_traffic_sent_bytes";
const V3_RECEIVED: &str = "minio_bucket_api_traffic_received_bytes";
const V3_SENT: &str = "minio_bucket_api_traffic_sent_bytes";
const STARTED: &str = "minio_node_process_starttime_seconds";
const V3_STARTED: &str = "minio_system_process_start_time_seconds";
/// Every bucket a node has seen asked for has these, also while no byte has passed.
const REQUESTS: &str = "minio_bucket_requests_";
const V3_REQUESTS: &str = "minio_bucket_api_total";

/// Bytes one node counted for one bucket, as far as it mentions them: a silence is no number yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// Bodies of requests: uploads.
    pub received: Option<Bytes>,
    /// Bodies of answers: downloads.
    pub sent: Option<Bytes>,
}

/// What one scrape said, by node and bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scrape {
    /// When each node's process started; a node that is down is absent.
    pub started: BTreeMap<String, Timestamp>,
    passed: BTreeMap<String, BTreeMap<String, Passed>>,
    mentioned: BTreeMap<String, BTreeSet<String>>,
    /// By node and metric the buckets it lists: each list is cut by itself.
    listed: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Scrape {
    /// Takes in one text. `swapped`: the v3 endpoint of community releases calls uploads "sent" and
    /// downloads "received" (MinIO cmd/metrics-v3-api.go, loadBucketAPIHTTPMetrics).
    pub fn add(&mut self, source: &mut dyn Read, swapped: bool) -> Result<(), String> {
        let mut lines = BufReader::with_capacity(1 << 16, source);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = (&mut lines)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .map_err(|error| format!("cut off ({error})"))?;
            match line.strip_suffix(b"\n") {
                _ if length == 0 => return Ok(()),
                None if length as u64 == LONGEST_LINE => return Err("a line without an end".into()),
                // The format ends every line, the last one too: half a line may be half a number.
                None if line.first().is_some_and(u8::is_ascii_alphabetic) => {
                    return Err("cut off in the middle of a line".into());
                }
                whole => self.line(whole.unwrap_or(&line), swapped)?,
            }
        }
    }

    /// What `node` counted for `bucket`.
    pub fn passed(&self, node: &str, bucket: &str) -> Passed {
        self.passed.get(node).and_then(|buckets| buckets.get(bucket)).copied().unwrap_or_default()
    }

    /// Whether any traffic at all is reported.
    pub fn reports_traffic(&self) -> bool {
        !self.passed.is_empty()
    }

    /// Whether `node` reports anything about `bucket`.
    pub fn mentions(&self, node: &str, bucket: &str) -> bool {
        self.mentioned.get(node).is_some_and(|buckets| buckets.contains(bucket))
    }

    /// Whether `node` reports anything about any bucket.
    pub fn mentions_any(&self, node: &str) -> bool {
        self.mentioned.contains_key(node)
    }

    /// Takes in another page.
    pub fn merge(&mut self, page: Scrape) {
        self.started.extend(page.started);
        for (node, buckets) in page.passed {
            self.passed.entry(node).or_default().extend(buckets);
        }
        for (node, buckets) in page.mentioned {
            self.mentioned.entry(node).or_default().extend(buckets);
        }
        for (list, buckets) in page.listed {
            self.listed.entry(list).or_default().extend(buckets);
        }
    }

    /// A node with a list of buckets that seems to have been cut: it is as long as can be, and lacks one of these, the
    /// buckets that the server has. Deleted buckets fill lists, too, until the server is restarted.
    pub fn cut<'b>(&self, buckets: impl Iterator<Item = &'b str> + Clone) -> Option<&str> {
        let lists = self.listed.iter().map(|((node, _), seen)| (node, seen)).chain(&self.mentioned);
        let lacks_one = |seen: &BTreeSet<String>| buckets.clone().any(|bucket| !seen.contains(bucket));
        let mut cut = lists.filter(|(_, seen)| seen.len() == CUT && lacks_one(seen));
        cut.next().map(|(node, _)| node.as_str())
    }

    fn line(&mut self, line: &[u8], swapped: bool) -> Result<(), String> {
        // Something else than metrics would read as silence, and silence as zero.
        if line.first().is_some_and(|c| !c.is_ascii_alphabetic() && !b"_:#\r".contains(c)) {
            return Err("not a page of metrics".into());
        }
        let name = line.split(|c| *c == b'{' || *c == b' ').next().unwrap_or_default();
        let Ok(name) = std::str::from_utf8(name) else { return Ok(()) };
        let wanted = matches!(name, RECEIVED | SENT | V3_RECEIVED | V3_SENT | STARTED | V3_STARTED);
        if !wanted && !name.starts_with(REQUESTS) && name != V3_REQUESTS {
            return Ok(());
        }
        let trouble = |what: &str| format!("{name}: {what}");
        let rest = std::str::from_utf8(&line[name.len()..]).map_err(|_| trouble("not text"))?;
        let (labels, rest) = labels(rest).ok_or_else(|| trouble("labels cannot be read"))?;
        let value = rest.split_whitespace().next().ok_or_else(|| trouble("no value"))?;
        let node = labels.get("server").ok_or_else(|| trouble("no label server"))?.clone();
        if matches!(name, STARTED | V3_STARTED) {
            let (seconds, _) = decimal(value).ok_or_else(|| trouble("not a time"))?;
            let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::new(seconds).ok());
            self.started.insert(node, at.ok_or_else(|| trouble("not a time"))?);
            return Ok(());
        }
        let bucket = labels.get("bucket").ok_or_else(|| trouble("no label bucket"))?.clone();
        self.mentioned.entry(node.clone()).or_default().insert(bucket.clone());
        self.listed.entry((node.clone(), name.to_string())).or_default().insert(bucket.clone());
        if wanted {
            let bytes =
                whole_bytes(value).ok_or_else(|| trouble(&format!("{value:?} is not a number of bytes")))?;
            let passed = self.passed.entry(node).or_default().entry(bucket).or_default();
            match matches!(name, RECEIVED | V3_RECEIVED) != (swapped && name.starts_with("minio_bucket_api_"))
            {
                true => passed.received = Some(bytes),
                false => passed.sent = Some(bytes),
            }
        }
        Ok(())
    }
}

/// The labels at the start of `text` and what follows them.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Some((labels, text)) };
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim().to_string(), value);
        rest = &after[end + 1..];
    }
}

/// A whole number of bytes, as Go writes its floats (`1.073741824e+09`), exactly or not at all.
pub(super) fn whole_bytes(text: &str) -> Option<Bytes> {
    match decimal(text)? {
        (whole, false) => Bytes::from_wide(i128::try_from(whole).ok()?).ok(),
        (_, true) => None,
    }
}

/// The whole part of an unsigned decimal number with or without exponent, and whether there is a
/// fraction besides. Refuses what a byte count or time cannot be: signs, NaN, Inf, huge numbers.
fn decimal(text: &str) -> Option<(u128, bool)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if whole.is_empty() || digits.len() > 40 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u128 = match digits.trim_start_matches('0') {
        "" => return Some((0, false)),
        digits => digits.parse().ok()?,
    };
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10u128.checked_pow(shift.unsigned_abs());
    match (shift >= 0, power) {
        (true, power) => Some((number.checked_mul(power?)?, false)),
        // So small that nothing but a fraction is left.
        (false, None) => Some((0, true)),
        (false, Some(power)) => Some((number / power, !number.is_multiple_of(power))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(text: &str, swapped: bool) -> Result<Scrape, String> {
        let mut scrape = Scrape::default();
        scrape.add(&mut text.as_bytes(), swapped).map(|()| scrape)
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn go_floats_are_whole_bytes_or_nothing() {
        let table = [
            ("0", Some(0)),
            ("100000", Some(100_000)),
            ("1e+06", Some(1_000_000)),
            ("1.073741824e+09", Some(1_073_741_824)),
            ("5.24288e+06", Some(5_242_880)),
            ("9.007199254740993e+15", Some(9_007_199_254_740_993)),
            ("9.223372036854775807e+18", Some(i64::MAX as u64)),
            ("1.50e1", Some(15)),
            ("0.0e5", Some(0)),
            ("9.223372036854775808e+18", None),
            ("1e+40", None),
            ("1e+99999999999", None),
            ("1.5", None),
            ("1e-3", None),
            ("1e-300", None),
            ("-1", None),
            ("+1", None),
            ("NaN", None),
            ("+Inf", None),
            ("", None),
            (".5e1", None),
            ("1e", None),
            ("0x10", None),
        ];
        for (text, expected) in table {
            assert_eq!(whole_bytes(text).map(Bytes::get), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_scrape_is_read_and_silence_is_no_number() {
        let scrape = scrape(include_str!("testdata/metrics.v2.txt"), true).expect("a scrape");
        let (one, two) = ("s3-1.example.net:9000", "s3-2.example.net:9000");
        let passed = |received, sent| Passed { received, sent };
        // The swap concerns v3 alone.
        assert_eq!(scrape.passed(one, "7-41-data"), passed(Some(bytes(100_000)), Some(bytes(2_097_152))));
        assert_eq!(scrape.passed(two, "7-41-data"), passed(Some(bytes(5_242_880)), None));
        assert_eq!(scrape.passed(two, "7-42-data"), passed(None, None));
        assert_eq!(scrape.started.len(), 2);
        assert_eq!(scrape.started[one].get(), 1_795_200_000);
        assert_eq!(scrape.cut(["7-41-data", "another"].into_iter()), None);
    }

    #[test]
    fn the_third_version_has_its_directions_swapped() {
        let text = "minio_bucket_api_traffic_received_bytes{bucket=\"b\",server=\"n\",type=\"s3\"} 7\n\
                    minio_bucket_api_traffic_sent_bytes{bucket=\"b\",server=\"n\",type=\"s3\"} 1e+03\n";
        let as_is = scrape(text, false).expect("a scrape").passed("n", "b");
        let swapped = scrape(text, true).expect("a scrape").passed("n", "b");
        assert_eq!((as_is.received, as_is.sent), (Some(bytes(7)), Some(bytes(1000))));
        assert_eq!((swapped.received, swapped.sent), (Some(bytes(1000)), Some(bytes(7))));
    }

    #[test]
    fn a_cut_list_is_noticed_also_when_some_of_its_buckets_moved_nothing() {
        let lines = |count: usize| {
            (0..count)
                .map(|n| match n % 10 {
                    0 => format!(
                        "minio_bucket_requests_total{{api=\"headbucket\",bucket=\"b{n}\",server=\"n1\"}} 1\n"
                    ),
                    _ => format!("{SENT}{{bucket=\"b{n}\",server=\"n1\"}} {n}\n"),
                })
                .collect::<String>()
        };
        let cut = |text: &str, living: std::ops::Range<usize>| {
            let names: Vec<String> = living.map(|n| format!("b{n}")).collect();
            let scrape = scrape(text, true).expect("a scrape");
            scrape.cut(names.iter().map(String::as_str)).map(str::to_string)
        };
        assert_eq!(cut(&lines(100), 0..101).as_deref(), Some("n1"));
        assert_eq!(cut(&lines(100), 0..100), None);
        assert_eq!(cut(&lines(101), 0..200), None);
        assert_eq!(cut(&lines(99), 0..200), None);
        // Deleted buckets fill the list, and the living ones are in none.
        assert_eq!(cut(&lines(100), 500..517).as_deref(), Some("n1"));
        // Each list is cut by itself: others name more buckets.
        let sent: String =
            (0..100).map(|n| format!("{SENT}{{bucket=\"b{n}\",server=\"n1\"}} {n}\n")).collect();
        let more = (100..105)
            .map(|n| format!("{REQUESTS}total{{api=\"headbucket\",bucket=\"b{n}\",server=\"n1\"}} 1\n"));
        assert_eq!(cut(&(sent + &more.collect::<String>()), 0..130).as_deref(), Some("n1"));
    }

    #[test]
    fn a_broken_line_is_an_error_not_a_zero() {
        for wrong in [
            "minio_bucket_traffic_sent_bytes{bucket=\"b\",server=\"n\"} 1.5\n",
            "minio_bucket_traffic_sent_bytes{bucket=\"b\",server=\"n\"} -1\n",
            "minio_bucket_traffic_sent_bytes{bucket=\"b\",server=\"n\"}\n",
            "minio_bucket_traffic_sent_bytes{bucket=\"b\",server=\"n 7\n",
            "minio_bucket_traffic_sent_bytes{bucket=\"b\"} 7\n",
            "minio_bucket_traffic_sent_bytes{server=\"n\"} 7\n",
            "minio_node_process_starttime_seconds{server=\"n\"} -5\n",
            // Half a line, which may be half a number.
            "minio_bucket_traffic_sent_bytes{bucket=\"b\",server=\"n\"} 52",
        ] {
            assert!(scrape(wrong, true).is_err(), "{wrong}");
        }
        for page in ["<html><body>", "{\"Code\":1}", "  <p>"] {
            assert_eq!(scrape(page, true), Err("not a page of metrics".into()), "{page}");
        }
        let endless = format!("x{}", "y".repeat(100_000));
        assert!(scrape(&endless, true).is_err());
        let odd = "minio_bucket_traffic_sent_bytes{bucket=\"a\\\"}\\\\\\n\",server=\"n\",} 7 1700000000000\n";
        assert_eq!(scrape(odd, true).expect("a scrape").passed("n", "a\"}\\\n").sent, Some(bytes(7)));
    }
}
