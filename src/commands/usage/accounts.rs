//! `whmeter usage` as people read it: one row per account, what it stores and moves, how near it is to its limit, who it
//! belongs to, and the sums of all.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use clap::ValueEnum;

use crate::commands::print;
use crate::commands::table::Table;
use crate::domain::{AccountKey, BillingPeriod, BillingZone, Bytes, Meter, Timestamp};
use crate::standing::{AccountStanding, Standing};
use crate::store::Total;

/// What rows are in order of; amounts the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    Account,
    Stored,
    In,
    Out,
    Both,
    Limit,
}

/// How the rows are shown.
pub(super) struct View<'a> {
    pub standings: &'a [Arc<Standing>],
    pub period: BillingPeriod,
    pub zone: BillingZone,
    pub now: Timestamp,
    pub sort: Sort,
    /// No more rows than that.
    pub top: Option<usize>,
    /// Bytes for people.
    pub size: &'a dyn Fn(Bytes) -> String,
}

/// What one account has of each meter.
#[derive(Default)]
struct Row<'a> {
    standing: Option<&'a AccountStanding>,
    amounts: BTreeMap<Meter, Bytes>,
    average: Option<Bytes>,
    complete: bool,
}

impl Row<'_> {
    fn of(&self, meter: Meter) -> Option<Bytes> {
        self.amounts.get(&meter).copied()
    }

    /// The limit it is nearest to, in percent of it.
    fn percent(&self) -> Option<(u128, Meter)> {
        let standing = self.standing?;
        let parts = self.amounts.iter().filter_map(|(meter, used)| {
            let limit = standing.limit(*meter).up_to().filter(|limit| *limit > Bytes::ZERO)?;
            Some((u128::from(used.get()) * 100 / u128::from(limit.get()), *meter))
        });
        parts.max_by_key(|(percent, _)| *percent)
    }
}

/// Shows every account of these totals.
pub(super) fn show(totals: &[Total], view: &View<'_>) {
    let rows = rows(totals, view.standings);
    if rows.is_empty() {
        return print("nothing is known of this period");
    }
    let is_running = view.zone.day_of(view.now) < view.period.next();
    let of = format!("{} to {}", view.period.first(), view.period.next().minus_days(1));
    print(format!("{of}{}", if is_running { ", so far" } else { "" }));
    let mut order: Vec<_> = rows.iter().collect();
    let by = |meter| move |(_, row): &(&AccountKey, &Row<'_>)| Reverse(row.of(meter));
    match view.sort {
        Sort::Account => {}
        Sort::Stored => order.sort_by_key(by(Meter::StorageUsed)),
        Sort::In => order.sort_by_key(by(Meter::TrafficIn)),
        Sort::Out => order.sort_by_key(by(Meter::TrafficOut)),
        Sort::Both => order.sort_by_key(|(_, row)| Reverse(both(row))),
        Sort::Limit => order.sort_by_key(|(_, row)| Reverse(row.percent())),
    }
    let columns = Columns::of(&rows);
    let mut table = Table::new(&columns.names());
    for (key, row) in order.iter().take(view.top.unwrap_or(usize::MAX)) {
        table.row(columns.cells(key, row, view));
    }
    table.row(columns.sums(&rows, view));
    print(table);
}

fn rows<'a>(totals: &[Total], standings: &'a [Arc<Standing>]) -> BTreeMap<AccountKey, Row<'a>> {
    let mut rows: BTreeMap<AccountKey, Row<'_>> = BTreeMap::new();
    for total in totals {
        let row = rows.entry(total.account.clone()).or_insert_with(|| Row {
            standing: standings
                .iter()
                .find(|standing| standing.backend == total.account.backend)
                .and_then(|standing| standing.accounts.get(&total.account.name))
                .map(Arc::as_ref),
            complete: true,
            ..Row::default()
        });
        row.amounts.insert(total.meter, total.usage.amount);
        row.complete &= total.complete;
        if total.meter == Meter::StorageUsed {
            row.average = total.usage.held.average(total.usage.covered);
        }
    }
    rows
}

/// Everything that passed: what a panel counts both ways in one, or both directions together.
fn both(row: &Row<'_>) -> Option<Bytes> {
    let directions = [Meter::TrafficIn, Meter::TrafficOut].map(|meter| row.of(meter));
    row.of(Meter::TrafficTotal).or(match directions {
        [Some(inwards), Some(outwards)] => inwards.checked_add(outwards),
        _ => None,
    })
}

