//! What does not fit between the panels and WHMCS: whose usage is not billed, who is billed for
//! nothing, whose plan is another than was sold, and what of a server is in no account.
//!
//! What is unknown is listed as such: a line with the state `unknown` and the reason.

mod addons;
mod adoptions;
mod held_back;
mod pins;
mod plans;
mod policies;
mod remarks;
mod services;
#[cfg(test)]
mod tests;
mod totals;
mod unbilled;
mod unclaimed;
mod unconfigured;
mod untold;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::csv::cell;
use super::panel_vs_whmcs::{PanelsVsWhmcs, Side};
use crate::domain::{BackendId, Bytes, Meter, RemarkAbout, Service};
use crate::pricing::Money;
use crate::quota::Conflict;
use crate::rules::Prices;
use crate::standing::Moment;

/// A kind of thing that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// Accounts that belong to no service, to several, or to one that is sold no more.
    Unbilled,
    /// Living services whose account was there and is gone.
    Ghosts,
    /// Living services without an account on any panel of their server; ghosts among them.
    Unmetered,
    /// Accounts whose limit on the panel is not the one that was sold.
    WrongPlans,
    /// What a panel says is stored on it, against the sum of its accounts.
    Totals,
    /// Lists and meters that are not believed until they are confirmed, or an operator has looked.
    HeldBack,
    /// What services used and can no longer be reported to WHMCS.
    Untold,
    /// Add-ons that WHMCS runs on a server of ours: no metric bills what they use.
    Addons,
    /// Backends with accounts that the config does not have: they are not polled.
    Unconfigured,
    /// Accounts that the panel limits, or does not limit, against what is wanted.
    Policies,
    /// What panels show that is no account's.
    Unclaimed,
    /// What was said by hand of accounts that are there no more, though their names are.
    Pins,
    /// Services that were ordered for accounts without one and are not finished.
    Adoptions,
    /// Companion services that are missing or not as they should be, as WHMCS's module says.
    Companions,
    /// Sizes in WHMCS that cannot be read: what they limit is without a limit.
    Sizes,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [FindingKind; 15] = [
        FindingKind::Unbilled,
        FindingKind::Ghosts,
        FindingKind::Unmetered,
        FindingKind::WrongPlans,
        FindingKind::Totals,
        FindingKind::HeldBack,
        FindingKind::Untold,
        FindingKind::Addons,
        FindingKind::Unconfigured,
        FindingKind::Policies,
        FindingKind::Unclaimed,
        FindingKind::Pins,
        FindingKind::Adoptions,
        FindingKind::Companions,
        FindingKind::Sizes,
    ];

    /// Its name in JSON, in queries and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Unbilled => "unbilled",
            FindingKind::Ghosts => "ghosts",
            FindingKind::Unmetered => "unmetered",
            FindingKind::WrongPlans => "wrong-plans",
            FindingKind::Totals => "totals",
            FindingKind::HeldBack => "held-back",
            FindingKind::Untold => "untold",
            FindingKind::Addons => "addons",
            FindingKind::Unconfigured => "unconfigured",
            FindingKind::Policies => "policies",
            FindingKind::Unclaimed => "unclaimed",
            FindingKind::Pins => "pins",
            FindingKind::Adoptions => "adoptions",
            FindingKind::Companions => RemarkAbout::Companion.name(),
            FindingKind::Sizes => RemarkAbout::Size.name(),
        }
    }

    /// The kinds meant by a name; `all` are all.
    pub fn named(name: &str) -> Result<Vec<FindingKind>, String> {
        if name == "all" {
            return Ok(FindingKind::ALL.to_vec());
        }
        let found = FindingKind::ALL.into_iter().find(|what| what.name() == name);
        let known = || FindingKind::ALL.map(FindingKind::name).join(", ");
        found.map(|what| vec![what]).ok_or_else(|| format!("{name:?}: expected one of {}, all", known()))
    }
}

/// Its state is unknown.
const UNKNOWN: &str = "unknown";

/// One line: what does not fit, or why that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finding<'a> {
    pub(super) what: &'static str,
    pub(super) state: &'static str,
    pub(super) backend: Option<&'a str>,
    pub(super) server: Option<i64>,
    pub(super) account: Option<&'a str>,
    pub(super) service: Option<i64>,
    pub(super) client: Option<i64>,
    pub(super) username: Option<&'a str>,
    pub(super) product: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) meter: Option<&'static str>,
    /// Bytes used: the level, or this month's traffic.
    pub(super) bytes: Option<u64>,
    /// Bytes the panel says: its limit for the account (0 is unlimited), or its own total.
    pub(super) panel_bytes: Option<u64>,
    /// Bytes that were sold; 0 is unlimited.
    pub(super) sold_bytes: Option<u64>,
    /// What the bytes would cost by the config's prices: this month so far.
    #[serde(serialize_with = "as_text")]
    pub(super) amount: Option<Money>,
    pub(super) currency: Option<String>,
    /// What the panel's total is more than its accounts together; of what is untold, what WHMCS lacks, negative
    /// where too much was reported.
    pub(super) difference_bytes: Option<i64>,
    /// When the bytes were measured.
    pub(super) at: Option<String>,
    /// Since when the account is there, or gone.
    pub(super) since: Option<String>,
    pub(super) detail: Option<String>,
}

