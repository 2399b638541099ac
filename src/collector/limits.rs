//! The `[[limit]]` rules: how they are written, and which one is an account's.

use globset::{Glob, GlobMatcher};
use serde::Deserialize;

use super::docket::Looked;
use crate::domain::{AccountName, BackendId, Bytes, Meter, Seconds, Service};
use crate::quota::{Allowed, Brake, Judged, Rule, Size, Wording};
use crate::settings::{self, Period, SettingsError};
use crate::store::AccountStanding;

/// One `[[limit]]`.
#[derive(Clone, Debug, Deserialize)]
pub struct LimitSettings {
    /// Backends it is for, as a glob.
    #[serde(default = "all")]
    pub backend: String,
    /// Accounts it is for, as a glob.
    #[serde(default = "all")]
    pub account: String,
    /// Plans it is for, by the panel's name, as a glob.
    #[serde(default = "all")]
    pub package: String,
    /// Products it is for, by WHMCS's name, as a glob.
    #[serde(default = "all")]
    pub product: String,
    /// `storage`, `traffic_in`, `traffic_out` or `traffic_total`.
    pub meter: String,
    /// `"100 GiB"`, `"panel"`, `"whmcs"`, or `"unlimited"`.
    pub size: String,
    /// Percentages that are told.
    #[serde(default)]
    pub notify_at: Vec<u32>,
    /// The percentage at which the account is limited; absent never limits.
    #[serde(default)]
    pub limit_at: Option<u32>,
    /// The percentage below which it is restored; five less than `limit_at` where absent.
    #[serde(default)]
    pub restore_below: Option<u32>,
    /// How often a standing crossing is told again.
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

fn all() -> String {
    "*".into()
}

/// The largest percentage that can be meant.
const MOST_PERCENT: u32 = 10_000;

/// One rule and whom it is for.
#[derive(Clone, Debug)]
pub struct Limit {
    meter: Meter,
    backend: GlobMatcher,
    account: GlobMatcher,
    package: GlobMatcher,
    product: GlobMatcher,
    rule: Rule,
}

/// Every rule, in the order of the config: of those for a meter, the first that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Limits(Vec<Limit>);

impl Limit {
    /// Checks one section.
    pub fn new(settings: &LimitSettings) -> Result<Limit, SettingsError> {
        let glob = |key: &str, pattern: &str| {
            let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
            glob.map_err(|error| SettingsError::new(key, error.to_string()))
        };
        let meter = settings.meter.parse();
        let meter: Meter = meter
            .map_err(|error: crate::domain::UnknownMeter| SettingsError::new("meter", error.to_string()))?;
        Ok(Limit {
            meter,
            backend: glob("backend", &settings.backend)?,
            account: glob("account", &settings.account)?,
            package: glob("package", &settings.package)?,
            product: glob("product", &settings.product)?,
            rule: rule(settings, meter)?,
        })
    }

    /// Whether the rule can limit accounts of this backend.
    pub fn limits(&self, backend: &BackendId) -> bool {
        self.rule.limit_at.is_some() && self.backend.is_match(backend.as_str())
    }

    /// The WHMCS templates it names.
    pub fn templates(&self) -> impl Iterator<Item = &String> {
        let Wording { template, limited_template, restored_template, .. } = &self.rule.wording;
        [template, limited_template, restored_template].into_iter().flatten()
    }
}

fn rule(settings: &LimitSettings, meter: Meter) -> Result<Rule, SettingsError> {
    let percent = |key: &str, percent: u32| match percent {
        1..=MOST_PERCENT => Ok(percent),
        _ => Err(SettingsError::new(
            key,
            format!("{percent}: expected percent of the limit, 1 to {MOST_PERCENT}"),
        )),
    };
    let mut notify_at = Vec::new();
    for threshold in &settings.notify_at {
        notify_at.push(percent("notify_at", *threshold)?);
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
    if notify_at.is_empty() && limit_at.is_none() {
        let problem = "the rule does nothing; give notify_at = [80, 90] or limit_at = 100";
        return Err(SettingsError::new("notify_at", problem));
    }
    let size = size(&settings.size)?;
    if size == Size::Panel && meter != Meter::StorageUsed {
        let problem = "\"panel\": panels tell limits of storage only; give a size or \"whmcs\"";
        return Err(SettingsError::new("size", problem));
    }
    Ok(Rule {
        size,
        notify_at,
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

fn size(text: &str) -> Result<Size, SettingsError> {
    let wrong = |problem: String| SettingsError::new("size", problem);
    match text.trim() {
        "panel" => Ok(Size::Panel),
        "whmcs" => Ok(Size::Whmcs),
        "unlimited" | "0" => Ok(Size::Fixed(Bytes::ZERO)),
        size => {
            let parsed = size
                .parse::<settings::Size>()
                .map_err(|error| wrong(format!("{error}; or \"panel\", \"whmcs\" or \"unlimited\"")))?;
            Bytes::new(parsed.0).map(Size::Fixed).map_err(|error| wrong(error.to_string()))
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
    pub fn new(limits: Vec<Limit>) -> Limits {
        Limits(limits)
    }

    /// Whether there are none, so that nothing need be judged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter()
    }

    fn of(&self, backend: &BackendId, looked: &Looked<'_>, meter: Meter) -> Option<(usize, &Rule)> {
        let mut rules = self.0.iter().enumerate();
        let found = rules.find(|(_, limit)| {
            limit.meter == meter
                && limit.backend.is_match(backend.as_str())
                && limit.account.is_match(looked.name.as_str())
                && limit.package.is_match(looked.package.unwrap_or_default())
                && limit.product.is_match(looked.product().unwrap_or_default())
        });
        found.map(|(number, limit)| (number, &limit.rule))
    }

    /// What an account may use of a meter: by its service, else by its rule, else by what the panel allows
    /// to be stored. `None` where nobody says.
    pub fn allowed(
        &self,
        backend: &BackendId,
        name: &AccountName,
        standing: &AccountStanding,
        service: Option<&Service>,
        meter: Meter,
    ) -> Option<Allowed> {
        let (package, storage_limit) = (standing.package.as_deref(), standing.storage_limit);
        let looked = Looked { name, package, storage_limit, service };
        let panel = storage_limit.filter(|_| meter == Meter::StorageUsed);
        match self.of(backend, &looked, meter) {
            Some((_, rule)) => rule.allowed(looked.sold(meter), panel),
            None => looked.sold(meter).or(panel.map(Allowed::of)),
        }
    }

    /// The meters of an account that have a rule, with the limit in force.
    pub(super) fn in_force<'a>(&'a self, backend: &BackendId, looked: &Looked<'_>) -> Vec<Judged<'a>> {
        let judged = |meter| {
            let rule = self.of(backend, looked, meter)?;
            let panel = looked.storage_limit.filter(|_| meter == Meter::StorageUsed);
            Some(Judged {
                meter,
                rule: Some(rule),
                limit: rule.1.limit(looked.sold(meter), panel),
                used: None,
            })
        };
        Meter::ALL.into_iter().filter_map(judged).collect()
    }
}
