//! Lists in pages, as Keystone, Nova, Cinder, Manila, Neutron and Glance have them: each page has the address of the next.
//!
//! Only the query of that address is taken: its host may be an inner one, and its path has been wrong in a release.

use serde_json::Value;

use super::refusal::CallFailure;
use super::session::{ApiCall, Cloud};
use crate::backends::BackendError;
use crate::backends::kit::json::type_of;
use crate::backends::kit::pages::Cursors;
use crate::http::Url;

/// The most rows that are asked for at once: services cap what they give without a word.
pub(super) const PAGE: &str = "1000";

impl Cloud {
    /// All rows that stand under `key`, from the first page to the last.
    pub async fn rows(&self, first: &ApiCall, key: &'static str) -> Result<Vec<Value>, CallFailure> {
        let (mut rows, mut pages, mut call) = (Vec::new(), Cursors::of(key), first.clone());
        loop {
            let mut page: Value = self.json(&call).await?;
            let odd = |detail: String| BackendError::Unexpected { at: first.name(), detail };
            match page[key].take() {
                Value::Array(mut more) => rows.append(&mut more),
                other => return Err(odd(format!("{key} is {}, expected a list", type_of(&other))).into()),
            }
            let next = next_query(&page, key).map_err(odd)?;
            // The first rows of a list, without a word of the others.
            if next.is_none() && page["truncated"] == true {
                let detail = format!(
                    "the list is cut after {} rows (list_limit of the server), and there is no next page",
                    rows.len()
                );
                return Err(odd(detail).into());
            }
            match pages.next(next)? {
                Some(query) => call = first.clone().asking(query),
                None => return Ok(rows),
            }
        }
    }
}

/// The query of the next page: Keystone tells it in `links`, Glance as `next`, the others in a list beside their own.
fn next_query(page: &Value, key: &str) -> Result<Option<Vec<(String, String)>>, String> {
    let listed = page[format!("{key}_links").as_str()].as_array();
    let mut listed = listed.into_iter().flatten().filter(|link| link["rel"] == "next");
    let href = match listed.next() {
        Some(link) => &link["href"],
        None if page["next"].is_string() => &page["next"],
        None => &page["links"]["next"],
    };
    let Some(href) = href.as_str() else { return Ok(None) };
    // Some are paths without a host.
    let base = Url::parse("http://next.invalid/").map_err(|error| error.to_string())?;
    let url = base.join(href).map_err(|error| format!("the next page's address is none: {error}"))?;
    let query: Vec<_> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    match query.iter().any(|(name, _)| name == "marker" || name == "offset") {
        true => Ok(Some(query)),
        false => Err("the next page's address has no marker".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_page_is_told_in_two_ways_and_only_its_query_is_taken() {
        let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
        let wanted = Some(vec![pair("limit", "2"), pair("marker", "0c6d")]);
        for page in [
            json!({"links": {"next": "https://k/identity/identity/v3/projects?limit=2&marker=0c6d"}}),
            json!({"links": {"next": "/v3/projects?limit=2&marker=0c6d"}}),
            json!({"next": "/v2/images?limit=2&marker=0c6d"}),
            json!({"volumes_links": [{"rel": "next", "href": "http://10.0.0.1/v3/x/volumes/detail?limit=2&marker=0c6d"}]}),
        ] {
            assert_eq!(next_query(&page, "volumes"), Ok(wanted.clone()), "{page}");
        }
        for page in [json!({}), json!({"links": {"next": null}}), json!({"volumes_links": []})] {
            assert_eq!(next_query(&page, "volumes"), Ok(None), "{page}");
        }
        assert!(
            next_query(&json!({"links": {"next": "https://k/v3/projects?limit=2"}}), "projects").is_err()
        );
    }
}
