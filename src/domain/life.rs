//! Whose life it is: numbers for the lives of accounts and the stretches they are held for, and what a panel
//! reports about an account's identity.

use std::fmt;

use litemap::LiteMap;

macro_rules! number {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u32);

        impl $type {
            /// The one with this number.
            pub const fn new(number: u32) -> $type {
                $type(number)
            }

            /// Its number.
            pub const fn get(self) -> u32 {
                self.0
            }

            /// The one after.
            pub const fn next(self) -> $type {
                $type(self.0 + 1)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// One life of an account, counted through all accounts of its backend from 1. A name that is given to
    /// another customer begins another life.
    LifeNo
);
number!(
    /// One holding: a stretch of a life's time between two commits that found its owner changed. Counted
    /// through all lives of its backend from 1.
    HoldingNo
);

/// What a panel reports that makes an account itself, whatever it is called: named parts, each of which may be
/// reported or not. A part compares only where both sides have it: absent is not different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// An id that no two accounts of the panel ever share: under another name it is a rename.
    unique: Option<String>,
    parts: LiteMap<String, String>,
}

/// How two identities compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Every part that both report is the same.
    Same,
    /// A part that both report differs.
    Different,
    /// They report no part in common.
    Unknown,
}

/// The name the unique id has among the parts when it is written down.
const UNIQUE: &str = "id!";

impl Identity {
    /// An identity of which nothing is reported.
    pub fn new() -> Identity {
        Identity::default()
    }

    /// Adds an id that the panel never gives twice.
    pub fn with_unique(mut self, id: impl Into<String>) -> Identity {
        self.unique = Some(clean(id.into()));
        self
    }

    /// Adds a part that an account keeps for its life (a creation date, a uid).
    pub fn with(mut self, part: &str, value: impl Into<String>) -> Identity {
        self.parts.insert(clean(part.into()), clean(value.into()));
        self
    }

    /// The id that no other account has, where the panel reports one.
    pub fn unique(&self) -> Option<&str> {
        self.unique.as_deref()
    }

    /// A part, where it is reported.
    pub fn part(&self, name: &str) -> Option<&str> {
        self.parts.get(name).map(String::as_str)
    }

    /// Whether nothing is reported.
    pub fn is_empty(&self) -> bool {
        self.unique.is_none() && self.parts.is_empty()
    }

    /// Compares part by part.
    pub fn compare(&self, other: &Identity) -> Likeness {
        let unique = self.unique.as_ref().zip(other.unique.as_ref()).map(|(one, two)| one == two);
        let parts = self.parts.iter().filter_map(|(part, value)| Some(other.parts.get(part)? == value));
        let mut found = Likeness::Unknown;
        for same in unique.into_iter().chain(parts) {
            match same {
                true => found = Likeness::Same,
                false => return Likeness::Different,
            }
        }
        found
    }

    /// This identity with what `newer` reports besides.
    pub fn joined(&self, newer: &Identity) -> Identity {
        let mut joined = self.clone();
        joined.unique = newer.unique.clone().or(joined.unique);
        joined.parts.extend(newer.parts.iter().map(|(part, value)| (part.clone(), value.clone())));
        joined
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Identity {
        let mut identity = Identity::new();
        for (part, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match part {
                UNIQUE => identity.unique = Some(value.into()),
                _ => drop(identity.parts.insert(part.into(), value.into())),
            }
        }
        identity
    }
}

/// One part is one line.
fn clean(text: String) -> String {
    text.replace(['\n', '\r', '='], " ")
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unique = self.unique.iter().map(|id| (UNIQUE, id));
        let parts = self.parts.iter().map(|(part, value)| (part.as_str(), value));
        for (index, (part, value)) in unique.chain(parts).enumerate() {
            let break_before = if index > 0 { "\n" } else { "" };
            write!(f, "{break_before}{part}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_compare_only_where_both_are_told() {
        let one = Identity::new().with("uid", "1001").with("created", "1790000000");
        assert_eq!(one.compare(&Identity::new().with("uid", "1001")), Likeness::Same);
        assert_eq!(one.compare(&Identity::new().with("uid", "1002")), Likeness::Different);
        assert_eq!(one.compare(&Identity::new().with("guid", "x")), Likeness::Unknown);
        assert_eq!(one.compare(&Identity::new()), Likeness::Unknown);
        let mixed = Identity::new().with("uid", "1001").with("created", "1");
        assert_eq!(one.compare(&mixed), Likeness::Different);
    }

    #[test]
    fn what_is_written_is_read() {
        let whole = Identity::new().with_unique("42").with("uid", "10\n=01").with("created", "");
        assert_eq!(Identity::parse(&whole.to_string()), whole);
        assert_eq!(Identity::parse(""), Identity::new());
        let later = Identity::new().with("created", "5");
        assert_eq!(whole.joined(&later).compare(&later), Likeness::Same);
    }
}
