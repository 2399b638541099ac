//! The steps of `check`: everything a poll and a switch will need, tried one by one. Changes nothing on the NAS.

use super::accounts::User;
use super::call::ApiCall;
use super::quota::Quotas;
use super::refusal::{AUTH, CallFailure};
use super::settings::Limiting;
use super::{BackendError, CheckStep, Synology, Wants};
use crate::backends::PollRequest;
use crate::backends::kit::check::{is_hopeless, step};
use crate::domain::Harvest;
use crate::http::excerpt;

/// How much of the panel's own words is shown.
const SHOWN: usize = 60;

impl Synology {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        let probed = self.nas.http().probe(self.nas.base()).await;
        steps.extend(probed.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        let offers =
            self.nas.offers().await.map(|apis| format!("{} of those that may be used", apis.count()));
        step(steps, "interfaces of the NAS", true, offers);
        if is_hopeless(steps) {
            return;
        }
        step(steps, "login", true, self.check_login().await);
        if is_hopeless(steps) {
            return;
        }
        step(steps, "system", false, self.check_system().await);
        let users = self.nas.users().await.map_err(BackendError::from);
        let shown = users.as_ref().map_err(Clone::clone).and_then(|users| match users.is_whole {
            true => Ok(format!("{} users", users.all.len())),
            false => Err(BackendError::Unexpected {
                at: "SYNO.Core.User list".into(),
                detail: "the list is not known to be whole".into(),
            }),
        });
        step(steps, "right to list users", true, shown);
        let Ok(users) = users else { return };
        let accounts = self.check_accounts(users.all).await;
        let count = accounts.as_ref().map(Vec::len).map_err(Clone::clone);
        step(steps, "accounts and their groups", true, count.map(|count| format!("{count} accounts")));
        let Ok(accounts) = accounts else { return };
        step(steps, "quotas", true, self.check_quota(accounts.first()).await);
        step(steps, "many users in one call", false, self.check_batch(accounts.first()).await);
        step(steps, "time zone", false, self.check_zone().await);
        if wants.limiting && !is_hopeless(steps) {
            step(steps, "right to change users, for limits", true, self.may_write().await);
            if self.config.limiting == Limiting::Quota {
                let told = "not tried: how quotas of shared folders are written is not documented; each is read back";
                step(steps, "quotas, for limits", false, Ok(told.into()));
            }
        }
    }

    /// Any call logs in; this one is the smallest.
    async fn check_login(&self) -> Result<String, BackendError> {
        match self.nas.call(&ApiCall::get("SYNO.DSM.Info", "getinfo")).await {
            Ok(_) | Err(CallFailure::Failed(BackendError::NotOffered(_))) => {}
            // Let in, and told that this call is not for everybody: the next step tells what is missing.
            Err(CallFailure::Refusal(refusal)) if refusal.api != AUTH => {}
            Err(failure) => return Err(failure.error()),
        }
        Ok(match self.nas.is_trusted_until_its_end() {
            true => "let in by the one-time password: the NAS trusts this machine until whmeter ends. Put a device \
                     token into device_token_file (README.md)"
                .into(),
            false => "let in".into(),
        })
    }

    async fn check_system(&self) -> Result<String, BackendError> {
        let data = match self
            .nas
            .call(&ApiCall::get("SYNO.DSM.Info", "getinfo"))
            .await
            .map_err(BackendError::from)
        {
            Ok(data) => data,
            Err(BackendError::NotOffered(_)) => return Ok("not told".into()),
            Err(error) => return Err(error),
        };
        let text =
            |key: &str| data.get(key).and_then(|value| value.as_str()).map(|text| excerpt(text, SHOWN));
        let version = text("version_string").unwrap_or_else(|| "version not told".into());
        Ok(format!("{}, {version}", text("model").unwrap_or_else(|| "model not told".into())))
    }

    /// The users that are accounts.
    async fn check_accounts(&self, users: Vec<User>) -> Result<Vec<User>, BackendError> {
        let groups = super::select::Groups::read(&self.nas, &self.config).await?;
        let ask = PollRequest::at(self.nas.http().clock().now());
        let (accounts, _) = super::select::select(users, &groups, &self.config, &ask, &mut Harvest::new());
        Ok(accounts.into_iter().map(|account| account.user).collect())
    }

    async fn check_quota(&self, user: Option<&User>) -> Result<String, BackendError> {
        let Some(user) = user else { return Ok("no account to try it with".into()) };
        let data = self.nas.quota(&user.name).await?;
        let strange = |detail| BackendError::Unexpected { at: "SYNO.Core.Quota get".into(), detail };
        let quotas = Quotas::read(&data, &self.config.shares).map_err(strange)?;
        let used = quotas.used().map_err(strange)?;
        let places: Vec<String> = quotas.places().iter().map(ToString::to_string).collect();
        Ok(format!("{} uses {} bytes: {}", user.name, used.get(), places.join(", ")))
    }

    async fn check_batch(&self, user: Option<&User>) -> Result<String, BackendError> {
        let Some(user) = user else { return Ok("no account to try it with".into()) };
        match self.nas.quotas(&[&user.name]).await {
            Ok(_) => Ok("taken".into()),
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.refuses_batches()) => {
                Ok("not taken: users are asked about one by one".into())
            }
            Err(failure) => Err(failure.error()),
        }
    }

    /// The city that the NAS names its zone by is none of the names that `timezone` takes.
    async fn check_zone(&self) -> Result<String, BackendError> {
        let data = match self
            .nas
            .call(&ApiCall::get("SYNO.Core.System", "info"))
            .await
            .map_err(BackendError::from)
        {
            Ok(data) => data,
            Err(BackendError::NotOffered(_)) => return Ok("not told".into()),
            Err(error) => return Err(error),
        };
        let told = data.get("time_zone").and_then(|zone| zone.as_str()).map(|zone| excerpt(zone, SHOWN));
        let told = told.unwrap_or_else(|| "no zone".into());
        let configured =
            self.config.zone.map_or("not configured".to_string(), |zone| zone.name().to_string());
        Ok(format!(
            "the NAS says {told}, timezone is {configured}; it is for dates on which accounts expire alone"
        ))
    }
}
