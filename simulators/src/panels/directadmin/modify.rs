//! A user's limits changed: by a package, or one by one, where what is not sent is taken away.

use super::ask::{Ask, Caller};
use super::population::{COUNTS, SWITCHED};
use super::reply::Said;
use super::switches::Switches;
use super::world::{Account, Server};

/// Changes one user as a whole.
pub fn user(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let name = ask.arguments.get("user");
    if !ask.is_post {
        return Said::failed("Invalid Request", "POST is expected");
    }
    if caller.one(server, name).is_none() {
        return Said::nobody();
    }
    let mut accounts = server.accounts_mut();
    let Some(account) = accounts.get_mut(name) else { return Said::nobody() };
    let mut changed = account.clone();
    match ask.arguments.get("action") {
        "customize" => customize(ask, &mut changed),
        "package" if !ask.arguments.get("package").is_empty() => {
            changed.conf.remove("original_package");
            changed.conf.insert("package".into(), ask.arguments.get("package").to_owned());
        }
        other => return Said::failed("Unknown action", other),
    }
    if !switches.writes_ignored {
        *account = changed;
    }
    match switches.error_though_done {
        true => Said::failed("Error executing the request", "none"),
        false => Said::Done("User Modified"),
    }
}

fn customize(ask: &Ask, account: &mut Account) {
    let told = |key: &str| ask.arguments.first(key);
    for key in COUNTS.iter().chain(&["bandwidth", "quota", "vdomains"]) {
        let value = match (told(&format!("u{key}")), told(key)) {
            (Some("ON"), _) => "unlimited",
            (_, Some(number)) if number.parse::<u64>().is_ok() => number,
            _ => "0",
        };
        account.conf.insert((*key).to_owned(), value.to_owned());
    }
    for key in SWITCHED {
        let value = if told(key) == Some("ON") { "ON" } else { "OFF" };
        account.conf.insert(key.to_owned(), value.to_owned());
    }
    for key in ["ns1", "ns2", "language", "skin", "additional_bandwidth"] {
        if let Some(value) = told(key) {
            account.conf.insert(key.to_owned(), value.to_owned());
        }
    }
    let package = account.conf("package").to_owned();
    if !package.is_empty() {
        account.conf.insert("original_package".into(), package);
    }
    account.conf.insert("package".into(), String::new());
}
