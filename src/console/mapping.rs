//! Says by hand which service an account belongs to: what speaks against it, for the command and for the API; and the
//! route that does it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::asked_for;
use super::{Console, WantedPoll};
use crate::backends::ConfiguredPanel;
use crate::domain::{AccountKey, Meter, Service};
use crate::store::{Loaded, Store, StoreError};
use crate::web::{Asker, Body, PathOf, Problem};

/// What a body may say.
const EXPECTED: &str = "expected {\"action\":\"set\",\"service\":N}, and \"force\":true to map it although something does \
    not fit, or {\"action\":\"unset\"}";

/// Why an account cannot be said to be a service's.
#[derive(Debug, thiserror::Error)]
pub enum CannotMap {
    /// There is no such account now.
    #[error("{0}")]
    NoAccount(String),
    /// It would never be that service's.
    #[error("{0}")]
    Never(String),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What does not fit where an account of `metered`, one of `panels`, is to be a service's; whoever insists may map it all
/// the same.
pub async fn mismatches(
    store: &Store,
    panels: &[Arc<ConfiguredPanel>],
    metered: &ConfiguredPanel,
    key: &AccountKey,
    service: i64,
) -> Result<Vec<String>, CannotMap> {
    let loaded = store.load(&metered.id, None).await?;
    let standing = loaded.facts(&key.name).ok_or_else(|| stranger(&loaded, key))?;
    let list = match metered.whmcs_server {
        Some(server) => store.services(server).await?,
        None => None,
    };
    let Some(list) = list else {
        return Ok(vec!["WHMCS has not sent the services of this backend's server".into()]);
    };
    let Some(service) = list.services.by_id(service) else {
        let others = store.service_lists().await?;
        if let Some((other, _)) = others.iter().find(|(_, list)| list.services.by_id(service).is_some()) {
            return Err(CannotMap::Never(format!(
                "service {service} is sold on server {other}, and {} is on another: an account belongs to services of its \
                 own server; move the service in WHMCS, or sell a companion (whmcs/README.md)",
                key.backend
            )));
        }
        return Ok(vec![format!("service {service} is not on the server of {}", key.backend)]);
    };
    if let Some(parent) = service.companion_of() {
        return Err(CannotMap::Never(format!(
            "service {} is the companion of service {parent}: say that the account belongs to {parent}, and it is billed as \
             its companion",
            service.id
        )));
    }
    let mut wrong = Vec::new();
    if !service.is_live() {
        wrong.push(format!("the service is {}", service.status));
    }
    let sold_size = service.limit(Meter::StorageUsed).up_to();
    if let (Some(limit), Some(sold_size)) = (standing.storage_limit.to_door(), sold_size)
        && limit != sold_size
    {
        wrong.push(format!("the panel allows {limit} bytes and {sold_size} were sold"));
    }
    wrong.extend(other_account(store, panels, key, service).await?);
    Ok(wrong)
}

/// Another account that is on a panel and has the service.
async fn other_account(
    store: &Store,
    panels: &[Arc<ConfiguredPanel>],
    key: &AccountKey,
    service: &Service,
) -> Result<Option<String>, StoreError> {
    for metered in panels {
        let loaded = store.load(&metered.id, None).await?;
        let others = loaded.present().filter(|(name, life, _)| {
            let is_same = metered.id == key.backend && **name == key.name;
            !is_same && life.owner().service() == Some(service.id)
        });
        if let Some(name) = others.map(|(name, ..)| name).min() {
            let on = if metered.id == key.backend { String::new() } else { format!(" of {}", metered.id) };
            return Ok(Some(format!("account {name}{on} belongs to this service already")));
        }
    }
    Ok(None)
}

/// Why nothing can be said of an account.
fn stranger(loaded: &Loaded, key: &AccountKey) -> CannotMap {
    let AccountKey { backend, name } = key;
    CannotMap::NoAccount(match loaded.book.called(name) {
        Some(_) => format!(
            "{name} is an earlier life of its name on {backend}: expected an account as the panel spells it"
        ),
        None => format!(
            "no account {:?} was ever seen on {backend}; `whmeter usage --backend {backend}` lists them",
            name.as_str()
        ),
    })
}

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingWish {
    action: String,
    #[serde(default)]
    service: Option<i64>,
    #[serde(default)]
    force: bool,
}

pub(super) async fn set_mapping(
    State(console): State<Console>,
    PathOf(path): PathOf<(String, String)>,
    asker: Asker,
    wish: Result<Body<MappingWish>, Problem>,
) -> Result<Json<Value>, Problem> {
    let expected =
        |problem: Problem| Problem { detail: format!("{}; {EXPECTED}", problem.detail), ..problem };
    let Body(wish) = wish.map_err(expected)?;
    let service = match (wish.action.as_str(), wish.service) {
        ("set", Some(service)) if Service::NUMBERS.contains(&service) => Some(service),
        ("unset", None) => None,
        (action, service) => {
            let action: String = action.chars().take(40).collect();
            let came = format!("action {action:?} with service {service:?} cannot be understood; {EXPECTED}");
            return Err(Problem::refused(came));
        }
    };
    let panels = console.panels();
    let nowhere = || Problem::unknown(format!("no backend {:?} in the config", path.0));
    let panel = panels.iter().find(|panel| panel.id.as_str() == path.0).ok_or_else(nowhere)?;
    asker.must_be_let_to(panel.whmcs_server, "this backend is not that server's")?;
    let although = match service {
        Some(service) => {
            let (key, _) = asked_for(&console, path.clone()).await?;
            let wrong = mismatches(&console.store, &panels, panel, &key, service).await.map_err(refused)?;
            if !wrong.is_empty() && !wish.force {
                let detail = format!("{}; send \"force\":true to map it all the same", wrong.join("; "));
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
            wrong
        }
        None => Vec::new(),
    };
    let key = AccountKey {
        backend: panel.id.clone(),
        name: crate::domain::AccountName::new(&path.1)
            .map_err(|error| Problem::refused(error.to_string()))?,
    };
    let pins = console.store.pinned_services(&panel.id).await.map_err(Problem::unavailable)?;
    if service.is_none() && !pins.contains_key(&key.name) {
        return Err(Problem::unknown(format!("{} {} was not mapped by hand", key.backend, key.name)));
    }
    let (by, now) = (asker.signed("API"), console.clock.now());
    console.store.pin_service(&key, service, &by, now).await.map_err(Problem::unavailable)?;
    // The look at the account goes by it. The receiver is gone only while the daemon is shutting down.
    let _ = console.polls.send(WantedPoll { backend: key.backend.clone(), account: Some(key.name.clone()) });
    Ok(Json(json!({
        "schema": 1,
        "backend": key.backend.as_str(),
        "account": key.name.as_str(),
        "action": wish.action,
        "service": service,
        "although": although,
    })))
}

fn refused(error: CannotMap) -> Problem {
    match error {
        CannotMap::NoAccount(detail) => Problem::unknown(detail),
        CannotMap::Never(detail) => Problem::meaningless(detail),
        CannotMap::Store(error) => Problem::unavailable(error),
    }
}
