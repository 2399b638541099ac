//! Whether the journal holds, and whether the stored days are what it says they are.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::super::sql::{Cell, Columns, rows};
use super::super::{Store, StoreError};
use super::body::unpack;
use super::fold::{Head, sha256};
use super::sums::{MonthSum, MonthSums, sums_of};
use super::{ChainBreak, ENTRIES_AT_ONCE, JournalEntry, Links};
use crate::domain::{AccountName, BackendId, Bytes, Meter, Month, UsageDay};

/// A journal that holds, and days that are what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries gone through.
    pub entries: u64,
    /// Folds gone through.
    pub folds: u64,
    /// Days and folded months held against it.
    pub sums: u64,
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
    /// A stored day or month is not what the journal says.
    #[error("{backend} {account} {meter} {when}: the store has {stored}, the journal says {journal}")]
    Sum {
        /// The backend.
        backend: BackendId,
        /// The account.
        account: AccountName,
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

/// How many accounts are held against the journal at once: what they made must fit into memory.
const ACCOUNTS_AT_ONCE: i64 = 5000;

type Key = (AccountName, Meter);

/// What is known of some accounts: month by month of what was folded, day by day of the rest.
#[derive(Default)]
struct Known {
    months: BTreeMap<(AccountName, Meter, Month), MonthSum>,
    days: BTreeMap<(AccountName, Meter, UsageDay), MonthSum>,
}

impl Store {
    /// Goes through a backend's whole journal and holds every stored day against it; the first
    /// difference is told. Sees one moment of the database, whoever writes meanwhile.
    pub async fn verify(&self, backend: &BackendId) -> Result<Result<Verified, Difference>, StoreError> {
        let mut tx = self.readers.begin_with(self.dialect.begin_snapshot()).await?;
        let mut verified = Verified::default();
        let folds = match self.verify_folds(&mut tx, backend).await? {
            Ok(folds) => folds,
            Err(difference) => return Ok(Err(difference)),
        };
        verified.folds = folds.len() as u64;
        match self.verify_chain(&mut tx, backend, folds.last()).await? {
            Ok(entries) => verified.entries = entries,
            Err(broken) => return Ok(Err(broken.into())),
        }
        let upto = folds.last().map_or(0, |head| head.upto);
        let mut from = 0;
        loop {
            let accounts = self.some_accounts(&mut tx, backend, from).await?;
            let Some(last) = accounts.keys().next_back().copied() else { break };
            let names: BTreeSet<AccountName> = accounts.into_values().collect();
            let said = self.said(&mut tx, backend, &folds, upto, &names).await?;
            let stored = self.stored(&mut tx, backend, from, last).await?;
            match compare(backend, said, stored) {
                Ok(sums) => verified.sums += sums,
                Err(difference) => return Ok(Err(*difference)),
            }
            from = last + 1;
        }
        Ok(Ok(verified))
    }

    async fn verify_folds(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
    ) -> Result<Result<Vec<Head>, Difference>, StoreError> {
        let heads = self.fold_heads(on, backend).await?;
        let mut before = String::new();
        for (index, head) in heads.iter().enumerate() {
            let broken = |trouble| Difference::Fold { backend: backend.clone(), upto: head.upto, trouble };
            if head.link(&before, backend) != head.hash {
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
    ) -> Result<Result<u64, ChainBreak>, StoreError> {
        let mut links = Links::new(backend, fold.map(|head| (head.upto, head.chain.clone())));
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

    /// Some accounts of a backend by their ids, from `from` on.
    async fn some_accounts(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        from: i64,
    ) -> Result<BTreeMap<i64, AccountName>, StoreError> {
        let sql = "SELECT id, name FROM account WHERE backend = ? AND id >= ? ORDER BY id LIMIT ?";
        let cells: [Cell; 3] = [backend.as_str().into(), from.into(), ACCOUNTS_AT_ONCE.into()];
        let account = |row| {
            let mut columns = Columns::of(row);
            let (id, name) = (columns.int()?, columns.text()?);
            let name = AccountName::new(&name).map_err(|error| StoreError::corrupt(error, "an account"))?;
            Ok((id, name))
        };
        rows(on, self.dialect, sql, cells).await?.iter().map(account).collect()
    }

    /// What folds and entries say of some accounts.
    async fn said(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        folds: &[Head],
        upto: i64,
        names: &BTreeSet<AccountName>,
    ) -> Result<Known, StoreError> {
        let mut said = Known::default();
        for head in folds {
            let body = self.fold_part(on, backend, head.upto, "sums").await?;
            let sums: Result<MonthSums, String> = unpack(&body).and_then(sums_of);
            let sums = sums.map_err(|error| StoreError::corrupt(error, "the sums of a fold"))?;
            for (key, sum) in sums.into_iter().filter(|((account, ..), _)| names.contains(account)) {
                said.months.entry(key).or_default().join(&sum);
            }
        }
        let mut first = upto + 1;
        loop {
            let raw = self.raw_entries(on, backend, first, ENTRIES_AT_ONCE).await?;
            let Some(last) = raw.last().map(|raw| raw.entry) else { return Ok(said) };
            for raw in &raw {
                said.take_in(&raw.entry()?, names);
            }
            first = last + 1;
        }
    }

    /// What is stored of the accounts with ids from `first` to `last`.
    async fn stored(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        first: i64,
        last: i64,
    ) -> Result<Known, StoreError> {
        let range = || [Cell::from(backend.as_str()), first.into(), last.into()];
        let mut stored = Known::default();
        let sql =
            "SELECT a.name, s.meter, d.amount, d.estimated, d.held_peta, d.held_rest, d.covered, d.day, d.day
            FROM account a JOIN series s ON s.account = a.id JOIN day_point d ON d.series = s.id
            WHERE a.backend = ? AND a.id >= ? AND a.id <= ?";
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let ((account, meter), sum) = sum_columns(&mut columns)?;
            stored.days.insert((account, meter, columns.day()?), sum);
        }
        let sql =
            "SELECT a.name, s.meter, m.amount, m.estimated, m.held_peta, m.held_rest, m.covered, m.last_day,
            m.month FROM account a JOIN series s ON s.account = a.id JOIN month_total m ON m.series = s.id
            WHERE a.backend = ? AND a.id >= ? AND a.id <= ?";
        for row in rows(on, self.dialect, sql, range()).await? {
            let mut columns = Columns::of(&row);
            let ((account, meter), sum) = sum_columns(&mut columns)?;
            stored.months.insert((account, meter, columns.month()?), sum);
        }
        Ok(stored)
    }
}

/// Reads name, meter, amount, estimated, held, covered and day.
fn sum_columns(columns: &mut Columns<'_>) -> Result<(Key, MonthSum), StoreError> {
    let name =
        AccountName::new(&columns.text()?).map_err(|error| StoreError::corrupt(error, "an account"))?;
    let meter: Meter = columns.text()?.parse().map_err(|error| StoreError::corrupt(error, "a meter"))?;
    let (amount, estimated): (Bytes, Bytes) = (columns.bytes()?, columns.bytes()?);
    let (held, covered, day) = (columns.held()?, columns.minutes()?, columns.day()?);
    let mut sum = MonthSum { estimated: estimated.wide(), held, covered, ..MonthSum::default() };
    match meter.nature() {
        crate::domain::Nature::Flow => sum.added = amount.wide(),
        crate::domain::Nature::Level => sum.level = Some((day, amount)),
    }
    Ok(((name, meter), sum))
}

impl Known {
    fn take_in(&mut self, entry: &JournalEntry, names: &BTreeSet<AccountName>) {
        for made in entry.made.iter().filter(|made| names.contains(&made.account)) {
            for (day, change) in &made.days {
                let key = (made.account.clone(), made.meter, *day);
                self.days.entry(key).or_default().add(*day, change);
            }
        }
    }

    /// Sums the days of every month that `folded` names into the month.
    fn fold(&mut self, folded: &BTreeSet<(AccountName, Meter, Month)>) {
        let days = std::mem::take(&mut self.days);
        for ((account, meter, day), sum) in days {
            let month = (account, meter, day.month());
            if folded.contains(&month) {
                self.months.entry(month).or_default().join(&sum);
            } else {
                self.days.insert((month.0, meter, day), sum);
            }
        }
    }
}

/// Holds what is stored against what was said: days where both sides have them, else their months.
fn compare(backend: &BackendId, mut said: Known, mut stored: Known) -> Result<u64, Box<Difference>> {
    let folded: BTreeSet<_> = said.months.keys().chain(stored.months.keys()).cloned().collect();
    said.fold(&folded);
    stored.fold(&folded);
    let sums = (stored.days.len() + stored.months.len()) as u64;
    let difference =
        |(account, meter): Key, when: String, said: Option<&MonthSum>, found: Option<&MonthSum>| {
            let (stored, journal) = (told(meter, found), told(meter, said));
            Err(Box::new(Difference::Sum { backend: backend.clone(), account, meter, when, stored, journal }))
        };
    let days: BTreeSet<_> = said.days.keys().chain(stored.days.keys()).collect();
    for key @ (account, meter, day) in days {
        let (said, found) = (said.days.get(key), stored.days.get(key));
        if !same(*meter, said, found) {
            return difference((account.clone(), *meter), day.to_string(), said, found);
        }
    }
    for key @ (account, meter, month) in &folded {
        let (said, found) = (said.months.get(key), stored.months.get(key));
        if !same(*meter, said, found) {
            return difference((account.clone(), *meter), month.to_string(), said, found);
        }
    }
    Ok(sums)
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
