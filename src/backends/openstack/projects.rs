//! Who is there: the projects of the cloud, and what each is called as an account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::OpenStack;
use super::catalogue::Service;
use super::session::{ADMIN, ApiCall, Grant};
use super::settings::NamedBy;
use crate::backends::BackendError;
use crate::domain::AccountName;

/// A tag that names the plan of a project, where the operator has given one.
const PLAN: &str = "plan:";

/// One project that is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Project {
    pub id: String,
    pub account: AccountName,
    pub domain: String,
    pub enabled: Option<bool>,
    pub plan: Option<String>,
    /// Why nothing of it can be told from another account: two projects have its name.
    pub is_ambiguous: bool,
}

/// The projects of the cloud.
#[derive(Debug, Default)]
pub(super) struct Projects {
    /// Those that are metered, by their plain id.
    pub metered: BTreeMap<String, Project>,
    /// The plain ids of those that are no customers.
    pub skipped: BTreeSet<String>,
    pub warnings: Vec<String>,
}

/// An id without the dashes that Gnocchi puts into it.
pub(super) fn plain(id: &str) -> String {
    id.replace('-', "").to_lowercase()
}

impl OpenStack {
    /// All projects, disabled ones too. A list that is cut is an error, never a short list.
    pub(super) async fn projects(&self) -> Result<Projects, BackendError> {
        let grant = self.cloud.grant().await?;
        let mut call = ApiCall::get(Service::Identity, "projects").with("limit", "500").needs(ADMIN);
        if let Some(domain) = &self.config.domain {
            call = call.with("domain_id", domain);
        }
        let rows = self.cloud.rows(&call, "projects").await?;
        let domains: BTreeSet<&str> = rows.iter().filter_map(|row| row["domain_id"].as_str()).collect();
        let wants_names = domains.len() > 1 || self.config.account == NamedBy::DomainAndName;
        let names = if wants_names { self.domain_names().await? } else { BTreeMap::new() };
        self.read_projects(&rows, &names, &grant)
    }

    fn read_projects(
        &self,
        rows: &[Value],
        domains: &BTreeMap<String, String>,
        grant: &Grant,
    ) -> Result<Projects, BackendError> {
        let mut projects = Projects::default();
        let (mut seen, mut names) = (BTreeSet::new(), BTreeMap::<AccountName, Vec<String>>::new());
        for row in rows {
            let odd = |detail: String| BackendError::Unexpected { at: "projects".into(), detail };
            let id = row["id"].as_str().filter(|id| !id.is_empty());
            let id =
                id.ok_or_else(|| odd("a row has no id, so that not everybody would be listed".into()))?;
            let key = plain(id);
            if !seen.insert(key.clone()) {
                return Err(odd("a project is listed twice: the pages moved while they were read".into()));
            }
            let name = row["name"].as_str().unwrap_or_default();
            let is_listed = self.config.skip_projects.iter().any(|skip| skip == name || plain(skip) == key);
            if is_listed || plain(&grant.project) == key || row["is_domain"] == true {
                projects.skipped.insert(key);
                continue;
            }
            let domain_id = row["domain_id"].as_str().unwrap_or_default();
            let domain = domains.get(domain_id).map_or(domain_id, String::as_str).to_string();
            let called = match self.config.account {
                NamedBy::Id => id.to_string(),
                NamedBy::Name => name.to_string(),
                NamedBy::DomainAndName => format!("{domain}/{name}"),
            };
            let account = match AccountName::new(&called) {
                Ok(account) => account,
                Err(error) => return Err(odd(format!("project {key} cannot be an account: {error}"))),
            };
            names.entry(account.clone()).or_default().push(key.clone());
            let tags = row["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let plan = tags.filter_map(|tag| tag.strip_prefix(PLAN)).next().map(String::from);
            let (id, enabled) = (id.to_string(), row["enabled"].as_bool());
            let project = Project { id, account, domain, enabled, plan, is_ambiguous: false };
            projects.metered.insert(key, project);
        }
        for (account, several) in names.into_iter().filter(|(_, keys)| keys.len() > 1) {
            let warning = format!(
                "{} projects are called {account}; set account = \"id\" or \"domain/name\"",
                several.len()
            );
            projects.warnings.push(warning);
            for key in several {
                projects.metered.entry(key).and_modify(|project| project.is_ambiguous = true);
            }
        }
        Ok(projects)
    }

    /// Names of domains by id; nothing where the login may not list them and no account is called by one.
    async fn domain_names(&self) -> Result<BTreeMap<String, String>, BackendError> {
        let call = ApiCall::get(Service::Identity, "domains").with("limit", "500");
        let rows = match self.cloud.rows(&call, "domains").await {
            Ok(rows) => rows,
            Err(failure) if self.config.account == NamedBy::DomainAndName => return Err(failure.into()),
            // The ids will do.
            Err(failure) if failure.refusal().is_some() => Vec::new(),
            Err(failure) => return Err(failure.into()),
        };
        let pair = |row: &Value| Some((row["id"].as_str()?.to_string(), row["name"].as_str()?.to_string()));
        Ok(rows.iter().filter_map(pair).collect())
    }

    /// The one project that is called so.
    pub(super) async fn project_called(&self, account: &AccountName) -> Result<Project, BackendError> {
        let projects = self.projects().await?;
        let mut found = projects.metered.into_values().filter(|project| project.account == *account);
        let project = found.next().ok_or_else(|| BackendError::NoSuchAccount(account.clone()))?;
        match project.is_ambiguous {
            false => Ok(project),
            true => {
                Err(BackendError::Unexpected { at: format!("project {account}"), detail: AMBIGUOUS.into() })
            }
        }
    }
}

/// What is said of accounts that are several projects.
pub(super) const AMBIGUOUS: &str =
    "several projects have this name in different domains; set account = \"id\" or \"domain/name\"";
