//! What settling noticed: every place where a number is less than the whole truth says why.

use std::fmt;

use crate::domain::{AccountName, Bytes, LifeNo, Meter, Month, Source, Span, Timestamp};

/// Something worth knowing about how a reading became a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Seen for the first time; what it had counted before is not billed.
    FirstSight {
        /// The count or level it came with.
        count: Bytes,
    },
    /// Seen for the first time and proven to have begun after our last look; counted in full.
    BeganSinceLastLook {
        /// The count it came with.
        count: Bytes,
    },
    /// Back after a complete list in which no account had it; what it counted meanwhile is unowned.
    Unowned {
        /// The last reading before.
        seen: Timestamp,
        /// The count it came back with.
        count: Bytes,
    },
    /// The panel reports a later beginning from before its last reading, and the count went on: it is the same.
    StartMoved {
        /// The beginning it reports now.
        start: Timestamp,
        /// The count.
        count: Bytes,
    },
    /// The panel reported that the counter began anew. What passed between `seen` and that moment is lost.
    CounterRestarted {
        /// The last reading of the counter before.
        seen: Timestamp,
        /// The count since the restart, billed.
        count: Bytes,
    },
    /// What was counted stands still. What passed after `seen` and before it stopped is not known.
    Stopped {
        /// The last reading before.
        seen: Timestamp,
    },
    /// What stood still runs again; all it counted since counts.
    Started {
        /// The count since it started, billed.
        count: Bytes,
    },
    /// The one network card was plugged in again and counts anew; what passed after `seen` and before
    /// that is lost.
    ResetWhileRunning {
        /// The last reading before.
        seen: Timestamp,
        /// The count since, billed.
        count: Bytes,
    },
    /// A count lower than believed, with no word of a restart. Not believed yet.
    WentBackwards {
        /// The count believed.
        believed: Bytes,
        /// The count that came.
        came: Bytes,
    },
    /// The lower count was confirmed by the next reading: the counter began anew unseen. Up to
    /// `unproven` bytes may have passed and are not billed.
    RestartUnproven {
        /// What the counter showed when it was first seen lower.
        unproven: Bytes,
    },
    /// Nothing was known between the two instants for longer than a level may be carried on, or than
    /// days can be distinguished.
    Gap {
        /// The last reading before.
        from: Timestamp,
        /// The first reading after.
        to: Timestamp,
    },
    /// A total read back at first sight has what other accounts of the service have for those days: that is not
    /// counted again.
    Copied {
        /// What was left out.
        amount: Bytes,
    },
    /// What was left out of a total because other accounts of the service had it: they have it no more, as their numbers
    /// were taken back, and it counts here.
    CopiedNoMore {
        /// What counts from now on.
        amount: Bytes,
    },
    /// The total of a span that was not reported before, of which a part is counted under other spans of the same
    /// source: the panel cuts its days otherwise than before. Nothing of it counts that may have been counted.
    CountedBefore {
        /// The span that is reported now.
        span: Span,
        /// What the other spans have.
        counted: Bytes,
    },
    /// Every span of a month that was not zero is reported as zero at once: the panel may have forgotten the month. Not
    /// believed before an operator has looked.
    MonthVanished {
        /// Which month.
        month: Month,
        /// What it has.
        total: Bytes,
    },
    /// A level has collapsed: to nothing, or by more than nine tenths. Not believed before a later measurement says it
    /// too.
    LevelCollapsed {
        /// The level believed.
        believed: Bytes,
        /// The level that came.
        came: Bytes,
    },
    /// The measurement after a level that had collapsed shows that it had not.
    LevelRecovered {
        /// The level that was not believed.
        doubted: Bytes,
        /// The level now.
        level: Bytes,
    },
    /// The figures came by another road than before, and this one is lower than believed: passed over, until one by the
    /// same road comes.
    RoadChanged {
        /// What is believed.
        believed: Bytes,
        /// What came.
        came: Bytes,
    },
    /// The panel reports it no more, although the account is there: unknown, not nothing.
    Silent {
        /// When it was reported last.
        seen: Timestamp,
    },
    /// Measured before the reading already believed; ignored.
    OldAnswer {
        /// When the ignored reading was measured.
        at: Timestamp,
    },
    /// Measured in our future: the panel's clock is ahead. Taken as measured when we asked.
    ClockAhead {
        /// The time the panel gave.
        at: Timestamp,
    },
    /// Two different answers for the same instant; neither is believed.
    Contradiction,
    /// A sum beyond what can be stored; the reading is not believed.
    TooLarge,
    /// It grew by `amount` since the last reading believed, where at most `allowed` can be: held back until
    /// an operator has looked.
    Implausible {
        /// The growth.
        amount: Bytes,
        /// The most that can be.
        allowed: Bytes,
        /// The last reading believed.
        since: Timestamp,
    },
    /// What was held back is not said any more; what is said now can be.
    PlausibleAgain,
    /// An operator has looked at what was held back, and says that it is true.
    Accepted {
        /// Who.
        author: String,
        /// Why.
        reason: String,
    },
    /// An operator has corrected a day by hand.
    Adjusted {
        /// Bytes added, or taken away.
        amount: i128,
        /// Who.
        author: String,
        /// Why.
        reason: String,
    },
}

