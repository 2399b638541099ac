//! The first accounts of a server: one administrator, some resellers, and users of them all.

use super::world::{Account, Rank};
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use std::collections::BTreeMap;

/// The part of an account that holds and moves bytes.
const HOME: &str = "home";

/// All of these sort before the names of resellers and administrators.
const WORDS: [&str; 8] = ["harbor", "pineco", "fernhi", "lakesi", "maplet", "coveco", "bluela", "elmwoo"];

/// Package, disk and traffic in MB, domains.
const PACKAGES: [[&str; 4]; 4] = [
    ["start_2g", "2048", "10240", "10"],
    ["pro_20g", "20480", "204800", "50"],
    ["open", "unlimited", "unlimited", "unlimited"],
    ["big_200g", "204800", "2048000", "unlimited"],
];

const DAY: i64 = 86_400;

/// How long before the start the latest users were made.
const NEWCOMER_SECONDS: i64 = 10 * DAY;

/// Limits that are counts.
pub const COUNTS: [&str; 9] =
    ["domainptr", "ftp", "mysql", "nemailf", "nemailml", "nemailr", "nemails", "nsubdomains", "inode"];

/// Settings that are `ON` or `OFF`.
pub const SWITCHED: [&str; 12] = [
    "aftp",
    "catchall",
    "cgi",
    "cron",
    "dnscontrol",
    "login_keys",
    "php",
    "spam",
    "ssh",
    "ssl",
    "suspend_at_limit",
    "sysinfo",
];

/// Makes the first accounts; every seventh user is new since some days.
pub fn settle(truth: &Truth, admin: &str, accounts: usize, now: i64) -> BTreeMap<String, Account> {
    let resellers: Vec<String> =
        (1..=(accounts / 5).min(6)).map(|number| format!("resel{number:02}")).collect();
    let mut people = BTreeMap::new();
    for number in 0..accounts {
        let (name, rank, creator) = match number.checked_sub(1) {
            None => (admin.to_owned(), Rank::Admin, admin),
            Some(place) if place < resellers.len() => (resellers[place].clone(), Rank::Reseller, admin),
            Some(place) => {
                let user = place - resellers.len();
                let creator = match user % 3 {
                    0 => admin,
                    _ => resellers.get(user % resellers.len().max(1)).map_or(admin, String::as_str),
                };
                (user_name(user), Rank::User, creator)
            }
        };
        truth.enroll_part(&name, HOME);
        let is_new = rank == Rank::User && number % 7 == 5;
        let age = if is_new { NEWCOMER_SECONDS } else { (70 + number as i64 % 700) * DAY };
        // Never on the full hour: a date that is read in the wrong zone is another one.
        let created = now - age - number as i64 * 61;
        if is_new {
            truth.did_to_all(&name, BEGINNING, Deed::Vanish);
            truth.did_to_all(&name, created, Deed::Reappear);
        }
        people.insert(name, account(number, rank, creator, created));
    }
    people
}

/// The name of user number `index`.
pub fn user_name(index: usize) -> String {
    format!("{}{index:03}", WORDS[index % WORDS.len()])
}

fn account(number: usize, rank: Rank, creator: &str, created: i64) -> Account {
    let word = WORDS[number % WORDS.len()];
    let mut domains = vec![format!("{word}-{number}.example")];
    if number % 4 == 1 {
        domains.push(format!("{word}-{number}-second.example"));
    }
    if rank == Rank::Admin {
        domains.clear();
    }
    Account {
        number,
        rank,
        creator: creator.to_owned(),
        created,
        counted_from: BEGINNING,
        vanished: false,
        suspension: None,
        released: None,
        domains,
        conf: conf(number, rank),
        missing: BTreeMap::new(),
    }
}

fn conf(number: usize, rank: Rank) -> BTreeMap<String, String> {
    let [package, quota, bandwidth, domains] = match rank {
        Rank::Admin => PACKAGES[2],
        _ => PACKAGES[number % PACKAGES.len()],
    };
    let mut conf = BTreeMap::new();
    let mut put = |key: &str, value: &str| conf.insert(key.to_owned(), value.to_owned());
    put("quota", quota);
    put("bandwidth", bandwidth);
    put("vdomains", domains);
    // Every sixth has its own figures and no package any more.
    let is_customised = number % 6 == 4;
    put("package", if is_customised { "" } else { package });
    if is_customised {
        put("original_package", package);
    }
    put("additional_bandwidth", if number % 5 == 3 { "512" } else { "0" });
    COUNTS.iter().for_each(|key| drop(put(key, if number.is_multiple_of(2) { "unlimited" } else { "50" })));
    SWITCHED.iter().for_each(|key| drop(put(key, "ON")));
    put("ssh", "OFF");
    put("suspend_at_limit", "OFF");
    put("name", &format!("{}'s Lane & Sons", WORDS[number % WORDS.len()]));
    put("email", &format!("ops@{}-{number}.example", WORDS[number % WORDS.len()]));
    put("ns1", "ns1.example.net");
    put("ns2", "ns2.example.net");
    put("ip", "192.0.2.14");
    put("language", "en");
    put("skin", "evolution");
    conf
}
