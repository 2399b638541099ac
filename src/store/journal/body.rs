//! The body of a journal entry as it is stored: JSON, gzip, base64. What the panel said that was new,
//! account by account, and what was made of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use litemap::LiteMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::StoreError;
use super::{JournalEntry, Made};
use crate::domain::{
    AccountName, ByteMinutes, Bytes, Epoch, Harvest, Harvested, Meter, Minutes, Reading, Reason, Seconds,
    Source, Span, Timestamp, UsageDay,
};
use crate::metering::{Acceptance, Adjustment, Correction, DayChange, Settled};

/// One entry. Times are seconds from the time of asking, so that most of them are short.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_look: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    complete: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<Cow<'a, str>, Vec<(Cow<'a, str>, SeriesBody<'a>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_rate: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adjusted: Option<AdjustmentBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<AcceptanceBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<(String, String)>,
}

/// A correction: what was asked for, so that it can be made again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AdjustmentBody {
    account: String,
    meter: String,
    day: i32,
    amount: i128,
    author: String,
    reason: String,
}

impl AdjustmentBody {
    fn of(adjustment: &Adjustment) -> AdjustmentBody {
        AdjustmentBody {
            account: adjustment.account.as_str().into(),
            meter: adjustment.meter.name().into(),
            day: adjustment.day.number(),
            amount: adjustment.amount,
            author: adjustment.author.clone(),
            reason: adjustment.reason.clone(),
        }
    }

    fn adjustment(self) -> Result<Adjustment, String> {
        Ok(Adjustment {
            account: AccountName::new(&self.account).map_err(|error| error.to_string())?,
            meter: self.meter.parse().map_err(|error: crate::domain::UnknownMeter| error.to_string())?,
            day: UsageDay::from_number(self.day).map_err(|error| error.to_string())?,
            amount: self.amount,
            author: self.author,
            reason: self.reason,
        })
    }
}

/// Somebody's word that what was held back is true.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AcceptanceBody {
    account: String,
    meter: String,
    author: String,
    reason: String,
}

impl AcceptanceBody {
    fn of(acceptance: &Acceptance) -> AcceptanceBody {
        AcceptanceBody {
            account: acceptance.account.as_str().into(),
            meter: acceptance.meter.name().into(),
            author: acceptance.author.clone(),
            reason: acceptance.reason.clone(),
        }
    }

    fn acceptance(self) -> Result<Acceptance, String> {
        Ok(Acceptance {
            account: AccountName::new(&self.account).map_err(|error| error.to_string())?,
            meter: self.meter.parse().map_err(|error: crate::domain::UnknownMeter| error.to_string())?,
            author: self.author,
            reason: self.reason,
        })
    }
}

