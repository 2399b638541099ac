//! The config file: read once, each section handed to the room that owns it.
//!
//! Every error says file, line, key, what came and what was expected.

mod prices;

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::backends::{self, CommonSettings, ConfiguredPanel, KINDS};
use crate::clock::Clock;
use crate::domain::{BillingZone, Seconds};
use crate::http::{Http, HttpSettings};
use crate::metering::{Bounds, SettleRules};
use crate::notify::{Channels, NotifySettings, WhmcsApi};
use crate::rules::{LimitRule, Limits, Prices};
use crate::settings::{Section, SettingsError, inline_secrets, world_readable};
use crate::store::StoreSettings;
use crate::usage_api::{Servers, WhmcsSettings};
use crate::web::{Token, TokenSettings};

/// Everything the file says, checked.
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// The folder that paths in the file are relative to.
    pub folder: PathBuf,
    /// `[whmcs]`.
    pub whmcs: WhmcsSettings,
    /// The zone that cuts days and months.
    pub zone: BillingZone,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[http]`.
    pub http: ServeSettings,
    /// Who may ask what.
    pub tokens: Vec<Token>,
    /// The panels.
    pub panels: Vec<Arc<ConfiguredPanel>>,
    /// What they may use.
    pub limits: Limits,
    /// What more than that costs.
    pub prices: Prices,
    /// WHMCS's external API, where `[whmcs]` is complete.
    pub api: Option<WhmcsApi>,
    /// How people are notified.
    pub channels: Channels,
    /// What works but should be fixed.
    pub warnings: Vec<String>,
}

/// The `[http]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct ServeSettings {
    /// Where everything is served that has no address of its own.
    pub listen: SocketAddr,
    /// An address of its own for the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// An address of its own for WHMCS's routes and the JSON under /v1.
    pub api_listen: Option<SocketAddr>,
    /// An address of its own for the console.
    pub console_listen: Option<SocketAddr>,
    /// The certificate chain (PEM); with it everything is served over TLS.
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Who may ask what; without any only loopback addresses are accepted, and all is open on them.
    pub token: Vec<toml::Table>,
}

impl Default for ServeSettings {
    fn default() -> ServeSettings {
        ServeSettings {
            listen: ([127, 0, 0, 1], 9480).into(),
            metrics_listen: None,
            api_listen: None,
            console_listen: None,
            tls_cert: None,
            tls_key: None,
            token: Vec::new(),
        }
    }
}

impl ServeSettings {
    /// Every address that is served.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let own = [self.metrics_listen, self.api_listen, self.console_listen];
        std::iter::once(self.listen).chain(own.into_iter().flatten()).collect()
    }
}

/// What is wrong with the config, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    key: String,
    problem: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.problem)
    }
}

const SECTIONS: [&str; 7] = ["whmcs", "store", "http", "backend", "limit", "price", "notify"];

impl Config {
    /// Reads and checks the file. `clock` is what backends sign by.
    pub fn read(path: &Path, clock: Clock) -> Result<Config, ConfigError> {
        let (read, inline) = inline_secrets(|| Config::read_sections(path, clock));
        let mut config = read?;
        if inline > 0 && world_readable(path) {
            config.warnings.push(format!(
                "{} can be read by every user of this machine and holds secrets; chmod 600 it, or put them into files of \
                 their own (`secret_file`, `token_file`, …)",
                path.display()
            ));
        }
        Ok(config)
    }

