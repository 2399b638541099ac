//! `whmeter explain`: why this number. Tells one account's journal line by line, and holds the sum
//! against what is stored.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::table::{Table, grouped};
use super::{ConfigArg, Failure, Outcome, print, print_json};
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingZone, Epoch, Meter, Month, Nature, Reading, Span, UsageDay,
};
use crate::store::{DayPoint, JournalEntry, MonthSum, Store, StoreError, Usage, UsageQuery};
use crate::usage_api::{ToldLine, told_lines};

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
    /// Bytes of lines already folded: only their sum is kept.
    folded_bytes: i128,
    /// Every reading that moved a number of this month or was noted in it.
    lines: Vec<Line>,
    days: Vec<Day>,
    /// What the panel's charts say of times nobody watched. Never billed.
    estimates: Vec<Chart>,
    /// What is believed of each counter now.
    baselines: Vec<Baseline>,
    /// When the account came back that had been gone: the id may be somebody else's since.
    back_at: Option<String>,
    /// What WHMCS was told of the month, held against it.
    told: Vec<ToldLine>,
    /// Whether the lines add up to what is stored, to the byte.
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
struct Chart {
    from: String,
    to: String,
    about_bytes: u64,
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
        let running = config.zone.day_of(clock.now()).month();
        let mut explanation = explain(&store, &key, meter, month, config.zone).await?;
        explanation.told = told_lines(&store, &key, meter, month, running, config.zone).await?;
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
    zone: BillingZone,
) -> Result<Explanation, StoreError> {
    let mut story = Story::new(key, meter, month, zone);
    for fold in store.folds(&key.backend).await? {
        if let Some(sum) = fold.sums.get(&(key.name.clone(), meter, month)) {
            story.folded.get_or_insert_default().join(sum);
        }
    }
    // Nothing is added to a day before it has begun.
    let (start, end) = (zone.start_of(month.first()), zone.start_of(month.next().first()));
    let mut next = store.first_entry_since(&key.backend, start).await?;
    while let Some(first) = next {
        let entries = store.journal(&key.backend, first, ENTRIES_AT_ONCE).await?;
        entries.iter().for_each(|entry| story.entry(entry));
        next = entries.last().map(|entry| entry.entry + 1);
    }
    let query = UsageQuery {
        backend: Some(key.backend.clone()),
        account: Some(key.name.clone()),
        meter: Some(meter),
    };
    let stored = Stored {
        days: store.days(&query, month.period()).await?,
        total: store.month_total(key, meter, month).await?,
        folded: !store.folded_months(&query, month, month).await?.is_empty(),
    };
    let mut explanation = story.conclude(&stored);
    if let Ok(span) = Span::new(start, end) {
        let estimates = store.estimates(key, meter, span).await?;
        explanation.estimates = estimates.iter().map(Chart::of).collect();
    }
    let loaded = store.load(&key.backend, None).await?;
    if let Some(account) = loaded.standing(&key.name) {
        explanation.back_at = account.back_at.map(|at| at.to_string());
    }
    let series = loaded.book.accounts.get(&key.name).and_then(|account| account.get(&meter));
    let baselines = series.into_iter().flat_map(|series| &series.baselines).map(|(source, baseline)| {
        Baseline { source: source.to_string(), count: baseline.count.get(), at: baseline.at.to_string() }
    });
    explanation.baselines = baselines.collect();
    Ok(explanation)
}

/// What the store has of the month.
struct Stored {
    days: Vec<DayPoint>,
    total: Option<Usage>,
    /// Whether some days are folded into it, so that they have no rows of their own.
    folded: bool,
}

/// One account's month as the journal tells it.
struct Story<'a> {
    key: &'a AccountKey,
    meter: Meter,
    month: Month,
    zone: BillingZone,
    folded: Option<MonthSum>,
    lines: Vec<Line>,
    days: BTreeMap<UsageDay, MonthSum>,
}

