//! `whmeter plan`: who would be notified, limited or restored if this config were live. Touches nothing.

use clap::Args;
use serde_json::{Value, json};

use super::table::{Table, sized};
use super::{ConfigArg, Outcome, print, print_json};
use crate::collector::{Evaluation, Sold};
use crate::domain::Bytes;
use crate::quota::{Occasion, Verdict};
use crate::standing::Moment;
use crate::store::{EntryState, Promise};

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    config: ConfigArg,
    /// This backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing that would be done to an account.
struct PlanLine {
    backend: String,
    account: String,
    action: &'static str,
    why: String,
}

impl Plan {
    pub(super) async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store_to_read().await?;
        let (now, rules, base) = (clock.now(), config.rules(), config.whmcs.unit_base);
        let size = |bytes| sized(bytes, base);
        let mut lines = Vec::new();
        // What is decided already and on its way.
        for entry in store.entries(&[EntryState::Waiting], 10_000).await? {
            let Some(account) = entry.promise.account() else { continue };
            let action = match &entry.promise {
                Promise::Notify(_, notification) if notification.occasion == Occasion::Resolved => continue,
                Promise::Report { .. } => continue,
                Promise::Notify(..) => "notify",
                Promise::Switch { to, .. } => switch_name(*to),
            };
            let why = format!("decided, waits on {}: {}", entry.promise.channel(), entry.key);
            lines.push(PlanLine {
                backend: account.backend.to_string(),
                account: account.name.to_string(),
                action,
                why,
            });
        }
        for metered in &config.panels {
            let loaded = store.load(&metered.id, None).await?;
            let sold = Sold::of(&store, &config.panels, metered).await?;
            let evaluation = Evaluation {
                limits: &config.limits,
                backend: &metered.id,
                loaded: &loaded,
                book: &loaded.book,
                moment: Moment::new(now, rules.zone, rules.max_gap),
                by_suspending: metered.limits_by_suspending(),
                sold: &sold,
                by_hand: false,
            };
            let decided = evaluation.plan();
            for verdict in &decided.verdicts {
                lines.extend(plan_lines(metered.id.as_str(), verdict, &size));
            }
            lines.extend(decided.held.iter().map(|account| PlanLine {
                backend: metered.id.to_string(),
                account: account.to_string(),
                action: "held",
                why: "would be limited, but too many are at once (max_limited_at_once)".into(),
            }));
        }
        lines.retain(|line| self.backend.as_ref().is_none_or(|wanted| line.backend == *wanted));
        lines.sort_by(|a, b| (&a.backend, &a.account, a.action).cmp(&(&b.backend, &b.account, b.action)));
        if self.json {
            return print_json(&lines.iter().map(shape).collect::<Vec<_>>());
        }
        show(&lines);
        Ok(())
    }
}

/// One row for each account, with everything that would be done to it.
fn show(lines: &[PlanLine]) {
    if lines.is_empty() {
        return print("no account would be notified, limited or restored");
    }
    let mut table = Table::new(&["backend", "account", "would be", "why"]);
    for of_one in lines.chunk_by(|a, b| (&a.backend, &a.account) == (&b.backend, &b.account)) {
        let mut acts: Vec<&str> = of_one.iter().map(|line| done(line.action)).collect();
        acts.dedup();
        let mut reasons: Vec<&str> = of_one.iter().map(|line| line.why.as_str()).collect();
        reasons.dedup();
        let PlanLine { backend, account, .. } = &of_one[0];
        table.row([backend.clone(), account.clone(), acts.join(", "), reasons.join("; ")]);
    }
    print(table);
}

fn done(action: &'static str) -> &'static str {
    match action {
        "notify" => "notified",
        "limit" => "limited",
        "restore" => "restored",
        other => other,
    }
}

fn switch_name(to: crate::domain::Policy) -> &'static str {
    match to {
        crate::domain::Policy::Limited => "limit",
        crate::domain::Policy::Standard => "restore",
    }
}

fn plan_lines(backend: &str, verdict: &Verdict, size: &dyn Fn(Bytes) -> String) -> Vec<PlanLine> {
    let line =
        |action, why| PlanLine { backend: backend.into(), account: verdict.account.to_string(), action, why };
    let notifications =
        verdict.notifications.iter().filter(|notification| notification.occasion != Occasion::Resolved);
    let mut lines: Vec<PlanLine> = notifications
        .map(|notification| {
            let percent = notification.hundredths();
            let why = format!(
                "{} at {}.{:02} % of {}, threshold {} %",
                notification.meter,
                percent / 100,
                percent % 100,
                size(notification.limit),
                notification.threshold
            );
            line("notify", why)
        })
        .collect();
    lines.extend(verdict.switch.iter().map(|switch| line(switch_name(switch.to), switch.why.clone())));
    lines
}

fn shape(line: &PlanLine) -> Value {
    json!({ "backend": line.backend, "account": line.account, "action": line.action, "why": line.why })
}
