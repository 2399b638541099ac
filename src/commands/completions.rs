//! `whmeter completions` and `whmeter man`: what a shell and a reader of manuals want, made of the commands themselves.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CommandError, Outcome, print};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "whmeter", &mut script);
        print(String::from_utf8_lossy(&script).trim_end());
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write whmeter.1 and a page for each command into this folder; without it, print whmeter.1
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> Outcome {
        let failed =
            |error: std::io::Error| CommandError::Tried(format!("the manual cannot be written: {error}"));
        let Some(folder) = self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
            print(String::from_utf8_lossy(&page).trim_end());
            return Ok(());
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), folder).map_err(failed)
    }
}
