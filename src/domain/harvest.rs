//! What one poll of one backend brought home: readings, and what could not be read, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{
    AccountName, Breakdown, Bytes, Identity, Limit, Meter, PanelCharge, Policy, Reading, Source, Span,
    Timestamp,
};

/// Why something could not be read or done: a closed set, so that it can be a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No connection, no TLS, no answer in time.
    Unreachable,
    /// Credentials or rights refused.
    Refused,
    /// The panel asked us to come back later.
    Busy,
    /// An answer that is not what the panel's manual promises.
    Unexpected,
    /// The account is not there.
    NoSuchAccount,
    /// This panel, release or configuration has no such thing.
    NotOffered,
    /// The panel is another backend's already, and was not asked.
    Taken,
    /// Our own clock is wrong, by the panel's or the database's.
    Clock,
    /// The panel reported it before and does not any more, although the account is there.
    Silent,
    /// A bug of ours stopped it.
    Internal,
}

impl Reason {
    /// Every reason, so that each can be exported from the first scrape on.
    pub const ALL: [Reason; 10] = [
        Reason::Unreachable,
        Reason::Refused,
        Reason::Busy,
        Reason::Unexpected,
        Reason::NoSuchAccount,
        Reason::NotOffered,
        Reason::Taken,
        Reason::Clock,
        Reason::Silent,
        Reason::Internal,
    ];

    /// Its name as a label value and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unreachable => "unreachable",
            Reason::Refused => "refused",
            Reason::Busy => "busy",
            Reason::Unexpected => "unexpected",
            Reason::NoSuchAccount => "no_such_account",
            Reason::NotOffered => "not_offered",
            Reason::Taken => "taken",
            Reason::Clock => "clock",
            Reason::Silent => "silent",
            Reason::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A meter of an account that stays unknown this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The meter, or `None` when nothing of the account could be read.
    pub meter: Option<Meter>,
    /// The kind of trouble.
    pub reason: Reason,
    /// What came and what was expected, for people.
    pub detail: String,
}

/// What a panel reports about an account besides its usage. `None`, and of limits `Unknown`, is "the panel did
/// not say".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What makes the account itself, whatever its name: see [`Identity`].
    pub identity: Identity,
    /// When the account was made, as the panel reports: a count it came with at first sight is not older.
    pub created: Option<Timestamp>,
    /// Whether the account is switched off.
    pub suspended: Option<bool>,
    /// Why it is switched off, or by whom, in the panel's words; only of an account that is.
    pub suspended_for: Option<String>,
    /// Which of our two policies the panel enforces; `None` also for one that is neither.
    pub policy: Option<Policy>,
    /// Whether the limited policy it enforces is not quite ours: somebody has added to it, or what it is made from
    /// has changed.
    pub policy_differs: bool,
    /// The plan's name on the panel.
    pub package: Option<String>,
    /// The account's main domain.
    pub domain: Option<String>,
    /// The reseller it belongs to, by the name the panel has for that one; empty if it is the panel's own.
    pub reseller: Option<String>,
    /// Bytes it may store, as the panel has it.
    pub storage_limit: Limit,
    /// Bytes it may move in a month, as the panel has it: of the traffic the panel counts, whatever its
    /// direction.
    pub traffic_limit: Limit,
}

impl Facts {
    /// What the panel itself allows of a meter.
    pub fn limit(&self, meter: Meter) -> Limit {
        match meter {
            Meter::StorageUsed => self.storage_limit,
            Meter::TrafficIn | Meter::TrafficOut | Meter::TrafficTotal => self.traffic_limit,
        }
    }
}

/// Everything one poll learned about one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harvested {
    /// What was read.
    pub readings: Vec<(Meter, Reading)>,
    /// What stays unknown.
    pub unread: Vec<Unread>,
    /// What its charts say, where a backfill asked for them.
    pub estimates: Vec<(Meter, Estimate)>,
    /// What the panel itself would bill of it.
    pub charges: Vec<PanelCharge>,
    /// What its level is made of; `None` is "the panel did not say this time".
    pub made_of: Option<Breakdown>,
    /// What of its totals other accounts of its service have already.
    pub copied: Vec<Copied>,
    /// Nothing shows what it owns, which is no proof that it owns nothing: a level of nothing takes nothing away.
    pub owns_unknown: bool,
    /// What else the panel reports.
    pub facts: Facts,
}

