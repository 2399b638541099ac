//! A story made of a seed: customers who come, change and go, panels and processes that fail, and in between polls
//! and collections. Nothing is checked here: an event that makes no sense when it comes changes nothing.

use chrono::{DateTime, NaiveDate};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::calendar::{Zone, next};
use super::customers::Customers;
use super::story::{BackendPlan, Event, Shows, Story, What};

/// Kinds of things that can happen, each to be switched on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Customers come while the meter runs.
    Births,
    /// Counters begin anew.
    Restarts,
    /// Panels do not answer, for hours or days.
    Outages,
    /// Our processes are killed, while they poll and in between.
    Kills,
    /// Nothing of ours runs, for hours or days, also across the end of a month.
    Pauses,
    /// People look at what WHMCS would be told.
    Looks,
    /// Panels are asked again within seconds or minutes.
    Bursts,
    /// The same answer is taken in twice.
    Again,
    /// A panel tells counters without a word of when they began.
    SilentCounters,
    /// A panel tells what passed since the first of the month.
    MonthTotals,
    /// A panel tells what passed in each day, hour or month, late, and with other opinions later.
    PeriodTotals,
    /// Panels that tell totals work them out once a day, at night.
    Nightly,
    /// Month counters begin anew on another day than the first.
    ResetDays,
    /// Two of our processes share the database.
    Replicas,
    /// WHMCS asks twice at once.
    Twice,
    /// Operators correct days.
    Adjustments,
    /// Services are suspended and active again.
    Suspensions,
    /// Customers go: services end, accounts are deleted.
    Terminations,
    /// Names are sold again.
    Resales,
    /// Accounts are called something else, and so are their services.
    Renames,
    /// Accounts are moved to another panel of their server.
    BackendMoves,
    /// Services are moved to another server.
    ServerMoves,
    /// Guests go from pool to pool.
    PoolMoves,
    /// Lists come minutes, hours or days after what they tell.
    LateLists,
    /// Lists do not tell the day a service was registered on.
    UnknownDays,
    /// The first list of a server comes after days.
    LateFirstList,
    /// Operators pin accounts to services.
    Pins,
    /// Services have companions, by whose names they are billed.
    Companions,
    /// Panels leave accounts out of their lists for a while.
    Hidden,
    /// Panels leave everybody out, for hours or days: a right was lost.
    LostRights,
    /// Operators say that what is doubted is true.
    Acceptances,
    /// Panels take minutes to answer, sometimes longer than a lease lasts.
    SlowPanels,
    /// Our processes are killed in the middle of commits.
    Drops,
    /// Our clocks jump, by minutes or weeks, and back again.
    Clocks,
    /// Panels' clocks are wrong for days.
    PanelClocks,
    /// Rows of the database are changed and put back.
    Damages,
    /// Counters begin anew at 2^32.
    Wraps,
    /// Panels tell old numbers under a new time.
    Stalls,
    /// Accounts cannot be read though they are there.
    Unreadable,
    /// Panels tell lies, for an hour or a day, and operators take back what was made of them.
    Lies,
}

/// Everything that can be made.
pub const ALL: &[Feature] = &[
    Feature::Births,
    Feature::Restarts,
    Feature::Outages,
    Feature::Kills,
    Feature::Pauses,
    Feature::Looks,
    Feature::Bursts,
    Feature::Again,
    Feature::SilentCounters,
    Feature::MonthTotals,
    Feature::PeriodTotals,
    Feature::Nightly,
    Feature::ResetDays,
    Feature::Replicas,
    Feature::Twice,
    Feature::Adjustments,
    Feature::Suspensions,
    Feature::Terminations,
    Feature::Resales,
    Feature::Renames,
    Feature::BackendMoves,
    Feature::ServerMoves,
    Feature::PoolMoves,
    Feature::LateLists,
    Feature::UnknownDays,
    Feature::LateFirstList,
    Feature::Pins,
    Feature::Companions,
    Feature::Hidden,
    Feature::LostRights,
    Feature::Acceptances,
    Feature::SlowPanels,
    Feature::Drops,
    Feature::Clocks,
    Feature::PanelClocks,
    Feature::Damages,
    Feature::Wraps,
    Feature::Stalls,
    Feature::Unreadable,
    Feature::Lies,
];

