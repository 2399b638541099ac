//! What a test can do to this WHMCS, below `/whmcs/` on the control address.

use super::billing;
use super::world::{Client, Server, Service, Template};
use crate::panel::{NotDone, merge};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Does an operation by its path:
///
/// * `state`: switches, services, templates;
/// * `outbox`: the mails sent, oldest first; `outbox/clear` forgets them;
/// * `items`: the billable items, oldest first; `invoices/make` puts those that wait onto invoices;
/// * `switches`: the fields told are set, the others stay;
/// * `clients`, `services`, `templates`: an array that takes the place of what there is.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    let mut world = server.world();
    match operation {
        "state" => {}
        "outbox" => return Ok(json!(world.outbox)),
        "outbox/clear" => world.outbox.clear(),
        "items" => return Ok(json!(world.items)),
        "invoices/make" => billing::make_invoices(server, &server.switches(), &mut world),
        "switches" => drop(merge(&server.switches, arguments)?),
        "clients" => world.clients = read::<Vec<Client>>(arguments)?,
        "services" => world.services = read::<Vec<Service>>(arguments)?,
        "templates" => world.templates = read::<Vec<Template>>(arguments)?,
        _ => return Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
    Ok(json!({ "switches": server.switches(), "services": world.services, "templates": world.templates,
        "clients": world.clients }))
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, NotDone> {
    serde_json::from_value(value.clone()).map_err(|error| NotDone::NotUnderstood(error.to_string()))
}
