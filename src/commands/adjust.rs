//! `whmeter adjust`: a correction as a record of its own, with author and reason; nothing is edited.

use clap::Args;

use super::policy::{key, operator};
use super::{ConfigArg, Failure, Outcome, print};
use crate::app::App;
use crate::domain::{Meter, UsageDay};
use crate::metering::Adjustment;
use crate::settings::Size;

#[derive(Debug, Args)]
pub(super) struct Adjust {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it
    account: String,
    /// traffic_in, traffic_out or traffic_total
    meter: String,
    /// The day, YYYY-MM-DD in the billing zone
    day: String,
    /// What to add or take away, with its unit: "+5 GB", "-300 MiB"
    #[arg(allow_hyphen_values = true, value_name = "±SIZE")]
    size: String,
    /// Why: kept for ever beside the number
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Adjust {
    pub(super) async fn run(self) -> Outcome {
        let misused = |error: &dyn std::fmt::Display| Failure::Misused(error.to_string());
        let meter: Meter = self.meter.parse().map_err(|error| misused(&error))?;
        let day = UsageDay::parse(&self.day).map_err(|error| misused(&error))?;
        let amount = signed(&self.size)?;
        let reason = self.reason.trim();
        if reason.is_empty() || reason.len() > 1000 {
            return Err(Failure::Misused("--reason: say why, in at most 1000 characters".into()));
        }
        let key = key(&self.backend, &self.account)?;
        let (config, clock) = self.config.read("error")?;
        if day > config.zone.day_of(clock.now()) {
            return Err(Failure::Misused(format!("{day} has not begun yet")));
        }
        let (app, _) = App::build(config, clock).await?;
        let metered = app.collector().backend(&self.backend);
        let metered = metered
            .ok_or_else(|| Failure::Misused(format!("no backend {:?} in the config", self.backend)))?;
        let adjustment = Adjustment {
            account: key.name.clone(),
            meter,
            day,
            amount,
            author: operator(),
            reason: reason.to_string(),
        };
        let (before, after) = app.collector().adjust(&metered, &adjustment).await.map_err(|error| {
            Failure::Tried(format!("{} {} {meter} on {day} not corrected: {error}", key.backend, key.name))
        })?;
        app.store().close().await;
        print(format!("{} {} {meter} on {day}: {before} -> {after} bytes", key.backend, key.name));
        Ok(())
    }
}

fn signed(text: &str) -> Result<i128, Failure> {
    let expected = |why: String| {
        Failure::Misused(format!("size {text:?}: {why}; with its sign, like \"+5 GB\" or \"-300 MiB\""))
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
