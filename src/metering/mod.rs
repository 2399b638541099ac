//! Readings + what we believed before = bytes per day + new beliefs.
//!
//! [`settle`] is a pure function in whole bytes. It never guesses: what a panel did not prove is not
//! counted, and a [`Note`] says so.

mod adjust;
mod book;
mod change;
mod counter;
mod doubt;
mod forget;
mod level;
mod lives;
mod moving;
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
mod renumber;
mod rewind;
#[cfg(test)]
mod runs;

pub use adjust::{Adjustment, CannotAdjust, Correction, Moved, adjust, adjusted_holding};
pub use book::{
    Absence, Baseline, Book, CounterKey, Doubt, DoubtedLevel, Holding, Implausible, LeftOut, LevelBelief,
    Life, MonthToDate, Part, PeriodBelief, SeriesBook, put_on_parts,
};
pub use change::{Bounds, DayChange, LifeChange, LifeEvent, OwnerChange, SeriesChange, SettleRules, Settled};
pub use doubt::{Crowd, ListDoubt};
pub use forget::{Forgetting, forget};
pub use lives::{Expected, Look, look};
pub use note::{Note, Noted};
pub use plausible::{Acceptance, NothingHeldBack, accept};
pub use renumber::{Renumbering, renumber};
pub use rewind::{Kept, Rewind};
pub use settle::{settle, settle_looked};
