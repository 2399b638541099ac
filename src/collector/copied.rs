//! History that came along with an account to its next panel: what the service's other accounts have for those
//! days already is not counted again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::owners::Sold;
use crate::domain::{
    AccountName, BackendId, BillingPeriod, BillingZone, Bytes, Copied, Harvest, Meter, Nature, Owner,
    Reading, Source, Span, Timestamp, UsageDay,
};
use crate::metering::{Book, Life, Look};
use crate::store::{DayPoint, Store, StoreError, UsageQuery};

/// A total of a time before its account was first seen here.
struct Early {
    meter: Meter,
    source: Source,
    span: Span,
    /// So much of it may be a copy at most: all of it, or what was taken for one before.
    most: Bytes,
    /// It was compared before.
    was_compared: bool,
}

/// What is left of the days of a service's other accounts.
type Left = BTreeMap<(Meter, UsageDay), u128>;

impl Sold {
    /// Marks in an answer what of its totals the service's other accounts have already.
    pub(super) async fn mark_copied(
        &self,
        store: &Store,
        backend: &BackendId,
        (book, look): (&Book, &Look),
        harvest: &mut Harvest,
        zone: BillingZone,
    ) -> Result<(), StoreError> {
        let again = self.taken_back(store, backend).await?;
        for (account, early) in early(book, look, harvest, again, zone) {
            let (Some(from), Some(until)) = (
                early.iter().map(|early| zone.day_of(early.span.start())).min(),
                early.iter().map(|early| zone.day_of(early.span.end()).next()).max(),
            ) else {
                continue;
            };
            let Ok(period) = BillingPeriod::new(from, until) else { continue };
            let mut left = Left::new();
            for owner in self.claimants_of(&account, life_of(book, look, &account)) {
                let query = UsageQuery { owner: Some(owner), ..UsageQuery::default() };
                let points = store.days(&query, period).await?;
                let others = points.iter().filter(|point| !is_life_of(point, backend, &account));
                for point in others.filter(|point| point.meter.nature() == Nature::Flow) {
                    *left.entry((point.meter, point.day)).or_default() += u128::from(point.amount.get());
                }
            }
            for Early { meter, source, span, most, was_compared } in early {
                let amount = take(&mut left, meter, span, most, zone);
                if amount > Bytes::ZERO || was_compared {
                    harvest.copied(&account, Copied { meter, source, span, amount });
                }
            }
        }
        Ok(())
    }

    /// Since when what was compared is to be compared again, and from which day on that can be done: another panel's
    /// numbers were taken back, and everybody it has was read again since, so that what is missing is not only late.
    async fn taken_back(
        &self,
        store: &Store,
        backend: &BackendId,
    ) -> Result<Option<(Timestamp, UsageDay)>, StoreError> {
        let mut newest = None;
        for other in store.backends().await?.iter().filter(|other| other.backend != *backend) {
            let Some(at) = other.rewound_at else { continue };
            if other.succeeded_at.is_none_or(|read| read <= at) {
                return Ok(None);
            }
            newest = newest.max(Some(at));
        }
        let Some(newest) = newest else { return Ok(None) };
        Ok(Some((newest, store.days_kept_from(None).await?)))
    }

    /// Whoever pays for an account, or will, as far as anybody knows.
    fn claimants_of(&self, account: &AccountName, life: Option<&Life>) -> Vec<Owner> {
        match life.map(Life::owner) {
            Some(owner) if *owner != Owner::Unowned => vec![owner.clone()],
            _ => self.wanting(account, life),
        }
    }
}

/// The life that an account of the answer is, whoever had its name before.
fn life_of<'a>(book: &'a Book, look: &'a Look, account: &AccountName) -> Option<&'a Life> {
    look.life(book, look.life_of(book, account)?)
}

/// The totals of an answer that were never heard of before and begin before their account was first seen; and those
/// that are to be compared again.
fn early(
    book: &Book,
    look: &Look,
    harvest: &Harvest,
    again: Option<(Timestamp, UsageDay)>,
    zone: BillingZone,
) -> Vec<(AccountName, Vec<Early>)> {
    let mut found = Vec::new();
    for (account, harvested) in harvest.accounts() {
        let Some(life) = life_of(book, look, account) else { continue };
        let early = harvested.readings.iter().filter_map(|(meter, reading)| match reading {
            Reading::PeriodTotal { source, span, total, .. } if span.start() < life.born => {
                let series = life.series.get(meter);
                let key = (source.clone(), *span);
                let is_known = series.is_some_and(|series| series.periods.contains_key(&key));
                let (source, span) = key;
                let (meter, most) = (*meter, *total);
                (!is_known).then_some(Early { meter, source, span, most, was_compared: false })
            }
            _ => None,
        });
        let mut early: Vec<Early> = early.collect();
        early.extend(again.into_iter().flat_map(|again| compared(life, again, zone)));
        if !early.is_empty() {
            // Short ones first: a day is compared with its day before a month is with what is left of it.
            early.sort_by_key(|Early { meter, source, span, .. }| {
                (*meter, span.seconds(), Reverse(span.start()), source.clone())
            });
            found.push((account.clone(), early));
        }
    }
    found
}

/// What was left out of the totals of a life before the numbers of another panel were taken back, as far as the days
/// are kept that it was compared with.
fn compared(
    life: &Life,
    (taken_back, kept_from): (Timestamp, UsageDay),
    zone: BillingZone,
) -> impl Iterator<Item = Early> {
    life.series.iter().flat_map(move |(meter, series)| {
        let left_out = series.periods.iter().filter_map(|((source, span), belief)| {
            let left_out = belief.copied.filter(|left_out| left_out.at <= taken_back)?;
            Some(Early {
                meter: *meter,
                source: source.clone(),
                span: *span,
                most: left_out.amount,
                was_compared: true,
            })
        });
        left_out.filter(move |early| zone.day_of(early.span.start()) >= kept_from).collect::<Vec<_>>()
    })
}

/// Takes from what others have of the days of a span, each by the part that lies in it, at most `total`.
fn take(left: &mut Left, meter: Meter, span: Span, total: Bytes, zone: BillingZone) -> Bytes {
    let mut taken: u128 = 0;
    for (day, part) in zone.cut(span) {
        let (Some(has), Some(whole)) = (left.get_mut(&(meter, day)), zone.span_of(day)) else { continue };
        let share = *has * u128::from(part.seconds().get()) / u128::from(whole.seconds().get().max(1));
        let share = share.min(u128::from(total.get()) - taken);
        *has -= share;
        taken += share;
    }
    u64::try_from(taken).ok().and_then(|taken| Bytes::new(taken).ok()).unwrap_or(total)
}

/// Whether a point is of one of the lives of this very account.
fn is_life_of(point: &DayPoint, backend: &BackendId, account: &AccountName) -> bool {
    let label = &point.account.name;
    let is_its = match label.as_str().rsplit_once('~').filter(|_| label.reads_as_earlier_life()) {
        Some((name, _)) => name == account.as_str(),
        None => label == account,
    };
    point.account.backend == *backend && is_its
}
