//! The `[[limit]]` rules: how they are written, and which one is an account's.

use std::sync::Arc;

use serde::Deserialize;

use crate::domain::{BackendId, Bytes, Limit, Meter, Seconds};
use crate::quota::{Brake, Origin, Rule, Size, Wording, in_force};
use crate::selector::{Candidate, Selector};
use crate::settings::{self, Period, Section, SettingsError};

/// One `[[limit]]`, besides whom it is for.
#[derive(Clone, Debug, Deserialize)]
struct LimitSettings {
    /// `storage`, `traffic_in`, `traffic_out` or `traffic_total`.
    pub meter: String,
    /// `"100 GiB"`, `"panel"`, `"whmcs"`, or `"unlimited"`.
    pub size: String,
    /// Percentages that are reported; `"whmcs"` among them, or in their place, is what each product says.
    #[serde(default)]
    pub notify_at: Option<toml::Value>,
    /// The percentage at which the account is limited; absent never limits.
    #[serde(default)]
    pub limit_at: Option<u32>,
    /// The percentage below which it is restored; five less than `limit_at` where absent.
    #[serde(default)]
    pub restore_below: Option<u32>,
    /// How often a standing crossing is reported again.
    #[serde(default)]
    pub remind_every: Option<Period>,
    /// `"10%"` of a backend's accounts, or a number of them.
    #[serde(default)]
    pub max_limited_at_once: Option<toml::Value>,
    /// The WHMCS template of notices.
    #[serde(default)]
    pub template: Option<String>,
    /// The WHMCS template that says an account was limited.
    #[serde(default)]
    pub limited_template: Option<String>,
    /// The WHMCS template that says it was restored; without one WHMCS sends none.
    #[serde(default)]
    pub restored_template: Option<String>,
    /// Who gets mail that does not go through WHMCS, where not as `[notify.smtp]` says.
    #[serde(default)]
    pub mail_to: Vec<String>,
}

/// The largest percentage that can be meant.
const MOST_PERCENT: u32 = 10_000;

/// One rule and whom it is for.
#[derive(Clone, Debug)]
pub struct LimitRule {
    meter: Meter,
    selector: Selector,
    rule: Rule,
}

/// Every rule, in the order of the config: of those for a meter, the first that matches wins. Cloned freely;
/// all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Limits(Arc<[LimitRule]>);

impl LimitRule {
    /// Reads one section; an error names its key.
    pub fn read(mut section: Section) -> Result<LimitRule, SettingsError> {
        let selector = Selector::take(&mut section)?;
        let settings: LimitSettings = section.read()?;
        let meter = settings.meter.parse();
        let meter: Meter = meter
            .map_err(|error: crate::domain::UnknownMeter| SettingsError::new("meter", error.to_string()))?;
        Ok(LimitRule { meter, selector, rule: rule(&settings)? })
    }

    /// Whether the rule can limit accounts of this backend.
    pub fn limits(&self, backend: &BackendId) -> bool {
        self.rule.limit_at.is_some() && self.selector.is_for(backend)
    }

    /// The WHMCS templates it names.
    pub fn templates(&self) -> impl Iterator<Item = &String> {
        let Wording { template, limited_template, restored_template, .. } = &self.rule.wording;
        [template, limited_template, restored_template].into_iter().flatten()
    }
}

fn rule(settings: &LimitSettings) -> Result<Rule, SettingsError> {
    let percent = |key: &str, percent: u32| match percent {
        1..=MOST_PERCENT => Ok(percent),
        _ => Err(SettingsError::new(
            key,
            format!("{percent}: expected percent of the limit, 1 to {MOST_PERCENT}"),
        )),
    };
    let (mut notify_at, mut notify_as_sold) = (Vec::new(), false);
    for threshold in thresholds(settings.notify_at.as_ref())? {
        match threshold {
            Threshold::AsSold => notify_as_sold = true,
            Threshold::At(threshold) => notify_at.push(percent("notify_at", threshold)?),
        }
    }
    notify_at.sort_unstable();
    notify_at.dedup();
    let limit_at = settings.limit_at.map(|at| percent("limit_at", at)).transpose()?;
    let restore_below = match (settings.restore_below, limit_at) {
        (Some(below), Some(at)) if below >= at => {
            let problem = format!("{below} has to be below limit_at ({at}), or accounts would flap");
            return Err(SettingsError::new("restore_below", problem));
        }
        (Some(_), None) => {
            let problem = "nothing is restored where nothing is limited; give limit_at too";
            return Err(SettingsError::new("restore_below", problem));
        }
        (Some(below), Some(_)) => percent("restore_below", below)?,
        (None, at) => at.unwrap_or(100).saturating_sub(5).max(1),
    };
    if notify_at.is_empty() && !notify_as_sold && limit_at.is_none() {
        let problem = "the rule does nothing; give notify_at = [80, 90] or limit_at = 100";
        return Err(SettingsError::new("notify_at", problem));
    }
    Ok(Rule {
        size: size(&settings.size)?,
        notify_at,
        notify_as_sold,
        limit_at,
        restore_below,
        remind_every: settings.remind_every.map(|every| Seconds::new(every.0.as_secs())),
        brake: brake(settings.max_limited_at_once.as_ref())?,
        wording: Wording {
            template: settings.template.clone(),
            limited_template: settings.limited_template.clone(),
            restored_template: settings.restored_template.clone(),
            mail_to: mail_to(&settings.mail_to)?,
        },
    })
}

