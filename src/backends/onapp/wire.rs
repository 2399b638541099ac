//! The panel's objects as far as they are used. Pure.
//!
//! Every object is wrapped in its root key. Rows hold root and console passwords beside what is read here: nothing else
//! of them is kept, and no error shows a value that is not named here.

use serde_json::Value;

use super::amount;
use crate::backends::kit::json::whole;
use crate::domain::{AccountName, Bytes, Identity, Timestamp};

/// An object without its root key; `None` where there is no object.
pub(super) fn unwrapped(value: Value) -> Option<Value> {
    let Value::Object(fields) = value else { return None };
    match fields.len() {
        1 if fields.values().all(Value::is_object) => fields.into_values().next(),
        _ => Some(Value::Object(fields)),
    }
}

/// The number of an object, as a text: nobody calculates with it.
pub(super) fn id(row: &Value) -> Option<String> {
    number(row, "id")
}

/// A number that names something.
pub(super) fn number(row: &Value, key: &str) -> Option<String> {
    row.get(key).and_then(whole).map(|number| number.to_string())
}

/// A text with something in it.
pub(super) fn text<'a>(row: &'a Value, key: &str) -> Option<&'a str> {
    row.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A truth: as one, or as 1 and 0.
pub(super) fn truth(row: &Value, key: &str) -> Option<bool> {
    match row.get(key)? {
        Value::Bool(truth) => Some(*truth),
        other => whole(other).filter(|number| *number < 2).map(|number| number == 1),
    }
}

/// An instant with its offset, whatever zone the panel's user has.
pub(super) fn time(row: &Value, key: &str) -> Option<Timestamp> {
    let time = chrono::DateTime::parse_from_rfc3339(text(row, key)?).ok()?;
    Timestamp::from_utc(time.to_utc()).ok()
}

/// A virtual server.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// Its number, which is the account's name.
    pub name: AccountName,
    /// Whose it is.
    pub user: Option<String>,
    pub identity: Identity,
    pub domain: Option<String>,
    pub package: Option<String>,
    pub created: Option<Timestamp>,
    pub booted: Option<bool>,
    pub locked: Option<bool>,
    pub suspended: Option<bool>,
    /// Allocated disk, or what is wrong with it.
    pub disk: Result<Bytes, String>,
    /// It is deleted, and still listed.
    pub is_deleted: bool,
}

impl Machine {
    /// Whether it is surely off: nobody is at work on it.
    pub fn is_off(&self) -> bool {
        self.booted == Some(false) && self.locked != Some(true)
    }

    /// Reads one; the error names what makes it no server.
    pub fn read(row: &Value, gigabyte: u64) -> Result<Machine, String> {
        let id = id(row).ok_or("a virtual server is listed without id")?;
        Ok(Machine {
            name: AccountName::new(&id).map_err(|error| error.to_string())?,
            user: number(row, "user_id"),
            identity: identity(row, &id),
            domain: domain(row),
            package: number(row, "instance_package_id"),
            created: time(row, "created_at"),
            booted: truth(row, "booted"),
            locked: truth(row, "locked"),
            suspended: truth(row, "suspended"),
            disk: amount::whole("total_disk_size", row.get("total_disk_size"), gigabyte),
            is_deleted: text(row, "deleted_at").is_some(),
        })
    }
}

/// A random text that is never given twice, where the object has one.
fn identity(row: &Value, id: &str) -> Identity {
    match text(row, "identifier") {
        Some(identifier) => Identity::new().with_unique(identifier),
        None => Identity::new().with("id", id),
    }
}

/// The whole name of a host, as services are sold with it.
fn domain(row: &Value) -> Option<String> {
    let host = text(row, "hostname").or_else(|| text(row, "label"))?;
    match text(row, "domain").filter(|_| !host.contains('.')) {
        Some(domain) => Some(format!("{host}.{domain}")),
        None => Some(host.to_string()),
    }
}

/// A user.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// Its login, which is the account's name.
    pub name: AccountName,
    pub id: String,
    pub identity: Identity,
    pub group: Option<String>,
    /// The field that its plan stands in, and the plan's number.
    pub plan: Option<(&'static str, u64)>,
    pub created: Option<Timestamp>,
    /// As the panel writes it: `active`, `suspended`.
    pub status: Option<String>,
    /// Allocated disk, where the answer has it, or what is wrong with it.
    pub disk: Option<Result<Bytes, String>>,
    /// It is deleted, and still listed.
    pub is_deleted: bool,
}

