//! What every owner has of every account in a period, backend by backend: the pieces that lines are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Terms;
use super::sold::Sold;
use crate::backends::ConfiguredPanel;
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingPeriod, Bytes, LifeNo, Limit, Mapping, Meter, Minutes, Nature,
    Owner, Span, Timestamp, UsageDay,
};
use crate::metering::{Book, Life};
use crate::pricing::LimitPiece;
use crate::rules::Price;
use crate::selector::Candidate;
use crate::standing::AccountStanding;
use crate::store::{BackendState, By, CannotSum, DayPoint, Store, StoreError, Total, Usage, UsageQuery};

/// What one owner has of one meter of one account in the period.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// The account: an earlier life of a name is `NAME~1`.
    pub account: AccountKey,
    /// Whose it is.
    pub owner: Owner,
    /// The rule for it.
    pub price: Arc<Price>,
    /// What was used; `None` where nothing was read.
    pub usage: Option<Usage>,
    /// Whether all of it is known, for as long as it was the owner's.
    pub is_complete: bool,
    /// Up to when it was the owner's in the period.
    pub until: Timestamp,
    /// Since when readings of the account are held back.
    pub held_back: Option<Timestamp>,
    /// The limit in force by the rules and the services of now.
    pub limit: Limit,
    /// The limits that were in force in the period, by what was sold when.
    pub limits: Vec<LimitPiece>,
    /// Why the period is not closed yet for its backend.
    pub open: Option<String>,
    /// Why no service can be billed; `None` where it is a service's.
    pub unpaid: Option<String>,
}

/// Services that wait because an account could be theirs or another's, with those accounts.
pub(super) type Contested = BTreeMap<i64, BTreeSet<String>>;

/// Of which account, of what, whose.
type Whose = (AccountName, Meter, Owner);

/// All that is known of one backend's period.
pub(super) struct Desk<'a> {
    terms: &'a Terms,
    sold: &'a Sold,
    backend: &'a BackendId,
    /// `None` where it is not configured any more: what services had on it is still theirs.
    panel: Option<&'a ConfiguredPanel>,
    start: Timestamp,
    end: Timestamp,
    book: Book,
    facts: HashMap<LifeNo, AccountStanding>,
    used: HashMap<AccountName, Vec<Total>>,
    /// Flows whose share is a guess: an unseen time lies across the beginning or the end of the period, or
    /// across the moment at which the owner changed.
    guessed: HashSet<Whose>,
    /// Why the period is not closed yet.
    open: Option<String>,
}

