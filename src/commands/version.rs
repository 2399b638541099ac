//! `whmeter version`.

use clap::Args;
use serde_json::json;

use super::{Outcome, print, print_json};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct Version {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Version {
    pub(super) fn run(self) -> Outcome {
        let (version, schema) = (env!("CARGO_PKG_VERSION"), Store::newest_schema());
        let revision = crate::telemetry::REVISION;
        if self.json {
            return print_json(&json!({ "version": version, "revision": revision, "schema": schema }));
        }
        print(format!("whmeter {version} (commit {revision}, store schema {schema})"));
        Ok(())
    }
}