/// A note and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The account.
    pub account: AccountName,
    /// Which life of it.
    pub life: LifeNo,
    /// The meter.
    pub meter: Meter,
    /// The counter, where the account has several.
    pub source: Source,
    /// When the panel measured the reading noted.
    pub at: Timestamp,
    /// What was noticed.
    pub note: Note,
}

impl Note {
    /// The names of all notes, in the order of their definition.
    pub const NAMES: [&str; 27] = [
        "first_sight",
        "began_since_last_look",
        "unowned",
        "start_moved",
        "counter_restarted",
        "stopped",
        "started",
        "reset_while_running",
        "went_backwards",
        "restart_unproven",
        "gap",
        "copied",
        "copied_no_more",
        "counted_before",
        "month_vanished",
        "level_collapsed",
        "level_recovered",
        "road_changed",
        "silent",
        "old_answer",
        "clock_ahead",
        "contradiction",
        "too_large",
        "implausible",
        "plausible_again",
        "accepted",
        "adjusted",
    ];

    /// Its name as a label value and in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Note::FirstSight { .. } => "first_sight",
            Note::BeganSinceLastLook { .. } => "began_since_last_look",
            Note::Unowned { .. } => "unowned",
            Note::StartMoved { .. } => "start_moved",
            Note::CounterRestarted { .. } => "counter_restarted",
            Note::Stopped { .. } => "stopped",
            Note::Started { .. } => "started",
            Note::ResetWhileRunning { .. } => "reset_while_running",
            Note::WentBackwards { .. } => "went_backwards",
            Note::RestartUnproven { .. } => "restart_unproven",
            Note::Gap { .. } => "gap",
            Note::Copied { .. } => "copied",
            Note::CopiedNoMore { .. } => "copied_no_more",
            Note::CountedBefore { .. } => "counted_before",
            Note::MonthVanished { .. } => "month_vanished",
            Note::LevelCollapsed { .. } => "level_collapsed",
            Note::LevelRecovered { .. } => "level_recovered",
            Note::RoadChanged { .. } => "road_changed",
            Note::Silent { .. } => "silent",
            Note::OldAnswer { .. } => "old_answer",
            Note::ClockAhead { .. } => "clock_ahead",
            Note::Contradiction => "contradiction",
            Note::TooLarge => "too_large",
            Note::Implausible { .. } => "implausible",
            Note::PlausibleAgain => "plausible_again",
            Note::Accepted { .. } => "accepted",
            Note::Adjusted { .. } => "adjusted",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::FirstSight { count } => {
                write!(f, "first sight at {count} B; what came before is not billed")
            }
            Note::BeganSinceLastLook { count } => {
                write!(f, "began after our last poll; its {count} B count in full")
            }
            Note::Unowned { seen, count } => write!(
                f,
                "back at {count} B; no account had it in a complete list since {seen}, and its traffic \
                 since is unowned"
            ),
            Note::StartMoved { start, count } => write!(
                f,
                "reported as started at {start}, but it went on to {count} B: the same counter, its \
                 growth counts"
            ),
            Note::CounterRestarted { seen, count } => write!(
                f,
                "counter restarted; {count} B since then count, what passed after {seen} and before the \
                 restart is lost"
            ),
            Note::Stopped { seen } => write!(f, "stopped; what passed after {seen} is not known"),
            Note::Started { count } => write!(f, "started again; its {count} B count in full"),
            Note::ResetWhileRunning { seen, count } => write!(
                f,
                "network card plugged in again; {count} B since then count, what passed after {seen} and \
                 before is lost"
            ),
            Note::WentBackwards { believed, came } => {
                write!(f, "went back from {believed} B to {came} B without a restart; not believed yet")
            }
            Note::RestartUnproven { unproven } => write!(
                f,
                "restart confirmed by a second reading; up to {unproven} B since it could not be proven \
                 and are not billed"
            ),
            Note::Gap { from, to } => write!(f, "nothing known from {from} to {to}"),
            Note::Copied { amount } => write!(
                f,
                "{amount} B of it are in the days of the service's other accounts already, and not \
                 counted again"
            ),
            Note::CopiedNoMore { amount } => write!(
                f,
                "{amount} B of it were left out for what the service's other accounts had, whose numbers were taken \
                 back: they count here now"
            ),
            Note::CountedBefore { span, counted } => write!(
                f,
                "the total of {} to {} has a time in it of which {counted} B are counted under other spans: only what is \
                 beyond them counts (does the panel cut its days by another time zone now?)",
                span.start(),
                span.end()
            ),
            Note::MonthVanished { month, total } => write!(
                f,
                "all of {month}, {total} B, is reported as zero all at once; held back: the panel may \
                 have lost the month. If it is true, run `whmeter accept`"
            ),
            Note::LevelCollapsed { believed, came } => write!(
                f,
                "fell from {believed} B to {came} B at once; not counted until a later measurement confirms it"
            ),
            Note::LevelRecovered { doubted, level } => {
                write!(
                    f,
                    "back at {level} B; the {doubted} B measured before were not counted and are ignored"
                )
            }
            Note::RoadChanged { believed, came } => write!(
                f,
                "came from another source than before and is {came} B, less than the {believed} B \
                 recorded: ignored; the next answer from the same source counts"
            ),
            Note::Silent { seen } => {
                write!(
                    f,
                    "reported last at {seen} and not any more, though the account is there: unknown, not zero"
                )
            }
            Note::OldAnswer { at } => write!(f, "old answer, measured {at}; ignored"),
            Note::ClockAhead { at } => write!(f, "the panel's clock is ahead: it says {at}"),
            Note::Contradiction => f.write_str("two different answers for one instant; neither counted"),
            Note::TooLarge => f.write_str("sum too large to store; reading not counted"),
            Note::Implausible { amount, allowed, since } => write!(
                f,
                "grew by {amount} B since {since}, where max_rate allows {allowed} B; held back: check \
                 the panel, then run `whmeter accept` if it is true"
            ),
            Note::PlausibleAgain => f.write_str("the value that was held back is no longer reported"),
            Note::Accepted { author, reason } => {
                write!(f, "what was held back is accepted by {author}: {reason}")
            }
            Note::Adjusted { amount, author, reason } => {
                write!(f, "corrected by {amount:+} B by {author}: {reason}")
            }
        }
    }
}
