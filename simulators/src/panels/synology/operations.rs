//! What a test can do to this kind of panel alone, below `/synology/` on the control address.

use super::auth;
use super::mishaps::Mishap;
use super::world::{HOMES, PROJECTS, Server, User};
use crate::panel::{NotDone, merge};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// What is done to one user.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// Deleted, and another one made with the same name and nothing stored; with the old number where that is given out
    /// again.
    Recreate {
        #[serde(default)]
        reuse_uid: bool,
    },
    /// The operator lets it in, keeps it out, or names its last day.
    SetExpired { expired: String },
    /// Its own limit of a shared folder, in MiB; 0 is none set.
    SetQuota { share: String, mebibytes: u64 },
    /// Put into a group, or taken out of it.
    SetGroup { group: String, is_member: bool },
    /// Calls about its quota fail with this code; null ends that.
    Fail { code: Option<u32> },
}

/// What is done to all sessions.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum SessionDeal {
    /// Each hears this code from now on.
    EndAll { code: u32 },
    /// The NAS starts again and knows none of them.
    Reboot,
}

/// What is done to the trusted devices.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum DeviceDeal {
    /// One more is trusted; its token is told.
    Trust { name: String },
    /// None is trusted any longer.
    RevokeAll,
}

/// Does an operation by its path:
///
/// * `state`: switches, sessions, users and groups;
/// * `switches`: the fields told are set, the others stay;
/// * `sessions`: `{"op":"end_all","code":106}`, `{"op":"reboot"}`;
/// * `guard`: the address is no longer blocked, and failures are forgotten;
/// * `devices`: `{"op":"trust","name":"whmeter"}`, `{"op":"revoke_all"}`;
/// * `mishaps`: an array of `{"call":"SYNO.Core.Quota.get","code":117,"times":1}` takes the place of what there is;
/// * `users/{name}`: `{"op":"recreate","reuse_uid":true}`, `{"op":"set_expired","expired":"2027/3/5"}`,
///   `{"op":"set_quota","share":"homes","mebibytes":10240}`, `{"op":"set_group","group":"users","is_member":false}`,
///   `{"op":"fail","code":3106}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        None if operation == "sessions" => {
            match read(arguments)? {
                SessionDeal::EndAll { code } => server.logins().end_all(code),
                SessionDeal::Reboot => {
                    server.logins().forget_all();
                    *server.started.lock().unwrap_or_else(PoisonError::into_inner) = server.now();
                }
            }
            Ok(auth::state(server))
        }
        None if operation == "guard" => {
            server.logins().unblock();
            Ok(auth::state(server))
        }
        None if operation == "devices" => {
            let mut logins = server.logins();
            match read(arguments)? {
                DeviceDeal::Trust { name } => Ok(json!({ "token": logins.trust(&name) })),
                DeviceDeal::RevokeAll => {
                    logins.distrust_all();
                    Ok(json!({ "devices": [] }))
                }
            }
        }
        None if operation == "mishaps" => {
            let told: Vec<Mishap> = read(arguments)?;
            *server.mishaps.lock().unwrap_or_else(PoisonError::into_inner) = told;
            Ok(json!({ "mishaps": arguments }))
        }
        Some(("users", name)) => {
            let deal = read(arguments)?;
            deal_with(server, name, deal)?;
            Ok(json!({ "user": name }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn deal_with(server: &Server, name: &str, deal: Deal) -> Result<(), NotDone> {
    let now = server.now();
    let mut users = server.users_mut();
    let next = users.values().filter(|user| user.is_customer).map(|user| user.uid + 1).max();
    let user: &mut User = users.get_mut(name).ok_or(NotDone::NoSuchAccount)?;
    match deal {
        Deal::Recreate { reuse_uid } => {
            user.uid = next.filter(|_| !reuse_uid).unwrap_or(user.uid);
            user.expired = "normal".to_owned();
            server.knobs.truth.set_level(name, now, 0);
            server.projects.set_level(name, now, 0);
        }
        Deal::SetExpired { expired } => user.expired = expired,
        Deal::SetQuota { share, mebibytes } => {
            user.sold.insert(share.clone(), mebibytes);
            user.quotas.insert(share, mebibytes);
        }
        Deal::SetGroup { group, is_member: true } => drop(user.groups.insert(group)),
        Deal::SetGroup { group, is_member: false } => drop(user.groups.remove(&group)),
        Deal::Fail { code } => user.fails = code,
    }
    Ok(())
}

fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, NotDone> {
    T::deserialize(arguments).map_err(|error| NotDone::NotUnderstood(error.to_string()))
}

fn state(server: &Server) -> Value {
    let switches = server.switches();
    let users = server.users();
    let shown = users.iter().map(|(name, user)| {
        let used = [HOMES, PROJECTS].map(|share| server.used(&switches, name, share));
        let shown = json!({
            "uid": user.uid, "expired": user.expired, "groups": user.groups, "quotas": user.quotas,
            "is_customer": user.is_customer, "vanished": user.vanished, "description": user.description,
            "homes_bytes": used[0], "projects_bytes": used[1], "bandwidths": user.bandwidths,
            "writes": user.writes,
        });
        (name.clone(), shown)
    });
    let groups = server.groups();
    let groups = groups.iter().map(|(name, group)| (name.clone(), json!({ "limits": group.limits })));
    json!({
        "switches": switches, "logins": auth::state(server), "users": Value::Object(shown.collect()),
        "groups": Value::Object(groups.collect()),
    })
}
