//! What this WHMCS knows: clients, services, templates, and the mails it has sent.

use super::switches::Switches;
use crate::panel::Knobs;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A client; `language` is empty for the default one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `tblclients.id`.
    pub id: u64,
    /// Given name.
    #[serde(default)]
    pub firstname: String,
    /// The address of its mails.
    #[serde(default)]
    pub email: String,
    /// `""`, or a language such as `german`.
    #[serde(default)]
    pub language: String,
    /// `Active`, `Inactive` or `Closed`.
    #[serde(default = "active")]
    pub status: String,
    /// The payment method of his own, or none.
    #[serde(default)]
    pub gateway: String,
}

fn active() -> String {
    "Active".to_owned()
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `tblhosting.id`.
    pub id: u64,
    /// Its client.
    pub client: u64,
    /// `tblservers.id`.
    pub server: u64,
    /// The account name on the panel.
    pub username: String,
    /// `Active`, `Suspended`, `Terminated`, ...
    pub status: String,
    /// The product's name.
    pub product: String,
    /// The product's number.
    #[serde(default)]
    pub pid: u64,
    /// The order that it came from.
    #[serde(default)]
    pub order: u64,
    /// Its domain.
    #[serde(default)]
    pub domain: String,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// `tblproducts.id`.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The module that runs it.
    pub module: String,
    /// `free`, `onetime` or `recurring`.
    pub paytype: String,
}

/// An order, and what came of it besides its services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// `tblorders.id`.
    pub id: u64,
    /// Whose it is.
    pub client: u64,
    /// `Pending`, `Active`, `Cancelled`, `Fraud`.
    pub status: String,
    /// The billing cycle as it was asked for.
    pub cycle: String,
    /// Whether an invoice was made.
    pub invoiced: bool,
    /// Whether the customer was mailed.
    pub mailed: bool,
    /// Whether the module was told to begin its services.
    pub provisioned: bool,
}

/// A mail template of type product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its unique name.
    pub name: String,
    /// The language; `""` is the default one.
    #[serde(default)]
    pub language: String,
    /// The subject, with merge fields.
    pub subject: String,
    /// The body, with merge fields.
    #[serde(default)]
    pub body: String,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
}

/// A mail as it left, with what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mail {
    /// Its number in the mail log.
    pub id: u64,
    /// Whom it went to.
    pub client: u64,
    /// What it was about.
    pub service: u64,
    /// Its template; none where the caller worded it.
    pub template: Option<String>,
    /// The subject with everything filled in.
    pub subject: String,
    /// The body with everything filled in.
    pub message: String,
    /// When, in WHMCS's own time without a zone.
    pub date: String,
    /// The parameter `customvars` as it came: base64.
    pub customvars: String,
    /// What it unserialized to.
    pub variables: serde_json::Value,
    /// Whether the mail server would not take it.
    pub failed: bool,
}

/// An item that waits for an invoice, or has reached one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillableItem {
    /// `tblbillableitems.id`.
    pub id: u64,
    /// Whom it is billed to.
    pub client: u64,
    /// What stands on the invoice.
    pub description: String,
    /// The amount as it came.
    pub amount: String,
    /// `hours` or `quantity`.
    pub unit: String,
    /// How many.
    pub quantity: String,
    /// When it is invoiced.
    pub invoice_action: String,
    /// The day it was made.
    pub created: String,
    /// The invoice it has reached.
    pub invoice: Option<u64>,
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its number.
    pub id: u64,
    /// Whose it is.
    pub client: u64,
    /// Its day, in WHMCS's own time.
    pub date: String,
}

/// Everything there is; tests write into it.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Clients.
    pub clients: Vec<Client>,
    /// Services.
    pub services: Vec<Service>,
    /// Templates of type product.
    pub templates: Vec<Template>,
    /// The mail log, oldest first.
    pub outbox: Vec<Mail>,
    /// Billable items, oldest first.
    pub items: Vec<BillableItem>,
    /// Invoices, oldest first.
    pub invoices: Vec<Invoice>,
    /// Products.
    pub products: Vec<Product>,
    /// Orders, oldest first.
    pub orders: Vec<Order>,
    /// Servers with the modules that run them.
    pub servers: Vec<(u64, String)>,
    /// Payment methods.
    pub payment_methods: Vec<String>,
}

/// A running fake, as its parts share it.
pub struct Server {
    pub knobs: Knobs,
    pub identifier: String,
    pub secret: String,
    pub world: Mutex<World>,
    pub switches: RwLock<Switches>,
}

impl Server {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The parts behind a lock that was poisoned are used all the same: it is only a test's world.
    pub fn switch(self: &Arc<Self>, change: impl FnOnce(&mut Switches)) {
        change(&mut self.switches.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The templates that the modules bring, and clients with one service each.
pub fn settle(accounts: usize) -> World {
    let names = [
        "puqMinIOS3 Notification disk limit",
        "puqSynology Notification disk limit",
        "puqMinIOS3 service Suspension Notification disk limit",
    ];
    let template = |name: &str| Template {
        name: name.to_owned(),
        language: String::new(),
        subject: match name.contains("Suspension") {
            true => "Suspension Information - {$username}".to_owned(),
            false => "Disk space usage {$disk_used_percentage} % - {$username}".to_owned(),
        },
        body: "<p>Dear {$client_name},</p><p>{$username} of {$service_product_name}: limit \
               {$disk_limit_bytes*$unit_coefficient} {$unit}, used {$disk_used_unit} {$unit} \
               ({$disk_used_percentage} %), free {$disk_free_unit} {$unit} ({$disk_free_percentage} %).</p>"
            .to_owned(),
        disabled: false,
    };
    let product = |id, name: &str, module: &str| Product {
        id,
        name: name.into(),
        module: module.into(),
        paytype: "recurring".into(),
    };
    let mut world = World {
        templates: names.map(template).into(),
        products: vec![
            product(31, "S3 Storage 100", "puqMinIOS3"),
            product(32, "Tunnel", "tunnels"),
            product(90, "Metered usage", "whmeter"),
        ],
        servers: vec![(12, "puqMinIOS3".into()), (90, "whmeter".into())],
        payment_methods: vec!["mailin".into(), "paypal".into()],
        ..World::default()
    };
    for number in 0..accounts as u64 {
        let client = 1042 + number;
        world.clients.push(Client {
            id: client,
            firstname: format!("Client {number}"),
            email: format!("client{number}@example.net"),
            language: String::new(),
            status: active(),
            gateway: String::new(),
        });
        world.services.push(Service {
            id: 7731 + number,
            client,
            server: 12,
            username: format!("{client}-{}", 7731 + number),
            status: "Active".to_owned(),
            product: "S3 Storage 100".to_owned(),
            pid: 31,
            order: 5120,
            domain: String::new(),
        });
    }
    world
}
