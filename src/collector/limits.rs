//! The `[[limit]]` rules: which one is an account's, and what a poll puts before the judge.

use std::collections::HashMap;
use std::sync::Arc;

use globset::{Glob, GlobMatcher};
use litemap::LiteMap;
use serde::Deserialize;

use crate::domain::{
    AccountKey, AccountName, BackendId, Bytes, Harvest, Harvested, Mapping, Meter, Nature, Policy, Seconds,
    Service, Timestamp,
};
use crate::metering::{Book, LevelBelief, MonthToDate, Rules, Settled};
use crate::quota::{Allowed, Brake, Crossings, Hold, Judged, Rule, Size, Subject, Used, Wording, decide};
use crate::settings::{self, Period, SettingsError};
use crate::store::{JudgedPoll, Loaded, MappedTo, ServiceList, Store, StoreError};

/// One `[[limit]]`.
#[derive(Clone, Debug, Deserialize)]
pub struct LimitSettings {
    /// Backends it is for, as a glob.
    #[serde(default = "all")]
    pub backend: String,
    /// Accounts it is for, as a glob.
    #[serde(default = "all")]
    pub account: String,
    /// Plans it is for, by the panel's name, as a glob.
    #[serde(default = "all")]
    pub package: String,
    /// Products it is for, by WHMCS's name, as a glob.
    #[serde(default = "all")]
    pub product: String,
    /// `storage`, `traffic_in`, `traffic_out` or `traffic_total`.
    pub meter: String,
    /// `"100 GiB"`, `"panel"`, `"whmcs"`, or `"unlimited"`.
    pub size: String,
    /// Percentages that are told.
    #[serde(default)]
    pub notify_at: Vec<u32>,
    /// The percentage at which the account is limited; absent never limits.
    #[serde(default)]
    pub limit_at: Option<u32>,
    /// The percentage below which it is restored; five less than `limit_at` where absent.
    #[serde(default)]
    pub restore_below: Option<u32>,
    /// How often a standing crossing is told again.
    #[serde(default)]
    pub remind_every: Option<Period>,
    /// `"10%"` of a backend's accounts, or a number of them.
    #[serde(default)]
    pub max_limited_at_once: Option<toml::Value>,
    /// The WHMCS template of notices.
    #[serde(default)]
    pub template: Option<String>,
    /// The WHMCS template that says an account was limited.
    #[serde(default)]
    pub limited_template: Option<String>,
    /// The WHMCS template that says it was restored; without one WHMCS sends none.
    #[serde(default)]
    pub restored_template: Option<String>,
    /// Who gets mail that does not go through WHMCS, where not as `[notify.smtp]` says.
    #[serde(default)]
    pub mail_to: Vec<String>,
}

fn all() -> String {
    "*".into()
}

/// The largest percentage that can be meant.
const MOST_PERCENT: u32 = 10_000;

/// One rule and whom it is for.
#[derive(Clone, Debug)]
pub struct Limit {
    meter: Meter,
    backend: GlobMatcher,
    account: GlobMatcher,
    package: GlobMatcher,
    product: GlobMatcher,
    rule: Rule,
}

/// Every rule, in the order of the config: of those for a meter, the first that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Limits(Vec<Limit>);

impl Limit {
    /// Checks one section.
    pub fn new(settings: &LimitSettings) -> Result<Limit, SettingsError> {
        let glob = |key: &str, pattern: &str| {
            let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
            glob.map_err(|error| SettingsError::new(key, error.to_string()))
        };
        let meter = settings.meter.parse();
        let meter: Meter = meter
            .map_err(|error: crate::domain::UnknownMeter| SettingsError::new("meter", error.to_string()))?;
        Ok(Limit {
            meter,
            backend: glob("backend", &settings.backend)?,
            account: glob("account", &settings.account)?,
            package: glob("package", &settings.package)?,
            product: glob("product", &settings.product)?,
            rule: rule(settings, meter)?,
        })
    }

    /// Whether the rule can limit accounts of this backend.
    pub fn limits(&self, backend: &BackendId) -> bool {
        self.rule.limit_at.is_some() && self.backend.is_match(backend.as_str())
    }

    /// The WHMCS templates it names.
    pub fn templates(&self) -> impl Iterator<Item = &String> {
        let Wording { template, limited_template, restored_template, .. } = &self.rule.wording;
        [template, limited_template, restored_template].into_iter().flatten()
    }
}

