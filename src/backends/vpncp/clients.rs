//! The panel's clients as it lists them: name, network, status and bandwidth, under any known name.
//!
//! Reads only these fields: the same objects hold private keys and passwords in clear.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::backends::kit::json::{self, field, keys, rows, type_of, whole};
use crate::domain::AccountName;

/// The names a field goes by: 2.x documents some twice, 1.x has its own (PUQVPNCP 06-clients.md and
/// 18-api.md; doc/20. API, "VPN accounts").
const NAME: [&str; 3] = ["name", "client_name", "client"];
const NETWORK: [&str; 3] = ["network_name", "network", "wg_name"];
const DOWN: [&str; 3] = ["b_download", "bandwidth_download", "download_limit"];
const UP: [&str; 3] = ["b_upload", "bandwidth_upload", "upload_limit"];
const STATUS: [&str; 3] = ["status", "enabled", "state"];
const LISTS: [&str; 5] = ["clients", "items", "list", "accounts", "data"];

/// A bandwidth of a client's own in Mbit/s, with the field it stands in. 0 is "none of its own".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cap {
    pub field: &'static str,
    pub mbit: u64,
}

/// One client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Client {
    pub name: AccountName,
    pub network: Option<String>,
    /// The field and value the status stands in, as it came.
    pub status: Option<(&'static str, Value)>,
    pub down: Option<Cap>,
    pub up: Option<Cap>,
}

impl Client {
    /// Reads one client; `key` is what it stood under, where that may be its name.
    pub fn read(key: Option<&str>, value: &Value) -> Result<Client, String> {
        let Value::Object(object) = value else {
            return Err(format!("a client is {}, expected an object", type_of(value)));
        };
        let name = json::text(object, &NAME).or(key);
        let name = name.ok_or_else(|| format!("a client has no name among {}", keys(object)))?;
        // A dot is a step within a path, not a name of something in it.
        if [".", ".."].contains(&name) {
            return Err(format!("a client is called {name:?}"));
        }
        Ok(Client {
            name: AccountName::new(name).map_err(|error| error.to_string())?,
            network: json::text(object, &NETWORK).map(str::to_string),
            status: field(object, &STATUS).map(|(name, value)| (name, value.clone())),
            down: cap(object, &DOWN),
            up: cap(object, &UP),
        })
    }

    /// Whether it is switched off; `None` for an unknown word.
    pub fn suspended(&self) -> Option<bool> {
        let (_, value) = self.status.as_ref()?;
        let word = match value {
            Value::Bool(on) => return Some(!on),
            Value::Number(number) => number.to_string(),
            Value::String(word) => word.to_lowercase(),
            _ => return None,
        };
        let begins = |starts: &[&str]| starts.iter().any(|start| word.starts_with(start));
        if begins(&["enable", "active"]) || matches!(word.as_str(), "true" | "1") {
            Some(false)
        } else if begins(&["disable", "suspend"]) || matches!(word.as_str(), "false" | "0") {
            Some(true)
        } else {
            None
        }
    }

    /// Both bandwidths for people.
    pub fn caps(&self) -> String {
        let shown = [self.down, self.up].map(|cap| match cap {
            Some(Cap { field, mbit }) => format!("{field} {mbit}"),
            None => "no bandwidth".into(),
        });
        shown.join(", ")
    }
}

