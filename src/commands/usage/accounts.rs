//! `whmeter usage` as people read it: one row per account, what it stores and moves, how near it is to its limit, who it
//! belongs to, and the sums of all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::ValueEnum;

use crate::commands::print;
use crate::commands::table::Table;
use crate::domain::{AccountKey, BillingPeriod, Bytes, Meter, Owner, Service};
use crate::standing::{AccountStanding, Moment, Nearness, Standing};
use crate::store::{ServiceList, Total};

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

/// What is known of accounts besides their amounts.
pub(super) struct KnownAccounts {
    standings: Vec<Arc<Standing>>,
    lists: BTreeMap<i64, Arc<ServiceList>>,
    /// Who paid for what of the period.
    payers: BTreeMap<AccountKey, BTreeSet<Owner>>,
}

impl KnownAccounts {
    /// `paid`: the totals of the period by owner.
    pub fn new(
        standings: Vec<Arc<Standing>>,
        lists: BTreeMap<i64, Arc<ServiceList>>,
        paid: Vec<Total>,
    ) -> KnownAccounts {
        let mut payers: BTreeMap<AccountKey, BTreeSet<Owner>> = BTreeMap::new();
        // The time before a name was mapped, in which nothing was used, makes nobody a payer.
        let used = |total: &Total| total.usage.amount > Bytes::ZERO || total.usage.held.get() > 0;
        for total in paid.into_iter().filter(used) {
            payers.entry(total.account).or_default().extend(total.owner);
        }
        KnownAccounts { standings, lists, payers }
    }

    fn standing(&self, key: &AccountKey) -> Option<&AccountStanding> {
        let standing = self.standings.iter().find(|standing| standing.backend == key.backend)?;
        standing.accounts.get(&key.name).map(Arc::as_ref)
    }

    fn service(&self, id: i64) -> Option<&Service> {
        self.lists.values().find_map(|list| list.ever_listed(id))
    }
}

/// How the rows are shown.
pub(super) struct View<'a> {
    pub known: &'a KnownAccounts,
    pub period: BillingPeriod,
    pub moment: Moment,
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
    /// Who paid for it in the period; not who pays now.
    payers: Payers<'a>,
    /// How far it has come towards its limits, by whoever they are judged for now.
    near: Option<Nearness>,
    amounts: BTreeMap<Meter, Bytes>,
    average: Option<Bytes>,
    complete: bool,
}

impl Row<'_> {
    fn of(&self, meter: Meter) -> Option<Bytes> {
        self.amounts.get(&meter).copied()
    }
}

/// Who paid for what an account used in the period.
#[derive(Default)]
enum Payers<'a> {
    /// No service.
    #[default]
    Nobody,
    /// One service.
    One(&'a Service),
    /// A service that no list tells of.
    Unlisted(i64),
    /// One after the other, or one in a part of the period only.
    Several(usize),
}

impl Payers<'_> {
    fn of<'a>(known: &'a KnownAccounts, key: &AccountKey) -> Payers<'a> {
        let owners = known.payers.get(key);
        match owners.map(|owners| owners.iter().collect::<Vec<_>>()).as_deref() {
            // Who has used nothing is whose he is now; unless the question was about one service.
            None | Some([]) => match known.standing(key).map(|account| &account.owner) {
                Some(Owner::Service(id)) => known.service(*id).map_or(Payers::Unlisted(*id), Payers::One),
                _ => Payers::Nobody,
            },
            Some([owner]) => match owner.service() {
                None => Payers::Nobody,
                Some(id) => known.service(id).map_or(Payers::Unlisted(id), Payers::One),
            },
            Some(several) => Payers::Several(several.len()),
        }
    }

    fn cells(&self) -> [String; 2] {
        match self {
            Payers::Nobody => [String::new(), String::new()],
            Payers::One(service) => [service.client.to_string(), service.product.clone().unwrap_or_default()],
            Payers::Unlisted(id) => [String::new(), format!("service {id}")],
            Payers::Several(count) => [String::new(), format!("{count} payers: --by-owner")],
        }
    }
}

