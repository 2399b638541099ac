//! Whose bytes are whose: holdings, and what passed in each of them day by day.

use std::collections::BTreeMap;

use super::calendar::{Day, Month, Zone, month_of};

/// Who pays for a holding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// No service ever claimed the account.
    Nobody,
    /// Whoever has this username on this server, of whose services nothing is known yet.
    Name(i64, String),
    /// A service, by its number.
    Service(i64),
}

/// What sums over a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Bytes towards the customer's service.
    In,
    /// Bytes from the customer's service.
    Out,
    /// Bytes held, times minutes.
    GbMonth,
}

impl Metric {
    /// Each of them.
    pub const ALL: [Metric; 3] = [Metric::In, Metric::Out, Metric::GbMonth];

    /// Its name in what WHMCS is told.
    pub fn name(self) -> &'static str {
        match self {
            Metric::In => "traffic_in",
            Metric::Out => "traffic_out",
            Metric::GbMonth => "disk_gb_month",
        }
    }
}

/// One account in the hands of one owner: bytes, or bytes times minutes, by day and by month.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The account's life.
    pub life: usize,
    /// Who pays.
    pub owner: Owner,
    days: BTreeMap<(Metric, Day), i128>,
    months: BTreeMap<(Metric, Month), i128>,
}

/// All holdings.
#[derive(Clone, Debug)]
pub struct Ledger {
    zone: Zone,
    holdings: Vec<Holding>,
    /// The days of a holding from one on are another's: also what is heard of them later.
    handed: BTreeMap<usize, (Day, usize)>,
}

impl Ledger {
    /// A ledger without holdings.
    pub fn new(zone: Zone) -> Ledger {
        Ledger { zone, holdings: Vec::new(), handed: BTreeMap::new() }
    }

    /// Opens a holding of a life and says which number it has.
    pub fn open(&mut self, life: usize, owner: Owner) -> usize {
        self.holdings.push(Holding { life, owner, days: BTreeMap::new(), months: BTreeMap::new() });
        self.holdings.len() - 1
    }

    /// The holdings, each under its number.
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Whose a holding is.
    pub fn owner(&self, holding: usize) -> &Owner {
        &self.holdings[holding].owner
    }

    /// Bytes that passed between two instants: shared by time, the last day takes what does not divide.
    pub fn passed(&mut self, holding: usize, metric: Metric, (from, to): (i64, i64), bytes: u64) {
        let (whole, bytes) = (i128::from(to - from), i128::from(bytes));
        let parts = self.zone.cut(from, to);
        let mut left = bytes;
        for (number, (day, start, end)) in parts.iter().enumerate() {
            let is_last = number + 1 == parts.len();
            let share = if is_last { left } else { bytes * i128::from(end - start) / whole };
            left -= share;
            self.add(holding, metric, *day, share);
        }
        if parts.is_empty() {
            self.add(holding, metric, self.zone.day(to), bytes);
        }
    }

    /// A level that was held between two instants. Minutes are those that began in between.
    pub fn held(&mut self, holding: usize, (from, to): (i64, i64), level: u64) {
        for (day, start, end) in self.zone.cut(from, to) {
            let minutes = end.div_euclid(60) - start.div_euclid(60);
            self.add(holding, Metric::GbMonth, day, i128::from(level) * i128::from(minutes));
        }
    }

    /// Adds to a day, whosever it is by now.
    pub fn add(&mut self, holding: usize, metric: Metric, day: Day, amount: i128) {
        self.put(self.holder(holding, day), metric, day, amount);
    }

    /// The holding that has a day of a holding by now.
    pub fn holder(&self, mut holding: usize, day: Day) -> usize {
        while let Some((_, to)) = self.handed.get(&holding).filter(|(first, _)| day >= *first) {
            holding = *to;
        }
        holding
    }

    fn put(&mut self, holding: usize, metric: Metric, day: Day, amount: i128) {
        let holding = &mut self.holdings[holding];
        *holding.days.entry((metric, day)).or_default() += amount;
        *holding.months.entry((metric, month_of(day))).or_default() += amount;
    }

    /// What a day of a holding has; `None` where it was never read on it.
    pub fn day(&self, holding: usize, metric: Metric, day: Day) -> Option<i128> {
        self.holdings[holding].days.get(&(metric, day)).copied()
    }

    /// The days of a holding of one metric.
    pub fn days(&self, holding: usize, metric: Metric) -> impl Iterator<Item = (Day, i128)> {
        let days = self.holdings[holding].days.iter().filter(move |((of, _), _)| *of == metric);
        days.map(|((_, day), amount)| (*day, *amount))
    }

    /// What an owner has in a month, over all its holdings; `None` where nothing was ever read in it.
    pub fn month(&self, owner: &Owner, metric: Metric, month: Month) -> Option<i128> {
        let its = self.holdings.iter().filter(|holding| holding.owner == *owner);
        its.filter_map(|holding| holding.months.get(&(metric, month)).copied()).reduce(|sum, one| sum + one)
    }

    /// The months in which an owner has anything of a metric.
    pub fn months_of(&self, owner: &Owner, metric: Metric) -> Vec<Month> {
        let its = self.holdings.iter().filter(|holding| holding.owner == *owner);
        let months = its.flat_map(|holding| holding.months.keys());
        let mut months: Vec<Month> =
            months.filter(|(of, _)| *of == metric).map(|(_, month)| *month).collect();
        months.sort_unstable();
        months.dedup();
        months
    }

    /// The days of one holding from `first` on become another's.
    pub fn hand_days(&mut self, from: usize, to: usize, first: Day) {
        let days = self.holdings[from].days.clone();
        for ((metric, day), amount) in days.into_iter().filter(|((_, day), _)| *day >= first) {
            self.put(from, metric, day, -amount);
            self.holdings[from].days.remove(&(metric, day));
            self.put(to, metric, day, amount);
        }
        self.handed.insert(from, (first, to));
    }

    /// A holding is another's.
    pub fn hand_holding(&mut self, holding: usize, to: &Owner) {
        self.holdings[holding].owner = to.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_whole_and_days_change_hands() {
        let zone = Zone::named("Europe/Warsaw").expect("a zone");
        let mut ledger = Ledger::new(zone);
        let (one, two) = (ledger.open(0, Owner::Nobody), ledger.open(0, Owner::Service(7)));
        let noon = 1_774_778_400;
        ledger.passed(one, Metric::Out, (noon, noon + 4 * 86_400 + 7), 1_000_003);
        let service = Owner::Service(7);
        assert_eq!(ledger.month(&Owner::Nobody, Metric::Out, 202_603).map(|sum| sum > 0), Some(true));
        ledger.hand_days(one, two, 20_260_331);
        let sum = |owner: &Owner| {
            let months = ledger.months_of(owner, Metric::Out).into_iter();
            months.filter_map(|month| ledger.month(owner, Metric::Out, month)).sum::<i128>()
        };
        assert_eq!(sum(&Owner::Nobody) + sum(&service), 1_000_003);
        assert!(ledger.day(one, Metric::Out, 20_260_331).is_none());
    }
}
