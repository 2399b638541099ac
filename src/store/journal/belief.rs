//! A whole book as a fold keeps it: what was believed after the last entry that was folded, so that the
//! entries after it can be settled again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::crossings::{CrossingBody, CrossingMap, crossing_bodies, crossings_of};
use super::shapes::{CounterBody, EpochBody, PartBody, account, bytes, meter_of, source_of, text, time};
use crate::domain::{Bytes, HoldingNo, Identity, LifeNo, Source, Span, Timestamp, UsageDay};
use crate::metering::{
    Absence, Baseline, Book, Doubt, DoubtedLevel, Holding, Implausible, LeftOut, LevelBelief, Life,
    ListDoubt, PeriodBelief, SeriesBook,
};

/// Which counter; its epoch, count and time; a lower count not believed yet; who showed it; since when nobody has it.
type BaselineBody = (CounterBody, EpochBody, u64, i64, Option<DoubtBody>, u32, Option<i64>);

/// A book; in order, so that the same beliefs are the same text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BookBody {
    last_look: Option<i64>,
    next_life: u32,
    next_holding: u32,
    lives: Vec<(u32, LifeBelief)>,
    /// Counter, epoch, count, measured at, doubt, holder, absent.
    counters: Vec<BaselineBody>,
    /// Since, missing, of how many, accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list_doubt: Option<(i64, u32, u32, bool)>,
    /// Thresholds as they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    crossings: Vec<CrossingBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LifeBelief {
    name: String,
    nth: u32,
    newest: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    identity: String,
    born: i64,
    predecessor: Option<i64>,
    /// Since, last seen.
    absence: Option<(i64, i64)>,
    ended: Option<i64>,
    series: Vec<(String, SeriesBelief)>,
    /// Number, from, parts.
    holdings: Vec<(u32, i64, Vec<PartBody>)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct SeriesBelief {
    at: Option<i64>,
    /// Measured at, level.
    level: Option<(i64, u64)>,
    /// Measured at, level, whether accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubted: Option<(i64, u64, bool)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    periods: Vec<PeriodBody>,
    total: u64,
    shown: u64,
    /// Held back since, and whether accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    implausible: Option<(i64, bool)>,
}

/// Count, measured at.
type DoubtBody = (u64, i64);

#[derive(Debug, Serialize, Deserialize)]
struct PeriodBody {
    source: String,
    span: (i64, i64),
    total: u64,
    at: i64,
    /// Day, holding, bytes.
    placed: Vec<(i32, u32, u64)>,
    /// What was taken back from where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<(i32, u32, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubt: Option<DoubtBody>,
    /// What the service's other accounts had of it, looked at when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copied: Option<(u64, i64)>,
}

impl BookBody {
    pub(super) fn of(book: &Book, crossings: &CrossingMap) -> BookBody {
        let mut counters: Vec<_> = book.counters.iter().collect();
        counters.sort_unstable_by_key(|(key, _)| *key);
        let counter = |(key, one): (_, &Baseline)| {
            let (epoch, absent) = (EpochBody::of(&one.epoch), one.absent.map(Timestamp::get));
            let doubt = one.doubt.map(doubt_body);
            (CounterBody::of(key), epoch, one.count.get(), one.at.get(), doubt, one.holder.get(), absent)
        };
        let life = |(no, life): (&LifeNo, &Life)| {
            (no.get(), LifeBelief::of(life, book.names.get(&life.name) == Some(no)))
        };
        BookBody {
            last_look: book.last_look.map(Timestamp::get),
            next_life: book.next_life.get(),
            next_holding: book.next_holding.get(),
            lives: book.lives.iter().map(life).collect(),
            counters: counters.into_iter().map(counter).collect(),
            list_doubt: book.list_doubt.map(|one| (one.since.get(), one.missing, one.of, one.accepted)),
            crossings: crossing_bodies(crossings),
        }
    }

    pub(super) fn crossings(self) -> Result<CrossingMap, String> {
        crossings_of(self.crossings)
    }

    pub(super) fn book(self) -> Result<Book, String> {
        let mut book = Book {
            last_look: self.last_look.map(time).transpose()?,
            next_life: LifeNo::new(self.next_life),
            next_holding: HoldingNo::new(self.next_holding),
            ..Book::default()
        };
        for (no, belief) in self.lives {
            let newest = belief.newest;
            let life = belief.life()?;
            if newest {
                book.names.insert(life.name.clone(), LifeNo::new(no));
            }
            book.lives.insert(LifeNo::new(no), life);
        }
        book.counters.reserve(self.counters.len());
        for (key, epoch, count, at, doubt, holder, absent) in self.counters {
            let baseline = Baseline {
                epoch: epoch.epoch()?,
                count: bytes(count)?,
                at: time(at)?,
                doubt: doubt.map(doubt_of).transpose()?,
                holder: LifeNo::new(holder),
                absent: absent.map(time).transpose()?,
            };
            book.counters.insert(key.key()?, baseline);
        }
        book.list_doubt = self.list_doubt.map(list_doubt).transpose()?;
        Ok(book)
    }
}

