//! DirectAdmin: what every user stores, and moves in a month of the server.
//!
//! The story of a poll: what is the login, when did the server count last, who is there, what did each of them use, and
//! which month is that. Read `README.md` beside this file for rights and quirks.

mod accounts;
mod amount;
mod check;
mod form;
mod lines;
mod month;
mod panel;
mod refusal;
mod row;
mod settings;
mod switch;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use async_trait::async_trait;

use self::accounts::{Configuration, Listed, compare};
use self::amount::with_extra;
use self::month::{Before, Decided, Measured, decide};
use self::panel::Panel;
use self::refusal::{CallFailure, Meaning};
use self::row::{Created, Row, Rows};
use self::settings::{FiguresFrom, Level, ServerConfig};
use self::switch::shown_policy;
use super::kit::many::{Patience, some_at_once};
use super::kit::suspend;
use super::{Applied, Backend, BackendError, CheckStep, Kind, Limiter, Memory, PollRequest, Target, Wants};
use crate::domain::{
    AccountName, BillingZone, FoundBy, Harvest, Limit, Meter, Month, Policy, Reading, Reason, Seconds,
    Source, Span, Timestamp,
};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about DirectAdmin before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "directadmin",
    meters: &[Meter::StorageUsed, Meter::TrafficTotal],
    can_limit: true,
    found_by: FoundBy::Username,
    // A server with a network card of 10 Gbit/s.
    max_rate: Some(1_000_000_000),
    refusal_pause: super::PAST_THE_GUARD,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

/// How many configurations are asked for at once.
const AT_ONCE: usize = 4;

/// After so many in a row without an answer the server is dead.
const GIVEN_UP_AFTER: u32 = 8;

/// A server counts every night: after this long it does not count any more.
const STALE_AFTER: Seconds = Seconds::hours(36);

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let config = ServerConfig::read(section)?;
    Ok(Box::new(DirectAdmin { panel: Panel::new(http, &config), config }))
}

struct DirectAdmin {
    panel: Panel,
    config: ServerConfig,
}

