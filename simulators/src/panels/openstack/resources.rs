//! What Gnocchi knows of: one resource per thing, with the metrics that Ceilometer put on it.

use super::cloud::{Cloud, Scope};
use super::switches::Switches;
use super::world::{ADMIN_PROJECT, Port, World, hex_id, uuid};
use serde_json::{Map, Value, json};

/// Where a resource's figures come from: an id of the world.
#[derive(Clone, Debug)]
pub enum Source {
    /// A port.
    Port(String),
    /// A server.
    Server(String),
    /// A volume.
    Volume(String),
    /// The objects of a project.
    Objects(String),
}

/// A resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// A UUID.
    pub id: String,
    /// Its type.
    pub kind: &'static str,
    /// The id that Ceilometer gave it.
    pub original: String,
    /// Whose it is; odd samples have none.
    pub project: String,
    /// When Gnocchi first saw it (epoch seconds).
    pub started: i64,
    /// When it was deleted.
    pub ended: Option<i64>,
    /// What its type has besides.
    pub extra: Vec<(&'static str, String)>,
    /// Its metrics.
    pub metrics: &'static [&'static str],
    /// Where its figures come from.
    pub source: Source,
}

/// The types there are.
pub const TYPES: [&str; 7] = [
    "generic",
    "instance",
    "instance_network_interface",
    "volume",
    "swift_account",
    "manila_share",
    "ceph_account",
];

/// The resources of a type that a token sees, by id; `generic` is all of them.
///
/// A token without the role `admin` sees its own project's; one of system scope sees nothing.
pub fn of_type(
    cloud: &Cloud,
    world: &World,
    switches: &Switches,
    kind: &str,
    scope: &Scope,
) -> Vec<Resource> {
    let wanted = |other: &str| kind == "generic" || kind == other;
    let now = cloud.now() - switches.backlog_seconds;
    let mut all = Vec::new();
    if wanted("instance") {
        all.extend(world.servers.values().map(instance));
    }
    if wanted("instance_network_interface") {
        let sampled =
            |since: i64| since - since.rem_euclid(switches.polling_seconds) + switches.polling_seconds;
        let seen = world.ports.values().filter_map(|port| Some((port, sampled(port.first_tap?))));
        all.extend(seen.filter(|(_, seen)| *seen <= now).map(|(port, seen)| interface(world, port, seen)));
    }
    if wanted("volume") {
        all.extend(world.volumes.values().map(|volume| {
            let owner = if switches.stale_owner { &volume.first_project } else { &volume.project };
            let gone = cloud.gib(volume, now) == 0;
            Resource {
                id: volume.id.clone(),
                kind: "volume",
                original: volume.id.clone(),
                project: owner.clone(),
                started: volume.created,
                ended: gone.then_some(now),
                extra: vec![("display_name", String::new()), ("volume_type", "ssd".into())],
                metrics: &["volume.size"],
                source: Source::Volume(volume.id.clone()),
            }
        }));
    }
    if wanted("swift_account") {
        all.extend(world.projects.values().filter(|one| !one.is_own).map(|project| Resource {
            id: dashed(&project.id),
            kind: "swift_account",
            original: project.id.clone(),
            project: project.id.clone(),
            started: now - 20 * 86_400,
            ended: None,
            extra: Vec::new(),
            metrics: &["storage.objects.size"],
            source: Source::Objects(project.id.clone()),
        }));
    }
    all.retain(|resource| match scope {
        Scope::Project(_) if switches.roles.contains("admin") => true,
        Scope::Project(own) => resource.project == *own,
        _ => false,
    });
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all
}

fn instance(server: &super::world::Server) -> Resource {
    Resource {
        id: server.id.clone(),
        kind: "instance",
        original: server.id.clone(),
        project: server.project.clone(),
        started: server.created,
        ended: server.deleted,
        extra: vec![("display_name", server.name.clone()), ("flavor_name", "m1.small".into())],
        metrics: &["disk.ephemeral.size", "disk.root.size"],
        source: Source::Server(server.id.clone()),
    }
}

fn interface(world: &World, port: &Port, seen: i64) -> Resource {
    let original = format!("instance-{}-{}-{}", &hex_id(&port.server)[..8], port.server, port.tap());
    Resource {
        id: uuid(5, &original),
        kind: "instance_network_interface",
        original,
        project: port.project.clone(),
        started: seen,
        ended: world.servers.get(&port.server).and_then(|server| server.deleted),
        extra: vec![("name", port.tap()), ("instance_id", port.server.clone())],
        metrics: &["network.incoming.bytes", "network.outgoing.bytes"],
        source: Source::Port(port.id.clone()),
    }
}

/// 32 digits with dashes, as Gnocchi shows them.
pub fn dashed(id: &str) -> String {
    match id.len() {
        32 => format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]),
        _ => id.to_owned(),
    }
}

/// The id of a metric of a resource.
pub fn metric_id(resource: &Resource, metric: &str) -> String {
    uuid(4, &format!("{} {metric}", resource.id))
}

impl Resource {
    /// As Gnocchi shows it.
    pub fn shown(&self) -> Value {
        let stamp = |at: i64| crate::clock::at(at).format("%Y-%m-%dT%H:%M:%S.118250+00:00").to_string();
        let metrics = self.metrics.iter().map(|metric| (metric.to_string(), json!(metric_id(self, metric))));
        let (user, project) = (hex_id("ceilometer"), hex_id("service"));
        let mut row = json!({
            "id": self.id, "type": self.kind, "original_resource_id": self.original, "project_id": self.project,
            "user_id": hex_id(&self.project), "started_at": stamp(self.started),
            "ended_at": self.ended.map(stamp), "revision_start": stamp(self.started), "revision_end": null,
            "creator": format!("{user}:{project}"), "created_by_user_id": user, "created_by_project_id": project,
            "metrics": metrics.collect::<Map<_, _>>(),
        });
        for (key, value) in &self.extra {
            row[*key] = json!(value);
        }
        if self.project == ADMIN_PROJECT {
            row["project_id"] = Value::Null;
        }
        row
    }
}
