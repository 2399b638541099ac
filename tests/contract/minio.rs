//! MinIO, AIStor and RustFS: what only they do.

use futures_util::FutureExt;
use whmeter_simulators::faults::{Change, Fault, FaultKind};

use crate::awkward::Awkward;
use crate::support::signing;

pub const AWKWARD: Awkward = Awkward {
    kind: "minio",
    break_account: |account| {
        let field = format!("/bucketsUsageInfo/{account}-data/size");
        Fault::new(FaultKind::ChangedField { field, becomes: Change::Value(serde_json::json!("many")) })
    },
    meddle: |panel, account| signing::map_policy(panel, account, "readonly").boxed(),
};
