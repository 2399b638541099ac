//! Keystone v3: versions, tokens, regions, domains and projects.

use super::call::Call;
use super::cloud::Scope;
use super::login;
use super::population::SECOND_DOMAIN;
use super::reply::{Answered, Reply};
use super::world::{DEFAULT_DOMAIN, Project, World};
use axum::http::Method;
use serde_json::{Value, json};

/// The version that Keystone tells.
fn version(call: &Call<'_>) -> Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{ "rel": "self", "href": format!("{}/v3/", call.base) }],
        "media-types": [{ "base": "application/json", "type": "application/vnd.openstack.identity-v3+json" }],
    })
}

/// What needs no token; `None` is what does.
pub fn open(call: &Call<'_>) -> Option<Answered> {
    match (call.method, call.path) {
        (&Method::GET, [""]) => {
            let versions = json!({ "versions": { "values": [version(call)] } });
            Some(Ok(Reply::json(300, versions).with("Location", format!("{}/v3/", call.base))))
        }
        (&Method::GET, ["v3"] | ["v3", ""]) => {
            Some(Ok(Reply::json(200, json!({ "version": version(call) }))))
        }
        (&Method::POST, ["v3", "auth", "tokens"]) => Some(login::token(call)),
        (_, ["v3", _, ..]) => None,
        _ => Some(Err(Reply::page(404, "Not Found"))),
    }
}

/// What needs one.
pub fn answer(call: &Call<'_>) -> Answered {
    match (call.method, call.path) {
        (&Method::GET, ["v3", "regions"]) => {
            let names = ["RegionOne", "RegionTwo"].into_iter().take(usize::from(call.switches.regions));
            let regions = names.map(|id| json!({ "id": id, "description": "", "parent_region_id": null }));
            Ok(Reply::json(200, json!({ "regions": regions.collect::<Vec<_>>(), "links": {} })))
        }
        (_, ["v3", what, ..]) if !call.is_admin() && call.scope != Scope::System => {
            let verb = if *call.method == Method::PATCH { "update_project" } else { "list_projects" };
            let action = if *what == "domains" { "list_domains" } else { verb };
            let text = format!("You are not authorized to perform the requested action: identity:{action}.");
            Err(Reply::keystone(403, &text))
        }
        (&Method::GET, ["v3", "domains"]) => {
            let domains = [DEFAULT_DOMAIN, SECOND_DOMAIN].map(|id| {
                json!({ "id": id, "name": login::domain_name(id), "enabled": true, "description": "", "options": {} })
            });
            Ok(Reply::json(200, json!({ "domains": domains, "links": { "next": null } })))
        }
        (&Method::GET, ["v3", "projects"]) => list(call, &call.cloud.world()),
        (&Method::GET, ["v3", "projects", id]) => {
            let world = call.cloud.world();
            Ok(Reply::json(200, json!({ "project": row(call, find(&world, id)?) })))
        }
        (&Method::PATCH, ["v3", "projects", id]) => change(call, id),
        _ => Err(Reply::page(404, "Not Found")),
    }
}

fn find<'w>(world: &'w World, id: &str) -> Result<&'w Project, Reply> {
    let found = world.projects.get(id).filter(|project| !project.vanished);
    found.ok_or_else(|| Reply::keystone(404, &format!("Could not find project: {id}.")))
}

fn row(call: &Call<'_>, project: &Project) -> Value {
    let me = format!("{}/v3/projects/{}", call.base, project.id);
    json!({
        "id": project.id, "name": project.name, "domain_id": project.domain, "description": project.description,
        "enabled": project.enabled, "parent_id": project.parent, "is_domain": false, "tags": project.tags,
        "options": {}, "links": { "self": me },
    })
}

fn list(call: &Call<'_>, world: &World) -> Answered {
    let switches = call.switches;
    let there = world.projects.values().filter(|project| !project.vanished);
    let mut rows: Vec<&Project> = there.filter(|project| is_in_scope(call, project)).collect();
    let mut truncated = false;
    // The operator's limit is laid on before tags are looked at.
    if let Some(limit) = switches.list_limit.filter(|limit| !switches.keystone_pages && *limit < rows.len()) {
        rows.truncate(limit);
        truncated = true;
    }
    rows.retain(|project| is_wanted(call, project));
    let mut next = None;
    if switches.keystone_pages {
        let most = switches.max_db_limit;
        let missing = |reply: Reply| match call.query.first("marker") {
            Some(marker) => Reply::keystone(404, &format!("Marker {marker} could not be found.")),
            None => reply,
        };
        let (page, after) = call.page(rows, most, |project| project.id.clone()).map_err(missing)?;
        rows = page;
        next = after.filter(|_| call.query.first("limit").is_some());
        truncated = next.is_some();
    }
    let prefix = if switches.doubled_prefix { "/identity/identity" } else { "" };
    let next = next.map(|marker| format!("{}{prefix}/v3/projects?{}", call.base, call.query_after(&marker)));
    let me = format!("{}/v3/projects", call.base);
    let rows: Vec<Value> = rows.into_iter().map(|project| row(call, project)).collect();
    let mut answer = json!({ "projects": rows, "links": { "next": next, "self": me, "previous": null } });
    if truncated {
        answer["truncated"] = json!(true);
    }
    Ok(Reply::json(200, answer))
}

/// An admin of a domain sees its projects alone.
fn is_in_scope(call: &Call<'_>, project: &Project) -> bool {
    match &call.scope {
        Scope::Domain(domain) => project.domain == *domain,
        _ => true,
    }
}

fn is_wanted(call: &Call<'_>, project: &Project) -> bool {
    let told = |name: &str| call.query.first(name);
    let has = |tag: &str| project.tags.iter().any(|own| own == tag);
    let is = |name: &str, value: &str| told(name).is_none_or(|told| told == value);
    let name = project.name.as_str();
    is("name", name)
        && is("domain_id", &project.domain)
        && is("parent_id", &project.parent)
        && told("enabled").is_none_or(|told| project.enabled != told.eq_ignore_ascii_case("false"))
        && told("name__contains").is_none_or(|part| name.contains(part))
        && told("name__icontains").is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
        && told("tags").is_none_or(|tags| tags.split(',').all(has))
        && told("tags-any").is_none_or(|tags| tags.split(',').any(has))
        && told("not-tags").is_none_or(|tags| !tags.split(',').all(has))
}

fn change(call: &Call<'_>, id: &str) -> Answered {
    let (now, told) = (call.cloud.now(), call.json());
    let mut world = call.cloud.world_mut();
    find(&world, id)?;
    let Some(project) = world.projects.get_mut(id) else { return Err(Reply::keystone(404, "gone")) };
    if let Some(enabled) = told["project"]["enabled"].as_bool() {
        project.disabled_at = (!enabled).then_some(project.disabled_at.unwrap_or(now));
        project.enabled = enabled;
    }
    let mut shown = row(call, project);
    shown["extra"] = json!({});
    Ok(Reply::json(200, json!({ "project": shown })))
}
