//! Alerts that fire until the crossing ends.
//!
//! Alertmanager forgets an alert that nobody repeats, so what fires is reported again and again, always
//! with the same labels. The members of a cluster do not pass on what they are posted: each is reported.
//! Source: prometheus/alertmanager, api/v2/openapi.yaml; prometheus.io, "Alerts API".

use serde::{Deserialize, Serialize};

use super::delivery::{Delivered, Delivery, Firing, NotDelivered};
use super::message::worded;
use super::unit::Unit;
use crate::domain::{Seconds, Timestamp};
use crate::http::{Call, Http, HttpSettings, Url, panel_url};
use crate::quota::{Channel, Notification, Occasion, Severity};
use crate::settings::{Secret, Section, SettingsError};

/// How long an alert fires that is not reported again.
const FIRES_FOR: Seconds = Seconds::new(4 * 60);
/// The most alerts in one call.
const BATCH: usize = 500;

/// The `[notify.alertmanager]` table, besides what every section with an address has.
#[derive(Deserialize)]
struct AlertmanagerSettings {
    /// The one address.
    url: Option<String>,
    /// The addresses of all members of a cluster.
    #[serde(default)]
    urls: Vec<String>,
    /// Who logs in, by HTTP Basic.
    username: Option<String>,
    /// The password of `username`.
    password: Option<Secret>,
    /// A token in their place.
    bearer_token: Option<Secret>,
    /// Where an alert's "source" link leads.
    generator_url: Option<String>,
}

#[derive(Clone)]
enum Login {
    Anonymous,
    Basic(String, Secret),
    Bearer(Secret),
}

#[derive(Clone)]
pub(super) struct Alertmanager {
    http: Http,
    urls: Vec<Url>,
    login: Login,
    generator_url: Option<String>,
    unit: Unit,
}

/// One alert as the API takes it. Labels without a value are left out, as Alertmanager would do.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: Labels<'a>,
    annotations: Annotations,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

/// What makes an alert this alert: nothing that can change while it fires.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Labels<'a> {
    alertname: &'static str,
    backend: &'a str,
    account: &'a str,
    meter: &'static str,
    threshold: String,
    kind: &'a str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    whmeter_episode: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Annotations {
    summary: String,
    description: String,
}

