//! Mail to customers by WHMCS's `SendEmail`, worded by the operator's own templates where there are any;
//! and items for their next invoice.
//!
//! WHMCS knows no idempotency: an attempt whose outcome is not known is looked up before it is repeated.

mod billing;
mod client;
mod fields;
mod orders;
mod php;
mod reconcile;
mod redacted_json;
mod services;
mod templates;
mod wire;

pub use billing::{BillableItems, Invoiced, NewItem, NotAdded};
pub use orders::{HostedService, NewOrder, NotSaid, Orders, Payer, PlacedOrder, Product, ServiceNames};

use super::delivery::{Delivered, Delivery, NotDelivered};
use super::message::worded;
use super::unit::Unit;
use crate::domain::{BillingZone, Bytes, WordedMail};
use crate::quota::Channel;
use crate::settings::{Secret, Section, SettingsError};
use client::{ApiError, Client};
use fields::Fields;
use reconcile::Lost;
use templates::{Templates, Wording, wording};

const SEND: &str = "SendEmail";

/// What `[whmcs]` says of WHMCS's external API.
#[derive(Clone, Debug)]
pub struct WhmcsApi {
    /// Its address, ending in `/includes/api.php`.
    pub url: String,
    /// The credential's identifier.
    pub identifier: String,
    /// The credential's secret.
    pub secret: Secret,
    /// What lets a caller in from an address that is not on WHMCS's list.
    pub access_key: Option<Secret>,
    /// Bytes of the unit in mails: 2^20 to 2^50 or 10^6 to 10^15, whose names are MB to PB.
    pub unit_bytes: u64,
    /// The zone of WHMCS's own times.
    pub zone: BillingZone,
}

#[derive(Clone)]
pub(super) struct Whmcs {
    client: Client,
    templates: Templates,
    unit: Unit,
    zone: BillingZone,
}

impl Whmcs {
    pub fn open(api: &WhmcsApi, unit: Unit, section: &Section) -> Result<Whmcs, SettingsError> {
        let client = Client::new(api, section)?;
        Ok(Whmcs { client, templates: Templates::default(), unit, zone: api.zone })
    }

    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<Delivered, NotDelivered> {
        let notification = delivery.notification;
        if !Channel::Whmcs.carries(notification) {
            return Err(NotDelivered::not_carried(Channel::Whmcs, notification));
        }
        if notification.limit == Bytes::ZERO {
            // The templates calculate with it.
            return Err(NotDelivered::never("the account has no limit, and no template knows how to say so"));
        }
        let template = match wording(delivery) {
            Wording::Template(name) => Some(name),
            Wording::Own => None,
        };
        let service = services::find(&self.client, delivery).await?;
        let mail = Mail {
            service,
            fields: Fields::of(notification, self.unit.called(delivery.unit)),
            message: worded(notification, delivery.product, self.unit),
        };
        if let Some(tried_at) = delivery.tried_at {
            let lost = Lost {
                service,
                tried_at,
                zone: self.zone,
                template: template.as_deref(),
                fields: &mail.fields,
                own_subject: &mail.own_subject(),
            };
            if let Some(found) = lost.find(&self.client, &self.templates).await? {
                return Ok(Delivered::saying(found));
            }
        }
        let answer = match template {
            Some(name) => self.send_by(&name, &mail).await?,
            None => self.send_own(&mail).await?,
        };
        Ok(Delivered::saying(answer))
    }

    /// By the template, or where WHMCS does not have it in our own words: a customer hears of it either way.
    async fn send_by(&self, template: &str, mail: &Mail) -> Result<String, NotDelivered> {
        let lacks = match self.templates.list(&self.client).await {
            Ok(list) if list.iter().all(|known| known.name != template) => {
                Some("has no such template".into())
            }
            Ok(_) => None,
            // Only a look ahead: SendEmail says itself what is missing.
            Err(ApiError::Permission { .. }) => None,
            Err(error) => return Err(error.of_reading()),
        };
        let lacks = match lacks {
            Some(lacks) => lacks,
            None => match self.send(mail, &[("messagename", template)]).await {
                Ok(()) => return Ok(format!("sent by template {template:?} to service {}", mail.service)),
                Err(ApiError::Rejected { message, .. }) if says_unusable(&message) => {
                    self.templates.forget().await;
                    format!("says {message:?}")
                }
                Err(error) => return Err(of_sending(error)),
            },
        };
        tracing::warn!(
            template,
            service = mail.service,
            "WHMCS {lacks}; the mail is sent with whmeter's built-in text: create the template (type Product/Service), \
             enable it, or name another in the rule"
        );
        Ok(format!("{} (WHMCS {lacks}: template {template:?})", self.send_own(mail).await?))
    }

