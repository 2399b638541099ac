//! What a poll puts before the judge: each account with its rules, its limits, and what is known of its use.

use std::collections::HashMap;

use litemap::LiteMap;

use super::owners::Sold;
use crate::domain::{
    AccountKey, AccountName, BackendId, Bytes, Harvest, Harvested, Labels, LifeNo, Limit, Meter, Nature,
    Policy, Seconds, Service,
};
use crate::metering::{Book, Life};
use crate::quota::{
    Besides, Crossings, Decided, Hold, Judged, Origin, SoldAs, Subject, Used, decide, in_force, would_limit,
};
use crate::rules::Limits;
use crate::selector::Candidate;
use crate::standing::{self, AccountStanding, MappedTo, Moment, SeriesStanding, Together};
use crate::store::{JudgedPoll, Loaded};

/// What the rules ask of an account: its name, its plan and reseller, what the panel allows and what was sold.
struct AccountView<'a> {
    name: &'a AccountName,
    life: &'a Life,
    labels: Labels<'a>,
    /// What the panel allows of each meter, in the order of [`Meter::ALL`].
    panel: [Limit; 4],
    service: Option<&'a Service>,
}

impl AccountView<'_> {
    fn candidate<'c>(&'c self, backend: &'c BackendId) -> Candidate<'c> {
        let product = self.service.and_then(|service| service.product.as_deref());
        Candidate { backend, account: self.name, labels: self.labels, product }
    }

    fn sold_as(&self) -> SoldAs {
        let Some(service) = self.service else { return SoldAs::default() };
        SoldAs {
            product: service.product.clone(),
            template: service.notify_template.clone(),
            limited_template: service.limited_template.clone(),
            warn_at: service.warn_at,
        }
    }

    /// What the service itself says of a meter's limit.
    fn sold(&self, meter: Meter) -> Limit {
        self.service.map_or(Limit::Unknown, |service| service.limit(meter))
    }
}

/// A poll put before the judge.
pub struct Evaluation<'a> {
    /// The rules.
    pub limits: &'a Limits,
    /// Which backend was polled.
    pub backend: &'a BackendId,
    /// What was believed and decided before.
    pub loaded: &'a Loaded,
    /// What is believed now.
    pub book: &'a Book,
    /// When it was asked; what is older than a gap is not known.
    pub moment: Moment,
    /// Whether this backend limits accounts by switching them off.
    pub by_suspending: bool,
    /// What WHMCS sells, where it has sent it.
    pub sold: &'a Sold,
    /// Whether an operator waits for it.
    pub by_hand: bool,
}

/// What the panel enforces of an account, and whether that is not quite ours.
type Enforced = (Option<Policy>, bool);

/// The lives of a backend by the services that own them, or had something of them.
type LivesOfServices<'a> = HashMap<i64, Vec<(LifeNo, &'a Life)>>;

/// How far back the brake counts.
const BRAKE_LOOKS_BACK: Seconds = Seconds::hours(24);

/// Whom the brake counts together with those that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// None: an operator has asked for this account by itself.
    None,
    /// Whoever was limited within a day.
    LimitedOfLate,
    /// Those, and whoever would be limited as he stands.
    All,
}

