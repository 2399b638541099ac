//! `whmeter replay`: settles the journal again with this version's code, writes nothing, and lists every
//! day that would come out differently.

use std::collections::{BTreeMap, HashMap};

use clap::Args;
use litemap::LiteMap;
use serde::Serialize;

use super::table::{Table, grouped};
use super::{CommandError, ConfigArg, Outcome, print, print_json, stored_backends};
use crate::domain::{BackendId, HoldingNo, Meter, UsageDay};
use crate::metering::{Book, DayChange, Holding, SettleRules};
use crate::store::{MonthSum, Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// First day to compare
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<String>,
    /// Print JSON
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
    /// Who pays for it: a day that changed hands is one for each.
    owner: String,
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 200;

type Days = BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>;

/// What was added to days, by the holding they belong to.
type Changes = LiteMap<(HoldingNo, UsageDay), DayChange>;

impl Replay {
    pub(super) async fn run(self) -> Outcome {
        let since = self.since.as_deref().map(UsageDay::parse).transpose();
        let since = since.map_err(|error| CommandError::Misused(format!("--since: {error}")))?;
        let (config, _, store) = self.config.store_to_read().await?;
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
        let heads = [
            "backend",
            "account",
            "meter",
            "day",
            "bytes>",
            "would be>",
            "minutes>",
            "would be>",
            "paid for by",
        ];
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
                day.owner.clone(),
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
    rules: &SettleRules,
) -> Result<Vec<Differing>, StoreError> {
    let mut book = store.checkpoint(backend).await?;
    let (mut settled_days, mut would_be) = (Days::new(), Days::new());
    let add = |days: &mut Days, meter: Meter, changes: &Changes| {
        for ((holding, day), change) in changes.iter() {
            if since.is_none_or(|since| *day >= since) {
                days.entry((*holding, meter, *day)).or_default().add(*day, change);
            }
        }
    };
    let mut first = 1;
    loop {
        let entries = store.journal(backend, first, ENTRIES_AT_ONCE).await?;
        let Some(last) = entries.last().map(|entry| entry.entry) else { break };
        for entry in entries.iter().filter(|entry| entry.counts()) {
            book.last_look = entry.last_look;
            // Whose life each account was and who paid for it is as it was found then: what WHMCS sold that day
            // is not kept.
            let settled = entry.settled(&book, rules);
            settled.changes.iter().for_each(|change| add(&mut would_be, change.meter, &change.days));
            entry.made.iter().for_each(|made| add(&mut settled_days, made.meter, &made.days));
            book.apply(&settled);
        }
        first = last + 1;
    }
    let mut keys: Vec<_> = settled_days.keys().chain(would_be.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let days_of = |key| [&settled_days, &would_be].map(|days| days.get(key).copied().unwrap_or_default());
    let other: Vec<_> = keys.into_iter().filter(|key| days_of(key)[0] != days_of(key)[1]).collect();
    let titles = if other.is_empty() { HashMap::new() } else { titles(&book) };
    let mut differing = Vec::with_capacity(other.len());
    for key @ (holding, meter, day) in other {
        let [settled, would_be] = days_of(key);
        let title = titles.get(holding);
        differing.push(Differing {
            backend: backend.to_string(),
            // A book that knows no such holding is none that this journal has made.
            account: title.map_or_else(|| format!("holding {holding}"), |title| title.account.clone()),
            meter: meter.name(),
            day: day.to_string(),
            settled_bytes: settled.amount(*meter),
            would_be_bytes: would_be.amount(*meter),
            settled_covered_minutes: settled.covered.get(),
            would_be_covered_minutes: would_be.covered.get(),
            owner: title.map_or_else(|| "unowned".into(), |title| title.owner(*day)),
        });
    }
    differing.sort_by(|one, other| {
        (&one.account, one.meter, &one.day).cmp(&(&other.account, other.meter, &other.day))
    });
    Ok(differing)
}

/// Whose a holding is.
struct Title<'a> {
    account: String,
    holding: &'a Holding,
}

impl Title<'_> {
    fn owner(&self, day: UsageDay) -> String {
        self.holding.parts[self.holding.part_of(day)].owner.to_string()
    }
}

/// Every holding with its account, as it is called among the lives of its name.
fn titles(book: &Book) -> HashMap<HoldingNo, Title<'_>> {
    let lives = book.lives.iter().flat_map(|(no, life)| {
        let account = life.label(book.names.get(&life.name) == Some(no));
        life.holdings.iter().map(move |holding| (holding.no, Title { account: account.clone(), holding }))
    });
    lives.collect()
}
