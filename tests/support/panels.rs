//! Fake panels of every registered kind, and backends opened against them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::{Table, Value};
use whmeter::backends::{
    Backend, BackendError, Heard, KINDS, Kind, Limiter, PollRequest, TEST_KINDS, Target,
};
use whmeter::clock::Clock;
use whmeter::domain::{AccountName, Harvest, Harvested, Meter, Nature, Reading, Timestamp};
use whmeter::http::{Http, HttpSettings};
use whmeter::metering::{Book, Bounds, SettleRules, settle};
use whmeter::settings::Section;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{Options, SimulatedPanel};
use whmeter_simulators::truth::Truth;

/// Where the clocks of all panels stand at first: 2026-11-21 02:00 UTC.
pub const NOW: i64 = 1_795_226_400;

/// A running panel and the kind of backend that is to understand it.
pub struct Pair {
    pub kind: &'static Kind,
    pub panel: Box<dyn SimulatedPanel>,
}

/// Every kind that a release has, and those that tests alone have.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().chain(TEST_KINDS)
}

/// Every registered kind with a panel of its own, one for each of its products; a kind without a fake panel is an error.
pub async fn every_kind(accounts: usize) -> Vec<Pair> {
    every_kind_with(Options { accounts, clock: ClockStart::Frozen(NOW), ..Options::default() }).await
}

pub async fn every_kind_with(options: Options) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for kind in kinds() {
        let fake = whmeter_simulators::kind(kind.name);
        let fake = fake.unwrap_or_else(|| panic!("kind {} has no fake panel in PANELS", kind.name));
        let panel = fake.start(options.clone()).await.unwrap();
        let others = panel.other_products();
        pairs.push(Pair { kind, panel });
        for (number, switches) in others.iter().enumerate() {
            // With an authority of its own.
            let tls = options.tls.as_ref().map(|folder| folder.join(number.to_string()));
            let panel = fake.start(Options { tls, ..options.clone() }).await.unwrap();
            panel.operate("switches", switches).unwrap();
            pairs.push(Pair { kind, panel });
        }
    }
    assert!(!pairs.is_empty());
    pairs
}

impl Pair {
    pub fn name(&self) -> &'static str {
        self.kind.name
    }

    pub fn truth(&self) -> &Truth {
        &self.panel.knobs().truth
    }

    /// What the panel's usage answer tells first.
    pub fn main_meter(&self) -> Meter {
        self.panel.landmarks().meter.parse().unwrap()
    }

    /// Everything read of an account is the truth at the time it was measured. A counter tells nothing
    /// alone: only what it grows by is compared, by whoever settles it.
    pub fn check_truth(&self, name: &str, harvested: &Harvested) {
        let now = self.panel.knobs().clock.now_seconds();
        let mut spans: BTreeMap<(Meter, i64, i64), u64> = BTreeMap::new();
        for (meter, reading) in &harvested.readings {
            let at = reading.at().get();
            assert!(at <= now && at > now - 3600, "{}: {name} measured at {at}", self.name());
            match reading {
                Reading::Gauge { level, .. } => {
                    assert_eq!(self.truth().level(name, at), Some(level.get()), "{}: {name}", self.name());
                }
                Reading::PeriodTotal { span, total, .. } => {
                    let key = (*meter, span.start().get(), at.min(span.end().get()));
                    *spans.entry(key).or_default() += total.get();
                }
                Reading::Counter { .. } => {}
            }
        }
        for ((meter, from, to), total) in spans {
            let truth = passed(self.truth(), name, from, to.max(from), meter);
            assert_eq!(total, truth, "{}: {name} {meter} from {from} to {to}", self.name());
        }
    }

    /// What the panel measures of an account that passes.
    fn flows(&self, name: &str) -> impl Iterator<Item = Meter> {
        let flows = self.kind.meters.iter().copied().filter(|meter| meter.nature() == Nature::Flow);
        flows.filter(move |meter| !self.panel.lacks(name, meter.name()))
    }

    /// What was settled of an account, flow by flow.
    pub fn settled(&self, ledger: &Ledger, name: &str) -> BTreeMap<Meter, i128> {
        self.flows(name).map(|meter| (meter, ledger.sum(name, meter))).collect()
    }

    /// What really passed of an account between two instants, flow by flow.
    pub fn passed(&self, name: &str, from: i64, to: i64) -> BTreeMap<Meter, i128> {
        self.flows(name).map(|meter| (meter, passed(self.truth(), name, from, to, meter).into())).collect()
    }

    /// The keys of a section that reaches the panel.
    pub fn settings(&self) -> Table {
        settings(&*self.panel)
    }

    pub fn backend(&self) -> Box<dyn Backend> {
        self.backend_with("")
    }

    /// A backend with further keys, written as in the config.
    pub fn backend_with(&self, keys: &str) -> Box<dyn Backend> {
        let mut settings = self.settings();
        settings.extend(keys.parse::<Table>().unwrap());
        self.opened(settings)
    }

    /// A backend that signs by the time the panel's clock shows now.
    pub fn opened(&self, settings: Table) -> Box<dyn Backend> {
        opened(self.kind, settings, self.panel.knobs().clock.now_seconds())
    }

    pub async fn poll(&self, backend: &dyn Backend) -> Result<Harvest, BackendError> {
        poll(backend, self.panel.knobs().clock.now_seconds()).await
    }

    /// What must never be shown.
    pub fn secrets(&self) -> Vec<String> {
        let settings = self.panel.settings();
        let secret = |(name, _): &(&&str, &String)| is_secret(name);
        let found: Vec<String> = settings.iter().filter(secret).map(|(_, value)| value.clone()).collect();
        assert!(!found.is_empty(), "{}: no secret among {:?}", self.name(), settings.keys());
        found
    }

    /// Fails when a text shows a secret or says nothing.
    pub fn check_text(&self, text: &str) {
        assert!(text.len() > 10, "{}: says nothing: {text:?}", self.name());
        for secret in self.secrets() {
            assert!(!text.contains(&secret), "{}: a secret is in {text:?}", self.name());
        }
    }
}

