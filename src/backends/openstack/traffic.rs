//! What every project's network cards sent and received: from Gnocchi's windows to readings.
//!
//! A card belongs to the cloud and is counted wherever it is seen; whose it is says the project of its newest revision.
//! A silence becomes a nothing only where Nova says that nothing runs.

use std::collections::{BTreeMap, BTreeSet};

use super::OpenStack;
use super::catalogue::Service;
use super::gnocchi::{Kept, Point, Windows};
use super::projects::{Project, Projects, plain};
use super::refusal::CallFailure;
use super::servers::{ByProject, KeptServers};
use super::session::missing;
use super::windows::{Shown, closed_until, shown};
use super::wire::Resource;
use crate::backends::kit::many::some_at_once;
use crate::backends::{BackendError, Heard, PollRequest};
use crate::domain::{
    AccountName, Bytes, Epoch, Harvest, Meter, Reading, Reason, Seconds, Source, Timestamp, Unclaimed,
};

/// The type of resource that Ceilometer makes of a network card.
const INTERFACE: &str = "instance_network_interface";

/// The metrics, named from the machine's side.
pub(super) const METRICS: [(Meter, &str); 2] =
    [(Meter::TrafficIn, "network.incoming.bytes"), (Meter::TrafficOut, "network.outgoing.bytes")];

/// How far before the last look windows are read again: measures come late.
const LATE: Seconds = Seconds::hours(1);

/// A running machine is measured every five minutes, on slow clouds every hour; longer is a silence.
const SILENT: Seconds = Seconds::new(7_200);

/// How far back a cloud is looked at that was never asked before.
const FIRST: Seconds = Seconds::hours(2);

/// The archive of Ceilometer's policy for counters: nothing is older.
const OLDEST: Seconds = Seconds::hours(30 * 24);

/// What was read of all network cards.
pub(super) struct Cards {
    pub resources: Vec<Resource>,
    pub windows: BTreeMap<Meter, Windows>,
    pub kept: Kept,
    /// Until when windows are closed.
    pub until: Timestamp,
}

impl OpenStack {
    /// Puts the traffic of all projects into the harvest.
    pub(super) async fn put_traffic(
        &self,
        projects: &Projects,
        ask: &PollRequest,
        servers: &KeptServers,
        harvest: &mut Harvest,
    ) {
        let start = first_wanted(ask);
        let cards = match self.cards(start, ask.now, ask.now).await {
            Ok(cards) => cards,
            Err(error) => return all_unread(projects, &error, harvest),
        };
        if let Err(error) = self.shows_others(projects, &cards, &ask.heard, servers).await {
            return all_unread(projects, &error, harvest);
        }
        let mut seen = Seen::default();
        for card in &cards.resources {
            let Some(project) = owner(card, projects) else {
                put_unowned(card, projects, harvest);
                continue;
            };
            let birth = self.birth(card, &ask.heard, servers).await;
            let first = birth.map_or(First::Measured, First::Born);
            put_card(card, project, &cards, (&ask.heard, first), &mut seen, harvest);
        }
        self.put_silent(projects, &cards, ask, servers, &seen, harvest).await;
    }