/// A part of a period's total that the service's other accounts have: it came along with the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Of what.
    pub meter: Meter,
    /// Which total of the account.
    pub source: Source,
    /// Its span.
    pub span: Span,
    /// How much of it.
    pub amount: Bytes,
}

/// Usage the panel shows that belongs to no account, or to more than one: not billed, and listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclaimed {
    /// What it is, by the panel's name (a bucket).
    pub what: String,
    /// One of [`Unclaimed::WHYS`].
    pub why: &'static str,
    /// Its size, where known.
    pub level: Option<Bytes>,
    /// Since when it is so, where the panel's answers report; else it is since it was first reported.
    pub since: Option<Timestamp>,
}

impl Unclaimed {
    /// No account is meant.
    pub const ORPHAN: &'static str = "orphan";
    /// Several accounts could be meant.
    pub const AMBIGUOUS: &'static str = "ambiguous";
    /// An account's until it was deleted; the panel still counts it.
    pub const DELETED: &'static str = "deleted";
    /// Every reason, so that each can be exported from the first poll on.
    pub const WHYS: [&'static str; 3] = [Unclaimed::ORPHAN, Unclaimed::AMBIGUOUS, Unclaimed::DELETED];

    /// A thing that is unowned, of unknown size.
    pub fn new(what: impl Into<String>, why: &'static str) -> Unclaimed {
        Unclaimed { what: what.into(), why, level: None, since: None }
    }
}

/// What a panel's charts say an account moved in a span: an average, never billed, shown to whoever
/// asks why there is a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The time it is for.
    pub span: Span,
    /// Bytes moved in it, about.
    pub about: Bytes,
}

/// What a panel itself says is stored on it altogether: more than its accounts hold, by what is unclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTotal {
    /// When the panel measured it.
    pub at: Timestamp,
    /// Bytes stored.
    pub stored: Bytes,
}

/// How many accounts a panel's own licence allows, and how many of them it counts; what it does not report is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seats {
    /// Those that are taken.
    pub used: Option<u64>,
    /// Those that the licence allows in all, not those that are left.
    pub licensed: Option<u64>,
}

/// What one poll of one backend brought home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harvest {
    accounts: BTreeMap<AccountName, Harvested>,
    unclaimed: Vec<Unclaimed>,
    warnings: Vec<String>,
    server_total: Option<ServerTotal>,
    seats: Seats,
    complete: bool,
    every_source: bool,
    roads: BTreeSet<String>,
}

impl Harvest {
    /// An empty basket.
    pub fn new() -> Harvest {
        Harvest::default()
    }

    /// Puts in one reading.
    pub fn add_reading(&mut self, account: &AccountName, meter: Meter, reading: Reading) {
        self.entry(account).readings.push((meter, reading));
    }

    /// Puts in what a chart says of a span: never billed.
    pub fn estimate(&mut self, account: &AccountName, meter: Meter, estimate: Estimate) {
        self.entry(account).estimates.push((meter, estimate));
    }

    /// Puts in what the panel itself would bill: shown, and never billed by us.
    pub fn charge(&mut self, account: &AccountName, charge: PanelCharge) {
        self.entry(account).charges.push(charge);
    }

    /// Puts in what an account's stored bytes are made of: shown, and never billed from.
    pub fn made_of(&mut self, account: &AccountName, breakdown: Breakdown) {
        self.entry(account).made_of = Some(breakdown);
    }

    /// Puts in that a part of a total is not new, because the service's other accounts have it.
    pub fn copied(&mut self, account: &AccountName, copied: Copied) {
        self.entry(account).copied.push(copied);
    }