fn rule(settings: &LimitSettings, meter: Meter) -> Result<Rule, SettingsError> {
    let percent = |key: &str, percent: u32| match percent {
        1..=MOST_PERCENT => Ok(percent),
        _ => Err(SettingsError::new(
            key,
            format!("{percent}: expected percent of the limit, 1 to {MOST_PERCENT}"),
        )),
    };
    let mut notify_at = Vec::new();
    for threshold in &settings.notify_at {
        notify_at.push(percent("notify_at", *threshold)?);
    }
    notify_at.sort_unstable();
    notify_at.dedup();
    let limit_at = settings.limit_at.map(|at| percent("limit_at", at)).transpose()?;
    let restore_below = match (settings.restore_below, limit_at) {
        (Some(below), Some(at)) if below >= at => {
            let problem = format!("{below} has to be below limit_at ({at}), or accounts would flap");
            return Err(SettingsError::new("restore_below", problem));
        }
        (Some(_), None) => {
            let problem = "nothing is restored where nothing is limited; give limit_at too";
            return Err(SettingsError::new("restore_below", problem));
        }
        (Some(below), Some(_)) => percent("restore_below", below)?,
        (None, at) => at.unwrap_or(100).saturating_sub(5).max(1),
    };
    if notify_at.is_empty() && limit_at.is_none() {
        let problem = "the rule does nothing; give notify_at = [80, 90] or limit_at = 100";
        return Err(SettingsError::new("notify_at", problem));
    }
    let size = size(&settings.size)?;
    if size == Size::Panel && meter != Meter::StorageUsed {
        let problem = "\"panel\": panels tell limits of storage only; give a size or \"whmcs\"";
        return Err(SettingsError::new("size", problem));
    }
    Ok(Rule {
        size,
        notify_at,
        limit_at,
        restore_below,
        remind_every: settings.remind_every.map(|every| Seconds::new(every.0.as_secs())),
        brake: brake(settings.max_limited_at_once.as_ref())?,
        wording: Wording {
            template: settings.template.clone(),
            limited_template: settings.limited_template.clone(),
            restored_template: settings.restored_template.clone(),
            mail_to: mail_to(&settings.mail_to)?,
        },
    })
}

fn size(text: &str) -> Result<Size, SettingsError> {
    let wrong = |problem: String| SettingsError::new("size", problem);
    match text.trim() {
        "panel" => Ok(Size::Panel),
        "whmcs" => Ok(Size::Whmcs),
        "unlimited" | "0" => Ok(Size::Fixed(Bytes::ZERO)),
        size => {
            let parsed = size
                .parse::<settings::Size>()
                .map_err(|error| wrong(format!("{error}; or \"panel\", \"whmcs\" or \"unlimited\"")))?;
            Bytes::new(parsed.0).map(Size::Fixed).map_err(|error| wrong(error.to_string()))
        }
    }
}

fn brake(value: Option<&toml::Value>) -> Result<Brake, SettingsError> {
    let expected = || {
        let problem = "expected percent of a backend's accounts like \"10%\", or a number of accounts";
        SettingsError::new("max_limited_at_once", problem)
    };
    match value {
        None => Ok(Brake::Usual),
        Some(toml::Value::Integer(count)) => {
            usize::try_from(*count).map(Brake::Count).map_err(|_| expected())
        }
        Some(toml::Value::String(text)) => match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(Brake::Percent).map_err(|_| expected()),
            None => text.trim().parse().map(Brake::Count).map_err(|_| expected()),
        },
        Some(_) => Err(expected()),
    }
}

fn mail_to(addresses: &[String]) -> Result<Vec<String>, SettingsError> {
    for address in addresses {
        let is_one = address.split('@').count() == 2 && !address.contains([',', ' ', '<', '>']);
        if !is_one {
            let problem = format!("{address:?} is not a plain address like ops@example.net");
            return Err(SettingsError::new("mail_to", problem));
        }
    }
    Ok(addresses.to_vec())
}

/// The policy the panel shows and what else it tells of an account, and what is believed of it.
struct Looked<'a> {
    name: &'a AccountName,
    package: Option<&'a str>,
    storage_limit: Option<Bytes>,
    service: Option<&'a Service>,
}

impl Looked<'_> {
    fn product(&self) -> Option<&str> {
        self.service?.product.as_deref()
    }

    /// What the service itself says of a meter's limit.
    fn sold(&self, meter: Meter) -> Option<Allowed> {
        self.service?.limits.get(&meter).map(|limit| Allowed::of(*limit))
    }
}

impl Limits {
    /// The rules in the order of the config.
    pub fn new(limits: Vec<Limit>) -> Limits {
        Limits(limits)
    }

