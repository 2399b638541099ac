//! Going back to what was believed once: the remedy for a clock that jumped, a panel that lied for a day, a wrong
//! mapping.

use super::book::Book;
use crate::domain::{Bytes, HoldingNo, LifeNo, Meter};

/// An operator's word that everything settled after an entry of the journal is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// The last entry that counts; 0 is before the first.
    pub to: i64,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// What a rewind leaves as it was: numbers that were given out are not given again, and a counter that others watch does
/// not fall below what it has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number that the next life gets.
    pub next_life: LifeNo,
    /// The number that the next holding gets.
    pub next_holding: HoldingNo,
    /// The largest total that was shown of a series, where it is more than it was `then`.
    pub shown: Vec<(LifeNo, Meter, Bytes)>,
}

impl Kept {
    /// What stays of what is believed `now` once it is believed what was believed `then`.
    pub fn of(now: &Book, then: &Book) -> Kept {
        let mut kept = Kept { next_life: now.next_life, next_holding: now.next_holding, shown: Vec::new() };
        for (no, life) in &then.lives {
            let Some(known) = now.lives.get(no) else { continue };
            for (meter, series) in life.series.iter() {
                let shown = known.series.get(meter).map(|known| known.shown);
                kept.shown
                    .extend(shown.filter(|shown| *shown > series.shown).map(|shown| (*no, *meter, shown)));
            }
        }
        kept
    }

    /// Keeps it in what was believed then.
    pub fn keep_in(&self, then: &mut Book) {
        then.next_life = then.next_life.max(self.next_life);
        then.next_holding = then.next_holding.max(self.next_holding);
        for (no, meter, shown) in &self.shown {
            let series = then.lives.get_mut(no).and_then(|life| life.series.get_mut(meter));
            if let Some(series) = series {
                series.shown = series.shown.max(*shown);
            }
        }
    }
}
