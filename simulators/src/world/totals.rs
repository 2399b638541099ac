//! Totals of days, hours and months: the newest counts, what it adds or takes is put on days, and what falls is
//! believed when it is told twice.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::calendar::Day;
use super::claims::Claim;
use super::ledger::{Metric, Owner};
use super::oracle::Oracle;
use super::panels::{Answer, Shown, Total};
use super::truth::utc_month;

/// What was told of spans: by life, way and first second.
pub(super) type Totals = BTreeMap<(usize, Metric, i64), Known>;

/// What of totals other accounts of the service have, by way and first second.
pub(super) type Copied = BTreeMap<(Metric, i64), i128>;

/// A total as it is believed.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub total: u64,
    /// What had passed of it, in truth.
    passed: u64,
    at: i64,
    /// The days its bytes were put on, and those they were taken from again when it fell: day and holding.
    placed: BTreeMap<(Day, usize), i128>,
    taken: BTreeMap<(Day, usize), i128>,
    /// A lower one, told once.
    doubt: Option<Told>,
    source: u32,
}

/// What is told of one way of a span.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: i64,
    to: i64,
    from: i64,
    total: u64,
    passed: u64,
    source: u32,
}

impl Oracle {
    /// The totals of an account were told.
    pub(super) fn totals(&mut self, backend: usize, life: usize, shown: &Shown, at: i64, copied: &Copied) {
        for metric in [Metric::In, Metric::Out] {
            let gone = self.months_gone(backend, life, metric, &shown.totals);
            for total in &shown.totals {
                let told = told(total, metric, at);
                if told.total == 0 && gone.contains(&utc_month(told.from)) {
                    self.doubt_total(backend, (life, metric, told.from), told);
                    continue;
                }
                self.lives[life].was_read(metric, at);
                let copied = copied.get(&(metric, told.from)).copied().unwrap_or(0);
                self.total(backend, (life, metric, told.from), told, copied);
            }
        }
    }

    /// The months of which everything that was not nothing is told as nothing: a panel forgets, too.
    fn months_gone(&self, backend: usize, life: usize, metric: Metric, totals: &[Total]) -> Vec<i64> {
        let nothing: Vec<i64> = totals
            .iter()
            .map(|total| told(total, metric, 0))
            .filter(|told| told.total == 0)
            .map(|told| told.from)
            .collect();
        let known = self.backends[backend].totals.range((life, metric, i64::MIN)..=(life, metric, i64::MAX));
        let mut months: BTreeMap<i64, bool> = BTreeMap::new();
        for ((.., from), _) in known.filter(|(_, known)| known.total > 0) {
            *months.entry(utc_month(*from)).or_insert(true) &= nothing.contains(from);
        }
        months.into_iter().filter(|(_, gone)| *gone).map(|(month, _)| month).collect()
    }

    fn doubt_total(&mut self, backend: usize, key: (usize, Metric, i64), told: Told) {
        if let Some(known) = self.backends[backend].totals.get_mut(&key).filter(|known| known.total > 0)
            && known.doubt.is_none_or(|doubt| doubt.total > 0)
        {
            known.doubt = Some(Told { total: 0, ..told });
        }
    }

    fn total(&mut self, backend: usize, key: (usize, Metric, i64), told: Told, copied: i128) {
        let Some(known) = self.backends[backend].totals.get(&key).cloned() else {
            return self.first_total(backend, key, told, copied);
        };
        let newest = known.doubt.map_or(known.at, |doubt| doubt.at);
        if told.at <= newest || told.total == known.total && known.at >= told.to && known.doubt.is_none() {
            return;
        }
        if told.total < known.total && known.doubt.is_none() {
            let known = Known { doubt: Some(told), ..known };
            self.backends[backend].totals.insert(key, known);
            return;
        }
        self.believe_total(backend, key, known, told, 0);
    }

