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
pub mod growth;
pub mod minio;
pub mod panel;
pub mod proxmox;
pub mod requests;
pub mod server;
pub mod smtp;
pub mod tls;
pub mod truth;
pub mod vpncp;
pub mod whmcs;
pub mod wire;
pub mod world;

/// Every kind of panel there is.
pub const PANELS: &[panel::Kind] = &[minio::KIND, proxmox::KIND, vpncp::KIND];

/// The kind with this name.
pub fn kind(name: &str) -> Option<&'static panel::Kind> {
    PANELS.iter().find(|kind| kind.name == name)
}
