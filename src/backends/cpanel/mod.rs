//! cPanel/WHM: what each cPanel user stores, and what it moved in the running month.
//!
//! The story of a poll: one list of all accounts, one call for their disks, one for their bandwidth; a second for the
//! bandwidth of the month before while that may still grow. Read `README.md` beside this file for rights and quirks.

mod accounts;
mod bandwidth;
mod check;
mod envelope;
mod limits;
mod months;
mod panel;
mod privileges;
mod refusal;
mod settings;
mod storage;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Mutex;

use async_trait::async_trait;

use self::accounts::Listed;
use self::bandwidth::MonthTotals;
use self::months::Calendar;
use self::panel::{ACCTCOUNTS, LISTACCTS, Panel, SHOWBW};
use self::privileges::Watch;
use self::refusal::CallFailure;
use self::settings::{LimitBy, PanelConfig, StorageFrom};
use super::kit::suspend;
use super::{
    Applied, Backend, BackendError, CheckStep, History, Kind, Limiter, Memory, Past, PollRequest, Target,
    Wants,
};
use crate::domain::{AccountName, FoundBy, Harvest, Limit, Meter, Month, Policy};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about cPanel before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "cpanel",
    meters: &[Meter::StorageUsed, Meter::TrafficTotal],
    can_limit: true,
    found_by: FoundBy::Username,
    // A port of 10 Gbit/s; two hours of traffic may show at once.
    max_rate: Some(1_000_000_000),
    refusal_pause: super::PAST_THE_GUARD,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

/// The columns of the list that are used; all of them are several times as long.
const WANTED: &str =
    "user,domain,owner,plan,suspended,suspendreason,is_locked,disklimit,diskused,unix_startdate";

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = PanelConfig::read(section)?;
    Ok(Box::new(Cpanel { panel: Panel::new(http, &config), config, watch: Mutex::default() }))
}

struct Cpanel {
    panel: Panel,
    config: PanelConfig,
    /// What the token could do when it was looked at.
    watch: Mutex<Watch>,
}

#[async_trait]
impl Backend for Cpanel {
    fn addresses(&self) -> Vec<Url> {
        vec![self.panel.base().clone()]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let listed = self.listed(ask.only.as_ref()).await?;
        for account in &listed.accounts {
            account.put_facts(harvest);
        }
        self.read_storage(&listed, ask.now, harvest).await?;
        let calendar = self.calendar(ask.now);
        let traffic_limits = self.read_traffic(&listed, &calendar, ask, harvest).await?;
        self.put_policies(&listed, &traffic_limits, harvest);
        if ask.only.is_some() {
            return Ok(());
        }
        let kept_all = self.watch_privileges(calendar.today(), harvest).await?;
        if kept_all && self.is_whole(&listed, harvest).await? {
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
impl History for Cpanel {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        let listed = self.listed(None).await?;
        let calendar = self.calendar(past.now);
        for month in calendar.for_past(past.since, past.until) {
            let told = self.month(month, None).await;
            self.put_month(&listed, &calendar, month, &credentials_first(told)?, harvest);
        }
        Ok(())
    }
}

#[async_trait]
impl Limiter for Cpanel {
    fn by_suspending(&self) -> bool {
        self.config.limit_by == LimitBy::Suspend
    }

    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        match self.config.limit_by {
            LimitBy::Suspend => suspend::remember(self, target.account).await,
            LimitBy::Bandwidth => self.remember_bandwidth(target.account).await,
        }
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        // What was limited in one way is restored in that way, whatever the config says by now.
        match limits::is_of_bandwidth(memory).unwrap_or(self.config.limit_by == LimitBy::Bandwidth) {
            false => suspend::apply(self, target.account, policy, memory).await,
            true => self.apply_bandwidth(target.account, policy, memory).await,
        }
    }
}

impl Cpanel {
    fn calendar(&self, now: crate::domain::Timestamp) -> Calendar {
        Calendar { zone: self.config.zone, now }
    }

