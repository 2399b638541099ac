//! What does not fit, on panels made up for it.
