//! What became of every account.

use serde::Serialize;

use crate::domain::AccountKey;

/// What became of an account, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// A service would be made.
    WouldAdopt,
    /// The service is made, and the account is mapped to it.
    Adopted,
    /// It was adopted before.
    Already,
    /// It may not be adopted, or WHMCS said no: nothing was made.
    Refused,
    /// It has begun and is not finished: the reason says what to look at.
    Unfinished,
    /// The run ended before it.
    NotTried,
}

impl RowState {
    /// Its name in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            RowState::WouldAdopt => "would_adopt",
            RowState::Adopted => "adopted",
            RowState::Already => "already",
            RowState::Refused => "refused",
            RowState::Unfinished => "unfinished",
            RowState::NotTried => "not_tried",
        }
    }
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdoptedRow {
    /// Its backend.
    pub backend: String,
    /// Its name on the panel.
    pub account: String,
    /// The panel's plan.
    pub package: Option<String>,
    /// What became of it.
    pub state: RowState,
    /// `tblclients.id`.
    pub client: i64,
    /// `tblproducts.id`, once it is known.
    pub product: Option<i64>,
    /// `tblorders.id`, once there is one.
    pub order: Option<i64>,
    /// `tblhosting.id`, once there is one.
    pub service: Option<i64>,
    /// What is done, or why it is not, in sentences.
    pub reason: String,
    /// What fits badly and hinders nothing.
    pub warnings: Vec<String>,
    /// Whether any other account would fare the same.
    #[serde(skip)]
    pub ends_run: bool,
}

impl AdoptedRow {
    /// A row that is known so far by its account and its client.
    pub(super) fn of(account: &AccountKey, client: i64, state: RowState, reason: String) -> AdoptedRow {
        AdoptedRow {
            backend: account.backend.to_string(),
            account: account.name.to_string(),
            package: None,
            state,
            client,
            product: None,
            order: None,
            service: None,
            reason,
            warnings: Vec::new(),
            ends_run: false,
        }
    }
}
