//! What Gnocchi's archive still knows of a time gone by: the same counters, from the oldest window on.
//!
//! Counters that were read later stay as they are believed: history is read before the first poll, or not at all.

use std::collections::BTreeMap;

use super::OpenStack;
use super::settings::Traffic;
use super::traffic::{First, METRICS, is_over, owner, points, readings, source};
use super::windows::shown;
use crate::backends::{BackendError, Past};
use crate::domain::{Bytes, Harvest, Meter, Reading, Reason, Seconds, Source, Timestamp};

/// A day of windows is one answer.
const AT_ONCE: Seconds = Seconds::hours(24);

/// The days overlap by so much: a fall at the end of one is settled by what follows it.
const OVERLAP: Seconds = Seconds::hours(1);

impl OpenStack {
    /// Puts the windows of a time gone by into the harvest, day by day.
    pub(super) async fn archive(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        if self.config.traffic != Traffic::Gnocchi {
            let why = "history is in Gnocchi alone; this backend reads traffic = \"gnocchi\" no more";
            return Err(BackendError::NotOffered(why.into()));
        }
        let projects = self.projects().await?;
        let mut last = BTreeMap::<(Meter, Source), (Timestamp, Bytes)>::new();
        let mut start = past.since;
        while start < past.until {
            let end = start.plus(AT_ONCE).min(past.until);
            let cards = self.cards(start.minus(OVERLAP).max(past.since), end, past.now).await?;
            for card in &cards.resources {
                let Some(project) = owner(card, &projects) else { continue };
                let Some(source) = source(card) else { continue };
                for (meter, _) in METRICS {
                    let key = (meter, source.clone());
                    let before = last.get(&key).copied();
                    let all = match points(&cards, card, meter) {
                        Ok(points) => shown(points, before, cards.kept, cards.until, is_over(card, &cards)),
                        Err(detail) => {
                            harvest.unread(&project.account, Some(meter), Reason::Unexpected, detail);
                            continue;
                        }
                    };
                    for reading in readings(card, &source, &all, before, First::History) {
                        if let Reading::Counter { at, count, .. } = &reading {
                            last.insert(key.clone(), (*at, *count));
                        }
                        harvest.add_reading(&project.account, meter, reading);
                    }
                }
            }
            start = end;
        }
        Ok(())
    }
}
