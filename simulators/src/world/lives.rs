//! Which account is which: when a name that is listed means the same account as before, and when another.

use std::collections::BTreeMap;

use super::claims::Claim;
use super::ledger::{Metric, Owner};
use super::oracle::Oracle;
use super::panels::{Answer, Begun, Shown};

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
    /// The holdings it was in, each from after an instant on; the first has all the past.
    pub stretches: Vec<(i64, usize)>,
    /// When the life before it under its name was seen last, if there was one.
    pub predecessor: Option<i64>,
    /// The last whole list that was believed before the first one without it.
    pub seen_before_missing: Option<i64>,
    /// When it was listed first, in epoch seconds.
    pub began_at: i64,
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
    /// A level that had collapsed when it was first measured, whether an operator has said that it is true, and the
    /// holding it was in then.
    pub collapsed: Option<(i64, u64, bool, usize)>,
    /// The services that could be meant by it, or the one that another account wanted too, when its panel was asked
    /// last.
    pub contested: Vec<i64>,
}

impl Life {
    /// Whether it was in the last whole list.
    pub fn is_there(&self) -> bool {
        self.missing_since.is_none() && !self.is_gone
    }

    /// A metric was read and believed, as of an instant; what is older than what is believed is old news.
    pub fn was_read(&mut self, metric: Metric, at: i64) {
        let newest = self.read_at.entry(metric).or_insert(at);
        *newest = at.max(*newest);
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
        let left = std::mem::replace(&mut found.name, shown.name.clone());
        let names = &mut self.backends[backend].names;
        if left != shown.name && names.get(&left) == Some(&life) {
            // It means who had it before, if anybody.
            names.remove(&left);
            let before = self.lives.iter().rposition(|one| one.backend == backend && one.name == left);
            names.extend(before.map(|before| (left, before)));
        }
        let found = &mut self.lives[life];
        if found.is_gone || found.missing_since.is_some() {
            // While no list had it, it held nothing that anybody knows of.
            (found.level, found.collapsed) = (None, None);
        }
        (found.missing_since, found.is_gone, found.seen_before_missing) = (None, false, None);
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
        // From a service to another: what was nobody's or a name's is only taken over.
        let owner = self.ledger.owner(before.holding);
        let changes_hands = match self.claims.of(side.server, backend, &shown.name) {
            Claim::Service(service) => {
                matches!(owner, Owner::Service(id) if *id != service) && !self.is_contested(life, service)
            }
            Claim::None | Claim::Several(_) => false,
        };
        let shows = self.shows(life, shown, at);
        let is_other = match (was_away || changes_hands, before.is_gone) {
            // Whoever was gone has to prove that it is the same.
            (true, true) => !shown.unread && shows != Shows::All,
            (true, false) => shows == Shows::Less,
            (false, _) => false,
        };
        (!is_other).then_some(life)
    }

    /// What an account shows of the counters that are believed to be a life's. A guest that another account had
    /// meanwhile says nothing, and neither does a count that is said to have begun anew.
    fn shows(&self, life: usize, shown: &Shown, at: i64) -> Shows {
        let before = &self.lives[life];
        let mut shows = Shows::Nothing;
        for told in &shown.totals {
            for (metric, total) in told.ways() {
                let known = self.backends[before.backend].totals.get(&(life, metric, told.from));
                match known {
                    Some(known) if total < known.total => return Shows::Less,
                    Some(_) if before.seen_before_missing.is_none_or(|seen| told.to <= seen) => {
                        shows = Shows::All;
                    }
                    _ => {}
                }
            }
        }
        for now in &shown.counters {
            let own = now.source.is_empty().then_some(life);
            let Some(seen) = self.backends[before.backend].seen.get(&(own, now.source.clone())) else {
                continue;
            };
            if seen.life != life {
                continue;
            }
            let counts = [(Metric::In, now.received), (Metric::Out, now.sent)];
            for (way, count) in
                counts.iter().filter_map(|(metric, count)| Some((seen.ways.get(metric)?, *count)))
            {
                let is_young = match now.begun {
                    Begun::At(began) if began > way.truly.run_from => continue,
                    Begun::Ago(seconds) => {
                        i64::try_from(seconds).is_ok_and(|ago| ago < at - before.listed_at)
                    }
                    Begun::At(_) | Begun::Untold => false,
                };
                if count < way.count || is_young {
                    return Shows::Less;
                }
                shows = Shows::All;
            }
        }
        shows
    }