    /// A total that was never told: all of it is news, but what the life before under the name had of it, and what
    /// other accounts of the service have.
    fn first_total(&mut self, backend: usize, key: (usize, Metric, i64), told: Told, copied: i128) {
        let life = &self.lives[key.0];
        let until = life.predecessor.unwrap_or(i64::MIN);
        if told.to <= until {
            return;
        }
        let mut before = self.lives[..key.0].iter().enumerate().rev();
        let before = before.find(|(_, one)| one.backend == backend && one.name == life.name);
        let before = before.filter(|_| until > told.from);
        let theirs =
            before.and_then(|(number, _)| self.backends[backend].totals.get(&(number, key.1, told.from)));
        let theirs = theirs.map(|known| known.total).filter(|total| *total <= told.total).unwrap_or(0);
        let known = Known {
            total: 0,
            passed: 0,
            at: until,
            placed: BTreeMap::new(),
            taken: BTreeMap::new(),
            doubt: None,
            source: told.source,
        };
        self.believe_total(backend, key, known, told, copied + i128::from(theirs));
    }

    /// A total is true: what it adds is put on days, or taken back from the last ones. So much of it is not counted.
    fn believe_total(
        &mut self,
        backend: usize,
        key: (usize, Metric, i64),
        mut known: Known,
        told: Told,
        not: i128,
    ) {
        let change = i128::from(told.total) - i128::from(known.total);
        let mut moves = Vec::new();
        if change >= 0 {
            let mut growth = (change - not).max(0);
            for (place, taken) in &mut known.taken {
                let back = growth.min(*taken);
                (*taken, growth) = (*taken - back, growth - back);
                moves.push((*place, back));
            }
            let (from, to) = (told.from.max(known.at), told.to.min(told.at));
            let (from, to) = if from < to { (from, to) } else { (told.from, told.to) };
            moves.extend(self.shared(key.0, (from, to), growth));
        } else {
            let mut fall = -change;
            for (place, there) in known.placed.iter().rev() {
                let back = fall.min(*there);
                fall -= back;
                *known.taken.entry(*place).or_default() += back;
                moves.push((*place, -back));
            }
        }
        let mut moved = 0;
        for ((day, holding), amount) in moves.into_iter().filter(|(_, amount)| *amount != 0) {
            *known.placed.entry((day, holding)).or_default() += amount;
            self.ledger.add(holding, key.1, day, amount);
            moved += amount;
        }
        self.not_seen(told.at, key.1, change - moved, "another account's, or not there any more");
        let passed = i128::from(told.passed) - i128::from(known.passed);
        *self.revised.entry(key.1).or_default() += change - passed;
        // Nothing proves that another has the name by now: what it is told to have takes the place of what was.
        let mut news = passed as i64;
        if told.source != known.source {
            self.not_seen(
                told.at,
                key.1,
                known.passed.into(),
                "its totals gave way to another's of its name",
            );
            news = told.passed as i64;
        }
        let accounted = self.accounted.entry((told.source, key.1)).or_default();
        *accounted = accounted.saturating_add_signed(news);
        let (total, passed, at, source) = (told.total, told.passed, told.at, told.source);
        let known = Known { total, passed, at, source, doubt: None, ..known };
        self.backends[backend].totals.insert(key, known);
    }

    /// Bytes of a life by the days, and whoever had them, of a time.
    fn shared(&self, life: usize, (from, to): (i64, i64), bytes: i128) -> Vec<((Day, usize), i128)> {
        let stretches = &self.lives[life].stretches;
        let ends = stretches.iter().skip(1).map(|(from, _)| *from).chain([i64::MAX]);
        let mut parts = Vec::new();
        for (day, start, end) in self.zone.cut(from, to) {
            for ((began, holding), ended) in stretches.iter().zip(ends.clone()) {
                let seconds = end.min(ended) - start.max(*began);
                if seconds > 0 {
                    parts.push(((day, *holding), bytes * i128::from(seconds) / i128::from(to - from)));
                }
            }
        }
        let left = bytes - parts.iter().map(|(_, part)| part).sum::<i128>();
        if let Some((_, last)) = parts.last_mut() {
            *last += left;
        }
        parts
    }