/// Money goes out as a decimal text: JSON's numbers are binary fractions to most readers.
fn as_text<S: Serializer>(amount: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(|amount| amount.to_string()).serialize(serializer)
}

/// The columns of a table or CSV, in the order of [`Finding::cells`].
pub const COLUMNS: [&str; 20] = [
    "what",
    "state",
    "backend",
    "server",
    "account",
    "service",
    "client",
    "username",
    "product",
    "status",
    "meter",
    "bytes",
    "panel_bytes",
    "sold_bytes",
    "amount",
    "currency",
    "difference_bytes",
    "at",
    "since",
    "detail",
];

impl<'a> Finding<'a> {
    fn of(side: &'a Side, what: FindingKind, state: &'static str) -> Finding<'a> {
        Finding {
            what: what.name(),
            state,
            backend: Some(side.name()),
            server: side.panel.whmcs_server,
            ..Finding::default()
        }
    }

    fn unknown(side: &'a Side, what: FindingKind, why: impl Into<String>) -> Finding<'a> {
        Finding { detail: Some(why.into()), ..Finding::of(side, what, UNKNOWN) }
    }

    fn sold(self, service: &'a Service) -> Finding<'a> {
        Finding {
            service: Some(service.id),
            client: Some(service.client),
            username: Some(&service.username),
            product: service.product.as_deref(),
            status: Some(&service.status),
            ..self
        }
    }

    /// Its values as text; nothing where there is none.
    pub fn cells(&self) -> [String; 20] {
        fn text(value: &Option<impl ToString>) -> String {
            value.as_ref().map(ToString::to_string).unwrap_or_default()
        }
        [
            self.what.into(),
            self.state.into(),
            text(&self.backend),
            text(&self.server),
            text(&self.account),
            text(&self.service),
            text(&self.client),
            text(&self.username),
            text(&self.product),
            text(&self.status),
            text(&self.meter),
            text(&self.bytes),
            text(&self.panel_bytes),
            text(&self.sold_bytes),
            text(&self.amount),
            text(&self.currency),
            text(&self.difference_bytes),
            text(&self.at),
            text(&self.since),
            text(&self.detail),
        ]
    }

    /// The name of its kind.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The meter that its bytes are of.
    pub fn meter(&self) -> Option<&'static str> {
        self.meter
    }

    /// Bytes used, where they are known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Whether it says that nothing can be reported.
    pub fn is_unknown(&self) -> bool {
        self.state == UNKNOWN
    }
}

/// Lines as CSV, with a heading.
pub fn as_csv(findings: &[Finding<'_>]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for finding in findings {
        let cells = finding.cells();
        let cells = COLUMNS.iter().zip(&cells).map(|(column, text)| match *column {
            // It may be negative, and is a number all the same.
            "difference_bytes" => text.clone(),
            _ => cell(text),
        });
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// Everything of these kinds that does not fit; of one backend only, where one is named. `prices` say what
/// unbilled usage would cost.
pub fn findings<'a>(
    sides: &'a PanelsVsWhmcs,
    whats: &[FindingKind],
    of: Option<&BackendId>,
    moment: &Moment,
    prices: &Prices,
) -> Vec<Finding<'a>> {
    let panels = sides.panels.as_slice();
    let server = of.and_then(|of| panels.iter().find(|side| side.panel.id == *of)?.panel.whmcs_server);
    let mut found = Vec::new();
    for what in whats {
        found.extend(match what {
            FindingKind::Unbilled => unbilled::unbilled(sides, moment, prices),
            FindingKind::Ghosts => services::ghosts(panels),
            FindingKind::Unmetered => services::unmetered(panels),
            FindingKind::WrongPlans => plans::wrong_plans(panels),
            FindingKind::Totals => totals::totals(panels, moment),
            FindingKind::HeldBack => held_back::held_back(sides),
            FindingKind::Untold => untold::untold(sides, moment, prices),
            FindingKind::Addons => addons::addons(sides),
            FindingKind::Unconfigured => unconfigured::unconfigured(sides),
            FindingKind::Policies => policies::policies(sides),
            FindingKind::Unclaimed => unclaimed::unclaimed(sides),
            FindingKind::Pins => pins::pins(sides),
            FindingKind::Adoptions => adoptions::adoptions(sides),
            FindingKind::Companions => remarks::remarks(sides, *what, RemarkAbout::Companion),
            FindingKind::Sizes => remarks::remarks(sides, *what, RemarkAbout::Size),
        });
    }
    found.retain(|finding| match (of, finding.backend) {
        (None, _) => true,
        (Some(of), Some(backend)) => backend == of.as_str(),
        (Some(_), None) => server.is_some() && finding.server == server,
    });
    found
}

