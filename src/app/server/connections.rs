//! How many connections there may be, and which of them makes room for a new one.
//!
//! Descriptors are kept for panels and the database: whoever opens sockets and says nothing can take neither. A
//! connection that nobody is being answered on makes room for the next one, the oldest first, so that silence does not
//! shut others out either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::telemetry::Telemetry;

/// Descriptors kept for panels, the database, files and the rest, where there are enough.
const KEPT: u64 = 256;

/// More connections than this are never wanted.
const MOST: u64 = 4096;

/// The connections there are.
#[derive(Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    most: usize,
    open: Mutex<Open>,
    telemetry: Telemetry,
}

#[derive(Default)]
struct Open {
    newest: u64,
    /// In the order they came.
    all: BTreeMap<u64, Held>,
}

struct Held {
    /// Requests on it that are being answered.
    answering: usize,
    leave: Arc<Notify>,
}

/// One connection, for as long as this is kept.
pub(super) struct Connection {
    number: u64,
    leave: Arc<Notify>,
    connections: Connections,
}

/// A request that is being answered, for as long as this is kept.
pub(super) struct Answering {
    number: u64,
    connections: Connections,
}

impl Connections {
    /// None yet; as many may come as the limit on descriptors allows, which is raised as far as may be.
    pub fn new(telemetry: Telemetry) -> Connections {
        Connections::at_most(most_by(raised_limit()), telemetry)
    }

    fn at_most(most: usize, telemetry: Telemetry) -> Connections {
        Connections { inner: Arc::new(Inner { most, open: Mutex::default(), telemetry }) }
    }

    /// How many there may be.
    pub fn most(&self) -> usize {
        self.inner.most
    }

    /// Takes in a connection; `None` where all others are being answered, so that it must go.
    pub fn admit(&self) -> Option<Connection> {
        let mut open = self.lock();
        if open.all.len() >= self.inner.most {
            self.inner.telemetry.connection_dropped();
            let silent = open.all.iter().find(|(_, held)| held.answering == 0).map(|(number, _)| *number);
            let held = silent.and_then(|number| open.all.remove(&number))?;
            held.leave.notify_one();
        }
        open.newest += 1;
        let (number, leave) = (open.newest, Arc::new(Notify::new()));
        open.all.insert(number, Held { answering: 0, leave: Arc::clone(&leave) });
        Some(Connection { number, leave, connections: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Waits until it has to make room.
    pub async fn has_to_go(&self) {
        self.leave.notified().await;
    }

    /// Its name, for requests that come on it.
    pub fn ticket(&self) -> Ticket {
        Ticket { number: self.number, connections: self.connections.clone() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.lock().all.remove(&self.number);
    }
}

/// A connection by its name.
#[derive(Clone)]
pub(super) struct Ticket {
    number: u64,
    connections: Connections,
}

impl Ticket {
    /// A request has come on it.
    pub fn answering(&self) -> Answering {
        if let Some(held) = self.connections.lock().all.get_mut(&self.number) {
            held.answering += 1;
        }
        Answering { number: self.number, connections: self.connections.clone() }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(held) = self.connections.lock().all.get_mut(&self.number) {
            held.answering -= 1;
        }
    }
}

/// How many connections a limit on descriptors allows.
fn most_by(descriptors: u64) -> usize {
    let kept = KEPT.min(descriptors / 2);
    usize::try_from((descriptors - kept).clamp(1, MOST)).unwrap_or(1)
}

/// The limit on descriptors of this process, raised to what it may raise it to.
fn raised_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!("the limit on open files cannot be raised: {error}");
            limit
        }
    };
    // None: without a limit.
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_for_others_and_some_connections_always_fit() {
        for (descriptors, most) in [(0, 1), (1, 1), (64, 32), (300, 150), (1024, 768), (u64::MAX, 4096)] {
            assert_eq!(most_by(descriptors), most, "{descriptors}");
        }
    }

    #[tokio::test]
    async fn the_oldest_silent_connection_makes_room_and_one_that_is_answered_does_not() {
        let connections = Connections::at_most(2, Telemetry::new());
        let first = connections.admit().expect("room");
        let second = connections.admit().expect("room");
        let answering = first.ticket().answering();
        let third = connections.admit().expect("the second makes room");
        second.has_to_go().await;
        drop(second);
        let _other = third.ticket().answering();
        assert!(connections.admit().is_none(), "both are being answered");
        drop(answering);
        let _fourth = connections.admit().expect("the first makes room");
        first.has_to_go().await;
    }
}
