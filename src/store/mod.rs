//! Stand-in for the store room: its types only.

mod standing;

pub use standing::*;
