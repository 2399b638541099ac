//! The `[notify]` section: which channels there are, and a table for each.

use std::fmt;

use serde::Deserialize;

use crate::quota::Channel;
use crate::settings::SettingsError;

/// The `[notify]` section, its tables not yet understood.
#[derive(Clone, Default, Deserialize)]
pub struct NotifySettings {
    /// The channels in use: `whmcs`, `smtp`, `webhook`, `alertmanager`.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The mail server.
    #[serde(default)]
    pub smtp: Option<toml::Table>,
    /// The operator's own program.
    #[serde(default)]
    pub webhook: Option<toml::Table>,
    /// Alertmanager.
    #[serde(default)]
    pub alertmanager: Option<toml::Table>,
}

impl fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The tables hold secrets: only their keys are shown.
        let keys = |table: &Option<toml::Table>| {
            table.as_ref().map(|table| table.keys().cloned().collect::<Vec<_>>())
        };
        f.debug_struct("NotifySettings")
            .field("channels", &self.channels)
            .field("smtp", &keys(&self.smtp))
            .field("webhook", &keys(&self.webhook))
            .field("alertmanager", &keys(&self.alertmanager))
            .finish()
    }
}

impl NotifySettings {
    /// The channels by name, each once.
    pub(super) fn named(&self) -> Result<Vec<Channel>, SettingsError> {
        let mut named = Vec::new();
        for name in &self.channels {
            let found = Channel::ALL.into_iter().find(|channel| channel.name() == name);
            let channel = found.ok_or_else(|| {
                let all = Channel::ALL.map(Channel::name).join(", ");
                SettingsError::new("channels", format!("{name:?} is not a channel; expected one of {all}"))
            })?;
            if named.contains(&channel) {
                return Err(SettingsError::new("channels", format!("{name:?} is listed twice")));
            }
            named.push(channel);
        }
        Ok(named)
    }
}
