//! Who pays: a service of WHMCS, a name on one of its servers before WHMCS has sent its services, or none.

use std::fmt;
use std::sync::Arc;

/// Who pays for what an account uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// No owner: it is reported as unbilled.
    #[default]
    Unowned,
    /// Whatever service has this name on this server: WHMCS has not sent its services yet.
    Name {
        /// `tblservers.id`.
        server: i64,
        /// The username, as the panel spells it.
        name: Arc<str>,
    },
    /// A service, by `tblhosting.id`.
    Service(i64),
}

impl Owner {
    /// The service, if it is one.
    pub fn service(&self) -> Option<i64> {
        match self {
            Owner::Service(id) => Some(*id),
            _ => None,
        }
    }

    /// Who it is, for people.
    pub fn in_words(&self) -> String {
        match self {
            Owner::Name { server, name } => format!(
                "whatever service of WHMCS server {server} has the username {name} (WHMCS had not sent its services)"
            ),
            Owner::Unowned => "nobody".into(),
            Owner::Service(id) => format!("service {id}"),
        }
    }

    /// The owner of a name on a server.
    pub fn named(server: i64, name: &str) -> Owner {
        Owner::Name { server, name: name.into() }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Unowned => f.write_str("nobody"),
            Owner::Name { server, name } => write!(f, "{name} on server {server}"),
            Owner::Service(id) => write!(f, "service {id}"),
        }
    }
}
