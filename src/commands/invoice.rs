//! `whmeter invoice`: usage beyond what is included as items on the customers' next invoices.

use std::path::{Path, PathBuf};

use clap::Args;

use super::policy::operator;
use super::table::{Table, grouped};
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::config::Config;
use crate::domain::{BackendId, BillingPeriod, Month, UsageDay};
use crate::invoicing::{Invoicing, Order, Report, RowState, RunError, Terms};
use crate::notify::BillableItems;

#[derive(Debug, Args)]
pub(super) struct Invoice {
    #[command(flatten)]
    config: ConfigArg,
    /// One month
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"], required_unless_present_any = ["from", "settle"])]
    month: Option<String>,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    from: Option<String>,
    /// End day, not included
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    to: Option<String>,
    /// Write what would be billed to FILE (.csv or .json) and change nothing in WHMCS; a new or changed
    /// [[price]] rule must be run with --dry-run once before it may bill
    #[arg(long, value_name = "FILE")]
    dry_run: Option<PathBuf>,
    /// Services with an account on this backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Also bill usage that was added since the period was billed
    #[arg(long)]
    corrections: bool,
    /// Set the state of an unknown line to what you found in WHMCS
    #[arg(long, num_args = 2, value_names = ["TAG", "created|absent"], conflicts_with_all = ["month", "from", "dry_run", "backend", "corrections"])]
    settle: Option<Vec<String>>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

fn misused(error: impl std::fmt::Display) -> CommandError {
    CommandError::Misused(error.to_string())
}

fn tried(error: RunError) -> CommandError {
    CommandError::Tried(error.to_string())
}

impl Invoice {
    pub(super) async fn run(self) -> Outcome {
        let form = self.dry_run.as_deref().map(form).transpose()?;
        let period = self.period()?;
        let (config, clock, store) = self.config.store().await?;
        let invoicing = Invoicing::new(store.clone(), clock, terms(&config));
        if let Some([tag, found]) = self.settle.as_deref() {
            return self.settled(&invoicing, tag, found).await;
        }
        if config.prices.is_empty() {
            return Err(CommandError::Misused(format!(
                "{} has no [[price]]: nothing can be billed; `whmeter sample-config` shows one",
                config.path.display()
            )));
        }
        let order = self.order(&config, period)?;
        let report = match &self.dry_run {
            Some(_) => invoicing.rehearse(&order).await,
            None => {
                let whmcs = whmcs(&config)?;
                let bar = bar();
                let progress = |done: usize, all: usize| {
                    bar.set_length(all as u64);
                    bar.set_position(done as u64);
                };
                let report = invoicing.bill(&order, &whmcs, &progress).await;
                bar.finish_and_clear();
                report
            }
        };
        let report = report.map_err(tried)?;
        if let (Some(file), Some(form)) = (&self.dry_run, form) {
            write(file, form, &report)?;
            invoicing.rehearsed(&order).await.map_err(tried)?;
        }
        store.close().await;
        match self.json {
            true => print_json(&report)?,
            false => show(&report),
        }
        self.ended(&report)
    }

    /// The period; any where a line is only settled.
    fn period(&self) -> Result<Option<BillingPeriod>, CommandError> {
        match (&self.month, &self.from, &self.to) {
            (Some(month), _, _) => Ok(Some(Month::parse(month).map_err(misused)?.period())),
            (_, Some(from), Some(to)) => {
                let (from, to) = (UsageDay::parse(from), UsageDay::parse(to));
                let period = BillingPeriod::new(from.map_err(misused)?, to.map_err(misused)?);
                period.map(Some).map_err(misused)
            }
            _ => Ok(None),
        }
    }

    fn order(&self, config: &Config, period: Option<BillingPeriod>) -> Result<Order, CommandError> {
        let period = period.ok_or_else(|| misused("which period? --month YYYY-MM, or --from and --to"))?;
        let backend = self.backend.as_deref().map(BackendId::new).transpose().map_err(misused)?;
        if let Some(name) = backend.as_ref().filter(|name| !config.panels.iter().any(|one| one.id == **name))
        {
            return Err(misused(format!("no backend {:?} in the config", name.as_str())));
        }
        Ok(Order { period, backend, corrections: self.corrections, by: operator() })
    }

