//! Mail through a mail server, to the addresses that a rule names.
//!
//! A mail's Message-ID is made of the notification's key, so one that is sent twice is one mail to whoever
//! compares them, and an attempt whose outcome is not known may be repeated.

mod connection;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lettre::Message as Mail;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::delivery::{Delivered, Delivery, NotDelivered, Posting};
use super::message::worded;
use super::unit::Unit;
use crate::domain::WordedMail;
use crate::quota::Channel;
use crate::settings::{Period, Secret, Section, SettingsError};
use connection::{Connection, Server};

/// The `[notify.smtp]` table.
#[derive(Deserialize)]
struct SmtpSettings {
    /// The mail server.
    host: String,
    /// Its port; 587, 465 with implicit TLS and 25 without TLS where absent.
    port: Option<u16>,
    /// `"starttls"`, `"implicit"`, or `"none"` for a server on this very machine.
    #[serde(default)]
    tls: Encryption,
    /// Certificates (PEM) trusted besides the platform's.
    tls_ca_file: Option<PathBuf>,
    /// Who logs in; nobody without it.
    username: Option<String>,
    /// The password of `username`.
    password: Option<Secret>,
    /// The sender, `whmeter@example.net` or `Billing <billing@example.net>`.
    from: String,
    /// Who gets the notifications of rules that name nobody.
    #[serde(default)]
    to: Vec<String>,
    /// The longest one mail may take.
    #[serde(default = "half_a_minute")]
    timeout: Period,
}

fn half_a_minute() -> Period {
    Period(Duration::from_secs(30))
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encryption {
    /// After a greeting in the clear; never sends anything if the server does not offer it.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all: to this very machine only.
    None,
}

#[derive(Clone)]
pub(super) struct Smtp {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    unit: Unit,
}

impl Smtp {
    pub fn open(section: Section, unit: Unit) -> Result<Smtp, SettingsError> {
        let place = section.clone();
        let settings: SmtpSettings = section.read()?;
        let from = mailbox("from", &settings.from)?;
        let to = settings.to.iter().map(|to| mailbox("to", to)).collect::<Result<_, _>>()?;
        let login = match (settings.username, settings.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => return Err(SettingsError::new("password", "missing; username needs it")),
            (None, Some(_)) => return Err(SettingsError::new("username", "missing; password needs it")),
        };
        let server = Server {
            host: settings.host,
            port: settings.port.unwrap_or(match settings.tls {
                Encryption::Starttls => 587,
                Encryption::Implicit => 465,
                Encryption::None => 25,
            }),
            encryption: settings.tls,
            authorities: connection::authorities(settings.tls_ca_file.as_deref(), &place)?,
            login,
            hello: from.email.domain().to_string(),
            timeout: settings.timeout.0,
        };
        server.check_settings()?;
        Ok(Smtp { server, from, to, unit })
    }

    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<Delivered, NotDelivered> {
        let notification = delivery.notification;
        if !Channel::Smtp.carries(notification) {
            return Err(NotDelivered::not_carried(Channel::Smtp, notification));
        }
        let worded = worded(notification, delivery.product, self.unit);
        let to = &notification.address.mail_to;
        let posting = Posting { mail: &worded, to, key: delivery.key, now: delivery.now };
        self.send(&posting, "the rule's mail_to", "mail_to in the rule").await
    }

    /// Sends a worded mail to staff.
    pub async fn post(&self, posting: &Posting<'_>) -> Result<Delivered, NotDelivered> {
        self.send(posting, "to of [report]", "to in [report]").await
    }

    /// To whom mail goes that names nobody.
    pub fn goes_to(&self) -> Vec<String> {
        self.to.iter().map(ToString::to_string).collect()
    }

    /// `key` is where a recipient comes from, `set` what to set where there is none.
    async fn send(&self, posting: &Posting<'_>, key: &str, set: &str) -> Result<Delivered, NotDelivered> {
        let named = posting.to.iter().map(|to| {
            to.parse::<Mailbox>().map_err(|error| {
                NotDelivered::never(format!("{key} has {to:?}, which is not a mail address: {error}"))
            })
        });
        let mut to = named.collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            to.clone_from(&self.to);
        }
        if to.is_empty() {
            return Err(NotDelivered::never(format!("no recipient: set {set}, or to in [notify.smtp]")));
        }
        let mail = self
            .mail(posting, &to)
            .map_err(|error| NotDelivered::never(format!("the mail cannot be written: {error}")))?;
        self.server.send(mail.envelope(), &mail.formatted()).await.map(Delivered::saying)
    }

    fn mail(&self, posting: &Posting<'_>, to: &[Mailbox]) -> Result<Mail, lettre::error::Error> {
        let WordedMail { subject, plain, html } = posting.mail.clone();
        let digest = hex::encode(Sha256::digest(posting.key));
        let written = Duration::from_secs(posting.now.get().unsigned_abs());
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let builder =
            to.iter().fold(Mail::builder().from(self.from.clone()), |builder, to| builder.to(to.clone()));
        builder
            .envelope(Envelope::new(Some(self.from.email.clone()), recipients)?)
            .subject(subject)
            .message_id(Some(format!("<{digest}@{}>", self.from.email.domain())))
            .date(SystemTime::UNIX_EPOCH + written)
            // So that no holiday notice answers it (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_string(),
            ))
            .multipart(MultiPart::alternative_plain_html(plain, html))
    }

    /// Connects, encrypts and logs in, step by step.
    pub async fn check(&self) -> Vec<(String, Result<String, NotDelivered>)> {
        let mut steps = Vec::new();
        let tried = Connection::open(&self.server, &mut steps);
        let outcome = match tokio::time::timeout(self.server.timeout, tried).await {
            Err(_) => Err(NotDelivered::later(format!("{}: no answer in time", self.server))),
            Ok(Err(trouble)) => Err(trouble.into_not_delivered(&self.server)),
            Ok(Ok(connection)) => {
                connection.leave().await;
                Ok("ready to take mail".to_string())
            }
        };
        let mut steps: Vec<_> =
            steps.into_iter().map(|(name, found)| (format!("smtp {name}"), Ok(found))).collect();
        steps.push(("smtp".into(), outcome));
        steps
    }
}

fn mailbox(key: &str, text: &str) -> Result<Mailbox, SettingsError> {
    text.parse().map_err(|error| {
        SettingsError::new(
            key,
            format!("{text:?} is not a mail address ({error}); write it like \"billing@example.net\""),
        )
    })
}
