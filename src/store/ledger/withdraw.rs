//! What was promised by polls that are taken back: what is not delivered yet is withdrawn, and what it announced is
//! put back, so that it is reported anew once it is true. What was delivered, or may have been, stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::super::audit::Act;
use super::super::journal::CrossingMap;
use super::super::outbox::{EntryState, POLICY};
use super::super::sql::{Cell, Columns, rows, run};
use super::super::tables::{Ids, crossing, life};
use super::super::write::Write;
use super::super::{Lease, Store, StoreError};
use crate::domain::{AccountKey, AccountName, BackendId, HoldingNo, Meter, Policy, Timestamp};
use crate::metering::Rewind;
use crate::quota::Occasion;

/// What was, or would be, withdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Notifications.
    pub notifications: usize,
    /// Switches.
    pub switches: usize,
}

/// Something that was promised.
pub(in super::super) struct Promised {
    id: i64,
    channel: String,
    /// What it reports; of a switch the policy.
    occasion: String,
    account: AccountName,
    holding: HoldingNo,
    /// What it is about; a switch is about no meter.
    about: Option<(Meter, u32)>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody has tried it: it can be withdrawn.
    Open,
    /// It was delivered, or may have been.
    Made,
    /// It is of no account any more.
    Over,
}

impl Promised {
    fn is_switch(&self) -> bool {
        self.channel == POLICY
    }

    /// Whether it announces a switch, and not only of a threshold.
    fn reports_switch(&self) -> bool {
        let of_switches = [Occasion::Limited, Occasion::Restored, Occasion::Failed];
        of_switches.iter().any(|occasion| occasion.name() == self.occasion)
    }
}

impl Withdrawn {
    pub(in super::super) fn of(promised: &[Promised]) -> Withdrawn {
        let open = promised.iter().filter(|one| one.fate == Fate::Open);
        let (switches, notifications): (Vec<_>, Vec<_>) = open.partition(|one| one.is_switch());
        Withdrawn { notifications: notifications.len(), switches: switches.len() }
    }
}

impl Store {
    /// What was promised after an entry of a backend's journal, in the order it was made.
    pub(in super::super) async fn promised_since(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        entry: i64,
    ) -> Result<Vec<Promised>, StoreError> {
        let sql =
            "SELECT id, channel, occasion, account, holding, meter, threshold, state, tried_at, waits_for
            FROM outbox WHERE backend = ? AND entry > ? ORDER BY id";
        let mut promised: Vec<Promised> = Vec::new();
        for row in &rows(on, self.dialect, sql, [backend.as_str().into(), entry.into()]).await? {
            let mut columns = Columns::of(row);
            let (id, channel, occasion) = (columns.int()?, columns.text()?, columns.text()?);
            let (account, holding) = (columns.account()?, Ids::holding_no(columns.int()?)?);
            let (meter, threshold) = (columns.maybe_text()?, columns.small()?);
            let (state, tried_at, waits_for) = (columns.text()?, columns.maybe_time()?, columns.maybe_int()?);
            // What waits for a switch that is on its way is true once that has come.
            let is_on_its_way = |id| {
                let switch = promised.iter().find(|one| one.id == id);
                switch.is_none_or(|switch| switch.fate != Fate::Open)
            };
            let waits = waits_for.is_some_and(is_on_its_way);
            let is_open = state == EntryState::Waiting.name() || state == EntryState::GaveUp.name();
            let fate = match is_open {
                true if tried_at.is_none() && !waits => Fate::Open,
                true => Fate::Made,
                false if state == EntryState::Delivered.name() => Fate::Made,
                false => Fate::Over,
            };
            let meter = meter.map(|name| name.parse::<Meter>()).transpose();
            let meter = meter.map_err(|error| StoreError::corrupt(error, "a meter"))?;
            let about = meter.map(|meter| (meter, threshold));
            promised.push(Promised { id, channel, occasion, account, holding, about, fate });
        }
        Ok(promised)
    }

    /// Withdraws what is not delivered yet of what polls after `rewind.to` have promised, with a line in the audit for
    /// each, and puts back which policies are wanted. `entry` is the one that takes these polls back.
    pub(super) async fn withdraw(
        &self,
        on: &mut Write,
        lease: &Lease,
        rewind: &Rewind,
        (entry, at): (i64, Timestamp),
    ) -> Result<Vec<Promised>, StoreError> {
        let mut promised = self.promised_since(on, &lease.backend, rewind.to).await?;
        // Its key is free: what is true again is another promise.
        let sql = format!(
            "UPDATE outbox SET state = 'dropped', entry_key = {}, waits_for = NULL, said = ?, ended_at = ?,
            claimed_until = NULL WHERE id = ? AND state IN ('waiting', 'gave_up') AND tried_at IS NULL",
            self.dialect.append("entry_key", &format!("/withdrawn/{entry}"))
        );
        let said = format!("withdrawn by entry {entry} of the journal, which rolls back its cause");
        for one in promised.iter_mut().filter(|one| one.fate == Fate::Open) {
            let cells = [said.as_str().into(), at.into(), one.id.into()];
            if run(on, self.dialect, &sql, cells).await? == 0 {
                // Somebody is delivering it just now.
                one.fate = Fate::Made;
                continue;
            }
            let act = Act {
                at,
                actor: rewind.author.clone(),
                account: AccountKey { backend: lease.backend.clone(), name: one.account.clone() },
                action: "withdraw",
                before: Some(format!("{} {}", one.channel, one.occasion)),
                after: Some("not delivered".into()),
                why: rewind.reason.clone(),
                answer: String::new(),
            };
            self.put_act(on, &act).await?;
        }
        let mut accounts: BTreeMap<&AccountName, &Promised> = BTreeMap::new();
        for one in promised.iter().filter(|one| one.is_switch() && one.fate == Fate::Open) {
            accounts.entry(&one.account).or_insert(one);
        }
        for (account, first) in accounts {
            self.want_as_before(on, &lease.backend, account, first, at).await?;
        }
        Ok(promised)
    }

