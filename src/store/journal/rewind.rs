//! What taking a journal back to one of its entries means: what was believed after that entry, and what was added to
//! days since. Nothing is written here.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::super::ledger::Withdrawn;
use super::super::sql::{Columns, rows};
use super::super::{Store, StoreError};
use super::crossings::CrossingMap;
use super::taken_back::TakenBack;
use super::{ENTRIES_AT_ONCE, JournalEntry, MonthSum};
use crate::domain::{BackendId, Bytes, HoldingNo, LifeNo, Meter, Timestamp, UsageDay};
use crate::metering::{Book, Correction, Kept, SettleRules};

/// Where a journal is to be taken back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewindTo {
    /// After this entry; 0 is before the first.
    Entry(i64),
    /// Before the first entry that was asked for later and settled something: what failed for our clock is dated by
    /// another's, which may be ahead.
    Time(Timestamp),
}

/// Why a journal cannot be taken back so far.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRewind {
    /// It has no such entry.
    #[error("the journal has entries up to {last}, and none numbered {to}")]
    NoSuchEntry {
        /// The entry that was asked for.
        to: i64,
        /// The newest.
        last: i64,
    },
    /// It would go back into what is folded.
    #[error(
        "entries up to {upto} are folded into sums of months: what was believed before is not known any more"
    )]
    Folded {
        /// The last entry in a fold.
        upto: i64,
    },
    /// The entry does not count any more itself.
    #[error("entry {to} was taken back itself, by entry {by}: an entry that counts is wanted")]
    TakenBack {
        /// The entry that was asked for.
        to: i64,
        /// What took it back.
        by: i64,
    },
    /// Nothing comes after it.
    #[error("nothing was settled after entry {to}")]
    Nothing {
        /// The entry.
        to: i64,
    },
    /// Days that would change have gone into their month.
    #[error("{0} would change, and its days are folded into its month")]
    DaysGone(crate::domain::Month),
}

/// What goes when a journal is taken back, and what is believed then.
#[derive(Clone, Debug)]
pub struct Unwound {
    /// The last entry that counts.
    pub to: i64,
    /// When it was asked for; `None` before the first.
    pub at: Option<Timestamp>,
    /// How many entries do not count any more, failed polls not counted.
    pub entries: u64,
    /// What is believed.
    pub then: Book,
    /// What of it is as it is now all the same.
    pub(in super::super) kept: Kept,
    /// Whose life each holding is that had anything since.
    pub holders: BTreeMap<HoldingNo, LifeNo>,
    /// What was promised since and is not delivered yet, and goes.
    pub withdrawn: Withdrawn,
    /// What was added to days since, and goes.
    pub days: BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>,
    /// The thresholds that were crossed then, as the journal records it.
    pub(in super::super) crossings: CrossingMap,
    /// The last level of days that lose one, where they had one before.
    pub(in super::super) levels: BTreeMap<(HoldingNo, Meter, UsageDay), Bytes>,
}

impl Store {
    /// What it would mean to take a backend's journal back; `now` is what is believed now.
    pub async fn unwind(
        &self,
        backend: &BackendId,
        to: RewindTo,
        now: &Book,
        rules: &SettleRules,
    ) -> Result<Result<Unwound, CannotRewind>, StoreError> {
        let mut tx = self.begin_read().await?;
        let upto = self.fold_heads(&mut tx, backend).await?.pop().map_or(0, |head| head.upto);
        let asked = to;
        let to = match self.target(&mut tx, backend, to, upto).await? {
            Ok(to) => to,
            Err(cannot) => return Ok(Err(cannot)),
        };
        let mut unwound = Unwound {
            to,
            at: None,
            entries: 0,
            then: if upto == 0 { Book::default() } else { self.folded_book(&mut tx, backend, upto).await? },
            kept: Kept::default(),
            withdrawn: Withdrawn::of(&self.promised_since(&mut tx, backend, to).await?),
            holders: now
                .lives
                .iter()
                .flat_map(|(no, life)| life.holdings.iter().map(|holding| (holding.no, *no)))
                .collect(),
            days: BTreeMap::new(),
            levels: BTreeMap::new(),
            crossings: self.crossings_at(&mut tx, backend, upto).await?,
        };
        let (mut renumberings, mut look) = (Vec::new(), None);
        let mut first = to + 1;
        while let Some((entries, next)) = self.counting(&mut tx, backend, first, i64::MAX).await? {
            first = next;
            for entry in entries {
                look = look.or(Some(entry.last_look));
                match entry.corrected {
                    // The numbers of services are no measurement: they stay as they are.
                    Some(Correction::Renumbered(_)) => renumberings.push(entry),
                    _ => unwound.lose(&entry),
                }
            }
        }
        if unwound.entries == 0 {
            return Ok(Err(CannotRewind::Nothing { to }));
        }
        let sql = "SELECT days_from FROM backend WHERE name = ?";
        let found = rows(&mut tx, self.dialect, sql, [backend.as_str().into()]).await?;
        let kept_from = found.first().map_or(Ok(None), |row| Columns::of(row).maybe_day())?;
        let months = unwound.days.keys().map(|(.., day)| day.month());
        if let Some(gone) = months.filter(|month| kept_from.is_some_and(|from| month.first() < from)).min() {
            return Ok(Err(CannotRewind::DaysGone(gone)));
        }
        let mut first = upto + 1;
        while let Some((entries, next)) = self.counting(&mut tx, backend, first, to).await? {
            first = next;
            for entry in &entries {
                unwound.keep(entry, rules);
            }
        }
        unwound.levels_before(rules);
        renumberings.iter().for_each(|entry| entry.take_into(&mut unwound.then, rules));
        // Polls that find nothing new are in no entry: the next one says until when there were such.
        if let RewindTo::Time(time) = asked {
            let quiet = look.flatten().map(|look| look.min(time));
            unwound.then.last_look = unwound.then.last_look.max(quiet);
        }
        unwound.kept = Kept::of(now, &unwound.then);
        unwound.kept.keep_in(&mut unwound.then);
        Ok(Ok(unwound))
    }

