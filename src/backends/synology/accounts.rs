//! Who is on the NAS: local users, page by page, members of groups, and which of them are accounts.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::call::ApiCall;
use super::nas::{Nas, strange};
use super::refusal::CallFailure;
use crate::backends::kit::json::{text, whole};
use crate::backends::kit::pages::Offsets;

/// How many rows a page has: DSM takes up to 16,000 local users.
const PAGE: usize = 500;

/// Numbers from here on are accounts of packages.
const PACKAGES_FROM: u64 = 170_000;

/// Users that every NAS has.
const OF_THE_SYSTEM: [&str; 2] = ["admin", "guest"];

/// The group of those who are never limited, and whom quotas do not hold.
pub(super) const ADMINISTRATORS: &str = "administrators";

/// A local user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// As DSM spells it; it takes any case for it.
    pub name: String,
    /// Its number, kept for life.
    pub uid: Option<u64>,
    /// Its `expired`, verbatim; none where it is absent or no text.
    pub expired: Option<String>,
}

/// Whether an account may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Always.
    Active,
    /// Never: `now`.
    Disabled,
    /// Until the end of this day of the NAS.
    Until(NaiveDate),
    /// Not reported in any known way.
    Unknown,
}

impl Expiry {
    /// Reads `expired`: `normal`, `now`, or a date without padding.
    pub fn read(expired: Option<&str>) -> Expiry {
        match expired {
            Some("normal") => Expiry::Active,
            Some("now") => Expiry::Disabled,
            Some(date) => NaiveDate::parse_from_str(date, "%Y/%m/%d").map_or(Expiry::Unknown, Expiry::Until),
            None => Expiry::Unknown,
        }
    }
}

/// A list, and whether it is known to be whole.
#[derive(Debug)]
pub(super) struct Rows {
    pub rows: Vec<Map<String, Value>>,
    pub is_whole: bool,
}

/// The local users.
#[derive(Debug)]
pub(super) struct Users {
    pub all: Vec<User>,
    /// Whether as many came as there are, each once and with a name.
    pub is_whole: bool,
}

/// A name as DSM compares it.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

impl User {
    /// Whether it is one of the system, a package or ourselves.
    pub fn is_never_an_account(&self, ourselves: &str) -> bool {
        let name = folded(&self.name);
        let is_package = self.uid.is_some_and(|uid| uid >= PACKAGES_FROM);
        is_package || OF_THE_SYSTEM.contains(&name.as_str()) || name == folded(ourselves)
    }

    fn read(row: &Map<String, Value>) -> Option<User> {
        let expired = row.get("expired").and_then(Value::as_str).map(str::to_string);
        let name = text(row, &["name"])?.to_string();
        Some(User { name, uid: row.get("uid").and_then(whole), expired })
    }
}

impl Nas {
    /// All local users, disabled ones too.
    pub async fn users(&self) -> Result<Users, CallFailure> {
        let ask = ApiCall::get("SYNO.Core.User", "list")
            .text("type", "local")
            .text("sort_by", "name")
            .text("sort_direction", "ASC")
            .with("additional", json!(["expired", "uid"]));
        let Rows { rows, is_whole } = self.rows(&ask).await?;
        if rows.is_empty() {
            // admin and guest are on every NAS.
            return Err(strange((ask.api, ask.method), "no user at all came").into());
        }
        let all: Vec<User> = rows.iter().filter_map(User::read).collect();
        let distinct: BTreeSet<String> = all.iter().map(|user| folded(&user.name)).collect();
        Ok(Users { is_whole: is_whole && distinct.len() == rows.len(), all })
    }

    /// The members of a group, as DSM compares names.
    pub async fn members(&self, group: &str) -> Result<BTreeSet<String>, CallFailure> {
        let ask =
            ApiCall::get("SYNO.Core.Group.Member", "list").text("group", group).with("ingroup", json!(true));
        let Rows { rows, is_whole } = self.rows(&ask).await?;
        let names: BTreeSet<String> =
            rows.iter().filter_map(|row| text(row, &["name"])).map(folded).collect();
        match is_whole && names.len() == rows.len() {
            true => Ok(names),
            false => {
                Err(strange((ask.api, ask.method), format!("the list of {group:?} is not whole")).into())
            }
        }
    }

    /// Every row of a list that comes in pages, under `users`.
    async fn rows(&self, ask: &ApiCall) -> Result<Rows, CallFailure> {
        let call = (ask.api, ask.method);
        let mut pages = Offsets::of(ask.api);
        let mut all = Rows { rows: Vec::new(), is_whole: true };
        while let Some(offset) = pages.next() {
            let page = ask.clone().with("offset", json!(offset)).with("limit", json!(PAGE));
            let data = self.call(&page).await?;
            let rows = data.get("users").and_then(Value::as_array);
            let rows = rows.ok_or_else(|| strange(call, "users is no list"))?;
            let told = |key| data.get(key).and_then(whole).and_then(|number| usize::try_from(number).ok());
            // One that ignores where a page begins shows the same people again.
            if told("offset").is_some_and(|told| told != offset) {
                return Err(strange(call, format!("a page from {offset} was asked for, another came")).into());
            }
            let objects = rows.iter().filter_map(Value::as_object).cloned();
            all.rows.extend(objects);
            all.is_whole &= rows.iter().all(Value::is_object);
            let Some(total) = told("total") else {
                // Nobody knows where it ends.
                all.is_whole = false;
                return Ok(all);
            };
            pages.came(rows.len(), Some(total))?;
            if pages.rows() > total {
                return Err(strange(call, format!("{} rows came, of {total}", pages.rows())).into());
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_is_read_as_dsm_writes_it() {
        let day = |text: &str| Expiry::Until(text.parse().expect("a day"));
        for (expired, read) in [
            (Some("normal"), Expiry::Active),
            (Some("now"), Expiry::Disabled),
            (Some("2027/3/5"), day("2027-03-05")),
            (Some("2027/12/31"), day("2027-12-31")),
            (Some("2027-03-05"), Expiry::Unknown),
            (Some("never"), Expiry::Unknown),
            (Some(""), Expiry::Unknown),
            (None, Expiry::Unknown),
        ] {
            assert_eq!(Expiry::read(expired), read, "{expired:?}");
        }
    }

    #[test]
    fn the_system_packages_and_ourselves_are_no_accounts() {
        let user = |name: &str, uid| User { name: name.into(), uid, expired: None };
        for (name, uid, never) in [
            ("Admin", Some(1024), true),
            ("guest", None, true),
            ("SVC-Meter", Some(1027), true),
            ("http-package", Some(170_001), true),
            ("cust-1001", Some(1041), false),
            ("administrator", Some(1030), false),
        ] {
            assert_eq!(user(name, uid).is_never_an_account("svc-meter"), never, "{name}");
        }
    }
}
