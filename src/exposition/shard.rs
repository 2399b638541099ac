//! One backend's part of the page, in groups of neighbouring accounts.
//!
//! It is changed group by group, each in place: never do two texts of the whole stand side by side.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::Chunk;
use super::index::Index;
use super::render::{self, FAMILIES, LinePrefixes, Lines};
use crate::domain::{AccountName, BackendId, Timestamp};
use crate::standing::{AccountStanding, Moment, Stamp, Standing};

/// Accounts per group. Larger ones pack better and make fewer pieces to send; smaller ones mean less
/// to pack anew when a few accounts changed. A chunk is about 45 kB, its gzip member about 7 kB.
const GROUP: usize = 512;

/// An account and how it stands.
type Member = (AccountName, Arc<AccountStanding>);

/// A changed account; `None` when it leaves the page.
pub(super) type Change = (AccountName, Option<Arc<AccountStanding>>);

/// One backend's accounts on the page, sorted by name.
#[derive(Debug)]
pub(super) struct Shard {
    version: Stamp,
    words: LinePrefixes,
    /// At least one; only a single one may be empty.
    groups: Vec<Group>,
}

/// Neighbouring accounts whose lines are kept together.
#[derive(Debug)]
struct Group {
    members: Vec<Member>,
    index: Index,
    chunks: [Arc<Chunk>; FAMILIES],
    /// Where each member's lines end in each chunk. In one place, because to patch a member is to look
    /// at all its chunks, and what that costs is the memory it touches.
    ends: Arc<Vec<[u32; FAMILIES]>>,
    /// When to look at it again although nobody reports a change.
    due: Timestamp,
}

/// What is to happen to one group.
enum Edit {
    Keep,
    Patch(Patches),
    Replace(Vec<Group>),
}

/// New lines for some accounts of a group.
#[derive(Default)]
struct Patches {
    accounts: Vec<(usize, Arc<AccountStanding>)>,
    lines: Vec<Patch>,
    /// The new lines, one after the other.
    text: Vec<u8>,
    due: Option<Timestamp>,
}

/// Where new lines belong, and where they are in the text.
struct Patch {
    place: usize,
    family: usize,
    text: Range<usize>,
}

/// The stamp of no standing.
const NONE: Stamp = (i64::MIN, i64::MIN, i64::MIN);

impl Shard {
    /// A backend of which no account is known yet.
    pub fn new(backend: &BackendId, kind: &str) -> Shard {
        Shard { version: NONE, words: LinePrefixes::new(backend, kind), groups: vec![Group::empty()] }
    }

    /// The next instant at which its text changes by itself.
    pub fn due(&self) -> Timestamp {
        self.groups.iter().map(|group| group.due).min().unwrap_or_else(render::never)
    }

    /// Its pieces of one family.
    pub fn chunks(&self, family: usize) -> impl Iterator<Item = &Arc<Chunk>> {
        self.groups.iter().map(move |group| &group.chunks[family]).filter(|chunk| !chunk.text().is_empty())
    }

    /// What differs between what is held and `standing`, sorted by name.
    pub fn changes(&self, standing: &Standing) -> Vec<Change> {
        if standing.stamp() == self.version {
            return Vec::new();
        }
        if standing.changed_since == self.version {
            let mut names: Vec<_> = standing.changed.iter().collect();
            names.sort_unstable();
            names.dedup();
            return if names.len() * 8 < standing.accounts.len() {
                names.into_iter().map(|name| change(name, standing.accounts.get(name))).collect()
            } else {
                // Walking along the whole map is cheaper than asking it for so many.
                let mut all = standing.accounts.iter().peekable();
                let mut find = |name: &AccountName| {
                    while all.next_if(|(known, _)| *known < name).is_some() {}
                    all.next_if(|(known, _)| *known == name).map(|(_, account)| account)
                };
                names.into_iter().map(|name| change(name, find(name))).collect()
            };
        }
        // Something was missed: everybody is looked at, also those the store no longer knows.
        let mut changes: Vec<_> =
            standing.accounts.iter().map(|(name, account)| change(name, Some(account))).collect();
        let members = self.groups.iter().flat_map(|group| &group.members);
        changes.extend(
            members.filter(|(name, _)| !standing.accounts.contains_key(name)).map(|(n, _)| (n.clone(), None)),
        );
        changes.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        changes
    }

    /// Renders what `changes` and the time ask for; `anew` renders everything. `version` is the store's,
    /// when the changes came from there.
    pub fn update(&mut self, mut changes: &[Change], moment: &Moment, anew: bool, version: Option<Stamp>) {
        // Should this panic half-way, the next standing is compared with what is left, account by account.
        let version = version.unwrap_or(std::mem::replace(&mut self.version, NONE));
        let mut groups = std::mem::take(&mut self.groups).into_iter().peekable();
        while let Some(mut group) = groups.next() {
            let next = groups.peek().and_then(|next| next.members.first());
            let mine = next.map_or(changes.len(), |(first, _)| changes.partition_point(|c| c.0 < *first));
            let (mine, rest) = changes.split_at(mine);
            changes = rest;
            match group.plan(mine, &self.words, moment, anew) {
                Edit::Keep => self.groups.push(group),
                Edit::Patch(patches) => {
                    group.patch(patches);
                    self.groups.push(group);
                }
                Edit::Replace(groups) => self.groups.extend(groups),
            }
        }
        if self.groups.is_empty() {
            self.groups.push(Group::empty());
        }
        self.version = version;
    }
}

