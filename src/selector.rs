//! Which accounts a rule is for: globs on backend, account, package, reseller and product, written the same in every rule.

use globset::{Glob, GlobMatcher};
use serde::Deserialize;

use crate::domain::{AccountName, BackendId, Labels};
use crate::settings::{Section, SettingsError};

/// The keys of a rule's section that say whom it is for.
#[derive(Debug, Deserialize)]
struct SelectorSettings {
    /// A glob on the name of the backend; `*` without it.
    #[serde(default = "all")]
    backend: String,
    /// A glob on the account's name on the panel.
    #[serde(default = "all")]
    account: String,
    /// A glob on the panel's plan.
    #[serde(default = "all")]
    package: String,
    /// A glob on the panel's reseller.
    #[serde(default = "all")]
    reseller: String,
    /// A glob on WHMCS's product.
    #[serde(default = "all")]
    product: String,
}

fn all() -> String {
    "*".into()
}

/// Which accounts a rule is for. An absent key is for every account.
#[derive(Clone, Debug)]
pub struct Selector {
    backend: GlobMatcher,
    account: GlobMatcher,
    package: GlobMatcher,
    reseller: GlobMatcher,
    product: GlobMatcher,
}

/// An account that a rule may be for.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its backend.
    pub backend: &'a BackendId,
    /// Its name on the panel.
    pub account: &'a AccountName,
    /// What its panel calls it by.
    pub labels: Labels<'a>,
    /// The product's name in WHMCS, where its service is known.
    pub product: Option<&'a str>,
}

impl Selector {
    /// Takes its keys out of a rule's section; an error names the key whose pattern is wrong.
    pub fn take(section: &mut Section) -> Result<Selector, SettingsError> {
        let settings: SelectorSettings = section.take()?;
        let glob = |key: &str, pattern: &str| {
            let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
            glob.map_err(|error| SettingsError::new(key, error.to_string()))
        };
        Ok(Selector {
            backend: glob("backend", &settings.backend)?,
            account: glob("account", &settings.account)?,
            package: glob("package", &settings.package)?,
            reseller: glob("reseller", &settings.reseller)?,
            product: glob("product", &settings.product)?,
        })
    }

    /// Whether it may be for accounts of this backend.
    pub fn is_for(&self, backend: &BackendId) -> bool {
        self.backend.is_match(backend.as_str())
    }

    /// Whether it is for this account. What is not known of it is matched as an empty text, which `*` matches.
    pub fn matches(&self, candidate: &Candidate<'_>) -> bool {
        self.is_for(candidate.backend)
            && self.account.is_match(candidate.account.as_str())
            && self.package.is_match(candidate.labels.package.unwrap_or_default())
            && self.reseller.is_match(candidate.labels.reseller.unwrap_or_default())
            && self.product.is_match(candidate.product.unwrap_or_default())
    }

    /// The patterns as they were written: backend, account, package, reseller, product.
    pub fn patterns(&self) -> [&str; 5] {
        [&self.backend, &self.account, &self.package, &self.reseller, &self.product]
            .map(|matcher| matcher.glob().glob())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Selector, SettingsError> {
        Selector::take(&mut Section::new(text.parse().expect("toml"), std::path::Path::new(".")))
    }

    #[test]
    fn every_key_has_to_match_and_an_absent_one_does() {
        let (backend, account) =
            (BackendId::new("s3-fra1").expect("valid"), AccountName::new("alice").expect("valid"));
        let labels = Labels { package: Some("gold"), reseller: Some("resel01") };
        let candidate = Candidate { backend: &backend, account: &account, labels, product: None };
        for (text, expected) in [
            ("", true),
            ("backend = 's3-*'", true),
            ("backend = 's3-*'\naccount = 'a*'\npackage = 'gold'", true),
            ("backend = 'vpn-*'", false),
            ("package = 'silver'", false),
            ("reseller = 'resel*'", true),
            ("reseller = ''", false),
            ("product = 'S3*'", false),
        ] {
            assert_eq!(read(text).expect("right").matches(&candidate), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_names_its_key() {
        assert_eq!(read("package = '[a'").expect_err("wrong").key, "package");
    }
}
