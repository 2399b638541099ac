//! The module as an operator installs it: copied into a folder, with settings; and PHP to run checks there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::tools::tool;

/// Longer than the slowest check, in which the module waits ten seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Installation {
    folder: tempfile::TempDir,
    php: PathBuf,
}

impl Installation {
    /// `None` where there is no PHP, or one without what the module or the checks need.
    pub fn new() -> Option<Installation> {
        let php = php()?;
        let folder = tempfile::tempdir().unwrap();
        copy(&repository().join("whmcs"), folder.path());
        let settings = repository().join("tests/whmcs_php/settings.php");
        std::fs::copy(settings, folder.path().join("modules/servers/whmeter/settings.php")).unwrap();
        Some(Installation { folder, php })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one file of checks, which must end well and say nothing on stderr; gives what it says.
    pub async fn check(&self, name: &str, port: u16, variables: &[(&str, &str)]) -> String {
        let mut command = Command::new(&self.php);
        command.arg(repository().join(format!("tests/whmcs_php/checks/{name}.php")));
        command.env("WHMCS_ROOT", self.path()).env("WHMETER_PORT", port.to_string()).env("NO_PROXY", "*");
        command.env("no_proxy", "*").envs(variables.iter().copied());
        let ran = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let ran = tokio::time::timeout(PATIENCE, ran).await.expect("it hangs").unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && wrong.is_empty(), "{name}: {wrong}\n{said}");
        assert!(said.contains(" checks\n"), "{name} checked nothing: {said}");
        said.into_owned()
    }
}

/// PHP with the extensions that WHMCS asks for and the module or the checks use.
pub fn php() -> Option<PathBuf> {
    let php = tool("WHMETER_PHP", &["php"])?;
    let listed = std::process::Command::new(&php).arg("-m").output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).to_lowercase();
    let missing: Vec<_> =
        ["curl", "dom"].into_iter().filter(|one| !listed.lines().any(|l| l == *one)).collect();
    if missing.is_empty() {
        return Some(php);
    }
    assert!(std::env::var_os("CI").is_none(), "PHP lacks {missing:?}, and CI must run this test");
    eprintln!("skipped: PHP lacks {missing:?}");
    None
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
