//! What a token's catalogue says of a service: where it is in our region. Pure.
//!
//! Addresses come with and without a slash at the end, a version or a project in the path; `endpoints` may be empty.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::backends::BackendError;
use crate::http::Url;

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// Keystone.
    Identity,
    /// Gnocchi.
    Metric,
    /// Swift, or what speaks like it.
    Objects,
    /// Nova.
    Compute,
    /// Cinder.
    Volumes,
    /// Neutron.
    Network,
    /// Manila.
    Shares,
    /// Glance.
    Images,
}

impl Service {
    /// All that have addresses of their own.
    pub const ALL: [Service; 8] = [
        Service::Identity,
        Service::Metric,
        Service::Objects,
        Service::Compute,
        Service::Volumes,
        Service::Network,
        Service::Shares,
        Service::Images,
    ];

    /// Its type in the catalogue, and the ones that older clouds have for it.
    fn types(self) -> &'static [&'static str] {
        match self {
            Service::Identity => &["identity"],
            Service::Metric => &["metric"],
            Service::Objects => &["object-store"],
            Service::Compute => &["compute"],
            Service::Volumes => &["block-storage", "volumev3"],
            Service::Network => &["network"],
            Service::Shares => &["shared-file-system", "sharev2"],
            Service::Images => &["image"],
        }
    }

    /// Its name in the config and in errors.
    pub fn name(self) -> &'static str {
        self.types()[0]
    }

    /// The service of this type.
    pub fn by_name(name: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|service| service.types().contains(&name))
    }
}

/// Which of a service's addresses is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Interface {
    /// For everybody.
    #[default]
    Public,
    /// Inside the cloud.
    Internal,
    /// For administrators.
    Admin,
}

impl Interface {
    fn name(self) -> &'static str {
        match self {
            Interface::Public => "public",
            Interface::Internal => "internal",
            Interface::Admin => "admin",
        }
    }
}

/// How addresses are chosen.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub region: Option<String>,
    pub interface: Interface,
    /// Addresses of the config, which win over the catalogue's.
    pub overrides: BTreeMap<Service, Url>,
    /// What stands before a project's id in the name of its Swift account.
    pub swift_prefix: String,
}

/// One service as the catalogue has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Deserialize)]
struct Endpoint {
    #[serde(default)]
    interface: String,
    #[serde(default)]
    region_id: Option<String>,
    /// The old name of the same.
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    url: String,
}

impl Endpoint {
    fn region(&self) -> &str {
        self.region_id.as_deref().or(self.region.as_deref()).unwrap_or_default()
    }
}

impl Endpoints {
    /// Where a service is, without a slash at the end; `None` where the catalogue has none of it here.
    pub fn address(&self, catalogue: &[Entry], service: Service) -> Result<Option<Url>, BackendError> {
        if let Some(url) = self.overrides.get(&service) {
            return Ok(Some(normal(service, url.clone())));
        }
        let of_it = |entry: &&Entry| service.types().contains(&entry.kind.as_str());
        let all = catalogue.iter().filter(of_it).flat_map(|entry| &entry.endpoints);
        let all = all.filter(|one| one.interface.trim_end_matches("URL") == self.interface.name());
        let here = match self.region(catalogue)? {
            Some(region) => all.filter(|one| one.region() == region).collect::<Vec<_>>(),
            None => all.collect(),
        };
        let Some(endpoint) = here.first() else { return Ok(None) };
        let url = Url::parse(&endpoint.url).ok().filter(Url::has_host).ok_or_else(|| {
            let detail = format!("the address of {} is none: {:?}", service.name(), endpoint.url);
            BackendError::Unexpected { at: "catalog".into(), detail }
        })?;
        Ok(Some(normal(service, url)))
    }

