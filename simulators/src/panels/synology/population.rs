//! The first users and groups of a NAS.

use super::world::{ADMINISTRATORS, EVERYBODY, FIRST_PACKAGE_UID, Group, HOMES, PROJECTS, User};
use crate::truth::Truth;
use std::collections::BTreeMap;

/// The product groups, with the limit of a home in MiB.
const PRODUCTS: [(&str, u64); 2] = [("PublicSynology", 51_200), ("PublicSynology-XL", 2_048_000)];

/// The group that accounts are put into that may store no more.
pub const LIMITED_GROUP: &str = "PublicSynology-limited";

const LIMITED_MIB: u64 = 1_024;

/// The first number that users of a customer can have: built-in ones and the operator's own come before.
const FIRST_UID: u32 = 1_030;

/// The groups.
pub fn groups() -> BTreeMap<String, Group> {
    let group = |gid, name: &str, description: &str, limit: u64| {
        let limits = [HOMES, PROJECTS].map(|share| (share.to_owned(), limit)).into();
        (name.to_owned(), Group { gid, description: description.to_owned(), limits })
    };
    let products =
        PRODUCTS.iter().zip(65_540..).map(|((name, limit), gid)| group(gid, name, "WHMCS", *limit));
    let built_in = [
        group(101, ADMINISTRATORS, "System default admin group", 0),
        group(100, EVERYBODY, "System default group", 0),
        group(65_539, LIMITED_GROUP, "May store no more", LIMITED_MIB),
    ];
    built_in.into_iter().chain(products).collect()
}

/// The users: so many customers, and those whom every NAS has besides.
pub fn users(homes: &Truth, projects: &Truth, login: &str, customers: usize) -> BTreeMap<String, User> {
    let mut users: BTreeMap<String, User> = (0..customers)
        .map(|number| {
            let (name, user) = (customer_name(number), customer(number));
            homes.enroll_part(&name, HOMES);
            if user.has_projects {
                projects.enroll_part(&name, PROJECTS);
            }
            (name, user)
        })
        .collect();
    let own = |uid, description: &str, expired: &str, groups: &[&str]| User {
        uid,
        description: description.to_owned(),
        email: String::new(),
        expired: expired.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        quotas: BTreeMap::new(),
        sold: BTreeMap::new(),
        is_customer: false,
        has_projects: false,
        vanished: false,
        fails: None,
        bandwidths: BTreeMap::new(),
        writes: 0,
    };
    let both = [ADMINISTRATORS, EVERYBODY];
    users.insert("admin".into(), own(1_024, "System default user", "now", &both));
    users.insert("guest".into(), own(1_025, "Guest", "now", &[EVERYBODY]));
    users.insert(login.into(), own(1_026, "metering", "normal", &both));
    users.insert("ops-anna".into(), own(1_027, "operator", "normal", &both));
    users.insert("SynologyDrive".into(), own(FIRST_PACKAGE_UID + 501, "", "normal", &[EVERYBODY]));
    users
}

/// The name of customer number `number`: among them some with capitals, letters beyond ASCII and a blank, or digits
/// alone.
pub fn customer_name(number: usize) -> String {
    let (client, service) = (1_001 + number, 7_100 + number);
    match number % 10 {
        3 => format!("Cust{client}-{service}"),
        6 => format!("müller {client}-{service}"),
        9 => format!("{client}{service}"),
        _ => format!("cust{client}-{service}"),
    }
}

fn customer(number: usize) -> User {
    let mut groups = vec![EVERYBODY];
    match number % 6 {
        1 => groups.push(PRODUCTS[1].0),
        4 => {}
        _ => groups.push(PRODUCTS[0].0),
    }
    let quota = match number % 5 {
        1 => 102_400,
        3 => 4_194_304,
        _ => 0,
    };
    User {
        uid: FIRST_UID + number as u32,
        description: "WHMCS".to_owned(),
        email: format!("ops@lane-{number}.example"),
        expired: if number % 8 == 5 { "2031/3/5".to_owned() } else { "normal".to_owned() },
        groups: groups.into_iter().map(str::to_owned).collect(),
        quotas: [(HOMES.to_owned(), quota)].into(),
        sold: [(HOMES.to_owned(), quota)].into(),
        is_customer: true,
        has_projects: number % 3 == 2,
        vanished: false,
        fails: None,
        bandwidths: BTreeMap::new(),
        writes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_more_than_case_and_numbers_are_used_once() {
        let (homes, projects) = (Truth::new(1), Truth::new(1));
        let users = users(&homes, &projects, "svc-meter", 300);
        let mut names: Vec<String> = users.keys().map(|name| name.to_lowercase()).collect();
        let mut uids: Vec<u32> = users.values().map(|user| user.uid).collect();
        names.sort();
        names.dedup();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!((names.len(), uids.len()), (305, 305));
        assert_eq!(projects.accounts().len(), 100);
    }
}
