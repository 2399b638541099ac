//! The registry: every kind of panel there is. A new kind is its folder, and its line here.
//!
//! Each has a `KIND`; the list of them, [`PANELS`], is written by `build.rs` from these lines.

use crate::panel::Kind;

pub mod cpanel;
pub mod directadmin;
pub mod minio;
pub mod onapp;
pub mod openstack;
pub mod plesk;
pub mod proxmox;
pub mod solusvm;
pub mod synology;
pub mod vpncp;

include!(concat!(env!("OUT_DIR"), "/panels.rs"));