/// Shows every account of these totals.
pub(super) fn show(totals: &[Total], view: &View<'_>) {
    let rows = rows(totals, view);
    if rows.is_empty() {
        return print("nothing is known of this period");
    }
    let is_running = view.is_running();
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
        Sort::Limit => order.sort_by_key(|(_, row)| Reverse(row.near.map(|near| near.parts_of(1_000_000)))),
    }
    let columns = Columns::of(&rows);
    let mut table = Table::new(&columns.names());
    for (key, row) in order.iter().take(view.top.unwrap_or(usize::MAX)) {
        table.row(columns.cells(key, row, view));
    }
    table.row(columns.sums(&rows, view));
    print(table);
}

impl View<'_> {
    fn is_running(&self) -> bool {
        self.moment.zone.day_of(self.moment.now) < self.period.next()
    }

    /// Limits are of the month that runs, and of who pays now: beside anybody else's or another time's amounts they say
    /// nothing.
    fn near(
        &self,
        account: &AccountStanding,
        key: &AccountKey,
        meters: &BTreeSet<Meter>,
    ) -> Option<Nearness> {
        let payers = self.known.payers.get(key);
        let is_own = payers.is_none_or(|owners| owners.iter().all(|owner| *owner == account.owner));
        if self.period != self.moment.month.period() || !is_own {
            return None;
        }
        let near = meters.iter().filter_map(|meter| account.nearness(*meter, &self.moment));
        near.max_by_key(|near| near.parts_of(1_000_000))
    }
}

fn rows<'a>(totals: &[Total], view: &View<'a>) -> BTreeMap<AccountKey, Row<'a>> {
    let mut rows: BTreeMap<AccountKey, Row<'_>> = BTreeMap::new();
    for total in totals {
        let row = rows.entry(total.account.clone()).or_insert_with(|| Row {
            standing: view.known.standing(&total.account),
            payers: Payers::of(view.known, &total.account),
            complete: true,
            ..Row::default()
        });
        row.amounts.insert(total.meter, total.usage.amount);
        row.complete &= total.complete;
        if total.meter == Meter::StorageUsed {
            row.average = total.usage.held.average(total.usage.covered);
        }
    }
    for (key, row) in &mut rows {
        // The sum of both directions has a limit too.
        let mut meters: BTreeSet<Meter> = row.amounts.keys().copied().collect();
        if both(row).is_some() {
            meters.insert(Meter::TrafficTotal);
        }
        row.near = row.standing.and_then(|account| view.near(account, key, &meters));
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
        let service = |row: &Row<'_>| !matches!(row.payers, Payers::Nobody);
        Columns {
            meters: Meter::ALL.into_iter().filter(|meter| any(&|row| row.of(*meter).is_some())).collect(),
            average: any(&|row| row.average.is_some()),
            percent: any(&|row| row.near.is_some()),
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
            cells.extend(row.payers.cells());
        }
        self.amounts(&mut cells, |meter| row.of(meter), row.average, view);
        if self.percent {
            let percent = row.near.map(|near| {
                let of = match near.meter {
                    Meter::StorageUsed => "stored",
                    Meter::TrafficIn => "in",
                    Meter::TrafficOut => "out",
                    Meter::TrafficTotal => "moved",
                };
                let percent = near.percent();
                match near.accounts {
                    1 => format!("{percent} % {of}"),
                    accounts => format!("{percent} % {of} by {accounts} accounts"),
                }
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

/// What else has to be known of a row: since when the account is known, and what is not known of it.
fn remark(row: &Row<'_>, view: &View<'_>) -> String {
    let mut remarks = Vec::new();
    if let Some(standing) = row.standing {
        let day = |at| view.moment.zone.day_of(at);
        if day(standing.first_seen) > view.period.first() {
            remarks.push(format!("known since {}", day(standing.first_seen)));
        }
        remarks.extend(standing.gone_at.map(|at| format!("gone since {}", day(at))));
        remarks.extend(standing.trouble.as_ref().map(|(reason, at)| format!("{reason} since {}", day(*at))));
    }
    if remarks.is_empty() && !row.complete && !view.is_running() {
        remarks.push("not complete".into());
    }
    remarks.join(", ")
}
