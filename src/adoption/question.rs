//! What is asked of WHMCS before anything is written: whether client and product are what they should be, and whether
//! somebody pays for the account already.

use super::candidate::BothSides;
use super::{Terms, Wish};
use crate::domain::{AccountKey, FoundBy};
use crate::notify::{HostedService, Orders};
use crate::rules::AdoptRule;
use crate::selector::Candidate;
use crate::standing::AccountStanding;
use crate::store::NewAdoption;

/// The module that reads whmeter's metrics. Its products meter what it is the server of, or stand beside others' services.
const OWN_MODULE: &str = "whmeter";

/// What is to be made, and what fits badly and hinders nothing.
pub(super) struct Plan {
    pub new: NewAdoption,
    pub product_name: String,
    pub warnings: Vec<String>,
}

/// What is to be made for an account that may be adopted; `Err` is why nothing can be.
pub(super) async fn plan(
    orders: &Orders,
    terms: &Terms,
    sides: &BothSides<'_>,
    key: &AccountKey,
    facts: &AccountStanding,
    wish: &Wish,
) -> Result<Plan, String> {
    let labels = facts.labels();
    let candidate = Candidate { backend: &key.backend, account: &key.name, labels, product: None };
    let rule = terms.rules.of(&candidate);
    let product = wish.product.or(rule.map(|rule| rule.product)).ok_or_else(|| {
        let package = labels.package.unwrap_or_default();
        format!(
            "which product? no [[adopt]] is for package {package:?} of {}; give --product ID, or add one to the config",
            key.backend
        )
    })?;
    let (username, domain) = names(sides, key, facts, wish)?;
    let payment = payment(orders, wish, rule).await?;
    let mut warnings = Vec::new();
    let product_name = fitting_product(orders, product, sides.server, &mut warnings).await?;
    nobody_pays(orders, wish.client, product, sides.server, &username, &mut warnings).await?;
    let cycle = wish.cycle.clone().or(rule.map(|rule| rule.cycle.clone()));
    let new = NewAdoption {
        account: key.clone(),
        server: sides.server,
        client: wish.client,
        product,
        cycle: cycle.unwrap_or_else(|| "monthly".into()),
        payment,
        username,
        domain,
    };
    Ok(Plan { new, product_name, warnings })
}

/// The username and the domain of the service.
fn names(
    sides: &BothSides<'_>,
    key: &AccountKey,
    facts: &AccountStanding,
    wish: &Wish,
) -> Result<(String, Option<String>), String> {
    match (sides.panel.kind.found_by, &wish.username) {
        (FoundBy::Username, given) => {
            let username = given.clone().unwrap_or_else(|| key.name.to_string());
            Ok((username, facts.domain.clone().filter(|domain| !domain.is_empty())))
        }
        (FoundBy::Domain, Some(username)) => Ok((username.clone(), Some(key.name.to_string()))),
        // The panel's module in WHMCS goes by the login, and a wrong one would be another customer's.
        (FoundBy::Domain, None) => Err(format!(
            "accounts of {} are named by their domains, and a service needs the login besides: give --username NAME",
            key.backend
        )),
    }
}

/// The client has to be there, and the payment method is named, the client's own, or the only one.
async fn payment(orders: &Orders, wish: &Wish, rule: Option<&AdoptRule>) -> Result<String, String> {
    let client = wish.client;
    let payer = orders.payer(client).await?;
    let payer = payer
        .ok_or_else(|| format!("WHMCS has no client {client}; give the number of one (tblclients.id)"))?;
    if payer.status.eq_ignore_ascii_case("closed") {
        return Err(format!("client {client} is {}: nothing can be sold to a closed account", payer.status));
    }
    let methods = orders.payment_methods().await?;
    let named = wish.payment.clone().or(rule.and_then(|rule| rule.payment.clone()));
    let wanted = match (named.or(payer.payment), methods.as_slice()) {
        (Some(method), _) => method,
        (None, [only]) => only.clone(),
        (None, _) => {
            return Err(format!(
                "client {client} has no payment method of their own: give --payment-method, one of {}",
                methods.join(", ")
            ));
        }
    };
    match methods.contains(&wanted) {
        true => Ok(wanted),
        false => {
            Err(format!("WHMCS has no payment method {wanted:?}; expected one of {}", methods.join(", ")))
        }
    }
}

/// The name of a product that accounts of this server can be sold as.
async fn fitting_product(
    orders: &Orders,
    id: i64,
    server: i64,
    warnings: &mut Vec<String>,
) -> Result<String, String> {
    let product = orders.product(id).await?;
    let product = product
        .ok_or_else(|| format!("WHMCS has no product {id}; give the number of one (tblproducts.id)"))?;
    let module = orders.module_of(server).await?;
    let module = module.ok_or_else(|| {
        format!("WHMCS has no server {server}, which the config gives as whmcs_server; correct it there")
    })?;
    if product.module == OWN_MODULE && module != OWN_MODULE {
        return Err(format!(
            "product {id} ({}) is run by the module {OWN_MODULE}, and server {server} by {module:?}: it is a product of \
             companions, which stand beside a service and have no account; give the product that the account is sold as",
            product.name
        ));
    }
    if product.module != module {
        warnings.push(format!(
            "product {id} ({}) is run by the module {:?}, and server {server} by {module:?}: suspending and ending it will not \
             reach the panel as it should",
            product.name, product.module
        ));
    }
    Ok(product.name)
}

/// No service has the username already that could be the account's: the list of the server may be hours old.
async fn nobody_pays(
    orders: &Orders,
    client: i64,
    product: i64,
    server: i64,
    username: &str,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let (over, living): (Vec<HostedService>, Vec<HostedService>) =
        orders.named(username).await?.into_iter().partition(HostedService::is_over);
    let of_it = |one: &&HostedService| {
        one.server == server || one.server == 0 || (one.client == client && one.product == product)
    };
    if let Some(service) = living.iter().find(of_it) {
        return Err(format!(
            "service {} of client {} has the username {username:?} already and is {}: map the account to it by `whmeter map set`, \
             or give that service its right name in WHMCS",
            service.id, service.client, service.status
        ));
    }
    warnings.extend(over.iter().filter(of_it).map(|service| {
        format!(
            "service {} of client {} had this username and is {}",
            service.id, service.client, service.status
        )
    }));
    Ok(())
}
