//! `whmeter backfill`: asks panels that keep history for a time gone by.

use clap::Args;

use super::poll::{chosen, report_all};
use super::{CommandError, ConfigArg, Outcome, print};
use crate::app::App;
use crate::backends::BackendError;
use crate::collector::PollError;
use crate::domain::{BillingZone, Timestamp, UsageDay};

#[derive(Debug, Args)]
pub(super) struct Backfill {
    #[command(flatten)]
    config: ConfigArg,
    /// First day, in the billing zone
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: String,
    /// Last day, included; until now when not given
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<String>,
    /// This backend only; default: all that keep history
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backfill {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock) = self.config.read("error")?;
        let (zone, now) = (config.zone, clock.now());
        let since = start_of(zone, "--since", &self.since, false)?;
        let until = self.until.as_deref().map(|until| start_of(zone, "--until", until, true)).transpose()?;
        let until = until.unwrap_or(now);
        if since >= until.min(now) {
            return Err(CommandError::Misused(format!("--since {} is not before its end", self.since)));
        }
        let (app, _) = App::build(config, clock).await?;
        let backends = chosen(&app.collector().panels(), self.backend.as_deref())?;
        let mut reports = Vec::new();
        for metered in &backends {
            let report = app.collector().backfill(metered, since, until).await;
            let keeps_none = matches!(&report.failed, Some(PollError::Panel(BackendError::NotOffered(_))));
            if keeps_none && self.backend.is_none() {
                if !self.json {
                    print(format!("{}: keeps no history", metered.id));
                }
                continue;
            }
            reports.push(report);
        }
        report_all(&reports, self.json)
    }
}

fn start_of(zone: BillingZone, what: &str, day: &str, after: bool) -> Result<Timestamp, CommandError> {
    let day = UsageDay::parse(day).map_err(|error| CommandError::Misused(format!("{what}: {error}")))?;
    Ok(zone.start_of(if after { day.next() } else { day }))
}
