//! The end of a backend that is there no more: all its accounts are over.

use super::book::{Absence, Book, Life};
use super::change::{LifeChange, LifeEvent, Settled};

use crate::domain::Timestamp;

/// An operator's word that a backend is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgetting {
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Ends every life that has not ended, as a list that confirms its absence would: one that is missing with the first
/// list without it, every other when it was last seen. Nothing is measured any more, so no level is held further.
pub fn forget(book: &Book) -> Settled {
    let mut lives = Vec::new();
    for (no, life) in book.lives.iter().filter(|(_, life)| life.ended.is_none()) {
        let end = match life.absence {
            Some(absence) => absence.since,
            None => {
                let last_seen = last_seen(book, life);
                let absence = Absence { since: last_seen, last_seen };
                lives.push(LifeChange { life: *no, event: LifeEvent::Missing(absence) });
                last_seen
            }
        };
        lives.push(LifeChange { life: *no, event: LifeEvent::Ended(end) });
    }
    Settled { lives, last_look: book.last_look, ..Settled::default() }
}

/// The last look at all accounts that showed it, or what was measured of it since.
fn last_seen(book: &Book, life: &Life) -> Timestamp {
    let measured = life.series.values().filter_map(|series| series.at);
    measured.chain(book.last_look).fold(life.born, Timestamp::max)
}
