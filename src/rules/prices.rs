//! The `[[price]]` rules: how they are written, which one is an account's, and the hash of what one means.

use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::description::Description;
use crate::domain::{BackendId, Bytes, Meter};
use crate::pricing::{Decimal, Included, Incomplete, Money, Of, Round, Rule, Used};
use crate::selector::{Candidate, Selector};
use crate::settings::{Section, SettingsError, Size};

/// One `[[price]]`, besides whom it is for.
#[derive(Clone, Debug, Deserialize)]
struct PriceSettings {
    /// What people call it.
    pub name: String,
    /// `storage`, `traffic_in`, `traffic_out` or `traffic_total`.
    pub meter: String,
    /// Of storage `"average"` (GB-months) or `"last"`.
    #[serde(default)]
    pub of: Option<String>,
    /// A size, or `"limit"`: what was sold.
    pub included: String,
    /// Whether limits that were in force one after the other count by time.
    #[serde(default)]
    pub pro_rata: bool,
    /// A size that costs nothing besides.
    #[serde(default)]
    pub extra: Option<Size>,
    /// What the price is for.
    pub per: String,
    /// A decimal number in quotes.
    pub price: toml::Value,
    /// `"none"` or `"up"`.
    #[serde(default)]
    pub round: Option<String>,
    /// A decimal number in quotes: smaller lines are not billed.
    #[serde(default)]
    pub minimum: Option<toml::Value>,
    /// Places of the amount.
    #[serde(default = "two")]
    pub decimals: u32,
    /// The currency that is meant.
    pub currency: String,
    /// What the customer reads.
    #[serde(default)]
    pub description: Option<String>,
    /// `"withhold"` or `"bill"`.
    #[serde(default)]
    pub incomplete: Option<String>,
}

fn two() -> u32 {
    2
}

/// One rule and whom it is for.
#[derive(Clone, Debug)]
pub struct Price {
    /// What people call it.
    pub name: String,
    /// What it costs.
    pub rule: Rule,
    /// The currency that is meant.
    pub currency: String,
    /// SHA-256 of what it means; its name is no part of that.
    pub hash: String,
    /// What the customer reads.
    pub description: Description,
    selector: Selector,
}

/// Every rule, in the order of the config: of those for a meter, the first that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Prices(Arc<Vec<Arc<Price>>>);

