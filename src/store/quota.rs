//! What quota decided: loaded for the next decision, and put in with the poll it was decided in.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use super::book::{KnownAccount, Loaded};
use super::commit::Poll;
use super::dialect::Merge::Replace;
use super::outbox::{letter_cells, switch_cells};
use super::sql::{Cell, Columns, Upsert, rows, run};
use super::standing::policy;
use super::{Store, StoreError};
use crate::domain::{AccountName, BackendId, Meter, Policy, Timestamp};
use crate::quota::{Channel, Crossing, Crossings, Hold, Pin, Verdict};

impl Store {
    pub(super) async fn load_crossings(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let sql = "SELECT a.name, c.meter, c.threshold, c.episode, c.since, c.month, c.reminded
            FROM crossing c JOIN account a ON a.id = c.account WHERE a.backend = ?";
        let mut crossings: HashMap<AccountName, Crossings> = HashMap::new();
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let (name, meter, threshold) =
                (account(&columns.text()?)?, meter(&columns.text()?)?, columns.small()?);
            let crossing = Crossing {
                episode: columns.small()?,
                since: columns.maybe_time()?,
                month: columns.maybe_month()?,
                reminded: columns.small()?,
            };
            crossings.entry(name).or_default().insert((meter, threshold), crossing);
        }
        loaded.crossings = crossings;
        Ok(())
    }

    /// Reads which policies are wanted, and how far that has come; also which policy each of these
    /// accounts showed last, because a switch that was read back is news of it.
    pub(super) async fn load_holds(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let sql = "SELECT a.name, a.policy, p.wanted, p.number, p.confirmed, p.confirmed_at, p.left_alone,
            p.pinned, p.pinned_until FROM policy p JOIN account a ON a.id = p.account WHERE a.backend = ?";
        loaded.holds.clear();
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let (name, shown) = (account(&columns.text()?)?, policy(columns.maybe_text()?)?);
            let hold = hold(&mut columns)?;
            if let Some(known) = loaded.accounts.get_mut(&name) {
                known.standing.policy = shown;
            }
            loaded.holds.insert(name, hold);
        }
        Ok(())
    }

    /// Puts in what a poll decided: states, and the promises that follow from them.
    pub(super) async fn put_verdicts(
        &self,
        on: &mut AnyConnection,
        known: &BTreeMap<AccountName, KnownAccount>,
        loaded: &Loaded,
        poll: &Poll<'_>,
    ) -> Result<(), StoreError> {
        let verdicts = &poll.judged.decided.verdicts;
        if verdicts.is_empty() {
            return Ok(());
        }
        let mut numbered = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let account = known.get(&verdict.account).or_else(|| loaded.accounts.get(&verdict.account));
            let account = account.ok_or_else(|| StoreError::corrupt(&verdict.account, "a known account"))?;
            numbered.push((account.id, verdict));
        }
        self.put_crossings(on, loaded, &numbered).await?;
        self.put_holds(on, loaded, &numbered).await?;
        self.put_promises(on, poll.at, verdicts, poll.judged.channels).await
    }

    async fn put_crossings(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        verdicts: &[(i64, &Verdict)],
    ) -> Result<(), StoreError> {
        let mut cells: Vec<[Cell; 7]> = Vec::new();
        for (account, verdict) in verdicts {
            let before = loaded.crossings.get(&verdict.account);
            for (key, crossing) in verdict.crossings.iter() {
                if before.and_then(|before| before.get(key)) != Some(crossing) {
                    let (meter, threshold) = key;
                    cells.push([
                        (*account).into(),
                        meter.name().into(),
                        i64::from(*threshold).into(),
                        i64::from(crossing.episode).into(),
                        crossing.since.into(),
                        crossing.month.map(|month| month.number()).into(),
                        i64::from(crossing.reminded).into(),
                    ]);
                }
            }
        }
        let rest = ["episode", "since", "month", "reminded"].map(|name| (name, Replace));
        Upsert { table: "crossing", keys: &["account", "meter", "threshold"], rest: &rest }
            .put(on, self.dialect, cells)
            .await
    }

    async fn put_holds(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        verdicts: &[(i64, &Verdict)],
    ) -> Result<(), StoreError> {
        let moved = verdicts.iter().filter(|(_, verdict)| {
            let before = loaded.holds.get(&verdict.account).copied().unwrap_or_default();
            (before.wanted, before.number) != (verdict.hold.wanted, verdict.hold.number)
        });
        let moved: Vec<&(i64, &Verdict)> = moved.collect();
        let cells = moved.iter().map(|(account, verdict)| {
            let hold = verdict.hold;
            [(*account).into(), hold.wanted.name().into(), i64::from(hold.number).into()]
        });
        let rest = ["wanted", "number"].map(|name| (name, Replace));
        Upsert { table: "policy", keys: &["account"], rest: &rest }
            .put(on, self.dialect, cells.collect::<Vec<[Cell; 3]>>())
            .await?;
        // Nothing to be done at the panel: it is so already.
        for (account, verdict) in moved.iter().filter(|(_, verdict)| verdict.switch.is_none()) {
            let sql =
                "UPDATE policy SET confirmed = number, confirmed_at = ?, left_alone = NULL, memory = NULL
                WHERE account = ?";
            run(on, self.dialect, sql, [verdict.hold.confirmed_at.into(), (*account).into()]).await?;
        }
        Ok(())
    }

    async fn put_promises(
        &self,
        on: &mut AnyConnection,
        at: Timestamp,
        verdicts: &[Verdict],
        channels: &[Channel],
    ) -> Result<(), StoreError> {
        let carried = |verdict: &Verdict| -> usize {
            let letters = verdict.letters.iter();
            letters.map(|letter| channels.iter().filter(|channel| channel.carries(letter)).count()).sum()
        };
        let count = verdicts.iter().map(|one| carried(one) + usize::from(one.switch.is_some())).sum();
        if count == 0 {
            return Ok(());
        }
        let mut next = self.allot(on, "outbox", count).await?;
        let mut number = || {
            next += 1;
            next - 1
        };
        let mut cells = Vec::with_capacity(count);
        for verdict in verdicts {
            let switch = verdict.switch.as_ref().map(|switch| (number(), switch));
            cells.extend(switch.map(|(id, switch)| switch_cells(id, switch)));
            for letter in &verdict.letters {
                for channel in channels.iter().filter(|channel| channel.carries(letter)) {
                    let waits_for = switch.filter(|_| channel.waits(letter.occasion)).map(|(id, _)| id);
                    cells.push(letter_cells(number(), *channel, letter, waits_for, at));
                }
            }
        }
        self.put_entries(on, cells).await
    }
}

/// wanted, number, confirmed, confirmed_at, left_alone, pinned, pinned_until.
pub(super) fn hold(columns: &mut Columns<'_>) -> Result<Hold, StoreError> {
    let wanted = policy(columns.maybe_text()?)?.unwrap_or(Policy::Standard);
    let number = columns.small()?;
    let (confirmed, confirmed_at) = (columns.maybe_int()?, columns.maybe_time()?);
    let left_alone = columns.maybe_text()?.is_some();
    let (pinned, until) = (policy(columns.maybe_text()?)?, columns.maybe_time()?);
    let is_newest = confirmed == Some(i64::from(number));
    Ok(Hold {
        wanted,
        number,
        confirmed_at: confirmed_at.filter(|_| is_newest),
        left_alone: left_alone && is_newest,
        pin: pinned.map(|policy| Pin { policy, until }),
    })
}

pub(super) fn account(name: &str) -> Result<AccountName, StoreError> {
    AccountName::new(name).map_err(|error| StoreError::corrupt(error, "an account's name"))
}

pub(super) fn meter(name: &str) -> Result<Meter, StoreError> {
    name.parse().map_err(|error| StoreError::corrupt(error, "a meter"))
}