/// One meter of one account: what was said, what it made, what was noticed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SeriesBody<'a> {
    /// Measured at, level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gauges: Vec<(i64, u64)>,
    /// Counter, measured at, epoch, count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<(Cow<'a, str>, i64, EpochBody, u64)>,
    /// Counter, measured at, start, end, total.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    totals: Vec<(Cow<'a, str>, i64, i64, i64, u64)>,
    /// Why a part of it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unread: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "LiteMap::is_empty")]
    days: LiteMap<i32, DayBody>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum EpochBody {
    #[serde(rename = "s")]
    Since(i64),
    #[serde(rename = "r")]
    Running(u64),
    #[serde(rename = "p")]
    Replugged(u64),
    #[serde(rename = "-")]
    Silent,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct DayBody {
    #[serde(default, skip_serializing_if = "is_default")]
    added: i128,
    #[serde(default, skip_serializing_if = "is_default")]
    estimated: i128,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    held: u128,
    #[serde(default, skip_serializing_if = "is_default")]
    covered: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a poll has to write into the journal; `None` when the panel said nothing new.
pub(in super::super) fn body_of(
    harvest: &Harvest,
    settled: &Settled,
    last_look: Option<Timestamp>,
    asked: Timestamp,
    correction: Option<&Correction>,
) -> Result<Option<String>, StoreError> {
    let mut accounts: BTreeMap<Cow<'_, str>, Vec<(Cow<'_, str>, SeriesBody<'_>)>> = BTreeMap::new();
    for change in &settled.changes {
        let series = series(&mut accounts, &change.account, change.meter);
        let days = change.days.iter();
        series.days = days.map(|(day, change)| (day.number(), DayBody::of(change))).collect();
    }
    for noted in &settled.notes {
        let text = match noted.source.as_str() {
            "" => noted.note.to_string(),
            source => format!("{source}: {}", noted.note),
        };
        series(&mut accounts, &noted.account, noted.meter).notes.push(text);
    }
    if accounts.is_empty() {
        return Ok(None);
    }
    for (account, meters) in &mut accounts {
        let Some(harvested) = harvest.accounts().get(account.as_ref()) else { continue };
        for (meter, series) in meters {
            series.said(harvested, meter, asked);
        }
    }
    let (last_look, complete) = (last_look.map(Timestamp::get), harvest.is_complete());
    let (adjusted, accepted) = match correction {
        Some(Correction::Adjusted(adjustment)) => (Some(AdjustmentBody::of(adjustment)), None),
        Some(Correction::Accepted(acceptance)) => (None, Some(AcceptanceBody::of(acceptance))),
        None => (None, None),
    };
    let max_rate = settled.max_rate.map(Bytes::get);
    pack(&Body { last_look, complete, accounts, max_rate, adjusted, accepted, failed: None }).map(Some)
}

/// The entry of a failed poll.
pub(in super::super) fn failure_body(reason: &str, detail: &str) -> Result<String, StoreError> {
    pack(&Body { failed: Some((reason.into(), detail.into())), ..Body::default() })
}

fn series<'m, 'a>(
    accounts: &'m mut BTreeMap<Cow<'a, str>, Vec<(Cow<'a, str>, SeriesBody<'a>)>>,
    account: &'a AccountName,
    meter: Meter,
) -> &'m mut SeriesBody<'a> {
    let meters = accounts.entry(account.as_str().into()).or_default();
    let found = meters.iter().position(|(of, _)| *of == meter.name());
    let index = found.unwrap_or_else(|| {
        meters.push((meter.name().into(), SeriesBody::default()));
        meters.len() - 1
    });
    &mut meters[index].1
}

fn offset(at: Timestamp, asked: Timestamp) -> i64 {
    at.get() - asked.get()
}

impl<'a> SeriesBody<'a> {
    fn said(&mut self, harvested: &'a Harvested, meter: &str, asked: Timestamp) {
        for (_, reading) in harvested.readings.iter().filter(|(of, _)| of.name() == meter) {
            let at = offset(reading.at(), asked);
            match reading {
                Reading::Gauge { level, .. } => self.gauges.push((at, level.get())),
                Reading::Counter { source, epoch, count, .. } => {
                    self.counts.push((source.as_str().into(), at, EpochBody::of(epoch), count.get()));
                }
                Reading::PeriodTotal { source, span, total, .. } => {
                    let (start, end) = (offset(span.start(), asked), offset(span.end(), asked));
                    self.totals.push((source.as_str().into(), at, start, end, total.get()));
                }
            }
        }
        let mut unread = harvested.unread.iter();
        let unread = unread.find(|unread| unread.meter.is_none_or(|about| about.name() == meter));
        self.unread = unread.map(|unread| unread.reason.name().into());
    }
}

impl EpochBody {
    pub(super) fn of(epoch: &Epoch) -> EpochBody {
        match epoch {
            Epoch::Since(start) => EpochBody::Since(start.get()),
            Epoch::Running(uptime) => EpochBody::Running(uptime.get()),
            Epoch::Replugged(uptime) => EpochBody::Replugged(uptime.get()),
            Epoch::Silent => EpochBody::Silent,
        }
    }

    pub(super) fn epoch(self) -> Result<Epoch, String> {
        Ok(match self {
            EpochBody::Since(start) => Epoch::Since(time(start)?),
            EpochBody::Running(uptime) => Epoch::Running(Seconds::new(uptime)),
            EpochBody::Replugged(uptime) => Epoch::Replugged(Seconds::new(uptime)),
            EpochBody::Silent => Epoch::Silent,
        })
    }
}

impl DayBody {
    fn of(change: &DayChange) -> DayBody {
        DayBody {
            added: change.added,
            estimated: change.estimated,
            level: change.level.map(Bytes::get),
            held: change.held.get(),
            covered: change.covered.get(),
        }
    }

    fn change(self) -> Result<DayChange, String> {
        Ok(DayChange {
            added: self.added,
            estimated: self.estimated,
            level: self.level.map(bytes).transpose()?,
            held: ByteMinutes::new(self.held),
            covered: Minutes::new(self.covered),
        })
    }
}

/// Reads a body back.
pub(super) fn entry_of(entry: i64, asked: Timestamp, text: &str) -> Result<JournalEntry, StoreError> {
    let corrupt = |error: String| StoreError::corrupt(format!("entry {entry}: {error}"), "a journal entry");
    let body: Body<'static> = unpack(text).map_err(corrupt)?;
    let last_look = body.last_look.map(time).transpose().map_err(corrupt)?;
    let failed = body.failed.clone();
    let max_rate = body.max_rate.map(bytes).transpose().map_err(corrupt)?;
    let corrected = match (body.adjusted.clone(), body.accepted.clone()) {
        (Some(adjusted), _) => Some(Correction::Adjusted(adjusted.adjustment().map_err(corrupt)?)),
        (None, Some(accepted)) => Some(Correction::Accepted(accepted.acceptance().map_err(corrupt)?)),
        (None, None) => None,
    };
    let (harvest, made) = body.told(asked).map_err(corrupt)?;
    Ok(JournalEntry { entry, at: asked, last_look, harvest, made, max_rate, corrected, failed })
}

impl Body<'_> {
    fn told(self, asked: Timestamp) -> Result<(Harvest, Vec<Made>), String> {
        let moment = |offset: i64| time(asked.get().saturating_add(offset));
        let span = |start, end| Span::new(moment(start)?, moment(end)?).map_err(|error| error.to_string());
        let (mut harvest, mut made) = (Harvest::new(), Vec::new());
        for (account, meters) in self.accounts {
            let account = AccountName::new(&account).map_err(|error| error.to_string())?;
            for (meter, series) in meters {
                let meter: Meter =
                    meter.parse().map_err(|error: crate::domain::UnknownMeter| error.to_string())?;
                for (at, level) in series.gauges {
                    let reading = Reading::Gauge { at: moment(at)?, level: bytes(level)? };
                    harvest.read(&account, meter, reading);
                }
                for (source, at, epoch, count) in series.counts {
                    let (source, epoch) = (source_of(&source)?, epoch.epoch()?);
                    let reading = Reading::Counter { source, at: moment(at)?, epoch, count: bytes(count)? };
                    harvest.read(&account, meter, reading);
                }
                for (source, at, start, end, total) in series.totals {
                    let (source, span, total) = (source_of(&source)?, span(start, end)?, bytes(total)?);
                    let reading = Reading::PeriodTotal { source, at: moment(at)?, span, total };
                    harvest.read(&account, meter, reading);
                }
                if let Some(reason) = series.unread {
                    let known = Reason::ALL.into_iter().find(|known| known.name() == reason);
                    let reason = known.ok_or_else(|| format!("unknown reason {reason}"))?;
                    harvest.unread(&account, Some(meter), reason, "a part of it");
                }
                let mut days = LiteMap::new();
                for (day, change) in series.days {
                    let day = UsageDay::from_number(day).map_err(|error| error.to_string())?;
                    days.insert(day, change.change()?);
                }
                made.push(Made { account: account.clone(), meter, days, notes: series.notes });
            }
        }
        if self.complete {
            harvest.listed_everyone();
        }
        Ok((harvest, made))
    }
}

pub(super) fn time(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::new(seconds).map_err(|error| error.to_string())
}

pub(super) fn bytes(count: u64) -> Result<Bytes, String> {
    Bytes::new(count).map_err(|error| error.to_string())
}

pub(super) fn source_of(name: &str) -> Result<Source, String> {
    Source::new(name).map_err(|error| error.to_string())
}

/// Packs a body into text that every database takes.
pub(super) fn pack(body: &impl Serialize) -> Result<String, StoreError> {
    let corrupt = |error: &dyn std::fmt::Display| StoreError::corrupt(error, "a journal entry");
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    // In one piece: the packer clears its whole buffer at every write, and JSON is written in crumbs.
    let json = serde_json::to_vec(body).map_err(|error| corrupt(&error))?;
    packer.write_all(&json).map_err(|error| corrupt(&error))?;
    Ok(STANDARD.encode(packer.finish().map_err(|error| corrupt(&error))?))
}

/// Unpacks what [`pack`] packed.
pub(super) fn unpack<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let packed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