/// One entry of `notify_at`.
enum Threshold {
    /// The percentage that the product of the account's service names.
    AsSold,
    /// So many percent.
    At(u32),
}

fn thresholds(value: Option<&toml::Value>) -> Result<Vec<Threshold>, SettingsError> {
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) if text.trim() == "whmcs" => Some(Threshold::AsSold),
        toml::Value::Integer(percent) => u32::try_from(*percent).ok().map(Threshold::At),
        _ => None,
    };
    let read = match value {
        None => return Ok(Vec::new()),
        Some(toml::Value::Array(all)) => all.iter().map(one).collect(),
        Some(toml::Value::Integer(_)) => None,
        Some(value) => one(value).map(|one| vec![one]),
    };
    read.ok_or_else(|| {
        let problem = "expected percents of the limit like [80, 90], \"whmcs\" for the one that each product says, or both";
        SettingsError::new("notify_at", problem)
    })
}

fn size(text: &str) -> Result<Size, SettingsError> {
    let wrong = |problem: String| SettingsError::new("size", problem);
    match text.trim() {
        "panel" => Ok(Size::Panel),
        "whmcs" => Ok(Size::Whmcs),
        "unlimited" | "0" => Ok(Size::Fixed(Limit::Unlimited)),
        size => {
            let parsed = size
                .parse::<settings::Size>()
                .map_err(|error| wrong(format!("{error}; or \"panel\", \"whmcs\" or \"unlimited\"")))?;
            let size = Bytes::new(parsed.0).map(Limit::of_size);
            size.map(Size::Fixed).map_err(|error| wrong(error.to_string()))
        }
    }
}

fn brake(value: Option<&toml::Value>) -> Result<Brake, SettingsError> {
    let expected = || {
        let problem = "expected percent of a backend's accounts like \"10%\", or a number of accounts";
        SettingsError::new("max_limited_at_once", problem)
    };
    match value {
        None => Ok(Brake::Usual),
        Some(toml::Value::Integer(count)) => {
            usize::try_from(*count).map(Brake::Count).map_err(|_| expected())
        }
        Some(toml::Value::String(text)) => match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(Brake::Percent).map_err(|_| expected()),
            None => text.trim().parse().map(Brake::Count).map_err(|_| expected()),
        },
        Some(_) => Err(expected()),
    }
}

fn mail_to(addresses: &[String]) -> Result<Vec<String>, SettingsError> {
    for address in addresses {
        let is_one = address.split('@').count() == 2 && !address.contains([',', ' ', '<', '>']);
        if !is_one {
            let problem = format!("{address:?} is not a plain address like ops@example.net");
            return Err(SettingsError::new("mail_to", problem));
        }
    }
    Ok(addresses.to_vec())
}

impl Limits {
    /// The rules in the order of the config.
    pub fn new(limits: Vec<LimitRule>) -> Limits {
        Limits(limits.into())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &LimitRule> {
        self.0.iter()
    }

    /// The rule for a meter of an account, and its number in the config.
    pub fn of(&self, candidate: &Candidate<'_>, meter: Meter) -> Option<(usize, &Rule)> {
        let mut rules = self.0.iter().enumerate();
        let found = rules.find(|(_, limit)| limit.meter == meter && limit.selector.matches(candidate));
        found.map(|(number, limit)| (number, &limit.rule))
    }

    /// The limit in force of a meter of an account, and whose word it is; `sold` is what its service says,
    /// `panel` what its panel says.
    pub fn in_force(
        &self,
        candidate: &Candidate<'_>,
        meter: Meter,
        sold: Limit,
        panel: Limit,
    ) -> (Limit, Origin) {
        in_force(sold, self.of(candidate, meter).map(|(_, rule)| rule), panel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(notify_at: &str) -> Result<Rule, String> {
        let text = format!("meter = 'storage'\nsize = 'whmcs'\n{notify_at}");
        let section = Section::new(text.parse().expect("toml"), std::path::Path::new("."));
        LimitRule::read(section).map(|limit| limit.rule).map_err(|error| error.to_string())
    }

    #[test]
    fn thresholds_are_percents_or_what_the_product_says_or_both() {
        let thresholds = |text: &str| read(text).map(|rule| (rule.notify_at, rule.notify_as_sold));
        assert_eq!(thresholds("notify_at = [90, 80, 90]"), Ok((vec![80, 90], false)));
        assert_eq!(thresholds("notify_at = 'whmcs'"), Ok((vec![], true)));
        assert_eq!(thresholds("notify_at = ['whmcs', 95]"), Ok((vec![95], true)));
        assert_eq!(thresholds("limit_at = 100"), Ok((vec![], false)));
        for nonsense in ["notify_at = 80", "notify_at = '80'", "notify_at = [-1]", "notify_at = ['panel']"] {
            let error = thresholds(nonsense).expect_err(nonsense);
            assert!(error.contains("[80, 90]") && error.contains("whmcs"), "{nonsense}: {error}");
        }
        assert!(thresholds("notify_at = [0]").is_err_and(|error| error.contains("expected percent")));
        assert!(thresholds("notify_at = []").is_err_and(|error| error.contains("does nothing")));
    }
}
