//! Plesk: bytes stored per subscription, and bytes in and out per day, from the panel's own nightly statistics.
//!
//! The story of a poll: who is there, what did each of them move on the last days. Two calls for any number of
//! subscriptions, and once a day two more for the names of plans and resellers. Read `README.md` beside this file for
//! rights and quirks.

mod check;
mod history;
mod names;
mod panel;
mod refusal;
mod request;
mod settings;
mod sites;
mod status;
mod subscription;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod window;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use self::names::KeptNames;
use self::panel::Panel;
use self::refusal::CallFailure;
use self::request::{Operation, Which};
use self::settings::{AdditionalSites, PanelConfig};
use self::subscription::{DATASETS, Subscription, unreadable};
use self::traffic::{Days, Evidence, Of};
use self::window::Window;
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, PollRequest, Target, Wants,
};
use crate::domain::{FoundBy, Harvest, Meter, Policy, Reading, Reason, Source, UsageDay};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about Plesk before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "plesk",
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Domain,
    // A server with a network card of 10 Gbit/s, less what it needs itself.
    max_rate: Some(1_000_000_000),
    sample: include_str!("sample.toml"),
    open,
};

/// Statistics run every night: if the newest day is older than this, they do not.
const LATE_DAYS: u64 = 2;

const FLOWS: [Meter; 2] = [Meter::TrafficIn, Meter::TrafficOut];

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = PanelConfig::read(section)?;
    Ok(Box::new(Plesk { panel: Panel::new(http, &config), config, names: KeptNames::default() }))
}

struct Plesk {
    panel: Panel,
    config: PanelConfig,
    names: KeptNames,
}

