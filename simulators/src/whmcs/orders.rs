//! `AddOrder`, `AcceptOrder`, `UpdateClientProduct` and what is asked before: orders and the services they make. Whether an
//! order made an invoice, mailed or provisioned is kept, so that a test can see that none did.

use super::reply::{Outcome, Refusal, page, put_list};
use super::switches::Switches;
use super::world::{Order, Server, Service};
use crate::form::Form;
use serde_json::{Map, Value, json};

/// What PHP makes of a field: absent and `0` are no, and the word `false` is a yes.
fn is_set(form: &Form, name: &str) -> bool {
    !matches!(form.get(name), "" | "0")
}

/// Makes an order with one service, which is pending.
pub fn add(server: &Server, form: &Form) -> Outcome {
    let said = |message: &str| Err(Refusal::said(message));
    let mut world = server.world();
    let client = form.number("clientid");
    let Some(client) = client.and_then(|id| world.clients.iter().find(|client| client.id == id)).cloned()
    else {
        return said("Client ID Not Found");
    };
    if client.status == "Closed" {
        return said("Unable to add order when client status is Closed");
    }
    if !world.payment_methods.iter().any(|method| method == form.get("paymentmethod")) {
        let known = world.payment_methods.join(",");
        return Err(Refusal::said(&format!("Invalid Payment Method. Valid options include {known}")));
    }
    if form.first("pid").is_some() {
        return said("Expecting parameter 'pid' to be an array");
    }
    let product = form.number("pid[0]");
    let Some(product) = product.and_then(|id| world.products.iter().find(|one| one.id == id)).cloned() else {
        return said("No items added to cart so order cannot proceed");
    };
    let order = Order {
        id: 6000 + world.orders.len() as u64,
        client: client.id,
        status: "Pending".to_owned(),
        cycle: form.get("billingcycle[0]").to_owned(),
        invoiced: !is_set(form, "noinvoice"),
        mailed: !is_set(form, "noemail") || !is_set(form, "noinvoiceemail"),
        provisioned: false,
    };
    let service = Service {
        id: world.services.iter().map(|service| service.id).max().unwrap_or(0) + 1,
        client: client.id,
        server: 0,
        username: String::new(),
        status: "Pending".to_owned(),
        product: product.name,
        pid: product.id,
        order: order.id,
        domain: form.get("domain[0]").to_owned(),
    };
    let mut told = Map::new();
    told.insert("orderid".into(), order.id.into());
    told.insert("serviceids".into(), service.id.to_string().into());
    told.insert("invoiceid".into(), u64::from(order.invoiced).into());
    world.orders.push(order);
    world.services.push(service);
    Ok(told)
}

/// Takes an order up. Its services stay pending, unless the module is to begin them.
pub fn accept(server: &Server, form: &Form) -> Outcome {
    let mut world = server.world();
    let id = form.number("orderid");
    let order = world.orders.iter_mut().find(|order| Some(order.id) == id && order.status == "Pending");
    let order = order.ok_or_else(|| Refusal::said("Order ID not found or Status not Pending"))?;
    order.status = "Active".to_owned();
    // Left out, the product's own setting decides: it may begin them.
    order.provisioned = form.get("autosetup") != "0";
    order.mailed |= form.get("sendemail") != "0";
    let (order, server) = (order.id, form.number("serverid"));
    for service in world.services.iter_mut().filter(|service| service.order == order) {
        service.server = server.unwrap_or(service.server);
        if form.first("serviceusername").is_some() {
            form.get("serviceusername").clone_into(&mut service.username);
        }
    }
    Ok(Map::new())
}

/// Changes a service's row; no module hears of it.
pub fn update(server: &Server, form: &Form) -> Outcome {
    let mut world = server.world();
    let id = form.number("serviceid");
    let service = world.services.iter_mut().find(|service| Some(service.id) == id);
    let service = service.ok_or_else(|| Refusal::said("Service ID Not Found"))?;
    service.server = form.number("serverid").unwrap_or(service.server);
    for (name, value) in [
        ("serviceusername", &mut service.username),
        ("status", &mut service.status),
        ("domain", &mut service.domain),
    ] {
        if !form.get(name).is_empty() {
            form.get(name).clone_into(value);
        }
    }
    if form.get("unset[0]") == "domain" {
        service.domain.clear();
    }
    Ok(Map::from_iter([("serviceid".to_owned(), service.id.into())]))
}

/// Orders, newest first.
pub fn list(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let world = server.world();
    let id = form.number("id");
    let all: Vec<&Order> =
        world.orders.iter().rev().filter(|order| id.is_none_or(|id| order.id == id)).collect();
    let (start, wanted) = page(form, switches, all.len());
    let rows: Vec<Value> = all[wanted.clone()]
        .iter()
        .map(|order| json!({"id": order.id, "userid": order.client, "status": order.status, "notes": ""}))
        .collect();
    let mut told = Map::new();
    told.insert("totalresults".into(), all.len().into());
    told.insert("startnumber".into(), start.into());
    told.insert("numreturned".into(), rows.len().into());
    put_list(&mut told, switches, "orders", "order", rows);
    Ok(told)
}

/// Products, or one.
pub fn products(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let world = server.world();
    let pid = form.number("pid");
    let found = world.products.iter().filter(|product| pid.is_none_or(|pid| product.id == pid));
    let rows = found
        .map(|one| json!({"pid": one.id, "name": one.name, "module": one.module, "paytype": one.paytype}));
    let mut told = Map::new();
    put_list(&mut told, switches, "products", "product", rows.collect());
    Ok(told)
}

/// Servers: a list that is wrapped once.
pub fn servers(server: &Server) -> Outcome {
    let world = server.world();
    let rows: Vec<Value> =
        world.servers.iter().map(|(id, module)| json!({"id": id, "name": "s3", "module": module})).collect();
    Ok(Map::from_iter([("servers".to_owned(), rows.into())]))
}

/// Payment methods.
pub fn payment_methods(server: &Server, switches: &Switches) -> Outcome {
    let world = server.world();
    let rows = world.payment_methods.iter().map(|name| json!({"module": name, "displayname": name}));
    let mut told = Map::new();
    put_list(&mut told, switches, "paymentmethods", "paymentmethod", rows.collect());
    Ok(told)
}
