//! What the report is made of: sections of sentences and rows, the same for both parts of the mail.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::changes::{Changes, named};
use crate::console::findings::{Finding, FindingKind};
use crate::console::grouped::sized;
use crate::console::status::Status;
use crate::domain::{BillingZone, Bytes, Timestamp};
use crate::reported::Base;
use crate::store::Audited;

/// A section has so many rows at most: a mail is read to its end, a list of a thousand is looked up.
const MOST_ROWS: usize = 25;

/// So many accounts of a backend are named at most.
const MOST_NAMES: usize = 12;

/// One section.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// What it is about.
    pub title: String,
    /// Sentences, before the rows.
    pub says: Vec<String>,
    /// The head of the columns; none where a row is a sentence.
    pub head: &'static [&'static str],
    /// The rows, the most important first.
    pub rows: Vec<Vec<String>>,
    /// How many rows are left out.
    pub left_out: usize,
    /// The command that shows all.
    pub see: &'static str,
}

/// How sizes and times are written.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub base: Base,
    pub zone: BillingZone,
}

impl Figures {
    fn size(self, bytes: Option<u64>) -> String {
        let bytes = bytes.and_then(|bytes| Bytes::new(bytes).ok());
        bytes.map_or("not known".into(), |bytes| sized(bytes, self.base))
    }

    fn limit(self, bytes: Option<u64>) -> String {
        if bytes == Some(0) { "no limit".into() } else { self.size(bytes) }
    }

    /// In the billing zone.
    pub fn time(self, at: Timestamp) -> String {
        at.to_utc().with_timezone(&self.zone.tz()).format("%Y-%m-%d %H:%M").to_string()
    }

    fn time_of(self, text: Option<&str>) -> String {
        let at = text.and_then(|text| Timestamp::from_utc(text.parse().ok()?).ok());
        at.map_or_else(|| text.unwrap_or_default().to_string(), |at| self.time(at))
    }
}

