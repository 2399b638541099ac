//! A toy: the smallest kind of panel there can be, as `docs/adding-a-panel.md` makes one. Tests alone have it.
//!
//! The story of a poll: page after page of accounts, each with what it stores and a counter of what it sent. A limit
//! suspends an account, with our reason; whoever is suspended for another reason is left alone.

mod panel;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::Deserialize;

use self::panel::{ApiRefusal, Panel};
use self::wire::Account;
use super::kit::CallFailure;
use super::kit::check::{is_hopeless, step};
use super::kit::suspend::{self, OURS, Suspends};
use super::{Applied, Backend, BackendError, CheckStep, Kind, Limiter, Memory, PollRequest, Target, Wants};
use crate::domain::{
    AccountName, Bytes, Epoch, FoundBy, Harvest, Identity, Meter, Policy, Reading, Reason, Source, Timestamp,
};
use crate::http::{Http, Url, panel_url};
use crate::settings::{Secret, Section, SettingsError};

/// What the house knows about the toy before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "toy",
    meters: &[Meter::StorageUsed, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Username,
    max_rate: None,
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

/// No account: names hold letters and digits only.
const NOBODY: &str = "whmeter.check";

/// The keys of a section, besides those of every backend.
#[derive(Deserialize)]
struct Settings {
    url: String,
    token: Secret,
}

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let settings: Settings = section.read()?;
    let base = panel_url("url", &settings.url, true)?;
    Ok(Box::new(Toy { panel: Panel::new(http, base, settings.token) }))
}

struct Toy {
    panel: Panel,
}

#[async_trait]
impl Backend for Toy {
    fn addresses(&self) -> Vec<Url> {
        vec![self.panel.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let mut names = BTreeSet::new();
        let listed = self.panel.each_account(|account| match account.name() {
            // Listed twice: a page shifted while the next was asked for.
            Some(name) if !names.insert(name.clone()) => {}
            Some(name) if ask.only.as_ref().is_none_or(|only| *only == name) => {
                put(harvest, &name, account, ask.now);
            }
            Some(_) => {}
            None => harvest.warn("an account is listed without a name"),
        });
        if listed.await? == names.len() && ask.only.is_none() {
            harvest.listed_everyone();
        }
        Ok(())
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.probe().await.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        let listed = self.panel.each_account(|_| {}).await;
        step(steps, "accounts, right accounts:read", true, listed.map(|count| format!("{count} accounts")));
        if wants.limiting && !is_hopeless(steps) {
            step(steps, "right accounts:write, for limits", true, self.may_write().await);
        }
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Toy {
    fn by_suspending(&self) -> bool {
        true
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        suspend::remember(self, target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        suspend::apply(self, target.account, policy, memory).await
    }
}

#[async_trait]
impl Suspends for Toy {
    async fn suspended_for(&self, account: &AccountName) -> Result<Option<String>, BackendError> {
        let mut found = None;
        let look = |one: &Account<'_>| {
            if one.name().as_ref() == Some(account) {
                found = Some(one.suspended_for());
            }
        };
        self.panel.each_account(look).await?;
        let found = found.ok_or_else(|| BackendError::NoSuchAccount(account.clone()))?;
        found.map_err(|detail| BackendError::Unexpected { at: format!("account {account}"), detail })
    }

    async fn suspend(&self, account: &AccountName, reason: Option<&str>) -> Result<(), BackendError> {
        let written = self.panel.suspend(account, reason, OURS).await;
        written.map_err(|failure| about(failure, account))
    }
}

impl Toy {
    /// Whether the token may suspend: the panel looks at the right before it looks for the account.
    async fn may_write(&self) -> Result<String, BackendError> {
        match self.panel.post(NOBODY, "unsuspend", OURS).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => Ok("granted".into()),
            outcome => Ok(outcome.map(|()| "granted".into())?),
        }
    }
}

/// The trouble of a call about one account, which may be gone.
fn about(failure: CallFailure<ApiRefusal>, account: &AccountName) -> BackendError {
    match failure {
        CallFailure::Refusal(refusal) if refusal.is_gone() => BackendError::NoSuchAccount(account.clone()),
        failure => failure.error(),
    }
}

fn put(harvest: &mut Harvest, name: &AccountName, account: &Account<'_>, now: Timestamp) {
    let facts = harvest.facts_mut(name);
    facts.identity =
        account.id.whole().map_or_else(Identity::new, |id| Identity::new().with_unique(id.to_string()));
    let suspended_for = account.suspended_for().ok();
    facts.suspended = suspended_for.as_ref().map(Option::is_some);
    facts.policy = suspended_for.as_ref().and_then(|reason| suspend::shown_policy(reason.as_deref()));
    facts.suspended_for = suspended_for.flatten();
    let level = account.disk_bytes.bytes("disk_bytes").map(|level| Reading::Gauge { at: now, level });
    let count = account.bytes_out.bytes("bytes_out").and_then(|count| account.counter(count, now));
    for (meter, reading) in [(Meter::StorageUsed, level), (Meter::TrafficOut, count)] {
        match reading {
            Ok(reading) => harvest.add_reading(name, meter, reading),
            Err(detail) => harvest.unread(name, Some(meter), Reason::Unexpected, detail),
        }
    }
}

impl Account<'_> {
    fn counter(&self, count: Bytes, at: Timestamp) -> Result<Reading, String> {
        let started = self.started.whole().and_then(|started| Timestamp::new(started.try_into().ok()?).ok());
        let epoch = Epoch::Since(
            started
                .ok_or("started is not a time: the counter cannot be distinguished from an earlier one")?,
        );
        Ok(Reading::Counter { source: Source::default(), at, epoch, count })
    }
}
