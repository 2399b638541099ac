//! `whmeter serve`: the daemon.

use clap::Args;

use super::{ConfigArg, Outcome};
use crate::app::App;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArg,
}

impl Serve {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock) = self.config.read("info,tokio_cron_scheduler=warn")?;
        let path = config.path.clone();
        let (app, serve) = App::build(config, clock).await?;
        Ok(app.run(serve, &path).await?)
    }
}
