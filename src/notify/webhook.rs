//! JSON to the operator's own program, signed, one POST per notification.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::delivery::{Delivered, Delivery, NotDelivered};
use crate::domain::{Timestamp, UsageDay};
use crate::http::{Answer, Call, Http, HttpError, HttpSettings, Url, panel_url};
use crate::quota::Channel;
use crate::settings::{Secret, Section, SettingsError};

/// The `[notify.webhook]` table, besides what every section with an address has.
#[derive(Deserialize)]
struct WebhookSettings {
    /// Where it is posted to.
    url: String,
    /// The key of the signature.
    secret: Secret,
    /// Whether the heads of the chains are posted, too, once a day.
    #[serde(default)]
    heads: bool,
}

#[derive(Clone)]
pub(super) struct Webhook {
    http: Http,
    url: Url,
    secret: Secret,
    heads: bool,
}

/// The body of the day's heads; its shape is a promise, too.
#[derive(Serialize)]
struct Heads<'a> {
    key: &'a str,
    kind: &'static str,
    at: String,
    heads: &'a [String],
}

/// The body; its shape is a promise (docs/contract.md, Messages).
#[derive(Serialize)]
struct Message<'a> {
    key: &'a str,
    kind: &'a str,
    backend: &'a str,
    account: &'a str,
    service: Option<u64>,
    meter: &'a str,
    used_bytes: u64,
    limit_bytes: u64,
    percent: f64,
    threshold: u32,
    at: String,
}

impl Webhook {
    pub fn open(mut section: Section) -> Result<Webhook, SettingsError> {
        let place = section.clone();
        let http: HttpSettings = section.take()?;
        let settings: WebhookSettings = section.read()?;
        if settings.secret.expose().is_empty() {
            return Err(SettingsError::new(
                "secret",
                "is empty; the receiver needs it to check the signature",
            ));
        }
        let url = panel_url("url", &settings.url, true)?;
        let (secret, heads) = (settings.secret, settings.heads);
        Ok(Webhook { http: Http::new(&http, &place)?, url, secret, heads })
    }

    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<Delivered, NotDelivered> {
        let notification = delivery.notification;
        if !Channel::Webhook.carries(notification) {
            return Err(NotDelivered::not_carried(Channel::Webhook, notification));
        }
        let key = delivery.key;
        let message = Message {
            key,
            kind: notification.occasion.name(),
            backend: notification.account.backend.as_str(),
            account: notification.account.name.as_str(),
            service: delivery.service,
            meter: notification.meter.name(),
            used_bytes: notification.used.get(),
            limit_bytes: notification.limit.get(),
            percent: notification.hundredths() as f64 / 100.0,
            threshold: notification.threshold,
            at: notification.at.to_string(),
        };
        self.post(key, &message).await
    }

    /// Posts the heads of the chains, where that is wished.
    pub async fn send_heads(
        &self,
        day: UsageDay,
        at: Timestamp,
        heads: &[String],
    ) -> Result<(), NotDelivered> {
        if !self.heads {
            return Ok(());
        }
        let key = format!("heads/{day}");
        self.post(&key, &Heads { key: &key, kind: "heads", at: at.to_string(), heads }).await.map(drop)
    }

    async fn post(&self, key: &str, message: &impl Serialize) -> Result<Delivered, NotDelivered> {
        let body = serde_json::to_vec(message)
            .map_err(|error| NotDelivered::never(format!("the message is not JSON: {error}")))?;
        let signature = format!("sha256={}", hex::encode(self.sign(&body)?));
        let build = || {
            let call = Call::post(self.url.clone()).body("application/json", body.clone());
            // The receiver recognizes a second copy by its key.
            Ok(call
                .header("Idempotency-Key", &header_text(key))
                .header("X-Whmeter-Signature", &signature)
                .repeatable())
        };
        judged(self.http.send(build).await)
    }

    fn sign(&self, body: &[u8]) -> Result<Vec<u8>, NotDelivered> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .map_err(|error| NotDelivered::never(format!("the secret cannot sign: {error}")))?;
        mac.update(body);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Whether something listens there; nothing is posted.
    pub async fn check(&self) -> Vec<(String, Result<String, NotDelivered>)> {
        let steps = self.http.probe(&self.url).await.into_iter();
        steps
            .map(|step| (format!("webhook {}", step.name), step.outcome.map_err(NotDelivered::of_call)))
            .collect()
    }
}

/// Anything but 2xx is tried again later: it is for the receiver's operator to fix.
fn judged(answer: Result<Answer, HttpError>) -> Result<Delivered, NotDelivered> {
    match answer {
        Ok(answer) if answer.is_success() => Ok(Delivered::saying(answer.sketch_head())),
        Ok(answer) => Err(NotDelivered::later(format!("the webhook answers {}", answer.sketch()))),
        Err(error @ (HttpError::Redirect { .. } | HttpError::Gateway { .. })) => {
            Err(NotDelivered::later(format!("webhook: {error}")))
        }
        Err(error) => Err(NotDelivered::of_call(error)),
    }
}

/// A key as a header can carry it: what is not visible ASCII is percent-encoded.
fn header_text(key: &str) -> String {
    let write = |byte: u8| match byte {
        b'!'..=b'~' if byte != b'%' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    key.bytes().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_fits_into_a_header() {
        assert_eq!(header_text("s3-fra1/1042-7731/storage/90/2"), "s3-fra1/1042-7731/storage/90/2");
        assert_eq!(header_text("a/Jörg 100%/b"), "a/J%C3%B6rg%20100%25/b");
    }
}
