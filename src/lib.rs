//! whmeter.
