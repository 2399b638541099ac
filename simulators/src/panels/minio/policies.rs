//! Canned policies: write, show, list and remove documents.

use super::policy::Document;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Call;
use super::switches::go_time;
use super::world::{BUILT_IN, Policy};
use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// The largest document, in bytes.
const LARGEST: usize = 20_480;
const TEXT: &str = "text/plain; charset=utf-8";

/// Writes a document under a name, new or not.
pub fn add(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("name").unwrap_or_default().to_owned();
    if name.trim() != name {
        let message = "Policy, user or group names are not allowed to begin or end with space characters";
        return Err(Refusal::new("XMinioInvalidResource").saying(message));
    }
    if name.contains(',') {
        return Err(Refusal::new("PolicyInvalidName"));
    }
    if call.header("content-length").is_none() || call.body.is_empty() {
        return Err(Refusal::new("MissingContentLength"));
    }
    if call.body.len() > LARGEST {
        return Err(Refusal::new("EntityTooLarge"));
    }
    let document = Document::parse(&call.body)?;
    if name.is_empty() || document.is_empty() {
        return Err(invalid());
    }
    let now = call.server.now().trunc_subsecs(3);
    let mut world = call.server.world_mut();
    let created = world.policies.get(&name).and_then(|policy| policy.created);
    let policy = Policy { document, created: created.or(Some(now)), updated: Some(now) };
    world.policies.insert(name, policy);
    Ok(Reply::empty(200))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described<'a> {
    policy_name: &'a str,
    policy: &'a Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_date: Option<String>,
}

/// One document, bare or (`v=2`) with its name and dates.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let names = call.parameters("name");
    let [name] = names[..] else {
        return Err(invalid());
    };
    let world = call.server.world();
    let policy = world.policy(name)?;
    if call.parameter("v") != Some("2") || !call.server.switches().policy_info_v2 {
        return Ok(Reply::text(TEXT, pretty(&policy.document)));
    }
    let date = |at: Option<DateTime<Utc>>| at.map(go_time);
    let described = Described {
        policy_name: name,
        policy: &policy.document,
        create_date: date(policy.created),
        update_date: date(policy.updated),
    };
    Ok(Reply::text(TEXT, pretty(&described)))
}

/// All documents by name, or those that reach a bucket.
pub fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let documents = world.policies.iter().map(|(name, policy)| (name, &policy.document));
    let documents: std::collections::BTreeMap<_, _> = documents.collect();
    let told = serde_json::to_string(&documents).map_err(|_| Refusal::new("InternalError"))?;
    Ok(Reply::text(TEXT, told + "\n"))
}

/// Removes a document nobody has mapped; one that is not there is removed as well.
pub fn remove(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("name").unwrap_or_default();
    let mut world = call.server.world_mut();
    if world.is_in_use(name) {
        return Err(Refusal::new("XMinioIAMPolicyInUse"));
    }
    let is_built_in = BUILT_IN.iter().any(|(built_in, _)| *built_in == name);
    let was_written = world.policies.get(name).is_some_and(|policy| policy.updated.is_some());
    if is_built_in && !was_written {
        let why = format!("inbuilt policy `{name}` not allowed to be deleted");
        return Err(Refusal::new("InternalError").because(&why));
    }
    world.policies.remove(name);
    Ok(Reply::empty(200))
}

fn invalid() -> Refusal {
    Refusal::new("XMinioAdminInvalidArgument").because("Invalid arguments specified")
}

/// JSON with one blank of indentation.
fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
    // Writing texts to memory does not fail.
    match value.serialize(&mut writer) {
        Ok(()) => text,
        Err(_) => Vec::new(),
    }
}
