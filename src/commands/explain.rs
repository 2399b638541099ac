//! `whmeter explain`: why this number. Settles the journal of one account again, line by line, and holds
//! the sum against what is stored.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::table::{Table, grouped};
use super::{ConfigArg, Failure, Outcome, print, print_json};
use crate::domain::{
    AccountKey, AccountName, BackendId, Epoch, Harvest, Meter, Month, Nature, Reading, UsageDay,
};
use crate::metering::{Book, DayChange, Rules, settle};
use crate::store::{DayPoint, JournalEntry, Store, Usage, UsageQuery};

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it
    account: String,
    /// storage, traffic_in, traffic_out or traffic_total
    meter: String,
    /// The month; the running one when not given
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Explanation {
    backend: String,
    account: String,
    meter: &'static str,
    month: String,
    /// What the store says of the month; absent when it knows nothing.
    bytes: Option<u64>,
    /// Bytes of days already folded into the month: their lines are no longer kept.
    folded_bytes: u64,
    /// Every reading that moved a number of this month or was noted in it.
    lines: Vec<Line>,
    days: Vec<Day>,
    /// What is believed of each counter now.
    baselines: Vec<Baseline>,
    /// Whether the lines add up to the stored days, to the byte.
    adds_up: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    entry: i64,
    asked_at: String,
    said: Vec<String>,
    added: Vec<Added>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Added {
    day: String,
    /// Flows: bytes added. Levels: the level of the day from this reading on.
    bytes: i128,
    held_byte_minutes: u128,
}

#[derive(Debug, Serialize)]
struct Day {
    day: String,
    explained_bytes: i128,
    stored_bytes: u64,
    stored_held_byte_minutes: u128,
    explained_held_byte_minutes: u128,
    covered_minutes: u64,
    estimated_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Baseline {
    source: String,
    count: u64,
    at: String,
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 500;

impl Explain {
    pub(super) async fn run(self) -> Outcome {
        let misused = |error: &dyn std::fmt::Display| Failure::Misused(error.to_string());
        let backend = BackendId::new(&self.backend).map_err(|error| misused(&error))?;
        let name = AccountName::new(&self.account).map_err(|error| misused(&error))?;
        let meter: Meter = self.meter.parse().map_err(|error| misused(&error))?;
        let month = self.month.as_deref().map(Month::parse).transpose().map_err(|error| misused(&error))?;
        let (config, clock, store) = self.config.store().await?;
        let month = month.unwrap_or(config.zone.day_of(clock.now()).month());
        let key = AccountKey { backend, name };
        let explanation = explain(&store, &key, meter, month, &config.rules()).await?;
        store.close().await;
        if explanation.bytes.is_none() && explanation.lines.is_empty() {
            let why = format!("nothing is known of {} {} {meter} in {month}", key.backend, key.name);
            return Err(Failure::Tried(format!("{why}; `whmeter usage` lists what is known")));
        }
        let adds_up = explanation.adds_up;
        if self.json {
            print_json(&explanation)?
        } else {
            show(&explanation, meter)
        }
        if adds_up {
            Ok(())
        } else {
            Err(Failure::Tried("the journal does not add up to the stored days; see the lines marked".into()))
        }
    }
}

async fn explain(
    store: &Store,
    key: &AccountKey,
    meter: Meter,
    month: Month,
    rules: &Rules,
) -> Result<Explanation, Failure> {
    let mut replay =
        Replay { book: Book::default(), key, meter, month, rules, lines: Vec::new(), days: BTreeMap::new() };
    let mut first = 1;
    loop {
        let entries = store.journal(&key.backend, first, ENTRIES_AT_ONCE).await?;
        let Some(last) = entries.last().map(|entry| entry.entry) else { break };
        entries.iter().for_each(|entry| replay.entry(entry));
        first = last + 1;
    }
    let query = UsageQuery {
        backend: Some(key.backend.clone()),
        account: Some(key.name.clone()),
        meter: Some(meter),
    };
    let stored = store.days(&query, month.period()).await?;
    let folded = store.folded_months(&query, month, month).await?;
    let folded = folded.into_iter().next().map(|(_, _, _, usage)| usage);
    let total = store.month_total(key, meter, month).await?;
    Ok(replay.conclude(&stored, folded.as_ref(), total.as_ref()))
}

/// Settles one account's readings again, from the first entry on.
struct Replay<'a> {
    book: Book,
    key: &'a AccountKey,
    meter: Meter,
    month: Month,
    rules: &'a Rules,
    lines: Vec<Line>,
    days: BTreeMap<UsageDay, DayChange>,
}

impl Replay<'_> {
    fn entry(&mut self, entry: &JournalEntry) {
        let in_month = |day: UsageDay| day.month() == self.month;
        let asked_at = entry.at.to_string();
        if let Some((reason, detail)) = &entry.failed {
            if in_month(self.rules.zone.day_of(entry.at)) {
                let notes = vec![format!("poll failed ({reason}): {detail}")];
                self.lines.push(Line {
                    entry: entry.entry,
                    asked_at,
                    said: Vec::new(),
                    added: Vec::new(),
                    notes,
                });
            }
            return;
        }
        let harvest = self.only_mine(&entry.harvest);
        self.book.last_look = entry.last_look;
        let settled = settle(&self.book, &harvest, entry.at, self.rules);
        let mut added = Vec::new();
        for (day, change) in settled.changes.iter().flat_map(|change| &change.days) {
            if !in_month(*day) {
                continue;
            }
            let sum = self.days.entry(*day).or_default();
            sum.added += change.added;
            sum.level = change.level.or(sum.level);
            sum.held += change.held;
            let bytes = change.level.map_or(change.added, |level| level.wide());
            added.push(Added { day: day.to_string(), bytes, held_byte_minutes: change.held.get() });
        }
        let noted = settled.notes.iter().filter(|noted| in_month(self.rules.zone.day_of(noted.at)));
        let notes: Vec<String> = noted
            .map(|noted| match noted.source.as_str() {
                "" => noted.note.to_string(),
                source => format!("{source}: {}", noted.note),
            })
            .collect();
        if !added.is_empty() || !notes.is_empty() {
            let said =
                harvest.accounts().values().flat_map(|mine| &mine.readings).map(|(_, said)| told(said));
            self.lines.push(Line { entry: entry.entry, asked_at, said: said.collect(), added, notes });
        }
        self.book.apply(settled);
    }

    fn only_mine(&self, harvest: &Harvest) -> Harvest {
        let mut mine = Harvest::new();
        if let Some(harvested) = harvest.accounts().get(&self.key.name) {
            for (meter, reading) in harvested.readings.iter().filter(|(meter, _)| *meter == self.meter) {
                mine.read(&self.key.name, *meter, reading.clone());
            }
        }
        mine
    }

    fn conclude(self, stored: &[DayPoint], folded: Option<&Usage>, total: Option<&Usage>) -> Explanation {
        let explained = |day: &UsageDay| {
            let change = self.days.get(day).copied().unwrap_or_default();
            (change.level.map_or(change.added, |level| level.wide()), change.held.get())
        };
        let days: Vec<Day> = stored
            .iter()
            .map(|point| {
                let (bytes, held) = explained(&point.day);
                Day {
                    day: point.day.to_string(),
                    explained_bytes: bytes,
                    stored_bytes: point.amount.get(),
                    stored_held_byte_minutes: point.held.get(),
                    explained_held_byte_minutes: held,
                    covered_minutes: point.covered.get(),
                    estimated_bytes: point.estimated.get(),
                }
            })
            .collect();
        let same = |day: &Day| {
            day.explained_bytes == i128::from(day.stored_bytes)
                && day.explained_held_byte_minutes == day.stored_held_byte_minutes
        };
        // Folded days have no rows of their own to be held against.
        let missing = folded.is_none() && self.days.len() != stored.len();
        let adds_up = days.iter().all(same) && !missing;
        let series = self.book.accounts.get(&self.key.name).and_then(|account| account.get(&self.meter));
        let baselines = series.into_iter().flat_map(|series| &series.baselines).map(|(source, baseline)| {
            Baseline { source: source.to_string(), count: baseline.count.get(), at: baseline.at.to_string() }
        });
        Explanation {
            backend: self.key.backend.to_string(),
            account: self.key.name.to_string(),
            meter: self.meter.name(),
            month: self.month.to_string(),
            bytes: total.map(|total| total.amount.get()),
            folded_bytes: folded.map_or(0, |folded| folded.amount.get()),
            days,
            baselines: baselines.collect(),
            lines: self.lines,
            adds_up,
        }
    }
}

fn told(reading: &Reading) -> String {
    let of = |source: &crate::domain::Source| match source.as_str() {
        "" => String::new(),
        source => format!("{source} "),
    };
    match reading {
        Reading::Gauge { at, level } => format!("holds {} B at {at}", grouped(level)),
        Reading::Counter { source, at, epoch, count } => {
            let epoch = match epoch {
                Epoch::Since(start) => format!("since {start}"),
                Epoch::Running(uptime) => format!("running for {} s", uptime.get()),
                Epoch::Replugged(uptime) => {
                    format!("running for {} s, its network card plugged in again", uptime.get())
                }
                Epoch::Silent => "with no word of its beginning".into(),
            };
            format!("{}counted {} B {epoch}, at {at}", of(source), grouped(count))
        }
        Reading::PeriodTotal { source, at, span, total } => {
            format!(
                "{}moved {} B from {} to {}, as of {at}",
                of(source),
                grouped(total),
                span.start(),
                span.end()
            )
        }
    }
}

fn show(explanation: &Explanation, meter: Meter) {
    let what = match meter.nature() {
        Nature::Flow => "moved",
        Nature::Level => "last level",
    };
    let bytes = explanation.bytes.map_or("unknown".into(), |bytes| format!("{} B", grouped(bytes)));
    print(format!(
        "{} {} {} {}: {what} {bytes}",
        explanation.backend, explanation.account, meter, explanation.month
    ));
    if explanation.folded_bytes > 0 {
        print(format!("  of it {} B on days folded into the month", grouped(explanation.folded_bytes)));
    }
    let mut table = Table::new(&["day", "bytes>", "by the journal>", "minutes known>", "estimated>", ""]);
    for day in &explanation.days {
        let same = day.explained_bytes == i128::from(day.stored_bytes);
        table.row([
            day.day.clone(),
            grouped(day.stored_bytes),
            grouped(day.explained_bytes),
            day.covered_minutes.to_string(),
            grouped(day.estimated_bytes),
            if same { String::new() } else { "DIFFERS".into() },
        ]);
    }
    print(format!("\n{table}\n"));
    for line in &explanation.lines {
        print(format!("entry {} asked {}", line.entry, line.asked_at));
        line.said.iter().for_each(|said| print(format!("    the panel: {said}")));
        for added in &line.added {
            let sign = if meter.nature() == Nature::Flow { "+" } else { "=" };
            print(format!("    {}: {sign}{} B", added.day, grouped(added.bytes)));
        }
        line.notes.iter().for_each(|note| print(format!("    note: {note}")));
    }
    for baseline in &explanation.baselines {
        print(format!("believed now: {} {} B at {}", baseline.source, grouped(baseline.count), baseline.at));
    }
    print(if explanation.adds_up {
        "the lines add up to the stored days, to the byte"
    } else {
        "THE LINES DO NOT ADD UP"
    });
}