impl Feature {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Feature> {
        ALL.iter().copied().find(|feature| format!("{feature:?}").eq_ignore_ascii_case(name))
    }
}

pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// The server of companions: it has no panel.
pub const COMPANIONS: i64 = 9;

/// A restart so soon (seconds) after a look is not told from growth by an uptime: it is not played.
const TOO_SOON: i64 = 400;

/// The zones worlds lie in.
const ZONES: [&str; 4] = ["Europe/Warsaw", "Europe/Warsaw", "America/New_York", "UTC"];

/// A world of `days` days in which only these things happen.
pub fn generate(seed: u64, days: i64, features: &[Feature]) -> Story {
    let mut dice = StdRng::seed_from_u64(seed);
    let from = first_second() + dice.random_range(0..365 * DAY);
    let backends = panels(&mut dice, features);
    let zone = ZONES[dice.random_range(0..ZONES.len())];
    let mut maker = Maker {
        dice,
        features: features.to_vec(),
        from,
        until: from + days * DAY,
        story: Story { seed, zone: zone.into(), backends, events: Vec::new() },
    };
    maker.ours();
    maker.trouble();
    Customers::new(&mut maker).come_and_go();
    maker.lies();
    maker.finish()
}

fn first_second() -> i64 {
    let date = NaiveDate::from_ymd_opt(2026, 1, 1).map(|date| date.and_hms_opt(0, 0, 0));
    date.flatten()
        .map_or(0, |time| DateTime::<chrono::Utc>::from_naive_utc_and_offset(time, chrono::Utc).timestamp())
}

/// Two panels of server 1, one of each kind, and perhaps one of server 2.
fn panels(dice: &mut StdRng, features: &[Feature]) -> Vec<BackendPlan> {
    let plan = |name: &str, server, shows, identity, pools| BackendPlan {
        name: name.into(),
        server,
        shows,
        identity,
        pools,
        late: 0,
        nightly: None,
        reset_day: None,
        wraps: false,
        dated: false,
    };
    let mut ways = vec![Shows::Uptime, Shows::Started];
    let more = [
        (Feature::SilentCounters, Shows::Silent),
        (Feature::MonthTotals, Shows::Month),
        (Feature::PeriodTotals, Shows::Days),
        (Feature::PeriodTotals, Shows::Hours),
        (Feature::PeriodTotals, Shows::Months),
    ];
    ways.extend(more.into_iter().filter(|(feature, _)| features.contains(feature)).map(|(_, shows)| shows));
    let shows = |dice: &mut StdRng| ways[dice.random_range(0..ways.len())];
    let mut plans = vec![
        plan("b0", 1, shows(dice), dice.random_bool(0.5), false),
        plan("b1", 1, Shows::Uptime, dice.random_bool(0.3), true),
    ];
    if dice.random_bool(0.6) {
        let shows = shows(dice);
        // A total is an account's, not a guest's.
        let pools = shows != Shows::Month && !shows.is_of_spans() && dice.random_bool(0.4);
        plans.push(plan("b2", 2, shows, dice.random_bool(0.5), pools));
    }
    if features.contains(&Feature::Wraps) {
        // Of guests of a pool not: docs/simulation.md says why.
        plans.iter_mut().for_each(|plan| plan.wraps = dice.random_bool(0.15) && !plan.pools);
    }
    // Without anybody who knows the time our clock would be believed, whatever it shows.
    if features.contains(&Feature::Clocks) || features.contains(&Feature::PanelClocks) {
        plans.iter_mut().for_each(|plan| plan.dated = dice.random_bool(0.5));
        plans[0].dated |= plans.iter().all(|plan| !plan.dated);
    }
    for plan in plans.iter_mut().filter(|plan| plan.shows.is_of_spans()) {
        plan.late = [0, 0, 2 * HOUR, 7 * HOUR, 26 * HOUR][dice.random_range(0..5)];
    }
    if features.contains(&Feature::Nightly) {
        let nightly = |plan: &&mut BackendPlan| plan.shows.is_of_spans() && plan.shows != Shows::Hours;
        for plan in plans.iter_mut().filter(nightly) {
            plan.nightly = dice.random_bool(0.4).then(|| dice.random_range(0..DAY));
        }
    }
    if features.contains(&Feature::ResetDays) {
        for plan in plans.iter_mut().filter(|plan| plan.shows == Shows::Month) {
            plan.reset_day = dice.random_bool(0.6).then(|| dice.random_range(2..=28));
        }
    }
    plans
}

