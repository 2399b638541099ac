//! The config file: read once, each section handed to the room that owns it.
//!
//! Every error says file, line, key, what came and what was expected.

mod mistakes;
mod prices;
mod serve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use mistakes::ConfigError;
pub use serve::ServeSettings;

use self::mistakes::{File, Mistake, unreadable};
use self::serve::open_to_others;
use crate::backends::{self, CommonSettings, ConfiguredPanel, KINDS};
use crate::clock::Clock;
use crate::console::{ReportSettings, Setup};
use crate::domain::{BillingZone, Seconds};
use crate::http::{Http, HttpSettings};
use crate::metering::{Bounds, SettleRules};
use crate::notify::{Channels, NotifySettings, WhmcsApi};
use crate::rules::{AdoptRule, Adoptions, LimitRule, Limits, Prices};
use crate::settings::{Section, SettingsError, inline_secrets, nearest, world_readable};
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
    /// Which product accounts without a service are sold as.
    pub adoptions: Adoptions,
    /// WHMCS's external API, where `[whmcs]` is complete.
    pub api: Option<WhmcsApi>,
    /// How people are notified.
    pub channels: Channels,
    /// `[report]`: when staff are told by mail of what was found, where there is such a section.
    pub report: Option<ReportSettings>,
    /// What works but should be fixed.
    pub warnings: Vec<String>,
}

