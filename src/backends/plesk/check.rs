//! The steps of `check`: everything a poll and a switch will need, tried one by one.
//!
//! Changes nothing on the panel. Whether the login may suspend shows only when something is written: a change of nothing
//! is asked for of a subscription that no panel has.

use super::listing::Listed;
use super::request::{Operation, Which};
use super::settings::{ActsAs, AdditionalSites};
use super::traffic::{Days, Evidence};
use super::window::Window;
use super::{BackendError, CallFailure, CheckStep, Plesk, Wants, names, panel, sites};
use crate::backends::kit::check::{is_hopeless, step};
use crate::domain::Timestamp;

/// No subscription: the largest number that the panel could ever give.
const NOBODY: u64 = 2_147_483_647;

/// Of a hundred parts of what the panel counts of a month, so many may lack in its days: it counts until another minute.
const MAY_LACK_PERCENT: u128 = 5;

impl Plesk {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        let probed = self.panel.http().probe(self.panel.base()).await;
        steps.extend(probed.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        step(steps, "login", true, self.check_login().await);
        if is_hopeless(steps) {
            return;
        }
        let listed =
            self.listed(Which::All, &["gen_info", "resource-usage"]).await.map_err(CallFailure::error);
        let shown = listed.as_ref().map(shown).map_err(Clone::clone);
        step(steps, "subscriptions, right to read them", true, shown);
        let Ok(listed) = listed else { return };
        step(steps, "subscriptions that the server counts", false, self.check_count(&listed).await);
        let now = self.panel.http().clock().now();
        step(steps, "statistics of traffic", true, self.check_statistics(now).await);
        let plans = names::plans(&self.panel).await.map(|plans| format!("{} plans", plans.len()));
        step(steps, "names of plans", false, plans);
        if self.config.acts_as == ActsAs::Admin {
            let resellers = names::resellers(&self.panel).await;
            step(steps, "resellers", false, resellers.map(|all| format!("{} resellers", all.len())));
        }
        step(steps, "what the server counts", false, self.check_preferences().await);
        step(steps, "days against the month's total", false, self.check_month(&listed, now).await);
        if wants.limiting && !is_hopeless(steps) {
            step(steps, "right to suspend, for limits", true, self.check_writing().await);
        }
    }

    async fn check_login(&self) -> Result<String, BackendError> {
        let answered = self.panel.ask_one(&Operation::protocols()).await?;
        let protocols = answered.map(|result| panel::protocols(&result)).unwrap_or_default();
        let newest = protocols.into_iter().max_by_key(|one| panel::numbers(one));
        Ok(newest.map_or("let in".into(), |newest| format!("let in; protocols until {newest}")))
    }

    /// The server's own count, where it tells one to this login. It counts domains, so it is a hint.
    async fn check_count(&self, listed: &Listed) -> Result<String, BackendError> {
        let counted = match self.panel.ask_one(&Operation::server("stat")).await {
            Ok(result) => result,
            Err(CallFailure::Refusal(_)) => return Ok("not told to this login".into()),
            Err(failure) => return Err(failure.error()),
        };
        let objects =
            counted.as_ref().and_then(|result| result.child("stat")).and_then(|stat| stat.child("objects"));
        let Some(Ok(domains)) = objects.map(|objects| objects.whole("domains")) else {
            return Ok("not told".into());
        };
        Ok(format!(
            "{} subscriptions are listed, the server has {domains} domains",
            listed.subscriptions.len()
        ))
    }

    /// How far statistics have run. Without any, nothing could be billed.
    async fn check_statistics(&self, now: Timestamp) -> Result<String, BackendError> {
        let window = Window::of_poll(self.config.zone, now, Some(now));
        let answered = self.traffic(Which::All, window.first, None).await?;
        let mut evidence = Evidence::default();
        answered.days.values().for_each(|days| evidence.add(days));
        Ok(match evidence.newest() {
            Some(newest) => format!("counted until {newest}, in {}", self.config.zone.name()),
            None => format!("no day since {} is counted yet", window.first),
        })
    }

    /// Settings that explain figures; every one of them is optional.
    async fn check_preferences(&self) -> Result<String, BackendError> {
        let told = match self.panel.ask_one(&Operation::server("prefs")).await {
            Ok(result) => result,
            Err(CallFailure::Refusal(_)) => return Ok("not told to this login".into()),
            Err(failure) => return Err(failure.error()),
        };
        let preferences = told.as_ref().and_then(|result| result.child("prefs"));
        let shown = ["stat_ttl", "traffic_accounting", "include_remote_databases"].map(|name| {
            let value = preferences.and_then(|preferences| preferences.text(name));
            format!(
                "{name} {}",
                value.map_or_else(|| "not told".into(), |value| crate::http::excerpt(value, 20))
            )
        });
        Ok(shown.join(", "))
    }

    /// Whether the days come to what the panel counts of the month: additional sites may be missing in them.
    async fn check_month(&self, listed: &Listed, now: Timestamp) -> Result<String, BackendError> {
        let today = self.config.zone.day_of(now);
        let answered = self.traffic(Which::All, today.month().first(), None).await?;
        let mut days: u128 = answered.days.values().map(Days::total).sum();
        if self.config.additional_sites == AdditionalSites::Added {
            let ids: Vec<u64> = listed.subscriptions.iter().map(|one| one.id).collect();
            let window = Window { zone: self.config.zone, now, first: today.month().first() };
            let sites = sites::traffic(&self.panel, &ids, window, None).await?;
            days += sites.values().flatten().map(|(_, days)| days.total()).sum::<u128>();
        }
        let counted = listed.subscriptions.iter().filter_map(|one| one.month_used);
        let (known, counted) = (counted.clone().count(), counted.map(u128::from).sum::<u128>());
        if known == 0 {
            return Ok("the month's total is not told".into());
        }
        match days * 100 < counted * (100 - MAY_LACK_PERCENT) {
            true => Err(BackendError::Unexpected {
                at: "webspace/get_traffic".into(),
                detail: format!(
                    "its days come to {days} bytes this month, and max_traffic counts {counted}: if subscriptions have \
                     additional sites, set additional_sites = \"added\" before anything is billed"
                ),
            }),
            false => Ok(format!("{days} bytes by days, {counted} by max_traffic")),
        }
    }

    /// Whoever lacks the right is refused before the panel looks for the subscription. The manual does not say so; a
    /// panel that looks first lets this step pass.
    async fn check_writing(&self) -> Result<String, BackendError> {
        match self.panel.ask_one(&Operation::set_status(NOBODY, None)).await {
            Err(CallFailure::Refusal(refusal)) => match BackendError::from(refusal) {
                refused @ BackendError::Refused(_) => Err(refused),
                _ => Ok("not refused".into()),
            },
            Err(failure) => Err(failure.error()),
            Ok(_) => Ok("not refused".into()),
        }
    }
}

fn shown(listed: &Listed) -> String {
    let warnings: String = listed.warnings.iter().map(|warning| format!("; {warning}")).collect();
    format!("{} subscriptions{warnings}", listed.subscriptions.len())
}
