//! Whether the journal holds, and whether the stored days are what it says they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::AnyConnection;

use super::super::prune::latest_prune;
use super::super::seal::NO_KEY;
use super::super::sql::{Cell, Columns, rows};
use super::super::tables::{Ids, crossing, day_point, holding, month_sum};
use super::super::{KeyedFrom, Store, StoreError};
use super::body::unpack;
use super::crossings::{self, CrossingMap};
use super::derived::{Derived, RowUnlike, ranges};
use super::fold::{Head, sha256};
use super::repair::Repaired;
use super::sums::{MonthSum, MonthSums, sums_of};
use super::{ChainBreak, ENTRIES_AT_ONCE, JournalEntry, Links};
use crate::domain::{BackendId, HoldingNo, Meter, Month, Nature, Owner, UsageDay};
use crate::metering::{Book, Correction, LifeEvent, OwnerChange, Rules};

/// A journal that holds, and days that are what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries gone through.
    pub entries: u64,
    /// Folds gone through.
    pub folds: u64,
    /// Days and folded months held against it.
    pub sums: u64,
    /// Which entries were chained by a key.
    pub keyed: Vec<KeyedFrom>,
}

/// The first thing that is not as the journal says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// An entry was changed, cut out or put in.
    #[error(transparent)]
    Chain(#[from] ChainBreak),
    /// A fold was.
    #[error("journal of {backend}: the fold of the entries up to {upto} {trouble}")]
    Fold {
        /// The backend.
        backend: BackendId,
        /// The last entry in the fold.
        upto: i64,
        /// How.
        trouble: &'static str,
    },
    /// Somebody else pays than the journal says.
    #[error("{backend} {account}, holding {holding}: the store has {stored}, the journal says {journal}")]
    Owner {
        /// The backend.
        backend: BackendId,
        /// The account.
        account: String,
        /// The holding.
        holding: HoldingNo,
        /// Who pays for which days, as it is stored.
        stored: String,
        /// As it should be.
        journal: String,
    },
    /// A threshold is crossed, or not, otherwise than the journal says.
    #[error(
        "{backend} {account}, {meter} at {threshold} percent: the store has {stored}, the journal says {journal}"
    )]
    Crossing {
        /// The backend.
        backend: BackendId,
        /// The account.
        account: String,
        /// The meter.
        meter: Meter,
        /// The threshold in percent.
        threshold: u32,
        /// What is stored.
        stored: String,
        /// What it should be.
        journal: String,
    },
    /// Another stored row is not what the journal derives: what is believed, whose lives and holdings there are.
    #[error("{backend} {row}")]
    Row {
        /// The backend.
        backend: BackendId,
        /// The row, whom it is about, what is stored and what the journal says.
        row: Repaired,
    },
    /// A stored day or month is not what the journal says.
    #[error("{backend} {account} {meter} {when}: the store has {stored}, the journal says {journal}")]
    Sum {
        /// The backend.
        backend: BackendId,
        /// The account, as it is called among the lives of its name.
        account: String,
        /// The meter.
        meter: Meter,
        /// The day, or the month where days or entries are folded.
        when: String,
        /// What is stored.
        stored: String,
        /// What it should be.
        journal: String,
    },
}

impl Difference {
    /// Whether rows are other than a chain that holds says, so that they can be derived from it again.
    pub fn is_of_rows(&self) -> bool {
        !matches!(self, Difference::Chain(_) | Difference::Fold { .. })
    }
}

/// Holdings by their numbers, each with the name of its account.
pub(super) type Holdings = BTreeMap<HoldingNo, String>;

/// Who pays for which days of a holding.
type Owners = Vec<(UsageDay, Owner)>;

/// What is known of some holdings: months of what was folded, days of the rest, and who pays.
#[derive(Default)]
pub(super) struct Known {
    pub months: BTreeMap<(HoldingNo, Meter, Month), MonthSum>,
    pub days: BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>,
    owners: HashMap<HoldingNo, Owners>,
    crossings: CrossingMap,
}

/// Days and months that were held against the journal.
#[derive(Default)]
struct HeldSums {
    sums: u64,
    /// Whether something is of holdings that the journal does not know.
    has_strangers: bool,
}

