//! Takes in the services WHMCS sells on one of its servers: whom accounts belong to, and their limits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::UsageApi;
use super::payers::Found;
use super::query::UsageApiQuery;
use super::services_body::{MOST_REMARKS, RemarkRow, RemarkRows, ServicesBody};
use crate::domain::{FoundBy, Mapping, Remark, Service};
use crate::ownership::{Claimant, Claims, Ruling, Services};
use crate::store::ServiceList;
use crate::web::{Body, Problem};

pub(super) async fn services(
    State(api): State<UsageApi>,
    asked: UsageApiQuery,
    Body(body): Body<ServicesBody>,
) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let refused = |detail: String| Problem::meaningless(detail);
    if body.schema != 1 {
        return Err(refused(format!("schema {} is not known; expected 1", body.schema)));
    }
    let mut list = Vec::with_capacity(body.services.len());
    for service in body.services {
        let id = service.id;
        if !Service::NUMBERS.contains(&id) {
            return Err(refused(format!(
                "service {id}: a service's number is at least 1, and at most 4294967295"
            )));
        }
        list.push(service.service().map_err(|error| refused(format!("service {id}: {error}")))?);
    }
    list.sort_by_key(|service| service.id);
    // One row twice is one service; two that differ are not known apart.
    list.dedup();
    if let Some(twice) = list.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(refused(format!("service {} is listed twice, with different contents", twice[0].id)));
    }
    // Nothing is kept of the list of a server that the config does not have.
    if !api.is_configured(server) {
        return Err(api.stranger(server));
    }
    if let Some(own) = asked.asker.tied_to {
        let lists = api.store.service_lists().await.map_err(Problem::unavailable)?;
        if let Some(why) = of_another_server(own, &list, &lists) {
            asked.asker.must_be_untied(&why)?;
        }
    }
    let mut addons = Vec::with_capacity(body.addons.len());
    for addon in body.addons {
        let id = addon.id;
        addons.push(addon.addon().map_err(|error| refused(format!("addon {id}: {error}")))?);
    }
    addons.sort_by_key(|addon| addon.id);
    addons.dedup_by_key(|addon| addon.id);
    let put = api
        .store
        .put_services(server, &list, &addons, api.clock.now())
        .await
        .map_err(Problem::unavailable)?;
    if let Some(held) = put.held {
        tracing::warn!(server, moved = held.moved, of = held.of, "list of services rejected: other numbers");
        let detail = format!(
            "{} of {} services that own accounts have other numbers in this list: it is rejected, and the list before stays. Was WHMCS reinstalled, or does another WHMCS send this server's list? See `whmeter report --what \
             held-back`; are they the same services, `whmeter accept BACKEND --renumbered --reason TEXT`; \
             are they others, the same \
             without `--renumbered`; then the next list counts",
            held.moved, held.of
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if let Some(RemarkRows(remarks)) = body.remarks {
        let remarks: Vec<Remark> =
            remarks.into_iter().filter_map(RemarkRow::remark).take(MOST_REMARKS).collect();
        api.store.put_remarks(server, &remarks).await.map_err(Problem::unavailable)?;
    }
    if put.renumbered > 0 {
        tracing::info!(server, services = put.renumbered, "list of services accepted under other numbers");
    }
    let services = Services::new(list);
    let tenants = api.tenants(server).await?;
    let own = api.backends_of(server).unwrap_or_default();
    let accounts: Vec<(FoundBy, Found)> = tenants.on(&own).collect();
    let claimants: Vec<Claimant<'_>> = accounts.iter().map(|(by, found)| claimant(*by, found)).collect();
    let claims = Claims::new(Some(server), Some(&services), claimants.iter().copied());
    let (mut mapped, mut ambiguous) = (HashSet::new(), 0);
    for claimant in &claimants {
        match claims.ruling(claimant) {
            Ruling::Owned { service, .. } => drop(mapped.insert(service)),
            Ruling::Contested { .. } => ambiguous += 1,
            Ruling::Unclaimed | Ruling::ByName(_) | Ruling::NoServer => {}
        }
    }
    let live = || services.iter().filter(|service| service.is_live());
    let stands = |service: &&Service| service.companion_of().is_some() && tenants.is_metered(service);
    mapped.extend(live().filter(stands).map(|service| service.id));
    let missing = live().filter(|service| !mapped.contains(&service.id)).count();
    let answer = json!({
        "schema": 1,
        "server": server,
        "services": services.iter().count(),
        "mapped": mapped.len(),
        "missing": missing,
        "ambiguous": ambiguous,
    });
    Ok(Json(answer).into_response())
}

/// What in a server's list reaches into the lists of others: a companion of a service that is not its own, which would
/// be billed and read under the companion's name, or a service that another server has.
fn of_another_server(
    server: i64,
    list: &[Service],
    lists: &BTreeMap<i64, Arc<ServiceList>>,
) -> Option<String> {
    let listed: HashSet<i64> = list.iter().map(|service| service.id).collect();
    let own = lists.get(&server);
    let others = || lists.iter().filter(|(other, _)| **other != server);
    let taken = |id: &i64| others().find(|(_, list)| list.services.by_id(*id).is_some());
    let is_own = |id: &i64| {
        let known = |list: &Arc<ServiceList>| list.ever_listed(*id).is_some();
        (listed.contains(id) || own.is_some_and(known)) && taken(id).is_none()
    };
    let foreign = list.iter().filter_map(Service::companion_of).find(|parent| !is_own(parent));
    if let Some(parent) = foreign {
        return Some(format!("service {parent}, the parent of a companion in this list, is missing from it"));
    }
    let (id, (other, _)) = list.iter().find_map(|service| Some((service.id, taken(&service.id)?)))?;
    Some(format!("service {id} is in the list of server {other}: send that one first"))
}

/// An account as one that may be a service's.
fn claimant(by: FoundBy, found: &Found) -> Claimant<'_> {
    let pinned = found.account.mapped.as_ref().filter(|mapped| mapped.mapping == Mapping::Pinned);
    let pinned = pinned.and_then(|mapped| Some(mapped.service.as_ref()?.id));
    Claimant { name: &found.name, by, pinned, owner: found.account.owner.service() }
}
