//! Kinds of panels: how one is found by its name, what can be said of it at its start, and its start.

use crate::panel::{Options, SimulatedPanel};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{Error, ErrorKind, Result};

/// A running panel, or why it could not start.
pub type Started = Result<Box<dyn SimulatedPanel>>;

/// A panel that is started by the name of its kind.
pub trait NamedPanel: SimulatedPanel + Sized + 'static {
    /// The kind's name, as a config says it.
    const NAME: &'static str;

    /// What it is, for people.
    const ABOUT: &'static str;

    /// What it can be started with.
    type Options: From<Options> + Send + 'static;

    /// What people may say of its options on the command line.
    const FLAGS: &'static [Flag<Self::Options>] = &[];

    /// Starts one.
    fn run(options: Self::Options) -> impl Future<Output = Result<Self>> + Send;
}

/// An option that people may set.
pub struct Flag<O> {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it means, for people.
    pub help: &'static str,
    /// The values it takes; empty where any will do.
    pub among: &'static [&'static str],
    /// Where it stands among the options.
    pub field: fn(&mut O) -> &mut dyn Field,
}

impl<O> Flag<O> {
    /// A flag that takes any value which its field does.
    pub const fn new(name: &'static str, help: &'static str, field: fn(&mut O) -> &mut dyn Field) -> Self {
        Self { name, help, among: &[], field }
    }

    /// A flag that takes one of these values.
    pub const fn one_of(
        name: &'static str,
        help: &'static str,
        among: &'static [&'static str],
        field: fn(&mut O) -> &mut dyn Field,
    ) -> Self {
        Self { name, help, among, field }
    }
}

/// A value that is read from a text and shown as one.
pub trait Field {
    /// Sets it; the error says what was expected.
    fn set(&mut self, text: &str) -> serde_json::Result<()>;

    /// Shows it.
    fn shown(&self) -> String;
}

impl<T: Serialize + DeserializeOwned> Field for T {
    fn set(&mut self, text: &str) -> serde_json::Result<()> {
        // A number is told as such; a name, or a text of digits, as a text.
        let named = |_| serde_json::from_value(Value::from(text));
        *self = serde_json::from_str(text).or_else(named)?;
        Ok(())
    }

    fn shown(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// A flag as it is offered, with its default.
pub struct FlagShown {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// The values it takes; empty where any will do.
    pub among: &'static [&'static str],
    /// What it is unless somebody says otherwise.
    pub default: String,
}

/// What was said on the command line: names of flags, and their values.
pub type Told = Vec<(String, String)>;

/// A kind of panel, whatever its type.
pub struct Kind {
    /// The kind's name, as a config says it.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Its own flags.
    pub flags: fn() -> Vec<FlagShown>,
    run: fn(Options, Told) -> BoxFuture<'static, Started>,
}

impl Kind {
    /// The kind of such panels.
    pub const fn of<P: NamedPanel>() -> Self {
        Self { name: P::NAME, about: P::ABOUT, flags: flags::<P>, run: run::<P> }
    }

    /// Starts one.
    pub async fn start(&self, options: Options) -> Started {
        self.start_with(options, Told::new()).await
    }

    /// Starts one with what was said of its own flags; a value that makes no sense is `InvalidInput`.
    pub async fn start_with(&self, options: Options, told: Told) -> Started {
        (self.run)(options, told).await
    }
}

fn flags<P: NamedPanel>() -> Vec<FlagShown> {
    let mut options = P::Options::from(Options::default());
    let shown = P::FLAGS.iter().map(|flag| FlagShown {
        name: flag.name,
        help: flag.help,
        among: flag.among,
        default: (flag.field)(&mut options).shown(),
    });
    shown.collect()
}

fn run<P: NamedPanel>(common: Options, told: Told) -> BoxFuture<'static, Started> {
    let options = options::<P>(common, &told);
    async move { Ok(Box::new(P::run(options?).await?) as Box<dyn SimulatedPanel>) }.boxed()
}

fn options<P: NamedPanel>(common: Options, told: &Told) -> Result<P::Options> {
    let mut options = P::Options::from(common);
    for (name, value) in told {
        let wrong = |why: String| Error::new(ErrorKind::InvalidInput, format!("--{name} {value}: {why}"));
        let flag = P::FLAGS.iter().find(|flag| flag.name == name);
        let flag = flag.ok_or_else(|| wrong(format!("{} has no such flag", P::NAME)))?;
        if !flag.among.is_empty() && !flag.among.contains(&value.as_str()) {
            return Err(wrong(format!("one of {} is expected", flag.among.join(", "))));
        }
        (flag.field)(&mut options).set(value).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PANELS, minio, vpncp};

    fn told(name: &str, value: &str) -> Told {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn flags_set_options_and_say_what_they_expect() {
        let read = |name, value| options::<minio::Panel>(Options::default(), &told(name, value));
        assert!(read("nodes", "5").is_ok_and(|options| options.nodes == 5));
        assert!(read("secret-key", "123").is_ok_and(|options| options.secret_key == "123"));
        let flavour = read("flavour", "rustfs").map(|options| options.switches.flavour);
        assert_eq!(flavour.ok(), Some(minio::Flavour::Rustfs));
        for (name, value) in [("nodes", "many"), ("flavour", "ceph"), ("sieve", "1")] {
            assert!(read(name, value).is_err_and(|error| error.kind() == ErrorKind::InvalidInput), "{name}");
        }
        let third = options::<vpncp::Panel>(Options::default(), &told("generation", "3"));
        assert!(third.is_err_and(|error| error.to_string().contains("one of 1, 2 is expected")));
    }

    #[test]
    fn names_are_used_once_and_defaults_are_among_what_is_allowed() {
        let mut names: Vec<_> = PANELS.iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PANELS.len());
        for flag in PANELS.iter().flat_map(|kind| (kind.flags)()) {
            let is_allowed = flag.among.is_empty() || flag.among.contains(&flag.default.as_str());
            assert!(is_allowed, "{}: {}", flag.name, flag.default);
        }
    }
}
