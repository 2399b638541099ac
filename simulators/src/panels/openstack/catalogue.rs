//! The catalogue that a token comes with.

use super::call::Call;
use super::reply::{SERVICES, Service};
use super::world::{ADMIN_PROJECT, hex_id, uuid};
use serde_json::{Value, json};

/// Where services are. Addresses with a project's id in them are left out for a token of system scope.
pub fn catalogue(call: &Call<'_>, is_system: bool) -> Value {
    let switches = call.switches;
    let there = SERVICES.into_iter().filter(|service| {
        (*service != Service::Manila || switches.share_gib > 0)
            && !switches.missing_services.contains(service.kind())
    });
    let rows = there.map(|service| {
        let has_project = matches!(service, Service::Cinder | Service::Swift);
        let is_empty = (is_system && has_project) || switches.empty_endpoints.contains(service.kind());
        let regions = ["RegionOne", "RegionTwo"].into_iter().take(usize::from(switches.regions));
        let ends = regions.flat_map(|region| ["public", "internal", "admin"].map(|face| (region, face)));
        let endpoints = ends.filter(|_| !is_empty).map(|(region, interface)| {
            let id = hex_id(&format!("{service:?} {region} {interface}"));
            let url = address(call, service, region);
            json!({ "id": id, "interface": interface, "region_id": region, "region": region, "url": url })
        });
        let endpoints: Vec<Value> = endpoints.collect();
        let name = format!("{service:?}").to_lowercase();
        json!({ "id": uuid(4, &name).replace('-', ""), "type": service.kind(), "name": name, "endpoints": endpoints })
    });
    rows.collect()
}

fn address(call: &Call<'_>, service: Service, region: &str) -> String {
    let switches = call.switches;
    let place = SERVICES.iter().position(|other| *other == service).unwrap_or_default();
    let host = call.cloud.place.url(place);
    let region = if region == "RegionOne" || service == Service::Keystone { "" } else { "/region-two" };
    let versioned = |path: &str| if switches.versioned_urls { path.to_owned() } else { String::new() };
    let path = match service {
        Service::Keystone => versioned("/v3"),
        // Usually bare, whatever the others are.
        Service::Gnocchi => {
            if switches.versioned_urls {
                String::new()
            } else {
                "/v1".to_owned()
            }
        }
        Service::Nova => "/v2.1".to_owned(),
        Service::Cinder => format!("/v3/{ADMIN_PROJECT}"),
        Service::Neutron => {
            if switches.versioned_urls {
                String::new()
            } else {
                "/v2.0".to_owned()
            }
        }
        Service::Swift => format!("/v1/AUTH_{ADMIN_PROJECT}"),
        Service::Manila => "/v2".to_owned(),
        Service::Glance => versioned("/v2"),
    };
    let slash = if switches.trailing_slashes { "/" } else { "" };
    format!("{host}{region}{path}{slash}")
}
