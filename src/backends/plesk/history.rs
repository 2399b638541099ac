//! What the panel still knows of days gone by: as far back as its statistics are kept.
//!
//! Only days that are there count. One that is missing was quiet, or is forgotten: nothing shows which.

use async_trait::async_trait;

use super::metering::miss;
use super::readings::Of;
use super::request::Which;
use super::settings::AdditionalSites;
use super::sites::{self, BATCH};
use super::subscription::Subscription;
use super::window::Window;
use super::{History, Plesk};
use crate::backends::{BackendError, Past};
use crate::domain::{Harvest, Seconds, Source, Span, UsageDay};

#[async_trait]
impl History for Plesk {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        let Ok(span) = Span::new(past.since, past.until.min(past.now)) else { return Ok(()) };
        let listed = self.listed(Which::All, &["gen_info"]).await?;
        listed.warnings.into_iter().for_each(|warning| harvest.warn(warning));
        let zone = self.config.zone;
        let window = Window { zone, now: past.now, first: zone.day_of(span.start()) };
        let last = zone.day_of(span.end().minus(Seconds::new(1)));
        // Everybody at once would be as long as the history is.
        for batch in listed.subscriptions.chunks(BATCH) {
            self.put_past(batch, window, last, harvest).await?;
        }
        Ok(())
    }
}

impl Plesk {
    async fn put_past(
        &self,
        batch: &[Subscription],
        window: Window,
        last: UsageDay,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let ids: Vec<u64> = batch.iter().map(|one| one.id).collect();
        let answered = self.traffic(Which::Numbered(&ids), window.first, Some(last)).await?;
        let wanted = |day: UsageDay| (window.first..=last).contains(&day);
        let source = Source::default();
        for one in batch {
            let of = Of { account: &one.name, source: &source };
            match answered.of(one) {
                Ok(days) => days.put_found(of, window, wanted, harvest),
                Err(error) => miss(one, &error, harvest),
            }
        }
        if self.config.additional_sites == AdditionalSites::Added {
            let found = sites::traffic(&self.panel, &ids, window, Some(last)).await?;
            for one in batch {
                for (source, days) in found.get(&one.id).into_iter().flatten() {
                    days.put_found(Of { account: &one.name, source }, window, wanted, harvest);
                }
            }
        }
        Ok(())
    }
}
