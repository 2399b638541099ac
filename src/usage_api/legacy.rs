//! The figures of WHMCS's overage billing: whole megabytes of disk and of the month's traffic.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::amount::whole_megabytes;
use super::asked::Asked;
use super::routes::month_shape;
use super::told::Carried;
use super::totals::{Answer, answer};
use super::{Units, UsageApi, Window};
use crate::domain::Meter;
use crate::problem::Problem;
use crate::store::AccountStanding;

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

pub(super) async fn legacy_of(api: &UsageApi, asked: &Asked) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let tenants = api.tenants(server).await?;
    let (units, window) = (api.units(), api.window());
    let mut told = BTreeMap::new();
    // The overage figures are month-to-date sums: they carry nothing.
    let (mut withheld, nothing) = (Vec::new(), Carried::default());
    tenants.each(|tenant, accounts| match (answer(tenant, accounts, &units, &window, &nothing), accounts) {
        (Some(Answer::Known(_)), [found]) => {
            told.insert(tenant, megabytes(found.account, &units, &window));
        }
        (Some(Answer::Withheld(why)), _) => withheld.push(why),
        _ => {}
    });
    let answer = json!({
        "schema": 1,
        "server": server,
        "generated_at": window.now.to_string(),
        "month": month_shape(&window),
        "tenants": told,
        "withheld": withheld,
    });
    Ok(Json(answer).into_response())
}

/// Whole megabytes of what is known; in and out together are the bandwidth where nothing else is told.
fn megabytes(account: &AccountStanding, units: &Units, window: &Window) -> LegacyShape {
    let fresh = |meter| account.meter(meter).filter(|series| window.is_fresh(series.at));
    let month =
        |meter| fresh(meter)?.month.filter(|month| month.month == window.month).map(|month| month.amount);
    let disk =
        fresh(Meter::StorageUsed).and_then(|series| series.level).filter(|_| account.gone_at.is_none());
    let both = || month(Meter::TrafficIn)?.checked_add(month(Meter::TrafficOut)?);
    let traffic = month(Meter::TrafficTotal).or_else(both);
    let limit = |meter| account.limit(meter).to_door().map(|limit| whole_megabytes(limit, units.base));
    LegacyShape {
        disk_mb: disk.map(|level| whole_megabytes(level, units.base)),
        disk_limit_mb: limit(Meter::StorageUsed),
        bw_mb: traffic.map(|sum| whole_megabytes(sum, units.base)),
        bw_limit_mb: limit(Meter::TrafficTotal),
    }
}
