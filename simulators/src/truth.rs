//! What every account really holds and really moved: the number a meter has to find.
//!
//! An account is made of parts (buckets, machines, network cards). Each part grows by itself
//! (`growth.rs`) and carries what a test or a client did to it, in the order it happened.

use crate::growth::{Growth, Traffic};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The account that owns the parts nobody owns; it is in no list of accounts.
pub const NOBODY: &str = "";

/// The known truth of one panel; clones share it.
#[derive(Clone, Debug)]
pub struct Truth {
    seed: u64,
    /// What levels are multiples of, in bytes.
    block: u64,
    /// What traffic is counted in, in bytes.
    packet: u64,
    accounts: Arc<RwLock<BTreeMap<String, Parts>>>,
}

type Parts = BTreeMap<String, Part>;

#[derive(Clone, Debug)]
struct Part {
    growth: Growth,
    deeds: Vec<(i64, Deed)>,
}

/// What was done to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// From now on it holds exactly this many bytes.
    HoldLevel(u64),
    /// From now on it grows by itself again.
    ReleaseLevel,
    /// It holds this many bytes more, or fewer.
    ChangeLevel(i64),
    /// This many bytes passed at once.
    Move(Traffic),
    /// It is gone: holds nothing, moves nothing.
    Vanish,
    /// It is back.
    Reappear,
    /// It is switched off: moves nothing, and keeps what it holds.
    Halt,
    /// It runs again.
    GoOn,
    /// So much of what passed before was shown by no answer and never will be: the panel itself forgot it.
    Forget(Traffic),
}

impl Truth {
    /// A truth without accounts.
    pub fn new(seed: u64) -> Self {
        Self { seed, block: 1, packet: 1, accounts: Arc::default() }
    }

    /// The same accounts on a disk of such blocks: what a part holds fills its last block, so that a panel which counts
    /// blocks can tell levels to the byte. Clones made before go on in bytes.
    #[must_use]
    pub fn in_blocks_of(self, bytes: u64) -> Self {
        Self { block: bytes.max(1), ..self }
    }

    /// The same accounts, of which whole packets of so many bytes pass, so that a panel which counts kilobytes can tell
    /// traffic to the byte. Clones made before go on in bytes.
    #[must_use]
    pub fn in_packets_of(self, bytes: u64) -> Self {
        Self { packet: bytes.max(1), ..self }
    }

    /// Adds an account that has no part yet.
    pub fn enroll(&self, account: &str) {
        self.write().entry(account.to_owned()).or_default();
    }

    /// Adds a part that grows by itself; a known one stays as it is.
    pub fn enroll_part(&self, account: &str, part: &str) {
        let growth = Growth::of(self.seed, account, part);
        self.enroll_growth(account, part, growth);
    }

    /// Adds a part that holds and moves only what is put there; a known one stays as it is.
    pub fn enroll_still_part(&self, account: &str, part: &str) {
        self.enroll_growth(account, part, Growth::STILL);
    }

    fn enroll_growth(&self, account: &str, part: &str, growth: Growth) {
        let deeds = Vec::new();
        self.write()
            .entry(account.to_owned())
            .or_default()
            .entry(part.to_owned())
            .or_insert(Part { growth, deeds });
    }

    /// The account is called otherwise from now on, and was never called as before; false where there is none, or
    /// another one has the name.
    pub fn rename(&self, account: &str, name: &str) -> bool {
        let mut accounts = self.write();
        if accounts.contains_key(name) {
            return false;
        }
        let parts = accounts.remove(account);
        parts.map(|parts| accounts.insert(name.to_owned(), parts)).is_some()
    }

    /// The names of all accounts, sorted.
    pub fn accounts(&self) -> Vec<String> {
        let accounts = self.read();
        accounts.keys().filter(|n| *n != NOBODY).cloned().collect()
    }

    /// The names of an account's parts, sorted; empty when the account is unknown.
    pub fn parts(&self, account: &str) -> Vec<String> {
        let accounts = self.read();
        let parts = accounts.get(account).into_iter().flat_map(Parts::keys);
        parts.cloned().collect()
    }