/// An account as the page sees it: one that is gone leaves at once.
fn change(name: &AccountName, account: Option<&Arc<AccountStanding>>) -> Change {
    (name.clone(), account.filter(|account| account.gone_at.is_none()).cloned())
}

impl Group {
    fn empty() -> Group {
        Group {
            members: Vec::new(),
            index: Index::default(),
            chunks: Default::default(),
            ends: Arc::default(),
            due: render::never(),
        }
    }

    fn find(&self, name: &AccountName) -> Option<usize> {
        let (sample, _) = self.members.first()?;
        self.index.places(name, sample).find(|place| self.members[*place].0 == *name)
    }

    fn plan(&self, changes: &[Change], words: &LinePrefixes, moment: &Moment, anew: bool) -> Edit {
        let anew = anew || moment.now >= self.due;
        if changes.is_empty() && !anew {
            return Edit::Keep;
        }
        // A few changed values are patched in; many, or a comer or leaver, are written in one go.
        if !anew
            && changes.len() * 4 <= self.members.len()
            && let Some(patches) = self.patches(changes, words, moment)
        {
            return Edit::Patch(patches);
        }
        let members = self.merged(changes);
        // Groups are split only when they have grown far beyond their size, so that they do not shift
        // with every new account.
        let size = if members.len() > 2 * GROUP { GROUP } else { members.len().max(1) };
        Edit::Replace(members.chunks(size).map(|part| self.successor(part, words, moment)).collect())
    }

    /// The changes as patches, or `None` when somebody comes or leaves.
    fn patches(&self, changes: &[Change], words: &LinePrefixes, moment: &Moment) -> Option<Patches> {
        let mut patches = Patches::default();
        let mut lines = Lines::default();
        for (name, standing) in changes {
            let (place, standing) = match (self.find(name), standing) {
                (Some(place), Some(standing)) => (place, standing),
                (None, None) => continue,
                _ => return None,
            };
            lines.iter_mut().for_each(Vec::clear);
            let due = render::account(&mut lines, words, name, standing, moment);
            patches.due = Some(patches.due.map_or(due, |sooner| sooner.min(due)));
            patches.accounts.push((place, Arc::clone(standing)));
            for (family, new) in lines.iter().enumerate() {
                if self.chunks[family].text()[self.range(place, family)] != **new {
                    let start = patches.text.len();
                    patches.text.extend_from_slice(new);
                    patches.lines.push(Patch { place, family, text: start..patches.text.len() });
                }
            }
        }
        Some(patches)
    }

    fn patch(&mut self, patches: Patches) {
        let mut longer = Vec::new();
        // From the last member to the first, so that the places of those still to come stay right.
        for Patch { place, family, text } in patches.lines.into_iter().rev() {
            let range = self.range(place, family);
            if range.len() != text.len() {
                longer.push((place, family, text.len() as i64 - range.len() as i64));
            }
            // In place when nobody is reading it, otherwise in a copy.
            Arc::make_mut(&mut self.chunks[family]).patch(range, &patches.text[text]);
        }
        if !longer.is_empty() {
            self.shift(longer);
        }
        for (place, standing) in patches.accounts {
            self.members[place].1 = standing;
        }
        // May now be earlier than needed: then the group is looked at once in vain.
        self.due = patches.due.map_or(self.due, |due| self.due.min(due));
    }

    /// Moves the ends behind lines that became longer or shorter by some bytes, named last first.
    fn shift(&mut self, mut longer: Vec<(usize, usize, i64)>) {
        let mut by = [0; FAMILIES];
        for (place, ends) in Arc::make_mut(&mut self.ends).iter_mut().enumerate() {
            while let Some((_, family, bytes)) = longer.pop_if(|(changed, ..)| *changed == place) {
                by[family] += bytes;
            }
            for (end, by) in ends.iter_mut().zip(by) {
                *end = (i64::from(*end) + by) as u32;
            }
        }
    }

    /// Where a member's lines are in a chunk.
    fn range(&self, place: usize, family: usize) -> Range<usize> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before][family]);
        start as usize..self.ends[place][family] as usize
    }

    fn merged(&self, changes: &[Change]) -> Vec<Member> {
        let mut members = Vec::with_capacity(self.members.len() + changes.len());
        let mut held = self.members.iter().peekable();
        for (name, standing) in changes {
            while let Some(before) = held.next_if(|(held, _)| held < name) {
                members.push(before.clone());
            }
            held.next_if(|(held, _)| held == name);
            members.extend(standing.iter().map(|standing| (name.clone(), Arc::clone(standing))));
        }
        members.extend(held.cloned());
        members
    }

    /// The group of these members, keeping each piece (and its gzip member) that comes out the same.
    fn successor(&self, members: &[Member], words: &LinePrefixes, moment: &Moment) -> Group {
        let mut lines = Lines::default();
        let mut ends = Vec::with_capacity(members.len());
        let mut due = render::never();
        for (name, standing) in members {
            due = due.min(render::account(&mut lines, words, name, standing, moment));
            ends.push(std::array::from_fn(|family| lines[family].len() as u32));
        }
        let chunks = std::array::from_fn(|family| {
            let (held, lines) = (&self.chunks[family], &lines[family]);
            if held.text() == lines.as_slice() { Arc::clone(held) } else { Chunk::new(lines.to_vec()) }
        });
        let ends = if *self.ends == ends { Arc::clone(&self.ends) } else { Arc::new(ends) };
        let index = Index::new(members.iter().map(|(name, _)| name));
        Group { members: members.to_vec(), index, chunks, ends, due }
    }
}
