//! Orders: a service made for an account that is there already, without invoice, mail or provisioning.
//!
//! WHMCS keeps texts as they were escaped for a page: what is compared is decoded first, as its module does.
//!
//! Only `AddOrder` makes something. The other two write what then is so, and the same again changes nothing; what
//! became of them is read back. No action of a module is among them: a panel never hears of it.
//!
//! Sources: developers.whmcs.com, "AddOrder", "AcceptOrder", "UpdateClientProduct", "GetOrders",
//! "GetClientsProducts", "GetClientsDetails", "GetProducts", "GetServers", "GetPaymentMethods".

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use super::WhmcsApi;
use super::billing::{NotAdded, of_adding};
use super::client::{ApiError, Client};
use super::wire::{rows, text, whole};
use crate::settings::{Section, SettingsError};

const SERVICES: &str = "GetClientsProducts";
/// No row of WHMCS has this number.
const UNUSED: i64 = u32::MAX as i64;
const PAGE: u64 = 100;
const MOST_PAGES: u64 = 100;
/// As PHP's `http_build_query` writes a truth value: of the word "false" PHP makes a yes.
const YES: &str = "1";
const NO: &str = "0";

/// The orders and services of one WHMCS.
#[derive(Clone)]
pub struct Orders {
    client: Client,
}

/// Why WHMCS has not said what it was asked. `for_all`: it would say no more to any other question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotSaid {
    /// Why, for people.
    pub why: String,
    /// Whether it is about WHMCS, and not about what was asked.
    pub for_all: bool,
}

impl From<ApiError> for NotSaid {
    fn from(error: ApiError) -> NotSaid {
        let for_all = !matches!(error, ApiError::Rejected { .. } | ApiError::Failed { .. });
        NotSaid { why: error.to_string(), for_all }
    }
}

impl From<NotSaid> for String {
    fn from(not_said: NotSaid) -> String {
        not_said.why
    }
}

/// A service to be ordered.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder<'a> {
    /// `tblclients.id`.
    pub client: i64,
    /// `tblproducts.id`.
    pub product: i64,
    /// `monthly`, …
    pub cycle: &'a str,
    /// `mailin`, …
    pub payment: &'a str,
    /// The domain by which it is found again.
    pub mark: &'a str,
}

/// An order as WHMCS has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// `tblorders.id`.
    pub order: i64,
    /// `tblhosting.id`.
    pub service: i64,
    /// The invoice that WHMCS made although it was asked not to.
    pub invoice: Option<i64>,
}

/// What a service is to have.
#[derive(Clone, Copy, Debug)]
pub struct ServiceNames<'a> {
    /// `tblservers.id`.
    pub server: i64,
    /// The account's name on the panel.
    pub username: &'a str,
    /// None takes it away.
    pub domain: Option<&'a str>,
    /// Whether it becomes active. One that is suspended stays so: that is for billing to end.
    pub activate: bool,
}

/// A service as WHMCS has it. Its password is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedService {
    /// `tblhosting.id`.
    pub id: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// `tblorders.id`.
    pub order: i64,
    /// `tblproducts.id`.
    pub product: i64,
    /// `tblservers.id`; 0 for none.
    pub server: i64,
    /// Its username.
    pub username: String,
    /// Its domain.
    pub domain: String,
    /// `Pending`, `Active`, …
    pub status: String,
    /// How often it is paid, in `AddOrder`'s word for it; empty where WHMCS does not say.
    pub cycle: String,
    /// What is paid each time, as WHMCS writes it; empty where it does not say.
    pub amount: String,
}

impl HostedService {
    /// Whether it is over: it is not paid for any more.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "Terminated" | "Cancelled" | "Fraud")
    }
}

/// A client as far as an order needs him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    /// `Active`, `Inactive` or `Closed`.
    pub status: String,
    /// The payment method that he has by default.
    pub payment: Option<String>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// The module that runs it; empty for none.
    pub module: String,
    /// `free`, `onetime` or `recurring`; empty where WHMCS does not say.
    pub paid: String,
}

impl Orders {
    /// Opens the API; asks nothing yet.
    pub fn open(api: &WhmcsApi, folder: &Path) -> Result<Orders, SettingsError> {
        let section = Section::new(toml::Table::new(), folder);
        Ok(Orders { client: Client::new(api, &section)? })
    }

    /// Asks for all that an adoption asks for before it writes. What only writing shows is said.
    pub async fn check(&self, products: &BTreeSet<i64>) -> Result<String, NotSaid> {
        self.payment_methods().await?;
        self.read("GetServers", &[]).await?;
        // Numbers that nothing has: the answer is that there is none.
        self.service(UNUSED).await?;
        self.order_status(UNUSED).await?;
        self.payer(UNUSED).await?;
        for product in products {
            if self.product(*product).await?.is_none() {
                let why = format!("[[adopt]] names product {product}, which WHMCS does not have");
                return Err(NotSaid { why, for_all: false });
            }
        }
        Ok("may read clients, products, orders and services; whether AddOrder, AcceptOrder and UpdateClientProduct are allowed \
            shows when they are used"
            .into())
    }