impl LifeBelief {
    fn of(life: &Life, newest: bool) -> LifeBelief {
        let series = life.series.iter().map(|(meter, one)| (meter.name().into(), SeriesBelief::of(one)));
        let holding =
            |one: &Holding| (one.no.get(), one.from.get(), one.parts.iter().map(PartBody::of).collect());
        LifeBelief {
            name: life.name.as_str().into(),
            nth: life.nth,
            newest,
            identity: life.identity.to_string(),
            born: life.born.get(),
            predecessor: life.predecessor.map(Timestamp::get),
            absence: life.absence.map(|absence| (absence.since.get(), absence.last_seen.get())),
            ended: life.ended.map(Timestamp::get),
            series: series.collect(),
            holdings: life.holdings.iter().map(holding).collect(),
        }
    }

    fn life(self) -> Result<Life, String> {
        let mut life = Life::new(&account(&self.name)?, self.nth, time(self.born)?, HoldingNo::default());
        life.identity = Identity::parse(&self.identity);
        life.predecessor = self.predecessor.map(time).transpose()?;
        life.absence = match self.absence {
            Some((since, last_seen)) => Some(Absence { since: time(since)?, last_seen: time(last_seen)? }),
            None => None,
        };
        life.ended = self.ended.map(time).transpose()?;
        for (meter, series) in self.series {
            life.series.insert(meter_of(&meter)?, series.series()?);
        }
        life.holdings.clear();
        for (no, from, parts) in self.holdings {
            let parts = parts.into_iter().map(PartBody::part).collect::<Result<Vec<_>, _>>()?;
            if parts.is_empty() {
                return Err(format!("holding {no} of {} has no owner", life.name));
            }
            life.holdings.push(Holding { no: HoldingNo::new(no), from: time(from)?, parts });
        }
        if life.holdings.is_empty() {
            return Err(format!("{} has no holding", life.name));
        }
        Ok(life)
    }
}

impl SeriesBelief {
    fn of(series: &SeriesBook) -> SeriesBelief {
        SeriesBelief {
            at: series.at.map(Timestamp::get),
            level: series.level.map(|belief| (belief.at.get(), belief.level.get())),
            doubted: series.doubted.map(|one| (one.at.get(), one.level.get(), one.accepted)),
            periods: series.periods.iter().map(|(key, belief)| PeriodBody::of(key, belief)).collect(),
            total: series.total.get(),
            shown: series.shown.get(),
            implausible: series.implausible.map(|held| (held.since.get(), held.accepted)),
        }
    }

    fn series(self) -> Result<SeriesBook, String> {
        let level =
            |(at, level): (i64, u64)| Ok::<_, String>(LevelBelief { at: time(at)?, level: bytes(level)? });
        let mut series = SeriesBook {
            at: self.at.map(time).transpose()?,
            level: self.level.map(level).transpose()?,
            doubted: self.doubted.map(doubted).transpose()?,
            total: bytes(self.total)?,
            shown: bytes(self.shown)?,
            implausible: self.implausible.map(implausible).transpose()?,
            ..SeriesBook::default()
        };
        for period in self.periods {
            let (key, belief) = period.belief()?;
            series.periods.insert(key, belief);
        }
        Ok(series)
    }
}

impl PeriodBody {
    fn of((source, span): &(Source, Span), belief: &PeriodBelief) -> PeriodBody {
        let rows = |places: &BTreeMap<(UsageDay, HoldingNo), Bytes>| {
            let rows = places.iter();
            rows.map(|((day, holding), bytes)| (day.number(), holding.get(), bytes.get())).collect()
        };
        PeriodBody {
            source: source.as_str().into(),
            span: (span.start().get(), span.end().get()),
            total: belief.total.get(),
            at: belief.at.get(),
            placed: rows(&belief.placed),
            taken: rows(&belief.taken),
            doubt: belief.doubt.map(doubt_body),
            copied: belief.copied.map(|copied| (copied.amount.get(), copied.at.get())),
        }
    }

    fn belief(self) -> Result<((Source, Span), PeriodBelief), String> {
        let span = Span::new(time(self.span.0)?, time(self.span.1)?).map_err(text)?;
        let places = |rows: Vec<(i32, u32, u64)>| {
            let rows = rows.into_iter().map(|(day, holding, count)| {
                let key = (UsageDay::from_number(day).map_err(text)?, HoldingNo::new(holding));
                Ok((key, bytes(count)?))
            });
            rows.collect::<Result<BTreeMap<_, _>, String>>()
        };
        let belief = PeriodBelief {
            total: bytes(self.total)?,
            at: time(self.at)?,
            placed: places(self.placed)?,
            taken: places(self.taken)?,
            doubt: self.doubt.map(doubt_of).transpose()?,
            copied: self.copied.map(left_out).transpose()?,
        };
        Ok(((source_of(&self.source)?, span), belief))
    }
}

fn left_out((amount, at): (u64, i64)) -> Result<LeftOut, String> {
    Ok(LeftOut { amount: bytes(amount)?, at: time(at)? })
}

fn implausible((since, accepted): (i64, bool)) -> Result<Implausible, String> {
    Ok(Implausible { since: time(since)?, accepted })
}

fn doubted((at, level, accepted): (i64, u64, bool)) -> Result<DoubtedLevel, String> {
    Ok(DoubtedLevel { at: time(at)?, level: bytes(level)?, accepted })
}

fn list_doubt((since, missing, of, accepted): (i64, u32, u32, bool)) -> Result<ListDoubt, String> {
    Ok(ListDoubt { since: time(since)?, missing, of, accepted })
}

fn doubt_body(doubt: Doubt) -> DoubtBody {
    (doubt.count.get(), doubt.at.get())
}

fn doubt_of((count, at): DoubtBody) -> Result<Doubt, String> {
    Ok(Doubt { count: bytes(count)?, at: time(at)? })
}
