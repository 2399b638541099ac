//! `POST /servers/{id}/action`: taken at once with an empty 202, done a little later.

use super::call::Call;
use super::cloud::Cloud;
use super::reply::{Answered, Reply};
use super::world::{Status, World};
use serde_json::Value;

/// Takes an action, or says why not. What is done already is a conflict too.
pub fn answer(call: &Call<'_>, world: &mut World, id: &str, minor: u32) -> Answered {
    let told = call.json();
    let Some((name, argument)) = told.as_object().and_then(|told| told.iter().next()) else {
        return Err(Reply::fault(400, "Invalid input for field/attribute action."));
    };
    let Some(server) = world.servers.get_mut(id) else {
        return Err(Reply::fault(404, &format!("Instance {id} could not be found.")));
    };
    match name.as_str() {
        "lock" => {
            if minor < 73 && !argument.is_null() {
                return Err(Reply::fault(400, "Invalid input for field/attribute lock."));
            }
            server.locked = Some(argument["locked_reason"].as_str().map(str::to_owned));
            return Ok(Reply::empty(202));
        }
        "unlock" => {
            server.locked = None;
            return Ok(Reply::empty(202));
        }
        _ => {}
    }
    let status = server.status();
    let (from, task, to): (&[Status], _, _) = match name.as_str() {
        "suspend" => (&[Status::Active], "suspending", Status::Suspended),
        "resume" => (&[Status::Suspended], "resuming", Status::Active),
        "pause" => (&[Status::Active], "pausing", Status::Paused),
        "unpause" => (&[Status::Paused], "unpausing", Status::Active),
        "os-stop" => (&[Status::Active], "powering-off", Status::Shutoff),
        "os-start" => (&[Status::Shutoff], "powering-on", Status::Active),
        "shelve" => (
            &[Status::Active, Status::Shutoff, Status::Paused, Status::Suspended],
            "shelving",
            Status::Shelved,
        ),
        "unshelve" => (&[Status::Shelved], "unshelving", Status::Active),
        other => return Err(Reply::fault(400, &format!("There is no such action: {other}."))),
    };
    if matches!(name.as_str(), "suspend" | "resume" | "pause" | "unpause") && !call.switches.can_freeze {
        return Err(Reply::fault(501, &format!("Virt driver does not support {name} operation.")));
    }
    let verb = name.trim_start_matches("os-");
    if let Some((task, _, _)) = server.task {
        let text = format!("Cannot '{verb}' instance {id} while it is in task_state {task}");
        return Err(Reply::fault(409, &text));
    }
    if !from.contains(&status) {
        let text = format!("Cannot '{verb}' instance {id} while it is in vm_state {}", status.state());
        return Err(Reply::fault(409, &text));
    }
    server.frozen = to != Status::Active;
    server.task = Some((task, call.switches.action_polls, to));
    if call.switches.action_polls == 0 {
        go_on(call.cloud, world, id);
    }
    Ok(Reply::empty(202))
}

/// A look at a server brings its task on.
pub fn go_on(cloud: &Cloud, world: &mut World, id: &str) {
    let Some(server) = world.servers.get_mut(id) else { return };
    match server.task {
        Some((task, polls, to)) if polls > 0 => server.task = Some((task, polls - 1, to)),
        Some((_, _, to)) => {
            server.task = None;
            cloud.set_status(world, id, to);
        }
        None => {}
    }
}

/// Every task is done, however often it would still be asked for.
pub fn finish_all(cloud: &Cloud, world: &mut World) {
    let busy: Vec<(String, Status)> =
        world.servers.values().filter_map(|server| Some((server.id.clone(), server.task?.2))).collect();
    for (id, to) in busy {
        if let Some(server) = world.servers.get_mut(&id) {
            server.task = None;
        }
        cloud.set_status(world, &id, to);
    }
}

/// The status with this name.
pub fn status_named(name: &Value) -> Option<Status> {
    let all = [Status::Active, Status::Shutoff, Status::Suspended, Status::Paused, Status::Shelved];
    all.into_iter().find(|status| name == status.name())
}
