//! One request, taken apart.

use super::cloud::{Cloud, Scope};
use super::reply::Reply;
use super::switches::Switches;
use super::world::World;
use crate::form::{Form, encoded};
use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

/// One request.
pub struct Call<'a> {
    /// The cloud.
    pub cloud: &'a Cloud,
    /// How it behaves.
    pub switches: &'a Switches,
    /// The method.
    pub method: &'a Method,
    /// The path, decoded, without its region.
    pub path: &'a [&'a str],
    /// The path as it was written.
    pub raw_path: &'a str,
    /// The query.
    pub query: Form,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// Scheme and host as the caller used them.
    pub base: String,
    /// It is about the second region, where nothing is.
    pub elsewhere: bool,
    /// What the token is good for.
    pub scope: Scope,
}

impl Call<'_> {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; what is none is null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }

    /// Whether the caller may see everybody's.
    pub fn is_admin(&self) -> bool {
        matches!(self.scope, Scope::Project(_)) && self.switches.roles.contains("admin")
    }

    /// Whether it is everybody's that is asked for, by somebody who may.
    pub fn wants_all(&self) -> bool {
        let told = self.query.get("all_tenants");
        self.is_admin() && ["1", "true", "True"].contains(&told)
    }

    /// Whether what is a project's is shown to the caller.
    pub fn shows(&self, world: &World, project: &str) -> bool {
        if self.elsewhere || !super::cloud::is_there(world, project) {
            return false;
        }
        match &self.scope {
            _ if self.wants_all() => true,
            Scope::Project(own) => own == project,
            _ => false,
        }
    }

    /// A page of rows after `marker`, at most `limit` and `most`; with the marker of the next page where it is full.
    pub fn page<T>(
        &self,
        rows: Vec<T>,
        most: usize,
        id: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Reply> {
        let limit = self.query.first("limit").map_or(Ok(most), str::parse);
        let limit = limit.map_err(|_| Reply::fault(400, "limit must be an integer"))?.min(most);
        let rest = match self.query.first("marker") {
            None => rows,
            Some(marker) => {
                let place = rows.iter().position(|row| id(row) == marker);
                let place =
                    place.ok_or_else(|| Reply::fault(400, &format!("marker [{marker}] not found")))?;
                rows.into_iter().skip(place + 1).collect()
            }
        };
        let page: Vec<T> = rest.into_iter().take(limit).collect();
        let next = page.last().filter(|_| page.len() == limit).map(id);
        Ok((page, next))
    }

    /// The query with another marker.
    pub fn query_after(&self, marker: &str) -> String {
        let others = self.query.pairs().iter().filter(|(name, _)| name != "marker");
        let told = others.map(|(name, value)| format!("{}={}", encoded(name, false), encoded(value, false)));
        told.chain([format!("marker={}", encoded(marker, false))]).collect::<Vec<_>>().join("&")
    }

    /// Links to the next page, as Nova, Cinder, Manila and Neutron write them.
    pub fn links(&self, next: Option<String>) -> Option<Value> {
        let base = match self.switches.internal_links {
            true => "http://10.0.0.5:8774",
            false => self.base.as_str(),
        };
        let next = format!("{base}{}?{}", self.raw_path, self.query_after(&next?));
        Some(json!([{ "rel": "next", "href": next }]))
    }
}
