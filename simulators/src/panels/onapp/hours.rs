//! Hourly statistics: when the row of an hour appears, what it tells first, and what later.

use super::switches::Switches;
use super::world::{Card, Cloud, HOUR, Machine, Resource, Server};
use crate::growth::Traffic;

/// The row of one finished hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The end of the hour (epoch seconds).
    pub end: i64,
    /// Whose it is.
    pub owner: u32,
    /// What passed in the hour, as it is told now.
    pub moved: Traffic,
    /// When the row appeared.
    pub created: i64,
    /// When it was revised last.
    pub updated: i64,
}

/// From one instant until another, both of them inside (epoch seconds).
pub type Span = (i64, i64);

/// The ends of the hours in a span whose rows are kept and have appeared, with the instant of that.
fn appeared(switches: &Switches, now: i64, span: Span, late: i64) -> impl Iterator<Item = (i64, i64)> {
    let after = switches.rows_after_seconds + late * HOUR;
    let oldest = span.0.max(now - switches.history_days * 24 * HOUR);
    let first = (oldest + HOUR - 1).div_euclid(HOUR);
    let last = span.1.min(now - after).div_euclid(HOUR);
    (first..=last).map(move |hour| (hour * HOUR, hour * HOUR + after))
}

/// What a row tells before and after it is revised, and when it was changed last.
fn told(switches: &Switches, now: i64, created: i64, moved: Traffic) -> (Traffic, i64) {
    let revised = created + switches.revised_after_hours * HOUR;
    if switches.revised_after_hours <= 0 {
        return (moved, created);
    }
    if now >= revised {
        return (moved, revised);
    }
    let part = |bytes: u64| bytes / 100 * switches.first_percent;
    (Traffic { received: part(moved.received), sent: part(moved.sent) }, created)
}

impl Server {
    /// The rows of a card in a span, oldest first.
    pub fn card_rows(
        &self,
        switches: &Switches,
        cloud: &Cloud,
        (id, machine): (u32, &Machine),
        card: &Card,
        span: Span,
    ) -> Vec<Row> {
        let now = self.now();
        let row = |(end, created): (i64, i64)| {
            let owner = machine.owner_at(end - 1);
            let login = cloud.users.get(&owner).map_or("", |user| user.login.as_str());
            let (account, part) = self.card_place(login, id, card.id);
            let (moved, updated) = told(switches, now, created, self.passed(&account, &part, end));
            let (moved, updated) = card.revised.get(&end).copied().unwrap_or((moved, updated));
            let is_there = moved != Traffic::default() || switches.zero_rows && !machine.halted;
            is_there.then_some(Row { end, owner, moved, created, updated })
        };
        let ends = appeared(switches, now, span, switches.late_hours);
        ends.filter(|(end, _)| *end > machine.created && !card.lost.contains(end)).filter_map(row).collect()
    }

    /// The rows of a resource in an edge group in a span, oldest first.
    pub fn resource_rows(
        &self,
        switches: &Switches,
        cloud: &Cloud,
        (id, resource): (u32, &Resource),
        group: u32,
        span: Span,
    ) -> Vec<Row> {
        let now = self.now();
        let login = cloud.users.get(&resource.owner).map_or("", |user| user.login.as_str());
        let (account, part) = self.resource_place(login, id, group);
        let row = |(end, created): (i64, i64)| {
            let (moved, updated) = told(switches, now, created, self.passed(&account, &part, end));
            let is_there = moved.sent > 0 || switches.zero_rows;
            is_there.then_some(Row { end, owner: resource.owner, moved, created, updated })
        };
        let ends = appeared(switches, now, span, switches.cdn_late());
        ends.filter(|(end, _)| *end > resource.created).filter_map(row).collect()
    }

    fn passed(&self, account: &str, part: &str, end: i64) -> Traffic {
        let until = |at| self.knobs.truth.part_traffic(account, part, at);
        until(end) - until(end - HOUR)
    }
}
