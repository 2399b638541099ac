//! Whether a project is kept from storing or moving more, by whichever level; and an operator who meddles.

use super::cloud::Cloud;
use super::operations::sold;
use super::world::{FIRST_PART, Port, Project, Server, Status, World};
use crate::panel::NotDone;

/// A bandwidth this low, in kilobits per second, is a limit and no plan.
const SLOW: u64 = 5_000;

/// Any of the levels is one: disabled, nothing more that could be stored, every port slow, every server frozen.
pub fn is_limited(cloud: &Cloud, account: &str) -> Option<bool> {
    let world = cloud.world();
    let project = world.projects.get(account)?;
    let levels = [
        !project.enabled,
        is_full(cloud, &world, project),
        is_frozen(&world, account),
        is_slow(&world, account),
    ];
    Some(levels.contains(&true))
}

fn is_full(cloud: &Cloud, world: &World, project: &Project) -> bool {
    let used = cloud.gib_in_use(world, &project.id);
    let volumes = u64::try_from(project.quota["gigabytes"]).is_ok_and(|limit| limit <= used);
    let held = cloud.knobs.truth.part_level(&project.id, FIRST_PART, cloud.now());
    volumes || project.object_quota.is_some_and(|quota| quota <= held)
}

/// What was off before anybody froze anything is not frozen by that.
fn is_frozen(world: &World, account: &str) -> bool {
    let servers: Vec<&Server> = world
        .servers
        .values()
        .filter(|server| server.project == account && server.deleted.is_none())
        .collect();
    servers.iter().any(|server| server.frozen)
        && servers.iter().all(|server| server.status() != Status::Active)
}

fn is_slow(world: &World, account: &str) -> bool {
    let lowest = |port: &Port| world.policies.get(port.policy.as_ref()?)?.lowest();
    let ports: Vec<&Port> = world.ports.values().filter(|port| port.project == account).collect();
    !ports.is_empty() && ports.iter().all(|port| lowest(port).is_some_and(|kbps| kbps <= SLOW))
}

/// The operator gives it another quota, other policies and other states than it was sold and than it is limited by.
pub fn meddle(cloud: &Cloud, account: &str) -> Result<(), NotDone> {
    let mut world = cloud.world_mut();
    let other = sold(&mut world, 10);
    let project = world.projects.get_mut(account).ok_or(NotDone::NoSuchAccount)?;
    project.quota.insert("gigabytes".into(), 7_777);
    project.object_quota = Some(7_777 << 30);
    for port in world.ports.values_mut().filter(|port| port.project == account) {
        port.policy = Some(other.clone());
    }
    let own = world.servers.values().filter(|server| server.project == account);
    let own: Vec<String> = own.map(|server| server.id.clone()).collect();
    own.iter().for_each(|server| cloud.set_status(&mut world, server, Status::Shutoff));
    Ok(())
}