    fn read_sections(path: &Path, clock: Clock) -> Result<Config, ConfigError> {
        let alone = |problem: String| ConfigError {
            file: path.to_path_buf(),
            line: None,
            key: String::new(),
            problem,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| alone(format!("cannot read it: {error}; `whmeter sample-config` prints one")))?;
        let file = File { path, text: &text };
        let mut table: toml::Table = toml::from_str(&text).map_err(|error| file.syntax(&error))?;
        if let Some(unknown) = table.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
            let expected = format!("unknown section; expected one of {}", SECTIONS.join(", "));
            return Err(file.error(&[unknown], SettingsError::new("", expected)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut reader = Reader { file, folder, warnings: Vec::new() };
        let whmcs: WhmcsSettings = reader.section("whmcs", table.remove("whmcs"))?;
        let zone = BillingZone::parse(&whmcs.timezone).map_err(|error| {
            reader.file.error(&["whmcs"], SettingsError::new("timezone", error.to_string()))
        })?;
        let store: StoreSettings = reader.section("store", table.remove("store"))?;
        let mut http: ServeSettings = reader.section("http", table.remove("http"))?;
        for file in [&mut http.tls_cert, &mut http.tls_key].into_iter().flatten() {
            *file = folder.join(&file);
        }
        let tokens = reader.tokens(&http, &whmcs.companion_servers)?;
        let panels = reader.panels(table.remove("backend"), clock)?;
        reader.enough_days(&whmcs, &store, &panels)?;
        let limits = reader.limits(table.remove("limit"), &panels)?;
        let prices = reader.prices(table.remove("price"), &panels)?;
        let notify: NotifySettings = reader.section("notify", table.remove("notify"))?;
        let api = prices::api(&whmcs, zone);
        let channels = reader.channels(&notify, api.as_ref())?;
        let warnings = reader.warnings;
        let folder = folder.to_path_buf();
        Ok(Config {
            path: path.to_path_buf(),
            folder,
            whmcs,
            zone,
            store,
            http,
            tokens,
            panels,
            limits,
            prices,
            api,
            channels,
            warnings,
        })
    }

    /// The rules readings are settled by; a backend has bounds of its own.
    pub fn rules(&self) -> SettleRules {
        SettleRules { zone: self.zone, max_gap: self.max_age(), bounds: Bounds::default() }
    }

    /// Whether it may be taken in while these addresses are listened on, which only a restart changes.
    pub fn fit_for(&self, bound: &[SocketAddr]) -> Result<(), ConfigError> {
        let Some(problem) = open_to_others(&self.tokens, bound) else { return Ok(()) };
        let problem = format!("{problem}. The old address is used until whmeter is restarted");
        Err(ConfigError { file: self.path.clone(), line: None, key: "http.token".into(), problem })
    }

    /// How old a number may be before it is withheld.
    pub fn max_age(&self) -> Seconds {
        Seconds::new(self.whmcs.max_age.0.as_secs())
    }

    /// Which backends answer for which WHMCS server.
    pub fn servers(&self) -> Servers {
        let mut servers = Servers::new();
        for metered in &self.panels {
            if let Some(server) = metered.whmcs_server {
                servers.entry(server).or_default().push(metered.id.clone());
            }
        }
        servers
    }
}

/// A server that has companion services only has none of its own: they stand for those of others.
fn refuse_tie_to_companions(token: Token, companions: &[i64]) -> Result<Token, SettingsError> {
    match token.server().filter(|server| companions.contains(server)) {
        None => Ok(token),
        Some(server) => Err(SettingsError::new(
            "server",
            format!(
                "{server} is one of companion_servers: its services are companions of other servers' services, which a token that \
                 is tied to it may not see; leave `server` out"
            ),
        )),
    }
}

/// What is wrong with having no tokens on addresses that others reach.
fn open_to_others(tokens: &[Token], addresses: &[SocketAddr]) -> Option<String> {
    let reached = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    let address = reached.filter(|_| tokens.is_empty())?;
    Some(format!(
        "{address} is reachable from other machines, and without any [[http.token]] everything on it would be open; add tokens \
         or listen on 127.0.0.1"
    ))
}

/// Goes through the sections, gathering warnings.
struct Reader<'a> {
    file: File<'a>,
    folder: &'a Path,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn section<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        value: Option<toml::Value>,
    ) -> Result<T, ConfigError> {
        let table = match value {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table,
            Some(other) => {
                let problem = format!("expected a section [{name}], found a {}", other.type_str());
                return Err(self.file.error(&[name], SettingsError::new("", problem)));
            }
        };
        let mut section = Section::new(table, self.folder);
        let settings = section.take();
        self.warn(name, &section);
        section.refuse_unknown().and(settings).map_err(|error| self.file.error(&[name], error))
    }

    fn warn(&mut self, name: &str, section: &Section) {
        self.warnings.extend(section.take_warnings().into_iter().map(|warning| format!("{name}: {warning}")));
    }

