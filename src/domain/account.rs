//! Who: a configured backend, its accounts, and the counters an account has.

use std::fmt;
use std::sync::Arc;

/// The longest name the stores index in full.
const LONGEST_NAME: usize = 255;

/// A name that cannot be a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} name {came:?} {trouble}")]
pub struct InvalidName {
    what: &'static str,
    came: String,
    trouble: &'static str,
}

fn check(what: &'static str, name: &str, may_be_empty: bool) -> Result<Arc<str>, InvalidName> {
    let trouble = if name.is_empty() && !may_be_empty {
        "is empty"
    } else if name.len() > LONGEST_NAME {
        "is longer than 255 bytes"
    } else if name.chars().any(char::is_control) {
        "has a control character"
    } else if name.ends_with(' ') {
        // MySQL's usual binary collation takes "a" and "a " for one: two customers would be one.
        "ends with a space, which not every database keeps"
    } else {
        return Ok(name.into());
    };
    // What came is shown, but a hostile megabyte of it is not.
    let came = name.chars().take(80).collect();
    Err(InvalidName { what, came, trouble })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $may_be_empty:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks the length (at most 255 bytes) and refuses control characters and a space at the end.
            pub fn new(name: &str) -> Result<$type, InvalidName> {
                check($what, name, $may_be_empty).map($type)
            }

            /// The name as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// One configured panel, by the name the config gives it: part of every key, for ever.
    BackendId, "backend", false
);
name!(
    /// An account by the panel's own id, exactly as the panel spells it (`alice` is not `Alice`).
    AccountName, "account", false
);
name!(
    /// Which counter: a VM, a network card, a node and bucket. A name is the counter's own on its whole backend,
    /// whichever account shows it; empty where an account has one counter, which is that account's.
    Source, "source", true
);

impl AccountName {
    /// Whether it reads like the name of an earlier life, `NAME~1`: no panel's account is taken in under such a name, or
    /// two would be one.
    pub fn reads_as_earlier_life(&self) -> bool {
        let number = self.0.rsplit_once('~').filter(|(name, _)| !name.is_empty()).map(|(_, number)| number);
        number
            .is_some_and(|number| !number.starts_with('0') && number.parse::<u32>().is_ok_and(|nth| nth > 0))
    }
}

impl Default for Source {
    fn default() -> Source {
        Source(Arc::from(""))
    }
}

/// An account of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// The configured panel.
    pub backend: BackendId,
    /// The panel's own id of the account.
    pub name: AccountName,
}

/// What a panel calls an account by besides its name, as far as it reports it: rules are for accounts by these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    /// Its plan.
    pub package: Option<&'a str>,
    /// The reseller it belongs to; empty for the panel's own.
    pub reseller: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_keys_are_refused() {
        assert!(AccountName::new("").is_err());
        assert!(AccountName::new("a\nb").is_err());
        assert!(AccountName::new("a ").is_err());
        assert!(AccountName::new(&"x".repeat(256)).is_err());
        assert!(Source::new("").is_ok());
        assert_ne!(AccountName::new("alice"), AccountName::new("Alice"));
    }
}
