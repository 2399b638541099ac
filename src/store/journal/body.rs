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
use super::crossings::{CrossingBody, CrossingMap, crossing_bodies, crossings_of};
use super::shapes::{
    CounterBody, DayBody, EpochBody, LifeBody, OwnershipBody, account, bytes, is_default, meter_of,
    source_of, text, time,
};
use super::{JournalEntry, Made};
use crate::domain::{
    AccountName, Bytes, Copied, Harvest, Harvested, HoldingNo, LifeNo, Meter, Reading, Reason, Span,
    Timestamp, UsageDay,
};
use crate::metering::{
    Acceptance, Adjustment, Book, Bounds, Correction, CounterKey, Forgetting, Kept, Moved, Renumbering,
    Rewind, Settled,
};

/// One entry. Times are seconds from the time of asking, so that most of them are short.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_look: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    complete: bool,
    /// What became of lives, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lives: Vec<(u32, LifeBody)>,
    /// Counters that no account has any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<CounterBody>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<Cow<'a, str>, Vec<(Cow<'a, str>, SeriesBody<'a>)>>,
    /// Who owns what from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    owners: Vec<OwnershipBody>,
    /// What became of thresholds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    crossings: Vec<CrossingBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_rate: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_storage_rate: Option<u64>,
    /// How far a level may fall: percent, and the level from which on; where not as ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collapse: Option<(u32, u64)>,
    /// It came by another road than the poll before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    new_road: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adjusted: Option<AdjustmentBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<AcceptanceBody>,
    /// Who has said that the backend is over, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<MovedBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renumbered: Option<RenumberingBody>,
    /// The last entry that counts, who says so, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rewound: Option<(i64, String, String)>,
    /// What a rewind leaves as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<KeptBody>,
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

/// An operator's statement that what is doubted is true.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AcceptanceBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    author: String,
    reason: String,
}

impl AcceptanceBody {
    fn of(acceptance: &Acceptance) -> AcceptanceBody {
        AcceptanceBody {
            account: acceptance.account.as_ref().map(|account| account.as_str().into()),
            author: acceptance.author.clone(),
            reason: acceptance.reason.clone(),
        }
    }

    fn acceptance(self) -> Result<Acceptance, String> {
        Ok(Acceptance {
            account: self.account.as_deref().map(account).transpose()?,
            author: self.author,
            reason: self.reason,
        })
    }
}

/// An operator's statement that days are another's: which they are stands in `owners`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MovedBody {
    account: String,
    since: i32,
    service: i64,
    author: String,
}

impl MovedBody {
    fn of(moved: &Moved) -> MovedBody {
        MovedBody {
            account: moved.account.as_str().into(),
            since: moved.since.number(),
            service: moved.service,
            author: moved.author.clone(),
        }
    }

    fn moved(self) -> Result<Moved, String> {
        Ok(Moved {
            account: account(&self.account)?,
            since: UsageDay::from_number(self.since).map_err(text)?,
            service: self.service,
            author: self.author,
        })
    }
}

/// An operator's statement that services have other numbers: the old and the new of each.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RenumberingBody {
    numbers: Vec<(i64, i64)>,
    author: String,
    reason: String,
}

impl RenumberingBody {
    fn of(renumbering: &Renumbering) -> RenumberingBody {
        let Renumbering { numbers, author, reason } = renumbering.clone();
        RenumberingBody { numbers: numbers.into_iter().collect(), author, reason }
    }

    fn renumbering(self) -> Renumbering {
        let RenumberingBody { numbers, author, reason } = self;
        Renumbering { numbers: numbers.into_iter().collect(), author, reason }
    }
}

/// The numbers that the next life and holding get; life, meter and bytes of what others were shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptBody(u32, u32, Vec<(u32, String, u64)>);

impl KeptBody {
    fn of(kept: &Kept) -> KeptBody {
        let shown = kept.shown.iter();
        let shown = shown.map(|(life, meter, shown)| (life.get(), meter.name().into(), shown.get()));
        KeptBody(kept.next_life.get(), kept.next_holding.get(), shown.collect())
    }

    fn kept(self) -> Result<Kept, String> {
        let KeptBody(life, holding, shown) = self;
        let shown = shown
            .into_iter()
            .map(|(life, meter, shown)| Ok((LifeNo::new(life), meter_of(&meter)?, bytes(shown)?)));
        let shown = shown.collect::<Result<_, String>>()?;
        Ok(Kept { next_life: LifeNo::new(life), next_holding: HoldingNo::new(holding), shown })
    }
}

