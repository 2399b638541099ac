//! How this WHMCS answers, where installations differ, and what goes wrong for single actions.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What an API role can allow here.
pub const ACTIONS: [&str; 16] = [
    "AcceptOrder",
    "AddBillableItem",
    "AddOrder",
    "GetClientsDetails",
    "GetClientsProducts",
    "GetEmailTemplates",
    "GetEmails",
    "GetInvoice",
    "GetInvoices",
    "GetOrders",
    "GetPaymentMethods",
    "GetProducts",
    "GetServers",
    "SendEmail",
    "UpdateClientProduct",
    "WhmcsDetails",
];

/// How it behaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Ids and counts come as texts.
    pub numbers_as_texts: bool,
    /// `AddBillableItem` tells success as `status` in place of `result`, as its sample prints it.
    pub status_for_result: bool,
    /// How the list of templates is wrapped, and those of invoices.
    pub templates_shape: TemplatesShape,
    /// How a list without rows is told.
    pub empty_list: EmptyList,
    /// The one address that is let in; absent lets everybody in.
    pub allowed_ip: Option<IpAddr>,
    /// `$api_access_key` of `configuration.php`.
    pub access_key: Option<String>,
    /// The actions of the API role.
    pub allowed: BTreeSet<String>,
    /// Its distance from UTC in minutes.
    pub utc_offset_minutes: i32,
    /// The most rows of one page, whatever `limitnum` asks.
    pub most_rows: usize,
    /// What goes wrong, oldest first.
    pub mishaps: Vec<Mishap>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            numbers_as_texts: true,
            status_for_result: false,
            templates_shape: TemplatesShape::Nested,
            empty_list: EmptyList::Missing,
            allowed_ip: None,
            access_key: None,
            allowed: ACTIONS.map(str::to_owned).into(),
            utc_offset_minutes: 60,
            most_rows: 250,
            mishaps: Vec::new(),
        }
    }
}

/// How the list of templates is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplatesShape {
    /// `emailtemplates.emailtemplate[]`.
    Nested,
    /// `emailtemplates[emailtemplate][0][name]`, as the documentation prints it.
    Flattened,
}

/// How a list without rows is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyList {
    /// Not at all.
    Missing,
    /// `""`.
    EmptyText,
    /// `[]`.
    EmptyArray,
    /// `{}`.
    EmptyObject,
}

/// Something going wrong for one action.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mishap {
    /// The action; empty strikes all.
    pub action: String,
    /// What happens.
    pub kind: MishapKind,
    /// Strikes so often; absent means for ever.
    #[serde(default)]
    pub times: Option<u32>,
}

/// What can happen to an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MishapKind {
    /// An error of the API with this message.
    Error(String),
    /// This status with a page for people.
    Page(u16),
    /// It is done, and PHP prints a warning before the answer.
    PhpWarning,
    /// It is done, and the answer is a gateway's 504.
    DoneThenGatewayTimeout,
    /// It is done, and the connection is silent for so many milliseconds before the answer.
    DoneThenSilent(u64),
    /// Nothing is done for so many milliseconds; then all goes well.
    Slow(u64),
    /// The mail is logged as one that the mail server would not take.
    NotTaken,
}
