//! The accounts on the panels of a server, for WHMCS's own Server Sync: which of them it does not sell.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::UsageApi;
use super::query::UsageApiQuery;
use crate::web::Problem;

pub(super) async fn accounts(
    State(api): State<UsageApi>,
    asked: UsageApiQuery,
) -> Result<Json<Value>, Problem> {
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let own = api.backends_of(server).unwrap_or_default();
    let shape = |found: super::payers::Found| {
        let account = &found.account;
        json!({
            "account": found.name.as_str(),
            "tenant": tenants.name_of(&account.owner).unwrap_or(found.name.as_str()),
            "package": account.package.as_deref(),
            "domain": account.domain.as_deref(),
            "suspended": account.suspended,
            "first_seen": account.first_seen.get(),
        })
    };
    let accounts: Vec<Value> = tenants.on(&own).map(|(_, found)| shape(found)).collect();
    Ok(Json(json!({ "schema": 1, "server": server, "accounts": accounts })))
}
