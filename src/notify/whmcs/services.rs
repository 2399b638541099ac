//! Which WHMCS service an account is: the id that a product mail is sent to.
//!
//! Source: developers.whmcs.com, "GetClientsProducts". Its rows hold the customer's password, which
//! `redacted_json.rs` leaves out.

use serde_json::{Map, Value};

use super::super::delivery::{Delivery, NotDelivered};
use super::client::{ApiError, Client};
use super::wire::{rows, text, whole};

const ACTION: &str = "GetClientsProducts";
const PAGE: u64 = 100;
/// More pages of services with one user name mean that WHMCS does not filter.
const MOST_PAGES: u64 = 100;

/// A service, without anything that is not needed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    id: u64,
    client: u64,
    server: Option<u64>,
    is_running: bool,
    username: String,
}

impl Service {
    fn read(row: &Map<String, Value>) -> Option<Service> {
        let status = text(row.get("status")).unwrap_or_default();
        Some(Service {
            id: whole(row.get("id"))?,
            client: whole(row.get("clientid"))?,
            server: whole(row.get("serverid")),
            is_running: matches!(status.as_str(), "Active" | "Suspended"),
            username: text(row.get("username")).unwrap_or_default(),
        })
    }
}

/// The service of the delivery's account: the one that is known, or the one found by user name.
pub(super) async fn find(client: &Client, delivery: &Delivery<'_>) -> Result<u64, NotDelivered> {
    if let Some(known) = delivery.service {
        return Ok(known);
    }
    let account = delivery.notification.account.name.as_str();
    let listed = list(client, ("username2", account)).await.map_err(ApiError::of_reading)?;
    choose(listed, account, delivery.server)
}

/// Whose service it is.
pub(super) async fn client_of(client: &Client, service: u64) -> Result<Option<u64>, ApiError> {
    let listed = list(client, ("serviceid", &service.to_string())).await?;
    Ok(listed.into_iter().find(|listed| listed.id == service).map(|listed| listed.client))
}

fn choose(mut found: Vec<Service>, account: &str, server: Option<u32>) -> Result<u64, NotDelivered> {
    found.retain(|service| service.username == account);
    if let Some(server) = server {
        found.retain(|service| service.server == Some(server.into()));
    }
    if found.iter().any(|service| service.is_running) {
        found.retain(|service| service.is_running);
    }
    let place = server.map_or_else(String::new, |server| format!(" on server {server}"));
    match found.as_slice() {
        [service] => Ok(service.id),
        [] => Err(NotDelivered::later(format!(
            "WHMCS has no service with the user name {account:?}{place}: no recipient; map it by hand \
             (`whmeter map set`) or give the service this user name"
        ))),
        several => {
            let ids = several.iter().map(|service| service.id.to_string()).collect::<Vec<_>>().join(", ");
            Err(NotDelivered::never(format!(
                "WHMCS has several services with the user name {account:?}{place}: {ids}; \
                 say which by `whmeter map set`"
            )))
        }
    }
}

/// All pages. Rows may move between pages while we ask, so each id counts once.
async fn list(client: &Client, filter: (&str, &str)) -> Result<Vec<Service>, ApiError> {
    let strange = |sketch: &str| ApiError::Malformed { action: ACTION, sketch: sketch.into() };
    let mut found = Vec::<Service>::new();
    let mut start = 0;
    for _ in 0..MOST_PAGES {
        let (from, count) = (start.to_string(), PAGE.to_string());
        let answer = client.read(ACTION, &[filter, ("limitstart", &from), ("limitnum", &count)]).await?;
        let rows = rows(&answer, "products", "product").ok_or_else(|| strange("a list of another shape"))?;
        let came = rows.len() as u64;
        for row in &rows {
            let service = Service::read(row).ok_or_else(|| strange("a service without id or clientid"))?;
            if found.iter().all(|known| known.id != service.id) {
                found.push(service);
            }
        }
        start += came;
        if came == 0 || whole(answer.get("totalresults")).is_some_and(|total| start >= total) {
            return Ok(found);
        }
    }
    Err(strange("more pages than there can be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(id: u64, server: u64, is_running: bool, username: &str) -> Service {
        Service { id, client: 1, server: Some(server), is_running, username: username.into() }
    }

    #[test]
    fn the_one_that_runs_on_our_server_is_taken() {
        let found = vec![
            service(1, 12, false, "alice"),
            service(2, 12, true, "alice"),
            service(3, 13, true, "alice"),
            service(4, 12, true, "Alice"),
        ];
        assert_eq!(choose(found.clone(), "alice", Some(12)), Ok(2));
        let several = choose(found, "alice", None).expect_err("two");
        assert!(matches!(&several, NotDelivered::Never { why } if why.contains("2, 3")), "{several}");
    }

    #[test]
    fn none_may_come_later_and_an_ended_one_is_better_than_none() {
        let none = choose(vec![service(1, 13, true, "alice")], "alice", Some(12)).expect_err("elsewhere");
        assert!(matches!(none, NotDelivered::Later { .. }), "{none}");
        assert_eq!(choose(vec![service(1, 12, false, "alice")], "alice", Some(12)), Ok(1));
    }
}