impl<'a> Evaluation<'a> {
    /// What a poll means for limits.
    pub fn judge(
        &self,
        harvest: &Harvest,
        beside: Beside,
        mapped: HashMap<AccountName, MappedTo>,
    ) -> JudgedPoll<'static> {
        let mut limits = HashMap::with_capacity(harvest.accounts().len());
        let mut together = HashMap::new();
        let lives = self.lives_of_services();
        let subjects = self.polled(harvest, &lives, &mut limits, &mut together);
        let mut besides = match beside {
            Beside::None => Besides::new(),
            Beside::LimitedOfLate | Beside::All => self.limited_of_late(),
        };
        if beside == Beside::All {
            let others =
                self.standing(&lives).filter(|one| !harvest.accounts().contains_key(&one.account.name));
            for (number, count) in would_limit(others, self.moment.now) {
                *besides.entry(number).or_default() += count;
            }
        }
        let decided = decide(subjects, self.accounts(), &besides, self.moment.now);
        JudgedPoll { limits, together, mapped, decided, channels: &[] }
    }

    /// What would be decided of every account as it stands, without asking anybody.
    pub fn plan(&self) -> Decided {
        let lives = self.lives_of_services();
        decide(self.standing(&lives), self.accounts(), &self.limited_of_late(), self.moment.now)
    }

    /// How many accounts the backend has.
    fn accounts(&self) -> usize {
        let newest = self.book.names.values().filter_map(|no| self.book.lives.get(no));
        newest.filter(|life| life.ended.is_none()).count()
    }

    /// How many accounts each rule has limited within a day, poll by poll or one by one by recalculations: what lies a
    /// little at a time is no less wrong than what lies at once.
    fn limited_of_late(&self) -> Besides {
        let mut besides = Besides::new();
        let since = self.moment.now.minus(BRAKE_LOOKS_BACK);
        for (name, _) in self.loaded.holds.iter().filter(|(_, hold)| hold.wanted == Policy::Limited) {
            let Some(life) = self.book.life(name) else { continue };
            let Some(crossings) = self.loaded.crossings.get(&life.holding().no) else { continue };
            let facts = self.loaded.facts(name);
            let labels = facts.map(AccountStanding::labels).unwrap_or_default();
            let looked = self.looked(name, life, labels, |_| Limit::Unknown);
            let candidate = looked.candidate(self.backend);
            let rules =
                Meter::ALL.into_iter().filter_map(|meter| Some((meter, self.limits.of(&candidate, meter)?)));
            for (meter, (number, rule)) in rules {
                let limited = crossings.iter().any(|((of, threshold), crossing)| {
                    let began = crossing.since.is_some_and(|at| at > since);
                    *of == meter && began && rule.limits_at(*threshold)
                });
                if limited {
                    *besides.entry(number).or_default() += 1;
                }
            }
        }
        besides
    }

    /// The accounts a poll has looked at, with what is known of them after it; notes the limits in force of
    /// every one, for whoever shows them.
    fn polled<'h>(
        &'h self,
        harvest: &'h Harvest,
        lives: &'h LivesOfServices<'a>,
        limits: &'h mut HashMap<AccountName, LiteMap<Meter, Limit>>,
        together: &'h mut HashMap<AccountName, LiteMap<Meter, standing::Judged>>,
    ) -> impl Iterator<Item = Subject<'a>> + 'h {
        harvest.accounts().iter().filter_map(move |(name, harvested)| {
            let facts = &harvested.facts;
            let life = self.book.life(name)?;
            let known = self.loaded.facts(name);
            let known_labels = known.map(AccountStanding::labels).unwrap_or_default();
            let labels = Labels {
                package: facts.package.as_deref().or(known_labels.package),
                reseller: facts.reseller.as_deref().or(known_labels.reseller),
            };
            // As the panel said this time: a limit that it did not report is unknown.
            let looked = self.looked(name, life, labels, |meter| facts.limit(meter));
            let judged = self.judged(&looked);
            limits.insert(name.clone(), known_limits(&judged));
            let suspended = facts.suspended.or(known.and_then(|known| known.suspended));
            let unread = harvested.unread.iter().any(|unread| unread.meter.is_none());
            let sums =
                self.sums(life, lives, &judged, |life, meter| match harvest.accounts().get(&life.name) {
                    // Of a meter that its panel never reported nothing can be missing, but where it says so.
                    Some(harvested) if self.is_newest(life) && !life.series.contains_key(&meter) => {
                        !is_unread(harvested, meter)
                    }
                    Some(harvested) if self.is_newest(life) => is_read(harvested, meter),
                    _ => self.was_read(life),
                });
            let shared: LiteMap<Meter, standing::Judged> =
                sums.iter().filter_map(|(meter, sum)| Some((*meter, sum.judged()?))).collect();
            if !shared.is_empty() {
                together.insert(name.clone(), shared);
            }
            let used = |meter| match sums.get(&meter) {
                Some(sum) => self.used_together(meter, sum),
                None => is_read(harvested, meter).then(|| self.used(life, meter))?,
            };
            // An account that could not be looked at shows nothing, which is not "neither policy".
            let shown = match unread {
                true => self.as_believed(name, Some(self.hold(name).wanted)),
                false => (facts.policy, facts.policy_differs),
            };
            self.subject(&looked, judged, suspended == Some(true), shown, used)
        })
    }

    /// Every account as it stands.
    fn standing<'h>(&'h self, lives: &'h LivesOfServices<'a>) -> impl Iterator<Item = Subject<'a>> + 'h {
        self.loaded.present().filter_map(move |(name, life, standing)| {
            let looked = self.looked(name, life, standing.labels(), |meter| standing.panel_limit(meter));
            let judged = self.judged(&looked);
            let fresh = standing.trouble.is_none();
            let sums = self.sums(life, lives, &judged, |life, _| self.was_read(life));
            let used = |meter| match sums.get(&meter) {
                Some(sum) => self.used_together(meter, sum),
                None => fresh.then(|| self.used(life, meter))?,
            };
            let shown = self.as_believed(name, standing.policy.or(Some(self.hold(name).wanted)));
            self.subject(&looked, judged, standing.suspended == Some(true), shown, used)
        })
    }

    fn looked<'l>(
        &'l self,
        name: &'l AccountName,
        life: &'l Life,
        labels: Labels<'l>,
        panel: impl Fn(Meter) -> Limit,
    ) -> AccountView<'l> {
        AccountView { name, life, labels, panel: Meter::ALL.map(panel), service: self.sold.service_of(life) }
    }

    /// What is enforced where it was not read: what differed then differs still.
    fn as_believed(&self, name: &AccountName, shown: Option<Policy>) -> Enforced {
        (shown, self.hold(name).left_alone)
    }

    fn hold(&self, name: &AccountName) -> Hold {
        self.loaded.holds.get(name).copied().unwrap_or_default()
    }

    /// Every meter of an account with its rule, where it has one, and the limit in force.
    fn judged(&self, looked: &AccountView<'_>) -> Vec<(Judged<'a>, Origin)> {
        let candidate = looked.candidate(self.backend);
        let known = self.loaded.facts(looked.name);
        let judged = |(meter, panel)| {
            let rule = self.limits.of(&candidate, meter);
            let (limit, origin) = in_force(looked.sold(meter), rule.map(|(_, rule)| rule), panel);
            let raised = match (known.and_then(|known| known.limits.get(&meter).copied()), limit) {
                (Some(Limit::UpTo(before)), Limit::UpTo(now)) => now > before,
                (Some(Limit::UpTo(_)), Limit::Unlimited) => true,
                _ => false,
            };
            (Judged { meter, rule, limit, raised, used: None }, origin)
        };
        Meter::ALL.into_iter().zip(looked.panel).map(judged).collect()
    }

    fn subject(
        &self,
        looked: &AccountView<'_>,
        meters: Vec<(Judged<'a>, Origin)>,
        suspended: bool,
        (shown, differs): Enforced,
        used: impl Fn(Meter) -> Option<Used>,
    ) -> Option<Subject<'a>> {
        let mut meters: Vec<Judged<'a>> = meters.into_iter().map(|(judged, _)| judged).collect();
        let holding = looked.life.holding().no;
        let crossings: Option<&Crossings> = self.loaded.crossings.get(&holding);
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
        // WHMCS suspends by the same call as we do: while it says so, the account is as it wants it.
        let by_whmcs = looked.service.is_some_and(Service::is_suspended);
        let ours = self.by_suspending && hold.wanted == Policy::Limited && !by_whmcs;
        Some(Subject {
            account: AccountKey { backend: self.backend.clone(), name: looked.name.clone() },
            holding,
            suspended: suspended && !ours,
            shown,
            differs,
            by_hand: self.by_hand,
            sold: looked.sold_as(),
            meters,
            crossings: crossings.cloned().unwrap_or_default(),
            hold,
        })
    }

    /// The lives of this backend by the services that own them, or had something of them.
    fn lives_of_services(&self) -> LivesOfServices<'a> {
        let mut lives: LivesOfServices<'a> = HashMap::new();
        for (no, life) in &self.book.lives {
            let parts = life.holdings.iter().flat_map(|holding| &holding.parts);
            let mut services: Vec<i64> = parts.filter_map(|part| part.owner.service()).collect();
            services.sort_unstable();
            services.dedup();
            for service in services {
                lives.entry(service).or_default().push((*no, life));
            }
        }
        lives
    }

    fn is_newest(&self, life: &Life) -> bool {
        self.book.life(&life.name).is_some_and(|newest| newest.nth == life.nth)
    }

    /// Whether an account was read in full when it was asked for last.
    fn was_read(&self, life: &Life) -> bool {
        self.loaded.facts(&life.name).is_none_or(|known| known.trouble.is_none())
    }

    /// What the accounts of a life's service have together, of each meter whose limit in force is the service's.
    fn sums(
        &self,
        life: &Life,
        lives: &LivesOfServices<'_>,
        judged: &[(Judged<'_>, Origin)],
        is_read: impl Fn(&Life, Meter) -> bool,
    ) -> LiteMap<Meter, Together> {
        let owner = life.owner();
        let Some(service) = owner.service() else { return LiteMap::new() };
        let of_life = |one: &Life, meter: Meter| {
            let mut sum = Together::default();
            sum.add_life(one, owner, meter, is_read(one, meter), &self.moment);
            sum
        };
        let of_other = |one: &AccountStanding, meter: Meter| {
            let mut sum = Together::default();
            sum.add_account(one, owner, meter, &self.moment);
            sum
        };
        let ways = |[incoming, outgoing]: [Together; 2]| incoming.both_ways(&outgoing);
        let sum = |meter: Meter| {
            // Each account by itself: whose panel reports no total moves what passes in both directions.
            let is_total = meter == Meter::TrafficTotal;
            let mut all = Together::default();
            for (_, one) in lives.get(&service).into_iter().flatten() {
                let apart = is_total && !one.series.contains_key(&meter);
                all = all.and(&match apart {
                    true => ways(Meter::DIRECTIONS.map(|direction| of_life(one, direction))),
                    false => of_life(one, meter),
                });
            }
            for one in self.sold.others(service) {
                let apart = is_total && one.meter(meter).is_none();
                all = all.and(&match apart {
                    true => ways(Meter::DIRECTIONS.map(|direction| of_other(one, direction))),
                    false => of_other(one, meter),
                });
            }
            (meter, all)
        };
        let sold = judged.iter().filter(|(_, origin)| *origin == Origin::Sold);
        sold.map(|(judged, _)| sum(judged.meter)).collect()
    }

    /// A service's use before the judge; `None` where nothing of it is known.
    fn used_together(&self, meter: Meter, sum: &Together) -> Option<Used> {
        let month = (meter.nature() == Nature::Flow).then_some(self.moment.month);
        let Together { certain, shown, accounts, .. } = *sum;
        sum.is_known().then(|| Used { certain, shown, month, whole: sum.is_whole(), accounts })
    }

    /// What is known of the use of a meter; `None` where it is too old.
    fn used(&self, life: &Life, meter: Meter) -> Option<Used> {
        if meter == Meter::TrafficTotal && !life.series.contains_key(&meter) {
            let [incoming, outgoing] = Meter::DIRECTIONS.map(|direction| self.used(life, direction));
            return Some(incoming?.both_ways(outgoing?));
        }
        let month = life.holding().parts.last().and_then(|part| part.months.get(&meter).copied());
        let series = SeriesStanding::of(meter, life.series.get(&meter)?, month)?;
        match meter.nature() {
            Nature::Level => {
                let level = series.known(&self.moment).ok()?;
                Some(Used { certain: level, shown: level, month: None, whole: true, accounts: 1 })
            }
            Nature::Flow => {
                let month = series.running(&self.moment).ok()?;
                let certain = month.amount.checked_sub(month.estimated).unwrap_or(Bytes::ZERO);
                Some(Used {
                    certain,
                    shown: month.amount,
                    month: Some(month.month),
                    whole: true,
                    accounts: 1,
                })
            }
        }
    }
}

/// Whether a meter was read in full this time; a total that is not reported, by both directions.
fn is_read(harvested: &Harvested, meter: Meter) -> bool {
    let read = harvested.readings.iter().any(|(of, _)| *of == meter);
    if meter == Meter::TrafficTotal && !read {
        return Meter::DIRECTIONS.into_iter().all(|direction| is_read(harvested, direction));
    }
    read && !is_unread(harvested, meter)
}

/// Whether something of a meter could not be read this time.
fn is_unread(harvested: &Harvested, meter: Meter) -> bool {
    harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter))
}

/// The limits in force that are known.
fn known_limits(judged: &[(Judged<'_>, Origin)]) -> LiteMap<Meter, Limit> {
    let known = judged.iter().map(|(judged, _)| judged).filter(|judged| judged.limit.is_known());
    known.map(|judged| (judged.meter, judged.limit)).collect()
}
