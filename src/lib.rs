//! whmeter: what every hosting account used, in bytes per day, for Prometheus and WHMCS.
//!
//! The floors of the house, from the ground up; a module may use what stands above it in this list,
//! never what stands below, and within a floor nobody (see `docs/architecture.md`).

// Ground floor: pure values and rules.
pub mod domain;
pub mod metering;

// The stairwell: tools for every floor above the ground.
pub mod clock;
pub mod settings;
pub mod telemetry;

// Edges: one outside thing each.
pub mod store;

// Flows: one job each.
pub mod exposition;
