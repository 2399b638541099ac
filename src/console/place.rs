//! A place in a list that stays the same place while rows come and go: the cursor of a page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::asked::refused;
use crate::problem::Problem;

/// The last row of the page before. Names have no control characters, so a line break keeps them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An account of a backend.
    Account { backend: String, name: String },
    /// A service of a WHMCS server: services follow all accounts.
    Service { server: i64, id: i64 },
}

impl Place {
    /// As it is given out.
    pub fn cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Place::Account { backend, name } => format!("{backend}\n{name}"),
            Place::Service { server, id } => format!("\n{server}\n{id}"),
        })
    }

    /// As it comes back.
    pub fn read(cursor: Option<&String>) -> Result<Option<Place>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().map(|text| text.split('\n').collect::<Vec<_>>()).unwrap_or_default();
        let place = match parts.as_slice() {
            ["", server, id] => {
                server.parse().ok().zip(id.parse().ok()).map(|(server, id)| Place::Service { server, id })
            }
            [backend, name] if !backend.is_empty() => {
                Some(Place::Account { backend: backend.to_string(), name: name.to_string() })
            }
            _ => None,
        };
        let wrong = || refused("cursor is not one that was given out; begin again without one");
        place.map(Some).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_place_it_was_and_others_are_refused() {
        for place in [
            Place::Account { backend: "s3/é".into(), name: "a b\"".into() },
            Place::Service { server: 12, id: -7 },
        ] {
            assert_eq!(Place::read(Some(&place.cursor())).expect("read"), Some(place));
        }
        for wrong in
            ["x", "12", "", "!!", &URL_SAFE_NO_PAD.encode("alone"), &URL_SAFE_NO_PAD.encode("\n1\nx")]
        {
            assert!(Place::read(Some(&wrong.to_string())).is_err(), "{wrong}");
        }
    }
}
