//! Makes readings of what the panel shows: of everybody what he stores, and the days of his traffic.

use std::collections::BTreeMap;

use super::Plesk;
use super::readings::Of;
use super::request::{Operation, Which};
use super::settings::AdditionalSites;
use super::sites;
use super::subscription::Subscription;
use super::traffic::{Days, Evidence};
use super::window::Window;
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Harvest, Meter, Reading, Reason, Source, UsageDay};

/// Statistics run every night: if the newest day is older than this, they do not.
const LATE_DAYS: u64 = 2;

const FLOWS: [Meter; 2] = [Meter::TrafficIn, Meter::TrafficOut];

/// What was answered of the traffic of subscriptions, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub days: BTreeMap<u64, Days>,
    refused: BTreeMap<u64, BackendError>,
    /// A refusal that does not say whose it is.
    of_nobody: Option<BackendError>,
}

impl Plesk {
    /// What everybody is and stores.
    pub(super) async fn put_facts(
        &self,
        subscriptions: &[Subscription],
        ask: &PollRequest,
        harvest: &mut Harvest,
    ) {
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
    pub(super) async fn put_traffic(
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
        for one in subscriptions {
            for (source, days) in found.get(&one.id).into_iter().flatten() {
                let of = Of { account: &one.name, source };
                // When a site was made is not known: only days that are there count.
                days.put_found(of, window, |day| day <= window.today(), harvest);
            }
        }
    }

    /// The days of these subscriptions' traffic from one day on; without an end until the panel's own today.
    pub(super) async fn traffic(
        &self,
        which: Which<'_>,
        first: UsageDay,
        last: Option<UsageDay>,
    ) -> Result<Answered, BackendError> {
        let (mut answered, mut twice) = (Answered::default(), Vec::new());
        let refused = self
            .panel
            .ask(&Operation::traffic(which, first, last), &mut |result| {
                let Ok(id) = result.whole("id").or_else(|_| result.whole("filter-id")) else { return };
                if answered.days.insert(id, Days::read(&result)).is_some() {
                    twice.push(id);
                }
            })
            .await?;
        for id in twice {
            let (at, detail) =
                ("webspace/get_traffic".into(), format!("subscription {id} is answered twice"));
            answered.days.remove(&id);
            answered.refused.insert(id, BackendError::Unexpected { at, detail });
        }
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
    pub fn of(&self, one: &Subscription) -> Result<&Days, BackendError> {
        let refused = self.refused.get(&one.id).or(self.of_nobody.as_ref());
        let detail = format!("subscription {} is not in the answer", one.id);
        let missing = || BackendError::Unexpected { at: "webspace/get_traffic".into(), detail };
        self.days.get(&one.id).ok_or_else(|| refused.cloned().unwrap_or_else(missing))
    }
}

/// What a subscription moved is not known.
pub(super) fn miss(one: &Subscription, error: &BackendError, harvest: &mut Harvest) {
    for meter in FLOWS {
        harvest.unread(&one.name, Some(meter), error.reason(), error.to_string());
    }
}