    /// Whether there are none, so that nothing need be judged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter()
    }

    fn of(&self, backend: &BackendId, looked: &Looked<'_>, meter: Meter) -> Option<(usize, &Rule)> {
        let mut rules = self.0.iter().enumerate();
        let found = rules.find(|(_, limit)| {
            limit.meter == meter
                && limit.backend.is_match(backend.as_str())
                && limit.account.is_match(looked.name.as_str())
                && limit.package.is_match(looked.package.unwrap_or_default())
                && limit.product.is_match(looked.product().unwrap_or_default())
        });
        found.map(|(number, limit)| (number, &limit.rule))
    }

    /// The meters of an account that have a rule, with the limit in force.
    fn in_force<'a>(&'a self, backend: &BackendId, looked: &Looked<'_>) -> Vec<Judged<'a>> {
        let judged = |meter| {
            let rule = self.of(backend, looked, meter)?;
            let panel = looked.storage_limit.filter(|_| meter == Meter::StorageUsed);
            Some(Judged {
                meter,
                rule: Some(rule),
                limit: rule.1.limit(looked.sold(meter), panel),
                used: None,
            })
        };
        Meter::ALL.into_iter().filter_map(judged).collect()
    }
}

/// A poll put before the judge.
pub struct Docket<'a> {
    /// The rules.
    pub limits: &'a Limits,
    /// Which backend was polled.
    pub backend: &'a BackendId,
    /// What was believed and decided before.
    pub loaded: &'a Loaded,
    /// When it was asked.
    pub now: Timestamp,
    /// What days and ages mean.
    pub rules: &'a Rules,
    /// Whether this backend limits accounts by switching them off.
    pub by_suspending: bool,
    /// What WHMCS sells, where it has told us.
    pub sold: &'a Sold,
}

/// The services of a backend's WHMCS server, and those pinned to its accounts by hand.
#[derive(Clone, Debug, Default)]
pub struct Sold {
    /// The server's services; `None` until WHMCS has told them.
    pub list: Option<Arc<ServiceList>>,
    /// Services by account, where an operator has said so.
    pub pinned: HashMap<AccountName, i64>,
}

impl Sold {
    /// What is known of a backend's services.
    pub async fn of(store: &Store, backend: &BackendId, server: Option<i64>) -> Result<Sold, StoreError> {
        let Some(server) = server else { return Ok(Sold::default()) };
        let list = store.services(server).await?;
        let pinned = match &list {
            Some(_) => store.pinned_services(backend).await?,
            None => HashMap::new(),
        };
        Ok(Sold { list, pinned })
    }

    /// The service of an account; `None` until WHMCS has told its services.
    pub fn find(&self, name: &AccountName) -> Option<(Mapping, Option<&Service>)> {
        Some(self.list.as_ref()?.services.find(name, self.pinned.get(name).copied()))
    }

    fn service(&self, name: &AccountName) -> Option<&Service> {
        self.find(name)?.1
    }
}

