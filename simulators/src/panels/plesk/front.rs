//! From a request to an answer: packets of XML, and the REST API beside them.

use super::access::{rest_caller, sender};
use super::people::Person;
use super::refusal::Refusal;
use super::schema::{Call, calls};
use super::switches::Empty;
use super::world::Server;
use super::{about, choose, directory, rest, set, traffic, webspace};
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::server::{Front, answer};
use crate::xml::{self, Element, HEAD, Node};
use async_trait::async_trait;
use axum::http::{Request, Response};
use bytes::Bytes;
use std::sync::Arc;

const AGENT: &str = "/enterprise/control/agent.php";
const REST: &str = "/api/v2";
const XML: &str = "text/xml;charset=UTF-8";

/// The panel as its callers see it.
pub struct PleskFront(pub Arc<Server>);

#[async_trait]
impl Front for PleskFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let (server, path) = (&self.0, request.uri().path());
        if server.switches().updating {
            return html_page(503);
        }
        server.maintain();
        if path == AGENT {
            let pretty = request.headers().get("HTTP_PRETTY_PRINT").is_some_and(|value| value == "TRUE");
            return self.packet(200, self.outcome(&request), pretty, strikes);
        }
        match path.strip_prefix(REST).filter(|_| server.switches().rest) {
            Some(call) => {
                let outcome = rest_caller(server, request.headers())
                    .map_err(rest::Refusal::of_access)
                    .and_then(|caller| rest::outcome(server, &caller, &request, call));
                let (status, body) = rest::written(outcome);
                answer(status, "application/json", strikes.change_body(body))
            }
            None if path == "/" => login_page(),
            None => html_page(404),
        }
    }

    /// Every packet goes to one path: its operators and operations follow it.
    fn called(&self, request: &Request<Bytes>) -> String {
        let packet = (request.uri().path() == AGENT).then(|| xml::read(request.body())).flatten();
        let operators = packet.iter().flat_map(|packet| &packet.children);
        let calls = operators.flat_map(|one| one.children.iter().map(move |call| (&one.name, &call.name)));
        calls.map(|(operator, operation)| format!(" {operator}.{operation};")).collect()
    }

    fn credentials_refused(&self, path: &str, status: Option<u16>) -> Response<Bytes> {
        self.refused(path, status.unwrap_or(200), Refusal::new(11003), 401)
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        self.refused(path, 200, Refusal::new(1006), 403)
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        html_page(429)
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        html_page(status)
    }
}

impl PleskFront {
    fn refused(&self, path: &str, status: u16, refusal: Refusal, rest_status: u16) -> Response<Bytes> {
        if path == AGENT {
            return self.packet(status, Err(refusal), false, &Strikes::default());
        }
        let (status, body) = rest::written(Err(rest::Refusal::of_access(rest_status)));
        answer(status, "application/json", body)
    }

    fn packet(
        &self,
        status: u16,
        outcome: Result<Vec<Element>, Refusal>,
        pretty: bool,
        strikes: &Strikes,
    ) -> Response<Bytes> {
        let switches = self.0.switches();
        let packet = Element::new("packet");
        let packet = match switches.tells_protocol {
            true => packet.attribute("version", &switches.protocol),
            false => packet,
        };
        let packet = match outcome {
            Ok(operators) => packet.with(operators),
            Err(refusal) => packet.with([refusal.block()]),
        };
        let text = format!("{HEAD}{}", packet.written());
        let text = if pretty || switches.pretty { xml::indented(&text) } else { text };
        answer(status, XML, strikes.change_body(text.into_bytes()))
    }

    /// The operators with their answers, in the order of the request.
    fn outcome(&self, request: &Request<Bytes>) -> Result<Vec<Element>, Refusal> {
        let (server, switches) = (&self.0, self.0.switches());
        let caller = sender(server, request.headers())?;
        let packet = xml::read(request.body()).filter(|packet| packet.name == "packet");
        let packet = packet.ok_or_else(|| Refusal::misread("the document"))?;
        if let Some(asked) = packet.attribute("version").filter(|asked| !switches.speaks(asked)) {
            let text = format!(
                "Protocol version '{asked}' is not supported. Current protocol version is '{}'",
                switches.protocol
            );
            return Err(Refusal::said(1005, text));
        }
        let mut operators: Vec<(usize, &str, Vec<Element>)> = Vec::new();
        for call in calls(&switches, &packet)? {
            let answered = self.answered(&caller, &call);
            match operators.last_mut() {
                Some((place, _, answers)) if *place == call.place => answers.push(answered),
                _ => operators.push((call.place, call.operator, vec![answered])),
            }
        }
        Ok(operators.into_iter().map(|(_, name, answers)| Element::new(name).with(answers)).collect())
    }

    fn answered(&self, caller: &Person, call: &Call) -> Element {
        let server = &self.0;
        let nothing = Node::default();
        let part = |name: &str| call.told.child(name).unwrap_or(&nothing);
        let subscriptions = || choose::subscriptions(server, caller, part("filter"));
        let sites = || choose::sites(server, caller, part("filter"));
        let mut results = match (call.operator, call.operation) {
            ("webspace", "get") => webspace::told(server, subscriptions(), part("dataset")),
            ("webspace", "get_traffic") => traffic::of_subscriptions(server, subscriptions(), call.told),
            ("webspace", "set") => set::set(server, caller, subscriptions(), part("values")),
            ("webspace", _) => set::synchronize(server, subscriptions()),
            ("site", "get") => webspace::sites_told(server, sites(), part("dataset")),
            ("site", _) => traffic::of_sites(server, sites(), call.told),
            ("customer", _) => directory::customers(server, caller, call.told),
            ("reseller", _) => directory::resellers(server, caller, call.told),
            ("service-plan", _) => directory::plans(server, caller, call.told),
            (_, "get_protos") => about::protocols(server),
            _ => about::server(server, caller, call.told),
        };
        if results.is_empty() && server.switches().empty == Empty::BareResult {
            results.push(Element::new("result").leaf("status", "ok"));
        }
        Element::new(call.operation).with(results)
    }
}

/// What people see.
fn login_page() -> Response<Bytes> {
    let page = "<!DOCTYPE html>\n<html><head><title>Plesk</title></head><body><form action=\"/login_up.php\" \
                method=\"post\"><input name=\"login_name\"><input type=\"password\" name=\"passwd\"></form></body>\
                </html>\n";
    answer(200, "text/html; charset=utf-8", page.into())
}
