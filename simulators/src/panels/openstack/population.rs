//! Who lives in a fresh cloud: projects in two domains, some below others, with servers, ports and volumes.

use super::world::{
    ADMIN_PROJECT, DEFAULT_DOMAIN, Doing, FIRST_PART, GIB, Port, Project, QosPolicy, Server, Status, Volume,
    World, default_quota, hex_id, uuid,
};
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use std::collections::BTreeMap;

/// The second domain.
pub const SECOND_DOMAIN: &str = "5b8c0d4e7f6a49b1a2c3d4e5f6071829";

/// The policy that some ports have been sold, by its name.
pub const SOLD_POLICY: &str = "sold-100mbit";

const DAY: i64 = 86_400;

/// Fills a world; every kind of oddity is among the first sixteen.
pub fn settle(world: &mut World, truth: &Truth, accounts: usize, now: i64) {
    for (id, name) in [(ADMIN_PROJECT.to_owned(), "admin"), (hex_id("service"), "service")] {
        let project = Project { is_own: true, ..project(id, name, DEFAULT_DOMAIN) };
        world.projects.insert(project.id.clone(), project);
    }
    let policy = QosPolicy { id: uuid(4, SOLD_POLICY), name: SOLD_POLICY.into(), rules: rules(100_000) };
    let sold = policy.id.clone();
    world.policies.insert(policy.id.clone(), policy);
    for index in 0..accounts {
        settle_project(world, truth, index, now, &sold);
    }
}

/// A rule for each direction.
pub fn rules(kbps: u64) -> Vec<(String, String, u64, u64)> {
    let rule = |direction: &str| (uuid(4, &format!("{direction}{kbps}")), direction.to_owned(), kbps, 0);
    ["egress", "ingress"].map(rule).into()
}

/// The id of the project with this place in the order of making.
pub fn project_id(index: usize) -> String {
    hex_id(&format!("project {index}"))
}

fn settle_project(world: &mut World, truth: &Truth, index: usize, now: i64, sold: &str) {
    let id = project_id(index);
    let domain = if index % 9 == 4 { SECOND_DOMAIN } else { DEFAULT_DOMAIN };
    let name = match index % 16 {
        5 => format!("Müller & Söhne {index}"),
        9 => format!("100% o'clock {index}"),
        _ => format!("cust-{:05}", 400 + index),
    };
    let mut project = project(id.clone(), &name, domain);
    if index % 8 == 7 {
        project.parent = project_id(index - 7);
        project.domain = world.projects[&project.parent].domain.clone();
    }
    project.description = format!("WHMCS service {}", 400 + index);
    project.tags =
        vec!["whmcs".into(), format!("plan:{}", if index.is_multiple_of(3) { "gold" } else { "basic" })];
    project.object_quota = (index % 4 == 2).then_some(1 << 42);
    if index % 5 == 3 {
        project.quota.insert("gigabytes".into(), -1);
    }
    truth.enroll_part(&id, FIRST_PART);
    truth.did(&id, FIRST_PART, BEGINNING, Deed::Halt);
    project.has_objects = truth.level(&id, now).is_some_and(|level| level > 0);
    world.projects.insert(id.clone(), project);
    for volume in 0..=index % 3 {
        add_volume(world, truth, &id, 10 + 5 * ((index + volume) as u64 % 9), now - 20 * DAY);
    }
    let (servers, ports) = match index % 16 {
        13 => (0, 0),
        6 | 14 => (1, 2),
        3 | 11 => (2, 1),
        _ => (1, 1),
    };
    for server in 0..servers {
        let runs_since = (index % 16 != 10).then_some(now - uptime(index + server));
        let first = add_server(world, &id, &format!("web{server}-{index}"), now - 20 * DAY);
        for port in 0..ports {
            let part =
                if server + port == 0 { FIRST_PART.to_owned() } else { format!("port-{server}{port}") };
            let policy = (index % 5 == 1).then(|| sold.to_owned());
            add_port(world, truth, &first, &part, policy);
        }
        if let Some(since) = runs_since {
            run_since(world, truth, &first, since);
        }
    }
}

/// Between an hour and a week, no two alike.
fn uptime(index: usize) -> i64 {
    7_200 + 10 * (index as i64 * 7_919 % 60_000)
}

fn project(id: String, name: &str, domain: &str) -> Project {
    Project {
        id,
        name: name.to_owned(),
        domain: domain.to_owned(),
        parent: domain.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        enabled: true,
        disabled_at: None,
        is_own: false,
        vanished: false,
        quota: default_quota(),
        object_quota: None,
        has_objects: true,
        objects_deleted: false,
    }
}

/// Makes a server that is off, without a port; tells its id.
pub fn add_server(world: &mut World, project: &str, name: &str, created: i64) -> String {
    let id = uuid(4, &format!("server {project} {}", world.servers.len()));
    let server = Server {
        id: id.clone(),
        project: project.to_owned(),
        name: name.to_owned(),
        created,
        deleted: None,
        disk: 20,
        locked: None,
        past: vec![(created, Doing { status: Status::Shutoff, taps: None })],
        task: None,
        frozen: false,
    };
    world.servers.insert(id.clone(), server);
    id
}

/// Gives a server a port whose bytes are a part's; nothing moves until it runs.
pub fn add_port(world: &mut World, truth: &Truth, server: &str, part: &str, policy: Option<String>) {
    let project = world.servers[server].project.clone();
    if !truth.parts(&project).iter().any(|known| known == part) {
        truth.enroll_part(&project, part);
        truth.did(&project, part, BEGINNING, Deed::HoldLevel(0));
        truth.did(&project, part, BEGINNING, Deed::Halt);
    }
    let number = world.ports.len();
    let id = uuid(4, &format!("port {server} {part}"));
    let mac = format!("fa:16:3e:{:02x}:{:02x}:{:02x}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let server = server.to_owned();
    let port = Port { id: id.clone(), project, server, part: part.to_owned(), mac, first_tap: None, policy };
    world.ports.insert(id, port);
}

/// A server that has run since an instant in the past.
fn run_since(world: &mut World, truth: &Truth, id: &str, since: i64) {
    let mut taps = BTreeMap::new();
    for port in world.ports.values_mut().filter(|port| port.server == id) {
        truth.did(&port.project, &port.part, since, Deed::GoOn);
        port.first_tap = Some(since);
        taps.insert(port.id.clone(), truth.part_traffic(&port.project, &port.part, since));
    }
    if let Some(server) = world.servers.get_mut(id) {
        server.past.push((since, Doing { status: Status::Active, taps: Some(taps) }));
    }
}

/// Makes a volume; tells its id.
pub fn add_volume(world: &mut World, truth: &Truth, project: &str, gib: u64, created: i64) -> String {
    let id = uuid(4, &format!("volume {project} {}", world.volumes.len()));
    let volume = Volume {
        id: id.clone(),
        project: project.to_owned(),
        first_project: project.to_owned(),
        created,
        status: "in-use".into(),
        consumes_quota: true,
    };
    truth.enroll_still_part(project, &volume.part());
    truth.did(project, &volume.part(), created, Deed::HoldLevel(gib * GIB));
    world.volumes.insert(id.clone(), volume);
    id
}
