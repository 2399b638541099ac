//! What accounts used over a span of days: whole months by their sums, the rest by days.

use std::collections::BTreeMap;

use super::super::{Store, StoreError};
use super::usage::{OwnedMonth, Usage, UsageQuery};
use crate::domain::{AccountKey, BillingPeriod, BillingZone, Meter, Month, Owner, UsageDay};

/// How the days of a period are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All in one.
    Period,
    /// Each day by itself.
    Day,
    /// Each month, or the part of it that lies in the period.
    Month,
}

/// One meter of an account over a span of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The account.
    pub account: AccountKey,
    /// What is measured.
    pub meter: Meter,
    /// The days.
    pub span: BillingPeriod,
    /// How much.
    pub usage: Usage,
    /// Whether readings account for every minute of the span.
    pub complete: bool,
    /// Who pays for it, where the question was by owner.
    pub owner: Option<Owner>,
}

/// Why a period cannot be summed.
#[derive(Debug, thiserror::Error)]
pub enum CannotSum {
    /// Its days are folded into their month: the parts are not known any more.
    #[error("the days of {0} are folded into its month; ask for whole months (--month {0})")]
    Folded(Month),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose, of what, in which days.
type Key = (AccountKey, Meter, (UsageDay, UsageDay), Option<Owner>);

impl Store {
    /// What was used in a period, in the order of account, meter and day.
    pub async fn totals(
        &self,
        query: &UsageQuery,
        period: BillingPeriod,
        by: By,
        zone: BillingZone,
    ) -> Result<Vec<Total>, CannotSum> {
        self.sum(query, period, by, zone, |_| None).await
    }

    /// The same, distinguished by who pays for it.
    pub async fn totals_by_owner(
        &self,
        query: &UsageQuery,
        period: BillingPeriod,
        by: By,
        zone: BillingZone,
    ) -> Result<Vec<Total>, CannotSum> {
        self.sum(query, period, by, zone, |owner| Some(owner.clone())).await
    }

    async fn sum(
        &self,
        query: &UsageQuery,
        period: BillingPeriod,
        by: By,
        zone: BillingZone,
        of: impl Fn(&Owner) -> Option<Owner>,
    ) -> Result<Vec<Total>, CannotSum> {
        let mut sums: BTreeMap<Key, Usage> = BTreeMap::new();
        let mut add = |key: Key, later: Usage| {
            let meter = key.1;
            match sums.get_mut(&key) {
                Some(sum) => sum.add(meter, &later),
                None => {
                    sums.insert(key, later);
                    Ok(())
                }
            }
        };
        // Months that lie in the period as a whole have their sums; what is cut has days, where they are kept.
        for piece in pieces(period, by) {
            match piece {
                Piece::Months(first, last) => {
                    for OwnedMonth { owner, account, meter, month, usage } in
                        self.months(query, first, last).await?
                    {
                        add((account, meter, span(month.first(), period, by), of(&owner)), usage)?;
                    }
                }
                Piece::Days(days) => {
                    self.refuse_folded(query, days, by).await?;
                    for point in self.days(query, days).await? {
                        let usage = point.usage();
                        let key = (point.account, point.meter, span(point.day, period, by), of(&point.owner));
                        add(key, usage)?;
                    }
                }
            }
        }
        let mut totals = Vec::with_capacity(sums.len());
        for ((account, meter, (first, next), owner), usage) in sums {
            let span = BillingPeriod::new(first, next)
                .map_err(|error| StoreError::corrupt(error, "a span of days"))?;
            let complete = usage.covered >= zone.minutes_of(span);
            totals.push(Total { account, meter, span, usage, complete, owner });
        }
        Ok(totals)
    }

    /// Of days that are not kept any more the parts are unknown: of their month.
    async fn refuse_folded(&self, query: &UsageQuery, days: BillingPeriod, by: By) -> Result<(), CannotSum> {
        let kept_from = self.days_kept_from(query.backend.as_ref()).await?;
        if days.first() >= kept_from || by == By::Day {
            return Ok(());
        }
        let last = kept_from.minus_days(1).min(days.next().minus_days(1)).month();
        let months = self.months(query, days.first().month(), last).await?;
        let cut = months.iter().map(|owned| owned.month).find(|month| {
            let month = month.period();
            month.first() < kept_from && month.first() < days.next() && days.first() < month.next()
        });
        cut.map_or(Ok(()), |month| Err(CannotSum::Folded(month)))
    }
}

/// How a stretch of days is summed.
enum Piece {
    /// Whole months, from the first to the last.
    Months(Month, Month),
    /// Days of months that are cut.
    Days(BillingPeriod),
}

fn pieces(period: BillingPeriod, by: By) -> Vec<Piece> {
    let days = |first, next| BillingPeriod::new(first, next).ok().map(Piece::Days);
    if by == By::Day {
        return days(period.first(), period.next()).into_iter().collect();
    }
    let first = period.first().month();
    let first_whole = if first.first() == period.first() { first } else { first.next() };
    let end = period.next().month();
    if first_whole.first() >= end.first() {
        return days(period.first(), period.next()).into_iter().collect();
    }
    let before = days(period.first(), first_whole.first());
    let after = days(end.first(), period.next());
    before.into_iter().chain([Piece::Months(first_whole, end.before())]).chain(after).collect()
}

/// The span that a day is shown in.
fn span(day: UsageDay, period: BillingPeriod, by: By) -> (UsageDay, UsageDay) {
    let (first, next) = match by {
        By::Period => (period.first(), period.next()),
        By::Day => (day, day.next()),
        By::Month => (day.month().first(), day.month().next().first()),
    };
    (first.max(period.first()), next.min(period.next()))
}