/// What a story is made with.
pub(super) struct Maker {
    pub dice: StdRng,
    features: Vec<Feature>,
    /// The meter's first moment.
    pub from: i64,
    /// The end of the story.
    pub until: i64,
    pub story: Story,
}

impl Maker {
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    pub fn put(&mut self, at: i64, what: What) {
        self.story.events.push(Event { at, what });
    }

    /// The panels that tell totals of days, hours or months.
    pub fn of_spans(&self) -> Vec<usize> {
        let plans = self.story.backends.iter().enumerate();
        plans.filter(|(_, plan)| plan.shows.is_of_spans()).map(|(backend, _)| backend).collect()
    }

    pub fn servers(&self) -> Vec<i64> {
        let mut servers: Vec<i64> = self.story.backends.iter().map(|plan| plan.server).collect();
        servers.dedup();
        servers.extend(self.has(Feature::Companions).then_some(COMPANIONS));
        servers
    }

    pub fn replica(&mut self) -> usize {
        if self.has(Feature::Replicas) { self.dice.random_range(0..2) } else { 0 }
    }

    /// An instant of the story.
    pub fn some_time(&mut self) -> i64 {
        self.dice.random_range(self.from..self.until)
    }

    /// An instant in the last twelve hours of a month.
    fn end_of_a_month(&mut self) -> i64 {
        let zone = Zone::named(&self.story.zone);
        let at = self.some_time();
        let end = zone.map_or(at, |zone| zone.month_start(next(zone.month(at))));
        (end - self.dice.random_range(1..12 * HOUR)).max(self.from)
    }

    /// About this many times a year, whatever the story's length.
    pub fn times(&mut self, a_year: f64) -> usize {
        let expected = a_year * (self.until - self.from) as f64 / (365 * DAY) as f64;
        expected as usize + usize::from(self.dice.random_bool(expected.fract()))
    }

    /// WHMCS tells a server's services.
    pub fn list(&mut self, at: i64, server: i64) {
        let replica = self.replica();
        self.put(at, What::Listed { server, replica });
    }

