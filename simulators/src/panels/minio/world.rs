//! What the server knows: users, groups, policies and who is allowed what.

use super::bucket::Bucket;
use super::policy::{Document, Wish};
use super::refusal::Refusal;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The server's state.
#[derive(Debug, Default)]
pub struct World {
    /// By access key; root is not among them.
    pub users: BTreeMap<String, User>,
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// By name, the built-in ones included.
    pub policies: BTreeMap<String, Policy>,
    /// By name, deleted ones included until the next scan has passed.
    pub buckets: BTreeMap<String, Bucket>,
}

/// One user.
#[derive(Clone, Debug)]
pub struct User {
    /// The secret key.
    pub secret: String,
    /// False: suspended.
    pub enabled: bool,
    /// Policies mapped directly on the user, comma-joined as they were set.
    pub policies: String,
    /// When the mapping last changed.
    pub mapped_at: Option<DateTime<Utc>>,
    /// Gone for now, by order of a test.
    pub vanished: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Access keys.
    pub members: BTreeSet<String>,
    /// False: its policies do not count.
    pub enabled: bool,
    /// Policies mapped on the group, comma-joined.
    pub policies: String,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
}

/// One canned policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it says.
    pub document: Document,
    /// When it was first written; built-in ones never were.
    pub created: Option<DateTime<Utc>>,
    /// When it was last written.
    pub updated: Option<DateTime<Utc>>,
}

/// The policies every server has.
pub const BUILT_IN: [(&str, &str); 5] = [
    (
        "consoleAdmin",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:*"]},{"Effect":"Allow","Action":["kms:*"]},{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}"#,
    ),
    (
        "diagnostics",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:Prometheus","admin:Profiling","admin:ServerTrace","admin:ConsoleLog","admin:ServerInfo","admin:TopLocksInfo","admin:OBDInfo","admin:BandwidthMonitor"],"Resource":["arn:aws:s3:::*"]}]}"#,
    ),
    (
        "readonly",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetBucketLocation","s3:GetObject"],"Resource":["arn:aws:s3:::*"]}]}"#,
    ),
    (
        "readwrite",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}"#,
    ),
    (
        "writeonly",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::*"]}]}"#,
    ),
];

/// Comma-joined names as a list.
pub fn names(joined: &str) -> impl Iterator<Item = &str> {
    joined.split(',').map(str::trim).filter(|name| !name.is_empty())
}

impl World {
    /// A server with its built-in policies and nothing else.
    pub fn new() -> Self {
        let built_in = BUILT_IN.map(|(name, text)| {
            let document = Document::trusted(text);
            let policy = Policy { document, created: None, updated: None };
            (name.to_owned(), policy)
        });
        Self { policies: built_in.into(), ..Self::default() }
    }

    /// A user that is there.
    pub fn user(&self, name: &str) -> Result<&User, Refusal> {
        let found = self.users.get(name).filter(|user| !user.vanished);
        found.ok_or_else(no_such_user)
    }

    /// A user that is there, to be changed.
    pub fn user_mut(&mut self, name: &str) -> Result<&mut User, Refusal> {
        let found = self.users.get_mut(name).filter(|user| !user.vanished);
        found.ok_or_else(no_such_user)
    }

    /// A group.
    pub fn group(&self, name: &str) -> Result<&Group, Refusal> {
        self.groups.get(name).ok_or_else(no_such_group)
    }

    /// A group, to be changed.
    pub fn group_mut(&mut self, name: &str) -> Result<&mut Group, Refusal> {
        self.groups.get_mut(name).ok_or_else(no_such_group)
    }

    /// A canned policy.
    pub fn policy(&self, name: &str) -> Result<&Policy, Refusal> {
        self.policies.get(name).ok_or_else(no_such_policy)
    }

    /// Names of the groups a user is in.
    pub fn groups_of(&self, user: &str) -> Vec<&String> {
        let mine = self.groups.iter().filter(|(_, group)| group.members.contains(user));
        mine.map(|(name, _)| name).collect()
    }

    /// The documents that count for a user: his own and his enabled groups'.
    pub fn documents(&self, user: &str) -> Vec<&Document> {
        let own = self.users.get(user).map(|user| user.policies.as_str());
        let mine = self.groups.values().filter(|group| group.enabled && group.members.contains(user));
        let joined = own.into_iter().chain(mine.map(|group| group.policies.as_str()));
        let wanted: BTreeSet<&str> = joined.flat_map(names).collect();
        let found = wanted.into_iter().filter_map(|name| self.policies.get(name));
        found.map(|policy| &policy.document).collect()
    }

    /// Whether a user may do what he wishes.
    pub fn allows(&self, wish: &Wish<'_>) -> bool {
        let documents = self.documents(wish.user);
        !documents.iter().any(|one| one.denies(wish)) && documents.iter().any(|one| one.allows(wish))
    }

    /// Whether a user who has any policy at all is not forbidden it; the rule for what everybody
    /// may do with himself.
    pub fn leaves_open(&self, wish: &Wish<'_>) -> bool {
        let documents = self.documents(wish.user);
        !documents.is_empty() && !documents.iter().any(|one| one.denies(wish))
    }

    /// Whether a user or a group has this policy mapped.
    pub fn is_in_use(&self, policy: &str) -> bool {
        let users = self.users.values().map(|user| &user.policies);
        let groups = self.groups.values().map(|group| &group.policies);
        users.chain(groups).any(|joined| names(joined).any(|name| name == policy))
    }

    /// A bucket that is there.
    pub fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        let found = self.buckets.get(name).filter(|bucket| bucket.is_there());
        found.ok_or_else(|| Refusal::new("NoSuchBucket").about(name, ""))
    }

    /// A bucket that is there, to be changed.
    pub fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        let found = self.buckets.get_mut(name).filter(|bucket| bucket.is_there());
        found.ok_or_else(|| Refusal::new("NoSuchBucket").about(name, ""))
    }

    /// The buckets that are there, by name.
    pub fn live_buckets(&self) -> impl Iterator<Item = (&String, &Bucket)> {
        self.buckets.iter().filter(|(_, bucket)| bucket.is_there())
    }

    /// The user whose bucket this is by its name: the longest user name it begins with.
    pub fn owner_by_name(&self, bucket: &str) -> Option<&String> {
        let lengths = (1..=bucket.len()).rev().filter(|length| bucket.is_char_boundary(*length));
        lengths
            .map(|length| &bucket[..length])
            .find_map(|name| self.users.get_key_value(name))
            .map(|(name, _)| name)
    }
}

/// The user is unknown.
pub fn no_such_user() -> Refusal {
    Refusal::new("XMinioAdminNoSuchUser").because("Specified user does not exist")
}

/// The policy is unknown.
pub fn no_such_policy() -> Refusal {
    Refusal::new("XMinioAdminNoSuchPolicy").because("Specified canned policy does not exist")
}

fn no_such_group() -> Refusal {
    Refusal::new("XMinioAdminNoSuchGroup").because("Specified group does not exist")
}
