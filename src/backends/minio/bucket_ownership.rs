//! Which bucket belongs to which user: the server keeps no owner, so it is worked out.
//!
//! In this order: the config's own table, the prefix made of the user's name, the policy documents.
//! Pure, and strict: a bucket that could be two users' is unowned.

use std::collections::{BTreeMap, BTreeSet};

/// What stands for the user's name in prefixes and policy templates.
pub(super) const MACRO: &str = "<USER_ID>";

/// Whose a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// This user's.
    User(&'a str),
    /// No known user's.
    Orphan,
    /// More than one could be meant.
    Ambiguous,
}

/// All claims of all users, ready to be asked bucket by bucket.
#[derive(Debug, Default)]
pub(super) struct Claims<'a> {
    table: BTreeMap<&'a str, &'a str>,
    users: BTreeSet<&'a str>,
    /// Lower-case prefixes made of names. Bucket names are lower-case; user names need not be.
    names: BTreeMap<String, BTreeSet<&'a str>>,
    /// Whether a name stands at the very end of its prefix, so that a digit more is another name.
    name_ends_prefix: bool,
    documents: Documents<'a>,
}

/// What policy documents claim: whole bucket names, and beginnings of names.
#[derive(Debug, Default)]
pub(super) struct Documents<'a> {
    whole: BTreeMap<String, BTreeSet<&'a str>>,
    beginnings: BTreeMap<String, BTreeSet<&'a str>>,
}

impl<'a> Claims<'a> {
    /// The claims of `users`. `strangers` are names that are not accounts of ours but have buckets
    /// all the same: a longer name of theirs wins, and its bucket is unowned.
    pub fn new(
        table: &'a BTreeMap<String, String>,
        prefix: &str,
        users: impl Iterator<Item = &'a str>,
        strangers: impl Iterator<Item = &'a str>,
    ) -> Claims<'a> {
        let users = BTreeSet::from_iter(users);
        let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        if prefix.contains(MACRO) {
            for name in users.iter().copied().chain(strangers) {
                names.entry(filled(prefix, name)).or_default().insert(name);
            }
        }
        Claims {
            table: table.iter().map(|(bucket, user)| (bucket.as_str(), user.as_str())).collect(),
            users,
            names,
            name_ends_prefix: prefix.ends_with(MACRO),
            documents: Documents::default(),
        }
    }

    /// Adds what policy documents say.
    pub fn with_documents(self, documents: Documents<'a>) -> Claims<'a> {
        Claims { documents, ..self }
    }

    /// Whose `bucket` is.
    pub fn owner(&self, bucket: &str) -> Owner<'a> {
        if let Some(user) = self.table.get(bucket) {
            // A table that names a user who is gone must not fall through to somebody else.
            return self.known(user);
        }
        if let Some((length, users)) = longest(&self.names, bucket) {
            return match self.name_ends_prefix && number_goes_on(bucket, length) {
                true => Owner::Ambiguous,
                false => self.only(users),
            };
        }
        if let Some(users) = self.documents.whole.get(bucket) {
            return self.only(users);
        }
        match longest(&self.documents.beginnings, bucket) {
            Some((_, users)) => self.only(users),
            None => Owner::Orphan,
        }
    }

    fn only(&self, users: &BTreeSet<&'a str>) -> Owner<'a> {
        match Vec::from_iter(users).as_slice() {
            [user] => self.known(user),
            _ => Owner::Ambiguous,
        }
    }

    fn known(&self, user: &'a str) -> Owner<'a> {
        if self.users.contains(user) { Owner::User(user) } else { Owner::Orphan }
    }
}

impl<'a> Documents<'a> {
    /// Adds one bucket pattern that `user` may write to. A pattern that begins with a wildcard is an
    /// administrator's and claims nothing.
    pub fn add(&mut self, user: &'a str, pattern: &str) {
        let bucket = pattern.split('/').next().unwrap_or_default();
        let literal = bucket.split(['*', '?', '$']).next().unwrap_or_default();
        if literal.is_empty() {
            return;
        }
        let to = if literal.len() == bucket.len() { &mut self.whole } else { &mut self.beginnings };
        to.entry(literal.to_lowercase()).or_default().insert(user);
    }
}

/// The prefix of one user's buckets; empty when names say nothing.
pub(super) fn filled(prefix: &str, user: &str) -> String {
    if prefix.contains(MACRO) { prefix.replace(MACRO, &user.to_lowercase()) } else { String::new() }
}

/// The bucket patterns that the config says are `user`'s: those that begin with his name, and those of the table.
pub(super) fn by_config(table: &BTreeMap<String, String>, prefix: &str, user: &str) -> BTreeSet<String> {
    let begins = filled(prefix, user);
    let by_name = (!begins.is_empty()).then(|| format!("{begins}*"));
    let by_table = table.iter().filter(|(_, owner)| *owner == user);
    // The bucket itself, and the objects in it.
    by_name
        .into_iter()
        .chain(by_table.flat_map(|(bucket, _)| [bucket.clone(), format!("{bucket}/*")]))
        .collect()
}

/// Pairs of users where one's name begins with the other's: the server lets the shorter one into the
/// longer one's buckets when policies end in `*`.
pub(super) fn colliding<'a>(users: impl Iterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
    let names: BTreeMap<String, &str> = users.map(|name| (name.to_lowercase(), name)).collect();
    let mut pairs = Vec::new();
    for (lower, long) in &names {
        let shorter = (1..lower.len()).filter_map(|length| names.get(lower.get(..length)?));
        pairs.extend(shorter.map(|short| (*short, *long)));
    }
    pairs
}

