//! How this server behaves where releases, forks and operators differ; set at run time.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whose server it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// The community server of 2025.
    #[default]
    Minio,
    /// The rewrite in Rust: own usage shape, XML errors.
    Rustfs,
    /// The commercial server: refuses some calls under v3.
    Aistor,
}

/// How metrics are guarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsGuard {
    /// A bearer token; refused with JSON (2025).
    #[default]
    Jwt,
    /// A bearer token; refused with an empty 403 or a 401 in plain text (older releases).
    JwtOldWords,
    /// Nothing.
    Public,
}

/// What attach and detach are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// As since June 2023.
    #[default]
    Current,
    /// 201 without a body, 409 and 404 when nothing changes (first half of 2023).
    FirstReleases,
    /// 426 (before 2023).
    Absent,
}

/// What a bucket's quota looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaShape {
    /// All fields.
    #[default]
    Current,
    /// `quota` and `quotatype` alone (before August 2023).
    QuotaOnly,
    /// 404 where no quota is set.
    MissingWhenUnset,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Whose server it is.
    pub flavour: Flavour,
    /// The algorithm of sealed answers: 0, 1 or 2. RustFS always takes 2.
    pub seal_algorithm: u8,
    /// Blanks are added until a sealed answer fills its last fragment exactly.
    pub seal_exact_fragments: bool,
    /// v2 bucket series end after the first 100 buckets.
    pub cut_at_100_buckets: bool,
    /// v3 calls uploads "sent" and downloads "received".
    pub v3_swapped: bool,
    /// v3 takes wildcards instead of one bucket.
    pub v3_wildcards: bool,
    /// How metrics are guarded.
    pub metrics_guard: MetricsGuard,
    /// `info-canned-policy` honours `v=2`.
    pub policy_info_v2: bool,
    /// What attach and detach are.
    pub attach: Attach,
    /// `set-user-or-group-policy` is served.
    pub set_policy_call: bool,
    /// What a bucket's quota looks like.
    pub quota_shape: QuotaShape,
    /// `list-users` and `user-info` tell `updatedAt`.
    pub updated_at: bool,
    /// The configured region; empty takes any.
    pub region: String,
    /// `UNSIGNED-PAYLOAD` is refused on admin calls, as some releases do.
    pub refuse_unsigned_admin: bool,
    /// The root user may sign in.
    pub root_access: bool,
    /// The calls an AIStor server refuses under v3.
    pub v4_only: BTreeSet<String>,
    /// The release date in `info`.
    pub version: String,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            flavour: Flavour::Minio,
            seal_algorithm: 0,
            seal_exact_fragments: false,
            cut_at_100_buckets: true,
            v3_swapped: true,
            v3_wildcards: false,
            metrics_guard: MetricsGuard::Jwt,
            policy_info_v2: true,
            attach: Attach::Current,
            set_policy_call: true,
            quota_shape: QuotaShape::Current,
            updated_at: true,
            region: String::new(),
            refuse_unsigned_admin: false,
            root_access: true,
            v4_only: ["list-users", "user-info", "datausageinfo"].map(str::to_owned).into(),
            version: "2025-10-15T17:29:55Z".to_owned(),
        }
    }
}

/// The background scanner whose last result is the usage everybody sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scanner {
    /// It never ran: zero time and null maps.
    pub never: bool,
    /// It last finished at this instant (epoch seconds) and has not since.
    pub stuck_at: Option<i64>,
    /// A result is published every so many seconds.
    pub cycle_seconds: i64,
    /// A result is this many seconds old when it is published.
    pub lag_seconds: i64,
    /// The server's local time, in minutes east of UTC.
    pub utc_offset_minutes: i32,
    /// Buckets the scanner has not come to.
    pub unseen_buckets: BTreeSet<String>,
    /// RustFS: the snapshot is incomplete, its maps are empty.
    pub incomplete: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            never: false,
            stuck_at: None,
            cycle_seconds: 60,
            lag_seconds: 0,
            utc_offset_minutes: 0,
            unseen_buckets: BTreeSet::new(),
            incomplete: false,
        }
    }
}

impl Scanner {
    /// When the published result was made; `None` when there is none.
    pub fn finished(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.never {
            return None;
        }
        let seconds = self.stuck_at.unwrap_or_else(|| {
            let cycle = self.cycle_seconds.max(1);
            let seen = now.timestamp() - self.lag_seconds;
            seen - seen.rem_euclid(cycle)
        });
        Some(crate::clock::at(seconds))
    }

    /// An instant as `lastUpdate` writes it: nine digits, local offset.
    pub fn written(&self, at: DateTime<Utc>) -> String {
        let offset = FixedOffset::east_opt(self.utc_offset_minutes * 60);
        let fraction = TimeDelta::nanoseconds(i64::from(at.timestamp().rem_euclid(997) as i32) * 1_003_009);
        let told = at + fraction;
        match offset {
            Some(offset) if self.utc_offset_minutes != 0 => go_time(told.with_timezone(&offset)),
            _ => go_time(told),
        }
    }
}

/// RFC 3339 as Go writes it: up to nine digits, trailing zeros cut, `Z` for UTC.
pub fn go_time<Z: chrono::TimeZone>(at: DateTime<Z>) -> String {
    let seconds = at.naive_local().format("%Y-%m-%dT%H:%M:%S");
    let fraction = match at.timestamp_subsec_nanos() {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    let zone = match chrono::Offset::fix(at.offset()).local_minus_utc() {
        0 => "Z".to_owned(),
        east => format!(
            "{}{:02}:{:02}",
            if east < 0 { '-' } else { '+' },
            east.abs() / 3_600,
            east.abs() % 3_600 / 60
        ),
    };
    format!("{seconds}{fraction}{zone}")
}

/// Go's zero time.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::at;

    #[test]
    fn the_scanner_publishes_in_cycles() {
        let mut scanner = Scanner { cycle_seconds: 300, lag_seconds: 30, ..Scanner::default() };
        assert_eq!(scanner.finished(at(1_000)), Some(at(900)));
        assert_eq!(scanner.finished(at(929)), Some(at(600)));
        scanner.stuck_at = Some(77);
        assert_eq!(scanner.finished(at(1_000)), Some(at(77)));
        scanner.never = true;
        assert_eq!(scanner.finished(at(1_000)), None);
    }

    #[test]
    fn local_time_is_told_with_its_offset() {
        let scanner = Scanner { utc_offset_minutes: 120, ..Scanner::default() };
        let told = scanner.written(at(1_795_000_000));
        assert!(told.ends_with("+02:00"), "{told}");
        let back = DateTime::parse_from_rfc3339(&told).map(|time| time.timestamp());
        assert_eq!(back, Ok(1_795_000_000));
        assert_eq!(go_time(at(0)), "1970-01-01T00:00:00Z");
    }
}
