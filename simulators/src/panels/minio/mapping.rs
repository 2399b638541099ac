//! Which policies are mapped on whom: the calls that switch an account to limited mode and back.

use super::policy::go_words;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Call;
use super::switches::{Attach, Flavour, go_time};
use super::users::unseal;
use super::world::{World, names, no_such_policy};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Replaces the whole direct mapping; the same again changes nothing.
pub fn set(call: &Call<'_>) -> Result<Reply, Refusal> {
    let wanted = call.parameter("policyName").unwrap_or_default();
    let who = call.parameter("userOrGroup").unwrap_or_default();
    let is_group = call.parameter("isGroup") == Some("true");
    if who == call.server.root && !is_group {
        return Err(Refusal::new("XMinioIAMActionNotAllowed"));
    }
    let now = call.server.now();
    let mut world = call.server.world_mut();
    current(&world, who, is_group)?;
    if names(wanted).any(|name| !world.policies.contains_key(name)) {
        return Err(no_such_policy());
    }
    map(&mut world, who, is_group, wanted, now)?;
    Ok(Reply::empty(200))
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    group: String,
}

/// Adds policies to a mapping.
pub fn attach(call: &Call<'_>) -> Result<Reply, Refusal> {
    change(call, true)
}

/// Takes policies out of a mapping.
pub fn detach(call: &Call<'_>) -> Result<Reply, Refusal> {
    change(call, false)
}

fn change(call: &Call<'_>, attaching: bool) -> Result<Reply, Refusal> {
    if call.header("content-type") != Some("application/octet-stream") {
        return Err(Refusal::new("BadRequest"));
    }
    let failed = |why: &str| Refusal::new("InternalError").because(why);
    let told = unseal(call).map_err(|_| failed("unexpected EOF"))?;
    let told: Change = serde_json::from_slice(&told).map_err(|error| failed(&go_words(&told, &error)))?;
    let (who, is_group) = match (told.user.as_str(), told.group.as_str()) {
        _ if told.policies.is_empty() => return Err(failed("no policy names were given")),
        ("", "") => return Err(failed("no user or group association was given")),
        (user, "") => (user, false),
        ("", group) => (group, true),
        _ => {
            return Err(failed("either a group or a user association must be given, not both"));
        }
    };
    let now = call.server.now();
    let switches = call.server.switches();
    let mut world = call.server.world_mut();
    if who == call.server.root && !is_group {
        return Err(Refusal::new("XMinioIAMActionNotAllowed"));
    }
    let before = current(&world, who, is_group)?;
    if attaching && told.policies.iter().any(|name| !world.policies.contains_key(name)) {
        return Err(no_such_policy());
    }
    let mut after: BTreeSet<&str> = names(&before).collect();
    let mut changed: Vec<&String> = match attaching {
        true => told.policies.iter().filter(|name| after.insert(name)).collect(),
        false => told.policies.iter().filter(|name| after.remove(name.as_str())).collect(),
    };
    changed.sort();
    if changed.is_empty() {
        return nothing_changed(switches.flavour, switches.attach, attaching);
    }
    let joined = after.into_iter().collect::<Vec<_>>().join(",");
    map(&mut world, who, is_group, &joined, now)?;
    if switches.attach == Attach::FirstReleases {
        return Ok(Reply::empty(201));
    }
    let done = if attaching { "policiesAttached" } else { "policiesDetached" };
    Ok(Reply::sealed(json!({ done: changed, "updatedAt": go_time(now) }).to_string()))
}

fn nothing_changed(flavour: Flavour, attach: Attach, attaching: bool) -> Result<Reply, Refusal> {
    let named = |status, code| {
        let mut refusal = Refusal::new(code).saying("The specified policy change is already in effect.");
        refusal.status = status;
        Err(refusal)
    };
    match (flavour, attach, attaching) {
        (Flavour::Rustfs, _, _) => Ok(Reply::sealed("{}")),
        (_, Attach::FirstReleases, true) => named(409, "XMinioPolicyAlreadyAttached"),
        (_, Attach::FirstReleases, false) => named(404, "XMinioPolicyNotAttached"),
        _ => {
            let refusal = Refusal::new("XMinioAdminPolicyChangeAlreadyApplied");
            Err(refusal.because("Specified policy update has no net effect"))
        }
    }
}

fn current(world: &World, who: &str, is_group: bool) -> Result<String, Refusal> {
    Ok(match is_group {
        true => world.group(who)?.policies.clone(),
        false => world.user(who)?.policies.clone(),
    })
}

/// Maps policies on a user or a group, in the place of all it had.
pub fn map(
    world: &mut World,
    who: &str,
    is_group: bool,
    joined: &str,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if is_group {
        let group = world.group_mut(who)?;
        joined.clone_into(&mut group.policies);
        group.changed_at = now;
        return Ok(());
    }
    let user = world.user_mut(who)?;
    joined.clone_into(&mut user.policies);
    user.mapped_at = (!joined.is_empty()).then_some(now);
    Ok(())
}

/// Who has what mapped: of the users, groups and policies asked for, or of all policies.
pub fn entities(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let (users, groups, policies) =
        (call.parameters("user"), call.parameters("group"), call.parameters("policy"));
    let mut told = serde_json::Map::new();
    told.insert("timestamp".into(), go_time(call.server.now()).into());
    let mut tell = |key: &str, lines: Vec<Value>| {
        if !lines.is_empty() {
            told.insert(key.into(), lines.into());
        }
    };
    tell("userMappings", users.iter().filter_map(|user| user_line(&world, user)).collect());
    tell("groupMappings", groups.iter().filter_map(|group| group_line(&world, group)).collect());
    let asks_for_all = users.is_empty() && groups.is_empty() && policies.is_empty();
    let policies: Vec<&str> = match asks_for_all {
        true => world.policies.keys().map(String::as_str).collect(),
        false => policies,
    };
    tell("policyMappings", policies.iter().filter_map(|policy| policy_line(&world, policy)).collect());
    Ok(Reply::sealed(Value::Object(told).to_string()))
}

fn user_line(world: &World, user: &str) -> Option<Value> {
    let policies: Vec<&str> = names(&world.user(user).ok()?.policies).collect();
    let groups = world.groups_of(user);
    let groups: Vec<Value> = groups.iter().filter_map(|group| group_line(world, group)).collect();
    let told = if policies.is_empty() { Value::Null } else { json!(policies) };
    let mut line = json!({ "user": user, "policies": told });
    if !groups.is_empty() {
        line["memberOfMappings"] = groups.into();
    }
    (!policies.is_empty() || line.get("memberOfMappings").is_some()).then_some(line)
}

fn group_line(world: &World, group: &str) -> Option<Value> {
    let policies: Vec<&str> = names(&world.groups.get(group)?.policies).collect();
    (!policies.is_empty()).then(|| json!({ "group": group, "policies": policies }))
}

fn policy_line(world: &World, policy: &str) -> Option<Value> {
    let has = |joined: &str| names(joined).any(|name| name == policy);
    let users = world.users.iter().filter(|(_, user)| !user.vanished && has(&user.policies));
    let groups = world.groups.iter().filter(|(_, group)| has(&group.policies));
    let users: Vec<&String> = users.map(|(name, _)| name).collect();
    let groups: Vec<&String> = groups.map(|(name, _)| name).collect();
    let or_null = |names: Vec<&String>| {
        if names.is_empty() { Value::Null } else { json!(names) }
    };
    let is_mapped = !users.is_empty() || !groups.is_empty();
    is_mapped.then(|| json!({ "policy": policy, "users": or_null(users), "groups": or_null(groups) }))
}
