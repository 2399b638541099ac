//! One account at a time: what its usage means, and what is to be reported and done; and the brake over all.

use litemap::LiteMap;

use super::notification::{Notification, Occasion};
use super::rule::{Rule, SoldAs, Wording};
use super::state::{Crossing, Crossings, Hold};
use crate::domain::{AccountKey, AccountName, Bytes, HoldingNo, Limit, Meter, Month, Policy, Timestamp};

/// What is known of the use of one meter. Where it is not fresh, whole and plausible there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// The part that is certain: what may trigger something.
    pub certain: Bytes,
    /// All of it, estimated parts included: what must have fallen before something is over.
    pub shown: Bytes,
    /// The month it is counted by (flows).
    pub month: Option<Month>,
    /// Whether it is all. Of a sum of which a part is unknown what is known may trigger something; nothing is over.
    pub whole: bool,
    /// How many accounts it is of.
    pub accounts: u32,
}

impl Used {
    /// What passed either way, of what passed in each direction.
    pub fn both_ways(self, other: Used) -> Used {
        Used {
            certain: self.certain.checked_add(other.certain).unwrap_or(Bytes::MAX),
            shown: self.shown.checked_add(other.shown).unwrap_or(Bytes::MAX),
            whole: self.whole && other.whole,
            ..self
        }
    }
}

/// One meter of an account before the judge.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// What is measured.
    pub meter: Meter,
    /// Its rule, where one matches, and the rule's number in the config.
    pub rule: Option<(usize, &'a Rule)>,
    /// The limit in force; `Unknown` decides nothing.
    pub limit: Limit,
    /// Whether more may be used than when it was last looked at: what is over by that is no fall.
    pub raised: bool,
    /// What is known of its use; `None` decides nothing.
    pub used: Option<Used>,
}

/// One account before the judge.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Whom it is about.
    pub account: AccountKey,
    /// Who holds it: with another owner nothing is crossed yet.
    pub holding: HoldingNo,
    /// Switched off outside whmeter: never touched, never restored.
    pub suspended: bool,
    /// The policy the panel enforces.
    pub shown: Option<Policy>,
    /// Whether the limited policy it enforces is not quite ours.
    pub differs: bool,
    /// An operator waits for it: no pause is kept.
    pub by_hand: bool,
    /// What its service says of its letters.
    pub sold: SoldAs,
    /// Every meter that has a rule or a crossing.
    pub meters: Vec<Judged<'a>>,
    /// What is crossed so far.
    pub crossings: Crossings,
    /// The policy wanted so far.
    pub hold: Hold,
}

/// An order to put an account under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Whom.
    pub account: AccountKey,
    /// Who held it when it was decided.
    pub holding: HoldingNo,
    /// Which policy.
    pub to: Policy,
    /// The number of the order, for its key.
    pub number: u32,
    /// Why, for the audit.
    pub why: String,
    /// When what caused it was seen.
    pub at: Timestamp,
}

impl Switch {
    /// The derived key.
    pub fn key(&self) -> String {
        let Switch { account, holding, number, .. } = self;
        format!("{}/{}/{holding}/policy/{number}", account.backend, account.name)
    }
}

/// What is decided of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whom it is about.
    pub account: AccountName,
    /// Who holds it.
    pub holding: HoldingNo,
    /// What is crossed from now on.
    pub crossings: Crossings,
    /// The policy wanted from now on.
    pub hold: Hold,
    /// What is to be reported. Notifications that it was limited or restored wait for the switch.
    pub notifications: Vec<Notification>,
    /// What is to be done.
    pub switch: Option<Switch>,
}

/// What is decided of a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The accounts of which something changes.
    pub verdicts: Vec<Verdict>,
    /// Accounts that usage would limit or restore, had it not been too many at once.
    pub held: Vec<AccountName>,
}

/// How many accounts each rule limits besides those that are looked at: the brake counts them together, or one
/// recalculation after the other would pass it.
pub type Besides = LiteMap<usize, usize>;

/// How many of these accounts each rule would newly limit, were it for usage alone.
pub fn would_limit<'a>(subjects: impl Iterator<Item = Subject<'a>>, now: Timestamp) -> Besides {
    let mut counts = Besides::new();
    for number in subjects.flat_map(|subject| judge(&subject, now, &Braked::default()).limiting) {
        *counts.entry(number).or_default() += 1;
    }
    counts
}

