//! `whmeter backup`: a copy of the database, made while it is in use.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigArg, Outcome, print};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The new file; one that is there is not overwritten
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArg,
}

impl Backup {
    pub(super) async fn run(self) -> Outcome {
        let (config, _) = self.config.read("warn")?;
        let bytes = Store::back_up(&config.store, &config.folder, &self.file).await?;
        print(format!(
            "{}: {bytes} bytes; `whmeter verify` with a config whose [store] names it checks it",
            self.file.display()
        ));
        Ok(())
    }
}
