//! Takes in which billable items with our tags WHMCS has: what nobody knew of a line is settled by it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::UsageApi;
use super::query::UsageApiQuery;
use crate::domain::{Seconds, Timestamp};
use crate::pricing::Tag;
use crate::store::BillableItem;
use crate::web::{Body, Problem};

/// Two clocks may differ by this much; a list from further ahead would seem newer than it is.
const CLOCKS_DIFFER: Seconds = Seconds::new(60);

/// The body: every item of WHMCS with a tag of ours, or the newest 20,000 of them.
#[derive(Debug, Deserialize)]
pub(super) struct BillableBody {
    schema: u32,
    /// When WHMCS began to read them.
    read_at: i64,
    items: Vec<BillableItemRow>,
}

#[derive(Debug, Deserialize)]
struct BillableItemRow {
    id: i64,
    description: String,
}

pub(super) async fn billable(
    State(api): State<UsageApi>,
    asked: UsageApiQuery,
    Body(body): Body<BillableBody>,
) -> Result<Response, Problem> {
    // The list is of the whole of WHMCS; the server says who sends it.
    asked.needed_server()?;
    asked.asker.must_be_untied("the billable items are those of the whole of WHMCS")?;
    if body.schema != 1 {
        return Err(Problem::meaningless(format!("schema {} is not known; expected 1", body.schema)));
    }
    let now = api.clock.now();
    let read_at =
        Timestamp::new(body.read_at).map_err(|error| Problem::meaningless(format!("read_at: {error}")))?;
    if read_at > now.plus(CLOCKS_DIFFER) {
        let detail = format!("read_at {read_at} is in the future, it is {now} here; synchronize the clocks");
        return Err(Problem::meaningless(detail));
    }
    let item = |item: &BillableItemRow| BillableItem {
        id: item.id,
        tag: Tag::find(&item.description).map(String::from),
    };
    let items: Vec<BillableItem> = body.items.iter().map(item).collect();
    let settled = api.store.settle_by_items(&items, read_at, now).await.map_err(Problem::unavailable)?;
    for tag in &settled.twice {
        tracing::error!(%tag, "WHMCS has more than one billable item with this tag: a customer may pay twice");
    }
    let answer = json!({
        "schema": 1,
        "items": items.len(),
        "created": settled.created,
        "absent": settled.absent,
        "open": settled.open,
        "twice": settled.twice,
    });
    Ok(Json(answer).into_response())
}
