//! From a form to an answer: the address, who asks, from where, which action, and what goes wrong.

use super::billing;
use super::mail;
use super::orders;
use super::reply::{Outcome, Refusal, body, page, put_list, put_shaped};
use super::switches::{ACTIONS, MishapKind, Switches};
use super::world::Server;
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::form::Form;
use crate::server::{Front, answer};
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Every caller is on this machine.
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const JSON: &str = "application/json";

/// WHMCS as its callers see it.
pub struct WhmcsFront(pub Arc<Server>);

#[async_trait]
impl Front for WhmcsFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let server = &self.0;
        if request.uri().path() != "/includes/api.php" || request.method() != Method::POST {
            return html_page(404);
        }
        let form = Form::read(request.body());
        let switches = server.switches();
        let action = form.get("action").to_owned();
        server.knobs.requests.note("ACTION", &action);
        let mishap = strike(server, &action);
        match &mishap {
            Some(MishapKind::Slow(milliseconds)) => pause(*milliseconds).await,
            Some(MishapKind::Page(status)) => return html_page(*status),
            _ => {}
        }
        let outcome = match (&mishap, may_ask(server, &switches, &form)) {
            (_, Err(refusal)) => Err(refusal),
            (Some(MishapKind::Error(message)), Ok(())) => Err(Refusal::said(message)),
            (_, Ok(())) => act(server, &switches, &form, mishap == Some(MishapKind::NotTaken)),
        };
        let (code, mut told) = body(&switches, &outcome);
        match mishap {
            Some(MishapKind::DoneThenGatewayTimeout) => return html_page(504),
            Some(MishapKind::DoneThenSilent(milliseconds)) => pause(milliseconds).await,
            Some(MishapKind::PhpWarning) => {
                let warning = "<br />\n<b>Warning</b>:  Undefined array key \"x\" in <b>/hooks/a.php</b> on line <b>7</b><br />\n";
                told = [warning.as_bytes(), &told].concat();
                return answer(code, "text/html; charset=utf-8", strikes.change_body(told));
            }
            _ => {}
        }
        answer(code, JSON, strikes.change_body(told))
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        self.refuse(Refusal(status.unwrap_or(403), "Authentication Failed".to_owned()))
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        self.refuse(not_allowed("getservers"))
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        html_page(429)
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        html_page(status)
    }
}

