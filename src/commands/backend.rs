//! `whmeter backend`: what is stored of backends, and what an operator says of one that the config has no more.

use clap::{Args, Subcommand};
use serde_json::json;

use super::policy::operator;
use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::config::Config;
use crate::domain::BackendId;
use crate::metering::Forgetting;

#[derive(Debug, Args)]
pub(super) struct BackendCommand {
    #[command(subcommand)]
    what: BackendAction,
}

#[derive(Debug, Subcommand)]
enum BackendAction {
    /// List every backend that was ever polled, with its panel and number of accounts
    List(List),
    /// Move the history of a backend to its new name in the config
    Rename(Rename),
    /// End the accounts of a backend that is no longer in the config; its history stays
    Forget(Forget),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rename {
    #[command(flatten)]
    config: ConfigArg,
    /// The old name
    old: String,
    /// The new name, as in the config
    new: String,
}

#[derive(Debug, Args)]
struct Forget {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    name: String,
    /// Reason, kept for ever
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl BackendCommand {
    pub(super) async fn run(self) -> Outcome {
        match self.what {
            BackendAction::List(list) => list.run().await,
            BackendAction::Rename(rename) => rename.run().await,
            BackendAction::Forget(forget) => forget.run().await,
        }
    }
}

fn is_configured(config: &Config, name: &str) -> bool {
    config.panels.iter().any(|panel| panel.id.as_str() == name)
}

impl List {
    async fn run(self) -> Outcome {
        let (config, _, store) = self.config.store_to_read().await?;
        let mut table = Table::new(&[
            "backend",
            "kind",
            "configured",
            "accounts>",
            "gone>",
            "last read",
            "left alone until",
            "panel",
        ]);
        let mut shapes = Vec::new();
        for state in store.backends().await? {
            let standing = store.standing(&state).await?;
            let (name, configured) = (state.backend.as_str(), is_configured(&config, state.backend.as_str()));
            let accounts = standing.present().count();
            let gone = standing.accounts.len() - accounts;
            let read = state.succeeded_at.map(|at| at.to_string());
            let parked = state.parked_until.map(|until| until.to_string());
            table.row([
                name.into(),
                state.kind.clone(),
                if configured { "yes" } else { "no" }.into(),
                accounts.to_string(),
                gone.to_string(),
                read.clone().unwrap_or_else(|| "never".into()),
                parked.clone().unwrap_or_default(),
                state.panel.clone(),
            ]);
            shapes.push(json!({
                "backend": name, "kind": state.kind, "configured": configured, "accounts": accounts, "gone": gone,
                "succeeded_at": read, "parked_until": parked,
                "rewound_at": state.rewound_at.map(|at| at.to_string()),
                "addresses": state.panel.split_whitespace().collect::<Vec<_>>(),
            }));
        }
        store.close().await;
        if self.json {
            return print_json(&shapes);
        }
        print(table);
        Ok(())
    }
}

impl Rename {
    async fn run(self) -> Outcome {
        let Rename { config, old, new } = self;
        let (config, clock) = config.read("error")?;
        if is_configured(&config, &old) {
            return Err(CommandError::Misused(format!(
                "backend {old:?} is in the config: give it its new name there first, or is it another panel?"
            )));
        }
        let kind = config.panels.iter().find(|panel| panel.id.as_str() == new).map(|panel| panel.kind.name);
        let kind = kind.ok_or_else(|| {
            CommandError::Misused(format!(
                "no backend {new:?} in the config: a backend is renamed there first"
            ))
        })?;
        let (from, to) = (name(&old)?, name(&new)?);
        let (app, _) = App::build(config, clock).await?;
        let renamed = app.collector().rename(&from, &to, kind, &operator()).await;
        renamed.map_err(|error| CommandError::Tried(format!("{old} not renamed: {error}")))?;
        app.store().close().await;
        print(format!(
            "{old} is {new} from now on, with all its history; the next poll continues from there"
        ));
        Ok(())
    }
}

impl Forget {
    async fn run(self) -> Outcome {
        let reason = self.reason.trim().to_string();
        if reason.is_empty() || reason.len() > 1000 {
            return Err(CommandError::Misused("--reason: say why, in at most 1000 characters".into()));
        }
        let (config, clock) = self.config.read("error")?;
        if is_configured(&config, &self.name) {
            return Err(CommandError::Misused(format!(
                "backend {:?} is in the config: take it out first, or its next poll finds its accounts again",
                self.name
            )));
        }
        let (app, _) = App::build(config, clock).await?;
        let stored = app.store().backends().await?;
        let state = stored.iter().find(|state| state.backend.as_str() == self.name);
        let state = state.ok_or_else(|| {
            CommandError::Misused(format!("nothing is stored of a backend {:?}", self.name))
        })?;
        let forgetting = Forgetting { author: operator(), reason };
        let ended = app.collector().forget(state, &forgetting).await;
        let ended =
            ended.map_err(|error| CommandError::Tried(format!("{} not forgotten: {error}", self.name)))?;
        app.store().close().await;
        print(match ended {
            0 => format!("{} has no accounts that are not over; nothing was changed", self.name),
            ended => format!("{}: {ended} accounts are over; what they used stays", self.name),
        });
        Ok(())
    }
}

fn name(text: &str) -> Result<BackendId, CommandError> {
    BackendId::new(text).map_err(|error| CommandError::Misused(error.to_string()))
}
