//! What one account's standing looks like as sample lines. Pure, and in whole numbers.
//!
//! Nothing here guesses: what is unknown, gone, too old or of another month has no line.

use std::borrow::Cow;

use super::format::{Format, Kind, escape};
use crate::domain::{AccountName, BackendId, Bytes, Meter, Policy, Seconds, Timestamp};
use crate::standing::{AccountStanding, Moment, SeriesStanding};

/// How many families describe accounts.
pub(super) const FAMILIES: usize = 10;

/// The sample lines of some accounts, by family.
pub(super) type Lines = [Vec<u8>; FAMILIES];

const STORAGE_USED: usize = 0;
const STORAGE_LIMIT: usize = 1;
const STORAGE_HELD: usize = 2;
const TRAFFIC: usize = 3;
const TRAFFIC_MONTH: usize = 4;
const TRAFFIC_LIMIT: usize = 5;
const LIMIT_USED: usize = 6;
const LIMITED: usize = 7;
const SUSPENDED: usize = 8;
const DESCRIPTION: usize = 9;

/// Name, kind and help of every family, in the order of the page.
const ABOUT: [(&str, Kind, &str); FAMILIES] = [
    (
        "whmeter_storage_used_bytes",
        Kind::Gauge,
        "Bytes the account stores, as the panel last measured; asked for at every poll, not at every scrape.",
    ),
    (
        "whmeter_storage_limit_bytes",
        Kind::Gauge,
        "Bytes the account may store: by the rule that is in force, else by the panel.",
    ),
    (
        "whmeter_storage_month_byte_seconds",
        Kind::Gauge,
        "What the account's owner held in the running billing month, level times time; divided by the seconds of \
         the month it is what WHMCS is told as disk_gb_month, in bytes.",
    ),
    (
        "whmeter_traffic_bytes_total",
        Kind::Counter,
        "Bytes settled since whmeter first saw the account; continues when the panel restarts its own count. \
         in: towards the customer's service, out: from it, both: the panel does not report the directions \
         separately.",
    ),
    (
        "whmeter_traffic_month_bytes",
        Kind::Gauge,
        "Bytes moved in the running billing month; absent until the account is first read in it.",
    ),
    (
        "whmeter_traffic_limit_bytes",
        Kind::Gauge,
        "Bytes the account may move in a billing month, by the rule that is in force.",
    ),
    (
        "whmeter_limit_used_ratio",
        Kind::Gauge,
        "Used / limit, rounded down to five places; of a limit that was sold what all accounts of the \
         service use.",
    ),
    (
        "whmeter_account_limited",
        Kind::Gauge,
        "1 when the account is under our limited policy, as the panel shows it, else 0.",
    ),
    ("whmeter_account_suspended", Kind::Gauge, "1 when the panel has the account switched off, else 0."),
    ("whmeter_account_info", Kind::Gauge, "What describes the account, to join with; always 1."),
];

/// The lines above a family's samples.
pub(super) fn head(out: &mut Vec<u8>, family: usize, format: Format) {
    let (name, kind, help) = ABOUT[family];
    format.head(out, name, kind, help);
}

/// The first instant there is.
pub(super) fn epoch() -> Timestamp {
    Timestamp::new(0).unwrap_or_else(|_| unreachable!("1970 is in range"))
}

/// An instant no page lives to see.
pub(super) fn never() -> Timestamp {
    epoch().plus(Seconds::new(u64::MAX))
}

/// What all lines of one backend begin with, written once.
#[derive(Clone, Debug)]
pub(super) struct LinePrefixes {
    starts: [String; FAMILIES],
    kind: String,
}

impl LinePrefixes {
    /// The words for accounts of `backend`.
    pub fn new(backend: &BackendId, kind: &str) -> LinePrefixes {
        let backend = escape(backend.as_str());
        LinePrefixes {
            starts: ABOUT.map(|(name, ..)| format!("{name}{{backend=\"{backend}\",account=\"")),
            kind: format!("\",kind=\"{}", escape(kind)),
        }
    }
}

/// Adds an account's lines, and returns the first instant at which they would change by themselves.
pub(super) fn account(
    lines: &mut Lines,
    words: &LinePrefixes,
    name: &AccountName,
    standing: &AccountStanding,
    moment: &Moment,
) -> Timestamp {
    if standing.gone_at.is_some() {
        return never();
    }
    let mut pen = Pen { lines, words, name: escape(name.as_str()) };
    let mut due = never();
    for series in &standing.series {
        due = due.min(changes(series.at, moment));
        if moment.is_fresh(series.at) {
            pen.series(series, standing, moment);
        }
    }
    // The panel's other statements carry no time of their own. They came with the readings, so they
    // are believed as long as the newest reading is.
    let last_read = standing.series.iter().map(|series| series.at).fold(standing.first_seen, Timestamp::max);
    due = due.min(changes(last_read, moment));
    if moment.is_fresh(last_read) {
        pen.facts(standing);
    }
    pen.description(standing);
    due
}

/// When something measured at `at` begins to be of now, or ends.
fn changes(at: Timestamp, moment: &Moment) -> Timestamp {
    match (moment.is_fresh(at), at > moment.now) {
        (true, _) => moment.expiry(at),
        (false, true) => at.minus(Moment::CLOCKS_DIFFER),
        (false, false) => never(),
    }
}

