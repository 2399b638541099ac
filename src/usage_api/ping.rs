//! Whether a server of WHMCS is known here, and which clock and zone answers go by.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::UsageApi;
use super::query::UsageApiQuery;
use crate::web::Problem;

pub(super) async fn ping(State(api): State<UsageApi>, asked: UsageApiQuery) -> Result<Json<Value>, Problem> {
    // A wrong server id is what a connection test is there to find.
    if let Some(server) = asked.server {
        api.tenants(server).await?;
    }
    let window = api.window();
    Ok(Json(json!({
        "schema": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "time": window.moment.now.to_string(),
        "clock": window.moment.now.get(),
        "tz": window.moment.zone.name(),
        "server": asked.server,
        "unit": api.units().as_json(),
    })))
}
