//! How the module is written: PHP that 8.1 to 8.4 take, a first line that says the file's job, no way in
//! for a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installation::{php, repository};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "php") {
            found.push(path);
        }
    }
}

fn module() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&repository().join("whmcs"), &mut found);
    assert!(found.len() > 50, "only {} files", found.len());
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn php_takes_every_file() {
    let Some(php) = php() else { return };
    let mut all: Vec<PathBuf> = module().into_iter().map(|(path, _)| path).collect();
    files(&repository().join("tests/whmcs_php"), &mut all);
    for path in all {
        let ran = Command::new(&php).arg("-l").arg(&path).output().unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        assert!(ran.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&said));
        assert!(!String::from_utf8_lossy(&said).contains("Deprecated"), "{}", path.display());
    }
}

#[test]
fn every_file_opens_with_its_job_and_lets_no_browser_in() {
    for (path, text) in module() {
        let name = path.display();
        let lines: Vec<_> = text.lines().take(3).collect();
        assert_eq!((lines[0], lines[2]), ("<?php", ""), "{name}");
        assert!(lines[1].starts_with("// ") && lines[1].ends_with('.'), "{name}: {}", lines[1]);
        assert!(text.contains("\ndeclare(strict_types=1);\n"), "{name}");
        assert!(text.contains("\ndefined('WHMCS') || exit("), "{name} can be opened by a browser");
        assert!(!text.contains("?>"), "{name}: what stands behind is sent to the browser");
        assert!(text.lines().count() <= 400, "{name} is too long");
    }
}

/// Words of a PHP newer than the oldest, or deprecated in the newest, and what has no place in a module.
#[test]
fn nothing_is_used_that_a_supported_php_lacks() {
    let words = [
        "readonly class",
        "#[\\Override]",
        "json_validate(",
        "array_find(",
        "array_any(",
        "array_all(",
        "mb_",
        "curl_close(",
        "utf8_encode(",
        "unserialize(",
        "eval(",
        "$_GET",
        "$_POST",
        "$_REQUEST",
        "$_COOKIE",
        "echo ",
        "print ",
        "var_dump",
        "error_log",
    ];
    // What WHMCS wants of a page of staff: it reads what was asked, and writes.
    let of_pages = ["$_GET", "$_POST", "echo "];
    for (path, text) in module() {
        let is_page = path.ends_with("addons/whmeter/whmeter.php");
        for word in words.into_iter().filter(|word| !is_page || !of_pages.contains(word)) {
            let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
            let found = code.filter(|line| line.contains(word)).collect::<Vec<_>>();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
        }
        // `Type $x = null` without a question mark is deprecated in 8.4.
        for line in text.lines().filter(|line| line.contains("function") && line.contains("= null")) {
            let typed = line.split([',', '(']).filter(|part| part.contains("= null"));
            for part in typed {
                assert!(part.trim().starts_with(['?', '$']), "{}: {part}", path.display());
            }
        }
    }
}

/// The hook file is read by whatever PHP a WHMCS runs in, and so is what it loads before it looks which one that is: a
/// word that PHP 7.2 does not know would end every page of WHMCS.
#[test]
fn what_every_whmcs_reads_has_no_word_that_an_old_php_lacks() {
    let young = [
        "fn (",
        "fn(",
        "?->",
        " match (",
        " match(",
        "readonly",
        "??=",
        "enum ",
        "str_starts_with",
        "str_contains",
        "str_ends_with",
        "array_is_list",
        "[...",
        "(...",
        ", ...",
        "mixed",
        ": static",
        "#[",
        "static fn",
    ];
    let old: Vec<_> = module()
        .into_iter()
        .filter(|(path, _)| {
            path.ends_with("servers/whmeter/autoload.php") || path.ends_with("hooks/whmeter.php")
        })
        .collect();
    assert_eq!(old.len(), 2);
    for (path, text) in old {
        let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
        for line in code {
            let found: Vec<_> = young.iter().filter(|word| line.contains(**word)).collect();
            assert!(found.is_empty(), "{}: {found:?} in {line}", path.display());
        }
        let looks = text.contains("PHP_VERSION_ID < 80100") || path.ends_with("autoload.php");
        assert!(looks, "{}: goes on in a PHP that the module cannot run in", path.display());
    }
}