/// What unbilled usage among these would cost this month so far, by currency; `None`: rules of one currency have
/// different decimals.
pub(super) fn worth_of(found: &[Finding<'_>]) -> BTreeMap<String, Option<Money>> {
    let mut worth: BTreeMap<String, Option<Money>> = BTreeMap::new();
    for one in found.iter().filter(|one| one.what == FindingKind::Unbilled.name()) {
        if let (Some(amount), Some(currency)) = (one.amount, &one.currency) {
            let nothing = || Some(amount.minus(amount).unwrap_or(amount));
            let sum = worth.entry(currency.clone()).or_insert_with(nothing);
            *sum = sum.and_then(|so_far| so_far.plus(amount).ok());
        }
    }
    worth
}

/// What series show of one backend. What is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts that belong to no service, or to several.
    pub unmapped: Option<usize>,
    /// What those use: level, or this month's traffic; a meter none of them is known of is absent.
    pub unmapped_bytes: BTreeMap<Meter, Bytes>,
    /// What those would cost this month so far, by currency; one that cannot be added up is absent.
    pub unmapped_cost: BTreeMap<String, Money>,
    /// Living services whose account is gone from it.
    pub ghosts: Option<usize>,
    /// Accounts whose limit on the panel is not the one sold.
    pub wrong_plans: Option<usize>,
    /// What the panel's own total is more than its accounts together.
    pub total_difference: Option<i64>,
    /// Accounts whose policy on the panel is not the one wanted, by how.
    pub policies: BTreeMap<Conflict, usize>,
    /// Its WHMCS server, and how many living services there have no account.
    pub unmetered: Option<(i64, Option<usize>)>,
}

/// The numbers of one backend; `sides` are it and the others of its server.
pub fn tally(sides: &PanelsVsWhmcs, of: &BackendId, moment: &Moment, prices: &Prices) -> Tally {
    let found = |what| findings(sides, &[what], Some(of), moment, &Prices::default());
    let count = |what| {
        let found = found(what);
        (!found.iter().any(Finding::is_unknown)).then_some(found.len())
    };
    let Some(side) = sides.panels.iter().find(|side| side.panel.id == *of) else { return Tally::default() };
    let listed = side.list.is_some() && side.present().any(|(_, account)| account.mapped.is_some());
    let unbilled = match listed && !prices.is_empty() {
        true => findings(sides, &[FindingKind::Unbilled], Some(of), moment, prices),
        false => Vec::new(),
    };
    let cost = worth_of(&unbilled).into_iter().filter_map(|(currency, amount)| Some((currency, amount?)));
    Tally {
        unmapped_cost: cost.collect(),
        unmapped: listed.then(|| side.present().filter(|(_, account)| account.is_unbilled()).count()),
        unmapped_bytes: if listed { unbilled::sums(side, moment) } else { BTreeMap::new() },
        ghosts: count(FindingKind::Ghosts),
        wrong_plans: count(FindingKind::WrongPlans).map(|_| {
            // One account may have two wrong limits.
            let found = found(FindingKind::WrongPlans);
            found.iter().map(|finding| finding.account).collect::<BTreeSet<_>>().len()
        }),
        total_difference: found(FindingKind::Totals).first().and_then(|total| total.difference_bytes),
        policies: policies::counts(side, sides),
        unmetered: side.panel.whmcs_server.map(|server| (server, count(FindingKind::Unmetered))),
    }
}

/// How many services owe what cannot be reported to WHMCS any more, and how many bytes of each metric that is.
pub fn untold_sums(sides: &PanelsVsWhmcs, moment: &Moment) -> (usize, BTreeMap<&'static str, i64>) {
    let found = findings(sides, &[FindingKind::Untold], None, moment, &Prices::default());
    let mut services: Vec<(Option<i64>, Option<&str>)> =
        found.iter().map(|finding| (finding.service, finding.account)).collect();
    services.sort_unstable();
    services.dedup();
    let mut sums: BTreeMap<&'static str, i64> = BTreeMap::new();
    for finding in &found {
        if let (Some(metric), Some(bytes)) = (finding.meter, finding.difference_bytes) {
            let sum = sums.entry(metric).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
    (services.len(), sums)
}
