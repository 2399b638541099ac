//! What was used, as far as the server has computed it.

use super::switches::{Statistics, Today};
use super::world::{MAIN, Server, Subscription};
use crate::growth::Traffic;
use crate::zone::{Zone, month_before};
use chrono::NaiveDate;

/// The services that traffic is told by, in the order of the columns.
pub const SERVICES: [&str; 4] = ["http", "ftp", "smtp", "pop3_imap"];

const DAY: i64 = 86_400;

/// What one day moved by each of the services.
pub type Row = [Traffic; 4];

/// All of a row.
pub fn whole(row: &Row) -> Traffic {
    row.iter().fold(Traffic::default(), |sum, one| sum + *one)
}

impl Server {
    /// Where its days begin.
    pub fn zone(&self) -> Zone {
        Zone::named(&self.switches().timezone)
    }

    /// The date there.
    pub fn today(&self) -> NaiveDate {
        self.zone().date(self.knobs.clock.now())
    }

    /// The latest maintenance run of a night (epoch seconds).
    pub fn last_night(&self) -> i64 {
        let (zone, minute) = (self.zone(), self.switches().maintenance_minute);
        let (now, today) = (self.knobs.clock.now_seconds(), self.today());
        let run = |day| zone.start_of(day) + minute * 60;
        match run(today) <= now {
            true => run(today),
            false => run(today.pred_opt().unwrap_or(today)),
        }
    }

    /// When figures were computed last by a run, be it the night's or the operator's.
    fn last_run(&self) -> i64 {
        let now = self.knobs.clock.now_seconds();
        let runs = self.watch().runs.iter().copied().filter(|at| *at <= now).max();
        runs.unwrap_or(i64::MIN).max(self.last_night())
    }

    /// The instant that figures are of.
    pub fn computed_at(&self) -> i64 {
        match self.switches().statistics {
            Statistics::Live => self.knobs.clock.now_seconds(),
            Statistics::Nightly => self.last_run(),
        }
    }

    /// Bytes that a subscription holds.
    pub fn level(&self, subscription: &Subscription) -> u64 {
        self.knobs.truth.level(&subscription.name, self.computed_at()).unwrap_or_default()
    }

    /// The first day that a subscription has rows of.
    pub fn first_day(&self, subscription: &Subscription) -> NaiveDate {
        let kept_from = month_before(self.today(), self.switches().stat_ttl);
        self.zone().date(crate::clock::at(subscription.created)).max(kept_from)
    }

    /// What some parts of a subscription moved on one day; `None` where the server has nothing of it, or not yet.
    pub fn row(&self, subscription: &Subscription, parts: &[String], day: NaiveDate) -> Option<Row> {
        if day < self.first_day(subscription) {
            return None;
        }
        let (zone, today, switches) = (self.zone(), self.today(), self.switches());
        let known_until = match (day == today, switches.today) {
            (true, Today::Absent) => return None,
            (true, Today::LastRun) => self.last_run(),
            _ => self.computed_at(),
        };
        let (from, next) = (zone.start_of(day), day.succ_opt()?);
        let until = known_until.min(zone.start_of(next));
        if until < from {
            return None;
        }
        let moved = match subscription.revised.get(&day) {
            Some(revised) if parts.iter().any(|part| part == MAIN) => *revised,
            _ => self.moved(subscription, parts, from, until),
        };
        let mut row = shared(subscription.id, moved);
        if (today - day).num_days() < i64::try_from(switches.mail_late_days).unwrap_or(i64::MAX) {
            row[2..].fill(Traffic::default());
        }
        Some(row)
    }

    fn moved(&self, subscription: &Subscription, parts: &[String], from: i64, until: i64) -> Traffic {
        let truth = &self.knobs.truth;
        let moved = parts.iter().map(|part| {
            truth.part_traffic(&subscription.name, part, until)
                - truth.part_traffic(&subscription.name, part, from)
        });
        moved.fold(Traffic::default(), |sum, one| sum + one)
    }

    /// What it moved in the running month, on the sides that the server counts.
    pub fn month(&self, subscription: &Subscription, parts: &[String]) -> u64 {
        let today = self.today();
        let days = month_before(today, 0).iter_days().take_while(|day| *day <= today);
        days.filter_map(|day| self.row(subscription, parts, day)).map(|row| self.counted(&row)).sum()
    }

    /// What it moved on the day before today.
    pub fn day_before(&self, subscription: &Subscription, parts: &[String]) -> u64 {
        let day = self.today().pred_opt().unwrap_or_default();
        self.row(subscription, parts, day).map_or(0, |row| self.counted(&row))
    }

    fn counted(&self, row: &Row) -> u64 {
        let moved = whole(row);
        match self.switches().traffic_accounting {
            1 => moved.received,
            2 => moved.sent,
            _ => moved.received + moved.sent,
        }
    }

    /// The maintenance runs of nights: what they find beyond a limit, or over, they switch off.
    pub fn maintain(&self) {
        let night = self.last_night();
        let before = std::mem::replace(&mut self.watch().maintained, night);
        // What was before the server's start has had its consequences.
        if before != 0 && night > before {
            self.draw_consequences(night);
        }
    }

    /// What a maintenance run does to subscriptions.
    pub fn draw_consequences(&self, at: i64) {
        let used: Vec<_> = self
            .subscriptions()
            .values()
            .filter(|one| !one.vanished)
            .map(|one| (one.name.clone(), self.level(one), self.month(one, &one.parts())))
            .collect();
        let mut subscriptions = self.subscriptions_mut();
        for (name, level, month) in used {
            let Some(one) = subscriptions.get_mut(&name) else { continue };
            let is_over = |limit: &str, used: u64| {
                one.limit(limit).and_then(|most| u64::try_from(most).ok()).is_some_and(|most| used > most)
            };
            let is_strict =
                one.overuse.as_deref().is_some_and(|policy| ["block", "normal"].contains(&policy));
            let is_beyond = is_strict && (is_over("disk_space", level) || is_over("max_traffic", month));
            let is_expired = one.limit("expiration").is_some_and(|end| (0..=at).contains(&end));
            one.status |= if is_beyond { super::world::bits::ADMIN } else { 0 };
            one.status |= if is_expired { super::world::bits::EXPIRED } else { 0 };
        }
    }
}

/// How much of what it moved is FTP and mail differs from one subscription to the next; the sum is exact.
fn shared(id: u32, moved: Traffic) -> Row {
    let [ftp, smtp, pop3] = match id / 4 % 3 {
        0 => [0, 0, 0],
        1 => [16, 8, 32],
        _ => [0, 4, 4],
    };
    let part = |share: u64| Traffic {
        received: moved.received.checked_div(share).unwrap_or(0),
        sent: moved.sent.checked_div(share).unwrap_or(0),
    };
    let [ftp, smtp, pop3] = [ftp, smtp, pop3].map(part);
    [moved - ftp - smtp - pop3, ftp, smtp, pop3]
}

/// Seconds that a figure may be old.
pub fn oldest(statistics: Statistics) -> i64 {
    match statistics {
        Statistics::Live => 0,
        Statistics::Nightly => DAY,
    }
}
