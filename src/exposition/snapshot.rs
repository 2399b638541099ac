//! The finished page: what a scrape takes is bytes that are already there.
//!
//! Families must be contiguous over all backends, so the page is kept as pieces: one per family, backend
//! and group of 512 neighbouring accounts. A scrape takes a reference to each piece and sends them in
//! order; there is no copy of the whole. One account in a hundred that changes, spread at random, touches
//! nearly every piece; to make those anew would be to copy nearly the whole page, and pieces small
//! enough to avoid that are slow to send (gzipped, those of 128 accounts took 1.4 times as long as one
//! piece). So a changed line is patched into its piece in place, which is safe
//! because a piece that a scrape still holds is copied first (`Arc::make_mut`). Nobody sees half a poll:
//! references are taken, and changes made, under one lock, which is never held for packing or sending. A
//! scrape may wait for it while a poll is rendered: some milliseconds, and a tenth of a second where all
//! of 100,000 accounts changed. Rendering beside the old page would spare that wait and take the memory
//! of a second page, every time and for good.
//!
//! Each piece packs its own gzip member when first asked for it; joined members are one gzip body, and
//! a piece that did not change keeps its member.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::Chunk;
use super::format::Format;
use super::render::{self, FAMILIES};
use super::reported;
use super::shard::Shard;
use crate::domain::{BackendId, BillingZone, Month, Seconds, Timestamp};
use crate::standing::{Moment, Standing};
use crate::store::BackendState;

/// A clock that steps back less than this is taken to stand still: two rooms ask it a moment apart.
const STEP_BACK: Seconds = Seconds::new(60);

/// All backends' accounts, and how their polls go.
#[derive(Debug)]
pub(super) struct Page {
    shards: BTreeMap<BackendId, Shard>,
    states: Vec<BackendState>,
    /// What was reported of the running month, by server.
    reported: BTreeMap<i64, reported::Pieces>,
    max_age: Seconds,
    zone: BillingZone,
    now: Timestamp,
    month: Option<Month>,
    due: Timestamp,
}

impl Page {
    /// A page with nothing on it.
    pub fn new(max_age: Seconds, zone: BillingZone) -> Page {
        Page {
            shards: BTreeMap::new(),
            states: Vec::new(),
            reported: BTreeMap::new(),
            max_age,
            zone,
            now: render::epoch(),
            month: None,
            due: render::never(),
        }
    }

    /// Whether time alone has made the page untrue.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.due || self.stepped_back(now)
    }

    fn stepped_back(&self, now: Timestamp) -> bool {
        self.now.since(now) > STEP_BACK
    }

    /// Makes room for a backend.
    pub fn admit(&mut self, backend: &BackendId, kind: &str) {
        self.shards.entry(backend.clone()).or_insert_with(|| Shard::new(backend, kind));
    }

    /// Takes a backend off the page.
    pub fn remove(&mut self, backend: &BackendId) -> Option<Shard> {
        self.states.retain(|state| state.backend != *backend);
        self.shards.remove(backend)
    }

    /// Renders what `now`, and what the store committed, changes.
    pub fn update(&mut self, standing: Option<&Standing>, now: Timestamp) {
        let back = self.stepped_back(now);
        let moment = Moment::new(if back { now } else { now.max(self.now) }, self.zone, self.max_age);
        let anew = back || self.month != Some(moment.month);
        for (backend, shard) in &mut self.shards {
            let standing = standing.filter(|standing| standing.backend == *backend);
            let changes = standing.map(|standing| shard.changes(standing)).unwrap_or_default();
            if standing.is_some() || anew || moment.now >= shard.due() {
                shard.update(&changes, &moment, anew, standing.map(Standing::stamp));
            }
        }
        if self.month != Some(moment.month) {
            // WHMCS keeps a record for each month, and was told nothing of this one yet.
            self.reported.clear();
        }
        self.due = self.shards.values().map(Shard::due).fold(moment.month_end, Timestamp::min);
        (self.now, self.month) = (moment.now, Some(moment.month));
    }

    /// Notes how the backends' polls go.
    pub fn set_states(&mut self, states: &[BackendState]) {
        self.states = states.to_vec();
    }

    /// Takes in what was reported to a server in `month`; nothing where that is not the one that runs.
    pub fn set_reported(&mut self, server: i64, month: Month, pieces: reported::Pieces, now: Timestamp) {
        self.update(None, now);
        if self.month == Some(month) {
            self.reported.insert(server, pieces);
        }
    }

    /// What `now` means to the page.
    pub fn moment(&self, now: Timestamp) -> Moment {
        Moment::new(now, self.zone, self.max_age)
    }

    /// The names of all backends, sorted.
    pub fn backends(&self) -> Vec<BackendId> {
        let mut names: Vec<_> = self.shards.keys().chain(self.states.iter().map(|s| &s.backend)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().cloned().collect()
    }

    /// The account families of one backend, or of all, in order; `heads` are the lines above them.
    pub fn pieces(&self, of: Option<&str>, heads: &[Arc<Chunk>; FAMILIES]) -> Vec<Arc<Chunk>> {
        let shards: Vec<_> =
            self.shards.iter().filter(|(name, _)| of.is_none_or(|of| of == name.as_str())).collect();
        let of = |family: usize| shards.iter().flat_map(move |(_, shard)| shard.chunks(family));
        under(heads, of)
    }

    /// What WHMCS was told, in order; `heads` are the lines above each family.
    pub fn reported(&self, heads: &reported::Pieces) -> Vec<Arc<Chunk>> {
        let of = |family: usize| self.reported.values().map(move |pieces| &pieces[family]);
        under(heads, |family| of(family).filter(|piece| !piece.text().is_empty()))
    }

    /// How the polls of one backend, or of all, go.
    pub fn states(&self, of: Option<&str>) -> Vec<BackendState> {
        self.states.iter().filter(|s| of.is_none_or(|of| of == s.backend.as_str())).cloned().collect()
    }
}

/// Families under their heads. One without samples is left out altogether.
fn under<'p, P: Iterator<Item = &'p Arc<Chunk>>>(
    heads: &[Arc<Chunk>],
    of: impl Fn(usize) -> P,
) -> Vec<Arc<Chunk>> {
    let mut pieces = Vec::new();
    for (family, head) in heads.iter().enumerate() {
        let mut samples = of(family).peekable();
        if samples.peek().is_some() {
            pieces.push(Arc::clone(head));
            pieces.extend(samples.map(Arc::clone));
        }
    }
    pieces
}

/// The lines above each account family.
pub(super) fn heads(format: Format) -> [Arc<Chunk>; FAMILIES] {
    std::array::from_fn(|family| {
        let mut text = Vec::new();
        render::head(&mut text, family, format);
        Chunk::new(text)
    })
}