    fn tokens(&mut self, http: &ServeSettings, companions: &[i64]) -> Result<Vec<Token>, ConfigError> {
        let mut tokens = Vec::new();
        for (index, table) in http.token.iter().enumerate() {
            let number = index.to_string();
            let at = ["http", "token", number.as_str()];
            let mut section = Section::new(table.clone(), self.folder);
            let settings = section.take::<TokenSettings>();
            self.warn("http.token", &section);
            let token = section.refuse_unknown().and(settings).and_then(Token::new);
            let token = token.and_then(|token| refuse_tie_to_companions(token, companions));
            tokens.push(token.map_err(|error| self.file.error(&at, error))?);
        }
        if let Some(problem) = open_to_others(&tokens, &http.addresses()) {
            return Err(self.file.error(&["http"], SettingsError::new("listen", problem)));
        }
        let reached = http.addresses().into_iter().find(|address| !address.ip().to_canonical().is_loopback());
        if let Some(address) = reached.filter(|_| http.tls_cert.is_none()) {
            self.warnings.push(format!(
                "http.listen: tokens pass the network to {address} unencrypted; set tls_cert and tls_key, or listen on \
                 127.0.0.1 behind a proxy that does TLS"
            ));
        }
        if http.tls_cert.is_some() != http.tls_key.is_some() {
            let problem = "tls_cert and tls_key belong together; give both or none";
            return Err(self.file.error(&["http"], SettingsError::new("tls_cert", problem)));
        }
        Ok(tokens)
    }

    fn panels(
        &mut self,
        value: Option<toml::Value>,
        clock: Clock,
    ) -> Result<Vec<Arc<ConfiguredPanel>>, ConfigError> {
        let list = match value {
            None => Vec::new(),
            Some(toml::Value::Array(list)) => list,
            Some(_) => {
                let problem = "expected [[backend]], in double brackets, once for each panel";
                return Err(self.file.error(&["backend"], SettingsError::new("", problem)));
            }
        };
        let mut panels: Vec<Arc<ConfiguredPanel>> = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let number = index.to_string();
            let at = ["backend", number.as_str()];
            let metered = self.panel(value, clock).map_err(|error| self.file.error(&at, error))?;
            if panels.iter().any(|other| other.id == metered.id) {
                let problem = format!(
                    "another backend is called {} already; names are keys and must differ",
                    metered.id
                );
                return Err(self.file.error(&at, SettingsError::new("name", problem)));
            }
            let addresses = metered.addresses();
            let same = |other: &&Arc<ConfiguredPanel>| {
                let theirs = other.addresses();
                other.kind.name == metered.kind.name && addresses.iter().any(|own| theirs.contains(own))
            };
            if let Some(other) = panels.iter().find(same) {
                self.warnings.push(format!(
                    "backends {} and {} are the same panel: only one of them is polled; remove the other",
                    other.id, metered.id
                ));
            }
            panels.push(Arc::new(metered));
        }
        Ok(panels)
    }

    /// The days of the month that `bill_from` cuts are needed until WHMCS was given what that month lacked.
    fn enough_days(
        &self,
        whmcs: &WhmcsSettings,
        store: &StoreSettings,
        panels: &[Arc<ConfiguredPanel>],
    ) -> Result<(), ConfigError> {
        const NEEDED: u32 = 62;
        let too_few = |days: u32| whmcs.bill_from.is_set() && days < NEEDED;
        let problem = |days: u32| {
            let why = "bill_from of [whmcs] needs the days of two months";
            SettingsError::new("keep_days", format!("{days} is too few: {why}; expected {NEEDED} or more"))
        };
        if too_few(store.keep_days) {
            return Err(self.file.error(&["store"], problem(store.keep_days)));
        }
        for (index, panel) in panels.iter().enumerate() {
            if let Some(days) = panel.keep_days.filter(|days| too_few(*days)) {
                return Err(self.file.error(&["backend", &index.to_string()], problem(days)));
            }
        }
        Ok(())
    }

    fn channels(&mut self, notify: &NotifySettings, api: Option<&WhmcsApi>) -> Result<Channels, ConfigError> {
        let opened = Channels::open(notify, api, self.folder);
        let mut channels = opened.map_err(|error| match error.key.strip_prefix("whmcs.") {
            Some(key) => self.file.error(&["whmcs"], SettingsError { key: key.into(), ..error }),
            None => self.file.error(&["notify"], error),
        })?;
        self.warnings
            .extend(channels.take_warnings().into_iter().map(|warning| format!("notify: {warning}")));
        Ok(channels)
    }

    fn limits(
        &mut self,
        value: Option<toml::Value>,
        panels: &[Arc<ConfiguredPanel>],
    ) -> Result<Limits, ConfigError> {
        let list = match value {
            None => Vec::new(),
            Some(toml::Value::Array(list)) => list,
            Some(_) => {
                let problem = "expected [[limit]], in double brackets, once for each rule";
                return Err(self.file.error(&["limit"], SettingsError::new("", problem)));
            }
        };
        let mut limits = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let number = index.to_string();
            let at = ["limit", number.as_str()];
            let read = || {
                let toml::Value::Table(table) = value else {
                    return Err(SettingsError::new("", "expected [[limit]], in double brackets"));
                };
                LimitRule::read(Section::new(table, self.folder))
            };
            let limit = read().map_err(|error| self.file.error(&at, error))?;
            for metered in
                panels.iter().filter(|metered| limit.limits(&metered.id) && !metered.kind.can_limit)
            {
                self.warnings.push(format!(
                    "limit[{index}]: limit_at does nothing on {}: whmeter cannot limit accounts of kind {}",
                    metered.id, metered.kind.name
                ));
            }
            limits.push(limit);
        }
        Ok(Limits::new(limits))
    }

    fn panel(&mut self, value: toml::Value, clock: Clock) -> Result<ConfiguredPanel, SettingsError> {
        let toml::Value::Table(mut table) = value else {
            return Err(SettingsError::new("", "expected [[backend]], in double brackets"));
        };
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let expected = || format!("expected one of {}", known.join(", "));
        let kind = match table.remove("kind") {
            Some(toml::Value::String(name)) => backends::kind(&name)
                .ok_or_else(|| SettingsError::new("kind", format!("{name:?} is unknown; {}", expected())))?,
            Some(_) => return Err(SettingsError::new("kind", expected())),
            None => return Err(SettingsError::new("kind", format!("missing; {}", expected()))),
        };
        let mut section = Section::new(table, self.folder);
        let common: CommonSettings = section.take()?;
        let settings: HttpSettings = section.take()?;
        let http = Http::new(&settings, &section)?.with_clock(clock);
        let opened = (kind.open)(section.clone(), http.clone());
        self.warn(&format!("backend {}", common.name), &section);
        Ok(ConfiguredPanel::new(&common, kind, opened?)?.asked_by(http))
    }
}

