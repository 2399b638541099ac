//! `AddBillableItem`, `GetInvoices` and `GetInvoice`: items that wait for their client's next invoice, and
//! the invoices they reach. No action lists the items themselves.

use super::reply::{Outcome, Refusal, page, put_shaped};
use super::switches::Switches;
use super::world::{BillableItem, Invoice, Server, World};
use crate::form::Form;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

/// Makes an item.
pub fn add(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let said = |message: &str| Err(Refusal::said(message));
    let mut world = server.world();
    let client = form.number("clientid");
    let Some(client) = client.filter(|id| world.clients.iter().any(|client| client.id == *id)) else {
        return said("Client ID not Found");
    };
    if form.get("description").is_empty() {
        return said("You must provide a description");
    }
    if !["hours", "quantity"].contains(&form.get("unit")) {
        return said("Invalid Unit, please specify either 'hours' or 'quantity'");
    }
    if !["noinvoice", "nextcron", "nextinvoice", "duedate", "recur"].contains(&form.get("invoiceaction")) {
        return said("Invalid Invoice Action");
    }
    let item = BillableItem {
        id: world.items.len() as u64 + 1,
        client,
        description: form.get("description").to_owned(),
        amount: form.get("amount").to_owned(),
        unit: form.get("unit").to_owned(),
        quantity: form.get("quantity").to_owned(),
        invoice_action: form.get("invoiceaction").to_owned(),
        created: today(server, switches),
        invoice: None,
    };
    let id = item.id;
    world.items.push(item);
    let mut told = Map::from_iter([("billableid".to_owned(), id.into())]);
    if switches.status_for_result {
        told.insert("status".into(), "success".into());
    }
    Ok(told)
}

/// What the daily cron does: every item that waits goes onto a new invoice of its client.
pub fn make_invoices(server: &Server, switches: &Switches, world: &mut World) {
    let date = today(server, switches);
    let World { items, invoices, .. } = world;
    for item in items.iter_mut().filter(|item| item.invoice.is_none()) {
        let open = invoices.iter().find(|invoice| invoice.client == item.client && invoice.date == date);
        let number = open.map_or(invoices.len() as u64 + 1, |invoice| invoice.id);
        if open.is_none() {
            invoices.push(Invoice { id: number, client: item.client, date: date.clone() });
        }
        item.invoice = Some(number);
    }
}

/// A client's invoices, newest first.
pub fn invoices(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let world = server.world();
    let wanted = form.number("userid");
    let all: Vec<&Invoice> = world
        .invoices
        .iter()
        .rev()
        .filter(|invoice| wanted.is_none_or(|client| invoice.client == client))
        .collect();
    let (start, wanted) = page(form, switches, all.len());
    let rows = all[wanted.clone()].iter().map(|invoice| {
        json!({ "id": invoice.id, "userid": invoice.client, "invoicenum": "", "date": invoice.date,
            "duedate": invoice.date, "datepaid": "0000-00-00 00:00:00", "status": "Unpaid" })
    });
    let rows = rows.collect();
    let mut told = Map::new();
    told.insert("totalresults".into(), all.len().into());
    told.insert("startnumber".into(), start.into());
    told.insert("numreturned".into(), wanted.len().into());
    put_shaped(&mut told, switches, "invoices", "invoice", rows);
    Ok(told)
}

/// One invoice with its items.
pub fn invoice(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let world = server.world();
    let id = form.number("invoiceid");
    let invoice = world.invoices.iter().find(|invoice| Some(invoice.id) == id);
    let invoice = invoice.ok_or_else(|| Refusal::said("Invoice ID Not Found"))?;
    let hosting = json!({ "id": 1, "type": "Hosting", "relid": 7731, "description": "S3 Storage 100",
        "amount": "4.90", "taxed": 0 });
    let items = world.items.iter().filter(|item| item.invoice == Some(invoice.id)).map(|item| {
        json!({ "id": 100 + item.id, "type": "Item", "relid": item.id, "description": item.description,
            "amount": item.amount, "taxed": 0 })
    });
    let rows: Vec<Value> = std::iter::once(hosting).chain(items).collect();
    let mut told = Map::new();
    told.insert("invoiceid".into(), invoice.id.into());
    told.insert("userid".into(), invoice.client.into());
    told.insert("date".into(), invoice.date.clone().into());
    told.insert("status".into(), "Unpaid".into());
    put_shaped(&mut told, switches, "items", "item", rows);
    told.insert("transactions".into(), "".into());
    Ok(told)
}

fn today(server: &Server, switches: &Switches) -> String {
    let local = server.knobs.clock.now() + TimeDelta::minutes(switches.utc_offset_minutes.into());
    local.format("%Y-%m-%d").to_string()
}