impl Alertmanager {
    pub fn open(mut section: Section, unit: Unit) -> Result<Alertmanager, SettingsError> {
        let place = section.clone();
        let http: HttpSettings = section.take()?;
        let settings: AlertmanagerSettings = section.read()?;
        let one = settings.url.iter().map(|url| ("url", url));
        let all = one.chain(settings.urls.iter().map(|url| ("urls", url)));
        let urls = all.map(|(key, url)| base(key, url)).collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            let needs =
                "missing; write it like \"http://alertmanager.example.net:9093\", or urls with all members";
            return Err(SettingsError::new("url", needs));
        }
        let login = match (settings.username, settings.password, settings.bearer_token) {
            (None, None, None) => Login::Anonymous,
            (Some(user), Some(password), None) => Login::Basic(user, password),
            (None, None, Some(token)) => Login::Bearer(token),
            (Some(_), None, None) => {
                return Err(SettingsError::new("password", "missing; username needs it"));
            }
            (None, Some(_), None) => {
                return Err(SettingsError::new("username", "missing; password needs it"));
            }
            _ => {
                return Err(SettingsError::new(
                    "bearer_token",
                    "given together with username; give one of them",
                ));
            }
        };
        let generator_url = settings.generator_url;
        Ok(Alertmanager { http: Http::new(&http, &place)?, urls, login, generator_url, unit })
    }

    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<Delivered, NotDelivered> {
        let Delivery { notification, kind, product, now, .. } = *delivery;
        if !Channel::Alertmanager.carries(notification) {
            return Err(NotDelivered::not_carried(Channel::Alertmanager, notification));
        }
        self.post(&[self.alert(&Firing { notification, kind, product }, now)]).await.map(Delivered::saying)
    }

    pub async fn keep_firing(&self, firing: &[Firing<'_>], now: Timestamp) -> Result<(), NotDelivered> {
        for batch in firing.chunks(BATCH) {
            let alerts: Vec<_> = batch.iter().map(|firing| self.alert(firing, now)).collect();
            self.post(&alerts).await?;
        }
        Ok(())
    }

    fn alert<'a>(&'a self, firing: &Firing<'a>, now: Timestamp) -> Alert<'a> {
        let Firing { notification, kind, product } = *firing;
        let message = worded(notification, product, self.unit);
        let ends = match notification.occasion {
            Occasion::Resolved => now.max(notification.since),
            _ => now.plus(FIRES_FOR).max(notification.since),
        };
        Alert {
            labels: labels(notification, kind, product),
            annotations: Annotations { summary: message.subject, description: message.plain },
            starts_at: notification.since.to_string(),
            ends_at: ends.to_string(),
            generator_url: self.generator_url.as_deref(),
        }
    }

    /// Notifies every member; one that took it is enough, as it stands in for those that are down.
    async fn post(&self, alerts: &[Alert<'_>]) -> Result<String, NotDelivered> {
        let (mut took, mut failed) = (Vec::new(), Vec::new());
        for url in &self.urls {
            match self.post_to(url, alerts).await {
                Ok(said) => took.push(said),
                Err(error) => failed.push(error),
            }
        }
        let failures = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if !took.is_empty() {
            if failed.is_empty() {
                return Ok(took.join("; "));
            }
            tracing::warn!(failures, "not every member of the Alertmanager cluster could be notified");
            return Ok(format!("{}; not notified: {failures}", took.join("; ")));
        }
        Err(match failed.iter().all(|error| matches!(error, NotDelivered::Never { .. })) {
            true => NotDelivered::never(failures),
            false => NotDelivered::later(failures),
        })
    }

    async fn post_to(&self, base: &Url, alerts: &[Alert<'_>]) -> Result<String, NotDelivered> {
        let url = below(base, "alerts");
        let host = self.call(Call::get(url.clone())).host();
        // The same alert twice is one alert.
        let build = || Ok(self.call(Call::post(url.clone()).json(&alerts)).repeatable());
        let answer = self.http.send(build).await.map_err(NotDelivered::of_call)?;
        let said = format!("{host}: {}", answer.sketch());
        match answer.status() {
            200..=299 => Ok(format!("{host}: {}", answer.sketch_head())),
            401 | 403 => {
                Err(NotDelivered::never(format!("{said}; check username and password, or bearer_token")))
            }
            400 | 404 | 405 | 422 => {
                Err(NotDelivered::never(format!("{said}; is it Alertmanager 0.16 or newer?")))
            }
            _ => Err(NotDelivered::later(said)),
        }
    }

    fn call(&self, call: Call) -> Call {
        match &self.login {
            Login::Anonymous => call,
            Login::Basic(user, password) => call.basic(user, password),
            Login::Bearer(token) => call.bearer(token),
        }
    }

    /// Asks every member for its status.
    pub async fn check(&self) -> Vec<(String, Result<String, NotDelivered>)> {
        let mut steps = Vec::new();
        for base in &self.urls {
            let call = self.call(Call::get(below(base, "status")));
            steps.push((format!("alertmanager {}", call.host()), self.status(call).await));
        }
        steps
    }

    async fn status(&self, call: Call) -> Result<String, NotDelivered> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            version_info: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let answer = self.http.send(|| Ok(call.clone())).await.map_err(NotDelivered::of_call)?;
        if !answer.is_success() {
            return Err(NotDelivered::never(format!("answers {}", answer.sketch())));
        }
        let status: Status = answer.json("GET /api/v2/status").map_err(NotDelivered::of_call)?;
        Ok(format!("Alertmanager {}", status.version_info.version))
    }
}

fn labels<'a>(notification: &'a Notification, kind: &'a str, product: Option<&'a str>) -> Labels<'a> {
    Labels {
        alertname: "WhmeterQuota",
        backend: notification.account.backend.as_str(),
        account: notification.account.name.as_str(),
        meter: notification.meter.name(),
        threshold: notification.threshold.to_string(),
        kind,
        severity: Severity::of(notification.threshold).name(),
        product: product.filter(|product| !product.is_empty()),
        whmeter_episode: notification.crossing(),
    }
}

/// An address whose path, if any, is where Alertmanager's own paths begin (`--web.route-prefix`).
fn base(key: &str, text: &str) -> Result<Url, SettingsError> {
    let mut url = panel_url(key, text, true)?;
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn below(base: &Url, call: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}api/v2/{call}", base.path()));
    url
}

#[cfg(test)]
mod tests {
    use super::super::samples::notification;
    use super::*;

    #[test]
    fn the_labels_are_the_same_from_the_first_letter_to_the_last() {
        let (first, last) = (notification(Occasion::Notify, "a"), notification(Occasion::Resolved, "a"));
        assert_ne!(first.key(), last.key());
        assert_eq!(labels(&first, "minio", Some("S3")), labels(&last, "minio", Some("S3")));
        assert_eq!(labels(&first, "minio", Some("")).product, None);
    }

    #[test]
    fn calls_go_below_the_route_prefix() {
        for (address, calls) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("http://am:9093/prefix", "http://am:9093/prefix/api/v2/alerts"),
            ("http://am:9093/prefix/", "http://am:9093/prefix/api/v2/alerts"),
        ] {
            assert_eq!(below(&base("url", address).expect("an address"), "alerts").as_str(), calls);
        }
    }
}
