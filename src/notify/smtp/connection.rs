//! One connection to a mail server, step by step, so that it is known how far a mail came.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;

use super::super::delivery::NotDelivered;
use super::Encryption;
use crate::settings::{Secret, Section, SettingsError};

/// The most of a server's reply that is shown.
const SHOWN: usize = 200;

/// A mail server and how to reach it.
#[derive(Clone)]
pub(super) struct Server {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub authorities: Vec<Certificate>,
    pub login: Option<(String, Secret)>,
    /// Our own name in the greeting.
    pub hello: String,
    /// The longest one mail may take.
    pub timeout: Duration,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The certificates of `tls_ca_file`.
pub(super) fn authorities(file: Option<&Path>, section: &Section) -> Result<Vec<Certificate>, SettingsError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let path = section.path(file);
    let wrong = |problem: String| SettingsError::new("tls_ca_file", problem);
    let pem =
        std::fs::read(&path).map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    // A file without any certificate would be taken for none at all.
    let begins = b"-----BEGIN CERTIFICATE-----";
    match Certificate::from_pem(&pem) {
        Ok(certificates) if pem.windows(begins.len()).any(|found| found == begins) => Ok(vec![certificates]),
        _ => Err(wrong(format!(
            "{} is not a PEM file of certificates; it should begin with -----BEGIN CERTIFICATE-----",
            path.display()
        ))),
    }
}

/// How far a mail came, and what happened there.
pub(super) struct Trouble {
    step: &'static str,
    error: Fault,
}

enum Fault {
    Smtp(Error),
    /// Nobody will ever have it, with the server's replies.
    Refused(String),
}

impl Trouble {
    fn at(step: &'static str) -> impl Fn(Error) -> Trouble {
        move |error| Trouble { step, error: Fault::Smtp(error) }
    }

    /// The server's 4xx may pass and its 5xx will not; where it said nothing, it depends on how far we were.
    pub fn into_not_delivered(self, server: &Server) -> NotDelivered {
        let step = self.step;
        match self.error {
            Fault::Refused(replies) => NotDelivered::never(format!("{server}: {step}: {replies}")),
            Fault::Smtp(error) => {
                let why = shown(&server.without_login(format!("{server}: {step}: {}", described(&error))));
                // What lettre itself refuses (no STARTTLS, no common way to log in) is for somebody to fix.
                if error.is_permanent() || error.is_client() {
                    NotDelivered::never(why)
                } else if step == TEXT && !error.is_transient() {
                    NotDelivered::unknown(why)
                } else {
                    NotDelivered::later(why)
                }
            }
        }
    }
}

const TEXT: &str = "text of the mail";

/// An open connection, encrypted and logged in as configured.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
}

impl Connection {
    /// Connects; returns the steps taken on the way.
    pub async fn open(
        server: &Server,
        steps: &mut Vec<(&'static str, String)>,
    ) -> Result<Connection, Trouble> {
        crate::http::install_tls();
        let hello = ClientId::Domain(server.hello.clone());
        let parameters = match server.encryption {
            Encryption::None => None,
            Encryption::Starttls | Encryption::Implicit => {
                let builder = TlsParameters::builder(server.host.clone());
                let builder = server
                    .authorities
                    .iter()
                    .cloned()
                    .fold(builder, |builder, authority| builder.add_root_certificate(authority));
                Some(builder.build_rustls().map_err(Trouble::at("TLS"))?)
            }
        };
        let at_once = parameters.clone().filter(|_| server.encryption == Encryption::Implicit);
        let address = (server.host.as_str(), server.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(address, Some(server.timeout), &hello, at_once, None);
        let mut smtp = connecting.await.map_err(Trouble::at("connecting"))?;
        steps.push(("connection", format!("{server} answers as {}", smtp.server_info().name())));
        if let (Encryption::Starttls, Some(parameters)) = (server.encryption, parameters) {
            smtp.starttls(parameters, &hello).await.map_err(Trouble::at("STARTTLS"))?;
        }
        if smtp.is_encrypted() {
            steps.push(("TLS", "certificate accepted".into()));
        }
        if let Some((user, password)) = &server.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_string());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            smtp.auth(&mechanisms, &credentials).await.map_err(Trouble::at("login"))?;
            steps.push(("login", format!("as {user}")));
        }
        Ok(Connection { smtp })
    }

