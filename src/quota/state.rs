//! What was decided before: which thresholds are crossed, and which policy is wanted.

use litemap::LiteMap;

use crate::domain::{Meter, Month, Policy, Timestamp};

/// The crossings of one account, by meter and threshold (percent). One that is over stays: it counts the
/// episodes.
pub type Crossings = LiteMap<(Meter, u32), Crossing>;

/// One threshold of one meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// How often it was crossed from below.
    pub episode: u32,
    /// Since when it is crossed now; `None` when it is not.
    pub since: Option<Timestamp>,
    /// The month it is about, for what is counted by the month.
    pub month: Option<Month>,
    /// The last reminder that was due.
    pub reminded: u32,
}

/// Which policy we want an account to be under, and how far that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The policy we want.
    pub wanted: Policy,
    /// How often that was decided: each switch has its own number.
    pub number: u32,
    /// When the panel was last seen to have taken the newest switch; `None` while it is under way.
    pub confirmed_at: Option<Timestamp>,
    /// Somebody else has changed the account meanwhile; theirs stands until ours would be `Standard`.
    pub left_alone: bool,
    /// What an operator has fixed.
    pub pin: Option<Pin>,
}

impl Default for Hold {
    fn default() -> Hold {
        Hold { wanted: Policy::Standard, number: 0, confirmed_at: None, left_alone: false, pin: None }
    }
}

/// A policy fixed by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The policy.
    pub policy: Policy,
    /// Until when; `None` until it is taken away.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// The policy an operator has fixed and that is still in force.
    pub fn pinned(&self, now: Timestamp) -> Option<Policy> {
        self.pin.filter(|pin| pin.until.is_none_or(|until| now < until)).map(|pin| pin.policy)
    }
}
