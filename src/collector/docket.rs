//! What a poll puts before the judge: each account with its rules, its limits, and what is known of its use.

use std::collections::HashMap;
use std::sync::Arc;

use litemap::LiteMap;

use crate::domain::{
    AccountKey, AccountName, BackendId, Bytes, Harvest, Harvested, Limit, Mapping, Meter, Nature, Policy,
    Service, Timestamp,
};
use crate::metering::{Book, LevelBelief, MonthToDate, Rules, Settled};
use crate::quota::{Hold, Judged, SoldAs, Subject, Used, decide, in_force};
use crate::rules::Limits;
use crate::selector::Candidate;
use crate::store::{JudgedPoll, Loaded, MappedTo, ServiceList, Store, StoreError};

/// What the rules ask of an account: its name, its plan, what the panel allows and what was sold.
struct Looked<'a> {
    name: &'a AccountName,
    package: Option<&'a str>,
    /// What the panel allows of each meter, in the order of [`Meter::ALL`].
    panel: [Limit; 4],
    service: Option<&'a Service>,
}

impl Looked<'_> {
    fn candidate<'c>(&'c self, backend: &'c BackendId) -> Candidate<'c> {
        let product = self.service.and_then(|service| service.product.as_deref());
        Candidate { backend, account: self.name, package: self.package, product }
    }

    fn sold_as(&self) -> SoldAs {
        let Some(service) = self.service else { return SoldAs::default() };
        SoldAs {
            product: service.product.clone(),
            template: service.notify_template.clone(),
            limited_template: service.limited_template.clone(),
        }
    }

    /// What the service itself says of a meter's limit.
    fn sold(&self, meter: Meter) -> Limit {
        self.service.map_or(Limit::Unknown, |service| service.limit(meter))
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
        let mut limits = HashMap::with_capacity(harvest.accounts().len());
        let subjects = self.polled(harvest, settled, &mut limits);
        // Whoever is not in the book yet is in the harvest.
        let accounts = self.loaded.present().count().max(harvest.accounts().len());
        let decided = decide(subjects, accounts, self.now);
        JudgedPoll { limits, mapped, decided, channels: &[] }
    }

    /// The accounts a poll has looked at, with what is known of them after it; notes the limits in force of
    /// every one, for whoever shows them.
    fn polled<'h>(
        &'h self,
        harvest: &'h Harvest,
        settled: &'h Settled,
        limits: &'h mut HashMap<AccountName, LiteMap<Meter, Limit>>,
    ) -> impl Iterator<Item = Subject<'a>> + 'h {
        harvest.accounts().iter().filter_map(move |(name, harvested)| {
            let facts = &harvested.facts;
            let known = self.loaded.facts(name);
            let looked = Looked {
                name,
                package: facts.package.as_deref().or(known.and_then(|known| known.package.as_deref())),
                // As it said this time: a limit that it did not tell is unknown.
                panel: Meter::ALL.map(|meter| facts.limit(meter)),
                service: self.sold.service(name),
            };
            let judged = self.judged(&looked);
            limits.insert(name.clone(), known_limits(&judged));
            let suspended = facts.suspended.or(known.and_then(|known| known.suspended));
            let unread = harvested.unread.iter().any(|unread| unread.meter.is_none());
            let used = |meter| {
                is_read(harvested, meter)
                    .then(|| self.used(Belief::after(self.loaded, settled, name, meter)?, meter))?
            };
            // An account that could not be looked at shows nothing, which is not "neither policy".
            let shown = if unread { Some(self.hold(name).wanted) } else { facts.policy };
            self.subject(&looked, judged, suspended == Some(true), shown, used)
        })
    }

    /// Every account as it stands, without asking anybody: what `plan` looks at.
    pub fn standing(&self) -> impl Iterator<Item = Subject<'a>> {
        self.loaded.present().filter_map(move |(name, standing)| {
            let looked = Looked {
                name,
                package: standing.package.as_deref(),
                panel: Meter::ALL.map(|meter| standing.panel_limit(meter)),
                service: self.sold.service(name),
            };
            let judged = self.judged(&looked);
            let fresh = standing.trouble.is_none();
            let used =
                |meter| fresh.then(|| self.used(Belief::before(&self.loaded.book, name, meter)?, meter))?;
            let shown = standing.policy.or(Some(self.hold(name).wanted));
            self.subject(&looked, judged, standing.suspended == Some(true), shown, used)
        })
    }

    fn hold(&self, name: &AccountName) -> Hold {
        self.loaded.holds.get(name).copied().unwrap_or_default()
    }

    /// Every meter of an account with its rule, where it has one, and the limit in force.
    fn judged(&self, looked: &Looked<'_>) -> Vec<Judged<'a>> {
        let candidate = looked.candidate(self.backend);
        let judged = |(meter, panel)| {
            let rule = self.limits.of(&candidate, meter);
            let (limit, _) = in_force(looked.sold(meter), rule.map(|(_, rule)| rule), panel);
            Judged { meter, rule, limit, used: None }
        };
        Meter::ALL.into_iter().zip(looked.panel).map(judged).collect()
    }

    fn subject(
        &self,
        looked: &Looked<'_>,
        mut meters: Vec<Judged<'a>>,
        suspended: bool,
        shown: Option<Policy>,
        used: impl Fn(Meter) -> Option<Used>,
    ) -> Option<Subject<'a>> {
        let crossings = self.loaded.crossings.get(looked.name);
        let hold = self.hold(looked.name);
        let is_crossed =
            |meter| crossings.is_some_and(|all| all.keys().any(|(crossed, _)| *crossed == meter));
        // What was crossed under a rule that is gone has to end.
        meters.retain(|judged| judged.rule.is_some() || is_crossed(judged.meter));
        if meters.is_empty() && crossings.is_none() && hold == Hold::default() {
            return None;
        }
        for judged in &mut meters {
            judged.used = used(judged.meter);
            if judged.rule.is_none() {
                judged.limit = Limit::Unknown;
            }
        }
        let ours = self.by_suspending && hold.wanted == Policy::Limited;
        Some(Subject {
            account: AccountKey { backend: self.backend.clone(), name: looked.name.clone() },
            suspended: suspended && !ours,
            shown,
            sold: looked.sold_as(),
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

/// The limits in force that are known.
fn known_limits(judged: &[Judged<'_>]) -> LiteMap<Meter, Limit> {
    let known = judged.iter().filter(|judged| judged.limit.is_known());
    known.map(|judged| (judged.meter, judged.limit)).collect()
}
