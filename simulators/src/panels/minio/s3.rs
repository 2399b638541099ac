//! The S3 calls a tenant makes, with his rights checked, so that a limit can be seen to bite.
//!
//! Simple objects only: no versions, no multipart uploads, no signed URLs.

use super::bucket::{Bucket, Object};
use super::listing;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::{Call, Server};
use super::world::World;
use crate::growth::Traffic;
use crate::truth::{Deed, NOBODY};
use axum::http::Method;
use md5::{Digest, Md5};

const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// The bucket and the object a path names; both may be empty.
pub fn bucket_and_key(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.split_once('/').unwrap_or((path, ""))
}

/// What is answered, or refused, before anybody looks at the signature.
pub fn before_signature(method: &Method, path: &str) -> Result<Option<Reply>, Refusal> {
    let (bucket, _) = bucket_and_key(path);
    match *method {
        Method::OPTIONS => return Ok(Some(Reply::empty(200))),
        Method::GET | Method::HEAD if bucket.is_empty() => return Ok(None),
        Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE if !bucket.is_empty() => {}
        _ => {
            let message = format!("An unsupported API call for method: {method} at '{path}'");
            let mut refusal = Refusal::new("BadRequest").saying(message);
            refusal.routed = false;
            return Err(refusal);
        }
    }
    match is_valid_name(bucket) {
        true => Ok(None),
        false => Err(Refusal::new("InvalidBucketName")),
    }
}

/// Answers an S3 call.
pub fn run(call: &Call<'_>, bucket: &str, key: &str) -> Result<Reply, Refusal> {
    match (bucket, key) {
        ("", _) => listing::buckets(call),
        (_, "") => on_bucket(call, bucket),
        _ => on_object(call, bucket, key),
    }
}

/// What passed for a bucket that is there counts as its traffic.
pub fn count(server: &Server, bucket: &str, moved: Traffic) {
    if let Ok(found) = server.world().bucket(bucket) {
        let now = server.now().timestamp();
        let truth = &server.knobs.truth;
        truth.did(&found.owner, bucket, now, Deed::Move(moved));
    }
}

fn is_valid_name(bucket: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(fits)
        && !bucket.starts_with(['-', '.'])
        && !bucket.ends_with(['-', '.'])
}

fn must(call: &Call<'_>, action: &str, bucket: &str, key: &str) -> Result<(), Refusal> {
    match call.may(action, bucket, key) {
        true => Ok(()),
        false => Err(Refusal::new("AccessDenied")),
    }
}

/// Questions about a bucket that a client asks before it works, with the right each needs.
const QUESTIONS: [(&str, &str, Result<&str, &str>); 9] = [
    ("location", "s3:GetBucketLocation", Ok("LocationConstraint")),
    ("versioning", "s3:GetBucketVersioning", Ok("VersioningConfiguration")),
    ("notification", "s3:GetBucketNotification", Ok("NotificationConfiguration")),
    ("object-lock", "s3:GetBucketObjectLockConfiguration", Err("ObjectLockConfigurationNotFoundError")),
    ("tagging", "s3:GetBucketTagging", Err("NoSuchTagSet")),
    ("policy", "s3:GetBucketPolicy", Err("NoSuchBucketPolicy")),
    ("lifecycle", "s3:GetLifecycleConfiguration", Err("NoSuchLifecycleConfiguration")),
    ("encryption", "s3:GetEncryptionConfiguration", Err("ServerSideEncryptionConfigurationNotFoundError")),
    ("replication", "s3:GetReplicationConfiguration", Err("ReplicationConfigurationNotFoundError")),
];

fn on_bucket(call: &Call<'_>, bucket: &str) -> Result<Reply, Refusal> {
    let asked = QUESTIONS.iter().find(|(name, _, _)| call.parameter(name).is_some());
    if let Some((name, action, answer)) = asked {
        must(call, action, bucket, "")?;
        call.server.world().bucket(bucket)?;
        let region = if *name == "location" { call.server.switches().region } else { String::new() };
        return match answer {
            Ok(element) if call.head.method == Method::GET => {
                Ok(Reply::xml(&format!("<{element} {NAMESPACE}>{region}</{element}>")))
            }
            Err(code) if call.head.method == Method::GET => Err(Refusal::new(code)),
            _ => Err(Refusal::new("NotImplemented")),
        };
    }
    match call.head.method {
        Method::PUT => make(call, bucket),
        Method::DELETE => unmake(call, bucket),
        Method::HEAD => {
            must(call, "s3:ListBucket", bucket, "")?;
            call.server.world().bucket(bucket)?;
            Ok(Reply::text("application/xml", ""))
        }
        Method::GET => {
            must(call, "s3:ListBucket", bucket, "")?;
            listing::objects(call, bucket)
        }
        Method::POST if call.parameter("delete").is_some() => delete_many(call, bucket),
        _ => Err(Refusal::new("NotImplemented")),
    }
}

