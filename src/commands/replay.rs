//! `whmeter replay`: settles the journal again with this version's code, writes nothing, and lists every
//! day that would come out differently.

use std::collections::BTreeMap;

use litemap::LiteMap;

use clap::Args;
use serde::Serialize;

use super::table::{Table, grouped};
use super::{ConfigArg, Failure, Outcome, print, print_json, stored_backends};
use crate::domain::{AccountName, BackendId, Meter, UsageDay};
use crate::metering::{DayChange, Rules};
use crate::store::{MonthSum, Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Only days from this one on
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A day that would come out differently.
#[derive(Debug, Serialize)]
struct Differing {
    backend: String,
    account: String,
    meter: &'static str,
    day: String,
    settled_bytes: i128,
    would_be_bytes: i128,
    settled_covered_minutes: u64,
    would_be_covered_minutes: u64,
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 200;

type Days = BTreeMap<(AccountName, Meter, UsageDay), MonthSum>;

impl Replay {
    pub(super) async fn run(self) -> Outcome {
        let since = self.since.as_deref().map(UsageDay::parse).transpose();
        let since = since.map_err(|error| Failure::Misused(format!("--since: {error}")))?;
        let (config, _, store) = self.config.store().await?;
        let mut differing = Vec::new();
        for backend in stored_backends(&store, self.backend.as_deref()).await? {
            differing.extend(replay(&store, &backend, since, &config.rules()).await?);
        }
        store.close().await;
        if self.json {
            return print_json(&differing);
        }
        if differing.is_empty() {
            print("every day would be the same");
            return Ok(());
        }
        let heads = ["backend", "account", "meter", "day", "bytes>", "would be>", "minutes>", "would be>"];
        let mut table = Table::new(&heads);
        for day in &differing {
            table.row([
                day.backend.clone(),
                day.account.clone(),
                day.meter.into(),
                day.day.clone(),
                grouped(day.settled_bytes),
                grouped(day.would_be_bytes),
                day.settled_covered_minutes.to_string(),
                day.would_be_covered_minutes.to_string(),
            ]);
        }
        print(table);
        Ok(())
    }
}

/// The days of one backend that would differ. What is folded cannot be settled again: the beliefs kept
/// with the newest fold are where it starts.
async fn replay(
    store: &Store,
    backend: &BackendId,
    since: Option<UsageDay>,
    rules: &Rules,
) -> Result<Vec<Differing>, StoreError> {
    let mut book = store.checkpoint(backend).await?;
    let (mut settled_days, mut would_be) = (Days::new(), Days::new());
    let add = |days: &mut Days, account: &AccountName, meter, changes: &LiteMap<UsageDay, DayChange>| {
        for (day, change) in changes.iter().filter(|(day, _)| since.is_none_or(|since| **day >= since)) {
            days.entry((account.clone(), meter, *day)).or_default().add(*day, change);
        }
    };
    let mut first = 1;
    loop {
        let entries = store.journal(backend, first, ENTRIES_AT_ONCE).await?;
        let Some(last) = entries.last().map(|entry| entry.entry) else { break };
        for entry in entries.iter().filter(|entry| entry.failed.is_none()) {
            book.last_look = entry.last_look;
            let settled = entry.settled(&book, rules);
            for change in &settled.changes {
                add(&mut would_be, &change.account, change.meter, &change.days);
            }
            for made in &entry.made {
                add(&mut settled_days, &made.account, made.meter, &made.days);
            }
            book.apply(settled);
        }
        first = last + 1;
    }
    let mut keys: Vec<_> = settled_days.keys().chain(would_be.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differing = keys.into_iter().filter_map(|key| {
        let [settled, would_be] =
            [&settled_days, &would_be].map(|days| days.get(key).copied().unwrap_or_default());
        let (account, meter, day) = key;
        (settled != would_be).then(|| Differing {
            backend: backend.to_string(),
            account: account.to_string(),
            meter: meter.name(),
            day: day.to_string(),
            settled_bytes: settled.amount(*meter),
            would_be_bytes: would_be.amount(*meter),
            settled_covered_minutes: settled.covered.get(),
            would_be_covered_minutes: would_be.covered.get(),
        })
    });
    Ok(differing.collect())
}