/// The text, to find the line of a key.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        ConfigError {
            file: self.path.to_path_buf(),
            line: error.span().map(|span| self.line(&span)),
            key: String::new(),
            problem: format!("not valid TOML: {}", error.message()),
        }
    }

    /// An error about a key of the section at `path`.
    fn error(&self, path: &[&str], error: SettingsError) -> ConfigError {
        let mut keys: Vec<&str> = path.to_vec();
        // `scope[0]` is written as one key and found as two.
        keys.extend(error.key.split(['.', '[', ']']).filter(|key| !key.is_empty()));
        ConfigError {
            file: self.path.to_path_buf(),
            line: self.find(&keys),
            key: shown(&keys),
            problem: error.problem,
        }
    }

    /// The line of a key, or of the section it should be in.
    fn find(&self, keys: &[&str]) -> Option<usize> {
        let root = DeTable::parse(self.text).ok()?;
        let mut table = Some(root.get_ref());
        let mut array: Option<&[Spanned<DeValue<'_>>]> = None;
        let mut found: Option<Range<usize>> = None;
        for key in keys {
            let value = match (table, array) {
                (Some(here), _) => {
                    here.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| {
                        found = Some(name.span());
                        value
                    })
                }
                (None, Some(list)) => {
                    key.parse::<usize>().ok().and_then(|index| list.get(index)).inspect(|value| {
                        found = Some(value.span());
                    })
                }
                (None, None) => None,
            };
            let Some(value) = value else { break };
            table = value.get_ref().as_table();
            array = value.get_ref().as_array().map(|list| &list[..]);
        }
        found.map(|span| self.line(&span))
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// `backend[0].url`.
fn shown(keys: &[&str]) -> String {
    let mut shown = String::new();
    for key in keys {
        match key.parse::<usize>() {
            Ok(index) => shown.push_str(&format!("[{index}]")),
            Err(_) if shown.is_empty() => shown.push_str(key),
            Err(_) => shown.push_str(&format!(".{key}")),
        }
    }
    shown
}
