//! What accounts used over a span of days: kept days and folded months together.

use std::collections::BTreeMap;

use super::usage::{DayPoint, Usage, UsageQuery};
use super::{Store, StoreError};
use crate::domain::{AccountKey, BillingPeriod, BillingZone, Meter, Month, UsageDay};

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

impl Store {
    /// What was used in a period, in the order of account, meter and day.
    pub async fn totals(
        &self,
        query: &UsageQuery,
        period: BillingPeriod,
        by: By,
        zone: BillingZone,
    ) -> Result<Vec<Total>, CannotSum> {
        let mut sums: BTreeMap<(AccountKey, Meter, (UsageDay, UsageDay)), Usage> = BTreeMap::new();
        let mut add = |key: (AccountKey, Meter, (UsageDay, UsageDay)), later: Usage| {
            let meter = key.1;
            match sums.get_mut(&key) {
                Some(sum) => sum.add(meter, &later),
                None => {
                    sums.insert(key, later);
                    Ok(())
                }
            }
        };
        if by != By::Day {
            for (account, meter, month, usage) in self.whole_months(query, period).await? {
                add((account, meter, span(month.first(), period, by)), usage)?;
            }
        }
        for DayPoint { account, meter, day, amount, estimated, held, covered } in
            self.days(query, period).await?
        {
            add((account, meter, span(day, period, by)), Usage { amount, estimated, held, covered })?;
        }
        let mut totals = Vec::with_capacity(sums.len());
        for ((account, meter, (first, next)), usage) in sums {
            let span = BillingPeriod::new(first, next)
                .map_err(|error| StoreError::corrupt(error, "a span of days"))?;
            let complete = usage.covered >= zone.minutes_of(span);
            totals.push(Total { account, meter, span, usage, complete });
        }
        Ok(totals)
    }

    /// Folded months that lie in the period as a whole; of one cut in two nobody knows the parts any more.
    async fn whole_months(
        &self,
        query: &UsageQuery,
        period: BillingPeriod,
    ) -> Result<Vec<(AccountKey, Meter, Month, Usage)>, CannotSum> {
        let last = period.days().last().unwrap_or(period.first()).month();
        let months = self.folded_months(query, period.first().month(), last).await?;
        let whole = |month: Month| month.first() >= period.first() && month.next().first() <= period.next();
        match months.iter().find(|(_, _, month, _)| !whole(*month)) {
            Some((_, _, month, _)) => Err(CannotSum::Folded(*month)),
            None => Ok(months),
        }
    }
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
