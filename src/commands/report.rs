//! `whmeter report`: what does not fit between the panels and WHMCS, as it stands now.

use clap::{Args, ValueEnum};

use super::poll::chosen;
use super::table::{Table, grouped, sized};
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::console::{Finding, FindingKind, ReportSettings, StaffReports, as_csv, findings, sides};
use crate::domain::{Bytes, Mapping};
use crate::standing::Moment;
use crate::store::{Entry, EntryState, Store};

#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    config: ConfigArg,
    /// unbilled, ghosts, unmetered, wrong-plans, companions, sizes, totals, held-back, untold, addons, unconfigured,
    /// policies, unclaimed, pins, adoptions or all
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
    /// Mail the report that [report] sends, of now, and wait until it is sent
    #[arg(long, conflicts_with_all = ["what", "backend", "format", "json", "bytes"])]
    mail: bool,
    /// Mail it to these, not to those of the config
    #[arg(long, value_name = "ADDRESS", requires = "mail")]
    to: Vec<String>,
    /// Only print the mail; nothing is sent or stored
    #[arg(long, requires = "mail")]
    dry_run: bool,
}

/// How long another process may need to send a mail that it has taken.
const OTHERS_SEND: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

impl Report {
    pub(super) async fn run(self) -> Outcome {
        if self.mail {
            return self.mail().await;
        }
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

impl Report {
    /// Mails the report of now, through the outbox like every other mail.
    async fn mail(self) -> Outcome {
        let (config, clock) = self.config.read("error")?;
        let goes_to = config.channels.mail_goes_to();
        let of_config = config.report.as_ref().map(|report| report.to.clone()).unwrap_or_default();
        let to = if self.to.is_empty() { of_config } else { self.to };
        for one in &to {
            ReportSettings::address(one)
                .map_err(|problem| CommandError::Misused(format!("--to {problem}")))?;
        }
        let named = if to.is_empty() { goes_to.clone().unwrap_or_default() } else { to.clone() }.join(", ");
        if self.dry_run {
            let store = Store::open_to_read(config.store.clone(), &config.folder).await?;
            let mail =
                StaffReports::new(store.clone(), clock, config.zone, config.setup()).of_now().await?.mail;
            store.close().await;
            let named = if named.is_empty() { "nobody, as no address is named" } else { named.as_str() };
            print(format!("To: {named}\nSubject: {}\n\n{}", mail.subject, mail.plain.trim_end()));
            return Ok(());
        }
        if goes_to.is_none() {
            let needs = "--mail needs \"smtp\" among channels in [notify], and [notify.smtp]";
            return Err(CommandError::Misused(needs.into()));
        }
        if named.is_empty() {
            let needs =
                "--mail has no recipient: name one with --to, or in [report] or [notify.smtp] of the config";
            return Err(CommandError::Misused(needs.into()));
        }
        let (app, _) = App::build(config, clock).await?;
        let report = app.console().staff_reports().promise_now(&to).await?;
        app.dispatcher().mail_report(&report.key).await?;
        let mut entry = app.store().entry_of(&report.key).await?;
        // A daemon may have taken it first, and is sending it.
        let began = std::time::Instant::now();
        let is_under_way = |entry: &Entry| {
            entry.state == EntryState::Waiting && entry.said.is_none() && began.elapsed() < OTHERS_SEND
        };
        while entry.as_ref().is_some_and(is_under_way) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            entry = app.store().entry_of(&report.key).await?;
        }
        app.store().close().await;
        match entry {
            Some(entry) if entry.state == EntryState::Delivered => {
                print(format!(
                    "{} is mailed to {named}: {}",
                    report.mail.subject,
                    entry.said.unwrap_or_default()
                ));
                Ok(())
            }
            Some(Entry { state: EntryState::GaveUp, said, .. }) => {
                Err(CommandError::Tried(format!("not mailed: {}", said.unwrap_or_default())))
            }
            Some(Entry { said: Some(said), .. }) => {
                let later = "`whmeter serve` tries it again; `whmeter outbox list` shows how it goes";
                Err(CommandError::Tried(format!("not mailed yet: {said}; {later}")))
            }
            _ => Err(CommandError::Tried(
                "not mailed yet: another whmeter has taken it and says nothing of it so far; `whmeter outbox list` shows how it \
                 goes"
                    .into(),
            )),
        }
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
    let is_nobodys = |finding: &Finding<'_>| {
        finding.what() == FindingKind::Unbilled.name() && finding.cells()[1] == Mapping::Unmapped.name()
    };
    if found.iter().any(is_nobodys) {
        print(
            "unmapped: `whmeter adopt` makes the service in WHMCS, `whmeter map set` names one that is there",
        );
    }
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
