//! The toy's JSON, seen by nobody else.

use serde::Deserialize;

use crate::backends::kit::number::{Figure, Text};
use crate::domain::AccountName;

/// `GET /api/accounts`: one page.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub accounts: Vec<Account<'a>>,
    /// How many accounts there are on all pages.
    pub total: usize,
}

/// One account.
#[derive(Debug, Deserialize)]
pub(super) struct Account<'a> {
    /// Its number, which no other account ever gets.
    #[serde(borrow, default)]
    pub id: Figure<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    /// Bytes stored.
    #[serde(borrow, default)]
    pub disk_bytes: Figure<'a>,
    /// Bytes sent since `started`.
    #[serde(borrow, default)]
    pub bytes_out: Figure<'a>,
    /// When the counter began (epoch seconds).
    #[serde(borrow, default)]
    pub started: Figure<'a>,
    #[serde(borrow, default)]
    suspended: Figure<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
}

impl Account<'_> {
    /// Its name, where it has one.
    pub fn name(&self) -> Option<AccountName> {
        AccountName::new(self.name.text()?).ok()
    }

    /// Why it is suspended, if it is; or why that is not known. A reason may be empty.
    pub fn suspended_for(&self) -> Result<Option<String>, String> {
        match self.suspended.whole() {
            Some(0) => Ok(None),
            Some(_) => Ok(Some(self.reason.text().unwrap_or_default().to_string())),
            None => Err("suspended is neither true nor false".into()),
        }
    }
}

/// What it says of a call that it refuses.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub error: String,
}
