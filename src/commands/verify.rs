//! `whmeter verify`: whether the journal holds, and whether the stored days are what it says they are.

use clap::Args;
use serde_json::json;

use super::{ConfigArg, Failure, Outcome, print, print_json, stored_backends};

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> Outcome {
        let (_, _, store) = self.config.store().await?;
        let (mut shapes, mut first) = (Vec::new(), None);
        for backend in stored_backends(&store, self.backend.as_deref()).await? {
            let outcome = store.verify(&backend).await?;
            if !self.json {
                print(match &outcome {
                    Ok(verified) => format!(
                        "{backend}: {} entries and {} folds hold, {} days and months are what they say",
                        verified.entries, verified.folds, verified.sums
                    ),
                    Err(difference) => format!("{backend}: DIFFERS: {difference}"),
                });
            }
            shapes.push(match &outcome {
                Ok(verified) => json!({
                    "backend": backend.as_str(), "ok": true, "entries": verified.entries,
                    "folds": verified.folds, "sums": verified.sums,
                }),
                Err(difference) => json!({
                    "backend": backend.as_str(), "ok": false, "difference": difference.to_string(),
                }),
            });
            first = first.or(outcome.err());
        }
        store.close().await;
        if self.json {
            print_json(&shapes)?;
        }
        first.map_or(Ok(()), |difference| Err(Failure::Tried(difference.to_string())))
    }
}
