//! Holds what is due against what was billed before: new lines, lines that are there, lines that nobody
//! knows of, and usage that has changed since it was billed.

use std::collections::HashMap;

use super::draft::{Draft, Verdict};
use super::report::{LimitRow, Row, RowState};
use crate::domain::{AccountKey, BillingPeriod, Bytes, Meter};
use crate::pricing::{Money, NoLine, Quantity, Tag, TooLarge, amount_of};
use crate::rules::{Figures, Price};
use crate::store::{InvoiceLine, LineState, NewLine};

/// A row of the report, and the line to be created for it.
pub(super) struct Reconciled {
    pub row: Row,
    pub line: Option<NewLine>,
}

/// Whom a line is for.
struct Billed<'a> {
    account: &'a AccountKey,
    client: i64,
    product: &'a str,
}

/// Lines that were tried before and may be there, by whose they are; and what is drawn up now.
pub(super) struct BilledLines {
    lines: Vec<InvoiceLine>,
    of_account: HashMap<(AccountKey, Meter), Vec<usize>>,
    of_service: HashMap<(i64, Meter), Vec<usize>>,
    drawn: HashMap<(i64, Meter), Vec<DrawnUp>>,
    period: BillingPeriod,
}

/// What is drawn up of a service under one rule.
struct DrawnUp {
    rule: String,
    hash: String,
    used: Option<Quantity>,
}

impl BilledLines {
    /// Puts lines in order to be found; those that were refused are not there. `drafts` are all of the period.
    pub fn new(mut lines: Vec<InvoiceLine>, drafts: &[Draft], period: BillingPeriod) -> BilledLines {
        lines.retain(|one| one.state != LineState::Refused);
        let (mut of_account, mut of_service) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (index, InvoiceLine { line, .. }) in lines.iter().enumerate() {
            of_account.entry((line.account.clone(), line.tag.meter)).or_default().push(index);
            of_service.entry((line.tag.service, line.tag.meter)).or_default().push(index);
        }
        let mut drawn = HashMap::<_, Vec<_>>::new();
        for draft in drafts {
            let Some(service) = draft.service else { continue };
            let (rule, hash) = (draft.price.name.clone(), draft.price.hash.clone());
            drawn.entry((service, draft.meter)).or_default().push(DrawnUp { rule, hash, used: draft.used });
        }
        BilledLines { lines, of_account, of_service, drawn, period }
    }

    fn of_account(&self, account: &AccountKey, meter: Meter) -> impl Iterator<Item = &InvoiceLine> {
        let found = self.of_account.get(&(account.clone(), meter));
        found.into_iter().flatten().map(|index| &self.lines[*index])
    }

    fn of_service(&self, service: i64, meter: Meter) -> impl Iterator<Item = &InvoiceLine> {
        let found = self.of_service.get(&(service, meter));
        found.into_iter().flatten().map(|index| &self.lines[*index])
    }