    /// The policy that is wanted once switches of an account are withdrawn: that of a switch which still waits, else
    /// that of the last one that was made, else what the first of them was to change.
    async fn want_as_before(
        &self,
        on: &mut AnyConnection,
        backend: &BackendId,
        account: &AccountName,
        first: &Promised,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = || [Cell::from(backend.as_str()), account.as_str().into()];
        let sql = "SELECT occasion, episode, state FROM outbox WHERE backend = ? AND account = ?
            AND channel = 'policy' AND state IN ('waiting', 'delivered') ORDER BY id DESC LIMIT 1";
        let found = rows(on, self.dialect, sql, key()).await?;
        let known = found.first().map(|row| {
            let mut columns = Columns::of(row);
            Ok::<_, StoreError>((columns.text()?, columns.int()?, columns.text()?))
        });
        let (wanted, waiting) = match known.transpose()? {
            Some((to, number, state)) => (to, Some(number).filter(|_| state == EntryState::Waiting.name())),
            None => {
                let to = life::policy(Some(first.occasion.clone()))?;
                let before = if to == Some(Policy::Limited) { Policy::Standard } else { Policy::Limited };
                (before.name().to_string(), None)
            }
        };
        let [backend, account] = key();
        match waiting {
            Some(number) => {
                let sql =
                    "UPDATE policy SET wanted = ?, number = ?, again = 0 WHERE backend = ? AND account = ?";
                run(on, self.dialect, sql, [wanted.into(), number.into(), backend, account]).await?;
            }
            // Numbers are not given twice; the panel has what is wanted.
            None => {
                let sql = "UPDATE policy SET wanted = ?, again = 0, confirmed = number,
                    confirmed_at = COALESCE(confirmed_at, ?) WHERE backend = ? AND account = ?";
                run(on, self.dialect, sql, [wanted.into(), at.into(), backend, account]).await?;
            }
        }
        Ok(())
    }

    /// Puts crossings back that nobody was notified of; `now` are those of holdings that stay, `then` all as they were.
    /// Returns which stay as they are now, where that is otherwise than it was.
    pub(super) async fn put_crossings_back(
        &self,
        on: &mut AnyConnection,
        ids: Ids,
        (now, then): (&CrossingMap, &CrossingMap),
        promised: &[Promised],
    ) -> Result<CrossingMap, StoreError> {
        let mut kept = CrossingMap::new();
        let mut back = Vec::new();
        for (key @ (holding, meter, threshold), one) in now {
            let before = then.get(key);
            if before == Some(one) {
                continue;
            }
            match was_notified(promised, key) {
                Notified::No => match before {
                    Some(before) => back.push(crossing::cells(ids, *holding, (*meter, *threshold), before)),
                    None => {
                        let sql = "DELETE FROM crossing WHERE holding = ? AND meter = ? AND threshold = ?";
                        let cells: [Cell; 3] =
                            [ids.holding(*holding).into(), (*meter).into(), i64::from(*threshold).into()];
                        run(on, self.dialect, sql, cells).await?;
                    }
                },
                Notified::YesOrNothingDue => drop(kept.insert(*key, *one)),
            }
        }
        crossing::CROSSING.put(on, self.dialect, back).await?;
        Ok(kept)
    }
}

enum Notified {
    /// All that was promised of it was withdrawn.
    No,
    /// Something of it was delivered, or may have been; or nothing was ever promised.
    YesOrNothingDue,
}

/// Whether anybody was notified what became of a threshold, or had his policy switched because of it.
fn was_notified(promised: &[Promised], (holding, meter, threshold): &(HoldingNo, Meter, u32)) -> Notified {
    let its = || promised.iter().filter(|one| one.holding == *holding && one.fate != Fate::Over);
    let notifications: Vec<&Promised> = its().filter(|one| one.about == Some((*meter, *threshold))).collect();
    let limits = notifications.is_empty() || notifications.iter().any(|one| one.reports_switch());
    let switches = its().filter(|one| limits && one.is_switch());
    let fates: BTreeSet<bool> =
        notifications.into_iter().chain(switches).map(|one| one.fate == Fate::Made).collect();
    match fates.contains(&true) || fates.is_empty() {
        true => Notified::YesOrNothingDue,
        false => Notified::No,
    }
}
