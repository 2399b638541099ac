//! Services under other numbers: whoever paid pays on, by the number that WHMCS calls him now.

use std::collections::BTreeMap;

use super::book::{Book, Part};
use super::change::{OwnerChange, Settled};
use crate::domain::Owner;

/// An operator's word that WHMCS's services have other numbers and are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renumbering {
    /// The new numbers by the old. Numbers may change places.
    pub numbers: BTreeMap<i64, i64>,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl Renumbering {
    /// The same owner by its new number.
    pub fn owner(&self, owner: &Owner) -> Owner {
        let number = owner.service().and_then(|id| self.numbers.get(&id));
        number.map_or_else(|| owner.clone(), |number| Owner::Service(*number))
    }

    /// The same services by their new numbers, where they are written with blanks between.
    pub fn rewritten(&self, services: &str) -> String {
        let number = |text: &str| self.numbers.get(&text.parse().ok()?).map(i64::to_string);
        let services = services.split_whitespace().map(|text| number(text).unwrap_or_else(|| text.into()));
        services.collect::<Vec<_>>().join(" ")
    }
}

/// Gives the parts of every holding to the same services by their new numbers. Not a byte moves.
pub fn renumber(book: &Book, renumbering: &Renumbering) -> Settled {
    let part = |part: &Part| Part { owner: renumbering.owner(&part.owner), ..part.clone() };
    let holdings = book.lives.iter().flat_map(|(no, life)| life.holdings.iter().map(|one| (*no, one)));
    let parted = holdings.filter_map(|(life, holding)| {
        let parts: Vec<Part> = holding.parts.iter().map(part).collect();
        let holding = (parts != holding.parts).then_some(holding.no)?;
        Some(OwnerChange::Parted { life, holding, parts })
    });
    let (last_look, list_doubt) = (book.last_look, book.list_doubt);
    Settled { owners: parted.collect(), last_look, list_doubt, ..Settled::default() }
}
