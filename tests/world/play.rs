//! Plays a story: the world happens, the meter polls and tells, and what it tells is held against the oracle.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use whmeter_simulators::world::ledger::Metric;
use whmeter_simulators::world::oracle::Oracle;
use whmeter_simulators::world::panels::{answer, lie};
use whmeter_simulators::world::story::{Story, What};
use whmeter_simulators::world::telling::{Expected, Number};
use whmeter_simulators::world::truth::Truth;
use whmeter_simulators::world::whmcs::Whmcs;

use crate::binding::{Polled, Product, Said, Say};

/// A killed process holds its lease for so long, in seconds.
const LEASE: i64 = 60;

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
    /// Which panels lie, or have lied and nothing true was read since.
    lies: Vec<Option<Lie>>,
    played: Played,
    event: usize,
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
            self.product.set_clock(event.at);
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
            What::Listed { server, replica } => {
                let list = self.whmcs.list(*server);
                let put = self.product.list(*replica, *server, &list).await;
                self.check("list", put)?;
                self.oracle.listed(*server, &list, at);
                Ok(())
            }
            What::Collect { server, replica, twice: false } => {
                let said = self.product.collect(*replica, *server).await;
                let said = self.check("collect", said)?;
                self.told(*server, at, &said)
            }
            What::Collect { server, replica, twice: true } => {
                let said = self.product.collect_twice(*replica, *server).await;
                let (one, other) = self.check("collect", said)?;
                self.same("twice", &one, &other)?;
                self.told(*server, at, &one)
            }
            What::Look { server, replica } => {
                let said = self.product.look(*replica, *server).await;
                let said = self.check("look", said)?;
                self.compare(*server, at, &said).map(drop)
            }
            What::Killed { replica } => {
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
            What::Accepted { backend } if self.leased[*backend] <= at => {
                let accepted = self.product.accept(*backend).await;
                self.check("accept", accepted)?;
                self.oracle.accepted(*backend);
                Ok(())
            }
            What::Adjusted { backend, name, days_ago, per_mille } => {
                let day_at = at - days_ago * 86_400;
                let amount = self.oracle.adjustment(*backend, name, day_at, *per_mille);
                let Some(amount) = amount.filter(|_| self.leased[*backend] <= at) else { return Ok(()) };
                let adjusted = self.product.adjust(*backend, name, day_at, amount).await;
                self.check("adjust", adjusted)?;
                self.oracle.adjusted(*backend, name, day_at, amount);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// While a panel lies nothing is asked of its server that could show it: WHMCS collects nothing, and the server's
    /// other panels, whose accounts could be sold as the same services, are not polled.
    fn is_under_a_lie(&self, what: &What) -> bool {
        let server = |backend: usize| self.story.backends[backend].server;
        let lying = || (0..self.lies.len()).filter(|backend| self.lies[*backend].is_some());
        match what {
            What::Collect { .. } | What::Look { .. } => lying().next().is_some(),
            What::Poll { backend, .. } => {
                lying().any(|other| other != *backend && server(other) == server(*backend))
            }
            What::Adjusted { backend, .. } | What::Accepted { backend } => self.lies[*backend].is_some(),
            _ => false,
        }
    }

    /// An operator takes back what was made of a lie, once nobody polls its panel.
    async fn take_back(&mut self, at: i64, backend: usize) -> Result<(), Failure> {
        let Some(Lie { since, is_taken_back: false, .. }) = self.lies[backend] else { return Ok(()) };
        if self.leased[backend] > at {
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
        let is_leased = self.leased[backend] > at;
        if killed && !is_leased {
            let came_to_it = self.product.poll_killed(replica, backend).await;
            self.leased[backend] = at + LEASE;
            return self.check("kill", came_to_it.then_some(()).ok_or_else(|| "it was not asked".into()));
        }
        let answered = answer(&self.truth, backend, at);
        let lies = self.lies[backend].is_some_and(|lie| lie.since < at && !lie.is_taken_back);
        let told = if lies { lie(&answered) } else { answered.clone() };
        let say = if self.truth.is_down(backend) { Say::Down } else { Say::Answer(told) };
        let polled = self.product.poll(replica, backend, say).await;
        let expected = match (is_leased, self.truth.is_down(backend)) {
            (true, _) => Polled::Elsewhere,
            (false, true) => Polled::NoAnswer,
            (false, false) => Polled::Committed,
        };
        self.same("poll", &polled, &expected)?;
        if polled == Polled::Committed && !lies {
            self.played.polls += 1;
            self.oracle.polled(backend, &answered, &self.truth);
            // Something true was read since.
            self.lies[backend] = self.lies[backend].filter(|lie| !lie.is_taken_back);
        }
        Ok(())
    }

    fn told(&mut self, server: i64, at: i64, said: &Said) -> Result<(), Failure> {
        for (expected, numbers) in self.compare(server, at, said)? {
            self.oracle.told(&expected.owner, expected.metric, at, numbers);
        }
        Ok(())
    }

    /// Holds an answer against the oracle, number by number; returns what was told of whom.
    fn compare(&mut self, server: i64, at: i64, said: &Said) -> Result<Vec<(Expected, Numbers)>, Failure> {
        let all = self.oracle.expected(server, at);
        let mut left = said.values.clone();
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

    /// Every byte that passed is somebody's, nobody's, in a gap or not seen yet.
    fn balanced(&self, at: i64) -> Result<(), Failure> {
        for metric in [Metric::In, Metric::Out] {
            let (passed, accounted) = self.oracle.balance(metric, &self.truth, at);
            self.same("balance", &passed, &accounted)?;
        }
        Ok(())
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

/// What an event costs is told under this name.
fn kind(what: &What) -> &'static str {
    match what {
        What::Poll { killed: true, .. } => "polls killed",
        What::Poll { .. } => "polls",
        What::Listed { .. } => "lists",
        What::Collect { .. } => "collections",
        What::Look { .. } => "looks",
        What::Adjusted { .. } | What::Pinned { .. } | What::Accepted { .. } => "operators",
        _ => "the world",
    }
}
