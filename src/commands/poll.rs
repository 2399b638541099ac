//! `whmeter poll`: one pass now, by the same code and lease as the daemon's.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, no_such_account, print, print_json};
use crate::app::App;
use crate::backends::ConfiguredPanel;
use crate::collector::PollReport;
use crate::domain::AccountName;

#[derive(Debug, Args)]
pub(super) struct Poll {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// This account only; needs --backend
    #[arg(long, value_name = "NAME", requires = "backend")]
    account: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Poll {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock) = self.config.read("error")?;
        let (app, _) = App::build(config, clock).await?;
        let backends = chosen(&app.collector().panels(), self.backend.as_deref())?;
        let account = self.account.as_deref().map(AccountName::new).transpose();
        let account = account.map_err(|error| CommandError::Misused(error.to_string()))?;
        let bar = progress(backends.len());
        let polls = backends.iter().map(|metered| async {
            let report = app.collector().poll(metered, account.clone()).await;
            bar.inc(1);
            report
        });
        let reports = futures_util::future::join_all(polls).await;
        bar.finish_and_clear();
        report_all(&reports, self.json)?;
        match (account, reports.first()) {
            (Some(name), Some(one)) if one.accounts_read == 0 && one.accounts_failed.is_empty() => {
                let standings = app.store().standings().await?;
                let own = standings.iter().find(|standing| standing.backend == one.backend);
                let known = own.iter().flat_map(|standing| standing.accounts.keys()).map(AccountName::as_str);
                Err(no_such_account(one.backend.as_str(), name.as_str(), known))
            }
            _ => Ok(()),
        }
    }
}

/// Prints how polls went; the first that failed is the command's own failure.
pub(super) fn report_all(reports: &[PollReport], json: bool) -> Outcome {
    if json {
        print_json(&reports.iter().map(shape).collect::<Vec<_>>())?;
    } else {
        show(reports);
    }
    match reports.iter().find(|report| report.failed.is_some()) {
        None => Ok(()),
        Some(report) => {
            let why = report.failed.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(CommandError::Tried(format!(
                "{}: {why}; `whmeter check --backend {0}` goes step by step",
                report.backend
            )))
        }
    }
}

/// The backends a command is about.
pub(super) fn chosen(
    all: &[Arc<ConfiguredPanel>],
    name: Option<&str>,
) -> Result<Vec<Arc<ConfiguredPanel>>, CommandError> {
    let Some(name) = name else { return Ok(all.to_vec()) };
    let found: Vec<_> = all.iter().filter(|metered| metered.id.as_str() == name).cloned().collect();
    if found.is_empty() {
        let known: Vec<&str> = all.iter().map(|metered| metered.id.as_str()).collect();
        let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
        return Err(CommandError::Misused(format!("no backend is called {name:?}; configured: {known}")));
    }
    Ok(found)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(backends: usize) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(backends as u64);
    let style = indicatif::ProgressStyle::with_template("polling {wide_bar} {pos}/{len}, {eta} left");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn shape(report: &PollReport) -> serde_json::Value {
    let reason = report.failed.as_ref().map(|error| error.reason());
    json!({
        "backend": report.backend.as_str(),
        "ok": report.failed.is_none(),
        "reason": reason,
        "detail": report.failed.as_ref().map(ToString::to_string),
        "accounts_read": report.accounts_read,
        "accounts_failed": report.accounts_failed.len(),
        "failed_accounts": report.accounts_failed.iter().map(|failed| json!({
            "account": failed.account.as_str(), "reason": failed.reason.name(), "detail": failed.detail,
        })).collect::<Vec<_>>(),
        "day_points_changed": report.day_points_changed,
        "unclaimed": report.unclaimed.iter().map(|one| json!({
            "what": one.what, "why": one.why, "bytes": one.level.map(|level| level.get()),
        })).collect::<Vec<_>>(),
        "warnings": report.warnings,
        "took_seconds": report.took.as_secs_f64(),
    })
}

fn show(reports: &[PollReport]) {
    let mut table = Table::new(&["backend", "outcome", "read>", "failed>", "day points>", "seconds>"]);
    for report in reports {
        let outcome = report.failed.as_ref().map_or("ok", |error| error.reason());
        table.row([
            report.backend.to_string(),
            outcome.to_string(),
            report.accounts_read.to_string(),
            report.accounts_failed.len().to_string(),
            report.day_points_changed.to_string(),
            format!("{:.1}", report.took.as_secs_f64()),
        ]);
    }
    print(table);
    for report in reports {
        for failed in &report.accounts_failed {
            print(format!(
                "{}: {} not read ({}): {}",
                report.backend, failed.account, failed.reason, failed.detail
            ));
        }
        for warning in &report.warnings {
            print(format!("{}: {warning}", report.backend));
        }
    }
}
