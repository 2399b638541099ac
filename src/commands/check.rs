//! `whmeter check`: the config, then the store and every backend, step by step. Writes nothing.

use clap::Args;
use clap::builder::styling::AnsiColor;
use serde_json::{Value, json};

use super::poll::chosen;
use super::{CommandError, ConfigArg, Outcome, coloured, print, print_json};
use crate::backends::{CheckStep, ConfiguredPanel, PollRequest, Wants};
use crate::domain::{Harvest, Timestamp};
use crate::notify::Orders;
use crate::store::{PanelTaken, Store};

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the report.
struct CheckLine {
    of: String,
    step: String,
    /// What was found, or what is wrong.
    outcome: Result<String, String>,
    fatal: bool,
}

impl CheckLine {
    fn warning(of: &str, warning: String) -> CheckLine {
        CheckLine { of: of.into(), step: "warning".into(), outcome: Err(warning), fatal: false }
    }
}

impl Check {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock) = self.config.read("error")?;
        let all = config.panels;
        let backends = chosen(&all, self.backend.as_deref())?;
        let mut lines = vec![CheckLine {
            of: "config".into(),
            step: config.path.display().to_string(),
            outcome: Ok(match all.len() {
                1 => "valid, 1 backend".into(),
                count => format!("valid, {count} backends"),
            }),
            fatal: true,
        }];
        for warning in config.warnings {
            lines.push(CheckLine::warning("config", warning));
        }
        if let Some(found) = crate::app::check_tls(&config.http) {
            lines.push(CheckLine { of: "http".into(), step: "tls".into(), outcome: found, fatal: true });
        }
        let store = Store::check(&config.store, &config.folder, config.zone).await;
        let known = store.as_ref().map_or_else(|_| Vec::new(), |checked| checked.panels.clone());
        lines.push(CheckLine {
            of: "store".into(),
            step: "database".into(),
            outcome: store.map(|checked| checked.says).map_err(|error| error.to_string()),
            fatal: true,
        });
        let now = clock.now();
        for metered in &backends {
            if metered.whmcs_server.is_none() {
                let warning = "no whmcs_server: WHMCS cannot collect what its accounts use; give it the number of the server in \
                               WHMCS (tblservers.id, the number in the address of Setup > Servers > Edit)";
                lines.push(CheckLine::warning(metered.id.as_str(), warning.into()));
            }
            let addresses = metered.addresses();
            let taken = PanelTaken::among(&known, &metered.id, metered.kind.name, &addresses, now);
            lines.push(CheckLine {
                of: metered.id.to_string(),
                step: "panel".into(),
                outcome: taken.map_or_else(|| Ok(addresses.join(", ")), |taken| Err(taken.to_string())),
                fatal: true,
            });
        }
        let checks = backends.iter().map(|metered| {
            let limiting = config.limits.iter().any(|rule| rule.limits(&metered.id));
            check_backend(metered, Wants { limiting }, now)
        });
        lines.extend(futures_util::future::join_all(checks).await.into_iter().flatten());
        if self.backend.is_none() {
            let mut templates: Vec<String> =
                config.limits.iter().flat_map(|limit| limit.templates().cloned()).collect();
            templates.sort();
            templates.dedup();
            let steps = config.channels.check(&templates).await;
            lines.extend(steps.into_iter().map(|(step, outcome)| CheckLine {
                of: "notify".into(),
                step,
                outcome: outcome.map_err(|error| error.to_string()),
                fatal: true,
            }));
        }
        if let Some(api) =
            config.api.as_ref().filter(|_| self.backend.is_none() && !config.adoptions.is_empty())
        {
            let outcome = match Orders::open(api, &config.folder) {
                Ok(orders) => {
                    orders.check(&config.adoptions.products()).await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            lines.push(CheckLine { of: "adopt".into(), step: "WHMCS".into(), outcome, fatal: true });
        }
        if self.json {
            print_json(&lines.iter().map(shape).collect::<Vec<_>>())?;
        } else {
            lines.iter().for_each(show);
        }
        match lines.iter().filter(|line| line.fatal && line.outcome.is_err()).count() {
            0 => Ok(()),
            failed => {
                Err(CommandError::Tried(format!("{failed} of {} checks failed; see above", lines.len())))
            }
        }
    }
}

async fn check_backend(metered: &ConfiguredPanel, wants: Wants, now: Timestamp) -> Vec<CheckLine> {
    let mut steps = Vec::new();
    metered.backend.check(wants, &mut steps).await;
    let usable = steps.iter().all(|step| step.outcome.is_ok() || !step.fatal);
    if usable {
        steps.push(listing(metered, now).await);
    }
    let line = |step: CheckStep| CheckLine {
        of: metered.id.to_string(),
        step: step.name,
        outcome: step.outcome.map_err(|error| error.to_string()),
        fatal: step.fatal,
    };
    steps.into_iter().map(line).collect()
}

/// One full listing, thrown away.
async fn listing(metered: &ConfiguredPanel, now: Timestamp) -> CheckStep {
    let mut harvest = Harvest::new();
    let polled = metered.backend.poll(&PollRequest::at(now), &mut harvest).await;
    harvest.retain(|account| metered.wants(account));
    let unread = harvest.accounts().values().filter(|harvested| !harvested.unread.is_empty()).count();
    let seen = harvest.accounts().len();
    let outcome = polled.map(|()| match unread {
        0 => format!("{seen} accounts"),
        _ => format!("{seen} accounts, {unread} of them not read in full"),
    });
    CheckStep { name: "full listing".into(), outcome, fatal: true }
}

fn show(line: &CheckLine) {
    let (mark, text) = match (&line.outcome, line.fatal) {
        (Ok(found), _) => (coloured("ok  ", AnsiColor::Green), found),
        (Err(wrong), true) => (coloured("FAIL", AnsiColor::Red), wrong),
        (Err(wrong), false) => (coloured("warn", AnsiColor::Yellow), wrong),
    };
    print(format!("{mark}  {}: {}: {text}", line.of, line.step));
}

fn shape(line: &CheckLine) -> Value {
    let detail = line.outcome.as_ref().unwrap_or_else(|wrong| wrong);
    json!({ "of": line.of, "step": line.step, "ok": line.outcome.is_ok(), "fatal": line.fatal, "detail": detail })
}
