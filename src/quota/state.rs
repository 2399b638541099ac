//! What was decided before: which thresholds are crossed, and which policy is wanted.

use litemap::LiteMap;

use crate::domain::{Meter, Month, Policy, Seconds, Timestamp};

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
    /// The number of the newest switch: each has its own.
    pub number: u32,
    /// How often the panel was reported again since that policy was decided, because it had lost it or had not taken
    /// it.
    pub again: u32,
    /// When the panel was last seen to have taken the newest switch; `None` while it is under way.
    pub confirmed_at: Option<Timestamp>,
    /// The account was changed outside whmeter meanwhile, and it was left as they have it.
    pub left_alone: bool,
    /// What an operator has fixed.
    pub pin: Option<Pin>,
}

impl Default for Hold {
    fn default() -> Hold {
        Hold {
            wanted: Policy::Standard,
            number: 0,
            again: 0,
            confirmed_at: None,
            left_alone: false,
            pin: None,
        }
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

/// The pause before the panel is sent a second time what it should have kept; each later one is twice as long, up to
/// [`LONGEST_PAUSE`]. Whoever undoes it each time is not fought at every poll.
const FIRST_PAUSE: Seconds = Seconds::new(15 * 60);
const LONGEST_PAUSE: Seconds = Seconds::hours(24);

/// How the policy that a panel enforces is another than the one we want, once our newest switch has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conflict {
    /// It was changed outside whmeter and it was left alone, but ours still limits.
    StillLimited,
    /// It was changed outside whmeter, and we want it limited: theirs stands.
    LeftAlone,
    /// The panel took the limit and does not have it any more.
    Lost,
}

impl Conflict {
    /// Every one, so that each can be exported from the first scrape on.
    pub const ALL: [Conflict; 3] = [Conflict::StillLimited, Conflict::LeftAlone, Conflict::Lost];

    /// Its name as a label value, in findings and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Conflict::StillLimited => "still_limited",
            Conflict::LeftAlone => "left_alone",
            Conflict::Lost => "lost",
        }
    }
}

impl Hold {
    /// Whether the panel, which enforces `shown`, has another policy than we want; `None` also while a switch is
    /// under way.
    pub fn conflict(&self, shown: Option<Policy>) -> Option<Conflict> {
        self.confirmed_at?;
        match (self.left_alone, self.wanted, shown) {
            (true, _, Some(Policy::Limited)) => Some(Conflict::StillLimited),
            (true, Policy::Limited, _) => Some(Conflict::LeftAlone),
            (false, Policy::Limited, Some(Policy::Standard)) => Some(Conflict::Lost),
            _ => None,
        }
    }

    /// When the panel may be reported again what is wanted; `None` while a switch is under way. At once the first time.
    pub fn again_at(&self) -> Option<Timestamp> {
        let doubled = FIRST_PAUSE.get() << self.again.saturating_sub(1).min(16);
        let pause = if self.again == 0 { 0 } else { doubled.min(LONGEST_PAUSE.get()) };
        Some(self.confirmed_at?.plus(Seconds::new(pause)))
    }

    /// The policy an operator has fixed and that is still in force.
    pub fn pinned(&self, now: Timestamp) -> Option<Policy> {
        self.pin.filter(|pin| pin.until.is_none_or(|until| now < until)).map(|pin| pin.policy)
    }
}
