//! What is believed of a backend, loaded before a poll and committed after it in one transaction.

mod account_changes;
mod believed;
mod breakdowns;
mod commit;
mod load;
mod owners;
mod rewind;
mod unclaimed;
mod upserts;
mod verdicts;
mod withdraw;

pub use commit::{Committed, JudgedPoll, Poll, Reach};
pub use load::Loaded;
pub(super) use load::{list_doubt, load_lives};
pub(super) use verdicts::hold;
pub use withdraw::Withdrawn;
