//! `whmeter report`: what does not fit between the panels and WHMCS, as it stands now.

use clap::{Args, ValueEnum};

use super::poll::chosen;
use super::table::{Table, grouped, sized};
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::console::{Finding, FindingKind, as_csv, findings, sides};
use crate::domain::Bytes;
use crate::standing::Moment;

#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    config: ConfigArg,
    /// unbilled, ghosts, unmetered, wrong-plans, companions, sizes, totals, held-back, untold, addons, unconfigured,
    /// policies, unclaimed, pins or all
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
    /// Whole bytes in the table, not rounded ones
    #[arg(long)]
    bytes: bool,
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
        let (config, clock, store) = self.config.store_to_read().await?;
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
            Format::Table => {
                let base = config.whmcs.unit_base;
                let size = |bytes: Bytes| if self.bytes { grouped(bytes) } else { sized(bytes, base) };
                show(&found, &size);
            }
        }
        Ok(())
    }
}

/// The columns that fit on a screen: of each kind of finding the largest first, with what it comes to.
fn show(found: &[Finding<'_>], size: &dyn Fn(Bytes) -> String) {
    if found.is_empty() {
        return print("everything fits");
    }
    let mut table = Table::new(&[
        "what",
        "state",
        "backend",
        "account",
        "service>",
        "username",
        "product",
        "meter",
        "used>",
        "panel>",
        "sold>",
        "worth>",
        "difference>",
        "",
    ]);
    let mut order: Vec<&Finding<'_>> = found.iter().collect();
    // Stable: kinds stay as they come.
    order.sort_by_key(|finding| (place(found, finding), std::cmp::Reverse(finding.bytes())));
    for finding in order {
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
        let [bytes, more] = [bytes, more].map(|cell| readable(&cell, "", size));
        let [panel, sold] = [panel, sold].map(|cell| readable(&cell, "unlimited", size));
        table.row([
            what, state, backend, account, service, username, product, meter, bytes, panel, sold, worth,
            more, note,
        ]);
    }
    print(table);
    sums(found, size).into_iter().for_each(print);
}

/// Where the kind of a finding first stands.
fn place(found: &[Finding<'_>], finding: &Finding<'_>) -> Option<usize> {
    found.iter().position(|other| other.what() == finding.what())
}

/// A cell with bytes, which may be negative, for people; a zero is left out, or is a word.
fn readable(cell: &str, zero: &str, size: &dyn Fn(Bytes) -> String) -> String {
    let (sign, digits) = cell.strip_prefix('-').map_or(("", cell), |digits| ("-", digits));
    match digits.parse().ok().and_then(|bytes| Bytes::new(bytes).ok()) {
        Some(Bytes::ZERO) => zero.to_string(),
        Some(bytes) => format!("{sign}{}", size(bytes)),
        None => cell.to_string(),
    }
}

/// What each kind of finding comes to, by meter: different meters are not added up.
fn sums(found: &[Finding<'_>], size: &dyn Fn(Bytes) -> String) -> Vec<String> {
    let mut sums: Vec<(&str, &str, usize, u64)> = Vec::new();
    // Of a panel's total the difference is what matters, and it stands in its line.
    for finding in found.iter().filter(|finding| finding.what() != FindingKind::Totals.name()) {
        let (Some(meter), Some(bytes)) = (finding.meter(), finding.bytes()) else { continue };
        match sums.iter_mut().find(|(what, of, ..)| (*what, *of) == (finding.what(), meter)) {
            Some((.., lines, sum)) => (*lines, *sum) = (*lines + 1, sum.saturating_add(bytes)),
            None => sums.push((finding.what(), meter, 1, bytes)),
        }
    }
    let sums = sums.into_iter().filter(|(.., sum)| *sum > 0);
    sums.filter_map(|(what, meter, lines, sum)| {
        let all = Bytes::new(sum).ok()?;
        Some(format!("{what}: {} of {meter} in {lines} line{}", size(all), if lines == 1 { "" } else { "s" }))
    })
    .collect()
}
