//! PUQ VPNcp: bytes down and up per VPN client, from the panel's own statistics per calendar day.
//!
//! The story of a poll: which generation is it, how is it, who is there, what did each of them move.
//! Read `README.md` beside this file for rights and quirks.

mod check;
mod clients;
mod envelope;
mod generation;
mod metering;
mod months;
mod panel;
mod refusal;
mod settings;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod wire;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};

use self::clients::Client;
use self::generation::Generation;
use self::metering::meter;
use self::months::{Calendar, Plan};
use self::panel::{ApiCall, Panel};
use self::refusal::CallFailure;
use self::settings::PanelConfig;
use self::wire::Status;
use super::kit::json::whole;
use super::kit::many::Patience;
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, Past, PollRequest, Target,
    Wants,
};
use crate::domain::{BillingZone, FoundBy, Harvest, Meter, Policy, Seats, Span, Timestamp};
use crate::http::{Http, Method, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about VPNcp before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "vpncp",
    meters: &[Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Username,
    // A tunnel through a network card of 10 Gbit/s.
    max_rate: Some(1_250_000_000),
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

/// How many clients are asked for at once: every month of every client is a call of its own.
const AT_ONCE: usize = 4;
/// After this many clients in a row without an answer the panel is dead, not they; after as many that
/// were refused it is the credential, and panels ban those who insist.
const GIVEN_UP_AFTER: u32 = 8;

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = PanelConfig::read(section)?;
    Ok(Box::new(Vpncp { panel: Panel::new(http, &config), config }))
}

struct Vpncp {
    panel: Panel,
    config: PanelConfig,
}

#[async_trait]
impl Backend for Vpncp {
    fn addresses(&self) -> Vec<Url> {
        vec![self.panel.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let polled = self.read(ask, harvest).await;
        if polled.is_err() {
            self.panel.forget();
        }
        polled
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
impl History for Vpncp {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        let status = self.look(harvest).await?;
        let calendar = self.calendar(past.now, harvest).await?;
        let (clients, _) = self.clients(&status, harvest).await?;
        let Ok(span) = Span::new(past.since, past.until.min(past.now)) else { return Ok(()) };
        let plan = calendar.for_past(span);
        if let Some(kept) =
            calendar.kept.filter(|_| !calendar.surely_keeps(calendar.zone.day_of(past.since).month()))
        {
            harvest.warn(format!(
                "the panel keeps {kept} months: earlier days it may have forgotten stay as they are"
            ));
        }
        self.traffic(clients, &calendar, &plan, harvest).await
    }
}

#[async_trait]
impl Limiter for Vpncp {
    fn by_suspending(&self) -> bool {
        self.config.limited == settings::Limited::Disable
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

impl Vpncp {
    async fn read(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let status = self.look(harvest).await?;
        harvest.licence(Seats { used: status.clients, licensed: status.licensed });
        let calendar = self.calendar(ask.now, harvest).await?;
        let (mut clients, is_whole) = self.clients(&status, harvest).await?;
        let listed = clients.len() as u64;
        if let Some(only) = &ask.only {
            clients.retain(|client| client.name == *only);
        }
        for client in &clients {
            let facts = harvest.facts_mut(&client.name);
            facts.suspended = client.suspended();
            facts.policy = self.shown_policy(client);
            facts.package.clone_from(&client.network);
        }
        warn_of_strange_status(&clients, harvest);
        self.traffic(clients, &calendar, &calendar.for_poll(ask.since), harvest).await?;
        match status.clients {
            _ if ask.only.is_some() || !is_whole => {}
            // Without a count an empty list proves nothing.
            None if listed == 0 => {
                harvest.warn("no clients are listed, and the panel reports no count of them")
            }
            Some(count) if listed < count => harvest.warn(format!(
                "{listed} of {count} clients are listed: the others are hidden from this token, or the \
                 list is cut"
            )),
            _ => harvest.listed_everyone(),
        }
        Ok(())
    }

    /// Finds out who answers, and says what the operator should know of it.
    async fn look(&self, harvest: &mut Harvest) -> Result<Status, BackendError> {
        let known = self.panel.known().await?;
        harvest.by_road(match known.generation {
            Generation::One => "API 1.x",
            Generation::Two => "API 2.x",
        });
        known.complaint.into_iter().for_each(|complaint| harvest.warn(complaint));
        let status = self.panel.status().await?;
        if let Some(busy) = status.busy_with() {
            harvest.warn(format!("the panel is {busy:?} and takes no changes"));
        }
        if status.license_valid == Some(false) {
            harvest.warn("the panel says that its licence is not valid");
        }
        Ok(status)
    }

    /// Where the panel's days begin, and how many months of them it keeps.
    async fn calendar(&self, now: Timestamp, harvest: &mut Harvest) -> Result<Calendar, BackendError> {
        let zone = self.zone().await?;
        let kept = match self.kept().await? {
            Ok(0) => return Err(statistics_off()),
            Ok(kept) => Some(kept),
            Err(why) => {
                harvest.warn(format!(
                    "how many months are kept is not known ({why}): zeros of earlier months are not believed"
                ));
                None
            }
        };
        Ok(Calendar { zone, now, kept })
    }

    /// The configured time zone, or the panel's own (PUQVPNCP doc/20. API, "System": `timezone`).
    async fn zone(&self) -> Result<BillingZone, BackendError> {
        if let Some(zone) = self.config.zone {
            return Ok(zone);
        }
        let call = ApiCall { path: &["system", "info"], right: "system_config:read" };
        let strange = |detail: String| BackendError::Unexpected {
            at: call.name(&Method::GET),
            detail: format!("{detail}; set timezone in the config"),
        };
        let answered = match self.panel.get(&call).await {
            Ok(payload) => payload.value,
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => {
                return Err(strange("there is no such call".into()));
            }
            Err(failure) => return Err(failure.into()),
        };
        let name = answered.get("timezone").and_then(|zone| zone.as_str());
        let name = name.ok_or_else(|| strange("it reports no timezone".into()))?;
        BillingZone::parse(name).map_err(|error| strange(error.to_string()))
    }

    /// How many months of statistics are kept (`traffic_statistics_history`; PUQVPNCP doc/07, system
    /// config), or why that is not known: 2.x does not document the answer.
    async fn kept(&self) -> Result<Result<u64, String>, BackendError> {
        let call = ApiCall { path: &["system", "config"], right: "system_config:read" };
        let answered = match self.panel.get(&call).await {
            Ok(payload) => payload.value,
            Err(CallFailure::Refusal(refusal)) => return Ok(Err(BackendError::from(refusal).to_string())),
            Err(CallFailure::Failed(error)) => return Err(error),
        };
        let kept = answered.get("traffic_statistics_history").and_then(whole);
        Ok(kept.ok_or_else(|| "no traffic_statistics_history in GET /system/config".into()))
    }

    /// Everybody, and whether every row of the list could be read. An empty list of a panel that counts clients is a
    /// right that is missing or a shape we misread, never a panel whose clients are all gone.
    async fn clients(
        &self,
        status: &Status,
        harvest: &mut Harvest,
    ) -> Result<(Vec<Client>, bool), BackendError> {
        let path = [self.panel.known().await?.generation.clients()];
        let call = ApiCall { path: &path, right: "client:read" };
        let strange = |detail: String| BackendError::Unexpected { at: call.name(&Method::GET), detail };
        let payload = self.panel.get(&call).await?;
        let (clients, unreadable) = clients::read(&payload.value).map_err(strange)?;
        if clients.is_empty() && status.clients.is_some_and(|count| count > 0) {
            let count = status.clients.unwrap_or_default();
            return Err(strange(format!(
                "no client is listed and the panel counts {count}: the right client:read is missing, or \
                 the answer is of another shape"
            )));
        }
        if let Some(first) = unreadable.first() {
            harvest.warn(format!("{} rows of the list are left out, the first: {first}", unreadable.len()));
        }
        if payload.is_bare {
            harvest.warn(format!("{} answers without result/message/data", call.name(&Method::GET)));
        }
        Ok((clients, unreadable.is_empty()))
    }

    /// The traffic of these clients, some at once. A dead panel is given up, not asked for all accounts.
    async fn traffic(
        &self,
        clients: Vec<Client>,
        calendar: &Calendar,
        plan: &Plan,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let asked = clients.into_iter().map(|client| {
            async move { (meter(&self.panel, &client.name, calendar, plan).await, client.name) }.boxed()
        });
        let asked: Vec<_> = asked.collect();
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let (mut patience, mut without_days, mut bare) = (Patience::new(GIVEN_UP_AFTER), 0, 0);
        while let Some((metered, account)) = answers.next().await {
            patience.note(metered.failed.as_ref())?;
            without_days += u32::from(metered.lacks_days);
            bare += u32::from(metered.is_bare);
            metered.put(&account, harvest);
        }
        if without_days > 0 {
            harvest
                .warn("the panel reports only totals of whole months: they are spread evenly over the days");
        }
        if bare > 0 {
            harvest.warn("traffic is answered without result/message/data");
        }
        Ok(())
    }
}

fn statistics_off() -> BackendError {
    BackendError::NotOffered(
        "traffic: the panel's statistics are off (traffic_statistics_history is 0); set it to 2 months or \
         more"
            .into(),
    )
}

/// One line for all: an unknown word is neither suspended nor not.
fn warn_of_strange_status(clients: &[Client], harvest: &mut Harvest) {
    let mut strange = clients.iter().filter(|client| client.suspended().is_none());
    if let Some(first) = strange.next() {
        let value =
            first.status.as_ref().map_or("none".into(), |(_, value)| wire::excerpt(&value.to_string()));
        let more = strange.count();
        harvest.warn(format!(
            "the status of {} is {value} (and {more} more like it): suspended or not?",
            first.name
        ));
    }
}
