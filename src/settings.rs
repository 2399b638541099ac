//! Reads one section of the config into the struct of the room that owns it.
//!
//! Knows what all sections share: unknown keys are errors that name the nearest known one, a secret
//! `X` may come from `X_file` or `X_env`, paths are relative to the config file, and times and sizes
//! always carry their unit. A secret is never part of an error or of any `Debug`.

mod secret;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

pub use secret::{Secret, inline_secrets};
pub use values::{MaxRate, Period, Rate, Size};

use secret::{may_be_one, stands_elsewhere};

/// What is said in place of a text that may be a secret.
const NOT_SHOWN: &str = "what is written there (not shown: it may be a secret)";

/// A key that is wrong, and what was expected in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// The key, as a path inside its section.
    pub key: String,
    /// What came, what was expected and what to do.
    pub problem: String,
    /// What else is wrong in the same section: whoever mends one sees all.
    pub also: Vec<SettingsError>,
}

impl SettingsError {
    /// An error about `key`.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> SettingsError {
        SettingsError { key: key.into(), problem: problem.into(), also: Vec::new() }
    }

    /// Each thing that is wrong: its key and what is said of it.
    pub fn into_each(self) -> impl Iterator<Item = (String, String)> {
        let also = self.also.into_iter().map(|other| (other.key, other.problem));
        std::iter::once((self.key, self.problem)).chain(also)
    }

    /// The first of these, with the others; `None` where there are none.
    fn first_of(errors: impl IntoIterator<Item = SettingsError>) -> Option<SettingsError> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.also.extend(errors.flat_map(|mut other| {
            let also = std::mem::take(&mut other.also);
            std::iter::once(other).chain(also)
        }));
        Some(first)
    }
}

/// One section as it stands in the file, not yet understood.
#[derive(Clone)]
pub struct Section {
    table: toml::Table,
    folder: PathBuf,
    /// Shared with the copy that the section's reader keeps: the one that opens it for good takes it along.
    warnings: Arc<Mutex<Vec<String>>>,
    /// The keys that were taken already, or may take: what a misspelt one may have meant.
    known: Vec<&'static str>,
}

impl Section {
    /// A section of a config file that lies in `folder`.
    pub fn new(table: toml::Table, folder: &Path) -> Section {
        Section { table, folder: folder.to_path_buf(), warnings: Arc::default(), known: Vec::new() }
    }