/// What is stored of some holdings.
struct Stored {
    /// By part of each holding.
    months: BTreeMap<(HoldingNo, Meter, Month), BTreeMap<usize, MonthSum>>,
    days: BTreeMap<(HoldingNo, Meter, UsageDay), MonthSum>,
    owners: HashMap<HoldingNo, Owners>,
    crossings: CrossingMap,
    /// Days before this one are not kept.
    kept_from: UsageDay,
}

impl Store {
    /// Goes through a backend's whole journal and holds every stored row against it; the first difference is told. Sees
    /// one moment of the database, whoever writes meanwhile. What is believed is settled again by `rules`.
    pub async fn verify(
        &self,
        backend: &BackendId,
        rules: &Rules,
    ) -> Result<Result<Verified, Difference>, StoreError> {
        let mut tx = self.begin_read().await?;
        self.verify_in(&mut tx, backend, rules).await
    }

    /// The same in a transaction that has begun.
    pub(super) async fn verify_in(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        rules: &Rules,
    ) -> Result<Result<Verified, Difference>, StoreError> {
        let mut verified = Verified::default();
        let folds = match self.verify_links(on, backend, &mut verified).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(difference)),
        };
        let sql = "SELECT number, days_from FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(Ok(verified)) };
        let mut columns = Columns::of(row);
        let (ids, kept_from) = (Ids { backend: columns.int()? }, columns.day()?);
        let upto = folds.last().map_or(0, |head| head.upto);
        let derived = self.derived(on, backend, upto, rules).await?;
        let sums = self.verify_sums(on, backend, (ids, kept_from), &folds, &derived).await;
        let mut with_sums = true;
        let unreadable = match sums {
            Ok(Ok(held)) => {
                verified.sums = held.sums;
                with_sums = held.has_strangers;
                None
            }
            Ok(Err(difference)) => return Ok(Err(difference)),
            // Not even a value of its kind: the rows say which.
            Err(error @ StoreError::Corrupt { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        let (folds, most) = (if with_sums { Some(&folds[..]) } else { None }, 1);
        let unlike = self.rows_unlike(on, backend, (ids, 0), &derived, folds, most).await?;
        if let Some(one) = unlike.first() {
            return Ok(Err(Difference::of_row(backend, one)));
        }
        if let Some(error) = unreadable {
            return Err(error);
        }
        if let Some(one) = self.next_unlike(on, backend, &derived).await? {
            return Ok(Err(Difference::of_row(backend, &one)));
        }
        if let Some(difference) = self.kept_too_late(on, backend, kept_from, rules).await? {
            return Ok(Err(difference));
        }
        Ok(Ok(verified))
    }

    /// Days are folded into months when polls were committed that came later: none is said not to be kept before.
    async fn kept_too_late(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        kept_from: UsageDay,
        rules: &Rules,
    ) -> Result<Option<Difference>, StoreError> {
        let found = rows(on, self.dialect, "SELECT MAX(succeeded_at) FROM backend", []).await?;
        let newest = found.first().map(|row| Columns::of(row).maybe_time()).transpose()?.flatten();
        let latest = newest.map_or(UsageDay::FIRST, |newest| rules.zone.day_of(latest_prune(newest)));
        let row = Repaired {
            account: None,
            table: "backend",
            row: "days_from".into(),
            how: format!(
                "says that days before {kept_from} are not kept, which no poll before {latest} can have led to"
            ),
        };
        Ok((kept_from > latest).then(|| Difference::Row { backend: backend.clone(), row }))
    }

    /// Goes along folds and entries; tells the folds of a journal that holds.
    pub(super) async fn verify_links(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        verified: &mut Verified,
    ) -> Result<Result<Vec<Head>, Difference>, StoreError> {
        let folds = match self.verify_folds(on, backend).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(difference)),
        };
        verified.folds = folds.len() as u64;
        Ok(match self.verify_chain(on, backend, folds.last(), &mut verified.keyed).await? {
            Ok(entries) => {
                verified.entries = entries;
                Ok(folds)
            }
            Err(broken) => Err(broken.into()),
        })
    }

    /// Holds days and months, who pays for them, and what is crossed, against the recorded effects of the entries.
    async fn verify_sums(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        (ids, kept_from): (Ids, UsageDay),
        folds: &[Head],
        derived: &Derived,
    ) -> Result<Result<HeldSums, Difference>, StoreError> {
        let upto = folds.last().map_or(0, |head| head.upto);
        let believed = self.owners_at(on, backend, upto).await?;
        let crossed = self.crossings_at(on, backend, upto).await?;
        let all: Vec<(HoldingNo, String)> = titles(&derived.book).into_iter().collect();
        let mut held = HeldSums::default();
        for ((from, to), some) in ranges(ids, &all, |(no, _)| ids.holding(*no)) {
            let mut stored = self.stored(on, from, to - 1, kept_from).await?;
            let holdings: Holdings = some.iter().cloned().collect();
            // What is of no holding that the journal knows is named by its row.
            held.has_strangers |= stored.retain(&holdings);
            if holdings.is_empty() {
                continue;
            }
            let mut said = Known::default();
            for no in holdings.keys() {
                said.owners.extend(believed.get(no).map(|owners| (*no, owners.clone())));
            }
            said.cross(&crossed, &holdings);
            self.said(on, backend, folds, upto, &holdings, &mut said).await?;
            match compare(backend, &holdings, said, &stored) {
                Ok(found) => held.sums += found,
                Err(difference) => return Ok(Err(*difference)),
            }
        }
        Ok(Ok(held))
    }

    /// Who paid for what after the last entry that was folded.
    async fn owners_at(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        upto: i64,
    ) -> Result<HashMap<HoldingNo, Owners>, StoreError> {
        if upto == 0 {
            return Ok(HashMap::new());
        }
        let book = self.folded_book(on, backend, upto).await?;
        let holdings = book.lives.values().flat_map(|life| &life.holdings);
        let parts = holdings
            .map(|one| (one.no, one.parts.iter().map(|part| (part.since, part.owner.clone())).collect()));
        Ok(parts.collect())
    }

    async fn verify_folds(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<Result<Vec<Head>, Difference>, StoreError> {
        let number = self.number_of(on, backend).await?;
        let heads = self.fold_heads(on, backend).await?;
        let mut before = String::new();
        for (index, head) in heads.iter().enumerate() {
            let broken = |trouble| Difference::Fold { backend: backend.clone(), upto: head.upto, trouble };
            let Some(link) = self.seal.link(head.seal, &[head.text(&before, number).as_bytes()]) else {
                return Ok(Err(broken(NO_KEY)));
            };
            if link != head.hash {
                return Ok(Err(broken("was changed after it was written, or the one before it is missing")));
            }
            let sums = self.fold_part(on, backend, head.upto, "sums").await?;
            if sha256(&sums) != head.sums_hash {
                return Ok(Err(broken("has other sums than it was signed with")));
            }
            if index + 1 == heads.len()
                && sha256(&self.fold_part(on, backend, head.upto, "book").await?) != head.book_hash
            {
                return Ok(Err(broken("has other beliefs than it was signed with")));
            }
            before.clone_from(&head.hash);
        }
        Ok(Ok(heads))
    }

    async fn verify_chain(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        fold: Option<&Head>,
        keyed: &mut Vec<KeyedFrom>,
    ) -> Result<Result<u64, ChainBreak>, StoreError> {
        if let Some(fold) = fold {
            KeyedFrom::take(keyed, 1, self.seal.is_keyed(fold.seal));
        }
        let number = self.number_of(on, backend).await?;
        let mut links =
            Links::new(backend, number, &self.seal, fold.map(|head| (head.upto, head.chain.clone())));
        let mut entries = 0;
        loop {
            let raw = self.raw_entries(on, backend, links.last.0 + 1, ENTRIES_AT_ONCE).await?;
            if raw.is_empty() {
                break;
            }
            for raw in &raw {
                if let Err(broken) = links.next(raw) {
                    return Ok(Err(broken));
                }
                KeyedFrom::take(keyed, raw.entry, self.seal.is_keyed(raw.seal));
            }
            entries += raw.len() as u64;
        }
        let sql = "SELECT entries, chain FROM backend WHERE name = ?";
        let found = rows(on, self.dialect, sql, [backend.as_str().into()]).await?;
        let Some(row) = found.first() else { return Ok(Ok(entries)) };
        let mut columns = Columns::of(row);
        let (written, chain) = (columns.int()?, columns.text()?);
        // Entries after a hole are not found by number: what was written last says how far they go.
        Ok(match links.last {
            (last, _) if last != written => Err(links.missing(last + 1)),
            (_, link) if link != chain => Err(ChainBreak {
                backend: backend.clone(),
                entry: written,
                trouble: "has another link than the backend's row remembers",
            }),
            _ => Ok(entries),
        })
    }

    /// What folds and entries say of some holdings.
    pub(super) async fn said(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        folds: &[Head],
        upto: i64,
        of: &Holdings,
        said: &mut Known,
    ) -> Result<(), StoreError> {
        for head in folds {
            let body = self.fold_part(on, backend, head.upto, "sums").await?;
            let sums: Result<MonthSums, String> = unpack(&body).and_then(sums_of);
            let sums = sums.map_err(|error| StoreError::corrupt(error, "the sums of a fold"))?;
            for (key, sum) in sums.into_iter().filter(|((holding, ..), _)| of.contains_key(holding)) {
                said.months.entry(key).or_default().join(&sum);
            }
        }
        let taken = self.taken_back(on, backend).await?;
        let mut first = upto + 1;
        loop {
            let raw = self.raw_entries(on, backend, first, ENTRIES_AT_ONCE).await?;
            let Some(last) = raw.last().map(|raw| raw.entry) else { return Ok(()) };
            for raw in &raw {
                said.take_in(&raw.entry(&taken)?, of);
            }
            first = last + 1;
        }
    }

    /// What is stored of the holdings with ids from `first` to `last`.
    async fn stored(
        &self,
        on: &mut AnyConnection,
        first: i64,
        last: i64,
        kept_from: UsageDay,
    ) -> Result<Stored, StoreError> {
        let range = || [Cell::from(first), last.into()];
        let (months, days, owners) = (BTreeMap::new(), BTreeMap::new(), HashMap::new());
        let mut stored = Stored { months, days, owners, crossings: CrossingMap::new(), kept_from };
        let columns = day_point::of(Nature::Flow).columns("d");
        let sql = format!("SELECT {columns} FROM day_point d WHERE d.holding >= ? AND d.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, meter, day, change) = day_point::row(&mut Columns::of(&row))?;
            stored.days.entry((holding, meter, day)).or_default().add(day, &change);
        }
        let columns = month_sum::of(Nature::Flow).columns("m");
        let sql = format!("SELECT {columns} FROM month_sum m WHERE m.holding >= ? AND m.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let ((holding, part, month, meter), sum, last_day) = month_sum::row(&mut Columns::of(&row))?;
            let (added, level) = match meter.nature() {
                Nature::Flow => (sum.amount.wide(), None),
                Nature::Level => (0, Some((last_day, sum.amount))),
            };
            let (held, covered) = (sum.held, sum.covered);
            let sum = MonthSum { added, estimated: sum.estimated.wide(), level, held, covered };
            stored.months.entry((holding, meter, month)).or_default().insert(part, sum);
        }
        let columns = holding::PART.columns("p");
        let sql = format!(
            "SELECT {columns} FROM holding_part p WHERE p.holding >= ? AND p.holding <= ?
            ORDER BY p.holding, p.part"
        );
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, part, since, owner) = holding::part_row(&mut Columns::of(&row))?;
            let owners = stored.owners.entry(holding).or_default();
            if part != owners.len() {
                return Err(StoreError::corrupt(format!("part {part}"), "the next part of a holding"));
            }
            owners.push((since, owner));
        }
        let columns = crossing::CROSSING.columns("c");
        let sql = format!("SELECT {columns} FROM crossing c WHERE c.holding >= ? AND c.holding <= ?");
        for row in rows(on, self.dialect, &sql, range()).await? {
            let (holding, (meter, threshold), crossing) = crossing::row(&mut Columns::of(&row))?;
            stored.crossings.insert((holding, meter, threshold), crossing);
        }
        Ok(stored)
    }
}