    fn begin(&mut self, backend: usize, shown: &Shown, at: i64) -> usize {
        let server = self.backends[backend].server;
        let owner = match self.claims.knows(server) {
            false => Owner::Name(server, shown.name.clone()),
            true => Owner::Nobody,
        };
        let life = self.lives.len();
        let holding = self.ledger.open(life, owner);
        let side = &self.backends[backend];
        let predecessor = side.names.get(&shown.name).map(|before| {
            let before = &self.lives[*before];
            before.seen_before_missing.or(side.last_look).unwrap_or(before.began_at)
        });
        self.lives.push(Life {
            backend,
            name: shown.name.clone(),
            identity: shown.identity.clone(),
            holding,
            stretches: vec![(i64::MIN, holding)],
            predecessor,
            seen_before_missing: None,
            began_at: at,
            listed_at: at,
            read_at: BTreeMap::new(),
            missing_since: None,
            is_gone: false,
            level: None,
            collapsed: None,
            contested: Vec::new(),
        });
        life
    }

    /// Whether a list is to be doubted for the accounts that it lacks: nobody knows whether they are gone, or a right is.
    pub(super) fn is_doubtful(&self, backend: usize, present: &[usize], answer: &Answer) -> bool {
        let server = self.backends[backend].server;
        let there: Vec<usize> = (0..self.lives.len())
            .filter(|number| self.lives[*number].backend == backend && self.lives[*number].is_there())
            .filter(|number| present.contains(number) || !self.is_leaving(server, *number, present))
            .collect();
        let taken = |life: &Life| {
            self.lives.iter().any(|other| {
                other.backend == backend && other.began_at == answer.at && other.name == life.name
            })
        };
        let lacking =
            there.iter().filter(|number| !present.contains(number) && !taken(&self.lives[**number]));
        let lacking = lacking.count();
        let of = there.iter().filter(|number| self.lives[**number].began_at != answer.at).count();
        let is_crowd = lacking >= 5 && lacking * 10 > of;
        lacking > 0 && (is_crowd || answer.accounts.is_empty())
    }

    /// Whether an account may well be gone: its service has ended, or has another account.
    fn is_leaving(&self, server: i64, number: usize, present: &[usize]) -> bool {
        if !self.claims.knows(server) {
            return false;
        }
        let life = &self.lives[number];
        let others = self.lives.iter().enumerate().filter(|(other, one)| {
            *other != number && one.is_there() && self.backends[one.backend].server == server
        });
        let mut elsewhere =
            others.filter(|(other, one)| present.contains(other) || one.backend != life.backend);
        let owner = self.ledger.owner(life.holding);
        let is_sold = |id: i64| {
            self.claims.has_companion_on(server, id)
                || self.claims.on(server).any(|known| known.service.id == id && known.is_living())
        };
        match owner {
            Owner::Service(id) if !is_sold(*id) => true,
            Owner::Service(_) => elsewhere.any(|(_, one)| {
                self.ledger.owner(one.holding) == owner
                    || one.backend != life.backend && one.name == life.name
            }),
            _ => elsewhere.any(|(_, one)| one.backend != life.backend && one.name == life.name),
        }
    }

    /// A name that somebody else has now nobody else has any more.
    pub(super) fn replaced(&mut self, backend: usize, present: &[usize], at: i64) {
        let taken: Vec<String> = self
            .lives
            .iter()
            .filter(|life| life.backend == backend && life.began_at == at)
            .map(|life| life.name.clone())
            .collect();
        for (number, life) in self.lives.iter_mut().enumerate() {
            let is_out = life.backend == backend && !life.is_gone && !present.contains(&number);
            if is_out && taken.contains(&life.name) {
                life.missing_since = life.missing_since.or(Some(at));
                life.is_gone = true;
            }
        }
    }

    /// Accounts that a whole list did not have.
    pub(super) fn absent(&mut self, backend: usize, present: &[usize], at: i64) {
        self.replaced(backend, present, at);
        let look = self.backends[backend].last_look.or(Some(at));
        for (number, life) in self.lives.iter_mut().enumerate() {
            if life.backend != backend || life.is_gone || present.contains(&number) {
                continue;
            }
            match life.missing_since {
                None => {
                    life.missing_since = Some(at);
                    life.seen_before_missing = look;
                }
                Some(since) if at - since >= GONE_AFTER => life.is_gone = true,
                Some(_) => {}
            }
        }
    }
}

/// What an account shows of what is believed of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Less.
    Less,
    /// Nothing that could be compared.
    Nothing,
    /// All of it, or more.
    All,
}
