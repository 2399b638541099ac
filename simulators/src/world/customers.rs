//! Customers of a generated world: what they buy, what becomes of it, and what is late about it.

use std::collections::BTreeMap;

use rand::Rng;

use super::generate::{COMPANIONS, DAY, Feature, HOUR, Maker};
use super::story::{SourcePlan, What};

/// How many customers there are at most, at a time.
const MOST: usize = 7;

pub(super) struct Customers<'a> {
    make: &'a mut Maker,
    accounts: u32,
    sources: u32,
    services: i64,
    /// Until when each name is taken on its server.
    names: BTreeMap<(i64, String), i64>,
    /// When each customer of a panel goes: panel, account, sources, end.
    there: Vec<(usize, u32, Vec<u32>, i64)>,
    /// Who gets a name as soon as it is free: when, on which panel.
    next_customers: Vec<(i64, usize, String)>,
}

/// A service and the account it is about.
struct Sale {
    service: i64,
    account: u32,
    server: i64,
    backend: usize,
    name: String,
    from: i64,
    until: i64,
}

impl<'a> Customers<'a> {
    pub fn new(make: &'a mut Maker) -> Customers<'a> {
        Customers {
            make,
            accounts: 0,
            sources: 0,
            services: 500,
            names: BTreeMap::new(),
            there: Vec::new(),
            next_customers: Vec::new(),
        }
    }

    /// All of them.
    pub fn come_and_go(mut self) {
        let (from, until) = (self.make.from, self.make.until);
        for _ in 0..self.make.dice.random_range(2..5) {
            let age = self.make.dice.random_range(DAY..200 * DAY);
            self.customer(from - age, from);
        }
        let mut at = from;
        while self.make.has(Feature::Births) {
            at += self.make.dice.random_range(HOUR..25 * DAY);
            if at >= until {
                break;
            }
            if self.there.iter().filter(|(.., end)| *end > at).count() < MOST {
                self.customer(at, at);
            }
        }
        while let Some((at, backend, name)) = self.next_customers.pop() {
            let is_free =
                self.names.get(&(self.make.story.backends[backend].server, name.clone())) < Some(&at);
            if at < until && is_free {
                self.buys(at, at, backend, name);
            }
        }
        self.guests_move();
        self.opinions();
    }

    /// Somebody buys something at `at`; it lasts beyond `alive`.
    fn customer(&mut self, at: i64, alive: i64) {
        let backend = self.make.dice.random_range(0..self.make.story.backends.len());
        let name = self.name(self.make.story.backends[backend].server, at);
        self.buys(at, alive, backend, name);
    }

    fn buys(&mut self, at: i64, alive: i64, backend: usize, name: String) {
        let server = self.make.story.backends[backend].server;
        self.names.insert((server, name.clone()), i64::MAX);
        let mut until = i64::MAX;
        if self.make.has(Feature::Terminations) {
            until = alive + self.make.dice.random_range(10 * DAY..200 * DAY);
        }
        self.services += 1;
        let sale = Sale { service: self.services, account: 0, server, backend, name, from: at, until };
        let tells_day = !(self.make.has(Feature::UnknownDays) && self.make.dice.random_bool(0.5));
        let (service, username) = (sale.service, sale.name.clone());
        self.make.put(at, What::Ordered { service, server, username, tells_day });
        let told = self.told_at(at);
        self.make.list(told, server);
        let born = at + self.make.dice.random_range(1..600);
        let account = self.born(born, backend, &sale.name, until);
        let sale = self.lives_on(Sale { account, ..sale });
        self.ends(&sale);
        if self.make.has(Feature::Companions) && self.make.dice.random_bool(0.3) {
            self.companion(&sale);
        }
    }

    /// From some day on a service is billed as its companion, which ends with it or a little later.
    fn companion(&mut self, sale: &Sale) {
        self.services += 1;
        let (service, username) = (self.services, format!("whm-{}", sale.service));
        let at = sale.from + self.make.dice.random_range(0..40 * DAY);
        self.make.put(at, What::Ordered { service, server: COMPANIONS, username, tells_day: false });
        let told = self.told_at(at);
        self.make.list(told, COMPANIONS);
        if sale.until < self.make.until {
            let ends = sale.until.max(at) + self.make.dice.random_range(0..3 * DAY);
            self.make.put(ends, What::Status { service, status: "Terminated".into() });
            let told = self.told_at(ends);
            self.make.list(told, COMPANIONS);
        }
    }

    /// What happens to a sale while it lasts. Returns it as it is at its end.
    fn lives_on(&mut self, mut sale: Sale) -> Sale {
        let mut at = sale.from.max(self.make.from);
        loop {
            at += self.make.dice.random_range(5 * DAY..60 * DAY);
            if at >= sale.until.min(self.make.until) - 10 * DAY {
                return sale;
            }
            match self.make.dice.random_range(0..7) {
                0 if self.make.has(Feature::Suspensions) => self.suspended(at, &sale),
                1 if self.make.has(Feature::Renames) => self.renamed(at, &mut sale),
                2 if self.make.has(Feature::BackendMoves) => self.other_backend(at, &mut sale),
                3 if self.make.has(Feature::ServerMoves) => self.other_server(at, &mut sale),
                4 if self.make.has(Feature::Pins) => self.pinned(at, &sale),
                5 if self.make.has(Feature::Hidden) => self.hidden(at, &sale),
                6 if self.make.has(Feature::Unreadable) => self.unreadable(at, &sale),
                _ => {}
            }
            if self.make.has(Feature::Adjustments) && self.make.dice.random_bool(0.3) {
                let (days_ago, per_mille) =
                    (self.make.dice.random_range(0..25), self.make.dice.random_range(-600..1500));
                let (backend, name) = (sale.backend, sale.name.clone());
                self.make.put(at + DAY, What::Adjusted { backend, name, days_ago, per_mille });
            }
        }
    }

    fn ends(&mut self, sale: &Sale) {
        if sale.until >= self.make.until {
            return;
        }
        let (service, status) = (sale.service, "Terminated".to_owned());
        self.make.put(sale.until, What::Status { service, status });
        let told = self.told_at(sale.until);
        self.make.list(told, sale.server);
        let died = sale.until + self.make.dice.random_range(0..4 * DAY);
        self.make.put(died, What::Died { account: sale.account });
        let at_once = self.make.has(Feature::Resales) && self.make.dice.random_bool(0.2);
        let free = died + if at_once { 1 } else { self.make.dice.random_range(1..20 * DAY) };
        self.names.insert((sale.server, sale.name.clone()), free);
        if at_once {
            self.next_customers.push((
                free + self.make.dice.random_range(60..3 * HOUR),
                sale.backend,
                sale.name.clone(),
            ));
        }
        if self.make.dice.random_bool(0.2) {
            let erased = free + self.make.dice.random_range(0..20 * DAY);
            self.make.put(erased, What::Erased { service });
            self.make.list(erased + 1, sale.server);
        }
    }

    fn suspended(&mut self, at: i64, sale: &Sale) {
        for (at, status) in [(at, "Suspended"), (at + 5 * DAY, "Active")] {
            self.make.put(at, What::Status { service: sale.service, status: status.into() });
            let told = self.told_at(at);
            self.make.list(told, sale.server);
        }
    }

    fn renamed(&mut self, at: i64, sale: &mut Sale) {
        let plan = &self.make.story.backends[sale.backend];
        if plan.shows.is_of_spans() && !plan.identity {
            // Under another name it would be another account, whose days are told once more.
            return;
        }
        let name = self.name(sale.server, at);
        self.make.put(at, What::Renamed { account: sale.account, name: name.clone() });
        self.make.put(at, What::Username { service: sale.service, username: name.clone() });
        let told = self.told_at(at);
        self.make.list(told, sale.server);
        self.names.insert((sale.server, std::mem::replace(&mut sale.name, name)), at + DAY);
    }

    fn other_backend(&mut self, at: i64, sale: &mut Sale) {
        let plans = &self.make.story.backends;
        let other =
            (0..plans.len()).find(|other| *other != sale.backend && plans[*other].server == sale.server);
        let Some(backend) = other else { return };
        let account = self.born(at, backend, &sale.name, sale.until);
        let died = at + self.make.dice.random_range(60..3 * DAY);
        self.make.put(died, What::Died { account: sale.account });
        (sale.account, sale.backend) = (account, backend);
    }

    fn other_server(&mut self, at: i64, sale: &mut Sale) {
        let plans = &self.make.story.backends;
        let Some(backend) = (0..plans.len()).find(|other| plans[*other].server != sale.server) else {
            return;
        };
        let server = plans[backend].server;
        let taken = self.names.get(&(server, sale.name.clone())).is_some_and(|until| *until > at);
        if taken {
            return;
        }
        self.names.insert((server, sale.name.clone()), i64::MAX);
        let account = self.born(at, backend, &sale.name, sale.until);
        self.make.put(at + 1, What::Rehomed { service: sale.service, server });
        let told = self.told_at(at + 1);
        self.make.list(told, sale.server);
        self.make.list(told + 1, server);
        let died = at + self.make.dice.random_range(60..3 * DAY);
        self.make.put(died, What::Died { account: sale.account });
        self.names.insert((sale.server, sale.name.clone()), died + DAY);
        (sale.account, sale.backend, sale.server) = (account, backend, server);
    }

    fn hidden(&mut self, at: i64, sale: &Sale) {
        let length = match self.make.dice.random_bool(0.6) {
            true => self.make.dice.random_range(HOUR..20 * HOUR),
            false => self.make.dice.random_range(20 * HOUR..4 * DAY),
        };
        for (at, hidden) in [(at, true), (at + length, false)] {
            self.make.put(at, What::Hidden { account: sale.account, hidden });
        }
    }

    fn unreadable(&mut self, at: i64, sale: &Sale) {
        let length = self.make.dice.random_range(HOUR..3 * DAY);
        for (at, unreadable) in [(at, true), (at + length, false)] {
            self.make.put(at, What::Unreadable { account: sale.account, unreadable });
        }
    }

    /// An account that belongs to the service by name is pinned to it all the same, and unpinned later.
    fn pinned(&mut self, at: i64, sale: &Sale) {
        let (backend, name) = (sale.backend, sale.name.clone());
        self.make.put(at, What::Pinned { backend, name: name.clone(), service: Some(sale.service) });
        let later = at + self.make.dice.random_range(HOUR..9 * DAY);
        self.make.put(later, What::Pinned { backend, name, service: None });
    }

    /// An account is made, with its sources, which restart now and then until it ends.
    fn born(&mut self, at: i64, backend: usize, name: &str, until: i64) -> u32 {
        self.accounts += 1;
        let pools = self.make.story.backends[backend].pools;
        let guests = if pools { self.make.dice.random_range(1..4) } else { 1 };
        let mut sources = Vec::new();
        for _ in 0..guests {
            self.sources += 1;
            let shown = if pools { format!("vm{}", self.sources) } else { String::new() };
            sources.push(SourcePlan { id: self.sources, shown });
        }
        let ids: Vec<u32> = sources.iter().map(|source| source.id).collect();
        for source in &ids {
            let mut when = at.max(self.make.from);
            while self.make.has(Feature::Restarts) {
                when += self.make.dice.random_range(HOUR..60 * DAY);
                if when >= until.min(self.make.until) {
                    break;
                }
                self.make.put(when, What::Restarted { source: *source });
            }
        }
        self.there.push((backend, self.accounts, ids, until));
        self.make.put(at, What::Born { account: self.accounts, backend, name: name.into(), sources });
        self.accounts
    }

    /// Guests go to other pools of their panel, and often back.
    fn guests_move(&mut self) {
        let count = if self.make.has(Feature::PoolMoves) { self.make.times(40.0) } else { 0 };
        for _ in 0..count {
            let at = self.make.some_time();
            let pools = self
                .there
                .iter()
                .filter(|(backend, .., end)| self.make.story.backends[*backend].pools && *end > at);
            let pools: Vec<(usize, u32, Vec<u32>)> =
                pools.map(|(backend, account, ids, _)| (*backend, *account, ids.clone())).collect();
            if pools.is_empty() {
                return;
            }
            let (backend, home, ids) = pools[self.make.dice.random_range(0..pools.len())].clone();
            let near: Vec<u32> =
                pools.iter().filter(|(of, ..)| *of == backend).map(|(_, account, _)| *account).collect();
            let source = ids[self.make.dice.random_range(0..ids.len())];
            let to = near[self.make.dice.random_range(0..near.len())];
            let to = if self.make.dice.random_bool(0.2) { None } else { Some(to) };
            self.make.put(at, What::Moved { source, to });
            let back = at + self.make.dice.random_range(HOUR..15 * DAY);
            self.make.put(back, What::Moved { source, to: Some(home) });
        }
    }

    /// Panels that tell totals have other opinions of days later: mostly more, sometimes less.
    fn opinions(&mut self) {
        let spans = self.make.of_spans();
        let there = self.there.iter().filter(|(backend, ..)| spans.contains(backend));
        let accounts: Vec<u32> = there.map(|(_, account, ..)| *account).collect();
        for account in accounts {
            for _ in 0..self.make.times(25.0) {
                let (at, days_ago) = (self.make.some_time(), self.make.dice.random_range(0..20));
                let per_mille = self.make.dice.random_range(-300..500);
                self.make.put(at, What::Revised { account, days_ago, per_mille });
            }
        }
    }

    /// When WHMCS tells of something: at once, or where lists are late within minutes and now and then days.
    fn told_at(&mut self, at: i64) -> i64 {
        let late = match self.make.has(Feature::LateLists) {
            false => 0,
            true if self.make.dice.random_bool(0.3) => self.make.dice.random_range(HOUR..6 * DAY),
            true => self.make.dice.random_range(0..900),
        };
        at + late
    }

    /// A name that is free on a server: one that was somebody's before, where names are sold again.
    fn name(&mut self, server: i64, at: i64) -> String {
        let free = self.names.iter().find(|((on, _), until)| *on == server && **until <= at);
        let used = free.map(|((_, name), _)| name.clone());
        let again = self.make.has(Feature::Resales) && self.make.dice.random_bool(0.7);
        let name = match used.filter(|_| again) {
            Some(name) => name,
            None => format!("u{}", self.names.len()),
        };
        self.names.insert((server, name.clone()), i64::MAX);
        name
    }
}