    /// Says goodbye; whether it is heard changes nothing.
    pub async fn leave(mut self) {
        self.smtp.abort().await;
    }

    /// Hands the mail over to everybody whom the server takes; `at` is set to how far it is.
    async fn send(
        &mut self,
        envelope: &Envelope,
        mail: &[u8],
        at: &mut &'static str,
    ) -> Result<String, Trouble> {
        *at = "sender";
        let info = self.smtp.server_info();
        let mut addresses = envelope.to().iter().chain(envelope.from());
        let wide = addresses.any(|address| !address.to_string().is_ascii())
            && info.supports_feature(Extension::SmtpUtfEight);
        let parameters = Vec::from_iter(wide.then_some(MailParameter::SmtpUtfEight));
        let sender = Mail::new(envelope.from().cloned(), parameters);
        self.smtp.command(sender).await.map_err(Trouble::at(at))?;
        *at = "recipients";
        let refused = self.recipients(envelope).await?;
        *at = "begin of the mail";
        self.smtp.command(Data).await.map_err(Trouble::at(at))?;
        *at = TEXT;
        let taken = self.smtp.message(mail).await.map_err(Trouble::at(at))?;
        Ok(match refused.is_empty() {
            true => reply(&taken),
            false => format!("{}; not taken for {}", reply(&taken), refused.join(", ")),
        })
    }

    /// Those the server will never take are left out, as long as there are others; one that it may take later
    /// makes the whole mail wait, so that no one gets it twice.
    async fn recipients(&mut self, envelope: &Envelope) -> Result<Vec<String>, Trouble> {
        let mut refused = Vec::new();
        for to in envelope.to() {
            match self.smtp.command(Rcpt::new(to.clone(), Vec::new())).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => {
                    refused.push(format!("{to} ({})", shown(&described(&error))))
                }
                Err(error) => return Err(Trouble { step: "recipients", error: Fault::Smtp(error) }),
            }
        }
        if refused.len() < envelope.to().len() {
            return Ok(refused);
        }
        Err(Trouble { step: "recipients", error: Fault::Refused(refused.join(", ")) })
    }
}

impl Server {
    /// What the settings must not say together.
    pub fn check_settings(&self) -> Result<(), SettingsError> {
        let is_here = self.host == "localhost"
            || self
                .host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if self.encryption == Encryption::None && !is_here {
            return Err(SettingsError::new(
                "tls",
                "\"none\" is for a mail server on this very machine; use \"starttls\" or \"implicit\"",
            ));
        }
        Ok(())
    }

    /// A text without the password, should a server repeat what it was sent to log in.
    fn without_login(&self, text: String) -> String {
        let Some((user, password)) = &self.login else { return text };
        let password = password.expose();
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        let secrets = [plain, STANDARD.encode(password), password.to_string()];
        secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(text, |text, secret| text.replace(secret, "…"))
    }

    /// Delivers one mail over a connection of its own; what the server said to it.
    pub async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<String, NotDelivered> {
        let mut at = "connecting";
        let delivering = async {
            let mut connection = Connection::open(self, &mut Vec::new()).await?;
            let said = connection.send(envelope, mail, &mut at).await;
            // The mail is taken or not; a slow goodbye must not make it seem lost.
            let _ = tokio::time::timeout(Duration::from_secs(1), connection.leave()).await;
            said
        };
        match tokio::time::timeout(self.timeout, delivering).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(trouble)) => Err(trouble.into_not_delivered(self)),
            Err(_) => {
                let why =
                    format!("{self}: {at}: no answer within {}", humantime::format_duration(self.timeout));
                Err(if at == TEXT { NotDelivered::unknown(why) } else { NotDelivered::later(why) })
            }
        }
    }
}

/// An error with its causes, in one line.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn reply(response: &Response) -> String {
    let lines = response.message().collect::<Vec<_>>().join(" ");
    shown(&format!("{} {lines}", response.code()))
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}
