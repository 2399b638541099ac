//! One user's configuration in the old API.

use super::ask::{Ask, Caller};
use super::reply::Said;
use super::switches::Switches;
use super::world::{Account, Server};
use crate::clock::at;
use crate::zone::Zone;

/// What `user.conf` has of one user.
pub fn show(server: &Server, switches: &Switches, ask: &Ask, caller: &Caller) -> Said {
    let name = match ask.arguments.get("user") {
        "" => &caller.name,
        told => told,
    };
    if switches.broken_user.as_deref() == Some(name) {
        return Said::failed("An error has occurred", &format!("Unable to read {name}'s user files"));
    }
    match caller.one(server, name) {
        None => Said::nobody(),
        Some(account) => Said::Conf(fields(switches, name, &account)),
    }
}

fn fields(switches: &Switches, name: &str, account: &Account) -> Vec<(String, String)> {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let mut conf = account.conf.clone();
    let mut put = |key: &str, value: String| conf.insert(key.to_owned(), value);
    put("account", "ON".into());
    put("creator", account.creator.clone());
    put("date_created", created(switches, account));
    put("domain", account.domain().to_owned());
    put("suspended", yes(account.suspension.is_some()));
    put("username", name.to_owned());
    put("usertype", account.rank.word().into());
    if switches.suspend_at_limit {
        put("suspend_at_limit", "ON".into());
    }
    conf.into_iter().collect()
}

/// When an account was made, as C writes it, in the server's own time.
pub fn created(switches: &Switches, account: &Account) -> String {
    let local = Zone::named(&switches.timezone).local(at(account.created));
    local.format("%a %b %e %H:%M:%S %Y").to_string()
}
