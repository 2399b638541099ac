//! Plays a story: the world happens, the meter polls and tells, and what it tells is held against the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use whmeter_simulators::world::ledger::Metric;
use whmeter_simulators::world::oracle::Oracle;
use whmeter_simulators::world::panels::{Answer, answer, lie};
use whmeter_simulators::world::story::{Story, What};
use whmeter_simulators::world::telling::{Expected, Number};
use whmeter_simulators::world::truth::Truth;
use whmeter_simulators::world::whmcs::Whmcs;

use crate::binding::{Polled, Product, REPLICAS, Said, Say};

/// A killed process holds its lease for so long, in seconds.
const LEASE: i64 = 60;

/// What passed both ways.
const TOTAL: &str = "traffic_total";

/// Numbers may differ by so many hundred-thousandths: each is rounded by itself.
const ROUNDING: i128 = 2;

/// A value, and what of it is carried, in hundred-thousandths.
type Numbers = (i128, i128);

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// At which event.
    pub event: usize,
    /// Which check: the same one fails in a shorter story.
    pub check: &'static str,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}: {}", self.event, self.check, self.detail)
    }
}

/// What a world came to that did not fail.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Polls that were committed.
    pub polls: usize,
    /// Numbers that were held against the oracle.
    pub numbers: usize,
    /// How often each of what is rare came to pass.
    pub ended: BTreeMap<String, usize>,
    /// What could not be seen or told: how often, and how many bytes of traffic, by cause.
    pub gaps: BTreeMap<&'static str, (usize, i128)>,
    /// Where the time went: how often, and how long.
    pub times: BTreeMap<&'static str, (usize, Duration)>,
}

struct Player<'a> {
    story: &'a Story,
    truth: Truth,
    whmcs: Whmcs,
    oracle: Oracle,
    product: Product,
    /// Until when a dead process holds each panel's lease.
    leased: Vec<i64>,
    /// Until when a panel's lease may be held by a process that was killed while it committed.
    unknown: Vec<i64>,
    /// Polls that wait for their panel: what it will answer.
    waiting: BTreeMap<usize, Answer>,
    /// By how much each of our clocks is off.
    off: [i64; REPLICAS],
    /// The same of the panels', and what of it an operator has accepted or could accept now.
    panels: Vec<PanelClock>,
    /// Which panels lie, or have lied and nothing true was read since.
    lies: Vec<Option<Lie>>,
    played: Played,
    event: usize,
}

/// The clock of a panel, by how much it is off.
#[derive(Clone, Copy, Default)]
struct PanelClock {
    off: i64,
    accepted: i64,
    /// The last poll failed for it.
    seen: Option<i64>,
}

/// A panel that does not tell the truth. The oracle is told nothing of it: what was made of it is taken back, as if
/// nobody had asked.
#[derive(Clone, Copy)]
struct Lie {
    since: i64,
    is_over: bool,
    is_taken_back: bool,
}

/// Plays a whole story.
pub async fn play(story: &Story) -> Result<Played, Failure> {
    let mut player = Player {
        story,
        truth: Truth::new(story),
        whmcs: Whmcs::default(),
        oracle: Oracle::new(story).expect("a zone"),
        product: Product::new(story),
        leased: vec![0; story.backends.len()],
        unknown: vec![0; story.backends.len()],
        waiting: BTreeMap::new(),
        off: [0; REPLICAS],
        panels: vec![PanelClock::default(); story.backends.len()],
        lies: vec![None; story.backends.len()],
        played: Played::default(),
        event: 0,
    };
    let outcome = player.all().await;
    player.product.close().await;
    outcome.map(|()| player.played)
}