    fn drawn(&self, service: i64, meter: Meter) -> &[DrawnUp] {
        self.drawn.get(&(service, meter)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a line bills what a draft is of. Where a service has drafts under several rules it is of the one
    /// with its rule as it means now, else as it is called, else of the first.
    fn is_of(&self, line: &NewLine, draft: &Draft) -> bool {
        let drawn = self.drawn(line.tag.service, line.tag.meter);
        let found = drawn
            .iter()
            .find(|one| one.hash == line.hash)
            .or_else(|| drawn.iter().find(|one| one.rule == line.rule))
            .or_else(|| drawn.first());
        found.is_none_or(|one| one.hash == draft.price.hash)
    }

    /// Whether what a line bills is its own service's still: none of its bytes has gone over to another.
    fn stands(&self, line: &NewLine) -> bool {
        let drawn = self.drawn(line.tag.service, line.tag.meter);
        let now = drawn.iter().filter_map(|one| one.used).map(Quantity::floor).max();
        line.tag.period == self.period && now.is_some_and(|now| now >= line.used.floor())
    }

    /// A line that bills days of a draft already: any other of its service, or one of another service that was
    /// made out for one of its accounts and whose usage is that service's no more.
    fn in_the_way(&self, draft: &Draft, service: i64) -> Option<&InvoiceLine> {
        let days = |one: &&InvoiceLine| shares_days(one.line.tag.period, self.period);
        let its = self.of_service(service, draft.meter).find(days);
        its.or_else(|| {
            let others = draft.accounts.iter().flat_map(|account| self.of_account(account, draft.meter));
            others.filter(days).find(|one| one.line.tag.service != service && !self.stands(&one.line))
        })
    }
}

/// What has become of a draft; `known` are all lines of its days, `corrects` bills differences.
pub(super) fn reconcile(draft: &Draft, known: &BilledLines, corrects: bool) -> Reconciled {
    let period = known.period;
    let its = draft.service.into_iter().flat_map(|service| known.of_service(service, draft.meter));
    let its: Vec<&InvoiceLine> = its.filter(|one| one.line.tag.period == period).collect();
    let base = its.iter().find(|one| one.line.tag.correction == 0 && known.is_of(&one.line, draft));
    match (base, &draft.verdict) {
        (Some(base), _) => changed(draft, base, &its, corrects),
        (None, Verdict::Due(charge)) => {
            let Some(payer) = &draft.payer else {
                return Reconciled {
                    row: row(draft, period, RowState::Withheld, "no WHMCS service is mapped".into()),
                    line: None,
                };
            };
            let billed = Billed {
                account: &draft.account,
                client: payer.client,
                product: payer.product.as_deref().unwrap_or_default(),
            };
            let tag = Tag { service: payer.service, period, meter: draft.meter, correction: 0 };
            let line = line(&draft.price, &billed, tag, charge.used, charge.included, charge.amount);
            match known.in_the_way(draft, payer.service) {
                Some(other) => {
                    let why = overlapping(other);
                    Reconciled { row: filled(draft, &line, RowState::Refused, why), line: None }
                }
                None => {
                    let row = filled(draft, &line, RowState::WouldCreate, String::new());
                    Reconciled { row, line: Some(line) }
                }
            }
        }
        (None, Verdict::Nothing(why)) => {
            let mut row = row(draft, period, RowState::Nothing, why.to_string());
            if let NoLine::BelowMinimum { amount, .. } = why {
                row.amount = Some(*amount);
            }
            Reconciled { row, line: None }
        }
        (None, Verdict::Withheld(why)) => {
            Reconciled { row: row(draft, period, RowState::Withheld, why.clone()), line: None }
        }
    }
}

/// Why days that another line bills are not billed again.
pub(super) fn overlapping(other: &InvoiceLine) -> String {
    format!(
        "some of these days are billed already by {} ({}): no byte is billed twice",
        other.line.tag,
        other.state.name()
    )
}

/// Why a line that is open is left alone, and what settles it.
pub(super) fn is_open(open: &InvoiceLine) -> String {
    let tag = open.line.tag.to_string();
    format!(
        "tried at {} by {}, and whether WHMCS has it is unknown{}: its hook will report it, or look for \
         {tag} among the client's billable items and run `whmeter invoice --settle '{}' created` or `absent`",
        open.intended_at,
        open.by,
        if open.said.is_empty() { String::new() } else { format!(" ({})", open.said) },
        tag.trim_matches(['[', ']'])
    )
}

fn shares_days(one: BillingPeriod, two: BillingPeriod) -> bool {
    one.first() < two.next() && two.first() < one.next()
}

/// A line that was billed before: whether what was used is still what was billed.
fn changed(draft: &Draft, base: &InvoiceLine, its: &[&InvoiceLine], corrects: bool) -> Reconciled {
    let made = |state, reason: String| {
        let mut row = filled(draft, &base.line, state, reason);
        row.billable = base.billable;
        row
    };
    if let Some(open) = its.iter().find(|one| one.state.is_open()) {
        return Reconciled { row: made(RowState::Unknown, is_open(open)), line: None };
    }
    let newest = its.iter().max_by_key(|one| one.line.tag.correction).unwrap_or(&base);
    let now = match draft.used {
        Some(now) if now != newest.line.used => now,
        _ => return Reconciled { row: made(RowState::Already, String::new()), line: None },
    };
    let (was, is) = (newest.line.used.floor(), now.floor());
    let story = format!("changed since it was billed: was {was} bytes, is {is}");
    if let Verdict::Withheld(why) = &draft.verdict {
        return Reconciled { row: made(RowState::Changed, format!("{story}; {why}")), line: None };
    }
    if base.line.hash != draft.price.hash {
        let why =
            format!("{story}; the rule has changed too since, so the difference is the operator's to bill");
        return Reconciled { row: made(RowState::Changed, why), line: None };
    }
    let difference = match difference(draft, base, its, now) {
        Ok(difference) => difference,
        Err(error) => {
            return Reconciled { row: made(RowState::Changed, format!("{story}; {error}")), line: None };
        }
    };
    let (currency, minimum) = (&base.line.currency, draft.price.rule.minimum);
    let (state, why) = match difference.minor() {
        0 => (RowState::Changed, "the amount stays the same".to_string()),
        less if less < 0 => {
            (RowState::Changed, format!("{difference} {currency}: a credit note is the operator's to write"))
        }
        _ if !difference.is_at_least(minimum) => {
            (RowState::Changed, format!("{difference} {currency} more is below the minimum of {minimum}"))
        }
        _ if !corrects => {
            (RowState::Changed, format!("{difference} {currency} more is billed by --corrections"))
        }
        _ => (RowState::WouldCreate, format!("{difference} {currency} more")),
    };
    let reason = format!("{story}; {why}");
    if state != RowState::WouldCreate {
        return Reconciled { row: made(state, reason), line: None };
    }
    // Whoever paid for the line pays for its correction.
    let billed = Billed {
        account: &draft.account,
        client: base.line.client,
        product: draft.payer.as_ref().and_then(|payer| payer.product.as_deref()).unwrap_or_default(),
    };
    let tag = Tag { correction: newest.line.tag.correction + 1, ..base.line.tag };
    let line = line(&draft.price, &billed, tag, now, base.line.included, difference);
    Reconciled { row: filled(draft, &line, state, reason), line: Some(line) }
}

/// What the whole now costs by the terms it was billed by, less all that was billed of it.
fn difference(
    draft: &Draft,
    base: &InvoiceLine,
    its: &[&InvoiceLine],
    now: Quantity,
) -> Result<Money, TooLarge> {
    let mut rest = amount_of(&draft.price.rule, now, base.line.included)?;
    for one in its {
        rest = rest.minus(one.line.amount)?;
    }
    Ok(rest)
}

fn line(
    price: &Price,
    billed: &Billed<'_>,
    tag: Tag,
    used: Quantity,
    included: Bytes,
    amount: Money,
) -> NewLine {
    let figures = Figures {
        product: billed.product,
        account: billed.account.name.as_str(),
        meter: tag.meter,
        period: tag.period,
        used,
        included,
        price: price.rule.price,
        currency: &price.currency,
        amount,
    };
    NewLine {
        account: billed.account.clone(),
        tag,
        client: billed.client,
        rule: price.name.clone(),
        hash: price.hash.clone(),
        used,
        included,
        amount,
        currency: price.currency.clone(),
        description: price.description.render(&figures, &tag),
    }
}

/// A row with nothing due.
fn row(draft: &Draft, period: BillingPeriod, state: RowState, reason: String) -> Row {
    let payer = draft.payer.as_ref();
    Row {
        backend: draft.account.backend.to_string(),
        account: draft.account.name.to_string(),
        meter: draft.meter,
        rule: draft.price.name.clone(),
        service: draft.service,
        client: payer.map(|payer| payer.client),
        product: payer.and_then(|payer| payer.product.clone()),
        from: period.first().to_string(),
        to: period.next().to_string(),
        used_bytes: draft.used.map(Quantity::floor),
        included_bytes: None,
        limits: draft.limits.iter().map(LimitRow::from).collect(),
        amount: None,
        currency: draft.price.currency.clone(),
        state,
        tag: None,
        billable: None,
        description: None,
        reason: summed(draft, reason),
    }
}

/// A reason that names the accounts, where there are several.
fn summed(draft: &Draft, reason: String) -> String {
    if draft.accounts.len() < 2 {
        return reason;
    }
    let names: Vec<String> =
        draft.accounts.iter().map(|account| format!("{}/{}", account.backend, account.name)).collect();
    let sum = format!("the sum of {}", names.join(", "));
    if reason.is_empty() { sum } else { format!("{sum}; {reason}") }
}

/// A row of a line.
fn filled(draft: &Draft, line: &NewLine, state: RowState, reason: String) -> Row {
    Row {
        rule: line.rule.clone(),
        service: Some(line.tag.service),
        client: Some(line.client),
        used_bytes: Some(line.used.floor()),
        included_bytes: Some(line.included.get()),
        amount: Some(line.amount),
        currency: line.currency.clone(),
        tag: Some(line.tag.to_string()),
        description: Some(line.description.clone()),
        ..row(draft, line.tag.period, state, reason)
    }
}