/// Decides about every account a poll has looked at. `accounts` is how many the backend has.
pub fn decide<'a>(
    subjects: impl Iterator<Item = Subject<'a>>,
    accounts: usize,
    besides: &Besides,
    now: Timestamp,
) -> Decided {
    let mut judged: Vec<(Subject<'a>, Judgement)> = Vec::new();
    for subject in subjects {
        let judgement = judge(&subject, now, &Braked::default());
        if judgement.changes(&subject) {
            judged.push((subject, judgement));
        }
    }
    let braked = braked(&judged, accounts, besides);
    let mut decided = Decided::default();
    for (subject, judgement) in judged {
        let stopped = judgement.limiting.iter().any(|rule| braked.limiting.contains(rule))
            || judgement.restoring.iter().any(|rule| braked.restoring.contains(rule));
        let judgement = if stopped {
            decided.held.push(subject.account.name.clone());
            judge(&subject, now, &braked)
        } else {
            judgement
        };
        if judgement.changes(&subject) {
            decided.verdicts.push(judgement.verdict);
        }
    }
    decided
}

/// Rules that may do nothing more at once.
#[derive(Debug, Default)]
struct Braked {
    /// They would limit too many accounts.
    limiting: Vec<usize>,
    /// So much use has fallen together that it is rather a panel that lies.
    restoring: Vec<usize>,
}

/// The rules that would limit or restore more accounts at once than they may.
fn braked(judged: &[(Subject<'_>, Judgement)], accounts: usize, besides: &Besides) -> Braked {
    let limiting = judged.iter().flat_map(|(_, judgement)| &judgement.limiting);
    let restoring = judged.iter().flat_map(|(_, judgement)| &judgement.restoring);
    Braked {
        limiting: too_many(judged, limiting, accounts, besides),
        restoring: too_many(judged, restoring, accounts, &Besides::new()),
    }
}

fn too_many<'n>(
    judged: &[(Subject<'_>, Judgement)],
    numbers: impl Iterator<Item = &'n usize>,
    accounts: usize,
    besides: &Besides,
) -> Vec<usize> {
    let mut counts: LiteMap<usize, usize> = LiteMap::new();
    for number in numbers {
        *counts.entry(*number).or_default() += 1;
    }
    let rule = |wanted: usize| {
        let mut rules = judged.iter().flat_map(|(subject, _)| subject.meters.iter().filter_map(|m| m.rule));
        rules.find(|(number, _)| *number == wanted).map(|(_, rule)| rule)
    };
    let too_many = counts
        .into_iter()
        .map(|(number, count)| (number, count + besides.get(&number).copied().unwrap_or(0)))
        .filter(|(number, count)| rule(*number).is_some_and(|rule| !rule.brake.allows(*count, accounts)));
    too_many.map(|(number, _)| number).collect()
}

struct Judgement {
    verdict: Verdict,
    /// The rules by which it is newly limited.
    limiting: Vec<usize>,
    /// The rules by which it is restored because its measured use has fallen.
    restoring: Vec<usize>,
}

impl Judgement {
    fn changes(&self, subject: &Subject<'_>) -> bool {
        self.verdict.crossings != subject.crossings
            || self.verdict.hold != subject.hold
            || !self.verdict.notifications.is_empty()
            || self.verdict.switch.is_some()
    }
}

/// What happened to one threshold in this pass.
struct Turn<'a> {
    judged: &'a Judged<'a>,
    rule: Option<&'a Rule>,
    threshold: u32,
    episode: u32,
    since: Timestamp,
    what: CrossingEvent,
    /// It ended because measured use fell, and not by a new month, a higher limit or another config.
    fell: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum CrossingEvent {
    Began,
    Ended,
    Due(u32),
}

fn judge(subject: &Subject<'_>, now: Timestamp, braked: &Braked) -> Judgement {
    let mut verdict = Verdict {
        account: subject.account.name.clone(),
        holding: subject.holding,
        crossings: subject.crossings.clone(),
        hold: subject.hold,
        notifications: Vec::new(),
        switch: None,
    };
    if subject.suspended {
        return Judgement { verdict, limiting: Vec::new(), restoring: Vec::new() };
    }
    let mut turns = Vec::new();
    for judged in &subject.meters {
        cross(judged, &subject.sold, &mut verdict.crossings, now, braked, &mut turns);
    }
    let demanding = subject.meters.iter().find(|judged| demands(judged, &verdict.crossings, subject.hold));
    let pinned = subject.hold.pinned(now);
    let usage = if demanding.is_some() { Policy::Limited } else { Policy::Standard };
    let why = match (pinned, demanding) {
        (Some(policy), _) => format!("pinned to {}", policy.name()),
        (None, Some(judged)) => reached(judged),
        (None, None) => "no limit that a rule enforces is reached any more".to_string(),
    };
    verdict.switch = switch(subject, &mut verdict.hold, pinned.unwrap_or(usage), why, now);
    let switched = verdict.switch.as_ref().map(|switch| switch.to);
    verdict.notifications = notifications(subject, &turns, switched, now);
    let limiting = turns.iter().filter(|turn| turn.what == CrossingEvent::Began && turn.is_limit());
    let limiting = limiting.filter_map(|turn| turn.judged.rule.map(|(number, _)| number)).collect();
    let limiting = if switched == Some(Policy::Limited) { limiting } else { Vec::new() };
    let restoring = turns.iter().filter(|turn| turn.fell && turn.is_limit());
    let restoring = restoring.filter_map(|turn| turn.judged.rule.map(|(number, _)| number)).collect();
    let restoring = if switched == Some(Policy::Standard) { restoring } else { Vec::new() };
    Judgement { verdict, limiting, restoring }
}

/// Whether a meter wants its account limited. One of which use or limit is unknown wants what it wanted.
fn demands(judged: &Judged<'_>, crossings: &Crossings, hold: Hold) -> bool {
    let Some((_, rule)) = judged.rule else { return false };
    let mine =
        crossings.iter().filter(|((meter, _), crossing)| *meter == judged.meter && crossing.since.is_some());
    let mut thresholds = mine.map(|((_, threshold), _)| *threshold);
    match judged.is_known() {
        true => thresholds.any(|threshold| rule.limit_at == Some(threshold)),
        false => hold.wanted == Policy::Limited && thresholds.next().is_some(),
    }
}

impl Judged<'_> {
    /// Whether use and limit are both known: before, nothing can be decided.
    fn is_known(&self) -> bool {
        self.used.is_some() && self.limit.is_known()
    }
}

impl Turn<'_> {
    fn is_limit(&self) -> bool {
        self.rule.is_some_and(|rule| rule.limit_at == Some(self.threshold))
    }
}

/// Brings the crossings of one meter up to date, and returns what began and what ended.
fn cross<'a>(
    judged: &'a Judged<'a>,
    sold: &SoldAs,
    crossings: &mut Crossings,
    now: Timestamp,
    braked: &Braked,
    turns: &mut Vec<Turn<'a>>,
) {
    // Not knowing the use or the limit, we do not know that anything is over: one answer of a panel without
    // its limit would else restore an account that is far beyond it.
    if judged.rule.is_some() && !judged.is_known() {
        return;
    }
    let rule = judged.rule.filter(|_| judged.limit.up_to().is_some());
    let thresholds = rule.map(|(_, rule)| rule.thresholds(sold)).unwrap_or_default();
    let turn = |threshold, crossing: &Crossing, since, what| Turn {
        judged,
        rule: judged.rule.map(|(_, rule)| rule),
        threshold,
        episode: crossing.episode,
        since,
        what,
        fell: false,
    };
    // What the rules no longer name, and all of it where there is no limit any more.
    for ((_, threshold), crossing) in crossings.iter_mut().filter(|((meter, _), _)| *meter == judged.meter) {
        if let Some(since) = crossing.since.filter(|_| !thresholds.contains(threshold)) {
            crossing.since = None;
            turns.push(turn(*threshold, crossing, since, CrossingEvent::Ended));
        }
    }
    let (Some((number, rule)), Some(limit), Some(used)) = (rule, judged.limit.up_to(), judged.used) else {
        return;
    };
    for threshold in &thresholds {
        let key = (judged.meter, *threshold);
        let mut crossing = crossings.get(&key).copied().unwrap_or_default();
        let before = crossing;
        if let Some(since) = crossing.since {
            let another_month = crossing.month != used.month;
            let fell = !another_month && !judged.raised;
            let stays = fell && rule.limit_at == Some(*threshold) && braked.restoring.contains(&number);
            let is_over =
                used.whole && (another_month || !used.shown.reaches(rule.over_below(*threshold), limit));
            if is_over && !stays {
                crossing.since = None;
                turns.push(Turn { fell, ..turn(*threshold, &crossing, since, CrossingEvent::Ended) });
            }
        }
        let is_held = rule.limit_at == Some(*threshold) && braked.limiting.contains(&number);
        if crossing.since.is_none() && used.certain.reaches(*threshold, limit) && !is_held {
            let episode = crossing.episode.saturating_add(1);
            crossing = Crossing { episode, since: Some(now), month: used.month, reminded: 0 };
            turns.push(turn(*threshold, &crossing, now, CrossingEvent::Began));
        }
        if crossing != before {
            crossings.insert(key, crossing);
        }
    }
    remind(judged, rule, crossings, now, turns);
}

/// The highest standing crossing is reported again in its time: by the clock, not by how often we looked.
fn remind<'a>(
    judged: &'a Judged<'a>,
    rule: &'a Rule,
    crossings: &mut Crossings,
    now: Timestamp,
    turns: &mut Vec<Turn<'a>>,
) {
    let Some(every) = rule.remind_every.filter(|every| every.get() > 0) else { return };
    let mine = crossings
        .iter_mut()
        .filter(|((meter, _), crossing)| *meter == judged.meter && crossing.since.is_some());
    let Some(((_, threshold), crossing)) = mine.last() else { return };
    let Some(since) = crossing.since else { return };
    let due = u32::try_from(now.since(since).get() / every.get()).unwrap_or(u32::MAX);
    if due > crossing.reminded {
        crossing.reminded = due;
        turns.push(Turn {
            judged,
            rule: Some(rule),
            threshold: *threshold,
            episode: crossing.episode,
            since,
            what: CrossingEvent::Due(due),
            fell: false,
        });
    }
}