    /// The windows of all cards from `start` on that had closed by `end`, at most by `now`.
    pub(super) async fn cards(
        &self,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<Cards, BackendError> {
        if !self.cloud.has(Service::Metric).await? {
            return Err(missing(Service::Metric));
        }
        let resources = self.cloud.resources(INTERFACE, start.minus(Seconds::hours(24))).await?;
        let metric = resources
            .iter()
            .find_map(|card| card.metrics.get(METRICS[1].1).or(card.metrics.get(METRICS[0].1)));
        let kept = match metric {
            Some(metric) => self.cloud.kept(metric, start, now).await?,
            None => Kept::default(),
        };
        let until = closed_until(now, kept.window).min(end);
        let (mut windows, span) = (BTreeMap::new(), (start, until));
        for (meter, metric) in METRICS {
            let read = match self.cloud.windows(INTERFACE, metric, kept, span).await {
                Err(CallFailure::Refusal(refusal)) if refusal.keeps_otherwise() => {
                    self.each_by_itself(&resources, metric, kept, span, now).await
                }
                read => read?,
            };
            windows.insert(meter, read);
        }
        Ok(Cards { resources, windows, kept, until })
    }

    /// The windows of each card by its own call, where metrics are kept in different ways. Those in windows of another
    /// length are named and not read: lengths must not be mixed.
    async fn each_by_itself(
        &self,
        resources: &[Resource],
        metric: &str,
        kept: Kept,
        (start, stop): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Windows {
        let cards = resources.iter().filter_map(|card| Some((card.id.clone(), card.metrics.get(metric)?)));
        let calls = cards.map(|(id, metric_id)| async move {
            let read = async {
                let own = self.cloud.kept(metric_id, start, now).await?;
                if own.window != kept.window {
                    let (own, kept) = (own.window.get(), kept.window.get());
                    return Ok(Err(format!(
                        "{metric} is kept in windows of {own} s, those of the others have {kept} s"
                    )));
                }
                Ok::<_, BackendError>(self.cloud.windows_of(metric_id, metric, own, (start, stop)).await?)
            };
            (id, read.await.unwrap_or_else(|error| Err(error.to_string())))
        });
        let calls: Vec<_> = calls.collect();
        some_at_once(self.cloud.http().max_in_flight(), calls).await.into_iter().collect()
    }

    /// Gnocchi answers a token that may see nothing of others with their absence. Where no card of anybody is shown,
    /// that has to be so by Nova's word too, or by what it was before.
    async fn shows_others(
        &self,
        projects: &Projects,
        cards: &Cards,
        heard: &Heard,
        servers: &KeptServers,
    ) -> Result<(), BackendError> {
        let is_theirs = |card: &Resource| {
            card.project_id.as_deref().is_some_and(|id| projects.metered.contains_key(&plain(id)))
        };
        if cards.resources.iter().any(is_theirs) || projects.metered.is_empty() {
            return Ok(());
        }
        let hint = "it shows a token without the right of an administrator, or one of the system's scope, nothing of \
                    others; see the roles of the login";
        if heard.last_look_at(Meter::TrafficOut).is_some() && heard.holders().next().is_some() {
            return Err(BackendError::Silent(format!(
                "no network card of any customer is in Gnocchi any more: {hint}"
            )));
        }
        match servers.of(&self.cloud).await {
            Ok(by_project) if projects.metered.keys().any(|id| runs(by_project, id)) => {
                Err(BackendError::Refused(format!(
                    "servers run, and no network card of them is in Gnocchi: {hint}"
                )))
            }
            Ok(_) => Ok(()),
            Err(BackendError::NotOffered(_)) => Err(BackendError::Refused(format!(
                "no network card of any customer is in Gnocchi, and there is no Nova that could say why: {hint}"
            ))),
            Err(error) => Err(error),
        }
    }

    /// When a card was made that was never seen before, if it is proven that it is new: Gnocchi saw it first, and Nova
    /// made its server, after the last look. `started_at` alone may be much newer than the card.
    async fn birth(&self, card: &Resource, heard: &Heard, servers: &KeptServers) -> Option<Timestamp> {
        let source = source(card)?;
        let is_known = METRICS.iter().any(|(meter, _)| heard.counter(*meter, &source).is_some());
        let look = heard.last_look_at(Meter::TrafficOut)?;
        let started = card.started().filter(|started| *started > look && !is_known)?;
        let instance = card.instance_id.as_deref()?;
        let by_project = servers.of(&self.cloud).await.ok()?;
        let mut all = by_project.values().flatten();
        let server = all.find(|server| plain(&server.id) == plain(instance))?;
        (server.created? > look).then_some(started)
    }

    /// Whoever showed nothing new: nothing moved where nothing runs, and is unknown otherwise.
    async fn put_silent(
        &self,
        projects: &Projects,
        cards: &Cards,
        ask: &PollRequest,
        servers: &KeptServers,
        seen: &Seen,
        harvest: &mut Harvest,
    ) {
        let heard = sources_by_account(&ask.heard);
        for project in projects.metered.values().filter(|project| !project.is_ambiguous) {
            if ask.only.as_ref().is_some_and(|only| *only != project.account) {
                continue;
            }
            let silent = seen.silent.get(&project.account);
            let told = seen.told.contains(&project.account);
            let Some(sources) = heard.get(&project.account) else { continue };
            if told && silent.is_none() {
                continue;
            }
            let Ok(by_project) = servers.of(&self.cloud).await else { continue };
            let runs = runs(by_project, &plain(&project.id));
            match (runs, told) {
                (false, false) => stands_still(&project.account, sources, &ask.heard, cards.until, harvest),
                // Its servers are switched off, all but those that were told.
                (_, true) if !silent.is_some_and(|ids| ids.iter().any(|id| is_running(by_project, id))) => {}
                _ => {
                    let why = silent.and_then(|ids| ids.first()).map_or_else(
                        || "its servers run, and Gnocchi has no network card of them".to_string(),
                        |id| format!("server {id} runs, and Gnocchi has no new measure of its network card"),
                    );
                    for (meter, _) in METRICS {
                        harvest.unread(&project.account, Some(meter), Reason::Silent, why.clone());
                    }
                }
            }
        }
    }
}

/// Who was told something new, and whose cards were silent though they have not ended: ids of their servers.
#[derive(Default)]
struct Seen {
    told: BTreeSet<AccountName>,
    silent: BTreeMap<AccountName, Vec<String>>,
}

/// From when on windows are read.
fn first_wanted(ask: &PollRequest) -> Timestamp {
    let looked = METRICS.iter().filter_map(|(meter, _)| ask.heard.last_look_at(*meter)).min();
    let start = looked.map_or(ask.now.minus(FIRST), |look| look.minus(LATE));
    let start = ask.since.map_or(start, |since| start.min(since));
    start.max(ask.now.minus(OLDEST))
}

/// The project of a card, of those that are metered.
pub(super) fn owner<'p>(card: &Resource, projects: &'p Projects) -> Option<&'p Project> {
    let project = projects.metered.get(&plain(card.project_id.as_deref()?))?;
    (!project.is_ambiguous).then_some(project)
}

