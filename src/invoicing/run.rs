//! One run: settles what is open, draws up, reconciles, and creates line by line, each recorded first.

use super::Terms;
use super::draft::{Draft, draw};
use super::reconcile::{BilledLines, Reconciled, is_open, overlapping, reconcile};
use super::report::{Report, RowState};
use crate::clock::Clock;
use crate::domain::{BackendId, BillingPeriod, Seconds};
use crate::notify::{BillableItems, NewItem, NotAdded};
use crate::pricing::Tag;
use crate::rules::Price;
use crate::store::{CannotSum, Intent, InvoiceLine, LineEnd, LineState, NewLine, Store, StoreError};

/// Whoever was held up for longer between writing a line down and calling WHMCS does not call any more:
/// others may by now believe that he never will.
const CALL_WITHIN: Seconds = Seconds::new(60);

/// An attempt that began this long ago has ended, one way or the other.
const ENDED_AFTER: Seconds = Seconds::new(300);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Order {
    /// The days.
    pub period: BillingPeriod,
    /// Services with an account on this backend only; each is billed as a whole.
    pub backend: Option<BackendId>,
    /// Whether differences to what was billed are billed.
    pub corrections: bool,
    /// Who asks.
    pub by: String,
}

/// Why there is no run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The numbers cannot be had.
    #[error(transparent)]
    Sum(#[from] CannotSum),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A new or changed rule: it must be run with --dry-run first.
    #[error(
        "new or changed price rule {0}: run it with --dry-run first (`whmeter invoice` for this period with \
         --dry-run FILE), read the file, then bill; nothing was billed"
    )]
    NotRehearsed(String),
    /// WHMCS cannot be reached.
    #[error("{0}; nothing was billed")]
    Unreachable(String),
    /// A line cannot be settled as asked.
    #[error("{0}")]
    NotSettled(String),
}

/// Bills, and rehearses it.
pub struct Invoicing {
    store: Store,
    clock: Clock,
    terms: Terms,
}

impl Invoicing {
    /// Puts store and terms together.
    pub fn new(store: Store, clock: Clock, terms: Terms) -> Invoicing {
        Invoicing { store, clock, terms }
    }

    /// What a run would do, without WHMCS.
    pub async fn rehearse(&self, order: &Order) -> Result<Report, RunError> {
        let mut report = Report::of(order.period, true);
        let reconciled = self.reconciled(order, &mut report).await?;
        report.lines = reconciled.into_iter().map(|reconciled| reconciled.row).collect();
        for open in self.store.open_lines().await? {
            report.settled.push(format!("{}: {}", open.line.tag, is_open(&open)));
            report.open += 1;
        }
        Ok(report)
    }

    /// Remembers that somebody has been handed a rehearsal: the rules it went by may bill from now on.
    pub async fn rehearsed(&self, order: &Order) -> Result<(), RunError> {
        let rules: Vec<(String, String)> =
            self.rules(order).map(|price| (price.hash.clone(), price.name.clone())).collect();
        Ok(self.store.arm_rules(&rules, &order.by, self.clock.now()).await?)
    }

