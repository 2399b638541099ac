//! A network card taken out and put in again: the count falls while the guest runs on.
//!
//! Only the listing before can tell, and only a guest with a single card proves that the whole count
//! began anew. With several, nobody knows how much the others had moved.

use std::collections::{BTreeSet, HashMap};

use futures_util::StreamExt;

use super::Proxmox;
use super::guests::{Claimed, Counted, Counts};
use super::session::AT_ONCE;
use super::settings::Traffic;
use crate::domain::AccountName;

/// The most configurations read in one poll to make sure.
const AT_MOST: usize = 20;

/// What a guest told when it was last heard.
#[derive(Clone, Debug)]
struct Heard {
    account: AccountName,
    counts: Option<(u64, u64, u64)>,
}

/// What all guests told when they were last heard.
#[derive(Clone, Debug, Default)]
pub(super) struct LastHeard(HashMap<(&'static str, u64), Heard>);

impl LastHeard {
    /// Whose a guest was, for a row that does not say while its node is silent.
    pub fn account(&self, guest: &super::Guest<'_>) -> Option<&AccountName> {
        self.0.get(&(guest.kind.name(), guest.vmid)).map(|heard| &heard.account)
    }

    /// Whether a count fell although the guest ran on.
    fn fell(&self, claimed: &Claimed<'_>, counts: &Counts) -> bool {
        let heard = self.0.get(&(claimed.guest.kind.name(), claimed.guest.vmid));
        let (Some((uptime, received, sent)), Some(now)) =
            (heard.and_then(|heard| heard.counts), plain(counts))
        else {
            return false;
        };
        now.0 > uptime && uptime > 0 && (now.1 < received || now.2 < sent)
    }

    /// Keeps what was heard now. Who was not heard this time keeps his last word; who is no more in a
    /// whole listing is forgotten.
    pub fn hear(&mut self, found: &[Counted<'_>], whole: bool) {
        let mut before = std::mem::take(&mut self.0);
        let mut heard = HashMap::with_capacity(found.len());
        for (claimed, counts) in found {
            let key = (claimed.guest.kind.name(), claimed.guest.vmid);
            let last = before.remove(&key).and_then(|heard| heard.counts);
            let counts = counts.as_ref().ok().and_then(plain).or(last);
            heard.insert(key, Heard { account: claimed.account.clone(), counts });
        }
        if !whole {
            heard.extend(before);
        }
        self.0 = heard;
    }
}

fn plain(counts: &Counts) -> Option<(u64, u64, u64)> {
    let (received, sent) = (counts.received.as_ref().ok()?, counts.sent.as_ref().ok()?);
    Some((counts.uptime.get(), received.get(), sent.get()))
}

impl Proxmox {
    /// The positions in `found` of guests whose one network card was plugged in again.
    pub(super) async fn replugged(&self, found: &[Counted<'_>]) -> BTreeSet<usize> {
        let fell: Vec<usize> = {
            let Ok(last) = self.last_heard.lock() else { return BTreeSet::new() };
            let fell = |(_, (claimed, counts)): &(usize, &Counted<'_>)| {
                counts.as_ref().is_ok_and(|counts| last.fell(claimed, counts))
            };
            found.iter().enumerate().filter(fell).map(|(index, _)| index).collect()
        };
        if self.rules.traffic == Traffic::Net0 {
            // The counter is that of one card already.
            return fell.into_iter().collect();
        }
        let asked = fell.into_iter().take(AT_MOST).map(|index| async move {
            let place = super::Place::of(&found[index].0.guest);
            let cards = self.config(&place).await.map(|config| config.numbered("net").count());
            // A configuration that cannot be read proves nothing: the fall stays a doubt.
            (index, matches!(cards, Ok(1)))
        });
        let asked: Vec<_> = asked.collect();
        let answers: Vec<(usize, bool)> =
            futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        answers.into_iter().filter(|(_, single)| *single).map(|(index, _)| index).collect()
    }
}
