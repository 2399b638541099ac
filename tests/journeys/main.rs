//! Journeys: whole stories with the real program, real sockets and fake panels, held against the truth.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod adjust;
mod adopt;
mod backends;
mod backup;
mod console;
mod demo;
mod doors;
mod doubts;
mod export;
mod findings;
mod fortnight;
mod health;
mod history;
mod invoices;
mod killed;
mod limits;
mod plans;
mod prometheus;
mod promises;
mod repaired;
mod reported;
mod reports;
mod sealed;
mod services;
mod serving;
mod sockets;
mod staff_report;
mod status;
#[allow(dead_code)] // No test target uses all of it.
#[path = "../support/mod.rs"]
mod support;
mod whmcs;

use support::house::{house, start};