    async fn settled(&self, invoicing: &Invoicing, tag: &str, found: &str) -> Outcome {
        let is_created = match found {
            "created" => true,
            "absent" => false,
            other => return Err(misused(format!("--settle {tag} {other}: expected created or absent"))),
        };
        let line = invoicing.settle(tag, is_created, &operator()).await.map_err(tried)?;
        let then = if is_created { "it is never billed again" } else { "the next run bills it" };
        print(format!("{}: {}; {then}", line.line.tag, if is_created { "created" } else { "not there" }));
        Ok(())
    }

    /// What is left to do is no success.
    fn ended(&self, report: &Report) -> Outcome {
        let left = [RowState::Refused, RowState::Unknown, RowState::NotTried];
        let left: Vec<String> = left
            .into_iter()
            .map(|state| (report.count(state), state.name()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {}", state.replace('_', " ")))
            .collect();
        if report.dry_run || (left.is_empty() && report.open == 0) {
            return Ok(());
        }
        let what = if left.is_empty() {
            format!("{} unknown from earlier runs", report.open)
        } else {
            left.join(", ")
        };
        Err(CommandError::Tried(format!(
            "{what}: the lines say what to do; run the same again when it is done, nothing is billed twice"
        )))
    }
}

/// On a terminal only, and only once there is something to create.
fn bar() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::no_length();
    let style = indicatif::ProgressStyle::with_template("billing {wide_bar} {pos}/{len}, {eta} left");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// By the file's ending.
fn form(file: &Path) -> Result<Form, CommandError> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(Form::Csv),
        Some("json") => Ok(Form::Json),
        _ => Err(misused(format!("--dry-run {}: expected a file ending in .csv or .json", file.display()))),
    }
}

fn whmcs(config: &Config) -> Result<BillableItems, CommandError> {
    let api = config.api.as_ref().ok_or_else(|| {
        misused(format!(
            "{}: invoices need url, identifier and secret (or secret_file) in [whmcs]",
            config.path.display()
        ))
    })?;
    BillableItems::open(api, &config.folder).map_err(misused)
}

fn terms(config: &Config) -> Terms {
    Terms {
        prices: config.prices.clone(),
        panels: config.panels.clone(),
        limits: config.limits.clone(),
        zone: config.zone,
        max_age: config.max_age(),
        bill_from: config.whmcs.bill_from,
    }
}

fn write(file: &Path, form: Form, report: &Report) -> Outcome {
    let text = match form {
        Form::Csv => report.csv(),
        Form::Json => {
            serde_json::to_string_pretty(report).map_err(|error| CommandError::Tried(error.to_string()))?
        }
    };
    std::fs::write(file, text)
        .map_err(|error| CommandError::Tried(format!("{} cannot be written: {error}", file.display())))
}

fn show(report: &Report) {
    let mut table =
        Table::new(&["backend", "account", "service>", "meter", "used>", "amount>", "", "state", "why"]);
    let shown = report.lines.iter().filter(|row| row.state != RowState::Nothing || row.is_remarkable());
    for row in shown {
        table.row([
            row.backend.clone(),
            row.account.clone(),
            row.service.map_or_else(|| "-".into(), |service| service.to_string()),
            row.meter.to_string(),
            row.used_bytes.map_or_else(|| "-".into(), grouped),
            row.amount.map_or_else(|| "-".into(), |amount| amount.to_string()),
            row.currency.clone(),
            row.state.name().replace('_', " "),
            row.reason.clone(),
        ]);
    }
    if !table.is_empty() {
        print(table);
    }
    for line in report.settled.iter().chain(&report.notes) {
        print(line);
    }
    let nothing = report.count(RowState::Nothing);
    print(format!(
        "{} to {}: {} {}, {} already there, {nothing} with nothing due, {} withheld{}",
        report.from,
        report.to,
        report.count(if report.dry_run { RowState::WouldCreate } else { RowState::Created }),
        if report.dry_run { "would be created" } else { "created" },
        report.count(RowState::Already) + report.count(RowState::Changed),
        report.count(RowState::Withheld),
        if report.dry_run { "; nothing was billed" } else { "" }
    ));
}
