//! JSON over HTTP, as every room that answers requests does it: routes with who may use them, queries and pages
//! read, errors in one shape. And pages for browsers, behind doors of their own (`browser`).
//!
//! A room says what it answers; how a request comes in and how an error looks stands here.

mod access;
mod body;
mod browser;
mod count;
mod guesses;
mod openapi;
mod origin;
mod paging;
mod problem;
mod query;
mod routes;

pub use access::{Access, Asker, Scope, Token, TokenSettings};
pub use body::Body;
pub use browser::{OverTls, SignedForm, Visit, encoded, own_path, promise, wants_page};
pub use count::Counts;
pub use openapi::openapi;
pub use origin::refuse_foreign;
pub use paging::{cursor_of, page, parts_of, rows_wanted};
pub use problem::Problem;
pub use query::{PathOf, Query, number, parsed, period};
pub use routes::{LONGEST_BODY, LONGEST_LIST, Route, Routes, Served};
