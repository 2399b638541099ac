//! `whmeter usage`: the numbers, by account and meter, as table, JSON or CSV.

mod accounts;
mod resellers;

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::accounts::{KnownAccounts, Sort, View};
use super::table::{Table, grouped, sized};
use super::{
    CommandError, ConfigArg, Outcome, complain, no_such_account, print, print_json, stored_backends,
};
use crate::console::cell;
use crate::domain::{
    AccountName, BackendId, BillingPeriod, BillingZone, Bytes, Meter, Month, Owner, UsageDay,
};
use crate::standing::{Moment, Standing};
use crate::store::{self, Store, Total, UsageQuery};

#[derive(Debug, Args)]
pub(super) struct Usage {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// This account only; NAME~1 is the first life of a name that was reused since
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only what this service pays for, by its number in WHMCS (tblhosting.id)
    #[arg(long, value_name = "ID", value_parser = super::service_number)]
    service: Option<i64>,
    /// storage, traffic_in, traffic_out or traffic_total
    #[arg(long)]
    meter: Option<String>,
    /// One month; the running one when nothing is given
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    from: Option<String>,
    /// End day, not included
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    to: Option<String>,
    /// Rows by day or by month; or by reseller, the sums of all accounts that the panel says belong to one now
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Separate rows by who pays
    #[arg(long)]
    by_owner: bool,
    /// What rows are in order of; amounts the largest first [default: account; with --top: stored]
    #[arg(long, value_enum, conflicts_with_all = ["by", "by_owner"])]
    sort: Option<Sort>,
    /// So many rows; the sums are of everybody all the same
    #[arg(long, value_name = "N", conflicts_with_all = ["by", "by_owner"])]
    top: Option<usize>,
    /// Exact bytes in tables
    #[arg(long)]
    bytes: bool,
    /// table, json or csv
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Short for --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Day,
    Month,
    Reseller,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

fn misused(error: impl std::fmt::Display) -> CommandError {
    CommandError::Misused(error.to_string())
}

impl Usage {
    pub(super) async fn run(self) -> Outcome {
        let (query, by_reseller) = (self.query()?, self.by_reseller()?);
        if (self.top.is_some() || self.sort.is_some()) && (self.json || self.format != Format::Table) {
            return Err(misused(
                "--top and --sort are of the table; JSON and CSV hold everybody, by backend and account",
            ));
        }
        let (config, clock, store) = self.config.store_to_read().await?;
        if self.backend.is_some() {
            stored_backends(&store, self.backend.as_deref()).await?;
        }
        let today = config.zone.day_of(clock.now());
        let period = self.period(today)?;
        let rows = self.rows(&store, &query, period, config.zone).await?;
        let resellers = match by_reseller {
            true => Some(store.resellers(query.backend.as_ref()).await?),
            false => None,
        };
        let format = if self.json { Format::Json } else { self.format };
        // Rows of days and owners are each of one meter; else a table has a row for each account.
        let of_accounts = format == Format::Table && self.by.is_none() && !self.by_owner;
        let known =
            if of_accounts { Some(self.known(&store, &query, period, config.zone).await?) } else { None };
        if let Some(name) = self.account.as_deref().filter(|_| rows.is_empty()) {
            self.is_known(&store.standings().await?, name)?;
        }
        if let Some(service) = self.service.filter(|_| rows.is_empty()) {
            is_listed(&store, service).await?;
        }
        store.close().await;
        let base = config.whmcs.unit_base;
        let size = |bytes| if self.bytes { grouped(bytes) } else { sized(bytes, base) };
        if let Some(resellers) = resellers {
            return resellers::show(&rows, &resellers, format, &size);
        }
        match (format, known) {
            (Format::Json, _) => print_json(&rows.iter().map(shape).collect::<Vec<_>>())?,
            (Format::Csv, _) => show_csv(&rows, self.by_owner),
            (Format::Table, None) => show_table(&rows, self.by_owner, &size),
            (Format::Table, Some(known)) => {
                let moment = Moment::new(clock.now(), config.zone, config.max_age());
                accounts::show(&rows, &self.view(&known, period, moment, &size));
            }
        }
        Ok(())
    }

