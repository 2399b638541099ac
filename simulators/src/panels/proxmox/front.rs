//! From a request to an answer: who asks, which call it is, which node and guest it is about.

use super::cluster::Cluster;
use super::login;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use super::world::{Guest, GuestKind, World};
use super::{chart, power, rows, settings};
use crate::faults::Strikes;
use crate::form::{Form, decoded};
use crate::server::Front;
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The largest body the server takes (pve-http-server 5.2.1).
const LARGEST_BODY: usize = 512 << 10;

/// The cluster as its callers see it.
pub struct ProxmoxFront(pub Arc<Cluster>);

#[async_trait]
impl Front for ProxmoxFront {
    async fn answer(&self, address: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let cluster = &self.0;
        let switches = cluster.switches();
        let offered = request.headers().get("accept-encoding").and_then(|value| value.to_str().ok());
        let takes_gzip = offered.is_some_and(|offered| offered.contains("gzip"));
        let reply = match reply(cluster, &switches, address, &request) {
            Ok(data) => Reply::data(data),
            Err(refusal) => refusal,
        };
        if reply.is_refused_login() && switches.slow_refusals {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        reply.finish(&switches, strikes, takes_gzip)
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        self.say(Reply::bare(status.unwrap_or(401), "Authentication failed!"))
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        let right = if path.contains("/config") { "VM.Config.Network" } else { "VM.Audit" };
        let text = format!("Permission check failed (/vms/104, {right})");
        self.say(Reply::failed(&self.0.switches(), 403, &text))
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        self.say(Reply::failed(&self.0.switches(), 429, "Too Many Requests"))
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        match status {
            595..=599 => self.say(Reply::bare(status, "Connection timed out")),
            _ => self.say(Reply::failed(&self.0.switches(), status, "got unexpected control message")),
        }
    }
}

impl ProxmoxFront {
    fn say(&self, reply: Reply) -> Response<Bytes> {
        reply.finish(&self.0.switches(), &Strikes::default(), false)
    }
}

/// One request, taken apart.
struct Call<'a> {
    cluster: &'a Cluster,
    switches: &'a Switches,
    method: &'a Method,
    form: Form,
}

