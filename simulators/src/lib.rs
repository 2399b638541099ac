//! Fake panels.