const SECTIONS: [&str; 9] =
    ["whmcs", "store", "http", "backend", "limit", "price", "adopt", "notify", "report"];

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
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let file = File { path, text: &text };
        let table = file.table().map_err(|mistake| ConfigError(vec![mistake]))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut reader = Reader { file, folder, warnings: Vec::new(), mistakes: Vec::new() };
        let config = reader.config(table, clock);
        let mut mistakes = reader.mistakes;
        mistakes.sort();
        config.filter(|_| mistakes.is_empty()).ok_or(ConfigError(mistakes))
    }

    /// The rules readings are settled by; a backend has bounds of its own.
    pub fn rules(&self) -> SettleRules {
        SettleRules { zone: self.zone, max_gap: self.max_age(), bounds: Bounds::default() }
    }

    /// Whether it may be taken in while these addresses are listened on, which only a restart changes.
    pub fn fit_for(&self, bound: &[SocketAddr]) -> Result<(), ConfigError> {
        let Some(problem) = open_to_others(self.tokens.is_empty(), bound) else { return Ok(()) };
        let problem = format!("{problem}. The old address is used until whmeter is restarted");
        let mistake = Mistake { file: self.path.clone(), line: None, key: "http.token".into(), problem };
        Err(ConfigError(vec![mistake]))
    }

    /// How old a number may be before it is withheld.
    pub fn max_age(&self) -> Seconds {
        Seconds::new(self.whmcs.max_age.0.as_secs())
    }

    /// What the console shows by.
    pub fn setup(&self) -> Setup {
        Setup {
            panels: self.panels.as_slice().into(),
            prices: self.prices.clone(),
            max_age: self.max_age(),
            bill_from: self.whmcs.bill_from,
            base: self.whmcs.unit_base,
            limits: self.limits.clone(),
            report: self.report.clone(),
        }
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

/// The zone of a name, or the name that was probably meant.
fn billing_zone(name: &str) -> Result<BillingZone, SettingsError> {
    BillingZone::parse(name).map_err(|error| {
        let problem = match nearest(name, BillingZone::names()) {
            _ if name.is_empty() => {
                "missing; add timezone = \"Europe/Warsaw\": the zone that WHMCS runs in".into()
            }
            Some(meant) => format!("{error}; did you mean {meant}?"),
            None => error.to_string(),
        };
        SettingsError::new("timezone", problem)
    })
}

/// Goes through the sections, gathering warnings and mistakes: whoever mends a config sees all of them at once.
struct Reader<'a> {
    file: File<'a>,
    folder: &'a Path,
    warnings: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    /// All sections; `None` where one that others need is wrong. What is wrong is in `mistakes`.
    fn config(&mut self, mut table: toml::Table, clock: Clock) -> Option<Config> {
        for unknown in table.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
            let expected = format!("unknown section; expected one of {}", SECTIONS.join(", "));
            self.mistakes.extend(self.file.mistakes(&[unknown], SettingsError::new("", expected)));
        }
        let whmcs: Option<WhmcsSettings> = self.section("whmcs", table.remove("whmcs"));
        let zone = whmcs.as_ref().and_then(|whmcs| self.keep(&["whmcs"], billing_zone(&whmcs.timezone)));
        let store: Option<StoreSettings> = self.section("store", table.remove("store"));
        let http: Option<ServeSettings> = self.section("http", table.remove("http"));
        let companions = whmcs.as_ref().map(|whmcs| whmcs.companion_servers.clone()).unwrap_or_default();
        let tokens = http.as_ref().map(|http| self.tokens(http, &companions)).unwrap_or_default();
        let panels = self.panels(table.remove("backend"), clock);
        let limits = self.limits(table.remove("limit"), &panels);
        let prices = self.prices(table.remove("price"), &panels);
        let adoptions = self.adoptions(table.remove("adopt"));
        let notify: Option<NotifySettings> = self.section("notify", table.remove("notify"));
        let report: Option<Option<ReportSettings>> = match table.remove("report") {
            None => Some(None),
            written => self.section("report", written).map(Some),
        };
        let (whmcs, zone, store, mut http, notify) = (whmcs?, zone?, store?, http?, notify?);
        self.enough_days(&whmcs, &store, &panels);
        for file in [&mut http.tls_cert, &mut http.tls_key].into_iter().flatten() {
            *file = self.folder.join(&file);
        }
        self.unanswered(&tokens, &panels);
        let api = prices::api(&whmcs, zone);
        let channels = self.channels(&notify, api.as_ref())?;
        if let Some(report) = report.as_ref().and_then(Option::as_ref) {
            self.keep(&["report"], report.check(channels.mail_goes_to().as_deref()));
        }
        Some(Config {
            path: self.file.path.to_path_buf(),
            folder: self.folder.to_path_buf(),
            whmcs,
            zone,
            store,
            http,
            tokens,
            panels,
            limits,
            prices,
            adoptions,
            api,
            channels,
            report: report?,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// What was read; else it is a mistake at this place.
    fn keep<T>(&mut self, at: &[&str], read: Result<T, SettingsError>) -> Option<T> {
        read.map_err(|error| self.mistakes.extend(self.file.mistakes(at, error))).ok()
    }

    /// The sections of a list such as `[[backend]]`, with their numbers.
    fn list(&mut self, name: &str, once: &str, value: Option<toml::Value>) -> Vec<(String, toml::Table)> {
        let expected = format!("expected [[{name}]], in double brackets, once for each {once}");
        let list = match value {
            None => Vec::new(),
            Some(toml::Value::Array(list)) => list,
            Some(_) => {
                self.keep::<()>(&[name], Err(SettingsError::new("", expected)));
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let number = index.to_string();
            match value {
                toml::Value::Table(table) => sections.push((number, table)),
                _ => {
                    let wrong = Err(SettingsError::new("", expected.as_str()));
                    self.keep::<()>(&[name, &number], wrong);
                }
            }
        }
        sections
    }

    fn section<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        value: Option<toml::Value>,
    ) -> Option<T> {
        let table = match value {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table,
            Some(other) => {
                let problem =
                    format!("expected a section [{name}], found a value of type {}", other.type_str());
                return self.keep(&[name], Err(SettingsError::new("", problem)));
            }
        };
        let section = Section::new(table, self.folder);
        let settings = section.clone().read();
        self.warn(name, &section);
        self.keep(&[name], settings)
    }

    fn warn(&mut self, name: &str, section: &Section) {
        self.warnings.extend(section.take_warnings().into_iter().map(|warning| format!("{name}: {warning}")));
    }

    fn tokens(&mut self, http: &ServeSettings, companions: &[i64]) -> Vec<Token> {
        let mut tokens = Vec::new();
        for (index, table) in http.token.iter().enumerate() {
            let number = index.to_string();
            let mut section = Section::new(table.clone(), self.folder);
            let settings = section.take::<TokenSettings>();
            self.warn("http.token", &section);
            let token = section.refuse_unknown().and(settings).and_then(Token::new);
            let token = token.and_then(|token| refuse_tie_to_companions(token, companions));
            tokens.extend(self.keep(&["http", "token", &number], token));
        }
        // Of tokens that are wrong it is not known whether there are none.
        let none = tokens.is_empty() && http.token.is_empty();
        if let Some(problem) = open_to_others(none, &http.addresses()) {
            self.keep::<()>(&["http"], Err(SettingsError::new("listen", problem)));
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
            self.keep::<()>(&["http"], Err(SettingsError::new("tls_cert", problem)));
        }
        tokens
    }

    fn panels(&mut self, value: Option<toml::Value>, clock: Clock) -> Vec<Arc<ConfiguredPanel>> {
        let mut panels: Vec<Arc<ConfiguredPanel>> = Vec::new();
        for (number, table) in self.list("backend", "panel", value) {
            let at = ["backend", number.as_str()];
            let metered = self.panel(table, clock);
            let Some(metered) = self.keep(&at, metered) else { continue };
            if panels.iter().any(|other| other.id == metered.id) {
                let problem = format!(
                    "another backend is called {} already; names are keys and must differ",
                    metered.id
                );
                self.keep::<()>(&at, Err(SettingsError::new("name", problem)));
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
        panels
    }

    /// What is valid, and of no use.
    fn unanswered(&mut self, tokens: &[Token], panels: &[Arc<ConfiguredPanel>]) {
        if panels.is_empty() {
            self.warnings.push(
                "no [[backend]]: nothing is measured; `whmeter sample-config` prints one of each kind".into(),
            );
        }
        let is_answered = |server: &i64| panels.iter().any(|panel| panel.whmcs_server == Some(*server));
        for server in tokens.iter().filter_map(Token::server).filter(|server| !is_answered(server)) {
            self.warnings.push(format!(
                "http.token: one is for WHMCS server {server}, and no backend has whmcs_server = {server}: it can ask for nothing"
            ));
        }
    }

    /// The days of the month that `bill_from` cuts are needed until WHMCS was given what that month lacked.
    fn enough_days(&mut self, whmcs: &WhmcsSettings, store: &StoreSettings, panels: &[Arc<ConfiguredPanel>]) {
        const NEEDED: u32 = 62;
        let too_few = |days: u32| whmcs.bill_from.is_set() && days < NEEDED;
        let problem = |days: u32| {
            let why = "bill_from of [whmcs] needs the days of two months";
            SettingsError::new("keep_days", format!("{days} is too few: {why}; expected {NEEDED} or more"))
        };
        if too_few(store.keep_days) {
            self.keep::<()>(&["store"], Err(problem(store.keep_days)));
        }
        for (index, panel) in panels.iter().enumerate() {
            if let Some(days) = panel.keep_days.filter(|days| too_few(*days)) {
                self.keep::<()>(&["backend", &index.to_string()], Err(problem(days)));
            }
        }
    }

    fn channels(&mut self, notify: &NotifySettings, api: Option<&WhmcsApi>) -> Option<Channels> {
        let opened = match Channels::open(notify, api, self.folder) {
            Ok(channels) => Ok(channels),
            Err(error) => match error.key.strip_prefix("whmcs.") {
                Some(key) => return self.keep(&["whmcs"], Err(SettingsError { key: key.into(), ..error })),
                None => Err(error),
            },
        };
        let mut channels = self.keep(&["notify"], opened)?;
        self.warnings
            .extend(channels.take_warnings().into_iter().map(|warning| format!("notify: {warning}")));
        Some(channels)
    }

    fn limits(&mut self, value: Option<toml::Value>, panels: &[Arc<ConfiguredPanel>]) -> Limits {
        let mut limits = Vec::new();
        for (number, table) in self.list("limit", "rule", value) {
            let limit = LimitRule::read(Section::new(table, self.folder));
            let Some(limit) = self.keep(&["limit", &number], limit) else { continue };
            for metered in
                panels.iter().filter(|metered| limit.limits(&metered.id) && !metered.kind.can_limit)
            {
                self.warnings.push(format!(
                    "limit[{number}]: limit_at does nothing on {}: whmeter cannot limit accounts of kind {}",
                    metered.id, metered.kind.name
                ));
            }
            limits.push(limit);
        }
        Limits::new(limits)
    }

    fn adoptions(&mut self, value: Option<toml::Value>) -> Adoptions {
        let mut rules = Vec::new();
        for (number, table) in self.list("adopt", "rule", value) {
            let rule = AdoptRule::read(Section::new(table, self.folder));
            rules.extend(self.keep(&["adopt", &number], rule));
        }
        Adoptions::new(rules)
    }

    fn panel(&mut self, mut table: toml::Table, clock: Clock) -> Result<ConfiguredPanel, SettingsError> {
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
