//! Whose a guest is: by its number, its pool, one of its tags or its name. Pure.
//!
//! Proxmox knows no customers. A guest that no rule fits, or two fit, is unowned and is said to be.

use serde::Deserialize;

use super::cluster::Guest;

/// What stands for the account's name in a pattern.
const ID: &str = "<ID>";

/// Which field of a guest names its account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    /// Its number, which is unique in the cluster over machines and containers.
    #[default]
    Guest,
    /// Its pool.
    Pool,
    /// One of its tags.
    Tag,
    /// Its name.
    Name,
}

/// How accounts are distinguished from guests.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    by: By,
    before: String,
    after: String,
}

/// Whose a guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The account with this name.
    Account(String),
    /// No account's.
    Orphan,
    /// More than one account could be meant.
    Ambiguous,
    /// The row does not say: what would report is left out while the node is silent.
    Unknown,
}

impl Mapping {
    /// A mapping; the problem with `pattern` where there is one.
    pub fn new(by: By, pattern: Option<&str>) -> Result<Mapping, String> {
        let pattern = match (by, pattern) {
            (By::Guest, Some(_)) => return Err("means nothing with account = \"guest\"".into()),
            (By::Tag, None) => {
                return Err(format!("missing; say which tags are accounts, like \"svc-{ID}\""));
            }
            (_, pattern) => pattern.unwrap_or(ID),
        };
        match pattern.split(ID).collect::<Vec<_>>().as_slice() {
            [before, after] => Ok(Mapping { by, before: before.to_string(), after: after.to_string() }),
            _ => Err(format!("must hold {ID} once")),
        }
    }

    /// Whether pools report, which a user has to be let see.
    pub fn is_by_pool(&self) -> bool {
        self.by == By::Pool
    }

    /// Which field of a guest names its account, for people.
    pub fn reported_by(&self) -> &'static str {
        match self.by {
            By::Guest => "number",
            By::Pool => "pool",
            By::Tag => "tag",
            By::Name => "name",
        }
    }

    /// The text that an account's guests carry.
    pub fn text_of(&self, account: &str) -> String {
        format!("{}{account}{}", self.before, self.after)
    }

    /// Whose `guest` is.
    pub fn owner(&self, guest: &Guest<'_>) -> Owner {
        let row = &guest.row;
        let silent = guest.is_unknown();
        match self.by {
            By::Guest => Owner::Account(guest.vmid.to_string()),
            By::Pool => self.one_of(row.pool.text().into_iter(), false),
            By::Name => self.one_of(row.name.text().into_iter(), silent),
            // Semicolons are written by all releases; the others are read by them (PVE::Tools).
            By::Tag => self.one_of(row.tags.text().unwrap_or_default().split([';', ',', ' ']), silent),
        }
    }

    fn one_of<'t>(&self, texts: impl Iterator<Item = &'t str>, silent: bool) -> Owner {
        let mut found = None;
        for name in texts.filter_map(|text| self.name_in(text)) {
            match found {
                Some(other) if other != name => return Owner::Ambiguous,
                _ => found = Some(name),
            }
        }
        match found {
            Some(name) => Owner::Account(name.to_string()),
            None if silent => Owner::Unknown,
            None => Owner::Orphan,
        }
    }

    fn name_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let name = text.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        (!name.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cluster::Listing;
    use super::*;

    fn owner(by: By, pattern: Option<&str>, row: &str) -> Owner {
        let text = format!(r#"{{"data":[{{"id":"qemu/104","type":"qemu","vmid":104{row}}}]}}"#);
        let mut spare = Vec::new();
        let listing = Listing::read(text.as_bytes(), &mut spare).expect("a listing");
        Mapping::new(by, pattern).expect("a mapping").owner(&listing.guests[0])
    }

    #[test]
    fn each_way_to_tell_an_account() {
        let account = |name: &str| Owner::Account(name.into());
        let table = [
            (By::Guest, None, "", account("104")),
            (By::Pool, None, r#","pool":"cust-88""#, account("cust-88")),
            (By::Pool, Some("cust-<ID>"), r#","pool":"cust-88""#, account("88")),
            (By::Pool, Some("cust-<ID>"), r#","pool":"staff""#, Owner::Orphan),
            (By::Pool, None, "", Owner::Orphan),
            (By::Pool, None, r#","status":"unknown""#, Owner::Orphan),
            (By::Tag, Some("svc-<ID>"), r#","tags":"gold;svc-1207""#, account("1207")),
            (By::Tag, Some("svc-<ID>"), r#","tags":"svc-7,svc-7""#, account("7")),
            (By::Tag, Some("svc-<ID>"), r#","tags":"svc-7;svc-8""#, Owner::Ambiguous),
            (By::Tag, Some("svc-<ID>"), r#","tags":"svc-""#, Owner::Orphan),
            (By::Tag, Some("svc-<ID>"), r#","status":"unknown""#, Owner::Unknown),
            (By::Name, Some("<ID>.example.net"), r#","name":"web-1.example.net""#, account("web-1")),
            (By::Name, None, r#","name":"web-1""#, account("web-1")),
            (By::Name, Some("aa<ID>aa"), r#","name":"aaa""#, Owner::Orphan),
        ];
        for (by, pattern, row, wanted) in table {
            assert_eq!(owner(by, pattern, row), wanted, "{by:?} {pattern:?} {row}");
        }
    }
}
