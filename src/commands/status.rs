//! `whmeter status`: how things stand, on one screen and as an exit code.

use clap::Args;

use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::console::{Condition, status};
use crate::standing::Moment;

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Exit 1 where something is wrong, 2 where that cannot be determined: monitoring programs distinguish a warning
    /// from a thing that they do not know by it.
    pub(super) async fn run(self) -> Outcome {
        let cannot_tell = |failure| match failure {
            CommandError::Tried(why) | CommandError::Misused(why) => CommandError::Misused(why),
        };
        let status = self.look().await.map_err(cannot_tell)?;
        match self.json {
            true => print_json(&status).map_err(cannot_tell)?,
            false => show(&status),
        }
        match status.state() {
            Condition::Well => Ok(()),
            Condition::Wrong => {
                let (count, first) = (status.problems().len(), status.problems().first());
                let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
                Err(CommandError::Tried(format!("{}{more}", first.map(String::as_str).unwrap_or_default())))
            }
            Condition::Unknown => Err(CommandError::Misused(
                "nothing is known yet of a backend, or none is configured: start `whmeter serve`, or \
                 `whmeter poll`"
                    .into(),
            )),
        }
    }

    async fn look(&self) -> Result<crate::console::Status, CommandError> {
        let (config, clock, store) = self.config.store_to_read().await?;
        let moment = Moment::new(clock.now(), config.zone, config.max_age());
        let status = status(&store, &config.panels, &moment, config.whmcs.bill_from, &config.prices).await?;
        store.close().await;
        Ok(status)
    }
}

fn show(status: &crate::console::Status) {
    let mut table = Table::new(&[
        "backend",
        "state",
        "last read",
        "age>",
        "accounts>",
        "unread>",
        "left alone until",
        "why",
    ]);
    for one in &status.backends {
        let age = one.age_seconds.map(|seconds| {
            humantime::format_duration(std::time::Duration::from_secs(seconds - seconds % 60)).to_string()
        });
        table.row([
            one.backend.clone(),
            one.state.into(),
            one.succeeded_at.clone().unwrap_or_else(|| "never".into()),
            age.unwrap_or_default(),
            one.accounts.to_string(),
            one.unread.to_string(),
            one.parked_until.clone().unwrap_or_default(),
            one.reason.clone().unwrap_or_default(),
        ]);
    }
    print(table);
    for doubt in &status.doubts {
        let since = doubt.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        print(format!("doubt    {} {} ({}{since}): {}", doubt.of, doubt.kind, doubt.count, doubt.ends));
    }
    let clock = &status.clock;
    let other = match (&clock.database, clock.ahead_seconds) {
        (Some(at), Some(ahead)) => format!("; the database's {at}, ours is {ahead} s ahead"),
        _ => String::new(),
    };
    print(format!("clock    {}{other}", clock.ours));
    let outbox = &status.outbox;
    let oldest = outbox.oldest.as_ref().map(|at| format!(", the oldest since {at}")).unwrap_or_default();
    print(format!("outbox   {} waiting{oldest}; {} given up", outbox.waiting, outbox.gave_up));
    let findings = status.findings.iter().filter(|(_, tally)| tally.lines + tally.unknown > 0);
    let findings: Vec<String> = findings
        .map(|(what, tally)| match tally.unknown {
            0 => format!("{what} {}", tally.lines),
            unknown => format!("{what} {} ({unknown} unknown)", tally.lines),
        })
        .collect();
    print(format!("findings {}", if findings.is_empty() { "none".into() } else { findings.join(", ") }));
    for head in &status.heads {
        print(format!("head     {head}"));
    }
    if status.problems().is_empty() {
        return;
    }
    print("to do");
    for problem in status.problems() {
        print(format!("  {problem}"));
    }
}
