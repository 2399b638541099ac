//! What was reported to WHMCS, and what those months come to now.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::{ByteMinutes, Bytes, Meter, Month, Owner, Timestamp};

/// Who is reported to WHMCS: a service or a name, never unowned.
pub type Payee = Owner;

/// One number that was reported to WHMCS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedValue {
    /// Who pays: a service, whether it is reported to WHMCS by its own name or by its companion's, or a name.
    pub payee: Payee,
    /// The running month when it was reported.
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
    /// When this value was reported first.
    pub at: Timestamp,
}

/// By meter: bytes moved (flows; nothing for levels), and level times time.
pub type Sums = HashMap<Meter, (Bytes, ByteMinutes)>;

/// A number reported of a month, and what the month comes to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The last that was reported.
    pub reported: ReportedValue,
    /// What the ledger has of whose usage it is.
    pub sums: Sums,
}

/// A month as WHMCS was given it, and as the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedMonth {
    /// What was reported, by payee.
    pub reported: HashMap<Payee, Vec<Closed>>,
    /// What every owner has, also those of whom nothing was reported to WHMCS.
    pub sums: HashMap<Owner, Sums>,
}
