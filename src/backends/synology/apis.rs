//! What a NAS offers: its APIs, where each is, and in which versions. Never hard-coded: DSM 5, 6 and 7 differ. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::call::Offered;
use super::refusal::AUTH;
use crate::backends::BackendError;
use crate::backends::kit::json::whole;

/// The call that answers without a login, and where it is. The second place is for a DSM that has only one.
pub(super) const QUERY_PATHS: [&str; 2] = ["query.cgi", "entry.cgi"];

/// All that may be called.
pub(super) const ASKED_FOR: &str = "SYNO.API.Auth,SYNO.DSM.Info,SYNO.Core.User,SYNO.Core.User.Group,\
    SYNO.Core.Group.Member,SYNO.Core.Quota,SYNO.Core.Share,SYNO.Core.System,SYNO.Entry.Request";

/// Without these nothing can be metered.
const NEEDED: [&str; 3] = [AUTH, "SYNO.Core.User", "SYNO.Core.Quota"];

/// Where an API is, and its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Api {
    /// Below `/webapi/`.
    pub path: String,
    pub offered: Offered,
}

/// The APIs of one NAS by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Apis(BTreeMap<String, Api>);

impl Apis {
    /// Reads the answer of `SYNO.API.Info query`; what cannot be an API is passed over, and missed where it is needed.
    pub fn read(data: &Value) -> Result<Apis, BackendError> {
        let rows = data.as_object().into_iter().flatten();
        let all = rows.filter_map(|(name, row)| {
            let path = row.get("path")?.as_str().filter(|path| is_path(path))?.to_string();
            let version = |key| row.get(key).and_then(whole);
            let offered = Offered { least: version("minVersion").unwrap_or(1), most: version("maxVersion")? };
            Some((name.clone(), Api { path, offered }))
        });
        let apis = Apis(all.collect());
        match NEEDED.iter().find(|name| !apis.0.contains_key(**name)) {
            None => Ok(apis),
            Some(missing) => {
                let detail =
                    format!("the answer has no {missing}; DSM 6 or 7 is expected, at its own address");
                Err(BackendError::Unexpected { at: "SYNO.API.Info query".into(), detail })
            }
        }
    }

    /// One of them.
    pub fn get(&self, api: &str) -> Result<&Api, BackendError> {
        let missing = || BackendError::NotOffered(format!("this DSM has no {api}"));
        self.0.get(api).ok_or_else(missing)
    }

    /// How many there are of those asked for.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Whether it leads below `/webapi/`, and nowhere else.
fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    !path.is_empty()
        && path.bytes().all(plain)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_the_nas_own_and_lead_nowhere_else() {
        let mut data = json!({
            "SYNO.API.Auth": { "path": "auth.cgi", "minVersion": 1, "maxVersion": 6 },
            "SYNO.Core.User": { "path": "_______________________entry.cgi", "minVersion": 1, "maxVersion": "1" },
            "SYNO.Core.Quota": { "path": "entry.cgi", "maxVersion": 1, "requestFormat": "JSON" },
        });
        let apis = Apis::read(&data).expect("whole");
        assert_eq!(
            apis.get(AUTH).map(|api| (api.path.as_str(), api.offered.most)).ok(),
            Some(("auth.cgi", 6))
        );
        assert!(matches!(apis.get("SYNO.Core.Share"), Err(BackendError::NotOffered(_))));
        for path in ["../../etc", "/webapi", "a//b", "http://elsewhere", "", "entry.cgi?x=1"] {
            data["SYNO.Core.Quota"]["path"] = path.into();
            let error = Apis::read(&data).expect_err(path).to_string();
            assert!(error.contains("SYNO.Core.Quota"), "{error}");
        }
        assert!(Apis::read(&json!({})).is_err() && Apis::read(&json!([])).is_err());
    }
}
