//! Going back to what was believed once: the remedy for a clock that jumped, a panel that lied for a day, a wrong
//! mapping.

use super::book::Book;

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

/// What is believed once a journal is taken back: what was believed `then`, after the last entry that counts. Numbers
/// that were given out are not given again, and a counter that others watch does not fall below what it has shown.
pub fn rewound(now: &Book, mut then: Book) -> Book {
    then.next_life = then.next_life.max(now.next_life);
    then.next_holding = then.next_holding.max(now.next_holding);
    for (no, life) in &mut then.lives {
        let Some(known) = now.lives.get(no) else { continue };
        for (meter, series) in life.series.iter_mut() {
            let shown = known.series.get(meter).map(|known| known.shown);
            series.shown = shown.map_or(series.shown, |shown| series.shown.max(shown));
        }
    }
    then
}
