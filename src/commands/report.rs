//! `whmeter report`: what does not fit between the panels and WHMCS, as it stands now.

use clap::{Args, ValueEnum};

use super::poll::chosen;
use super::table::{Table, grouped};
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::console::{Finding, FindingKind, as_csv, findings, sides};
use crate::standing::Moment;

#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    config: ConfigArg,
    /// unbilled, ghosts, unmetered, wrong-plans, totals, held-back, untold, addons, unconfigured, policies, unclaimed,
    /// pins or all
    #[arg(long, default_value = "all")]
    what: String,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// table, json or csv
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Short for --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

impl Report {
    pub(super) async fn run(self) -> Outcome {
        let whats = FindingKind::named(&self.what)
            .map_err(|error| CommandError::Misused(format!("--what {error}")))?;
        let (config, clock, store) = self.config.store().await?;
        let now = clock.now();
        let moment = Moment::new(now, config.zone, config.max_age());
        let all = config.panels;
        let of = match &self.backend {
            Some(name) => chosen(&all, Some(name))?.first().map(|metered| metered.id.clone()),
            None => None,
        };
        let mut sides = sides(&store, &all, of.as_ref()).await?;
        if whats.contains(&FindingKind::Untold) {
            sides = sides.with_reported(&store, &moment, config.whmcs.bill_from).await?;
        }
        if whats.contains(&FindingKind::Unbilled) {
            sides = sides.with_billed(&store, &moment, config.whmcs.bill_from).await?;
        }
        if whats.contains(&FindingKind::Unclaimed) {
            sides = sides.with_unclaimed(&store).await?;
        }
        let found = findings(&sides, &whats, of.as_ref(), &moment, &config.prices);
        store.close().await;
        match if self.json { Format::Json } else { self.format } {
            Format::Json => print_json(&found)?,
            Format::Csv => print(as_csv(&found).trim_end()),
            Format::Table => show(&found),
        }
        Ok(())
    }
}

/// The columns that fit on a screen.
fn show(found: &[Finding<'_>]) {
    let mut table = Table::new(&[
        "what",
        "state",
        "backend",
        "account",
        "service>",
        "username",
        "product",
        "meter",
        "bytes>",
        "panel>",
        "sold>",
        "worth>",
        "difference>",
        "",
    ]);
    for finding in found {
        let [
            what,
            state,
            backend,
            server,
            account,
            service,
            _,
            username,
            product,
            _,
            meter,
            bytes,
            panel,
            sold,
            amount,
            currency,
            more,
            _,
            since,
            detail,
        ] = finding.cells();
        let backend = if backend.is_empty() { format!("server {server}") } else { backend };
        let note = if detail.is_empty() && !since.is_empty() { format!("since {since}") } else { detail };
        let worth = format!("{amount} {currency}").trim().to_string();
        let [bytes, panel, sold, more] = [bytes, panel, sold, more].map(grouped);
        table.row([
            what, state, backend, account, service, username, product, meter, bytes, panel, sold, worth,
            more, note,
        ]);
    }
    if table.is_empty() {
        print("everything fits");
    } else {
        print(table);
    }
}