    /// The entry that a journal goes back to.
    async fn target(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        to: RewindTo,
        upto: i64,
    ) -> Result<Result<i64, CannotRewind>, StoreError> {
        let taken = self.taken_back(on, backend).await?;
        let sql = "SELECT entry, at FROM journal WHERE backend = ? AND entry > ? ORDER BY entry";
        let found = rows(on, self.dialect, sql, [backend.as_str().into(), upto.into()]).await?;
        let entries = found.iter().map(|row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, columns.time()?))
        });
        let entries = entries.collect::<Result<Vec<_>, StoreError>>()?;
        let last = entries.last().map_or(upto, |(entry, _)| *entry);
        let to = match to {
            RewindTo::Entry(entry) => entry,
            RewindTo::Time(time) => {
                let counting = |(entry, _): &&(i64, Timestamp)| taken.by(*entry).is_none();
                let counting: Vec<_> = entries.iter().filter(counting).collect();
                let mut after = None;
                for (position, (entry, at)) in counting.iter().enumerate() {
                    if after.is_none() && *at > time && self.has_settled(on, backend, *entry).await? {
                        after = Some(position);
                    }
                }
                match after {
                    None => last,
                    // What was settled before it, be it in a fold.
                    Some(0) if upto > 0 => return Ok(Err(CannotRewind::Folded { upto })),
                    Some(0) => 0,
                    Some(after) => counting[after - 1].0,
                }
            }
        };
        Ok(match taken.by(to) {
            _ if to < 0 || to > last => Err(CannotRewind::NoSuchEntry { to, last }),
            _ if to < upto => Err(CannotRewind::Folded { upto }),
            Some(by) => Err(CannotRewind::TakenBack { to, by }),
            None => Ok(to),
        })
    }

    /// Whether an entry is no poll that failed.
    async fn has_settled(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        entry: i64,
    ) -> Result<bool, StoreError> {
        let raw = self.raw_entries(on, backend, entry, 1).await?;
        let entry = raw.first().map(|raw| raw.entry(&TakenBack::default())).transpose()?;
        Ok(entry.is_some_and(|entry| entry.failed.is_none()))
    }

    /// The next few entries from `first` up to `last` that settled something and count, and where to go on; `None`
    /// after the last.
    pub(super) async fn counting(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        first: i64,
        last: i64,
    ) -> Result<Option<(Vec<JournalEntry>, i64)>, StoreError> {
        if first > last {
            return Ok(None);
        }
        let limit = ENTRIES_AT_ONCE.min((last - first).saturating_add(1));
        let raw = self.raw_entries(on, backend, first, limit).await?;
        let Some(next) = raw.last().map(|raw| raw.entry + 1) else { return Ok(None) };
        let taken = self.taken_back(on, backend).await?;
        let entries = raw.iter().map(|raw| raw.entry(&taken)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some((entries.into_iter().filter(JournalEntry::counts).collect(), next)))
    }
}

impl Unwound {
    /// An entry that does not count any more.
    fn lose(&mut self, entry: &JournalEntry) {
        // One that goes back itself settled nothing.
        self.entries += u64::from(!matches!(entry.corrected, Some(Correction::Rewound(_))));
        for made in &entry.made {
            for ((holding, day), change) in made.days.iter() {
                self.days.entry((*holding, made.meter, *day)).or_default().add(*day, change);
            }
        }
    }

    /// An entry that still counts.
    fn keep(&mut self, entry: &JournalEntry, rules: &SettleRules) {
        self.at = Some(entry.at);
        for made in &entry.made {
            for ((holding, day), change) in made.days.iter() {
                let key = (*holding, made.meter, *day);
                if let Some(level) = change.level.filter(|_| self.days.contains_key(&key)) {
                    self.levels.insert(key, level);
                }
            }
        }
        self.crossings.extend(entry.crossings.iter().map(|(key, crossing)| (*key, *crossing)));
        entry.take_into(&mut self.then, rules);
    }

    /// The levels of days that a fold had begun: what was believed is what its last reading said.
    fn levels_before(&mut self, rules: &SettleRules) {
        let lives = self.then.lives.values();
        let series =
            lives.flat_map(|life| life.series.iter().map(move |(meter, series)| (life, *meter, series)));
        for (life, meter, level) in
            series.filter_map(|(life, meter, series)| Some((life, meter, series.level?)))
        {
            let day = rules.zone.day_of(level.at);
            let key = (life.holding_at(level.at), meter, day);
            if self.days.contains_key(&key) {
                self.levels.entry(key).or_insert(level.level);
            }
        }
    }
}