pub fn is_secret(key: &str) -> bool {
    key == "key"
        || ["secret", "password", "token", "api_key", "access_hash"].iter().any(|part| key.contains(part))
}

pub fn settings(panel: &dyn SimulatedPanel) -> Table {
    panel.settings().into_iter().map(|(key, value)| (key.to_string(), Value::String(value))).collect()
}

/// Opens a backend as the config does: HTTP's keys first, the kind's own after.
pub fn opened(kind: &Kind, settings: Table, at: i64) -> Box<dyn Backend> {
    let mut section = Section::new(settings, Path::new("."));
    let http: HttpSettings = section.take().unwrap();
    let http = Http::new(&http, &section).unwrap().with_clock(Clock::Fixed(instant(at)));
    (kind.open)(section, http).unwrap()
}

/// How a backend limits accounts.
pub fn limiter(backend: &dyn Backend) -> &dyn Limiter {
    backend.limiter().expect("it limits accounts")
}

/// An account of which no counters are known.
pub fn target(account: &AccountName) -> Target<'_> {
    Target::named(account)
}

pub fn instant(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

pub fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

pub async fn poll(backend: &dyn Backend, at: i64) -> Result<Harvest, BackendError> {
    poll_after(backend, at, Heard::default()).await
}

/// A poll of a panel that has told something before.
pub async fn poll_after(backend: &dyn Backend, at: i64, heard: Heard) -> Result<Harvest, BackendError> {
    let mut harvest = Harvest::new();
    let ask = PollRequest { heard, ..PollRequest::at(instant(at)) };
    backend.poll(&ask, &mut harvest).await.map(|()| harvest)
}

/// An account of a harvest.
pub fn of<'a>(harvest: &'a Harvest, name: &str) -> Option<&'a Harvested> {
    harvest.accounts().get(name)
}

/// When its level was measured, and the level.
pub fn level(harvested: &Harvested) -> Option<(i64, u64)> {
    harvested.readings.iter().find_map(|(meter, reading)| match (meter, reading) {
        (Meter::StorageUsed, Reading::Gauge { at, level }) => Some((at.get(), level.get())),
        _ => None,
    })
}

/// The first reading of a meter.
pub fn figure(harvested: &Harvested, meter: Meter) -> Option<&Reading> {
    harvested.readings.iter().find_map(|(of, reading)| (*of == meter).then_some(reading))
}

