//! Users: list them, show one, make, change and remove them.

use super::policy::Wish;
use super::refusal::Refusal;
use super::reply::Reply;
use super::sealed;
use super::server::Call;
use super::switches::{ZERO_TIME, go_time};
use super::world::{User, World};
use serde_json::{Map, Value, json};

/// The largest sealed request body, in bytes.
const LARGEST_SEALED: usize = 262_272;

/// All users with their policies, or those whose policies reach a bucket.
pub fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let tell_time = call.server.switches().updated_at;
    let bucket = call.parameter("bucket");
    if let Some(bucket) = bucket.filter(|bucket| !bucket.is_empty()) {
        return Ok(Reply::sealed(of_bucket(&world, bucket).to_string()));
    }
    let there = world.users.iter().filter(|(_, user)| !user.vanished);
    let told = there.map(|(name, user)| (name.clone(), describe(&world, name, user, tell_time)));
    Ok(Reply::sealed(Value::Object(told.collect()).to_string()))
}

fn of_bucket(world: &World, bucket: &str) -> Value {
    let actions = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"];
    let reaches = |user: &str| {
        let mut wishes = actions.iter().map(|action| Wish { action, bucket, object: "", user });
        wishes.any(|wish| world.allows(&wish))
    };
    let told = world.users.iter().filter(|(name, user)| !user.vanished && reaches(name));
    let told = told.map(|(name, user)| {
        let status = status(user);
        let mapped = json!({ "policyName": user.policies, "status": status, "updatedAt": ZERO_TIME });
        (name.clone(), mapped)
    });
    Value::Object(told.collect())
}

fn describe(world: &World, name: &str, user: &User, tell_time: bool) -> Value {
    let mut told = Map::new();
    if !user.policies.is_empty() {
        told.insert("policyName".into(), user.policies.clone().into());
    }
    told.insert("status".into(), status(user).into());
    let groups = world.groups_of(name);
    if !groups.is_empty() {
        told.insert("memberOf".into(), json!(groups));
    }
    if tell_time {
        let at = user.mapped_at.map_or_else(|| ZERO_TIME.to_owned(), go_time);
        told.insert("updatedAt".into(), at.into());
    }
    Value::Object(told)
}

fn status(user: &User) -> &'static str {
    if user.enabled { "enabled" } else { "disabled" }
}

/// One user; everybody may look at himself unless that is denied.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("accessKey").unwrap_or_default();
    let wish = Wish { action: "admin:GetUser", bucket: "", object: "", user: name };
    if name != call.signer.name || !call.server.world().leaves_open(&wish) {
        call.must("admin:GetUser")?;
    }
    let world = call.server.world();
    let user = world.user(name)?;
    let told = describe(&world, name, user, call.server.switches().updated_at);
    Ok(Reply::json(told.to_string()))
}

/// Makes a user, or changes the secret and status of one.
pub fn add(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("accessKey").unwrap_or_default().to_owned();
    let wish = Wish { action: "admin:CreateUser", bucket: "", object: "", user: &name };
    if name != call.signer.name || !call.server.world().leaves_open(&wish) {
        call.must("admin:CreateUser")?;
    }
    if name == call.server.root {
        return Err(Refusal::new("XMinioInvalidIAMCredentials"));
    }
    let told = unseal(call)?;
    let told: Value = serde_json::from_slice(&told).map_err(|_| Refusal::new("XMinioAdminConfigBadJSON"))?;
    let secret = told["secretKey"].as_str().unwrap_or_default().to_owned();
    let enabled = told["status"].as_str() == Some("enabled");
    if name.len() < 3 {
        let why = "access key length should be between 3 and 20";
        return Err(Refusal::new("XMinioAdminInvalidAccessKey").because(why));
    }
    if !(8..=40).contains(&secret.len()) {
        let why = "secret key length should be between 8 and 40";
        return Err(Refusal::new("XMinioAdminInvalidSecretKey").because(why));
    }
    call.server.knobs.truth.enroll(&name);
    let mut world = call.server.world_mut();
    let known = world.users.get(&name);
    let user = User {
        secret,
        enabled,
        policies: known.map_or_else(String::new, |user| user.policies.clone()),
        mapped_at: known.and_then(|user| user.mapped_at),
        vanished: false,
    };
    world.users.insert(name, user);
    Ok(Reply::empty(200))
}

/// Removes a user; his buckets stay.
pub fn remove(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("accessKey").unwrap_or_default();
    let mut world = call.server.world_mut();
    world.user(name)?;
    world.users.remove(name);
    for group in world.groups.values_mut() {
        group.members.remove(name);
    }
    Ok(Reply::empty(200))
}

/// Suspends a user or lets him in again.
pub fn set_status(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("accessKey").unwrap_or_default();
    let invalid = || Refusal::new("XMinioAdminInvalidArgument").because("Invalid arguments specified");
    if name == call.signer.name {
        return Err(invalid());
    }
    let mut world = call.server.world_mut();
    let enabled = match call.parameter("status") {
        Some("enabled") => true,
        Some("disabled") => false,
        _ => return Err(invalid()),
    };
    world.user_mut(name)?.enabled = enabled;
    Ok(Reply::empty(200))
}

/// The plain text of a sealed request body.
pub fn unseal(call: &Call<'_>) -> Result<Vec<u8>, Refusal> {
    if call.header("content-length").is_none() || call.body.len() > LARGEST_SEALED {
        return Err(Refusal::new("XMinioAdminConfigTooLarge"));
    }
    let plain = sealed::open(&call.signer.secret, &call.body);
    plain.ok_or_else(|| Refusal::new("XMinioAdminConfigBadJSON"))
}
