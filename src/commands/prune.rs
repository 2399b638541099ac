//! `whmeter prune`: retention now.

use clap::Args;
use serde_json::json;

use super::{ConfigArg, Outcome, print, print_json};

#[derive(Debug, Args)]
pub(super) struct Prune {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Prune {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store().await?;
        let keep = config.panels.iter().filter_map(|m| Some((m.id.clone(), m.keep_days?))).collect();
        let now = store.confirmed(clock.now()).await?;
        let pruned = store.prune(config.zone.day_of(now), &keep).await?;
        let mut entries = 0;
        for state in store.backends().await? {
            entries += store.fold_journal(&state.backend, now, &config.rules()).await?;
        }
        let chronicle = store.fold_chronicle(now, config.zone).await?;
        store.close().await;
        if self.json {
            return print_json(&json!({
                "day_points": pruned.day_points, "journal_entries": entries, "chronicle_entries": chronicle,
            }));
        }
        print(format!("{} day points taken away; their months have them in their sums", pruned.day_points));
        print(format!("{entries} journal entries folded into sums of their months"));
        print(format!("{chronicle} entries of the chronicle folded into their sums"));
        Ok(())
    }
}