impl WhmcsFront {
    fn refuse(&self, refusal: Refusal) -> Response<Bytes> {
        let (code, told) = body(&self.0.switches(), &Err(refusal));
        answer(code, JSON, told)
    }
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// The first mishap that waits for this action, counted down.
fn strike(server: &Server, action: &str) -> Option<MishapKind> {
    let mut switches = server.switches.write().unwrap_or_else(PoisonError::into_inner);
    let waits = switches
        .mishaps
        .iter_mut()
        .find(|mishap| (mishap.action.is_empty() || mishap.action == action) && mishap.times != Some(0))?;
    waits.times = waits.times.map(|left| left - 1);
    let kind = waits.kind.clone();
    switches.mishaps.retain(|mishap| mishap.times != Some(0));
    Some(kind)
}

fn may_ask(server: &Server, switches: &Switches, form: &Form) -> Result<(), Refusal> {
    if form.get("responsetype") != "json" {
        return Err(Refusal::said("this fake answers JSON alone"));
    }
    let has_key = switches.access_key.as_deref().is_some_and(|key| key == form.get("accesskey"));
    if switches.allowed_ip.is_some_and(|allowed| allowed != CALLER) && !has_key {
        return Err(Refusal(403, format!("Invalid IP {CALLER}")));
    }
    if form.get("identifier") != server.identifier || form.get("secret") != server.secret {
        return Err(Refusal(403, "Authentication Failed".to_owned()));
    }
    match switches.allowed.contains(form.get("action")) {
        true => Ok(()),
        false => Err(not_allowed(&form.get("action").to_lowercase())),
    }
}

fn not_allowed(action: &str) -> Refusal {
    Refusal(403, format!("Invalid Permissions: API action \"{action}\" is not allowed"))
}

fn act(server: &Server, switches: &Switches, form: &Form, not_taken: bool) -> Outcome {
    debug_assert!(ACTIONS.contains(&form.get("action")), "only these can be allowed");
    match form.get("action") {
        "WhmcsDetails" => {
            let version = json!({"version": "9.0.2", "canonicalversion": "9.0.2-release.1"});
            Ok(Map::from_iter([("whmcs".to_owned(), version)]))
        }
        "GetEmailTemplates" => templates(server, switches, form),
        "GetClientsProducts" => Ok(products(server, switches, form)),
        "GetClientsDetails" => details(server, form),
        "GetEmails" => mail::list(server, switches, form),
        "SendEmail" => mail::send(server, switches, form, not_taken),
        "AddBillableItem" => billing::add(server, switches, form),
        "GetInvoices" => billing::invoices(server, switches, form),
        "GetInvoice" => billing::invoice(server, switches, form),
        "AddOrder" => orders::add(server, form),
        "AcceptOrder" => orders::accept(server, form),
        "UpdateClientProduct" => orders::update(server, form),
        "GetOrders" => orders::list(server, switches, form),
        "GetProducts" => orders::products(server, switches, form),
        "GetServers" => orders::servers(server),
        "GetPaymentMethods" => orders::payment_methods(server, switches),
        other => Err(Refusal::said(&format!("Command {other} Not Found"))),
    }
}

fn templates(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let world = server.world();
    let is_asked = form.get("type").is_empty() || form.get("type") == "product";
    let rows =
        world.templates.iter().filter(|template| is_asked && template.language == form.get("language"));
    let rows: Vec<Value> = rows
        .enumerate()
        .map(|(id, template)| json!({"id": id + 1, "name": template.name, "subject": template.subject, "custom": 1}))
        .collect();
    let mut told = Map::new();
    put_shaped(&mut told, switches, "emailtemplates", "emailtemplate", rows);
    Ok(told)
}

fn products(server: &Server, switches: &Switches, form: &Form) -> Map<String, Value> {
    let world = server.world();
    let is = |key: &str, value: u64| form.number(key).is_none_or(|wanted| wanted == value);
    let wanted = form.get("username2");
    let all: Vec<_> = world
        .services
        .iter()
        .filter(|service| is("serviceid", service.id) && is("clientid", service.client))
        .filter(|service| is("pid", service.pid))
        .filter(|service| matches!(form.get("domain"), "") || service.domain == form.get("domain"))
        // The database compares without regard to case.
        .filter(|service| wanted.is_empty() || service.username.eq_ignore_ascii_case(wanted))
        .collect();
    let (start, wanted) = page(form, switches, all.len());
    let rows = all[wanted.clone()].iter().map(|service| {
        json!({ "id": service.id, "qty": "1", "clientid": service.client, "orderid": service.order, "pid": service.pid,
            "regdate": "2025-11-03", "name": service.product, "groupname": "Object storage", "domain": service.domain,
            "serverid": service.server, "servername": "s3-waw-1", "status": service.status,
            "username": service.username, "password": "PLAIN-TEXT-HERE", "suspensionreason": "",
            "overideautosuspend": "", "overidesuspenduntil": "0000-00-00", "diskusage": "95652",
            "customfields": { "customfield": [] }, "configoptions": { "configoption": [] } })
    });
    let mut told = Map::new();
    told.insert("totalresults".into(), all.len().into());
    told.insert("startnumber".into(), start.into());
    told.insert("numreturned".into(), wanted.len().into());
    put_list(&mut told, switches, "products", "product", rows.collect());
    told
}

fn details(server: &Server, form: &Form) -> Outcome {
    let world = server.world();
    let id = form.number("clientid");
    let client = world.clients.iter().find(|client| Some(client.id) == id);
    let client = client.ok_or_else(|| Refusal::said("Client Not Found"))?;
    let details = json!({"id": client.id, "firstname": client.firstname, "email": client.email,
        "language": client.language, "status": client.status, "defaultgateway": client.gateway, "email_preferences": {"product": "1"}});
    Ok(Map::from_iter([("client".to_owned(), details)]))
}
