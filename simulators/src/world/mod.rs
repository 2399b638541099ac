//! Whole worlds made of a seed: panels, customers, WHMCS, operators and a meter that is killed, as one list of
//! timed events; and an oracle that knows what each service owes.
//!
//! Nothing here knows the meter. A world is played in one process: whoever plays it lets the panels of
//! [`panels`] answer, tells the meter what [`whmcs`] has, and holds what the meter says against [`oracle`].

pub mod calendar;
pub mod claims;
mod customers;
pub mod generate;
pub mod ledger;
pub mod lives;
pub mod oracle;
pub mod panels;
mod seen;
pub mod shrink;
pub mod story;
pub mod telling;
mod totals;
pub mod truth;
pub mod whmcs;
