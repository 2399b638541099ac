//! Which of the operator's mail templates words a notification, and which of them WHMCS really has.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::delivery::Delivery;
use super::client::{ApiError, Client};
use super::wire::{rows, text};
use crate::domain::Meter;
use crate::quota::Occasion;

/// How long a list of templates is believed.
const FRESH: Duration = Duration::from_secs(3600);

/// How a notification is worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// By this template.
    Template(String),
    /// By our own words.
    Own,
}

/// The rule's template, else the one that the panel's module for WHMCS brings. Those speak of disk space,
/// so traffic is worded by us, and so would be the good news.
pub(super) fn wording(delivery: &Delivery<'_>) -> Wording {
    let notification = delivery.notification;
    if let Some(named) = &notification.address.template {
        return Wording::Template(named.clone());
    }
    if notification.meter != Meter::StorageUsed || notification.occasion == Occasion::Restored {
        return Wording::Own;
    }
    let brought = match notification.occasion {
        Occasion::Limited => "puqMinIOS3 service Suspension Notification disk limit",
        _ => delivery.limit_template.unwrap_or("puqMinIOS3 Notification disk limit"),
    };
    Wording::Template(brought.to_string())
}

/// A template as WHMCS lists it; its body is not reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Its unique name.
    pub name: String,
    /// Its subject, with merge fields in it.
    pub subject: String,
}

/// The product templates in WHMCS's default language.
#[derive(Clone, Default)]
pub(super) struct Templates {
    known: Arc<Mutex<Option<CachedTemplates>>>,
}

/// A list and when it was fetched.
struct CachedTemplates {
    at: Instant,
    list: Arc<[Template]>,
}

impl Templates {
    /// The list, at most an hour old.
    pub async fn list(&self, client: &Client) -> Result<Arc<[Template]>, ApiError> {
        let mut known = self.known.lock().await;
        if let Some(fresh) = known.as_ref().filter(|known| known.at.elapsed() < FRESH) {
            return Ok(fresh.list.clone());
        }
        let list = in_language(client, None).await?;
        *known = Some(CachedTemplates { at: Instant::now(), list: list.clone() });
        Ok(list)
    }

    /// Forgets the list: WHMCS says something else.
    pub async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

/// The product templates of one language, or of the default one
/// (developers.whmcs.com, "GetEmailTemplates").
pub(super) async fn in_language(
    client: &Client,
    language: Option<&str>,
) -> Result<Arc<[Template]>, ApiError> {
    const ACTION: &str = "GetEmailTemplates";
    let mut parameters = vec![("type", "product")];
    parameters.extend(language.map(|language| ("language", language)));
    let answer = client.read(ACTION, &parameters).await?;
    let strange = || ApiError::Malformed { action: ACTION, sketch: "a list of another shape".into() };
    let rows = rows(&answer, "emailtemplates", "emailtemplate").ok_or_else(strange)?;
    let templates = rows.iter().map(|row| {
        let subject = text(row.get("subject")).unwrap_or_default();
        Some(Template { name: text(row.get("name"))?, subject })
    });
    templates.collect::<Option<_>>().ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::notification;
    use super::*;
    use crate::quota::Notification;

    fn worded(notification: &Notification, limit_template: Option<&str>) -> Wording {
        let (now, key) = (notification.at, notification.key());
        let (kind, server, service, product, tried_at) = ("", None, None, None, None);
        wording(&Delivery {
            notification,
            key: &key,
            kind,
            limit_template,
            server,
            service,
            product,
            unit: None,
            now,
            tried_at,
        })
    }

    #[test]
    fn the_rule_has_the_first_word_then_the_panels_module() {
        let template = |name: &str| Wording::Template(name.into());
        let mut notice = notification(Occasion::Notify, "a");
        assert_eq!(worded(&notice, None), template("puqMinIOS3 Notification disk limit"));
        assert_eq!(
            worded(&notice, Some("puqSynology Notification disk limit")),
            template("puqSynology Notification disk limit")
        );
        notice.address.template = Some("Mine".into());
        assert_eq!(worded(&notice, Some("puqSynology Notification disk limit")), template("Mine"));
        let reminder = notification(Occasion::Reminder(2), "a");
        assert_eq!(worded(&reminder, None), template("puqMinIOS3 Notification disk limit"));
        let limited = notification(Occasion::Limited, "a");
        let suspension = template("puqMinIOS3 service Suspension Notification disk limit");
        assert_eq!(worded(&limited, Some("puqSynology Notification disk limit")), suspension);
    }

    #[test]
    fn traffic_and_good_news_are_worded_by_us_unless_a_template_is_named() {
        let mut notice = notification(Occasion::Limited, "a");
        notice.meter = Meter::TrafficOut;
        assert_eq!(worded(&notice, None), Wording::Own);
        notice.address.template = Some("Mine".into());
        assert_eq!(worded(&notice, None), Wording::Template("Mine".into()));
        let mut restored = notification(Occasion::Restored, "a");
        assert_eq!(worded(&restored, None), Wording::Own);
        restored.address.template = Some("Back".into());
        assert_eq!(worded(&restored, None), Wording::Template("Back".into()));
    }
}
