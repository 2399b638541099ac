//! What the reports and the lists are asked for.

use serde::Deserialize;

use crate::domain::{AccountKey, AccountName, BackendId, InvalidName};
use crate::web::{Problem, parsed, rows_wanted};

/// The keys of a query, each as text: what is wrong with one is said by us.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleQuery {
    pub from: Option<String>,
    pub to: Option<String>,
    pub by: Option<String>,
    pub backend: Option<String>,
    pub account: Option<String>,
    pub meter: Option<String>,
    pub state: Option<String>,
    pub what: Option<String>,
    pub format: Option<String>,
    pub limit: Option<String>,
    pub cursor: Option<String>,
}

impl ConsoleQuery {
    /// How many rows are wanted, and after which one.
    pub fn page(&self) -> Result<(usize, Option<i64>), Problem> {
        let limit = rows_wanted(self.limit.as_ref())?;
        let cursor = parsed("cursor", self.cursor.as_ref(), str::parse::<i64>);
        Ok((limit, cursor?))
    }

    /// The account that is asked about; both names, or none.
    pub fn account(&self) -> Result<Option<AccountKey>, Problem> {
        match (&self.backend, &self.account) {
            (None, None) => Ok(None),
            (Some(backend), Some(account)) => {
                let name = |error: InvalidName| Problem::refused(error.to_string());
                let backend = BackendId::new(backend).map_err(name)?;
                Ok(Some(AccountKey { backend, name: AccountName::new(account).map_err(name)? }))
            }
            _ => Err(Problem::refused("an account is asked for by backend=NAME and account=NAME together")),
        }
    }
}