/// Everything there is to say; `changes` only where there is a report to compare with.
pub(super) fn sections(
    status: &Status,
    found: &[Finding<'_>],
    changes: Option<&Changes<'_>>,
    figures: Figures,
) -> Vec<Section> {
    let mut all = Vec::from([needed(status)]);
    all.extend(changed(changes, figures));
    all.extend([
        unbilled(status, found, figures),
        of_kind(found, FindingKind::Ghosts, "Services whose account is gone", GHOSTS, |one| {
            [
                place(one),
                text(one.service),
                text(one.client),
                text(one.username),
                text(one.product),
                figures.time_of(one.since.as_deref()),
            ]
            .into()
        }),
        of_kind(found, FindingKind::WrongPlans, "Accounts with another limit than was sold", PLANS, |one| {
            [
                place(one),
                text(one.account),
                text(one.service),
                text(one.product),
                text(one.meter),
                figures.limit(one.panel_bytes),
                figures.limit(one.sold_bytes),
            ]
            .into()
        }),
        panels(status, figures),
        doubts(status, figures),
        others(found),
    ]);
    all
}

const GHOSTS: &[&str] = &["panel", "service", "client", "username", "product", "since"];
const PLANS: &[&str] = &["panel", "account", "service", "product", "meter", "on the panel", "sold"];

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn place(one: &Finding<'_>) -> String {
    one.backend.map_or_else(|| format!("server {}", text(one.server)), str::to_string)
}

fn kind(name: &str) -> impl Fn(&&Finding<'_>) -> bool {
    move |one| one.what() == name
}

/// Why nothing can be said of some panels, each reason once.
fn unknown(found: &[Finding<'_>], what: FindingKind) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in found.iter().filter(kind(what.name())).filter(|one| one.is_unknown()) {
        reasons.entry(one.detail.as_deref().unwrap_or("no reason is known")).or_default().push(place(one));
    }
    let says = reasons.iter().map(|(why, panels)| format!("Not known of {}: {why}.", some_of(panels)));
    says.collect()
}

/// A section with its longest lists cut.
fn cut(section: Section) -> Section {
    let left_out = section.left_out + section.rows.len().saturating_sub(MOST_ROWS);
    let rows = section.rows.into_iter().take(MOST_ROWS).collect();
    Section { rows, left_out, ..section }
}

fn needed(status: &Status) -> Section {
    let rows: Vec<Vec<String>> =
        status.problems().iter().map(|problem| Vec::from([problem.clone()])).collect();
    let says = rows.is_empty().then(|| "Nothing.".to_string()).into_iter().collect();
    cut(Section {
        title: "What needs somebody".into(),
        says,
        rows,
        see: "whmeter status",
        ..Section::default()
    })
}

fn changed(changes: Option<&Changes<'_>>, figures: Figures) -> Vec<Section> {
    let Some(changes) = changes else {
        let says = "This is the first report: there is none before it to compare with.".to_string();
        return Vec::from([Section {
            title: "What has changed".into(),
            says: [says].into(),
            ..Section::default()
        }]);
    };
    let Changes { since, new, ended, unknown, came, went, acts, has_more_acts } = changes;
    let count = |names: &BTreeMap<String, Vec<String>>| names.values().map(Vec::len).sum::<usize>();
    let mut says = Vec::from([format!(
        "Since {}: {} found that were not there before, {} no more; {} accounts came, {} went; {}{} acts.",
        figures.time(*since),
        new.len(),
        ended.len(),
        count(came),
        count(went),
        if *has_more_acts { "at least " } else { "" },
        acts.len(),
    )]);
    if !unknown.is_empty() {
        let count = unknown.len();
        says.push(format!("Of {count} that were found before it is not known now whether they still are."));
    }
    let title = "What has changed".to_string();
    let mut all = Vec::from([Section { title, says, ..Section::default() }]);
    let rows = new.iter().map(|one| {
        let [what, state, place, whom, service, meter] =
            <[String; 6]>::try_from(named(one)).unwrap_or_default();
        [what, state, place, whom, service, meter, figures_of(one, figures)].into()
    });
    let head: &[&str] = &["what", "state", "panel", "account", "service", "meter", ""];
    all.push(cut(Section {
        title: "New".into(),
        head,
        rows: rows.collect(),
        see: "whmeter report",
        ..Section::default()
    }));
    let rows = ended.iter().map(|(what, whom)| [what.clone(), whom.clone()].into());
    let head: &[&str] = &["what", "of"];
    all.push(cut(Section { title: "Over".into(), head, rows: rows.collect(), ..Section::default() }));
    for (title, of) in [("Accounts that came", came), ("Accounts that went", went)] {
        let rows = of.iter().map(|(backend, names)| [backend.clone(), some_of(names)].into());
        let head: &[&str] = &["panel", "accounts"];
        all.push(cut(Section { title: title.into(), head, rows: rows.collect(), ..Section::default() }));
    }
    let rows = acts.iter().map(|act| done(act, figures));
    let head: &[&str] = &["when", "who", "what", "panel", "account", "from", "to", "why"];
    let title = "What was done".to_string();
    all.push(cut(Section {
        title,
        head,
        rows: rows.collect(),
        see: "GET /v1/audit, or the page Audit",
        ..Section::default()
    }));
    // What is empty is said by the counts.
    all.retain(|section| !section.rows.is_empty() || !section.says.is_empty());
    all
}

/// What a line of a finding comes to.
fn figures_of(one: &Finding<'_>, figures: Figures) -> String {
    match (one.bytes, one.amount, &one.currency) {
        (Some(_), Some(amount), Some(currency)) => {
            format!("{}, {amount} {currency}", figures.size(one.bytes))
        }
        (Some(_), _, _) => figures.size(one.bytes),
        (None, _, _) => one.detail.clone().unwrap_or_default(),
    }
}

fn some_of(names: &[String]) -> String {
    let named = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn done(act: &Audited, figures: Figures) -> Vec<String> {
    let Audited { at, actor, backend, account, action, before, after, why, .. } = act;
    let account = text(account.as_ref());
    let (before, after) = (text(before.as_deref()), text(after.as_deref()));
    [
        figures.time(*at),
        actor.clone(),
        action.clone(),
        backend.to_string(),
        account,
        before,
        after,
        why.clone(),
    ]
    .into()
}

fn unbilled(status: &Status, found: &[Finding<'_>], figures: Figures) -> Section {
    let mut says: Vec<String> = status
        .unbilled
        .iter()
        .map(|(currency, amount)| match amount {
            Some(amount) => format!("{amount} {currency} this month so far, by the prices of the config."),
            None => {
                format!("Prices in {currency} have different decimals: what it comes to cannot be added up.")
            }
        })
        .collect();
    let nothing_known = without_figures(found);
    if nothing_known > 0 {
        says.push(format!("It is without {nothing_known} of them, of which nothing is known now."));
    }
    says.extend(unknown(found, FindingKind::Unbilled));
    let mut lines: Vec<&Finding<'_>> =
        found.iter().filter(kind(FindingKind::Unbilled.name())).filter(|one| !one.is_unknown()).collect();
    lines.sort_by_key(|one| Reverse(one.bytes));
    let rows = lines.iter().map(|one| {
        let used = if one.meter.is_some() { figures.size(one.bytes) } else { "not known".into() };
        let worth = format!("{} {}", text(one.amount), text(one.currency.as_deref())).trim().to_string();
        [
            place(one),
            text(one.account),
            one.state.to_string(),
            text(one.meter),
            used,
            worth,
            figures.time_of(one.since.as_deref()),
        ]
        .into()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if says.is_empty() && rows.is_empty() {
        says.push("None.".into());
    }
    let title = "Accounts that no service pays for".to_string();
    let head: &[&str] = &["panel", "account", "mapping", "meter", "used", "worth", "there since"];
    cut(Section { title, says, head, rows, see: "whmeter report --what unbilled", left_out: 0 })
}

/// Of how many accounts that no service pays for nothing is known now.
pub(super) fn without_figures(found: &[Finding<'_>]) -> usize {
    let unbilled = found.iter().filter(kind(FindingKind::Unbilled.name())).filter(|one| !one.is_unknown());
    unbilled.filter(|one| one.meter.is_none()).count()
}

fn of_kind(
    found: &[Finding<'_>],
    what: FindingKind,
    title: &str,
    head: &'static [&'static str],
    row: impl Fn(&Finding<'_>) -> Vec<String>,
) -> Section {
    let mut says = unknown(found, what);
    let lines = found.iter().filter(kind(what.name())).filter(|one| !one.is_unknown());
    let rows: Vec<Vec<String>> = lines.map(row).collect();
    if says.is_empty() && rows.is_empty() {
        says.push("None.".into());
    }
    let see = match what {
        FindingKind::Ghosts => "whmeter report --what ghosts",
        FindingKind::WrongPlans => "whmeter report --what wrong-plans",
        _ => "whmeter report",
    };
    cut(Section { title: title.into(), says, head, rows, see, left_out: 0 })
}

fn panels(status: &Status, figures: Figures) -> Section {
    let unwell = status.backends.iter().filter(|backend| backend.state != "well");
    let rows: Vec<Vec<String>> = unwell
        .map(|backend| {
            let read = backend.succeeded_at.as_deref();
            let read = read.map_or("never".into(), |at| figures.time_of(Some(at)));
            let why = format!("{} {}", text(backend.reason.as_deref()), text(backend.detail.as_deref()));
            [backend.backend.clone(), backend.state.into(), read, why.trim().into()].into()
        })
        .collect();
    let title = "Panels that are not read as they should be".to_string();
    let says = rows.is_empty().then(|| "None.".to_string()).into_iter().collect();
    let head: &[&str] = &["panel", "state", "last read", "why"];
    cut(Section { title, says, head, rows, see: "whmeter status", left_out: 0 })
}

fn doubts(status: &Status, figures: Figures) -> Section {
    let rows = status.doubts.iter().map(|doubt| {
        let since = figures.time_of(doubt.since.as_deref());
        [
            doubt.of.clone(),
            doubt.kind.clone(),
            doubt.count.to_string(),
            since,
            text(doubt.first.as_deref()),
            doubt.ends.clone(),
        ]
        .into()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let says = rows.is_empty().then(|| "None.".to_string()).into_iter().collect();
    let head: &[&str] = &["of", "doubt", "how many", "since", "one of them", "what it is"];
    let title = "What is doubted".to_string();
    cut(Section { title, says, head, rows, see: "whmeter report --what held-back", left_out: 0 })
}

/// How many lines the kinds have that have no section of their own.
fn others(found: &[Finding<'_>]) -> Section {
    let told = [FindingKind::Unbilled, FindingKind::Ghosts, FindingKind::WrongPlans, FindingKind::HeldBack];
    let rows = FindingKind::ALL.iter().filter(|what| !told.contains(what)).filter_map(|what| {
        let of = || super::changes::counted(found).filter(kind(what.name()));
        let (lines, unknown) =
            (of().filter(|one| !one.is_unknown()).count(), of().filter(|one| one.is_unknown()).count());
        let unknown_of = if unknown > 0 { format!("not known of {unknown}") } else { String::new() };
        (lines + unknown > 0).then(|| [what.name().to_string(), lines.to_string(), unknown_of].into())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let says = rows.is_empty().then(|| "Nothing.".to_string()).into_iter().collect();
    let head: &[&str] = &["what", "lines", ""];
    Section { title: "What else was found".into(), says, head, rows, see: "whmeter report", left_out: 0 }
}
