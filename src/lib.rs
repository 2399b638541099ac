//! whmeter: what every hosting account used, in bytes per day, for Prometheus and WHMCS.
//!
//! The floors of the house, from the ground up; a module may use what stands above it in this list,
//! never what stands below, and within a floor nobody (see `docs/architecture.md`).

// Ground floor: pure values and rules.
pub mod domain;
pub mod metering;
pub mod ownership;
pub mod pricing;
pub mod quota;
pub mod reported;
pub mod standing;

// The stairwell: tools for every floor above the ground.
pub mod clock;
pub mod http;
pub mod selector;
pub mod settings;
pub mod telemetry;
pub mod web;

// First floor, the edges: one outside thing each.
pub mod backends;
pub mod notify;
pub mod rules;
pub mod store;

// Second floor, the flows: one job each.
pub mod adoption;
pub mod collector;
pub mod console;
pub mod dispatcher;
pub mod exposition;
pub mod invoicing;
pub mod upkeep;
pub mod usage_api;

// The roof: wires the rooms, spawns, exits.
pub mod app;
pub mod commands;
pub mod config;
