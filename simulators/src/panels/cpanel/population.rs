//! Who lives on the server: plain users of root and of two resellers, who are users themselves.

use super::world::{Account, PART};
use crate::growth::BEGINNING;
use crate::truth::{Deed, Truth};
use crate::zone::Zone;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use std::collections::BTreeMap;

/// The resellers; each owns itself.
pub const RESELLERS: [&str; 2] = ["resel01", "resel02"];

const WORDS: [&str; 8] =
    ["harborla", "pinecone", "millpond", "oakridge", "fernhill", "claypit", "ashgrove", "tidepool"];

const MIB: u64 = 1 << 20;

/// Packages: name, disk in MiB, bandwidth in bytes; none is unlimited. A reseller's begin with its name.
const PLANS: [(&str, Option<u64>, Option<u64>); 4] = [
    ("default", None, None),
    ("Start 2G", Some(2_048), Some(10_240 * MIB)),
    ("Business", Some(51_200), None),
    ("Shop 20", Some(20_480), Some(512_000 * MIB)),
];

/// The name of user number `index`.
pub fn user_name(index: usize) -> String {
    match index {
        1 => RESELLERS[0].to_owned(),
        6 => RESELLERS[1].to_owned(),
        index if index < WORDS.len() => WORDS[index].to_owned(),
        index => format!("{}{index}", &WORDS[index % WORDS.len()][..5]),
    }
}

/// Makes the first users; every seventh was made in the running month.
pub fn settle(truth: &Truth, accounts: usize, now: DateTime<Utc>, zone: &str) -> BTreeMap<String, Account> {
    (0..accounts).map(|number| account(truth, number, now, zone)).collect()
}

fn account(truth: &Truth, number: usize, now: DateTime<Utc>, zone: &str) -> (String, Account) {
    let name = user_name(number);
    let created = match number % 7 {
        5 => within_month(now, Zone::named(zone)),
        _ => BEGINNING + 86_400 * 30 + 1_234_567 * (number as i64 % 90),
    };
    truth.enroll_part(&name, PART);
    truth.did_to_all(&name, BEGINNING, Deed::Vanish);
    truth.did_to_all(&name, created, Deed::Reappear);
    let is_reseller = RESELLERS.contains(&name.as_str());
    let owner = match number % 4 {
        _ if is_reseller => name.clone(),
        1 | 2 => RESELLERS[0].to_owned(),
        3 => RESELLERS[1].to_owned(),
        _ => "root".to_owned(),
    };
    let (plan, disk_mib, bandwidth) = PLANS[number % PLANS.len()];
    let plan = match owner.as_str() {
        "root" => plan.to_owned(),
        owner => format!("{owner}_{plan}"),
    };
    let account = Account {
        number,
        known_as: name.clone(),
        domain: format!("{name}.example"),
        owner,
        plan,
        is_reseller,
        created,
        disk_mib,
        bandwidth,
        suspension: None,
        vanished: None,
        earlier: Vec::new(),
        revised: BTreeMap::new(),
        writes: 0,
    };
    (name, account)
}

/// The middle of what has passed of the month.
fn within_month(now: DateTime<Utc>, zone: Zone) -> i64 {
    let today: NaiveDate = zone.date(now);
    let began = zone.start_of(today.with_day(1).unwrap_or(today));
    began + (now.timestamp() - began) / 2
}