    /// Bills a period; `progress` hears how many of how many lines are done.
    pub async fn bill(
        &self,
        order: &Order,
        whmcs: &BillableItems,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Report, RunError> {
        for price in self.rules(order) {
            if !self.store.is_armed(&price.hash).await? {
                return Err(RunError::NotRehearsed(price.name.clone()));
            }
        }
        whmcs.reach().await.map_err(RunError::Unreachable)?;
        let mut report = Report::of(order.period, false);
        report.settled = self.reconcile(whmcs, &order.by).await?;
        let mut stopped = None;
        let reconciled = self.reconciled(order, &mut report).await?;
        let (mut done, all) = (0, reconciled.iter().filter(|reconciled| reconciled.line.is_some()).count());
        for Reconciled { mut row, line } in reconciled {
            if let Some(line) = line {
                progress(done, all);
                done += 1;
                (row.state, row.billable) = (RowState::NotTried, None);
                match &stopped {
                    Some(why) => row.reason = format!("not tried, because the run ended: {why}"),
                    None => {
                        // What is done already has to be reported, whatever happens to the database.
                        let tried = self.create(&line, whmcs, &order.by).await;
                        let tried = tried.unwrap_or_else(|error| Tried {
                            ends_run: true,
                            ..Tried::so(RowState::NotTried, error.to_string())
                        });
                        (row.state, row.billable) = (tried.state, tried.billable);
                        row.reason = [std::mem::take(&mut row.reason), tried.reason.clone()]
                            .into_iter()
                            .filter(|part| !part.is_empty())
                            .collect::<Vec<_>>()
                            .join("; ");
                        stopped = tried.ends_run.then_some(tried.reason);
                    }
                }
            }
            report.lines.push(row);
        }
        let open = self.store.open_lines().await;
        report.open = open.map_or_else(|_| report.count(RowState::Unknown), |open| open.len());
        Ok(report)
    }

    /// Says by hand what became of a line that is open.
    pub async fn settle(&self, tag: &str, is_created: bool, by: &str) -> Result<InvoiceLine, RunError> {
        let tag = format!("[{}]", tag.trim().trim_matches(['[', ']']));
        let tag = if tag.starts_with("[whm ") { tag } else { tag.replacen('[', "[whm ", 1) };
        let now = self.clock.now();
        let refused = |why: String| RunError::NotSettled(why);
        let line = self.store.invoice_line(&tag).await?;
        let line = line.ok_or_else(|| refused(format!("no line {tag} was ever tried")))?;
        if !line.state.is_open() {
            return Err(refused(format!("{tag} is settled already: {} ({})", line.state.name(), line.said)));
        }
        let ended = line.intended_at.plus(ENDED_AFTER);
        if !is_created && now < ended {
            let why = format!(
                "{tag} was tried at {} and may still be under way; say so after {ended}",
                line.intended_at
            );
            return Err(refused(why));
        }
        let end = if is_created { LineEnd::Created(None) } else { LineEnd::Refused };
        let said = format!("settled by hand by {by}");
        if !self.store.end_line(&line.line, line.attempts, &end, &said, by, now).await? {
            return Err(refused(format!("{tag} was settled by another process just now")));
        }
        Ok(InvoiceLine {
            state: if is_created { LineState::Created } else { LineState::Refused },
            said,
            ..line
        })
    }

    /// The rules of the backends that are billed.
    fn rules(&self, order: &Order) -> impl Iterator<Item = &Price> {
        let wanted = order.backend.clone();
        self.terms
            .prices
            .iter()
            .filter(move |price| wanted.as_ref().is_none_or(|wanted| price.is_for(wanted)))
    }

    async fn reconciled(&self, order: &Order, report: &mut Report) -> Result<Vec<Reconciled>, RunError> {
        // What was used before it something else has billed: no line is of such a day, and none says so.
        if let Some(from) = self.terms.bill_from.cuts(order.period) {
            report.notes.push(format!("days before {from} are not billed by us: bill_from of [whmcs]"));
        }
        let Some(period) = self.terms.bill_from.billed(order.period) else { return Ok(Vec::new()) };
        let drawn = draw(&self.store, &self.terms, period, self.clock.now()).await?;
        let lines = self.store.invoice_lines(period).await?;
        let known = BilledLines::new(lines, &drawn.drafts, period);
        report.notes.extend(drawn.notes);
        // A service with an account on the wanted backend is billed as a whole: a part of it would be wrong.
        let is_wanted = |draft: &&Draft| match &order.backend {
            Some(wanted) => draft.accounts.iter().any(|account| account.backend == *wanted),
            None => true,
        };
        let wanted = drawn.drafts.iter().filter(is_wanted);
        Ok(wanted.map(|draft| reconcile(draft, &known, order.corrections)).collect())
    }

    /// Looks for open lines among the clients' invoices; one that is not there may still wait for its.
    async fn reconcile(&self, whmcs: &BillableItems, by: &str) -> Result<Vec<String>, RunError> {
        let mut settled = Vec::new();
        for open in self.store.open_lines().await? {
            let tag = open.line.tag.to_string();
            match whmcs.invoiced(open.line.client, &tag, open.intended_at).await {
                Ok(Some(found)) => {
                    let said = format!("found on invoice {}", found.invoice);
                    let end = LineEnd::Created(found.billable);
                    let now = self.clock.now();
                    self.store.end_line(&open.line, open.attempts, &end, &said, by, now).await?;
                    settled.push(format!("{tag}: created, {said}"));
                }
                Ok(None) => settled.push(format!("{tag}: {}", is_open(&open))),
                Err(why) => {
                    settled.push(format!("{tag}: {}; its invoices cannot be read: {why}", is_open(&open)))
                }
            }
        }
        Ok(settled)
    }

    async fn create(&self, line: &NewLine, whmcs: &BillableItems, by: &str) -> Result<Tried, StoreError> {
        let began = self.clock.now();
        let attempt = match self.store.intend_line(line, by, began).await? {
            Intent::Ours(attempt) => attempt,
            Intent::There(known) if known.state == LineState::Created => {
                return Ok(Tried { billable: known.billable, ..Tried::so(RowState::Already, "") });
            }
            Intent::There(known) => return Ok(Tried::so(RowState::Unknown, is_open(&known))),
            Intent::Overlaps(other) => return Ok(Tried::so(RowState::Refused, overlapping(&other))),
        };
        let held_up = self.clock.now().since(began) > CALL_WITHIN;
        let (description, amount) = (line.description.as_str(), line.amount.to_string());
        let item = NewItem { client: line.client, description, amount: &amount };
        let added = match held_up {
            true => Err(NotAdded::Refused { why: "held up before the call".into(), for_all: true }),
            false => whmcs.add(&item).await,
        };
        let (end, said, tried) = match added {
            Ok(billable) => {
                let said =
                    billable.map_or("created".to_string(), |id| format!("created as billable item {id}"));
                let tried = Tried { billable, ..Tried::so(RowState::Created, "") };
                (LineEnd::Created(billable), said, tried)
            }
            Err(NotAdded::Refused { why, for_all }) => {
                let tried = Tried { ends_run: for_all, ..Tried::so(RowState::Refused, why.clone()) };
                (LineEnd::Refused, why, tried)
            }
            Err(NotAdded::Unknown { why }) => {
                let tag: Tag = line.tag;
                let said = format!(
                    "{why}: whether {tag} was created is not known, and it is not tried again before"
                );
                (LineEnd::Unknown, why, Tried { ends_run: true, ..Tried::so(RowState::Unknown, said) })
            }
        };
        match self.store.end_line(line, attempt, &end, &said, by, self.clock.now()).await {
            Ok(true) => Ok(tried),
            Ok(false) => {
                // WHMCS's own list was quicker than its answer, or an operator.
                tracing::warn!(
                    tag = %line.tag,
                    "{said}, and the line was settled by another process meanwhile: make sure WHMCS has \
                     the item once"
                );
                Ok(tried)
            }
            Err(error) => {
                let why = format!("{said}, which could not be recorded: {error}");
                Ok(Tried { ends_run: true, ..Tried::so(RowState::Unknown, why) })
            }
        }
    }
}

/// What became of one line.
struct Tried {
    state: RowState,
    billable: Option<i64>,
    reason: String,
    ends_run: bool,
}

impl Tried {
    fn so(state: RowState, reason: impl Into<String>) -> Tried {
        Tried { state, billable: None, reason: reason.into(), ends_run: false }
    }
}