fn reply(cluster: &Cluster, switches: &Switches, address: usize, request: &Request<Bytes>) -> Answered {
    let (method, body) = (request.method(), request.body());
    let not_here = |text: String| Err(Reply::failed(switches, 501, &text));
    if method == Method::HEAD {
        return not_here("method 'HEAD' not available".into());
    }
    if (method == Method::GET || method == Method::DELETE) && !body.is_empty() {
        return not_here("Unexpected content for method".into());
    }
    if body.len() > LARGEST_BODY {
        return not_here("for data too large".into());
    }
    let Some(path) = request.uri().path().strip_prefix("/api2/json/") else {
        return not_here(format!("Method '{method} {}' not implemented", request.uri().path()));
    };
    let told = match *method {
        Method::GET | Method::DELETE => request.uri().query().unwrap_or_default().to_owned(),
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let call = Call { cluster, switches, method, form: Form::read(told) };
    let path: Vec<String> = path.split('/').map(|part| decoded(part, false)).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if (method, path.as_slice()) == (&Method::POST, &["access", "ticket"]) {
        return login::ticket(cluster, switches, &call.form);
    }
    login::admit(cluster, switches, request.headers(), method != Method::GET)?;
    call.answer(address, &path)
}

impl Call<'_> {
    fn answer(&self, address: usize, path: &[&str]) -> Answered {
        let get = self.method == Method::GET;
        match path {
            ["version"] if get => Ok(version(self.switches)),
            ["cluster", "resources"] if get => Ok(rows::resources(self.cluster, self.told("type"))),
            ["cluster", "status"] if get => self.needs("Sys.Audit", "/").map(|()| self.status(address)),
            ["cluster", "config", "qdevice"] if get => Ok(json!({})),
            ["cluster", "backup-info", "not-backed-up"] if get => Ok(json!([])),
            ["access", "permissions"] if get => {
                let rights = self.switches.privileges.iter().map(|right| (right.clone(), json!(1)));
                Ok(json!({ "/": rights.collect::<serde_json::Map<_, _>>() }))
            }
            ["nodes", node, rest @ ..] => {
                let index = self.node(node)?;
                self.on_node(index, node, rest)
            }
            _ => Err(self.unknown(path)),
        }
    }

    fn on_node(&self, index: usize, node: &str, path: &[&str]) -> Answered {
        let (cluster, get) = (self.cluster, self.method == Method::GET);
        match path {
            ["qemu"] if get => Ok(rows::on_node(cluster, index, GuestKind::Qemu, self.is_set("full"))),
            ["lxc"] if get => Ok(rows::on_node(cluster, index, GuestKind::Lxc, false)),
            ["replication"] if get => Ok(json!([])),
            ["subscription"] if get => Ok(json!({ "status": "notfound" })),
            ["tasks", upid, "status"] if get => {
                power::task(cluster, self.switches, &mut cluster.world_mut().tasks, upid)
            }
            [kind, vmid, rest @ ..] if matches!(*kind, "qemu" | "lxc") => {
                self.on_guest(index, node, kind, vmid, rest)
            }
            _ => Err(self.unknown(path)),
        }
    }

    fn on_guest(&self, index: usize, node: &str, kind: &str, vmid: &str, path: &[&str]) -> Answered {
        let (cluster, switches) = (self.cluster, self.switches);
        let mut world = cluster.world_mut();
        let World { guests, tasks, nodes } = &mut *world;
        let here = |guest: &&mut Guest| guest.node == index && guest.kind.name() == kind && !guest.vanished;
        let found = vmid.parse().ok().and_then(|vmid: u32| guests.get_mut(&vmid)).filter(here);
        let Some(guest) = found else {
            let folder = if kind == "qemu" { "qemu-server" } else { "lxc" };
            let text = format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist");
            return Err(Reply::failed(switches, 500, &text));
        };
        let place = format!("/vms/{vmid}");
        if !rows::sees(switches, guest) {
            self.needs("VM.Audit", &place)?;
            return Err(self.forbidden("VM.Audit", &place));
        }
        match (self.method, path) {
            (&Method::GET, ["config"]) => Ok(settings::read(guest, self.is_set("current"))),
            (&Method::GET, ["pending"]) => Ok(settings::pending(guest)),
            (&Method::GET, ["rrddata"]) => {
                chart::rows(cluster, switches, guest, self.told("timeframe").unwrap_or_default())
            }
            (&Method::PUT, ["config"]) => {
                self.needs("VM.Config.Network", &place)?;
                if switches.version >= 8 {
                    self.needs("SDN.Use", "/sdn/zones/localnetwork/vmbr0")?;
                }
                settings::write(cluster, switches, guest, self.form.pairs())
            }
            (&Method::POST, ["status", power]) => {
                self.needs("VM.PowerMgmt", &place)?;
                power::run(cluster, switches, tasks, node, guest, power)
            }
            (&Method::GET, ["status", "current"]) => {
                Ok(rows::current(cluster, &nodes[index], guest, cluster.now(), true))
            }
            _ => Err(self.unknown(path)),
        }
    }

    fn status(&self, address: usize) -> Value {
        let world = self.cluster.world();
        let nodes = world.nodes.iter().enumerate().map(|(index, node)| {
            json!({
                "type": "node", "id": format!("node/{}", node.name), "name": node.name, "nodeid": index + 1,
                "ip": format!("192.0.2.{}", 11 + index), "local": u8::from(index == address),
                "online": u8::from(node.is_seen()), "level": "",
            })
        });
        let cluster = json!({
            "type": "cluster", "id": "cluster", "name": "prod1", "nodes": world.nodes.len(), "quorate": 1,
            "version": 7,
        });
        // A host by itself is no cluster.
        let cluster = (world.nodes.len() > 1).then_some(cluster);
        cluster.into_iter().chain(nodes).collect()
    }

    fn node(&self, name: &str) -> Result<usize, Reply> {
        let world = self.cluster.world();
        match world.nodes.iter().position(|node| node.name == name) {
            Some(index) if world.nodes[index].is_seen() => Ok(index),
            Some(_) => Err(Reply::no_route()),
            None => {
                Err(Reply::failed(self.switches, 500, "hostname lookup failed - failed to get address info"))
            }
        }
    }

    fn needs(&self, right: &str, place: &str) -> Result<(), Reply> {
        match self.switches.privileges.contains(right) {
            true => Ok(()),
            false => Err(self.forbidden(right, place)),
        }
    }

    fn forbidden(&self, right: &str, place: &str) -> Reply {
        Reply::failed(self.switches, 403, &format!("Permission check failed ({place}, {right})"))
    }

    fn unknown(&self, path: &[&str]) -> Reply {
        let text = format!("Method '{} /{}' not implemented", self.method, path.join("/"));
        Reply::failed(self.switches, 501, &text)
    }

    fn told(&self, key: &str) -> Option<&str> {
        self.form.first(key)
    }

    fn is_set(&self, key: &str) -> bool {
        self.told(key).is_some_and(|value| value == "1")
    }
}

fn version(switches: &Switches) -> Value {
    match switches.version {
        7 => json!({ "version": "7.4-20", "release": "7.4", "repoid": "3f9a0c1d" }),
        8 => json!({ "version": "8.4.21", "release": "8.4", "repoid": "3f9a0c1d2e4b5a67" }),
        _ => json!({ "version": "9.1.6", "release": "9.1", "repoid": "3f9a0c1d2e4b5a67" }),
    }
}
