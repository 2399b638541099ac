//! The journal: what the panels said that was new, entry by entry, each chained to the one before.
//!
//! Days are derived; the journal is what happened. Entries are appended in the transaction of the poll
//! they tell of, and never edited.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use super::sql::{Cell, Columns, rows, run};
use super::{Lease, Store, StoreError};
use crate::domain::{
    AccountName, BackendId, Bytes, Epoch, Harvest, Meter, Reading, Seconds, Source, Span, Timestamp,
};
use crate::metering::Settled;

/// One entry, as it happened.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// Its number in the backend's chain, from 1.
    pub entry: i64,
    /// When the panel was asked.
    pub at: Timestamp,
    /// When everybody was last seen before this poll.
    pub last_look: Option<Timestamp>,
    /// What was new: the readings that moved a number or raised a note.
    pub harvest: Harvest,
    /// Why the poll failed, where it did: reason and words.
    pub failed: Option<(String, String)>,
}

/// The first place where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal of {backend}: entry {entry} {trouble}")]
pub struct ChainBreak {
    /// The backend.
    pub backend: BackendId,
    /// The entry that does not fit.
    pub entry: i64,
    /// How.
    pub trouble: &'static str,
}

/// Meter, then when it was measured, then account.
type ByMoment<T> = BTreeMap<String, BTreeMap<i64, BTreeMap<String, T>>>;

