//! A whole book as a fold keeps it: what was believed after the last entry that was folded, so that the
//! entries after it can be settled again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::body::{EpochBody, bytes, source_of, time};
use crate::domain::{
    AccountName, ByteMinutes, Bytes, Meter, Minutes, Month, Source, Span, Timestamp, UnknownMeter, UsageDay,
};
use crate::metering::{
    AccountBook, Baseline, Book, Doubt, Implausible, LevelBelief, MonthToDate, PeriodBelief, SeriesBook,
};

/// A book; in order, so that the same beliefs are the same text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BookBody {
    last_look: Option<i64>,
    accounts: BTreeMap<String, Vec<(String, SeriesBelief)>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct SeriesBelief {
    at: Option<i64>,
    /// Measured at, level.
    level: Option<(i64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    baselines: Vec<(String, EpochBody, u64, i64, Option<DoubtBody>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    periods: Vec<PeriodBody>,
    /// Month, amount, estimated, held, covered.
    month: Option<(i32, u64, u64, u128, u64)>,
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
    placed: Vec<(i32, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubt: Option<DoubtBody>,
}

impl BookBody {
    pub(super) fn of(book: &Book) -> BookBody {
        let account = |(name, series): (&AccountName, &AccountBook)| {
            let series = series.iter().map(|(meter, series)| (meter.name().into(), SeriesBelief::of(series)));
            (name.as_str().into(), series.collect())
        };
        BookBody {
            last_look: book.last_look.map(Timestamp::get),
            accounts: book.accounts.iter().map(account).collect(),
        }
    }

    pub(super) fn book(self) -> Result<Book, String> {
        let mut book = Book { last_look: self.last_look.map(time).transpose()?, ..Book::default() };
        for (name, meters) in self.accounts {
            let account = book.accounts.entry(AccountName::new(&name).map_err(text)?).or_default();
            for (meter, series) in meters {
                let meter: Meter = meter.parse().map_err(|error: UnknownMeter| error.to_string())?;
                account.insert(meter, series.series()?);
            }
        }
        Ok(book)
    }
}

impl SeriesBelief {
    fn of(series: &SeriesBook) -> SeriesBelief {
        let baseline = |(source, baseline): (&Source, &Baseline)| {
            let (count, at) = (baseline.count.get(), baseline.at.get());
            (
                source.as_str().into(),
                EpochBody::of(&baseline.epoch),
                count,
                at,
                baseline.doubt.map(doubt_body),
            )
        };
        SeriesBelief {
            at: series.at.map(Timestamp::get),
            level: series.level.map(|belief| (belief.at.get(), belief.level.get())),
            baselines: series.baselines.iter().map(baseline).collect(),
            periods: series.periods.iter().map(|(key, belief)| PeriodBody::of(key, belief)).collect(),
            month: series.month.map(|month| {
                let (held, covered) = (month.held.get(), month.covered.get());
                (month.month.number(), month.amount.get(), month.estimated.get(), held, covered)
            }),
            total: series.total.get(),
            shown: series.shown.get(),
            implausible: series.implausible.map(|held| (held.since.get(), held.accepted)),
        }
    }

    fn series(self) -> Result<SeriesBook, String> {
        let level =
            |(at, level): (i64, u64)| Ok::<_, String>(LevelBelief { at: time(at)?, level: bytes(level)? });
        let month = |(month, amount, estimated, held, covered)| {
            Ok::<_, String>(MonthToDate {
                month: Month::from_number(month).map_err(text)?,
                amount: bytes(amount)?,
                estimated: bytes(estimated)?,
                held: ByteMinutes::new(held),
                covered: Minutes::new(covered),
            })
        };
        let mut series = SeriesBook {
            at: self.at.map(time).transpose()?,
            level: self.level.map(level).transpose()?,
            month: self.month.map(month).transpose()?,
            total: bytes(self.total)?,
            shown: bytes(self.shown)?,
            implausible: self.implausible.map(implausible).transpose()?,
            ..SeriesBook::default()
        };
        for (source, epoch, count, at, doubt) in self.baselines {
            let (count, at, doubt) = (bytes(count)?, time(at)?, doubt.map(doubt_of).transpose()?);
            series
                .baselines
                .insert(source_of(&source)?, Baseline { epoch: epoch.epoch()?, count, at, doubt });
        }
        for period in self.periods {
            let (key, belief) = period.belief()?;
            series.periods.insert(key, belief);
        }
        Ok(series)
    }
}

impl PeriodBody {
    fn of((source, span): &(Source, Span), belief: &PeriodBelief) -> PeriodBody {
        PeriodBody {
            source: source.as_str().into(),
            span: (span.start().get(), span.end().get()),
            total: belief.total.get(),
            at: belief.at.get(),
            placed: belief.placed.iter().map(|(day, bytes)| (day.number(), bytes.get())).collect(),
            doubt: belief.doubt.map(doubt_body),
        }
    }

    fn belief(self) -> Result<((Source, Span), PeriodBelief), String> {
        let span = Span::new(time(self.span.0)?, time(self.span.1)?).map_err(text)?;
        let placed = self.placed.into_iter().map(|(day, count)| {
            Ok::<(UsageDay, Bytes), String>((UsageDay::from_number(day).map_err(text)?, bytes(count)?))
        });
        let belief = PeriodBelief {
            total: bytes(self.total)?,
            at: time(self.at)?,
            placed: placed.collect::<Result<_, _>>()?,
            doubt: self.doubt.map(doubt_of).transpose()?,
        };
        Ok(((source_of(&self.source)?, span), belief))
    }
}

fn implausible((since, accepted): (i64, bool)) -> Result<Implausible, String> {
    Ok(Implausible { since: time(since)?, accepted })
}

fn doubt_body(doubt: Doubt) -> DoubtBody {
    (doubt.count.get(), doubt.at.get())
}

fn doubt_of((count, at): DoubtBody) -> Result<Doubt, String> {
    Ok(Doubt { count: bytes(count)?, at: time(at)? })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
