//! Passwords, tokens and keys: no `Debug` shows one, and those that stand in the config itself are counted.

use std::cell::Cell;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

thread_local! {
    /// Secrets that were read by this thread, less those of them that came from files and the environment.
    static INLINE: Cell<usize> = const { Cell::new(0) };
}

/// Says that the next secret that is read stands elsewhere than in the config.
pub(super) fn stands_elsewhere() {
    INLINE.set(INLINE.get().wrapping_sub(1));
}

/// How many of the secrets that `read` comes upon stand in the text itself.
pub fn inline_secrets<T>(read: impl FnOnce() -> T) -> (T, usize) {
    INLINE.set(0);
    let done = read();
    (done, INLINE.get())
}

/// A password, token or key. Prints as `***`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        let secret = SecretString::deserialize(deserializer)?;
        // The address of a database may hold a password: that of a file does not.
        if !secret.expose_secret().starts_with("sqlite:") {
            INLINE.set(INLINE.get().wrapping_add(1));
        }
        Ok(Secret(secret))
    }
}

impl Secret {
    /// Takes a secret in.
    pub fn new(secret: String) -> Secret {
        Secret(secret.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether a text that stands where a name belongs may be a secret: then it is not shown. No file, scope or kind is called
/// by so many letters without a dot, a slash or words.
pub(super) fn may_be_one(text: &str) -> bool {
    let is_of_words = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '_' | ' ');
    text.chars().count() >= 16 && !text.chars().all(is_of_words) && !text.contains(['/', '.', '\\'])
}