/// One meter of one account: what was said, what it made, what was noticed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SeriesBody<'a> {
    /// Whose life.
    life: u32,
    /// When the account was made, where the panel reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    /// Measured at, level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gauges: Vec<(i64, u64)>,
    /// Counter, measured at, epoch, count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<(Cow<'a, str>, i64, EpochBody, u64)>,
    /// Counter, measured at, start, end, total.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    totals: Vec<(Cow<'a, str>, i64, i64, i64, u64)>,
    /// Counter, start, end, and what of that total other accounts of the service have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    copied: Vec<(Cow<'a, str>, i64, i64, u64)>,
    /// Nothing reported what the account owns.
    #[serde(default, skip_serializing_if = "is_default")]
    owns_unknown: bool,
    /// Why a part of it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unread: Option<Cow<'a, str>>,
    /// Holding, day, what was added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<(u32, i32, DayBody)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// What a poll has to write into the journal; `None` when the panel said nothing new.
pub(in super::super) fn body_of(
    harvest: &Harvest,
    settled: &Settled,
    book: &Book,
    after: &Book,
    asked: Timestamp,
    correction: Option<&Correction>,
    crossings: &CrossingMap,
) -> Result<Option<String>, StoreError> {
    let mut accounts: Accounts<'_> = BTreeMap::new();
    for change in &settled.changes {
        let Some(life) = after.lives.get(&change.life) else { continue };
        let series = series(&mut accounts, &life.name, change.life, change.meter);
        let days = change.days.iter();
        series.days =
            days.map(|((holding, day), add)| (holding.get(), day.number(), DayBody::of(add))).collect();
    }
    for noted in &settled.notes {
        let text = match noted.source.as_str() {
            "" => noted.note.to_string(),
            source => format!("{source}: {}", noted.note),
        };
        // By the name that it was read under, which may be new: what was read stands in the entry under it.
        let name = after.lives.get(&noted.life).map_or(&noted.account, |life| &life.name);
        series(&mut accounts, name, noted.life, noted.meter).notes.push(text);
    }
    let lost: Vec<CounterBody> = lost(settled, book).map(CounterBody::of).collect();
    let reports_nothing = accounts.is_empty() && settled.lives.is_empty() && settled.owners.is_empty();
    if reports_nothing && lost.is_empty() && correction.is_none() && crossings.is_empty() {
        return Ok(None);
    }
    for (account, meters) in &mut accounts {
        let Some(harvested) = harvest.accounts().get(account.as_ref()) else { continue };
        for (meter, series) in meters {
            series.said(harvested, meter, asked);
        }
    }
    let corrected = match correction {
        Some(Correction::Adjusted(adjustment)) => {
            Body { adjusted: Some(AdjustmentBody::of(adjustment)), ..Body::default() }
        }
        Some(Correction::Accepted(acceptance)) => {
            Body { accepted: Some(AcceptanceBody::of(acceptance)), ..Body::default() }
        }
        Some(Correction::Forgotten(Forgetting { author, reason })) => {
            Body { forgotten: Some((author.clone(), reason.clone())), ..Body::default() }
        }
        Some(Correction::Moved(stretch)) => Body { moved: Some(MovedBody::of(stretch)), ..Body::default() },
        Some(Correction::Renumbered(renumbering)) => {
            Body { renumbered: Some(RenumberingBody::of(renumbering)), ..Body::default() }
        }
        // It is written by itself.
        Some(Correction::Rewound(_)) | None => Body::default(),
    };
    pack(&Body {
        last_look: book.last_look.map(Timestamp::get),
        // A list that is doubted was no look at all accounts.
        complete: harvest.is_complete() && after.list_doubt.is_none(),
        lives: settled.lives.iter().map(LifeBody::of).collect(),
        lost,
        accounts,
        owners: settled.owners.iter().map(OwnershipBody::of).collect(),
        crossings: crossing_bodies(crossings),
        max_rate: settled.bounds.max_rate.map(Bytes::get),
        max_storage_rate: settled.bounds.max_storage_rate.map(Bytes::get),
        collapse: collapse_body(&settled.bounds),
        new_road: settled.bounds.new_road,
        ..corrected
    })
    .map(Some)
}

/// Counters that no account has any more since this poll.
fn lost<'s>(settled: &'s Settled, book: &'s Book) -> impl Iterator<Item = &'s CounterKey> {
    let lost = settled.counters.iter().filter(|(key, now)| {
        now.absent.is_some() && book.counters.get(key).is_some_and(|before| before.absent.is_none())
    });
    lost.map(|(key, _)| key)
}

