//! `whmeter export`: history for Prometheus or a spreadsheet, read page by page and written as it is read.

mod openmetrics;

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{CommandError, ConfigArg, Outcome, complain, stored_backends};
use crate::console::cell;
use crate::domain::{BackendId, BillingPeriod, BillingZone, Bytes, Meter, Minutes, Nature, UsageDay};
use crate::store::{self, DayPoint, Store, UsageQuery};

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    config: ConfigArg,
    /// openmetrics (for promtool tsdb create-blocks-from) or csv
    #[arg(long, value_enum)]
    format: Format,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: String,
    /// End day, not included
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: String,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Write to this file instead of stdout; it appears once it is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Openmetrics,
    Csv,
}

/// What is exported, and where it is read.
struct History<'a> {
    store: &'a Store,
    backends: Vec<BackendId>,
    period: BillingPeriod,
    zone: BillingZone,
}

type Written = Result<(), CommandError>;

fn misused(error: impl std::fmt::Display) -> CommandError {
    CommandError::Misused(error.to_string())
}

impl Export {
    pub(super) async fn run(self) -> Outcome {
        let day = |text: &str| UsageDay::parse(text).map_err(misused);
        let asked = BillingPeriod::new(day(&self.from)?, day(&self.to)?).map_err(misused)?;
        let (config, clock, store) = self.config.store_to_read().await?;
        let backends = stored_backends(&store, self.backend.as_deref()).await?;
        let today = config.zone.day_of(clock.now());
        let period = match self.format {
            Format::Csv => asked,
            Format::Openmetrics => over(asked, today)?,
        };
        say_what_is_pruned(&store, &backends, period).await?;
        let history = History { store: &store, backends, period, zone: config.zone };
        let part = self.out.as_ref().map(|out| {
            let mut part = out.clone().into_os_string();
            part.push(".part");
            PathBuf::from(part)
        });
        match &part {
            Some(part) => {
                let file = std::fs::File::create(part).map_err(|error| not_written(part, &error))?;
                let mut out = BufWriter::new(file);
                history.write(self.format, &mut out).await?;
                let file = out.into_inner().map_err(|error| not_written(part, error.error()))?;
                file.sync_all().map_err(|error| not_written(part, &error))?;
            }
            None => {
                let mut out = BufWriter::new(std::io::stdout());
                history.write(self.format, &mut out).await?;
            }
        }
        store.close().await;
        if let (Some(part), Some(out)) = (&part, &self.out) {
            std::fs::rename(part, out).map_err(|error| not_written(out, &error))?;
        }
        Ok(())
    }
}

/// The days of a period that are over: a sample may not lie in the future.
fn over(asked: BillingPeriod, today: UsageDay) -> Result<BillingPeriod, CommandError> {
    if asked.next() <= today {
        return Ok(asked);
    }
    let period = BillingPeriod::new(asked.first(), today);
    let period = period.map_err(|_| misused(format!("--from {}: no full day since then", asked.first())))?;
    complain(format!("days up to {today} are exported, without it: a day counts when it is over"));
    Ok(period)
}

/// Days that are not kept any more are not days of nothing: it is said that their months have them.
async fn say_what_is_pruned(store: &Store, backends: &[BackendId], period: BillingPeriod) -> Written {
    for backend in backends {
        let kept_from = store.days_kept_from(Some(backend)).await?;
        if period.first() >= kept_from {
            continue;
        }
        let query = UsageQuery { backend: Some(backend.clone()), ..UsageQuery::default() };
        let last = kept_from.min(period.next()).minus_days(1).month();
        let months = store.months(&query, period.first().month(), last).await?;
        let months = months.iter().map(|one| one.month);
        if let (Some(first), Some(last)) = (months.clone().min(), months.max()) {
            complain(format!(
                "{backend}: days before {kept_from} are not kept any more and not exported; \
                 `whmeter usage --by month` shows {first} to {last} whole"
            ));
        }
    }
    Ok(())
}

fn not_written(path: &std::path::Path, error: &std::io::Error) -> CommandError {
    CommandError::Tried(format!("{} cannot be written: {error}", path.display()))
}

/// Writes a piece; a reader that went away (`| head`) has enough.
fn put(out: &mut impl Write, text: &str) -> Result<bool, CommandError> {
    match out.write_all(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::Tried(format!("the export cannot be written: {error}"))),
    }
}

impl History<'_> {
    async fn write(&self, format: Format, out: &mut impl Write) -> Written {
        let whole = match format {
            Format::Csv => self.write_csv(out).await?,
            Format::Openmetrics => self.write_openmetrics(out).await?,
        };
        if whole { out.flush().or_else(gone) } else { Ok(()) }
    }

    async fn write_csv(&self, out: &mut impl Write) -> Result<bool, CommandError> {
        put(out, "backend,account,meter,day,bytes,estimated_bytes,held_byte_minutes,complete,owner\n")?;
        for backend in &self.backends {
            let mut pages = self.store.day_pages(backend, &Meter::ALL, self.period);
            while let Some(points) = pages.next().await? {
                let mut text = String::new();
                for day in points.chunk_by(is_same_day) {
                    let complete = is_complete(day, self.zone);
                    for point in by_owner(day)? {
                        text.push_str(&csv_line(&point, complete));
                    }
                }
                if !put(out, &text)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Whether two points are of one day of one series: whoever had it in turn has a point of his own.
fn is_same_day(one: &DayPoint, other: &DayPoint) -> bool {
    (&one.account, one.meter, one.day) == (&other.account, other.meter, other.day)
}

/// One point for each owner of a day: who had it, lost it and had it again has one line, and a level is his last.
fn by_owner(day: &[DayPoint]) -> Result<Vec<DayPoint>, CommandError> {
    let mut points: Vec<DayPoint> = Vec::new();
    for point in day {
        let Some(known) = points.iter_mut().find(|known| known.owner == point.owner) else {
            points.push(point.clone());
            continue;
        };
        let mut usage = known.usage();
        if point.meter.nature() == Nature::Level {
            usage.amount = Bytes::ZERO;
        }
        usage.join(&point.usage())?;
        let store::Usage { amount, estimated, held, covered } = usage;
        *known = DayPoint { amount, estimated, held, covered, ..point.clone() };
    }
    Ok(points)
}

fn gone(error: std::io::Error) -> Written {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(CommandError::Tried(format!("the export cannot be written: {error}"))),
    }
}

/// Whether readings account for every minute of the day that these points are of.
fn is_complete(points: &[DayPoint], zone: BillingZone) -> bool {
    let day = points.first().map(|point| BillingPeriod::new(point.day, point.day.next()));
    let mut covered = Minutes::ZERO;
    points.iter().for_each(|point| covered += point.covered);
    matches!(day, Some(Ok(day)) if covered >= zone.minutes_of(day))
}

fn csv_line(point: &DayPoint, complete: bool) -> String {
    format!(
        "{},{},{},{},{},{},{},{complete},{}\n",
        cell(point.account.backend.as_str()),
        cell(point.account.name.as_str()),
        point.meter,
        point.day,
        point.amount,
        point.estimated,
        point.held.get(),
        cell(&point.owner.to_string())
    )
}
