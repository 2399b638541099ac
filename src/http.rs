//! The one polite HTTP client: time budget, TLS, body limit, retries, pacing, calls in flight.
//!
//! Every panel is asked through it, so that no panel can make whmeter wait for ever, fill its memory
//! or be hammered by it. It never follows a redirect, never keeps a cookie, never uses a proxy from
//! the environment, and never lets a query string, a header or a user name into an error.

mod answer;
mod attempt;
mod call;
mod error;
mod probe;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

pub use answer::{Answer, excerpt};
pub use attempt::Streamed;
pub use call::Call;
pub use error::HttpError;
pub use probe::ProbeStep;
pub use reqwest::{Method, Url};
pub use settings::{HttpSettings, panel_url};

use crate::clock::Clock;
use crate::domain::{Seconds, Timestamp};
use crate::settings::{Section, SettingsError};

/// A streamed answer is never held in memory, so it may be this many times longer than `body_limit`.
const STREAM_FACTOR: u64 = 16;

/// Installs the process-wide TLS provider. Asking twice changes nothing.
pub fn install_tls() {
    // The only error is that one is installed already, by main or by a test before us.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The client of one configured panel. Clones share connections, pacing and calls in flight.
#[derive(Clone)]
pub struct Http {
    shared: Arc<Shared>,
    clock: Clock,
}

struct Shared {
    client: reqwest::Client,
    settings: HttpSettings,
    in_flight: Semaphore,
    /// The earliest moment of the next start, where starts are paced.
    next_start: Mutex<Instant>,
    /// The date of the newest answer that no cache has kept, and when it came.
    dated: std::sync::Mutex<Option<(Timestamp, Instant)>>,
    /// Who has answered since somebody asked: hosts, and whether a cache or proxy has answered for them.
    answered: std::sync::Mutex<BTreeSet<String>>,
}

impl Http {
    /// A client by `settings`; a relative CA file is looked for beside the config file of `section`.
    pub fn new(settings: &HttpSettings, section: &Section) -> Result<Http, SettingsError> {
        install_tls();
        let client = settings::client(settings, section)?;
        let shared = Shared {
            client,
            settings: settings.clone(),
            in_flight: Semaphore::new(settings.max_in_flight.get()),
            next_start: Mutex::new(Instant::now()),
            dated: std::sync::Mutex::default(),
            answered: std::sync::Mutex::default(),
        };
        Ok(Http { shared: Arc::new(shared), clock: Clock::System })
    }

    /// The same client with another idea of what time it is, for signatures and tokens.
    pub fn with_clock(self, clock: Clock) -> Http {
        Http { clock, ..self }
    }

    /// The clock that signatures and tokens are made by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the panel's own clock shows now, by the `Date` of its newest answer (RFC 9110, 6.6.1); answers with an
    /// `Age` came from a cache and say nothing.
    pub fn panel_time(&self) -> Option<Timestamp> {
        let dated = *self.shared.dated.lock().unwrap_or_else(PoisonError::into_inner);
        dated.map(|(date, came)| date.plus(Seconds::new(came.elapsed().as_secs())))
    }

    /// Who has answered since this was asked last, in order: `host:port`, and whether a proxy or a cache says that
    /// it has answered in its place (RFC 9110, 7.6.3; RFC 9111, 5.1).
    pub fn take_answered(&self) -> Vec<String> {
        let mut answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *answered).into_iter().collect()
    }

    /// How many calls may be on their way at once.
    pub fn max_in_flight(&self) -> usize {
        self.shared.settings.max_in_flight.get()
    }

    /// Makes a call and brings home its whole answer, whatever the status, save that a redirect and
    /// a server that stays busy are errors. `build` makes the call anew for every attempt, because a
    /// signature carries the time. Only calls that may be repeated are.
    pub async fn send(
        &self,
        build: impl Fn() -> Result<Call, HttpError> + Send + Sync,
    ) -> Result<Answer, HttpError> {
        let limit = self.shared.settings.body_limit.0;
        self.persist(build, attempt::Whole { limit }).await
    }

    /// Makes a call whose successful answer is read by `read`, on a thread of its own, while it
    /// arrives: for answers too long to be held. What came without success, or as an HTML page, is
    /// brought home as a whole.
    /// Once `read` has begun there is no second attempt.
    pub async fn stream<T: Send + 'static>(
        &self,
        build: impl Fn() -> Result<Call, HttpError> + Send + Sync,
        read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        let settings = &self.shared.settings;
        let opened = self.persist(build, attempt::Opening { limit: settings.body_limit.0 }).await?;
        attempt::pour(opened, settings.body_limit.0.saturating_mul(STREAM_FACTOR), read).await
    }

    /// Tries what every call needs: the name, the port, and TLS where the address asks for it.
    pub async fn probe(&self, url: &Url) -> Vec<ProbeStep> {
        probe::probe(&self.shared.client, url, self.shared.settings.connect_timeout.0).await
    }

    /// Attempts a call until it succeeds, may not be repeated, or its time is up.
    async fn persist<A: attempt::Attempt>(
        &self,
        build: impl Fn() -> Result<Call, HttpError> + Send + Sync,
        way: A,
    ) -> Result<A::Outcome, HttpError> {
        let shared = &self.shared;
        let _permit = shared.in_flight.acquire().await.map_err(|_| HttpError::Closed)?;
        let first = build()?;
        let deadline = Deadline::after(shared.settings.timeout.0.max(first.patience()));
        let mut call = Some(first);
        let mut pauses = shared.pauses();
        loop {
            let next = match call.take() {
                Some(first) => first,
                None => build()?,
            };
            let may_repeat = next.may_repeat();
            shared.pace().await;
            let result = way.attempt(shared, next, deadline).await;
            let Some(trouble) = attempt::trouble(&result) else { return result };
            let pause = match may_repeat.then(|| pauses.next()).flatten() {
                Some(pause) => trouble.retry_after.unwrap_or(pause),
                None => return attempt::give_up(result),
            };
            if pause >= deadline.left() {
                return attempt::give_up(result);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl Shared {
    /// The pauses between attempts: a quarter of a second, doubled each time, with jitter.
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(self.settings.retries as usize)
            .with_jitter()
            .build()
    }

    /// Waits for our turn where the panel may only be asked so often.
    async fn pace(&self) {
        let Some(per_second) = self.settings.requests_per_second else { return };
        let turn = {
            let mut next = self.next_start.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + Duration::from_secs(1) / per_second.get();
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// When the time for a call, all its attempts together, is up.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    budget: Duration,
}

impl Deadline {
    fn after(budget: Duration) -> Deadline {
        Deadline { at: Instant::now() + budget, budget }
    }

    fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}
