//! One fake MinIO: its state, its nodes, and what all of its calls need.

use super::bucket::share;
use super::policy::Wish;
use super::refusal::Refusal;
use super::switches::{Scanner, Switches};
use super::world::World;
use crate::growth::Traffic;
use crate::panel::Knobs;
use crate::wire::Gate;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The server behind all of its addresses.
pub struct Server {
    /// Clock, truth, faults, request counts.
    pub knobs: Knobs,
    /// The root user's name.
    pub root: String,
    /// The root user's secret.
    pub root_secret: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Its nodes, in the order of their addresses.
    pub nodes: Vec<Node>,
    pub(super) world: RwLock<World>,
    pub(super) switches: RwLock<Switches>,
    pub(super) scanner: RwLock<Scanner>,
    pub(super) request_number: AtomicU64,
}

/// One node.
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// Shut while it is down.
    pub gate: Gate,
    /// When its process started.
    pub started: RwLock<DateTime<Utc>>,
}

/// Who signed a request.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The access key.
    pub name: String,
    /// The secret key, which also seals answers.
    pub secret: String,
    /// Root may do everything.
    pub is_root: bool,
}

/// One request on its way through the server.
pub struct Call<'a> {
    /// The server.
    pub server: &'a Server,
    /// The node that was asked.
    pub node: usize,
    /// Method, path, headers.
    pub head: &'a Parts,
    /// The decoded path.
    pub path: String,
    /// The decoded query.
    pub query: Vec<(String, String)>,
    /// The body, checked and unpacked.
    pub body: Vec<u8>,
    /// Who signed it; an anonymous request has an empty name.
    pub signer: Signer,
}

impl Server {
    /// The state, to be read.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to be changed.
    pub fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the server behaves now.
    pub fn switches(&self) -> Switches {
        self.switches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How its scanner behaves now.
    pub fn scanner(&self) -> Scanner {
        self.scanner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The panel's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.knobs.clock.now()
    }

    /// The label and host name of a node.
    pub fn label(&self, node: usize) -> String {
        self.nodes.get(node).map_or_else(String::new, |node| node.address.to_string())
    }

    /// What a node has counted of a bucket since it started to.
    pub fn counted(&self, world: &World, bucket: &str, node: usize) -> Traffic {
        let Some(found) = world.buckets.get(bucket) else {
            return Traffic::default();
        };
        let from = found.counted_from.get(node).copied().unwrap_or_default();
        let until = self.knobs.truth.part_traffic(&found.owner, bucket, self.now().timestamp());
        let nodes = self.nodes.len();
        let part = |until: u64, from: u64| share(until, node, nodes) - share(from, node, nodes);
        Traffic {
            received: part(until.received.max(from.received), from.received),
            sent: part(until.sent.max(from.sent), from.sent),
        }
    }

    /// A node's process starts anew at an instant: it counts every bucket from nothing.
    pub fn restart(&self, node: usize, at: DateTime<Utc>) {
        let Some(place) = self.nodes.get(node) else {
            return;
        };
        *place.started.write().unwrap_or_else(PoisonError::into_inner) = at;
        let mut world = self.world_mut();
        for (name, bucket) in &mut world.buckets {
            let passed = self.knobs.truth.part_traffic(&bucket.owner, name, at.timestamp());
            if let Some(from) = bucket.counted_from.get_mut(node) {
                *from = passed;
            }
        }
        place.gate.break_connections();
    }

    /// When a node's process started.
    pub fn started(&self, node: usize) -> DateTime<Utc> {
        let place = self.nodes.get(node);
        place.map_or(DateTime::UNIX_EPOCH, |place| {
            *place.started.read().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// The nodes that can be reached.
    pub fn nodes_up(&self) -> Vec<usize> {
        let all = self.nodes.iter().enumerate();
        all.filter(|(_, node)| !node.gate.is_shut()).map(|(index, _)| index).collect()
    }

    /// The next request id.
    pub fn request_id(&self) -> String {
        let number = self.request_number.fetch_add(1, Ordering::Relaxed);
        format!("{:016X}", 0x18E9_E855_0000_0000_u64 + number * 0x1_0f37)
    }

    /// Looks a signer up by access key.
    pub fn signer(&self, access_key: &str) -> Result<Signer, Refusal> {
        let disabled = || {
            let message = "Your account is disabled; please contact your administrator.";
            Refusal::new("InvalidAccessKeyId").saying(message)
        };
        if access_key == self.root {
            let (name, secret) = (self.root.clone(), self.root_secret.clone());
            let root = Signer { name, secret, is_root: true };
            return self.switches().root_access.then_some(root).ok_or_else(disabled);
        }
        let world = self.world();
        match world.user(access_key) {
            Ok(user) if user.enabled => {
                let (name, secret) = (access_key.to_owned(), user.secret.clone());
                Ok(Signer { name, secret, is_root: false })
            }
            Ok(_) => Err(disabled()),
            Err(_) => Err(Refusal::new("InvalidAccessKeyId")),
        }
    }
}

impl Call<'_> {
    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs.find(|(told, _)| told == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub fn parameters(&self, name: &str) -> Vec<&str> {
        let pairs = self.query.iter().filter(|(told, _)| told == name);
        pairs.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Whether the signer may do this.
    pub fn may(&self, action: &str, bucket: &str, object: &str) -> bool {
        let user = &self.signer.name;
        let wish = Wish { action, bucket, object, user };
        self.signer.is_root || (!user.is_empty() && self.server.world().allows(&wish))
    }

    /// Refuses a signer who lacks a right on the server.
    pub fn must(&self, action: &str) -> Result<(), Refusal> {
        match self.may(action, "", "") {
            true => Ok(()),
            false => Err(Refusal::new("AccessDenied")),
        }
    }
}