impl Prices {
    /// The rules in the order of the config.
    pub fn new(prices: Vec<Price>) -> Prices {
        Prices(Arc::new(prices.into_iter().map(Arc::new).collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Price> {
        self.0.iter().map(Arc::as_ref)
    }

    /// What a meter of an account that is not billed would cost, by the rule for it: beyond what is
    /// included, without a minimum, with its currency. `None` without a rule, or where the rule includes what
    /// was sold: nothing was.
    pub fn worth(&self, candidate: &Candidate<'_>, meter: Meter, used: &Used) -> Option<(Money, &str)> {
        let price = self.of(candidate, meter)?;
        let Included::Fixed(size) = price.rule.included else { return None };
        let included = size.checked_add(price.rule.extra)?;
        let quantity = crate::pricing::quantity(&price.rule, used).ok()?;
        let amount = crate::pricing::amount_of(&price.rule, quantity, included).ok()?;
        Some((amount, &price.currency))
    }

    /// The rule for a meter of an account.
    pub fn of(&self, candidate: &Candidate<'_>, meter: Meter) -> Option<&Arc<Price>> {
        self.0.iter().find(|price| price.rule.meter == meter && price.selector.matches(candidate))
    }
}

impl Price {
    /// Reads one section; an error names its key.
    pub fn read(mut section: Section) -> Result<Price, SettingsError> {
        let selector = Selector::take(&mut section)?;
        Price::new(&section.read()?, selector)
    }

    fn new(settings: &PriceSettings, selector: Selector) -> Result<Price, SettingsError> {
        if settings.name.is_empty() || settings.name.len() > 255 {
            return Err(SettingsError::new("name", "expected a name of 1 to 255 characters"));
        }
        let is_code =
            settings.currency.len() == 3 && settings.currency.bytes().all(|c| c.is_ascii_uppercase());
        if !is_code {
            let problem = format!("{:?}: expected a code like \"EUR\"", settings.currency);
            return Err(SettingsError::new("currency", problem));
        }
        let rule = rule(settings)?;
        let description = Description::new(settings.description.as_deref(), &settings.per, rule.per)
            .map_err(|problem| SettingsError::new("description", problem))?;
        Ok(Price {
            name: settings.name.clone(),
            currency: settings.currency.clone(),
            hash: hash(&selector, &settings.currency, &rule, &description),
            description,
            rule,
            selector,
        })
    }

    /// Whether it is for accounts of this backend.
    pub fn is_for(&self, backend: &BackendId) -> bool {
        self.selector.is_for(backend)
    }
}

fn rule(settings: &PriceSettings) -> Result<Rule, SettingsError> {
    let wrong = |key: &str, problem: String| SettingsError::new(key, problem);
    let one_of = |key: &str, came: &str, expected: &str| wrong(key, format!("{came:?}: expected {expected}"));
    let meter = settings.meter.parse();
    let meter: Meter =
        meter.map_err(|error: crate::domain::UnknownMeter| wrong("meter", error.to_string()))?;
    let of = match (meter, settings.of.as_deref()) {
        (Meter::StorageUsed, None | Some("average")) => Of::Average,
        (Meter::StorageUsed, Some("last")) => Of::Last,
        (Meter::StorageUsed, Some(other)) => return Err(one_of("of", other, "\"average\" or \"last\"")),
        (_, None) => Of::Passed,
        (_, Some(_)) => {
            return Err(wrong("of", "traffic has one figure, all that passed; leave it out".into()));
        }
    };
    let size = |key: &str, text: &str, besides: &str| {
        let parsed = text.parse::<Size>().map_err(|error| wrong(key, format!("{error}{besides}")))?;
        Bytes::new(parsed.0).map_err(|error| wrong(key, error.to_string()))
    };
    let included = match settings.included.trim() {
        "limit" if settings.pro_rata => Included::LimitByTime,
        "limit" => Included::Limit,
        _ if settings.pro_rata => {
            let problem = "a size is the same all the time: it goes with included = \"limit\" alone";
            return Err(wrong("pro_rata", problem.into()));
        }
        text => Included::Fixed(size("included", text, "; or \"limit\" for what was sold")?),
    };
    let per = size("per", settings.per.trim(), "")?;
    if per == Bytes::ZERO {
        return Err(wrong("per", "a price is for something, like \"1 GiB\"".into()));
    }
    let extra = settings.extra.map_or(Ok(Bytes::ZERO), |extra| Bytes::new(extra.0));
    let places = settings.decimals;
    if places > Money::MOST_PLACES {
        return Err(wrong("decimals", format!("{places}: expected 0 to {}", Money::MOST_PLACES)));
    }
    let price = decimal("price", &settings.price)?;
    if price == Decimal::ZERO {
        return Err(wrong("price", "nothing would ever be billed; remove the rule".into()));
    }
    Ok(Rule {
        meter,
        of,
        included,
        extra: extra.map_err(|error| wrong("extra", error.to_string()))?,
        per,
        price,
        round: match settings.round.as_deref() {
            None | Some("none") => Round::None,
            Some("up") => Round::Up,
            Some(other) => return Err(one_of("round", other, "\"none\" or \"up\"")),
        },
        minimum: settings
            .minimum
            .as_ref()
            .map_or(Ok(Decimal::ZERO), |minimum| decimal("minimum", minimum))?,
        places,
        incomplete: match settings.incomplete.as_deref() {
            None | Some("withhold") => Incomplete::Withhold,
            Some("bill") => Incomplete::Bill,
            Some(other) => return Err(one_of("incomplete", other, "\"withhold\" or \"bill\"")),
        },
    })
}

/// A decimal number in quotes: without them TOML reads binary fractions, and 0.1 is none.
fn decimal(key: &str, value: &toml::Value) -> Result<Decimal, SettingsError> {
    match value {
        toml::Value::String(text) => text
            .parse()
            .map_err(|error: crate::pricing::NotDecimal| SettingsError::new(key, error.to_string())),
        toml::Value::Float(_) | toml::Value::Integer(_) => {
            let problem =
                format!("{value} is not exact as a number; write it in quotes: {key} = \"{value}\"");
            Err(SettingsError::new(key, problem))
        }
        other => {
            let problem =
                format!("expected a decimal number in quotes, found a value of type {}", other.type_str());
            Err(SettingsError::new(key, problem))
        }
    }
}

/// Everything that decides who is billed what, and what he reads.
fn hash(selector: &Selector, currency: &str, rule: &Rule, description: &Description) -> String {
    let [backend, account, package, reseller, product] = selector.patterns();
    let meaning = format!(
        "2\n{backend:?}\n{account:?}\n{package:?}\n{reseller:?}\n{product:?}\n{currency:?}\n{:?}\n{}\n{:?}\n{:?}\n{}\n{}\n{}\n{:?}\n{}\n{}\n{:?}",
        description.template(),
        rule.meter,
        rule.of,
        rule.included,
        rule.extra,
        rule.per,
        rule.price,
        rule.round,
        rule.minimum,
        rule.places,
        rule.incomplete
    );
    hex::encode(Sha256::digest(meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "name = 'out'\nmeter = 'traffic_out'\nincluded = '100 GiB'\nper = '1 GiB'\n\
        price = '0.02'\ncurrency = 'EUR'\n";

    fn read(text: &str) -> Result<Price, SettingsError> {
        let section = Section::new(text.parse().expect("toml"), std::path::Path::new("."));
        Price::read(section)
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        for (from, to, key, part) in [
            ("'0.02'", "0.02", "price", "price = \"0.02\""),
            ("'0.02'", "2", "price", "quotes"),
            ("'0.02'", "'0,02'", "price", "0,02"),
            ("'0.02'", "'0'", "price", "nothing"),
            ("'EUR'", "'euro'", "currency", "EUR"),
            ("'100 GiB'", "'100'", "included", "limit"),
            ("'1 GiB'", "'0 GiB'", "per", "for something"),
            ("'traffic_out'", "'traffic'", "meter", "traffic_total"),
            ("price =", "of = 'last'\nprice =", "of", "leave it out"),
            ("price =", "round = 'down'\nprice =", "round", "up"),
            ("price =", "minimum = 0.1\nprice =", "minimum", "quotes"),
            ("price =", "decimals = 5\nprice =", "decimals", "4"),
            ("price =", "pro_rata = true\nprice =", "pro_rata", "limit"),
            ("price =", "incomplete = 'guess'\nprice =", "incomplete", "bill"),
            ("price =", "description = 'of {bytes}'\nprice =", "description", "{bytes}"),
            ("price =", "pric = '1'\nprice =", "pric", "price"),
        ] {
            let error = read(&RIGHT.replace(from, to)).expect_err(to);
            assert_eq!(error.key, key, "{error}");
            assert!(error.problem.contains(part), "{error}");
        }
    }

    #[test]
    fn the_hash_is_of_the_meaning_alone() {
        let hash = |text: &str| read(text).expect("right").hash;
        let right = hash(RIGHT);
        let same = RIGHT
            .replace("'out'", "'another name'")
            .replace("'0.02'", "'0.0200'")
            .replace("1 GiB", "1024 MiB");
        // The description has the unit as it was written.
        assert_ne!(hash(&same), right);
        assert_eq!(hash(&RIGHT.replace("'out'", "'another name'").replace("'0.02'", "'0.0200'")), right);
        for more in [
            "extra = '1 B'",
            "round = 'up'",
            "minimum = '0.1'",
            "decimals = 3",
            "incomplete = 'bill'",
            "account = 'a*'",
            "product = 'S3'",
            "description = 'x'",
        ] {
            assert_ne!(hash(&format!("{RIGHT}{more}")), right, "{more}");
        }
        assert_ne!(hash(&RIGHT.replace("0.02", "0.03")), right);
        let limit = RIGHT.replace("'100 GiB'", "'limit'");
        assert_ne!(hash(&limit), right);
        assert_ne!(hash(&format!("{limit}pro_rata = true")), hash(&limit));
        assert_eq!(hash(&format!("{limit}pro_rata = false")), hash(&limit));
    }
}