/// `null` and an empty text are how "no bandwidth of its own" is stored, and 0 is how it is written.
fn cap(object: &Map<String, Value>, names: &[&'static str]) -> Option<Cap> {
    let (field, value) = field(object, names)?;
    let mbit = match value {
        Value::Null => 0,
        Value::String(text) if text.is_empty() => 0,
        value => whole(value)?,
    };
    Some(Cap { field, mbit })
}

/// What really slows a client: its own bandwidth, else the network's default, else nothing. The papers
/// call 0 both "unlimited" and "the network's default"; since 2.1.1 both are true in this order.
pub(super) fn effective(own: Option<Cap>, network: Option<Cap>) -> Option<u64> {
    [own, network].into_iter().flatten().map(|cap| cap.mbit).find(|mbit| *mbit > 0)
}

/// The clients of a list, and why some rows are none.
pub(super) fn read(payload: &Value) -> Result<(Vec<Client>, Vec<String>), String> {
    let rows = rows(payload, &LISTS).ok_or_else(|| {
        let top = payload.as_object().map_or_else(|| "[]".to_string(), keys);
        format!(
            "top-level keys {top}, payload {}; expected result/message/data with an array",
            type_of(payload)
        )
    })?;
    let (mut clients, mut strange, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (key, row) in rows {
        match Client::read(key, row) {
            // One row per network or protocol is still one client, whose traffic counts once.
            Ok(client) if !names.insert(client.name.clone()) => {
                strange.push(format!("{} is listed twice", client.name));
            }
            Ok(client) => clients.push(client),
            Err(why) => strange.push(why),
        }
    }
    Ok((clients, strange))
}

/// One client as `GET /client/{name}` shows it, alone or wrapped once more.
pub(super) fn one(payload: &Value, name: &AccountName) -> Result<Client, String> {
    let wrapped = match payload {
        Value::Array(items) if items.len() == 1 => &items[0],
        Value::Object(object) => match field(object, &["client", "account"]) {
            Some((_, inner @ Value::Object(_))) => inner,
            _ => payload,
        },
        _ => payload,
    };
    let client = Client::read(Some(name.as_str()), wrapped)?;
    match client.name == *name {
        true => Ok(client),
        false => Err(format!("asked for {name}, got {}", client.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn payload(text: &str) -> Value {
        let mut root: Value = serde_json::from_str(text).expect("JSON");
        let object = root.as_object_mut().expect("an envelope");
        object.remove("data").or_else(|| object.remove("msg")).expect("a payload")
    }

    #[test]
    fn both_generations_are_read_and_no_secret_is_kept() {
        let (first, strange) = read(&payload(include_str!("testdata/account.v1.json"))).expect("a list");
        assert_eq!((first.len(), strange.len()), (2, 0));
        let one = &first[0];
        assert_eq!((one.name.as_str(), one.network.as_deref()), ("vpn-17-4101-abcd", Some("Default_3")));
        assert_eq!(
            (one.down, one.up),
            (Some(Cap { field: "b_download", mbit: 25 }), Some(Cap { field: "b_upload", mbit: 10 }))
        );
        assert_eq!((one.suspended(), first[1].suspended()), (Some(false), Some(true)));
        assert!(!format!("{first:?}").contains("hunter2"), "{first:?}");
        let (second, strange) = read(&payload(include_str!("testdata/client.v2.json"))).expect("a list");
        assert_eq!((second.len(), strange.len()), (2, 0));
        assert_eq!(
            (second[0].network.as_deref(), second[0].caps().as_str()),
            (Some("office"), "b_download 25, b_upload 10")
        );
        assert_eq!(second[1].down, Some(Cap { field: "b_download", mbit: 0 }));
    }

    #[test]
    fn every_alias_is_understood() {
        let row = json!({"client_name": "a", "network": "n", "state": "Disabled", "bandwidth_download": "7", "upload_limit": null});
        let client = Client::read(None, &row).expect("a client");
        assert_eq!(client.caps(), "bandwidth_download 7, upload_limit 0");
        assert_eq!((client.network.as_deref(), client.suspended()), (Some("n"), Some(true)));
        let bare =
            Client::read(Some("key"), &json!({"b_download": -1, "status": "paused"})).expect("a client");
        assert_eq!((bare.name.as_str(), bare.down, bare.suspended()), ("key", None, None));
        for (word, suspended) in [
            (json!("Enable"), Some(false)),
            (json!("ACTIVE"), Some(false)),
            (json!(true), Some(false)),
            (json!(0), Some(true)),
            (json!("suspended"), Some(true)),
            (json!(null), None),
        ] {
            let client = Client::read(Some("a"), &json!({"status": word})).expect("a client");
            assert_eq!(client.suspended(), suspended, "{word}");
        }
    }

    #[test]
    fn rows_without_a_name_are_told_by_their_keys_alone() {
        let (clients, strange) =
            read(&json!([{"id": 7, "password": "hunter2"}, "x", {"name": ".."}])).expect("a list");
        assert!(clients.is_empty());
        assert_eq!(strange[0], "a client has no name among [id, password]");
        assert_eq!(strange.len(), 3);
        let (clients, strange) =
            read(&json!([{"name": "a", "b_download": 1}, {"name": "a"}])).expect("a list");
        assert_eq!((clients.len(), &strange[..]), (1, &["a is listed twice".to_string()][..]));
        let error = read(&json!({"total": 3})).expect_err("no list");
        assert!(error.contains("top-level keys [total], payload an object"), "{error}");
    }

    #[test]
    fn one_client_is_itself_and_nobody_else() {
        let name = AccountName::new("a").expect("a name");
        for wrapped in
            [json!({"name": "a"}), json!([{"name": "a"}]), json!({"client": {"name": "a"}}), json!({})]
        {
            assert_eq!(one(&wrapped, &name).expect("a client").name, name, "{wrapped}");
        }
        assert!(one(&json!({"name": "b"}), &name).expect_err("another").contains("got b"));
    }

    #[test]
    fn what_slows_a_client_is_its_own_cap_before_the_networks() {
        let cap = |mbit| Some(Cap { field: "b_download", mbit });
        assert_eq!(effective(cap(5), cap(50)), Some(5));
        assert_eq!(effective(cap(0), cap(50)), Some(50));
        assert_eq!(effective(cap(0), cap(0)), None);
        assert_eq!(effective(None, None), None);
    }
}