    async fn send_own(&self, mail: &Mail) -> Result<String, NotDelivered> {
        let (subject, message) = (mail.own_subject(), without_tags(&mail.message.html, "&#123;", "&#125;"));
        let parameters =
            [("customtype", "product"), ("customsubject", &subject), ("custommessage", &message)];
        self.send(mail, &parameters).await.map_err(of_sending)?;
        Ok(format!("sent with whmeter's built-in text to service {}", mail.service))
    }

    async fn send(&self, mail: &Mail, wording: &[(&str, &str)]) -> Result<(), ApiError> {
        let malformed =
            |error: php::NotFinite| ApiError::Rejected { action: SEND, message: format!("nothing: {error}") };
        let (service, fields) = (mail.service.to_string(), mail.fields.encoded().map_err(malformed)?);
        let mut parameters = wording.to_vec();
        parameters.extend([("id", service.as_str()), ("customvars", &fields)]);
        self.client.write(SEND, &parameters).await.map(drop)
    }

    /// The API, then each template.
    pub async fn check(&self, wanted: &[String]) -> Vec<(String, Result<String, NotDelivered>)> {
        let details = self.client.read("WhmcsDetails", &[]).await;
        let version = details.map(|answer| {
            let version = answer.get("whmcs").and_then(|whmcs| whmcs.get("version"));
            format!("WHMCS {}", wire::text(version).unwrap_or_else(|| "of unknown version".into()))
        });
        let is_refused = matches!(
            version,
            Err(ApiError::Http(_) | ApiError::InvalidIp { .. } | ApiError::Authentication { .. })
        );
        let mut steps = vec![("whmcs API".to_string(), version.map_err(ApiError::of_reading))];
        if is_refused || wanted.is_empty() {
            return steps;
        }
        let list = self.templates.list(&self.client).await.map_err(ApiError::of_reading);
        steps.extend(wanted.iter().map(|name| {
            let outcome = list.clone().and_then(|list| {
                list.iter().find(|known| known.name == *name).map_or_else(
                    || Err(NotDelivered::never(format!(
                        "WHMCS has no product template {name:?}: such mails are sent with whmeter's built-in text; create it or name another"
                    ))),
                    |known| Ok(format!("found, subject {:?}", known.subject)),
                )
            });
            (format!("whmcs template {name:?}"), outcome)
        }));
        steps
    }
}

/// A mail ready to be sent, whichever way it is worded.
struct Mail {
    service: u64,
    fields: Fields,
    message: WordedMail,
}

impl Mail {
    fn own_subject(&self) -> String {
        without_tags(&self.message.subject, "(", ")")
    }
}

/// WHMCS reads our own words as a Smarty template too: a customer's braces must not be taken for tags.
fn without_tags(text: &str, open: &str, close: &str) -> String {
    let replaced = text.chars().map(|c| match c {
        '{' => open.to_string(),
        '}' => close.to_string(),
        other => other.to_string(),
    });
    replaced.collect()
}

/// "Email Template not found" and "Email Template is disabled" (developers.whmcs.com, "SendEmail").
fn says_unusable(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.contains("template") && (lower.contains("not found") || lower.contains("disabled"))
}

/// "Sending Failed" is also said when the mail server would not take it, which may pass.
fn of_sending(error: ApiError) -> NotDelivered {
    match &error {
        ApiError::Rejected { message, .. } if message.to_ascii_lowercase().contains("sending failed") => {
            NotDelivered::later(format!(
                "{error}: the service id, the template's body, a hook, or WHMCS's own mail settings; see \
                 its activity log"
            ))
        }
        _ => error.of_writing(),
    }
}