/// Lists a card that is nobody's. Of projects that are no customers, or of another domain, nothing is said.
fn put_unowned(card: &Resource, projects: &Projects, harvest: &mut Harvest) {
    let id = card.project_id.as_deref().map(plain).unwrap_or_default();
    let why = match projects.metered.contains_key(&id) {
        true => Unclaimed::AMBIGUOUS,
        false if id.is_empty() => Unclaimed::ORPHAN,
        false => return,
    };
    harvest.unclaimed(Unclaimed::new(format!("interface {}", card.id), why));
}

/// A card as a counter of its own.
pub(super) fn source(card: &Resource) -> Option<Source> {
    Source::new(&card.id).ok()
}

/// What is made of a counter that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// It is measured from now on: what it counted before is not known to be new.
    Measured,
    /// It is proven that it began at this instant, after the last look.
    Born(Timestamp),
    /// All its windows are told: history.
    History,
}

/// What the windows of one counter of a card say, as readings; `before` was believed last.
pub(super) fn readings(
    card: &Resource,
    source: &Source,
    all: &[Shown],
    before: Option<(Timestamp, Bytes)>,
    first: First,
) -> Vec<Reading> {
    let skipped = match (before, first) {
        (None, First::Measured) => all.len().saturating_sub(1),
        _ => 0,
    };
    let reading = |(place, one): (usize, &Shown)| {
        let epoch = match first {
            First::Born(birth) if before.is_none() && place == 0 => Epoch::Since(birth),
            // The first of all that is told was compared with nothing.
            _ if one.began_anew && (place > skipped || before.is_some()) => {
                Epoch::ResetWhileRunning(run(card, one.at))
            }
            _ => Epoch::Silent,
        };
        Reading::Counter { source: source.clone(), at: one.at, epoch, count: one.count }
    };
    all.iter().enumerate().skip(skipped).map(reading).collect()
}

/// The windows of a card, or what is wrong with them; none where the answer has no such card.
pub(super) fn points<'c>(cards: &'c Cards, card: &Resource, meter: Meter) -> Result<&'c [Point], String> {
    match cards.windows.get(&meter).and_then(|windows| windows.get(&card.id)) {
        Some(Ok(points)) => Ok(points),
        Some(Err(problem)) => Err(format!("interface {}: {problem}", card.id)),
        None => Ok(&[]),
    }
}