    /// Takes the keys that `T` knows out of the section, leaving the others for somebody else.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, SettingsError> {
        let known = fields::<T>();
        self.known.extend(known);
        self.resolve_secrets(known)?;
        let (mine, rest) =
            std::mem::take(&mut self.table).into_iter().partition(|(key, _)| known.contains(&key.as_str()));
        self.table = rest;
        read(mine, known)
    }

    /// Reads what is left of the section; an unknown key is an error.
    pub fn read<T: DeserializeOwned>(mut self) -> Result<T, SettingsError> {
        self.known.extend(fields::<T>());
        let Err(mut unknown) = self.refuse_unknown() else { return self.take() };
        // A misspelt key is better news than the one that is missing because of it.
        let others = self.take::<T>().err().and_then(|error| {
            let each = error.into_each().filter(|(_, problem)| problem != MISSING);
            SettingsError::first_of(each.map(|(key, problem)| SettingsError::new(key, problem)))
        });
        unknown.also.extend(others.into_iter().flat_map(|mut first| {
            let also = std::mem::take(&mut first.also);
            std::iter::once(first).chain(also)
        }));
        Err(unknown)
    }

    /// Refuses keys that no reader of this section knows.
    pub fn refuse_unknown(&self) -> Result<(), SettingsError> {
        let is_known = |key: &str| {
            let secret = key.strip_suffix("_file").or_else(|| key.strip_suffix("_env"));
            self.known.contains(&key) || secret.is_some_and(|name| self.known.contains(&name))
        };
        let unknown = self.table.keys().filter(|key| !is_known(key));
        let first = SettingsError::first_of(unknown.map(|unknown| unknown_key(unknown, &self.known)));
        first.map_or(Ok(()), Err)
    }

    /// A path from the config: absolute, or relative to the config file.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// What the operator should fix although it works (a secret that is readable by all), gathered
    /// by this section and all its copies.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces `X_file` and `X_env` by the `X` that `known` has.
    fn resolve_secrets(&mut self, known: &[&str]) -> Result<(), SettingsError> {
        for name in known {
            let mut given = Vec::from_iter(self.table.contains_key(*name).then(|| (*name).to_string()));
            for suffix in ["_file", "_env"] {
                let key = format!("{name}{suffix}");
                if known.contains(&key.as_str()) || !self.table.contains_key(&key) {
                    continue;
                }
                let secret = match self.table.remove(&key) {
                    Some(toml::Value::String(from)) if suffix == "_file" => self.secret_file(&key, &from)?,
                    Some(toml::Value::String(from)) => secret_env(&key, &from)?,
                    _ => return Err(SettingsError::new(key, "expected a text in quotes")),
                };
                self.table.insert((*name).to_string(), toml::Value::String(secret));
                // Reading it will count it.
                stands_elsewhere();
                given.push(key);
            }
            if given.len() > 1 {
                let problem = format!("given together with {}; give one of them", given[0]);
                return Err(SettingsError::new(given.swap_remove(1), problem));
            }
        }
        Ok(())
    }

    fn secret_file(&mut self, key: &str, name: &str) -> Result<String, SettingsError> {
        let path = self.folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let shown = if may_be_one(name) { NOT_SHOWN.into() } else { path.display().to_string() };
            let problem =
                format!("cannot read {shown}: {error}; give the name of a file with the secret in it");
            SettingsError::new(key, problem)
        })?;
        if world_readable(&path) {
            let warning =
                format!("{key}: {} can be read by every user of this machine; chmod 600 it", path.display());
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
        }
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(SettingsError::new(
                key,
                format!("{} is empty; put the secret into it", path.display()),
            ));
        }
        if secret != secret.trim() {
            let problem = format!(
                "the secret in {} has blanks around it; take them away, or put it into the config in quotes if they belong to it",
                path.display()
            );
            return Err(SettingsError::new(key, problem));
        }
        Ok(secret.to_string())
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets: only the keys are shown.
        f.debug_list().entries(self.table.keys()).finish()
    }
}

/// Whether every user of this machine may read a file.
#[cfg(unix)]
pub fn world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

/// Whether every user of this machine may read a file.
#[cfg(not(unix))]
pub fn world_readable(_: &Path) -> bool {
    false
}

fn secret_env(key: &str, name: &str) -> Result<String, SettingsError> {
    std::env::var(name).map_err(|_| {
        SettingsError::new(key, format!("the environment has no variable {name}; set it to the secret"))
    })
}

/// The one of the known names that was probably meant; none where none is like it.
pub fn nearest<'n>(unknown: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let nearest = known.map(|name| (strsim::damerau_levenshtein(unknown, name), name)).min()?;
    Some(nearest)
        .filter(|(distance, name)| *distance <= name.chars().count().max(4) / 2)
        .map(|(_, name)| name)
}

fn unknown_key(unknown: &str, known: &[&str]) -> SettingsError {
    let problem = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("unknown key; did you mean {name}?"),
        None => format!("unknown key; expected one of {}", known.join(", ")),
    };
    SettingsError::new(unknown, problem)
}

/// What is said of a key that a section cannot do without.
const MISSING: &str = "missing; this section needs it";

/// All keys that are wrong: after each that is, the others are read without it.
fn read<T: DeserializeOwned>(mut table: toml::Table, known: &[&str]) -> Result<T, SettingsError> {
    let mut errors: Vec<SettingsError> = Vec::new();
    loop {
        match read_once(table.clone(), known) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => {
                let key = error.key.split(['.', '[']).next().unwrap_or_default().to_string();
                let came = table.remove(&key).is_some();
                // A key that was taken out for being wrong is not missing, too.
                if came || errors.iter().all(|other| !other.key.starts_with(&key)) {
                    errors.push(error);
                }
                if !came {
                    break;
                }
            }
        }
    }
    // There is one, or it would have been read.
    Err(SettingsError::first_of(errors).unwrap_or_else(|| SettingsError::new("", "it cannot be read")))
}