    /// Orders a service, once.
    pub async fn order(&self, new: &NewOrder<'_>) -> Result<PlacedOrder, NotAdded> {
        const ADD: &str = "AddOrder";
        let (client, product) = (new.client.to_string(), new.product.to_string());
        let parameters = [
            ("clientid", client.as_str()),
            ("paymentmethod", new.payment),
            ("pid[0]", &product),
            ("billingcycle[0]", new.cycle),
            ("domain[0]", new.mark),
            ("noinvoice", YES),
            ("noinvoiceemail", YES),
            ("noemail", YES),
        ];
        let answer = self.client.write(ADD, &parameters).await.map_err(|error| of_adding(&error))?;
        let id = |name: &str| number(&answer, name).filter(|id| *id > 0);
        // Called productids before WHMCS 7.8.
        match (id("orderid"), id("serviceids").or_else(|| id("productids"))) {
            (Some(order), Some(service)) => Ok(PlacedOrder { order, service, invoice: id("invoiceid") }),
            (order, _) => {
                let order = order.map_or("an order".into(), |order| format!("order {order}"));
                Err(NotAdded::Unknown { why: format!("WHMCS made {order} and names no service of it") })
            }
        }
    }

    /// The service of a client that was ordered with this mark.
    pub async fn ordered(&self, client: i64, mark: &str) -> Result<Option<HostedService>, NotSaid> {
        let client = client.to_string();
        // An older WHMCS may not know the filter: it is applied to what comes besides.
        let found = self.services(&[("clientid", &client), ("domain", mark)]).await?;
        Ok(found.into_iter().find(|service| service.domain.eq_ignore_ascii_case(mark)))
    }

    /// A service by its number.
    pub async fn service(&self, id: i64) -> Result<Option<HostedService>, NotSaid> {
        let number = id.to_string();
        let found = self.services(&[("serviceid", &number)]).await?;
        Ok(found.into_iter().find(|service| service.id == id))
    }

    /// Every service with this username, whosever it is and on whatever server.
    pub async fn named(&self, username: &str) -> Result<Vec<HostedService>, NotSaid> {
        self.with("username2", username, |service| &service.username).await
    }

    /// Every service with this domain, whosever it is and on whatever server.
    pub async fn of_domain(&self, domain: &str) -> Result<Vec<HostedService>, NotSaid> {
        self.with("domain", domain, |service| &service.domain).await
    }

    async fn with(
        &self,
        filter: &str,
        wanted: &str,
        field: impl Fn(&HostedService) -> &String,
    ) -> Result<Vec<HostedService>, NotSaid> {
        let mut found = self.services(&[(filter, wanted)]).await?;
        // The filter compares what is stored.
        let stored = quick_xml::escape::escape(wanted);
        if stored != wanted {
            found.extend(self.services(&[(filter, &stored)]).await?);
        }
        found.retain(|service| field(service).eq_ignore_ascii_case(wanted.trim()));
        Ok(found)
    }

    /// The status of an order; `None` where there is none.
    pub async fn order_status(&self, order: i64) -> Result<Option<String>, NotSaid> {
        const ACTION: &str = "GetOrders";
        let id = order.to_string();
        let answer = self.read(ACTION, &[("id", &id)]).await?;
        let orders = rows(&answer, "orders", "order").ok_or_else(|| strange(ACTION))?;
        let found = orders.iter().find(|row| number(row, "id") == Some(order));
        Ok(found.and_then(|row| text(row.get("status"))))
    }

    /// Takes an order up: nothing is provisioned and nobody is mailed.
    pub async fn accept(&self, order: i64, server: i64, username: &str) -> Result<(), NotSaid> {
        let (order, server) = (order.to_string(), server.to_string());
        let parameters = [
            ("orderid", order.as_str()),
            ("serverid", &server),
            ("serviceusername", username),
            ("autosetup", NO),
            ("sendemail", NO),
        ];
        Ok(self.client.write("AcceptOrder", &parameters).await.map(drop)?)
    }

    /// Gives a service its names, and makes it active where that is wanted; its password stays what it is.
    pub async fn name(&self, service: i64, names: &ServiceNames<'_>) -> Result<(), NotSaid> {
        let (service, server) = (service.to_string(), names.server.to_string());
        let domain = match names.domain {
            Some(domain) => ("domain", domain),
            None => ("unset[0]", "domain"),
        };
        let mut parameters = Vec::from([
            ("serviceid", service.as_str()),
            ("serverid", &server),
            ("serviceusername", names.username),
            domain,
        ]);
        parameters.extend(names.activate.then_some(("status", "Active")));
        Ok(self.client.write("UpdateClientProduct", &parameters).await.map(drop)?)
    }

    /// A client; `None` where there is none.
    pub async fn payer(&self, client: i64) -> Result<Option<Payer>, NotSaid> {
        const ACTION: &str = "GetClientsDetails";
        let id = client.to_string();
        let answer = match self.client.read(ACTION, &[("clientid", &id)]).await {
            Err(ApiError::Rejected { message, .. }) if message.to_ascii_lowercase().contains("not found") => {
                return Ok(None);
            }
            answer => answer?,
        };
        let client = answer.get("client").and_then(Value::as_object).ok_or_else(|| strange(ACTION))?;
        let status = text(client.get("status")).ok_or_else(|| strange(ACTION))?;
        let payment = text(client.get("defaultgateway")).filter(|method| !method.is_empty());
        Ok(Some(Payer { status, payment }))
    }

