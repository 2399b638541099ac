//! What a panel has reported before, as it is believed: so that a silence is distinguished from a nothing, and what
//! is gone from what was never there.
//!
//! It comes from the store. What a backend kept in its own memory would be lost with every restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{AccountName, Bytes, Identity, Meter, Source, Span, Timestamp, Unclaimed};
use crate::metering::{Baseline, Book, CounterKey};

/// A total that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardTotal {
    /// The time it is for.
    pub span: Span,
    /// When the panel measured it.
    pub at: Timestamp,
    /// How much.
    pub total: Bytes,
}

/// The last word of a panel, lent to its backend for one poll.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    book: Arc<Book>,
    unclaimed: BTreeMap<String, Unclaimed>,
}

impl Heard {
    /// What is believed, and what was unowned, by its name.
    pub fn new(book: Arc<Book>, unclaimed: BTreeMap<String, Unclaimed>) -> Heard {
        Heard { book, unclaimed }
    }

    /// The last count believed of a counter that has a name of its own.
    pub fn counter(&self, meter: Meter, source: &Source) -> Option<&Baseline> {
        self.book.counters.get(&CounterKey { meter, own: None, source: source.clone() })
    }

    /// The account that a counter was last seen in, while it has not ended.
    pub fn holder(&self, meter: Meter, source: &Source) -> Option<&AccountName> {
        let life = self.book.lives.get(&self.counter(meter, source)?.holder)?;
        life.ended.is_none().then_some(&life.name)
    }

    /// Every counter that has a name of its own, with the account it was last seen in.
    pub fn holders(&self) -> impl Iterator<Item = (&Source, &AccountName)> {
        let named = self.book.counters.iter().filter(|(key, _)| key.own.is_none());
        named.filter_map(|(key, baseline)| {
            let life = self.book.lives.get(&baseline.holder).filter(|life| life.ended.is_none())?;
            Some((&key.source, &life.name))
        })
    }

    /// The last level believed of an account.
    pub fn level(&self, account: &AccountName) -> Option<Bytes> {
        Some(self.book.series(account, Meter::StorageUsed)?.level?.level)
    }

    /// What makes an account itself, of one that was there when all were last listed.
    pub fn identity(&self, account: &AccountName) -> Option<&Identity> {
        self.book.life(account).filter(|life| life.is_present()).map(|life| &life.identity)
    }

    /// When all accounts were last listed.
    pub fn last_look(&self) -> Option<Timestamp> {
        self.book.last_look
    }

    /// Of every account that has one the newest span that a meter had a total of, without a name of its own.
    pub fn newest_totals(&self, meter: Meter) -> impl Iterator<Item = (&AccountName, HeardTotal)> {
        self.book.names.iter().filter_map(move |(name, life)| {
            let series = self.book.lives.get(life).filter(|life| life.ended.is_none())?.series.get(&meter)?;
            let unnamed = series.periods.iter().filter(|((source, _), _)| source.as_str().is_empty());
            let ((_, span), belief) = unnamed.max_by_key(|((_, span), _)| (span.end(), span.start()))?;
            Some((name, HeardTotal { span: *span, at: belief.at, total: belief.total }))
        })
    }

    /// Until when each account that is there has totals of a meter, whatever their sources.
    pub fn totals_reach(&self, meter: Meter) -> impl Iterator<Item = Timestamp> {
        self.book.lives.values().filter(|life| life.ended.is_none()).filter_map(move |life| {
            life.series.get(&meter)?.periods.iter().map(|((_, span), _)| span.end()).max()
        })
    }

    /// Every source that ever reported totals of a meter, of accounts that are there.
    pub fn total_sources(&self, meter: Meter) -> BTreeSet<&str> {
        let lives = self.book.lives.values().filter(|life| life.ended.is_none());
        lives
            .filter_map(|life| life.series.get(&meter))
            .flat_map(|series| series.sources())
            .map(Source::as_str)
            .collect()
    }

    /// When the counters of a meter were last seen.
    pub fn last_look_at(&self, meter: Meter) -> Option<Timestamp> {
        self.book.last_look_at(meter)
    }

    /// What was unowned for this reason, with the time since when.
    pub fn unclaimed(&self, why: &'static str) -> impl Iterator<Item = (&str, Timestamp)> {
        let of_it = self.unclaimed.values().filter(move |one| one.why == why);
        of_it.filter_map(|one| Some((one.what.as_str(), one.since?)))
    }
}
