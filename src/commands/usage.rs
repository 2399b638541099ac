//! `whmeter usage`: the numbers, by account and meter, as table, JSON or CSV.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::table::{Table, grouped};
use super::{ConfigArg, Failure, Outcome, print, print_json};
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingPeriod, BillingZone, Meter, Minutes, Month, UsageDay,
};
use crate::store::{DayPoint, Store, StoreError, Usage as Sum, UsageQuery};

#[derive(Debug, Args)]
pub(super) struct Usage {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// This account only
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// storage, traffic_in, traffic_out or traffic_total
    #[arg(long)]
    meter: Option<String>,
    /// One month; the running one when nothing is given
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// From this day on
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    from: Option<String>,
    /// Up to this day, which is not included
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    to: Option<String>,
    /// Rows by day or by month
    #[arg(long, value_enum)]
    by: Option<By>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// One row: a meter of an account over a span of days.
struct Row {
    account: AccountKey,
    meter: Meter,
    span: BillingPeriod,
    sum: Sum,
    complete: bool,
}

fn misused(error: impl std::fmt::Display) -> Failure {
    Failure::Misused(error.to_string())
}

impl Usage {
    pub(super) async fn run(self) -> Outcome {
        let query = self.query()?;
        let (config, clock, store) = self.config.store().await?;
        let today = config.zone.day_of(clock.now());
        let period = self.period(today)?;
        let rows = self.rows(&store, &query, period, config.zone).await?;
        store.close().await;
        match if self.json { Format::Json } else { self.format } {
            Format::Json => print_json(&rows.iter().map(shape).collect::<Vec<_>>())?,
            Format::Csv => show_csv(&rows),
            Format::Table => show_table(&rows),
        }
        Ok(())
    }

    fn query(&self) -> Result<UsageQuery, Failure> {
        Ok(UsageQuery {
            backend: self.backend.as_deref().map(BackendId::new).transpose().map_err(misused)?,
            account: self.account.as_deref().map(AccountName::new).transpose().map_err(misused)?,
            meter: self.meter.as_deref().map(str::parse).transpose().map_err(misused)?,
        })
    }

    fn period(&self, today: UsageDay) -> Result<BillingPeriod, Failure> {
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
    ) -> Result<Vec<Row>, Failure> {
        let days = store.days(query, period).await?;
        let mut sums: BTreeMap<(AccountKey, Meter, Span), Sum> = BTreeMap::new();
        if self.by == Some(By::Day) {
            self.say_what_is_folded(store, query, period).await?;
        } else {
            for (account, meter, month, sum) in folded(store, query, period).await? {
                add(&mut sums, (account, meter, self.span(month.first(), period)), meter, &sum)?;
            }
        }
        for DayPoint { account, meter, day, amount, estimated, held, covered } in days {
            let sum = Sum { amount, estimated, held, covered };
            add(&mut sums, (account, meter, self.span(day, period)), meter, &sum)?;
        }
        let row = |((account, meter, span), sum): ((AccountKey, Meter, Span), Sum)| {
            let span = BillingPeriod::new(span.0, span.1).map_err(misused)?;
            let whole: Minutes = zone.minutes_of(span);
            Ok(Row { account, meter, span, complete: sum.covered >= whole, sum })
        };
        sums.into_iter().map(row).collect()
    }

    /// Days that are folded are not days of nothing: it is said that they are there.
    async fn say_what_is_folded(
        &self,
        store: &Store,
        query: &UsageQuery,
        period: BillingPeriod,
    ) -> Result<(), Failure> {
        let last = period.days().last().unwrap_or(period.first()).month();
        let months = store.folded_months(query, period.first().month(), last).await?;
        if let (Some(first), Some(last)) =
            (months.iter().map(|m| m.2).min(), months.iter().map(|m| m.2).max())
        {
            eprintln!(
                "whmeter: days of {first} to {last} are folded into their months; --by month shows them"
            );
        }
        Ok(())
    }

    /// The span that a day is shown in.
    fn span(&self, day: UsageDay, period: BillingPeriod) -> Span {
        let (first, next) = match self.by {
            None => (period.first(), period.next()),
            Some(By::Day) => (day, day.next()),
            Some(By::Month) => (day.month().first(), day.month().next().first()),
        };
        (first.max(period.first()), next.min(period.next()))
    }
}

type Span = (UsageDay, UsageDay);

fn add(
    sums: &mut BTreeMap<(AccountKey, Meter, Span), Sum>,
    key: (AccountKey, Meter, Span),
    meter: Meter,
    later: &Sum,
) -> Result<(), StoreError> {
    match sums.get_mut(&key) {
        Some(sum) => sum.add(meter, later),
        None => {
            sums.insert(key, later.clone());
            Ok(())
        }
    }
}

/// Folded months that lie in the period as a whole; of one cut in two nobody knows the parts any more.
async fn folded(
    store: &Store,
    query: &UsageQuery,
    period: BillingPeriod,
) -> Result<Vec<(AccountKey, Meter, Month, Sum)>, Failure> {
    let last = period.days().last().unwrap_or(period.first()).month();
    let months = store.folded_months(query, period.first().month(), last).await?;
    let whole = |month: Month| month.first() >= period.first() && month.next().first() <= period.next();
    if let Some((_, _, month, _)) = months.iter().find(|(_, _, month, _)| !whole(*month)) {
        let why =
            format!("the days of {month} are folded into its month; ask for whole months (--month {month})");
        return Err(Failure::Tried(why));
    }
    Ok(months)
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
}

fn shape(row: &Row) -> Shape<'_> {
    Shape {
        backend: row.account.backend.as_str(),
        account: row.account.name.as_str(),
        meter: row.meter.name(),
        from: row.span.first().to_string(),
        to: row.span.next().to_string(),
        bytes: row.sum.amount.get(),
        estimated_bytes: row.sum.estimated.get(),
        held_byte_minutes: row.sum.held.get(),
        complete: row.complete,
    }
}

fn show_csv(rows: &[Row]) {
    print("backend,account,meter,from,to,bytes,estimated_bytes,held_byte_minutes,complete");
    for row in rows {
        let cells = [
            csv(row.account.backend.as_str()),
            csv(row.account.name.as_str()),
            row.meter.to_string(),
            row.span.first().to_string(),
            row.span.next().to_string(),
            row.sum.amount.to_string(),
            row.sum.estimated.to_string(),
            row.sum.held.get().to_string(),
            row.complete.to_string(),
        ];
        print(cells.join(","));
    }
}

/// A cell that no spreadsheet takes for a formula and no comma splits.
fn csv(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t') => format!("'{text}"),
        _ => text.to_string(),
    };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn show_table(rows: &[Row]) {
    let mut table =
        Table::new(&["backend", "account", "meter", "from", "to", "bytes>", "average>", "estimated>", ""]);
    for row in rows {
        let average = row.sum.held.average(row.sum.covered).filter(|_| row.meter == Meter::StorageUsed);
        table.row([
            row.account.backend.to_string(),
            row.account.name.to_string(),
            row.meter.to_string(),
            row.span.first().to_string(),
            row.span.next().to_string(),
            grouped(row.sum.amount),
            average.map(grouped).unwrap_or_default(),
            if row.sum.estimated.get() > 0 { grouped(row.sum.estimated) } else { String::new() },
            if row.complete { String::new() } else { "not complete".into() },
        ]);
    }
    if table.is_empty() {
        print("nothing is known of this period");
    } else {
        print(table);
    }
}
