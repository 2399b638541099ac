//! Browsers: sessions for people who show a token once, forms that no other site can send, and what every page tells
//! the browser not to do.
//!
//! A session opens pages alone: routes of JSON want the token itself, which no page of another site can make a browser
//! send.

mod cookies;
mod form;
mod path;
mod session;
mod visit;

pub use form::SignedForm;
pub use path::{encoded, own_path};
pub use visit::{OverTls, Visit, promise, wants_page};

pub(super) use visit::{PageDoor, guard_page};
