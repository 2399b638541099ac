//! Sends the heads of the chains once a day: in the log, and to the operator's program where he wishes it. Whoever
//! keeps one can ask `whmeter verify --since-head` later whether the chain was written anew.

use std::sync::PoisonError;

use super::Upkeep;
use crate::domain::{Timestamp, UsageDay};
use crate::notify::Channels;

/// The days on which the heads were sent.
#[derive(Debug, Default)]
pub(super) struct ReportedDays {
    logged: Option<UsageDay>,
    posted: Option<UsageDay>,
}

impl Upkeep {
    /// Takes in how people are notified.
    pub fn configure(&self, channels: Channels) {
        *self.channels.lock().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    pub(super) async fn send_heads(&self, now: Timestamp) {
        let today = self.rules.zone.day_of(now);
        let (is_logged, is_posted) = {
            let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            (reported.logged == Some(today), reported.posted == Some(today))
        };
        if is_logged && is_posted {
            return;
        }
        let heads = match self.store.heads().await {
            Ok(heads) => heads,
            Err(error) => return tracing::warn!("cannot report the heads of the chains: {error}"),
        };
        if heads.is_empty() {
            return;
        }
        if !is_logged {
            heads.iter().for_each(|head| tracing::info!(%head, "head of a chain, for `verify --since-head`"));
            self.reported.lock().unwrap_or_else(PoisonError::into_inner).logged = Some(today);
        }
        if !is_posted {
            let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
            match channels.send_heads(today, now, &heads).await {
                Ok(()) => self.reported.lock().unwrap_or_else(PoisonError::into_inner).posted = Some(today),
                Err(error) => tracing::warn!("heads of the chains are not posted, and tried again: {error}"),
            }
        }
    }
}
