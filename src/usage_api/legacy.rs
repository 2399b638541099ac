//! The figures of WHMCS's overage billing: whole megabytes of disk and of the month's traffic.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::carry_over::Carried;
use super::query::UsageApiQuery;
use super::sums::known;
use super::tenants::Tenant;
use super::totals::Answer;
use super::usage::{answer_of, month_shape};
use super::{Units, UsageApi, Window};
use crate::domain::{Limit, Meter};
use crate::reported::whole_megabytes;
use crate::web::Problem;

#[derive(Default, Serialize)]
struct LegacyShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_limit_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bw_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bw_limit_mb: Option<u64>,
}

pub(super) async fn legacy(State(api): State<UsageApi>, asked: UsageApiQuery) -> Result<Response, Problem> {
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let (units, window) = (api.units(), api.billing_window(&tenants).await?);
    let mut shown = BTreeMap::new();
    // The overage figures are month-to-date sums: they carry nothing.
    let (mut withheld, nothing) = (Vec::new(), Carried::default());
    let tenants = tenants.each();
    for same in tenants.chunk_by(|one, other| one.name == other.name) {
        match answer_of(same, &units, &window, &nothing) {
            Some((tenant, Answer::Known(_))) => {
                shown.insert(tenant.name, megabytes(tenant, &units, &window));
            }
            Some((_, Answer::Withheld(why))) => withheld.push(why),
            None => {}
        }
    }
    let answer = json!({
        "schema": 1,
        "server": server,
        "generated_at": window.moment.now.to_string(),
        "month": month_shape(&window),
        "tenants": shown,
        "withheld": withheld,
    });
    Ok(Json(answer).into_response())
}

/// Whole megabytes of what is known. The limits are those that hold of all its accounts.
fn megabytes(tenant: &Tenant<'_>, units: &Units, window: &Window) -> LegacyShape {
    let known = known(tenant, window);
    let limit = |meter| {
        let limits = tenant.living.iter().map(|found| found.account.limit(meter));
        common(limits)?.to_door().map(|limit| whole_megabytes(limit, units.base))
    };
    LegacyShape {
        disk_mb: known.level.map(|level| whole_megabytes(level.amount, units.base)),
        disk_limit_mb: limit(Meter::StorageUsed),
        bw_mb: known.flows.get(&Meter::TrafficTotal).map(|moved| whole_megabytes(moved.amount, units.base)),
        bw_limit_mb: limit(Meter::TrafficTotal),
    }
}

/// The limit that holds of all accounts, as one that was sold does; `None` where they differ.
fn common(mut limits: impl Iterator<Item = Limit>) -> Option<Limit> {
    let first = limits.next()?;
    limits.all(|limit| limit == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bytes;

    #[test]
    fn a_limit_of_several_accounts_is_the_one_that_all_of_them_have() {
        let sold = Limit::UpTo(Bytes::new(100 << 30).expect("fits"));
        let table: [(&[Limit], Option<Limit>); 5] = [
            (&[], None),
            (&[sold], Some(sold)),
            (&[sold, sold], Some(sold)),
            (&[sold, Limit::Unknown], None),
            (&[Limit::Unlimited, sold], None),
        ];
        for (limits, is) in table {
            assert_eq!(common(limits.iter().copied()), is, "{limits:?}");
        }
    }
}
