//! The services' JSON as structs, where it is not read field by field. Nobody outside this folder sees them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::catalogue::Entry;
use super::time;
use crate::domain::Timestamp;

/// One thing that Gnocchi has metrics of.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Resource {
    pub id: String,
    #[serde(default)]
    pub project_id: Option<String>,
    #[serde(default)]
    pub instance_id: Option<String>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    ended_at: Option<String>,
    #[serde(default)]
    pub metrics: BTreeMap<String, String>,
}

impl Resource {
    /// When Gnocchi first saw it.
    pub fn started(&self) -> Option<Timestamp> {
        self.started_at.as_deref().and_then(time::parsed)
    }

    /// When it was deleted, or when its measures stopped.
    pub fn ended(&self) -> Option<Timestamp> {
        self.ended_at.as_deref().and_then(time::parsed)
    }
}

/// The policy of a metric, as `GET /v1/metric/{id}` has it.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    pub archive_policy: Policy,
}

/// How a metric is aggregated, and for how long.
#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    #[serde(default)]
    pub aggregation_methods: Vec<String>,
    #[serde(default)]
    pub definition: Vec<Archive>,
}

/// Windows of one length, and how far back they are kept; both are texts such as `0:05:00`, or seconds.
#[derive(Debug, Deserialize)]
pub(super) struct Archive {
    pub granularity: Value,
    pub timespan: Value,
}

/// The answer to a login; the token itself is in a header.
#[derive(Deserialize)]
pub(super) struct TokenBody {
    pub token: TokenInside,
}

/// What a token is good for.
#[derive(Deserialize)]
pub(super) struct TokenInside {
    #[serde(default)]
    pub expires_at: Option<String>,
    #[serde(default)]
    pub issued_at: Option<String>,
    /// Absent in a token of another scope.
    #[serde(default)]
    pub project: Option<Named>,
    #[serde(default)]
    pub roles: Vec<Named>,
    #[serde(default)]
    pub catalog: Vec<Entry>,
}

/// A project, or a role.
#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub name: String,
}
