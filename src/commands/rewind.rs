//! `whmeter rewind`: what was settled after an entry of a backend's journal is taken back, says an operator with his
//! reason; the next poll measures on from there.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::accept::reason;
use super::policy::operator;
use super::table::grouped;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::collector::AdjustError;
use crate::domain::{LifeNo, Timestamp, UsageDay};
use crate::metering::Rewind as Said;
use crate::store::{RewindTo, Unwound, Withdrawn};

#[derive(Debug, Args)]
pub(super) struct Rewind {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The last entry of its journal that counts (`explain` shows their numbers; 0 is before the first), or a time:
    /// the last before the first entry that was asked for later
    #[arg(long, value_name = "ENTRY|TIME")]
    to: String,
    /// Reason, kept for ever beside the numbers
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show what would be rolled back, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Rewind {
    pub(super) async fn run(self) -> Outcome {
        let reason = reason(&self.reason)?;
        let to = to(&self.to)?;
        let (config, clock) = self.config.read("error")?;
        let (app, _) = App::build(config, clock).await?;
        let metered = app.collector().panel(&self.backend);
        let metered = metered
            .ok_or_else(|| CommandError::Misused(format!("no backend {:?} in the config", self.backend)))?;
        let said = |to| Said { to, author: operator(), reason: reason.clone() };
        let unwound = match self.dry_run {
            true => app.collector().unwound(&metered, to).await,
            false => app.collector().rewind(&metered, to, said).await,
        };
        app.store().close().await;
        let unwound = unwound.map_err(|error| match error {
            AdjustError::CannotRewind(cannot) => {
                CommandError::Misused(format!("--to: {}: {cannot}", self.backend))
            }
            error => CommandError::Tried(format!("{}: {error}", self.backend)),
        })?;
        if self.json {
            return print_json(&as_json(&self.backend, &unwound, self.dry_run));
        }
        print(words(&self.backend, &unwound, self.dry_run));
        Ok(())
    }
}

/// An entry's number, or a time.
fn to(text: &str) -> Result<RewindTo, CommandError> {
    if let Ok(entry) = text.parse() {
        return Ok(RewindTo::Entry(entry));
    }
    let time = text.parse().ok().and_then(|time| Timestamp::from_utc(time).ok());
    time.map(RewindTo::Time).ok_or_else(|| {
        let what = "the number of an entry, or a time such as 2026-11-03T14:00:00Z";
        CommandError::Misused(format!("--to: {text:?} is not {what}"))
    })
}

/// What goes of one meter.
#[derive(Default)]
struct Goes {
    /// Bytes that passed.
    bytes: i128,
    accounts: BTreeSet<Option<LifeNo>>,
    days: BTreeSet<UsageDay>,
}

/// What goes, meter by meter.
fn goes(unwound: &Unwound) -> BTreeMap<&'static str, Goes> {
    let mut goes: BTreeMap<&'static str, Goes> = BTreeMap::new();
    for ((holding, meter, day), sum) in &unwound.days {
        let of = goes.entry(meter.name()).or_default();
        of.bytes += sum.added;
        of.accounts.insert(unwound.holders.get(holding).copied());
        of.days.insert(*day);
    }
    goes
}

fn as_json(backend: &str, unwound: &Unwound, dry_run: bool) -> serde_json::Value {
    let goes = goes(unwound).into_iter();
    let goes: serde_json::Map<_, _> = goes
        .map(|(meter, Goes { bytes, accounts, days })| {
            let goes =
                serde_json::json!({ "bytes": bytes as i64, "accounts": accounts.len(), "days": days.len() });
            (meter.into(), goes)
        })
        .collect();
    serde_json::json!({
        "backend": backend,
        "to": unwound.to,
        "asked_at": unwound.at.map(|at| at.to_string()),
        "entries": unwound.entries,
        "taken_back": goes,
        "withdrawn": { "notifications": unwound.withdrawn.notifications, "switches": unwound.withdrawn.switches },
        "written": !dry_run,
    })
}

fn words(backend: &str, unwound: &Unwound, dry_run: bool) -> String {
    let are = match (dry_run, unwound.entries) {
        (true, _) => "would be",
        (false, 1) => "is",
        (false, _) => "are",
    };
    let since = match (unwound.to, unwound.at) {
        (0, _) => "all there are".into(),
        (to, None) => format!("after entry {to}"),
        (to, Some(at)) => format!("after entry {to} of {at}"),
    };
    let entries =
        if unwound.entries == 1 { "1 entry".into() } else { format!("{} entries", unwound.entries) };
    let mut text = format!("{backend}: {entries} {are} taken back, {since}");
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    for (meter, Goes { bytes, accounts, days }) in goes(unwound) {
        let (accounts, days) = (counted(accounts.len(), "account"), counted(days.len(), "day"));
        text.push_str(&format!("\n  {meter}: {} B of {accounts} on {days}", grouped(bytes)));
    }
    let Withdrawn { notifications, switches } = unwound.withdrawn;
    if notifications + switches > 0 {
        let switches = if switches == 1 { "1 switch".into() } else { format!("{switches} switches") };
        let notifications = counted(notifications, "notification");
        text.push_str(&format!("\n  withdrawn, because not delivered yet: {notifications}, {switches}"));
    }
    text.push_str("\nthe next poll measures on from there");
    text
}
