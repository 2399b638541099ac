//! Takes in the services WHMCS sells on one of its servers: whom accounts belong to, and their limits.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::UsageApi;
use super::asked::Asked;
use super::state::unavailable;
use crate::domain::{Bytes, Limit, Mapping, Meter, Service, Services};
use crate::problem::Problem;

/// Where the list is put.
pub const SERVICES: &str = "/v1/whmcs/services";

/// The longest list: some sixty thousand services. Every other body is a hundred times shorter.
pub const LONGEST_SERVICES: usize = 16 << 20;

/// The body: always the full list of that server.
#[derive(Debug, Deserialize)]
pub(super) struct ServicesTold {
    schema: u32,
    services: Vec<ServiceTold>,
}

#[derive(Debug, Deserialize)]
struct ServiceTold {
    id: i64,
    client: i64,
    username: String,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    product: Option<String>,
    #[serde(default)]
    package: Option<String>,
    status: String,
    /// Bytes by meter; zero is unlimited, an absent meter says nothing.
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    #[serde(default)]
    templates: TemplatesTold,
}

#[derive(Debug, Default, Deserialize)]
struct TemplatesTold {
    #[serde(default)]
    notify: Option<String>,
    #[serde(default)]
    limited: Option<String>,
}

impl ServiceTold {
    fn service(self) -> Result<Service, String> {
        let limit = |(name, size): (String, u64)| {
            let meter: Meter = name.parse().map_err(|error| format!("limits: {error}"))?;
            let size = Bytes::new(size).map_err(|error| format!("limits.{name}: {error}"))?;
            Ok((meter, Limit::of_size(size)))
        };
        // The longest text every database indexes; WHMCS's own columns are as wide.
        let short = |text: Option<String>| {
            text.filter(|text| !text.is_empty()).map(|text| text.chars().take(255).collect())
        };
        if self.username.len() > 255 {
            return Err("username is longer than 255 bytes".into());
        }
        if self.status.is_empty() || self.status.len() > 32 {
            return Err(format!(
                "status {:?} is not one of WHMCS's",
                self.status.chars().take(40).collect::<String>()
            ));
        }
        Ok(Service {
            id: self.id,
            client: self.client,
            username: self.username,
            domain: short(self.domain),
            product: short(self.product),
            package: short(self.package),
            status: self.status,
            limits: self.limits.into_iter().map(limit).collect::<Result<_, String>>()?,
            notify_template: short(self.templates.notify),
            limited_template: short(self.templates.limited),
        })
    }
}

pub(super) async fn services_of(
    api: &UsageApi,
    asked: &Asked,
    told: ServicesTold,
) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let refused = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    if told.schema != 1 {
        return Err(refused(format!("schema {} is not known; expected 1", told.schema)));
    }
    let mut list = Vec::with_capacity(told.services.len());
    for service in told.services {
        let id = service.id;
        list.push(service.service().map_err(|error| refused(format!("service {id}: {error}")))?);
    }
    list.sort_by_key(|service| service.id);
    if let Some(twice) = list.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(refused(format!("service {} stands there twice", twice[0].id)));
    }
    // Nothing is kept of the list of a server that nobody answers for.
    let has_companions = list.iter().any(|service| service.companion_of().is_some());
    if !has_companions && api.tenants(server).await.is_err() {
        return Err(api.stranger(server));
    }
    api.store.put_services(server, &list, api.clock.now()).await.map_err(unavailable)?;
    let services = Services::new(list);
    let tenants = api.tenants(server).await?;
    let (mut mapped, mut ambiguous) = (HashSet::new(), 0);
    for name in tenants.present() {
        match services.find(name, None) {
            (Mapping::Ambiguous, _) => ambiguous += 1,
            (_, Some(service)) => drop(mapped.insert(service.id)),
            (_, None) => {}
        }
    }
    let metered = tenants.metered();
    let stands = |service: &&Service| {
        service.companion_of().is_some_and(|parent| metered.contains(&(parent, service.client)))
    };
    mapped
        .extend(services.iter().filter(|service| service.is_live()).filter(stands).map(|service| service.id));
    let live = services.iter().filter(|service| service.is_live());
    let missing = live.filter(|service| !mapped.contains(&service.id)).count();
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
