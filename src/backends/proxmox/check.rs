//! The steps of `check`: connection, credentials, listing, rights, and whose cluster it is.
//!
//! Changes nothing. Missing rights do not fail a listing, they shorten it: so rows are counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::cluster::Listing;
use super::session::ApiCall;
use super::settings::Limited;
use super::{BackendError, CheckStep, Proxmox, Wants};
use crate::backends::kit::check::{is_hopeless, step};
use crate::http::{Url, excerpt};

/// What `/version` reports (pve-manager PVE/API2.pm).
#[derive(Deserialize)]
struct Version {
    version: String,
}

/// One row of `/cluster/status` (pve-manager PVE/API2/Cluster.pm).
#[derive(Deserialize)]
struct Member {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    quorate: Option<Value>,
    #[serde(default)]
    local: Option<Value>,
}

impl Proxmox {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        for base in self.session.addresses() {
            self.check_address(base, steps).await;
        }
        if is_hopeless(steps) {
            return;
        }
        let what = if self.session.has_token() { "API token, version" } else { "password, version" };
        let version = self.version().await;
        let let_in = !matches!(version, Err(BackendError::Refused(_)));
        let since_8 = version.as_ref().is_ok_and(|(major, _)| *major >= 8);
        let shown = version.and_then(|(major, version)| match major {
            7.. => Ok(version),
            _ => Err(BackendError::NotOffered(format!("version {version} is older than 7"))),
        });
        step(steps, what, true, shown);
        if !let_in {
            // Panels ban those who insist.
            return;
        }
        self.check_listing(steps).await;
        self.check_rights(wants, since_8, steps).await;
        step(steps, "right Sys.Audit, name of the cluster", false, self.cluster_name().await);
    }

    /// One dead address of several is said, and is no reason to give up.
    async fn check_address(&self, base: &Url, steps: &mut Vec<CheckStep>) {
        let host = base.host_str().unwrap_or_default();
        let host = format!("{host}:{}", base.port_or_known_default().unwrap_or_default());
        let fatal = self.session.addresses().len() == 1;
        let mut reached = true;
        for probed in self.session.http().probe(base).await {
            let probed = CheckStep::from(probed);
            reached &= probed.outcome.is_ok();
            steps.push(CheckStep { name: format!("{host}: {}", probed.name), fatal, ..probed });
        }
        if reached {
            step(steps, &format!("{host}: answers"), fatal, self.session.greet(base).await);
        }
    }

    /// The release's first number, and the release.
    pub(super) async fn version(&self) -> Result<(u64, String), BackendError> {
        let answered: Version = self.session.json(ApiCall::get("version", "none")).await?;
        let major = answered.version.split('.').next().and_then(|major| major.parse().ok());
        let shown = excerpt(&answered.version, 20);
        let odd = || BackendError::Unexpected {
            at: "version".into(),
            detail: format!("{shown:?} is not a version number"),
        };
        Ok((major.ok_or_else(odd)?, shown.clone()))
    }

    /// The rights granted to us anywhere.
    pub(super) async fn granted(&self) -> Result<BTreeSet<String>, BackendError> {
        let tree: BTreeMap<String, BTreeMap<String, Value>> =
            self.session.json(ApiCall::get("access/permissions", "none")).await?;
        Ok(tree.into_values().flat_map(BTreeMap::into_keys).collect())
    }

    async fn check_listing(&self, steps: &mut Vec<CheckStep>) {
        let (body, mut spare) = (self.rows().await, Vec::new());
        let listing = body.as_ref().map_err(Clone::clone).and_then(|body| Listing::read(body, &mut spare));
        let shown = match listing {
            Err(error) => Err(error),
            Ok(listing) if listing.nodes.is_empty() || listing.guests.is_empty() => {
                self.why_empty(&listing).await.map(|()| "no guests yet".to_string())
            }
            Ok(listing) => {
                let silent = listing.nodes.keys().filter(|node| listing.silence(node).is_some());
                let silent = Vec::from_iter(silent.map(String::as_str)).join(", ");
                let silent = if silent.is_empty() {
                    silent
                } else {
                    format!("; not online, so not metered: {silent}")
                };
                let (guests, nodes) = (listing.guests.len(), listing.nodes.len());
                Ok(format!("{guests} guests on {nodes} nodes{silent}"))
            }
        };
        step(steps, "right VM.Audit, listing", true, shown);
    }

    /// The rights that the config needs; those for limits are required where a rule limits. A network card may be
    /// changed with SDN.Use only, from release 8 on (PVE::QemuServer, check_bridge_access).
    async fn check_rights(&self, wants: Wants, since_8: bool, steps: &mut Vec<CheckStep>) {
        let granted = self.granted().await;
        let mut needed = Vec::new();
        if self.config.mapping.is_by_pool() {
            needed.push(("account = \"pool\"", "Pool.Audit", true));
        }
        match self.config.limited {
            Limited::Rate => {
                needed.push(("limited = \"rate\"", "VM.Config.Network", wants.limiting));
                if since_8 {
                    needed.push(("limited = \"rate\"", "SDN.Use", wants.limiting));
                }
            }
            Limited::Pause => needed.push(("limited = \"pause\"", "VM.PowerMgmt", wants.limiting)),
        }
        for (key, right, fatal) in needed {
            let shown =
                granted.as_ref().map_err(Clone::clone).and_then(|granted| match granted.contains(right) {
                    true => Ok("granted".to_string()),
                    false => {
                        Err(BackendError::Refused(format!("the right {right} is missing; {key} needs it")))
                    }
                });
            step(steps, &format!("right {right}, for {key}"), fatal, shown);
        }
    }

    /// A host by itself has no row of a cluster.
    async fn cluster_name(&self) -> Result<String, BackendError> {
        let members: Vec<Member> = self.session.json(ApiCall::get("cluster/status", "Sys.Audit")).await?;
        let is_set = |flag: &Option<Value>| flag.as_ref().is_some_and(|flag| flag != 0 && flag != "0");
        let asked = members.iter().find(|member| is_set(&member.local)).map_or("?", |member| &member.name);
        Ok(match members.iter().find(|member| member.kind == "cluster") {
            None => format!("{asked}, a host by itself"),
            Some(cluster) if is_set(&cluster.quorate) => format!("{} (asked {asked})", cluster.name),
            Some(cluster) => format!("{} without a quorum (asked {asked})", cluster.name),
        })
    }
}
