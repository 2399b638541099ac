//! What quota decided: loaded for the next decision, and put in with the poll it was decided in.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::super::dialect::Merge::Replace;
use super::super::journal::CrossingMap;
use super::super::outbox::{notification_cells, switch_cells};
use super::super::sql::{Cell, Columns, Table, rows, run};
use super::super::tables::{crossing, life};
use super::super::{Lease, Store, StoreError};
use super::commit::Poll;
use super::load::Loaded;
use crate::domain::{BackendId, Policy, Timestamp};
use crate::metering::Book;
use crate::quota::{Channel, Hold, Pin, Verdict};

/// The poll's part of the table of policies.
const WANTED: Table = Table {
    name: "policy",
    keys: &["backend", "account"],
    rest: &[("wanted", Replace), ("number", Replace), ("again", Replace)],
};

impl Store {
    pub(super) async fn load_crossings(
        &self,
        on: &mut AnyConnection,
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {} FROM crossing c WHERE c.holding >= ? AND c.holding < ?",
            crossing::CROSSING.columns("c")
        );
        loaded.crossings = HashMap::new();
        for row in rows(on, self.dialect, &sql, loaded.ids.range().map(Cell::from)).await? {
            let (holding, key, crossing) = crossing::row(&mut Columns::of(&row))?;
            loaded.crossings.entry(holding).or_default().insert(key, crossing);
        }
        Ok(())
    }

    /// Reads which policies are wanted, and how far that has come; also which policy each of these
    /// accounts showed last, because a switch that was read back is news of it. Also of a name that no account has just
    /// now: its journal was taken back to before it was seen.
    pub(super) async fn load_holds(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        loaded: &mut Loaded,
    ) -> Result<(), StoreError> {
        let sql = "SELECT p.account, l.policy, p.wanted, p.number, p.again, p.confirmed, p.confirmed_at,
            p.left_alone, p.pinned, p.pinned_until FROM policy p
            LEFT JOIN life l ON l.backend = p.backend AND l.label = p.account WHERE p.backend = ?";
        loaded.holds.clear();
        for row in rows(on, self.dialect, sql, [backend.as_str().into()]).await? {
            let mut columns = Columns::of(&row);
            let (name, shown) = (columns.account()?, life::policy(columns.maybe_text()?)?);
            let hold = hold(&mut columns)?;
            let known = loaded.book.names.get(&name).and_then(|no| loaded.facts.get_mut(no));
            if let Some(known) = known {
                known.policy = shown;
            }
            loaded.holds.insert(name, hold);
        }
        Ok(())
    }

    /// Puts in what a poll decided: states, and the promises that follow from them.
    pub(super) async fn put_verdicts(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        loaded: &Loaded,
        after: &Book,
        poll: &Poll<'_>,
        (crossings, entry): (&CrossingMap, i64),
    ) -> Result<(), StoreError> {
        let verdicts = &poll.judged.decided.verdicts;
        if verdicts.is_empty() {
            return Ok(());
        }
        if let Some(stranger) = verdicts.iter().find(|verdict| !after.names.contains_key(&verdict.account)) {
            return Err(StoreError::corrupt(&stranger.account, "a known account"));
        }
        self.put_crossings(on, loaded, crossings).await?;
        self.put_holds(on, lease, loaded, verdicts).await?;
        self.put_promises(on, loaded, (poll.at, entry), verdicts, poll.judged.channels).await
    }

    async fn put_crossings(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        changed: &CrossingMap,
    ) -> Result<(), StoreError> {
        let cells = changed.iter().map(|((holding, meter, threshold), crossing)| {
            crossing::cells(loaded.ids, *holding, (*meter, *threshold), crossing)
        });
        crossing::CROSSING.put(on, self.dialect, cells.collect::<Vec<_>>()).await
    }

    async fn put_holds(
        &self,
        on: &mut AnyConnection,
        lease: &Lease,
        loaded: &Loaded,
        verdicts: &[Verdict],
    ) -> Result<(), StoreError> {
        let moved = verdicts.iter().filter(|verdict| {
            let before = loaded.holds.get(&verdict.account).copied().unwrap_or_default();
            (before.wanted, before.number) != (verdict.hold.wanted, verdict.hold.number)
        });
        let moved: Vec<&Verdict> = moved.collect();
        let backend = lease.backend.as_str();
        let key = |verdict: &Verdict| [backend.into(), verdict.account.as_str().into()];
        let cells = moved.iter().map(|verdict| {
            let [backend, account] = key(verdict);
            let hold = verdict.hold;
            let (number, again) = (i64::from(hold.number), i64::from(hold.again));
            [backend, account, hold.wanted.name().into(), number.into(), again.into()]
        });
        WANTED.put(on, self.dialect, cells.collect::<Vec<[Cell; 5]>>()).await?;
        // Nothing to be done at the panel: it is so already.
        for verdict in moved.iter().filter(|verdict| verdict.switch.is_none()) {
            let sql =
                "UPDATE policy SET confirmed = number, confirmed_at = ?, left_alone = NULL, memory = NULL
                WHERE backend = ? AND account = ?";
            let [backend, account] = key(verdict);
            run(on, self.dialect, sql, [verdict.hold.confirmed_at.into(), backend, account]).await?;
        }
        Ok(())
    }

    async fn put_promises(
        &self,
        on: &mut AnyConnection,
        loaded: &Loaded,
        (at, entry): (Timestamp, i64),
        verdicts: &[Verdict],
        channels: &[Channel],
    ) -> Result<(), StoreError> {
        let carried = |verdict: &Verdict| -> usize {
            let notifications = verdict.notifications.iter();
            notifications
                .map(|notification| channels.iter().filter(|channel| channel.carries(notification)).count())
                .sum()
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
            let holding = loaded.ids.holding(verdict.holding);
            let switch = verdict.switch.as_ref().map(|switch| (number(), switch));
            cells.extend(switch.map(|(id, switch)| switch_cells(id, switch, holding, entry)));
            for notification in &verdict.notifications {
                for channel in channels.iter().filter(|channel| channel.carries(notification)) {
                    let waits_for = switch.filter(|_| channel.waits(notification.occasion)).map(|(id, _)| id);
                    cells.push(notification_cells(
                        number(),
                        *channel,
                        notification,
                        holding,
                        waits_for,
                        (at, entry),
                    ));
                }
            }
        }
        self.put_entries(on, cells).await
    }
}

