//! A network card taken out and put in again: the count falls while the guest runs on.
//!
//! Only an earlier report can show it, and only a guest with a single card proves that the whole count
//! began anew. With several, nobody knows how much the others had moved.

use std::collections::BTreeSet;

use super::Proxmox;
use super::guests::{Counted, Counts};
use super::session::AT_ONCE;
use super::settings::Traffic;
use crate::backends::Heard;
use crate::backends::kit::many::some_at_once;
use crate::domain::{Epoch, Meter, Seconds, Source};

/// The most configurations read in one poll to make sure.
const AT_MOST: usize = 20;

/// Whether a count fell although the guest ran on. Reported once: from then on the fall is a doubt that settling
/// knows of.
fn fell(heard: &Heard, source: &Source, counts: &Counts) -> bool {
    [(Meter::TrafficIn, &counts.received), (Meter::TrafficOut, &counts.sent)].into_iter().any(
        |(meter, count)| {
            let known = heard.counter(meter, source).filter(|known| known.doubt.is_none());
            let (Some(known), Ok(count)) = (known, count) else { return false };
            let Epoch::Running(uptime) = known.epoch else { return false };
            uptime > Seconds::new(0) && counts.uptime > uptime && *count < known.count
        },
    )
}

impl Proxmox {
    /// The positions in `found` of guests whose one network card was plugged in again.
    pub(super) async fn replugged(&self, found: &[Counted<'_>], heard: &Heard) -> BTreeSet<usize> {
        let fell = |(_, (claimed, counts)): &(usize, &Counted<'_>)| {
            let source = self.source(&claimed.guest);
            source.is_some_and(|source| counts.as_ref().is_ok_and(|counts| fell(heard, &source, counts)))
        };
        let fell: Vec<usize> = found.iter().enumerate().filter(fell).map(|(index, _)| index).collect();
        if self.config.traffic == Traffic::Net0 {
            // The counter is that of one card already.
            return fell.into_iter().collect();
        }
        let asked = fell.into_iter().take(AT_MOST).map(|index| async move {
            let place = super::GuestLocation::of(&found[index].0.guest);
            let cards = self.config(&place).await.map(|config| config.numbered("net").count());
            // A configuration that cannot be read proves nothing: the fall stays a doubt.
            (index, matches!(cards, Ok(1)))
        });
        let asked: Vec<_> = asked.collect();
        let answers: Vec<(usize, bool)> = some_at_once(AT_ONCE, asked).await;
        answers.into_iter().filter(|(_, single)| *single).map(|(index, _)| index).collect()
    }
}