#[async_trait]
impl Backend for DirectAdmin {
    fn addresses(&self) -> Vec<Url> {
        // Each reseller sees a part of a server.
        let mut base = self.panel.base().clone();
        if self.config.level == Level::Reseller {
            base.set_fragment(Some(&self.config.username));
        }
        vec![base]
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.read(ask, harvest).await
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for DirectAdmin {
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

/// What a poll knows besides the rows: enough to make readings of each of them.
struct Picture<'p> {
    ask: &'p PollRequest,
    zone: BillingZone,
    measured: Measured,
    month: Result<Month, String>,
    listed: Listed,
    configurations: BTreeMap<AccountName, Result<Configuration, BackendError>>,
}

impl DirectAdmin {
    async fn read(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        // The first call decides whether there are others: every refused one counts on the server's black list.
        self.panel.role(self.config.level).await?;
        let zone = self.panel.zone(&self.config).await?;
        let measured = self.look(ask.now, harvest).await?;
        let listed = self.panel.listed(self.config.level).await?;
        let mut rows = self.panel.figures(&self.config).await?;
        harvest.by_road(match self.config.figures {
            FiguresFrom::Table => "the table of accounts",
            FiguresFrom::Lines => "CMD_API_ALL_USER_USAGE",
        });
        if compare(&listed, &rows, harvest)? && ask.only.is_none() {
            harvest.listed_everyone();
        }
        let month = self.month(ask, zone, measured, &rows, harvest);
        if let Some(only) = &ask.only {
            rows.accounts.retain(|name, _| name == only);
        }
        self.find_reasons(ask, &mut rows).await?;
        let configurations = self.configurations(ask, zone, &rows).await?;
        let picture = Picture { ask, zone, measured, month, listed, configurations };
        for (name, row) in &rows.accounts {
            self.put(name, row, &picture, harvest);
        }
        let is_wanted = |name: &&AccountName| ask.only.as_ref().is_none_or(|only| only == *name);
        let missing = picture.listed.accounts.iter().filter(|name| !rows.accounts.contains_key(*name));
        for name in missing.filter(is_wanted) {
            harvest.unread(name, None, Reason::Unexpected, "it is listed, and has no row of figures");
        }
        Ok(())
    }

    /// When the server counted last.
    async fn look(&self, now: Timestamp, harvest: &mut Harvest) -> Result<Measured, BackendError> {
        let (measured, untold) = self.panel.measured(self.config.level, now).await?;
        untold.into_iter().for_each(|why| harvest.warn(why));
        if now.since(measured.at) > STALE_AFTER {
            harvest.warn(format!("the server counted last on {}: does its nightly tally run?", measured.at));
        }
        Ok(measured)
    }

    /// Which month the totals are for, decided once for all of them.
    fn month(
        &self,
        ask: &PollRequest,
        zone: BillingZone,
        measured: Measured,
        rows: &Rows,
        harvest: &mut Harvest,
    ) -> Result<Month, String> {
        let before = Before::of(&ask.heard, &rows.accounts, zone);
        let decided = decide(measured, zone, before);
        match decided {
            Ok(Decided { month, note }) => {
                note.into_iter().for_each(|note| harvest.warn(note));
                Ok(month)
            }
            Err(why) => {
                harvest.warn(why.clone());
                Err(why)
            }
        }
    }

    /// Why accounts of ours are suspended, where the lines do not say it: the table does.
    async fn find_reasons(&self, ask: &PollRequest, rows: &mut Rows) -> Result<(), BackendError> {
        let is_unclear = |name: &AccountName| {
            rows.accounts.get(name).is_some_and(|row| row.suspended == Some(true) && row.reason.is_none())
        };
        if self.config.figures == FiguresFrom::Table || !ask.limited.iter().any(is_unclear) {
            return Ok(());
        }
        match self.panel.table(self.config.level).await {
            Ok(table) => {
                for (name, told) in table.rows.accounts {
                    if let Some(row) = rows.accounts.get_mut(&name) {
                        row.reason = told.reason.or(row.reason.take());
                    }
                }
                Ok(())
            }
            // It is only about the reason.
            Err(BackendError::Unexpected { .. } | BackendError::NotOffered(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The configurations that this poll needs: of accounts whose date is told nowhere else and not known, of all once a
    /// day; and of all wherever additional traffic is wanted.
    async fn configurations(
        &self,
        ask: &PollRequest,
        zone: BillingZone,
        rows: &Rows,
    ) -> Result<BTreeMap<AccountName, Result<Configuration, BackendError>>, BackendError> {
        let today = zone.day_of(ask.now);
        let is_first_today = ask.heard.last_look().is_none_or(|look| zone.day_of(look) < today);
        let is_known = |name: &AccountName| ask.heard.identity(name).and_then(Created::of).is_some();
        let wanted = |name: &&AccountName| {
            let for_date = self.config.figures == FiguresFrom::Lines && (is_first_today || !is_known(name));
            for_date || self.config.additional_bandwidth
        };
        let calls = rows.accounts.keys().filter(wanted).cloned();
        let calls: Vec<_> = calls
            .map(|name| async move {
                let answered = self.panel.configuration(&name).await;
                (name, answered)
            })
            .collect();
        let mut configurations = BTreeMap::new();
        let mut patience = Patience::new(GIVEN_UP_AFTER);
        for (name, answered) in some_at_once(AT_ONCE, calls).await {
            if let Err(CallFailure::Refusal(refusal)) = &answered
                && matches!(refusal.meaning, Meaning::Login | Meaning::Right)
            {
                return Err(refusal.clone().into());
            }
            let answered = answered.map_err(CallFailure::error);
            patience.note(answered.as_ref().err())?;
            configurations.insert(name, answered);
        }
        Ok(configurations)
    }

    fn put(&self, name: &AccountName, row: &Row, picture: &Picture<'_>, harvest: &mut Harvest) {
        let configuration = picture.configurations.get(name);
        let told = configuration.and_then(|configuration| configuration.as_ref().ok());
        let created = row
            .created
            .clone()
            .or_else(|| told.and_then(|told| told.get("date_created")).and_then(Created::text));
        let facts = harvest.facts_mut(name);
        facts.identity = created.as_ref().map(Created::identity).unwrap_or_default();
        let known = picture.ask.heard.identity(name).and_then(Created::of);
        let born = created.or(known).and_then(|created| created.instant(picture.zone));
        facts.created = born;
        facts.suspended = row.suspended;
        facts.suspended_for.clone_from(&row.reason);
        facts.policy = shown_policy(row, picture.ask.limited.contains(name));
        facts.package.clone_from(&row.package);
        facts.domain.clone_from(&row.domain);
        facts.reseller = self.reseller(name, row, &picture.listed);
        facts.storage_limit = row.storage_limit;
        facts.traffic_limit = match (self.config.additional_bandwidth, told) {
            (false, _) => row.traffic_limit,
            (true, Some(told)) => with_extra(row.traffic_limit, told.get("additional_bandwidth")),
            (true, None) => Limit::Unknown,
        };
        let at = if self.config.realtime_quota { picture.ask.now } else { picture.measured.at };
        let level = row.storage.clone().map(|level| Reading::Gauge { at, level });
        let unborn = configuration.and_then(|answered| answered.as_ref().err()).filter(|_| born.is_none());
        let total = match unborn {
            // The span of its total begins with it. One that began otherwise the next time would be another total.
            Some(error) => Err((error.reason(), format!("since when it is there is not known: {error}"))),
            None => total(row, picture, born).map_err(|why| (Reason::Unexpected, why)),
        };
        let level = level.map_err(|why| (Reason::Unexpected, why));
        for (meter, reading) in [(Meter::StorageUsed, level), (Meter::TrafficTotal, total)] {
            match reading {
                Ok(reading) => harvest.add_reading(name, meter, reading),
                Err((reason, why)) => harvest.unread(name, Some(meter), reason, why),
            }
        }
    }

    /// The reseller that an account belongs to; empty where that is the server's own administration.
    fn reseller(&self, name: &AccountName, row: &Row, listed: &Listed) -> Option<String> {
        let own = &self.config.username;
        match (self.config.level, row.creator.as_deref()) {
            (_, None) if self.config.level == Level::Admin => None,
            (Level::Admin, Some(creator)) if listed.admins.contains(creator) => Some(String::new()),
            (Level::Admin, creator) => creator.map(str::to_string),
            // Whose the reseller's own account is, resellers are not told.
            (Level::Reseller, _) if name.as_str() == own => None,
            (Level::Reseller, creator) => Some(creator.unwrap_or(own).to_string()),
        }
    }
}

/// The total of the month that was decided, from when the account was made.
fn total(row: &Row, picture: &Picture<'_>, born: Option<Timestamp>) -> Result<Reading, String> {
    let total = row.traffic.clone()?;
    let month = picture.month.clone()?;
    let (start, end) = (month.first(), month.next().first());
    let (start, end) = (picture.zone.start_of(start), picture.zone.start_of(end));
    let start =
        born.filter(|born| *born < end && *born <= picture.ask.now).map_or(start, |born| born.max(start));
    let span = Span::new(start, end).map_err(|error| error.to_string())?;
    // What is told of a month that is over was measured before its end, and an account is not older than itself.
    let at = picture.measured.at.min(span.end()).max(span.start());
    Ok(Reading::PeriodTotal { source: Source::default(), at, span, total })
}
