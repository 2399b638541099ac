//! `SYNO.Core.Quota`: what a user has and may have, by shared folder or by volume.

use super::ask::{Ask, Parameters};
use super::reply::{Outcome, Refusal};
use super::switches::{FileSystem, Numbers, Switches, UserQuota};
use super::world::{FREE, HOMES, MEBIBYTE, PROJECTS, Server, User};
use serde_json::{Value, json};

/// What is said of a call without somebody it is about.
const WHO: Refusal = Refusal::code(5403);

/// Larger than what is free.
const TOO_LARGE: Refusal = Refusal::code(3117);

/// Does what a method asks for.
pub fn call(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let told = &ask.parameters;
    let is_group =
        told.text("subject_type").as_deref() == Some("group") || told.json("group_quota").is_some();
    match (ask.method.as_str(), is_group) {
        ("get", true) => of_group(server, switches, told),
        ("get", false) => of_user(server, switches, told),
        (_, is_group) => set(server, switches, told, is_group),
    }
}

/// Bytes in MiB, as this NAS writes them.
pub fn mebibytes(switches: &Switches, bytes: u64) -> Value {
    let exact = bytes as f64 / MEBIBYTE as f64;
    match (switches.numbers, bytes.is_multiple_of(MEBIBYTE)) {
        (Numbers::Plain, true) => (bytes / MEBIBYTE).into(),
        (Numbers::Plain | Numbers::Floats, _) => exact.into(),
        (Numbers::Texts, true) => (bytes / MEBIBYTE).to_string().into(),
        (Numbers::Texts, false) => exact.to_string().into(),
    }
}

/// The shared folders with quotas, and the volumes they are on.
pub fn shares(switches: &Switches) -> Vec<(&'static str, &'static str)> {
    let projects = if switches.second_volume { "/volume2" } else { "/volume1" };
    let homes = switches.homes_mounted.then_some(("/volume1", HOMES));
    homes.into_iter().chain(switches.project_share.then_some((projects, PROJECTS))).collect()
}

fn volumes(switches: &Switches) -> Vec<&'static str> {
    let mut volumes: Vec<_> = shares(switches).into_iter().map(|(volume, _)| volume).collect();
    volumes.dedup();
    volumes
}

fn of_user(server: &Server, switches: &Switches, told: &Parameters) -> Outcome {
    let name = told.user(switches, "name").ok_or(WHO)?;
    let (name, user) = server.user(&name).ok_or(Refusal::code(3106))?;
    if let Some(code) = user.fails {
        return Err(Refusal::code(code));
    }
    let mut data = json!({ "user_quota": [] });
    match switches.user_quota {
        UserQuota::Shown => {
            let shown =
                volumes(switches).into_iter().map(|volume| element(server, switches, &name, &user, volume));
            data["user_quota"] = shown.collect();
        }
        UserQuota::Empty => {}
        UserQuota::Absent => data = json!({}),
    }
    Ok(data)
}

/// One volume.
fn element(server: &Server, switches: &Switches, name: &str, user: &User, volume: &str) -> Value {
    let limit = |share: &str| user.quotas.get(share).copied().unwrap_or_default();
    let of_groups = |share: &str| server.group_limit(switches, user, share);
    let here = shares(switches).into_iter().filter(|(of, _)| *of == volume);
    match switches.file_system {
        FileSystem::Ext4 => {
            let used = here.map(|(_, share)| server.used(switches, name, share)).sum();
            json!({
                "volume": volume, "support_share_quota": false, "quota": limit(at_volume(volume)),
                "group_limit": of_groups(at_volume(volume)), "used": mebibytes(switches, used),
            })
        }
        FileSystem::Btrfs => {
            let shares = here.map(|(_, share)| {
                json!({
                    "name": share, "description": if share == HOMES { "user home" } else { "" },
                    "quota": limit(share), "group_limit": of_groups(share),
                    "used": mebibytes(switches, server.used(switches, name, share)),
                })
            });
            json!({
                "deduped": false, "quota_status": "v1", "support_share_quota": true, "volume": volume,
                "shares": shares.collect::<Vec<_>>(),
            })
        }
    }
}

/// Where the limits of a whole volume are kept.
fn at_volume(volume: &str) -> &'static str {
    if volume == "/volume1" { HOMES } else { PROJECTS }
}

fn of_group(server: &Server, switches: &Switches, told: &Parameters) -> Outcome {
    let name = told.text("name").ok_or(WHO)?;
    let groups = server.groups();
    let group = groups.get(&name).ok_or(Refusal::code(3205))?;
    let limit = |share: &str| group.limits.get(share).copied().unwrap_or_default();
    let shown = volumes(switches).into_iter().map(|volume| match switches.file_system {
        FileSystem::Ext4 => json!({ "volume": volume, "quota": limit(at_volume(volume)) }),
        FileSystem::Btrfs => {
            let here = shares(switches).into_iter().filter(|(of, _)| *of == volume);
            let shares: Vec<_> =
                here.map(|(_, share)| json!({ "name": share, "quota": limit(share) })).collect();
            json!({ "volume": volume, "shares": shares })
        }
    });
    Ok(json!({ "group_quota": shown.collect::<Vec<_>>() }))
}

/// Limits as they are told: by volume where the volume counts so, by shared folder where that can be set. What does not
/// fit the volume is answered as done.
fn set(server: &Server, switches: &Switches, told: &Parameters, is_group: bool) -> Outcome {
    let name = told.user(switches, "name").ok_or(WHO)?;
    let field = if is_group { "group_quota" } else { "user_quota" };
    let Some(Value::Array(elements)) = told.json(field) else { return Err(Refusal::code(5401)) };
    let mut limits = Vec::new();
    for element in &elements {
        let volume = element["volume"].as_str().unwrap_or_default();
        match (switches.file_system, element["shares"].as_array()) {
            (FileSystem::Ext4, None) => limits.push((at_volume(volume), amount(&element["quota"])?)),
            (FileSystem::Btrfs, Some(shares)) if switches.share_quota_set => {
                for share in shares {
                    let known = [HOMES, PROJECTS].into_iter().find(|known| share["name"] == **known);
                    let known = known.ok_or(Refusal::code(5401))?;
                    limits.push((known, amount(&share["quota"])?));
                }
            }
            _ => {}
        }
    }
    let keep = |kept: &mut std::collections::BTreeMap<String, u64>| {
        let limits = limits.iter().filter(|_| !switches.writes_ignored);
        kept.extend(limits.map(|(share, limit)| ((*share).to_owned(), *limit)));
    };
    if is_group {
        keep(&mut server.groups().get_mut(&name).ok_or(Refusal::code(3205))?.limits);
        return Ok(json!({}));
    }
    let name = server.spelled(&name).ok_or(Refusal::code(3106))?;
    if let Some(user) = server.users_mut().get_mut(&name) {
        keep(&mut user.quotas);
        user.writes += 1;
    }
    Ok(json!({}))
}

fn amount(told: &Value) -> Result<u64, Refusal> {
    let limit = told.as_u64().ok_or(Refusal::code(5401))?;
    match limit.saturating_mul(MEBIBYTE) > FREE {
        true => Err(TOO_LARGE),
        false => Ok(limit),
    }
}