    /// Polls and collections.
    fn ours(&mut self) {
        for backend in 0..self.story.backends.len() {
            let every = self.dice.random_range(6 * HOUR..=12 * HOUR);
            let mut at = self.from + self.dice.random_range(0..HOUR);
            while at < self.until {
                let replica = self.replica();
                let killed = self.has(Feature::Kills) && self.dice.random_bool(0.01);
                let again = self.has(Feature::Again) && self.dice.random_bool(0.05);
                let dice = self.dice.random_range(0..100);
                if self.has(Feature::SlowPanels) && dice < 3 {
                    self.put(at, What::PollBegins { backend, replica });
                    let length = self.dice.random_range(20..900);
                    // Somebody else may ask it meanwhile.
                    if self.dice.random_bool(0.4) {
                        let other = self.replica();
                        let poll = What::Poll { backend, replica: other, killed: false, again };
                        let meanwhile = at + self.dice.random_range(1..length);
                        self.put(meanwhile, poll);
                    }
                    self.put(at + length, What::PollEnds { backend });
                } else if self.has(Feature::Drops) && dice == 3 {
                    let after = self.dice.random_range(0..120);
                    self.put(at, What::PollDropped { backend, replica, after });
                } else {
                    self.put(at, What::Poll { backend, replica, killed, again });
                }
                at += match self.has(Feature::Bursts) && self.dice.random_bool(0.05) {
                    true => self.dice.random_range(10..900),
                    false => every + self.dice.random_range(-HOUR..=HOUR),
                };
            }
        }
        for server in self.servers() {
            let first = if self.has(Feature::LateFirstList) && self.dice.random_bool(0.5) {
                self.from + self.dice.random_range(DAY..40 * DAY)
            } else {
                self.from - 1
            };
            self.list(first, server);
            let mut at = self.from + self.dice.random_range(HOUR..12 * HOUR);
            while at < self.until {
                let late = self.dice.random_range(0..=20 * 60);
                let (replica, twice) =
                    (self.replica(), self.has(Feature::Twice) && self.dice.random_bool(0.05));
                self.put(at + late, What::Collect { server, replica, twice });
                at += 12 * HOUR;
            }
            for _ in 0..if self.has(Feature::Looks) { self.times(60.0) } else { 0 } {
                // Many of them when nothing more will be collected in a month.
                let late = self.dice.random_bool(0.3);
                let at = if late { self.end_of_a_month() } else { self.some_time() };
                let replica = self.replica();
                self.put(at, What::Look { server, replica });
            }
        }
    }

    /// Panels that do not answer or show nobody, processes that die, operators that believe what is doubted.
    fn trouble(&mut self) {
        for backend in 0..self.story.backends.len() {
            for _ in 0..if self.has(Feature::LostRights) { self.times(8.0) } else { 0 } {
                let (at, length) = (self.some_time(), self.dice.random_range(HOUR..60 * HOUR));
                self.put(at, What::Blind { backend, blind: true });
                self.put(at + length, What::Blind { backend, blind: false });
            }
            for _ in 0..if self.has(Feature::Acceptances) { self.times(40.0) } else { 0 } {
                let at = self.some_time();
                self.put(at, What::Accepted { backend });
            }
            for _ in 0..if self.has(Feature::Outages) { self.times(12.0) } else { 0 } {
                let at = self.some_time();
                let length = match self.dice.random_bool(0.6) {
                    true => self.dice.random_range(HOUR..20 * HOUR),
                    false => self.dice.random_range(20 * HOUR..80 * HOUR),
                };
                self.put(at, What::Down { backend });
                self.put(at + length, What::Up { backend });
            }
        }
        // Either ours or theirs: of both nobody could tell which is wrong.
        if self.has(Feature::Clocks) && self.dice.random_bool(0.5) {
            self.our_clocks();
        } else if self.has(Feature::PanelClocks) {
            self.panel_clocks();
        }
        let mut spans = self.of_spans();
        // Who tells the last hours only has no month to forget.
        spans.retain(|backend| self.story.backends[*backend].shows != Shows::Hours);
        for backend in spans {
            for _ in 0..self.times(12.0) {
                let (at, length) = (self.some_time(), self.dice.random_range(HOUR..60 * HOUR));
                let months_ago = self.dice.random_range(0..2);
                self.put(at, What::Forgets { backend, months_ago, forgets: true });
                self.put(at + length, What::Forgets { backend, months_ago, forgets: false });
            }
        }
        let plans = self.story.backends.iter().enumerate();
        // An old uptime under a new time is another machine's for all anybody can tell.
        let stall = plans.filter(|(_, plan)| matches!(plan.shows, Shows::Started | Shows::Silent));
        for backend in stall.map(|(backend, _)| backend).collect::<Vec<usize>>() {
            for _ in 0..if self.has(Feature::Stalls) { self.times(8.0) } else { 0 } {
                let (at, length) = (self.some_time(), self.dice.random_range(HOUR..30 * HOUR));
                self.put(at, What::Stalls { backend, stalls: true });
                self.put(at + length, What::Stalls { backend, stalls: false });
            }
        }
        for _ in 0..if self.has(Feature::Damages) { self.times(12.0) } else { 0 } {
            let at = self.some_time();
            let (table, pick) = (self.dice.random_range(0..3), self.dice.random_range(0..1000));
            let impossible = self.dice.random_bool(0.5);
            self.put(at, What::Damaged { table, pick, impossible });
        }
        for _ in 0..if self.has(Feature::Kills) { self.times(20.0) } else { 0 } {
            let (at, replica) = (self.some_time(), self.replica());
            self.put(at, What::Killed { replica });
        }
    }

