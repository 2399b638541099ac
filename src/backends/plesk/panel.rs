//! Asks the panel: one packet with one operation, its login, and the protocol where the panel insists on another.

use std::sync::{PoisonError, RwLock};

use super::refusal::{ApiRefusal, CallFailure};
use super::request::Operation;
use super::settings::{Login, PanelConfig};
use super::wire::{Element, Packet};
use crate::backends::BackendError;
use crate::http::{Answer, Call, Http, Url};

/// Where the XML API is (docs.plesk.com, XML API, "Sending packets").
const AGENT: [&str; 3] = ["enterprise", "control", "agent.php"];

/// The newest protocol whose answers are known here.
const NEWEST: [u64; 4] = [1, 6, 9, 1];

pub(super) struct Panel {
    http: Http,
    base: Url,
    login: Login,
    /// The protocol to name in packets; none where the panel takes packets without one.
    protocol: RwLock<Option<String>>,
}

impl Panel {
    pub fn new(http: Http, config: &PanelConfig) -> Panel {
        let (base, login) = (config.base.clone(), config.login.clone());
        Panel { http, base, login, protocol: RwLock::default() }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Asks, and hands on every result that is `ok`; returns those that are not. `Err` where there is no answer to the
    /// operation at all.
    pub async fn ask(
        &self,
        operation: &Operation,
        take: &mut (dyn FnMut(Element) + Send),
    ) -> Result<Vec<RefusedResult>, CallFailure> {
        let named = self.protocol.read().unwrap_or_else(PoisonError::into_inner).clone();
        match self.ask_in(named.as_deref(), operation, take).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_about_protocol() => {
                let spoken = self.spoken_protocol(&refusal).await?;
                let answered = self.ask_in(Some(&spoken), operation, take).await;
                if answered.is_ok() {
                    *self.protocol.write().unwrap_or_else(PoisonError::into_inner) = Some(spoken);
                }
                answered
            }
            answered => answered,
        }
    }

    /// Asks for the one thing that there is; a result that is not `ok` is the panel's no.
    pub async fn ask_one(&self, operation: &Operation) -> Result<Option<Element>, CallFailure> {
        let mut found = None;
        let refused = self
            .ask(operation, &mut |result| {
                found.get_or_insert(result);
            })
            .await?;
        match refused.into_iter().next() {
            Some(first) => Err(CallFailure::Refusal(first.refusal)),
            None => Ok(found),
        }
    }

    /// The newest protocol that both sides speak, as the panel lists them or else as its refusal says.
    async fn spoken_protocol(&self, refusal: &ApiRefusal) -> Result<String, CallFailure> {
        let mut listed = Vec::new();
        let current = refusal.current_protocol();
        let asked = self
            .ask_in(current, &Operation::protocols(), &mut |result| listed.extend(protocols(&result)))
            .await;
        let listed = asked.map(|_| listed).unwrap_or_default();
        let newest = listed.iter().filter(|one| numbers(one).is_some_and(|one| one <= NEWEST.to_vec()));
        let newest = newest.max_by_key(|one| numbers(one)).map(String::as_str);
        let spoken = newest.or(current).ok_or_else(|| CallFailure::Refusal(refusal.clone()))?;
        Ok(spoken.to_string())
    }

    async fn ask_in(
        &self,
        protocol: Option<&str>,
        operation: &Operation,
        take: &mut (dyn FnMut(Element) + Send),
    ) -> Result<Vec<RefusedResult>, CallFailure> {
        let (call, packet) = (operation.name(), operation.packet(protocol));
        let answer = self.send(operation, &packet).await?;
        let strange = |detail: String| BackendError::Unexpected { at: call.clone(), detail };
        if matches!(answer.status(), 401 | 403) {
            let why =
                format!("{call}: no right to the API ({})", answer.sketch_without(&self.login.secrets()));
            return Err(BackendError::Refused(why).into());
        }
        if !answer.is_success() {
            return Err(strange(format!("status {}", answer.sketch_without(&self.login.secrets()))).into());
        }
        if answer.is_html() || answer.body().trim_ascii().is_empty() {
            return Err(strange(format!("expected XML, got {}", answer.sketch())).into());
        }
        let mut refused = Vec::new();
        let mut strange_status = None;
        let packet = Packet::read(answer.body(), |result| match result.text("status") {
            Some("ok") => take(result),
            Some("error") => refused.push(RefusedResult {
                id: result.whole("id").or_else(|_| result.whole("filter-id")).ok(),
                refusal: ApiRefusal::of(&call, &result, &self.login.secrets()),
            }),
            _ => strange_status = Some("a result is neither ok nor error".to_string()),
        });
        let packet = packet.map_err(|problem| strange(format!("no XML that can be read: {problem}")))?;
        if let Some(system) = packet.system {
            return Err(CallFailure::Refusal(ApiRefusal::of(&call, &system, &self.login.secrets())));
        }
        if let Some(problem) = strange_status {
            return Err(strange(problem).into());
        }
        if packet.operations != [call.clone()] {
            return Err(strange("the packet answers something else than was asked".into()).into());
        }
        Ok(refused)
    }

    async fn send(&self, operation: &Operation, packet: &str) -> Result<Answer, CallFailure> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(AGENT);
        }
        let build = || {
            let call = Call::post(url.clone()).body("text/xml", packet.to_string());
            let call = if operation.is_read { call.repeatable() } else { call };
            Ok(self.login.authorize(call))
        };
        Ok(self.http.send(build).await?)
    }
}

/// A result that the panel refused.
#[derive(Clone, Debug)]
pub(super) struct RefusedResult {
    /// The subscription or site it is about, where it says so.
    pub id: Option<u64>,
    pub refusal: ApiRefusal,
}

/// The protocols that `server/get_protos` lists.
pub(super) fn protocols(result: &Element) -> Vec<String> {
    let listed = result.child("protos").map(|protos| protos.texts("proto"));
    listed.unwrap_or_default()
}

/// The numbers of a version, to compare by.
pub(super) fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}