impl<'a> Desk<'a> {
    pub async fn open(
        store: &Store,
        terms: &'a Terms,
        sold: &'a Sold,
        state: &'a BackendState,
        period: BillingPeriod,
        now: Timestamp,
    ) -> Result<Desk<'a>, CannotSum> {
        let backend = &state.backend;
        let panel = terms.panels.iter().find(|panel| panel.id == *backend).map(Arc::as_ref);
        let (book, facts) = store.lives(backend).await?;
        let query = UsageQuery { backend: Some(backend.clone()), ..UsageQuery::default() };
        let mut used: HashMap<AccountName, Vec<Total>> = HashMap::new();
        for total in store.totals_by_owner(&query, period, By::Period, terms.zone).await? {
            used.entry(total.account.name.clone()).or_default().push(total);
        }
        let mut guessed = guessed_at(store, &query, period.first(), period).await?;
        guessed.extend(guessed_at(store, &query, period.next(), period).await?);
        let estimated: Vec<(AccountName, Meter)> =
            used.values().flat_map(|totals| estimated_by_several(totals)).collect();
        for (name, meter) in estimated {
            let query = UsageQuery { account: Some(name), meter: Some(meter), ..query.clone() };
            guessed.extend(guessed_between(&store.days(&query, period).await?));
        }
        let end = terms.zone.start_of(period.next());
        let start = terms.zone.start_of(period.first());
        let open = open(panel, state, end, now);
        Ok(Desk { terms, sold, backend, panel, start, end, book, facts, used, guessed, open })
    }

    /// Services that accounts of this backend hold up.
    pub fn contested(&self, contested: &mut Contested) {
        for (name, no) in &self.book.names {
            let is_present = self.book.lives.get(no).is_some_and(Life::is_present);
            let mapped = self.facts.get(no).and_then(|account| account.mapped.as_ref());
            for service in mapped.filter(|_| is_present).into_iter().flat_map(|mapped| &mapped.rivals) {
                contested.entry(*service).or_default().insert(format!("{}/{name}", self.backend));
            }
        }
    }

    /// Every piece that has a price.
    pub fn pieces(&self, pieces: &mut Vec<Piece>) {
        for (no, life) in &self.book.lives {
            let Some(account) = self.facts.get(no) else { continue };
            let is_newest = self.book.names.get(&life.name) == Some(no);
            // What it is called among the lives of its name was read from the database as a name.
            let label = AccountName::new(&life.label(is_newest)).unwrap_or_else(|_| life.name.clone());
            let totals = self.used.get(&label).map(Vec::as_slice).unwrap_or_default();
            let stretches = self.stretches(life);
            let held = stretches.iter().map(|(owner, _)| *owner);
            let owners: BTreeSet<&Owner> =
                held.chain(totals.iter().filter_map(|total| total.owner.as_ref())).collect();
            for owner in owners {
                let one = Held { life, account, label: &label, owner, totals, stretches: &stretches };
                pieces.extend(self.meters(life).filter_map(|of| self.piece(&one, of)));
            }
        }
    }

    /// The meters that can be known of a life, and what each is read from: a total may be that of both directions.
    fn meters(&self, life: &Life) -> impl Iterator<Item = (Meter, &'static [Meter])> {
        let was_read = |meter: &Meter| life.series.get(meter).is_some_and(|series| series.at.is_some());
        let read: Vec<Meter> = match self.panel {
            // A kind may have products that tell a total and others that tell the directions.
            Some(panel) => {
                let directions = Meter::DIRECTIONS.iter().all(was_read);
                let told = |meter: &Meter| *meter != Meter::TrafficTotal || !directions || was_read(meter);
                panel.kind.meters.iter().copied().filter(told).collect()
            }
            None => Meter::ALL.into_iter().filter(was_read).collect(),
        };
        Meter::ALL
            .into_iter()
            .map(move |meter| (meter, meter.made_of(&read)))
            .filter(|(_, parts)| !parts.is_empty())
    }

    /// Who had a life when, as far as it was there in the period.
    fn stretches<'l>(&self, life: &'l Life) -> Vec<(&'l Owner, Span)> {
        let mut stretches = Vec::new();
        let (born, ended) = (life.born.max(self.start), life.ended.map_or(self.end, |at| at.min(self.end)));
        let ends = life.holdings.iter().skip(1).map(|holding| holding.from).chain([self.end]);
        for (holding, end) in life.holdings.iter().zip(ends) {
            // The first part has all the days before its own, too.
            let begins = |day: UsageDay| self.terms.zone.start_of(day).max(holding.from);
            let starts = holding.parts.iter().enumerate().map(|(place, part)| match place {
                0 => holding.from,
                _ => begins(part.since),
            });
            let next = holding.parts.iter().skip(1).map(|part| begins(part.since)).chain([end]);
            for ((part, from), to) in holding.parts.iter().zip(starts).zip(next) {
                let span = Span::new(from.max(born), to.min(end).min(ended));
                stretches.extend(span.map(|span| (&part.owner, span)));
            }
        }
        stretches
    }

    fn piece(&self, held: &Held<'_>, (meter, parts): (Meter, &[Meter])) -> Option<Piece> {
        let service = held.owner.service().and_then(|id| self.sold.service(id));
        // Nobody looks for what a panel that is not asked any more has of nobody.
        if self.panel.is_none() && held.owner.service().is_none() {
            return None;
        }
        let candidate = Candidate {
            backend: self.backend,
            account: &held.life.name,
            labels: held.account.labels(),
            product: service.and_then(|service| service.product.as_deref()),
        };
        let price = self.terms.prices.of(&candidate, meter)?;
        let known: Vec<(Option<Usage>, bool)> = parts.iter().map(|part| self.known(held, *part)).collect();
        let mine = held.stretches.iter().filter(|(owner, _)| *owner == held.owner);
        let sold = service.map_or(Limit::Unknown, |service| service.limit(meter));
        let panel = held.account.panel_limit(meter);
        let in_force = |sold, by_panel: bool| {
            let panel = if by_panel { panel } else { Limit::Unknown };
            self.terms.limits.in_force(&candidate, meter, sold, panel).0
        };
        let series = parts.iter().filter_map(|part| held.life.series.get(part));
        let held_back = series.filter_map(|series| series.implausible).map(|held| held.since).min();
        Some(Piece {
            account: AccountKey { backend: self.backend.clone(), name: held.label.clone() },
            owner: held.owner.clone(),
            price: Arc::clone(price),
            is_complete: known.iter().all(|(_, is_complete)| *is_complete),
            usage: added(known.into_iter().map(|(usage, _)| usage)),
            until: mine.map(|(_, span)| span.end()).max().unwrap_or(self.start),
            held_back,
            limit: in_force(sold, true),
            limits: self.sold.limits(held.owner, meter, (self.start, self.end), in_force),
            open: self.open.clone(),
            unpaid: self.unpaid(held),
        })
    }

    /// What was read of one meter, and whether that is all of it.
    fn known(&self, held: &Held<'_>, meter: Meter) -> (Option<Usage>, bool) {
        let total =
            held.totals.iter().find(|total| total.meter == meter && total.owner.as_ref() == Some(held.owner));
        let usage = total.map(|total| total.usage.clone());
        let is_guessed = self.guessed.contains(&(held.label.clone(), meter, held.owner.clone()));
        let covered = usage.as_ref().map_or(Minutes::ZERO, |usage| usage.covered);
        (usage, covered >= self.expected(held, meter) && !is_guessed)
    }

    /// The minutes of the period for which a meter has to be known of it: while it was the owner's, from first
    /// sight on.
    fn expected(&self, held: &Held<'_>, meter: Meter) -> Minutes {
        let until = match held.life.ended.filter(|gone| *gone < self.end) {
            // Deleted between two polls, it cannot be read up to its end.
            Some(gone) => match held.life.series.get(&meter).and_then(|series| series.at) {
                Some(at) if gone.since(at) <= self.terms.max_age => at.min(gone),
                _ => gone,
            },
            None => self.end,
        };
        let mut expected = Minutes::ZERO;
        for (_, span) in held.stretches.iter().filter(|(owner, _)| *owner == held.owner) {
            expected += Span::new(span.start(), span.end().min(until)).map_or(Minutes::ZERO, Span::minutes);
        }
        expected
    }

    /// Why nothing can be billed for what an owner has.
    fn unpaid(&self, held: &Held<'_>) -> Option<String> {
        let not_arrived = |server: i64| {
            format!("WHMCS has not sent the services of server {server}: install its hook file")
        };
        let server = self.panel.and_then(|panel| panel.whmcs_server);
        let ambiguous =
            held.account.mapped.as_ref().is_some_and(|mapped| mapped.mapping == Mapping::Ambiguous);
        let text = match (held.owner, server) {
            (Owner::Service(_), _) => return None,
            (Owner::Name { server, .. }, _) if self.sold.has_arrived(*server) => format!(
                "the services of server {server} have arrived; the next poll of {} uses them",
                self.backend
            ),
            (Owner::Name { server, .. }, _) => not_arrived(*server),
            (Owner::Unowned, None) => "its backend has no whmcs_server".into(),
            (Owner::Unowned, Some(server)) if !self.sold.has_arrived(server) => not_arrived(server),
            (Owner::Unowned, _) => match held.life.owner() {
                Owner::Unowned if ambiguous => {
                    "ambiguous: several services have its name; say which by `whmeter map set`".into()
                }
                Owner::Unowned => "unmapped: no service has its name; say which by `whmeter map set`".into(),
                owner => format!("unmapped: it was unowned then, and belongs to {owner} only since"),
            },
        };
        Some(text)
    }
}

