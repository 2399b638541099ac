//! Which limit is in force: one answer for whoever decides, shows, or bills.

use super::rule::{Rule, Size};
use crate::domain::Limit;

/// Whose word a limit in force is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The service's, as WHMCS sends it.
    Sold,
    /// The `[[limit]]` rule's own size.
    Rule,
    /// The panel's.
    Panel,
    /// From nowhere: the limit is unknown.
    None,
}

/// The limit in force of one meter of one account. What was sold comes before all; then the rule decides, by
/// its own size or by pointing to the panel; without a rule the panel's own limit stands.
pub fn in_force(sold: Limit, rule: Option<&Rule>, panel: Limit) -> (Limit, Origin) {
    let (limit, origin) = match (sold, rule.map(|rule| rule.size)) {
        (Limit::Unlimited | Limit::UpTo(_), _) => (sold, Origin::Sold),
        (Limit::Unknown, Some(Size::Fixed(size))) => (size, Origin::Rule),
        (Limit::Unknown, Some(Size::Panel) | None) => (panel, Origin::Panel),
        (Limit::Unknown, Some(Size::Whmcs)) => (Limit::Unknown, Origin::None),
    };
    if limit.is_known() { (limit, origin) } else { (Limit::Unknown, Origin::None) }
}
