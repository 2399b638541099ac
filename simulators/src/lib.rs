//! Fake hosting panels that speak real HTTP and HTTPS on real sockets.
//!
//! They are written from the panels' own manuals and from running servers, and import nothing of
//! the meter: one misreading cannot hide on both sides. Each has a clock that can be set, a truth
//! that can be asked, faults that can be switched on, and counts of what was asked.
//!
//! ```no_run
//! # async fn shown() -> std::io::Result<()> {
//! use whmeter_simulators::faults::{Fault, FaultKind};
//! use whmeter_simulators::{minio, panel::SimulatedPanel};
//!
//! let panel = minio::Panel::start(minio::Options::default()).await?;
//! let lost = Fault::new(FaultKind::Reset { after_bytes: 100 });
//! panel.knobs().faults.add(lost.on("datausageinfo").times(1));
//! panel.knobs().clock.advance(3_600);
//! panel.stop();
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod control;
mod damage;
pub mod faults;
pub mod form;
pub mod growth;
pub mod kind;
pub mod panel;
pub mod panels;
pub mod php;
pub mod place;
pub mod requests;
pub mod server;
pub mod sessions;
pub mod smtp;
pub mod tls;
#[cfg(feature = "toy")]
#[doc(hidden)]
pub mod toy;
pub mod truth;
pub mod whmcs;
pub mod wire;
pub mod world;
pub mod xml;
pub mod zone;

pub use panels::*;

/// What is started by name and is no panel: not among all of them, and not polled.
pub const OTHERS: &[panel::Kind] = &[whmcs::KIND];

/// Kinds that tests alone have: they are in no demo, and the program does not start them.
#[doc(hidden)]
pub const TEST_PANELS: &[panel::Kind] = &[
    #[cfg(feature = "toy")]
    toy::KIND,
];

/// The kind of panel with this name.
pub fn kind(name: &str) -> Option<&'static panel::Kind> {
    PANELS.iter().chain(TEST_PANELS).find(|kind| kind.name == name)
}
