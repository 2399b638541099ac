//! A service's own no, in whichever of six shapes it comes, and what it means for the caller. Pure.

use std::time::Duration;

use serde_json::Value;

use super::catalogue::Service;
use crate::backends::{BackendError, kit};
use crate::http::{Answer, excerpt};

/// How much of a service's words is shown: Keystone can answer with kilobytes of schema.
const SHOWN: usize = 160;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// A service's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    /// What was asked: `GET volumes/detail (block-storage)`.
    pub call: String,
    pub service: Service,
    pub status: u16,
    /// What it says, in its own words.
    message: String,
    /// Who may make the call.
    role: &'static str,
    is_html: bool,
    sketch: String,
    after: Option<Duration>,
}

impl ApiRefusal {
    /// Takes an answer without success; `secrets` are left out of what is shown.
    pub fn new(
        call: String,
        service: Service,
        role: &'static str,
        answer: &Answer,
        secrets: &[&str],
    ) -> ApiRefusal {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let message = words(&body);
        let request = ["x-openstack-request-id", "x-trans-id"].iter().find_map(|name| answer.header(name));
        let sketch = match message.is_empty() {
            true => answer.sketch_without(secrets),
            false => format!("{}: {}", answer.status(), excerpt(&message, SHOWN)),
        };
        let sketch = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(sketch, |text, secret| text.replace(secret, "…"));
        let sketch = match request {
            // Ids of requests look like tokens; this one is what the cloud's own log is searched for.
            Some(id) if id.len() <= 64 => format!("{sketch}; request {id}"),
            _ => sketch,
        };
        let wants_more = answer.header("openstack-auth-receipt").is_some();
        let message = if wants_more { format!("{message} auth receipt") } else { message };
        let after = answer.header("retry-after").and_then(|told| told.parse().ok()).map(Duration::from_secs);
        ApiRefusal {
            call,
            service,
            status: answer.status(),
            message,
            role,
            is_html: answer.is_html(),
            sketch,
            after,
        }
    }

    /// A token that is about to end: as good as refused, and not shown to the cloud any more.
    pub fn ending(call: String, service: Service) -> ApiRefusal {
        let (message, sketch) = (String::new(), "the token is about to end".into());
        ApiRefusal { call, service, status: 401, message, role: "", is_html: false, sketch, after: None }
    }

    /// Whether these words stand in what it says, in whatever case.
    pub fn says(&self, words: &str) -> bool {
        self.message.to_lowercase().contains(words)
    }

    /// Whether Gnocchi says that nobody in the selection has such a metric: before 4.5 by a 400, since then by a 404.
    pub fn lacks_metric(&self) -> bool {
        matches!(self.status, 400 | 404)
            && (self.says("metrics not found") || (self.says("metric") && self.says("does not exist")))
    }

    /// Whether Gnocchi says that its metrics are not kept alike: in other windows, or by another aggregation.
    pub fn keeps_otherwise(&self) -> bool {
        matches!(self.status, 400 | 404)
            && (self.says("granularities are missing") || self.says("unknown aggregation"))
    }

    /// Whether the version of the call is not spoken there.
    pub fn is_too_new(&self) -> bool {
        self.status == 406
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let ApiRefusal { call, role, sketch, .. } = &refusal;
        match refusal.status {
            401 if refusal.says("auth receipt") => BackendError::Refused(format!(
                "{call}: the user needs a second factor, which a program cannot give; make an application credential \
                 ({sketch})"
            )),
            401 if refusal.service == Service::Identity => BackendError::Refused(format!(
                "{call}: Keystone says the same of a wrong user, a wrong secret, an expired or revoked credential, a \
                 disabled user or project, and a user who is locked after too many attempts ({sketch})"
            )),
            401 => BackendError::Refused(format!("{call}: the token is not accepted ({sketch})")),
            403 => BackendError::Refused(format!("{call} needs the right of {role} ({sketch})")),
            404 if refusal.is_html => BackendError::Unexpected {
                at: call.clone(),
                detail: format!("no such path: is the address right, with its version? ({sketch})"),
            },
            409 => {
                BackendError::Busy { after: None, detail: format!("{call}: not in this state ({sketch})") }
            }
            413 | 429 | 498 => {
                BackendError::Busy { after: refusal.after, detail: format!("{call} ({sketch})") }
            }
            501 => BackendError::NotOffered(format!("{call} ({sketch})")),
            _ => BackendError::Unexpected { at: call.clone(), detail: refusal.sketch },
        }
    }
}

/// What a body says, in the words of Keystone, Gnocchi, Nova and Cinder, or Neutron.
fn words(body: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        // Gnocchi tells causes and details as an object.
        other => other.to_string(),
    };
    if let Some(told) = body.get("description") {
        return text(told);
    }
    // `error`, `itemNotFound`, `NeutronError`: whatever it is called, it is the one thing in there.
    let inner = body.as_object().and_then(|body| body.values().next());
    inner.and_then(|inner| inner.get("message")).map(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_service_has_its_own_words() {
        for (body, said) in [
            (
                json!({"error": {"code": 401, "message": "requires authentication", "title": "Unauthorized"}}),
                "requires authentication",
            ),
            (
                json!({"code": 404, "title": "Not Found", "description": "Metric ['a'] does not exist"}),
                "Metric ['a'] does not exist",
            ),
            (
                json!({"description": {"cause": "Metrics not found", "detail": ["a"]}}),
                r#"{"cause":"Metrics not found","detail":["a"]}"#,
            ),
            (json!({"itemNotFound": {"code": 404, "message": "no server"}}), "no server"),
            (
                json!({"NeutronError": {"type": "PortNotFound", "message": "no port", "detail": ""}}),
                "no port",
            ),
            (json!({"description": ""}), ""),
            (json!([1]), ""),
        ] {
            assert_eq!(words(&body), said, "{body}");
        }
    }
}
