//! Adopts accounts that no service pays for: makes the service in WHMCS, without invoice, mail or provisioning, and maps the
//! account to it. Once: every step is recorded before it is sent, and an order whose answer was lost is looked for and
//! never sent again.
//!
//! A look goes the same way up to the first step, and writes nothing.

mod candidate;
mod question;
mod report;
mod run;
mod steps;

use std::sync::Arc;

use crate::backends::ConfiguredPanel;
use crate::domain::{AccountKey, BackendId, Seconds};
use crate::rules::Adoptions;

pub use report::{AdoptedRow, RowState};
pub use run::{AdoptError, Adopting};

/// What is adopted and how.
#[derive(Clone)]
pub struct Terms {
    /// Every configured panel.
    pub panels: Vec<Arc<ConfiguredPanel>>,
    /// Which product accounts are sold as.
    pub rules: Adoptions,
    /// Servers of WHMCS that have companion services only.
    pub companion_servers: Vec<i64>,
    /// How old a list of services, or of accounts, may be: of an older one it is unknown whether it is still so.
    pub max_age: Seconds,
}

/// What is to be sold to whom.
#[derive(Clone, Debug)]
pub struct Wish {
    /// `tblclients.id` of who pays.
    pub client: i64,
    /// `tblproducts.id`; `None` is as the rules say.
    pub product: Option<i64>,
    /// The billing cycle; `None` is as the rules say.
    pub cycle: Option<String>,
    /// The payment method; `None` is as the rules say, or the client's own.
    pub payment: Option<String>,
    /// The service's username, where it is not the account's name.
    pub username: Option<String>,
    /// Whether nothing is written, here or in WHMCS.
    pub dry_run: bool,
    /// Who asks.
    pub by: String,
}

/// Which accounts.
#[derive(Clone, Debug)]
pub enum Which {
    /// This one.
    One(AccountKey),
    /// Every one of a package that may be adopted.
    Package {
        /// The panel's plan.
        package: String,
        /// On this backend only.
        backend: Option<BackendId>,
        /// At most so many services are made.
        most: Option<usize>,
    },
}
