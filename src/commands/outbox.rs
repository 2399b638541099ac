//! `whmeter outbox`: what is pending, what gave up and why.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::policy::operator;
use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::store::{Entry, EntryState};

/// The most entries one list shows.
const MOST: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct Outbox {
    #[command(subcommand)]
    what: OutboxAction,
}

#[derive(Debug, Subcommand)]
enum OutboxAction {
    /// List pending and failed entries
    List(List),
    /// Retry entries now, also failed ones
    Retry(Which),
    /// Drop entries: they are never delivered
    Drop(Which),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// Also list what was delivered, superseded or dropped
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    config: ConfigArg,
    /// Entry numbers, as `whmeter outbox list` shows them
    #[arg(value_name = "ID", required_unless_present = "gave_up")]
    ids: Vec<i64>,
    /// All failed entries
    #[arg(long, conflicts_with = "ids")]
    gave_up: bool,
}

impl Outbox {
    pub(super) async fn run(self) -> Outcome {
        match self.what {
            OutboxAction::List(list) => list.run().await,
            OutboxAction::Retry(which) => which.run(true).await,
            OutboxAction::Drop(which) => which.run(false).await,
        }
    }
}

impl List {
    async fn run(self) -> Outcome {
        let (_, _, store) = self.config.store_to_read().await?;
        let states: &[EntryState] = match self.all {
            true => &EntryState::ALL,
            false => &[EntryState::Waiting, EntryState::GaveUp],
        };
        let entries = store.entries(states, MOST).await?;
        if self.json {
            return print_json(&entries.iter().map(shape).collect::<Vec<_>>());
        }
        let mut table = Table::new(&["id>", "channel", "what", "key", "state", "tries>", "due", "said"]);
        for entry in &entries {
            let state = match entry.waits_for {
                Some(switch) => format!("waits for {switch}"),
                None => entry.state.name().into(),
            };
            table.row([
                entry.id.to_string(),
                entry.promise.channel().into(),
                entry.promise.kind().into(),
                entry.key.clone(),
                state,
                entry.attempts.to_string(),
                entry.due_at.to_utc().format("%F %T").to_string(),
                entry.said.clone().unwrap_or_default(),
            ]);
        }
        if table.is_empty() {
            print("nothing waits and nothing gave up");
        } else {
            print(table);
        }
        Ok(())
    }
}

impl Which {
    async fn run(self, retry: bool) -> Outcome {
        let (_, clock, store) = self.config.store().await?;
        let ids = match self.gave_up {
            true => store.entries(&[EntryState::GaveUp], MOST).await?.iter().map(|entry| entry.id).collect(),
            false => self.ids,
        };
        let (mut done, mut missing) = (0, Vec::new());
        for id in ids {
            let found = match retry {
                true => store.retry_entry(id, clock.now()).await?,
                false => store.drop_entry(id, &operator(), clock.now()).await?,
            };
            if found { done += 1 } else { missing.push(id.to_string()) }
        }
        store.close().await;
        print(format!("{done} entries {}", if retry { "are tried again" } else { "dropped" }));
        if missing.is_empty() {
            return Ok(());
        }
        Err(CommandError::Tried(format!(
            "{} neither waits nor gave up; `whmeter outbox list` shows what does",
            missing.join(", ")
        )))
    }
}

fn shape(entry: &Entry) -> Value {
    let time = |at: crate::domain::Timestamp| at.to_utc().to_rfc3339();
    json!({
        "id": entry.id,
        "key": entry.key,
        "channel": entry.promise.channel(),
        "kind": entry.promise.kind(),
        "backend": entry.promise.account().map(|account| account.backend.as_str()),
        "account": entry.promise.account().map(|account| account.name.as_str()),
        "state": entry.state.name(),
        "waits_for": entry.waits_for,
        "made_at": time(entry.made_at),
        "due_at": time(entry.due_at),
        "attempts": entry.attempts,
        "said": entry.said,
        "ended_at": entry.ended_at.map(time),
    })
}
