//! `whmeter adopt`: the service in WHMCS for an account that no service pays for.

use clap::Args;

use super::policy::{key, operator};
use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::adoption::{AdoptError, AdoptedRow, Adopting, RowState, Terms, Which, Wish};
use crate::config::Config;
use crate::domain::BackendId;
use crate::notify::Orders;
use crate::rules::cycle;

#[derive(Debug, Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    #[arg(required_unless_present = "all", requires = "account")]
    backend: Option<String>,
    /// The account, as the panel spells it
    account: Option<String>,
    /// The client who pays from now on (tblclients.id)
    #[arg(long, value_name = "ID", value_parser = number, required_unless_present = "settle")]
    client: Option<i64>,
    /// The product it is sold as (tblproducts.id); else as [[adopt]] says
    #[arg(long, value_name = "ID", value_parser = number)]
    product: Option<i64>,
    /// How often it is paid: monthly, annually, …; else as [[adopt]] says, else monthly
    #[arg(long, value_name = "CYCLE", value_parser = cycle)]
    billing_cycle: Option<String>,
    /// How it is paid, in WHMCS's word for it (mailin); else as [[adopt]] says, else the client's own
    #[arg(long, value_name = "METHOD")]
    payment_method: Option<String>,
    /// The service's username, where it is not the account's name
    #[arg(long, value_name = "NAME", conflicts_with = "all", value_parser = username)]
    username: Option<String>,
    /// Every account of a package that no service pays for
    #[arg(long, requires = "package", conflicts_with_all = ["backend", "account"])]
    all: bool,
    /// With --all: the package, as the panel spells it
    #[arg(long, value_name = "NAME", requires = "all")]
    package: Option<String>,
    /// With --all: on this backend only
    #[arg(long, value_name = "NAME", requires = "all")]
    on: Option<String>,
    /// With --all: make at most so many services
    #[arg(long, value_name = "N", requires = "all", value_parser = at_least_one)]
    limit: Option<usize>,
    /// Say what would be done; asks WHMCS, and writes nothing
    #[arg(long)]
    dry_run: bool,
    /// Say that nothing of an unfinished adoption is in WHMCS, as you found there: it may be ordered anew
    #[arg(long, value_name = "absent", value_parser = ["absent"], conflicts_with_all = ["all", "dry_run", "client", "product"])]
    settle: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn number(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| (1..=i64::from(u32::MAX)).contains(number));
    number.ok_or_else(|| "expected a number in WHMCS, like 12".into())
}

fn username(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control);
    let fits = is_name && text.chars().count() <= 255;
    fits.then(|| text.into()).ok_or_else(|| "expected a login, without blanks around it".into())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a number from 1 on".into())
}

fn failed(error: AdoptError) -> CommandError {
    match error {
        AdoptError::NoBackend(_) | AdoptError::NoPackage { .. } => CommandError::Misused(error.to_string()),
        AdoptError::Store(_) | AdoptError::NotSettled(_) => CommandError::Tried(error.to_string()),
    }
}

impl Adopt {
    pub(super) async fn run(self) -> Outcome {
        let which = self.which()?;
        // A look writes nothing, and needs no right to.
        let (config, clock, store) = match self.dry_run {
            true => self.config.store_to_read().await?,
            false => self.config.store().await?,
        };
        let adopting = Adopting::new(store.clone(), clock, terms(&config), orders(&config)?);
        if let (Some(_), Which::One(key)) = (&self.settle, &which) {
            adopting.settle_absent(key, &operator()).await.map_err(failed)?;
            store.close().await;
            print(format!("{} {}: nothing of it is in WHMCS; it may be adopted anew", key.backend, key.name));
            return Ok(());
        }
        let wish = self.wish()?;
        let rows = adopting.adopt(&which, &wish).await.map_err(failed)?;
        store.close().await;
        match self.json {
            true => print_json(&rows)?,
            false => show(&rows, &self),
        }
        ended(&rows)
    }

