//! Readings + what we believed before = bytes per day + new beliefs.
//!
//! [`settle`] is a pure function in whole bytes. It never guesses: what a panel did not prove is not
//! counted, and a [`Note`] says so.

mod adjust;
mod book;
mod change;
mod counter;
mod level;
mod note;
mod period;
mod plausible;
mod settle;
mod share;
mod uptime;

#[cfg(test)]
mod never;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod runs;

pub use adjust::{Adjustment, CannotAdjust, Correction, adjust};
pub use book::{
    AccountBook, Baseline, Book, Doubt, Implausible, LevelBelief, MonthToDate, PeriodBelief, SeriesBook,
};
pub use change::{DayChange, Rules, SeriesChange, Settled};
pub use note::{Note, Noted};
pub use plausible::{Acceptance, NothingHeldBack, accept};
pub use settle::settle;