impl Difference {
    pub(super) fn of_row(backend: &BackendId, one: &RowUnlike) -> Difference {
        Difference::Row { backend: backend.clone(), row: Repaired::of(one) }
    }
}

/// Every holding there ever was, with its account's name among the lives of that name.
fn titles(book: &Book) -> Holdings {
    let lives = book.lives.iter().flat_map(|(no, life)| {
        let account = life.label(book.names.get(&life.name) == Some(no));
        life.holdings.iter().map(move |holding| (holding.no, account.clone()))
    });
    lives.collect()
}

impl Stored {
    /// Only what is of these; tells whether there was more.
    fn retain(&mut self, of: &Holdings) -> bool {
        let count = |all: &Stored| all.months.len() + all.days.len() + all.owners.len() + all.crossings.len();
        let before = count(self);
        self.months.retain(|(no, ..), _| of.contains_key(no));
        self.days.retain(|(no, ..), _| of.contains_key(no));
        self.owners.retain(|no, _| of.contains_key(no));
        self.crossings.retain(|(no, ..), _| of.contains_key(no));
        count(self) < before
    }
}

impl Known {
    fn take_in(&mut self, entry: &JournalEntry, of: &Holdings) {
        if entry.taken_back_by.is_some() {
            return;
        }
        for change in &entry.lives {
            if let LifeEvent::Born { holding, .. } = &change.event {
                self.own(*holding, vec![(UsageDay::FIRST, Owner::Nobody)], of);
            }
        }
        for made in &entry.made {
            for ((holding, day), change) in made.days.iter().filter(|((no, _), _)| of.contains_key(no)) {
                self.days.entry((*holding, made.meter, *day)).or_default().add(*day, change);
            }
        }
        if let Some(Correction::Renumbered(renumbering)) = &entry.corrected {
            let owners = self.owners.values_mut().flatten().map(|(_, owner)| owner);
            owners.for_each(|owner| *owner = renumbering.owner(owner));
        }
        self.cross(&entry.crossings, of);
        for change in &entry.owners {
            match change {
                OwnerChange::Opened { holding, owner, .. } => {
                    self.own(*holding, vec![(UsageDay::FIRST, owner.clone())], of);
                }
                OwnerChange::Parted { holding, parts, .. } => {
                    let parts = parts.iter().map(|part| (part.since, part.owner.clone()));
                    self.own(*holding, parts.collect(), of);
                }
            }
        }
    }

