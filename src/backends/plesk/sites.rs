//! Additional sites of subscriptions, where their traffic is not in that of the subscription: each is a source of its
//! own, `site/NUMBER`.

use std::collections::BTreeMap;

use super::panel::Panel;
use super::request::Operation;
use super::traffic::Days;
use super::window::Window;
use crate::backends::BackendError;
use crate::domain::{Source, UsageDay};

/// So many numbers are asked about at once.
pub(super) const BATCH: usize = 50;

/// The days of the sites of one subscription.
pub(super) type SiteDays = Vec<(Source, Days)>;

/// What the sites of these subscriptions moved, by the subscription's number. A site that could not be read is an
/// error: what the others moved would be less than the truth.
pub(super) async fn traffic(
    panel: &Panel,
    parents: &[u64],
    window: Window,
    last: Option<UsageDay>,
) -> Result<BTreeMap<u64, SiteDays>, BackendError> {
    let mut found: BTreeMap<u64, SiteDays> = BTreeMap::new();
    for parents in parents.chunks(BATCH) {
        let sites = sites(panel, parents).await?;
        let ids: Vec<u64> = sites.keys().copied().collect();
        for ids in ids.chunks(BATCH) {
            let mut days = BTreeMap::new();
            let operation = Operation::site_traffic(ids, window.first, last);
            let refused = panel
                .ask(&operation, &mut |result| {
                    days.extend(result.whole("id").ok().map(|id| (id, Days::read(&result))));
                })
                .await?;
            if let Some(first) = refused.into_iter().find(|refused| !refused.refusal.is_gone()) {
                return Err(first.refusal.into());
            }
            for (site, days) in days {
                let source = Source::new(&format!("site/{site}"));
                if let Some((parent, source)) = sites.get(&site).copied().zip(source.ok()) {
                    found.entry(parent).or_default().push((source, days));
                }
            }
        }
    }
    Ok(found)
}

/// The subscription of each site: the answer repeats what it was filtered by.
async fn sites(panel: &Panel, parents: &[u64]) -> Result<BTreeMap<u64, u64>, BackendError> {
    let mut sites = BTreeMap::new();
    let mut lost = None;
    let refused = panel
        .ask(&Operation::sites(parents), &mut |result| {
            match (result.whole("id"), result.whole("filter-id")) {
                (Ok(site), Ok(parent)) => drop(sites.insert(site, parent)),
                // A subscription without additional sites.
                (Err(_), _) => {}
                (Ok(site), Err(_)) => lost = Some(site),
            }
        })
        .await?;
    if let Some(first) = refused.into_iter().find(|refused| !refused.refusal.is_gone()) {
        return Err(first.refusal.into());
    }
    match lost {
        None => Ok(sites),
        Some(site) => {
            let detail = format!("site {site} is of no subscription that was asked about");
            Err(BackendError::Unexpected { at: "site/get".into(), detail })
        }
    }
}