    /// An account of which nothing is known in this period is one that was seen, or the name is wrong.
    fn is_known(&self, standings: &[Arc<Standing>], name: &str) -> Outcome {
        let of = |standing: &&Arc<Standing>| {
            self.backend.as_deref().is_none_or(|of| standing.backend.as_str() == of)
        };
        let names = || standings.iter().filter(of).flat_map(|standing| standing.accounts.keys());
        // `NAME~1` is an earlier life of a name.
        let (first, _) = name.rsplit_once('~').unwrap_or((name, ""));
        if names().any(|known| known.as_str() == name || known.as_str() == first) {
            return Ok(());
        }
        let of = self.backend.as_deref().unwrap_or("all backends");
        Err(no_such_account(of, name, names().map(AccountName::as_str)))
    }

    /// What a table tells of accounts besides their amounts.
    async fn known(
        &self,
        store: &Store,
        query: &UsageQuery,
        period: BillingPeriod,
        zone: BillingZone,
    ) -> Result<KnownAccounts, CommandError> {
        let paid = store.totals_by_owner(query, period, store::By::Period, zone).await;
        let paid = paid.map_err(|error| CommandError::Tried(error.to_string()))?;
        Ok(KnownAccounts::new(store.standings().await?, store.service_lists().await?, paid))
    }

    fn view<'a>(
        &self,
        known: &'a KnownAccounts,
        period: BillingPeriod,
        moment: Moment,
        size: &'a dyn Fn(Bytes) -> String,
    ) -> View<'a> {
        let of_meter = match self.meter.as_deref().and_then(|meter| meter.parse().ok()) {
            Some(Meter::TrafficIn) => Sort::In,
            Some(Meter::TrafficOut) => Sort::Out,
            Some(Meter::TrafficTotal) => Sort::Both,
            Some(Meter::StorageUsed) | None => Sort::Stored,
        };
        let usual = if self.top.is_some() { of_meter } else { Sort::Account };
        View { known, period, moment, sort: self.sort.unwrap_or(usual), top: self.top, size }
    }

    /// Who pays and who resells are different questions.
    fn by_reseller(&self) -> Result<bool, CommandError> {
        match (self.by == Some(By::Reseller), self.by_owner) {
            (true, true) => Err(misused("--by reseller adds accounts up whoever pays; leave --by-owner out")),
            (by_reseller, _) => Ok(by_reseller),
        }
    }

    fn query(&self) -> Result<UsageQuery, CommandError> {
        Ok(UsageQuery {
            backend: self.backend.as_deref().map(BackendId::new).transpose().map_err(misused)?,
            account: self.account.as_deref().map(AccountName::new).transpose().map_err(misused)?,
            meter: self.meter.as_deref().map(str::parse).transpose().map_err(misused)?,
            owner: self.service.map(Owner::Service),
        })
    }

    fn period(&self, today: UsageDay) -> Result<BillingPeriod, CommandError> {
        match (&self.month, &self.from, &self.to) {
            (Some(month), _, _) => Ok(Month::parse(month).map_err(misused)?.period()),
            (_, Some(from), Some(to)) => {
                let (from, to) = (UsageDay::parse(from), UsageDay::parse(to));
                BillingPeriod::new(from.map_err(misused)?, to.map_err(misused)?).map_err(misused)
            }
            _ => Ok(today.month().period()),
        }
    }

    async fn rows(
        &self,
        store: &Store,
        query: &UsageQuery,
        period: BillingPeriod,
        zone: BillingZone,
    ) -> Result<Vec<Total>, CommandError> {
        let by = match self.by {
            None | Some(By::Reseller) => store::By::Period,
            Some(By::Month) => store::By::Month,
            Some(By::Day) => {
                say_what_is_pruned(store, query, period).await?;
                store::By::Day
            }
        };
        let totals = match self.by_owner {
            true => store.totals_by_owner(query, period, by, zone).await,
            false => store.totals(query, period, by, zone).await,
        };
        totals.map_err(|error| CommandError::Tried(error.to_string()))
    }
}