/// The columns that have something in them for anybody.
struct Columns {
    meters: Vec<Meter>,
    average: bool,
    percent: bool,
    service: bool,
}

impl Columns {
    fn of(rows: &BTreeMap<AccountKey, Row<'_>>) -> Columns {
        let any = |has: &dyn Fn(&Row<'_>) -> bool| rows.values().any(has);
        let service = |row: &Row<'_>| row.standing.is_some_and(|standing| service(standing).is_some());
        Columns {
            meters: Meter::ALL.into_iter().filter(|meter| any(&|row| row.of(*meter).is_some())).collect(),
            average: any(&|row| row.average.is_some()),
            percent: any(&|row| row.percent().is_some()),
            service: any(&service),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        let mut names = vec!["backend", "account"];
        if self.service {
            names.extend(["client", "product"]);
        }
        for meter in &self.meters {
            names.push(match meter {
                Meter::StorageUsed => "stored>",
                Meter::TrafficIn => "in>",
                Meter::TrafficOut => "out>",
                Meter::TrafficTotal => "both ways>",
            });
            if *meter == Meter::StorageUsed && self.average {
                names.push("average>");
            }
        }
        if self.percent {
            names.push("of limit>");
        }
        names.push("");
        names
    }

    fn cells(&self, key: &AccountKey, row: &Row<'_>, view: &View<'_>) -> Vec<String> {
        let mut cells = vec![key.backend.to_string(), key.name.to_string()];
        if self.service {
            let service = row.standing.and_then(service);
            cells.push(service.map(|service| service.client.to_string()).unwrap_or_default());
            cells.push(service.and_then(|service| service.product.clone()).unwrap_or_default());
        }
        self.amounts(&mut cells, |meter| row.of(meter), row.average, view);
        if self.percent {
            let percent = row.percent().map(|(percent, meter)| match meter {
                Meter::StorageUsed => format!("{percent} % stored"),
                Meter::TrafficIn => format!("{percent} % in"),
                Meter::TrafficOut => format!("{percent} % out"),
                Meter::TrafficTotal => format!("{percent} % moved"),
            });
            cells.push(percent.unwrap_or_default());
        }
        cells.push(remark(row, view));
        cells
    }

    /// The row of everybody together, also of those that are not shown.
    fn sums(&self, rows: &BTreeMap<AccountKey, Row<'_>>, view: &View<'_>) -> Vec<String> {
        let sum = |of: &dyn Fn(&Row<'_>) -> Option<Bytes>| {
            let known = rows.values().filter_map(of);
            known.fold(None, |sum: Option<Bytes>, one| sum.unwrap_or(Bytes::ZERO).checked_add(one))
        };
        let accounts =
            if rows.len() == 1 { "1 account".into() } else { format!("all {} accounts", rows.len()) };
        let mut cells = vec![String::new(), accounts];
        if self.service {
            cells.extend([String::new(), String::new()]);
        }
        self.amounts(&mut cells, |meter| sum(&|row| row.of(meter)), sum(&|row| row.average), view);
        cells
    }

    fn amounts(
        &self,
        cells: &mut Vec<String>,
        of: impl Fn(Meter) -> Option<Bytes>,
        average: Option<Bytes>,
        view: &View<'_>,
    ) {
        for meter in &self.meters {
            cells.push(of(*meter).map(view.size).unwrap_or_default());
            if *meter == Meter::StorageUsed && self.average {
                cells.push(average.map(view.size).unwrap_or_default());
            }
        }
    }
}

fn service(standing: &AccountStanding) -> Option<&crate::standing::ServiceRef> {
    standing.mapped.as_ref()?.service.as_ref()
}

/// What else has to be known of a row: since when the account is known, and what is not known of it.
fn remark(row: &Row<'_>, view: &View<'_>) -> String {
    let mut remarks = Vec::new();
    if let Some(standing) = row.standing {
        let day = |at| view.zone.day_of(at);
        if day(standing.first_seen) > view.period.first() {
            remarks.push(format!("known since {}", day(standing.first_seen)));
        }
        remarks.extend(standing.gone_at.map(|at| format!("gone since {}", day(at))));
        remarks.extend(standing.trouble.as_ref().map(|(reason, at)| format!("{reason} since {}", day(*at))));
    }
    if remarks.is_empty() && !row.complete && view.zone.day_of(view.now) >= view.period.next() {
        remarks.push("not complete".into());
    }
    remarks.join(", ")
}