/// The body of an entry as it is stored. Keyed by what repeats, so that it packs well.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_look: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    complete: bool,
    /// meter → measured at → account → level
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gauges: ByMoment<u64>,
    /// meter → measured at → account → source → (count, epoch)
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counters: ByMoment<BTreeMap<String, (u64, BodyEpoch)>>,
    /// meter → measured at → account → (source, start, end, total)
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    periods: ByMoment<Vec<(String, i64, i64, u64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
enum BodyEpoch {
    #[serde(rename = "s")]
    Since(i64),
    #[serde(rename = "r")]
    Running(u64),
    #[serde(rename = "p")]
    Replugged(u64),
    #[serde(rename = "-")]
    Silent,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a poll has to write into the journal; `None` when the panel said nothing new.
pub(super) fn body_of(
    harvest: &Harvest,
    settled: &Settled,
    last_look: Option<Timestamp>,
) -> Result<Option<String>, StoreError> {
    let mut new: Vec<(&AccountName, Meter)> =
        settled.changes.iter().map(|change| (&change.account, change.meter)).collect();
    new.extend(settled.notes.iter().map(|noted| (&noted.account, noted.meter)));
    new.sort();
    new.dedup();
    if new.is_empty() {
        return Ok(None);
    }
    let mut body =
        Body { last_look: last_look.map(Timestamp::get), complete: harvest.is_complete(), ..Body::default() };
    for (account, harvested) in harvest.accounts() {
        for (meter, reading) in &harvested.readings {
            if new.binary_search(&(account, *meter)).is_ok() {
                body.put(account, *meter, reading);
            }
        }
    }
    pack(&body).map(Some)
}

/// The entry of a failed poll.
pub(super) fn failure_body(reason: &str, detail: &str) -> Result<String, StoreError> {
    pack(&Body { failed: Some((reason.into(), detail.into())), ..Body::default() })
}

impl Body {
    fn put(&mut self, account: &AccountName, meter: Meter, reading: &Reading) {
        let (meter, account, at) = (meter.name().to_string(), account.to_string(), reading.at().get());
        match reading {
            Reading::Gauge { level, .. } => {
                self.gauges.entry(meter).or_default().entry(at).or_default().insert(account, level.get());
            }
            Reading::Counter { source, epoch, count, .. } => {
                let epoch = match epoch {
                    Epoch::Since(start) => BodyEpoch::Since(start.get()),
                    Epoch::Running(uptime) => BodyEpoch::Running(uptime.get()),
                    Epoch::Replugged(uptime) => BodyEpoch::Replugged(uptime.get()),
                    Epoch::Silent => BodyEpoch::Silent,
                };
                let at = self.counters.entry(meter).or_default().entry(at).or_default();
                at.entry(account).or_default().insert(source.to_string(), (count.get(), epoch));
            }
            Reading::PeriodTotal { source, span, total, .. } => {
                let at = self.periods.entry(meter).or_default().entry(at).or_default();
                let (start, end) = (span.start().get(), span.end().get());
                at.entry(account).or_default().push((source.to_string(), start, end, total.get()));
            }
        }
    }

    fn harvest(self) -> Result<Harvest, String> {
        let mut harvest = Harvest::new();
        for (meter, by_time) in self.gauges {
            for (at, accounts) in by_time {
                for (account, level) in accounts {
                    let reading = Reading::Gauge { at: time(at)?, level: bytes(level)? };
                    put(&mut harvest, &account, &meter, reading)?;
                }
            }
        }
        for (meter, by_time) in self.counters {
            for (at, accounts) in by_time {
                for (account, sources) in accounts {
                    for (source, (count, epoch)) in sources {
                        let (source, epoch) = (source_of(&source)?, epoch.epoch()?);
                        let reading = Reading::Counter { source, at: time(at)?, epoch, count: bytes(count)? };
                        put(&mut harvest, &account, &meter, reading)?;
                    }
                }
            }
        }
        for (meter, by_time) in self.periods {
            for (at, accounts) in by_time {
                for (account, totals) in accounts {
                    for (source, start, end, total) in totals {
                        let span = Span::new(time(start)?, time(end)?).map_err(|error| error.to_string())?;
                        let (source, total) = (source_of(&source)?, bytes(total)?);
                        let reading = Reading::PeriodTotal { source, at: time(at)?, span, total };
                        put(&mut harvest, &account, &meter, reading)?;
                    }
                }
            }
        }
        if self.complete {
            harvest.listed_everyone();
        }
        Ok(harvest)
    }
}

impl BodyEpoch {
    fn epoch(self) -> Result<Epoch, String> {
        Ok(match self {
            BodyEpoch::Since(start) => Epoch::Since(time(start)?),
            BodyEpoch::Running(uptime) => Epoch::Running(Seconds::new(uptime)),
            BodyEpoch::Replugged(uptime) => Epoch::Replugged(Seconds::new(uptime)),
            BodyEpoch::Silent => Epoch::Silent,
        })
    }
}

fn put(harvest: &mut Harvest, account: &str, meter: &str, reading: Reading) -> Result<(), String> {
    let account = AccountName::new(account).map_err(|error| error.to_string())?;
    let meter: Meter = meter.parse().map_err(|error: crate::domain::UnknownMeter| error.to_string())?;
    harvest.read(&account, meter, reading);
    Ok(())
}

fn time(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::new(seconds).map_err(|error| error.to_string())
}

fn bytes(count: u64) -> Result<Bytes, String> {
    Bytes::new(count).map_err(|error| error.to_string())
}

fn source_of(name: &str) -> Result<Source, String> {
    Source::new(name).map_err(|error| error.to_string())
}

fn pack(body: &Body) -> Result<String, StoreError> {
    let corrupt = |error: &dyn std::fmt::Display| StoreError::corrupt(error, "a journal entry");
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut packer, body).map_err(|error| corrupt(&error))?;
    packer.flush().map_err(|error| corrupt(&error))?;
    Ok(STANDARD.encode(packer.finish().map_err(|error| corrupt(&error))?))
}

fn unpack(text: &str) -> Result<Body, String> {
    let packed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut json).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

/// The link of an entry: everything in it, and the link before.
fn link(before: &str, backend: &str, entry: i64, at: i64, fence: i64, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{before}\n{backend}\n{entry}\n{at}\n{fence}\n"));
    hash.update(body);
    hex::encode(hash.finalize())
}

/// What every database takes as one TEXT (MySQL's holds 65,535 bytes).
const PART_BYTES: usize = 60_000;

/// Appends an entry after entry `last` with link `chain`; returns its own link.
pub(super) async fn append(
    store: &Store,
    on: &mut AnyConnection,
    lease: &Lease,
    last: (i64, &str),
    at: Timestamp,
    body: &str,
) -> Result<String, StoreError> {
    let (backend, entry) = (lease.backend.as_str(), last.0 + 1);
    let hash = link(last.1, backend, entry, at.get(), lease.fence, body);
    let parts: Vec<&[u8]> = body.as_bytes().chunks(PART_BYTES).collect();
    let sql = "INSERT INTO journal (backend, entry, at, fence, parts, hash) VALUES (?, ?, ?, ?, ?, ?)";
    let cells: [Cell; 6] = [
        backend.into(),
        entry.into(),
        at.into(),
        lease.fence.into(),
        (parts.len() as i64).into(),
        hash.as_str().into(),
    ];
    run(on, store.dialect, sql, cells).await?;
    for (number, part) in parts.iter().enumerate() {
        let part = std::str::from_utf8(part).map_err(|error| StoreError::corrupt(error, "base64"))?;
        let sql = "INSERT INTO journal_part (backend, entry, part, body) VALUES (?, ?, ?, ?)";
        let cells: [Cell; 4] = [backend.into(), entry.into(), (number as i64).into(), part.into()];
        run(on, store.dialect, sql, cells).await?;
    }
    Ok(hash)
}

impl Store {
    /// Reads a backend's journal from `first` on, at most `limit` entries.
    pub async fn journal(
        &self,
        backend: &BackendId,
        first: i64,
        limit: i64,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let mut entries = Vec::new();
        for raw in self.raw_entries(backend, first, limit).await? {
            let body = unpack(&raw.body).map_err(|error| StoreError::corrupt(error, "a journal entry"))?;
            let (last_look, failed) = (body.last_look, body.failed.clone());
            let last_look = last_look.map(Timestamp::new).transpose();
            entries.push(JournalEntry {
                entry: raw.entry,
                at: raw.at,
                last_look: last_look.map_err(|error| StoreError::corrupt(error, "a time"))?,
                harvest: body.harvest().map_err(|error| StoreError::corrupt(error, "a journal entry"))?,
                failed,
            });
        }
        Ok(entries)
    }

    /// Recomputes the chain of a backend's journal and names the first entry that does not fit.
    pub async fn verify_chain(&self, backend: &BackendId) -> Result<Result<i64, ChainBreak>, StoreError> {
        let broken = |entry, trouble| Ok(Err(ChainBreak { backend: backend.clone(), entry, trouble }));
        let (mut chain, mut last) = (String::new(), 0);
        loop {
            let entries = self.raw_entries(backend, last + 1, 500).await?;
            if entries.is_empty() {
                break;
            }
            for raw in entries {
                if raw.entry != last + 1 {
                    return broken(last + 1, "is missing");
                }
                chain = link(&chain, backend.as_str(), raw.entry, raw.at.get(), raw.fence, &raw.body);
                if chain != raw.hash {
                    return broken(raw.entry, "was changed: its hash does not fit its content");
                }
                last = raw.entry;
            }
        }
        let sql = "SELECT entries, chain FROM backend WHERE name = ?";
        let mut on = self.readers.acquire().await?;
        let found = rows(&mut on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(Ok(0)) };
        let mut columns = Columns::of(row);
        let (entries, head) = (columns.int()?, columns.text()?);
        if entries != last {
            return broken(last + 1, "is missing: the journal is shorter than the backend says");
        }
        if head != chain {
            return broken(last, "is not what the backend's chain ends with");
        }
        Ok(Ok(entries))
    }

    async fn raw_entries(&self, backend: &BackendId, first: i64, limit: i64) -> Result<Vec<Raw>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql =
            "SELECT entry, at, fence, parts, hash FROM journal WHERE backend = ? AND entry >= ? AND entry < ?
            ORDER BY entry";
        let range = || [Cell::from(backend.as_str()), first.into(), (first.saturating_add(limit)).into()];
        let mut entries = Vec::new();
        for row in rows(&mut on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let (entry, at, fence) = (columns.int()?, columns.time()?, columns.int()?);
            let (_, hash) = (columns.int()?, columns.text()?);
            entries.push(Raw { entry, at, fence, hash, body: String::new() });
        }
        let sql = "SELECT entry, body FROM journal_part WHERE backend = ? AND entry >= ? AND entry < ?
            ORDER BY entry, part";
        for row in rows(&mut on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let entry = columns.int()?;
            if let Ok(found) = entries.binary_search_by_key(&entry, |raw| raw.entry) {
                entries[found].body.push_str(&columns.text()?);
            }
        }
        Ok(entries)
    }
}

struct Raw {
    entry: i64,
    at: Timestamp,
    fence: i64,
    hash: String,
    body: String,
}
