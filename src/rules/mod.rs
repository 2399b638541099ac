//! The operator's rules, `[[limit]]`, `[[price]]` and `[[adopt]]`: read, checked, and found for an account.
//!
//! It decides and works out nothing: what a rule means is the ground floor's, `quota` and `pricing`.

mod adoptions;
mod description;
mod limits;
mod prices;

pub use adoptions::{AdoptRule, Adoptions, cycle};
pub use description::{Description, Figures};
pub use limits::{LimitRule, Limits};
pub use prices::{Price, Prices};
