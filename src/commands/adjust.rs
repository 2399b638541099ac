//! `whmeter adjust`: a correction as a record of its own, with author and reason; nothing is edited.

use clap::Args;

use super::accept::reason;
use super::policy::{key, operator};
use super::{CommandError, ConfigArg, Outcome, print};
use crate::app::App;
use crate::collector::AdjustError;
use crate::domain::{Meter, UsageDay};
use crate::metering::{Adjustment, CannotAdjust};
use crate::settings::Size;

#[derive(Debug, Args)]
pub(super) struct Adjust {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it; NAME~1 is the first life of a name that was reused since
    account: String,
    /// traffic_in, traffic_out or traffic_total
    meter: String,
    /// The day, YYYY-MM-DD in the billing zone
    day: String,
    /// Amount to add or subtract, with its unit: "+5 GB", "-300 MiB"
    #[arg(allow_hyphen_values = true, value_name = "±SIZE")]
    size: String,
    /// Reason, kept for ever beside the number
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Adjust {
    pub(super) async fn run(self) -> Outcome {
        let misused = |error: &dyn std::fmt::Display| CommandError::Misused(error.to_string());
        let meter: Meter = self.meter.parse().map_err(|error| misused(&error))?;
        let day = UsageDay::parse(&self.day).map_err(|error| misused(&error))?;
        let amount = signed(&self.size)?;
        let reason = reason(&self.reason)?;
        let key = key(&self.backend, &self.account)?;
        let (config, clock) = self.config.read("error")?;
        if day > config.zone.day_of(clock.now()) {
            return Err(CommandError::Misused(format!("{day} has not begun yet")));
        }
        let (app, _) = App::build(config, clock).await?;
        let metered = app.collector().panel(&self.backend);
        let metered = metered
            .ok_or_else(|| CommandError::Misused(format!("no backend {:?} in the config", self.backend)))?;
        let (account, author) = (key.name.clone(), operator());
        let adjustment = Adjustment { account, meter, day, amount, author, reason };
        let adjusted = app.collector().adjust(&metered, &adjustment).await;
        let (before, after) = adjusted.map_err(|error| {
            let hint = match &error {
                AdjustError::Cannot(CannotAdjust::Unknown) => {
                    "; `whmeter usage` lists what was, earlier lives of a name as NAME~1"
                }
                _ => "",
            };
            let what = format!("{} {} {meter} on {day} not corrected", key.backend, key.name);
            CommandError::Tried(format!("{what}: {error}{hint}"))
        })?;
        print(format!("{} {} {meter} on {day}: {before} -> {after} bytes", self.backend, self.account));
        app.store().close().await;
        Ok(())
    }
}

fn signed(text: &str) -> Result<i128, CommandError> {
    let expected = |why: String| {
        CommandError::Misused(format!("size {text:?}: {why}; with its sign, like \"+5 GB\" or \"-300 MiB\""))
    };
    let (sign, size) = match (text.strip_prefix('+'), text.strip_prefix(['-', '−'])) {
        (Some(size), _) => (1, size),
        (_, Some(size)) => (-1, size),
        _ => return Err(expected("it has no sign".into())),
    };
    let size: Size = size.trim().parse().map_err(expected)?;
    if size.0 == 0 {
        return Err(expected("nothing would change".into()));
    }
    Ok(sign * i128::from(size.0))
}
