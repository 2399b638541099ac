//! What is wrong with a config: which line and key, what came, what was expected.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::settings::SettingsError;

/// All that is wrong with the config, in the order of the file; one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(super) Vec<Mistake>);

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mistake {
    pub line: Option<usize>,
    pub file: PathBuf,
    pub key: String,
    pub problem: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            let before = if number > 0 { "\n" } else { "" };
            write!(f, "{before}{mistake}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Why the file itself cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let problem = match error.kind() {
        std::io::ErrorKind::NotFound => "is not there; `whmeter sample-config` prints one".to_string(),
        std::io::ErrorKind::PermissionDenied => {
            format!("permission denied{}", readers(path).map(|who| format!(": {who}")).unwrap_or_default())
        }
        _ => format!("cannot read it: {error}"),
    };
    ConfigError(vec![Mistake { file: path.to_path_buf(), line: None, key: String::new(), problem }])
}

/// Who may read a file, as far as that can be seen from outside.
fn readers(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(path).ok()?;
    let (mode, owner, group) = (found.mode() & 0o777, found.uid(), found.gid());
    Some(format!(
        "its owner has the user id {owner}, its group {group}, its rights are {mode:o}; run whmeter as its owner"
    ))
}

/// The text, to find the line of a key.
pub(super) struct File<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl File<'_> {
    /// The file as TOML.
    pub fn table(&self) -> Result<toml::Table, Mistake> {
        toml::from_str(self.text).map_err(|error| {
            let problem = match self.looks_like_yaml() {
                true => "this looks like YAML; whmeter reads TOML: `whmeter sample-config` prints it".into(),
                false => format!("not valid TOML: {}", error.message()),
            };
            let line = error.span().map(|span| self.line(&span));
            Mistake { file: self.path.to_path_buf(), line, key: String::new(), problem }
        })
    }

    /// Whether the first line that says anything is a key with a colon, as no TOML has it.
    fn looks_like_yaml(&self) -> bool {
        let mut lines =
            self.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let is_key =
            |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        let key = |line: &str| line == "---" || line.split_once(':').is_some_and(|(key, _)| is_key(key));
        lines.next().is_some_and(key)
    }

    /// Everything that is wrong with the section at `path`.
    pub fn mistakes(&self, path: &[&str], error: SettingsError) -> Vec<Mistake> {
        error.into_each().map(|(key, problem)| self.mistake(path, &key, problem)).collect()
    }

    fn mistake(&self, path: &[&str], key: &str, problem: String) -> Mistake {
        let mut keys: Vec<&str> = path.to_vec();
        // `scope[0]` is written as one key and found as two.
        keys.extend(key.split(['.', '[', ']']).filter(|key| !key.is_empty()));
        Mistake { file: self.path.to_path_buf(), line: self.find(&keys), key: shown(&keys), problem }
    }

    /// The line of a key, or of the section it should be in.
    fn find(&self, keys: &[&str]) -> Option<usize> {
        let root = DeTable::parse(self.text).ok()?;
        let mut table = Some(root.get_ref());
        let mut array: Option<&[Spanned<DeValue<'_>>]> = None;
        let mut found: Option<Range<usize>> = None;
        for key in keys {
            let value = match (table, array) {
                (Some(here), _) => {
                    here.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| {
                        found = Some(name.span());
                        value
                    })
                }
                (None, Some(list)) => {
                    key.parse::<usize>().ok().and_then(|index| list.get(index)).inspect(|value| {
                        found = Some(value.span());
                    })
                }
                (None, None) => None,
            };
            let Some(value) = value else { break };
            table = value.get_ref().as_table();
            array = value.get_ref().as_array().map(|list| &list[..]);
        }
        found.map(|span| self.line(&span))
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// `backend[0].url`.
fn shown(keys: &[&str]) -> String {
    let mut shown = String::new();
    for key in keys {
        match key.parse::<usize>() {
            Ok(index) => shown.push_str(&format!("[{index}]")),
            Err(_) if shown.is_empty() => shown.push_str(key),
            Err(_) => shown.push_str(&format!(".{key}")),
        }
    }
    shown
}
