//! Figures that a panel has reported and reports no more, though their account is there: unread, and never nothing.
//!
//! Counters that have names of their own are the backends' to know: only they can report a bucket that is gone from a
//! page that lacks it.

use crate::backends::Backend;
use crate::domain::{Harvest, LifeNo, Meter, Reason, Source, Timestamp};
use crate::metering::{Book, CounterKey, Crowd, Life, Note, Noted};
use crate::store::Loaded;

/// Marks what was reported before and is silent now as unread.
pub(super) fn mark(harvest: &mut Harvest, book: &Book, backend: &dyn Backend) {
    let mut silent = Vec::new();
    for (name, harvested) in harvest.accounts() {
        let life = book.names.get(name).and_then(|no| Some((*no, book.lives.get(no)?)));
        let Some((no, life)) = life.filter(|(_, life)| life.is_present()) else { continue };
        for (meter, at) in reported(no, life, book).filter(|(meter, _)| backend.reports(*meter)) {
            let is_read = harvested.readings.iter().any(|(of, _)| *of == meter);
            let is_unread =
                harvested.unread.iter().any(|unread| unread.meter.is_none_or(|about| about == meter));
            if !is_read && !is_unread {
                silent.push((name.clone(), meter, at));
            }
        }
    }
    for (name, meter, at) in silent {
        let detail = format!(
            "the panel lists the account without {meter}, which it reported last at {at}: unknown, not zero"
        );
        harvest.unread(&name, Some(meter), Reason::Silent, detail);
    }
}

/// The meters that a life was reported of by a level, by totals or by the one counter of its own, and when last.
fn reported<'b>(no: LifeNo, life: &'b Life, book: &'b Book) -> impl Iterator<Item = (Meter, Timestamp)> + 'b {
    life.series.iter().filter_map(move |(meter, series)| {
        let own = CounterKey { meter: *meter, own: Some(no), source: Source::default() };
        let by_itself =
            series.level.is_some() || !series.periods.is_empty() || book.counters.contains_key(&own);
        Some((*meter, series.at?)).filter(|_| by_itself)
    })
}

/// A note for every meter that falls silent with this answer.
pub(super) fn notes(harvest: &Harvest, loaded: &Loaded, after: &Book, now: Timestamp) -> Vec<Noted> {
    let mut notes = Vec::new();
    for (name, harvested) in harvest.accounts() {
        let was_silent = loaded.facts(name).and_then(|known| known.trouble.as_ref());
        if was_silent.is_some_and(|(reason, _)| reason == Reason::Silent.name()) {
            continue;
        }
        let life = after.names.get(name).and_then(|no| Some((*no, after.lives.get(no)?)));
        let Some((no, life)) = life else { continue };
        for meter in
            harvested.unread.iter().filter(|one| one.reason == Reason::Silent).filter_map(|one| one.meter)
        {
            let Some(seen) = life.series.get(&meter).and_then(|series| series.at) else { continue };
            let (account, source) = (name.clone(), Source::default());
            notes.push(Noted { account, life: no, meter, source, at: now, note: Note::Silent { seen } });
        }
    }
    notes
}

/// What is said where a crowd has fallen silent.
pub(super) fn crowd(harvest: &Harvest, crowd: Crowd) -> Option<String> {
    let is_silent = |unread: &crate::domain::Unread| unread.reason == Reason::Silent;
    let accounts = harvest.accounts().values();
    let silent = accounts.filter(|harvested| harvested.unread.iter().any(is_silent)).count();
    let of = harvest.accounts().len();
    crowd.is(silent, of).then(|| {
        format!(
            "{silent} of {of} accounts are listed, but usage reported before is missing: it is unknown, \
             not zero; check that whmeter's user still has its rights and that the panel still counts"
        )
    })
}
