//! Groups and who is in them.

use super::ask::{Ask, Parameters};
use super::reply::{Outcome, Refusal};
use super::switches::Switches;
use super::users::paged;
use super::world::{ADMINISTRATORS, Group, Server, User};
use serde_json::{Value, json};

/// `SYNO.Core.Group`.
pub fn groups(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let groups = server.groups();
    if ask.method == "list" {
        let rows =
            groups.iter().map(|(name, group)| json!({ "description": group.description, "name": name }));
        return paged(switches, rows.collect(), &ask.parameters, "groups");
    }
    // An unknown one is no failure of the call.
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for name in ask.parameters.names(switches, "name") {
        match groups.get(&name) {
            Some(group) => found.push(shown(&name, group)),
            None => errors.push(3205),
        }
    }
    let mut told = json!({ "groups": found });
    if !errors.is_empty() {
        told["errors"] = json!(errors);
    }
    Ok(told)
}

fn shown(name: &str, group: &Group) -> Value {
    json!({ "description": group.description, "gid": group.gid, "name": name })
}

/// `SYNO.Core.Group.Member`.
pub fn members(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let told = &ask.parameters;
    let group = told.text("group").ok_or(Refusal::code(3201))?;
    if ask.method == "list" {
        return list(server, switches, told, &group);
    }
    // Whatever else is sent is answered as done: unknown groups, unknown names, fields of other names.
    let (adds, removes) = match ask.method.as_str() {
        "add" => (told.names(switches, "name"), Vec::new()),
        "remove" => (Vec::new(), told.names(switches, "name")),
        _ => (told.names(switches, "add_member"), told.names(switches, "remove_member")),
    };
    let adds = adds.iter().map(|name| (name, true));
    for (name, is_added) in adds.chain(removes.iter().map(|name| (name, false))) {
        put(server, switches, &group, name, is_added)?;
    }
    Ok(json!({}))
}

fn list(server: &Server, switches: &Switches, told: &Parameters, group: &str) -> Outcome {
    if !server.groups().contains_key(group) {
        return Err(Refusal::code(3205));
    }
    let inside = match told.json("ingroup") {
        None => true,
        Some(_) => told.flag("ingroup", 3201)?,
    };
    let there = server.there();
    let members = there.iter().filter(|(_, user)| user.groups.contains(group) == inside);
    let rows = members.map(|(name, user)| member(name, user)).collect();
    paged(switches, rows, told, "users")
}

fn member(name: &str, user: &User) -> Value {
    json!({ "description": user.description, "name": name, "uid": user.uid })
}

fn put(server: &Server, switches: &Switches, group: &str, name: &str, is_added: bool) -> Result<(), Refusal> {
    let Some((name, _)) = server.user(name) else { return Ok(()) };
    let is_ignored = switches.writes_ignored || (is_added && switches.adds_ignored);
    if !server.groups().contains_key(group) || is_ignored {
        return Ok(());
    }
    let mut users = server.users_mut();
    let administrators = users.values().filter(|user| user.is_administrator() && !user.vanished).count();
    let Some(user) = users.get_mut(&name) else { return Ok(()) };
    if group == ADMINISTRATORS && !is_added && user.is_administrator() && administrators == 1 {
        return Err(Refusal::code(3210));
    }
    user.writes += 1;
    match is_added {
        true => drop(user.groups.insert(group.to_owned())),
        false => drop(user.groups.remove(group)),
    }
    Ok(())
}

/// `SYNO.Core.User.Group`: the groups of one user, and the change of several at once, as a task.
pub fn of_user(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let told = &ask.parameters;
    if ask.method == "join_status" {
        told.text("task_id").ok_or(Refusal::of_parameter("task_id", "required"))?;
        return Ok(json!({ "finish": true, "data": { "progress": 1, "total": 1 } }));
    }
    let name = told.user(switches, "name").ok_or(Refusal::of_parameter("name", "required"))?;
    let (name, user) = server.user(&name).ok_or(Refusal::code(3106))?;
    if ask.method == "get" {
        return Ok(json!({ "groups": user.groups }));
    }
    let joins = told.names(switches, "join_group");
    let leaves = told.names(switches, "leave_group");
    let joins = joins.iter().map(|group| (group, true));
    for (group, is_added) in joins.chain(leaves.iter().map(|group| (group, false))) {
        put(server, switches, group, &name, is_added)?;
    }
    let task = format!("@administrators/groupbatch{}A1B2C3D4", server.now());
    Ok(json!({ "task_id": task }))
}
