//! A world as plain data: what happens, and when. Whoever plays it draws nothing more; to shrink it is to
//! leave events out.

use std::fmt;

use chrono::DateTime;
use serde::{Deserialize, Serialize};

/// A whole world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// What it was made of; growth goes by it too.
    pub seed: u64,
    /// The billing zone, by its IANA name.
    pub zone: String,
    /// The panels that are configured.
    pub backends: Vec<BackendPlan>,
    /// What happens, in order.
    #[serde(skip)]
    pub events: Vec<Event>,
}

/// One panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendPlan {
    /// Its name in the meter's config.
    pub name: String,
    /// The WHMCS server it answers for.
    pub server: i64,
    /// How it tells what passed.
    pub shows: Shows,
    /// Whether it proves that an account is the same as before.
    pub identity: bool,
    /// Whether its accounts are pools of guests that can move from one to the other. Else each account has
    /// one counter of its own.
    pub pools: bool,
}

/// How a panel tells what passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shows {
    /// Counters, with the seconds since they began.
    Uptime,
    /// Counters, with the instant they began.
    Started,
    /// Counters, and nothing of when they began.
    Silent,
    /// What passed since the first of the month, in UTC.
    Month,
}

/// Something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in epoch seconds.
    pub at: i64,
    /// What.
    pub what: What,
}

/// A counter of an account, or a guest of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// Its own for ever.
    pub id: u32,
    /// What the panel calls it; empty for the only counter of an account.
    pub shown: String,
}

/// What can happen. An event whose subject is not there (any more) changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// An account is made on a panel, with its sources.
    Born {
        /// Its own number for ever, whatever it is called.
        account: u32,
        /// The panel.
        backend: usize,
        /// Its name there.
        name: String,
        /// What it has from the first moment on.
        sources: Vec<SourcePlan>,
    },
    /// An account is deleted, with its sources.
    Died {
        /// Which.
        account: u32,
    },
    /// An account is called something else.
    Renamed {
        /// Which.
        account: u32,
        /// Its new name.
        name: String,
    },
    /// An account is not listed any more though it is there, or is listed again.
    Hidden {
        /// Which.
        account: u32,
        /// Whether it is left out.
        hidden: bool,
    },
    /// A guest is made in a pool.
    Added {
        /// The pool.
        account: u32,
        /// The guest.
        source: SourcePlan,
    },
    /// A guest is destroyed.
    Removed {
        /// Which.
        source: u32,
    },
    /// A guest goes to another pool of its panel, or out of all.
    Moved {
        /// Which.
        source: u32,
        /// Where to.
        to: Option<u32>,
    },
    /// A counter begins anew.
    Restarted {
        /// Which.
        source: u32,
    },
    /// A panel shows nobody, because the meter's user has lost a right, or everybody again.
    Blind {
        /// Which.
        backend: usize,
        /// Whether it shows nobody.
        blind: bool,
    },
    /// What a panel says is not true, whatever it is; then an operator takes back what was made of it, and the panel
    /// tells the truth again.
    Lies {
        /// Which.
        backend: usize,
        /// Whether it lies from now on.
        lies: bool,
    },
    /// A panel stops answering.
    Down {
        /// Which.
        backend: usize,
    },
    /// A panel answers again.
    Up {
        /// Which.
        backend: usize,
    },
    /// A customer buys a service.
    Ordered {
        /// `tblhosting.id`.
        service: i64,
        /// The server it is on.
        server: i64,
        /// Its username.
        username: String,
        /// Whether lists tell the day it was registered on.
        tells_day: bool,
    },
    /// A service is suspended, terminated or active again.
    Status {
        /// Which.
        service: i64,
        /// As WHMCS spells it.
        status: String,
    },
    /// A service has another username from now on.
    Username {
        /// Which.
        service: i64,
        /// The new one.
        username: String,
    },
    /// A service is moved to another server.
    Rehomed {
        /// Which.
        service: i64,
        /// The new one.
        server: i64,
    },
    /// A service is deleted in WHMCS: lists tell it no more.
    Erased {
        /// Which.
        service: i64,
    },
    /// WHMCS tells the meter a server's services.
    Listed {
        /// The server.
        server: i64,
        /// Which of our processes takes it in.
        replica: usize,
    },
    /// An operator says whose an account is, or takes that back.
    Pinned {
        /// The panel.
        backend: usize,
        /// The account, by name.
        name: String,
        /// Whose.
        service: Option<i64>,
    },
    /// An operator corrects the traffic sent by an account on a day.
    Adjusted {
        /// The panel.
        backend: usize,
        /// The account, by name.
        name: String,
        /// How many days ago.
        days_ago: i64,
        /// By how many thousandths of what the day has.
        per_mille: i64,
    },
    /// An operator says that whatever is doubted of a panel is true.
    Accepted {
        /// The panel.
        backend: usize,
    },
    /// The meter polls a panel.
    Poll {
        /// Which.
        backend: usize,
        /// Which of our processes does it.
        replica: usize,
        /// Whether that process is killed while it asks.
        killed: bool,
        /// Whether it takes in the same answer twice.
        again: bool,
    },
    /// WHMCS collects for billing.
    Collect {
        /// For which server.
        server: i64,
        /// Which of our processes answers.
        replica: usize,
        /// Whether it asks twice at once.
        twice: bool,
    },
    /// Somebody looks at what WHMCS would be told.
    Look {
        /// For which server.
        server: i64,
        /// Which of our processes answers.
        replica: usize,
    },
    /// One of our processes is killed between two polls and started again.
    Killed {
        /// Which.
        replica: usize,
    },
}

impl Event {
    /// Whether it needs a process of ours that runs, and comes to nothing without one.
    pub fn is_ours(&self) -> bool {
        matches!(self.what, What::Poll { .. } | What::Collect { .. } | What::Look { .. })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = serde_json::to_string(&self.what).map_err(|_| fmt::Error)?;
        write!(f, "{} {what}", DateTime::from_timestamp(self.at, 0).unwrap_or_default().format(WHEN))
    }
}

const WHEN: &str = "%Y-%m-%dT%H:%M:%SZ";

/// One line for the world and one for each event.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", serde_json::to_string(self).map_err(|_| fmt::Error)?)?;
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl std::str::FromStr for Story {
    type Err = String;

    /// Reads what was printed.
    fn from_str(text: &str) -> Result<Story, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().ok_or("an empty story")?;
        let mut story: Story = serde_json::from_str(first).map_err(|error| format!("{first}: {error}"))?;
        for line in lines {
            let wrong = |error: &dyn fmt::Display| format!("{line}: {error}");
            let (at, what) = line.split_once(' ').ok_or_else(|| wrong(&"no time before the event"))?;
            let at = DateTime::parse_from_rfc3339(at).map_err(|error| wrong(&error))?.timestamp();
            let what = serde_json::from_str(what).map_err(|error| wrong(&error))?;
            story.events.push(Event { at, what });
        }
        Ok(story)
    }
}

#[cfg(test)]
mod tests {
    use crate::world::generate::{ALL, generate};

    #[test]
    fn what_is_printed_can_be_read_again() {
        let story = generate(7, 40, ALL);
        assert!(story.events.len() > 100);
        assert_eq!(story.to_string().parse(), Ok(story));
    }
}
