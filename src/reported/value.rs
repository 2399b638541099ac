//! What WHMCS was told, and what the months come to of which it was told.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::{ByteMinutes, Bytes, Meter, Month, Owner, Timestamp};

/// Whom WHMCS was told of: a service or a name, never nobody.
pub type Payee = Owner;

/// One number that WHMCS was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedValue {
    /// Who pays: a service, whether WHMCS was told of it by its own name or by its companion's, or a name.
    pub payee: Payee,
    /// The running month when it was told.
    pub month: Month,
    /// The name of the metric.
    pub metric: Cow<'static, str>,
    /// The WHMCS server that asked.
    pub server: i64,
    /// What WHMCS calls it.
    pub tenant: String,
    /// Hundred-thousandths of the unit.
    pub value: i64,
    /// The part of `value` that months before lacked, or had too much.
    pub carried: i64,
    /// Bytes of one unit.
    pub unit: u64,
    /// When this value was told first.
    pub at: Timestamp,
}

/// By meter: bytes moved (flows; nothing for levels), and level times time.
pub type Sums = HashMap<Meter, (Bytes, ByteMinutes)>;

/// A number told of a month, and what the month comes to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The last that was told.
    pub reported: ReportedValue,
    /// What the ledger has of whose usage it is.
    pub sums: Sums,
}

/// A month as WHMCS was told it, and as the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedMonth {
    /// What was told, by whom it was told of.
    pub reported: HashMap<Payee, Vec<Closed>>,
    /// What every owner has, also those that WHMCS was told nothing of.
    pub sums: HashMap<Owner, Sums>,
}
