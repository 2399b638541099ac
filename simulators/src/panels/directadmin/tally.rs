//! What the panel has counted: month totals that move with a tally, disk use, and what it does at a limit by itself.

use super::switches::Switches;
use super::world::{Account, Server, Suspension};
use crate::clock::at;
use crate::zone::{Zone, month_before};
use std::sync::PoisonError;

/// What the totals are of that are shown now, in epoch seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The first second of the month.
    pub from: i64,
    /// What passed until then is counted.
    pub until: i64,
    /// When the last tally ran.
    pub last_tally: i64,
}

/// Bytes of one account as they are shown now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What passed in the month.
    pub bandwidth: u64,
    /// What is stored.
    pub quota: u64,
}

impl Server {
    /// Which month the totals are of, and until when it is counted.
    pub fn figures(&self, switches: &Switches) -> Figures {
        let now = self.now().min(switches.tally_stuck_at.unwrap_or(i64::MAX));
        let zone = Zone::named(&switches.timezone);
        let today = zone.date(at(now));
        let first = month_before(today, 0);
        let month = zone.start_of(first);
        let (turn, last_tally) = match switches.tally_minute {
            None => (month, now),
            Some(minute) => {
                let tally_of = |day| zone.start_of(day) + minute * 60;
                let yesterday = tally_of(today.pred_opt().unwrap_or(today));
                let nightly = Some(tally_of(today)).filter(|tally| *tally <= now).unwrap_or(yesterday);
                let by_hand = *self.tally_by_hand.lock().unwrap_or_else(PoisonError::into_inner);
                let by_hand = by_hand.filter(|tally| *tally <= now);
                let turn = by_hand.filter(|tally| *tally >= month).unwrap_or(i64::MAX).min(tally_of(first));
                (turn, nightly.max(by_hand.unwrap_or(nightly)))
            }
        };
        if now >= turn + switches.reset_after_minutes * 60 {
            return Figures { from: month, until: last_tally, last_tally };
        }
        let last_tally = if switches.tally_minute.is_none() { month } else { last_tally };
        Figures { from: zone.start_of(month_before(today, 1)), until: last_tally.min(month), last_tally }
    }

    /// What an account used as far as it is counted.
    pub fn used(&self, switches: &Switches, name: &str, account: &Account) -> Used {
        let figures = self.figures(switches);
        let measured = if switches.realtime_quota == 0 { figures.last_tally } else { self.now() };
        let quota = self.knobs.truth.level(name, measured).unwrap_or_default();
        Used { bandwidth: self.bandwidth(figures, name, account), quota }
    }

    /// Bytes of the month that passed before a reseller's user was deleted.
    pub fn deleted_bandwidth(&self, switches: &Switches, reseller: &str) -> u64 {
        let figures = self.figures(switches);
        let accounts = self.accounts();
        let gone = accounts.iter().filter(|(_, one)| one.vanished && one.creator == reseller);
        gone.map(|(name, one)| self.bandwidth(figures, name, one)).sum()
    }

    fn bandwidth(&self, figures: Figures, name: &str, account: &Account) -> u64 {
        let from = figures.from.max(account.counted_from);
        let counted =
            (figures.until > from).then(|| self.knobs.truth.traffic_between(name, from, figures.until));
        let moved = counted.flatten().unwrap_or_default();
        let missing = account.missing.get(&figures.from).copied().unwrap_or_default();
        (moved.received + moved.sent).saturating_sub(missing)
    }

    /// Suspends those at their limit and releases those of a month that is over.
    ///
    /// Somebody who was released by hand is suspended again at the next tally.
    pub fn enforce_limits(&self, switches: &Switches) {
        let figures = self.figures(switches);
        for (name, account) in self.accounts_mut().iter_mut() {
            let at_limit_of = account.suspension.as_ref().and_then(|suspension| suspension.at_limit_of);
            if at_limit_of.is_some_and(|month| month != figures.from) {
                account.suspension = None;
            }
            let limit = bandwidth_limit(account);
            let is_over = limit.is_some_and(|limit| self.bandwidth(figures, name, account) >= limit);
            let is_due = account.released.is_none_or(|at| figures.last_tally > at);
            if switches.suspend_at_limit && account.suspension.is_none() && is_over && is_due {
                account.suspension = Some(Suspension {
                    reason: "bandwidth".into(),
                    details: "Bandwidth limit reached".into(),
                    at_limit_of: Some(figures.from),
                });
            }
        }
    }
}

/// What an account may move in this month; `None` is unlimited.
pub fn bandwidth_limit(account: &Account) -> Option<u64> {
    account
        .limit_bytes("bandwidth")
        .map(|sold| sold + account.limit_bytes("additional_bandwidth").unwrap_or(0))
}
