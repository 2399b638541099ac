//! People's side: the JSON under `/v1`, of what was used, what was done, and what waits.
//!
//! It reads and shows; whoever wants something done asks elsewhere.

mod asked;
mod lists;
mod report;

use axum::Router;
use axum::routing::get;

use crate::clock::Clock;
use crate::domain::BillingZone;
use crate::store::Store;

/// The room's state; cloned into every request.
#[derive(Clone)]
pub struct Console {
    store: Store,
    clock: Clock,
    zone: BillingZone,
}

impl Console {
    /// The room.
    pub fn new(store: Store, clock: Clock, zone: BillingZone) -> Console {
        Console { store, clock, zone }
    }

    /// The routes; who may use them is the roof's to say.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/v1/report", get(report::report))
            .route("/v1/audit", get(lists::audit))
            .route("/v1/outbox", get(lists::outbox))
            .with_state(self)
    }
}