/// Puts what one card moved since the last look into the harvest.
fn put_card(
    card: &Resource,
    project: &Project,
    cards: &Cards,
    (heard, first): (&Heard, First),
    seen: &mut Seen,
    harvest: &mut Harvest,
) {
    let account = &project.account;
    let Some(source) = source(card) else {
        harvest.warn(format!("an interface of {account} has no usable id"));
        return;
    };
    let is_over = is_over(card, cards);
    let (mut newest, mut is_unread) = (None, false);
    for (meter, _) in METRICS {
        let before = heard.counter(meter, &source).map(|known| (known.at, known.count));
        newest = newest.max(before.map(|(at, _)| at));
        match points(cards, card, meter) {
            Ok(points) => {
                let all = shown(points, before, cards.kept, cards.until, is_over);
                for reading in readings(card, &source, &all, before, first) {
                    newest = newest.max(Some(reading.at()));
                    harvest.add_reading(account, meter, reading);
                }
            }
            Err(detail) => {
                harvest.unread(account, Some(meter), Reason::Unexpected, detail);
                is_unread = true;
            }
        }
    }
    // A moment without measures is no silence yet.
    let is_recent = |at: Timestamp| cards.until.since(at) < SILENT;
    let is_told = is_unread
        || newest.is_some_and(is_recent)
        || (newest.is_none() && card.started().is_some_and(is_recent));
    if is_told {
        seen.told.insert(account.clone());
    } else if !is_over {
        let server = card.instance_id.clone().unwrap_or_else(|| card.id.clone());
        seen.silent.entry(account.clone()).or_default().push(server);
    }
}

/// Whether no window of a card follows any more.
pub(super) fn is_over(card: &Resource, cards: &Cards) -> bool {
    card.ended().is_some_and(|ended| ended <= cards.until)
}

/// How long a card has been counting, as Gnocchi knows it: the runs of one card are compared by it.
fn run(card: &Resource, at: Timestamp) -> Seconds {
    card.started().map_or(Seconds::new(1), |started| Seconds::new(at.since(started).get().max(1)))
}

/// Whether any server of a project runs.
fn runs(by_project: &ByProject, id: &str) -> bool {
    by_project.get(id).into_iter().flatten().any(super::servers::Server::runs)
}

fn is_running(by_project: &ByProject, server: &str) -> bool {
    by_project.values().flatten().any(|one| plain(&one.id) == plain(server) && one.runs())
}

/// The counters that accounts were last seen with.
pub(super) fn sources_by_account(heard: &Heard) -> BTreeMap<AccountName, Vec<Source>> {
    let mut sources = BTreeMap::<AccountName, Vec<Source>>::new();
    for (source, account) in heard.holders() {
        sources.entry(account.clone()).or_default().push(source.clone());
    }
    sources
}

/// Nothing of an account runs: what its newest counter showed it shows still, be it by this answer.
pub(super) fn stands_still(
    account: &AccountName,
    sources: &[Source],
    heard: &Heard,
    at: Timestamp,
    harvest: &mut Harvest,
) {
    for (meter, _) in METRICS {
        let told = harvest.accounts().get(account).into_iter().flat_map(|harvested| &harvested.readings);
        let told = told.filter_map(|(of, reading)| match reading {
            Reading::Counter { source, at, count, .. } if *of == meter => Some((*at, source, *count)),
            _ => None,
        });
        let known = sources.iter().filter_map(|source| Some((source, heard.counter(meter, source)?)));
        let known = known.filter(|(_, known)| known.doubt.is_none());
        let known = known.map(|(source, known)| (known.at, source, known.count));
        let newest = told.chain(known).max_by_key(|(at, ..)| *at).filter(|(newest, ..)| *newest < at);
        let Some((_, source, count)) = newest else { continue };
        let reading = Reading::Counter { source: source.clone(), at, epoch: Epoch::Silent, count };
        harvest.add_reading(account, meter, reading);
    }
}

/// Nobody's traffic is known.
pub(super) fn all_unread(projects: &Projects, error: &BackendError, harvest: &mut Harvest) {
    for project in projects.metered.values() {
        for (meter, _) in METRICS {
            harvest.unread(&project.account, Some(meter), error.reason(), error.to_string());
        }
    }
}
