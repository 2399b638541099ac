//! What the token may do, looked at once a day: rights that are taken away make lists shorter without a word.

use std::collections::BTreeSet;

use serde_json::Value;

use super::panel::MYPRIVS;
use super::wire::flag;
use super::{BackendError, Cpanel, credentials_first};
use crate::domain::{Harvest, UsageDay};

/// The privilege that has all the others.
const ALL: &str = "all";

/// Without these a list may be shorter than before.
const LISTING: [&str; 2] = [ALL, "list-accts"];

/// The names of privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Privileges(BTreeSet<String>);

impl Privileges {
    /// Reads an answer of `myprivs`; none where it tells of no privilege in any known way.
    ///
    /// The answer is printed nowhere, so that privileges are taken as names with 0 or 1, or as a list of names.
    pub fn read(payload: &Value) -> Option<Privileges> {
        let told = ["privileges", "privs", "acl"].iter().find_map(|key| payload.get(*key)).unwrap_or(payload);
        let mut names = BTreeSet::new();
        let parts = told.as_array().map_or(std::slice::from_ref(told), Vec::as_slice);
        for part in parts {
            match part {
                Value::String(name) => drop(names.insert(name.clone())),
                Value::Object(flags) => {
                    let granted = flags.iter().filter(|(_, value)| flag(value) == Some(true));
                    names.extend(granted.map(|(name, _)| name.clone()));
                }
                _ => {}
            }
        }
        (!names.is_empty()).then_some(Privileges(names))
    }

    /// Whether a call that needs this privilege is granted.
    pub fn allows(&self, name: &str) -> bool {
        self.0.contains(name) || self.0.contains(ALL)
    }

    /// All of them, for people.
    pub fn shown(&self) -> String {
        match self.0.contains(ALL) {
            true => "all".into(),
            false => self.0.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        }
    }
}

/// What the token could do so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    looked: Option<UsageDay>,
    most: Privileges,
    now: Privileges,
}

impl Watch {
    /// Takes in a day's look.
    fn take(&mut self, day: UsageDay, found: Privileges) {
        self.looked = Some(day);
        self.most.0.extend(found.0.iter().cloned());
        self.now = found;
    }

    /// What it could do once and cannot any more.
    fn lost(&self) -> Vec<&str> {
        self.most.0.difference(&self.now.0).map(String::as_str).collect()
    }
}

impl Cpanel {
    /// Looks once a day at what the token may do; false where it lost something since the start, so that who is not
    /// listed may only be hidden.
    pub(super) async fn watch_privileges(
        &self,
        today: UsageDay,
        harvest: &mut Harvest,
    ) -> Result<bool, BackendError> {
        let is_due = self.watch().looked != Some(today);
        if is_due {
            // A token that may not ask this, or an answer of another shape, proves nothing.
            let found = self.privileges().await?.unwrap_or_default();
            let mut watch = self.watch();
            match found == Privileges::default() {
                true => watch.looked = Some(today),
                false => watch.take(today, found),
            }
        }
        let watch = self.watch();
        let lost = watch.lost();
        if !lost.is_empty() {
            harvest.warn(format!(
                "the token has lost privileges since whmeter was started: {}",
                lost.join(", ")
            ));
        }
        Ok(!lost.iter().any(|name| LISTING.contains(name)))
    }

    /// What the token may do, or why that is not known; a refused credential is an error.
    pub(super) async fn privileges(&self) -> Result<Result<Privileges, BackendError>, BackendError> {
        let answered = credentials_first(self.panel.get(&MYPRIVS, &[]).await)?;
        Ok(answered.and_then(|payload| {
            let read = Privileges::read(&payload);
            read.ok_or_else(|| MYPRIVS.unexpected("it tells of no privilege in any known way".into()))
        }))
    }

    fn watch(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn privileges_are_read_in_every_likely_shape_and_their_loss_is_seen() {
        let flags = json!({"list-accts": 1, "show-bandwidth": "1", "all": 0});
        for told in [
            json!({ "privileges": [flags.clone()] }),
            json!({ "privileges": flags.clone() }),
            flags,
            json!(["list-accts", "show-bandwidth"]),
        ] {
            let read = Privileges::read(&told).expect("privileges");
            assert_eq!(read.shown(), "list-accts, show-bandwidth", "{told}");
            assert!(read.allows("list-accts") && !read.allows("suspend-acct"), "{told}");
        }
        for none in [json!(null), json!({}), json!({ "privileges": [{ "all": 0 }] }), json!([7])] {
            assert_eq!(Privileges::read(&none), None, "{none}");
        }
        let root = Privileges::read(&json!({ "all": 1 })).expect("privileges");
        assert!(root.allows("suspend-acct") && root.shown() == "all");
        let (mut watch, day) = (Watch::default(), UsageDay::FIRST);
        watch.take(day, root);
        assert!(watch.lost().is_empty());
        watch.take(day.next(), Privileges::read(&json!(["list-accts"])).expect("privileges"));
        assert_eq!(watch.lost(), ["all"]);
    }
}
