//! Which account is which: when a name that is listed means the same account as before, and when another.

use std::collections::BTreeMap;

use super::claims::Claim;
use super::ledger::{Metric, Owner};
use super::oracle::Oracle;
use super::panels::{Begun, Shown};

/// A name that is missing from two whole lists at least so far apart (seconds) is gone.
const GONE_AFTER: i64 = 120;

/// One account from its making to its deletion, as far as panels let anybody tell.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its panel.
    pub backend: usize,
    /// Its name, as it was listed last.
    pub name: String,
    /// What proved who it is.
    pub identity: Option<String>,
    /// The holding it is in now.
    pub holding: usize,
    /// When it was listed last, in epoch seconds.
    pub listed_at: i64,
    /// When each metric was read last, and believed.
    pub read_at: BTreeMap<Metric, i64>,
    /// The first whole list without it, since it was listed last.
    pub missing_since: Option<i64>,
    /// Whether a later list confirmed that.
    pub is_gone: bool,
    /// Its last level, and when it was measured.
    pub level: Option<(i64, u64)>,
    /// What its counters said last: source, received, sent.
    pub counts: Vec<(String, u64, u64)>,
    /// Whether it ever was somebody's.
    pub was_owned: bool,
}

impl Life {
    /// Whether it was in the last whole list.
    pub fn is_there(&self) -> bool {
        self.missing_since.is_none() && !self.is_gone
    }
}

impl Oracle {
    /// The life a listed account is of: a known one, or a new one.
    pub(super) fn life_of(&mut self, backend: usize, shown: &Shown, at: i64) -> usize {
        let known = if self.backends[backend].identity {
            self.lives.iter().position(|life| life.backend == backend && life.identity == shown.identity)
        } else {
            self.same_as_before(backend, shown, at)
        };
        let life = known.unwrap_or_else(|| self.begin(backend, shown, at));
        let found = &mut self.lives[life];
        found.name.clone_from(&shown.name);
        if found.is_gone {
            // Between its end and its return it held nothing that anybody knows of.
            found.level = None;
        }
        (found.missing_since, found.is_gone) = (None, false);
        let counts = shown.counters.iter();
        found.counts =
            counts.map(|counter| (counter.source.clone(), counter.received, counter.sent)).collect();
        self.backends[backend].names.insert(shown.name.clone(), life);
        life
    }

    /// Without a proof of identity: the life that had the name, unless it was away or changes hands, and shows
    /// less than it did.
    fn same_as_before(&self, backend: usize, shown: &Shown, at: i64) -> Option<usize> {
        let side = &self.backends[backend];
        let life = *side.names.get(&shown.name)?;
        let before = &self.lives[life];
        let was_away = before.missing_since.is_some() || before.is_gone;
        let changes_hands = match self.claims.of(side.server, backend, &shown.name) {
            Claim::Service(service) => *self.ledger.owner(before.holding) != Owner::Service(service),
            Claim::None | Claim::Several => false,
        };
        let suspect = was_away || changes_hands;
        (!(suspect && shows_less(before, shown, at))).then_some(life)
    }

    fn begin(&mut self, backend: usize, shown: &Shown, at: i64) -> usize {
        let server = self.backends[backend].server;
        let owner = match self.claims.of(server, backend, &shown.name) {
            _ if !self.claims.knows(server) => Owner::Name(server, shown.name.clone()),
            Claim::Service(service) => Owner::Service(service),
            Claim::None | Claim::Several => Owner::Nobody,
        };
        let was_owned = owner != Owner::Nobody;
        let life = self.lives.len();
        let holding = self.ledger.open(life, owner);
        self.lives.push(Life {
            backend,
            name: shown.name.clone(),
            identity: shown.identity.clone(),
            holding,
            listed_at: at,
            read_at: BTreeMap::new(),
            missing_since: None,
            is_gone: false,
            level: None,
            counts: Vec::new(),
            was_owned,
        });
        life
    }

    /// Accounts that a whole list did not have.
    pub(super) fn absent(&mut self, backend: usize, present: &[usize], at: i64) {
        for (number, life) in self.lives.iter_mut().enumerate() {
            if life.backend != backend || life.is_gone || present.contains(&number) {
                continue;
            }
            match life.missing_since {
                None => life.missing_since = Some(at),
                Some(since) if at - since >= GONE_AFTER => life.is_gone = true,
                Some(_) => {}
            }
        }
    }
}

/// Whether a counter is below what it was, or runs for less time than the account was away.
fn shows_less(before: &Life, shown: &Shown, at: i64) -> bool {
    before.counts.iter().any(|(source, received, sent)| {
        let now = shown.counters.iter().find(|counter| counter.source == *source);
        now.is_none_or(|now| {
            let young = match now.begun {
                Begun::Ago(seconds) => {
                    i64::try_from(seconds).is_ok_and(|seconds| seconds < at - before.listed_at)
                }
                Begun::At(began) => began > before.listed_at,
                Begun::Untold => false,
            };
            now.received < *received || now.sent < *sent || young
        })
    })
}