    /// A product; `None` where there is none.
    pub async fn product(&self, product: i64) -> Result<Option<Product>, NotSaid> {
        const ACTION: &str = "GetProducts";
        let id = product.to_string();
        let answer = self.read(ACTION, &[("pid", &id)]).await?;
        let products = rows(&answer, "products", "product").ok_or_else(|| strange(ACTION))?;
        let found = products.iter().find(|row| number(row, "pid") == Some(product));
        Ok(found.map(|row| Product {
            name: meant(row, "name"),
            module: meant(row, "module"),
            paid: meant(row, "paytype").to_ascii_lowercase(),
        }))
    }

    /// The module of a server; `None` where there is no such server.
    pub async fn module_of(&self, server: i64) -> Result<Option<String>, NotSaid> {
        const ACTION: &str = "GetServers";
        let answer = self.read(ACTION, &[]).await?;
        let servers = rows(&answer, "servers", "server").ok_or_else(|| strange(ACTION))?;
        let found = servers.iter().find(|row| number(row, "id") == Some(server));
        Ok(found.map(|row| text(row.get("module")).unwrap_or_default()))
    }

    /// The payment methods there are, in WHMCS's words for them.
    pub async fn payment_methods(&self) -> Result<Vec<String>, NotSaid> {
        const ACTION: &str = "GetPaymentMethods";
        let answer = self.read(ACTION, &[]).await?;
        let methods = rows(&answer, "paymentmethods", "paymentmethod").ok_or_else(|| strange(ACTION))?;
        Ok(methods.iter().filter_map(|row| text(row.get("module"))).collect())
    }

    async fn read(
        &self,
        action: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<Map<String, Value>, NotSaid> {
        Ok(self.client.read(action, parameters).await?)
    }

    /// Every service that fits, page by page: rows may shift between two pages.
    async fn services(&self, filter: &[(&str, &str)]) -> Result<Vec<HostedService>, NotSaid> {
        let mut found: Vec<HostedService> = Vec::new();
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let (from, count) = (start.to_string(), PAGE.to_string());
            let mut parameters = filter.to_vec();
            parameters.extend([("limitstart", from.as_str()), ("limitnum", &count)]);
            let answer = self.read(SERVICES, &parameters).await?;
            let page = rows(&answer, "products", "product").ok_or_else(|| strange(SERVICES))?;
            for row in &page {
                let service = hosted(row).ok_or_else(|| strange(SERVICES))?;
                if !found.iter().any(|known| known.id == service.id) {
                    found.push(service);
                }
            }
            start += page.len() as u64;
            if page.is_empty() || whole(answer.get("totalresults")).is_some_and(|total| start >= total) {
                return Ok(found);
            }
        }
        Err(NotSaid { why: format!("{SERVICES}: more pages than there can be"), for_all: false })
    }
}

fn hosted(row: &Map<String, Value>) -> Option<HostedService> {
    // WHMCS keeps `Semi-Annually`, `Free Account` and `One Time`.
    let cycle = meant(row, "billingcycle").to_ascii_lowercase().replace(['-', ' '], "");
    Some(HostedService {
        id: number(row, "id")?,
        client: number(row, "clientid")?,
        order: number(row, "orderid").unwrap_or(0),
        product: number(row, "pid").unwrap_or(0),
        server: number(row, "serverid").unwrap_or(0),
        username: meant(row, "username"),
        domain: meant(row, "domain"),
        status: text(row.get("status"))?,
        cycle: if cycle == "freeaccount" { "free".into() } else { cycle },
        amount: meant(row, "recurringamount"),
    })
}

/// A text as it was meant; nothing where there is none.
fn meant(row: &Map<String, Value>, name: &str) -> String {
    let stored = text(row.get(name)).unwrap_or_default();
    match quick_xml::escape::unescape(&stored) {
        Ok(meant) => meant.trim().into(),
        // An ampersand that was never escaped.
        Err(_) => stored.trim().into(),
    }
}

fn number(row: &Map<String, Value>, name: &str) -> Option<i64> {
    whole(row.get(name)).and_then(|number| i64::try_from(number).ok())
}

fn strange(action: &str) -> NotSaid {
    let why = format!("WHMCS answers {action} with a list of another shape than its documentation shows");
    NotSaid { why, for_all: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_they_were_meant() {
        let row = |value: &str| Map::from_iter([("username".to_string(), Value::from(value))]);
        for (stored, meant) in [
            ("R&amp;D", "R&D"),
            ("o&#039;hara ", "o'hara"),
            ("&lt;b&gt;", "<b>"),
            ("plain", "plain"),
            ("fish & chips", "fish & chips"),
            ("a&nosuch;b", "a&nosuch;b"),
        ] {
            assert_eq!(super::meant(&row(stored), "username"), meant);
        }
    }
}