impl User {
    /// Reads one; the error names what makes it no user.
    pub fn read(row: &Value, gigabyte: u64) -> Result<User, String> {
        let id = id(row).ok_or("a user is listed without id")?;
        let login = text(row, "login").ok_or_else(|| format!("user {id} is listed without login"))?;
        let status = text(row, "status").map(str::to_lowercase);
        let plan = ["bucket_id", "billing_plan_id"].into_iter();
        let is_deleted = text(row, "deleted_at").is_some() || status.as_deref() == Some("deleted");
        Ok(User {
            name: AccountName::new(login).map_err(|error| error.to_string())?,
            identity: identity(row, &id),
            id,
            group: number(row, "user_group_id"),
            plan: plan.filter_map(|key| Some((key, whole(row.get(key)?)?))).next(),
            created: time(row, "created_at"),
            is_deleted,
            status,
            disk: row.get("used_disk_size").map(|disk| amount::whole("used_disk_size", Some(disk), gigabyte)),
        })
    }

    /// Whether it is suspended; unknown where the word is neither of the two.
    pub fn suspended(&self) -> Option<bool> {
        match self.status.as_deref() {
            Some("active") => Some(false),
            Some("suspended") => Some(true),
            _ => None,
        }
    }
}

/// A network interface of a virtual server.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub id: String,
    pub label: Option<String>,
    /// Its port speed exactly as it was written: 0 or null is none.
    pub rate_limit: Value,
    pub created: Option<Timestamp>,
}

impl Interface {
    /// Reads one.
    pub fn read(row: &Value) -> Result<Interface, String> {
        Ok(Interface {
            id: id(row).ok_or("an interface is listed without id")?,
            label: text(row, "label").map(str::to_string),
            rate_limit: row.get("rate_limit").cloned().unwrap_or_default(),
            created: time(row, "created_at"),
        })
    }
}

/// A CDN resource and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub id: String,
    pub user: String,
}

impl Resource {
    /// Reads one: without its user it would be billed to nobody, or to the wrong one.
    pub fn read(row: &Value) -> Result<Resource, String> {
        let id = id(row).ok_or("a CDN resource is listed without id")?;
        let user =
            number(row, "user_id").ok_or_else(|| format!("CDN resource {id} is listed without user_id"))?;
        Ok(Resource { id, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_lose_their_root_key_and_nothing_else() {
        let one = json!({"virtual_machine": {"id": 7}});
        assert_eq!(unwrapped(one), Some(json!({"id": 7})));
        assert_eq!(unwrapped(json!({"cost": 3.49, "month": 1})), Some(json!({"cost": 3.49, "month": 1})));
        assert_eq!((unwrapped(json!(7)), unwrapped(json!(null))), (None, None));
    }

    #[test]
    fn servers_of_old_and_new_releases_are_read() {
        let old = json!({"id": "12", "label": "db", "total_disk_size": "51.0", "booted": 1, "suspended": "0",
            "created_at": "2015-02-28T07:54:47+07:00", "deleted_at": ""});
        let machine = Machine::read(&old, 1 << 30).expect("a server");
        assert_eq!(
            (machine.disk.map(Bytes::get), machine.booted, machine.suspended),
            (Ok(51 << 30), Some(true), Some(false))
        );
        assert_eq!(machine.created.map(|at| at.to_string()).as_deref(), Some("2015-02-28T00:54:47Z"));
        assert_eq!((machine.domain.as_deref(), machine.identity.part("id")), (Some("db"), Some("12")));
        assert!(!machine.is_deleted && machine.locked.is_none());
        let host = |hostname: &str, domain: &str| {
            Machine::read(&json!({"id": 1, "hostname": hostname, "domain": domain}), 1)
                .expect("a server")
                .domain
        };
        assert_eq!(host("web-01", "example.test").as_deref(), Some("web-01.example.test"));
        assert_eq!(host("web.example.test", "localdomain").as_deref(), Some("web.example.test"));
        let nameless = Machine::read(&json!({"initial_root_password": "hunter2"}), 1).expect_err("no id");
        assert!(nameless.contains("id") && !nameless.contains("hunter2"));
    }

    #[test]
    fn users_tell_their_plan_and_whether_they_are_there() {
        let row = json!({"id": 117, "login": "müller & co", "status": "Suspended", "billing_plan_id": "12", "deleted_at": null});
        let user = User::read(&row, 1).expect("a user");
        assert_eq!(
            (user.name.as_str(), user.suspended(), user.plan),
            ("müller & co", Some(true), Some(("billing_plan_id", 12)))
        );
        assert!(user.disk.is_none() && !user.is_deleted);
        let other = |status: &str| {
            User::read(&json!({"id": 1, "login": "a", "status": status, "used_disk_size": -1}), 1)
                .expect("a user")
        };
        assert_eq!((other("locked").suspended(), other("deleted").is_deleted), (None, true));
        assert!(other("active").disk.expect("there").is_err());
        assert!(User::read(&json!({"id": 1, "login": ""}), 1).is_err());
    }
}
