//! What is asked of WHMCS before anything is written: whether client and product are what they should be, and whether
//! somebody pays for the account already.

use super::candidate::BothSides;
use super::{Terms, Wish};
use crate::domain::{AccountKey, FoundBy};
use crate::notify::{HostedService, NotSaid, Orders};
use crate::rules::AdoptRule;
use crate::selector::Candidate;
use crate::standing::AccountStanding;
use crate::store::NewAdoption;

/// The module that reads whmeter's metrics. Its products meter what it is the server of, or stand beside others' services.
const OWN_MODULE: &str = "whmeter";

/// Why nothing is to be made. `ends_run`: any other account would fare the same.
pub(super) struct No {
    pub why: String,
    pub ends_run: bool,
}

impl From<String> for No {
    fn from(why: String) -> No {
        No { why, ends_run: false }
    }
}

impl From<NotSaid> for No {
    fn from(not_said: NotSaid) -> No {
        No { why: not_said.why, ends_run: not_said.for_all }
    }
}

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
) -> Result<Plan, No> {
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
    let cycle =
        wish.cycle.clone().or(rule.map(|rule| rule.cycle.clone())).unwrap_or_else(|| "monthly".into());
    let mut warnings = Vec::from_iter(sides.unknown_addons());
    let product_name = fitting_product(orders, product, sides.server, &cycle, &mut warnings).await?;
    nobody_pays(orders, terms, sides, (wish.client, product), key, &username, &mut warnings).await?;
    let new = NewAdoption {
        account: key.clone(),
        server: sides.server,
        client: wish.client,
        product,
        cycle,
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
            if let Some(other) = sides.another(&key.name, &username) {
                return Err(format!(
                    "the username {username:?} is the name of another account of {}, {other}: the service would be the one's as \
                     much as the other's; leave --username away, or give one that no account there has",
                    key.backend
                ));
            }
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
async fn payment(orders: &Orders, wish: &Wish, rule: Option<&AdoptRule>) -> Result<String, No> {
    let client = wish.client;
    let payer = orders.payer(client).await?;
    let payer = payer
        .ok_or_else(|| format!("WHMCS has no client {client}; give the number of one (tblclients.id)"))?;
    if payer.status.eq_ignore_ascii_case("closed") {
        return Err(
            format!("client {client} is {}: nothing can be sold to a closed account", payer.status).into()
        );
    }
    let methods = orders.payment_methods().await?;
    let named = wish.payment.clone().or(rule.and_then(|rule| rule.payment.clone()));
    let wanted = match (named.or(payer.payment), methods.as_slice()) {
        (Some(method), _) => method,
        (None, [only]) => only.clone(),
        (None, _) => {
            let known = methods.join(", ");
            let why = format!(
                "client {client} has no payment method of their own: give --payment-method, one of {known}"
            );
            return Err(why.into());
        }
    };
    match methods.contains(&wanted) {
        true => Ok(wanted),
        false => {
            let known = methods.join(", ");
            Err(format!("WHMCS has no payment method {wanted:?}; expected one of {known}").into())
        }
    }
}

/// The name of a product that accounts of this server can be sold as.
async fn fitting_product(
    orders: &Orders,
    id: i64,
    server: i64,
    cycle: &str,
    warnings: &mut Vec<String>,
) -> Result<String, No> {
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
        )
        .into());
    }
    // WHMCS would make something else of a cycle that the product does not have.
    let fits = match product.paid.as_str() {
        "free" | "onetime" => cycle == product.paid,
        "recurring" => !matches!(cycle, "free" | "onetime"),
        // Not told.
        _ => true,
    };
    if !fits {
        let (name, paid) = (&product.name, &product.paid);
        return Err(format!(
            "product {id} ({name}) is paid {paid} in WHMCS and cannot be sold {cycle}: give a --billing-cycle that it has, or \
             another product"
        )
        .into());
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

/// No service is there already that could be the account's: the list of the server may be hours old.
async fn nobody_pays(
    orders: &Orders,
    terms: &Terms,
    sides: &BothSides<'_>,
    (client, product): (i64, i64),
    key: &AccountKey,
    username: &str,
    warnings: &mut Vec<String>,
) -> Result<(), No> {
    let account = key.name.as_str();
    let mut found = orders.named(username).await?;
    match sides.panel.kind.found_by {
        FoundBy::Domain => {
            // One login may have several sites, each with its service.
            found.retain(|one| one.domain.is_empty() || one.domain.eq_ignore_ascii_case(account));
            found.extend(orders.of_domain(account).await?);
        }
        FoundBy::Username if username != account => found.extend(orders.named(account).await?),
        FoundBy::Username => {}
    }
    let server = sides.server;
    // A name may be there on each panel.
    let is_elsewhere = |one: &HostedService| {
        one.server != server && terms.panels.iter().any(|panel| panel.whmcs_server == Some(one.server))
    };
    let of_it = |one: &&HostedService| {
        let is_like_it = one.client == client && one.product == product;
        one.server == server || one.server == 0 || (is_like_it && !is_elsewhere(one))
    };
    let (over, living): (Vec<HostedService>, Vec<HostedService>) =
        found.into_iter().partition(HostedService::is_over);
    if let Some(service) = living.iter().find(of_it) {
        return Err(format!(
            "service {} of client {} is {} already, with the username {:?} and the domain {:?}: map the account to it by `whmeter map \
             set`, or give that service its right names in WHMCS",
            service.id, service.client, service.status, service.username, service.domain
        )
        .into());
    }
    warnings.extend(over.iter().filter(of_it).map(|service| {
        format!(
            "service {} of client {} had these names and is {}",
            service.id, service.client, service.status
        )
    }));
    Ok(())
}
