//! `whmeter accept`: what is doubted is true, says an operator with his reason; the next answer is believed.

use clap::Args;

use super::policy::{key, operator};
use super::{CommandError, ConfigArg, Outcome, print};
use crate::app::App;
use crate::collector::AdjustError;
use crate::domain::AccountName;
use crate::metering::Acceptance;
use crate::store::{HeldList, ListAcceptance};

#[derive(Debug, Args)]
pub(super) struct Accept {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// This account only; without it everything of the backend that is held back, its list of accounts included
    account: Option<String>,
    /// WHMCS gave the services of the backend's server new numbers, but they are the same: accept the next list and
    /// move everything to the new numbers
    #[arg(long)]
    renumbered: bool,
    /// Reason, kept for ever beside the numbers
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A reason that can be kept.
pub(super) fn reason(text: &str) -> Result<String, CommandError> {
    let reason = text.trim();
    if reason.is_empty() || reason.len() > 1000 {
        return Err(CommandError::Misused("--reason: say why, in at most 1000 characters".into()));
    }
    Ok(reason.to_string())
}

impl Accept {
    pub(super) async fn run(self) -> Outcome {
        let reason = reason(&self.reason)?;
        if self.renumbered && self.account.is_some() {
            let why = "--renumbered is for all services of the backend's WHMCS server: leave ACCOUNT out";
            return Err(CommandError::Misused(why.into()));
        }
        let account: Option<AccountName> = match &self.account {
            Some(account) => Some(key(&self.backend, account)?.name),
            None => None,
        };
        let (config, clock) = self.config.read("error")?;
        let (app, _) = App::build(config, clock).await?;
        let metered = app.collector().panel(&self.backend);
        let metered = metered
            .ok_or_else(|| CommandError::Misused(format!("no backend {:?} in the config", self.backend)))?;
        let of = account
            .as_ref()
            .map_or_else(|| self.backend.clone(), |account| format!("{} {account}", self.backend));
        let acceptance = Acceptance { account, author: operator(), reason };
        let list = match (&acceptance.account, metered.whmcs_server) {
            (None, Some(server)) => {
                let said = ListAcceptance {
                    same_services: self.renumbered,
                    author: acceptance.author.clone(),
                    reason: acceptance.reason.clone(),
                };
                app.store().accept_list(server, &said, clock.now()).await?
            }
            (None, None) if self.renumbered => {
                let why =
                    format!("--renumbered: {of} has no whmcs_server, so WHMCS sends no services for it");
                return Err(CommandError::Misused(why));
            }
            _ => None,
        };
        if let Some(list) = list {
            print(accepted(&of, &list, self.renumbered));
        }
        // Nothing else was meant.
        if self.renumbered {
            app.store().close().await;
            return Ok(());
        }
        let clock = match &acceptance.account {
            None => app.store().accept_clock(&metered.id).await?,
            Some(_) => None,
        };
        if let Some(seconds) = clock {
            print(format!(
                "{of}: that the panel's clock is {} s {} ours is accepted",
                seconds.abs(),
                if seconds < 0 { "behind" } else { "ahead of" }
            ));
        }
        let accepted = app.collector().accept(&metered, &acceptance).await;
        app.store().close().await;
        let accepted = match accepted {
            Err(AdjustError::Nothing(_)) if list.is_some() || clock.is_some() => return Ok(()),
            accepted => accepted.map_err(|error| CommandError::Tried(format!("{of}: {error}")))?,
        };
        for (account, meter) in &accepted.series {
            print(format!("{} {account} {meter}: accepted; the next poll counts it", self.backend));
        }
        if let Some(doubt) = accepted.list {
            print(format!(
                "{}: that {} of {} accounts are not in its list is accepted; they are missing with the next poll, and \
                 gone with the one after",
                self.backend, doubt.missing, doubt.of
            ));
        }
        Ok(())
    }
}

fn accepted(of: &str, list: &HeldList, same_services: bool) -> String {
    let what = match list.moved {
        0 => "that its server's services get other numbers".into(),
        moved => format!("that {moved} of {} services have other numbers", list.of),
    };
    let then = match same_services {
        true => "the next list from WHMCS is accepted, and they stay the same services",
        false => "the next list from WHMCS is accepted, and they are other services",
    };
    format!("{of}: {what} is accepted; {then}")
}
