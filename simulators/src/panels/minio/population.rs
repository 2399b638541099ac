//! Who lives on a fresh server: accounts as a billing module makes them, and some awkward ones.

use super::bucket::Bucket;
use super::policy::Document;
use super::world::{Group, Policy, User, World};
use crate::truth::{NOBODY, Truth};
use chrono::{DateTime, TimeDelta, Utc};

/// The first accounts; the second begins with the name of the first.
const AWKWARD: [&str; 5] = ["7-41", "7-411", "7-42", "8-77", "1042-7731"];

/// The bucket nobody owns.
pub const ORPHAN: &str = "lost-and-found";

/// The group every account is in.
pub const GROUP: &str = "hosting";

/// The name of account number `index`: client and service.
pub fn account_name(index: usize) -> String {
    match AWKWARD.get(index) {
        Some(name) => (*name).to_owned(),
        None => format!("{}-{}", 2_000 + index / 3, 10_000 + index),
    }
}

/// The secret key of an account.
pub fn account_secret(name: &str) -> String {
    format!("{name}-secret-key")
}

/// The policy that lets a user do everything in the buckets that begin with his name.
pub fn standard_policy(user: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::{user}*"]}}]}}"#
    )
}

/// Fills a world: users with a policy of their own, most with a bucket, some with two, some with
/// none; `bulk` buckets more that belong to nobody.
pub fn settle(
    world: &mut World,
    truth: &Truth,
    accounts: usize,
    bulk: usize,
    nodes: usize,
    now: DateTime<Utc>,
) {
    let made = now - TimeDelta::days(30);
    let mut members = std::collections::BTreeSet::new();
    for index in 0..accounts {
        let name = account_name(index);
        truth.enroll(&name);
        for bucket in bucket_names(index, &name) {
            truth.enroll_part(&name, &bucket);
            world.buckets.insert(bucket, Bucket::new(&name, made, nodes));
        }
        let document = Document::trusted(&standard_policy(&name));
        let policy = Policy { document, created: Some(made), updated: Some(made) };
        world.policies.insert(name.clone(), policy);
        world.users.insert(name.clone(), user(&name, made));
        members.insert(name);
    }
    if !members.is_empty() {
        let (policies, enabled) = (String::new(), true);
        world.groups.insert(GROUP.into(), Group { members, enabled, policies, changed_at: made });
    }
    let bulk = (0..bulk).map(|index| format!("bulk-{index:06}"));
    for bucket in std::iter::once(ORPHAN.to_owned()).chain(bulk) {
        truth.enroll_part(NOBODY, &bucket);
        world.buckets.insert(bucket, Bucket::new(NOBODY, made, nodes));
    }
}

fn user(name: &str, made: DateTime<Utc>) -> User {
    User {
        secret: account_secret(name),
        enabled: true,
        policies: name.to_owned(),
        mapped_at: Some(made),
        vanished: false,
    }
}

fn bucket_names(index: usize, user: &str) -> Vec<String> {
    match index {
        3 => Vec::new(),
        _ if index % 19 == 18 => Vec::new(),
        _ if index % 4 == 2 => vec![format!("{user}-data"), format!("{user}-backup")],
        _ => vec![format!("{user}-data")],
    }
}