/// A service of which nothing is known in this period is one that WHMCS has sent, or the number is wrong.
async fn is_listed(store: &Store, service: i64) -> Outcome {
    let lists = store.service_lists().await?;
    if lists.values().any(|list| list.ever_listed(service).is_some()) {
        return Ok(());
    }
    Err(CommandError::Tried(format!(
        "no service {service} is known: WHMCS has never sent one of this number; `whmeter map list` shows those it has sent"
    )))
}

/// Days that are not kept any more are not days of nothing: it is said that their months have them.
async fn say_what_is_pruned(store: &Store, query: &UsageQuery, period: BillingPeriod) -> Outcome {
    let kept_from = store.days_kept_from(query.backend.as_ref()).await?;
    if period.first() >= kept_from {
        return Ok(());
    }
    let last = kept_from.min(period.next()).minus_days(1).month();
    let months = store.months(query, period.first().month(), last).await?;
    if let (Some(first), Some(last)) =
        (months.iter().map(|one| one.month).min(), months.iter().map(|one| one.month).max())
    {
        complain(format!(
            "not every day before {kept_from} is kept any more; --by month shows {first} to \
             {last} whole"
        ));
    }
    Ok(())
}

/// A row as JSON. Byte-minutes outgrow 64 bits, and are written as a whole number all the same.
#[derive(Serialize)]
struct Shape<'a> {
    backend: &'a str,
    account: &'a str,
    meter: &'static str,
    from: String,
    to: String,
    bytes: u64,
    estimated_bytes: u64,
    held_byte_minutes: u128,
    complete: bool,
    /// Who pays for it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

fn shape(row: &Total) -> Shape<'_> {
    Shape {
        backend: row.account.backend.as_str(),
        account: row.account.name.as_str(),
        meter: row.meter.name(),
        from: row.span.first().to_string(),
        to: row.span.next().to_string(),
        bytes: row.usage.amount.get(),
        estimated_bytes: row.usage.estimated.get(),
        held_byte_minutes: row.usage.held.get(),
        complete: row.complete,
        owner: row.owner.as_ref().map(Owner::to_string),
    }
}

fn show_csv(rows: &[Total], by_owner: bool) {
    let owner = if by_owner { ",owner" } else { "" };
    print(format!("backend,account,meter,from,to,bytes,estimated_bytes,held_byte_minutes,complete{owner}"));
    for row in rows {
        let mut cells = vec![
            cell(row.account.backend.as_str()),
            cell(row.account.name.as_str()),
            row.meter.to_string(),
            row.span.first().to_string(),
            row.span.next().to_string(),
            row.usage.amount.to_string(),
            row.usage.estimated.to_string(),
            row.usage.held.get().to_string(),
            row.complete.to_string(),
        ];
        cells.extend(row.owner.as_ref().map(|owner| cell(&owner.to_string())));
        print(cells.join(","));
    }
}

fn show_table(rows: &[Total], by_owner: bool, size: &dyn Fn(Bytes) -> String) {
    let mut columns =
        vec!["backend", "account", "meter", "from", "to", "used>", "average>", "estimated>", ""];
    if by_owner {
        columns.push("owner");
    }
    let mut table = Table::new(&columns);
    for row in rows {
        let average = row.usage.held.average(row.usage.covered).filter(|_| row.meter == Meter::StorageUsed);
        let mut cells = vec![
            row.account.backend.to_string(),
            row.account.name.to_string(),
            row.meter.to_string(),
            row.span.first().to_string(),
            row.span.next().to_string(),
            size(row.usage.amount),
            average.map(size).unwrap_or_default(),
            if row.usage.estimated > Bytes::ZERO { size(row.usage.estimated) } else { String::new() },
            if row.complete { String::new() } else { "not complete".into() },
        ];
        cells.extend(row.owner.as_ref().map(Owner::to_string));
        table.row(cells);
    }
    if table.is_empty() {
        print("nothing is known of this period");
    } else {
        print(table);
    }
}
