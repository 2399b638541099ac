//! What WHMCS sells and sold: whose services are, and which limits they had when.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Limit, Meter, Owner, Service, Span, Timestamp};
use crate::pricing::LimitPiece;
use crate::store::{ServiceList, SoldLimits, Store, StoreError};

/// The lists of every server, and what was sold since when.
#[derive(Clone, Debug, Default)]
pub(super) struct Sold {
    lists: BTreeMap<i64, Arc<ServiceList>>,
    limits: SoldLimits,
}

impl Sold {
    pub async fn of(store: &Store) -> Result<Sold, StoreError> {
        Ok(Sold { lists: store.service_lists().await?, limits: store.sold_limits().await? })
    }

    /// A service, also one that is reported no more: what it used while it was sold is billed to it; none of an earlier
    /// WHMCS, whose clients had other numbers.
    pub fn service(&self, id: i64) -> Option<&Service> {
        let listed = self.lists.values().find_map(|list| list.services.by_id(id));
        let found = listed.or_else(|| self.lists.values().find_map(|list| list.former.get(&id)));
        found.filter(|service| service.is_in_whmcs())
    }

    /// Whether a server's list has come.
    pub fn has_arrived(&self, server: i64) -> bool {
        self.lists.contains_key(&server)
    }

    /// The limits of an owner's meter that were in force one after the other from one moment to another; `in_force` makes of
    /// what was sold what counted, by rules and, where nothing was sold in all that time, by a panel as it is now: beside
    /// what was sold for another part of it, the panel's word of today says nothing.
    pub fn limits(
        &self,
        owner: &Owner,
        meter: Meter,
        (start, end): (Timestamp, Timestamp),
        in_force: impl Fn(Limit, bool) -> Limit,
    ) -> Vec<LimitPiece> {
        let Ok(span) = Span::new(start, end) else { return Vec::new() };
        let mut pieces = owner.service().map_or_else(Vec::new, |id| self.limits.pieces(id, meter, span));
        if pieces.is_empty() {
            pieces.push(LimitPiece { span, limit: Limit::Unknown });
        }
        let by_panel = !pieces.iter().any(|piece| piece.limit.is_known());
        pieces.iter_mut().for_each(|piece| piece.limit = in_force(piece.limit, by_panel));
        pieces
    }
}