/// The crossings that verdicts change, as they are from now on.
pub(super) fn changed_crossings(loaded: &Loaded, verdicts: &[Verdict]) -> CrossingMap {
    let mut changed = CrossingMap::new();
    for verdict in verdicts {
        let before = loaded.crossings.get(&verdict.holding);
        for (key @ (meter, threshold), crossing) in verdict.crossings.iter() {
            if before.and_then(|before| before.get(key)) != Some(crossing) {
                changed.insert((verdict.holding, *meter, *threshold), *crossing);
            }
        }
    }
    changed
}

/// wanted, number, again, confirmed, confirmed_at, left_alone, pinned, pinned_until.
pub(in super::super) fn hold(columns: &mut Columns<'_>) -> Result<Hold, StoreError> {
    let wanted = life::policy(columns.maybe_text()?)?.unwrap_or(Policy::Standard);
    let (number, again) = (columns.small()?, columns.small()?);
    let (confirmed, confirmed_at) = (columns.maybe_int()?, columns.maybe_time()?);
    let left_alone = columns.maybe_text()?.is_some();
    let (pinned, until) = (life::policy(columns.maybe_text()?)?, columns.maybe_time()?);
    let is_newest = confirmed == Some(i64::from(number));
    Ok(Hold {
        wanted,
        number,
        again,
        confirmed_at: confirmed_at.filter(|_| is_newest),
        left_alone: left_alone && is_newest,
        pin: pinned.map(|policy| Pin { policy, until }),
    })
}