    fn cross(&mut self, crossings: &CrossingMap, of: &Holdings) {
        let some = crossings.iter().filter(|((holding, ..), _)| of.contains_key(holding));
        self.crossings.extend(some.map(|(key, crossing)| (*key, *crossing)));
    }

    fn own(&mut self, holding: HoldingNo, owners: Owners, of: &Holdings) {
        if of.contains_key(&holding) {
            self.owners.insert(holding, owners);
        }
    }

    /// What the journal says of whole months: of each its folded sum and its days together.
    fn whole_months(&self) -> BTreeMap<(HoldingNo, Meter, Month), MonthSum> {
        let mut months = self.months.clone();
        for ((holding, meter, day), sum) in &self.days {
            months.entry((*holding, *meter, day.month())).or_default().join(sum);
        }
        months
    }
}

/// Holds what is stored against what was said: who pays; every day that both sides have; every month, and where
/// it has all its days what each payer has of it.
fn compare(
    backend: &BackendId,
    names: &Holdings,
    said: Known,
    stored: &Stored,
) -> Result<u64, Box<Difference>> {
    let name = |holding: HoldingNo| names.get(&holding).cloned().unwrap_or_default();
    for holding in names.keys() {
        let (journal, found) = (said.owners.get(holding), stored.owners.get(holding));
        if journal != found {
            return Err(Box::new(Difference::Owner {
                backend: backend.clone(),
                account: name(*holding),
                holding: *holding,
                stored: owned(found),
                journal: owned(journal),
            }));
        }
    }
    let crossings: BTreeSet<_> = said.crossings.keys().chain(stored.crossings.keys()).collect();
    for key @ (holding, meter, threshold) in crossings {
        let (journal, found) = (said.crossings.get(key), stored.crossings.get(key));
        if journal != found {
            return Err(Box::new(Difference::Crossing {
                backend: backend.clone(),
                account: name(*holding),
                meter: *meter,
                threshold: *threshold,
                stored: crossings::said(found),
                journal: crossings::said(journal),
            }));
        }
    }
    let difference = |(holding, meter), when: String, said: Option<&MonthSum>, found: Option<&MonthSum>| {
        let (stored, journal) = (told(meter, found), told(meter, said));
        let (backend, account) = (backend.clone(), name(holding));
        Err(Box::new(Difference::Sum { backend, account, meter, when, stored, journal }))
    };
    let folded: BTreeSet<_> = said.months.keys().copied().collect();
    let is_whole = |(holding, meter, day): &(HoldingNo, Meter, UsageDay)| {
        !folded.contains(&(*holding, *meter, day.month()))
    };
    // Days that are not kept any more need not be there; one that is there is held against the journal all the same.
    let kept = said.days.keys().filter(|(.., day)| *day >= stored.kept_from);
    let days: BTreeSet<_> = kept.chain(stored.days.keys()).filter(|key| is_whole(key)).collect();
    for key @ (holding, meter, day) in &days {
        let (said, found) = (said.days.get(key), stored.days.get(key));
        if !same(*meter, said, found) {
            return difference((*holding, *meter), day.to_string(), said, found);
        }
    }
    let whole = said.whole_months();
    let months: BTreeSet<_> = whole.keys().chain(stored.months.keys()).collect();
    for key @ (holding, meter, month) in &months {
        let mut found: Option<MonthSum> = None;
        for part in stored.months.get(key).into_iter().flat_map(BTreeMap::values) {
            found.get_or_insert_default().join(part);
        }
        let said_whole = whole.get(key);
        if !same(*meter, said_whole, found.as_ref()) {
            return difference((*holding, *meter), month.to_string(), said_whole, found.as_ref());
        }
        let owners = stored.owners.get(holding).map(Vec::as_slice).unwrap_or_default();
        let parts = stored.months.get(key).and_then(BTreeMap::last_key_value);
        if let Some((part, sum)) = parts.filter(|(part, _)| **part >= owners.len()) {
            let when = format!("{month}, part {part} of {}", owners.len());
            return difference((*holding, *meter), when, None, Some(sum));
        }
        let period = month.period();
        if folded.contains(key) && month.first() >= stored.kept_from {
            // What passed on which of its days is folded; together they are the month all the same.
            let mut days = MonthSum::default();
            let range = (*holding, *meter, period.first())..(*holding, *meter, period.next());
            stored.days.range(range).for_each(|(_, day)| days.join(day));
            if !same(*meter, said_whole, Some(&days)) {
                let when = format!("days of {month}");
                return difference((*holding, *meter), when, said_whole, Some(&days));
            }
        }
        if owners.len() < 2 || month.first() < stored.kept_from || folded.contains(key) {
            continue;
        }
        let mut parts: BTreeMap<usize, MonthSum> = BTreeMap::new();
        for ((.., day), sum) in
            said.days.range((*holding, *meter, period.first())..(*holding, *meter, period.next()))
        {
            let part = owners.iter().rposition(|(since, _)| since <= day).unwrap_or(0);
            parts.entry(part).or_default().join(sum);
        }
        for (part, (since, owner)) in owners.iter().enumerate() {
            let (said, found) = (parts.get(&part), stored.months.get(key).and_then(|parts| parts.get(&part)));
            if !same(*meter, said, found) {
                let when = format!("{month} of {owner} from {since} on");
                return difference((*holding, *meter), when, said, found);
            }
        }
    }
    Ok((days.len() + months.len()) as u64)
}

fn owned(owners: Option<&Owners>) -> String {
    let Some(owners) = owners else { return "nobody at all".into() };
    let part = |(since, owner): &(UsageDay, Owner)| match *since {
        UsageDay::FIRST => owner.to_string(),
        since => format!("from {since} on {owner}"),
    };
    owners.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn same(meter: Meter, said: Option<&MonthSum>, stored: Option<&MonthSum>) -> bool {
    let [said, stored] = [said, stored].map(|sum| {
        let sum = sum.copied().unwrap_or_default();
        (sum.amount(meter), sum.estimated, sum.held, sum.covered)
    });
    said == stored
}

fn told(meter: Meter, sum: Option<&MonthSum>) -> String {
    let Some(sum) = sum else { return "nothing".into() };
    let (amount, covered) = (sum.amount(meter), sum.covered.get());
    let mut text = format!("{amount} B over {covered} min");
    if sum.estimated != 0 {
        text.push_str(&format!(", {} B of it estimated", sum.estimated));
    }
    if sum.held.get() != 0 {
        text.push_str(&format!(", {} byte-minutes", sum.held.get()));
    }
    text
}
