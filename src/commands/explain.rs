//! `whmeter explain`: why this number. Lists one account's journal line by line, and holds the sum
//! against what is stored.

use clap::Args;

use super::table::{Table, grouped};
use super::{CommandError, ConfigArg, Outcome, no_such_account, print, print_json, stored_backends};
use crate::app::{Explained, explained};
use crate::console::is_earlier_life;
use crate::domain::{AccountKey, AccountName, BackendId, Meter, Month, Nature};
use crate::standing::Moment;
use crate::store::Store;
use crate::usage_api::ReportedLine;

/// So many parts of a level are printed.
const MOST_PARTS: usize = 10;

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it; NAME~1 is the first life of a name that was reused since
    account: String,
    /// storage, traffic_in, traffic_out or traffic_total
    meter: String,
    /// The month; the running one when not given
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(self) -> Outcome {
        let misused = |error: &dyn std::fmt::Display| CommandError::Misused(error.to_string());
        let backend = BackendId::new(&self.backend).map_err(|error| misused(&error))?;
        let name = AccountName::new(&self.account).map_err(|error| misused(&error))?;
        let meter: Meter = self.meter.parse().map_err(|error| misused(&error))?;
        let month = self.month.as_deref().map(Month::parse).transpose().map_err(|error| misused(&error))?;
        let (config, clock, store) = self.config.store_to_read().await?;
        let month = month.unwrap_or(config.zone.day_of(clock.now()).month());
        let key = AccountKey { backend, name };
        let moment = Moment::new(clock.now(), config.zone, config.max_age());
        let explained = explained(&store, &key, meter, month, &moment, config.whmcs.bill_from).await?;
        let explanation = &explained.story;
        are_known(&store, &key).await?;
        store.close().await;
        if explanation.is_empty() {
            let why = format!("nothing is known of {} {} {meter} in {month}", key.backend, key.name);
            let sum = match meter {
                Meter::TrafficTotal => {
                    "; where the panel tells traffic_in and traffic_out the total is their sum: explain these"
                }
                _ => "",
            };
            return Err(CommandError::Tried(format!(
                "{why}{sum}; `whmeter usage` lists what is known, earlier lives of a name as NAME~1"
            )));
        }
        let (adds_up, reported) =
            (explanation.adds_up, explained.reported.iter().all(ReportedLine::is_chronicled));
        if self.json {
            print_json(&explained)?
        } else {
            show(&explained, meter)
        }
        match (adds_up, reported) {
            (true, true) => Ok(()),
            (true, false) => Err(CommandError::Tried(
                "a stored value that was reported to WHMCS is not in the chronicle; `whmeter verify` names the difference, \
                 `whmeter repair --chronicle --reason TEXT` restores it from the chronicle"
                    .into(),
            )),
            (false, _) => Err(CommandError::Tried(format!(
                "the journal does not add up to the stored days; see the marked lines: `whmeter repair {} --reason TEXT` \
                 restores them from the journal",
                self.backend
            ))),
        }
    }
}

/// Whether backend and account are names that anything was ever stored of, where anything was; `NAME~1` is an earlier life of a name.
async fn are_known(store: &Store, key: &AccountKey) -> Outcome {
    if stored_backends(store, None).await?.is_empty() {
        return Ok(());
    }
    stored_backends(store, Some(key.backend.as_str())).await?;
    let standings = store.standings().await?;
    let own = || standings.iter().filter(|standing| standing.backend == key.backend);
    let is_known = own()
        .any(|standing| standing.accounts.contains_key(&key.name) || is_earlier_life(standing, &key.name));
    let names = own().flat_map(|standing| standing.accounts.keys()).map(AccountName::as_str);
    match is_known {
        true => Ok(()),
        false => Err(no_such_account(key.backend.as_str(), key.name.as_str(), names)),
    }
}

fn show(explained: &Explained, meter: Meter) {
    let explanation = &explained.story;
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
    let ended = explanation.ended.as_ref().map_or(String::new(), |ended| format!(", ended {ended}"));
    if let Some(born) = explanation.born.as_ref().filter(|_| explanation.life > 1 || !ended.is_empty()) {
        print(format!("  life {} of its name: first seen {born}{ended}", explanation.life));
    }
    for (index, owned) in explanation.owners.iter().enumerate() {
        match index {
            0 => print(format!("  paid for by {}", owned.payer)),
            _ => print(format!("  from {} on by {}", owned.since, owned.payer)),
        }
    }
    let mut table = Table::new(&["day", "bytes>", "by the journal>", "minutes known>", "estimated>", ""]);
    for day in &explanation.days {
        // A day of folded lines cannot be distinguished any more.
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
        if let Some(by) = line.taken_back_by {
            print(format!("    rolled back by entry {by}: it no longer counts"));
        }
    }
    for chart in &explanation.estimates {
        let about = grouped(chart.about_bytes);
        print(format!(
            "the panel's charts: about {about} B from {} to {} (never billed)",
            chart.from, chart.to
        ));
    }
    for charge in &explanation.panel_charges {
        print(format!(
            "the panel itself reckons {} {} for {} to {}, all its meters together, as of {} (never billed by whmeter)",
            charge.amount, charge.currency, charge.from, charge.to, charge.as_of
        ));
    }
    if let Some(parts) = &explanation.parts {
        print(format!("made of, as read at {} (never billed from):", parts.read_at));
        for part in parts.list.iter().take(MOST_PARTS) {
            print(format!("    {}: {} B", part.name, grouped(part.bytes)));
        }
        let (unnamed, bytes) = parts.beyond(MOST_PARTS);
        if unnamed > 0 {
            print(format!("    {unnamed} others: {} B", grouped(bytes)));
        }
        if parts.differs {
            let sum = parts.sum_bytes.map_or("unknown".into(), |sum| format!("{} B", grouped(sum)));
            print(format!(
                "    together {sum}, which is not the level: it was measured at another time, or in part"
            ));
        }
    }
    for baseline in &explanation.baselines {
        print(format!("believed now: {} {} B at {}", baseline.source, grouped(baseline.count), baseline.at));
    }
    explained.sentences().into_iter().for_each(print);
    print(if explanation.adds_up {
        "the lines add up to what is stored, to the byte"
    } else {
        "THE LINES DO NOT ADD UP"
    });
}
