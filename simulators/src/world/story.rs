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
    /// By how many seconds the totals of days, hours or months that it tells are behind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: i64,
    /// The second of the UTC day at which it works its totals out, where it does so once a day: until then it tells
    /// what they were the night before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nightly: Option<i64>,
    /// The day of the month on which its month counters begin anew, where that is not the first: the day a server was
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_day: Option<u32>,
    /// Whether its counters begin anew at 2^32.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wraps: bool,
    /// Whether its answers tell what its clock shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dated: bool,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
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
    /// What passed on each day of the running month and the one before, in UTC.
    Days,
    /// What passed in each of the last hours.
    Hours,
    /// What passed in the running month and in the one before, in UTC.
    Months,
}

impl Shows {
    /// Whether it tells what passed in spans of time, and has no counters.
    pub fn is_of_spans(self) -> bool {
        matches!(self, Shows::Days | Shows::Hours | Shows::Months)
    }
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
    /// A panel that tells totals has another opinion of a day: so many thousandths more or less from now on.
    Revised {
        /// Of which account.
        account: u32,
        /// How many days ago, in UTC.
        days_ago: i64,
        /// How much more or less.
        per_mille: i64,
    },
    /// A panel that tells totals tells nothing at all of a month, or tells it again.
    Forgets {
        /// Which.
        backend: usize,
        /// Of the running month, or of the one before.
        months_ago: i64,
        /// Whether it has forgotten it.
        forgets: bool,
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
    /// The meter asks a panel that takes its time: what it answers is of now.
    PollBegins {
        /// Which.
        backend: usize,
        /// Which of our processes does it.
        replica: usize,
    },
    /// The panel answers at last.
    PollEnds {
        /// Which.
        backend: usize,
    },
    /// The meter polls a panel, and its process is killed at some point of the commit.
    PollDropped {
        /// Which.
        backend: usize,
        /// Which of our processes does it.
        replica: usize,
        /// After so many times that it had to wait.
        after: u32,
    },
    /// A row of what is stored is changed by somebody who may write to the database, and put back as it was.
    Damaged {
        /// Of days, months or of what was told.
        table: usize,
        /// Which row.
        pick: u64,
        /// Whether it is changed into what can never be.
        impossible: bool,
    },
    /// A panel tells the counters and levels of this moment from now on, or of each moment again.
    Stalls {
        /// Which.
        backend: usize,
        /// Whether it stands still.
        stalls: bool,
    },
    /// Everything of an account but that it is there cannot be read, or can be read again.
    Unreadable {
        /// Which.
        account: u32,
        /// Whether it cannot.
        unreadable: bool,
    },
    /// The clock of one of our processes is off by so many seconds from now on.
    ClockOff {
        /// Which.
        replica: usize,
        /// Ahead, or below zero behind.
        by: i64,
    },
    /// A panel's clock is off by so many seconds from now on.
    PanelClockOff {
        /// Which.
        backend: usize,
        /// Ahead, or below zero behind.
        by: i64,
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
        let polls =
            matches!(self.what, What::Poll { .. } | What::PollBegins { .. } | What::PollDropped { .. });
        polls || matches!(self.what, What::Collect { .. } | What::Look { .. })
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
