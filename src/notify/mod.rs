//! Delivers notifications: as mail through WHMCS or a mail server, to the operator's program, as alerts.
//!
//! It decides nothing and remembers nothing: whoever calls it keeps what is due and what was tried.

mod alertmanager;
mod delivery;
mod message;
#[cfg(test)]
mod samples;
mod settings;
mod smtp;
#[cfg(test)]
mod tests;
mod unit;
mod webhook;
mod whmcs;

use std::path::Path;

pub use delivery::{Delivered, Delivery, Firing, NotDelivered, Posting};
pub use settings::NotifySettings;
pub use whmcs::{
    BillableItems, HostedService, Invoiced, NewItem, NewOrder, NotAdded, NotSaid, Orders, Payer, PlacedOrder,
    Product, ServiceNames, WhmcsApi,
};

use crate::domain::{Timestamp, UsageDay};
use crate::quota::Channel;
use crate::settings::{Section, SettingsError};
use alertmanager::Alertmanager;
use smtp::Smtp;
use unit::Unit;
use webhook::Webhook;
use whmcs::Whmcs;

/// The `[notify]` section, commented, for `sample-config`.
pub const SAMPLE: &str = include_str!("sample.toml");

/// Amounts are reported in GiB and its kin where WHMCS's settings say nothing else.
const UNIT_BYTES: u64 = 1 << 30;

/// The configured channels. Clones share connections and what is known of templates.
#[derive(Clone, Default)]
pub struct Channels {
    whmcs: Option<Whmcs>,
    smtp: Option<Smtp>,
    webhook: Option<Webhook>,
    alertmanager: Option<Alertmanager>,
    warnings: Vec<String>,
}

impl Channels {
    /// Opens the channels that `settings` names; files are looked for in `folder`. Errors name the key
    /// within `[notify]`, such as `smtp.password_file`; one that begins with `whmcs.` is of `[whmcs]`.
    pub fn open(
        settings: &NotifySettings,
        whmcs: Option<&WhmcsApi>,
        folder: &Path,
    ) -> Result<Channels, SettingsError> {
        let unit_bytes = whmcs.map_or(UNIT_BYTES, |whmcs| whmcs.unit_bytes);
        let unit = Unit::of_bytes(unit_bytes)
            .ok_or_else(|| SettingsError::new("whmcs.unit", "is not a unit that mails can show"))?;
        let mut channels = Channels::default();
        for channel in settings.named()? {
            match channel {
                Channel::Whmcs => {
                    let api = whmcs.ok_or_else(|| {
                        SettingsError::new(
                            "channels",
                            "\"whmcs\" needs url, identifier and secret (or secret_file) in [whmcs]",
                        )
                    })?;
                    let section = Section::new(toml::Table::new(), folder);
                    channels.whmcs = Some(Whmcs::open(api, unit, &section)?);
                }
                Channel::Smtp => {
                    let opened = channels
                        .open_table(channel, &settings.smtp, folder, |section| Smtp::open(section, unit))?;
                    channels.smtp = Some(opened);
                }
                Channel::Webhook => {
                    let opened = channels.open_table(channel, &settings.webhook, folder, Webhook::open)?;
                    channels.webhook = Some(opened);
                }
                Channel::Alertmanager => {
                    let opened = channels.open_table(channel, &settings.alertmanager, folder, |section| {
                        Alertmanager::open(section, unit)
                    })?;
                    channels.alertmanager = Some(opened);
                }
            }
        }
        Ok(channels)
    }

    fn open_table<T>(
        &mut self,
        channel: Channel,
        table: &Option<toml::Table>,
        folder: &Path,
        open: impl FnOnce(Section) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let Some(table) = table else {
            let missing = format!("missing; channel \"{channel}\" needs a table [notify.{channel}]");
            return Err(SettingsError::new(channel.name(), missing));
        };
        let section = Section::new(table.clone(), folder);
        let opened = open(section.clone());
        let below = |text: String| format!("{channel}.{text}");
        self.warnings.extend(section.take_warnings().into_iter().map(below));
        opened.map_err(|error| SettingsError { key: below(error.key), ..error })
    }

    /// What works but should be fixed, such as a secret that is readable by all.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The channels that are open.
    pub fn names(&self) -> Vec<Channel> {
        let is_open = |channel: &Channel| match channel {
            Channel::Whmcs => self.whmcs.is_some(),
            Channel::Smtp => self.smtp.is_some(),
            Channel::Webhook => self.webhook.is_some(),
            Channel::Alertmanager => self.alertmanager.is_some(),
        };
        Channel::ALL.into_iter().filter(is_open).collect()
    }

    /// Posts the heads of the chains to the operator's program, where its channel is open and he wishes it.
    pub async fn send_heads(
        &self,
        day: UsageDay,
        at: Timestamp,
        heads: &[String],
    ) -> Result<(), NotDelivered> {
        match &self.webhook {
            Some(webhook) => webhook.send_heads(day, at, heads).await,
            None => Ok(()),
        }
    }

    /// Delivers one notification by one channel. Telling the same notification again is safe on every channel as
    /// long as
    /// `tried_at` says so after an attempt whose outcome is not known.
    pub async fn deliver(
        &self,
        channel: Channel,
        delivery: &Delivery<'_>,
    ) -> Result<Delivered, NotDelivered> {
        let closed = || NotDelivered::never(format!("channel {channel} is not among notify.channels"));
        match channel {
            Channel::Whmcs => self.whmcs.as_ref().ok_or_else(closed)?.deliver(delivery).await,
            Channel::Smtp => self.smtp.as_ref().ok_or_else(closed)?.deliver(delivery).await,
            Channel::Webhook => self.webhook.as_ref().ok_or_else(closed)?.deliver(delivery).await,
            Channel::Alertmanager => self.alertmanager.as_ref().ok_or_else(closed)?.deliver(delivery).await,
        }
    }

    /// Sends a worded mail to staff. Again with the same key it is the same mail to whoever compares them.
    pub async fn post(&self, posting: &Posting<'_>) -> Result<Delivered, NotDelivered> {
        match &self.smtp {
            Some(smtp) => smtp.post(posting).await,
            None => Err(NotDelivered::never("channel smtp is not among notify.channels")),
        }
    }

    /// To whom mail goes that names nobody, where there is a mail server.
    pub fn mail_goes_to(&self) -> Option<Vec<String>> {
        Some(self.smtp.as_ref()?.goes_to())
    }

    /// Repeats to Alertmanager what still fires, so that it does not resolve by itself after four minutes.
    pub async fn keep_firing(&self, firing: &[Firing<'_>], now: Timestamp) -> Result<(), NotDelivered> {
        match &self.alertmanager {
            Some(alertmanager) => alertmanager.keep_firing(firing, now).await,
            None => Ok(()),
        }
    }

    /// Every channel step by step: what was found, or what is wrong and what to do. Sends nothing.
    /// `templates` are the names that rules give.
    pub async fn check(&self, templates: &[String]) -> Vec<(String, Result<String, NotDelivered>)> {
        let mut steps = Vec::new();
        if let Some(whmcs) = &self.whmcs {
            steps.extend(whmcs.check(templates).await);
        }
        if let Some(smtp) = &self.smtp {
            steps.extend(smtp.check().await);
        }
        if let Some(webhook) = &self.webhook {
            steps.extend(webhook.check().await);
        }
        if let Some(alertmanager) = &self.alertmanager {
            steps.extend(alertmanager.check().await);
        }
        steps
    }
}