impl Story<'_> {
    fn new(key: &AccountKey, meter: Meter, month: Month, zone: BillingZone) -> Story<'_> {
        Story { key, meter, month, zone, folded: None, lines: Vec::new(), days: BTreeMap::new() }
    }

    fn entry(&mut self, entry: &JournalEntry) {
        let asked_in_month = self.zone.day_of(entry.at).month() == self.month;
        let (mut added, mut notes) = (Vec::new(), Vec::new());
        if let Some((reason, detail)) = entry.failed.as_ref().filter(|_| asked_in_month) {
            notes.push(format!("poll failed ({reason}): {detail}"));
        }
        let mine = entry.made.iter().filter(|made| made.account == self.key.name && made.meter == self.meter);
        for made in mine {
            for (day, change) in made.days.iter().filter(|(day, _)| day.month() == self.month) {
                self.days.entry(*day).or_default().add(*day, change);
                let bytes = change.level.map_or(change.added, |level| level.wide());
                added.push(Added { day: day.to_string(), bytes, held_byte_minutes: change.held.get() });
            }
            if asked_in_month || !added.is_empty() {
                notes.extend(made.notes.iter().cloned());
            }
        }
        if added.is_empty() && notes.is_empty() {
            return;
        }
        let harvested = entry.harvest.accounts().get(&self.key.name);
        let readings = harvested.into_iter().flat_map(|harvested| &harvested.readings);
        let said = readings.filter(|(meter, _)| *meter == self.meter).map(|(_, reading)| told(reading));
        let asked_at = entry.at.to_string();
        self.lines.push(Line { entry: entry.entry, asked_at, said: said.collect(), added, notes });
    }

    fn conclude(self, stored: &Stored) -> Explanation {
        let day = |point: &DayPoint| {
            let explained = self.days.get(&point.day).copied().unwrap_or_default();
            Day {
                day: point.day.to_string(),
                explained_bytes: explained.amount(self.meter),
                stored_bytes: point.amount.get(),
                stored_held_byte_minutes: point.held.get(),
                explained_held_byte_minutes: explained.held.get(),
                covered_minutes: point.covered.get(),
                estimated_bytes: point.estimated.get(),
            }
        };
        let days: Vec<Day> = stored.days.iter().map(day).collect();
        let adds_up = if stored.folded || self.folded.is_some() {
            // What is folded has no rows of its own to be held against: the month has.
            let mut sum = self.folded.unwrap_or_default();
            self.days.values().for_each(|day| sum.join(day));
            let total = stored.total.as_ref();
            sum.amount(self.meter) == total.map_or(0, |total| total.amount.wide())
                && sum.held == total.map(|total| total.held).unwrap_or_default()
        } else {
            days.iter().all(Day::is_same) && self.days.len() == days.len()
        };
        Explanation {
            backend: self.key.backend.to_string(),
            account: self.key.name.to_string(),
            meter: self.meter.name(),
            month: self.month.to_string(),
            bytes: stored.total.as_ref().map(|total| total.amount.get()),
            folded_bytes: self.folded.map_or(0, |folded| folded.amount(self.meter)),
            days,
            estimates: Vec::new(),
            baselines: Vec::new(),
            back_at: None,
            told: Vec::new(),
            lines: self.lines,
            adds_up,
        }
    }
}

impl Day {
    fn is_same(&self) -> bool {
        self.explained_bytes == i128::from(self.stored_bytes)
            && self.explained_held_byte_minutes == self.stored_held_byte_minutes
    }
}

impl Chart {
    fn of(estimate: &crate::domain::Estimate) -> Chart {
        let (from, to) = (estimate.span.start().to_string(), estimate.span.end().to_string());
        Chart { from, to, about_bytes: estimate.about.get() }
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

fn show_told(told: &ToldLine) {
    let ToldLine { server, tenant, metric, value, unit_bytes, at, .. } = told;
    let carried = match told.carried.is_zero() {
        true => String::new(),
        false => format!(", {} of it carried over from the month before", told.carried),
    };
    let unit = grouped(unit_bytes);
    print(format!(
        "WHMCS (server {server}, tenant {tenant}) was told {metric} {value}{carried}, first at {at} (1 is {unit} B)"
    ));
    if let (Some(not_told), Some(so)) = (told.not_told, told.so) {
        print(format!("    the ledger less what it was told: {not_told}: {so}"));
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
        print(format!(
            "  of it {} B by entries no longer kept one by one",
            grouped(explanation.folded_bytes)
        ));
    }
    if let Some(back_at) = &explanation.back_at {
        print(format!(
            "  the account had been gone and came back at {back_at}: the id may be somebody else's since"
        ));
    }
    let mut table = Table::new(&["day", "bytes>", "by the journal>", "minutes known>", "estimated>", ""]);
    for day in &explanation.days {
        // A day of folded lines cannot be told apart any more.
        let same = day.is_same() || explanation.folded_bytes > 0;
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
    for chart in &explanation.estimates {
        let about = grouped(chart.about_bytes);
        print(format!(
            "the panel's charts: about {about} B from {} to {} (never billed)",
            chart.from, chart.to
        ));
    }
    for baseline in &explanation.baselines {
        print(format!("believed now: {} {} B at {}", baseline.source, grouped(baseline.count), baseline.at));
    }
    explanation.told.iter().for_each(show_told);
    print(if explanation.adds_up {
        "the lines add up to what is stored, to the byte"
    } else {
        "THE LINES DO NOT ADD UP"
    });
}