    /// Everybody, or one account alone.
    async fn listed(&self, only: Option<&AccountName>) -> Result<Listed, BackendError> {
        let pattern = only.map(|account| panel::exactly(account.as_str()));
        let mut arguments = vec![("want", WANTED)];
        if let Some(pattern) = &pattern {
            // A search without its type is ignored, and everybody is listed (WHM API 1, "listaccts").
            arguments.extend([("searchtype", "user"), ("search", pattern.as_str())]);
        }
        let payload = self.panel.get(&LISTACCTS, &arguments).await?;
        let mut listed = Listed::read(&payload).map_err(|detail| LISTACCTS.unexpected(detail))?;
        if let Some(only) = only {
            listed.accounts.retain(|account| account.name == *only);
        }
        Ok(listed)
    }

    /// What was moved in one month, by user; of one account alone where it is named.
    async fn month(&self, month: Month, only: Option<&AccountName>) -> Result<MonthTotals, CallFailure> {
        let (year, number) = ((month.number() / 100).to_string(), (month.number() % 100).to_string());
        let pattern = only.map(|account| panel::exactly(account.as_str()));
        let mut arguments = vec![("month", number.as_str()), ("year", year.as_str())];
        if let Some(pattern) = &pattern {
            arguments.extend([("searchtype", "user"), ("search", pattern.as_str())]);
        }
        let payload = self.panel.get(&SHOWBW, &arguments).await?;
        let told = MonthTotals::read(&payload, month);
        told.map_err(|detail| SHOWBW.unexpected(format!("{month}: {detail}")).into())
    }

    /// Whether everybody was listed. A list of nobody is also what a token shows that lost its rights: then the panel's
    /// own count has to say so.
    async fn is_whole(&self, listed: &Listed, harvest: &mut Harvest) -> Result<bool, BackendError> {
        if let Some(first) = listed.strange.first() {
            let count = listed.strange.len();
            harvest.warn(format!("{count} rows of the list are left out, the first: {first}"));
            return Ok(false);
        }
        if !listed.accounts.is_empty() {
            return Ok(true);
        }
        let counted = credentials_first(self.panel.get(&ACCTCOUNTS, &[]).await)?;
        match counted.map(|payload| accounts::counted(&payload)) {
            Ok(Some((_, 0))) => Ok(true),
            Ok(Some((owner, count))) => Err(LISTACCTS.unexpected(format!(
                "no account is listed, and {owner} has {count} by acctcounts: the token has lost a right"
            ))),
            Ok(None) => {
                harvest.warn("no account is listed, and acctcounts tells no number: nobody counts as gone");
                Ok(false)
            }
            Err(error) => {
                harvest.warn(format!("no account is listed, and nothing proves it ({error})"));
                Ok(false)
            }
        }
    }

    /// Which of our two policies each account shows.
    fn put_policies(&self, listed: &Listed, limits: &bandwidth::Limits, harvest: &mut Harvest) {
        for account in &listed.accounts {
            let limit = limits.get(account.name.as_str()).copied().unwrap_or(Limit::Unknown);
            let is_ours = limits::is_ours(limit);
            let facts = harvest.facts_mut(&account.name);
            facts.policy = match self.config.limit_by {
                LimitBy::Suspend => account.shown_policy(),
                LimitBy::Bandwidth if is_ours => Some(Policy::Limited),
                LimitBy::Bandwidth => limit.is_known().then_some(Policy::Standard),
            };
            // A limit of our own making is not what was sold.
            let hides = self.config.limit_by == LimitBy::Bandwidth && is_ours;
            facts.traffic_limit = if hides { Limit::Unknown } else { limit };
        }
    }
}

/// The answer, or why there is none; a refused credential ends the poll, because the panel bans those who insist.
fn credentials_first<T>(answered: Result<T, CallFailure>) -> Result<Result<T, BackendError>, BackendError> {
    match answered {
        Err(CallFailure::Refusal(refusal)) if refusal.is_credentials() => Err(refusal.into()),
        answered => Ok(answered.map_err(BackendError::from)),
    }
}

impl StorageFrom {
    /// The road of its figures: the two differ by rounding, and never stand in one series unsaid.
    fn road(self) -> &'static str {
        match self {
            StorageFrom::GetDiskUsage => "storage by get_disk_usage",
            StorageFrom::Listaccts => "storage by listaccts",
        }
    }
}