    /// Bytes the account holds at an instant (epoch seconds); `None` for an unknown account.
    pub fn level(&self, account: &str, at: i64) -> Option<u64> {
        let accounts = self.read();
        let parts = accounts.get(account)?;
        Some(parts.values().map(|part| self.filled(part.level(at))).sum())
    }

    /// Bytes one part holds at an instant; nothing for an unknown one.
    pub fn part_level(&self, account: &str, part: &str, at: i64) -> u64 {
        self.with_part(account, part, |part| self.filled(part.level(at)))
    }

    /// Bytes with the last block filled; none stay none.
    fn filled(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.block).saturating_mul(self.block)
    }

    /// Bytes the account moved from the beginning of time until an instant.
    pub fn traffic(&self, account: &str, at: i64) -> Option<Traffic> {
        let accounts = self.read();
        let moved = accounts.get(account)?.values().map(|part| self.whole(part.traffic(at)));
        Some(moved.fold(Traffic::default(), |sum, one| sum + one))
    }

    /// Bytes one part moved from the beginning of time until an instant.
    pub fn part_traffic(&self, account: &str, part: &str, at: i64) -> Traffic {
        self.with_part(account, part, |part| self.whole(part.traffic(at)))
    }

    /// The packets of some bytes that have passed whole.
    fn whole(&self, moved: Traffic) -> Traffic {
        let whole = |bytes: u64| bytes - bytes % self.packet;
        Traffic { received: whole(moved.received), sent: whole(moved.sent) }
    }

    /// Bytes the account moved after `from` and until `to`, exactly.
    pub fn traffic_between(&self, account: &str, from: i64, to: i64) -> Option<Traffic> {
        Some(self.traffic(account, to)? - self.traffic(account, from)?)
    }

    /// Bytes that passed, and that the panel forgot after `from` and until `to` without ever showing them:
    /// no client can know of them.
    pub fn forgotten_between(&self, account: &str, from: i64, to: i64) -> Traffic {
        let accounts = self.read();
        let parts = accounts.get(account).into_iter().flat_map(Parts::values);
        let deeds = parts.flat_map(|part| &part.deeds).filter(|(at, _)| *at > from && *at <= to);
        deeds.fold(Traffic::default(), |sum, (_, deed)| match deed {
            Deed::Forget(bytes) => sum + *bytes,
            _ => sum,
        })
    }

    /// Records what was done to a part at an instant; false when there is no such part.
    pub fn did(&self, account: &str, part: &str, at: i64, deed: Deed) -> bool {
        let mut accounts = self.write();
        let part = accounts.get_mut(account).and_then(|p| p.get_mut(part));
        part.map(|part| part.did(at, deed)).is_some()
    }

    /// Makes the account hold exactly `bytes` from an instant on, all of it in its first part.
    pub fn set_level(&self, account: &str, at: i64, bytes: u64) -> bool {
        let mut accounts = self.write();
        let mut left = bytes;
        let parts = accounts.get_mut(account).into_iter().flat_map(|p| p.iter_mut());
        let held = parts.map(|(_, part)| part.did(at, Deed::HoldLevel(std::mem::take(&mut left))));
        held.count() > 0
    }

    /// Lets `moved` bytes pass through the account's first part at an instant.
    pub fn add_traffic(&self, account: &str, at: i64, moved: Traffic) -> bool {
        let mut accounts = self.write();
        let part = accounts.get_mut(account).and_then(|p| p.values_mut().next());
        part.map(|part| part.did(at, Deed::Move(moved))).is_some()
    }

    /// Records the same deed for every part of an account.
    pub fn did_to_all(&self, account: &str, at: i64, deed: Deed) -> bool {
        let mut accounts = self.write();
        let parts = accounts.get_mut(account);
        parts.map(|parts| parts.values_mut().for_each(|part| part.did(at, deed))).is_some()
    }

    fn with_part<T: Default>(&self, account: &str, part: &str, ask: impl Fn(&Part) -> T) -> T {
        let accounts = self.read();
        let part = accounts.get(account).and_then(|parts| parts.get(part));
        part.map(ask).unwrap_or_default()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Parts>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Parts>> {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn did(&mut self, at: i64, deed: Deed) {
        let after = self.deeds.partition_point(|(then, _)| *then <= at);
        self.deeds.insert(after, (at, deed));
    }

    fn until(&self, at: i64) -> impl Iterator<Item = &(i64, Deed)> {
        self.deeds.iter().take_while(move |(then, _)| *then <= at)
    }

    fn level(&self, at: i64) -> u64 {
        let (mut held, mut changed, mut gone) = (None, 0_i128, false);
        for (_, deed) in self.until(at) {
            match deed {
                Deed::HoldLevel(bytes) => (held, changed) = (Some(*bytes), 0),
                Deed::ReleaseLevel => (held, changed) = (None, 0),
                Deed::ChangeLevel(bytes) => changed += i128::from(*bytes),
                Deed::Vanish => gone = true,
                Deed::Reappear => gone = false,
                Deed::Move(_) | Deed::Halt | Deed::GoOn | Deed::Forget(_) => {}
            }
        }
        if gone {
            return 0;
        }
        let own = held.unwrap_or_else(|| self.growth.level(at));
        let level = (i128::from(own) + changed).max(0);
        u64::try_from(level).unwrap_or(u64::MAX)
    }

    fn traffic(&self, at: i64) -> Traffic {
        let mut moved = Traffic::default();
        let mut since = Some(Traffic::default());
        let (mut gone, mut halted) = (false, false);
        for (then, deed) in self.until(at) {
            match deed {
                Deed::Move(bytes) => moved = moved + *bytes,
                Deed::Vanish => gone = true,
                Deed::Reappear => gone = false,
                Deed::Halt => halted = true,
                Deed::GoOn => halted = false,
                _ => continue,
            }
            match (gone || halted, since) {
                (true, Some(base)) => {
                    moved = moved + (self.growth.traffic(*then) - base);
                    since = None;
                }
                (false, None) => since = Some(self.growth.traffic(*then)),
                _ => {}
            }
        }
        match since {
            Some(base) => moved + (self.growth.traffic(at) - base),
            None => moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn truth() -> Truth {
        let truth = Truth::new(1);
        truth.enroll_part("7-41", "a");
        truth.enroll_part("7-41", "b");
        truth
    }

    #[test]
    fn spans_add_up_to_the_byte() {
        let truth = truth();
        let whole = truth.traffic_between("7-41", NOW, NOW + 86_400).unwrap_or_default();
        let parts = (0..96).map(|n| truth.traffic_between("7-41", NOW + n * 900, NOW + (n + 1) * 900));
        let sum = parts.flatten().fold(Traffic::default(), |sum, one| sum + one);
        assert_eq!(whole, sum);
        assert!(whole.sent > 0);
    }

    #[test]
    fn a_set_level_holds_from_its_instant_on() {
        let truth = truth();
        let before = truth.level("7-41", NOW - 1);
        assert!(truth.set_level("7-41", NOW, 5_000));
        assert_eq!(truth.level("7-41", NOW - 1), before);
        assert_eq!(truth.level("7-41", NOW), Some(5_000));
        truth.did("7-41", "b", NOW + 5, Deed::ChangeLevel(-70));
        truth.did("7-41", "a", NOW + 5, Deed::ChangeLevel(-70));
        assert_eq!(truth.level("7-41", NOW + 5), Some(4_930));
        truth.did_to_all("7-41", NOW + 9, Deed::ReleaseLevel);
        assert_eq!(truth.level("7-41", NOW + 9), self::truth().level("7-41", NOW + 9));
    }

    #[test]
    fn on_a_disk_of_blocks_the_last_one_is_filled() {
        let truth = truth().in_blocks_of(1_024);
        truth.did("7-41", "a", NOW, Deed::HoldLevel(1));
        truth.did("7-41", "b", NOW, Deed::HoldLevel(2_048));
        assert_eq!((truth.part_level("7-41", "a", NOW), truth.level("7-41", NOW)), (1_024, Some(3_072)));
        truth.set_level("7-41", NOW, 0);
        assert_eq!(truth.level("7-41", NOW), Some(0));
    }

    #[test]
    fn a_packet_passes_whole_or_not_at_all() {
        let truth = truth().in_packets_of(1_024);
        let moved = truth.traffic_between("7-41", NOW, NOW + 90).unwrap_or_default();
        assert_eq!((moved.sent % 1_024, moved.received % 1_024), (0, 0));
        let parts = ["a", "b"].map(|part| truth.part_traffic("7-41", part, NOW));
        assert_eq!(truth.traffic("7-41", NOW), Some(parts[0] + parts[1]));
        truth.add_traffic("7-41", NOW, Traffic { received: 0, sent: 2_048 });
        let now = truth.traffic_between("7-41", NOW - 1, NOW).unwrap_or_default();
        assert!(now.sent >= 2_048 && now.sent.is_multiple_of(1_024));
    }

    #[test]
    fn added_traffic_is_added_once() {
        let truth = truth();
        let moved = Traffic { received: 7, sent: 11 };
        let own = truth.traffic_between("7-41", NOW, NOW + 60).unwrap_or_default();
        assert!(truth.add_traffic("7-41", NOW + 30, moved));
        let now = truth.traffic_between("7-41", NOW, NOW + 60).unwrap_or_default();
        assert_eq!(now - own, moved);
    }

    #[test]
    fn an_account_keeps_what_it_moved_under_another_name() {
        let (truth, moved) = (truth(), truth().traffic("7-41", NOW));
        truth.enroll_part("7-42", "a");
        assert!(!truth.rename("7-41", "7-42") && !truth.rename("nobody", "7-43"));
        assert!(truth.rename("7-41", "7-43"));
        assert_eq!((truth.traffic("7-43", NOW), truth.traffic("7-41", NOW)), (moved, None));
    }

    #[test]
    fn the_vanished_hold_and_move_nothing() {
        let truth = truth();
        truth.did_to_all("7-41", NOW, Deed::Vanish);
        assert_eq!(truth.level("7-41", NOW + 10), Some(0));
        let away = truth.traffic_between("7-41", NOW, NOW + 3_600);
        assert_eq!(away, Some(Traffic::default()));
        truth.did_to_all("7-41", NOW + 3_600, Deed::Reappear);
        let back = truth.traffic_between("7-41", NOW + 3_600, NOW + 7_200);
        assert_eq!(back, self::truth().traffic_between("7-41", NOW + 3_600, NOW + 7_200));
        assert_eq!(truth.level("nobody", NOW), None);
    }

    #[test]
    fn the_halted_move_nothing_and_what_is_forgotten_was_moved_all_the_same() {
        let truth = truth();
        truth.did_to_all("7-41", NOW, Deed::Halt);
        truth.did_to_all("7-41", NOW + 60, Deed::Vanish);
        truth.did_to_all("7-41", NOW + 120, Deed::GoOn);
        assert_eq!(truth.traffic_between("7-41", NOW, NOW + 600), Some(Traffic::default()));
        truth.did_to_all("7-41", NOW + 600, Deed::Reappear);
        let span = (NOW + 600, NOW + 4_200);
        let moved = truth.traffic_between("7-41", span.0, span.1);
        assert_eq!(moved, self::truth().traffic_between("7-41", span.0, span.1));
        truth.did("7-41", "a", NOW + 700, Deed::Forget(Traffic { received: 5, sent: 7 }));
        assert_eq!(truth.traffic_between("7-41", span.0, span.1), moved);
        assert_eq!(truth.forgotten_between("7-41", NOW + 600, NOW + 700).sent, 7);
        assert_eq!(truth.forgotten_between("7-41", NOW + 700, NOW + 900), Traffic::default());
    }
}
