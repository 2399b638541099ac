//! What the black-box tests share: fake panels, the program as a child, a client that signs, and where
//! other people's programs are.
//!
//! Knows of whmeter only what an outsider knows, except for the `Backend` trait the contract is about.

pub mod house;
pub mod panels;
pub mod program;
pub mod signing;
pub mod tools;
