//! Requests that are not let in.

use prometheus::IntCounterVec;

use super::{Registering, Telemetry};

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no token.
    NoToken,
    /// No token of this kind was given.
    WrongToken,
    /// Its token is not for this.
    Scope,
    /// Its token is for another server.
    Server,
    /// It is for a host that is not this machine, where there are no tokens.
    Host,
    /// A page of another site has sent it.
    Origin,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Refusal; 6] = [
        Refusal::NoToken,
        Refusal::WrongToken,
        Refusal::Scope,
        Refusal::Server,
        Refusal::Host,
        Refusal::Origin,
    ];

    /// Its label.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::NoToken => "no_token",
            Refusal::WrongToken => "wrong_token",
            Refusal::Scope => "scope",
            Refusal::Server => "server",
            Refusal::Host => "host",
            Refusal::Origin => "origin",
        }
    }
}

pub(super) struct RequestMetrics {
    refused: IntCounterVec,
    connections_dropped: IntCounterVec,
}

impl RequestMetrics {
    pub(super) fn new(own: &Registering<'_>) -> RequestMetrics {
        let refused = own.counter(
            "whmeter_http_refused_total",
            "Requests to this replica that were denied, by reason: tokens that are missing, wrong or out of scope, \
             foreign hosts and pages of other sites.",
            &["reason"],
        );
        // All there before the first, so that it is a step from 0 to 1.
        Refusal::ALL.iter().for_each(|why| drop(refused.with_label_values(&[why.name()])));
        let connections_dropped = own.counter(
            "whmeter_http_connections_dropped_total",
            "Connections to this replica that were closed to make room for others: silent ones, or new ones where all \
             others were being answered.",
            &[],
        );
        connections_dropped.with_label_values::<&str>(&[]);
        RequestMetrics { refused, connections_dropped }
    }
}

impl Telemetry {
    /// Counts a request that was not let in.
    pub fn request_refused(&self, why: Refusal) {
        self.inner.requests.refused.with_label_values(&[why.name()]).inc();
    }

    /// Counts a connection that was closed to make room.
    pub fn connection_dropped(&self) {
        self.inner.requests.connections_dropped.with_label_values::<&str>(&[]).inc();
    }
}