fn collapse_body(bounds: &Bounds) -> Option<(u32, u64)> {
    let of = |bounds: &Bounds| (bounds.collapse_percent, bounds.collapse_least.get());
    (of(bounds) != of(&Bounds::default())).then(|| of(bounds))
}

fn bounds(
    max_rate: Option<u64>,
    max_storage_rate: Option<u64>,
    collapse: Option<(u32, u64)>,
) -> Result<Bounds, String> {
    let mut bounds = Bounds {
        max_rate: max_rate.map(bytes).transpose()?,
        max_storage_rate: max_storage_rate.map(bytes).transpose()?,
        ..Bounds::default()
    };
    if let Some((percent, least)) = collapse {
        (bounds.collapse_percent, bounds.collapse_least) = (percent, bytes(least)?);
    }
    Ok(bounds)
}

/// The entry of a failed poll.
pub(in super::super) fn failure_body(reason: &str, detail: &str) -> Result<String, StoreError> {
    pack(&Body { failed: Some((reason.into(), detail.into())), ..Body::default() })
}

/// The entry that gives services other numbers: which holdings are theirs follows from the entries before.
pub(in super::super) fn renumbered_body(
    renumbering: &Renumbering,
    last_look: Option<Timestamp>,
) -> Result<String, StoreError> {
    let renumbered = Some(RenumberingBody::of(renumbering));
    pack(&Body { last_look: last_look.map(Timestamp::get), renumbered, ..Body::default() })
}

/// The entry that takes a journal back; what is believed after it was believed after the entry that it goes back to.
pub(in super::super) fn rewound_body(
    rewind: &Rewind,
    last_look: Option<Timestamp>,
    kept: &Kept,
    crossings: &CrossingMap,
) -> Result<String, StoreError> {
    let crossings = crossing_bodies(crossings);
    let rewound = Some((rewind.to, rewind.author.clone(), rewind.reason.clone()));
    let (last_look, kept) = (last_look.map(Timestamp::get), Some(KeptBody::of(kept)));
    pack(&Body { last_look, rewound, kept, crossings, ..Body::default() })
}

/// What was said and made of each account, meter by meter.
type Accounts<'a> = BTreeMap<Cow<'a, str>, Vec<(Cow<'a, str>, SeriesBody<'a>)>>;

fn series<'m, 'a>(
    accounts: &'m mut Accounts<'a>,
    account: &'a AccountName,
    life: LifeNo,
    meter: Meter,
) -> &'m mut SeriesBody<'a> {
    let meters = accounts.entry(account.as_str().into()).or_default();
    let found = meters.iter().position(|(of, one)| *of == meter.name() && one.life == life.get());
    let index = found.unwrap_or_else(|| {
        meters.push((meter.name().into(), SeriesBody { life: life.get(), ..SeriesBody::default() }));
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
        for copied in harvested.copied.iter().filter(|copied| copied.meter.name() == meter) {
            let Copied { source, span, amount, .. } = copied;
            let (start, end) = (offset(span.start(), asked), offset(span.end(), asked));
            self.copied.push((source.as_str().into(), start, end, amount.get()));
        }
        self.created = harvested.facts.created.map(Timestamp::get);
        self.owns_unknown = harvested.owns_unknown;
        let mut unread = harvested.unread.iter();
        let unread = unread.find(|unread| unread.meter.is_none_or(|about| about.name() == meter));
        self.unread = unread.map(|unread| unread.reason.name().into());
    }
}

/// Reads a body back.
pub(super) fn entry_of(entry: i64, asked: Timestamp, text: &str) -> Result<JournalEntry, StoreError> {
    let corrupt = |error: String| StoreError::corrupt(format!("entry {entry}: {error}"), "a journal entry");
    let body: Body<'static> = unpack(text).map_err(corrupt)?;
    body.entry(entry, asked).map_err(corrupt)
}

impl Body<'_> {
    fn entry(self, entry: i64, asked: Timestamp) -> Result<JournalEntry, String> {
        let corrected = match (self.adjusted, self.accepted, self.forgotten, self.moved) {
            (Some(adjusted), ..) => Some(Correction::Adjusted(adjusted.adjustment()?)),
            (None, Some(accepted), ..) => Some(Correction::Accepted(accepted.acceptance()?)),
            (None, None, Some((author, reason)), _) => {
                Some(Correction::Forgotten(Forgetting { author, reason }))
            }
            (None, None, None, Some(moved)) => Some(Correction::Moved(moved.moved()?)),
            (None, None, None, None) => {
                let rewound = self.rewound.map(|(to, author, reason)| Rewind { to, author, reason });
                let renumbered = self.renumbered.map(RenumberingBody::renumbering);
                renumbered.map(Correction::Renumbered).or(rewound.map(Correction::Rewound))
            }
        };
        let (mut harvest, mut made) = (Harvest::new(), Vec::new());
        for (name, meters) in self.accounts {
            let account = account(&name)?;
            for (meter, series) in meters {
                made.push(series.reading(&account, meter_of(&meter)?, asked, &mut harvest)?);
            }
        }
        if self.complete {
            harvest.listed_everyone();
        }
        Ok(JournalEntry {
            entry,
            at: asked,
            last_look: self.last_look.map(time).transpose()?,
            harvest,
            lives: self.lives.into_iter().map(LifeBody::change).collect::<Result<_, _>>()?,
            lost: self.lost.into_iter().map(CounterBody::key).collect::<Result<_, _>>()?,
            made,
            owners: self.owners.into_iter().map(OwnershipBody::change).collect::<Result<_, _>>()?,
            crossings: crossings_of(self.crossings)?,
            bounds: Bounds {
                new_road: self.new_road,
                ..bounds(self.max_rate, self.max_storage_rate, self.collapse)?
            },
            corrected,
            kept: self.kept.map(KeptBody::kept).transpose()?,
            failed: self.failed,
            taken_back_by: None,
        })
    }
}

