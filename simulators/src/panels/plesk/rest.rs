//! The REST API v2, as far as a meter could want it. Administrators alone.

use super::about::{HOST, RELEASE, guid};
use super::choose::site_guid;
use super::directory::used;
use super::people::{Person, Rank};
use super::world::{Server, Subscription, bits};
use crate::form::Form;
use axum::http::{Method, Request};
use bytes::Bytes;
use serde_json::{Value, json};

/// Why a call is refused: its status, and what it says.
pub struct Refusal(u16, &'static str);

impl Refusal {
    /// Whoever asks may not.
    pub fn of_access(status: u16) -> Self {
        Self(status, if status == 401 { "Authentication required" } else { "Access is denied" })
    }
}

const NOT_FOUND: Refusal = Refusal(404, "Object not found");
const INVALID: Refusal = Refusal(400, "Invalid request");

/// The status and body of an outcome.
pub fn written(outcome: Result<Value, Refusal>) -> (u16, Vec<u8>) {
    let (status, body) = match outcome {
        Ok(body) => (200, body),
        Err(Refusal(status, message)) => (status, json!({ "code": status, "message": message })),
    };
    (status, body.to_string().into_bytes())
}

/// What a call comes to, by its path below `/api/v2`.
pub fn outcome(
    server: &Server,
    admin: &Person,
    request: &Request<Bytes>,
    call: &str,
) -> Result<Value, Refusal> {
    let parts: Vec<&str> = call.trim_matches('/').split('/').collect();
    let (is_get, is_put) = (request.method() == Method::GET, request.method() == Method::PUT);
    let there = || server.seen_by(admin);
    match parts.as_slice() {
        ["server"] if is_get => Ok(json!({
            "platform": "Unix", "hostname": HOST, "guid": guid(), "panel_version": RELEASE,
            "panel_revision": "b0c9764495", "panel_build_date": "2024-05-13", "panel_update_version": "5",
            "extension_version": "2.4.0", "extension_release": "1",
        })),
        ["clients"] if is_get => Ok(clients(server).iter().map(|one| client(server, one)).collect()),
        ["clients", id] if is_get => Ok(client(server, &found(server, id)?)),
        ["clients", id, "statistics"] if is_get => {
            let (theirs, [disk, month, day]) = used(server, &found(server, id)?);
            Ok(json!({
                "active_domains": theirs.len(), "subdomains": 0, "disk_space": disk,
                "email_postboxes": 3 * theirs.len(), "email_redirects": 0, "email_response_messages": 0,
                "mailing_lists": 0, "databases": theirs.len(), "traffic": month, "traffic_prevday": day,
            }))
        }
        ["clients", id, switch @ ("suspend" | "activate")] if is_put => {
            let id = found(server, id)?.id;
            if let Some(person) = server.people_mut().get_mut(&id) {
                person.suspended = *switch == "suspend";
            }
            Ok(json!({ "status": "success" }))
        }
        ["domains"] if is_get => {
            let asked = Form::read(request.uri().query().unwrap_or_default());
            let name = asked.first("name");
            let is_it =
                |told: &&Value| name.is_none_or(|name| told["name"] == name || told["ascii_name"] == name);
            Ok(there().iter().flat_map(domains).collect::<Vec<_>>().iter().filter(is_it).cloned().collect())
        }
        ["domains", id] if is_get => {
            let all = there();
            let mut all = all.iter().flat_map(domains);
            let id: u64 = id.parse().map_err(|_| NOT_FOUND)?;
            all.find(|told| told["id"] == id).ok_or(NOT_FOUND)
        }
        ["domains", id, "status"] => {
            let all = there();
            let one = all.iter().find(|one| one.id.to_string() == *id).ok_or(NOT_FOUND)?;
            match is_put {
                true => write_status(server, one, request.body()),
                false => Ok(json!({ "status": status(server.status(one)) })),
            }
        }
        _ => Err(NOT_FOUND),
    }
}

fn clients(server: &Server) -> Vec<Person> {
    server.people().values().filter(|one| one.rank != Rank::Admin).cloned().collect()
}

fn found(server: &Server, id: &str) -> Result<Person, Refusal> {
    clients(server).into_iter().find(|one| one.id.to_string() == id).ok_or(NOT_FOUND)
}

fn client(server: &Server, one: &Person) -> Value {
    let people = server.people();
    let kind = if one.rank == Rank::Reseller { "reseller" } else { "customer" };
    json!({
        "id": one.id, "created": "2023-02-07", "name": one.name, "company": "", "login": one.login,
        "status": one.status(), "email": one.email(), "locale": "en-US", "guid": one.guid(),
        "owner_login": people.get(&one.vendor).map(|vendor| &vendor.login), "external_id": "",
        "description": "", "type": kind,
    })
}

/// A subscription's main domain and its additional sites.
fn domains(one: &Subscription) -> Vec<Value> {
    let row = |id: u32, name: &str, ascii: &str, base: u32, guid: &str| {
        json!({
            "id": id, "name": name, "ascii_name": ascii, "hosting_type": "virtual", "base_domain_id": base,
            "www_root": format!("/var/www/vhosts/{ascii}/httpdocs"), "guid": guid, "created": "2023-02-07",
            "aliases": [],
        })
    };
    let main = row(one.id, &one.name, &one.ascii_name, 0, &one.guid);
    let sites = one.sites.iter().map(|(id, name)| row(*id, name, name, one.id, &site_guid(name)));
    std::iter::once(main).chain(sites).collect()
}

fn status(bits: u16) -> &'static str {
    match bits {
        off if off & bits::SUSPENDED != 0 => "suspended",
        off if off & bits::NO_WEB != 0 => "disabled",
        _ => "active",
    }
}

fn write_status(server: &Server, one: &Subscription, body: &[u8]) -> Result<Value, Refusal> {
    let told: Value = serde_json::from_slice(body).map_err(|_| INVALID)?;
    let (lifted, added) = match told["status"].as_str() {
        Some("suspended") => (0, bits::ADMIN),
        Some("disabled") => (0, bits::NO_WEB),
        Some("active") => (bits::SUSPENDED | bits::NO_WEB, 0),
        _ => return Err(INVALID),
    };
    if let Some(one) = server.subscriptions_mut().get_mut(&one.name) {
        one.status = one.status & !lifted | added;
    }
    Ok(told)
}