fn make(call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    must(call, "s3:CreateBucket", name, "")?;
    let server = call.server;
    let now = server.now();
    let mut world = server.world_mut();
    if world.bucket(name).is_ok() {
        return Err(Refusal::new("BucketAlreadyOwnedByYou"));
    }
    let owner = world.owner_by_name(name).cloned().unwrap_or_else(|| NOBODY.to_owned());
    server.knobs.truth.enroll_still_part(&owner, name);
    let mut bucket = Bucket::new(&owner, now, server.nodes.len());
    let passed = server.knobs.truth.part_traffic(&owner, name, now.timestamp());
    bucket.counted_from.fill(passed);
    world.buckets.insert(name.to_owned(), bucket);
    Ok(Reply::empty(200).with("location", format!("/{name}")).with("server", "MinIO"))
}

fn unmake(call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    must(call, "s3:DeleteBucket", name, "")?;
    let now = call.server.now();
    let truth = &call.server.knobs.truth;
    let mut world = call.server.world_mut();
    let bucket = world.bucket_mut(name)?;
    if !bucket.objects.is_empty() || truth.part_level(&bucket.owner, name, now.timestamp()) > 0 {
        return Err(Refusal::new("BucketNotEmpty"));
    }
    bucket.deleted = Some(now);
    Ok(Reply::empty(204).with("server", "MinIO"))
}

fn on_object(call: &Call<'_>, bucket: &str, key: &str) -> Result<Reply, Refusal> {
    if call.parameter("uploads").is_some() || call.parameter("uploadId").is_some() {
        return Err(Refusal::new("NotImplemented"));
    }
    match call.head.method {
        Method::PUT => put(call, bucket, key),
        Method::GET | Method::HEAD => get(call, bucket, key),
        Method::DELETE => {
            must(call, "s3:DeleteObject", bucket, key)?;
            let mut world = call.server.world_mut();
            remove(call, &mut world, bucket, key)?;
            Ok(Reply::empty(204).with("server", "MinIO"))
        }
        _ => Err(Refusal::new("NotImplemented")),
    }
}

fn put(call: &Call<'_>, name: &str, key: &str) -> Result<Reply, Refusal> {
    if call.header("x-amz-copy-source").is_some() {
        return Err(Refusal::new("NotImplemented"));
    }
    must(call, "s3:PutObject", name, key)?;
    let server = call.server;
    let now = server.now();
    let size = call.body.len() as u64;
    let mut world = server.world_mut();
    check_quota(call, &world, name, size)?;
    let bucket = world.bucket_mut(name)?;
    let etag = hex::encode(Md5::digest(&call.body));
    let object = Object {
        body: call.body.clone().into(),
        etag: etag.clone(),
        content_type: call.header("content-type").unwrap_or("binary/octet-stream").to_owned(),
        modified: now,
    };
    let before = bucket.objects.insert(key.to_owned(), object).map_or(0, |old| old.body.len() as i64);
    let grown = Deed::ChangeLevel(size as i64 - before);
    server.knobs.truth.did(&bucket.owner, name, now.timestamp(), grown);
    let reply = Reply::empty(200).with("etag", format!("\"{etag}\""));
    Ok(reply.with("server", "MinIO").with("accept-ranges", "bytes"))
}

/// Against the scanner's number, which lags behind.
fn check_quota(call: &Call<'_>, world: &World, name: &str, size: u64) -> Result<(), Refusal> {
    let bucket = world.bucket(name)?;
    let limit = bucket.quota.limit();
    let at = call.server.scanner().finished(call.server.now());
    let held = at.map(|at| call.server.knobs.truth.part_level(&bucket.owner, name, at.timestamp()));
    match limit > 0 && held.unwrap_or(0) + size > limit {
        true => Err(Refusal::new("XMinioAdminBucketQuotaExceeded")),
        false => Ok(()),
    }
}

fn get(call: &Call<'_>, name: &str, key: &str) -> Result<Reply, Refusal> {
    must(call, "s3:GetObject", name, key)?;
    let world = call.server.world();
    let Some(object) = world.bucket(name)?.objects.get(key) else {
        return Err(Refusal::new("NoSuchKey"));
    };
    let reply = Reply::text("binary/octet-stream", object.body.to_vec()).plain();
    let modified = object.modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Ok(reply
        .with("content-type", object.content_type.clone())
        .with("etag", format!("\"{}\"", object.etag))
        .with("last-modified", modified))
}

fn remove(call: &Call<'_>, world: &mut World, name: &str, key: &str) -> Result<(), Refusal> {
    let bucket = world.bucket_mut(name)?;
    if let Some(object) = bucket.objects.remove(key) {
        let now = call.server.now().timestamp();
        let freed = Deed::ChangeLevel(-(object.body.len() as i64));
        call.server.knobs.truth.did(&bucket.owner, name, now, freed);
    }
    Ok(())
}

fn delete_many(call: &Call<'_>, bucket: &str) -> Result<Reply, Refusal> {
    let text = String::from_utf8_lossy(&call.body);
    let mut lines = String::new();
    for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
        let key = key.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let told = crate::xml::escaped(&key);
        if call.may("s3:DeleteObject", bucket, &key) {
            let mut world = call.server.world_mut();
            remove(call, &mut world, bucket, &key)?;
            lines += &format!("<Deleted><Key>{told}</Key></Deleted>");
        } else {
            lines += &format!(
                "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message><Key>{told}</Key><VersionId></VersionId></Error>"
            );
        }
    }
    Ok(Reply::xml(&format!("<DeleteResult {NAMESPACE}>{lines}</DeleteResult>")))
}