    /// Our clocks jump, further than is believed while anybody knows the time, and back again.
    fn our_clocks(&mut self) {
        for _ in 0..self.times(20.0) {
            let (at, replica) = (self.some_time(), self.replica());
            let length = self.dice.random_range(HOUR..30 * HOUR);
            let by = match self.dice.random_range(0..4) {
                0 => self.dice.random_range(301..HOUR),
                1 => self.dice.random_range(HOUR..40 * HOUR),
                2 => self.dice.random_range(15 * DAY..40 * DAY),
                _ => -self.dice.random_range(DAY..40 * DAY),
            };
            self.put(at, What::ClockOff { replica, by });
            self.put(at + length, What::ClockOff { replica, by: 0 });
        }
    }

    /// Panels' clocks are wrong.
    fn panel_clocks(&mut self) {
        for backend in 0..self.story.backends.len() {
            for _ in 0..self.times(8.0) {
                let (at, length) = (self.some_time(), self.dice.random_range(HOUR..6 * DAY));
                let by = match self.dice.random_bool(0.5) {
                    true => self.dice.random_range(301..40 * DAY),
                    false => -self.dice.random_range(301..40 * DAY),
                };
                self.put(at, What::PanelClockOff { backend, by });
                self.put(at + length, What::PanelClockOff { backend, by: 0 });
                // Somebody says that it is the panel's that is wrong.
                if self.dice.random_bool(0.5) {
                    let accepted = at + self.dice.random_range(0..length);
                    self.put(accepted, What::Accepted { backend });
                }
            }
        }
    }

    /// Panels that say what is not true: long enough to be asked, one after the other.
    fn lies(&mut self) {
        for backend in 0..self.story.backends.len() {
            for _ in 0..if self.has(Feature::Lies) { self.times(6.0) } else { 0 } {
                let (at, length) = (self.some_time(), self.dice.random_range(HOUR..30 * HOUR));
                self.put(at, What::Lies { backend, lies: true });
                self.put(at + length, What::Lies { backend, lies: false });
            }
        }
    }

    /// Puts everything in order.
    fn finish(mut self) -> Story {
        self.story.events.sort_by_key(|event| event.at);
        for _ in 0..if self.has(Feature::Pauses) { self.times(5.0) } else { 0 } {
            let from = self.some_time();
            let until = from + self.dice.random_range(HOUR..4 * DAY);
            self.story.events.retain(|event| !(from..until).contains(&event.at) || !event.is_ours());
        }
        let mut polled = i64::MIN;
        self.story.events.retain(|event| match event.what {
            What::Poll { .. } | What::PollBegins { .. } | What::PollDropped { .. } => {
                polled = event.at;
                true
            }
            What::Restarted { .. } => event.at > polled.saturating_add(TOO_SOON),
            _ => true,
        });
        let until = self.until;
        self.story.events.retain(|event| event.at < until);
        self.story
    }
}