/// The order that follows from the policy usage or a pin demands.
fn switch(
    subject: &Subject<'_>,
    hold: &mut Hold,
    desired: Policy,
    why: String,
    now: Timestamp,
) -> Option<Switch> {
    let (to, why) = if desired != hold.wanted {
        let ours_limits = subject.shown == Some(Policy::Limited);
        let theirs = hold.left_alone && desired == Policy::Standard && !ours_limits;
        *hold = Hold {
            wanted: desired,
            number: hold.number.saturating_add(1),
            again: 0,
            confirmed_at: theirs.then_some(now),
            left_alone: false,
            pin: hold.pin,
        };
        // What was set outside whmeter is the new standard: there is nothing to bring back.
        if theirs {
            return None;
        }
        (desired, why)
    } else {
        let seen = not_as_wanted(subject, hold)?;
        let due = match subject.by_hand {
            // Whoever asks within the second has changed something since.
            true => hold.confirmed_at.is_some_and(|at| at <= now),
            // Seen in a poll that began after the switch was done.
            false => {
                hold.confirmed_at.is_some_and(|at| at < now) && hold.again_at().is_some_and(|at| at <= now)
            }
        };
        if !due {
            return None;
        }
        hold.number = hold.number.saturating_add(1);
        hold.again = hold.again.saturating_add(1);
        hold.confirmed_at = None;
        (hold.wanted, format!("{seen}; {why}"))
    };
    Some(Switch {
        account: subject.account.clone(),
        holding: subject.holding,
        to,
        number: hold.number,
        why,
        at: now,
    })
}