/// The longest key that `bucket` begins with.
fn longest<'m, 'a>(
    keys: &'m BTreeMap<String, BTreeSet<&'a str>>,
    bucket: &str,
) -> Option<(usize, &'m BTreeSet<&'a str>)> {
    (1..=bucket.len()).rev().find_map(|length| Some((length, keys.get(bucket.get(..length)?)?)))
}

/// Whether the number at the end of the first `length` characters goes on after them: `7-411` is
/// another number than `7-41`, so its bucket is not proven to be `7-41`'s.
fn number_goes_on(bucket: &str, length: usize) -> bool {
    let digit =
        |at: Option<usize>| at.and_then(|at| bucket.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
    digit(length.checked_sub(1)) && digit(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims<'a>(
        table: &'a BTreeMap<String, String>,
        prefix: &str,
        users: &[&'a str],
        strangers: &[&'a str],
        documents: &[(&'a str, &str)],
    ) -> Claims<'a> {
        let mut refusal = Documents::default();
        for (user, pattern) in documents {
            refusal.add(user, pattern);
        }
        Claims::new(table, prefix, users.iter().copied(), strangers.iter().copied()).with_documents(refusal)
    }

    #[test]
    fn each_rule_and_their_order() {
        let table = BTreeMap::from([
            ("shared".to_string(), "7-42".to_string()),
            ("7-41-given".to_string(), "7-42".to_string()),
            ("left".to_string(), "gone".to_string()),
        ]);
        let users = ["7-41", "7-411", "7-42", "Anna", "ANNA", "bob", "zoe"];
        let documents = [
            ("bob", "photos*"),
            ("zoe", "photos-zoe-*"),
            ("bob", "archive"),
            ("zoe", "archive/zoe/*"),
            ("zoe", "films/*"),
            ("bob", "*"),
            ("zoe", "7-42*"),
        ];
        let claims = claims(&table, MACRO, &users, &["7-41-b"], &documents);
        let table = [
            ("7-41", Owner::User("7-41")),
            ("7-41-data", Owner::User("7-41")),
            ("7-411-data", Owner::User("7-411")),
            ("7-4112", Owner::Ambiguous),
            ("7-412-data", Owner::Ambiguous),
            ("7-41-given", Owner::User("7-42")),
            ("7-41-b-data", Owner::Orphan),
            ("7-42-data", Owner::User("7-42")),
            ("shared", Owner::User("7-42")),
            ("left", Owner::Orphan),
            ("anna-x", Owner::Ambiguous),
            ("photos-2026", Owner::User("bob")),
            ("photos-zoe-2026", Owner::User("zoe")),
            ("archive", Owner::Ambiguous),
            ("films", Owner::User("zoe")),
            ("films-2", Owner::Orphan),
            ("other", Owner::Orphan),
            ("7-4", Owner::Orphan),
        ];
        for (bucket, owner) in table {
            assert_eq!(claims.owner(bucket), owner, "{bucket}");
        }
    }

    #[test]
    fn the_prefix_can_be_stricter_or_off() {
        let none = BTreeMap::new();
        let strict = claims(&none, "u-<USER_ID>-", &["7-41", "7-411"], &[], &[]);
        assert_eq!(strict.owner("u-7-41-1"), Owner::User("7-41"));
        assert_eq!(strict.owner("u-7-412"), Owner::Orphan);
        assert_eq!(strict.owner("7-41-data"), Owner::Orphan);
        let off = claims(&none, "", &["7-41"], &[], &[]);
        assert_eq!(off.owner("7-41-data"), Owner::Orphan);
    }

    #[test]
    fn the_config_says_whose_buckets_by_name_and_by_table() {
        let table = BTreeMap::from([("old".to_string(), "Anna".to_string()), ("new".into(), "bob".into())]);
        let patterns = |prefix| Vec::from_iter(by_config(&table, prefix, "Anna"));
        assert_eq!(patterns(MACRO), ["anna*", "old", "old/*"]);
        assert_eq!(patterns("u-<USER_ID>-"), ["old", "old/*", "u-anna-*"]);
        assert_eq!(patterns(""), ["old", "old/*"]);
        assert!(by_config(&table, "", "carl").is_empty());
    }

    #[test]
    fn names_that_begin_with_another_name_are_found() {
        let pairs = colliding(["7-411", "7-41", "8-77", "ann", "Annabel"].into_iter());
        assert_eq!(pairs, [("7-41", "7-411"), ("ann", "Annabel")]);
    }
}
