//! A place in a list that stays the same place while rows come and go: the cursor of a page.

use crate::web::{Problem, cursor_of, parts_of};

/// The last row of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// An account of a backend.
    Account { backend: String, name: String },
    /// A service of a WHMCS server: services follow all accounts.
    Service { server: i64, id: i64 },
}

impl Cursor {
    /// As it is given out.
    pub fn token(&self) -> String {
        match self {
            Cursor::Account { backend, name } => cursor_of(&[backend, name]),
            Cursor::Service { server, id } => cursor_of(&["", &server.to_string(), &id.to_string()]),
        }
    }

    /// As it comes back.
    pub fn read(cursor: Option<&String>) -> Result<Option<Cursor>, Problem> {
        parts_of(cursor, |parts| match parts {
            ["", server, id] => Some(Cursor::Service { server: server.parse().ok()?, id: id.parse().ok()? }),
            [backend, name] if !backend.is_empty() => {
                Some(Cursor::Account { backend: backend.to_string(), name: name.to_string() })
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_place_it_was_and_others_are_refused() {
        for cursor in [
            Cursor::Account { backend: "s3/é".into(), name: "a b\"".into() },
            Cursor::Service { server: 12, id: -7 },
        ] {
            assert_eq!(Cursor::read(Some(&cursor.token())).expect("read"), Some(cursor));
        }
        for wrong in ["x", "12", "", "!!", &cursor_of(&["alone"]), &cursor_of(&["", "1", "x"])] {
            assert!(Cursor::read(Some(&wrong.to_string())).is_err(), "{wrong}");
        }
    }
}
