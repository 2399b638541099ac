//! `whmeter sample-config`: made of the kinds' own samples, so it cannot go stale.

use clap::Args;

use super::{CommandError, Outcome, print};
use crate::backends::{self, KINDS, Kind};
use crate::notify;

#[derive(Debug, Args)]
pub(super) struct SampleConfig {
    /// The kinds of panel; all of them when none is named
    kinds: Vec<String>,
}

const HEAD: &str = include_str!("sample_head.toml");

impl SampleConfig {
    pub(super) fn run(self) -> Outcome {
        let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let find = |name: &String| {
            backends::kind(name).ok_or_else(|| {
                CommandError::Misused(format!("no kind of panel is called {name:?}; known: {}", known()))
            })
        };
        let kinds = match self.kinds.as_slice() {
            [] => KINDS.iter().collect::<Vec<&Kind>>(),
            names => names.iter().map(find).collect::<Result<_, _>>()?,
        };
        print(HEAD.trim_end());
        print(format!("\n{}", notify::SAMPLE.trim_end()));
        for kind in kinds {
            print(format!("\n{}", kind.sample.trim_end()));
        }
        Ok(())
    }
}