impl Player<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        for (number, event) in self.story.events.iter().enumerate() {
            self.event = number;
            let panels = self.panels.iter().map(|panel| event.at + panel.off);
            self.product.set_clocks(self.off.map(|off| event.at + off), panels);
            self.truth.happens(event.at, &event.what);
            self.whmcs.happens(event.at, &event.what);
            let began = Instant::now();
            self.happens(event.at, &event.what).await?;
            let (count, took) = self.played.times.entry(kind(&event.what)).or_default();
            (*count, *took) = (*count + 1, *took + began.elapsed());
        }
        let end = self.story.events.last().map_or(0, |event| event.at);
        for backend in 0..self.lies.len() {
            self.take_back(end, backend).await?;
        }
        self.balanced(end)?;
        let verified = self.product.verify().await;
        self.check("verify", verified)?;
        self.oracle.close(end);
        for gap in self.oracle.gaps() {
            let (times, bytes) = self.played.gaps.entry(gap.cause).or_default();
            *times += 1;
            *bytes += if gap.metric == Metric::GbMonth { 0 } else { gap.amount };
        }
        Ok(())
    }

    async fn happens(&mut self, at: i64, what: &What) -> Result<(), Failure> {
        if self.is_under_a_lie(what) {
            return Ok(());
        }
        match what {
            What::Poll { backend, replica, killed, again } => {
                self.poll(at, *backend, *replica, *killed).await?;
                if *again { self.poll(at, *backend, *replica, false).await } else { Ok(()) }
            }
            What::PollBegins { backend, replica } => self.poll_begins(at, *backend, *replica).await,
            What::PollEnds { backend } => self.poll_ends(*backend).await,
            What::PollDropped { backend, replica, after } => {
                self.poll_dropped(at, *backend, *replica, *after).await
            }
            What::ClockOff { replica, by } => {
                self.off[*replica] = *by;
                Ok(())
            }
            What::PanelClockOff { backend, by } => {
                self.panels[*backend].off = *by;
                Ok(())
            }
            What::Listed { server, replica } => {
                let at = at + self.off[*replica];
                let list = self.whmcs.list(*server);
                let put = self.product.list(*replica, *server, &list).await;
                self.check("list", put)?;
                self.oracle.listed(*server, &list, at);
                Ok(())
            }
            What::Collect { server, replica, twice: false } => {
                let at = at + self.off[*replica];
                let said = self.product.collect(*replica, *server).await;
                let said = self.check("collect", said)?;
                self.told(*server, at, &said)?;
                self.told_elsewhere((*server, *replica), at, &said).await
            }
            What::Collect { server, replica, twice: true } => {
                let at = at + self.off[*replica];
                let said = self.product.collect_twice(*replica, *server).await;
                let (one, other) = self.check("collect", said)?;
                self.same("twice", &one, &other)?;
                self.told(*server, at, &one)
            }
            What::Look { server, replica } => {
                let at = at + self.off[*replica];
                let said = self.product.look(*replica, *server).await;
                let said = self.check("look", said)?;
                self.compare(*server, at, &said)?;
                self.told_elsewhere((*server, *replica), at, &said).await
            }
            What::Damaged { table, pick, impossible } => self.damaged(at, *table, *pick, *impossible).await,
            What::Killed { replica } => {
                self.waiting.retain(|backend, _| self.product.waits(*backend) != Some(*replica));
                self.product.kill(*replica);
                Ok(())
            }
            What::Pinned { backend, name, service } if self.oracle.knows(*backend, name) => {
                let pinned = self.product.pin(*backend, name, *service).await;
                self.check("pin", pinned)?;
                self.oracle.pinned(*backend, name, *service);
                Ok(())
            }
            What::Lies { backend, lies } => {
                match &mut self.lies[*backend] {
                    None if *lies => {
                        self.lies[*backend] = Some(Lie { since: at, is_over: false, is_taken_back: false });
                    }
                    Some(lie) if !lies => lie.is_over = true,
                    _ => {}
                }
                Ok(())
            }
            What::Accepted { backend } if self.is_free(*backend, at) => {
                let panel = &mut self.panels[*backend];
                // Who looks at a clock sees when it was ours that was wrong.
                if panel.seen.is_some_and(|seen| seen != panel.off) {
                    return Ok(());
                }
                panel.accepted = panel.seen.unwrap_or(panel.accepted);
                let accepted = self.product.accept(*backend).await;
                self.check("accept", accepted)?;
                self.oracle.accepted(*backend);
                Ok(())
            }
            What::Adjusted { backend, name, days_ago, per_mille } => {
                let day_at = at - days_ago * 86_400;
                let amount = self.oracle.adjustment(*backend, name, day_at, *per_mille);
                let Some(amount) = amount.filter(|_| self.is_free(*backend, at)) else { return Ok(()) };
                let adjusted = self.product.adjust(*backend, name, day_at, amount).await;
                self.check("adjust", adjusted)?;
                self.oracle.adjusted(*backend, name, day_at, amount);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// While a panel lies nothing is asked of its server that could show it: WHMCS collects nothing, and the server's
    /// other panels, whose accounts could be sold as the same services, are not polled. Nor does an operator act on what
    /// it shows.
    fn is_under_a_lie(&self, what: &What) -> bool {
        let server = |backend: usize| self.story.backends[backend].server;
        let lying = || (0..self.lies.len()).filter(|backend| self.lies[*backend].is_some());
        match what {
            What::Collect { .. } | What::Look { .. } => lying().next().is_some(),
            What::PollBegins { backend, .. } | What::PollDropped { backend, .. } => {
                lying().any(|other| server(other) == server(*backend))
            }
            What::Poll { backend, .. } => {
                lying().any(|other| other != *backend && server(other) == server(*backend))
            }
            // An operator who maps an account while its panel shows it under another's name maps the other.
            What::Adjusted { backend, .. } | What::Accepted { backend } | What::Pinned { backend, .. } => {
                self.lies[*backend].is_some()
            }
            _ => false,
        }
    }

    /// An operator takes back what was made of a lie, once nobody polls its panel.
    async fn take_back(&mut self, at: i64, backend: usize) -> Result<(), Failure> {
        let Some(Lie { since, is_taken_back: false, .. }) = self.lies[backend] else { return Ok(()) };
        if !self.is_free(backend, at) {
            return Ok(());
        }
        let rewound = self.product.rewind(backend, since).await;
        self.check("rewind", rewound)?;
        self.lies[backend] = Some(Lie { since, is_over: true, is_taken_back: true });
        let verified = self.product.verify().await;
        self.check("verify", verified)
    }

    async fn poll(&mut self, at: i64, backend: usize, replica: usize, killed: bool) -> Result<(), Failure> {
        if self.lies[backend].is_some_and(|lie| lie.is_over) {
            self.take_back(at, backend).await?;
        }
        // A process asks one panel once at a time.
        if self.product.waits(backend) == Some(replica) || self.unknown[backend] > at {
            return Ok(());
        }
        let local = at + self.off[replica];
        let is_leased = self.is_leased(backend, local);
        if killed && !is_leased {
            self.waiting.retain(|backend, _| self.product.waits(*backend) != Some(replica));
            let came_to_it = self.product.poll_killed(replica, backend).await;
            self.leased[backend] = local + LEASE;
            return self.check("kill", came_to_it.then_some(()).ok_or_else(|| "it was not asked".into()));
        }
        let answered = Answer { at: local, ..answer(&self.truth, backend, at) };
        let lies = self.lies[backend].is_some_and(|lie| lie.since < at && !lie.is_taken_back);
        let told = if lies { lie(&answered) } else { answered.clone() };
        let say = if self.truth.is_down(backend) { Say::Down } else { Say::Answer(told) };
        let polled = self.product.poll(replica, backend, say).await;
        let expected = match (is_leased, self.distrusts(replica), self.truth.is_down(backend)) {
            (true, ..) => Polled::Elsewhere,
            (false, true, _) => Polled::ClockWrong,
            (false, false, true) => Polled::NoAnswer,
            (false, false, false) => Polled::Committed,
        };
        self.same("poll", &polled, &expected)?;
        self.counted(format!("poll: {polled:?}"));
        if polled != Polled::Elsewhere {
            self.leased[backend] = 0;
        }
        self.noticed(backend, &polled, replica);
        if polled == Polled::Committed && !lies {
            self.played.polls += 1;
            self.oracle.polled(backend, &answered, &self.truth);
            // Something true was read since.
            self.lies[backend] = self.lies[backend].filter(|lie| !lie.is_taken_back);
        }
        Ok(())
    }

    /// Asks a panel that answers later what it would answer now.
    async fn poll_begins(&mut self, at: i64, backend: usize, replica: usize) -> Result<(), Failure> {
        if self.truth.is_down(backend) || self.product.waits(backend).is_some() {
            return Ok(());
        }
        let local = at + self.off[replica];
        let answer = Answer { at: local, ..answer(&self.truth, backend, at) };
        let ended = self.product.begin_poll(replica, backend, answer.clone()).await;
        let expected = self.is_leased(backend, local).then_some(Polled::Elsewhere);
        self.same("poll", &ended, &expected)?;
        if ended.is_none() {
            self.waiting.insert(backend, answer);
            self.leased[backend] = local + LEASE;
        }
        Ok(())
    }

    /// A panel answers at last. If another process has polled it since, nothing of it counts.
    async fn poll_ends(&mut self, backend: usize) -> Result<(), Failure> {
        let Some(replica) = self.product.waits(backend) else { return Ok(()) };
        let Some(answer) = self.waiting.remove(&backend) else { return Ok(()) };
        if (0..self.lies.len()).any(|other| self.lies[other].is_some()) {
            // What an operator takes back is told by time: nothing older may come after it.
            self.waiting.retain(|backend, _| self.product.waits(*backend) != Some(replica));
            self.product.kill(replica);
            return Ok(());
        }
        let ended = self.product.end_poll(backend).await.unwrap_or(Polled::Elsewhere);
        let is_overtaken = self.leased[backend] != answer.at + LEASE;
        let expected = match (is_overtaken, self.distrusts(replica)) {
            (true, _) => Polled::Overtaken,
            (false, true) => Polled::ClockWrong,
            (false, false) => Polled::Committed,
        };
        self.same("slow poll", &ended, &expected)?;
        self.counted(format!("slow poll: {ended:?}"));
        self.noticed(backend, &ended, replica);
        if !is_overtaken {
            self.leased[backend] = 0;
        }
        if ended == Polled::Committed {
            self.played.polls += 1;
            self.oracle.polled(backend, &answer, &self.truth);
        }
        Ok(())
    }

    /// A process is killed in the middle of a poll: all of it is committed, or nothing.
    async fn poll_dropped(
        &mut self,
        at: i64,
        backend: usize,
        replica: usize,
        after: u32,
    ) -> Result<(), Failure> {
        let local = at + self.off[replica];
        if !self.is_free(backend, at) || self.truth.is_down(backend) || self.distrusts(replica) {
            return Ok(());
        }
        self.waiting.retain(|backend, _| self.product.waits(*backend) != Some(replica));
        let answer = Answer { at: local, ..answer(&self.truth, backend, at) };
        let dropped = self.product.poll_dropped(replica, backend, Say::Answer(answer.clone()), after).await;
        let dropped = self.check("drop", dropped)?;
        self.counted(format!("poll dropped: {}", if dropped { "all" } else { "nothing" }));
        if dropped {
            self.played.polls += 1;
            self.oracle.polled(backend, &answer, &self.truth);
        }
        self.product.kill(replica);
        // Whether it came to give the lease back is not told.
        self.unknown[backend] = local + LEASE;
        let verified = self.product.verify().await;
        self.check("verify", verified)
    }

    /// Whether somebody holds the lease of a panel, by the clock of whoever asks. One that ends far ahead was taken
    /// by a clock that was wrong.
    fn is_leased(&self, backend: usize, local: i64) -> bool {
        (local + 1..=local + LEASE + 300).contains(&self.leased[backend])
    }

    /// Whether nobody asks a panel now, and our first process, that operators use, knows the time.
    fn is_free(&self, backend: usize, at: i64) -> bool {
        let is_asked = self.is_leased(backend, at) || self.unknown[backend] > at;
        !is_asked && self.product.waits(backend).is_none() && self.off[0] == 0
    }

    /// Whether our clock is not believed: nobody who knows the time agrees, and one shows it five minutes ahead, or a
    /// day behind.
    fn distrusts(&self, replica: usize) -> bool {
        let witnesses = self.story.backends.iter().zip(&self.panels).filter(|(plan, _)| plan.dated);
        let ahead = witnesses.map(|(_, panel)| self.off[replica] - (panel.off - panel.accepted));
        let ahead: Vec<i64> = ahead.collect();
        !ahead.iter().any(|by| by.abs() <= 300) && ahead.iter().any(|by| is_wrong(*by))
    }

    /// What an operator could accept of a panel's clock after a poll.
    fn noticed(&mut self, backend: usize, polled: &Polled, replica: usize) {
        let panel = &mut self.panels[backend];
        let ahead = self.off[replica] - (panel.off - panel.accepted);
        let is_against = self.story.backends[backend].dated && is_wrong(ahead);
        match polled {
            Polled::ClockWrong => panel.seen = is_against.then_some(panel.off - self.off[replica]),
            Polled::Committed | Polled::NoAnswer => panel.seen = None,
            Polled::Elsewhere | Polled::Overtaken | Polled::Wrong(_) => {}
        }
    }

    fn told(&mut self, server: i64, at: i64, said: &Said) -> Result<(), Failure> {
        for (expected, numbers) in self.compare(server, at, said)? {
            self.oracle.told(&expected.owner, expected.metric, at, numbers);
            // Each has two ways, and one total.
            let total = said.values.get(&(expected.tenant, TOTAL.to_owned()));
            if let Some(total) = total.filter(|_| expected.metric == Metric::In.name()) {
                self.oracle.told_total(&expected.owner, at, *total);
            }
        }
        Ok(())
    }

    /// Holds an answer against the oracle, number by number; returns what was told of whom.
    fn compare(&mut self, server: i64, at: i64, said: &Said) -> Result<Vec<(Expected, Numbers)>, Failure> {
        let all = self.oracle.expected(server, at);
        self.totals_are_sums(&all, at, said)?;
        let mut left = said.values.clone();
        left.retain(|(_, metric), _| metric != TOTAL);
        let mut told = Vec::new();
        for expected in all {
            let key = (expected.tenant.clone(), expected.metric.to_owned());
            let found = left.remove(&key);
            let about = || format!("{} of {} ({:?})", expected.metric, expected.tenant, expected.owner);
            match (expected.number, found) {
                (Number::Never(why), Some((value, _))) => {
                    return self
                        .fail("never", format!("{} is told, {value}, and is not known: {why}", about()));
                }
                (Number::Must { value, .. }, None) => {
                    let why = said.withheld.get(&expected.tenant);
                    return self.fail("must", format!("{} is not told and is {value} ({why:?})", about()));
                }
                (Number::Must { value, carried } | Number::May { value, carried }, Some(numbers)) => {
                    let off = (numbers.0 - value, numbers.1 - carried);
                    if off.1.abs() > ROUNDING {
                        let detail = format!("{} carries {}, right is {carried}", about(), numbers.1);
                        return self.fail("carried", detail);
                    }
                    if off.0.abs() > ROUNDING || numbers.0 < 0 {
                        return self.fail("value", format!("{} is {}, right is {value}", about(), numbers.0));
                    }
                    self.played.numbers += 1;
                    told.push((expected, numbers));
                }
                (Number::Never(_) | Number::May { .. }, None) => {}
            }
        }
        match left.iter().next() {
            Some(((tenant, metric), (value, _))) => self.fail(
                "stranger",
                format!("{metric} of {tenant} is told, {value}, and nobody is called that"),
            ),
            None => Ok(told),
        }
    }

    /// No panel of these worlds tells a total: what is told of one is what passed both ways, and neither is missing.
    fn totals_are_sums(&self, all: &[Expected], at: i64, said: &Said) -> Result<(), Failure> {
        for ((tenant, _), total) in said.values.iter().filter(|((_, metric), _)| metric == TOTAL) {
            let ways = [Metric::In, Metric::Out].map(|way| (tenant.clone(), way.name().to_owned()));
            if !ways.iter().all(|way| said.values.contains_key(way)) {
                return self.fail("total", format!("of {tenant} {total:?} is told, and not both directions"));
            }
            let Some(expected) = all.iter().find(|expected| expected.tenant == *tenant) else {
                return self
                    .fail("total", format!("{total:?} is told of {tenant}, and nobody is called that"));
            };
            let right = self.oracle.right_total(&expected.owner, at);
            let off = (total.0 - right.0, total.1 - right.1);
            if off.0.abs() > 2 * ROUNDING || off.1.abs() > 2 * ROUNDING {
                return self.fail("total", format!("of {tenant} {total:?} is told, right is {right:?}"));
            }
        }
        Ok(())
    }

    /// Holds the other routes against the list, for one of its tenants and not each time: they say the same.
    async fn told_elsewhere(&mut self, of: (i64, usize), at: i64, said: &Said) -> Result<(), Failure> {
        let (server, replica) = of;
        let known = said.values.keys().map(|(tenant, _)| tenant).chain(said.withheld.keys());
        let tenants: Vec<&String> = known.collect::<BTreeSet<_>>().into_iter().collect();
        if tenants.is_empty() || !self.event.is_multiple_of(3) {
            return Ok(());
        }
        let tenant = tenants[(self.event / 3) % tenants.len()].as_str();
        let mut own = said.clone();
        own.values.retain(|(of, _), _| of == tenant);
        own.withheld.retain(|of, _| of == tenant);
        let alone = self.product.alone(replica, server, tenant).await;
        self.same("alone", &self.check("alone", alone)?, &own)?;
        let value = |metric: &str| own.values.get(&(tenant.to_owned(), metric.to_owned())).copied();
        let legacy = self.product.legacy(replica, server).await;
        let legacy = self.check("legacy", legacy)?.get(tenant).copied();
        let passed = [value("traffic_in"), value("traffic_out")];
        let is_sum = |(value, carried): &Numbers| *value > 0 && value - carried >= 0;
        let sums: Vec<i128> =
            passed.iter().flatten().filter(|one| is_sum(one)).map(|(value, own)| value - own).collect();
        let disk = value("disk").map(|(value, _)| value);
        let both = (sums.len() == 2).then(|| sums.iter().sum());
        for (which, told) in [disk, both].into_iter().enumerate() {
            let megabytes = told.map(|told: i128| told * 1024 / 100_000);
            let found = legacy.and_then(|legacy| legacy[which]).map(i128::from);
            let is_same = match (megabytes, found) {
                (Some(right), Some(found)) => (right - found).abs() <= 2,
                (Some(_), None) => false,
                (None, found) => found.is_none() || !own.values.is_empty(),
            };
            if !is_same {
                return self.fail("legacy", format!("{tenant} has {found:?} MB, right is {megabytes:?}"));
            }
        }
        if both.is_some() {
            let month = self.oracle.month_text(at);
            let history = self.product.history(replica, server, tenant, &month).await;
            let [by_month, by_days] = self.check("history", history)?;
            for (way, right) in sums.iter().enumerate() {
                let off = [by_month[way] - right, by_days[way] - right].map(i128::abs);
                // By a clock that is behind, days that are over are yet to come: they are in the month, and not shown.
                let is_behind = self.off[replica] < 0;
                if off[0] > ROUNDING || off[1] > 40 && !is_behind {
                    let found = (by_month[way], by_days[way]);
                    return self.fail("history", format!("{tenant} has {found:?}, right is {right}"));
                }
            }
        }
        Ok(())
    }

    /// A row is changed in the database: it is found, and what cannot be is never told. Then it is put back.
    async fn damaged(&mut self, at: i64, table: usize, pick: u64, impossible: bool) -> Result<(), Failure> {
        if !self.waiting.is_empty() || self.off != [0; REPLICAS] || self.lies.iter().any(Option::is_some) {
            return Ok(());
        }
        let Some(damage) = self.product.damage(table, pick, impossible).await else { return Ok(()) };
        self.counted("rows damaged".into());
        if self.product.verify().await.is_ok() {
            return self.fail("damage", format!("nobody noticed {}", damage.did));
        }
        // A process that starts tells nothing of a month that is not what the journal has.
        let servers: BTreeSet<i64> = self.story.backends.iter().map(|plan| plan.server).collect();
        for server in servers.into_iter().filter(|_| table < 2) {
            if let Ok(said) = self.product.look(0, server).await {
                self.nothing_wrong(server, at, &said)
                    .or_else(|why| self.fail("damage", format!("{}: {why}", damage.did)))?;
            }
        }
        self.product.fix(&damage).await;
        let verified = self.product.verify().await;
        self.check("verify", verified)
    }

    /// Whether whatever is told is right, though not everything is.
    fn nothing_wrong(&self, server: i64, at: i64, said: &Said) -> Result<(), String> {
        let all = self.oracle.expected(server, at);
        for ((tenant, metric), (value, carried)) in
            said.values.iter().filter(|((_, metric), _)| metric != TOTAL)
        {
            let right = all.iter().find(|right| right.tenant == *tenant && right.metric == *metric);
            let is_right = right.is_some_and(|right| match right.number {
                Number::Must { value: must, carried: owed } | Number::May { value: must, carried: owed } => {
                    (value - must).abs() <= ROUNDING && (carried - owed).abs() <= ROUNDING
                }
                Number::Never(_) => false,
            });
            if !is_right {
                return Err(format!("{metric} of {tenant} is told, {value}, right is {right:?}"));
            }
        }
        Ok(())
    }

    /// Every byte that passed is somebody's, nobody's, in a gap or not seen yet.
    fn balanced(&self, at: i64) -> Result<(), Failure> {
        for metric in [Metric::In, Metric::Out] {
            let (passed, accounted) = self.oracle.balance(metric, &self.truth, at);
            self.same("balance", &passed, &accounted)?;
        }
        Ok(())
    }

    fn counted(&mut self, what: String) {
        *self.played.ended.entry(what).or_default() += 1;
    }

    fn same<T: PartialEq + fmt::Debug>(
        &self,
        check: &'static str,
        found: &T,
        right: &T,
    ) -> Result<(), Failure> {
        if found == right { Ok(()) } else { self.fail(check, format!("{found:?}, right is {right:?}")) }
    }

    fn check<T>(&self, check: &'static str, outcome: Result<T, String>) -> Result<T, Failure> {
        outcome.or_else(|detail| self.fail(check, detail))
    }

    fn fail<T>(&self, check: &'static str, detail: String) -> Result<T, Failure> {
        let at = self.story.events.get(self.event).map(|event| event.to_string()).unwrap_or_default();
        Err(Failure { event: self.event, check, detail: format!("{detail}\n  at {at}") })
    }
}

/// Whether a clock of ours that is so far ahead of another, or behind it, is not believed.
fn is_wrong(ahead: i64) -> bool {
    ahead > 300 || ahead <= -86_400
}

/// What an event costs is told under this name.
fn kind(what: &What) -> &'static str {
    match what {
        What::Poll { killed: true, .. } | What::PollDropped { .. } => "polls killed",
        What::Poll { .. } | What::PollBegins { .. } | What::PollEnds { .. } => "polls",
        What::Listed { .. } => "lists",
        What::Collect { .. } => "collections",
        What::Look { .. } => "looks",
        What::Adjusted { .. } | What::Pinned { .. } | What::Accepted { .. } => "operators",
        _ => "the world",
    }
}
