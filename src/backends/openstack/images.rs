//! What Glance keeps for each project: the bytes of its images, once, on however many stores they lie.
//!
//! Source: Glance's API v2, `GET /v2/images`. A list leaves out hidden images and those of the community unless both are
//! asked for; pages are followed by the `next` at the top of the answer.

use serde_json::Value;

use super::OpenStack;
use super::catalogue::Service;
use super::paging::PAGE;
use super::projects::{Projects, plain};
use super::session::ApiCall;
use super::sizes::{Sizes, add};
use crate::backends::kit::json::type_of;
use crate::backends::{BackendError, PollRequest};

/// The states in which nothing is kept: before the upload has ended, and when the image is gone.
const NOTHING_KEPT: [&str; 7] =
    ["queued", "saving", "uploading", "importing", "killed", "deleted", "pending_delete"];

impl OpenStack {
    /// The images of everybody, hidden ones too.
    pub(super) async fn images(&self, projects: &Projects, ask: &PollRequest) -> Result<Sizes, BackendError> {
        let mut sizes = Sizes::new();
        for hidden in ["false", "true"] {
            let call = ApiCall::get(Service::Images, "images")
                .with("visibility", "all")
                .with("os_hidden", hidden)
                .with("limit", PAGE);
            for row in self.cloud.rows(&call, "images").await?.iter().filter(|row| is_kept(row)) {
                if let Some(owner) = owner(row)? {
                    add(&mut sizes, plain(owner), size(row));
                }
            }
        }
        if !sizes.keys().any(|id| projects.metered.contains_key(id)) {
            self.must_see_all("images", projects, ask).await?;
        }
        Ok(sizes)
    }
}

/// Whose an image is. One of the cloud itself may be nobody's.
fn owner(row: &Value) -> Result<Option<&str>, BackendError> {
    match &row["owner"] {
        Value::String(owner) => Ok(Some(owner)),
        Value::Null if row.get("owner").is_some() => Ok(None),
        other => {
            let detail = format!("owner of image {} is {}, expected a project's id", id(row), type_of(other));
            Err(BackendError::Unexpected { at: "images".into(), detail })
        }
    }
}

fn is_kept(row: &Value) -> bool {
    !row["status"].as_str().is_some_and(|status| NOTHING_KEPT.contains(&status))
}

/// The size of an image in bytes.
fn size(row: &Value) -> Result<u64, String> {
    let odd = |came: String| format!("image {}: size is {came}, expected bytes", id(row));
    match &row["size"] {
        Value::Number(number) => {
            number.as_u64().filter(|bytes| *bytes <= i64::MAX as u64).ok_or_else(|| odd(number.to_string()))
        }
        other => Err(odd(type_of(other).to_string())),
    }
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap_or("without id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_counts_once_it_is_there_and_an_odd_size_is_no_nothing() {
        for (status, kept) in [
            ("active", true),
            ("deactivated", true),
            ("saving", false),
            ("queued", false),
            ("new word", true),
        ] {
            assert_eq!(is_kept(&json!({ "status": status, "size": null })), kept, "{status}");
        }
        assert_eq!(size(&json!({ "size": 2_252_800 })), Ok(2_252_800));
        for odd in [json!(null), json!(-1), json!(1.5), json!("7"), json!(u64::MAX)] {
            let problem = size(&json!({ "id": "6", "size": odd })).expect_err("odd");
            assert!(problem.contains("image 6: size is"), "{problem}");
        }
    }

    #[test]
    fn an_image_may_be_nobodys_but_not_of_an_unknown_owner() {
        assert_eq!(owner(&json!({ "owner": "a" })).expect("told"), Some("a"));
        assert_eq!(owner(&json!({ "owner": null })).expect("told"), None);
        assert!(owner(&json!({ "id": "6" })).is_err());
    }
}