/// What the panel enforces where it is not what we want and may be fixed; What was set outside whmeter is left alone.
fn not_as_wanted(subject: &Subject<'_>, hold: &Hold) -> Option<&'static str> {
    let is_limited = subject.shown == Some(Policy::Limited);
    match (hold.wanted, hold.left_alone) {
        (Policy::Limited, false) if !is_limited => Some("the panel no longer shows the limited policy"),
        (Policy::Limited, false) if subject.differs => Some("the limited policy on the panel has changed"),
        (Policy::Limited, true) if is_limited && !subject.differs => {
            Some("a change made outside whmeter is gone")
        }
        (Policy::Standard, true) if is_limited => Some("the panel still limits it"),
        _ => None,
    }
}

fn reached(judged: &Judged<'_>) -> String {
    match (judged.used, judged.limit.up_to()) {
        (Some(used), Some(limit)) => {
            let of = if used.accounts > 1 {
                format!("its service's {} accounts: ", used.accounts)
            } else {
                String::new()
            };
            let least = if used.whole { "" } else { "at least " };
            format!("{of}{} used {least}{} of {limit} bytes", judged.meter, used.shown)
        }
        // Not measured this time: what was crossed stays crossed.
        _ => format!("{} is over its limit", judged.meter),
    }
}

/// One notification for each turn, as the switch that goes with it has it.
fn notifications(
    subject: &Subject<'_>,
    turns: &[Turn<'_>],
    switched: Option<Policy>,
    now: Timestamp,
) -> Vec<Notification> {
    let (mut notifications, unworded) = (Vec::new(), Wording::default());
    for turn in turns {
        let occasions: &[Occasion] = match turn.what {
            CrossingEvent::Began if turn.is_limit() && switched == Some(Policy::Limited) => {
                &[Occasion::Limited]
            }
            CrossingEvent::Began => &[Occasion::Notify],
            CrossingEvent::Ended if turn.is_limit() && switched == Some(Policy::Standard) => {
                &[Occasion::Restored, Occasion::Resolved]
            }
            CrossingEvent::Ended => &[Occasion::Resolved],
            CrossingEvent::Due(number) => &[Occasion::Reminder(number)],
        };
        for occasion in occasions {
            let wording = turn.rule.map_or(&unworded, |rule| &rule.wording);
            notifications.push(Notification {
                occasion: *occasion,
                account: subject.account.clone(),
                holding: subject.holding,
                meter: turn.judged.meter,
                threshold: turn.threshold,
                episode: turn.episode,
                used: turn.judged.used.map_or(Bytes::ZERO, |used| used.shown),
                limit: turn.judged.limit.up_to().unwrap_or(Bytes::ZERO),
                since: turn.since,
                at: now,
                address: wording.address(*occasion, &subject.sold),
            });
        }
    }
    notifications
}
