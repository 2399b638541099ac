//! `POST /v3/auth/tokens`, and who is let in with a token.

use super::call::Call;
use super::catalogue::catalogue;
use super::cloud::Scope;
use super::population::SECOND_DOMAIN;
use super::reply::{Answered, Reply, Service};
use super::world::{ADMIN_PROJECT, DEFAULT_DOMAIN, World, hex_id};
use crate::clock::at;
use crate::sessions::{Rules, random_token};
use serde_json::{Value, json};
use std::sync::PoisonError;

/// What Keystone and its middleware say to everybody who is not let in.
pub const NOT_AUTHENTICATED: &str = "The request you have made requires authentication.";

const NO_SCOPE: &str =
    "Error authenticating with application credential: Application credentials cannot request a scope.";

/// How a login ends that is refused.
pub fn refused(call: &Call<'_>, message: &str) -> Reply {
    let mut error = json!({ "code": 401, "message": message, "title": "Unauthorized" });
    if call.switches.identity_in_401 {
        error["identity"] = json!({ "methods": ["password"] });
    }
    let uri = format!("Keystone uri=\"{}/v3\"", call.base);
    Reply::json(401, json!({ "error": error })).with("WWW-Authenticate", uri)
}

/// Who logged in, and with what.
struct Login {
    method: &'static str,
    scope: Scope,
    is_system: bool,
}

/// Gives out a token, or says why not.
pub fn token(call: &Call<'_>) -> Answered {
    let now = call.cloud.now();
    let told = call.json();
    let login = match locked(call, now) {
        true => Err(refused(call, NOT_AUTHENTICATED)),
        false => identify(call, &told["auth"], now),
    };
    let login = login.inspect_err(|_| {
        call.cloud.refused.lock().unwrap_or_else(PoisonError::into_inner).push(now);
    })?;
    let ends = call.switches.credential_expires_at.filter(|_| login.method == "application_credential");
    let lifetime = call.switches.token_seconds.min(ends.unwrap_or(i64::MAX) - now);
    call.cloud.sessions.set_rules(Rules::lasting(lifetime));
    let mint =
        || format!("gAAAAAB{}", [random_token(), random_token(), random_token(), random_token()].concat());
    let token = call.cloud.sessions.log_in(now, true, mint).map_err(|_| refused(call, NOT_AUTHENTICATED))?;
    call.cloud.scopes().insert(token.clone(), login.scope.clone());
    Ok(Reply::json(201, shown(call, &login, now, now + lifetime)).with("X-Subject-Token", token))
}

fn locked(call: &Call<'_>, now: i64) -> bool {
    let mut refused = call.cloud.refused.lock().unwrap_or_else(PoisonError::into_inner);
    refused.retain(|then| *then > now - call.switches.lockout_seconds);
    call.switches.lockout_failure_attempts.is_some_and(|most| refused.len() >= most)
}

fn identify(call: &Call<'_>, auth: &Value, now: i64) -> Result<Login, Reply> {
    let (who, wrong) = (&call.cloud.identity, || refused(call, NOT_AUTHENTICATED));
    let identity = &auth["identity"];
    match identity["methods"][0].as_str() {
        Some("application_credential") => {
            let told = &identity["application_credential"];
            let by_name = told["name"] == "whmeter" && names_user(call, &told["user"])?;
            let is_right =
                told["secret"] == json!(who.secret) && (told["id"] == json!(who.credential) || by_name);
            let has_ended = call.switches.credential_expires_at.is_some_and(|ends| ends <= now);
            if !is_right || has_ended {
                return Err(wrong());
            }
            if !auth["scope"].is_null() {
                return Err(refused(call, NO_SCOPE));
            }
            let scope = Scope::Project(ADMIN_PROJECT.to_owned());
            Ok(Login { method: "application_credential", scope, is_system: false })
        }
        Some("password") => {
            let user = &identity["password"]["user"];
            if !names_user(call, user)? || user["password"] != json!(who.password) {
                return Err(wrong());
            }
            if call.switches.password_expired {
                let text = format!(
                    "The password is expired and needs to be changed for user: {}.",
                    hex_id(&who.user)
                );
                return Err(refused(call, &text));
            }
            if call.switches.second_factor {
                return Err(wrong().with("Openstack-Auth-Receipt", "gAAAAABmReceipt"));
            }
            let scope = wanted_scope(call, &auth["scope"])?;
            let is_system = scope == Scope::System;
            Ok(Login { method: "password", scope, is_system })
        }
        _ => Err(Reply::keystone(400, "Expecting to find valid JSON: 'identity' is a required property")),
    }
}

