//! `whmeter verify`: whether journals and chronicle hold, and whether what is stored is what they say.

use clap::Args;
use serde_json::{Value, json};

use super::{CommandError, ConfigArg, Outcome, print, print_json, stored_backends};
use crate::metering::SettleRules;
use crate::store::{Chain, ChainHead, ChronicleDifference, Difference, KeyedFrom, OldHead, Store};

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    config: ConfigArg,
    /// The journal of this backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// A head noted before, as verify prints it: check that it is still part of its chain; may be repeated
    #[arg(long, value_name = "CHAIN:ENTRY:LINK")]
    since_head: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the report, and the first thing that is wrong.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    shapes: Vec<Value>,
    wrong: Option<String>,
}

impl Verify {
    pub(super) async fn run(self) -> Outcome {
        let heads = self.since_head.iter().map(|text| text.parse::<ChainHead>());
        let old = heads.collect::<Result<Vec<_>, _>>().map_err(CommandError::Misused)?;
        let (config, _, store) = self.config.store_to_read().await?;
        let rules = config.rules();
        let mut report = Report::default();
        let heads = store.heads().await?;
        let mut chains: Vec<Chain> =
            stored_backends(&store, self.backend.as_deref()).await?.into_iter().map(Chain::Journal).collect();
        if self.backend.is_none() {
            chains.push(Chain::Chronicle);
        }
        for chain in chains {
            let head = heads.iter().find(|head| head.chain == chain);
            report.take_chain(&store, &chain, head, &rules).await?;
        }
        for name in store.without_row().await? {
            report.take_lost(&name);
        }
        for stray in store.strays().await? {
            report.take_stray(&stray);
        }
        for head in &old {
            report.take_old(head, store.old_head(head).await?);
        }
        store.close().await;
        match self.json {
            true => print_json(&report.shapes)?,
            false => report.lines.iter().for_each(print),
        }
        report.wrong.map_or(Ok(()), |wrong| Err(CommandError::Tried(wrong)))
    }
}

impl Report {
    async fn take_chain(
        &mut self,
        store: &Store,
        chain: &Chain,
        head: Option<&ChainHead>,
        rules: &SettleRules,
    ) -> Result<(), CommandError> {
        let (name, backend) = match chain {
            Chain::Journal(backend) => (backend.as_str(), Some(backend.as_str())),
            Chain::Chronicle => ("chronicle", None),
        };
        let outcome = match chain {
            Chain::Journal(backend) => {
                let differs = |found: Difference| repairable(&found, found.is_of_rows(), backend.as_str());
                store.verify(backend, rules).await?.map_err(differs).map(|held| {
                    let counts = json!({ "entries": held.entries, "folds": held.folds, "sums": held.sums });
                    let what = format!("{} days and months", held.sums);
                    (counts, held.entries, held.folds, what, held.keyed)
                })
            }
            Chain::Chronicle => {
                let differs =
                    |found: ChronicleDifference| repairable(&found, found.is_of_rows(), "--chronicle");
                store.verify_chronicle().await?.map_err(differs).map(|held| {
                    let counts = json!({ "entries": held.entries, "folds": held.folds, "rows": held.rows });
                    let what =
                        format!("{} rows of reported_values, services, pins, acts and lines", held.rows);
                    (counts, held.entries, held.folds, what, held.keyed)
                })
            }
        };
        let mut shape = json!({ "chain": chain.to_string(), "backend": backend, "ok": outcome.is_ok() });
        match outcome {
            Ok((counts, entries, folds, what, keyed)) => {
                self.lines.push(format!(
                    "{name}: {entries} entries and {folds} folds hold, {what} are what they say{}",
                    in_words(&keyed)
                ));
                let keyed: Vec<Value> =
                    keyed.iter().map(|run| json!({ "from": run.entry, "keyed": run.keyed })).collect();
                extend(&mut shape, counts);
                extend(&mut shape, json!({ "keyed": keyed }));
            }
            Err(difference) => {
                self.lines.push(format!("{name}: DIFFERS: {difference}"));
                extend(&mut shape, json!({ "difference": difference }));
                self.wrong.get_or_insert(difference);
            }
        }
        if let Some(head) = head {
            self.lines.push(format!("    head {head}"));
            extend(&mut shape, json!({ "head": head.to_string() }));
        }
        self.shapes.push(shape);
        Ok(())
    }

    /// A backend whose journal is there, and whose row is not.
    fn take_lost(&mut self, name: &str) {
        let difference = format!("backend {name} has a journal or accounts, but its row is missing");
        self.lines.push(format!("{name}: DIFFERS: {difference}"));
        let chain = format!("journal {name}");
        self.shapes.push(json!({ "chain": chain, "backend": name, "ok": false, "difference": difference }));
        self.wrong.get_or_insert(difference);
    }

    fn take_stray(&mut self, row: &str) {
        let difference = format!(
            "{row} is of no backend: it was not written by whmeter; delete it, or restore a backup, and \
             find out what wrote it"
        );
        self.lines.push(format!("DIFFERS: {difference}"));
        self.shapes.push(json!({ "chain": null, "backend": null, "ok": false, "difference": difference }));
        self.wrong.get_or_insert(difference);
    }

    fn take_old(&mut self, head: &ChainHead, found: OldHead) {
        let (holds, said) = match found {
            OldHead::Holds => (Some(true), "is part of the chain".to_string()),
            OldHead::Folded => {
                (None, "cannot be checked any more: its entry is folded; keep newer heads".into())
            }
            OldHead::Differs(found) => {
                (Some(false), format!("is not part of the chain: {found}; it was rewritten since"))
            }
        };
        self.lines.push(format!("{head} {said}"));
        self.shapes.push(json!({ "since_head": head.to_string(), "holds": holds, "said": said }));
        if holds != Some(true) {
            self.wrong.get_or_insert(format!("{head} {said}"));
        }
    }
}

/// A difference, and how it is repaired where the chain itself holds.
fn repairable(difference: &dyn std::fmt::Display, is_of_rows: bool, what: &str) -> String {
    match is_of_rows {
        true => format!("{difference}; `whmeter repair {what} --reason TEXT` restores it from the chain"),
        false => difference.to_string(),
    }
}

/// Which entries were chained by a key, where some were.
fn in_words(keyed: &[KeyedFrom]) -> String {
    if keyed.iter().all(|run| !run.keyed) {
        return String::new();
    }
    let run = |run: &KeyedFrom| {
        format!("{} key from entry {}", if run.keyed { "with the" } else { "without a" }, run.entry)
    };
    format!(" ({} on)", keyed.iter().map(run).collect::<Vec<_>>().join(" on, "))
}

fn extend(shape: &mut Value, more: Value) {
    if let (Some(shape), Value::Object(more)) = (shape.as_object_mut(), more) {
        shape.extend(more);
    }
}