    /// An operator says that what fell is true.
    pub(super) fn believe_falls(&mut self, backend: usize) {
        let newest: Vec<usize> = self.backends[backend].names.values().copied().collect();
        for (key, known) in self.backends[backend].totals.clone() {
            if let Some(told) = known.doubt.filter(|_| newest.contains(&key.0)) {
                self.believe_total(backend, key, known, told, 0);
            }
        }
    }

    /// So much was taken from a day by hand: a total that falls later takes back only what is there.
    pub(super) fn less_placed(&mut self, backend: usize, holding: usize, day: Day, mut less: i128) {
        let ledger = &self.ledger;
        let its =
            self.backends[backend].totals.iter_mut().filter(|((_, metric, _), _)| *metric == Metric::Out);
        for ((on, of), there) in its.flat_map(|(_, known)| &mut known.placed) {
            if *on == day && ledger.holder(*of, day) == holding {
                let taken = less.clamp(0, *there);
                (*there, less) = (*there - taken, less - taken);
            }
        }
    }

    /// What of totals that are told for the first time and began before their account was seen the other accounts of
    /// its service have already: history may have come along with an account.
    pub(super) fn copied(&self, backend: usize, lives: &[usize], answer: &Answer) -> Vec<Copied> {
        let shown = answer.accounts.iter().zip(lives);
        shown.map(|(shown, life)| self.copied_to(backend, *life, shown, answer.at)).collect()
    }

    fn copied_to(&self, backend: usize, number: usize, shown: &Shown, at: i64) -> Copied {
        let (life, known) = (&self.lives[number], &self.backends[backend].totals);
        let mut early: Vec<(Metric, Told)> = Vec::new();
        for metric in [Metric::In, Metric::Out] {
            let totals = shown.totals.iter().map(|total| told(total, metric, at));
            let news = totals.filter(|told| told.from < life.began_at);
            early.extend(
                news.filter(|told| !known.contains_key(&(number, metric, told.from)))
                    .map(|told| (metric, told)),
            );
        }
        if early.is_empty() {
            return Copied::new();
        }
        let owners: Vec<Owner> = match self.ledger.owner(life.holding) {
            Owner::Nobody => match self.claims.of(self.backends[backend].server, backend, &life.name) {
                Claim::None => Vec::new(),
                Claim::Service(service) => vec![Owner::Service(service)],
                Claim::Several(services) => services.into_iter().map(Owner::Service).collect(),
            },
            owner => vec![owner.clone()],
        };
        let mut left: BTreeMap<(Metric, Day), i128> = BTreeMap::new();
        let others = self.ledger.holdings().iter().enumerate().filter(|(_, holding)| {
            let other = &self.lives[holding.life];
            owners.contains(&holding.owner) && !(other.backend == backend && other.name == life.name)
        });
        for (holding, _) in others {
            for metric in [Metric::In, Metric::Out] {
                for (day, amount) in self.ledger.days(holding, metric) {
                    *left.entry((metric, day)).or_default() += amount;
                }
            }
        }
        early.sort_by_key(|(metric, told)| (*metric, told.to - told.from, Reverse(told.from)));
        let mut copied = Copied::new();
        for (metric, told) in early {
            let mut taken = 0;
            for (day, from, to) in self.zone.cut(told.from, told.to) {
                let Some(has) = left.get_mut(&(metric, day)) else { continue };
                let whole = self.zone.day_end(from) - self.zone.day_start(from);
                let share =
                    (*has * i128::from(to - from) / i128::from(whole)).min(i128::from(told.total) - taken);
                (*has, taken) = (*has - share, taken + share);
            }
            copied.insert((metric, told.from), taken);
        }
        copied
    }
}

fn told(total: &Total, metric: Metric, at: i64) -> Told {
    let (source, passed) = total.truly;
    let (told, passed) = match metric {
        Metric::In => (total.received, passed.received),
        Metric::Out | Metric::GbMonth => (total.sent, passed.sent),
    };
    Told { at, to: total.to, from: total.from, total: told, passed, source }
}