    fn which(&self) -> Result<Which, CommandError> {
        match (&self.backend, &self.account, &self.package) {
            (Some(backend), Some(account), _) => Ok(Which::One(key(backend, account)?)),
            (_, _, Some(package)) => {
                let backend = self.on.as_deref().map(BackendId::new).transpose();
                let backend = backend.map_err(|error| CommandError::Misused(error.to_string()))?;
                Ok(Which::Package { package: package.clone(), backend, most: self.limit })
            }
            _ => Err(CommandError::Misused("which account? BACKEND ACCOUNT, or --all --package NAME".into())),
        }
    }

    fn wish(&self) -> Result<Wish, CommandError> {
        let client = self.client.ok_or_else(|| CommandError::Misused("who pays? --client ID".into()))?;
        Ok(Wish {
            client,
            product: self.product,
            cycle: self.billing_cycle.clone(),
            payment: self.payment_method.clone(),
            username: self.username.clone(),
            dry_run: self.dry_run,
            by: operator(),
        })
    }
}

fn terms(config: &Config) -> Terms {
    Terms {
        panels: config.panels.clone(),
        rules: config.adoptions.clone(),
        companion_servers: config.whmcs.companion_servers.clone(),
        max_age: config.max_age(),
    }
}

fn orders(config: &Config) -> Result<Orders, CommandError> {
    let misused = |error: String| CommandError::Misused(error);
    let api = config.api.as_ref().ok_or_else(|| {
        misused(format!(
            "{}: making services needs url, identifier and secret (or secret_file) in [whmcs]",
            config.path.display()
        ))
    })?;
    Orders::open(api, &config.folder).map_err(|error| misused(error.to_string()))
}

fn show(rows: &[AdoptedRow], asked: &Adopt) {
    let dash = |number: Option<i64>| number.map_or_else(|| "-".to_string(), |number| number.to_string());
    let mut table =
        Table::new(&["backend", "account", "package", "state", "client>", "product>", "order>", "service>"]);
    for row in rows {
        table.row([
            row.backend.clone(),
            if row.account.is_empty() { "-".into() } else { row.account.clone() },
            row.package.clone().unwrap_or_else(|| "-".into()),
            row.state.name().replace('_', " "),
            row.client.to_string(),
            dash(row.product),
            dash(row.order),
            dash(row.service),
        ]);
    }
    match (&asked.package, table.is_empty()) {
        (Some(package), true) => print(format!(
            "no account of package {package:?} is there that no service pays for; `whmeter report --what unbilled` lists all"
        )),
        _ => print(table),
    }
    for row in rows {
        let of = format!("{} {}", row.backend, row.account);
        if row.state == RowState::Adopted {
            print(format!(
                "{of}: it belongs to service {} from the first poll after WHMCS lists that service, and so does what it has used \
                 since the day of its order. What it used before stays without a payer: `whmeter map set {of} {} --since \
                 YYYY-MM-DD` gives that to the service, too",
                dash(row.service),
                dash(row.service)
            ));
        } else if !row.reason.is_empty() {
            print(format!("{}: {}", of.trim_end(), row.reason));
        }
        row.warnings.iter().for_each(|warning| print(format!("{of}: {warning}")));
    }
    if asked.dry_run {
        print("nothing was written");
    }
}

/// What is left to do is no success.
fn ended(rows: &[AdoptedRow]) -> Outcome {
    let left: Vec<String> = [RowState::Refused, RowState::Unfinished, RowState::NotTried]
        .into_iter()
        .map(|state| (rows.iter().filter(|row| row.state == state).count(), state.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {}", name.replace('_', " ")))
        .collect();
    match left.is_empty() {
        true => Ok(()),
        false => Err(CommandError::Tried(format!(
            "{}: the lines say what to do; run the same again when it is done, nothing is ordered twice",
            left.join(", ")
        ))),
    }
}