/// Traffic whose direction a panel does not report is `both`: a label value `total` beside `in` and
/// `out` would make `sum` over the directions count twice, and Prometheus's naming rules forbid it.
pub fn direction(meter: Meter) -> Option<&'static str> {
    match meter {
        Meter::StorageUsed => None,
        Meter::TrafficIn => Some("in"),
        Meter::TrafficOut => Some("out"),
        Meter::TrafficTotal => Some("both"),
    }
}

/// The label `direction` and what follows it, up to the number.
fn direction_end(meter: Meter) -> Option<&'static str> {
    match meter {
        Meter::StorageUsed => None,
        Meter::TrafficIn => Some("\",direction=\"in\"} "),
        Meter::TrafficOut => Some("\",direction=\"out\"} "),
        Meter::TrafficTotal => Some("\",direction=\"both\"} "),
    }
}

/// Writes the lines of one account.
struct Pen<'a, 'w> {
    lines: &'a mut Lines,
    words: &'w LinePrefixes,
    name: Cow<'a, str>,
}

impl Pen<'_, '_> {
    fn series(&mut self, series: &SeriesStanding, standing: &AccountStanding, moment: &Moment) {
        let limit = standing.limit(series.meter);
        // What a service has together is judged together; what of it is unknown is no part of its limit.
        let judged = |own: Bytes| standing.together.get(&series.meter).map_or(Some(own), |judged| judged.sum);
        if let Some(direction) = direction_end(series.meter) {
            self.number(TRAFFIC, direction, series.shown.get());
            if let Ok(so_far) = series.running(moment) {
                self.number(TRAFFIC_MONTH, direction, so_far.amount.get());
                if let Some((used, limit)) = judged(so_far.amount).zip(limit.up_to()) {
                    self.ratio(series.meter, used, limit);
                }
            }
            if let Some(limit) = limit.to_door() {
                self.number(TRAFFIC_LIMIT, direction, limit.get());
            }
        } else if let Some(level) = series.level {
            self.number(STORAGE_USED, "\"} ", level.get());
            // Where there is no limit nothing is a part of it.
            if let Some((used, limit)) = judged(level).zip(limit.up_to()) {
                self.ratio(series.meter, used, limit);
            }
            // Minutes become the base unit; more than can be written is left out.
            let held = standing.held_in_month(moment).and_then(|held| held.get().checked_mul(60));
            if let Some(held) = held {
                self.number(STORAGE_HELD, "\"} ", held);
            }
        }
    }

    fn facts(&mut self, standing: &AccountStanding) {
        if let Some(limit) = standing.limit(Meter::StorageUsed).to_door() {
            self.number(STORAGE_LIMIT, "\"} ", limit.get());
        }
        if let Some(policy) = standing.policy {
            self.number(LIMITED, "\"} ", u64::from(policy == Policy::Limited));
        }
        if let Some(suspended) = standing.suspended {
            self.number(SUSPENDED, "\"} ", u64::from(suspended));
        }
    }

    fn description(&mut self, standing: &AccountStanding) {
        let package = escape(standing.package.as_deref().unwrap_or_default());
        let domain = escape(standing.domain.as_deref().unwrap_or_default());
        let reseller = escape(standing.reseller.as_deref().unwrap_or_default());
        let kind = &self.words.kind;
        let line = self.start(DESCRIPTION);
        let panel = ["\",package=\"", &package, "\",domain=\"", &domain, "\",reseller=\"", &reseller];
        for part in [&[kind.as_ref()], panel.as_slice()].concat() {
            line.extend_from_slice(part.as_bytes());
        }
        let (mut id, mut client) = (itoa::Buffer::new(), itoa::Buffer::new());
        let service = standing.service();
        let (id, client) = service.map_or(("", ""), |s| (id.format(s.id), client.format(s.client)));
        let product = escape(service.and_then(|service| service.product.as_deref()).unwrap_or_default());
        for part in ["\",service=\"", id, "\",client=\"", client, "\",product=\"", &product, "\"} 1\n"] {
            line.extend_from_slice(part.as_bytes());
        }
    }

    fn number(&mut self, family: usize, end: &str, value: impl itoa::Integer) {
        let line = self.start(family);
        line.extend_from_slice(end.as_bytes());
        line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        line.push(b'\n');
    }

    fn ratio(&mut self, meter: Meter, used: Bytes, limit: Bytes) {
        let ratio = u128::from(used.get()) * 100_000 / u128::from(limit.get());
        let line = self.start(LIMIT_USED);
        for part in ["\",meter=\"", meter.name(), "\"} "] {
            line.extend_from_slice(part.as_bytes());
        }
        line.extend_from_slice(itoa::Buffer::new().format(ratio / 100_000).as_bytes());
        line.push(b'.');
        // The leading 1 stands in for the zeros that a plain number would drop.
        line.extend_from_slice(&itoa::Buffer::new().format(100_000 + ratio % 100_000).as_bytes()[1..]);
        line.push(b'\n');
    }

    fn start(&mut self, family: usize) -> &mut Vec<u8> {
        let line = &mut self.lines[family];
        line.extend_from_slice(self.words.starts[family].as_bytes());
        line.extend_from_slice(self.name.as_bytes());
        line
    }
}
