//! What the operator allows: a size, the percentages that trigger something, and how much may happen at
//! once.

use super::notification::{Address, Occasion};
use crate::domain::{Limit, Seconds};

/// How far a notice's level has to fall below its threshold before the next crossing counts, where no
/// limit has its own distance. In percent of the limit.
const USUAL_GAP: u32 = 5;

/// One rule, as it applies to one meter of the accounts it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where the limit comes from.
    pub size: Size,
    /// Percentages that are reported, each once a crossing.
    pub notify_at: Vec<u32>,
    /// Whether the percentage that the account's product names is reported too.
    pub notify_as_sold: bool,
    /// The percentage at which the account is limited; `None` never limits.
    pub limit_at: Option<u32>,
    /// The percentage below which it is restored; below `limit_at`.
    pub restore_below: u32,
    /// How often a standing crossing is reported again.
    pub remind_every: Option<Seconds>,
    /// How many accounts may be limited in one poll.
    pub brake: Brake,
    /// Templates and addresses of its letters.
    pub wording: Wording,
}

/// Where a limit comes from. A service's own limit, sent by WHMCS, comes before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So much, or without an end.
    Fixed(Limit),
    /// What the panel says.
    Panel,
    /// What WHMCS says of the service, and nothing else.
    Whmcs,
}

/// How many accounts a poll may newly limit by one rule. One is always allowed: it is no broken panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brake {
    /// A tenth of the backend's accounts, but five in any case: what no operator has set.
    Usual,
    /// Percent of the backend's accounts.
    Percent(u32),
    /// So many.
    Count(usize),
}

impl Brake {
    /// Whether `count` of `total` accounts may be limited at once.
    pub fn allows(self, count: usize, total: usize) -> bool {
        let most = match self {
            Brake::Usual => (total / 10).max(5),
            Brake::Percent(percent) => total.saturating_mul(percent as usize) / 100,
            Brake::Count(count) => count,
        };
        count <= most.max(1)
    }
}

/// The templates and addresses a rule names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// For notices.
    pub template: Option<String>,
    /// For notifications that an account was limited.
    pub limited_template: Option<String>,
    /// For notifications that it was restored.
    pub restored_template: Option<String>,
    /// Who gets mail that does not go through WHMCS.
    pub mail_to: Vec<String>,
}

/// What the service that an account belongs to says of its letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoldAs {
    /// The product, where WHMCS has sent it.
    pub product: Option<String>,
    /// The template for notices that its product names; it comes before the rule's.
    pub template: Option<String>,
    /// The template for notifications that it was limited, likewise.
    pub limited_template: Option<String>,
    /// The percentage to be reported, for rules that ask the product.
    pub warn_at: Option<u32>,
}

impl Wording {
    /// What a notification of this occasion is addressed with.
    pub fn address(&self, occasion: Occasion, sold: &SoldAs) -> Address {
        let template = match occasion {
            Occasion::Limited => sold.limited_template.as_ref().or(self.limited_template.as_ref()),
            Occasion::Restored => self.restored_template.as_ref(),
            _ => sold.template.as_ref().or(self.template.as_ref()),
        };
        let (mail_to, product) = (self.mail_to.clone(), sold.product.clone());
        Address { template: template.cloned(), mail_to, product }
    }
}

impl Rule {
    /// Whether accounts are limited at this percentage.
    pub fn limits_at(&self, threshold: u32) -> bool {
        self.limit_at == Some(threshold)
    }

    /// Every percentage at which something happens to an account that was sold so, each once, in order.
    pub(super) fn thresholds(&self, sold: &SoldAs) -> Vec<u32> {
        let as_sold = sold.warn_at.filter(|_| self.notify_as_sold);
        let mut all: Vec<u32> = self.notify_at.iter().copied().chain(as_sold).chain(self.limit_at).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The percentage below which a crossing of `threshold` is over.
    pub(super) fn over_below(&self, threshold: u32) -> u32 {
        let gap = self.limit_at.map_or(USUAL_GAP, |limit| limit.saturating_sub(self.restore_below));
        threshold.saturating_sub(gap).max(1)
    }
}
