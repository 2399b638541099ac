//! whmeter.
fn main() {}
