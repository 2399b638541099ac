//! From rows to readings: what every guest sent and received since it began to run. Pure.
//!
//! An unknown figure never becomes a zero: a silent node, a missing counter or nonsense is said of the
//! guest's account, and of nobody else.

use std::collections::BTreeMap;

use super::cluster::{Guest, Listing};
use super::wire::{Card, Machine};
use crate::backends::kit::number::Figure;
use crate::domain::{AccountName, Bytes, Epoch, Harvest, Meter, Reading, Reason, Seconds, Source, Timestamp};

/// A guest and the account it belongs to.
pub(super) struct Claimed<'a> {
    pub guest: Guest<'a>,
    pub account: AccountName,
}

/// Why something of a guest stays unknown.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub reason: Reason,
    pub detail: String,
}

impl Trouble {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Trouble {
        Trouble { reason, detail: detail.into() }
    }
}

/// The counters of one guest, each direction for itself.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub uptime: Seconds,
    pub received: Result<Bytes, Trouble>,
    pub sent: Result<Bytes, Trouble>,
}

/// A guest with what it has counted, or why that is not known.
pub(super) type Counted<'a> = (Claimed<'a>, Result<Counts, Trouble>);

/// The first network cards of the machines on one node, by number; or why they are not known.
pub(super) type Cards<'a> = Result<BTreeMap<u64, Machine<'a>>, Trouble>;

/// What the listing reports for all of a guest's network cards together.
pub(super) fn counts(guest: &Guest<'_>, listing: &Listing<'_>) -> Result<Counts, Trouble> {
    believable(guest, listing)?;
    let row = &guest.row;
    if [&row.uptime, &row.netin, &row.netout].iter().all(|figure| **figure == Figure::Absent) {
        let detail =
            format!("{}: node {} reports neither uptime nor netin nor netout", guest.id(), guest.node());
        return Err(Trouble::new(Reason::Unreachable, detail));
    }
    read(guest, &row.uptime, &row.netin, &row.netout)
}

/// What its node reports of a machine's first network card.
pub(super) fn first_card(
    guest: &Guest<'_>,
    listing: &Listing<'_>,
    cards: Option<&Cards<'_>>,
) -> Result<Counts, Trouble> {
    believable(guest, listing)?;
    if !guest.runs() {
        return read(guest, &guest.row.uptime, &Figure::Whole(0), &Figure::Whole(0));
    }
    let missing = |what: &str| {
        let detail = format!("{}: node {} reports no {what}", guest.id(), guest.node());
        Trouble::new(Reason::Unexpected, detail)
    };
    let machines = match cards {
        None => return Err(missing("its machines")),
        Some(Err(trouble)) => return Err(trouble.clone()),
        Some(Ok(machines)) => machines,
    };
    let machine = machines.get(&guest.vmid).ok_or_else(|| missing("it"))?;
    let name = format!("tap{}i0", guest.vmid);
    let card: Option<&Card<'_>> = machine.nics.as_ref().and_then(|nics| nics.get(name.as_str()));
    let card = card.ok_or_else(|| missing(&format!("{name}: no net0, or one without a bridge")))?;
    read(guest, &machine.uptime, &card.netin, &card.netout)
}

/// Refuses rows that contradict themselves, and rows of nodes that do not answer: those keep the last
/// figures for five minutes (pve-cluster, status.c).
fn believable(guest: &Guest<'_>, listing: &Listing<'_>) -> Result<(), Trouble> {
    if let Some(trouble) = &guest.trouble {
        return Err(Trouble::new(Reason::Unexpected, trouble));
    }
    if let Some(silence) = listing.silence(guest.node()) {
        return Err(Trouble::new(Reason::Unreachable, format!("{}: {silence}", guest.id())));
    }
    if guest.is_unknown() {
        let detail =
            format!("{}: status unknown, node {} has not reported it for minutes", guest.id(), guest.node());
        return Err(Trouble::new(Reason::Unreachable, detail));
    }
    Ok(())
}

fn read(
    guest: &Guest<'_>,
    uptime: &Figure<'_>,
    netin: &Figure<'_>,
    netout: &Figure<'_>,
) -> Result<Counts, Trouble> {
    let strange = |problem: String| {
        Trouble::new(Reason::Unexpected, format!("{} on node {}: {problem}", guest.id(), guest.node()))
    };
    let uptime = uptime.bytes("uptime").map_err(strange)?;
    Ok(Counts {
        uptime: Seconds::new(uptime.get()),
        received: netin.bytes("netin").map_err(strange),
        sent: netout.bytes("netout").map_err(strange),
    })
}

/// Puts what was counted, or why it was not, into the harvest. `replugged` says that the one network
/// card was taken out and put in again since the last look.
pub(super) fn traffic(
    harvest: &mut Harvest,
    account: &AccountName,
    source: &Source,
    counts: Result<&Counts, &Trouble>,
    replugged: bool,
    at: Timestamp,
) {
    let counts = match counts {
        Ok(counts) => counts,
        Err(trouble) => {
            for meter in [Meter::TrafficIn, Meter::TrafficOut] {
                harvest.unread(account, Some(meter), trouble.reason, trouble.detail.as_str());
            }
            return;
        }
    };
    let epoch = match replugged {
        true => Epoch::ResetWhileRunning(counts.uptime),
        false => Epoch::Running(counts.uptime),
    };
    for (meter, count) in [(Meter::TrafficIn, &counts.received), (Meter::TrafficOut, &counts.sent)] {
        match count {
            Ok(count) => {
                let reading = Reading::Counter { source: source.clone(), at, epoch, count: *count };
                harvest.add_reading(account, meter, reading);
            }
            Err(trouble) => harvest.unread(account, Some(meter), trouble.reason, trouble.detail.as_str()),
        }
    }
}