    /// Puts in that nothing shows what an account owns: a mapping may have vanished.
    pub fn owns_unknown(&mut self, account: &AccountName) {
        self.entry(account).owns_unknown = true;
    }

    /// Puts in that a meter (or the whole account) could not be read, and why.
    pub fn unread(
        &mut self,
        account: &AccountName,
        meter: Option<Meter>,
        reason: Reason,
        detail: impl Into<String>,
    ) {
        self.entry(account).unread.push(Unread { meter, reason, detail: detail.into() });
    }

    /// The facts of an account, to fill in; also marks the account as seen.
    pub fn facts_mut(&mut self, account: &AccountName) -> &mut Facts {
        &mut self.entry(account).facts
    }

    /// Puts in usage that cannot be charged to one account.
    pub fn unclaimed(&mut self, unclaimed: Unclaimed) {
        self.unclaimed.push(unclaimed);
    }

    /// Puts in something the operator should know that is no failure.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Puts in what the panel says is stored on it altogether, where it has a number of its own for that:
    /// never a sum of ours.
    pub fn total(&mut self, total: ServerTotal) {
        self.server_total = Some(total);
    }

    /// Puts in what the panel says of its licence.
    pub fn licence(&mut self, seats: Seats) {
        self.seats = seats;
    }

    /// Says by which road figures came: the version of a page or an interface, the host that answered. Figures that
    /// come by another road than before may be others' or older.
    pub fn by_road(&mut self, road: impl Into<String>) {
        self.roads.insert(road.into());
    }

    /// All roads by which it came, in order; empty where nobody says.
    pub fn road(&self) -> String {
        self.roads.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Says that every account the panel has was listed: whoever is absent is gone.
    pub fn listed_everyone(&mut self) {
        self.complete = true;
    }

    /// Whether every account was listed.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Says that every counter the panel has was listed, with the accounts: one that is absent is in no account.
    /// Where counters are of servers that may be down (nodes of a cluster) that is not so.
    pub fn listed_every_source(&mut self) {
        self.every_source = true;
    }

    /// Whether every account and every counter was listed.
    pub fn has_every_source(&self) -> bool {
        self.complete && self.every_source
    }

    /// The accounts by name.
    pub fn accounts(&self) -> &BTreeMap<AccountName, Harvested> {
        &self.accounts
    }

    /// What belongs to no single account.
    pub fn unclaimed_usage(&self) -> &[Unclaimed] {
        &self.unclaimed
    }

    /// What the operator should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the panel says is stored on it altogether.
    pub fn server_total(&self) -> Option<ServerTotal> {
        self.server_total
    }

    /// What the panel says of its licence.
    pub fn seats(&self) -> Seats {
        self.seats
    }

    /// Keeps only the accounts `keep` wants: the config's include and exclude lists.
    pub fn retain(&mut self, keep: impl Fn(&AccountName) -> bool) {
        self.accounts.retain(|name, _| keep(name));
    }

    /// Takes out the accounts whose names are earlier lives' here, with the level that each holds.
    pub fn take_earlier_lives(&mut self) -> Vec<(AccountName, Option<Bytes>)> {
        let names: Vec<AccountName> =
            self.accounts.keys().filter(|name| name.reads_as_earlier_life()).cloned().collect();
        let take = |name: AccountName| {
            let readings =
                self.accounts.remove(&name).map(|harvested| harvested.readings).unwrap_or_default();
            let level = readings.iter().find_map(|(_, reading)| match reading {
                Reading::Gauge { level, .. } => Some(*level),
                Reading::Counter { .. } | Reading::PeriodTotal { .. } => None,
            });
            (name, level)
        };
        names.into_iter().map(take).collect()
    }

    /// Keeps one account of a harvest that was asked for it alone: nobody else was looked at.
    pub fn keep_only(&mut self, account: &AccountName) {
        self.accounts.retain(|name, _| name == account);
        self.complete = false;
    }

    fn entry(&mut self, account: &AccountName) -> &mut Harvested {
        self.accounts.entry(account.clone()).or_default()
    }
}
