//! What Prometheus scrapes: every account's newest usage, and how whmeter itself is doing.
//!
//! Usage is shown as the store has committed it. This room never asks a panel or a database, and it
//! never shows a number that is older than `max_age`.

mod accept;
mod chunk;
mod format;
mod index;
mod own;
mod render;
mod reported;
mod route;
mod shard;
mod snapshot;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde::Deserialize;

use self::chunk::Chunk;
pub use self::format::{Format, escape, gauge_head};
use self::render::FAMILIES;
pub use self::render::direction;
use self::snapshot::Page;
use crate::domain::{BackendId, BillingZone, Month, Seconds, Timestamp};
use crate::reported::ReportedValue;
use crate::settings::Period;
use crate::standing::Standing;
use crate::store::BackendState;
use crate::telemetry::Telemetry;

/// What the config says about the page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How old a measurement may be and still be shown.
    pub max_age: Period,
}

impl Default for Settings {
    fn default() -> Settings {
        // A day and some hours: a panel that measures once a day may be two hours late.
        Settings { max_age: Period(Duration::from_secs(26 * 3600)) }
    }
}

/// The page, shared by its writer and its readers. Cloned freely.
#[derive(Clone)]
pub struct Exposition {
    inner: Arc<Inner>,
}

struct Inner {
    page: RwLock<Page>,
    /// Whether anybody ever asked for gzip: until then nothing is packed ahead.
    gzip_wanted: AtomicBool,
    heads: [[Arc<Chunk>; FAMILIES]; 2],
    reported_heads: [reported::Pieces; 2],
    telemetry: Telemetry,
}

impl Exposition {
    /// A page with no accounts on it yet. `zone` says which month is the running one.
    pub fn new(settings: Settings, zone: BillingZone, telemetry: Telemetry) -> Exposition {
        let page = RwLock::new(Page::new(Seconds::new(settings.max_age.0.as_secs()), zone));
        let heads = Format::ALL.map(snapshot::heads);
        let reported_heads = Format::ALL.map(reported::heads);
        let inner = Inner { page, gzip_wanted: AtomicBool::new(false), heads, reported_heads, telemetry };
        Exposition { inner: Arc::new(inner) }
    }

    /// Shows what the store has committed of one backend. Takes milliseconds of CPU, up to a hundred
    /// when 100,000 accounts changed: call it where blocking is allowed.
    pub fn update(&self, standing: &Standing, now: Timestamp) {
        let mut page = self.write();
        page.admit(&standing.backend, &standing.kind);
        page.update(Some(standing), now);
    }

    /// Withholds what has become too old and closes a month that is over. Costs nothing when neither
    /// happened; every scrape asks for it too, so nothing depends on how often it is called.
    pub fn tick(&self, now: Timestamp) {
        if self.read().is_due(now) {
            self.write().update(None, now);
        }
    }

    /// Takes a backend off the page, with everything of its accounts.
    pub fn remove(&self, backend: &BackendId) {
        self.write().remove(backend);
    }

    /// Shows how the polls of all backends go, as the store has it: a backend not listed has no line.
    pub fn backends(&self, states: &[BackendState]) {
        self.write().set_states(states);
    }

    /// Shows what was reported to a WHMCS server in `month`, in place of what was shown of it. Blocking, like
    /// [`Exposition::update`].
    pub fn reported(&self, server: i64, month: Month, values: &[ReportedValue], now: Timestamp) {
        let pieces = reported::rendered(server, values);
        self.write().set_reported(server, month, pieces, now);
    }

    /// Packs ahead what changed since, if scrapes ask for gzip at all. A scrape that comes earlier
    /// packs for itself. Takes 0.2 s of CPU when all of 100,000 accounts changed: call it where
    /// blocking is allowed.
    pub fn pack(&self) {
        if self.inner.gzip_wanted.load(Ordering::Relaxed) {
            self.pieces(None, Format::Text).iter().for_each(|piece| {
                piece.packed();
            });
        }
    }

    /// The text of all account series, or of one backend's, as a scrape would get it.
    pub fn text(&self, of: Option<&BackendId>, format: Format) -> Vec<u8> {
        let pieces = self.pieces(of.map(BackendId::as_str), format);
        pieces.iter().flat_map(|piece| piece.plain()).collect()
    }

    fn pieces(&self, of: Option<&str>, format: Format) -> Vec<Arc<Chunk>> {
        self.read().pieces(of, self.heads(format))
    }

    fn reported_heads(&self, format: Format) -> &reported::Pieces {
        match format {
            Format::Text => &self.inner.reported_heads[0],
            Format::OpenMetrics => &self.inner.reported_heads[1],
        }
    }

    fn heads(&self, format: Format) -> &[Arc<Chunk>; FAMILIES] {
        match format {
            Format::Text => &self.inner.heads[0],
            Format::OpenMetrics => &self.inner.heads[1],
        }
    }

    // A panic while holding one of these locks leaves whole pieces behind, which are still true.
    fn read(&self) -> RwLockReadGuard<'_, Page> {
        self.inner.page.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Page> {
        self.inner.page.write().unwrap_or_else(PoisonError::into_inner)
    }
}