/// What passed in all parts together; unknown where one of them is.
fn added(parts: impl Iterator<Item = Option<Usage>>) -> Option<Usage> {
    parts.reduce(|sum, part| {
        let (sum, part) = (sum?, part?);
        Some(Usage {
            amount: sum.amount.checked_add(part.amount)?,
            estimated: sum.estimated.checked_add(part.estimated)?,
            held: sum.held + part.held,
            covered: sum.covered.min(part.covered),
        })
    })?
}

/// What is known of an account and of one owner of it.
struct Held<'h> {
    life: &'h Life,
    account: &'h AccountStanding,
    label: &'h AccountName,
    owner: &'h Owner,
    /// What every owner has of the account.
    totals: &'h [Total],
    /// When everybody had it.
    stretches: &'h [(&'h Owner, Span)],
}

/// Why a period is not closed for a backend.
fn open(
    panel: Option<&ConfiguredPanel>,
    state: &BackendState,
    end: Timestamp,
    now: Timestamp,
) -> Option<String> {
    let backend = &state.backend;
    if let Some(closes) = panel.map(|panel| end.plus(panel.settle)).filter(|closes| now < *closes) {
        return Some(format!(
            "{backend} is billed for this period from {closes} on: settle_hours after its end"
        ));
    }
    let seen = state.succeeded_at.is_some_and(|at| at >= end);
    let gone = if panel.is_none() { ", and is not configured any more" } else { "" };
    (!seen).then(|| format!("{backend} has not been polled since the period ended at {end}{gone}"))
}

