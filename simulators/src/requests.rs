//! How often each method and path was asked, so that a test can prove one call instead of many.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts of the requests to one panel; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    counts: Arc<Mutex<BTreeMap<(String, String), u64>>>,
    at_once: Arc<Mutex<AtOnce>>,
}

/// How many are being answered now, and at most so far.
#[derive(Debug, Default)]
struct AtOnce {
    now: usize,
    most: usize,
}

/// One request that is being answered; it is over when this is dropped.
#[derive(Debug)]
pub struct Answering(Arc<Mutex<AtOnce>>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now -= 1;
    }
}

/// One line of the counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// `GET`, `PUT`, ...
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// How often since the start or the last clearing.
    pub count: u64,
}

impl Requests {
    /// Counts one request, from now until the answer to this is dropped.
    pub fn note(&self, method: &str, path: &str) -> Answering {
        let key = (method.to_owned(), path.to_owned());
        *self.map().entry(key).or_default() += 1;
        let mut at_once = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
        at_once.now += 1;
        at_once.most = at_once.most.max(at_once.now);
        Answering(self.at_once.clone())
    }

    /// The most requests that were ever being answered at the same time.
    pub fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap_or_else(PoisonError::into_inner).most
    }

    /// All counts, by path.
    pub fn all(&self) -> Vec<Asked> {
        let map = self.map();
        let lines = map.iter().map(|((method, path), count)| Asked {
            method: method.clone(),
            path: path.clone(),
            count: *count,
        });
        lines.collect()
    }

    /// How many requests had `text` in their path.
    pub fn count(&self, text: &str) -> u64 {
        let map = self.map();
        let hits = map.iter().filter(|((_, path), _)| path.contains(text));
        hits.map(|(_, count)| count).sum()
    }

    /// Starts counting again.
    pub fn clear(&self) {
        self.map().clear();
    }

    fn map(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