impl<'a> Docket<'a> {
    /// What a poll means for limits.
    pub fn judge(&self, harvest: &Harvest, settled: &Settled) -> JudgedPoll<'static> {
        let names = harvest.accounts().keys();
        let mapped = names.filter_map(|name| Some((name.clone(), MappedTo::of(self.sold.find(name)?))));
        let mapped = mapped.collect();
        if self.limits.is_empty() && self.loaded.crossings.is_empty() && self.loaded.holds.is_empty() {
            return JudgedPoll { mapped, ..JudgedPoll::default() };
        }
        let mut limits = HashMap::new();
        let subjects = self.polled(harvest, settled).inspect(|subject| {
            limits.insert(subject.account.name.clone(), in_force(subject));
        });
        // Whoever is not in the book yet is in the harvest.
        let accounts = self.loaded.present().count().max(harvest.accounts().len());
        let decided = decide(subjects, accounts, self.now);
        JudgedPoll { limits, mapped, decided, channels: &[] }
    }

    /// The accounts a poll has looked at, with what is known of them after it.
    fn polled<'h>(
        &'h self,
        harvest: &'h Harvest,
        settled: &'h Settled,
    ) -> impl Iterator<Item = Subject<'a>> + 'h {
        harvest.accounts().iter().filter_map(move |(name, harvested)| {
            let facts = &harvested.facts;
            let known = self.loaded.facts(name);
            let looked = Looked {
                name,
                package: facts.package.as_deref().or(known.and_then(|known| known.package.as_deref())),
                storage_limit: facts.storage_limit,
                service: self.sold.service(name),
            };
            let suspended = facts.suspended.or(known.and_then(|known| known.suspended));
            let unread = harvested.unread.iter().any(|unread| unread.meter.is_none());
            let used = |meter| {
                is_read(harvested, meter)
                    .then(|| self.used(Belief::after(self.loaded, settled, name, meter)?, meter))?
            };
            // An account that could not be looked at shows nothing, which is not "neither policy".
            let shown = if unread { Some(self.hold(name).wanted) } else { facts.policy };
            self.subject(&looked, suspended == Some(true), shown, used)
        })
    }

    /// Every account as it stands, without asking anybody: what `plan` looks at.
    pub fn standing(&self) -> impl Iterator<Item = Subject<'a>> {
        self.loaded.present().filter_map(move |(name, standing)| {
            let looked = Looked {
                name,
                package: standing.package.as_deref(),
                storage_limit: standing.storage_limit,
                service: self.sold.service(name),
            };
            let fresh = standing.trouble.is_none();
            let used =
                |meter| fresh.then(|| self.used(Belief::before(&self.loaded.book, name, meter)?, meter))?;
            let shown = standing.policy.or(Some(self.hold(name).wanted));
            self.subject(&looked, standing.suspended == Some(true), shown, used)
        })
    }

    fn hold(&self, name: &AccountName) -> Hold {
        self.loaded.holds.get(name).copied().unwrap_or_default()
    }

    fn subject(
        &self,
        looked: &Looked<'_>,
        suspended: bool,
        shown: Option<Policy>,
        used: impl Fn(Meter) -> Option<Used>,
    ) -> Option<Subject<'a>> {
        let mut meters = self.limits.in_force(self.backend, looked);
        let crossings = self.loaded.crossings.get(looked.name);
        let hold = self.hold(looked.name);
        if meters.is_empty() && crossings.is_none() && hold == Hold::default() {
            return None;
        }
        // What was crossed under a rule that is gone has to end.
        for (meter, _) in crossings.into_iter().flat_map(Crossings::keys) {
            if !meters.iter().any(|judged| judged.meter == *meter) {
                meters.push(Judged { meter: *meter, rule: None, limit: None, used: None });
            }
        }
        for judged in &mut meters {
            judged.used = used(judged.meter);
        }
        let ours = self.by_suspending && hold.wanted == Policy::Limited;
        Some(Subject {
            account: AccountKey { backend: self.backend.clone(), name: looked.name.clone() },
            suspended: suspended && !ours,
            shown,
            product: looked.product().map(str::to_string),
            meters,
            crossings: crossings.cloned().unwrap_or_default(),
            hold,
        })
    }

    /// What is known of the use of a meter; `None` where it is too old.
    fn used(&self, belief: Belief, meter: Meter) -> Option<Used> {
        let fresh = |at: Timestamp| self.now.since(at) <= self.rules.max_gap;
        belief.at.filter(|at| fresh(*at))?;
        match meter.nature() {
            Nature::Level => {
                let LevelBelief { level, .. } = belief.level?;
                Some(Used { certain: level, told: level, month: None })
            }
            Nature::Flow => {
                let running = self.rules.zone.day_of(self.now).month();
                // Read last before the month began: of the running one nothing is known.
                let month = belief.month.filter(|month| month.month == running)?;
                let certain = month.amount.checked_sub(month.estimated).unwrap_or(Bytes::ZERO);
                Some(Used { certain, told: month.amount, month: Some(running) })
            }
        }
    }
}

/// Whether a meter was read in full this time.
fn is_read(harvested: &Harvested, meter: Meter) -> bool {
    let read = harvested.readings.iter().any(|(of, _)| *of == meter);
    read && !harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter))
}

/// What is believed of one series.
#[derive(Clone, Copy)]
struct Belief {
    at: Option<Timestamp>,
    level: Option<LevelBelief>,
    month: Option<MonthToDate>,
}

impl Belief {
    fn before(book: &Book, name: &AccountName, meter: Meter) -> Option<Belief> {
        let series = book.accounts.get(name)?.get(&meter)?;
        Some(Belief { at: series.at, level: series.level, month: series.month })
    }

    fn after(loaded: &Loaded, settled: &Settled, name: &AccountName, meter: Meter) -> Option<Belief> {
        let changed =
            settled.changes.binary_search_by(|change| (&change.account, change.meter).cmp(&(name, meter)));
        match changed {
            Ok(found) => {
                let change = &settled.changes[found];
                Some(Belief { at: change.at, level: change.level, month: change.month })
            }
            Err(_) => Belief::before(&loaded.book, name, meter),
        }
    }
}

/// The limits in force after a poll, of everybody it judged.
fn in_force(subject: &Subject<'_>) -> LiteMap<Meter, Bytes> {
    subject.meters.iter().filter_map(|judged| Some((judged.meter, judged.limit?))).collect()
}
