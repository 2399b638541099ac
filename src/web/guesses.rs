//! Wrong tokens: answered one after the other and slowly, and logged once a minute.
//!
//! Nobody with a right token waits, and nobody is locked out: behind a proxy all callers have one address.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two answers to wrong tokens.
const PAUSE: Duration = Duration::from_millis(250);

/// So many are answered at once, after a while without any: somebody has mistyped it.
const AT_ONCE: u32 = 20;

/// Nobody waits longer; more than that are refused at once, unheard.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Wrong tokens of late.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// When the next answer would be due if all were answered evenly.
    next: Option<Instant>,
    logged: Option<Instant>,
    not_logged: u64,
}

impl Guesses {
    /// How long the next answer is to wait; `None` where too many wait already.
    pub fn turn(&self) -> Option<Duration> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&self, now: Instant) -> Option<Duration> {
        let mut counted = self.lock();
        let next = counted.next.map_or(now, |next| next.max(now));
        let wait = next.saturating_duration_since(now).saturating_sub(PAUSE * AT_ONCE);
        if wait > LONGEST_WAIT {
            return None;
        }
        counted.next = Some(next + PAUSE);
        Some(wait)
    }

    /// Logs it, unless another was logged within the last minute: then it is counted for the next line.
    pub fn log(&self, peer: Option<SocketAddr>, path: &str) {
        let mut counted = self.lock();
        counted.not_logged += 1;
        let now = Instant::now();
        if counted.logged.is_some_and(|logged| now.duration_since(logged) < LOG_EVERY) {
            return;
        }
        let (requests, path) = (counted.not_logged, crate::http::excerpt(path, 80));
        let from = peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        tracing::warn!(requests, %from, path, "wrong token; at most one such line a minute");
        (counted.logged, counted.not_logged) = (Some(now), 0);
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wrong_tokens_are_answered_at_once_and_many_slowly_until_none_is() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..=AT_ONCE {
            assert_eq!(guesses.turn_at(now), Some(Duration::ZERO));
        }
        let waits: Vec<Duration> = std::iter::from_fn(|| guesses.turn_at(now)).collect();
        assert_eq!(waits.len() as u128, LONGEST_WAIT.as_millis() / PAUSE.as_millis());
        assert!(waits.is_sorted() && waits.last() == Some(&LONGEST_WAIT), "{waits:?}");
        let later = now + LONGEST_WAIT + PAUSE * (AT_ONCE + 1);
        assert_eq!(guesses.turn_at(later), Some(Duration::ZERO), "all is forgiven");
    }
}
