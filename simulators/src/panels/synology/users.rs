//! `SYNO.Core.User`: who there is, and whether they may log in.

use super::ask::{Ask, Parameters};
use super::reply::{Outcome, Refusal};
use super::switches::{GroupsShown, Switches};
use super::world::{Server, User};
use crate::truth::Deed;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// 2025-01-18 as days since 1970: when every password was changed last.
const PASSWORD_CHANGED: u32 = 20_106;

/// Does what a method asks for.
pub fn call(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    match ask.method.as_str() {
        "list" => list(server, switches, &ask.parameters),
        "get" => get(server, switches, &ask.parameters),
        "set" => set(server, switches, &ask.parameters),
        _ => delete(server, &ask.parameters),
    }
}

fn list(server: &Server, switches: &Switches, told: &Parameters) -> Outcome {
    let additional = additional(told)?;
    let mut rows: Vec<Value> = match told.text("type").as_deref().unwrap_or("local") {
        "local" | "all" => {
            let there = server.there();
            there.iter().map(|(name, user)| shown(switches, name, user, &additional)).collect()
        }
        "domain" => vec![json!({ "name": "HARBOR\\visitor" })],
        "ldap" => Vec::new(),
        _ => return Err(Refusal::of_parameter("type", "condition")),
    };
    // DSM sorts names whatever their case.
    rows.sort_by_key(|row| row["name"].as_str().unwrap_or_default().to_lowercase());
    if told.text("sort_direction").is_some_and(|told| told.eq_ignore_ascii_case("desc")) {
        rows.reverse();
    }
    paged(switches, rows, told, "users")
}

/// A part of a list: `total` tells of all, whatever is asked for.
pub fn paged(switches: &Switches, rows: Vec<Value>, told: &Parameters, of: &str) -> Outcome {
    let (offset, limit) = (told.number("offset", 0)?, told.number("limit", -1)?);
    let (total, most) = (rows.len(), switches.most_rows.unwrap_or(usize::MAX));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(most);
    let skipped = usize::try_from(offset).unwrap_or_default();
    let part: Vec<Value> = rows.into_iter().skip(skipped).take(limit).collect();
    Ok(json!({ "offset": offset, "total": total, of: part }))
}

fn get(server: &Server, switches: &Switches, told: &Parameters) -> Outcome {
    let name = told.user(switches, "name").ok_or(Refusal::code(3106))?;
    let (name, user) = server.user(&name).ok_or(Refusal::code(3106))?;
    if switches.get_denies && server.gets.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        return Err(Refusal::code(3106));
    }
    Ok(json!({ "users": [shown(switches, &name, &user, &additional(told)?)] }))
}

fn additional(told: &Parameters) -> Result<Vec<String>, Refusal> {
    match told.json("additional") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
        }
        Some(_) => Err(Refusal::code(3101)),
    }
}

/// A user with what was asked for; what nobody knows is passed over.
fn shown(switches: &Switches, name: &str, user: &User, additional: &[String]) -> Value {
    let mut shown = Map::new();
    shown.insert("name".into(), name.into());
    if switches.is_seven() {
        shown.insert("uid".into(), user.uid.into());
    }
    for wanted in additional {
        let value = match wanted.as_str() {
            "description" => json!(user.description),
            "email" => json!(user.email),
            "expired" => json!(user.expired),
            "uid" => json!(user.uid),
            "password_last_change" => json!(PASSWORD_CHANGED),
            "cannot_chg_passwd" | "passwd_never_expire" | "2fa_status" => json!(false),
            "groups" => match switches.groups_shown {
                GroupsShown::Names => json!(user.groups),
                GroupsShown::Objects => {
                    json!(user.groups.iter().map(|group| json!({ "name": group })).collect::<Vec<_>>())
                }
                GroupsShown::Absent => continue,
            },
            _ => continue,
        };
        shown.insert(wanted.clone(), value);
    }
    Value::Object(shown)
}

/// Only what is told is changed; what is told empty is emptied.
fn set(server: &Server, switches: &Switches, told: &Parameters) -> Outcome {
    let name = told.user(switches, "name").ok_or(Refusal::of_parameter("name", "required"))?;
    let (name, user) = server.user(&name).ok_or(Refusal::code(3106))?;
    let expired = match told.json("expired") {
        None => None,
        Some(value) => Some(value.as_str().and_then(written).ok_or(Refusal::code(3103))?),
    };
    // Taken, and without any effect on DSM 7.
    told.flag("disabled", 3103)?;
    if name == "guest" {
        return Err(Refusal::code(3115));
    }
    if user.is_administrator() && expired.as_deref() == Some("now") && is_last_administrator(server, &name) {
        return Err(Refusal::code(3109));
    }
    if let Some(user) = server.users_mut().get_mut(&name).filter(|_| !switches.writes_ignored) {
        user.writes += 1;
        user.expired = expired.unwrap_or_else(|| user.expired.clone());
        let texts = [("description", &mut user.description), ("email", &mut user.email)];
        texts.into_iter().for_each(|(field, text)| *text = told.text(field).unwrap_or_else(|| text.clone()));
    }
    Ok(json!({ "name": name, "password_last_change": PASSWORD_CHANGED, "uid": user.uid }))
}

/// A state as DSM keeps it: dates lose their zeros; a date with dashes, and any other word, is none.
fn written(told: &str) -> Option<String> {
    match told {
        "normal" | "now" => Some(told.to_owned()),
        date => {
            let date = NaiveDate::parse_from_str(date, "%Y/%m/%d").ok()?;
            Some(date.format("%Y/%-m/%-d").to_string())
        }
    }
}

fn is_last_administrator(server: &Server, name: &str) -> bool {
    let (today, there) = (server.today(), server.there());
    let mut others = there.iter().filter(|(other, _)| *other != name);
    !others.any(|(_, user)| user.is_administrator() && !user.is_disabled(today))
}

fn delete(server: &Server, told: &Parameters) -> Outcome {
    let Some(Value::Array(names)) = told.json("name") else { return Err(Refusal::code(3101)) };
    let mut errors = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        // Even a deletion that went well is told with this.
        errors.push(3102);
        let Some(name) = server.spelled(name) else { continue };
        if let Some(user) = server.users_mut().get_mut(&name) {
            user.vanished = true;
        }
        server.knobs.truth.did_to_all(&name, server.now(), Deed::Vanish);
    }
    Ok(json!({ "errors": errors }))
}