/// Flows with a guess on both sides of the midnight that `day` begins with, by whoever has the day that lies in
/// the period.
async fn guessed_at(
    store: &Store,
    query: &UsageQuery,
    day: UsageDay,
    period: BillingPeriod,
) -> Result<HashSet<Whose>, StoreError> {
    let before = day.minus_days(1);
    let Ok(around) = BillingPeriod::new(before, day.next()) else { return Ok(HashSet::new()) };
    let points = store.days(query, around).await?;
    let guessed: Vec<&DayPoint> = points.iter().filter(|point| point.estimated > Bytes::ZERO).collect();
    let (ours, others) = if day < period.next() { (day, before) } else { (before, day) };
    let on = guessed.iter().filter(|point| point.day == others);
    let on: HashSet<(&AccountName, Meter)> = on.map(|point| (&point.account.name, point.meter)).collect();
    let ours = guessed.iter().filter(|point| point.day == ours);
    let both = ours.filter(|point| on.contains(&(&point.account.name, point.meter)));
    Ok(both.map(|point| whose(point)).collect())
}

/// The flows of an account of which several owners have a part by estimate: where it changed hands may lie in
/// an unseen time.
fn estimated_by_several(totals: &[Total]) -> impl Iterator<Item = (AccountName, Meter)> {
    let flows = Meter::ALL.into_iter().filter(|meter| meter.nature() == Nature::Flow);
    flows.filter_map(move |meter| {
        let mut guessed =
            totals.iter().filter(|total| total.meter == meter && total.usage.estimated > Bytes::ZERO);
        let name = guessed.next()?.account.name.clone();
        guessed.next().map(|_| (name, meter))
    })
}

/// Flows with a guess on both sides of the moment at which the owner changed. `points` are the days of one
/// meter of one account, in order.
fn guessed_between(points: &[DayPoint]) -> HashSet<Whose> {
    let mut guessed = HashSet::new();
    for pair in points.windows(2) {
        let [one, next] = pair else { continue };
        let is_change = one.owner != next.owner && next.day <= one.day.next();
        if is_change && one.estimated > Bytes::ZERO && next.estimated > Bytes::ZERO {
            guessed.extend([whose(one), whose(next)]);
        }
    }
    guessed
}

fn whose(point: &DayPoint) -> Whose {
    (point.account.name.clone(), point.meter, point.owner.clone())
}
