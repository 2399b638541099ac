//! `whmeter repair`: rows that somebody else has changed become what the journal, or the chronicle, says, with an
//! operator's reason.

use clap::Args;
use serde_json::json;

use super::accept::reason;
use super::policy::operator;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::collector::AdjustError;
use crate::domain::BackendId;
use crate::store::{BackendState, Repair as Said, Repaired};

#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name: its lives, beliefs, owners, crossings, days and months
    #[arg(required_unless_present = "chronicle", conflicts_with = "chronicle")]
    backend: Option<String>,
    /// Repair what the chronicle records instead: reported values, services, pins, acts and invoice lines
    #[arg(long)]
    chronicle: bool,
    /// Reason, kept for ever in the audit
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show what would be repaired, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Repair {
    pub(super) async fn run(self) -> Outcome {
        let said = Said { author: operator(), reason: reason(&self.reason)? };
        let (config, clock) = self.config.read("error")?;
        let (app, _) = App::build(config, clock).await?;
        let chain = match &self.backend {
            Some(name) => Some(stored(&app, name).await?),
            None => None,
        };
        let repaired = self.repaired(&app, chain.as_ref(), &said, clock.now()).await;
        app.store().close().await;
        let name = self.backend.as_deref().unwrap_or("chronicle");
        let rows = repaired.map_err(|error| CommandError::Tried(format!("{name} not repaired: {error}")))?;
        if self.json {
            return print_json(&json!({ "backend": self.backend, "rows": rows, "written": !self.dry_run }));
        }
        rows.iter().for_each(print);
        print(match (rows.len(), self.dry_run) {
            (0, _) => format!("{name}: nothing differs; nothing was changed"),
            (1, true) => format!("{name}: 1 row would be repaired"),
            (count, true) => format!("{name}: {count} rows would be repaired"),
            (1, false) => format!("{name}: 1 row repaired"),
            (count, false) => format!("{name}: {count} rows repaired"),
        });
        Ok(())
    }

    async fn repaired(
        &self,
        app: &App,
        backend: Option<&BackendState>,
        said: &Said,
        now: crate::domain::Timestamp,
    ) -> Result<Vec<Repaired>, AdjustError> {
        let (store, rules) = (app.store(), app.collector().rules());
        Ok(match (backend, self.dry_run) {
            (Some(state), true) => store.would_repair(&state.backend, &rules).await??,
            (Some(state), false) => app.collector().repair(state, said).await?,
            (None, true) => store.would_repair_chronicle().await??,
            (None, false) => store.repair_chronicle(said, now).await??,
        })
    }
}

/// A backend as it is stored, whether it is configured or not.
async fn stored(app: &App, name: &str) -> Result<BackendState, CommandError> {
    let mut states = app.store().backends().await?;
    let found = states.iter().position(|state| state.backend.as_str() == name);
    found.map(|at| states.swap_remove(at)).ok_or_else(|| {
        let known: Vec<&str> = states.iter().map(|state| BackendId::as_str(&state.backend)).collect();
        CommandError::Misused(format!("nothing is stored of a backend {name:?}; known: {}", known.join(", ")))
    })
}
