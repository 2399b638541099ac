//! The `[[adopt]]` rules: which product is sold to accounts of which package, when `whmeter adopt` makes a service.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::selector::{Candidate, Selector};
use crate::settings::{Section, SettingsError};

/// The billing cycles that WHMCS's `AddOrder` knows.
const CYCLES: [&str; 8] =
    ["free", "onetime", "monthly", "quarterly", "semiannually", "annually", "biennially", "triennially"];

/// One `[[adopt]]`, besides whom it is for.
#[derive(Clone, Debug, Deserialize)]
struct AdoptSettings {
    /// The number of the product in WHMCS (`tblproducts.id`) that accounts of this package are sold as.
    pub product_id: i64,
    /// `free`, `onetime`, `monthly`, `quarterly`, `semiannually`, `annually`, `biennially` or `triennially`.
    #[serde(default = "monthly")]
    pub billing_cycle: String,
    /// The payment method in WHMCS's word for it (`mailin`); the client's own where absent.
    #[serde(default)]
    pub payment_method: Option<String>,
}

fn monthly() -> String {
    "monthly".into()
}

/// One rule and whom it is for.
#[derive(Clone, Debug)]
pub struct AdoptRule {
    /// `tblproducts.id`.
    pub product: i64,
    /// The billing cycle, in WHMCS's word for it.
    pub cycle: String,
    /// The payment method, in WHMCS's word for it; `None` is the client's own.
    pub payment: Option<String>,
    selector: Selector,
}

/// Every rule, in the order of the config: the first that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Adoptions(Arc<Vec<AdoptRule>>);

impl Adoptions {
    /// The rules in the order of the config.
    pub fn new(rules: Vec<AdoptRule>) -> Adoptions {
        Adoptions(Arc::new(rules))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every product that is named.
    pub fn products(&self) -> BTreeSet<i64> {
        self.0.iter().map(|rule| rule.product).collect()
    }

    /// The rule for an account.
    pub fn of(&self, candidate: &Candidate<'_>) -> Option<&AdoptRule> {
        self.0.iter().find(|rule| rule.selector.matches(candidate))
    }
}

impl AdoptRule {
    /// Reads one section; an error names its key.
    pub fn read(mut section: Section) -> Result<AdoptRule, SettingsError> {
        let selector = Selector::take(&mut section)?;
        let settings: AdoptSettings = section.read()?;
        let [_, _, _, _, product] = selector.patterns();
        if product != "*" {
            let problem = format!(
                "{product:?}: an account without a service has no product yet; which one it gets is said by product_id"
            );
            return Err(SettingsError::new("product", problem));
        }
        if !(1..=i64::from(u32::MAX)).contains(&settings.product_id) {
            let problem =
                format!("{}: expected the number of a product in WHMCS, like 12", settings.product_id);
            return Err(SettingsError::new("product_id", problem));
        }
        if settings.payment_method.as_deref().is_some_and(|method| method.trim().is_empty()) {
            let problem = "expected a payment method in WHMCS's word for it, like \"mailin\"";
            return Err(SettingsError::new("payment_method", problem));
        }
        let cycle =
            cycle(&settings.billing_cycle).map_err(|problem| SettingsError::new("billing_cycle", problem))?;
        Ok(AdoptRule { product: settings.product_id, cycle, payment: settings.payment_method, selector })
    }
}

/// A billing cycle as it was typed, or what would have been right.
pub fn cycle(typed: &str) -> Result<String, String> {
    let known = CYCLES.contains(&typed);
    known.then(|| typed.into()).ok_or_else(|| format!("{typed:?}: expected one of {}", CYCLES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountName, BackendId, Labels};

    fn read(text: &str) -> Result<AdoptRule, SettingsError> {
        AdoptRule::read(Section::new(text.parse().expect("toml"), std::path::Path::new(".")))
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        for (text, key, part) in [
            ("package = 'gold'", "product_id", "missing"),
            ("product = 12\nproduct_id = 12", "product", "quotes"),
            ("product = 'S3*'\nproduct_id = 12", "product", "product_id"),
            ("product_id = 0", "product_id", "0"),
            ("product_id = 12\nbilling_cycle = 'Monthly'", "billing_cycle", "semiannually"),
            ("product_id = 12\npayment_method = ''", "payment_method", "mailin"),
            ("product_id = 12\nbiling_cycle = 'monthly'", "biling_cycle", "billing_cycle"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.key, key, "{error}");
            assert!(error.problem.contains(part), "{error}");
        }
    }

    #[test]
    fn the_first_rule_for_a_package_wins() {
        let rules = ["package = 'gold'\nproduct_id = 12", "backend = 's3-*'\nproduct_id = 13"];
        let rules = Adoptions::new(rules.iter().map(|text| read(text).expect("right")).collect());
        let account = AccountName::new("alice").expect("valid");
        let product = |backend: &str, package| {
            let backend = BackendId::new(backend).expect("valid");
            let labels = Labels { package, reseller: None };
            let candidate = Candidate { backend: &backend, account: &account, labels, product: None };
            rules.of(&candidate).map(|rule| (rule.product, rule.cycle.as_str()))
        };
        assert_eq!(product("s3-fra1", Some("gold")), Some((12, "monthly")));
        assert_eq!(product("s3-fra1", None), Some((13, "monthly")));
        assert_eq!(product("vpn-1", Some("silver")), None);
    }
}
