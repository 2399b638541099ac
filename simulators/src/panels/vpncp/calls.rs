//! The clients: listed, shown and edited, in the shapes of both generations.

use super::reply::{Outcome, Refusal};
use super::switches::{CapType, ListShape, Names, Spelling, Switches};
use super::world::{Client, Server};
use crate::form::Form;
use serde_json::{Map, Value, json};

/// The largest bandwidth the panel takes, in Mbit/s.
const LARGEST: u64 = 10_000;

/// Everybody.
pub fn list(server: &Server, switches: &Switches) -> Value {
    let clients = server.there();
    let shown = clients.iter().map(|(name, client)| (name.clone(), shown(switches, name, client)));
    match (switches.is_first(), switches.list) {
        (_, ListShape::HiddenAsNull) => Value::Null,
        (_, ListShape::HiddenAsEmpty) => json!([]),
        // Go writes a list that nobody was ever put into as null.
        (false, _) if clients.is_empty() => Value::Null,
        (false, ListShape::ByName) => Value::Object(
            shown
                .map(|(name, mut client)| {
                    client.as_object_mut().map(|fields| fields.remove("name"));
                    (name, client)
                })
                .collect(),
        ),
        (false, ListShape::Wrapped) => {
            let clients: Vec<Value> = shown.map(|(_, client)| client).collect();
            json!({ "clients": clients, "total": clients.len() })
        }
        _ => shown.map(|(_, client)| client).collect(),
    }
}

/// One of them.
pub fn show(server: &Server, switches: &Switches, name: &str) -> Outcome {
    let clients = server.there();
    let client = clients.get(name).ok_or_else(|| not_found(switches))?;
    Ok(shown(switches, name, client))
}

/// Changes one of them and shows it.
pub fn edit(server: &Server, switches: &Switches, name: &str, body: &[u8]) -> Outcome {
    if switches.read_only {
        return Err(Refusal::new(403, "Permission denied"));
    }
    let fields = match switches.is_first() {
        true => form(body),
        false => serde_json::from_slice(body).map_err(|_| Refusal::new(400, "Invalid JSON"))?,
    };
    if !server.there().contains_key(name) {
        return Err(not_found(switches));
    }
    if switches.loading.is_some() {
        return Err(Refusal::new(409, "PUQVPNCP status not OK"));
    }
    let mut clients = server.clients_mut();
    let client = clients.get_mut(name).ok_or_else(|| not_found(switches))?;
    let mut edited = client.clone();
    let [down, up] = cap_names(if switches.is_first() { Names::Module } else { switches.written_names });
    if let Some(value) = fields.get(down) {
        edited.down = cap(switches, down, value)?;
    }
    if let Some(value) = fields.get(up) {
        edited.up = cap(switches, up, value)?;
    }
    let (field, [on, off]) = status_words(switches);
    match fields.get(field) {
        None => {}
        Some(word) if *word == on => edited.enabled = true,
        Some(word) if *word == off => edited.enabled = false,
        Some(_) => return Err(Refusal::of_field(field, "unknown value")),
    }
    edited.saves += 1;
    if !switches.writes_ignored {
        *client = edited;
    }
    let client = client.clone();
    drop(clients);
    Ok(shown(switches, name, &client))
}

fn shown(switches: &Switches, name: &str, client: &Client) -> Value {
    let number = client.number;
    let (status_field, words) = status_words(switches);
    let status = words[usize::from(!client.enabled)].clone();
    if switches.is_first() {
        return json!({
            "allowed_IPs": format!("10.20.{}.{}", number / 250, number % 250 + 2),
            "b_download": client.down.to_string(), "b_upload": client.up.to_string(),
            "mangle": (200 + number).to_string(), "name": name, "password": format!("pw-{number}-in-clear"),
            "private_key": format!("private-key-of-{number}="), "public_key": format!("public-key-of-{number}="),
            "status": status, "username": format!("user_{number}"), "wg_name": client.network(),
        });
    }
    let [down, up] = cap_names(switches.names);
    let network = match switches.names {
        Names::Module => "network_name",
        Names::Page => "network",
    };
    let fields = [
        ("name", Value::from(name)),
        ("username", format!("user_{number}").into()),
        (network, client.network().into()),
        ("ipv4", format!("10.20.{}.{}", number / 250, number % 250 + 2).into()),
        (status_field, status),
        (down, switches.number(client.down)),
        (up, switches.number(client.up)),
        ("password", format!("pw-{number}-in-clear").into()),
    ];
    Value::Object(fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect())
}

fn cap_names(names: Names) -> [&'static str; 2] {
    match names {
        Names::Module => ["b_download", "b_upload"],
        Names::Page => ["bandwidth_download", "bandwidth_upload"],
    }
}

/// The field of the status, with the words for on and off.
fn status_words(switches: &Switches) -> (&'static str, [Value; 2]) {
    let words = |on: &str, off: &str| ("status", [on.into(), off.into()]);
    match (switches.is_first(), switches.spelling) {
        (true, _) | (_, Spelling::Lower) => words("enable", "disable"),
        (_, Spelling::Capital) => words("Enable", "Disable"),
        (_, Spelling::Participle) => words("enabled", "disabled"),
        (_, Spelling::Active) => words("active", "suspended"),
        (_, Spelling::Strange) => words("paused", "paused"),
        (_, Spelling::Boolean) => ("enabled", [true.into(), false.into()]),
    }
}

fn cap(switches: &Switches, field: &str, value: &Value) -> Result<u64, Refusal> {
    let told = match value {
        Value::Number(_) if !switches.is_first() && switches.cap_type == CapType::Text => {
            return Err(Refusal::of_field(field, "must be a string"));
        }
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    told.filter(|mbit| *mbit <= LARGEST).ok_or_else(|| Refusal::of_field(field, "must be 0 to 10000"))
}

fn form(body: &[u8]) -> Map<String, Value> {
    Form::read(body).into_pairs().into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// How each generation says that there is no such client.
pub fn not_found(switches: &Switches) -> Refusal {
    match switches.is_first() {
        true => Refusal::new(200, "Account not found"),
        false => Refusal::new(404, "Client not found"),
    }
}
