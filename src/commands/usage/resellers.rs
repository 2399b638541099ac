//! `whmeter usage --by reseller`: what the accounts of each reseller used together.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::Format;
use crate::commands::table::{Table, grouped};
use crate::commands::{CommandError, Outcome, print, print_json};
use crate::console::cell;
use crate::domain::{AccountKey, Bytes, Meter};
use crate::store::{Total, Usage};

/// Whose accounts, of which meter. A reseller is a panel's: two panels may have one of the same name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    backend: String,
    /// Empty for the panel's own; `None` where the panel does not say.
    reseller: Option<String>,
    meter: Meter,
}

/// What they used together.
#[derive(Default)]
struct Sum {
    accounts: usize,
    usage: Usage,
    complete: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    backend: &'a str,
    reseller: Option<&'a str>,
    meter: &'static str,
    from: String,
    to: String,
    accounts: usize,
    bytes: u64,
    /// The same, for people.
    #[serde(skip)]
    used: Bytes,
    estimated_bytes: u64,
    held_byte_minutes: u128,
    complete: bool,
}

/// Adds accounts up by their resellers, and shows the sums.
pub(super) fn show(
    totals: &[Total],
    resellers: &HashMap<AccountKey, String>,
    format: Format,
    size: &dyn Fn(Bytes) -> String,
) -> Outcome {
    let sums = sums(totals, resellers)?;
    let span = totals.first().map(|total| (total.span.first().to_string(), total.span.next().to_string()));
    let (from, to) = span.unwrap_or_default();
    let rows: Vec<Row<'_>> = sums
        .iter()
        .map(|(key, sum)| Row {
            backend: &key.backend,
            reseller: key.reseller.as_deref(),
            meter: key.meter.name(),
            from: from.clone(),
            to: to.clone(),
            accounts: sum.accounts,
            bytes: sum.usage.amount.get(),
            used: sum.usage.amount,
            estimated_bytes: sum.usage.estimated.get(),
            held_byte_minutes: sum.usage.held.get(),
            complete: sum.complete,
        })
        .collect();
    match format {
        Format::Json => print_json(&rows)?,
        Format::Csv => show_csv(&rows),
        Format::Table => show_table(&rows, size),
    }
    Ok(())
}

fn sums(
    totals: &[Total],
    resellers: &HashMap<AccountKey, String>,
) -> Result<BTreeMap<Key, Sum>, CommandError> {
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    for total in totals {
        let reseller = resellers.get(&total.account).cloned();
        let key = Key { backend: total.account.backend.to_string(), reseller, meter: total.meter };
        let sum = sums.entry(key).or_insert_with(|| Sum { complete: true, ..Sum::default() });
        sum.accounts += 1;
        sum.usage.join(&total.usage)?;
        sum.complete &= total.complete;
    }
    Ok(sums)
}

fn show_csv(rows: &[Row<'_>]) {
    print("backend,reseller,meter,from,to,accounts,bytes,estimated_bytes,held_byte_minutes,complete");
    for row in rows {
        let (backend, reseller) = (cell(row.backend), cell(shown(row.reseller)));
        let Row { meter, from, to, accounts, used, .. } = row;
        print(format!(
            "{backend},{reseller},{meter},{from},{to},{accounts},{used},{},{},{}",
            row.estimated_bytes, row.held_byte_minutes, row.complete
        ));
    }
}

fn show_table(rows: &[Row<'_>], size: &dyn Fn(Bytes) -> String) {
    let mut table = Table::new(&["backend", "reseller", "meter", "from", "to", "accounts>", "used>", ""]);
    for row in rows {
        table.row([
            row.backend.to_string(),
            shown(row.reseller).to_string(),
            row.meter.to_string(),
            row.from.clone(),
            row.to.clone(),
            grouped(row.accounts),
            size(row.used),
            if row.complete { String::new() } else { "not complete".into() },
        ]);
    }
    match table.is_empty() {
        true => print("nothing is known of this period"),
        false => print(table),
    }
}

/// A reseller for people. No reseller is called so: panels allow no brackets in names.
fn shown(reseller: Option<&str>) -> &str {
    match reseller {
        None => "(not reported)",
        Some("") => "(none)",
        Some(name) => name,
    }
}
