//! Groups: their members, their status.

use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Call;
use super::switches::{Flavour, go_time};
use super::world::Group;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

/// The names of all groups.
pub fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let names: Vec<&String> = world.groups.keys().collect();
    Ok(Reply::json(json!(names).to_string()))
}

/// One group with its members.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("group").unwrap_or_default();
    let world = call.server.world();
    let group = world.group(name)?;
    let members: Vec<&String> = group.members.iter().filter(|name| world.user(name).is_ok()).collect();
    let status = if group.enabled { "enabled" } else { "disabled" };
    // In this order, as the server writes it.
    let told = format!(
        r#"{{"name":{},"status":"{status}","members":{},"policy":{},"updatedAt":"{}"}}"#,
        json!(name),
        json!(members),
        json!(group.policies),
        go_time(group.changed_at)
    );
    Ok(Reply::json(told))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(default)]
    group: String,
    #[serde(default)]
    members: Vec<String>,
    group_status: Option<String>,
    #[serde(default)]
    is_remove: bool,
}

/// Adds members (and the group), or removes some (or the empty group).
pub fn update(call: &Call<'_>) -> Result<Reply, Refusal> {
    let told: Update = serde_json::from_slice(&call.body).map_err(|_| Refusal::new("InvalidRequest"))?;
    if call.server.switches().flavour == Flavour::Rustfs && told.group_status.is_none() {
        return Err(Refusal::new("InvalidRequest"));
    }
    call.must(if told.is_remove { "admin:RemoveUserFromGroup" } else { "admin:AddUserToGroup" })?;
    if told.group.is_empty() {
        return Err(Refusal::new("XMinioAdminInvalidArgument").because("Invalid arguments specified"));
    }
    let now = call.server.now();
    let mut world = call.server.world_mut();
    if told.is_remove && told.members.is_empty() {
        if !world.group(&told.group)?.members.is_empty() {
            let refusal = Refusal::new("XMinioAdminGroupNotEmpty");
            return Err(refusal.because("Specified group is not empty - cannot remove it"));
        }
        world.groups.remove(&told.group);
        return Ok(Reply::empty(200));
    }
    for member in &told.members {
        world.user(member)?;
    }
    if told.is_remove {
        let group = world.group_mut(&told.group)?;
        group.members.retain(|member| !told.members.contains(member));
        group.changed_at = now;
        return Ok(Reply::empty(200));
    }
    let group = world.groups.entry(told.group).or_insert_with(|| Group {
        members: BTreeSet::new(),
        enabled: true,
        policies: String::new(),
        changed_at: now,
    });
    group.members.extend(told.members);
    group.changed_at = now;
    Ok(Reply::empty(200))
}

/// Lets a group's policies count, or not.
pub fn set_status(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("group").unwrap_or_default();
    let enabled = match call.parameter("status") {
        Some("enabled") => true,
        Some("disabled") => false,
        _ => {
            return Err(Refusal::new("XMinioAdminInvalidArgument").because("Invalid arguments specified"));
        }
    };
    let now = call.server.now();
    let mut world = call.server.world_mut();
    let group = world.group_mut(name)?;
    group.enabled = enabled;
    group.changed_at = now;
    Ok(Reply::empty(200))
}
