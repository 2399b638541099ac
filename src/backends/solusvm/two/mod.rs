//! SolusVM 2, by its REST API: bytes in and out since the last reset, of every virtual server.
//!
//! The story of a poll: whose token is it, then page after page of servers, each with all there is to know.

mod api;
mod wire;

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::Datelike;

use self::api::{Panel, about, address, page};
use self::wire::{Account, Direction, Meta, Server};
use super::super::kit::check::{is_hopeless, step};
use super::super::kit::suspend_unexplained::{self, Suspends};
use super::super::{Applied, Backend, BackendError, CheckStep, Limiter, Memory, PollRequest, Target, Wants};
use super::reset::{ResetDays, epoch};
use super::settings::Two;
use crate::domain::{
    AccountName, Harvest, Identity, Limit, Meter, Policy, Reading, Reason, Source, Timestamp,
};
use crate::http::{Http, Url};

/// No list has more pages than this: a panel that tells of more goes round.
const MOST_PAGES: u64 = 100_000;

pub(super) fn open(http: Http, settings: Two) -> Box<dyn Backend> {
    Box::new(Solus { panel: Panel::new(http, settings) })
}

struct Solus {
    panel: Panel,
}

#[async_trait]
impl Backend for Solus {
    fn addresses(&self) -> Vec<Url> {
        vec![address(&self.panel)]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let account: Account = self.panel.get(&["account"]).await?;
        if !account.is_admin() {
            harvest.warn("the token's user has no admin role: only its own servers are listed");
        }
        let mut names = BTreeSet::new();
        let total = self
            .each_server(|server| match server.name() {
                // Listed twice: the pages moved while they were asked for.
                Some(name) if !names.insert(name.clone()) => {}
                Some(name) if ask.only.as_ref().is_none_or(|only| *only == name) => {
                    self.put(ask, &name, server, harvest)
                }
                Some(_) => {}
                None => harvest.warn("a server is listed without an id"),
            })
            .await?;
        let all = total == Some(names.len() as u64);
        if all && account.is_admin() && ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.probe().await);
        if is_hopeless(steps) {
            return;
        }
        let account = self.panel.get::<Account>(&["account"]).await.map_err(BackendError::from);
        let role = account.and_then(|account| match account.is_admin() {
            true => Ok("an administrator's".to_string()),
            false => Err(BackendError::Refused(
                "GET account: the token's user lacks an admin role, with which alone every server is listed"
                    .into(),
            )),
        });
        step(steps, "token, role of its user", true, role);
        if is_hopeless(steps) {
            return;
        }
        let mut count = 0;
        let listed = self.each_server(|_| count += 1).await;
        step(steps, "servers", true, listed.map(|_| format!("{count} servers")));
        if wants.limiting && !is_hopeless(steps) {
            step(
                steps,
                "suspending, for limits",
                false,
                Ok("an administrator may; nothing was tried".into()),
            );
        }
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Solus {
    fn by_suspending(&self) -> bool {
        true
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        suspend_unexplained::remember(self, target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        suspend_unexplained::apply(self, target.account, policy, memory).await
    }
}

/// What of a server matters for a switch.
#[derive(serde::Deserialize)]
struct State {
    is_suspended: Option<bool>,
    is_processing: Option<bool>,
}

#[async_trait]
impl Suspends for Solus {
    async fn is_suspended(&self, account: &AccountName) -> Result<bool, BackendError> {
        let state = self.panel.get::<State>(&["servers", account.as_str()]).await;
        let state = state.map_err(|failure| about(failure, account))?;
        if state.is_processing == Some(true) {
            return Err(BackendError::Busy {
                after: None,
                detail: format!("server {account} is being worked on"),
            });
        }
        state.is_suspended.ok_or_else(|| BackendError::Unexpected {
            at: format!("GET servers/{account}"),
            detail: "is_suspended is missing, expected true or false".into(),
        })
    }

    async fn suspend(&self, account: &AccountName, suspended: bool) -> Result<(), BackendError> {
        let action = if suspended { "suspend" } else { "resume" };
        let done = self.panel.run(&["servers", account.as_str(), action]).await;
        done.map_err(|failure| about(failure, account))
    }
}

impl Solus {
    /// Takes every server of every page; returns how many the panel says there are, if every page said where it lies.
    async fn each_server(
        &self,
        mut take: impl FnMut(&Server<'_>) + Send,
    ) -> Result<Option<u64>, BackendError> {
        let (mut number, mut total) = (1, None);
        loop {
            let answer = self.panel.page(number).await?;
            let found = page(&answer)?;
            found.data.iter().for_each(&mut take);
            let Some(Meta { current_page, last_page, total: all }) = found.meta else { return Ok(None) };
            total = Some(all).or(total);
            if current_page != number || last_page > MOST_PAGES {
                let detail = format!("page {number} says that it is page {current_page} of {last_page}");
                return Err(BackendError::Unexpected { at: "GET servers".into(), detail });
            }
            if current_page >= last_page {
                return Ok(total);
            }
            number += 1;
        }
    }

    fn put(&self, ask: &PollRequest, name: &AccountName, server: &Server<'_>, harvest: &mut Harvest) {
        let uuid = server.uuid.text();
        let facts = harvest.facts_mut(name);
        facts.identity = uuid.map_or_else(Identity::new, |uuid| Identity::new().with_unique(uuid));
        facts.created = server.created();
        facts.domain = server.name.text().map(str::to_string);
        facts.package = server.plan.as_ref().and_then(|plan| plan.name.text()).map(str::to_string);
        facts.suspended = server.is_suspended;
        facts.policy =
            server.is_suspended.and_then(|suspended| suspend_unexplained::shown_policy(suspended, ask, name));
        facts.traffic_limit = server.plan.as_ref().map_or(Limit::Unknown, |plan| plan.traffic());
        facts.storage_limit = server.specifications.as_ref().map_or(Limit::Unknown, |given| given.storage());
        let network = server.usage.as_ref().and_then(|usage| usage.network.as_ref());
        let directions = [
            (
                Meter::TrafficIn,
                "usage.network.incoming.value",
                network.and_then(|network| network.incoming.as_ref()),
            ),
            (
                Meter::TrafficOut,
                "usage.network.outgoing.value",
                network.and_then(|network| network.outgoing.as_ref()),
            ),
        ];
        for (meter, key, told) in directions {
            match self.counter(ask, server, meter, (key, told)) {
                Ok(reading) => harvest.add_reading(name, meter, reading),
                Err(detail) => harvest.unread(name, Some(meter), Reason::Unexpected, detail),
            }
        }
    }

    fn counter(
        &self,
        ask: &PollRequest,
        server: &Server<'_>,
        meter: Meter,
        (key, told): (&str, Option<&Direction<'_>>),
    ) -> Result<Reading, String> {
        let told = told.ok_or_else(|| format!("{key} is absent"))?;
        let count = told.value.bytes(key)?;
        let uuid =
            server.uuid.text().ok_or("uuid is absent: the counter cannot be distinguished from another's")?;
        let source = Source::new(uuid).map_err(|error| error.to_string())?;
        let before = ask.heard.counter(meter, &source);
        let days = (server.reset_days(), self.panel.settings().zone);
        let epoch = epoch(before, count, ask.now, days, server.created());
        Ok(Reading::Counter { source, at: ask.now, epoch, count })
    }
}

impl Server<'_> {
    /// The account's name: its number.
    fn name(&self) -> Option<AccountName> {
        AccountName::new(&self.id.whole()?.to_string()).ok()
    }

    fn created(&self) -> Option<Timestamp> {
        Timestamp::from_utc(self.created_at.text()?.parse().ok()?).ok()
    }

    /// The days on which its counters are reset; a word that nobody knows is none of them.
    fn reset_days(&self) -> ResetDays {
        let told = self.plan.as_ref().and_then(|plan| plan.reset_limit_policy.text());
        match (
            told,
            self.created_at.text().and_then(|text| text.parse::<chrono::DateTime<chrono::Utc>>().ok()),
        ) {
            (Some("first_day_of_month"), _) => ResetDays::First,
            (Some("vm_created_day"), Some(created)) => ResetDays::Of(created.day()),
            _ => ResetDays::Never,
        }
    }
}