    /// The region of the config, or the only one there is.
    pub fn region(&self, catalogue: &[Entry]) -> Result<Option<String>, BackendError> {
        let regions: BTreeSet<&str> = catalogue
            .iter()
            .flat_map(|entry| &entry.endpoints)
            .map(Endpoint::region)
            .filter(|region| !region.is_empty())
            .collect();
        let listed = || regions.iter().copied().collect::<Vec<_>>().join(", ");
        match &self.region {
            Some(region) if regions.is_empty() || regions.contains(region.as_str()) => {
                Ok(Some(region.clone()))
            }
            Some(region) => Err(BackendError::NotOffered(format!(
                "the catalogue has no region {region}; it has {}",
                listed()
            ))),
            None if regions.len() > 1 => Err(BackendError::NotOffered(format!(
                "the cloud has several regions ({}); set region, one backend for each",
                listed()
            ))),
            None => Ok(regions.first().map(|region| (*region).to_string())),
        }
    }
}

/// An address as calls are built on it.
fn normal(service: Service, mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_string();
    let path = match service {
        Service::Metric => with(path, "/v1"),
        Service::Network => with(path, "/v2.0"),
        Service::Identity => with(path, "/v3"),
        Service::Images => with(path, "/v2"),
        // What stands behind is an account's name: ours is built for each project.
        Service::Objects => match path.find("/v1/") {
            Some(place) => path[..place + 3].to_string(),
            None => with(path, "/v1"),
        },
        Service::Compute | Service::Volumes | Service::Shares => path,
    };
    url.set_path(&path);
    url
}

fn with(path: String, version: &str) -> String {
    if path.ends_with(version) { path } else { format!("{path}{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<Entry> {
        let text = include_str!("testdata/catalog.json");
        serde_json::from_str(text).expect("a catalogue")
    }

    fn endpoints(region: Option<&str>) -> Endpoints {
        Endpoints {
            region: region.map(String::from),
            interface: Interface::Public,
            overrides: BTreeMap::new(),
            swift_prefix: "AUTH_".into(),
        }
    }

    #[test]
    fn services_are_found_by_type_interface_and_region() {
        let address = |region, service| {
            let found = endpoints(Some(region)).address(&catalogue(), service).expect("a region");
            found.map(|url| url.to_string())
        };
        for (region, service, wanted) in [
            ("RegionOne", Service::Metric, Some("https://metric.cloud.test:8041/v1")),
            ("RegionTwo", Service::Metric, Some("https://two.cloud.test/metric/v1")),
            ("RegionOne", Service::Objects, Some("https://objects.cloud.test:8080/v1")),
            ("RegionTwo", Service::Objects, Some("https://two.cloud.test/swift/v1")),
            (
                "RegionOne",
                Service::Volumes,
                Some("https://vol.cloud.test:8776/v3/c1a9e77b4d2f4f0e9b8d6a5c3e2f1a00"),
            ),
            ("RegionOne", Service::Network, Some("https://net.cloud.test:9696/v2.0")),
            ("RegionOne", Service::Shares, None),
        ] {
            assert_eq!(address(region, service).as_deref(), wanted, "{region} {service:?}");
        }
        let internal = Endpoints { interface: Interface::Internal, ..endpoints(Some("RegionOne")) };
        let found = internal.address(&catalogue(), Service::Metric).expect("a region").expect("there");
        assert_eq!(found.as_str(), "http://10.0.0.5:8041/v1");
    }

    #[test]
    fn of_several_regions_none_is_guessed() {
        let error = endpoints(None).address(&catalogue(), Service::Metric).expect_err("two regions");
        assert!(error.to_string().contains("RegionOne, RegionTwo"), "{error}");
        let error = endpoints(Some("RegionTen")).address(&catalogue(), Service::Metric).expect_err("none");
        assert!(error.to_string().contains("no region RegionTen"), "{error}");
        let one: Vec<Entry> = catalogue().into_iter().filter(|entry| entry.kind == "network").collect();
        assert!(endpoints(None).address(&one, Service::Network).expect("one region").is_some());
        // A token of the system's scope shows services without addresses.
        let none: Vec<Entry> = serde_json::from_str(r#"[{"type":"metric","endpoints":[]}]"#).expect("json");
        assert!(endpoints(None).address(&none, Service::Metric).expect("no region").is_none());
        let mut own = endpoints(None);
        own.overrides.insert(Service::Metric, Url::parse("https://own:1/").expect("an address"));
        let found = own.address(&catalogue(), Service::Metric).expect("own").expect("there");
        assert_eq!(found.as_str(), "https://own:1/v1");
    }
}