fn read_once<T: DeserializeOwned>(table: toml::Table, known: &[&str]) -> Result<T, SettingsError> {
    let mut ignored = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(toml::Value::Table(table), &mut track);
    let read = serde_ignored::deserialize(tracked, |path| {
        ignored.get_or_insert(path.to_string());
    });
    match (read, ignored) {
        (Ok(_), Some(key)) => Err(SettingsError::new(key, "unknown key")),
        (Ok(settings), None) => Ok(settings),
        (Err(error), _) => Err(explain(track.path().to_string(), &error, known)),
    }
}

fn explain(path: String, error: &toml::de::Error, known: &[&str]) -> SettingsError {
    let message = error.message();
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let key = if known.contains(&key) || path == "." { key.to_string() } else { format!("{path}.{key}") };
        return SettingsError::new(key, MISSING);
    }
    SettingsError::new(path, plain(message))
}

/// A complaint of the deserializer in the words of somebody who writes TOML.
fn plain(message: &str) -> String {
    if let Some((came, known)) =
        message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let known = known.trim_start_matches("one of ").replace('`', "");
        let came = if may_be_one(came) { NOT_SHOWN.into() } else { format!("{came:?}") };
        return format!("{came} is unknown; expected one of {known}");
    }
    let Some((came, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    else {
        return message.to_string();
    };
    let expected = match expected {
        "i64" | "i32" => "a whole number without quotes",
        "u64" | "u32" | "u16" | "u8" | "usize" => "a whole number without quotes, not below 0",
        "f64" => "a number without quotes",
        "a string" => "a text in quotes",
        "a boolean" => "true or false without quotes",
        "a sequence" => "a list in [brackets]",
        other => other,
    };
    // What came may be a secret: only its type is said.
    let came = match came.split([' ', '`', '"']).next().unwrap_or_default() {
        "string" => "a text",
        "integer" => "a whole number",
        "floating" => "a number with a point",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a section",
        other => other,
    };
    format!("expected {expected}, found {came}")
}

/// The names of the fields of a struct, as serde knows them.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Asking<'a>(&'a mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Asking<'_> {
        type Error = de::value::Error;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("only structs have fields"))
        }
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }
        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names: &'static [&'static str] = &[];
    // The answer is the error: the names were noted on the way.
    let _ = T::deserialize(Asking(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Sample {
        secret: Secret,
        #[serde(default)]
        #[allow(dead_code)]
        timeout: Option<Period>,
    }

    fn section(text: &str) -> Section {
        Section::new(text.parse().expect("toml"), Path::new("."))
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        let error = section("secret = 'x'\ntimout = '3s'").read::<Sample>().expect_err("unknown");
        assert_eq!(error.to_string(), "timout: unknown key; did you mean timeout?");
    }

    #[test]
    fn times_need_their_unit() {
        let error = section("secret = 'x'\ntimeout = '15 parsecs'").read::<Sample>().expect_err("no unit");
        assert_eq!(error.key, "timeout");
        assert!(error.problem.contains("15 parsecs"), "{error}");
    }

    #[test]
    fn never_9_no_secret_is_printable() {
        let sample = section("secret = 'hunter2'").read::<Sample>().expect("fine");
        assert_eq!(sample.secret.expose(), "hunter2");
        assert!(!format!("{sample:?} {:?}", section("secret = 'hunter2'")).contains("hunter2"));
        let error = section("secret = ['hunter2']").read::<Sample>().expect_err("a list");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn secrets_come_from_files_and_only_once() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("s"), "hunter2\n").expect("written");
        let read = |text: &str| Section::new(text.parse().expect("toml"), folder.path()).read::<Sample>();
        assert_eq!(read("secret_file = 's'").expect("fine").secret.expose(), "hunter2");
        assert_eq!(read("secret_file = 's'\nsecret = 'x'").expect_err("twice").key, "secret_file");
        assert_eq!(read("secret_file = 'none'").expect_err("missing").key, "secret_file");
        // The secret itself where the name of its file belongs.
        let mistaken = read("secret_file = 'aT0kenThatIsLongEnough'").expect_err("no file");
        assert!(
            !mistaken.to_string().contains("aT0ken") && mistaken.to_string().contains("name of a file"),
            "{mistaken}"
        );
        assert_eq!(read("").expect_err("missing").to_string(), "secret: missing; this section needs it");
    }
}