/// The first instant whose traffic the readings of an account are about: the first day told of, or the
/// moment a counter was first seen.
pub fn began(harvested: &Harvested) -> Option<i64> {
    let flows = harvested.readings.iter().filter(|(meter, _)| meter.nature() == Nature::Flow);
    flows
        .map(|(_, reading)| match reading {
            Reading::PeriodTotal { span, .. } => span.start().get(),
            reading => reading.at().get(),
        })
        .min()
}

/// Why a meter was not read; every text of it is shown to people.
pub fn unread(harvested: &Harvested, meter: Meter) -> Option<&whmeter::domain::Unread> {
    harvested.unread.iter().find(|unread| unread.meter.is_none_or(|about| about == meter))
}

/// When the counters of an account were read last.
pub fn measured(harvested: &Harvested) -> Option<i64> {
    let flows = harvested.readings.iter().filter(|(meter, _)| meter.nature() == Nature::Flow);
    flows
        .map(|(_, reading)| match reading {
            // The total of a span that is over says nothing of the time after it.
            Reading::PeriodTotal { span, at, .. } => span.end().min(*at).get(),
            reading => reading.at().get(),
        })
        .max()
}

/// Whether all that an account was told to have moved are totals of spans that are over.
pub fn is_of_the_past(harvested: &Harvested) -> bool {
    let mut flows = harvested.readings.iter().filter(|(meter, _)| meter.nature() == Nature::Flow);
    flows.all(|(_, reading)| matches!(reading, Reading::PeriodTotal { span, at, .. } if span.end() <= *at))
}

/// Harvests settled one after the other, as the collector does it.
pub struct Ledger {
    pub book: Book,
    pub rules: SettleRules,
    /// Bytes by account and meter, all days together.
    pub sums: BTreeMap<(String, Meter), i128>,
    pub notes: Vec<&'static str>,
}

impl Ledger {
    pub fn new() -> Ledger {
        let zone = whmeter::domain::BillingZone::parse("Europe/Warsaw").unwrap();
        let rules =
            SettleRules { zone, max_gap: whmeter::domain::Seconds::hours(26), bounds: Bounds::default() };
        Ledger { book: Book::default(), rules, sums: BTreeMap::new(), notes: Vec::new() }
    }

    pub fn take(&mut self, harvest: &Harvest, at: i64) {
        let settled = settle(&self.book, harvest, instant(at), &self.rules);
        let after = self.book.after(&settled);
        for change in &settled.changes {
            let key = (after.lives[&change.life].name.to_string(), change.meter);
            *self.sums.entry(key).or_default() += change.days.values().map(|day| day.added).sum::<i128>();
        }
        self.notes.extend(settled.notes.iter().map(|noted| noted.note.name()));
        self.book = after;
    }

    /// What the panel has told so far, as the next poll is lent it.
    pub fn heard(&self) -> Heard {
        Heard::new(Arc::new(self.book.clone()), BTreeMap::new())
    }

    /// Bytes in and out of one account.
    pub fn moved(&self, name: &str) -> (i128, i128) {
        (self.sum(name, Meter::TrafficIn), self.sum(name, Meter::TrafficOut))
    }

    /// Bytes of one flow of one account.
    pub fn sum(&self, name: &str, meter: Meter) -> i128 {
        self.sums.get(&(name.to_string(), meter)).copied().unwrap_or_default()
    }
}

/// Bytes of one flow that really passed of an account between two instants.
pub fn passed(truth: &Truth, name: &str, from: i64, to: i64, meter: Meter) -> u64 {
    let moved = truth.traffic_between(name, from, to).unwrap();
    match meter {
        Meter::TrafficIn => moved.received,
        Meter::TrafficOut => moved.sent,
        Meter::TrafficTotal => moved.received + moved.sent,
        Meter::StorageUsed => panic!("what is stored does not pass"),
    }
}

/// Bytes that really went in and out of an account between two instants.
pub fn moved(truth: &Truth, name: &str, from: i64, to: i64) -> (i128, i128) {
    let moved = truth.traffic_between(name, from, to).unwrap();
    (moved.received.into(), moved.sent.into())
}

/// The config section of a backend that reaches this panel.
pub fn section(panel: &dyn SimulatedPanel, name: &str, keys: &str) -> String {
    let settings = settings(panel);
    format!("\n[[backend]]\nkind = {:?}\nname = {name:?}\n{settings}{keys}\n", panel.kind())
}