/// Whether it is the identity that is named, by id or by name and domain.
fn names_user(call: &Call<'_>, user: &Value) -> Result<bool, Reply> {
    let name = &call.cloud.identity.user;
    if let Some(id) = user["id"].as_str() {
        return Ok(id == hex_id(name));
    }
    if user["domain"].is_null() {
        let text = "Expecting to find domain in user. The server could not comply with the request since it is either \
                    malformed or otherwise incorrect. The client is assumed to be in error.";
        return Err(Reply::keystone(400, text));
    }
    Ok(user["name"] == json!(name) && is_default(&user["domain"]))
}

fn is_default(domain: &Value) -> bool {
    domain["id"] == DEFAULT_DOMAIN || domain["name"] == "Default"
}

fn wanted_scope(call: &Call<'_>, scope: &Value) -> Result<Scope, Reply> {
    if scope.is_null() || scope == "unscoped" {
        return Ok(Scope::Unscoped);
    }
    if scope["system"]["all"] == true {
        return Ok(Scope::System);
    }
    if let Some(domain) = scope["domain"].as_object() {
        let id = domain.get("id").and_then(Value::as_str).unwrap_or(DEFAULT_DOMAIN);
        return Ok(Scope::Domain(id.to_owned()));
    }
    let project = &scope["project"];
    let is_admin =
        project["id"] == ADMIN_PROJECT || (project["name"] == "admin" && is_default(&project["domain"]));
    match is_admin {
        true => Ok(Scope::Project(ADMIN_PROJECT.to_owned())),
        false => Err(refused(call, NOT_AUTHENTICATED)),
    }
}

fn shown(call: &Call<'_>, login: &Login, now: i64, ends: i64) -> Value {
    let stamp = |seconds: i64| at(seconds).format("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    let (domain, name) = (json!({ "id": DEFAULT_DOMAIN, "name": "Default" }), &call.cloud.identity.user);
    let mut token = json!({
        "methods": [login.method], "audit_ids": ["Nq2vT8yRQxWm4uLr0pZc1A"], "expires_at": stamp(ends),
        "issued_at": stamp(now),
        "user": { "domain": domain, "id": hex_id(name), "name": name, "password_expires_at": null },
    });
    if login.scope == Scope::Unscoped {
        return json!({ "token": token });
    }
    let roles = call.switches.roles.iter().map(|role| json!({ "id": hex_id(role), "name": role }));
    token["roles"] = roles.collect();
    token["catalog"] = catalogue(call, login.is_system);
    match &login.scope {
        Scope::Project(id) => {
            token["project"] = json!({ "domain": domain, "id": id, "name": "admin" });
            token["is_domain"] = json!(false);
        }
        Scope::Domain(id) => token["domain"] = json!({ "id": id, "name": domain_name(id) }),
        Scope::System => token["system"] = json!({ "all": true }),
        Scope::Unscoped => {}
    }
    if login.method == "application_credential" {
        token["application_credential"] =
            json!({ "id": call.cloud.identity.credential, "name": "whmeter", "restricted": true });
    }
    json!({ "token": token })
}

/// The name of a domain.
pub fn domain_name(id: &str) -> &'static str {
    if id == SECOND_DOMAIN { "resellers" } else { "Default" }
}

/// Lets a token in at Keystone or at a service, or says why not.
pub fn admit(call: &mut Call<'_>, service: Service, world: &World) -> Result<(), Reply> {
    let (now, token) = (call.cloud.now(), call.header("x-auth-token").to_owned());
    let is_keystone = service == Service::Keystone;
    if call.switches.keystone_unreachable && !is_keystone {
        return Err(Reply::page(503, "The Keystone service is temporarily unavailable."));
    }
    let early = if is_keystone { 0 } else { call.switches.refused_early_seconds };
    let known = call.cloud.sessions.check(now + early, &token).is_ok();
    let scope = call.cloud.scopes().get(&token).cloned().filter(|_| known);
    let Some(scope) = scope else {
        let reply = match service {
            Service::Swift => Reply::page(401, "Unauthorized"),
            _ => Reply::keystone(401, NOT_AUTHENTICATED),
        };
        return Err(reply.with("WWW-Authenticate", format!("Keystone uri=\"{}\"", call.cloud.place.url(0))));
    };
    if let Scope::Project(id) = &scope
        && let Some(project) = world.projects.get(id).filter(|project| !project.enabled)
    {
        let cached = if is_keystone { 0 } else { call.switches.cached_seconds };
        if project.disabled_at.is_none_or(|at| now >= at + cached) {
            let text = format!("Unable to validate token because project {id} is disabled");
            return Err(if is_keystone {
                Reply::keystone(404, &text)
            } else {
                Reply::keystone(401, NOT_AUTHENTICATED)
            });
        }
    }
    call.scope = scope;
    Ok(())
}