#[async_trait]
impl Backend for Plesk {
    fn addresses(&self) -> Vec<Url> {
        vec![self.panel.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let which = ask.only.as_ref().map_or(Which::All, |only| Which::Named(only.as_str()));
        let listed = match self.listed(which, &DATASETS).await {
            Err(CallFailure::Refusal(refusal)) if ask.only.is_some() && refusal.is_gone() => return Ok(()),
            listed => listed?,
        };
        listed.warnings.iter().for_each(|warning| harvest.warn(warning.clone()));
        self.put_facts(&listed.subscriptions, ask, harvest).await;
        let window = Window::of_poll(self.config.zone, ask.now, ask.since);
        self.put_traffic(&listed.subscriptions, window, harvest).await?;
        if listed.is_whole && ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Plesk {
    fn by_suspending(&self) -> bool {
        true
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        self.remembered(target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        self.switch(target.account, policy, memory).await
    }
}

/// Subscriptions as they were listed.
#[derive(Debug, Default)]
struct Listed {
    subscriptions: Vec<Subscription>,
    /// Whether nobody can be missing.
    is_whole: bool,
    warnings: Vec<String>,
}

/// What was answered of the traffic of subscriptions, by their numbers.
#[derive(Debug, Default)]
struct Answered {
    days: BTreeMap<u64, Days>,
    refused: BTreeMap<u64, BackendError>,
    /// A refusal that does not say whose it is.
    of_nobody: Option<BackendError>,
}

impl Plesk {
    /// Subscriptions with some of their data. The list is whole only if the panel refused none of it, and everybody in
    /// it can be known by a name of his own.
    async fn listed(&self, which: Which<'_>, datasets: &[&str]) -> Result<Listed, CallFailure> {
        let mut listed = Listed::default();
        let (mut names, mut strange) = (BTreeSet::new(), Vec::new());
        let operation = Operation::subscriptions(which, datasets);
        let refused = self
            .panel
            .ask(&operation, &mut |result| match Subscription::read(&result) {
                Ok(Some(one)) if names.insert(one.name.clone()) => listed.subscriptions.push(one),
                Ok(Some(one)) => strange.push(unreadable(&result, &format!("{} is there twice", one.name))),
                Ok(None) => {}
                Err(problem) => strange.push(unreadable(&result, &problem)),
            })
            .await?;
        if let Some(first) = refused.first().filter(|_| listed.subscriptions.is_empty() && strange.is_empty())
        {
            return Err(CallFailure::Refusal(first.refusal.clone()));
        }
        listed.is_whole = refused.is_empty() && strange.is_empty() && !listed.subscriptions.is_empty();
        if listed.subscriptions.is_empty() && strange.is_empty() {
            let warning =
                "no subscription is listed: there is none, or the login has lost its rights".to_string();
            listed.warnings.push(warning);
        }
        let refused = refused.into_iter().map(|refused| BackendError::from(refused.refusal).to_string());
        for (what, all) in [("refused", refused.collect()), ("left out", strange)] {
            if let Some(first) = all.first() {
                listed
                    .warnings
                    .push(format!("{} rows of the list are {what}, the first: {first}", all.len()));
            }
        }
        Ok(listed)
    }

    async fn put_facts(&self, subscriptions: &[Subscription], ask: &PollRequest, harvest: &mut Harvest) {
        let acts_as = self.config.acts_as;
        let names = self.names.of(&self.panel, acts_as, ask.now, subscriptions).await;
        names.problems().iter().for_each(|problem| harvest.warn(format!("not known: {problem}")));
        for one in subscriptions {
            one.put_facts(harvest.facts_mut(&one.name), &names, acts_as);
            match &one.size {
                Ok(level) => {
                    let reading = Reading::Gauge { at: ask.now, level: *level };
                    harvest.add_reading(&one.name, Meter::StorageUsed, reading);
                }
                Err(problem) => {
                    harvest.unread(&one.name, Some(Meter::StorageUsed), Reason::Unexpected, problem.clone());
                }
            }
        }
        let mut strange = subscriptions.iter().filter_map(|one| Some((&one.name, one.strange_status()?)));
        if let Some((name, status)) = strange.next() {
            let more = strange.count();
            harvest.warn(format!("suspended or not? {name}: {status} (and {more} more like it)"));
        }
    }

    /// The days of everybody's traffic. Where they cannot be had at all, what is stored is still worth having.
    async fn put_traffic(
        &self,
        subscriptions: &[Subscription],
        window: Window,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        if subscriptions.is_empty() {
            return Ok(());
        }
        // Everybody's, also where one alone is wanted: his quiet days show by the days of others.
        let answered = match self.traffic(Which::All, window.first, None).await {
            Ok(answered) => answered,
            Err(error @ BackendError::Busy { .. }) => return Err(error),
            Err(error) => {
                subscriptions.iter().for_each(|one| miss(one, &error, harvest));
                return Ok(());
            }
        };
        let mut evidence = Evidence::default();
        answered.days.values().for_each(|days| evidence.add(days));
        let newest = evidence.newest();
        if newest.is_some_and(|newest| newest < window.today().minus_days(LATE_DAYS)) {
            let newest = newest.map(|day| day.to_string()).unwrap_or_default();
            harvest.warn(format!(
                "the panel's statistics have not run since {newest}: nothing newer is counted"
            ));
        }
        let source = Source::default();
        for one in subscriptions {
            let of = Of { account: &one.name, source: &source };
            match answered.of(one) {
                Ok(days) => days.put(of, window, one.created, &evidence, harvest),
                Err(error) => miss(one, &error, harvest),
            }
        }
        if self.config.additional_sites == AdditionalSites::Added {
            self.put_sites(subscriptions, window, harvest).await;
        }
        Ok(())
    }

    /// The days of additional sites, each a source of its own.
    async fn put_sites(&self, subscriptions: &[Subscription], window: Window, harvest: &mut Harvest) {
        let ids: Vec<u64> = subscriptions.iter().map(|one| one.id).collect();
        let found = match sites::traffic(&self.panel, &ids, window, None).await {
            Ok(found) => found,
            Err(error) => return subscriptions.iter().for_each(|one| miss(one, &error, harvest)),
        };
        let mut evidence = Evidence::default();
        found.values().flatten().for_each(|(_, days)| evidence.add(days));
        for one in subscriptions {
            for (source, days) in found.get(&one.id).into_iter().flatten() {
                let of = Of { account: &one.name, source };
                // When a site was made is not known: only days that are there count.
                days.put_found(of, window, |day| day <= window.today(), harvest);
            }
        }
    }

    /// The days of these subscriptions' traffic from one day on; without an end until the panel's own today.
    async fn traffic(
        &self,
        which: Which<'_>,
        first: UsageDay,
        last: Option<UsageDay>,
    ) -> Result<Answered, BackendError> {
        let mut answered = Answered::default();
        let refused = self
            .panel
            .ask(&Operation::traffic(which, first, last), &mut |result| {
                let id = result.whole("id").or_else(|_| result.whole("filter-id"));
                answered.days.extend(id.ok().map(|id| (id, Days::read(&result))));
            })
            .await?;
        for one in refused {
            let error = BackendError::from(one.refusal);
            match one.id {
                Some(id) => drop(answered.refused.insert(id, error)),
                None => answered.of_nobody = Some(error),
            }
        }
        Ok(answered)
    }
}

impl Answered {
    /// The days of a subscription, or why there are none.
    fn of(&self, one: &Subscription) -> Result<&Days, BackendError> {
        let refused = self.refused.get(&one.id).or(self.of_nobody.as_ref());
        let detail = format!("subscription {} is not in the answer", one.id);
        let missing = || BackendError::Unexpected { at: "webspace/get_traffic".into(), detail };
        self.days.get(&one.id).ok_or_else(|| refused.cloned().unwrap_or_else(missing))
    }
}

/// What a subscription moved is not known.
fn miss(one: &Subscription, error: &BackendError, harvest: &mut Harvest) {
    for meter in FLOWS {
        harvest.unread(&one.name, Some(meter), error.reason(), error.to_string());
    }
}