impl SeriesBody<'_> {
    /// Puts what was said into a harvest, and returns what was made of it.
    fn reading(
        self,
        account: &AccountName,
        meter: Meter,
        asked: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<Made, String> {
        let moment = |offset: i64| time(asked.get().saturating_add(offset));
        let span = |start, end| Span::new(moment(start)?, moment(end)?).map_err(text);
        for (at, level) in self.gauges {
            let reading = Reading::Gauge { at: moment(at)?, level: bytes(level)? };
            harvest.add_reading(account, meter, reading);
        }
        for (source, at, epoch, count) in self.counts {
            let (source, epoch) = (source_of(&source)?, epoch.epoch()?);
            let reading = Reading::Counter { source, at: moment(at)?, epoch, count: bytes(count)? };
            harvest.add_reading(account, meter, reading);
        }
        for (source, at, start, end, total) in self.totals {
            let (source, span, total) = (source_of(&source)?, span(start, end)?, bytes(total)?);
            harvest.add_reading(
                account,
                meter,
                Reading::PeriodTotal { source, at: moment(at)?, span, total },
            );
        }
        for (source, start, end, amount) in self.copied {
            let (source, span, amount) = (source_of(&source)?, span(start, end)?, bytes(amount)?);
            harvest.copied(account, Copied { meter, source, span, amount });
        }
        if self.owns_unknown {
            harvest.owns_unknown(account);
        }
        if let Some(created) = self.created {
            harvest.facts_mut(account).created = Some(time(created)?);
        }
        if let Some(reason) = self.unread {
            let known = Reason::ALL.into_iter().find(|known| known.name() == reason);
            let reason = known.ok_or_else(|| format!("unknown reason {reason}"))?;
            harvest.unread(account, Some(meter), reason, "a part of it");
        }
        let mut days = LiteMap::new();
        for (holding, day, change) in self.days {
            let day = UsageDay::from_number(day).map_err(text)?;
            days.insert((HoldingNo::new(holding), day), change.change()?);
        }
        let (account, life) = (account.clone(), LifeNo::new(self.life));
        Ok(Made { account, life, meter, days, notes: self.notes })
    }
}

/// Packs a body into text that every database takes.
pub(in super::super) fn pack(body: &impl Serialize) -> Result<String, StoreError> {
    let corrupt = |error: &dyn std::fmt::Display| StoreError::corrupt(error, "a journal entry");
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    // In one piece: the packer clears its whole buffer at every write, and JSON is written in crumbs.
    let json = serde_json::to_vec(body).map_err(|error| corrupt(&error))?;
    packer.write_all(&json).map_err(|error| corrupt(&error))?;
    Ok(STANDARD.encode(packer.finish().map_err(|error| corrupt(&error))?))
}

/// Unpacks what [`pack`] packed.
pub(in super::super) fn unpack<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let packed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
